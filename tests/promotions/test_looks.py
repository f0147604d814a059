"""Each day of a test against unit-level rows, day by day; and the plan of the next one against simulation."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from growth.promotions import looks
from growth.promotions.design import Cells, Design, Metric
from growth.promotions.looks import as_rows, look_days, next_test, replay, running
from growth.stats.power import power
from growth.stats.sequential import lan_demets
from tests.promotions.hand import BEGIN, cells, design

DAY = dt.timedelta(1)
TOTAL = Metric("contribution", "total", "goal")
LENGTH, POST = 14, 7
ALWAYS = "always_valid"


def plan(**changes: Any) -> Design:
    return design(**(dict(end=BEGIN + LENGTH * DAY, post_days=POST, metrics=(TOTAL,), cost=0.3) | changes))


def ledger(n: int = 120, seed: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Units with the day on which they entered, and their facts by day: up to two a day, some of amounts below 0."""
    random = np.random.default_rng(seed)
    units = pd.DataFrame({"unit": range(n), "arm": np.where(random.random(n) < 0.5, "control", "new")})
    units["day"] = [
        BEGIN + int(d) * DAY for d in np.where(random.random(n) < 0.6, 0, random.integers(0, 10, n))
    ]
    rows = []
    for u in units.itertuples():
        for k in range((BEGIN + (LENGTH + POST) * DAY - u.day).days):
            for _ in range(int(random.poisson(0.15))):
                amount = round(random.gamma(2, 10), 2)
                rows.append((u.unit, u.arm, u.day + k * DAY, 1.0, amount, round(0.4 * amount - 5, 2)))
    facts = pd.DataFrame(rows, columns=["unit", "arm", "day", "orders", "revenue", "contribution"])
    return units, facts


def mart(units: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    """The mart ``days``, by a loop over units: what each day adds to sums and sums of squares of totals so far."""
    added: dict[tuple[str, dt.date], dict[str, float]] = {}
    for u in units.itertuples():
        added.setdefault((u.arm, u.day), dict.fromkeys(COLUMNS, 0.0))["entered"] += 1
        so_far = dict.fromkeys(looks.DAILY, 0.0)
        for day, own in facts[facts["unit"] == u.unit].groupby("day"):
            row = added.setdefault((u.arm, day), dict.fromkeys(COLUMNS, 0.0))
            for m in looks.DAILY:
                now = so_far[m] + own[m].sum()
                row[m] += own[m].sum()
                row[f"{m}_squares"] += now**2 - so_far[m] ** 2
                so_far[m] = now
    return pd.DataFrame([dict(arm=a, day=d, **v) for (a, d), v in added.items()])


COLUMNS = ("entered", *(c for m in looks.DAILY for c in (m, f"{m}_squares")))
UNITS, FACTS = ledger()
DAYS = mart(UNITS, FACTS)


def so_far(arm: str, metric: str, day: dt.date) -> np.ndarray:
    """Each unit's total up to a day, of the units that had entered by then."""
    inside = UNITS[(UNITS["arm"] == arm) & (UNITS["day"] <= day)]["unit"]
    total = FACTS[FACTS["day"] <= day].groupby("unit")[metric].sum()
    return total.reindex(inside).fillna(0.0).to_numpy()


@pytest.mark.parametrize("metric", looks.DAILY)
@pytest.mark.parametrize("arm", ["control", "new"])
def test_running_is_what_units_have_had(arm: str, metric: str) -> None:
    until = BEGIN + (LENGTH + POST) * DAY
    found = running(DAYS, arm, metric, 0.3, until)
    assert len(found) > 15 and found.index.max() < until
    for day, row in found.iterrows():
        values = so_far(arm, metric, day)
        assert row["units"] == values.size
        assert row["mean"] == pytest.approx(values.mean() - 0.3)
        assert row["variance"] == pytest.approx(values.var(ddof=1))


@pytest.mark.parametrize("way", ["fixed", "group_sequential", ALWAYS])
def test_a_replay_is_the_test_of_every_day(way: str) -> None:
    found = replay(plan(way=way, looks=3), DAYS, "new")
    assert found is not None and (found.arm, found.metric) == ("new", "contribution")
    for row in found.days.itertuples():
        a, b = so_far("new", "contribution", row.day), so_far("control", "contribution", row.day)
        assert row.value == pytest.approx(a.mean() - 0.3 - b.mean())
        assert row.base == pytest.approx(b.mean()) and row.units == a.size + b.size
        error = np.sqrt(a.var(ddof=1) / a.size + b.var(ddof=1) / b.size)
        assert row.error == pytest.approx(error)
        assert row.naive_high - row.value == pytest.approx(1.959964 * error, rel=1e-6)
        assert row.high >= row.naive_high - 1e-12
    assert found.days["day"].iloc[-1] == BEGIN + (LENGTH + POST) * DAY - DAY, "a total is seen to its end"


def test_only_planned_looks_can_stop_a_planned_test_and_by_their_bound() -> None:
    found = replay(plan(way="group_sequential", looks=3, cost=30.0), DAYS, "new")
    assert found is not None
    bounds = lan_demets([1 / 3, 2 / 3, 1.0])
    own = found.days[found.days["day"].isin(found.looks)]
    assert list(own["day"]) == [BEGIN + 6 * DAY, BEGIN + 13 * DAY, BEGIN + 20 * DAY]
    assert ((own["high"] - own["value"]) / own["error"]).to_numpy() == pytest.approx(bounds)
    assert found.first_naive is not None and found.first_naive < found.looks[0]
    assert found.first_crossed in found.looks, "a cost of 30 a unit is found at a look, not before"
    assert not found.days[~found.days["day"].isin(found.looks)]["crossed"].any()


def test_what_may_always_be_looked_at_may_stop_on_any_day() -> None:
    found = replay(plan(way=ALWAYS, cost=30.0), DAYS, "new")
    assert found is not None and found.first_crossed is not None
    crossed = found.days.set_index("day")["crossed"]
    assert crossed[found.first_crossed] and found.first_crossed not in (None, found.looks[-1])
    assert found.first_naive is not None and found.first_naive <= found.first_crossed


def test_a_fixed_test_is_looked_at_on_its_last_day() -> None:
    found = replay(plan(cost=30.0), DAYS, "new")
    assert found is not None and found.looks == (BEGIN + 20 * DAY,) and found.first_crossed == found.looks[0]


def test_a_goal_of_the_days_during_ends_with_them_and_one_that_is_not_daily_is_orders() -> None:
    found = replay(plan(metrics=(Metric("revenue", "during", "goal"),)), DAYS, "new")
    assert found is not None and found.metric == "revenue"
    assert found.days["day"].iloc[-1] == BEGIN + LENGTH * DAY - DAY
    other = replay(plan(metrics=(Metric("visits", "during", "goal"),)), DAYS, "new")
    assert other is not None and other.metric == "orders"
    last = other.days.iloc[-1]
    both = [so_far(a, "orders", last["day"]).mean() for a in ("new", "control")]
    assert last["value"] == pytest.approx(both[0] - both[1]), "an arm's cost is none of orders"


def test_without_days_or_dates_there_is_no_replay() -> None:
    assert replay(plan(), DAYS.iloc[:0], "new") is None
    assert replay(plan(begin=None, end=None), DAYS, "new") is None
    flat = DAYS.assign(**dict.fromkeys(COLUMNS[1:], 0.0))
    assert replay(plan(), flat, "new") is None


@pytest.mark.parametrize(
    ("length", "count", "days"), [(35, 5, [6, 13, 20, 27, 34]), (10, 3, [3, 6, 9]), (1, 1, [0])]
)
def test_planned_looks_are_spread_evenly(length: int, count: int, days: list[int]) -> None:
    found = look_days(plan(way="group_sequential", looks=count), BEGIN + length * DAY)
    assert [(d - BEGIN).days for d in found] == days


# --- the next test -----------------------------------------------------------------------------------


def whole() -> Cells:
    until = BEGIN + LENGTH * DAY
    rows = [
        pd.DataFrame({"arm": a, "during_orders": so_far(a, "orders", until - DAY)})
        for a in ("control", "new")
    ]
    return cells(pd.concat(rows), "during_orders")


ORDERS = Metric("orders", "during", "goal")


@pytest.mark.parametrize(
    ("way", "looks", "bound"), [("fixed", 1, 1.959964), ("group_sequential", 5, 2.031032), (ALWAYS, 1, None)]
)
def test_the_smallest_effect_is_found_with_the_planned_power_by_the_design(
    way: str, looks: int, bound: Any
) -> None:
    own, error = whole(), 0.25
    found = next_test(plan(metrics=(ORDERS,), way=way, looks=looks), own, "new", None, error)
    assert found is not None and found.base == pytest.approx(
        so_far("control", "orders", BEGIN + 13 * DAY).mean()
    )
    if bound is None:
        n = sum(m.n for m in own.arms.values())
        rho2 = (-2 * np.log(0.05) + np.log(-2 * np.log(0.05) + 1)) / 5_000
        grown = n * rho2 + 1
        bound = np.sqrt(2 * grown / (n * rho2) * np.log(np.sqrt(grown) / 0.05))
    z = found.smallest * found.base / error
    assert stats.norm.sf(bound - z) + stats.norm.cdf(-bound - z) == pytest.approx(0.8, abs=1e-6)
    assert found.days_for == dict.fromkeys(looks_wanted(), None)


def looks_wanted() -> tuple[float, ...]:
    return looks.WANTED


def test_units_for_an_effect_are_of_all_arms_together() -> None:
    """With them the error shrinks by the root of the units, and the power is the planned one."""
    own, error = whole(), 0.25
    more = Cells(own.arms | {"third": own.arms["new"]}, {}, (), (), {})
    for some in (own, more):
        units = sum(m.n for m in some.arms.values())
        found = next_test(plan(metrics=(ORDERS,)), some, "new", None, error)
        assert found is not None
        for wanted, needed in found.units_for.items():
            shrunk = error * np.sqrt(units / needed)
            assert power(wanted * found.base, shrunk) == pytest.approx(0.8, abs=2e-3)


def test_days_for_an_effect_are_those_after_which_no_day_is_too_weak() -> None:
    seen = replay(plan(metrics=(ORDERS,)), DAYS, "new")
    assert seen is not None
    found = next_test(plan(metrics=(ORDERS,), power=0.3), whole(), "new", seen, 0.25)
    assert found is not None
    for wanted, days in found.days_for.items():
        strong = [power(wanted * r.base, r.error) >= 0.3 for r in seen.days.itertuples()]
        lengths = [(r.day - BEGIN).days + 1 for r in seen.days.itertuples()]
        good = [n for i, n in enumerate(lengths) if all(strong[i:])]
        assert days == (good[0] if good else None)
    assert found.days_for[0.05] is None and found.days_for[0.40] is not None


def test_nothing_relative_to_a_control_without_any() -> None:
    own = cells(
        pd.DataFrame(dict(arm=["control"] * 3 + ["new"] * 3, during_orders=[0.0] * 3 + [1.0, 2, 3])),
        "during_orders",
    )
    assert next_test(plan(metrics=(ORDERS,)), own, "new", None, 0.1) is None


def test_the_curve_of_lengths() -> None:
    seen = replay(plan(metrics=(ORDERS,)), DAYS, "new")
    assert seen is not None
    curve = looks.relative_error(seen)
    last = seen.days.iloc[-1]
    assert curve["smallest"].iloc[-1] == pytest.approx(
        2.8015852 * last["error"] / abs(last["base"]), rel=1e-5
    )
    assert list(curve["days"]) == sorted(curve["days"])


def test_how_often_daily_looks_are_wrong() -> None:
    """Armitage, McPherson and Rowe (1969), table 2: 1, 5, 10 looks at 5 %: .05, .142, .193."""
    found = [looks.expected_looks_wrong(n) for n in (1, 5, 10)]
    assert found == pytest.approx([0.05, 0.142, 0.193], abs=0.006)


def test_rows_of_plans() -> None:
    found = next_test(plan(metrics=(ORDERS,)), whole(), "new", None, 0.25)
    assert found is not None
    (row,) = as_rows({"trial": found})
    assert row["experiment"] == "trial" and row["units for 10 %"] == found.units_for[0.10]
