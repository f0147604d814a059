"""What the truth says of itself, and the judge that runs the future under another policy."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from growth.simulation import Policy, Settings, World
from growth.simulation.judge import judge
from growth.simulation.world import Demand
from tests.simulation.conftest import Platform, make

KINDS = {"population effect", "effect on these people", "parameter", "count", "plain difference"}


def test_every_truth_says_what_it_is(default: Platform) -> None:
    for name, entry in default.truth("truths.json").items():
        assert set(entry) == {"value", "unit", "kind", "lever", "horizon", "at_price", "doc"}, name
        assert entry["kind"] in KINDS and entry["unit"] and entry["doc"] and np.isfinite(entry["value"])
        if entry["kind"].startswith(("population", "effect")):
            assert entry["lever"] != "none" and entry["horizon"] != "none", name


def test_counts_are_those_of_the_data(default: Platform) -> None:
    for table in ("customers", "sessions", "events", "orders", "order_lines"):
        assert default.stated[f"count: {table}"] == default.arrow(table).num_rows
    assert default.stated["count: guest orders"] == default.arrow("orders")["customer_id"].null_count
    assert default.stated["count: units"] == default.frame("order_lines")["quantity"].sum()
    for column in ("birth_year", "gender", "occupation"):
        assert (
            default.stated[f"count: gaps in customers.{column}"]
            == default.arrow("customers")[column].null_count
        )
    assert default.truth("people.parquet")["customer_id"].notna().sum() == default.stated["count: customers"]


def test_a_parameter_changed_is_a_truth_changed(small: Settings, tmp_path: object) -> None:
    """A statistician edits `World`; the truth follows without another word."""
    doubled = World(demand=replace(Demand(), alpha=tuple(2 * a for a in Demand().alpha)))
    one, two = (make(tmp_path / k, small, world=w).stated for k, w in (("a", World()), ("b", doubled)))  # type: ignore[operator]
    assert two["own_price_elasticity"] < 1.7 * one["own_price_elasticity"]
    assert two["alpha_price-sensitive"] == 2 * one["alpha_price-sensitive"]


def test_truths_are_plain_json(default: Platform) -> None:
    for name in ("truths.json", "power.json", "dirt.json"):
        text = (default.folder / "truth" / name).read_text(encoding="utf-8")
        assert (
            "NaN" not in text
            and text == json.dumps(json.loads(text), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        )


def test_the_judge_sees_the_closed_form_elasticity_of_the_price_level() -> None:
    """All prices up by 10 % for a quarter: units fall by what the closed form says, with the same draws."""
    settings = Settings(seed=1, customers=3_000, months=12)
    now, dear = judge(settings, {"today": Policy(), "dear": Policy(price_level=1.1)}).values()
    change = np.log(dear["units"] / now["units"]) / np.log(1.1)
    # −2.1 at base prices; steeper at higher ones, and those who buy less come to growth later.
    assert -2.9 < change < -1.7 and dear["sessions"] == pytest.approx(now["sessions"], rel=0.01)


def test_the_judge_adds_up(small: Settings) -> None:
    (today,) = judge(small, {"today": Policy()}, horizon=1).values()
    assert today["orders"] > 20 and today["sales"] > today["contribution"] > 0
    assert judge(small, {"same": Policy(prices={"p0002": 1.0})}, horizon=1)["same"] == today


def test_faster_parcels_and_pages_help(small: Settings) -> None:
    runs = judge(
        replace(small, customers=2_500),
        {"today": Policy(), "pages": Policy(load_time=0.6), "parcels": Policy(delivery=0.5)},
        horizon=4,
    )
    assert runs["pages"]["orders"] > 1.02 * runs["today"]["orders"]
    assert runs["parcels"]["sessions"] > runs["today"]["sessions"]
