"""Hazard ratios of several segments at once, against statsmodels, brute force and hazards that are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.hazard_regression import PHReg

from growth.errors import attempt
from growth.retention import leaving_ratios


def drawn(rate: np.ndarray, seed: int, **columns: object) -> pd.DataFrame:
    """Return customers with these daily hazards, watched for 20 to 300 days."""
    random = np.random.default_rng(seed)
    time = np.ceil(random.exponential(1 / rate)).astype(int)
    end = random.integers(20, 300, len(rate))
    return pd.DataFrame(columns | dict(days=np.minimum(time, end), again=time <= end, customers=1))


@pytest.fixture(scope="module")
def spells() -> pd.DataFrame:
    """Kinds with hazards as 1 : 1 : 2, five of another kind, and a sex that does nothing."""
    kind = np.repeat(["a", "b", "c", "d"], [400, 400, 400, 5])
    sex = np.random.default_rng(3).choice(["f", "m"], len(kind))
    return drawn(np.where(kind == "c", 0.02, 0.01), 17, kind=kind, sex=sex, same="x", none=None)


def test_ratios_equal_statsmodels_and_hold_the_truth(spells: pd.DataFrame) -> None:
    found = leaving_ratios.hazards(spells, ["kind", "sex", "none", "same"], "again", 30)
    assert found is not None
    table = found.table.set_index("level")
    reference = table["against"].iloc[0]
    kind = spells["kind"].replace({"d": "other"})
    x = pd.DataFrame({v: (kind == v).astype(float) for v in ("a", "b", "c", "other") if v != reference})
    sex = table.index[table["segment"] == "sex"][0]
    x["sex"] = (spells["sex"] == sex).astype(float)
    fit = PHReg(spells["days"], x, status=spells["again"].astype(int), ties="efron").fit()
    theirs = dict(zip([*x.columns[:-1], sex], np.exp(fit.params), strict=True))
    assert table["ratio"].to_dict() == pytest.approx(theirs, rel=1e-6)
    z = (np.log(table["high"]) - np.log(table["low"])) / 2 / 1.959964
    assert z.to_numpy() == pytest.approx(fit.bse, rel=1e-4)
    truth = dict(c=2.0, a=1.0, b=1.0) if reference != "c" else dict(a=0.5, b=0.5)
    assert all(table.loc[v, "low"] < t < table.loc[v, "high"] for v, t in truth.items() if v in table.index)
    assert (found.customers, found.events, found.unknown) == (1205, int(spells["again"].sum()), 0)
    assert found.left_out == dict(none="not known", same="all are the same")


def test_concordance_equals_all_pairs(spells: pd.DataFrame) -> None:
    part = spells.iloc[::8].reset_index(drop=True)
    found = leaving_ratios.hazards(part, ["kind", "sex"], "again", 30)
    assert found is not None
    log_ratio = {(r["segment"], r["level"]): np.log(r["ratio"]) for r in found.table.to_dict("records")}
    small = part["kind"].map(part["kind"].value_counts()) < 30
    kind = part["kind"].where(~small, "other")
    risk = [
        log_ratio.get(("kind", k), 0.0) + log_ratio.get(("sex", s), 0.0)
        for k, s in zip(kind, part["sex"], strict=True)
    ]
    agreed = pairs = 0.0
    rows = list(zip(part["days"], part["again"], np.round(risk, 9), strict=True))
    for i, (t, event, r) in enumerate(rows):
        for u, later, s in rows[i + 1 :]:
            first, second = (
                ((t, event, r), (u, later, s))
                if (t, not event) <= (u, not later)
                else ((u, later, s), (t, event, r))
            )
            if not first[1] or (first[0] == second[0] and second[1]):
                continue
            pairs += 1
            agreed += 1.0 if first[2] > second[2] else 0.5 if first[2] == second[2] else 0.0
    assert found.concordance == pytest.approx(agreed / pairs, abs=1e-9)


def test_a_ratio_that_changes_with_time_is_seen() -> None:
    """b leaves three times as often for 40 days and a third as often after: no one ratio. a and c are alike always."""
    kind = np.repeat(["a", "b", "c"], 700)
    random = np.random.default_rng(5)
    early = np.where(kind == "b", 0.03, 0.01)
    first = random.exponential(1 / early)
    time = np.where(first < 40, first, 40 + random.exponential(1 / np.where(kind == "b", 0.0033, 0.01)))
    rows = pd.DataFrame(dict(kind=kind, days=np.minimum(np.ceil(time), 200), again=time <= 200, customers=1))
    bent = leaving_ratios.hazards(rows[rows["kind"] != "c"], ["kind"], "again", 30)
    alike = leaving_ratios.hazards(rows[rows["kind"] != "b"], ["kind"], "again", 30)
    assert bent is not None and bent.proportional is not None and alike is not None
    assert bent.table["p_proportional"][0] < 1e-6 and bent.proportional.p_value < 1e-6
    assert alike.table["p_proportional"][0] > 0.01


def test_a_segment_that_says_the_same_twice_counts_once(spells: pd.DataFrame) -> None:
    twice = spells.assign(word=spells["sex"].map(dict(f="woman", m="man")))
    found = leaving_ratios.hazards(twice, ["sex", "word"], "again", 30)
    assert (
        found is not None and found.left_out == dict(word="the same groups as sex") and len(found.table) == 1
    )


def test_who_is_not_known_is_counted(spells: pd.DataFrame) -> None:
    part = spells.assign(
        sex=spells["sex"].where(spells.index % 10 != 0), rare=spells["sex"].where(spells.index % 10 == 0)
    )
    found = leaving_ratios.hazards(part, ["kind", "sex", "rare"], "again", 30)
    assert found is not None
    assert (found.unknown, found.customers) == (121, 1205 - 121)
    assert found.left_out == dict(rare="not known of most customers")


def test_what_cannot_be_fitted_is_said_in_a_sentence(spells: pd.DataFrame) -> None:
    def why(rows: pd.DataFrame, names: list[str]) -> str:
        found, text = attempt(leaving_ratios.hazards, rows, names, "again", 30)
        assert found is None
        return text

    assert why(spells.assign(again=False), ["kind"]).startswith("there is no event")
    assert why(spells, ["same", "none"]) == "no segment has two levels of customers enough"
    assert why(spells.head(1), ["kind"]) == "no segment has two levels of customers enough"
    split = spells[spells["kind"].isin(["a", "b"])].assign(again=lambda d: d["again"] & (d["kind"] == "a"))
    assert "no finite maximum" in why(split, ["kind"])
    everybody = spells.assign(again=True)
    assert attempt(leaving_ratios.hazards, everybody, ["kind"], "again", 30)[0] is not None, (
        "all gone can be compared"
    )
