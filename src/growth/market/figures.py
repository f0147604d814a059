"""Figures of ``01_market``."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from growth import figures as house

COLOURS = (house.BLUE, house.ORANGE, house.GREEN, house.RED, house.GREY)


def agreement(table: pd.DataFrame) -> Figure:
    """Draw who agrees: all people with the interval, and respondents as they came."""
    rows = table.iloc[::-1].reset_index(drop=True)
    figure, axes = house.new(1.2 + 0.36 * len(rows))
    axes.hlines(rows.index, rows["low"], rows["high"], color=house.BLUE, linewidth=3, alpha=0.5)
    axes.plot(rows["share"], rows.index, color=house.BLUE, marker="o", linestyle="", label="all people")
    axes.plot(
        rows["raw"], rows.index, color=house.ORANGE, marker="x", linestyle="", label="respondents, unweighted"
    )
    axes.set_yticks(rows.index, [house.plain(w) for w in rows["wording"]])
    axes.set_xlabel("agree")
    house.percent(axes.xaxis)
    axes.grid(False, axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2)
    return figure


def funnel(table: pd.DataFrame) -> Figure:
    """Draw every brand's share of people at each stage."""
    figure, axes = house.new(3.6)
    stages = list(dict.fromkeys(table["stage"]))
    brands = list(dict.fromkeys(table["brand"]))
    for k, brand in enumerate(brands):
        own = table[table["brand"] == brand].reset_index(drop=True)
        place = [i + 0.2 * (k - (len(brands) - 1) / 2) for i in range(len(own))]
        axes.bar(place, own["share"], width=0.18, color=COLOURS[k % 5], label=house.plain(brand))
        axes.errorbar(
            place, own["share"], yerr=house.whiskers(own, "share"), fmt="none", ecolor=house.INK, elinewidth=1
        )
    axes.set_xticks(range(len(stages)), stages)
    axes.set_ylabel("share of people")
    house.percent(axes.yaxis)
    house.only_horizontal_grid(axes)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, borderaxespad=0.2)
    return figure


def stability(table: pd.DataFrame) -> Figure:
    """Draw how stable clusters are, and how stable they are where there is nothing to find."""
    figure, axes = house.new(3.0)
    axes.vlines(table["clusters"], table["low"], table["high"], color=house.BLUE, linewidth=4, alpha=0.4)
    axes.plot(table["clusters"], table["stability"], color=house.BLUE, marker="o", label="these answers")
    axes.plot(
        table["clusters"],
        table["null_stability"],
        color=house.GREY,
        marker="s",
        label="answers without segments",
    )
    axes.set_xticks(list(table["clusters"]))
    axes.set_xlabel("segments")
    axes.set_ylabel("agreement of fits")
    axes.set_ylim(0, 1.02)
    house.only_horizontal_grid(axes)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2)
    return figure


def bars(table: pd.DataFrame, name: str, value: str, label: str, share: bool) -> Figure:
    """Draw values with intervals, the first row on top."""
    rows = table.iloc[::-1].reset_index(drop=True)
    figure, axes = house.new(1.0 + 0.38 * len(rows))
    axes.axvline(0, color=house.INK, linewidth=1)
    axes.hlines(rows.index, rows["low"], rows["high"], color=house.BLUE, linewidth=3, alpha=0.5)
    axes.plot(rows[value], rows.index, color=house.BLUE, marker="o", linestyle="")
    axes.set_yticks(rows.index, [house.plain(v) for v in rows[name]])
    axes.set_xlabel(label)
    if share:
        house.percent(axes.xaxis)
    axes.grid(False, axis="y")
    return figure


def kano(table: pd.DataFrame) -> Figure:
    """Draw what features add where they are there, and take where they are not."""
    figure, axes = house.new(4.0)
    axes.axhline(0.5, color=house.GREY, linewidth=1)
    axes.axvline(0.5, color=house.GREY, linewidth=1)
    x = -table["worse"]
    axes.hlines(table["better"], -table["worse_low"], -table["worse_high"], color=house.BLUE, alpha=0.4)
    axes.vlines(x, table["better_low"], table["better_high"], color=house.BLUE, alpha=0.4)
    axes.plot(x, table["better"], color=house.BLUE, marker="o", linestyle="")
    for row in table.itertuples():
        text = str(row.feature).replace("_", " ")
        axes.annotate(house.plain(text), (-row.worse, row.better), textcoords="offset points", xytext=(7, 6))  # type: ignore[operator, arg-type]
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("takes, where it is not there")
    axes.set_ylabel("adds, where it is")
    for at, word in (((0.02, 0.95), "attractive"), ((0.72, 0.95), "the more the better"), ((0.02, 0.03), "indifferent"),
                     ((0.82, 0.03), "must be")):  # fmt: skip
        axes.text(*at, word, color=house.MUTED, transform=axes.transAxes)
    return figure


def prices(curves: pd.DataFrame, points: pd.DataFrame, currency: str) -> Figure:
    """Draw the four curves and where they cross."""
    figure, axes = house.new(3.6)
    names = dict(too_cheap="too cheap", cheap="cheap", dear="dear", too_dear="too dear")
    for (column, label), colour in zip(names.items(), COLOURS, strict=False):
        axes.plot(curves["price"], curves[column], color=colour, label=label)
    for row in points.itertuples():
        axes.axvline(row.price, color=house.GREY, linewidth=0.8, linestyle=":")  # type: ignore[arg-type]
    axes.set_xlabel(f"price, {currency}")
    axes.set_ylabel("share of people")
    house.percent(axes.yaxis)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, borderaxespad=0.2)
    return figure


def saturation(table: pd.DataFrame) -> Figure:
    """Draw how many themes are known after how many interviews."""
    figure, axes = house.new(2.6)
    axes.plot(table["interviews"], table["themes"], color=house.BLUE)
    axes.set_xlabel("interviews")
    axes.set_ylabel("themes known")
    axes.set_ylim(0)
    house.only_horizontal_grid(axes)
    return figure


def tornado(table: pd.DataFrame, label: str) -> Figure:
    """Draw how far each factor's range moves the size."""
    rows = table.iloc[::-1].reset_index(drop=True)
    figure, axes = house.new(1.0 + 0.4 * len(rows))
    axes.barh(rows.index, rows["high"] - rows["low"], left=rows["low"], color=house.BLUE, height=0.5)
    axes.set_yticks(rows.index, [house.plain(f) for f in rows["factor"]])
    axes.set_xlabel(label)
    house.thousands(axes.xaxis)
    axes.grid(False, axis="y")
    return figure
