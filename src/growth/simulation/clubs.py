"""The points club, communities, and goodbyes: who joins and who says so, and what would have been without the club.

Joining the points club follows what the shop knows (channel and city), and being in it lowers the hazard of loss
(`life.loss_hazard`): a plain comparison of members with others overstates it, adjustment recovers it. Joining a
community follows what nobody sees (how patient a person is, and how often it would come by itself) and changes nothing:
whatever a comparison finds, adjusted or not, is bias. Communities and goodbyes are read off lives that are already
lived, so that every other table keeps its rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from growth.simulation import browse, life, store
from growth.simulation.browse import Visits
from growth.simulation.clock import DAY
from growth.simulation.life import NEVER, Lives, Memory, Scene
from growth.simulation.people import HUMAN
from growth.simulation.rng import Ints
from growth.simulation.world import LOSS

COMMUNITIES = ("cooks", "runners", "young parents", "gadgets")
REASONS = ("late delivery", "too expensive", "quality", "found elsewhere", "no need", "too many messages")
JOINED, ORDER, REDEEMED = "joined", "order", "redeemed"
BATCH = 500  # points that are redeemed at a time
QUARTER = 91  # days at the end in which it is watched who buys and who comes


def signed_up(scene: Scene, v: Visits) -> Ints:
    """Return the local second of each person's sign-up; `NEVER` of those who have not by the end of the span."""
    joins = np.flatnonzero(v.sign_up == v.key)
    when = np.full(len(scene.people), NEVER)
    when[v.who[joins]] = v.start[joins] + browse.sign_up_offset(scene, v, joins)
    when[when >= scene.state.span.end_second] = NEVER
    return when


def points(scene: Scene, v: Visits, o: dict[str, Any], paid: Ints) -> pa.Table:
    """Return the points of members: a gift for joining, a point a whole CNY paid, and what is redeemed.

    Parameters
    ----------
    scene : Scene
    v : Visits
    o : dict
        Orders: ``who``, ``paid`` (second; negative: never), ``cancelled``.
    paid : ndarray of int
        What was paid for each order's goods, in fen.
    """
    end, when = scene.state.span.end_second, signed_up(scene, v)
    member = scene.people.points & (when < NEVER)
    who = np.flatnonzero(member)
    gift = np.full(who.size, scene.world.clubs.points_gift)
    earns = (
        member[o["who"]]
        & (o["paid"] >= 0)
        & (o["paid"] < end)
        & ~o["cancelled"]
        & (o["paid"] >= when[o["who"]])
    )
    at = np.flatnonzero(earns)
    at = at[np.lexsort((o["paid"][at], o["who"][at]))]
    buyer, moment, earned = o["who"][at], o["paid"][at], paid[at] // 100
    total = np.cumsum(earned)
    first = np.searchsorted(buyer, buyer, side="left")
    so_far = total - (total[first] - earned[first]) + scene.world.clubs.points_gift
    batches = so_far // BATCH - (so_far - earned) // BATCH
    spends = np.flatnonzero(batches > 0)
    rows = [(who, when[who], gift, 0), (buyer, moment, earned, 1)]
    rows.append((buyer[spends], moment[spends] + 1, -BATCH * batches[spends], 2))
    everyone = np.concatenate([r[0] for r in rows])
    seconds = np.concatenate([r[1] for r in rows])
    kind = np.concatenate([np.full(r[0].size, r[3]) for r in rows])
    known = seconds < end
    order = np.lexsort((kind, seconds, everyone))
    order = order[known[order]]
    return pa.table(
        {
            "customer_id": store.ids("c", scene.people.number[everyone[order]]),
            "at": store.times(seconds[order]),
            "delta": store.ints(np.concatenate([r[2] for r in rows])[order]),
            "reason": store.labels((JOINED, ORDER, REDEEMED), kind[order]),
        }
    )


def joins(scene: Scene, v: Visits) -> tuple[Ints, Ints]:
    """Return who joins a community and when: on the first visit some weeks after sign-up, by a hidden liking."""
    c, people, draws = scene.world.clubs, scene.people, scene.draws
    when, end = signed_up(scene, v), scene.state.span.end_second
    patient = 1 - draws.uniform("loss rate", people.number)  # the very draws behind loss and visits
    eager = draws.uniform("visit rate", people.number)
    chance = c.community * (0.3 + c.liking * patient) * (0.3 + c.liking * eager)
    wants = (draws.uniform("community", people.number) < chance) & (when < NEVER) & (people.kind == HUMAN)
    ready = when + (draws.exponential("community wait", people.number) * c.community_wait * DAY).astype(
        np.int64
    )
    code = v.who * (1 << 40) + v.start
    place = np.searchsorted(code, np.arange(len(people)) * (1 << 40) + np.minimum(ready, (1 << 40) - 1))
    there = place < code.size
    there[there] = v.who[place[there]] == np.flatnonzero(there)
    who = np.flatnonzero(wants & there)
    joined = v.start[place[who]] + 60
    return who[joined < end], joined[joined < end]


def communities(scene: Scene, v: Visits) -> pa.Table:
    """Return the spells of members in a community; nobody is in two."""
    c, people, draws, end = scene.world.clubs, scene.people, scene.draws, scene.state.span.end_second
    who, joined = joins(scene, v)
    left = joined + (draws.exponential("community stay", people.number[who]) * c.community_stay * DAY).astype(
        np.int64
    )
    which = (draws.uniform("which community", people.number[who]) * len(COMMUNITIES)).astype(np.int64)
    return pa.table(
        {
            "customer_id": store.ids("c", people.number[who]),
            "community": store.labels(COMMUNITIES, which),
            "joined_at": store.times(joined),
            "left_at": store.times(left, left >= end),
        }
    )


@dataclass(frozen=True)
class Goodbyes:
    """Those who closed the account: person, second, reason stated (number in `REASONS`), and the true suspect.

    `late` marks whose hazard of loss was raised by a late parcel when they were lost.
    """

    who: Ints
    at: Ints
    reason: Ints
    late: NDArray[np.bool_]


def goodbyes(scene: Scene, lives: Lives, memory: Memory, v: Visits) -> Goodbyes:
    """Return who closes the account when lost, and the reason stated: a late parcel first, else what the type minds."""
    people, draws, c = scene.people, scene.draws, scene.world.clubs
    moves: dict[str, Any] = lives.joined("phases")
    gone = moves["phase"] == LOSS
    who, week = moves["who"][gone], moves["week"][gone]
    order = np.argsort(who, kind="stable")
    who, week = who[order], week[order]
    number = people.number[who]
    at = week * 7 * DAY + (draws.uniform("goodbye day", number) * 14 * DAY).astype(np.int64)
    says = draws.uniform("goodbye", number) < c.goodbye
    says &= (signed_up(scene, v)[who] < at) & (at < scene.state.span.end_second) & (people.kind[who] == HUMAN)
    who, at, week, number = who[says], at[says], week[says], number[says]
    came, weeks = memory.late[who] <= week, scene.world.life.late_weeks
    late = came & (week - memory.late[who] < weeks)  # as in `life.loss_hazard`
    near = came & (week - memory.late[who] <= weeks)  # a grudge lasts a week longer than the hazard
    minds = np.array(c.reasons)[people.type[who]]
    other = (draws.uniform("goodbye reason", number)[:, None] >= np.cumsum(minds, axis=1)).sum(axis=1) + 1
    blames = near & (draws.uniform("blames the parcel", number) < c.blames)
    return Goodbyes(who, at, np.where(blames, 0, np.minimum(other, len(REASONS) - 1)), late)


def departures(scene: Scene, lives: Lives, memory: Memory, v: Visits) -> pa.Table:
    """Return the table of those who closed the account."""
    g = goodbyes(scene, lives, memory, v)
    return pa.table(
        {
            "customer_id": store.ids("c", scene.people.number[g.who]),
            "at": store.times(g.at),
            "reason": store.labels(REASONS, g.reason),
        }
    )


def causes(scene: Scene, lives: Lives, memory: Memory, v: Visits) -> dict[str, int]:
    """Count goodbyes, those with a late parcel behind a raised hazard, and what they say."""
    g = goodbyes(scene, lives, memory, v)
    return {
        "departures": g.who.size,
        "departures after a late parcel": int(g.late.sum()),
        "departures after a late parcel that blame it": int((g.late & (g.reason == 0)).sum()),
        "departures that blame a late parcel": int((g.reason == 0).sum()),
    }


def watch(scene: Scene, lives: Lives, memory: Memory, v: Visits) -> dict[str, int]:
    """Count members and others who bought, or came, in the last quarter; and members, had there been no points club.

    All are people who signed up and bought before that quarter, which is what a snapshot of customers on its first day
    holds. The members of the points club live once more from their first visit on, with the same draws and without
    what the club does to the hazard of loss.
    """
    first = scene.state.span.now - QUARTER
    own, came, ordered = _quarter(scene, lives, memory, first)
    who, joined = joins(scene, v)
    inside = np.zeros(len(scene.people), dtype=bool)
    inside[who[joined < first * DAY]] = True
    out: dict[str, int] = {}
    for name, member in (("points club", scene.people.points), ("community", inside)):
        for group, rows in (("members", own & member), ("others", own & ~member)):
            out[f"{name}: {group}"] = int(rows.sum())
            out[f"{name}: {group} who bought"] = int(ordered[rows].sum())
            out[f"{name}: {group} who came"] = int(came[rows].sum())
    there = np.flatnonzero(own & scene.people.points)
    ordered_then, came_then = _without_points(scene, there, first)
    out["points club: members who would have bought"] = int(ordered_then.sum())
    out["points club: members who would have come"] = int(came_then.sum())
    return out


Marks = NDArray[np.bool_]


def _quarter(scene: Scene, lives: Lives, memory: Memory, first: int) -> tuple[Marks, Marks, Marks]:
    """Return who is a customer by `first`, who comes in the quarter from it on, and who buys; orders of an account."""
    o: dict[str, Any] = lives.joined("orders")
    v: dict[str, Any] = lives.joined("visits")
    now = scene.state.span.now
    placed = o["placed"] // DAY
    counts = ~o["cancelled"] & (memory.sign_up[o["who"]] <= o["key"])

    def marked(who: Ints) -> Marks:
        return np.bincount(who, minlength=len(scene.people)) > 0

    own = marked(o["who"][counts & (placed < first)]) & (scene.people.kind == HUMAN)
    day = v["key"] // 2
    came = marked(v["who"][(day >= first) & (day < now)])
    return own, came, marked(o["who"][counts & (placed >= first) & (placed < now)])


def _without_points(scene: Scene, rows: Ints, first: int) -> tuple[Marks, Marks]:
    """Return who of these people would have bought, and come, in the quarter, had the club done nothing to them."""
    if not rows.size:  # a span so short that no member had bought before the quarter
        return np.zeros(0, dtype=bool), np.zeros(0, dtype=bool)
    world = replace(scene.world, clubs=replace(scene.world.clubs, points_log_hazard=0.0))
    people, contacted = scene.people.at(rows), scene.contacted[rows]
    other = replace(scene, world=world, people=people, contacted=contacted, ghosts=())
    lives, memory, _, _ = life.live(other)
    _, came, ordered = _quarter(other, lives, memory, first)
    return ordered, came
