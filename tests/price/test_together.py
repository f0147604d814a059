"""Several prices by their costs: errors against repeated samples, strength by hand, composition that is no price."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from growth.price.model import _beside
from growth.price.scores import Clustered
from growth.price.together import together


def market(seed: int, products: int = 50, weeks: int = 50, noisy: float = 0.5) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    unit, week = (v.ravel() for v in np.meshgrid(np.arange(products), np.arange(weeks), indexing="ij"))
    shock = 0.5 * random.normal(size=unit.size)
    z = 0.2 * random.normal(size=(2, unit.size))
    x = z + noisy * 0.2 * random.normal(size=(2, unit.size)) + 0.2 * shock
    mean = np.exp(2 - 3 * x[0] + x[1] + shock + 0.2 * random.normal(size=weeks)[week])
    columns = dict(product=unit, week=week, units=random.poisson(mean), p=x[0], o=x[1], c=z[0], d=z[1])
    return pd.DataFrame(columns)


def regional(seed: int, products: int = 40, weeks: int = 40, regions: int = 3) -> pd.DataFrame:
    """A product in each of several regions: costs and demand of the product drift, one for all its regions."""
    random = np.random.default_rng(seed)
    steps = random.normal(size=(2, products, weeks)) * np.array([0.08, 0.1])[:, None, None]
    cost, shock = np.cumsum(steps, axis=2)
    item, week, region = (
        v.ravel() for v in np.meshgrid(*map(np.arange, (products, weeks, regions)), indexing="ij")
    )
    price = cost[item, week] + 0.05 * random.normal(size=item.size)
    units = random.poisson(np.exp(3 - 2 * price + shock[item, week]))
    return pd.DataFrame(
        dict(item=item, product=item * regions + region, week=week, units=units, p=price, c=cost[item, week])
    )


def fit(frame: pd.DataFrame, **more: object) -> object:
    return together(frame, "units", ["p", "o"], ["c", "d"], [], "product", "week", **more)  # type: ignore[arg-type]


def test_errors_are_those_that_repeated_samples_show() -> None:
    """The first stage is noisy here: errors that took it as known would be a fifth too small."""
    found = [fit(market(seed)) for seed in range(120)]
    values = np.array([[e.value for e in f.estimates] for f in found])  # type: ignore[attr-defined]
    errors = np.array([[e.error for e in f.estimates] for f in found])  # type: ignore[attr-defined]
    assert values.mean(axis=0) == pytest.approx([-3, 1], abs=4 * values.std() / np.sqrt(120))
    assert np.sqrt((errors**2).mean(axis=0)) == pytest.approx(values.std(axis=0), rel=0.2)


def test_where_costs_are_a_products_in_all_regions_errors_go_by_product() -> None:
    """By product in region they would be too small by more than a fifth."""
    values, errors = [], []
    for seed in range(60):
        frame = regional(seed)
        own = [
            together(frame, "units", ["p"], ["c"], [], "product", "week", errors=Clustered(by)).estimates[0]
            for by in (("item", "week"), ("product", "week"))
        ]
        values.append(own[0].value)
        errors.append([e.error for e in own])
    spread = np.std(values)
    by_product, by_cell = np.sqrt(np.mean(np.square(errors), axis=0)) / spread
    assert by_product == pytest.approx(1, abs=0.2) and by_cell < 0.8


def test_the_strength_of_one_price_is_the_robust_f_of_its_instrument() -> None:
    frame = market(1)
    frame = frame.assign(units=frame["units"] + 1)
    one = together(frame, "units", ["p"], ["c"], [], "product", "week")
    dummies = (
        pd.get_dummies(frame[["product", "week"]].astype(str), drop_first=True).astype(float).assign(one=1.0)
    )
    w = np.asarray(sm.OLS(frame["c"], dummies).fit().resid)
    e = np.asarray(sm.OLS(frame["p"], dummies.assign(c=frame["c"])).fit().resid)
    score = pd.Series(w * e)
    meat = sum(float((score.groupby(frame[k]).sum() ** 2).sum()) for k in ("product", "week"))
    meat -= float((score**2).sum())
    n, groups = len(frame), 50
    small = groups / (groups - 1) * (n - 1) / (n - 2)  # effects lie within clusters, so they are not counted
    assert one.strengths[0] == pytest.approx(float(w @ frame["p"]) ** 2 / (meat * small), rel=1e-3)


def test_a_dear_product_that_comes_and_goes_is_no_price() -> None:
    """Two products of constant price; the dear one is missing in the second week: nobody repriced."""
    rows = pd.DataFrame(
        [("a", 0, 1.0), ("b", 0, 1.0), ("dear", 0, 5.0), ("a", 1, 1.0), ("b", 1, 1.0)],
        columns=["product_id", "week", "log_price"],
    ).assign(category="k", units=10)
    assert _beside(rows, "log_price").tolist() == [0.0] * 5
