"""What is seen of a visit: the session row and its events. None of it changes what people do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from growth.simulation import causes, creators, store, words
from growth.simulation.clock import DAY
from growth.simulation.life import ABANDONED, BROWSED, ORDERED, Scene, order_offset
from growth.simulation.people import BOT, FAKE, HUMAN, category_weights
from growth.simulation.rng import Ints, pick_from
from growth.simulation.state import PER_CATEGORY
from growth.simulation.world import CHANNELS, DEVICES

VISIT_CHANNELS = (*CHANNELS, "email", "app_push")
CAMPAIGNS = ("brand_search", "spring", "new_arrivals", "summer", "618", "1111", "retargeting")
LANDINGS = ("home", "category", "product", "search", "campaign")
TYPES = ("view", "search", "cart", "checkout", "purchase", "share", "sign_up")
VIEW, SEARCH, CART, CHECKOUT, PURCHASE, SHARE, SIGN_UP = range(7)
_MOST_VIEWS = 12


@dataclass(frozen=True)
class Visits:
    """All visits of a chunk in the order of people and time; `line_*` are the choices of errands."""

    who: Ints
    key: Ints
    second: Ints
    device: Ints
    load: Ints
    outcome: Ints
    line_visit: Ints
    line_need: Ints
    line_product: Ints
    line_units: Ints
    line_off: Ints  # taken off the line by an experiment's offer, fen …
    line_slot: Ints  # … of this run; -1: none
    sign_up: Ints  # key of the visit at which its person signed up
    cause: Ints  # the channel whose doing the visit is; -1: nobody's

    @property
    def day(self) -> Ints:
        """The day of each visit."""
        return self.key // 2

    @property
    def start(self) -> Ints:
        """The local second at which each visit starts."""
        return self.day * DAY + self.second

    def session_ids(self, scene: Scene) -> pa.Array:
        """Return the ids of the sessions: person, day and slot, so that no other visit moves them."""
        return session_ids(scene.people.number[self.who], self.key)


def session_ids(number: Ints, key: Ints) -> pa.Array:
    """Return session ids."""
    return store.ids("s", number * 10_000 + key, 11)


def visitor_ids(number: Ints, device: Ints) -> pa.Array:
    """Return visitor ids."""
    return store.ids("v", number * 10 + device, 8)


def view_counts(scene: Scene, v: Visits) -> Ints:
    """Return how many products are looked at: more on an errand, fewer by the convenience-seeking."""
    number = scene.people.number[v.who]
    mean = (
        np.where(v.outcome == BROWSED, 1.5, 2.6)
        * np.array([1.15, 1.05, 1.15, 0.75])[scene.people.type[v.who]]
    )
    wait = scene.draws.exponential("views", number, v.key)
    seen = np.minimum((wait * mean).astype(np.int64), _MOST_VIEWS)
    machine = 8 + (scene.draws.uniform("bot views", number, v.key) * 9).astype(np.int64)
    kind = scene.people.kind[v.who]
    return np.where(kind == BOT, machine, np.where(kind == FAKE, 0, seen))


def searches(scene: Scene, v: Visits) -> Ints:
    """Return how many searches a visit has (0, 1 or 2)."""
    u = scene.draws.uniform("searches", scene.people.number[v.who], v.key)
    likely = np.where(v.outcome == BROWSED, 0.22, 0.48)
    found = (u < likely).astype(np.int64) + (u < 0.25 * likely)
    return np.where(scene.people.kind[v.who] == HUMAN, found, 0)


def habits(scene: Scene, v: Visits) -> Ints:
    """Return the way in that is a habit: the acquisition channel on the first day, a mixture later."""
    people = scene.people
    u = scene.draws.uniform("visit channel", people.number[v.who], v.key)
    habit = np.array([0.20, 0.09, 0.08, 0.05, 0.02, 0.02, 0.40, 0.06, 0.08])
    later = pick_from(habit[None, :], 0, u)
    return np.where(v.day == people.arrival[v.who], people.channel[v.who], later)


# What a click on each channel of touches is called as the channel of a visit: search, ads, social, creator, …
CLICK_OF = np.array([0, 1, 2, 0, 5, 4, 0, 1, 3, 1, 4])


@dataclass(frozen=True)
class WayIn:
    """How visits come in: the channel of the visit, and the one that claims it and whose click it is, if any."""

    channel: Ints
    claim: (
        Ints  # the channel of touches that claims the visit, whether or not it reaches its person; -1: none
    )
    own: NDArray[np.bool_]  # by a click on that channel
    search: NDArray[np.bool_]  # by a search for the shop, after it


def ways_in(scene: Scene, v: Visits) -> WayIn:
    """Return the ways in: out of habit, or, of the first visit of a day that a channel claims, by its doing.

    It depends on who the person is and on the day alone, on nothing that was done before.
    """
    people, c = scene.people, scene.world.channels
    claim = np.full(v.who.size, causes.NOBODY)
    first = (v.key % 2 == 0) & (people.kind[v.who] == HUMAN) & (v.day != people.arrival[v.who])
    rows = np.flatnonzero(first)
    who, number = v.who[rows], people.number[v.who[rows]]
    claim[rows] = causes.claims(
        scene.draws, scene.world, scene.plan, number, people.region[who], people.city_tier[who], v.day[rows]
    )[0]
    u = scene.draws.uniform("own click", people.number[v.who], v.key)
    own = (claim >= 0) & (u < np.array(c.own_click)[claim])
    search = (claim >= 0) & ~own & (u < np.array(c.own_click)[claim] + np.array(c.by_search)[claim])
    channel = np.where(own, CLICK_OF[claim], np.where(search, 0, habits(scene, v)))
    return WayIn(channel, claim, own, search)


def session_table(
    scene: Scene, v: Visits, views: Ints, seeks: Ints, way: WayIn | None = None, made: Ints | None = None
) -> pa.Table:
    """Return the table sessions; `made` is the number of the creator's campaign behind each visit, -1: none."""
    draws, people = scene.draws, scene.people
    number = people.number[v.who]
    channel = (way or ways_in(scene, v)).channel
    paid = np.isin(channel, (1, 2, 3))
    u = draws.uniform("campaign", number, v.key)
    campaign = (u * len(CAMPAIGNS)).astype(np.int64)
    names = [*CAMPAIGNS, *creators.Campaigns.until(scene.state.span.last).ids]
    if made is not None:
        campaign = np.where(made >= 0, len(CAMPAIGNS) + made, campaign)
    landing = pick_from(
        np.array([[0.5, 0.2, 0.15, 0.15, 0.0], [0.05, 0.15, 0.45, 0.05, 0.3]]),
        paid.astype(np.int64),
        draws.uniform("landing", number, v.key),
    )
    spent = 20 + (views + 1) * 38 * np.exp(0.7 * draws.normal("seconds", number, v.key))
    seconds = np.maximum(np.minimum(spent, 14_400).astype(np.int64), _after_views(views) + 40 * seeks + 8)
    ordered = v.outcome == ORDERED
    offset = order_offset(draws, number, v.key)
    seconds = np.where(v.outcome >= ABANDONED, np.maximum(seconds, offset + 30), seconds)
    seconds = np.where(v.sign_up == v.key, np.maximum(seconds, 75), seconds)
    bot = people.kind[v.who] == BOT
    labelled = bot & (draws.uniform("bot label", number) < scene.world.fraud.bot_labelled)
    seconds = np.where(bot, 2 + views, seconds)
    chosen = np.bincount(v.line_visit, minlength=v.who.size)
    pages = 1 + views + seeks + chosen + np.where(ordered, 3, np.where(v.outcome == ABANDONED, 2, 0))
    return pa.table(
        {
            "session_id": v.session_ids(scene),
            "visitor_id": visitor_ids(number, v.device),
            "started_at": store.times(v.start),
            "region": store.labels([c[0] for c in words.CITIES], people.region[v.who]),
            "device": store.labels([*DEVICES, "phone"], v.device),
            "landing": store.labels(LANDINGS, landing),
            "channel": store.labels(VISIT_CHANNELS, channel),
            "campaign": store.labels(names, campaign, ~paid),
            "pages": store.ints(pages),
            "seconds": store.ints(seconds),
            "load_ms": store.ints(v.load),
            "bot": pa.array(labelled),
        }
    )


@dataclass
class _Events:
    visit: list[Ints]
    at: list[Ints]  # local milliseconds
    kind: list[Ints]
    product: list[Ints]  # -1: none
    query: list[Ints]  # index into QUERIES; -1: none
    results: list[Ints]

    def add(self, visit: Ints, at: Ints, kind: int, product: Ints | None = None, millis: int = 0) -> None:
        """Append events at local seconds; `millis` keep two kinds of steps from falling on one moment."""
        none = np.full(visit.size, -1, dtype=np.int64)
        self.visit.append(visit)
        self.at.append(at * 1000 + millis)
        self.kind.append(none * 0 + kind)
        self.product.append(none if product is None else product)
        self.query.append(none)
        self.results.append(none)


QUERIES: tuple[str, ...] = tuple(q for c in words.CATEGORIES for q in c.queries) + words.UNMET
_FIRST_QUERY = np.cumsum([0, *(len(c.queries) for c in words.CATEGORIES)])


def event_table(scene: Scene, v: Visits, views: Ints, seeks: Ints) -> pa.Table:
    """Return the table events."""
    e = _Events([], [], [], [], [], [])
    _add_views(scene, v, views, e)
    _add_searches(scene, v, seeks, e)
    _add_purchase_path(scene, v, e)
    _add_idle_carts(scene, v, views, e)
    number = scene.people.number[v.who]
    human = (views > 0) & (scene.people.kind[v.who] == HUMAN)
    shares = np.flatnonzero(human & (scene.draws.uniform("share", number, v.key) < 0.02))
    e.add(shares, v.start[shares] + _after_views(views[shares]), SHARE)
    joins = np.flatnonzero(v.sign_up == v.key)
    e.add(joins, v.start[joins] + sign_up_offset(scene, v, joins), SIGN_UP)
    visit, at, kind = (np.concatenate(x) for x in (e.visit, e.at, e.kind))
    product, query, results = (np.concatenate(x) for x in (e.product, e.query, e.results))
    order = np.lexsort((kind, at, visit))
    order = order[at[order] < scene.state.span.end_second * 1000]  # what follows midnight is not known yet
    visit, at, kind, product = visit[order], at[order], kind[order], product[order]
    query, results = query[order], results[order]
    return pa.table(
        {
            "session_id": v.session_ids(scene).take(pa.array(visit)),
            "at": store.moments(at),
            "type": store.labels(TYPES, kind),
            "product_id": store.labels(scene.state.products.ids, np.maximum(product, 0), product < 0),
            "query": store.labels(QUERIES, np.maximum(query, 0), query < 0),
            "results": store.ints(results, results < 0),
        }
    )


def sign_up_offset(scene: Scene, v: Visits, at: Ints) -> Ints:
    """Return the seconds from a visit's start to its sign-up: just before the order if there is one."""
    number = scene.people.number[v.who[at]]
    early = 10 + (scene.draws.uniform("sign-up offset", number, v.key[at]) * 60).astype(np.int64)
    return np.where(v.outcome[at] == ORDERED, order_offset(scene.draws, number, v.key[at]) - 30, early)


def _add_views(scene: Scene, v: Visits, views: Ints, e: _Events) -> None:
    """Look at products: of a likely category, the popular ones more often."""
    draws, people, state = scene.draws, scene.people, scene.state
    visit = np.repeat(np.arange(v.who.size), views)
    nth = np.arange(visit.size) - np.repeat(np.cumsum(views) - views, views)
    number, key = people.number[v.who[visit]], v.key[visit] * 32 + nth
    table = category_weights(scene.world)
    # A visit stays in a category for a while: two views share the draw of theirs.
    category = pick_from(table, people.type[v.who[visit]], draws.uniform("view category", number, key // 2))
    # Rows of weights: week by week, category by category.
    weight = state.popularity.reshape(-1, PER_CATEGORY)
    row = (v.day[visit] // 7 - state.first_week) * table.shape[1] + category
    within = pick_from(weight, row, draws.uniform("view product", number, key))
    gap = 12 + (draws.uniform("view gap", number, key) * 20).astype(np.int64)
    machine = people.kind[v.who[visit]] == BOT
    e.add(
        visit,
        v.start[visit] + np.where(machine, 1 + nth, 5 + nth * 35 + gap),
        VIEW,
        category * PER_CATEGORY + within,
    )


def _add_searches(scene: Scene, v: Visits, seeks: Ints, e: _Events) -> None:
    """Search: mostly for what the shop has; sometimes for what it has not, which finds nothing."""
    draws, people = scene.draws, scene.people
    visit = np.repeat(np.arange(v.who.size), seeks)
    nth = np.arange(visit.size) - np.repeat(np.cumsum(seeks) - seeks, seeks)
    number, key = people.number[v.who[visit]], v.key[visit] * 2 + nth
    table = category_weights(scene.world)
    category = pick_from(table, people.type[v.who[visit]], draws.uniform("search category", number, key))
    u = draws.uniform("query", number, key)
    width = np.diff(_FIRST_QUERY)[category]
    known = _FIRST_QUERY[category] + (u * u * width).astype(np.int64)
    missed = draws.uniform("unmet query", number, key) < 0.045
    query = np.where(missed, _FIRST_QUERY[-1] + (u * u * len(words.UNMET)).astype(np.int64), known)
    found = 1 + (draws.uniform("results", number, key) * PER_CATEGORY).astype(np.int64)
    e.add(visit, v.start[visit] + 4 + nth * 20, SEARCH)
    e.query[-1] = query
    e.results[-1] = np.where(missed, 0, found)


def _add_purchase_path(scene: Scene, v: Visits, e: _Events) -> None:
    """View and cart what was chosen, then check out; those who finish purchase."""
    number = scene.people.number[v.who]
    offset = order_offset(scene.draws, number, v.key)
    nth = v.line_need % 8
    at = v.start[v.line_visit] + 20 + nth * 8
    e.add(v.line_visit, at, VIEW, v.line_product, 137)
    e.add(v.line_visit, at + 5, CART, v.line_product, 137)
    carts = np.flatnonzero(v.outcome >= ABANDONED)
    u = scene.draws.uniform("checkout", number[carts], v.key[carts])
    checks = carts[(v.outcome[carts] == ORDERED) | (u < 0.55)]
    e.add(checks, v.start[checks] + offset[checks] - 20, CHECKOUT)
    orders = np.flatnonzero(v.outcome == ORDERED)
    e.add(orders, v.start[orders] + offset[orders], PURCHASE)


def _add_idle_carts(scene: Scene, v: Visits, views: Ints, e: _Events) -> None:
    """Let a few browsing visits put something into the cart and leave it there."""
    number = scene.people.number[v.who]
    lazy = (v.outcome == BROWSED) & (views > 0) & (scene.people.kind[v.who] == HUMAN)
    idle = np.flatnonzero(lazy & (scene.draws.uniform("idle cart", number, v.key) < 0.03))
    u = scene.draws.uniform("idle product", number[idle], v.key[idle])
    product = pick_from(scene.state.popularity, v.day[idle] // 7 - scene.state.first_week, u)
    there = ~scene.state.stock.out[v.day[idle] - scene.state.span.first, product]
    idle, product = idle[there], product[there]
    e.add(idle, v.start[idle] + _after_views(views[idle]) + 2, CART, product)


def _after_views(views: Ints) -> Ints:
    """Return the seconds from a visit's start until its looking around is over."""
    return 6 + 36 * views
