"""Figures of ``06_retention`` on who will buy again and whom it pays to contact."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from growth import figures as house
from growth.retention.churn import SAID, Contest
from growth.retention.targeting import Campaign
from growth.stats import scores


def calibration(found: Contest) -> Figure:
    """Draw predicted against actual shares of buyers, in ten groups of equal size."""
    figure, axes = house.new(3.4)
    table = scores.groups(found.chance, found.hit)
    axes.plot([0, 1], [0, 1], color=house.GREY, linewidth=1)
    axes.plot(table["predicted"], table["actual"], color=house.BLUE, marker="o", markersize=5)
    top = float(max(table["predicted"].max(), table["actual"].max())) * 1.05
    axes.set_xlim(0, top)
    axes.set_ylim(0, top)
    axes.set_xlabel("foreseen share of buyers")
    axes.set_ylabel("share that bought")
    house.percent(axes.xaxis)
    house.percent(axes.yaxis)
    return figure


def aucs(table: pd.DataFrame) -> Figure:
    """Draw the AUC of every model on every quarter, with intervals (`churn_findings.folds`)."""
    figure, axes = house.new(3.2)
    days = sorted(table["tested"].unique())
    for k, (colour, (name, own)) in enumerate(
        zip((house.ORANGE, house.BLUE, house.GREEN), table.groupby("model"), strict=False)
    ):
        place = np.array([days.index(d) for d in own["tested"]]) + 0.12 * (k - 1)
        off = house.whiskers(own, "auc")
        axes.errorbar(
            place, own["auc"], yerr=off, color=colour, linestyle="", marker="o", capsize=3, label=str(name)
        )
    axes.set_xticks(range(len(days)), [f"{d:%Y-%m-%d}" for d in days])
    axes.set_xlabel("quarter from this day on")
    axes.set_ylabel("area under the ROC curve")
    house.only_horizontal_grid(axes)
    axes.legend(loc="lower left", ncols=3, bbox_to_anchor=(0, 1.0), borderaxespad=0.2)
    return figure


def importance(found: Contest) -> Figure:
    """Draw the AUC that is lost without each feature, the largest first, with intervals."""
    table = found.importance.iloc[::-1]
    figure, axes = house.new(0.9 + 0.24 * len(table))
    places = np.arange(len(table))
    off = house.whiskers(table, "loss")
    axes.errorbar(table["loss"], places, xerr=off, color=house.BLUE, linestyle="", marker="o", capsize=3)
    axes.axvline(0, color=house.INK, linewidth=1)
    axes.set_yticks(places, [SAID.get(f, f) for f in table["feature"]])
    axes.set_xlabel("AUC lost when the feature is shuffled")
    return figure


def profit(found: Campaign, currency: str) -> Figure:
    """Draw profit by depth on the quarter held out: by expected profit, by risk, at random."""
    figure, axes = house.new(3.8)
    rows = found.curve
    axes.plot(
        rows["depth"],
        rows["realised"],
        color=house.BLUE,
        marker="o",
        markersize=3,
        label="by expected profit",
    )
    axes.plot(rows["depth"], rows["by_risk"], color=house.ORANGE, label="by risk")
    axes.plot(rows["depth"], rows["at_random"], color=house.GREY, linestyle="--", label="at random")
    axes.axvline(found.chosen / found.customers, color=house.INK, linewidth=1, linestyle=":")
    axes.axhline(0, color=house.INK, linewidth=1)
    axes.set_xlabel("share of customers contacted; dotted: those expected to pay more than a contact costs")
    axes.set_ylabel(f"profit, {currency}")
    house.percent(axes.xaxis)
    house.thousands(axes.yaxis)
    axes.legend(loc="lower left", ncols=3, bbox_to_anchor=(0, 1.0), borderaxespad=0.2)
    return figure
