"""The mart of life-cycle stages: a rule that anyone can check, from each customer's own cadence.

On a day, of a customer with n purchase days before it, the own usual gap is (first to last + 2 G) / (n + 1): the mean
of the n - 1 gaps seen and of two more of `definitions.usual_gap` days, so that it is known from the first order on.
Silent for more than `DORMANT` usual gaps: dormant; more than `LOST`: lost. Otherwise introduction (1 purchase day),
growth (2 to 3) or maturity (4 and more); without a purchase: potential. Only what lies before the day is used, so what
comes later never changes a stage.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import ibis
from ibis import _

from growth import clock
from growth.definitions import FAR, Tables, first_record, product, revenue
from growth.retention.rules import DORMANT, LOST
from growth.retention.worth_marts import purchase_days

if TYPE_CHECKING:
    from ibis.expr.types import Table as Rows

MONTHS = 13
CENTS = "decimal(18, 4)"


def month_starts(as_of: dt.date) -> list[dt.date]:
    """Return the first days of the last `MONTHS` months that have begun by `as_of`, oldest first."""
    last = as_of.year * 12 + as_of.month - 1
    return [dt.date(m // 12, m % 12 + 1, 1) for m in range(last - MONTHS + 1, last + 1)]


def life_cycle(tables: Tables) -> Rows:
    """Count customers by stage on the first of each month, and by the stage a month before.

    Columns: ``at, before`` (null: not yet there), ``state, customers``, and what came and went from ``at`` to the next
    first of a month: ``revenue``, ``squares`` (sum of squared revenue), ``discount``, ``messages``.
    """
    states = stages(tables)
    own = ibis.window(group_by="customer_id", order_by="at")
    states = states.mutate(before=states.state.lag().over(own))
    flows = [_by_month(f, name) for name, f in _flows(tables).items()]
    for f in flows:
        states = states.left_join(f, (states.customer_id == f.who) & (states.at == f.month)).drop(
            "who", "month"
        )
    nothing = ibis.literal(0).cast(CENTS)
    known = {name: ibis.coalesce(states[name], nothing) for name in _flows(tables)}
    known |= {name: nothing for name in ("revenue", "discount", "messages") if name not in known}
    states = states.mutate(**known)
    return states.group_by("at", "before", "state").agg(
        customers=_.count().cast("int64"),
        revenue=_.revenue.sum().cast("decimal(38, 4)"),
        squares=product(states.revenue, states.revenue).sum().cast("decimal(38, 8)"),
        discount=_.discount.sum().cast("decimal(38, 4)"),
        messages=_.messages.sum().cast("decimal(38, 4)"),
    )


def stages(tables: Tables) -> Rows:
    """Return everybody's stage on the first of each month: ``customer_id, at, state``."""
    days = purchase_days(tables)
    own = ibis.window(group_by="customer_id", order_by="date")
    days = days.mutate(
        bought=ibis.row_number().over(own) + 1,
        first=days.date.min().over(ibis.window(group_by="customer_id")),
        following=ibis.coalesce(days.date.lead().over(own), FAR[1].cast("date")),
    )
    at = ibis.memtable({"at": month_starts(dt.date.fromisoformat(tables.info.as_of))})
    at = at.select(at=at["at"].cast("date"))
    seen = days.inner_join(at, (days.date < at["at"]) & (days.following >= at["at"]))
    seen = seen.select("customer_id", "at", state=_stage(seen, tables.words.usual_gap))
    if "customers" not in tables:
        return seen
    return ibis.union(seen, _potential(tables, days, at))


def _stage(rows: Rows, usual_gap: int) -> Any:
    """Return the stage, in whole numbers: silence / usual gap is compared without dividing."""
    silence = rows["at"].delta(rows.date, unit="day") * (rows.bought + 1)
    usual = rows.date.delta(rows["first"], unit="day") + 2 * usual_gap
    return ibis.cases(
        (silence > LOST * usual, "lost"),
        (silence > DORMANT * usual, "dormant"),
        (rows.bought == 1, "introduction"),
        (rows.bought < 4, "growth"),
        else_="maturity",
    )


def sign_ups(tables: Tables) -> Rows:
    """Count customers by whether they bought before the day of their sign-up: ``before, customers``."""
    both = _signed(tables, purchase_days(tables))
    both = both.mutate(before=(both["first"] < both.since).fill_null(False))
    return both.group_by("before").agg(customers=_.count().cast("int64"))


def _signed(tables: Tables, days: Rows) -> Rows:
    """Return ``customer_id, since`` (day of sign-up), ``first`` (first purchase day; null: none)."""
    signed = first_record(tables["customers"], ("customer_id",)).filter(_.signed_up_at.notnull())
    since = clock.business_date(signed.signed_up_at, tables.info.timezone, tables.years)
    signed = signed.select("customer_id", since=since)
    first = days.group_by(who=_.customer_id).agg(first=_.date.min())
    both = signed.left_join(first, signed.customer_id == first.who)
    return both.select("customer_id", "since", first=both["first"])


def _potential(tables: Tables, days: Rows, at: Rows) -> Rows:
    """Return who had signed up but not yet bought."""
    both = _signed(tables, days)
    both = both.select("customer_id", "since", until=ibis.coalesce(both["first"], FAR[1].cast("date")))
    waiting = at.inner_join(both, (at["at"] > both.since) & (at["at"] <= both.until))
    return waiting.select("customer_id", "at", state=ibis.literal("potential"))


def _flows(tables: Tables) -> dict[str, Rows]:
    """Return what came from customers and what was spent on them: ``customer_id, date, amount`` each."""
    found = {"revenue": revenue(tables)}
    lines = tables["order_lines"].filter(_.discount.fill_null(0) > 0)
    placed = first_record(tables["orders"], ("order_id",)).filter(_.status != "cancelled")
    placed = placed.select("order_id", "customer_id", date=_.business_date)
    lines = lines.select("order_id", amount=lines.discount)
    found["discount"] = lines.inner_join(placed, "order_id").select("customer_id", "date", "amount")
    if "contacts" in tables:
        found["messages"] = tables["contacts"].filter(_.cost > 0).select(
            "customer_id", date=_.business_date, amount=_.cost
        )  # fmt: skip
    return found


def _by_month(rows: Rows, name: str) -> Rows:
    rows = rows.filter(_.customer_id.notnull())
    return rows.group_by(who=_.customer_id, month=_.date.truncate("M")).agg(
        **{name: _.amount.sum().cast(CENTS)}
    )
