"""The price list's inputs and sums: units of today's price, what errs together, what is not known of neighbours."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from growth.price import offers
from growth.price.panel import Panel
from growth.price.profit import DRAWS, apart, normal_draws, scrambled
from growth.price.recommend import Product, Reason

PARAMS: Any = SimpleNamespace(
    margin_floor=0.0, step=0.3, rival_low=0.5, rival_high=2.0, sure=0.8, confidence=0.95, handling=0.0, fee=0.0,
    refunded=0.0,
)  # fmt: skip


def test_draws_share_the_common_part_and_nothing_else() -> None:
    one, two = (apart(0.3, np.inf, 0.4, n) for n in (3, 9))
    assert np.var(one) == pytest.approx(0.25, rel=0.05)
    assert np.corrcoef(one, two)[0, 1] == pytest.approx(0.09 / 0.25, abs=0.05)
    many = np.array([scrambled(0.0, 1.0, n) for n in range(60)])
    ties = np.corrcoef(many)[np.triu_indices(60, 1)]
    assert np.abs(ties).max() < 0.22 and np.abs(ties).mean() < 0.05
    heavy = apart(1.0, 2.0, 0.0, 0)
    assert np.quantile(heavy, 0.975) == pytest.approx(4.303, rel=0.05), "two degrees of freedom"


def test_units_are_brought_to_todays_price() -> None:
    """At 10 it sold 100 a week, at 8 as many as an elasticity of -2 says; today it costs 8."""
    week = [dt.date(2024, 6, 3) + dt.timedelta(weeks=w) for w in range(3)]
    rows = pd.DataFrame(
        dict(product_id="p", item="p", week=week, price=[10.0, 10.0, 8.0], units=[100, 100, 156.25], unit_cost=4.0,
             rival=np.nan, category="k", promotion=0.0, out=0.0)
    )  # fmt: skip
    known = pd.DataFrame(dict(product_id=["p"], elasticity=-2.0, common=0.1, freedom=np.inf, own=0.1))
    one = offers.offers(Panel(rows), None, known, {}, None, PARAMS)[0]
    assert (one.price, one.units) == (8.0, pytest.approx(156.25))


def products() -> list[Product]:
    draws = [-2.5 + apart(0.2, np.inf, 0.3, n) for n in (1, 2)]
    return [
        Product("dear", 14.0, 100.0, 6.0, draws[0], (5.0, 20.0)),
        Product("cheap", 8.5, 100.0, 6.0, draws[1], (5.0, 20.0)),
    ]


def test_no_price_is_lowered_where_what_it_takes_from_others_is_unknown() -> None:
    known = offers.recommended(products(), PARAMS).set_index("name")
    assert known.loc["dear", "price"] < 14 and known.loc["cheap", "price"] > 8.5
    alone = offers.recommended(products(), PARAMS, alone=True).set_index("name")
    assert alone.loc["dear", ["price", "reason"]].tolist() == [14.0, str(Reason.OTHERS)]
    assert alone.loc["cheap"].equals(known.loc["cheap"])
    assert offers.recommended(products()[:1], PARAMS, alone=True)["price"].iloc[0] < 14, (
        "it has no neighbours"
    )


def test_the_interval_of_a_list_is_that_of_its_sum_by_brute_force() -> None:
    """A rise and a cut: what they share makes one gain and the other lose, so the sum is surer than each."""
    made = products()
    table = offers.recommended(made, PARAMS)
    mean, low, high = offers.gained(made, table)
    random = np.random.default_rng(1)
    common, total = random.normal(0, 0.2, 200_000), np.zeros(200_000)
    for one, row in zip(made, table.itertuples(), strict=True):
        e = -2.5 + common + random.normal(0, 0.3, 200_000)
        q = (float(row.price) / one.price) ** e  # type: ignore[arg-type]
        total += one.units * (q * (float(row.price) - 6.0) - (one.price - 6.0))  # type: ignore[arg-type]
    assert mean == pytest.approx(total.mean(), rel=0.05)
    assert [low, high] == pytest.approx(np.quantile(total, [0.025, 0.975]).tolist(), abs=0.12 * (high - low))


def test_others_answers_go_with_the_level_as_told() -> None:
    from growth.price.ladder import Rung
    from growth.stats.contrast import estimate

    now = pd.DataFrame(dict(category="k", units=[50.0, 50.0]), index=["a", "b"])
    profit = pd.Series([10.0, 10.0], index=["a", "b"])
    rung = Rung("x", estimate(1.0, 0.3, np.inf), 9, with_own=-0.6)
    found = offers._others(now, profit, "a", rung)[0].elasticity
    assert np.corrcoef(found, normal_draws(0, 1, DRAWS))[0, 1] == pytest.approx(-0.6, abs=0.05)
    assert np.mean(found) == pytest.approx(1.0) and np.std(found) == pytest.approx(0.3, rel=0.05)
    assert not offers._others(now, profit, "a", replace(rung, estimate=None))
