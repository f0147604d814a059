"""Time zones as plain conditions, so that every engine agrees: local time to UTC, UTC to the business date.

The transitions come from the pinned ``tzdata`` package, never from the system.
"""

from __future__ import annotations

import datetime as dt
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

import ibis
from ibis.expr.types import BooleanValue, DateValue, TimestampValue

from growth.errors import UserError


def zone(name: str) -> ZoneInfo:
    """Return a time zone of the pinned database.

    Raises
    ------
    UserError
        If there is no zone of that name.
    """
    parts = name.split("/")
    package = ".".join(["tzdata", "zoneinfo", *parts[:-1]])
    try:
        with resources.files(package).joinpath(parts[-1]).open("rb") as file:
            return ZoneInfo.from_file(file, key=name)
    except (ModuleNotFoundError, OSError, ValueError):
        raise UserError(f"There is no time zone {name!r}; use an IANA name such as Asia/Shanghai.") from None


def start_of_day(day: str, name: str) -> dt.datetime:
    """Return the UTC moment (naive) at which an ISO day begins in a zone."""
    local = dt.datetime.fromisoformat(day).replace(tzinfo=zone(name))
    return local.astimezone(dt.UTC).replace(tzinfo=None)


@cache
def offsets(name: str, first: int, last: int) -> list[tuple[dt.datetime, dt.timedelta]]:
    """Return (UTC moment, offset from then on) for the years `first` to `last`, the first pair at the start."""
    tz = zone(name)
    now = dt.datetime(first, 1, 1)
    end = dt.datetime(last + 1, 1, 1)
    found = [(now, _offset(tz, now))]
    while now < end:
        now += dt.timedelta(days=1)
        if _offset(tz, now) != found[-1][1]:
            moment = _bisect(tz, now - dt.timedelta(days=1), now)
            found.append((moment, _offset(tz, moment)))
    return found


def _offset(tz: ZoneInfo, utc: dt.datetime) -> dt.timedelta:
    offset = utc.replace(tzinfo=dt.UTC).astimezone(tz).utcoffset()
    assert offset is not None
    return offset


def _bisect(tz: ZoneInfo, low: dt.datetime, high: dt.datetime) -> dt.datetime:
    """Return the first minute after `low` at which the offset is that at `high`."""
    minute = dt.timedelta(minutes=1)
    while high - low > minute:
        middle = low + ((high - low) // 2 // minute) * minute
        low, high = (low, middle) if _offset(tz, middle) == _offset(tz, high) else (middle, high)
    return high


def to_local(utc: TimestampValue, name: str, years: tuple[int, int]) -> TimestampValue:
    """UTC -> wall clock of the zone; `years` bounds the transitions looked at."""
    table = offsets(name, *years)
    return _shift(utc, [(u, o) for (u, _), (_, o) in zip(table[1:], table[:-1], strict=True)], table[-1][1])


def to_utc(local: TimestampValue, name: str, years: tuple[int, int]) -> TimestampValue:
    """Wall clock of the zone -> UTC.

    An hour that occurs twice is taken as its first occurrence, an hour that does not exist as if the
    clock had not yet changed: Python's ``fold=0``.
    """
    table = offsets(name, *years)
    bounds = [
        (u + max(before, after), -before)
        for (u, after), (_, before) in zip(table[1:], table[:-1], strict=True)
    ]
    return _shift(local, bounds, -table[-1][1])


def never_was(local: TimestampValue, name: str, years: tuple[int, int]) -> BooleanValue:
    """Return whether a wall clock of the zone skipped that moment, as in spring."""
    table = offsets(name, *years)
    skipped = [
        (u + before, u + after)
        for (u, after), (_, before) in zip(table[1:], table[:-1], strict=True)
        if after > before
    ]
    parts = [(local >= ibis.literal(a)) & (local < ibis.literal(b)) for a, b in skipped]
    return ibis.or_(*parts) if parts else local.isnull() & ibis.literal(False)


def _shift(
    moment: TimestampValue, bounds: list[tuple[dt.datetime, dt.timedelta]], last: dt.timedelta
) -> TimestampValue:
    """Add the shift of the first bound that lies after the moment, else `last`."""

    def moved(by: dt.timedelta) -> TimestampValue:
        return moment + ibis.interval(seconds=int(by.total_seconds()))

    if not bounds:
        return moved(last)
    branches = [(moment < ibis.literal(bound), moved(by)) for bound, by in bounds]
    return ibis.cases(*branches, else_=moved(last))


def business_date(utc: TimestampValue, name: str, years: tuple[int, int]) -> DateValue:
    """Return the day of a UTC moment in the dataset's time zone."""
    return to_local(utc, name, years).date()
