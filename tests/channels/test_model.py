"""Claims beside tests: credit adds up, claims stand for as many as the test is about, the quarter is scaled by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from growth.channels import model
from growth.stats.contrast import estimate

PARAMS: Any = SimpleNamespace(
    confidence=0.95, rule="linear", half_life=24.0, margin=0.5, weeks_before=10, replicates=20, seed=1
)


def paths(seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    rows = [
        (
            " > ".join(random.choice(["ads", "mail", "direct"], random.integers(1, 4))),
            int(random.integers(0, 3)),
            i % 40,
        )
        for i in range(400)
    ]
    frame = pd.DataFrame(rows, columns=["path", "conversions", "cluster"])
    return frame.assign(value=frame["conversions"] * 2.0, nulls=3)


@pytest.fixture(scope="module")
def found() -> model.Claims:
    return model.claims(paths(), None, PARAMS)


def test_every_rules_shares_add_up_and_have_intervals(found: model.Claims) -> None:
    assert found.table.groupby("rule")["share"].sum().to_numpy() == pytest.approx(1.0)
    assert (found.table["low"] <= found.table["high"]).all() and not found.lacking
    assert set(model.BY_ORDER) | {model.MARKOV, model.TOTAL, model.RATE} == set(found.table["rule"])


def test_credit_of_some_orders_adds_up_to_them(found: model.Claims) -> None:
    some = pd.DataFrame(dict(path=["ads > mail", "mail"], conversions=[3, 1], value=[6.0, 2.0]))
    table = model.credit(some, found)
    assert table.groupby("rule")["orders"].sum().to_numpy() == pytest.approx(4.0)
    linear = table[table["rule"] == "linear"].set_index("channel")["orders"]
    assert linear.to_dict() == pytest.approx({"ads": 1.5, "mail": 2.5})


def customers(n: int, effect: float, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    rows = []
    for test, brings in (("e1", effect), ("e2", 0.0)):
        shown = np.zeros(n, int)
        shown[random.permutation(n)[: n // 2]] = 1
        rows.append(
            pd.DataFrame(dict(experiment_id=test, customer_id=range(n), shown=shown)).assign(brings=brings)
        )
    keen = random.gamma(1.5, 0.6, n)
    both = rows[0]["shown"] * effect
    bought = random.poisson(keen + both)
    before = random.poisson(keen)
    known = dict(orders=bought, revenue=10.0 * bought, before=before, spent_before=10.0 * before)
    return pd.concat([r.assign(**known) for r in rows]).drop(columns="brings")


def test_tests_on_the_same_days_are_one_factorial_and_claims_are_of_all(found: model.Claims) -> None:
    """Half are shown: their claims stand for twice as many, less those on the held out, met before the test."""
    day = pd.Timestamp("2024-06-10")
    tests = pd.DataFrame(
        dict(experiment_id=["e1", "e2"], channel=["ads", "mail"], unit="customer", starts_on=day, ends_on=day,
             held_share=0.5, campaign_id=None)
    )  # fmt: skip
    some = pd.DataFrame(
        dict(experiment_id=["e1", "e1", "e2"], shown=[1, 0, 1], path=["ads", "ads", "mail"], conversions=[30, 4, 8],
             value=1.0)
    )  # fmt: skip
    done, missing = model.measured(tests, customers(4000, 0.3, 2), None, None, some, found, PARAMS)
    assert not missing and [t.channel for t in done] == ["ads", "mail"]
    ads, mail = done
    assert ads.units == 4000 and ads.orders.low < 0.3 * 4000 < ads.orders.high
    assert mail.orders.low < 0 < mail.orders.high
    assert ads.claimed["last"] == pytest.approx(60.0 - 8.0)
    over = ads.over_claim("last")
    assert over is not None and over.value == pytest.approx(52 / ads.orders.value)


def test_a_test_without_orders_says_why(found: model.Claims) -> None:
    day = pd.Timestamp("2024-06-10")
    tests = pd.DataFrame(
        [dict(experiment_id="e1", channel="ads", unit="customer", starts_on=day, ends_on=day, held_share=0.5,
              campaign_id=None)]
    )  # fmt: skip
    done, missing = model.measured(tests, None, None, None, None, found, PARAMS)
    assert not done and missing == {"e1": "what customers bought is not known"}


def test_regions_of_uneven_size_by_hand(found: model.Claims) -> None:
    """Growth of the shown is 1.2, of the held out 1: a fifth of what the shown sold before came of the channel."""
    weeks = pd.date_range("2024-05-06", periods=8, freq="7D")
    size = {"a": 100.0, "b": 10.0, "c": 50.0, "d": 20.0}
    rows = [
        (g, w, s * (1.2 if g in "ab" and w >= weeks[4] else 1.0), 1.0) for g, s in size.items() for w in weeks
    ]
    noise = np.random.default_rng(1).normal(0, 0.01, len(rows))
    frame = pd.DataFrame(rows, columns=["region", "week", "orders", "revenue"])
    frame["orders"] += noise
    frame["revenue"] = frame["new"] = frame["orders"]
    drawn = pd.DataFrame(dict(experiment_id="r", region=list("abcd"), shown=[1, 1, 0, 0]))
    one = dict(
        experiment_id="r",
        channel="radio",
        unit="region",
        starts_on=weeks[4],
        ends_on=weeks[-1] + pd.Timedelta(days=7),
    )
    tests = pd.DataFrame([one | dict(held_share=0.5, campaign_id=None)])
    done, missing = model.measured(tests, None, drawn, frame, None, found, PARAMS)
    assert not missing and done[0].orders.value == pytest.approx(110 * 4 * 0.2, rel=0.01)


def test_the_quarter_is_credit_times_what_the_test_found_an_order_credited_worth(found: model.Claims) -> None:
    """Both are scaled by all that was credited; new customers are told by the test of regions alone."""
    quarter = pd.DataFrame(
        dict(path=["ads", "ads", "radio", "tv"], returning=[True, False, False, True], conversions=[50, 20, 30, 10],
             value=[500.0, 200.0, 300.0, 100.0])
    )  # fmt: skip
    done = [
        model.Tested("e", "ads", "user test", None, 9, estimate(10.0, 1.0, np.inf), None, {"linear": 25.0}),
        model.Tested(
            "r",
            "radio",
            "geo test",
            None,
            9,
            estimate(6.0, 1.0, np.inf),
            None,
            {"linear": 12.0},
            estimate(2.0, 0.5, np.inf),
        ),
    ]
    known = pd.DataFrame(
        dict(channel=["ads", "radio", "tv"], paid=True, spend=[100.0, 50.0, 10.0], value=[40.0, 40.0, 40.0])
    )
    table = model.quarter(quarter, done, known, found, PARAMS).rows.set_index("channel")
    assert table.loc["ads", "orders"] == pytest.approx(70 * 10 / 25)
    assert table.loc["radio", "orders"] == pytest.approx(30 * 6 / 12)
    assert table.loc["radio", "customers"] == pytest.approx(30 * 2 / 12) and np.isnan(
        table.loc["ads", "customers"]
    )
    assert table.loc["ads", "credit"] == 70 and table.loc["tv", "source"] == "allocated, not measured"
    assert table.loc["radio", "revenue"] == pytest.approx(15 * 10.0)


def test_what_is_known_of_channels() -> None:
    """A campaign of 20 days, 10 of them in the quarter: half its cost. Spend outside the quarter is not in it."""
    spend = pd.DataFrame(dict(channel=["ads", "ads"], date=["2024-06-01", "2023-01-01"], cost=[5.0, 99.0]))
    campaigns = pd.DataFrame(dict(starts_on=["2024-06-21"], ends_on=["2024-07-11"], cost=[80.0]))
    customers = pd.DataFrame(dict(channel=["ads"], followed=[4], revenue=[200.0]))
    found = model.costs(spend, campaigns, None, customers, "2024-07-01", PARAMS).set_index("channel")
    assert found["spend"].to_dict() == {"ads": 5.0, "creator": 40.0} and found["paid"].all()
    assert found.loc["ads", "value"] == 200 / 4 * 0.5
