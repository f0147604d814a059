"""What would have been without a channel: those whom it concerns live on beside the others, with the same draws.

Some spans of days are watched: the weeks of each test of a channel, and the last quarter. In each there are several
ways of running the channels (one off, all that is paid for off, everything on). Whoever has the same visits in such a
way as it ran has the same life; from the first week on in which a visit differs, a copy of the person lives on in that
way, with all that is remembered. The difference of the sums over the copies and over the same people as it ran is the
effect on these people, to the fen, and without sampling noise.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from growth.simulation import causes, trials
from growth.simulation.causes import Candidates, Marks, Way
from growth.simulation.clock import day_of
from growth.simulation.people import HUMAN
from growth.simulation.rng import Ints
from growth.simulation.world import AFFILIATE, BRAND, MEDIA, REFERRAL, RETARGETING, World

if TYPE_CHECKING:
    from growth.simulation.life import Lives, Memory, Scene
    from growth.simulation.media import Plan
    from growth.simulation.potential import Outcome

LAST = 91  # days of the last quarter
SUMS = ("visits", "orders", "revenue", "contribution", "customers")
LATER = ("later visits", "later orders", "later contribution")
QUARTER = "last quarter"
NEVER = np.int64(1) << np.int64(40)
SWITCHED = tuple(c for c in range(len(MEDIA)) if c not in (AFFILIATE, REFERRAL))  # affiliates bring nobody
TESTED = (BRAND, RETARGETING)  # of the tests on customers: those with an effect


@dataclass(frozen=True)
class Window:
    """Days that are watched, and the ways of running the channels on them."""

    name: str
    first: int
    end: int
    ways: tuple[Way, ...]


def windows(world: World, plan: Plan) -> list[Window]:
    """Return the tests of channels, and the last quarter; none in a forward run, nor under another policy of spend."""
    span = plan.span
    if span.last != span.now or plan.changes:
        return []
    found = []
    spans: dict[tuple[int, int], list[int]] = {}
    for test in plan.tests:
        first = day_of(test.start)
        if (test.unit == "region" or test.channel in TESTED) and first + 7 * test.weeks <= span.now:
            spans.setdefault((first, first + 7 * test.weeks), []).append(test.channel)
    for (first, end), channels in spans.items():
        name = "test of " + ", ".join(MEDIA[c] for c in channels)
        found.append(Window(name, first, end, _of_test(world, plan, channels, first)))
    first = span.now - LAST
    if first > span.first:
        on = causes.as_it_ran(plan)
        ways = [causes.switched(plan, world, on, c, first) for c in SWITCHED]
        ways.append(causes.all_paid_off(plan, world, on, first))
        found.append(Window(QUARTER, first, span.now, tuple(ways)))
    return found


def _of_test(world: World, plan: Plan, channels: list[int], first: int) -> tuple[Way, ...]:
    """Return the ways of a test: all on, each channel off; and each on or off with the other tests as they ran."""
    on, ran = causes.everything_on(plan), causes.as_it_ran(plan)
    ways = [on]
    for c in channels:
        ways.append(causes.switched(plan, world, on, c, first))
        for state in (True, False):
            way = causes.switched(plan, world, ran, c, first, state)
            ways.append(replace(way, name=f"{way.name}, the others as they ran"))
    return (*ways, causes.all_paid_off(plan, world, on, first))


@dataclass
class Pool:
    """The people of a chunk who live on in some way of a window: a row a person and way."""

    window: Window
    entered: Ints  # (way, person): the week in which a person's visits first differ
    rows: Ints
    way: Ints
    memory: Any = None
    lives: Any = None
    before: Any = None  # how much had happened to everybody when the window began
    outcomes: list[Outcome] = field(default_factory=list)

    def live(
        self, scene: Scene, memory: Memory, lives: Lives, week: int, seen: Candidates, happens: Marks
    ) -> None:
        """Let a week happen in all ways: to those in them, and to those whose visits differ for the first time."""
        from growth.simulation import life

        w = self.window
        if not w.first // 7 <= week <= (w.end - 1) // 7:
            return
        if week == w.first // 7:
            self.lives = life.Lives()
            self.before = _length(lives)
        tally = life.Tally.empty(len(scene.state.products.ids))
        if self.rows.size:
            other = self._scene(scene)
            trials.enrol(other, self.memory, week)
            life.turn(other, self.memory, self.lives, tally, week)
        self._enter(scene, memory, week, seen, happens)
        if self.rows.size:
            other = self._scene(scene)
            comes, mine = life.visits(other, self.memory, week)
            life.go(other, self.memory, self.lives, tally, week, comes.at(mine))

    def _scene(self, scene: Scene) -> Scene:
        return replace(
            scene, people=scene.people.at(self.rows), contacted=scene.contacted[self.rows],
            ways=self.window.ways, way=self.way,
            ways_from=self.window.first, ghosts=(),
        )  # fmt: skip

    def _enter(self, scene: Scene, memory: Memory, week: int, seen: Candidates, happens: Marks) -> None:
        """Take in those whose visits of this week differ, as they are before them."""
        w = self.window
        inside = (seen.day >= w.first) & (seen.day < w.end)
        new = []
        for k in range(len(w.ways)):
            would = causes.kept(scene, memory, seen, w.ways, np.full(seen.who.size, k), happens)
            who = np.unique(seen.who[inside & (would != happens)])
            new.append(who[self.entered[k, who] > week])
            self.entered[k, new[-1]] = week
        rows = np.concatenate(new)
        if rows.size:
            own = memory.at(rows)
            self.memory = own if self.memory is None else self.memory.plus(own)
            self.rows = np.concatenate([self.rows, rows])
            self.way = np.concatenate([self.way, np.repeat(np.arange(len(new)), [n.size for n in new])])

    def end(self, scene: Scene, memory: Memory, lives: Lives, week: int) -> None:
        """When the window is over, add up what is different."""
        w = self.window
        if week != (w.end - 1) // 7:
            return
        ran = _Sums(scene, memory, _since(lives, self.before), w)
        name = f"channels: {w.name}"
        self.outcomes.append((name, "as it ran", ran.total(None, None) | ran.later(scene.people.arrival)))
        there = self._scene(scene)
        own = _Sums(there, self.memory, self.lives, w) if self.rows.size else None
        for k, way in enumerate(w.ways):
            would = own.total(None, self.way == k) if own else dict.fromkeys(SUMS, 0.0)
            did = ran.total(self.entered[k], None)
            self.outcomes.append((name, way.name, {what: would[what] - did[what] for what in SUMS}))
        self.memory = self.lives = None


class _Sums:
    """What came of a window: visits, and orders that were not cancelled with their money, by the day of the visit."""

    def __init__(self, scene: Scene, memory: Memory, lives: Lives, window: Window) -> None:
        from growth.simulation.potential import Played

        self.window, self.memory, self.people = window, memory, len(scene.people)
        self.nothing = not any(lives.visits.values())
        if self.nothing:
            return
        played = Played(scene, memory, lives)
        own = scene.people.kind[played.o["who"]] == HUMAN
        keep = played.counts & own
        revenue = np.bincount(
            played.baskets.order, played.baskets.amount.astype(np.float64), minlength=keep.size
        )
        self.order_who, self.order_key = played.o["who"][keep], played.o["key"][keep]
        self.money = {"revenue": revenue[keep] / 100, "contribution": played.gain[keep]}
        self.visit_who, self.visit_key = played.v["who"], played.v["key"]

    def total(self, since: Ints | None, rows: Marks | None) -> dict[str, float]:
        """Return the sums of some of the people: of each from its week `since` on, or of `rows` alone."""
        w = self.window
        if self.nothing:
            return dict.fromkeys(SUMS, 0.0)

        def mine(who: Ints, key: Ints) -> Marks:
            inside: Marks = (key >= w.first * 2) & (key < w.end * 2)
            if since is not None:
                inside &= key // 14 >= since[who]
            if rows is not None:
                inside &= rows[who]
            return inside

        orders = mine(self.order_who, self.order_key)
        joined = (self.memory.sign_up >= w.first * 2) & (self.memory.sign_up < w.end * 2)
        if since is not None:
            joined &= since < NEVER
        if rows is not None:
            joined &= rows
        return {
            "visits": float(mine(self.visit_who, self.visit_key).sum()),
            "orders": float(orders.sum()),
            **{what: float(amount[orders].sum()) for what, amount in self.money.items()},
            "customers": float(joined.sum()),
        }

    def later(self, arrival: Ints) -> dict[str, float]:
        """Return visits after the first, and what they leave: what a channel can bring."""
        if self.nothing:
            return dict.fromkeys(LATER, 0.0)
        w = self.window

        def mine(who: Ints, key: Ints) -> Marks:
            inside: Marks = (key >= w.first * 2) & (key < w.end * 2) & (key // 2 != arrival[who])
            return inside

        orders = mine(self.order_who, self.order_key)
        found = (
            mine(self.visit_who, self.visit_key).sum(),
            orders.sum(),
            self.money["contribution"][orders].sum(),
        )
        return {name: float(n) for name, n in zip(LATER, found, strict=True)}


def _length(lives: Lives) -> tuple[dict[str, int], int]:
    """Return how many weeks of each table there are, and how many visits."""
    parts = {name: _weeks(getattr(lives, name)) for name in ("visits", "lines", "orders")}
    return parts, lives.visits_so_far


def _weeks(table: dict[str, list[Any]]) -> int:
    return len(next(iter(table.values()))) if table else 0


def _since(lives: Lives, before: tuple[dict[str, int], int]) -> Lives:
    """Return what happened since; visits are counted from 0 again."""
    from growth.simulation.life import Lives

    out, (parts, visits) = Lives(), before
    for name, weeks in parts.items():
        table = {column: values[weeks:] for column, values in getattr(lives, name).items()}
        if "visit" in table:
            table["visit"] = [v - visits for v in table["visit"]]
        setattr(out, name, table)
    return out


def pools(scene: Scene) -> list[Pool]:
    """Return the pools of a chunk, nobody in them yet."""
    none = np.empty(0, dtype=np.int64)
    return [
        Pool(w, np.full((len(w.ways), len(scene.people)), NEVER), none, none)
        for w in windows(scene.world, scene.plan)
    ]
