"""Marts of visits, the way to an order, steps and searches.

A person is the customer to whom the visitor was ever linked, visits before signing up included; where a visitor was
linked to several customers, the one of that time; else the visitor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
from ibis import _

from growth.behaviour.basket_marts import _whole
from growth.definitions import Tables, first_record, visits

if TYPE_CHECKING:
    from ibis.expr.types import Table as Rows

LONGEST = 4 * 3600  # seconds; a visit that never ended counts as so long
MACHINE_PAGES, MACHINE_PACE = 5, 2  # at least so many pages, each within so many seconds: no person reads so
MOST_PAGES = 300  # more in one visit than a person looks at
WEEK, MONTH = 7, 30  # days
STAGES = ("view", "cart", "checkout", "purchase")
START, END = "start", "end"


def _sessions(tables: Tables) -> Rows:
    """Return a row a visit: its session's columns, ``person``, ``known`` and ``machine``."""
    own = visits(tables)
    s = first_record(tables["sessions"], ("session_id",))
    s = s.select("record_id", "device", "channel", "pages", "seconds", own=_.session_id)
    own = own.inner_join(s, own.session_id == s.own)
    sole = tables["visitors"].filter(_.customer_id.notnull()).group_by(device_of="visitor_id")
    sole = sole.agg(owner=_.customer_id.min(), last=_.customer_id.max()).filter(_.owner == _.last)
    own = own.left_join(sole, own.visitor_id == sole.device_of).mutate(
        customer_id=ibis.coalesce(_.owner, _.customer_id)
    )
    fast = (_.pages >= MACHINE_PAGES) & (_.seconds < _.pages * MACHINE_PACE)
    return own.select(
        "record_id", "session_id", "date", "at", "pages", "device", "channel",
        person=ibis.coalesce(_.customer_id, _.visitor_id), known=_.customer_id.notnull(),
        seconds=ibis.ifelse(_.seconds > LONGEST, LONGEST, _.seconds),
        machine=(fast | (_.pages > MOST_PAGES)).fill_null(False),
    )  # fmt: skip


def sessions(tables: Tables) -> Rows:
    """Return the visits of people: those of `_sessions` that no machine made."""
    return tables.once("behaviour_sessions", _sessions).filter(~_.machine).drop("machine")


def machines(tables: Tables) -> Rows:
    """``machine, visits, pages``: visits that look like a machine's though not known to be one, and the others."""
    every = tables.once("behaviour_sessions", _sessions)
    found = every.group_by("machine").agg(visits=_.count().cast("int64"), pages=_.pages.sum())
    return found.mutate(pages=_.pages.fill_null(0).cast("int64"))


def _events(tables: Tables) -> Rows:
    """Return events of people's visits in order: ``session_id, person, type, query, results, bought, next_type``."""
    e = tables["events"].filter(~_.flags.contains("exact_duplicate"))
    e = e.select("record_id", "type", "query", "results", own=_.session_id, moment=_["at"])
    own = sessions(tables).select("session_id", "person")
    found = own.inner_join(e, own.session_id == e.own).drop("own")
    order = ibis.window(group_by="session_id", order_by=["moment", "record_id"])
    whole = ibis.window(group_by="session_id", preceding=None, following=None)
    return found.mutate(
        place=ibis.row_number().over(order).cast("int64"),
        next_type=_.type.lead().over(order),
        bought=(_.type == "purchase").cast("int64").max().over(whole) == 1,
    )


def events(tables: Tables) -> Rows:
    """Return the events of people's visits, once computed."""
    return tables.once("behaviour_events", _events)


def steps(tables: Tables) -> Rows:
    """``step, then, times``: what follows what within visits, from `START` to `END`; of each, how often."""
    e = events(tables)
    inner = e.select(step="type", then=ibis.coalesce(_.next_type, END))
    first = e.filter(_.place == 0).select(step=ibis.literal(START), then="type")
    return ibis.union(inner, first).group_by("step", "then").agg(times=_.count().cast("int64"))


def _reached(tables: Tables) -> Rows:
    """Return of each visit whether it reached each stage: its own event, or one of a later stage."""
    done = {s: (_.type == s).cast("int64").max() for s in STAGES}
    found = events(tables).group_by(own="session_id").agg(**done)
    later = {s: ibis.greatest(*[_[t] for t in STAGES[i:]]) for i, s in enumerate(STAGES[:-1])}
    return found.mutate(**later)


def _journeys(tables: Tables) -> Rows:
    own, reached = sessions(tables), _reached(tables)
    both = own.left_join(reached, own.session_id == reached.own).drop("own")
    return both.mutate(**{s: both[s].fill_null(0) for s in STAGES})


def people(tables: Tables) -> Rows:
    """``person, …``: what each person did; a row a person.

    ``visits, measured`` (visits whose length is known), ``seconds, pages, paged`` (visits whose pages are known);
    visits that reached each stage, and ``left`` (a cart without a purchase); ``known`` (1: a customer),
    ``first`` (day of the first visit), ``wait`` (days from it to the first visit with a purchase; null: none),
    ``channel`` and ``device`` of the first visit.
    """
    j = tables.once("behaviour_journeys", _journeys)
    found = j.group_by("person").agg(
        visits=_.count().cast("int64"), measured=_whole(_.seconds.notnull()), seconds=_.seconds.sum(),
        paged=_whole(_.pages.notnull()), pages=_.pages.sum(), **{s: _[s].sum().cast("int64") for s in STAGES},
        left=_whole((_.cart == 1) & (_.purchase == 0)), known=_.known.cast("int64").max(), first=_.date.min(),
        bought=ibis.ifelse(_.purchase == 1, _.date, None).min(),
    )  # fmt: skip
    found = found.mutate(
        seconds=_.seconds.fill_null(0).cast("int64"), pages=_.pages.fill_null(0).cast("int64"),
        wait=_.bought.delta(_["first"], unit="day").cast("int64"),
    ).drop("bought")  # fmt: skip
    place = ibis.row_number().over(group_by="person", order_by=["at", "record_id"])
    start = j.mutate(place=place).filter(_.place == 0).select("channel", "device", who="person")
    found = found.inner_join(start, found.person == start.who).drop("who")
    return found.left_join(_presence(tables), "person").drop("person_right")


def _days(tables: Tables) -> Rows:
    """Return ``person, date, before, after``: days on which a person came, and the nearest others."""
    own = sessions(tables).select("person", "date").distinct()
    order = ibis.window(group_by="person", order_by="date")
    return own.mutate(before=_.date.lag().over(order), after=_.date.lead().over(order))


def _plus(date: ibis.Value, days: int) -> ibis.Value:
    return (date + ibis.interval(days=days)).cast("date")


def _presence(tables: Tables) -> Rows:
    """Return ``person, active, present``: days here, and days on which here within `MONTH`, once a month has passed."""
    days = tables.once("behaviour_days", _days)
    floor = days.date.min().as_scalar()
    since, end = _plus(floor, MONTH - 1), ibis.date(tables.info.as_of)
    upto = ibis.least(_plus(days.date, MONTH), ibis.coalesce(days.after, end), end)
    length = upto.delta(ibis.greatest(days.date, since), unit="day").cast("int64")
    found = days.mutate(covered=ibis.greatest(length, 0), counted=(days.date >= since).cast("int64"))
    return found.group_by("person").agg(
        active=_.counted.sum().cast("int64"), present=_.covered.sum().cast("int64")
    )


def daily(tables: Tables) -> Rows:
    """``date, active, begin_7, end_7, begin_30, end_30``: who came, and whose week or month of presence began or ended.

    The running sum of begins less ends is how many were here within so many days: no day is counted over again.
    """
    days = tables.once("behaviour_days", _days)
    names = ("active", *(f"{edge}_{w}" for w in (WEEK, MONTH) for edge in ("begin", "end")))

    def one(rows: Rows, name: str) -> Rows:
        return rows.select("date", **{n: ibis.literal(int(n == name), "int64") for n in names})

    parts = [one(days, "active")]
    for w in (WEEK, MONTH):
        began = days.filter(_.before.isnull() | (_plus(_.before, w) < _.date))
        ended = days.filter(_.after.isnull() | (_plus(_.date, w) < _.after))
        parts += [one(began, f"begin_{w}"), one(ended.mutate(date=_plus(_.date, w)), f"end_{w}")]
    return ibis.union(*parts).group_by("date").agg(**{n: _[n].sum().cast("int64") for n in names})


def lengths(tables: Tables) -> Rows:
    """Count visits by length in seconds and by pages: ``what, value, visits``."""
    own = sessions(tables)
    parts = [own.select(what=ibis.literal(c), value=own[c]) for c in ("seconds", "pages")]
    every = ibis.union(*parts).filter(_.value.notnull())
    return every.group_by("what", "value").agg(visits=_.count().cast("int64"))


def searches(tables: Tables) -> Rows:
    """``query, …``: a row a search term as it was typed.

    ``searches`` and ``nothing`` (of them, with no result); and people: ``people``, ``empty`` (found nothing at least
    once), ``looked`` (looked at a product right after, at least once), ``bought`` (in the same visit).
    """
    s = events(tables).filter((_.type == "search") & _["query"].notnull())
    each = s.group_by("query", "person").agg(
        searches=_.count().cast("int64"), nothing=_whole(_.results == 0),
        looked=(_.next_type == "view").fill_null(False).cast("int64").max(), bought=_.bought.cast("int64").max(),
    )  # fmt: skip
    return each.group_by("query").agg(
        searches=_.searches.sum().cast("int64"), nothing=_.nothing.sum().cast("int64"),
        people=_.count().cast("int64"), empty=_whole(_.nothing > 0), looked=_.looked.sum().cast("int64"),
        bought=_.bought.sum().cast("int64"),
    )  # fmt: skip
