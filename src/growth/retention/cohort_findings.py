"""The sentences of ``06_retention`` on other definitions, cohort value, lifetimes, the outlook and stages."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

import pandas as pd

from growth.retention import stages
from growth.retention.projection import HELD_OUT, Lifetimes, Outlook
from growth.retention.windows import LOOK_AHEAD
from growth.words import count, figures, interval, percent, plural

if TYPE_CHECKING:
    from growth.report.notebook import Notebook

MODELS = {
    "geometric": "one rate of lapsing for all",
    "sbg": "rates that differ by customer (shifted beta-geometric)",
    "bdw": "rates that differ by customer and change with age (beta-discrete-Weibull)",
}

RETURNS = {c: "{:,.2f}" for c in ("revenue", "low", "high", "spent", "per_spent")}
MONEY = {c: "{:,.2f}" for c in ("value", "error", "low", "high")}


def sign_ups(nb: Notebook, rows: pd.DataFrame) -> None:
    """Name the customers who bought before they signed up: their sign-up is no beginning."""
    early = int(rows.loc[rows["before"], "customers"].sum())
    if early:
        nb.note(
            f"{plural(early, 'customer')} of {count(rows['customers'].sum())} bought before the day of their sign-up "
            "(as a guest, or by a wrong clock). Ages here count from the first purchase; none of them is ever "
            "'potential', and where a length counts from the sign-up they may be left out, which is said there."
        )


def definitions(nb: Notebook, table: pd.DataFrame) -> None:
    """Record on-or-after retention at age 1 and the brackets."""
    period, ahead = nb.params.period, LOOK_AHEAD[nb.params.period]
    after = table[table["definition"] == "on or after"]
    if after.empty:
        nb.nothing(f"no cohort has been watched for {ahead} {period}s after its first")
        return
    first = after.iloc[0]
    nb.finding(
        "F2.on_or_after",
        f"{percent(first['share'])} of new customers are active at least once in the {ahead} {period}s after their "
        f"first ({nb.level} {interval(first['low'], first['high'])}).",
        first["share"],
        "share",
        low=first["low"],
        high=first["high"],
        n=int(first["eligible"]),
        method=f"on or after, looking {ahead} {period}s ahead; {plural(first['cohorts'], 'cohort')}, Wilson interval",
        caveats="On or after without an end would favour old cohorts, who had longer to come back.",
        series={f"{period}_{a:02.0f}": s for a, s in zip(after["start"], after["share"], strict=True)},
    )
    for _, row in table[table["definition"] == "bracket"].iterrows():
        nb.finding(
            f"F2.bracket_{row['start']:02.0f}_{row['end']:02.0f}",
            f"{percent(row['share'])} are active at least once in {period}s {row['start']:.0f} to {row['end']:.0f}.",
            row["share"],
            "share",
            low=row["low"],
            high=row["high"],
            n=int(row["eligible"]),
            method="bracket retention, Wilson interval",
            detail=True,
        )


def cohort_value(nb: Notebook, table: pd.DataFrame) -> None:
    """Record what a customer has brought by the last age shown."""
    last, currency = table.iloc[-1], nb.data.currency
    first = table.iloc[0]
    nb.finding(
        "F2.cohort_value",
        f"By {nb.params.period} {last['age']:.0f} a new customer has brought {currency} {figures(last['value'], 4)} "
        f"({nb.level} {figures(last['low'], 4)} to {figures(last['high'], 4)}), "
        f"{figures(last['value'] / first['value'], 3)} times as much as in the first {nb.params.period}.",
        last["value"],
        currency,
        low=last["low"],
        high=last["high"],
        n=int(last["customers"]),
        method=f"revenue a customer, {plural(last['cohorts'], 'cohort')} pooled, clustered by customer",
        caveats="Older ages rest on older cohorts.",
        series={f"age_{a:02d}": v for a, v in zip(table["age"], table["value"], strict=True)},
    )


def lifetimes(nb: Notebook, found: Lifetimes, wait: int) -> None:
    """Record how long customers stay."""
    period = nb.params.period
    nb.finding(
        "F2.lifetime",
        f"Within {found.horizon} {period}s a new customer stays {found.lifetime:.1f} {period}s on average before a "
        f"silence of {wait} ({nb.level} {found.lifetime_low:.1f} to {found.lifetime_high:.1f}); of 100, "
        f"{100 * found.observed['share_model'].iloc[11]:.0f} are still there after 12.",
        found.lifetime,
        f"{period}s",
        low=found.lifetime_low,
        high=found.lifetime_high,
        n=int(found.model.data.at_risk[0]),
        method=f"{MODELS[found.choice.best]}; chosen on the last {HELD_OUT} {period}s of each cohort, held out",
        caveats=f"The interval holds the parameters alone. On the {HELD_OUT} {period}s held out survivors were missed "
        f"by {percent(found.miss)} on average.",
        series={f"log_score_{k}": v for k, v in found.choice.scores.items()},
    )


def outlook(nb: Notebook, found: Outlook) -> None:
    """Record how many customers will be active, and how wrong that was before."""
    period = nb.params.period
    one = found.ahead.iloc[0]
    nb.finding(
        "F9.active",
        f"In the {period} of {one['start']:%Y-%m-%d} about {count(one['active'])} customers will be active "
        f"({nb.level} {count(one['low'])} to {count(one['high'])}): {count(one['returning'])} returning, "
        f"{count(one['new'])} new.",
        one["active"],
        "customers",
        low=one["low"],
        high=one["high"],
        n=len(found.tested),
        method="pooled retention by age and as many new customers as lately; interval from errors of past forecasts",
        caveats=f"No season is foreseen. Tried from past {period}s it missed by {percent(found.error)} on average; "
        f"'as many as in the last {period}' missed by {percent(found.naive)}.",
        series={f"ahead_{h}": v for h, v in zip(found.ahead["horizon"], found.ahead["active"], strict=True)},
    )


def life_cycle(nb: Notebook, now: pd.DataFrame, moves: pd.DataFrame) -> None:
    """Record where everyone is, and how many of the dormant wake."""
    at = now["at"].max()
    own = now[now["at"] == at].set_index("state")
    bought = own.drop(index="potential", errors="ignore")
    total = int(bought["customers"].sum())
    here = int(bought["customers"].reindex(["introduction", "growth", "maturity"]).sum())
    nb.finding(
        "F1.stages",
        f"On {at:%Y-%m-%d}, of {count(total)} customers who ever bought, {percent(here / total)} are within their own "
        f"cadence, {percent(_share(bought, 'dormant', total))} dormant, {percent(_share(bought, 'lost', total))} lost.",
        here / total,
        "share",
        n=total,
        method="silence against each customer's own usual gap: over 2 of them dormant, over 4 lost; a census",
        series={s: int(n) for s, n in own["customers"].items()},
    )
    for state, word in (("dormant", "wake"), ("lost", "come back")):
        back = moves[(moves["before"] == state) & moves["state"].isin(["growth", "maturity"])]
        there = back["of"].max() if len(back) else 0
        if there:
            share = float(back["customers"].sum() / there)
            nb.finding(
                f"F1.{state}_back",
                f"In a month {percent(share)} of {state} customers {word}.",
                share,
                "share",
                n=int(there),
                method="pooled over months; the table has an interval for each move, by month",
                detail=state == "lost",
            )


def _share(bought: pd.DataFrame, state: str, total: int) -> float:
    return float(bought["customers"].get(state, 0)) / total


def stage_returns(nb: Notebook, table: pd.DataFrame) -> None:
    """Record what the mature bring a month."""
    if table.empty or "maturity" not in set(table["state"]):
        return
    row, currency = table[table["state"] == "maturity"].iloc[0], nb.data.currency
    if not isfinite(row["low"]):
        return  # one month alone has no interval
    nb.finding(
        "F1.maturity_revenue",
        f"A customer in maturity brings {currency} {figures(row['revenue'], 3)} a month ({nb.level} "
        f"{figures(row['low'], 3)} to {figures(row['high'], 3)}); {currency} {figures(row['spent'], 3)} are spent on "
        "it in discounts and messages.",
        row["revenue"],
        f"{currency} a month",
        low=row["low"],
        high=row["high"],
        n=int(row["customer_months"]),
        method="ratio of sums over months, error by month",
        caveats="What goes with a stage, not what spending brings: that takes a test.",
    )


def shown_moves(nb: Notebook, moves: pd.DataFrame) -> pd.DataFrame:
    """Return the moves that happen, without those from `stages.NEW`; of private data without those of few people."""
    shown = (moves["customers"] >= max(nb.smallest_cell, 1)) & (moves["before"] != stages.NEW)
    return moves[shown].reset_index(drop=True)
