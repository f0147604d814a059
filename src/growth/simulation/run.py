"""Run the platform: state, then people chunk by chunk, each chunk one part of every table."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from growth.simulation import (
    browse,
    channel_tables,
    clubs,
    dirt,
    fraud,
    life,
    media,
    people,
    potential,
    referrals,
    stock,
    store,
    tables,
    touches,
    trial_tables,
    trials,
)
from growth.simulation.clock import Span
from growth.simulation.facts import Chunk
from growth.simulation.policy import Policy
from growth.simulation.pricing import AHEAD
from growth.simulation.rng import Draws
from growth.simulation.state import State, draw_state
from growth.simulation.truth import add_up, write_truth
from growth.simulation.world import World

CHUNK = 8_192  # people in a part; fixed, so that the number of workers cannot change a byte


@dataclass(frozen=True)
class Job:
    """All that a chunk depends on."""

    seed: int
    customers: int
    months: int
    dirt: bool
    policy: Policy
    horizon: int | None
    world: World

    @classmethod
    def of(cls, settings: Any, policy: Policy | None, horizon: int | None, world: World | None) -> Job:
        """Read settings."""
        return cls(
            int(settings.seed), int(settings.customers), int(settings.months), bool(settings.dirt),
            policy or Policy(), horizon, world or World(),
        )  # fmt: skip

    def state(self) -> State:
        """Draw the market state."""
        span = Span.of(self.months, self.horizon)
        day = self.policy.first_day(span, self.horizon)
        return draw_state(Draws(self.seed), self.world, span, self.policy, day)

    def plan(self, state: State) -> media.Plan:
        """Draw what is spent on channels."""
        day = self.policy.first_day(state.span, self.horizon)
        return media.draw_plan(Draws(self.seed), self.world, state.span, self.customers, self.policy, day)

    def ghosts(self, state: State) -> tuple[potential.Ghost, ...]:
        """Return the market without each of its events, for what would have happened; none in a forward run."""
        day = self.policy.first_day(state.span, self.horizon)
        return tuple(
            potential.Ghost(
                name, first, end, draw_state(Draws(self.seed), self.world, state.span, self.policy, day, name)
            )
            for name, first, end in potential.events_of(state.span)
            if not self.horizon
        )

    def scene(
        self, state: State, number: np.ndarray, past: int, ghosts: tuple[potential.Ghost, ...] = (),
        plan: media.Plan | None = None,
    ) -> life.Scene:  # fmt: skip
        """Draw a chunk's people."""
        draws = Draws(self.seed)
        who = people.draw_people(draws, self.world, state, number, past)
        named = (
            np.array([f"c{n:07d}" in self.policy.contacted for n in number])
            if self.policy.contacted
            else None
        )
        contacted = np.zeros(number.size, dtype=bool) if named is None else named
        day = self.policy.first_day(state.span, self.horizon)
        return life.Scene(
            draws, self.world, state, self.policy, day, who, contacted, plan or self.plan(state),
            self.runs(state), ghosts,
        )  # fmt: skip

    def runs(self, state: State) -> tuple[trials.Run, ...]:
        """Return the experiments and campaigns that run."""
        day = self.policy.first_day(state.span, self.horizon)
        return trials.runs_of(self.world, state.span, self.policy, day)


def simulate(
    settings: Any, raw: Path, truth: Path, *, policy: Policy | None = None, horizon: int | None = None,
    workers: int = 1, world: World | None = None,
) -> None:  # fmt: skip
    """Simulate the platform and write its raw tables and its truth.

    Parameters
    ----------
    settings : object
        With ``seed``, ``customers`` (about as many over the period), ``months`` and ``dirt``.
    raw, truth : Path
        Folders; made if they are missing. ``raw/<table>/part-0000.parquet`` … and what only recovery checks read.
    policy : Policy, optional
        Levers; the other draws stay what they are.
    horizon : int, optional
        Months to run on after as_of.
    workers : int
        Processes; the bytes do not depend on it.
    world : World, optional
        Other parameters of the platform.
    """
    job = Job.of(settings, policy, horizon, world)
    state = job.state()
    past, new = people.how_many(job.customers, job.world, state)
    starts = range(0, past + new, CHUNK)
    for folder in (raw, truth):
        folder.mkdir(parents=True, exist_ok=True)
    for stale in sorted(raw.glob("*/part-*.parquet")):  # of an earlier run, perhaps with more parts
        stale.unlink()
    plan = job.plan(state)
    found = [_store(job, tables.static_tables(state, job.world, job.runs(state), plan), raw, 0)]
    chunks = []
    market = (state, job.ghosts(state), plan)
    for part, chunk in enumerate(_results(job, market, raw, list(starts), past, past + new, workers)):
        print(f"simulate: chunk {part + 1}/{len(starts)}", file=sys.stderr, flush=True)
        found.append(chunk.dirt)
        chunks.append(chunk)
    sold = np.sum([chunk.sold for chunk in chunks], axis=0)
    found.append(_store(job, stock.tables(state, sold), raw, 0))  # the books need everybody
    touched = [chunk.touched for chunk in chunks]
    found.append(_store(job, {"spend": channel_tables.spend(plan, job.world, touched)}, raw, 0))
    ahead = None if job.horizon else replace(job, horizon=AHEAD).state()
    write_truth(truth, job.world, state, plan, ahead, chunks, add_up(found))


def _store(job: Job, made: dict[str, pa.Table], raw: Path, part: int) -> dict[str, dict[str, int]]:
    """Write a part of some tables, soiled if asked for; a forward run is always clean."""
    planted = {}
    for name, table in made.items():
        if job.dirt and not job.horizon:
            table, planted[name] = dirt.soil(Draws(job.seed), name, table, part)
        store.write(table, raw / name, part)
    return planted


def _results(
    job: Job, market: Market, raw: Path, starts: list[int], past: int, total: int, workers: int
) -> Iterator[Chunk]:
    """Run the chunks, here or in other processes, in their order."""
    if workers <= 1 or len(starts) == 1:
        yield from map(partial(_chunk, job, market, raw, past, total), range(len(starts)), starts)
        return
    context = multiprocessing.get_context("spawn")  # fork would copy the threads of Arrow and DuckDB
    with ProcessPoolExecutor(workers, context, _prepare, (job,)) as pool:
        yield from pool.map(partial(_remote, job, raw, past, total), range(len(starts)), starts)


# The state, the state without each event, and what is spent on channels.
Market = tuple[State, tuple[potential.Ghost, ...], media.Plan]
_WORKER: dict[str, Market] = {}  # the market of a worker process, drawn once when it starts


def _prepare(job: Job) -> None:
    state = job.state()
    _WORKER["market"] = (state, job.ghosts(state), job.plan(state))


def _remote(job: Job, raw: Path, past: int, total: int, part: int, start: int) -> Chunk:
    return _chunk(job, _WORKER["market"], raw, past, total, part, start)


def _chunk(job: Job, market: Market, raw: Path, past: int, total: int, part: int, start: int) -> Chunk:
    """Simulate one chunk of people and write its part of every table."""
    state, ghosts, plan = market
    scene = job.scene(state, np.arange(start, min(start + CHUNK, total)), past, ghosts, plan)
    lives, memory, tally, looked = life.live(scene, look=not job.horizon)
    fraud.add_bots(scene, lives)
    fraud.add_rings(scene, lives, memory)
    v, place = tables.gather_visits(lives, memory)
    views, seeks = browse.view_counts(scene, v), browse.searches(scene, v)
    made = tables.people_tables(scene, lives, memory, v)
    when, way = clubs.signed_up(scene, v), browse.ways_in(scene, v)
    made["events"] = browse.event_table(scene, v, views, seeks)
    made |= tables.trade_tables(scene, lives, memory, v, place)
    touched = touches.touches(scene, memory, v, way)
    made["sessions"] = browse.session_table(scene, v, views, seeks, way, touches.campaigns(v, touched))
    made["touches"] = touches.table(scene, touched, tables.devices(scene, v, when)[1])
    made["referrals"] = referrals.table(scene, when)
    tests = channel_tables.test_tables(scene, memory, when, touched, part == 0)
    made |= trial_tables.trial_tables(scene, memory, v, part == 0, tests)
    planted = _store(job, made, raw, part)
    return Chunk.of(scene, lives, memory, tally, v, made, planted, looked, touched)
