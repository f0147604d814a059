"""Elasticities product by product, pooled towards their category as far as each is in doubt.

Slopes come from sums by product in closed form, week effects solved exactly; a hundred thousand take one pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import digamma, polygamma, stdtrit

from growth.price.twoway import Ints, panel
from growth.stats.contrast import check_confidence
from growth.stats.moments import Floats

FEWEST = 5  # products of a category from which on it has a mean and a spread of its own
_CHUNK = 4_000_000
_GRID = 201
_FLAT = 1e-9


@dataclass(frozen=True, eq=False)
class Lists:
    """Rows of one regressor and a response, unit by unit.

    Parameters
    ----------
    keys : ndarray, shape (U,)
        Of products.
    lengths : ndarray of int, shape (U,)
        Rows of each.
    weeks : ndarray of int, shape (N,)
        Codes without gaps.
    x, y : ndarray, shape (N,)
    """

    keys: Any
    lengths: Ints
    weeks: Ints
    x: Floats
    y: Floats


@dataclass(frozen=True, eq=False)
class Slopes:
    """A slope a product, week effects common to all.

    Parameters
    ----------
    product : ndarray, shape (m,)
    slope, variance : ndarray, shape (m,)
        The variance takes a product's errors as independent from week to week.
    freedom : ndarray, shape (m,)
        Of the variance: a product's weeks less 2 less its share of week effects, and what others' variances tell.
    refused : mapping of product to str
        Products without a slope, and why.
    """

    product: Any
    slope: Floats
    variance: Floats
    freedom: Floats
    refused: dict[Any, str]


def slopes(frame: pd.DataFrame, y: str, x: str, product: str, week: str) -> Slopes:
    """Return each product's slope of y on x, product and week effects taken out exactly.

    Parameters
    ----------
    frame : DataFrame
    y, x : str
        Log units and log price, say.
    product, week : str

    Raises
    ------
    ValueError
        If a value is missing, or all prices move together, so that slopes cannot be told from week effects.
    """
    rows = panel(frame, [y, x], product, week, effects=[])
    lengths = np.bincount(rows.unit)
    keys = rows.frame[product].to_numpy()[np.cumsum(lengths) - 1]
    return from_lists(
        Lists(keys, lengths, rows.week, rows.frame[x].to_numpy(float), rows.frame[y].to_numpy(float))
    )


def from_lists(lists: Lists) -> Slopes:
    """Return each product's slope; see `slopes`.

    Notes
    -----
    Product i has its own intercept and slope, M_i takes both out, D_i are its dummies of weeks. Week effects g solve
    sum D_i' M_i D_i g = sum D_i' M_i y_i, a T x T system; then slope i is that of y_i - D_i g (Frisch, Waugh, Lovell).
    """
    unit = np.repeat(np.arange(len(lists.lengths)), lists.lengths)
    x, y = _centred(lists.x, unit, lists.lengths), _centred(lists.y, unit, lists.lengths)
    sxx = np.asarray(np.bincount(unit, x * x), float)
    fine = (sxx > _FLAT * lists.lengths) & (lists.lengths >= 3)
    scale = np.where(fine, 1 / np.sqrt(np.where(fine, sxx, 1.0)), 0.0)
    unitary = x * scale[unit]
    inverse = _weeks_inverse(lists, unitary)
    left = y - unitary * np.bincount(unit, unitary * y)[unit]
    effect = inverse @ np.bincount(lists.weeks, left, minlength=len(inverse))
    y = y - _centred(effect[lists.weeks], unit, lists.lengths)
    along = np.asarray(np.bincount(unit, unitary * y), float)
    rss = np.bincount(unit, (y - unitary * along[unit]) ** 2)
    leverage, bend = _leverage(lists, unitary, inverse)
    free = lists.lengths - 2 - leverage
    fine &= free > 0.5
    fine &= rss > 1e-20 * np.maximum(np.bincount(unit, lists.y**2), 1)
    if not fine.any():
        raise ValueError(
            "No product has three weeks with prices that differ and errors to tell: widen the panel."
        )
    variance, freedom = moderated(rss[fine] / free[fine], free[fine])
    return Slopes(
        np.asarray(lists.keys)[fine], (along * scale)[fine], variance * (1 + bend[fine]) * scale[fine] ** 2, freedom,
        _refused(lists, fine, sxx),
    )  # fmt: skip


def _centred(values: Floats, unit: Ints, lengths: Ints) -> Floats:
    return values - (np.bincount(unit, values) / lengths)[unit]


def _cells(lists: Lists, weight: Floats | None, n_weeks: int) -> Iterator[tuple[slice, Floats]]:
    """Yield slices of products with their dense sums by week."""
    size = max(1, _CHUNK // n_weeks)
    ends = np.concatenate([[0], np.cumsum(lists.lengths)])
    for start in range(0, len(lists.lengths), size):
        stop = min(start + size, len(lists.lengths))
        own = slice(ends[start], ends[stop])
        at = np.repeat(np.arange(stop - start) * n_weeks, lists.lengths[start:stop]) + lists.weeks[own]
        cells = np.bincount(at, None if weight is None else weight[own], minlength=(stop - start) * n_weeks)
        yield slice(start, stop), cells.astype(float, copy=False).reshape(-1, n_weeks)


def _weeks_inverse(lists: Lists, unitary: Floats) -> Floats:
    """Return the inverse of the week system with the first week at 0 (its row and column are 0)."""
    n_weeks = int(lists.weeks.max()) + 1
    system = np.diag(np.bincount(lists.weeks, minlength=n_weeks).astype(float))
    for part, cells in _cells(lists, None, n_weeks):
        cells /= np.sqrt(lists.lengths[part])[:, None]
        system -= cells.T @ cells
    for _part, cells in _cells(lists, unitary, n_weeks):
        system -= cells.T @ cells
    found = np.zeros_like(system)
    if n_weeks > 1:
        own = system[1:, 1:]
        size = np.sqrt(np.diagonal(own).clip(min=np.finfo(float).tiny))
        values, vectors = np.linalg.eigh(own / np.outer(size, size))
        if values[0] < _FLAT:
            raise ValueError(
                "Slopes cannot be told from week effects: all prices move together, or some weeks share no product "
                "with the others. Pool products first, or leave those weeks out."
            )
        found[1:, 1:] = (vectors / values) @ vectors.T / np.outer(size, size)
    return found


def _leverage(lists: Lists, unitary: Floats, inverse: Floats) -> tuple[Floats, Floats]:
    """Return the share of week effects in each product's fit, and what they add to its slope's variance."""
    n_weeks, products = len(inverse), len(lists.lengths)
    bend, mean, own = np.empty(products), np.empty(products), np.empty(products)
    for part, cells in _cells(lists, unitary, n_weeks):
        bend[part] = np.einsum("ij,ij->i", cells @ inverse, cells)
    for part, cells in _cells(lists, None, n_weeks):
        mean[part] = np.einsum("ij,ij->i", cells @ inverse, cells) / lists.lengths[part]
        own[part] = cells @ np.diagonal(inverse)
    return own - mean - bend, bend


def _refused(lists: Lists, fine: Any, sxx: Floats) -> dict[Any, str]:
    found: dict[Any, str] = {}
    for i in np.flatnonzero(~fine):
        if lists.lengths[i] < 3:
            why = f"{lists.lengths[i]} weeks, fewer than 3"
        elif sxx[i] <= _FLAT * lists.lengths[i]:
            why = "one price ever"
        else:
            why = "its weeks are spent on week effects, or it fits without error"
        found[lists.keys[i]] = why
    return found


def moderated(variance: Floats, freedom: Floats) -> tuple[Floats, Floats]:
    """Return variances drawn towards their common scale, and their freedom.

    Notes
    -----
    Smyth (2004), Statistical Applications in Genetics and Molecular Biology 3:3, s. 6.2: variances follow a scaled
    inverse chi-squared law, fitted by the moments of their logarithms.
    """
    if len(variance) < 3:
        return variance, freedom
    log = np.log(variance) - digamma(freedom / 2) + np.log(freedom / 2)
    excess = float(np.var(log, ddof=1) - np.mean(polygamma(1, freedom / 2)))
    if excess <= 0:
        return np.full_like(variance, np.exp(log.mean())), np.full_like(freedom, 1e6)
    prior = 2 * _inverse_trigamma(excess)
    scale = np.exp(log.mean() + digamma(prior / 2) - np.log(prior / 2))
    return (prior * scale + freedom * variance) / (prior + freedom), prior + freedom


def _inverse_trigamma(value: float) -> float:
    """Return where trigamma takes a value, by Newton's steps on its reciprocal (Smyth 2004, appendix)."""
    at = 0.5 + 1 / value
    for _step in range(100):
        own = float(polygamma(1, at))
        step = own * (1 - own / value) / float(polygamma(2, at))
        at += step
        if -step / at < 1e-10:
            break
    return at


def pool(found: Slopes, category: pd.Series, confidence: float = 0.95) -> pd.DataFrame:
    """Return each product's slope pooled towards its category's mean.

    Parameters
    ----------
    found : Slopes
    category : Series
        Of every product, by product. A category of fewer than 5 products is pooled towards all products.
    confidence : float

    Returns
    -------
    DataFrame
        A row a product: ``product, category, slope, error`` (by itself), ``pooled, low, high``, ``own`` (the weight of
        its own slope), ``toward`` (the category, or "all products"), ``mean, spread`` (of true slopes there, the spread
        by restricted maximum likelihood).

    Raises
    ------
    ValueError
        If a product has no category or there are fewer than 5 products.

    Notes
    -----
    Slopes of a category are normal about its mean; the mean and the squared spread have flat priors (Morris and Tang
    2011, Statistical Science 26:271-287), the spread is integrated out over a grid. So intervals carry the doubt about
    both; they hold on average over products, not for the most extreme one. Student's t by Satterthwaite's freedom of
    the own variance.
    """
    check_confidence(confidence)
    group = category.reindex(found.product)
    if group.isna().any():
        raise ValueError(f"{int(group.isna().sum()):,} products have no category: give each one.")
    if len(found.slope) < FEWEST:
        raise ValueError(f"{len(found.slope)} products are too few to pool, at least {FEWEST} are needed.")
    names = group.to_numpy()
    table = pd.DataFrame(
        dict(product=found.product, category=names, slope=found.slope, error=np.sqrt(found.variance))
    )
    small = table.groupby("category")["slope"].transform("size").to_numpy() < FEWEST
    parts = [("all products", np.ones(len(table), bool), small)] if small.any() else []
    parts += [(c, names == c, names == c) for c in pd.unique(names[~small])]
    made = [_part(found, str(c), of, give, confidence) for c, of, give in parts]
    return table.join(pd.concat(made).sort_index())


def _part(found: Slopes, toward: str, of: Any, give: Any, confidence: float) -> pd.DataFrame:
    """Pool the products `give` towards the mean of the products `of`."""
    tau, mass, spread = _spreads(found.slope[of], found.variance[of])
    mean_at, doubt_at = _means(found.slope[of], found.variance[of], tau)
    b, v = found.slope[give], found.variance[give]
    first, second, kept = np.zeros_like(b), np.zeros_like(b), np.zeros_like(b)
    for t, p, m, d in zip(tau, mass, mean_at, doubt_at, strict=True):
        own = t**2 / (v + t**2)
        at = own * b + (1 - own) * m
        first += p * at
        second += p * (own * v + (1 - own) ** 2 * d + at**2)
        kept += p * own
    variance = np.maximum(second - first**2, 0.0)
    freedom = found.freedom[give] * (variance / np.maximum(kept**2 * v, 1e-300)) ** 2
    half = -stdtrit(np.clip(freedom, 1, 1e6), (1 - confidence) / 2) * np.sqrt(variance)
    return pd.DataFrame(
        dict(pooled=first, low=first - half, high=first + half, own=kept, toward=toward, mean=float(mass @ mean_at),
             spread=spread),
        index=np.flatnonzero(give),
    )  # fmt: skip


def _means(b: Floats, v: Floats, tau: Floats) -> tuple[Floats, Floats]:
    """Return the mean of true slopes and its variance, for each spread."""
    pairs = []
    for t in tau:
        weight = 1 / (v + t**2)
        pairs.append((weight @ b / weight.sum(), 1 / weight.sum()))
    mean, doubt = np.array(pairs).T
    return mean, doubt


def _likeliest(b: Floats, v: Floats) -> float:
    """Return the spread of highest restricted likelihood."""
    most = 10 * float(np.std(b)) + 1e-6
    rough = np.linspace(0, most, _GRID)
    at = int(np.argmax([_log_restricted(b, v, t) for t in rough]))
    bounds = (float(rough[max(at - 1, 0)]), float(rough[min(at + 1, _GRID - 1)]))
    found = minimize_scalar(
        lambda t: -_log_restricted(b, v, t), bounds=bounds, method="bounded", options=dict(xatol=1e-9)
    )
    return float(found.x) if at or found.x > 1e-6 * most else 0.0


def _log_restricted(b: Floats, v: Floats, tau: float) -> float:
    """Return the restricted log-likelihood of a spread: the mean is integrated out under a flat prior."""
    total = v + tau**2
    weight = 1 / total
    mean = weight @ b / weight.sum()
    return float(-0.5 * (np.sum(np.log(total)) + np.log(weight.sum()) + weight @ (b - mean) ** 2))


def _spreads(b: Floats, v: Floats) -> tuple[Floats, Floats, float]:
    """Return a grid of spreads, their posterior masses, and the likeliest spread."""
    low, high = 0.0, 10 * float(np.std(b)) + float(np.sqrt(v.min()))
    for _zoom in range(4):
        grid = np.linspace(low, high, _GRID)
        likelihood = np.array([_log_restricted(b, v, t) for t in grid])
        log = likelihood + np.log(np.maximum(grid, 1e-300))
        near = np.flatnonzero(log > log.max() - 15)
        low, high = grid[max(near[0] - 1, 0)], grid[min(near[-1] + 1, _GRID - 1)]
    mass = np.exp(log - log.max())
    mass[[0, -1]] /= 2
    return grid, mass / mass.sum(), _likeliest(b, v)
