"""Kano: what a feature is to people, by what they feel with it and without it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from growth.market.estimates import Design, mean, share

LIKE, EXPECT, NEUTRAL, LIVE_WITH, DISLIKE = 1, 2, 3, 4, 5
KINDS = ("attractive", "one-dimensional", "must-be", "indifferent", "reverse", "questionable")
A, O, M, I, R, Q = range(6)  # noqa: E741
# Rows: with it, columns: without it (Berger et al. 1993, Center for Quality of Management Journal 2:3-35, figure 2).
_TABLE = np.array(
    [[Q, A, A, A, O], [R, I, I, I, M], [R, I, I, I, M], [R, I, I, I, M], [R, R, R, R, Q]]
)  # fmt: skip


def classified(with_it: pd.DataFrame, without: pd.DataFrame) -> pd.DataFrame:
    """Return each respondent's kind of each feature (0 to 5, as `KINDS`), missing where one of the two is."""
    out = {}
    for feature in with_it.columns.intersection(without.columns):
        a, b = (f[feature].to_numpy(float) for f in (with_it, without))
        known = np.isfinite(a) & np.isfinite(b)
        out[feature] = np.where(
            known,
            _TABLE[np.where(known, a, 1).astype(int) - 1, np.where(known, b, 1).astype(int) - 1],
            np.nan,
        )  # noqa: E501
    return pd.DataFrame(out, index=with_it.index)


def features(kinds: pd.DataFrame, design: Design, confidence: float = 0.95) -> pd.DataFrame:
    """Return what every feature is to how many.

    Returns
    -------
    DataFrame
        A row a feature: the share of every kind, ``most`` (the most frequent kind), ``most_low, most_high`` (its
        interval), ``sure`` (its lead over the second is told from nothing), and ``better, worse`` with ``_low, _high``:
        how much satisfaction it adds where it is there, and takes where it is not.

    Notes
    -----
    Better = (A + O) / (A + O + M + I), worse = -(O + M) / (A + O + M + I): Berger et al. (1993), p. 19. The lead is the
    mean of +1 for the first kind and -1 for the second.
    """
    rows = []
    for feature in kinds:
        own = kinds[feature].to_numpy(float)
        said = np.isfinite(own)
        shares = [
            share(np.where(said, own == k, np.nan), design, None, confidence) for k in range(len(KINDS))
        ]
        first, second = np.argsort([-s.value for s in shares], kind="stable")[:2]
        lead = mean(np.where(said, (own == first) * 1.0 - (own == second), np.nan), design, None, confidence)
        usual = said & (own <= I)
        better = share(np.where(usual, np.isin(own, (A, O)), np.nan), design, None, confidence)
        worse = share(np.where(usual, np.isin(own, (O, M)), np.nan), design, None, confidence)
        row = dict(feature=feature) | {k: s.value for k, s in zip(KINDS, shares, strict=True)}
        row |= dict(
            most=KINDS[first], most_low=shares[first].low, most_high=shares[first].high, sure=lead.low > 0
        )
        row |= dict(better=better.value, better_low=better.low, better_high=better.high)
        row |= dict(worse=-worse.value, worse_low=-worse.high, worse_high=-worse.low)
        rows.append(row)
    return pd.DataFrame(rows)
