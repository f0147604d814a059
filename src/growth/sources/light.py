"""What comes of a mapping: table by table what is kept and refused, with examples, and which notebooks it lights up."""

from __future__ import annotations

import importlib
import os
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq

from growth import paths
from growth.definitions import Tables
from growth.errors import UserError
from growth.ingest.pseudonyms import KEY_VARIABLE
from growth.marts import why_not
from growth.sources import Dataset, files
from growth.sources import mapping as mappings
from growth.words import count, percent, plural

EXAMPLES = 3  # rows shown of a reason
ADVICE = {
    "quantity: below 1": "Negative quantities are often returns: map those rows to the table returns.",
    "after as_of": "Is as_of in the mapping the day after the last complete day?",
    "not a valid time": 'Say `time_format` for the file, such as "%d/%m/%Y %H:%M", or excel.',
    "not a number": "Say `decimal` or `thousands` for the file.",
    "not a valid money": "Say `decimal` or `thousands` for the file.",
    "order_id: unknown": "Its order was refused, or is not in the files.",
    "left out by where": "No table asks for these rows: is every `where` as you want it?",
    "spreadsheet": "A spreadsheet has turned long numbers into 1E+05: export the file again with the column as text.",
    "values instead of": "The row is cut, or a value holds the delimiter without quotes.",
}


def check(folder: Path) -> list[str]:
    """Try a mapping on its files, storing nothing; return what to tell, a line each."""
    from growth.ingest.run import ingest_reading

    mapping = mappings.load(folder)
    with tempfile.TemporaryDirectory(prefix="growth-check-") as scratch:
        raw, kept, lost = (Path(scratch) / room for room in ("raw", "tables", "quarantine"))
        for room in (raw, kept, lost):
            room.mkdir()
        shutil.copyfile(folder / mappings.FILE, raw / mappings.FILE)
        files.bring(mapping, folder, raw)
        info = SimpleNamespace(**{**vars(mapping.info()), "public": True})
        account = ingest_reading(lambda con: files.read(con, raw, mapping), info, kept, lost, Path(scratch))
        told = _told(account, lost)
    told += ["", "What these tables light up:", *lit(set(mapping.tables), mapping.info())]
    if not account["total"]["kept"]:
        raise UserError("\n".join(["No row was kept: the mapping does not fit these files.", *told]))
    if not os.environ.get(KEY_VARIABLE):
        told += ["", f"Real data need a key: export {KEY_VARIABLE} before `dvc repro` (docs/own-data.md)."]
    return told


def _told(account: dict[str, Any], lost: Path) -> list[str]:
    total = account["total"]
    lines = [
        f"{count(total['rows_in'])} rows in the files = {count(total['kept'])} kept + {count(total['refused'])} refused"
    ]
    for name, entry in account["tables"].items():
        lines += ["", f"{name}: {plural(entry['rows_in'], 'row')}, {count(entry['kept'])} kept"]
        lines += [f"  flagged {flag}: {count(n)}" for flag, n in entry["flags"].items()]
        for reason, n in entry["reasons"].items():
            share = percent(n / entry["rows_in"])
            lines.append(
                f"  refused {reason}: {count(n)} ({share}), for example {_examples(lost, name, reason)}"
            )
            lines += [f"    {advice}" for sign, advice in ADVICE.items() if sign in reason]
    return lines


def _examples(lost: Path, table: str, reason: str) -> str:
    rows = pq.read_table(lost / f"{table}.parquet", filters=[("refused_because", "=", reason)])
    places = [f"{r['source_file']} row {r['source_row']}" for r in rows.slice(0, EXAMPLES).to_pylist()]
    return ", ".join(places)


def lit(tables: set[str], info: Dataset) -> list[str]:
    """Say for each notebook which of its parts these tables bring, and which table would bring the rest."""
    have = Tables(dict.fromkeys(tables), info, None)  # type: ignore[arg-type]
    lines = []
    for topic, slug in paths.TOPICS.items():
        marts = importlib.import_module(f"growth.{topic}.marts").MARTS
        dark = {name: why for name, mart in marts.items() if (why := why_not(mart, have))}
        lines.append(f"  {slug}: {len(marts) - len(dark)} of {len(marts)} parts")
        lines += [f"    not {name.replace('_', ' ')}: {why}" for name, why in dark.items()]
    return lines
