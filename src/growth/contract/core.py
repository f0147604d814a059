"""The core tables: people, catalogue, trade."""

from __future__ import annotations

from growth.contract.spec import Column as C
from growth.contract.spec import Table

CUSTOMER = C("customer_id", "id", "the customer", refers="customers.customer_id", personal=True)
VISITOR = C("visitor_id", "id", "the visitor (one device)", refers="visitors.visitor_id", personal=True)
REGION = C("region", "label", "the region", refers="regions.region")
PRODUCT = C("product_id", "id", "the product", True, refers="products.product_id")
ORDER_STATUS = ("placed", "paid", "shipped", "delivered", "cancelled")
EVENT_TYPES = ("view", "search", "cart", "checkout", "purchase", "share", "sign_up")

PEOPLE = (
    Table(
        "customers",
        "people",
        "A person who signed up or bought under a name.",
        (
            C("customer_id", "id", "the customer", True, personal=True),
            C("signed_up_at", "time", "sign-up"),
            C("acquisition_channel", "label", "channel that brought the customer"),
            REGION,
            C("birth_year", "int", "year of birth", low=1900, high=2025),
            C("gender", "label", "as stated", allowed=("f", "m", "x")),
            C("occupation", "label", "as stated"),
        ),
        key=("customer_id",),
        clock="signed_up_at",
    ),
    Table(
        "visitors",
        "people",
        "A device that came by, linked to a customer from a moment on.",
        (
            C("visitor_id", "id", "the visitor", True, personal=True),
            C("device", "label", "phone, tablet or desktop"),
            CUSTOMER,
            C("valid_from", "time", "first seen"),
            C("valid_to", "time", "no longer used after; null: still used"),
        ),
        key=("visitor_id", "valid_from"),
        clock="valid_from",
        sequence=(("valid_from", "valid_to"),),
    ),
    Table(
        "memberships",
        "people",
        "A customer's tier in a program, from-to: history, so that nothing leaks from the future.",
        (
            C("customer_id", "id", "the customer", True, refers="customers.customer_id", personal=True),
            C("program", "label", "the program", True),
            C("tier", "label", "the tier", True),
            C("valid_from", "time", "from", True),
            C("valid_to", "time", "until; null: still"),
        ),
        key=("customer_id", "program", "valid_from"),
        clock="valid_from",
        sequence=(("valid_from", "valid_to"),),
    ),
    Table(
        "consents",
        "people",
        "What a customer allowed, and when it was withdrawn.",
        (
            C("customer_id", "id", "the customer", True, refers="customers.customer_id", personal=True),
            C("purpose", "label", "marketing, analytics, …", True),
            C("given_at", "time", "given", True),
            C("withdrawn_at", "time", "withdrawn; null: still given"),
        ),
        key=("customer_id", "purpose", "given_at"),
        clock="given_at",
        sequence=(("given_at", "withdrawn_at"),),
    ),
    Table(
        "regions",
        "people",
        "A region and its size.",
        (
            C("region", "label", "the region", True),
            C("tier", "label", "city tier"),
            C("population", "int", "people who live there", low=0),
        ),
        key=("region",),
    ),
)

CATALOGUE = (
    Table(
        "products",
        "catalogue",
        "A product that can be bought.",
        (
            C("product_id", "id", "the product", True),
            C("name", "text", "as shown to buyers"),
            C("category", "label", "the category"),
            C("brand", "label", "the brand"),
            C("seller_id", "id", "who sells it; null: the shop itself"),
            C("launched_on", "date", "first day on sale"),
            C("delisted_on", "date", "first day on which it is no longer sold; null: still sold"),
        ),
        key=("product_id",),
    ),
    Table(
        "product_costs",
        "catalogue",
        "What a unit costs the shop, from a day on.",
        (
            PRODUCT,
            C("unit_cost", "money", "cost a unit", True, low=0),
            C("valid_from", "date", "from", True),
        ),
        key=("product_id", "valid_from"),
    ),
    Table(
        "prices",
        "catalogue",
        "The price of a product on a day, by price list and region. A row without a region holds wherever there is no "
        "row for the region.",
        (
            PRODUCT,
            C("price_list", "label", "everyone, members, …"),
            REGION,
            C("date", "date", "the day", True),
            C("list_price", "money", "before any reduction", low=0),
            C("price", "money", "as offered", True, low=0),
            C("promotion_id", "id", "the promotion behind the price"),
        ),
        key=("product_id", "price_list", "region", "date"),
    ),
)

TRADE = (
    Table(
        "sessions",
        "trade",
        "A visit.",
        (
            C("session_id", "id", "the visit", True, personal=True),
            C("visitor_id", "id", "the visitor", True, refers="visitors.visitor_id", personal=True),
            C("started_at", "time", "start", True),
            REGION,
            C("device", "label", "phone, tablet or desktop"),
            C("landing", "label", "kind of the first page"),
            C("channel", "label", "channel that brought the visit"),
            C("campaign", "label", "campaign that brought the visit"),
            C("pages", "int", "pages seen", low=0, high=10_000),
            C("seconds", "int", "length in seconds", low=0, high=86_400),
            C("load_ms", "int", "load time of the first page, milliseconds", low=0, high=600_000),
            C("bot", "bool", "known to be a machine"),
        ),
        key=("session_id",),
        clock="started_at",
    ),
    Table(
        "events",
        "trade",
        "Something done during a visit.",
        (
            C(
                "session_id",
                "id",
                "the visit",
                True,
                refers="sessions.session_id",
                orphan="refuse",
                personal=True,
            ),
            C("at", "time", "when", True),
            C("type", "label", "what was done", True, allowed=EVENT_TYPES),
            C("product_id", "id", "the product looked at or taken", refers="products.product_id"),
            C("query", "text", "what was searched for"),
            C("results", "int", "number of results found", low=0),
        ),
        clock="at",
    ),
    Table(
        "orders",
        "trade",
        "An order. A guest's order has no customer.",
        (
            C("order_id", "id", "the order", True, personal=True),
            CUSTOMER,
            VISITOR,
            REGION,
            C("status", "label", "how far it got", True, allowed=ORDER_STATUS),
            C("channel", "label", "where it was placed"),
            C("placed_at", "time", "placed", True),
            C("paid_at", "time", "paid"),
            C("shipped_at", "time", "shipped"),
            C("promised_at", "time", "promised for"),
            C("delivered_at", "time", "delivered"),
            C("shipping_cost", "money", "paid by the buyer for shipping", low=0),
            C("fulfilment_cost", "money", "cost to the shop of picking and shipping", low=0),
            C("payment_fee", "money", "fee of the payment provider", low=0),
            C("currency", "label", "currency of every amount of the order"),
        ),
        key=("order_id",),
        clock="placed_at",
        sequence=(("placed_at", "paid_at"), ("placed_at", "shipped_at"), ("shipped_at", "delivered_at")),
        doubtful={"guest": "the order has no customer"},
    ),
    Table(
        "order_lines",
        "trade",
        "A product on an order.",
        (
            C("order_id", "id", "the order", True, refers="orders.order_id", orphan="refuse", personal=True),
            C("ordinal", "int", "number of the line on its order", low=1),
            PRODUCT,
            C("quantity", "int", "units", True, low=1, high=1_000_000),
            C("amount", "money", "price paid for the whole line, after discounts", True, low=0),
            C("discount", "money", "already taken off the whole line", low=0),
            C("promotion_id", "id", "the promotion behind the discount"),
            C("description", "text", "the line's own text"),
        ),
        key=("order_id", "ordinal"),
        doubtful={"free": "the amount is 0"},
    ),
    Table(
        "returns",
        "trade",
        "Something sent back, or a line cancelled after the sale. Not every shop knows of which order.",
        (
            C("order_id", "id", "the order, where known", refers="orders.order_id", personal=True),
            C("ordinal", "int", "the line of the order, where known", low=1),
            CUSTOMER,
            C("product_id", "id", "the product", refers="products.product_id"),
            C("quantity", "int", "units", True, low=1, high=1_000_000),
            C("refund", "money", "amount paid back", True, low=0),
            C("requested_at", "time", "requested", True),
            C("picked_up_at", "time", "picked up"),
            C("refunded_at", "time", "paid back"),
            C("reason", "label", "as stated"),
            C("currency", "label", "currency of the refund"),
        ),
        clock="requested_at",
        sequence=(("requested_at", "picked_up_at"), ("requested_at", "refunded_at")),
    ),
    Table(
        "fx",
        "trade",
        "What a unit of a currency is worth in the dataset's currency, on a day.",
        (
            C("currency", "label", "the currency", True),
            C("date", "date", "the day", True),
            C("rate", "number", "units of the dataset's currency", True, low=0),
        ),
        key=("currency", "date"),
    ),
)
