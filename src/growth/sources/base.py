"""What a source of data is: it brings raw files, and says how they become tables of the contract."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ibis
    from ibis.backends.duckdb import Backend

# What a sample of order lines cannot answer is refused (see `Dataset.sampling`).
SAMPLINGS = ("all", "customers", "order_lines")


@dataclass(frozen=True)
class Dataset:
    """What is known of a dataset as a whole; stored beside its tables as ``dataset.json``.

    Parameters
    ----------
    name, title : str
    as_of : str
        "Now", as an ISO date: nothing after the start of this day is known.
    timezone, currency : str
        IANA name, ISO 4217 code.
    sampling : str
        ``all``, ``customers`` (a sample of customers, each whole) or ``order_lines`` (a sample of lines).
    begins_mid_life : bool
        True if customers bought before the data begin, so that first purchases are not first.
    synthetic, public : bool
        Made up by us; published by others. Anything else is private and needs a key (`GROWTH_KEY`).
    licence, origin : str
    """

    name: str
    title: str
    as_of: str
    timezone: str
    currency: str
    sampling: str = "all"
    begins_mid_life: bool = False
    synthetic: bool = False
    public: bool = False
    licence: str = ""
    origin: str = ""

    def write(self, folder: Path) -> None:
        """Store as ``dataset.json`` in a folder."""
        text = json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False)
        (folder / "dataset.json").write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Dataset:
        """Read ``dataset.json`` from a folder."""
        return cls(**json.loads((folder / "dataset.json").read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Published:
    """A public dataset and its files (name -> SHA-256)."""

    info: Dataset
    files: dict[str, str]


@dataclass(frozen=True)
class Reading:
    """Raw files and their rows, what each row asks to become, and totals taken from the files directly.

    Parameters
    ----------
    files : dict of str to int
        Rows of each raw file. Each of them is in exactly one candidate row that is not derived.
    candidates : dict of str to ibis.Table
        For a table of the contract the rows that ask to enter it: columns of the contract (a missing one counts as
        null), typed or as text, and ``_file`` (name of the raw file), ``_row`` (number of the row in it, from 1),
        ``_copy`` (0 for the first of several equal raw rows, 1, 2, … for its copies). They may carry
        ``_derived`` (the row stands for several raw rows, like the order behind its lines, or for a part of one, and
        does not count in the account of the file), ``_part`` (which of the rows that come of one raw row, from 0),
        ``_refuse`` (a reason to refuse it, else null) and ``_flag`` (a flag, else null).
    control : dict
        ``orders`` (a count), ``sold`` and ``refunded`` (amounts), added up from the files.
    independent : bool
        Whether `control` was computed without the mapping. If not, it can only show that nothing is lost after it.
    """

    files: dict[str, int]
    candidates: dict[str, ibis.Table]
    control: dict[str, int | Decimal] = field(default_factory=dict)
    independent: bool = True


@dataclass(frozen=True)
class Source:
    """A source: how its raw files are brought, what it is, and how it is read.

    ``acquire(raw, truth)`` fills the first folder with raw files and, where the truth is known, the second.
    """

    acquire: Callable[[Path, Path], Dataset]
    read: Callable[[Backend, Path], Reading]


def numbered(con: Backend, path: Path) -> ibis.Table:
    """Read a Parquet file, or a folder of parts, with ``_file``, ``_row`` (from 1) and ``_copy``.

    See `Reading` for what these three mean. A part's ``_file`` is named ``folder/part``.
    """
    import ibis

    glob = str(path / "*.parquet") if path.is_dir() else str(path)
    raw = con.read_parquet(glob, table_name=f"raw_{path.stem}", file_row_number=True, filename=True)
    names = [c for c in raw.columns if c not in ("file_row_number", "filename")]
    copies = ibis.window(group_by=names, order_by=["filename", "file_row_number"])
    depth = 2 if path.is_dir() else 1
    parts = raw.filename.split("/")
    return raw.select(
        *names,
        _file=parts[-depth:].join("/"),
        _row=raw.file_row_number + 1,
        _copy=ibis.row_number().over(copies),
    )


def control(con: Backend, raw: Path, query: str) -> dict[str, int | Decimal]:
    """Run a query over the raw files; ``{raw}`` in it is their folder. See `Reading.control`."""
    cursor = con.raw_sql(query.format(raw=str(raw).replace("'", "''")))
    names = [d[0] for d in cursor.description]
    return dict(zip(names, (v or 0 for v in cursor.fetchone()), strict=True))
