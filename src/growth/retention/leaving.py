"""When customers come back and when they leave: survival by segment, its tests, and how much longer.

Hazard ratios of several segments at once are in `growth.retention.leaving_ratios`, stated reasons in
`growth.retention.leaving_reasons`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, inf

import numpy as np
import pandas as pd

from growth.retention.model import Calendar
from growth.stats.many import holm
from growth.stats.proportions import wilson
from growth.stats.survival import (
    ChiSquare,
    Curve,
    Spells,
    kaplan_meier,
    log_rank,
    restricted_mean,
    restricted_mean_difference,
)

OTHER = "other"
MONTH = 365.25 / 12  # days
LEVELS = 8  # the largest levels of a segment; the rest is pooled


@dataclass(frozen=True)
class Segment:
    """Survival by the levels of one segment.

    Parameters
    ----------
    name : str
    curves : dict of str to Curve
        By level, the largest first; days without the event.
    table : DataFrame
        ``level, customers, events, share, low, high``: who has had the event within `within` days. Where nobody has,
        the interval is Wilson's for those who were watched so long.
    within : int
    unknown : int
        Customers whose level is not known: they are in no level and not compared. Often they are records of another
        kind (a guest, a mistyped number), so that "not known" would look like a cause.
    statistic, freedom, p_value, corrected : float
        Log-rank test, and Holm's correction over the segments that were tried.
    """

    name: str
    curves: dict[str, Curve]
    table: pd.DataFrame
    within: int
    unknown: int
    statistic: float
    freedom: int
    p_value: float
    corrected: float


def timed(rows: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return rows whose length is known, and how many customers the others hold (their ``days`` are null)."""
    known = rows["days"].notna()
    return rows[known].astype({"days": float}), int(rows.loc[~known, "customers"].sum())


def pooled_levels(level: pd.Series, count: pd.Series, smallest: int, cell: int = 0) -> pd.Series:
    """Return levels as text; unknown ones are named, those of few customers and beyond `LEVELS` are "other".

    Parameters
    ----------
    level, count : Series
        A row each: its level and its customers.
    smallest : int
        Levels with fewer customers are pooled.
    cell : int
        If "other" would hold fewer, the smallest level of the rest joins it (private data).
    """
    known = level.astype(object).where(level.notna(), "not known").astype(str)
    size = count.groupby(known).sum().sort_values(ascending=False, kind="stable")
    kept = [v for v, n in size.items() if n >= smallest][:LEVELS]
    while len(kept) > 1 and 0 < size[~size.index.isin(kept)].sum() < cell:
        kept.pop()
    return known.where(known.isin(kept), OTHER)


def segments(
    rows: pd.DataFrame,
    names: Sequence[str],
    event: str,
    within: int,
    smallest: int,
    confidence: float = 0.95,
    cell: int = 0,
) -> list[Segment]:
    """Compare the levels of several segments, one segment at a time.

    Parameters
    ----------
    rows : DataFrame
        ``days, customers``, the column `event` (true or false) and a column for each of `names`.
    names : sequence of str
        Segments; one is left out in which nobody is known or all are the same, or no event happened while customers of
        two levels were being watched.
    event : str
    within : int
        Days at which shares are given.
    smallest : int
        Levels with fewer customers are pooled as "other".
    confidence : float
    cell : int
        As `pooled_levels`.

    Returns
    -------
    list of Segment
        In the order of `names`; p-values corrected by Holm over those compared.

    Raises
    ------
    ValueError
        As `growth.stats.survival.Spells.of`: lengths that are not known (take them out with `timed`), broken counts.

    Notes
    -----
    Kaplan-Meier with log-log intervals, log-rank test, Holm (1979): `growth.stats.survival`, `growth.stats.many`.
    """
    if rows.empty:
        return []
    Spells.of(
        rows["days"], rows[event], rows["customers"]
    )  # broken rows are an error, not "nothing to compare"
    found = []
    for name in names:
        known = rows[rows[name].notna()]
        level = pooled_levels(known[name], known["customers"], smallest, cell)
        counts = known["customers"].groupby(level).sum().sort_values(ascending=False, kind="stable")
        test = _log_rank(known, level, event) if len(counts) > 1 else None
        if test is None:
            continue
        curves = {str(v): _curve(known[level == v], event, confidence) for v in counts.index}
        table = pd.DataFrame(
            [_level(v, c, known[level == v], event, within, confidence) for v, c in curves.items()]
        )
        unknown = int(rows["customers"].sum() - known["customers"].sum())
        found.append(
            Segment(name, curves, table, within, unknown, test.statistic, test.freedom, test.p_value, 1.0)
        )
    return _corrected(found)


def _corrected(found: list[Segment]) -> list[Segment]:
    p_values = holm([s.p_value for s in found]) if found else np.empty(0)
    return [replace(s, corrected=float(p)) for s, p in zip(found, p_values, strict=True)]


def _log_rank(rows: pd.DataFrame, level: pd.Series, event: str) -> ChiSquare | None:
    try:
        return log_rank(rows["days"], rows[event], level.to_numpy(), rows["customers"])
    except ValueError:  # no event while two levels were at risk: there is nothing to compare
        return None


def _curve(rows: pd.DataFrame, event: str, confidence: float) -> Curve:
    return kaplan_meier(rows["days"], rows[event], rows["customers"], confidence=confidence)


def everybody(rows: pd.DataFrame, event: str, confidence: float = 0.95) -> Curve:
    """Return the Kaplan-Meier curve of all rows (``days, customers`` and `event`)."""
    return _curve(rows, event, confidence)


def had(curve: Curve, days: float) -> tuple[float, float, float]:
    """Return the share with the event within so many days, and its interval; not a number beyond what is known."""
    if days > curve.time[-1]:
        return float("nan"), float("nan"), float("nan")
    value, low, high = (float(v[0]) for v in curve.at([days]))
    return 1 - value, 1 - high, 1 - low


def half(curve: Curve, share: float = 0.5) -> tuple[float, float, float]:
    """Return the days after which a share has had the event, and the interval; infinite where it is not reached.

    Notes
    -----
    Brookmeyer and Crowley (1982), Biometrics 38:29-41: the days at which the curve's own interval holds the share.
    """
    left = 1 - share

    def first(values: np.ndarray) -> float:
        below = np.flatnonzero(values <= left + 1e-12)
        return float(curve.time[below[0]]) if len(below) else inf

    # Where nobody is left the curve has no interval: its lower end is there already, its upper end never.
    low = first(np.where(np.isnan(curve.low), curve.value, curve.low))
    return curve.quantile(share), low, first(np.where(np.isnan(curve.high), 1.0, curve.high))


def restricted(found: Segment, until: float, confidence: float = 0.95) -> pd.DataFrame:
    """Compare how long the levels of a segment wait or stay on average within a horizon, each with the largest level.

    Parameters
    ----------
    found : Segment
    until : float
        Horizon in days; shortened to what is known of every level.
    confidence : float

    Returns
    -------
    DataFrame
        ``level, mean, against, longer, low, high, p_value, corrected, horizon`` in days; none where a level has not
        been watched for `SHORTEST` days. `longer` is the mean less that of `against`; Holm over the levels.

    Notes
    -----
    Royston and Parmar (2013), BMC Medical Research Methodology 13:152: needs no proportional hazards.
    """
    names = list(found.curves)
    horizon = min([until, *[float(c.time[-1]) for c in found.curves.values()]])
    if horizon < SHORTEST or len(names) < 2:
        return pd.DataFrame(columns=_RESTRICTED)
    rows = []
    for name in names[1:]:
        try:
            e = restricted_mean_difference(found.curves[names[0]], found.curves[name], horizon, confidence)
        except (
            ValueError
        ):  # nobody of the two has had the event before the horizon: no difference to speak of
            continue
        mean = restricted_mean(found.curves[name], horizon)[0]
        rows.append(
            dict(level=name, mean=mean, against=names[0], longer=e.value, low=e.low, high=e.high, p_value=e.p_value,
                 horizon=horizon)
        )  # fmt: skip
    table = pd.DataFrame(rows, columns=_RESTRICTED)
    if len(table):
        table["corrected"] = holm(table["p_value"])
    return table


SHORTEST = 30  # days: a shorter horizon says nothing about coming back or leaving
_RESTRICTED = ["level", "mean", "against", "longer", "low", "high", "p_value", "corrected", "horizon"]


def visible(found: Segment, smallest: int) -> Segment:
    """Return a segment as shown of private data: levels of few people with or without the event are blank.

    If just one were blank it could be told from the total: the next smallest is blanked too. Curves end where fewer
    than `smallest` are being watched. With `smallest` 0 (made up or published) all is shown.
    """
    if not smallest:
        return found
    table = found.table.copy()
    fewest = np.minimum(table["events"], table["customers"] - table["events"])
    blank = np.array(fewest < smallest)
    if blank.sum() == 1 and len(table) > 1:
        blank[int(np.argmin(np.where(blank, np.inf, fewest)))] = True
    table[["events", "share", "low", "high"]] = table[["events", "share", "low", "high"]].astype(float)
    table.loc[blank, ["events", "share", "low", "high"]] = np.nan
    shown = set(table.loc[~blank, "level"])
    return replace(
        found, table=table, curves={v: cut(c, smallest) for v, c in found.curves.items() if v in shown}
    )


def cut(curve: Curve, smallest: int) -> Curve:
    """Return a curve up to the last step at which at least `smallest` customers were being watched."""
    keep = curve.at_risk >= smallest
    names = ("time", "at_risk", "events", "value", "error", "low", "high")
    return replace(curve, **{n: getattr(curve, n)[keep] for n in names})


def _level(
    name: str, curve: Curve, rows: pd.DataFrame, event: str, within: int, confidence: float
) -> dict[str, object]:
    share, low, high = had(curve, within)
    if (
        share == 0
    ):  # the curve has no interval there; those watched so long, none of whom has had it, have one
        watched = rows.loc[rows["days"] >= within, "customers"].sum()
        low, high = (float(v) for v in wilson(0, watched, confidence))
    hit = rows[event].astype(bool)
    return dict(
        level=name, customers=int(rows["customers"].sum()), events=int(rows.loc[hit, "customers"].sum()),
        share=share, low=low, high=high,
    )  # fmt: skip


def not_truncated(rows: pd.DataFrame, calendar: Calendar) -> pd.DataFrame:
    """Return rows without the cohorts that hold customers older than the data (`Calendar.begins_mid_life`)."""
    if not calendar.begins_mid_life or rows.empty:
        return rows
    first = min(rows["cohort"])
    clear = max(
        first + dt.timedelta(days=calendar.washout), Calendar("month", calendar.as_of).later(first, 1)
    )
    return rows[rows["cohort"] >= clear]


def survival_table(curve: Curve, months: Sequence[int]) -> pd.DataFrame:
    """Return ``months, share, low, high``: still there after so many months, as far as is known.

    Calendar months differ in days: a month is over when the longest so many months can last is (`longest`), so that who
    left on the last day of the month has left in it.
    """
    rows = []
    for m in months:
        if longest(m) <= curve.time[-1] + SLACK:
            value, low, high = (float(v[0]) for v in curve.at([min(longest(m), curve.time[-1])]))
            rows.append(dict(months=m, share=value, low=low, high=high))
    return pd.DataFrame(rows, columns=["months", "share", "low", "high"])


SLACK = 3  # days by which the longest of so many months may exceed those that were seen


def longest(months: int) -> int:
    """Return the days that so many calendar months last at most; a few more do no harm, the next month is far."""
    return ceil(months * MONTH) + 2


def by_program(stays: pd.DataFrame, smallest: int, confidence: float = 0.95, cell: int = 0) -> list[Segment]:
    """Return survival by the tiers of each program of ``stays``, the surest to differ first; Holm over programs."""
    found = []
    for program in sorted(stays["program"].unique()):
        rows = stays[stays["program"] == program].rename(columns={"tier": program})
        found += segments(rows, [program], "ended", 365, smallest, confidence, cell)
    found = _corrected(found)
    return sorted(found, key=lambda s: (s.p_value, -s.statistic))


def tests(found: list[Segment]) -> pd.DataFrame:
    """Return ``segment, statistic, freedom, p_value, corrected`` of log-rank tests."""
    rows = [
        dict(
            segment=s.name, statistic=s.statistic, freedom=s.freedom, p_value=s.p_value, corrected=s.corrected
        )
        for s in found
    ]
    return pd.DataFrame(rows, columns=["segment", "statistic", "freedom", "p_value", "corrected"])
