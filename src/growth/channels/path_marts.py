"""Marts of ``05_channels``: from touches and orders to paths, and what was left out on the way.

A path is what a person met before an order, since the order before; who never ordered, or not since, has one path that
ended in nothing. A touch is packed in one whole number (time, shown or clicked, channel), so that a path is a sorted
list of numbers: the cheapest thing that an engine can group, sort and cut. Touches of one microsecond follow each other
as things shown before clicks, then by name.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import ibis
from ibis import _

from growth import clock
from growth.definitions import FAR, Tables, first_record, orders, period_start, purchases
from growth.errors import UserError

if TYPE_CHECKING:
    from ibis.expr.types import Table as Rows

MONEY, SUM = "decimal(18, 4)", "decimal(38, 4)"
SEPARATOR = " > "
COLLAPSES = ("none", "consecutive", "first of each")
HOUR = 3_600_000_000  # microseconds
_CODE_BITS, _TIME_BITS = 11, 51  # 2,048 channels; 71 years before the end of the data
_LAST_CODE = (1 << _CODE_BITS) - 1
_SHIFT = _CODE_BITS + 1
_LATEST = (1 << _TIME_BITS) - 2  # within the day after the end of the data
REST = "(other channels)"  # those beyond the 2,047 first
VISIT_MINUTES = 30  # between a touch and the visit that it brought


@dataclass(frozen=True)
class Way:
    """How touches become paths.

    Parameters
    ----------
    days : float
        A click counts this long before the order; on a path without order, before its last touch.
    impression_hours : float
        So does something shown.
    steps : int
        Only the last so many steps of a path are kept.
    collapse : str
        ``none``; ``consecutive``: touches of one channel in a row are one step, at the time of the latest; ``first of
        each``: a channel counts once, where it came first.
    direct : str
        What the path of an order without any touch is called.
    direct_visits : bool
        Whether visits that no channel brought are steps too.
    buckets : int
        Groups of people, for intervals.
    """

    days: float = 30
    impression_hours: float = 24
    steps: int = 20
    collapse: str = "consecutive"
    direct: str = "direct"
    direct_visits: bool = False
    buckets: int = 200

    def __post_init__(self) -> None:
        if self.collapse not in COLLAPSES:
            raise UserError(f"A path collapses {', '.join(map(repr, COLLAPSES))}, not {self.collapse!r}.")
        if self.days <= 0 or self.impression_hours < 0 or self.steps < 1 or self.buckets < 1:
            raise UserError("Windows, steps and groups of people of channel paths must be positive.")
        if not self.direct.strip() or ">" in self.direct:
            raise UserError(
                f"The path of an order without a touch needs a name without '>', not {self.direct!r}."
            )


def way_of(tables: Tables) -> Way:
    """Return the way that ``definitions`` of ``params.yaml`` name."""
    words = tables.words
    return Way(days=words.click_days, impression_hours=words.view_hours, steps=words.path_steps)


def people(tables: Tables) -> Rows:
    """Return whom a visitor belongs to when: ``linked`` (visitor), ``owner`` (customer), ``since`` up to ``until``.

    A link reaches back to the end of the one before, or to the beginning: what somebody met before signing up is
    theirs. After the last link's end the visitor is somebody unknown: a row without owner.
    """
    links = first_record(tables["visitors"], ("visitor_id", "valid_from")).filter(_.customer_id.notnull())
    links = links.select(
        "record_id", linked=_.visitor_id, owner=_.customer_id, begins=ibis.coalesce(_.valid_from, FAR[0]),
        ends=ibis.coalesce(_.valid_to, FAR[1]),
    )  # fmt: skip
    own = ibis.window(group_by="linked", order_by=["begins", "record_id"])
    links = links.mutate(until=ibis.least(_.ends, ibis.coalesce(_.begins.lead().over(own), FAR[1])))
    links = links.mutate(since=ibis.coalesce(_.until.lag().over(own), FAR[0]))
    after = links.group_by("linked").agg(since=_.until.max()).filter(_.since < FAR[1])
    after = after.mutate(owner=ibis.null("string"), until=FAR[1])
    columns = ("linked", "owner", "since", "until")
    parts = [p.select(*columns).cast(dict(since="timestamp", until="timestamp")) for p in (links, after)]
    return ibis.union(*parts).filter(_.since < _.until)


def _micros(tables: Tables, at: Any) -> Any:
    """Return microseconds since the first moment that fits, 71 years before the end of the data; at most `_LATEST`."""
    end = clock.start_of_day(tables.info.as_of, tables.info.timezone) + dt.timedelta(days=1)
    first = end - dt.timedelta(microseconds=1 << _TIME_BITS)
    since = at.delta(ibis.timestamp(first), unit="microsecond")
    return ibis.least(ibis.greatest(since, 0), _LATEST)


def _names(tables: Tables, direct: str) -> Rows:
    """Return ``raw, name, code``: every label of a channel, how a path calls it, and its number.

    A name must not hold what separates steps: spaces beside '>' go.
    """
    raw = tables["touches"].select(raw="channel").filter(_.raw.notnull()).distinct()
    raw = ibis.union(raw, ibis.memtable({"raw": [direct]}), distinct=True)
    name = raw.raw.strip().replace("> ", ">").replace(" >", ">")
    raw = raw.mutate(name=name).filter(_.name != "")
    code = ibis.dense_rank().over(ibis.window(order_by="name"))
    raw = raw.mutate(code=ibis.least(code.cast("int64"), _LAST_CODE))
    return raw.mutate(name=ibis.ifelse(_.code == _LAST_CODE, REST, _.name))


def _touched(tables: Tables, way: Way) -> Rows:
    """Return the touches that may count: ``record_id, customer_id, visitor_id, at, click, code``."""
    t = tables["touches"].filter(~_.flags.contains("exact_duplicate"))
    t = t.filter(_.customer_id.notnull() | _.visitor_id.notnull())
    names = tables.once(f"channel_names {way.direct}", lambda own: _names(own, way.direct))
    t = t.inner_join(names, t.channel == names.raw)
    click = ibis.ifelse(ibis.coalesce(t.kind, "click") == "click", 1, 0).cast("int64")
    found = t.select("record_id", "customer_id", "visitor_id", "at", "code", click=click)
    if not way.direct_visits:
        return found
    return ibis.union(found, _direct_visits(tables, way, names).select(*found.columns))


def _direct_visits(tables: Tables, way: Way, names: Rows) -> Rows:
    """Return visits that no channel brought, as touches: no touch within `VISIT_MINUTES`, no channel named."""
    s = first_record(tables["sessions"], ("session_id",)).filter(~_.bot.fill_null(False))
    s = s.filter(_.channel.isnull() | (_.channel == way.direct))
    s = s.select("record_id", "visitor_id", "session_id", at=_.started_at)
    s = s.mutate(early=s["at"] - ibis.interval(minutes=VISIT_MINUTES))
    s = s.mutate(late=s["at"] + ibis.interval(minutes=VISIT_MINUTES))
    t = tables["touches"].filter(_.visitor_id.notnull()).select(met="visitor_id", when="at")
    near = s.inner_join(t, (s.visitor_id == t.met) & (t.when >= s.early) & (t.when <= s.late))
    s = s.anti_join(near.select("session_id").distinct(), "session_id")
    code = names.filter(_.raw == way.direct).select("code")
    return s.cross_join(code).mutate(customer_id=ibis.null("string"), click=ibis.literal(1, "int64"))


def _spans(tables: Tables, way: Way) -> Rows:
    """Return the time before each order of a person, and after the last one.

    Columns: ``owner, nth`` (from 0), ``since, upto``; of the order ``number`` (its record; null: none came),
    ``end`` (microseconds), ``value``; ``group`` (of the person).
    """
    o = _owned(tables).filter(_.person.notnull())
    lines = purchases(tables).group_by(sold="order_id").agg(value=_.amount.sum().cast(SUM))
    o = o.left_join(lines, o.order_id == lines.sold)
    own = ibis.window(group_by="person", order_by=["at", "record_id"])
    whole = ibis.window(group_by="person", order_by=["at", "record_id"], preceding=None, following=None)
    o = o.mutate(
        nth=ibis.row_number().over(own).cast("int64"),
        since=ibis.coalesce(o["at"].lag().over(own), FAR[0]).cast("timestamp"),
        group=o.record_id.first().over(whole) % way.buckets,
    )
    before = o.select(
        "nth", "since", "group", owner="person", upto=_["at"].cast("timestamp"), number="record_id",
        end=_micros(tables, o["at"]), value=ibis.coalesce(_.value, ibis.literal(0).cast(SUM)),
    )  # fmt: skip
    after = before.group_by("owner", "group").agg(nth=_.nth.max() + 1, since=_.upto.max().cast("timestamp"))
    nothing = dict(number="int64", end="int64", value=SUM)
    after = after.mutate(upto=FAR[1].cast("timestamp"), **{c: ibis.null(t) for c, t in nothing.items()})
    return ibis.union(before, after.select(*before.columns))


def _owned(tables: Tables) -> Rows:
    """Return the orders that count with ``person`` (null: nobody is known) and ``at``, when they were placed."""
    placed = first_record(tables["orders"], ("order_id",)).select("record_id", own="order_id", at="placed_at")
    o = orders(tables)
    o = o.inner_join(placed, o.order_id == placed.own)
    if "visitors" not in tables:
        return o.mutate(person=ibis.coalesce(o.customer_id, o.visitor_id))
    who = tables.once("channel_people", people)
    o = o.left_join(who, (o.visitor_id == who.linked) & (o["at"] >= who.since) & (o["at"] < who.until))
    return o.mutate(person=ibis.coalesce(o.customer_id, o.owner, o.visitor_id)).drop("since", "until")


def journeys(tables: Tables, way: Way | None = None) -> Rows:
    """Return a row a path of a person: what the marts below add up.

    Columns: ``number`` (record of the order; null: none), ``returning`` (the person had ordered before), ``value``,
    ``group``, ``steps`` (packed touches in the order of time; null: none) and ``end`` (microseconds); of its touches
    how many there were, ``touches``, and how many are no step and why: ``old, shown_early, again, cut``.
    """
    way = way or way_of(tables)
    spans = tables.once(f"channel_spans {way.buckets}", lambda own: _spans(own, way))
    met = tables.once(f"channel_met {way}", lambda own: _met(own, way, spans))
    ordered = spans.filter(_.number.notnull()).select("number", "nth", "value", "group")
    untouched = ordered.anti_join(met, ordered.number == met.order)
    untouched = untouched.mutate(
        steps=ibis.null("array<int64>"),
        end=ibis.null("int64"),
        **{c: ibis.literal(0, "int64") for c in _LEFT},
    )
    kept = _kept(met, way).rename(nth="place", number="order")
    values = ordered.select("value", sold="number")
    kept = kept.left_join(values, kept.number == values.sold)
    own = ("number", "value", "group", "nth", "steps", "end", *_LEFT)
    rows = ibis.union(kept.select(*own), untouched.select(*own))
    return rows.mutate(returning=rows.nth > 0).drop("nth")


def _with_path(tables: Tables, way: Way, rows: Rows) -> Rows:
    """Add ``path``, the names of the steps, to journeys."""
    names = tables.once(f"channel_names {way.direct}", lambda own: _names(own, way.direct))
    names = names.select("code", "name").distinct().agg(names=_.name.collect(order_by=_.code))
    rows = rows.cross_join(names)
    labels = rows.steps.map(lambda k: rows.names[k & _LAST_CODE])
    return rows.mutate(path=ibis.coalesce(labels.join(SEPARATOR).nullif(""), way.direct)).drop("names")


_LEFT = ("touches", "old", "shown_early", "again", "cut")


def _met(tables: Tables, way: Way, spans: Rows) -> Rows:
    """Return what each person met in each span: ``person, place, order, end, group, all`` (packed, sorted).

    ``early`` and ``shown``: the packed times from which on clicks, and things shown, count.
    """
    t = _of_people(tables, way)
    spans = spans.mutate(
        low=(_micros(tables, _.since) + 1) << _SHIFT, high=(_micros(tables, _.upto) + 1) << _SHIFT
    )
    t = t.left_join(spans, t.person == spans.owner)
    own = ibis.ifelse(t.nth.isnull(), t["all"], _between(t["all"], t.low, t.high))
    found = t.select(
        "person", place=ibis.coalesce(t.nth, 0), order=t.number, end=t.end, all=own,
        group=ibis.coalesce(t.group, t["first"] % way.buckets),
    )  # fmt: skip
    found = found.filter(_["all"].length() > 0)
    latest = found["all"][found["all"].length() - 1] >> _SHIFT
    found = found.mutate(end=ibis.coalesce(found.end, latest))
    days = int(way.days * 24 * HOUR)
    early, shown = (
        (found.end - span) << _SHIFT for span in (days, min(days, int(way.impression_hours * HOUR)))
    )
    return found.mutate(early=early, shown=shown)


def _between(keys: Any, low: Any, high: Any) -> Any:
    return keys.filter(lambda k: (k >= low) & (k < high))


def _of_people(tables: Tables, way: Way) -> Rows:
    """Return ``person, first`` (record), ``all``: what each met, packed and in the order of time.

    A person is the customer, or else the visitor alone; a customer and a visitor never have the same pseudonym.
    """
    t = _touched(tables, way)
    key = ((_micros(tables, t["at"]) << 1) + t.click) << _CODE_BITS
    t = t.mutate(key=key + t.code)
    person = ibis.coalesce(t.customer_id, t.visitor_id)
    if "visitors" in tables:
        who = tables.once("channel_people", people)
        t = t.left_join(who, (t.visitor_id == who.linked) & (t["at"] >= who.since) & (t["at"] < who.until))
        person = ibis.coalesce(t.customer_id, t.owner, t.visitor_id)
    t = t.group_by(person=person).agg(first=_.record_id.min(), all=_.key.collect(include_null=True))
    return t.mutate(all=t["all"].sort())


def _kept(met: Rows, way: Way) -> Rows:
    """Add ``steps``, the touches that are steps, in order of time, and how many are not, by reason."""
    is_click = 1 << _CODE_BITS
    near = met.mutate(
        recent=met["all"].filter(lambda k: k >= met.early),
        near=met["all"].filter(lambda k: (k >= met.shown) | ((k >= met.early) & ((k & is_click) > 0))),
    )
    once = near.mutate(once=_collapsed(near.near, way.collapse))
    found = once.mutate(steps=once.once[-way.steps :])
    sizes = [found[c].length() for c in ("all", "recent", "near", "once", "steps")]
    lost = {c: a - b for c, a, b in zip(_LEFT[1:], sizes[:-1], sizes[1:], strict=True)}
    found = found.mutate(touches=sizes[0], **lost).filter(_.order.notnull() | (sizes[-1] > 0))
    return found.drop("all", "recent", "near", "once", "early", "shown")


def _collapsed(steps: Any, how: str) -> Any:
    if how == "none":
        return steps
    if how == "first of each":
        codes = steps.map(lambda k: k & _LAST_CODE)
        return steps.filter(lambda k, i: codes.index(k & _LAST_CODE) == i)
    return steps.filter(lambda k, i: (k & _LAST_CODE) != ibis.coalesce(steps[i + 1] & _LAST_CODE, -1))


def paths(tables: Tables, way: Way | None = None) -> Rows:
    """Return the distinct paths: ``path, returning, conversions, value, nulls``.

    ``returning``: the person had ordered before. Where data begin in mid-life, somebody's first order here may not be
    the first.
    """
    way = way or way_of(tables)
    return _counted(_with_path(tables, way, journeys(tables, way)), ("path", "returning"))


def paths_by_group(tables: Tables, way: Way | None = None) -> Rows:
    """Return the paths by group of people, which are drawn together: ``path, returning, cluster, …`` as `paths`."""
    way = way or way_of(tables)
    rows = _with_path(tables, way, journeys(tables, way)).rename(cluster="group")
    return _counted(rows, ("path", "returning", "cluster"))


def _counted(rows: Rows, by: tuple[str, ...]) -> Rows:
    return rows.group_by(*by).agg(
        conversions=_.number.count().cast("int64"),
        value=ibis.coalesce(_.value.sum().cast(SUM), ibis.literal(0).cast(SUM)),
        nulls=_.number.isnull().sum().cast("int64"),
    )


def given_paths(tables: Tables) -> Rows:
    """Return the table of paths as `paths`, ``returning`` null: for shops that have no single touches.

    Rows of one path are added up in twelve decimals, exact in any order.
    """
    exact = "decimal(38, 12)"
    rows = tables["paths"]
    found = rows.group_by(path=_.path.strip()).agg(
        **{
            c: ibis.coalesce(rows[c], 0.0).cast(exact).sum().cast("float64")
            for c in ("conversions", "value", "nulls")
        }
    )
    return found.mutate(returning=ibis.null("boolean")).select(
        "path", "returning", "conversions", "value", "nulls"
    )


def timed_paths(tables: Tables, way: Way | None = None) -> Rows:
    """Return a row an order, for credit that fades with time, which paths without conversion do not take part in.

    Columns: ``number`` (its record), ``path``, ``hours`` (from each step to the order), ``returning, conversions`` (1),
    ``value, cluster``.
    """
    way = way or way_of(tables)
    rows = _with_path(tables, way, journeys(tables, way).filter(_.number.notnull()))
    hours = rows.steps.map(lambda k: ((rows.end - (k >> _SHIFT)) / HOUR).round(4).cast("string"))
    return rows.select(
        "number",
        "path",
        "returning",
        "value",
        conversions=ibis.literal(1, "int64"),
        cluster="group",
        hours=ibis.coalesce(hours.join(" ").nullif(""), "0"),
    )


def left_out(tables: Tables, way: Way | None = None) -> Rows:
    """Return ``what`` (touches or orders), ``reason, rows``: what became of every touch and every order that counts.

    ``a step of a path`` and ``on a path`` count what was not left out, so that rows add up to all there are; with
    `Way.direct_visits`, visits taken as steps are among the touches.
    """
    way = way or way_of(tables)
    j = journeys(tables, way)
    lost = {
        "earlier than the window of clicks": j.old.sum(),
        "shown earlier than the window of things shown": j.shown_early.sum(),
        "of the channel of another step": j.again.sum(),
        f"before the last {way.steps} steps": j.cut.sum(),
        "a step of a path": (j.touches - j.old - j.shown_early - j.again - j.cut).sum(),
    }
    parts = [
        j.agg(rows=n).mutate(what=ibis.literal("touches"), reason=ibis.literal(r)) for r, n in lost.items()
    ]
    t = tables["touches"]
    copy = t.flags.contains("exact_duplicate")
    nobody = t.customer_id.isnull() & t.visitor_id.isnull()
    blank = ibis.coalesce(t.channel.strip(), "") == ""
    o = _owned(tables)
    direct = j.number.notnull() & (j.touches - j.old - j.shown_early <= 0)
    before = {
        ("touches", "the same touch again"): t.agg(rows=copy.sum()),
        ("touches", "of nobody"): t.agg(rows=(~copy & nobody).sum()),
        ("touches", "without a channel"): t.agg(rows=(~copy & ~nobody & blank).sum()),
        ("orders", "of nobody"): o.agg(rows=o.person.isnull().sum()),
        ("orders", "without a touch, so direct"): j.agg(rows=direct.sum()),
        ("orders", "on a path"): j.agg(rows=(j.number.notnull() & ~direct).sum()),
    }
    parts += [p.mutate(what=ibis.literal(w), reason=ibis.literal(r)) for (w, r), p in before.items()]
    every = reduce(ibis.union, [p.select("what", "reason", rows=_.rows.cast("int64")) for p in parts])
    return every.mutate(rows=ibis.coalesce(_.rows, 0))


def spend_by_day(tables: Tables) -> Rows:
    """Return what channels cost: ``channel, region`` (null: all), ``date, week, cost, impressions, clicks``."""
    rows = first_record(tables["spend"], ("channel", "region", "date"))
    week = period_start(rows.date, "week", tables.words.week_starts)
    return rows.select("channel", "region", "date", "cost", "impressions", "clicks", week=week)


def outcomes(tables: Tables) -> Rows:
    """Return what came of a day in a region, where single orders are not at hand: ``region, date, value``."""
    return first_record(tables["outcomes"], ("region", "date")).select("region", "date", "value")
