"""The built-in platform as a source: its raw files already have the contract's names, and dirt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from growth.contract import TABLES
from growth.sources.base import Dataset, Reading, Source, control, numbered

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

WORKERS = 2  # the bytes do not depend on it

INFO = Dataset(
    name="simulated",
    title="The simulated platform: thirty months of a shop whose truth is known",
    as_of="2026-01-01",
    timezone="Asia/Shanghai",
    currency="CNY",
    synthetic=True,
    licence="BSD-3-Clause, like the project",
    origin="src/growth/simulation",
)


def _acquire(raw: Path, truth: Path) -> Dataset:
    from growth.params import section
    from growth.simulation import market_survey, simulate

    simulate(section("simulation"), raw, truth, workers=WORKERS)
    market_survey.add(section("simulation"), raw, truth)
    return INFO


def _read(con: Backend, raw: Path) -> Reading:

    tables = {name: numbered(con, raw / name) for name in TABLES if (raw / name).is_dir()}
    files = {name: int(t.count().execute()) for name, t in tables.items()}
    totals = control(
        con,
        raw,
        "select (select count(distinct order_id) from '{raw}/orders/*.parquet') as orders, "
        "(select sum(amount) from '{raw}/order_lines/*.parquet') as sold, "
        "(select sum(refund) from '{raw}/returns/*.parquet') as refunded",
    )
    return Reading(files, tables, totals)


SOURCE = Source(_acquire, _read)
