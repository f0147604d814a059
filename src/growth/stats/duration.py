"""How long contracts last: shifted beta-geometric and beta-discrete-Weibull curves on survivors by period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, log1p

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, psi

from growth.stats.likelihood import Fit, Score, delta_interval, log_odds, maximise
from growth.stats.moments import Floats

MODELS = ("geometric", "sbg", "bdw")
_NAMES = {"geometric": ("alpha", "beta"), "sbg": ("alpha", "beta"), "bdw": ("alpha", "beta", "c")}
_SUM = 40.0  # a discounted sum stops where its weights are below exp(-40)


@dataclass(frozen=True, eq=False)
class AtRisk:
    """Renewals by age, over all cohorts: enough for every model of duration.

    Parameters
    ----------
    age : ndarray of int, shape (m,)
        The renewal, from 1: the first a customer can refuse.
    at_risk, lost : ndarray of int, shape (m,)
        Customers who came to it, and who did not renew. Who has not come to it yet is not in it: cohorts may be of any
        age.
    """

    age: NDArray[np.int64]
    at_risk: NDArray[np.int64]
    lost: NDArray[np.int64]

    @classmethod
    def of(cls, at_risk: ArrayLike, lost: ArrayLike) -> AtRisk:
        """Return renewals from counts by age 1, 2, …; ages nobody came to are left out.

        Raises
        ------
        ValueError
            If counts are no whole numbers, more are lost than at risk, or nobody was at risk.
        """
        n, d = np.atleast_1d(np.asarray(at_risk, float)), np.atleast_1d(np.asarray(lost, float))
        if n.shape != d.shape or n.ndim != 1 or not np.all((n % 1 == 0) & (d % 1 == 0)):
            raise ValueError(
                "Renewals need two lists of whole numbers of one length: at risk, and lost, by age."
            )
        if np.any((d < 0) | (d > n)):
            raise ValueError("At every age between none and all of those at risk can be lost.")
        seen = n > 0
        if not seen.any():
            raise ValueError("Nobody has come to a renewal yet: wait for the first.")
        age = np.arange(1, len(n) + 1)
        return cls(age[seen], n[seen].astype(np.int64), d[seen].astype(np.int64))

    @classmethod
    def of_cohorts(cls, survivors: Sequence[Sequence[int]], skip: int = 0, only_last: int = 0) -> AtRisk:
        """Return renewals from each cohort's survivors: at the start, after period 1, 2, … as far as it was observed.

        Parameters
        ----------
        survivors : sequence of sequences of int
            Never rising; cohorts may be of different lengths, what is not yet observed is left out.
        skip : int
            Leave out each cohort's last periods.
        only_last : int
            Keep only each cohort's last periods.

        Raises
        ------
        ValueError
            If a cohort rises or no cohort has a period left.
        """
        longest = max((len(c) for c in survivors), default=0)
        n, d = np.zeros(max(longest, 2) - 1), np.zeros(max(longest, 2) - 1)
        for cohort in survivors:
            alive = np.asarray(cohort, float)
            if alive.ndim != 1 or not np.all(np.isfinite(alive)) or np.any(np.diff(alive) > 0):
                raise ValueError(
                    "Survivors of a cohort can only fall: count customers, not active ones who return."
                )
            ages = np.arange(len(alive) - 1)
            keep = (ages < len(ages) - skip) & (ages >= (len(ages) - only_last if only_last else 0))
            n[ages[keep]] += alive[:-1][keep]
            d[ages[keep]] += -np.diff(alive)[keep]
        return cls.of(n, d)


@dataclass(frozen=True, eq=False)
class DurationModel:
    """A fitted curve of survivors.

    Parameters
    ----------
    kind : str
        ``geometric`` (one churn rate for all), ``sbg`` (rates differ by customer) or ``bdw`` (and change with age:
        c > 1 rising, c < 1 falling).
    fit : Fit
        Parameters with errors. Of the geometric, alpha and beta are expected losses and renewals in data of weight 1:
        only alpha / (alpha + beta), the churn rate, means something.
    data : AtRisk

    Notes
    -----
    Intervals cover the uncertainty of the parameters, by the delta method, on the log-odds scale for shares and the log
    scale for lifetimes; not that the curve may be the wrong one beyond the ages seen.
    """

    kind: str
    fit: Fit
    data: AtRisk

    def survival(self, age: ArrayLike) -> Floats:
        """Return the share still there after this many periods."""
        return np.exp(self._log_survival(self.fit.theta, _ages(age)))

    def retention(self, age: ArrayLike) -> Floats:
        """Return the share of those there at age - 1 who are there at an age of at least 1."""
        return np.exp(self._log_retention(self.fit.theta, _ages(age, 1)))

    def hazard(self, age: ArrayLike) -> Floats:
        """Return the share of those there at age - 1 who are lost at an age of at least 1."""
        return -np.expm1(self._log_retention(self.fit.theta, _ages(age, 1)))

    def survival_interval(self, age: ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """Return the interval of `survival` at ages of at least 1."""
        at = _ages(age, 1)
        return delta_interval(lambda th: log_odds(self._log_survival(th, at)), self.fit, confidence, "logit")

    def retention_interval(self, age: ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """Return the interval of `retention`."""
        at = _ages(age, 1)
        return delta_interval(lambda th: log_odds(self._log_retention(th, at)), self.fit, confidence, "logit")

    def lifetime(self, periods: int, discount: float = 0.0, after: int = 0) -> float:
        """Return the expected periods paid for within a horizon, discounted, of a customer `after` renewals.

        Parameters
        ----------
        periods : int
            The horizon. A new customer (`after` = 0) pays the first period for certain, at its start.
        discount : float
            A period's rate; payments k periods from now count (1 + discount) ** -k.
        after : int
            Renewals made so far; if positive the next payment, due now, is itself uncertain.

        Notes
        -----
        Fader and Hardie (2010), Marketing Science 29:85-93, eq. 5 and 6, up to the horizon.
        """
        return float(np.exp(self._log_lifetime(self.fit.theta, *_until(periods, discount, after))))

    def lifetime_interval(
        self, periods: int, discount: float = 0.0, after: int = 0, confidence: float = 0.95
    ) -> tuple[float, float]:
        """Return the interval of `lifetime`."""
        until = _until(periods, discount, after)
        ends = delta_interval(lambda th: self._log_lifetime(th, *until), self.fit, confidence)
        return float(ends[0]), float(ends[1])

    def residual(self, discount: float, after: int = 0) -> float:
        """Return `lifetime` without horizon (DEL, DERL); the discount must be at least 1e-4."""
        return self.lifetime(_forever(discount), discount, after)

    def residual_interval(
        self, discount: float, after: int = 0, confidence: float = 0.95
    ) -> tuple[float, float]:
        """Return the interval of `residual`."""
        return self.lifetime_interval(_forever(discount), discount, after, confidence)

    def log_score(self, data: AtRisk) -> float:
        """Return the log-likelihood of renewals, theirs or others': the higher the better the forecast."""
        ratio = self._log_retention(self.fit.theta, data.age.astype(float))
        return _likelihood(ratio, data)[0]

    def _log_survival(self, theta: Floats, age: Floats) -> Floats:
        if self.kind == "geometric":
            return np.asarray(age * np.log(np.exp(theta[1]) / np.exp(theta).sum()))
        return _log_survival(theta, age)[0]

    def _log_retention(self, theta: Floats, age: Floats) -> Floats:
        return np.asarray(self._log_survival(theta, age) - self._log_survival(theta, age - 1))

    def _log_lifetime(self, theta: Floats, weights: Floats, after: int) -> Floats:
        ages = after + np.arange(len(weights), dtype=float)
        given = self._log_survival(theta, np.array([float(max(after - 1, 0))]))
        return np.asarray(np.log(weights @ np.exp(self._log_survival(theta, ages) - given)))


def _ages(age: ArrayLike, least: int = 0) -> Floats:
    at = np.atleast_1d(np.asarray(age, float))
    if not np.all(np.isfinite(at) & (at >= least) & (at % 1 == 0)):
        raise ValueError(f"Ages are whole numbers of periods of at least {least}.")
    return at


def _until(periods: int, discount: float, after: int) -> tuple[Floats, int]:
    if periods < 1 or after < 0 or not 0 <= discount < inf:
        raise ValueError("A lifetime needs at least 1 period, and a discount and renewals of at least 0.")
    return np.exp(-log1p(discount) * np.arange(periods)), after


def _forever(discount: float) -> int:
    if not 1e-4 <= discount < inf:
        raise ValueError(
            "A lifetime without end needs a discount of at least 0.0001 a period: or give a horizon."
        )
    return int(np.ceil(_SUM / log1p(discount)))


def _log_survival(theta: Floats, age: Floats) -> tuple[Floats, Floats]:
    """Return log S at ages and its derivatives by alpha, beta (and c): Fader et al. (2018), eq. 4; sBG has c = 1."""
    alpha, beta = np.exp(theta[:2])
    c = np.exp(theta[2]) if len(theta) > 2 else 1.0
    with np.errstate(divide="ignore"):
        log_age = np.where(age > 0, np.log(age), 0.0)
    u = np.where(age > 0, np.exp(c * log_age), 0.0)
    value = np.where(age > 0, betaln(alpha, beta + u) - betaln(alpha, beta), 0.0)
    later = psi(beta + u) - psi(alpha + beta + u)
    by = [
        psi(alpha + beta) - psi(alpha + beta + u),
        later - psi(beta) + psi(alpha + beta),
        later * u * log_age,
    ]
    return value, np.array(by[: len(theta)])


def _likelihood(ratio: Floats, data: AtRisk) -> tuple[float, Floats]:
    """Return the log-likelihood of renewals whose log retention is `ratio`, and its derivative by it."""
    lost, kept = data.lost.astype(float), (data.at_risk - data.lost).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        gone = np.where(lost > 0, lost * np.log(-np.expm1(ratio)), 0.0)
        slope = np.where(lost > 0, lost / np.expm1(-ratio), 0.0)
    return float(np.sum(gone + kept * ratio)), kept - slope


def _score(data: AtRisk) -> Score:
    age = data.age.astype(float)

    def score(theta: Floats) -> tuple[float, Floats]:
        (now, by_now), (before, by_before) = _log_survival(theta, age), _log_survival(theta, age - 1)
        value, slope = _likelihood(now - before, data)
        return value, (by_now - by_before) @ slope * np.exp(theta)

    return score


def duration(kind: str, data: AtRisk) -> DurationModel:
    """Fit a model of duration by maximum likelihood.

    Parameters
    ----------
    kind : str
        ``geometric``, ``sbg`` or ``bdw``.
    data : AtRisk

    Raises
    ------
    ValueError
        If the kind is unknown, all or none were lost, there are fewer ages than parameters, or the likelihood is flat.

    Notes
    -----
    sBG: Fader and Hardie (2007), How to project customer retention, Journal of Interactive Marketing 21:76-90. BdW:
    Fader, Hardie, Liu, Davin and Steenburgh (2018), Journal of Interactive Marketing 43:1-16.
    """
    if kind not in MODELS:
        raise ValueError(f"A model of duration is one of {', '.join(MODELS)}, not {kind!r}.")
    lost, risk = int(data.lost.sum()), int(data.at_risk.sum())
    if not 0 < lost < risk:
        raise ValueError("All or none were lost, so no curve can be fitted: observe more periods.")
    if kind == "geometric":
        return _geometric(lost, risk, data)
    names = _NAMES[kind]
    if len(data.age) < len(names):
        raise ValueError(
            f"{kind} has {len(names)} parameters but only {len(data.age)} periods were seen: wait."
        )
    start = np.log([1.0, max(risk / lost - 1, 0.1), 1.0][: len(names)])
    reach = np.array([9.0, 9.0, 3.0])[: len(names)]  # c beyond 20 or below 1/20 is no duration dependence
    return DurationModel(kind, maximise(_score(data), names, start, reach), data)


def _geometric(lost: int, risk: int, data: AtRisk) -> DurationModel:
    """Return the closed form: log-odds of churn have variance 1 / lost + 1 / kept."""
    kept = risk - lost
    theta = np.log([lost / risk, kept / risk])
    value = float(lost * theta[0] + kept * theta[1])
    return DurationModel(
        "geometric", Fit(_NAMES["geometric"], theta, np.diag([1 / lost, 1 / kept]), value), data
    )


@dataclass(frozen=True)
class Choice:
    """The models' forecasts of held-out periods, and the best.

    Parameters
    ----------
    best : str
    scores : mapping of str to float
        Log-likelihood of the held-out renewals; models that could not be fitted are not in it.
    refused : mapping of str to str
        Why a model could not be fitted to the periods before.
    held_out : int
        Renewals that judged.
    """

    best: str
    scores: Mapping[str, float]
    refused: Mapping[str, str]
    held_out: int


def choose(survivors: Sequence[Sequence[int]], last: int, kinds: Sequence[str] = MODELS) -> Choice:
    """Return which model, fitted without each cohort's last periods, forecasts them best.

    Parameters
    ----------
    survivors : sequence of sequences of int
        As `AtRisk.of_cohorts`.
    last : int
        Periods to hold out.
    kinds : sequence of str

    Raises
    ------
    ValueError
        If no cohort is long enough, or no model could be fitted.
    """
    if last < 1 or not kinds:
        raise ValueError("A choice needs at least 1 period to hold out and a model.")
    before = AtRisk.of_cohorts(survivors, skip=last)
    after = AtRisk.of_cohorts(survivors, only_last=last)
    scores, refused = {}, {}
    for kind in kinds:
        try:
            scores[kind] = duration(kind, before).log_score(after)
        except ValueError as error:
            refused[kind] = str(error)
    if not scores:
        raise ValueError(f"No model could be fitted: {next(iter(refused.values()))}")
    return Choice(max(scores, key=lambda k: scores[k]), scores, refused, int(after.at_risk.sum()))
