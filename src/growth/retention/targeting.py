"""Whom it pays to contact: by expected profit, judged on a quarter that was held out, beside targeting by risk.

A contact is taken to raise what a customer leaves in the next quarter by a share, the same for all: then it is worth
most where most is left to raise, and nothing with those who are gone. The share is an assumption until a randomised
test has measured it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan, sqrt
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor

from growth.retention.churn import SEED, Contest, designs, pairs, past, predict
from growth.stats.contrast import critical
from growth.stats.moments import Floats

DEPTHS = np.round(np.arange(0, 1.0001, 0.05), 2)


def expected_money(train: pd.DataFrame, test: pd.DataFrame) -> Floats:
    """Return the money that each customer of `test` is expected to bring in the quarter after it.

    Parameters
    ----------
    train, test : DataFrame
        Rows of the mart ``snapshots``: of past days whose outcome is over, and of the day to foretell.

    Notes
    -----
    Boosted trees with Poisson deviance: the mean of a non-negative amount, zeros kept (Santos Silva and Tenreyro 2006).
    """
    known, new = designs(train, test)
    model = HistGradientBoostingRegressor(
        loss="poisson",
        max_iter=60,
        learning_rate=0.06,
        max_leaf_nodes=15,
        min_samples_leaf=60,
        random_state=SEED,
    )
    model.fit(known.to_numpy(), np.maximum(train["came"].astype(float).to_numpy(), 0))
    return np.asarray(model.predict(new.to_numpy()))


@dataclass(frozen=True)
class Campaign:
    """A campaign judged on the last quarter that is over, and planned for the next.

    Parameters
    ----------
    curve : DataFrame
        ``depth, customers, expected, realised, by_risk, at_random``: profit of contacting that share of customers, the
        most profitable (expected and realised), the most likely to be lost, or anybody.
    customers, chosen : int
        Of the quarter held out, and those expected to pay more than a contact costs.
    foreseen : float
        Profit expected of contacting the chosen, before the quarter.
    realised, low, high : float
        … and as it came, with its interval over customers.
    pays_from, pays_from_low, pays_from_high : float
        The lift from which on contacting the chosen would have paid, whatever it is assumed to be, with its interval;
        infinite where they may have brought nothing, NaN where nobody is chosen.
    by_risk, everybody : float
        Of contacting as many by risk, and all.
    against_risk, against_low, against_high : float
        Realised less by risk.
    next_customers, next_chosen : int
        Of the quarter to come.
    next_expected : float
        Its expected profit.
    """

    curve: pd.DataFrame
    customers: int
    chosen: int
    foreseen: float
    realised: float
    low: float
    high: float
    pays_from: float
    pays_from_low: float
    pays_from_high: float
    by_risk: float
    everybody: float
    against_risk: float
    against_low: float
    against_high: float
    next_customers: int
    next_chosen: int
    next_expected: float


def campaign(
    rows: pd.DataFrame, found: Contest, margin: float, lift: float, cost: float, confidence: float = 0.95
) -> Campaign:
    """Plan by what the quarters before taught, and judge on the quarter held out.

    Parameters
    ----------
    rows : DataFrame
        The mart ``snapshots``.
    found : Contest
        Its best model says who is at risk.
    margin, lift, cost : float
        Share of money that is left, the share by which a contact raises it (assumed), and what a contact costs.
    confidence : float
    """
    day = pairs(rows)[-1][1]
    train, test = past(rows, day), rows[rows["at"] == day]
    worth = margin * lift * expected_money(train, test) - cost
    gained = margin * lift * test["came"].astype(float).to_numpy() - cost
    by_value, by_risk = np.argsort(-worth, kind="stable"), np.argsort(found.chance, kind="stable")
    chosen = int((worth > 0).sum())
    mine, risky = np.zeros(len(test)), np.zeros(len(test))
    mine[by_value[:chosen]] = gained[by_value[:chosen]]
    risky[by_risk[:chosen]] = gained[by_risk[:chosen]]
    total, half = _sum(mine, confidence)
    apart, apart_half = _sum(mine - risky, confidence)
    newest = rows[rows["at"] == rows["at"].max()]
    ahead = margin * lift * expected_money(past(rows, newest["at"].iloc[0]), newest) - cost
    return Campaign(
        _curve(worth, gained, by_value, by_risk), len(test), chosen, float(worth[worth > 0].sum()),
        total, total - half, total + half,
        *_pays_from(margin * test["came"].to_numpy(float)[by_value[:chosen]], cost, confidence),
        float(risky.sum()), float(gained.sum()), apart, apart - apart_half, apart + apart_half,
        len(newest), int((ahead > 0).sum()), float(ahead[ahead > 0].sum()),
    )  # fmt: skip


def _sum(values: Floats, confidence: float) -> tuple[float, float]:
    """Return the sum over customers and half its interval: customers are a sample of those who might have been."""
    n = len(values)
    return float(values.sum()), critical(inf, confidence) * sqrt(n) * float(values.std(ddof=1))


def _pays_from(left: Floats, cost: float, confidence: float) -> tuple[float, float, float]:
    """Return the lift at which a contact of customers who leave so much is worth its cost, and its interval."""
    if len(left) < 2:
        return nan, nan, nan
    mean, half = float(left.mean()), critical(inf, confidence) * float(left.std(ddof=1)) / sqrt(len(left))
    at = [cost / x if x > 0 else inf for x in (mean, mean + half, mean - half)]
    return at[0], at[1], at[2]


def _curve(worth: Any, gained: Any, by_value: Any, by_risk: Any) -> pd.DataFrame:
    rows = []
    for depth in DEPTHS:
        k = round(depth * len(worth))
        rows.append(
            dict(depth=float(depth), customers=k, expected=float(worth[by_value[:k]].sum()),
                 realised=float(gained[by_value[:k]].sum()), by_risk=float(gained[by_risk[:k]].sum()),
                 at_random=float(gained.mean() * k))
        )  # fmt: skip
    return pd.DataFrame(rows)


def next_quarter(rows: pd.DataFrame, margin: float, lift: float, cost: float) -> pd.DataFrame:
    """Return ``customer_id, profit, risk`` of the newest snapshot: what a contact is expected to leave, and who may go.

    ``risk`` is the chance of not buying in the quarter to come (logistic).
    """
    newest = rows[rows["at"] == rows["at"].max()]
    known = past(rows, newest["at"].iloc[0])
    profit = margin * lift * expected_money(known, newest) - cost
    return pd.DataFrame(
        dict(
            customer_id=newest["customer_id"].to_numpy(),
            profit=profit,
            risk=1 - predict("logistic", known, newest),
        )
    )
