"""Marts of tests of channels, by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from growth.channels import tested_marts as marts
from tests.channels.test_path_marts import at, line, order, touch
from tests.conftest import frame


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(f"2024-{text}")


@pytest.fixture
def tried(shop: Any) -> Any:
    """Ads tested on customers from 10 to 20 June, radio on regions; c3 is in both arms; `x` is of no channel."""
    drawn = [("c1", "shown"), ("c2", "out"), ("c3", "shown"), ("c3", "out")]
    return shop(
        experiments=[
            dict(experiment_id="e", kind="holdout", unit="customer", starts_on=day("06-10"), ends_on=day("06-20")),
            dict(experiment_id="r", kind="holdout", unit="region", starts_on=day("06-10"), ends_on=day("06-17")),
            dict(experiment_id="x", kind="coupon", unit="customer", starts_on=day("06-10"), ends_on=day("06-20")),
            dict(experiment_id="on", kind="holdout", unit="customer", starts_on=day("06-20"), ends_on=day("07-20")),
        ],
        experiment_arms=[
            dict(experiment_id=e, arm=a, control=a == "out", planned_share=0.5) for e in "erx" for a in ("shown", "out")
        ],
        experiment_scope=[dict(experiment_id="e", channel="ads"), dict(experiment_id="r", channel="radio")],
        assignments=[dict(experiment_id="e", customer_id=c, arm=a) for c, a in drawn]
        + [dict(experiment_id="r", region=g, arm=a) for g, a in (("north", "shown"), ("south", "out"))],
        exposures=[dict(experiment_id="e", customer_id="c1", exposed_at=at("06-11"))],
        campaigns=[
            dict(campaign_id="k", channel="ads", creator_id="w", starts_on=day("06-10"), ends_on=day("06-20"), cost=9)
        ],
        creators=[dict(creator_id="w", name="Wu", followers=10, audience_match=0.5, suspicious=0.1, tone=0.2)],
        visitors=[],
        touches=[
            touch("ads", at("06-12"), "v1", customer_id="c1", campaign_id="k"),
            touch("radio", at("06-12"), "v2", customer_id="c2"),
        ],
        orders=[
            order("before", at("06-05"), customer_id="c1", region="north"),
            order("in", at("06-13"), customer_id="c1", visitor_id="v1", region="north"),
            order("held", at("06-14"), customer_id="c2", region="south"),
            order("after", at("06-21"), customer_id="c2", region="south"),
        ],
        order_lines=[line("before", 7), line("in", 10), line("held", 20), line("after", 5)],
    )  # fmt: skip


def test_tests_of_channels_are_those_that_are_over(tried: Any) -> None:
    found = frame(marts.channel_tests(tried)).set_index("experiment_id")
    assert found.index.tolist() == ["e", "r"]
    assert found.loc["e", ["channel", "held", "held_share", "campaign_id"]].tolist() == [
        "ads",
        "out",
        0.5,
        "k",
    ]


def test_customers_have_what_they_bought_in_the_test_and_before(tried: Any) -> None:
    found = frame(marts.customers_drawn(tried)).set_index("customer_id")
    columns = ["shown", "orders", "revenue", "before", "spent_before", "reached"]
    assert found.loc["c1", columns].tolist() == [1, 1, 10.0, 1, 7.0, 1]
    assert found.loc["c2", columns].tolist() == [0, 1, 20.0, 0, 0.0, 0]
    assert len(found) == 2, "c3 is in both arms"
    assert frame(marts.drawn_twice(tried)).set_index("experiment_id")["two_arms"].to_dict() == {
        "e": 1,
        "r": 0,
    }


def test_credit_is_counted_on_the_orders_of_those_shown(tried: Any) -> None:
    found = frame(marts.tested_paths(tried))
    rows = found[["experiment_id", "shown", "path", "conversions"]].values.tolist()
    assert rows == [["e", 0, "radio", 1], ["e", 1, "ads", 1], ["r", 0, "radio", 1], ["r", 1, "ads", 1]]


def test_the_last_quarter_and_new_customers(tried: Any) -> None:
    quarter = frame(marts.quarter_paths(tried))
    assert quarter["conversions"].sum() == 4 and float(quarter["value"].sum()) == 42.0
    assert quarter.set_index("path").loc["ads", "returning"]
    new = frame(marts.new_customers(tried)).set_index("channel")
    assert new["customers"].to_dict() == {"radio": 1}, "c1 first bought before touches were recorded"


def test_weeks_of_a_region(tried: Any) -> None:
    found = frame(marts.region_weeks(tried)).set_index(["region", "week"])
    assert found.loc[("north", day("06-03")), ["orders", "new"]].tolist() == [1, 1]
    assert found.loc[("south", day("06-17")), ["orders", "new"]].tolist() == [1, 0]


def test_campaigns_have_their_reach_and_what_last_click_claims(tried: Any) -> None:
    row = frame(marts.campaigns(tried)).iloc[0]
    assert row[["name", "cost", "shown", "clicked", "claimed"]].tolist() == ["Wu", 9.0, 1, 1, 1]
