"""Figures of ``03_promotions``."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib import dates as calendar
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from growth import figures as house

COLOURS = {
    "ship": house.GREEN,
    "ship to segment": house.GREEN,
    "stop": house.RED,
    "run longer": house.ORANGE,
    "no decision": house.GREY,
}


def intervals(rows: pd.DataFrame, xlabel: str, share: bool = False, zero: str = "no effect") -> Figure:
    """Draw estimates with their intervals, a row each.

    Parameters
    ----------
    rows : DataFrame
        ``label, value, low, high`` and, if wanted, ``colour``; drawn from top to bottom.
    xlabel : str
    share : bool
        Whether values are shares, shown in per cent.
    zero : str
        What the line at 0 says.
    """
    figure, axes = house.new(max(1.25 + 0.36 * len(rows), 1.9))
    place = list(range(len(rows)))[::-1]
    colours = list(rows["colour"]) if "colour" in rows else [house.BLUE] * len(rows)
    for y, value, low, high, colour in zip(
        place, rows["value"], rows["low"], rows["high"], colours, strict=True
    ):
        axes.plot([low, high], [y, y], color=colour, linewidth=2.2, solid_capstyle="round")
        axes.plot([value], [y], marker="o", markersize=6, color=colour)
    _zero_line(axes, zero)
    axes.set_yticks(place, [house.plain(t) for t in rows["label"]])
    axes.tick_params(axis="y", colors=house.INK, length=0)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel(xlabel)
    if share:
        house.percent(axes.xaxis)
    axes.grid(False, axis="y")
    return figure


def _zero_line(axes: Axes, text: str) -> None:
    axes.axvline(0, color=house.INK, linewidth=1)
    if text:
        axes.annotate(
            text, (0, 1), xycoords=("data", "axes fraction"), xytext=(4, -2), textcoords="offset points", va="top",
            color=house.MUTED, size=9,
        )  # fmt: skip


def replay(days: pd.DataFrame, looks: list[Any], end: Any, ylabel: str, way: str) -> Figure:
    """Draw the difference so far, day by day: the interval of somebody who looks but once, and the one of the design.

    Parameters
    ----------
    days : DataFrame
        `looks.Replay.days`.
    looks : list of datetime.date
        Days of the planned looks.
    end : datetime.date
        First day after the test.
    ylabel, way : str
        What is compared; what the design allows.
    """
    figure, axes = house.new(3.6)
    shown = days.iloc[2:] if len(days) > 9 else days
    axes.fill_between(
        shown["day"],
        shown["low"],
        shown["high"],
        color=house.BLUE,
        alpha=0.18,
        linewidth=0,
        label=f"interval of the design: {way}",
    )
    for side in ("naive_low", "naive_high"):
        label = "95 % of somebody who looks but once" if side == "naive_low" else None
        axes.plot(shown["day"], shown[side], color=house.ORANGE, linewidth=1.2, linestyle="--", label=label)
    axes.plot(shown["day"], shown["value"], color=house.BLUE, linewidth=1.8, label="difference so far")
    at = shown[shown["day"].isin(looks)]
    if len(looks) > 1:
        axes.plot(at["day"], at["value"], "o", color=house.INK, markersize=5, label="planned looks")
    axes.axhline(0, color=house.INK, linewidth=1)
    if shown["day"].iloc[-1] > end:
        axes.axvline(end, color=house.GREY, linewidth=1, linestyle=":")
        axes.annotate("the test ends", (end, 0.02), xycoords=("data", "axes fraction"), xytext=(4, 0),
                      textcoords="offset points", color=house.MUTED, size=9)  # fmt: skip
    axes.set_ylabel(ylabel)
    _days(axes)
    axes.legend(loc="lower left", ncols=2, bbox_to_anchor=(0, 1.0), borderaxespad=0.2, fontsize=9)
    house.only_horizontal_grid(axes)
    return figure


def _days(axes: Axes) -> None:
    locator = calendar.AutoDateLocator(minticks=4, maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(calendar.ConciseDateFormatter(locator))


def event(days: pd.DataFrame, end: Any, ylabel: str) -> Figure:
    """Draw an event: what was seen, and what was foreseen without it (`event.Brought.days`)."""
    figure, axes = house.new(3.4)
    axes.fill_between(days["date"], days["low"], days["high"], color=house.GRID, label="interval of a day")
    axes.plot(
        days["date"], days["foreseen"], color=house.GREY, linewidth=1.8, label="foreseen without the event"
    )
    axes.plot(days["date"], days["seen"], color=house.BLUE, linewidth=1.8, label="seen")
    axes.axvline(end, color=house.INK, linewidth=1, linestyle=":")
    axes.annotate("the event ends", (end, 0.96), xycoords=("data", "axes fraction"), xytext=(4, 0),
                  textcoords="offset points", color=house.MUTED, size=9)  # fmt: skip
    axes.set_ylim(0, min(float(days["high"].max()), 1.6 * float(days["seen"].max())))
    axes.set_ylabel(ylabel)
    house.thousands(axes.yaxis)
    _days(axes)
    axes.legend(loc="lower left", ncols=3, bbox_to_anchor=(0, 1.0), borderaxespad=0.2, fontsize=9)
    house.only_horizontal_grid(axes)
    return figure


def by_length(curves: dict[str, pd.DataFrame], power: float) -> Figure:
    """Draw, by days of a test, the smallest relative effect found (``days, smallest``), a line an experiment."""
    figure, axes = house.new(3.4)
    colours = (house.BLUE, house.ORANGE, house.GREEN, house.RED, house.GREY, house.INK)
    for (name, curve), colour in zip(curves.items(), colours, strict=False):
        axes.plot(curve["days"], curve["smallest"], color=colour, linewidth=1.8, label=house.plain(name))
    axes.set_yscale("log")
    axes.set_ylim(0.03, 3)
    axes.set_yticks([0.05, 0.1, 0.2, 0.5, 1, 2], ["5 %", "10 %", "20 %", "50 %", "100 %", "200 %"])
    axes.minorticks_off()
    axes.set_xlabel("days since the start")
    axes.set_ylabel(f"smallest effect found\nwith {power:.0%} power".replace("%", " %"))
    axes.legend(loc="upper right", ncols=2, fontsize=9)
    return figure
