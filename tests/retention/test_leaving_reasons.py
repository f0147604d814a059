"""Stated reasons: competing ends against a curve worked out by hand, statsmodels, and hazards that are known."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.survfunc import CumIncidenceRight

from growth.retention import leaving_reasons
from growth.stats.proportions import wilson


def test_by_hand() -> None:
    """10 customers: day 1 two leave (dear), day 2 one is no longer watched, day 3 one leaves (dear) and two (late)."""
    rows = pd.DataFrame(
        [
            (True, "dear", 1, 2),
            (False, None, 2, 1),
            (True, "dear", 3, 1),
            (True, "late", 3, 2),
            (False, None, 9, 4),
        ],
        columns=["closed", "reason", "days", "customers"],
    )
    found = leaving_reasons.reasons(rows, 5)
    assert found is not None
    table = found.table.set_index("reason")
    after_one = Fraction(8, 10)
    want = dict(dear=Fraction(2, 10) + after_one * Fraction(1, 7), late=after_one * Fraction(2, 7))
    assert table["incidence"].to_dict() == pytest.approx({k: float(v) for k, v in want.items()}, abs=1e-12)
    assert table["closed"].to_dict() == dict(dear=3, late=2) and list(table.index) == ["dear", "late"]
    assert tuple(table.loc["dear", ["low", "high"]]) == pytest.approx([float(v) for v in wilson(3, 5)])
    assert found.total == pytest.approx(float(sum(want.values())), abs=1e-12)
    assert (found.customers, found.closed, found.within) == (10, 5, 5)


@pytest.fixture(scope="module")
def accounts() -> pd.DataFrame:
    """3,000 who leave at hazards of .001 (dear), .0005 (late) and .00002 (dull, few), watched up to 800 days."""
    random = np.random.default_rng(8)
    rates = dict(dear=0.001, late=0.0005, dull=0.00002)
    ends = np.ceil([random.exponential(1 / r, 3_000) for r in rates.values()])
    end = random.integers(100, 800, 3_000)
    first = ends.min(axis=0)
    reason = np.array(list(rates))[ends.argmin(axis=0)]
    return pd.DataFrame(
        dict(
            closed=first <= end,
            reason=np.where(first <= end, reason, None),
            days=np.minimum(first, end),
            customers=1,
        )
    )


def test_incidences_equal_statsmodels_hold_the_truth_and_add_up(accounts: pd.DataFrame) -> None:
    found = leaving_reasons.reasons(accounts, 365)
    assert found is not None
    table = found.table.set_index("reason")
    code = accounts["reason"].map(dict(dear=1, late=2, dull=3)).fillna(0).astype(int)
    theirs = CumIncidenceRight(accounts["days"], code)
    at = np.searchsorted(theirs.times, 365, side="right") - 1
    for k, reason in enumerate(("dear", "late", "dull")):
        assert table.loc[reason, "incidence"] == pytest.approx(theirs.cinc[k][at], abs=1e-10)
    gone = 1 - np.exp(-0.00152 * 365)
    for reason, rate in (("dear", 0.001), ("late", 0.0005)):
        assert (
            table.loc[reason, "incidence_low"] < gone * rate / 0.00152 < table.loc[reason, "incidence_high"]
        )
    assert table["incidence"].sum() == pytest.approx(found.total, abs=1e-12)
    assert found.low < gone < found.high


def test_rare_reasons_are_pooled_and_nobody_is_lost(accounts: pd.DataFrame) -> None:
    found = leaving_reasons.reasons(accounts, 365, smallest=100)
    assert found is not None
    assert set(found.table["reason"]) == {"dear", "late", "other"}
    assert found.table["closed"].sum() == found.closed == accounts["closed"].sum()
    private = leaving_reasons.reasons(accounts.head(300), 365, smallest=30, cell=10)
    assert private is not None and private.table["closed"].min() >= 10


def test_who_says_nothing_is_named_and_nobody_gone_is_none(accounts: pd.DataFrame) -> None:
    silent = leaving_reasons.reasons(accounts.assign(reason=None))
    assert silent is not None and silent.table["reason"].tolist() == [leaving_reasons.NOT_STATED]
    assert leaving_reasons.reasons(accounts[~accounts["closed"]]) is None
    assert leaving_reasons.reasons(accounts.head(0)) is None
    all_gone = leaving_reasons.reasons(accounts[accounts["closed"]], 10_000)
    assert (
        all_gone is not None
        and all_gone.total == 1.0
        and all_gone.within == accounts["days"][accounts["closed"]].max()
    )
