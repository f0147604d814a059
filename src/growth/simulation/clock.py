"""The calendar of the platform: local days, weeks, and the times that are stored.

A day is a whole number, counted from a fixed Monday; draws are keyed by it, so that the same person has the same
luck on the same day however long the simulated period is. Local time is Asia/Shanghai, which has had no daylight
saving time since 1991: eight hours ahead of UTC throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from growth.simulation.rng import Ints

EPOCH = date(2020, 12, 28)  # a Monday; day 0
START = date(2023, 7, 1)
END = date(2026, 1, 1)  # as_of: nothing from this local midnight on is known
MONTHS = 30
LONGEST = 60  # months, back to the first month after EPOCH
TIMEZONE, CURRENCY = "Asia/Shanghai", "CNY"
DAY = 86_400  # seconds
_UTC_OFFSET = 8 * 3600
_UNIX = (EPOCH - date(1970, 1, 1)).days


def day_of(when: date) -> int:
    """Return the number of a day."""
    return (when - EPOCH).days


def date_of(day: int) -> date:
    """Return the date of a day."""
    return EPOCH + timedelta(days=int(day))


def month_shift(when: date, months: int) -> date:
    """Return the first day of the month that lies some months after a first day of a month."""
    at = when.year * 12 + when.month - 1 + months
    return date(at // 12, at % 12 + 1, 1)


def utc_micros(seconds: Any) -> Ints:
    """Turn local seconds since EPOCH into UTC microseconds since 1970."""
    return (np.asarray(seconds, dtype=np.int64) + (_UNIX * DAY - _UTC_OFFSET)) * 1_000_000


def unix_days(day: Any) -> Ints:
    """Turn day numbers into days since 1970 (Arrow's dates)."""
    return np.asarray(day, dtype=np.int64) + _UNIX


@dataclass(frozen=True)
class Span:
    """The simulated days, ``first <= day < last``; ``now`` is the day from which on a forward run runs."""

    first: int
    last: int
    now: int

    @classmethod
    def of(cls, months: int, horizon: int | None) -> Span:
        """Return the span of the last `months` months, and `horizon` more if that is given."""
        if not 1 <= months <= LONGEST:
            raise ValueError(f"months must be 1 to {LONGEST}, not {months}")
        last = month_shift(END, horizon or 0)
        return cls(day_of(month_shift(END, -months)), day_of(last), day_of(END))

    @property
    def days(self) -> Ints:
        """Return all days."""
        return np.arange(self.first, self.last, dtype=np.int64)

    @property
    def weeks(self) -> range:
        """Return the weeks (Monday to Sunday, numbered from EPOCH) that the span touches."""
        return range(self.first // 7, (self.last - 1) // 7 + 1)

    @property
    def end_second(self) -> int:
        """Return the first local second after the span."""
        return self.last * DAY
