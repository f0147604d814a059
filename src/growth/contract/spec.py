"""The words in which the contract is written: a column, a table, and what each type means."""

from __future__ import annotations

from dataclasses import dataclass, field

# The type's name in the contract -> the type's name in Ibis.
TYPES = {
    "id": "string",
    "label": "string",
    "text": "string",
    "int": "int64",
    "number": "float64",
    "money": "decimal(18, 4)",
    "time": "timestamp",
    "date": "date",
    "bool": "boolean",
}

TYPE_MEANING = {
    "id": "identifier, kept as text",
    "label": "one of a small set of words",
    "text": "free text; untrusted, escaped wherever it is shown",
    "int": "whole number",
    "number": "number",
    "money": "DECIMAL(18,4), in the dataset's currency",
    "time": "timestamp, UTC",
    "date": "day in the dataset's time zone",
    "bool": "true or false",
}


@dataclass(frozen=True)
class Column:
    """A column of the contract.

    Parameters
    ----------
    name, type, doc : str
        Its name, one of `TYPES`, and one line that says what it holds (with its unit).
    required : bool
        A row without a value is refused.
    low, high : float or None
        A value outside ``[low, high]`` is refused.
    allowed : tuple of str
        A value that is not among these is refused (empty: anything).
    refers : str
        ``"table.column"`` in which the value must be found.
    orphan : str
        What happens to a row whose reference is not found: ``"refuse"`` or ``"flag"``.
    personal : bool
        The value leads to a person; a keyed pseudonym takes its place at ingest.
    """

    name: str
    type: str
    doc: str
    required: bool = False
    low: float | None = None
    high: float | None = None
    allowed: tuple[str, ...] = ()
    refers: str = ""
    orphan: str = "flag"
    personal: bool = False

    @property
    def dtype(self) -> str:
        """The Ibis type."""
        return TYPES[self.type]


@dataclass(frozen=True)
class Table:
    """A table of the contract.

    Parameters
    ----------
    name, group, doc : str
        Its name, the group that it arrives with, and one line that says what a row is.
    columns : tuple of Column
    key : tuple of str
        The columns on which two records must not disagree. Not enforced by dropping rows: a repeated
        key is flagged, and a mart that needs one row a key takes the first record.
    clock : str
        The column that dates a row; ``business_date`` is its day in the dataset's time zone.
    sequence : tuple of (str, str)
        Pairs of times that must not run backwards; a row in which they do is flagged.
    doubtful : dict of str to str
        Flag name -> the plain condition it marks, for rows that are kept all the same.
    """

    name: str
    group: str
    doc: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    clock: str = ""
    sequence: tuple[tuple[str, str], ...] = ()
    doubtful: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name!r}; it has {', '.join(self.names)}.")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(c.name for c in self.columns)

    @property
    def stored(self) -> tuple[str, ...]:
        """The columns of the stored table: a record id and the flags come first."""
        return ("record_id", "flags", *(("business_date",) if self.clock else ()), *self.names)
