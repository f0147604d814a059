"""How good chances are that were foretold: ranking, calibration, and whether the score has moved."""

from __future__ import annotations

from math import inf, pi, sqrt

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtri
from scipy.stats import rankdata

from growth.stats.contrast import critical
from growth.stats.moments import Floats


def placements(score: ArrayLike, hit: ArrayLike) -> tuple[Floats, Floats]:
    """Return, for each who did, the share of those who did not that scores lower; for each who did not, the reverse."""
    s, y = np.asarray(score, float), np.asarray(hit, bool)
    a, b = s[y], s[~y]
    if not len(a) or not len(b):
        raise ValueError("An area under the curve needs some who did and some who did not.")
    both = rankdata(np.concatenate([a, b]))
    above = (both[: len(a)] - rankdata(a)) / len(b)
    below = 1 - (both[len(a) :] - rankdata(b)) / len(a)
    return np.asarray(above), np.asarray(below)


def placement_variance(above: Floats, below: Floats) -> float:
    """Return the variance of the mean of either, by DeLong; 0 where it takes more than one of each and there is not."""
    if min(len(above), len(below)) < 2:
        return 0.0
    return float(above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below))


def auc(score: ArrayLike, hit: ArrayLike, confidence: float = 0.95) -> tuple[float, float, float]:
    """Return the area under the ROC curve and DeLong's interval (logit scale).

    Parameters
    ----------
    score : array-like of float, shape (n,)
    hit : array-like of bool, shape (n,)
    confidence : float

    Raises
    ------
    ValueError
        If everybody did, or nobody.

    Notes
    -----
    DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44:837-845, by midranks as Sun and Xu (2014).
    """
    above, below = placements(score, hit)
    area, variance = float(above.mean()), placement_variance(above, below)
    if not 0 < area < 1 or variance == 0:
        return area, area, area
    half = critical(inf, confidence) * sqrt(variance) / (area * (1 - area))
    centre = np.log(area / (1 - area))
    low, high = (1 / (1 + np.exp(-(centre + k * half))) for k in (-1, 1))
    return area, float(low), float(high)


def groups(chance: ArrayLike, hit: ArrayLike, many: int = 10) -> pd.DataFrame:
    """Return ``group, customers, predicted, actual``: customers in groups of equal size by predicted chance."""
    p, y = np.asarray(chance, float), np.asarray(hit, float)
    order = np.argsort(p, kind="stable")
    rows = [
        dict(group=k, customers=len(part), predicted=float(p[part].mean()), actual=float(y[part].mean()))
        for k, part in enumerate(np.array_split(order, many), 1)
        if len(part)
    ]
    return pd.DataFrame(rows)


def calibration_error(chance: ArrayLike, hit: ArrayLike, many: int = 10) -> float:
    """Return the expected calibration error: mean |predicted - actual| over groups of equal size."""
    g = groups(chance, hit, many)
    return float((g["customers"] * (g["predicted"] - g["actual"]).abs()).sum() / g["customers"].sum())


def calibration_by_chance(chance: ArrayLike, many: int = 10, confidence: float = 0.95) -> tuple[float, float]:
    """Return the calibration error that a model shows whose every chance is right, by chance alone.

    Parameters
    ----------
    chance : array-like of float, shape (n,)
        Its predictions.
    many : int
        Groups.
    confidence : float

    Returns
    -------
    tuple of float
        The mean error, and the one that is not exceeded in a share `confidence` of samples.

    Notes
    -----
    The mean of a group's outcomes differs from that of its chances by about a normal of variance Σ p (1 - p) / m²; its
    size has mean sqrt(2 / pi) and variance 1 - 2 / pi of that (folded normal), and the groups are independent.
    """
    p = np.asarray(chance, float)
    parts = [p[k] for k in np.array_split(np.argsort(p, kind="stable"), many) if len(k)]
    spread = np.array([sqrt(float((q * (1 - q)).sum())) for q in parts]) / len(p)  # weight m / n times sd
    mean = sqrt(2 / pi) * float(spread.sum())
    return mean, mean + float(ndtri(confidence)) * sqrt((1 - 2 / pi) * float((spread**2).sum()))


def stability(old: ArrayLike, new: ArrayLike, many: int = 10) -> float:
    """Return the population stability index of a score: Σ (b - a) log(b / a) over the old score's tenths.

    A score of no more than `many` values (a label, a small count) is compared value by value. Below 0.1 is read as
    stable, above 0.25 as another population (Siddiqi 2006, Credit Risk Scorecards).
    """
    values = np.unique(np.asarray(old, float))
    tenths = np.unique(np.quantile(np.asarray(old, float), np.linspace(0, 1, many + 1)[1:-1]))
    edges = values[:-1] if len(values) <= many else tenths
    counts = [
        np.bincount(np.searchsorted(edges, np.asarray(s, float)), minlength=len(edges) + 1)
        for s in (old, new)
    ]
    a, b = ((c + 0.5) / (c.sum() + 0.5 * len(c)) for c in counts)
    return float(((b - a) * np.log(b / a)).sum())
