"""How deep a temporary cut should be: the lift it brings, less what it only borrows from the weeks after."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from growth.price.profit import peaks, summary
from growth.price.recommend import Guards, Product, bounds
from growth.stats.moments import Floats


@dataclass(frozen=True)
class Depth:
    """A temporary cut.

    Parameters
    ----------
    depth : float
        The share of the price to take off: that of the highest expected profit; 0 where no cut is sure enough to pay.
    best, low, high : float
        The best depth on average, and the interval over draws of each draw's own.
    gain : tuple of float
        Profit of a week of `best`, less none, the dip after and what the cut costs: (mean, low, high).
    probability : float
        That `best` pays.
    regret : float
        Expected profit that `depth` leaves to the best of each draw.
    sentence : str
    """

    depth: float
    best: float
    low: float
    high: float
    gain: tuple[float, float, float]
    probability: float
    regret: float
    sentence: str


def discount(
    product: Product,
    borrowed: ArrayLike,
    deepest: float = 0.5,
    spend: float = 0.0,
    guards: Guards | None = None,
) -> Depth:
    """Return how deep a cut of one week should be.

    Parameters
    ----------
    product : Product
        With the elasticity of units to a temporary cut, which is not that to the regular price.
    borrowed : float or array, shape (draws,)
        The share of the extra units that later weeks lack, where they would have paid the full price.
    deepest : float
        The largest share of the price that may be taken off; the margin floor may allow less.
    spend : float
        What announcing the cut costs.
    guards : Guards, optional
        Its margin floor, probability and confidence count, and `beyond` the lowest price ever charged; the step and the
        competitor do not, for a cut does not last.

    Raises
    ------
    ValueError
        If the elasticity or cost is unknown, a share is out of range, or the price is below the margin floor.

    Notes
    -----
    An extra unit costs what it costs and, with probability `borrowed`, the full margin m of a later one. So the best
    promotional price is Lerner's at the cost c + borrowed m, and never above today's.
    """
    guards = guards or Guards()
    profit = product.profit()
    lost = np.broadcast_to(np.asarray(borrowed, float), profit.cost.shape)
    if not ((lost >= 0) & (lost < 1)).all() or not 0 < deepest < 1 or not 0 <= spend < np.inf:
        raise ValueError(f"{product.name}: borrowed and deepest are shares below 1, and spend is at least 0.")
    wide = replace(guards, step=deepest, index=None)
    lowest = bounds(
        replace(product, observed=(min(product.observed[0], product.price), product.price)), wide
    ).low
    if lowest > product.price:
        raise ValueError(
            f"{product.name}: today's price is below its margin floor of {lowest:.2f}: no room to cut."
        )
    margin = product.price * (1 - product.fee) - profit.cost
    promoted = replace(profit, cost=profit.cost + lost * margin)
    best, own = peaks(promoted, lowest, product.price)
    now = promoted.value(product.price)
    gains, most = (promoted.value(at) - now for at in (best, own))
    # a cut that costs something to announce must earn that back: else there is none
    return _said(
        product, guards, best, own, gains - (best < product.price) * spend, np.maximum(most - spend, 0.0)
    )


def _said(product: Product, guards: Guards, best: float, own: Floats, gains: Floats, most: Floats) -> Depth:
    probability = float((gains > 0).mean())
    pays = probability >= guards.sure and gains.mean() > 0
    taken = 1 - best / product.price
    _, low, high = summary(1 - own / product.price, guards.confidence)
    gain = summary(gains, guards.confidence)
    regret = float((most - (gains if pays else 0.0)).mean())
    chance = f"with probability {probability:.2f}, the weeks after counted"
    text = f"{taken:.0%} off pays {chance}."
    if not taken:
        text = "No cut earns more than today's price, the weeks after counted."
    elif not pays:
        text = f"No cut is sure to pay: {taken:.0%} off would {chance}."
    return Depth(taken if pays else 0.0, taken, low, high, gain, probability, max(regret, 0.0), text)
