"""Orders against brute force, simulated periods, and an oracle that knows demand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import nbinom, poisson

from growth.price import forecast
from growth.price.stock import Costs, Demand, expected_cost, fit, order, over, reorder_point

COSTS = Costs(10.0, 6.0, holding=0.05, lost=0.1, salvage=1.0)
MEAN, SIZE = 12.0, 1.5
TRUE = Demand(MEAN, float(np.sqrt(MEAN + MEAN**2 / SIZE)))


def drawn(random: np.random.Generator, shape: Any) -> np.ndarray:
    return random.negative_binomial(SIZE, SIZE / (SIZE + MEAN), shape)


def test_the_order_is_the_cheapest_of_all() -> None:
    assert (
        COSTS.underage == 4.0
        and COSTS.overage == pytest.approx(0.8)
        and COSTS.ratio == pytest.approx(4 / 4.8)
    )
    for demand, pmf in ((TRUE, nbinom(SIZE, SIZE / (SIZE + MEAN))), (Demand(7.0, 1.0), poisson(7.0))):
        units = np.arange(2_000)
        chance = pmf.pmf(units)
        costs = [
            (chance * np.where(units > q, 4.0 * (units - q), 0.8 * (q - units))).sum() for q in range(60)
        ]
        found = order(demand, COSTS)
        assert found.level == int(np.argmin(costs)) and found.cost == pytest.approx(min(costs), rel=1e-9)
        assert expected_cost(demand, COSTS, 3) == pytest.approx(costs[3], rel=1e-9)
        assert found.served >= found.ratio > demand.at_most(found.level - 1)


def test_what_is_at_hand_is_not_ordered_again() -> None:
    all_of_it = order(TRUE, COSTS)
    some = order(TRUE, COSTS, 5)
    assert some.units == all_of_it.level - 5 and some.cost == all_of_it.cost
    plenty = order(TRUE, COSTS, 90)
    assert plenty.units == 0 and plenty.cost > all_of_it.cost
    assert order(TRUE, COSTS, -4).units == all_of_it.level + 4


def test_the_reorder_point_serves_as_promised_with_late_suppliers() -> None:
    random = np.random.default_rng(4)
    lead = random.choice([1, 2, 3, 4], 200_000, p=[0.2, 0.4, 0.2, 0.2])
    demand = np.where(np.arange(4) < lead[:, None], drawn(random, (len(lead), 4)), 0).sum(axis=1)
    until = over(TRUE, lead.mean(), lead.std())
    assert (until.mean, until.deviation) == pytest.approx((demand.mean(), demand.std()), rel=0.01)
    point, safety = reorder_point(TRUE, lead.mean(), lead.std(), 0.95)
    assert (demand <= point).mean() == pytest.approx(0.95, abs=0.01)
    assert safety == pytest.approx(point - until.mean)
    assert (
        demand <= reorder_point(TRUE, lead.mean(), 0.0, 0.95)[0]
    ).mean() < 0.94  # who takes it for sure runs out


def test_an_estimated_order_costs_little_more_than_the_oracles() -> None:
    two = over(TRUE, 2)
    best = order(two, COSTS).cost
    random = np.random.default_rng(5)
    costs = [
        expected_cost(two, COSTS, order(fit(drawn(random, 52)).next(2), COSTS).level) for _ in range(150)
    ]
    assert 1 <= np.mean(costs) / best <= 1.05


def test_an_order_from_a_daily_forecast_costs_little_more_than_the_oracles() -> None:
    """Daily units with a day of the week, closed on Sundays; the next ten days are ordered for."""
    week, start, paid = np.array([0.8, 0.9, 1.0, 1.0, 1.1, 1.2, 0.0]), dt.date(2024, 1, 1), []
    ahead = np.array([week[(180 + n) % 7] for n in range(10)])
    # open days' sizes add up where their success probabilities are the same
    true = Demand(float(40 * ahead.sum()), float(np.sqrt((40 * ahead * (1 + 8)).sum())))
    for seed in range(60):
        random = np.random.default_rng(2_000 + seed)
        rows = [
            (start + dt.timedelta(days=n), float(random.negative_binomial(40 * week[n % 7] / 8, 1 / 9)))
            for n in range(180)
            if week[n % 7]
        ]
        days = forecast.complete(
            pd.DataFrame(rows, columns=["date", "value"]), start, start + dt.timedelta(days=179)
        )
        mean, deviation = forecast.total(forecast.fit(days, units=True), start + dt.timedelta(days=189))
        paid.append(expected_cost(true, COSTS, order(Demand(mean, deviation), COSTS).level))
    assert 1 <= np.mean(paid) / order(true, COSTS).cost <= 1.05


def test_stock_outs_do_not_bias_it() -> None:
    random, censored, ignored, dropped = np.random.default_rng(6), [], [], []
    for _ in range(60):
        demand = drawn(random, 104)
        stock = random.integers(5, 30, 104)
        sold, short = np.minimum(demand, stock), demand >= stock
        censored.append(fit(sold, short).demand)
        ignored.append(fit(sold).demand)
        dropped.append(fit(sold[~short]).demand)
    assert 0.2 < short.mean() < 0.5
    assert np.mean([d.mean for d in censored]) == pytest.approx(MEAN, rel=0.04)
    assert np.mean([d.mean for d in ignored]) < 0.85 * MEAN
    assert np.mean([d.mean for d in dropped]) < 0.75 * MEAN
    best = order(TRUE, COSTS).cost

    def paid(all_of_them: list[Demand]) -> float:
        return float(np.mean([expected_cost(TRUE, COSTS, order(d, COSTS).level) for d in all_of_them]) / best)

    assert paid(censored) <= 1.05 and paid(ignored) > 1.1


def test_the_fit_is_statsmodels() -> None:
    units = drawn(np.random.default_rng(7), 200)
    found = fit(units)
    own = sm.NegativeBinomial(units, np.ones(200)).fit(disp=False, method="newton", maxiter=200)
    assert found.demand.mean == pytest.approx(np.exp(own.params[0]), rel=1e-5)
    assert found.demand.size == pytest.approx(1 / own.params[1], rel=1e-3)
    assert found.error == pytest.approx(found.demand.mean * own.bse[0], rel=1e-2)


def test_a_period_that_sold_out_counts_as_at_least() -> None:
    """The best of a grid of the likelihood, added up by hand: P(demand >= 2) = 1 - P(0) - P(1)."""
    units, short = np.array([0, 1, 3, 2, 9, 4, 2, 1, 2, 2]), np.array([False] * 6 + [True] * 4)
    found = fit(units, short)
    best = (-np.inf, 0.0)
    for mean in np.arange(3, 5.5, 0.01):
        for k in np.geomspace(0.4, 4, 30):
            pmf = nbinom.pmf(np.arange(10), k, k / (k + mean))
            below = np.cumsum(pmf) - pmf  # P(demand < y)
            total = np.log(np.where(short, 1 - below[units], pmf[units])).sum()
            best = max(best, (float(total), float(mean)))
    assert found.demand.mean == pytest.approx(best[1], abs=0.03) and found.short == 4


def test_the_error_of_the_mean_is_that_of_repeated_samples_with_stock_outs_too() -> None:
    random, found = np.random.default_rng(8), []
    for _ in range(150):
        demand, stock = drawn(random, 104), random.integers(5, 30, 104)
        found.append(fit(np.minimum(demand, stock), demand >= stock))
    assert np.mean([d.error for d in found]) == pytest.approx(
        np.std([d.demand.mean for d in found]), rel=0.15
    )


def test_demand_without_extra_spread_is_poisson() -> None:
    found = fit([3, 4, 3, 4, 3, 4, 3, 4])
    assert found.demand.mean == pytest.approx(3.5, rel=1e-5)
    assert found.demand.deviation**2 == pytest.approx(3.5, rel=1e-2)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Costs(5.0, 6.0, 0.1), "cost above price none"),
        (lambda: Costs(5.0, float("nan"), 0.1), "known and positive"),
        (lambda: Costs(5.0, 3.0), "no bound"),
        (lambda: Costs(5.0, 3.0, 0.1, lost=2.0), "is a share"),
        (lambda: Demand(0.0, 1.0), "positive mean"),
        (lambda: over(TRUE, 0.0), "time must be positive"),
        (lambda: reorder_point(TRUE, 2.0, 0.0, 1.0), "between 0 and 1"),
        (lambda: fit([1, 2]), "8 periods"),
        (lambda: fit([1, -2, 3, 4, 5, 6, 7, 8]), "whole numbers"),
        (lambda: fit([1.5] * 8), "whole numbers"),
        (lambda: fit([0] * 8), "Nothing was sold"),
        (lambda: fit([5] * 8, [True] * 6 + [False] * 2), "ran out in 6 of 8"),
    ],
)
def test_bad_input_is_named(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
