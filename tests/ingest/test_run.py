"""Ingest on tiny raw files made by hand: each rule refuses or flags just the rows it should, and all add up."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from growth import sources
from growth.errors import UserError
from growth.ingest import run as ingest_run
from growth.ingest.pseudonyms import PUBLIC_KEY, pseudonym
from growth.sources import Dataset, Reading, Source
from growth.sources.base import control, numbered

INFO = Dataset("tiny", "A tiny shop", "2024-07-01", "Asia/Shanghai", "EUR", synthetic=True)
AUTO = SimpleNamespace(as_of=None, timezone=None)


def write(folder: Path, **tables: list[dict[str, Any]]) -> None:
    folder.mkdir(exist_ok=True)
    for name, rows in tables.items():
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")


def read_all(con: Any, raw: Path) -> Reading:
    tables = {f.stem: numbered(con, f) for f in sorted(raw.glob("*.parquet"))}
    counts = {n: int(t.count().execute()) for n, t in tables.items()}
    totals = control(con, raw, "select 0 as orders, 0::decimal(18,4) as sold, 0::decimal(18,4) as refunded")
    return Reading(counts, tables, totals)


@pytest.fixture
def ingest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function: raw rows by table -> (account, stored tables, quarantine)."""

    def go(
        info: Dataset = INFO, read: Any = read_all, chosen: Any = AUTO, **tables: list[dict[str, Any]]
    ) -> Any:
        raw, kept, lost = (tmp_path / r for r in ("raw", "tables", "quarantine"))
        write(raw, **tables)
        info.write(raw)
        for folder in (kept, lost):
            folder.mkdir(exist_ok=True)
        monkeypatch.setattr(sources, "get", lambda name: Source(lambda r, t: info, read))
        account = ingest_run.ingest(raw, kept, lost, chosen)
        stored = {f.stem: pq.read_table(f).to_pylist() for f in kept.glob("*.parquet")}
        return account, stored, {f.stem: pq.read_table(f).to_pylist() for f in lost.glob("*.parquet")}

    return go


def order(n: int, **more: Any) -> dict[str, Any]:
    base = dict(
        order_id=f"o{n}", customer_id="c1", status="paid", placed_at=dt.datetime(2024, 6, 1), currency="EUR"
    )
    return base | dict(delivered_at=None, shipped_at=None) | more


def line(n: int, **more: Any) -> dict[str, Any]:
    return dict(order_id=f"o{n}", product_id="p1", quantity=1, amount=2.5) | more


def test_each_refusal_names_its_first_reason(ingest: Any) -> None:
    account, stored, lost = ingest(
        orders=[
            order(1),
            order(2, status="lost"),
            order(3, placed_at=None),
            order(4, placed_at=dt.datetime(2024, 6, 30, 16)),  # 1 July 00:00 in Shanghai
            order(5, placed_at=dt.datetime(2024, 6, 30, 15, 59)),
            order(6, currency="USD"),
        ],
        order_lines=[
            line(1), line(1, quantity=0), line(1, amount=-0.01), line(9), line(2), line(1, product_id=None),
        ],
    )  # fmt: skip
    assert account["tables"]["orders"]["reasons"] == {
        "status: not allowed": 1,
        "placed_at: missing": 1,
        "placed_at: after as_of": 1,
        "currency: not EUR": 1,
    }
    assert account["tables"]["order_lines"]["reasons"] == {
        "quantity: below 1": 1,
        "amount: below 0": 1,
        "order_id: unknown": 2,  # never there, and refused itself
        "product_id: missing": 1,
    }
    assert account["total"] == dict(rows_in=12, kept=3, flagged=0, refused=9)
    assert len(stored["orders"]) == 2 and len(stored["order_lines"]) == 1
    assert [(r["source_file"], r["source_row"], r["refused_because"]) for r in lost["order_lines"]][:2] == [
        ("order_lines.parquet", 2, "quantity: below 1"),
        ("order_lines.parquet", 3, "amount: below 0"),
    ]


def test_doubtful_rows_are_kept_and_flagged(ingest: Any) -> None:
    account, stored, _ = ingest(
        orders=[
            order(1),
            order(1),
            order(1, customer_id="c2"),
            order(2, customer_id=None),
            order(3, shipped_at=dt.datetime(2024, 6, 5), delivered_at=dt.datetime(2024, 6, 4)),
        ],
        customers=[dict(customer_id="c1")],
        order_lines=[line(1, amount=0.0)],
    )
    flags = [r["flags"] for r in stored["orders"]]
    assert flags == [
        "",
        "exact_duplicate",
        "key_conflict;unknown_customer_id",
        "guest",
        "delivered_at before shipped_at",
    ]
    assert stored["order_lines"][0]["flags"] == "free"
    assert account["tables"]["orders"]["flagged"] == 4 and account["total"]["refused"] == 0


def test_text_is_read_as_the_contract_types(ingest: Any) -> None:
    account, stored, lost = ingest(
        orders=[order(1)],
        order_lines=[
            dict(order_id="o1 ", product_id=" p", quantity="3", amount="1234.5678"),
            dict(order_id="o1", product_id="p", quantity="1.5", amount="1"),
            dict(order_id="o1", product_id="p", quantity="many", amount="1"),
            dict(order_id="o1", product_id="p", quantity="1", amount="1e400"),
            dict(order_id="o1", product_id="", quantity="1", amount="1"),
            dict(order_id="o1", product_id="p", quantity="", amount="1"),
        ],
    )
    assert (
        stored["order_lines"][0]["amount"] == Decimal("1234.5678")
        and stored["order_lines"][0]["quantity"] == 3
    )
    assert [r["refused_because"] for r in lost["order_lines"]] == [
        "quantity: not a valid int",
        "quantity: not a valid int",
        "amount: not a valid money",
        "product_id: missing",
        "quantity: missing",
    ]


def test_floats_that_are_no_whole_number_or_no_number_are_refused(ingest: Any) -> None:
    nan, inf = float("nan"), float("inf")
    _, stored, lost = ingest(
        orders=[order(1)],
        order_lines=[
            line(1, quantity=2.0),
            line(1, quantity=2.5),
            line(1, quantity=inf),
            line(1, amount=nan),
        ],
    )
    assert [r["quantity"] for r in stored["order_lines"]] == [2]
    assert [r["refused_because"].split(":")[0] for r in lost["order_lines"]] == [
        "quantity",
        "quantity",
        "amount",
    ]


def test_personal_ids_become_keyed_pseudonyms_and_still_join(ingest: Any) -> None:
    _, stored, lost = ingest(
        orders=[order(1), order(2, status="?")], customers=[dict(customer_id="c1")], order_lines=[line(1)]
    )
    assert stored["orders"][0]["customer_id"] == stored["customers"][0]["customer_id"]
    assert stored["customers"][0]["customer_id"] == pseudonym(PUBLIC_KEY, "customer_id", "c1")
    assert stored["orders"][0]["order_id"] == stored["order_lines"][0]["order_id"]
    assert "c1" not in str(stored) + str(lost) and "'o2'" not in str(lost)


def test_real_data_need_a_key(ingest: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Dataset("tiny", "A real shop", "2024-07-01", "UTC", "EUR")
    monkeypatch.delenv("GROWTH_KEY", raising=False)
    with pytest.raises(UserError, match="GROWTH_KEY"):
        ingest(real, orders=[order(1)])
    monkeypatch.setenv("GROWTH_KEY", "k" * 32)
    one = ingest(real, orders=[order(1)])[1]["orders"][0]["customer_id"]
    monkeypatch.setenv("GROWTH_KEY", "j" * 32)
    assert ingest(real, orders=[order(1)])[1]["orders"][0]["customer_id"] != one


def test_business_date_follows_the_time_zone(ingest: Any) -> None:
    late = order(1, placed_at=dt.datetime(2024, 6, 1, 17))
    _, stored, _ = ingest(orders=[late])
    assert stored["orders"][0]["business_date"] == dt.date(2024, 6, 2)
    chosen = SimpleNamespace(as_of=dt.date(2024, 6, 1), timezone="UTC")
    _, stored, lost = ingest(chosen=chosen, orders=[late])
    assert not stored["orders"] and lost["orders"][0]["refused_because"] == "placed_at: after as_of"


@pytest.mark.parametrize("lose", [True, False])
def test_a_source_that_loses_or_doubles_rows_is_stopped(ingest: Any, lose: bool) -> None:
    def read(con: Any, raw: Path) -> Reading:
        found = read_all(con, raw)
        rows = found.candidates["orders"]
        wrong = rows.filter(rows._row > 1) if lose else ibis.union(rows, rows)
        return Reading(found.files, {"orders": wrong}, found.control)

    with pytest.raises(UserError, match="twice, or not at all"):
        ingest(read=read, orders=[order(1), order(2)])


def test_the_same_rows_give_the_same_bytes(ingest: Any, tmp_path: Path) -> None:
    rows = [order(i, customer_id=f"c{i % 700}") for i in range(5000)]
    ingest(orders=rows, order_lines=[line(i % 5000) for i in range(20000)])
    files = sorted((tmp_path / "tables").glob("*.parquet"))
    first = [f.read_bytes() for f in files]
    ingest(orders=rows, order_lines=[line(i % 5000) for i in range(20000)])
    assert [f.read_bytes() for f in files] == first


def test_a_column_that_refers_to_a_person_shares_the_pseudonym(ingest: Any) -> None:
    """Who invited and who came are customers: both must be found under the names that customers have."""
    when = dt.datetime(2024, 3, 1)
    _account, stored, _lost = ingest(
        customers=[dict(customer_id=c, signed_up_at=when) for c in ("a", "b")],
        referrals=[dict(inviter_id="a", invited_at=when, customer_id="b", joined_at=when)],
    )
    row = stored["referrals"][0]
    assert row["inviter_id"] == pseudonym(PUBLIC_KEY, "customer_id", "a")
    assert row["customer_id"] == pseudonym(PUBLIC_KEY, "customer_id", "b") and row["flags"] == ""
