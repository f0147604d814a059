"""Generators of the studies of coming back and leaving, each with its truth in closed form; seeds are in `run.py`."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pandas as pd

from growth.retention import leaving, leaving_ratios, leaving_reasons

RATE = 0.008  # a day: half have come back after 87 days
UNTIL = 90  # days


def _spells(random: np.random.Generator, rate: np.ndarray, **columns: np.ndarray) -> pd.DataFrame:
    """Return customers who come back at these daily rates, watched for 60 to 400 days."""
    time, end = random.exponential(1 / rate), random.uniform(60, 400, len(rate))
    return pd.DataFrame(columns | dict(days=np.minimum(time, end), again=time <= end, customers=1))


def coming_back(seed: int) -> dict[str, bool]:
    """Do the intervals hold the share within 90 days, the day by which half are back, and how much longer some wait?"""
    random = np.random.default_rng(seed)
    kind = np.repeat(["a", "b"], [400, 300])
    rate = np.where(kind == "a", RATE, RATE / 2)
    rows = _spells(random, rate, kind=kind)
    first = leaving.everybody(rows[rows["kind"] == "a"], "again")
    _, low, high = leaving.had(first, UNTIL)
    _, early, late = leaving.half(first)
    hits = {
        "share within 90 days": low <= 1 - exp(-RATE * UNTIL) <= high,
        "half are back": early <= log(2) / RATE <= late,
    }
    found = leaving.segments(rows, ["kind"], "again", UNTIL, 30)[0]
    row = leaving.restricted(found, UNTIL).iloc[0]
    area = {"a": (1 - exp(-RATE * UNTIL)) / RATE, "b": (1 - exp(-RATE / 2 * UNTIL)) / (RATE / 2)}
    truth = area[row["level"]] - area[row["against"]]
    return hits | {"how much longer": bool(row["low"] <= truth <= row["high"])}


def ratios(seed: int) -> dict[str, bool]:
    """Do the intervals of two hazard ratios at once hold them?"""
    random = np.random.default_rng(seed)
    kind, sex = random.choice(["a", "b"], 700, p=[0.6, 0.4]), random.choice(["f", "m"], 700, p=[0.6, 0.4])
    rate = RATE * np.where(kind == "b", 2.0, 1.0) * np.where(sex == "m", 0.7, 1.0)
    rows = _spells(random, rate, kind=kind, sex=sex)
    found = leaving_ratios.hazards(rows, ["kind", "sex"], "again", 30)
    assert found is not None
    table = found.table.set_index("segment")
    hits = {}
    for name, other, truth in (("kind", "b", 2.0), ("sex", "m", 0.7)):
        row = table.loc[name]
        value = truth if row["level"] == other else 1 / truth
        hits[f"hazard ratio {truth:g}"] = bool(row["low"] <= value <= row["high"])
    return hits


def same_levels(seed: int) -> dict[str, bool]:
    """Are any of three segments said to differ (Holm), or hazards not to be proportional, where nothing does?"""
    random = np.random.default_rng(seed)
    parts = {f"s{k}": random.choice([*"abc"], 600) for k in range(3)}
    rows = _spells(random, np.full(600, RATE), **parts)
    found = leaving.segments(rows, list(parts), "again", UNTIL, 30)
    fit = leaving_ratios.hazards(rows, list(parts), "again", 30)
    assert fit is not None and fit.proportional is not None
    return {
        "any segment differs": min(s.corrected for s in found) < 0.05,
        "not proportional": fit.proportional.p_value < 0.05,
    }


REASONS = {"dear": 0.0008, "late": 0.0004}


def stated(seed: int) -> dict[str, bool]:
    """Do the intervals of competing reasons hold their incidence within a year, and that of closing at all?"""
    random = np.random.default_rng(seed)
    n, names = 800, np.array([*REASONS])
    ends = np.array([random.exponential(1 / r, n) for r in REASONS.values()])
    time, end = ends.min(axis=0), random.uniform(100, 900, n)
    closed = time <= end
    rows = pd.DataFrame(
        dict(closed=closed, reason=np.where(closed, names[ends.argmin(axis=0)], None),
             days=np.minimum(time, end), customers=1)
    )  # fmt: skip
    found = leaving_reasons.reasons(rows, 365)
    assert found is not None
    table, total = found.table.set_index("reason"), sum(REASONS.values())
    gone = 1 - exp(-total * 365)
    hits = {"closing at all": found.low <= gone <= found.high}
    for name, rate in REASONS.items():
        row = table.loc[name]
        hits[f"closing: {name}"] = bool(row["incidence_low"] <= gone * rate / total <= row["incidence_high"])
    return hits
