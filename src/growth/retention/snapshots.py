"""The mart of snapshots: each customer on past days, with what was known then and what came after."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import ibis
from ibis import _

from growth.definitions import FAR, Tables, first_record, refunds, visits
from growth.retention.rules import HORIZON
from growth.retention.worth_marts import purchase_days

if TYPE_CHECKING:
    from ibis.expr.types import Table as Rows

SNAPSHOTS = 6  # past days, a quarter apart, and the day after the data
RECENT = (91, 182)
CENTS = "decimal(18, 4)"


def snapshot_days(as_of: dt.date) -> list[dt.date]:
    """Return the days of the snapshots, the newest (``as_of`` itself) first."""
    return [as_of - dt.timedelta(days=HORIZON * k) for k in range(SNAPSHOTS + 1)]


def snapshots(tables: Tables) -> Rows:
    """Return a row a customer and snapshot, of customers who had bought before it.

    Columns, from before ``at``: ``customer_id, at, recency`` (days since the last purchase day), ``tenure`` (since
    the first), ``bought`` (purchase days), ``orders``, ``spent``, ``bought_91, bought_182``; ``discount`` (taken off
    what was bought), ``refunded`` (money asked back), ``visits_28, visits_91, channel, city,
    tier, points, community`` (in the points club, in a community) are null where no table knows. From ``at`` on:
    ``community_soon`` (joins one within `HORIZON` days, and was in none before), ``again`` and ``came`` (purchase days
    and money in these days; null where they are not over).

    Notes
    -----
    One thing is known too early: an order that is cancelled after ``at`` is not counted before it either, for the
    contract keeps an order's last status alone.
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
        orders=_.orders.sum().cast("int64"),
        spent=_.amount.sum().cast("decimal(38, 4)"),
        discount=_.discount.sum().cast("decimal(38, 4)"),
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
    both = _with_refunds(tables, both, at)
    both = _with_visits(tables, both, at)
    both = _with_clubs(tables, _with_tier(tables, both))
    return _with_channel(tables, both)


def _with_refunds(tables: Tables, rows: Rows, at: Rows) -> Rows:
    """Add what the customer had asked back before the day; null where the data have no returns."""
    if "returns" not in tables:
        return rows.mutate(refunded=ibis.null("decimal(38, 4)"))
    back = refunds(tables).filter(_.customer_id.notnull())
    back = back.group_by("customer_id", "date").agg(amount=_.amount.sum().cast(CENTS))
    back = back.inner_join(at, back.date < at["at"])
    back = back.group_by(who="customer_id", then="at").agg(refunded=_.amount.sum().cast("decimal(38, 4)"))
    both = rows.left_join(back, (rows.customer_id == back.who) & (rows["at"] == back.then))
    none = ibis.literal(0).cast("decimal(38, 4)")
    return both.mutate(refunded=ibis.coalesce(both.refunded, none)).drop("who", "then")


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
    none = ibis.null("string")
    if "customers" not in tables:
        return rows.mutate(channel=none, city=none)
    c = first_record(tables["customers"], ("customer_id",))
    c = c.select("region", person=_.customer_id, channel=_.acquisition_channel)
    rows = rows.left_join(c, rows.customer_id == c.person).drop("person")
    if "regions" not in tables:
        return rows.mutate(city=none).drop("region")
    r = first_record(tables["regions"], ("region",)).select(place=_.region, city=_.tier)
    return rows.left_join(r, rows.region == r.place).drop("region", "place")


def _with_tier(tables: Tables, rows: Rows) -> Rows:
    """Add the tier held at the beginning of the day; of several programs the first by name."""
    if "memberships" not in tables:
        return rows.mutate(tier=ibis.null("string"))
    m = tables["memberships"].select(
        "program", "record_id", "tier", who=_.customer_id, since=_.valid_from.date(),
        until=ibis.coalesce(_.valid_to, FAR[1]).date(),
    )  # fmt: skip
    held = rows.select("customer_id", "at")
    held = held.inner_join(m, (held.customer_id == m.who) & (held["at"] > m.since) & (held["at"] <= m.until))
    nth = ibis.row_number().over(
        ibis.window(group_by=("customer_id", "at"), order_by=("program", "record_id"))
    )
    one = held.mutate(nth=nth).filter(_.nth == 0).select(member="customer_id", then="at", tier="tier")
    return rows.left_join(one, (rows.customer_id == one.member) & (rows["at"] == one.then)).drop(
        "member", "then"
    )


def _with_clubs(tables: Tables, rows: Rows) -> Rows:
    """Add who is in the points club and in a community, by the first day on record."""
    none = ibis.null("boolean")
    found = {"points": none, "community": none, "community_soon": none}
    for name, moment in (("points", "at"), ("communities", "joined_at")):
        if name not in tables:
            continue
        first = tables[name].group_by(who=_.customer_id).agg(joined=_[moment].min().date())
        rows = rows.left_join(first, rows.customer_id == first.who)
        joined = ibis.coalesce(rows.joined, FAR[1].cast("date"))
        made = {"points" if name == "points" else "community": joined < rows["at"]}
        if name == "communities":
            made["community_soon"] = (joined >= rows["at"]) & (joined < _end(rows))
        rows = rows.mutate(**made).drop("joined", "who")
        found = {k: v for k, v in found.items() if k not in made}
    return rows.mutate(**found)
