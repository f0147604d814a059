"""Pairs, itemsets and rules against brute force, and the lift against closed forms."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import poisson

from growth.behaviour import baskets


def drawn(seed: int = 3) -> list[set[str]]:
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 7, 60)
    return [set(random.choice(list("abcdefgh"), s, replace=False)) for s in sizes]


def of(sets: list[set[str]]) -> baskets.Baskets:
    rows = [(i, item) for i, items in enumerate(sets) for item in sorted(items)]
    return baskets.Baskets.of([i for i, _ in rows], [item for _, item in rows])


def test_pairs_and_itemsets_are_those_of_a_walk_through_all_sets() -> None:
    sets = drawn()
    counts = {
        items: sum(set(items) <= own for own in sets)
        for size in range(1, 9) for items in combinations("abcdefgh", size)
    }  # fmt: skip
    expected = {items: n for items, n in counts.items() if n >= 5}
    assert baskets.itemsets(of(sets), 5) == expected
    found = baskets.pairs(of(sets), 5)
    assert {(r.first, r.second): r.together for r in found.itertuples()} == {
        i: n for i, n in expected.items() if len(i) == 2
    }
    assert (found["with_first"] == [counts[(i,)] for i in found["first"]]).all()
    assert (found["with_second"] == [counts[(i,)] for i in found["second"]]).all()


def test_a_rule_on_the_threshold_is_kept() -> None:
    sets = [{"a", "b"}] * 4 + [{"a"}]
    found = baskets.rules(baskets.itemsets(of(sets), 1), 0.8)
    assert {(r.left, r.right) for r in found.itertuples()} == {(("a",), "b"), (("b",), "a")}
    assert len(baskets.rules(baskets.itemsets(of(sets), 1), 0.81)) == 1


def test_a_support_is_counted_exactly() -> None:
    assert baskets.fewest(0.29, 100) == 29, "0.29 * 100 is 28.999… in floats"
    assert baskets.fewest(0.07, 100) == 7, "and 0.07 * 100 is 7.000000000000001"
    with pytest.raises(ValueError, match=r"like 0\.01"):
        baskets.fewest(1.5, 100)


def test_products_that_ignore_each_other_have_an_adjusted_lift_of_one() -> None:
    """Small baskets hold neither, large ones both: the lift is the size factor's doing."""
    sizes = pd.DataFrame(dict(size=[1, 10], baskets=[90, 10]))
    factor = 100 * 10 * 10 * 9 / (90 + 100) ** 2
    assert baskets.size_factor(sizes) == pytest.approx(factor)
    pair = pd.DataFrame(dict(first=["a"], second=["b"], together=[3], with_first=[10], with_second=[12]))
    found = baskets.scored(pair, sizes).iloc[0]
    assert found["lift"] == pytest.approx(100 * 3 / 120)
    assert found["expected"] == pytest.approx(factor * 120 / 100)
    assert found["adjusted"] == pytest.approx(found["lift"] / factor)
    assert (
        found["p_value"] == pytest.approx(poisson.sf(2, found["expected"])) == pytest.approx(found["q_value"])
    )
    assert poisson.sf(2, found["low"] * found["expected"]) == pytest.approx(0.025)
    assert poisson.cdf(3, found["high"] * found["expected"]) == pytest.approx(0.025)


def test_a_basket_of_a_thousand_products() -> None:
    rows = [(0, i) for i in range(1000)] + [(1, 0), (1, 1)]
    found = baskets.pairs(baskets.Baskets.of([r[0] for r in rows], [r[1] for r in rows]), 2)
    assert found[["first", "second", "together"]].to_numpy().tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("lines", [[], [(None, "a")], [("b", None)]])
def test_lines_without_a_basket_are_refused(lines: list[tuple[object, object]]) -> None:
    with pytest.raises(ValueError, match="each with its basket and product"):
        baskets.Baskets.of([x for x, _ in lines], [y for _, y in lines])


def test_baskets_of_one_product_have_no_pairs() -> None:
    sizes = pd.DataFrame(dict(size=[1], baskets=[5]))
    pair = pd.DataFrame(dict(first=["a"], second=["b"], together=[0], with_first=[2], with_second=[3]))
    with pytest.raises(ValueError, match="No basket holds two products"):
        baskets.scored(pair, sizes)
    with pytest.raises(ValueError, match="no basket with a product"):
        baskets.size_factor(sizes.head(0))


def test_later_counts_of_other_pairs_are_refused() -> None:
    sizes = pd.DataFrame(dict(size=[2], baskets=[9]))
    pair = pd.DataFrame(dict(first=["a"], second=["b"], together=[3], with_first=[6], with_second=[6]))
    before = baskets.scored(pair, sizes)
    with pytest.raises(ValueError, match="same pairs"):
        baskets.out_of_time(before, pair.assign(first="c"), sizes, 0.01)
    held = baskets.out_of_time(before, pair, sizes, 1.0).set_index("kind")
    assert held["pairs"].tolist() == [1, 0, 0] and held.loc[baskets.SURE, "held"] == 1
