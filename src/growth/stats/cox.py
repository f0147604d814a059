"""Cox regression with Efron's ties on counts of equal rows, and a test of proportional hazards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc

from growth.stats.contrast import Estimate, estimate
from growth.stats.moments import Floats
from growth.stats.survival import ChiSquare, Spells


@dataclass(frozen=True, eq=False)
class Cox:
    """A fitted proportional-hazards model.

    Parameters
    ----------
    names : tuple of str
    coefficient : ndarray, shape (k,)
        Log hazard ratios.
    covariance : ndarray, shape (k, k)
        Inverse information, or the sandwich if `robust`.
    log_likelihood, null : float
        Partial, at the estimate and without covariates.
    robust : bool
    tests : mapping of str to ChiSquare
        Of proportional hazards, by covariate, and of all together under "all".
    """

    names: tuple[str, ...]
    coefficient: Floats
    covariance: Floats
    log_likelihood: float
    null: float
    robust: bool
    tests: dict[str, ChiSquare] = field(default_factory=dict)

    @property
    def errors(self) -> Floats:
        """Standard errors of the coefficients."""
        return np.asarray(np.sqrt(np.diagonal(self.covariance)))

    def effect(self, name: str, confidence: float = 0.95) -> Estimate:
        """Return a log hazard ratio with interval and p-value; exp() of value and ends is the hazard ratio."""
        if name not in self.names:
            raise ValueError(f"There is no covariate `{name}` here, only {', '.join(self.names)}.")
        i = self.names.index(name)
        return estimate(float(self.coefficient[i]), float(self.errors[i]), inf, confidence)


@dataclass(frozen=True, eq=False)
class _Steps:
    """At each distinct event time: Efron's sums over the tied events, and sums over the risk set and the events."""

    hits: Floats  # (m,) events
    total: Floats  # (m, k) covariates of the events, summed
    s0: Floats  # (m,), (m, k), (m, k, k): risk set, weighted by exp(x b)
    s1: Floats
    s2: Floats
    d0: Floats  # the same of the events
    d1: Floats
    d2: Floats
    logs: Floats  # sum over ties of log(s0 - f d0), f = 0, 1/d, …
    a0: Floats  # sums over ties of 1, f, 1 - f over s0 - f d0, and 1, f, f^2 over its square
    a1: Floats
    b0: Floats
    b1: Floats
    b2: Floats


def _tally(where: NDArray[np.int64], value: Floats, size: int) -> Floats:
    return np.asarray(np.bincount(where, value, size), float)


class _Data:
    """Rows sorted for the risk sets, covariates centred."""

    def __init__(self, spells: Spells, x: Floats) -> None:
        self.spells, self.x = spells, x
        hit = spells.event > 0
        self.hit = hit
        self.times = np.unique(spells.time[hit])
        self.at = (
            np.searchsorted(self.times, spells.time, side="right") - 1
        )  # the last event time up to a row's end
        self.late = np.searchsorted(self.times, spells.entry, side="right") - 1  # … up to its entry
        m = len(self.times)
        self.hits = _tally(self.at[hit], spells.count[hit], m)
        self.total = np.stack([_tally(self.at[hit], (spells.count * c)[hit], m) for c in x.T], axis=1)
        d = self.hits.astype(np.int64)
        self.owner = np.repeat(np.arange(m), d)
        self.part = (np.arange(d.sum()) - np.repeat(np.cumsum(d) - d, d)) / self.hits[self.owner]

    def _sum(self, value: Floats) -> tuple[Floats, Floats]:
        """Return sums of a row's value over each risk set and over each time's events."""
        m = len(self.times)

        def up_to(where: NDArray[np.int64]) -> Floats:
            held = where >= 0
            return np.asarray(_tally(where[held], value[held], m)[::-1].cumsum()[::-1])

        here = _tally(self.at[self.hit], value[self.hit], m)
        return np.asarray(up_to(self.at) - up_to(self.late)), here

    def steps(self, beta: Floats) -> _Steps:
        m, k = len(self.times), self.x.shape[1]
        w = self.spells.count * np.exp(self.x @ beta)
        s0, d0 = self._sum(w)
        s1, d1 = np.zeros((m, k)), np.zeros((m, k))
        s2, d2 = np.zeros((m, k, k)), np.zeros((m, k, k))
        for i in range(k):
            s1[:, i], d1[:, i] = self._sum(w * self.x[:, i])
            for j in range(i + 1):
                s2[:, i, j], d2[:, i, j] = self._sum(w * self.x[:, i] * self.x[:, j])
                s2[:, j, i], d2[:, j, i] = s2[:, i, j], d2[:, i, j]
        left = s0[self.owner] - self.part * d0[self.owner]

        def ties(value: Floats) -> Floats:
            return _tally(self.owner, value, m)

        f = self.part
        sums = [np.log(left), 1 / left, f / left, 1 / left**2, f / left**2, f**2 / left**2]
        return _Steps(self.hits, self.total, s0, s1, s2, d0, d1, d2, *[ties(v) for v in sums])


def _value(s: _Steps, beta: Floats) -> float:
    return float(np.sum(s.total @ beta) - np.sum(s.logs))


def _residuals(s: _Steps) -> Floats:
    """Return Schoenfeld's residuals, summed over the events of each time."""
    return np.asarray(s.total - s.s1 * s.a0[:, None] + s.d1 * s.a1[:, None])


def _information(s: _Steps) -> Floats:
    """Return each time's information: variances of the covariates over the risk set, summed over ties."""
    mixed = s.s1[:, :, None] * s.d1[:, None, :]
    squares = s.s1[:, :, None] * s.s1[:, None, :] * s.b0[:, None, None]
    squares = squares - (mixed + mixed.transpose(0, 2, 1)) * s.b1[:, None, None]
    squares = squares + s.d1[:, :, None] * s.d1[:, None, :] * s.b2[:, None, None]
    return np.asarray(s.s2 * s.a0[:, None, None] - s.d2 * s.a1[:, None, None] - squares)


def cox(
    time: ArrayLike,
    event: ArrayLike,
    covariates: ArrayLike,
    names: Sequence[str],
    count: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    robust: bool = False,
) -> Cox:
    """Fit a Cox regression.

    Parameters
    ----------
    time, event, count, entry : array-like
        As `Spells.of`; any code is an event. Rows of equal content may be counted; only their distinct event times and
        the number of events cost anything more.
    covariates : array-like, shape (rows, k)
    names : sequence of str, length k
    robust : bool
        Whether errors hold if the model does not: every unit is its own cluster.

    Raises
    ------
    ValueError
        If there are no events, a covariate is missing or constant, covariates repeat each other, or a coefficient runs
        to infinity (a covariate that separates those with events from those without).

    Notes
    -----
    Efron (1977), JASA 72:557-565, eq. 7.1, whose sums over ties are taken per distinct time. Sandwich: Lin and Wei
    (1989), JASA 84:1074-1078. Test of proportionality: the score test of an interaction with the Kaplan-Meier scale of
    time: Grambsch and Therneau (1994), Biometrika 81:515-526, with each time's own information.
    """
    spells = Spells.of(time, event, count, entry)
    x = _covariates(covariates, names, spells)
    if not np.any(spells.event > 0):
        raise ValueError("There is no event, so no hazard can be compared: observe longer.")
    mean = spells.count @ x / spells.count.sum()
    spread = np.sqrt(spells.count @ (x - mean) ** 2 / spells.count.sum())
    if np.any(spread <= 1e-12 * (np.abs(mean) + 1e-300)):
        raise ValueError(f"`{names[int(np.argmin(spread))]}` does not vary: leave it out.")
    data = _Data(spells, (x - mean) / spread)
    null = _value(data.steps(np.zeros(len(spread))), np.zeros(len(spread)))
    beta = _newton(data, null)
    steps = data.steps(beta)
    parts = _information(steps)
    inverse = np.linalg.inv(parts.sum(axis=0))
    covariance = _sandwich(data, steps, beta, inverse) if robust else inverse
    scale = np.outer(spread, spread)
    return Cox(
        tuple(names),
        beta / spread,
        (covariance + covariance.T) / 2 / scale,
        _value(steps, beta),
        null,
        robust,
        _proportional(tuple(names), _residuals(steps), parts, _km_scale(data)),
    )


def _covariates(covariates: ArrayLike, names: Sequence[str], spells: Spells) -> Floats:
    x = np.asarray(covariates, float)
    x = x[:, None] if x.ndim == 1 else x
    if x.shape != (len(spells.time), len(names)) or len(set(names)) < len(names) or not len(names):
        raise ValueError("Cox regression needs a number of each named covariate for each row.")
    if not np.isfinite(x).all():
        raise ValueError("A covariate has missing or infinite values: fill or drop these rows first.")
    return x


def _newton(data: _Data, value: float) -> Floats:
    """Return the coefficients, of standardised covariates."""
    beta = np.zeros(data.x.shape[1])
    for _ in range(50):
        steps = data.steps(beta)
        information = _information(steps).sum(axis=0)
        if np.linalg.eigvalsh(information).min() <= 1e-9 * np.trace(information):
            break
        step = np.linalg.solve(information, _residuals(steps).sum(axis=0))
        size = float(np.abs(step).max())
        share = 1.0
        while share * size > 1e-6:
            reached = _value(data.steps(beta + share * step), beta + share * step)
            if reached >= value:
                value = reached
                break
            share /= 2
        beta = beta + share * step
        if size < 1e-9:
            return beta
        if np.abs(beta).max() > 30:
            break
    raise ValueError(
        "The coefficients have no finite maximum or cannot be told apart: a covariate repeats others or separates "
        "those with the event from those without; leave it out or merge its values."
    )


def _sandwich(data: _Data, s: _Steps, beta: Floats, inverse: Floats) -> Floats:
    """Return the robust covariance from each row's score residual, its units counted."""
    hazard = np.append(0.0, np.cumsum(s.a0))
    moved = s.s1 * s.b0[:, None] - s.d1 * s.b1[:, None]
    path = np.vstack([np.zeros(data.x.shape[1]), np.cumsum(moved, axis=0)])
    risk = np.exp(data.x @ beta)[:, None]
    own, late = data.at + 1, data.late + 1
    rate = (hazard[own] - hazard[late])[:, None]
    score = -risk * (data.x * rate - (path[own] - path[late]))
    i = data.at[data.hit]
    mean = (s.s1 * s.a0[:, None] - s.d1 * s.a1[:, None])[i] / s.hits[i][:, None]
    x = data.x[data.hit]
    score[data.hit] += x - mean
    # Efron: a tied event is in the risk set only for its share 1 - f of each part.
    spared = s.s1 * s.b1[:, None] - s.d1 * s.b2[:, None]
    score[data.hit] += risk[data.hit] * (x * s.a1[i][:, None] - spared[i])
    influence = score @ inverse
    return np.asarray((influence * data.spells.count[:, None]).T @ influence)


def _km_scale(data: _Data) -> Floats:
    """Return 1 - S just before each event time: Therneau's default scale, in which outlying times weigh little."""
    n = data.spells.at_risk(data.times)
    with np.errstate(divide="ignore"):
        after = np.exp(np.cumsum(np.log1p(-np.minimum(data.hits / n, 1.0))))
    return 1 - np.append(1.0, after[:-1])


def _proportional(
    names: tuple[str, ...], residuals: Floats, parts: Floats, scale: Floats
) -> dict[str, ChiSquare]:
    """Return score tests of coefficients that change with time, each alone and all together."""
    g = scale - scale.mean()
    whole = parts.sum(axis=0)
    cross = np.einsum("m,mij->ij", g, parts)
    score = g @ residuals
    variance = np.einsum("m,mij->ij", g**2, parts) - cross @ np.linalg.solve(whole, cross)
    found = {}
    for i, name in enumerate(names):
        if variance[i, i] > 0:
            chi2 = float(score[i] ** 2 / variance[i, i])
            found[name] = ChiSquare(chi2, 1, float(chdtrc(1, chi2)))
    if len(found) == len(names) and np.linalg.eigvalsh(variance).min() > 0:
        chi2 = float(score @ np.linalg.solve(variance, score))
        found["all"] = ChiSquare(chi2, len(names), float(chdtrc(len(names), chi2)))
    return found


def concordance(time: ArrayLike, event: ArrayLike, risk: ArrayLike, count: ArrayLike | None = None) -> float:
    """Return how often, of two units, the one with the higher risk had its event first; equal risks count a half.

    A pair counts if the earlier end is an event; of two that end together, if just one is an event, which then counts
    as the earlier.

    Raises
    ------
    ValueError
        As `Spells.of`, and if no pair can be compared.

    Notes
    -----
    Harrell, Califf, Pryor, Lee and Rosati (1982), JAMA 247:2543-2546.
    """
    spells = Spells.of(time, event, count)
    levels, rank = np.unique(np.asarray(risk, float), return_inverse=True)
    if len(rank) != len(spells.time) or not np.isfinite(levels).all():
        raise ValueError("Concordance needs a finite risk for each row.")
    later, k = np.zeros(len(levels)), len(levels)
    agreed = pairs = 0.0
    hit = spells.event > 0
    for t in np.unique(spells.time)[::-1]:
        here = spells.time == t
        now, gone = (np.bincount(rank[here & h], spells.count[here & h], k) for h in (hit, ~hit))
        later = later + gone
        below = np.cumsum(later) - later / 2
        agreed += float(now @ below)
        pairs += float(now.sum() * later.sum())
        later = later + now
    if not pairs:
        raise ValueError("No pair of units can be compared: observe longer.")
    return agreed / pairs
