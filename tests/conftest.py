"""What tests share: tiny datasets as tables, and the place of the public ones."""

from __future__ import annotations

import datetime as dt
import os
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pytest

import growth  # noqa: F401  (pins the processor before NumPy is imported)
from growth.contract import TABLES
from growth.definitions import Tables
from growth.sources import Dataset

ROOT = Path(__file__).resolve().parents[1]
INFO = Dataset("tiny", "A tiny shop", "2024-07-01", "UTC", "EUR", synthetic=True)
WORDS = dict(revenue="gross", orders="placed", active="order", week_starts="monday", usual_gap=60,
             click_days=30, view_hours=24, path_steps=20)  # fmt: skip


@pytest.fixture
def root() -> Path:
    return ROOT


@pytest.fixture
def datasets() -> Path:
    """The folder of the public datasets; a test that needs it skips where it is not."""
    named = os.environ.get("GROWTH_DATASETS") or str(ROOT.parent / "shared" / "data")
    if not (Path(named) / "online_retail").is_dir():
        pytest.skip("the public datasets are not here: set GROWTH_DATASETS to their folder")
    return Path(named)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def contract_table(name: str, rows: list[dict[str, Any]]) -> Any:
    """Rows of a contract table, missing columns null, as ingest would store them."""
    spec = TABLES[name]
    columns: dict[str, Any] = {}
    for column in spec.columns:
        kind = ibis.dtype(column.dtype).to_pyarrow()
        values = [r.get(column.name) for r in rows]
        if column.type == "money":
            values = [None if v is None else Decimal(str(v)) for v in values]
        if column.type == "time":
            values = [dt.datetime.fromisoformat(v) if isinstance(v, str) else v for v in values]
        columns[column.name] = pa.array(values, kind)
    columns["record_id"] = pa.array(range(1, len(rows) + 1), pa.int64())
    columns["flags"] = pa.array([r.get("flags", "") for r in rows], pa.string())
    if spec.clock:
        moments = columns[spec.clock].to_pylist()
        columns["business_date"] = pa.array([None if m is None else m.date() for m in moments], pa.date32())
    return ibis.memtable(pa.table(columns).select(list(spec.stored)))


@pytest.fixture
def shop() -> Any:
    """Return a function that makes `Tables` from plain rows: ``shop(orders=[…], order_lines=[…])``."""

    def make(
        info: Dataset = INFO, words: dict[str, str] | None = None, **tables: list[dict[str, Any]]
    ) -> Tables:
        rows = {name: contract_table(name, r) for name, r in tables.items()}
        empty = {name: contract_table(name, []) for name in tables}
        return Tables(rows, info, SimpleNamespace(**(WORDS | (words or {}))), empty, {})

    return make


def frame(expression: Any) -> pd.DataFrame:
    """An Ibis expression as a data frame, sorted by all its columns."""
    found = expression.to_pyarrow().to_pandas()
    return found.sort_values(list(found.columns), ignore_index=True)
