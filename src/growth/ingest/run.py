"""Raw files in, checked tables out: every row is kept, flagged or refused with its reason, and counted."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
from ibis import _

from growth import clock, paths, sources
from growth.contract import TABLES, Table
from growth.errors import UserError
from growth.folders import fresh
from growth.folders import replace as replace_folder
from growth.ingest import checks, pseudonyms

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend
    from ibis.expr.types import Table as Rows

MEMORY = "4GB"


def ingest(raw: Path, tables: Path, quarantine: Path, data_params: Any) -> dict[str, Any]:
    """Check a dataset's raw files against the contract and store what comes of it.

    Parameters
    ----------
    raw, tables, quarantine : Path
        Where the raw files are; where kept and refused rows go (both folders must exist and be empty).
    data_params : growth.params.DataParams
        ``as_of`` and ``timezone`` override the dataset's own.

    Returns
    -------
    dict
        The account: rows in, kept, flagged and refused, in all, by table, by reason; see `account`.

    Raises
    ------
    UserError
        If a raw row is neither kept nor refused, or real data come without a key.
    """
    info = sources.Dataset.read(raw)
    info = replace(
        info,
        as_of=str(data_params.as_of or info.as_of),
        timezone=data_params.timezone or info.timezone,
    )
    scratch = fresh(tables.parent / "ingest.new")  # one name, so that what a killed run leaves is cleared
    try:
        read = sources.get(info.name).read
        found = ingest_reading(lambda con: read(con, raw), info, tables, quarantine, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    info.write(tables)
    text = json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False, default=str)
    (quarantine / "account.json").write_text(text + "\n", encoding="utf-8")
    return found


def ingest_reading(
    read: Callable[[Backend], sources.Reading], info: Any, tables: Path, quarantine: Path, scratch: Path
) -> dict[str, Any]:
    """Check what a source reads and store it; `scratch` is a folder for what does not fit in memory."""
    con = ibis.duckdb.connect(scratch / "ingest.duckdb", memory_limit=MEMORY)
    try:
        con.raw_sql("set timezone = 'UTC'")
        con.raw_sql(f"set temp_directory = '{_quoted(scratch)}'")
        reading = read(con)
        stored = _tables(con, reading, info)
        _write(con, stored, tables, quarantine)
        return account(stored, reading)
    finally:
        con.disconnect()


def _quoted(path: str | Path) -> str:
    return str(path).replace("'", "''")


def _tables(con: Backend, reading: sources.Reading, info: sources.Dataset) -> dict[str, Rows]:
    """Check the candidates, each table after those it refers to."""
    typed: dict[str, Rows] = {}
    for name, rows in reading.candidates.items():
        typed[name] = con.create_table(f"typed_{name}", checks.typed(rows, TABLES[name]))
    typed = _pseudonymised(con, typed, pseudonyms.key_for(info))
    done: dict[str, Rows] = {}
    kept: dict[str, Rows] = {}
    for name in (n for n in TABLES if n in typed):
        done[name] = con.create_table(f"checked_{name}", _checked(typed[name], TABLES[name], kept, info))
        kept[name] = done[name].filter(_._refuse.isnull())
    return done


def _pseudonymised(con: Backend, typed: dict[str, Rows], key: bytes) -> dict[str, Rows]:
    """Put a pseudonym in the place of every personal id; a column that refers to one shares its pseudonyms."""
    holders: dict[str, list[tuple[str, str]]] = {}
    for n in typed:
        for c in TABLES[n].columns:
            if c.personal:
                holders.setdefault(c.refers.rpartition(".")[2] or c.name, []).append((n, c.name))
    for kind in sorted(holders):
        columns = [typed[n].select(raw=typed[n][name]) for n, name in holders[kind]]
        pairs = pseudonyms.pairs(con, key, kind, columns)
        for n, name in holders[kind]:
            joined = typed[n].left_join(pairs, typed[n][name] == pairs.raw)
            typed[n] = joined.mutate(**{name: joined.pseudonym}).drop("raw", "pseudonym")
    return typed


def _checked(rows: Rows, table: Table, kept: dict[str, Rows], info: sources.Dataset) -> Rows:
    """Add ``record_id``, ``flags``, ``business_date`` and ``_refuse`` to typed rows."""
    rows = checks.with_repeats(checks.with_references(rows, table, kept), table)
    year = int(info.as_of[:4])
    as_of = clock.start_of_day(info.as_of, info.timezone)
    reasons = [*checks.refusals(rows, table, ibis.literal(as_of)), *_foreign_money(rows, table, info)]
    made: dict[str, Any] = {
        "record_id": ibis.row_number().over(order_by=["_file", "_row", "_part"]) + 1,
        "flags": checks.joined_flags(checks.flags(rows, table), rows["_flag"]),
        "_refuse": checks.first_reason(iter(reasons), rows["_refuse"]),
    }
    if table.clock:
        years = (year - 40, year + 1)
        made["business_date"] = clock.business_date(rows[table.clock], info.timezone, years)
    return rows.mutate(**made).select(*table.stored, "_file", "_row", "_derived", "_refuse")


def _foreign_money(rows: Rows, table: Table, info: sources.Dataset) -> list[tuple[Any, str]]:
    """Refuse amounts in a currency other than the dataset's: they cannot be added up."""
    if "currency" not in table.names or table.name == "fx":
        return []
    return [(rows["currency"] != info.currency, f"currency: not {info.currency}")]


def _write(con: Backend, stored: dict[str, Rows], tables: Path, quarantine: Path) -> None:
    """Store kept and refused rows in the order of their record ids; one thread, so that bytes are equal."""
    con.raw_sql("set threads = 1")
    for name, rows in stored.items():
        table = TABLES[name]
        kept = rows.filter(_._refuse.isnull()).select(*table.stored).order_by("record_id")
        kept.to_parquet(tables / f"{name}.parquet")
        refused = rows.filter(_._refuse.notnull()).order_by("record_id")
        refused = refused.rename(source_file="_file", source_row="_row", refused_because="_refuse")
        columns = ["source_file", "source_row", "refused_because", *(c for c in table.stored if c != "flags")]
        refused.select(*columns).to_parquet(quarantine / f"{name}.parquet")


def account(stored: dict[str, Rows], reading: sources.Reading) -> dict[str, Any]:
    """Count rows in, kept, flagged and refused, by table, reason and flag.

    ``total``, and ``flags`` beside it, count raw rows alone; a derived row (an order behind its lines) counts only in
    its table.

    Raises
    ------
    UserError
        If the rows of the raw files and the rows accounted for are not the same number.
    """
    by_table = {name: _table_account(rows) for name, rows in stored.items()}
    total = {"rows_in": int(sum(reading.files.values())), "kept": 0, "flagged": 0, "refused": 0}
    flags: Counter[str] = Counter()
    for entry in by_table.values():
        for what, n in entry.pop("_of_files").items():
            total[what] += n
        flags.update(entry.pop("_flags_of_files"))
    if total["rows_in"] != total["kept"] + total["refused"]:
        raise UserError(
            f"{total['rows_in']} rows came in, but {total['kept']} were kept and {total['refused']} refused: "
            "the source reads a row twice, or not at all."
        )
    control = {k: int(v) if isinstance(v, int) else Decimal(v) for k, v in reading.control.items()}
    return {
        "total": total,
        "files": reading.files,
        "tables": by_table,
        "flags": dict(flags),
        "control": control | {"independent": reading.independent},
    }


def _table_account(rows: Rows) -> dict[str, Any]:
    counted = (
        rows.group_by("_derived", "_refuse", "flags")
        .agg(n=_.count())
        .order_by("_derived", "_refuse", "flags")
    ).to_pyarrow()
    entry: dict[str, Any] = {"rows_in": 0, "kept": 0, "flagged": 0, "refused": 0, "reasons": {}, "flags": {}}
    of_files = {"kept": 0, "flagged": 0, "refused": 0}
    flags_of_files: Counter[str] = Counter()
    for row in counted.to_pylist():
        n = row["n"]
        entry["rows_in"] += n
        fates = ["refused"] if row["_refuse"] else ["kept"] + ["flagged"] * bool(row["flags"])
        for fate in fates:
            entry[fate] += n
            of_files[fate] += 0 if row["_derived"] else n
        if row["_refuse"]:
            entry["reasons"][row["_refuse"]] = entry["reasons"].get(row["_refuse"], 0) + n
        for flag in (row["flags"] or "").split(";") if not row["_refuse"] else []:
            if flag:
                entry["flags"][flag] = entry["flags"].get(flag, 0) + n
                flags_of_files[flag] += 0 if row["_derived"] else n
    return entry | {"_of_files": of_files, "_flags_of_files": flags_of_files}


def run(dataset: str) -> dict[str, Any]:
    """Run the stage for a dataset: all or nothing, a half-written folder is never left under its name."""
    from growth.params import load

    new = {room: fresh(paths.data(dataset, f"{room}.new")) for room in ("tables", "quarantine")}
    found = ingest(paths.data(dataset, "raw"), new["tables"], new["quarantine"], load()["data"])
    for room, folder in new.items():
        replace_folder(folder, paths.data(dataset, room))
    return found
