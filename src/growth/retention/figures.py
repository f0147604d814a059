"""Figures of ``06_retention``."""

from __future__ import annotations

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from growth import figures as house


def curve(pool: pd.DataFrame, period: str, act: str) -> Figure:
    """Draw the pooled retention curve (what `model.pooled` returns, from age 1) with its interval."""
    figure, axes = house.new(3.8)
    axes.fill_between(
        pool["age"], pool["lowest"], pool["highest"], color=house.GRID, label="range of the cohorts"
    )
    axes.fill_between(pool["age"], pool["low"], pool["high"], color=house.BLUE, alpha=0.3, label="interval")
    axes.plot(pool["age"], pool["share"], color=house.BLUE, marker="o", markersize=4, label="all cohorts")
    axes.set_ylim(0, None)
    axes.set_xticks(pool["age"])
    axes.set_xlabel(f"{period}s since the {period} of the first {act}")
    axes.set_ylabel(f"active in that {period}")
    house.percent(axes.yaxis)
    house.only_horizontal_grid(axes)
    axes.legend(loc="lower right", ncols=3, bbox_to_anchor=(1, 1.0), borderaxespad=0.2)
    return figure


def triangle(cells: pd.DataFrame, period: str, act: str) -> Figure:
    """Draw the triangle (what `model.triangle` returns): share active by cohort and age; unknown cells stay empty."""
    grid = cells.pivot(index="cohort", columns="age", values="share").iloc[:, 1:]
    sizes = cells.drop_duplicates("cohort").set_index("cohort")
    names = [
        f"{c:%Y-%m}" + (f"-{c:%d}" if period == "week" else "") + ("*" if sizes.left_truncated[c] else "")
        for c in grid.index
    ]
    labels = [f"{name}   {sizes['size'][c]:,}" for name, c in zip(names, grid.index, strict=True)]
    figure, axes = house.new(1.3 + 0.3 * len(grid))
    small = {"size": 8.5 if grid.shape[1] <= 13 else 7}
    sns.heatmap(
        grid.to_numpy() * 100, annot=True, fmt=".0f", annot_kws=small, cmap="Blues", vmin=0,
        linewidths=1, linecolor="white", ax=axes, cbar_kws={"label": "active, %", "shrink": 0.6},
        xticklabels=[str(a) for a in grid.columns], yticklabels=labels,
    )  # fmt: skip
    axes.tick_params(length=0, labeltop=len(grid) > 20)
    axes.tick_params(axis="y", rotation=0)
    axes.tick_params(axis="x", rotation=0)
    axes.set_xlabel(f"{period}s since the {period} of the first {act}")
    axes.set_ylabel("cohort, customers")
    axes.grid(False)
    return figure


def ledger(rows: pd.DataFrame, period: str) -> Figure:
    """Draw where the active customers of each period come from, and who is gone (`accounting.ledger`)."""
    figure, axes = house.new(3.8)
    place = range(len(rows))
    base = pd.Series(0, index=rows.index)
    for name, colour in (("retained", house.BLUE), ("resurrected", house.GREEN), ("new", house.ORANGE)):
        axes.bar(place, rows[name], bottom=base, color=colour, width=0.8, label=name)
        base = base + rows[name]
    axes.bar(place, -rows["churned"], color=house.GREY, width=0.8, label="churned")
    axes.axhline(0, color=house.INK, linewidth=1)
    step = max(1, len(rows) // 10)
    pattern = "%Y-%m" if period == "month" else "%Y-%m-%d"
    axes.set_xticks(
        list(place)[::step], [f"{s:{pattern}}" for s in rows["start"]][::step], rotation=0, size=9
    )
    axes.set_ylabel("customers")
    house.thousands(axes.yaxis)
    house.only_horizontal_grid(axes)
    axes.legend(loc="lower left", ncols=4, bbox_to_anchor=(0, 1.0), borderaxespad=0.2)
    return figure


def habit(rows: pd.DataFrame) -> Figure:
    """Draw the customers active in 28 days, in the last 7 of them and on a day (`accounting.habit`)."""
    figure, axes = house.new(3.2)
    for name, column, colour in (
        ("28 days", "monthly", house.BLUE),
        ("last 7", "weekly", house.GREEN),
        ("a day, mean", "daily", house.ORANGE),
    ):
        axes.plot(rows["at"], rows[column], color=colour, marker="o", markersize=3, label=name)
    axes.set_ylim(0, None)
    axes.set_ylabel("active customers")
    house.thousands(axes.yaxis)
    house.only_horizontal_grid(axes)
    axes.legend(loc="lower left", ncols=3, bbox_to_anchor=(0, 1.0), borderaxespad=0.2)
    return figure


def cycle(rows: pd.DataFrame, period: str) -> Figure:
    """Draw who came back by calendar period, over what their ages lead to expect (`cycle.cycle`)."""
    figure, axes = house.new(3.2)
    axes.axhline(1, color=house.INK, linewidth=1)
    for kind, colour, label in (
        ("", house.GREY, "as expected"),
        ("peak", house.GREEN, "peak"),
        ("trough", house.ORANGE, "trough"),
    ):
        own = rows[rows["kind"] == kind]
        if len(own):
            axes.errorbar(
                own["start"], own["ratio"], yerr=house.whiskers(own, "ratio"), color=colour, linestyle="",
                marker="o", markersize=4, label=label,
            )  # fmt: skip
    axes.set_ylabel(f"came back in the {period}, over expected")
    house.only_horizontal_grid(axes)
    axes.legend(loc="lower left", ncols=3, bbox_to_anchor=(0, 1.0), borderaxespad=0.2)
    return figure


def purchase_days(counts: pd.DataFrame, what: str) -> Figure:
    """Draw how many customers had `what` (``an order``, ``a visit``) on how many days (`model.purchase_days`)."""
    figure, axes = house.new(3.0)
    bars = axes.bar(counts["label"], counts["share"], color=house.BLUE)
    axes.bar_label(
        bars, [f"{s:.0%}".replace("%", " %") for s in counts["share"]], color=house.MUTED, padding=2
    )
    axes.set_xlabel(f"days with {what}")
    axes.set_ylabel("customers")
    house.percent(axes.yaxis)
    house.only_horizontal_grid(axes)
    return figure
