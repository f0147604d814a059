"""Tables to marts: run a topic's Ibis expressions on DuckDB and store their small results.

A mart is at most a row a customer pattern, a product-week or a path, so it fits in memory; it is sorted by
its whole key at home, so that its bytes do not depend on the engine or its threads.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from growth import paths
from growth.definitions import Tables
from growth.errors import UserError
from growth.folders import fresh, replace
from growth.sources.base import Dataset


@dataclass(frozen=True)
class Mart:
    """A mart: what builds it, the columns that order it (its key), and the tables it needs.

    Parameters
    ----------
    build : callable
        `Tables` -> Ibis expression, or a data frame where the input is no table.
    key : tuple of str
        No two rows share it.
    needs : tuple of str
        Tables without which the mart is left out.
    samplings : tuple of str
        Ways of sampling (`Dataset.sampling`) under which the mart means something.
    """

    build: Callable[[Tables], Any]
    key: tuple[str, ...]
    needs: tuple[str, ...] = ()
    samplings: tuple[str, ...] = field(default=("all", "customers", "order_lines"))


def why_not(mart: Mart, tables: Tables) -> str:
    """Return why a mart cannot be built on these tables, in one sentence; empty if it can."""
    missing = [t for t in mart.needs if t not in tables]
    if missing:
        return f"the dataset has no table {', '.join(missing)}"
    if tables.info.sampling not in mart.samplings:
        sampled = tables.info.sampling.replace("_", " ")
        return f"the dataset is a sample of {sampled}, which says nothing about whole customers"
    return ""


def read_tables(dataset: str, words: Any, con: Any = None) -> Tables:
    """Open the checked tables of a dataset, kept and refused, on DuckDB."""
    folder, refused = paths.data(dataset, "tables"), paths.data(dataset, "quarantine")
    if not (folder / "dataset.json").is_file():
        raise UserError(
            f"There are no tables of {dataset} yet: run `dvc repro` (data.dataset in params.yaml names it)."
        )
    con = con or ibis.duckdb.connect()
    rows = {f.stem: con.read_parquet(f, table_name=f.stem) for f in sorted(folder.glob("*.parquet"))}
    lost = {
        f.stem: con.read_parquet(f, table_name=f"refused_{f.stem}") for f in sorted(refused.glob("*.parquet"))
    }
    account = json.loads((refused / "account.json").read_text(encoding="utf-8"))
    return Tables(rows, Dataset.read(folder), words, lost, account)


def build(topic: str, tables: Tables, folder: Path) -> dict[str, str]:
    """Build a topic's marts into a folder; return the reason for each that was left out."""
    left_out = {}
    for name, mart in importlib.import_module(f"growth.{topic}.marts").MARTS.items():
        reason = why_not(mart, tables)
        if reason:
            left_out[name] = reason
        else:
            pq.write_table(_sorted(mart.build(tables), mart), folder / f"{name}.parquet")
    tables.info.write(folder)
    text = json.dumps({"left_out": left_out}, indent=1, sort_keys=True)
    (folder / "marts.json").write_text(text + "\n", encoding="utf-8")
    return left_out


def _sorted(built: Any, mart: Mart) -> pa.Table:
    made_at_home = isinstance(built, pd.DataFrame)
    table = pa.Table.from_pandas(built, preserve_index=False) if made_at_home else built.to_pyarrow()
    table = table.sort_by([(k, "ascending") for k in mart.key]).replace_schema_metadata(None)
    keys = table.select(list(mart.key))
    if len(keys.group_by(list(mart.key)).aggregate([])) != len(keys):
        raise ValueError(f"A mart has two rows of one key ({', '.join(mart.key)}).")
    return table


def run(topic: str, dataset: str) -> dict[str, str]:
    """Run the stage: the marts of a topic appear under their name whole, or not at all."""
    from growth.params import load

    topic = paths.topic_of(topic)
    target = paths.marts(dataset, topic)
    new = fresh(target.with_name(target.name + ".new"))
    left_out = build(topic, read_tables(dataset, load()["definitions"]), new)
    replace(new, target)
    return left_out
