"""Bounds by simulation and against closed forms; always-valid intervals against their own definition."""

from __future__ import annotations

import time
from math import inf, log, sqrt
from typing import Any

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from growth.stats.sequential import always_valid, lan_demets, repeated_interval, spent

TIMES = np.array([0.15, 0.2, 0.55, 0.9, 1.0])


@pytest.mark.parametrize("spending", ["obrien_fleming", "pocock", "power"])
def test_any_look_spends_what_it_may(spending: Any) -> None:
    """A million random walks cross for the first time at each look as often as `spent` says."""
    bounds, allowed = lan_demets(TIMES, 0.05, spending), spent(TIMES, 0.05, spending)
    random, n = np.random.default_rng(11), 1_000_000
    at, alive, share, before = np.zeros(n), np.ones(n, bool), 0.0, 0.0
    for t, bound, total in zip(TIMES, bounds, allowed, strict=True):
        at += random.normal(0, sqrt(t - before), n)
        alive &= np.abs(at) < bound * sqrt(t)
        share, before = 1 - alive.mean(), t
        assert share == pytest.approx(total, abs=4.5 * sqrt(total * (1 - total) / n) + 1e-9)
    assert share == pytest.approx(0.05, abs=0.001)


def test_two_looks_by_the_bivariate_normal() -> None:
    first, second = lan_demets([0.4, 1.0], 0.05, "pocock")
    assert first == pytest.approx(norm.isf(spent([0.4], 0.05, "pocock")[0] / 2), rel=1e-9)
    cov = [[1, sqrt(0.4)], [sqrt(0.4), 1]]
    box = multivariate_normal([0, 0], cov, seed=1).cdf([first, second], lower_limit=[-first, -second])
    assert 1 - box == pytest.approx(0.05, abs=1e-6)


def test_one_look_is_the_fixed_test() -> None:
    for spending in ("obrien_fleming", "pocock", "power"):
        assert lan_demets([1.0], 0.05, spending) == pytest.approx([norm.isf(0.025)], rel=1e-10)  # type: ignore[arg-type]


def test_28_looks_are_quick() -> None:
    start = time.perf_counter()
    bounds = lan_demets(np.arange(1, 29) / 28)
    assert time.perf_counter() - start < 0.5
    assert (np.diff(bounds) < 0).all() and 2.0 < bounds[-1] < 2.3


def test_too_little_to_spend_is_no_bound() -> None:
    bounds = lan_demets([0.001, 0.5, 1.0])
    assert bounds[0] == inf and bounds[1:] == pytest.approx(lan_demets([0.5, 1.0]), rel=1e-8)


def test_uneven_and_close_looks() -> None:
    """A look a hair after another changes nothing but a hair."""
    close = lan_demets([0.5, 0.5002, 1.0], 0.05, "pocock")
    assert close[2] == pytest.approx(lan_demets([0.5, 1.0], 0.05, "pocock")[1], abs=2e-3)


def test_repeated_intervals() -> None:
    assert repeated_interval(2.0, 0.5, 3.0) == (0.5, 3.5)
    assert repeated_interval(2.0, 0.5, inf) == (-inf, inf)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_always_valid_is_its_definition(confidence: float) -> None:
    """The interval's end has p = alpha, and at `best_at` it is about as narrow as any choice of rho makes it."""
    alpha, n = 1 - confidence, 5000
    e = always_valid(0.0, 1.0, n, confidence)
    assert always_valid(e.high, 1.0, n, confidence).p_value == pytest.approx(alpha, rel=1e-9)
    assert always_valid(1.001 * e.high, 1.0, n, confidence).low > 0
    rho2 = np.logspace(-6, 0, 4001)
    best = np.sqrt(2 * (n * rho2 + 1) / (n * rho2) * np.log(np.sqrt(n * rho2 + 1) / alpha)).min()
    assert best <= e.high <= 1.02 * best
    assert e.high > norm.isf(alpha / 2) and always_valid(0.0, 1.0, n, confidence).p_value == 1.0


def test_always_valid_grows_with_the_iterated_logarithm() -> None:
    late = always_valid(0.0, 1.0, 10**9).high
    assert late == pytest.approx(sqrt(log(10**9 / 5000) + 8), rel=0.1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: lan_demets([0.5, 0.4]), "increase"),
        (lambda: lan_demets([0.5, 1.1]), "at most 1"),
        (lambda: lan_demets([]), "Times"),
        (lambda: lan_demets([np.nan, 1.0]), "Times"),
        (lambda: lan_demets([0.5, 0.50001, 1.0]), "merge"),
        (lambda: lan_demets([1.0], 1.5), "Alpha"),
        (lambda: lan_demets([1.0], 0.05, "haybittle"), "Spending"),  # type: ignore[arg-type]
        (lambda: spent([1.0], 0.05, "power", 0.0), "exponent"),
        (lambda: repeated_interval(1.0, 0.0, 2.0), "positive error"),
        (lambda: repeated_interval(1.0, 1.0, np.nan), "bound"),
        (lambda: always_valid(1.0, 1.0, 0), "at least 1"),
        (lambda: always_valid(np.nan, 1.0, 10), "finite"),
        (lambda: always_valid(1.0, 1.0, 10, 95), "Confidence"),
    ],
)
def test_what_cannot_be_planned_is_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
