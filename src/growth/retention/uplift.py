"""What a randomised action added, and whether it added more with customers who are foreseen to buy more.

The campaign by expected profit (`targeting`) takes an action to raise what a customer leaves by one share for all.
Here that share is measured, and the assumption tried, wherever an action was drawn by lot.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from growth.errors import attempt
from growth.retention.worth import WEEK, grouped
from growth.stats.contrast import Estimate, critical, difference
from growth.stats.moments import Floats, Moments
from growth.stats.purchase import mbg_nbd
from growth.stats.samples import sample_ratio

GROUPS = 4
FEWEST = 200  # customers an arm
BROKEN = 0.001  # p-value of the sample ratio


@dataclass(frozen=True, eq=False)
class Uplift:
    """What one arm added against the control.

    Parameters
    ----------
    experiment, name, arm : str
    customers, control : int
        Who had bought before, in the arm and in the control.
    days : int
        How long both were watched.
    gain : Estimate
        Money a customer while it was watched, arm less control.
    lift, low, high : float
        The arm's mean over the control's, less 1: the share by which it raises what a customer brings.
    groups : DataFrame
        ``group, customers, foreseen`` (purchases), ``control, treated`` (money a customer), ``gain, gain_low,
        gain_high, lift, low, high``: quarters of the customers by foreseen purchases, the fewest first.
    same_lift : float
        p-value of one lift for all groups.
    aiming : Estimate
        What is gained by taking those first who are foreseen to buy most, over taking anybody: money a customer, mean
        over all shares that might be taken.
    curve : DataFrame
        ``share, aimed, anybody``: money a customer of all, if that share is given the arm.
    """

    experiment: str
    name: str
    arm: str
    customers: int
    control: int
    days: int
    gain: Estimate
    lift: float
    low: float
    high: float
    groups: pd.DataFrame
    same_lift: float
    aiming: Estimate
    curve: pd.DataFrame


def uplift(rows: pd.DataFrame, arm: str, confidence: float = 0.95) -> Uplift:
    """Judge one arm of one experiment.

    Parameters
    ----------
    rows : DataFrame
        The mart ``tried`` of one experiment.
    arm : str
        Not the control.
    confidence : float

    Raises
    ------
    ValueError
        If arms are not of their planned shares, one is too small, money does not vary, or nobody bought in a group:
        then there is no ratio.

    Notes
    -----
    Purchases are foreseen by the MBG/NBD of all customers' patterns before the experiment, so that the ranking knows
    nothing of arms or outcomes. Equal lifts: Cochran's Q (1954) of the logs, weights by their variance (delta method).
    Aiming: a customer ranked at share u from the top is taken at all shares above u, so the mean over shares of the
    gain, less that of anybody, is the effect on (1/2 - u) y: a plain difference of means. It is the area between the
    uplift curve and its chord (Radcliffe 2007), with an interval.
    """
    _as_drawn(rows)
    own = rows[(rows["arm"] == arm) | rows["control"].astype(bool)].reset_index(drop=True)
    d = (own["arm"] == arm).to_numpy()
    if min(d.sum(), (~d).sum()) < FEWEST:
        raise ValueError(f"fewer than {FEWEST} customers who had bought before are in {arm!r} or its control")
    y, foreseen = np.asarray(own["came"], float), _foreseen(own)
    top = _from_the_top(foreseen)
    groups = _groups(y, d, foreseen, confidence)
    first = own.iloc[0]
    return Uplift(
        str(first["experiment_id"]), str(first["name"]), arm, int(d.sum()), int((~d).sum()), int(first["days"]),
        _gain(y, d, confidence), *_lift(y, d, confidence), groups, _same(groups, confidence),
        _gain((0.5 - top) * y, d, confidence), _curve(y, d, top),
    )  # fmt: skip


def _as_drawn(rows: pd.DataFrame) -> None:
    """Refuse arms whose sizes did not come by the lot that was planned."""
    arms = rows.groupby("arm").agg(customers=("customer_id", "size"), planned=("planned", "first"))
    planned = arms["planned"].astype(float).fillna(1.0).to_numpy()
    p = sample_ratio(list(arms["customers"]), list(planned / planned.sum())).p_value
    if p < BROKEN:
        raise ValueError(
            f"its arms are not of the planned sizes (p = {p:.1g}): who is in which was not left to the lot"
        )


def _foreseen(rows: pd.DataFrame) -> Floats:
    """Return the purchase days to expect while it is watched, from the patterns before."""
    x, t_x, t = (rows[c].to_numpy(float) for c in ("x", "t_x", "t"))
    model = mbg_nbd(*grouped(x, t_x / WEEK, t / WEEK, np.ones(len(rows))))
    return np.asarray(np.round(model.expected(rows["days"].iloc[0] / WEEK, x, t_x / WEEK, t / WEEK), 12))


def _from_the_top(score: Floats) -> Floats:
    """Return where each stands from the top, 0 to 1; equal scores share the middle of their places."""
    place = pd.Series(-score).rank(method="average").to_numpy()
    return np.asarray((place - 0.5) / len(score))


def _gain(y: Floats, d: np.ndarray, confidence: float) -> Estimate:
    control, treated = (Moments.of({"y": y[side]}) for side in (~d, d))
    return difference(control, treated, "y", confidence)


def _log_ratio(y: Floats, d: np.ndarray) -> tuple[float, float]:
    a, b = y[~d], y[d]
    if min(len(a), len(b)) < 2 or min(a.mean(), b.mean()) <= 0:
        raise ValueError("nobody brought anything in one arm: there is no ratio")
    parts = [v.var(ddof=1) / len(v) / v.mean() ** 2 for v in (a, b)]
    return log(b.mean() / a.mean()), sqrt(sum(parts))


def _lift(y: Floats, d: np.ndarray, confidence: float) -> tuple[float, float, float]:
    value, error = _log_ratio(y, d)
    half = critical(np.inf, confidence) * error
    return exp(value) - 1, exp(value - half) - 1, exp(value + half) - 1


def _groups(y: Floats, d: np.ndarray, foreseen: Floats, confidence: float) -> pd.DataFrame:
    edges = np.quantile(foreseen, np.arange(1, GROUPS) / GROUPS)
    number = np.searchsorted(edges, foreseen, side="left")
    rows: list[dict[str, float]] = []
    for k in np.unique(number):
        own = number == k
        gain, lift = _gain(y[own], d[own], confidence), _lift(y[own], d[own], confidence)
        rows.append(
            dict(group=len(rows) + 1, customers=int(own.sum()), foreseen=float(foreseen[own].mean()),
                 control=float(y[own & ~d].mean()), treated=float(y[own & d].mean()), gain=gain.value,
                 gain_low=gain.low, gain_high=gain.high, lift=lift[0], low=lift[1], high=lift[2])
        )  # fmt: skip
    return pd.DataFrame(rows)


def _same(groups: pd.DataFrame, confidence: float) -> float:
    """Return the p-value of equal lifts (Cochran's Q of the logs)."""
    if len(groups) < 2:
        return float("nan")
    value = np.log1p(groups["lift"].to_numpy())
    width = np.log1p(groups["high"].to_numpy()) - np.log1p(groups["low"].to_numpy())
    error = width / 2 / critical(np.inf, confidence)
    weight = 1 / error**2
    q = float(weight @ (value - weight @ value / weight.sum()) ** 2)
    return float(chdtrc(len(groups) - 1, q))


def _curve(y: Floats, d: np.ndarray, top: Floats) -> pd.DataFrame:
    everybody = y[d].mean() - y[~d].mean()
    rows = [dict(share=0.0, aimed=0.0, anybody=0.0)]
    for share in np.round(np.arange(0.1, 1.01, 0.1), 1):
        taken = top <= share
        aimed = float((y * taken)[d].mean() - (y * taken)[~d].mean())
        rows.append(dict(share=float(share), aimed=aimed, anybody=float(share * everybody)))
    return pd.DataFrame(rows)


def all_arms(rows: pd.DataFrame, confidence: float = 0.95) -> tuple[list[Uplift], dict[str, str]]:
    """Judge every arm of every experiment; return those that can be, and why the others cannot (by name)."""
    found, refused = [], {}
    for _, own in rows.groupby("experiment_id"):
        for arm in sorted(own.loc[~own["control"].astype(bool), "arm"].unique()):
            one, why = attempt(uplift, own, arm, confidence)
            if one is None:
                refused[f"{own['name'].iloc[0]}, {arm}"] = why
            else:
                found.append(one)
    return found, refused


def table(found: list[Uplift]) -> pd.DataFrame:
    """Return a row an arm: what it added, the lift, whether the lift is one, and what aiming gains."""
    return pd.DataFrame(
        [
            dict(experiment=u.name, arm=u.arm, customers=u.customers, control=u.control, gain=u.gain.value,
                 gain_low=u.gain.low, gain_high=u.gain.high, lift=u.lift, low=u.low, high=u.high,
                 same_lift=u.same_lift, aiming=u.aiming.value, aiming_low=u.aiming.low, aiming_high=u.aiming.high)
            for u in found
        ]
    )  # fmt: skip
