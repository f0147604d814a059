"""When customers come back and leave: marts against pandas, segments and ratios against statsmodels and by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import SurvfuncRight, survdiff

from growth.retention import leaving, leaving_marts
from growth.retention.model import Calendar
from tests.conftest import frame
from tests.retention.test_marts import rows  # noqa: F401  (a fixture)
from tests.retention.test_stages import days_of


def test_second_purchases_equal_brute_force(shop: Any, rows: dict[str, Any]) -> None:  # noqa: F811
    people = [dict(customer_id=f"c{n}", acquisition_channel="ads", gender="f", region="r") for n in range(30)]
    t = shop(customers=people, regions=[dict(region="r", tier="tier 1")], **rows)
    found = frame(leaving_marts.second_purchase(t))
    want = []
    for who, own in days_of(rows).items():
        d = sorted(set(own))
        known = int(who[1:]) < 30
        waited = (d[1] - d[0]).days if len(d) > 1 else (dt.date(2024, 6, 30) - d[0]).days
        want.append((known, waited, len(d) > 1))
    mine = found.loc[found.index.repeat(found["customers"])]
    mine = [(pd.notna(r["city_tier"]), r["days"], r["again"]) for r in mine.to_dict("records")]
    assert sorted(mine) == sorted(want)
    bare = frame(leaving_marts.second_purchase(shop(**rows)))
    assert bare["customers"].sum() == len(want) and bare["gender"].isna().all()


def test_stays_go_from_the_first_record_to_the_last(shop: Any) -> None:
    """a moved up and is still there; b came back and left; c began on the last day."""
    at = [("a", "silver", "2024-01-01", "2024-03-01"), ("a", "gold", "2024-03-01", None),
          ("b", "silver", "2024-01-01", "2024-02-01"), ("b", "silver", "2024-04-01", "2024-05-01"),
          ("c", "silver", "2024-06-30", None)]  # fmt: skip
    members = [dict(customer_id=c, program="club", tier=t, valid_from=f, valid_to=u) for c, t, f, u in at]
    found = frame(leaving_marts.stays(shop(memberships=members)))
    assert found[["tier", "days", "ended", "customers"]].to_dict("records") == [
        dict(tier="silver", days=1, ended=False, customers=1),
        dict(tier="silver", days=121, ended=True, customers=1),
        dict(tier="silver", days=182, ended=False, customers=1),
    ]


@pytest.fixture(scope="module")
def spells() -> pd.DataFrame:
    """Three kinds of 400 customers whose hazards are as 1 : 1 : 2, and a fourth of five customers."""
    random = np.random.default_rng(17)
    kind = np.repeat(["a", "b", "c", "d"], [400, 400, 400, 5])
    rate = np.where(kind == "c", 0.02, 0.01)
    time = np.ceil(random.exponential(1 / rate)).astype(int)
    end = random.integers(20, 300, len(kind))
    sex = random.choice(["f", "m"], len(kind))
    return pd.DataFrame(
        dict(kind=kind, sex=sex, same="x", none=None, days=np.minimum(time, end), again=time <= end, customers=1)
    )  # fmt: skip


def test_segments_equal_statsmodels_and_small_levels_are_pooled(spells: pd.DataFrame) -> None:
    found = leaving.segments(spells, ["kind", "sex", "same", "none"], "again", 60, 30)
    assert [s.name for s in found] == ["kind", "sex"]
    assert set(found[0].curves) == {"a", "b", "c", "other"}
    grouped = spells["kind"].replace({"d": "other"})
    chi, p = survdiff(spells["days"], spells["again"].astype(int), grouped)
    assert (found[0].statistic, found[0].p_value) == (
        pytest.approx(chi, rel=1e-9),
        pytest.approx(p, rel=1e-6),
    )
    assert found[0].corrected == pytest.approx(2 * found[0].p_value, rel=1e-9) and found[0].corrected < 1e-6
    own = spells[spells["kind"] == "c"]
    theirs = SurvfuncRight(own["days"], own["again"].astype(int))
    at60 = theirs.surv_prob[np.searchsorted(theirs.surv_times, 60, side="right") - 1]
    row = found[0].table.set_index("level").loc["c"]
    assert row["share"] == pytest.approx(1 - at60, abs=1e-12) and row["low"] < row["share"] < row["high"]
    assert row["customers"] == 400 and row["events"] == own["again"].sum()


def test_hazard_ratios_equal_statsmodels(spells: pd.DataFrame) -> None:
    found = leaving.hazard_ratios(spells, ["kind", "sex", "none"], "again", 30).set_index("level")
    reference = found["against"].iloc[0]
    kind = spells["kind"].replace({"d": "other"})
    x = pd.DataFrame({v: (kind == v).astype(float) for v in ("a", "b", "c", "other") if v != reference})
    sex = found.loc[found["segment"] == "sex"].index[0]
    x["sex"] = (spells["sex"] == sex).astype(float)
    fit = PHReg(spells["days"], x, status=spells["again"].astype(int), ties="efron").fit()
    theirs = dict(zip([*x.columns[:-1], sex], np.exp(fit.params), strict=True))
    assert found["ratio"].to_dict() == pytest.approx(theirs, rel=1e-6)
    assert found.loc["c", "low"] < 2 < found.loc["c", "high"] or reference == "c"


def test_what_cannot_be_compared_is_said(spells: pd.DataFrame) -> None:
    none = spells.assign(again=False)
    assert leaving.segments(none, ["kind"], "again", 60, 30) == []
    table, why = leaving.try_hazard_ratios(none, ["kind"], "again", 30)
    assert table.empty and why.startswith("there is no event")
    one, why = leaving.try_hazard_ratios(spells, ["same"], "again", 30)
    assert one.empty and why == ""
    everybody = leaving.everybody(spells.assign(again=True, days=9), "again")
    assert leaving.had(everybody, 9)[0] == 1.0 and np.isnan(leaving.had(everybody, 10)[0])


def test_cohorts_that_may_be_old_are_left_out() -> None:
    young = pd.DataFrame(dict(cohort=[dt.date(2024, m, 1) for m in (1, 2, 3)], customers=1))
    mid = Calendar("month", dt.date(2024, 6, 1), True, 31)
    assert leaving.not_truncated(young, mid)["cohort"].tolist() == [dt.date(2024, 2, 1), dt.date(2024, 3, 1)]
    assert len(leaving.not_truncated(young, Calendar("month", dt.date(2024, 6, 1)))) == 3
