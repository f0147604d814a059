"""Adjusted differences against statsmodels, population truths of blocks, and what must not change them."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import ttest_ind

from growth.stats.adjust import adjusted, blocked
from growth.stats.contrast import difference, lift
from growth.stats.moments import Moments


def arms(n: int = 3000, seed: int = 2) -> list[dict[str, Any]]:
    random = np.random.default_rng(seed)
    found = []
    for effect in (0.0, 0.4):
        old, age = random.gamma(2, 2, n), random.normal(40, 10, n)
        y = 3 + 0.8 * old - 0.05 * age + effect + random.normal(0, 1.5, n)
        found.append({"y": y, "old": old, "age": age, "one": np.full(n, 7.0), "both": old + 2 * age})
    return found


def test_one_covariate_is_welch_of_the_residuals() -> None:
    a, b = arms()
    found = adjusted(Moments.of(a), Moments.of(b), "y", ["old"])
    y, old = (np.concatenate([a[k], b[k]]) for k in ("y", "old"))
    theta = np.cov(y, old)[0, 1] / old.var(ddof=1)
    expected = ttest_ind(b["y"] - theta * b["old"], a["y"] - theta * a["old"], equal_var=False)
    assert found.coefficients["old"] == pytest.approx(theta, rel=1e-11)
    e = found.estimate
    assert (e.p_value, e.freedom) == pytest.approx((expected.pvalue, expected.df), rel=1e-9)


def test_several_covariates_are_nearly_regression_with_robust_errors() -> None:
    a, b = arms()
    found = adjusted(Moments.of(a), Moments.of(b), "y", ["old", "age"])
    whole = {k: np.concatenate([a[k], b[k]]) for k in a}
    treated = np.repeat([0.0, 1.0], 3000)
    x = sm.add_constant(np.column_stack([treated, whole["old"], whole["age"]]))
    fit = sm.OLS(whole["y"], x).fit(cov_type="HC2")
    assert found.estimate.value == pytest.approx(fit.params[1], abs=0.02 * fit.bse[1])
    assert found.estimate.error == pytest.approx(fit.bse[1], rel=2e-3)
    pooled = sm.OLS(whole["y"], sm.add_constant(x[:, 2:])).fit().params[1:]
    assert list(found.coefficients.values()) == pytest.approx(list(pooled), rel=1e-9)
    plain = difference(Moments.of(a), Moments.of(b), "y")
    assert found.plain == plain and found.reduction == pytest.approx(
        1 - (found.estimate.error / plain.error) ** 2
    )
    assert found.reduction > 0.3


def test_constant_and_collinear_covariates_change_nothing() -> None:
    control, treated = (Moments.of(v) for v in arms())
    plain = adjusted(control, treated, "y", ["old", "age"])
    more = adjusted(control, treated, "y", ["one", "both", "old", "age", "old"])
    assert more.coefficients["one"] == 0.0
    assert (more.estimate.value, more.estimate.error) == pytest.approx(
        (plain.estimate.value, plain.estimate.error), rel=1e-9
    )
    none = adjusted(control, treated, "y", ["one"])
    assert none.estimate.value == pytest.approx(none.plain.value) and none.reduction == pytest.approx(
        0, abs=1e-12
    )


def test_the_lift_s_bottom_is_the_plain_control_mean_with_its_covariance() -> None:
    a, b = arms()
    found = adjusted(Moments.of(a), Moments.of(b), "y", ["old", "age"])
    assert found.lift.value == pytest.approx(found.estimate.value / a["y"].mean(), rel=1e-12)
    assert found.lift.p_value == found.estimate.p_value
    no_help = adjusted(Moments.of(a), Moments.of(b), "y", [])
    plain = lift(Moments.of(a), Moments.of(b), "y")
    assert (no_help.lift.low, no_help.lift.high) == pytest.approx((plain.low, plain.high), rel=1e-12)
    draws, random = [], np.random.default_rng(4)
    for _ in range(400):
        pair = [
            {k: v[i] for k, v in arm.items()} for arm in (a, b) for i in [random.integers(3000, size=3000)]
        ]
        draws.append(adjusted(*[Moments.of(p) for p in pair], "y", ["old", "age"]).lift.value)
    width = found.lift.high - found.lift.low
    assert width == pytest.approx(2 * 1.96 * np.std(draws), rel=0.12)


SHARES, BASES, EFFECTS = np.array([0.5, 0.3, 0.2]), np.array([1.0, 4.0, 9.0]), np.array([0.0, 1.0, 2.0])


def drawn_blocks(random: np.random.Generator, n: int) -> list[tuple[Moments, Moments]]:
    """A block's share is drawn; the third gets more treated units, so that the plain difference is biased."""
    block = random.choice(3, n, p=SHARES)
    treated = random.random(n) < np.array([0.5, 0.5, 0.7])[block]
    old = random.normal(0, 1, n)
    y = BASES[block] + EFFECTS[block] * treated + old + random.normal(0, 1, n)
    return [
        tuple(
            Moments.of({"y": y[m], "old": old[m]}) for m in ((block == g) & ~treated, (block == g) & treated)
        )
        for g in range(3)
    ]  # type: ignore[misc]


def test_blocks_cover_the_population_s_effect_and_lift() -> None:
    random = np.random.default_rng(9)
    effect, base = float(SHARES @ EFFECTS), float(SHARES @ BASES)
    found = [blocked(drawn_blocks(random, 300), "y", ["old"]) for _ in range(1500)]
    held = np.mean([f.estimate.low <= effect <= f.estimate.high for f in found])
    lifted = np.mean([f.lift.holds(effect / base) for f in found])
    biased = np.mean([f.plain.low <= effect <= f.plain.high for f in found])
    assert 0.935 < held < 0.967 and 0.935 < lifted < 0.967 and biased < 0.7
    spread = np.std([f.estimate.value for f in found])
    assert np.mean([f.estimate.error for f in found]) == pytest.approx(spread, rel=0.06)


def test_one_block_is_no_block() -> None:
    control, treated = (Moments.of(v) for v in arms())
    one, none = blocked([(control, treated)], "y", ["old"]), adjusted(control, treated, "y", ["old"])
    assert (one.estimate.value, one.estimate.error) == pytest.approx(
        (none.estimate.value, none.estimate.error), rel=1e-12
    )
    assert one.lift.high == pytest.approx(none.lift.high, rel=1e-9)


def test_blocks_that_say_nothing_cost_nothing() -> None:
    random = np.random.default_rng(7)
    pairs = [tuple(Moments.of({"y": random.normal(5, 2, 800)}) for _ in range(2)) for _ in range(4)]
    found = blocked(pairs, "y")  # type: ignore[arg-type]
    merged = [reduce(add, side) for side in zip(*pairs, strict=True)]
    assert found.plain == difference(merged[0], merged[1], "y")
    assert found.reduction == pytest.approx(0, abs=0.01) and found.coefficients == {}


SMALL = Moments.of({"y": [1.0], "old": [1.0]})
GOOD = Moments.of({"y": [1.0, 2.0, 4.0], "old": [1.0, 2.0, 3.0]})
ZERO = Moments.of({"y": [-1.0, 0.0, 1.0], "old": [1.0, 2.0, 4.0]})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: blocked([(GOOD, GOOD), (SMALL, GOOD)], "y"), "Block 1 has 1 control .* a similar block"),
        (lambda: blocked([(GOOD, Moments.of({"y": [], "old": []}))], "y"), "0 treated"),
        (lambda: blocked([], "y"), "no blocks"),
        (lambda: adjusted(GOOD, GOOD, "y", ["y"]), "own covariate"),
        (
            lambda: adjusted(GOOD.with_sum("z", {"y": 2}), GOOD.with_sum("z", {"y": 2}), "z", ["y"]),
            "sum of its",
        ),
        (lambda: adjusted(ZERO, GOOD, "y", ["old"]), "lift does not exist"),
    ],
)
def test_what_cannot_be_adjusted_is_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
