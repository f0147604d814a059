"""Is demand met as often as an order promises: weeks that are alike, and past weeks ordered for as if today."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.stats import nbinom

from growth.errors import attempt
from growth.price import stock
from growth.stats.moments import Floats

LAGS = 8  # weeks over which demand may be alike
STEP = 4  # weeks between past origins
FEWEST = 100  # past sums that a stretch is taken from
STRETCHES = np.arange(1.0, 4.01, 0.05)


@dataclass(frozen=True)
class Need:
    """What a product is ordered for.

    Parameters
    ----------
    ratio : float
        Critical ratio.
    weeks : float
        From now to the delivery after next.
    """

    ratio: float
    weeks: float


@dataclass(frozen=True, eq=False)
class Service:
    """How often demand was met when past weeks were ordered for as if today.

    Parameters
    ----------
    rho : ndarray, shape (lags,)
        Autocorrelation of weekly demand, of all products together.
    stretch : float
        By which a deviation is multiplied, at least 1.
    promised, plain, met : float
        Of past sums: the mean probability of being met, the share met without a stretch, and with one taken from
        origins whose weeks do not overlap; NaN where there are too few.
    tries, origins : int
        Past sums, and the weeks that they were ordered in.
    products : mapping of str to float
        The share `met` of each product.
    """

    rho: Floats
    stretch: float = 1.0
    promised: float = float("nan")
    plain: float = float("nan")
    met: float = float("nan")
    tries: int = 0
    origins: int = 0
    products: Mapping[str, float] = field(default_factory=dict)


def autocorrelation(units: Floats, window: int, lags: int = LAGS) -> Floats:
    """Return the autocorrelation of weekly demand, pooled over products and shrunk.

    Parameters
    ----------
    units : ndarray, shape (weeks, products)
        NaN where demand is not known: not on sale, or stock ran out.
    window : int
        Weeks that a mean is taken of, from the last one back.

    Returns
    -------
    ndarray, shape (lags,)

    Notes
    -----
    Products of deviations from the mean of a window k weeks apart, each product at variance 1. The mean is one of the
    same weeks, which bends all of them down: with C what takes it out, E[x' C D_k C x] = sum_j g_j tr(C D_k C D_j) with
    D_k the pairs k weeks apart, solved for the covariances g. Then rho_k (1 - 1 / (n rho_k^2)) of n pairs (James and
    Stein 1961), and nothing below 0, for that would make orders smaller.
    """
    width = lags + 1
    seen, turn, pairs = np.zeros(width), np.zeros((width, width)), np.zeros(width)
    shifts = np.array([np.eye(window, k=k) + (np.eye(window, k=-k) if k else 0.0) for k in range(width)])
    known: dict[bytes, tuple[Floats, Floats]] = {}
    for column in units.T:
        windows = [column[end - window : end] for end in range(len(column), window - 1, -window)]
        windows = [x for x in windows if np.isfinite(x).sum() >= max(stock.LEAST, lags + 2)]
        apart = [np.where(np.isfinite(x), x - np.nanmean(x), 0.0) for x in windows]
        scale = sum(float(z @ z) for z in apart) / max(sum(int(np.isfinite(x).sum()) for x in windows), 1)
        if not scale > 0:
            continue
        for x, z in zip(windows, apart, strict=True):
            key = np.isfinite(x).tobytes()
            if key not in known:
                known[key] = _traces(np.isfinite(x), shifts)
            seen += np.einsum("i,kij,j->k", z, shifts, z) / scale
            turn += known[key][0]
            pairs += known[key][1]
    if not pairs[1:].all():
        return np.zeros(lags)
    covariance = np.linalg.solve(turn, seen)
    rho = np.maximum(covariance[1:] / covariance[0], 0.0)
    return np.minimum(rho - np.minimum(1 / (pairs[1:] * np.maximum(rho, 1e-12)), rho), 1.0)


def _traces(there: np.ndarray, shifts: Floats) -> tuple[Floats, Floats]:
    """Return tr(C D_k C D_j) for all lags k and j, and the pairs of known weeks at each lag."""
    centre = np.diag(there.astype(float)) - np.outer(there, there) / there.sum()
    inner = centre @ shifts @ centre
    pairs = np.einsum("i,kij,j->k", there.astype(float), shifts, there.astype(float)) / 2
    return np.einsum("kab,jba->kj", inner, shifts), pairs


def tried(units: pd.DataFrame, out: pd.DataFrame, needs: Mapping[str, Need], window: int) -> Service:
    """Order for past weeks as if today, and return how often demand was met.

    Parameters
    ----------
    units, out : DataFrame, weeks by products
        Sold (NaN: not on sale), and whether stock ran out; every week of the shop, in order.
    needs : mapping of str to Need
    window : int
        Weeks that demand is taken from.

    Notes
    -----
    At every fourth week, from the weeks before it: would the level ordered up to have met the next L weeks, L the whole
    weeks to the delivery after next? Weeks in which stock ran out are no test, for demand is not known. The stretch is
    the least at which past sums were met as often as promised, all products together; what is reported of it is honest:
    at each origin with the stretch of the others.
    """
    known = units.where(~out.astype(bool))
    rho = autocorrelation(known.to_numpy(float), min(window, len(known)))
    rows = []
    first = max(min(window, len(units) // 2), stock.LEAST)
    for end in range(len(units) - 1, first - 1, -STEP):
        for name, need in needs.items():
            row = _one(units[name], out[name], need, end, window, rho)
            if row is not None:
                rows.append((name, end, *row))
    if len(rows) < FEWEST:
        return Service(rho, tries=len(rows), origins=len({r[1] for r in rows}))
    return _judged(
        pd.DataFrame(rows, columns=["name", "end", "mean", "deviation", "ratio", "weeks", "came"]), rho
    )


def _one(
    units: pd.Series, out: pd.Series, need: Need, end: int, window: int, rho: Floats
) -> tuple[float, float, float, int, float] | None:
    """Return the demand foreseen at an origin, and what came; None where it is no test."""
    weeks = max(int(np.round(need.weeks)), 1)
    came, short = units.to_numpy(float)[end : end + weeks], out.to_numpy(bool)[end : end + weeks]
    if len(came) < weeks or short.any() or not np.isfinite(came).all():
        return None
    before, ran = (
        units.to_numpy(float)[max(end - window, 0) : end],
        out.to_numpy(bool)[max(end - window, 0) : end],
    )
    there = np.isfinite(before)
    if not there[-1]:
        return None
    found, _ = attempt(stock.fit, before[there], ran[there])
    if found is None:
        return None
    until = found.next(weeks, 0.0, rho)
    return until.mean, until.deviation, need.ratio, weeks, float(came.sum())


def _judged(rows: pd.DataFrame, rho: Floats) -> Service:
    """Return the stretch at which past sums were met as promised, and how often they were."""
    promised, met = _grid(rows)
    end, weeks = rows["end"].to_numpy(), rows["weeks"].to_numpy()
    held, said = np.zeros(len(rows), bool), np.zeros(len(rows))
    for at in np.unique(end):
        here = end == at
        apart = np.abs(end - at) >= max(weeks.max(), 1)
        best = _least(promised[:, apart], met[:, apart]) if apart.sum() >= FEWEST else 0
        held[here], said[here] = met[best, here], promised[best, here]
    best = _least(promised, met)
    own = pd.Series(held).groupby(rows["name"].to_numpy()).mean()
    return Service(
        rho, float(STRETCHES[best]), float(said.mean()), float(met[0].mean()), float(held.mean()), len(rows),
        len(np.unique(end)), {str(k): float(v) for k, v in own.items()},
    )  # fmt: skip


def _grid(rows: pd.DataFrame) -> tuple[Floats, np.ndarray]:
    """Return by stretch and past sum the probability of being met, and whether it was."""
    mean, ratio, came = (rows[c].to_numpy(float) for c in ("mean", "ratio", "came"))
    promised, met = np.empty((len(STRETCHES), len(rows))), np.empty((len(STRETCHES), len(rows)), bool)
    for i, stretch in enumerate(STRETCHES):
        extra = (stretch * rows["deviation"].to_numpy(float)) ** 2 - mean
        size = np.minimum(mean**2 / np.maximum(extra, 1e-12), stock.FLAT)
        chance = size / (size + mean)
        level = nbinom.ppf(ratio, size, chance)
        promised[i], met[i] = nbinom.cdf(level, size, chance), came <= level
    return promised, met


def _least(promised: Floats, met: np.ndarray) -> int:
    """Return the index of the least stretch that met as often as promised; the last where none did."""
    enough = met.mean(axis=1) >= promised.mean(axis=1)
    return int(np.argmax(enough)) if enough.any() else len(enough) - 1
