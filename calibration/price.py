"""Generators of the price studies, each with its truth; seeds are in `run.py`.

Demand answers price as the model says, with shocks that products or weeks share; nothing here reads a dataset.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from growth.price import censored, ladder, poisson, pooling, scores, twoway
from growth.price.model import _beside
from growth.price.together import together
from growth.stats.contrast import estimate

ELASTICITY = -2.0


def _grid(units: int, weeks: int) -> tuple[np.ndarray, np.ndarray]:
    unit, week = np.meshgrid(np.arange(units), np.arange(weeks), indexing="ij")
    return unit.ravel(), week.ravel()


def two_way_clusters(seed: int) -> dict[str, bool]:
    """Does the interval clustered by product and week hold the elasticity, where promotions and shocks are shared?

    100 weeks, 100 products: prices and errors both have a part of the week's that acts on every product in its own
    measure (so that week effects leave it), and a part of the product's that stays.
    """
    random = np.random.default_rng(seed)
    unit, week = _grid(100, 100)
    exposed = random.normal(size=100)
    promoted, shocked = random.normal(size=(2, 100))
    x = exposed[unit] * promoted[week] + random.normal(size=unit.size)
    x += 0.5 * random.normal(size=100)[unit] * (week / 50 - 1)
    e = exposed[unit] * shocked[week] + random.normal(size=unit.size)
    e += 0.5 * random.normal(size=100)[unit] * (week / 50 - 1)
    kept = random.random(unit.size) < 0.9
    frame = pd.DataFrame(dict(unit=unit, week=week, x=x, y=ELASTICITY * x + e))[kept]
    own = twoway.fit(frame, "y", ["x"], "unit", "week", ["unit", "week"]).estimate("x")
    return {"two-way clusters, 100 weeks": bool(own.low <= ELASTICITY <= own.high)}


def poisson_zeros(seed: int) -> dict[str, bool]:
    """Does the Poisson interval hold the elasticity where seven weeks in ten have no sale?"""
    random = np.random.default_rng(seed)
    unit, week = _grid(200, 60)
    base = 0.5 * random.normal(size=200)[unit] + 0.3 * random.normal(size=60)[week]
    lp = 0.3 * random.normal(size=unit.size) + 0.3 * base
    mean = np.exp(-1.25 + ELASTICITY * lp + base)
    y = random.poisson(mean * random.gamma(2, 0.5, unit.size))
    frame = pd.DataFrame(dict(unit=unit, week=week, lp=lp, y=y))
    found = poisson.fit(frame, "y", ["lp"], "unit", "week", scores.Clustered(("unit",)))
    own = estimate(float(found.coefficients[0]), float(found.covariance[0, 0]) ** 0.5, found.freedom)
    return {"Poisson, 70 % zeros": bool(own.low <= ELASTICITY <= own.high)}


def weak_instruments(seed: int) -> dict[str, bool]:
    """Does the Anderson-Rubin set hold the elasticity, with one and with three instruments, all weak?"""
    random = np.random.default_rng(seed)
    unit, week = _grid(80, 20)
    costs = random.normal(size=(3, unit.size)) + 0.5 * random.normal(size=(3, 80))[:, unit]
    demand = random.normal(size=unit.size) + 0.5 * random.normal(size=80)[unit] * (week % 2)
    price = costs.T @ np.array([0.05, 0.03, 0.03]) + 0.7 * demand + random.normal(size=unit.size)
    frame = pd.DataFrame(dict(unit=unit, week=week, lp=price, y=ELASTICITY * price + demand))
    frame = frame.assign(**{f"z{i}": c for i, c in enumerate(costs)})
    model = ladder.Model("y", "lp", "unit", "week", errors=scores.Clustered(("unit",)))
    hits = {}
    for names in (["z0"], ["z0", "z1", "z2"]):
        found = ladder.instrument(frame, model, names).instrumented
        hits[f"Anderson-Rubin, {len(names)} weak"] = bool(
            found is not None and found.accepted.holds(ELASTICITY)
        )
    return hits


def pooled_slopes(seed: int) -> dict[str, bool]:
    """Does the pooled interval of a product drawn at random hold its slope, and of one from a small category?

    An interval after pooling holds on average over products: so each replicate looks at one, chosen by chance.
    """
    random = np.random.default_rng(seed)
    products, weeks = 120, 40
    category = np.where(np.arange(products) < 12, 9, np.arange(products) % 3)
    truth = -1.5 - 0.3 * category + 0.4 * random.normal(size=products)
    sd = 0.7 * np.exp(0.3 * random.normal(size=products))
    unit, week = _grid(products, weeks)
    season = random.normal(size=weeks)
    x = (0.1 + 0.3 * random.random(products))[unit] * random.normal(size=unit.size) + 0.05 * season[week]
    y = truth[unit] * x + season[week] + sd[unit] * random.normal(size=unit.size)
    kept = random.random(unit.size) < 0.9
    frame = pd.DataFrame(dict(unit=unit, week=week, x=x, y=y))[kept]
    table = pooling.pool(pooling.slopes(frame, "y", "x", "unit", "week"), pd.Series(category)).set_index(
        "product"
    )
    hits = {}
    for name, among in (("of 36", np.arange(12, products)), ("of 12", np.arange(12))):
        one = int(random.choice(among))
        hits[f"pooled slope, category {name}"] = bool(
            table.loc[one, "low"] <= truth[one] <= table.loc[one, "high"]
        )
    return hits


def sold_out(seed: int) -> dict[str, bool]:
    """Does the interval hold the elasticity of demand where a third of the weeks sell out?"""
    random = np.random.default_rng(seed)
    unit, week = _grid(50, 50)
    base = 1.5 + 0.5 * random.normal(size=50)[unit] + 0.2 * random.normal(size=50)[week]
    lp = 0.3 * random.normal(size=unit.size)
    demand = random.poisson(np.exp(base + ELASTICITY * lp) * random.gamma(3, 1 / 3, unit.size))
    stock = np.ceil(1.35 * np.exp(base) * random.uniform(0.5, 1.5, unit.size))
    frame = pd.DataFrame(dict(unit=unit, week=week, lp=lp, stock=stock, units=np.minimum(demand, stock)))
    found = censored.fit(frame, "units", "stock", ["lp"], "unit", "week", scores.Clustered(("unit",)))
    own = estimate(float(found.coefficients[0]), float(found.covariance[0, 0]) ** 0.5, found.freedom)
    return {"demand where stock ran out": bool(own.low <= ELASTICITY <= own.high)}


def own_and_others(seed: int) -> dict[str, bool]:
    """Do the intervals hold the own elasticity and the answer to the others' prices, where products come and go?

    Ten categories of twelve products, 100 weeks; prices answer demand, costs move by themselves and in part together; a
    fifth of the products is launched late, and one cell in twenty is missing.
    """
    random = np.random.default_rng(seed)
    products, weeks, own, cross = 120, 100, -3.0, 1.0
    unit, week = _grid(products, weeks)
    category = unit % 10
    shock = 0.3 * random.normal(size=unit.size)
    together_moved = 0.1 * random.normal(size=(10, weeks))[np.arange(products) % 10]
    cost = 0.25 * random.normal(size=(products, weeks)) + together_moved
    price = 0.8 * cost.ravel() + 0.15 * shock + 0.05 * random.normal(size=unit.size)
    level, size = 0.7 * random.normal(size=products), np.exp(0.4 * random.normal(size=products))
    late = np.where(random.random(products) < 0.2, random.integers(0, weeks // 2, products), 0)
    there = (week >= late[unit]) & (random.random(unit.size) < 0.95)
    frame = pd.DataFrame(dict(product_id=unit, week=week, category=category, log_price=price + level[unit]))
    frame = frame.assign(log_cost=cost.ravel() + level[unit], shock=shock)[there]
    apart = frame["log_price"] - frame.groupby("product_id")["log_price"].transform("mean")
    weight = size[frame["product_id"]] * frame.groupby("product_id")["week"].transform("count")
    sums, weights = (
        v.groupby([frame["category"], frame["week"]]).transform("sum") for v in (weight * apart, weight)
    )
    others = (sums - weight * apart) / (weights - weight)
    season = 0.2 * random.normal(size=weeks)[frame["week"]]
    mean = 8 * size[frame["product_id"]] * np.exp(season + own * apart + cross * others + frame["shock"])
    frame["units"] = random.poisson(mean)
    frame = frame.assign(others=_beside(frame, "log_price"), others_cost=_beside(frame, "log_cost"))
    names = ["log_price", "others"], ["log_cost", "others_cost"]
    found = together(frame, "units", *names, [], "product_id", "week").estimates
    return {
        "own elasticity, costs": bool(found[0].low <= own <= found[0].high),
        "others' prices, costs": bool(found[1].low <= cross <= found[1].high),
    }
