"""A unit that is given an arm anew by period (stores × weeks) is a unit in each, with the days of that period alone."""

from __future__ import annotations

import datetime as dt
from typing import Any

from growth.promotions import marts
from tests.conftest import frame

PLACED = [
    ("x", 1),
    ("x", 8),
    ("x", 9),
    ("y", 2),
    ("y", 9),
    ("x", 20),
    ("x", 2),
]  # the 20th lies after the end


def test_a_switchback_is_analysed_by_region_and_week(shop: Any) -> None:
    orders = [
        dict(order_id=f"o{i}", customer_id="c", region=r, status="paid", placed_at=f"2024-06-{d:02d} 10:00")
        for i, (r, d) in enumerate(PLACED)
    ]
    lines = [
        dict(order_id=f"o{i}", product_id="p", quantity=1, amount=10 * (i + 1)) for i in range(len(PLACED))
    ]
    given = [
        dict(experiment_id="sw", region=r, period=dt.date(2024, 6, day), arm=arm)
        for r, day, arm in (("x", 1, "a"), ("x", 8, "b"), ("y", 1, "b"), ("y", 8, "a"))
    ]
    test = dict(
        experiment_id="sw", unit="region", starts_on=dt.date(2024, 6, 1), ends_on=dt.date(2024, 6, 15)
    )
    tables = shop(orders=orders, order_lines=lines, experiments=[test], assignments=given)
    found = frame(marts.unit_totals(tables))[["unit", "arm", "during_orders", "during_revenue"]]
    rows = {
        r["unit"]: (r["arm"], int(r["during_orders"]), int(r["during_revenue"]))
        for r in found.to_dict("records")
    }
    assert rows == {
        "x from 2024-06-01": ("a", 2, 80), "x from 2024-06-08": ("b", 2, 50),
        "y from 2024-06-01": ("b", 1, 40), "y from 2024-06-08": ("a", 1, 50),
    }  # fmt: skip
    checks = frame(marts.checks(tables))
    assert list(checks["units"]) == [2, 2] and list(checks["twice"]) == [0, 0]
