"""Where people drop out: from the visit to the order, how long it takes, and carts left behind."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from growth.behaviour.visits import per
from growth.stats.contrast import Estimate
from growth.stats.proportions import wilson
from growth.stats.survival import Curve, kaplan_meier

STAGES = ("view", "cart", "checkout", "purchase")


def of_visits(people: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Return how many visits reach each stage: ``stage, visits, share, low, high, of_before``.

    Parameters
    ----------
    people : DataFrame
        A row a person: ``visits`` and how many of them reached each of `STAGES`.
    confidence : float

    Returns
    -------
    DataFrame
        ``share`` is of all visits, with an interval clustered by person; ``of_before`` of the stage before.

    Raises
    ------
    ValueError
        If some visits of every person, the same share, reach a stage: there is no spread to see.
    """
    rows = [("visit", int(people["visits"].sum()), 1.0, 1.0, 1.0, np.nan)]
    for stage in STAGES:
        visits, before = int(people[stage].sum()), rows[-1][1]
        share, low, high = _share(people, stage, confidence)
        rows.append((stage, visits, share, low, high, visits / before if before else np.nan))
    return pd.DataFrame(rows, columns=["stage", "visits", "share", "low", "high", "of_before"])


def _share(people: pd.DataFrame, stage: str, confidence: float) -> tuple[float, float, float]:
    """Return the share of visits that reach a stage, and its interval within 0 and 1."""
    reached, every = int(people[stage].sum()), int(people["visits"].sum())
    if reached in (0, every):  # no spread to see: Wilson's interval, a person a unit
        n = len(people)
        low, high = wilson(n if reached else 0, n, confidence)
        return float(reached > 0), float(low), float(high)
    e = per(people, stage, "visits", confidence)
    return e.value, max(e.low, 0.0), min(e.high, 1.0)


def of_people(people: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Return how many people ever signed up, looked, …, purchased: ``stage, people, share, low, high`` (Wilson)."""
    reached = {"visit": len(people), "sign-up": int(people["known"].sum())}
    reached |= {s: int((people[s] > 0).sum()) for s in STAGES}
    made = pd.DataFrame(dict(stage=list(reached), people=list(reached.values())))
    low, high = wilson(made["people"], np.full(len(made), len(people)), confidence)
    return made.assign(share=made["people"] / len(people), low=low, high=high)


def abandonment(people: pd.DataFrame, confidence: float = 0.95) -> Estimate:
    """Return the share of visits with a cart that end without a purchase, clustered by person."""
    return per(people, "left", "cart", confidence)


def time_to_convert(people: pd.DataFrame, as_of: dt.date, skipped: int, confidence: float = 0.95) -> Curve:
    """Return the share of new people who have not yet purchased, by days since their first visit.

    Parameters
    ----------
    people : DataFrame
        A row a person: ``first`` (day of the first visit) and ``wait`` (days to the first purchase; missing: none).
    as_of : date
        Whoever has not purchased by then is censored.
    skipped : int
        Days at the begin of the data in which a first visit may well not be the first.

    Raises
    ------
    ValueError
        If nobody came later than that.
    """
    first = pd.to_datetime(people["first"])
    new = first >= first.min() + pd.Timedelta(days=skipped)
    if not new.any():
        raise ValueError(f"Nobody came for the first time after the first {skipped} days.")
    wait, first = people.loc[new, "wait"], first[new]
    bought = wait.notna()
    seen = wait.where(bought, (pd.Timestamp(as_of) - first).dt.days - 1).astype(int)
    rows = pd.DataFrame(dict(time=seen, event=bought.astype(int))).value_counts(sort=False).reset_index()
    return kaplan_meier(rows["time"], rows["event"], rows["count"], confidence=confidence)


def step_matrix(steps: pd.DataFrame) -> pd.DataFrame:
    """Return, of each step, the share that goes on to each other: rows sum to 1; a census.

    Parameters
    ----------
    steps : DataFrame
        ``step, then, times``.
    """
    known = ["start", "search", "view", "cart", "checkout", "purchase", "share", "sign_up", "end"]
    table = steps.pivot_table(index="step", columns="then", values="times", aggfunc="sum", fill_value=0)
    table = table.reindex(
        index=[k for k in known if k in table.index], columns=[k for k in known if k in table]
    )
    return table.div(table.sum(axis=1), axis=0)
