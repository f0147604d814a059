"""Gamma-gamma spend and lifetime value: published numbers, integrals, simulation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import gamma as gamma_law

from growth.stats.likelihood import Fit
from growth.stats.purchase import BgNbd, bg_nbd
from growth.stats.spend import SpendModel, correlation, gamma_gamma, lifetime_value
from tests.stats.btyd import cdnow, histories, shop, summary
from tests.stats.test_published import all_printed, printed


def test_the_published_fit(datasets: Path) -> None:
    rows = histories(cdnow(datasets), "1997-09-30")
    rows = rows[rows["x"] > 0]
    found = gamma_gamma(rows["x"], rows["mean"])
    assert found.customers == 946 and found.adequacy() == []
    all_printed(list(found.fit.parameters.values()), "6.2496 3.7442 15.4435")
    assert printed(found.fit.log_likelihood, "-4055.918") and printed(found.correlation.value, ".114")


def test_the_lifetime_value_of_the_archived_library(datasets: Path) -> None:
    # from means rounded (half up) to cents, in "months" of 4.345 weeks
    rows = summary(datasets)
    mean = np.floor(histories(cdnow(datasets), "1997-09-30")["mean"].to_numpy() * 100 + 0.5 + 1e-6) / 100
    spend = gamma_gamma(rows["x"][rows["x"] > 0], mean[rows["x"] > 0])
    all_printed(list(spend.fit.parameters.values()), "6.2488 3.7446 15.4477")
    assert printed(spend.fit.log_likelihood, "-4055.923")
    model = bg_nbd(rows["x"], rows["t_x"], rows["t"])
    found = lifetime_value(
        model, spend, rows["x"], rows["t_x"], rows["t"], mean, horizon=52.14, period=4.345, discount=0.01
    )
    all_printed(list(found.value[:5]), "36.278 4.637 8.344 8.344 8.344")
    assert printed(found.value.mean(), "30.33937")
    assert (
        found.total == pytest.approx(found.value.sum()) and found.total_low < found.total < found.total_high
    )
    assert (found.low < found.value).all() and (found.value < found.high).all()
    # the same by draws of both models' parameters
    rng, values = np.random.default_rng(4), []
    for _ in range(150):
        drawn = [
            Fit(f.names, rng.multivariate_normal(f.theta, f.covariance), f.covariance, 0.0)
            for f in (model.fit, spend.fit)
        ]
        one = BgNbd(drawn[0], model.patterns), SpendModel(drawn[1], spend.correlation, spend.customers)
        buys = one[0].expected(52.14, rows["x"], rows["t_x"], rows["t"])
        values.append(np.log(buys @ one[1].expected(rows["x"], mean)))
    plain = lifetime_value(
        model, spend, rows["x"], rows["t_x"], rows["t"], mean, horizon=52.14, period=52.14, discount=0.0
    )
    assert np.log(plain.total_high / plain.total_low) / 3.92 == pytest.approx(np.std(values), rel=0.15)


def test_a_shop_with_large_orders(datasets: Path) -> None:
    rows = histories(shop(datasets), "2011-12-09")
    rows = rows[rows["x"] > 0]
    found = gamma_gamma(rows["x"], rows["mean"])
    all_printed(list(found.fit.parameters.values()), "2.1034 3.4512 485.89")


def test_likelihood_and_mean_by_an_integral_over_the_customers_mean() -> None:
    p, q, v, x, z = 2.5, 3.2, 7.0, 3, 4.0

    def joint(rate: float) -> float:
        return gamma_law(p * x, scale=1 / (rate * x)).pdf(z) * gamma_law(q, scale=1 / v).pdf(rate)

    whole = quad(joint, 0, np.inf, epsabs=0)[0]
    mean = quad(lambda rate: joint(rate) * p / rate, 0, np.inf, epsabs=0)[0] / whole
    empty = correlation([1, 2, 3, 4], [1, 1, 1, 1])
    known = SpendModel(Fit(("p", "q", "v"), np.log([p, q, v]), np.zeros((3, 3)), 0.0), empty, 4)
    assert (empty.low, empty.high) == (-1, 1)
    assert known.expected(x, z)[0] == pytest.approx(mean, rel=1e-9)
    assert known.expected(0, 0)[0] == pytest.approx(p * v / (q - 1))
    rng = np.random.default_rng(4)
    seen = rng.integers(1, 6, 20), rng.gamma(3, 1 / rng.gamma(3, 1 / 15, 20)).round(2)
    few = gamma_gamma(*seen)
    assert not few.fit.bounded

    def log_mean(x: int, z: float) -> float:
        p, q, v = few.fit.parameters.values()
        law = gamma_law(q, scale=1 / v)
        top = 60 * q / v
        inner = lambda r: gamma_law(p * x, scale=1 / (r * x)).pdf(z) * law.pdf(r)  # noqa: E731
        return float(np.log(quad(inner, 0, top, epsabs=0, limit=400, points=[p / z])[0]))

    rows = zip(*seen, strict=True)
    assert few.fit.log_likelihood == pytest.approx(sum(log_mean(*row) for row in rows), rel=1e-6)


def test_simulated_spend_and_counts_as_repeats() -> None:
    rng = np.random.default_rng(6)
    x = rng.integers(1, 8, 8000)
    z = rng.gamma(5 * x, 1 / (rng.gamma(4, 1 / 20, 8000) * x))
    found = gamma_gamma(x, z)
    errors = np.sqrt(np.diagonal(found.fit.covariance))
    assert (np.abs(found.fit.theta - np.log([5, 4, 20])) < 3 * errors).all()
    low, high = found.expected_interval([0, 3], [0, 40.0])
    truth = np.array([5 * 20 / 3, 5 * (20 + 120) / (15 + 3)])
    assert (low < truth).all() and (truth < high).all()
    twice = gamma_gamma(np.tile(x, 2), np.tile(z, 2))
    counted = gamma_gamma(x, z, np.full(8000, 2))
    assert np.abs(twice.fit.theta - counted.fit.theta).max() < 1e-10
    assert counted.correlation.value == pytest.approx(np.corrcoef(x, z)[0, 1])


def test_a_discount_worked_by_hand() -> None:
    model = bg_nbd([0, 1, 2, 3, 4, 0], [0, 3, 9, 12, 25, 0], [30, 30, 31, 32, 33, 20], [60, 20, 10, 9, 9, 30])
    spend = gamma_gamma([1, 2, 3, 1, 2, 5], [4.0, 7.0, 2.5, 9.0, 11.0, 6.0], [9, 9, 9, 9, 9, 9])
    at = ([2, 0], [20.0, 0.0], [30.0, 30.0])
    found = lifetime_value(
        model, spend, *at, [5.0, 0.0], horizon=10, period=4, discount=0.1, margin=0.5, count=[3, 2]
    )
    cumulated = np.array([model.expected(h, *at) for h in (4, 8, 10)])
    steps = np.diff(np.vstack([[0, 0], cumulated]), axis=0)
    worth = (steps * np.array([[1.1**-1], [1.1**-2], [1.1**-2.5]])).sum(axis=0)
    assert found.value == pytest.approx(0.5 * worth * spend.expected([2, 0], [5.0, 0.0]), rel=1e-12)
    assert found.total == pytest.approx(found.value @ [3, 2])


def test_gates() -> None:
    rng = np.random.default_rng(2)
    x = rng.integers(1, 20, 3000)
    tied = gamma_gamma(x, x * rng.gamma(5, 1, 3000))
    assert "dependent" in dict(tied.adequacy()) and "spend more a purchase" in tied.adequacy()[0][1]
    heavy = gamma_gamma(np.full(3000, 3), rng.gamma(6, 1, 3000) / rng.gamma(1.2, 1, 3000))
    assert "heavy_tail" in dict(heavy.adequacy())


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda m, s: gamma_gamma([0, 1], [1, 1]), "leave non-repeaters out"),
        (lambda m, s: gamma_gamma([1, 2], [1, np.nan]), "positive purchases"),
        (lambda m, s: gamma_gamma([1, 2], [1, 2]), "more customers"),
        (lambda m, s: s.expected([1], [0.0]), "free orders"),
        (lambda m, s: s.expected([-1], [1.0]), "at least 0"),
        (lambda m, s: value(m, s, period=0), "period"),
        (lambda m, s: value(m, s, discount=-0.1), "discount"),
        (lambda m, s: value(m, s, period=60), "within the horizon"),
    ],
)
def test_refusals(call: Any, word: str) -> None:
    model = bg_nbd([0, 1, 2, 3, 4, 0], [0, 3, 9, 12, 25, 0], [30, 30, 31, 32, 33, 20], [60, 20, 10, 9, 9, 30])
    spend = gamma_gamma([1, 2, 3, 1, 2, 5], [4.0, 7.0, 2.5, 9.0, 11.0, 6.0], [9, 9, 9, 9, 9, 9])
    with pytest.raises(ValueError, match=word):
        call(model, spend)


def value(model: Any, spend: Any, **changed: Any) -> Any:
    given = dict(horizon=52, period=4, discount=0.01) | changed
    return lifetime_value(model, spend, [1], [2], [9], [5.0], **given)


def test_an_infinite_mean_is_refused() -> None:
    rng = np.random.default_rng(2)
    heavy = gamma_gamma(np.full(3000, 3), rng.gamma(6, 1, 3000) / rng.gamma(0.7, 1, 3000))
    assert heavy.expected([3], [5.0])[0] > 0
    with pytest.raises(ValueError, match="infinite"):
        heavy.expected([0], [0.0])
