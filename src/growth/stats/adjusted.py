"""Effects of what was not randomised: adjusted for what was seen, with overlap and what it takes to undo them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, inf, isnan, nan, sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit
from scipy.stats import t as student

from growth.stats.contrast import Estimate, critical, estimate
from growth.stats.moments import Floats

EXTREME = 0.02  # a chance of treatment below this, or above one minus it, has hardly a counterpart
FEWEST = 50


@dataclass(frozen=True)
class Balance:
    """Where treated and others overlap.

    Parameters
    ----------
    extreme : float
        Share of units whose chance of treatment is below `EXTREME` or above 1 - `EXTREME`.
    effective : float
        Effective number of units after weighting, as a share of all (Kish).
    before, after : float
        Largest standardised difference of a covariate, as found and weighted.
    """

    extreme: float
    effective: float
    before: float
    after: float


@dataclass(frozen=True)
class Sensitivity:
    """How strong a hidden confounder would have to be.

    Parameters
    ----------
    robustness : float
        Share of the residual variance of treatment and of outcome that it would have to explain, of both, to bring the
        estimate to 0.
    robustness_sure : float
        … to bring an end of the interval to 0; 0 if it is there already.
    strongest : str
        The group of covariates that would move the estimate most if a hidden one were as strong.
    under_strongest : float
        The estimate if there were one as strong as that.
    low, high : float
        … and its interval.
    times : float
        How many times as strong as that it must be for the interval to reach 0: below 1, one weaker would do; infinite
        where no covariate says anything of both; 0 where the interval holds 0 already.

    Notes
    -----
    Cinelli and Hazlett (2020), Journal of the Royal Statistical Society B 82:39-67, sections 4.3 and 4.4, on the linear
    regression of the outcome; a group of columns counts as one covariate.
    """

    robustness: float
    robustness_sure: float
    strongest: str
    under_strongest: float
    low: float
    high: float
    times: float


@dataclass(frozen=True)
class Adjusted:
    """A difference between treated and others, as found and adjusted.

    Parameters
    ----------
    naive, value : Estimate
        Plain difference of means; augmented inverse-probability weighting.
    treated, others : int
    balance : Balance
    sensitivity : Sensitivity
    ratio, ratio_low, ratio_high : float
        The adjusted mean of the treated over that of the others, with its interval; NaN if one is not positive.
    evalue, evalue_sure : float
        See `evalue`: of the ratio, and of the end of its interval that is nearer to 1 (1 if the interval holds 1).
    """

    naive: Estimate
    value: Estimate
    treated: int
    others: int
    balance: Balance
    sensitivity: Sensitivity
    ratio: float
    ratio_low: float
    ratio_high: float
    evalue: float
    evalue_sure: float


def adjusted(
    treated: ArrayLike,
    outcome: ArrayLike,
    covariates: Mapping[str, ArrayLike],
    confidence: float = 0.95,
    cluster: ArrayLike | None = None,
) -> Adjusted:
    """Return the effect of a treatment on all units, adjusted for covariates known before it.

    Parameters
    ----------
    treated : array-like of bool, shape (n,)
    outcome : array-like of float, shape (n,)
    covariates : mapping of str to array-like, shape (n,) or (n, k)
        By name; the columns of one (dummies of a label) are judged together.
    confidence : float
    cluster : array-like of int, shape (n,), optional
        Number of the person whom a row is of, where a person has several: their rows err together (but not in
        `Sensitivity`, which knows independent rows only).

    Raises
    ------
    ValueError
        If a number is missing, fewer than `FEWEST` units are treated or not, or the covariates tell exactly who is.

    Notes
    -----
    Robins, Rotnitzky and Zhao (1994), JASA 89:846-866: the mean of m1(x) - m0(x) + d (y - m1) / e -
    (1 - d) (y - m0) / (1 - e), with logistic e and linear m1, m0; the error is that of a mean. Right if either is.
    """
    d, y = np.asarray(treated, bool), np.asarray(outcome, float)
    groups = {name: _columns(v) for name, v in covariates.items()}
    x = np.column_stack([np.ones(len(d)), *groups.values()]) if groups else np.ones((len(d), 1))
    if not (np.isfinite(y).all() and np.isfinite(x).all()):
        raise ValueError("an adjusted effect needs numbers without gaps: leave incomplete units out")
    if min(d.sum(), (~d).sum()) < FEWEST:
        raise ValueError(f"fewer than {FEWEST} units are on one side, too few to adjust")
    e = _propensity(x, d)
    m1, m0 = (x @ _least_squares(x[side], y[side]) for side in (d, ~d))
    one, none = m1 + d * (y - m1) / e, m0 + ~d * (y - m0) / (1 - e)
    parts = one - none
    n = len(d)
    who = None if cluster is None else np.asarray(cluster, np.int64)
    value = estimate(float(parts.mean()), _error(parts, who), inf, confidence)
    ratio = _ratio(one, none, confidence, who)
    a, b = y[d].mean(), y[~d].mean()
    pulls = n * np.where(d, (y - a) / d.sum(), -(y - b) / (~d).sum())
    naive = estimate(float(a - b), _error(pulls, who), inf, confidence)
    return Adjusted(
        naive,
        value,
        int(d.sum()),
        int((~d).sum()),
        _balance(d, e, x[:, 1:]),
        sensitivity(d, y, groups, confidence),
        *ratio,
        evalue(ratio[0]),
        evalue(min(max(1.0, ratio[1]), ratio[2]) if ratio[0] >= 1 else max(min(1.0, ratio[2]), ratio[1])),
    )


def _error(parts: Floats, cluster: np.ndarray | None) -> float:
    """Return the standard error of a mean of parts, of which those of a cluster err together."""
    n = len(parts)
    sums = parts - parts.mean()
    if cluster is not None:
        sums = np.bincount(np.unique(cluster, return_inverse=True)[1], weights=sums)
    groups = len(sums)
    return float(sqrt(sums @ sums * groups / (groups - 1)) / n)


def _ratio(
    one: Floats, none: Floats, confidence: float, cluster: np.ndarray | None
) -> tuple[float, float, float]:
    """Return the ratio of two means over the same units, and its interval on the log scale (influence function)."""
    a, b = float(one.mean()), float(none.mean())
    if min(a, b) <= 0:
        return nan, nan, nan
    error = _error(one / a - none / b, cluster)
    half = critical(inf, confidence) * error
    return a / b, a / b * exp(-half), a / b * exp(half)


def evalue(ratio: float) -> float:
    """Return how strong a hidden confounder must be, as a ratio of risks, to make a ratio of 1 look like this one.

    Parameters
    ----------
    ratio : float
        A ratio of two shares, positive; NaN stays NaN.

    Returns
    -------
    float
        Both the ratio by which it goes with treatment and that by which it goes with the outcome; at least 1.

    Notes
    -----
    VanderWeele and Ding (2017), Annals of Internal Medicine 167:268-274: RR + sqrt(RR (RR - 1)), of 1 / RR below 1.
    """
    if isnan(ratio):
        return nan
    if not ratio > 0:
        raise ValueError("An E-value is of a positive ratio.")
    above = max(ratio, 1 / ratio)
    return above + sqrt(above * (above - 1))


def _columns(values: ArrayLike) -> Floats:
    """Return a covariate as columns, without those that do not vary."""
    v = np.asarray(values, float)
    v = v[:, None] if v.ndim == 1 else v
    return np.asarray(v[:, v.std(axis=0) > 0])


def _least_squares(x: Floats, y: Floats) -> Floats:
    return np.asarray(np.linalg.lstsq(x, y, rcond=None)[0])


def _propensity(x: Floats, d: np.ndarray) -> Floats:
    """Return chances of treatment by logistic regression (Newton's method)."""
    scale = np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    z = x / scale
    b = np.zeros(z.shape[1])
    for _ in range(50):
        p = expit(z @ b)
        step = np.linalg.lstsq((z * (p * (1 - p))[:, None]).T @ z, z.T @ (d - p), rcond=None)[0]
        b = b + step
        if np.abs(step).max() < 1e-10:
            break
    p = expit(z @ b)
    if np.abs(b).max() > 30 or p.min() < 1e-6 or p.max() > 1 - 1e-6:
        raise ValueError("the covariates tell exactly who is treated, so nobody can be compared")
    return np.asarray(p)


def _balance(d: np.ndarray, e: Floats, x: Floats) -> Balance:
    w = np.where(d, 1 / e, 1 / (1 - e))
    even = np.ones(len(d))
    return Balance(
        float(((e < EXTREME) | (e > 1 - EXTREME)).mean()),
        float(w.sum() ** 2 / (w**2).sum() / len(w)),
        _largest_difference(d, x, even),
        _largest_difference(d, x, w),
    )


def _largest_difference(d: np.ndarray, x: Floats, w: Floats) -> float:
    if not x.shape[1]:
        return 0.0
    means = [np.average(x[s], axis=0, weights=w[s]) for s in (d, ~d)]
    spread = np.sqrt((x[d].var(axis=0, ddof=1) + x[~d].var(axis=0, ddof=1)) / 2)
    return float(np.max(np.abs(means[0] - means[1]) / np.where(spread > 0, spread, 1)))


def robustness(ratio: float, freedom: float, sure: float = 0.0) -> float:
    """Return the robustness value of a regression coefficient.

    Parameters
    ----------
    ratio : float
        Estimate over standard error.
    freedom : float
        Residual degrees of freedom.
    sure : float
        Confidence that shall be lost; 0: the estimate itself shall be 0.
    """
    f = abs(ratio) / sqrt(freedom)
    if sure:
        f -= float(student.ppf(0.5 + sure / 2, freedom - 1)) / sqrt(freedom - 1)
    return 0.5 * (sqrt(f**4 + 4 * f**2) - f**2) if f > 0 else 0.0


def sensitivity(
    d: np.ndarray, y: Floats, groups: Mapping[str, Floats], confidence: float = 0.95
) -> Sensitivity:
    """Return how strong a hidden confounder must be, beside the strongest one seen; see `Sensitivity`."""
    named = {k: v for k, v in groups.items() if v.shape[1]}
    x = np.column_stack([np.ones(len(d)), *named.values()])
    t = d.astype(float)
    full = np.column_stack([t, x])
    freedom = len(y) - full.shape[1]
    rest = t - x @ _least_squares(x, t)
    value = float(rest @ y / (rest @ rest))
    left = y - full @ _least_squares(full, y)
    error = sqrt(float(left @ left) / freedom / float(rest @ rest))
    strongest, moved = "", (value, error)
    strengths: tuple[float, float] = (0.0, 0.0)
    for name in named:
        others = np.column_stack([np.ones(len(d)), *[v for k, v in named.items() if k != name]])
        seen = _explained(t, others, x), _explained(y, np.column_stack([t, others]), full)
        under = _under(value, error, freedom, _as_strong(*seen))
        if not strongest or abs(value - under[0]) >= abs(value - moved[0]):
            strongest, moved, strengths = name, under, seen
    half = critical(freedom, confidence) * moved[1]
    return Sensitivity(
        robustness(value / error, freedom), robustness(value / error, freedom, confidence), strongest,
        moved[0], moved[0] - half, moved[0] + half, _times(value, error, freedom, strengths, confidence),
    )  # fmt: skip


def _under(value: float, error: float, freedom: float, strong: tuple[float, float]) -> tuple[float, float]:
    """Return estimate and error if there were a confounder with these partial R² (treatment, outcome)."""
    with_d, with_y = strong
    bias = error * sqrt(freedom * with_y * with_d / (1 - with_d))
    wider = error * sqrt((1 - with_y) / (1 - with_d) * freedom / (freedom - 1))
    return float(value - np.sign(value) * bias), wider


def _times(
    value: float,
    error: float,
    freedom: float,
    seen: tuple[float, float],
    confidence: float,
    most: float = 1e4,
) -> float:
    """Return how many times as strong as a covariate with these partial R² undoes an estimate."""

    def stands(k: float) -> bool:
        under, wider = _under(value, error, freedom, _as_strong(*seen, k))
        return bool(np.sign(value) * under > critical(freedom, confidence) * wider)

    if not stands(0.0):
        return 0.0
    if stands(most):
        return inf
    low, high = 0.0, most
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if stands(middle) else (low, middle)
    return low


def _as_strong(with_d: float, with_y: float, times: float = 1.0) -> tuple[float, float]:
    """Return the partial R² of a hidden confounder with treatment and outcome, `times` as strong as one with these."""
    odds = min(times * with_d / (1 - with_d), 0.99)
    shared = min(times * with_d**2 / max((1 - times * with_d) * (1 - with_d), 1e-12), 0.99)
    return odds, min(((sqrt(times) + sqrt(shared)) ** 2 / (1 - shared)) * with_y / (1 - with_y), 0.99)


def _explained(y: Floats, small: Floats, large: Floats) -> float:
    """Return the share of the variance left by `small` that `large` explains: a partial R²."""
    a, b = (y - m @ _least_squares(m, y) for m in (small, large))
    return max(1 - float(b @ b) / float(a @ a), 0.0) if float(a @ a) > 0 else 0.0
