"""The house style: every figure is drawn from stored numbers, computes nothing, and shows Chinese anywhere."""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager, ticker
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from growth import paths

INK, MUTED, GRID = "#1f2933", "#6b7785", "#e4e7eb"
BLUE, ORANGE, GREEN, RED, GREY = "#1b5e9b", "#d9730d", "#2f855a", "#c0392b", "#9aa5b1"
FONT_FILE = "GrowthSansSC-Regular.otf"
WIDTH = 8.0  # inches; a page shows it at 800 pixels
DPI = 120


@cache
def _use_house_style() -> None:
    """Register the font that ships with the package (no system font is relied on) and set the style."""
    font_manager.fontManager.addfont(str(paths.asset(FONT_FILE)))
    name = font_manager.FontProperties(fname=str(paths.asset(FONT_FILE))).get_name()
    mpl.rcParams.update(
        {
            "font.family": name,
            "font.size": 11,
            "axes.edgecolor": GREY,
            "axes.labelcolor": INK,
            "axes.unicode_minus": False,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": GRID,
            "text.color": INK,
            "xtick.color": MUTED,
            "ytick.color": MUTED,
            "legend.frameon": False,
            "svg.hashsalt": "growth",
            "svg.fonttype": "path",
        }
    )


def new(height: float = 4.2, rows: int = 1, columns: int = 1, **kwargs: Any) -> tuple[Figure, Any]:
    """Return a figure of the house's width (8 inches), `height` inches high, and its axes."""
    _use_house_style()
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, **kwargs)


def percent(axis: Any) -> None:
    """Label an axis of shares in per cent."""
    axis.set_major_formatter(ticker.PercentFormatter(xmax=1, symbol=" %"))


def thousands(axis: Any) -> None:
    """Label an axis of counts or amounts with thousands separators."""
    axis.set_major_formatter(ticker.FuncFormatter(lambda v, _: f"{v:,.0f}"))


def decimals(axis: Any) -> None:
    """Label a logarithmic axis with plain numbers: 0.1, 1, 10."""
    axis.set_major_formatter(ticker.FuncFormatter(lambda v, _: f"{v:g}"))


def whiskers(rows: Any, value: str) -> Any:
    """Return the lengths of error bars from the columns ``low`` and ``high`` about `value`, for matplotlib."""
    return np.array([rows[value] - rows["low"], rows["high"] - rows[value]])


def plain(text: object) -> str:
    """Return untrusted text as a label: matplotlib would read ``$`` as mathematics."""
    return str(text).replace("$", r"\$")


def only_horizontal_grid(axes: Axes) -> None:
    """Keep the grid lines of the vertical axis alone."""
    axes.grid(False, axis="x")
