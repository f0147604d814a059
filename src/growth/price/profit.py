"""Profit at a price when demand has constant elasticities that are only known by draws, and where it is highest.

Demand of each segment is q (p / p0)^e. Profit is units times (price less fees, less cost), and what the price does to
the profit of other products. Units never exceed what there is to sell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.random import PCG64, Generator
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit

from growth.stats.moments import Floats

DRAWS = 400  # of every distribution
GRID = 129  # prices that are tried before the slope is followed
HALVINGS = 48  # of a cell of at most some hundredths: as near as numbers are


@dataclass(frozen=True)
class Profit:
    """Profit a week of one price, by draw of the elasticities.

    Parameters
    ----------
    units, base : ndarray, shape (segments,)
        Units a week of each segment at its own price of today.
    elasticity : ndarray, shape (segments, draws)
    cost : ndarray, shape (draws,)
        Of a unit: goods and handling.
    fee : float
        Share of the price that others keep.
    most : float
        Units a week that can be sold.
    worth : ndarray, shape (others,)
        Profit a week of other products at today's prices.
    cross : ndarray, shape (others, draws)
        Elasticity of their units to this price; relative to the first segment's price.
    """

    units: Floats
    base: Floats
    elasticity: Floats
    cost: Floats
    fee: float = 0.0
    most: float = np.inf
    worth: Floats = field(default_factory=lambda: np.zeros(0))
    cross: Floats = field(default_factory=lambda: np.zeros((0, 1)))

    def value(self, price: ArrayLike) -> Floats:
        """Return profit a week; `price` is a number, one a draw, or a column of several: shape (prices, 1)."""
        p = np.asarray(price, float)
        sold = sum(q * (p / b) ** e for q, b, e in zip(self.units, self.base, self.elasticity, strict=True))
        own = np.minimum(sold, self.most) * (p * (1 - self.fee) - self.cost)
        return np.asarray(
            own + sum(w * (p / self.base[0]) ** x for w, x in zip(self.worth, self.cross, strict=True))
        )

    def slope(self, price: ArrayLike) -> Floats:
        """Return the derivative of `value` by price; where stock binds, more price sells no fewer."""
        p, sold, bend, net = np.asarray(price, float), 0.0, 0.0, 1 - self.fee
        for q, b, e in zip(self.units, self.base, self.elasticity, strict=True):
            part = q * (p / b) ** e
            sold, bend = sold + part, bend + part * e / p
        short = np.asarray(sold) > self.most
        own = np.where(short, self.most * net, bend * (p * net - self.cost) + sold * net)
        others = sum(w * x / p * (p / self.base[0]) ** x for w, x in zip(self.worth, self.cross, strict=True))
        return np.asarray(own + others)


def peaks(profit: Profit, low: float, high: float) -> tuple[float, Floats]:
    """Return the price within [low, high] of the highest expected profit, and that of each draw.

    Parameters
    ----------
    profit : Profit
    low, high : float
        Positive and finite, low at most high.

    Returns
    -------
    float
        Of the mean over draws.
    ndarray, shape (draws,)

    Notes
    -----
    The best of 129 prices evenly apart in logs, then bisection of the slope between its neighbours: profit may have
    several peaks where draws differ much or other products answer, and one grid serves both.
    """
    grid = np.geomspace(low, high, GRID)
    grid[0], grid[-1] = low, high
    values = profit.value(grid[:, None])
    own = _ascend(profit.slope, grid, values.argmax(axis=0))
    at = np.atleast_1d(values.mean(axis=1).argmax())
    mean = _ascend(lambda p: np.atleast_1d(profit.slope(p[0]).mean()), grid, at)
    return float(mean[0]), own


def _ascend(slope: Callable[[Floats], Floats], grid: Floats, best: np.ndarray) -> Floats:
    """Return where the slope changes its sign between the neighbours of the best point."""
    low, high = grid[np.maximum(best - 1, 0)], grid[np.minimum(best + 1, len(grid) - 1)]
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        up = slope(middle) > 0
        low, high = np.where(up, middle, low), np.where(up, high, middle)
    # the ends are reached in the limit only: say them exactly
    end = grid[-1] * (1 - 1e-12)
    return np.where(high >= end, grid[-1], np.where(low <= grid[0] * (1 + 1e-12), grid[0], (low + high) / 2))


def lerner(elasticity: ArrayLike, cost: ArrayLike, fee: float = 0.0) -> Floats:
    """Return the price of the highest profit, e / (1 + e) cost / (1 - fee); infinite where |e| is at most 1.

    Notes
    -----
    Lerner (1934), Review of Economic Studies 1:157-175: the margin after fees is -1 / e.
    """
    e, c = np.broadcast_arrays(np.asarray(elasticity, float), np.asarray(cost, float))
    if not np.isfinite(e).all() or not (np.isfinite(c) & (c > 0)).all() or not 0 <= fee < 1:
        raise ValueError(
            "Elasticities must be numbers, costs positive and the fee a share of the price below 1."
        )
    out = np.full(e.shape, np.inf)
    np.divide(e * c, (1 + e) * (1 - fee), out=out, where=e < -1)
    return out


def normal_draws(mean: float, error: float, many: int = 1000, freedom: float = np.inf) -> Floats:
    """Return `many` quantiles of an estimate's distribution, evenly apart in probability: draws without chance.

    Parameters
    ----------
    mean, error : float
        The estimate and its standard error.
    many : int
    freedom : float
        Degrees of freedom of a t distribution; infinite for a normal one.

    Raises
    ------
    ValueError
        If the mean is no number, the error is below 0 or no number, there are fewer than 1, or freedom is not positive.
    """
    if not (np.isfinite(mean) and np.isfinite(error) and error >= 0 and many >= 1 and freedom > 0):
        raise ValueError(f"An estimate and an error of at least 0 are needed, not {mean!r} and {error!r}.")
    share = (np.arange(many) + 0.5) / many
    return np.asarray(mean + error * (ndtri(share) if freedom == np.inf else stdtrit(freedom, share)))


def apart(common: float, freedom: float, own: float, number: int, many: int = DRAWS) -> Floats:
    """Return draws of an error that has a part which all products share and a part of a product's own.

    Parameters
    ----------
    common, own : float
        Standard errors of the two parts: the first by Student's t, the second normal.
    freedom : float
        Of the first.
    number : int
        Of the product, from 0: draws of different numbers share the first part draw by draw, and nothing else.

    Notes
    -----
    Both are quantiles evenly apart in probability; the second's order is fixed by the number, so that no chance is in
    it.
    """
    shared = normal_draws(0.0, common, many, freedom)
    return shared + scrambled(0.0, own, number, many)


def scrambled(mean: float, error: float, number: int, many: int = DRAWS) -> Floats:
    """Return draws of an estimate that go with nothing else: quantiles in an order that its number alone fixes."""
    return Generator(PCG64(number)).permutation(normal_draws(mean, error, many))


def summary(values: Floats, confidence: float) -> tuple[float, float, float]:
    """Return the mean of draws and the interval between their quantiles."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(np.mean(values)), float(low), float(high)
