"""Did points, tiers or a community help? What is not randomised is adjusted, doubted, and tried on the past."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np
import pandas as pd

from growth.errors import attempt
from growth.stats.adjusted import Adjusted, adjusted
from growth.stats.contrast import Estimate

HOLDS, FRAGILE, BIASED = "may hold", "fragile, test it before paying for it", "do not trust"
NOTHING = "no effect seen"
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
        Customers of whom a covariate is not known, or to whose channel and city nobody of the other side belongs.
    placebo : Estimate or None
        The same adjusted comparison of those who join in the quarter to come with those who do not, of the quarter
        **before**, over all quarters: nothing can have worked yet. None where nobody joins later.
    verdict : str
        `NOTHING` seen; `BIASED`: those who joined later differed before they joined; `FRAGILE`: a weak hidden
        confounder would do, and nothing says whether there is one; else it `HOLDS`.
    reasons : tuple of str
    """

    name: str
    label: str
    found: Adjusted
    left_out: int
    placebo: Estimate | None
    verdict: str
    reasons: tuple[str, ...]


def covariates(
    rows: pd.DataFrame, member: np.ndarray, earned: bool = False
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return what a membership may follow, and which rows can be compared.

    Channel and city (every pair of them) and tenure: what was known when a customer came; and the quarter, where there
    are several. What a customer did after joining is no covariate, for it may be the very effect; but what is `earned`
    by buying follows what was bought. Rows that do not know it all are not compared, nor are pairs of channel and city
    in which all are members or none is.
    """
    names = [c for c in ("channel", "city") if rows[c].notna().any()]
    known = rows[names].notna().all(axis=1).to_numpy()
    labels = rows[names].astype(object).where(rows[names].notna(), "-").astype(str)
    pairs = labels.agg(" / ".join, axis=1) if names else pd.Series("", index=rows.index)
    inside = pd.Series(member[known]).groupby(pairs[known].to_numpy()).transform("mean").to_numpy()
    usable = known.copy()
    usable[known] = (inside > 0) & (inside < 1)
    own, pairs = rows[usable], pairs[usable]
    made: dict[str, np.ndarray] = {"tenure": np.log1p(own[["tenure"]].to_numpy(float))}
    if names:
        made[" and ".join(names)] = pd.get_dummies(pairs, drop_first=True).to_numpy(float)
    if own["at"].nunique() > 1:
        made["quarter"] = pd.get_dummies(own["at"], drop_first=True).to_numpy(float)
    if earned:
        bought = own[["spent", "bought", "bought_91", "bought_182", "recency"]].astype(float)
        made["what was bought"] = np.log1p(bought.to_numpy())
    return made, usable


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
    seen, usable = covariates(last, member, earned=name == "tier")
    outcome = (last["again"].astype(float) > 0).to_numpy()
    found = adjusted(member[usable], outcome[usable], seen, confidence)
    placebo = _placebo(over, name, confidence)
    verdict, reasons = _verdict(found, placebo)
    return Lever(name, LEVERS[name], found, int((~usable).sum()), placebo, verdict, reasons)


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
    joins = own[soon].to_numpy(bool)
    seen, usable = covariates(own, joins)
    bought = (own["bought_91"].astype(float) > 0).to_numpy()
    who = pd.factorize(own["customer_id"])[0]
    found, _ = attempt(adjusted, joins[usable], bought[usable], seen, confidence, who[usable])
    return found.value if found else None


def _verdict(found: Adjusted, placebo: Estimate | None) -> tuple[str, tuple[str, ...]]:
    """Return what can be believed, by rules: nothing seen; else every doubt there is."""
    if found.value.low <= 0 <= found.value.high:
        return NOTHING, ("the adjusted interval holds 0",)
    s, reasons = found.sensitivity, []
    biased = placebo is not None and not placebo.low <= 0 <= placebo.high
    if biased:
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
        return BIASED if biased else FRAGILE, tuple(reasons)
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
