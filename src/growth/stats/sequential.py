"""Looking more than once: bounds for planned looks, and intervals that hold at every moment."""

from __future__ import annotations

from math import exp, inf, isfinite, log, sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from growth.stats.contrast import Estimate, check_confidence
from growth.stats.moments import Floats

Spending = Literal["obrien_fleming", "pocock", "power"]

_FARTHEST = 37.0  # standard deviations; beyond, the normal's tail is 0 in double precision
_CLOSEST = (
    1e-4  # least information between two looks: closer ones would need an integral too fine to be quick
)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)


def spent(
    times: ArrayLike, alpha: float = 0.05, spending: Spending = "obrien_fleming", exponent: float = 2.0
) -> Floats:
    """Return the two-sided false-positive probability that may be spent by each time.

    Parameters
    ----------
    times : array-like
        Shares of the planned information (units), increasing, in (0, 1].
    alpha : float
        What is spent at time 1.
    spending : str
        "obrien_fleming": 4 - 4 Phi(z(alpha / 4) / sqrt(t)), half of it a side. "pocock": alpha log(1 + (e - 1) t).
        "power": alpha t^exponent.
    exponent : float
        Of "power"; positive.

    Raises
    ------
    ValueError
        If times do not increase within (0, 1], or alpha, exponent or the name of the spending are out of range.

    Notes
    -----
    Lan and DeMets (1983), Biometrika 70:659-663, examples 1 and 2; Kim and DeMets (1987), Biometrika 74:149-154.
    """
    t = np.asarray(times, float)
    if t.ndim != 1 or not t.size or not ((t > 0) & (t <= 1)).all() or (np.diff(t) <= 0).any():
        raise ValueError(
            "Times of looks must increase from above 0 to at most 1, as shares of the planned units."
        )
    if not 0 < alpha < 1:
        raise ValueError(f"Alpha must lie between 0 and 1, like 0.05, not {alpha!r}.")
    if spending == "obrien_fleming":
        return np.asarray(4 * ndtr(ndtri(alpha / 4) / np.sqrt(t)), float)
    if spending == "pocock":
        return np.asarray(alpha * np.log1p((np.e - 1) * t), float)
    if spending != "power" or not (isfinite(exponent) and exponent > 0):
        raise ValueError('Spending is "obrien_fleming", "pocock" or "power" with a positive exponent.')
    return np.asarray(alpha * t**exponent, float)


def lan_demets(
    times: ArrayLike, alpha: float = 0.05, spending: Spending = "obrien_fleming", exponent: float = 2.0
) -> Floats:
    """Return the two-sided bounds of |z| at each look, so that any false positive has probability `spent`.

    Parameters
    ----------
    times, alpha, spending, exponent
        As in `spent`.

    Returns
    -------
    ndarray, shape (looks,)
        Infinite where so little is spent that no statistic would do.

    Raises
    ------
    ValueError
        As `spent`, and if two looks are less than 0.0001 of the information apart.

    Notes
    -----
    Recursive integration: Armitage, McPherson and Rowe (1969), JRSS A 132:235-244, eq. 3, of the exact two-sided
    crossing, on Gauss-Legendre panels no wider than three standard deviations of the narrowest step.
    """
    t = np.asarray(times, float)
    total = spent(t, alpha, spending, exponent)
    steps = np.diff(t, prepend=0.0)
    if steps.min() < _CLOSEST:
        raise ValueError(f"Two looks are less than {_CLOSEST} of the information apart: merge them.")
    bounds = np.full(len(t), inf)
    at, mass = (
        np.zeros(1),
        np.ones(1),
    )  # where the sum of the data is, if no bound was crossed, and how likely
    for k, (step, new) in enumerate(zip(np.sqrt(steps), np.diff(total, prepend=0.0), strict=True)):
        bounds[k] = _bound(at, mass, float(step), sqrt(t[k]), float(new))
        if k + 1 < len(t):
            edge = min(bounds[k], _FARTHEST) * sqrt(t[k])
            at, mass = _survivors(at, mass, float(step), edge, min(steps[k], steps[k + 1]) ** 0.5)
    return bounds


def _bound(at: Floats, mass: Floats, step: float, scale: float, new: float) -> float:
    """Return the z that a look crosses, for the first time and on either side, with probability `new`."""

    def excess(z: float) -> float:
        crossing = 2 * float(mass @ ndtr((at - z * scale) / step))  # both sides alike
        return log(crossing) - log(new) if crossing > 0 else -inf

    if new < 1e-290 or excess(0.0) <= 0:
        return inf if new < 1e-290 else 0.0
    return float(brentq(lambda z: max(excess(z), -1e3), 0.0, _FARTHEST, xtol=1e-12, rtol=1e-14))


def _survivors(at: Floats, mass: Floats, step: float, edge: float, narrow: float) -> tuple[Floats, Floats]:
    """Return nodes between the bounds and the probability carried by each, one step later."""
    panels = int(np.ceil(2 * edge / (3 * narrow)))
    width = 2 * edge / panels
    starts = -edge + width * np.arange(panels)
    nodes = (starts[:, None] + width * (1 + _NODES) / 2).ravel()
    weights = np.tile(_WEIGHTS * width / 2, panels)
    kernel = np.exp(-(((nodes[:, None] - at[None, :]) / step) ** 2) / 2) / (step * sqrt(2 * np.pi))
    return nodes, weights * (kernel @ mass)


def repeated_interval(value: float, error: float, bound: float) -> tuple[float, float]:
    """Return the interval of a look that holds at all planned looks together.

    Parameters
    ----------
    value, error : float
        The estimate at this look and its standard error.
    bound : float
        This look's, by `lan_demets`; where infinite, so is the interval.

    Raises
    ------
    ValueError
        If the error is not positive, the value not finite or the bound negative.

    Notes
    -----
    Jennison and Turnbull (1989), JRSS B 51:305-361, eq. 2.1: it excludes 0 exactly when the bound is crossed.
    """
    _check(value, error)
    if not bound >= 0:
        raise ValueError(f"A bound is a number of standard errors of at least 0, not {bound!r}.")
    return value - bound * error, value + bound * error


def always_valid(
    value: float, error: float, n: int, confidence: float = 0.95, best_at: float = 5000
) -> Estimate:
    """Return an interval and p-value that hold at every moment together, however often one looks.

    Parameters
    ----------
    value, error : float
        The difference so far and its standard error.
    n : int
        Units so far, of both arms together.
    confidence : float
    best_at : float
        Units at which the interval is about as narrow as it can be; fix it before the experiment.

    Returns
    -------
    Estimate
        With infinite freedom. The p-value is below 1 - confidence exactly when the interval excludes 0; it may go up
        again later: the least so far is as valid.

    Raises
    ------
    ValueError
        If the error is not positive, or n or `best_at` less than 1.

    Notes
    -----
    Asymptotic confidence sequence: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), Annals of Statistics
    52:2613-2640, theorem 2.2, with variance n error^2:
    half = error sqrt(2 (n rho^2 + 1) / (n rho^2) log(sqrt(n rho^2 + 1) / alpha)). Their eq. 24 gives rho for the
    time that is to be best: rho^2 = (-2 log(alpha) + log(-2 log(alpha) + 1)) / best_at. Valid for large n only:
    a metric of which few units have any needs hundreds of these before the first look.
    """
    _check(value, error)
    check_confidence(confidence)
    if not n >= 1 or not best_at >= 1:
        raise ValueError("Units so far, and those at which the interval is to be best, must be at least 1.")
    alpha = 1 - confidence
    rho2 = (-2 * log(alpha) + log(-2 * log(alpha) + 1)) / best_at
    grown = n * rho2 + 1
    half = error * sqrt(2 * grown / (n * rho2) * (log(grown) / 2 - log(alpha)))
    p = exp(min(log(grown) / 2 - (value / error) ** 2 * n * rho2 / (2 * grown), 0.0))
    return Estimate(float(value), float(error), inf, value - half, value + half, p, confidence)


def _check(value: float, error: float) -> None:
    if not isfinite(value) or not isfinite(error) or error <= 0:
        raise ValueError(f"A look needs a finite value and a positive error, not {value!r} and {error!r}.")
