"""The price list that earns most in the quarter to come, under named guards, from the closed form of demand.

The quarter is that of the state drawn ahead, week by week: its costs, promotions, shocks, competitors' prices and
stock-outs. A need of a type brings what its choice leaves: price less payment fee, expected refund, cost and handling
of a unit. What an order costs whatever is on it is left out; `judge.profit`, a forward run, has everything in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from growth.simulation import store, words
from growth.simulation.demand import alphas, mean_units, shares
from growth.simulation.rng import Floats, Ints
from growth.simulation.state import PER_CATEGORY, State
from growth.simulation.world import World

HANDLING = 0.90  # CNY a unit, see trade.costs
AHEAD = 3  # months for which a list is judged
GUARDS = ("none", "step", "seen", "margin")
_POINTS, _LEVELS, _SWEEPS = 9, 5, 3


@dataclass(frozen=True)
class Offer:
    """The shelf of a quarter. Products are (category, product in it), C and J; W weeks and K types."""

    price: Floats  # list price on the last day before it, CNY, (C, J)
    cost: Floats  # (C, W, J)
    off: Floats  # what promotions leave of the list price, (C, W, J)
    fixed: Floats  # utility but for the price term, (C, W, K, J); -inf: not there
    alpha: Floats  # (K,)
    refund: Floats  # expected share of the price paid back, (C, K, 1)
    weight: Floats  # units that each type would buy in a week if every need were met, (C, W, K, 1)
    fee: float

    @property
    def on_sale(self) -> NDArray[np.bool_]:
        """Return which products are there at all, (C, J)."""
        there: Any = np.isfinite(self.fixed).any(axis=(1, 2))
        return np.asarray(there, dtype=bool)

    def _sold(self, price: Floats) -> tuple[Floats, Floats]:
        """Return prices paid (C, P, W, 1, J) and expected units (C, P, W, K, J) at list prices (C, P, J)."""
        paid = price[:, :, None, None, :] * self.off[:, None, :, None, :]
        v = self.fixed[:, None] - self.alpha[:, None] * np.log(paid)
        return paid, self.weight[:, None] * shares(v)

    def units(self, price: Floats) -> Floats:
        """Return expected units by product, (C, P, J), at list prices (C, P, J)."""
        out: Floats = self._sold(price)[1].sum(axis=(2, 3))
        return out

    def profit(self, price: Floats) -> Floats:
        """Return what each product leaves, CNY, (C, P, J), at list prices (C, P, J)."""
        paid, sold = self._sold(price)
        kept = 1 - self.fee - self.refund[:, None, None]
        left = paid * kept - self.cost[:, None, :, None, :] - HANDLING
        out: Floats = (sold * left).sum(axis=(2, 3))
        return out


def offer(world: World, state: State, ahead: State, needs: Floats, finished: Floats, late: float) -> Offer:
    """Return the shelf of the quarter after the data.

    Parameters
    ----------
    ahead : State
        Drawn beyond the end of the data.
    needs : array (type, category)
        Needs that arose; `finished`, by type, the share of carts that became orders.
    late : float
        Share of parcels that come late, and are sent back more often.
    """
    day = np.arange(ahead.span.now, ahead.span.last)
    day = day[day % 7 == 2]  # Wednesdays stand for weeks
    row, week = day - ahead.span.first, day // 7 - ahead.first_week
    price = ahead.price[row] / 100.0
    fixed = ahead.utility[:, row] + alphas(world)[:, None, None] * np.log(price)
    units = mean_units()
    back = np.array([c.returns for c in words.CATEGORIES]) * (0.9 + 0.1 / units)  # units of a line sent back
    back = back * (1 + late * (world.trade.late_return - 1))
    refund = np.minimum(np.array(world.trade.return_factor) * back[:, None], 0.9)
    level = (ahead.visit * ahead.errand)[row]
    weight = (needs * finished[:, None] * units).T[:, None, :] * (level / level.sum())[None, :, None]
    return Offer(
        _by_category(state.list_price[state.span.now - 1 - state.span.first] / 100.0),
        _by_category(ahead.cost[week] / 100.0),
        _by_category(price / (ahead.list_price[row] / 100.0)),
        _by_category(fixed.transpose(1, 0, 2)),
        alphas(world),
        refund[:, :, None],
        weight[:, :, :, None],
        world.trade.payment_fee,
    )


def _by_category(values: Any) -> Floats:
    """Return (…, product) as (category, …, product in it)."""
    return np.moveaxis(np.reshape(values, (*values.shape[:-1], -1, PER_CATEGORY)), -2, 0)


@dataclass(frozen=True)
class Guards:
    """Lowest and highest price allowed, (C, J), and which guard sets each (index into `GUARDS`)."""

    low: Floats
    high: Floats
    low_by: Ints
    high_by: Ints


def guards(world: World, state: State, shelf: Offer) -> Guards:
    """Return the guards: a largest step, prices that were seen (list prices and promotions), a least margin."""
    g, now = world.shelf, state.span.now - state.span.first
    seen = slice(max(now - 7 * g.seen_weeks, 0), now)
    cost = state.cost[(state.span.now - 1) // 7 - state.first_week] / 100.0
    least, most = (
        _by_category(p) / 100.0 for p in (state.price[seen].min(axis=0), state.list_price[seen].max(axis=0))
    )
    lows = np.stack([shelf.price * (1 - g.step), least, _by_category(cost) / (1 - g.margin_floor)])
    highs = np.stack([shelf.price * (1 + g.step), most])
    high = highs.min(axis=0)
    return Guards(np.minimum(lows.max(axis=0), high), high, 1 + lows.argmax(axis=0), 1 + highs.argmin(axis=0))


def best(shelf: Offer, low: Floats, high: Floats, others: str) -> Floats:
    """Return the prices that earn most between `low` and `high`, (C, J); what is not on sale keeps its price.

    Parameters
    ----------
    others : str
        ``ignored``: each product its own profit, the others at today's prices. ``given``: the profit of its category,
        the others at today's prices. ``joint``: the category's profit, all prices together.
    """
    joint = others == "joint"
    at = np.clip(shelf.price, low, high) if joint else shelf.price.copy()
    for _ in range(_SWEEPS if joint else 1):
        for j in range(PER_CATEGORY):
            start = at if joint else shelf.price
            found = _one(shelf, start, j, low[:, j], high[:, j], alone=others == "ignored")
            at[:, j] = np.where(shelf.on_sale[:, j], found, shelf.price[:, j])
    return at


def _one(shelf: Offer, prices: Floats, j: int, low: Floats, high: Floats, alone: bool) -> Floats:
    """Return the best price of product `j` of every category: a grid, and finer grids around its best point."""
    begin, end = np.log(low), np.log(high)
    every = np.arange(len(prices))
    for _ in range(_LEVELS):
        points = np.linspace(begin, end, _POINTS, axis=1)
        trial = np.repeat(prices[:, None, :], _POINTS, axis=1)
        trial[:, :, j] = np.exp(points)
        profit = shelf.profit(trial)
        top = (profit[:, :, j] if alone else profit.sum(axis=2)).argmax(axis=1)
        begin, end = points[every, np.maximum(top - 1, 0)], points[every, np.minimum(top + 1, _POINTS - 1)]
    return np.exp(points[every, top])


def total(shelf: Offer, price: Floats) -> float:
    """Return the profit of a whole price list, CNY, over as many needs as arose."""
    return float(shelf.profit(price[:, None, :]).sum())


def own_elasticities(shelf: Offer, price: Floats) -> Floats:
    """Return d log units / d log own list price over the quarter, (C, J); NaN where a product is not sold."""
    _, sold = shelf._sold(price[:, None, :])
    share = sold / shelf.weight[:, None]
    slope = -(shelf.alpha[:, None] * sold * (1 - share)).sum(axis=(1, 2, 3))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(shelf.on_sale, slope / sold.sum(axis=(1, 2, 3)), np.nan)


def rounded(price: Floats) -> Ints:
    """Return prices in fen, to ten fen, as the shop asks them."""
    return np.rint(price * 10).astype(np.int64) * 10


@dataclass(frozen=True)
class Lists:
    """Price lists, CNY, (C, J); `table` is the truth file."""

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
        cost = state.cost[(state.span.now - 1) // 7 - state.first_week]

        def fen(price: Floats) -> pa.Array:
            return store.money(rounded(price).ravel()[on])

        return pa.table(
            {
                "product_id": store.labels(p.ids, on),
                "category": store.labels([c.name for c in words.CATEGORIES], p.category[on]),
                "list_price": fen(s.price),
                "unit_cost": store.money(cost[on]),
                "low": fen(g.low),
                "high": fen(g.high),
                **{f"best_{name}": fen(price) for name, price in self.lists.items()},
                "guard": store.labels(GUARDS, names.ravel()[on]),
                "own_elasticity": pa.array(base[on]),
                "own_elasticity_ahead": pa.array(own_elasticities(s, s.price).ravel()[on]),
            }
        )


def price_lists(
    world: World, state: State, ahead: State, needs: Floats, finished: Floats, late: float
) -> Lists:
    """Return the shelf and its best price lists: of each product alone, of the shop, within the guards and free."""
    shelf = offer(world, state, ahead, needs, finished, late)
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
