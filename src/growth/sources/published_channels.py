"""Published data of channels: a table of paths, a test in two cities, and weeks of spend whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
from ibis import _

from growth.sources.base import Dataset, Published, Reading, numbered

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

CHANNEL_PATHS = Published(
    Dataset(
        name="channel_paths",
        title="Channel paths: 10,000 rows of paths of twelve channels, with conversions, value and nulls",
        # The file has neither dates nor a currency: both are our choice.
        as_of="2020-01-01",
        timezone="UTC",
        currency="USD",
        public=True,
        licence="GPL-3.0-or-later",
        origin="dataset PathData of the R package ChannelAttribution, as its file Data.csv",
    ),
    {"Data.csv": "ebf235abf93a7fe0d1918a61ad30cfe39f4ef3fe2ed73784ced25b9120c3138d"},
)
GEOLIFT = Published(
    Dataset(
        name="geolift",
        title="GeoLift's walkthrough: outcomes of 40 cities by day, a campaign in chicago and portland, days 91 to 105",
        as_of="2021-04-16",
        # Days are whole and the cities' own; an outcome is a number without a currency.
        timezone="UTC",
        currency="USD",
        public=True,
        licence="MIT",
        origin="dataset GeoLift_Test of the R package GeoLift (Meta)",
    ),
    {"geolift_test.csv": "7ca784f8e9cadf235e75844a14398875357d27eb01f2672c12d02c0e8c23f57b"},
)
GEO_TEST = "geolift walkthrough"
GEO_STARTS, GEO_ENDS = "2021-04-01", "2021-04-16"  # day 91, and the day after day 105
GEO_SHOWN = ("chicago", "portland")

MMM_EXAMPLE = Published(
    Dataset(
        name="mmm_example",
        title="PyMC-Marketing's media mix example: 179 weeks of sales and of spend on two channels, made up",
        as_of="2021-09-06",  # the day after the last week
        timezone="UTC",
        currency="USD",
        public=True,
        licence="Apache-2.0",
        origin="mmm_example.csv of PyMC-Marketing, generated with known carry-over, saturation and shares",
    ),
    {"mmm_example.csv": "3cc3b9936f0501acbe0eea4a3c409f3d2d6c1d32cc85f1a1e55b474af953d93b"},
)
MMM_CHANNELS, MMM_EVENTS = ("x1", "x2"), ("event_1", "event_2")

_ORIGIN = dict(_file=_._file, _row=_._row, _copy=_._copy)
_FIRST = dict(
    _file=_._file.min(), _row=_._row.min(), _copy=ibis.literal(0, "int64"), _derived=ibis.literal(True)
)


def _read_paths(con: Backend, raw: Path) -> Reading:
    """Make a row of `paths` of each row; the file has no day, so ``as_of`` is one of our choice.

    A path may stand on several rows, 522 of them equal to an earlier one: sums of different people, all of which count.
    """
    rows = numbered(con, raw / "Data.parquet")
    found = rows.select(
        path=_.path, conversions=_.total_conversions, value=_.total_conversion_value, nulls=_.total_null, **_ORIGIN
    )  # fmt: skip
    return Reading({"Data.csv": int(rows.count().execute())}, {"paths": found})


def _read_geolift(con: Backend, raw: Path) -> Reading:
    """Make an outcome of each city and day; the test is that of the package's walkthrough, not of the file.

    Nobody was kept from what had run before: chicago and portland were *shown more*, a campaign that the 38 other
    cities were kept from. So its kind is ``holdout`` (of that campaign), and those others are the control, as in every
    test of a channel here. The channel is not named, so there is no scope; shares planned are those there were.
    """
    rows = numbered(con, raw / "geolift_test.parquet")
    arm = ibis.ifelse(rows.location.isin(GEO_SHOWN), "test", "control")
    rows = rows.mutate(experiment_id=ibis.literal(GEO_TEST), region=rows.location, arm=arm)
    test = rows.group_by("experiment_id").agg(**_FIRST)
    test = test.mutate(
        name=ibis.literal("Campaign in chicago and portland"), kind=ibis.literal("holdout"),
        unit=ibis.literal("region"), starts_on=ibis.date(GEO_STARTS), ends_on=ibis.date(GEO_ENDS),
    )  # fmt: skip
    arms = rows.group_by("experiment_id", "arm").agg(**_FIRST)
    arms = arms.mutate(
        control=_.arm == "control", planned_share=ibis.ifelse(_.arm == "control", 38 / 40, 2 / 40)
    )
    return Reading(
        {"geolift_test.csv": int(rows.count().execute())},
        {
            "regions": rows.group_by("region").agg(**_FIRST),
            "outcomes": rows.select("region", "date", value=_.Y, **_ORIGIN),
            "experiments": test,
            "experiment_arms": arms,
            "assignments": rows.group_by("experiment_id", "region", "arm").agg(**_FIRST),
        },
    )


def _read_mmm(con: Backend, raw: Path) -> Reading:
    """Make of each week an outcome and the spend of two channels, of all regions together; events are promotions.

    Spend is that of the file, numbers from 0 to 1, taken as money: rounded to 4 decimals, by .00005 at most. No factor
    is needed: the rounding moves the fitted share of x1 in the outcome by .000003 and that of x2 by less.
    ``dayofyear`` and ``t`` are the date once more.
    """
    rows = numbered(con, raw / "mmm_example.parquet")
    rows = rows.mutate(date=rows.date_week.as_date("%m/%d/%Y"))
    spent = [
        rows.select(
            "date", channel=ibis.literal(name), cost=rows[name], **_ORIGIN, _part=ibis.literal(part, "int64"),
            _derived=ibis.literal(True),
        )
        for part, name in enumerate(MMM_CHANNELS)
    ]  # fmt: skip
    events = [
        rows.filter(rows[name] == "1").select(
            promotion_id=ibis.literal(name), type=ibis.literal("event"), starts_on=_.date,
            ends_on=(_.date + ibis.interval(days=7)).cast("date"), **_ORIGIN, _part=ibis.literal(part, "int64"),
            _derived=ibis.literal(True),
        )
        for part, name in enumerate(MMM_EVENTS)
    ]  # fmt: skip
    return Reading(
        {"mmm_example.csv": int(rows.count().execute())},
        {
            "outcomes": rows.select("date", value=_.y, **_ORIGIN),
            "spend": ibis.union(*spent),
            "promotions": ibis.union(*events),
        },
    )


PUBLISHED = (CHANNEL_PATHS, GEOLIFT, MMM_EXAMPLE)
READERS: dict[str, Any] = {
    "channel_paths": _read_paths,
    "geolift": _read_geolift,
    "mmm_example": _read_mmm,
}
