"""How well several items measure one thing: Cronbach's alpha, McDonald's omega, and the same people asked again."""

from __future__ import annotations

from dataclasses import dataclass
from math import atanh, exp, inf, sqrt, tanh

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import f as fisher_f

from growth.stats.contrast import check_confidence, critical
from growth.stats.likelihood import maximise
from growth.stats.moments import Floats

FEWEST_ITEMS = 3  # for omega: two items cannot tell one factor from none


@dataclass(frozen=True)
class Reliability:
    """A coefficient between 0 and 1 (alpha may fall below 0) with its interval.

    Parameters
    ----------
    value, low, high : float
    people, items : int
    """

    value: float
    low: float
    high: float
    people: int
    items: int


def _checked(items: ArrayLike, fewest: int) -> Floats:
    """Return the items as a matrix, people down; refuse what has no reliability."""
    x = np.asarray(items, float)
    if x.ndim != 2 or x.shape[1] < fewest:
        raise ValueError(f"Reliability needs at least {fewest} items, one in a column.")
    if not np.isfinite(x).all():
        raise ValueError("An answer is missing: leave out those who did not answer every item.")
    if len(x) < 3:
        raise ValueError(f"Reliability needs at least 3 people who answered every item, not {len(x)}.")
    if np.ptp(x.sum(axis=1)) == 0:
        raise ValueError("Everybody has the same score, so nothing can be said of its reliability.")
    return x


def alpha(items: ArrayLike, confidence: float = 0.95) -> Reliability:
    """Return Cronbach's alpha of the sum (or mean) of items, with Feldt's interval.

    Parameters
    ----------
    items : array-like of float, shape (people, items)
        All keyed in the same direction, on the scales on which they are added up.
    confidence : float

    Raises
    ------
    ValueError
        If there are fewer than 2 items or 3 people, an answer is missing, or everybody has the same score.

    Notes
    -----
    k / (k - 1) (1 - Σ s_jj / s²) (Cronbach 1951, Psychometrika 16:297-334). Interval: (1 - α) / (1 - α̂) has an F
    distribution of (n - 1)(k - 1) and n - 1 degrees of freedom where items measure the same with equal noise and are
    normal (Feldt 1965, Psychometrika 30:357-370). It is a lower bound of the reliability of the sum where errors are
    not correlated.
    """
    check_confidence(confidence)
    x = _checked(items, 2)
    people, k = x.shape
    value = k / (k - 1) * (1 - float(x.var(axis=0, ddof=1).sum() / x.sum(axis=1).var(ddof=1)))
    tails = ((1 + confidence) / 2, (1 - confidence) / 2)
    low, high = (1 - (1 - value) * float(fisher_f.ppf(t, people - 1, (people - 1) * (k - 1))) for t in tails)
    return Reliability(value, low, high, people, k)


def without_each(items: ArrayLike) -> tuple[Floats, Floats]:
    """Return, for each item, its correlation with the sum of the others, and alpha without it (NaN of two items).

    Parameters
    ----------
    items : array-like of float, shape (people, items)

    Raises
    ------
    ValueError
        As `alpha`; if an item, or the sum of the others, does not vary.
    """
    x = _checked(items, 2)
    rest = x.sum(axis=1, keepdims=True) - x
    if (np.ptp(x, axis=0) == 0).any() or (np.ptp(rest, axis=0) == 0).any():
        raise ValueError("An item has the same answer from everybody: leave it out.")
    k = x.shape[1]
    together = np.array([float(np.corrcoef(x[:, j], rest[:, j])[0, 1]) for j in range(k)])
    left = np.array([alpha(np.delete(x, j, axis=1)).value if k > 2 else np.nan for j in range(k)])
    return together, left


def omega(items: ArrayLike, confidence: float = 0.95) -> Reliability:
    """Return McDonald's omega of the sum (or mean) of items: the share of its variance that is of one common factor.

    Parameters
    ----------
    items : array-like of float, shape (people, items)
        As in `alpha`; they need not measure the factor equally well.
    confidence : float

    Raises
    ------
    ValueError
        If there are fewer than 3 items, as `alpha`, if an item does not go with the others, or is the factor itself
        (no noise left: a Heywood case).

    Notes
    -----
    (Σ λ)² / ((Σ λ)² + Σ ψ) of the one-factor model Σ = λ λ' + diag(ψ) by maximum likelihood (McDonald 1999, Test
    Theory, ch. 6). The error is the sandwich of the people's own scores (White 1982, Econometrica 50:1-25), for answers
    on scales are not normal; the interval is on the scale of log(1 - ω).
    """
    check_confidence(confidence)
    x = _checked(items, FEWEST_ITEMS)
    if len(x) <= 2 * x.shape[1]:
        raise ValueError(f"A factor of {x.shape[1]} items needs more than {2 * x.shape[1]} people.")
    if (np.ptp(x, axis=0) == 0).any():
        raise ValueError("An item has the same answer from everybody: leave it out.")
    people, k = x.shape
    spread = x.std(axis=0)
    off = (x - x.mean(axis=0)) / spread
    theta, bread = _one_factor(off.T @ off / people, people)
    scores = _scores(theta, off)
    cov = bread @ (scores.T @ scores) @ bread
    load, noise = np.exp(theta[:k]) * spread, np.exp(theta[k:]) * spread**2
    true, left = float(load.sum()) ** 2, float(noise.sum())
    value = true / (true + left)
    slope = np.concatenate([2 * load * load.sum() * left, -noise * true]) / (true + left) ** 2
    half = critical(inf, confidence) * sqrt(float(slope @ cov @ slope)) / (1 - value)
    low, high = (1 - (1 - value) * exp(s * half) for s in (1, -1))
    return Reliability(value, low, high, people, k)


def _one_factor(together: Floats, people: int) -> tuple[Floats, Floats]:
    """Return the logarithms of loadings and noise that fit correlations best, and the inverse of the information."""
    k = len(together)

    def score(theta: Floats) -> tuple[float, Floats]:
        load, noise = np.exp(theta[:k]), np.exp(theta[k:])
        implied = np.outer(load, load) + np.diag(noise)
        inverse = np.linalg.inv(implied)
        value = -people / 2 * (float(np.linalg.slogdet(implied)[1]) + float(np.sum(inverse * together)))
        slope = -people / 2 * (inverse - inverse @ together @ inverse)
        return value, np.concatenate([2 * slope @ load * load, np.diagonal(slope) * noise])

    names = tuple(f"{what} {j + 1}" for what in ("loading", "noise") for j in range(k))
    fit = maximise(score, names, np.log(np.full(2 * k, 0.5) ** np.repeat([0.5, 1.0], k)))
    if fit.bounded:
        which = fit.bounded[0].split()
        why = "does not go with the others" if which[0] == "loading" else "leaves no noise (a Heywood case)"
        raise ValueError(f"There is no single factor: item {which[1]} {why}.")
    return fit.theta, fit.covariance


def _scores(theta: Floats, off: Floats) -> Floats:
    """Return each person's part of the gradient, shape (people, 2 items)."""
    k = off.shape[1]
    load, noise = np.exp(theta[:k]), np.exp(theta[k:])
    inverse = np.linalg.inv(np.outer(load, load) + np.diag(noise))
    u = off @ inverse
    by_load = (u * (u @ load)[:, None] - inverse @ load) * load
    by_noise = (u**2 - np.diagonal(inverse)) / 2 * noise
    return np.concatenate([by_load, by_noise], axis=1)


def again(first: ArrayLike, second: ArrayLike, confidence: float = 0.95) -> Reliability:
    """Return the correlation of the same people's scores of two askings, with Fisher's interval.

    Parameters
    ----------
    first, second : array-like of float, shape (people,)
    confidence : float

    Raises
    ------
    ValueError
        If lengths differ, fewer than 4 people were asked twice, or one of the two does not vary.

    Notes
    -----
    Fisher (1921), Metron 1:3-32: atanh r has an error of 1 / sqrt(n - 3). What changes in between counts as unreliable.
    """
    check_confidence(confidence)
    a, b = np.asarray(first, float), np.asarray(second, float)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError("Two askings need one score each for the same people.")
    if len(a) < 4:
        raise ValueError(f"Test and retest need at least 4 people who answered twice, not {len(a)}.")
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        raise ValueError("Everybody has the same score in one of the two waves, so they have no correlation.")
    value = float(np.clip(np.corrcoef(a, b)[0, 1], -1, 1))
    if abs(value) > 1 - 1e-12:
        return Reliability(value, value, value, len(a), 2)
    half = critical(inf, confidence) / sqrt(len(a) - 3)
    return Reliability(value, tanh(atanh(value) - half), tanh(atanh(value) + half), len(a), 2)
