"""What a product should cost: the price of the highest expected profit within the guards, and how sure that is.

Elasticities come as draws, so that a price has a distribution of gains instead of a point. A price is changed where a
gain is probable enough; else it stays, and the reason says what is missing. Nothing is guessed: without a cost, an
elasticity or two prices ever charged there is a reason, and no number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf

import numpy as np
import pandas as pd

from growth.price.profit import Profit, peaks, summary
from growth.stats.contrast import check_confidence
from growth.stats.moments import Floats

COLUMNS = [
    "name", "today", "price", "reason", "sentence", "best", "low", "high", "gain", "gain_low", "gain_high",
    "probability", "regret",
]  # fmt: skip
TOUCH = 1e-9  # a price so near a bound, in shares of it, is at the bound


class Reason(StrEnum):
    """Why a price is what it is."""

    RAISE = "raise"
    LOWER = "lower"
    KEEP = "keep: today's price is best"
    UNCERTAIN = "keep: gain uncertain"
    OTHERS = "keep: what it takes from others unknown"
    RANGE = "bounded by the observed range"
    MARGIN = "bounded by the margin floor"
    COMPETITOR = "bounded by the competitor"
    STEP = "bounded by the step"
    STOCK = "bounded by stock"
    INELASTIC = "no interior optimum: |e| <= 1"
    CONFLICT = "guards contradict each other"
    NOT_IDENTIFIED = "not identified"
    COST_UNKNOWN = "cost unknown"
    COST_ABOVE_PRICE = "cost above price"


@dataclass(frozen=True)
class Other:
    """Another product whose units answer this product's price: a substitute (elasticity above 0) or a complement.

    Parameters
    ----------
    profit : float
        A week, at today's prices.
    elasticity : ndarray, shape (draws,) or float
        Of its units to this product's price.
    """

    profit: float
    elasticity: Floats | float


@dataclass(frozen=True)
class Product:
    """What is known of a product; money in one currency.

    Parameters
    ----------
    name : str
    price : float
        Of today.
    units : float
        A week at that price; stock-outs repaired.
    cost : float or None
        Of a unit: goods and handling, whatever does not grow with the price. None where it is unknown.
    elasticity : ndarray, shape (draws,), or None
        Own-price elasticity, by draw; see `growth.price.profit.normal_draws`. None where it is not identified.
    observed : tuple of float
        Lowest and highest price that it was ever sold at.
    fee : float
        Share of the price for payment and marketplace.
    competitor : float or None
        Its price elsewhere.
    stock : float
        Units a week that can be sold.
    others : sequence of Other
    why : str
        Why the elasticity is not identified, to stand within a sentence.

    Raises
    ------
    ValueError
        If a price, a cost or a range is not positive, units are below 0, or the fee is not a share.
    """

    name: str
    price: float
    units: float
    cost: float | None
    elasticity: Floats | None
    observed: tuple[float, float]
    fee: float = 0.0
    competitor: float | None = None
    stock: float = inf
    others: Sequence[Other] = ()
    why: str = ""

    def __post_init__(self) -> None:
        """Name what cannot be."""
        low, high = self.observed
        rival, cost = self.competitor, self.cost
        faults = {
            f"its price must be positive, not {self.price!r}": not 0 < self.price < inf,
            f"its units must be at least 0, not {self.units!r}: take returns out first": not 0
            <= self.units
            < inf,
            f"its cost must be positive, or None where unknown, not {cost!r}": cost is not None
            and not 0 < cost < inf,
            f"its observed range must be positive and in order, not {low!r} to {high!r}": not 0
            < low
            <= high
            < inf,
            f"its fee must be a share of the price, not {self.fee!r}": not 0 <= self.fee < 1,
            f"its competitor's price must be positive, not {rival!r}": rival is not None
            and not 0 < rival < inf,
            f"its stock must be positive, not {self.stock!r}": not self.stock > 0,
        }
        for fault, is_so in faults.items():
            if is_so:
                raise ValueError(f"{self.name}: {fault}.")
        if self.elasticity is not None and not (
            np.size(self.elasticity) and np.isfinite(self.elasticity).all()
        ):
            raise ValueError(f"{self.name}: its elasticities must be numbers, or None where not identified.")

    def profit(self) -> Profit:
        """Return its profit by draw; a ValueError where that cannot be said."""
        if self.elasticity is None or self.cost is None:
            raise ValueError(f"{self.name}: profit needs an elasticity and a cost.")
        e = np.asarray(self.elasticity, float)
        if not e.mean() < 0:
            raise ValueError(
                f"{self.name}: its estimated demand does not fall with price: the estimate is wrong."
            )
        cross = np.array([np.broadcast_to(o.elasticity, e.shape) for o in self.others]).reshape(-1, len(e))
        return Profit(
            np.array([self.units]), np.array([self.price]), e[None, :], np.full(len(e), self.cost), self.fee,
            self.stock, np.array([o.profit for o in self.others], float), cross,
        )  # fmt: skip


@dataclass(frozen=True)
class Guards:
    """Within what a price may move, and how sure a gain must be.

    Parameters
    ----------
    margin : float
        Least profit of a unit, as a share of its price.
    step : float
        Largest change at once, as a share of today's price.
    index : tuple of float or None
        Least and most of price over the competitor's; a product whose competitor is not known is not held to it.
    beyond : float
        Share by which the observed range may be left.
    sure : float
        Least probability of a gain.
    confidence : float
        Of intervals.
    """

    margin: float = 0.0
    step: float = 0.1
    index: tuple[float, float] | None = None
    beyond: float = 0.0
    sure: float = 0.9
    confidence: float = 0.95

    def __post_init__(self) -> None:
        """Name what cannot be."""
        check_confidence(self.confidence)
        if not (0 <= self.margin < 1 and self.step > 0 and 0 <= self.beyond < 1 and 0 <= self.sure <= 1):
            raise ValueError("Guards: margin, beyond and sure are shares below 1, and the step is above 0.")
        if self.index is not None and not 0 < self.index[0] <= self.index[1] < inf:
            raise ValueError(f"Guards: the index band must be positive and in order, not {self.index!r}.")


@dataclass(frozen=True)
class Bounds:
    """The prices that guards allow, and which guard set each end."""

    low: float
    high: float
    low_by: Reason
    high_by: Reason


@dataclass(frozen=True)
class Recommendation:
    """A price with its reasons.

    Parameters
    ----------
    name : str
    price : float
        What to charge: `best`, or today's where a gain is not sure or nothing can be said.
    reason : Reason
    sentence : str
        The reason in plain words.
    best : float or None
        The price of the highest expected profit within the guards; None, like all below, where nothing can be said.
    low, high : float or None
        Interval over draws of the best price within the guards.
    gain : tuple of float or None
        Profit a week of `best` less today's: (mean, low, high).
    probability : float or None
        That `best` earns more than today's price.
    regret : float or None
        Expected profit a week that `price` leaves to the best price of each draw.
    bounds : Bounds or None
    """

    name: str
    price: float
    reason: Reason
    sentence: str
    best: float | None = None
    low: float | None = None
    high: float | None = None
    gain: tuple[float, float, float] | None = None
    probability: float | None = None
    regret: float | None = None
    bounds: Bounds | None = None


def bounds(product: Product, guards: Guards) -> Bounds:
    """Return the prices that the guards allow; the low end is above the high one where they contradict each other.

    Raises
    ------
    ValueError
        If the product's cost is unknown.
    """
    if product.cost is None:
        raise ValueError(f"{product.name}: the margin floor needs a cost.")
    net = 1 - product.fee - guards.margin
    floor = product.cost / net if net > 0 else inf
    ends = [
        (product.observed[0] * (1 - guards.beyond), product.observed[1] * (1 + guards.beyond), Reason.RANGE),
        (product.price * (1 - guards.step), product.price * (1 + guards.step), Reason.STEP),
        (floor, inf, Reason.MARGIN),
    ]
    if guards.index and product.competitor:
        least, most = (product.competitor * share for share in guards.index)
        ends.append((least, most, Reason.COMPETITOR))
    low, high = max(ends, key=lambda e: e[0]), min(ends, key=lambda e: e[1])
    return Bounds(low[0], high[1], low[2], high[2])


def recommend(product: Product, guards: Guards | None = None) -> Recommendation:
    """Return what a product should cost.

    Parameters
    ----------
    product : Product
    guards : Guards, optional

    Notes
    -----
    The price maximises the mean of profit over draws, not the profit at the mean elasticity: the two differ where
    demand is uncertain. The interval of the best price is over draws, each with its own best price (Lerner's within the
    guards). A gain is uncertain where its probability is below `guards.sure`. Units of today are taken for known. Draws
    should be pooled towards a category: of many that are not, the largest gains are the most overstated.
    """
    guards = guards or Guards()
    refused = _refused(product)
    if refused:
        return Recommendation(product.name, product.price, *refused)
    within = bounds(product, guards)
    if within.low > within.high * (1 + TOUCH):
        text = (
            f"No price meets all guards: one must be at least {within.low:.2f} ({within.low_by}) and at most "
            f"{within.high:.2f} ({within.high_by}); loosen one of them."
        )
        return Recommendation(product.name, product.price, Reason.CONFLICT, text, bounds=within)
    return _decided(product, guards, within)


def price_list(products: Sequence[Product], guards: Guards | None = None) -> pd.DataFrame:
    """Return one row a product, in their order: none is left out, and what is not known is empty.

    Returns
    -------
    DataFrame
        ``name, today, price, reason, sentence, best, low, high, gain, gain_low, gain_high, probability, regret``.

    Raises
    ------
    ValueError
        If a name comes twice.
    """
    names = [p.name for p in products]
    if len(set(names)) < len(names):
        raise ValueError("A product comes twice in the price list: give each one row.")
    rows = []
    for product in products:
        found = recommend(product, guards)
        gain = found.gain or (None, None, None)
        rows.append(
            (found.name, product.price, found.price, str(found.reason), found.sentence, found.best, found.low,
             found.high, *gain, found.probability, found.regret)
        )  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def _refused(product: Product) -> tuple[Reason, str] | None:
    """Return why nothing can be said of a product."""
    if product.observed[0] == product.observed[1]:
        return Reason.NOT_IDENTIFIED, (
            f"{product.observed[0]:.2f} is the only price ever charged: what another does to demand is not known."
        )
    if product.elasticity is None or product.units == 0:
        why = product.why or ("nothing was sold" if product.units == 0 else "no estimate is sound")
        return Reason.NOT_IDENTIFIED, f"How demand answers price is not identified: {why}."
    if np.mean(product.elasticity) >= 0:
        return (
            Reason.NOT_IDENTIFIED,
            "Estimated demand does not fall with price: the estimate is wrong, not the price.",
        )
    if product.cost is None:
        return (
            Reason.COST_UNKNOWN,
            "What a unit costs is not known: without it there is no profit to maximise.",
        )
    loss = product.cost - product.price * (1 - product.fee)
    if loss >= 0:
        return Reason.COST_ABOVE_PRICE, (
            f"A unit loses {loss:.2f} at today's price: check its cost and its price before any model."
        )
    return None


def _decided(product: Product, guards: Guards, within: Bounds) -> Recommendation:
    profit, today = product.profit(), product.price
    best, own = peaks(profit, within.low, max(within.low, within.high))
    before, after = profit.value(today), profit.value(best)
    may_stay = within.low * (1 - TOUCH) <= today <= within.high * (1 + TOUCH)
    if may_stay and before.mean() >= after.mean():
        best, after = today, before
    gains = after - before
    probability = float((gains > 0).mean())
    reason = _reason(product, within, best, may_stay, probability >= guards.sure)
    price = today if reason in (Reason.KEEP, Reason.UNCERTAIN) else best
    regret = float((profit.value(own) - profit.value(price)).mean())
    _, low, high = summary(own, guards.confidence)
    gain = summary(gains, guards.confidence)
    text = _sentence(product, reason, within, best, probability)
    return Recommendation(
        product.name,
        price,
        reason,
        text,
        best,
        float(low),
        float(high),
        gain,
        probability,
        max(regret, 0.0),
        within,
    )


def _reason(product: Product, within: Bounds, best: float, may_stay: bool, sure: bool) -> Reason:
    stays, at_most = abs(best / product.price - 1) < 1e-6, best >= within.high * (1 - TOUCH)
    inelastic = at_most and (np.asarray(product.elasticity) >= -1).mean() > 0.5
    if may_stay and stays:
        return Reason.INELASTIC if inelastic else Reason.KEEP
    if may_stay and not sure:
        return Reason.UNCERTAIN
    if at_most:
        return Reason.INELASTIC if inelastic else within.high_by
    if best <= within.low * (1 + TOUCH):
        return within.low_by
    if np.isfinite(product.stock):
        free = replace(product.profit(), most=inf)
        if peaks(free, within.low, within.high)[0] < best * (1 - TOUCH):
            return Reason.STOCK
    return Reason.RAISE if best > product.price else Reason.LOWER


def _sentence(product: Product, reason: Reason, within: Bounds, best: float, probability: float) -> str:
    chance = f"it earns more than today's {product.price:.2f} with probability {probability:.2f}"
    if reason is Reason.KEEP:
        return f"Of the prices that the guards allow, today's {product.price:.2f} earns most."
    if reason is Reason.UNCERTAIN:
        return f"{best:.2f} is best on average, but {chance}: too little to act on; a price test would settle it."
    if reason is Reason.INELASTIC:
        share = float((np.asarray(product.elasticity) >= -1).mean())
        more = "that is today's" if best == product.price else chance
        return (
            f"Demand falls by less than price rises (|e| <= 1 in {share:.0%} of draws): no price maximises profit, and "
            f"{best:.2f} is only where it is {within.high_by}; {more}."
        )
    if reason is Reason.STOCK:
        return f"There is not enough to sell at a lower price than {best:.2f}; {chance}."
    if reason in (Reason.RAISE, Reason.LOWER):
        return f"{reason.capitalize()} to {best:.2f}: {chance}."
    side = "higher" if best >= within.high * (1 - TOUCH) else "lower"
    return f"A price still {side} than {best:.2f} would earn more, but it is {reason}; {chance}."
