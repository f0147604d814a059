"""What a chunk of people leaves for the truth: who they were, what was planted, what is counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from growth.simulation import channel_truth, clubs, referrals, stock, store, voice_truth, words
from growth.simulation.browse import Visits
from growth.simulation.clock import DAY
from growth.simulation.life import NEVER, ORDERED, Lives, Memory, Scene, Tally
from growth.simulation.people import BOT, FAKE, HUMAN
from growth.simulation.potential import Outcome
from growth.simulation.rng import Ints
from growth.simulation.tables import order_ids
from growth.simulation.touches import Sums, Touches, sums
from growth.simulation.world import CHANNELS, GROWTH, LOSS, MATURITY, PHASES, TYPES

KINDS = ("human", "bot", "fake")
AGAIN_DAYS = 91  # window after a delivery in which another order counts as coming back


INVITED = ("referrals: customers of a year", "referrals: brought in a year")


@dataclass(frozen=True)
class Chunk:
    """What the truth takes from a chunk."""

    tally: Tally
    dirt: dict[str, dict[str, int]]
    people: pa.Table
    phases: pa.Table
    fakes: pa.Table
    counts: dict[str, int]
    expected: dict[str, float]  # sums of `expected_return` and of `voice_truth.sums`
    tried: dict[str, float]  # sums of `potential.look`, by "experiment | arm | what"
    sold: Ints  # units ordered, (day, product)
    touched: Sums

    @classmethod
    def of(
        cls, scene: Scene, lives: Lives, memory: Memory, tally: Tally, v: Visits, made: dict[str, pa.Table],
        planted: dict[str, dict[str, int]], looked: list[Outcome], touched: Touches,
    ) -> Chunk:  # fmt: skip
        """Collect what is known only here."""
        came, expected = _coming_back(scene, lives)
        left = clubs.causes(scene, lives, memory, v) | voice_truth.counts(scene, lives, memory, v)
        span = scene.state.span
        when = clubs.signed_up(scene, v)
        invited = referrals.sums(scene, when)
        brought = channel_truth.sums(scene, lives, memory, v, when) | invited
        watched = clubs.watch(scene, lives, memory, v) if span.last == span.now else {}
        return cls(
            tally,
            planted,
            _people(scene, memory, v, made),
            _phases(scene, lives),
            _fakes(scene, v),
            _counts(scene, v, made)
            | _members(scene, memory)
            | came
            | left
            | watched
            | {k: round(n) for k, n in invited.items() if k in INVITED},
            expected | voice_truth.sums(scene, lives, memory, v) | brought,
            {f"{e} | {arm} | {what}": n for e, arm, sums in looked for what, n in sums.items()},
            stock.sold(scene.state, lives),
            sums(scene, touched),
        )


def _people(scene: Scene, memory: Memory, v: Visits, made: dict[str, pa.Table]) -> pa.Table:
    p = scene.people
    ids = store.ids("c", p.number)
    customer = pc.is_in(ids, value_set=made["customers"]["customer_id"].combine_chunks())
    return pa.table(
        {
            "person": store.ints(p.number),
            "customer_id": store.masked(ids, ~customer.to_numpy(zero_copy_only=False)),
            "kind": store.labels(KINDS, p.kind),
            "type": store.labels(TYPES, p.type),
            "region": store.labels([c[0] for c in words.CITIES], p.region),
            "channel": store.labels(CHANNELS, p.channel),
            "arrived_on": store.dates(p.arrival),
            "visit_rate": pa.array(p.visit_rate),
            "loss_rate": pa.array(p.loss_rate),
            "alpha": pa.array(np.array(scene.world.demand.alpha)[p.type]),
            "prefers_guest": pa.array(p.guest),
            "orders": store.ints(np.bincount(v.who[v.outcome == ORDERED], minlength=len(p))),
            "phase": store.labels(PHASES, memory.phase, p.kind != HUMAN),
        }
    )


def _phases(scene: Scene, lives: Lives) -> pa.Table:
    """Return the changes of phase of humans: who, when, into which."""
    moves: dict[str, Any] = lives.joined("phases")
    order = np.lexsort((moves["week"], moves["who"]))
    who, week, phase = (moves[c][order] for c in ("who", "week", "phase"))
    return pa.table(
        {
            "person": store.ints(scene.people.number[who]),
            "since": store.dates(week * 7),
            "phase": store.labels(PHASES, phase),
        }
    )


def _fakes(scene: Scene, v: Visits) -> pa.Table:
    at = np.flatnonzero((v.outcome == ORDERED) & (scene.people.kind[v.who] == FAKE))
    who = v.who[at]
    return pa.table(
        {
            "order_id": order_ids(scene.people.number[who], v.key[at]),
            "customer_id": store.ids("c", scene.people.number[who]),
            "ring": store.ints(scene.people.ring[who]),
        }
    )


def _counts(scene: Scene, v: Visits, made: dict[str, pa.Table]) -> dict[str, int]:
    p = scene.people
    bot_visit = p.kind[v.who] == BOT
    gaps = {
        f"gaps in customers.{c}": made["customers"][c].null_count
        for c in ("birth_year", "gender", "occupation")
    }
    return {
        "people": len(p),
        "bots": int((p.kind == BOT).sum()),
        "bot sessions": int(bot_visit.sum()),
        "labelled bot sessions": int(made["sessions"]["bot"].combine_chunks().true_count),
        "fake accounts": int(np.unique(v.who[p.kind[v.who] == FAKE]).size),
        "fake orders": int(((v.outcome == ORDERED) & (p.kind[v.who] == FAKE)).sum()),
        **{
            table: made[table].num_rows
            for table in ("customers", "sessions", "events", "orders", "order_lines")
        },
        "guest orders": made["orders"]["customer_id"].null_count,
        "units": int(np.sum(made["order_lines"]["quantity"].to_numpy())),
        **gaps,
    }


def _members(scene: Scene, memory: Memory) -> dict[str, int]:
    """Count customers by tier at the end, and those lost by channel."""
    customer = memory.sign_up < NEVER
    lost = customer & (memory.phase == LOSS) & (scene.people.kind == HUMAN)
    return {
        "silver members": int((customer & (memory.tier == 1)).sum()),
        "gold members": int((customer & (memory.tier == 2)).sum()),
        **{
            f"lost customers: {c}": int((lost & (scene.people.channel == k)).sum())
            for k, c in enumerate(CHANNELS)
        },
    }


def _coming_back(scene: Scene, lives: Lives) -> tuple[dict[str, int], dict[str, float]]:
    """Count human orders delivered early enough to watch, and how many were followed by another, by lateness."""
    o: dict[str, Any] = lives.joined("orders")
    order = np.lexsort((o["placed"], o["who"]))
    who, placed, delivered, late = (o[c][order] for c in ("who", "placed", "delivered", "late"))
    watched = (delivered >= 0) & (delivered + AGAIN_DAYS * DAY < scene.state.span.end_second)
    watched &= scene.people.kind[who] != FAKE
    code = who * (1 << 32) + placed
    after = np.searchsorted(code, who * (1 << 32) + delivered, side="right")
    nxt = np.minimum(after, code.size - 1)
    again = (after < code.size) & (code[nxt] <= who * (1 << 32) + delivered + AGAIN_DAYS * DAY)
    nth = np.arange(who.size) - np.searchsorted(who, who, side="left")
    out: dict[str, int] = {}
    for name, group in (("on time", watched & ~late), ("late", watched & late)):
        out[f"orders {name}"] = int(group.sum())
        out[f"orders {name}, came back"] = int((group & again).sum())
    return out, expected_return(scene, who[watched], nth[watched], late[watched])


def expected_return(scene: Scene, who: Ints, nth: Ints, late: NDArray[np.bool_]) -> dict[str, float]:
    """Return sums of the chance to come back within `AGAIN_DAYS` of a delivery, by a plain model of a person.

    Orders come at a constant rate r while the person is not lost; loss comes at rate h, raised for
    ``late_weeks`` by a late parcel. The model leaves out dormancy and satiation, so its level is only used
    as a ratio; see `growth.simulation.truth`.
    """
    p, world = scene.people, scene.world
    phase = np.where(nth + 1 >= world.life.maturity_orders, MATURITY, GROWTH)
    hazard = p.loss_rate[who] * np.array(world.life.loss)[phase]
    errand = np.array(world.demand.errand)[p.type[who]] * np.array(world.demand.errand_city)[p.city_tier[who]]
    visits = 7 * (1 + world.people.second_visit) * p.visit_rate[who] * np.array(world.life.visit)[phase]
    rate = visits * errand * np.array(world.demand.met)[p.type[who]]
    week = np.arange(AGAIN_DAYS // 7) + 0.5
    more = np.minimum(week, world.life.late_weeks) * (np.exp(world.life.late_log_hazard) - 1)
    stays = np.exp(-hazard[:, None] * week[None, :])
    first = rate[:, None] * np.exp(-rate[:, None] * week[None, :])
    plain = (first * stays).sum(axis=1)
    delayed = (first * stays * np.exp(-hazard[:, None] * more[None, :])).sum(axis=1)
    return {
        "plain, on time": float(plain[~late].sum()),
        "plain, late": float(plain[late].sum()),
        "delayed, late": float(delayed[late].sum()),
    }
