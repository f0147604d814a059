"""What the audit concludes: fates, gaps, reconciliation, each on a case by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pandas as pd
import pytest

from growth.audit import figures, model

ACCOUNTS = pd.DataFrame(
    [
        ("(raw files)", "rows_in", "", 10), ("(raw files)", "kept", "", 8), ("(raw files)", "refused", "", 2),
        ("(raw files)", "flagged", "", 3), ("orders", "rows_in", "", 10), ("orders", "kept", "", 8),
        ("orders", "flagged", "", 3), ("orders", "refused", "a: missing", 1), ("orders", "refused", "b: below 0", 1),
        ("orders", "flag", "exact_duplicate", 3), ("orders", "flag", "guest", 0),
        ("(raw files)", "flag", "exact_duplicate", 2),
    ],
    columns=["table", "fate", "reason", "rows"],
)  # fmt: skip


def test_fates_add_up() -> None:
    total = model.fate(ACCOUNTS)
    assert total == model.Fate(10, 8, 3, 2) and total.whole
    assert not model.Fate(10, 8, 3, 1).whole
    assert model.fates(ACCOUNTS).to_dict("records") == [
        dict(table="orders", rows_in=10, kept=8, flagged=3, refused=2)
    ]


def test_reasons_name_only_what_occurred() -> None:
    found = model.reasons(ACCOUNTS)
    assert set(found["reason"]) == {"a: missing", "b: below 0", "exact_duplicate"}
    assert found.set_index("reason").loc["a: missing", "share"] == 0.1
    assert list(found["table"].unique()) == ["orders"]
    assert model.flagged_with(ACCOUNTS, "exact_duplicate") == 2, "raw rows alone"


def test_where_nothing_is_refused_or_flagged_there_is_no_reason_and_a_figure_says_so() -> None:
    clean = ACCOUNTS[ACCOUNTS["reason"] == ""]
    found = model.reasons(clean)
    assert found.empty and found["share"].dtype == "float64"
    (axes,) = figures.reasons(found).axes
    assert [t.get_text() for t in axes.texts] == ["no row was refused or flagged"]


@pytest.mark.parametrize(("longest", "expected"), [(1, [2, 4]), (2, [4]), (9, [])])
def test_gaps_are_longer_than_normal(longest: int, expected: list[int]) -> None:
    days = pd.Series([dt.date(2024, 1, d) for d in (1, 1, 2, 5, 6, 11)])
    found = model.gaps(days, longest)
    assert list(found["days"]) == expected
    if expected:
        assert found.iloc[-1].to_dict() == dict(first=dt.date(2024, 1, 7), last=dt.date(2024, 1, 10), days=4)


def test_silence_before_as_of_is_a_gap() -> None:
    days = pd.Series([dt.date(2024, 1, 1), dt.date(2024, 1, 2)])
    found = model.gaps(days, 2, as_of=dt.date(2024, 1, 10))
    assert found.to_dict("records") == [dict(first=dt.date(2024, 1, 3), last=dt.date(2024, 1, 9), days=7)]


def test_a_cent_that_nothing_explains_is_found() -> None:
    steps = [
        ("level", "in the raw files", "10.00"),
        ("change", "refused", "-2.00"),
        ("level", "kept", "12.00"),
    ]
    steps += [("change", "free of charge", "0"), ("level", "paid for", "12.00")]
    bridge = pd.DataFrame(
        [dict(step=i, kind=k, what=w, amount=Decimal(a)) for i, (k, w, a) in enumerate(steps)]
    )
    right = model.reconcile(bridge, pd.DataFrame({"gross": [Decimal("5.01"), Decimal("6.99")]}))
    assert right.difference == 0
    assert model.reconcile(bridge, pd.DataFrame({"gross": [Decimal("11.99")]})).difference == Decimal("0.01")
