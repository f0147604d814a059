"""The sentences of ``06_retention`` on when customers come back, when they leave, and why."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING

import pandas as pd

from growth.retention import leaving_figures
from growth.retention.leaving import (
    Segment,
    cut,
    everybody,
    had,
    half,
    survival_table,
    timed,
    visible,
)
from growth.retention.leaving_ratios import Hazards
from growth.retention.leaving_reasons import Reasons
from growth.words import count, figures, inert, interval, percent, plural

if TYPE_CHECKING:
    from growth.report.notebook import Notebook
    from growth.stats.survival import Curve

WITHIN = 90  # days: a first repeat purchase
YEAR = 365  # days
TESTS = dict(statistic="{:.4f}", p_value="{:.4g}", corrected="{:.4g}")
SHARES = {c: "{:.1%}" for c in ("share", "low", "high")}
RATIOS = {c: lambda v: figures(v, 3) for c in ("ratio", "low", "high")} | {
    c: "{:.4f}" for c in ("p_value", "p_proportional")
}
DAYS = {c: "{:,.1f}" for c in ("mean", "longer", "low", "high")} | {
    c: "{:.4g}" for c in ("p_value", "corrected")
}
REASONS = SHARES | {c: "{:.2%}" for c in ("incidence", "incidence_low", "incidence_high")}
ASSOCIATION = "Association: who is in a segment may differ in other things too."

SURVIVORS = "Who left before the data begin is not in them: stays look longer than they are."


def p_words(p: float) -> str:
    """0.0123 -> ``p = 0.012``; very small ones as ``p < 0.0001``."""
    return "p < 0.0001" if p < 1e-4 else f"p = {figures(p, 2)}"


def lengths(nb: Notebook, rows: pd.DataFrame, what: str) -> pd.DataFrame:
    """Return the rows whose length is known; say how many customers have none, and why."""
    known, unknown = timed(rows)
    if unknown:
        nb.note(
            f"{what}: {plural(unknown, 'record')} left out, because the end lies before the beginning or the beginning "
            f"is not known; {count(known['customers'].sum())} are judged."
        )
    return known


def too_few(nb: Notebook, rows: pd.DataFrame, event: str, what: str) -> bool:
    """Return whether an event has happened to so few that private data must not show it; say so."""
    hit = int(rows.loc[rows[event].astype(bool), "customers"].sum())
    if hit >= nb.smallest_cell:
        return False
    nb.nothing(f"fewer than {nb.smallest_cell} customers have {what}: too few to be shown")
    return True


def second(nb: Notebook, rows: pd.DataFrame, left_out: int = 0) -> Curve | None:
    """Record when new customers buy again; `left_out` customers of the first weeks may be old."""
    if rows.empty or rows["days"].max() < WITHIN:
        nb.nothing(f"no new customer has been watched for {WITHIN} days")
        return None
    if too_few(nb, rows, "again", "bought again"):
        return None
    curve = everybody(rows, "again", nb.params.confidence)
    share, low, high = had(curve, WITHIN)
    if not isfinite(low):
        nb.nothing(
            f"nobody, or everybody, has bought again within {WITHIN} days: there is no curve with an interval"
        )
        return None
    first = f"{count(left_out)} customers of the first weeks of the data are left out: they may be old."
    days = [d for d in (30, 60, 180, 365) if d <= curve.time[-1]]
    nb.finding(
        "F3.second_purchase",
        f"{percent(share)} of new customers have bought again within {WITHIN} days "
        f"({nb.level} {interval(low, high)}); {_half(nb, curve)}.",
        share,
        "share",
        low=low,
        high=high,
        n=int(rows["customers"].sum()),
        method="Kaplan-Meier, log-log interval; who has not bought again yet counts as long as was seen",
        caveats=first if nb.data.begins_mid_life else "",
        series={f"days_{d}": had(curve, d)[0] for d in days} | _finite(half(curve)),
    )
    return cut(curve, nb.smallest_cell)


def _half(nb: Notebook, curve: Curve) -> str:
    value, low, high = half(curve)
    if not isfinite(value):
        return f"fewer than half within the {curve.time[-1]:.0f} days seen"
    ends = f"{low:.0f} to {high:.0f}" if isfinite(high) else f"from {low:.0f} on"
    return f"half of them have after {value:.0f} days ({nb.level} {ends})"


def _finite(of: tuple[float, float, float]) -> dict[str, float]:
    names = ("half_after_days", "half_low", "half_high")
    return {k: v for k, v in zip(names, of, strict=True) if isfinite(v)}


def segments(nb: Notebook, found: list[Segment], what: str, tried: Sequence[str] = ()) -> list[Segment]:
    """Record by which segment it differs most, and return the segments as shown of these data.

    Parameters
    ----------
    nb : Notebook
    found : list of Segment
    what : str
        ``Buying again``, ``Leaving``, …
    tried : sequence of str
        All segments: those that could not be compared are named.
    """
    if not found:
        of = ", ".join(map(_plain, tried)) or "these customers"
        nb.nothing(f"{what.lower()} by segment: no two levels of {of} are known, or nothing happened")
        return []
    shown = [visible(s, nb.smallest_cell) for s in found]
    best = min(shown, key=lambda s: (s.corrected, -s.statistic))
    names = ", ".join(_plain(s.name) for s in found)
    text = f"{what} is not seen to differ by {names}"
    ranked = best.table.dropna(subset="low").sort_values("share", kind="stable")
    if best.corrected < 0.05:
        text = f"{what} differs most by {_plain(best.name)}"
        if len(ranked) > 1:
            text += f": {_share_of(nb, ranked.iloc[-1])} within {best.within} days, {_share_of(nb, ranked.iloc[0])}"
    alone = [_plain(n) for n in tried if n not in {s.name for s in found}]
    nb.finding(
        f"F3.{_slug(what)}_by",
        f"{text} ({p_words(best.corrected)}{', corrected' if len(found) > 1 else ''}).",
        best.corrected,
        "p-value",
        n=int(best.table["customers"].sum()),
        method=f"log-rank by segment, Holm over {len(found)}; shares by Kaplan-Meier",
        caveats=" ".join([ASSOCIATION, *_not_compared(best, alone)]),
        series={f"chi_square_{_slug(s.name)}": s.statistic for s in found},
    )
    return shown


def _not_compared(best: Segment, alone: list[str]) -> list[str]:
    said = []
    if best.unknown:
        said.append(
            f"{plural(best.unknown, 'customer')} not compared, whose {_plain(best.name)} is not known."
        )
    if alone:
        said.append(f"Not compared, for want of two known levels: {', '.join(alone)}.")
    return said


def _share_of(nb: Notebook, row: pd.Series) -> str:
    return f"{percent(row['share'])} of {inert(str(row['level']))} ({nb.level} {interval(row['low'], row['high'])})"


def _plain(name: str) -> str:
    return inert(name.replace("_", " "))


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name.lower()).strip("_")


def levels(nb: Notebook, found: Segment, until: float, kind: str = "again") -> None:
    """Show a segment's curves and its table.

    Parameters
    ----------
    nb : Notebook
    found : Segment
    until : float
        Days drawn.
    kind : str
        ``again`` (bought again), ``stay`` (of members) or ``account`` (not closed).
    """
    word, slug = _plain(found.name), f"{kind}_{_slug(found.name)}"
    alt = f"Curves of {'buying again' if kind == 'again' else 'staying'} by {word}."
    if found.curves:
        nb.figure(leaving_figures.levels(found, until, kind), slug, alt, f"By {word}.")
    done = dict(again="Bought again", stay="Left", account="Closed the account")[kind]
    nb.table(found.table, slug, f"{done} within {found.within} days, by {word}", 30, **SHARES)


def longer(nb: Notebook, name: str, table: pd.DataFrame, kind: str = "again") -> None:
    """Record how much longer a level waits or stays: the one surest to differ."""
    if table.empty:
        return
    row = table.sort_values("corrected", kind="stable").iloc[0]
    waits = dict(again="wait for the second purchase", stay="stay", account="keep the account")[kind]
    more = "longer" if row["longer"] > 0 else "shorter"
    ends = sorted(abs(row[c]) for c in ("low", "high"))
    if row["low"] <= 0 <= row["high"]:
        text = f"not seen to {waits} longer or shorter than {inert(row['against'])}"
        text = f"{inert(row['level'])} customers are {text}: {row['longer']:+.1f} days"
        ends = [row["low"], row["high"]]
    else:
        text = f"{inert(row['level'])} customers {waits} {abs(row['longer']):.1f} days {more}"
        text += f" than {inert(row['against'])}"
    nb.finding(
        f"F3.{kind}_longer",
        f"In the first {row['horizon']:.0f} days {text} ({nb.level} {ends[0]:.1f} to {ends[1]:.1f} days; "
        f"{p_words(row['corrected'])}{', corrected' if len(table) > 1 else ''}).",
        float(row["longer"]),
        "days",
        low=float(row["low"]),
        high=float(row["high"]),
        n=len(table),
        method=f"difference of restricted means by {name.replace('_', ' ')}, Holm; n counts the differences, this is "
        "the surest",
        caveats="Needs no proportional hazards. " + ASSOCIATION,
        series={f"days_{_slug(v)}": d for v, d in zip(table["level"], table["longer"], strict=True)},
    )


def hazards(nb: Notebook, found: Hazards, what: str) -> None:
    """Record the hazard ratio that is surest to differ from 1, and what the regression rests on."""
    table = found.table
    row = table.sort_values("p_value", kind="stable").iloc[0]
    notes = [ASSOCIATION + f" Chosen as the surest of {len(table)}, so it looks larger than it is."]
    bent = int((table["p_proportional"] < 0.05).sum())
    if bent:
        notes.append(f"{bent} of {len(table)} ratios change with time (p < 0.05): read those as averages.")
    if found.unknown:
        notes.append(f"{plural(found.unknown, 'customer')} left out of whom a segment is not known.")
    notes += [f"Not in it: {_plain(n)} ({inert(why)})." for n, why in found.left_out.items()]
    nb.finding(
        f"F3.hazard_{what}",
        f"All segments at once, {inert(str(row['level']))} ({_plain(row['segment'])}) "
        f"{'sooner' if row['ratio'] > 1 else 'later'} than {inert(str(row['against']))}: hazard ratio "
        f"{figures(row['ratio'], 3)} ({nb.level} {figures(row['low'], 3)} to {figures(row['high'], 3)}). "
        f"Of two customers the segments tell who was first in {percent(found.concordance)} of pairs (50 % is chance).",
        float(row["ratio"]),
        "hazard ratio",
        low=float(row["low"]),
        high=float(row["high"]),
        n=found.customers,
        method="Cox regression, Efron's ties; proportionality by Grambsch and Therneau; concordance in-sample",
        caveats=" ".join(notes),
        series=dict(concordance=found.concordance, events=found.events, ratios=len(table))
        | (dict(p_proportional=found.proportional.p_value) if found.proportional else {}),
    )


def stay(nb: Notebook, rows: pd.DataFrame) -> tuple[pd.DataFrame, Curve] | None:
    """Record how long members stay (the mart ``members``, lengths known); None if none has ended."""
    ended = rows["ended"].astype(bool)
    if rows.empty or not ended.any():
        nb.nothing("no membership has ended, so nothing can be said about how long one lasts")
        return None
    if too_few(nb, rows, "ended", "left"):
        return None
    whole = everybody(rows, "ended", nb.params.confidence)
    curve = cut(whole, nb.smallest_cell)
    table = survival_table(curve, (1, 6, 12, 24, 36, 48, 60, 72))
    known = table.dropna()
    if known.empty:
        nb.nothing("memberships have not been watched for a month with some leaving and some staying")
        return None
    year = known[known["months"] <= 12].iloc[-1] if (known["months"] <= 12).any() else known.iloc[0]
    gone, total = int(rows.loc[ended, "customers"].sum()), int(rows["customers"].sum())
    nb.finding(
        "F3.stay",
        f"{count(gone)} of {count(total)} members have left; {percent(year['share'])} are still "
        f"there after {plural(int(year['months']), 'month')} ({nb.level} {interval(year['low'], year['high'])}).",
        float(year["share"]),
        "share",
        low=float(year["low"]),
        high=float(year["high"]),
        n=total,
        method="Kaplan-Meier, log-log interval; a customer has left when all memberships have ended",
        caveats=SURVIVORS if nb.data.begins_mid_life else "",
        headline=not nb.has("retention_counts"),
        series={f"month_{m:02.0f}": s for m, s in zip(table["months"], table["share"], strict=True)}
        | {"left": gone}
        | _finite(half(whole)),
    )
    return table, curve


def leavers(nb: Notebook) -> bool:
    """Return whether some memberships have ended: then a page without orders has an answer all the same."""
    return nb.has("members") and bool((nb.mart("members")["ended"].astype(bool)).any())


def ratio_note(why: str) -> str:
    """Return why there are no hazard ratios, as the reason of a part left out."""
    return f"there are no hazard ratios: {why}"


def reasons(nb: Notebook, found: Reasons | None) -> Reasons | None:
    """Record why accounts are closed, as stated, and how many close one; return what may be shown."""
    if found is None:
        nb.nothing("nobody has closed an account")
        return None
    if found.closed < nb.smallest_cell:
        nb.nothing(f"fewer than {nb.smallest_cell} customers have closed an account: too few to be shown")
        return None
    table, first = found.table, found.table.iloc[0]
    ends = f" ({nb.level} {interval(found.low, found.high, 2)})" if isfinite(found.low) else ""
    nb.finding(
        "F3.reasons",
        f"Of {count(found.closed)} who closed their account {percent(first['share'])} said "
        f"'{inert(str(first['reason']))}' ({nb.level} {interval(first['low'], first['high'])}); within "
        f"{found.within} days of sign-up {percent(found.total, 2)} of all customers close it{ends}.",
        float(first["share"]),
        "share of those who closed",
        low=float(first["low"]),
        high=float(first["high"]),
        n=found.closed,
        method="stated reasons, Wilson interval; reasons compete: Aalen-Johansen; all together: Kaplan-Meier",
        caveats="What is said, by those who say it: most leave without a word, and what is said need not be the cause."
        + (f" {SURVIVORS}" if nb.data.begins_mid_life else ""),
        series={f"closed_{_slug(r)}": int(n) for r, n in zip(table["reason"], table["closed"], strict=True)}
        | dict(closed_within=found.total),
    )
    return found
