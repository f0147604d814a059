"""Price lists: the optimum against hand and brute force, the guards, and the next quarter under each list."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from growth.simulation import Policy, Settings, World, pricing
from growth.simulation.judge import expected_profit, profit
from growth.simulation.pricing import Lists, Offer
from growth.simulation.run import Job
from tests.simulation.conftest import Platform, make

LATE = 0.08
SHOP = Settings(customers=10_000, months=10, dirt=False)


@pytest.fixture(scope="module")
def lists() -> Lists:
    job = Job.of(Settings(), None, None, None)
    ahead = replace(job, horizon=pricing.AHEAD).state()
    return pricing.price_lists(World(), job.state(), ahead, np.ones((4, 10)), np.full(4, 0.6), LATE)


def one_type(lists: Lists, alpha: float) -> Offer:
    """A shelf for one type of people, without returns, fees, promotions and handling; products hardly compete."""
    s = lists.shelf
    cost = np.repeat(s.price[:, None, :] * 0.55, s.cost.shape[1], axis=1)
    fixed = np.repeat((alpha * np.log(s.price) - 12.0)[:, None, None, :], s.cost.shape[1], axis=1)
    return replace(
        s, fixed=fixed, alpha=np.array([alpha]), refund=s.refund[:, :1] * 0, weight=s.weight[:, :, :1] * 0 + 1, fee=0.0,
        cost=cost - pricing.HANDLING, off=s.off * 0 + 1,
    )  # fmt: skip


@pytest.mark.parametrize("alpha", [2.5, 4.0])
def test_a_constant_elasticity_has_the_textbook_price(lists: Lists, alpha: float) -> None:
    """Shares near 0: elasticity −α, so price = cost · α / (α − 1) (Lerner 1934)."""
    shelf = one_type(lists, alpha)
    for others in ("ignored", "given", "joint"):
        best = pricing.best(shelf, shelf.price * 0.2, shelf.price * 5.0, others)
        np.testing.assert_allclose(best, shelf.price * 0.55 * alpha / (alpha - 1), rtol=3e-3)


def test_no_other_list_earns_more(lists: Lists) -> None:
    """Brute force by another optimiser, category by category."""
    s, g = lists.shelf, lists.guards
    for c in (0, 5):
        on = s.on_sale[c]

        def loss(x: np.ndarray, c: int = c, on: np.ndarray = on) -> float:
            price = s.price.copy()
            price[c, on] = np.exp(x)
            return -float(s.profit(price[:, None, :])[c].sum())

        bounds = list(zip(np.log(g.low[c, on]), np.log(g.high[c, on]), strict=True))
        other = minimize(
            loss, np.log(s.price[c, on]), bounds=bounds, method="L-BFGS-B", options={"maxiter": 50}
        )
        mine = float(s.profit(lists.lists["joint"][:, None, :])[c].sum())
        assert mine >= -other.fun * (1 - 1e-5)


def test_lists_keep_the_guards_and_their_order(lists: Lists) -> None:
    g, s, world = lists.guards, lists.shelf, World().shelf
    on = s.on_sale
    assert (g.low <= g.high).all()
    for name in ("alone", "given", "joint"):
        price = lists.lists[name][on]
        assert (price >= g.low[on] * (1 - 1e-9)).all() and (price <= g.high[on] * (1 + 1e-9)).all()
    assert (g.low >= s.price * (1 - world.step) * (1 - 1e-9))[on].all()
    # Each for itself cuts prices and takes from its neighbours; together they earn more, and without guards most.
    assert lists.gain("alone") < 0 < lists.gain("given") <= lists.gain("joint") + 1e-4
    assert lists.gain("joint") < lists.gain("joint_free")
    assert np.median((lists.lists["alone_free"] / lists.lists["joint_free"])[on]) < 0.95


def test_elasticities_of_the_shelf_are_numeric_derivatives(lists: Lists) -> None:
    s = lists.shelf
    own = pricing.own_elasticities(s, s.price)
    for k in (0, 7):
        prices = np.repeat(s.price[:, None, :], 2, axis=1)
        prices[:, :, k] *= np.exp([-1e-4, 1e-4])
        units = s.units(prices)[:, :, k]
        on = s.on_sale[:, k]
        np.testing.assert_allclose(own[on, k], np.log(units[on, 1] / units[on, 0]) / 2e-4, rtol=1e-5)
    assert np.isnan(own[~s.on_sale]).all() and np.isfinite(own[s.on_sale]).all()


def test_the_file_says_what_the_truths_say(base: Platform) -> None:
    t = base.truth("optimal_prices.parquet")
    sold = base.frame("products")
    assert set(t["product_id"]) >= set(sold.loc[sold["delisted_on"].isna(), "product_id"])
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


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    return make(tmp_path_factory.mktemp("pricing"), SHOP)


def named(shop: Platform) -> dict[str, dict[str, float]]:
    t = shop.truth("optimal_prices.parquet").set_index("product_id")
    lists = {"today": "list_price", "alone": "best_alone", "joint": "best_joint", "cheap": "best_alone_free"}
    return {name: t[column].astype(float).to_dict() for name, column in lists.items()}


def test_a_list_is_judged_in_closed_form(shop: Platform) -> None:
    """From the files alone, the gains that the truth states; and no small change of the best list is better."""
    lists = named(shop)
    rng = np.random.Generator(np.random.PCG64(2))
    t = shop.truth("optimal_prices.parquet").set_index("product_id")[["low", "high"]].astype(float)
    lists |= {
        f"other {k}": {
            i: float(np.clip(p * np.exp(0.02 * rng.normal()), *t.loc[i])) for i, p in lists["joint"].items()
        }
        for k in range(5)
    }
    kept = expected_profit(SHOP, shop.folder / "truth", lists)
    for name in ("alone", "joint"):
        gain = kept[name] / kept["today"] - 1
        assert gain == pytest.approx(shop.stated[f"price_list_gain_{name}"], abs=1e-4)
    assert all(kept["joint"] > kept[f"other {k}"] * (1 - 1e-6) for k in range(5))


def test_the_next_quarter_under_each_list(shop: Platform) -> None:
    """Lived with the same draws: as the closed form says, up to luck. Each for itself sells more and keeps less."""
    lists = named(shop)
    del lists["alone"]
    kept = profit(SHOP, lists)
    said = expected_profit(SHOP, shop.folder / "truth", lists)
    assert kept["joint"] > kept["cheap"] and said["joint"] > said["today"] > said["cheap"]
    for name in ("joint", "cheap"):
        assert kept[name] / kept["today"] == pytest.approx(said[name] / said["today"], abs=0.06)
