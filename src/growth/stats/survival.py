"""Time to an event from counts: Kaplan-Meier, log-rank, restricted means, Aalen-Johansen.

Rows are (time, event, count, entry): units that left observation at a time, with an event or without, and entered it at
an age (0 unless they were older than the data). Equal rows may be counted or repeated: the result is the same. At a tie
events come before those who only leave observation.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc

from growth.stats.contrast import Estimate, critical, estimate
from growth.stats.moments import Floats


@dataclass(frozen=True, eq=False)
class Spells:
    """Checked rows.

    Parameters
    ----------
    time, entry : ndarray of float
        End of observation, and its begin (before the end).
    event : ndarray of int
        0 if censored, else the code of what happened.
    count : ndarray of float
        Units, whole numbers.
    """

    time: Floats
    event: NDArray[np.int64]
    count: Floats
    entry: Floats

    @classmethod
    def of(
        cls, time: ArrayLike, event: ArrayLike, count: ArrayLike | None = None, entry: ArrayLike | None = None
    ) -> Spells:
        """Return checked rows; single numbers are stretched to the others' length.

        Raises
        ------
        ValueError
            If lengths differ, a number is missing, a time is negative or not after its entry, or a count is broken.
        """
        given = [time, event, 1 if count is None else count, 0 if entry is None else entry]
        try:
            t, e, n, start = np.broadcast_arrays(*[np.atleast_1d(np.asarray(a, float)) for a in given])
        except (TypeError, ValueError):
            raise ValueError(
                "Spells need time, event, count and entry as numbers, arrays of one length."
            ) from None
        if t.ndim != 1 or not t.size or not all(np.isfinite(a).all() for a in (t, e, n, start)):
            raise ValueError(
                "Spells need at least one row and no missing numbers: drop incomplete rows first."
            )
        if np.any((e < 0) | (e % 1 != 0)):
            raise ValueError("An event is 0 (censored) or a code of 1, 2, …")
        if np.any((n <= 0) | (n % 1 != 0)):
            raise ValueError("A row's count must be a whole number of at least 1: drop empty rows.")
        late = start > 0
        if np.any((t < 0) | (start < 0)) or np.any(late & (start >= t)):
            raise ValueError(
                "Observation must end after it begins, at a time of at least 0: drop spells of no length."
            )
        return cls(t, e.astype(np.int64), n, np.where(late, start, -inf))

    def pick(self, rows: NDArray[np.bool_]) -> Spells:
        """Return some of the rows."""
        return Spells(self.time[rows], self.event[rows], self.count[rows], self.entry[rows])

    def at_risk(self, times: Floats) -> Floats:
        """Return units under observation just before each time: entered before it, not left before it."""
        return _count_from(self.time, self.count, times) - _count_from(self.entry, self.count, times)

    def events(self, times: Floats, code: int | None = None) -> Floats:
        """Return units with an event (of this code) at each of the sorted times."""
        hit = self.event > 0 if code is None else self.event == code
        where = np.searchsorted(times, self.time[hit])
        kept = (where < len(times)) & (times[np.minimum(where, len(times) - 1)] == self.time[hit])
        return np.bincount(where[kept], self.count[hit][kept], len(times)).astype(float)


def _count_from(value: Floats, count: Floats, times: Floats) -> Floats:
    """Return how many units have a value of at least each time."""
    order = np.argsort(value, kind="stable")
    above = np.append(np.cumsum(count[order][::-1])[::-1], 0.0)
    return np.asarray(above[np.searchsorted(value[order], times, side="left")])


@dataclass(frozen=True, eq=False)
class Curve:
    """A step function of time with its interval.

    Parameters
    ----------
    time : ndarray
        Where it steps: the distinct times at which somebody left observation.
    at_risk, events : ndarray
        Units before each step, and events there.
    value, error, low, high : ndarray
        From each time up to the next; the error is Greenwood's. NaN ends where the value is 0 or 1 and has no interval.
    start : float
        The value before the first step.
    """

    time: Floats
    at_risk: Floats
    events: Floats
    value: Floats
    error: Floats
    low: Floats
    high: Floats
    start: float

    def at(self, times: ArrayLike) -> tuple[Floats, Floats, Floats]:
        """Return value, low and high at times up to the last observed one.

        Raises
        ------
        ValueError
            If a time lies beyond: nothing is known there.
        """
        t = np.atleast_1d(np.asarray(times, float))
        if not np.all((t >= 0) & (t <= self.time[-1])):
            raise ValueError(f"The curve is known from 0 to {self.time[-1]:g} only: ask within.")
        i = np.searchsorted(self.time, t, side="right")
        value = np.append(self.start, self.value)[i]
        return value, np.append(np.nan, self.low)[i], np.append(np.nan, self.high)[i]

    def quantile(self, share: float) -> float:
        """Return when this share has had the event; infinite if not within the time observed."""
        if not 0 < share < 1:
            raise ValueError(f"A share must lie between 0 and 1, like 0.5, not {share!r}.")
        gone = np.abs(self.value - self.start) >= share - 1e-12
        return float(self.time[np.argmax(gone)]) if gone.any() else inf


def kaplan_meier(
    time: ArrayLike,
    event: ArrayLike,
    count: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Curve:
    """Return the share still without an event, any code, with log-log intervals.

    Parameters
    ----------
    time, event, count, entry : array-like
        As `Spells.of`.
    confidence : float

    Raises
    ------
    ValueError
        As `Spells.of`, and if late entries leave nobody at risk before the last time.

    Notes
    -----
    Kaplan and Meier (1958), JASA 53:457-481; Greenwood's variance; interval on log(-log S): Kalbfleisch and Prentice
    (2002), eq. 1.14.
    """
    spells = Spells.of(time, event, count, entry)
    times, n, d = _table(spells)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.exp(np.cumsum(np.log1p(-d / n)))
        sums = np.cumsum(d / (n * (n - d)))
        error = np.where(value > 0, value * np.sqrt(sums), 0.0)
        width = critical(inf, confidence) * np.sqrt(sums) / np.abs(np.log(value))
        low, high = value ** np.exp(width), value ** np.exp(-width)
    return _curve(times, n, d, value, error, low, high, 1.0)


def _curve(
    times: Floats, n: Floats, d: Floats, value: Floats, error: Floats, low: Floats, high: Floats, start: float
) -> Curve:
    sure = (value <= 0) | (value >= 1)
    return Curve(times, n, d, value, error, np.where(sure, np.nan, low), np.where(sure, np.nan, high), start)


def _table(spells: Spells) -> tuple[Floats, Floats, Floats]:
    times = np.unique(spells.time)
    n, d = spells.at_risk(times), spells.events(times)
    gone = np.flatnonzero((d > 0) & (d >= n))
    if len(gone) and gone[0] < len(times) - 1:
        raise ValueError(
            f"At time {times[gone[0]]:g} all those at risk have the event, yet others come later: start the curve "
            "where more are under observation (choose a later origin)."
        )
    return times, n, d


@dataclass(frozen=True)
class ChiSquare:
    """A chi-square test.

    Parameters
    ----------
    statistic : float
    freedom : int
    p_value : float
    """

    statistic: float
    freedom: int
    p_value: float


def log_rank(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    count: ArrayLike | None = None,
    entry: ArrayLike | None = None,
) -> ChiSquare:
    """Test whether groups share one survival curve.

    Parameters
    ----------
    time, event, count, entry : array-like
        As `Spells.of`; any code is an event.
    group : array-like
        A label a row.

    Raises
    ------
    ValueError
        As `Spells.of`, and if there are fewer than two groups or no event while two are at risk.

    Notes
    -----
    Mantel (1966); Kalbfleisch and Prentice (2002), section 1.4; hypergeometric variance at ties.
    """
    spells = Spells.of(time, event, count, entry)
    labels, which = np.unique(np.asarray(group), return_inverse=True)
    if len(labels) < 2 or len(which) != len(spells.time):
        raise ValueError("A log-rank test needs a group for each row, and at least two groups.")
    times = np.unique(spells.time[spells.event > 0])
    parts = [spells.pick(which == g) for g in range(len(labels))]
    n = np.array([p.at_risk(times) for p in parts])
    d = np.array([p.events(times) for p in parts]).reshape(len(labels), len(times))
    total, hits = n.sum(axis=0), d.sum(axis=0)
    share = n / total
    excess = (d - share * hits).sum(axis=1)
    scale = hits * (total - hits) / np.maximum(total - 1, 1)
    variance = np.diag(share @ scale) - (share * scale) @ share.T
    informed = np.diagonal(variance) > 0
    if informed.sum() < 2:
        raise ValueError("No event happened while two groups were at risk: there is nothing to compare.")
    keep = np.flatnonzero(informed)[:-1]
    core = variance[np.ix_(keep, keep)]
    statistic = float(excess[keep] @ np.linalg.solve(core, excess[keep]))
    return ChiSquare(statistic, len(keep), float(chdtrc(len(keep), statistic)))


def restricted_mean(curve: Curve, horizon: float) -> tuple[float, float]:
    """Return the mean time without the event up to a horizon, and its standard error.

    Raises
    ------
    ValueError
        If the horizon lies beyond what the curve knows.

    Notes
    -----
    Klein and Moeschberger (2003), eq. 4.5.2 and 4.5.3.
    """
    if not 0 < horizon <= curve.time[-1]:
        raise ValueError(f"The curve is known up to {curve.time[-1]:g} only: choose a horizon within.")
    keep = curve.time < horizon
    edges = np.concatenate([[0.0], curve.time[keep], [horizon]])
    areas = np.diff(edges) * np.append(1.0, curve.value[keep])
    after = np.cumsum(areas[::-1])[::-1][1:]  # the area beyond each step
    n, d = curve.at_risk[keep], curve.events[keep]
    inner = d < n
    variance = np.sum(after[inner] ** 2 * d[inner] / (n[inner] * (n[inner] - d[inner])))
    return float(areas.sum()), sqrt(float(variance))


def restricted_mean_difference(
    control: Curve, treated: Curve, horizon: float, confidence: float = 0.95
) -> Estimate:
    """Return by how much longer the treated stay without the event up to a horizon: needs no proportional hazards.

    Raises
    ------
    ValueError
        If the horizon lies beyond either curve, or neither has an event before it.

    Notes
    -----
    Royston and Parmar (2013), BMC Medical Research Methodology 13:152.
    """
    (a, error_a), (b, error_b) = restricted_mean(control, horizon), restricted_mean(treated, horizon)
    return estimate(b - a, sqrt(error_a**2 + error_b**2), inf, confidence)


def aalen_johansen(
    time: ArrayLike,
    event: ArrayLike,
    code: int,
    count: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Curve:
    """Return the share that has had an event of one code, others competing; ties are exact, nothing is jittered.

    Parameters
    ----------
    time, event, count, entry : array-like
        As `Spells.of`.
    code : int
        The event's.
    confidence : float
        Of the interval, on log(-log F).

    Raises
    ------
    ValueError
        As `kaplan_meier`, and if no event has this code.

    Notes
    -----
    Aalen and Johansen (1978), Scandinavian Journal of Statistics 5:141-150; variance by the delta method: Marubini and
    Valsecchi (1995), Analysing Survival Data, eq. 10.12.
    """
    spells = Spells.of(time, event, count, entry)
    if not np.any(spells.event == code):
        raise ValueError(f"No event has the code {code}: nothing to estimate.")
    times, n, d = _table(spells)
    own = spells.events(times, code)
    with np.errstate(divide="ignore", invalid="ignore"):
        before = np.append(1.0, np.exp(np.cumsum(np.log1p(-d / n)))[:-1])
        value = np.cumsum(before * own / n)
        all_gone = np.where(d < n, d / (n * (n - d)), 0.0)
    error = np.sqrt(np.maximum(_variance(value, before, n, own, all_gone), 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        width = critical(inf, confidence) * error / np.abs(value * np.log(value))
        low, high = value ** np.exp(width), value ** np.exp(-width)
    return _curve(times, n, own, value, error, low, high, 0.0)


def _variance(value: Floats, before: Floats, n: Floats, own: Floats, all_gone: Floats) -> Floats:
    """Return sums over earlier steps of (F - F_i)^2 a_i + b_i - 2 (F - F_i) c_i, opened so that they are running."""
    b = np.cumsum(before**2 * own * (n - own) / n**3)
    c = before * own / n**2
    one, first, second = np.cumsum(all_gone), np.cumsum(value * all_gone), np.cumsum(value**2 * all_gone)
    square = value**2 * one - 2 * value * first + second
    return np.asarray(square + b - 2 * (value * np.cumsum(c) - np.cumsum(value * c)))
