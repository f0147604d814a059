"""Power against statsmodels and simulation, and its inverses against itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.power import NormalIndPower, TTestIndPower

from growth.stats.power import power, proportions_needed, smallest_effect, units_needed, units_needed_t


@settings(derandomize=True, deadline=None)
@given(st.floats(0.001, 0.3), st.floats(0.35, 0.99), st.floats(1e-3, 1e3))
def test_the_smallest_effect_has_its_power(alpha: float, wanted: float, error: float) -> None:
    assert power(smallest_effect(error, alpha, wanted), error, alpha) == pytest.approx(wanted, rel=1e-9)


def test_power_is_statsmodels() -> None:
    expected = NormalIndPower().power(0.2, 150, 0.05, ratio=2)
    assert power(0.2, np.sqrt(1 / 150 + 1 / 300)) == pytest.approx(expected, rel=1e-12)
    assert power(0.0, 1.0, 0.05) == pytest.approx(0.05) and power(-3.0, 1.0) == power(3.0, 1.0)


def test_units_needed_give_the_power() -> None:
    variances, shares = (4.0, 9.0), (0.25, 0.5)  # a third arm has the rest
    n = units_needed(0.3, variances, shares, 0.05, 0.9)
    error = np.sqrt(4 / (0.25 * n) + 9 / (0.5 * n))
    assert power(0.3, error) == pytest.approx(0.9, rel=1e-9)
    assert units_needed(-0.3, variances, shares, 0.05, 0.9) == n


def test_units_for_a_t_test_with_unequal_arms() -> None:
    n = units_needed_t(0.2, 0.05, 0.9, 3.0)
    assert TTestIndPower().power(0.2, n, 0.05, 3.0) == pytest.approx(0.9, abs=1e-6)


def test_units_for_shares_reach_the_power_by_simulation() -> None:
    n = int(np.ceil(proportions_needed(0.1, 0.13, method="pooled")))
    k = np.random.default_rng(1).binomial(n, [[0.1], [0.13]], (2, 40_000))
    mean = k.mean(axis=0) / n
    z = (k[1] - k[0]) / n / np.sqrt(2 * mean * (1 - mean) / n)
    assert (np.abs(z) > 1.959964).mean() == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: power(1.0, 0.0), "positive error"),
        (lambda: power(1.0, 1.0, 0.0), "Alpha"),
        (lambda: smallest_effect(-1.0), "positive error"),
        (lambda: smallest_effect(1.0, 0.05, 0.05), "Power"),
        (lambda: units_needed(0.0, (1.0, 1.0)), "other than 0"),
        (lambda: units_needed(1.0, (0.0, 0.0)), "Variances"),
        (lambda: units_needed(1.0, (1.0, np.nan)), "Variances"),
        (lambda: units_needed(1.0, (1.0, 1.0), (0.6, 0.6)), "Shares"),
        (lambda: units_needed_t(0.0), "must not be 0"),
        (lambda: proportions_needed(0.1, 0.1), "different"),
        (lambda: proportions_needed(0.1, 0.2, method="exact"), "method"),  # type: ignore[arg-type]
    ],
)
def test_what_has_no_answer_is_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
