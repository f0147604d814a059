"""Check that notebooks are committed clean: no outputs, no counts, short cells, ids, and no machine's traces."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import nbformat

from growth.report.normalise import strip

LONGEST = 15  # lines of a code cell


def faults(file: Path) -> list[str]:
    """Return what is wrong with a source notebook, a line each."""
    nb = nbformat.read(file, as_version=4)
    found = []
    if strip(copy.deepcopy(nb)) != nb:
        found.append(
            f"{file}: has outputs or extra metadata; mend it with `python -m growth.report.clean --mend {file}`"
        )
    for number, cell in enumerate(nb.cells, 1):
        if cell.cell_type == "code" and len(cell.source.splitlines()) > LONGEST:
            found.append(
                f"{file}: cell {number} ({cell['id']}) is longer than {LONGEST} lines: move it to src/"
            )
    return found


def main(arguments: list[str]) -> int:
    """Check the notebooks named (files or folders); with ``--mend`` strip them first. Return the exit code."""
    named = [Path(a) for a in arguments if a != "--mend"]
    files = [f for p in named for f in (sorted(p.glob("*.ipynb")) if p.is_dir() else [p])]
    if "--mend" in arguments:
        for file in files:
            file.write_text(
                nbformat.writes(strip(nbformat.read(file, as_version=4))) + "\n", encoding="utf-8"
            )
    found = [line for f in files for line in faults(f)]
    print("\n".join(found) or f"{len(files)} notebooks are clean")
    return bool(found)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
