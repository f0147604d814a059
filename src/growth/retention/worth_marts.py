"""Marts of what customers buy and how often: patterns of purchases, what was held out, gaps.

A purchase is a day on which somebody bought; times are whole days, up to the last known day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
from ibis import _

from growth.definitions import Tables, orders, refunds

if TYPE_CHECKING:
    from ibis.expr.types import DateValue
    from ibis.expr.types import Table as Rows

LONGEST_HOLD_OUT = 273  # days: the 39 weeks that CDNOW's published forecasts are judged on


def purchase_days(tables: Tables) -> Rows:
    """Return the days on which known customers bought: ``customer_id, date, orders, amount, discount``, once each.

    ``discount`` is null where the lines of the day have none on record.
    """
    return tables.once("purchase_days", _purchase_days)


def _purchase_days(tables: Tables) -> Rows:
    lines = tables["order_lines"].filter(_.amount > 0).select("order_id", "amount", "discount")
    sold = lines.inner_join(orders(tables), "order_id").filter(_.customer_id.notnull())
    return sold.group_by("customer_id", "date").agg(
        orders=_.order_id.nunique().cast("int64"),
        amount=_.amount.sum().cast("decimal(18, 4)"),
        discount=_.discount.sum().cast("decimal(18, 4)"),
    )


def _days(since: DateValue, until: DateValue) -> ibis.Value:
    return until.delta(since, unit="day").cast("int64")


def _patterns(days: Rows, now: DateValue) -> Rows:
    """Return ``customer_id, x, t_x, t`` of purchases known on the day before `now`, and their amounts."""
    first = days.date.min().over(ibis.window(group_by="customer_id"))
    days = days.mutate(first=first)
    each = days.group_by("customer_id", "first").agg(
        x=(_.count() - 1).cast("int64"),
        last=_.date.max(),
        first_amount=ibis.ifelse(_.date == _["first"], _.amount, 0).sum().cast("decimal(18, 4)"),
        amount=_.amount.sum().cast("decimal(18, 4)"),
        orders=_.orders.sum().cast("int64"),
    )
    return each.mutate(t_x=_days(each["first"], each["last"]), t=_days(each["first"], now) - 1)


def worth(tables: Tables) -> Rows:
    """Return a row a customer: ``customer_id, x, t_x, t, orders, amount, first_amount`` (all paid, and on day one).

    ``x`` counts purchase days after the first, ``t_x`` is from the first to the last, ``t`` to the last known day;
    ``refunded`` is what was paid back, if revenue is ``net``, else 0.
    """
    found = _patterns(purchase_days(tables), ibis.date(tables.info.as_of))
    columns = ["customer_id", "x", "t_x", "t", "orders", "amount", "first_amount"]
    nothing = ibis.literal(0).cast("decimal(18, 4)")
    if tables.words.revenue == "gross" or "returns" not in tables:
        return found.select(*columns, refunded=nothing)
    back = refunds(tables).group_by(who="customer_id").agg(back=_.amount.sum().cast("decimal(18, 4)"))
    found = found.left_join(back, found.customer_id == back.who)
    return found.select(*columns, refunded=ibis.coalesce(_.back, nothing))


def held_out(tables: Tables) -> Rows:
    """Count patterns of the first part of the data, and how often their customers bought in the rest.

    Columns: ``x, t_x, t, bought`` (purchase days held out), ``hold_out`` (its days), ``customers``. The rest is half
    of the span, at most `LONGEST_HOLD_OUT` days; who came later is not in it.
    """
    days = purchase_days(tables)
    now = ibis.date(tables.info.as_of)
    opening = days.date.min().over(ibis.window())
    days = days.mutate(hold_out=ibis.least(_days(opening, now) // 2, LONGEST_HOLD_OUT).cast("int64"))
    days = days.mutate(left=_days(days.date, now) - days.hold_out)  # days from this one to the split
    before = days.filter(days.left > 0)
    each = before.group_by("customer_id", "hold_out").agg(
        x=(_.count() - 1).cast("int64"), oldest=_.left.max(), newest=_.left.min()
    )
    after = days.filter(days.left <= 0).group_by(who=_.customer_id).agg(bought=_.count().cast("int64"))
    both = each.left_join(after, each.customer_id == after.who)
    both = both.select(
        "x",
        "hold_out",
        t_x=both.oldest - both.newest,
        t=both.oldest - 1,
        bought=ibis.coalesce(both.bought, 0).cast("int64"),
    )
    return both.group_by("x", "t_x", "t", "bought", "hold_out").agg(customers=_.count().cast("int64"))


def gap_pairs(tables: Tables) -> Rows:
    """Count each customer's last two gaps between purchases, in days: ``first, second, customers``."""
    days = purchase_days(tables)
    own = ibis.window(group_by="customer_id", order_by="date")
    back = ibis.window(group_by="customer_id", order_by=ibis.desc("date"))
    days = days.mutate(
        one=days.date.lag(1).over(own), two=days.date.lag(2).over(own), nth=ibis.row_number().over(back)
    )
    last = days.filter((_.nth == 0) & _.two.notnull())
    pairs = last.select(first=_days(last.two, last.one), second=_days(last.one, last.date))
    return pairs.group_by("first", "second").agg(customers=_.count().cast("int64"))
