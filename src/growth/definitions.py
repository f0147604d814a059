"""What counts as an order, an active customer, revenue: the words of ``definitions:``, as Ibis expressions.

Every mart that uses such a word takes it from here, so that two notebooks never disagree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ibis
from ibis import _

from growth import clock
from growth.errors import UserError

if TYPE_CHECKING:
    from ibis.expr.types import DateValue
    from ibis.expr.types import Table as Rows

    from growth.sources.base import Dataset


@dataclass(frozen=True)
class Tables:
    """The tables of a dataset, what is known of it, and what the words mean.

    Parameters
    ----------
    rows : dict of str to ibis.Table
    info : growth.sources.Dataset
    words : growth.params.DefinitionsParams
    refused : dict of str to ibis.Table
        The rows that ingest refused, by table.
    account : dict
        What ingest counted; see `growth.ingest.run.account`.
    """

    rows: dict[str, Rows]
    info: Dataset
    words: Any
    refused: dict[str, Rows] = field(default_factory=dict)
    account: dict[str, Any] = field(default_factory=dict)
    shared: dict[str, Rows] = field(default_factory=dict)

    def once(self, name: str, build: Callable[[Tables], Rows]) -> Rows:
        """Return what `build` makes of these tables; several marts that stand on it share one computation.

        On DuckDB it is kept as a temporary table; another engine is never written to, and works it out again.
        """
        if name not in self.shared:
            made = build(self)
            self.shared[name] = made.cache() if made.get_backend().name == "duckdb" else made
        return self.shared[name]

    def __contains__(self, name: str) -> bool:
        return name in self.rows

    def __getitem__(self, name: str) -> Rows:
        if name not in self.rows:
            raise UserError(f"The dataset {self.info.name} has no table {name}.")
        return self.rows[name]

    @property
    def years(self) -> tuple[int, int]:
        """The years between which time-zone transitions are looked at."""
        year = int(self.info.as_of[:4])
        return year - 40, year + 1


FAR = (ibis.timestamp("1900-01-01 00:00:00"), ibis.timestamp("2999-01-01 00:00:00"))


def product(a: Any, b: Any) -> Any:
    """Return a product of two decimals of 18 digits: in more digits than 18, or it would overflow."""
    return a.cast(f"decimal(19, {a.type().scale})") * b


def period_start(date: DateValue, period: str, week_starts: str) -> DateValue:
    """Return the first day of the month or week that a day lies in."""
    if period == "month":
        return date.truncate("M")
    if week_starts == "monday":
        return date.truncate("W")
    day = ibis.interval(days=1)
    return ((date + day).cast("date").truncate("W") - day).cast("date")


def first_record(rows: Rows, key: tuple[str, ...]) -> Rows:
    """Return one row a key: the record that came first. The others stay in the table, flagged."""
    number = ibis.row_number().over(group_by=list(key), order_by="record_id")
    return rows.mutate(_number=number).filter(_._number == 0).drop("_number")


def orders(tables: Tables) -> Rows:
    """Return the orders that count: ``order_id, customer_id, visitor_id, date``; one row an order.

    Cancelled orders never count. ``date`` is the business date of placing, or of paying if
    ``definitions.orders`` is ``paid``; then an order that was not paid before ``as_of`` does not count.
    """
    found = first_record(tables["orders"], ("order_id",)).filter(_.status != "cancelled")
    if tables.words.orders == "paid":
        paid = clock.business_date(found.paid_at, tables.info.timezone, tables.years)
        found = found.mutate(date=paid).filter(_.date < ibis.date(tables.info.as_of))
    else:
        found = found.mutate(date=_.business_date)
    return found.select("order_id", "customer_id", "visitor_id", "date")


def purchases(tables: Tables) -> Rows:
    """Return the lines that count: ``order_id, customer_id, date, product_id, quantity, amount``.

    A line counts if its order does and something was paid for it. Exact duplicates count: a shop may
    well sell the same thing twice on one order; they are flagged, and the audit says what they are worth.
    """
    lines = tables["order_lines"].filter(_.amount > 0)
    lines = lines.select("order_id", "product_id", "quantity", "amount")
    return lines.inner_join(orders(tables), "order_id")


def refunds(tables: Tables) -> Rows:
    """Return what was paid back: ``customer_id, date, quantity, amount``, on the day it was requested.

    A refund whose order is known counts if the order does, and belongs to the order's customer where it names
    none; a refund of an unknown order counts.
    """
    every = first_record(tables["orders"], ("order_id",)).select(known_id=_.order_id, owner=_.customer_id)
    counting = orders(tables).select(counting_id=_.order_id)
    found = tables["returns"]
    found = found.left_join(every, found.order_id == every.known_id)
    found = found.left_join(counting, found.order_id == counting.counting_id)
    found = found.filter(_.known_id.isnull() | _.counting_id.notnull())
    return found.select(
        customer_id=ibis.coalesce(_.customer_id, _.owner),
        date=_.business_date,
        quantity=_.quantity,
        amount=_.refund,
    )


def revenue(tables: Tables) -> Rows:
    """Return revenue as ``customer_id, date, amount``: purchases, less refunds if revenue is ``net``."""
    sold = purchases(tables).select("customer_id", "date", "amount")
    if tables.words.revenue == "gross" or "returns" not in tables:
        return sold
    back = refunds(tables)
    negative = back.select("customer_id", "date", amount=(-back.amount).cast(back.amount.type()))
    return ibis.union(sold, negative)


def refunds_of_orders(tables: Tables) -> Rows:
    """Return what was paid back for each order that is known: ``order_id, refunded``."""
    back = tables["returns"].filter(_.order_id.notnull())
    return back.group_by("order_id").agg(refunded=_.refund.sum().cast("decimal(18, 4)"))


def activity(tables: Tables) -> Rows:
    """Return the days on which a known customer was active: ``customer_id, date``, each once.

    A visit belongs to the customer to whom the visitor was linked at that time.
    """
    by_order = tables.words.active == "order"
    days = purchases(tables) if by_order else visits(tables)
    return days.filter(_.customer_id.notnull()).select("customer_id", "date").distinct()


def visits(tables: Tables) -> Rows:
    """Return visits of people, not machines: ``customer_id, visitor_id, region, at, date, session_id``, one row each.

    A visit belongs to the customer to whom the visitor was linked at that time; null: to nobody known.
    """
    if "sessions" not in tables or "visitors" not in tables:
        raise UserError(
            f"definitions.active is 'visit', but {tables.info.name} has no sessions and visitors: use 'order'."
        )
    seen = first_record(tables["sessions"], ("session_id",)).filter(~_.bot.fill_null(False))
    seen = seen.select("session_id", "visitor_id", "region", at=_.started_at, date=_.business_date)
    who = tables["visitors"].filter(_.customer_id.notnull())
    # Open ends become far ones: plain comparisons are joined by hash, an "or" row by row.
    who = who.select(
        linked=_.visitor_id,
        customer_id=_.customer_id,
        since=ibis.coalesce(_.valid_from, FAR[0]),
        upto=ibis.coalesce(_.valid_to, FAR[1]),
    ).distinct()
    known = (seen.visitor_id == who.linked) & (seen.at >= who.since) & (seen.at < who.upto)
    found = seen.left_join(who, known)
    one = found.group_by("session_id", "visitor_id", "region", "at", "date").agg(
        customer_id=_.customer_id.min()
    )
    return one.select("customer_id", "visitor_id", "region", "at", "date", "session_id")
