"""Marts of ``04_price`` by hand and against pandas."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from growth.price import marts
from growth.price.assortment import turnover
from tests.conftest import frame

MONDAY = dt.date(2024, 6, 3)


def at(day: str) -> dt.datetime:
    return dt.datetime.fromisoformat(f"2024-{day} 10:00")


def order(name: str, day: str, **more: Any) -> dict[str, Any]:
    return dict(order_id=name, customer_id="c", status="paid", placed_at=at(day), paid_at=at(day)) | more


def line(name: str, quantity: int, amount: float, product: str = "p") -> dict[str, Any]:
    return dict(order_id=name, product_id=product, quantity=quantity, amount=amount)


def test_a_week_by_hand(shop: Any) -> None:
    """The week of 3 June: three lines; prices, cost, competitors, stock of these days; none is sold the week after."""
    prices = [
        dict(product_id="p", price_list="standard", date=dt.date(2024, 6, d), list_price=10, price=8 if d < 5 else 10,
             promotion_id="x" if d < 5 else None)
        for d in range(3, 17)
    ]  # fmt: skip
    prices += [p | dict(price_list="members", price=5) for p in prices[:3]]
    prices.append(prices[0] | dict(region="north", price=1))
    found = frame(
        marts.panel(
            shop(
                orders=[order("a", "06-03"), order("b", "06-04"), order("c", "06-09"), order("d", "06-30")],
                order_lines=[line("a", 1, 8), line("b", 10, 60), line("c", 2, 20), line("d", 9, 9)],
                prices=prices,
                product_costs=[
                    dict(product_id="p", unit_cost=c, valid_from=dt.date(2024, m, 1)) for m, c in ((1, 4), (6, 5))
                ],
                competitor_prices=[
                    dict(product_id="p", date=MONDAY, competitor=c, price=v) for c, v in (("x", 9), ("y", 11))
                ],
                inventory=[dict(product_id="p", date=dt.date(2024, 6, 5), opening=3, closing=0, hours_out=6)],
            )
        )
    )  # fmt: skip
    assert list(found["week"]) == [MONDAY, dt.date(2024, 6, 10), dt.date(2024, 6, 24)]
    one, two = found.iloc[0], found.iloc[1]
    assert (one["units"], float(one["revenue"]), one["lines"], one["line_price"]) == (13, 88.0, 3, 8.0)
    assert (one["days"], one["list_price"], one["promoted"]) == (7, 10.0, 2)
    assert one["price"] == pytest.approx((2 * 8 + 5 * 10) / 7)
    assert (one["unit_cost"], one["rival"], one["hours_out"]) == (5.0, 9.0, 6)
    assert (two["units"], float(two["revenue"]), two["days"]) == (0, 0.0, 7), "on sale, and nothing sold"


def test_a_shop_without_prices_costs_and_stock_has_what_it_sold(shop: Any) -> None:
    found = frame(marts.panel(shop(orders=[order("a", "06-03")], order_lines=[line("a", 2, 9)])))
    assert (found["units"].iloc[0], found["line_price"].iloc[0]) == (2, 4.5)
    assert found[["days", "price", "unit_cost", "rival", "hours_out"]].isna().all(axis=None)


def test_units_of_a_lot_are_those_of_its_region_product_and_days(shop: Any) -> None:
    lots = [
        dict(
            test_id="t",
            product_id="p",
            region=r,
            starts_on=dt.date(2024, 6, 3),
            ends_on=dt.date(2024, 6, 10),
            factor=f,
        )
        for r, f in (("north", 0.9), ("south", 1.1))
    ]
    orders = [
        order("a", "06-03", region="north"),
        order("b", "06-09", region="north"),
        order("c", "06-10", region="north"),
    ]
    found = frame(
        marts.price_tests(
            shop(
                price_tests=lots, orders=orders,
                order_lines=[line(o, 3, 9) for o in "abc"] + [line("a", 5, 9, "other")],
            )
        )
    ).set_index("region")  # fmt: skip
    assert dict(found["units"]) == {"north": 6, "south": 0}


def test_who_tried_a_new_product_and_bought_it_again(shop: Any) -> None:
    """p is launched on 1 February. c1 tries and repeats, c2 tries on two lines of a day, c3 buys something else."""
    bought = [
        ("c0", "01-05", "q"), ("c1", "02-10", "p"), ("c1", "03-01", "p"), ("c2", "02-20", "p"), ("c3", "03-01", "q"),
        ("c4", "04-20", "p"),
    ]  # fmt: skip
    orders = [order(f"o{k}", d, customer_id=c) for k, (c, d, _) in enumerate(bought)]
    lines = [line(f"o{k}", 1, 5, p) for k, (_, _, p) in enumerate(bought)] + [line("o3", 1, 5, "p")]
    products = [
        dict(product_id="p", launched_on=dt.date(2024, 2, 1)),
        dict(product_id="q", launched_on=dt.date(2020, 1, 1)),
    ]
    found = frame(marts.trials(shop(orders=orders, order_lines=lines, products=products)))
    assert list(found["product_id"]) == ["p"], "q was there before the data"
    row = found.iloc[0]
    assert (row["had_chance"], row["tried"], row["could_repeat"], row["repeated"]) == (3, 2, 2, 1)


def test_deliveries_and_stock_by_hand(shop: Any) -> None:
    day = dt.date(2024, 6, 1)
    orders = [
        dict(purchase_order_id=str(k), product_id="p", supplier_id="s", ordered_on=day,
             promised_on=day + dt.timedelta(5),
             received_on=None if wait is None else day + dt.timedelta(wait), quantity=10)
        for k, wait in enumerate((4, 8, None))
    ]  # fmt: skip
    row = frame(marts.deliveries(shop(purchase_orders=orders))).iloc[0]
    assert (row["orders"], row["quantity"], row["lead"], row["late"], row["coming"]) == (2, 30, 6.0, 1.0, 10)
    assert row["lead_deviation"] == pytest.approx(np.std([4, 8], ddof=1))
    days = [
        dict(product_id="p", date=dt.date(2024, 6, d), opening=10 - d, received=0, closing=9 - d, hours_out=0)
        for d in (1, 2)
    ]
    row = frame(
        marts.stock(shop(inventory=days, orders=[order("a", "06-01")], order_lines=[line("a", 2, 9)]))
    ).iloc[0]  # fmt: skip
    assert (row["opening"], row["closing"], row["average"], row["units"], row["days"]) == (9, 7, 7.5, 2, 2)
    assert pd.isna(row["unit_cost"])


def counted(product: str, days: list[dt.date]) -> list[dict[str, Any]]:
    return [dict(product_id=product, date=d, opening=30, received=0, closing=30, hours_out=0) for d in days]


def test_a_stock_counted_once_a_week_was_watched_for_weeks(shop: Any) -> None:
    """One unit a day is sold of 30: 12 turns a year, whether stock is counted each day, week or month."""
    last = dt.date(2024, 6, 30)  # as_of is the day after
    every = [last - dt.timedelta(days=n) for n in range(91)][::-1]
    orders = [order(f"o{k}", f"{d:%m-%d}") for k, d in enumerate(every)]
    lines = [line(f"o{k}", 1, 5, p) for k in range(91) for p in ("daily", "weekly", "monthly", "new")]
    inventory = (
        counted("daily", every) + counted("weekly", every[::7]) + counted("monthly", [every[k] for k in (0, 30, 60)])
        + counted("new", every[-3:-2])
    )  # fmt: skip
    found = frame(marts.stock(shop(inventory=inventory, orders=orders, order_lines=lines))).set_index(
        "product_id"
    )
    assert found["days"].to_dict() == {"daily": 91, "weekly": 91, "monthly": 90, "new": 1}
    assert (found["units"] == found["days"]).all()
    turns = turnover(found.reset_index().rename(columns={"product_id": "product"}).assign(cost=1.0))["turns"]
    assert turns.to_numpy() == pytest.approx(365 / 30)
    once = frame(
        marts.stock(shop(inventory=counted("daily", every[40:41]), orders=orders, order_lines=lines))
    )
    assert once[["days", "units"]].to_numpy().tolist() == [[91, 91]], "one count: the quarter's sales"


def test_segments_add_up_to_what_known_customers_bought(shop: Any) -> None:
    orders = [
        order("a", "06-03"),
        order("b", "06-04", customer_id="d"),
        order("g", "06-04", customer_id=None),
    ]
    lines = [line("a", 2, 9), line("b", 3, 9), line("g", 5, 9)]
    people = [dict(customer_id="c", region="north"), dict(customer_id="d", region="south")]
    regions = [dict(region="north", tier="tier 1"), dict(region="south", tier="tier 2")]
    members = [dict(customer_id="c", program="club", tier="gold", valid_from=at("01-01"), valid_to=None)]
    found = frame(
        marts.by_segment(shop(orders=orders, order_lines=lines, customers=people, regions=regions, memberships=members))
    )  # fmt: skip
    units = {(r["kind"], r["level"]): r["units"] for _, r in found.iterrows()}
    assert units == {
        ("city", "tier 1"): 2,
        ("city", "tier 2"): 3,
        ("member", "gold"): 2,
        ("member", "none"): 3,
    }


def juice(shop: Any, everywhere: bool = False) -> Any:
    """Two stores that ask different prices of one product for a week, the north on promotion; and two orders."""
    asked = [
        dict(product_id="p", region=r, date=MONDAY, price=v, promotion_id=x)
        for r, v, x in (("north", 8, "cut"), ("south", 11, None), ("west", 11, None))
    ]
    return shop(
        orders=[
            order("a", "06-03", region="north"),
            order("b", "06-04", region="south"),
            order("c", "06-05"),
        ],
        order_lines=[line("a", 4, 32), line("b", 1, 11), line("c", 1, 10)],
        prices=asked + [dict(product_id="p", date=MONDAY, price=10)] * everywhere,
        regions=[dict(region=r, tier=t) for r, t in (("north", "poor"), ("south", "rich"), ("west", "rich"))],
    )


def test_prices_by_store_make_a_panel_by_store_and_their_mean_the_price_of_all(shop: Any) -> None:
    tables = juice(shop)
    cells = frame(marts.panel_regions(tables)).sort_values("region").set_index("region")
    assert cells[["units", "price", "promoted", "tier"]].astype(object).to_numpy().tolist() == [
        [4, 8.0, 1, "poor"],
        [1, 11.0, 0, "rich"],
        [0, 11.0, 0, "rich"],
    ]
    one = frame(marts.panel(tables)).iloc[0]
    assert (one["units"], one["price"], one["promoted"], one["days"]) == (6, 10.0, 0, 1)


def test_a_price_that_holds_everywhere_needs_no_panel_by_region(shop: Any) -> None:
    """The row for the north alone is a test or an exception: the list for everyone is the price."""
    tables = juice(shop, everywhere=True)
    assert frame(marts.panel_regions(tables)).empty
    assert frame(marts.panel(tables))["price"].tolist() == [10.0]


def test_how_units_spread_over_customers(shop: Any) -> None:
    """In the last 91 days one customer takes 2 + 1 of p, another 1, a third something else; a guest does not count."""
    last = [("a", "01", "x", 2), ("b", "02", "x", 1), ("c", "03", "y", 1), ("e", "05", None, 7)]
    tables = shop(
        orders=[order(o, f"06-{d}", customer_id=who) for o, d, who, _ in last]
        + [order("d", "06-04", customer_id="z"), order("f", "01-01", customer_id="old")],
        order_lines=[line(o, q, 5) for o, _, _, q in last] + [line("d", 9, 5, "q"), line("f", 9, 5)],
        customers=[dict(customer_id=c) for c in "xyz"],
    )
    found = frame(marts.buyers(tables)).set_index("product_id")
    assert found.loc["p", ["customers", "units", "squares"]].tolist() == [3, 4, 10]


def test_a_burst_of_one_region_is_set_aside_and_counted(shop: Any) -> None:
    """Eight orders of p from a city that has a tenth of all: the rest of the week's p, and their q, stay."""
    usual = [(f"u{i}", "north") for i in range(60)]
    ring = [(f"r{i}", "south") for i in range(8)]
    orders = [order(o, "06-04", region=r) for o, r in (*usual, *ring)]
    lines = [line(o, 1, 5, "p" if i < 4 else "q") for i, (o, _) in enumerate(usual)]
    lines += [line(o, 2, 10) for o, _ in ring]
    found = frame(marts.panel(shop(orders=orders, order_lines=lines))).set_index("product_id")
    assert found.loc["p", ["units", "aside"]].tolist() == [4, 16]
    assert found.loc["q", ["units", "aside"]].tolist() == [56, 0]
    few = frame(marts.panel(shop(orders=orders[:-1], order_lines=lines[:-1]))).set_index("product_id")
    assert few.loc["p", ["units", "aside"]].tolist() == [4 + 14, 0], "seven orders are no burst"


def test_a_week_of_nothing_but_a_burst_is_a_week_without_a_sale(shop: Any) -> None:
    orders = [order(f"u{i}", "06-04", region="north") for i in range(60)]
    orders += [order(f"r{i}", "06-04", region="south") for i in range(8)]
    lines = [line(f"u{i}", 1, 5, "q") for i in range(60)] + [line(f"r{i}", 2, 10) for i in range(8)]
    found = frame(marts.panel(shop(orders=orders, order_lines=lines))).set_index("product_id")
    assert found.loc["p", ["units", "aside"]].tolist() == [0, 16] and np.isnan(found.loc["p", "line_price"])
