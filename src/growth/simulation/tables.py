"""From lives to the contract's tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from growth.simulation import (
    browse,
    channel_tables,
    clubs,
    price_tests,
    rivals,
    store,
    trial_tables,
    voice,
    words,
)
from growth.simulation.browse import Visits
from growth.simulation.clock import CURRENCY, DAY
from growth.simulation.life import NEVER, Lives, Memory, Scene
from growth.simulation.media import Plan
from growth.simulation.money import baskets
from growth.simulation.rng import Ints
from growth.simulation.state import State
from growth.simulation.trials import Run
from growth.simulation.world import CHANNELS, CITY_TIERS, DEVICES, TIERS, World

PROGRAM = "club"
_PLACES = ("app", "web", "app", "app")


def static_tables(state: State, world: World, runs: tuple[Run, ...], plan: Plan) -> dict[str, pa.Table]:
    """Return what is the same for everybody: regions, products, prices and costs, promotions, experiments."""
    p, span = state.products, state.span
    regions = pa.table(
        {
            "region": pa.array([c[0] for c in words.CITIES]),
            "tier": pa.array([CITY_TIERS[c[1]] for c in words.CITIES]),
            "population": pa.array([c[2] * 1000 for c in words.CITIES], type=pa.int64()),
        }
    )
    products = pa.table(
        {
            "product_id": pa.array(p.ids),
            "name": pa.array(p.names),
            "category": store.labels([c.name for c in words.CATEGORIES], p.category),
            "brand": pa.array(p.brands),
            "seller_id": pa.array(p.sellers, type=pa.string()),
            "launched_on": store.dates(p.launch),
            "delisted_on": store.dates(p.delisted, p.delisted >= span.last),
        }
    )
    on_sale = p.launch < span.last
    return {
        "regions": regions,
        "products": products.filter(pa.array(on_sale)),
        "promotions": trial_tables.promotions(state, world, runs),
        "product_costs": _cost_table(state),
        "prices": _price_table(state),
        "competitor_prices": rivals.table(state),
        **({"price_tests": price_tests.table(state)} if state.test.products.size else {}),
        **channel_tables.experiments(plan, runs),
        **channel_tables.static_tables(plan, world),
    }


def _cost_table(state: State) -> pa.Table:
    """Return costs, a row for each change; the first holds from the launch, or from the first day."""
    weeks = np.arange(state.cost.shape[0]) + state.first_week
    first = np.maximum(state.products.launch, state.span.first)
    started = weeks[:, None] * 7 + 6 >= first[None, :]
    changed = np.ones(state.cost.shape, dtype=bool)
    changed[1:] = (state.cost[1:] != state.cost[:-1]) | ~started[:-1]
    product, week = np.nonzero((changed & started).T)
    day = np.maximum(weeks[week] * 7, first[product])
    return pa.table(
        {
            "product_id": store.labels(state.products.ids, product),
            "unit_cost": store.money(state.cost[week, product]),
            "valid_from": store.dates(day),
        }
    )


def _price_table(state: State) -> pa.Table:
    """Return the price of every product on every day on which it is sold, and those of regions where others are tried.

    One price list; a row without a region holds wherever there is none for the region.
    """
    days, p, test = state.span.days, state.products, state.test
    on_sale = (p.launch[None, :] <= days[:, None]) & (days[:, None] < p.delisted[None, :])
    product, row = np.nonzero(on_sale.T)
    usual = _prices(state, product, row, state.list_price[row, product], state.price[row, product])
    if not test.products.size:
        return usual
    moved: Any = np.zeros(test.price.shape, dtype=bool)
    days_a_period = moved.shape[0] // test.factor.shape[0]
    moved[:, :, test.products] = np.repeat(test.factor != 1.0, days_a_period, axis=0)
    product, region, day = np.nonzero(moved.transpose(2, 1, 0))
    place = (day, region, product)
    row = day + test.first - state.span.first
    return pa.concat_tables(
        [usual, _prices(state, product, row, test.list_price[place], test.price[place], region)]
    )


def _prices(
    state: State, product: Ints, row: Ints, list_price: Ints, price: Ints, region: Ints | None = None
) -> pa.Table:
    promo = state.promotion[row, product]
    everywhere = store.nothing(product.size, pa.string())
    return pa.table(
        {
            "product_id": store.labels(state.products.ids, product),
            "price_list": store.labels(("standard",), product * 0),
            "region": everywhere if region is None else store.labels([c[0] for c in words.CITIES], region),
            "date": store.dates(state.span.days[row]),
            "list_price": store.money(list_price),
            "price": store.money(price),
            "promotion_id": store.labels(state.promotions, np.maximum(promo, 0), promo < 0),
        }
    )


def gather_visits(lives: Lives, memory: Memory) -> tuple[Visits, Ints]:
    """Return all visits in the order of people and time, and where each drawn visit went."""
    v: dict[str, Any] = lives.joined("visits")
    lines: dict[str, Any] = lives.joined("lines")
    order = np.lexsort((v["key"], v["who"]))
    place = np.empty(order.size, dtype=np.int64)
    place[order] = np.arange(order.size)
    line_visit = place[lines["visit"]]
    by = np.lexsort((lines["need"], line_visit))
    visits = Visits(
        v["who"][order], v["key"][order], v["second"][order], v["device"][order], v["load"][order],
        v["outcome"][order], line_visit[by], lines["need"][by], lines["product"][by], lines["units"][by],
        lines["off"][by], lines["slot"][by], memory.sign_up[v["who"][order]], v["cause"][order],
    )  # fmt: skip
    return visits, place


def people_tables(scene: Scene, lives: Lives, memory: Memory, v: Visits) -> dict[str, pa.Table]:
    """Return customers, visitors, memberships, consents."""
    people, draws = scene.people, scene.draws
    when = clubs.signed_up(scene, v)
    who = np.flatnonzero(when < NEVER)
    number = people.number[who]
    cid = store.ids("c", number)
    hidden = draws.uniform("undisclosed", number[:, None], np.arange(3)[None, :]) < (0.06, 0.08, 0.18)
    customers = pa.table(
        {
            "customer_id": cid,
            "signed_up_at": store.times(when[who]),
            "acquisition_channel": store.labels(CHANNELS, people.channel[who]),
            "region": store.labels([c[0] for c in words.CITIES], people.region[who]),
            "birth_year": store.ints(people.birth_year[who], hidden[:, 0]),
            "gender": store.labels(("f", "m", "x"), people.gender[who], hidden[:, 1]),
            "occupation": store.labels(words.OCCUPATIONS, people.occupation[who], hidden[:, 2]),
        }
    )
    return {
        "customers": customers,
        "visitors": _visitor_table(scene, *devices(scene, v, when)),
        "memberships": _membership_table(scene, lives, when, who),
        "consents": _consent_table(scene, when, who),
        "communities": clubs.communities(scene, v),
        "departures": clubs.departures(scene, lives, memory, v),
        **voice.tables(scene, lives, memory, v),
    }


def devices(scene: Scene, v: Visits, when: Ints) -> tuple[Ints, Ints]:
    """Return when each device (person · 4 + device) was first seen, and from when on its person is known on it.

    A device is linked at the sign-up, or at its first visit after it; some devices never log in.
    """
    people = scene.people
    code = v.who * 4 + v.device
    first = np.full(len(people) * 4, NEVER)
    np.minimum.at(first, code, v.start)
    known = np.full(len(people) * 4, NEVER)
    after = v.start >= when[v.who]
    np.minimum.at(known, code[after], v.start[after])
    joins = np.flatnonzero(v.sign_up == v.key)
    known[code[joins]] = when[v.who[joins]]
    seen = np.flatnonzero(first < NEVER)
    device = seen % 4
    never = scene.draws.uniform("never logs in", people.number[seen // 4], device) < np.where(
        device == 0, 0.0, 0.12
    )
    known[seen] = np.where(never, NEVER, known[seen])
    return first, known


def _visitor_table(scene: Scene, first: Ints, known: Ints) -> pa.Table:
    """Return devices: one row while unknown, one from the moment on that its person is known on it."""
    people = scene.people
    seen = np.flatnonzero(first < NEVER)
    who, device = seen // 4, seen % 4
    linked = known[seen]
    anonymous = first[seen] < linked
    a, b = np.flatnonzero(anonymous), np.flatnonzero(linked < NEVER)
    rows = np.concatenate([a, b])
    is_known = np.concatenate([np.zeros(a.size, dtype=bool), np.ones(b.size, dtype=bool)])
    order = np.lexsort((is_known, rows))
    rows, is_known = rows[order], is_known[order]
    replaced = (people.new_phone[who[rows]] * DAY) * (device[rows] == 0) + NEVER * (device[rows] != 0)
    begin = np.where(is_known, linked[rows], first[seen][rows])
    ended = np.where(is_known, replaced, np.minimum(linked[rows], replaced))
    ended = np.where(ended >= scene.state.span.end_second, NEVER, np.maximum(ended, begin))
    return pa.table(
        {
            "visitor_id": browse.visitor_ids(people.number[who[rows]], device[rows]),
            "device": store.labels([*DEVICES, "phone"], device[rows]),
            "customer_id": store.masked(store.ids("c", people.number[who[rows]]), ~is_known),
            "valid_from": store.times(begin),
            "valid_to": store.times(np.where(ended < NEVER, ended, 0), ended == NEVER),
        }
    )


def _membership_table(scene: Scene, lives: Lives, when: Ints, members: Ints) -> pa.Table:
    """Return tiers as spells: bronze from the sign-up, then each change until the next."""
    moves: dict[str, Any] = lives.joined("tiers")
    who = np.concatenate([members, moves["who"]])
    since = np.concatenate([when[members], moves["week"] * 7 * DAY])
    tier = np.concatenate([np.zeros(members.size, dtype=np.int64), moves["tier"]])
    order = np.lexsort((since, who))
    who, since, tier = who[order], since[order], tier[order]
    same = np.append(who[1:] == who[:-1], False)
    until = np.append(since[1:], 0)
    return pa.table(
        {
            "customer_id": store.ids("c", scene.people.number[who]),
            "program": store.labels((PROGRAM,), who * 0),
            "tier": store.labels(TIERS, tier),
            "valid_from": store.times(since),
            "valid_to": store.times(until, ~same),
        }
    )


def _consent_table(scene: Scene, when: Ints, members: Ints) -> pa.Table:
    """Return consents given at the sign-up; some are withdrawn later."""
    draws, number = scene.draws, scene.people.number[members]
    purpose = np.array([0, 1])
    given = draws.uniform("consent", number[:, None], purpose[None, :]) < scene.world.people.consent
    lasts = (
        draws.exponential("withdrawal", number[:, None], purpose[None, :])
        * np.array(scene.world.people.withdrawal)
        * DAY
    )
    row, which = np.nonzero(given)
    begin = when[members][row]
    end = begin + lasts[given].astype(np.int64)
    return pa.table(
        {
            "customer_id": store.ids("c", number[row]),
            "purpose": store.labels(("marketing", "analytics"), which),
            "given_at": store.times(begin),
            "withdrawn_at": store.times(end, end >= scene.state.span.end_second),
        }
    )


def order_ids(number: Ints, key: Ints) -> pa.Array:
    """Return order ids."""
    return store.ids("o", number * 10_000 + key, 11)


def trade_tables(scene: Scene, lives: Lives, memory: Memory, v: Visits, place: Ints) -> dict[str, pa.Table]:
    """Return orders, order_lines, returns, coupons, as they are known at the end of the span."""
    o: dict[str, Any] = lives.joined("orders")
    at = place[o["visit"]]
    by = np.argsort(at, kind="stable")
    by = by[
        o["placed"][by] < scene.state.span.end_second
    ]  # a checkout over the last midnight is not known yet
    o = {name: values[by] for name, values in o.items()}
    at = at[by]
    keep = np.isin(v.line_visit, at)  # lines of carts that became orders
    order = np.searchsorted(at, v.line_visit[keep])
    product, units = v.line_product[keep], v.line_units[keep]
    day = v.day[at][order]
    bought: dict[str, Any] = dict(
        order=order, day=day, need=v.line_need[keep], product=product, units=units, off=v.line_off[keep]
    )
    b = baskets(scene, o, bought)
    number = scene.people.number[o["who"]]
    guest = v.sign_up[at] > v.key[at]
    end = scene.state.span.end_second
    known = np.flatnonzero(b.back.requested < end)
    oid = order_ids(number, o["key"])
    cid = store.masked(store.ids("c", number), guest)
    first = np.searchsorted(order, order, side="left")
    promo = scene.state.promotion[day - scene.state.span.first, product]
    lines = pa.table(
        {
            "order_id": oid.take(pa.array(order)),
            "ordinal": store.ints(np.arange(order.size) - first + 1),
            "product_id": store.labels(scene.state.products.ids, product),
            "quantity": store.ints(units),
            "amount": store.money(b.amount),
            "discount": store.money(b.listed * units - b.amount),
            "promotion_id": trial_tables.promotion_ids(scene, promo, v.line_slot[keep]),
            "description": store.labels(scene.state.products.names, product),
        }
    )
    orders = _order_table(scene, v, at, o, oid, cid, b.costs)
    line, back = b.back.line[known], b.back
    returns = pa.table(
        {
            "order_id": oid.take(pa.array(order[line])),
            "ordinal": lines["ordinal"].combine_chunks().take(pa.array(line)),
            "customer_id": cid.take(pa.array(order[line])),
            "product_id": store.labels(scene.state.products.ids, product[line]),
            "quantity": store.ints(back.quantity[known]),
            "refund": store.money(b.refund[known]),
            "requested_at": store.times(back.requested[known]),
            "picked_up_at": store.times(back.picked_up[known], back.picked_up[known] >= end),
            "refunded_at": store.times(back.refunded[known], back.refunded[known] >= end),
            "reason": store.labels(words.REASONS, back.reason[known]),
            "currency": store.labels((CURRENCY,), line * 0),
        }
    )
    paid = np.bincount(order, weights=b.amount, minlength=number.size).astype(np.int64)
    made = {
        "orders": orders,
        "order_lines": lines,
        "returns": returns,
        "points": clubs.points(scene, v, o, paid),
    }
    return made | trial_tables.coupons(scene, memory, oid, o)


def _order_table(
    scene: Scene, v: Visits, at: Ints, o: dict[str, Any], oid: Any, cid: Any, cost: Any
) -> pa.Table:
    """Return orders as the shop knows them at the end of the span."""
    people, end = scene.people, scene.state.span.end_second
    number = people.number[o["who"]]

    def known(name: str) -> pa.Array:
        return store.times(o[name], (o[name] < 0) | (o[name] >= end))

    def done(name: str) -> Any:
        return (o[name] >= 0) & (o[name] < end)

    status = done("paid") * 1 + done("shipped") + done("delivered")
    status = np.where(o["cancelled"], 4, status)
    return pa.table(
        {
            "order_id": oid,
            "customer_id": cid,
            "visitor_id": browse.visitor_ids(number, v.device[at]),
            "region": store.labels([c[0] for c in words.CITIES], people.region[o["who"]]),
            "status": store.labels(("placed", "paid", "shipped", "delivered", "cancelled"), status),
            "channel": store.labels(_PLACES, v.device[at]),
            "placed_at": store.times(o["placed"]),
            "paid_at": known("paid"),
            "shipped_at": known("shipped"),
            "promised_at": store.times(o["promised"]),
            "delivered_at": known("delivered"),
            "shipping_cost": store.money(cost.shipping),
            "fulfilment_cost": store.money(cost.fulfilment),
            "payment_fee": store.money(cost.fee),
            "currency": store.labels((CURRENCY,), number * 0),
        }
    )
