"""What the page says of coming back and leaving: on broken, tiny and private data a sentence, never an error."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from growth.errors import attempt
from growth.report.notebook import Notebook
from growth.retention import leaving, leaving_figures, leaving_findings, leaving_ratios, leaving_reasons
from tests.conftest import INFO


@pytest.fixture
def nb(tmp_path: Path) -> Notebook:
    params = SimpleNamespace(confidence=0.95, min_customers=30, period="month")
    return Notebook("retention", params, None, INFO, tmp_path, {})


@pytest.fixture
def private(nb: Notebook) -> Notebook:
    return replace(nb, data=replace(INFO, synthetic=False), findings={})


def spells(event: str, again: list[tuple[Any, bool, int, int]]) -> pd.DataFrame:
    return pd.DataFrame(again, columns=["kind", event, "days", "customers"])


SHOP = [("a", True, 20, 300), ("a", False, 200, 300), ("b", True, 50, 100), ("b", False, 200, 500)]


def test_half_is_said_with_its_interval_or_that_it_is_not_reached(nb: Notebook) -> None:
    leaving_findings.second(nb, spells("again", SHOP))
    said = nb.findings["F3.second_purchase"]
    assert (
        said["sentence"].startswith("33.3 % of new customers")
        and "fewer than half within the 200 days" in said["sentence"]
    )
    nb.findings.clear()
    leaving_findings.second(nb, spells("again", [("a", True, 20, 600), ("a", False, 200, 400)]))
    assert (
        "half of them have after 20 days (95 % interval 20 to 20)"
        in nb.findings["F3.second_purchase"]["sentence"]
    )


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "no new customer has been watched"),
        ([("a", True, 5, 1)], "no new customer has been watched"),
        ([("a", False, 400, 1)], "nobody, or everybody"),
        ([("a", True, 30, 50), ("b", True, 90, 50)], "nobody, or everybody"),
        ([("a", False, 200, 50)], "nobody, or everybody"),
    ],
)
def test_who_cannot_be_judged_gets_a_sentence(nb: Notebook, capsys: Any, rows: Any, why: str) -> None:
    """One customer, all come back, none come back, nobody at all."""
    shown: list[str] = []
    nb.nothing = shown.append  # type: ignore[method-assign]
    assert leaving_findings.second(nb, spells("again", rows)) is None
    assert len(shown) == 1 and why in shown[0] and not nb.findings


def test_all_gone_and_none_gone(nb: Notebook) -> None:
    shown: list[str] = []
    nb.nothing = shown.append  # type: ignore[method-assign]
    assert leaving_findings.stay(nb, spells("ended", [("a", False, 200, 50)])) is None
    assert leaving_findings.stay(nb, spells("ended", []).astype({"ended": bool})) is None
    assert all("no membership has ended" in s for s in shown) and len(shown) == 2
    kept = leaving_findings.stay(nb, spells("ended", [("a", True, 100, 50), ("b", True, 500, 50)]))
    assert kept is not None and nb.findings["F3.stay"]["value"] == 0.5
    assert nb.findings["F3.stay"]["sentence"].startswith("100 of 100 members have left")


def test_data_that_begin_in_mid_life_hold_survivors(nb: Notebook) -> None:
    old = replace(nb, data=replace(INFO, begins_mid_life=True), findings={})
    rows = spells("ended", [("a", True, 100, 50), ("b", False, 500, 50)])
    leaving_findings.stay(old, rows)
    leaving_findings.stay(nb, rows)
    assert (
        "stays look longer" in old.findings["F3.stay"]["caveats"] and "caveats" not in nb.findings["F3.stay"]
    )
    leaving_findings.second(old, spells("again", SHOP), 77)
    assert "77 customers of the first weeks" in old.findings["F3.second_purchase"]["caveats"]


def test_the_page_says_whom_it_left_out(nb: Notebook) -> None:
    notes: list[str] = []
    nb.note = notes.append  # type: ignore[method-assign]
    rows = spells("ended", SHOP + [("c", True, np.nan, 7)])
    assert leaving_findings.lengths(nb, rows, "Memberships")["customers"].sum() == 1200
    assert notes == [
        "Memberships: 7 records left out, because the end lies before the beginning or the beginning is not known; "
        "1,200 are judged."
    ]


def test_differences_are_said_with_intervals_and_as_association(nb: Notebook) -> None:
    rows = spells("again", SHOP)
    shown = leaving_findings.segments(
        nb, leaving.segments(rows, ["kind"], "again", 90, 30), "Buying again", ["kind", "sex"]
    )
    said = nb.findings["F3.buying_again_by"]
    assert said["sentence"] == (
        "Buying again differs most by kind: 50.0 % of a (95 % interval 46.1 to 54.1 %) within 90 days, 16.7 % of b "
        "(95 % interval 13.9 to 19.9 %) (p < 0.0001)."
    )
    assert said["caveats"].startswith("Association") and said["caveats"].endswith("known levels: sex.")
    leaving_findings.longer(nb, "kind", leaving.restricted(shown[0], 365))
    assert nb.findings["F3.again_longer"]["value"] == pytest.approx(
        -(0.5 * 180 - 100 / 600 * 150) * -1, rel=1e-9
    )
    fit, why = attempt(leaving_ratios.hazards, rows, ["kind"], "again", 30)
    assert fit is not None and not why
    leaving_findings.hazards(nb, fit, "again")
    assert (
        "Association" in nb.findings["F3.hazard_again"]["caveats"]
        and nb.findings["F3.hazard_again"]["n"] == 1200
    )


def test_private_data_show_no_small_cells(private: Notebook) -> None:
    shown: list[str] = []
    private.nothing = shown.append  # type: ignore[method-assign]
    few = spells("again", [("a", True, 20, 9), ("a", False, 200, 900)])
    assert leaving_findings.second(private, few) is None
    assert leaving_findings.stay(private, few.rename(columns=dict(again="ended"))) is None
    gone = few.rename(columns=dict(again="closed")).assign(reason=["dear", None])
    assert leaving_findings.reasons(private, leaving_reasons.reasons(gone)) is None
    assert len(shown) == 3 and all("fewer than 10" in s for s in shown) and not private.findings
    curve = leaving_findings.second(private, spells("again", [*SHOP, ("b", False, 300, 4)]))
    assert curve is not None and curve.time[-1] == 200, "the last four are not drawn one by one"


def test_text_from_outside_stays_text(nb: Notebook) -> None:
    rows = spells("again", [("<b>$x$</b>", *r[1:]) if r[0] == "a" else r for r in SHOP])
    leaving_findings.segments(nb, leaving.segments(rows, ["kind"], "again", 90, 30), "Buying again")
    assert "<b>" not in nb.findings["F3.buying_again_by"]["sentence"]
    gone = rows.rename(columns=dict(again="closed")).assign(reason=["<i>dear</i>", None, "late", None])
    found = leaving_findings.reasons(nb, leaving_reasons.reasons(gone))
    assert found is not None and "<i>" not in nb.findings["F3.reasons"]["sentence"]
    leaving_figures.incidence(found, 365)
    leaving_figures.reasons(found.table)


def test_figures_draw_the_numbers_they_are_given() -> None:
    rows = spells("again", SHOP)
    found = leaving.segments(rows, ["kind"], "again", 90, 30)[0]
    axes = leaving_figures.levels(found, 365).axes[0]
    drawn = {line.get_label(): line.get_ydata()[-1] for line in axes.lines}
    assert drawn == dict(a=pytest.approx(0.5), b=pytest.approx(1 / 6))
    stays = leaving_figures.levels(found, 365, "stay").axes[0]
    assert sorted(line.get_ydata()[-1] for line in stays.lines) == pytest.approx([0.5, 5 / 6])
    assert leaving_figures.again(found.curves["a"]).axes[0].lines[0].get_ydata()[0] == 0
