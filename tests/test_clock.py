"""Time zones against zoneinfo, hour by hour, over both changes of the clock."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import ibis
import pyarrow as pa
import pytest

from growth import clock
from growth.errors import UserError


def hours(start: str, n: int) -> list[dt.datetime]:
    first = dt.datetime.fromisoformat(start)
    return [first + dt.timedelta(minutes=30 * i) for i in range(n)]


@pytest.mark.parametrize(
    "zone", ["Europe/London", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "UTC"]
)
@pytest.mark.parametrize(
    "start", ["2011-03-12", "2011-03-26", "2011-04-02", "2011-10-01", "2011-10-29", "2011-11-05"]
)
def test_equals_zoneinfo_both_ways(zone: str, start: str) -> None:
    moments = hours(start, 100)
    rows = ibis.memtable(pa.table({"at": pa.array(moments, pa.timestamp("us"))}))
    found = rows.select(
        "at", local=clock.to_local(rows.at, zone, (2010, 2012)), utc=clock.to_utc(rows.at, zone, (2010, 2012))
    ).order_by("at")
    gaps = rows.select("at", gap=clock.never_was(rows.at, zone, (2010, 2012))).order_by("at").to_pyarrow()
    tz = ZoneInfo(zone)
    for row, gap in zip(found.to_pyarrow().to_pylist(), gaps["gap"].to_pylist(), strict=True):
        back = row["at"].replace(tzinfo=tz).astimezone(dt.UTC).astimezone(tz).replace(tzinfo=None)
        assert gap == (back != row["at"])
    for row in found.to_pyarrow().to_pylist():
        at = row["at"]
        assert row["local"] == at.replace(tzinfo=dt.UTC).astimezone(tz).replace(tzinfo=None)
        assert row["utc"] == at.replace(tzinfo=tz).astimezone(dt.UTC).replace(tzinfo=None)


def test_start_of_day_knows_summer_time() -> None:
    assert clock.start_of_day("2011-07-01", "Europe/London") == dt.datetime(2011, 6, 30, 23)
    assert clock.start_of_day("2026-01-01", "Asia/Shanghai") == dt.datetime(2025, 12, 31, 16)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "Europe"])
def test_unknown_zone_is_one_sentence(name: str) -> None:
    with pytest.raises(UserError, match="no time zone"):
        clock.zone(name)
