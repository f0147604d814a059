"""Peaks and troughs of the retention cycle: periods in which more, or fewer, come back than ages explain."""

from __future__ import annotations

import numpy as np
import pandas as pd

from growth.retention.model import Calendar
from growth.stats.contrast import critical, tail
from growth.stats.many import holm

PEAK, TROUGH, NEITHER = "peak", "trough", ""
FEWEST = 20  # customers expected back; below it a ratio says little and its interval is not to be trusted
_CYCLE = [
    "start",
    "customers",
    "returned",
    "expected",
    "ratio",
    "low",
    "high",
    "p_value",
    "corrected",
    "kind",
]


def cycle(cells: pd.DataFrame, calendar: Calendar, confidence: float = 0.95) -> pd.DataFrame:
    """Compare who came back in each calendar period with what the ages of its customers lead to expect.

    Parameters
    ----------
    cells : DataFrame
        What `growth.retention.model.triangle` returns, at all ages.
    calendar : Calendar
    confidence : float

    Returns
    -------
    DataFrame
        ``start, customers`` (of cohorts that other cohorts can be compared with), ``returned, expected, ratio, low,
        high, p_value, corrected`` (Holm over the periods), ``kind``: `PEAK`, `TROUGH` or `NEITHER` at the level left
        by `confidence`. Periods in which fewer than `FEWEST` are expected are left out.

    Notes
    -----
    What is expected of a cohort at an age is the share of all **other** cohorts at that age: were the period its own
    yardstick, every ratio would be drawn towards 1. Its variance is binomial twice, of those who came and of the
    yardstick; the interval is on the log scale (delta method), and cautious: who comes often comes in many periods, so
    that both move together. Cohorts that are better at every age look like peaks
    of all their periods: read it beside `p_same` of the pooled curve.
    """
    own = cells[(cells["why_empty"] == "") & (cells["age"] > 0) & ~cells["left_truncated"]].copy()
    own[["retained", "size"]] = own[["retained", "size"]].astype(float)
    others = own.groupby("age")[["retained", "size"]].transform("sum") - own[["retained", "size"]]
    own, others = own[others["size"] > 0], others[others["size"] > 0]
    share = others["retained"] / others["size"]
    own["expected"] = own["size"] * share
    own["came"] = own["expected"] * (1 - share)
    own["yardstick"] = own["size"] ** 2 * share * (1 - share) / others["size"]
    own["start"] = [calendar.later(c, a) for c, a in zip(own["cohort"], own["age"], strict=True)]
    columns = ["size", "retained", "expected", "came", "yardstick"]
    by = own.groupby("start")[columns].sum().reset_index()
    by = by[(by["expected"] >= FEWEST) & (by["retained"] > 0)]
    return _judged(by, confidence) if len(by) else pd.DataFrame(columns=_CYCLE)


def _judged(by: pd.DataFrame, confidence: float) -> pd.DataFrame:
    ratio = by["retained"] / by["expected"]
    error = np.sqrt((by["came"] + by["yardstick"]) / by["expected"] ** 2)  # of the log, at a ratio of 1
    half = critical(np.inf, confidence) * error
    p = np.array([2 * tail(abs(z), np.inf) for z in np.log(ratio) / error])
    corrected = np.asarray(holm(p))
    kind = np.where(corrected < 1 - confidence, np.where(ratio > 1, PEAK, TROUGH), NEITHER)
    return pd.DataFrame(
        dict(start=by["start"], customers=by["size"].astype(int), returned=by["retained"].astype(int),
             expected=by["expected"], ratio=ratio, low=ratio * np.exp(-half), high=ratio * np.exp(half), p_value=p,
             corrected=corrected, kind=kind)
    ).reset_index(drop=True)  # fmt: skip
