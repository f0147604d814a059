"""A shop's own touches through a mapping: read, checked, made into paths; what is wrong with them is said."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import ibis
import pytest

from growth.channels import path_marts
from growth.definitions import Tables
from growth.sources import mapping
from tests.conftest import WORDS, frame
from tests.sources.test_files import COLUMNS, HEAD, TABLES, ingest

TOUCHES = """  touches:
    from: t
    columns: {customer_id: who, at: seen, channel: where, kind: "when(did == 'saw', 'impression', 'click')"}
"""
ORDERS = "1,2024-06-10 12:00,c,p,1,10\n2,2024-06-20 12:00,d,p,1,20\n3,2024-06-21 12:00,e,p,1,40\n"
ROWS = """who,seen,where,did
c,2024-06-01 10:00,<script>alert(1)</script>,click
c,2024-06-09 10:00,mail > shop,click
c,2024-06-09 10:00,mail > shop,click
c,2024-06-10 13:00,late,click
d,2024-04-01 10:00,old,click
d,2024-06-20 11:00,posters,saw
d,2024-06-18 11:00,early posters,saw
d,yesterday,unread,click
,2024-06-20 11:00,nobody,click
e,2024-06-21 11:00,,click
"""


@pytest.fixture
def shop(tmp_path: Path) -> Tables:
    (tmp_path / "f.csv").write_text(COLUMNS + ORDERS, "utf-8")
    (tmp_path / "t.csv").write_text(ROWS, "utf-8")
    files = "files:\n  f: {file: f.csv}\n  t: {file: t.csv}\n"
    (tmp_path / "mapping.yaml").write_text(HEAD + files + TABLES + TOUCHES, "utf-8")
    account, stored, lost = ingest(tmp_path)
    touches = account["tables"]["touches"]
    assert touches["rows_in"] == touches["kept"] + touches["refused"] == 10
    assert [(r["source_row"], r["refused_because"]) for r in lost["touches"]] == [
        (8, "at: not a valid time"),
        (10, "channel: missing"),
    ]
    con = ibis.duckdb.connect()
    rows = {f.stem: con.read_parquet(f, table_name=f.stem) for f in (tmp_path / "tables").glob("*.parquet")}
    return Tables(rows, mapping.load(tmp_path).info(), SimpleNamespace(**WORDS))


def test_paths_of_own_touches(shop: Tables) -> None:
    """A channel's separator is no separator of steps; a touch after the order begins a path of its own."""
    found = frame(path_marts.paths(shop)).set_index("path")
    assert found["conversions"].to_dict() == {
        "<script>alert(1)</script> > mail>shop": 1,
        "posters": 1,
        "direct": 1,
        "late": 0,
    }
    assert found.loc["late", "nulls"] == 1 and float(found["value"].sum()) == 70


def test_every_touch_and_order_is_accounted_for(shop: Tables) -> None:
    rows = frame(path_marts.left_out(shop))
    left = rows[rows["rows"] > 0].set_index(["what", "reason"])["rows"].to_dict()
    assert left == {
        ("orders", "on a path"): 2,
        ("orders", "without a touch, so direct"): 1,
        ("touches", "a step of a path"): 4,
        ("touches", "earlier than the window of clicks"): 1,
        ("touches", "of nobody"): 1,
        ("touches", "shown earlier than the window of things shown"): 1,
        ("touches", "the same touch again"): 1,
    }


def test_windows_are_those_of_the_definitions(shop: Tables) -> None:
    """An order of 20 June: a click of 1 April and something shown 49 hours before come in, then one step is kept."""
    for words, path in (
        (dict(click_days=90), "old > posters"),
        (dict(view_hours=50), "early posters > posters"),
        (dict(click_days=90, view_hours=50, path_steps=2), "early posters > posters"),
    ):
        own = Tables(shop.rows, shop.info, SimpleNamespace(**(WORDS | words)))
        assert path in set(frame(path_marts.paths(own))["path"])
