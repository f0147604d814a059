"""What would have happened: experiments lived through with everybody in each arm, events with and without them.

When an experiment begins, the people of a chunk go on with the same draws as often as it has arms, for its weeks and
the weeks after, all units in one arm; when 618 or 11.11 begins, they go on once with it and once without. The
differences between the sums are effects on these people, with everything that follows from an order (sated needs,
phases, tiers) in them, and without sampling noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from growth.simulation import trials, words
from growth.simulation.clock import DAY, Span, date_of, day_of
from growth.simulation.people import HUMAN
from growth.simulation.rng import Floats, Ints
from growth.simulation.state import EVENTS, PER_CATEGORY, State
from growth.simulation.world import LOSS, TIERS

if TYPE_CHECKING:
    from growth.simulation.life import Lives, Memory, Scene

Outcome = tuple[str, str, dict[str, float]]  # experiment or event, arm, sums by name
AFTER = 28  # days after an event that belong to its account
HISTORY = 56  # days of history without which an event is not looked at


@dataclass(frozen=True)
class Ghost:
    """An event, its first day and the first after it, and the state of the market without it."""

    name: str
    first: int
    end: int
    state: State


def events_of(span: Span) -> Iterator[tuple[str, int, int]]:
    """Yield (name, first day, first day after) of 618 and 11.11 where the span holds enough before and after."""
    for year in range(date_of(span.first).year, date_of(span.now).year + 1):
        for name, begin, end, _ in EVENTS:
            first, last = day_of(date(year, *begin)), day_of(date(year, *end)) + 1
            if name != "1212" and span.first + HISTORY <= first and last + AFTER <= span.now:
                yield f"{name}-{year}", first, last


def look(scene: Scene, memory: Memory, week: int) -> list[Outcome]:
    """Return what comes of the experiments and events that begin in a week, arm by arm."""
    found: list[Outcome] = []
    for slot, run in enumerate(scene.runs):
        if run.first == week and run.everybody < 0:
            for number, arm in enumerate(run.experiment.arms):
                found.append((run.experiment.id, arm.name, _arm(scene, memory, slot, number)))
    for ghost in scene.ghosts:
        if ghost.first // 7 == week:
            found.append((ghost.name, "held", _event(scene, memory, ghost, held=True)))
            found.append((ghost.name, "not held", _event(scene, memory, ghost, held=False)))
    return found


def _arm(scene: Scene, memory: Memory, slot: int, arm: int) -> dict[str, float]:
    """Live through one experiment with every unit in one arm; return sums."""
    run = scene.runs[slot]
    forced = replace(run, everybody=arm)
    runs = (*scene.runs[:slot], forced, *scene.runs[slot + 1 :])
    customers = run.experiment.unit == "customer"
    rows = np.flatnonzero(memory.arms[slot] >= 0) if customers else _may_come(scene, memory, run.after * 7)
    other, m = _some(replace(scene, runs=runs), memory, rows)
    m.arms[slot] = np.where(m.arms[slot] >= 0, arm, -1)
    lives = _go_on(other, m, run.first, run.after)
    world = Played(other, m, lives)
    unit = _units(other, m, slot, world.v)
    out = world.sums(unit >= 0, (run.days[0], run.days[1], run.after * 7))
    used = (world.line["slot"] == slot) & world.counts[world.line["order"]]
    out["taken off"] = float(world.line["off"][used].sum()) / 100
    out["messages"] = float(trials.messages(other, m, slot)[0].size) if customers else 0.0
    out["redemptions"] = float(np.unique(world.line["order"][used]).size)
    return out | _spread(world, slot, unit, memory.tier[rows])


def _event(scene: Scene, memory: Memory, ghost: Ghost, held: bool) -> dict[str, float]:
    """Live through an event's days and the days after, with or without it; return sums.

    Without it, people whose first visit it would have brought do not come in these weeks.
    """
    until = ghost.end + AFTER
    rows = _may_come(scene, memory, until)
    if not held:
        rows = rows[~_brought(scene, ghost, rows)]
        scene = replace(scene, state=ghost.state)
    other, m = _some(scene, memory, rows)
    world = Played(other, m, _go_on(other, m, ghost.first // 7, -(-until // 7)))
    return world.sums(np.ones(world.v["who"].size, dtype=bool), (ghost.first, ghost.end, until))


def _brought(scene: Scene, ghost: Ghost, rows: Ints) -> NDArray[np.bool_]:
    """Return whose first visit falls on a day of the event and would not have without it."""
    people, span = scene.people, scene.state.span
    arrival = people.arrival[rows]
    inside = (arrival >= ghost.first) & (arrival < ghost.end)
    day = np.clip(arrival, span.first, span.last - 1) - span.first
    with_it = np.array(scene.world.season.event_visit)[scene.peak_days[day]]
    return inside & (scene.draws.uniform("brought by an event", people.number[rows]) < 1 - 1 / with_it)


def _may_come(scene: Scene, memory: Memory, until: int) -> Ints:
    """Return the people who may visit before a day."""
    people = scene.people
    return np.flatnonzero((memory.phase != LOSS) & (people.arrival < until) & (people.kind == HUMAN))


def _some(scene: Scene, memory: Memory, rows: Ints) -> tuple[Scene, Memory]:
    """Return the scene and a copy of the memory of some people."""
    return replace(scene, people=scene.people.at(rows), contacted=scene.contacted[rows]), memory.at(rows)


def _go_on(scene: Scene, memory: Memory, first: int, end: int) -> Lives:
    from growth.simulation.life import Lives, Tally, step

    lives, tally = Lives(), Tally.empty(len(scene.state.products.ids))
    for week in range(first, min(end, scene.state.span.weeks.stop)):
        if week > first:
            trials.enrol(scene, memory, week)
        step(scene, memory, lives, tally, week)
    return lives


class Played:
    """One of the ways that things could have gone: visits, orders, lines, and what the orders left."""

    def __init__(self, scene: Scene, memory: Memory, lives: Lives) -> None:
        from growth.simulation.money import baskets

        self.scene, self.memory = scene, memory
        self.v: dict[str, Any] = lives.joined("visits")
        self.o: dict[str, Any] = dict(lives.joined("orders"))
        line: dict[str, Any] = lives.joined("lines")
        keep = np.isin(line["visit"], self.o["visit"])
        self.line: dict[str, Any] = {name: values[keep] for name, values in line.items()}
        self.line["order"] = np.searchsorted(self.o["visit"], self.line["visit"])
        self.line["day"] = self.v["key"][self.line["visit"]] // 2
        self.baskets = baskets(scene, self.o, self.line)
        self.counts: NDArray[np.bool_] = np.logical_not(self.o["cancelled"])
        self.gain: Floats = self.baskets.contribution((self.o["paid"] >= 0) & self.counts) / 100

    def sums(self, of_visit: NDArray[np.bool_], days: tuple[int, int, int]) -> dict[str, float]:
        """Add up the visits marked, and the orders and money of them, during and after; amounts in CNY."""
        begin, end, until = days
        placed, came = self.o["placed"] // DAY, self.v["key"] // 2
        out: dict[str, float] = {}
        for window, low, high in (("during", begin, end), ("post", end, until)):
            mine = of_visit[self.o["visit"]] & self.counts & (placed >= low) & (placed < high)
            lines = mine[self.baskets.order]
            out |= {
                f"{window} visits": float((of_visit & (came >= low) & (came < high)).sum()),
                f"{window} orders": float(mine.sum()),
                f"{window} revenue": float(self.baskets.amount[lines].sum()) / 100,
                f"{window} contribution": float(self.gain[mine].sum()),
            }
            for c, category in enumerate(words.CATEGORIES):
                its = lines & (self.line["product"] // PER_CATEGORY == c)
                out[f"{window} revenue: {category.name}"] = float(self.baskets.amount[its].sum()) / 100
        return out


def _units(scene: Scene, memory: Memory, slot: int, v: dict[str, Any]) -> Ints:
    """Return a number of the unit that each visit belongs to; -1: none."""
    kind, who = scene.runs[slot].experiment.unit, v["who"]
    if kind == "customer":
        return np.where(memory.arms[slot][who] >= 0, who, -1)
    number = {
        "visitor": who * 4 + v["device"],
        "session": np.arange(who.size),
        "region": scene.people.region[who],
    }
    return np.where(scene.people.kind[who] == HUMAN, number[kind], -1)


def _spread(world: Played, slot: int, unit_v: Ints, tier: Ints) -> dict[str, float]:
    """Count the units, and add up squares of their orders and contribution, for standard errors; by tier, too."""
    run = world.scene.runs[slot]
    kind = run.experiment.unit
    of = unit_v[world.o["visit"]]
    mine = (of >= 0) & world.counts & (world.o["placed"] // DAY < run.after * 7)
    began = world.v["key"] // 2 < run.days[1]
    members = np.flatnonzero(world.memory.arms[slot] >= 0)
    units = members if kind == "customer" else np.unique(unit_v[(unit_v >= 0) & began])
    size = int(max(units.max(initial=0), unit_v.max(initial=0))) + 1
    orders = np.bincount(of[mine], minlength=size)
    money = np.bincount(of[mine], world.gain[mine], minlength=size)
    out = {
        "units": float(units.size) if kind != "region" else 0.0,
        "orders squared": float((orders.astype(float) ** 2).sum()),
        "contribution squared": float((money**2).sum()),
    }
    if kind == "customer":
        for t, name in enumerate(TIERS):
            its = np.flatnonzero((world.memory.arms[slot] >= 0) & (np.maximum(tier, 0) == t))
            out[f"units: {name}"] = float(its.size)
            out[f"contribution: {name}"] = float(money[its].sum())
    return out
