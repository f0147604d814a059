"""Prove that the repository reproduces: run everything by force elsewhere, compare output by output.

Prints a table, same or changed, and names the first differing cell of a notebook. On the processor family that the
results were made on the bytes must be equal; on another, numbers are compared to the digits that are stored.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from growth import paths
from growth.errors import UserError
from growth.params import section

TOLERANCE = 1e-6  # relative, of a number on another processor: stored estimates have 8 digits


@dataclass(frozen=True)
class Outcome:
    """How one output came out: ``same``, ``changed``, ``only here`` or ``only there``."""

    output: str
    verdict: str
    where: str = ""


def run() -> bool:
    """Copy the code to a temporary folder, run it all by force, compare; return whether all is the same."""
    root = paths.find_root()
    dataset = section("data").dataset
    rooms = [f"data/{dataset}/{r}" for r in ("raw", "tables", "quarantine", "marts", "truth")]
    rooms.append(f"reports/{dataset}")
    if not (root / "reports" / dataset / "site" / "index.html").is_file():
        raise UserError(f"There is nothing to compare with yet: run `dvc repro` on {dataset} first.")
    with tempfile.TemporaryDirectory(prefix="growth-verify-") as folder:
        copy = _copy(root, Path(folder) / "elsewhere")
        _repro(copy)
        found = [o for room in rooms for o in compare(root / room, copy / room, room)]
    return _tell(found)


def _copy(root: Path, target: Path) -> Path:
    """Copy what is in git, as it is in the work tree; without git, all but what the pipeline makes."""
    if (root / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root, capture_output=True, check=True,
        )  # fmt: skip
        files = [root / f for f in listed.stdout.decode().split("\0") if f]
    else:
        made = {".venv", "data", "reports", "build", ".dvc"}
        files = [f for f in root.rglob("*") if f.is_file() and f.relative_to(root).parts[0] not in made]
        files += [f for f in (root / ".dvc").glob("config") if f.is_file()]
    for file in files:
        place = target / file.relative_to(root)
        if file.is_file() and not str(file.relative_to(root)).startswith("reports"):
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
    (target / "data").mkdir(exist_ok=True)
    return target


def _repro(copy: Path) -> None:
    """Run the pipeline of the copy by force, with its own code (the editable install points elsewhere)."""
    here = dict(os.environ, PYTHONPATH=str(copy / "src"), GROWTH_ROOT=str(copy))
    here["PATH"] = str(Path(sys.executable).parent) + os.pathsep + here.get("PATH", "")
    if "GROWTH_DATASETS" in here:
        here["GROWTH_DATASETS"] = str(Path(here["GROWTH_DATASETS"]).resolve())
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run([*dvc, "config", "--local", "core.no_scm", "true"], cwd=copy, env=here, check=True)
    (copy / "dvc.lock").unlink(missing_ok=True)
    if subprocess.run([*dvc, "repro", "--force", "--no-run-cache"], cwd=copy, env=here).returncode:
        raise UserError("The run elsewhere failed; its messages are above.")


def compare(here: Path, there: Path, name: str) -> list[Outcome]:
    """Compare two folders file by file."""
    ours, theirs = _files(here), _files(there)
    found = []
    for file in sorted(ours | theirs):
        label = f"{name}/{file}"
        if file not in theirs or file not in ours:
            found.append(Outcome(label, "only here" if file in ours else "only there"))
        elif _hash(here / file) == _hash(there / file):
            found.append(Outcome(label, "same"))
        else:
            found.append(_difference(here / file, there / file, label))
    return found


def _files(folder: Path) -> set[str]:
    return {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}


def _hash(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _difference(one: Path, two: Path, label: str) -> Outcome:
    """Say where two files differ first; on another processor equal numbers are enough."""
    if one.suffix == ".ipynb":
        return Outcome(label, "changed", first_differing_cell(_json(one), _json(two)))
    if one.suffix == ".json":
        if platform.machine() not in ("x86_64", "AMD64") and equal_values(_json(one), _json(two)):
            return Outcome(label, "same", "equal to the digits stored; another processor")
        return Outcome(label, "changed", _first_line(one.read_text("utf-8"), two.read_text("utf-8")))
    if one.suffix in (".csv", ".html"):
        return Outcome(label, "changed", _first_line(one.read_text("utf-8"), two.read_text("utf-8")))
    return Outcome(label, "changed")


def _json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def first_differing_cell(one: Any, two: Any) -> str:
    """Return the number and id of the first cell of two notebooks that differs."""
    for number, (a, b) in enumerate(zip(one["cells"], two["cells"], strict=False), 1):
        if a != b:
            return f"cell {number} ({a.get('id', '')})"
    return "number of cells" if len(one["cells"]) != len(two["cells"]) else "metadata"


def _first_line(one: str, two: str) -> str:
    changes = (d for d in difflib.unified_diff(one.splitlines(), two.splitlines(), n=0, lineterm=""))
    line = next((d for d in changes if d[:1] == "-" and d[:3] != "---"), "")
    return line[1:100]


def equal_values(one: Any, two: Any) -> bool:
    """Return whether two JSON values are equal, numbers to `TOLERANCE`."""
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(equal_values(one[k], two[k]) for k in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(equal_values, one, two))
    if isinstance(one, int | float) and isinstance(two, int | float):
        return math.isclose(one, two, rel_tol=TOLERANCE, abs_tol=1e-12)
    return bool(one == two)


def _tell(found: list[Outcome]) -> bool:
    width = max(len(o.output) for o in found)
    for outcome in found:
        print(f"{outcome.output:{width}}  {outcome.verdict:10}  {outcome.where}")
    wrong = [o for o in found if o.verdict != "same"]
    print(f"{len(found) - len(wrong)} of {len(found)} outputs are the same byte by byte")
    return not wrong
