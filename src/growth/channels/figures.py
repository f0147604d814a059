"""Figures of ``05_channels``."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from growth import figures as house


def claims(table: pd.DataFrame, rules: list[str]) -> Figure:
    """Draw what rules claim for each tested channel, and what its test says.

    Parameters
    ----------
    table : DataFrame
        ``channel, orders, low, high`` (of the test) and a column a rule: orders claimed on the same orders.
    rules : list of str
    """
    rows = table.iloc[::-1].reset_index(drop=True)
    figure, axes = house.new(1.6 + 0.62 * len(rows))
    axes.axvline(0, color=house.INK, linewidth=1)
    for y, row in rows.iterrows():
        axes.plot(
            [row["low"], row["high"]],
            [y, y],
            color=house.GREEN,
            linewidth=5,
            alpha=0.45,
            solid_capstyle="butt",
        )
        axes.plot(row["orders"], y, color=house.GREEN, marker="o", markersize=9, linestyle="")
    marks = dict(zip(rules, ("<", ">", "s", "D", "^", "v", "x"), strict=False))
    for rule, mark in marks.items():
        axes.plot(
            rows[rule], rows.index, color=house.ORANGE, marker=mark, linestyle="", label=rule, markersize=6
        )
    axes.plot([], [], color=house.GREEN, marker="o", linestyle="-", linewidth=4, label="the test")
    axes.set_yticks(range(len(rows)), [house.plain(c) for c in rows["channel"]])
    axes.set_xlabel("orders, of those tested")
    house.thousands(axes.xaxis)
    axes.grid(False, axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, borderaxespad=0.2)
    return figure


def shares(table: pd.DataFrame, rules: list[str]) -> Figure:
    """Draw each channel's share of orders by rule, with intervals of sampling."""
    channels = list(table.groupby("channel")["share"].mean().sort_values().index)
    figure, axes = house.new(1.4 + 0.42 * len(channels))
    for k, rule in enumerate(rules):
        own = table[table["rule"] == rule].set_index("channel").reindex(channels)
        place = [i + 0.13 * (k - (len(rules) - 1) / 2) for i in range(len(channels))]
        colour = (house.BLUE, house.ORANGE, house.GREEN, house.RED, house.GREY)[k % 5]
        axes.hlines(place, own["low"], own["high"], color=colour, linewidth=2)
        axes.plot(own["share"], place, color=colour, marker="o", markersize=4, linestyle="", label=rule)
    axes.set_yticks(range(len(channels)), [house.plain(c) for c in channels])
    axes.set_xlabel("share of orders")
    house.percent(axes.xaxis)
    axes.grid(False, axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=5, borderaxespad=0.2)
    return figure


def creators(table: pd.DataFrame, currency: str) -> Figure:
    """Draw what a creator's next campaign is expected to bring, with its interval, beside its cost."""
    rows = table.iloc[::-1].reset_index(drop=True)
    figure, axes = house.new(1.2 + 0.34 * len(rows))
    measured = rows["campaigns"] > 0
    for kind, colour, label in (
        (measured, house.GREEN, "tested"),
        (~measured, house.GREY, "by likeness alone"),
    ):
        own = rows[kind]
        axes.errorbar(
            own["expected"], own.index, xerr=house.whiskers(own, "expected"), color=colour, linestyle="", marker="o",
            capsize=3, label=label,
        )  # fmt: skip
    axes.plot(
        rows["cost"], rows.index, color=house.RED, marker="|", markersize=14, linestyle="", label="cost"
    )
    axes.set_yticks(range(len(rows)), [house.plain(c) for c in rows["name"]])
    axes.set_xlabel(f"{currency} that the next campaign leaves")
    house.thousands(axes.xaxis)
    axes.grid(False, axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2)
    return figure


def budget(table: pd.DataFrame, currency: str) -> Figure:
    """Draw today's spend beside the recommended one."""
    rows = table.iloc[::-1].reset_index(drop=True)
    figure, axes = house.new(1.2 + 0.5 * len(rows))
    place = pd.Series(range(len(rows)), dtype=float)
    axes.barh(place + 0.18, rows["today"], height=0.34, color=house.GREY, label="today")
    axes.barh(place - 0.18, rows["spend"], height=0.34, color=house.BLUE, label="recommended")
    axes.set_yticks(place, [house.plain(c) for c in rows["channel"]])
    axes.set_xlabel(f"{currency} a quarter")
    house.thousands(axes.xaxis)
    axes.grid(False, axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2)
    return figure


def geo(observed: pd.Series, synthetic: pd.Series, before: int) -> Figure:
    """Draw the mean of the tested regions and of the synthetic one; the line marks the first day of the test."""
    figure, axes = house.new(3.2)
    x = pd.to_datetime(observed.index)
    axes.plot(x, observed.to_numpy(), color=house.INK, linewidth=1.2, label="tested regions")
    axes.plot(x, synthetic.to_numpy(), color=house.BLUE, linewidth=1.2, label="what they would have been")
    axes.axvline(x[before], color=house.GREEN, linestyle="--", label="test")
    axes.set_ylabel("outcome a region and day")
    house.thousands(axes.yaxis)
    house.only_horizontal_grid(axes)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2)
    return figure
