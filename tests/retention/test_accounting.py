"""Growth accounting and stickiness against brute force, by hand, and against published numbers."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from growth.retention import accounting, marts
from growth.retention.model import Calendar
from tests.conftest import frame
from tests.retention.test_marts import rows  # noqa: F401  (a fixture)

MONTHS = Calendar("month", dt.date(2024, 7, 1))


def active_sets(shop_rows: dict[str, Any], period: str) -> dict[int, set[str]]:
    """Customers active in each period, as plain sets."""
    lines, orders = pd.DataFrame(shop_rows["order_lines"]), pd.DataFrame(shop_rows["orders"])
    bought = lines[lines["amount"] > 0].merge(orders, on="order_id").dropna(subset="customer_id")
    number = (
        bought["placed_at"].dt.to_period({"month": "M", "week": "W-SUN"}[period]).map(lambda p: p.ordinal)
    )
    return {int(n): set(g) for n, g in bought.groupby(number)["customer_id"]}


@pytest.mark.parametrize("period", ["month", "week"])
def test_states_equal_brute_force(shop: Any, rows: dict[str, Any], period: str) -> None:  # noqa: F811
    found = frame(marts.growth_accounting(shop(**rows))).query("period == @period").sort_values("start")
    sets = active_sets(rows, period)
    seen: set[str] = set()
    expected = []
    for n in range(min(sets), max(sets) + 1):
        now, before = sets.get(n, set()), sets.get(n - 1, set())
        states = (len(now - seen), len(now & before), len((now & seen) - before), len(before - now))
        expected.append(states)
        seen |= now
    mine = [tuple(r) for r in found[["new", "retained", "resurrected", "churned"]].to_numpy()]
    assert mine[: len(expected)] == expected
    book = accounting.ledger(found, Calendar(period, dt.date(2024, 7, 1)))
    active = book["active"].to_numpy()
    moved = book["new"] + book["resurrected"] - book["churned"]
    assert (active[1:] == active[:-1] + moved.to_numpy()[1:]).all(), "the identity of the accounts"


def test_a_period_that_is_not_over_and_the_first_have_no_ratio() -> None:
    starts = [dt.date(2024, m, 1) for m in (4, 5, 6, 7)]
    counts = pd.DataFrame(dict(start=starts, new=[9, 3, 4, 1], retained=[0, 5, 4, 1], resurrected=[0, 0, 2, 0],
                               churned=[0, 4, 4, 8]))  # fmt: skip
    book = accounting.ledger(counts, Calendar("month", dt.date(2024, 7, 9)))
    assert list(book["why_empty"]) == [accounting.NOTHING_BEFORE, "", "", accounting.NOT_OVER]
    assert list(book["quick_ratio"].dropna()) == [0.75, 1.5]
    assert book["low"].iloc[1] == pytest.approx(0.75 * np.exp(-1.959964 * np.sqrt(1 / 3 + 1 / 4)), rel=1e-6)
    none = accounting.ledger(counts.assign(churned=0), Calendar("month", dt.date(2024, 7, 9)))
    assert none["quick_ratio"].isna().all() and none["why_empty"].iloc[1] == accounting.NOBODY_LEFT


def test_days_active_by_hand(shop: Any) -> None:
    """Two orders on one day are one day; DAU / MAU is the mean share of days, clustered by customer."""
    days = [("a", "2024-06-01"), ("a", "2024-06-01"), ("a", "2024-06-11"), ("b", "2024-06-30")]
    orders = [
        dict(order_id=f"o{i}", customer_id=c, status="paid", placed_at=d) for i, (c, d) in enumerate(days)
    ]
    lines = [dict(order_id=f"o{i}", product_id="p", quantity=1, amount=5) for i in range(4)]
    found = frame(marts.days_active(shop(orders=orders, order_lines=lines))).query("period == 'month'")
    assert found[["days", "customers"]].to_dict("records") == [
        dict(days=1, customers=1),
        dict(days=2, customers=1),
    ]
    (stick,) = accounting.stickiness(found, MONTHS).to_dict("records")
    assert stick["daily"] == pytest.approx(3 / 30) and stick["stickiness"] == pytest.approx(1.5 / 30)
    assert stick["high"] - stick["stickiness"] == pytest.approx(1.959964 * np.sqrt(0.5 / 2) / 30, rel=1e-6)
