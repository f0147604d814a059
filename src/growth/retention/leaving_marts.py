"""Marts of how long it takes: to the second purchase, to the end of a membership, to closing the account.

Counts of equal spells, in business days. A spell whose end lies before its beginning, or whose beginning nobody knows,
has no length: it is counted with ``days`` null, so that nothing is lost and the page can say how many there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
from ibis import _

from growth import clock
from growth.definitions import Tables, first_record, purchases
from growth.retention.rules import BETWEEN, FIRST_CATEGORY, SEGMENTS, WITHIN
from growth.retention.worth_marts import purchase_days

if TYPE_CHECKING:
    from ibis.expr.types import Table as Rows
    from ibis.expr.types import Value


def second_purchase(tables: Tables) -> Rows:
    """Count customers by days from the first purchase day to the second, or to the last known day without one.

    Columns: `SEGMENTS` (null where not known), ``first_category`` (of most money on the first day), ``cohort`` (first
    of the month of the first purchase), ``days, again, customers``.
    """
    days = purchase_days(tables)
    own = ibis.window(group_by="customer_id", order_by="date")
    days = days.mutate(nth=ibis.row_number().over(own), following=days.date.lead().over(own))
    first = days.filter(_.nth == 0)
    waited = ibis.ifelse(
        first.following.notnull(),
        first.following.delta(first.date, unit="day"),
        _now(tables).delta(first.date, unit="day") - 1,
    )
    rows = first.select(
        "customer_id",
        cohort=first.date.truncate("M"),
        days=waited.cast("int64"),
        again=first.following.notnull(),
    )
    rows = _with_category(tables, _with_segments(tables, rows))
    keys = (*SEGMENTS, FIRST_CATEGORY, "cohort", "days", "again")
    return rows.group_by(*keys).agg(customers=_.count().cast("int64"))


def _now(tables: Tables) -> Value:
    return ibis.date(tables.info.as_of)


def _day(moment: Value, tables: Tables) -> Value:
    return clock.business_date(moment, tables.info.timezone, tables.years)


def _length(since: Value, until: Value) -> Value:
    """Return days from one day to another; null if they are in the wrong order or one is not known."""
    days = until.delta(since, unit="day").cast("int64")
    return ibis.ifelse(days >= 0, days, None).cast("int64")


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


def _with_category(tables: Tables, rows: Rows) -> Rows:
    """Add the category on which most was spent on the first purchase day (of equal ones the first by name)."""
    if "products" not in tables:
        return rows.mutate(**{FIRST_CATEGORY: ibis.null("string")})
    p = first_record(tables["products"], ("product_id",)).select("category", thing=_.product_id)
    bought = purchases(tables).filter(_.customer_id.notnull())
    bought = bought.mutate(opening=_.date.min().over(ibis.window(group_by="customer_id")))
    bought = bought.filter(_.date == _.opening)
    bought = bought.inner_join(p, bought.product_id == p.thing).filter(_.category.notnull())
    spent = bought.group_by(who=_.customer_id, category=_.category).agg(amount=_.amount.sum())
    most = ibis.window(group_by="who", order_by=(ibis.desc("amount"), "category"))
    best = spent.mutate(nth=ibis.row_number().over(most)).filter(_.nth == 0).select("who", kind="category")
    rows = rows.drop("who") if "who" in rows.columns else rows
    return rows.left_join(best, rows.customer_id == best.who).mutate(**{FIRST_CATEGORY: _.kind})


def _records(tables: Tables) -> Rows:
    """Return memberships with the business days ``since`` and ``until``; what ends at ``as_of`` or later is open."""
    m = tables["memberships"].mutate(since=_.business_date, over=_day(_.valid_to, tables))
    until = ibis.ifelse(m.over < _now(tables), m.over, None)
    return m.select("customer_id", "program", "tier", "record_id", "since", until=until.cast("date"))


def stays(tables: Tables) -> Rows:
    """Count memberships by program, the tier they began with, days until they ended or until now, and whether they did.

    Columns: ``program, tier, days, ended, customers``; a customer's records of one program are one stay, from the first
    to the last, which has not ended where one is open. ``days`` is null where the last end lies before the beginning.
    """
    order = ibis.window(group_by=("customer_id", "program"), order_by=("since", "record_id"))
    m = _records(tables).mutate(nth=ibis.row_number().over(order))
    each = m.group_by("customer_id", "program").agg(
        since=_.since.min(),
        until=_.until.max(),
        still=_.until.isnull().any(),
        tier=_.tier.max(where=_.nth == 0),
    )
    each = each.mutate(ended=~each.still, until=ibis.ifelse(each.still, _now(tables), each.until))
    each = each.mutate(days=_length(each.since, each.until))
    return each.group_by("program", "tier", "days", "ended").agg(customers=_.count().cast("int64"))


def members(tables: Tables) -> Rows:
    """Count customers by all that was known of their memberships on the first day, and how long they stayed in any.

    Columns: `SEGMENTS`, ``profile`` (each program that began on the customer's first day with its tier then, as
    `growth.retention.leaving_ratios.unpacked` reads it: what came later would leak from the future), ``days, ended,
    customers``.
    """
    order = ibis.window(group_by=("customer_id", "program"), order_by=("since", "record_id"))
    m = _records(tables)
    opening = m.since.min().over(ibis.window(group_by="customer_id"))
    m = m.mutate(nth=ibis.row_number().over(order), opening=opening)
    known = (m.nth == 0) & (m.since == m.opening)
    each = m.group_by("customer_id").agg(
        since=m.since.min(),
        until=m.until.max(),
        still=m.until.isnull().any(),
        profile=(_label(m.program) + WITHIN + _label(m.tier)).group_concat(
            BETWEEN, where=known, order_by=m.program
        ),
    )
    each = each.mutate(ended=~each.still, until=ibis.ifelse(each.still, _now(tables), each.until))
    each = _with_segments(tables, each.mutate(days=_length(each.since, each.until)))
    return each.group_by(*SEGMENTS, "profile", "days", "ended").agg(customers=_.count().cast("int64"))


def _label(text: Value) -> Value:
    return text.replace(WITHIN, " ").replace(BETWEEN, " ")


def goodbyes(tables: Tables) -> Rows:
    """Count customers by days from sign-up to closing the account, with the reason stated, or to now.

    Columns: `SEGMENTS`, ``closed`` (whether), ``reason`` (null: none stated, or still there), ``days, customers``.
    ``days`` is null where the sign-up is not known, or the account was closed before it.
    """
    c = first_record(tables["customers"], ("customer_id",)).select("customer_id", since=_.business_date)
    d = first_record(tables["departures"], ("customer_id",))
    d = d.select("reason", gone=_.customer_id, left=_.business_date)
    both = c.left_join(d, c.customer_id == d.gone)
    both = both.mutate(
        closed=both.left.notnull(), days=_length(both.since, ibis.coalesce(both.left, _now(tables)))
    )
    both = _with_segments(tables, both)
    return both.group_by(*SEGMENTS, "closed", "reason", "days").agg(customers=_.count().cast("int64"))
