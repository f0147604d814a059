"""Marts of how long it takes: to the second purchase, and to the end of a membership; as counts of equal spells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
from ibis import _

from growth.definitions import Tables, first_record
from growth.retention.worth_marts import purchase_days

if TYPE_CHECKING:
    from ibis.expr.types import Table as Rows

SEGMENTS = ("acquisition_channel", "city_tier", "gender")


def second_purchase(tables: Tables) -> Rows:
    """Count customers by days from the first purchase day to the second, or to the last known day without one.

    Columns: `SEGMENTS` (null where not known), ``cohort`` (first of the month of the first purchase), ``days, again,
    customers``.
    """
    days = purchase_days(tables)
    own = ibis.window(group_by="customer_id", order_by="date")
    days = days.mutate(nth=ibis.row_number().over(own), following=days.date.lead().over(own))
    first = days.filter(_.nth == 0)
    end = ibis.date(tables.info.as_of)
    waited = ibis.ifelse(
        first.following.notnull(),
        first.following.delta(first.date, unit="day"),
        end.delta(first.date, unit="day") - 1,
    )
    rows = first.select(
        "customer_id",
        cohort=first.date.truncate("M"),
        days=waited.cast("int64"),
        again=first.following.notnull(),
    )
    rows = _with_segments(tables, rows)
    return rows.group_by(*SEGMENTS, "cohort", "days", "again").agg(customers=_.count().cast("int64"))


def _with_segments(tables: Tables, rows: Rows) -> Rows:
    """Add `SEGMENTS`, null where the tables do not know them."""
    none = ibis.null("string")
    found = dict.fromkeys(SEGMENTS, none)
    if "customers" in tables:
        c = first_record(tables["customers"], ("customer_id",))
        c = c.select("region", who=_.customer_id, by=_.acquisition_channel, sex=_.gender)
        rows = rows.left_join(c, rows.customer_id == c.who)
        found |= dict(acquisition_channel=rows.by, gender=rows.sex)
        if "regions" in tables:
            r = first_record(tables["regions"], ("region",)).select(place=_.region, size=_.tier)
            rows = rows.left_join(r, rows.region == r.place)
            found |= dict(acquisition_channel=rows.by, gender=rows.sex, city_tier=rows.size)
    return rows.mutate(**found)


def stays(tables: Tables) -> Rows:
    """Count memberships by program, the tier they began with, days until they ended or until now, and whether they did.

    Columns: ``program, tier, days, ended, customers``; a customer's records of one program are one stay, from the first
    to the last, which has not ended where one is open.
    """
    m = tables["memberships"]
    order = ibis.window(group_by=("customer_id", "program"), order_by=("valid_from", "record_id"))
    m = m.mutate(nth=ibis.row_number().over(order))
    each = m.group_by("customer_id", "program").agg(
        since=_.valid_from.min(),
        until=_.valid_to.max(),
        still=_.valid_to.isnull().any(),
        tier=_.tier.max(where=_.nth == 0),
    )
    end = ibis.timestamp(f"{tables.info.as_of} 00:00:00")
    each = each.mutate(ended=~each.still, until=ibis.ifelse(each.still, end, each.until))
    each = each.mutate(days=each.until.date().delta(each.since.date(), unit="day").cast("int64"))
    return each.group_by("program", "tier", "days", "ended").agg(customers=_.count().cast("int64"))


def goodbyes(tables: Tables) -> Rows:
    """Count customers by days from sign-up to closing the account, with the reason stated, or to now.

    Columns: ``closed`` (whether), ``reason`` (null: none stated, or still there), ``days, customers``. An account that
    is closed before it was opened is left out.
    """
    c = first_record(tables["customers"], ("customer_id",)).filter(_.signed_up_at.notnull())
    d = first_record(tables["departures"], ("customer_id",)).select("reason", who=_.customer_id, left=_["at"])
    both = c.select("customer_id", "signed_up_at").left_join(d, c.customer_id == d.who)
    end = ibis.coalesce(both.left, ibis.timestamp(f"{tables.info.as_of} 00:00:00"))
    both = both.mutate(
        closed=both.left.notnull(), days=end.date().delta(both.signed_up_at.date(), unit="day").cast("int64")
    )
    known = both.filter(_.days >= 0)
    return known.group_by("closed", "reason", "days").agg(customers=_.count().cast("int64"))
