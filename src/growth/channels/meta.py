"""Several measured effects that differ by chance and in truth: their mean, their spread, and what each is likely to be.

Each estimate has a known error, the truth behind it is normal about a regression on what is known of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar
from scipy.special import ndtr

from growth.stats.moments import Floats

_GRID = 201
_RANK = 1e-9


@dataclass(frozen=True, eq=False)
class Meta:
    """A regression of true effects, their spread about it in doubt.

    Parameters
    ----------
    estimate, error : ndarray, shape (m,)
        The measured effects.
    design : ndarray, shape (m, k)
        Constant first.
    spread : float
        Standard deviation of true effects about the regression, by restricted maximum likelihood.
    grid, mass : ndarray, shape (201,)
        Spreads and their posterior probabilities, flat in the squared spread.
    slopes, doubt : ndarray, shape (201, k) and (201, k, k)
        Coefficients and their covariance at each spread.
    """

    estimate: Floats
    error: Floats
    design: Floats
    spread: float
    grid: Floats
    mass: Floats
    slopes: Floats
    doubt: Floats

    @property
    def coefficients(self) -> Floats:
        """Coefficients, averaged over the spread, shape (k,)."""
        return np.asarray(self.mass @ self.slopes)


@dataclass(frozen=True, eq=False)
class Belief:
    """What true effects are likely to be: for each, a mixture of normals over the spread.

    Parameters
    ----------
    mass : ndarray, shape (201,)
    mean, deviation : ndarray, shape (201, m)
    own : ndarray, shape (m,)
        Weight of the own estimate, 0 where there is none.
    """

    mass: Floats
    mean: Floats
    deviation: Floats
    own: Floats

    @property
    def expected(self) -> Floats:
        """Posterior means, shape (m,)."""
        return np.asarray(self.mass @ self.mean)

    def above(self, value: ArrayLike) -> Floats:
        """Return the probability that each true effect exceeds a value, shape (m,)."""
        return np.asarray(self.mass @ ndtr((self.mean - np.asarray(value, float)) / self.deviation))

    def quantile(self, share: float) -> Floats:
        """Return the value that each true effect is below with this probability, shape (m,)."""
        low = (self.mean - 40 * self.deviation).min(axis=0)
        high = (self.mean + 40 * self.deviation).max(axis=0)
        for _ in range(80):
            middle = (low + high) / 2
            under = 1 - self.above(middle) < share
            low, high = np.where(under, middle, low), np.where(under, high, middle)
        return (low + high) / 2


def fit(estimate: ArrayLike, error: ArrayLike, design: ArrayLike | None = None) -> Meta:
    """Return the regression of true effects.

    Parameters
    ----------
    estimate, error : array-like, shape (m,)
    design : array-like, shape (m, k), optional
        Constant first; the constant alone if not given.

    Raises
    ------
    ValueError
        If a number is missing, an error is not positive, there are fewer than k + 2 estimates, or the design's
        columns depend on each other.

    Notes
    -----
    Morris and Tang (2011), Statistical Science 26:271-287: coefficients and squared spread have flat priors. Restricted
    likelihood: Raudenbush (2009), in Cooper, Hedges and Valentine, ch. 16.
    """
    y, s = np.asarray(estimate, float), np.asarray(error, float)
    x = np.ones((len(y), 1)) if design is None else np.asarray(design, float)
    if not (np.isfinite(y).all() and np.isfinite(s).all() and np.isfinite(x).all() and (s > 0).all()):
        raise ValueError(
            "Every measured effect needs a finite value, a positive error and all that is known of it."
        )
    if len(y) < x.shape[1] + 2:
        raise ValueError(
            f"{len(y)} measured effects are too few for {x.shape[1]} coefficients and a spread: at least "
            f"{x.shape[1] + 2} are needed."
        )
    size = np.linalg.norm(x, axis=0)
    if (size == 0).any() or np.linalg.svd(x / size, compute_uv=False)[-1] < _RANK:
        raise ValueError("What is known of the effects does not vary or repeats itself: leave a column out.")
    grid, mass = _spreads(y, s**2, x)
    pairs = [_regression(y, s**2, x, t) for t in grid]
    return Meta(
        y, s, x, _likeliest(y, s**2, x), grid, mass, np.array([b for b, _ in pairs]), np.array([c for _, c in pairs])
    )  # fmt: skip


def believe(found: Meta, estimate: ArrayLike, error: ArrayLike, design: ArrayLike) -> Belief:
    """Return what true effects are likely to be, each from its own estimate and the regression.

    Parameters
    ----------
    found : Meta
    estimate, error : array-like, shape (m,)
        NaN and infinite where an effect was not measured: the regression alone speaks. One that was measured must have
        been among those that the regression was fitted to.
    design : array-like, shape (m, k)
    """
    y, x = np.asarray(estimate, float), np.asarray(design, float)
    v = np.asarray(error, float) ** 2
    known = np.isfinite(v)
    y = np.where(known, y, 0.0)
    square = found.grid[:, None] ** 2
    own = np.where(known, square / (square + np.where(known, v, 1.0)), 0.0)
    line = found.slopes @ x.T
    doubt = np.einsum("mi,gij,mj->gm", x, found.doubt, x)
    rest = np.where(known, own * np.where(known, v, 0.0), square)
    deviation = np.sqrt(np.maximum(rest + (1 - own) ** 2 * doubt, 1e-300))
    return Belief(found.mass, own * y + (1 - own) * line, deviation, np.asarray(found.mass @ own))


def spread_interval(found: Meta, confidence: float = 0.95) -> tuple[float, float]:
    """Return the central interval of the spread's posterior; its low end is near 0 where the data show no spread."""
    until = np.cumsum(found.mass)
    side = (1 - confidence) / 2
    ends = [float(found.grid[min(int(np.searchsorted(until, p)), _GRID - 1)]) for p in (side, 1 - side)]
    return ends[0], ends[1]


def _regression(y: Floats, v: Floats, x: Floats, tau: float) -> tuple[Floats, Floats]:
    weight = 1 / (v + tau**2)
    covariance = np.asarray(np.linalg.inv((x.T * weight) @ x), float)
    return np.asarray(covariance @ (x.T @ (weight * y)), float), covariance


def _log_restricted(y: Floats, v: Floats, x: Floats, tau: float) -> float:
    slopes, covariance = _regression(y, v, x, tau)
    total = v + tau**2
    left = y - x @ slopes
    return float(-0.5 * (np.log(total).sum() - np.linalg.slogdet(covariance)[1] + (left**2 / total).sum()))


def _reach(y: Floats, v: Floats) -> float:
    return 10 * float(np.std(y)) + sqrt(float(v.min()))


def _likeliest(y: Floats, v: Floats, x: Floats) -> float:
    most = _reach(y, v)
    rough = np.linspace(0, most, _GRID)
    at = int(np.argmax([_log_restricted(y, v, x, t) for t in rough]))
    bounds = (float(rough[max(at - 1, 0)]), float(rough[min(at + 1, _GRID - 1)]))
    best = minimize_scalar(
        lambda t: -_log_restricted(y, v, x, t), bounds=bounds, method="bounded", options=dict(xatol=1e-9)
    )
    return float(best.x) if at or best.x > 1e-6 * most else 0.0


def _spreads(y: Floats, v: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Return a grid of spreads that holds their posterior, and its masses."""
    low, high = 0.0, _reach(y, v)
    for _zoom in range(4):
        grid = np.linspace(low, high, _GRID)
        log = np.array([_log_restricted(y, v, x, t) for t in grid]) + np.log(np.maximum(grid, 1e-300))
        near = np.flatnonzero(log > log.max() - 15)
        low, high = float(grid[max(near[0] - 1, 0)]), float(grid[min(near[-1] + 1, _GRID - 1)])
    mass = np.exp(log - log.max())
    mass[[0, -1]] /= 2
    return grid, np.asarray(mass / mass.sum(), float)
