"""Is the sample the one that was planned? Shares of the arms, and their likeness before the experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import inf
from operator import add

import numpy as np
from scipy.special import chdtrc

from growth.stats.adjust import basis
from growth.stats.moments import Floats, Moments


@dataclass(frozen=True)
class SampleRatio:
    """Units found in each arm against those planned.

    Parameters
    ----------
    statistic : float
        Pearson's chi-square; infinite where an arm planned without units has some.
    freedom : int
        Arms with a planned share, less one.
    p_value : float
        0 where an arm planned without units has some: chance cannot do that.
    expected : tuple of float
        Units that the plan gives each arm.
    unplanned : tuple of int
        Positions of the arms that should be empty and are not.
    """

    statistic: float
    freedom: int
    p_value: float
    expected: tuple[float, ...]
    unplanned: tuple[int, ...] = ()


@dataclass(frozen=True)
class Balance:
    """One test that all arms have the same covariate means.

    Parameters
    ----------
    statistic : float
        Wald's chi-square; infinite where a covariate is constant within arms but differs between them.
    freedom : int
        Independent covariates times arms less one.
    p_value : float
    """

    statistic: float
    freedom: int
    p_value: float


def sample_ratio(counts: Sequence[int], planned: Sequence[float]) -> SampleRatio:
    """Test whether units fell into the arms as planned (Pearson's chi-square over all arms).

    Parameters
    ----------
    counts : sequence of int
        Units in each arm.
    planned : sequence of float
        Shares that sum to 1. An arm of share 0 does not count in the freedom.

    Raises
    ------
    ValueError
        If lengths differ, a count or share is negative, shares do not sum to 1, nothing was counted, or
        fewer than two arms are planned.

    Notes
    -----
    Pearson (1900); as a gate of experiments, Fabijan et al. (2019), KDD. Exact only for large expected counts.
    """
    found, share = np.asarray(counts, float), np.asarray(planned, float)
    if found.shape != share.shape or found.ndim != 1:
        raise ValueError(
            f"There are {found.size} counts but {share.size} planned shares: give one for each arm."
        )
    if not (np.isfinite(found).all() and np.isfinite(share).all()) or (found < 0).any() or (share < 0).any():
        raise ValueError("Counts and planned shares must be numbers of at least 0.")
    if abs(float(share.sum()) - 1) > 1e-6:
        raise ValueError(f"Planned shares must sum to 1, not {share.sum():g}: give the share of all units.")
    if found.sum() == 0:
        raise ValueError("No units were counted: there is no sample to test.")
    inside = share > 0
    freedom = int(inside.sum()) - 1
    if freedom < 1:
        raise ValueError("Only one arm has a planned share: a sample ratio needs two.")
    expected = found.sum() * share
    where = tuple(int(i) for i in np.flatnonzero(~inside & (found > 0)))
    if where:
        return SampleRatio(inf, freedom, 0.0, tuple(map(float, expected)), where)
    statistic = float(np.sum((found - expected)[inside] ** 2 / expected[inside]))
    return SampleRatio(statistic, freedom, float(chdtrc(freedom, statistic)), tuple(map(float, expected)))


def balance(arms: Sequence[Moments], covariates: Sequence[str]) -> Balance:
    """Test at once that no covariate's mean differs between any arms (Wald).

    Parameters
    ----------
    arms : sequence of Moments
        Two or more; each arm keeps its own covariance matrix.
    covariates : sequence of str
        Constant or collinear ones change nothing: the test is of the space that they span.

    Raises
    ------
    ValueError
        If there are fewer than two arms, an arm has fewer than 2 units, or no covariate varies.

    Notes
    -----
    James (1954), Biometrika 41:19-43, in its large-sample form: differences from the first arm, weighted by the
    inverse of their covariance. Each arm should have many more units than there are covariates.
    """
    if len(arms) < 2 or not covariates:
        raise ValueError("Balance needs at least two arms and one covariate.")
    picked = [arm.pick(*dict.fromkeys(covariates)) for arm in arms]
    for arm in picked:
        arm.var(arm.names[0])  # refuses an arm of fewer than 2 units
    total = reduce(add, picked)
    directions = basis(total.cross) * np.sqrt(total.n - 1)
    if not directions.shape[1]:
        raise ValueError("No covariate varies, so there is nothing to balance: choose others.")
    covs = [directions.T @ arm.cross @ directions / (arm.n - 1) / arm.n for arm in picked]
    steps = np.concatenate([directions.T @ (arm.mean - picked[0].mean) for arm in picked[1:]])
    # Differences from the first arm share its noise.
    cov = np.kron(np.ones((len(arms) - 1,) * 2), covs[0])
    for i, own in enumerate(covs[1:]):
        at = slice(i * len(own), (i + 1) * len(own))
        cov[at, at] += own
    return _wald(steps, cov)


def _wald(steps: Floats, cov: Floats) -> Balance:
    """Return the test that all steps are 0; what has a step but no variance cannot be chance."""
    values, vectors = np.linalg.eigh(cov)
    along = vectors.T @ steps
    kept = values > 1e-10 * values.max()
    if np.any(np.abs(along[~kept]) > 1e-8 * max(1.0, float(np.abs(steps).max()))):
        return Balance(inf, len(steps), 0.0)
    freedom = int(kept.sum())
    if not freedom:
        raise ValueError(
            "No covariate varies within the arms, so there is nothing to balance: choose others."
        )
    statistic = float(np.sum(along[kept] ** 2 / values[kept]))
    return Balance(statistic, freedom, float(chdtrc(freedom, statistic)))
