"""Shapley values against all permutations, a theorem, and published numbers."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from growth.channels import rules, shapley
from growth.channels.paths import Paths, RefusedError
from tests.channels import reference
from tests.channels.hand import public, steps, table, tiny


def permuted(paths: Paths, game: str) -> np.ndarray:
    """Return what each channel adds to those before it, the mean over all orders."""
    sets, counts, k = [set(s) for s in steps(paths)], paths.counts, len(paths.channels)

    def worth(coalition: set[int]) -> float:
        inside = [p for p, s in enumerate(sets) if s <= coalition]
        won = sum(counts.conversions[p] for p in inside)
        every = won + sum(counts.nulls[p] for p in inside)
        return won if game == "total" else won / every if every else 0.0

    found, orders = np.zeros(k), list(permutations(range(k)))
    for order in orders:
        for i, c in enumerate(order):
            found[c] += worth(set(order[: i + 1])) - worth(set(order[:i]))
    return found / len(orders)


def test_two_hundred_tiny_tables() -> None:
    worst = 0.0
    for seed in range(200):
        own = tiny(seed)
        total, rates = shapley.total(own), shapley.rates(own)
        worst = max(worst, *abs(total.conversions - permuted(own, "total")))
        worst = max(worst, *abs(rates.conversions - permuted(own, "rate")))
    assert worst <= 1e-10


def test_credit_of_rates_adds_up_and_warns() -> None:
    own = table(("a > b", 1, 4.0, 9), ("a", 5, 1.0, 1), ("c > a", 1, 1.0, 1))
    credit = shapley.rate(own)
    assert credit.conversions.sum() == pytest.approx(7, abs=1e-12)
    assert credit.value.sum() == pytest.approx(6, abs=1e-12)
    rates = shapley.rates(own)
    assert rates.negative == ("b", "c"), "c: -0.083 / 6 + 0.014 / 3"
    assert (rates.sets, rates.seen, rates.empty) == (7, 3, 3), "within b, c, and b with c no path lies"
    assert any("fewer conversions than none for b, c" in w for w in credit.warnings)
    assert rates.conversions.sum() == pytest.approx(7 / 18, abs=1e-12)


def test_totals_are_equal_parts_of_a_path() -> None:
    own = tiny(3)
    assert shapley.total(own).conversions.tobytes() == rules.unique_linear(own).conversions.tobytes()


def test_too_many_channels_are_refused_and_many_are_not() -> None:
    rows = [(f"c{i:02} > c{(i * 7 + 3) % 22:02}", i + 1, float(i), 3 * i) for i in range(22)]
    many = shapley.rate(table(*rows))
    assert many.conversions.sum() == pytest.approx(sum(range(23)), rel=1e-9)
    with pytest.raises(RefusedError, match="23 channels"):
        shapley.rate(table(*rows, ("more", 1, 1.0, 1)))


def test_the_public_table(datasets: Path) -> None:
    own = public(datasets)
    rates = shapley.rates(own)
    np.testing.assert_allclose(rates.conversions, reference.SHAPLEY_RATE, rtol=0, atol=1e-9)
    np.testing.assert_allclose(shapley.total(own).conversions, reference.SHAPLEY_TOTAL, rtol=0, atol=1e-9)
    assert rates.negative == ("delta", "zeta")
    assert shapley.rates(own).value.tobytes() == rates.value.tobytes()
