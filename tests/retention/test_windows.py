"""Windows of ages, lapses and cohort value against brute force over customers."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd
import pytest

from growth.errors import attempt
from growth.retention import marts, projection, windows
from growth.retention.model import Calendar, triangle
from tests.conftest import frame
from tests.retention.test_accounting import active_sets
from tests.retention.test_marts import rows  # noqa: F401  (a fixture)
from tests.retention.test_stages import days_of

MONTHS = Calendar("month", dt.date(2024, 7, 1))


def ages_of(shop_rows: dict[str, Any], period: str) -> dict[str, list[int]]:
    """Each customer's active periods since the first, and the number of the first at the front."""
    seen: dict[str, list[int]] = defaultdict(list)
    for n, who in sorted(active_sets(shop_rows, period).items()):
        for c in who:
            seen[c].append(n)
    return seen


@pytest.mark.parametrize(("start", "width"), [(1, 1), (1, 3), (2, 2), (2, 3), (3, 1)])
def test_who_was_active_in_a_window_is_counted_once(
    shop: Any,
    rows: dict[str, Any],  # noqa: F811
    start: int,
    width: int,
) -> None:
    t = shop(**rows)
    gaps = frame(marts.retention_gaps(t)).query("period == 'month'")
    counts = frame(marts.retention_counts(t)).query("period == 'month'")
    found = windows.within(gaps, triangle(counts, MONTHS, 0.95, 1), MONTHS, start, width)
    seen = ages_of(rows, "month")
    last = 2024 * 12 + 5 - 1970 * 12  # June 2024, the last whole month, as pandas counts months
    ready = {c: m for c, m in seen.items() if m[0] + start + width - 1 <= last}
    hit = sum(any(m[0] + start <= n < m[0] + start + width for n in m) for m in ready.values())
    assert found is not None and (found["eligible"], found["retained"]) == (len(ready), hit)


def test_a_window_that_nobody_has_reached_is_not_given(shop: Any, rows: dict[str, Any]) -> None:  # noqa: F811
    t = shop(**rows)
    gaps = frame(marts.retention_gaps(t)).query("period == 'month'")
    cells = triangle(frame(marts.retention_counts(t)).query("period == 'month'"), MONTHS, 0.95, 1)
    assert windows.within(gaps, cells, MONTHS, 4, 3) is None
    named = windows.definitions(gaps, cells, MONTHS, 5)
    assert set(named["definition"]) == {"on period", "on or after", "rolling", "bracket"}
    assert named["end"].max() <= 5


@pytest.mark.parametrize(("period", "long"), [("month", 30), ("week", 7)])
def test_exact_ages_count_from_ones_own_first_day(
    shop: Any,
    rows: dict[str, Any],  # noqa: F811
    period: str,
    long: int,
) -> None:
    t = shop(**rows)
    calendar = Calendar(period, dt.date(2024, 7, 1))
    counts = frame(marts.retention_counts(t)).query("period == @period")
    cells = triangle(counts, calendar, 0.95, 1)
    found = windows.exact(frame(marts.exact_ages(t)).query("period == @period"), cells, calendar, 5)
    days = days_of(rows)
    for row in found.to_dict("records"):
        a = row["start"]
        ready = {c: min(d) for c, d in days.items() if (dt.date(2024, 7, 1) - min(d)).days >= (a + 1) * long}
        hit = sum(any((x - first).days // long == a for x in days[c]) for c, first in ready.items())
        assert (row["eligible"], row["retained"]) == (len(ready), hit), a
    assert len(found) >= 4


def test_lapses_are_the_first_silence_of_six_months(shop: Any) -> None:
    """a: every month; b: once; c: a silence of seven months, then again; d: too young to tell."""
    days = {
        "a": [f"2023-{m:02d}-05" for m in range(1, 13)] + [f"2024-{m:02d}-05" for m in range(1, 7)],
        "b": ["2023-01-09"],
        "c": ["2023-01-02", "2023-03-02", "2023-11-02"],
        "d": ["2024-03-01"],
    }
    orders = [
        dict(order_id=f"{c}{n}", customer_id=c, status="paid", placed_at=d)
        for c, own in days.items()
        for n, d in enumerate(own)
    ]
    lines = [dict(order_id=o["order_id"], product_id="p", quantity=1, amount=5) for o in orders]
    found = frame(marts.lapses(shop(orders=orders, order_lines=lines))).query("period == 'month'")
    january = found[found["cohort"] == dt.date(2023, 1, 1)].fillna(-1)
    assert sorted(map(tuple, january[["broke", "last", "customers"]].to_numpy())) == [
        (-1, 0, 1), (-1, 17, 1), (2, 10, 1),
    ]  # fmt: skip
    alive = projection.survivors(found, MONTHS, 1)
    # reached age 17, so known up to 12: b is lost at 1, c at 3, a never
    assert alive == {dt.date(2023, 1, 1): [3, 2, 2, *[1] * 10]}


def test_cohort_value_and_its_error_are_those_of_customers(shop: Any, rows: dict[str, Any]) -> None:  # noqa: F811
    t = shop(**rows)
    counts = frame(marts.retention_counts(t)).query("period == 'month'")
    found = windows.cohort_value(counts, triangle(counts, MONTHS, 0.95, 1), MONTHS, 5).set_index("age")
    lines, orders = pd.DataFrame(rows["order_lines"]), pd.DataFrame(rows["orders"])
    paid = lines[lines["amount"] > 0].merge(orders, on="order_id").dropna(subset="customer_id")
    paid["n"] = paid["placed_at"].dt.to_period("M").map(lambda p: p.ordinal)
    first = paid.groupby("customer_id")["n"].min()
    last = 2024 * 12 + 5 - 1970 * 12
    for age in (0, 2, 4):
        ready = first[first + age <= last]
        own = paid[paid["customer_id"].isin(ready.index)]
        own = own[own["n"] - own["customer_id"].map(first) <= age]
        each = own.groupby("customer_id")["amount"].sum().reindex(ready.index)
        assert found.loc[age, "customers"] == len(ready)
        assert found.loc[age, "value"] == pytest.approx(each.mean(), rel=1e-12)
        assert found.loc[age, "error"] == pytest.approx(each.std() / np.sqrt(len(ready)), rel=1e-9)


# --- what comes next ------------------------------------------------------------------------------------------------


def test_a_shop_that_never_changes_is_foreseen_exactly() -> None:
    """Ten new customers a month of whom 5, 4, 3, 2 are active at ages 1 to 4 and later: the forecast is the sum."""
    cells = pd.DataFrame(
        [
            dict(cohort=MONTHS.later(dt.date(2022, 1, 1), c), age=a, customers=[10, 5, 4, 3, 2][min(a, 4)])
            for c in range(30)
            for a in range(30 - c)
        ]
    )
    every = triangle(cells, MONTHS, 0.95, 0)
    found = projection.outlook(every, MONTHS)
    for h, row in enumerate(found.ahead.to_dict("records"), 1):
        assert row["returning"] == 5 + 4 + 3 + 2 * (26 + h) and row["new"] == 10
    assert found.error == pytest.approx(0, abs=1e-12) and found.naive > 0
    assert found.ahead["start"].tolist() == [dt.date(2024, m, 1) for m in (7, 8, 9)]


def test_too_little_to_try_a_forecast_or_a_curve_on_is_said() -> None:
    few = pd.DataFrame([dict(cohort=dt.date(2024, 3, 1), age=a, customers=9) for a in range(4)])
    found, why = attempt(projection.outlook, triangle(few, MONTHS, 0.95, 0), MONTHS)
    assert found is None and "more than 10 whole months" in why
    none, why = attempt(projection.lifetimes, {dt.date(2024, 1, 1): [9, 5, 4]}, 12)
    assert none is None and "watched for long enough" in why


def test_a_curve_is_chosen_by_what_it_foresees() -> None:
    """Survivors drawn from a beta-geometric: it beats one rate for all, and its lifetime is the closed sum."""
    alpha, beta = 1.0, 2.0
    share = np.cumprod([1.0, *[(beta + k) / (alpha + beta + k) for k in range(14)]])
    alive = {dt.date(2022, m, 1): [round(100_000 * s) for s in share] for m in range(1, 5)}
    found = projection.lifetimes(alive, 24)
    assert found.choice.scores["sbg"] > found.choice.scores["geometric"]
    exact = np.cumprod([1.0, *[(beta + k) / (alpha + beta + k) for k in range(23)]]).sum()
    assert found.lifetime == pytest.approx(exact, rel=0.01) and found.miss < 0.01
    assert found.lifetime_low < exact < found.lifetime_high
