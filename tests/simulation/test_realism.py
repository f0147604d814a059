"""It looks like life: the ranges that the issue asks for, at the default size."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.simulation.bookkeeping import asked
from tests.simulation.conftest import Platform


@pytest.fixture(scope="module")
def orders(default: Platform) -> pd.DataFrame:
    o = default.frame("orders").dropna(subset=["customer_id"])
    return o.assign(month=(o["placed_at"] + pd.Timedelta(hours=8)).dt.to_period("M"))


def test_sizes_are_as_promised(default: Platform) -> None:
    n = default.stated
    assert abs(n["count: customers"] / 12_000 - 1) < 0.05, "60,000: see test_default_size.py"
    assert n["count: sessions"] <= 400_000 and n["count: events"] <= 1_500_000


def test_about_three_in_five_buyers_buy_again(orders: pd.DataFrame) -> None:
    counts = orders.groupby("customer_id").size()
    assert 0.60 <= (counts > 1).mean() <= 0.65


def test_retention_of_cohorts_falls_smoothly(orders: pd.DataFrame) -> None:
    """Share of the customers who bought first 18 months or more ago that buy in the k-th month after."""
    active = orders[["customer_id", "month"]].drop_duplicates()
    first = active.groupby("customer_id")["month"].transform("min")
    age = (active["month"] - first).map(lambda d: d.n)
    old = first <= pd.Period("2024-06", "M")
    size = active[old & (age == 0)].shape[0]
    share = np.array([(age[old] == k).sum() for k in range(1, 16)]) / size
    assert 0.15 <= share[0] <= 0.35
    assert share[:3].mean() > share[3:6].mean() > share[6:9].mean() > share[12:15].mean() > 0.03
    # Seasons move a month by a few points (one cohort's months are spread over all calendar months).
    assert np.abs(np.diff(share)).max() < 0.045


def test_spend_has_a_heavy_tail(default: Platform, orders: pd.DataFrame) -> None:
    lines = default.frame("order_lines").merge(orders[["order_id", "customer_id"]], on="order_id")
    spend = lines["amount"].astype(float).groupby(lines["customer_id"]).sum().sort_values()
    top = spend.iloc[-len(spend) // 10 :].sum() / spend.sum()
    assert 0.35 < top < 0.7 and spend.mean() > 1.6 * spend.median()


def test_baskets_and_prices(default: Platform) -> None:
    lines = default.frame("order_lines")
    assert 1.5 <= len(lines) / default.stated["count: orders"] <= 3
    price = default.frame("prices")["price"].astype(float)
    assert price.min() >= 8 and 1_000 < price.max() <= 2_000
    assert 0 < (lines["discount"] > 0).mean() < 0.5


def test_the_funnel_narrows(default: Platform) -> None:
    events = default.frame("events")["type"].value_counts()
    sessions = default.frame("sessions")
    assert 0.02 <= default.stated["count: orders"] / len(sessions) <= 0.06
    assert events["view"] > events["cart"] > events["checkout"] > events["purchase"] > 0
    assert events["purchase"] == default.stated["count: orders"]
    assert events["sign_up"] == default.stated["count: customers"]


def test_every_step_of_a_visit_lies_inside_it(default: Platform) -> None:
    s = default.frame("sessions").set_index("session_id")
    e = default.frame("events")
    begin = e["session_id"].map(s["started_at"])
    end = begin + pd.to_timedelta(e["session_id"].map(s["seconds"]), unit="s")
    assert (e["at"] >= begin).all() and (e["at"] <= end).all()


def test_products_are_seen_and_sold_from_their_launch_on(default: Platform) -> None:
    launch = pd.to_datetime(default.frame("products").set_index("product_id")["launched_on"]) - pd.Timedelta(
        hours=8
    )
    seen = default.frame("events").dropna(subset=["product_id"])
    assert (seen["at"] >= seen["product_id"].map(launch)).all()
    costs = pd.to_datetime(default.frame("product_costs").groupby("product_id")["valid_from"].min())
    prices = pd.to_datetime(default.frame("prices").groupby("product_id")["date"].min())
    assert (costs == prices).all(), "a cost for every day with a price"


def test_hours_and_weekdays_have_their_shape(default: Platform) -> None:
    local = default.frame("sessions")["started_at"] + pd.Timedelta(hours=8)
    hours = local.dt.hour.value_counts(normalize=True).sort_index()
    assert hours.idxmax() in (20, 21) and hours[3] < 0.01 < hours[12]
    weekdays = local.dt.day_of_week.value_counts(normalize=True).sort_index()
    assert weekdays[5:].mean() > weekdays[:5].mean()


def test_order_lines_carry_the_price_of_their_day(default: Platform) -> None:
    lines = default.frame("order_lines")
    # The price of the day on which the visit began: a visit over midnight keeps what it was shown.
    began = default.frame("sessions").set_index("session_id")["started_at"]
    moment = ("s" + lines["order_id"].str[1:]).map(began)
    lines = lines.assign(date=(moment + pd.Timedelta(hours=8)).dt.date)
    both = asked(default.frame, lines)
    assert len(both) == len(lines)
    paid, listed = both["price"] * both["quantity"], both["list_price"] * both["quantity"]
    assert (both["amount"] + both["discount"] == listed).all()
    tried = both["promotion_id"].isin(default.frame("experiments")["promotion_id"].dropna())
    assert (both["amount"] == paid)[~tried].all() and (both["amount"] < paid)[tried].all()
    assert (both["promotion_id"].fillna("") == both["promotion"].fillna(""))[~tried].all()
    assert 0 < tried.mean() < 0.1
