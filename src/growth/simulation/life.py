"""How people live with the shop: week by week, visits, errands, orders, phases and tiers.

A week's draws are those of its days and visits; what a person did before enters only through the few numbers of
`Memory`. So a lever that changes nothing for a person in a week changes none of that person's draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from growth.simulation import causes, channel_worlds, demand, potential, trials
from growth.simulation.clock import DAY
from growth.simulation.media import Plan
from growth.simulation.people import HUMAN, People
from growth.simulation.policy import Policy
from growth.simulation.rng import Draws, Floats, Ints
from growth.simulation.state import PER_CATEGORY, State
from growth.simulation.trade import fulfil
from growth.simulation.world import DORMANCY, GROWTH, INTRODUCTION, LOSS, MATURITY, POTENTIAL, TYPES, World

BROWSED, NOTHING_FOUND, ABANDONED, ORDERED = range(4)
NEVER = np.int64(1) << np.int64(40)
_LONG_AGO = -1_000


@dataclass
class Memory:
    """What the past means for the future: one entry a person."""

    phase: Ints
    woke_to: Ints  # phase to go back to after dormancy
    orders: Ints
    last_order: Ints  # week
    late: Ints  # week in which the last late parcel came
    sign_up: Ints  # slot of the visit that signed up
    tier: Ints
    spend: Ints  # fen, (person, 52 weeks), a ring
    arms: Ints  # (run of an experiment, person); -1: not in it
    used: Ints  # slot of the visit that used up a coupon, (run, person); -1: not used
    browsed: Ints  # week of the last visit without an order

    @classmethod
    def of(cls, count: int, runs: int) -> Memory:
        """Return the memory of people who have not come yet."""
        zero = np.zeros(count, dtype=np.int64)
        return cls(
            zero.copy(), zero.copy(), zero.copy(), zero + _LONG_AGO, zero + _LONG_AGO,
            np.full(count, NEVER), zero - 1, np.zeros((count, 52), dtype=np.int64),
            np.full((runs, count), -1), np.full((runs, count), -1), zero + _LONG_AGO,
        )  # fmt: skip

    def at(self, rows: Ints) -> Memory:
        """Return the memory of some people, as a copy."""
        wide = ("arms", "used")
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return Memory(**{n: v[:, rows] if n in wide else v[rows] for n, v in values.items()})

    def plus(self, other: Memory) -> Memory:
        """Return this memory and, after it, another's."""
        wide = ("arms", "used")
        both = {f.name: (getattr(self, f.name), getattr(other, f.name)) for f in fields(self)}
        return Memory(**{n: np.concatenate(v, axis=1 if n in wide else 0) for n, v in both.items()})


@dataclass
class Tally:
    """Sums that truths are made of."""

    needs: Floats  # (type, category)
    expected: Floats  # expected units of demand by product, at the prices that held
    slope: Floats  # d expected / d log own price
    cross: Floats  # (category, i, j): sum of alpha s_i s_j
    lost_units: Floats  # units that products would have sold while they were out (expected)
    errands: Ints  # errands, by type
    carts: Ints  # … of which found something
    finished: Ints  # … and ended in an order
    load_slope: float = 0.0  # sum of d P(finish) / d log load
    finish: float = 0.0  # sum of P(finish)
    exposed: Ints = field(default_factory=lambda: np.zeros(2, dtype=np.int64))  # person-weeks, late or not
    lost: Ints = field(default_factory=lambda: np.zeros(2, dtype=np.int64))
    likely_lost: Floats = field(default_factory=lambda: np.zeros(2))  # sum of the chances of loss

    @classmethod
    def empty(cls, products: int) -> Tally:
        """Return zeros."""
        cats, kinds = products // PER_CATEGORY, len(TYPES)
        return cls(
            np.zeros((kinds, cats)), np.zeros(products), np.zeros(products),
            np.zeros((cats, PER_CATEGORY, PER_CATEGORY)), np.zeros(products),
            np.zeros(kinds, dtype=np.int64), np.zeros(kinds, dtype=np.int64), np.zeros(kinds, dtype=np.int64),
        )  # fmt: skip


@dataclass
class Lives:
    """All that happened to a chunk of people, as lists of weekly arrays, joined by `joined`."""

    visits: dict[str, list[NDArray[np.generic]]] = field(default_factory=dict)
    lines: dict[str, list[NDArray[np.generic]]] = field(default_factory=dict)
    orders: dict[str, list[NDArray[np.generic]]] = field(default_factory=dict)
    phases: dict[str, list[NDArray[np.generic]]] = field(default_factory=dict)
    tiers: dict[str, list[NDArray[np.generic]]] = field(default_factory=dict)
    visits_so_far: int = 0

    def add(self, table: str, **columns: NDArray[np.generic]) -> None:
        """Append a week's rows."""
        store = getattr(self, table)
        for name, values in columns.items():
            store.setdefault(name, []).append(values)

    def joined(self, table: str) -> dict[str, NDArray[np.generic]]:
        """Return a table's columns as whole arrays."""
        return {name: np.concatenate(parts) for name, parts in getattr(self, table).items()}


@dataclass(frozen=True)
class Scene:
    """Everything that does not change while people live."""

    draws: Draws
    world: World
    state: State
    policy: Policy
    policy_day: int
    people: People
    contacted: NDArray[np.bool_]
    plan: Plan
    runs: tuple[trials.Run, ...] = ()
    ghosts: tuple[potential.Ghost, ...] = ()
    ways: tuple[
        causes.Way, ...
    ] = ()  # ways of running the channels, and which of them holds for each person …
    way: Ints | None = None  # … negative: the way it ran …
    ways_from: int = 0  # … from this day on

    @property
    def peak_days(self) -> Ints:
        """Return, by day, 1 at the peak of an event and 0 otherwise."""
        return self.state.congested.astype(np.int64)


def live(scene: Scene, look: bool = False) -> tuple[Lives, Memory, Tally, list[potential.Outcome]]:
    """Let a chunk of people live through the span of the state.

    With `look`, also let them live through every experiment in each of its arms: what would have happened.
    """
    people = scene.people
    memory = Memory.of(len(people), len(scene.runs))
    lives = Lives()
    tally = Tally.empty(len(scene.state.products.ids))
    seen: list[potential.Outcome] = []
    pools = channel_worlds.pools(scene) if look else []
    memory.phase[people.kind != HUMAN] = LOSS  # machines and rings are drawn in fraud.py
    for week in scene.state.span.weeks:
        trials.enrol(scene, memory, week)
        if look:
            seen += potential.look(scene, memory, week)
        step(scene, memory, lives, tally, week, pools)
    seen += [outcome for pool in pools for outcome in pool.outcomes]
    return lives, memory, tally, seen


def step(
    scene: Scene, memory: Memory, lives: Lives, tally: Tally, week: int,
    pools: Sequence[channel_worlds.Pool] = (),
) -> None:  # fmt: skip
    """Let a week happen; `pools` are those who live on, beside it, without a channel."""
    turn(scene, memory, lives, tally, week)
    seen, happens = visits(scene, memory, week)
    for pool in pools:
        pool.live(scene, memory, lives, week, seen, happens)
    go(scene, memory, lives, tally, week, seen.at(happens))
    for pool in pools:
        pool.end(scene, memory, lives, week)


def turn(scene: Scene, memory: Memory, lives: Lives, tally: Tally, week: int) -> None:
    """Begin a week: phases and tiers."""
    _change_phase(scene, memory, lives, tally, week)
    if week % 4 == 0:
        _change_tier(scene, memory, lives, week)
    memory.spend[:, week % 52] = 0


def loss_hazard(scene: Scene, memory: Memory, week: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the hazard of loss in a week, and who had a late parcel lately."""
    life = scene.world.life
    lately = (memory.late <= week) & (week - memory.late < life.late_weeks)
    hazard = scene.people.loss_rate * np.array(life.loss)[memory.phase]
    hazard = hazard * trials.person_factors(scene, memory, week)[1]
    club = scene.people.points & (memory.sign_up < week * 14)
    hazard = hazard * np.where(club, np.exp(scene.world.clubs.points_log_hazard), 1.0)
    return hazard * np.where(lately, np.exp(life.late_log_hazard), 1.0), lately


def _change_phase(scene: Scene, memory: Memory, lives: Lives, tally: Tally, week: int) -> None:
    """Move between phases at the start of a week."""
    people, life, draws = scene.people, scene.world.life, scene.draws
    before = memory.phase.copy()
    here = (people.arrival < week * 7) & (memory.phase != LOSS)
    hazard, lately = loss_hazard(scene, memory, week)
    chance = 1 - np.exp(-hazard)
    lost = here & (draws.uniform("loss", people.number, week) < chance)
    buyers = here & (memory.orders > 0)
    for k, group in enumerate((buyers & ~lately, buyers & lately)):
        tally.exposed[k] += int(group.sum())
        tally.lost[k] += int((lost & group).sum())
        tally.likely_lost[k] += float(chance[group].sum())
    awake = here & ((memory.phase == GROWTH) | (memory.phase == MATURITY))
    sleeps = awake & (draws.uniform("sleep", people.number, week) < life.sleep)
    wakes = here & (memory.phase == DORMANCY) & (draws.uniform("wake", people.number, week) < life.wake)
    phase = memory.phase
    phase[here & (phase == POTENTIAL) & (memory.sign_up < NEVER)] = INTRODUCTION
    started = here & np.isin(phase, (POTENTIAL, INTRODUCTION, GROWTH)) & (memory.orders > 0)
    phase[started] = np.where(memory.orders[started] >= life.maturity_orders, MATURITY, GROWTH)
    memory.woke_to[sleeps] = phase[sleeps]
    phase[sleeps] = DORMANCY
    phase[wakes] = memory.woke_to[wakes]
    phase[lost] = LOSS
    moved = np.flatnonzero(phase != before)
    lives.add("phases", who=moved, week=np.full(moved.size, week), phase=phase[moved])


def _change_tier(scene: Scene, memory: Memory, lives: Lives, week: int) -> None:
    """Give tiers by the spend of 52 weeks, every fourth week, to those who signed up before it."""
    silver, gold = (round(100 * s) for s in scene.world.life.tier_spend)
    spend = memory.spend.sum(axis=1)
    tier = (spend >= silver).astype(np.int64) + (spend >= gold)
    member = memory.sign_up < week * 14
    moved = np.flatnonzero(member & (np.maximum(memory.tier, 0) != tier))
    memory.tier[member] = tier[member]
    lives.add("tiers", who=moved, week=np.full(moved.size, week), tier=tier[moved])


def visits(scene: Scene, memory: Memory, week: int) -> tuple[causes.Candidates, NDArray[np.bool_]]:
    """Return the visits of a week if no channel is kept from anybody, one a person and day, and which happen."""
    state, people, life, policy = scene.state, scene.people, scene.world.life, scene.policy
    days = np.arange(max(week * 7, state.span.first), min(week * 7 + 7, state.span.last))
    rate = people.visit_rate * np.array(life.visit)[memory.phase]
    rate = rate * np.array(life.tier_visit)[np.maximum(memory.tier, 0)]
    rate = rate * state.region_visit[week - state.first_week, people.region]
    rate = rate * trials.person_factors(scene, memory, week)[0]
    on = (days >= scene.policy_day).astype(np.float64)
    lever = policy.visit_rate * np.where(scene.contacted, life.contact_visit, 1.0)
    daily = rate[:, None] * state.visit[days - state.span.first][None, :] * (1 + on * (lever[:, None] - 1))
    u = scene.draws.uniform("visit", people.number[:, None], days[None, :])
    chance = 1 - np.exp(-daily)
    gain = causes.gains(scene, memory, week, days) if scene.plan.grows else None
    limit = chance if gain is None else chance * (1 + gain.sum(axis=0))
    comes = (u < limit) & (days[None, :] > people.arrival[:, None])
    comes |= (days[None, :] == people.arrival[:, None]) & (people.kind == HUMAN)[:, None]
    who, which = np.nonzero(comes)
    seen = causes.find(scene, memory, week, who, days[which])
    way = np.full(who.size, -1)
    if scene.way is not None:
        way = np.where(seen.day >= scene.ways_from, scene.way[who], way)
    happens = causes.kept(scene, memory, seen, scene.ways, way)
    if gain is not None:
        new = np.flatnonzero((u[who, which] >= chance[who, which]) & (days[which] > people.arrival[who]))
        over = u[who[new], which[new]] / chance[who[new], which[new]] - 1
        seen.cause[new] = causes.whose(gain[:, who[new], which[new]], over)
        happens[new] = True
    return seen, happens


def go(scene: Scene, memory: Memory, lives: Lives, tally: Tally, week: int, comes: causes.Candidates) -> None:
    """Let the visits of a week happen, and for some a second one on the same day."""
    number = scene.people.number[comes.who]
    again = scene.draws.uniform("second visit", number, comes.day) < scene.world.people.second_visit
    rows = np.concatenate([np.arange(again.size), np.flatnonzero(again)])
    slot = (np.arange(rows.size) >= again.size).astype(np.int64)
    if rows.size:
        who, day, cause = comes.who[rows], comes.day[rows], comes.cause[rows]
        _shop(scene, memory, lives, tally, week, who, day, slot, cause)


def _shop(
    scene: Scene, memory: Memory, lives: Lives, tally: Tally, week: int, who: Ints, day: Ints, slot: Ints,
    cause: Ints,
) -> None:  # fmt: skip
    """Let a week's visits happen, and remember what they leave behind."""
    draws, people, world = scene.draws, scene.people, scene.world
    key = day * 2 + slot
    number = people.number[who]
    second = visit_second(draws, number, day, slot)
    device = visit_device(draws, people, who, day, key)
    tried = trials.effects(scene, memory, week, who, key, device)
    load = load_time(scene, who, day, key, device, tried.load)
    outcome = np.zeros(who.size, dtype=np.int64)
    on_errand = np.flatnonzero(_errand(scene, memory, week, who, day, key, tried.errand))
    on = tried.at(on_errand)
    needs = demand.draw_needs(
        draws, world, people, who[on_errand], key[on_errand], on.more, on.focus, on.redirect
    )
    shift = trials.utility_shift(scene, on.at(needs.visit), who[on_errand][needs.visit], needs.category)
    ordered = (day * DAY + second + order_offset(draws, number, key)) // DAY
    looks = who[on_errand], day[on_errand], ordered[on_errand], needs, shift
    product, met, chance = demand.choose(
        draws, people, who[on_errand], needs, demand.worth(world, scene.state, people, *looks)
    )
    _turn_away(tally, scene, *looks, load[on_errand])
    _count(tally, world, people, who[on_errand], needs, chance)
    full = np.zeros(on_errand.size, dtype=bool)
    full[needs.visit[met]] = True
    outcome[on_errand] = np.where(full, ABANDONED, NOTHING_FOUND)
    carts = on_errand[full]
    finish, slope = _finish(world, people, who[carts], load[carts])
    bought = draws.uniform("finish", number[carts], key[carts]) < finish
    outcome[carts[bought]] = ORDERED
    tally.errands += np.bincount(people.type[who[on_errand]], minlength=len(TYPES))
    tally.carts += np.bincount(people.type[who[carts]], minlength=len(TYPES))
    tally.finished += np.bincount(people.type[who[carts[bought]]], minlength=len(TYPES))
    tally.load_slope += float(slope.sum())
    tally.finish += float(finish.sum())
    _sign_up(scene, memory, who, key, outcome)
    offset = lives.visits_so_far
    lives.add(
        "visits", who=who, key=key, second=second, device=device, load=load, outcome=outcome, cause=cause
    )
    memory.browsed[who[outcome != ORDERED]] = week
    lives.visits_so_far += who.size
    line_visit, product = on_errand[needs.visit[met]], product[met]
    units = demand.units(draws, people, who[on_errand], needs)[met]
    value = scene.state.on_shelf(day[line_visit], product, people.region[who[line_visit]])[0] * units
    taken = trials.take_off(scene, memory, tried, who, key, outcome == ORDERED, line_visit, product, value)
    lives.add(
        "lines", visit=line_visit + offset, need=needs.key[met], product=product, units=units, off=taken.off,
        slot=taken.slot,
    )  # fmt: skip
    paid = value - taken.off
    _orders(scene, memory, lives, week, who, day, key, second, outcome, line_visit, paid, taken.free, offset)


def _errand(
    scene: Scene, memory: Memory, week: int, who: Ints, day: Ints, key: Ints, factor: Floats
) -> NDArray[np.bool_]:
    """Return which visits are errands: less often just after an order; `factor` is an experiment's."""
    d, people = scene.world.demand, scene.people
    since = np.maximum(week - memory.last_order[who], 0)
    chance = np.array(d.errand)[people.type[who]] * np.array(d.errand_city)[people.city_tier[who]]
    chance = chance * scene.state.errand[day - scene.state.span.first]
    chance = chance * np.where(
        memory.orders[who] == 0, d.errand_first, 1 - d.sated * np.exp(-since / d.sated_weeks)
    )
    return scene.draws.uniform("errand", people.number[who], key) < chance * factor


def _finish(world: World, people: People, who: Ints, load: Ints) -> tuple[Floats, Floats]:
    """Return the chance of finishing the checkout, and its slope on log load time."""
    slope = np.array(world.demand.load_slope)[people.type[who]]
    p = 1 / (1 + np.exp(-(world.demand.finish - slope * np.log(load / 1500.0))))
    return p, -slope * p * (1 - p)


def _sign_up(scene: Scene, memory: Memory, who: Ints, key: Ints, outcome: Ints) -> None:
    """Sign up on a visit, or at the checkout unless the person prefers to be a guest."""
    p, people = scene.world.people, scene.people
    chance = p.sign_up_a_visit * np.array(p.channel_sign_up)[people.channel[who]]
    chance = chance * np.where(people.guest[who], p.guest_sign_up, 1.0)
    by_visit = scene.draws.uniform("sign up", people.number[who], key) < chance
    now = by_visit | ((outcome == ORDERED) & ~people.guest[who])
    np.minimum.at(memory.sign_up, who[now], key[now])


def _orders(
    scene: Scene, memory: Memory, lives: Lives, week: int, who: Ints, day: Ints, key: Ints, second: Ints,
    outcome: Ints, line_visit: Ints, paid: Ints, free: NDArray[np.bool_], offset: int,
) -> None:  # fmt: skip
    """Turn finished checkouts into orders, deliver them, and remember."""
    at = np.flatnonzero(outcome == ORDERED)
    state, people = scene.state, scene.people
    placed = day[at] * DAY + second[at] + order_offset(scene.draws, people.number[who[at]], key[at])
    f = fulfil(
        scene.draws, scene.world, state, scene.policy, scene.policy_day, people, who[at], key[at], placed
    )
    lives.add(
        "orders", visit=at + offset, who=who[at], key=key[at], placed=placed, paid=f.paid, shipped=f.shipped,
        promised=f.promised, delivered=f.delivered, cancelled=f.cancelled, late=f.late, free=free[at],
    )  # fmt: skip
    memory.orders += np.bincount(who[at], minlength=len(people))
    memory.last_order[who[at]] = week
    np.maximum.at(memory.late, who[at][f.late], f.delivered[f.late] // (7 * DAY) + 1)
    # A tier is earned by what was paid for under the account.
    earned = np.zeros(who.size, dtype=bool)
    earned[at] = (f.paid >= 0) & ~f.cancelled & (memory.sign_up[who[at]] <= key[at])
    counts = earned[line_visit]
    spent = np.zeros(len(people), dtype=np.int64)
    np.add.at(spent, who[line_visit][counts], paid[counts])
    memory.spend[:, week % 52] += spent


def _count(
    tally: Tally, world: World, people: People, who: Ints, needs: demand.Needs, chance: Floats
) -> None:
    """Add a week's needs to the sums behind the closed-form truths."""
    kind = people.type[who[needs.visit]]
    alpha = demand.alphas(world)[kind]
    cats = tally.needs.shape[1]
    cell = np.bincount(kind * cats + needs.category, minlength=tally.needs.size)
    tally.needs += cell.reshape(tally.needs.shape)
    for c in range(cats):
        rows = needs.category == c
        s, a = chance[rows], alpha[rows]
        part = slice(c * PER_CATEGORY, (c + 1) * PER_CATEGORY)
        tally.expected[part] += s.sum(axis=0)
        tally.slope[part] -= (a[:, None] * s * (1 - s)).sum(axis=0)
        tally.cross[c] += (a[:, None] * s).T @ s


def _turn_away(
    tally: Tally, scene: Scene, who: Ints, day: Ints, ordered: Ints, needs: demand.Needs, shift: Floats,
    load: Ints,
) -> None:  # fmt: skip
    """Add up the units that products which are out would have sold: chances with every product on the shelf."""
    state, world = scene.state, scene.world
    items = needs.category[:, None] * PER_CATEGORY + np.arange(PER_CATEGORY)[None, :]
    out = state.stock.out[(day[needs.visit] - state.span.first)[:, None], items]
    rows = np.flatnonzero(out.any(axis=1))
    some = demand.Needs(needs.visit[rows], needs.key[rows], needs.category[rows])
    v = demand.worth(world, state, scene.people, who, day, ordered, some, shift[rows], unlimited=True)
    finish = _finish(world, scene.people, who[some.visit], load[some.visit])[0]
    units = demand.mean_units()[some.category] * finish
    np.add.at(tally.lost_units, items[rows], np.where(out[rows], demand.shares(v) * units[:, None], 0.0))


def visit_second(draws: Draws, number: Ints, day: Ints, slot: Ints) -> Ints:
    """Return the local second of the day at which a visit starts: lunch and evening peaks, later at weekends.

    A second visit of a day starts after the first.
    """
    weekend = (day % 7 >= 5).astype(np.int64)
    u = draws.uniform("hour", number, day * 2)
    cumulated = np.cumsum(HOURS, axis=1) / HOURS.sum(axis=1, keepdims=True)
    hour = np.minimum((u[:, None] >= cumulated[weekend]).sum(axis=1), 23)
    first = hour * 3600 + (draws.uniform("minute", number, day * 2) * 3600).astype(np.int64)
    later = first + ((DAY - 1 - first) * (0.05 + 0.95 * draws.uniform("later", number, day * 2 + 1))).astype(
        np.int64
    )
    return np.where(slot == 0, first, later)


# Relative traffic by hour of the day: working days, weekends.
HOURS = np.array(
    [
        [18, 9, 5, 3, 3, 5, 12, 24, 38, 50, 56, 60, 70, 62, 52, 52, 54, 56, 60, 76, 96, 108, 88, 46],
        [24, 13, 7, 4, 3, 4, 8, 16, 32, 52, 66, 72, 74, 72, 70, 70, 68, 66, 66, 76, 92, 102, 90, 54],
    ],
    dtype=np.float64,
)


def order_offset(draws: Draws, number: Ints, key: Ints) -> Ints:
    """Return the seconds from the start of a visit to its order."""
    return 120 + (draws.uniform("order offset", number, key) * 800).astype(np.int64)


def visit_device(draws: Draws, people: People, who: Ints, day: Ints, key: Ints) -> Ints:
    """Return the device: 0 phone, 1 desktop, 2 tablet, 3 the new phone."""
    u = draws.uniform("device", people.number[who], key)
    desktop = np.where(people.desktop[who], 0.34, 0.0)
    tablet = np.where(people.tablet[who], 0.18, 0.0)
    phone = np.where(day >= people.new_phone[who], 3, 0)
    return np.where(u < desktop, 1, np.where(u < desktop + tablet, 2, phone))


def load_time(scene: Scene, who: Ints, day: Ints, key: Ints, device: Ints, tried: Floats) -> Ints:
    """Return load times in ms: slower on phones, and in smaller cities, where types differ too.

    `tried` is an experiment's factor.
    """
    pages = scene.world.pages
    base = pages.load_ms * np.array(pages.device)[device] * np.array(pages.city)[scene.people.city_tier[who]]
    spread = np.exp(pages.spread * scene.draws.normal("load time", scene.people.number[who], key))
    factor = np.where(day >= scene.policy_day, scene.policy.load_time, 1.0)
    return np.maximum(np.rint(base * spread * factor * tried).astype(np.int64), 60)
