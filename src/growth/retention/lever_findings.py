"""The sentences of ``06_retention`` on points, tiers and communities."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from growth.retention.levers import Lever
from growth.words import minus

if TYPE_CHECKING:
    from growth.report.notebook import Notebook

POINTS = {c: "{:+.2%}" for c in ("plain", "adjusted", "low", "high", "then", "placebo")}
STRENGTH = {c: "{:.2f}" for c in ("times", "ratio", "evalue", "evalue_sure")}
SHARES = {c: "{:.1%}" for c in ("overlap", "robustness", "robustness_sure")}


def levers(nb: Notebook, found: list[Lever]) -> None:
    """Record what being in each goes with, and what of it can be believed."""
    for x in found:
        a, s = x.found, x.found.sensitivity
        tail = f"; {x.reasons[0]}" if x.reasons else ""
        series = dict(plain=a.naive.value, robustness=s.robustness, robustness_sure=s.robustness_sure)
        strength = dict(
            times=s.times, ratio=a.ratio, ratio_low=a.ratio_low, ratio_high=a.ratio_high, evalue=a.evalue,
            evalue_sure=a.evalue_sure,
        )  # fmt: skip
        series |= {k: v for k, v in strength.items() if isfinite(v)}
        if x.placebo is not None:
            series |= dict(placebo=x.placebo.value, placebo_low=x.placebo.low, placebo_high=x.placebo.high)
        nb.finding(
            f"F8.{x.name}",
            f"Members of {x.label} buy in a quarter {_points(a.naive.value)} more often than others; adjusted for what "
            f"is known {_points(a.value.value)} ({nb.level} {_points(a.value.low)} to {_points(a.value.high)}). "
            f"Verdict: {x.verdict}{tail}.",
            a.value.value,
            "share",
            low=a.value.low,
            high=a.value.high,
            n=a.treated + a.others,
            method="augmented inverse-probability weighting; robustness value of Cinelli and Hazlett; E-value",
            caveats="Not randomised. "
            + (
                f"{x.left_out:,} customers of whom channel or city is not known are left out."
                if x.left_out
                else ""
            ),
            series=series,
        )


def _points(share: float) -> str:
    return minus(f"{100 * share:+.1f} points")
