"""What customers are worth: purchase models judged on held-out time, lifetime value, and care by segment."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import pandas as pd

from growth.errors import attempt
from growth.stats import rfm
from growth.stats.adequacy import Regularity, adequacy, regularity
from growth.stats.contrast import critical
from growth.stats.likelihood import jacobian, spread
from growth.stats.moments import Floats
from growth.stats.pareto import pareto_nbd
from growth.stats.purchase import Patterns, PurchaseModel, bg_nbd, mbg_nbd
from growth.stats.spend import LifetimeValue, SpendModel, gamma_gamma, lifetime_value

WEEK = 7.0  # days: models count in weeks
YEAR = 365.25 / WEEK
FITS = {"BG/NBD": bg_nbd, "MBG/NBD": mbg_nbd, "Pareto/NBD": pareto_nbd}
FEWEST = 30
FATAL = {"few_repeaters", "no_dropout", "bound"}
GROUPS = ((0, 0), (1, 1), (2, 2), (3, 4), (5, 9), (10, 10**9))


@dataclass(frozen=True)
class Held:
    """A model fitted to the first part of the data, held against the rest.

    Parameters
    ----------
    model : PurchaseModel
    days, customers : int
        Length of the part held out; customers who were there before it.
    expected, actual : float
        Purchase days held out, foreseen and seen.
    bias, low, high : float
        expected / actual - 1, with its interval: over customers, and for the uncertainty of the parameters.
    correlation : float
        Between what was foreseen and what came, customer by customer.
    groups : DataFrame
        ``purchases, customers, expected, actual, low, high``: a customer's mean, by repeat purchases before.
    """

    model: PurchaseModel
    days: int
    customers: int
    expected: float
    actual: float
    bias: float
    low: float
    high: float
    correlation: float
    groups: pd.DataFrame


def held(table: pd.DataFrame, kind: str = "BG/NBD", confidence: float = 0.95) -> Held:
    """Fit a purchase model to the first part of the data and hold its forecast against the rest.

    Parameters
    ----------
    table : DataFrame
        The mart ``held_out``.
    kind : str
        One of `FITS`.
    confidence : float

    Raises
    ------
    ValueError
        If there is nothing to fit, or nothing was bought in the part held out.
    """
    if table.empty or not int((table["bought"] * table["customers"]).sum()):
        raise ValueError("nobody bought in the part of the data that was held out")
    n = table["customers"].to_numpy(float)
    if n.sum() < FEWEST:
        raise ValueError(f"fewer than {FEWEST} customers were there before the part held out")
    x, t_x, t = (table[c].to_numpy(float) / d for c, d in (("x", 1.0), ("t_x", WEEK), ("t", WEEK)))
    model = FITS[kind](*grouped(x, t_x, t, n))
    days = int(table["hold_out"].iloc[0])
    foreseen, came = model.expected(days / WEEK, x, t_x, t), table["bought"].to_numpy(float)
    expected, actual, customers = float(n @ foreseen), float(n @ came), float(n.sum())
    # ratio of two sums over the same customers: linearised
    bent = foreseen - expected / actual * came
    chance = sqrt(float(n @ (bent - n @ bent / customers) ** 2) * customers / (customers - 1)) / actual
    known = expected / actual * _total_error(model, Patterns.of(x, t_x, t, n), days / WEEK)
    half = critical(customers - 1, confidence) * sqrt(chance**2 + known**2)
    bias = expected / actual - 1
    return Held(
        model, days, int(customers), expected, actual, bias, bias - half, bias + half,
        _correlation(foreseen, came, n), _by_purchases(x, foreseen, came, n, confidence),
    )  # fmt: skip


def _total_error(model: PurchaseModel, at: Patterns, horizon: float) -> float:
    """Return the standard error of the log of all expected purchases, from that of the parameters (delta method)."""

    def total(theta: Floats) -> Floats:
        return np.log([at.count @ np.exp(model._log_expected(theta, np.full(at.x.shape, horizon), at))])

    return float(spread(jacobian(total, model.fit.theta), model.fit.covariance)[0])


def contest(table: pd.DataFrame, confidence: float = 0.95) -> dict[str, Held]:
    """Return every model of `FITS` that can be fitted, held against the rest; arguments and refusals as `held`."""
    tried = {kind: attempt(held, table, kind, confidence) for kind in FITS}
    found = {kind: one for kind, (one, _) in tried.items() if one is not None}
    if not found:
        raise ValueError(next(why for _, why in tried.values()))
    return found


def grouped(x: np.ndarray, t_x: np.ndarray, t: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return distinct patterns and their counts: what the likelihood of all of them costs."""
    both = pd.DataFrame(dict(x=x, t_x=t_x, t=t, n=n)).groupby(["x", "t_x", "t"], as_index=False)["n"].sum()
    return tuple(both[c].to_numpy(float) for c in ("x", "t_x", "t", "n"))


def _correlation(a: np.ndarray, b: np.ndarray, n: np.ndarray) -> float:
    a, b = a - n @ a / n.sum(), b - n @ b / n.sum()
    scale = sqrt(float(n @ a**2) * float(n @ b**2))
    return float(n @ (a * b)) / scale if scale else float("nan")


def _by_purchases(
    x: np.ndarray, foreseen: np.ndarray, came: np.ndarray, n: np.ndarray, confidence: float
) -> pd.DataFrame:
    rows = []
    for low, high in GROUPS:
        own = (x >= low) & (x <= high)
        size = float(n[own].sum())
        if size < 2:
            continue
        mean = float(n[own] @ came[own]) / size
        spread = sqrt(float(n[own] @ (came[own] - mean) ** 2) / (size - 1) / size)
        half = critical(size - 1, confidence) * spread
        name = f"{low}" if low == high else f"{low}+" if high > 10**6 else f"{low} to {high}"
        rows.append(
            dict(purchases=name, customers=int(size), expected=float(n[own] @ foreseen[own]) / size, actual=mean,
                 low=max(mean - half, 0.0), high=mean + half)
        )  # fmt: skip
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Fitted:
    """A purchase model of all the data, what speaks against it, and the timing of purchases."""

    kind: str
    model: PurchaseModel
    gates: list[tuple[str, str]]
    timing: Regularity | None

    @property
    def broken(self) -> bool:
        """Return whether its forecasts mean nothing."""
        return any(code in FATAL for code, _ in self.gates)


def fitted(worth: pd.DataFrame, gaps: pd.DataFrame, kind: str = "BG/NBD") -> Fitted:
    """Fit a purchase model to every customer (the mart ``worth``) and judge it (``gap_pairs`` for the timing)."""
    n = np.ones(len(worth))
    at = (
        worth["x"].to_numpy(float),
        worth["t_x"].to_numpy(float) / WEEK,
        worth["t"].to_numpy(float) / WEEK,
        n,
    )
    model = FITS[kind](*grouped(*at))
    timing = (
        regularity(gaps["first"], gaps["second"], gaps["customers"]) if gaps["customers"].sum() > 1 else None
    )
    return Fitted(kind, model, adequacy(model, timing), timing)


def spending(worth: pd.DataFrame) -> SpendModel:
    """Fit gamma-gamma to the mean amount of repeat purchase days, of customers who have any.

    Raises
    ------
    ValueError
        If too few have one, or an amount is not positive.
    """
    x, mean = _repeat_spend(worth)
    again = x > 0
    return gamma_gamma(x[again], mean[again])


def _repeat_spend(worth: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    x = worth["x"].to_numpy(float)
    more = worth["amount"].astype(float).to_numpy() - worth["first_amount"].astype(float).to_numpy()
    return x, np.where(x > 0, more / np.maximum(x, 1), 0.0)


def net(worth: pd.DataFrame) -> pd.Series:
    """Return what each customer has paid, less what was paid back if revenue is net of refunds."""
    return worth["amount"].astype(float) - worth["refunded"].astype(float)


def kept(worth: pd.DataFrame) -> float:
    """Return the share of sales that was not paid back.

    Raises
    ------
    ValueError
        If refunds are as large as sales.
    """
    share = float(net(worth).sum() / worth["amount"].astype(float).sum())
    if share <= 0:
        raise ValueError("refunds are as large as sales or larger: nothing is left of a purchase")
    return share


def values(
    worth: pd.DataFrame, model: PurchaseModel, spend: SpendModel, margin: float, discount: float,
    confidence: float = 0.95,
) -> LifetimeValue:  # fmt: skip
    """Return what each customer's purchases of the next year will leave, discounted by the month.

    Parameters
    ----------
    worth : DataFrame
        The mart of that name: a row a customer.
    model, spend : PurchaseModel, SpendModel
    margin : float
        Share of revenue that is left after goods and handling; of it the share that is not paid back (`kept`).
    discount : float
        A year's rate.
    confidence : float

    Raises
    ------
    ValueError
        As `kept`.
    """
    x, mean = _repeat_spend(worth)
    margin *= kept(worth)
    t_x, t = worth["t_x"].to_numpy(float) / WEEK, worth["t"].to_numpy(float) / WEEK
    return lifetime_value(
        model, spend, x, t_x, t, mean, horizon=YEAR, period=YEAR / 12, discount=(1 + discount) ** (1 / 12) - 1,
        margin=margin, confidence=confidence,
    )  # fmt: skip


def deciles(value: LifetimeValue) -> pd.DataFrame:
    """Return ``tenth, customers, value, share``: customers in ten equal groups by value, the best first."""
    order = np.argsort(-value.value, kind="stable")
    rows = []
    for k, part in enumerate(np.array_split(order, 10), 1):
        own = value.value[part]
        if own.size:
            rows.append(
                dict(
                    tenth=k,
                    customers=int(own.size),
                    value=float(own.mean()),
                    share=float(own.sum()) / value.total,
                )
            )
    return pd.DataFrame(rows)


CARE = {
    "best": "thank them: early access, a person to turn to; no discounts they do not need",
    "loyal": "keep the habit: reminders at their own cadence",
    "new": "the second order: onboarding, a first-month follow-up",
    "cooling": "a reminder now, before the habit is gone",
    "at risk": "a personal message; an offer only where a test shows it pays",
    "asleep": "leave alone, or the cheapest channel",
}


def segments(worth: pd.DataFrame, params: object) -> pd.DataFrame:
    """Return each customer's ``recency, frequency, money`` scores and ``segment``, in the order of `worth`.

    Parameters
    ----------
    worth : DataFrame
        The mart of that name.
    params : object
        ``rfm_days, rfm_orders, rfm_money``: four cut points each.
    """
    days = (worth["t"] - worth["t_x"]).to_numpy(float)
    recency = rfm.score(days, params.rfm_days, more_is_better=False)  # type: ignore[attr-defined]
    frequency = rfm.score(worth["orders"], params.rfm_orders)  # type: ignore[attr-defined]
    money = rfm.score(net(worth), params.rfm_money)  # type: ignore[attr-defined]
    return pd.DataFrame(
        dict(recency=recency, frequency=frequency, money=money, segment=rfm.segment(recency, frequency))
    )


def care_plan(
    worth: pd.DataFrame, scored: pd.DataFrame, value: LifetimeValue | None, lift: float, cost: float
) -> pd.DataFrame:
    """Return what to do with each segment, and what that is expected to leave.

    Parameters
    ----------
    worth, scored : DataFrame
    value : LifetimeValue or None
        None where the purchase model is broken: then nothing is expected.
    lift, cost : float
        Assumed: the share by which care raises what a customer leaves in a year, and what it costs a customer.

    Returns
    -------
    DataFrame
        ``segment, customers, share_of_revenue, value, low, high, expected, pays_from, care``: value a customer over a
        year with its interval, expected return of care a customer, and the lift from which it pays. Where refunds are
        as large as sales there is no revenue to have a share of: empty.
    """
    frame = scored.assign(amount=net(worth).to_numpy())
    total = frame["amount"].sum()
    if value is not None:
        frame = frame.assign(value=value.value, low=value.low, high=value.high)
    rows = []
    for name in rfm.SEGMENTS:
        own = frame[frame["segment"] == name]
        if own.empty:
            continue
        share = own["amount"].sum() / total if total > 0 else np.nan
        row = dict(segment=name, customers=len(own), share_of_revenue=share)
        if value is not None:
            mean = float(own["value"].mean())
            row |= dict(value=mean, low=own["low"].mean(), high=own["high"].mean())
            row |= dict(expected=lift * mean - cost, pays_from=cost / mean)
        rows.append(row | dict(care=CARE[name]))
    return pd.DataFrame(rows)


def cells(worth: pd.DataFrame, scored: pd.DataFrame) -> pd.DataFrame:
    """Return ``recency, frequency, money, segment, customers, orders, revenue``: the table that others read."""
    frame = scored.assign(orders=worth["orders"].to_numpy(), revenue=net(worth).to_numpy(), customers=1)
    keys = ["recency", "frequency", "money", "segment"]
    return frame.groupby(keys, as_index=False)[["customers", "orders", "revenue"]].sum()
