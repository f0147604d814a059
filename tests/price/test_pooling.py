"""Slopes by product against dummies, pooling against the oracle that knows the truth, intervals that hold."""

from __future__ import annotations

import ibis
import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy.linalg import null_space
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal

from growth.price import pooling, twoway_marts


def shop(
    seed: int, products: int = 200, weeks: int = 52, noise: float = 0.7
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Products of four categories with slopes about -1.5 to -3, spread .4; their truths."""
    random = np.random.default_rng(seed)
    category = np.arange(products) % 4
    truth = -1.5 - 0.5 * category + 0.4 * random.normal(size=products)
    sd = noise * np.exp(0.3 * random.normal(size=products))
    move = 0.05 + 0.3 * random.random(products)
    unit, week = (a.ravel() for a in np.meshgrid(np.arange(products), np.arange(weeks), indexing="ij"))
    season = random.normal(size=weeks)
    x = move[unit] * random.normal(size=unit.size) + 0.05 * season[week] + random.normal(size=products)[unit]
    y = truth[unit] * x + season[week] + sd[unit] * random.normal(size=unit.size) + unit % 7
    frame = pd.DataFrame(dict(sku=unit, week=week, x=x, y=y, category=category[unit]))
    kept = frame[random.random(len(frame)) < 0.8].reset_index(drop=True)
    return kept, pd.DataFrame(dict(sku=np.arange(products), category=category, truth=truth, sd=sd))


def test_slopes_equal_a_regression_on_dummies() -> None:
    frame, _truth = shop(1, 8, 15)
    frame = pd.concat(
        [frame, frame.sample(9, random_state=2).assign(y=lambda d: d["y"] + 1)], ignore_index=True
    )
    found = pooling.slopes(frame, "y", "x", "sku", "week")
    wanted = smf.ols("y ~ 0 + C(sku) + C(week) + C(sku):x", frame).fit()
    names = [f"C(sku)[{p}]:x" for p in found.product]
    assert found.slope == pytest.approx(wanted.params[names].to_numpy(), rel=1e-9)
    lists = pooling.Lists(
        found.product, np.bincount(frame["sku"]), frame.sort_values("sku", kind="stable")["week"].to_numpy(),
        *(frame.sort_values("sku", kind="stable")[c].to_numpy() for c in ("x", "y")),
    )  # fmt: skip
    again = pooling.from_lists(lists)
    assert again.slope == pytest.approx(found.slope, rel=1e-12)


def test_variance_and_freedom_equal_the_hat_matrix() -> None:
    """One common variance: each slope's factor is that of dummies, each product's freedom its part of the trace."""
    frame, _truth = shop(3, 8, 15)
    rows = frame.sort_values(["sku", "week"], ignore_index=True)
    design = smf.ols("y ~ 0 + C(sku) + C(week) + C(sku):x", rows).exog
    names = smf.ols("y ~ 0 + C(sku) + C(week) + C(sku):x", rows).exog_names
    hat = design @ np.linalg.pinv(design)
    factor = np.diagonal(np.linalg.pinv(design.T @ design))
    lists = pooling.Lists(
        np.arange(8),
        np.bincount(rows["sku"]),
        rows["week"].to_numpy(),
        rows["x"].to_numpy(),
        rows["y"].to_numpy(),
    )
    unit = rows["sku"].to_numpy()
    x = pooling._centred(lists.x, unit, lists.lengths)
    sxx = np.bincount(unit, x * x)
    unitary = x / np.sqrt(sxx)[unit]
    leverage, bend = pooling._leverage(lists, unitary, pooling._weeks_inverse(lists, unitary))
    free = np.bincount(unit, 1 - np.diagonal(hat))
    assert lists.lengths - 2 - leverage == pytest.approx(free, rel=1e-9)
    assert (1 + bend) / sxx == pytest.approx(
        [factor[names.index(f"C(sku)[{p}]:x")] for p in range(8)], rel=1e-9
    )


def test_one_scan_of_any_engine_gives_the_same() -> None:
    frame, _truth = shop(4, 40, 30)
    named = frame.assign(week=pd.Timestamp("2024-01-01") + pd.to_timedelta(7 * frame["week"], "D"))
    wanted = pooling.slopes(frame, "y", "x", "sku", "week")
    found = pooling.from_lists(twoway_marts.lists(ibis.memtable(named), "y", "x", "sku", "week"))
    assert (found.product == wanted.product).all()
    assert found.slope == pytest.approx(wanted.slope, rel=1e-10)
    assert found.variance == pytest.approx(wanted.variance, rel=1e-9)
    with pytest.raises(ValueError, match="`x` is missing or infinite in 2 rows"):
        twoway_marts.lists(
            ibis.memtable(frame.assign(x=frame["x"].where(frame.index > 1))), "y", "x", "sku", "week"
        )


def oracle(found: pooling.Slopes, truth: pd.DataFrame, frame: pd.DataFrame) -> np.ndarray:
    """Shrinkage by someone who knows category means, their spread and every error variance."""
    own = truth.set_index("sku").loc[found.product]
    x = frame.assign(x=frame["x"] - frame.groupby("sku")["x"].transform("mean"))
    v = own["sd"] ** 2 / x.groupby("sku")["x"].agg(lambda s: (s**2).sum()).loc[found.product]
    weight = 0.16 / (0.16 + v)
    return (weight * found.slope + (1 - weight) * (-1.5 - 0.5 * own["category"])).to_numpy()


def test_pooling_is_nearly_as_good_as_knowing_the_truth() -> None:
    """Error at most 1.05 of the oracle's and .6 of unpooled slopes', intervals that hold on average."""
    pooled, best, alone, held = [], [], [], []
    for seed in range(10):
        frame, truth = shop(100 + seed)
        found = pooling.slopes(frame, "y", "x", "sku", "week")
        table = pooling.pool(found, truth.set_index("sku")["category"])
        real = truth.set_index("sku").loc[table["product"], "truth"].to_numpy()
        pooled.append(np.mean((table["pooled"] - real) ** 2))
        alone.append(np.mean((table["slope"] - real) ** 2))
        best.append(np.mean((oracle(found, truth, frame) - real) ** 2))
        held.append(np.mean((table["low"] <= real) & (real <= table["high"])))
    assert np.sqrt(np.mean(pooled) / np.mean(best)) <= 1.05
    assert np.sqrt(np.mean(pooled) / np.mean(alone)) <= 0.6
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)


def test_the_spread_is_that_of_restricted_maximum_likelihood() -> None:
    """Against the likelihood of contrasts, which do not know the mean."""
    random = np.random.default_rng(5)
    v = random.uniform(0.01, 0.3, 60)
    b = -2 + 0.4 * random.normal(size=60) + np.sqrt(v) * random.normal(size=60)
    grid, mass, spread = pooling._spreads(b, v)
    contrasts = null_space(np.ones((1, 60)))

    def log(t: float) -> float:
        law = multivariate_normal(np.zeros(59), contrasts.T @ np.diag(v + t**2) @ contrasts)
        return float(law.logpdf(contrasts.T @ b))

    best = minimize_scalar(
        lambda t: -log(t), bounds=(0.05, 1.5), method="bounded", options=dict(xatol=1e-8)
    ).x
    assert spread == pytest.approx(best, abs=1e-5)
    wanted = np.array([np.exp(log(t) - log(best)) * t for t in grid])  # flat in the squared spread
    assert mass[1:-1] == pytest.approx((wanted / wanted.sum())[1:-1], rel=1e-3, abs=1e-9)


def test_small_categories_lean_on_all_products_and_nobody_is_lost() -> None:
    frame, truth = shop(6, 40)
    frame.loc[frame["sku"] == 3, "x"] = 2.0
    frame = frame[(frame["sku"] != 7) | (frame["week"] < 2)]
    found = pooling.slopes(frame, "y", "x", "sku", "week")
    assert found.refused[3] == "one price ever" and found.refused[7].endswith("fewer than 3")
    assert len(found.product) + len(found.refused) == frame["sku"].nunique()
    group = truth.set_index("sku")["category"].where(lambda c: c.index > 1, 9)
    table = pooling.pool(found, group)
    assert len(table) == len(found.product) and not table.isna().any().any()
    assert set(table.loc[table["category"] == 9, "toward"]) == {"all products"}
    assert (table["own"].between(0, 1)).all() and (table["low"] < table["high"]).all()


def test_refusals() -> None:
    frame, truth = shop(7, 20, 20)
    together = frame.assign(x=np.cos(frame["week"]))
    with pytest.raises(ValueError, match="all prices move together"):
        pooling.slopes(together, "y", "x", "sku", "week")
    found = pooling.slopes(frame, "y", "x", "sku", "week")
    with pytest.raises(ValueError, match="1 products have no category"):
        pooling.pool(found, truth.set_index("sku")["category"].drop(2))
    with pytest.raises(ValueError, match="No product has three weeks"):
        pooling.slopes(frame.groupby("sku").head(2), "y", "x", "sku", "week")
