"""Generators of the studies of cohorts; seeds are in `run.py`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from growth.retention import cycle, model
from growth.retention.model import Calendar
from growth.stats.proportions import homogeneity

RETURN = {1: 0.21, 2: 0.17, 3: 0.12, 6: 0.08}


def _cohorts(seed: int) -> pd.DataFrame:
    """Twelve monthly cohorts of 40 to 400 customers who return at age a with probability `RETURN[a]`, independently."""
    random = np.random.default_rng(seed)
    rows = []
    for month, size in enumerate(random.integers(40, 400, 12)):
        cohort = pd.Timestamp(2024, month + 1, 1).date()
        rows.append((cohort, 0, int(size)))
        rows += [(cohort, age, int(random.binomial(size, p))) for age, p in RETURN.items()]
    return pd.DataFrame(rows, columns=["cohort", "age", "customers"])


def retention_curve(seed: int) -> dict[str, bool]:
    """Does the pooled interval hold the probability, and does a single cell's?"""
    cells = model.triangle(_cohorts(seed), Calendar("month", pd.Timestamp(2025, 1, 1).date()))
    pool = model.pooled(cells).set_index("age")
    hits = {
        f"pooled age {a}": bool(pool.loc[a, "low"] <= p <= pool.loc[a, "high"]) for a, p in RETURN.items()
    }
    first = cells[(cells["age"] == 1) & (cells["why_empty"] == "")].iloc[0]
    hits["one cell, age 1"] = bool(first["low"] <= RETURN[1] <= first["high"])
    return hits


def same_cohorts(seed: int) -> dict[str, bool]:
    """Does the test of equal cohorts reject at 5 % where they are equal?"""
    counts = _cohorts(seed)
    sizes = counts[counts["age"] == 0]["customers"].to_numpy()
    back = counts[counts["age"] == 1]["customers"].to_numpy()
    return {"equal cohorts, age 1": bool(homogeneity(back, sizes)[2] < 0.05)}


PERIODS, JOINING = 18, 250


def no_cycle(seed: int) -> dict[str, bool]:
    """Is there any peak or trough (Holm, 5 %) where no period differs? Some customers come often, many never."""
    random = np.random.default_rng(seed)
    rows = []
    for month in range(PERIODS):
        cohort = (pd.Timestamp(2024, 1, 1) + pd.DateOffset(months=month)).date()
        chance = random.beta(0.4, 1.6, JOINING)
        rows.append((cohort, 0, JOINING))
        rows += [
            (cohort, age, int((random.random(JOINING) < chance * 0.97**age).sum()))
            for age in range(1, PERIODS - month)
        ]
    calendar = Calendar("month", pd.Timestamp(2025, 7, 1).date())
    counts = pd.DataFrame(rows, columns=["cohort", "age", "customers"])
    found = cycle.cycle(model.triangle(counts, calendar), calendar)
    return {"a peak or trough": bool(found["kind"].ne("").any())}
