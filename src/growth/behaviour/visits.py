"""How often people come, how long they stay, how much they look at; and how many are there on a day."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from growth.stats.contrast import Estimate
from growth.stats.moments import Moments
from growth.stats.ratios import ratio

WEEK, MONTH = 7, 30  # days


def per(people: pd.DataFrame, top: str, bottom: str, confidence: float = 0.95) -> Estimate:
    """Return a ratio of sums over people, each a cluster: pages a visit, say.

    Parameters
    ----------
    people : DataFrame
        A row a person, with the columns `top` and `bottom`.
    top, bottom : str
    confidence : float

    Raises
    ------
    ValueError
        If there are fewer than two people with a `bottom` above 0, or the ratio does not vary.
    """
    own = people[people[bottom] > 0]
    return ratio(Moments.of({c: own[c] for c in dict.fromkeys((top, bottom))}), top, bottom, confidence)


def frequency(people: pd.DataFrame, confidence: float = 0.95) -> Estimate:
    """Return visits a person: their mean, a person a unit."""
    return per(people.assign(person=1), "visits", "person", confidence)


def quantiles(lengths: pd.DataFrame, shares: tuple[float, ...] = (0.25, 0.5, 0.75, 0.95)) -> pd.DataFrame:
    """Return quantiles of visits by length and pages: ``what, visits`` and a column a share; a census.

    Parameters
    ----------
    lengths : DataFrame
        ``what, value, visits``.
    shares : tuple of float
    """
    rows = []
    for what, own in lengths.sort_values("value").groupby("what"):
        so_far = own["visits"].cumsum().to_numpy()
        at = np.searchsorted(so_far, [s * so_far[-1] for s in shares])
        values = dict(zip([f"{s:g}" for s in shares], own["value"].to_numpy()[at], strict=True))
        rows.append(dict(what=what, visits=int(so_far[-1]), **values))
    return pd.DataFrame(rows)


def presence(daily: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
    """Return how many came on each day, in its week and in its month: ``date, day, week, month, stickiness``.

    Parameters
    ----------
    daily : DataFrame
        ``date, active, begin_7, end_7, begin_30, end_30``: the mart of that name.
    as_of : date
        The first day that is not known.

    Returns
    -------
    DataFrame
        A row a day from the first on which a month has passed; a day without a visit has 0.

    Raises
    ------
    ValueError
        If the data cover less than a month.
    """
    days = pd.Index(pd.to_datetime(daily["date"]))
    every = pd.date_range(days.min(), pd.Timestamp(as_of) - pd.Timedelta(days=1), freq="D")
    if len(every) < MONTH:
        raise ValueError(f"The visits cover {len(every)} days: a month of presence needs {MONTH}.")
    own = daily.drop(columns="date").set_index(days).reindex(every, fill_value=0)
    run = own.cumsum()
    made = pd.DataFrame(
        dict(date=every.date, day=own["active"], week=run["begin_7"] - run["end_7"],
             month=run["begin_30"] - run["end_30"])
    ).iloc[MONTH - 1 :]  # fmt: skip
    share = made["day"] / made["month"].where(made["month"] > 0)
    return made.assign(stickiness=share).reset_index(drop=True)


def stickiness(people: pd.DataFrame, confidence: float = 0.95) -> Estimate:
    """Return people of a day over people of its month, all days together, each person a cluster."""
    return per(people, "active", "present", confidence)


def goes_with(people: pd.DataFrame, fewest: int, confidence: float = 0.95) -> pd.DataFrame:
    """Return what stickiness goes with: by device and channel of the first visit, and whether signed up.

    Parameters
    ----------
    people : DataFrame
        A row a person: ``active, present, device, channel, known``.
    fewest : int
        People of a group that is shown.
    confidence : float

    Returns
    -------
    DataFrame
        ``what`` (account, device, channel), ``group, people, value, low, high``. An association: people chose
        their groups.
    """
    named = people.assign(account=people["known"].map({1: "signed up", 0: "not signed up"}))
    rows = []
    for what in ("account", "device", "channel"):
        for group, own in named[named["present"] > 0].groupby(what):
            if len(own) >= fewest and own["active"].nunique() > 1:
                e = stickiness(own, confidence)
                rows.append((what, group, len(own), e.value, e.low, e.high))
    return pd.DataFrame(rows, columns=["what", "group", "people", "value", "low", "high"])
