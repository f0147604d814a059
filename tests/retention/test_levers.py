"""Levers that were not drawn by lot: what is seen is adjusted away, what is hidden is not believed."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from growth.retention import levers

AT = [dt.date(2024, 7, 1), dt.date(2024, 10, 1)]


def customers(seed: int, hidden: float = 0.0, effect: float = 0.0, n: int = 12_000) -> pd.DataFrame:
    """Members follow channel and city; by `hidden` also a liking that buys too. Who joins later is of the same kind."""
    random = np.random.default_rng(seed)
    channel, city = random.choice(["ads", "direct", "search"], n), random.choice(["tier 1", "tier 3"], n)
    liking = random.normal(0, 1, n)
    base = 0.3 * (channel == "direct") - 0.2 * (channel == "ads") + 0.2 * (city == "tier 1")
    p = 1 / (1 + np.exp(-(-0.5 + 2 * base + hidden * liking)))
    u = random.random(n)
    member, soon = u < p, (u >= p) & (u < 1.3 * p)
    buys = np.clip(0.3 + 0.3 * base + 0.1 * hidden * liking, 0.02, 0.98)
    return pd.DataFrame(
        dict(customer_id=[f"c{i}" for i in range(n)], at=AT[0], channel=channel, city=city, tier=None,
             tenure=random.integers(92, 700, n), recency=30, bought=2, spent=50.0, bought_182=1,
             bought_91=(random.random(n) < buys).astype(int),
             again=(random.random(n) < buys + effect * member).astype(float),
             points=member, community=member, community_soon=soon)
    )  # fmt: skip


def test_what_is_seen_is_adjusted_away() -> None:
    found = levers.lever(customers(1), "points")
    assert found.found.naive.low > 0 and found.found.value.low < 0 < found.found.value.high
    assert found.verdict == levers.NOTHING and found.placebo is None


def test_a_true_effect_is_recovered_and_may_hold() -> None:
    found = levers.lever(customers(2, effect=0.2), "community")
    assert found.found.value.low < 0.2 < found.found.value.high
    assert found.placebo is not None and found.placebo.low < 0 < found.placebo.high
    assert (found.verdict, len(found.reasons)) == (levers.HOLDS, 1)
    s = found.found.sensitivity
    assert s.times > 1
    assert found.reasons[0].startswith(
        f"unless a hidden confounder is {s.times:.1f} times as strong as {s.strongest}"
    )
    assert found.found.ratio_low > 1 and found.found.evalue > found.found.evalue_sure > 1


def test_what_is_hidden_is_not_believed() -> None:
    found = levers.lever(customers(3, hidden=0.8), "community")
    assert found.found.value.low > 0, "adjustment cannot know"
    assert found.verdict == levers.BIASED
    assert found.placebo is not None and found.placebo.low > 0
    assert any("differed already before" in r for r in found.reasons)
    assert any("hidden confounder that explains" in r for r in found.reasons)


def test_without_a_check_on_the_past_what_is_hidden_is_called_fragile() -> None:
    found = levers.lever(customers(3, hidden=0.8).drop(columns="community_soon"), "community")
    assert (found.verdict, found.placebo) == (levers.FRAGILE, None)


def test_those_whom_nobody_is_like_are_not_compared_but_counted() -> None:
    rows = customers(7, effect=0.2)
    alone = rows.index < 80
    rows = rows.assign(channel=rows["channel"].mask(alone, "affiliates"), points=rows["points"] | alone)
    assert levers.lever(rows, "points").left_out == 80


def test_the_check_on_the_past_looks_at_every_quarter_and_counts_a_customer_once() -> None:
    """The same customers twice tell no more than once: the error stays, where rows on their own would halve it."""
    rows = customers(8)
    once, twice = (
        levers.lever(x, "community").placebo for x in (rows, pd.concat([rows, rows.assign(at=AT[1])]))
    )
    assert once is not None and twice is not None
    assert twice.value == pytest.approx(once.value, abs=1e-9) and twice.error == pytest.approx(
        once.error, rel=1e-3
    )


def test_unknown_rows_are_counted_and_missing_tables_are_said() -> None:
    rows = customers(4)
    rows.loc[:99, "channel"] = None
    found, refused = levers.levers(rows.assign(community=None, community_soon=None))
    assert [x.name for x in found] == ["points"] and found[0].left_out == 100
    assert refused == {"community": "no table says who is in it", "tier": "no table says who is in it"}
    table = levers.table(found)
    assert table["members"].iloc[0] + table["others"].iloc[0] == len(rows) - 100


def test_only_the_last_whole_quarter_is_looked_at() -> None:
    rows = customers(5)
    newer = rows.assign(at=AT[1], again=None, points=~rows["points"])
    both = pd.concat([rows, newer], ignore_index=True)
    assert levers.lever(both, "points").found.value == levers.lever(rows, "points").found.value


def test_few_members_are_refused() -> None:
    rows = customers(6).assign(points=lambda r: r.index < 10)
    with pytest.raises(ValueError, match="too few to adjust"):
        levers.lever(rows, "points")
