"""An executed notebook as one self-contained page: no script, no request to any host, code folded."""

from __future__ import annotations

import base64
import io
import re
from functools import cache
from typing import Any

from growth import paths

FONT_FILE = "GrowthSansSC-Regular.otf"
STYLE_FILE = "style.css"
PAGE_FILES = ("page/index.html.j2", "page/conf.json")


def page(nb: Any, about: dict[str, Any]) -> str:
    """Render an executed notebook.

    Parameters
    ----------
    nb : NotebookNode
    about : dict
        What the page says of itself: ``title, dataset, title_of_data, licence, origin, source, notebook, folded``.

    Returns
    -------
    str
        HTML; the same notebook gives the same bytes.
    """
    exporter = _exporter()
    text, _ = exporter.from_notebook_node(nb, resources={"page": about | {"style": "/*style*/"}})
    text = re.sub(r"\n\s*\n+", "\n", text).strip() + "\n"
    return text.replace("/*style*/", style(text), 1)


def style(text: str) -> str:
    """Return the style sheet, with a font for the Chinese characters that a text uses, if any."""
    sheet = paths.asset(STYLE_FILE).read_text(encoding="utf-8")
    return _font_face(text) + sheet


def _font_face(text: str) -> str:
    """Return an ``@font-face`` that holds just the text's characters outside the Latin alphabets."""
    needed = {ord(c) for c in text if ord(c) >= 0x2E80}
    if not needed:
        return ""
    from fontTools import subset
    from fontTools.ttLib import TTFont

    font = TTFont(paths.asset(FONT_FILE), recalcTimestamp=False)
    options = subset.Options(layout_features=[], hinting=False, notdef_outline=True)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=needed)
    cutter.subset(font)
    font.flavor = "woff"
    stream = io.BytesIO()
    font.save(stream)
    data = base64.b64encode(stream.getvalue()).decode()
    # First in the list and kept to its range: as a fallback, browsers show boxes for what is drawn before it is loaded.
    face = f'font-family: GrowthCJK; unicode-range: U+2E80-FFFF; src: url("data:font/woff;base64,{data}");'
    return f"@font-face {{ {face} }}\n"


@cache
def _exporter() -> Any:
    """Return nbconvert's HTML exporter with our template and mathematics as MathML."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(
        template_name="page", extra_template_basedirs=[str(paths.asset("."))], embed_images=True
    )
    exporter.register_filter("markdown2html", markdown)
    return exporter


def markdown(source: str) -> str:
    """Render Markdown with ``$…$`` as MathML, so that a page needs no script to show a formula."""
    from latex2mathml.converter import convert
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    class Renderer(IPythonRenderer):
        def inline_math(self, body: str) -> str:
            return str(convert(body))

        def block_math(self, body: str) -> str:
            return str(convert(body, display="block"))

    return str(MarkdownWithMath(renderer=Renderer(escape=False)).render(source))
