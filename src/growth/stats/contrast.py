"""Two groups compared: differences, ratios and lifts with intervals that agree with their tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite, sqrt
from typing import Literal

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from growth.stats.moments import Moments


@dataclass(frozen=True)
class Estimate:
    """An estimate with its interval and test.

    Parameters
    ----------
    value, error : float
        The estimate and its standard error, in the metric's units.
    freedom : float
        Degrees of freedom of Student's t; infinite for the normal.
    low, high : float
        The two-sided interval.
    p_value : float
        That the truth is 0, two-sided unless the function says otherwise.
    confidence : float
        Of the interval, between 0 and 1.
    """

    value: float
    error: float
    freedom: float
    low: float
    high: float
    p_value: float
    confidence: float


@dataclass(frozen=True)
class Ratio:
    """A ratio of two estimates and the set of ratios that the data do not contradict.

    Parameters
    ----------
    value : float
        Top over bottom.
    low, high : float
        Ends of the set.
    kind : str
        "bounded": from low to high. "outside": up to low, and from high on (low may be -inf or high inf where one of
        the two pieces is empty). "everything": the bottom may be 0 and nothing is excluded.
    p_value : float
        That the ratio's top is 0.
    confidence : float
    """

    value: float
    low: float
    high: float
    kind: Literal["bounded", "outside", "everything"]
    p_value: float
    confidence: float

    def holds(self, ratio: float) -> bool:
        """Return whether a ratio is in the set."""
        if self.kind == "everything":
            return True
        if self.kind == "outside":
            return ratio <= self.low or ratio >= self.high
        return self.low <= ratio <= self.high


def check_confidence(confidence: float) -> None:
    """Refuse a level that is none (ValueError)."""
    if not 0 < confidence < 1:
        raise ValueError(f"Confidence must lie between 0 and 1, like 0.95, not {confidence!r}.")


def critical(freedom: float, confidence: float) -> float:
    """Return the two-sided critical value of Student's t, or of the normal where `freedom` is infinite."""
    check_confidence(confidence)
    if not freedom > 0:
        raise ValueError(f"Degrees of freedom must be positive, not {freedom!r}.")
    side = (1 - confidence) / 2
    return -float(ndtri(side)) if freedom == inf else -float(stdtrit(freedom, side))


def tail(statistic: float, freedom: float) -> float:
    """Return the probability above a statistic, without losing small ones to 1 - cdf."""
    return float(ndtr(-statistic)) if freedom == inf else float(stdtr(freedom, -statistic))


def satterthwaite(parts: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the variance of a sum of independent estimates and its degrees of freedom.

    Parameters
    ----------
    parts : sequence of (variance, freedom)
        Of each estimate. If no variance is positive the freedom is infinite.

    Notes
    -----
    Satterthwaite (1946), Biometrics Bulletin 2:110-114, eq. 1 and 17.
    """
    variance, freedom = np.array(parts, float).T
    total = float(variance.sum())
    if total <= 0:
        return 0.0, inf
    share = variance / total
    return total, float(1 / np.sum(share**2 / freedom))


def estimate(value: float, error: float, freedom: float, confidence: float = 0.95) -> Estimate:
    """Return an estimate with its two-sided t interval and p-value.

    Raises
    ------
    ValueError
        If the value is not finite or the error is not positive.
    """
    if not isfinite(value) or not isfinite(error) or error <= 0:
        raise ValueError(
            f"An estimate needs a finite value and a positive error, not {value!r} and {error!r}: what does "
            "not vary has no interval."
        )
    half = critical(freedom, confidence) * error
    p = 2 * tail(abs(value / error), freedom)
    return Estimate(
        float(value), float(error), float(freedom), value - half, value + half, min(p, 1.0), confidence
    )


def _spread(control: Moments, treated: Moments, metric: str, scale: float = 1.0) -> tuple[float, float]:
    """Return the variance of treated mean - scale * control mean, and its freedom; refuse a constant."""
    variance, freedom = satterthwaite(
        [
            (treated.var(metric) / treated.n, treated.n - 1),
            (scale**2 * control.var(metric) / control.n, control.n - 1),
        ]
    )
    if variance <= 0:
        raise ValueError(
            f"`{metric}` does not vary in either group, so nothing can be said about its difference: choose a metric "
            "that varies (or sum it as decimals, if float sums have lost its digits)."
        )
    return variance, freedom


def difference(control: Moments, treated: Moments, metric: str, confidence: float = 0.95) -> Estimate:
    """Return the difference of means, treated less control, by Welch's test.

    Parameters
    ----------
    control, treated : Moments
        Of the randomised units.
    metric : str
    confidence : float

    Raises
    ------
    ValueError
        If a group has fewer than 2 units or the metric is constant in both.

    Notes
    -----
    Welch (1947), Biometrika 34:28-35; freedom by Satterthwaite (1946).
    """
    variance, freedom = _spread(control, treated, metric)
    return estimate(treated.mean_of(metric) - control.mean_of(metric), sqrt(variance), freedom, confidence)


def proportions(
    control_hits: int, control_n: int, treated_hits: int, treated_n: int, confidence: float = 0.95
) -> Estimate:
    """Return the difference of two shares, treated less control.

    Returns
    -------
    Estimate
        The p-value is that of the pooled z test (the null's own variance); error and interval are unpooled, as they
        must hold away from the null. So interval and p-value can disagree within a hair of the level.

    Raises
    ------
    ValueError
        If hits are not between 0 and n, a group is empty, all units or none are hits, or an interval has no width.

    Notes
    -----
    Fleiss, Levin and Paik (2003), Statistical Methods for Rates and Proportions, eq. 3.5 and 3.10, uncorrected.
    """
    for hits, n in ((control_hits, control_n), (treated_hits, treated_n)):
        if not (n >= 1 and 0 <= hits <= n):
            raise ValueError(f"A share needs at least one unit and between 0 and n hits, not {hits} of {n}.")
    pooled = (control_hits + treated_hits) / (control_n + treated_n)
    a, b = control_hits / control_n, treated_hits / treated_n
    null = pooled * (1 - pooled) * (1 / control_n + 1 / treated_n)
    variance = a * (1 - a) / control_n + b * (1 - b) / treated_n
    if null <= 0 or variance <= 0:
        raise ValueError(
            "Each group is all hits or none, so their difference has no interval: wait for more units."
        )
    found = estimate(b - a, sqrt(variance), inf, confidence)
    p = min(2 * tail(abs((b - a) / sqrt(null)), inf), 1.0)
    return Estimate(found.value, found.error, inf, found.low, found.high, p, confidence)


def _ratio(group: Moments, numerator: str, denominator: str) -> tuple[float, float]:
    """Return a group's ratio of means and its variance, linearised at the unit."""
    bottom = group.mean_of(denominator)
    if bottom == 0:
        raise ValueError(f"`{denominator}` has a mean of 0 in a group: a ratio to it does not exist there.")
    value = group.mean_of(numerator) / bottom
    spread = (
        group.var(numerator)
        - 2 * value * group.cov(numerator, denominator)
        + value**2 * group.var(denominator)
    )
    scale = group.var(numerator) + value**2 * group.var(denominator)
    return value, (spread / bottom**2 / group.n if spread > 1e-13 * scale else 0.0)


def ratio(group: Moments, numerator: str, denominator: str, confidence: float = 0.95) -> Estimate:
    """Return a ratio of means of one group, such as pages a visit from each person's pages and visits.

    The unit is the person, however many visits: the interval is as right as one robust to clusters.

    Raises
    ------
    ValueError
        If the denominator's mean is 0, there are fewer than 2 units, or the ratio does not vary.

    Notes
    -----
    Delta method; Student's t with n - 1. Cochran (1977), Sampling Techniques, eq. 2.39.
    """
    value, variance = _ratio(group, numerator, denominator)
    if variance <= 0:
        raise ValueError(
            f"`{numerator}` per `{denominator}` is the same for every unit: there is no interval."
        )
    return estimate(value, sqrt(variance), group.n - 1, confidence)


def _ratios(
    control: Moments, treated: Moments, numerator: str, denominator: str
) -> tuple[float, float, float, float, float]:
    """Return both ratios, the variance of the control's and of the difference, and its freedom."""
    (a, var_a), (b, var_b) = (_ratio(g, numerator, denominator) for g in (control, treated))
    variance, freedom = satterthwaite([(var_a, control.n - 1), (var_b, treated.n - 1)])
    if variance <= 0:
        raise ValueError(
            f"`{numerator}` per `{denominator}` is the same for every unit, so there is nothing to estimate: "
            "choose a ratio that varies."
        )
    return a, b, var_a, variance, freedom


def ratio_difference(
    control: Moments, treated: Moments, numerator: str, denominator: str, confidence: float = 0.95
) -> Estimate:
    """Return the difference of two ratios of means (spend per visit, say), treated less control.

    The unit is the randomised one, however many events it has: the interval is as right as one robust to clusters.

    Raises
    ------
    ValueError
        If a denominator's mean is 0, a group has fewer than 2 units, or the ratio does not vary.

    Notes
    -----
    Delta method: Deng, Knoblich and Lu (2018), KDD, eq. 3; freedom by Satterthwaite over units.
    """
    a, b, _, variance, freedom = _ratios(control, treated, numerator, denominator)
    return estimate(b - a, sqrt(variance), freedom, confidence)


def fieller(
    top: float,
    bottom: float,
    var_top: float,
    var_bottom: float,
    cov: float,
    freedom: float = inf,
    confidence: float = 0.95,
) -> Ratio:
    """Return the ratio of two estimates with Fieller's confidence set.

    Parameters
    ----------
    top, bottom : float
        Two estimates, jointly normal.
    var_top, var_bottom, cov : float
        Their variances and covariance.
    freedom : float
        Of Student's t; infinite for the normal.
    confidence : float

    Returns
    -------
    Ratio
        All r for which top - r * bottom is not significantly different from 0. The p-value is below 1 - confidence
        exactly when 0 is not in the set; so a bounded interval never contradicts the test of the top.

    Raises
    ------
    ValueError
        If a number is missing, `var_top` is not positive, the bottom is 0, or no data can have these (co)variances.

    Notes
    -----
    Fieller (1954), JRSS B 16:175-185; the discriminant is expanded, so that no digits cancel.
    """
    if not all(isfinite(x) for x in (top, bottom, var_top, var_bottom, cov)):
        raise ValueError("A ratio needs finite estimates, variances and covariance.")
    if var_top <= 0 or var_bottom < 0 or cov**2 > var_top * var_bottom * (1 + 1e-9):
        raise ValueError(
            "A ratio needs a top that varies, no negative variance, and a covariance within their bounds."
        )
    if bottom == 0:
        raise ValueError(
            "The ratio's bottom is 0, so the ratio does not exist: report the difference instead."
        )
    q2 = critical(freedom, confidence) ** 2
    # The set: a r^2 - 2 b r + c <= 0
    a, b, c = bottom**2 - q2 * var_bottom, top * bottom - q2 * cov, top**2 - q2 * var_top
    joint = max(var_top * var_bottom - cov**2, 0.0)
    inner = var_top * bottom**2 - 2 * cov * top * bottom + var_bottom * top**2 - q2 * joint
    p = min(2 * tail(abs(top) / sqrt(var_top), freedom), 1.0)
    low, high, kind = _fieller_set(a, b, c, q2 * inner)
    return Ratio(top / bottom, low, high, kind, p, confidence)


def _fieller_set(
    a: float, b: float, c: float, discriminant: float
) -> tuple[float, float, Literal["bounded", "outside", "everything"]]:
    """Return where a r^2 - 2 b r + c <= 0, given b^2 - a c."""
    if a > 0:
        low, high = _roots(a, b, c, max(discriminant, 0.0))
        return low, high, "bounded"
    if a == 0 and b != 0:  # one piece of the two is empty
        edge = c / (2 * b)
        return (-inf, edge, "outside") if b > 0 else (edge, inf, "outside")
    if a == 0 or discriminant <= 0:
        return -inf, inf, "everything"
    low, high = _roots(a, b, c, discriminant)
    return low, high, "outside"


def _roots(a: float, b: float, c: float, discriminant: float) -> tuple[float, float]:
    """Return both roots, sorted, each by the formula that adds what has one sign."""
    far = b + sqrt(discriminant) if b >= 0 else b - sqrt(discriminant)
    first = far / a
    second = c / far if far else first
    return min(first, second), max(first, second)


def lift(control: Moments, treated: Moments, metric: str, confidence: float = 0.95) -> Ratio:
    """Return the relative difference of means: (treated - control) / control.

    Returns
    -------
    Ratio
        By Fieller, with Welch's freedom: its p-value is that of `difference`, and its interval agrees with it.

    Raises
    ------
    ValueError
        As `difference`, and if the control's mean is 0.
    """
    variance, freedom = _spread(control, treated, metric)
    base = control.mean_of(metric)
    _needs_base(base, metric)
    own = control.var(metric) / control.n
    return fieller(treated.mean_of(metric) - base, base, variance, own, -own, freedom, confidence)


def _needs_base(base: float, what: str) -> None:
    if base == 0:
        raise ValueError(
            f"The control's mean of `{what}` is 0, so a lift does not exist: report the difference instead."
        )


def ratio_lift(
    control: Moments, treated: Moments, numerator: str, denominator: str, confidence: float = 0.95
) -> Ratio:
    """Return the relative difference of two ratios of means, by Fieller; it agrees with `ratio_difference`.

    Raises
    ------
    ValueError
        As `ratio_difference`, and if the control's ratio is 0.
    """
    a, b, own, variance, freedom = _ratios(control, treated, numerator, denominator)
    _needs_base(a, f"{numerator} per {denominator}")
    return fieller(b - a, a, variance, own, -own, freedom, confidence)


def ratio_of_differences(
    control: Moments, treated: Moments, top: str, bottom: str, confidence: float = 0.95
) -> Ratio:
    """Return one metric's difference over another's: incremental profit per unit of promotion cost, say.

    The covariance of both metrics within each arm counts. Freedom is that of the top, so that the p-value is its
    `difference`'s. A bottom known without error is one that varies in neither group.

    Raises
    ------
    ValueError
        As `difference` of the top, and if the bottom's difference is 0.

    Notes
    -----
    Fieller (1954); in health economics the incremental cost-effectiveness ratio, Willan and O'Brien (1996),
    Health Economics 5:297-305.
    """
    variance, freedom = _spread(control, treated, top)
    values = [treated.mean_of(m) - control.mean_of(m) for m in (top, bottom)]
    if values[1] == 0:
        raise ValueError(f"`{bottom}` is equal in both groups, so nothing can be said per unit of it.")
    own = treated.var(bottom) / treated.n + control.var(bottom) / control.n
    both = treated.cov(top, bottom) / treated.n + control.cov(top, bottom) / control.n
    return fieller(values[0], values[1], variance, own, both, freedom, confidence)


def not_worse(
    control: Moments,
    treated: Moments,
    metric: str,
    margin: float,
    direction: Literal["increase", "decrease"] = "increase",
    confidence: float = 0.95,
) -> Estimate:
    """Return by how much a metric stays within the margin of being not worse than the control.

    Parameters
    ----------
    control, treated : Moments
    metric : str
    margin : float
        What may be lost, as a share of the control's mean; below 1 where more is better.
    direction : str
        "increase" if more is better, "decrease" if less is.
    confidence : float

    Returns
    -------
    Estimate
        Of treated - (1 - margin) * control, or of (1 + margin) * control - treated: positive means within the
        margin. The p-value is **one-sided** (null: at or beyond the margin) and below (1 - confidence) / 2 exactly
        when `low` of the two-sided interval is positive. Linear in both means: no ratio, no approximation.

    Raises
    ------
    ValueError
        As `difference`, and if the margin is out of range or the control's mean not positive.

    Notes
    -----
    Sasabuchi's ratio test: Hauschke, Kieser, Diletti and Burke (1999), Statistics in Medicine 18:93-105, eq. 3.
    """
    more = direction == "increase"
    if direction not in ("increase", "decrease"):
        raise ValueError(f'The direction is "increase" or "decrease", not {direction!r}.')
    if not 0 <= margin < (1 if more else inf):
        raise ValueError(f"A margin is a share of the control's mean, like 0.02, not {margin!r}.")
    base = control.mean_of(metric)
    if base <= 0:
        raise ValueError(f"A relative margin needs a positive control mean; that of `{metric}` is {base:g}.")
    scale, sign = (1 - margin, 1) if more else (1 + margin, -1)
    variance, freedom = _spread(control, treated, metric, scale)
    found = estimate(sign * (treated.mean_of(metric) - scale * base), sqrt(variance), freedom, confidence)
    p = tail(found.value / found.error, freedom)
    return Estimate(found.value, found.error, freedom, found.low, found.high, p, confidence)
