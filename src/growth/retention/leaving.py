"""When customers come back and when they leave: survival by segment, with tests and hazard ratios."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp

import numpy as np
import pandas as pd

from growth.retention.model import Calendar
from growth.stats.cox import cox
from growth.stats.many import holm
from growth.stats.proportions import wilson
from growth.stats.survival import Curve, aalen_johansen, kaplan_meier, log_rank

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
        ``level, customers, events, share, low, high``: who has had the event within `within` days.
    within : int
    statistic, freedom, p_value, corrected : float
        Log-rank test, and Holm's correction over the segments that were tried.
    """

    name: str
    curves: dict[str, Curve]
    table: pd.DataFrame
    within: int
    statistic: float
    freedom: int
    p_value: float
    corrected: float


def pooled_levels(level: pd.Series, count: pd.Series, smallest: int) -> pd.Series:
    """Return levels as text; unknown ones are named, those of few customers and beyond `LEVELS` are "other"."""
    known = level.astype(object).where(level.notna(), "not known").astype(str)
    size = count.groupby(known).sum().sort_values(ascending=False, kind="stable")
    kept = [v for v, n in size.items() if n >= smallest][:LEVELS]
    return known.where(known.isin(kept), OTHER)


def segments(
    rows: pd.DataFrame, names: Sequence[str], event: str, within: int, smallest: int, confidence: float = 0.95
) -> list[Segment]:
    """Compare the levels of several segments, one segment at a time.

    Parameters
    ----------
    rows : DataFrame
        ``days, customers``, the column `event` (true or false) and a column for each of `names`.
    names : sequence of str
        Segments; one in which nobody or everybody is known to be the same is left out.
    event : str
    within : int
        Days at which shares are given.
    smallest : int
        Levels with fewer customers are pooled as "other".
    confidence : float

    Returns
    -------
    list of Segment
        In the order of `names`; p-values corrected by Holm over those compared.
    """
    found = []
    for name in names:
        level = pooled_levels(rows[name], rows["customers"], smallest)
        counts = rows["customers"].groupby(level).sum().sort_values(ascending=False, kind="stable")
        if (
            len(counts) < 2
            or rows[name].notna().sum() == 0
            or not (rows[event] & (rows["customers"] > 0)).any()
        ):
            continue
        test = log_rank(rows["days"], rows[event], level.to_numpy(), rows["customers"])
        curves = {str(v): _curve(rows[level == v], event, confidence) for v in counts.index}
        table = pd.DataFrame([_level(v, c, rows[level == v], event, within) for v, c in curves.items()])
        found.append((name, curves, table, test))
    corrected = holm([t.p_value for *_, t in found]) if found else np.empty(0)
    return [
        Segment(n, c, t, within, k.statistic, k.freedom, k.p_value, float(p))
        for (n, c, t, k), p in zip(found, corrected, strict=True)
    ]


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


def _level(name: str, curve: Curve, rows: pd.DataFrame, event: str, within: int) -> dict[str, object]:
    share, low, high = had(curve, within)
    hit = rows[event].astype(bool)
    return dict(
        level=name, customers=int(rows["customers"].sum()), events=int(rows.loc[hit, "customers"].sum()),
        share=share, low=low, high=high,
    )  # fmt: skip


def hazard_ratios(
    rows: pd.DataFrame, names: Sequence[str], event: str, smallest: int, confidence: float = 0.95
) -> pd.DataFrame:
    """Return hazard ratios of all segments at once, each level against the largest of its segment.

    Parameters
    ----------
    rows, names, event, smallest, confidence
        As `segments`.

    Returns
    -------
    DataFrame
        ``segment, level, against, ratio, low, high, p_value, p_proportional``: above 1 the event comes sooner.
        ``p_proportional`` is of the ratio being the same at all times (Grambsch and Therneau 1994).

    Notes
    -----
    Cox regression with Efron's ties, of those of whom every segment is known. Association: who is in a segment may
    differ in other things.
    """
    columns, made = [], []
    names = [n for n in names if rows[n].notna().any()]
    rows = rows[rows[list(names)].notna().all(axis=1)]
    for name in names:
        level = pooled_levels(rows[name], rows["customers"], smallest)
        size = rows["customers"].groupby(level).sum().sort_values(ascending=False, kind="stable")
        if len(size) < 2:
            continue
        for other in size.index[1:]:
            columns.append((level == other).to_numpy(float))
            made.append((name, str(other), str(size.index[0])))
    if not columns:
        return pd.DataFrame(columns=_RATIOS)
    labels = [f"{n}: {v}" for n, v, _ in made]
    fit = cox(rows["days"], rows[event], np.column_stack(columns), labels, rows["customers"])
    out = []
    for (name, value, against), label in zip(made, labels, strict=True):
        e = fit.effect(label, confidence)
        out.append(
            dict(segment=name, level=value, against=against, ratio=exp(e.value), low=exp(e.low), high=exp(e.high),
                 p_value=e.p_value, p_proportional=fit.tests[label].p_value)
        )  # fmt: skip
    return pd.DataFrame(out, columns=_RATIOS)


_RATIOS = ["segment", "level", "against", "ratio", "low", "high", "p_value", "p_proportional"]


def try_hazard_ratios(
    rows: pd.DataFrame, names: Sequence[str], event: str, smallest: int, confidence: float = 0.95
) -> tuple[pd.DataFrame, str]:
    """Return `hazard_ratios`, or an empty table and why not."""
    try:
        return hazard_ratios(rows, names, event, smallest, confidence), ""
    except ValueError as error:
        text = str(error).rstrip(".")
        return pd.DataFrame(columns=_RATIOS), text[:1].lower() + text[1:]


def not_truncated(rows: pd.DataFrame, calendar: Calendar) -> pd.DataFrame:
    """Return rows without the cohorts that hold customers older than the data (`Calendar.begins_mid_life`)."""
    if not calendar.begins_mid_life or rows.empty:
        return rows
    first = min(rows["cohort"])
    clear = max(
        first + dt.timedelta(days=calendar.washout), Calendar("month", calendar.as_of).later(first, 1)
    )
    return rows[rows["cohort"] >= clear]


def whole_stays(stays: pd.DataFrame) -> pd.DataFrame:
    """Return the spells of one program, that of most customers: every customer once."""
    size = stays.groupby("program")["customers"].sum()
    return stays[stays["program"] == size.sort_index().idxmax()]


def survival_table(curve: Curve, months: Sequence[int]) -> pd.DataFrame:
    """Return ``months, share, low, high``: still there after so many months, as far as is known."""
    rows = []
    for m in months:
        day = round(m * MONTH)
        if day <= curve.time[-1]:
            value, low, high = (float(v[0]) for v in curve.at([day]))
            rows.append(dict(months=m, share=value, low=low, high=high))
    return pd.DataFrame(rows, columns=["months", "share", "low", "high"])


def by_program(stays: pd.DataFrame, smallest: int, confidence: float = 0.95) -> list[Segment]:
    """Return survival by the tiers of each program of ``stays``, the surest to differ first; Holm over programs."""
    found = []
    for program in sorted(stays["program"].unique()):
        rows = stays[stays["program"] == program].rename(columns={"tier": program})
        found += segments(rows, [program], "ended", 365, smallest, confidence)
    corrected = holm([s.p_value for s in found]) if found else np.empty(0)
    found = [replace(s, corrected=float(p)) for s, p in zip(found, corrected, strict=True)]
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


NOT_STATED = "not stated"


def reasons(rows: pd.DataFrame, within: int = 365, confidence: float = 0.95) -> pd.DataFrame:
    """Return why accounts were closed, as stated, and how likely each end is within some days of sign-up.

    Parameters
    ----------
    rows : DataFrame
        The mart ``goodbyes``.
    within : int
        Days.
    confidence : float

    Returns
    -------
    DataFrame
        ``reason, closed, share, low, high`` (of all who closed, Wilson), ``incidence, incidence_low, incidence_high``:
        share of all customers who close for that reason within the days (Aalen-Johansen: one cannot close twice).
    """
    closed = rows["closed"].astype(bool)
    if not rows.loc[closed, "customers"].sum():
        return pd.DataFrame(columns=_REASONS)
    named = rows["reason"].astype(object).where(rows["reason"].notna(), NOT_STATED).astype(str)
    sizes = rows["customers"][closed].groupby(named[closed]).sum().sort_values(ascending=False, kind="stable")
    code = np.where(closed, named.map({r: k for k, r in enumerate(sizes.index, 1)}).fillna(0), 0).astype(int)
    out = []
    for k, (reason, n) in enumerate(sizes.items(), 1):
        low, high = wilson(int(n), int(sizes.sum()), confidence)
        curve = aalen_johansen(rows["days"], code, k, rows["customers"], confidence=confidence)
        value, a, b = (float(v[0]) for v in curve.at([min(within, float(curve.time[-1]))]))
        out.append(
            dict(reason=str(reason), closed=int(n), share=n / sizes.sum(), low=float(low), high=float(high),
                 incidence=value, incidence_low=a, incidence_high=b)
        )  # fmt: skip
    return pd.DataFrame(out, columns=_REASONS)


_REASONS = ["reason", "closed", "share", "low", "high", "incidence", "incidence_low", "incidence_high"]
