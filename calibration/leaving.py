"""Generators of the studies of survival, each with its truth; seeds are in `run.py`.

Lives are exponential, cut to whole days as dates are, and watched for a random number of days.
"""

from __future__ import annotations

from math import ceil, exp, log

import numpy as np
import pandas as pd

from growth.retention import leaving
from growth.retention.leaving_ratios import hazards
from growth.retention.leaving_reasons import reasons

MEAN, OTHER_MEAN = 200.0, 150.0  # days
CUSTOMERS, WATCHED, WITHIN, HORIZON = 400, 500, 90, 180
RATIOS = {"ads": log(1.5), "direct": log(0.7)}  # hazards against search
WHY = {"late delivery": 1 / 300, "too expensive": 1 / 450, "no need": 1 / 900}  # hazards, a day


def _watched(random: np.random.Generator, days: np.ndarray) -> pd.DataFrame:
    """Cut to whole days, watch each for up to `WATCHED` days, one customer a row."""
    whole = np.floor(days)
    until = random.integers(1, WATCHED, len(days))
    return pd.DataFrame(dict(days=np.minimum(whole, until).astype(float), event=whole <= until, customers=1))


def _within(mean: float, days: int) -> float:
    """Return the chance that a whole day up to `days` is the last: P(floor(T) <= days)."""
    return 1 - exp(-(days + 1) / mean)


def share_and_half(seed: int) -> dict[str, bool]:
    """Do the intervals of the share within 90 days, and of the days until half, hold the truth?"""
    random = np.random.default_rng(seed)
    curve = leaving.everybody(_watched(random, random.exponential(MEAN, CUSTOMERS)), "event")
    _, low, high = leaving.had(curve, WITHIN)
    _, soonest, latest = leaving.half(curve)
    half = ceil(MEAN * log(2) - 1)
    return {
        f"share within {WITHIN} days": bool(low <= _within(MEAN, WITHIN) <= high),
        "days until half": bool(soonest <= half <= latest),
    }


def restricted_difference(seed: int) -> dict[str, bool]:
    """Does the interval of the difference of restricted means hold the truth?"""
    random = np.random.default_rng(seed)
    level = np.repeat(["a", "b"], [CUSTOMERS + 1, CUSTOMERS])  # "a" is the larger: the one compared with
    rows = _watched(random, random.exponential(np.where(level == "a", MEAN, OTHER_MEAN)))
    found = leaving.segments(rows.assign(kind=level), ["kind"], "event", WITHIN, 1)[0]
    row = leaving.restricted(found, HORIZON).iloc[0]
    days = np.arange(HORIZON)
    truth = float(np.sum(np.exp(-(days + 1) / OTHER_MEAN) - np.exp(-(days + 1) / MEAN)))
    return {"restricted means, difference": bool(row["low"] <= truth <= row["high"])}


def _segmented(random: np.random.Generator, ratios: dict[str, float], n: int) -> pd.DataFrame:
    """Customers by channel, which matters by `ratios`, and by city and device, which do not."""
    channel = random.choice(["search", *RATIOS], n, p=[0.5, 0.3, 0.2])
    rate = np.exp([ratios.get(c, 0.0) for c in channel]) / MEAN
    return _watched(random, random.exponential(1 / rate)).assign(
        channel=channel,
        city=random.choice(["tier 1", "tier 2"], n),
        device=random.choice(["phone", "tablet"], n),
    )


SEGMENTS = ("channel", "city", "device")


def hazard_ratios(seed: int) -> dict[str, bool]:
    """Do the intervals of hazard ratios hold the truth, that of a segment without any included?"""
    rows = _segmented(np.random.default_rng(seed), RATIOS, 2 * CUSTOMERS)
    found = hazards(rows, SEGMENTS, "event", 1).table.set_index(["segment", "level"])
    hits = {}
    for name, value in RATIOS.items():
        row = found.loc[("channel", name)]
        hits[f"hazard ratio, {name}"] = bool(row["low"] <= exp(value) <= row["high"])
    row = found.loc["city"].iloc[0]
    hits["hazard ratio, city (1)"] = bool(row["low"] <= 1 <= row["high"])
    return hits


def nothing_between(seed: int) -> dict[str, bool]:
    """Is any of three segments said to differ (Holm, 5 %) where none does?"""
    rows = _segmented(np.random.default_rng(seed), {}, CUSTOMERS)
    found = leaving.segments(rows, SEGMENTS, "event", WITHIN, 1)
    return {"log-rank over three segments": bool(min(s.corrected for s in found) < 0.05)}


def proportional(seed: int) -> dict[str, bool]:
    """Does the test of proportional hazards reject at 5 % where they are?"""
    rows = _segmented(np.random.default_rng(seed), RATIOS, 2 * CUSTOMERS)
    test = hazards(rows, SEGMENTS, "event", 1).proportional
    return {"proportional hazards": bool(test is not None and test.p_value < 0.05)}


def stated_reasons(seed: int) -> dict[str, bool]:
    """Do the intervals of the share that closes for each reason within a year hold the truth?"""
    random = np.random.default_rng(seed)
    rates = np.array(list(WHY.values()))
    days = random.exponential(1 / rates.sum(), CUSTOMERS)
    why = random.choice(list(WHY), CUSTOMERS, p=rates / rates.sum())
    rows = _watched(random, days).rename(columns={"event": "closed"})
    rows["reason"] = np.where(rows["closed"], why, None)
    found = reasons(rows)
    assert found is not None
    table = found.table.set_index("reason")
    ever = _within(1 / rates.sum(), found.within)
    hits = {}
    for name, rate in WHY.items():
        row, truth = table.loc[name], rate / rates.sum() * ever
        hits[f"closed for: {name}"] = bool(row["incidence_low"] <= truth <= row["incidence_high"])
    return hits
