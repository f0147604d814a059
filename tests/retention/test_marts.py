"""Retention marts against pandas, brute force, on a small random shop; nothing is lost."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from growth.retention import marts
from tests.conftest import frame


@pytest.fixture(scope="module")
def rows() -> dict[str, list[dict[str, Any]]]:
    """Sixty customers with up to nine orders in half a year, some guests, some refunds."""
    random = np.random.default_rng(7)
    orders, lines, returns = [], [], []
    for n in range(260):
        at = dt.datetime(2024, 1, 1) + dt.timedelta(hours=int(random.integers(0, 24 * 170)))
        customer = f"c{random.integers(0, 60)}" if random.random() < 0.9 else None
        orders.append(
            dict(order_id=f"o{n}", customer_id=customer, status="delivered", placed_at=at, paid_at=at)
        )
        for _ in range(random.integers(1, 4)):
            lines.append(
                dict(order_id=f"o{n}", product_id="p", quantity=1, amount=int(random.integers(0, 50)))
            )
        if random.random() < 0.1:
            later = at + dt.timedelta(days=5)
            returns.append(
                dict(customer_id=customer, product_id="p", quantity=1, refund=3, requested_at=later)
            )
    returns.append(
        dict(customer_id="never bought", quantity=1, refund=9, requested_at=dt.datetime(2024, 2, 2))
    )
    return dict(orders=orders, order_lines=lines, returns=returns)


def brute(rows: dict[str, list[dict[str, Any]]], period: str) -> pd.DataFrame:
    lines, orders = pd.DataFrame(rows["order_lines"]), pd.DataFrame(rows["orders"])
    bought = lines[lines["amount"] > 0].merge(orders, on="order_id").dropna(subset="customer_id")
    number = bought["placed_at"].dt.to_period({"month": "M", "week": "W-SUN"}[period])
    bought = bought.assign(n=number.map(lambda p: p.ordinal), start=number.dt.start_time.dt.date)
    first = bought.groupby("customer_id").agg(first=("n", "min"), cohort=("start", "min"))
    bought = bought.join(first, on="customer_id")
    bought["age"] = bought["n"] - bought["first"]
    out = bought.groupby(["cohort", "age"]).agg(
        customers=("customer_id", "nunique"), revenue=("amount", "sum")
    )
    return out.reset_index()


@pytest.mark.parametrize("period", ["month", "week"])
def test_counts_equal_brute_force(shop: Any, rows: dict[str, Any], period: str) -> None:
    found = frame(marts.retention_counts(shop(**rows)))
    found = found[found["period"] == period].drop(columns=["period", "squares"]).reset_index(drop=True)
    found["revenue"] = found["revenue"].astype("int64")
    expected = brute(rows, period)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_net_revenue_loses_no_refund(shop: Any, rows: dict[str, Any]) -> None:
    """Gross less net is every refund of a known customer, also of one who never bought."""
    gross = frame(marts.retention_counts(shop(**rows)))
    net = frame(marts.retention_counts(shop(words=dict(revenue="net"), **rows)))
    refunds = [r["refund"] for r in rows["returns"] if r["customer_id"]]
    for period in ("month", "week"):
        difference = (
            gross.loc[gross["period"] == period, "revenue"].sum()
            - net.loc[net["period"] == period, "revenue"].sum()
        )
        assert difference == Decimal(int(np.sum(refunds)))
    nobody = net[net["cohort"].isna()]
    assert list(nobody["revenue"]) == [Decimal(-9)] * 2 and list(nobody["customers"]) == [0, 0]


def test_weeks_may_begin_on_sunday(shop: Any) -> None:
    sunday = dt.datetime(2024, 3, 3, 12)
    one = dict(
        orders=[dict(order_id="o", customer_id="c", status="paid", placed_at=sunday)],
        order_lines=[dict(order_id="o", product_id="p", quantity=1, amount=1)],
    )
    for starts, cohort in (("monday", dt.date(2024, 2, 26)), ("sunday", dt.date(2024, 3, 3))):
        found = frame(marts.retention_counts(shop(words=dict(week_starts=starts), **one)))
        assert found.loc[found["period"] == "week", "cohort"].iloc[0] == cohort


def test_recency_frequency_by_hand(shop: Any) -> None:
    """Two orders on one day are one active day; T runs to as_of (1 July)."""
    days = ["2024-06-01 10:00", "2024-06-01 20:00", "2024-06-11 09:00"]
    orders = [dict(order_id=f"o{i}", customer_id="c", status="paid", placed_at=d) for i, d in enumerate(days)]
    lines = [dict(order_id=f"o{i}", product_id="p", quantity=1, amount=5) for i in range(3)]
    found = frame(marts.recency_frequency(shop(orders=orders, order_lines=lines)))
    assert found.to_dict("records") == [dict(x=1, t_x=10, t=30, customers=1)]
