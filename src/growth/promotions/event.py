"""What an event that was not randomised brought: against a forecast without it, never against the days before.

Structural time series (Harvey 1989; Brodersen et al. 2015, Annals of Applied Statistics 9:247-274): the log of a
daily series is a local level with a fixed slope, a week, and covariates; days of other events are left out. The
counterfactual is what the model foresees from the days before the event. The same is done at quiet dates, where
nothing happened: what it finds there is how wrong it is, and where that is more than it says, intervals are
widened.
"""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.random import PCG64, Generator

from growth.stats.contrast import critical

HISTORY, LONGEST = 120, 400  # days before an event that are needed, and at most used
AFTER = 28  # days after an event that belong to its account
ECHO = 7  # days after an event that are left out of other events' history
PATHS, SEED = 2_000, 20_180_618
METRICS = ("orders", "revenue", "contribution")


@dataclass(frozen=True)
class Span:
    """An event, or a quiet date taken for one: first day, first day after."""

    name: str
    begin: dt.date
    end: dt.date

    @property
    def until(self) -> dt.date:
        """First day after those of its account."""
        return self.end + dt.timedelta(days=AFTER)


@dataclass(frozen=True)
class Brought:
    """What an event brought of one metric, on its days and in the days after.

    Parameters
    ----------
    event : Span
    metric : str
    during, post, total : tuple of float
        (value, low, high): seen less foreseen.
    foreseen : float
        Of the whole account, without the event.
    before_after : float
        What comparing with as many days just before would say of its days: wrong, and shown for that.
    days : DataFrame
        ``date, seen, foreseen, low, high``.
    z : float
        Value over standard deviation of the total, in logs: of a quiet date, how wrong the model is.
    """

    event: Span
    metric: str
    during: tuple[float, float, float]
    post: tuple[float, float, float]
    total: tuple[float, float, float]
    foreseen: float
    before_after: float
    days: pd.DataFrame
    z: float


def spans(events: pd.DataFrame) -> list[Span]:
    """Return the events of the mart ``events``, in the order of their days."""
    known = events.dropna(subset=["starts_on", "ends_on"]).sort_values("starts_on")
    return [
        Span(str(name), begin, end)
        for name, begin, end in zip(known["promotion_id"], known["starts_on"], known["ends_on"], strict=True)
    ]


def why_not(event: Span, first: dt.date, as_of: dt.date, others: Sequence[Span]) -> str:
    """Return why nothing can be said of an event; empty if it can."""
    if (event.begin - first).days < HISTORY:
        return f"fewer than {HISTORY} days of history"
    if event.until > as_of:
        return f"the {AFTER} days after it are not over"
    near = [o.name for o in others if o is not event and o.begin < event.end and event.begin < o.end]
    if near:
        return f"it overlaps {', '.join(near)}"
    after = [o.name for o in others if o is not event and event.end <= o.begin < event.until]
    return f"{', '.join(after)} begins in the {AFTER} days after it" if after else ""


def quiet(length: int, first: dt.date, as_of: dt.date, events: Sequence[Span], count: int) -> list[Span]:
    """Return up to `count` quiet dates, evenly among those whose account touches no event and its echo."""
    day = dt.timedelta(days=1)
    starts = [first + day * n for n in range(HISTORY, max((as_of - first).days - length - AFTER, HISTORY))]
    free = [s for s in starts if not _touches(Span("quiet", s, s + day * length), events)]
    if not free or not count:
        return []
    picked = sorted({free[round(i)] for i in np.linspace(0, len(free) - 1, min(count, len(free)))})
    return [Span(f"quiet {s}", s, s + day * length) for s in picked]


def _touches(span: Span, events: Sequence[Span]) -> bool:
    echo = dt.timedelta(days=ECHO)
    return any(e.begin < span.until and span.begin < e.end + echo for e in events)


def brought(
    trade: pd.DataFrame,
    event: Span,
    events: Sequence[Span],
    metric: str,
    confidence: float = 0.95,
    widen: float = 1.0,
) -> Brought | None:
    """Return what an event brought; None where the series is not positive every day, so that it has no log.

    Parameters
    ----------
    trade : DataFrame
        The mart ``trade``, indexed by day without gaps; ``list_level`` is a covariate where it is there.
    event : Span
    events : sequence of Span
        All events: the days of others, and those just after, tell nothing of ordinary days.
    metric : str
    confidence : float
    widen : float
        Factor on the model's standard deviation; see `placebo_factor`.
    """
    series = trade[metric].astype(float)
    begin = max(event.begin - dt.timedelta(days=LONGEST), trade.index[0])
    before = series[(series.index >= begin) & (series.index < event.begin)].copy()
    account = series[(series.index >= event.begin) & (series.index < event.until)]
    for other in events:
        if other is not event:
            echo = other.end + dt.timedelta(days=ECHO)
            before[(before.index >= other.begin) & (before.index < echo)] = np.nan
    if not (before.dropna() > 0).all() or not (account > 0).all() or before.notna().sum() < HISTORY / 2:
        return None
    x = _covariates(trade, before.index, account.index)
    paths = _foreseen(np.log(before.to_numpy()), x, len(account))
    middle = np.median(paths, axis=1, keepdims=True)
    ways = np.exp(middle + widen * (paths - middle))
    return _account(event, metric, account, ways, before, confidence, _z(account, paths))


def _covariates(trade: pd.DataFrame, past: pd.Index, ahead: pd.Index) -> tuple[np.ndarray, np.ndarray] | None:
    """Return covariates before and after, centred on the past; None where there are none that vary."""
    if "list_level" not in trade:
        return None
    level = trade["list_level"].astype(float)
    old, new = level.loc[past].to_numpy(), level.loc[ahead].to_numpy()
    if not np.isfinite(old).all() or not np.isfinite(new).all() or old.std() == 0:
        return None
    scale = old.std()
    return ((old - old.mean()) / scale)[:, None], ((new - old.mean()) / scale)[:, None]


def _foreseen(log: np.ndarray, x: tuple[np.ndarray, np.ndarray] | None, steps: int) -> np.ndarray:
    """Return simulated paths of the log series, shape (steps, PATHS)."""
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    model = UnobservedComponents(
        log, level="lldtrend", seasonal=7, stochastic_seasonal=False, exog=None if x is None else x[0]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a variance at its bound of 0 is no fault
        fit = model.fit(disp=False, maxiter=200)
        made = fit.simulate(
            steps, anchor="end", repetitions=PATHS, exog=None if x is None else x[1], rng=Generator(PCG64(SEED))
        )  # fmt: skip
    return np.asarray(made).reshape(steps, PATHS)


def _z(account: pd.Series, paths: np.ndarray) -> float:
    total = np.log(np.exp(paths).sum(axis=0))
    return float((np.log(account.sum()) - np.median(total)) / total.std())


def _account(
    event: Span,
    metric: str,
    account: pd.Series,
    ways: np.ndarray,
    before: pd.Series,
    confidence: float,
    z: float,
) -> Brought:
    on = np.asarray(account.index < event.end)
    tail = (1 - confidence) / 2

    def gain(rows: np.ndarray) -> tuple[float, float, float]:
        seen = float(account[rows].sum())
        total = ways[rows].sum(axis=0)
        low, high = np.quantile(total, [tail, 1 - tail])
        return seen - float(np.median(total)), seen - float(high), seen - float(low)

    low, high = np.quantile(ways, [tail, 1 - tail], axis=1)
    days = pd.DataFrame(
        dict(
            date=account.index, seen=account.to_numpy(), foreseen=np.median(ways, axis=1), low=low, high=high
        )
    )
    just_before = before.iloc[-int(on.sum()) :]
    naive = float(account[on].sum() - just_before.mean() * on.sum())
    whole = np.ones(len(account), dtype=bool)
    foreseen = float(np.median(ways.sum(axis=0)))
    return Brought(event, metric, gain(on), gain(~on), gain(whole), foreseen, naive, days, z)


def placebo_factor(placebos: Sequence[Brought], confidence: float = 0.95) -> float:
    """Return by how much the model's standard deviation is too small at quiet dates: root mean square of z, at least 1.

    With few quiet dates it is an estimate itself, so its own upper error is not added; it is stated beside the result.
    """
    z = np.array([p.z for p in placebos])
    return max(1.0, float(np.sqrt((z**2).mean()))) if len(z) else 1.0


def outside(placebos: Sequence[Brought], confidence: float = 0.95) -> int:
    """Return how many quiet dates lie outside the interval that the model gives without widening."""
    z = critical(float("inf"), confidence)
    return sum(abs(p.z) > z for p in placebos)


def complete(trade: pd.DataFrame) -> pd.DataFrame:
    """Return the mart ``trade`` by day, from the first to the last with an order; a day without one has 0."""
    own = trade.set_index("date").sort_index()
    days = [d.date() for d in pd.date_range(own.index[0], own.index[-1])]
    out = own.reindex(days)
    filled = out[list(METRICS)].astype(float).fillna(0.0)
    rest = out.drop(columns=list(METRICS)).astype(float).ffill()
    return pd.concat([filled, rest], axis=1)


def all_events(
    trade: pd.DataFrame, events: Sequence[Span], as_of: dt.date, metric: str, placebos: int, confidence: float
) -> tuple[list[Brought], list[Brought], dict[str, str]]:
    """Return what each event brought, what was found at quiet dates, and why nothing is said of the others.

    Widening by the quiet dates is in the intervals of the events.
    """
    first = trade.index[0]
    refused = {e.name: why for e in events if (why := why_not(e, first, as_of, events))}
    open_events = [e for e in events if e.name not in refused]
    length = max((e.end - e.begin).days for e in open_events) if open_events else 0
    dates = quiet(length, first, as_of, events, placebos) if open_events else []
    calm = [b for s in dates if (b := brought(trade, s, [*events, s], metric, confidence)) is not None]
    widen = placebo_factor(calm)
    found = []
    for e in open_events:
        one = brought(trade, e, events, metric, confidence, widen)
        if one is None:
            refused[e.name] = f"{metric} is not above 0 on every day"
        else:
            found.append(replace(one, z=one.z / widen))
    return found, calm, refused
