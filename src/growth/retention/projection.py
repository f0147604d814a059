"""What comes next: how long customers stay, and how many will be active, both judged on periods held out."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from math import exp, sqrt

import numpy as np
import pandas as pd

from growth.retention.model import Calendar
from growth.retention.rules import LAPSE
from growth.stats.contrast import critical
from growth.stats.duration import AtRisk, Choice, DurationModel, choose, duration

HELD_OUT = 3  # periods


def survivors(lapses: pd.DataFrame, calendar: Calendar, smallest: int) -> dict[dt.date, list[int]]:
    """Return, by cohort, how many customers had not lapsed at ages 0, 1, 2, … as far as that is known.

    Parameters
    ----------
    lapses : DataFrame
        The mart ``lapses`` of one period: ``cohort, broke, last, customers``.
    calendar : Calendar
        Left-truncated cohorts are left out.
    smallest : int
        Cohorts with fewer customers are left out.

    Returns
    -------
    dict of date to list of int
        Somebody has lapsed at age a + 1 if a is the last active age before the first silence of `LAPSE` periods.
        At age a that is known once ``a + LAPSE - 1`` has been fully reached.
    """
    wait = LAPSE[calendar.period]
    rows = lapses[lapses["cohort"].notna()]
    out: dict[dt.date, list[int]] = {}
    first = min(rows["cohort"], default=None)
    for cohort in sorted(rows["cohort"].unique()):
        own = rows[rows["cohort"] == cohort]
        known = calendar.reached(cohort) - wait + 1
        young = calendar.begins_mid_life and (cohort - first).days < max(calendar.washout, 28)
        if known < 1 or own["customers"].sum() < smallest or young:
            continue
        left = own["broke"].fillna(own["last"]).astype(int) + 1
        lost = np.bincount(np.minimum(left, known + 1), weights=own["customers"], minlength=known + 2)
        out[cohort] = [int(n) for n in (lost.sum() - np.cumsum(lost))[: known + 1]]
    return out


@dataclass(frozen=True)
class Lifetimes:
    """How long customers stay, by the model that forecast the held-out periods best.

    Parameters
    ----------
    model : DurationModel
    choice : Choice
    observed : DataFrame
        ``age, at_risk, share, share_model, low, high``: product-limit share of survivors, and the model's.
    lifetime, lifetime_low, lifetime_high : float
        Expected periods within `years` years of the first.
    miss : float
        Mean absolute relative error of the survivors of the held-out periods.
    """

    model: DurationModel
    choice: Choice
    observed: pd.DataFrame
    lifetime: float
    lifetime_low: float
    lifetime_high: float
    horizon: int
    miss: float


def lifetimes(alive: dict[dt.date, list[int]], horizon: int, confidence: float = 0.95) -> Lifetimes:
    """Fit the models of duration, choose one on each cohort's last `HELD_OUT` periods, and project.

    Raises
    ------
    ValueError
        If no cohort is long enough or no model can be fitted.
    """
    cohorts = [c for c in alive.values() if len(c) > HELD_OUT + 2]
    if not cohorts:
        raise ValueError(
            "no cohort has been watched for long enough to hold periods out and judge a projection"
        )
    choice = choose(cohorts, HELD_OUT)
    model = duration(choice.best, AtRisk.of_cohorts(cohorts))
    ages = np.arange(1, horizon + 1)
    low, high = model.survival_interval(ages, confidence)
    data = AtRisk.of_cohorts(cohorts)
    limit = np.cumprod(1 - data.lost / data.at_risk)
    seen = pd.DataFrame(dict(age=data.age, at_risk=data.at_risk, share=limit))
    curve = pd.DataFrame(dict(age=ages, share_model=model.survival(ages), low=low, high=high))
    expected = model.lifetime_interval(horizon, 0.0, confidence=confidence)
    return Lifetimes(
        model, choice, curve.merge(seen, "left", "age"), model.lifetime(horizon), float(expected[0]),
        float(expected[1]), horizon, _miss(cohorts, choice.best),
    )  # fmt: skip


def _miss(cohorts: list[list[int]], kind: str) -> float:
    """Return the mean absolute relative error of held-out survivors, cohort by cohort, weighted by size."""
    model = duration(kind, AtRisk.of_cohorts(cohorts, skip=HELD_OUT))
    wrong, weight = 0.0, 0.0
    for own in cohorts:
        start = len(own) - 1 - HELD_OUT
        ages = np.arange(start + 1, len(own))
        path = own[start] * np.cumprod(model.retention(ages))
        actual = np.array(own[start + 1 :], float)
        keep = actual > 0
        wrong += own[0] * float(np.abs(path[keep] / actual[keep] - 1).sum())
        weight += own[0] * int(keep.sum())
    return wrong / weight if weight else float("nan")


@dataclass(frozen=True)
class Outlook:
    """A forecast of active customers, and how wrong the same forecast was before.

    Parameters
    ----------
    ahead : DataFrame
        ``start, horizon, returning, new, active, low, high``.
    tested : DataFrame
        ``origin, start, horizon, forecast, actual, same_as_last``: forecasts from periods before, and what came.
    error, naive : float
        Mean absolute percentage errors of the forecast and of "as many as in the last period".
    """

    ahead: pd.DataFrame
    tested: pd.DataFrame
    error: float
    naive: float


def outlook(
    cells: pd.DataFrame, calendar: Calendar, horizon: int = 3, origins: int = 9, confidence: float = 0.95
) -> Outlook:
    """Forecast active customers: each cohort by the pooled retention of its age, new ones as in the last three periods.

    Parameters
    ----------
    cells : DataFrame
        What `growth.retention.model.triangle` returns with ``min_customers`` 0: every cohort at every age.
    calendar : Calendar
    horizon, origins : int
        Periods ahead, and how many past periods the forecast is tried from.
    confidence : float

    Raises
    ------
    ValueError
        If there are too few periods to try the forecast at least four times.

    Notes
    -----
    Intervals are the forecast times exp(± t · root mean square of the log errors of the same forecast from past
    periods, at that horizon): what the back-test found, not what a model claims.
    """
    seen = cells[cells["why_empty"] == ""].copy()
    seen["number"] = [_number(c, calendar.period) for c in seen["cohort"]]
    seen["at"] = seen["number"] + seen["age"]
    if seen.empty or seen["at"].max() - seen["at"].min() < horizon + 7:
        raise ValueError(
            f"a forecast that can be tried out needs more than {horizon + 7} whole {calendar.period}s"
        )
    last, first = int(seen["at"].max()), int(seen["at"].min())
    opening = seen["cohort"].min()

    def start(number: int) -> dt.date:
        return calendar.later(opening, number - first)

    active = seen.groupby("at")["retained"].sum().astype(float)
    tested = []
    for origin in range(max(last - origins - horizon + 1, first + 4), last):
        for h, parts in enumerate(_ahead(seen[seen["at"] <= origin], origin, horizon), 1):
            if origin + h <= last:
                tested.append(
                    dict(origin=origin, at=origin + h, horizon=h, forecast=sum(parts), actual=active[origin + h],
                         same_as_last=active[origin])
                )  # fmt: skip
    table = pd.DataFrame(tested)
    if (table[["forecast", "actual"]] <= 0).any(axis=None):
        raise ValueError(
            f"there were {calendar.period}s with nobody active, so past errors have no relative size"
        )
    off = np.log(table["forecast"] / table["actual"])
    rows = []
    for h, (returning, new) in enumerate(_ahead(seen, last, horizon), 1):
        mine = off[table["horizon"] == h]
        spread = critical(float(len(mine)), confidence) * sqrt(float((mine**2).mean()))
        total = returning + new
        rows.append(
            dict(start=start(last + h), horizon=h, returning=returning, new=new, active=total,
                 low=total * exp(-spread), high=total * exp(spread))
        )  # fmt: skip
    table["start"] = [start(n) for n in table["at"]]
    table["origin"] = [start(n) for n in table["origin"]]
    return Outlook(
        pd.DataFrame(rows),
        table[["origin", "start", "horizon", "forecast", "actual", "same_as_last"]],
        float((table["forecast"] / table["actual"] - 1).abs().mean()),
        float((table["same_as_last"] / table["actual"] - 1).abs().mean()),
    )


def _ahead(seen: pd.DataFrame, origin: int, horizon: int) -> list[tuple[float, float]]:
    """Return returning and new customers for the periods after `origin`, from what was seen up to it."""
    pool = (
        seen[~seen["left_truncated"] & (seen["age"] > 0)]
        .groupby("age")[["retained", "size"]]
        .sum()
        .astype(float)
    )
    share = {int(str(a)): float(s) for a, s in (pool["retained"] / pool["size"]).items()}
    oldest = max(share, default=0)
    sizes = seen[seen["age"] == 0].set_index("number")
    recent = seen[(seen["at"] > origin - 3) & (seen["age"] > 0)].groupby("number")["retained"].mean()
    born = sizes.loc[sizes.index > origin - 3, "size"].mean()
    new = 0.0 if np.isnan(born) else float(born)
    made = []
    for h in range(1, horizon + 1):
        old = 0.0
        for number, row in sizes.iterrows():
            age = origin + h - int(str(number))
            by_age = float(row["size"]) * share.get(min(age, oldest), 0.0)
            old += float(recent.get(number, 0.0)) if row["left_truncated"] else by_age
        old += sum(new * share.get(h - k, 0.0) for k in range(1, h))  # those who are new in between
        made.append((old, new))
    return made


def _number(start: dt.date, period: str) -> int:
    return start.year * 12 + start.month - 1 if period == "month" else start.toordinal() // 7


def active(cells: pd.DataFrame, calendar: Calendar) -> pd.DataFrame:
    """Return ``start, active``: active customers by period, from every cohort at every age."""
    seen = cells[cells["why_empty"] == ""].copy()
    seen["start"] = [calendar.later(c, a) for c, a in zip(seen["cohort"], seen["age"], strict=True)]
    return seen.groupby("start")["retained"].sum().astype(float).rename("active").reset_index()
