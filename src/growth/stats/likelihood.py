"""Maximum likelihood of positive parameters: a search that ends in Newton steps, and intervals by the delta method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf, log
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from growth.stats.contrast import critical
from growth.stats.moments import Floats

Score = Callable[[Floats], tuple[float, Floats]]
Function = Callable[[Floats], Floats]
Scale = Literal["log", "logit", "plain"]

_REACH = log(1e4)  # how far a parameter may go from its start, on the log scale
_STEP = 1e-4  # of derivatives by differences of what is known analytically


@dataclass(frozen=True, eq=False)
class Fit:
    """Positive parameters at the maximum of a likelihood.

    Parameters
    ----------
    names : tuple of str
    theta : ndarray, shape (k,)
        The parameters' natural logarithms.
    covariance : ndarray, shape (k, k)
        Of `theta`, from the observed information; rows and columns of parameters at a bound are zero.
    log_likelihood : float
    bounded : tuple of str
        Parameters that ran to the end of their range: the data want a simpler model.
    """

    names: tuple[str, ...]
    theta: Floats
    covariance: Floats
    log_likelihood: float
    bounded: tuple[str, ...] = ()

    @property
    def parameters(self) -> Mapping[str, float]:
        """The parameters on their natural scale."""
        return dict(zip(self.names, np.exp(self.theta).tolist(), strict=True))

    @property
    def errors(self) -> Mapping[str, float]:
        """Standard errors on the natural scale, by the delta method."""
        errors = np.exp(self.theta) * np.sqrt(np.diagonal(self.covariance))
        return dict(zip(self.names, errors.tolist(), strict=True))


def maximise(score: Score, names: tuple[str, ...], start: Floats, reach: float | Floats = _REACH) -> Fit:
    """Return the maximum of a likelihood over positive parameters.

    Parameters
    ----------
    score : callable
        Takes the logarithms of the parameters; returns the log-likelihood and its analytic gradient by them.
    names : tuple of str
    start : ndarray, shape (k,)
        Logarithms to begin with.
    reach : float or ndarray
        Each logarithm stays this near its start.

    Raises
    ------
    ValueError
        If the likelihood is not finite, has no single top, or is flat there.

    Notes
    -----
    L-BFGS-B (Byrd, Lu, Nocedal and Zhu 1995) finds the hill, and projected Newton steps its top: the result is the
    root of the analytic gradient, whichever path led there.
    """
    low, high = start - reach, start + reach
    size = max(abs(score(start)[0]), 1.0)

    def loss(theta: Floats) -> tuple[float, Floats]:
        value, gradient = score(theta)
        return -value / size, -gradient / size

    found = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=list(zip(low, high, strict=True)), options=_PATIENT
    )
    theta = _climb(score, np.asarray(found.x, float), low, high)
    value, gradient = score(theta)
    if not np.isfinite(value):
        raise ValueError("The likelihood is not finite at its best point: check the counts and times.")
    free = _free(theta, gradient, low, high)
    covariance = np.zeros((len(theta), len(theta)))
    if free.any():
        covariance[np.ix_(free, free)] = _inverse(-curvature(score, theta, fine=True)[np.ix_(free, free)])
    bounded = tuple(n for n, f in zip(names, free, strict=True) if not f)
    return Fit(names, theta, covariance, float(value), bounded)


_PATIENT = {"maxiter": 2000, "maxfun": 5000, "ftol": 1e-13, "gtol": 1e-9}


def _free(
    theta: Floats, gradient: Floats, low: Floats, high: Floats
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which parameters the likelihood does not push against their bounds."""
    held = ((theta <= low + 1e-9) & (gradient < 0)) | ((theta >= high - 1e-9) & (gradient > 0))
    return np.asarray(~held)


def _climb(score: Score, theta: Floats, low: Floats, high: Floats) -> Floats:
    """Return the top, by Newton steps that never leave the bounds nor go downhill."""
    value, gradient = score(theta)
    grain = 1e-10 * max(abs(value), 1.0)  # so little is rounding, not downhill
    size = np.inf
    for _ in range(60):
        free = _free(theta, gradient, low, high)
        if not free.any():
            return theta
        step = _inside(score, theta, gradient, free, low, high)
        size = float(np.abs(step).max())
        share = 1.0
        while True:
            new = theta + share * step
            reached, slope = score(new)
            if reached >= value - grain or share * size < 1e-5:
                break
            share /= 2
        theta, value, gradient = new, reached, slope
        if size < 1e-9:
            return theta
    if size < 1e-5:  # at a bound, large parameters leave no more digits
        return theta
    raise ValueError(
        "The likelihood has no single top that Newton steps reach: check the data or use fewer parts."
    )


def _inside(
    score: Score, theta: Floats, gradient: Floats, free: NDArray[np.bool_], low: Floats, high: Floats
) -> Floats:
    """Return Newton's step of the free parameters, cut where the first one meets its bound."""
    hessian, step = curvature(score, theta), np.zeros_like(theta)
    while free.any():
        step = np.zeros_like(theta)
        step[free] = _ascent(hessian[np.ix_(free, free)], gradient[free])
        room = np.where(step > 0, high - theta, theta - low)
        stuck = free & (step != 0) & (room <= 1e-12)
        if not stuck.any():
            ratio = room[step != 0] / np.abs(step[step != 0])
            return np.clip(theta + step * min(1.0, float(ratio.min(initial=1.0))), low, high) - theta
        free = free & ~stuck
    return step * 0


def _ascent(hessian: Floats, gradient: Floats) -> Floats:
    """Return Newton's step, turned uphill where the likelihood is not concave, at most 2 long."""
    values, vectors = np.linalg.eigh(hessian)
    sizes = np.maximum(np.abs(values), 1e-12 * max(float(np.abs(values).max()), 1e-300))
    step = vectors @ ((vectors.T @ gradient) / sizes)
    return np.asarray(step * min(1.0, 2.0 / max(float(np.linalg.norm(step)), 1e-300)))


def curvature(score: Score, theta: Floats, fine: bool = False) -> Floats:
    """Return the matrix of second derivatives, by central differences of the analytic gradient.

    Two points a parameter are enough to climb; `fine` takes four, whose error falls with the fourth power of the step.
    """
    k = len(theta)
    rows = np.zeros((k, k))
    step = 1e-3 if fine else _STEP
    for i in range(k):
        shift = np.zeros(k)
        shift[i] = step
        rows[i] = (score(theta + shift)[1] - score(theta - shift)[1]) / (2 * step)
        if fine:
            wide = (score(theta + 2 * shift)[1] - score(theta - 2 * shift)[1]) / (4 * step)
            rows[i] = (4 * rows[i] - wide) / 3
    return (rows + rows.T) / 2


def _inverse(information: Floats) -> Floats:
    """Return the inverse of the information; refuse one that is not positive, or too flat to be inverted."""
    scale = np.sqrt(np.maximum(np.diagonal(information), 1e-300))
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    if values.min() < 1e-10:
        raise ValueError(
            "The likelihood is flat at its top, so the data cannot tell the parameters apart: use a simpler model "
            "or more data."
        )
    inverse = (vectors / values) @ vectors.T / np.outer(scale, scale)
    return np.asarray((inverse + inverse.T) / 2)


def jacobian(function: Function, theta: Floats) -> Floats:
    """Return derivatives by each parameter, shape (k, …), by central differences of an exact function."""
    rows = []
    for i in range(len(theta)):
        shift = np.zeros(len(theta))
        shift[i] = _STEP
        rows.append((function(theta + shift) - function(theta - shift)) / (2 * _STEP))
    return np.array(rows)


def spread(slopes: Floats, covariance: Floats) -> Floats:
    """Return standard errors of functions whose derivatives by the parameters are `slopes`, shape (k, …)."""
    return np.asarray(np.sqrt(np.maximum(np.einsum("i...,ij,j...->...", slopes, covariance, slopes), 0.0)))


def delta_interval(
    function: Function, fit: Fit, confidence: float = 0.95, scale: Scale = "log"
) -> tuple[Floats, Floats]:
    """Return an interval for functions of the parameters, symmetric on a scale.

    Parameters
    ----------
    function : callable
        Takes the logarithms of the parameters and returns values **already on the scale**: logarithms for "log",
        log-odds for "logit", the values themselves for "plain".
    fit : Fit
    confidence : float
    scale : str
        What brings the ends back.

    Returns
    -------
    low, high : ndarray
        It covers the uncertainty of the parameters only, not the chance of what one customer will do.
    """
    value = function(fit.theta)
    half = critical(inf, confidence) * spread(jacobian(function, fit.theta), fit.covariance)
    back: dict[str, Callable[[Floats], Floats]] = {"log": np.exp, "logit": expit, "plain": np.asarray}
    return back[scale](value - half), back[scale](value + half)


def log_odds(log_share: Floats) -> Floats:
    """Return the log-odds of a share given as its logarithm, without losing shares near 0 or 1."""
    with np.errstate(divide="ignore"):
        return np.asarray(log_share - np.log(-np.expm1(log_share)))
