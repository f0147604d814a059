"""What the page shows of pairs and sequences; and shops with little or nothing in them."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from growth.behaviour import funnel, model
from growth.behaviour.marts import MARTS
from growth.marts import _sorted
from tests.behaviour.shop import at
from tests.behaviour.test_visits import event, link, visit

PAIRS = pd.DataFrame(
    dict(first=["a", "a", "POST"], second=["b", "c", "a"], before=[30, 20, 90], after=[9, 0, 30])
)
ALONE = pd.DataFrame(
    dict(product_id=["a", "b", "c", "POST"], before=[60, 50, 90, 95], after=[30, 20, 30, 31])
)
SIZES = pd.DataFrame(dict(later=[False, False, True, True], size=[2, 99, 2, 4], baskets=[200, 1, 50, 10]))


def test_pairs_of_the_page_by_hand() -> None:
    """Postage is no good; a basket of 99 is too large; the surest pair comes first."""
    found = model.together(PAIRS, ALONE, SIZES, 50, ["POST"], 0.05, 0.95)
    assert (found.baskets, found.too_large) == (260, 1)
    assert found.factor == pytest.approx(200 * 200 * 2 / 400**2)
    assert found.pairs[["first", "second", "together", "later"]].to_numpy().tolist() == [
        ["a", "b", 30, 9], ["a", "c", 20, 0]
    ]  # fmt: skip
    assert found.pairs["expected"].tolist() == pytest.approx([0.5 * 60 * 50 / 200, 0.5 * 60 * 90 / 200])
    later = 60 * (50 * 2 + 10 * 12) / 140**2  # the size factor of the later baskets
    assert later * 30 * 20 / 60 < 9, "a and b are oftener together than expected, a and c never"
    assert found.held["pairs"].tolist() == [1, 1, 0] and found.held["held"].tolist() == [1, 0, 0]


def test_a_period_without_baskets_or_pairs_is_said() -> None:
    with pytest.raises(ValueError, match="no basket with a product"):
        model.together(PAIRS, ALONE, SIZES[~SIZES["later"]], 50, [], 0.05, 0.95)
    with pytest.raises(ValueError, match="No two products"):
        model.together(PAIRS, ALONE, SIZES, 50, ["a"], 0.05, 0.95)


def test_names_stand_for_ids_where_they_are_known() -> None:
    names = pd.DataFrame(dict(product_id=["a", "b"], name=["Tea", None]))
    assert model.named(PAIRS, ["first", "second"], names)["first"].tolist() == ["Tea", "Tea", "POST"]
    assert model.named(PAIRS, ["first", "second"], names)["second"].tolist() == ["b", "c", "Tea"]
    assert model.named(PAIRS, ["first"], None) is PAIRS


def test_what_follows_leaves_out_what_is_no_good() -> None:
    counts = pd.DataFrame(
        dict(one=["a", "POST"], other=["b", "a"], forward=[30, 90], backward=[10, 5], forward_days=[30, 9],
             backward_days=[5, 5])
    )  # fmt: skip
    found = model.what_follows(counts, 20, ["POST"], 0.95)
    assert found[["first", "then", "customers"]].to_numpy().tolist() == [["a", "b", 30]]


@pytest.mark.parametrize("name", MARTS)
def test_a_shop_with_empty_tables(shop: Any, name: str) -> None:
    empty = dict.fromkeys(("sessions", "visitors", "events", "orders", "order_lines", "products"), [])
    assert _sorted(MARTS[name].build(shop(**empty)), MARTS[name]).num_rows == 0


def test_a_visitor_with_a_million_pages_is_a_machine(shop: Any) -> None:
    """The contract refuses what it cannot hold; what it holds must not move the means of people."""
    tables = shop(
        visitors=[link("v1", None, at("06-01")), link("v2", None, at("06-01"))],
        sessions=[visit("s1", "v1", at("06-01"), pages=10_000, seconds=86_400), visit("s2", "v2", at("06-01"))],
        events=[event("s1", at("06-01", 10 + k / 3600), "view") for k in range(500)]
        + [event("s2", at("06-01"), "view")],
    )  # fmt: skip
    assert _sorted(MARTS["people"].build(tables), MARTS["people"]).to_pandas()["person"].tolist() == ["v2"]
    assert _sorted(MARTS["steps"].build(tables), MARTS["steps"]).to_pandas()["times"].sum() == 2


def test_a_stage_that_nobody_reached_has_an_interval() -> None:
    people = pd.DataFrame(dict(visits=[2, 1, 3], view=[2, 1, 3], cart=[1, 0, 0], checkout=0, purchase=0))
    found = funnel.of_visits(people).set_index("stage")
    assert found.loc["view", ["share", "high"]].tolist() == [1, 1] and found.loc[
        "view", "low"
    ] == pytest.approx(0.4385, abs=1e-4)
    assert found.loc["purchase", ["share", "low"]].tolist() == [0, 0]
    assert found.loc["purchase", "high"] == pytest.approx(1 - 0.4385, abs=1e-4)
