"""How often customers will buy again who may leave unseen: BG/NBD, MBG/NBD and NBD on counts of patterns.

A pattern is (x, t_x, t): repeat purchases, time of the last one, time since the first purchase, in any one unit.
Customers with the same pattern are counted, not repeated: the likelihood of a million of them costs what their distinct
patterns cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, log_expit

from growth.stats.likelihood import Fit, Score, delta_interval, maximise
from growth.stats.moments import Floats
from growth.stats.visits import visits


@dataclass(frozen=True, eq=False)
class Patterns:
    """Distinct purchase histories and how many customers have each.

    Parameters
    ----------
    x : array-like of int
        Repeat purchases (the first one is not counted).
    t_x, t : array-like of float
        Time from the first purchase to the last (0 if there is no repeat) and to the end of observation.
    count : array-like of int, optional
        Customers; 1 each if left out.

    Raises
    ------
    ValueError
        If lengths differ, a number is missing, or a history is impossible.
    """

    x: Floats
    t_x: Floats
    t: Floats
    count: Floats

    @classmethod
    def of(cls, x: ArrayLike, t_x: ArrayLike, t: ArrayLike, count: ArrayLike | None = None) -> Patterns:
        """Return checked patterns; single numbers are stretched to the others' length."""
        given = [x, t_x, t, 1 if count is None else count]
        try:
            arrays = np.broadcast_arrays(*[np.atleast_1d(np.asarray(a, float)) for a in given])
        except (TypeError, ValueError):
            raise ValueError("Patterns need x, t_x, t and count as numbers, arrays of one length.") from None
        if arrays[0].ndim != 1 or arrays[0].size == 0 or not all(np.isfinite(a).all() for a in arrays):
            raise ValueError(
                "Patterns need at least one customer and no missing numbers: drop incomplete rows first."
            )
        found = cls(*arrays)
        found._check()
        return found

    def _check(self) -> None:
        if np.any((self.x < 0) | (self.x % 1 != 0)):
            raise ValueError("Repeat purchases x must be whole numbers of at least 0.")
        if np.any((self.count <= 0) | (self.count % 1 != 0)):
            raise ValueError("A pattern's count must be a whole number of at least 1: drop empty patterns.")
        if np.any((self.t_x < 0) | (self.t_x > self.t)):
            raise ValueError(
                "The last purchase t_x must lie between 0 and t: measure both from the first purchase."
            )
        if np.any((self.x == 0) & (self.t_x > 0)) or np.any((self.x > 0) & (self.t_x == 0)):
            raise ValueError("t_x is 0 exactly where x is 0: merge purchases of the same moment into one.")

    @property
    def customers(self) -> int:
        """How many customers there are."""
        return int(self.count.sum())

    @property
    def repeaters(self) -> int:
        """How many of them bought again."""
        return int(self.count[self.x > 0].sum())


@dataclass(frozen=True, eq=False)
class PurchaseModel:
    """A fitted model of purchases and unseen dropout.

    Parameters
    ----------
    fit : Fit
        Parameters, errors, covariance on the log scale, log-likelihood.
    patterns : Patterns
        What it was fitted to.

    Notes
    -----
    Methods take a horizon in the patterns' unit of time and patterns as arrays, and return one number a pattern. Their
    intervals cover the uncertainty of the parameters only, by the delta method.
    """

    fit: Fit
    patterns: Patterns

    def expected(self, horizon: ArrayLike, x: ArrayLike, t_x: ArrayLike, t: ArrayLike) -> Floats:
        """Return the purchases to expect within the horizon, given the history."""
        return np.exp(self._log_expected(self.fit.theta, _horizon(horizon), Patterns.of(x, t_x, t)))

    def p_alive(self, x: ArrayLike, t_x: ArrayLike, t: ArrayLike) -> Floats:
        """Return the probability that the customer has not left."""
        return np.exp(self._log_alive(self.fit.theta, Patterns.of(x, t_x, t)))

    def p_any(self, horizon: ArrayLike, x: ArrayLike, t_x: ArrayLike, t: ArrayLike) -> Floats:
        """Return the probability of at least one purchase within the horizon."""
        return np.exp(self._log_any(self.fit.theta, _horizon(horizon), Patterns.of(x, t_x, t)))

    def expected_interval(
        self, horizon: ArrayLike, x: ArrayLike, t_x: ArrayLike, t: ArrayLike, confidence: float = 0.95
    ) -> tuple[Floats, Floats]:
        """Return the interval of `expected`, symmetric on the log scale."""
        at, until = Patterns.of(x, t_x, t), _horizon(horizon)
        return delta_interval(lambda theta: self._log_expected(theta, until, at), self.fit, confidence)

    def p_alive_interval(
        self, x: ArrayLike, t_x: ArrayLike, t: ArrayLike, confidence: float = 0.95
    ) -> tuple[Floats, Floats]:
        """Return the interval of `p_alive`, symmetric in log-odds; a certainty has no width."""
        at = Patterns.of(x, t_x, t)
        odds = -self._odds_gone(self.fit.theta, at)
        sure = np.isinf(odds)
        if sure.all():
            return expit(odds), expit(odds)
        unsure = Patterns(at.x[~sure], at.t_x[~sure], at.t[~sure], at.count[~sure])
        ends = delta_interval(lambda th: -self._odds_gone(th, unsure), self.fit, confidence, "logit")
        low, high = expit(odds), expit(odds)
        low[~sure], high[~sure] = ends
        return low, high

    def expected_new(self, horizon: ArrayLike) -> Floats:
        """Return the repeat purchases to expect of a new customer within the horizon of the first purchase."""
        until = np.atleast_1d(_horizon(horizon))
        return np.exp(self._log_expected(self.fit.theta, until, _new(until)))

    def expected_new_interval(self, horizon: ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """Return the interval of `expected_new`."""
        until = np.atleast_1d(_horizon(horizon))
        at = _new(until)
        return delta_interval(lambda theta: self._log_expected(theta, until, at), self.fit, confidence)

    def next_purchase(self, quantile: float, x: ArrayLike, t_x: ArrayLike, t: ArrayLike) -> Floats:
        """Return the time by which the next purchase has come with this probability; infinite if it never has."""
        if not 0 < quantile < 1:
            raise ValueError(f"A quantile must lie between 0 and 1, like 0.5, not {quantile!r}.")
        at = Patterns.of(x, t_x, t)
        low = np.full(at.x.shape, np.log(max(float(at.t.max()), 1.0)) - 20)
        high = low + 40
        never = self._log_any(self.fit.theta, np.exp(high), at) < np.log(quantile)
        for _ in range(60):
            middle = (low + high) / 2
            reached = self._log_any(self.fit.theta, np.exp(middle), at) >= np.log(quantile)
            low, high = np.where(reached, low, middle), np.where(reached, middle, high)
        return np.where(never, np.inf, np.exp(high))

    def _log_expected(self, theta: Floats, horizon: Floats, at: Patterns) -> Floats:
        raise NotImplementedError

    def _odds_gone(self, theta: Floats, at: Patterns) -> Floats:
        raise NotImplementedError

    def _log_any(self, theta: Floats, horizon: Floats, at: Patterns) -> Floats:
        raise NotImplementedError

    def _log_alive(self, theta: Floats, at: Patterns) -> Floats:
        return np.asarray(log_expit(-self._odds_gone(theta, at)))


def _horizon(horizon: ArrayLike) -> Floats:
    until = np.asarray(horizon, float)
    if not np.all(np.isfinite(until) & (until > 0)):
        raise ValueError("A horizon must be a positive time, in the unit of t.")
    return until


def _new(until: Floats) -> Patterns:
    zero = np.zeros_like(until)
    return Patterns(zero, zero, zero, zero + 1)


class BgNbd(PurchaseModel):
    """Beta-geometric/NBD: after each repeat purchase a customer leaves with a probability that differs by customer.

    Parameters are r, alpha (rate of purchases: gamma with shape r, mean r / alpha) and a, b (dropout: beta).
    """

    _at_zero = 0  # MBG: may leave after the first purchase already

    def _odds_gone(self, theta: Floats, at: Patterns) -> Floats:
        r, alpha, a, b = np.exp(theta)
        return _odds(r, alpha, a, b + self._at_zero, at, at.x + self._at_zero > 0)

    def _log_expected(self, theta: Floats, horizon: Floats, at: Patterns) -> Floats:
        r, alpha, a, b = np.exp(theta)
        expected = visits(r + at.x, a, b + at.x + self._at_zero, horizon / (alpha + at.t))
        return self._log_alive(theta, at) + np.log(expected)

    def _log_any(self, theta: Floats, horizon: Floats, at: Patterns) -> Floats:
        r, alpha = np.exp(theta[:2])
        some = -np.expm1(-(r + at.x) * np.log1p(horizon / (alpha + at.t)))
        return self._log_alive(theta, at) + np.log(some)

    def next_purchase(self, quantile: float, x: ArrayLike, t_x: ArrayLike, t: ArrayLike) -> Floats:
        """Return the time by which the next purchase has come with this probability; infinite if it never has."""
        if not 0 < quantile < 1:
            raise ValueError(f"A quantile must lie between 0 and 1, like 0.5, not {quantile!r}.")
        at = Patterns.of(x, t_x, t)
        r, alpha = np.exp(self.fit.theta[:2])
        share = quantile / np.maximum(np.exp(self._log_alive(self.fit.theta, at)), 1e-300)
        sooner = -np.log1p(-np.minimum(share, 1 - 1e-16)) / (r + at.x)
        return np.where(share >= 1, np.inf, (alpha + at.t) * np.expm1(sooner))


class MbgNbd(BgNbd):
    """Modified BG/NBD: a customer may leave right after the first purchase too."""

    _at_zero = 1


def _odds(r: float, alpha: float, a: float, b: float, at: Patterns, may_leave: Any) -> Floats:
    """Return log-odds of having left at t_x; minus infinity where nobody can have."""
    below = np.where(may_leave, b + at.x - 1, 1.0)
    odds = np.log(a / below) + (r + at.x) * np.log((alpha + at.t) / (alpha + at.t_x))
    return np.asarray(np.where(may_leave, odds, -np.inf))


def still(x: Floats, count: Floats) -> tuple[Floats, Floats]:
    """Return 0, 1, 2, … and how many customers have more purchases than that.

    So that sums over customers of log Gamma(r + x) / Gamma(r) are sums of log(r + j): nothing cancels if r is large.
    """
    exactly = np.bincount(x.astype(np.int64), weights=count)
    more = np.cumsum(exactly[::-1])[::-1][1:]
    return np.arange(len(more), dtype=float), np.asarray(more, float)


def bg_score(at: Patterns, at_zero: int = 0) -> Score:
    """Return the log-likelihood of BG/NBD (MBG/NBD if `at_zero` is 1) and its gradient, by log parameters.

    Notes
    -----
    Fader, Hardie and Lee (2005), Marketing Science 24:275-284, eq. 6; Batislam, Denizel and Filiztekin (2007),
    International Journal of Research in Marketing 24:201-209. MBG is BG with a purchase at time 0 that may be the last.
    """
    j, more = still(at.x, at.count)
    h, stayed = still(at.x + at_zero, at.count)
    n = at.count.sum()
    may_leave = at.x + at_zero > 0

    def score(theta: Floats) -> tuple[float, Floats]:
        r, alpha, a, b = np.exp(theta)
        odds = _odds(r, alpha, a, b + at_zero, at, may_leave)
        gone = expit(odds) * at.count
        here, last, rate = alpha + at.t, alpha + at.t_x, r + at.x
        value = float(at.count @ (np.logaddexp(0, odds) - rate * np.log(here))) + n * r * np.log(alpha)
        value += float(more @ np.log(r + j) - stayed @ np.log1p(a / (b + h)))
        by = np.zeros(4)
        by[0] = more @ (1 / (r + j)) + n * np.log(alpha)
        by[0] += gone @ np.log(here / last) - at.count @ np.log(here)
        by[1] = n * r / alpha - at.count @ (rate / here) + gone @ (rate * (1 / here - 1 / last))
        by[2] = gone.sum() / a - stayed @ (1 / (a + b + h))
        below = np.where(may_leave, b + at_zero + at.x - 1, 1.0)
        by[3] = stayed @ (a / ((b + h) * (a + b + h))) - gone @ (1 / below)
        return float(value), by * np.exp(theta)

    return score


def start_of(at: Patterns) -> float:
    """Return a first guess of alpha: the mean time under observation."""
    return float(np.log(at.count @ at.t / at.count.sum()))


def bg_nbd(x: ArrayLike, t_x: ArrayLike, t: ArrayLike, count: ArrayLike | None = None) -> BgNbd:
    """Fit the BG/NBD by maximum likelihood.

    Parameters
    ----------
    x, t_x, t, count : array-like
        As `Patterns`.

    Raises
    ------
    ValueError
        If nobody bought again, a history is impossible, or the likelihood is flat at its top.

    Notes
    -----
    Fader, Hardie and Lee (2005), "Counting your customers" the easy way, Marketing Science 24:275-284.
    """
    at = fittable(x, t_x, t, count)
    start = np.array([0.0, start_of(at), 0.0, 0.0])
    return BgNbd(maximise(bg_score(at), ("r", "alpha", "a", "b"), start), at)


def mbg_nbd(x: ArrayLike, t_x: ArrayLike, t: ArrayLike, count: ArrayLike | None = None) -> MbgNbd:
    """Fit the MBG/NBD by maximum likelihood; arguments and refusals as `bg_nbd`.

    Notes
    -----
    Batislam, Denizel and Filiztekin (2007), International Journal of Research in Marketing 24:201-209.
    """
    at = fittable(x, t_x, t, count)
    start = np.array([0.0, start_of(at), 0.0, 0.0])
    return MbgNbd(maximise(bg_score(at, 1), ("r", "alpha", "a", "b"), start), at)


def fittable(x: ArrayLike, t_x: ArrayLike, t: ArrayLike, count: ArrayLike | None) -> Patterns:
    """Return patterns with at least one repeat purchase among them, or refuse."""
    at = Patterns.of(x, t_x, t, count)
    if not at.repeaters:
        raise ValueError(
            "Nobody bought again, so nothing can be said about repeat purchases: observe longer."
        )
    return at


def nbd(x: ArrayLike, t: ArrayLike, count: ArrayLike | None = None) -> Fit:
    """Fit the NBD, purchases without dropout, by maximum likelihood: what the others must beat.

    Notes
    -----
    Ehrenberg (1959), Applied Statistics 8:26-41; without the constant t^x / x!, so that its log-likelihood compares
    with those of the models with dropout.
    """
    at = fittable(x, np.where(np.asarray(x, float) > 0, t, 0.0), t, count)
    j, more = still(at.x, at.count)

    def score(theta: Floats) -> tuple[float, Floats]:
        r, alpha = np.exp(theta)
        here = np.log(alpha + at.t)
        value = float(more @ np.log(r + j) + at.count @ (r * np.log(alpha) - (r + at.x) * here))
        by_r = more @ (1 / (r + j)) + at.count @ (np.log(alpha) - here)
        by_alpha = at.count @ (r / alpha - (r + at.x) / (alpha + at.t))
        return value, np.array([r * by_r, alpha * by_alpha])

    return maximise(score, ("r", "alpha"), np.array([0.0, start_of(at)]))
