"""Tables and marts as data frames, for looking around in JupyterLab."""

from __future__ import annotations

import difflib
from pathlib import Path

import pandas as pd

from growth import paths
from growth.contract import Column, table
from growth.errors import UserError
from growth.params import section


def load(name: str, dataset: str | None = None) -> pd.DataFrame:
    """See `growth.load`."""
    dataset = dataset or section("data").dataset
    folder = paths.data(dataset, "tables")
    return _read(name, {f.stem: f for f in sorted(folder.glob("*.parquet"))}, "table", dataset)


def mart(name: str, dataset: str | None = None) -> pd.DataFrame:
    """See `growth.mart`."""
    dataset = dataset or section("data").dataset
    folder = paths.data(dataset, "marts")
    return _read(name, {f.stem: f for f in sorted(folder.glob("*/*.parquet"))}, "mart", dataset)


def _read(name: str, files: dict[str, Path], what: str, dataset: str) -> pd.DataFrame:
    if not files:
        raise UserError(f"There are no {what}s of {dataset} yet: run `dvc repro`.")
    if name not in files:
        near = difflib.get_close_matches(name, list(files), 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UserError(f"{dataset} has no {what} {name!r}; it has {', '.join(files)}.{hint}")
    return pd.read_parquet(files[name])


def describe(name: str) -> pd.DataFrame:
    """See `growth.describe`."""
    try:
        found = table(name)
    except KeyError as e:
        raise UserError(e.args[0]) from None
    rows = [dict(column=c.name, type=c.type, meaning=c.doc, rules=rules(c)) for c in found.columns]
    return pd.DataFrame(rows).set_index("column")


def _plain(limit: float) -> str:
    return f"{limit:,.0f}" if float(limit).is_integer() else f"{limit:g}"


def rules(column: Column) -> str:
    """Return a column's rules in words."""
    parts = ["required"] * column.required
    parts += [f"at least {_plain(column.low)}"] if column.low is not None else []
    parts += [f"at most {_plain(column.high)}"] if column.high is not None else []
    parts += ["one of " + ", ".join(column.allowed)] if column.allowed else []
    parts += [f"in {column.refers}, else {column.orphan}"] if column.refers else []
    parts += ["replaced by a pseudonym"] * column.personal
    return "; ".join(parts)
