"""What each day of a test would have said: fixed horizon, planned looks, always valid; and how long a test must run."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import PCG64, Generator

from growth.promotions.design import Cells, Design
from growth.promotions.effect import one_look
from growth.stats.contrast import critical
from growth.stats.power import power, smallest_effect
from growth.stats.sequential import always_valid, lan_demets

DAILY = ("orders", "revenue", "contribution")


@dataclass(frozen=True)
class Replay:
    """The days of a test in one arm.

    Parameters
    ----------
    arm, metric : str
    days : DataFrame
        ``day, units, base, value, error, naive_low, naive_high, low, high, crossed``: what the control has had a
        unit, the difference so far, the interval of somebody who looks but once, and that of the design;
        ``crossed``: the design's interval excluded 0 at a look.
    looks : tuple of datetime.date
        Days of the planned looks.
    """

    arm: str
    metric: str
    days: pd.DataFrame
    looks: tuple[dt.date, ...]

    @property
    def first_naive(self) -> dt.date | None:
        """The first day on which the naive interval excluded 0."""
        out = self.days[(self.days["naive_low"] > 0) | (self.days["naive_high"] < 0)]
        return out["day"].iloc[0] if len(out) else None

    @property
    def first_crossed(self) -> dt.date | None:
        """The first day on which the design would have allowed to stop."""
        out = self.days[self.days["crossed"]]
        return out["day"].iloc[0] if len(out) else None


def running(days: pd.DataFrame, arm: str, metric: str, cost: float, until: dt.date) -> pd.DataFrame:
    """Return, by day, units and the mean and variance of what an arm's units have had since the start.

    Parameters
    ----------
    days : DataFrame
        One experiment's rows of the mart ``days``: increments of sums and squares.
    arm, metric : str
    cost : float
        Cost a unit of the arm, taken off the mean from the start.
    until : datetime.date
        First day that is left out.
    """
    own = days[(days["arm"] == arm) & (days["day"] < until)].sort_values("day").set_index("day")
    units = own["entered"].cumsum().astype(float)
    total, squares = (own[c].map(float).cumsum() for c in (metric, f"{metric}_squares"))
    mean = total / units
    variance = (squares - units * mean**2) / (units - 1)
    return pd.DataFrame({"units": units, "mean": mean - cost, "variance": variance})


def replay(design: Design, days: pd.DataFrame, arm: str) -> Replay | None:
    """Return what each day would have said of an arm; None where days are not known or nothing happened.

    The metric is the goal's where it is known by day, else orders. A goal that counts the days after is seen to
    their end.
    """
    if design.begin is None or design.end is None or days.empty:
        return None
    metric = design.goal.metric if design.goal.metric in DAILY else "orders"
    until = design.until if design.goal.window == "total" and design.until else design.end
    cost = {a.name: a.unit_cost if metric == "contribution" else 0.0 for a in design.arms}
    c, t = (running(days, a, metric, cost[a], until) for a in (design.control.name, arm))
    both = c.join(t, how="outer", rsuffix="_t").ffill().dropna()
    both = both[(both["units"] > 1) & (both["units_t"] > 1) & (both["variance"] + both["variance_t"] > 0)]
    if both.empty:
        return None
    out = pd.DataFrame(
        {
            "day": both.index,
            "units": both["units"] + both["units_t"],
            "base": both["mean"],
            "value": both["mean_t"] - both["mean"],
            "error": np.sqrt(both["variance"] / both["units"] + both["variance_t"] / both["units_t"]),
        }
    ).reset_index(drop=True)
    looks = look_days(design, until)
    return Replay(arm, metric, _bounded(out, design, looks), looks)


def look_days(design: Design, until: dt.date) -> tuple[dt.date, ...]:
    """Return the last days of the planned looks, evenly over the test; of a fixed test its last day alone."""
    assert design.begin is not None
    length = (until - design.begin).days
    count = design.looks if design.way == "group_sequential" else 1
    return tuple(design.begin + dt.timedelta(days=ceil(length * (k + 1) / count) - 1) for k in range(count))


def _bounded(out: pd.DataFrame, design: Design, looks: tuple[dt.date, ...]) -> pd.DataFrame:
    """Add the naive interval, that of the design, and where the design would have stopped."""
    z = critical(float("inf"), design.confidence)
    out["naive_low"], out["naive_high"] = out["value"] - z * out["error"], out["value"] + z * out["error"]
    if design.way == "always_valid":
        found = [
            always_valid(v, e, int(n), design.confidence)
            for v, e, n in zip(out["value"], out["error"], out["units"], strict=True)
        ]
        out["low"], out["high"] = [f.low for f in found], [f.high for f in found]
        out["crossed"] = (out["low"] > 0) | (out["high"] < 0)
        return out
    bounds = lan_demets([(k + 1) / len(looks) for k in range(len(looks))], design.alpha)
    at = np.searchsorted(np.array(looks, dtype="datetime64[D]"), out["day"].to_numpy("datetime64[D]"))
    width = bounds[np.minimum(at, len(looks) - 1)] * out["error"]
    out["low"], out["high"] = out["value"] - width, out["value"] + width
    is_look = out["day"].isin(looks)
    out["crossed"] = is_look & ((out["low"] > 0) | (out["high"] < 0))
    return out


@dataclass(frozen=True)
class Next:
    """What the next test of this kind can find.

    Parameters
    ----------
    error : float
        Standard error of the difference at the size of this test.
    base : float
        The control's mean.
    smallest : float
        Smallest effect that it finds with the planned power, relative to the control; NaN where that is 0.
    units_for : dict of float to int
        Relative effect -> units of all arms together that find it.
    days_for : dict of float to int or None
        Relative effect -> days that this audience needs; None: longer than this test ran.
    """

    error: float
    base: float
    smallest: float
    units_for: dict[float, int]
    days_for: dict[float, int | None]


WANTED = (0.05, 0.10, 0.20, 0.40)


def next_test(design: Design, cells: Cells, arm: str, seen: Replay | None, error: float) -> Next | None:
    """Plan from the error that the analysis itself uses (`error`, of the chosen estimate of the goal)."""
    base = cells.arms[design.control.name].mean_of(design.goal.key)
    if base == 0:
        return None
    alpha = 1 - one_look(design, sum(cells.arms[a].n for a in (design.control.name, arm)))
    smallest = smallest_effect(error, alpha, design.power)
    units = sum(m.n for m in cells.arms.values())
    units_for = {w: ceil(units * (smallest / abs(w * base)) ** 2) for w in WANTED}
    return Next(error, base, smallest / abs(base), units_for, _days_for(design, seen, alpha))


def _days_for(design: Design, seen: Replay | None, alpha: float) -> dict[float, int | None]:
    """Return the first day from which on the error so far finds an effect of the control's mean so far."""
    out: dict[float, int | None] = dict.fromkeys(WANTED)
    if seen is None or design.begin is None:
        return out
    for wanted in WANTED:
        strong = [
            power(abs(wanted * b), e, alpha) >= design.power
            for b, e in zip(seen.days["base"], seen.days["error"], strict=True)
        ]
        # The last day that was too weak decides: an error by luck small on the first days does not count.
        weak = [i for i, s in enumerate(strong) if not s]
        first = weak[-1] + 1 if weak else 0
        if first < len(strong):
            out[wanted] = (seen.days["day"].iloc[first] - design.begin).days + 1
    return out


def relative_error(seen: Replay) -> pd.DataFrame:
    """Return ``days, smallest``: by length of the test, the smallest relative effect found with 80 % power at 5 %."""
    size = smallest_effect(1.0)
    days = seen.days[seen.days["base"] != 0]
    start = days["day"].iloc[0]
    return pd.DataFrame(
        {
            "days": [(d - start).days + 1 for d in days["day"]],
            "smallest": size * days["error"].to_numpy() / np.abs(days["base"].to_numpy()),
        }
    )


def expected_looks_wrong(looks: int, simulations: int = 20_000, seed: int = 7) -> float:
    """Return how often somebody who tests at 5 % at each of evenly spaced looks finds an effect that is not there."""
    draws = Generator(PCG64(seed)).standard_normal((simulations, looks)).cumsum(axis=1)
    z = draws / np.sqrt(np.arange(1, looks + 1))
    return float((np.abs(z) > critical(float("inf"), 0.95)).any(axis=1).mean())


def as_rows(plans: dict[str, Next]) -> list[dict[str, Any]]:
    """Return a row an experiment for the table of the next tests."""
    rows = []
    for name, n in plans.items():
        row: dict[str, Any] = dict(experiment=name, smallest=n.smallest)
        row |= {f"units for {100 * w:.0f} %": n.units_for[w] for w in WANTED[1:3]}
        row |= {f"days for {100 * w:.0f} %": n.days_for[w] for w in WANTED[2:]}
        rows.append(row)
    return rows
