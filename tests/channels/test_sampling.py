"""Intervals of shares: against a formula, published ones, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from growth.channels import markov, rules, sampling, shapley
from growth.channels.paths import RefusedError, from_table
from tests.channels.hand import public, table

SHOP = table(("a", 400, 800.0, 300), ("b", 600, 600.0, 200), ("a > b", 50, 10.0, 100))


def test_a_share_of_independent_paths_has_the_binomial_error() -> None:
    """First touch of 1,050 conversions, 450 of a: the error of the share is sqrt(p (1 - p) / n)."""
    own = sampling.intervals(SHOP, rules.plan_first(SHOP), seed=1, replicates=2000)
    p = 450 / 1050
    half = 1.96 * np.sqrt(p * (1 - p) / 1050)
    assert own.share[0] == pytest.approx(p)
    assert (own.high[0] - own.low[0]) / 2 == pytest.approx(half, rel=0.06)
    assert own.carries == "sampling only, bias not included"
    assert own.unit == "occurrences of a path"


def test_people_who_come_together_widen_it() -> None:
    """40 groups of 25 equal conversions: the error is that of 40, not of 1,000."""
    random = np.random.default_rng(2)
    frame = pd.DataFrame(
        dict(path=random.permutation(["a", "b"] * 20), conversions=25, nulls=25, cluster=np.arange(40))
    )
    own = from_table(frame)
    grouped = sampling.intervals(own, rules.plan_last(own), seed=1, replicates=2000)
    half = 1.96 * np.sqrt(0.25 / 40)
    assert (grouped.high[0] - grouped.low[0]) / 2 == pytest.approx(half, rel=0.1)
    assert grouped.unit == "groups of people"


def test_every_method_has_intervals_and_two_runs_are_equal() -> None:
    for plan in (
        rules.plan_linear(SHOP),
        markov.plan(SHOP, 2),
        shapley.plan_total(SHOP),
        shapley.plan_rate(SHOP),
    ):
        own = sampling.intervals(SHOP, plan, seed=3, replicates=100)
        again = sampling.intervals(SHOP, plan, seed=3, replicates=100)
        assert (
            own.low.tobytes() == again.low.tobytes()
            and own.value_high.tobytes() == again.value_high.tobytes()
        )
        assert ((own.low <= own.share) & (own.share <= own.high)).all()
        assert list(own.table()["channel"]) == ["a", "b"]


def test_refusals() -> None:
    with pytest.raises(RefusedError, match="replicates"):
        sampling.intervals(SHOP, rules.plan_first(SHOP), seed=1, replicates=5)
    few = table(("a", 1, 1.0, 5))
    with pytest.raises(RefusedError, match="so few conversions"):
        sampling.intervals(few, rules.plan_first(few), seed=1)
    groups = from_table(pd.DataFrame(dict(path=["a"] * 5, conversions=5, cluster=range(5))))
    with pytest.raises(RefusedError, match="at least 30 groups"):
        sampling.intervals(groups, rules.plan_first(groups), seed=1)


def test_the_public_table(datasets: Path) -> None:
    """Published intervals of order 1, from other draws: ends agree to a few parts in ten thousand."""
    own = public(datasets)
    found = sampling.intervals(own, markov.plan(own), seed=1).table().set_index("channel")
    published = dict(
        alpha=(0.2673, 0.2732), eta=(0.1663, 0.1712), zeta=(0.0185, 0.0202), mi=(0.00003, 0.00016)
    )
    for channel, (low, high) in published.items():
        room = 0.25 * (high - low)
        assert found.loc[channel, "low"] == pytest.approx(low, abs=room)
        assert found.loc[channel, "high"] == pytest.approx(high, abs=room)
