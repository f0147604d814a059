"""A simulated platform on disk, through ingest: what several tests and studies stand on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import ibis

from growth.definitions import Tables
from growth.ingest.run import ingest
from growth.simulation import Settings, simulate
from growth.sources import Dataset, simulated
from tests.conftest import WORDS


def platform(
    folder: Path, settings: Settings, horizon: int | None = None, as_of: str | None = None
) -> Tables:
    """Simulate into ``raw`` and ``truth`` and ingest; with a horizon the future has come."""
    raw, tables, lost = (folder / x for x in ("raw", "tables", "quarantine"))
    for room in (tables, lost):
        room.mkdir(parents=True)
    simulate(settings, raw, folder / "truth", **({"horizon": horizon} if horizon else {}))
    simulated.INFO.write(raw)
    ingest(raw, tables, lost, SimpleNamespace(as_of=as_of, timezone=None))
    con = ibis.duckdb.connect()
    rows = {f.stem: con.read_parquet(f, table_name=f.stem) for f in sorted(tables.glob("*.parquet"))}
    return Tables(rows, Dataset.read(tables), SimpleNamespace(**WORDS))
