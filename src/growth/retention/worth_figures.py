"""Figures of ``06_retention`` on value by age, lifetimes, the outlook, stages, held-out forecasts and care."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from growth import figures as house
from growth.retention.projection import Lifetimes, Outlook
from growth.retention.rules import STAGES
from growth.retention.worth import Held

COLOURS = dict(
    zip(STAGES, (house.GRID, house.ORANGE, house.GREEN, house.BLUE, house.GREY, "#d3d9e0"), strict=True)
)


def definitions(table: pd.DataFrame, period: str) -> Figure:
    """Draw on-period and on-or-after retention (`windows.definitions`) with their intervals."""
    figure, axes = house.new(3.6)
    for name, colour in (("on or after", house.GREEN), ("on period", house.BLUE)):
        own = table[table["definition"] == name]
        axes.fill_between(own["start"], own["low"], own["high"], color=colour, alpha=0.3)
        axes.plot(own["start"], own["share"], color=colour, marker="o", markersize=4, label=name)
    axes.set_ylim(0, None)
    axes.set_xlabel(f"{period}s since the first")
    axes.set_ylabel("customers")
    house.percent(axes.yaxis)
    house.only_horizontal_grid(axes)
    axes.legend(loc="upper right", ncols=2)
    return figure


def cohort_value(table: pd.DataFrame, period: str, currency: str) -> Figure:
    """Draw the revenue a customer has brought by age (`windows.cohort_value`)."""
    figure, axes = house.new(3.2)
    axes.fill_between(table["age"], table["low"], table["high"], color=house.BLUE, alpha=0.3)
    axes.plot(table["age"], table["value"], color=house.BLUE, marker="o", markersize=4)
    axes.set_ylim(0, None)
    axes.set_xlabel(f"{period}s since the first")
    axes.set_ylabel(f"{currency} a customer, so far")
    house.thousands(axes.yaxis)
    house.only_horizontal_grid(axes)
    return figure


def lifetimes(found: Lifetimes, period: str) -> Figure:
    """Draw the survivors seen and the projected curve."""
    figure, axes = house.new(3.4)
    rows = found.observed
    axes.fill_between(rows["age"], rows["low"], rows["high"], color=house.BLUE, alpha=0.25)
    axes.plot(rows["age"], rows["share_model"], color=house.BLUE, label="model")
    seen = rows.dropna(subset="share")
    axes.plot(
        seen["age"], seen["share"], color=house.INK, linestyle="", marker="o", markersize=4, label="seen"
    )
    axes.set_ylim(0, 1)
    axes.set_xlabel(f"{period}s since the first")
    axes.set_ylabel("not yet lapsed")
    house.percent(axes.yaxis)
    house.only_horizontal_grid(axes)
    axes.legend(loc="upper right", ncols=2)
    return figure


def outlook(found: Outlook, cells: pd.DataFrame) -> Figure:
    """Draw active customers so far, what was forecast a period ahead, and what is forecast now.

    `cells` has ``start`` and ``active``.
    """
    figure, axes = house.new(3.4)
    one = found.tested[found.tested["horizon"] == 1]
    axes.plot(cells["start"], cells["active"], color=house.INK, marker="o", markersize=3, label="active")
    axes.plot(
        one["start"], one["forecast"], color=house.ORANGE, linestyle="", marker="D", markersize=4,
        label="forecast one ahead, then",
    )  # fmt: skip
    ahead = found.ahead
    off = house.whiskers(ahead, "active")
    axes.errorbar(
        ahead["start"], ahead["active"], yerr=off, color=house.BLUE, linestyle="", marker="o", capsize=3,
        label="forecast now",
    )  # fmt: skip
    axes.set_ylim(0, None)
    axes.set_ylabel("active customers")
    house.thousands(axes.yaxis)
    house.only_horizontal_grid(axes)
    axes.legend(loc="lower left", ncols=3, bbox_to_anchor=(0, 1.0), borderaxespad=0.2)
    return figure


def stages(table: pd.DataFrame) -> Figure:
    """Draw who bought at least once, by stage and month (`stages.composition`)."""
    figure, axes = house.new(3.6)
    wide = table.pivot(index="at", columns="state", values="customers").fillna(0)
    base = np.zeros(len(wide))
    for state in STAGES[1:]:
        if state in wide:
            axes.bar(
                range(len(wide)), wide[state], bottom=base, color=COLOURS[state], width=0.85, label=state
            )
            base = base + wide[state].to_numpy()
    axes.set_xticks(list(range(len(wide)))[::2], [f"{d:%Y-%m}" for d in wide.index][::2], size=9)
    axes.set_ylabel("customers who ever bought")
    house.thousands(axes.yaxis)
    house.only_horizontal_grid(axes)
    axes.legend(loc="lower left", ncols=5, bbox_to_anchor=(0, 1.0), borderaxespad=0.2)
    return figure


def moves(table: pd.DataFrame) -> Figure:
    """Draw the monthly moves between stages as a matrix of shares (`stages.transitions`)."""
    figure, axes = house.new(3.4)
    wide = table.pivot(index="before", columns="state", values="share")
    wide = wide.reindex(
        index=[s for s in STAGES if s in wide.index], columns=[s for s in STAGES if s in wide]
    )
    shares = wide.fillna(0).to_numpy(float)
    image = np.sqrt(shares)
    axes.imshow(image, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for i in range(wide.shape[0]):
        for j in range(wide.shape[1]):
            share = float(shares[i, j])
            if share > 0:
                text = f"{100 * share:.1f} %" if share >= 0.001 else "<0.1 %"
                axes.text(j, i, text, ha="center", va="center", size=9,
                          color="white" if image[i, j] > 0.7 else house.INK)  # fmt: skip
    axes.set_xticks(range(wide.shape[1]), list(wide.columns))
    axes.set_yticks(range(wide.shape[0]), list(wide.index))
    axes.set_xlabel("a month later")
    axes.set_ylabel("on the first of a month")
    axes.grid(False)
    return figure


def held(found: Held) -> Figure:
    """Draw foreseen and actual purchase days held out, by repeat purchases before."""
    figure, axes = house.new(3.2)
    rows = found.groups
    place = np.arange(len(rows))
    off = house.whiskers(rows, "actual")
    axes.bar(place, rows["expected"], color=house.BLUE, width=0.6, label="foreseen by the model")
    axes.errorbar(
        place, rows["actual"], yerr=off, color=house.INK, linestyle="", marker="o", markersize=5, capsize=3,
        label="came",
    )  # fmt: skip
    axes.set_xticks(place, rows["purchases"])
    axes.set_xlabel("repeat purchase days before")
    axes.set_ylabel(f"purchase days in {found.days} days")
    house.only_horizontal_grid(axes)
    axes.legend(loc="upper left", ncols=2)
    return figure


def tenths(table: pd.DataFrame, currency: str) -> Figure:
    """Draw value a customer by tenth (`worth.deciles`)."""
    figure, axes = house.new(3.0)
    bars = axes.bar(table["tenth"].astype(str), table["value"], color=house.BLUE)
    axes.bar_label(
        bars, [f"{s:.0%}".replace("%", " %") for s in table["share"]], color=house.MUTED, padding=2
    )
    axes.set_xlabel("tenth of customers, the most valuable first; above: share of all value")
    axes.set_ylabel(f"{currency} left in a year")
    house.thousands(axes.yaxis)
    house.only_horizontal_grid(axes)
    return figure


def care(plan: pd.DataFrame, currency: str) -> Figure:
    """Draw what a customer of each segment leaves in a year, or how many there are if that is not known."""
    figure, axes = house.new(3.0)
    rows = plan.iloc[::-1]
    names = [f"{s} ({n:,})" for s, n in zip(rows["segment"], rows["customers"], strict=True)]
    if "value" in rows:
        off = house.whiskers(rows, "value")
        axes.barh(names, rows["value"], xerr=off, color=house.BLUE, ecolor=house.INK)
        axes.set_xlabel(f"{currency} a customer leaves in a year")
    else:
        some = rows["share_of_revenue"].notna().all()
        axes.barh(names, rows["share_of_revenue" if some else "customers"], color=house.BLUE)
        axes.set_xlabel("share of revenue so far" if some else "customers")
        (house.percent if some else house.thousands)(axes.xaxis)
    axes.grid(False, axis="y")
    return figure
