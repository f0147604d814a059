"""The page's estimates and its price list against the platform's truth."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from growth.marts import _sorted
from growth.params import section
from growth.price import marts, model, offers
from growth.price import panel as made
from growth.simulation import Settings
from growth.simulation.judge import expected_profit
from tests.platforms import platform

SETTINGS = Settings(customers=10_000, dirt=False)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """The marts of a platform of a sixth of the size, and its truth."""
    folder = tmp_path_factory.mktemp("priced")
    tables = platform(folder, SETTINGS)
    frames = {}
    for name in ("panel", "products", "price_tests"):
        mart = marts.MARTS[name]
        pq.write_table(_sorted(mart.build(tables), mart), folder / "mart.parquet")
        frames[name] = pd.read_parquet(folder / "mart.parquet")
    truth = json.loads((folder / "truth" / "truths.json").read_text(encoding="utf-8"))
    panel = made.prepare(frames["panel"], frames["products"])
    ladder = model.rungs(panel, frames["price_tests"])
    return SimpleNamespace(
        panel=panel, ladder=ladder, products=frames["products"], truth=truth, folder=folder / "truth"
    )


def value(shop: SimpleNamespace, name: str) -> float:
    return float(shop.truth[name]["value"])


@pytest.mark.slow
def test_the_naive_slope_is_biased_as_stated_and_the_level_holds_the_truth(shop: SimpleNamespace) -> None:
    found = {r.name: r.estimate for r in shop.ladder if not r.refused}
    naive, true = found["Poisson, zeros kept"], value(shop, "own_price_elasticity")
    assert naive.low < value(shop, "naive_price_slope") < naive.high
    assert naive.low > true, "prices follow demand: too close to 0"
    top = model.level(shop.ladder)
    assert top.protected and top.estimate.low < true < top.estimate.high
    lot = found[model.TEST]
    assert lot.low < value(shop, "price_test_elasticity") < lot.high


@pytest.mark.slow
def test_the_price_list_earns_more_than_todays_and_most_of_what_can_be_earned(shop: SimpleNamespace) -> None:
    """The next quarter in closed form: the recommended list, today's, and the best within the guards."""
    params: Any = section("price").settled(synthetic=True)
    top = model.level(shop.ladder)
    allowed = model.identified(shop.panel, params.fewest_weeks)
    elasticity, missing = model.elasticities(shop.panel, allowed, top, params.spread)
    beside = model.cross(shop.panel, top)
    made = offers.offers(shop.panel, shop.products, elasticity, missing, beside, params)
    table = offers.recommended(made, params)
    best = pd.read_parquet(shop.folder / "optimal_prices.parquet")
    lists = {
        "today": {},
        "kept": dict(zip(table["name"], table["today"], strict=True)),
        "recommended": dict(zip(table["name"], table["price"], strict=True)),
        "best": {i: float(p) for i, p in zip(best["product_id"], best["best_given"], strict=True)},
    }
    earned = expected_profit(SETTINGS, shop.folder, lists)
    assert earned["kept"] == pytest.approx(earned["today"], rel=1e-9), "the page knows today's prices"
    assert earned["recommended"] > earned["today"]
    assert earned["recommended"] >= 0.95 * earned["best"]
