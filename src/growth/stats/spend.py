"""What a purchase is worth and what a customer is worth: gamma-gamma spend and discounted lifetime value."""

from __future__ import annotations

from dataclasses import dataclass
from math import atanh, inf, sqrt, tanh

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, psi

from growth.stats.contrast import critical
from growth.stats.likelihood import Fit, delta_interval, jacobian, maximise, spread
from growth.stats.moments import Floats
from growth.stats.purchase import Patterns, PurchaseModel

_DEPENDENT = 0.1  # a correlation of spend and frequency that lies wholly beyond this breaks the model


@dataclass(frozen=True)
class Correlation:
    """The correlation of how often with how much, and its interval by Fisher's z."""

    value: float
    low: float
    high: float
    customers: int


@dataclass(frozen=True, eq=False)
class SpendModel:
    """Gamma-gamma: a purchase is gamma about the customer's mean, and means differ by customer.

    Parameters
    ----------
    fit : Fit
        Of p, q (shapes) and v (scale, in money).
    correlation : Correlation
        Of the number of purchases and their mean value, which the model takes to be independent.
    customers : int
    """

    fit: Fit
    correlation: Correlation
    customers: int

    def expected(self, purchases: ArrayLike, mean_spend: ArrayLike) -> Floats:
        """Return the value of a future purchase, given how many purchases had which mean value.

        Where there were no purchases it is the mean of all customers. Refused if q <= 1 and so that mean is infinite.
        """
        return np.exp(_log_spend(self.fit.theta, *_seen(purchases, mean_spend)))

    def expected_interval(
        self, purchases: ArrayLike, mean_spend: ArrayLike, confidence: float = 0.95
    ) -> tuple[Floats, Floats]:
        """Return the interval of `expected` for the uncertainty of the parameters, symmetric on the log scale."""
        x, z = _seen(purchases, mean_spend)
        return delta_interval(lambda theta: _log_spend(theta, x, z), self.fit, confidence)

    def adequacy(self) -> list[tuple[str, str]]:
        """Return what speaks against the model as (code, sentence): ``dependent``, ``heavy_tail``, ``bound``."""
        found = []
        c = self.correlation
        if max(c.low, -c.high) > _DEPENDENT:
            found.append(
                (
                    "dependent",
                    f"Customers who buy more often spend {'more' if c.value > 0 else 'less'} a purchase (correlation "
                    f"{c.value:.3f}, {c.low:.3f} to {c.high:.3f}): value them by groups of frequency instead.",
                )
            )
        if self.fit.parameters["q"] <= 2:
            found.append(
                (
                    "heavy_tail",
                    f"q is {self.fit.parameters['q']:.2f}: mean spend differs so much between customers that its "
                    "variance is infinite; cap large orders or value their buyers apart.",
                )
            )
        if self.fit.bounded:
            found.append(
                ("bound", f"{' and '.join(self.fit.bounded)} ran to the end of the range: distrust errors.")
            )
        return found


def _seen(purchases: ArrayLike, mean_spend: ArrayLike) -> tuple[Floats, Floats]:
    x, z = np.broadcast_arrays(np.atleast_1d(np.asarray(purchases, float)), np.asarray(mean_spend, float))
    if not np.all(np.isfinite(x) & (x >= 0)):
        raise ValueError("The number of purchases behind a mean spend must be a finite number of at least 0.")
    z = np.where(x > 0, z, 0.0)  # no purchases: whatever stands there means nothing
    if not np.all(np.isfinite(z) & ((z > 0) | (x == 0))):
        raise ValueError("A mean spend must be positive where there are purchases: leave free orders out.")
    return x, z


def _log_spend(theta: Floats, x: Floats, z: Floats) -> Floats:
    """Return the logarithm of Fader and Hardie (2013), eq. 5."""
    p, q, v = np.exp(theta)
    below = p * x + q - 1
    if np.any(below <= 0):
        raise ValueError(
            "The mean spend of a customer without purchases is infinite (q is at most 1): cap large orders first."
        )
    return np.asarray(np.log(p * (v + x * z) / below))


def gamma_gamma(purchases: ArrayLike, mean_spend: ArrayLike, count: ArrayLike | None = None) -> SpendModel:
    """Fit the gamma-gamma model of spend by maximum likelihood.

    Parameters
    ----------
    purchases : array-like of int
        Purchases behind each mean, at least 1; by custom the repeat purchases of those who have any.
    mean_spend : array-like of float
        Their mean value, positive.
    count : array-like of int, optional
        Customers with these; 1 each if left out.

    Raises
    ------
    ValueError
        If a number is missing or not positive, there are fewer than 4 customers, or the likelihood has no single top.

    Notes
    -----
    Fader, Hardie and Lee (2005), RFM and CLV, Journal of Marketing Research 42:415-430; Fader and Hardie (2013), "The
    gamma-gamma model of monetary value", eq. 1a.
    """
    arrays = np.broadcast_arrays(
        *[np.atleast_1d(np.asarray(a, float)) for a in (purchases, mean_spend, 1 if count is None else count)]
    )
    x, z, n = arrays
    if not all(np.all(np.isfinite(a) & (a > 0)) for a in arrays):
        raise ValueError(
            "Gamma-gamma needs positive purchases, mean spends and counts: leave non-repeaters out."
        )
    if n.sum() < 4:
        raise ValueError(f"Gamma-gamma needs more customers than its 3 parameters, not {n.sum():g}.")
    log_z, log_x = np.log(z), np.log(x)

    def score(theta: Floats) -> tuple[float, Floats]:
        p, q, v = np.exp(theta)
        whole, total = p * x + q, v + x * z
        here = np.log(total)
        value = gammaln(whole) - gammaln(p * x) - gammaln(q) + q * np.log(v)
        value = value + (p * x - 1) * log_z + p * x * log_x - whole * here
        by_p = x * (psi(whole) - psi(p * x) + log_z + log_x - here)
        by_q = psi(whole) - psi(q) + np.log(v) - here
        by_v = q / v - whole / total
        return float(n @ value), np.array([n @ by_p, n @ by_q, n @ by_v]) * np.exp(theta)

    start = np.array([0.7, 0.7, np.log(n @ z / n.sum())])
    return SpendModel(maximise(score, ("p", "q", "v"), start), correlation(x, z, n), int(n.sum()))


def correlation(
    purchases: ArrayLike, mean_spend: ArrayLike, count: ArrayLike | None = None, confidence: float = 0.95
) -> Correlation:
    """Return Pearson's correlation of frequency and mean spend over customers; 0 to all if one does not vary.

    Notes
    -----
    Fisher (1921), Metron 1:3-32: the interval is normal in atanh(r) with variance 1 / (n - 3).
    """
    x, z = np.asarray(purchases, float), np.asarray(mean_spend, float)
    n = np.ones(x.shape) if count is None else np.asarray(count, float)
    total = float(n.sum())
    if total < 4:
        raise ValueError(f"A correlation with an interval needs at least 4 customers, not {total:g}.")
    x, z = x - n @ x / total, z - n @ z / total
    scale = sqrt(float(n @ x**2) * float(n @ z**2))
    if scale == 0:
        return Correlation(0.0, -1.0, 1.0, int(total))
    r = min(max(float(n @ (x * z)) / scale, -1 + 1e-15), 1 - 1e-15)
    half = critical(inf, confidence) / sqrt(total - 3)
    return Correlation(r, tanh(atanh(r) - half), tanh(atanh(r) + half), int(total))


@dataclass(frozen=True, eq=False)
class LifetimeValue:
    """Discounted value of the purchases to come.

    Parameters
    ----------
    value, low, high : ndarray
        One a pattern: a customer's expected value and its interval.
    total, total_low, total_high : float
        Of all customers together.
    horizon, period, discount : float
        In the model's unit of time; the discount is a period's.
    confidence : float

    Notes
    -----
    Intervals cover the uncertainty of the parameters. What a single customer will spend varies far more.
    """

    value: Floats
    low: Floats
    high: Floats
    total: float
    total_low: float
    total_high: float
    horizon: float
    period: float
    discount: float
    confidence: float


def lifetime_value(
    model: PurchaseModel,
    spend: SpendModel,
    x: ArrayLike,
    t_x: ArrayLike,
    t: ArrayLike,
    mean_spend: ArrayLike,
    *,
    horizon: float,
    period: float,
    discount: float,
    count: ArrayLike | None = None,
    purchases: ArrayLike | None = None,
    margin: float = 1.0,
    confidence: float = 0.95,
) -> LifetimeValue:
    """Return the discounted value of expected purchases within a horizon, with intervals.

    Parameters
    ----------
    model, spend : PurchaseModel, SpendModel
        Fitted on data independent given the customers: their errors are taken as uncorrelated.
    x, t_x, t : array-like
        Patterns, as `Patterns`.
    mean_spend : array-like
        Mean value of past purchases; not looked at where there were none.
    horizon, period : float
        How far to look and how often to discount, both in **the model's unit of time** (weeks if t is in weeks): a year
        in months of weeks is horizon 52.18, period 52.18 / 12. The last period may be a part.
    discount : float
        A period's rate, at least 0; a purchase counts as of the end of its period.
    count : array-like, optional
        Customers of each pattern, for the totals.
    purchases : array-like, optional
        Purchases behind each mean spend; x if left out.
    margin : float
        Share of spend that is profit.
    confidence : float

    Raises
    ------
    ValueError
        If horizon, period, discount or margin are out of range, or patterns are impossible.

    Notes
    -----
    Value = margin * spend * sum of increments of expected purchases, discounted: Fader, Hardie and Lee (2005, JMR),
    eq. 1, in discrete time. Delta method on the log scale; purchases and spend add their variances.
    """
    at = Patterns.of(x, t_x, t, count)
    if not (0 < period <= horizon < inf):
        raise ValueError(f"A period must be positive and within the horizon, not {period!r} of {horizon!r}.")
    if not (0 <= discount < inf and 0 < margin < inf):
        raise ValueError("A discount must be at least 0 and a margin positive, as shares like 0.01 and 0.3.")
    seen = _seen(at.x if purchases is None else purchases, mean_spend)
    edges = np.minimum(period * np.arange(1, int(np.ceil(horizon / period - 1e-9)) + 1), horizon)
    weights = (1 + discount) ** -(edges / period)

    def buys(theta: Floats) -> Floats:
        return np.log(_discounted(model, theta, at, edges, weights))

    def spends(theta: Floats) -> Floats:
        return _log_spend(theta, *seen) + np.zeros_like(at.x)

    value = margin * np.exp(buys(model.fit.theta) + spends(spend.fit.theta))
    slopes = [jacobian(buys, model.fit.theta), jacobian(spends, spend.fit.theta)]
    covariances = [model.fit.covariance, spend.fit.covariance]
    q = critical(inf, confidence)
    half = q * np.hypot(*[spread(s, c) for s, c in zip(slopes, covariances, strict=True)])
    total = float(at.count @ value)
    mean_slopes = [s @ (at.count * value) / total for s in slopes]
    apart = q * float(np.hypot(*[spread(s, c) for s, c in zip(mean_slopes, covariances, strict=True)]))
    return LifetimeValue(
        value,
        value * np.exp(-half),
        value * np.exp(half),
        total,
        total * float(np.exp(-apart)),
        total * float(np.exp(apart)),
        float(horizon),
        float(period),
        float(discount),
        confidence,
    )


def _discounted(model: PurchaseModel, theta: Floats, at: Patterns, edges: Floats, weights: Floats) -> Floats:
    """Return discounted expected purchases: the sum by parts needs each edge once, and no differences that cancel."""
    drops = weights - np.append(weights[1:], 0.0)
    total = np.zeros_like(at.x)
    for edge, drop in zip(edges, drops, strict=True):
        total = total + drop * np.exp(model._log_expected(theta, edge, at))
    return total
