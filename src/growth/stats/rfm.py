"""Scores of recency, frequency and money: the same value has the same score, and cut points do not drift."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Segment by the scores of recency and frequency (1 to 5): the first that holds.
SEGMENTS = ("best", "loyal", "new", "cooling", "at risk", "asleep")


def score(values: ArrayLike, cuts: Sequence[float], more_is_better: bool = True) -> NDArray[np.int64]:
    """Return scores from 1 to ``len(cuts) + 1``.

    Parameters
    ----------
    values : array-like of float
    cuts : sequence of float
        Rising. A value that equals a cut point counts as beyond it where more is better, and as before it otherwise.
    more_is_better : bool
        False for recency in days: the fewer the better.

    Raises
    ------
    ValueError
        If a value is missing or the cut points do not rise.

    Notes
    -----
    Fixed cut points, unlike quintiles of the day, give ties one score, whatever the order of rows, and let scores of
    two dates be compared.
    """
    given, at = np.asarray(values, float), np.asarray(cuts, float)
    if not np.isfinite(given).all():
        raise ValueError("Scores need a number for every customer: leave out those without an order.")
    if at.ndim != 1 or not at.size or np.any(np.diff(at) <= 0):
        raise ValueError(f"Cut points must rise, like 30, 90, 180, 365, not {list(cuts)}.")
    beyond = np.searchsorted(at, given, side="right" if more_is_better else "left")
    return np.asarray(1 + beyond if more_is_better else 1 + len(at) - beyond, np.int64)


def segment(recency: ArrayLike, frequency: ArrayLike) -> NDArray[np.str_]:
    """Return the segment of each pair of scores from 1 to 5.

    ``best``: recency 4 and more and frequency 4 and more. ``loyal``: 3 and 3. ``new``: recency 4 and more, frequency
    below 3. ``cooling``: recency 3, frequency below 3. ``at risk``: recency below 3, frequency 3 and more. ``asleep``:
    both below 3.
    """
    r, f = np.asarray(recency), np.asarray(frequency)
    rules = [
        (r >= 4) & (f >= 4),
        (r >= 3) & (f >= 3),
        (r >= 4) & (f < 3),
        (r == 3) & (f < 3),
        (r < 3) & (f >= 3),
    ]
    return np.select(rules, SEGMENTS[:-1], SEGMENTS[-1])
