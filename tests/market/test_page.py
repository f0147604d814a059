"""The page's cells on surveys that lack something, from marts on: a sentence instead of a figure, never a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ibis
import nbformat
import pandas as pd
import pytest

import growth
from growth import marts
from growth.definitions import Tables
from growth.params import section
from growth.report.notebook import Notebook
from growth.simulation import market_survey
from growth.simulation.clock import Span
from growth.simulation.rng import Draws
from growth.sources import Dataset
from tests.conftest import ROOT, WORDS, contract_table

Raw = dict[str, pd.DataFrame]
OF_PEOPLE = {"respondents", "answers", "choice_tasks", "notes"}
INFO = Dataset("made", "Made up", "2026-01-01", "UTC", "CNY", synthetic=True)


@pytest.fixture(scope="module")
def raw() -> Raw:
    """A third of a survey: pages of it are quick."""
    every = {k: t.to_pandas() for k, t in market_survey.tables(Draws(3), Span.of(24, None)).items()}
    third = every["respondents"]["respondent_id"].iloc[::3]
    return {k: f[f["respondent_id"].isin(third)] if k in OF_PEOPLE else f for k, f in every.items()}


def page(raw: Raw, folder: Path, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Build the marts and run every code cell; return what was found."""
    con = ibis.duckdb.connect()
    rows = {}
    for name, frame in raw.items():
        made = contract_table(name, frame.astype(object).where(frame.notna(), None).to_dict("records"))
        rows[name] = con.create_table(name, made.to_pyarrow() if hasattr(made, "to_pyarrow") else made)
    out = folder / "marts"
    out.mkdir()
    left_out = marts.build("market", Tables(rows, INFO, SimpleNamespace(**WORDS)), out)
    nb = Notebook(
        "market", section("market", dict(replicates=50)), section("definitions"), INFO, out, left_out
    )
    patch.setattr(growth, "open", lambda *_, **__: nb)
    space: dict[str, Any] = {}
    for cell in nbformat.read(ROOT / "notebooks" / "01_market.ipynb", as_version=4).cells:
        if cell.cell_type == "code":
            exec(cell.source, space)  # noqa: S102
    assert sum(1 for f in nb.findings.values() if f.get("headline")) == 1
    return nb.findings


def of_few(raw: Raw) -> Raw:
    """Five people who answered."""
    some = raw["respondents"].dropna(subset=["started_at"])["respondent_id"].head(5)
    return {k: f[f["respondent_id"].isin(some)] if k in OF_PEOPLE else f for k, f in raw.items()}


def without(*questions: str) -> Callable[[Raw], Raw]:
    def cut(raw: Raw) -> Raw:
        own = {k: raw[k][~raw[k]["question"].isin(questions)] for k in ("answers", "questions")}
        return raw | own

    return cut


def lacking(*tables: str) -> Callable[[Raw], Raw]:
    return lambda raw: {k: f for k, f in raw.items() if k not in tables}


@pytest.mark.parametrize(
    ("change", "there", "gone"),
    [
        (of_few, {"A1.respondents", "A4.segments"}, {"A7.prices", "A7.demand", "A8.promoters"}),
        (without("aware", "price"), {"A7.demand", "A4.segments"}, {"A8.funnel", "A7.prices"}),
        (without("attitude", "kano_without", "buy_at"), {"A8.funnel", "A7.prices"}, {"A1.attitudes", "A9.features"}),
        (lacking("choice_tasks", "notes", "population"), {"A1.respondents", "A8.funnel"}, {"A9.needs", "A2.themes"}),
        (lacking("answers"), {"A1.respondents", "A2.themes", "A6.size"}, {"A8.funnel", "A3.next_wave"}),
    ],
)  # fmt: skip
def test_what_a_survey_lacks_is_said(
    raw: Raw, change: Callable[[Raw], Raw], there: set[str], gone: set[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    found = page(change(raw), tmp_path, monkeypatch)
    assert there <= found.keys() and not gone & found.keys()


def test_a_brand_that_the_survey_does_not_know_is_named(
    raw: Raw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(Notebook, "nothing", lambda self, why: said.append(why))
    other = {"this shop": "The Shop"}
    renamed = {k: raw[k].assign(item=raw[k]["item"].replace(other)) for k in ("answers", "questions")}
    found = page(raw | renamed, tmp_path, monkeypatch)
    assert "A8.funnel" not in found
    assert any("own_brand 'this shop' is no brand of the survey, which has Bailin" in s for s in said)
