"""Run one notebook with papermill: whole under its name, or not at all."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from traitlets.config import Config

from growth import paths
from growth.errors import UserError
from growth.folders import fresh, replace, write_whole
from growth.params import load
from growth.report import normalise
from growth.report.findings import RUN_FOLDER, as_markdown, numbers
from growth.sources.base import Dataset
from growth.words import inert

MOST_LINES = 15  # of a failure's message


def run(topic: str) -> None:
    """Execute a topic's notebook on the dataset of ``params.yaml`` and put its report in place.

    Writes ``reports/<dataset>/notebooks/NN_topic.ipynb``, ``metrics/NN_topic.json`` and ``tables/NN_topic/``.

    Raises
    ------
    UserError
        If a cell fails; the half-run notebook is then in ``build/failed/``.
    """
    topic = paths.topic_of(topic)
    sections = load()
    dataset: str = sections["data"].dataset  # type: ignore[attr-defined]
    parameters = {"dataset": dataset, **sections[topic].model_dump()}
    folder = fresh(paths.build("run") / paths.slug(topic))
    os.environ[RUN_FOLDER] = str(folder)
    nb = _execute(topic, parameters, folder)
    findings = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
    info = Dataset.read(paths.marts(dataset, topic))
    normalise.executed(nb, paths.slug(topic), parameters)
    _put_findings_on_top(nb, findings, info)
    _publish(nb, findings, info, topic, folder)


def _execute(topic: str, parameters: dict[str, Any], folder: Path) -> Any:
    """Run the notebook; on failure keep what was run apart and raise a short message."""
    source = nbformat.read(paths.notebook(topic), as_version=4)
    stripped = folder / "source.ipynb"
    nbformat.write(normalise.strip(source), stripped)
    failed = paths.build("failed") / f"{paths.slug(topic)}.ipynb"
    failed.parent.mkdir(parents=True, exist_ok=True)
    failed.unlink(missing_ok=True)
    try:
        nb = papermill.execute_notebook(
            stripped,
            failed,
            parameters,
            kernel_name="python3",
            request_save_on_cell_execute=False,
            progress_bar={"desc": paths.slug(topic), "leave": True},
            cwd=paths.find_root() / "notebooks",
            record_timing=False,
            shutdown_kernel="immediate",  # everything is written; waiting would cost and say nothing
            config=Config({"KernelManager": {"transport_encryption": "auto"}}),
        )
    except papermill.exceptions.PapermillExecutionError:
        raise UserError(failure(nbformat.read(failed, as_version=4), source, failed)) from None
    except DeadKernelError:
        raise UserError(
            f"{paths.slug(topic)}: the kernel died, most often for want of memory. Close what else runs, and run again."
        ) from None
    failed.unlink()
    return nb


def failure(nb: Any, source: Any, kept: Path) -> str:
    """Say which cell failed and why, in at most `MOST_LINES` lines; cells are counted as in the source."""
    cell, error = next(
        (c, o) for c in nb.cells for o in c.get("outputs", []) if o.get("output_type") == "error"
    )
    code = [c["id"] for c in source.cells]
    number = code.index(cell["id"]) + 1 if cell["id"] in code else 0
    where = f"cell {number} of {len(code)} (id {cell['id']})" if number else "the injected parameters"
    lines = [f"{kept.stem}: {where} failed", f"  {error['ename']}: {_one_line(error['evalue'])}"]
    if error["ename"] != UserError.__name__:
        lines += [f"  {frame}" for frame in _frames(error["traceback"])]
    at = kept.relative_to(paths.find_root())
    return "\n".join([*lines[: MOST_LINES - 1], f"  The half-run notebook: {at}"])


def _one_line(text: str) -> str:
    return " ".join(text.split())[:400]


def _frames(traceback: list[str]) -> list[str]:
    """Return the arrow lines of a coloured IPython traceback: the line that failed, in each frame."""
    import re

    plain = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(traceback)).splitlines()
    kept = []
    for line in plain:
        if line.startswith(("File ", "Cell ")):
            kept.append(line.split(", in ")[0].replace(str(paths.find_root()) + os.sep, "")[:110])
        elif line.lstrip().startswith("-->") or line.startswith("---->"):
            kept.append("  " + line.strip()[:110])
    return kept[-8:]


def _put_findings_on_top(nb: Any, findings: dict[str, Any], info: Dataset) -> None:
    """Title the page with its headline finding, and list all findings below it."""
    first = nb.cells[0]
    topic_title, _, rest = first.source.partition("\n")
    headline = next((f["sentence"] for f in findings.values() if f.get("headline")), None)
    title = f"# {inert(headline)}\n\n**{topic_title.lstrip('# ')}**\n" if headline else topic_title + "\n"
    first.source = title + rest
    box = nbformat.v4.new_markdown_cell(as_markdown(findings), id="findings", metadata={"tags": ["findings"]})
    nb.cells.insert(1, box)


def _publish(nb: Any, findings: dict[str, Any], info: Dataset, topic: str, folder: Path) -> None:
    """Move everything to ``reports/``, each file whole; the notebook last."""
    slug = paths.slug(topic)
    tables = paths.reports(info.name, "tables") / slug
    (folder / "tables").mkdir(exist_ok=True)
    replace(folder / "tables", tables)
    text = json.dumps(findings, indent=1, ensure_ascii=False) + "\n"
    write_whole(paths.reports(info.name, "metrics") / f"{slug}.json", text)
    text = json.dumps(numbers(findings), indent=1, ensure_ascii=False) + "\n"
    write_whole(paths.reports(info.name, "metrics") / f"{slug}.numbers.json", text)
    written = nbformat.writes(nb, version=nbformat.NO_CONVERT) + "\n"
    write_whole(paths.reports(info.name, "notebooks") / f"{slug}.ipynb", written)
    shutil.rmtree(folder)
