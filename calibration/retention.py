"""Generators of the retention studies, each with its truth; seeds are in `run.py`.

Customers buy and leave as the model says, one draw of everybody per replicate; nothing here reads a dataset.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from growth.retention import accounting, uplift, windows, worth
from growth.retention.model import Calendar, triangle
from growth.stats.likelihood import Fit
from growth.stats.pareto import pareto_nbd
from growth.stats.purchase import bg_nbd, mbg_nbd
from growth.stats.spend import gamma_gamma

Z = 1.959963984540054


def _histories(
    random: np.random.Generator,
    n: int,
    truth: tuple[float, float, float, float],
    weeks: np.ndarray,
    early: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Return x and t_x of customers watched for `weeks`; `early`: they may leave after the first purchase (MBG)."""
    r, alpha, a, b = truth
    rate, leave = random.gamma(r, 1 / alpha, n), random.beta(a, b, n)
    x, last, now = np.zeros(n), np.zeros(n), np.zeros(n)
    there = random.random(n) >= leave if early else np.ones(n, bool)
    while there.any():
        now = now + np.where(there, random.exponential(1 / np.maximum(rate, 1e-12)), np.inf)
        there &= now < weeks
        x[there] += 1
        last[there] = now[there]
        there &= random.random(n) >= leave
        now = np.where(there, now, np.inf)
    return x, last


def _covers(fit: Fit, truth: tuple[float, ...], name: str) -> dict[str, bool]:
    """Does the interval on the log scale hold each parameter?"""
    half = Z * np.sqrt(np.diagonal(fit.covariance))
    off = np.abs(fit.theta - np.log(truth))
    return {f"{name}: {p}": bool(o <= h) for p, o, h in zip(fit.names, off, half, strict=True)}


BG = (0.6, 8.0, 1.2, 3.0)
CUSTOMERS = 5_000


def purchase_models(seed: int) -> dict[str, bool]:
    """Do the intervals of BG/NBD and MBG/NBD parameters hold the truth, and the interval of a new customer's year?"""
    random = np.random.default_rng(seed)
    weeks = random.uniform(26, 78, CUSTOMERS)
    hits = {}
    for name, fitter, early in (("BG/NBD", bg_nbd, False), ("MBG/NBD", mbg_nbd, True)):
        x, last = _histories(random, CUSTOMERS, BG, weeks, early)
        hits |= _covers(fitter(x, last, weeks).fit, BG, name)
    return hits


PARETO = (1.0, 8.0, 1.0, 15.0)
FEWER = 1_500


def leaving_at_any_time(seed: int) -> dict[str, bool]:
    """Do the intervals of the Pareto/NBD's parameters hold the truth? Whole days, so that patterns repeat."""
    random = np.random.default_rng(seed)
    r, alpha, s, beta = PARETO
    weeks = random.integers(30, 78, FEWER).astype(float)
    rate, leave = random.gamma(r, 1 / alpha, FEWER), random.gamma(s, 1 / beta, FEWER)
    until = np.minimum(random.exponential(1 / leave), weeks)
    x = random.poisson(rate * until)
    # The last of x purchases spread evenly over the time until then.
    last = np.where(x > 0, until * random.random(FEWER) ** (1 / np.maximum(x, 1)), 0.0)
    last = np.where(x > 0, np.maximum(np.round(last * 7), 1) / 7, 0.0)
    return _covers(pareto_nbd(x, last, weeks).fit, PARETO, "Pareto/NBD")


EACH, LIFT = 2_000, 0.2


def lots(random: np.random.Generator, lift: float = LIFT) -> pd.DataFrame:
    """Customers of whom half, by lot, buy a share more often; how often differs by customer. A row as in ``tried``."""
    n = 2 * EACH
    weeks = random.integers(10, 60, n).astype(float)
    rate = random.gamma(0.8, 1 / 10, n)
    x = random.poisson(rate * weeks)
    last = np.where(x > 0, np.ceil(weeks * random.random(n) ** (1 / np.maximum(x, 1)) * 7), 0)
    treated = random.permutation(np.arange(n) < EACH)
    bought = random.poisson(rate * 10 * np.where(treated, 1 + lift, 1.0))
    came = random.gamma(np.maximum(bought, 1) * 2.0, 20.0) * (bought > 0)
    return pd.DataFrame(
        dict(experiment_id="e", name="e", arm=np.where(treated, "more", "none"), control=~treated, planned=0.5,
             customer_id=np.arange(n), x=x, t_x=last, t=weeks * 7, days=70, bought=bought, came=came)
    )  # fmt: skip


def one_lift(seed: int) -> dict[str, bool]:
    """Do the intervals of lift and gain hold the truth?"""
    found = uplift.uplift(lots(np.random.default_rng(seed)), "more")
    gain = LIFT * 0.08 * 10 * 40
    return {
        "lift": bool(found.low <= LIFT <= found.high),
        "gain": bool(found.gain.low <= gain <= found.gain.high),
    }


def equal_lifts(seed: int) -> dict[str, bool]:
    """Is one lift for all rejected at 5 % where it is one?"""
    return {"equal lifts": bool(uplift.uplift(lots(np.random.default_rng(seed)), "more").same_lift < 0.05)}


def no_aim(seed: int) -> dict[str, bool]:
    """Is aiming said to gain or lose (5 %) where the action does nothing?"""
    found = uplift.uplift(lots(np.random.default_rng(seed), 0.0), "more").aiming
    return {"aiming": not found.low <= 0 <= found.high}


SPEND = (6.0, 4.0, 15.0)


def spend_model(seed: int) -> dict[str, bool]:
    """Do the intervals of the gamma-gamma's parameters hold the truth?"""
    random = np.random.default_rng(seed)
    p, q, v = SPEND
    x = 1 + random.poisson(1.5, CUSTOMERS)
    scale = random.gamma(q, 1 / v, CUSTOMERS)
    mean = random.gamma(p * x, 1 / (scale * x))
    return _covers(gamma_gamma(x, mean).fit, SPEND, "gamma-gamma")


def held_out_bias(seed: int) -> dict[str, bool]:
    """Does the interval of the bias on held-out time hold 0 where the model is right?"""
    random = np.random.default_rng(seed)
    n, r, alpha = 3_000, 1.0, 8.0
    weeks = random.uniform(20, 52, n)
    rate = random.gamma(r, 1 / alpha, n)
    leave = random.beta(1.2, 3.0, n)
    x, last, now, bought = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    there = np.ones(n, bool)
    while there.any():
        now = now + np.where(there, random.exponential(1 / np.maximum(rate, 1e-12)), np.inf)
        there &= now < weeks + 26
        before = there & (now < weeks)
        x[before] += 1
        last[before] = now[before]
        bought[there & ~before] += 1
        there &= random.random(n) >= leave
        now = np.where(there, now, np.inf)
    table = pd.DataFrame(dict(x=x, t_x=7 * last, t=7 * weeks, bought=bought, hold_out=182, customers=1))
    found = worth.held(table)
    return {"held-out bias": bool(found.low <= 0 <= found.high)}


STATES = (0.03, 0.05, 0.04, 0.06, 0.82)  # new, retained, resurrected, churned, none of them


def quick_ratio(seed: int) -> dict[str, bool]:
    """Does the interval of the quick ratio hold (new + resurrected) / churned of the probabilities?"""
    random = np.random.default_rng(seed)
    hits = {}
    for customers in (2_000, 20_000):
        new, kept, back, gone, _ = random.multinomial(customers, STATES)
        rows = pd.DataFrame(
            dict(start=[dt.date(2024, 1, 1), dt.date(2024, 2, 1)], new=[kept + gone, new], retained=[0, kept],
                 resurrected=[0, back], churned=[0, gone])
        )  # fmt: skip
        last = accounting.ledger(rows, Calendar("month", dt.date(2024, 3, 1))).iloc[-1]
        truth = (STATES[0] + STATES[2]) / STATES[3]
        hits[f"quick ratio, {customers:,} customers"] = bool(last["low"] <= truth <= last["high"])
    return hits


def cohort_value(seed: int) -> dict[str, bool]:
    """Does the interval of revenue a customer hold its mean, with log-normal baskets and customers who differ?"""
    random = np.random.default_rng(seed)
    calendar, rows = Calendar("month", dt.date(2025, 1, 1)), []
    for month in range(1, 13):
        size = int(random.integers(150, 400))
        cohort = dt.date(2024, month, 1)
        rate = random.gamma(0.5, 0.4, size)  # orders a month after the first: mean 0.2
        total = np.zeros(size)
        for age in range(13 - month):
            orders = random.poisson(rate) if age else np.ones(size, int)
            spent = np.array([random.lognormal(3, 0.8, k).sum() for k in orders])
            before, total = total, total + spent
            rows.append((cohort, age, int((orders > 0).sum()), spent.sum(), (total**2 - before**2).sum()))
    counts = pd.DataFrame(rows, columns=["cohort", "age", "customers", "revenue", "squares"])
    found = windows.cohort_value(counts, triangle(counts, calendar), calendar, 6).set_index("age")
    basket = float(np.exp(3 + 0.32))
    return {
        f"cohort value, age {a}": bool(found.loc[a, "low"] <= basket * (1 + 0.2 * a) <= found.loc[a, "high"])
        for a in (0, 3, 6)
    }
