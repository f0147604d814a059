"""What else a price can do, against closed forms and brute force."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from growth.price import levers
from growth.price.profit import lerner, normal_draws
from growth.price.promotion import Split
from growth.price.recommend import Guards, Other, Product, Reason, price_list
from growth.stats.contrast import Ratio, estimate

FREE = Guards(margin=0.0, step=0.6, sure=0.8)
TEA = Product("tea", 10.0, 100.0, 6.0, normal_draws(-2.5, 1e-9, levers.DRAWS), (4.0, 16.0))


def split(depth: float, error: float = 1e-9) -> Split:
    return Split(estimate(-2.0, 0.1, 50), estimate(depth, error, 50), 500, {}, "")


def borrowed(share: float) -> Ratio:
    return Ratio(share, share, share, "bounded", 0.01, 0.95)


def test_the_depth_is_lerners_at_cost_plus_what_later_weeks_lose() -> None:
    found = levers.depths([TEA], split(-4.0), borrowed(0.25), FREE, 0.5, 0.0).iloc[0]
    best = lerner(-4.0, 6.0 + 0.25 * 4.0)
    assert found["best"] == pytest.approx(1 - float(best) / 10, abs=1e-6)
    assert found["depth"] == found["best"] > 0
    gain = 100 * ((best / 10) ** -4 * (best - 7.0) - (10 - 7.0))
    assert found["gain"] == pytest.approx(float(gain), rel=1e-6)


def test_what_a_cut_takes_from_neighbours_is_in_its_depth() -> None:
    alone = levers.depths([TEA], split(-4.0), borrowed(0.0), FREE, 0.5, 0.0).iloc[0]
    beside = replace(TEA, others=[Other(300.0, 0.5)])
    assert levers.depths([beside], split(-4.0), borrowed(0.0), FREE, 0.5, 0.0).iloc[0]["best"] < alone["best"]


def test_a_share_that_cannot_be_told_is_assumed() -> None:
    told = levers.depths([TEA], split(-4.0), borrowed(0.25), FREE, 0.5, 0.9)
    assert levers.depths([TEA], split(-4.0), None, FREE, 0.5, 0.25).equals(told)


def segments(public: float, gold: float, error: float = 0.1) -> pd.DataFrame:
    z = 1.959963984540054
    rows = [("member", "none", public), ("member", "gold", gold), ("city", "tier 1", -9.0)]
    return pd.DataFrame(
        [(k, n, e, e - z * error, e + z * error) for k, n, e in rows],
        columns=["kind", "level", "elasticity", "low", "high"],
    )


UNITS = pd.DataFrame(dict(kind="member", level=["none", "none", "gold"], units=[40, 20, 20]))


def test_members_are_told_from_the_tier_that_buys_most() -> None:
    found = levers.sides(segments(-2.0, -3.5), UNITS)
    assert (found.public, found.share) == ("none", 0.25)
    assert found.difference == pytest.approx(-1.5) and found.error == pytest.approx(0.1 * np.sqrt(2))
    with pytest.raises(ValueError, match="fewer than two tiers"):
        levers.sides(segments(-2.0, -3.5).iloc[:1], UNITS)


def test_two_prices_are_each_groups_own_and_worth_what_brute_force_says() -> None:
    """Members -3.625, the public -2.125 (mean -2.5 at a quarter of units): Lerner's prices, and a fine grid for one."""
    found = levers.two_prices([TEA], levers.Sides("none", -1.5, 1e-9, 0.25), FREE).iloc[0]
    own, inside = -2.5 + 0.25 * 1.5, -2.5 - 0.75 * 1.5
    assert found["public"] == pytest.approx(float(lerner(own, 6.0)), rel=1e-6)
    assert found["members"] == pytest.approx(float(lerner(inside, 6.0)), rel=1e-6)
    grid = np.linspace(6, 16, 200_001)

    def both(p: np.ndarray, m: np.ndarray) -> np.ndarray:
        return 75 * (p / 10) ** own * (p - 6) + 25 * (m / 10) ** inside * (m - 6)

    single = grid[both(grid, grid).argmax()]
    assert found["single"] == pytest.approx(single, abs=1e-4)
    two = both(np.array(found["public"]), np.array(found["members"]))
    assert found["gain"] == pytest.approx(float(two - both(single, single)), rel=1e-5)


def test_members_who_answer_less_pay_the_same() -> None:
    found = levers.two_prices([TEA], levers.Sides("none", 1.5, 1e-9, 0.25), FREE).iloc[0]
    assert found["public"] == found["members"] == found["single"] and found["gain"] == 0


def test_an_excess_is_cleared_for_more_than_todays_price_brings() -> None:
    """One week, one unit a week: by hand. Money is the price less fee and handling, of a unit that is sold."""
    tea = replace(TEA, units=1.0, fee=0.1)
    stock = pd.DataFrame(dict(product_id=["tea", "salt"], closing=[31, 99]))
    params = SimpleNamespace(deepest=0.4, handling=0.5)
    table, paths = levers.cleared([tea], stock, params)
    row = table.iloc[0]
    assert (row["excess"], row["today"]) == (31 - 26, 10.0)
    assert row["kept"] <= row["fixed"] <= row["expected"] <= 5 * 8.5
    sold = np.minimum(np.random.default_rng(1).poisson(13.0, 400_000), 5).mean()
    assert row["kept"] == pytest.approx(sold * (9.0 - 0.5), rel=2e-3), (
        "13 weeks of one unit, at most 5 to sell"
    )
    none, _ = levers.cleared([tea], stock.assign(closing=20), params)
    assert none.empty


def test_a_test_is_planned_where_a_gain_is_not_sure() -> None:
    """Units of a customer are 0, 1 or 2: their variation by hand. Only the open case is in the table."""
    vague = replace(TEA, name="open", elasticity=normal_draws(-2.5, 1.2, levers.DRAWS), price=11.0)
    sure = replace(TEA, name="sure", price=13.0)
    table = price_list([vague, sure], replace(FREE, step=0.1, sure=0.95))
    assert table.set_index("name")["reason"]["open"] == str(Reason.UNCERTAIN)
    buyers = pd.DataFrame(dict(product_id=["open", "sure"], customers=100, units=[30, 9], squares=[50, 9]))
    found = levers.tests_needed([vague, sure], table, buyers)
    assert found["product"].tolist() == ["open"]
    row = found.iloc[0]
    units = np.r_[np.zeros(80), np.ones(10), np.full(10, 2)]  # 30 units, 50 squares
    variation = units.std() / units.mean()
    x = abs(np.log(row["new"] / 11.0))
    even = row["breakeven"]
    distance = abs((np.asarray(vague.elasticity) - even).mean())
    needed = 4 * (variation * (1.6448536 + 0.8416212) / (distance * x)) ** 2
    assert row["customers"] == pytest.approx(np.ceil(needed), rel=1e-4)
    assert row["share"] == row["customers"] / 100


def test_what_neighbours_gain_is_in_the_break_even() -> None:
    """A rise that loses by itself gains with what the others get: by brute force over a grid of own elasticities."""
    from growth.price.trial import _breakevens

    beside = replace(TEA, others=[Other(200.0, 0.5)])
    even = _breakevens(beside, 11.0)
    e = np.linspace(-6.0, -0.5, 200_001)
    gain = 100 * ((1.1**e) * 5.0 - 4.0) + 200 * (1.1**0.5 - 1)
    assert even[0] == pytest.approx(float(e[np.abs(gain).argmin()]), abs=1e-4)
