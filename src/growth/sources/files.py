"""A shop's own files as a source: a folder of CSV or Parquet with a ``mapping.yaml``."""

from __future__ import annotations

import difflib
import re
import shutil
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import ibis

from growth import clock, paths
from growth.contract import TABLES, Column
from growth.errors import UserError
from growth.ingest.checks import EARLIEST, LATEST
from growth.sources import mapping as mappings
from growth.sources.base import Dataset, Reading, Source, numbered
from growth.sources.expressions import Compiler
from growth.sources.mapping import Columns, MappedTable, Mapping, RawFile
from growth.sources.textfile import BROKEN, Format, to_parquet

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend
    from ibis.expr.types import Table as Rows

# A column that sounds like a person may only become a pseudonym.
PERSONAL = re.compile(
    r"e.?mail|phone|mobile|\btel\b|first.?name|last.?name|full.?name|surname|customer.?name|buyer.?name|"
    r"street|address|passport|\bssn\b|\biban\b|姓名|电话|手机|地址|邮箱|微信|身份证|收货人",
    re.IGNORECASE,
)
DAY = r"^\d{4}-\d{2}-\d{2}"
CLOCK = r"[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?"
OFFSET = r" ?(Z|UTC|GMT|[+-]\d{2}(:?\d{2})?)$"  # a time that brings its own zone
ORIGIN = ("_file", "_row", "_copy", "_derived")
EXCEL_DAY_ZERO = "1899-12-30"


def folder_of(data_params: Any) -> Path:
    """Return the folder of the shop's files: ``data.files``, relative to the project's."""
    path = Path(data_params.files).expanduser()
    return path if path.is_absolute() else paths.find_root() / path


def source(name: str) -> Source:
    """Return the source of a dataset that is no built-in one: its name must be the mapping's."""
    return Source(partial(_acquire, name), _read)


def _acquire(name: str, raw: Path, truth: Path) -> Dataset:
    """Copy mapping and Parquet, and bring CSV to Parquet as text."""
    from growth.params import load

    folder = folder_of(load()["data"])
    mapping = mappings.load(folder)
    if mapping.name != name:
        from growth.sources import names

        near = difflib.get_close_matches(name, [*names(), mapping.name], 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UserError(
            f"There is no dataset {name!r}: built in are {', '.join(names())}, and {mappings.FILE} in data.files is of "
            f"{mapping.name!r}.{hint}"
        )
    shutil.copyfile(folder / mappings.FILE, raw / mappings.FILE)
    bring(mapping, folder, raw)
    return mapping.info()


def bring(mapping: Mapping, folder: Path, raw: Path) -> None:
    """Fill the raw folder with one Parquet file for each file that the mapping names."""
    for name, file in mapping.files.items():
        path = folder / file.file
        if path.suffix.lower() == ".parquet":
            shutil.copyfile(path, raw / f"{name}.parquet")
        else:
            to_parquet(path, raw / f"{name}.parquet", Format(file.encoding, file.delimiter, file.quote))


def _read(con: Backend, raw: Path) -> Reading:
    return read(con, raw, Mapping.model_validate(mappings.parse(raw / mappings.FILE)))


def read(con: Backend, raw: Path, mapping: Mapping) -> Reading:
    """Read the brought files by the mapping; every row of every file is in one candidate that is not derived."""
    counts: dict[str, int] = {}
    parts: dict[str, Rows] = {}
    for file in (f for f in mapping.files if any(t.source == f for t in mapping.tables.values())):
        own_name = mapping.files[file].file
        try:
            rows = _numbered(con, raw / f"{file}.parquet").mutate(_file=ibis.literal(own_name))
            counts[own_name] = int(rows.count().execute())
            # Stored once, so that what follows refers to columns and not to ever longer expressions.
            mapped = _from_file(rows, file, mapping).items()
            stored = {name: con.create_table(f"mapped_{name}", t, overwrite=True) for name, t in mapped}
        except duckdb.Error as e:
            raise UserError(f"{own_name} cannot be read: {' '.join(str(e).split())[:200]}") from None
        parts |= {name: _in_utc(table, name, file, mapping) for name, table in stored.items()}
    return Reading(counts, parts, _control(parts), independent=False)


def _numbered(con: Backend, file: Path) -> Rows:
    rows = numbered(con, file)
    return rows if BROKEN in rows.columns else rows.mutate(**{BROKEN: ibis.null("string")})


def _from_file(rows: Rows, file: str, mapping: Mapping) -> dict[str, Rows]:
    """Return the candidates of every table from one file; the first table takes the rows that none wanted."""
    taken = rows[BROKEN].isnull() & ibis.literal(False)
    found: dict[str, Rows] = {}
    tables = {n: t for n, t in mapping.tables.items() if t.source == file}
    for name, table in tables.items():
        wanted = rows[BROKEN].isnull()
        if table.where:
            compiled = _compiler(rows, f"{name}.where", mapping.files[file]).compile(table.where)
            if not compiled.value.type().is_boolean():
                raise UserError(f"{name}.where: {table.where!r} is neither true nor false.")
            wanted = wanted & compiled.value.fill_null(False)
        counted = ibis.literal(True) if table.derived else taken
        mapped = _mapped(rows.mutate(_derived=counted).filter(wanted), name, table, mapping)
        found[name] = _first_of_each(mapped, table.one_row_per) if table.one_row_per else mapped
        taken = taken if table.derived else (taken | wanted)
    main = next(n for n, t in tables.items() if not t.derived)
    nobodys = rows.filter(~taken).mutate(_derived=ibis.literal(False))
    reason = ibis.coalesce(nobodys[BROKEN], ibis.literal("left out by where"))
    found[main] = ibis.union(found[main], _empty_like(found[main], nobodys, reason))
    return found


def _empty_like(like: Rows, rows: Rows, reason: Any) -> Rows:
    """Return rows that are refused for a reason, in the columns of another candidate, without values."""
    given = {c: rows[c] for c in ORIGIN} | {"_refuse": reason}
    return rows.select(**{c: given.get(c, ibis.null(t)) for c, t in like.schema().items()})


def _first_of_each(rows: Rows, columns: tuple[str, ...]) -> Rows:
    """Return the first row of each value of one or more columns; a row that lacks one stands for nothing."""
    order = [c for c in ("_file", "_row", "_part") if c in rows.columns]
    number = ibis.row_number().over(group_by=list(columns), order_by=order)
    some = rows.filter(*(rows[c].cast("string").strip().nullif("").notnull() for c in columns))
    if "order_id" in columns and "customer_id" in rows.columns:
        some = _one_customer(some)
    return some.mutate(_number=number).filter(lambda t: t._number == 0).drop("_number").mutate(_copy=0)


def _one_customer(rows: Rows) -> Rows:
    """Give an order the customer that any of its rows names; where they name several, the first row's, flagged."""
    own = rows.customer_id.cast("string").strip().nullif("")
    order = ibis.window(group_by="order_id")
    rows = rows.mutate(customer_id=own, _low=own.min().over(order), _high=own.max().over(order))
    several = rows._low != rows._high
    return rows.mutate(
        customer_id=ibis.coalesce(rows.customer_id, rows._low),
        _several=ibis.ifelse(several, "customer_id differs within the order", ibis.null("string")),
    ).drop("_low", "_high")


def _compiler(rows: Rows, where: str, file: RawFile) -> Compiler:
    return Compiler(rows, where, partial(plain_digits, file=file))


def plain_digits(text: Any, file: RawFile) -> Any:
    """Return a text column as plain digits: thousands marks out, a point for the decimals.

    Marks that do not stand where thousands stand are left, so that the value is refused rather than changed.
    """
    text = text.strip().nullif("")
    if file.thousands:
        mark, point = re.escape(file.thousands), re.escape(file.decimal)
        grouped = text.re_search(rf"^[+-]?\d{{1,3}}({mark}\d{{3}})+({point}\d+)?$")
        text = ibis.ifelse(grouped, text.replace(file.thousands, ""), text)
    if file.decimal == ".":
        return text
    return ibis.ifelse(text.contains("."), text.concat(" (a point)"), text.replace(",", "."))


def _mapped(rows: Rows, name: str, table: MappedTable, mapping: Mapping) -> Rows:
    """Return the rows with the contract's columns, once for each entry of ``repeat``."""
    file = mapping.files[table.source]
    parts = [_with_columns(rows, name, columns, file) for columns in table.entries]
    return parts[0] if not table.repeat else _stacked(parts)


def _stacked(parts: list[Rows]) -> Rows:
    """Put the rows of the entries of ``repeat`` below each other, numbered ``_part``; what one lacks is null."""
    types: dict[str, Any] = {}
    for part in parts:
        for column, kind in part.schema().items():
            same = types.setdefault(column, kind) == kind
            types[column] = kind if same else ibis.dtype("string")
    made = []
    for number, part in enumerate(parts):
        values = {c: _as(part[c], t) if c in part.columns else _nothing(c, t) for c, t in types.items()}
        made.append(part.select(**values, _part=ibis.literal(number, "int64")))
    return ibis.union(*made) if len(made) > 1 else made[0]


def _as(value: Any, kind: Any) -> Any:
    """Cast a value that a column of several types holds to text, a truth value as 1 or 0."""
    if value.type() == kind:
        return value
    return (value.cast("int64") if value.type().is_boolean() else value).cast(kind)


def _nothing(column: str, kind: Any) -> Any:
    return ibis.literal(False) if column.startswith("_own_") else ibis.null(kind)


def _with_columns(rows: Rows, name: str, columns: Columns, file: RawFile) -> Rows:
    """Return the rows with the contract's columns, and why a row cannot be read, if so."""
    made: dict[str, Any] = {}
    faults: list[tuple[Any, str]] = []
    origin = {c: rows[c] for c in ORIGIN}
    for column, expression in columns.items():
        spec = TABLES[name][column]
        compiled = _compiler(rows, f"{name}.{column}", file).compile(expression)
        _refuse_personal(f"{name}.{column}", compiled.columns, spec)
        if "_row" in compiled.columns:  # a row known by its number is no copy of another
            origin["_copy"] = ibis.literal(0, "int64")
        faults += [(bad, f"{column}: {why}") for bad, why in compiled.faults]
        value = compiled.value
        if value.type().is_nested() or value.type().is_binary():
            raise UserError(
                f"{name}.{column}: {expression!r} holds {value.type()}, not single values of text or number."
            )
        if spec.type in ("int", "money", "number") and value.type().is_string():
            value = plain_digits(value, file)
        if spec.type in ("time", "date"):
            value, bad, made[f"_own_{column}"] = _moment(value, spec, file)
            faults.append((bad, f"{column}: not a valid {spec.type}"))
        if spec.type == "id" and value.type().is_string():
            spoilt = value.strip().re_search(r"^\d(\.\d+)?[eE]\+\d+$")
            faults.append((spoilt, f"{column}: spoilt by a spreadsheet, like 1E+05"))
        made[column] = value
    return rows.select(**made, **origin, _refuse=_first(faults))


def _in_utc(rows: Rows, name: str, file: str, mapping: Mapping) -> Rows:
    """Turn the wall-clock times of a table into UTC; flag those that fall into an hour that did not exist."""
    zone = mapping.files[file].timezone or mapping.timezone
    made, gaps = {}, []
    for column in (c for c in rows.columns if c in TABLES[name].names and TABLES[name][c].type == "time"):
        wall, own = rows[column], rows[f"_own_{column}"]
        years = _years(rows, column)
        gap = clock.never_was(wall, zone, years) & ~own
        gaps.append((gap, f"{column} falls into a clock change"))
        made[column] = ibis.ifelse(own, wall, clock.to_utc(wall, zone, years))
    several = rows["_several"] if "_several" in rows.columns else ibis.null("string")
    flagged = rows.mutate(**made, _flag=ibis.coalesce(several, _first(gaps)))
    return flagged.drop(*[c for c in rows.columns if c.startswith("_own_") or c == "_several"])


def _years(rows: Rows, column: str) -> tuple[int, int]:
    """Return the years that a column spans, within what a calendar of trade may hold."""
    year = rows[column].year()
    span = rows.agg(first=year.min(), last=year.max()).to_pyarrow().to_pylist()[0]
    if span["first"] is None:
        return EARLIEST, EARLIEST
    first, last = (min(max(span[k], EARLIEST), LATEST) for k in ("first", "last"))
    return first - 1, last + 1


def _first(pairs: list[tuple[Any, str]]) -> Any:
    branches = [(bad.fill_null(False), ibis.literal(why)) for bad, why in pairs]
    return ibis.cases(*branches, else_=ibis.null("string")) if branches else ibis.null("string")


def _refuse_personal(where: str, columns: list[str], spec: Column) -> None:
    """Stop a mapping that would bring a name, a phone number or an address into a column that is shown."""
    for column in columns if not spec.personal else []:
        named = PERSONAL.search(column)
        if named:
            raise UserError(
                f"{where} would hold {column[:60]!r}, which sounds like personal data ({named[0]!r}): these "
                "stop at ingest. Leave it out; ids of customers, visitors, sessions and orders become pseudonyms."
            )


@ibis.udf.scalar.builtin(  # type: ignore[untyped-decorator]
    signature=(("string", "string"), "timestamp")
)
def try_strptime(text: str, pattern: str) -> Any:
    """DuckDB's own: a moment, or null where the text is not written so."""


def _moment(value: Any, spec: Column, file: RawFile) -> tuple[Any, Any, Any]:
    """Return a moment (or a day), whether it could not be read, and whether it brought its own zone."""
    there, no = value.notnull(), ibis.literal(False)
    own_zone = no
    if value.type().is_string():
        text = value.strip().nullif("")
        there = text.notnull()
        own_zone = no if file.time_format else has_zone(text)
        value = _parsed(text, file.time_format)
    elif value.type().is_timestamp() and value.type().timezone:
        own_zone = ibis.literal(True)
    if value.type().is_numeric():
        value = _parsed(value.cast("string"), file.time_format)
    bad = there & value.isnull()
    return value.cast("date" if spec.type == "date" else "timestamp(6)"), bad, own_zone


def _parsed(text: Any, written: str | None) -> Any:
    if written == "excel":
        days = text.try_cast("float64")
        seconds = (days * 86_400).round().cast("int64")
        return ibis.timestamp(EXCEL_DAY_ZERO) + seconds.as_interval("s")
    if written:
        return try_strptime(text, written)
    # ISO 8601 to the letter: a looser reading would drop an offset that it does not know in silence.
    plain = text.re_search(rf"{DAY}({CLOCK})?$").fill_null(False)
    local = ibis.ifelse(plain, text.try_cast("timestamp"), ibis.null("timestamp"))
    return ibis.ifelse(has_zone(text), text.try_cast("timestamp('UTC')").cast("timestamp"), local)


def has_zone(text: Any) -> Any:
    """Return whether an ISO time brings its own offset from UTC."""
    return text.re_search(rf"{DAY}{CLOCK}{OFFSET}").fill_null(False)


def _control(candidates: dict[str, Rows]) -> dict[str, int | Decimal]:
    """Add up what the mapping makes of the files, before any check."""
    found: dict[str, int | Decimal] = dict(orders=0, sold=Decimal(0), refunded=Decimal(0))
    if "orders" in candidates and "order_id" in candidates["orders"].columns:
        found["orders"] = int(candidates["orders"].order_id.nunique().execute())
    for what, table, column in (("sold", "order_lines", "amount"), ("refunded", "returns", "refund")):
        if table in candidates and column in candidates[table].columns:
            rows = candidates[table]
            amount = rows[column].try_cast("decimal(18, 4)")
            total = rows.agg(total=amount.sum()).to_pyarrow()["total"][0].as_py()
            found[what] = total or Decimal(0)
    return found
