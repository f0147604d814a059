"""The sentences of ``06_retention`` on who will buy again and whom it pays to contact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from growth.retention.churn import Contest
from growth.retention.cohort_findings import level
from growth.retention.snapshots import HORIZON
from growth.retention.targeting import Campaign
from growth.words import count, figures, percent

if TYPE_CHECKING:
    from growth.report.notebook import Notebook

FOLDS = {c: "{:.4f}" for c in ("auc", "low", "high", "brier", "ece")} | dict(
    predicted="{:.1%}", actual="{:.1%}"
)
LOSS = {c: "{:.4f}" for c in ("loss", "low", "high")}
CURVE = {c: "{:,.0f}" for c in ("expected", "realised", "by_risk", "at_random")} | dict(depth="{:.0%}")


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
        f"trained on the quarter before, with an AUC of {one.auc:.3f} ({level(nb)} {one.low:.3f} to "
        f"{one.high:.3f}); it foresaw {percent(one.predicted)} buyers, {percent(one.actual)} came.",
        one.auc,
        "area under the ROC curve",
        low=one.low,
        high=one.high,
        n=one.customers,
        method="trained on a quarter, tested on the next; chosen by earlier quarters' Brier score; DeLong interval",
        caveats=f"Expected calibration error {one.ece:.3f}: seasons differ, and a model knows the one before. Drift of "
        f"the score against the quarter before: population stability index {found.drift:.2f}.",
        series={
            f"{what}_{f.model.replace(' ', '_')}": getattr(f, what)
            for f in found.folds
            if f.tested == last
            for what in ("auc", "brier", "ece", "predicted", "actual")
        },
    )
    top = found.importance.iloc[0]
    nb.finding(
        "F4.why",
        f"What tells most is {top['feature'].removeprefix('log ')}: shuffled, it costs {figures(top['loss'], 2)} of "
        "the AUC.",
        float(top["loss"]),
        "AUC lost",
        low=float(top["low"]),
        high=float(top["high"]),
        n=one.customers,
        method="permutation importance of the logistic model on the last quarter, ten shuffles",
        caveats="What foretells, not what causes. Features that say the same share their importance.",
    )


def campaign(nb: Notebook, found: Campaign) -> None:
    """Record whom it pays to contact, and what targeting by risk would have left."""
    currency, p = nb.data.currency, nb.params
    nb.finding(
        "F4.whom",
        f"If a contact costs {currency} {p.contact_cost:g} and raises what a customer leaves in a quarter by "
        f"{percent(p.contact_lift, 0)}, it pays for {count(found.next_chosen)} of {count(found.next_customers)} "
        f"customers: {currency} {count(found.next_expected)} in the next quarter. In the quarter held out, choosing so "
        f"would have left {currency} {count(found.realised)} ({level(nb)} {count(found.low)} to {count(found.high)}), "
        f"as many by risk {currency} {count(found.by_risk)}, everybody {currency} {count(found.everybody)}.",
        found.next_expected,
        currency,
        n=found.next_customers,
        method="expected money by boosted trees on the quarter before, times margin and lift, less the cost",
        caveats="The lift is assumed, and the same share for all, until a randomised test has measured it "
        "(03_promotions). The expectation of the next quarter has no interval; the quarter held out shows its error.",
        series=dict(
            realised=found.realised, realised_low=found.low, realised_high=found.high, by_risk=found.by_risk,
            everybody=found.everybody, against_risk=found.against_risk, against_low=found.against_low,
            against_high=found.against_high, chosen=found.chosen, customers=found.customers,
        ),
    )  # fmt: skip
