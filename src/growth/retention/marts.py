"""Marts of ``06_retention``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
from ibis import _

from growth.definitions import Tables, activity, period_start, product, revenue
from growth.marts import Mart
from growth.retention import (
    leaving_marts,
    life_marts,
    loyalty_marts,
    rules,
    snapshots,
    uplift_marts,
    worth_marts,
)
from growth.retention.rules import EXACT, LAPSE

if TYPE_CHECKING:
    from ibis.expr.types import DateValue, IntegerValue
    from ibis.expr.types import Table as Rows

CENTS = "decimal(18, 4)"
WEEK_ZERO = {"monday": "1900-01-01", "sunday": "1899-12-31"}  # before any shop's first day


def period_number(date: DateValue, period: str, week_starts: str) -> IntegerValue:
    """Return the number of a day's month or week: whole numbers are quicker to group and subtract than dates."""
    if period == "month":
        return (date.year() * 12 + date.month() - 1).cast("int32")
    return (date.delta(ibis.date(WEEK_ZERO[week_starts]), unit="day") // 7).cast("int32")


def period_of(number: IntegerValue, period: str, week_starts: str) -> DateValue:
    """Return the first day of the period with this `period_number`."""
    if period == "month":
        return ibis.date(number // 12, number % 12 + 1, 1)
    return (ibis.date(WEEK_ZERO[week_starts]) + (number * 7).as_interval("D")).cast("date")


def retention_counts(tables: Tables) -> Rows:
    """Count, per cohort and age, the customers active and their revenue, by month and by week.

    Columns: ``period`` (month, week), ``cohort`` (first day of the period of the first activity), ``age``
    (periods since), ``customers`` (active), ``revenue``, ``squares``. A cell without anybody has no row. Revenue before
    the first activity has a negative age; revenue of people who were never active has a null cohort: nothing is lost.
    ``squares`` is what this age adds to the sum, over customers, of the squared revenue up to it.
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
    so_far = cells.amount.sum().over(ibis.cumulative_window(group_by="customer_id", order_by="start"))
    cells = cells.mutate(age=_periods_between(cells.cohort, cells.start, period), now=so_far.cast(CENTS))
    cells = cells.mutate(before=(cells.now - cells.amount).cast(CENTS))
    added = product(cells.now, cells.now) - product(cells.before, cells.before)
    return cells.group_by(period=ibis.literal(period), cohort=_.cohort, age=_.age).agg(
        customers=_.active.sum().cast("int64"),
        revenue=_.amount.sum().cast("decimal(38, 4)"),
        squares=added.sum().cast("decimal(38, 8)"),
    )


def _periods_between(first: DateValue, then: DateValue, period: str) -> ibis.Value:
    if period == "month":
        return ((then.year() - first.year()) * 12 + then.month() - first.month()).cast("int64")
    return (then.delta(first, unit="day") // 7).cast("int64")


def retention_gaps(tables: Tables) -> Rows:
    """Count active customers by cohort, age and how many periods since they were active before.

    Columns: ``period, cohort, age, gap, customers``; ``gap`` is 0 at age 0. From it follows who was active in any
    window of ages (`growth.retention.windows`).
    """
    return ibis.union(*[_gaps(tables, period) for period in ("month", "week")])


def _gaps(tables: Tables, period: str) -> Rows:
    week = tables.words.week_starts
    cells = activity(tables).select("customer_id", number=period_number(_.date, period, week)).distinct()
    own = ibis.window(group_by="customer_id", order_by="number")  # one window for both: one sort
    cells = cells.mutate(first=cells.number.first().over(own), before=cells.number.lag().over(own))
    counted = cells.group_by(
        "first", age=_.number - _["first"], gap=ibis.coalesce(_.number - _.before, 0)
    ).agg(customers=_.count().cast("int64"))
    return counted.select(
        period=ibis.literal(period),
        cohort=period_of(counted["first"], period, week),
        age=_.age.cast("int64"),
        gap=_.gap.cast("int64"),
        customers=_.customers,
    )


def _ages(tables: Tables, period: str) -> Rows:
    """Return each customer's active periods as ages: ``customer_id, cohort, age``."""
    cells = _active_periods(tables, period)
    cells = cells.mutate(cohort=cells.start.min().over(ibis.window(group_by="customer_id")))
    return cells.select("customer_id", "cohort", age=_periods_between(cells.cohort, cells.start, period))


def exact_ages(tables: Tables) -> Rows:
    """Count customers active by exact age, in spans of `EXACT` days from their own first day, not of the calendar.

    Columns: ``period, cohort`` (first day of the calendar period), ``age, retained`` (of those who have fully reached
    the age), ``reached`` (customers whose last full age it is; -1: none yet).
    """
    return ibis.union(*[_exact(tables, period) for period in ("month", "week")])


def _exact(tables: Tables, period: str) -> Rows:
    days, week = activity(tables), tables.words.week_starts
    first = days.date.min().over(ibis.window(group_by="customer_id"))
    days = days.mutate(first=first)
    now, long = ibis.date(tables.info.as_of), EXACT[period]
    spans = days.select(
        "customer_id",
        cohort=period_start(days["first"], period, week),
        age=(days.date.delta(days["first"], unit="day") // long).cast("int64"),
        last=(now.delta(days["first"], unit="day") // long - 1).cast("int64"),
    ).distinct()
    none = ibis.literal(0, "int64")
    active = spans.filter(_.age <= _["last"]).select(
        "cohort", "age", retained=ibis.literal(1, "int64"), reached=none
    )
    people = spans.select("customer_id", "cohort", "last").distinct()
    people = people.select("cohort", age=_["last"], retained=none, reached=ibis.literal(1, "int64"))
    both = ibis.union(active, people)
    return both.group_by(period=ibis.literal(period), cohort=_.cohort, age=_.age).agg(
        retained=_.retained.sum().cast("int64"), reached=_.reached.sum().cast("int64")
    )


def lapses(tables: Tables) -> Rows:
    """Count customers by cohort, the last age before their first silence of `LAPSE` periods, and their last age.

    Columns: ``period, cohort, broke`` (null: no such silence between two active periods), ``last, customers``.
    """
    return ibis.union(*[_lapses(tables, period) for period in ("month", "week")])


def _lapses(tables: Tables, period: str) -> Rows:
    cells = _ages(tables, period)
    own = ibis.window(group_by="customer_id", order_by="age")
    silent = cells.age.lead().over(own) - cells.age > LAPSE[period]
    cells = cells.mutate(broke=ibis.ifelse(silent.fill_null(False), cells.age, None))
    each = cells.group_by("customer_id", "cohort").agg(broke=_.broke.min(), last=_.age.max())
    return each.group_by(period=ibis.literal(period), cohort=_.cohort, broke=_.broke, last=_["last"]).agg(
        customers=_.count().cast("int64")
    )


def growth_accounting(tables: Tables) -> Rows:
    """Count, by period, where the active customers come from and how many are gone since the one before.

    Columns: ``period`` (month, week), ``start``, ``new``, ``retained``, ``resurrected``, ``churned`` (active in the
    period before and not in this one). A period without anybody has a row if somebody was active just before it.
    """
    parts = [_states(tables, period) for period in ("month", "week")]
    return ibis.union(*parts)


def _states(tables: Tables, period: str) -> Rows:
    cells = _active_periods(tables, period)
    own = ibis.window(group_by="customer_id", order_by="start")
    cells = cells.mutate(before=_.start.lag().over(own), after=_.start.lead().over(own))
    following = _next_start(cells.start, period)
    adjacent = _periods_between(cells.before, cells.start, period) == 1
    came = cells.select(
        start=cells.start,
        new=cells.before.isnull().cast("int64"),
        retained=adjacent.fill_null(False).cast("int64"),
        resurrected=(~adjacent).fill_null(False).cast("int64"),
        churned=ibis.literal(0, "int64"),
    )
    stays = _periods_between(cells.start, cells.after, period) == 1
    gone = cells.filter(~stays.fill_null(False)).select(
        start=following, **{c: ibis.literal(0, "int64") for c in ("new", "retained", "resurrected")},
        churned=ibis.literal(1, "int64"),
    )  # fmt: skip
    both = ibis.union(came, gone).filter(_.start < ibis.date(tables.info.as_of))
    names = ("new", "retained", "resurrected", "churned")
    return both.group_by(period=ibis.literal(period), start=_.start).agg(
        **{c: both[c].sum().cast("int64") for c in names}
    )


def _active_periods(tables: Tables, period: str) -> Rows:
    """Return each customer's periods with activity, once each: ``customer_id, start``."""
    week = tables.words.week_starts
    return activity(tables).select("customer_id", start=period_start(_.date, period, week)).distinct()


def _next_start(start: DateValue, period: str) -> DateValue:
    step = ibis.interval(months=1) if period == "month" else ibis.interval(weeks=1)
    return (start + step).cast("date")


def days_active(tables: Tables) -> Rows:
    """Count, by period, the customers with so many active days in it: ``period, start, days, customers``."""
    parts = []
    for period in ("month", "week"):
        week = tables.words.week_starts
        each = activity(tables).mutate(start=period_start(_.date, period, week))
        each = each.group_by("customer_id", "start").agg(days=_.count().cast("int64"))
        parts.append(
            each.group_by(period=ibis.literal(period), start=_.start, days=_.days).agg(
                customers=_.count().cast("int64")
            )
        )
    return ibis.union(*parts)


def last_28_days(tables: Tables) -> Rows:
    """Count customers by active days in the 28 days before the first of each month, and in the last 7 of them.

    Columns: ``at`` (first of a month), ``days`` (1 to 28), ``days_7``, ``customers``. Spans are of one length and do
    not overlap.
    """
    each = activity(tables).mutate(at=(_.date.truncate("M") + ibis.interval(months=1)).cast("date"))
    each = each.mutate(before=each["at"].delta(each.date, unit="day")).filter(_.before <= 28)
    each = each.group_by("customer_id", "at").agg(
        days=_.count().cast("int64"), days_7=(_.before <= 7).sum().cast("int64")
    )
    return each.group_by("at", "days", "days_7").agg(customers=_.count().cast("int64"))


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
_SOLD = ("orders", "order_lines")

MARTS = {
    "retention_counts": Mart(
        retention_counts, ("period", "cohort", "age"), ("orders", "order_lines"), _WHOLE_CUSTOMERS
    ),
    "growth_accounting": Mart(
        growth_accounting, ("period", "start"), ("orders", "order_lines"), _WHOLE_CUSTOMERS
    ),
    "days_active": Mart(
        days_active, ("period", "start", "days"), ("orders", "order_lines"), _WHOLE_CUSTOMERS
    ),
    "last_28_days": Mart(last_28_days, ("at", "days", "days_7"), _SOLD, _WHOLE_CUSTOMERS),
    "recency_frequency": Mart(
        recency_frequency, ("x", "t_x", "t"), ("orders", "order_lines"), _WHOLE_CUSTOMERS
    ),
    "retention_gaps": Mart(retention_gaps, ("period", "cohort", "age", "gap"), _SOLD, _WHOLE_CUSTOMERS),
    "exact_ages": Mart(exact_ages, ("period", "cohort", "age"), _SOLD, _WHOLE_CUSTOMERS),
    "lapses": Mart(lapses, ("period", "cohort", "broke", "last"), _SOLD, _WHOLE_CUSTOMERS),
    "life_cycle": Mart(life_marts.life_cycle, ("at", "before", "state"), _SOLD, _WHOLE_CUSTOMERS),
    "sign_ups": Mart(life_marts.sign_ups, ("before",), (*_SOLD, "customers"), _WHOLE_CUSTOMERS),
    "worth": Mart(worth_marts.worth, ("customer_id",), _SOLD, _WHOLE_CUSTOMERS),
    "held_out": Mart(worth_marts.held_out, ("x", "t_x", "t", "bought"), _SOLD, _WHOLE_CUSTOMERS),
    "second_purchase": Mart(
        leaving_marts.second_purchase,
        (*rules.SEGMENTS, rules.FIRST_CATEGORY, "cohort", "days", "again"),
        _SOLD,
        _WHOLE_CUSTOMERS,
    ),
    "stays": Mart(
        leaving_marts.stays, ("program", "tier", "days", "ended"), ("memberships",), _WHOLE_CUSTOMERS
    ),
    "members": Mart(
        leaving_marts.members,
        (*rules.SEGMENTS, "profile", "days", "ended"),
        ("memberships",),
        _WHOLE_CUSTOMERS,
    ),
    "goodbyes": Mart(
        leaving_marts.goodbyes,
        (*rules.SEGMENTS, "closed", "reason", "days"),
        ("customers", "departures"),
        _WHOLE_CUSTOMERS,
    ),
    "loyalty": Mart(
        loyalty_marts.loyalty, ("respondent_id", "wave"), (*_SOLD, "respondents", "answers"), _WHOLE_CUSTOMERS
    ),
    "loyalty_answers": Mart(
        loyalty_marts.loyalty_answers,
        ("respondent_id", "wave", "question", "item"),
        ("respondents", "answers"),
        _WHOLE_CUSTOMERS,
    ),
    "snapshots": Mart(snapshots.snapshots, ("customer_id", "at"), _SOLD, _WHOLE_CUSTOMERS),
    "tried": Mart(
        uplift_marts.tried,
        ("experiment_id", "customer_id"),
        (*_SOLD, "experiments", "experiment_arms", "assignments"),
        _WHOLE_CUSTOMERS,
    ),
    "gap_pairs": Mart(worth_marts.gap_pairs, ("first", "second"), _SOLD, _WHOLE_CUSTOMERS),
}
