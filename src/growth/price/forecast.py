"""How much is sold in the days to come: a level and the days of the week, judged by going back and forecasting.

The level follows by simple exponential smoothing (Brown 1959; Hyndman, Koehler, Ord and Snyder 2008): ETS(A,N,A) of
logs of money if every open day sold, ETS(M,N,M) of units and where some days sold nothing. Intervals come from the
errors that the same forecast made in the past one day ahead, in whatever shape they have, wider ahead as the level
wanders. Days on which the shop was closed are no demand of zero: they are left out, and their forecast is nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from growth.stats.contrast import check_confidence, critical
from growth.stats.moments import Floats

WEEK = 7
LEAST = 4 * WEEK  # days that a forecast needs
# smoothing weights that are tried, 0 first: a level that stays
ALPHAS = np.array([0, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6])
RECENT = 8 * WEEK  # a weekday without one open day in so many days is a closed one
WARM = 6  # open days before the level is judged
LEAST_OPEN = 20
SCARCE = 0.05  # of the mean: the least level of which errors are shares
UNLIKELY = 1e-6  # a weight of the level less probable than so is left out of a sum
FITTED = 8  # days of the week, less their mean, the start and the weight


def complete(
    rows: pd.DataFrame, first: dt.date, last: dt.date, open_days: Sequence[dt.date] | None = None
) -> pd.DataFrame:
    """Return one row a day, with a zero where the shop was open and sold nothing.

    Parameters
    ----------
    rows : DataFrame
        ``date, value``, one row a day at most; value at least 0. With ``currency``, there must be one.
    first, last : date
        Both included. A last day that was not over must be left out by the caller.
    open_days : sequence of date, optional
        On which the shop traded. Without it the rows are taken for the whole shop's: it was closed on a missing day.

    Returns
    -------
    DataFrame
        ``date, value, open, filled``; value is NaN on closed days alone, `filled` says where a zero was put.

    Raises
    ------
    ValueError
        If a date comes twice, lies outside, or has a value on a day when the shop was closed; if a value is missing or
        below 0.
    """
    known = rows.assign(date=pd.to_datetime(rows["date"]))
    _check_rows(known, pd.Timestamp(first), pd.Timestamp(last))
    days = pd.date_range(first, last)
    value = known.set_index("date")["value"].astype(float).reindex(days)
    is_open = (
        value.notna() if open_days is None else pd.Series(days.isin(pd.to_datetime(list(open_days))), days)
    )
    wrong = days[(value.notna() & ~is_open).to_numpy()]
    if len(wrong):
        raise ValueError(
            f"There are sales on {wrong[0]:%Y-%m-%d}, a day not among the open ones: add it to open_days."
        )
    filled = is_open & value.isna()
    return pd.DataFrame(
        dict(
            date=days,
            value=value.mask(filled, 0.0).to_numpy(),
            open=is_open.to_numpy(),
            filled=filled.to_numpy(),
        )
    )


def _check_rows(rows: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp) -> None:
    if rows.empty or last < first:
        raise ValueError("There is no day to forecast from: give rows, and a last day not before the first.")
    twice = rows["date"][rows["date"].duplicated()]
    if len(twice):
        raise ValueError(f"{twice.iloc[0]:%Y-%m-%d} comes twice: sum to one row a day first.")
    if "currency" in rows and rows["currency"].nunique(dropna=False) > 1:
        raise ValueError(
            "The values are in several currencies: convert them to one before they are forecast."
        )
    value = rows["value"].astype(float)
    bad = rows["date"][~(np.isfinite(value) & (value >= 0))]
    if len(bad):
        raise ValueError(
            f"The value of {bad.iloc[0]:%Y-%m-%d} is missing or below 0: take returns out of demand, or correct it."
        )
    outside = rows["date"][(rows["date"] < first) | (rows["date"] > last)]
    if len(outside):
        raise ValueError(f"{outside.iloc[0]:%Y-%m-%d} lies outside {first:%Y-%m-%d} to {last:%Y-%m-%d}.")


@dataclass(frozen=True)
class Level:
    """A level and the days of the week, fitted to complete days.

    Parameters
    ----------
    alpha : float
        Weight of the newest day in the level.
    level : float
        Of the last day: a log where `logs`, else in units a day.
    week : ndarray, shape (7,)
        Monday first: logs that sum to 0 over open weekdays, or factors whose mean over them is 1; NaN where closed.
    logs : bool
        Whether level, days of the week and errors are logs; else errors are shares of the level.
    levels, cleaned : ndarray, shape (open days,)
        The level after each open day, and the day's value without its weekday.
    last : Timestamp
        Last day.
    whole : bool
        Whether all values are whole and there are no logs: then limits are whole.
    tried : ndarray, shape (open days, weights), optional
        The level after each open day by every weight of `ALPHAS`.
    costs : ndarray, shape (weights,), optional
        Their sums of squared one-step errors.
    """

    alpha: float
    level: float
    week: Floats
    logs: bool
    levels: Floats
    cleaned: Floats
    last: pd.Timestamp
    whole: bool = False
    tried: Floats | None = None
    costs: Floats | None = None

    def weighted(self) -> list[tuple[float, Level]]:
        """Return the levels of all weights that were tried, each with how probable the data make it; they sum to 1.

        Notes
        -----
        The likelihood of normal errors, its scale left free: cost^(-n / 2). One weight taken for known makes the sum of
        many days too sure, for it is the weight that says how far the level may have moved by then.
        """
        if self.tried is None or self.costs is None:
            return [(1.0, self)]
        cost = np.log(np.maximum(self.costs, 1e-300))
        likely = np.exp((cost.min() - cost) * (len(self.cleaned) - WARM) / 2)
        likely = np.where(likely < UNLIKELY * likely.sum(), 0.0, likely)
        likely = likely / likely.sum()
        return [
            (float(likely[j]), replace(self, alpha=float(ALPHAS[j]), level=float(path[-1]), levels=path))
            for j, path in enumerate(self.tried.T)
            if likely[j] > 0
        ]

    def unsure(self) -> float:
        """Return the variance of the level on the last day, in squared errors of a day.

        Notes
        -----
        The level begins as a mean and follows with weight k_t = max(alpha, 1 / t), so that v_t = (1 - k_t)^2 v_{t-1} +
        (k_t - alpha)^2: 1 / n for a level that stays, and soon nothing for one that follows.
        """
        gain = np.maximum(self.alpha, 1 / np.arange(1, len(self.levels) + 1))
        kept = np.append(np.cumprod((1 - gain[:0:-1]) ** 2)[::-1], 1.0)
        return float((kept * (gain - self.alpha) ** 2).sum())

    def errors(self, ahead: int = 1) -> Floats:
        """Return by how much what comes `ahead` open days later may miss the level, in logs or in shares of it.

        Notes
        -----
        Past one-step errors times sqrt(1 + (ahead - 1) alpha^2), the local level's growth (Hyndman et al. 2008, table
        6.1), and sqrt(n / (n - 8)) for what was fitted: errors k steps ahead of one short past overlap, and look small.
        """
        before, came = self.levels[WARM - 1 : -1], self.cleaned[WARM:]
        # after a long silence a level is near nothing: a share of it would say nothing
        least = SCARCE * self.cleaned.mean()
        error = came - before if self.logs else (came - before) / np.maximum(before, least)
        n = len(error)
        # a level that follows leaves no mean: what is left of one is noise, and would be carried into every forecast
        return (error - error.mean()) * np.sqrt((1 + (ahead - 1) * self.alpha**2) * n / (n - FITTED))


def fit(days: pd.DataFrame, units: bool = False) -> Level:
    """Fit a level and the days of the week.

    Parameters
    ----------
    days : DataFrame
        From `complete`.
    units : bool
        Whether values are units, whose mean is to be ordered for: then errors are shares of the level, for the mean of
        logs is less sure. Of money the median is surer in logs, which large orders move less.

    Raises
    ------
    ValueError
        If there are fewer than four weeks, fewer than 20 open ones, or nothing was ever sold.

    Notes
    -----
    Weekdays are effects of a two-way fit with the weeks, so that a trend does not leak into them: least squares of
    logs, or Poisson (iterative proportional fitting) of units and where there are zeros. `alpha` has the least squared
    one-step error of a grid; it is 0 where the gain over that is less than Schwarz's criterion asks (1978), log(n) / 2
    in log likelihood: a level that wanders for no reason makes orders dearer.
    """
    is_open = days["open"].to_numpy(bool)
    if len(days) < LEAST or is_open.sum() < LEAST_OPEN:
        raise ValueError(
            f"A forecast needs {LEAST} days, {LEAST_OPEN} of them open; there are {len(days)}, {is_open.sum()} open."
        )
    value = days["value"].to_numpy(float)[is_open]
    if not value.sum() > 0:
        raise ValueError("Nothing was sold on any day: there is no demand to forecast.")
    weekday = days["date"].dt.day_of_week.to_numpy()[is_open]
    block = np.arange(len(days))[is_open] // WEEK
    logs = bool((value > 0).all()) and not units
    week = _log_week(np.log(value), weekday, block) if logs else _factor_week(value, weekday, block)
    cleaned = np.log(value) - week[weekday] if logs else value / week[weekday]
    tried = _smooth(cleaned, ALPHAS)
    costs = ((cleaned[WARM:, None] - tried[WARM - 1 : -1]) ** 2).sum(axis=0)
    best, n = int(np.argmin(costs)), len(cleaned) - WARM
    if n * np.log(max(costs[0], 1e-300) / max(costs[best], 1e-300)) < np.log(n):
        best = 0
    levels, alpha = tried[:, best], float(ALPHAS[best])
    closed = ~np.isin(np.arange(WEEK), days["date"].dt.day_of_week.to_numpy()[-RECENT:][is_open[-RECENT:]])
    week = np.where(closed, np.nan, week)
    whole = not logs and bool((value == np.round(value)).all())
    last = days["date"].iloc[-1]
    return Level(alpha, float(levels[-1]), week, logs, levels, cleaned, last, whole, tried, costs)


def _log_week(value: Floats, weekday: np.ndarray, block: np.ndarray) -> Floats:
    """Return weekday effects of log value on weekday and week."""
    seen, x = np.unique(weekday), np.zeros((len(value), WEEK))
    x[np.arange(len(value)), weekday] = 1.0
    y = value.copy()
    for column in (*(x[:, k] for k in seen), y):  # in place: less the mean of its week
        column -= (np.bincount(block, column) / np.maximum(np.bincount(block), 1))[block]
    effect = np.linalg.lstsq(x[:, seen], y, rcond=None)[0]
    week = np.full(WEEK, np.nan)
    week[seen] = effect - effect.mean()
    return week


def _factor_week(value: Floats, weekday: np.ndarray, block: np.ndarray) -> Floats:
    """Return weekday factors of a Poisson model of weekday times week; a weekday that sold nothing counts as 1 unit."""
    sold = np.maximum(np.bincount(weekday, value, WEEK), 1.0)
    seen, factor = np.unique(weekday), np.ones(WEEK)
    weekly = np.bincount(block, value)
    for _ in range(50):
        scale = np.bincount(block, factor[weekday])
        size = np.divide(weekly, scale, out=np.zeros_like(weekly), where=scale > 0)
        factor[seen] = (sold / np.maximum(np.bincount(weekday, size[block], WEEK), 1e-12))[seen]
        factor /= factor[seen].mean()
    week = np.full(WEEK, np.nan)
    week[seen] = factor[seen]
    return week


def _smooth(cleaned: Floats, alphas: Floats) -> Floats:
    """Return the level after each day, shape (days, alphas): a mean of all days until 1 / alpha of them are there."""
    level, out = np.zeros(len(alphas)), np.empty((len(cleaned), len(alphas)))
    for i, value in enumerate(cleaned):
        level = level + np.maximum(alphas, 1 / (i + 1)) * (value - level)
        out[i] = level
    return out


def forecast(
    model: Level, until: dt.date, confidence: float = 0.9, closed: Sequence[dt.date] = ()
) -> pd.DataFrame:
    """Return the days after the last, until a day, with intervals.

    Parameters
    ----------
    model : Level
    until : date
        Included.
    confidence : float
        That a day's value lies within its interval.
    closed : sequence of date
        Days to come on which the shop will not trade, beside its closed weekdays.

    Returns
    -------
    DataFrame
        ``date, open, median, mean, low, high``: zeros on closed days. The median has the least absolute error expected
        and the mean the least squared: add means, never medians.

    Raises
    ------
    ValueError
        If `until` is not after the last day, or farther than past errors reach.
    """
    check_confidence(confidence)
    days, is_open = _to_come(model, until, closed)
    ahead = np.cumsum(is_open)
    out = np.zeros((len(days), 4))
    weekday = days.day_of_week.to_numpy()
    for i in np.flatnonzero(is_open):
        out[i] = _one(model, int(ahead[i]), float(model.week[weekday[i]]), confidence)
    return pd.DataFrame(
        dict(date=days, open=is_open, **dict(zip(("median", "mean", "low", "high"), out.T, strict=True)))
    )


def _to_come(model: Level, until: dt.date, closed: Sequence[dt.date]) -> tuple[pd.DatetimeIndex, np.ndarray]:
    """Return the days after the last, and which of them are open."""
    days = pd.date_range(model.last + pd.Timedelta(days=1), until)
    if not len(days):
        raise ValueError(f"Forecast until a day after the last known one, {model.last:%Y-%m-%d}.")
    is_open = np.isfinite(model.week[days.day_of_week.to_numpy()]) & ~days.isin(pd.to_datetime(list(closed)))
    if is_open.sum() > len(model.levels):
        raise ValueError(
            f"{is_open.sum()} open days ahead is farther than the {len(model.levels)} past ones can judge."
        )
    return days, is_open


def _one(model: Level, ahead: int, week: float, confidence: float) -> tuple[float, float, float, float]:
    """Return median, mean, low and high of one day."""
    errors = model.errors(ahead)
    low, high = limits(errors, confidence)
    if model.logs:
        base = np.exp(model.level + week)
        return (
            float(base),
            float(base * np.exp(errors).mean()),
            float(base * np.exp(low)),
            float(base * np.exp(high)),
        )
    base = model.level * week
    shares = 1 + np.array([float(np.median(errors)), float(errors.mean()), low, high])
    a, b, c, d = np.maximum(base * shares, 0.0)
    if (
        model.whole
    ):  # a count between two limits is between the whole ones around them: 0.2 as a low one would lose 0
        c, d = np.floor(c), np.ceil(d)
    return float(a), float(b), float(c), float(d)


def limits(errors: Floats, confidence: float) -> tuple[float, float]:
    """Return the limits between which the next error lies with this probability.

    Notes
    -----
    Split conformal: the next of n + 1 exchangeable errors lies below the k-th past one with probability k / (n + 1)
    (Lei et al. 2018, JASA 113:1094-1111); between ranks by interpolation, with too few for it the extremes.
    """
    tail = (1 - confidence) / 2
    low, high = np.quantile(errors, [tail, 1 - tail], method="weibull")
    return float(low), float(high)


def total(model: Level, until: dt.date, closed: Sequence[dt.date] = ()) -> tuple[float, float]:
    """Return mean and standard deviation of what is sold from the day after the last until a day, together.

    This is what to order for: by the one weight that `fit` chose. For an interval take `total_over_weights`.

    Notes
    -----
    A day's error moves the level of all later ones: with means m_i and errors of standard deviation s in shares,
    variance = s^2 sum_i (m_i + alpha sum_{j > i} m_j)^2 + s^2 v (sum_i m_i)^2, the last for the level itself, which is
    known but with variance v (`Level.unsure`). Days added as independent would be too sure.
    """
    days, is_open = _to_come(model, until, closed)
    mean, variance = _sum(model, model.week[days.day_of_week.to_numpy()[is_open]])
    return mean, float(np.sqrt(variance))


def total_over_weights(model: Level, until: dt.date, closed: Sequence[dt.date] = ()) -> tuple[float, float]:
    """Return `total` over all weights of the level by how probable each is (`Level.weighted`).

    Notes
    -----
    Mean sum w m, variance sum w (V + (m - mean)^2). Few days do not tell a level that stays from one that wanders, and
    the chosen weight alone is too sure: its 95 % interval of four weeks after 60 to 120 days held .72 to .96. Orders
    are dearer so where the level stays, by 3 %: they are for `total`.
    """
    days, is_open = _to_come(model, until, closed)
    week = model.week[days.day_of_week.to_numpy()[is_open]]
    each = [(w, *_sum(m, week)) for w, m in model.weighted()]
    weight, means, variances = (np.array(c) for c in zip(*each, strict=True))
    mean = float(weight @ means)
    return mean, float(np.sqrt(weight @ (variances + (means - mean) ** 2)))


def _sum(model: Level, week: Floats) -> tuple[float, float]:
    """Return mean and variance of the sum of open days with these days of the week."""
    ahead = np.arange(1, len(week) + 1)
    if model.logs:
        mean = np.array(
            [np.exp(model.level + w + model.errors(int(a))).mean() for w, a in zip(week, ahead, strict=True)]
        )
    else:
        mean = np.maximum(model.level * week * (1 + model.errors().mean()), 0.0)
    share = np.exp(model.errors()) if model.logs else 1 + model.errors()
    later = mean.sum() - np.cumsum(mean)
    moved = ((mean + model.alpha * later) ** 2).sum() + model.unsure() * mean.sum() ** 2
    return float(mean.sum()), float((share.std() / share.mean()) ** 2 * moved)


def total_limits(mean: float, deviation: float, confidence: float) -> tuple[float, float]:
    """Return the limits between which a sum of this mean and deviation lies with this probability.

    Notes
    -----
    Log-normal: a level that wanders multiplies, so that a sum misses above farther than below.
    """
    check_confidence(confidence)
    if not mean > 0:
        return 0.0, 0.0
    spread = np.sqrt(np.log1p((deviation / mean) ** 2))
    half, middle = critical(np.inf, confidence) * spread, np.log(mean) - spread**2 / 2
    return float(np.exp(middle - half)), float(np.exp(middle + half))


Method = Callable[[pd.DataFrame, dt.date], pd.DataFrame]


def level_forecast(days: pd.DataFrame, until: dt.date, confidence: float = 0.9) -> pd.DataFrame:
    """`fit` and `forecast` in one, as a method for `backtest`; with the confidence of the interval that is shown."""
    return forecast(fit(days), until, confidence)


def seasonal_naive(days: pd.DataFrame, until: dt.date) -> pd.DataFrame:
    """Return the last week again and again, closed days as zeros; no interval."""
    ahead = pd.date_range(days["date"].iloc[-1] + pd.Timedelta(days=1), until)
    last = days["value"].fillna(0.0).to_numpy(float)[-WEEK:]
    again = np.resize(last, len(ahead))
    return pd.DataFrame(dict(date=ahead, median=again, low=np.nan, high=np.nan))


def backtest(
    days: pd.DataFrame, method: Method, origins: int = 8, horizon: int = 28, step: int = 28
) -> pd.DataFrame:
    """Forecast from past days and compare with what came.

    Parameters
    ----------
    days : DataFrame
        From `complete`.
    method : callable
        Takes complete days and a last day; returns ``date, median, low, high``.
    origins, horizon, step : int
        How many times, days ahead, and days between; the last origin's horizon ends on the last day.

    Returns
    -------
    DataFrame
        A row an origin, the newest first: ``origin, mase, mae, bias, inside``: mean absolute error over the mean
        absolute difference of the training days from those a week before (Hyndman and Koehler 2006, eq. 3, with
        period 7; closed days are zeros here), the error itself, forecast less seen a day, and the share of open days
        within the interval (NaN where there is none).

    Raises
    ------
    ValueError
        If the days before the first origin are fewer than four weeks.
    """
    seen, rows = days["value"].fillna(0.0).to_numpy(float), []
    for end in _ends(days, origins, horizon, step):
        made = method(days.iloc[:end], days["date"].iloc[end + horizon - 1])
        came, said = seen[end : end + horizon], made["median"].to_numpy(float)
        scale = float(np.abs(seen[WEEK:end] - seen[: end - WEEK]).mean())
        if not scale > 0:
            raise ValueError("Every training day equals the one a week before: MASE has no scale.")
        is_open = days["open"].to_numpy(bool)[end : end + horizon]
        inside = (came >= made["low"].to_numpy()) & (came <= made["high"].to_numpy())
        share = float(inside[is_open].mean()) if made["low"].notna().all() and is_open.any() else float("nan")
        error = float(np.abs(came - said).mean())
        rows.append((days["date"].iloc[end - 1], error / scale, error, float((said - came).mean()), share))
    return pd.DataFrame(rows, columns=["origin", "mase", "mae", "bias", "inside"])


def backtest_total(
    days: pd.DataFrame, confidence: float, origins: int = 8, horizon: int = 28, step: int = 28
) -> pd.DataFrame:
    """Forecast the sum of the days to come from past days (`total_over_weights`), and compare with what came.

    Parameters
    ----------
    days, origins, horizon, step
        As of `backtest`, which takes the same origins.
    confidence : float
        That the sum lies within its limits.

    Returns
    -------
    DataFrame
        A row an origin, the newest first: ``origin, total, total_low, total_high, came, total_off`` (forecast over what
        came, less 1; NaN where nothing came) and ``total_inside``.
    """
    seen, rows = days["value"].fillna(0.0).to_numpy(float), []
    for end in _ends(days, origins, horizon, step):
        ahead = days.iloc[end : end + horizon]
        mean, deviation = total_over_weights(fit(days.iloc[:end]), ahead["date"].iloc[-1])
        low, high = total_limits(mean, deviation, confidence)
        came = float(seen[end : end + horizon].sum())
        off = mean / came - 1 if came > 0 else float("nan")
        rows.append((days["date"].iloc[end - 1], mean, low, high, came, off, low <= came <= high))
    names = ["origin", "total", "total_low", "total_high", "came", "total_off", "total_inside"]
    return pd.DataFrame(rows, columns=names)


def possible_origins(days: pd.DataFrame, most: int = 8, horizon: int = 28, step: int = 28) -> int:
    """Return how many origins `backtest` can have, at least 1: with that one it says how many days are too few."""
    return max(min(most, (len(days) - LEAST - horizon) // step + 1), 1)


def _ends(days: pd.DataFrame, origins: int, horizon: int, step: int) -> list[int]:
    """Return how many days are known at each origin, the newest first."""
    if len(days) - horizon - step * (origins - 1) < LEAST or min(origins, horizon, step) < 1:
        raise ValueError(
            f"{len(days)} days are too few for {origins} origins of {horizon} days, {step} apart, after {LEAST} days."
        )
    return [len(days) - horizon - step * n for n in range(origins)]
