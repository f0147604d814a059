"""Credit against truth: how far each rule over-claims, and one table of what every channel brought.

A channel has what a test measured, or else its rule's credit scaled by what the tests say of credit, marked as
allocated. Channels that cost nothing are not scaled: nobody asks what to spend on them.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite, sqrt
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from growth.channels import meta
from growth.stats.contrast import (
    Estimate,
    Ratio,
    check_confidence,
    critical,
    estimate,
    fieller,
    satterthwaite,
    tail,
)
from growth.stats.moments import Floats

ALLOCATED, UNPAID = "allocated, not measured", "costs nothing, not measured"
ENDLESS = "no finite interval"
SURE = 0.01  # p-value below which channels differ in truth
FEWEST_SHRUNK = 8  # measured channels from which on their spread may be known well enough to lean on


@dataclass(frozen=True)
class Measured:
    """What a test found for a channel.

    Parameters
    ----------
    channel : str
    source : str
        "user test" or "geo test".
    orders, revenue, customers : Estimate or None
        Incremental orders, money and new customers over the same period and customers as the credit and the spend;
        None where the test did not look.
    """

    channel: str
    source: str
    orders: Estimate
    revenue: Estimate | None = None
    customers: Estimate | None = None


@dataclass(frozen=True, eq=False)
class Table:
    """What every channel brought.

    Parameters
    ----------
    rows : DataFrame
        A row a channel: ``channel, source, credit`` (orders, by the rule), ``orders, orders_low, orders_high``,
        ``over_claim, over_claim_low, over_claim_high`` (credit per incremental order), ``revenue, revenue_low,
        revenue_high, spend, customers, cac, cac_low, cac_high`` (money a new customer), ``roas, roas_low, roas_high``
        (incremental money per money spent), ``payback`` (months), ``value`` (of a new customer's life, money) and
        ``said`` (what is not known, in words). An end that does not exist is infinite; what cannot be said is missing.
    total : Estimate or None
        Incremental orders of all paid channels together, measured and allocated; None where one of them cannot be told.
    per_credit : float
        Incremental orders for each order credited, over measured channels; what is allocated is scaled by it.
    spread : float
        Of it among measured channels, their errors included.
    said : str
        What hangs over the whole table.
    """

    rows: pd.DataFrame
    total: Estimate | None
    per_credit: float
    spread: float
    said: str


def from_interval(value: float, low: float, high: float, confidence: float = 0.95) -> Estimate:
    """Return an estimate of which only the interval is known: a geo test's, say. Its error is that of a normal law.

    Raises
    ------
    ValueError
        If an end is not finite: such a test measured nothing.
    """
    if not (isfinite(low) and isfinite(high) and low < high):
        raise ValueError(
            "The test has no finite interval, so it measured nothing: use the channel as not measured."
        )
    return estimate(value, (high - low) / (2 * critical(inf, confidence)), inf, confidence)


def per(top: float, bottom: Estimate, confidence: float | None = None) -> Ratio:
    """Return a known number over an estimate, with Fieller's set.

    Parameters
    ----------
    top : float
        At least 0: credit, or spend.
    bottom : Estimate
        Incremental orders or customers.

    Returns
    -------
    Ratio
        All ratios whose bottom the data do not contradict; "outside" where the bottom may be 0: there is no finite
        interval, only "at least" so much. The p-value is that the bottom is 0.

    Raises
    ------
    ValueError
        If the top is negative or missing, or the bottom is exactly 0.

    Notes
    -----
    Fieller (1954), JRSS B 16:175-185, with a top that does not vary.
    """
    level = bottom.confidence if confidence is None else confidence
    if not (isfinite(top) and top >= 0):
        raise ValueError(f"Credit and spend are at least 0, not {top!r}.")
    if bottom.value == 0:
        raise ValueError("Exactly nothing was incremental, so nothing can be said per unit of it.")
    half = critical(bottom.freedom, level) * bottom.error
    low, high = bottom.value - half, bottom.value + half
    value = top / bottom.value
    p = min(2 * tail(abs(bottom.value / bottom.error), bottom.freedom), 1.0)
    if top == 0:
        return Ratio(0.0, 0.0, 0.0, "bounded", p, level)
    if low > 0 or high < 0:
        return Ratio(value, min(top / low, top / high), max(top / low, top / high), "bounded", p, level)
    below = top / low if low < 0 else -inf
    above = top / high if high > 0 else inf
    return Ratio(value, below, above, "outside", p, level)


def over_claim(credit: float, found: Estimate, variance: float = 0.0, covariance: float = 0.0) -> Ratio:
    """Return how many orders a rule credits to a channel for each that it brought.

    Parameters
    ----------
    credit : float
        Orders; a census sum unless a variance is given.
    found : Estimate
        Incremental orders, over the same customers and time.
    variance, covariance : float
        Of the credit, and with the estimate: where paths are a sample.

    Raises
    ------
    ValueError
        As `per`, and as `stats.contrast.fieller`.
    """
    if variance == 0:
        return per(credit, found)
    return fieller(
        credit, found.value, variance, found.error**2, covariance, found.freedom, found.confidence
    )  # fmt: skip


def over_claim_together(
    credit: Sequence[float],
    found: Sequence[Estimate],
    covariance: Floats | None = None,
    confidence: float = 0.95,
) -> Ratio:
    """Return how many orders a rule credits to several channels for each that they brought together.

    Parameters
    ----------
    credit : sequence of float
    found : sequence of Estimate
        In the same order.
    covariance : ndarray, shape (k, k), optional
        Of the estimates, from a factorial test; tests of their own are independent.
    confidence : float
    """
    if not credit or len(credit) != len(found):
        raise ValueError(
            "Each measured channel needs its credit: give as many credits as estimates, at least one."
        )
    return per(float(np.sum(np.asarray(credit, float))), together(found, covariance, confidence))


def together(
    found: Sequence[Estimate], covariance: Floats | None = None, confidence: float = 0.95
) -> Estimate:
    """Return the sum of estimates; see `over_claim_together`."""
    own, freedom = _summed([(e.error**2, e.freedom) for e in found])
    variance = own if covariance is None else float(np.sum(covariance))
    return estimate(float(np.sum([e.value for e in found])), sqrt(variance), freedom, confidence)


def shrunk(
    measured: Sequence[Measured], credit: Mapping[str, float], confidence: float = 0.95
) -> tuple[pd.DataFrame | None, str]:
    """Return measured channels drawn towards their rule's credit, where that can be trusted, else why not.

    Parameters
    ----------
    measured : sequence of Measured
        By tests independent of each other.
    credit : mapping of channel to float
    confidence : float

    Returns
    -------
    DataFrame or None
        ``channel, orders, low, high, own``; None where there are fewer than 8 measured channels, they do not differ
        by more than chance (Cochran's Q, p above .01), or their spread is not known to within a factor of 3.
    str
        Why not; empty where it was done.

    Notes
    -----
    Drawing towards a rule with a spread that is under-estimated makes good estimates worse: so this is off unless the
    spread is well known, and never part of `table`.
    """
    rate, error = _rates(measured, credit)
    if len(rate) < FEWEST_SHRUNK:
        return (
            None,
            f"{len(rate)} measured channels do not tell how channels differ: at least {FEWEST_SHRUNK} would",
        )
    found = meta.fit(rate, error)
    weight = 1 / error**2
    apart = float(weight @ (rate - weight @ rate / weight.sum()) ** 2)
    if chdtrc(len(rate) - 1, apart) > SURE:
        return None, "how much channels differ is not told from chance"
    low, high = meta.spread_interval(found, confidence)
    if low <= 0 or high > 9 * low:  # within a factor of 3 each way
        return (
            None,
            f"how much channels differ is not known well enough ({low:.2g} to {high:.2g} per order credited)",
        )
    belief = meta.believe(found, rate, error, np.ones((len(rate), 1)))
    scale = np.array([credit[m.channel] for m in measured])
    side = (1 - confidence) / 2
    return (
        pd.DataFrame(
            dict(
                channel=[m.channel for m in measured], orders=belief.expected * scale,
                low=belief.quantile(side) * scale, high=belief.quantile(1 - side) * scale, own=belief.own,
            )
        ),
        "",
    )  # fmt: skip


def table(
    channels: pd.DataFrame,
    measured: Sequence[Measured],
    covariance: Floats | None = None,
    confidence: float = 0.95,
) -> Table:
    """Return the one table of what every channel brought.

    Parameters
    ----------
    channels : DataFrame
        A row a channel: ``channel, paid, credit`` (orders, by one rule), ``spend`` (money; 0 or missing for unpaid
        ones), and where known ``order_value`` (money an order), ``new_share`` (new customers an order), ``value`` (of a
        new customer's life, money), ``monthly`` (money a new customer leaves a month).
    measured : sequence of Measured
    covariance : ndarray, shape (m, m), optional
        Of measured orders, in their order; independent if not given.
    confidence : float

    Raises
    ------
    ValueError
        If a channel comes twice, a credit or a paid channel's spend is missing or negative, a measured channel is not
        in the table, or nothing was measured: without a test credit says nothing of what a channel brought.

    Notes
    -----
    What is brought per order credited, by measured channel, is taken as drawn from a normal law; the interval of a
    channel not measured is Student's for one more draw, as noisy as those that were measured. It is a guess by
    likeness, and wide: taking the tests' own errors out of the spread first (Higgins, Thompson and Spiegelhalter 2009,
    JRSS A 172:137-159, eq. 12) held only 88 % of the time with five measured channels. The total takes them out, by
    Paule and Mandel, for what channels differ by weighs little in it beside what was measured.
    """
    check_confidence(confidence)
    frame = _frame(channels, measured)
    credit = dict(zip(frame["channel"], frame["credit"].astype(float), strict=True))
    usable = [i for i, m in enumerate(measured) if credit[m.channel] > 0 and _paid(frame, m.channel)]
    law = _Law.of([measured[i] for i in usable], credit)
    by = {m.channel: m for m in measured}
    rows = [_row(r, by.get(r["channel"]), law, confidence) for r in frame.to_dict("records")]
    total = _total(frame, measured, covariance, law, confidence)
    said = "" if total else f"the total of paid channels cannot be told, as {law.said}: measure one more"
    return Table(pd.DataFrame(rows), total, law.rate, law.spread, said)


@dataclass(frozen=True)
class _Law:
    """How many orders a channel brings for each credited: mean, its error, spread among channels, and weights.

    `spread` is of what was measured, errors included; `true_spread` what is left of it without them.
    """

    rate: float
    error: float
    spread: float
    freedom: float
    weight: dict[str, float]
    said: str
    true_spread: float = np.nan

    @classmethod
    def of(cls, measured: Sequence[Measured], credit: Mapping[str, float]) -> _Law:
        if not measured:
            return cls(np.nan, np.nan, np.nan, np.nan, {}, "no paid channel with credit was measured")
        rate, error = _rates(measured, credit)
        names = [m.channel for m in measured]
        if len(rate) == 1:
            said = "one paid channel was measured: how others differ from it is not known"
            return cls(float(rate[0]), float(error[0]), np.nan, np.nan, {names[0]: 1.0}, said)
        spread = float(np.std(rate, ddof=1))
        share = 1 / len(rate)
        return cls(
            float(rate.mean()), spread * sqrt(share), spread, float(len(rate) - 1), dict.fromkeys(names, share), "",
            _spread(rate, error),
        )  # fmt: skip

    def allocate(self, credit: float, confidence: float) -> Estimate | None:
        """Return what a channel with this credit brings, or None where its interval cannot be told."""
        if not isfinite(self.spread) or credit <= 0:
            return None
        return estimate(
            credit * self.rate, credit * sqrt(self.error**2 + self.spread**2), self.freedom, confidence
        )


def _spread(rate: Floats, error: Floats) -> float:
    """Return the spread by Paule and Mandel (1982): that at which the weighted sum of squares is what it should be."""

    def excess(square: float) -> float:
        weight = 1 / (error**2 + square)
        return float(weight @ (rate - weight @ rate / weight.sum()) ** 2) - (len(rate) - 1)

    if excess(0.0) <= 0:
        return 0.0
    low, high = 0.0, float(np.var(rate, ddof=1)) * len(rate) + 1e-300
    while excess(high) > 0:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return sqrt(high)


def _rates(measured: Sequence[Measured], credit: Mapping[str, float]) -> tuple[Floats, Floats]:
    scale = np.array([credit[m.channel] for m in measured], float)
    if not (scale > 0).all():
        raise ValueError("A channel without credit has no rate to lean on.")
    value = np.array([m.orders.value for m in measured])
    return value / scale, np.array([m.orders.error for m in measured]) / scale


def _paid(frame: pd.DataFrame, channel: str) -> bool:
    return bool(frame.loc[frame["channel"] == channel, "paid"].iloc[0])


def _frame(channels: pd.DataFrame, measured: Sequence[Measured]) -> pd.DataFrame:
    """Return the channels, checked, with what is not known as missing."""
    for column in ("channel", "paid", "credit", "spend"):
        if column not in channels:
            raise ValueError(f"The table of channels has no column `{column}`.")
    frame = channels.reset_index(drop=True).copy()
    for column in ("order_value", "new_share", "value", "monthly"):
        if column not in frame:
            frame[column] = np.nan
    names = [m.channel for m in measured]
    twice = [*frame.loc[frame["channel"].duplicated(), "channel"], *(n for n in names if names.count(n) > 1)]
    if twice:
        raise ValueError(
            f"{twice[0]} comes twice: a channel has one row and one measurement; pool its tests first."
        )
    unknown = [n for n in names if n not in set(frame["channel"])]
    if unknown:
        raise ValueError(f"{unknown[0]} was measured but is not in the table of channels.")
    if frame["paid"].isna().any():
        raise ValueError("Whether a channel is paid must be known of each: yes or no.")
    frame["paid"] = frame["paid"].astype(bool)
    credit, spend = frame["credit"].astype(float), frame["spend"].astype(float)
    if not (credit >= 0).all() or not np.isfinite(credit).all():
        raise ValueError(
            "Every channel needs its credit, at least 0: a rule that gives less than none is not usable."
        )
    wrong = frame["paid"] & ~((spend >= 0) & np.isfinite(spend))
    if wrong.any():
        raise ValueError(
            f"{frame.loc[wrong, 'channel'].iloc[0]} is paid but has no spend, or a negative one."
        )
    if not measured:
        raise ValueError(
            "No channel was measured: without a test, credit says nothing of what a channel brought."
        )
    return frame


def _row(r: Mapping[Hashable, Any], own: Measured | None, law: _Law, confidence: float) -> dict[str, Any]:
    """Return a channel's row of the table."""
    credit, paid = float(r["credit"]), bool(r["paid"])
    source = own.source if own else (ALLOCATED if paid else UNPAID)
    orders = own.orders if own else (law.allocate(credit, confidence) if paid else None)
    said = [] if own or not paid else [_unsaid(orders, credit, law)]
    worth, share = _number(r["order_value"]), _number(r["new_share"])
    revenue = own.revenue if own and own.revenue else _scaled(orders, worth)
    customers = own.customers if own and own.customers else _scaled(orders, share)
    spend = _number(r["spend"]) if paid else np.nan
    claim = per(credit, orders) if own and orders and orders.value else None
    cac = per(spend, customers) if customers and customers.value and isfinite(spend) else None
    roas = _scaled(revenue, 1 / spend) if isfinite(spend) and spend > 0 else None
    for name, ratio in (("over-claim", claim), ("cost of a new customer", cac)):
        if ratio is not None and ratio.kind != "bounded":
            said.append(f"{name}: {ENDLESS}")
    monthly = _number(r["monthly"])
    payback = cac.value / monthly if cac and monthly > 0 and cac.value >= 0 else np.nan
    return dict(
        channel=r["channel"], source=source, credit=credit, **_three("orders", orders), **_ends("over_claim", claim),
        **_three("revenue", revenue), spend=spend, customers=customers.value if customers else np.nan,
        **_ends("cac", cac), **_three("roas", roas), payback=payback, value=_number(r["value"]),
        said="; ".join(s for s in said if s),
    )  # fmt: skip


def _unsaid(orders: Estimate | None, credit: float, law: _Law) -> str:
    if orders is not None:
        return ""
    return law.said if credit > 0 else "the rule gives it no credit, and no test measured it"


def _number(value: Any) -> float:
    return float("nan") if value is None or pd.isna(value) else float(value)


def _scaled(e: Estimate | None, times: float) -> Estimate | None:
    """Return an estimate times a known positive number, if both are there."""
    if e is None or not (isfinite(times) and times > 0):
        return None
    return estimate(e.value * times, e.error * times, e.freedom, e.confidence)


def _three(name: str, e: Estimate | None) -> dict[str, float]:
    values = (e.value, e.low, e.high) if e else (np.nan,) * 3
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))


def _ends(name: str, r: Ratio | None) -> dict[str, float]:
    """Return a ratio's ends; where the set is no interval, "at least" the upper piece's end, or nothing."""
    if r is None:
        return dict.fromkeys((name, f"{name}_low", f"{name}_high"), np.nan)
    if r.kind == "bounded":
        return {name: r.value, f"{name}_low": r.low, f"{name}_high": r.high}
    return {name: r.value if r.value > 0 else inf, f"{name}_low": r.high, f"{name}_high": inf}


def _total(
    frame: pd.DataFrame, measured: Sequence[Measured], covariance: Floats | None, law: _Law, confidence: float
) -> Estimate | None:
    """Return the orders of all paid channels; what is allocated shares the errors of what was measured.

    The allocated sum is A = sum of credit * (rate + own deviation), the rate a weighted mean of measured ones.
    """
    at = [i for i, m in enumerate(measured) if _paid(frame, m.channel)]
    paid = [measured[i] for i in at]
    if covariance is None:
        cov = np.diag([m.orders.error**2 for m in paid])
    else:
        cov = np.asarray(covariance, float)[np.ix_(at, at)]
    credit = dict(zip(frame["channel"], frame["credit"].astype(float), strict=True))
    names = {m.channel for m in measured}
    rest = frame.loc[frame["paid"] & ~frame["channel"].isin(names), "credit"].to_numpy(float)
    if rest.sum() > 0 and not isfinite(law.spread):
        return None
    value = float(np.sum([m.orders.value for m in paid]))
    lean = np.array([law.weight.get(m.channel, 0.0) / max(credit[m.channel], 1e-300) for m in paid])
    lean = np.where([m.channel in law.weight for m in paid], lean, 0.0) * rest.sum()
    direct = np.ones(len(paid)) + lean
    parts = [
        (
            float(direct @ cov @ direct),
            _summed([(m.orders.error**2, m.orders.freedom) for m in paid])[1],
        )
    ]
    if rest.sum() > 0:
        value += law.rate * float(rest.sum())
        share = np.array(list(law.weight.values()))
        deviations = law.true_spread**2 * (float(rest @ rest) + float(rest.sum()) ** 2 * float(share @ share))
        parts.append((deviations, law.freedom))
        if deviations == 0:  # channels look alike, by chance perhaps: the freedom is still that of few
            parts = [(parts[0][0], law.freedom)]
    variance, freedom = _summed(parts)
    return estimate(value, sqrt(variance), freedom, confidence)


def _summed(parts: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the variance of a sum and its freedom; that of variances which are known is infinite."""
    if all(freedom == inf for _, freedom in parts):
        return float(np.sum([variance for variance, _ in parts])), inf
    return satterthwaite(parts)
