"""Competitors' prices: what they follow, what they do, and that it can be found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from growth.simulation import Settings, World, demand, market
from growth.simulation.rivals import RIVALS
from growth.simulation.run import Job
from growth.simulation.state import PER_CATEGORY, State
from growth.simulation.world import TYPES, Shelf
from tests.simulation.conftest import Platform
from tests.simulation.estimators import dummies, poisson
from tests.simulation.test_market import panel_of


@pytest.fixture(scope="module")
def state() -> State:
    return Job.of(Settings(), None, None, None).state()


def test_they_are_watched_every_week_for_what_we_sell_too(base: Platform) -> None:
    c, p = base.frame("competitor_prices"), base.frame("products").set_index("product_id")
    assert set(c["competitor"]) == set(RIVALS) and (c["price"] >= 1).all()
    assert not c.duplicated(["product_id", "date", "competitor"]).any()
    monday = pd.to_datetime(c["date"]).dt.day_of_week == 0
    assert (monday | (c["date"] == c["date"].min())).all()
    assert (c["date"] >= c["product_id"].map(p["launched_on"])).all()
    assert c.query("competitor == 'rival north'")["product_id"].nunique() == len(p)
    assert 0.4 < c.query("competitor == 'rival south'")["product_id"].nunique() / len(p) < 0.8


def test_they_follow_the_cost_of_the_category_and_nothing_of_the_product(state: State) -> None:
    """So that our cost stays a valid instrument, and their prices answer no demand."""
    rival = state.rivals.log_price
    by_category = lambda x: x.reshape(len(x), -1, PER_CATEGORY)  # noqa: E731
    own = by_category(state.log_cost) - by_category(state.log_cost).mean(axis=2, keepdims=True)
    correlation = lambda a, b: abs(np.corrcoef(a.ravel(), b.ravel())[0, 1])  # noqa: E731
    assert correlation(by_category(rival), own) < 0.05
    assert correlation(rival, state.shock) < 0.05
    mean = by_category(rival).mean(axis=2), by_category(state.log_cost).mean(axis=2)
    assert np.corrcoef(mean[0].ravel(), mean[1].ravel())[0, 1] > 0.1
    assert 0.05 < rival.std() < 0.11


def test_the_stated_elasticity_is_what_their_price_does(state: State) -> None:
    """One product after the other: competitors ask 1 % more, and its expected units move."""
    world, weight = World(), np.ones((len(TYPES), 10))
    base = market.base_elasticities(world, state, weight)
    v = market.base_utility(world, state)
    change = np.empty(v.shape[1])
    for j in range(v.shape[1]):
        part = slice(j // PER_CATEGORY * PER_CATEGORY, (j // PER_CATEGORY + 1) * PER_CATEGORY)
        after = v.copy()
        after[:, j] += world.shelf.rival_utility * np.log(1.01)
        units = [demand.shares(x[:, part]).sum(axis=0)[j % PER_CATEGORY] for x in (v, after)]
        change[j] = np.log(units[1] / units[0]) / np.log(1.01)
    assert base.rival == pytest.approx(change @ base.demand / base.demand.sum(), rel=0.005)
    assert 0.4 < base.rival < world.shelf.rival_utility


def test_the_state_moves_by_the_stated_utility(state: State) -> None:
    without = Job.of(Settings(), None, None, World(shelf=replace(Shelf(), rival_utility=0.0))).state()
    on_sale = np.isfinite(without.unlimited[0])
    row = state.span.days // 7 - state.first_week
    moved = (state.unlimited - np.where(on_sale, without.unlimited, 0.0))[:, on_sale]
    wanted = World().shelf.rival_utility * state.rivals.log_price[row][on_sale]
    np.testing.assert_allclose(moved, np.broadcast_to(wanted, moved.shape), atol=1e-12)
    assert (state.stock.out == without.stock.out).all() and (state.price == without.price).all()


def test_their_price_is_found_in_sales(default: Platform) -> None:
    """Poisson with product and week effects: within three errors of the truth, and of nothing by far not."""
    cells = panel_of(default)
    c = default.frame("competitor_prices")
    c["week"] = (pd.to_datetime(c["date"]) - pd.Timestamp("2020-12-28")).dt.days // 7
    c["log"] = np.log(c["price"].astype(float))
    c["log"] -= c.groupby(["product_id", "competitor"])["log"].transform("mean")
    theirs = c.groupby(["product_id", "week"])["log"].mean().rename("theirs").reset_index()
    cells = cells.merge(theirs, on=["product_id", "week"])
    fixed = dummies(cells["product_id"].to_numpy(), cells["week"].to_numpy())
    x = np.column_stack([fixed, np.log(cells["price"]), cells["tag"], cells["theirs"]])
    found = poisson(cells["units"].to_numpy(), x)[-1]
    assert abs(found - default.stated["competitor_price_elasticity"]) < 0.3 and found > 0.2
