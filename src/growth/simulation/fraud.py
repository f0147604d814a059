"""Machines and made-up orders, in numbers that are known.

Bots visit twice a day, look at many products in seconds and never buy; only some are labelled, as in life. A ring is
a handful of accounts in one city that order one product again and again within a few days, at night, without
looking around ("brushing"). Rings have labels in the truth alone.
"""

from __future__ import annotations

import numpy as np

from growth.simulation.causes import NOBODY
from growth.simulation.clock import DAY
from growth.simulation.life import BROWSED, NEVER, ORDERED, Lives, Memory, Scene, order_offset
from growth.simulation.people import BOT, FAKE
from growth.simulation.rng import Draws, Ints
from growth.simulation.state import State
from growth.simulation.trade import fulfil

_BURSTS = 3
_MOST_ORDERS = 12


def add_bots(scene: Scene, lives: Lives) -> None:
    """Let the machines of a chunk visit: most days from their first on, for a few months."""
    people, state = scene.people, scene.state
    bots = np.flatnonzero(people.kind == BOT)
    days = state.span.days
    number = people.number[bots]
    lasts = 30 + (scene.draws.uniform("bot lasts", number) * 240).astype(np.int64)
    begin = people.arrival[bots]
    active = (days[None, :] >= begin[:, None]) & (days[None, :] < (begin + lasts)[:, None])
    slots = np.arange(2)[None, None, :]
    u = scene.draws.uniform("bot visit", number[:, None, None], days[None, :, None] * 2 + slots)
    who, day, slot = np.nonzero(active[:, :, None] & (u < scene.world.fraud.bot_visits))
    key = days[day] * 2 + slot
    second = (scene.draws.uniform("bot second", number[who], key) * DAY).astype(np.int64)
    spread = scene.draws.normal("bot load", number[who], key)
    _add_visits(
        lives, bots[who], key, second, np.ones(who.size, dtype=np.int64), np.exp(6.4 + 0.2 * spread), BROWSED
    )


def _add_visits(
    lives: Lives, who: Ints, key: Ints, second: Ints, device: Ints, load: np.ndarray, outcome: int
) -> Ints:
    """Append visits and return their indices."""
    lives.add(
        "visits", who=who, key=key, second=second, device=device,
        load=np.rint(load).astype(np.int64), outcome=np.full(who.size, outcome, dtype=np.int64),
        cause=np.full(who.size, NOBODY),
    )  # fmt: skip
    index = np.arange(who.size) + lives.visits_so_far
    lives.visits_so_far += who.size
    return index


def ring_product(draws: Draws, state: State, ring: Ints) -> Ints:
    """Return the product that a ring pushes: of a third-party seller, on sale before the data begin."""
    foreign = np.array([s is not None for s in state.products.sellers])
    options = np.flatnonzero(foreign & (state.products.launch < state.span.first))
    out: Ints = options[(draws.uniform("ring product", ring) * options.size).astype(np.int64)]
    return out


def add_rings(scene: Scene, lives: Lives, memory: Memory) -> None:
    """Let the accounts of rings order in the bursts of their ring."""
    people, state, draws = scene.people, scene.state, scene.draws
    fakes = np.flatnonzero(people.kind == FAKE)
    number = people.number[fakes]
    past = state.span.now - state.span.first
    nth = np.arange(_MOST_ORDERS)[None, :]
    count = 1 + np.floor(
        np.log(draws.uniform("fake orders", number)) / np.log(1 - 1 / scene.world.fraud.fake_orders)
    ).astype(np.int64)
    row, k = np.nonzero(nth < np.minimum(count, _MOST_ORDERS)[:, None])
    burst = (draws.uniform("fake burst", number[row], k) * _BURSTS).astype(np.int64)
    ring = people.ring[fakes[row]]
    begins = (
        state.span.first
        + 30
        + (draws.uniform("ring burst", ring, burst) * max(past - 45, 1)).astype(np.int64)
    )
    day = np.minimum(
        begins + (draws.uniform("fake day", number[row], k) * 6).astype(np.int64), state.span.now - 1
    )
    # One order a day and account: the day numbers the draws.
    code = np.unique(fakes[row] * 100_000 + day)
    who, day = code // 100_000, code % 100_000
    key = day * 2
    second = (draws.uniform("fake second", people.number[who], key) * 5 * 3600).astype(np.int64)
    load = np.exp(6.9 + 0.2 * draws.normal("fake load", people.number[who], key))
    visit = _add_visits(lives, who, key, second, np.zeros(who.size, dtype=np.int64), load, ORDERED)
    np.minimum.at(memory.sign_up, who, key)
    product = ring_product(draws, state, people.ring[who])
    zero = np.zeros(who.size, dtype=np.int64)
    lives.add("lines", visit=visit, need=key * 8, product=product, units=zero + 1, off=zero, slot=zero - 1)
    placed = day * DAY + second + order_offset(draws, people.number[who], key)
    f = fulfil(draws, scene.world, state, scene.policy, scene.policy_day, people, who, key, placed)
    lives.add(
        "orders", visit=visit, who=who, key=key, placed=placed, paid=f.paid, shipped=f.shipped,
        promised=f.promised, delivered=f.delivered, cancelled=f.cancelled, late=f.late,
        free=zero > 0,
    )  # fmt: skip
    assert (memory.sign_up[who] < NEVER).all()
