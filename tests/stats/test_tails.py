"""Tails against unit-level SciPy; quantile intervals by simulation, ties and zeros included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_ind

from growth.stats.tails import Tally, influence, quantile_difference, winsorised


def tally(x: Any) -> Tally:
    return Tally(*np.unique(x, return_counts=True))


def drawn(seed: int, n: int = 900, shift: float = 0.0) -> Any:
    random = np.random.default_rng(seed)
    return np.round(random.lognormal(1, 1.5, n) * (random.random(n) < 0.4) + shift, 1)


def test_winsorised_is_welch_of_capped_units() -> None:
    a, b = drawn(1), drawn(2)
    found = winsorised(tally(a), tally(b), 0.95)
    cap = np.quantile(np.concatenate([a, b]), 0.95, method="inverted_cdf")
    expected = ttest_ind(np.minimum(b, cap), np.minimum(a, cap), equal_var=False)
    assert found.cap == cap and found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.lowered == (np.concatenate([a, b]) > cap).sum()
    whole = winsorised(tally(a), tally(b), 1.0)
    assert whole.lowered == 0 and whole.p_value == pytest.approx(ttest_ind(b, a, equal_var=False).pvalue)


def test_influence_leaves_out_the_farthest_unit() -> None:
    a, b = drawn(1), np.append(drawn(2), -400.0)
    found = influence(tally(a), tally(b), "profit")
    assert (found.value, found.arm) == (-400.0, "treated")
    assert found.whole.p_value == pytest.approx(ttest_ind(b, a, equal_var=False).pvalue, rel=1e-9)
    assert found.without.p_value == pytest.approx(ttest_ind(b[:-1], a, equal_var=False).pvalue, rel=1e-9)


def test_only_one_of_the_units_that_tie_is_left_out() -> None:
    a, b = np.array([1.0, 2.0, 19.0, 19.0]), np.array([2.0, 3.0, 19.0])
    found = influence(tally(a), tally(b))
    assert found.arm == "control" and found.without.value == pytest.approx(8 - 22 / 3)


def test_values_may_come_in_any_order_and_in_parts() -> None:
    a, b = drawn(1), drawn(2)
    v, c = tally(a)
    shuffled = (np.concatenate([v[::-1], v]), np.concatenate([c[::-1] - 1, np.ones_like(c)]))
    for f in (lambda x: winsorised(x, tally(b)), lambda x: quantile_difference(x, tally(b), 0.8)):
        assert f(shuffled) == f((v, c))


def coverage(make: Any, q: float, shift: float = 0.0, n: int = 400, runs: int = 300) -> tuple[float, int]:
    """Share of the intervals that hold the true difference, among those given, and how many were refused."""
    random = np.random.default_rng(21)
    held = []
    for _ in range(runs):
        try:
            e = quantile_difference(tally(make(random, n)), tally(make(random, n + 50) + shift), q)
        except ValueError as reason:
            assert "not identified" in str(reason)  # noqa: PT017
            continue
        held.append(e.low <= shift <= e.high)
        assert (e.p_value < 0.05) == (e.low > 0 or e.high < 0)
    return float(np.mean(held)), runs - len(held)


@pytest.mark.parametrize(("q", "shift"), [(0.75, 0.0), (0.9, 0.7)])
def test_quantiles_of_continuous_values(q: float, shift: float) -> None:
    held, refused = coverage(lambda r, n: r.lognormal(0, 1, n), q, shift)
    assert 0.92 < held < 0.985 and not refused


@pytest.mark.parametrize("q", [0.5, 0.6, 0.75, 0.9])
def test_quantiles_of_zero_inflated_values(q: float) -> None:
    """Half of the units are 0: at the median the quantile jumps from 0 to what is above, in either arm alone."""
    held, refused = coverage(lambda r, n: r.lognormal(0, 1, n) * (r.random(n) < 0.5), q)
    assert held > 0.92 and refused < 20


def test_a_great_difference_of_quantiles_has_a_small_p_value() -> None:
    """About that of 15 standard errors; not 0, and not 1e-16, which is what is left of 1 less a share near 1."""
    random = np.random.default_rng(1)
    a, b = random.normal(0, 1, 400), random.normal(1.5, 1, 400)
    e = quantile_difference(tally(a), tally(b), 0.5)
    assert e.value / e.error == pytest.approx(15.3, abs=0.1) and 1e-60 < e.p_value < 1e-45
    assert quantile_difference(tally(a), tally(b + 9), 0.5).p_value < 1e-100


@pytest.mark.parametrize("q", [0.6, 0.9])
def test_quantiles_of_tied_values_hold_at_least_the_level(q: float) -> None:
    """Whole numbers from 0 to 12, 40 % of them 0; where both intervals shrink to one value it is refused."""
    held, refused = coverage(lambda r, n: r.poisson(4, n) * (r.random(n) < 0.6), q)
    assert held > 0.98 and 0 < refused < 250


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: quantile_difference(tally([0] * 99 + [5]), tally([0] * 98 + [5, 6]), 0.5), "not identified"),
        (lambda: quantile_difference(tally([1, 2, 3]), tally([1, 2, 3]), 0.99), "Too few units"),
        (lambda: quantile_difference(tally([1, 2]), tally([1, 2]), 1.0), "between 0 and 1"),
        (lambda: winsorised(tally([0] * 999 + [5]), tally([0] * 999 + [9])), "99.90% of units .* raise"),
        (lambda: winsorised(tally([1, 2]), tally([1, 2]), 0.0), "share"),
        (lambda: winsorised(([1, 2], [1]), tally([1, 2])), "one length"),
        (lambda: winsorised(([1, np.nan], [1, 1]), tally([1, 2])), "missing"),
        (lambda: winsorised(([1, 2], [1, 0.5]), tally([1, 2])), "whole numbers"),
        (lambda: influence(([1], [1]), tally([1, 2])), "at least 2"),
        (lambda: influence(tally([1, 1]), tally([1, 1])), "does not vary"),
        (lambda: influence(tally([1, 1]), tally([1, 5])), "at least 2 units"),
    ],
)
def test_what_tails_cannot_say_is_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
