"""What a price test must be to settle an open case: its regions and weeks, or its customers.

Two prices are drawn by lot, today's and a new one. The elasticity is the difference of log units over the difference
of log prices, so that its error falls with the size of the change as much as with the size of the test.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, log, sqrt

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri
from scipy.stats import nct, t

from growth.price.recommend import Product
from growth.stats.moments import Floats

MOST_REGIONS = 100_000


def breakeven(product: Product, new: float) -> float:
    """Return the elasticity at which a new price earns what today's does.

    Parameters
    ----------
    product : Product
        With its cost.
    new : float
        Above cost after fees, and not today's price.

    Returns
    -------
    float
        log(margin of today / margin of the new) / log(new / today): a rise gains where the elasticity is above it,
        a cut where it is below.

    Raises
    ------
    ValueError
        If the cost is unknown, a margin is not positive, or the price is today's.
    """
    if product.cost is None:
        raise ValueError(f"{product.name}: what a unit costs must be known to say what a price gains.")
    if not (isfinite(new) and new > 0 and new != product.price):
        raise ValueError(f"{product.name}: a test needs another price than {product.price!r}, not {new!r}.")
    old, after = (p * (1 - product.fee) - product.cost for p in (product.price, new))
    if not min(old, after) > 0:
        raise ValueError(
            f"{product.name}: a unit must earn something at both prices; at one it earns {min(old, after)}."
        )
    return log(old / after) / log(new / product.price)


def error_needed(distance: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the standard error of the elasticity at which a gain is told from no gain.

    Parameters
    ----------
    distance : float
        Of the true elasticity from `breakeven`; not 0.
    alpha, power : float
        Of a one-sided test that the new price does not gain.

    Raises
    ------
    ValueError
        If the distance is 0, or not alpha < power < 1.
    """
    _check(alpha, power)
    if not (isfinite(distance) and distance != 0):
        raise ValueError(
            f"At the break-even itself no test tells a gain: the distance must not be 0, not {distance!r}."
        )
    return abs(distance) / float(ndtri(1 - alpha) + ndtri(power))


def _check(alpha: float, power: float) -> None:
    if not 0 < alpha < power < 1:
        raise ValueError(f"Alpha and power must be shares, alpha the smaller, not {alpha!r} and {power!r}.")


def customer_error(customers: float, change: float, variation: float, share: float = 0.5) -> float:
    """Return the standard error of the elasticity when customers are drawn.

    Parameters
    ----------
    customers : float
        Of both arms.
    change : float
        New price over today's, less 1.
    variation : float
        Standard deviation over mean of a customer's units during the test, those who buy nothing counted.
    share : float
        Of customers with the new price.

    Notes
    -----
    Delta method: var(log of a mean) = variation^2 / n. Equal variation in both arms.
    """
    x = _log_change(change)
    _positive(customers=customers, variation=variation)
    return variation * sqrt(_arms(share) / customers) / x


def customers_needed(error: float, change: float, variation: float, share: float = 0.5) -> float:
    """Return the customers of both arms, unrounded, that give a standard error of the elasticity.

    See `customer_error`, whose inverse it is.
    """
    _positive(error=error)
    return (customer_error(1.0, change, variation, share) / error) ** 2


@dataclass(frozen=True)
class Noise:
    """How units vary without any change of price.

    Parameters
    ----------
    variation : float
        Standard deviation over mean of a customer's units during the test, those who buy nothing counted.
    spread : float or None
        Standard deviation of log units of a region's week, its own level and the week common to all taken out; None:
        no test by region is planned.
    correlation : float
        Of a region's week with its week before (first-order autoregression).
    before : int
        Weeks of the same regions before the test: with some, each region is compared with itself.
    between : float
        Standard deviation of regions' levels of log units; without weeks before it is in the error.
    """

    variation: float
    spread: float | None = None
    correlation: float = 0.0
    before: int = 8
    between: float = 0.0

    def __post_init__(self) -> None:
        """Name what cannot be."""
        _positive(variation=self.variation)
        if self.spread is not None:
            _positive(spread=self.spread)
        if not -1 < self.correlation < 1 or self.before < 0 or not 0 <= self.between < inf:
            raise ValueError(
                "The correlation lies within (-1, 1); weeks before and spread between regions are at least 0."
            )


def region_error(regions: float, weeks: int, change: float, noise: Noise, share: float = 0.5) -> float:
    """Return the standard error of the elasticity when regions are drawn.

    Parameters
    ----------
    regions : float
        Of both arms.
    weeks : int
        Of the test.
    change : float
        New price over today's, less 1.
    noise : Noise
    share : float
        Of regions with the new price.

    Raises
    ------
    ValueError
        If a size is not positive, regions' spread is not known, or the change is 0 or a fall to nothing.

    Notes
    -----
    Difference of arms of test mean less mean before: variance = (1/n_t + 1/n_c) (spread^2 d), where d is the variance
    of the difference of two adjacent means of an autoregression; without weeks before, (spread^2 c + between^2).
    """
    x = _log_change(change)
    _positive(regions=regions, weeks=weeks)
    if noise.spread is None:
        raise ValueError("A test by region needs the spread of a region's weeks.")
    lags = np.abs(np.subtract.outer(np.arange(noise.before + weeks), np.arange(noise.before + weeks)))
    weight = np.r_[np.full(noise.before, -1 / max(noise.before, 1)), np.full(weeks, 1 / weeks)]
    own = float(weight @ (noise.correlation**lags) @ weight)
    variance = noise.spread**2 * own + (noise.between**2 if noise.before == 0 else 0.0)
    return sqrt(variance * _arms(share) / regions) / x


def regions_needed(
    distance: float, weeks: int, change: float, noise: Noise, alpha: float = 0.05, power: float = 0.8
) -> int:
    """Return the regions of two equal arms that tell a gain from no gain.

    Parameters
    ----------
    distance : float
        Of the true elasticity from `breakeven`; not 0.
    weeks, change, noise
        See `region_error`.
    alpha, power : float
        Of a one-sided t test with regions - 2 degrees of freedom: few regions need more than a normal test says.

    Returns
    -------
    int
        Even, at least 4.

    Raises
    ------
    ValueError
        If the distance is 0, or 100,000 regions would not do.
    """
    error_needed(distance, alpha, power)  # the same faults, in the same words
    one = region_error(1.0, weeks, change, noise)

    def reached(pairs: int) -> bool:
        n = 2 * pairs
        return _t_power(abs(distance) / (one / sqrt(n)), n - 2, alpha) >= power

    low, high = 1, 2
    while not reached(high):
        low, high = high, 2 * high
        if 2 * high > MOST_REGIONS:
            raise ValueError(
                f"More than {MOST_REGIONS:,} regions would be needed: test a larger change or longer, or leave it open."
            )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return 2 * high


def _t_power(size: float, freedom: int, alpha: float) -> float:
    """Return the power of a one-sided t test of an effect of `size` standard errors."""
    return float(nct.sf(t.isf(alpha, freedom), freedom, size))


def _log_change(change: float) -> float:
    if not (isfinite(change) and change > -1 and change != 0):
        raise ValueError(f"A test changes the price by a share other than 0 and above -1, not {change!r}.")
    return abs(log(1 + change))


def _arms(share: float) -> float:
    if not 0 < share < 1:
        raise ValueError(f"The share with the new price lies between 0 and 1, not {share!r}.")
    return 1 / share + 1 / (1 - share)


def _positive(**sizes: float) -> None:
    for name, size in sizes.items():
        if not (isfinite(size) and size > 0):
            raise ValueError(f"The {name} must be positive, not {size!r}.")


@dataclass(frozen=True)
class Plan:
    """What a test of one new price must be.

    Parameters
    ----------
    name : str
    new : float
    breakeven : float
        Elasticity at which the new price earns what today's does.
    gains : float
        Probability, as known today, that it earns more.
    error : float
        Standard error of the elasticity that a test needs, if the truth is as far from the break-even as now expected.
    assurance : float
        Probability that a test of this error comes out on the right side and sure, whatever the elasticity turns out to
        be: less than its power, for the truth may lie nearer.
    worth : float
        Profit a week of knowing for certain: more than any test is worth.
    customers : float
        Needed of both arms, rounded up.
    regions : DataFrame
        ``weeks, regions``: how many regions for how many weeks; missing where too many would be needed; no rows
        where the spread of regions is not known.
    """

    name: str
    new: float
    breakeven: float
    gains: float
    error: float
    assurance: float
    worth: float
    customers: float
    regions: pd.DataFrame


def plan(
    product: Product,
    new: float,
    noise: Noise,
    weeks: tuple[int, ...] = (2, 4, 8, 12),
    alpha: float = 0.05,
    power: float = 0.8,
) -> Plan:
    """Return what a test of a new price must be to tell whether it gains.

    Parameters
    ----------
    product : Product
        With its cost and draws of the elasticity: what is known so far.
    new : float
    noise : Noise
    weeks : tuple of int
        Lengths to work out.
    alpha, power : float

    Raises
    ------
    ValueError
        As `breakeven`; if the elasticity is not identified; or if it is expected exactly at the break-even.
    """
    change = new / product.price - 1
    breakeven(product, new)  # the same faults, in the same words
    if product.elasticity is None:
        raise ValueError(f"{product.name}: a test is planned from what is known; give draws of a wide guess.")
    # above 0 where the new price gains, whether it is a rise or a cut
    evens = _breakevens(product, new)
    ahead = (np.asarray(product.elasticity, float) - evens) * np.sign(change)
    even = float(evens.mean())
    distance = float(ahead.mean())
    error = error_needed(distance, alpha, power)
    sure = ndtr(np.abs(ahead) / error - ndtri(1 - alpha))
    profit = product.profit()
    gain = profit.value(new) - profit.value(product.price)
    worth = float(np.maximum(gain, 0).mean() - max(gain.mean(), 0.0))
    lengths = weeks if noise.spread is not None else ()
    rows = [(w, _regions(distance, w, change, noise, alpha, power)) for w in lengths]
    return Plan(
        product.name, new, even, float((ahead > 0).mean()), error, float(sure.mean()), worth,
        float(np.ceil(customers_needed(error, change, noise.variation))),
        pd.DataFrame(rows, columns=["weeks", "regions"]).astype({"regions": "Int64"}),
    )  # fmt: skip


def _breakevens(product: Product, new: float) -> Floats:
    """Return by draw the own elasticity at which a new price earns what today's does, other products' profit in it."""
    profit = product.profit()
    others = sum(
        (w * ((new / product.price) ** x - 1) for w, x in zip(profit.worth, profit.cross, strict=True)),
        np.zeros(profit.cost.shape),
    )
    old, after = ((p * (1 - product.fee) - profit.cost) * product.units for p in (product.price, new))
    needed = old - others
    if not (needed > 0).all():
        raise ValueError(
            f"{product.name}: what other products gain pays for the new price whatever its own demand does."
        )
    return np.asarray(np.log(needed / after) / log(new / product.price))


def _regions(
    distance: float, weeks: int, change: float, noise: Noise, alpha: float, power: float
) -> int | None:
    try:
        return regions_needed(distance, weeks, change, noise, alpha, power)
    except ValueError as error:
        if "regions would be needed" in str(error):
            return None
        raise
