"""Figures and tables as a page shows them: with a text alternative, escaped, numbers to the right."""

from __future__ import annotations

import html
import io
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd

from growth import figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def picture(figure: Figure, name: str, alt: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a figure as display data (PNG bytes and text) and metadata (name, text alternative).

    Raises
    ------
    ValueError
        If the text alternative says next to nothing.
    """
    if len(alt) < 20:
        raise ValueError(f"The figure {name} needs a text alternative that says what it shows.")
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=figures.DPI, metadata={"Software": None})
    data = {"image/png": stream.getvalue(), "text/plain": f"[figure: {alt}]"}
    return data, {"image/png": {"alt": alt, "width": int(figures.WIDTH * 100)}, "growth": {"figure": name}}


def table(frame: pd.DataFrame, caption: str, formats: dict[str, Any]) -> str:
    """Return a data frame as HTML: text to the left, numbers to the right, everything escaped."""
    columns = [str(c) for c in frame.columns]
    words = [c for c in columns if frame[c].map(lambda v: isinstance(v, str)).any()]
    marks = ['<{} class="words">' if c in words else "<{}>" for c in columns]

    def row(kind: str, values: list[str]) -> str:
        cells = (f"{m.format(kind)}{html.escape(v)}</{kind}>" for m, v in zip(marks, values, strict=True))
        return f"<tr>{''.join(cells)}</tr>"

    head = row("th", [c.replace("_", " ") for c in columns])
    body = [
        row("td", [shown(v, formats.get(c)) for v, c in zip(values, columns, strict=True)])
        for values in frame.itertuples(index=False)
    ]
    title = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead>{head}</thead><tbody>\n" + "\n".join(body) + "\n</tbody></table>"


def shown(value: Any, how: Any) -> str:
    """Return a value as a reader wants it: a dash for nothing, thousands apart, yes and no."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value):
        return "–"
    if how:
        return str(how(value) if callable(how) else how.format(value))
    if pd.api.types.is_bool(value):
        return "yes" if value else "no"
    if pd.api.types.is_float(value) and float(value).is_integer():
        value = int(value)
    return f"{value:,}" if pd.api.types.is_number(value) or isinstance(value, Decimal) else str(value)
