"""Survival figures of ``06_retention``."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from growth import figures as house
from growth.retention.leaving import MONTH, Segment
from growth.stats.survival import Curve

COLOURS = (house.BLUE, house.ORANGE, house.GREEN, house.INK, "#8c564b", "#7f6fb5", "#3aa6b9", house.GREY)


def again(curve: Curve, until: int = 365) -> Figure:
    """Draw the share that has bought again by days since the first purchase."""
    figure, axes = house.new(3.2)
    seen = curve.time <= until
    axes.fill_between(
        curve.time[seen], 1 - curve.high[seen], 1 - curve.low[seen], color=house.BLUE, alpha=0.3, step="post"
    )
    axes.step(curve.time[seen], 1 - curve.value[seen], color=house.BLUE, where="post")
    axes.set_ylim(0, None)
    axes.set_xlabel("days since the first purchase")
    axes.set_ylabel("have bought again")
    house.percent(axes.yaxis)
    house.only_horizontal_grid(axes)
    return figure


def levels(found: Segment, until: float, left: bool = False) -> Figure:
    """Draw the curves of a segment's levels: who has bought again by days, or (`left`) who is still there by months."""
    figure, axes = house.new(3.6)
    for colour, (name, curve) in zip(COLOURS, found.curves.items(), strict=False):
        seen = curve.time <= until
        value = curve.value[seen] if left else 1 - curve.value[seen]
        axes.step(
            curve.time[seen] / (MONTH if left else 1),
            value,
            color=colour,
            where="post",
            label=house.plain(name),
        )
    axes.set_ylim(0, 1 if left else None)
    axes.set_xlabel("months" if left else "days since the first purchase")
    axes.set_ylabel("still there" if left else "have bought again")
    house.percent(axes.yaxis)
    house.only_horizontal_grid(axes)
    axes.legend(loc="lower left", ncols=4, bbox_to_anchor=(0, 1.0), borderaxespad=0.2)
    return figure


def ratios(table: pd.DataFrame) -> Figure:
    """Draw hazard ratios with their intervals."""
    figure, axes = house.new(0.9 + 0.32 * len(table))
    rows = table.iloc[::-1]
    place = np.arange(len(rows))
    off = np.array([rows["ratio"] - rows["low"], rows["high"] - rows["ratio"]])
    axes.errorbar(rows["ratio"], place, xerr=off, color=house.BLUE, linestyle="", marker="o", capsize=3)
    axes.axvline(1, color=house.INK, linewidth=1)
    names = [house.plain(f"{v} against {a}") for v, a in zip(rows["level"], rows["against"], strict=True)]
    axes.set_yticks(place, names)
    axes.set_xscale("log")
    house.decimals(axes.xaxis)
    axes.xaxis.set_minor_formatter(lambda v, _: f"{v:g}")
    axes.set_xlabel("hazard ratio: above 1 sooner")
    axes.grid(False, axis="y")
    return figure


def reasons(table: pd.DataFrame) -> Figure:
    """Draw stated reasons as shares of those who closed the account, with intervals (`leaving.reasons`)."""
    figure, axes = house.new(0.9 + 0.35 * len(table))
    rows = table.iloc[::-1]
    off = np.array([rows["share"] - rows["low"], rows["high"] - rows["share"]])
    axes.barh(
        [house.plain(r) for r in rows["reason"]], rows["share"], xerr=off, color=house.BLUE, ecolor=house.INK
    )
    axes.set_xlabel("share of those who closed their account")
    house.percent(axes.xaxis)
    axes.grid(False, axis="y")
    return figure
