"""Differences with less noise: by covariates from before the experiment, and by blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import sqrt
from operator import add

import numpy as np

from growth.stats.contrast import Estimate, Ratio, difference, estimate, fieller, satterthwaite
from growth.stats.moments import Floats, Moments

_RANK = 1e-10  # eigenvalues of a correlation matrix below this share of the largest are rounding


@dataclass(frozen=True)
class Adjusted:
    """An adjusted difference beside the plain one.

    Parameters
    ----------
    estimate : Estimate
        The adjusted difference, treated less control.
    lift : Ratio
        The adjusted difference over the control's mean, which is not adjusted by covariates.
    reduction : float
        The share of the plain variance that is gone; 0 or less where the adjustment does not help.
    coefficients : dict of str to float
        Of each covariate, in the metric's units per the covariate's; 0 for one that does not vary.
    plain : Estimate
        Welch's difference of all units.
    """

    estimate: Estimate
    lift: Ratio
    reduction: float
    coefficients: dict[str, float]
    plain: Estimate


def basis(cross: Floats) -> Floats:
    """Return directions that span what varies, as columns: combinations of metrics of unit sum of squares.

    Parameters
    ----------
    cross : ndarray, shape (k, k)
        Centred cross-products.

    Returns
    -------
    ndarray, shape (k, rank)
        Orthogonal in `cross`. Constant metrics get no weight and collinear ones share it.
    """
    spread = np.sqrt(np.diagonal(cross))
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
    values, vectors = np.linalg.eigh(cross * np.outer(scale, scale))
    kept = values > _RANK * max(float(values.max(initial=0.0)), 1e-300)
    return scale[:, None] * vectors[:, kept] / np.sqrt(values[kept])


def _slopes(total: Floats) -> Floats:
    """Return least-squares slopes of the first metric on the others from centred cross-products."""
    directions = basis(total[1:, 1:])
    return directions @ (directions.T @ total[1:, 0])


def adjusted(
    control: Moments, treated: Moments, metric: str, covariates: Sequence[str], confidence: float = 0.95
) -> Adjusted:
    """Return the difference of means with covariates' chance imbalance taken out (CUPED).

    Parameters
    ----------
    control, treated : Moments
        Of the randomised units.
    metric : str
    covariates : sequence of str
        Measured **before** the experiment could touch them. Constant ones are left out; of collinear
        ones, which share their weight, the result does not depend on how many there are.
    confidence : float

    Raises
    ------
    ValueError
        As `difference`; if the metric is among its covariates or is a sum of them; if the control's mean is 0.

    Notes
    -----
    Deng, Xu, Kohavi and Walker (2013), WSDM, eq. 4 to 6, with several covariates and one coefficient for both
    arms, least squares on all their units together; Welch's test on the residuals.
    """
    names = _covariates(metric, covariates)
    plain = difference(control, treated, metric, confidence)
    slopes = _slopes((control + treated).pick(metric, *names).cross)
    (own, cov_own), (other, cov_other) = (_residual(arm, metric, names, slopes) for arm in (control, treated))
    if cov_own[0, 0] + cov_other[0, 0] <= 0:
        raise ValueError(
            f"`{metric}` is a sum of its covariates, so nothing is left to compare: drop one of them."
        )
    _, freedom = satterthwaite([(cov_own[0, 0], control.n - 1), (cov_other[0, 0], treated.n - 1)])
    cov = _of_difference(cov_own, cov_other)
    return _result(other - own, control.mean_of(metric), cov, freedom, plain, names, slopes)


def blocked(
    pairs: Sequence[tuple[Moments, Moments]],
    metric: str,
    covariates: Sequence[str] = (),
    confidence: float = 0.95,
) -> Adjusted:
    """Return the difference of means within blocks, averaged over them by their units.

    Parameters
    ----------
    pairs : sequence of (control, treated)
        One pair of moments a block. Blocks are known before the experiment.
    metric : str
    covariates : sequence of str
        As in `adjusted`; one coefficient for all blocks, from what varies within them.
    confidence : float

    Returns
    -------
    Adjusted
        For the population that the units were drawn from: that a block's share is itself a draw counts in the error.
        The lift's control mean is averaged over blocks by the same weights. `plain` ignores the blocks; where
        arms are allotted differently among them it is biased, and the two differ.

    Raises
    ------
    ValueError
        If a block has fewer than 2 units in an arm, or as `adjusted`.

    Notes
    -----
    Miratrix, Sekhon and Yu (2013), JRSS B 75:369-396, sections 2 and 5 (population effect). In blocks of few units the
    error is a little too large, by one part in twice their units.
    """
    names = _covariates(metric, covariates)
    _check_blocks(pairs)
    plain = difference(
        reduce(add, [c for c, _ in pairs]), reduce(add, [t for _, t in pairs]), metric, confidence
    )
    within = np.sum([(c + t).pick(metric, *names).cross for c, t in pairs], axis=0)
    slopes = _slopes(within)
    weight = np.array([c.n + t.n for c, t in pairs], float)
    n = float(weight.sum())
    weight /= n
    found = [[_residual(arm, metric, names, slopes) for arm in pair] for pair in pairs]
    means = np.array([[mean for mean, _ in pair] for pair in found])
    covs = np.array([[w**2 * cov for _, cov in pair] for w, pair in zip(weight, found, strict=True)])
    both = np.array([means[:, 1] - means[:, 0], [c.mean_of(metric) for c, _ in pairs]])
    value, base = both @ weight
    apart = both - np.array([[value], [base]])
    between = (apart * weight) @ apart.T / n
    cov = between + _of_difference(*covs.sum(axis=0))
    if cov[0, 0] <= 0:
        raise ValueError(
            f"`{metric}` does not vary within blocks: leave the blocks out, or choose another metric."
        )
    own = [(covs[i, a, 0, 0], arm.n - 1) for i, pair in enumerate(pairs) for a, arm in enumerate(pair)]
    _, freedom = satterthwaite([*own, (between[0, 0], n - 1)])
    return _result(float(value), float(base), cov, freedom, plain, names, slopes)


def _covariates(metric: str, covariates: Sequence[str]) -> list[str]:
    names = list(dict.fromkeys(covariates))
    if metric in names:
        raise ValueError(f"`{metric}` cannot be its own covariate: use its value from before the experiment.")
    return names


def _check_blocks(pairs: Sequence[tuple[Moments, Moments]]) -> None:
    if not pairs:
        raise ValueError("There are no blocks: give at least one pair of control and treated.")
    for i, (control, treated) in enumerate(pairs):
        if min(control.n, treated.n) < 2:
            raise ValueError(
                f"Block {i} has {control.n} control and {treated.n} treated units, and each needs at least 2: add its "
                "moments to those of a similar block (`a + b`) before comparing."
            )


def _residual(arm: Moments, metric: str, names: Sequence[str], slopes: Floats) -> tuple[float, Floats]:
    """Return the mean of the metric less what covariates say, and the covariance of that mean and the plain one."""
    part = arm.pick(metric, *names)
    plain, weight = part.var(metric) / part.n, np.append(1.0, -slopes)
    column = part.cross @ weight / (part.n - 1) / part.n
    square = float(weight @ column)
    scale = float(np.sum(weight**2 * np.diagonal(part.cross))) / (part.n - 1) / part.n
    if square <= 1e-13 * scale:  # what cancels leaves only rounding
        return float(weight @ part.mean), np.array([[0.0, 0.0], [0.0, plain]])
    return float(weight @ part.mean), np.array([[square, column[0]], [column[0], plain]])


def _of_difference(control: Floats, treated: Floats) -> Floats:
    """Return the covariance of (adjusted difference, control mean): both share the control's units."""
    return np.array([[control[0, 0] + treated[0, 0], -control[0, 1]], [-control[0, 1], control[1, 1]]])


def _result(
    value: float,
    base: float,
    cov: Floats,
    freedom: float,
    plain: Estimate,
    names: Sequence[str],
    slopes: Floats,
) -> Adjusted:
    variance = float(cov[0, 0])
    if base == 0:
        raise ValueError(
            "The control's mean is 0, so a lift does not exist: report the plain difference instead."
        )
    return Adjusted(
        estimate(value, sqrt(variance), freedom, plain.confidence),
        fieller(value, base, variance, float(cov[1, 1]), float(cov[0, 1]), freedom, plain.confidence),
        1 - variance / plain.error**2,
        {name: float(s) for name, s in zip(names, slopes, strict=True)},
        plain,
    )
