"""Raking against R's published numbers, by hand, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from growth.market.estimates import Design, mean, total
from growth.market.weights import Weights, rake

SCHOOLS = pd.Series(dict(E=4421.0, H=755.0, M=1018.0))
WIDE = pd.Series(dict(No=1072.0, Yes=5122.0))


@pytest.fixture
def schools(datasets: Path) -> pd.DataFrame:
    return pd.read_csv(datasets / "survey_api" / "apiclus1.csv")


@pytest.fixture
def raked(schools: pd.DataFrame) -> Weights:
    return rake(schools, {("stype",): SCHOOLS, ("sch.wide",): WIDE}, schools["pw"].to_numpy())


def design(schools: pd.DataFrame, weights: Weights) -> Design:
    return Design(
        weights.values, weights.base, weights.cells, clusters=schools["dnum"].to_numpy(), fraction=15 / 757
    )


def test_the_survey_of_schools_is_rs(schools: pd.DataFrame, raked: Weights) -> None:
    """R survey 4.4, tests/rakecheck.Rout.save, with the digits that an independent program gave."""
    own = design(schools, raked)
    found, sum_ = mean(schools["api00"], own), total(schools["enroll"], own)
    assert found.value == pytest.approx(641.2303209268, rel=1e-6)
    assert found.error == pytest.approx(23.7036168879, rel=1e-4)
    assert sum_.value == pytest.approx(3_647_280.148, rel=1e-6)
    assert sum_.error == pytest.approx(400_603.257, rel=1e-4)
    assert (found.low, found.high) == pytest.approx((590.3911, 692.0695), rel=1e-6)
    assert found.freedom == 14
    assert raked.design_effect == pytest.approx(1.0516567, rel=1e-6)
    assert raked.effective == pytest.approx(174.011, abs=1e-3)
    assert (raked.values.min(), raked.values.max()) == pytest.approx((29.87068, 67.12553), abs=1e-5)


def test_a_joint_margin_is_that_of_one_variable_with_all_cells(schools: pd.DataFrame) -> None:
    """Post-stratification by cell: people over respondents, in one sweep."""
    answered = schools.groupby(["stype", "awards"]).size()
    people = answered * np.array([30.0, 25.0, 12.0, 70.0, 40.0, 41.0])[: len(answered)]
    found = rake(schools, {("stype", "awards"): people})
    own = people / answered
    cell = pd.MultiIndex.from_frame(schools[["stype", "awards"]])
    assert found.sweeps == 1 and found.values == pytest.approx(own.reindex(cell).to_numpy())


def test_unraked_is_the_cluster_sample(schools: pd.DataFrame) -> None:
    plain = Design(schools["pw"].to_numpy(), clusters=schools["dnum"].to_numpy(), fraction=15 / 757)
    found = mean(schools["api00"], plain)
    assert (found.value, found.error) == pytest.approx((644.17, 23.542), abs=0.005)


def test_margins_hold_and_bounds_too() -> None:
    random = np.random.default_rng(1)
    rows = pd.DataFrame(
        dict(a=random.choice(list("xyz"), 400, p=[0.7, 0.2, 0.1]), b=random.choice([0, 1], 400))
    )
    margins = {("a",): pd.Series(dict(x=0.3, y=0.3, z=0.4)), ("b",): pd.Series({0: 0.4, 1: 0.6})}
    free = rake(rows, margins)
    assert free.values.sum() == pytest.approx(1) and free.trimmed == 0
    for (name,), totals in margins.items():
        now = pd.Series(free.values).groupby(rows[name].to_numpy()).sum()
        assert now.to_numpy() == pytest.approx(totals.to_numpy(), abs=1e-9)
    assert free.values.max() * 400 > 4.0
    wide = {("a",): pd.Series(dict(x=0.56, y=0.28, z=0.16)), ("b",): pd.Series({0: 0.4, 1: 0.6})}
    held = rake(rows, wide, most=1.75)
    assert held.values.max() * 400 <= 1.75 * (1 + 1e-9) and held.trimmed > 0
    now = pd.Series(held.values).groupby(rows["a"].to_numpy()).sum()
    assert now.to_numpy() == pytest.approx([0.56, 0.28, 0.16], abs=1e-9)


def test_what_does_not_fit_is_said() -> None:
    rows = pd.DataFrame(dict(a=["x", "x", "y"], b=["u", "v", None]))
    good = pd.Series(dict(x=2.0, y=1.0))
    with pytest.raises(ValueError, match="Nobody answered of level 'z' of a"):
        rake(rows, {("a",): pd.Series(dict(x=1.0, y=1.0, z=1.0))})
    with pytest.raises(ValueError, match="Level 'y' of a is not in the population"):
        rake(rows, {("a",): pd.Series(dict(x=3.0))})
    with pytest.raises(ValueError, match="Level 'y' of a has respondents but no people"):
        rake(rows, {("a",): pd.Series(dict(x=3.0, y=0.0))})
    with pytest.raises(ValueError, match="1 respondents did not say b"):
        rake(rows, {("b",): pd.Series(dict(u=1.0, v=2.0))})
    with pytest.raises(ValueError, match="margins disagree: a sums to 3, b to 4"):
        rake(rows.fillna("v"), {("a",): good, ("b",): pd.Series(dict(u=1.0, v=3.0))})
    with pytest.raises(ValueError, match="base weight above 0"):
        rake(rows, {("a",): good}, np.array([1.0, 0.0, 1.0]))
    with pytest.raises(ValueError, match="needs `c` of every respondent"):
        rake(rows, {("c",): good})
    with pytest.raises(ValueError, match="at least one respondent"):
        rake(rows.head(0), {("a",): good})
    split = pd.DataFrame(dict(a=["x", "x", "y"], b=["u", "u", "v"]))
    with pytest.raises(ValueError, match="After 50 sweeps a level of"):
        rake(split, {("a",): good, ("b",): pd.Series(dict(u=1.0, v=2.0))}, sweeps=50)
    with pytest.raises(ValueError, match="or allow larger weights"):
        rake(split, {("a",): pd.Series(dict(x=1.0, y=2.0))}, most=1.2, sweeps=50)
