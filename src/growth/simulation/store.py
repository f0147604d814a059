"""From arrays to Parquet, the same bytes every time: ids, money, times, and one way of writing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from growth.simulation.clock import unix_days, utc_micros
from growth.simulation.rng import Ints

MONEY = pa.decimal128(18, 4)
TIME = pa.timestamp("us")
DATE = pa.date32()


def ids(letter: str, number: Any, digits: int = 7) -> pa.Array:
    """Return readable ids such as c0000123."""
    text = pc.utf8_lpad(pc.cast(pa.array(np.asarray(number, dtype=np.int64)), pa.string()), digits, "0")
    return pc.binary_join_element_wise(letter, text, "")


def money(fen: Any, null: Any = None) -> pa.Array:
    """Return amounts given in fen as DECIMAL(18,4), exactly: the unscaled value is fen × 100."""
    low = np.asarray(fen, dtype=np.int64) * 100
    words = np.empty((low.size, 2), dtype=np.int64)
    words[:, 0], words[:, 1] = low, low >> 63  # the sign fills the upper half
    plain = pa.Array.from_buffers(MONEY, low.size, [None, pa.py_buffer(words.tobytes())])
    return masked(plain, null)


def masked(values: pa.Array, null: Any) -> pa.Array:
    """Return the array with nulls where `null` is true."""
    if null is None or not np.any(null):
        return values
    keep = pa.array(~np.asarray(null, dtype=bool))
    return pc.if_else(keep, values, pa.scalar(None, values.type))


def times(seconds: Any, null: Any = None) -> pa.Array:
    """Return local seconds since EPOCH as naive UTC timestamps."""
    return masked(pa.array(utc_micros(seconds)).cast(TIME), null)


def moments(millis: Any) -> pa.Array:
    """Return local milliseconds since EPOCH as naive UTC timestamps."""
    at = np.asarray(millis, dtype=np.int64)
    return pa.array(utc_micros(at // 1000) + at % 1000 * 1000).cast(TIME)


def dates(day: Any, null: Any = None) -> pa.Array:
    """Return day numbers as dates."""
    return masked(pa.array(unix_days(day).astype(np.int32)).cast(DATE), null)


def labels(names: Any, index: Any, null: Any = None) -> pa.Array:
    """Return the names at these places."""
    return masked(
        pa.array(list(names), type=pa.string()).take(pa.array(np.asarray(index, dtype=np.int64))), null
    )


def ints(values: Any, null: Any = None) -> pa.Array:
    """Return whole numbers."""
    return masked(pa.array(np.asarray(values, dtype=np.int64)), null)


def nothing(count: int, kind: pa.DataType) -> pa.Array:
    """Return a column of nulls."""
    return pa.nulls(count, kind)


def plain(table: pa.Table) -> pa.Table:
    """Return the table with one chunk a column."""
    return table.combine_chunks()


def take(table: pa.Table, rows: Ints) -> pa.Table:
    """Return these rows of a table."""
    return table.take(pa.array(rows))


def write(table: pa.Table, folder: Path, part: int) -> None:
    """Write a part of a table; nothing but the rows decides the bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    write_file(table, folder / f"part-{part:04d}.parquet")


def write_file(table: pa.Table, file: Path) -> None:
    """Write one Parquet file with fixed options."""
    pq.write_table(
        table.replace_schema_metadata(None).combine_chunks(),
        file,
        compression="zstd",
        compression_level=3,
        row_group_size=1 << 18,
        version="2.6",
        store_schema=False,
        write_statistics=True,
    )
