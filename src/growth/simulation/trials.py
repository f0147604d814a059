"""Experiments as they happen: who is in which arm, what that changes, what it takes off, and what would have been.

A run of an experiment begins on a Monday. Customers are enrolled then: those who signed up and bought within half a
year, or signed up lately. Visitors and visits are drawn when they come, cities ahead of everything. An arm is a draw of
its own purpose, so an experiment moves no other draw.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from growth.simulation import words
from growth.simulation.clock import DAY, day_of
from growth.simulation.demand import alphas
from growth.simulation.experiments import Experiment, Push
from growth.simulation.people import HUMAN
from growth.simulation.policy import Policy
from growth.simulation.rng import Draws, Floats, Ints
from growth.simulation.state import PER_CATEGORY

if TYPE_CHECKING:
    from growth.simulation.clock import Span
    from growth.simulation.life import Memory, Scene
    from growth.simulation.world import World

LATELY, NEW = 26, 8  # weeks: bought within, or signed up within


@dataclass(frozen=True)
class Run:
    """One run of an experiment: its weeks, and, of a campaign, the arm that everybody is in and the tiers it is for."""

    experiment: Experiment
    first: int
    end: int  # first week after it
    after: int  # first week after the weeks that are watched
    everybody: int = -1
    tiers: tuple[int, ...] = ()

    @property
    def days(self) -> tuple[int, int]:
        """First day, and first day after it."""
        return self.first * 7, self.end * 7


def runs_of(world: World, span: Span, policy: Policy, policy_day: int) -> tuple[Run, ...]:
    """Return the experiments that begin within the span's past, and the campaigns of a policy."""
    found = []
    for e in world.experiments:
        week = day_of(e.start) // 7
        if span.first <= week * 7 < span.now:
            found.append(Run(e, week, week + e.weeks, week + e.weeks + e.post_weeks))
    begin = -(-policy_day // 7)
    for name, (arm, tiers) in policy.campaigns.items():
        e, number = _campaign(world, name, arm)
        if tiers and e.unit != "customer":
            raise ValueError(f"the campaign {name!r} is for a {e.unit}: it cannot be kept to member tiers")
        found.append(Run(e, begin, begin + e.weeks, begin + e.weeks + e.post_weeks, number, tiers))
    return tuple(found)


def _campaign(world: World, name: str, arm: str) -> tuple[Experiment, int]:
    """Return the experiment that a campaign repeats, and the number of its arm."""
    known = {e.id: e for e in world.experiments}
    if name not in known:
        raise ValueError(f"no experiment {name!r}; there are {', '.join(known)}")
    arms = [a.name for a in known[name].arms]
    if arm not in arms:
        raise ValueError(f"{name!r} has no arm {arm!r}; it has {', '.join(arms)}")
    return known[name], arms.index(arm)


def enrol(scene: Scene, memory: Memory, week: int) -> None:
    """Give customers their arms in the experiments that begin in a week."""
    for slot, run in enumerate(scene.runs):
        if run.first == week and run.experiment.unit == "customer":
            memory.arms[slot] = np.where(_audience(scene, memory, run, week), _drawn(scene, run), -1)


def _drawn(scene: Scene, run: Run) -> Ints:
    return _pick(scene.draws, run, scene.people.number, 0)


def _pick(draws: Draws, run: Run, number: Ints, n: Any) -> Ints:
    """Return arms; a campaign has one."""
    if run.everybody >= 0:
        return np.full(number.shape, run.everybody)
    e = run.experiment
    return draws.pick(f"arm {e.id}", [a.share for a in e.arms], number, n)


def _audience(scene: Scene, memory: Memory, run: Run, week: int) -> NDArray[np.bool_]:
    """Return who is tried: what a shop can see of them, and what they allow."""
    people = scene.people
    here = (memory.sign_up < week * 14) & (people.kind == HUMAN)
    if run.experiment.new:
        here &= week * 14 - memory.sign_up <= run.experiment.new * 14
    else:
        here &= (week - memory.last_order <= LATELY) | (week * 14 - memory.sign_up <= NEW * 14)
    if run.tiers:
        here &= np.isin(np.maximum(memory.tier, 0), run.tiers)
    if run.experiment.consent:
        here &= allowed_until(scene, memory) > week * 7
    return here


def allowed_until(scene: Scene, memory: Memory) -> Floats:
    """Return until when each customer allows marketing: a day and its part; 0 for never."""
    number, p = scene.people.number, scene.world.people
    given = scene.draws.uniform("consent", number, 0) < p.consent[0]
    lasts = scene.draws.exponential("withdrawal", number, 0) * p.withdrawal[0]
    return np.where(given, memory.sign_up // 2 + lasts, 0.0)


def region_arms(draws: Draws, run: Run) -> Ints:
    """Return the arm of every city: as many in each as fit, drawn within a tier of cities."""
    if run.everybody >= 0:
        return np.full(len(words.CITIES), run.everybody)
    tier = np.array([c[1] for c in words.CITIES])
    luck = draws.uniform(f"arm {run.experiment.id}", np.arange(tier.size))
    order = np.lexsort((luck, tier))
    arm = np.empty(tier.size, dtype=np.int64)
    arm[order] = np.arange(tier.size) % len(run.experiment.arms)
    return arm


def arms_of(scene: Scene, memory: Memory, slot: int, who: Ints, key: Ints, device: Ints) -> Ints:
    """Return the arm of each visit in a run; -1: not in it."""
    run, number = scene.runs[slot], scene.people.number[who]
    unit = run.experiment.unit
    if unit == "customer":
        return memory.arms[slot][who]
    if unit == "region":
        return region_arms(scene.draws, run)[scene.people.region[who]]
    arm = _pick(scene.draws, run, number, device if unit == "visitor" else key)
    return np.where(scene.people.kind[who] == HUMAN, arm, -1)


def _active(scene: Scene, week: int) -> Iterator[tuple[int, Run, bool]]:
    """Yield (slot, run, whether it is still on) of the runs whose weeks, or weeks after, hold a week."""
    for slot, run in enumerate(scene.runs):
        if run.first <= week < run.after:
            yield slot, run, week < run.end


def _pushes(run: Run) -> Iterator[tuple[int, Push]]:
    for number, arm in enumerate(run.experiment.arms):
        if arm.push != Push():
            yield number, arm.push


def person_factors(scene: Scene, memory: Memory, week: int) -> tuple[Floats, Floats]:
    """Return factors on visits and on the hazard of loss, by person: what experiments on customers do to them."""
    visit, loss = np.ones(len(scene.people)), np.ones(len(scene.people))
    for slot, run, on in _active(scene, week):
        if on and run.experiment.unit == "customer":
            for number, push in _pushes(run):
                inside = memory.arms[slot] == number
                if run.experiment.consent:
                    inside &= allowed_until(scene, memory) > week * 7
                visit[inside] *= np.exp(push.visit)
                loss[inside] *= np.exp(push.loss)
    return visit, loss


@dataclass
class Effects:
    """What experiments change on a week's visits."""

    errand: Floats
    load: Floats
    more: Floats
    focus: Ints  # category; -1: none
    redirect: Floats
    price: Floats  # log factor on prices (of `focus`, or of all where there is none)
    offer: Ints  # slot · 16 + arm of the offer that holds; -1: none

    @classmethod
    def none(cls, count: int) -> Effects:
        """Return no change."""
        zero, nobody = np.zeros(count), np.full(count, -1)
        return cls(
            np.ones(count), np.ones(count), zero.copy(), nobody.copy(), zero.copy(), zero.copy(), nobody
        )

    def at(self, rows: Ints) -> Effects:
        """Return what holds for these visits."""
        return Effects(*(getattr(self, f.name)[rows] for f in fields(self)))


def effects(scene: Scene, memory: Memory, week: int, who: Ints, key: Ints, device: Ints) -> Effects:
    """Return what experiments change on these visits."""
    out = Effects.none(who.size)
    for slot, run, on in _active(scene, week):
        arm = arms_of(scene, memory, slot, who, key, device)
        for number, push in _pushes(run):
            at = np.flatnonzero(arm == number)
            weight = np.array(push.by_type)[scene.people.type[who[at]]]
            weight = weight * np.array(push.by_tier)[np.maximum(memory.tier[who[at]], 0)]
            out.errand[at] *= np.exp((push.errand if on else push.after) * weight)
            if on:
                _apply(out, at, push, slot * 16 + number)
    return out


def _apply(out: Effects, at: Ints, push: Push, code: int) -> None:
    out.load[at] *= push.load
    out.more[at] += push.more
    out.redirect[at] = np.maximum(out.redirect[at], push.redirect)
    out.focus[at] = np.where(push.focus >= 0, push.focus, out.focus[at])
    if push.offer:
        out.offer[at] = code
        out.price[at] = np.log1p(-push.offer.off) if push.offer.kind == "percent" else 0.0


def utility_shift(scene: Scene, out: Effects, who: Ints, category: Ints) -> Floats:
    """Return what a price cut for everybody's eyes adds to the utility of a category's products, by need."""
    kind = scene.people.type[who]
    inside = (out.price < 0) & ((out.focus < 0) | (out.focus == category))
    return np.where(inside, -alphas(scene.world)[kind] * out.price, 0.0)


@dataclass(frozen=True)
class Taken:
    """What offers take off: by line in fen, by which run (-1: none), and whether shipping is free, by visit."""

    off: Ints
    slot: Ints
    free: NDArray[np.bool_]

    @classmethod
    def none(cls, lines: int, visits: int) -> Taken:
        """Return nothing."""
        return cls(np.zeros(lines, dtype=np.int64), np.full(lines, -1), np.zeros(visits, dtype=bool))


def take_off(
    scene: Scene, memory: Memory, out: Effects, who: Ints, key: Ints, ordered: NDArray[np.bool_],
    line_visit: Ints, product: Ints, value: Ints,
) -> Taken:  # fmt: skip
    """Apply offers to the lines of orders; `value` is a line's price times its units, fen. Coupons are used up."""
    made = Taken.none(line_visit.size, who.size)
    for code in np.unique(out.offer[out.offer >= 0]):
        slot, arm = int(code) // 16, int(code) % 16
        offer = scene.runs[slot].experiment.arms[arm].push.offer
        assert offer is not None
        may = ordered & (out.offer == code)
        if offer.kind == "shipping":
            made.free[may] = True
        elif offer.kind == "percent":
            lines = may[line_visit]
            lines &= (out.focus[line_visit] < 0) | (product // PER_CATEGORY == out.focus[line_visit])
            made.off[lines] = np.rint(value[lines] * offer.off).astype(np.int64)
            made.slot[lines] = slot
        else:
            goods = np.bincount(line_visit, value, minlength=who.size)
            may &= goods >= round(100 * offer.minimum)
            may &= scene.draws.uniform("redeems", scene.people.number[who], key) < offer.redeemed
            if offer.kind == "coupon":
                may = _once(memory, slot, who, key, may)
            _spread(made, may, round(100 * offer.off), slot, line_visit, value, goods)
    return made


def _once(memory: Memory, slot: int, who: Ints, key: Ints, may: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the first use of each person who has not used the coupon yet, and mark it as used."""
    rows = np.flatnonzero(may & (memory.used[slot][who] < 0))
    rows = rows[np.lexsort((key[rows], who[rows]))]
    first = rows[np.unique(who[rows], return_index=True)[1]]
    memory.used[slot][who[first]] = key[first]
    out = np.zeros(may.size, dtype=bool)
    out[first] = True
    return out


def _spread(
    made: Taken, may: NDArray[np.bool_], amount: int, slot: int, line_visit: Ints, value: Ints, goods: Any
) -> None:
    """Spread an amount over the lines of an order by their value; the order's first line takes the rest."""
    lines = np.flatnonzero(may[line_visit])
    visit = line_visit[lines]
    part = np.floor(amount * value[lines] / goods[visit]).astype(np.int64)
    made.off[lines], made.slot[lines] = part, slot
    rest = np.where(may, amount, 0) - np.bincount(visit, part, minlength=may.size).astype(np.int64)
    first = lines[np.unique(visit, return_index=True)[1]]
    made.off[first] += rest[line_visit[first]]


def messages(scene: Scene, memory: Memory, slot: int) -> tuple[Ints, Ints, Ints]:
    """Return the messages of a run on customers: to whom, the how manieth, and when (local seconds).

    They go out evenly over a week, in the late morning, and stop when a customer withdraws consent.
    """
    run = scene.runs[slot]
    each = np.array([a.push.contacts for a in run.experiment.arms])
    members = np.flatnonzero(memory.arms[slot] >= 0)
    rate = each[memory.arms[slot][members]]
    count = rate * run.experiment.weeks
    who, rate = np.repeat(members, count), np.repeat(rate, count)
    nth = np.arange(who.size) - np.repeat(np.cumsum(count) - count, count)
    day = run.days[0] + nth // rate * 7 + (nth % rate) * 7 // rate
    late = scene.draws.uniform("message at", scene.people.number[who], nth) * 7200
    sent = day * DAY + 10 * 3600 + late.astype(np.int64)
    may = sent < scene.state.span.end_second
    if run.experiment.consent:
        may &= sent < allowed_until(scene, memory)[who] * DAY
    return who[may], nth[may], sent[may]


MESSAGE_COST = 0.05  # CNY
