"""Figures of ``00_audit``."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from growth import figures as house


def reasons(found: pd.DataFrame, most: int = 14) -> Figure:
    """Draw how many rows met each reason (what `model.reasons` returns), on a logarithmic scale."""
    shown = found.sort_values(["rows", "table", "reason"], ascending=False).head(most).iloc[::-1]
    figure, axes = house.new(1.0 + 0.3 * max(len(shown), 2))
    if shown.empty:
        axes.annotate("no row was refused or flagged", (0.5, 0.5), xycoords="axes fraction", ha="center")
        axes.set_axis_off()
        return figure
    colours = [house.RED if f == "refused" else house.ORANGE for f in shown["fate"]]
    labels = [house.plain(f"{t} · {r}") for t, r in zip(shown["table"], shown["reason"], strict=True)]
    bars = axes.barh(labels, shown["rows"], color=colours)
    axes.bar_label(bars, [f"{n:,}" for n in shown["rows"]], padding=3, color=house.MUTED)
    axes.set_xscale("log")
    axes.set_xlim(0.7, max(shown["rows"].max(), 10) * 6)
    axes.set_xlabel("rows (red: refused, orange: kept and flagged)")
    axes.grid(False, axis="y")
    house.thousands(axes.xaxis)
    return figure


def days(kpi_day: pd.DataFrame, gaps: pd.DataFrame, currency: str) -> Figure:
    """Draw revenue and orders day by day; gaps are shaded."""
    figure, (top, bottom) = house.new(4.6, 2, 1, sharex=True)
    when = pd.to_datetime(kpi_day["date"])
    top.plot(when, kpi_day["gross"].astype(float), color=house.BLUE, linewidth=0.9)
    bottom.plot(when, kpi_day["orders"], color=house.GREEN, linewidth=0.9)
    top.set_ylabel(f"revenue a day, {currency}")
    bottom.set_ylabel("orders a day")
    for axes in (top, bottom):
        house.thousands(axes.yaxis)
        axes.set_ylim(0, None)
        house.only_horizontal_grid(axes)
        for first, last in zip(gaps["first"], gaps["last"], strict=True):
            axes.axvspan(pd.Timestamp(first), pd.Timestamp(last), color=house.RED, alpha=0.15)
    return figure


def bridge(steps: pd.DataFrame, currency: str) -> Figure:
    """Draw the way of the money from the raw files to known customers: balances, and what lies between."""
    nothing = (steps["kind"] == "change") & (steps["amount"] == 0)
    shown = steps[~(nothing | nothing.shift(fill_value=False))].iloc[::-1].reset_index(drop=True)
    figure, axes = house.new(0.9 + 0.38 * len(shown))
    start = 0.0
    starts: dict[int, float] = {}
    for i in reversed(shown.index):
        if shown.loc[i, "kind"] == "level":
            start = float(shown.loc[i, "amount"])
        else:
            start -= float(shown.loc[i, "amount"])
            starts[i] = start
    for i, row in shown.iterrows():
        is_level = row["kind"] == "level"
        left = 0.0 if is_level else starts[int(str(i))]
        colour = house.BLUE if is_level else house.ORANGE
        axes.barh(i, float(row["amount"]), left=left, color=colour)
        sign = "" if is_level else "− "
        amount = row["amount"] if row["amount"] >= 0 else -row["amount"]
        sign = "+ " if row["amount"] < 0 and not is_level else sign
        end = max(left, left + float(row["amount"]))
        axes.annotate(
            f"{sign}{amount:,.2f}",
            (end, i),
            (5, 0),
            textcoords="offset points",
            va="center",
            color=house.MUTED,
        )
    axes.set_yticks(shown.index, shown["what"])
    axes.set_xlim(0, float(shown["amount"].max()) * 1.22)
    axes.set_xlabel(f"amount of the order lines, {currency}")
    axes.grid(False, axis="y")
    house.thousands(axes.xaxis)
    return figure
