"""Price points where curves are known lines, and demand by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from growth.market import prices


def even(n: int = 101) -> pd.DataFrame:
    """Too cheap named evenly from 0 to 100, each next price 20 above: every curve is a straight line between."""
    base = np.linspace(0, 100, n)
    return pd.DataFrame({c: base + 20 * k for k, c in enumerate(prices.FOUR)})


def test_crossings_of_even_answers_are_those_of_lines() -> None:
    """At x too cheap falls as (100 - x + step) / (100 + step), dear rises as (x - 40 + step) / (100 + step)."""
    n = 101
    found = prices.sensitivity(even(n), np.ones(n), 1, replicates=20)
    own = found.points.set_index("point")["price"]
    assert own["marginal cheapness"] == pytest.approx((100 + 40) / 2, abs=1e-9)
    assert own["optimal price"] == pytest.approx((100 + 60) / 2, abs=1e-9)
    assert own["indifference price"] == pytest.approx((120 + 40) / 2, abs=1e-9)
    assert own["marginal dearness"] == pytest.approx((120 + 60) / 2, abs=1e-9)
    assert (found.points["crossings"] == 1).all() and found.contradict == 0


def test_weights_are_copies_and_contradictions_are_left_out() -> None:
    random = np.random.default_rng(2)
    base = random.integers(20, 80, 60)
    four = pd.DataFrame({c: base * m for c, m in zip(prices.FOUR, (1, 1.5, 2, 3), strict=True)})
    w = random.integers(1, 4, 60)
    odd = pd.DataFrame([[9.0, 5.0, 8.0, 9.0]], columns=list(prices.FOUR))
    weighted = prices.sensitivity(pd.concat([four, odd]), np.append(w, 5), 1, replicates=10)
    copied = prices.sensitivity(four.loc[four.index.repeat(w)], np.ones(w.sum()), 1, replicates=10)
    assert weighted.points["price"].to_numpy() == pytest.approx(copied.points["price"].to_numpy())
    assert weighted.contradict == 1 and weighted.people == 60


def test_demand_never_rises_and_the_best_price_is_by_hand() -> None:
    buys = pd.DataFrame({"10": [1.0] * 40, "20": [1.0] * 22 + [0.0] * 18, "30": [1.0] * 24 + [0.0] * 16})
    found = prices.demand(buys, np.ones(40), 1, replicates=50)
    assert found.table["share"].tolist() == pytest.approx([1, 23 / 40, 23 / 40])
    assert found.price == 30 and found.table["revenue"].iloc[2] == pytest.approx(100 * 30 * 23 / 40)
    assert found.table["best"].sum() == pytest.approx(1)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="29 named four prices"):
        prices.sensitivity(even(29), np.ones(29), 1)
    with pytest.raises(ValueError, match="two prices"):
        prices.demand(pd.DataFrame({"10": [1.0] * 40}), np.ones(40), 1)
