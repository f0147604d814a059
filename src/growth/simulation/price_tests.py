"""The randomised price test: products whose prices are moved by lot, region by region, for some weeks.

For each product and period the regions are dealt evenly over the factors, by a draw of its own purpose: within a
product and day, a region's price has nothing to do with its demand. A unit is a product in a region, not a person or
a region as a whole, and there are five prices rather than arms: hence a table of its own, ``price_tests``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from growth.simulation import store, words
from growth.simulation.clock import Span, day_of
from growth.simulation.rng import Draws, Floats, Ints
from growth.simulation.world import Shelf

if TYPE_CHECKING:
    from growth.simulation.state import Products, State

NAME = "regional-prices"


@dataclass(frozen=True)
class PriceTest:
    """A price test; without one, ``first == end``."""

    first: int  # first day
    end: int  # first day after it
    products: Ints
    factor: Floats  # (period, region, product in the test)
    price: Ints  # fen, (day, region, product)
    list_price: Ints
    log_price: Floats  # log of the price over that of everywhere else, (day, region, product)

    def inside(self, day: Ints) -> NDArray[np.bool_]:
        """Return which days it runs on."""
        return (day >= self.first) & (day < self.end)


def draw_test(
    draws: Draws, shelf: Shelf, products: Products, span: Span, price: Ints, list_price: Ints
) -> PriceTest:
    """Draw the lots; `price` and `list_price` are those of everywhere else, (day, product)."""
    first = day_of(shelf.test_start)
    end = first + 7 * shelf.test_weeks * shelf.test_periods
    regions, count = len(words.CITIES), len(products.ids)
    if not (span.first <= first and end <= span.now):
        nothing = np.empty((0, regions, count))
        none = np.empty(0, dtype=np.int64)
        return PriceTest(
            first, first, none, nothing, nothing.astype(np.int64), nothing.astype(np.int64), nothing
        )
    chosen = _chosen(draws, shelf, products, first, end)
    region, period = np.arange(regions), np.arange(shelf.test_periods)
    luck = draws.uniform(
        "price test", chosen[None, None, :], region[None, :, None] * 64 + period[:, None, None]
    )
    place = luck.argsort(axis=1).argsort(axis=1)
    factor = np.array(shelf.test_factors)[place % len(shelf.test_factors)]
    whole = np.ones((end - first, regions, count))
    whole[:, :, chosen] = factor[np.arange(end - first) // (7 * shelf.test_weeks)]
    row = np.arange(first, end) - span.first
    local, listed = (_rounded(p[row][:, None, :] * whole, p[row], whole) for p in (price, list_price))
    return PriceTest(first, end, chosen, factor, local, listed, np.log(local / price[row][:, None, :]))


def _chosen(draws: Draws, shelf: Shelf, products: Products, first: int, end: int) -> Ints:
    """Return the products tried: as many a category, on sale throughout, none of the spared categories."""
    fits = (products.launch < first - 56) & (products.delisted >= end)
    fits &= ~np.isin(products.category, shelf.spared)
    luck = draws.uniform("price test of", np.arange(len(products.ids)))
    found = [
        np.flatnonzero(fits & (products.category == c))[
            np.argsort(luck[fits & (products.category == c)])[: shelf.test_products]
        ]
        for c in range(len(words.CATEGORIES))
    ]
    return np.sort(np.concatenate(found))


def _rounded(fen: Floats, plain: Ints, factor: Floats) -> Ints:
    """Round to ten fen; where nothing is tried, prices stay what they are."""
    return np.where(
        factor == 1.0, plain[:, None, :], np.maximum(np.rint(fen / 10).astype(np.int64) * 10, 100)
    )


def table(state: State) -> pa.Table:
    """Return ``price_tests``: a row a product, region and period, those at the usual price, too."""
    test = state.test
    period, region, nth = np.indices(test.factor.shape).reshape(3, -1)
    days = (test.end - test.first) // test.factor.shape[0]
    begin = test.first + period * days
    return pa.table(
        {
            "test_id": store.labels((NAME,), period * 0),
            "product_id": store.labels(state.products.ids, test.products[nth]),
            "region": store.labels([c[0] for c in words.CITIES], region),
            "starts_on": store.dates(begin),
            "ends_on": store.dates(begin + days),
            "factor": pa.array(test.factor.ravel()),
        }
    )
