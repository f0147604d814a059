"""Stock: books that balance, products that run out when the market says so, and what that costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from growth.simulation import Settings, World
from growth.simulation.run import Job
from growth.simulation.state import State
from growth.simulation.stock import _keep_books
from growth.simulation.world import Shelf
from tests.simulation.bookkeeping import OFFSET
from tests.simulation.conftest import Platform, make

SETTINGS = Settings(seed=5, customers=3_000, months=14, dirt=False)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    return make(tmp_path_factory.mktemp("stock"), SETTINGS)


@pytest.fixture(scope="module")
def plenty(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """The same people with the same luck, and shelves that are never empty."""
    world = World(shelf=replace(Shelf(), short=0.0))
    return make(tmp_path_factory.mktemp("plenty"), SETTINGS, world=world)


@pytest.fixture(scope="module")
def state() -> State:
    return Job.of(Settings(), None, None, None).state()


def sold(platform: Platform) -> pd.Series:
    """Units on order lines by product and local day of the order."""
    o = platform.frame("orders")
    o["date"] = (o["placed_at"] + OFFSET).dt.date
    lines = platform.frame("order_lines").merge(o[["order_id", "date"]], on="order_id")
    return lines.groupby(["product_id", "date"])["quantity"].sum()


def books(platform: Platform) -> pd.DataFrame:
    i = platform.frame("inventory").set_index(["product_id", "date"]).sort_index()
    units = sold(platform)
    assert units.index.isin(i.index).all(), "whatever is sold is on the books"
    return i.assign(sold=units.reindex(i.index).fillna(0).astype(int)).reset_index()


@pytest.mark.parametrize("fixture", ["shop", "plenty", "base"])
def test_books_balance_to_the_unit(fixture: str, request: pytest.FixtureRequest) -> None:
    i = books(request.getfixturevalue(fixture))
    closing = i["opening"] + i["received"] - i["sold"] - i["written_off"]
    assert (closing == i["closing"]).all() and (i[["opening", "received", "closing"]] >= 0).all().all()
    before = i.groupby("product_id")["closing"].shift()
    assert (before.dropna() == i["opening"][before.notna()]).all()
    assert i["sold"].sum() > 500


def test_nothing_is_sold_of_what_is_out(shop: Platform) -> None:
    i = books(shop)
    out = i["hours_out"] == 24
    assert out.sum() > 400 and i["hours_out"].isin([0, 24]).all()
    assert (i.loc[out, ["opening", "received", "sold", "closing"]] == 0).all().all()
    # Whenever hours are 0 there was something to be sold all day, even after the last sale.
    assert ((i["opening"] + i["received"] - i["sold"])[~out] > 0).all()
    last = ~out & out.groupby(i["product_id"]).shift(-1, fill_value=False)
    assert (i["written_off"] == last).all()


def test_deliveries_are_those_of_the_orders(shop: Platform) -> None:
    p, i = shop.frame("purchase_orders"), shop.frame("inventory")
    came = p.dropna(subset=["received_on"]).groupby(["product_id", "received_on"])["quantity"].sum()
    received = i[i["received"] > 0].set_index(["product_id", "date"])["received"]
    assert (came.rename_axis(received.index.names).sort_index() == received.sort_index()).all()
    assert p["purchase_order_id"].is_unique and (p["quantity"] >= 1).all()
    known = p.dropna(subset=["received_on"])
    assert (known["received_on"] >= known["promised_on"]).all() and (p["promised_on"] > p["ordered_on"]).all()
    assert 0.1 < (known["received_on"] > known["promised_on"]).mean() < 0.35
    assert p["received_on"].isna().any(), "some are under way"
    assert set(p["supplier_id"]) == set(shop.frame("suppliers")["supplier_id"])


def test_a_book_by_hand() -> None:
    """Ten days, a delivery on the fourth and on the ninth day, out from the seventh on."""
    sales = np.array([2, 0, 1, 3, 0, 0, 0, 0, 1, 1])
    out = np.array([0, 0, 0, 0, 0, 0, 1, 1, 0, 0], dtype=bool)
    left = np.array([0, 0, 50.0, 0, 0, 0, 0, 0, 0, 3.0])
    b = _keep_books(sales, out, left, np.array([3, 8, 15]))
    # Fifty days' worth would be left before the first delivery, but then nothing need come: four pieces last.
    assert b.closing.tolist() == [5, 5, 4, 1, 1, 0, 0, 0, 4, 3]
    assert b.written_off.tolist() == [0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert b.received[3] == 0 and b.received[8] == 5 and b.quantity.tolist()[:2] == [0, 5]


def test_a_minority_of_products_runs_out_after_high_demand(state: State) -> None:
    out = state.stock.out
    short = out.any(axis=0)
    assert 0.10 <= short.mean() <= 0.16
    on_sale = np.isfinite(state.unlimited[0]).sum(axis=0)
    share = out.sum(axis=0)[short] / on_sale[short]
    assert share.min() >= 0.04 and share.max() <= 0.26
    assert not set(state.products.category[short]) & set(World().shelf.spared)
    week = state.span.days // 7 - state.first_week
    shock = state.shock[week][:, short]
    error = shock.std() / np.sqrt(out.sum() / 7)  # a shock holds for a week
    assert shock[out[:, short]].mean() - shock[~out[:, short]].mean() > 2 * error
    begins = out[1:] & ~out[:-1]
    assert (state.promotion[:-1][begins] >= 0).mean() > 2 * (state.promotion >= 0).mean()
    assert np.isneginf(state.utility[:, out]).all() and np.isfinite(state.unlimited[:, out]).all()


def test_people_and_prices_do_not_move_it(
    shop: Platform, small: Settings, base: Platform, tmp_path: object
) -> None:
    few = make(tmp_path / "few", replace(small, customers=300))  # type: ignore[operator]
    hours = [p.frame("inventory")[["product_id", "date", "hours_out"]] for p in (base, few)]
    pd.testing.assert_frame_equal(*hours)
    days = [p.frame("purchase_orders").set_index("purchase_order_id")["ordered_on"] for p in (base, few)]
    both = days[0].index.intersection(days[1].index)
    assert len(both) > 50 and (days[0][both] == days[1][both]).all()


def test_the_units_lost_are_those_of_full_shelves(shop: Platform, plenty: Platform) -> None:
    """Lived again with full shelves: what is sold of these products on these days, against the expectation."""
    truth = shop.truth("stock.parquet")
    i = shop.frame("inventory").query("hours_out == 24").set_index(["product_id", "date"]).index
    would = sold(plenty)
    found = would[would.index.isin(i)]
    expected = truth["units_lost"].sum()
    assert expected == pytest.approx(shop.stated["units_lost_to_stock_outs"], rel=1e-4)
    assert abs(found.sum() - expected) < 4 * np.sqrt(1.5 * expected) and expected > 100
    assert (truth.query("days_out == 0")["units_lost"] == 0).all()
    assert truth["units"].sum() == shop.stated["count: units"]
    days = i.get_level_values("product_id").value_counts()
    assert (truth.set_index("product_id")["days_out"].loc[days.index] == days).all()
    assert plenty.stated["units_lost_to_stock_outs"] == 0 == plenty.stated["stock_out_products"]


def test_a_product_ends_and_leaves_every_shelf(shop: Platform) -> None:
    ended = shop.frame("products").dropna(subset=["delisted_on"])
    assert 1 <= len(ended) <= 12 and ended["seller_id"].isna().all()
    units = sold(shop).reset_index()
    for _, product in ended.iterrows():
        for table, column in (("prices", "date"), ("inventory", "date"), ("competitor_prices", "date")):
            its = shop.frame(table).query("product_id == @product.product_id")
            assert its.empty or its[column].max() < product["delisted_on"]
        assert not (units.query("product_id == @product.product_id")["date"] >= product["delisted_on"]).any()
