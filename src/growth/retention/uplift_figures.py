"""Figures of ``06_retention`` on what a randomised action added."""

from __future__ import annotations

from matplotlib.figure import Figure

from growth import figures as house
from growth.retention.uplift import Uplift


def uplift(found: Uplift, currency: str) -> Figure:
    """Draw the gain by group of foreseen purchases, and the uplift curve beside that of taking anybody."""
    figure, (left, right) = house.new(3.4, columns=2)
    g = found.groups
    off = [g["gain"] - g["gain_low"], g["gain_high"] - g["gain"]]
    left.axhline(0, color=house.INK, linewidth=1)
    left.errorbar(g["group"], g["gain"], yerr=off, color=house.BLUE, linestyle="", marker="o", capsize=3)
    left.set_xticks(g["group"], [f"{v:.2f}" for v in g["foreseen"]])
    left.set_xlabel("purchases foreseen, quarters of customers")
    left.set_ylabel(f"{currency} a customer, gained")
    house.only_horizontal_grid(left)
    c = found.curve
    right.plot(c["share"], c["anybody"], color=house.GREY, label="anybody")
    right.plot(
        c["share"], c["aimed"], color=house.GREEN, marker="o", markersize=3, label="most foreseen first"
    )
    right.axhline(0, color=house.INK, linewidth=1)
    right.set_xlabel("share of customers given it")
    right.set_ylabel(f"{currency} a customer of all")
    house.percent(right.xaxis)
    house.only_horizontal_grid(right)
    right.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2)
    return figure
