"""What the studies of experiments draw: real spend resampled, and users with many sessions.

The population is the Hillstrom e-mail test's arms, drawn with replacement, so that every truth is known exactly;
its spend is as heavy-tailed as promotions' are (99 % of customers spend nothing).
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from growth.stats.adjust import adjusted
from growth.stats.contrast import difference, lift, ratio_difference
from growth.stats.moments import Floats, Moments
from growth.stats.sequential import always_valid, lan_demets, repeated_interval

SIZES = (5_000, 21_306)
LOOKS = 5
DAYS, A_DAY = 100, 200
NAMES = ("spend", "visit", "history", "recency")
ARMS = {"no e-mail": "No E-Mail", "womens": "Womens E-Mail", "mens": "Mens E-Mail"}


def file() -> Path:
    """Where the public datasets are: GROWTH_DATASETS, or beside the repository."""
    named = os.environ.get("GROWTH_DATASETS") or Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(named) / "hillstrom" / "hillstrom.csv"


def here() -> bool:
    return file().is_file()


@cache
def population() -> dict[str, Floats]:
    """Return each arm's customers, shape (metrics, customers)."""
    rows = pd.read_csv(file(), usecols=["segment", *NAMES])
    return {
        arm: np.ascontiguousarray(rows.loc[rows["segment"] == name, list(NAMES)].to_numpy(float).T)
        for arm, name in ARMS.items()
    }


def _drawn(random: np.random.Generator, arm: str, n: int, *names: str) -> Floats:
    whole = population()[arm]
    at = random.integers(whole.shape[1], size=n)
    return np.array([whole[NAMES.index(name)][at] for name in names])


def _group(rows: Floats, *names: str) -> Moments:
    return Moments.of(dict(zip(names, rows, strict=True)))


def no_effect(seed: int) -> dict[str, bool]:
    """Does a test at 5 % reject where both arms are drawn from one population?"""
    random = np.random.default_rng(seed)
    found = {}
    for n in SIZES:
        a, b = (_group(_drawn(random, "no e-mail", n, *NAMES), *NAMES) for _ in range(2))
        found[f"Welch, {n:,} an arm"] = difference(a, b, "spend").p_value < 0.05
        found[f"CUPED, {n:,} an arm"] = (
            adjusted(a, b, "spend", ["history", "recency"]).estimate.p_value < 0.05
        )
        found[f"spend per visit, {n:,} an arm"] = ratio_difference(a, b, "spend", "visit").p_value < 0.05
    return found


def lifts(seed: int) -> dict[str, bool]:
    """Does Fieller's set hold the lift of one population's mean spend over another's?"""
    random = np.random.default_rng(seed)
    mean = {arm: float(rows[0].mean()) for arm, rows in population().items()}
    found = {}
    for n in SIZES:
        control = _group(_drawn(random, "no e-mail", n, "spend"), "spend")
        for arm in ARMS:
            truth = mean[arm] / mean["no e-mail"] - 1
            treated = _group(_drawn(random, arm, n, "spend"), "spend")
            found[f"{truth:+.0%}, {n:,} an arm"] = lift(control, treated, "spend").holds(truth)
    return found


@cache
def _bounds() -> Floats:
    return lan_demets(np.arange(1, LOOKS + 1) / LOOKS)


def _looks(random: np.random.Generator, n: int, looks: int) -> list[tuple[Moments, Moments]]:
    """Return both arms' moments at every look, units coming in equal parts."""
    names = ("spend", "visit")
    arms = []
    for _ in range(2):
        so_far, seen = None, []
        for part in np.array_split(_drawn(random, "no e-mail", n, *names), looks, axis=1):
            new = _group(part, *names)
            so_far = new if so_far is None else so_far + new
            seen.append(so_far)
        arms.append(seen)
    return list(zip(*arms, strict=True))


def planned_looks(seed: int) -> dict[str, bool]:
    """Is there, at any of five looks, a false positive by O'Brien and Fleming's bounds?"""
    looks = _looks(np.random.default_rng(seed), SIZES[-1], LOOKS)
    found = {}
    for name in ("spend", "visit"):
        effects = [difference(a, b, name) for a, b in looks]
        ends = [repeated_interval(e.value, e.error, z) for e, z in zip(effects, _bounds(), strict=True)]
        found[f"{name}, {LOOKS} looks"] = any(low > 0 or high < 0 for low, high in ends)
    return found


def every_day(seed: int) -> dict[str, bool]:
    """Is there, on any of a hundred days, a false positive by the always-valid interval?"""
    looks = _looks(np.random.default_rng(seed), DAYS * A_DAY, DAYS)
    found = {}
    for name in ("spend", "visit"):
        positive = False
        for a, b in looks:
            if a.var(name) + b.var(name) > 0:  # before the first purchase there is nothing to test
                e = difference(a, b, name)
                positive |= always_valid(e.value, e.error, a.n + b.n).p_value < 0.05
        found[f"{name}, {DAYS} looks"] = positive
    return found


def sessions(random: np.random.Generator, users: int) -> tuple[Floats, Floats]:
    """Return sessions and orders of users: the busier a user, the likelier, too, that a session ends in an order."""
    busy = random.gamma(1.5, 1.0, users)
    visits = 1 + random.poisson(2 * busy)
    share = random.beta(1 + busy, 9)
    return visits.astype(float), random.binomial(visits, share).astype(float)


def clustered(seed: int) -> dict[str, bool]:
    """Does orders per session, users randomised, reject at 5 % where there is no effect?"""
    random = np.random.default_rng(seed)
    found = {}
    for users in (300, 2_000):
        arms = [_group(np.array(sessions(random, users)), "sessions", "orders") for _ in range(2)]
        found[f"orders per session, {users:,} users"] = (
            ratio_difference(*arms, "orders", "sessions").p_value < 0.05
        )
    return found
