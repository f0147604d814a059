"""Sample ratios against SciPy; balance against Hotelling's test, its null, and collinear covariates."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2, chisquare, kstest

from growth.stats.moments import Moments
from growth.stats.samples import balance, sample_ratio


def test_sample_ratio_is_pearson_s() -> None:
    found = sample_ratio([480, 310, 210], [0.5, 0.3, 0.2])
    expected = chisquare([480, 310, 210], [500, 300, 200])
    assert (found.statistic, found.p_value) == pytest.approx((expected.statistic, expected.pvalue))
    assert found.expected == (500, 300, 200) and found.freedom == 2 and found.unplanned == ()


def test_an_arm_planned_without_units() -> None:
    """GrowthBook counts it in the freedom and gives .0718."""
    assert sample_ratio([500, 430, 0], [0.5, 0.5, 0]).p_value == pytest.approx(0.0217, abs=5e-5)
    wrong = sample_ratio([500, 430, 3], [0.5, 0.5, 0])
    assert (wrong.p_value, wrong.statistic, wrong.unplanned) == (0.0, inf, (2,))


@pytest.mark.parametrize(
    ("counts", "planned", "words"),
    [
        ([5, 5], [0.5, 0.4], "sum to 1"),
        ([5, 5], [1.0], "2 counts"),
        ([5, -5], [0.5, 0.5], "at least 0"),
        ([0, 0], [0.5, 0.5], "No units"),
        ([5, 0], [1.0, 0.0], "Only one"),
        ([5, np.nan], [0.5, 0.5], "numbers"),
    ],
)
def test_no_plan_no_test(counts: Any, planned: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        sample_ratio(counts, planned)


def drawn(random: np.random.Generator, n: int, shift: float = 0.0) -> dict[str, Any]:
    a = random.gamma(2, 1, n)
    b = a + random.normal(0, 1, n)
    return {"a": a + shift, "b": b, "mix": 3 * (a + shift) - 2 * b, "one": np.ones(n)}


def test_two_arms_are_hotelling_s_with_own_covariances() -> None:
    random = np.random.default_rng(1)
    x, y = drawn(random, 300), drawn(random, 500)
    found = balance([Moments.of(x), Moments.of(y)], ["a", "b"])
    step = np.array([y[k].mean() - x[k].mean() for k in ("a", "b")])
    cov = np.cov([x["a"], x["b"]]) / 300 + np.cov([y["a"], y["b"]]) / 500
    statistic = float(step @ np.linalg.solve(cov, step))
    assert (found.statistic, found.freedom) == (pytest.approx(statistic, rel=1e-9), 2)
    assert found.p_value == pytest.approx(chi2.sf(statistic, 2), rel=1e-9)


def test_constant_and_collinear_covariates_and_the_arms_order_change_nothing() -> None:
    random = np.random.default_rng(2)
    arms = [Moments.of(drawn(random, n)) for n in (300, 400, 500)]
    plain = balance(arms, ["a", "b"])
    for other in (balance(arms, ["one", "mix", "b", "a", "a"]), balance(arms[::-1], ["b", "a"])):
        assert other.freedom == plain.freedom == 4
        assert other.statistic == pytest.approx(plain.statistic, rel=1e-8)


def test_p_values_are_uniform_without_and_small_with_imbalance() -> None:
    random = np.random.default_rng(3)
    p = [balance([Moments.of(drawn(random, 400)) for _ in range(3)], ["a", "b"]).p_value for _ in range(400)]
    assert kstest(p, "uniform").pvalue > 0.01
    shifted = [Moments.of(drawn(random, 400, s)) for s in (0.0, 0.0, 0.5)]
    assert balance(shifted, ["a", "b"]).p_value < 1e-3


def test_what_differs_without_varying_is_no_chance() -> None:
    arms = [Moments.of({"a": [1.0, 2.0, 4.0], "wave": [w] * 3}) for w in (0.0, 1.0)]
    assert balance(arms, ["a", "wave"]).p_value == 0.0


@pytest.mark.parametrize(
    ("arms", "words"),
    [
        ([Moments.of({"a": [1.0, 1.0]})] * 2, "No covariate varies"),
        ([Moments.of({"a": [1.0, 2.0]})], "two arms"),
        ([Moments.of({"a": [1.0, 2.0]}), Moments.of({"a": [1.0]})], "at least 2"),
    ],
)
def test_nothing_to_balance(arms: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        balance(arms, ["a"])
