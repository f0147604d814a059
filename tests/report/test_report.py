"""Findings, normalising, what a stage depends on, rendering: each piece by itself."""

from __future__ import annotations

import ast
import base64
import io
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import nbformat
import numpy as np
import pytest

from growth import figures, paths
from growth.report import normalise, render, sources
from growth.report.findings import Finding, as_markdown, exact
from growth.report.verify import equal_values, first_differing_cell

ABOUT = dict(
    title="T", dataset="d", title_of_data="x", licence="", origin="", source="s", notebook="n", folded=True
)


def finding(**more: object) -> Finding:
    base: dict[str, object] = dict(
        key="F2.x", sentence="It is so.", value=0.123456789123, unit="share", n=5, method="counted"
    )
    return Finding(**(base | more))  # type: ignore[arg-type]


def test_estimates_are_rounded_and_exact_numbers_kept() -> None:
    assert finding().record()["value"] == 0.12345679
    assert exact(Decimal("8911407.9040")) == 8911407.904
    assert exact(123456789012) == 123456789012 and isinstance(exact(Decimal(7)), int)


@pytest.mark.parametrize(
    "wrong", [dict(key="x"), dict(value=float("nan")), dict(low=0.1), dict(high=float("inf"), low=0.0)]
)
def test_a_finding_without_a_number_or_half_an_interval_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"key|nan|inf|two ends"):
        finding(**wrong)


def test_findings_as_markdown_name_question_method_and_n() -> None:
    text = as_markdown({"F2.x": finding().record()})
    assert "**F2** It is so." in text and "n = 5" in text and "counted" in text


def test_normalising_removes_what_differs_from_run_to_run() -> None:
    def run(address: str, pid: int, clock: str, ident: str) -> str:
        nb = nbformat.v4.new_notebook()
        cell = nbformat.v4.new_code_cell("x", id=ident)
        cell.metadata = dict(papermill=dict(start_time=clock), execution=dict(t=clock))
        cell.outputs = [
            nbformat.v4.new_output(
                "stream", text=f"<obj at {address}> /tmp/ipykernel_{pid}/{pid}.py\nTime:    {clock}"
            ),
            nbformat.v4.new_output("display_data", {"text/html": f"<i>{address}</i>"}),
        ]
        nb.cells = [cell]
        nb.metadata["papermill"] = dict(start_time=clock, parameters=dict(a=1))
        return nbformat.writes(normalise.executed(nb, "s", dict(a=1)))

    one = run("0x7f0011223344", 12, "10:11:12", "2b1f7a52-0000-4000-8000-000000000001")
    assert one == run("0x7fffffffffff", 99, "23:59:59", "9c1f7a52-0000-4000-8000-00000000000f")
    assert '"a": 1' in one


def test_shape_ignores_comments_docstrings_and_layout_but_not_code() -> None:
    one = 'def f(a, b=1):\n    """Doc."""\n    return a + b  # so\n'
    two = 'def f(a,\n      b = 1):\n    """Another."""\n    return (a + b)\n'
    assert sources.shape(ast.parse(one)) == sources.shape(ast.parse(two))
    assert sources.shape(ast.parse(one)) != sources.shape(ast.parse(one.replace("+", "-")))
    assert sources.shape(ast.parse("f(x, k=None)")) != sources.shape(ast.parse("f(x)"))
    assert sources.shape(ast.parse("x = ''")) != sources.shape(ast.parse("x = 'a'"))


def test_a_stage_depends_on_what_it_imports_and_on_nothing_else() -> None:
    found = sources.closure(["growth.retention.figures"])
    assert {"growth", "growth.figures", "growth.retention", "growth.paths"} <= set(found)
    assert f"assets/{figures.FONT_FILE}" in found
    assert not [m for m in found if m.startswith(("growth.audit", "growth.ingest", "growth.report"))]
    notebook = sources.closure(["growth.report.run"])
    assert "growth.report.normalise" in notebook and "growth.simulation" not in notebook


def test_the_closure_names_every_module_that_python_loads() -> None:
    """The oracle is Python itself: what an import really loads."""
    code = (
        "import sys, growth.retention.marts; print(*[m for m in sys.modules if m.split('.')[0] == 'growth'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= set(sources.closure(["growth.retention.marts"]))


def page(*cells: object) -> str:
    nb = nbformat.v4.new_notebook()
    nb.cells = list(cells)
    return render.page(nb, dict(ABOUT))


def test_untrusted_text_is_inert_on_a_page() -> None:
    evil = '<script>alert(1)</script><img src="http://x/y.png">'
    nb_about = dict(ABOUT, title=evil, dataset=evil)
    nb = nbformat.v4.new_notebook()
    text = render.page(nb, nb_about)
    assert "<script" not in text and "<img" not in text


def test_mathematics_needs_no_script_and_code_is_folded() -> None:
    text = page(nbformat.v4.new_markdown_cell("so $a_b^2$"), nbformat.v4.new_code_cell("x = 1"))
    assert "<math" in text and "$" not in text.split("<main>")[1] and "<details class" in text
    assert '<details class="code" open' not in text
    own = text.replace("http://www.w3.org/1998/Math/MathML", "").replace("http-equiv", "")
    assert "http" not in own


def test_chinese_gets_just_its_own_letters_embedded() -> None:
    text = page(nbformat.v4.new_markdown_cell("# 增长笔记本"))
    data = text.split("data:font/woff;base64,")[1].split('"')[0]
    from fontTools.ttLib import TTFont

    font = TTFont(io.BytesIO(base64.b64decode(data)))
    assert {ord(c) for c in "增长笔记本"} <= set(font.getBestCmap()) and len(font.getBestCmap()) < 12
    assert "font/woff" not in page(nbformat.v4.new_markdown_cell("# latin"))


def test_figures_draw_chinese_with_the_shipped_font() -> None:
    """Every glyph is drawn from the package's font: no box, whatever fonts the machine has."""
    from matplotlib import font_manager
    from PIL import Image

    def ink(text: str) -> np.ndarray:
        figure, axes = figures.new(1.5)
        axes.axis("off")
        axes.text(0.1, 0.5, text, fontsize=30)
        stream = io.BytesIO()
        figure.savefig(stream, format="png")
        return np.asarray(Image.open(stream).convert("L"))

    latin = ink("x")
    family = font_manager.FontProperties(fname=str(paths.asset(figures.FONT_FILE))).get_name()
    found = font_manager.findfont(font_manager.FontProperties(family=family), fallback_to_default=False)
    assert Path(found).name == figures.FONT_FILE
    assert (ink("增长") != latin).any() and (ink("增长") != ink("漏斗")).any(), "two boxes would be the same"


def test_verify_names_the_first_differing_cell() -> None:
    one = dict(cells=[dict(id="a", source="1"), dict(id="b", source="2")])
    two = dict(cells=[dict(id="a", source="1"), dict(id="b", source="3")])
    assert first_differing_cell(one, two) == "cell 2 (b)"
    assert equal_values({"a": [1.00000001, "x"]}, {"a": [1.0, "x"]}) and not equal_values(
        {"a": 1.01}, {"a": 1.0}
    )
