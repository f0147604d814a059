"""docs/own-data.md followed step by step, with the online_retail file as if it were a stranger's CSV."""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from tests.elsewhere import Elsewhere

LINES = "    from: file_1\n    columns:\n      order_id: InvoiceNo"


def corrected(text: str) -> str:
    """What a user changes in the draft: the doubts, and the cancellations, which become returns."""
    for old, new in [
        ("timezone: UTC", "timezone: Europe/London"),
        ("currency: EUR", "currency: GBP"),
        (LINES, LINES.replace("    columns", "    where: not startswith(InvoiceNo, 'C')\n    columns")),
        ("    one_row_per: order_id\n", "    one_row_per: order_id\n    where: not startswith(InvoiceNo, 'C')\n"),
    ]:  # fmt: skip
        assert old in text, text
        text = text.replace(old, new, 1)
    lines = [f"as_of: {'2011-12-10'}" if line.startswith("as_of:") else line for line in text.splitlines()]
    return (
        "\n".join(lines)
        + """
  returns:
    from: file_1
    where: startswith(InvoiceNo, 'C')
    columns:
      customer_id: CustomerID
      product_id: StockCode
      quantity: -Quantity
      refund: -Quantity * UnitPrice
      requested_at: InvoiceDate
"""
    )


def test_a_strangers_invoices_give_the_numbers_of_the_named_dataset(
    tmp_path: Path, where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROWTH_KEY", "a key of this test alone")
    copy = Elsewhere.make(tmp_path)
    shop = copy.folder / "myshop"
    shop.mkdir()
    file = where / "online_retail" / "online_retail.parquet"
    duckdb.sql(
        f"copy (select * replace (strftime(InvoiceDate, '%d/%m/%Y %H:%M') as InvoiceDate) from '{file}') "
        f"to '{shop / 'invoices.csv'}' (header)"
    )
    copy.run("growth", "map", "draft", "myshop")
    mapping = shop / "mapping.yaml"
    mapping.write_text(corrected(mapping.read_text()))
    said = copy.run("growth", "map", "check", "myshop")
    assert "541,909 rows in the files = 540,571 kept + 1,338 refused" in said
    parts = re.search(r"06_retention: (\d+) of (\d+) parts", said)
    assert parts is not None and int(parts[1]) == int(parts[2]) - 6, (
        "all but memberships, accounts, loyalty, trials"
    )
    copy.set("data", dataset="myshop", files="myshop")
    assert "notebook@06_retention" in copy.repro("notebook@00_audit", "notebook@06_retention")
    reports = copy.folder / "reports" / "myshop"
    audit = json.loads((reports / "metrics" / "00_audit.json").read_text())
    assert audit["H4.purchases"]["value"] == 8_911_407.904
    assert audit["H4.exact_duplicates"]["value"] == 5_268
    first = json.loads((reports / "metrics" / "06_retention.json").read_text())["F2.first_cohort"]
    assert list(first["series"].values()) == [324, 286, 340, 321, 352, 321, 309, 313, 350, 331, 445]
    raw_ids = {row[0] for row in duckdb.sql(f"select distinct CustomerID::varchar from '{file}'").fetchall()}
    kept = pq.read_table(copy.folder / "data/myshop/tables/customers.parquet", columns=["customer_id"])
    assert not raw_ids & set(kept["customer_id"].to_pylist())


def test_without_a_key_or_a_mapping_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GROWTH_KEY", raising=False)
    copy = Elsewhere.make(tmp_path, dataset="tea_shop")
    copy.run("growth", "raw")
    assert copy.run("growth", "ingest", fails=True).startswith("✗ tea_shop holds real people: set GROWTH_KEY")
    copy.set("data", dataset="teashop")
    assert (
        "no dataset 'teashop'" in (said := copy.run("growth", "raw", fails=True)) and "mean tea_shop?" in said
    )
    assert not (copy.folder / "data" / "teashop").exists()
    copy.set("data", files="notebooks", dataset="tea_shop")
    assert "holds no mapping.yaml" in copy.run("growth", "raw", fails=True)
