"""Own price and the others' prices at once, each with its cost as the instrument, weeks of no sale kept.

What moves a category's costs moves all its prices: an own elasticity that leaves the others' prices out takes part of
what they do for its own. And a logarithm would leave out the weeks of no sale, which are those of high prices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from growth.price import poisson, scores
from growth.price.twoway import Panel, panel
from growth.stats.contrast import Estimate, estimate
from growth.stats.moments import Floats

WEAKEST = 100.0  # with the interval of an ordinary estimate the first stage must be far from weak


@dataclass(frozen=True)
class Together:
    """Several prices, as many instruments.

    Parameters
    ----------
    estimates : tuple of Estimate
        A price each.
    strengths : tuple of float
        Conditional first-stage F of each, clustered: below `WEAKEST` nothing may be read.
    n : int
    errors : str
    covariance : ndarray, shape (prices, prices)
    """

    estimates: tuple[Estimate, ...]
    strengths: tuple[float, ...]
    n: int
    errors: str
    covariance: Floats

    @property
    def refusal(self) -> str:
        """Why nothing may be read; empty where it may."""
        weak = min(self.strengths)
        return (
            f"the instruments hardly tell the prices apart (conditional F {weak:.1f})"
            if weak < WEAKEST
            else ""
        )


def together(
    frame: pd.DataFrame, units: str, prices: Sequence[str], instruments: Sequence[str], controls: Sequence[str],
    product: str, week: str, confidence: float = 0.95, errors: scores.Clustered | None = None,
) -> Together:  # fmt: skip
    """Fit units on several log prices, product and week effects, by Poisson with a control function.

    Parameters
    ----------
    frame : DataFrame
        A row a product and week, weeks of no sale included.
    units : str
    prices, instruments : sequence of str
        As many of one as of the other; in logs.
    controls : sequence of str
    product, week : str
        Keys of the effects.
    confidence : float
    errors : Clustered, optional
        By product and week unless told: where a row is a product in a region and costs are the product's, by what
        the costs move with.

    Raises
    ------
    ValueError
        If the numbers differ, or instruments do not move the prices beyond the effects.

    Notes
    -----
    What the instruments do not explain of each price stands beside it as a control (Lin and Wooldridge 2019, in Panel
    Data Econometrics, ch. 2): the price's own coefficient is then free of what made the price follow demand. Errors
    carry the first stage: a row's score is x (y - m) + M (Z'Z)^-1 z v'r, with x the regressors less
    their weighted effects, M = sum m x z', v the first stage's residuals and r their coefficients (Newey 1984,
    Economics Letters 14:201-206). Conditional F of a price: that of the mix of instruments which does not move the
    other prices (of several it is Sanderson and Windmeijer 2016, Journal of Econometrics 190:212-221), with clustered
    errors.
    """
    if len(prices) != len(instruments):
        raise ValueError(f"{len(prices)} prices need as many instruments, not {len(instruments)}.")
    columns = [*prices, *instruments, *controls]
    effects, kind = (product, week), errors or scores.Clustered((product, week))
    whole = panel(frame, [units, *columns], product, week, kind.columns, effects)
    rows, _dropped = poisson.informative(whole, units, columns)
    fitted, stage = _fitted(rows, units, prices, instruments, controls, effects, kind)
    covariance = _with_first_stage(fitted, stage, units, kind, effects)
    own = tuple(
        estimate(float(fitted.coefficients[i]), float(covariance[i, i]) ** 0.5, fitted.freedom, confidence)
        for i in range(len(prices))
    )
    strengths = tuple(_conditional(stage, i, kind, effects) for i in range(len(prices)))
    return Together(own, strengths, fitted.n, fitted.errors, covariance[: len(prices), : len(prices)])


@dataclass(frozen=True, eq=False)
class _Stage:
    """The first stage, product and week effects taken out: prices x, instruments and controls z, residuals v."""

    x: Floats
    z: Floats
    v: Floats
    prices: int
    frame: pd.DataFrame


def _fitted(
    rows: Panel, units: str, prices: Sequence[str], instruments: Sequence[str], controls: Sequence[str],
    effects: tuple[str, str], kind: scores.Clustered,
) -> tuple[poisson.Pseudo, _Stage]:  # fmt: skip
    """Return the Poisson fit with the first stage's residuals, and that stage, on the same rows."""
    k, columns = len(prices), [*prices, *instruments, *controls]
    left = rows.residuals(rows.frame[columns].to_numpy(float))
    x, z = left[:, :k], left[:, k:]
    if np.linalg.matrix_rank(z) < z.shape[1]:
        raise ValueError("The instruments do not move beyond product and week effects and the controls.")
    rest = x - z @ np.linalg.lstsq(z, x, rcond=None)[0]
    names = [f"_rest_{i}" for i in range(k)]
    known = rows.frame.assign(**dict(zip(names, rest.T, strict=True)))
    found = poisson.fit(known, units, [*prices, *controls, *names], *effects, kind)
    if found.n < len(known):  # a residual told zeros apart: both stages on what is left
        return _fitted(found.rows, units, prices, instruments, controls, effects, kind)
    return found, _Stage(x, z, rest, k, rows.frame)


def _with_first_stage(
    found: poisson.Pseudo, stage: _Stage, units: str, kind: scores.Clustered, effects: tuple[str, str]
) -> Floats:
    """Return the covariance of all coefficients with the first stage's error in it."""
    regressors = found.rows.frame[list(found.names)].to_numpy(float)
    left = found.rows.residuals(regressors - regressors.mean(axis=0), found.mean)
    weighted = left * found.mean[:, None]
    inverse = np.asarray(np.linalg.inv(weighted.T @ left), np.float64)
    score = left * (found.rows.frame[units].to_numpy(float) - found.mean)[:, None]
    moved = weighted.T @ stage.z @ np.linalg.inv(stage.z.T @ stage.z)
    answer = stage.v @ found.coefficients[-stage.prices :]
    score = score + (stage.z * answer[:, None]) @ moved.T
    return scores.from_scores(kind, found.rows.frame, score, inverse, effects).matrix


def _conditional(stage: _Stage, i: int, kind: scores.Clustered, effects: tuple[str, str]) -> float:
    """Return the clustered F of the mix of instruments that moves price i and, in the sample, none of the others."""
    k = stage.prices
    x, z, held = stage.x, stage.z[:, :k], stage.z[:, k:]
    if held.shape[1]:
        both = np.column_stack([x, z])
        both = both - held @ np.linalg.lstsq(held, both, rcond=None)[0]
        x, z = both[:, :k], both[:, k:]
    others = [j for j in range(k) if j != i]
    own = x[:, i]
    if others:
        fitted = z @ np.linalg.lstsq(z, x[:, others], rcond=None)[0]
        own = own - x[:, others] @ np.linalg.lstsq(fitted, own, rcond=None)[0]
        mix = z @ np.linalg.svd(x[:, others].T @ z)[2][-1]
    else:
        mix = z[:, 0]
    slope = float(mix @ own / (mix @ mix))
    inverse = np.array([[1 / (mix @ mix)]])
    variance = scores.covariance(
        kind, stage.frame, mix[:, None], own - slope * mix, inverse, effects, held.shape[1]
    ).matrix[0, 0]
    return slope**2 / float(variance)
