"""The market: closed forms, prices that answer demand, and what regressions make of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from growth.simulation import Settings, World, demand, life, market
from growth.simulation.run import Job
from growth.simulation.state import PER_CATEGORY, State
from growth.simulation.world import TYPES
from tests.simulation.conftest import Platform
from tests.simulation.estimators import Floats, dummies, poisson

ALPHA = np.array([5.0, 2.6, 3.0, 3.4])


@pytest.fixture(scope="module")
def state() -> State:
    return Job.of(Settings(), None, None, None).state()


def expected_units(log_price: Floats, constant: Floats, weight: Floats) -> Floats:
    """The definition, one type and product after the other."""
    units = np.zeros(log_price.size)
    for k in range(weight.size):
        worth = np.exp(constant[k] - ALPHA[k] * log_price)
        units += weight[k] * worth / (1 + worth.sum())
    return units


def test_elasticities_equal_the_numeric_derivative() -> None:
    generator = np.random.Generator(np.random.PCG64(1))
    constant, log_price = generator.normal(-1, 1, (4, 12)), generator.normal(0, 0.3, 12)
    weight = np.array([3.0, 1.0, 2.0, 0.5])
    matrix = demand.elasticities(constant - ALPHA[:, None] * log_price, ALPHA, weight)
    for j in range(12):
        h = np.zeros(12)
        h[j] = 1e-5
        up, down = (np.log(expected_units(log_price + s * h, constant, weight)) for s in (1, -1))
        np.testing.assert_allclose(matrix[:, j], (up - down) / 2e-5, rtol=1e-7, atol=1e-9)


def test_one_type_has_the_textbook_form() -> None:
    v, alpha = np.log(np.array([[0.4, 0.2, 0.4]])), np.array([2.0])
    share = np.array([0.2, 0.1, 0.2])
    np.testing.assert_allclose(demand.shares(v)[0], share)
    matrix = demand.elasticities(v, alpha, np.array([7.0]))
    np.testing.assert_allclose(np.diag(matrix), -2.0 * (1 - share))
    np.testing.assert_allclose(matrix[0, 1:], 2.0 * share[1:])


def test_shares_of_what_cannot_be_bought_are_zero() -> None:
    s = demand.shares(np.array([[0.0, -np.inf], [-np.inf, -np.inf], [900.0, 899.0]]))
    np.testing.assert_allclose(s, [[0.5, 0.0], [0.0, 0.0], [1 / (1 + np.exp(-1)), 1 / (1 + np.e)]])


def test_the_share_of_needs_met_is_the_parameter(state: State) -> None:
    world = World()
    v = market.base_utility(world, state).reshape(len(TYPES), -1, PER_CATEGORY)
    np.testing.assert_allclose(
        demand.shares(v).sum(axis=2), np.array(world.demand.met)[:, None] * np.ones(10)
    )


def test_people_choose_with_the_stated_chances() -> None:
    """What is bought, product by product, against the sum of the chances: one chi-square over all."""
    job = Job.of(Settings(seed=5, months=12), None, None, None)
    scene = job.scene(job.state(), np.arange(9_000), 9_000)
    lives, _, tally, _ = life.live(scene)
    counts = np.bincount(lives.joined("lines")["product"].astype(int), minlength=tally.expected.size)
    sold = tally.expected > 5
    assert sold.sum() > 80 and counts[tally.expected == 0].sum() == 0
    chi = float(((counts - tally.expected)[sold] ** 2 / tally.expected[sold]).sum())
    # A count of unequal chances varies less than its mean: the statistic is below its bound, not around it.
    assert stats.chi2.ppf(1e-6, sold.sum()) * 0.5 < chi < stats.chi2.ppf(0.999, sold.sum())


def test_the_stated_elasticity_is_what_another_price_does(state: State) -> None:
    """Raise one product by 1 %: expected units of the whole category move as the table says."""
    world, weight = World(), np.ones((4, 10))
    table = market.elasticity_table(world, state, weight).to_pandas()
    product = int(table.sort_values("units_share")["product_id"].iloc[-1][1:]) - 1
    category = product // PER_CATEGORY
    part = slice(category * PER_CATEGORY, (category + 1) * PER_CATEGORY)
    before = market.base_utility(world, state)[:, part]
    after = before.copy()
    after[:, product % PER_CATEGORY] -= np.array(world.demand.alpha) * np.log(1.01)
    change = np.log(demand.shares(after).sum(axis=0) / demand.shares(before).sum(axis=0)) / np.log(1.01)
    rows = table[table["price_of"] == f"p{product + 1:04d}"]
    np.testing.assert_allclose(change, rows["elasticity"], rtol=0.02, atol=2e-3)


def test_prices_answer_demand_and_cost_as_stated(state: State) -> None:
    """List prices are base + pass-through · cost + answer · shock, up to rounding to ten fen."""
    d, days = World().demand, state.span.days
    row = days // 7 - state.first_week
    wanted = (
        state.products.log_base
        + d.pass_through * state.log_cost[row]
        + d.price_answers_shock * state.shock[row]
    )
    fen = np.exp(wanted) * 100
    assert np.abs(state.list_price - fen).max() <= 5.0000001
    assert 0.9 < state.shock.std() / d.shock_sd < 1.1
    lagged = np.corrcoef(state.shock[1:].ravel(), state.shock[:-1].ravel())[0, 1]
    assert abs(lagged - d.shock_rho) < 0.03
    assert abs(np.corrcoef(state.shock.ravel(), state.log_cost.ravel())[0, 1]) < 0.03, "a valid instrument"


def test_prices_lie_in_the_range_of_a_shop(state: State) -> None:
    assert state.price.min() >= 800 and state.price.max() <= 200_000
    assert (state.price <= state.list_price).all()
    tagged = state.promotion >= 0
    assert (state.price[~tagged] == state.list_price[~tagged]).all() and 0.05 < tagged.mean() < 0.25


def panel_of(platform: Platform) -> pd.DataFrame:
    """Units, mean price, cost and promotion by product and week, from the raw tables."""
    week = lambda t: (pd.to_datetime(t) - pd.Timestamp("2020-12-28")).dt.days // 7  # noqa: E731
    prices = platform.frame("prices").query("region.isna()", engine="python")
    prices = prices.assign(week=lambda f: week(f["date"]), price=lambda f: f["price"].astype(float))
    prices = prices.assign(tag=prices["promotion_id"].notna())
    cells = prices.groupby(["product_id", "week"]).agg(
        price=("price", "mean"), tag=("tag", "mean"), days=("price", "size")
    )
    cells = cells[cells["days"] == 7].reset_index()
    costs = platform.frame("product_costs").assign(week=lambda f: week(f["valid_from"]))
    costs = costs.sort_values("week")[["product_id", "week", "unit_cost"]]
    cells = pd.merge_asof(cells.sort_values("week"), costs, on="week", by="product_id")
    orders = platform.frame("orders")
    orders = orders[~orders["order_id"].isin(platform.truth("fake_orders.parquet")["order_id"])]
    orders = orders.assign(week=week(orders["placed_at"] + pd.Timedelta(hours=8)))
    lines = platform.frame("order_lines").merge(orders[["order_id", "week"]], on="order_id")
    units = lines.groupby(["product_id", "week"]).size().rename("units").reset_index()
    return cells.merge(units, on=["product_id", "week"], how="left").fillna({"units": 0})


def price_slopes(cells: pd.DataFrame) -> tuple[float, float]:
    """Poisson slopes on log price: as it is, and with the part of price that cost does not explain as a control."""
    fixed = dummies(cells["product_id"].to_numpy(), cells["week"].to_numpy())
    price, cost = np.log(cells["price"].to_numpy()), np.log(cells["unit_cost"].astype(float).to_numpy())
    tag, units = cells["tag"].to_numpy(), cells["units"].to_numpy()
    first = np.column_stack([cost, tag, fixed])
    rest = price - first @ np.linalg.solve(first.T @ first, first.T @ price)
    naive = poisson(units, np.column_stack([fixed, price, tag]))[-2]
    instrumented = poisson(units, np.column_stack([fixed, price, tag, rest]))[-3]
    return float(naive), float(instrumented)


def test_the_naive_price_slope_is_biased_as_stated_and_cost_mends_it(default: Platform) -> None:
    naive, instrumented = price_slopes(panel_of(default))
    power = {r["name"]: r["standard_error"] for r in default.truth("power.json")}
    truth = default.stated
    assert abs(naive - truth["naive_price_slope"]) < 3 * power["naive_price_bias"]
    assert abs(instrumented - truth["own_price_elasticity"]) < 3 * power["own_price_elasticity"]
    # The direction and size of the bias, as docs/simulation.md states them: towards 0, and more than 5 errors.
    assert naive - truth["own_price_elasticity"] > 5 * power["naive_price_bias"]


def test_without_an_answer_to_demand_the_naive_slope_is_right() -> None:
    """The bias has the cause that is stated: take it away, and it is gone."""
    blind = World(demand=replace(World().demand, price_answers_shock=0.0))
    needs = np.ones((len(TYPES), 10))
    for world, low, high in ((World(), 0.5, 1.5), (blind, -0.15, 0.15)):
        state = Job.of(Settings(), None, None, world).state()
        slopes = market.price_slopes(world, state, needs)
        assert low < slopes.naive - market.base_elasticities(world, state, needs).own < high
