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


def test_l28_equals_brute_force_and_a_customer_is_one_unit(shop: Any, rows: dict[str, Any]) -> None:  # noqa: F811
    found = frame(marts.last_28_days(shop(**rows)))
    lines, orders = pd.DataFrame(rows["order_lines"]), pd.DataFrame(rows["orders"])
    bought = lines[lines["amount"] > 0].merge(orders, on="order_id").dropna(subset="customer_id")
    bought["date"] = bought["placed_at"].dt.normalize()
    days = bought[["customer_id", "date"]].drop_duplicates()
    as_of = dt.date(2024, 7, 1)
    table = accounting.habit(found, as_of).set_index("at")
    assert len(table) >= 3
    for at, row in table.iterrows():
        before = (pd.Timestamp(str(at)) - days["date"]).dt.days
        own = days[(before >= 1) & (before <= 28)].groupby("customer_id").size()
        week = days[(before >= 1) & (before <= 7)]["customer_id"].nunique()
        assert (row["monthly"], row["weekly"]) == (len(own), week)
        assert row["days"] == pytest.approx(own.mean()) and row["once"] == pytest.approx((own == 1).mean())
        half = 1.959964 * own.std(ddof=1) / np.sqrt(len(own))
        assert row["days_high"] == pytest.approx(own.mean() + half, rel=1e-6)
        assert row["daily"] == pytest.approx(own.sum() / 28)


def test_spans_that_are_not_over_or_begin_before_the_data_are_left_out() -> None:
    starts = [dt.date(2024, m, 1) for m in (5, 6, 7)]
    spans = pd.DataFrame(dict(at=starts, days=[1, 2, 1], days_7=[0, 1, 0], customers=[5, 6, 7]))
    assert list(accounting.habit(spans, dt.date(2024, 6, 15))["at"]) == [dt.date(2024, 6, 1)]
    assert accounting.habit(spans.iloc[:1], dt.date(2024, 6, 15)).empty
