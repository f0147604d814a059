"""The sentences of ``06_retention`` on loyalty."""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING

import pandas as pd

from growth.errors import attempt
from growth.retention import loyalty, loyalty_validity
from growth.retention.loyalty import Survey, Trust
from growth.retention.loyalty_validity import NOT_RELIABLE, NOTHING_MORE, RELIABLE, USABLE, Validity
from growth.retention.rules import HORIZON
from growth.words import count, figures, inert, interval, minus, percent, plural

if TYPE_CHECKING:
    from growth.report.notebook import Notebook

LITTLE = 0.02  # of the AUC: less than this changes hardly any list of customers
QUESTION = "How loyal customers are"
SILENT = (
    "It speaks of those who answered: nobody knows what the others would have said, and nothing is weighted."
)
SAID = {c: "{:.1%}" for c in ("share", "satisfied", "least", "most")} | {
    c: "{:+.1f}" for c in ("promoters", "low", "high")
}
ITEMS = dict(mean="{:.1f}", rest="{:.2f}", without="{:.3f}")
BANDS = {c: "{:.1%}" for c in ("share", "low", "high")} | dict(people="{:,.0f}")
SILENCE = {c: "{:.3f}" for c in ("answered", "silent", "differ", "low", "high")}


def asked(nb: Notebook) -> Survey | None:
    """Return what was asked and answered; where that is not there, say in one line what is missing."""
    if not nb.has("loyalty", "loyalty_answers"):
        if nb.has("retention_counts"):
            nb.refuse("F7.loyalty", QUESTION, nb.left_out["loyalty"], headline=False)
        return None
    found, why = attempt(loyalty.survey, nb.mart("loyalty"), nb.mart("loyalty_answers"))
    if found is None:
        nb.refuse("F7.loyalty", QUESTION, why, headline=False)
        return None
    if found.off_scale:
        nb.note(
            f"{plural(found.off_scale, 'answer')} off the scales of 1 to 5 and 0 to 10: read as not answered."
        )
    return found


def says(nb: Notebook, found: Survey) -> pd.DataFrame:
    """Record what the latest wave says of recommending and of satisfaction; return a row a wave."""
    p = nb.params
    table = loyalty.waves(found, p.confidence, nb.smallest_cell)
    last = table.iloc[-1]
    if table[["promoters", "satisfied"]].isna().all(axis=None):
        nb.nothing("too few people answered in any wave for net promoters or satisfaction to be shown")
        return table
    if isfinite(last["promoters"]):
        nb.finding(
            "F7.recommend",
            f"Of those who answered in {inert(str(last['wave']))}, promoters less detractors are "
            f"{last['promoters']:+.1f} points ({nb.level} {last['low']:+.1f} to {last['high']:+.1f}).",
            float(last["promoters"]),
            "points",
            low=float(last["low"]),
            high=float(last["high"]),
            n=int(last["answered"]),
            method="share of 9 and 10 less share of 0 to 6; variance of shares that exclude each other",
            caveats=SILENT,
            series=_by_wave(table, "promoters"),
        )
    if isfinite(last["satisfied"]):
        item = str(loyalty.best(found, "satisfaction")).partition(": ")[2]
        nb.finding(
            "F7.satisfied",
            f"{percent(last['satisfied'])} are satisfied ({inert(item)}: 4 or 5 of 5; {nb.level} "
            f"{interval(last['least'], last['most'])}).",
            float(last["satisfied"]),
            "share",
            low=float(last["least"]),
            high=float(last["most"]),
            n=int(last["answered"]),
            method="share of 4 and 5, Wilson",
            caveats=SILENT,
            series=_by_wave(table, "satisfied"),
        )
    return table


def _by_wave(table: pd.DataFrame, column: str) -> dict[str, float]:
    known = table[table[column].notna()]
    return {f"wave_{n}": float(v) for n, v in enumerate(known[column], 1)}


def silence(nb: Notebook, found: Survey) -> pd.DataFrame:
    """Record who answers, and how those who do not differ in what is known of both."""
    rows = found.rows
    said, n = int(rows["answered"].sum()), len(rows)
    if said == n:
        nb.note(
            "Everybody on record has answered: who was asked and did not is not on record, or nobody was silent."
        )
        return pd.DataFrame()
    table = loyalty_validity.silence(found, nb.params.confidence, nb.smallest_cell)
    if table.empty:
        nb.nothing("those who answered and those who did not cannot be compared: one side is too small")
        return table
    again = table[table["known"] == loyalty_validity.KNOWN["bought_again"]]
    text = f"{count(said)} of {count(n)} answers asked for came ({percent(said / n)})"
    if len(again):
        row = again.iloc[0]
        text += minus(
            f"; {percent(row['answered'])} of those who answered bought again within {HORIZON} days, "
            f"{percent(row['silent'])} of the silent (difference {100 * row['differ']:+.1f} points, {nb.level} "
            f"{100 * row['low']:+.1f} to {100 * row['high']:+.1f})"
        )
        alike = row["low"] <= 0 <= row["high"]
        text += ". That they buy alike does not say that they think alike" if alike else ""
    nb.finding(
        "F7.silence",
        f"{text}.",
        said / n,
        "share",
        n=n,
        method="all who were asked; means of those who answered less those of the silent (Welch), latest waves",
        caveats="A count of all who were asked has no interval. Answers are not weighted.",
        series={f"differ_{k}": float(v) for k, v in zip(_slugs(table), table["differ"], strict=True)},
    )
    return table


def _slugs(table: pd.DataFrame) -> list[str]:
    names = {label: name for name, label in loyalty_validity.KNOWN.items()}
    return [names[k] for k in table["known"]]


def trust(nb: Notebook, found: Survey) -> Trust | None:
    """Record how reliable the attitudes are; None, with the reason, where that cannot be said."""
    p = nb.params
    known, why = attempt(loyalty.trust, found, p.min_customers, p.confidence)
    if known is None:
        nb.nothing(f"reliability: {why}")
        return None
    a, o, r = known.alpha, known.omega, known.retest
    factor = (
        f"McDonald's omega {o.value:.3f} ({o.low:.3f} to {o.high:.3f})"
        if o
        else f"no omega: {_named(known.why_no_omega, found.items)}"
    )
    series = dict(omega=o.value, omega_low=o.low, omega_high=o.high) if o else {}
    nb.finding(
        "F7.reliability",
        f"Cronbach's alpha of the {a.items} attitude items is {a.value:.3f} ({nb.level} {a.low:.3f} to {a.high:.3f}); "
        f"{factor}.",
        a.value,
        "alpha",
        low=a.low,
        high=a.high,
        n=a.people,
        method="Feldt's interval; omega by one factor (maximum likelihood, sandwich error); latest complete answers",
        caveats="Of those who answered every item.",
        series=series,
    )
    if r is not None:
        nb.finding(
            "F7.retest",
            f"Asked again in the last wave, {count(r.people)} people's attitudes correlate by {r.value:.2f} "
            f"({nb.level} {r.low:.2f} to {r.high:.2f}) with those of the wave before.",
            r.value,
            "correlation",
            low=r.low,
            high=r.high,
            n=r.people,
            method="Pearson, Fisher's interval",
            caveats="What has changed in between counts as unreliable.",
        )
    return known


def _named(why: str, items: list[str]) -> str:
    """Put an item's name in the place of its number."""
    return re.sub(r"item (\d+)", lambda m: inert(items[int(m[1]) - 1]), why)


def validity(nb: Notebook, found: Survey) -> Validity | None:
    """Record what the index foretells, and attitudes beyond past purchase."""
    valid, why = attempt(loyalty_validity.validity, found, nb.params.confidence)
    if valid is None:
        nb.nothing(f"what the index foretells: {why}")
        return None
    left = f"{plural(valid.left_out, 'person', 'people')} left out, of whom past or later purchases are not known. "
    nb.finding(
        "F7.validity",
        f"Whether somebody buys again within {HORIZON} days is told by the index with an AUC of {valid.index[0]:.3f} "
        f"({nb.level} {valid.index[1]:.3f} to {valid.index[2]:.3f}), by past purchase alone with {valid.past[0]:.3f} "
        f"({valid.past[1]:.3f} to {valid.past[2]:.3f}), with attitudes as well {valid.both[0]:.3f} "
        f"({valid.both[1]:.3f} to {valid.both[2]:.3f}).",
        valid.index[0],
        "area under the ROC curve",
        low=valid.index[1],
        high=valid.index[2],
        n=valid.people,
        method="DeLong; logistic regression on recency, tenure, frequency and wave, without and with attitudes",
        caveats=left * bool(valid.left_out) + "The regressions are judged on those they were fitted to.",
        series=dict(past=valid.past[0], both=valid.both[0]),
    )
    nb.finding(
        "F7.beyond",
        f"The past being equal, 10 points of attitude more go with {figures(valid.odds, 3)} times the odds of buying "
        f"again ({nb.level} {figures(valid.odds_low, 3)} to {figures(valid.odds_high, 3)}; likelihood ratio "
        f"{valid.statistic:.1f}, p {_p(valid.p_value)}).",
        valid.odds,
        "odds ratio",
        low=valid.odds_low,
        high=valid.odds_high,
        n=valid.people,
        method="logistic regression; likelihood ratio of one degree of freedom",
        caveats="Association: making people more satisfied need not make them buy.",
        series=dict(statistic=valid.statistic, p_value=valid.p_value),
    )
    return valid


def _p(p: float) -> str:
    return "< 0.0001" if p < 1e-4 else f"= {figures(p, 2)}"


def verdict(nb: Notebook, found: Survey, known: Trust | None, valid: Validity | None) -> None:
    """Record whether the index may be used, or why that is not known."""
    said = loyalty_validity.verdict(known, valid, nb.params.confidence)
    if not said:
        what = "its reliability is not known" if known is None else "what it foretells is not known"
        nb.refuse("F7.loyalty", QUESTION, f"{what}, as said above", headline=False)
        return
    index = found.complete["index"].dropna()
    mean, spread = (float(index.mean()), float(index.std())) if len(index) > 1 else (0.0, 0.0)
    nb.finding(
        "F7.loyalty",
        f"The loyalty index: {said}. {_because(known, valid, said)}",
        mean,
        "points of 100",
        n=len(index),
        method=f"mean index of those who answered every item (standard deviation {spread:.1f}); verdict by rules fixed "
        "before: reliable, then of use beyond past purchase",
        caveats=SILENT + " The mean is of these people, and has no interval.",
    )


def _because(known: Trust | None, valid: Validity | None, said: str) -> str:
    if said == NOT_RELIABLE and known is not None:
        return f"Alpha may be as low as {known.alpha.low:.2f}; at least {RELIABLE} is asked for."
    if said == NOTHING_MORE:
        return "Who has bought lately and often buys again, whatever was answered: a list by purchases does as well."
    assert said == USABLE and valid is not None
    gain = valid.both[0] - valid.past[0]
    alone = valid.past[0]
    said = (
        f"Attitudes tell of buying again beyond past purchase: they add {gain:.3f} to its AUC of {alone:.3f}."
    )
    if valid.index[2] < valid.past[1]:
        said += " As an order of customers the index is worse than past purchase alone."
    if gain < LITTLE:
        said += " Use it to see where satisfaction fails, not to choose whom to contact."
    return said
