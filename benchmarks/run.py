"""Time what a user waits for: set-up, the pipeline, a notebook beside the same code as a plain script.

`make benchmark` prints a table. Times are for comparison within one run on one machine; no test asserts them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

from growth import paths
from growth.report.verify import _copy

TRIVIAL = "06_retention"


def timed(command: list[str], folder: Path, **env: str) -> float:
    """Run a command; return its wall time in seconds."""
    here = dict(os.environ, PYTHONPATH=str(folder / "src"), GROWTH_ROOT=str(folder), **env)
    here["PATH"] = str(Path(sys.executable).parent) + os.pathsep + here["PATH"]
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=here, check=True, capture_output=True)
    return time.perf_counter() - start


def script(folder: Path) -> Path:
    """Write the code of a notebook as a plain script."""
    nb = nbformat.read(folder / "notebooks" / f"{TRIVIAL}.ipynb", as_version=4)
    file = folder / "plain.py"
    file.write_text("\n".join(c.source for c in nb.cells if c.cell_type == "code"))
    return file


def page_size(folder: Path) -> int:
    """Return the largest page's bytes beside its figures."""
    import re

    pages = (folder / "reports").glob("*/site/*.html")
    return max(len(re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", p.read_text())) for p in pages)


def best(n: int, measure: object) -> float:
    """Return the shortest of n measurements: the one least disturbed."""
    return min(measure() for _ in range(n))  # type: ignore[operator]


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = _copy(paths.find_root(), Path(scratch) / "project")
        python = sys.executable
        rows = [("environment: venv and pip, from the lock", timed(["make", "setup"], folder), "")]
        dvc = [python, "-m", "dvc"]
        timed([*dvc, "config", "--local", "core.no_scm", "true"], folder)
        rows.append(
            ("dvc repro, everything, default size", timed([*dvc, "repro", "--force"], folder), "≤ 180")
        )
        noop = best(3, lambda: timed([*dvc, "repro"], folder))
        rows.append(("dvc repro, nothing to do", noop, "≤ 1.5"))
        plain = best(3, lambda: timed([python, str(script(folder))], folder))
        rows.append((f"{TRIVIAL} as a plain script", plain, ""))
        run = best(3, lambda: timed([python, "-m", "growth.cli", "run", TRIVIAL], folder))
        rows.append((f"{TRIVIAL} as a notebook (growth run)", run, ""))
        rows.append(("  what papermill and the kernel add", run - plain, "≤ 2.0"))
        for what, seconds, target in rows:
            print(f"{what:45} {seconds:8.2f} s   {target}")
        print(f"{'largest page beside its figures':45} {page_size(folder) / 1000:8.1f} KB  ≤ 60")


if __name__ == "__main__":
    main()
