"""The mart of snapshots: each customer on past days, with what was known then and what came after."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import ibis
from ibis import _

from growth.definitions import Tables, first_record, visits
from growth.retention.worth_marts import purchase_days

if TYPE_CHECKING:
    from ibis.expr.types import Table as Rows

HORIZON = 91  # days: a quarter
SNAPSHOTS = 6  # past days, a quarter apart, and the day after the data
RECENT = (91, 182)
CENTS = "decimal(18, 4)"


def snapshot_days(as_of: dt.date) -> list[dt.date]:
    """Return the days of the snapshots, the newest (``as_of`` itself) first."""
    return [as_of - dt.timedelta(days=HORIZON * k) for k in range(SNAPSHOTS + 1)]


def snapshots(tables: Tables) -> Rows:
    """Return a row a customer and snapshot, of customers who had bought before it.

    Columns: ``customer_id, at, recency`` (days since the last purchase day), ``tenure`` (since the first), ``bought``
    (purchase days), ``spent``, ``bought_91, bought_182, visits_28, visits_91`` (null without sessions), ``channel``,
    all from before ``at``; ``again`` and ``came`` (purchase days and money in the `HORIZON` days from ``at`` on; null
    where they are not over).
    """
    days = purchase_days(tables)
    at = ibis.memtable({"at": snapshot_days(dt.date.fromisoformat(tables.info.as_of))})
    at = at.select(at=at["at"].cast("date"))
    before = _ages(days, at, days.date < at["at"])
    nothing = ibis.literal(0).cast(CENTS)
    found = before.group_by("customer_id", "at").agg(
        recency=_.age.min(),
        tenure=_.age.max(),
        bought=_.count().cast("int64"),
        spent=_.amount.sum().cast("decimal(38, 4)"),
        **{f"bought_{d}": (before.age <= d).cast("int64").sum().cast("int64") for d in RECENT},
    )
    after = _ages(days, at, (days.date >= at["at"]) & (days.date < _end(at)))
    after = after.group_by(who="customer_id", then="at").agg(
        again=_.count().cast("int64"), came=_.amount.sum().cast(CENTS)
    )
    both = found.left_join(after, (found.customer_id == after.who) & (found["at"] == after.then))
    over = both["at"] < ibis.date(tables.info.as_of)
    both = both.mutate(
        again=ibis.ifelse(over, ibis.coalesce(both.again, 0), None),
        came=ibis.ifelse(over, ibis.coalesce(both.came, nothing), None),
    ).drop("who", "then")
    both = _with_visits(tables, both, at)
    return _with_channel(tables, both)


def _end(at: Rows) -> ibis.Value:
    return (at["at"] + ibis.interval(days=HORIZON)).cast("date")


def _ages(rows: Rows, at: Rows, when: ibis.Value) -> Rows:
    """Return rows joined to the snapshots for which `when` holds, with ``age``: days from the row's date to it."""
    both = rows.inner_join(at, when)
    return both.mutate(age=both["at"].delta(both.date, unit="day").cast("int64"))


def _with_visits(tables: Tables, rows: Rows, at: Rows) -> Rows:
    none = ibis.null("int64")
    if "sessions" not in tables or "visitors" not in tables:
        return rows.mutate(visits_28=none, visits_91=none)
    seen = visits(tables).filter(_.customer_id.notnull()).select("customer_id", "date")
    since = (at["at"] - ibis.interval(days=91)).cast("date")
    near = _ages(seen, at, (seen.date < at["at"]) & (seen.date >= since))
    near = near.group_by(visitor="customer_id", then="at").agg(
        visits_28=(near.age <= 28).cast("int64").sum().cast("int64"), visits_91=_.count().cast("int64")
    )
    both = rows.left_join(near, (rows.customer_id == near.visitor) & (rows["at"] == near.then))
    counted = {c: ibis.coalesce(both[c], 0).cast("int64") for c in ("visits_28", "visits_91")}
    return both.mutate(**counted).drop("visitor", "then")


def _with_channel(tables: Tables, rows: Rows) -> Rows:
    if "customers" not in tables:
        return rows.mutate(channel=ibis.null("string"))
    c = first_record(tables["customers"], ("customer_id",)).select(
        person=_.customer_id, channel=_.acquisition_channel
    )
    return rows.left_join(c, rows.customer_id == c.person).drop("person")
