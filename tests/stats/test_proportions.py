"""Wilson's interval against statsmodels and its exact coverage; the homogeneity test against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, chi2_contingency
from statsmodels.stats.proportion import proportion_confint

from growth.stats.proportions import homogeneity, wilson


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(("k", "n"), [(0, 5), (5, 5), (1, 10), (324, 885), (7, 1_000_000)])
def test_equals_statsmodels(k: int, n: int, confidence: float) -> None:
    low, high = wilson(k, n, confidence)
    expected = proportion_confint(k, n, alpha=1 - confidence, method="wilson")
    assert (float(low), float(high)) == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_nothing_observed_is_unknown_not_zero() -> None:
    low, high = wilson([0, 1], [0, 2])
    assert np.isnan(low[0]) and np.isnan(high[0]) and low[1] > 0


@pytest.mark.parametrize(("k", "n"), [(3, 2), (-1, 2)])
def test_impossible_counts_are_refused(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="successes"):
        wilson(k, n)


@pytest.mark.parametrize("n", [50, 200, 885])
def test_exact_coverage_averages_to_the_nominal(n: int) -> None:
    """Coverage at a share p is a finite sum over outcomes, no simulation; Wilson's oscillates around 95 %."""
    k = np.arange(n + 1)
    low, high = wilson(k, np.full(n + 1, n))
    shares = np.linspace(0.05, 0.6, 400)
    coverage = [(binom.pmf(k, n, p) * ((low <= p) & (p <= high))).sum() for p in shares]
    assert 0.945 < np.mean(coverage) < 0.955
    assert min(coverage) > 0.90


def test_homogeneity_is_pearsons_chi_square() -> None:
    k, n = np.array([30, 45, 12]), np.array([100, 120, 60])
    expected = chi2_contingency([k, n - k], correction=False)
    statistic, freedom, p = homogeneity(k, n)
    assert (statistic, freedom, p) == pytest.approx((expected.statistic, expected.dof, expected.pvalue))


@pytest.mark.parametrize(("k", "n"), [([5], [10]), ([0, 0], [4, 4]), ([4, 4], [4, 4])])
def test_homogeneity_says_when_it_cannot_tell(k: list[int], n: list[int]) -> None:
    assert np.isnan(homogeneity(k, n)[2])
