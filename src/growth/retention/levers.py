"""Did points, tiers or a community help? What is not randomised is adjusted, doubted, and tried on the past."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np
import pandas as pd

from growth.errors import attempt
from growth.stats.adjusted import Adjusted, adjusted
from growth.stats.contrast import Estimate

HOLDS, FRAGILE, NOTHING = "may hold", "do not trust", "no effect seen"
SMALL = 0.10  # a robustness value below this: a confounder that explains less than a tenth would do
LEVERS = {
    "points": "the points club",
    "community": "a community",
    "tier": "a tier above the first",
}


@dataclass(frozen=True)
class Lever:
    """What being in something goes with, and what of it can be believed.

    Parameters
    ----------
    name, label : str
    found : Adjusted
        Share who buy in the last whole quarter: members against others, plain and adjusted.
    left_out : int
        Customers of whom a covariate is not known.
    placebo : Estimate or None
        The same adjusted comparison of those who joined only later with those who never did, of the quarter **before**
        they joined: nothing can have worked yet. None where nobody joins later.
    verdict : str
        `HOLDS`, `FRAGILE` or `NOTHING`.
    reasons : tuple of str
    """

    name: str
    label: str
    found: Adjusted
    left_out: int
    placebo: Estimate | None
    verdict: str
    reasons: tuple[str, ...]


def covariates(rows: pd.DataFrame, earned: bool = False) -> tuple[dict[str, np.ndarray], pd.Series]:
    """Return what a membership may follow, and which rows know all of it.

    Channel and city (every pair of them) and tenure: what was known when a customer came. What a customer did after
    joining is no covariate, for it may be the very effect; but what is `earned` by buying follows what was bought.
    """
    names = [c for c in ("channel", "city") if rows[c].notna().any()]
    whole = rows[names].notna().all(axis=1) if names else pd.Series(True, index=rows.index)
    own = rows[whole]
    made: dict[str, np.ndarray] = {"tenure": np.log1p(own[["tenure"]].to_numpy(float))}
    if names:
        pairs = own[names].astype(str).agg(" / ".join, axis=1)
        made[" and ".join(names)] = pd.get_dummies(pairs, drop_first=True).to_numpy(float)
    if earned:
        bought = own[["spent", "bought", "bought_91", "bought_182", "recency"]].astype(float)
        made["what was bought"] = np.log1p(bought.to_numpy())
    return made, whole


def lever(rows: pd.DataFrame, name: str, confidence: float = 0.95) -> Lever:
    """Judge one lever on the last quarter that is over.

    Parameters
    ----------
    rows : DataFrame
        The mart ``snapshots``.
    name : str
        A key of `LEVERS`.
    confidence : float

    Raises
    ------
    ValueError
        If no table knows of it, or too few are in it.
    """
    over = rows[rows["again"].notna()]
    last = over[over["at"] == over["at"].max()]
    member = _members(last, name)
    seen, whole = covariates(last, earned=name == "tier")
    outcome = (last["again"].astype(float) > 0).to_numpy()
    found = adjusted(member[whole], outcome[whole], seen, confidence)
    placebo = _placebo(last, name, confidence)
    verdict, reasons = _verdict(found, placebo)
    return Lever(name, LEVERS[name], found, int((~whole).sum()), placebo, verdict, reasons)


def _members(rows: pd.DataFrame, name: str) -> np.ndarray:
    if rows.empty or rows[name].isna().all():
        raise ValueError("no table says who is in it")
    if name != "tier":
        return rows[name].fillna(False).to_numpy(bool)
    lowest = rows["tier"].mode().sort_values().iloc[0]
    return (rows["tier"].notna() & (rows["tier"] != lowest)).to_numpy(bool)


def _placebo(rows: pd.DataFrame, name: str, confidence: float) -> Estimate | None:
    """Compare those who join in the quarter to come with those who do not, on buying in the quarter before."""
    soon = f"{name}_soon"
    if soon not in rows or rows[soon].isna().all():
        return None
    own = rows[~rows[name].fillna(False).astype(bool) & (rows["tenure"] > 91)]
    seen, whole = covariates(own)
    bought = (own["bought_91"].astype(float) > 0).to_numpy()
    try:
        return adjusted(own[soon].to_numpy(bool)[whole], bought[whole], seen, confidence).value
    except ValueError:
        return None


def _verdict(found: Adjusted, placebo: Estimate | None) -> tuple[str, tuple[str, ...]]:
    """Return what can be believed, by rules: nothing seen; else every doubt there is."""
    if found.value.low <= 0 <= found.value.high:
        return NOTHING, ("the adjusted interval holds 0",)
    s, reasons = found.sensitivity, []
    if placebo is not None and not placebo.low <= 0 <= placebo.high:
        reasons.append("those who joined only later differed already before they did")
    if s.robustness_sure < SMALL:
        reasons.append(
            f"a hidden confounder that explains {100 * s.robustness_sure:.1f} % of both would undo it"
        )
    if 0 < s.times < 1:  # at 0 the reason before has said so
        reasons.append(f"one {s.times:.1f} times as strong as {s.strongest} would undo it")
    if found.balance.after > 0.1 or found.balance.extreme > 0.1:
        reasons.append("members and others hardly overlap")
    if reasons:
        return FRAGILE, tuple(reasons)
    if s.strongest and isfinite(s.times):
        unless = f"unless a hidden confounder is {s.times:.1f} times as strong as {s.strongest}"
        return HOLDS, (f"{unless}; nobody was drawn by lot",)
    return HOLDS, ("none of these doubts applies, but nobody was drawn by lot",)


def levers(rows: pd.DataFrame, confidence: float = 0.95) -> tuple[list[Lever], dict[str, str]]:
    """Judge every lever; return those that can be, and why the others cannot."""
    found, refused = [], {}
    for name in LEVERS:
        one, why = attempt(lever, rows, name, confidence)
        if one is None:
            refused[name] = why
        else:
            found.append(one)
    return found, refused


def table(found: list[Lever]) -> pd.DataFrame:
    """Return a row a lever: members, plain and adjusted difference, what it takes to undo it, placebo, verdict."""
    rows = []
    for x in found:
        a, s = x.found, x.found.sensitivity
        rows.append(
            dict(lever=x.label, members=a.treated, others=a.others, plain=a.naive.value, adjusted=a.value.value,
                 low=a.value.low, high=a.value.high, overlap=a.balance.effective, robustness=s.robustness,
                 robustness_sure=s.robustness_sure, as_strong_as=s.strongest, then=s.under_strongest,
                 times=s.times if isfinite(s.times) else None,
                 ratio=a.ratio, evalue=a.evalue, evalue_sure=a.evalue_sure,
                 placebo=x.placebo.value if x.placebo else None, verdict=x.verdict)
        )  # fmt: skip
    return pd.DataFrame(rows)
