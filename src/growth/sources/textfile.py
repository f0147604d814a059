"""A CSV file as it is, brought to Parquet as text: every row numbered, none lost, a broken one marked.

Python's ``csv`` reads it strictly, because its row numbers, encodings and complaints are exact; what a value means is
decided later. One pass, in batches of bounded size.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from growth.errors import UserError

BATCH = 50_000  # rows
LONGEST = (
    1_000_000  # characters of a value: a quote that never closes is found here, not at the end of memory
)
BROKEN = "_broken"  # the column that says what is wrong with a row


@dataclass(frozen=True)
class Format:
    """How a text file is written."""

    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'


def columns_to_parquet(file: Path, target: Path, names: Sequence[str]) -> int:
    """Write the rows of a file whose columns are parted by blanks, without a header, as text; return how many.

    Raises
    ------
    UserError
        If a line has more or fewer columns.
    """
    rows = [line.split() for line in file.read_text(encoding="ascii").splitlines()]
    for number, row in enumerate(rows, 1):
        if len(row) != len(names):
            raise UserError(f"{file.name}, line {number} has {len(row)} columns, not {len(names)}.")
    columns = {n: pa.array([row[k] for row in rows], pa.string()) for k, n in enumerate(names)}
    pq.write_table(pa.table(columns), target)
    return len(rows)


def to_parquet(file: Path, target: Path, how: Format) -> int:
    """Write the rows of a CSV file as text columns, and ``_broken``; return how many there are.

    Raises
    ------
    UserError
        If the file cannot be decoded (its likely encoding is named), has no header, names a column twice, or holds
        a quote that never closes.
    """
    with file.open("rb") as stream:
        reader = _rows(file, _decoded(file, stream, how), how)
        names = _header(file, next(reader, None))
        schema = pa.schema([(n, pa.string()) for n in [*names, BROKEN]])
        rows = 0
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            for batch in _batches(reader, len(names)):
                arrays = [pa.array(values, pa.string()) for values in zip(*batch, strict=True)]
                writer.write_batch(pa.record_batch(arrays, schema=schema))
                rows += len(batch)
    return rows


def _decoded(file: Path, stream: io.BufferedReader, how: Format) -> io.TextIOBase:
    try:
        codecs.lookup(how.encoding)
    except LookupError:
        raise UserError(
            f"{file.name}: there is no encoding {how.encoding!r}; try utf-8, gb18030, cp1252."
        ) from None
    encoding = "utf-8-sig" if how.encoding.lower().replace("_", "-") in ("utf-8", "utf8") else how.encoding
    return io.TextIOWrapper(stream, encoding=encoding, newline="")


def _rows(file: Path, text: io.TextIOBase, how: Format) -> Iterator[list[str]]:
    """Yield the rows; a fault of the whole file ends in one sentence with its line."""
    csv.field_size_limit(LONGEST)
    reader = csv.reader(text, delimiter=how.delimiter, quotechar=how.quote, strict=True)
    begun = 1
    try:
        for row in reader:
            begun = reader.line_num + 1
            yield row
    except UnicodeDecodeError as e:
        raise UserError(
            f"{file.name}, near line {reader.line_num + 1}: not {how.encoding} (byte 0x{e.object[e.start]:02x}). "
            f"The likely cause: it is {likely_encoding(file)}; say `encoding: {likely_encoding(file)}` in the mapping."
        ) from None
    except csv.Error as e:
        if "field larger" in str(e) or "unexpected end" in str(e):
            raise UserError(
                f"{file.name}: the row that begins on line {begun} opens a quote that never closes; "
                "double the quotes inside a value, or name another `quote` in the mapping."
            ) from None
        raise UserError(
            f"{file.name}, line {reader.line_num}: {e}; check `delimiter` and `quote` in the mapping."
        ) from None


def _header(file: Path, row: list[str] | None) -> list[str]:
    if not row:
        raise UserError(f"{file.name} is empty: it has not even a row of column names.")
    names = [n.strip() for n in row]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise UserError(f"{file.name} has the column {twice[0]!r} twice: rename one of them in the file.")
    if "" in names:
        raise UserError(f"{file.name}: column {names.index('') + 1} has no name; name it in the first row.")
    wrong = [n for n in names if n.startswith("_")]
    if wrong:
        raise UserError(f"{file.name}: a column may not begin with an underscore ({wrong[0]!r}); rename it.")
    return names


def _batches(reader: Iterator[list[str]], width: int) -> Iterator[list[list[str | None]]]:
    batch: list[list[str | None]] = []
    for row in reader:
        if not row:
            row = [""] if width == 1 else row
        batch.append(_whole(row, width))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _whole(row: list[str], width: int) -> list[str | None]:
    """Return the row's values and None, or, for a row of another width, blanks and what is wrong with it."""
    if len(row) == width:
        return [*row, None]
    if not row:
        return [*[None] * width, "an empty line"]
    return [*[None] * width, f"{len(row)} values instead of {width}"]


def likely_encoding(file: Path) -> str:
    """Guess the encoding of a text that is not UTF-8: a byte-order mark, Chinese, or Western European."""
    with file.open("rb") as stream:
        sample = stream.read(200_000)
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    high = [b for b in sample if b >= 0x80]
    try:
        text = codecs.getincrementaldecoder("gb18030")().decode(sample)
    except UnicodeDecodeError:
        return "cp1252"
    chinese = len([c for c in text if "\u4e00" <= c <= "\u9fff"])
    return "gb18030" if 2 * chinese >= 0.7 * len(high) else "cp1252"
