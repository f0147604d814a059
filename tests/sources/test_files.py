"""A shop's own files: text files as they are, expressions, mappings, and each kind of bad input."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from growth.errors import UserError
from growth.ingest.run import ingest_reading
from growth.sources import files, mapping
from growth.sources.draft import draft
from growth.sources.light import check
from growth.sources.textfile import Format, likely_encoding, to_parquet

HEAD = "name: tiny\ntitle: Tiny\nas_of: 2024-07-01\ntimezone: Europe/London\ncurrency: EUR\n"
TABLES = """tables:
  order_lines:
    from: f
    columns: {order_id: No, product_id: Item, quantity: Qty, amount: Qty * Price}
  orders:
    from: f
    one_row_per: order_id
    columns: {order_id: No, placed_at: When, customer_id: Who, status: "'paid'"}
"""
COLUMNS = "No,When,Who,Item,Qty,Price\n"


def shop(
    folder: Path, text: str | bytes, entry: str = "file: f.csv", tables: str = TABLES, head: str = HEAD
) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "f.csv").write_bytes(text if isinstance(text, bytes) else (COLUMNS + text).encode())
    (folder / "mapping.yaml").write_text(f"{head}files:\n  f: {{{entry}}}\n{tables}", encoding="utf-8")
    return folder


def ingest(folder: Path) -> Any:
    """Return (account, stored tables, quarantine) of a folder with files and mapping."""
    found = mapping.load(folder)
    rooms = [folder / r for r in ("raw", "tables", "quarantine", "scratch")]
    for room in rooms:
        room.mkdir()
    files.bring(found, folder, rooms[0])
    info = SimpleNamespace(**{**vars(found.info()), "public": True})
    account = ingest_reading(lambda con: files.read(con, rooms[0], found), info, rooms[1], rooms[2], rooms[3])
    stored, lost = ({f.stem: pq.read_table(f).to_pylist() for f in r.glob("*.parquet")} for r in rooms[1:3])
    return account, stored, lost


def test_a_good_file(tmp_path: Path) -> None:
    account, stored, _ = ingest(shop(tmp_path, "1,2024-06-01 10:00,c,p,2,1.25\n1,2024-06-01 10:05,c,q,1,3\n"))
    assert account["total"] == dict(rows_in=2, kept=2, flagged=0, refused=0)
    assert [r["amount"] for r in stored["order_lines"]] == [Decimal("2.5"), Decimal(3)]
    assert stored["orders"][0]["placed_at"] == dt.datetime(2024, 6, 1, 9)  # London is an hour ahead in June
    assert len(stored["orders"]) == 1 and account["control"]["sold"] == Decimal("5.5")


def test_rows_that_are_cut_or_too_long_are_refused_not_lost(tmp_path: Path) -> None:
    account, _, lost = ingest(
        shop(tmp_path, "1,2024-06-01,c,p,1,1\n\n2,2024-06-01,c,p,1,1,extra\n3,2024-06-01,c")
    )
    assert account["total"] == dict(rows_in=4, kept=1, flagged=0, refused=3)
    assert [(r["source_row"], r["refused_because"]) for r in lost["order_lines"]] == [
        (2, "an empty line"),
        (3, "7 values instead of 6"),
        (4, "3 values instead of 6"),
    ]


def test_rows_that_no_table_wants_are_refused(tmp_path: Path) -> None:
    tables = TABLES.replace(
        "from: f\n    columns: {order_id: No, product",
        "from: f\n    where: Qty > 1\n    columns: {order_id: No, product",
    )
    account, _, lost = ingest(shop(tmp_path, "1,2024-06-01,c,p,1,1\n1,2024-06-01,c,p,2,1\n", tables=tables))
    assert account["total"] == dict(rows_in=2, kept=1, flagged=0, refused=1)
    assert lost["order_lines"][0]["refused_because"] == "left out by where"


@pytest.mark.parametrize(
    ("entry", "when", "price", "moment", "amount"),
    [
        ("", "2024-06-01T10:00:00+08:00", "1", dt.datetime(2024, 6, 1, 2), 1),
        ("", "2024-06-01T10:00:00Z", "1", dt.datetime(2024, 6, 1, 10), 1),
        ("", "2024-06-01 10:00:00+08", "1", dt.datetime(2024, 6, 1, 2), 1),
        ("", "2024-06-01 10:00:00 UTC", "1", dt.datetime(2024, 6, 1, 10), 1),
        (', time_format: "%H:%M %d-%m-%Y"', "10:00 01-06-2024", "1", dt.datetime(2024, 6, 1, 9), 1),
        ("", "2024-06-01", "0.004", dt.datetime(2024, 5, 31, 23), Decimal("0.004")),
        (', time_format: "%d/%m/%Y %H:%M"', "02/06/2024 10:00", "1", dt.datetime(2024, 6, 2, 9), 1),
        (", time_format: excel", "45444.5", "1", dt.datetime(2024, 6, 1, 11), 1),
        (", timezone: Asia/Shanghai", "2024-06-01 10:00", "1", dt.datetime(2024, 6, 1, 2), 1),
        (", thousands: ','", "2024-01-01", '"1,234.50"', dt.datetime(2024, 1, 1), Decimal("1234.5")),
        (
            ", thousands: '.', decimal: ','",
            "2024-01-01",
            '"1.234,50"',
            dt.datetime(2024, 1, 1),
            Decimal("1234.5"),
        ),
    ],
)
def test_times_and_numbers_are_read_as_the_mapping_says(
    tmp_path: Path, entry: str, when: str, price: str, moment: dt.datetime, amount: Any
) -> None:
    _, stored, _ = ingest(shop(tmp_path, f"1,{when},c,p,1,{price}\n", "file: f.csv" + entry))
    assert stored["orders"][0]["placed_at"] == moment
    assert stored["order_lines"][0]["amount"] == amount


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('1,2024-06-01,c,p,1,"1,234.50"', "amount: Price is not a number"),
        ('1,2024-06-01,c,p,"1,5",1', "amount: Qty is not a number"),
        ("1,2024-06-01,c,jane@mail.com,1,1", "product_id: missing"),
        ("1,2024-06-01,c,p,1,-2", "amount: below 0"),
        ("1,2024-06-01,c,p,100000000,2", "quantity: above 1e+06"),
        ("1E+05,2024-06-01,c,p,1,2", "order_id: spoilt by a spreadsheet, like 1E+05"),
    ],
)
def test_bad_values_refuse_their_row(tmp_path: Path, row: str, reason: str) -> None:
    _, _, lost = ingest(shop(tmp_path, row + "\n"))
    assert lost["order_lines"][0]["refused_because"] == reason


def test_an_undeclared_point_is_not_read_as_a_decimal_comma(tmp_path: Path) -> None:
    _, _, lost = ingest(shop(tmp_path, "1,2024-01-01,c,p,1,1.234\n", "file: f.csv, decimal: ','"))
    assert lost["order_lines"][0]["refused_because"] == "amount: Price is not a number"


def test_an_order_whose_rows_name_two_customers_is_flagged(tmp_path: Path) -> None:
    text = "1,2024-06-01,,p,1,1\n1,2024-06-01,c,p,2,1\n2,2024-06-01,c,p,1,1\n2,2024-06-01,d,p,3,1\n"
    _, stored, _ = ingest(shop(tmp_path, text))
    assert [bool(r["customer_id"]) for r in stored["orders"]] == [True, True]
    assert [r["flags"] for r in stored["orders"]] == ["", "customer_id differs within the order"]


@pytest.mark.parametrize("when", ["44927.5", "2024-06-01 10:00 CEST", "31/12/2023", "2024-02-30", "soon"])
def test_bad_times_refuse_the_order(tmp_path: Path, when: str) -> None:
    _, _, lost = ingest(shop(tmp_path, f"1,{when},c,p,1,1\n"))
    assert lost["orders"][0]["refused_because"] == "placed_at: not a valid time"


def test_an_hour_that_never_was_is_kept_and_flagged(tmp_path: Path) -> None:
    _, stored, _ = ingest(shop(tmp_path, "1,2024-03-31 01:30,c,p,1,1\n"))
    assert stored["orders"][0]["flags"] == "placed_at falls into a clock change"


def test_encodings(tmp_path: Path) -> None:
    text = (COLUMNS + "1,2024-06-01,c,茶具套装红色,1,1\n").encode("gb18030")
    with pytest.raises(UserError, match=r"f\.csv, near line \d+: not utf-8.*gb18030"):
        ingest(shop(tmp_path / "a", text))
    _, stored, _ = ingest(shop(tmp_path / "b", text, "file: f.csv, encoding: gb18030"))
    assert stored["order_lines"][0]["product_id"] == "茶具套装红色"
    _, stored, _ = ingest(shop(tmp_path / "c", (COLUMNS + "1,2024-06-01,c,p,1,1\n").encode("utf-8-sig")))
    assert len(stored["order_lines"]) == 1
    (tmp_path / "latin.csv").write_bytes("Café,Größe,Zürich\nà,é,ü\n".encode("cp1252"))
    assert likely_encoding(tmp_path / "latin.csv") == "cp1252"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "empty"),
        (b"No,No\n1,2\n", "'No' twice"),
        (b"No,,X\n1,2,3\n", "column 2 has no name"),
        (b'No,X\n1,"open\n2,b\n3,c\n', "row that begins on line 2 opens a quote that never closes"),
        (b'No,X\n1,"a"b\n', "line 2"),
    ],
)
def test_a_broken_file_is_one_sentence(tmp_path: Path, text: bytes, said: str) -> None:
    (tmp_path / "f.csv").write_bytes(text)
    with pytest.raises(UserError, match=said):
        to_parquet(tmp_path / "f.csv", tmp_path / "f.parquet", Format())


def test_an_empty_table_is_no_error(tmp_path: Path) -> None:
    assert ingest(shop(tmp_path, ""))[0]["total"]["rows_in"] == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("product_id: Item", "product_id: Itm", "no column 'Itm'.*Did you mean 'Item'"),
        ("product_id: Item", "product: Item", "no column 'product' in the contract.*product_id"),
        ("  order_lines:", "  order_line:", "tables.order_line is no table.*order_lines"),
        ("one_row_per", "one_row_for", "one_row_for is not known.*one_row_per"),
        ("file: f.csv", "file: ../f.csv", "must lie in the folder"),
        ("file: f.csv", "file: /etc/passwd", "must lie in the folder"),
        ("file: f.csv", "file: g.csv", "no g.csv in the folder.*f.csv"),
        ("timezone: Europe/London", "timezone: Europe/Lundun", "no time zone"),
        ("as_of: 2024-07-01", "as_of: someday", "as_of is 'someday'"),
        ("amount: Qty * Price", "amount: (select 1)", "cannot read"),
        ("amount: Qty * Price", "amount: read_csv('/etc/passwd')", "no function 'read_csv'"),
        ("amount: Qty * Price", "amount: Qty.x", "is not allowed"),
        ("amount: Qty * Price", "amount: 1 if Qty else 2", "is not allowed"),
        ("product_id: Item", "description: col('E-mail')", "no column 'E-mail'|personal"),
    ],
)  # fmt: skip
def test_a_wrong_mapping_is_told(tmp_path: Path, old: str, new: str, said: str) -> None:
    folder = shop(tmp_path, "1,2024-06-01,c,p,1,1\n")
    text = (folder / "mapping.yaml").read_text()
    assert old in text
    (folder / "mapping.yaml").write_text(text.replace(old, new, 1))
    with pytest.raises(UserError, match=said):
        ingest(folder)


def test_sql_in_names_and_values_is_inert(tmp_path: Path) -> None:
    evil = "x'); drop table typed_orders; --"
    text = f'No,When,Who,"{evil}",Qty,Price\n1,2024-06-01,c,"{evil}",1,1\n'
    tables = TABLES.replace("product_id: Item", f'product_id: "{evil}"')
    account, stored, _ = ingest(shop(tmp_path, text.encode(), tables=tables))
    assert account["total"]["kept"] == 1 and stored["order_lines"][0]["product_id"] == evil


def test_personal_data_stop_even_where_a_mapping_tries(tmp_path: Path) -> None:
    text = "No,When,Who,Item,Qty,Price,Phone,Note\n1,2024-06-01,c@d.com,p,1,1,13812345678,write to a@b.com\n"
    lines = "product_id: Item, description: {}"
    with pytest.raises(UserError, match="personal data"):
        ingest(
            shop(
                tmp_path / "a",
                text.encode(),
                tables=TABLES.replace("product_id: Item", lines.format("Phone")),
            )
        )
    _, stored, _ = ingest(
        shop(tmp_path / "b", text.encode(), tables=TABLES.replace("product_id: Item", lines.format("Note")))
    )
    assert stored["order_lines"][0]["description"] is None
    assert stored["order_lines"][0]["flags"] == "masked_description"
    assert "c@d.com" not in str(stored)


def test_parquet_comes_as_it_is(tmp_path: Path) -> None:
    folder = shop(tmp_path, "", "file: f.parquet")
    moment = dt.datetime(2024, 6, 1, 10)
    row = dict(No=7, When=moment, Who=1, Item="p", Qty=2.0, Price=1.1)
    pq.write_table(pa.Table.from_pylist([row, row | dict(Qty=1.5)]), folder / "f.parquet")
    _, stored, lost = ingest(folder)
    assert stored["order_lines"][0]["amount"] == Decimal("2.2")
    assert lost["order_lines"][0]["refused_because"] == "quantity: not a valid int"


def test_a_drafted_mapping_of_the_example_works(tmp_path: Path, root: Path) -> None:
    text = (root / "examples" / "shop" / "sales.csv").read_bytes()
    (tmp_path / "sales.csv").write_bytes(text)
    file = draft(tmp_path)
    assert "doubt" in file.read_text() and 'time_format: "%d/%m/%Y %H:%M"' in file.read_text()
    said = "\n".join(check(tmp_path))
    parts = re.search(r"06_retention: (\d+) of (\d+) parts", said)
    assert "998 rows in the files" in said and parts is not None
    assert int(parts[1]) == int(parts[2]) - 6, (
        "all but memberships (2), closed accounts, loyalty (2), and trials"
    )
    with pytest.raises(UserError, match="is there already"):
        draft(tmp_path)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("Invoice;Datum;Kunde;Artikel;Qty;Price\n1;01.02.2024;k;a;1;3,50\n2;29.02.2024;k;a;1;1.234,50\n",
         ['delimiter: ";"', "decimal: \",\"", 'thousands: "."']),
        ("订单编号,下单时间,用户编号,商品编号,数量,单价\n1,2024-06-01 10:00:00,u,p,1,2\n",
         ["order_id: 订单编号", "quantity: 数量"]),
        ("order_id,order_date,sku,qty,price\n1,44927.5,p,1,2\n2,44928,p,1,2\n", ["time_format: excel"]),
        ("Bestellnr;Datum;Kundennr;Artikel;Menge;Einzelpreis\n1;05.03.2024 14:30;k;a;1;3,50\n",
         ["order_id: Bestellnr", "amount: Menge * Einzelpreis", 'time_format: "%d.%m.%Y %H:%M"', 'decimal: ","']),
        ("foo,bar\n1,2\n", ["order_lines:", "# doubt: the order"]),
    ],
)  # fmt: skip
def test_a_draft_guesses_how_a_file_is_written(tmp_path: Path, text: str, lines: list[str]) -> None:
    (tmp_path / "x.csv").write_text(text, encoding="utf-8")
    written = draft(tmp_path).read_text(encoding="utf-8")
    assert all(line in written for line in lines), written
