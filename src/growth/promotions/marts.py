"""Marts of ``03_promotions``.

Every estimate of an experiment rests on counts, sums and sums of products by arm and stratum at the randomised
unit. Sums are of exact numbers, so they are centred later without loss: a metric of mean 1e8 and standard deviation
1 keeps all its digits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis
from ibis import _

from growth.definitions import FAR, Tables, first_record, product
from growth.marts import Mart
from growth.promotions import measured_marts as measured
from growth.promotions import units as u
from growth.promotions.sums import sums_and_products
from growth.promotions.units import MONEY, SUM

if TYPE_CHECKING:
    from ibis.expr.types import Table as Rows

# What is added up for a unit, by window; `buyers` is 1 where there was an order.
WINDOWS = {
    "pre": ("visits", "orders", "revenue", "contribution"),
    "during": (
        "visits",
        "orders",
        "buyers",
        "revenue",
        "contribution",
        "discount",
        "redemptions",
        "messages",
    ),
    "post": ("visits", "orders", "revenue", "contribution"),
}
COLUMNS = tuple(f"{w}_{m}" for w, metrics in WINDOWS.items() for m in metrics)
SEGMENTS = (
    "tier",
    "city_tier",
    "channel",
)  # of customers, as of the assignment; others have their stratum alone
WIDE = "decimal(38, 8)"


def unit_totals(tables: Tables) -> Rows:
    """Return `_unit_totals`, worked out once."""
    return tables.once("unit_totals", _unit_totals)


def _unit_totals(tables: Tables) -> Rows:
    """Return what every unit did: ``experiment_id, arm, unit``, segments, and a column for each of `COLUMNS`.

    A unit without any fact has zeros. Units in several arms are left out (``arms`` counts them).
    """
    m = tables.once("moves", u.moves)
    sums = {}
    for window, metrics in WINDOWS.items():
        for metric in metrics:
            value = m.orders if metric == "buyers" else m[metric]
            sums[f"{window}_{metric}"] = ibis.ifelse(m.window == window, value, 0).sum().cast(MONEY)
    each = m.group_by("experiment_id", "unit").agg(**sums)
    each = each.mutate(during_buyers=ibis.ifelse(each.during_buyers > 0, 1, 0).cast(MONEY))
    all_units = with_segments(tables, u.units(tables).filter(_.arms == 1))
    joined = all_units.left_join(each, ["experiment_id", "unit"])
    return joined.select(
        "experiment_id", "arm", "unit", "fold", *SEGMENTS,
        **{c: ibis.coalesce(joined[c], ibis.literal(0).cast(MONEY)) for c in COLUMNS},
    )  # fmt: skip


def with_segments(tables: Tables, rows: Rows) -> Rows:
    """Add a customer's member tier when it was assigned, the tier of its city, and the channel that brought it.

    Of other units, ``tier`` is the stratum they were drawn in; what is not known is null.
    """
    none = ibis.null("string")
    # A key of its own: a condition on one side alone would be joined row by row.
    rows = rows.mutate(customer=ibis.ifelse(rows.kind == "customer", rows.id, none))
    found: dict[str, Any] = {"tier": rows.stratum, "city_tier": none, "channel": none}
    if "customers" in tables:
        c = first_record(tables["customers"], ("customer_id",))
        c = c.select(member=_.customer_id, region_of=_.region, came_by=_.acquisition_channel)
        rows = rows.left_join(c, rows.customer == c.member)
    if "customers" in tables and "regions" in tables:
        r = first_record(tables["regions"], ("region",)).select(place=_.region, size=_.tier)
        rows = rows.left_join(r, rows.region_of == r.place)
    if "memberships" in tables:
        rows = _with_tier(tables, rows)
    given = {"channel": "came_by", "city_tier": "size"}
    found |= {name: rows[column] for name, column in given.items() if column in rows.columns}
    found["tier"] = ibis.coalesce(rows.stratum, rows["held"] if "held" in rows.columns else none)
    return rows.mutate(**found)


def _with_tier(tables: Tables, rows: Rows) -> Rows:
    """Add ``held``: the tier when the unit was assigned, or when its experiment began; the first record decides."""
    m = tables["memberships"].select(
        "record_id", "valid_from", who=_.customer_id, held=_.tier, valid_to=ibis.coalesce(_.valid_to, FAR[1])
    )
    rows = rows.mutate(then=ibis.coalesce(rows.assigned_at, rows.begin.cast("timestamp")))
    wide = rows.left_join(
        m, (rows.customer == m.who) & (rows.then >= m.valid_from) & (rows.then < m.valid_to)
    )
    nth = ibis.row_number().over(ibis.window(group_by=("experiment_id", "unit"), order_by="record_id"))
    return (
        wide.mutate(_nth=nth)
        .filter(_._nth == 0)
        .drop("_nth", "then", "record_id", "valid_from", "valid_to", "who")
    )


def moments(tables: Tables) -> Rows:
    """Return sums and products of `COLUMNS` by experiment, arm, segments and fold (half of the units, by record)."""
    return sums_and_products(unit_totals(tables), ("experiment_id", "arm", "fold", *SEGMENTS), COLUMNS)


def categories(tables: Tables) -> Rows:
    """Return revenue by experiment, arm, category and window: ``total`` and ``squares`` over units, exact."""
    m = tables.once("moves", u.moves).filter(_.window != "pre")
    each = m.group_by("experiment_id", "arm", "unit", "window", "category").agg(
        value=_.revenue.sum().cast(MONEY)
    )
    each = each.filter(each.value != 0).mutate(category=ibis.coalesce(each.category, ibis.literal("(none)")))
    return each.group_by("experiment_id", "arm", "window", "category").agg(
        total=_.value.sum().cast(SUM), squares=product(each.value, each.value).sum().cast(WIDE)
    )


DAILY = ("orders", "revenue", "contribution")


def days(tables: Tables) -> Rows:
    """Return what each day adds to an arm's sums and sums of squares of what its units have had since the start.

    Columns: ``experiment_id, arm, day, entered`` (units assigned), and for each metric of `DAILY` ``<metric>`` and
    ``<metric>_squares``: cumulated over days they give a unit's mean and variance as of each day. Days during and
    after.
    """
    m = tables.once("moves", u.moves).filter(_.window != "pre")
    each = m.group_by("experiment_id", "arm", "unit", day=m.date).agg(
        **{x: m[x].sum().cast(MONEY) for x in DAILY}
    )
    so_far = ibis.window(group_by=("experiment_id", "unit"), order_by="day", preceding=None, following=0)
    each = each.mutate(**{f"{x}_until": each[x].sum().over(so_far).cast(MONEY) for x in DAILY})
    each = each.mutate(nobody=ibis.literal(0))
    made: dict[str, Any] = {"entered": each.nobody.sum().cast("int64")}
    for x in DAILY:
        now, before = each[f"{x}_until"], (each[f"{x}_until"] - each[x]).cast(MONEY)
        made[x] = each[x].sum().cast(SUM)
        made[f"{x}_squares"] = (product(now, now) - product(before, before)).sum().cast(WIDE)
    moved = each.group_by("experiment_id", "arm", "day").agg(**made)
    came = u.units(tables).filter(_.arms == 1)
    first_day = ibis.coalesce(u.local_date(tables, came.assigned_at), came.begin)
    came = came.mutate(day=ibis.greatest(first_day, came.begin), nothing=ibis.literal(0))
    entered = came.group_by("experiment_id", "arm", "day").agg(
        entered=_.count().cast("int64"),
        **{c: came.nothing.sum().cast(t) for c, t in _daily_columns().items()},
    )
    both = ibis.union(moved, entered.select(*moved.columns))
    return both.group_by("experiment_id", "arm", "day").agg(
        entered=_.entered.sum().cast("int64"),
        **{c: both[c].sum().cast(t) for c, t in _daily_columns().items()},
    )


def _daily_columns() -> dict[str, str]:
    """Return the columns of `days` that add up, and their types."""
    return {name: kind for x in DAILY for name, kind in ((x, SUM), (f"{x}_squares", WIDE))}


def values(tables: Tables) -> Rows:
    """Return how many units have which value of a metric: ``experiment_id, arm, metric, value, units``."""
    rows = unit_totals(tables)
    wanted = {
        "revenue": rows.during_revenue,
        "contribution": rows.during_contribution + rows.post_contribution,
    }
    parts = [
        rows.group_by("experiment_id", "arm", metric=ibis.literal(name), value=value.cast("float64")).agg(
            units=_.count().cast("int64")
        )
        for name, value in wanted.items()
    ]
    return ibis.union(*parts)


def designs(tables: Tables) -> Rows:
    """Return the experiments as they were laid down, one row each; the first record decides.

    ``goods_known``: whether the dataset knows what goods cost, so that contribution is more than revenue less handling.
    """
    found = u.experiments(tables).drop("record_id", "flags")
    return found.mutate(goods_known=ibis.literal("product_costs" in tables))


def arms(tables: Tables) -> Rows:
    """Return the arms as laid down, with their place, and those that only assignments name (``planned`` false)."""
    plain = {
        "planned_share": ibis.null("float64"),
        "control": ibis.null("boolean"),
        "unit_cost": ibis.null(MONEY),
        "place": ibis.null("int64"),
    }
    named = u.assignments(tables).select("experiment_id", "arm").distinct()
    if "experiment_arms" not in tables:
        return named.mutate(planned=ibis.literal(False), **plain)
    known = first_record(tables["experiment_arms"], ("experiment_id", "arm"))
    known = known.semi_join(u.experiments(tables), "experiment_id")
    known = known.select(
        "experiment_id",
        "arm",
        "planned_share",
        "control",
        "unit_cost",
        planned=ibis.literal(True),
        place=_.record_id,
    )
    more = named.anti_join(known, ["experiment_id", "arm"]).mutate(planned=ibis.literal(False), **plain)
    return ibis.union(known, more.select(*known.columns))


def metrics(tables: Tables) -> Rows:
    """Return what each experiment is judged by, as it was laid down; ``place`` is the order of the records."""
    key = ("experiment_id", "metric", "denominator", "window")
    found = first_record(tables["experiment_metrics"], key).semi_join(u.experiments(tables), "experiment_id")
    return found.drop("flags").rename(place="record_id")


def scope(tables: Tables) -> Rows:
    """Return what each experiment touches: ``experiment_id, product_id, category, region``."""
    found = tables["experiment_scope"].semi_join(u.experiments(tables), "experiment_id")
    return found.select("experiment_id", "product_id", "category", "region").distinct()


def checks(tables: Tables) -> Rows:
    """Return, by experiment and arm, what the validity of a test is judged by.

    Columns: ``rows`` (assignments), ``no_unit`` (rows without the id that the experiment's unit asks for),
    ``units``, ``twice`` (units that are in several arms), ``late`` (units assigned after the end), ``exposed``,
    ``exposed_before`` (units that saw their arm before they were given it), ``exposed_other`` (units that saw
    another arm).
    """
    a = u.assignments(tables)
    by_row = a.group_by("experiment_id", "arm").agg(
        rows=_.count().cast("int64"), no_unit=_.unit.isnull().sum().cast("int64")
    )
    every = u.units(tables)
    joined = _with_exposure(tables, every)
    late = ibis.coalesce(u.local_date(tables, joined.assigned_at) >= joined.end, ibis.literal(False))
    seen = joined.seen_at.notnull()
    by_unit = joined.group_by("experiment_id", "arm").agg(
        units=_.count().cast("int64"),
        twice=(joined.arms > 1).sum().cast("int64"),
        late=late.sum().cast("int64"),
        exposed=seen.sum().cast("int64"),
        exposed_before=(joined.seen_at < joined.assigned_at).fill_null(False).sum().cast("int64"),
        exposed_other=(joined.saw != joined.arm).fill_null(False).sum().cast("int64"),
    )
    found = by_row.left_join(by_unit, ["experiment_id", "arm"])
    counted = ("units", "twice", "late", "exposed", "exposed_before", "exposed_other")
    return found.select(
        "experiment_id", "arm", "rows", "no_unit",
        **{c: ibis.coalesce(found[c], ibis.literal(0, "int64")) for c in counted},
    )  # fmt: skip


def _with_exposure(tables: Tables, every: Rows) -> Rows:
    """Add ``seen_at`` and ``saw``: when a unit first saw an arm, and which; null without a table of exposures."""
    if "exposures" not in tables:
        return every.mutate(seen_at=ibis.null("timestamp"), saw=ibis.null("string"))
    x = u.with_kind(tables, tables["exposures"])
    x = x.mutate(whose=u.unit_id(x))
    first = x.group_by(of="experiment_id", whose="whose").agg(seen_at=_.exposed_at.min(), saw=_.arm.min())
    return every.left_join(first, (every.experiment_id == first.of) & (every.unit == first.whose))


def overlaps(tables: Tables) -> Rows:
    """Return pairs of experiments that ran at one time: ``experiment_id, other, shared`` (the units of both)."""
    e = designs(tables).select("experiment_id", "unit", "starts_on", "ends_on")
    f = e.rename(other="experiment_id", unit_f="unit", starts_f="starts_on", ends_f="ends_on")
    same = (e.experiment_id < f.other) & (e.starts_on < f.ends_f) & (f.starts_f < e.ends_on)
    pairs = e.inner_join(f, same).select("experiment_id", "other")
    every = u.units(tables).select("experiment_id", "kind", "unit")
    left = pairs.inner_join(every, "experiment_id").rename(mine="unit")
    right = every.select(there=_.experiment_id, their_kind=_.kind, theirs=_.unit)
    met = left.inner_join(
        right, (left.other == right.there) & (left.kind == right.their_kind) & (left.mine == right.theirs)
    )
    shared = met.group_by("experiment_id", "other").agg(shared=_.count().cast("int64"))
    found = pairs.left_join(shared, ["experiment_id", "other"])
    return found.select(
        "experiment_id", "other", shared=ibis.coalesce(found.shared, ibis.literal(0, "int64"))
    )


def trade(tables: Tables) -> Rows:
    """Return the shop's days: ``date, orders, revenue, contribution``, and ``list_level`` where prices are known.

    ``list_level`` is the mean log of list prices over what each product cost on its first day: what the shop asks
    before any promotion, which a forecast may need.
    """
    f = u.facts(tables).filter(_.date.notnull())
    days = f.group_by("date").agg(
        orders=_.orders.sum().cast("int64"),
        revenue=_.revenue.sum().cast(SUM),
        contribution=_.contribution.sum().cast(SUM),
    )
    if "prices" not in tables:
        return days
    level = _list_level(tables)
    found = days.left_join(level, days.date == level.day)
    return found.select("date", "orders", "revenue", "contribution", "list_level")


def _list_level(tables: Tables) -> Rows:
    p = first_record(
        tables["prices"].filter(_.list_price > 0), ("product_id", "price_list", "region", "date")
    )
    # A price that is tried in some regions is not what the shop asks, where one for everywhere is known.
    p = p.group_by("product_id", "date").agg(
        asked=ibis.coalesce(_.list_price.max(where=_.region.isnull()), _.list_price.max())
    )
    nth = ibis.row_number().over(ibis.window(group_by="product_id", order_by="date"))
    base = p.mutate(nth=nth).filter(_.nth == 0).select(of="product_id", first=_.asked)
    both = p.inner_join(base, p.product_id == base.of)
    ratio = (both.asked.cast("float64") / both["first"].cast("float64")).ln()
    # Six decimals and an exact sum: the same whatever the order.
    both = both.mutate(change=ratio.round(6).cast(measured.SCALED))
    found = both.group_by(day="date").agg(total=_.change.sum().cast("float64"), products=_.count())
    return found.select("day", list_level=found.total / found.products)


def events(tables: Tables) -> Rows:
    """Return the promotions that were not randomised, of type ``event``: ``promotion_id, name, starts_on, ends_on``."""
    p = first_record(tables["promotions"], ("promotion_id",)).filter(_.type == "event")
    p = p.select("promotion_id", "name", "starts_on", "ends_on")
    if "experiments" not in tables:
        return p
    tried = tables["experiments"].filter(_.promotion_id.notnull()).select("promotion_id").distinct()
    return p.anti_join(tried, "promotion_id")


_TRIED = ("experiments", "assignments")
_SOLD = (*_TRIED, "orders", "order_lines")
_WHOLE = ("all", "customers")
MARTS = {
    "designs": Mart(designs, ("experiment_id",), _TRIED),
    "arms": Mart(arms, ("experiment_id", "arm"), _TRIED),
    "metrics": Mart(metrics, ("experiment_id", "place"), (*_TRIED, "experiment_metrics")),
    "scope": Mart(
        scope, ("experiment_id", "product_id", "category", "region"), (*_TRIED, "experiment_scope")
    ),
    "checks": Mart(checks, ("experiment_id", "arm"), _TRIED),
    "overlaps": Mart(overlaps, ("experiment_id", "other"), _TRIED),
    "moments": Mart(moments, ("experiment_id", "arm", "fold", *SEGMENTS), _SOLD, _WHOLE),
    "categories": Mart(categories, ("experiment_id", "arm", "window", "category"), _SOLD, _WHOLE),
    "days": Mart(days, ("experiment_id", "arm", "day"), _SOLD, _WHOLE),
    "values": Mart(values, ("experiment_id", "arm", "metric", "value"), _SOLD, _WHOLE),
    "measured_names": Mart(
        measured.measured_names, ("experiment_id", "metric", "window"), (*_TRIED, "measurements")
    ),
    "measured": Mart(
        measured.measured,
        ("experiment_id", "arm", "fold", "complete", *measured.LEVELS),
        (*_TRIED, "measurements"),
    ),
    "measured_values": Mart(
        measured.measured_values, ("experiment_id", "arm", "metric", "value"), (*_TRIED, "measurements")
    ),
    "trade": Mart(trade, ("date",), ("orders", "order_lines")),
    "events": Mart(events, ("promotion_id",), ("promotions", "orders", "order_lines")),
}
