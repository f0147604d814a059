"""How many to order: what a unit short costs against what a unit too many costs, on the distribution of demand.

The newsvendor's rule (Arrow, Harris and Marschak 1951, Econometrica 19:250-272): order up to the quantile of demand
until the next delivery at underage / (underage + overage). Sales of a period in which stock ran out are not demand:
they say that demand was at least as much, and are taken for that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize, minimize_scalar
from scipy.special import gammaln
from scipy.stats import nbinom, poisson

from growth.stats.moments import Floats

LEAST = 8  # periods that say something of the spread
FLAT = 1e4  # a size from which on a negative binomial is taken for a Poisson


@dataclass(frozen=True)
class Demand:
    """Units until stock can be filled again, by their first two moments: negative binomial, or Poisson.

    Parameters
    ----------
    mean : float
    deviation : float
        Where it is at most that of a Poisson, demand is one.

    Raises
    ------
    ValueError
        If the mean is not positive or the deviation is below 0.
    """

    mean: float
    deviation: float

    def __post_init__(self) -> None:
        """Name what cannot be."""
        if not (0 < self.mean < inf and 0 <= self.deviation < inf):
            raise ValueError(
                f"Demand needs a positive mean and a deviation of at least 0, not {self.mean!r} and {self.deviation!r}."
            )

    @property
    def size(self) -> float:
        """The negative binomial's size; infinite for a Poisson."""
        extra = self.deviation**2 - self.mean
        return self.mean**2 / extra if extra * FLAT > self.mean**2 else inf

    def at_most(self, units: ArrayLike) -> Floats:
        """Return the probability that demand is at most so many units."""
        k = self.size
        return np.asarray(
            poisson.cdf(units, self.mean) if k == inf else nbinom.cdf(units, k, k / (k + self.mean)), float
        )

    def quantile(self, share: float) -> int:
        """Return the fewest units that meet demand with this probability."""
        k = self.size
        return int(poisson.ppf(share, self.mean) if k == inf else nbinom.ppf(share, k, k / (k + self.mean)))

    def short(self, units: int) -> float:
        """Return the units of demand expected beyond so many: mean - sum_{j < units} P(demand > j)."""
        return max(self.mean - float((1 - self.at_most(np.arange(units))).sum()), 0.0)


@dataclass(frozen=True)
class Costs:
    """What one unit too few or too many costs; money in one currency.

    Parameters
    ----------
    price : float
        Net of fees and of handling.
    cost : float
        Of buying a unit.
    holding : float
        Share of the cost for capital and room until the next delivery.
    lost : float
        Share of what is left over that will never be sold: out of season, expired, stolen.
    salvage : float
        What such a unit still brings.
    goodwill : float
        What a customer turned away costs beyond the margin.

    Raises
    ------
    ValueError
        If the cost is not positive or not below the price, shares are out of range, or nothing left over costs
        anything.
    """

    price: float
    cost: float
    holding: float = 0.0
    lost: float = 0.0
    salvage: float = 0.0
    goodwill: float = 0.0

    def __post_init__(self) -> None:
        """Name what cannot be."""
        if not 0 < self.cost < inf:
            raise ValueError(f"The cost of a unit must be known and positive, not {self.cost!r}.")
        if not self.cost < self.price < inf:
            raise ValueError(
                f"A unit costs {self.cost!r} and brings {self.price!r}: with cost above price none should be ordered."
            )
        if not (
            0 <= self.holding < inf
            and 0 <= self.lost <= 1
            and self.salvage <= self.cost
            and self.goodwill >= 0
        ):
            raise ValueError(
                "Holding and goodwill are at least 0, lost is a share, and salvage is at most the cost."
            )
        if not self.overage > 0:
            raise ValueError("What is left over must cost something: without it the order has no bound.")

    @property
    def underage(self) -> float:
        """What a unit short costs: its margin and the goodwill."""
        return self.price - self.cost + self.goodwill

    @property
    def overage(self) -> float:
        """What a unit left over costs: holding, and the share of it that is written off."""
        return self.cost * self.holding + self.lost * (self.cost - self.salvage)

    @property
    def ratio(self) -> float:
        """The critical ratio: the probability with which demand should be met."""
        return self.underage / (self.underage + self.overage)


@dataclass(frozen=True)
class Order:
    """How many to order.

    Parameters
    ----------
    units : int
        To order now.
    level : int
        To have, with what is here and on its way.
    ratio : float
        Critical ratio.
    served : float
        Probability that demand is met; at least the ratio, for units are whole.
    cost : float
        Expected, of units short and left over.
    short, left : float
        Units expected.
    """

    units: int
    level: int
    ratio: float
    served: float
    cost: float
    short: float
    left: float


def order(demand: Demand, costs: Costs, at_hand: int = 0) -> Order:
    """Return how many units to order.

    Parameters
    ----------
    demand : Demand
        Until the delivery after this one: lead time and the time between orders.
    costs : Costs
    at_hand : int
        Units here and on their way; below 0 where more are promised than there are.

    Notes
    -----
    The fewest units q with P(demand <= q) at least the critical ratio. With more at hand than that, nothing is ordered,
    and the cost is that of what is at hand.
    """
    wanted = demand.quantile(costs.ratio)
    level = max(wanted, int(at_hand))
    short = demand.short(level)
    left = level - demand.mean + short
    cost = costs.underage * short + costs.overage * left
    return Order(level - int(at_hand), level, costs.ratio, float(demand.at_most(level)), cost, short, left)


def expected_cost(demand: Demand, costs: Costs, level: int) -> float:
    """Return the expected cost of having `level` units for a demand."""
    short = demand.short(level)
    return costs.underage * short + costs.overage * (level - demand.mean + short)


def over(demand: Demand, periods: float, deviation: float = 0.0, rho: ArrayLike = ()) -> Demand:
    """Return demand over several periods.

    Parameters
    ----------
    demand : Demand
        Of one period. Where the level of demand wanders, take `forecast.total` instead.
    periods : float
        Mean of the time, in periods: lead time, and where orders come at fixed times the time between them.
    deviation : float
        Of that time: suppliers are late.
    rho : array-like, shape (lags,)
        Autocorrelation of a period with the next, the one after and so on; beyond its end, and without it, 0.

    Notes
    -----
    A random sum: mean L m, variance s^2 (L + 2 sum_{k < L} (L - k) rho_k) + m^2 var(L).
    """
    if not (0 < periods < inf and 0 <= deviation < inf):
        raise ValueError(
            f"The time must be positive and its deviation at least 0, not {periods!r} and {deviation!r}."
        )
    variance = alike(periods, rho) * demand.deviation**2 + (demand.mean * deviation) ** 2
    return Demand(demand.mean * periods, sqrt(variance))


def alike(periods: float, rho: ArrayLike) -> float:
    """Return the variance of a sum of so many periods over that of one: L + 2 sum_{k < L} (L - k) rho_k; at least 0."""
    r = np.asarray(rho, float)
    left = np.maximum(periods - np.arange(1, len(r) + 1), 0.0)
    return max(float(periods + 2 * (left * r).sum()), 0.0)


def reorder_point(demand: Demand, lead: float, lead_deviation: float, served: float) -> tuple[int, float]:
    """Return the units at which to order, and how many of them are safety stock.

    Parameters
    ----------
    demand : Demand
        Of one period.
    lead, lead_deviation : float
        Mean and deviation of the lead time, in periods.
    served : float
        Probability of not running out before the delivery; of `Costs.ratio`, if costs decide.
    """
    if not 0 < served < 1:
        raise ValueError(f"The probability of not running out lies between 0 and 1, not {served!r}.")
    until = over(demand, lead, lead_deviation)
    point = until.quantile(served)
    return point, point - until.mean


@dataclass(frozen=True)
class Fitted:
    """Demand of a period, estimated.

    Parameters
    ----------
    demand : Demand
    error : float
        Standard error of its mean.
    periods, short : int
        All, and those in which stock ran out.
    """

    demand: Demand
    error: float
    periods: int
    short: int

    def next(
        self, periods: float, deviation: float = 0.0, rho: ArrayLike = (), stretch: float = 1.0
    ) -> Demand:
        """Return demand over the periods to come, the error of the mean in it: it is the same error in each.

        Parameters
        ----------
        periods, deviation, rho
            As of `over`; where periods are alike the mean of the past ones is less sure as well.
        stretch : float
            By which past sums missed farther than this deviation says (`growth.price.service`); not of the lead time.
        """
        sure = over(self.demand, periods, 0.0, rho)
        unsure = (periods * self.error) ** 2 * alike(self.periods, rho) / self.periods
        late = over(self.demand, periods, deviation, rho).deviation ** 2 - sure.deviation**2
        return Demand(sure.mean, sqrt(stretch**2 * (sure.deviation**2 + unsure) + late))


def fit(units: ArrayLike, short: ArrayLike | None = None) -> Fitted:
    """Return demand of a period from past ones.

    Parameters
    ----------
    units : array-like of int, shape (periods,)
        Sold; a period that sold nothing is a zero, not left out.
    short : array-like of bool, optional
        Whether stock ran out, so that demand was at least what was sold. Without it all sales are demand.

    Raises
    ------
    ValueError
        If there are fewer than 8 periods, units are negative or not whole, nothing was sold, or stock ran out in all
        but 4 periods or more often.

    Notes
    -----
    Negative binomial by maximum likelihood, P(demand >= sold) for periods in which stock ran out (Agrawal and Smith
    1996, Naval Research Logistics 43:839-861). Leaving these periods out, or taking sales for demand, orders too few.
    """
    sold = np.asarray(units, float)
    out = np.zeros(len(sold), bool) if short is None else np.asarray(short, bool)
    _check(sold, out)
    own = sold[~out]
    if not out.any():
        return _whole(own)
    start = [np.log(max(sold.mean(), 0.1)), np.log(_size(own))]

    def loss(theta: Floats) -> float:
        return -_log_likelihood(theta, own, sold[out])

    best = minimize(
        loss, start, method="L-BFGS-B", bounds=[(-8, 15), (-5, np.log(FLAT))], options=dict(ftol=1e-13)
    )
    mean, size = np.exp(best.x)
    demand = Demand(float(mean), float(np.sqrt(mean + mean**2 / size)))
    return Fitted(demand, float(mean) * _error(loss, best.x), len(sold), int(out.sum()))


def _whole(sold: Floats) -> Fitted:
    """Return the fit where stock never ran out: the mean is the sample's whatever the size, and not tied to it."""
    mean, n = float(sold.mean()), len(sold)
    values, times = np.unique(sold, return_counts=True)

    def loss(log_size: float) -> float:
        k = np.exp(log_size)
        each = (
            gammaln(values + k) - gammaln(k) + k * np.log(k / (k + mean)) + values * np.log(mean / (k + mean))
        )
        return -float(times @ each)

    best = minimize_scalar(loss, bounds=(-5, np.log(FLAT)), method="bounded", options=dict(xatol=1e-8))
    size = float(np.exp(best.x))
    return Fitted(Demand(mean, sqrt(mean + mean**2 / size)), sqrt((mean + mean**2 / size) / n), n, 0)


def _error(loss: Callable[[Floats], float], at: Floats) -> float:
    """Return the standard error of the log of the mean: the size estimated with it, unless that is at its bound."""
    steps = np.array([[1e-3, 0.0], [0.0, 1e-3]])
    bend = np.array(
        [
            [loss(at + a + b) - loss(at + a - b) - loss(at - a + b) + loss(at - a - b) for b in steps]
            for a in steps
        ]
    ) / (4 * 1e-6)
    within = at[1] < np.log(FLAT) - 0.01 and np.linalg.det(bend) > 0
    variance = np.linalg.inv(bend)[0, 0] if within else 1 / bend[0, 0]
    return float(np.sqrt(variance))


def _log_likelihood(theta: Floats, sold: Floats, short: Floats) -> float:
    mean, k = np.exp(theta)
    p = k / (k + mean)
    return float(nbinom.logpmf(sold, k, p).sum() + nbinom.logsf(short - 1, k, p).sum())


def _size(sold: Floats) -> float:
    """Return a size by moments to start from."""
    mean, extra = sold.mean(), sold.var() - sold.mean()
    return float(np.clip(mean**2 / extra, 0.05, 1e3)) if extra > 0 and mean > 0 else 1e3


def _check(sold: Floats, short: np.ndarray) -> None:
    if sold.shape != short.shape or len(sold) < LEAST:
        raise ValueError(
            f"Demand needs {LEAST} periods, each with whether stock ran out; there are {len(sold)}."
        )
    if not (np.isfinite(sold) & (sold >= 0) & (sold == np.round(sold))).all():
        raise ValueError("Units must be whole numbers of at least 0: take returns out first, and fill gaps.")
    if (~short).sum() < 4:
        raise ValueError(
            f"Stock ran out in {short.sum()} of {len(sold)} periods: what demand would be is not known."
        )
    if not sold.sum() > 0:
        raise ValueError("Nothing was sold in any period: there is no demand to order for.")
