"""Other definitions of retention than "active in that period", and what a cohort has brought by each age."""

from __future__ import annotations

from math import inf

import numpy as np
import pandas as pd

from growth.retention.model import SMALL, Calendar
from growth.stats.contrast import critical
from growth.stats.proportions import wilson

BRACKETS = {"month": ((1, 1), (2, 3), (4, 6), (7, 12)), "week": ((1, 1), (2, 4), (5, 8), (9, 13), (14, 26))}
LOOK_AHEAD = {"month": 3, "week": 8}  # periods that on-or-after waits, the same for every cohort


def within(
    gaps: pd.DataFrame,
    cells: pd.DataFrame,
    calendar: Calendar,
    start: int,
    width: int,
    confidence: float = 0.95,
) -> dict[str, float] | None:
    """Return the share of customers active at least once in the ages ``start … start + width - 1``.

    Parameters
    ----------
    gaps : DataFrame
        The mart ``retention_gaps`` of one period: ``cohort, age, gap, customers``.
    cells : DataFrame
        What `growth.retention.model.triangle` returns: which cohorts are large enough and not left-truncated.
    calendar : Calendar
    start, width : int
        Ages, from 1; width 1 is on-period retention.
    confidence : float

    Returns
    -------
    dict or None
        ``start, end, cohorts, eligible, retained, share, low, high`` (Wilson), pooled over the cohorts that have
        fully reached the last age of the window; None if none has. A customer is counted at the first activity in the
        window, which is the one whose period before lies before it.
    """
    own = cells[(cells["age"] == 0) & (cells["why_empty"] == "") & ~cells["left_truncated"]]
    end = start + width - 1
    ready = {c: n for c, n in zip(own["cohort"], own["size"], strict=True) if calendar.reached(c) >= end}
    if not ready:
        return None
    hit = gaps[gaps["cohort"].isin(ready) & (gaps["age"] >= start) & (gaps["age"] <= end)]
    retained = int(hit.loc[hit["age"] - hit["gap"] < start, "customers"].sum())
    eligible = int(sum(ready.values()))
    low, high = wilson(retained, eligible, confidence)
    return dict(
        start=start, end=end, cohorts=len(ready), eligible=eligible, retained=retained, share=retained / eligible,
        low=float(low), high=float(high),
    )  # fmt: skip


def definitions(
    gaps: pd.DataFrame, cells: pd.DataFrame, calendar: Calendar, ages: int, confidence: float = 0.95
) -> pd.DataFrame:
    """Return retention by four definitions: ``definition`` and the columns of `within`.

    ``on period``: active in that period. ``on or after``: in it or in the `LOOK_AHEAD` - 1 periods that follow; a
    look-ahead without end would favour old cohorts. ``rolling``: in it or the two before. ``bracket``: at least once
    in a range of ages.
    """
    ahead = LOOK_AHEAD[calendar.period]
    wanted = [("on period", a, 1) for a in range(1, ages + 1)]
    wanted += [("on or after", a, ahead) for a in range(1, ages + 1)]
    wanted += [("rolling", a - 2, 3) for a in range(3, ages + 1)]
    wanted += [("bracket", a, b - a + 1) for a, b in BRACKETS[calendar.period]]
    rows = []
    for name, start, width in wanted:
        found = within(gaps, cells, calendar, start, width, confidence)
        if found:
            rows.append(dict(definition=name, **found))
    table = pd.DataFrame(rows, columns=_DEFINITIONS)
    return table.sort_values("definition", kind="stable", ignore_index=True)


_DEFINITIONS = ["definition", "start", "end", "cohorts", "eligible", "retained", "share", "low", "high"]


def exact(
    ages: pd.DataFrame, cells: pd.DataFrame, calendar: Calendar, most: int, confidence: float = 0.95
) -> pd.DataFrame:
    """Return retention by exact age: the share active in the a-th span of days from their own first day.

    Parameters
    ----------
    ages : DataFrame
        The mart ``exact_ages`` of one period: ``cohort, age, retained, reached``.
    cells, calendar, confidence
        As `definitions`: cohorts that are small or left-truncated are left out.
    most : int
        Ages.

    Returns
    -------
    DataFrame
        The columns of `definitions`, ``definition`` being ``exact age``; only customers who have fully reached an age
        count for it, so a cohort may be there in part.
    """
    small = cells[(cells["age"] == 0) & (cells["left_truncated"] | (cells["why_empty"] == SMALL))]["cohort"]
    own = ages[~ages["cohort"].isin(set(small))]
    rows = []
    for age in range(1, most + 1):
        ready = own[(own["age"] >= age)]
        eligible, retained = int(ready["reached"].sum()), int(own.loc[own["age"] == age, "retained"].sum())
        if eligible:
            low, high = wilson(retained, eligible, confidence)
            cohorts = ready.loc[ready["reached"] > 0, "cohort"].nunique()
            rows.append(
                dict(definition="exact age", start=age, end=age, cohorts=cohorts, eligible=eligible, retained=retained,
                     share=retained / eligible, low=float(low), high=float(high))
            )  # fmt: skip
    return pd.DataFrame(rows, columns=_DEFINITIONS)


def together(*tables: pd.DataFrame) -> pd.DataFrame:
    """Return definitions below each other, brackets first."""
    return pd.concat([t for t in tables if len(t)] or list(tables[:1]), ignore_index=True).sort_values(
        "definition", kind="stable", ignore_index=True
    )


def cohort_value(
    counts: pd.DataFrame, cells: pd.DataFrame, calendar: Calendar, ages: int, confidence: float = 0.95
) -> pd.DataFrame:
    """Return the revenue that a customer has brought by each age, pooled over the cohorts that have reached it.

    Parameters
    ----------
    counts : DataFrame
        The mart ``retention_counts`` of one period, with ``revenue`` and ``squares``.
    cells, calendar, ages, confidence
        As `definitions`.

    Returns
    -------
    DataFrame
        ``age, cohorts, customers, value, error, low, high``: mean revenue a customer up to and with that age; the
        interval is that of a mean over customers (normal; a customer is one unit however often he bought).
    """
    own = cells[(cells["age"] == 0) & (cells["why_empty"] == "") & ~cells["left_truncated"]]
    size = dict(zip(own["cohort"], own["size"], strict=True))
    known = counts[counts["cohort"].isin(size)].copy()
    known[["revenue", "squares"]] = known[["revenue", "squares"]].astype(float)
    rows = []
    for age in range(ages + 1):
        ready = [c for c in size if calendar.reached(c) >= age]
        part = known[known["cohort"].isin(ready) & (known["age"] <= age)]
        n = int(sum(size[c] for c in ready))
        if n > 1:
            mean = float(part["revenue"].sum()) / n
            variance = max(float(part["squares"].sum()) - n * mean**2, 0.0) / (n - 1)
            half = critical(inf, confidence) * float(np.sqrt(variance / n))
            rows.append(
                dict(age=age, cohorts=len(ready), customers=n, value=mean, error=float(np.sqrt(variance / n)),
                     low=mean - half, high=mean + half)
            )  # fmt: skip
    return pd.DataFrame(rows, columns=["age", "cohorts", "customers", "value", "error", "low", "high"])
