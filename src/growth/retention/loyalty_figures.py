"""Figures of ``06_retention`` on loyalty."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from growth import figures as house


def waves(table: pd.DataFrame) -> Figure:
    """Draw net promoters of each wave with intervals (`loyalty.waves`)."""
    figure, axes = house.new(2.8)
    rows = table.dropna(subset="promoters")
    place = range(len(rows))
    off = house.whiskers(rows, "promoters")
    axes.errorbar(place, rows["promoters"], yerr=off, color=house.BLUE, linestyle="", marker="o", capsize=3)
    axes.set_xticks(place, [house.plain(w) for w in rows["wave"]])
    axes.set_xlim(-0.5, len(rows) - 0.5)
    axes.axhline(0, color=house.INK, linewidth=1)
    axes.set_xlabel("wave")
    axes.set_ylabel("net promoters, points")
    house.only_horizontal_grid(axes)
    return figure


def items(table: pd.DataFrame) -> Figure:
    """Draw how far each item goes with the others (`loyalty.Trust.items`)."""
    figure, axes = house.new(0.9 + 0.3 * len(table))
    rows = table.iloc[::-1]
    bars = axes.barh([house.plain(i) for i in rows["item"]], rows["rest"], color=house.BLUE, height=0.6)
    axes.bar_label(bars, [f"{v:.2f}" for v in rows["rest"]], color=house.MUTED, padding=3)
    axes.set_xlim(min(0.0, float(rows["rest"].min()) - 0.05), 1)
    axes.set_xlabel("correlation with the sum of the others")
    axes.grid(False, axis="y")
    return figure


def bands(table: pd.DataFrame, days: int) -> Figure:
    """Draw the share that bought again by band of the index, with intervals (`loyalty_validity.bands`)."""
    figure, axes = house.new(3.2)
    rows = table.dropna(subset="share")
    place = range(len(rows))
    axes.bar(place, rows["share"], color=house.BLUE, width=0.6)
    axes.errorbar(
        place, rows["share"], yerr=house.whiskers(rows, "share"), color=house.INK, linestyle="", capsize=3
    )
    axes.set_xticks(place, list(rows["band"]))
    axes.set_ylim(0, None)
    axes.set_xlabel("loyalty index, 0 to 100")
    axes.set_ylabel(f"bought again within {days} days")
    house.percent(axes.yaxis)
    house.only_horizontal_grid(axes)
    return figure
