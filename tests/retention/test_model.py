"""The triangle against a count by hand, its empty cells, the pooled curve, and the calendar."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from growth.retention import model
from growth.retention.model import NOT_REACHED, PARTIAL, SMALL, Calendar

JAN, FEB, MAR = dt.date(2024, 1, 1), dt.date(2024, 2, 1), dt.date(2024, 3, 1)


def counts(rows: list[tuple[dt.date, int, int]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["cohort", "age", "customers"])


@pytest.fixture
def three() -> pd.DataFrame:
    """January 100 (40 back, then nobody), February 50 (10 back), March 60; seen until 15 April."""
    return counts(
        [(JAN, 0, 100), (JAN, 1, 40), (FEB, 0, 50), (FEB, 1, 10), (FEB, 2, 3), (MAR, 0, 60), (MAR, 1, 9)]
    )


def cell(cells: pd.DataFrame, cohort: dt.date, age: int) -> pd.Series:
    return cells[(cells["cohort"] == cohort) & (cells["age"] == age)].iloc[0]


def test_an_observed_cell_without_anybody_is_zero_and_an_unobserved_one_is_empty(three: pd.DataFrame) -> None:
    cells = model.triangle(three, Calendar("month", dt.date(2024, 4, 15)))
    assert cell(cells, JAN, 2)["retained"] == 0 and cell(cells, JAN, 2)["share"] == 0
    assert cell(cells, JAN, 2)["low"] == 0 and cell(cells, JAN, 2)["high"] > 0.03
    assert cell(cells, FEB, 2)["why_empty"] == PARTIAL  # April has begun and is not over
    assert cell(cells, MAR, 2)["why_empty"] == NOT_REACHED
    for cohort, age in [(FEB, 2), (MAR, 1), (MAR, 2)]:
        empty = cell(cells, cohort, age)
        assert empty[["retained", "share", "low", "high"]].isna().all()


def test_the_last_day_of_a_period_completes_it(three: pd.DataFrame) -> None:
    done = model.triangle(three, Calendar("month", dt.date(2024, 5, 1)))
    assert cell(done, FEB, 2)["retained"] == 3
    early = model.triangle(three, Calendar("month", dt.date(2024, 4, 30)))
    assert cell(early, FEB, 2)["why_empty"] == PARTIAL


def test_small_cohorts_are_not_shown(three: pd.DataFrame) -> None:
    cells = model.triangle(three, Calendar("month", dt.date(2024, 5, 1)), min_customers=55)
    assert cell(cells, FEB, 1)["why_empty"] == SMALL and cell(cells, JAN, 1)["why_empty"] == ""


def test_pooled_counts_only_those_who_reached_the_age(three: pd.DataFrame) -> None:
    cells = model.triangle(three, Calendar("month", dt.date(2024, 5, 1)))
    pool = model.pooled(cells).set_index("age")
    assert (pool.loc[1, "retained"], pool.loc[1, "eligible"]) == (59, 210)
    assert (pool.loc[2, "retained"], pool.loc[2, "eligible"]) == (3, 150)
    assert pool.loc[1, "lowest"] == 9 / 60 and pool.loc[1, "highest"] == 0.4


def test_where_the_data_end_early_nothing_after_is_taken_for_silence() -> None:
    """Last active day 100 days before as_of: what follows is unknown, not zero."""
    patterns = pd.DataFrame([(1, 50, 151, 5), (0, 0, 300, 5)], columns=["x", "t_x", "t", "customers"])
    as_of = dt.date(2024, 12, 31)
    assert model.observed_until(patterns, as_of) == as_of - dt.timedelta(days=100)
    recent = pd.DataFrame([(1, 50, 55, 5)], columns=["x", "t_x", "t", "customers"])
    assert model.observed_until(recent, as_of) == as_of


def test_ages_that_all_were_silent_at_are_zero_and_shown(three: pd.DataFrame) -> None:
    cells = model.triangle(three, Calendar("month", dt.date(2024, 7, 1)))
    assert cells["age"].max() == 5 and cell(cells, JAN, 5)["share"] == 0


def test_weekly_cohorts_within_the_washout_are_left_truncated() -> None:
    weeks = [dt.date(2024, 1, 1) + dt.timedelta(weeks=w) for w in range(8)]
    stray = (dt.date(2023, 1, 2), 0, 1)
    rows = counts([stray, *((w, 0, 50) for w in weeks), *((w, 1, 5) for w in weeks)])
    cells = model.triangle(rows, Calendar("week", dt.date(2024, 6, 1), begins_mid_life=True, washout=31))
    old = cells[cells["left_truncated"]].drop_duplicates("cohort")
    assert list(old["cohort"]) == [stray[0], *weeks[:5]]


def test_small_cells_are_suppressed_for_the_eyes_alone(three: pd.DataFrame) -> None:
    cells = model.triangle(three, Calendar("month", dt.date(2024, 5, 1)))
    shown = model.suppressed(cells, 10)
    assert cell(shown, MAR, 1)["why_empty"] == model.FEW and pd.isna(cell(shown, MAR, 1)["share"])
    assert cell(shown, FEB, 1)["retained"] == 10 and cell(shown, JAN, 2)["retained"] == 0
    assert cell(cells, MAR, 1)["retained"] == 9
    assert model.suppressed(cells, 0).equals(cells)


def test_a_left_truncated_cohort_is_labelled_and_not_pooled(three: pd.DataFrame) -> None:
    cells = model.triangle(three, Calendar("month", dt.date(2024, 5, 1), begins_mid_life=True))
    assert cell(cells, JAN, 1)["left_truncated"] and not cell(cells, FEB, 1)["left_truncated"]
    assert model.pooled(cells).set_index("age").loc[1, "eligible"] == 110


def test_rows_without_a_cohort_or_before_it_are_left_out() -> None:
    odd = pd.concat([counts([(JAN, 0, 40), (JAN, -1, 0)]), counts([(None, None, 0)])])  # type: ignore[list-item]
    cells = model.triangle(odd, Calendar("month", FEB), min_customers=10)
    assert list(cells["age"]) == [0]


def test_no_customers_gives_an_empty_triangle() -> None:
    cells = model.triangle(counts([]), Calendar("month", FEB))
    assert cells.empty and model.pooled(cells).empty


@pytest.mark.parametrize(
    ("period", "start", "by", "expected"),
    [
        ("month", dt.date(2023, 11, 1), 3, dt.date(2024, 2, 1)),
        ("month", dt.date(2023, 12, 1), 1, dt.date(2024, 1, 1)),
        ("week", dt.date(2024, 2, 26), 1, dt.date(2024, 3, 4)),
    ],
)
def test_calendar_steps_over_years(period: str, start: dt.date, by: int, expected: dt.date) -> None:
    assert Calendar(period, expected).later(start, by) == expected


def test_came_back_asks_only_those_old_enough() -> None:
    patterns = pd.DataFrame(
        [(0, 0, 200, 60), (1, 5, 200, 20), (3, 150, 181, 20), (0, 0, 20, 500)],
        columns=["x", "t_x", "t", "customers"],
    )
    found = model.came_back(patterns, 180)
    assert found is not None and (found.successes, found.trials) == (40, 100)
    assert model.came_back(patterns, 999) is None


def test_purchase_days_keeps_everybody() -> None:
    patterns = pd.DataFrame(
        [(0, 0, 9, 5), (4, 3, 9, 2), (30, 8, 9, 3)], columns=["x", "t_x", "t", "customers"]
    )
    few = model.purchase_days(patterns, most=10, smallest=4)
    assert dict(zip(few["days"], few["customers"], strict=True)) == {1: 5, 5: 5}
    found = model.purchase_days(patterns, most=10)
    assert dict(zip(found["days"], found["customers"], strict=True)) == {1: 5, 5: 2, 10: 3}
