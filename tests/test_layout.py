"""The shape of the house: one word a topic, who may import whom, clean notebooks, one environment."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from growth import paths
from growth.report.clean import faults
from growth.report.sources import _imports

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "src" / "growth"
MODULES = {
    "growth." + ".".join(f.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__"): f
    for f in SRC.rglob("*.py")
    if f != SRC / "__init__.py"
}


def imported(module: str) -> set[str]:
    """Return the project's modules that a module imports, wherever in it, types included."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    names = set(_imports(tree, deep=True))
    return {n for n in names if n in MODULES} | {
        n.rpartition(".")[0] for n in names if n.rpartition(".")[0] in MODULES
    }


def room(module: str) -> str:
    return module.split(".")[1]


@pytest.mark.parametrize("topic", list(paths.TOPICS))
def test_a_topic_is_one_word_everywhere(topic: str) -> None:
    slug = paths.slug(topic)
    assert (ROOT / "notebooks" / f"{slug}.ipynb").is_file()
    assert topic in yaml.safe_load((ROOT / "params.yaml").read_text())
    assert {"params.py", "marts.py", "model.py", "figures.py", "findings.py"} <= {
        f.name for f in (SRC / topic).iterdir()
    }
    assert (ROOT / "tests" / topic).is_dir()
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert slug in stages["marts"]["foreach"] and stages["notebook"]["foreach"][slug] == topic


def test_a_topic_knows_no_other_topic_and_stats_knows_nobody() -> None:
    shared = {
        "stats",
        "figures",
        "contract",
        "paths",
        "definitions",
        "marts",
        "section",
        "words",
        "errors",
        "clock",
    }
    for module in MODULES:
        if room(module) in paths.TOPICS:
            allowed = shared | {room(module)}
            assert {room(m) for m in imported(module)} <= allowed, module
        if room(module) == "stats":
            assert {room(m) for m in imported(module)} <= {"stats"}, module
        if room(module) == "report":
            assert not {room(m) for m in imported(module)} & set(paths.TOPICS), module


@pytest.mark.parametrize(
    ("file", "never"),
    [("params", {"pandas", "ibis"}), ("model", {"ibis"}), ("figures", {"ibis", "scipy", "numpy"})],
)
def test_each_file_of_a_topic_keeps_to_its_work(file: str, never: set[str]) -> None:
    for topic in paths.TOPICS:
        tree = ast.parse((SRC / topic / f"{file}.py").read_text(encoding="utf-8"))
        assert not {n.split(".")[0] for n in _imports(tree, deep=True)} & never, topic


def test_only_the_simulation_and_its_stage_know_the_truth() -> None:
    for module, file in MODULES.items():
        if '"truth"' in file.read_text(encoding="utf-8"):
            assert room(module) in ("simulation", "sources", "report", "paths"), module


def test_no_clock_and_no_unseeded_chance() -> None:
    """Rule 1: what a result depends on is in params.yaml."""
    wrong = re.compile(r"\.now\(|\.today\(|time\.time\(|np\.random\.(?!Generator)|random\.random\(|uuid4")
    for module, file in MODULES.items():
        found = [line for line in file.read_text(encoding="utf-8").splitlines() if wrong.search(line)]
        assert not found, (module, found)


@pytest.mark.parametrize("file", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda f: f.stem)
def test_notebooks_are_clean(file: Path) -> None:
    assert faults(file) == []


def pins() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    found = [re.match(r"([A-Za-z0-9_.-]+)==(\S+)", line) for line in lines if line]
    assert all(found), "every line of the lock is an exact pin, without an address"
    names = [m[1].lower() for m in found if m]
    assert len(set(names)) == len(names), "one version of each package"
    return {m[1].lower(): m[2] for m in found if m}


def test_pyproject_lock_and_conda_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(d for extra in project["optional-dependencies"].values() for d in extra),
    ]
    locked = pins()
    for requirement in wanted:
        name = re.match(r"[A-Za-z0-9-]+", requirement)
        assert name and name[0].lower() in locked, requirement
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert conda["dependencies"] == [
        f"python{project['requires-python']}", "pip", {"pip": ["-r requirements.lock", "-e ."]},
    ]  # fmt: skip


def test_the_environment_is_the_locked_one() -> None:
    from importlib.metadata import version

    locked = pins()
    for name in (
        "duckdb",
        "ibis-framework",
        "pandas",
        "numpy",
        "scipy",
        "statsmodels",
        "matplotlib",
        "papermill",
        "dvc",
    ):
        assert version(name) == locked[name], name
    assert int(locked["duckdb"].split(".")[0]) < 2 and locked["ibis-framework"].startswith("12.")
    assert tuple(map(int, locked["sqlglot"].split(".")[:2])) < (30, 18)
