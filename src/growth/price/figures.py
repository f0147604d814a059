"""Figures of ``04_price``."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from growth import figures as house
from growth.price.ladder import Rung
from growth.price.model import Level


def rungs(found: list[Rung], top: Level) -> Figure:
    """Draw the ladder of estimates, the naive on top, and the level that is decided with."""
    shown = [r for r in found if r.estimate is not None and not r.refused]
    figure, axes = house.new(1.2 + 0.36 * len(shown))
    place = range(len(shown) - 1, -1, -1)
    axes.axvspan(top.estimate.low, top.estimate.high, color=house.GREEN, alpha=0.2, linewidth=0)
    axes.axvline(top.estimate.value, color=house.GREEN, linewidth=1.5)
    axes.axvline(0, color=house.INK, linewidth=1)
    for y, r in zip(place, shown, strict=True):
        e = r.estimate
        assert e is not None
        colour = house.GREEN if r.name in top.sources else house.GREY
        axes.plot([e.low, e.high], [y, y], color=colour, linewidth=2)
        axes.plot(e.value, y, color=colour, marker="o", markersize=6)
    axes.set_yticks(list(place), [r.name for r in shown])
    axes.set_xlabel("elasticity: per cent of units a per cent of price")
    axes.grid(False, axis="y")
    return figure


def cloud(rows: pd.DataFrame, own: float, value: float) -> Figure:
    """Draw one product's weeks: units by price, raw and with the week's and its own mean taken out."""
    figure, (left, right) = house.new(3.6, columns=2)
    plain = rows[rows["promotion"] == 0]
    cheap = rows[rows["promotion"] > 0]
    left.scatter(plain["price"], plain["units"], s=14, color=house.BLUE, label="regular weeks")
    if len(cheap):
        left.scatter(cheap["price"], cheap["units"], s=14, color=house.ORANGE, label="with a promotion")
    left.set_xlabel("price")
    left.set_ylabel("units a week")
    left.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=1, borderaxespad=0.2)
    right.scatter(rows["x"], rows["y"], s=14, color=house.GREY)
    span = rows["x"].agg(["min", "max"])
    for slope, colour, label in ((own, house.GREY, "its own weeks"), (value, house.GREEN, "to decide with")):
        right.plot(
            span, slope * span, color=colour, label=f"{label} {slope:.1f}".replace("-", "\N{MINUS SIGN}")
        )
    right.set_xlabel("log price, effects taken out")
    right.set_ylabel("log units, effects taken out")
    right.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=1, borderaxespad=0.2)
    for axes in (left, right):
        house.only_horizontal_grid(axes)
    return figure


def profit(curve: pd.DataFrame, row: pd.Series, observed: tuple[float, float], currency: str) -> Figure:
    """Draw profit by price (`offers.curve`) with its interval, today's price and the one to charge."""
    figure, axes = house.new(3.4)
    axes.axvspan(*observed, color=house.GRID, linewidth=0, label="prices seen")
    axes.fill_between(curve["price"], curve["low"], curve["high"], color=house.BLUE, alpha=0.3, linewidth=0)
    axes.plot(curve["price"], curve["gain"], color=house.BLUE, label="expected")
    axes.axvline(float(row["today"]), color=house.INK, linestyle="--", label="today")
    axes.axvline(float(row["price"]), color=house.GREEN, label="to charge")
    axes.set_xlabel(f"price, {currency}")
    axes.set_ylabel(f"{currency} a week, more than today")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, borderaxespad=0.2)
    return figure


def changes(table: pd.DataFrame) -> Figure:
    """Draw the reasons of the price list."""
    counts = table["reason"].value_counts().iloc[::-1]
    figure, axes = house.new(1.0 + 0.32 * len(counts))
    axes.barh(counts.index, counts, color=house.BLUE)
    axes.set_xlabel("products")
    axes.grid(False, axis="y")
    return figure


def segments(table: pd.DataFrame) -> Figure:
    """Draw the elasticity of each segment."""
    names = [f"{r['kind']}: {r['level']}" for _, r in table.iterrows()][::-1]
    rows = table.iloc[::-1]
    figure, axes = house.new(1.0 + 0.32 * len(rows))
    axes.errorbar(
        rows["elasticity"], range(len(rows)), xerr=house.whiskers(rows, "elasticity"), color=house.BLUE, linestyle="",
        marker="o", capsize=3,
    )  # fmt: skip
    axes.set_yticks(range(len(rows)), names)
    axes.set_xlabel("elasticity")
    axes.grid(False, axis="y")
    return figure


def matrix(table: pd.DataFrame) -> Figure:
    """Draw cross elasticities: row, whose units; column, whose price. The diagonal (own price) is left blank."""
    names = [house.plain(n) for n in table.index]
    figure, axes = house.new(2.2 + 0.34 * len(names))
    values: list[list[float]] = table.astype(float).to_numpy().tolist()
    apart = [[None if i == j else v for j, v in enumerate(row)] for i, row in enumerate(values)]
    most = max(abs(v) for row in apart for v in row if v is not None) or 1.0
    axes.imshow(pd.DataFrame(apart, dtype=float), cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto")
    for i, row in enumerate(values):
        for j, value in enumerate(row):
            text = f"{round(value, 1) + 0.0:.1f}".replace("-", "\N{MINUS SIGN}")
            dark = i != j and abs(value) > 0.6 * most
            axes.text(j, i, text, ha="center", va="center", fontsize=9, color="white" if dark else house.INK)
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("whose price")
    axes.set_ylabel("whose units")
    axes.grid(False)
    return figure


def demand(days: pd.DataFrame, ahead: pd.DataFrame, currency: str) -> Figure:
    """Draw revenue by day of the last weeks and the forecast with its interval."""
    figure, axes = house.new(3.4)
    lately = days.tail(120)
    axes.plot(lately["date"], lately["value"], color=house.INK, linewidth=1, label="seen")
    axes.fill_between(ahead["date"], ahead["low"], ahead["high"], color=house.BLUE, alpha=0.3, linewidth=0)
    axes.plot(ahead["date"], ahead["median"], color=house.BLUE, label="forecast")
    axes.set_ylim(0, None)
    axes.set_ylabel(f"{currency} a day")
    house.thousands(axes.yaxis)
    house.only_horizontal_grid(axes)
    figure.autofmt_xdate(rotation=0, ha="center")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2)
    return figure


def stages(table: pd.DataFrame) -> Figure:
    """Draw revenue by class and stage of life."""
    wide = table.pivot_table(index="abc", columns="stage", values="share", aggfunc="sum").fillna(0)
    figure, axes = house.new(2.6)
    base = 0.0 * wide.sum(axis=1).iloc[::-1]
    colours = dict(launch=house.ORANGE, growth=house.GREEN, maturity=house.BLUE, decline=house.GREY)
    for stage in [c for c in ("launch", "growth", "maturity", "decline", "end", "not known") if c in wide]:
        axes.barh(
            wide.index[::-1],
            wide[stage].iloc[::-1],
            left=base,
            color=colours.get(stage, house.GRID),
            label=stage,
        )
        base = base + wide[stage].iloc[::-1]
    axes.set_xlabel("share of revenue")
    house.percent(axes.xaxis)
    axes.grid(False, axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=5, borderaxespad=0.2)
    return figure
