"""A shop's mapping: which of its files and columns are which of the contract's, in ``mapping.yaml`` beside them."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, Field, ValidationError

from growth import clock
from growth.contract import TABLES
from growth.errors import UserError
from growth.section import Section
from growth.sources.base import Dataset

FILE = "mapping.yaml"
# Column of the contract: column of the file, constant in quotes, or expression.
Columns = dict[str, str | int | float | bool]


class RawFile(Section):
    """One file of the shop."""

    file: str = Field(description="the file's name in this folder, .csv or .parquet")
    encoding: str = Field("utf-8", description="utf-8, gb18030, cp1252, utf-16, …")
    delimiter: str = Field(",", min_length=1, max_length=1, description="one character; a tab is '\\t'")
    quote: str = Field('"', min_length=1, max_length=1, description="one character")
    decimal: Literal[".", ","] = Field(".", description="'.' or ','")
    thousands: Literal["", ",", ".", " ", "'"] = Field("", description="'', ',', '.', ' ' or an apostrophe")
    timezone: str | None = Field(
        None, description="IANA name of the zone of times without one; the shop's if left out"
    )
    time_format: str | None = Field(
        None, description="as in strptime, such as '%d/%m/%Y %H:%M', or 'excel' for serial dates"
    )


def _several(given: Any) -> Any:
    """Take one name for a list of one."""
    return (given,) if isinstance(given, str) else tuple(given) if isinstance(given, list) else given


class MappedTable(Section):
    """One table of the contract, from one file."""

    source: str = Field(alias="from", description="a name under files:")
    where: str | None = Field(None, description="an expression: only rows for which it is true")
    one_row_per: Annotated[tuple[str, ...], BeforeValidator(_several)] = Field(
        (), description="a column of the contract, or a list: one row for each of its values, the first"
    )
    columns: Columns = Field(
        description="column of the contract: column of the file, constant in quotes, or expression"
    )
    repeat: list[Columns] | None = Field(
        None,
        min_length=1,
        description="a list, each entry further columns: one row for each entry from each row of the file",
    )

    @property
    def derived(self) -> bool:
        """Whether its rows stand for rows of the file that another table accounts for."""
        return bool(self.one_row_per or self.repeat)

    @property
    def entries(self) -> list[Columns]:
        """The columns of each of the rows that a row of the file gives: one, or one for each entry of ``repeat``."""
        return [self.columns | entry for entry in self.repeat or [{}]]


class Mapping(Section):
    """The whole file."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="the dataset's name: lower case, digits, _")
    title: str = Field(description="a line for people")
    as_of: dt.date = Field(strict=False, description="'now': the day after the last complete day, 2026-01-01")
    timezone: str = Field(description="an IANA name such as Asia/Shanghai")
    currency: str = Field(pattern=r"^[A-Z]{3}$", description="three capitals, such as EUR")
    sampling: Literal["all", "customers", "order_lines"] = Field(
        "all", description="all, customers (a sample of whole customers), order_lines (a sample of lines)"
    )
    begins_mid_life: bool = Field(True, description="true if customers bought before the data begin")
    files: dict[str, RawFile] = Field(description="a name: the file and how it is written")
    tables: dict[str, MappedTable] = Field(description=f"of the contract: {', '.join(TABLES)}")

    def info(self) -> Dataset:
        """Return what is known of the dataset as a whole."""
        return Dataset(
            name=self.name,
            title=self.title,
            as_of=str(self.as_of),
            timezone=self.timezone,
            currency=self.currency,
            sampling=self.sampling,
            begins_mid_life=self.begins_mid_life,
        )


class _Loader(yaml.SafeLoader):
    """YAML in which a column named No, Yes, On or Off is a name, as in YAML 1.2, and not a truth value."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


def parse(file: Path) -> Any:
    """Return what a mapping file holds, unchecked."""
    return yaml.load(file.read_text(encoding="utf-8"), _Loader)


def load(folder: Path) -> Mapping:
    """Read and check ``mapping.yaml`` of a folder.

    Raises
    ------
    UserError
        Naming every wrong key and what is allowed there.
    """
    file = folder / FILE
    if not file.is_file():
        raise UserError(f"{folder} holds no {FILE}: `growth map draft {folder}` writes a first one.")
    try:
        raw = parse(file)
    except (yaml.YAMLError, ValueError, RecursionError) as e:  # ValueError: a date that does not exist
        raise UserError(f"{FILE} is not valid YAML: {' '.join(str(e).split())[:300]}") from None
    if not isinstance(raw, dict):
        raise UserError(f"{FILE} must hold {', '.join(Mapping.model_fields)}.")
    try:
        mapping = Mapping.model_validate(raw)
    except ValidationError as e:
        told = dict.fromkeys(_sentence(dict(d)) for d in e.errors())  # a value of four types is wrong once
        raise UserError("\n".join(told)) from None
    wrong = [*_wrong_names(mapping), *_wrong_files(mapping, folder)]
    if wrong:
        raise UserError("\n".join(wrong))
    clock.zone(mapping.timezone)
    return mapping


def _sentence(error: dict[str, Any]) -> str:
    key = ".".join(str(p) for p in error["loc"] if p not in ("str", "int", "float", "bool"))
    models: dict[str, type[Section]] = {"files": RawFile, "tables": MappedTable}
    model = models.get(str(error["loc"][0]), Mapping) if len(error["loc"]) > 2 else Mapping
    fields = {f.alias or n: f for n, f in model.model_fields.items()}
    last = str(error["loc"][2] if len(error["loc"]) > 2 else error["loc"][0])
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(last, list(fields), 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        return f"{FILE}: {key} is not known; there are {', '.join(fields)}.{hint}"
    allowed = fields[last].description if last in fields else error["msg"]
    if error["type"] == "missing":
        return f"{FILE}: {key} is missing; allowed: {allowed}."
    return f"{FILE}: {key} is {str(error['input'])[:60]!r}; allowed: {allowed}."


def _wrong_names(mapping: Mapping) -> list[str]:
    wrong = []
    for name, table in mapping.tables.items():
        if name not in TABLES:
            near = difflib.get_close_matches(name, list(TABLES), 1)
            hint = f" Did you mean {near[0]}?" if near else f" There are {', '.join(TABLES)}."
            wrong.append(f"{FILE}: tables.{name} is no table of the contract.{hint}")
            continue
        if table.source not in mapping.files:
            wrong.append(
                f"{FILE}: tables.{name}.from is {table.source!r}; files has {', '.join(mapping.files)}."
            )
        wrong += _wrong_columns(name, table)
    for name in mapping.files:
        users = [t for t in mapping.tables.values() if t.source == name]
        if users and all(t.derived for t in users):
            wrong.append(
                f"{FILE}: every table from {name} has one_row_per or repeat, so its rows could not be accounted for; "
                "there must be a table without them, with a row for each row of the file."
            )
    return wrong


def _wrong_columns(name: str, table: MappedTable) -> list[str]:
    """Return what is wrong with the columns that a table of the contract is mapped to."""
    wrong = []
    for column in dict.fromkeys(
        [*table.columns, *(c for e in table.repeat or () for c in e), *table.one_row_per]
    ):
        if column not in TABLES[name].names:
            near = difflib.get_close_matches(column, list(TABLES[name].names), 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            wrong.append(f"{FILE}: {name} has no column {column!r} in the contract.{hint}")
    for column in table.one_row_per:
        if not all(column in entry for entry in table.entries):
            wrong.append(f"{FILE}: tables.{name}.one_row_per names {column}, which is not mapped.")
    for n, entry in enumerate(table.repeat or (), 1):
        if not entry:
            wrong.append(
                f"{FILE}: tables.{name}.repeat: entry {n} is empty; name the columns in which it differs."
            )
        for column in (c for c in entry if c in table.columns):
            wrong.append(
                f"{FILE}: tables.{name}.repeat: entry {n} names {column}, which stands under columns already."
            )
    return wrong


def _wrong_files(mapping: Mapping, folder: Path) -> list[str]:
    wrong = []
    for name, raw in mapping.files.items():
        path = Path(raw.file)
        if (
            path.is_absolute()
            or ".." in path.parts
            or not (folder / path).resolve().is_relative_to(folder.resolve())
        ):
            wrong.append(
                f"{FILE}: files.{name}.file is {raw.file!r}; a file must lie in the folder of {FILE}."
            )
        elif not (folder / path).is_file():
            there = sorted(f.name for f in folder.iterdir() if f.suffix.lower() in (".csv", ".parquet"))
            near = difflib.get_close_matches(raw.file, there, 1)
            hint = f" Did you mean {near[0]}?" if near else f" There are {', '.join(there) or 'none'}."
            wrong.append(f"{FILE}: files.{name}.file: there is no {raw.file} in the folder.{hint}")
        elif path.suffix.lower() not in (".csv", ".txt", ".tsv", ".parquet"):
            wrong.append(
                f"{FILE}: files.{name}.file is {raw.file!r}; only .csv, .tsv, .txt and .parquet are read."
            )
        if raw.timezone:
            clock.zone(raw.timezone)
    return wrong
