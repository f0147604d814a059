"""Where the next yuan goes: marginal returns today, the best split of a total, and what it is worth.

All numbers are a period (and region) at a steady spend, as the curves are; money is in one currency.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import acosh, inf, isfinite, sqrt

import numpy as np
import pandas as pd
from scipy.optimize import brentq, minimize_scalar

from growth.channels.response import Curve, Mean
from growth.stats.contrast import check_confidence
from growth.stats.moments import Floats

AnyCurve = Curve | Mean
_GRID = 1000  # steps of the total, where curves are S-shaped
SHAPED = "some curves are S-shaped: the split was searched for on a grid of a thousandth of the total, then refined"


@dataclass(frozen=True, eq=False)
class Plan:
    """Spend by channel, against today's.

    Parameters
    ----------
    table : DataFrame
        A row a channel: ``channel, today, marginal`` (outcome of one more unit of money, today), ``earns`` (money that
        it leaves: margin times marginal, less 1), ``spend`` (recommended), ``change, marginal_there`` and
        ``leaves_observed`` (the recommended spend was never seen: there the curve is a guess).
    total : float
        Money, recommended; no more than was given.
    outcome_today, outcome : float
        At today's spend and the recommended one.
    gain, gain_low, gain_high : float
        Profit of the recommended less today's, money; profit is margin times outcome less spend.
    chance : float
        Share of what the curves might be in which it gains.
    confidence : float
    said : str
        What to know of the search.
    """

    table: pd.DataFrame
    total: float
    outcome_today: float
    outcome: float
    gain: float
    gain_low: float
    gain_high: float
    chance: float
    confidence: float
    said: str


def outcome(curves: Sequence[AnyCurve], spend: Floats) -> float:
    """Return what all channels bring together at a spend each."""
    return float(np.sum([float(c.value(s)) for c, s in zip(curves, spend, strict=True)]))


def allocate(
    curves: Sequence[AnyCurve],
    total: float,
    low: Sequence[float] | None = None,
    high: Sequence[float] | None = None,
) -> Floats:
    """Return the spend by channel that brings most, all of the total being spent.

    Parameters
    ----------
    curves : sequence of Curve
    total : float
        Money.
    low, high : sequence of float, optional
        Bounds of each channel's spend; 0 and the total if not given.

    Returns
    -------
    ndarray, shape (channels,)
        Marginal returns are equal wherever a bound does not hold a channel.

    Raises
    ------
    ValueError
        If bounds cross, or cannot hold the total.

    Notes
    -----
    Concave curves: the price of money at which demands sum to the total, by bisection (the dual; exact). S-shaped ones
    (Hill, steeper than 1): the best of a grid by dynamic programming, refined: at the best split at most one channel
    lies where its curve still bends upwards.
    """
    floor, roof = _bounds(curves, total, low, high)
    starts = np.array([_turn(c) for c in curves])
    if (np.maximum(starts, floor) <= floor).all() or all(c.beta == 0 for c in curves):
        return _equal_marginals(curves, total, floor, roof)
    rough = _on_grid(curves, total, floor, roof)
    found = [rough, *_refined(curves, total, floor, roof, rough, starts)]
    return max(found, key=lambda x: outcome(curves, x))


def best_total(
    curves: Sequence[AnyCurve], margin: float, low: Sequence[float], high: Sequence[float]
) -> Floats:
    """Return the spend by channel of highest profit, no total given: up to where one more unit of money earns itself.

    Parameters
    ----------
    curves : sequence of Curve
    margin : float
        Money that one unit of the outcome leaves before spend.
    low, high : sequence of float
        Bounds of each channel's spend.
    """
    _check_margin(margin)
    floor, roof = _bounds(curves, None, low, high)
    found = []
    for curve, a, b in zip(curves, floor, roof, strict=True):
        inner = _demand(curve, 1 / margin, max(a, min(_turn(curve), b)), b)
        options = (a, inner, b)
        found.append(max(options, key=lambda s: margin * float(curve.value(s)) - s))
    return np.array(found)


def plan(
    curves: Sequence[AnyCurve],
    today: Sequence[float],
    margin: float,
    draws: Sequence[Sequence[Curve]],
    seen: pd.DataFrame,
    total: float | None = None,
    low: Sequence[float] | None = None,
    high: Sequence[float] | None = None,
    confidence: float = 0.95,
) -> Plan:
    """Return the best spend of at most a total and what it gains over today's.

    Parameters
    ----------
    curves : sequence of Curve or Mean
        What the split is best for: a fit leans on whatever luck made a curve high, the mean of draws does not.
    today : sequence of float
        Spend of each channel now.
    margin : float
        Money that one unit of the outcome leaves before spend.
    draws : sequence of sequence of Curve
        What else the curves might be, as `response.Response.draws`.
    seen : DataFrame
        ``channel, low, high``: spend that was observed.
    total : float, optional
        What may be spent at most, today's total if not given: money that does not earn itself stays.
    low, high
        As in `allocate`.
    confidence : float

    Returns
    -------
    Plan
        Its gain is judged by every draw, so it may be negative.

    Raises
    ------
    ValueError
        As `allocate`; if today's spend is negative, the margin not positive, there are no draws, or a channel has no
        observed range.
    """
    check_confidence(confidence)
    _check_margin(margin)
    now = np.asarray(today, float)
    if now.shape != (len(curves),) or not np.isfinite(now).all() or (now < 0).any():
        raise ValueError("Today's spend must be a number of at least 0 for each channel.")
    if not len(draws):
        raise ValueError("Without draws of the curves the gain has no interval: fit them with some.")
    whole = float(now.sum()) if total is None else total
    best = _within_total(curves, whole, margin, low, high)
    gains = np.array([_profit(d, best, margin) - _profit(d, now, margin) for d in draws])
    side = (1 - confidence) / 2
    bottom, top = np.quantile(gains, [side, 1 - side])
    shaped = any(_turn(c) > 0 for c in curves)
    return Plan(
        _table(curves, now, best, margin, seen), float(best.sum()), outcome(curves, now), outcome(curves, best),
        _profit(curves, best, margin) - _profit(curves, now, margin), float(bottom), float(top),
        float(np.mean(gains > 0)), confidence, SHAPED if shaped else "",
    )  # fmt: skip


def _within_total(
    curves: Sequence[AnyCurve],
    total: float,
    margin: float,
    low: Sequence[float] | None,
    high: Sequence[float] | None,
) -> Floats:
    """Return the spend of highest profit that costs at most a total."""
    floor, roof = _bounds(curves, total, low, high)
    free = best_total(curves, margin, floor.tolist(), np.minimum(roof, total).tolist())
    return free if free.sum() <= total else allocate(curves, total, low, high)


def _table(
    curves: Sequence[AnyCurve], now: Floats, best: Floats, margin: float, seen: pd.DataFrame
) -> pd.DataFrame:
    ranges = seen.set_index("channel")
    rows = []
    for curve, a, b in zip(curves, now, best, strict=True):
        if curve.channel not in ranges.index:
            raise ValueError(
                f"What was spent on {curve.channel} before is not known: give its observed range."
            )
        bottom, top = (float(ranges.loc[curve.channel, end]) for end in ("low", "high"))  # type: ignore[arg-type]
        marginal = float(curve.marginal(a))
        slack = 1e-9 * max(top, 1.0)
        rows.append(
            dict(
                channel=curve.channel, today=float(a), marginal=marginal, earns=margin * marginal - 1, spend=float(b),
                change=float(b - a), marginal_there=float(curve.marginal(b)),
                leaves_observed=bool(b < bottom - slack or b > top + slack),
            )
        )  # fmt: skip
    return pd.DataFrame(rows)


def _profit(curves: Sequence[AnyCurve], spend: Floats, margin: float) -> float:
    return margin * outcome(curves, spend) - float(spend.sum())


def _check_margin(margin: float) -> None:
    if not (isfinite(margin) and margin > 0):
        raise ValueError(f"A unit of the outcome must leave some money, not {margin!r}.")


def _bounds(
    curves: Sequence[AnyCurve], total: float | None, low: Sequence[float] | None, high: Sequence[float] | None
) -> tuple[Floats, Floats]:
    if not len(curves):
        raise ValueError("There is no channel to spend on.")
    if total is not None and not (isfinite(total) and total > 0):
        raise ValueError(f"The total must be some money, not {total!r}.")
    floor = np.zeros(len(curves)) if low is None else np.asarray(low, float)
    roof = np.full(len(curves), float(total or 0)) if high is None else np.asarray(high, float)
    if floor.shape != (len(curves),) or roof.shape != (len(curves),):
        raise ValueError("Each channel needs one lower and one upper bound.")
    if not ((floor >= 0) & (floor <= roof) & np.isfinite(roof)).all():
        raise ValueError(
            "Every channel's bounds must be finite, the lower at least 0 and not above the upper."
        )
    if total is not None and not floor.sum() <= total * (1 + 1e-12) <= roof.sum() * (1 + 1e-9):
        raise ValueError(
            f"The bounds hold {floor.sum():g} to {roof.sum():g} in all, so a total of {total:g} does not fit: "
            "widen them."
        )
    return floor, roof


def _turn(curve: AnyCurve) -> float:
    """Return the spend up to which a curve bends upwards; 0 for a concave one. Of a mean, up to which a part does."""
    if isinstance(curve, Mean):
        return max(_turn(c) for c in curve.parts)
    if curve.kind == "logistic" or curve.steep <= 1:
        return 0.0
    return curve.scale * curve.rate * ((curve.steep - 1) / (curve.steep + 1)) ** (1 / curve.steep)


def _demand(curve: AnyCurve, price: float, low: float, high: float) -> float:
    """Return where a curve's falling marginal return meets a price, within bounds."""
    if curve.beta <= 0 or float(curve.marginal(low)) <= price:
        return low
    if float(curve.marginal(high)) >= price:
        return high
    if isinstance(curve, Curve) and curve.kind == "logistic":
        at = curve.scale * 2 / curve.rate * acosh(sqrt(curve.beta * curve.rate / (2 * curve.scale * price)))
    elif isinstance(curve, Curve) and curve.steep == 1:
        at = curve.scale * (sqrt(curve.beta * curve.rate / (curve.scale * price)) - curve.rate)
    else:
        start = low if isfinite(float(curve.marginal(low))) else 1e-12 * high
        if float(curve.marginal(start)) <= price:
            return start
        at = brentq(lambda s: float(curve.marginal(s)) - price, start, high, xtol=1e-12 * high, rtol=1e-14)
    return min(max(float(at), low), high)


def _equal_marginals(curves: Sequence[AnyCurve], total: float, low: Floats, high: Floats) -> Floats:
    """Return the split of concave curves: demands at the price at which they sum to the total."""

    def demands(log_price: float) -> Floats:
        return np.array(
            [_demand(c, float(np.exp(log_price)), a, b) for c, a, b in zip(curves, low, high, strict=True)]
        )

    slopes = [
        float(c.marginal(s))
        for c, a, b in zip(curves, low, high, strict=True)
        for s in (a + 1e-9 * (b - a), b)
    ]
    known = np.array([s for s in slopes if 0 < s < inf])
    if not len(known):
        return _filled(low, low, high, total)
    dear, cheap = float(np.log(known.max())) + 1, float(np.log(known.min())) - 1
    while demands(dear).sum() > total and dear < 600:
        dear += 10
    for _ in range(200):
        middle = (dear + cheap) / 2
        dear, cheap = (middle, cheap) if demands(middle).sum() < total else (dear, middle)
    return _filled((demands(dear) + demands(cheap)) / 2, low, high, total)


def _filled(spend: Floats, low: Floats, high: Floats, total: float) -> Floats:
    """Return a split that sums to the total: what is left over goes where there is room."""
    found = spend.copy()
    for i in range(len(found)):
        left = total - float(found.sum())
        found[i] = min(max(found[i] + left, low[i]), high[i])
    return found


def _on_grid(curves: Sequence[AnyCurve], total: float, low: Floats, high: Floats) -> Floats:
    """Return the best split on a grid, by dynamic programming over channels."""
    free = total - float(low.sum())
    steps = np.arange(_GRID + 1) * (free / _GRID)
    best = np.zeros(_GRID + 1)
    picks = []
    back = np.subtract.outer(np.arange(_GRID + 1), np.arange(_GRID + 1))
    for i, (curve, a, b) in enumerate(zip(curves, low, high, strict=True)):
        own = np.where(a + steps < b + free / _GRID, curve.value(np.minimum(a + steps, b)), -inf)
        table = np.where(back >= 0, best[np.maximum(back, 0)] + own[None, :], -inf)
        if i == 0:  # nothing is left unspent
            table = np.where(back == 0, own[None, :], -inf)
        picks.append(table.argmax(axis=1))
        best = table.max(axis=1)
    found, at = np.zeros(len(curves)), _GRID
    for i in range(len(curves) - 1, -1, -1):
        found[i] = min(low[i] + steps[picks[i][at]], high[i])
        at -= int(picks[i][at])
    return _filled(found, low, high, total)


def _refined(
    curves: Sequence[AnyCurve], total: float, low: Floats, high: Floats, rough: Floats, turns: Floats
) -> list[Floats]:
    """Return exact splits near the grid's: channels above their turn have equal marginals, one may lie below."""
    step = (total - float(low.sum())) / _GRID
    up = rough >= turns - step
    floor, roof = np.where(up, np.maximum(low, np.minimum(turns, high)), low), np.where(up, high, low)
    between = np.flatnonzero(~up & (rough > low + 1.5 * step))
    if not len(between):
        return [s for s in [_within(curves, total, floor, roof)] if s is not None]
    odd = int(between[0])

    def split(spend: float) -> Floats | None:
        a, b = floor.copy(), roof.copy()
        a[odd] = b[odd] = spend
        return _within(curves, total, a, b)

    def loss(spend: float) -> float:
        own = split(spend)
        return inf if own is None else -outcome(curves, own)

    reach = (max(low[odd], rough[odd] - 2 * step), min(high[odd], rough[odd] + 2 * step))
    best = minimize_scalar(loss, bounds=reach, method="bounded", options=dict(xatol=1e-9 * max(total, 1.0)))
    own = split(float(best.x))
    return [] if own is None else [own]


def _within(curves: Sequence[AnyCurve], total: float, low: Floats, high: Floats) -> Floats | None:
    if not low.sum() <= total * (1 + 1e-12) <= high.sum() * (1 + 1e-9):
        return None
    return _equal_marginals(curves, total, low, high)
