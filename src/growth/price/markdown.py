"""Clearance: the path of prices that sells what is left by a day, worth most.

Gallego and van Ryzin (1994), Management Science 40:999-1020: with n units and time t left, demand is a Poisson process
whose rate depends on the price. For a rate a exp(-price) the best price has a closed form; for a constant elasticity
and weeks the recursion is worked out backwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, logsumexp
from scipy.stats import poisson

from growth.stats.moments import Floats


def exponential(units: int, time: float, rate: float) -> tuple[float, float]:
    """Return the expected revenue and the best price now, where demand is rate exp(-price).

    Parameters
    ----------
    units : int
        Left to sell, at least 1.
    time : float
        Left, positive.
    rate : float
        Of buyers at price 0, positive; prices in units of what makes demand fall by a factor e.

    Raises
    ------
    ValueError
        If an argument is not positive.

    Notes
    -----
    J(n, t) = log sum_{i <= n} (rate t / e)^i / i!, price = J(n, t) - J(n - 1, t) + 1 (section 2.3); sums in logs, so
    that large stocks do not overflow.
    """
    if not (units >= 1 and int(units) == units and 0 < time < np.inf and 0 < rate < np.inf):
        raise ValueError(
            f"Units (whole), time and rate must be positive, not {units!r}, {time!r} and {rate!r}."
        )
    i = np.arange(units + 1)
    terms = i * (np.log(rate * time) - 1) - gammaln(i + 1)
    value = float(logsumexp(terms))
    return value, value - float(logsumexp(terms[:-1])) + 1


@dataclass(frozen=True)
class Path:
    """The best prices until stock or time is out.

    Parameters
    ----------
    value : ndarray, shape (weeks + 1, stock + 1)
        Expected money with so many units at the start of a week; the last row is what leftovers bring.
    price : ndarray, shape (weeks, stock + 1)
        The best price of that week; NaN with nothing left to sell.
    expected : float
        Of the whole path.
    fixed : tuple of float
        The best single price and what it is expected to bring: what changing prices adds is the difference.
    """

    value: Floats
    price: Floats
    expected: float
    fixed: tuple[float, float]


def clearance(
    stock: int,
    base: ArrayLike,
    elasticity: float,
    prices: ArrayLike,
    today: float,
    salvage: float = 0.0,
    falling: bool = True,
) -> Path:
    """Return the price path of a clearance with a constant elasticity.

    Parameters
    ----------
    stock : int
        Units, at least 1.
    base : array-like, shape (weeks,)
        Expected units of each week at today's price.
    elasticity : float
        Below 0.
    prices : array-like
        Those that may be charged, positive.
    today : float
        Today's price, positive.
    salvage : float
        What a unit left over brings, at least 0; below 0 where it costs to be rid of.
    falling : bool
        Whether a price may only fall from week to week; then the first may be any.

    Returns
    -------
    Path
        With `falling`, `price` is that of a path which has not yet bound itself: after a cut, work the rest out anew
        with the prices that are still allowed.

    Raises
    ------
    ValueError
        If there is no stock or week, a number is out of range, or demand does not fall with price.

    Notes
    -----
    Units of a week are Poisson with mean base (price / today)^elasticity, and never more than there are. Backwards:
    V(w, n) = max over p of sum_d P(d) [p min(d, n) + V(w + 1, n - min(d, n))]. The cost of the stock is sunk.
    """
    weeks, allowed = np.atleast_1d(np.asarray(base, float)), np.unique(np.asarray(prices, float))
    _check(stock, weeks, elasticity, allowed, today, salvage)
    rates = weeks[:, None] * (allowed / today) ** elasticity
    value, choice = _backwards(stock, rates, allowed, salvage, falling)
    single = [
        _backwards(stock, rates[:, [k]], allowed[[k]], salvage, False)[0][0, stock, 0]
        for k in range(len(allowed))
    ]
    best = int(np.argmax(single))
    top = len(allowed) - 1 if falling else 0
    price = allowed[choice[:, :, top]]
    price[:, 0] = np.nan
    return Path(
        value[:, :, top], price, float(value[0, stock, top]), (float(allowed[best]), float(single[best]))
    )


def _check(
    stock: int, weeks: Floats, elasticity: float, prices: Floats, today: float, salvage: float
) -> None:
    if not (stock >= 1 and int(stock) == stock and len(weeks)):
        raise ValueError(
            f"A clearance needs whole units and a week at least, not {stock!r} and {len(weeks)} weeks."
        )
    if not (np.isfinite(weeks) & (weeks >= 0)).all():
        raise ValueError("Expected units of a week must be numbers of at least 0.")
    if not -np.inf < elasticity < 0:
        raise ValueError(f"Demand must fall with price: the elasticity must be below 0, not {elasticity!r}.")
    if not (len(prices) and prices[0] > 0 and np.isfinite(prices[-1]) and 0 < today < np.inf):
        raise ValueError("Prices must be positive numbers, today's among them or not.")
    if not -np.inf < salvage < np.inf:
        raise ValueError(f"What a leftover brings must be a number, not {salvage!r}.")


def _backwards(
    stock: int, rates: Floats, prices: Floats, salvage: float, falling: bool
) -> tuple[Floats, np.ndarray]:
    """Return value (weeks + 1, stock + 1, states) and chosen price (weeks, stock + 1, states).

    The state is the index of the last price where prices may only fall, and one alone where they are free.
    """
    states = len(prices) if falling else 1
    value = np.empty((len(rates) + 1, stock + 1, states))
    choice = np.zeros((len(rates), stock + 1, states), dtype=int)
    value[-1] = (salvage * np.arange(stock + 1))[:, None]
    for week in range(len(rates) - 1, -1, -1):
        earned = np.empty((stock + 1, len(prices)))
        for k, price in enumerate(prices):
            ahead = value[week + 1][:, k if falling else 0]
            earned[:, k] = _week(stock, rates[week, k], price, ahead)
        if falling:  # the best of all prices up to the last one
            value[week] = np.maximum.accumulate(earned, axis=1)
            better = earned >= value[week]
            choice[week] = np.maximum.accumulate(np.where(better, np.arange(len(prices)), 0), axis=1)
        else:
            choice[week, :, 0] = earned.argmax(axis=1)
            value[week, :, 0] = earned.max(axis=1)
    return value, choice


def _week(stock: int, rate: float, price: float, ahead: Floats) -> Floats:
    """Return money expected from a week on, by units in stock: sold at a price, the rest worth `ahead`."""
    count = np.arange(stock + 1)
    chance = poisson.pmf(count, rate)
    # with n units, d < n are sold with chance[d] and n with all that is left
    worth = np.array([chance[:n] @ (price * count[:n] + ahead[n:0:-1][:n]) for n in count])
    return worth + poisson.sf(count - 1, rate) * (price * count + ahead[0])
