"""Price lists: the optimum against hand and brute force, the guards, and the next quarter under each list."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from growth.simulation import Policy, Settings, World, pricing
from growth.simulation.judge import profit
from growth.simulation.pricing import Lists, Offer
from growth.simulation.run import Job
from growth.simulation.state import PER_CATEGORY
from tests.simulation.conftest import Platform, make

LATE = 0.08


@pytest.fixture(scope="module")
def lists() -> Lists:
    state = Job.of(Settings(), None, None, None).state()
    return pricing.price_lists(World(), state, np.ones((4, 10)), np.full(4, 0.6), LATE)


def one_type(lists: Lists, alpha: float) -> Offer:
    """A shelf for one type of people, without returns, fees and handling, and products that hardly compete."""
    s = lists.shelf
    fixed = alpha * np.log(s.price)[None, :] - 12.0 + np.zeros((1, s.price.size))
    return replace(
        s, fixed=fixed, alpha=np.array([alpha]), refund=np.zeros_like(fixed), weight=np.ones_like(fixed), fee=0.0,
        cost=s.cost - pricing.HANDLING, on_sale=np.ones(s.price.size, dtype=bool),
    )  # fmt: skip


@pytest.mark.parametrize("alpha", [2.5, 4.0])
def test_a_constant_elasticity_has_the_textbook_price(lists: Lists, alpha: float) -> None:
    """Shares near 0: elasticity −α, so price = cost · α / (α − 1) (Lerner 1934)."""
    shelf = one_type(lists, alpha)
    cost = shelf.cost + pricing.HANDLING
    for others in ("ignored", "given", "joint"):
        best = pricing.best(shelf, shelf.price * 0.2, shelf.price * 5.0, others)
        np.testing.assert_allclose(best, cost * alpha / (alpha - 1), rtol=2e-3)


def test_no_other_list_earns_more(lists: Lists) -> None:
    """Brute force by another optimiser, category by category."""
    s, g = lists.shelf, lists.guards
    for c in (0, 5):
        part = slice(c * PER_CATEGORY, (c + 1) * PER_CATEGORY)
        on = s.on_sale[part]
        start = s.price[part]

        def loss(x: np.ndarray, c: int = c, on: np.ndarray = on, start: np.ndarray = start) -> float:
            price = start.copy()
            price[on] = np.exp(x)
            return -float(s.profit(price, c).sum())

        bounds = list(zip(np.log(g.low[part][on]), np.log(g.high[part][on]), strict=True))
        other = minimize(loss, np.log(start[on]), bounds=bounds, method="L-BFGS-B")
        mine = float(s.profit(lists.lists["joint"][part], c).sum())
        assert mine >= -other.fun * (1 - 1e-6)


def test_lists_keep_the_guards_and_their_order(lists: Lists) -> None:
    g, s, world = lists.guards, lists.shelf, World().shelf
    assert (g.low <= g.high).all()
    for name in ("alone", "given", "joint"):
        price = lists.lists[name][s.on_sale]
        assert (price >= g.low[s.on_sale] * (1 - 1e-9)).all() and (
            price <= g.high[s.on_sale] * (1 + 1e-9)
        ).all()
    assert (g.low >= s.price * (1 - world.step) * (1 - 1e-9)).mean() > 0.95
    assert (s.cost[s.on_sale] <= lists.lists["joint"][s.on_sale] * (1 - world.margin_floor) + 1e-6).all()
    # Each for itself cuts prices and takes from its neighbours; together they earn more, and without guards most.
    assert lists.gain("alone") < 0 < lists.gain("given") <= lists.gain("joint") + 1e-4
    assert lists.gain("joint") < lists.gain("joint_free")
    assert np.median(lists.lists["alone_free"] / lists.lists["joint_free"]) < 0.95


def test_elasticities_of_the_shelf_are_numeric_derivatives(lists: Lists) -> None:
    s = lists.shelf
    own = pricing.own_elasticities(s, s.price)
    j = int(np.flatnonzero(s.on_sale)[7])
    c, k = divmod(j, PER_CATEGORY)
    part = slice(c * PER_CATEGORY, (c + 1) * PER_CATEGORY)
    prices = np.repeat(s.price[part][None, :], 2, axis=0)
    prices[:, k] *= np.exp([-1e-4, 1e-4])
    units = s.units(prices, c)[:, k]
    assert own[j] == pytest.approx(np.log(units[1] / units[0]) / 2e-4, rel=1e-6)
    assert np.isnan(own[~s.on_sale]).all()


def test_the_file_says_what_the_truths_say(base: Platform) -> None:
    t = base.truth("optimal_prices.parquet")
    sold = base.frame("products")
    assert set(t["product_id"]) == set(sold.loc[sold["delisted_on"].isna(), "product_id"])
    last = (
        base.frame("prices").query("region.isna()", engine="python").sort_values("date").groupby("product_id")
    )
    listed = last["list_price"].last().loc[t["product_id"]]
    assert (listed.to_numpy() == t["list_price"].to_numpy()).all()
    assert t["guard"].isin(pricing.GUARDS).all() and 0.2 < (t["guard"] == "none").mean() < 0.9
    assert (t["own_elasticity"] < -1).all() and base.stated["price_list_gain_joint"] > 0


def test_a_price_list_holds_from_today_on_whatever_costs_do(small: Settings, tmp_path: object) -> None:
    policy = Policy(price_list={"p0002": 33.3})
    p = make(tmp_path, small, horizon=2, policy=policy).frame("prices")  # type: ignore[arg-type]
    p = p[(p["product_id"] == "p0002") & p["region"].isna()]
    now = pd.Timestamp("2026-01-01").date()
    assert set(p.loc[p["date"] >= now, "list_price"].astype(float)) == {33.3}
    assert p.loc[p["date"] < now, "list_price"].nunique() > 10
    promoted = p[(p["date"] >= now) & p["promotion_id"].notna()]
    assert (promoted["price"].astype(float) < 33.3).all()
    with pytest.raises(ValueError, match="must be a positive factor"):
        Policy(price_list={"p0002": 0.0})


def test_the_next_quarter_under_each_list(tmp_path: object) -> None:
    """Lived with the same draws: the best list of the shop beats today's, that of each for itself loses."""
    settings = Settings(seed=20260101, customers=8_000, months=14, dirt=False)
    platform = make(tmp_path, settings)  # type: ignore[arg-type]
    t = platform.truth("optimal_prices.parquet").set_index("product_id")
    names = {"today": "list_price", "alone": "best_alone", "joint": "best_joint"}
    kept = profit(settings, {name: t[column].astype(float).to_dict() for name, column in names.items()})
    assert kept["joint"] > kept["today"] > kept["alone"]
    gain = kept["joint"] / kept["today"] - 1
    assert gain == pytest.approx(platform.stated["price_list_gain_joint"], abs=0.03)
