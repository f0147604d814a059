"""Marts of ``04_price``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis
from ibis import _

from growth.definitions import FAR, Tables, first_record, period_start, purchases
from growth.marts import Mart

if TYPE_CHECKING:
    from ibis.expr.types import Table as Rows
    from ibis.expr.types import Value

BURST, TIMES = 8, 5  # orders of a product, week and region, and times as many as usual: see `plain`
CENTS, SUM = "decimal(18, 4)", "decimal(38, 4)"
RECENT = 91  # days that stock is judged on
TRIAL = 56  # days in which a new product may be tried, and in which it may be bought again


def _week(tables: Tables, date: Any) -> Any:
    return period_start(date, "week", tables.words.week_starts)


def _now(tables: Tables) -> Any:
    return ibis.date(tables.info.as_of)


def _mean(values: Any) -> Any:
    """Return a mean whose bits do not depend on the order of rows: the exact sum over the count."""
    return values.sum().cast("float64") / values.count()


def panel(tables: Tables) -> Rows:
    """Return a row a product and week in which it was sold or on sale, of weeks that are over.

    Columns: ``product_id, week`` (first day), ``units, revenue, lines``, ``line_price`` (median of what a unit cost, by
    line; revenue / units is lower where many are bought cheaply); from the price list of everyone ``days`` (on sale),
    ``list_price, price`` (means of the days), ``promoted`` (days); ``unit_cost`` (on the week's last day), ``rival,
    rivals`` (the lowest and the mean of competitors' prices, means of the days seen), ``hours_out`` (hours without
    stock); null: not known; ``aside``: units of bursts, which are not in any of it (`plain`).
    """
    rows = tables.once("price_plain", plain)
    return _whole_weeks(tables, _sold(rows), _offered(tables, _everyone(tables)))


def panel_regions(tables: Tables) -> Rows:
    """Return the panel by region: ``region, tier`` (of the region) and the columns of `panel`.

    It has rows only where every price is one of a region; where a price holds everywhere, `panel` tells as much. Cost,
    competitors and stock are those of all regions.
    """
    rows = _lists(tables).filter(_.everywhere == 0)
    sold = tables.once("price_plain", plain).filter(_.region.notnull())
    offered = _offered(tables, rows, "region")
    found = _whole_weeks(tables, _sold(sold, "region"), offered, "region")
    found = found.semi_join(rows, [found.region == rows.region])  # no row where a price holds everywhere
    if "regions" not in tables:
        return found.mutate(tier=ibis.null("string"))
    r = first_record(tables["regions"], ("region",)).select("tier", place=_.region)
    return found.left_join(r, found.region == r.place).drop("place")


def plain(tables: Tables) -> Rows:
    """Return purchases without bursts: `purchases` and ``burst``, the units set aside, in rows of their own.

    A burst is a product's week in a region with at least `BURST` orders and `TIMES` as many as the region's share of
    all orders lets expect: made-up orders, a reseller. It says nothing of how demand answers the price.
    """
    sold = purchases(tables).mutate(week=_week(tables, _.date))
    placed = first_record(tables["orders"], ("order_id",)).select("region", placed=_.order_id)
    sold = sold.left_join(placed, sold.order_id == placed.placed).drop("placed")
    regions = sold.group_by(place="region").agg(own=_.order_id.nunique())
    every = sold.agg(every=_.order_id.nunique())
    here = sold.filter(_.region.notnull()).group_by(p="product_id", w="week", place="region")
    here = here.agg(orders=_.order_id.nunique())
    all_over = sold.group_by(q="product_id", v="week").agg(total=_.order_id.nunique())
    here = here.inner_join(all_over, (here.p == all_over.q) & (here.w == all_over.v))
    here = here.inner_join(regions, "place").cross_join(every)
    bursts = here.filter((_.orders >= BURST) & (_.orders * _.every >= TIMES * _.total * _.own))
    bursts = bursts.select("p", "w", "place")
    same = (sold.product_id == bursts.p) & (sold.week == bursts.w) & (sold.region == bursts.place)
    return sold.left_join(bursts, same).mutate(burst=_.p.notnull()).drop("p", "w", "place")


def _sold(rows: Rows, *where: str) -> Rows:
    usual, zero = ~rows.burst, ibis.literal(0).cast(SUM)
    return rows.group_by("product_id", *where, "week").agg(
        units=ibis.coalesce(rows.quantity.sum(where=usual), 0).cast("int64"),
        revenue=ibis.coalesce(rows.amount.sum(where=usual).cast(SUM), zero),
        lines=usual.cast("int64").sum().cast("int64"),
        line_price=(rows.amount.cast("float64") / rows.quantity).median(where=usual),
        aside=ibis.coalesce(rows.quantity.sum(where=rows.burst), 0).cast("int64"),
    )


def _whole_weeks(tables: Tables, sold: Rows, offered: Rows | None, *where: str) -> Rows:
    """Join what is known to the keys of what was sold or offered, for weeks that are over."""
    own_keys = ("product_id", *where, "week")
    keys = sold.select(*own_keys)
    parts = {"sold": sold}
    if offered is not None:
        keys = ibis.union(keys, offered.select(*own_keys), distinct=True)
        parts["offered"] = offered
    if "product_costs" in tables:
        parts["cost"] = _costs(tables)
    if "competitor_prices" in tables:
        parts["rival"] = _rivals(tables)
    if "inventory" in tables:
        parts["stock"] = _out(tables)
    for part in parts.values():
        shared = [k for k in own_keys if k in part.columns]
        own = part.rename({f"_{k}": k for k in shared})
        keys = keys.left_join(own, [keys[k] == own[f"_{k}"] for k in shared]).drop(*(f"_{k}" for k in shared))
    nothing = {c: ibis.null(t) for c, t in _OPTIONAL.items() if c not in keys.columns}
    whole = (keys.week + ibis.interval(days=7)).cast("date") <= _now(tables)
    found = keys.mutate(**nothing).filter(whole)
    return found.mutate(
        units=ibis.coalesce(_.units, 0), lines=ibis.coalesce(_.lines, 0), aside=ibis.coalesce(_.aside, 0),
        revenue=ibis.coalesce(_.revenue, ibis.literal(0).cast(SUM)),
    ).select(*own_keys, "units", "revenue", "lines", "line_price", *_OPTIONAL, "aside")  # fmt: skip


_OPTIONAL = dict(
    days="int64", list_price="float64", price="float64", promoted="int64", unit_cost="float64", rival="float64",
    rivals="float64", hours_out="int64",
)  # fmt: skip


def _everyone(tables: Tables) -> Rows | None:
    """Return the price of everyone by product and day: of the list with most rows, where no region is named.

    Where every price is one of a region it is the mean over regions, and a promotion is one of more than half of them.
    """
    if "prices" not in tables:
        return None
    rows = _lists(tables).filter(_.region.isnull() | (_.everywhere == 0))
    return rows.group_by("product_id", "date").agg(
        list_price=_mean(rows.list_price).cast(CENTS),
        price=_mean(rows.price).cast(CENTS),
        promotion_id=ibis.ifelse(2 * _.promotion_id.count() > _.count(), _.promotion_id.max(), None),
    )


def _lists(tables: Tables) -> Rows:
    """Return the rows of the price list with most rows, and how many prices hold ``everywhere``."""
    key = ("product_id", "price_list", "region", "date")
    rows = first_record(tables["prices"], key).mutate(price_list=ibis.coalesce(_.price_list, ""))
    all_over = rows.agg(everywhere=_.region.isnull().cast("int64").sum())
    rows = rows.cross_join(all_over)
    own = rows.filter(_.region.isnull() | (_.everywhere == 0))
    lists = own.group_by("price_list").agg(n=_.count()).order_by(ibis.desc("n"), "price_list").limit(1)
    lists = lists.select(main=_.price_list)
    return rows.inner_join(lists, rows.price_list == lists.main).drop("main")


def _offered(tables: Tables, rows: Rows | None, *where: str) -> Rows | None:
    if rows is None:
        return None
    rows = rows.filter((_.price > 0) & (_.date < _now(tables))).mutate(week=_week(tables, _.date))
    return rows.group_by("product_id", *where, "week").agg(
        days=_.count().cast("int64"),
        list_price=_mean(ibis.coalesce(rows.list_price, rows.price)),
        price=_mean(rows.price),
        promoted=_.promotion_id.notnull().cast("int64").sum().cast("int64"),
    )


def _costs(tables: Tables) -> Rows:
    """Return the cost by product and week: of the last price of goods on or before the week's last day."""
    c = first_record(tables["product_costs"], ("product_id", "valid_from"))
    own = ibis.window(group_by="product_id", order_by="valid_from")
    c = c.select(
        "product_id",
        "unit_cost",
        "valid_from",
        until=ibis.coalesce(_.valid_from.lead().over(own), FAR[1].date()),
    )
    weeks = purchases(tables).select(week=_week(tables, _.date)).distinct()
    last = (weeks.week + ibis.interval(days=6)).cast("date")
    weeks = weeks.mutate(last=last)
    both = weeks.inner_join(c, (c.valid_from <= weeks["last"]) & (c.until > weeks["last"]))
    return both.select("product_id", "week", unit_cost=_.unit_cost.cast("float64"))


def _rivals(tables: Tables) -> Rows:
    rows = first_record(tables["competitor_prices"], ("product_id", "date", "competitor")).filter(_.price > 0)
    each = rows.group_by("product_id", "date").agg(low=rows.price.min(), middle=_mean(rows.price).cast(CENTS))
    each = each.mutate(week=_week(tables, _.date))
    return each.group_by("product_id", "week").agg(rival=_mean(each["low"]), rivals=_mean(each.middle))


def _out(tables: Tables) -> Rows:
    rows = first_record(tables["inventory"], ("product_id", "date")).mutate(week=_week(tables, _.date))
    return rows.group_by("product_id", "week").agg(hours_out=_.hours_out.fill_null(0).sum().cast("int64"))


def products(tables: Tables) -> Rows:
    """Return every product and what is known of it on the last day.

    Columns: ``product_id, name, category, brand, launched_on``; ``asked`` (list price of the last day on which there is
    one), ``asked_on``, ``cost`` and ``rival`` (the last known ones; lowest competitor); null where not known.
    """
    rows = first_record(tables["products"], ("product_id",))
    found = rows.select("product_id", "name", "category", "brand", "launched_on")
    parts: dict[str, Rows] = {}
    offered = _everyone(tables)
    if offered is not None:
        offered = offered.filter((_.price > 0) & (_.date < _now(tables)))
        parts["asked"] = offered.group_by(item="product_id").agg(
            asked=ibis.coalesce(_.list_price, _.price).cast("float64").argmax(_.date), asked_on=_.date.max()
        )
    if "product_costs" in tables:
        c = first_record(tables["product_costs"], ("product_id", "valid_from"))
        c = c.filter(_.valid_from < _now(tables))
        parts["cost"] = c.group_by(item="product_id").agg(
            cost=_.unit_cost.cast("float64").argmax(_.valid_from)
        )
    if "competitor_prices" in tables:
        seen = first_record(tables["competitor_prices"], ("product_id", "date", "competitor"))
        seen = seen.filter((_.price > 0) & (_.date < _now(tables)))
        each = seen.group_by(item="product_id", day="date").agg(low=_.price.cast("float64").min())
        parts["rival"] = each.group_by("item").agg(rival=_["low"].argmax(_.day))
    for part in parts.values():
        found = found.left_join(part, found.product_id == part["item"]).drop("item")
    types = dict(asked="float64", asked_on="date", cost="float64", rival="float64")
    nothing = {c: ibis.null(t) for c, t in types.items() if c not in found.columns}
    return found.mutate(**nothing).select("product_id", "name", "category", "brand", "launched_on", *types)


def by_segment(tables: Tables) -> Rows:
    """Count units by product, week and who bought: ``kind, level, product_id, week, units``.

    Kinds: ``city`` (tier of the customer's city) and ``member`` (tier held when buying; none). Guests are left out.
    """
    sold = (
        tables.once("price_plain", plain).filter(_.customer_id.notnull() & ~_.burst).drop("region", "burst")
    )
    parts = []
    if "customers" in tables and "regions" in tables:
        c = first_record(tables["customers"], ("customer_id",)).select("region", who=_.customer_id)
        r = first_record(tables["regions"], ("region",)).select(place=_.region, level=_.tier.cast("string"))
        c = c.inner_join(r, c.region == r.place).select("who", "level")
        parts.append(_levels(sold.inner_join(c, sold.customer_id == c.who), "city"))
    if "memberships" in tables:
        parts.append(_levels(_with_tier(tables, sold), "member"))
    return ibis.union(*parts) if len(parts) > 1 else parts[0]


def _levels(rows: Rows, kind: str) -> Rows:
    return rows.filter(_.level.notnull()).group_by(
        kind=ibis.literal(kind), level=_.level, product_id=_.product_id, week=_.week
    ).agg(units=_.quantity.sum().cast("int64"))  # fmt: skip


def _with_tier(tables: Tables, sold: Rows) -> Rows:
    m = tables["memberships"].select(
        "tier", who=_.customer_id, since=_.valid_from.date(), until=ibis.coalesce(_.valid_to, FAR[1]).date()
    )
    held = sold.inner_join(m, (sold.customer_id == m.who) & (m.since <= sold.date) & (m.until > sold.date))
    held = held.group_by("order_id", "product_id", "week").agg(level=_.tier.min(), quantity=_.quantity.max())
    known = held.select("order_id").distinct().select(known=_.order_id)
    rest = sold.left_join(known, sold.order_id == known.known).filter(_.known.isnull())
    columns = ("product_id", "week", "quantity", "level")
    return ibis.union(held.select(*columns), rest.mutate(level=ibis.literal("none")).select(*columns))


def price_tests(tables: Tables) -> Rows:
    """Return a row a lot: ``test_id, product_id, region, starts_on, ends_on, factor, units`` (sold while it held).

    A lot with a burst (`plain`) is left out: its other sales are not known apart from it.
    """
    t = first_record(tables["price_tests"], ("test_id", "product_id", "region", "starts_on"))
    t = t.filter(_.ends_on <= _now(tables))
    s = tables.once("price_plain", plain)
    s = s.select("quantity", "date", "burst", sold="product_id", where="region")
    same = (t.product_id == s.sold) & (t.region == s["where"])
    both = t.left_join(s, [same, s.date >= t.starts_on, s.date < t.ends_on])
    keys = ["test_id", "product_id", "region", "starts_on", "ends_on", "factor"]
    found = both.group_by(keys).agg(
        units=ibis.coalesce(_.quantity.sum(), 0).cast("int64"), bursts=ibis.coalesce(_.burst.any(), False)
    )
    return found.filter(~_.bursts).drop("bursts")


def buyers(tables: Tables) -> Rows:
    """Return how units of the last `RECENT` days spread over known customers, by product.

    Columns: ``product_id, customers`` (who bought anything), ``units``, ``squares`` (sum of squares of a customer's
    units).
    """
    since = (_now(tables) - ibis.interval(days=RECENT)).cast("date")
    sold = purchases(tables).filter(_.customer_id.notnull() & (_.date >= since) & (_.date < _now(tables)))
    each = sold.group_by("product_id", "customer_id").agg(q=_.quantity.sum().cast("int64"))
    each = each.group_by("product_id").agg(
        units=_.q.sum().cast("int64"), squares=(_.q * _.q).sum().cast("int64")
    )
    return each.cross_join(sold.agg(customers=_.customer_id.nunique().cast("int64")))


def sales_by_day(tables: Tables) -> Rows:
    """Return ``date, revenue, units, orders`` of days with a sale."""
    sold = purchases(tables).filter(_.date < _now(tables))
    return sold.group_by("date").agg(
        revenue=_.amount.sum().cast(SUM),
        units=_.quantity.sum().cast("int64"),
        orders=_.order_id.nunique().cast("int64"),
    )


def stock(tables: Tables) -> Rows:
    """Return the stock of each product over the last `RECENT` days.

    Columns: ``product_id, units`` (sold on these days), ``days`` (watched: from the first row to the last, and as long
    after it as rows are usually apart), ``opening, closing, average`` (units), ``received``, ``hours_out``,
    ``unit_cost`` (the last; null: not known).

    Where a product has one row alone, rows are as far apart as those of all products; else they are for the quarter.
    """
    since = (_now(tables) - ibis.interval(days=RECENT)).cast("date")
    rows = first_record(tables["inventory"], ("product_id", "date"))
    rows = rows.filter((_.date >= since) & (_.date < _now(tables)))
    found = rows.group_by("product_id").agg(
        since=_.date.min(),
        counted=_.date.max(),
        opening=_.opening.argmin(_.date),
        closing=_.closing.argmax(_.date),
        average=_mean(rows.closing),
        received=_.received.sum().cast("int64"),
        hours_out=_.hours_out.fill_null(0).sum().cast("int64"),
    )
    found = _watched(found, rows, _now(tables))
    sold = purchases(tables).filter((_.date >= since) & (_.date < _now(tables)))
    span = found.select("since", "days", item="product_id")
    sold = sold.inner_join(span, sold.product_id == span["item"])
    sold = sold.filter((_.date >= _.since) & (_.date.delta(_.since, unit="day") < _.days))
    sold = sold.group_by("item").agg(units=_.quantity.sum().cast("int64"))
    found = found.drop("since").left_join(sold, found.product_id == sold["item"]).drop("item")
    found = found.mutate(units=ibis.coalesce(_.units, 0))
    if "product_costs" not in tables:
        return found.mutate(unit_cost=ibis.null("float64"))
    c = first_record(tables["product_costs"], ("product_id", "valid_from")).filter(
        _.valid_from < _now(tables)
    )
    c = c.group_by(item="product_id").agg(unit_cost=_.unit_cost.cast("float64").argmax(_.valid_from))
    return found.left_join(c, found.product_id == c["item"]).drop("item")


def _watched(found: Rows, rows: Rows, now: Any) -> Rows:
    """Return with ``days`` how long each product's stock was watched, for a row a week is not a row a day."""
    own = ibis.window(group_by="product_id", order_by="date")
    gaps = rows.select("product_id", gap=rows.date.delta(rows.date.lag().over(own), unit="day").cast("int64"))
    gaps = gaps.filter(_.gap.notnull())
    each = gaps.group_by(item="product_id").agg(own=_.gap.median())
    found = found.left_join(each, found.product_id == each["item"]).drop("item")
    found = found.cross_join(gaps.agg(usual=_.gap.median()))
    step = ibis.coalesce(found.own, found.usual).ceil().cast("int64")
    quarter = (now - ibis.interval(days=RECENT)).cast("date")
    # one row each, and nothing says how far apart: what the quarter sold over the one stock that is known of it
    found = found.mutate(
        since=ibis.ifelse(step.isnull(), quarter, found.since), step=ibis.coalesce(step, RECENT)
    )
    known = ibis.ifelse(found.usual.isnull(), 0, found.counted.delta(found.since, unit="day"))
    rest = now.delta(found.since, unit="day")
    days = ibis.least((known + found.step).cast("int64"), rest.cast("int64"))
    return found.mutate(days=days).drop("own", "usual", "counted", "step")


def deliveries(tables: Tables) -> Rows:
    """Return how each supplier delivers each product.

    Columns: ``product_id, supplier_id``; of what is here ``orders, lead, lead_deviation, late`` (days from the order,
    and past the promise); ``quantity`` (ordered), ``coming`` (units ordered that are not here yet).
    """
    p = first_record(tables["purchase_orders"], ("purchase_order_id",)).filter(_.ordered_on < _now(tables))
    here = (p.received_on < _now(tables)).fill_null(False)
    lead = p.received_on.delta(p.ordered_on, unit="day").cast("int64")
    late = p.received_on.delta(p.promised_on, unit="day").cast("int64")
    p = p.mutate(here=here, days=ibis.ifelse(here, lead, None), past=ibis.ifelse(here, late, None))
    found = p.group_by("product_id", "supplier_id").agg(
        orders=_.here.cast("int64").sum().cast("int64"),
        quantity=_.quantity.sum().cast("int64"),
        lead=_mean(p["days"]),
        squares=(_["days"] * _["days"]).sum().cast("int64"),
        late=_mean(p.past),
        coming=ibis.ifelse(_.here, 0, _.quantity).sum().cast("int64"),
    )
    spread = found["squares"].cast("float64") - found.orders * found.lead * found.lead
    some = found.orders > 1
    deviation = ibis.ifelse(some, (ibis.greatest(spread, 0.0) / (found.orders - 1)).sqrt(), None)
    return found.mutate(lead_deviation=deviation).drop("squares")


def trials(tables: Tables) -> Rows:
    """Count who tried each product that was launched within the data, and who bought it again.

    Columns: ``product_id, launched_on, had_chance`` (bought anything in the first `TRIAL` days), ``tried``,
    ``could_repeat`` (triers whose next `TRIAL` days are over), ``repeated`` (of them, on a later day). Products whose
    days of trial are not over are left out.
    """
    sold = (
        purchases(tables)
        .filter(_.customer_id.notnull())
        .select("customer_id", "product_id", "date")
        .distinct()
    )
    begins = sold.date.min().name("begins")
    new = first_record(tables["products"], ("product_id",)).filter(_.launched_on.notnull())
    new = new.select(item=_.product_id, launched_on=_.launched_on)
    until = (new.launched_on + ibis.interval(days=TRIAL)).cast("date")
    new = new.mutate(until=until).cross_join(sold.agg(begins)).filter(
        (_.launched_on > _.begins) & (_.until <= _now(tables))
    )  # fmt: skip
    there = sold.inner_join(new, (sold.date >= new.launched_on) & (sold.date < new.until))
    chance = there.group_by("item").agg(had_chance=_.customer_id.nunique().cast("int64"))
    own = sold.inner_join(new, sold.product_id == new["item"])
    first = own.date.min().over(ibis.window(group_by=("customer_id", "item")))
    own = own.mutate(first=first).filter((_["first"] >= _.launched_on) & (_["first"] < _.until))
    end = (own["first"] + ibis.interval(days=TRIAL + 1)).cast("date")
    own = own.mutate(again=(own.date > own["first"]) & (own.date < end), over=end <= _now(tables))
    each = own.group_by("item", "customer_id").agg(over=_.over.any(), again=_.again.any())
    tried = each.group_by("item").agg(
        tried=_.count().cast("int64"),
        could_repeat=_.over.cast("int64").sum().cast("int64"),
        repeated=(_.over & _.again).cast("int64").sum().cast("int64"),
    )
    found = new.left_join(chance, "item").drop("item_right").left_join(tried, "item").drop("item_right")
    zero: dict[str, Value] = {
        c: ibis.coalesce(found[c], 0) for c in ("had_chance", "tried", "could_repeat", "repeated")
    }
    return found.select("launched_on", product_id=found["item"], **zero)


_SOLD = ("orders", "order_lines")
_WHOLE = ("all",)

MARTS = {
    "panel": Mart(panel, ("product_id", "week"), _SOLD),
    "panel_regions": Mart(panel_regions, ("product_id", "region", "week"), (*_SOLD, "prices")),
    "products": Mart(products, ("product_id",), ("products",)),
    "by_segment": Mart(
        by_segment, ("kind", "level", "product_id", "week"), (*_SOLD, "customers", "memberships")
    ),
    "price_tests": Mart(
        price_tests, ("test_id", "product_id", "region", "starts_on"), (*_SOLD, "price_tests")
    ),
    "buyers": Mart(buyers, ("product_id",), (*_SOLD, "customers"), ("all", "customers")),
    "sales_by_day": Mart(sales_by_day, ("date",), _SOLD, _WHOLE),
    "stock": Mart(stock, ("product_id",), (*_SOLD, "inventory"), _WHOLE),
    "deliveries": Mart(deliveries, ("product_id", "supplier_id"), ("purchase_orders",)),
    "trials": Mart(trials, ("product_id",), (*_SOLD, "products"), ("all", "customers")),
}
