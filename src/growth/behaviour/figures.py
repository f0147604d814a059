"""Figures of ``02_behaviour``."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from growth import figures as house


def presence(table: pd.DataFrame) -> Figure:
    """Draw how many came on each day, and within its week and month (columns ``date, day, week, month``)."""
    figure, axes = house.new(3.4)
    x = pd.to_datetime(table["date"])
    lines = dict(month=(house.GREY, "in the last 30 days"), week=(house.BLUE, "in the last 7 days"),
                 day=(house.ORANGE, "on the day"))  # fmt: skip
    for column, (colour, label) in lines.items():
        axes.plot(x, table[column], color=colour, linewidth=1.3, label=label)
    axes.set_ylabel("people")
    axes.set_ylim(bottom=0)
    house.thousands(axes.yaxis)
    house.only_horizontal_grid(axes)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2)
    return figure


def funnel(table: pd.DataFrame, label: str) -> Figure:
    """Draw the share that reaches each stage, with its interval (``stage, share, low, high``)."""
    rows = table.iloc[::-1].reset_index(drop=True)
    figure, axes = house.new(1.0 + 0.42 * len(rows))
    axes.barh(rows.index, rows["share"], height=0.62, color=house.BLUE)
    axes.errorbar(
        rows["share"],
        rows.index,
        xerr=house.whiskers(rows, "share"),
        color=house.INK,
        linestyle="",
        capsize=3,
    )
    for y, row in rows.iterrows():
        axes.annotate(
            f"{row['share']:.1%}", (row["high"], y), xytext=(6, 0), textcoords="offset points", va="center"
        )
    axes.set_yticks(range(len(rows)), [house.plain(s) for s in rows["stage"]])
    axes.set_xlim(0, 1.12)
    axes.set_xlabel(label)
    house.percent(axes.xaxis)
    axes.grid(False, axis="y")
    return figure


def waiting(table: pd.DataFrame) -> Figure:
    """Draw the share of new people who have purchased, by days since their first visit (``day, share, low, high``)."""
    figure, axes = house.new(3.2)
    axes.fill_between(table["day"], table["low"], table["high"], step="post", color=house.BLUE, alpha=0.25)
    axes.step(table["day"], table["share"], where="post", color=house.BLUE)
    axes.set_xlabel("days since the first visit")
    axes.set_ylabel("have purchased")
    axes.set_ylim(bottom=0)
    house.percent(axes.yaxis)
    house.only_horizontal_grid(axes)
    return figure


def steps(matrix: pd.DataFrame) -> Figure:
    """Draw what follows what: rows are steps, columns what comes next, cells their share."""
    figure, axes = house.new(1.2 + 0.46 * len(matrix))
    axes.imshow(matrix.to_numpy(), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for y, row in enumerate(matrix.to_numpy()):
        for x, share in enumerate(row):
            if share >= 0.005:
                colour = "white" if share > 0.55 else house.INK
                axes.text(x, y, f"{share:.0%}", ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(range(matrix.shape[1]), [house.plain(c) for c in matrix.columns])
    axes.set_yticks(range(len(matrix)), [house.plain(c) for c in matrix.index])
    axes.set_xlabel("… comes next")
    axes.set_ylabel("after")
    axes.grid(False)
    return figure


def unmet(table: pd.DataFrame) -> Figure:
    """Draw people who searched for terms that are not served (``term, people, empty``)."""
    rows = table.iloc[::-1].reset_index(drop=True)
    figure, axes = house.new(1.2 + 0.36 * len(rows))
    axes.barh(rows.index, rows["people"], height=0.62, color=house.GREY, label="searched")
    axes.barh(rows.index, rows["empty"], height=0.34, color=house.RED, label="found nothing")
    axes.set_yticks(range(len(rows)), [house.plain(t) for t in rows["term"]])
    axes.set_xlabel("people")
    house.thousands(axes.xaxis)
    axes.grid(False, axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2)
    return figure


def pairs(table: pd.DataFrame) -> Figure:
    """Draw the adjusted lift of pairs with its interval (``first, second, adjusted, low, high``)."""
    rows = table.iloc[::-1].reset_index(drop=True)
    figure, axes = house.new(1.2 + 0.4 * len(rows))
    axes.axvline(1, color=house.INK, linewidth=1)
    axes.errorbar(
        rows["adjusted"], rows.index, xerr=house.whiskers(rows, "adjusted"), color=house.GREEN, linestyle="",
        marker="o", capsize=3,
    )  # fmt: skip
    labels = [house.plain(f"{a[:26]} + {b[:26]}") for a, b in zip(rows["first"], rows["second"], strict=True)]
    axes.set_yticks(range(len(rows)), labels, fontsize=8)
    axes.set_xlabel("times as often together as basket sizes and popularity explain")
    axes.grid(False, axis="y")
    return figure


def hit_rates(table: pd.DataFrame) -> Figure:
    """Draw how often lists of next products hit, by their length (``list, length, share, low, high``)."""
    figure, axes = house.new(3.2)
    for (name, own), colour in zip(table.groupby("list", sort=False), (house.BLUE, house.GREY), strict=False):
        axes.errorbar(
            own["length"], own["share"], yerr=house.whiskers(own, "share"), color=colour, marker="o", capsize=3,
            label=name,
        )  # fmt: skip
    axes.set_xlabel("products on the list")
    axes.set_ylabel("customers hit")
    axes.set_ylim(bottom=0)
    house.percent(axes.yaxis)
    house.only_horizontal_grid(axes)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2)
    return figure
