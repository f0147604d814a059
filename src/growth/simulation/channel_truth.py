"""The truth of channels: what each brings, from the sums of what would have been (`channel_worlds.py`).

Two kinds. Exact: the same people with the same draws, with a channel and without it. Expected: given the visits that
led to orders, the chance that each is the channel's doing, which is its share; without luck, and without what follows
from an order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from growth.simulation import causes, channel_tables, channel_worlds, creators, media
from growth.simulation.browse import Visits
from growth.simulation.channel_worlds import LAST, LATER, QUARTER, SWITCHED, Window
from growth.simulation.clock import date_of, day_of
from growth.simulation.life import Lives, Memory, Scene
from growth.simulation.media import Plan
from growth.simulation.people import HUMAN
from growth.simulation.rng import Floats, Ints
from growth.simulation.store import dates
from growth.simulation.touches import came_lately
from growth.simulation.world import (
    AFFILIATE,
    BRAND,
    CREATOR,
    CURVED,
    MEDIA,
    OFFLINE,
    PARTNER,
    RETARGETING,
    SEO,
    ChannelTest,
    World,
)

Sums = dict[str, float]
Row = tuple[str, float, str, str, str, dict[str, str]]  # name, value, unit, kind, doc, what was asked
METRICS = (("orders", "orders"), ("revenue", "CNY"), ("contribution", "CNY"), ("customers", "customers"))


def expected_shares(scene: Scene, v: Visits, rows: Ints) -> tuple[Floats, Floats]:
    """Return by channel the share of visits that it brings, (channel, visit): as it ran, and what was kept away.

    Both are of the visits that happened: had the channel not been kept away, so many more would have come.
    """
    p, c, plan = scene.people, scene.world.channels, scene.plan
    who, day = v.who[rows], v.day[rows]
    place = day // 7, p.region[who]
    here = v.sign_up[rows] < day // 7 * 14
    share = np.zeros((len(MEDIA), rows.size))
    for channel in range(CURVED):
        share[channel] = plan.share[channel][place]
    share[SEO], share[PARTNER] = c.share[SEO], c.share[PARTNER]
    share[OFFLINE] = np.array(c.offline)[p.city_tier[who]]
    share[BRAND] = c.share[BRAND] * here
    share[RETARGETING] = c.share[RETARGETING] * (here & came_lately(scene, v)[rows])
    share[CREATOR] = causes.creator_share(scene.draws, p.number[who], day) * here
    away = np.zeros_like(share)
    for channel in causes.LISTED:
        held = causes.held_of(scene, v.sign_up[rows], channel, who, day)
        away[channel] = np.where(held, share[channel], 0.0)
    for channel in range(CURVED):
        away[channel] = share[channel] - plan.actual[channel][place]
    later = (day != p.arrival[who]) / (1 - away.sum(axis=0))
    return (share - away) * later, away * later


def sums(scene: Scene, lives: Lives, memory: Memory, v: Visits, when: Ints) -> Sums:
    """Return the sums of a chunk: expected orders by channel and campaign, and the spread of orders in the tests."""
    at = _orders(scene, lives, v)
    span, day = scene.state.span, v.day[at]
    share, away = expected_shares(scene, v, at)
    late = day >= span.now - LAST
    out: Sums = {f"channels: expected orders: {MEDIA[c]}": float(share[c, late].sum()) for c in SWITCHED}
    running = creators.running(day)
    for k in creators.Campaigns.until(span.last).numbers:
        rows, name = running == k, creators.campaign_id(int(k))
        out[f"campaign {name}: brought"] = float(share[CREATOR, rows].sum())
        out[f"campaign {name}: kept away"] = float(away[CREATOR, rows].sum())
    for test in scene.plan.tests:
        if test.unit == "customer":
            out |= _of_test(scene, memory, v, when, at, test)
    return out


def _orders(scene: Scene, lives: Lives, v: Visits) -> Ints:
    """Return the visits that led to orders of people that were not cancelled."""
    o: dict[str, Any] = lives.joined("orders")
    keep = ~o["cancelled"] & (scene.people.kind[o["who"]] == HUMAN)
    far = np.int64(1) << np.int64(32)
    code = np.sort(o["who"][keep] * far + o["key"][keep])
    return np.searchsorted(v.who * far + v.key, code)


def _of_test(scene: Scene, memory: Memory, v: Visits, when: Ints, at: Ints, test: ChannelTest) -> Sums:
    """Return the number of customers in a test, and their orders in it, from sign-up on, and squares."""
    who = channel_tables.enrolled(scene, memory, when, test)
    first = day_of(test.start)
    inside = (v.day[at] >= first) & (v.day[at] < first + 7 * test.weeks) & (v.sign_up[at] <= v.key[at])
    count = np.bincount(v.who[at][inside], minlength=len(scene.people))[who].astype(np.float64)
    head = f"channels: {test.id}"
    return {
        f"{head}: units": float(who.size),
        f"{head}: orders": float(count.sum()),
        f"{head}: squares": float((count**2).sum()),
    }


def _at(tried: Sums, window: Window, way: str) -> Sums:
    """Return what is different in a way of a window, against how it ran."""
    head = f"channels: {window.name} | {way} | "
    return {k.removeprefix(head): n for k, n in tried.items() if k.startswith(head)}


def brought(plan: Plan, world: World, tried: Sums) -> Iterator[tuple[Window, str, str, Sums]]:
    """Yield (window, channel, against what, sums) of what each channel brings; channel ``all paid``: all together."""
    for w in channel_worlds.windows(world, plan):
        on = dict.fromkeys(channel_worlds.SUMS, 0.0) if w.name == QUARTER else _at(tried, w, "all on")
        for channel in SWITCHED:
            name = MEDIA[channel]
            off = _at(tried, w, f"{name} off")
            if off:
                yield w, name, "all others on", {k: on[k] - off[k] for k in channel_worlds.SUMS}
            ran = [_at(tried, w, f"{name} {s}, the others as they ran") for s in ("on", "off")]
            if ran[0]:
                yield w, name, "as the test ran", {k: ran[0][k] - ran[1][k] for k in channel_worlds.SUMS}
        off = _at(tried, w, "all paid off")
        yield w, "all paid", "all others on", {k: on[k] - off[k] for k in channel_worlds.SUMS}


def rows(plan: Plan, world: World, tried: Sums, expected: Sums) -> Iterator[Row]:
    """Yield the truths of channels; those of windows only after a run that watched them."""
    c = world.channels
    for k in range(CURVED):
        head = f"channel {MEDIA[k]}"
        yield (
            f"{head}: usual share",
            c.share[k],
            "share of visits",
            "parameter",
            "brought at the usual spend a head",
            {},
        )
        yield (
            f"{head}: carry-over",
            c.carry[k],
            "share a week",
            "parameter",
            "of the pressure that is left after a week",
            {},
        )
        yield (
            f"{head}: half",
            c.half[k],
            "usual pressure",
            "parameter",
            "the pressure of half of the greatest response",
            {},
        )
    yield (
        "channel affiliate: orders",
        0.0,
        "orders",
        "parameter",
        "a null: whoever passes the site orders anyway",
        {},
    )
    for w, name, against, found in brought(plan, world, tried):
        horizon = f"{w.end - w.first} days from {date_of(w.first)} on"
        place = "in the last quarter" if w.name == QUARTER else "in its test"
        if name == "all paid" and w.name != QUARTER:
            place = f"in the {w.name}"
        tail = ", as it ran" if against == "as the test ran" else ""
        for what, unit in METRICS:
            doc = f"that would not have come without it; {against}"
            asked = {"lever": f"{name} off", "horizon": horizon}
            yield f"channel {name}: {what} {place}{tail}", found[what], unit, "these people", doc, asked
    last = [w for w in channel_worlds.windows(world, plan) if w.name == QUARTER]
    for w in last:
        came = _at(tried, w, "as it ran")
        for what in LATER:
            unit = "CNY" if what.endswith("contribution") else what.split()[1]
            yield (
                f"{what} in the last quarter",
                came[what],
                unit,
                "parameter",
                "of visits after the first",
                {},
            )
    for name in (MEDIA[k] for k in SWITCHED):
        orders = expected.get(f"channels: expected orders: {name}", 0.0)
        doc = "that would not have come on the same visit without it, expected given the visits that led to orders"
        yield f"channel {name}: expected orders in the last quarter", orders, "orders", "parameter", doc, {}
    yield from _referral_rows(world, expected)


def _referral_rows(world: World, expected: Sums) -> Iterator[Row]:
    n = expected.get("referrals: customers of a year", 0.0)
    if n:
        doc = (
            "people who join by a customer within 365 days of its sign-up, expected given when people joined"
        )
        yield (
            "referral_k_factor",
            expected["referrals: expected in a year"] / n,
            "people a customer",
            "parameter",
            doc,
            {},
        )
    if expected.get("referrals: invitations"):
        share = expected["referrals: joined"] / expected["referrals: invitations"]
        yield (
            "referral_share_joined",
            share,
            "share of invitations",
            "parameter",
            "somebody joined by them",
            {},
        )
        days = expected["referrals: days"] / max(expected["referrals: joined"], 1.0)
        doc = "from the inviter's sign-up to that of whom it invited; mean of all pairs"
        yield "referral_generation", days, "days", "parameter", doc, {}
    g = world.channels.generation
    doc = "the same of a shop that has always been open"
    yield "referral_generation_drawn", g, "days", "parameter", doc, {}


def table(plan: Plan, world: World, tried: Sums, expected: Sums) -> pa.Table:
    """Return what each channel brings, by window; with spend, and, in the last quarter, expected orders, too."""
    spent = media.daily(plan, world).sum(axis=2)
    columns: dict[str, list[Any]] = {}
    for w, name, against, found in brought(plan, world, tried):
        cost = None
        if name in MEDIA[:CURVED]:
            rows_of = slice(w.first - plan.span.first, w.end - plan.span.first)
            cost = float(spent[MEDIA.index(name), rows_of].sum()) / 100
        orders = expected.get(f"channels: expected orders: {name}") if w.name == QUARTER else None
        made = {
            "window": w.name, "first": w.first, "end": w.end, "channel": name, "against": against, **found,
            "spend": cost, "expected_orders": orders,
        }  # fmt: skip
        for column, value in made.items():
            columns.setdefault(column, []).append(value)
    for day in ("first", "end"):
        columns[day] = dates(np.array(columns.get(day, []), dtype=np.int64))
    return pa.table(columns)


def campaign_table(plan: Plan, world: World, expected: Sums) -> pa.Table:
    """Return what each creator's campaign brought: expected orders, and those of whom a test kept it from."""
    k = creators.Campaigns.until(plan.span.last).within(plan.span.first)
    who = [creators.CREATORS[n % len(creators.CREATORS)] for n in k]
    names = [creators.campaign_id(int(n)) for n in k]
    return pa.table(
        {
            "campaign_id": pa.array(names, pa.string()),
            "creator_id": pa.array([w.id for w in who], pa.string()),
            "follow": pa.array([w.follow for w in who], pa.float64()),
            "share": pa.array([w.share for w in who], pa.float64()),
            "orders": pa.array([expected[f"campaign {n}: brought"] for n in names], pa.float64()),
            "orders_kept_away": pa.array([expected[f"campaign {n}: kept away"] for n in names], pa.float64()),
            "cost": pa.array((media.campaign_fees(plan, world)[k] / 100).tolist(), pa.float64()),
        }
    )


def power_rows(plan: Plan, world: World, tried: Sums, expected: Sums) -> Iterator[tuple[str, float, float]]:
    """Yield (name, truth, standard error) of orders a customer in the tests on customers, as they ran."""
    ran = {
        name: found["orders"]
        for w, name, against, found in brought(plan, world, tried)
        if against == "as the test ran" and w.name != QUARTER
    } | {MEDIA[AFFILIATE]: 0.0}
    for test in plan.tests:
        if test.unit != "customer":
            continue
        n, total, squares = (expected[f"channels: {test.id}: {k}"] for k in ("units", "orders", "squares"))
        if test.channel == CREATOR:
            name = creators.campaign_id(test.campaign)
            effect = expected[f"campaign {name}: brought"] + expected[f"campaign {name}: kept away"]
        elif MEDIA[test.channel] in ran:
            effect = ran[MEDIA[test.channel]]
        else:
            continue
        variance = squares / n - (total / n) ** 2 if n else 0.0
        yield f"{test.id}: orders", effect / max(n, 1.0), float(np.sqrt(4 * variance / max(n, 1.0)))
