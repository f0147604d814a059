"""The best split against grids and another optimiser, S-shaped curves, and what a plan says."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from growth.channels import budget, response
from growth.channels.response import Curve

FOUR = (
    Curve("search", "logistic", 900.0, 3.0, 100.0),
    Curve("social", "logistic", 500.0, 5.0, 60.0),
    Curve("creator", "hill", 1200.0, 0.7, 150.0),
    Curve("display", "logistic", 80.0, 1.0, 90.0),
)
SHAPED = (
    Curve("tv", "hill", 1000.0, 0.8, 100.0, 3.0),
    Curve("radio", "hill", 700.0, 0.5, 90.0, 2.0),
    Curve("search", "logistic", 600.0, 2.0, 80.0),
    Curve("live", "hill", 500.0, 0.6, 120.0, 2.5),
)


def grid_best(curves: tuple[Curve, ...], total: float, steps: int) -> float:
    """The best of every split of the total into equal steps, looked at one by one."""
    own = [c.value(np.arange(steps + 1) * total / steps) for c in curves]
    i, j = np.meshgrid(np.arange(steps + 1), np.arange(steps + 1), indexing="ij")
    best = -np.inf
    for k in range(steps + 1):
        rest = steps - i - j - k
        fine = rest >= 0
        value = own[0][i] + own[1][j] + own[2][k] + own[3][np.maximum(rest, 0)]
        best = max(best, float(value[fine].max()))
    return best


@pytest.mark.parametrize("curves", [FOUR, SHAPED])
@pytest.mark.parametrize("total", [20.0, 90.0, 250.0])
def test_the_split_is_as_good_as_every_grid(curves: tuple[Curve, ...], total: float) -> None:
    found = budget.allocate(curves, total)
    assert found.sum() == pytest.approx(total, rel=1e-12) and (found >= 0).all()
    value, grid = budget.outcome(curves, found), grid_best(curves, total, 200)
    assert value >= grid * (1 - 1e-9)
    assert value <= grid * 1.001


def test_the_split_is_that_of_another_optimiser_and_marginals_are_equal() -> None:
    found = budget.allocate(FOUR, 200.0, [0, 0, 0, 30], [500, 25, 500, 500])
    rival = minimize(
        lambda x: -budget.outcome(FOUR, x), np.array([80.0, 20, 60, 40]), method="SLSQP",
        bounds=[(0, 500), (0, 25), (0, 500), (30, 500)], options=dict(ftol=1e-14, maxiter=500),
        constraints=[dict(type="eq", fun=lambda x: x.sum() - 200)],
    )  # fmt: skip
    assert budget.outcome(FOUR, found) == pytest.approx(-rival.fun, rel=1e-9)
    assert found[1] == 25 and found[3] == 30
    assert FOUR[0].marginal(found[0]) == pytest.approx(float(FOUR[2].marginal(found[2])), rel=1e-8)


@pytest.mark.parametrize("curves", [FOUR, SHAPED])
def test_more_money_never_brings_less(curves: tuple[Curve, ...]) -> None:
    totals = np.linspace(5, 400, 40)
    values = [budget.outcome(curves, budget.allocate(curves, float(t))) for t in totals]
    assert (np.diff(values) > 0).all()
    splits = np.array([budget.allocate(FOUR, float(t)) for t in totals])
    assert (np.diff(splits, axis=0) >= -1e-9).all()  # concave curves: no channel ever gets less


def test_marginals_are_derivatives() -> None:
    for curve in (*FOUR, *SHAPED, Curve("flat", "hill", 5.0, 0.4, 10.0, 0.7)):
        for spend in (3.0, 40.0, 130.0):
            step = (curve.value(spend + 1e-5) - curve.value(spend - 1e-5)) / 2e-5
            assert float(curve.marginal(spend)) == pytest.approx(float(step), rel=1e-6)


def test_profit_is_best_where_one_more_yuan_earns_itself() -> None:
    margin = 0.3
    for curves in (FOUR, SHAPED):
        found = budget.best_total(curves, margin, [0] * 4, [400] * 4)
        for curve, spend in zip(curves, found, strict=True):
            grid = np.linspace(0, 400, 40_001)
            assert (
                margin * float(curve.value(spend)) - spend >= (margin * curve.value(grid) - grid).max() - 1e-6
            )
            if 0 < spend < 400:
                assert margin * float(curve.marginal(spend)) == pytest.approx(1, rel=1e-8)


def test_a_plan_says_what_it_gains_and_where_it_guesses() -> None:
    today = [150.0, 60.0, 20.0, 70.0]
    random = np.random.default_rng(1)
    factors = random.lognormal(0, 0.2, (300, 4))
    draws = [tuple(replace(c, beta=c.beta * f) for c, f in zip(FOUR, own, strict=True)) for own in factors]
    seen = pd.DataFrame(
        dict(channel=[c.channel for c in FOUR], low=[50.0, 0, 10, 30], high=[160.0, 80, 40, 90])
    )
    found = budget.plan(FOUR, today, 4.0, draws, seen)
    assert found.total == pytest.approx(300) and found.said == ""
    assert found.gain_low < found.gain < found.gain_high and 0 <= found.chance <= 1
    assert found.gain == pytest.approx(4 * (found.outcome - found.outcome_today))
    own = found.table.set_index("channel")
    assert own.loc["creator", "leaves_observed"] and own.loc["creator", "spend"] > 40
    assert own.loc["display", "leaves_observed"] == bool(own.loc["display", "spend"] < 30)
    assert own["change"].sum() == pytest.approx(0, abs=1e-9)
    assert own.loc["search", "earns"] == pytest.approx(4 * float(FOUR[0].marginal(150)) - 1)
    more = budget.plan(FOUR, today, 4.0, draws, seen, total=400.0)
    assert more.gain == pytest.approx(4 * (more.outcome - more.outcome_today) - 100)
    assert (
        "S-shaped"
        in budget.plan(SHAPED, today, 1.0, [SHAPED], seen.assign(channel=[c.channel for c in SHAPED])).said
    )


def test_money_that_does_not_earn_itself_stays() -> None:
    """At a margin of 0.2 the last of 300 brings less than it costs in every channel but the creator's."""
    today, high = [150.0, 60.0, 20.0, 70.0], [300.0] * 4
    seen = pd.DataFrame(dict(channel=[c.channel for c in FOUR], low=0.0, high=300.0))
    found = budget.plan(FOUR, today, 0.2, [FOUR], seen, high=high)
    free = minimize(
        lambda x: x.sum() - 0.2 * budget.outcome(FOUR, x), np.array(today), bounds=[(0, 300)] * 4,
        method="L-BFGS-B", options=dict(ftol=1e-15, gtol=1e-10),
    )  # fmt: skip
    assert free.x.sum() < 300 and found.total == pytest.approx(free.x.sum(), rel=1e-4)
    left = 0.2 * budget.outcome(FOUR, np.array(today)) - 300
    assert found.gain == pytest.approx(-free.fun - left, rel=1e-6)


def test_a_mean_of_curves_is_the_mean_and_its_split_leaves_most_on_average() -> None:
    random = np.random.default_rng(4)
    factors = random.lognormal(0, 0.6, (30, 4, 2))
    draws = [
        tuple(replace(c, beta=c.beta * f[0], rate=c.rate * f[1]) for c, f in zip(FOUR, own, strict=True))
        for own in factors
    ]
    means = [response.Mean(parts) for parts in zip(*draws, strict=True)]
    for k, mean in enumerate(means):
        for spend in (0.0, 20.0, 90.0):
            assert float(mean.value(spend)) == pytest.approx(np.mean([d[k].value(spend) for d in draws]))
            assert float(mean.marginal(spend)) == pytest.approx(
                np.mean([d[k].marginal(spend) for d in draws])
            )
    assert means[1].value(np.array([5.0, 30.0])) == pytest.approx(
        [float(means[1].value(s)) for s in (5.0, 30.0)]
    )
    seen = pd.DataFrame(dict(channel=[c.channel for c in FOUR], low=0.0, high=300.0))
    found = budget.plan(means, [60.0, 30.0, 40.0, 20.0], 5.0, draws, seen)
    own = found.table["spend"].to_numpy()

    def leaves(x: np.ndarray) -> float:
        return float(np.mean([5 * budget.outcome(d, x) for d in draws]) - x.sum())

    rival = minimize(
        lambda x: -leaves(x), own + np.array([2.0, -1, -2, 1]), method="SLSQP", bounds=[(0, 150)] * 4,
        options=dict(ftol=1e-13, maxiter=300), constraints=[dict(type="ineq", fun=lambda x: 150 - x.sum())],
    )  # fmt: skip
    assert leaves(own) == pytest.approx(-rival.fun, rel=1e-8)
    assert found.gain == pytest.approx(leaves(own) - leaves(np.array([60.0, 30, 40, 20])))


def test_from_weeks_to_a_plan() -> None:
    """A fitted response goes into a plan as it is; the truth it was made of agrees that the split gains."""
    random = np.random.default_rng(5)
    spend = pd.DataFrame(dict(tv=random.gamma(4, 40, 150), web=random.gamma(4, 10, 150)))
    truth = (Curve("tv", "logistic", 40.0, 1.0, 200.0), Curve("web", "logistic", 60.0, 1.0, 60.0))
    y = 100 + truth[0].value(spend["tv"].to_numpy()) + truth[1].value(spend["web"].to_numpy())
    found = response.fit(
        spend, pd.Series(y + random.normal(size=150)), 1, settings=response.Settings(draws=30)
    )
    made = budget.plan(found.curves, [160.0, 40.0], 80.0, found.draws, found.seen)
    best = budget.allocate(truth, 200.0)
    own = made.table["spend"].to_numpy()
    assert budget.outcome(truth, own) > budget.outcome(truth, np.array([160.0, 40.0]))
    possible = budget.outcome(truth, best) - budget.outcome(truth, np.array([160.0, 40.0]))
    assert budget.outcome(truth, own) - budget.outcome(truth, np.array([160.0, 40.0])) > 0.95 * possible
    assert made.gain_low > 0 and made.chance == 1 and made.table["leaves_observed"].all()


def test_channels_that_bring_nothing_take_what_nobody_wants() -> None:
    dead = tuple(replace(c, beta=0.0) for c in FOUR)
    assert budget.allocate(dead, 100.0).sum() == pytest.approx(100)
    one = (*dead[:3], FOUR[3])
    assert budget.allocate(one, 100.0)[3] == pytest.approx(100)


def test_random_concave_splits_beat_a_coarse_search() -> None:
    random = np.random.default_rng(3)
    for _ in range(20):
        beta, rate = random.uniform(50, 500, 3), random.uniform(0.2, 2, 3)
        steep = random.choice([0.6, 1.0], 3)
        curves = tuple(Curve(str(i), "hill", beta[i], rate[i], 50.0, steep[i]) for i in range(3))
        found = budget.outcome(curves, budget.allocate(curves, 60.0))
        best = max(
            budget.outcome(curves, np.array([a, b, 60 - a - b]))
            for a, b in product(range(61), repeat=2)
            if a + b <= 60
        )
        assert found >= best * (1 - 1e-9)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        budget.allocate(FOUR, 100.0, high=[10] * 4)
    with pytest.raises(ValueError, match="does not fit"):
        budget.allocate(FOUR, 10.0, low=[10] * 4, high=[20] * 4)
    with pytest.raises(ValueError, match="bounds must be finite"):
        budget.allocate(FOUR, 10.0, low=[3] * 4, high=[2] * 4)
    with pytest.raises(ValueError, match="some money"):
        budget.allocate(FOUR, 0.0)
    with pytest.raises(ValueError, match="must leave some money"):
        budget.best_total(FOUR, 0.0, [0] * 4, [9] * 4)
    seen = pd.DataFrame(dict(channel=["search"], low=[0.0], high=[9.0]))
    with pytest.raises(ValueError, match="What was spent on social"):
        budget.plan(FOUR, [1.0] * 4, 1.0, [FOUR], seen)
    with pytest.raises(ValueError, match="at least 0 for each"):
        budget.plan(FOUR, [-1.0] * 4, 1.0, [FOUR], seen)
    with pytest.raises(ValueError, match="no interval"):
        budget.plan(FOUR, [1.0] * 4, 1.0, [], seen)
