"""What is said of churn and of campaigns: by the numbers, finite ones alone, and never more than they bear."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from math import isfinite, nan
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from growth.report.notebook import Notebook
from growth.retention import churn_findings
from growth.retention.churn import Contest, Fold
from growth.retention.targeting import Campaign
from tests.conftest import INFO

FOLD = Fold(
    "logistic", dt.date(2024, 1, 1), dt.date(2024, 4, 1), 3, 1_000, 200, 0.81, 0.78, 0.84, 0.12, 0.015, 0.02, 0.21, 0.2
)  # fmt: skip
CONTEST = Contest(
    [FOLD], "logistic", np.array([0.2]), np.array([0.0]), "logistic",
    pd.DataFrame([dict(feature="log recency", loss=0.1, low=0.08, high=0.12)]), 0.03,
    pd.DataFrame([dict(feature="log tenure", index=0.1)]),
)  # fmt: skip
CAMPAIGN = Campaign(
    pd.DataFrame(), 1_000, 300, 450.0, 500.0, 400.0, 600.0, 0.062, 0.05, 0.08, -20.0, 100.0, 520.0, 420.0, 620.0,
    1_100, 320, 480.0,
)  # fmt: skip


@pytest.fixture
def nb() -> Notebook:
    params = SimpleNamespace(confidence=0.95, contact_cost=1.0, contact_lift=0.1)
    return Notebook("retention", params, SimpleNamespace(), INFO, Path(), {})


def said(nb: Notebook, contest: Contest) -> dict[str, dict[str, str]]:
    churn_findings.models(nb, contest)
    return nb.findings


def test_calibration_is_held_against_chance(nb: Notebook) -> None:
    fine = said(nb, CONTEST)["F4.model"]
    assert (
        "trained on the 3 quarters before, with an AUC of 0.810 (95 % interval 0.780 to 0.840)"
        in fine["sentence"]
    )
    assert "no more than chances that are all right would show (up to 0.020)" in fine["caveats"]
    assert "no feature has moved by 0.25 or more" in fine["caveats"]
    nb.findings.clear()
    moved = replace(CONTEST, folds=[replace(FOLD, ece=0.05)], drifts=CONTEST.drifts.assign(index=0.4))
    off = said(nb, moved)["F4.model"]["caveats"]
    assert "Trust the order of customers more than the level" in off
    assert "most moved has: days since the first purchase (0.40)" in off


def test_a_model_that_needs_no_outcome_is_not_said_to_be_trained(nb: Notebook) -> None:
    own = replace(FOLD, model="purchase model", quarters=0)
    found = said(nb, replace(CONTEST, folds=[own], best="purchase model"))
    assert "which is fitted to histories alone" in found["F4.model"]["sentence"]
    assert "days since the last purchase" in found["F4.why"]["sentence"]
    assert "of the logistic model" in found["F4.why"]["method"]


def test_the_campaign_says_from_what_lift_on_it_pays(nb: Notebook) -> None:
    churn_findings.campaign(nb, CAMPAIGN)
    found = nb.findings["F4.whom"]
    assert "pay from a lift of 6.2 % on (95 % interval 5.0 to 8.0 %)" in found["sentence"]
    assert "EUR 450 had been foreseen" in found["caveats"]


def test_where_nobody_is_chosen_nothing_is_not_a_number(nb: Notebook) -> None:
    none = replace(
        CAMPAIGN, chosen=0, realised=0.0, low=0.0, high=0.0, pays_from=nan, pays_from_low=nan, pays_from_high=nan,
        next_chosen=0, next_expected=0.0, foreseen=0.0,
    )  # fmt: skip
    churn_findings.campaign(nb, none)
    found = nb.findings["F4.whom"]
    assert "it pays for 0 of 1,100 customers" in found["sentence"] and "nan" not in found["sentence"]
    assert all(isfinite(v) for v in found["series"].values()) and "pays_from" not in found["series"]
