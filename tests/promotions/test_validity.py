"""Every check with each of its verdicts, on inputs made by hand; p-values against SciPy."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from growth.promotions import validity
from growth.promotions.design import Arm, Cells, Metric
from growth.promotions.validity import OK, STOP, WAIT, WARN, Check
from tests.promotions.hand import BEGIN, END, PARAMS, cells, design

AFTER = dt.date(2024, 12, 1)
ZEROS = dict.fromkeys(("no_unit", "twice", "late", "exposed", "exposed_before", "exposed_other"), 0)
NOBODY = pd.DataFrame({"other": [], "shared": []})


def customers(n: int = 2_000, before: float = 0.0, seed: int = 1) -> Cells:
    """Customers with one visit or two each; the new arm's orders before are `before` more."""
    random = np.random.default_rng(seed)
    rows = []
    for arm, more in (("control", 0.0), ("new", before)):
        pre = random.poisson(1, n) + more
        columns = dict(
            arm=arm, pre_orders=pre, pre_visits=pre + random.poisson(2, n), during_visits=1.0 + random.poisson(1, n),
            during_orders=random.poisson(0.5, n), total_contribution=random.normal(1, 3, n),
        )  # fmt: skip
        rows.append(pd.DataFrame(columns))
    return cells(pd.concat(rows), *list(columns)[1:])


def counts(units: tuple[int, ...] = (2_000, 2_000), **more: Any) -> pd.DataFrame:
    arms = ("control", "new", "third")[: len(units)]
    return pd.DataFrame({"arm": arms, "units": units}).assign(**(ZEROS | more))


def checked(code: str, own: Cells | None = None, table: pd.DataFrame | None = None, **changes: Any) -> Check:
    """The check of one code, everything else being in order."""
    overlaps, as_of = changes.pop("overlaps", NOBODY), changes.pop("as_of", AFTER)
    arms = pd.DataFrame({"arm": ["control", "new"], "planned": True})
    found = validity.validity(
        design(**changes),
        own or customers(),
        counts() if table is None else table,
        arms,
        overlaps,
        as_of,
        PARAMS,
    )
    (check,) = [c for c in found if c.code == code]
    return check


def test_a_sound_test_gives_no_warning_but_that_nothing_was_planned() -> None:
    arms = pd.DataFrame({"arm": ["control", "new"], "planned": True})
    found = validity.validity(design(), customers(), counts(), arms, NOBODY, AFTER, PARAMS)
    assert {c.code: c.verdict for c in found if c.verdict != OK} == {"power": WARN}
    codes = [
        "arms",
        "sample_ratio",
        "balance",
        "twice",
        "exposed_before",
        "exposed_other",
        "late",
        "one_at_a_time",
    ]
    assert [c.code for c in found] == [*codes, "weeks", "over", "visits", "power"]
    assert all(not c.consequence for c in found if c.verdict == OK)


# --- arms -------------------------------------------------------------------------------------------------------


def test_an_arm_that_nobody_planned_or_got_ends_the_checks() -> None:
    arms = pd.DataFrame({"arm": ["control", "new", "typo"], "planned": [True, True, False]})
    (found,) = validity.validity(design(), customers(), counts(), arms, NOBODY, AFTER, PARAMS)
    assert (found.verdict, found.seen) == (STOP, "assignments name typo, which experiment_arms does not have")
    arms = pd.DataFrame({"arm": ["control", "new", "third"], "planned": True})
    (found,) = validity.validity(design("new", "third"), customers(), counts(), arms, NOBODY, AFTER, PARAMS)
    assert (found.verdict, found.seen) == (STOP, "no unit was assigned to third")


def test_an_arm_of_which_no_unit_was_measured_ends_them_too() -> None:
    """Its units were assigned, but a metric is missing of all: there is nothing to compare, and no crash."""
    own = customers()
    own = replace(own, arms={"control": own.arms["control"]}, incomplete={"new": 2_000})
    arms = pd.DataFrame({"arm": ["control", "new"], "planned": True})
    (found,) = validity.validity(design(), own, counts(), arms, NOBODY, AFTER, PARAMS)
    assert found.verdict == STOP and found.seen.startswith("fewer than two units of new")


# --- sample ratio -----------------------------------


@pytest.mark.parametrize(
    ("units", "verdict"),
    [((2_000, 2_000), OK), ((2_000, 2_150), OK), ((2_000, 2_170), WARN), ((2_000, 2_250), STOP)],
)
def test_sample_ratio(units: tuple[int, int], verdict: str) -> None:
    found = checked("sample_ratio", table=counts(units))
    assert found.verdict == verdict and found.value == pytest.approx(stats.chisquare(units).pvalue, rel=1e-9)
    assert bool(found.consequence) == (verdict != OK)


def test_sample_ratio_is_against_the_plan_not_against_halves() -> None:
    plan = dict(control=Arm("control", 0.8, 0.0), treatments=(Arm("new", 0.2, 0.0),))
    assert checked("sample_ratio", table=counts((4_000, 1_010)), **plan).verdict == OK
    found = checked("sample_ratio", table=counts((2_500, 2_500)), **plan)
    assert found.verdict == STOP and found.value == pytest.approx(
        stats.chisquare([2500, 2500], [4000, 1000]).pvalue
    )


# --- balance ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("before", "verdict"), [(0.0, OK), (0.10, WARN), (0.2, STOP)])
def test_balance_before(before: float, verdict: str) -> None:
    """At 2,000 an arm of variance 1 an error is .032; against the noise of visits a little less."""
    found = checked("balance", customers(before=before, seed=8))
    assert found.verdict == verdict, found


def hotelling(a: np.ndarray, b: np.ndarray) -> float:
    """Hotelling's two-sample test, the textbook's, for arms of equal size."""
    n, k = len(a), a.shape[1]
    apart = a.mean(0) - b.mean(0)
    pooled = (np.cov(a.T) + np.cov(b.T)) / 2
    t2 = n / 2 * apart @ np.linalg.solve(pooled, apart)
    return float(stats.f.sf((2 * n - k - 1) / k / (2 * n - 2) * t2, k, 2 * n - k - 1))


def test_a_few_cities_are_not_judged_as_if_they_were_thousands() -> None:
    random = np.random.default_rng(5)
    a, b = random.normal(0, 1, (12, 3)), random.normal(1.1, 1, (12, 3))
    units = pd.concat([pd.DataFrame(x, columns=["pre_a", "pre_b", "pre_c"]).assign(arm=n, y=1.0 + x[:, 0])
                       for n, x in (("control", a), ("new", b))])  # fmt: skip
    found = checked(
        "balance", cells(units, "pre_a", "pre_b", "pre_c", "y"), metrics=(Metric("y", "", "goal"),)
    )
    assert found.value == pytest.approx(hotelling(a, b), rel=1e-9)


def test_nothing_known_from_before_is_no_fault() -> None:
    own = replace(customers(), covariates=())
    assert (checked("balance", own).verdict, checked("balance", own).seen) == (
        OK,
        "nothing is known from before",
    )


# --- who is in two arms, saw another, came late, is missing -----------------------------------


@pytest.mark.parametrize("code", ["twice", "exposed_before", "exposed_other"])
@pytest.mark.parametrize(("n", "verdict"), [(0, OK), (2, OK), (3, WARN), (20, WARN), (21, STOP)])
def test_shares_of_units(code: str, n: int, verdict: str) -> None:
    """Of 4,000 units in both arms: .1 % are 4, 1 % are 40; n is of each arm."""
    found = checked(code, table=counts(**{code: n}))
    assert found.verdict == verdict and found.value == pytest.approx(n / 2_000)


@pytest.mark.parametrize(("n", "verdict"), [(0, OK), (1, WARN), (20, WARN), (21, STOP)])
def test_assigned_after_the_end(n: int, verdict: str) -> None:
    assert checked("late", table=counts(late=n)).verdict == verdict


def test_rows_without_a_unit() -> None:
    found = checked("no_unit", table=counts(no_unit=3))
    assert (found.verdict, found.seen) == (WARN, "6 rows")


@pytest.mark.parametrize(("n", "verdict"), [(10, WARN), (30, STOP)])
def test_units_without_a_value(n: int, verdict: str) -> None:
    own = replace(customers(), incomplete={"control": 0, "new": n})
    found = checked("incomplete", own)
    assert found.verdict == verdict and f"new {n / (2_000 + n):.2%}" in found.seen


# --- one variable at a time, weeks, the end -----------------------------------


def test_another_test_at_the_time() -> None:
    others = pd.DataFrame({"other": ["banner", "speed"], "shared": [120, 0]})
    found = checked("one_at_a_time", overlaps=others)
    assert found.verdict == WARN
    assert found.seen == "at the same time as banner (120 units of both); speed (another kind of unit)"


@pytest.mark.parametrize(("days", "verdict"), [(7, OK), (28, OK), (10, WARN)])
def test_whole_weeks(days: int, verdict: str) -> None:
    assert checked("weeks", end=BEGIN + dt.timedelta(days)).verdict == verdict


@pytest.mark.parametrize(
    ("as_of", "verdict"),
    [
        (END - dt.timedelta(1), WAIT),
        (END, WAIT),
        (END + dt.timedelta(27), WAIT),
        (END + dt.timedelta(28), OK),
    ],
)
def test_the_end_and_the_days_after(as_of: dt.date, verdict: str) -> None:
    """`as_of` is the first day that is not known."""
    assert checked("over", as_of=as_of).verdict == verdict


def test_without_dates_nothing_is_said_of_weeks() -> None:
    assert (checked("weeks", begin=None, end=None).verdict) == OK


# --- visits and power -----------------------------------


@pytest.mark.parametrize(("n", "verdict"), [(2_000, OK), (300, WARN)])
def test_visits_an_arm(n: int, verdict: str) -> None:
    own = customers(n)
    found = checked("visits", own, table=counts((n, n)))
    least = min(m.mean_of("during_visits") * m.n for m in own.arms.values())
    assert found.verdict == verdict and found.value == pytest.approx(least)


def test_units_stand_for_visits_where_these_are_not_known() -> None:
    own = cells(pd.DataFrame(dict(arm=["control", "new"] * 50, y=np.arange(100.0))), "y")
    found = checked("visits", own, table=counts((50, 50)), metrics=(Metric("y", "", "goal"),))
    assert (found.verdict, found.seen) == (WARN, "least 50 (control), units")


def by_brute_force(effect: float, error: float, bound: float) -> float:
    draws = effect / error + np.random.default_rng(0).standard_normal(400_000)
    return float((np.abs(draws) > bound).mean())


@pytest.mark.parametrize(
    ("way", "looks", "bound"),
    [("fixed", 1, 1.959964), ("group_sequential", 5, 2.031032), ("always_valid", 1, None)],
)
def test_planned_power_is_that_of_the_design_at_the_planned_effect(
    way: str, looks: int, bound: float | None
) -> None:
    own = replace(customers(), covariates=())
    c, t = (own.arms[a] for a in ("control", "new"))
    error = np.sqrt(c.var("total_contribution") / c.n + t.var("total_contribution") / t.n)
    found = checked("power", own, way=way, looks=looks, planned_lift=0.27)
    if bound is None:  # the sequence's width at 4,000 units, from the paper's formula
        rho2 = (-2 * np.log(0.05) + np.log(-2 * np.log(0.05) + 1)) / 5_000
        grown = 4_000 * rho2 + 1
        bound = np.sqrt(2 * grown / (4_000 * rho2) * np.log(np.sqrt(grown) / 0.05))
    expected = by_brute_force(0.27 * c.mean_of("total_contribution"), error, bound)
    assert found.value == pytest.approx(expected, abs=0.004)
    assert found.verdict == (OK if found.value is not None and found.value >= 0.8 else WARN)


def test_planned_power_uses_what_adjustment_gains() -> None:
    random = np.random.default_rng(4)
    pre = random.normal(5, 2, 4_000)
    units = pd.DataFrame(
        dict(arm=["control", "new"] * 2_000, pre_y=pre, during_y=pre + random.normal(0, 1, 4_000))
    )
    own = cells(units, "pre_y", "during_y")
    plan = dict(metrics=(Metric("y", "during", "goal"),), planned_lift=0.02)
    with_it, without = (checked("power", x, **plan).value for x in (own, replace(own, covariates=())))
    assert with_it is not None and without is not None and with_it > 0.8 > 0.5 > without


@pytest.mark.parametrize(("planned", "verdict"), [(2_000, OK), (2_001, WARN)])
def test_units_that_were_planned(planned: int, verdict: str) -> None:
    assert checked("power", planned_units=planned).verdict == verdict


def test_a_goal_that_does_not_vary_or_is_not_there_has_no_power() -> None:
    flat = cells(pd.DataFrame(dict(arm=["control", "new"] * 1_000, y=3.0)), "y")
    found = checked("power", flat, metrics=(Metric("y", "", "goal"),), planned_lift=0.1)
    assert found.verdict == WARN
    flat_goal = Metric("nothing", "during", "goal")
    assert checked("power", metrics=(flat_goal,), planned_lift=0.1).verdict == WARN
