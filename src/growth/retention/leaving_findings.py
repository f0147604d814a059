"""The sentences of ``06_retention`` on when customers come back and when they leave."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

import pandas as pd

from growth.retention import leaving_figures
from growth.retention.cohort_findings import level
from growth.retention.leaving import Segment, everybody, had, survival_table, whole_stays
from growth.words import count, figures, inert, interval, percent

if TYPE_CHECKING:
    from growth.report.notebook import Notebook
    from growth.stats.survival import Curve

WITHIN = 90  # days
TESTS = dict(statistic="{:.4f}", p_value="{:.4g}", corrected="{:.4g}")
SHARES = {c: "{:.1%}" for c in ("share", "low", "high")}
RATIOS = {c: "{:.2f}" for c in ("ratio", "low", "high")} | {
    c: "{:.4f}" for c in ("p_value", "p_proportional")
}


def p_words(p: float) -> str:
    """0.0123 -> ``p = 0.012``; very small ones as ``p < 0.0001``."""
    return "p < 0.0001" if p < 1e-4 else f"p = {figures(p, 2)}"


def second(nb: Notebook, rows: pd.DataFrame) -> Curve | None:
    """Record when new customers buy again."""
    if rows.empty or rows["days"].max() < WITHIN:
        nb.nothing(f"no new customer has been watched for {WITHIN} days")
        return None
    curve = everybody(rows, "again", nb.params.confidence)
    share, low, high = had(curve, WITHIN)
    half = curve.quantile(0.5)
    when = f"half of them after {half:.0f} days" if isfinite(half) else "fewer than half within the time seen"
    if not isfinite(low):
        nb.nothing("nobody, or everybody, has bought again, so there is no curve with an interval")
        return None
    nb.finding(
        "F3.second_purchase",
        f"{percent(share)} of new customers have bought again within {WITHIN} days "
        f"({level(nb)} {interval(low, high)}), {when}.",
        share,
        "share",
        low=low,
        high=high,
        n=int(rows["customers"].sum()),
        method="Kaplan-Meier, log-log interval; who has not bought again yet counts as long as was seen",
        caveats="Customers of the first weeks of the data are left out: they may be old."
        if nb.data.begins_mid_life
        else "",
        series={f"days_{d}": had(curve, d)[0] for d in (30, 60, 180, 365) if d <= curve.time[-1]},
    )
    return curve


def segments(nb: Notebook, found: list[Segment], what: str) -> None:
    """Record by which segment it differs most, and the tests of all."""
    if not found:
        nb.nothing("no segment of these customers is known")
        return
    best = min(found, key=lambda s: (s.corrected, -s.statistic))
    ranked = best.table.dropna(subset="low").sort_values("share", kind="stable")
    names = ", ".join(s.name.replace("_", " ") for s in found)
    text = f"{what} is not seen to differ by {names}"
    if best.corrected < 0.05 and len(ranked) > 1:
        top, last = ranked.iloc[-1], ranked.iloc[0]
        text = (
            f"{what} differs most by {best.name.replace('_', ' ')}: {percent(top['share'])} of "
            f"{inert(str(top['level']))} within {best.within} days, {percent(last['share'])} of "
            f"{inert(str(last['level']))}"
        )
    nb.finding(
        f"F3.{what.lower().replace(' ', '_')}_by",
        f"{text} ({p_words(best.corrected)} corrected).",
        best.corrected,
        "p-value",
        n=int(best.table["customers"].sum()),
        method=f"log-rank by segment, Holm over {len(found)}",
        caveats="Association: who is in a segment may differ in other things too.",
        series={f"chi_square_{s.name.replace(' ', '_')}": s.statistic for s in found},
    )


def levels(nb: Notebook, found: Segment, until: float, left: bool = False) -> None:
    """Show a segment's curves and its table."""
    word, what = found.name.replace("_", " "), "stay" if left else "again"
    slug = f"{what}_{found.name.replace(' ', '_')}"
    alt = f"Curves of {'staying' if left else 'buying again'} by {word}."
    nb.figure(leaving_figures.levels(found, until, left), slug, alt, f"By {word}.")
    done = "Left" if left else "Bought again"
    nb.table(found.table, slug, f"{done} within {found.within} days, by {word}", 30, **SHARES)


def hazards(nb: Notebook, table: pd.DataFrame, what: str) -> None:
    """Record the hazard ratio that is surest to differ from 1."""
    if table.empty:
        return
    row = table.sort_values("p_value", kind="stable").iloc[0]
    bent = int((table["p_proportional"] < 0.05).sum())
    nb.finding(
        f"F3.hazard_{what}",
        f"All segments at once: {inert(str(row['level']))} ({row['segment'].replace('_', ' ')}) "
        f"{'sooner' if row['ratio'] > 1 else 'later'} than {inert(str(row['against']))}, hazard ratio "
        f"{row['ratio']:.2f} ({level(nb)} {row['low']:.2f} to {row['high']:.2f}).",
        float(row["ratio"]),
        "hazard ratio",
        low=float(row["low"]),
        high=float(row["high"]),
        n=len(table),
        method="Cox regression, Efron's ties; n counts the ratios, this is the one surest to differ",
        caveats=f"Association. {bent} of {len(table)} ratios change with time (p < 0.05): read those as averages."
        if bent
        else "Association.",
    )


def stay(nb: Notebook, stays: pd.DataFrame) -> tuple[pd.DataFrame, Curve] | None:
    """Record how long memberships last; None if none has ended."""
    rows = whole_stays(stays) if len(stays) else stays
    ended = rows["ended"].astype(bool) & (rows["customers"] > 0)
    if rows.empty or not ended.any():
        nb.nothing("no membership has ended, so nothing can be said about how long one lasts")
        return None
    curve = everybody(rows, "ended", nb.params.confidence)
    table = survival_table(curve, (1, 6, 12, 24, 36, 48, 60, 72))
    known = table.dropna()
    if known.empty:
        nb.nothing("memberships have not been watched for a month")
        return None
    year = known[known["months"] <= 12].iloc[-1]
    gone = int(rows.loc[ended, "customers"].sum())
    nb.finding(
        "F3.stay",
        f"{count(gone)} of {count(rows['customers'].sum())} members have left; {percent(year['share'])} are still "
        f"there after {year['months']:.0f} months ({level(nb)} {interval(year['low'], year['high'])}).",
        float(year["share"]),
        "share",
        low=float(year["low"]),
        high=float(year["high"]),
        n=int(rows["customers"].sum()),
        method="Kaplan-Meier, log-log interval",
        headline=not nb.has("retention_counts"),
        series={f"month_{m:02.0f}": s for m, s in zip(table["months"], table["share"], strict=True)}
        | {"left": gone},
    )
    return table, curve


def leavers(nb: Notebook) -> bool:
    """Return whether some memberships have ended: then a page without orders has an answer all the same."""
    return nb.has("stays") and bool((nb.mart("stays")["ended"].astype(bool)).any())


def ratio_note(why: str) -> str:
    """Return why there are no hazard ratios, as the reason of a part left out."""
    return f"there are no hazard ratios: {why}"


def reasons(nb: Notebook, table: pd.DataFrame) -> None:
    """Record why accounts are closed, as stated."""
    if table.empty:
        nb.nothing("nobody has closed an account")
        return
    first = table.iloc[0]
    nb.finding(
        "F3.reasons",
        f"Of {count(table['closed'].sum())} who closed their account {percent(first['share'])} said "
        f"'{inert(str(first['reason']))}' ({level(nb)} {interval(first['low'], first['high'])}); within a year of "
        f"sign-up {percent(table['incidence'].sum())} of all customers close it.",
        float(first["share"]),
        "share of those who closed",
        low=float(first["low"]),
        high=float(first["high"]),
        n=int(table["closed"].sum()),
        method="stated reasons, Wilson interval; share within a year by Aalen-Johansen",
        caveats="What is said, by those who say it: most leave without a word, and what is said need not be the cause.",
        series={
            f"closed_{r.replace(' ', '_')}": int(n)
            for r, n in zip(table["reason"], table["closed"], strict=True)
        },
    )


REASONS = {c: "{:.1%}" for c in ("share", "low", "high")} | {
    c: "{:.2%}" for c in ("incidence", "incidence_low", "incidence_high")
}
