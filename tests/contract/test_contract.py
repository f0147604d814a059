"""The contract is consistent in itself, and its page says what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

import growth
from growth.contract import TABLES, TYPES
from growth.contract.page import markdown
from growth.errors import UserError


def test_every_reference_leads_to_an_earlier_table() -> None:
    seen: set[str] = set()
    for name, table in TABLES.items():
        seen.add(name)
        for column in table.columns:
            if column.refers:
                other, key = column.refers.split(".")
                assert other in seen, f"{name}.{column.name} refers to {other}, which comes later"
                assert TABLES[other][key].personal == column.personal
        assert set(table.key) | ({table.clock} - {""}) <= set(table.names)
        assert {c for pair in table.sequence for c in pair} <= set(table.names)


def test_types_and_names_are_known() -> None:
    for table in TABLES.values():
        assert len(set(table.names)) == len(table.names)
        assert {c.type for c in table.columns} <= set(TYPES)
        assert all(c.doc for c in table.columns)


def test_the_page_is_generated_from_the_contract(root: Path) -> None:
    assert (root / "docs" / "contract.md").read_text(encoding="utf-8") == markdown()


def test_describe_and_its_mistakes() -> None:
    assert "at least 1" in growth.describe("order_lines").loc["quantity", "rules"]
    with pytest.raises(UserError, match="orders"):
        growth.describe("order")
