"""A ratio of means within one group."""

from __future__ import annotations

from math import sqrt

from growth.stats.contrast import Estimate, _ratio, estimate
from growth.stats.moments import Moments


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
