"""Survival figures of ``06_retention``."""

from __future__ import annotations

from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from growth import figures as house
from growth.retention.leaving import MONTH, Segment
from growth.retention.leaving_reasons import Reasons
from growth.stats.survival import Curve

COLOURS = (house.BLUE, house.ORANGE, house.GREEN, house.INK, "#8c564b", "#7f6fb5", "#3aa6b9", house.GREY)


def again(curve: Curve, until: int = 365) -> Figure:
    """Draw the share that has bought again by days since the first purchase."""
    figure, axes = house.new(3.2)
    _band(axes, curve, until, house.BLUE, "", False)
    axes.set_ylim(0, None)
    axes.set_xlabel("days since the first purchase")
    axes.set_ylabel("have bought again")
    house.percent(axes.yaxis)
    house.only_horizontal_grid(axes)
    return figure


def levels(found: Segment, until: float, kind: str = "again") -> Figure:
    """Draw the curves of a segment's levels.

    Parameters
    ----------
    found : Segment
    until : float
        Days drawn.
    kind : str
        ``again``: who has bought again, by days; ``stay``, ``account``: who is still there, by months.
    """
    left = kind != "again"
    figure, axes = house.new(3.6)
    for colour, (name, curve) in zip(cycle(COLOURS), found.curves.items(), strict=False):
        _band(axes, curve, until, colour, house.plain(name), left)
    axes.set_ylim(0, 1 if left else None)
    since = dict(stay="months since joining", account="months since sign-up")
    axes.set_xlabel(since.get(kind, "days since the first purchase"))
    axes.set_ylabel("still there" if left else "have bought again")
    house.percent(axes.yaxis)
    house.only_horizontal_grid(axes)
    _legend(axes, list(found.curves))
    return figure


def _band(axes: Axes, curve: Curve, until: float, colour: str, label: str, left: bool) -> None:
    """Draw a curve from its start with its interval: of those still there (`left`) by months, or gone by days."""
    seen = curve.time <= until
    time = np.append(0.0, curve.time[seen]) / (MONTH if left else 1)
    value, low, high = (np.append(curve.start, v[seen]) for v in (curve.value, curve.low, curve.high))
    if not left:
        value, low, high = 1 - value, 1 - high, 1 - low
    axes.fill_between(time, low, high, color=colour, alpha=0.15, step="post", linewidth=0)
    axes.step(time, value, color=colour, where="post", label=label)


def _legend(axes: Axes, names: list[str]) -> None:
    """Put the legend above, in as many columns as its longest label leaves room for."""
    columns = max(1, min(4, 70 // (max(map(len, names)) + 6)))
    axes.legend(loc="lower left", ncols=columns, bbox_to_anchor=(0, 1.0), borderaxespad=0.2)


def still(curve: Curve, what: str) -> Figure:
    """Draw who is still there by months, with the interval; `what` they are still there since, in words."""
    figure, axes = house.new(3.2)
    _band(axes, curve, np.inf, house.BLUE, "", True)
    axes.set_ylim(0, 1)
    axes.set_xlabel(f"months since {what}")
    axes.set_ylabel("still there")
    house.percent(axes.yaxis)
    house.only_horizontal_grid(axes)
    return figure


def incidence(found: Reasons, until: float) -> Figure:
    """Draw the share that has closed the account for each stated reason, by months since sign-up."""
    figure, axes = house.new(3.6)
    for colour, (name, curve) in zip(cycle(COLOURS), found.curves.items(), strict=False):
        seen = curve.time <= until
        time = np.append(0.0, curve.time[seen]) / MONTH
        axes.fill_between(
            time, np.append(0.0, curve.low[seen]), np.append(0.0, curve.high[seen]), color=colour, alpha=0.15,
            step="post", linewidth=0,
        )  # fmt: skip
        axes.step(
            time, np.append(0.0, curve.value[seen]), color=colour, where="post", label=house.plain(name)
        )
    axes.set_ylim(0, None)
    axes.set_xlabel("months since sign-up")
    axes.set_ylabel("closed for this reason")
    house.percent(axes.yaxis)
    house.only_horizontal_grid(axes)
    _legend(axes, list(found.curves))
    return figure


def ratios(table: pd.DataFrame) -> Figure:
    """Draw hazard ratios with their intervals."""
    figure, axes = house.new(0.9 + 0.32 * len(table))
    rows = table.iloc[::-1]
    place = np.arange(len(rows))
    off = house.whiskers(rows, "ratio")
    axes.errorbar(rows["ratio"], place, xerr=off, color=house.BLUE, linestyle="", marker="o", capsize=3)
    axes.axvline(1, color=house.INK, linewidth=1)
    names = [
        house.plain(f"{n.replace('_', ' ')}: {v} against {a}")
        for n, v, a in zip(rows["segment"], rows["level"], rows["against"], strict=True)
    ]
    axes.set_yticks(place, names)
    axes.set_xscale("log")
    house.decimals(axes.xaxis)
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5) if _wide(table) else range(1, 10)))
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.set_xlabel("hazard ratio: above 1 sooner")
    axes.grid(False, axis="y")
    return figure


def _wide(table: pd.DataFrame) -> bool:
    """Return whether the axis spans so much that not every digit has room."""
    return bool(table["high"].max() / table["low"].min() > 5)


def reasons(table: pd.DataFrame) -> Figure:
    """Draw stated reasons as shares of those who closed the account, with intervals (`leaving.reasons`)."""
    figure, axes = house.new(0.9 + 0.35 * len(table))
    rows = table.iloc[::-1]
    off = house.whiskers(rows, "share")
    axes.barh(
        [house.plain(r) for r in rows["reason"]], rows["share"], xerr=off, color=house.BLUE, ecolor=house.INK
    )
    axes.set_xlabel("share of those who closed their account")
    house.percent(axes.xaxis)
    axes.grid(False, axis="y")
    return figure
