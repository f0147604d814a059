"""The price list that earns most, under named guards, from the closed form of demand.

What is evaluated is what can be known at the end of the data: the last list prices, costs and competitors' prices, the
age of products, no promotion, no shock, nothing out. A need of a type brings what its choice leaves: price less payment
fee, expected refund, cost and handling of a unit. What an order costs whatever is on it is left out; `judge.profit`, a
forward run, has everything in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from growth.simulation import store, words
from growth.simulation.demand import alphas, elasticities, mean_units, shares
from growth.simulation.rng import Floats, Ints
from growth.simulation.state import PER_CATEGORY, State, ageing, type_utility
from growth.simulation.world import TYPES, World

HANDLING = 0.90  # CNY a unit, see trade.costs
GUARDS = ("none", "step", "seen", "margin")
_POINTS, _LEVELS, _SWEEPS = 33, 4, 8


@dataclass(frozen=True)
class Offer:
    """The shelf at the end of the data; arrays by product unless said otherwise."""

    price: Floats  # list price, CNY
    cost: Floats
    on_sale: NDArray[np.bool_]
    fixed: Floats  # utility but for the price term, (type, product)
    alpha: Floats  # by type
    refund: Floats  # expected share of the price paid back, (type, product)
    weight: Floats  # units that each type would buy if every need were met, (type, product)
    fee: float

    def units(self, price: Floats, category: int) -> Floats:
        """Return expected units by product of a category, at prices (…, PER_CATEGORY)."""
        return np.einsum("kj,...kj->...j", self._part(self.weight, category), self._shares(price, category))

    def profit(self, price: Floats, category: int) -> Floats:
        """Return what each product of a category leaves, CNY, at prices (…, PER_CATEGORY)."""
        kept = 1 - self.fee - self._part(self.refund, category)
        left = price[..., None, :] * kept - self._part(self.cost, category) - HANDLING
        weight = self._part(self.weight, category)
        return np.einsum("kj,...kj,...kj->...j", weight, self._shares(price, category), left)

    def _shares(self, price: Floats, category: int) -> Floats:
        v = self._part(self.fixed, category) - self.alpha[:, None] * np.log(price)[..., None, :]
        return shares(np.where(self._part(self.on_sale, category), v, -np.inf))

    @staticmethod
    def _part(values: Any, category: int) -> Any:
        return values[..., category * PER_CATEGORY : (category + 1) * PER_CATEGORY]


def offer(world: World, state: State, needs: Floats, finished: Floats, late: float) -> Offer:
    """Return the shelf at the end of the data.

    Parameters
    ----------
    needs : array (type, category)
        Needs that arose; `finished`, by type, the share of carts that became orders.
    late : float
        Share of parcels that come late, and are sent back more often.
    """
    p, day = state.products, state.span.now - 1
    row, week = day - state.span.first, day // 7 - state.first_week
    fixed = np.stack([type_utility(world.demand, p, k, p.log_base * 0, 0) for k in range(len(TYPES))])
    rest = ageing(world.demand, p, np.array([day]))[0]
    rest = rest + world.shelf.rival_utility * state.rivals.log_price[week]
    units = mean_units()
    back = np.array([c.returns for c in words.CATEGORIES]) * (0.9 + 0.1 / units)  # units of a line sent back
    back = back * (1 + late * (world.trade.late_return - 1))
    refund = np.minimum(np.array(world.trade.return_factor)[:, None] * back, 0.9)
    return Offer(
        state.list_price[row, :] / 100.0,
        state.cost[week] / 100.0,
        (p.launch <= day) & (day < p.delisted),
        fixed + rest,
        alphas(world),
        np.repeat(refund, PER_CATEGORY, axis=1),
        np.repeat(needs * finished[:, None] * units, PER_CATEGORY, axis=1),
        world.trade.payment_fee,
    )


@dataclass(frozen=True)
class Guards:
    """Lowest and highest price allowed, by product, and which guard sets each (index into `GUARDS`)."""

    low: Floats
    high: Floats
    low_by: Ints
    high_by: Ints


def guards(world: World, state: State, shelf: Offer) -> Guards:
    """Return the guards: a largest step, prices that were seen (list prices and promotions), a least margin."""
    g, row = world.shelf, state.span.now - state.span.first
    seen = slice(max(row - 7 * g.seen_weeks, 0), row)
    lows = np.stack(
        [
            shelf.price * (1 - g.step),
            state.price[seen].min(axis=0) / 100.0,
            shelf.cost / (1 - g.margin_floor),
        ]
    )
    highs = np.stack([shelf.price * (1 + g.step), state.list_price[seen].max(axis=0) / 100.0])
    high = highs.min(axis=0)
    low = np.minimum(lows.max(axis=0), high)
    return Guards(low, high, 1 + lows.argmax(axis=0), 1 + highs.argmin(axis=0))


def best(shelf: Offer, low: Floats, high: Floats, others: str) -> Floats:
    """Return the prices that earn most between `low` and `high`.

    Parameters
    ----------
    others : str
        ``ignored``: each product its own profit, the others at today's prices. ``given``: the profit of its category,
        the others at today's prices. ``joint``: the category's profit, all prices together.
    """
    found, joint = shelf.price.copy(), others == "joint"
    for c in range(len(words.CATEGORIES)):
        part = slice(c * PER_CATEGORY, (c + 1) * PER_CATEGORY)
        today = shelf.price[part]
        at = np.clip(today, low[part], high[part]) if joint else today.copy()
        for _ in range(_SWEEPS if joint else 1):
            for j in np.flatnonzero(shelf.on_sale[part]).tolist():
                fixed = at if joint else today
                at[j] = _one(shelf, c, fixed, j, low[part][j], high[part][j], others)
        found[part] = at
    return found


def _one(shelf: Offer, category: int, prices: Floats, j: int, low: float, high: float, others: str) -> float:
    """Return the best price of one product: a grid, and finer grids around its best point."""
    begin, end = np.log(low), np.log(high)
    for _ in range(_LEVELS):
        points = np.linspace(begin, end, _POINTS)
        trial = np.repeat(prices[None, :], _POINTS, axis=0)
        trial[:, j] = np.exp(points)
        profit = shelf.profit(trial, category)
        top = int((profit[:, j] if others == "ignored" else profit.sum(axis=1)).argmax())
        begin, end = points[max(top - 1, 0)], points[min(top + 1, _POINTS - 1)]
    return float(np.exp(points[top]))


def total(shelf: Offer, price: Floats) -> float:
    """Return the profit of a whole price list, CNY, over the needs that arose."""
    per = [
        shelf.profit(price[c * PER_CATEGORY : (c + 1) * PER_CATEGORY], c).sum()
        for c in range(len(words.CATEGORIES))
    ]
    return float(np.sum(per))


def own_elasticities(shelf: Offer, price: Floats) -> Floats:
    """Return d log units / d log own price, by product, at a price list; NaN where a product is not sold."""
    out = []
    for c in range(len(words.CATEGORIES)):
        part = slice(c * PER_CATEGORY, (c + 1) * PER_CATEGORY)
        v = shelf.fixed[:, part] - shelf.alpha[:, None] * np.log(price[part])
        v = np.where(shelf.on_sale[part], v, -np.inf)
        with np.errstate(invalid="ignore", divide="ignore"):
            out.append(np.diag(elasticities(v, shelf.alpha, shelf.weight[:, part][:, 0])))
    return np.where(shelf.on_sale, np.concatenate(out), np.nan)


def rounded(price: Floats) -> Ints:
    """Return prices in fen, to ten fen, as the shop asks them."""
    return np.rint(price * 10).astype(np.int64) * 10


@dataclass(frozen=True)
class Lists:
    """Price lists, CNY, by product; `table` is the truth file."""

    shelf: Offer
    guards: Guards
    lists: dict[str, Floats]

    def gain(self, name: str) -> float:
        """Return what a list earns more than today's, as a share."""
        return total(self.shelf, self.lists[name]) / total(self.shelf, self.shelf.price) - 1

    def table(self, state: State, base: Floats) -> pa.Table:
        """Return a row a product on sale: today's price, guards, the best prices, and its elasticities."""
        s, g, p = self.shelf, self.guards, state.products
        on = np.flatnonzero(s.on_sale)
        joint = self.lists["joint"]
        names = np.where(
            np.isclose(joint, g.low), g.low_by, np.where(np.isclose(joint, g.high), g.high_by, 0)
        )

        def fen(price: Floats) -> pa.Array:
            return store.money(rounded(price)[on])

        return pa.table(
            {
                "product_id": store.labels(p.ids, on),
                "category": store.labels([c.name for c in words.CATEGORIES], p.category[on]),
                "list_price": fen(s.price),
                "unit_cost": store.money(np.rint(s.cost * 100)[on]),
                "low": fen(g.low),
                "high": fen(g.high),
                **{f"best_{name}": fen(price) for name, price in self.lists.items()},
                "guard": store.labels(GUARDS, names[on]),
                "own_elasticity": pa.array(base[on]),
                "own_elasticity_today": pa.array(own_elasticities(s, s.price)[on]),
            }
        )


def price_lists(world: World, state: State, needs: Floats, finished: Floats, late: float) -> Lists:
    """Return today's shelf and the best price lists: of each product alone, of the shop, within the guards and free."""
    shelf = offer(world, state, needs, finished, late)
    g = guards(world, state, shelf)
    free = shelf.price * 0.3, shelf.price * 4.0
    return Lists(
        shelf,
        g,
        {
            "alone": best(shelf, g.low, g.high, "ignored"),
            "given": best(shelf, g.low, g.high, "given"),
            "joint": best(shelf, g.low, g.high, "joint"),
            "alone_free": best(shelf, *free, "ignored"),
            "joint_free": best(shelf, *free, "joint"),
        },
    )
