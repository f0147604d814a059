"""Closed forms of the market as a whole: elasticities, and the slopes that regressions would find without noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from growth.simulation import store
from growth.simulation.demand import alphas, elasticities, shares
from growth.simulation.rng import Floats
from growth.simulation.state import PER_CATEGORY, State, type_utility
from growth.simulation.world import TYPES, World


@dataclass(frozen=True)
class Elasticities:
    """Means at base prices, and the matrices by category they come from."""

    own: float
    cross: float
    level: float
    rival: float  # to what competitors ask for the product itself
    matrices: list[Floats]
    demand: Floats


def base_utility(world: World, state: State) -> Floats:
    """Return the utility (type, product) at base prices: no shock, no promotion, no ageing."""
    p = state.products
    return np.stack([type_utility(world.demand, p, k, p.log_base, 0) for k in range(len(TYPES))])


def base_elasticities(world: World, state: State, needs: Floats) -> Elasticities:
    """Return elasticities at base prices, with the needs of each type in each category as weights."""
    utility, alpha = base_utility(world, state), alphas(world)
    rivals = np.full(alpha.size, -world.shelf.rival_utility)  # utility rises with their prices
    matrices, demand, rival = [], [], []
    for c in range(needs.shape[1]):
        v = utility[:, c * PER_CATEGORY : (c + 1) * PER_CATEGORY]
        matrices.append(elasticities(v, alpha, needs[:, c]))
        rival.append(np.diag(elasticities(v, rivals, needs[:, c])))
        demand.append(needs[:, c] @ shares(v))
    weight = np.concatenate(demand)
    own = np.concatenate([np.diag(m) for m in matrices])
    cross = np.concatenate([(m.sum(axis=1) - np.diag(m)) / (PER_CATEGORY - 1) for m in matrices])
    level = np.concatenate([m.sum(axis=1) for m in matrices])
    total = weight.sum()
    return Elasticities(
        float(own @ weight / total),
        float(cross @ weight / total),
        float(level @ weight / total),
        float(np.concatenate(rival) @ weight / total),
        matrices,
        weight,
    )


def elasticity_table(world: World, state: State, needs: Floats) -> pa.Table:
    """Return all pairs of products of one category: elasticity of the first's units by the second's price."""
    base = base_elasticities(world, state, needs)
    first, second, value = [], [], []
    for c, matrix in enumerate(base.matrices):
        i, j = np.indices(matrix.shape)
        first.append(i.ravel() + c * PER_CATEGORY)
        second.append(j.ravel() + c * PER_CATEGORY)
        value.append(matrix.ravel())
    one, other = np.concatenate(first), np.concatenate(second)
    ids = state.products.ids
    return pa.table(
        {
            "product_id": store.labels(ids, one),
            "price_of": store.labels(ids, other),
            "elasticity": pa.array(np.concatenate(value)),
            "units_share": pa.array((base.demand / base.demand.sum())[one]),
        }
    )


def tested_elasticity(world: World, state: State, needs: Floats) -> float:
    """Return the mean own elasticity of the products of the price test, on its days, weighted by expected units."""
    test, alpha = state.test, alphas(world)
    rows = np.arange(test.first, test.end) - state.span.first
    slope = units = 0.0
    for c in range(needs.shape[1]):
        inside = np.isin(np.arange(c * PER_CATEGORY, (c + 1) * PER_CATEGORY), test.products)
        s = shares(state.utility[:, rows, c * PER_CATEGORY : (c + 1) * PER_CATEGORY])[:, :, inside]
        weight = needs[:, c][:, None, None] * (state.visit * state.errand)[rows][None, :, None]
        slope -= float((weight * alpha[:, None, None] * s * (1 - s)).sum())
        units += float((weight * s).sum())
    return slope / units


def tested_share(state: State, panel: Panel) -> float:
    """Return the share of all expected units that the products of the price test sell on its days."""
    middle = state.span.days[state.span.days % 7 == 2]
    inside = state.test.inside(middle[panel.week.astype(np.int64)]) & np.isin(
        panel.product, state.test.products
    )
    return float(panel.share[inside].sum())


@dataclass(frozen=True)
class Panel:
    """The market by product and week, without sampling noise; only cells of products on sale all week."""

    log_units: Floats
    log_price: Floats
    log_cost: Floats
    log_rival: Floats  # mean log deviation of competitors' prices
    tag: Floats
    share: Floats  # expected units as a share of all
    product: Floats
    week: Floats


def panel(world: World, state: State, needs: Floats) -> Panel:
    """Return expected units, price, cost and promotion by product and week (Wednesdays stand for weeks)."""
    days = state.span.days
    middle = np.flatnonzero(days % 7 == 2)
    utility = state.utility[:, middle, :]
    total = np.zeros(utility.shape[1:])
    for c in range(needs.shape[1]):
        part = slice(c * PER_CATEGORY, (c + 1) * PER_CATEGORY)
        s = shares(utility[:, :, part])
        total[:, part] = np.einsum("k,kwj->wj", needs[:, c], s)
    level = (state.visit * state.errand)[middle]
    expected = total * level[:, None]
    week, product = np.nonzero(expected > 0)
    row = days[middle][week] // 7 - state.first_week
    return Panel(
        np.log(expected[week, product]),
        np.log(state.price[middle[week], product] / 100.0),
        np.log(state.cost[row, product] / 100.0),
        state.rivals.log_price[row, product],
        (state.promotion[middle[week], product] >= 0).astype(np.float64),
        expected[week, product] / expected.sum(),
        product.astype(np.float64),
        week.astype(np.float64),
    )


@dataclass(frozen=True)
class Slopes:
    """Slopes on log price."""

    naive: float
    instrumented: float
    tag: float


def within(x: Floats, product: Floats, week: Floats, weight: Floats) -> Floats:
    """Take out weighted product and week means, by alternating projections until nothing moves."""
    out = x.copy()
    groups = [product.astype(np.int64), week.astype(np.int64)]
    for _ in range(500):
        before = out.copy()
        for g in groups:
            mean = np.bincount(g, weight * out) / np.maximum(np.bincount(g, weight), 1e-300)
            out = out - mean[g]
        if np.abs(out - before).max() < 1e-12:
            break
    return out


def price_slopes(world: World, state: State, needs: Floats) -> Slopes:
    """Return the noise-free naive and instrumented slopes of log units on log price and the promotion tag.

    Cells weigh as many as their expected units, as in a Poisson regression.
    """
    p = panel(world, state, needs)
    y, x, z, t = (
        within(v, p.product, p.week, p.share) for v in (p.log_units, p.log_price, p.log_cost, p.tag)
    )
    w = p.share[:, None]
    right = np.column_stack([x, t])
    naive = np.linalg.solve(right.T @ (w * right), right.T @ (p.share * y))
    left = np.column_stack([z, t])
    instrumented = np.linalg.solve(left.T @ (w * right), left.T @ (p.share * y))
    return Slopes(float(naive[0]), float(instrumented[0]), float(instrumented[1]))
