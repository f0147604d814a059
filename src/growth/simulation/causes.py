"""Whose doing a visit is: which channel brought it, and which visits do not come without it.

A person comes on a day with the chance that `life` gives; that chance holds everything that brings people. Given that
they come, one uniform of the person and day says whose doing it is: each channel has an interval of the unit interval
as wide as its share of such visits, and the rest is nobody's doing. Keep a channel from somebody, and the visits in its
interval do not happen; whoever is kept from nothing keeps every visit. Shares add up, so what is lost without several
channels is the sum of what is lost without each, but for what follows from the orders.

First visits are nobody's doing. Brand search, retargeting and creators reach signed-up customers only, from the week
after sign-up on; retargeting those who came without an order in the two weeks before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from growth.simulation import creators
from growth.simulation.clock import day_of
from growth.simulation.media import Plan, answer, without
from growth.simulation.rng import Draws, Floats, Ints
from growth.simulation.world import (
    BRAND,
    CREATOR,
    CURVED,
    MEDIA,
    OFFLINE,
    PAID,
    RETARGETING,
    ChannelTest,
    World,
)

if TYPE_CHECKING:
    from growth.simulation.life import Memory, Scene

Marks = NDArray[np.bool_]
NOBODY = -1
RAN, ON, OFF = range(3)
LISTED = (BRAND, RETARGETING, CREATOR)  # reach those who have signed up
_OTHERS = tuple(c for c in range(CURVED, len(MEDIA)))


@dataclass(frozen=True)
class Way:
    """A way of running the channels on some days: what would have been.

    Parameters
    ----------
    name : str
    curved : ndarray, shape (CURVED, week, region)
        Shares of the visits that the channels with a curve bring.
    mode : tuple of int
        For every channel: as it ran, on for everybody, off for everybody (of the first three, `curved` says it).
    """

    name: str
    curved: Floats
    mode: tuple[int, ...]


def as_it_ran(plan: Plan) -> Way:
    """Return the way it was."""
    return Way("as it ran", plan.actual, (RAN,) * len(MEDIA))


def everything_on(plan: Plan) -> Way:
    """Return the way without any test: everything shown to everybody."""
    return Way("all on", plan.share, (ON,) * len(MEDIA))


def switched(plan: Plan, world: World, way: Way, channel: int, day: int, on: bool = False) -> Way:
    """Return a way with one channel off from a day on, or on for everybody."""
    if channel < CURVED:
        curved = way.curved.copy()
        curved[channel] = plan.share[channel] if on else without(plan, world.channels, channel, day)
        return Way(f"{MEDIA[channel]} {'on' if on else 'off'}", curved, way.mode)
    mode = tuple((ON if on else OFF) if c == channel else m for c, m in enumerate(way.mode))
    return Way(f"{MEDIA[channel]} {'on' if on else 'off'}", way.curved, mode)


def all_paid_off(plan: Plan, world: World, way: Way, day: int) -> Way:
    """Return a way with everything off that is paid for."""
    for channel in PAID:
        way = switched(plan, world, way, channel, day)
    return Way("all paid off", way.curved, way.mode)


@dataclass(frozen=True)
class Candidates:
    """Visits if nothing is kept from anybody: person (row), day, whose doing, and how deep in its interval."""

    who: Ints
    day: Ints
    cause: Ints
    depth: Floats

    def at(self, rows: Marks) -> Candidates:
        """Return some of them."""
        return Candidates(self.who[rows], self.day[rows], self.cause[rows], self.depth[rows])


def intervals(world: World) -> Floats:
    """Return where each channel's interval begins."""
    return np.cumsum((0.0, *world.channels.room))[:-1]


def claims(
    draws: Draws, world: World, plan: Plan, number: Ints, region: Ints, tier: Ints, day: Ints
) -> tuple[Ints, Floats]:
    """Return which channel claims the visits of these persons on these days, and how deep in its interval they lie.

    A claim counts only if the channel reaches the person then; see `find`. It depends on no memory.
    """
    c = world.channels
    u = draws.uniform("cause", number, day)
    start = intervals(world)
    channel = np.minimum(np.searchsorted(start, u, side="right") - 1, CREATOR)
    depth = u - start[channel]
    width = np.array(c.share)[channel]
    curved = channel < CURVED
    width[curved] = plan.share[channel[curved], day[curved] // 7, region[curved]]
    out = channel == OFFLINE
    width[out] = np.array(c.offline)[tier[out]]
    made = np.flatnonzero(channel == CREATOR)
    width[made] = creator_share(draws, number[made], day[made])
    return np.where(depth < width, channel, NOBODY), depth


def creator_share(draws: Draws, number: Ints, day: Ints) -> Floats:
    """Return the share of the campaign that runs, of those who follow its creator."""
    campaign = creators.running(day)
    share = creators.of_creators("share")[campaign % len(creators.CREATORS)]
    return np.where((campaign >= 0) & follows(draws, number, campaign), share, 0.0)


def follows(draws: Draws, number: Ints, campaign: Ints) -> Marks:
    """Return who follows the creator of a campaign."""
    who = campaign % len(creators.CREATORS)
    out: Marks = draws.uniform("follows", number, who) < creators.of_creators("follow")[who]
    return out


def find(scene: Scene, memory: Memory, week: int, who: Ints, day: Ints) -> Candidates:
    """Return the visits of a week with whose doing they are."""
    p = scene.people
    cause, depth = claims(
        scene.draws, scene.world, scene.plan, p.number[who], p.region[who], p.city_tier[who], day
    )
    reached = reaches(scene, memory, week)
    for channel in LISTED:
        cause[(cause == channel) & ~reached[channel][who]] = NOBODY
    cause[day == p.arrival[who]] = NOBODY
    return Candidates(who, day, cause, depth)


def reaches(scene: Scene, memory: Memory, week: int) -> dict[int, Marks]:
    """Return whom the channels for customers reach in a week."""
    here = memory.sign_up < week * 14
    lately = memory.browsed >= week - scene.world.channels.within
    return {BRAND: here, CREATOR: here, RETARGETING: here & lately}


def kept(
    scene: Scene, memory: Memory, seen: Candidates, ways: tuple[Way, ...], way: Ints, ran: Marks | None = None
) -> Marks:
    """Return which visits happen; `way` is the number of the way that holds for each, negative: the way it ran.

    `ran` is what happens the way it ran, where that is known.
    """
    out = np.ones(seen.who.size, dtype=bool)
    curved = np.flatnonzero((seen.cause >= 0) & (seen.cause < CURVED))
    if curved.size:
        out[curved] = _within_curve(scene, seen, ways, way, curved)
    rest = np.flatnonzero(seen.cause >= CURVED)
    modes = np.array([*(w.mode for w in ways), (RAN,) * len(MEDIA)])
    mode = modes[way[rest], seen.cause[rest]]
    out[rest] = mode == ON
    as_ran = rest[mode == RAN]
    if ran is not None:
        out[as_ran] = ran[as_ran]
        return out
    for channel in np.unique(seen.cause[as_ran]):
        rows = as_ran[seen.cause[as_ran] == channel]
        out[rows] = _shown(scene, memory, seen, int(channel), rows)
    return out


def _within_curve(scene: Scene, seen: Candidates, ways: tuple[Way, ...], way: Ints, rows: Ints) -> Marks:
    """Return which visits lie within what spend brings."""
    plan = scene.plan
    place = seen.cause[rows], seen.day[rows] // 7, scene.people.region[seen.who[rows]]
    share = plan.actual[place]
    if plan.changes:
        share = np.where(seen.day[rows] >= plan.policy_day, plan.policy[place], share)
    for k, one in enumerate(ways):
        mine = way[rows] == k
        share[mine] = one.curved[place][mine]
    return seen.depth[rows] < share


def _shown(scene: Scene, memory: Memory, seen: Candidates, channel: int, rows: Ints) -> Marks:
    """Return whether the channel that brings these visits was not kept from the person, and was paid for."""
    who, day = seen.who[rows], seen.day[rows]
    shown = ~held(scene, memory, channel, who, day)
    scale = scene.plan.scales[channel]
    if scale != 1.0:
        c = scene.world.channels
        width = np.array(c.offline)[scene.people.city_tier[who]] if channel == OFFLINE else c.share[channel]
        if channel == CREATOR:
            width = creator_share(scene.draws, scene.people.number[who], day)
        narrower = seen.depth[rows] < width * answer(np.full(1, scale), c.half_other)
        shown &= narrower | ~_scaled(scene, channel, day)
    return shown


def _scaled(scene: Scene, channel: int, day: Ints) -> Marks:
    """Return on which days a policy's spend on a channel holds: of creators, in campaigns that begin under it."""
    begin = np.maximum(creators.FIRST + creators.running(day) * creators.DAYS, 0)
    moment = begin if channel == CREATOR else day
    out: Marks = moment >= scene.plan.policy_day
    return out


def held(scene: Scene, memory: Memory, channel: int, who: Ints, day: Ints) -> Marks:
    """Return from whom a test keeps a channel on these days."""
    return held_of(scene, memory.sign_up[who], channel, who, day)


def held_of(scene: Scene, sign_up: Ints, channel: int, who: Ints, day: Ints) -> Marks:
    """Return the same, given the slot of each person's sign-up."""
    out = np.zeros(who.size, dtype=bool)
    for test in scene.plan.tests:
        if test.channel != channel or test.unit != "customer":
            continue
        first = day_of(test.start)
        rows = np.flatnonzero((day >= first) & (day < first + 7 * test.weeks))
        if rows.size:
            number = scene.people.number[who[rows]]
            out[rows] = listed(scene, sign_up[rows], test, number) & (arm(scene.draws, test, number) == 0)
    return out


def arm(draws: Draws, test: ChannelTest, number: Ints) -> Ints:
    """Return the arms of persons: 0 is kept from the channel, 1 is not."""
    return draws.pick(f"arm {test.id}", (0.5, 0.5), number)


def listed(scene: Scene, sign_up: Ints, test: ChannelTest, number: Ints) -> Marks:
    """Return who is in a test: customers, from sign-up on; of a campaign, followers who signed up before it."""
    if test.campaign < 0:
        return np.ones(number.size, dtype=bool)
    before: Marks = sign_up < day_of(test.start) * 2
    return before & follows(scene.draws, number, np.full(number.size, test.campaign))


def gains(scene: Scene, memory: Memory, week: int, days: Ints) -> Floats:
    """Return by channel what a policy's higher spend adds to the chance of a visit, (channel, person, day)."""
    plan, p, c = scene.plan, scene.people, scene.world.channels
    out = np.zeros((len(MEDIA), len(p), days.size))
    on = days >= plan.policy_day
    if not on.any():
        return out
    more = np.maximum(plan.policy[:, week] - plan.actual[:, week], 0.0)[:, p.region]
    out[:CURVED] = more[:, :, None] * on[None, None, :]
    reached = reaches(scene, memory, week)
    for channel in _OTHERS:
        scale = plan.scales[channel]
        if scale <= 1.0:
            continue
        width: Floats = np.full((len(p), days.size), c.share[channel])
        if channel == OFFLINE:
            width = np.repeat(np.array(c.offline)[p.city_tier][:, None], days.size, axis=1)
        if channel == CREATOR:
            number, day = np.broadcast_arrays(p.number[:, None], days[None, :])
            width = creator_share(scene.draws, number.ravel(), day.ravel()).reshape(number.shape)
        extra = width * (answer(np.full(1, scale), c.half_other) - 1) * _scaled(scene, channel, days)[None, :]
        out[channel] = extra * reached.get(channel, np.ones(len(p), dtype=bool))[:, None]
    return out


def whose(gain: Floats, over: Floats) -> Ints:
    """Return which channel brings a visit that only a policy's spend brings.

    Parameters
    ----------
    gain : ndarray, shape (channel, n)
    over : ndarray, shape (n,)
        How far the visit's uniform lies above the chance without the policy, in units of that chance.
    """
    total = np.cumsum(gain, axis=0)
    out: Ints = np.minimum((over[None, :] >= total).sum(axis=0), len(MEDIA) - 1)
    return out
