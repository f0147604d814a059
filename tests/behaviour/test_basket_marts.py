"""Marts of baskets by hand, and against the sparse count of the same lines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from growth.behaviour import basket_marts as marts
from growth.behaviour import baskets
from tests.behaviour.shop import at, line, order, sold
from tests.conftest import frame


def test_pairs_of_the_engine_are_those_of_the_sparse_count(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marts, "FEWEST", 22)
    random = np.random.default_rng(7)
    orders = [
        (f"o{i:03}", at("02-01" if i < 120 else "05-01"), None,
         "".join(random.choice(list("abcdefghij"), random.integers(1, 8), replace=False)))
        for i in range(200)
    ]  # fmt: skip
    tables = shop(**sold(*orders))
    for rows, column in ((orders[:120], "before"), (orders[120:], "after")):
        own = baskets.Baskets.of(*zip(*[(name, p) for name, _, _, ps in rows for p in ps], strict=True))
        counted = baskets.pairs(own, 1).set_index(["first", "second"])["together"]
        found = frame(marts.pairs(tables)).set_index(["first", "second"])[column]
        if column == "before":
            assert set(found.index) == set(counted[counted >= 22].index) and 5 < len(found) < len(counted)
        assert (found == counted.reindex(found.index, fill_value=0)).all()
        sizes = frame(marts.basket_sizes(tables)).query("later == @column.startswith('after')")
        assert sizes[["size", "baskets"]].to_numpy().tolist() == own.sizes.to_numpy().tolist()
        alone = pd.Series(own.inside.sum(axis=0), own.products)
        assert (frame(marts.in_baskets(tables)).set_index("product_id")[column] == alone).all()


def test_what_is_no_basket(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancelled order, a gift, a line without a product; a product on two lines counts once; too many products."""
    monkeypatch.setattr(marts, "LARGEST", 3)
    tables = shop(
        orders=[order("o1", at("02-01")), order("o2", at("02-01"), status="cancelled"), order("o3", at("02-01"))],
        order_lines=[line("o1", "a"), line("o1", "a"), line("o1", "b"), line("o1", "c", 0), line("o1", None),
                     line("o2", "a"), *(line("o3", p) for p in "abcd")],
    )  # fmt: skip
    assert frame(marts.basket_sizes(tables))[["size", "baskets"]].to_numpy().tolist() == [[2, 1], [4, 1]]
    assert frame(marts.in_baskets(tables)).to_numpy().tolist() == [["a", 1, 0], ["b", 1, 0]]
    assert frame(marts.pairs(tables)).empty
