"""Marts of ``06_retention``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
from ibis import _

from growth.definitions import Tables, activity, revenue
from growth.marts import Mart

if TYPE_CHECKING:
    from ibis.expr.types import DateValue
    from ibis.expr.types import Table as Rows

CENTS = "decimal(18, 4)"


def period_start(date: DateValue, period: str, week_starts: str) -> DateValue:
    """Return the first day of the month or week that a day lies in."""
    if period == "month":
        return date.truncate("M")
    if week_starts == "monday":
        return date.truncate("W")
    day = ibis.interval(days=1)
    return ((date + day).cast("date").truncate("W") - day).cast("date")


def retention_counts(tables: Tables) -> Rows:
    """Count, per cohort and age, the customers active and their revenue, by month and by week.

    Columns: ``period`` (month, week), ``cohort`` (first day of the period of the first activity), ``age``
    (periods since), ``customers`` (active), ``revenue``. A cell without anybody has no row. Revenue before the first
    activity has a negative age; revenue of people who were never active has a null cohort: nothing is lost.
    """
    parts = [_counts(tables, period) for period in ("month", "week")]
    return ibis.union(*parts)


def _counts(tables: Tables, period: str) -> Rows:
    week = tables.words.week_starts
    active = activity(tables).select(
        "customer_id",
        start=period_start(_.date, period, week),
        active=ibis.literal(1),
        amount=ibis.literal(0).cast(CENTS),
    )
    money = revenue(tables).filter(_.customer_id.notnull())
    money = money.select(
        "customer_id",
        start=period_start(_.date, period, week),
        active=ibis.literal(0).cast("int8"),
        amount=_.amount.cast(CENTS),
    )
    both = ibis.union(active.mutate(active=_.active.cast("int8")), money)
    cells = both.group_by("customer_id", "start").agg(active=_.active.max(), amount=_.amount.sum())
    first = ibis.window(group_by="customer_id")
    cells = cells.mutate(cohort=_.start.min(where=_.active == 1).over(first))
    cells = cells.mutate(age=_periods_between(cells.cohort, cells.start, period))
    return cells.group_by(period=ibis.literal(period), cohort=_.cohort, age=_.age).agg(
        customers=_.active.sum().cast("int64"), revenue=_.amount.sum().cast("decimal(38, 4)")
    )


def _periods_between(first: DateValue, then: DateValue, period: str) -> ibis.Value:
    if period == "month":
        return ((then.year() - first.year()) * 12 + then.month() - first.month()).cast("int64")
    return (then.delta(first, unit="day") // 7).cast("int64")


def recency_frequency(tables: Tables) -> Rows:
    """Count the customers of each pattern (Fader, Hardie and Lee 2005, section 3), in days.

    Columns: ``x`` (active days after the first), ``t_x`` (first to last active day), ``t`` (first active day to
    ``as_of``), ``customers``.
    """
    now = ibis.date(tables.info.as_of)
    each = (
        activity(tables)
        .group_by("customer_id")
        .agg(x=(_.count() - 1).cast("int64"), first=_.date.min(), last=_.date.max())
    )
    each = each.mutate(
        t_x=_.last.delta(_.first, unit="day").cast("int64"),
        t=now.delta(each.first, unit="day").cast("int64"),
    )
    return each.group_by("x", "t_x", "t").agg(customers=_.count().cast("int64"))


_WHOLE_CUSTOMERS = ("all", "customers")

MARTS = {
    "retention_counts": Mart(
        retention_counts, ("period", "cohort", "age"), ("orders", "order_lines"), _WHOLE_CUSTOMERS
    ),
    "recency_frequency": Mart(
        recency_frequency, ("x", "t_x", "t"), ("orders", "order_lines"), _WHOLE_CUSTOMERS
    ),
}
