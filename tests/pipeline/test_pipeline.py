"""The pipeline itself, run for real on a small platform in another folder, without git."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from growth.report.verify import compare
from tests.elsewhere import Elsewhere

REPORTS = "reports/simulated"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    """A small platform, run once; each test leaves it as it found it."""
    copy = Elsewhere.make(tmp_path_factory.mktemp("pipeline"))
    copy.repro()
    yield copy


def snapshot(project: Elsewhere, target: Path) -> Path:
    for room in ("data/simulated", REPORTS):
        subprocess.run(["cp", "-r", "--parents", room, str(target)], cwd=project.folder, check=True)
    return target


def changed(project: Elsewhere, before: Path) -> list[str]:
    rooms = ("data/simulated", REPORTS)
    found = [o for room in rooms for o in compare(before / room, project.folder / room, room)]
    assert found
    # What a killed run leaves under *.new is under no result's name.
    return [o.output for o in found if o.verdict != "same" and ".new/" not in o.output]


def test_nothing_is_left_to_do_afterwards(project: Elsewhere) -> None:
    assert "up to date" in project.run("dvc", "status")
    assert project.repro() == []


def test_a_forced_rerun_gives_the_same_bytes(project: Elsewhere, tmp_path: Path) -> None:
    before = snapshot(project, tmp_path)
    assert "ingest" in project.repro("--force", "--no-run-cache")
    assert changed(project, before) == []


def test_saving_in_jupyterlab_reruns_nothing(project: Elsewhere) -> None:
    file = project.folder / "notebooks" / "06_retention.ipynb"
    source = file.read_text()
    nb = nbformat.reads(source, as_version=4)
    for n, cell in enumerate(nb.cells):
        cell.metadata["collapsed"] = True
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [nbformat.v4.new_output("stream", text="hello")], n
    nb.metadata["language_info"] = {"name": "python", "version": "3.99"}
    file.write_text(nbformat.writes(nb))
    assert project.repro() == ["sources"]
    file.write_text(source)
    project.repro()


def test_changing_code_reruns_just_its_notebook(project: Elsewhere) -> None:
    file = project.folder / "notebooks" / "06_retention.ipynb"
    source = file.read_text()
    file.write_text(source.replace("## Cohort by cohort", "## Cohort after cohort"))
    assert project.repro() == ["sources", "notebook@06_retention", "site"]
    file.write_text(source)
    project.repro()


def test_a_parameter_reruns_just_its_notebook(project: Elsewhere) -> None:
    project.set("retention", confidence=0.9)
    assert project.repro() == ["notebook@06_retention", "site"]
    project.set("retention", confidence=0.95)
    project.repro()


@pytest.mark.parametrize(
    ("change", "reran"),
    [
        ("# a comment\n\n\n", ["sources"]),
        ("UNUSED = 1\n", ["sources", "notebook@06_retention", "site"]),
    ],
)
def test_a_helper_reruns_those_who_import_it(project: Elsewhere, change: str, reran: list[str]) -> None:
    """The notebook's own bytes do not depend on the unused line, so the site need not be rendered anew."""
    file = project.folder / "src/growth/retention/figures.py"
    source = file.read_text()
    file.write_text(source + change)
    assert project.repro() in (reran, reran[:-1])
    file.write_text(source)
    project.repro()


def test_a_failing_cell_is_told_in_fifteen_lines_and_kept_apart(project: Elsewhere) -> None:
    file = project.folder / "notebooks" / "06_retention.ipynb"
    source = file.read_text()
    nb = nbformat.reads(source, as_version=4)
    cell = next(c for c in nb.cells if c["id"] == "curve-table")
    number = nb.cells.index(cell) + 1
    cell.source = "nothing = {}\nnothing['here']"
    file.write_text(nbformat.writes(nb))
    project.repro("sources")
    said = project.run("growth", "run", "06_retention", fails=True)
    message = said[said.index("✗") :].strip().splitlines()
    assert len(message) <= 15, said
    assert f"06_retention: cell {number} of {len(nb.cells)} (id curve-table) failed" in message[0]
    assert "KeyError: 'here'" in message[1]
    assert any("nothing['here']" in line for line in message[2:])
    assert "build/failed/06_retention.ipynb" in message[-1]
    assert (project.folder / "build/failed/06_retention.ipynb").is_file()
    project.repro(fails=True)
    assert not (project.folder / REPORTS / "notebooks/06_retention.ipynb").exists()
    file.write_text(source)
    project.repro()
    assert (project.folder / REPORTS / "notebooks/06_retention.ipynb").is_file()


def test_too_few_customers_are_refused_not_drawn(project: Elsewhere) -> None:
    project.set("retention", min_customers=10_000)
    project.run("growth", "run", "06_retention")
    findings = json.loads((project.folder / REPORTS / "metrics/06_retention.json").read_text())
    sentence = findings["F2.retention"]["sentence"]
    assert sentence.endswith(
        "not answered: no cohort of 10,000 customers or more has reached its second month."
    )
    project.set("retention", min_customers=30)
    project.repro()


def test_a_kernel_that_dies_is_one_sentence(project: Elsewhere) -> None:
    file = project.folder / "notebooks" / "06_retention.ipynb"
    source = file.read_text()
    nb = nbformat.reads(source, as_version=4)
    next(c for c in nb.cells if c["id"] == "curve-table").source = "import os\nos.kill(os.getpid(), 9)"
    file.write_text(nbformat.writes(nb))
    said = project.run("growth", "run", "06_retention", fails=True)
    file.write_text(source)
    assert "✗ 06_retention: the kernel died" in said and "Traceback" not in said


def test_run_by_hand_a_notebook_only_shows(project: Elsewhere, tmp_path: Path) -> None:
    """Plain papermill, with an override: params.yaml decides the rest, and reports/ stays as it is."""
    before = snapshot(project, tmp_path)
    out = tmp_path / "out.ipynb"
    project.run("papermill", "notebooks/06_retention.ipynb", str(out), "-p", "period", "week")
    outputs = [o for c in nbformat.read(out, as_version=4).cells for o in c.get("outputs", [])]
    text = " ".join(str(o.get("data", {})) for o in outputs)
    assert "period = `week` · confidence = `0.95`" in text
    assert "has reached its second week" in text, (
        "small weekly cohorts: the override is what the notebook used"
    )
    assert changed(project, before) == []


def test_a_wrong_parameter_stops_before_a_kernel_starts(project: Elsewhere) -> None:
    project.set("retention", confidence=3)
    said = project.run("growth", "run", "06_retention", fails=True)
    assert (
        said.strip()
        == "✗ params.yaml: retention.confidence is 3; allowed: confidence of every interval, 0.5 to 0.999."
    )
    project.set("retention", confidence=0.95)


@pytest.mark.parametrize(("verb", "after"), [("raw", 1.0), ("ingest", 1.5), ("run", 2.0)])
def test_a_killed_stage_leaves_nothing_half_written(
    project: Elsewhere, tmp_path: Path, verb: str, after: float
) -> None:
    before = snapshot(project, tmp_path)
    stage = {"run": "notebook@06_retention"}.get(verb, verb)
    running = subprocess.Popen(
        ["dvc", "repro", "--force", "--no-run-cache", "-s", stage], cwd=project.folder, env=project.env,
        start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(after)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    project.repro()
    assert changed(project, before) == []
    assert "up to date" in project.run("dvc", "status")


def test_every_page_is_whole_and_asks_nobody(project: Elsewhere) -> None:
    pages = sorted((project.folder / REPORTS / "site").glob("*.html"))
    assert [p.name for p in pages] == [
        "00_audit.html",
        "01_market.html",
        "02_behaviour.html",
        "03_promotions.html",
        "04_price.html",
        "05_channels.html",
        "06_retention.html",
        "index.html",
        "likeness.html",
        "truth.html",
    ]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "<script" not in text and 'src="http' not in text and "url(http" not in text
        assert "default-src 'none'" in text and 'alt=""' not in text
        for link in [part.split('"')[0] for part in text.split('href="')[1:]]:
            assert link.startswith(("#", "https://doi.org/")) or (page.parent / link).resolve().is_file(), (
                link
            )


def test_findings_are_on_the_page_and_in_the_metrics(project: Elsewhere) -> None:
    folder = project.folder / REPORTS
    for slug in ("00_audit", "01_market", "02_behaviour", "04_price", "05_channels", "06_retention"):
        findings = json.loads((folder / "metrics" / f"{slug}.json").read_text())
        nb = nbformat.read(folder / "notebooks" / f"{slug}.ipynb", as_version=4)
        assert nb.cells[0].source.startswith("# ")
        for key, finding in findings.items():
            assert finding.get("detail") or finding["sentence"] in nb.cells[1].source
            assert finding["method"] and "n" in finding, key
        assert sum(1 for f in findings.values() if f.get("headline")) == 1
        numbers = json.loads((folder / "metrics" / f"{slug}.numbers.json").read_text())
        assert all(numbers[k]["value"] == findings[k]["value"] for k in numbers)
        assert (folder / "notebooks" / f"{slug}.ipynb").stat().st_size < 1_200_000
