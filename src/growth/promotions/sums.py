"""Sums and sums of products of every pair of metrics by group, exact, in one scan."""

from __future__ import annotations

from decimal import Decimal
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import ibis
from ibis import _

from growth.definitions import product
from growth.promotions.units import MONEY

if TYPE_CHECKING:
    from ibis.expr.types import Table as Rows


def sums_and_products(rows: Rows, by: tuple[str, ...], columns: tuple[str, ...]) -> Rows:
    """Return, by group, the number of units, and the sums and sums of products of every pair of columns: one scan.

    Columns: `by`, ``units``, ``s_<x>`` and ``p_<x>__<y>`` for x not after y in `columns`, which are decimals of 18
    digits; sums keep every digit after the point, products those of both factors.
    """
    made: dict[str, Any] = {"units": _.count().cast("int64")}
    for name in columns:
        made[f"s_{name}"] = rows[name].sum().cast(f"decimal(38, {_digits(rows[name])})")
    whole = rows.get_backend().name == "duckdb" and all(_digits(rows[c]) <= 4 for c in columns)
    if whole:
        rows = _with_whole_numbers(rows, columns)
    for a, b in combinations_with_replacement(columns, 2):
        digits = _digits(rows[a]) + _digits(rows[b])
        kind = f"decimal(38, {digits})"
        x, y = (f"_wide_{a}", f"_wide_{b}") if whole else (a, b)
        found = product(rows[x], rows[y]).sum().cast(kind)
        if whole:
            unit = ibis.literal(Decimal(1).scaleb(-digits), kind)
            small = (rows[f"_whole_{a}"] * rows[f"_whole_{b}"]).sum().cast("decimal(29, 0)") * unit
            found = (ibis.coalesce(found, ibis.literal(0).cast(kind)) + small).cast(kind)
        made[f"p_{a}__{b}"] = found
    return rows.group_by(*by).agg(**made)


def _with_whole_numbers(rows: Rows, columns: tuple[str, ...]) -> Rows:
    """Add, of every column x, ``_whole_<x>`` (0 in a row that has a great number) and ``_wide_<x>`` (null in others).

    DuckDB multiplies 64-bit numbers, and adds them up in 128 bits, seven times as fast as decimals of 38 digits; where
    a product might not fit, the row goes by decimals. Both are exact.
    """
    great = ibis.or_(*(rows[c].abs() >= GREAT for c in columns))
    rows = rows.mutate(_great=great.fill_null(True))
    made: dict[str, Any] = {}
    for c in columns:
        own = rows[c].cast(MONEY)
        scaled = ibis.ifelse(rows["_great"], 0, own * 10**4).cast("int64")
        made[f"_whole_{c}"] = scaled
        made[f"_wide_{c}"] = ibis.ifelse(rows["_great"], rows[c], None)
    return rows.mutate(**made)


GREAT = 300_000  # its square, with four digits after the point each, is still a number of 64 bits


def _digits(column: Any) -> int:
    """Return how many digits a column has after the point."""
    return int(column.type().scale)
