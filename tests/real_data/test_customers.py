"""CDNOW and Telco through the whole pipeline, against published numbers."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import SurvfuncRight

from growth.retention import leaving, leaving_ratios, model
from growth.sources import published_customers as customers
from growth.stats import scores
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
    assert scores.auc(chance, hit)[0] >= 0.80
    assert scores.calibration_error(chance, hit) <= 0.02


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


@pytest.fixture(scope="module")
def members(telco: Path) -> pd.DataFrame:
    return pd.read_parquet(telco.parents[1] / "data/telco_churn/marts/06_retention/members.parquet")


@pytest.fixture(scope="module")
def file(where: Path) -> pd.DataFrame:
    return pd.read_csv(where / "telco_churn" / "Telco-Customer-Churn.csv")


def test_nobody_of_telco_is_lost_and_months_come_back(members: pd.DataFrame, file: pd.DataFrame) -> None:
    """Days are those of whole calendar months: the curve is that of the months in the file, month by month.

    The eleven with a tenure of 0 began on the day they were looked at: a day, and still there.
    """
    known, unknown = leaving.timed(members)
    assert (known["customers"].sum(), unknown) == (7_043, 0)
    new = members[members["days"] <= 1]
    assert (new["customers"].sum(), new["ended"].any()) == ((file["tenure"] == 0).sum(), False) == (11, False)
    mine = leaving.survival_table(leaving.everybody(known, "ended"), range(1, 73)).set_index("months")
    theirs = SurvfuncRight(file["tenure"], (file["Churn"] == "Yes").astype(int))
    at = np.searchsorted(theirs.surv_times, np.arange(1, 73), side="right") - 1
    assert mine["share"].to_numpy() == pytest.approx(theirs.surv_prob[at], abs=1e-12) and len(mine) == 72
    assert tuple(mine.loc[24]) == pytest.approx((0.788736, 0.778313, 0.798735), abs=5e-7)


def test_hazard_ratios_of_telco_equal_statsmodels_on_the_file(
    members: pd.DataFrame, file: pd.DataFrame
) -> None:
    """Eleven ratios of seven attributes at once; months or days, the order of the ends is the same."""
    rows, names = leaving_ratios.unpacked(members)
    found = leaving_ratios.hazards(rows, names, "ended", 30)
    assert found is not None and (found.customers, found.events, found.unknown) == (7_043, 1_869, 0)
    assert found.left_out == dict(
        acquisition_channel="not known",
        city_tier="not known",
        gender="the same groups as gender (membership)",
    )
    column = {v: k for k, v in customers.TELCO_PROGRAMS.items()} | {"gender (membership)": "gender"}
    made = [(column[s], v) for s, v in zip(found.table["segment"], found.table["level"], strict=True)]
    x = np.column_stack([(file[c].astype(str) == v).astype(float) for c, v in made])
    fit = PHReg(file["tenure"], x, status=(file["Churn"] == "Yes").astype(int), ties="efron").fit()
    assert len(made) == 11 and np.log(found.table["ratio"]).to_numpy() == pytest.approx(
        fit.params, rel=1e-5, abs=1e-7
    )
    width = np.log(found.table["high"] / found.table["low"]).to_numpy() / 2 / 1.959963984540054
    assert width == pytest.approx(fit.bse, rel=1e-5)
    assert 0.8 < found.concordance < 0.9


def test_the_audit_of_telco_accounts_for_all(telco: Path) -> None:
    assert findings(telco, "00_audit")["H4.rows"]["value"] == 7_043
