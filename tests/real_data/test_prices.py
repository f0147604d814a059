"""Dominick's orange juice through the whole pipeline: prices by store, against the numbers of the reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real_data.test_public import findings, run


@pytest.fixture(scope="module")
def juice(tmp_path_factory: pytest.TempPathFactory, where: Path) -> Path:
    return run(tmp_path_factory.mktemp("juice"), "orange_juice", where)


def test_every_line_is_there_and_sales_add_up(juice: Path) -> None:
    audit = findings(juice, "00_audit")
    assert audit["H4.rows"]["value"] == 106_139 + 83 and audit["H4.rows"]["series"]["refused"] == 0
    assert audit["H4.reconciliation"]["series"]["difference"] == 0


def test_estimates_are_of_products_in_stores(juice: Path) -> None:
    """Store x brand and week effects without controls: -3.969044; the error is clustered by store and week."""
    price = findings(juice, "04_price")
    two_way = price["D1.rung_product_and_week_effects"]
    assert two_way["n"] == 106_139
    assert two_way["value"] == pytest.approx(-3.969044, abs=2e-6)
    assert "region and week" in two_way["method"]
    assert -3.7 < price["D1.elasticity"]["value"] < -2.8


def test_regular_price_and_promotions_are_the_reference(juice: Path) -> None:
    """Base (highest of five weeks) -3.000722, depth -3.432188, lead -.289902: deal and advertising were held there."""
    found = findings(juice, "04_price")
    split, dip = found["D1.regular_and_promotion"], found["C3.borrowed"]
    assert split["value"] == pytest.approx(-3.000722, abs=0.02)
    assert split["series"]["depth"] == pytest.approx(-3.432188, abs=0.02)
    assert dip["series"]["lead"] == pytest.approx(-0.289902, abs=0.02) and dip["series"]["told"] == 0


def test_poor_neighbourhoods_answer_prices_more(juice: Path) -> None:
    """The reference by income terciles: -3.49, -3.23, -3.12; here Poisson, with effects of each third's own weeks."""
    found = findings(juice, "04_price")["D2.region"]
    assert found["value"] == pytest.approx(-3.49, abs=0.1)
    assert found["series"]["p_alike"] > 0.05, (
        "their difference is a matter of a third of a unit, errors are .19"
    )


def test_a_price_list_of_a_chain_rises_within_its_guards(juice: Path) -> None:
    found = findings(juice, "04_price")
    assert found["D2.cross"]["low"] > 0, "stores differ within a week, so one category tells what is stolen"
    assert found["D3.price_list"]["n"] == 11 and found["D3.price_list"]["low"] > 0
