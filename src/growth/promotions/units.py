"""Experiments at the randomised unit: who is in which arm, and what each unit did before, during and after.

Everything that happened is one stream of facts (an order, its lines, a redemption, a visit, a message), joined to
the units once and added up once. Numbers are exact (counts and DECIMAL), so sums do not depend on engine, order or
threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis
from ibis import _

from growth import clock
from growth.definitions import FAR, Tables, first_record, orders, refunds_of_orders, visits

if TYPE_CHECKING:
    from ibis.expr.types import Table as Rows

MONEY = "decimal(18, 4)"
SUM = "decimal(38, 4)"
PRE_DAYS = (
    56  # days before the start that covariates come from: whole weeks, and two purchase cycles of most shops
)
PAID = ("paid", "shipped", "delivered")
UNIT_COLUMN = {
    "customer": "customer_id",
    "visitor": "visitor_id",
    "session": "session_id",
    "region": "region",
}


HOLDOUT = "holdout"  # kind of an experiment that keeps units from a channel: a page of its own judges these


def experiments(tables: Tables) -> Rows:
    """Return the experiments that are judged here, one row each (the first record decides): all but holdouts."""
    found = first_record(tables["experiments"], ("experiment_id",))
    return found.filter(ibis.coalesce(found.kind, ibis.literal("")) != HOLDOUT)


def assignments(tables: Tables) -> Rows:
    """Return assignments with their experiment's unit and windows, a row a record.

    ``id`` is the id in the column that the experiment's ``unit`` names, null where that is missing; ``unit`` is
    what was randomised: the id, or, where it is given an arm anew by period, the id in a period.
    """
    e = experiments(tables).select(
        "experiment_id", "promotion_id", "starts_on", "ends_on", "post_days", kind="unit"
    )
    a = tables["assignments"].drop("flags").inner_join(e, "experiment_id")
    a = a.mutate(id=unit_id(a))
    anew = a.id.concat(" from ").concat(a.period.cast("string"))
    return a.mutate(unit=ibis.ifelse(a.period.isnull(), a.id, anew))


def with_kind(tables: Tables, rows: Rows) -> Rows:
    """Add ``kind``: what the experiment randomised; the first record of the experiment decides."""
    e = experiments(tables)
    return rows.inner_join(e.select("experiment_id", kind="unit"), "experiment_id")


def unit_id(rows: Rows) -> Any:
    """Return the id in the column that ``kind`` names; null where that is missing."""
    return ibis.cases(*((rows.kind == k, rows[c]) for k, c in UNIT_COLUMN.items()), else_=ibis.null("string"))


def units(tables: Tables) -> Rows:
    """Return one row a unit of an experiment: its first arm, how many arms it has, and its windows as dates.

    Columns: ``experiment_id, kind, id, unit, arm, arms, assigned_at, stratum, promotion_id, fold, start, begin,
    end, until``; a unit's days run from ``begin`` to before ``end``, and those after to before ``until``. A unit of
    one period has that period's days alone: until the same id's next period, or the end of the test, and none
    after. What is known from before lies before ``start``, that of the whole test.
    """
    a = assignments(tables).filter(_.unit.notnull())
    one = ibis.window(group_by=("experiment_id", "unit"))
    order = (ibis.coalesce(a.assigned_at, FAR[0]), a.record_id)
    a = a.mutate(
        arms=a.arm.nunique().over(one),
        _number=ibis.row_number().over(ibis.window(group_by=("experiment_id", "unit"), order_by=order)),
    )
    first = a.filter(_._number == 0)
    following = first.period.lead().over(ibis.window(group_by=("experiment_id", "id"), order_by="period"))
    first = first.mutate(
        begin=ibis.coalesce(first.period, first.starts_on),
        end=ibis.coalesce(following, first.ends_on),
        post_days=ibis.ifelse(first.period.isnull(), ibis.coalesce(first.post_days, 0), 0),
    )
    return first.select(
        "experiment_id", "kind", "id", "unit", "arm", "arms", "assigned_at", "stratum", "promotion_id",
        "begin", "end",
        start=first.starts_on,
        fold=_half(first),
        until=(first.end + first.post_days.as_interval("D")).cast("date"),
    )  # fmt: skip


def _half(first: Rows) -> Any:
    """Return the half that a unit is in: every other one of its arm, whatever the order of the arms in the file."""
    own_arm = ibis.window(group_by=("experiment_id", "arm"), order_by=first.record_id)
    return (ibis.row_number().over(own_arm) % 2).cast("int64")


def local_date(tables: Tables, moment: Any) -> Any:
    """Return the business day of a moment."""
    return clock.business_date(moment, tables.info.timezone, tables.years)


def facts(tables: Tables) -> Rows:
    """Return everything that counts for a promotion, a row a fact: whose, when, and what it adds to each metric.

    Columns: ``customer_id, visitor_id, region, at, date, promotion_id, category`` and the metrics ``visits, orders,
    revenue, contribution, discount, redemptions``. Contribution is what a paid order leaves: amounts less goods,
    refunds, fulfilment and fees, plus shipping, less messages; goods that come back are written off.
    """
    parts = [_order_facts(tables), _line_facts(tables)]
    if "sessions" in tables and "visitors" in tables:
        parts.append(_visit_facts(tables))
    if "contacts" in tables:
        parts.append(_contact_facts(tables))
    return ibis.union(*parts)


METRICS = ("visits", "orders", "revenue", "contribution", "discount", "redemptions", "messages")
_WHO = ("customer_id", "visitor_id", "region", "at", "date")


def _fact(rows: Rows, **values: Any) -> Rows:
    """Return rows of facts; what is not given is 0, or null for promotion and category."""
    text = {c: values.get(c, ibis.null("string")) for c in ("promotion_id", "category")}
    numbers = {m: values.get(m, ibis.literal(0)).cast(MONEY) for m in METRICS}
    return rows.select(**{c: rows[c] for c in _WHO}, **text, **numbers)


def known_orders(tables: Tables) -> Rows:
    """Return the orders that count, with who, where, when, and whether they were paid."""
    more = first_record(tables["orders"], ("order_id",))
    more = more.select(
        "order_id", "region", at=more.placed_at, paid=more.status.isin(PAID),
        handling=_zero(more.shipping_cost) - _zero(more.fulfilment_cost) - _zero(more.payment_fee),
    )  # fmt: skip
    return orders(tables).inner_join(more, "order_id")


def _zero(amount: Any) -> Any:
    return ibis.coalesce(amount, ibis.literal(0).cast(MONEY))


def _order_facts(tables: Tables) -> Rows:
    found = known_orders(tables)
    if "returns" in tables:
        back = refunds_of_orders(tables)
        found = found.left_join(back, "order_id").drop("order_id_right")
        gain = found.handling - _zero(found.refunded)
    else:
        gain = found.handling
    return _fact(found, orders=ibis.literal(1), contribution=ibis.ifelse(found.paid, gain, 0))


def _line_facts(tables: Tables) -> Rows:
    """Return lines, each with what it sold for, what its goods cost, and its promotion's discount and redemption.

    An order redeems a promotion once, however many of its lines carry it: its first line of it counts.
    """
    found = tables["order_lines"].filter(_.amount > 0)
    found = found.select(
        "record_id", "order_id", "product_id", "quantity", "amount", "discount", "promotion_id"
    )
    found = found.inner_join(known_orders(tables), "order_id")
    nth = ibis.row_number().over(ibis.window(group_by=("order_id", "promotion_id"), order_by="record_id"))
    found = found.mutate(redeems=ibis.ifelse((nth == 0) & found.promotion_id.notnull(), 1, 0))
    if "products" in tables:
        product = first_record(tables["products"], ("product_id",)).select("product_id", "category")
        found = found.left_join(product, "product_id").drop("product_id_right")
    else:
        found = found.mutate(category=ibis.null("string"))
    found = with_goods(tables, found)
    gain = found.amount - found.goods
    return _fact(
        found, promotion_id=found.promotion_id, category=found.category, revenue=found.amount,
        contribution=ibis.ifelse(found.paid, gain, 0), redemptions=found.redeems,
        discount=ibis.ifelse(found.promotion_id.notnull(), _zero(found.discount), 0),
    )  # fmt: skip


def with_goods(tables: Tables, lines: Rows) -> Rows:
    """Add ``goods``: what the goods of a line cost on its day; 0 where no cost is known."""
    if "product_costs" not in tables:
        return lines.mutate(goods=ibis.literal(0).cast(MONEY))
    c = first_record(tables["product_costs"], ("product_id", "valid_from"))
    upto = c.valid_from.lead().over(ibis.window(group_by="product_id", order_by="valid_from"))
    upto = ibis.coalesce(upto, FAR[1].cast("date"))
    c = c.select(cost_of=_.product_id, unit_cost=_.unit_cost, valid_from=_.valid_from, valid_to=upto)
    held = (lines.product_id == c.cost_of) & (lines.date >= c.valid_from) & (lines.date < c.valid_to)
    found = lines.left_join(c, held)
    goods = (found.quantity * found.unit_cost).cast(MONEY)
    return found.mutate(goods=_zero(goods)).drop("cost_of", "unit_cost", "valid_from", "valid_to")


def _visit_facts(tables: Tables) -> Rows:
    return _fact(visits(tables), visits=ibis.literal(1))


def _contact_facts(tables: Tables) -> Rows:
    sent = tables["contacts"].filter(_.customer_id.notnull())
    none = ibis.null("string")
    sent = sent.mutate(visitor_id=none, region=none, at=sent.sent_at, date=sent.business_date)
    return _fact(sent, contribution=-_zero(sent.cost), messages=_zero(sent.cost))


def without_copies(rows: Rows) -> Rows:
    """Leave out rows that repeat an earlier one exactly: a measurement told twice is not twice as large."""
    return rows.filter(~rows.flags.contains("exact_duplicate"))


def moves(tables: Tables) -> Rows:
    """Return each unit's facts with their window: ``pre``, ``during`` or ``post``; facts of no window are left out.

    During begins when the unit was assigned; a visit's own orders are those placed until it ended.
    """
    u, f = units(tables), facts(tables)
    parts = []
    for kind, column in (("customer", "customer_id"), ("visitor", "visitor_id"), ("region", "region")):
        own = u.filter((_.kind == kind) & (_.arms == 1))
        parts.append(_dated(own.inner_join(f.filter(f[column].notnull()), own.id == f[column])))
    if "sessions" in tables:
        parts.append(_of_sessions(tables, u, f))
    return ibis.union(*parts)


def _dated(joined: Rows) -> Rows:
    begins = ibis.coalesce(joined.assigned_at, joined.at) <= joined.at
    window = ibis.cases(
        ((joined.date >= joined.start - ibis.interval(days=PRE_DAYS)) & (joined.date < joined.start), "pre"),
        ((joined.date >= joined.begin) & (joined.date < joined.end) & begins, "during"),
        ((joined.date >= joined.end) & (joined.date < joined.until), "post"),
        else_=ibis.null("string"),
    )
    own = joined.promotion_id_right == joined.promotion_id
    found = joined.mutate(window=window).filter(_.window.notnull())
    return found.select(
        "experiment_id", "unit", "arm", "window", "date", "category",
        **{m: found[m] for m in METRICS if m not in ("discount", "redemptions")},
        **{m: ibis.ifelse(own.fill_null(False), found[m], 0).cast(MONEY) for m in ("discount", "redemptions")},
    )  # fmt: skip


def _of_sessions(tables: Tables, u: Rows, f: Rows) -> Rows:
    """Return what happened within the visits that were randomised one by one."""
    s = first_record(tables["sessions"], ("session_id",))
    ends = s.started_at + ibis.coalesce(s.seconds, ibis.literal(0, "int64")).as_interval("s")
    s = s.select("session_id", "visitor_id", starts_at=s.started_at, ends_at=ends)
    own = u.filter((_.kind == "session") & (_.arms == 1)).inner_join(s, _.id == s.session_id)
    own = own.drop("session_id").rename(whose="visitor_id")
    f = f.filter(f.visitor_id.notnull())
    within = (own.whose == f.visitor_id) & (f.at >= own.starts_at) & (f.at <= own.ends_at)
    return _dated(own.inner_join(f, within).drop("starts_at", "ends_at", "whose"))
