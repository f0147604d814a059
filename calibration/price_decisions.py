"""Generators of the studies of price decisions, each with its truth; seeds are in `run.py`.

Series wander and sell by the day of the week, elasticities are estimated from weeks or drawn with what is known of
them; nothing here reads a dataset.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from growth.price import forecast, stock
from growth.price.profit import lerner, normal_draws
from growth.price.recommend import Guards, Product, recommend

WEEK = np.array([0.0, 0.1, 0.05, 0.2, 0.3, np.nan, -0.3])  # in logs; closed on Saturdays
START = dt.date(2024, 1, 1)
HORIZON = 28


def _series(random: np.random.Generator, days: int, alpha: float, counts: bool) -> pd.DataFrame:
    """A local level in logs with the days of the week; counts are negative binomial around it."""
    level, rows = 4.0, []
    for n in range(days):
        day = START + dt.timedelta(days=n)
        if np.isnan(week := WEEK[day.weekday()]):
            continue
        error = random.normal(0, 0.3)
        mean = np.exp(level - 3.2 + week)
        value = random.negative_binomial(3, 3 / (3 + mean)) if counts else np.exp(level + week + error)
        rows.append((day, float(value)))
        level += alpha * error
    frame = pd.DataFrame(rows, columns=["date", "value"])
    return forecast.complete(frame, START, START + dt.timedelta(days=days - 1))


def _held(seed: int, counts: bool) -> dict[str, bool]:
    random, hits = np.random.default_rng(seed), {}
    for days in (120, 365):
        for alpha in (0.05, 0.3):
            series = _series(random, days + HORIZON, alpha, counts)
            known, came = series.iloc[:days], series["value"].to_numpy()[days:]
            made = forecast.forecast(forecast.fit(known), series["date"].iloc[-1].date(), 0.95)
            for ahead in np.flatnonzero(made["open"])[[0, -1]]:
                name = f"{days} days, weight {alpha}, {'first' if ahead < 7 else 'last'} day of {HORIZON}"
                hits[name] = bool(made["low"][ahead] <= came[ahead] <= made["high"][ahead])
    return hits


def forecast_intervals(seed: int) -> dict[str, bool]:
    """Does the interval of a day's value hold what came? Band: COVERED."""
    return _held(seed, counts=False)


def forecast_intervals_of_counts(seed: int) -> dict[str, bool]:
    """The same of small counts, whose interval holds more than it must, for they are whole. Band: (0.94, 1.0)."""
    return _held(seed, counts=True)


TRUTH, COST = -2.5, 6.0
FREE = Guards(step=99.0)


def recommended_price(seed: int) -> dict[str, bool]:
    """Does the interval of the best price hold the true one, 10, where weeks taught the elasticity? Band: COVERED."""
    random, hits = np.random.default_rng(seed), {}
    for weeks in (52, 104):
        price = 8.0 * np.exp(random.normal(0, 0.1, weeks))
        y = 5 + TRUTH * np.log(price) + random.normal(0, 0.2, weeks)
        x = np.log(price) - np.log(price).mean()
        slope = float(x @ y / (x @ x))
        left = y - y.mean() - slope * x
        error = float(np.sqrt(left @ left / (weeks - 2) / (x @ x)))
        found = recommend(
            Product("tea", 8.0, 100.0, COST, normal_draws(slope, error, freedom=weeks - 2), (0.1, 1e4)), FREE
        )
        best = float(lerner(TRUTH, COST))
        hits[f"best price, {weeks} weeks"] = bool(found.low <= best <= found.high) if found.low else False
    return hits


PRIOR, NOISE = (-2.2, 0.5), 0.4


def _case(random: np.random.Generator) -> tuple[Product, float]:
    """Return a product with what is known of its elasticity, and the elasticity: one of many alike."""
    truth = random.normal(*PRIOR)
    seen = truth + random.normal(0, NOISE)
    weight = PRIOR[1] ** 2 / (PRIOR[1] ** 2 + NOISE**2)
    mean, error = PRIOR[0] + weight * (seen - PRIOR[0]), PRIOR[1] * np.sqrt(1 - weight)
    today = float(random.uniform(8, 14))
    return Product("tea", today, 100.0, COST, normal_draws(mean, error, 400), (7.0, 16.0)), truth


def _gain(product: Product, truth: float, price: float) -> float:
    old, new = product.price - COST, (price / product.price) ** truth * (price - COST)
    return product.units * (new - old)


def probability_of_gain(seed: int) -> dict[str, bool]:
    """Is a probability p of a gain right? Gains kept with chance 1 / (2 p) come half the time. Band: (.48, .52)."""
    random = np.random.default_rng(seed)
    while True:
        product, truth = _case(random)
        found = recommend(product, Guards(step=0.15))
        if found.best is not None and found.probability and found.probability >= 0.5:
            gains = _gain(product, truth, found.best) > 0
            return {"thinned gain": bool(gains and random.random() < 0.5 / found.probability)}


def interval_of_gain(seed: int) -> dict[str, bool]:
    """Does the interval of the gain hold the true one? Band: COVERED."""
    random = np.random.default_rng(seed)
    while True:
        product, truth = _case(random)
        found = recommend(product, Guards(step=0.15))
        if found.best is not None and found.gain and found.best != product.price:
            return {"gain": bool(found.gain[1] <= _gain(product, truth, found.best) <= found.gain[2])}


def sure_gains(seed: int) -> dict[str, bool]:
    """How often does a price that was changed lose? At most one in ten is promised. Band: (0, .1)."""
    random = np.random.default_rng(seed)
    while True:
        product, truth = _case(random)
        found = recommend(product, Guards(step=0.15))
        if found.price != product.price:
            return {"changed and lost": bool(_gain(product, truth, found.price) <= 0)}


def served(seed: int) -> dict[str, bool]:
    """Is demand met as often as the critical ratio of 95 % says, where a year taught it? Band: COVERED."""
    random, hits = np.random.default_rng(seed), {}
    for size in (1.5, 10.0):
        units = random.negative_binomial(size, size / (size + 200.0), 54)
        level = stock.fit(units[:52]).next(2).quantile(0.95)
        hits[f"two weeks, size {size}"] = bool(units[52:].sum() <= level)
    return hits
