"""Peaks and troughs: by hand, and found where they were planted."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from growth.retention import cycle, model
from growth.retention.model import Calendar

MONTHS = Calendar("month", dt.date(2025, 1, 1))


def cohorts(
    back: dict[tuple[int, int], int], sizes: dict[int, int], calendar: Calendar = MONTHS
) -> pd.DataFrame:
    """Lay out cohorts by month number: customers, and how many are back by (month, age)."""
    rows = [(dt.date(2024, m, 1), 0, n) for m, n in sizes.items()]
    rows += [(dt.date(2024, m, 1), a, n) for (m, a), n in back.items()]
    counts = pd.DataFrame(rows, columns=["cohort", "age", "customers"])
    return cycle.cycle(model.triangle(counts, calendar), calendar)


def test_a_ratio_by_hand() -> None:
    """January's 400 and February's 200: in March 60 of February's at age 1, where 80 of 400 came: 40 expected."""
    calendar = Calendar("month", dt.date(2024, 4, 1))
    found = cohorts({(1, 1): 80, (1, 2): 30, (2, 1): 60}, {1: 400, 2: 200}, calendar).set_index("start")
    march = found.loc[dt.date(2024, 3, 1)]
    assert (march["customers"], march["returned"], march["expected"]) == (200, 60, 40.0), (
        "age 2 has no other cohort"
    )
    error = np.sqrt(200 * 0.2 * 0.8 + 200**2 * 0.2 * 0.8 / 400) / 40
    assert march["ratio"] == 1.5
    assert march["low"] == pytest.approx(1.5 * np.exp(-1.959964 * error), rel=1e-6)
    assert march["high"] == pytest.approx(1.5 * np.exp(1.959964 * error), rel=1e-6)
    february = found.loc[dt.date(2024, 2, 1)]
    assert (february["returned"], february["expected"]) == (80, 400 * 0.3)


def test_a_planted_peak_and_trough_are_found_and_nothing_else() -> None:
    random = np.random.default_rng(5)
    factor = {6: 1.4, 9: 0.6}  # June and September
    back = {
        (m, a): int(random.binomial(3_000, 0.2 * factor.get(m + a, 1.0) * 0.95**a))
        for m in range(1, 12)
        for a in range(1, 13 - m)
    }
    found = cohorts(back, dict.fromkeys(range(1, 12), 3_000)).set_index("start")
    assert found.loc[dt.date(2024, 6, 1), "kind"] == cycle.PEAK
    assert found.loc[dt.date(2024, 9, 1), "kind"] == cycle.TROUGH
    for month, truth in factor.items():
        row = found.loc[dt.date(2024, month, 1)]
        # The yardstick holds the other months' planted waves too: what is left of them is small.
        assert row["low"] * 0.9 < truth < row["high"] * 1.1


def test_one_cohort_or_few_customers_have_no_cycle() -> None:
    assert cohorts({(1, 1): 80, (1, 2): 30}, {1: 400}).empty
    assert cohorts({(1, 1): 3, (2, 1): 4}, {1: 40, 2: 40}).empty
