"""Demand where stock ran out: what was sold is the least that was wanted, not what was wanted.

Ignoring it makes demand look stiff (low prices sell out), and leaving sold-out weeks out makes it look stiffer still.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import betainc, gammaln

from growth.price import poisson, scores
from growth.price.twoway import Panel, coefficients, panel
from growth.stats.moments import Floats

FEWEST = 8  # products and weeks, so that halves can be compared
_Columns = tuple[str, str, tuple[str, ...]]  # units, stock, regressors
_STEPS = 200
_LOG_SIZE = (-3.0, 12.0)  # where log k is looked for; at the upper end the law is Poisson's
_REACH = 1.0  # of a log mean in one step
_TINY = 1e-300
_H = 1e-3  # of central differences in log k


@dataclass(frozen=True, eq=False)
class Censored:
    """Demand with unit and week effects, stock-outs taken as what they are.

    Parameters
    ----------
    names : tuple of str
    coefficients : ndarray, shape (k,)
    bias : ndarray, shape (k,)
        Estimated of so many effects, and taken off the coefficients.
    covariance : ndarray, shape (k, k)
        The estimation of `size` counts.
    errors : str
    freedom : float
        Of Student's t: clusters less 1.
    size : float
        k of the negative binomial: variance is mean + mean^2 / k; infinite where counts do not spread more than
        Poisson's.
    sold_out : int
        Rows whose demand is known from below only.
    n : int
        Rows used.
    dropped : mapping of str to int
        Why rows were left out, and how many.
    mean : ndarray, shape (n,)
        Expected demand of the rows used, which are `rows`.
    rows : Panel
    """

    names: tuple[str, ...]
    coefficients: Floats
    bias: Floats
    covariance: Floats
    errors: str
    freedom: float
    size: float
    sold_out: int
    n: int
    dropped: Mapping[str, int]
    mean: Floats
    rows: Panel


@dataclass(frozen=True, eq=False)
class _Data:
    """Units, the stock of rows that sold out, and which these are."""

    units: Floats
    out: NDArray[np.bool_]
    stock: Floats


def fit(
    frame: pd.DataFrame, units: str, stock: str, x: Sequence[str], product: str, week: str,
    errors: scores.Errors | None = None,
) -> Censored:  # fmt: skip
    """Fit E[demand] = exp(x b + product + week) where sales are the lesser of demand and stock.

    Parameters
    ----------
    frame : DataFrame
    units : str
        Whole numbers sold.
    stock : str
        What could be sold in the week (opening and received); missing where nothing limits. A row sold out if units
        reach it.
    x : sequence of str
        Log price first, then controls.
    product, week : str
    errors : Robust, Clustered or OverTime, optional
        Clustered by product and week unless told.

    Raises
    ------
    ValueError
        If units are not whole or exceed stock, a regressor is not identified, or the steps do not settle.

    Notes
    -----
    Expectation and maximisation (Dempster, Laird and Rubin 1977, JRSS B 39:1-38): a sold-out row's demand is replaced
    by E[Q | Q >= stock] of a negative binomial, the means are fitted by Poisson pseudo-likelihood, k by censored
    maximum likelihood, until all agree. Steps are Newton's: the weight of a sold-out row is its mean less what is
    missing of it (Louis 1982, JRSS B 44:226-233), Var[Q | Q >= stock] k / (k + mean). The covariance is the sandwich of
    both estimating equations. Effects are estimated with error, which bends E[Q | Q >= stock]: that bias, of order
    1 / weeks and 1 / products, is estimated from halves of the panel and taken off (split-panel jackknife of
    Fernandez-Val and Weidner 2016, Journal of Econometrics 192:291-312). Demand that waits for the next week is not
    modelled.
    """
    kind = errors or scores.Clustered((product, week))
    if isinstance(kind, scores.Classical):
        raise ValueError("Counts need errors that hold when variance is not the mean: Robust or Clustered.")
    rows, dropped = _usable(frame, units, stock, x, product, week, kind)
    columns = (units, stock, tuple(x))
    data, own = _data(rows, columns)
    beta, eta, log_size = _settle(rows, data, own, x)
    score, inverse = _influence(rows, data, own, eta, log_size)
    found = scores.covariance(kind, rows.frame, score, np.ones(len(score)), inverse, [product, week])
    bias = _bias(rows, columns, beta) if data.out.any() else np.zeros_like(beta)
    return Censored(
        tuple(x), beta - bias, bias, found.matrix, found.said, found.freedom, _size(log_size), int(data.out.sum()),
        len(eta), dropped, np.exp(eta), rows,
    )  # fmt: skip


def _usable(
    frame: pd.DataFrame,
    units: str,
    stock: str,
    x: Sequence[str],
    product: str,
    week: str,
    kind: scores.Errors,
) -> tuple[Panel, dict[str, int]]:
    """Return the rows that tell something of demand, and why the others do not."""
    if stock not in frame:
        raise ValueError(f"There is no column `{stock}`, only {', '.join(map(str, frame.columns))}.")
    sold, limit = frame[units].astype(float), frame[stock].astype(float)
    for wrong, what in (
        ((sold % 1 != 0) & sold.notna(), f"`{units}` is not whole"),
        (sold > limit, f"`{units}` exceeds `{stock}` (opening and received)"),
    ):
        if wrong.any():
            raise ValueError(
                f"{what} in {int(wrong.sum()):,} of {len(frame):,} rows: correct or drop them first."
            )
    empty = limit <= 0
    dropped = {"no stock all week": int(empty.sum())}
    rows = panel(frame[~empty], [units, *x], product, week, scores.keys(kind))
    rows, why = _pruned(rows, (units, stock, tuple(x)))
    return rows, {k: v for k, v in (dropped | why).items() if v}


def _pruned(rows: Panel, columns: _Columns) -> tuple[Panel, dict[str, int]]:
    """Leave out products and weeks whose mean has no finite estimate; return why and how many rows."""
    units, stock, x = columns
    rows, dropped = poisson.informative(rows, units, x)
    seen = _seen(rows, (rows.frame[units] >= rows.frame[stock]).to_numpy())
    dropped |= {"products or weeks that always sold out": int((~seen).sum())}
    return rows if seen.all() else rows.where(seen), dropped


def _bias(rows: Panel, columns: _Columns, beta: Floats) -> Floats:
    """Return the bias of coefficients by halves: of weeks, early and late, and of products, every other one."""
    products, weeks = rows.effects
    total = np.zeros_like(beta)
    if min(products, weeks) < FEWEST:
        raise ValueError(
            f"{products} products and {weeks} weeks are too few to correct for stock-outs (at least {FEWEST} of each): "
            "widen the panel."
        )
    for cut in (rows.week < weeks // 2, rows.unit % 2 == 0):
        for half in (cut, ~cut):
            part, _why = _pruned(rows.where(half), columns)
            data, own = _data(part, columns)
            total += (_settle(part, data, own, columns[2])[0] - beta) / 2
    return total


def _seen(rows: Panel, out: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the rows whose product and week have a row that did not sell out, among such rows."""
    keep = np.ones(len(out), bool)
    while True:
        some = keep.copy()
        for codes in (rows.unit, rows.week):
            some &= np.bincount(codes, keep & ~out)[codes] > 0
        if (some == keep).all():
            break
        keep = some
    if not keep.any():
        raise ValueError(
            "Every product or week always sold out, so demand has no upper end: widen the panel."
        )
    return keep


def _data(rows: Panel, columns: _Columns) -> tuple[_Data, Floats]:
    """Return what was seen, and the regressors less their means."""
    units, stock, x = columns
    sold, limit = (rows.frame[c].to_numpy(float) for c in (units, stock))
    out = sold >= limit  # False where stock is missing
    own = rows.frame[list(x)].to_numpy(float)
    return _Data(sold, out, np.ceil(limit[out])), own - own.mean(axis=0)


def tail(mean: Floats, size: float, least: Floats) -> tuple[Floats, Floats, Floats]:
    """Return log P(Q >= least) and the mean and variance of Q given that, of a negative binomial.

    Parameters
    ----------
    mean : ndarray, shape (n,)
    size : float
        k: variance is mean + mean^2 / k.
    least : ndarray, shape (n,)
        Whole numbers, at least 1.

    Notes
    -----
    q P(q; k) = mean P(q - 1; k + 1), with the odds kept; applied twice for the second factorial moment.
    """
    p = mean / (mean + size)
    above = np.maximum(betainc(least, size, p), _TINY)
    once = np.where(least > 1, betainc(np.maximum(least - 1, 1), size + 1, p), 1.0)
    twice = np.where(least > 2, betainc(np.maximum(least - 2, 1), size + 2, p), 1.0)
    first = np.maximum(mean * once / above, least)
    second = mean**2 * (1 + 1 / size) * twice / above
    return np.log(above), first, np.maximum(second + first - first**2, 0.0)


def _filled(data: _Data, mean: Floats, size: float) -> tuple[Floats, Floats]:
    """Return expected demand given what was seen, and the weight of each row."""
    wanted, weight = data.units.copy(), mean.copy()
    own = mean[data.out]
    _log, first, spread = tail(own, size, data.stock)
    wanted[data.out] = first
    weight[data.out] -= spread * size / (size + own)
    return wanted, weight


def _log_likelihood(data: _Data, mean: Floats, size: float) -> Floats:
    """Return each row's log-likelihood."""
    q = data.units
    found = (
        gammaln(q + size) - gammaln(size) - gammaln(q + 1) + size * np.log(size / (size + mean))
        + q * np.log(mean / (size + mean))
    )  # fmt: skip
    found[data.out] = tail(mean[data.out], size, data.stock)[0]
    return np.asarray(found, float)


def _log_size(data: _Data, mean: Floats) -> float:
    found = minimize_scalar(
        lambda s: -float(np.sum(_log_likelihood(data, mean, exp(s)))), bounds=_LOG_SIZE, method="bounded",
        options=dict(xatol=1e-3),
    )  # fmt: skip
    return float(found.x)


def _size(log_size: float) -> float:
    return float("inf") if _at_end(log_size) else exp(log_size)


def _at_end(log_size: float) -> bool:
    return log_size > _LOG_SIZE[1] - 0.5


def _settle(rows: Panel, data: _Data, x: Floats, names: Sequence[str]) -> tuple[Floats, Floats, float]:
    """Return coefficients, log means and log k at which all estimating equations hold."""
    _start, eta = poisson.settle(rows, data.units, x, names)
    log_size, before = _log_size(data, np.exp(eta)), np.full(x.shape[1], np.inf)
    for _step in range(_STEPS):
        beta, eta, new = _newton(rows, data, x, eta, log_size, names)
        if np.allclose(beta, before, rtol=1e-8, atol=1e-10) and abs(new - log_size) < 1e-6:
            return beta, eta, new
        before, log_size = beta, new
    raise ValueError(
        f"The censored fit (or that of half the panel, which tells its bias) did not settle in {_STEPS} steps: too "
        "much demand went unseen; widen the panel, or leave out products that nearly always sell out."
    )


def _newton(
    rows: Panel, data: _Data, x: Floats, eta: Floats, log_size: float, names: Sequence[str]
) -> tuple[Floats, Floats, float]:
    """Return coefficients, log means and log k after one step on all equations together."""
    mean = np.exp(eta)
    wanted, weight = _filled(data, mean, exp(log_size))
    weight = np.maximum(weight, 0.05 * mean)  # a step only: where the sums are 0 does not depend on it
    shift, curvature, mixed, slope = _by_size(data, mean, log_size)
    work = np.column_stack([eta + (wanted - mean) / weight, shift / weight, mixed / weight])
    left = rows.residuals(np.column_stack([work, x]), weight)
    rest, own = left[:, :3], left[:, 3:]
    cross = (left[:, [0, *range(3, left.shape[1])]] * weight[:, None]).T @ left[
        :, [0, *range(3, left.shape[1])]
    ]
    _beta, inverse = coefficients(cross, np.append(0.0, (x**2).T @ weight), names)
    slopes = inverse @ ((own * weight[:, None]).T @ rest)
    fitted = work - (rest - own @ slopes)
    bend = curvature - float(fitted[:, 2] @ shift)
    pull = float(slope.sum() + fitted[:, 2] @ (wanted - mean))
    step = float(np.clip(pull / bend if bend > 1e-3 else np.sign(pull), -1, 1))
    step = float(np.clip(log_size + step, *_LOG_SIZE)) - log_size
    move = fitted[:, 0] + step * fitted[:, 1] - eta
    share = min(1.0, _REACH / float(np.abs(move).max()))  # 1 near the end
    return slopes[:, 0] + step * slopes[:, 1], eta + share * move, log_size + share * step


def _influence(rows: Panel, data: _Data, x: Floats, eta: Floats, log_size: float) -> tuple[Floats, Floats]:
    """Return each row's part in the coefficients (before the bread), and the bread.

    The equations of coefficients and of log k are linearised together; effects are swept out of both.
    """
    mean = np.exp(eta)
    wanted, weight = _filled(data, mean, exp(log_size))
    weight = np.where(np.abs(weight) < 1e-12 * mean, 1e-12 * mean, weight)
    miss = wanted - mean
    shift, second, mixed, slope = _by_size(data, mean, log_size)
    left = rows.residuals(np.column_stack([x, mixed / weight]), weight)
    left, rest = left[:, :-1], left[:, -1]
    bread = np.linalg.inv((left * weight[:, None]).T @ left)
    if not (np.diagonal(bread) > 0).all():
        raise ValueError(
            "Too much demand went unseen for errors to be told: leave out products that nearly always sell out."
        )
    if _at_end(log_size) or not data.out.any():
        return left * miss[:, None], np.asarray(bread, float)
    through = bread @ ((left * weight[:, None]).T @ rest)
    fitted = mixed / weight - (rest - left @ through)
    per_size = (slope + fitted * miss) / (second - float(fitted @ shift))
    return left * miss[:, None] + np.outer(per_size, left.T @ shift), np.asarray(bread, float)


def _by_size(data: _Data, mean: Floats, log_size: float) -> tuple[Floats, float, Floats, Floats]:
    """Return, by log k: how expected demand moves, the curvature of the log-likelihood, its mixed derivative, slope."""
    sizes = [exp(log_size + d) for d in (-_H, 0.0, _H)]
    low, mid, high = (_log_likelihood(data, mean, s) for s in sizes)
    filled = [_filled(data, mean, s)[0] for s in sizes]
    shift = (filled[2] - filled[0]) / (2 * _H)
    by_mean = [(f - mean) * s / (s + mean) for f, s in zip(filled, sizes, strict=True)]
    curvature = -float(np.sum(high - 2 * mid + low)) / _H**2
    return shift, curvature, (by_mean[2] - by_mean[0]) / (2 * _H), (high - low) / (2 * _H)
