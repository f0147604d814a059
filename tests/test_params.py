"""A wrong parameter stops the run, naming the key and what is allowed."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml

from growth import params, paths
from growth.errors import UserError


@pytest.fixture
def good(root: Path) -> dict[str, Any]:
    return yaml.safe_load((root / "params.yaml").read_text())


def test_the_committed_file_is_good(good: dict[str, Any]) -> None:
    assert set(params.check(good)) == set(good)


@pytest.mark.parametrize(
    ("section", "key", "value", "said"),
    [
        ("retention", "confidence", 1.5, "0.5 to 0.999"),
        ("retention", "confidence", "high", "0.5 to 0.999"),
        ("retention", "period", "year", "month or week"),
        ("retention", "min_customers", 30.5, "10 to 10,000"),
        ("retention", "min_customers", True, "10 to 10,000"),
        ("definitions", "revenue", "netto", "gross, or net"),
        ("data", "dataset", "../etc", "lower case"),
        ("data", "as_of", "soon", "a day such as"),
        ("simulation", "customers", 10, "200 to 5,000,000"),
        ("audit", "gap_days", None, "1 to 60"),
    ],
)
def test_wrong_values_are_named(good: dict[str, Any], section: str, key: str, value: Any, said: str) -> None:
    good[section][key] = value
    with pytest.raises(UserError) as error:
        params.check(good)
    assert f"{section}.{key}" in str(error.value) and said in str(error.value)


def test_an_unknown_key_gets_a_hint(good: dict[str, Any]) -> None:
    good["retention"]["confidense"] = good["retention"].pop("confidence")
    with pytest.raises(UserError) as error:
        params.check(good)
    text = str(error.value)
    assert "retention.confidense is not a parameter" in text and "Did you mean retention.confidence?" in text
    assert "retention.confidence is missing" in text


def test_unknown_and_missing_sections(good: dict[str, Any]) -> None:
    bad = copy.deepcopy(good)
    bad["retenshun"] = bad.pop("retention")
    with pytest.raises(UserError, match="Did you mean retention"):
        params.check(bad)


def test_all_faults_are_told_at_once(good: dict[str, Any]) -> None:
    good["retention"]["confidence"], good["audit"]["gap_days"] = 2, 0
    with pytest.raises(UserError) as error:
        params.check(good)
    assert len(str(error.value).splitlines()) == 2


@pytest.mark.parametrize("text", ["a: [", "just text", ""])
def test_a_broken_file_is_one_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=r"params\.yaml"):
        params.load(file)


def test_an_override_goes_first_and_is_checked(root: Path) -> None:
    assert params.section("retention", dict(period="week", confidence=None)).period == "week"
    with pytest.raises(UserError, match="month or week"):
        params.section("retention", dict(period="day"))


@pytest.mark.parametrize("topic", list(paths.TOPICS))
def test_the_parameters_cell_names_every_parameter(root: Path, topic: str) -> None:
    """All None: opened by hand a notebook takes params.yaml; the cell only overrides."""
    nb = nbformat.read(root / "notebooks" / f"{paths.slug(topic)}.ipynb", as_version=4)
    cell = next(c for c in nb.cells if "parameters" in c.metadata.get("tags", []))
    values: dict[str, Any] = {}
    exec(cell.source, values)
    values.pop("__builtins__")
    assert set(values) == {"dataset", *params.sections()[topic].model_fields}
    assert set(values.values()) == {None}
