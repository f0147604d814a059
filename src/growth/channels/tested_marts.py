"""Marts of what tests say: who was held out of a channel, what they bought, and what paths gave the channel credit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis
from ibis import _

from growth.channels.path_marts import SUM, Way, _owned, _with_path, journeys, way_of
from growth.definitions import Tables, first_record, orders, period_start, purchases

if TYPE_CHECKING:
    from ibis.expr.types import Table as Rows

RECENT = 91  # days that count as the last quarter
YEAR = 365  # days over which a new customer is followed


def channel_tests(tables: Tables) -> Rows:
    """Return the tests of channels that are over.

    Columns: ``experiment_id, channel, unit, starts_on, ends_on, held`` (the arm kept from the channel), ``held_share``
    (planned), ``campaign_id`` (the channel's campaign of the same first day; null: the whole channel).
    """
    e = first_record(tables["experiments"], ("experiment_id",))
    e = e.filter((_.kind == "holdout") & (_.ends_on <= ibis.date(tables.info.as_of)))
    scope = tables["experiment_scope"].filter(_.channel.notnull()).select("channel", scoped="experiment_id")
    arms = first_record(tables["experiment_arms"], ("experiment_id", "arm")).filter(_.control)
    arms = arms.select(armed=_.experiment_id, held=_.arm, held_share=_.planned_share)
    found = e.inner_join(scope.distinct(), e.experiment_id == scope.scoped)
    found = found.inner_join(arms, found.experiment_id == arms.armed)
    found = found.select("experiment_id", "channel", "unit", "starts_on", "ends_on", "held", "held_share")
    if "campaigns" not in tables:
        return found.mutate(campaign_id=ibis.null("string"))
    c = first_record(tables["campaigns"], ("campaign_id",))
    c = c.group_by(of="channel", begins="starts_on").agg(campaign_id=_.campaign_id.min())
    return found.left_join(c, (found.channel == c.of) & (found.starts_on == c.begins)).drop("of", "begins")


def _assigned(tables: Tables) -> Rows:
    """Return each unit of a test in one arm: ``experiment_id, unit_id, shown, arms``; in two arms: ``arms`` is 2."""
    t = tables.once("channel_tests", channel_tests)
    a, own = tables["assignments"], t.select("held", "unit", tested="experiment_id")
    a = a.inner_join(own, a.experiment_id == own.tested)
    a = a.mutate(unit_id=ibis.ifelse(_.unit == "region", _.region, _.customer_id)).filter(_.unit_id.notnull())
    return a.group_by("experiment_id", "unit", "unit_id").agg(
        shown=(_.arm != _.held).cast("int64").max(), arms=_.arm.nunique()
    )


def regions_drawn(tables: Tables) -> Rows:
    """Return the regions of tests by region: ``experiment_id, region, shown`` (1, or 0: held out)."""
    found = tables.once("channel_assigned", _assigned).filter((_.unit == "region") & (_.arms == 1))
    return found.select("experiment_id", "shown", region=_.unit_id)


def customers_drawn(tables: Tables) -> Rows:
    """Return the customers of tests by customer, what they bought in it and in as many days before.

    Columns: ``experiment_id, customer_id, shown`` (1, or 0: held out), ``orders, revenue, before, spent_before``,
    ``reached`` (1 if the channel reached them in the test). Customers in two arms are left out; `drawn_twice` counts.
    """
    t = tables.once("channel_tests", channel_tests).filter(_.unit == "customer")
    a = tables.once("channel_assigned", _assigned).filter((_.unit == "customer") & (_.arms == 1))
    a = a.select("experiment_id", "shown", customer_id=_.unit_id)
    days = t.select("starts_on", "ends_on", tested="experiment_id")
    days = days.mutate(length=_.ends_on.delta(_.starts_on, unit="day").cast("int64"))
    lines = purchases(tables).filter(_.customer_id.notnull())
    sold = lines.group_by("order_id", "date", buyer="customer_id").agg(amount=_.amount.sum().cast(SUM))
    both = sold.cross_join(days).mutate(into=_.date.delta(_.starts_on, unit="day").cast("int64"))
    both = both.filter((_.into >= -_.length) & (_.into < _.length))
    sums = both.group_by("tested", "buyer").agg(
        orders=(_.into >= 0).cast("int64").sum(),
        revenue=ibis.ifelse(_.into >= 0, _.amount, ibis.literal(0).cast(SUM)).sum().cast("float64"),
        before=(_.into < 0).cast("int64").sum(),
        spent_before=ibis.ifelse(_.into < 0, _.amount, ibis.literal(0).cast(SUM)).sum().cast("float64"),
    )
    found = a.left_join(sums, (a.experiment_id == sums.tested) & (a.customer_id == sums.buyer))
    found = found.drop("tested", "buyer")
    found = found.left_join(_reached(tables), ["experiment_id", "customer_id"])
    zero = {c: ibis.coalesce(found[c], 0) for c in ("orders", "before", "reached")}
    money = {c: ibis.coalesce(found[c], 0.0) for c in ("revenue", "spent_before")}
    return found.select("experiment_id", "customer_id", "shown", **zero, **money)


def _reached(tables: Tables) -> Rows:
    if "exposures" not in tables:
        t = tables.once("channel_tests", channel_tests)
        return t.select("experiment_id", customer_id=ibis.null("string"), reached=ibis.literal(0, "int64"))
    e = tables["exposures"].filter(_.customer_id.notnull())
    return e.select("experiment_id", "customer_id").distinct().mutate(reached=ibis.literal(1, "int64"))


def drawn_twice(tables: Tables) -> Rows:
    """Count units of tests that are in two arms: ``experiment_id, two_arms``."""
    found = tables.once("channel_assigned", _assigned)
    return found.group_by("experiment_id").agg(two_arms=(_.arms > 1).cast("int64").sum())


def region_weeks(tables: Tables) -> Rows:
    """Return what came of a region in a whole week: ``region, week, orders, revenue, new`` (first orders)."""
    placed = first_record(tables["orders"], ("order_id",)).select("region", placed=_.order_id)
    lines = purchases(tables)
    o = lines.group_by("order_id", "date").agg(amount=_.amount.sum().cast(SUM))
    o = o.inner_join(placed, o.order_id == placed.placed).filter(_.region.notnull())
    first = tables.once("channel_ordered", ordered).filter(~_.returning).select(began="order_id")
    o = o.left_join(first, o.order_id == first.began)
    o = o.mutate(week=period_start(o.date, "week", tables.words.week_starts))
    whole = (_.week + ibis.interval(days=7)).cast("date") <= ibis.date(tables.info.as_of)
    return (
        o.filter(whole)
        .group_by("region", "week")
        .agg(
            orders=_.count().cast("int64"),
            revenue=_.amount.sum().cast(SUM),
            new=_.began.notnull().cast("int64").sum().cast("int64"),
        )
    )


def ordered(tables: Tables, way: Way | None = None) -> Rows:
    """Return a row an order that counts: ``order_id, date, customer_id, person, region, returning, value, path``."""
    way = way or way_of(tables)
    j = journeys(tables, way).filter(_.number.notnull())
    j = _with_path(tables, way, j).select("number", "returning", "value", "path")
    placed = first_record(tables["orders"], ("order_id",)).select("record_id", "region", own="order_id")
    j = j.inner_join(placed, j.number == placed.record_id)
    days = orders(tables).select("order_id", "date", "customer_id")
    who = _owned(tables).select("person", mine="order_id")
    j = j.inner_join(days, j.own == days.order_id).drop("own", "record_id", "number")
    return j.inner_join(who, j.order_id == who.mine).drop("mine")


def tested_paths(tables: Tables) -> Rows:
    """Return the paths of orders within a test: what its credit is counted on.

    Columns: ``experiment_id, shown`` (1, or 0: held out, who may have met the channel before the test), ``path,
    conversions, value``; of tests by customer, orders of customers enrolled, of tests by region, of its regions.
    """
    t = tables.once("channel_tests", channel_tests).select(
        "starts_on", "ends_on", "unit", tested="experiment_id"
    )
    a = tables.once("channel_assigned", _assigned).filter(_.arms == 1)
    a = a.select("experiment_id", "unit_id", "unit", "shown")
    a = a.inner_join(t, a.experiment_id == t.tested)
    o = tables.once("channel_ordered", ordered)
    parts = []
    for unit, key in (("customer", "customer_id"), ("region", "region")):
        own = a.filter(_.unit == unit)
        both = o.inner_join(own, [o[key] == own.unit_id, o.date >= own.starts_on, o.date < own.ends_on])
        parts.append(both.select("experiment_id", "shown", "path", "value"))
    return _added(ibis.union(*parts), "experiment_id", "shown", "path")


def quarter_paths(tables: Tables) -> Rows:
    """Return the paths of the last `RECENT` days' orders: ``path, returning, conversions, value``."""
    since = (ibis.date(tables.info.as_of) - ibis.interval(days=RECENT)).cast("date")
    return _added(tables.once("channel_ordered", ordered).filter(_.date >= since), "path", "returning")


def _added(rows: Rows, *by: str) -> Rows:
    return rows.group_by(*by).agg(conversions=_.count().cast("int64"), value=_.value.sum().cast(SUM))


def new_customers(tables: Tables) -> Rows:
    """Return what new customers came to by the first channel of their first path, since touches were recorded.

    Columns: ``channel, customers`` (first orders), ``followed`` (of a year before the end or earlier), ``revenue`` (of
    those followed, in their first `YEAR` days).
    """
    o = tables.once("channel_ordered", ordered)
    first = (
        o.filter(~_.returning)
        .group_by("person")
        .agg(began=_.date.min(), path=_.path.first(order_by="order_id"))
    )
    began = tables["touches"].agg(record=_.business_date.min())
    first = first.cross_join(began).filter(_.began >= _.record).drop("record")
    first = first.mutate(channel=_.path.split(" > ")[0])
    end = ibis.date(tables.info.as_of)
    first = first.mutate(old=(_.began + ibis.interval(days=YEAR)).cast("date") <= end)
    own = o.select("value", "date", whose="person")
    own = own.inner_join(first, own.whose == first.person)
    own = own.filter(_.old & (_.date.delta(_.began, unit="day") < YEAR))
    spent = own.group_by(of="channel").agg(revenue=_.value.sum().cast(SUM))
    found = first.group_by("channel").agg(
        customers=_.count().cast("int64"), followed=_.old.cast("int64").sum().cast("int64")
    )
    found = found.left_join(spent, found.channel == spent.of).drop("of")
    return found.mutate(revenue=ibis.coalesce(_.revenue, ibis.literal(0).cast(SUM)))


def campaigns(tables: Tables) -> Rows:
    """Return campaigns of creators: what they cost and reached, and what last click gives them.

    Columns: ``campaign_id, creator_id, name, followers, audience_match, suspicious, tone, starts_on, ends_on, cost,
    shown, clicked`` (visitors), ``claimed`` (orders within 7 days of a click, whatever else was met).
    """
    c = first_record(tables["campaigns"], ("campaign_id",)).filter(_.creator_id.notnull())
    k = first_record(tables["creators"], ("creator_id",))
    k = k.select("followers", "audience_match", "suspicious", "tone", known="creator_id", called="name")
    c = c.left_join(k, c.creator_id == k.known)
    t = tables["touches"].filter(_.campaign_id.notnull() & _.visitor_id.notnull())
    reach = t.group_by(of="campaign_id").agg(
        shown=_.visitor_id.nunique().cast("int64"),
        clicked=_.visitor_id.nunique(where=ibis.coalesce(t.kind, "click") == "click").cast("int64"),
    )
    c = c.left_join(reach, c.campaign_id == reach.of)
    claims = _claimed(tables, t)
    c = c.left_join(claims, c.campaign_id == claims["clicked_on"])
    zero = {n: ibis.coalesce(c[n], 0) for n in ("shown", "clicked", "claimed")}
    return c.select(
        "campaign_id", "creator_id", "followers", "audience_match", "suspicious", "tone", "starts_on", "ends_on",
        name=ibis.coalesce(c.called, c.creator_id), cost=c.cost.cast("float64"), **zero,
    )  # fmt: skip


def _claimed(tables: Tables, touches: Rows) -> Rows:
    """Return orders by the campaign of their latest click within 7 days: ``clicked_on, claimed``."""
    clicks = touches.filter(ibis.coalesce(_.kind, "click") == "click")
    clicks = clicks.select("at", "record_id", clicked_on="campaign_id", by="visitor_id")
    o = first_record(tables["orders"], ("order_id",)).filter(
        _.visitor_id.notnull() & (_.status != "cancelled")
    )
    o = o.select("order_id", "placed_at", buyer="visitor_id")
    o = o.mutate(since=o.placed_at - ibis.interval(days=7))
    both = o.inner_join(clicks, [o.buyer == clicks.by, clicks["at"] >= o.since, clicks["at"] <= o.placed_at])
    latest = both.group_by("order_id").agg(clicked_on=_.clicked_on.last(order_by=["at", "record_id"]))
    return latest.group_by("clicked_on").agg(claimed=_.count().cast("int64"))


def joined(tables: Tables) -> Rows:
    """Return when each customer signed up: ``customer_id, joined_at``."""
    rows = first_record(tables["customers"], ("customer_id",)).filter(_.signed_up_at.notnull())
    return rows.select("customer_id", joined_at=_.signed_up_at)


def invitations(tables: Tables) -> Rows:
    """Return invitations: ``number, inviter_id, invited_at, customer_id, joined_at``; exact copies left out."""
    rows = tables["referrals"].filter(~_.flags.contains("exact_duplicate") & _.inviter_id.notnull())
    return rows.select("inviter_id", "invited_at", "customer_id", "joined_at", number="record_id")


def kinds(tables: Tables) -> Rows:
    """Return what is known of channels: ``channel, place, paid``."""
    return first_record(tables["channels"], ("channel",)).select("channel", "place", "paid")


def given_tests(tables: Tables) -> Any:
    """Return tests of regions whose outcome is known in sums: ``experiment_id, starts_on, ends_on, region, shown``."""
    t = first_record(tables["experiments"], ("experiment_id",)).filter(_.unit == "region")
    arms = first_record(tables["experiment_arms"], ("experiment_id", "arm"))
    a = (
        tables["assignments"]
        .filter(_.region.notnull())
        .select("region", "arm", tested="experiment_id")
        .distinct()
    )
    t = t.select("experiment_id", "starts_on", "ends_on")
    a = a.inner_join(t, a.tested == t.experiment_id)
    control = arms.select("control", "arm", armed="experiment_id")
    a = a.inner_join(control, (a.experiment_id == control.armed) & (a["arm"] == control["arm"]))
    return a.select("experiment_id", "starts_on", "ends_on", "region", shown=(~_.control).cast("int64"))
