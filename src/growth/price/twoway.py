"""Exact regression with unit and week effects on an unbalanced panel: algebra of sums, no iteration.

One set of effects is few (weeks): unit effects are swept out in closed form, which leaves a T x T system for the weeks.
`fit` takes the sums from a frame in memory; `twoway_marts.fit` takes them from any SQL engine. The algebra is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse.csgraph import connected_components

from growth.price import scores
from growth.stats.contrast import Estimate, estimate
from growth.stats.moments import Floats

Ints = NDArray[np.integer]

MOST_WEEKS = 20_000  # of a dense T x T system: 3 GB
COLLINEAR = 1e-9  # share of a regressor's variance; less than this is rounding (as pyfixest)
_CHUNK = 4_000_000  # cells of a dense block of units by weeks


@dataclass(frozen=True, eq=False)
class Sums:
    """What two-way effects need to know of the rows of m columns.

    Parameters
    ----------
    unit : ndarray, shape (U, m)
        Sums of each unit's rows.
    week : ndarray, shape (T, m)
        Sums of each week's rows.
    cross : ndarray, shape (m, m)
        Sums of products over all rows.
    weeks : ndarray of int, shape (N,)
        The week of every row, unit by unit.
    lengths : ndarray of int, shape (U,)
        Rows of each unit: the first ``lengths[0]`` entries of `weeks` are of unit 0, and so on.
    weight : ndarray, shape (N,), or None
        Of every row, in the order of `weeks`; then all sums are weighted.
    """

    unit: Floats
    week: Floats
    cross: Floats
    weeks: Ints
    lengths: Ints
    weight: Floats | None = None


@dataclass(frozen=True, eq=False)
class Effects:
    """Unit and week effects of each of m columns, and what is left of them.

    Parameters
    ----------
    unit : ndarray, shape (U, m)
    week : ndarray, shape (T, m)
        A column less its unit's and its week's effect is its residual.
    cross : ndarray, shape (m, m)
        Sums of products of residuals.
    groups : int
        Connected parts of the graph of units and weeks; only within one are effects comparable.
    """

    unit: Floats
    week: Floats
    cross: Floats
    groups: int


@dataclass(frozen=True, eq=False)
class TwoWay:
    """A regression with unit and week effects.

    Parameters
    ----------
    names : tuple of str
        The regressors.
    coefficients : ndarray, shape (k,)
    covariance : ndarray, shape (k, k)
    errors : str
        How the covariance was made.
    n : int
        Rows used.
    singletons : int
        Rows that were alone in their unit or week, which tell nothing and are not used.
    units, weeks, groups : int
        Effects, and connected parts of the panel.
    clusters : tuple of int
        Numbers of clusters of each way.
    freedom : float
        Of Student's t: the smaller number of clusters less 1; without clusters, rows less parameters.
    rss : float
        Sum of squared residuals.
    """

    names: tuple[str, ...]
    coefficients: Floats
    covariance: Floats
    errors: str
    n: int
    singletons: int
    units: int
    weeks: int
    groups: int
    clusters: tuple[int, ...]
    freedom: float
    rss: float

    def estimate(self, name: str, confidence: float = 0.95) -> Estimate:
        """Return a coefficient with its t interval."""
        if name not in self.names:
            raise ValueError(f"There is no regressor `{name}`, only {', '.join(self.names)}.")
        at = self.names.index(name)
        return estimate(float(self.coefficients[at]), sqrt(self.covariance[at, at]), self.freedom, confidence)


def sweep(sums: Sums) -> Effects:
    """Return exact unit and week effects of every column.

    Raises
    ------
    ValueError
        If there are too many weeks for a dense system.

    Notes
    -----
    Frisch, Waugh and Lovell on the dummies of weeks, units swept out first: with A the U x T counts (or weights) of
    cells, n their unit totals, the week effects d solve (diag(A'1) - A' diag(1/n) A) d = week sums - A' unit means.
    The matrix is a Laplacian: singular once per connected part, in each of which one week's effect is set to 0.
    """
    n_weeks = len(sums.week)
    if n_weeks > MOST_WEEKS:
        raise ValueError(
            f"{n_weeks:,} weeks are too many for an exact solution: pass what there is more of as the unit, or "
            "use coarser periods."
        )
    system, rows, load = np.zeros((n_weeks, n_weeks)), [], np.zeros_like(sums.week)
    for part, cells in blocks(sums):
        total = cells.sum(axis=1)
        mean = sums.unit[part] / total[:, None]
        system -= (cells / total[:, None]).T @ cells
        load += cells.T @ mean
        rows.append(cells.sum(axis=0))
    system[np.diag_indices(n_weeks)] += np.sum(rows, axis=0)
    groups, labels = connected_components(system != 0, directed=False)
    left = sums.week - load
    week = _grounded(system, left, labels)
    unit, within = np.empty_like(sums.unit), sums.cross - left.T @ week
    for part, cells in blocks(sums):
        total = cells.sum(axis=1)
        unit[part] = (sums.unit[part] - cells @ week) / total[:, None]
        within -= (sums.unit[part] / total[:, None]).T @ sums.unit[part]
    return Effects(unit, week, (within + within.T) / 2, int(groups))


def blocks(sums: Sums) -> Iterator[tuple[slice, Floats]]:
    """Yield slices of units with their dense counts (or weights) by week."""
    n_weeks = len(sums.week)
    size = max(1, _CHUNK // n_weeks)
    ends = np.concatenate([[0], np.cumsum(sums.lengths)])
    for start in range(0, len(sums.lengths), size):
        stop = min(start + size, len(sums.lengths))
        own = slice(ends[start], ends[stop])
        at = np.repeat(np.arange(stop - start) * n_weeks, sums.lengths[start:stop]) + sums.weeks[own]
        weight = None if sums.weight is None else sums.weight[own]
        cells = np.bincount(at, weight, minlength=(stop - start) * n_weeks)
        yield slice(start, stop), cells.astype(float, copy=False).reshape(-1, n_weeks)


def _grounded(system: Floats, right: Floats, labels: Ints) -> Floats:
    """Solve a Laplacian system with the first week of every connected part held at 0."""
    free = np.ones(len(labels), bool)
    free[np.unique(labels, return_index=True)[1]] = False
    found = np.zeros_like(right)
    if free.any():
        found[free] = cho_solve(cho_factor(system[np.ix_(free, free)]), right[free])
    return found


def coefficients(cross: Floats, before: Floats, names: Sequence[str]) -> tuple[Floats, Floats]:
    """Return the coefficients of column 0 on the others, and the inverse of the others' products.

    Parameters
    ----------
    cross : ndarray, shape (1 + k, 1 + k)
        Sums of products of residuals.
    before : ndarray, shape (1 + k,)
        Sums of squares before effects were taken out: what a remainder is small against.
    names : sequence of str
        Of the k regressors.

    Raises
    ------
    ValueError
        If a regressor is explained by the effects and the regressors before it; it is named.
    """
    xx, xy = cross[1:, 1:], cross[1:, 0]
    for j, name in enumerate(names):
        rest = xx[j, j] - (xx[j, :j] @ np.linalg.solve(xx[:j, :j], xx[:j, j]) if j else 0.0)
        if not rest > COLLINEAR * before[j + 1]:
            others = f" and {', '.join(map(str, names[:j]))}" if j else ""
            raise ValueError(
                f"`{name}` does not vary once the effects{others} are taken out, so its coefficient is not identified: "
                "leave it out, or find data in which it moves by itself."
            )
    inverse = np.linalg.inv(xx)
    return inverse @ xy, (inverse + inverse.T) / 2


def lonely(unit: Ints, week: Ints) -> NDArray[np.bool_]:
    """Return which rows are alone in their unit or week, or come to be once such rows are gone."""
    keep = np.ones(len(unit), bool)
    most = [int(codes.max(initial=-1)) + 1 for codes in (unit, week)]
    while True:
        alone = np.bincount(unit[keep], minlength=most[0])[unit] == 1
        alone |= np.bincount(week[keep], minlength=most[1])[week] == 1
        if not (alone & keep).any():
            return ~keep
        keep &= ~alone


@dataclass(frozen=True, eq=False)
class Panel:
    """Rows in the order of their units, as codes: what is needed to take effects out of any column.

    Parameters
    ----------
    frame : DataFrame
        The rows, without singletons, sorted by unit.
    unit, week : ndarray of int, shape (N,)
        Codes without gaps.
    singletons : int
        Rows left out.
    """

    frame: pd.DataFrame
    unit: Ints
    week: Ints
    singletons: int

    @property
    def effects(self) -> tuple[int, int]:
        """How many units and weeks there are."""
        return int(self.unit[-1]) + 1, int(self.week.max()) + 1

    def sums(self, columns: Floats, weight: Floats | None = None) -> Sums:
        """Return the sums of columns (N, m), weighted where a weight (N,) is given."""
        units, weeks = self.effects
        own = columns if weight is None else columns * weight[:, None]
        return Sums(
            scores.sums_by(self.unit, own, units), scores.sums_by(self.week, own, weeks), own.T @ columns, self.week,
            np.bincount(self.unit), weight,
        )  # fmt: skip

    def residuals(self, columns: Floats, weight: Floats | None = None) -> Floats:
        """Return columns (N, m) less their unit and week effects; the rarer kind is solved for, whichever it is."""
        units, weeks = self.effects
        if weeks > units:
            order = np.argsort(self.week, kind="stable")
            turned = Panel(self.frame, self.week[order], self.unit[order], 0)
            left = np.empty_like(columns)
            left[order] = turned.residuals(columns[order], None if weight is None else weight[order])
            return left
        found = sweep(self.sums(columns, weight))
        return columns - found.unit[self.unit] - found.week[self.week]

    def where(self, keep: NDArray[np.bool_]) -> Panel:
        """Return the panel of some of its rows, which may lose units and weeks."""
        return replace(
            self, frame=self.frame[keep].reset_index(drop=True), unit=_codes(self.unit[keep]),
            week=_codes(self.week[keep]),
        )  # fmt: skip


def _codes(values: Ints) -> Ints:
    return np.unique(values, return_inverse=True)[1]


def panel(
    frame: pd.DataFrame, numbers: Sequence[str], unit: str, week: str, others: Sequence[str] = (),
    effects: Sequence[str] | None = None,
) -> Panel:  # fmt: skip
    """Return checked rows as a panel.

    Parameters
    ----------
    frame : DataFrame
    numbers : sequence of str
        Columns that must be finite numbers.
    unit, week : str
        Columns of keys; cells may be missing or doubled.
    others : sequence of str
        Columns that must not be missing (clusters).
    effects : sequence of str, optional
        Which of the two keys have effects, so that a row alone in one tells nothing; both unless told.

    Raises
    ------
    ValueError
        If a column is not there, a value is missing or infinite, or no row is left.
    """
    check(frame, numbers, [unit, week, *others])
    keys = [pd.factorize(frame[k], sort=True)[0] for k in (unit, week)]
    having = (unit, week) if effects is None else effects
    alone = lonely(*(c if k in having else np.zeros_like(c) for k, c in zip((unit, week), keys, strict=True)))
    if alone.all():
        raise ValueError(
            f"Every row is alone in its `{unit}` or `{week}`, so nothing can be compared: widen the panel."
        )
    order = np.argsort(keys[0], kind="stable")
    order = order[~alone[order]]
    codes = [_codes(k[order]) for k in keys]
    return Panel(frame.iloc[order].reset_index(drop=True), codes[0], codes[1], int(alone.sum()))


def check(frame: pd.DataFrame, numbers: Sequence[str], keys: Sequence[str]) -> None:
    """Refuse columns that are not there, missing keys, and numbers that are missing or infinite (ValueError)."""
    for name in dict.fromkeys([*numbers, *keys]):
        if name not in frame:
            raise ValueError(f"There is no column `{name}`, only {', '.join(map(str, frame.columns))}.")
        own = frame[name]
        bad = int(own.isna().sum() if name in keys else (~np.isfinite(own.astype(float))).sum())
        if bad:
            raise ValueError(
                f"`{name}` is missing or infinite in {bad:,} of {len(frame):,} rows: fill or drop them first, and "
                "say how many."
            )
    if not len(frame):
        raise ValueError("There are no rows to fit: check the filter before.")


def fit(
    frame: pd.DataFrame, y: str, x: Sequence[str], unit: str, week: str, cluster: Sequence[str] = ()
) -> TwoWay:
    """Fit y on x with unit and week effects, exactly, on any panel that fits in memory.

    Parameters
    ----------
    frame : DataFrame
        Cells may be missing or doubled; rows alone in their unit or week are left out and counted.
    y : str
    x : sequence of str
    unit, week : str
        Keys of the effects; let `week` be the key with fewer values.
    cluster : sequence of str
        None: classical errors. One or two columns: clustered.

    Raises
    ------
    ValueError
        If something is missing, or a regressor does not vary once the effects are taken out.

    Notes
    -----
    Small-sample corrections are pyfixest's defaults. Clustered: G / (G - 1) with the smallest G of all ways times
    (N - 1) / (N - K), K of `scores.parameters`; two ways by Cameron, Gelbach and Miller (2011), JBES 29:238-249.
    Classical: RSS / (N - K). Disconnected parts are not counted off K, as pyfixest does not.
    """
    rows = panel(frame, [y, *x], unit, week, cluster)
    columns = rows.frame[[y, *x]].to_numpy(float)
    columns = columns - columns.mean(axis=0)  # so that squares keep their digits
    sums = rows.sums(columns)
    found = sweep(sums)
    beta, inverse = coefficients(found.cross, np.diagonal(sums.cross), x)
    left = columns - found.unit[rows.unit] - found.week[rows.week]
    residual = left[:, 0] - left[:, 1:] @ beta
    beta, residual = polished(beta, inverse, left[:, 1:], residual)
    kind = scores.Clustered(tuple(cluster)) if cluster else scores.Classical()
    own = scores.covariance(kind, rows.frame, left[:, 1:], residual, inverse, [unit, week])
    return TwoWay(
        tuple(x), beta, own.matrix, own.said, len(left), rows.singletons, *rows.effects, found.groups, own.clusters,
        own.freedom, float(residual @ residual),
    )  # fmt: skip


def polished(beta: Floats, inverse: Floats, x: Floats, residual: Floats) -> tuple[Floats, Floats]:
    """Return coefficients and residuals after one Newton step on the rows, which gives back digits lost in sums."""
    step = inverse @ (x.T @ residual)
    return beta + step, residual - x @ step
