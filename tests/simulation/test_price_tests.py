"""The price test in regions: lots that know nothing of demand, prices that are paid, an elasticity that is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from growth.simulation import Policy, Settings, World, life
from growth.simulation.clock import day_of
from growth.simulation.run import Job
from growth.simulation.state import State
from growth.simulation.world import Shelf
from tests.simulation.bookkeeping import OFFSET, fen
from tests.simulation.conftest import Platform, make
from tests.simulation.estimators import dummies, poisson


@pytest.fixture(scope="module")
def state() -> State:
    return Job.of(Settings(), None, None, None).state()


def test_lots_are_dealt_evenly_and_know_nothing_of_demand(state: State) -> None:
    test, shelf = state.test, World().shelf
    factor = test.factor
    assert factor.shape == (shelf.test_periods, 40, 27)
    for value in shelf.test_factors:
        assert (np.isclose(factor, value).sum(axis=1) == 8).all(), "as many regions at each price"
    log = np.log(factor)
    log = log - log.mean(axis=1, keepdims=True)
    week = (test.first + 7 * shelf.test_weeks * np.arange(shelf.test_periods)) // 7 - state.first_week
    demand = np.log(state.region_visit[week])[:, :, None] * np.ones(log.shape)
    for other in (demand, np.roll(log, 1, axis=0), np.roll(log, 1, axis=2)):
        assert abs(np.corrcoef(log.ravel(), other.ravel())[0, 1]) < 0.06
    by_region = log.mean(axis=(0, 2))
    assert by_region.std() < 3 * log.std() / np.sqrt(27 * shelf.test_periods)
    tried = np.bincount(state.products.category[test.products], minlength=10)
    assert (np.delete(tried, shelf.spared) == shelf.test_products).all() and not tried[
        list(shelf.spared)
    ].any()


def test_prices_of_regions_are_those_drawn(base: Platform) -> None:
    prices, lots = base.frame("prices"), base.frame("price_tests")
    assert not prices.duplicated(["product_id", "region", "date"]).any()
    local = prices.dropna(subset=["region"])
    usual = prices[prices["region"].isna()].set_index(["product_id", "date"])
    assert lots["factor"].nunique() == 5 and len(local) == (lots["factor"] != 1).sum() * 21
    shown = usual[["price", "list_price", "promotion_id"]].add_suffix("_usual")
    both = local.join(shown, on=["product_id", "date"])
    both = both.merge(lots, on=["product_id", "region"])
    both = both[(both["date"] >= both["starts_on"]) & (both["date"] < both["ends_on"])]
    assert len(both) == len(local)
    for column in ("price", "list_price"):
        off = fen(both[column]) - fen(both[f"{column}_usual"]) * both["factor"]
        assert off.abs().max() <= 5.0001, "to ten fen"
    pd.testing.assert_series_equal(both["promotion_id"], both["promotion_id_usual"], check_names=False)


def test_what_is_asked_is_paid(default: Platform) -> None:
    """Every line of a product in the test is sold at the price of its region on the day of its visit."""
    prices, lots = default.frame("prices"), default.frame("price_tests")
    o = default.frame("orders")
    o = o.assign(date=(o["placed_at"] + OFFSET - pd.Timedelta(minutes=16)).dt.date)
    lines = default.frame("order_lines").merge(o[["order_id", "region", "date", "placed_at"]], on="order_id")
    inside = lines["date"].between(lots["starts_on"].min(), lots["ends_on"].max() - pd.Timedelta(days=1))
    lines = lines[lines["product_id"].isin(lots["product_id"]) & inside]
    hour = (lines["placed_at"] + OFFSET).dt
    lines = lines[hour.hour * 60 + hour.minute > 16]  # at midnight the day of the visit is not known
    everywhere = prices[prices["region"].isna()].set_index(["product_id", "date"])["list_price"]
    local = prices.dropna(subset=["region"]).set_index(["product_id", "region", "date"])["list_price"]
    asked = [
        local.get((p, r, d), everywhere[p, d])
        for p, r, d in zip(lines["product_id"], lines["region"], lines["date"], strict=True)
    ]
    paid = fen(lines["amount"]) + fen(lines["discount"])
    assert len(lines) > 300 and (paid == fen(pd.Series(asked, index=lines.index)) * lines["quantity"]).all()
    assert pd.Series(asked).nunique() > 100


def test_the_elasticity_is_found(default: Platform) -> None:
    """Poisson of units by product, period and region on the log factor, with product-period and region effects."""
    lots, o = default.frame("price_tests"), default.frame("orders")
    o = o[~o["order_id"].isin(default.truth("fake_orders.parquet")["order_id"])]
    o = o.assign(date=(o["placed_at"] + OFFSET).dt.date)
    lines = default.frame("order_lines").merge(o[["order_id", "region", "date"]], on="order_id")
    sold = lots.merge(lines[["product_id", "region", "date"]], on=["product_id", "region"])
    sold = sold[(sold["date"] >= sold["starts_on"]) & (sold["date"] < sold["ends_on"])]
    key = ["product_id", "region", "starts_on"]
    units = sold.groupby(key).size().rename("units").reset_index()
    cells = lots.merge(units, on=key, how="left").fillna({"units": 0})
    cell = cells["product_id"] + cells["starts_on"].astype(str)
    cells = cells[cells["units"].groupby(cell).transform("sum") > 0]
    fixed = dummies(
        (cells["product_id"] + cells["starts_on"].astype(str)).to_numpy(), cells["region"].to_numpy()
    )
    log = np.log(cells["factor"].to_numpy())
    found = poisson(cells["units"].to_numpy(), np.column_stack([fixed, log]))[-1]
    error = 1 / np.sqrt(cells["units"].sum() * log.var())
    assert error < 0.6 and abs(found - default.stated["price_test_elasticity"]) < 3 * error
    assert found < -2 * error


def test_the_stated_slope_is_that_of_lives_under_another_price() -> None:
    """Raise one product by 1 % and let the same people live: expected units move by its own elasticity."""
    settings = Settings(seed=5, months=6)
    state = Job.of(settings, None, None, None).state()
    expected = []
    product = int(np.argmax(state.popularity.mean(axis=0)))
    for factor in (1 / 1.02, 1.02):
        job = Job.of(settings, Policy(prices={state.products.ids[product]: factor}), None, None)
        _, _, tally, _ = life.live(job.scene(job.state(), np.arange(2_500), 2_500))
        expected.append((tally.expected[product], tally.slope[product]))
    change = np.log(expected[1][0] / expected[0][0]) / (2 * np.log(1.02))
    slope = sum(s for _, s in expected) / sum(e for e, _ in expected)
    assert change == pytest.approx(slope, abs=0.25)


def test_it_is_over_where_and_when_it_is_not(base: Platform, small: Settings, tmp_path: object) -> None:
    """Without it nothing is different before its first day, and no price but in its regions."""
    world = World(shelf=replace(Shelf(), test_start=pd.Timestamp("2024-01-01").date()))
    without = make(tmp_path, small, world=world)  # type: ignore[arg-type]
    assert not (without.folder / "raw" / "price_tests").exists()
    plain = base.frame("prices")
    assert plain[plain["region"].isna()].reset_index(drop=True).equals(without.frame("prices"))
    first = pd.Timestamp(World().shelf.test_start) - OFFSET
    for table, clock in (("sessions", "started_at"), ("orders", "placed_at")):
        a, b = (p.frame(table) for p in (base, without))
        a, b = (f[f[clock] < first].reset_index(drop=True) for f in (a, b))
        assert len(a) > 40
        pd.testing.assert_frame_equal(a, b)
    assert day_of(World().shelf.test_start) % 7 == 0
