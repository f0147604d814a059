"""The stored shapes of the real shop are those of its data; the platform's own are near where they should be."""

from __future__ import annotations

import os
from pathlib import Path

import ibis
import pytest

from growth.definitions import Tables
from growth.simulation import likeness
from growth.sources import public
from growth.sources.base import Dataset
from tests.conftest import WORDS
from tests.elsewhere import Elsewhere


def test_the_stored_shapes_are_the_real_ones(tmp_path: Path, datasets: Path) -> None:
    os.environ["GROWTH_DATASETS"] = str(datasets.resolve())
    copy = Elsewhere.make(tmp_path, dataset="online_retail")
    copy.run("growth", "raw")
    copy.run("growth", "ingest")
    folder = copy.folder / "data" / "online_retail" / "tables"
    con = ibis.duckdb.connect()
    rows = {f.stem: con.read_parquet(f, table_name=f.stem) for f in sorted(folder.glob("*.parquet"))}
    from types import SimpleNamespace

    found = likeness.shapes(Tables(rows, Dataset.read(folder), SimpleNamespace(**WORDS)))
    assert found == likeness.reference()
    assert public.ONLINE_RETAIL.info.licence == "CC BY 4.0"


@pytest.mark.parametrize(
    ("name", "one", "two", "apart"),
    [("days", [0.5, 0.5], [0.5, 0.5], 0), ("days", [1, 0], [0, 1], 1), ("spend", [1, 10], [1, 1], 1.1512925)],
)
def test_distances_by_hand(name: str, one: list[float], two: list[float], apart: float) -> None:
    assert likeness.distance(name, one, two) == pytest.approx(apart)
