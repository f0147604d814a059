"""Growth accounting and stickiness: where the active customers of a period come from, and how often they come."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
from scipy.special import ndtri

from growth.retention.model import Calendar
from growth.stats.proportions import wilson

NOT_OVER = "period not over"
NOTHING_BEFORE = "nothing is known of the period before"
NOBODY_LEFT = "nobody left, so there is no ratio"


def ledger(counts: pd.DataFrame, calendar: Calendar, confidence: float = 0.95) -> pd.DataFrame:
    """Return, by period, who was active and where they came from, and the quick ratio where it can be given.

    Parameters
    ----------
    counts : DataFrame
        The mart ``growth_accounting`` of one period: ``start, new, retained, resurrected, churned``.
    calendar : Calendar
    confidence : float

    Returns
    -------
    DataFrame
        ``start, active, new, retained, resurrected, churned, quick_ratio, low, high, why_empty``. A customer is new
        in the period of the first activity, retained if active in the period before too, resurrected otherwise;
        churned counts those active in the period before and not in this one: active = active before + new +
        resurrected − churned. A period that is not over has no ratio: its churned are partly those who will still
        come.

    Notes
    -----
    Quick ratio = (new + resurrected) / churned. Of a fixed number of customers each is in one state, so the log of
    the ratio of two counts has variance 1/a + 1/b (delta method for multinomial counts).
    """
    out = counts[["start", "new", "retained", "resurrected", "churned"]].sort_values(
        "start", ignore_index=True
    )
    out["active"] = out["new"] + out["retained"] + out["resurrected"]
    gain, loss = out["new"] + out["resurrected"], out["churned"]
    first = out["start"].min() if len(out) else None
    out["why_empty"] = [_why(s, c, first, calendar) for s, c in zip(out["start"], loss, strict=True)]
    known = (out["why_empty"] == "") & (gain > 0)
    ratio, error = gain[known] / loss[known], np.sqrt(1 / gain[known] + 1 / loss[known])
    z = float(ndtri(0.5 + confidence / 2))
    out["quick_ratio"] = ratio
    out["low"], out["high"] = ratio * np.exp(-z * error), ratio * np.exp(z * error)
    return out[_LEDGER]


_LEDGER = [
    "start", "active", "new", "retained", "resurrected", "churned", "quick_ratio", "low", "high", "why_empty",
]  # fmt: skip


def _why(start: dt.date, churned: int, first: dt.date | None, calendar: Calendar) -> str:
    if calendar.later(start, 1) > calendar.as_of:
        return NOT_OVER
    if start == first:
        return NOTHING_BEFORE
    return "" if churned else NOBODY_LEFT


def stickiness(days: pd.DataFrame, calendar: Calendar, confidence: float = 0.95) -> pd.DataFrame:
    """Return, by period, the share of days on which an active customer comes by (DAU / MAU), clustered by customer.

    Parameters
    ----------
    days : DataFrame
        The mart ``days_active`` of one period: ``start, days, customers``: customers by days active in it.
    calendar : Calendar
    confidence : float

    Returns
    -------
    DataFrame
        ``start, customers, daily`` (mean active customers a day), ``stickiness, low, high``, of periods that are
        over. A customer is one unit, however many days he came: the interval is that of the mean of days by
        customer.
    """
    rows = []
    z = float(ndtri(0.5 + confidence / 2))
    for start in sorted(days["start"].unique()):
        group = days[days["start"] == start]
        if calendar.later(start, 1) > calendar.as_of:
            continue
        d, n = group["days"].to_numpy(float), group["customers"].to_numpy(float)
        total, long = n.sum(), (calendar.later(start, 1) - start).days
        mean = float((d * n).sum() / total)
        spread = float((n * (d - mean) ** 2).sum() / max(total - 1, 1))
        half = z * float(np.sqrt(spread / total))
        rows.append(
            dict(start=start, customers=int(total), daily=mean * total / long, stickiness=mean / long,
                 low=max(mean - half, 0.0) / long, high=(mean + half) / long)
        )  # fmt: skip
    return pd.DataFrame(rows, columns=["start", "customers", "daily", "stickiness", "low", "high"])


def habit(rows: pd.DataFrame, as_of: dt.date, confidence: float = 0.95) -> pd.DataFrame:
    """Return how often the active of the last 28 days came: day, week and month side by side.

    Parameters
    ----------
    rows : DataFrame
        The mart ``last_28_days``: ``at, days, days_7, customers``.
    as_of : datetime.date
        Spans that end later are not over and left out; so is the first one, which may begin before the data do.
    confidence : float

    Returns
    -------
    DataFrame
        ``at, monthly`` (active in the 28 days), ``weekly`` (in the last 7), ``daily`` (mean a day), ``days, days_low,
        days_high`` (active days a customer: L28), ``daily_of_monthly, weekly_of_monthly`` with ``_low, _high``, and
        ``once`` (share with one day alone). A customer is one unit: L28's interval is that of a mean over customers.
    """
    found = []
    z = float(ndtri(0.5 + confidence / 2))
    for at, group in rows[(rows["at"] <= as_of) & (rows["at"] > rows["at"].min())].groupby("at"):
        d, n = group["days"].to_numpy(float), group["customers"].to_numpy(float)
        total = float(n.sum())
        mean = float((d * n).sum() / total)
        half = z * float(np.sqrt((n * (d - mean) ** 2).sum() / max(total - 1, 1) / total))
        weekly = int(group.loc[group["days_7"] > 0, "customers"].sum())
        low, high = (float(v) for v in wilson(weekly, int(total), confidence))
        found.append(
            dict(at=at, monthly=int(total), weekly=weekly, daily=mean * total / 28, days=mean,
                 days_low=max(mean - half, 1.0), days_high=mean + half, daily_of_monthly=mean / 28,
                 daily_of_monthly_low=max(mean - half, 1.0) / 28, daily_of_monthly_high=(mean + half) / 28,
                 weekly_of_monthly=weekly / total, weekly_of_monthly_low=low, weekly_of_monthly_high=high,
                 once=float(n[d == 1].sum()) / total)
        )  # fmt: skip
    return pd.DataFrame(found, columns=_HABIT)


_HABIT = [
    "at", "monthly", "weekly", "daily", "days", "days_low", "days_high", "daily_of_monthly", "daily_of_monthly_low",
    "daily_of_monthly_high", "weekly_of_monthly", "weekly_of_monthly_low", "weekly_of_monthly_high", "once",
]  # fmt: skip
