"""Moments: merged is whole, exact sums stay exact, and a mean of 1e8 does not drown a spread of 1."""

from __future__ import annotations

from decimal import Decimal
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from growth.stats.contrast import difference
from growth.stats.moments import Moments


def drawn(n: int = 500, seed: int = 1) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    spend = random.lognormal(2, 1, n)
    return {
        "spend": spend,
        "orders": random.poisson(2, n).astype(float),
        "old": spend + random.normal(0, 3, n),
    }


def test_equals_numpy() -> None:
    values = drawn()
    m = Moments.of(values)
    assert m.n == 500 and m.mean == pytest.approx([v.mean() for v in values.values()], rel=1e-13)
    assert m.cross / 499 == pytest.approx(np.cov(np.array(list(values.values()))), rel=1e-12)
    assert m.var("spend") == pytest.approx(values["spend"].var(ddof=1), rel=1e-12)
    assert m.cov("spend", "old") == m.cov("old", "spend")


@settings(derandomize=True, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(0, 2**32 - 1))
def test_parts_add_up_to_the_whole(sizes: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    parts = [{"a": random.normal(1e4, 1, n), "b": random.exponential(1, n)} for n in sizes]
    merged = reduce(add, [Moments.of(p) for p in parts])
    whole = Moments.of({k: np.concatenate([p[k] for p in parts]) for k in ("a", "b")})
    assert merged.n == whole.n
    assert merged.mean == pytest.approx(whole.mean, rel=1e-12)
    assert merged.cross == pytest.approx(whole.cross, rel=1e-9, abs=1e-7)


def test_exact_sums_survive_a_great_mean() -> None:
    """Mean 1e8, spread 1: the p-value is the centred data's, where raw float squares are 30-fold off."""
    random = np.random.default_rng(5)
    arms = [random.normal(0, 1, 20_000) + shift for shift in (0.0, 0.03)]
    cents = [np.round(a * 10_000).astype(int) for a in arms]  # four decimals, as money has
    truth = ttest_ind(cents[1], cents[0], equal_var=False).pvalue
    found = []
    for make in (Decimal, int):
        groups = []
        for c in cents:
            units = [make(int(v)) + make(10**12) for v in c]
            groups.append(Moments.from_sums(["x"], len(units), [sum(units)], [[sum(u * u for u in units)]]))
        found.append(difference(*groups, "x").p_value)
    unit_level = [Moments.of({"x": 1e8 + c / 10_000}) for c in cents]
    found.append(difference(*unit_level, "x").p_value)
    assert found[:2] == pytest.approx([truth] * 2, rel=1e-5)  # a mean of 1e12 is stored to 1e-4
    assert found[2] == pytest.approx(truth, rel=1e-5)  # the units themselves have lost digits
    halves = [Moments.of({"x": h}) for h in np.array_split(1e8 + cents[0] / 10_000, 7)]
    assert reduce(add, halves).var("x") == pytest.approx(np.var(cents[0] / 10_000, ddof=1), rel=1e-6)


def test_float_sums_that_lost_their_digits_are_no_variance() -> None:
    x = 1e8 + np.random.default_rng(1).normal(0, 1, 1000)
    m = Moments.from_sums(["x"], 1000, [float(x.sum())], [[float((x * x).sum())]])
    assert m.var("x") == 0.0
    with pytest.raises(ValueError, match="does not vary"):
        difference(m, m, "x")


@pytest.mark.parametrize("shape", ["rows", "pairs", "other way", "names"])
def test_sums_in_any_shape(shape: str) -> None:
    values = drawn(50)
    names, rows = list(values), np.array(list(values.values()))
    full = rows @ rows.T
    at = [(i, j) for i in range(3) for j in range(i, 3)]
    products: Any = {
        "rows": full.tolist(),
        "pairs": {p: full[p] for p in at},
        "other way": {(j, i): full[i, j] for i, j in at},
        "names": {(names[i], names[j]): full[i, j] for i, j in at},
    }[shape]
    found, expected = Moments.from_sums(names, 50, list(rows.sum(axis=1)), products), Moments.of(values)
    assert found.mean == pytest.approx(expected.mean, rel=1e-12)
    assert found.cross == pytest.approx(expected.cross, rel=1e-9)


def test_a_sum_of_metrics_is_that_of_units() -> None:
    v = drawn()
    m = Moments.of(v).with_sum("profit", {"spend": 0.4, "orders": -1.5}, constant=-0.01)
    whole = Moments.of({**v, "profit": 0.4 * v["spend"] - 1.5 * v["orders"] - 0.01})
    assert m.names[-1] == "profit"
    assert m.mean == pytest.approx(whole.mean, rel=1e-11) and m.cross == pytest.approx(whole.cross, rel=1e-9)
    assert (
        m.with_sum("none", {"spend": 1.0, "orders": 0.0})
        .with_sum("zero", {"spend": 1, "none": -1})
        .var("zero")
        == 0
    )


def test_pick_keeps_the_order_asked_for() -> None:
    m = Moments.of(drawn())
    p = m.pick("old", "spend")
    assert p.names == ("old", "spend") and p.cov("old", "spend") == m.cov("old", "spend")
    assert p.mean_of("spend") == m.mean_of("spend")


def test_a_constant_has_exactly_no_variance() -> None:
    assert Moments.of({"x": np.full(1001, 0.1)}).var("x") == 0.0
    exact = Moments.from_sums(["x"], 3, [Decimal("0.3")], [[Decimal("0.03")]])
    assert exact.var("x") == 0.0


def test_a_group_without_units_is_neutral() -> None:
    empty, m = Moments.of({"x": []}), Moments.of({"x": [1.0, 2.0]})
    assert (empty + m).cross == m.cross and (m + empty).n == 2
    assert Moments.from_sums(["x"], 0, [None], [[None]]).n == 0
    with pytest.raises(ValueError, match="no units"):
        empty.mean_of("x")


def test_what_moments_hold_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Moments.of({"x": [1.0, 2.0]}).mean[0] = 3.0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Moments.of({"x": [1.0, np.nan]}), "missing"),
        (lambda: Moments.of({"x": [1.0, None]}), "missing"),
        (lambda: Moments.of({"x": [1.0, "much"]}), "no numbers"),
        (lambda: Moments.of({"x": [1.0, 2.0], "y": [1.0]}), "one length"),
        (lambda: Moments.of({}), "at least one"),
        (lambda: Moments(("x", "x"), 2, np.zeros(2), np.zeros((2, 2))), "once"),
        (lambda: Moments(("x",), -1, np.zeros(1), np.zeros((1, 1))), "whole number"),
        (lambda: Moments(("x",), 2, np.zeros(2), np.zeros((1, 1))), "square"),
        (lambda: Moments(("x",), 2, np.array([np.nan]), np.zeros((1, 1))), "finite"),
        (lambda: Moments(("x",), 2, np.zeros(1), np.array([[-1.0]])), "negative"),
        (lambda: Moments.from_sums(["x"], 2, [3], [[2]]), "negative variance"),
        (lambda: Moments.from_sums(["x"], 2, [3.0], [[2.0]]), "negative variance"),
        (lambda: Moments.from_sums(["x"], 2, [None], [[2]]), "not a finite number"),
        (lambda: Moments.from_sums(["x"], 2, [Decimal("NaN")], [[2]]), "not a finite number"),
        (lambda: Moments.from_sums(["x"], 2, [1, 2], [[2]]), "2 sums"),
        (lambda: Moments.from_sums(["x", "y"], 2, [1, 1], {(0, 0): 1, (1, 1): 1}), "missing"),
        (lambda: Moments.from_sums(["x", "y"], 2, [1, 1], [[1, 9], [9, 1]]), "exceed"),
        (lambda: Moments.of({"x": [1.0]}).var("x"), "at least 2 units"),
        (lambda: Moments.of({"x": [1.0]}).mean_of("y"), "no metric `y`"),
        (lambda: Moments.of({"x": [1.0]}) + Moments.of({"y": [1.0]}), "same metrics"),
        (lambda: Moments.of({"x": [1.0]}).with_sum("x", {"x": 1.0}), "once"),
    ],
)
def test_what_cannot_be_is_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
