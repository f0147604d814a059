"""The dirt: counted again by brute force from the raw files, rule by rule; and nothing else is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from growth.contract import TABLES as CONTRACT
from growth.simulation import Settings, dirt
from growth.simulation.clock import END
from tests.simulation.conftest import TABLES, Platform, make

AS_OF = pd.Timestamp(END) - pd.Timedelta(hours=8)
NOT_DIRT = {"guest", "free"}  # flags that ingest raises on what is quite normal


def reason(row: dict[str, Any], table: str, known: dict[str, set[Any]]) -> str:
    """Return why a row would be refused, by the contract's rules in their order, or ''."""
    for c in CONTRACT[table].columns:
        value = row.get(c.name)
        if value is None:
            if c.required:
                return f"{c.name}: missing"
            continue
        if c.low is not None and value < c.low:
            return f"{c.name}: below {c.low:g}"
        if c.high is not None and value > c.high:
            return f"{c.name}: above {c.high:g}"
        if c.allowed and value not in c.allowed:
            return f"{c.name}: not allowed"
        if c.refers and c.orphan == "refuse" and value not in known[c.refers]:
            return f"{c.name}: unknown"
    clock = CONTRACT[table].clock
    return f"{clock}: after as_of" if clock and row[clock] is not None and row[clock] >= AS_OF else ""


def flags(row: dict[str, Any], table: str, known: dict[str, set[Any]]) -> Iterator[str]:
    for c in CONTRACT[table].columns:
        if (
            c.refers
            and c.orphan == "flag"
            and row.get(c.name) is not None
            and row[c.name] not in known[c.refers]
        ):
            yield f"unknown_{c.name}"
    if table == "touches" and row["visitor_id"] is None and row["customer_id"] is None:
        yield "nobody"
    for earlier, later in CONTRACT[table].sequence:
        if row[earlier] is not None and row[later] is not None and row[later] < row[earlier]:
            yield f"{later} before {earlier}"


def counted(platform: Platform) -> dict[str, dict[str, int]]:
    """Apply the contract to the raw rows, one by one."""
    known: dict[str, set[Any]] = {}
    found: dict[str, dict[str, int]] = {}
    for name in TABLES:
        spec, rows = CONTRACT[name], platform.arrow(name).to_pylist()
        count: Counter[str] = Counter()
        seen_rows: set[tuple[Any, ...]] = set()
        seen_keys: set[tuple[Any, ...]] = set()
        kept = []
        for row in rows:
            raw = tuple(row.values())
            key = tuple(row[k] for k in spec.key) if spec.key else ()
            copy, again = raw in seen_rows, bool(key) and None not in key and key in seen_keys
            seen_rows.add(raw)
            seen_keys.add(key)
            why = reason(row, name, known)
            if why:
                count[why] += 1
                continue
            kept.append(row)
            count["exact_duplicate"] += copy
            count["key_conflict"] += again and not copy
            count.update(flags(row, name, known))
        for c in spec.columns:
            known[f"{name}.{c.name}"] = {r.get(c.name) for r in kept}
        found[name] = {k: n for k, n in count.items() if n}
    return found


@pytest.fixture(scope="module")
def planted(dirty: Platform) -> dict[str, dict[str, int]]:
    stated: dict[str, dict[str, int]] = dirty.truth("dirt.json")
    return stated


@pytest.fixture(scope="module")
def found(dirty: Platform) -> dict[str, dict[str, int]]:
    return counted(dirty)


@pytest.mark.parametrize("table", TABLES)
def test_brute_force_finds_what_was_planted_and_nothing_else(
    table: str, planted: dict[str, dict[str, int]], found: dict[str, dict[str, int]]
) -> None:
    assert found[table] == planted.get(table, {})


def test_every_rule_was_planted(planted: dict[str, dict[str, int]]) -> None:
    for table, rules in dirt.RULES.items():
        assert set(planted[table]) == {r.name for r in rules}, table
        assert all(n >= 1 for n in planted[table].values())


def test_a_clean_platform_is_clean(base: Platform) -> None:
    assert base.truth("dirt.json") == {}
    assert all(not rules for rules in counted(base).values())


def test_dirt_is_added_to_the_same_clean_rows(dirty: Platform, tmp_path: Any) -> None:
    """Without the added rows, a soiled table is the clean one, but for the values that flags are raised on."""
    clean = make(tmp_path, Settings(seed=3, customers=4000, months=11, dirt=False))
    for table in TABLES:
        a, b = clean.arrow(table).to_pylist(), dirty.arrow(table).to_pylist()
        rules = dirt.RULES.get(table, ())
        stated = dirty.truth("dirt.json")[table]
        added = sum(stated[r.name] for r in rules if r.add)
        changed = sum(stated[r.name] for r in rules if not r.add)
        assert len(b) == len(a) + added
        before, after = Counter(tuple(r.values()) for r in a), Counter(tuple(r.values()) for r in b)
        assert sum((before - after).values()) == changed


def test_rows_come_late(dirty: Platform) -> None:
    """Some rows come after all others of their part, as they do in life; ingest must not mind."""
    orders = dirty.arrow("orders").to_pandas()
    person = orders["order_id"].dropna().str[1:8].astype(int).to_numpy()
    assert (person[1:] < person[:-1]).sum() > 10


def test_fake_orders_are_known_to_the_truth_alone(dirty: Platform) -> None:
    fake = dirty.truth("fake_orders.parquet")
    orders = dirty.frame("orders").dropna(subset=["order_id"]).drop_duplicates("order_id")
    assert len(fake) > 20 and set(fake["order_id"]) <= set(orders["order_id"])
    assert dirty.stated["count: fake orders"] == len(fake) == fake["order_id"].nunique()
    lines = dirty.frame("order_lines").merge(fake, on="order_id").query("quantity == 1 and amount > 0")
    pushed = lines.groupby("ring")["product_id"].agg(lambda p: p.value_counts(normalize=True).iloc[0])
    assert pushed.min() > 0.8, "a ring pushes one product (dirt spoils a few references)"


def test_bots_are_labelled_in_part(dirty: Platform) -> None:
    people = dirty.truth("people.parquet").set_index("person")["kind"]
    sessions = dirty.frame("sessions").dropna(subset=["session_id"]).drop_duplicates("session_id")
    machine = sessions["session_id"].str[1:8].astype(int).map(people) == "bot"
    assert machine.sum() == dirty.stated["count: bot sessions"]
    assert not sessions.loc[~machine, "bot"].any()
    assert sessions.loc[machine, "bot"].sum() == dirty.stated["count: labelled bot sessions"]
    assert 0.3 < sessions.loc[machine, "bot"].mean() < 0.9
    ordered = set(dirty.frame("orders")["order_id"].dropna().str[1:8].astype(int))
    assert not ordered & set(people[people == "bot"].index)
