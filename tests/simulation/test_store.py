"""From arrays to Arrow: money exact, times in UTC, nulls where they belong."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa

from growth.simulation import store
from growth.simulation.clock import DAY, END, EPOCH, START, Span, date_of, day_of, month_shift


def test_money_is_exact_whatever_its_sign() -> None:
    fen = [0, 1, -1, 123_456, -100, 2**52]
    assert store.money(fen).to_pylist() == [Decimal(f) / 100 for f in fen]
    assert store.money([5, 7], [False, True]).to_pylist() == [Decimal("0.05"), None]
    assert store.money([]).type == pa.decimal128(18, 4)


def test_times_are_utc() -> None:
    midnight = day_of(START) * DAY
    assert store.times([midnight]).to_pylist() == [dt.datetime(2023, 6, 30, 16, 0)]
    assert store.moments([midnight * 1000 + 137]).to_pylist() == [dt.datetime(2023, 6, 30, 16, 0, 0, 137_000)]
    assert store.dates([day_of(END)]).to_pylist() == [END]


def test_ids_are_readable_and_of_one_width() -> None:
    assert store.ids("c", [7, 1_234_567]).to_pylist() == ["c0000007", "c1234567"]
    labelled = store.labels(("a", "b"), np.array([1, 0, 1]), np.array([False, False, True]))
    assert labelled.to_pylist() == ["b", "a", None]


def test_the_calendar() -> None:
    assert EPOCH.weekday() == 0 and date_of(day_of(START)) == START
    assert month_shift(END, -30) == START and month_shift(END, 0) == END
    span = Span.of(30, None)
    assert (span.first, span.last) == (day_of(START), day_of(END)) and span.days.size == 915
    assert Span.of(12, 3).last == day_of(dt.date(2026, 4, 1)) and Span.of(12, 3).now == day_of(END)
    assert list(span.weeks)[0] * 7 <= span.first and list(span.weeks)[-1] * 7 + 7 >= span.last


def test_two_of_each_yearly_event_are_seen() -> None:
    from growth.simulation import Settings
    from growth.simulation.run import Job

    state = Job.of(Settings(), None, None, None).state()
    events = {p for p in state.promotions if not p.startswith("weekly")}
    assert events == {
        "618-2024",
        "618-2025",
        *(f"{e}-{y}" for e in ("1111", "1212") for y in (2023, 2024, 2025)),
    }
    tagged = state.promotion[np.flatnonzero(state.span.days == day_of(dt.date(2025, 11, 11)))[0]] >= 0
    assert 0.4 < tagged.mean() < 0.8
