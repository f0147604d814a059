"""Tables of price and stock: competitors' prices, price tests, suppliers, orders to them, what is on the shelf."""

from __future__ import annotations

from growth.contract.core import PRODUCT, REGION
from growth.contract.spec import Column as C
from growth.contract.spec import Table

STOCK = (
    Table(
        "competitor_prices",
        "price and stock",
        "What a competitor asked for a product on a day.",
        (
            PRODUCT,
            C("date", "date", "the day it was seen; it holds until it is seen again", True),
            C("competitor", "label", "the competitor", True),
            C("price", "money", "as asked", True, low=0),
        ),
        key=("product_id", "date", "competitor"),
    ),
    Table(
        "price_tests",
        "price and stock",
        "A product's price moved by lot in a region for some days. What was asked then is in `prices`.",
        (
            C("test_id", "id", "the test", True),
            PRODUCT,
            REGION,
            C("starts_on", "date", "first day", True),
            C("ends_on", "date", "first day after it", True),
            C("factor", "number", "drawn factor on the price; 1: left as it is", True, low=0.01, high=100),
        ),
        key=("test_id", "product_id", "region", "starts_on"),
        sequence=(("starts_on", "ends_on"),),
    ),
    Table(
        "suppliers",
        "price and stock",
        "Who delivers to the shop.",
        (
            C("supplier_id", "id", "the supplier", True),
            C("name", "text", "its name"),
        ),
        key=("supplier_id",),
    ),
    Table(
        "purchase_orders",
        "price and stock",
        "An order of a product to a supplier.",
        (
            C("purchase_order_id", "id", "the order", True),
            PRODUCT,
            C("supplier_id", "id", "the supplier", refers="suppliers.supplier_id"),
            C("ordered_on", "date", "ordered", True),
            C("promised_on", "date", "promised for"),
            C("received_on", "date", "received; null: not yet"),
            C("quantity", "int", "units", True, low=1),
        ),
        key=("purchase_order_id",),
        sequence=(("ordered_on", "promised_on"), ("ordered_on", "received_on")),
    ),
    Table(
        "inventory",
        "price and stock",
        "The stock of a product on a day: opening + received - sold - written off = closing.",
        (
            PRODUCT,
            C("date", "date", "the day", True),
            C("opening", "int", "units in the morning", low=0),
            C("received", "int", "units that came in", low=0),
            C("written_off", "int", "units that left without being sold: broken, missing, for show", low=0),
            C("closing", "int", "units in the evening", low=0),
            C("hours_out", "int", "hours of the day on which none was there to be sold", low=0, high=24),
        ),
        key=("product_id", "date"),
    ),
)
