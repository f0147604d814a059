"""Contrasts against SciPy, statsmodels, brute force, and with each other."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from growth.stats.contrast import (
    Ratio,
    critical,
    difference,
    estimate,
    fieller,
    lift,
    not_worse,
    proportions,
    ratio_difference,
    ratio_lift,
    ratio_of_differences,
    tail,
)
from growth.stats.moments import Moments


def arms(n: int = 400, seed: int = 3, effect: float = 0.5) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two arms with a skewed metric, a cost that goes with it, and a count."""
    random = np.random.default_rng(seed)
    found = []
    for size, plus in ((n, 0.0), (n + 111, effect)):
        x = random.gamma(0.7, 3, size) + plus
        found.append(
            {"x": x, "cost": 0.3 * x + random.exponential(1 + plus, size), "k": 1.0 + random.poisson(x)}
        )
    return found[0], found[1]


def moments(**kwargs: Any) -> tuple[Moments, Moments]:
    a, b = arms(**kwargs)
    return Moments.of(a), Moments.of(b)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
def test_difference_is_welch(confidence: float) -> None:
    a, b = arms()
    e = difference(Moments.of(a), Moments.of(b), "x", confidence)
    expected = stats.ttest_ind(b["x"], a["x"], equal_var=False)
    low, high = expected.confidence_interval(confidence)
    assert (e.p_value, e.freedom) == pytest.approx((expected.pvalue, expected.df), rel=1e-10)
    assert (e.low, e.high) == pytest.approx((low, high), rel=1e-10)
    assert (e.value, e.confidence) == (pytest.approx(b["x"].mean() - a["x"].mean()), confidence)


def test_an_arm_that_does_not_vary_leaves_the_other_ones_freedom() -> None:
    e = difference(Moments.of({"x": [0.0] * 9}), Moments.of({"x": [1.0, 2.0, 3.0, 4.0]}), "x")
    assert e.freedom == pytest.approx(3) and e.error == pytest.approx(np.std([1, 2, 3, 4], ddof=1) / 2)


@pytest.mark.parametrize("freedom", [1.0, 7.3, 4e4, 1e9])
@pytest.mark.parametrize("z", [0.1, 2.0, 22.6])
def test_tails_are_student_s(freedom: float, z: float) -> None:
    assert tail(z, freedom) == pytest.approx(stats.t.sf(z, freedom), rel=1e-8)
    assert critical(freedom, 0.95) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-9)
    assert critical(inf, 0.95) == pytest.approx(stats.norm.ppf(0.975), rel=1e-14)


def test_proportions_against_statsmodels() -> None:
    from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

    e = proportions(120, 1000, 150, 1100, 0.9)
    assert e.p_value == pytest.approx(proportions_ztest([150, 120], [1100, 1000])[1], rel=1e-12)
    wald = confint_proportions_2indep(150, 1100, 120, 1000, method="wald", alpha=0.1)
    assert (e.low, e.high) == pytest.approx(wald, rel=1e-12)


def test_a_unit_repeated_in_rows_equals_cluster_robust() -> None:
    """Sessions of users: the ratio at the user is the regression on sessions with errors clustered by user."""
    random = np.random.default_rng(8)
    users = [{"sessions": 1.0 + random.poisson(3, 900), "treated": t} for t in (0.0, 1.0)]
    orders, treated, who, groups = [], [], [], []
    for i, arm in enumerate(users):
        share = random.beta(1, 4, 900)
        split = [random.random(int(s)) < p for s, p in zip(arm["sessions"], share, strict=True)]
        groups.append(Moments.of({"sessions": arm["sessions"], "orders": [x.sum() for x in split]}))
        orders.append(np.concatenate(split).astype(float))
        treated.append(np.full(len(orders[-1]), float(i)))
        who.append(np.repeat(np.arange(900) + 900 * i, arm["sessions"].astype(int)))
    y, x = np.concatenate(orders), sm.add_constant(np.concatenate(treated))
    fit = sm.OLS(y, x).fit(cov_type="cluster", cov_kwds={"groups": np.concatenate(who)})
    naive = sm.OLS(y, x).fit(cov_type="HC1")
    e = ratio_difference(*groups, "orders", "sessions")
    assert e.value == pytest.approx(fit.params[1], rel=1e-10)
    assert e.error == pytest.approx(fit.bse[1], rel=1e-3)
    assert e.error > 1.2 * naive.bse[1]


@settings(derandomize=True, deadline=None)
@given(
    st.floats(-3, 3),
    st.floats(-3, 3).filter(lambda b: abs(b) > 1e-3),
    st.floats(0.05, 2),
    st.floats(0.05, 2),
    st.floats(-0.99, 0.99),
    st.sampled_from([0.5, 0.8, 0.95, 0.99]),
    st.sampled_from([3.0, 50.0, inf]),
)
def test_fieller_by_brute_force(
    top: float, bottom: float, s: float, t: float, rho: float, confidence: float, freedom: float
) -> None:
    """A grid of ratios, each tested: top - r bottom is not significant exactly for those that the set holds."""
    cov = rho * s * t
    found = fieller(top, bottom, s**2, t**2, cov, freedom, confidence)
    grid = np.concatenate([[0.0], np.tan(np.linspace(-1.57, 1.57, 401))])
    q = stats.norm.ppf(0.5 + confidence / 2) if freedom == inf else stats.t.ppf(0.5 + confidence / 2, freedom)
    excess = (top - grid * bottom) ** 2 - q**2 * (s**2 - 2 * grid * cov + grid**2 * t**2)
    clear = np.abs(excess) > 1e-9 * (1 + grid**2)
    held = np.array([found.holds(float(r)) for r in grid])
    assert np.array_equal(held[clear], (excess <= 0)[clear])
    assert found.value == top / bottom
    assert (found.p_value < 1 - confidence) == (not found.holds(0.0)) or abs(excess[0]) < 1e-9


def test_each_kind_of_set() -> None:
    assert fieller(1.0, 10.0, 0.01, 1.0, 0.0).kind == "bounded"
    outside = fieller(10.0, 1.0, 1.0, 1.0, 0.0)
    assert outside.kind == "outside" and outside.low < 0 < outside.high and not outside.holds(0.0)
    assert fieller(0.5, 0.5, 1.0, 1.0, 0.0) == Ratio(
        1.0, -inf, inf, "everything", pytest.approx(0.617, abs=1e-3), 0.95
    )
    known = fieller(3.0, 2.0, 0.25, 0.0, 0.0)  # a bottom without error only rescales
    assert (known.low, known.high) == pytest.approx(((3 - 0.98) / 2, (3 + 0.98) / 2), rel=1e-3)


def test_on_the_edge_one_of_the_two_pieces_is_empty() -> None:
    """Where the bottom's z is exactly the critical value the set is a half-line."""
    q2 = critical(inf, 0.95) ** 2
    near = [1 / q2 + i * np.spacing(1 / q2) for i in range(-4, 5)]
    exact = next(v for v in near if q2 * v == 1.0)
    up, down = fieller(3.0, 1.0, 1.0, exact, 0.0), fieller(-3.0, 1.0, 1.0, exact, 0.0)
    edge = (9 - q2) / 6
    assert (up.kind, up.low, up.high) == ("outside", -inf, pytest.approx(edge)) and not up.holds(0.0)
    assert (down.kind, down.low, down.high) == ("outside", pytest.approx(-edge), inf) and not down.holds(0.0)


metric = st.lists(st.integers(0, 30), min_size=2, max_size=25)


@settings(derandomize=True, deadline=None)
@given(metric, metric, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_a_bounded_lift_never_contradicts_the_test(a: list[int], b: list[int], confidence: float) -> None:
    assume(sum(a) > 0 and len(set(a)) + len(set(b)) > 2)
    control, treated = Moments.of({"x": a}), Moments.of({"x": b})
    e, r = difference(control, treated, "x", confidence), lift(control, treated, "x", confidence)
    assert r.p_value == pytest.approx(e.p_value, rel=1e-12)
    assume(abs(e.p_value - (1 - confidence)) > 1e-9)
    assert (e.p_value < 1 - confidence) == (not r.holds(0.0)) == (not e.low <= 0 <= e.high)
    if r.kind == "bounded":
        assert r.low - 1e-9 <= r.value <= r.high + 1e-9


def test_ratio_lift_agrees_with_ratio_difference() -> None:
    control, treated = moments(effect=0.2)
    for confidence in np.linspace(0.5, 0.999, 60):
        e = ratio_difference(control, treated, "x", "k", confidence)
        r = ratio_lift(control, treated, "x", "k", confidence)
        assert r.p_value == pytest.approx(e.p_value) and r.holds(0.0) == (e.low <= 0 <= e.high)
    assert r.value == pytest.approx(e.value / (control.mean_of("x") / control.mean_of("k")))


def test_ratio_by_a_constant_is_the_difference() -> None:
    a, b = arms()
    control, treated = (Moments.of({**v, "two": np.full(len(v["x"]), 2.0)}) for v in (a, b))
    e, d = ratio_difference(control, treated, "x", "two"), difference(control, treated, "x")
    assert (e.value, e.error, e.p_value) == pytest.approx((d.value / 2, d.error / 2, d.p_value), rel=1e-12)


def test_ratio_of_differences_against_the_bootstrap() -> None:
    a, b = arms(n=2000, effect=1.0)
    r = ratio_of_differences(Moments.of(a), Moments.of(b), "x", "cost")
    random = np.random.default_rng(1)
    draws = []
    for _ in range(2000):
        i, j = random.integers(2000, size=2000), random.integers(2111, size=2111)
        draws.append((b["x"][j].mean() - a["x"][i].mean()) / (b["cost"][j].mean() - a["cost"][i].mean()))
    low, high = np.quantile(draws, [0.025, 0.975])
    width = r.high - r.low
    assert (r.low, r.high) == pytest.approx((low, high), abs=0.1 * width)
    assert r.p_value == difference(Moments.of(a), Moments.of(b), "x").p_value


def test_not_worse() -> None:
    a, b = arms()
    control, treated = moments()
    e = not_worse(control, treated, "x", 0.1)
    expected = stats.ttest_ind(b["x"], 0.9 * a["x"], equal_var=False, alternative="greater")
    assert (e.p_value, e.freedom) == pytest.approx((expected.pvalue, expected.df), rel=1e-9)
    e = not_worse(control, treated, "x", 0.1, "decrease")
    expected = stats.ttest_ind(1.1 * a["x"], b["x"], equal_var=False, alternative="greater")
    assert (e.value, e.p_value) == pytest.approx(
        (1.1 * a["x"].mean() - b["x"].mean(), expected.pvalue), rel=1e-9
    )
    assert (e.low > 0) == (e.p_value < 0.025)


FLAT, BUSY = Moments.of({"x": [0.0, 0.0], "k": [1.0, 2.0]}), Moments.of({"x": [1.0, 2.0], "k": [0.0, 0.0]})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: difference(FLAT, FLAT, "x"), "does not vary"),
        (lambda: difference(Moments.of({"x": [1.0]}), BUSY.pick("x"), "x"), "at least 2"),
        (lambda: difference(FLAT, BUSY, "x", 95), "Confidence"),
        (lambda: lift(FLAT, BUSY, "x"), "lift does not exist"),
        (lambda: ratio_difference(FLAT, BUSY, "x", "k"), "mean of 0"),
        (lambda: ratio_difference(FLAT, FLAT, "x", "k"), "same for every unit"),
        (
            lambda: ratio_lift(FLAT, Moments.of({"x": [1.0, 2.0], "k": [1.0, 1.0]}), "x", "k"),
            "does not exist",
        ),
        (
            lambda: ratio_of_differences(BUSY, FLAT, "x", "x") and ratio_of_differences(BUSY, BUSY, "x", "k"),
            "equal",
        ),
        (lambda: estimate(1.0, 0.0, 5), "positive error"),
        (lambda: estimate(np.nan, 1.0, 5), "finite"),
        (lambda: estimate(1.0, 1.0, -1), "freedom"),
        (lambda: fieller(1.0, 0.0, 1.0, 1.0, 0.0), "does not exist"),
        (lambda: fieller(1.0, 1.0, 1.0, -1.0, 0.0), "negative variance"),
        (lambda: fieller(1.0, 1.0, 1.0, 1.0, 2.0), "covariance"),
        (lambda: fieller(np.nan, 1.0, 1.0, 1.0, 0.0), "finite"),
        (lambda: proportions(0, 10, 0, 10), "all hits or none"),
        (lambda: proportions(0, 10, 10, 10), "all hits or none"),
        (lambda: proportions(11, 10, 1, 10), "hits"),
        (lambda: proportions(0, 0, 1, 10), "hits"),
        (lambda: not_worse(FLAT, BUSY, "x", 0.1), "positive control mean"),
        (lambda: not_worse(BUSY, BUSY, "x", 1.0), "margin"),
        (lambda: not_worse(BUSY, BUSY, "x", 0.1, "up"), "direction"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_said_is_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
