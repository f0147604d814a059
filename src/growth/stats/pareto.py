"""The Pareto/NBD: purchases at random, and leaving at any time, on counts of patterns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, exprel, logsumexp

from growth.stats.likelihood import Score, maximise
from growth.stats.moments import Floats
from growth.stats.purchase import Patterns, PurchaseModel, fittable, start_of, still

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)
_ROWS = 20_000  # patterns integrated at once: bounds memory


class ParetoNbd(PurchaseModel):
    """Pareto/NBD: a customer leaves at any time, at a rate that differs by customer.

    Parameters are r, alpha (rate of purchases: gamma with mean r / alpha) and s, beta (rate of leaving: gamma with mean
    s / beta).
    """

    def _odds_gone(self, theta: Floats, at: Patterns) -> Floats:
        r, alpha, s, beta = np.exp(theta)
        gone = power_integral(r + at.x, alpha, s + 1, beta, at.t_x, at.t).log_value + np.log(s)
        return np.asarray(gone + (r + at.x) * np.log(alpha + at.t) + s * np.log(beta + at.t))

    def _log_expected(self, theta: Floats, horizon: Floats, at: Patterns) -> Floats:
        r, alpha, s, beta = np.exp(theta)
        left = -np.log1p(horizon / (beta + at.t))
        stays = -left * exprel((s - 1) * left)  # (1 - exp((s - 1) left)) / (s - 1), also at s = 1
        rate = (r + at.x) * (beta + at.t) / (alpha + at.t)
        return np.asarray(self._log_alive(theta, at) + np.log(rate * stays))

    def _log_any(self, theta: Floats, horizon: Floats, at: Patterns) -> Floats:
        r, alpha, s, beta = np.exp(theta)
        rate, a, b = r + at.x, alpha + at.t, beta + at.t
        soon = power_integral(rate + 1, a, s, b, np.zeros_like(at.t), np.broadcast_to(horizon, at.t.shape))
        log_some = np.log(rate) + rate * np.log(a) + s * np.log(b) + soon.log_value
        return np.asarray(self._log_alive(theta, at) + np.minimum(log_some, 0.0))


class PowerIntegral(NamedTuple):
    """The logarithm of an integral, and means under its integrand, taken as a density of y.

    Means are of log(alpha + y), 1 / (alpha + y), log(beta + y), 1 / (beta + y): what the integral's derivatives need.
    """

    log_value: Floats
    log_a: Floats
    one_a: Floats
    log_b: Floats
    one_b: Floats


def power_integral(
    p: ArrayLike, alpha: ArrayLike, q: ArrayLike, beta: ArrayLike, low: Floats, high: Floats
) -> PowerIntegral:
    """Return the integral of (alpha + y)^-p (beta + y)^-q over y from low to high.

    Notes
    -----
    What the literature writes as a difference of two 2F1, which cancels and overflows. In v = log(min(alpha, beta) + y)
    the integrand has no singularity within pi of the real line, and its logarithm is concave, so that 32 Gauss-Legendre
    nodes over the part that matters (down to exp(-50) of its start) give 13 digits.
    """
    arrays = np.broadcast_arrays(*[np.asarray(v, float) for v in (p, alpha, q, beta, low, high)])
    size = arrays[0].size
    parts = [_integrate(*[v.ravel()[i : i + _ROWS] for v in arrays]) for i in range(0, size, _ROWS)]
    return PowerIntegral(*[np.concatenate(columns) for columns in zip(*parts, strict=True)])


def _integrate(p: Floats, alpha: Floats, q: Floats, beta: Floats, low: Floats, high: Floats) -> PowerIntegral:
    first = alpha <= beta
    near, gap = np.where(first, alpha, beta), np.abs(alpha - beta)
    e, f = np.where(first, p, q), np.where(first, q, p)
    start = np.log(near + low)
    width = _cut(start, np.log1p((high - low) / (near + low)), e, f, gap)[:, None] / 2
    v = start[:, None] + width * (1 + _NODES)
    far = np.log(gap[:, None] + np.exp(v))
    logs = (1 - e[:, None]) * v - f[:, None] * far
    with np.errstate(divide="ignore"):
        logs = logs + np.log(width * _WEIGHTS)
    value = logsumexp(logs, axis=1)
    empty = ~np.isfinite(value)
    share = np.exp(logs - np.where(empty, 0.0, value)[:, None])
    share[empty] = 0.0
    logs_of = [np.sum(share * v, axis=1), np.sum(share * far, axis=1)]
    ones_of = [np.sum(share * np.exp(-v), axis=1), np.sum(share * np.exp(-far), axis=1)]
    (log_a, log_b), (one_a, one_b) = (
        (np.where(first, m[0], m[1]), np.where(first, m[1], m[0])) for m in (logs_of, ones_of)
    )
    return PowerIntegral(value, log_a, one_a, log_b, one_b)


def _cut(start: Floats, width: Floats, e: Floats, f: Floats, gap: Floats) -> Floats:
    """Return how far the integrand needs to fall to exp(-50) of its start; the whole width if it never does."""

    def height(by: Floats) -> Floats:
        return np.asarray((1 - e) * by - f * np.log(gap + np.exp(start + by)))

    least = height(np.zeros_like(width)) - 50
    low, high = np.zeros_like(width), width
    beyond = height(width) < least
    for _ in range(16):
        middle = (low + high) / 2
        fallen = height(middle) < least
        low, high = np.where(fallen, low, middle), np.where(fallen, middle, high)
    return np.where(beyond, high, width)


def pareto_score(at: Patterns) -> Score:
    """Return the log-likelihood of the Pareto/NBD and its gradient, by log parameters.

    Notes
    -----
    Schmittlein, Morrison and Colombo (1987), Management Science 33:1-24; Fader and Hardie (2005), "A note on deriving
    the Pareto/NBD model and related expressions", eq. 17, with the integral over the time of leaving kept as one.
    """
    j, more = still(at.x, at.count)
    n = at.count.sum()

    def score(theta: Floats) -> tuple[float, Floats]:
        r, alpha, s, beta = np.exp(theta)
        rate, a, b = r + at.x, alpha + at.t, beta + at.t
        stays = -rate * np.log(a) - s * np.log(b)
        left = power_integral(rate, alpha, s + 1, beta, at.t_x, at.t)
        odds = np.log(s) + left.log_value - stays
        gone = expit(odds) * at.count
        here = at.count - gone
        value = float(more @ np.log(r + j) + n * (r * np.log(alpha) + s * np.log(beta)))
        value += float(at.count @ (stays + np.logaddexp(0, odds)))
        by = np.zeros(4)
        by[0] = more @ (1 / (r + j)) + n * np.log(alpha) - here @ np.log(a) - gone @ left.log_a
        by[1] = n * r / alpha - here @ (rate / a) - gone @ (rate * left.one_a)
        by[2] = n * np.log(beta) - here @ np.log(b) + gone.sum() / s - gone @ left.log_b
        by[3] = n * s / beta - here @ (s / b) - gone @ ((s + 1) * left.one_b)
        return value, by * np.exp(theta)

    return score


def pareto_nbd(x: ArrayLike, t_x: ArrayLike, t: ArrayLike, count: ArrayLike | None = None) -> ParetoNbd:
    """Fit the Pareto/NBD by maximum likelihood; arguments and refusals as `purchase.bg_nbd`.

    Notes
    -----
    Schmittlein, Morrison and Colombo (1987), Counting your customers, Management Science 33:1-24.
    """
    at = fittable(x, t_x, t, count)
    scale = start_of(at)
    start = np.array([0.0, scale, 0.0, scale])
    return ParetoNbd(maximise(pareto_score(at), ("r", "alpha", "s", "beta"), start), at)
