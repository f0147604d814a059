"""Curves of contracts: the published table, hypergeometric identities, simulation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.special import hyp2f1
from scipy.stats import beta as beta_law

from growth.stats.duration import MODELS, AtRisk, _score, choose, duration
from growth.stats.likelihood import jacobian
from tests.stats.test_published import all_printed, printed


def contracts(folder: Path) -> dict[str, np.ndarray]:
    rows = pd.read_csv(folder / "contract_renewal" / "retention_by_year.csv")
    return {k: np.rint(rows[f"{k}_pct"].to_numpy() * 10).astype(int) for k in ("highend", "regular")}


@pytest.mark.parametrize(
    ("cohort", "parameters", "value", "share"),
    [
        ("highend", ".6681 3.8061", "-1611.16", ".378"),
        ("regular", ".7041 1.1820", "-1680.27", ".170"),
    ],
)
def test_the_published_sbg(cohort: str, parameters: str, value: str, share: str, datasets: Path) -> None:
    found = duration("sbg", AtRisk.of_cohorts([contracts(datasets)[cohort][:8]]))
    all_printed(list(found.fit.parameters.values()), parameters)
    assert printed(found.fit.log_likelihood, value) and printed(found.survival(12)[0], share)
    a, b = found.fit.parameters.values()
    # Fader and Hardie (2010), eq. 5 and 6
    assert found.residual(0.1) == pytest.approx(hyp2f1(1, b, a + b, 1 / 1.1), rel=1e-10)
    derl = (b + 2) / (a + b + 2) * hyp2f1(1, b + 3, a + b + 3, 1 / 1.1)
    assert found.residual(0.1, after=3) == pytest.approx(derl, rel=1e-10)
    assert found.retention([1, 5]) == pytest.approx([b / (a + b), (b + 4) / (a + b + 4)])
    assert found.hazard(5) + found.retention(5) == pytest.approx(1)
    assert found.lifetime(3) == pytest.approx(found.survival([0, 1, 2]).sum())


@pytest.mark.parametrize("cohort", ["highend", "regular"])
def test_four_years_tell_the_next_eight(cohort: str, datasets: Path) -> None:
    alive = contracts(datasets)[cohort]
    found = duration("bdw", AtRisk.of_cohorts([alive[:5]]))
    missed = np.abs(found.survival(np.arange(5, 13)) / (alive[5:] / 1000) - 1)
    assert missed.mean() < 0.02
    choice = choose([alive], 8)
    assert choice.best == "bdw" and choice.held_out == alive[4:12].sum() and not choice.refused
    assert choice.scores["bdw"] > choice.scores["sbg"] > choice.scores["geometric"]


@pytest.mark.parametrize("theta", [[0.2, 1.0], [-1, 0.3, 0.5], [1, 2, -0.7], [-2, 5, 0.0]])
def test_gradients(theta: list[float], datasets: Path) -> None:
    score = _score(AtRisk.of_cohorts(list(contracts(datasets).values())))
    at = np.array(theta, float)
    assert score(at)[1] == pytest.approx(jacobian(lambda v: np.array(score(v)[0]), at), rel=1e-6, abs=1e-4)


def test_survival_is_the_mean_over_customers_of_their_own() -> None:
    found = duration("bdw", AtRisk.of([1000, 700, 580, 510], [300, 120, 70, 45]))
    a, b, c = found.fit.parameters.values()
    law = beta_law(a, b)  # of the chance of leaving: discrete Weibull (1 - p) ** (t ** c)
    for age in (1, 3, 9):
        whole = quad(lambda p, t=age: (1 - p) ** (t**c) * law.pdf(p), 0, 1, epsabs=1e-12, limit=300)[0]
        assert found.survival(age)[0] == pytest.approx(whole, rel=1e-7)
    assert found.survival(0) == 1


def cohorts(seed: int, c: float = 1.0) -> list[list[int]]:
    rng, found = np.random.default_rng(seed), []
    for length in (3, 5, 7, 8):
        p = rng.beta(0.9, 2.8, 3000)
        life = np.ceil((np.log(rng.random(3000)) / np.log1p(-p)) ** (1 / c))
        found.append([int((life > age).sum()) for age in range(length + 1)])
    return found


@pytest.mark.parametrize(("kind", "c"), [("sbg", 1.0), ("bdw", 1.4)])
def test_simulated_cohorts_of_different_ages(kind: str, c: float) -> None:
    found = duration(kind, AtRisk.of_cohorts(cohorts(5, c)))
    errors = np.sqrt(np.diagonal(found.fit.covariance))
    assert (np.abs(found.fit.theta - np.log([0.9, 2.8, c][: len(errors)])) < 3 * errors).all()
    truth = found._log_survival(np.log([0.9, 2.8, c][: len(errors)]), np.array([1.0, 4, 12]))
    low, high = found.survival_interval([1, 4, 12])
    assert (low < np.exp(truth)).all() and (np.exp(truth) < high).all()
    assert choose(cohorts(5, c), 3).best in ("sbg", "bdw")


def test_intervals_are_those_of_draws() -> None:
    found = duration("sbg", AtRisk.of_cohorts(cohorts(9)))
    rng, values = np.random.default_rng(1), []
    for theta in rng.multivariate_normal(found.fit.theta, found.fit.covariance, 4000):
        values.append(
            [
                found._log_lifetime(theta, 1.1 ** -np.arange(200.0), 0)[()],
                *found._log_survival(theta, np.array([9.0])),
            ]
        )
    spread = np.std(np.array(values, float), axis=0)
    low, high = found.lifetime_interval(200, 0.1)
    assert np.log(high / low) / 3.92 == pytest.approx(spread[0], rel=0.06)
    low, high = found.retention_interval(4)
    assert low < found.retention(4) < high
    low, high = found.residual_interval(0.1, after=2)
    assert low < found.residual(0.1, after=2) < high


def test_one_rate_for_all() -> None:
    data = AtRisk.of([1000, 800, 640], [200, 160, 128])
    found = duration("geometric", data)
    assert found.retention([1, 9]) == pytest.approx(0.8) and found.survival(3)[0] == pytest.approx(0.512)
    low, high = found.retention_interval(1)
    half = 1.959964 * np.sqrt(1 / 488 + 1 / 1952)
    assert np.log(high / (1 - high)) - np.log(4) == pytest.approx(half)
    assert found.log_score(data) == pytest.approx(488 * np.log(0.2) + 1952 * np.log(0.8))
    assert found.residual(0.25) == pytest.approx(1 / (1 - 0.8 / 1.25))


def test_homogeneous_customers_run_to_the_bound_and_say_so() -> None:
    found = duration("sbg", AtRisk.of([1000, 800, 640, 512], [200, 160, 128, 103]))
    assert set(found.fit.bounded) and found.retention(2)[0] == pytest.approx(0.8, abs=0.002)


def test_cohorts_are_pooled_by_age() -> None:
    pooled = AtRisk.of_cohorts([[100, 80, 70], [50, 45]])
    assert pooled.at_risk.tolist() == [150, 80] and pooled.lost.tolist() == [25, 10]
    assert AtRisk.of_cohorts([[100, 80, 70], [50, 45]], skip=1).at_risk.tolist() == [100]
    last = AtRisk.of_cohorts([[100, 80, 70], [50, 45]], only_last=1)
    assert last.age.tolist() == [1, 2] and last.at_risk.tolist() == [50, 80]


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: duration("weibull", AtRisk.of([9], [1])), "one of"),
        (lambda: duration("sbg", AtRisk.of([9, 9], [0, 0])), "All or none"),
        (lambda: duration("bdw", AtRisk.of([9, 8], [1, 1])), "3 parameters"),
        (lambda: AtRisk.of([9], [10]), "between none and all"),
        (lambda: AtRisk.of([0], [0]), "wait for the first"),
        (lambda: AtRisk.of([9.5], [1]), "whole numbers"),
        (lambda: AtRisk.of_cohorts([[5, 6]]), "only fall"),
        (lambda: choose([[9, 8]], 0), "hold out"),
        (lambda: duration("sbg", AtRisk.of([9, 8], [1, 1])).survival(-1), "whole numbers"),
        (lambda: duration("geometric", AtRisk.of([9, 8], [1, 1])).residual(0.0), "without end"),
        (lambda: duration("geometric", AtRisk.of([9, 8], [1, 1])).lifetime(0), "at least 1 period"),
    ],
)
def test_refusals(call: Any, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        call()
    assert MODELS
