"""The sentences that ``06_retention`` records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from growth.retention import model
from growth.words import count, interval, percent, plural

if TYPE_CHECKING:
    from growth.report.notebook import Notebook

LONG_ENOUGH = 180  # days


def calendar(nb: Notebook) -> model.Calendar:
    """Return what has been observed of the periods; say so if the data end before ``as_of``."""
    until = model.observed_until(nb.mart("recency_frequency"), nb.as_of)
    if until < nb.as_of:
        nb.note(
            f"Nobody was active from {until} to {nb.as_of}: the data are taken to end there, not the customers."
        )
    return model.Calendar(nb.params.period, until, nb.data.begins_mid_life, nb.params.washout_days)


def act(nb: Notebook) -> str:
    """Return what makes a customer active, as a noun: order or visit."""
    return str(nb.words.active)


def table_of_pool(nb: Notebook, pool: pd.DataFrame) -> pd.DataFrame:
    """Return the pooled curve as shown: of private data without what would give single small cells away."""
    hidden = ["retained", "lowest", "highest"] if nb.smallest_cell else []
    return pool[pool["age"] > 0].drop(columns=hidden)


def curve(nb: Notebook, pool: pd.DataFrame) -> None:
    """Record the pooled curve: the headline after one period, the rest as a series."""
    later = pool[pool["age"] > 0]
    if later.empty:
        fewest = count(nb.params.min_customers)
        older = " (those at the beginning of the data apart)" if nb.data.begins_mid_life else ""
        why = f"no cohort of {fewest} customers or more{older} has reached its second {nb.params.period}"
        nb.refuse("F2.retention", "Whether customers stay", why)
        return
    period = nb.params.period
    first, last = later.iloc[0], later.iloc[-1]
    who = "customers seen for the first time" if nb.data.begins_mid_life else "new customers"
    nb.finding(
        f"F2.{period}_1",
        f"Of 100 {who}, {100 * first['share']:.1f} are active again in the {period} after their first {act(nb)} "
        f"({nb.level} {100 * first['low']:.1f} to {100 * first['high']:.1f}).",
        first["share"],
        "share",
        low=first["low"],
        high=first["high"],
        n=int(first["eligible"]),
        method=f"{plural(first['cohorts'], 'cohort')} pooled, Wilson interval",
        caveats=_cohorts_differ(nb, first),
        headline=True,
    )
    nb.finding(
        "F2.curve",
        f"After {plural(last['age'], period)}, {percent(last['share'])} are active in that {period} "
        f"({nb.level} {interval(last['low'], last['high'])}).",
        last["share"],
        "share",
        low=last["low"],
        high=last["high"],
        n=int(last["eligible"]),
        method=f"{plural(last['cohorts'], 'cohort')} pooled, Wilson interval",
        caveats=f"{_cohorts_differ(nb, last)} Older ages rest on fewer and older cohorts.",
        series={f"{period}_{row['age']:02.0f}": row["share"] for _, row in later.iterrows()},
    )


def _cohorts_differ(nb: Notebook, row: pd.Series) -> str:
    """Say how far single cohorts lie apart, and that the interval does not cover it."""
    text = "Sampling error alone."
    if row["cohorts"] > 1 and not nb.smallest_cell:
        text = f"Sampling error alone; single cohorts range from {interval(row['lowest'], row['highest'])}."
    if row["p_same"] < 0.05:
        text += " They differ by more than chance, so a new cohort may well lie outside the interval."
    return text


def first_cohort(nb: Notebook, cells: pd.DataFrame) -> None:
    """Record the oldest cohort, customer by customer counted."""
    cohort = cells["cohort"].min()
    own = cells[(cells["cohort"] == cohort) & (cells["age"] > 0)]
    own = own[own["why_empty"] == ""] if not (own["why_empty"] == model.FEW).any() else own.head(0)
    if own.empty:
        return
    size, truncated = int(own["size"].iloc[0]), bool(own["left_truncated"].iloc[0])
    note = "Left-truncated: the data begin in mid-life, so it holds customers who are older than they look."
    nb.finding(
        "F2.first_cohort",
        f"Of the {count(size)} customers of the first cohort ({cohort:%Y-%m}) so many were active in each of the "
        f"{plural(len(own), nb.params.period)} that followed: {', '.join(count(n) for n in own['retained'])}.",
        size,
        "customers",
        n=size,
        method="counted; periods that are over",
        caveats=note if truncated else "",
        series={
            f"{nb.params.period}_{a:02d}": int(n) for a, n in zip(own["age"], own["retained"], strict=True)
        },
    )


def triangle_caption(cells: pd.DataFrame) -> str:
    """Say what the triangle's marks mean."""
    text = "Share active, in per cent; empty: not over yet, or too few customers."
    return text + (" \\* left-truncated: holds older customers." if cells["left_truncated"].any() else "")


def wide(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the customers active, a row a cohort, a column an age."""
    grid = cells.pivot(index="cohort", columns="age", values="retained")
    grid.insert(0, "customers", cells.drop_duplicates("cohort").set_index("cohort")["size"])
    grid = grid.drop(columns=0).reset_index()
    grid.columns = [str(c) for c in grid.columns]
    return grid


def ledger(nb: Notebook, rows: pd.DataFrame) -> None:
    """Record the last period whose quick ratio can be given, and say which cannot."""
    period = nb.params.period
    known = rows[rows["quick_ratio"].notna()]
    if known.empty:
        nb.nothing(f"no {period} with a whole {period} before it is over")
        return
    last = known.iloc[-1]
    nb.finding(
        f"F1.quick_ratio_{period}",
        f"In the {period} of {last['start']:%Y-%m-%d}, {count(last['active'])} customers were active: "
        f"{count(last['retained'])} retained, {count(last['new'])} new, {count(last['resurrected'])} resurrected; "
        f"{count(last['churned'])} of those active before were not. For each one gone {last['quick_ratio']:.2f} came "
        f"({nb.level} {last['low']:.2f} to {last['high']:.2f}).",
        last["quick_ratio"],
        "came for each gone",
        low=last["low"],
        high=last["high"],
        n=int(last["active"]),
        method="(new + resurrected) / churned; log ratio of counts, delta method",
        caveats="Where the data begin in mid-life, some of the new are old."
        if nb.data.begins_mid_life
        else "",
        series={c: int(last[c]) for c in ("active", "new", "retained", "resurrected", "churned")},
    )


def stickiness(nb: Notebook, rows: pd.DataFrame) -> None:
    """Record the last period's share of days on which an active customer comes by."""
    if rows.empty:
        return
    last, period = rows.iloc[-1], nb.params.period
    nb.finding(
        f"B1.stickiness_{period}",
        f"A customer active in the {period} of {last['start']:%Y-%m-%d} had {act(nb)}s on "
        f"{percent(last['stickiness'], 2)} of its days ({nb.level} "
        f"{interval(last['low'], last['high'], 2)}).",
        last["stickiness"],
        "share of days",
        low=last["low"],
        high=last["high"],
        n=int(last["customers"]),
        method=f"mean daily active over active in the {period}; clustered by customer",
    )


HABIT = {c: "{:.1%}" for c in ("once", "daily_of_monthly", "weekly_of_monthly")} | {"daily": "{:,.1f}"}
HABIT |= {c: "{:.2f}" for c in ("days", "days_low", "days_high")}
CYCLE = (
    {c: "{:.2f}" for c in ("ratio", "low", "high")}
    | {"expected": "{:,.0f}"}
    | {c: "{:.4f}" for c in ("p_value", "corrected")}
)


def habit(nb: Notebook, rows: pd.DataFrame) -> None:
    """Record on how many of 28 days the active come (L28), and the week's and the day's share of the month's."""
    if rows.empty:
        nb.nothing("no 28 days before the first of a month are over")
        return
    last = rows.iloc[-1]
    nb.finding(
        "B1.l28",
        f"Of {count(last['monthly'])} customers with {act(nb)}s in the 28 days before {last['at']:%Y-%m-%d}, "
        f"{percent(last['once'])} had one day of them; the mean is {last['days']:.2f} days ({nb.level} "
        f"{last['days_low']:.2f} to {last['days_high']:.2f}). {percent(last['weekly_of_monthly'])} "
        f"were active in the last 7 days, {percent(last['daily_of_monthly'])} on a day.",
        last["days"],
        "days of 28",
        low=last["days_low"],
        high=last["days_high"],
        n=int(last["monthly"]),
        method="L28: mean active days of those active in 28 days; clustered by customer; Wilson for the week's share",
        series={c: last[c] for c in ("weekly_of_monthly", "daily_of_monthly", "once")},
    )


def cycle(nb: Notebook, rows: pd.DataFrame) -> None:
    """Record the highest peak and the lowest trough of the retention cycle, if any stands out."""
    period = nb.params.period
    if rows.empty:
        nb.nothing(f"no {period} in which customers enough were expected back")
        return
    high, low = (
        rows[rows["kind"] == k].sort_values("ratio", ascending=a)
        for k, a in (("peak", False), ("trough", True))
    )
    said = [
        f"{r['start']:%Y-%m-%d} {word} ({r['ratio']:.2f} times what their ages lead to expect, {nb.level} "
        f"{r['low']:.2f} to {r['high']:.2f})"
        for rows_of, word in ((high, "is the highest peak"), (low, "the lowest trough"))
        for _, r in rows_of.head(1).iterrows()
    ]
    text = "; ".join(said) + f": {len(high)} peaks and {len(low)} troughs in {len(rows)} {period}s."
    first = (high if len(high) else low if len(low) else rows.sort_values("ratio", ascending=False)).iloc[0]
    nb.finding(
        "F2.cycle",
        f"Of those who might come back, the {period} of {text}"
        if said
        else f"No {period} brings back more or fewer than the ages of its customers lead to expect.",
        first["ratio"],
        "ratio",
        low=first["low"],
        high=first["high"],
        n=int(first["customers"]),
        method="returned over expected from the other cohorts at the same age; Holm over periods",
        caveats="A peak says when, not why: the season, an event, a promotion, or cohorts that are better at all ages.",
        series=dict(peaks=len(high), troughs=len(low)),
    )


def came_back(nb: Notebook, patterns: pd.DataFrame) -> None:
    """Record the share of older customers who were ever active again."""
    found = model.came_back(patterns, LONG_ENOUGH, nb.params.confidence)
    if found is None:
        return
    nb.finding(
        "F2.came_back",
        f"Of {count(found.trials)} customers first seen {LONG_ENOUGH} days ago or earlier, "
        f"{percent(found.value)} have come back at least once "
        f"({nb.level} {interval(found.low, found.high)}).",
        found.value,
        "share",
        low=found.low,
        high=found.high,
        n=found.trials,
        method="Wilson interval",
        caveats="Older customers had more time to come back. Where the data begin in mid-life, some are older still.",
    )
