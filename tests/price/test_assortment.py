"""Classes, stages, stock and trial by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from growth.price.assortment import UNCLASSED, abc, slow_movers, stages, trial_and_repeat, turnover, xyz

MONDAY = dt.date(2024, 1, 1)


def weeks(**units: list[float]) -> pd.DataFrame:
    """Each product's units of its last weeks; all end in the same one."""
    last = MONDAY + dt.timedelta(weeks=99)
    rows = [
        (name, last - dt.timedelta(weeks=len(own) - 1 - n), u)
        for name, own in units.items()
        for n, u in enumerate(own)
    ]
    return pd.DataFrame(rows, columns=["product", "week", "units"])


def test_abc_by_hand() -> None:
    found = abc(pd.Series(dict(d=5.0, a=60.0, c=15.0, b=20.0, loss=-7.0, none=0.0)))
    assert found.index.tolist() == ["d", "a", "c", "b", "loss", "none"]  # nobody is left out or moved
    assert found["abc"].tolist() == ["C", "A", "B", "A", "C", "C"]  # a and b reach .8 exactly, c .95
    assert found["share"].sum() == pytest.approx(1) and found.loc["c", "cumulated"] == pytest.approx(0.95)


def test_equal_values_have_one_class_in_any_order() -> None:
    values = pd.Series(dict(a=40.0, b=20.0, c=20.0, d=20.0, e=0.1))
    found = abc(values, (0.5, 0.9))
    assert found["abc"].tolist() == ["A", "A", "A", "A", "C"]
    random = np.random.default_rng(1)
    for _ in range(10):
        mixed = values.iloc[random.permutation(5)]
        assert abc(mixed, (0.5, 0.9)).loc[values.index].equals(found)


def test_xyz_counts_zero_weeks() -> None:
    steady, wild = [10.0, 11, 9, 10] * 4, [0.0, 0, 0, 40] * 4
    found = xyz(weeks(steady=steady, wavy=[4.0, 16] * 8, wild=wild, none=[0.0] * 16, young=[5.0, 5]))
    assert found["xyz"].to_dict() == dict(steady="X", wavy="Y", wild="Z", none="Z", young=UNCLASSED)
    assert found.loc["wild", "zero_weeks"] == 12
    assert found.loc["wild", "variation"] == pytest.approx(np.std(wild, ddof=1) / 10)
    assert np.isnan(found.loc["none", "variation"])


def test_stages_by_hand() -> None:
    flat = [10.0] * 52
    found = stages(
        weeks(
            new=[3.0] * 6, up=[4.0] * 39 + [8.0] * 13, flat=flat, down=[10.0] * 39 + [5.0] * 13,
            gone=[9.0] * 40 + [0.0] * 12, never=[0.0] * 20, young=[2.0] * 5 + [9.0] * 5, more=[30.0] * 52,
        )
    )  # fmt: skip
    assert found["stage"].to_dict() == dict(
        new="launch", up="growth", flat="maturity", down="decline", gone="end", never="end", young="growth",
        more="maturity",
    )  # fmt: skip
    assert found.loc["gone", "silent"] == 12 and found.loc["never", "silent"] == 20


def test_a_season_moves_nobody() -> None:
    """All sell twice as much in the last quarter: nobody grows but the one who sells four times as much."""
    doubled = {f"p{k}": [10.0] * 39 + [20.0] * 13 for k in range(9)}
    found = stages(weeks(**doubled, star=[10.0] * 39 + [45.0] * 13))
    assert set(found["stage"].drop("star")) == {"maturity"} and found.loc["star", "stage"] == "growth"


def test_a_flood_of_new_products_makes_nobody_old() -> None:
    new = {f"n{k}": [50.0] * 12 for k in range(20)}
    found = stages(weeks(flat=[10.0] * 40, also=[30.0] * 40, **new), launch=12)
    assert found.loc[["flat", "also"], "stage"].tolist() == ["maturity", "maturity"]
    assert stages(weeks(alone=[5.0] * 14 + [9.0] * 26))["stage"].tolist() == ["maturity"]
    assert stages(weeks(alone=[5.0] * 27 + [9.0] * 13))["stage"].tolist() == ["growth"]


def stocked(**change: Any) -> pd.DataFrame:
    own = dict(
        product=["a", "b", "c", "d"], days=[90] * 4, units=[90, 9, 0, 30], cost=[2.0, 5.0, 4.0, 1.0],
        opening=[40, 30, 10, 0], closing=[20, 30, 10, 0],
    )  # fmt: skip
    return pd.DataFrame(own | change)


def test_turnover_and_money_by_hand() -> None:
    found = turnover(stocked())
    assert found["tied_up"].tolist() == [60, 150, 40, 0]
    assert found["days"].tolist() == [30, 300, np.inf, 0]
    assert found["turns"].tolist()[:3] == pytest.approx([365 / 30, 365 / 300, 0]) and np.isnan(
        found["turns"]["d"]
    )
    daily = stocked().drop(columns=["opening", "closing"]).assign(average=[30, 30, 10, 0])
    assert turnover(daily).equals(found)
    slow = slow_movers(found)
    assert slow["product"].tolist() == ["b", "c"] and slow["excess"].tolist() == pytest.approx([60, 40])


def lines(*rows: tuple[str | None, str, int]) -> pd.DataFrame:
    return pd.DataFrame(
        [(c, p, MONDAY + dt.timedelta(days=d)) for c, p, d in rows], columns=["customer", "product", "date"]
    )


BOUGHT = lines(
    ("a", "new", 0), ("a", "new", 0), ("a", "new", 30),  # twice on a day is one; again in time
    ("b", "new", 10), ("b", "new", 40),  # again too late
    ("c", "new", 19),  # tried on the last day; its days of repeat are not over
    ("d", "old", 3), ("e", "old", 19),  # had the chance
    ("f", "new", 25), ("g", "old", 21),  # after the days of trial
    (None, "new", 2),  # a guest
)  # fmt: skip


def test_trial_and_repeat_by_hand() -> None:
    found = trial_and_repeat(BOUGHT, "new", MONDAY, MONDAY + dt.timedelta(days=45), 20, 29)
    assert (found.customers, found.triers, found.watched, found.repeaters) == (5, 3, 2, 0)
    found = trial_and_repeat(BOUGHT, "new", MONDAY, MONDAY + dt.timedelta(days=45), 20, 30)
    assert (found.watched, found.repeaters) == (2, 2)
    assert found.trial[0] == 0.6
    assert found.trial[1:] == pytest.approx(proportion_confint(3, 5, method="wilson"))
    with_late = trial_and_repeat(BOUGHT, "new", MONDAY, MONDAY + dt.timedelta(days=41), 20, 30)
    assert (with_late.watched, with_late.repeaters) == (2, 2)
    nobody = trial_and_repeat(BOUGHT, "none", MONDAY, MONDAY + dt.timedelta(days=45), 20, 30)
    assert nobody.trial[0] == 0 and np.isnan(nobody.repeat[0])


def test_the_last_day_of_repeat_must_be_known() -> None:
    """Tried on day 10, 30 days to come back: until day 40, known from day 41 on."""
    for as_of, watched in ((40, 1), (41, 2)):
        assert (
            trial_and_repeat(BOUGHT, "new", MONDAY, MONDAY + dt.timedelta(days=as_of), 20, 30).watched
            == watched
        )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: abc(pd.Series([1.0, 2.0], ["a", "a"])), "comes twice"),
        (lambda: abc(pd.Series(dict(a=np.nan))), "missing"),
        (lambda: abc(pd.Series(dict(a=0.0, b=-1.0))), "more than 0"),
        (lambda: abc(pd.Series(dict(a=1.0)), (0.95, 0.8)), "in order"),
        (lambda: xyz(weeks(a=[1.0, -1.0])), "below 0"),
        (lambda: xyz(weeks(a=[1.0, np.nan])), "missing or below 0"),
        (lambda: xyz(pd.concat([weeks(a=[1.0]), weeks(a=[1.0])])), "twice"),
        (lambda: xyz(weeks(a=[1.0, 2.0, 3.0]).drop(index=1)), "leaves weeks out"),
        (lambda: xyz(weeks(a=[1.0]), (1.0, 0.5)), "in order"),
        (lambda: stages(weeks(a=[1.0, 2.0], b=[1.0, 2.0]).drop(index=1)), "no row for the last week"),
        (lambda: stages(weeks(a=[1.0]), launch=0), "at least one week"),
        (lambda: turnover(stocked(cost=[2.0, np.nan, 4.0, 1.0])), "its cost is missing"),
        (lambda: turnover(stocked(currency=["EUR", "EUR", "GBP", "EUR"])), "several currencies"),
        (lambda: turnover(stocked(units=[1, 1, -1, 1])), "its units"),
        (lambda: turnover(stocked(product=["a", "a", "b", "c"])), "comes twice"),
        (lambda: trial_and_repeat(BOUGHT, "new", MONDAY, MONDAY + dt.timedelta(days=10)), "not over"),
        (
            lambda: trial_and_repeat(
                BOUGHT, "new", MONDAY + dt.timedelta(days=5), MONDAY + dt.timedelta(days=99), 5
            ),
            "before its launch",
        ),
    ],
)
def test_bad_input_is_named(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
