"""Poisson pseudo-maximum likelihood with unit and week effects: weeks of no sale stay in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from growth.price import scores
from growth.price.twoway import Panel, coefficients, panel
from growth.stats.moments import Floats

_STEPS = 200
_ZERO = 1e-4  # of the rectifier: less than this is rounding


@dataclass(frozen=True, eq=False)
class Pseudo:
    """A Poisson fit.

    Parameters
    ----------
    names : tuple of str
    coefficients : ndarray, shape (k,)
    covariance : ndarray, shape (k, k)
    errors : str
        How the covariance was made.
    freedom : float
        Of Student's t.
    n : int
        Rows used.
    dropped : mapping of str to int
        Why rows were left out, and how many.
    mean : ndarray, shape (N,)
        Expected units of the rows used, which are `rows`.
    rows : Panel
    """

    names: tuple[str, ...]
    coefficients: Floats
    covariance: Floats
    errors: str
    freedom: float
    n: int
    dropped: Mapping[str, int]
    mean: Floats
    rows: Panel


def fit(frame: pd.DataFrame, y: str, x: Sequence[str], unit: str, week: str, errors: scores.Errors) -> Pseudo:
    """Fit E[y] = exp(x b + unit + week) by iterated weighted least squares, each step exact.

    Parameters
    ----------
    frame : DataFrame
    y : str
        Not negative; need not be whole.
    x : sequence of str
    unit, week : str
    errors : Robust, Clustered or OverTime
        Variance need not be the mean.

    Raises
    ------
    ValueError
        If y is negative or 0 throughout, a regressor is not identified, or the steps do not settle.

    Notes
    -----
    Santos Silva and Tenreyro (2006), REStat 88:641-658. Rows that a perfect fit at 0 would take are left out and
    counted, as by ppmlhdfe: units and weeks without a sale, and what Correia, Guimaraes and Zylkin (2021),
    arXiv:1903.01633, find by rectified least squares. Corrections as of `twoway.fit`.
    """
    if isinstance(errors, scores.Classical):
        raise ValueError(
            "A Poisson fit needs errors that hold when variance is not the mean: Robust or Clustered."
        )
    rows, dropped = informative(panel(frame, [y, *x], unit, week, scores.keys(errors)), y, x)
    own = rows.frame[list(x)].to_numpy(float)
    own = own - own.mean(axis=0)
    units = rows.frame[y].to_numpy(float)
    beta, eta = settle(rows, units, own, x)
    mean = np.exp(eta)
    left = rows.residuals(own, mean)
    inverse = np.asarray(np.linalg.inv((left * mean[:, None]).T @ left), np.float64)
    found = scores.covariance(errors, rows.frame, left, units - mean, inverse, [unit, week])
    return Pseudo(tuple(x), beta, found.matrix, found.said, found.freedom, len(units), dropped, mean, rows)


def informative(rows: Panel, y: str, x: Sequence[str]) -> tuple[Panel, dict[str, int]]:
    """Leave out rows that a perfect fit at 0 would take; return why and how many."""
    dropped = {"alone in their product or week": rows.singletons}
    units = rows.frame[y].to_numpy(float)
    if (units < 0).any():
        raise ValueError(
            f"`{y}` is negative in {int((units < 0).sum()):,} rows: count returns apart from sales."
        )
    if not units.any():
        raise ValueError(f"`{y}` is 0 in every row, so there is no demand to fit.")
    sold = _sold(rows, units)
    dropped["products or weeks without a sale"] = int((~sold).sum())
    rows = rows if sold.all() else rows.where(sold)
    apart = _separated(rows, rows.frame[y].to_numpy(float), rows.frame[list(x)].to_numpy(float))
    dropped["no sale, told apart by price or controls"] = int(apart.sum())
    return rows.where(~apart) if apart.any() else rows, {k: v for k, v in dropped.items() if v}


def _sold(rows: Panel, units: Floats) -> NDArray[np.bool_]:
    """Return the rows whose product and week have a sale among such rows."""
    keep = np.ones(len(units), bool)
    while True:
        some = np.ones(len(units), bool)
        for codes in (rows.unit, rows.week):
            some &= np.bincount(codes, units * keep)[codes] > 0
        if (some == keep).all():
            return keep
        keep = some & keep


def _separated(rows: Panel, units: Floats, x: Floats) -> NDArray[np.bool_]:
    """Return the rows of 0 units that some mix of regressors and effects tells apart from all others."""
    inside = units > 0
    none = np.zeros(len(units), bool)
    if inside.all():
        return none
    weight = np.where(inside, inside.sum() / _ZERO**2, 1.0)
    wanted = (~inside).astype(float)
    for _step in range(100):
        left = rows.residuals(np.column_stack([wanted, x]), weight)
        rest = left[:, 0] - left[:, 1:] @ np.linalg.lstsq(
            left[:, 1:] * np.sqrt(weight)[:, None], left[:, 0] * np.sqrt(weight), rcond=None
        )[0]  # fmt: skip
        fitted = wanted - rest
        fitted[inside | ((fitted > -0.1 * _ZERO) & (fitted < _ZERO))] = 0.0
        if (fitted >= 0).all():
            return fitted > 0
        wanted = np.where(inside, 0.0, np.maximum(fitted, 0.0))
    raise ValueError(
        "Rows that are 0 for certain could not be told from others in 100 steps: leave out rare controls."
    )


def settle(rows: Panel, units: Floats, x: Floats, names: Sequence[str]) -> tuple[Floats, Floats]:
    """Return coefficients and log means at the top of the pseudo-likelihood."""
    eta = np.log((units + units.mean()) / 2)
    before, old = np.inf, np.full(x.shape[1], np.inf)
    for _step in range(_STEPS):
        mean = np.exp(eta)
        work = np.column_stack([eta + (units - mean) / mean, x])
        left = rows.residuals(work, mean)
        cross = (left * mean[:, None]).T @ left
        beta, _inverse = coefficients(cross, (work**2).T @ mean, names)
        eta = work[:, 0] - (left[:, 0] - left[:, 1:] @ beta)
        deviance = _deviance(units, eta)
        close = abs(deviance - before) <= 1e-12 * (0.1 + abs(deviance))
        if close and np.allclose(beta, old, rtol=1e-9, atol=1e-12):
            return beta, eta
        before, old = deviance, beta
    raise ValueError(
        f"The Poisson fit did not settle in {_STEPS} steps: look for products with hardly a sale and leave them out."
    )


def _deviance(units: Floats, eta: Floats) -> float:
    some = units > 0
    return float(2 * (np.sum(units[some] * (np.log(units[some]) - eta[some])) - np.sum(units - np.exp(eta))))
