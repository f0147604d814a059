"""Generators of the studies of what is sold in sum and of what to order; seeds are in `run.py`.

Levels of days wander and weeks are alike, by how much is known; nothing here reads a dataset.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from growth.price import forecast, service, stock

WEEK = np.array([0.0, 0.1, 0.05, 0.2, 0.3, np.nan, -0.3])  # in logs; closed on Saturdays
START = dt.date(2024, 1, 1)
HORIZON = 28


def _series(random: np.random.Generator, days: int, alpha: float, counts: bool) -> pd.DataFrame:
    """A local level in logs with the days of the week, as `price_decisions` has it; counts around it."""
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


def forecast_totals(seed: int) -> dict[str, bool]:
    """Does the interval of four weeks together hold what came, in short histories too? Band: (0.94, 1.0)."""
    random, hits = np.random.default_rng(seed), {}
    for counts in (False, True):
        for days in (60, 120, 365):
            for alpha in (0.0, 0.05, 0.3):
                series = _series(random, days + HORIZON, alpha, counts)
                until, came = (
                    series["date"].iloc[-1].date(),
                    float(np.nansum(series["value"].to_numpy()[days:])),
                )
                made = forecast.total_over_weights(forecast.fit(series.iloc[:days]), until)
                low, high = forecast.total_limits(*made, 0.95)
                hits[f"{'counts' if counts else 'money'}, {days} days, weight {alpha}"] = bool(
                    low <= came <= high
                )
    return hits


ALIKE, WEEKS, PRODUCTS, LEAD = (
    0.6,
    78,
    40,
    3,
)  # of a week's demand with the next's; products ordered for three weeks


def served_where_weeks_are_alike(seed: int) -> dict[str, bool]:
    """Is demand met as often as 95 % promise where weeks are alike, as the page orders? Band: COVERED."""
    random = np.random.default_rng(seed)
    mood = random.normal(0, 1, (WEEKS + LEAD, PRODUCTS))
    for n in range(1, len(mood)):
        mood[n] = ALIKE * mood[n - 1] + np.sqrt(1 - ALIKE**2) * mood[n]
    units = random.poisson(60.0 * np.exp(0.3 * mood)).astype(float)
    names = [str(k) for k in range(PRODUCTS)]
    known = pd.DataFrame(units[:WEEKS], columns=names)
    needs = {n: service.Need(0.95, float(LEAD)) for n in names}
    found = service.tried(known, known < 0, needs, 26)
    until = stock.fit(units[WEEKS - 26 : WEEKS, 0]).next(LEAD, 0.0, found.rho, found.stretch)
    return {"three weeks": bool(units[WEEKS:, 0].sum() <= until.quantile(0.95))}
