"""CDNOW and Telco through the whole pipeline, against published numbers."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from growth.retention import churn, model
from tests.real_data.test_public import findings, run


@pytest.fixture(scope="module")
def cdnow(tmp_path_factory: pytest.TempPathFactory, where: Path) -> Path:
    return run(tmp_path_factory.mktemp("cdnow"), "cdnow", where)


@pytest.fixture(scope="module")
def telco(tmp_path_factory: pytest.TempPathFactory, where: Path) -> Path:
    return run(tmp_path_factory.mktemp("telco"), "telco_churn", where)


def test_every_line_of_cdnow_is_an_order(cdnow: Path) -> None:
    audit = findings(cdnow, "00_audit")
    assert audit["H4.rows"]["value"] == 6_919 and audit["H4.reconciliation"]["series"]["difference"] == 0


def test_what_cdnow_has_not_shown_yet_is_empty(cdnow: Path) -> None:
    """The cohort of March 1997 has not reached its months 16 and 17 on 1998-07-01: a zero there would be a lie."""
    counts = pd.read_parquet(cdnow.parents[1] / "data/cdnow/marts/06_retention/retention_counts.parquet")
    cells = model.triangle(counts.query("period == 'month'"), model.Calendar("month", dt.date(1998, 7, 1)))
    march = cells[cells["cohort"] == dt.date(1997, 3, 1)].set_index("age")
    assert march.loc[:15, "share"].notna().all()
    assert march.loc[16:, "share"].isna().all() and len(march.loc[16:]) == 2
    assert (march.loc[16:, "why_empty"] == model.NOT_REACHED).all()


def test_the_published_forecast_of_cdnow(cdnow: Path) -> None:
    """Fader, Hardie and Lee 2005 on 39 weeks: r .243, alpha 4.41, a .79, b 2.43; 1,653 foreseen, 1,882 came.

    The page counts what was paid for: 8 customers whose only orders are free are not in it.
    """
    found = findings(cdnow, "06_retention")["F5.held_out_bg"]
    assert found["series"]["actual"] == 1882
    assert found["series"]["expected"] == pytest.approx(1653.4, abs=0.1)
    published = dict(r=0.24259, alpha=4.41353, a=0.79289, b=2.42575)
    assert {k: found["series"][k] for k in published} == pytest.approx(published, rel=6e-3)
    assert findings(cdnow, "06_retention")["F5.adequacy"]["value"] == 0, "no gate fires on CDNOW"


def test_churn_of_cdnow_at_the_reference_protocol(cdnow: Path) -> None:
    """Logit on log recency, frequency and money, trained on Q4 1997, tested on Q1 1998: AUC >= .80, ECE <= .02."""
    rows = pd.read_parquet(cdnow.parents[1] / "data/cdnow/marts/06_retention/snapshots.parquet")
    sides = [rows[rows["at"] == day] for day in (dt.date(1997, 10, 1), dt.date(1997, 12, 31))]
    known = [
        np.column_stack([np.log1p(s["recency"]), np.log(s["bought"]), np.log1p(s["spent"].astype(float))])
        for s in sides
    ]
    centre, spread = known[0].mean(axis=0), known[0].std(axis=0)
    train, test = ((k - centre) / spread for k in known)
    model = LogisticRegression(C=1e6, max_iter=1000).fit(train, sides[0]["again"] > 0)
    chance, hit = model.predict_proba(test)[:, 1], (sides[1]["again"] > 0).to_numpy()
    assert churn.auc(chance, hit)[0] >= 0.80
    assert churn.calibration_error(chance, hit) <= 0.02


def test_the_published_survival_of_telco(telco: Path) -> None:
    found = findings(telco, "06_retention")
    assert list(found)[0] == "F2.retention" and "no table orders" in found["F2.retention"]["sentence"]
    stay = found["F3.stay"]
    assert (stay["n"], stay["series"]["left"]) == (7_043, 1_869) and stay["headline"]
    assert (stay["value"], stay["low"], stay["high"]) == pytest.approx(
        (0.843200, 0.834169, 0.851783), abs=5e-7
    )
    published = dict(month_24=0.788736, month_60=0.664404, month_72=0.592790)
    assert {k: stay["series"][k] for k in published} == pytest.approx(published, abs=5e-7)
    tests = pd.read_csv(telco / "tables/06_retention/stay_tests.csv").set_index("segment")["statistic"]
    want = {"contract": 2352.8725, "gender": 0.5257, "senior": 109.4897, "payment": 865.2395}
    assert tests.loc[list(want)].to_dict() == pytest.approx(want, abs=5e-5)
    assert found["F3.leaving_by"]["series"]["chi_square_paperless_billing"] > 0


def test_the_audit_of_telco_accounts_for_all(telco: Path) -> None:
    assert findings(telco, "00_audit")["H4.rows"]["value"] == 7_043
