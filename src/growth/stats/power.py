"""What an experiment can see: power, the smallest effect it finds, and the units that it needs."""

from __future__ import annotations

from math import asin, isfinite, sqrt
from typing import Literal

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from statsmodels.stats.power import TTestIndPower  # type: ignore[import-untyped]


def power(effect: float, error: float, alpha: float = 0.05) -> float:
    """Return the probability that a two-sided normal test rejects 0.

    Parameters
    ----------
    effect, error : float
        The true difference and the standard error of its estimate, in the same units.
    alpha : float

    Raises
    ------
    ValueError
        If the error is not positive or alpha not between 0 and 1.

    Notes
    -----
    Both tails count: with no effect the power is alpha.
    """
    _check(alpha)
    if not (isfinite(effect) and isfinite(error) and error > 0):
        raise ValueError(f"Power needs a finite effect and a positive error, not {effect!r} and {error!r}.")
    z = -float(ndtri(alpha / 2))
    size = abs(effect) / error
    return float(ndtr(size - z) + ndtr(-size - z))


def smallest_effect(error: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the effect that is found with this power: the inverse of `power`.

    Raises
    ------
    ValueError
        If the error is not positive, or not alpha < power < 1.
    """
    _check(alpha, power)
    if not (isfinite(error) and error > 0):
        raise ValueError(f"The smallest effect needs a positive error, not {error!r}.")
    return error * _size(alpha, power)


def units_needed(
    effect: float,
    variances: tuple[float, float],
    shares: tuple[float, float] = (0.5, 0.5),
    alpha: float = 0.05,
    power: float = 0.8,
) -> float:
    """Return the units that an experiment needs to find a difference of means.

    Parameters
    ----------
    effect : float
        The true difference, in the metric's units; not 0.
    variances : (control, treated)
        Of the metric among units.
    shares : (control, treated)
        Of all units; they sum to 1, or to less where there are other arms.
    alpha, power : float

    Returns
    -------
    float
        Units of all arms together, unrounded (round up).

    Raises
    ------
    ValueError
        If the effect is 0, variances are negative or both 0, or shares are not positive or sum to more than 1.

    Notes
    -----
    var(difference) = (variance_c / share_c + variance_t / share_t) / units; normal approximation.
    """
    _check(alpha, power)
    if not (isfinite(effect) and effect != 0):
        raise ValueError(f"The effect to find must be a number other than 0, not {effect!r}.")
    if not (min(variances) >= 0 and 0 < variances[0] + variances[1] < np.inf):
        raise ValueError(f"Variances must be at least 0 and one of them positive, not {variances!r}.")
    if not (min(shares) > 0 and shares[0] + shares[1] <= 1 + 1e-9):
        raise ValueError(f"Shares of the arms must be positive and sum to at most 1, not {shares!r}.")
    return (variances[0] / shares[0] + variances[1] / shares[1]) * (_size(alpha, power) / effect) ** 2


def units_needed_t(effect: float, alpha: float = 0.05, power: float = 0.8, ratio: float = 1.0) -> float:
    """Return the control units that a two-sample t test of equal variances needs.

    Parameters
    ----------
    effect : float
        The true difference in standard deviations (Cohen's d); not 0.
    alpha, power : float
    ratio : float
        Treated units per control unit.

    Returns
    -------
    float
        Control units, unrounded (round up); the noncentral t's, by statsmodels.

    Raises
    ------
    ValueError
        If the effect is 0 or a level or the ratio is out of range.
    """
    _check(alpha, power)
    if not (isfinite(effect) and effect != 0) or not (isfinite(ratio) and ratio > 0):
        raise ValueError(
            f"The effect must not be 0 and the ratio must be positive, not {effect!r} and {ratio!r}."
        )
    solved = TTestIndPower().solve_power(abs(effect), None, alpha, power, ratio)
    return float(np.ravel(solved)[0])


def proportions_needed(
    p1: float,
    p2: float,
    alpha: float = 0.05,
    power: float = 0.8,
    method: Literal["arcsine", "unpooled", "pooled"] = "arcsine",
) -> float:
    """Return the units of each of two equal arms that a difference of shares needs.

    Parameters
    ----------
    p1, p2 : float
        Shares between 0 and 1, not equal.
    alpha, power : float
    method : str
        "arcsine" (Cohen's h), "unpooled" (own variances under null and alternative) or "pooled" (the null's).

    Returns
    -------
    float
        Units an arm, unrounded (round up).

    Raises
    ------
    ValueError
        If shares are equal or not between 0 and 1, or the method is unknown.

    Notes
    -----
    Cohen (1988), eq. 6.2.1 and 6.4.1; Fleiss, Levin and Paik (2003), chapter 4, without correction. The arcsine's
    counts both tails, the other two, as their sources do, only the right one: a millionth at 80 %.
    """
    _check(alpha, power)
    if not (0 < p1 < 1 and 0 < p2 < 1 and p1 != p2):
        raise ValueError(f"Two different shares between 0 and 1 are needed, not {p1!r} and {p2!r}.")
    if method == "arcsine":
        return 2 * (_size(alpha, power) / (2 * asin(sqrt(p1)) - 2 * asin(sqrt(p2)))) ** 2
    a, b = -float(ndtri(alpha / 2)), float(ndtri(power))
    own, mean = p1 * (1 - p1) + p2 * (1 - p2), (p1 + p2) / 2
    if method == "unpooled":
        return own * ((a + b) / (p1 - p2)) ** 2
    if method != "pooled":
        raise ValueError(f'The method is "arcsine", "unpooled" or "pooled", not {method!r}.')
    return ((a * sqrt(2 * mean * (1 - mean)) + b * sqrt(own)) / (p1 - p2)) ** 2


def _size(alpha: float, wanted: float) -> float:
    """Return the effect in standard errors that has this power, both tails counted."""
    top = float(ndtri(wanted)) - float(ndtri(alpha / 2)) + 1
    return float(brentq(lambda size: power(size, 1.0, alpha) - wanted, 0.0, top, xtol=1e-13, rtol=1e-14))


def _check(alpha: float, wanted: float | None = None) -> None:
    if not 0 < alpha < 1:
        raise ValueError(f"Alpha must lie between 0 and 1, like 0.05, not {alpha!r}.")
    if wanted is not None and not alpha < wanted < 1:
        raise ValueError(f"Power must lie between alpha and 1, like 0.8, not {wanted!r}.")
