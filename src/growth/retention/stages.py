"""Life-cycle stages: who is in which, how they move, what they bring and what is spent on them."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pandas as pd

from growth.retention.rules import STAGES
from growth.stats.contrast import critical

NEW = "not yet there"


def composition(life: pd.DataFrame) -> pd.DataFrame:
    """Return ``at, state, customers, share``: everybody by stage on the first of each month, in the order of stages."""
    out = life.groupby(["at", "state"])[["customers"]].sum().reset_index()
    out["share"] = out["customers"] / out.groupby("at")["customers"].transform("sum")
    return _ordered(out, ["at", "state"])


def transitions(life: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Return where customers of a stage are a month later, pooled over the months.

    Parameters
    ----------
    life : DataFrame
        The mart ``life_cycle``. Its first month tells where people begin, and is not counted itself.
    confidence : float

    Returns
    -------
    DataFrame
        ``before, state, customers, of, share, low, high``; ``before`` is `NEW` for those who were not there.

    Notes
    -----
    Share = Σ moved / Σ there over months, with the ratio estimator's error by month (Cochran 1977, Sampling Techniques,
    section 6.3): it holds sampling error and how much months differ. Student's t with months - 1 degrees.
    """
    moves = life[life["at"] > life["at"].min()].copy()
    moves["before"] = moves["before"].fillna(NEW)
    months = sorted(moves["at"].unique())
    rows = []
    for before, own in moves.groupby("before"):
        there = own.groupby("at")["customers"].sum().reindex(months, fill_value=0).to_numpy(float)
        for state in STAGES:
            part = own[own["state"] == state]
            moved = part.groupby("at")["customers"].sum().reindex(months, fill_value=0).to_numpy(float)
            share, low, high = ratio(moved, there, confidence)
            rows.append(
                dict(before=before, state=state, customers=int(moved.sum()), of=int(there.sum()), share=share,
                     low=min(max(low, 0.0), 1.0), high=min(max(high, 0.0), 1.0))
            )  # fmt: skip
    return _ordered(pd.DataFrame(rows, columns=_MOVES), ["before", "state"])


_MOVES = ["before", "state", "customers", "of", "share", "low", "high"]


def ratio(part: np.ndarray, whole: np.ndarray, confidence: float) -> tuple[float, float, float]:
    """Return Σ part / Σ whole over clusters and its interval; not a number where there is one cluster only."""
    total, m = float(whole.sum()), len(whole)
    share = float(part.sum()) / total if total else float("nan")
    if m < 2 or not total:
        return share, float("nan"), float("nan")
    error = sqrt(m / (m - 1) * float(((part - share * whole) ** 2).sum())) / total
    half = critical(float(m - 1), confidence) * error
    return share, share - half, share + half


def returns(life: pd.DataFrame, last_known: object, confidence: float = 0.95) -> pd.DataFrame:
    """Return what a customer of each stage brings in the month that follows, and what is spent on it.

    Parameters
    ----------
    life : DataFrame
        The mart ``life_cycle``.
    last_known : date
        First day of the first month that is not over; it and later ones are left out.
    confidence : float

    Returns
    -------
    DataFrame
        ``state, customer_months, revenue, low, high, spent, per_spent``: revenue and what was spent (discounts and
        messages), a customer and month; ``per_spent`` is revenue over spending: what goes with what, not what spending
        brings.
    """
    known = life[life["at"] < last_known].copy()
    money = ["revenue", "discount", "messages"]
    known[money] = known[money].astype(float)
    rows = []
    for state, own in known.groupby("state"):
        by = own.groupby("at")[["customers", *money]].sum()
        there = by["customers"].to_numpy(float)
        mean, low, high = ratio(by["revenue"].to_numpy(), there, confidence)
        spent = float((by["discount"] + by["messages"]).sum()) / there.sum()
        rows.append(
            dict(state=state, customer_months=int(there.sum()), revenue=mean, low=low, high=high, spent=spent,
                 per_spent=mean / spent if spent else float("nan"))
        )  # fmt: skip
    return _ordered(pd.DataFrame(rows, columns=_RETURNS), ["state"])


_RETURNS = ["state", "customer_months", "revenue", "low", "high", "spent", "per_spent"]


def _ordered(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    place = {name: n for n, name in enumerate((NEW, *STAGES))}
    keys = {c: rows[c].map(place) if c in ("before", "state") else rows[c] for c in by}
    order = pd.DataFrame(keys, index=rows.index).sort_values(by, kind="stable").index
    return rows.loc[order].reset_index(drop=True)
