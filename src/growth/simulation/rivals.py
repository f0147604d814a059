"""What competitors ask for the same products: drawn with the market, watched once a week.

A competitor's log price is that of our base price, a gap of its own, a share of the category's cost and a walk. It
does not answer the demand shock, and it shares no product's cost: our cost stays an instrument for our price.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from growth.simulation import store
from growth.simulation.rng import Draws, Floats, Ints, autoregression
from growth.simulation.world import Shelf

if TYPE_CHECKING:
    from growth.simulation.state import Products, State

RIVALS = ("rival north", "rival south")


@dataclass(frozen=True)
class Rivals:
    """Competitors' prices; the first axis is the week."""

    price: Ints  # fen, (week, competitor, product)
    sells: NDArray[np.bool_]  # (competitor, product)
    log_price: Floats  # mean log deviation from what they usually ask, (week, product)


def draw_rivals(draws: Draws, shelf: Shelf, products: Products, weeks: Ints, log_cost: Floats) -> Rivals:
    """Draw competitors' prices; `log_cost` is the part of log cost that a category shares, (week, product)."""
    count, item = len(products.ids), np.arange(len(products.ids))
    which = np.arange(len(RIVALS))[:, None]
    sells = draws.uniform("rival sells", which, item[None, :]) < np.array(shelf.rival_carries)[:, None]
    gap = shelf.rival_gap * draws.normal("rival gap", which, item[None, :])
    walk = np.stack(
        [
            autoregression(draws, f"price of {name}", count, int(weeks[-1]), shelf.rival_rho, shelf.rival_sd)[
                weeks
            ]
            for name in RIVALS
        ],
        axis=1,
    )
    usual = products.log_base + gap
    log_price = usual[None] + shelf.rival_cost * log_cost[:, None, :] + walk
    price = np.maximum(np.rint(10 * np.exp(log_price)).astype(np.int64) * 10, 100)  # to ten fen
    above = np.where(sells[None], np.log(price / 100.0) - usual[None], 0.0).sum(axis=1)
    return Rivals(price, sells, above / np.maximum(sells.sum(axis=0), 1))


def table(state: State) -> pa.Table:
    """Return ``competitor_prices``: a row a product, competitor and week in which we sell the product, too."""
    span, p = state.span, state.products
    weeks = np.arange(state.rivals.price.shape[0]) + state.first_week
    day = np.maximum(weeks * 7, span.first)
    on_sale = (p.launch[None, :] <= day[:, None]) & (day[:, None] < p.delisted[None, :])
    shown = (on_sale[:, None, :] & state.rivals.sells[None]).transpose(2, 1, 0)
    product, which, week = np.nonzero(shown)
    return pa.table(
        {
            "product_id": store.labels(p.ids, product),
            "date": store.dates(day[week]),
            "competitor": store.labels(RIVALS, which),
            "price": store.money(state.rivals.price[week, which, product]),
        }
    )
