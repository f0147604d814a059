"""What a test needs against simulated tests, and the break-even against profit itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import t
from statsmodels.stats.power import TTestIndPower

from growth.price.profit import normal_draws
from growth.price.recommend import Product
from growth.price.trial import (
    Noise,
    breakeven,
    customer_error,
    customers_needed,
    error_needed,
    plan,
    region_error,
    regions_needed,
)

TEA = Product("tea", 10.0, 100.0, 6.0, normal_draws(-1.8, 0.4, 2000), (8.0, 12.0), fee=0.03)
NOISE = Noise(variation=3.0, spread=0.2, correlation=0.3)
WEEKS = Noise(variation=1.0, spread=0.2, correlation=0.3, before=8)


@pytest.mark.parametrize("new", [9.0, 11.5])
def test_the_break_even_earns_the_same(new: float) -> None:
    e = breakeven(TEA, new)
    profit = replace(TEA, elasticity=np.array([e, e + 0.01, e - 0.01])).profit()
    gain = profit.value(new) - profit.value(10.0)
    assert gain[0] == pytest.approx(0, abs=1e-10)
    assert (gain[1] > 0) == (new > 10) and (gain[2] > 0) == (new < 10)


def test_a_normal_test_has_its_power() -> None:
    error = error_needed(0.5, 0.05, 0.9)
    z = np.random.default_rng(1).normal(0.5 / error, 1, 200_000)
    assert (z > 1.6448536).mean() == pytest.approx(0.9, abs=0.003)


def test_customers_by_simulation() -> None:
    """Negative binomial units of customers: the error of the elasticity is the one promised."""
    random, n, change, mean = np.random.default_rng(2), 8_000, 0.1, 0.5
    k = 1 / (1.5**2 - 1 / mean)  # so that the standard deviation is 1.5 times the mean
    assert k > 0
    found = []
    for _ in range(1_500):
        arms = [random.negative_binomial(k, k / (k + mean), n // 2).mean() for _ in range(2)]
        found.append(np.log(arms[1] / arms[0]) / np.log(1 + change))
    assert np.std(found) == pytest.approx(customer_error(n, change, 1.5), rel=0.05)
    assert customers_needed(customer_error(n, change, 1.5, 0.3), change, 1.5, 0.3) == pytest.approx(n)


def regions_drawn(
    seed: int, regions: int, weeks: int, before: int, rho: float, between: float, e: float, change: float
) -> np.ndarray:
    """Differences, test less before, of regions' mean log units; the second half has the new price."""
    random = np.random.default_rng(seed)
    noise = np.empty((regions, before + weeks))
    noise[:, 0] = random.normal(0, 0.2, regions)
    for w in range(1, before + weeks):
        noise[:, w] = rho * noise[:, w - 1] + random.normal(0, 0.2 * np.sqrt(1 - rho**2), regions)
    units = random.normal(0, between, regions)[:, None] + random.normal(0, 0.3, before + weeks) + noise
    units[regions // 2 :, before:] += e * np.log(1 + change)
    past = units[:, :before].mean(axis=1) if before else 0.0
    return np.asarray(units[:, before:].mean(axis=1) - past)


@pytest.mark.parametrize(
    ("before", "rho", "between"), [(8, 0.4, 1.0), (0, 0.4, 0.3), (4, 0.0, 1.0), (2, -0.3, 0.1)]
)
def test_regions_by_simulation(before: int, rho: float, between: float) -> None:
    found = []
    for seed in range(1_500):
        y = regions_drawn(seed, 20, 6, before, rho, between, -2.0, 0.1)
        found.append((y[10:].mean() - y[:10].mean()) / np.log(1.1))
    expected = region_error(20, 6, 0.1, Noise(1.0, 0.2, rho, before, between))
    assert np.mean(found) == pytest.approx(-2.0, abs=4 * expected / np.sqrt(1_500))
    assert np.std(found) == pytest.approx(expected, rel=0.06)


def test_few_regions_reach_the_power_by_simulation() -> None:
    distance, change = 2.0, 0.1
    n = regions_needed(distance, 4, change, WEEKS)
    assert n % 2 == 0 and n < 40
    hits = []
    for seed in range(2_000):
        y = regions_drawn(seed, n, 4, 8, 0.3, 1.0, distance, change)  # the break-even is at 0
        a, b = y[: n // 2], y[n // 2 :]
        error = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / (n // 2))
        hits.append((b.mean() - a.mean()) / error > t.isf(0.05, n - 2))
    assert 0.78 <= np.mean(hits) <= 0.86  # an even number of regions is a little more than enough
    fewer = regions_needed(distance, 4, 0.2, WEEKS)
    assert fewer < n  # a larger change needs fewer


@pytest.mark.parametrize("distance", [2.0, 3.0, 4.0, 6.0])
def test_regions_are_those_of_a_t_test(distance: float) -> None:
    deviation = region_error(1.0, 4, 0.1, WEEKS) / 2  # of a region; both halves of n: 4 / n
    own = TTestIndPower().solve_power(distance / deviation, None, 0.05, 0.8, alternative="larger")
    assert regions_needed(distance, 4, 0.1, WEEKS) == 2 * max(int(np.ceil(float(np.ravel(own)[0]))), 2)


def test_a_plan_says_what_settles_the_case() -> None:
    found = plan(TEA, 11.0, NOISE)
    assert plan(TEA, 11.0, Noise(3.0)).regions.empty, "nothing is said of regions that were not watched"
    e = np.asarray(TEA.elasticity)
    assert found.gains == pytest.approx((e > found.breakeven).mean())
    assert customer_error(found.customers, 0.1, 3.0) == pytest.approx(found.error, rel=1e-4)
    assert found.regions["weeks"].tolist() == [2, 4, 8, 12]
    assert found.regions["regions"].is_monotonic_decreasing
    profit = TEA.profit()
    gain = profit.value(11.0) - profit.value(10.0)
    assert found.worth == pytest.approx(np.where(gain > 0, gain, 0).mean() - max(gain.mean(), 0))


def test_assurance_is_the_share_of_tests_that_decide_rightly() -> None:
    found = plan(TEA, 11.0, NOISE, power=0.8)
    random = np.random.default_rng(3)
    true = random.normal(-1.8, 0.4, 200_000)
    seen = (true + random.normal(0, found.error, len(true)) - found.breakeven) / found.error
    right = np.where(true > found.breakeven, seen > 1.6448536, seen < -1.6448536)
    assert found.assurance == pytest.approx(right.mean(), abs=0.004)


def test_a_case_too_close_to_call_says_so() -> None:
    close = replace(TEA, elasticity=np.full(10, breakeven(TEA, 11.0) + 0.001))
    assert plan(close, 11.0, NOISE).regions["regions"].isna().all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: breakeven(replace(TEA, cost=None), 11.0), "costs must be known"),
        (lambda: breakeven(TEA, 10.0), "another price"),
        (lambda: breakeven(TEA, 0.0), "another price"),
        (lambda: breakeven(TEA, 6.0), "earn something at both"),
        (lambda: error_needed(0.0), "must not be 0"),
        (lambda: error_needed(1.0, 0.05, 0.04), "Alpha and power"),
        (lambda: customer_error(100, 0.0, 1.0), "other than 0"),
        (lambda: customer_error(100, -1.0, 1.0), "above -1"),
        (lambda: customer_error(100, 0.1, 1.0, 1.0), "between 0 and 1"),
        (lambda: customers_needed(0.0, 0.1, 1.0), "error must be positive"),
        (lambda: Noise(1.0, 0.2, 1.0), "correlation"),
        (lambda: region_error(10, 0, 0.1, WEEKS), "weeks must be positive"),
        (lambda: regions_needed(1e-6, 4, 0.1, WEEKS), "regions would be needed"),
        (lambda: region_error(10, 4, 0.1, Noise(1.0)), "needs the spread"),
        (lambda: plan(replace(TEA, elasticity=None), 11.0, NOISE), "wide guess"),
    ],
)
def test_bad_input_is_named(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
