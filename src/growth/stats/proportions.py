"""Shares and their intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, ndtri


def wilson(
    successes: ArrayLike, trials: ArrayLike, confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the score interval of a binomial share.

    Parameters
    ----------
    successes, trials : array-like of int, same shape
        Where `trials` is 0 the bounds are NaN: nothing was observed.
    confidence : float
        Between 0 and 1.

    Returns
    -------
    low, high : ndarray of float
        Shares in [0, 1].

    Raises
    ------
    ValueError
        If there are more successes than trials, or fewer than none.

    Notes
    -----
    Wilson (1927), JASA 22:209-212; Brown, Cai and DasGupta (2001), Statistical Science 16:101-133, eq. 4.
    """
    k, n = np.asarray(successes, float), np.asarray(trials, float)
    if np.any((k < 0) | (k > n)):
        raise ValueError("There must be between 0 and as many successes as trials.")
    z2 = ndtri(0.5 + confidence / 2) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = (k + z2 / 2) / (n + z2)
        half = np.sqrt(z2 * (k * (n - k) / n + z2 / 4)) / (n + z2)
    unseen = n == 0
    low = np.where(unseen, np.nan, np.where(k == 0, 0.0, centre - half))
    high = np.where(unseen, np.nan, np.where(k == n, 1.0, centre + half))
    return low, high


def homogeneity(successes: ArrayLike, trials: ArrayLike) -> tuple[float, int, float]:
    """Test that several groups share one success probability (Pearson's chi-square, no correction).

    Parameters
    ----------
    successes, trials : array-like of int, shape (groups,)

    Returns
    -------
    statistic : float
    freedom : int
        Groups less one.
    p_value : float
        NaN where there are fewer than two groups, or all or none succeed.
    """
    k, n = np.asarray(successes, float), np.asarray(trials, float)
    freedom = len(n) - 1
    share = k.sum() / n.sum() if n.sum() else np.nan
    if freedom < 1 or not 0 < share < 1:
        return float("nan"), max(freedom, 0), float("nan")
    statistic = float((((k - n * share) ** 2) / (n * share * (1 - share))).sum())
    return statistic, freedom, float(chdtrc(freedom, statistic))
