"""What is seen of channels: impressions and clicks, read off lives that are already lived, so that nothing else moves.

A visit's click is on the channel that brought it, on brand search, or on whatever the person habitually comes by: last
clicks go to those who collect. Impressions come before the visits that they bring, and to many who would have come
anyway or do not come. Whoever is kept from a channel has no touch of it; a search for the shop then ends on the free
result below.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import pdtr

from growth.simulation import browse, causes, creators, store, words
from growth.simulation.browse import Visits, WayIn
from growth.simulation.clock import DAY, day_of
from growth.simulation.life import ORDERED, Memory, Scene, order_offset
from growth.simulation.people import HUMAN
from growth.simulation.rng import Floats, Ints
from growth.simulation.world import (
    AFFILIATE,
    BRAND,
    CREATOR,
    CURVED,
    DISPLAY,
    MEDIA,
    OFFLINE,
    PARTNER,
    REFERRAL,
    RETARGETING,
    SEARCH_ADS,
    SEO,
    SOCIAL,
)

IMPRESSION, CLICK = range(2)
KINDS = ("impression", "click")
NONE = -1
BEFORE = 2  # seconds from a click to the visit
Marks = NDArray[np.bool_]


@dataclass(frozen=True)
class Touches:
    """Touches of a chunk: person, device, second, channel, kind, campaign (-1: none), cost in fen (-1: unknown)."""

    who: Ints
    device: Ints
    at: Ints
    channel: Ints
    kind: Ints
    campaign: Ints
    cost: Ints

    def rows(self, keep: Any) -> Touches:
        """Return some of them."""
        return Touches(*(getattr(self, f)[keep] for f in self.__dataclass_fields__))


def _touches(who: Ints, device: Ints, at: Ints, channel: Any, kind: int, campaign: Any = NONE) -> Touches:
    zero = np.zeros(who.size, dtype=np.int64)
    return Touches(who, device, at, zero + channel, zero + kind, zero + campaign, zero - 1)


def touches(scene: Scene, memory: Memory, v: Visits, way: WayIn) -> Touches:
    """Return all touches from the first recorded day to the end of the span, in the order of people and time."""
    begin = max(day_of(scene.world.channels.since), scene.state.span.first) * DAY
    parts = [
        _clicks(scene, memory, v, way),
        _coupon_sites(scene, memory, v),
        _seen_before(scene, v),
        *(_shown(scene, v, channel) for channel in (DISPLAY, SOCIAL)),
        _followed(scene, memory, v),
        *_creators(scene, v),
    ]
    every = Touches(*(np.concatenate([getattr(p, f) for p in parts]) for f in Touches.__dataclass_fields__))
    every = every.rows((every.at >= begin) & (every.at < scene.state.span.end_second))
    every = every.rows(~kept_from(scene, memory, every))
    every = every.rows(np.lexsort((every.kind, every.channel, every.at, every.who)))
    return _with_costs(scene, every)


def kept_from(scene: Scene, memory: Memory, t: Touches) -> Marks:
    """Return which touches do not happen: of those whom a test keeps from the channel, and those not paid for."""
    day = t.at // DAY
    out = np.zeros(t.who.size, dtype=bool)
    for channel in (BRAND, AFFILIATE, RETARGETING, CREATOR):
        rows = np.flatnonzero(t.channel == channel)
        customer = memory.sign_up[t.who[rows]] < day[rows] * 2
        out[rows] = customer & causes.held(scene, memory, channel, t.who[rows], day[rows])
    curved = np.flatnonzero(t.channel < CURVED)
    place = t.channel[curved], day[curved] // 7, scene.people.region[t.who[curved]]
    spent = np.where(day[curved] >= scene.plan.policy_day, scene.plan.spent[place], scene.plan.ran[place])
    out[curved] = spent == 0
    out |= (scene.plan.scales[t.channel] == 0) & (day >= scene.plan.policy_day)
    return out


def _clicks(scene: Scene, memory: Memory, v: Visits, way: WayIn) -> Touches:
    """Return the clicks by which visits come in: of those that a channel brings, and of part of the others."""
    draws, people, c = scene.draws, scene.people, scene.world.channels
    number = people.number[v.who]
    seen = draws.uniform("recorded", number, v.key) < c.recorded
    there = (people.kind[v.who] == HUMAN) & (way.own | way.search | seen)
    rows = np.flatnonzero(there & (v.day >= day_of(c.since)) & (way.channel <= 5))
    channel = _clicked(scene, memory, v, way, rows)
    campaign = np.where(channel == CREATOR, creators.running(v.day[rows]), NONE)
    made = np.flatnonzero(campaign >= 0)
    known = creators.popularity()[campaign[made] % len(creators.CREATORS)]
    known = np.where(way.own[rows[made]] & (way.claim[rows[made]] == CREATOR), 1.0, known)
    luck = draws.uniform("knows the creator", number[rows[made]], v.key[rows[made]])
    channel[made[luck >= known]] = NONE
    rows, channel, campaign = (x[channel >= 0] for x in (rows, channel, campaign))
    return _touches(v.who[rows], v.device[rows], v.start[rows] - BEFORE, channel, CLICK, campaign)


def _clicked(scene: Scene, memory: Memory, v: Visits, way: WayIn, rows: Ints) -> Ints:
    """Return the channel of touches behind the channel of visits; -1: none."""
    number, key, day = scene.people.number[v.who[rows]], v.key[rows], v.day[rows]
    u = scene.draws.uniform("which click", number, key)
    coarse, claim, own = way.channel[rows], way.claim[rows], way.own[rows]
    customer = v.sign_up[rows] < day * 2
    free = customer & ~causes.held(scene, memory, BRAND, v.who[rows], day)
    habit = np.where(free, np.where(u < 0.45, BRAND, SEO), SEO)
    habit = np.where(u >= np.where(customer, 0.80, 0.65), SEARCH_ADS, habit)
    habit = np.where((way.search[rows] | (own & (claim == BRAND))), np.where(free, BRAND, SEO), habit)
    lately = customer & came_lately(scene, v)[rows]
    ads = np.where(lately & (u < 0.5), RETARGETING, DISPLAY)
    ads = np.where(own & (claim == RETARGETING), np.where(lately, RETARGETING, DISPLAY), ads)
    guess = np.select(
        [coarse == 0, coarse == 1, coarse == 2, coarse == 3, coarse == 4, coarse == 5],
        [
            habit,
            ads,
            SOCIAL,
            CREATOR,
            np.where(u < 0.5, PARTNER, REFERRAL),
            np.where(customer, OFFLINE, NONE),
        ],
        NONE,
    )
    plain = own & np.isin(claim, (SEARCH_ADS, DISPLAY, SOCIAL, SEO, PARTNER))
    out: Ints = np.where(plain, claim, guess)
    return out


def came_lately(scene: Scene, v: Visits) -> Marks:
    """Return whether a visit's person came without an order in the weeks before: whom retargeting follows."""
    week = v.key // 14
    without = np.where(v.outcome != ORDERED, week, -1)
    # The last week with such a visit, before this week: of the visits so far, those of this week left out.
    code = v.who * (1 << 20) + week
    start = np.searchsorted(code, code)
    best = np.maximum.accumulate(np.where(without >= 0, v.who * (1 << 20) + without, -1))
    last = np.where(start > 0, best[np.maximum(start - 1, 0)], -1)
    mine = last >= v.who * (1 << 20)
    lately: Marks = mine & (last - v.who * (1 << 20) >= week - scene.world.channels.within)
    return lately


def _coupon_sites(scene: Scene, memory: Memory, v: Visits) -> Touches:
    """Return clicks on an affiliate's site just before the order, by customers who would have ordered anyway."""
    rows = np.flatnonzero((v.outcome == ORDERED) & (scene.people.kind[v.who] == HUMAN))
    rows = rows[(v.sign_up[rows] < v.day[rows] * 2)]
    number = scene.people.number[v.who[rows]]
    goes = scene.draws.uniform("coupon site", number, v.key[rows]) < scene.world.channels.coupon_site
    rows, number = rows[goes], number[goes]
    at = v.start[rows] + order_offset(scene.draws, number, v.key[rows]) - 40
    region = scene.people.region[v.who[v.line_visit]]
    price = scene.state.on_shelf(v.day[v.line_visit], v.line_product, region)[0]
    goods = np.bincount(v.line_visit, price * v.line_units - v.line_off, minlength=v.who.size)
    commission = np.rint(scene.world.channels.commission * goods[rows]).astype(np.int64)
    return replace(_touches(v.who[rows], v.device[rows], at, AFFILIATE, CLICK), cost=commission)


def _seen_before(scene: Scene, v: Visits) -> Touches:
    """Return the impressions behind visits that display, social, retargeting and creators bring."""
    draws = scene.draws
    rows = np.flatnonzero(np.isin(v.cause, (DISPLAY, SOCIAL, RETARGETING, CREATOR)) & (v.key % 2 == 0))
    number = scene.people.number[v.who[rows]]
    rows = rows[draws.uniform("seen before", number, v.key[rows]) < scene.world.channels.seen_before]
    number = scene.people.number[v.who[rows]]
    ahead = np.minimum(600 + draws.exponential("seen ahead", number, v.key[rows]) * 0.4 * DAY, 3.0 * DAY)
    at = v.start[rows] - ahead.astype(np.int64)
    campaign = np.where(v.cause[rows] == CREATOR, creators.running(v.day[rows]), NONE)
    began = np.where(campaign >= 0, (creators.FIRST + campaign * creators.DAYS) * DAY, at)
    return _touches(v.who[rows], v.device[rows], np.maximum(at, began), v.cause[rows], IMPRESSION, campaign)


def _shown(scene: Scene, v: Visits, channel: int) -> Touches:
    """Return impressions that bring nobody: of everybody who has ever come, as often as is spent in the region."""
    people, plan, c = scene.people, scene.plan, scene.world.channels
    first = max(day_of(c.since), scene.state.span.first) // 7
    end = (scene.state.span.last - 1) // 7 + 1
    spent = np.cumsum(plan.ran[channel, first:end], axis=0)  # (week, region)
    so_far = np.vstack([np.zeros(spent.shape[1]), spent]) * c.shown[channel]
    from_week = np.clip(people.arrival // 7 + 1 - first, 0, end - first)
    before, total = so_far[from_week, people.region], so_far[-1, people.region]
    mean = np.where(people.kind == HUMAN, total - before, 0.0)
    count = _poisson(scene.draws.uniform(f"shown {MEDIA[channel]}", people.number), mean)
    who = np.repeat(np.arange(len(people)), count)
    nth = np.arange(who.size) - np.repeat(np.cumsum(count) - count, count)
    u = scene.draws.uniform(f"shown in week {MEDIA[channel]}", people.number[who], nth)
    aim = before[who] + u * mean[who]
    week = np.empty(who.size, dtype=np.int64)
    for region in range(len(words.CITIES)):
        mine = people.region[who] == region
        week[mine] = np.searchsorted(so_far[1:, region], aim[mine], side="right")
    luck = scene.draws.uniform(f"shown at {MEDIA[channel]}", people.number[who], nth)
    at = (np.minimum(first + week, end - 1) * 7 * DAY + luck * 7 * DAY).astype(np.int64)
    return _on_their_device(v, who, at, channel)


def _poisson(u: Floats, mean: Floats) -> Ints:
    """Return Poisson numbers by inversion."""
    count = np.zeros(u.size, dtype=np.int64)
    more = u >= pdtr(0, mean)
    while more.any():
        count[more] += 1
        more[more] = u[more] >= pdtr(count[more], mean[more])
    return count


def _on_their_device(v: Visits, who: Ints, at: Ints, channel: Any, campaign: Any = NONE) -> Touches:
    """Return impressions on the device of each person's last visit before them; none of those who never came before."""
    far = np.int64(1) << np.int64(32)
    place = np.searchsorted(v.who * far + v.start, who * far + at, side="right") - 1
    there = np.flatnonzero((place >= 0) & (v.who[np.maximum(place, 0)] == who))
    zero = np.zeros(who.size, dtype=np.int64)
    return _touches(
        who[there], v.device[place[there]], at[there], channel, IMPRESSION, (zero + campaign)[there]
    )


def _followed(scene: Scene, memory: Memory, v: Visits) -> Touches:
    """Return impressions of retargeting after visits of customers without an order."""
    c, draws = scene.world.channels, scene.draws
    rows = np.flatnonzero((v.outcome != ORDERED) & (scene.people.kind[v.who] == HUMAN))
    rows = rows[(v.sign_up[rows] < v.day[rows] * 2) & (v.day[rows] >= day_of(c.since))]
    number = scene.people.number[v.who[rows]]
    rows = rows[draws.uniform("followed", number, v.key[rows]) < c.shown_after]
    number = scene.people.number[v.who[rows]]
    wait = 3600 + draws.exponential("followed at", number, v.key[rows]) * 2 * DAY
    return _touches(
        v.who[rows], v.device[rows], v.start[rows] + wait.astype(np.int64), RETARGETING, IMPRESSION
    )


def _creators(scene: Scene, v: Visits) -> list[Touches]:
    """Return impressions of creators' campaigns that bring nobody: of those who follow and have come before."""
    people, draws, c = scene.people, scene.draws, scene.world.channels
    known, found = creators.popularity(), []
    for k in creators.Campaigns.until(scene.state.span.last).numbers:
        first = creators.FIRST + creators.DAYS * int(k)
        here = np.flatnonzero((people.kind == HUMAN) & (people.arrival < first))
        if first + creators.DAYS <= scene.state.span.first or not here.size:
            continue
        number = people.number[here]
        here = here[causes.follows(draws, number, np.full(here.size, k))]
        number = people.number[here]
        chance = c.shown_follower * known[k % len(creators.CREATORS)]
        who = here[draws.uniform("shown campaign", number, k) < chance]
        at = first * DAY + (draws.uniform("shown campaign at", people.number[who], k) * creators.DAYS * DAY)
        found.append(_on_their_device(v, who, at.astype(np.int64), CREATOR, int(k)))
    return found


def _with_costs(scene: Scene, t: Touches) -> Touches:
    """Add what touches cost, besides affiliates' commission: clicks on brand search, and retargeting."""
    c, cost = scene.world.channels, t.cost.copy()
    cost[t.channel == BRAND] = round(100 * c.click_brand)
    back = t.channel == RETARGETING
    cost[back] = np.where(
        t.kind[back] == CLICK, round(100 * c.click_retargeting), round(100 * c.shown_retargeting)
    )
    scale = np.where(t.at // DAY >= scene.plan.policy_day, scene.plan.scales[t.channel], 1.0)
    cost = np.where(cost >= 0, np.rint(cost * scale), cost).astype(np.int64)
    return replace(t, cost=cost)


def campaigns(v: Visits, t: Touches) -> Ints:
    """Return the campaign by whose click each visit comes in; -1: none."""
    out = np.full(v.who.size, NONE)
    far = np.int64(1) << np.int64(32)
    rows = (t.kind == CLICK) & (t.campaign >= 0)
    out[np.searchsorted(v.who * far + v.start, t.who[rows] * far + t.at[rows] + BEFORE)] = t.campaign[rows]
    return out


def table(scene: Scene, t: Touches, linked: Ints) -> pa.Table:
    """Return the table touches; `linked` is the second from which on each person's device is known to be its."""
    number = scene.people.number[t.who]
    known = t.at >= linked[t.who * 4 + t.device]
    campaigns = creators.Campaigns.until(scene.state.span.last).ids
    return pa.table(
        {
            "visitor_id": browse.visitor_ids(number, t.device),
            "customer_id": store.masked(store.ids("c", number), ~known),
            "at": store.times(t.at),
            "channel": store.labels(MEDIA, t.channel),
            "kind": store.labels(KINDS, t.kind),
            "campaign_id": store.labels(
                [*campaigns, ""], np.where(t.campaign >= 0, t.campaign, 0), t.campaign < 0
            ),
            "cost": store.money(np.maximum(t.cost, 0), t.cost < 0),
        }
    )


@dataclass(frozen=True)
class Sums:
    """Touches and their cost by channel, region and day: what the books of spend are made of.

    Parameters
    ----------
    cell : ndarray of int
        (channel · days + day of the span) · regions + region, rising.
    shown, clicked, cost : ndarray of int
        Impressions, clicks, fen.
    """

    cell: Ints
    shown: Ints
    clicked: Ints
    cost: Ints


def sums(scene: Scene, t: Touches) -> Sums:
    """Add up the touches of a chunk."""
    span = scene.state.span
    day = t.at // DAY - span.first
    cell = (t.channel * (span.last - span.first) + day) * len(words.CITIES) + scene.people.region[t.who]
    cells, place = np.unique(cell, return_inverse=True)

    def total(weight: Any) -> Ints:
        return np.bincount(place, weight, minlength=cells.size).astype(np.int64)

    return Sums(cells, total(t.kind == IMPRESSION), total(t.kind == CLICK), total(np.maximum(t.cost, 0)))
