"""Baskets and sequences of published shops, against numbers taken with other tools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from growth.behaviour import baskets, sequences
from tests.real_data.test_public import findings, run


@pytest.fixture(scope="module")
def groceries(where: Path) -> baskets.Baskets:
    lines = pd.read_csv(where / "groceries" / "groceries_long.csv.gz")
    return baskets.Baskets.of(lines.iloc[:, 0], lines.iloc[:, 1])


@pytest.fixture(scope="module")
def lines(where: Path) -> pd.DataFrame:
    """Lines of goods that were sold: no cancellation, gift or postage."""
    every = pd.read_parquet(where / "online_retail" / "online_retail.parquet")
    every = every[(every["Quantity"] > 0) & (every["UnitPrice"] > 0)]
    return every[every["StockCode"].str.match(r"\d{5}") & ~every["InvoiceNo"].str.startswith("C")]


@pytest.fixture(scope="module")
def retail(lines: pd.DataFrame) -> baskets.Baskets:
    return baskets.Baskets.of(lines["InvoiceNo"], lines["StockCode"])


@pytest.mark.parametrize(
    ("support", "confidence", "many"), [(0.006, 0.25, 463), (0.01, 0.5, 15), (0.001, 0.8, 410)]
)
def test_rules_of_groceries(groceries: baskets.Baskets, support: float, confidence: float, many: int) -> None:
    """As arules counts them; tools that divide floats lose rules that lie on the threshold (406 of 410)."""
    n = groceries.inside.shape[0]
    assert n == 9_835
    counts = baskets.itemsets(groceries, baskets.fewest(support, n))
    assert len(baskets.rules(counts, confidence)) == many
    assert counts[("whole milk",)] == 2_513


@pytest.mark.parametrize(("support", "many"), [(0.02, 88), (0.01, 894), (0.005, 8_085)])
def test_pairs_of_online_retail(retail: baskets.Baskets, support: float, many: int) -> None:
    n = retail.inside.shape[0]
    assert (n, retail.inside.shape[1], retail.inside.sum()) == (19_773, 3_900, 517_256)
    assert len(baskets.pairs(retail, baskets.fewest(support, n))) == many


def test_size_factors(groceries: baskets.Baskets, retail: baskets.Baskets) -> None:
    assert baskets.size_factor(groceries.sizes) == pytest.approx(1.4358, abs=5e-5)
    assert baskets.size_factor(retail.sizes) == pytest.approx(4.1914, abs=5e-5)


def counted(later: baskets.Baskets, found: pd.DataFrame) -> pd.DataFrame:
    """The same pairs in other baskets."""
    alone = pd.Series(later.inside.sum(axis=0), later.products)
    both = (later.inside.T @ later.inside).tocsr()
    a, b = (later.products.get_indexer(found[c]) for c in ("first", "second"))
    together = np.where((a >= 0) & (b >= 0), both[np.maximum(a, 0), np.maximum(b, 0)], 0)
    with_a, with_b = (alone.reindex(found[c]).fillna(0).to_numpy() for c in ("first", "second"))
    return found[["first", "second"]].assign(together=together, with_first=with_a, with_second=with_b)


def test_adjusted_pairs_of_online_retail_hold_up_out_of_time(lines: pd.DataFrame) -> None:
    """Nearly every pair has a lift above 1; of those that sizes do not explain 83.1 % hold up, of the rest 44.2 %."""
    early = lines["InvoiceDate"] < "2011-09-10"
    before, after = (
        baskets.Baskets.of(x["InvoiceNo"], x["StockCode"]) for x in (lines[early], lines[~early])
    )
    assert (before.inside.shape[0], after.inside.shape[0]) == (12_897, 6_876)
    found = baskets.scored(baskets.pairs(before, 20), before.sizes)
    assert (len(found), (found["lift"] > 1).sum()) == (128_884, 128_795)
    assert ((found["adjusted"] > 1).sum(), (found["q_value"] < 0.01).sum()) == (77_760, 44_946)
    found = found[found["lift"] > 1]
    held = baskets.out_of_time(found, counted(after, found), after.sizes, 0.01).set_index("kind")
    assert held.loc[baskets.SURE, "pairs"] == 27_958
    assert held.loc[baskets.SURE, "share"] == pytest.approx(0.831, abs=5e-4)
    rest = held.drop(baskets.SURE).sum()
    assert rest["held"] / rest["pairs"] == pytest.approx(0.442, abs=5e-4)
    assert held.loc[baskets.SURE, "share"] >= 0.8 and rest["held"] / rest["pairs"] <= 0.5


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, where: Path) -> Path:
    return run(tmp_path_factory.mktemp("behaviour"), "online_retail", where, ("02_behaviour",))


def test_sequences_of_online_retail(page: Path) -> None:
    """155 of at least 100 customers; prefixspan, which sees an order inside an invoice, says 520."""
    counts = pd.read_parquet(page.parents[1] / "data/online_retail/marts/02_behaviour/sequences.parquet")
    found = sequences.ordered(counts, 100)
    assert len(found) == 155
    assert found[["first", "then", "customers"]].head(2).to_numpy().tolist() == [
        ["22423", "23245", 192], ["85099B", "23203", 185]
    ]  # fmt: skip


def test_the_page_of_online_retail(page: Path) -> None:
    """The engine counts the pairs that the sparse product counts; what needs visits is left out."""
    found = findings(page, "02_behaviour")
    assert {k.split(".")[0] for k in found} == {"B4"} and found["B4.pairs"]["headline"]
    assert found["B4.pairs"]["series"]["frequent"] == 128_884
    assert found["B4.out_of_time"]["value"] >= 0.8 > 0.5 >= found["B4.out_of_time"]["series"]["others"]
    assert found["B4.sequences"]["series"]["pairs"] == 155
