"""Shares, means, totals and net promoters of a weighted survey, with intervals that know how it was drawn.

Linearisation: of an estimate each respondent has an influence; influences are cleared of what raking fixes (residuals
of a regression on the margins), added up by cluster, and their spread within strata is the variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from growth.stats.contrast import Estimate, check_confidence, critical, estimate
from growth.stats.moments import Floats
from growth.stats.proportions import wilson

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Design:
    """How respondents were drawn and weighted.

    Parameters
    ----------
    weights : ndarray, shape (n,)
    base : ndarray, shape (n,), optional
        Weights before raking; those of the regression on margins.
    cells : sequence of ndarray of int
        Levels of the margins that weights were raked to; empty: not raked.
    strata, clusters : ndarray of int, optional
        None: one stratum; each respondent a cluster.
    fraction : float
        Share of the population's clusters that were drawn; 0: few of many.
    """

    weights: Floats
    base: Floats | None = None
    cells: Sequence[Ints] = ()
    strata: Ints | None = None
    clusters: Ints | None = None
    fraction: float = 0.0

    def __post_init__(self) -> None:
        if not len(self.weights):
            raise ValueError("Nobody answered.")
        if not (np.isfinite(self.weights).all() and (self.weights >= 0).all() and self.weights.sum() > 0):
            raise ValueError("Weights must be numbers of at least 0, and not all 0.")

    @property
    def freedom(self) -> float:
        """Return clusters less strata."""
        stratum, cluster = self._drawn()
        return float(len(np.unique(cluster)) - len(np.unique(stratum)))

    def covariance(self, influence: Floats) -> Floats:
        """Return the covariance of estimates whose influences are columns, shape (n, k) -> (k, k).

        Raises
        ------
        ValueError
            If a stratum has a single cluster: its spread is not known.
        """
        left = self._cleared(influence) * self.weights[:, None]
        stratum, cluster = self._drawn()
        both = np.unique(np.stack([stratum, cluster]), axis=1, return_inverse=True)
        pairs, place = both[0], np.ravel(both[1])
        sums = np.stack([np.bincount(place, left[:, k]) for k in range(left.shape[1])], axis=1)
        total = np.zeros((left.shape[1], left.shape[1]))
        for h in np.unique(pairs[0]):
            own = sums[pairs[0] == h]
            if len(own) < 2:
                raise ValueError(
                    "A stratum has a single cluster, so its spread is not known: merge it with another."
                )
            apart = own - own.mean(axis=0)
            total += (1 - self.fraction) * len(own) / (len(own) - 1) * apart.T @ apart
        return total

    def _drawn(self) -> tuple[Ints, Ints]:
        n = len(self.weights)
        stratum = np.zeros(n, np.int64) if self.strata is None else self.strata
        return stratum, (np.arange(n) if self.clusters is None else self.clusters)

    def _cleared(self, influence: Floats) -> Floats:
        """Return influences less what the margins explain of them: raking has fixed that."""
        if not len(self.cells):
            return influence
        dummies = np.concatenate([np.eye(int(c.max()) + 1)[c] for c in self.cells], axis=1)
        base = self.weights if self.base is None else self.base
        root = np.sqrt(base)[:, None]
        found = np.linalg.lstsq(dummies * root, influence * root, rcond=None)[0]
        return np.asarray(influence - dummies @ found)


def mean(
    values: ArrayLike, design: Design, among: NDArray[np.bool_] | None = None, confidence: float = 0.95
) -> Estimate:
    """Return a mean, of all or of some.

    Parameters
    ----------
    values : array-like, shape (n,)
        Missing where it was not answered: those who did are the ones it is about.
    design : Design
    among : ndarray of bool, optional
    confidence : float

    Raises
    ------
    ValueError
        If nobody answered, or all who did have no weight.

    Notes
    -----
    Ratio estimator; Särndal, Swensson and Wretman (1992), *Model Assisted Survey Sampling*, section 5.7; raked as
    Deville and Särndal (1992), JASA 87:376-382. It gives R's `survey::svymean` after `rake`.
    """
    check_confidence(confidence)
    return estimate(*_linear(values, design, among), design.freedom, confidence)


def total(values: ArrayLike, design: Design, confidence: float = 0.95) -> Estimate:
    """Return a sum over the population."""
    check_confidence(confidence)
    y = np.asarray(values, float)
    error = sqrt(float(design.covariance(y[:, None])[0, 0]))
    return estimate(float(design.weights @ y), error, design.freedom, confidence)


def share(
    hits: ArrayLike, design: Design, among: NDArray[np.bool_] | None = None, confidence: float = 0.95
) -> Estimate:
    """Return a share, with an interval that stays within 0 and 1.

    Notes
    -----
    Wilson's interval of as many even respondents as have this variance, widened by Student's law (Korn and Graubard
    1998, Survey Methodology 24:193-201; Franco et al. 2019, JSSAM 7:334-364). A share of exactly 0 or 1 has no variance
    to see: then as many respondents as their weights are worth (Kish).
    """
    check_confidence(confidence)
    value, error = _linear(hits, design, among)
    p = min(max(value, 0.0), 1.0)
    answered = np.isfinite(np.asarray(hits, float)) & (True if among is None else among)
    w = design.weights[answered]
    kish = float(w.sum() ** 2 / (w**2).sum())
    many = p * (1 - p) / error**2 if error > 1e-12 and 0 < p < 1 else kish
    freedom = design.freedom
    t, z = critical(max(freedom, 1.0), confidence), critical(inf, confidence)
    many *= (z / t) ** 2
    low, high = (float(end) for end in wilson(p * many, many, confidence))
    return Estimate(p, error, freedom, low, high, nan, confidence)


def promoters(
    answers: ArrayLike, design: Design, among: NDArray[np.bool_] | None = None, confidence: float = 0.95
) -> Estimate:
    """Return net promoters, points: those who say 9 or 10 less those who say 6 or less."""
    said = np.asarray(answers, float)
    points = np.where(np.isfinite(said), 100.0 * (said >= 9) - 100.0 * (said <= 6), np.nan)
    return mean(points, design, among, confidence)


def _linear(values: ArrayLike, design: Design, among: NDArray[np.bool_] | None) -> tuple[float, float]:
    value, influence = _ratio(values, design, among)
    return value, sqrt(float(design.covariance(influence[:, None])[0, 0]))


def _ratio(values: ArrayLike, design: Design, among: NDArray[np.bool_] | None) -> tuple[float, Floats]:
    y = np.asarray(values, float)
    if y.shape != design.weights.shape:
        raise ValueError(f"{y.size} values are not one for each of {len(design.weights)} respondents.")
    inside = np.isfinite(y) & (True if among is None else among)
    weight = float(design.weights[inside].sum())
    if weight <= 0:
        raise ValueError("Nobody answered.")
    value = float((design.weights[inside] * y[inside]).sum() / weight)
    return value, np.where(inside, (np.where(inside, y, 0.0) - value) / weight, 0.0)
