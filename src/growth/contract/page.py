"""The contract as a page: ``docs/contract.md`` is what `markdown` returns; a test keeps them equal.

Write it anew with ``python -m growth.contract.page``.
"""

from __future__ import annotations

from growth import paths
from growth.contract import TABLES, TYPE_MEANING, Table
from growth.explore import rules

_HEAD = """# The contract

What every dataset is checked against, whatever it came from. A dataset rarely has all tables; a notebook says which of its
parts were left out, and which table would bring them. This page is generated from `src/growth/contract/`.

- A stored table begins with `record_id` (its number in the order of the raw file) and `flags`, and, where it has a clock, `business_date`:
  the day of that time in the dataset's time zone.
- A row that breaks a rule is **refused**: it goes to `data/<dataset>/quarantine/` with its file, row and reason. A doubtful row is
  **kept and flagged**. Rows in = rows kept + rows refused, always.
- Refused: a required value is missing, a value is not of its type, below or above its range, not among those allowed; a reference that must be
  found is not; the table's clock is not before `as_of`; an amount in another currency than the dataset's.
- Flagged: `exact_duplicate` (equal to an earlier row of the raw file in every column), `key_conflict` (the same key with other
  values; a mart that needs one row a key takes the first), `unknown_<column>` (a reference that is not found), times that run backwards, and
  what the table below names.
- What is missing is null, never 0 or "". A column that the source does not have is null throughout.
"""


def markdown() -> str:
    """Return the page."""
    types = "\n".join(f"| `{t}` | {meaning} |" for t, meaning in TYPE_MEANING.items())
    parts = [_HEAD, f"## Types\n\n| type | meaning |\n|---|---|\n{types}\n"]
    groups = dict.fromkeys(t.group for t in TABLES.values())
    for group in groups:
        parts.append(f"## {group.capitalize()}\n")
        parts += [_table(t) for t in TABLES.values() if t.group == group]
    return "\n".join(parts)


def _table(table: Table) -> str:
    notes = [f"Key: {', '.join(f'`{k}`' for k in table.key)}."] * bool(table.key)
    notes += [f"Clock: `{table.clock}`."] * bool(table.clock)
    notes += [f"In order: {', '.join(f'`{a}` ≤ `{b}`' for a, b in table.sequence)}."] * bool(table.sequence)
    notes += [f"Flag `{flag}`: {when}." for flag, when in table.doubtful.items()]
    rows = "\n".join(f"| `{c.name}` | {c.type} | {c.doc} | {rules(c)} |" for c in table.columns)
    head = "| column | type | meaning | rules |\n|---|---|---|---|"
    return f"### `{table.name}`\n\n{table.doc} {' '.join(notes)}\n\n{head}\n{rows}\n"


if __name__ == "__main__":
    (paths.find_root() / "docs" / "contract.md").write_text(markdown(), encoding="utf-8")
