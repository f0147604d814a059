"""Targets that can be checked: how probable it is that one is reached, and how good such probabilities were before."""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, exp, log, sqrt

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import stdtr

from growth.stats.contrast import check_confidence, critical
from growth.stats.moments import Floats

FEWEST = 4  # levels known before a target can be judged: three steps tell a mean and a spread


@dataclass(frozen=True)
class Chance:
    """What a target's prospects are.

    Parameters
    ----------
    probability : float
        That it is reached, what is not known of growth included.
    value, low, high : float
        Level expected when it is due (median), and where it will be with the confidence asked.
    steps : int
        Steps of the past that this rests on.
    """

    probability: float
    value: float
    low: float
    high: float
    steps: int


@dataclass(frozen=True)
class Score:
    """How good probabilities were.

    Parameters
    ----------
    brier, low, high : float
        Mean squared distance of probability and outcome, with its interval; 0 is perfect, a coin's is 0.25.
    base : float
        The score of always saying the share that was reached.
    p_value : float
        That the probabilities mean what they say; NaN where each was 0 or 1.
    targets : int
    """

    brier: float
    low: float
    high: float
    base: float
    p_value: float
    targets: int


def chance(
    levels: ArrayLike, target: float, ahead: int, at_least: bool = True, confidence: float = 0.95
) -> Chance:
    """Return how probable it is that a figure reaches its target.

    Parameters
    ----------
    levels : array-like, shape (n,)
        The figure at even steps, positive, the last one now.
    target : float
        Positive.
    ahead : int
        Steps until it is due.
    at_least : bool
        Whether it is to be at least, or at most, the target.
    confidence : float

    Raises
    ------
    ValueError
        If fewer than 4 levels are known, one or the target is not positive, or nothing ever changed.

    Notes
    -----
    Steps of the logarithm are normal with one mean and spread, so that the level `ahead` steps on follows Student's t
    about last + ahead · mean with variance s² (ahead + ahead² / steps): exact, growth and spread being estimated.
    """
    check_confidence(confidence)
    known = np.asarray(levels, float)
    if len(known) < FEWEST:
        raise ValueError(f"{len(known)} levels are too few to judge a target by: {FEWEST} are needed.")
    if not (np.isfinite(known).all() and (known > 0).all() and target > 0 and ahead >= 1):
        raise ValueError("Levels and target must be above 0, and a target due one step ahead or later.")
    step = np.diff(np.log(known))
    n, spread = len(step), float(step.std(ddof=1))
    if spread < 1e-12:
        raise ValueError(
            "The figure grew by the same share at every step, so nothing tells how it may stray."
        )
    middle = log(known[-1]) + ahead * float(step.mean())
    error = spread * sqrt(ahead + ahead**2 / n)
    below = float(stdtr(n - 1, (log(target) - middle) / error))
    half = critical(n - 1.0, confidence) * error
    return Chance(1 - below if at_least else below, exp(middle), exp(middle - half), exp(middle + half), n)


def replayed(levels: ArrayLike, goals: pd.DataFrame) -> pd.DataFrame:
    """Return past targets with the probability that each had when it was set, and whether it was reached.

    Parameters
    ----------
    levels : array-like
        As `chance` takes them.
    goals : DataFrame
        ``made, due`` (places in `levels`), ``target, at_least``.

    Returns
    -------
    DataFrame
        `goals` with ``probability`` and ``reached``. Nothing from after `made` is in a probability.

    Raises
    ------
    ValueError
        If a target was not made before it was due, or is not due yet.
    """
    known = np.asarray(levels, float)
    if ((goals["made"] >= goals["due"]) | (goals["due"] >= len(known))).any():
        raise ValueError("A past target must be set before it is due, and be due within the levels known.")
    made, due = (goals[c].astype(int).tolist() for c in ("made", "due"))
    target, at_least = goals["target"].astype(float).tolist(), goals["at_least"].astype(bool).tolist()
    rows = [
        (chance(known[: m + 1], t, d - m, up).probability, bool(known[d] >= t if up else known[d] <= t))
        for m, d, t, up in zip(made, due, target, at_least, strict=True)
    ]
    said = pd.DataFrame(rows, columns=["probability", "reached"], index=goals.index)
    return goals.join(said.astype({"probability": float, "reached": bool}))


def score(probability: Floats, reached: ArrayLike, confidence: float = 0.95) -> Score:
    """Return how good probabilities of past targets were.

    Parameters
    ----------
    probability : ndarray, shape (n,)
    reached : array-like of bool
    confidence : float

    Raises
    ------
    ValueError
        If there are fewer than two targets, or a probability is none.

    Notes
    -----
    Brier (1950), Monthly Weather Review 78:1-3; the test that probabilities are calibrated is Spiegelhalter's (1986),
    Statistics in Medicine 5:421-433. The interval is Student's of the mean and takes targets as independent.
    """
    p, y = np.asarray(probability, float), np.asarray(reached, float)
    if len(p) < 2 or p.shape != y.shape:
        raise ValueError(f"{len(p)} past targets are too few to score, or outcomes are not one for each.")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("Probabilities must lie between 0 and 1.")
    off = (p - y) ** 2
    brier, error = float(off.mean()), float(off.std(ddof=1)) / sqrt(len(p))
    half = critical(len(p) - 1.0, confidence) * error
    spread = sqrt(float(((1 - 2 * p) ** 2 * p * (1 - p)).sum()))
    z = float(((y - p) * (1 - 2 * p)).sum()) / spread if spread > 0 else float("nan")
    base = float(y.mean() * (1 - y.mean()))
    p_value = erfc(abs(z) / sqrt(2))
    return Score(brier, max(brier - half, 0.0), min(brier + half, 1.0), base, p_value, len(p))
