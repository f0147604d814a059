"""Cohort retention from counts: the triangle, the pooled curve, the share that never came back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from growth.stats.proportions import homogeneity, wilson

# Why a cell of the triangle is empty.
NOT_REACHED = "not yet reached"
PARTIAL = "period not over"
SMALL = "cohort too small"
FEW = "suppressed: too few people"


@dataclass(frozen=True)
class Calendar:
    """Periods and what has been observed of them.

    Parameters
    ----------
    period : str
        ``month`` or ``week``.
    as_of : datetime.date
        Days from this one on are unknown.
    begins_mid_life : bool
        Customers may be older than the data.
    washout : int
        Days from the first cohort's start during which, if so, customers seen for the first time may well be old.
    """

    period: str
    as_of: dt.date
    begins_mid_life: bool = False
    washout: int = 31

    def later(self, start: dt.date, periods: int) -> dt.date:
        """Return the first day of the period that lies `periods` after the one starting on `start`."""
        if self.period == "week":
            return start + dt.timedelta(weeks=periods)
        months = start.year * 12 + start.month - 1 + periods
        return dt.date(months // 12, months % 12 + 1, 1)

    def reached(self, cohort: dt.date) -> int:
        """Return the last age that a cohort has fully reached; -1 if none."""
        age = -1
        while self.later(cohort, age + 2) <= self.as_of:
            age += 1
        return age

    def state(self, cohort: dt.date, age: int) -> str:
        """Return why nothing can be said of a cohort at an age; empty if its period is over."""
        if self.later(cohort, age + 1) <= self.as_of:
            return ""
        return PARTIAL if self.later(cohort, age) < self.as_of else NOT_REACHED


def triangle(
    counts: pd.DataFrame, calendar: Calendar, confidence: float = 0.95, min_customers: int = 30
) -> pd.DataFrame:
    """Lay out every cohort at every age, with intervals where observed and a reason where not.

    Parameters
    ----------
    counts : DataFrame
        ``cohort`` (date), ``age``, ``customers``: the mart ``retention_counts`` of one period. A missing row
        is a zero if its period is over, and unknown if not.
    calendar : Calendar
    confidence, min_customers : float, int
        Of the intervals; cohorts smaller than this are left empty.

    Returns
    -------
    DataFrame
        ``cohort, age, size, retained, share, low, high, why_empty, left_truncated``, for every age that the first
        ``cohort, age, size, retained, share, low, high, why_empty, left_truncated``, for every age that the first
        cohort has reached. A cohort counts from the end of its first period on; `size` is the number of customers
        who have fully reached the age, all or none of
        a cohort. Intervals are Wilson's, for the customers of that cohort.
    """
    seen = counts[counts["cohort"].notna() & (counts["age"] >= 0)]
    if seen.empty:
        return pd.DataFrame(columns=_TRIANGLE)
    cohorts = sorted(seen["cohort"].unique())
    cells = seen.set_index(["cohort", "age"])["customers"].to_dict()
    oldest = max(int(seen["age"].max()), calendar.reached(cohorts[0]))
    rows = [_cell(c, a, cells, calendar, min_customers) for c in cohorts for a in range(oldest + 1)]
    out = pd.DataFrame(rows)
    known = out["why_empty"] == ""
    low, high = wilson(out.loc[known, "retained"], out.loc[known, "size"], confidence)
    out["share"] = out["retained"].astype(float) / out["size"]
    out.loc[known, "low"], out.loc[known, "high"] = low, high
    out["retained"] = out["retained"].astype("Int64")
    starts = [c for c in cohorts if cells.get((c, 0), 0) >= min_customers] or cohorts
    clear = starts[0] + dt.timedelta(
        days=calendar.washout
    )  # a stray early record does not decide where data begin
    out["left_truncated"] = calendar.begins_mid_life & (
        out["cohort"] < max(clear, calendar.later(starts[0], 1))
    )
    return out[_TRIANGLE]


_TRIANGLE = ["cohort", "age", "size", "retained", "share", "low", "high", "why_empty", "left_truncated"]


def _cell(
    cohort: dt.date, age: int, cells: Mapping[Any, int], calendar: Calendar, smallest: int
) -> dict[str, object]:
    size = cells.get((cohort, 0), 0)
    why = calendar.state(cohort, age) or (SMALL if size < smallest else "")
    retained = np.nan if why else float(cells.get((cohort, age), 0))
    return dict(cohort=cohort, age=age, size=size, retained=retained, why_empty=why)


def suppressed(cells: pd.DataFrame, smallest: int) -> pd.DataFrame:
    """Return a triangle to be shown: a cell with some, but fewer than `smallest`, customers in it is empty.

    A cohort of fewer than `smallest` customers is left out whole. Pool the cohorts before: suppression is for the
    eyes, not for the estimate.
    """
    out = cells[cells["size"] >= smallest].copy()
    few = ((out["retained"] > 0) & (out["retained"] < smallest)).fillna(False).astype(bool)
    out.loc[few, "why_empty"] = FEW
    out.loc[few, "retained"] = pd.NA
    out.loc[few, ["share", "low", "high"]] = np.nan
    return out


def pooled(cells: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Pool the cohorts age by age: customers retained over customers who have reached that age.

    Parameters
    ----------
    cells : DataFrame
        What `triangle` returns. A left-truncated cohort is not pooled: its customers are older than they look.

    Returns
    -------
    DataFrame
        ``age, cohorts, eligible, retained, share, low, high, lowest, highest, p_same``: Wilson's interval (a customer
        counts once an age), the lowest and the highest cohort, and the p-value of all cohorts being the same.
    """
    used = cells[(cells["why_empty"] == "") & ~cells["left_truncated"]]
    rows = []
    for age, group in used.groupby("age"):
        retained, eligible = int(group["retained"].sum()), int(group["size"].sum())
        low, high = wilson(retained, eligible, confidence)
        rows.append(
            dict(
                age=int(str(age)),
                cohorts=len(group),
                eligible=eligible,
                retained=retained,
                share=retained / eligible,
                low=float(low),
                high=float(high),
                lowest=float(group["share"].min()),
                highest=float(group["share"].max()),
                p_same=homogeneity(group["retained"].astype(float), group["size"])[2],
            )
        )
    return pd.DataFrame(rows, columns=_POOLED)


_POOLED = ["age", "cohorts", "eligible", "retained", "share", "low", "high", "lowest", "highest", "p_same"]


SILENCE = 7  # days without anybody active before `as_of` that look like an end of the data


def observed_until(patterns: pd.DataFrame, as_of: dt.date) -> dt.date:
    """Return the day from which on nothing is known: `as_of`, or earlier where the data end before it.

    Parameters
    ----------
    patterns : DataFrame
        ``x, t_x, t, customers``: the mart ``recency_frequency``.
    as_of : datetime.date
        If nobody was active in the `SILENCE` days before it, what follows the last active day is not taken for
        observed silence.
    """
    if patterns.empty:
        return as_of
    silent = int((patterns["t"] - patterns["t_x"]).min()) - 1
    return as_of - dt.timedelta(days=silent) if silent > SILENCE else as_of


@dataclass(frozen=True)
class Share:
    """A share of customers with its interval."""

    value: float
    low: float
    high: float
    successes: int
    trials: int


def came_back(patterns: pd.DataFrame, days: int, confidence: float = 0.95) -> Share | None:
    """Return the share that was active again, among customers first seen at least `days` days ago.

    Parameters
    ----------
    patterns : DataFrame
        ``x, t_x, t, customers``: the mart ``recency_frequency``.
    days : int
        Customers who are younger are left out: they have hardly had time.

    Returns
    -------
    Share or None
        None where nobody is old enough. Note that older customers had more time: it is no rate.
    """
    old = patterns[patterns["t"] >= days]
    trials = int(old["customers"].sum())
    if trials == 0:
        return None
    again = int(old.loc[old["x"] > 0, "customers"].sum())
    low, high = wilson(again, trials, confidence)
    return Share(again / trials, float(low), float(high), again, trials)


def purchase_days(patterns: pd.DataFrame, most: int = 10, smallest: int = 0) -> pd.DataFrame:
    """Return ``days, customers, share, label``: customers by active days; the last row holds all beyond.

    There are `most` rows, or as many as leave `smallest` customers in each.
    """
    days = (patterns["x"] + 1).clip(upper=most)
    out = patterns.groupby(days.rename("days"))["customers"].sum().reset_index()
    if most > 1 and (out["customers"] < smallest).any():
        return purchase_days(patterns, most - 1, smallest)
    out["share"] = out["customers"] / out["customers"].sum()
    beyond = (patterns["x"] + 1 > most).any()
    out["label"] = [f"{d} +" if beyond and d == most else str(d) for d in out["days"]]
    return out
