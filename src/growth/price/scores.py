"""Covariances of coefficients from the scores of rows: classical, robust, clustered one or two ways, over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from growth.stats.moments import Floats


@dataclass(frozen=True)
class Classical:
    """Errors of one variance, independent."""


@dataclass(frozen=True)
class Robust:
    """Independent errors of any variance (HC1)."""


@dataclass(frozen=True)
class Clustered:
    """Errors that depend on one another within one or two kinds of clusters.

    Parameters
    ----------
    columns : tuple of str
    """

    columns: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(set(self.columns)) == len(self.columns) <= 2:
            raise ValueError(f"Cluster by one or two different columns, not {self.columns!r}.")


@dataclass(frozen=True)
class OverTime:
    """Errors that depend on one another in a week and the `lags` after it, across units too.

    Of a panel this is Driscoll and Kraay's covariance; of one series Newey and West's.

    Parameters
    ----------
    week : str
    lags : int
    """

    week: str
    lags: int

    def __post_init__(self) -> None:
        if self.lags < 0:
            raise ValueError(f"Lags are 0 or more, not {self.lags!r}.")


Errors = Classical | Robust | Clustered | OverTime


def keys(errors: Errors) -> list[str]:
    """Return the columns that errors need of the rows."""
    if isinstance(errors, Clustered):
        return list(errors.columns)
    return [errors.week] if isinstance(errors, OverTime) else []


@dataclass(frozen=True, eq=False)
class Covariance:
    """A covariance of coefficients.

    Parameters
    ----------
    matrix : ndarray, shape (k, k)
    said : str
        How it was made, for a table.
    clusters : tuple of int
        How many there are of each way.
    freedom : float
        Of Student's t.
    """

    matrix: Floats
    said: str
    clusters: tuple[int, ...]
    freedom: float


def parameters(k: int, effects: Sequence[int], nested: Sequence[bool]) -> int:
    """Return how many parameters a small-sample correction counts, as fixest and pyfixest do (``nonnested``).

    Parameters
    ----------
    k : int
        Regressors.
    effects : sequence of int
        Number of effects of each kind.
    nested : sequence of bool
        Whether each kind lies within clusters; such effects cost no freedom but for one.
    """
    free = k + sum(effects) - max(len(effects) - 1, 0)
    return free - sum(e for e, n in zip(effects, nested, strict=True) if n) + sum(nested)


def covariance(
    errors: Errors, frame: pd.DataFrame, x: Floats, residual: Floats, inverse: Floats, effects: Sequence[str],
    extra: int = 0,
) -> Covariance:  # fmt: skip
    """Return the covariance of least-squares coefficients.

    Parameters
    ----------
    errors : Classical, Robust, Clustered or OverTime
    frame : DataFrame
        The rows, with the columns of clusters, weeks and effects.
    x : ndarray, shape (N, k)
        Regressors without the effects (weighted where the fit is).
    residual : ndarray, shape (N,)
    inverse : ndarray, shape (k, k)
        Bread.
    effects : sequence of str
        Keys of the effects that were taken out.
    extra : int
        Parameters besides: 1 where an intercept was.

    Raises
    ------
    ValueError
        If there are fewer than 2 clusters, no freedom, or a variance that is not positive.
    """
    counts = [int(frame[e].nunique()) for e in effects]
    k, n = x.shape[1] + extra, len(x)
    if isinstance(errors, Classical):
        free = n - parameters(k, counts, [False] * len(counts))
        return classical(inverse, float(residual @ residual), free)
    return from_scores(errors, frame, x * residual[:, None], inverse, effects, extra)


def from_scores(
    errors: Robust | Clustered | OverTime, frame: pd.DataFrame, score: Floats, inverse: Floats, effects: Sequence[str],
    extra: int = 0,
) -> Covariance:  # fmt: skip
    """Return the covariance from each row's part of the estimating equations: `covariance` with scores given.

    Parameters
    ----------
    errors : Robust, Clustered or OverTime
    frame, inverse, effects, extra
        As `covariance`.
    score : ndarray, shape (N, k)
        Whatever a row moves: where a first stage was estimated, its part as well.
    """
    counts = [int(frame[e].nunique()) for e in effects]
    k, n = score.shape[1] + extra, len(score)
    if isinstance(errors, Robust | OverTime):
        free = n - parameters(k, counts, [False] * len(counts))
    if isinstance(errors, Robust):
        _needs_freedom(free)
        return checked(inverse @ score.T @ score @ inverse * n / free, "robust (HC1)", (), float(free))
    if isinstance(errors, OverTime):
        meat, weeks = over_time(score, frame[errors.week], errors.lags)
        return closed(inverse, meat, n, free, (weeks,), f"over time, {errors.lags} lags")
    ways = [pd.factorize(frame[c])[0] for c in errors.columns]
    nested = [any(within(frame[e], frame[c]) for c in errors.columns) for e in effects]
    free = n - parameters(k, counts, nested)
    clusters = tuple(int(w.max()) + 1 for w in ways)
    return closed(
        inverse, clustered(score, ways), n, free, clusters, f"clustered by {' and '.join(errors.columns)}"
    )


def classical(inverse: Floats, rss: float, free: int) -> Covariance:
    """Return the classical covariance: RSS / freedom times the bread."""
    _needs_freedom(free)
    return checked(inverse * rss / free, "classical", (), float(free))


def closed(
    inverse: Floats, meat: Floats, n: int, free: int, clusters: tuple[int, ...], said: str
) -> Covariance:
    """Return bread, meat, bread with the corrections G / (G - 1) and (N - 1) / (N - K), G the smallest."""
    fewest = min(clusters)
    if fewest < 2:
        raise ValueError(
            f"There is one cluster only ({said}), so nothing tells how clusters differ: cluster by another column."
        )
    _needs_freedom(free)
    matrix = inverse @ meat @ inverse * (fewest / (fewest - 1)) * ((n - 1) / free)
    return checked(matrix, said, clusters, float(fewest - 1))


def checked(matrix: Floats, said: str, clusters: tuple[int, ...], freedom: float) -> Covariance:
    """Refuse a variance that is not positive: two ways can give one when clusters are few."""
    if not (np.diagonal(matrix) > 0).all():
        raise ValueError(
            f"A variance ({said}) is not positive: the fit is perfect, or there are too few clusters for two ways; "
            "cluster by the one of fewer clusters."
        )
    return Covariance(matrix, said, clusters, freedom)


def clustered(score: Floats, ways: Sequence[NDArray[np.integer]]) -> Floats:
    """Return the meat of one way, or of two: the first's and the second's, less their intersection's."""
    meat = sum((_meat(score, w) for w in ways), np.zeros((score.shape[1],) * 2))
    if len(ways) == 2:
        meat = meat - _meat(score, np.unique(ways[0] * (ways[1].max() + 1) + ways[1], return_inverse=True)[1])
    return meat


def sums_by(codes: NDArray[np.integer], columns: Floats, groups: int = 0) -> Floats:
    """Return the sums of columns (N, m) by group, at least `groups` of them."""
    found: Floats = np.stack([np.bincount(codes, c, minlength=groups) for c in columns.T], axis=1).astype(
        float
    )
    return found


def _meat(score: Floats, codes: NDArray[np.integer]) -> Floats:
    sums = sums_by(codes, score)
    return sums.T @ sums


def over_time(score: Floats, week: pd.Series, lags: int) -> tuple[Floats, int]:
    """Return Bartlett's meat of weekly score sums, and the number of weeks.

    Weeks count in the order of their keys; a week that is missing for everybody is no lag.

    Notes
    -----
    Newey and West (1987), Econometrica 55:703-708, eq. 5; Driscoll and Kraay (1998), REStat 80:549-560.
    """
    codes = pd.factorize(week, sort=True)[0]
    sums = sums_by(codes, score)
    meat = sums.T @ sums
    for lag in range(1, min(lags, len(sums) - 1) + 1):
        part = sums[lag:].T @ sums[:-lag]
        meat += (1 - lag / (lags + 1)) * (part + part.T)
    return meat, len(sums)


def within(effect: pd.Series, cluster: pd.Series) -> bool:
    """Return whether every value of an effect's key lies in one cluster."""
    pairs = pd.DataFrame(dict(e=effect.to_numpy(), c=cluster.to_numpy())).drop_duplicates()
    return not pairs["e"].duplicated().any()


def _needs_freedom(free: int) -> None:
    if free < 1:
        raise ValueError("There are as many parameters as rows, so no error can be told: widen the panel.")
