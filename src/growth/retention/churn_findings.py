"""The sentences of ``06_retention`` on who will buy again and whom it pays to contact."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

import pandas as pd

from growth.retention.churn import SAID, Contest, Fold
from growth.retention.rules import HORIZON
from growth.retention.targeting import Campaign
from growth.words import count, figures, interval, percent

if TYPE_CHECKING:
    from growth.report.notebook import Notebook

FOLDS = {c: "{:.4f}" for c in ("auc", "low", "high", "brier", "ece", "ece_by_chance")} | dict(
    predicted="{:.1%}", actual="{:.1%}"
)
DRIFT = dict(index="{:.3f}")
LOSS = {c: "{:.4f}" for c in ("loss", "low", "high")}
CURVE = {c: "{:,.0f}" for c in ("expected", "realised", "by_risk", "at_random")} | dict(depth="{:.0%}")


DRIFTS = 0.25  # a stability index from this on: another population (Siddiqi 2006)


def folds(found: Contest) -> pd.DataFrame:
    """Return the folds as a table, oldest first."""
    return pd.DataFrame([vars(f) for f in found.folds])


def models(nb: Notebook, found: Contest) -> None:
    """Record how well the chosen model foresaw the last quarter that is over."""
    last = max(f.tested for f in found.folds)
    one = next(f for f in found.folds if f.tested == last and f.model == found.best)
    nb.finding(
        "F4.model",
        f"Who will buy in the {HORIZON} days after {one.tested:%Y-%m-%d} was foreseen by the {one.model} model, "
        f"{_taught(one)}, with an AUC of {one.auc:.3f} ({nb.level} {one.low:.3f} to "
        f"{one.high:.3f}); it foresaw {percent(one.predicted)} buyers, {percent(one.actual)} came.",
        one.auc,
        "area under the ROC curve",
        low=one.low,
        high=one.high,
        n=one.customers,
        method="trained on every quarter that was over, tested on the next; chosen by earlier quarters' Brier score; "
        "DeLong interval",
        caveats=_calibrated(one) + _drifted(found),
        series={
            f"{what}_{f.model.replace(' ', '_')}": getattr(f, what)
            for f in found.folds
            if f.tested == last
            for what in ("auc", "brier", "ece", "ece_by_chance", "predicted", "actual")
        }
        | dict(drift=found.drift),
    )
    top = found.importance.iloc[0]
    nb.finding(
        "F4.why",
        f"What tells most: {SAID.get(top['feature'], top['feature'])}. Shuffled among customers, it costs "
        f"{figures(top['loss'], 2)} of the AUC ({nb.level} {top['low']:.3f} to {top['high']:.3f}).",
        float(top["loss"]),
        "AUC lost",
        low=float(top["low"]),
        high=float(top["high"]),
        n=one.customers,
        method=f"permutation importance of the {found.trained} model on the last quarter, five shuffles, DeLong",
        caveats="What foretells, not what causes. Features that say the same share their importance.",
    )


def _taught(one: Fold) -> str:
    if not one.quarters:
        return "which is fitted to histories alone"
    return (
        f"trained on the {one.quarters} quarters before"
        if one.quarters > 1
        else "trained on the quarter before"
    )


def _calibrated(one: Fold) -> str:
    """Say how far the chances are off, and whether chance alone explains it."""
    text = f"Expected calibration error {one.ece:.3f}"
    if one.ece <= one.ece_by_chance:
        return f"{text}: no more than chances that are all right would show (up to {one.ece_by_chance:.3f})."
    return (
        f"{text}, where chances that are all right would show up to {one.ece_by_chance:.3f}: seasons differ, and a "
        "model knows those before. Trust the order of customers more than the level."
    )


def _drifted(found: Contest) -> str:
    """Say whether the customers are those that the model learnt from."""
    top = found.drifts.iloc[0]
    text = f" Drift of the score against those learnt from: population stability index {found.drift:.2f}"
    if top["index"] < DRIFTS:
        return f"{text}; no feature has moved by {DRIFTS:g} or more."
    return f"{text}; most moved has: {SAID.get(top['feature'], top['feature'])} ({top['index']:.2f})."


def campaign(nb: Notebook, found: Campaign) -> None:
    """Record whom it pays to contact, and what targeting by risk would have left."""
    currency, p = nb.data.currency, nb.params
    series = dict(
        realised=found.realised, realised_low=found.low, realised_high=found.high, by_risk=found.by_risk,
        everybody=found.everybody, against_risk=found.against_risk, against_low=found.against_low,
        against_high=found.against_high, chosen=found.chosen, customers=found.customers, foreseen=found.foreseen,
        pays_from=found.pays_from, pays_from_low=found.pays_from_low, pays_from_high=found.pays_from_high,
    )  # fmt: skip
    nb.finding(
        "F4.whom",
        f"If a contact costs {currency} {p.contact_cost:g} and raises what a customer leaves in a quarter by "
        f"{percent(p.contact_lift, 0)}, it pays for {count(found.next_chosen)} of {count(found.next_customers)} "
        f"customers: {currency} {count(found.next_expected)} in the next quarter. In the quarter held out, choosing so "
        f"would have left {currency} {count(found.realised)} ({nb.level} {count(found.low)} to {count(found.high)}), "
        f"as many by risk {currency} {count(found.by_risk)}, everybody {currency} {count(found.everybody)}."
        + _breaks_even(nb, found),
        found.next_expected,
        currency,
        n=found.next_customers,
        method="expected money by boosted trees on the quarters before, times margin and lift, less the cost",
        caveats="The lift is assumed, and the same share for all, until a randomised test has measured it "
        "(03_promotions). The expectation of the next quarter has no interval; of the quarter held out "
        f"{currency} {count(found.foreseen)} had been foreseen.",
        series={k: v for k, v in series.items() if isfinite(v)},
    )


def _breaks_even(nb: Notebook, found: Campaign) -> str:
    """Say from what lift on the contacts that were chosen would have paid: what a test must show."""
    if not isfinite(found.pays_from_high):
        return ""
    return (
        f" Those contacts pay from a lift of {percent(found.pays_from)} on ({nb.level} "
        f"{interval(found.pays_from_low, found.pays_from_high)})."
    )
