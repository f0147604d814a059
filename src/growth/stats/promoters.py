"""Net promoters: those who would surely recommend less those who would not, with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt

from growth.stats.contrast import check_confidence, critical
from growth.stats.proportions import wilson

PROMOTER, DETRACTOR = 9, 6  # of 0 to 10: from this on, up to this


@dataclass(frozen=True)
class NetPromoters:
    """Points between -100 and 100.

    Parameters
    ----------
    value, error, low, high : float
    promoters, detractors, people : int
    """

    value: float
    error: float
    low: float
    high: float
    promoters: int
    detractors: int
    people: int


def net_promoters(promoters: int, detractors: int, people: int, confidence: float = 0.95) -> NetPromoters:
    """Return 100 times the difference of the shares of promoters and of detractors.

    Parameters
    ----------
    promoters, detractors, people : int
        Those who say `PROMOTER` or more, `DETRACTOR` or less, and all who answered.
    confidence : float

    Raises
    ------
    ValueError
        If nobody answered, or counts do not fit together.

    Notes
    -----
    The two shares exclude each other: the variance is (p + d - (p - d)²) / n, not p(1 - p) / n + d(1 - d) / n
    (Goodman 1965, Technometrics 7:247-254). Where all are of one kind it is 0, which no sample shows: then Wilson's
    limit of that kind stands, with the worst (or the best) of the others.
    """
    check_confidence(confidence)
    if people < 1:
        raise ValueError("Nobody has answered whether they would recommend.")
    if min(promoters, detractors) < 0 or promoters + detractors > people:
        raise ValueError("Promoters and detractors must be counts that do not exceed those who answered.")
    p, d = promoters / people, detractors / people
    value, error = p - d, sqrt(max(p + d - (p - d) ** 2, 0.0) / people)
    low, high = (value + s * critical(inf, confidence) * error for s in (-1, 1))
    if error == 0:
        sure = float(wilson(people, people, confidence)[0])
        low = 2 * sure - 1 if p else -1.0 if d else sure - 1
        high = 1.0 if p else 1 - 2 * sure if d else 1 - sure
    ends = (max(low, -1.0), min(high, 1.0))
    return NetPromoters(100 * value, 100 * error, 100 * ends[0], 100 * ends[1], promoters, detractors, people)
