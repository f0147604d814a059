"""The contract's rules as Ibis expressions: why a row is refused, and what it is flagged with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import ibis

from growth.contract import Column, Table

if TYPE_CHECKING:
    from ibis.expr.types import BooleanValue, Value
    from ibis.expr.types import Table as Rows

EARLIEST, LATEST = 1900, 2200  # years

# What a candidate row carries beside the contract's columns: type, and value where it does not.
ORIGIN = {
    "_file": ("string", ""),
    "_row": ("int64", 0),
    "_part": ("int64", 0),
    "_copy": ("int64", 0),
    "_derived": ("boolean", False),
    "_refuse": ("string", None),
    "_flag": ("string", None),
}


# What may be shown holds no e-mail address and, if it is text, no telephone number: it is blanked and flagged.
EMAIL = r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"
PHONE = r"(^|\D)(1[3-9]\d{9}|\+\d([ -]?\d){8,13}|0\d([ -]?\d){8,10})(\D|$)"


def may_be_masked(column: Column) -> bool:
    """Return whether a column could show an e-mail address: text, and ids that do not become pseudonyms."""
    return column.type in ("text", "label") or (column.type == "id" and not column.personal)


def typed(rows: Rows, table: Table) -> Rows:
    """Cast every column to the contract's type; a column that is missing becomes null.

    A value that does not fit the type becomes null, and its column's ``_bad_<column>`` true.
    Blank text counts as no value.
    """
    made: dict[str, Any] = {}
    for column in table.columns:
        value = rows[column.name] if column.name in rows.columns else ibis.null(column.dtype)
        value, made[f"_bad_{column.name}"] = _fit(value, column)
        if may_be_masked(column):
            pattern = EMAIL if column.type == "id" else f"{EMAIL}|{PHONE}"
            made[f"_masked_{column.name}"] = value.re_search(pattern).fill_null(False)
            value = ibis.ifelse(made[f"_masked_{column.name}"], ibis.null("string"), value)
        made[column.name] = value
    origin = {
        name: rows[name].cast(kind) if name in rows.columns else ibis.literal(default, kind)
        for name, (kind, default) in ORIGIN.items()
    }
    return rows.select(**origin, **made)


def _fit(value: Any, column: Column) -> tuple[Value, BooleanValue]:
    """Return the value in the contract's type, and whether it was there but did not fit."""
    if value.type().is_string():
        value = value.nullif("") if column.type == "text" else value.strip().nullif("")
    if column.type in ("time", "date"):
        return _fit_moment(value, column)
    if value.type() == ibis.dtype(column.dtype):
        if not value.type().is_floating():
            return value, ibis.literal(False)
        bad = (value.isnan() | value.isinf()).fill_null(False)
        return ibis.ifelse(bad, ibis.null("float64"), value), bad
    if column.dtype == "string":
        return value.cast("string"), ibis.literal(False)
    fitted = value.try_cast(column.dtype)
    bad = value.notnull() & fitted.isnull()
    number = value.try_cast("float64") if value.type().is_string() else value
    if column.type == "int" and number.type().is_floating():
        bad = bad | (number % 1 != 0)  # a cast would round it
    if column.type == "number":
        bad = bad | fitted.isnan() | fitted.isinf()
    return fitted, bad.fill_null(False)


def _fit_moment(value: Any, column: Column) -> tuple[Value, BooleanValue]:
    """Return a time or day within the years a calendar of trade may hold, and whether it was outside or none."""
    fitted = value if value.type() == ibis.dtype(column.dtype) else value.try_cast(column.dtype)
    sane = fitted.year().between(EARLIEST, LATEST).fill_null(False)
    return ibis.ifelse(sane, fitted, ibis.null(column.dtype)), value.notnull() & ~sane


def refusals(rows: Rows, table: Table, as_of: Any) -> Iterator[tuple[BooleanValue, str]]:
    """Yield (condition, reason), the first that holds decides. References are joined as ``_lost_<column>``."""
    for column in table.columns:
        value = rows[column.name]
        yield rows[f"_bad_{column.name}"], f"{column.name}: not a valid {column.type}"
        if column.required:
            yield value.isnull(), f"{column.name}: missing"
        if column.low is not None:
            yield value < column.low, f"{column.name}: below {column.low:g}"
        if column.high is not None:
            yield value > column.high, f"{column.name}: above {column.high:g}"
        if column.allowed:
            yield ~value.isin(column.allowed), f"{column.name}: not allowed"
        if column.refers and column.orphan == "refuse":
            yield rows[f"_lost_{column.name}"], f"{column.name}: unknown"
    if table.clock:
        yield rows[table.clock] >= as_of, f"{table.clock}: after as_of"


def flags(rows: Rows, table: Table) -> Iterator[tuple[BooleanValue, str]]:
    """Yield (condition, flag) for rows that are kept all the same."""
    yield rows["_copy"] > 0, "exact_duplicate"
    if table.key:
        yield rows["_again"] > 0, "key_conflict"
    for column in table.columns:
        if column.refers and column.orphan == "flag":
            yield rows[f"_lost_{column.name}"], f"unknown_{column.name}"
    for column in table.columns:
        if may_be_masked(column):
            yield rows[f"_masked_{column.name}"], f"masked_{column.name}"
    for earlier, later in table.sequence:
        yield rows[later] < rows[earlier], f"{later} before {earlier}"
    conditions = {
        "guest": lambda: rows["customer_id"].isnull(),
        "free": lambda: rows["amount"] == 0,
        "nobody": lambda: rows["visitor_id"].isnull() & rows["customer_id"].isnull(),
    }
    for name in table.doubtful:
        yield conditions[name](), name


def first_reason(pairs: Iterator[tuple[BooleanValue, str]], given: Value) -> Value:
    """Return the reason of the first condition that holds, else `given`, else null."""
    branches = [(condition.fill_null(False), ibis.literal(reason)) for condition, reason in pairs]
    return ibis.coalesce(given, ibis.cases(*branches, else_=ibis.null("string")))


def joined_flags(pairs: Iterator[tuple[BooleanValue, str]], given: Value) -> Value:
    """Return every flag that holds and the one given, joined by ``;``, in the order of the rules; empty if none."""
    parts = [ibis.cases((given.notnull(), given.concat(";")), else_="")]
    parts += [
        ibis.cases((condition.fill_null(False), ibis.literal(f"{flag};")), else_="")
        for condition, flag in pairs
    ]
    joined = parts[0]
    for part in parts[1:]:
        joined = joined.concat(part)
    return joined.re_replace(";$", "")


def with_references(rows: Rows, table: Table, kept: dict[str, Rows]) -> Rows:
    """Add ``_lost_<column>``: the value is not among the kept rows of the table it refers to.

    A table that the dataset does not have cannot be missed: nothing is lost then.
    """
    for column in table.columns:
        if not column.refers:
            continue
        other, key = column.refers.split(".")
        mark = f"_lost_{column.name}"
        if other not in kept:
            rows = rows.mutate(**{mark: ibis.literal(False)})
            continue
        known = kept[other].select(**{f"_known_{column.name}": kept[other][key]}).distinct()
        rows = rows.left_join(known, rows[column.name] == known[f"_known_{column.name}"])
        lost = rows[column.name].notnull() & rows[f"_known_{column.name}"].isnull()
        rows = rows.mutate(**{mark: lost}).drop(f"_known_{column.name}")
    return rows


def with_repeats(rows: Rows, table: Table) -> Rows:
    """Add ``_again``: 1 where the same key came before with other values (an exact copy does not count)."""
    if not table.key:
        return rows
    before = ibis.window(group_by=list(table.key), order_by=["_file", "_row", "_part"])
    number = ibis.row_number().over(before)
    whole = ibis.and_(rows["_copy"] == 0, *(rows[k].notnull() for k in table.key))
    return rows.mutate(_again=ibis.cases((whole & (number > 0), 1), else_=0))
