"""Recommended prices against closed forms, a fine grid, and the best price of a known truth."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Any

import numpy as np
import pytest

from growth.price.discount import discount
from growth.price.members import members_price
from growth.price.profit import Profit, lerner, normal_draws, peaks
from growth.price.recommend import Guards, Other, Product, Reason, bounds, price_list, recommend

FREE = Guards(step=99.0)
TEA = Product("tea", 8.0, 100.0, 6.0, np.full(4, -2.5), (1.0, 100.0))
UNSURE = normal_draws(-2.5, 0.3, 400)


def brute(product: Product, low: float, high: float) -> float:
    """The best of a hundred thousand prices, by the definition of expected profit."""
    prices = np.linspace(low, high, 100_001)
    total = np.zeros(len(prices))
    for k, e in enumerate(np.asarray(product.elasticity)):
        units = np.minimum(product.units * (prices / product.price) ** e, product.stock)
        total += units * (prices * (1 - product.fee) - float(product.cost or 0))
        for other in product.others:
            x = np.broadcast_to(other.elasticity, np.shape(product.elasticity))[k]
            total += other.profit * (prices / product.price) ** x
    return float(prices[total.argmax()])


def test_the_closed_form_is_exact() -> None:
    found = recommend(TEA, FREE)
    assert found.price == pytest.approx(10.0, abs=1e-10) and found.reason is Reason.RAISE
    assert found.low == pytest.approx(10.0, abs=1e-10) and found.high == pytest.approx(10.0, abs=1e-10)
    expected = 100 * (1.25**-2.5 * 4 - 2)
    assert found.gain == pytest.approx((expected,) * 3) and found.probability == 1 and found.regret == 0
    assert recommend(replace(TEA, price=13.0), FREE).reason is Reason.LOWER
    assert recommend(replace(TEA, price=10.0), FREE).reason is Reason.KEEP
    with_fee = recommend(replace(TEA, fee=0.2), FREE)
    assert with_fee.price == pytest.approx(12.5, abs=1e-10)


def test_lerner_and_its_limit() -> None:
    assert lerner(-2.5, 6.0) == pytest.approx(10.0, abs=1e-12)
    assert lerner([-1.0, -0.5, 0.3], 6.0).tolist() == [inf, inf, inf]


@pytest.mark.parametrize("e", [-1.0, -0.6])
def test_without_an_interior_optimum_the_price_is_bounded_and_it_is_said(e: float) -> None:
    found = recommend(replace(TEA, elasticity=np.full(4, e)))
    assert found.reason is Reason.INELASTIC
    assert found.price == pytest.approx(8.8) and "bounded by the step" in found.sentence


def test_it_is_said_where_todays_price_is_at_the_bound() -> None:
    found = recommend(replace(TEA, elasticity=np.full(4, -0.6), observed=(5.0, 8.0)))
    assert (found.reason, found.price) == (Reason.INELASTIC, 8.0)
    assert "bounded by the observed range; that is today's." in found.sentence


def test_the_price_maximises_the_mean_over_draws() -> None:
    wide = replace(TEA, elasticity=normal_draws(-2.2, 0.6, 60), fee=0.05, observed=(5.0, 40.0))
    best = recommend(wide, replace(FREE, sure=0.0)).best
    assert best == pytest.approx(brute(wide, 5, 40), abs=4e-4)
    assert best is not None and abs(best - lerner(-2.2, 6.0, 0.05)) > 0.1  # not that of the mean elasticity


def test_other_products_pull_the_price() -> None:
    cannibal = Other(150.0, np.linspace(0.2, 0.6, 60))
    complement = Other(90.0, -0.5)
    case = replace(
        TEA, elasticity=normal_draws(-2.6, 0.2, 60), others=(cannibal, complement), observed=(4.0, 30.0)
    )
    found = recommend(case, replace(FREE, sure=0.0))
    assert found.best == pytest.approx(brute(case, 4, 30), abs=3e-4)
    alone = recommend(replace(case, others=(cannibal,)), replace(FREE, sure=0.0)).best
    assert alone and found.best and alone > found.best


def test_the_interval_is_of_each_draws_own_price() -> None:
    found = recommend(replace(TEA, elasticity=UNSURE), FREE)
    own = lerner(UNSURE, 6.0)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(own, [0.025, 0.975])), rel=1e-9)


def test_probability_and_regret_are_as_defined() -> None:
    case = replace(TEA, elasticity=normal_draws(-3.0, 0.5, 200), price=8.6)
    found = recommend(case, FREE)

    def profit(price: Any) -> Any:
        return 100 * (price / 8.6) ** case.elasticity * (price - 6)

    assert found.probability == pytest.approx((profit(found.best) > profit(8.6)).mean())
    own = np.clip(lerner(case.elasticity, 6.0), 1, 100)  # type: ignore[arg-type]
    assert found.regret == pytest.approx((profit(own) - profit(found.price)).mean(), rel=1e-6)


def test_an_uncertain_gain_keeps_the_price() -> None:
    vague = replace(TEA, elasticity=normal_draws(-3.2, 1.2, 400), price=9.0)
    found = recommend(vague)
    assert found.reason is Reason.UNCERTAIN and found.price == 9.0 and found.best != 9.0
    assert found.probability and found.probability < 0.9 and "price test" in found.sentence


@pytest.mark.parametrize(
    ("change", "guards", "price", "reason"),
    [
        ({}, Guards(), 8.8, Reason.STEP),
        (dict(observed=(7.0, 8.5)), Guards(), 8.5, Reason.RANGE),
        (dict(observed=(7.0, 8.5)), Guards(beyond=0.02), 8.67, Reason.RANGE),
        (dict(competitor=8.0), Guards(index=(0.9, 1.05)), 8.4, Reason.COMPETITOR),
        (dict(price=16.0, observed=(7.0, 20.0)), Guards(margin=0.5, step=0.9), 12.0, Reason.MARGIN),
        (dict(price=12.0, stock=20.0), FREE, 12 * 5**0.4, Reason.STOCK),
        (dict(price=7.0), Guards(margin=0.2), 7.7, Reason.STEP),
        (dict(price=13.0), Guards(), 11.7, Reason.STEP),
        (
            dict(price=16.0, fee=0.1, elasticity=np.full(4, -9.0)),
            Guards(margin=0.3, step=0.9),
            10.0,
            Reason.MARGIN,
        ),
        (dict(price=13.0, competitor=13.0), Guards(index=(0.95, 1.2)), 12.35, Reason.COMPETITOR),
        (dict(price=13.0, observed=(12.8, 15.0)), Guards(), 12.8, Reason.RANGE),
    ],
)
def test_each_guard_binds_and_says_so(
    change: dict[str, Any], guards: Guards, price: float, reason: Reason
) -> None:
    found = recommend(replace(TEA, **change), guards)
    assert (found.price, found.reason) == (pytest.approx(price, rel=1e-9), reason)
    assert found.sentence.endswith(".")


def test_a_guard_that_today_breaks_moves_the_price_even_where_that_costs() -> None:
    found = recommend(replace(TEA, price=7.0, elasticity=np.full(4, -8.0)), Guards(margin=0.2))
    assert found.reason is Reason.MARGIN and found.price == pytest.approx(7.5)
    assert found.gain and found.gain[0] < 0


def test_stock_is_sold_at_the_price_that_clears_it() -> None:
    case = replace(TEA, elasticity=normal_draws(-2.5, 0.4, 60), stock=40.0)
    found = recommend(case, FREE)
    assert found.reason is Reason.STOCK
    assert found.best == pytest.approx(brute(case, 8, 20), abs=2e-4)


def test_guards_that_contradict_are_named() -> None:
    found = recommend(replace(TEA, price=6.3), Guards(margin=0.3))
    assert found.reason is Reason.CONFLICT and found.price == 6.3 and found.best is None
    assert "8.57 (bounded by the margin floor)" in found.sentence
    impossible = recommend(replace(TEA, fee=0.2), Guards(margin=0.9))
    assert impossible.reason is Reason.CONFLICT


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        (dict(cost=None), Reason.COST_UNKNOWN, "not known"),
        (dict(cost=8.5), Reason.COST_ABOVE_PRICE, "loses 0.50"),
        (dict(fee=0.3), Reason.COST_ABOVE_PRICE, "loses 0.40"),
        (dict(elasticity=None, why="two weeks only"), Reason.NOT_IDENTIFIED, "two weeks only"),
        (dict(observed=(8.0, 8.0)), Reason.NOT_IDENTIFIED, "only price ever charged"),
        (dict(elasticity=np.array([0.5, 0.2])), Reason.NOT_IDENTIFIED, "does not fall"),
        (dict(units=0.0), Reason.NOT_IDENTIFIED, "nothing was sold"),
    ],
)
def test_what_is_not_known_is_named_not_guessed(change: dict[str, Any], reason: Reason, words: str) -> None:
    found = recommend(replace(TEA, **change), Guards())
    assert (found.reason, found.price, found.best, found.gain) == (reason, TEA.price, None, None)
    assert words in found.sentence


def test_a_price_list_loses_no_product() -> None:
    table = price_list(
        [TEA, replace(TEA, name="no cost", cost=None), replace(TEA, name="one", observed=(8, 8))]
    )
    assert table["name"].tolist() == ["tea", "no cost", "one"]
    assert table["best"].notna().tolist() == [True, False, False] and table["price"].notna().all()
    with pytest.raises(ValueError, match="twice"):
        price_list([TEA, TEA])


def test_members_get_their_own_lerner_price() -> None:
    public = replace(TEA, elasticity=np.full(4, -2.0), price=9.0)
    keen = replace(TEA, elasticity=np.full(4, -4.0), price=9.0, units=60.0)
    found = members_price(public, keen, FREE)
    assert (found.public, found.members) == pytest.approx((12.0, 8.0), abs=1e-10)

    def profit(p: Any, e: float, units: float) -> Any:
        return units * (p / 9) ** e * (p - 6)

    grid = np.linspace(8, 12, 400_001)
    one = profit(grid, -2, 100) + profit(grid, -4, 60)
    assert found.single == pytest.approx(grid[one.argmax()], abs=2e-5)
    assert found.gain[0] == pytest.approx(profit(12, -2, 100) + profit(8, -4, 60) - one.max(), rel=1e-8)


def test_members_never_pay_more() -> None:
    found = members_price(
        replace(TEA, elasticity=np.full(4, -4.0)), replace(TEA, elasticity=np.full(4, -2.0)), FREE
    )
    assert found.public == found.members == found.single and found.gain == (0, 0, 0)
    assert "one price for all" in found.sentence


def test_a_discount_counts_what_it_borrows() -> None:
    """By brute force, week by week: the lift now, the same units missing later."""
    case = replace(TEA, price=12.0, elasticity=np.full(4, -4.0))
    grid = np.linspace(0, 0.5, 50_001)
    for borrowed in (0.0, 0.155, 0.6):
        extra = 100 * ((1 - grid) ** -4.0 - 1)
        gain = (100 + extra) * (12 * (1 - grid) - 6) - 600 - borrowed * extra * 6
        found = discount(case, borrowed, spend=10.0)
        assert found.best == pytest.approx(grid[gain.argmax()], abs=2e-5)
        if found.depth:
            assert found.gain[0] == pytest.approx(gain.max() - 10, rel=1e-6)
    assert discount(case, 0.0).depth == pytest.approx(1 / 3, abs=1e-9)  # Lerner's 8 of 12
    none = discount(case, 0.6)
    assert none.depth == 0 and "No cut" in none.sentence


def test_a_discount_keeps_to_what_was_ever_charged_and_pays_its_way() -> None:
    case = replace(TEA, price=12.0, elasticity=np.full(4, -4.0), observed=(10.8, 13.0))
    assert discount(case, 0.0).depth == pytest.approx(0.1)
    dear = discount(case, 0.0, spend=1e6)
    assert dear.depth == 0 and dear.probability == 0 and dear.regret == 0
    unsure = discount(replace(case, elasticity=normal_draws(-2.6, 0.8, 200)), 0.1)
    assert unsure.depth == 0 and 0 < unsure.probability < 0.9 and unsure.regret > 0


def test_two_years_of_weeks_teach_a_price_near_the_best() -> None:
    """Elasticity by least squares on 104 weeks: little is lost to who knows it, and the interval holds his price."""
    lost, held = [], []
    for seed in range(200):
        random = np.random.default_rng(1_000 + seed)
        x = random.normal(0, 0.1, 104)
        y = 4 - 2.5 * x + random.normal(0, 0.2, 104)
        slope = np.polyfit(x, y, 1)[0]
        error = np.sqrt(
            ((y - y.mean() - slope * (x - x.mean())) ** 2).sum() / 102 / ((x - x.mean()) ** 2).sum()
        )
        found = recommend(replace(TEA, elasticity=normal_draws(slope, error, 200)), replace(FREE, sure=0.0))
        assert found.best and found.low and found.high
        lost.append(1 - (found.best / 10) ** -2.5 * (found.best - 6) / 4)
        held.append(found.low <= 10 <= found.high)
    assert np.mean(lost) <= 0.02 and np.mean(held) >= 0.9


def test_draws_without_chance_have_the_moments() -> None:
    draws = normal_draws(-2.0, 0.5, 2000)
    assert draws.mean() == pytest.approx(-2.0) and draws.std() == pytest.approx(0.5, rel=2e-3)
    few = normal_draws(-2.0, 0.5, 2000, freedom=5)
    assert few.std() == pytest.approx(0.5 * np.sqrt(5 / 3), rel=0.02) and few.mean() == pytest.approx(-2.0)


def test_two_peaks_are_told_apart() -> None:
    """A few loyal and many keen buyers: profit has a peak near cost and one far above."""
    profit = Profit(
        np.array([1000.0, 100.0]), np.array([7.0, 7.0]), np.array([[-30.0], [-1.3]]), np.full(1, 6.0)
    )
    grid = np.linspace(6, 60, 1_000_001)
    assert peaks(profit, 6.0, 60.0)[0] == pytest.approx(
        grid[profit.value(grid[:, None])[:, 0].argmax()], abs=6e-5
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: replace(TEA, price=0.0), "price must be positive"),
        (lambda: replace(TEA, units=-1.0), "units must be at least 0"),
        (lambda: replace(TEA, cost=0.0), "cost must be positive"),
        (lambda: replace(TEA, observed=(3.0, 2.0)), "in order"),
        (lambda: replace(TEA, fee=1.0), "share of the price"),
        (lambda: replace(TEA, competitor=0.0), "competitor's price"),
        (lambda: replace(TEA, stock=0.0), "stock must be positive"),
        (lambda: replace(TEA, elasticity=np.array([np.nan])), "must be numbers"),
        (lambda: Guards(margin=1.0), "shares"),
        (lambda: Guards(index=(1.2, 1.0)), "index band"),
        (lambda: bounds(replace(TEA, cost=None), FREE), "needs a cost"),
        (lambda: normal_draws(-2, -1), "at least 0"),
        (lambda: lerner(-2.0, 0.0), "costs positive"),
        (lambda: discount(replace(TEA, elasticity=np.full(4, 0.3)), 0.1), "does not fall"),
        (lambda: discount(TEA, 1.0), "shares below 1"),
        (lambda: discount(replace(TEA, cost=None), 0.1), "needs an elasticity and a cost"),
        (lambda: discount(TEA, 0.1, guards=Guards(margin=0.5)), "no room to cut"),
        (lambda: members_price(TEA, replace(TEA, cost=5.0)), "one known cost"),
        (lambda: members_price(TEA, replace(TEA, elasticity=np.full(5, -2.0))), "paired"),
        (lambda: members_price(TEA, replace(TEA, price=16.0)), "widen the step"),
    ],
)
def test_bad_input_is_named(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
