"""How much an answer owes to its largest values: capping, quantiles, and the one unit that decides."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri
from scipy.stats import binom

from growth.stats.contrast import Estimate, check_confidence, difference
from growth.stats.moments import Floats, Moments

_DUST = 1e-9  # in units: a rank that lies this close above a whole number is that number


class Tally(NamedTuple):
    """A group's values and how many units have each; any such pair will do in its place."""

    values: ArrayLike
    counts: ArrayLike


@dataclass(frozen=True)
class Winsorised(Estimate):
    """The difference of capped means.

    Parameters
    ----------
    cap : float
        The pooled quantile to which larger values were lowered.
    lowered : int
        Units above it, of both groups.
    """

    cap: float
    lowered: int


@dataclass(frozen=True)
class Influence:
    """The difference with and without the one most extreme unit.

    Parameters
    ----------
    value : float
        The unit's.
    arm : str
        "control" or "treated".
    whole, without : Estimate
        Welch's difference of all units, and of all but that one.
    """

    value: float
    arm: Literal["control", "treated"]
    whole: Estimate
    without: Estimate


def winsorised(
    control: tuple[ArrayLike, ArrayLike],
    treated: tuple[ArrayLike, ArrayLike],
    share: float = 0.99,
    confidence: float = 0.95,
    metric: str = "the metric",
) -> Winsorised:
    """Return the difference of means, values above a quantile of both groups together lowered to it.

    Parameters
    ----------
    control, treated : (values, counts)
        Distinct values and how many units have each.
    share : float
        Of units that keep their value, above 0 and up to 1. The cap is the least value that this share does not exceed.
    confidence : float
    metric : str
        Its name, for messages.

    Returns
    -------
    Winsorised
        An estimate of the **capped** difference: another question than that of the mean, less noisy.

    Raises
    ------
    ValueError
        If the share or a tally is out of range, or nothing varies below the cap.

    Notes
    -----
    One cap for both groups, so that under no effect both are the same; Tukey and McLaughlin (1963), Sankhya A 25.
    """
    if not 0 < share <= 1:
        raise ValueError(f"The share of units below the cap must be above 0 and at most 1, not {share!r}.")
    arms = [_tally(arm, metric) for arm in (control, treated)]
    values, counts = _pooled(arms)
    cap = _quantile(values, counts, share)
    if cap == values[0]:
        held = counts[0] / counts.sum()
        raise ValueError(
            f"{held:.2%} of units have the same value of {metric} ({cap:g}), so capping at the {share:g} quantile "
            "leaves nothing: raise the share."
        )
    capped = [_moments(np.minimum(v, cap), c, metric) for v, c in arms]
    e = difference(capped[0], capped[1], metric, confidence)
    lowered = int(counts[values > cap].sum())
    return Winsorised(e.value, e.error, e.freedom, e.low, e.high, e.p_value, e.confidence, cap, lowered)


def quantile_difference(
    control: tuple[ArrayLike, ArrayLike],
    treated: tuple[ArrayLike, ArrayLike],
    q: float,
    confidence: float = 0.95,
    metric: str = "the metric",
) -> Estimate:
    """Return the difference of a quantile, treated less control, with an interval that holds for tied values.

    Parameters
    ----------
    control, treated : (values, counts)
        Distinct values and how many units have each.
    q : float
        Between 0 and 1. The quantile is the least value that at least this share of units does not exceed.
    confidence : float
    metric : str
        Its name, for messages.

    Returns
    -------
    Estimate
        Each group's interval is that of order statistics by the exact binomial, right for any distribution; both
        are combined without assuming a density. Ties make it wider than nominal, never narrower. The p-value is the
        level at which the interval touches 0, or 1e-130 where it is less; the error is what a normal interval of
        this width would have.

    Raises
    ------
    ValueError
        If a group is too small for the quantile's interval, or in both groups all of the interval is one value: so
        many units share it that the quantile cannot move; compare shares above the value instead.

    Notes
    -----
    Order statistics: David and Nagaraja (2003), Order Statistics, eq. 7.1.3. Combination of two groups' limits:
    Zou and Donner (2008), Statistics in Medicine 27:1693-1702, eq. 4.
    """
    check_confidence(confidence)
    if not 0 < q < 1:
        raise ValueError(f"A quantile must lie between 0 and 1, like 0.9, not {q!r}.")
    arms = [_tally(arm, metric) for arm in (control, treated)]
    at = [_quantile(v, c, q) for v, c in arms]
    value = at[1] - at[0]
    low, high = (float(end[0]) for end in _limits(arms, at, q, np.array([1 - confidence])))
    if not (isfinite(low) and isfinite(high)):
        raise ValueError(
            f"Too few units for the {q:g} quantile of {metric}: take one nearer the middle, or wait."
        )
    if low == high:
        raise ValueError(
            f"The {q:g} quantile of {metric} sits on {at[0]:g} and {at[1]:g}, values that too many units share: "
            "it is not identified; compare the shares of units above them."
        )
    error = (high - low) / (-2 * float(ndtri((1 - confidence) / 2)))
    return Estimate(value, error, inf, low, high, _level_at_zero(arms, at, q), confidence)


def influence(
    control: tuple[ArrayLike, ArrayLike],
    treated: tuple[ArrayLike, ArrayLike],
    metric: str = "the metric",
    confidence: float = 0.95,
) -> Influence:
    """Return the difference of means with and without the unit farthest from the mean of all.

    Parameters
    ----------
    control, treated : (values, counts)
        Distinct values and how many units have each.
    metric : str
        Its name, for messages.
    confidence : float

    Returns
    -------
    Influence
        If both groups have that value, the control's unit is left out. A verdict that turns on one unit is none.

    Raises
    ------
    ValueError
        As `difference`, with or without the unit.
    """
    arms = [_tally(arm, metric) for arm in (control, treated)]
    values, counts = _pooled(arms)
    value = float(values[np.argmax(np.abs(values - float(values @ counts) / float(counts.sum())))])
    place = 0 if value in arms[0][0] else 1
    whole = [_moments(v, c, metric) for v, c in arms]
    kept, left = arms[place]
    rest = list(whole)
    rest[place] = _moments(kept, left - (kept == value), metric)
    return Influence(
        value,
        "treated" if place else "control",
        difference(whole[0], whole[1], metric, confidence),
        difference(rest[0], rest[1], metric, confidence),
    )


def _tally(arm: tuple[ArrayLike, ArrayLike], metric: str) -> tuple[Floats, Floats]:
    """Return distinct values in order and their counts, as floats."""
    values, counts = np.asarray(arm[0], float), np.asarray(arm[1], float)
    if values.ndim != 1 or values.shape != counts.shape:
        raise ValueError(f"The values and counts of {metric} must be two arrays of one length.")
    if not np.isfinite(values).all() or not np.isfinite(counts).all():
        raise ValueError(f"A value or count of {metric} is missing or infinite: fill or drop these units.")
    if (counts < 0).any() or (counts != np.floor(counts)).any() or counts.sum() < 2:
        raise ValueError(f"Counts of {metric} must be whole numbers, with at least 2 units in each group.")
    distinct, place = np.unique(values[counts > 0], return_inverse=True)
    return np.asarray(distinct, float), np.asarray(np.bincount(place, counts[counts > 0]), float)


def _pooled(arms: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    values, place = np.unique(np.concatenate([v for v, _ in arms]), return_inverse=True)
    counts = np.bincount(place, np.concatenate([c for _, c in arms]))
    return np.asarray(values, float), np.asarray(counts, float)


def _moments(values: Floats, counts: Floats, metric: str) -> Moments:
    """Return the moments of units given as counts."""
    n = float(counts.sum())
    mean = float(values @ counts) / n
    mean += float((values - mean) @ counts) / n
    square = float((values - mean) ** 2 @ counts) if len(np.unique(values[counts > 0])) > 1 else 0.0
    return Moments((metric,), int(n), np.array([mean]), np.array([[square]]))


def _quantile(values: Floats, counts: Floats, q: float) -> float:
    rank = np.ceil(q * counts.sum() - _DUST)
    return float(values[np.searchsorted(np.cumsum(counts), max(rank, 1.0))])


def _order(values: Floats, counts: Floats, ranks: Floats) -> Floats:
    """Return the values of ranks, counted from 1; beyond the sample they are unbounded."""
    until = np.cumsum(counts)
    inside = values[np.minimum(np.searchsorted(until, ranks), len(values) - 1)]
    return np.where(ranks < 1, -inf, np.where(ranks > until[-1], inf, inside))


def _limits(
    arms: list[tuple[Floats, Floats]], at: list[float], q: float, alpha: Floats
) -> tuple[Floats, Floats]:
    """Return the intervals of the quantiles' difference at several levels."""
    ends = []
    for values, counts in arms:
        n = counts.sum()
        # The upper rank mirrors the lower one of 1 - q: near 1 a probability has no digits left.
        below, above = binom.ppf(alpha / 2, n, q), n + 1 - binom.ppf(alpha / 2, n, 1 - q)
        ends.append((_order(values, counts, below), _order(values, counts, above)))
    (low_c, high_c), (low_t, high_t) = ends
    value = at[1] - at[0]
    return value - np.hypot(at[1] - low_t, high_c - at[0]), value + np.hypot(high_t - at[1], at[0] - low_c)


def _level_at_zero(arms: list[tuple[Floats, Floats]], at: list[float], q: float) -> float:
    """Return the least level whose interval excludes 0; intervals nest, so that ever finer ladders find it."""
    if at[0] == at[1]:
        return 1.0
    small, large = -300.0, 0.0  # natural logarithms of the level; SciPy's quantiles are exact down to -400
    for _ in range(6):
        rungs = np.linspace(small, large, 65)
        low, high = _limits(arms, at, q, np.exp(rungs))
        first = int(np.argmax(np.append((low > 0) | (high < 0), True)[1:])) + 1
        small, large = float(rungs[min(first, 64) - 1]), float(rungs[min(first, 64)])
    return float(np.exp(large))
