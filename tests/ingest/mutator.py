"""A seeded mutator of files, mappings and parameters: whatever it does must end in a full account or one clear error.

``python -m tests.ingest.mutator 1000`` runs a thousand and counts how they ended.
"""

from __future__ import annotations

import csv
import io
import random
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

import growth  # noqa: F401
from growth import params
from growth.errors import UserError
from growth.ingest.run import ingest_reading
from growth.sources import files, mapping

HEADER = ["Order", "When", "Customer", "Item", "Qty", "Price", "Text"]
MAPPING = """name: tiny
title: A tiny shop
as_of: 2024-07-01
timezone: Europe/London
currency: EUR
files:
  sales:
    file: sales.csv
tables:
  order_lines:
    from: sales
    where: Qty > 0
    columns:
      order_id: Order
      product_id: Item
      quantity: Qty
      amount: Qty * Price
      description: Text
  orders:
    from: sales
    one_row_per: order_id
    columns:
      order_id: Order
      customer_id: Customer
      placed_at: When
      status: "'paid'"
"""
ODD = [
    "", " ", "-1", "0", "1e5", "1E+05", "1e400", "NaN", "inf", "-inf", "1,234.50", "1.234,50", "１２", "0x10", "1_000", "100000000",
    "9" * 40, "2024-02-30", "2024-03-31 01:30", "31/12/2024", "44927.5", "2024-06-01T10:00:00+08:00", "=cmd()", "<script>alert(1)</script>",
    "'; drop table orders; --", "${x}", "a\x00b", "🙂", "增长", "a@b.com", "null", "None", '"', "'", "\\", "\t", "1;2", "x" * 5000,
]  # fmt: skip
WORDS = [
    "Order", "When", "Nothing", "sales", "orders", "order_id", "../secret.csv", "/etc/passwd", "read_csv('x')", "Qty +", "1/0", "Qty / 0",
    "__import__('os')", "when(Qty, 1, 2)", "not Qty", "col('Qty')", "select 1", "{a: 1}", "[1, 2]", "null", "true", "Europe/Nowhere", "xx",
    "2024-13-01", "utf-16", "no-such-code", "lambda: 1", "Qty ** 9", "-" * 40 + "1", "(" * 300, "upper(Text) == 'A'", "*x", "&a", "!!python/object:os.system",
    "Email", "startswith(Text)", "Qty < 'a'", "Qty == When", "when(Qty > 1, Text, Qty)", "join(Text, Qty) + 1",
]  # fmt: skip


def rows(chance: random.Random) -> list[list[str]]:
    made = []
    for n in range(20):
        when = f"2024-0{chance.randint(1, 6)}-{chance.randint(10, 28)} 10:{n:02d}:00"
        made.append(
            [
                f"o{n // 2}",
                when,
                f"c{n % 5}",
                f"p{n % 3}",
                str(chance.randint(-1, 4)),
                "2.50",
                "tea 茶, green",
            ]
        )
    return made


def as_csv(header: list[str], body: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([header, *body])
    return text.getvalue().encode("utf-8")


def mutate_csv(chance: random.Random, folder: Path) -> None:
    header, body = list(HEADER), rows(chance)
    for _ in range(chance.randint(0, 4)):
        body[chance.randrange(len(body))][chance.randrange(len(header))] = chance.choice(ODD)
    kind = chance.choice(["cells", "bytes", "cut", "header", "encoding", "line", "quote", "empty"])
    data = as_csv(header, body)
    if kind == "bytes":
        spoilt = bytearray(data)
        for _ in range(chance.randint(1, 5)):
            spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
        data = bytes(spoilt)
    elif kind == "cut":
        data = data[: chance.randrange(len(data))]
    elif kind == "header":
        header[chance.randrange(len(header))] = chance.choice(
            ["", "Order", "_x", "Qty ", "E-mail", "x" * 300]
        )
        data = as_csv(header, body)
    elif kind == "encoding":
        data = data.decode().encode(chance.choice(["gb18030", "utf-16", "utf-8-sig", "utf-32"]))
    elif kind == "line":
        lines = data.splitlines(keepends=True)
        lines.insert(chance.randrange(len(lines)), chance.choice(lines + [b"\n", b"a,b\n", b",,,,,,,,,,\n"]))
        data = b"".join(lines)
    elif kind == "quote":
        place = chance.randrange(len(data))
        data = data[:place] + b'"' + data[place:]
    elif kind == "empty":
        data = chance.choice([b"", b"\n", as_csv(header, [])])
    (folder / "sales.csv").write_bytes(data)


def mutate_parquet(chance: random.Random, folder: Path) -> str:
    columns: dict[str, Any] = {h: [r[i] for r in rows(chance)] for i, h in enumerate(HEADER)}
    name = chance.choice(HEADER)
    n = len(columns[name])
    columns[name] = chance.choice(
        [
            [None] * n, [1] * n, [1.5] * n, [float("nan")] * n, [True] * n, [b"x"] * n, [[1, 2]] * n, [{"a": 1}] * n,
            [2**62] * n, [-1] * n, [float("inf")] * n,
        ]
    )  # fmt: skip
    target = folder / "sales.parquet"
    pq.write_table(pa.table(columns), target)
    if chance.random() < 0.3:
        data = bytearray(target.read_bytes())
        data = data[: chance.randrange(len(data))] if chance.random() < 0.5 else data
        if data:
            data[chance.randrange(len(data))] ^= 255
        target.write_bytes(bytes(data))
    return MAPPING.replace("sales.csv", "sales.parquet")


def mutate_mapping(chance: random.Random) -> str:
    lines = MAPPING.splitlines()
    for _ in range(chance.randint(1, 3)):
        n = chance.randrange(len(lines))
        kind = chance.choice(["value", "key", "drop", "double", "indent"])
        key, colon, _value = lines[n].partition(":")
        if kind == "value":
            lines[n] = f"{key}: {chance.choice(WORDS)}"
        elif kind == "key":
            lines[n] = lines[n].replace(key.strip(), chance.choice(WORDS), 1)
        elif kind == "drop":
            lines[n] = ""
        elif kind == "double":
            lines.insert(n, lines[n])
        else:
            lines[n] = " " * chance.randint(0, 8) + lines[n].strip()
    return "\n".join(lines) + "\n"


def mutate_params(chance: random.Random, root: Path) -> None:
    good = yaml.safe_load((root / "params.yaml").read_text())
    section = chance.choice(list(good))
    key = chance.choice(list(good[section]))
    kind = chance.choice(["value", "name", "drop", "section"])
    if kind == "value":
        odd = [*ODD, -1, 0, 1e9, 10**30, float("nan"), True, None, [], {}, [1], {"a": 1}, 3.5]
        good[section][key] = chance.choice(odd)
    elif kind == "name":
        good[section][chance.choice([f"{key}x", "", 1, None])] = good[section].pop(key)
    elif kind == "drop":
        del good[section][key]
    else:
        good[section] = chance.choice([None, [], "x", 1])
    params.check(good)


def judge(seed: int) -> str:
    """Run one mutation; return ``account`` or ``error``, or raise what a user must never see."""
    chance = random.Random(seed)
    kind = chance.choice(["csv", "csv", "parquet", "mapping", "params"])
    scratch = Path(tempfile.mkdtemp(prefix="mutation-"))
    try:
        if kind == "params":
            mutate_params(chance, Path(__file__).resolve().parents[2])
            return "params: taken"
        text = MAPPING
        if kind == "csv":
            mutate_csv(chance, scratch)
        elif kind == "parquet":
            text = mutate_parquet(chance, scratch)
        else:
            (scratch / "sales.csv").write_bytes(as_csv(HEADER, rows(chance)))
            text = mutate_mapping(chance)
        (scratch / "mapping.yaml").write_text(text, encoding="utf-8")
        return f"{kind}: {_account(scratch)}"
    except UserError as e:
        said = str(e)
        assert said.strip() and len(said.splitlines()) <= 40 and "Traceback" not in said, said
        return f"{kind}: one clear error"
    finally:
        shutil.rmtree(scratch)


def _account(folder: Path) -> str:
    found = mapping.load(folder)
    rooms = [folder / r for r in ("raw", "tables", "quarantine", "scratch")]
    for room in rooms:
        room.mkdir()
    raw, tables, quarantine, scratch = rooms
    files.bring(found, folder, raw)
    info = SimpleNamespace(**{**vars(found.info()), "public": True})
    account = ingest_reading(lambda con: files.read(con, raw, found), info, tables, quarantine, scratch)
    total = account["total"]
    brought = sum(duckdb.read_parquet(str(f)).count("*").fetchall()[0][0] for f in raw.glob("*.parquet"))
    assert total["rows_in"] == brought == total["kept"] + total["refused"], (total, brought)
    stored = sum(
        pq.ParquetFile(f).metadata.num_rows for r in (tables, quarantine) for f in r.glob("*.parquet")
    )
    assert stored == sum(t["rows_in"] for t in account["tables"].values()), "a row was lost"
    return "all rows accounted for"


if __name__ == "__main__":
    first, last = 0, int(sys.argv[1])
    ends: Counter[str] = Counter()
    for seed in range(first, last):
        try:
            ends[judge(seed)] += 1
        except Exception as e:
            ends["BROKEN"] += 1
            print(f"seed {seed}: {type(e).__name__}: {str(e)[:300]}")
    for end, n in sorted(ends.items()):
        print(f"{n:5}  {end}")
