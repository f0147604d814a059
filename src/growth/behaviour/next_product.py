"""A list of next products judged on a later period, against the list of the most bought."""

from __future__ import annotations

from math import inf, sqrt

import pandas as pd

from growth.stats.contrast import Estimate, estimate
from growth.stats.proportions import wilson

LISTS = {"next_rank": "what follows the last basket", "popular_rank": "the most bought"}


def hit_rates(places: pd.DataFrame, lengths: list[int], confidence: float = 0.95) -> pd.DataFrame:
    """Return the share of customers who later newly bought something on a list: ``list, length, customers, hits, …``.

    Parameters
    ----------
    places : DataFrame
        ``next_rank, popular_rank`` (place of the first hit on each list, from 1; 0: none) and ``customers``.
    lengths : list of int
        How many products the lists hold.
    confidence : float

    Returns
    -------
    DataFrame
        ``list, length, customers, hits, share, low, high`` (Wilson; a customer is one unit).

    Raises
    ------
    ValueError
        If no customer bought anything new in the later period.
    """
    n = int(places["customers"].sum())
    if n == 0:
        raise ValueError("No customer of before bought anything new in the later period.")
    rows = []
    for column, name in LISTS.items():
        for length in lengths:
            hits = int(places.loc[places[column].between(1, length), "customers"].sum())
            low, high = wilson(hits, n, confidence)
            rows.append((name, length, n, hits, hits / n, float(low), float(high)))
    return pd.DataFrame(rows, columns=["list", "length", "customers", "hits", "share", "low", "high"])


def advantage(places: pd.DataFrame, length: int, confidence: float = 0.95) -> Estimate:
    """Return by how much the list of what follows hits more often than the most bought, on the same customers.

    Raises
    ------
    ValueError
        If both lists hit the same customers.

    Notes
    -----
    A difference of paired shares with its Wald error, as in McNemar (1947), Psychometrika 12:153-157.
    """
    follows, popular = (places[c].between(1, length) for c in LISTS)
    n = int(places["customers"].sum())
    only = int(places.loc[follows & ~popular, "customers"].sum())
    other = int(places.loc[popular & ~follows, "customers"].sum())
    if only + other == 0:
        raise ValueError("Both lists hit the same customers: there is no difference to estimate.")
    difference = (only - other) / n
    return estimate(difference, sqrt(((only + other) / n - difference**2) / n), inf, confidence)
