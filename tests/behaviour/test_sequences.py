"""Sequences and the next product: by hand, and against a walk through every customer."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from growth.behaviour import basket_marts as marts
from growth.behaviour import next_product, sequences
from tests.behaviour.shop import at, sold
from tests.conftest import frame


def walked(
    orders: list[tuple[str, dt.datetime, str | None, str]], shortest: int, longest: int
) -> dict[Any, int]:
    first: dict[str, dict[str, dt.datetime]] = {}
    for _, when, who, products in orders:
        for p in products if who else "":
            own = first.setdefault(who, {})
            own[p] = min(own.get(p, when), when)
    found: dict[Any, int] = {}
    for own in first.values():
        for a, b in [(a, b) for a in own for b in own if own[a] < own[b]]:
            if shortest <= (own[b].date() - own[a].date()).days <= longest:
                found[a, b] = found.get((a, b), 0) + 1
    return found


@pytest.mark.parametrize(("shortest", "longest"), [(0, 730), (2, 20)])
def test_sequences_are_those_of_a_walk(shop: Any, shortest: int, longest: int) -> None:
    random = np.random.default_rng(5)
    orders = [
        (f"o{i}", at("03-01") + dt.timedelta(days=int(random.integers(0, 90)), hours=int(random.integers(0, 3))),
         random.choice(["c1", "c2", "c3", None]), "".join(random.choice(list("abcd"), 2, replace=False)))
        for i in range(40)
    ]  # fmt: skip
    found = sequences.ordered(frame(marts.sequences(shop(**sold(*orders)), 1, shortest, longest)), 1)
    assert {(r.first, r.then): r.customers for r in found.itertuples()} == walked(orders, shortest, longest)


def test_one_invoice_holds_no_order(shop: Any) -> None:
    """Two products of one order, and of two orders at one moment, come neither first nor then."""
    orders = [
        ("o1", at("05-01"), "c1", "ab"),
        ("o2", at("05-01"), "c1", "c"),
        ("o3", at("05-09"), "c1", "da"),
    ]
    found = sequences.ordered(frame(marts.sequences(shop(**sold(*orders)), 1)), 1)
    assert [tuple(r) for r in found[["first", "then", "customers", "days"]].to_numpy()] == [
        ("a", "d", 1, 8.0), ("b", "d", 1, 8.0), ("c", "d", 1, 8.0)
    ]  # fmt: skip


def test_the_order_is_tested_against_chance() -> None:
    counts = pd.DataFrame(
        dict(one=["a", "c"], other=["b", "d"], forward=[30, 20], backward=[10, 20], forward_days=[60, 20],
             backward_days=[10, 20])
    )  # fmt: skip
    found = sequences.directed(sequences.ordered(counts, 20))
    assert found[["first", "then", "days"]].to_numpy().tolist() == [
        ["a", "b", 2.0],
        ["c", "d", 1.0],
        ["d", "c", 1.0],
    ]
    for row in found.itertuples():
        test = binomtest(row.customers, row.customers + row.reverse, alternative="greater")
        assert row.p_value == pytest.approx(test.pvalue)
        ends = binomtest(row.customers, row.customers + row.reverse).proportion_ci(method="wilson")
        assert (row.low, row.high) == pytest.approx((ends.low, ends.high))
    assert found.loc[0, "q_value"] == pytest.approx(3 * found.loc[0, "p_value"])


def test_a_pair_nobody_reversed() -> None:
    counts = pd.DataFrame(
        dict(one=["a"], other=["b"], forward=[20], backward=[0], forward_days=[5], backward_days=[0])
    )
    assert sequences.directed(sequences.ordered(counts, 20)).loc[0, "p_value"] == pytest.approx(0.5**20)
    assert sequences.directed(sequences.ordered(counts, 21)).empty


def test_next_products_by_hand(shop: Any) -> None:
    """20 customers bought a, then b; 25 bought c alone: who has a is proposed b, then c, which is the most bought.

    x had a and later buys b; y had a and later buys c; z had a and buys it again, which is nothing new.
    """
    orders = [(f"a{i}", at("01-02"), f"s{i:02}", "a") for i in range(20)]
    orders += [(f"b{i}", at("01-09"), f"s{i:02}", "b") for i in range(20)]
    orders += [(f"c{i}", at("01-09"), f"t{i:02}", "c") for i in range(25)]
    orders += [(f"{who}1", at("02-01"), who, "a") for who in "xyz"]
    orders += [("x2", at("05-01"), "x", "b"), ("y2", at("05-01"), "y", "c"), ("z2", at("05-01"), "z", "a")]
    found = frame(marts.next_product(shop(**sold(*orders))))
    assert found[["next_rank", "popular_rank", "customers"]].to_numpy().tolist() == [[1, 2, 1], [2, 1, 1]]


def test_hit_rates_and_their_difference() -> None:
    places = pd.DataFrame(dict(next_rank=[1, 3, 0, 0], popular_rank=[1, 0, 2, 0], customers=[40, 30, 10, 20]))
    found = next_product.hit_rates(places, [1, 5]).set_index(["list", "length"])
    follows, popular = next_product.LISTS.values()
    assert found["hits"].to_dict() == {(follows, 1): 40, (follows, 5): 70, (popular, 1): 40, (popular, 5): 50}
    gap = next_product.advantage(places, 5)
    each = np.repeat([0, 1, -1, 0], [40, 30, 10, 20])
    assert gap.value == pytest.approx(each.mean()) and gap.error == pytest.approx(each.std() / 10)
    with pytest.raises(ValueError, match="no difference to estimate"):
        next_product.advantage(places.head(1), 5)
    with pytest.raises(ValueError, match="anything new"):
        next_product.hit_rates(places.head(0), [1])
