"""Invitations: who invited those who came by referral, and how many invitations came to nothing.

Drawn ahead in their effect: a person of the acquisition channel "referral" comes whatever happens to the inviter, and
the table says who that was. So nobody's absence removes anybody else; in life it would, which is interference that no
test of this platform has. The inviter of a customer who signed up at t is the customer whose own sign-up is nearest to
t less a draw of the generation time (gamma, cut off where the shop was not open yet), among the people of the same
chunk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.special import gammainc, gammaincinv

from growth.simulation import store
from growth.simulation.clock import DAY
from growth.simulation.life import NEVER, Scene
from growth.simulation.people import HUMAN
from growth.simulation.rng import Floats, Ints
from growth.simulation.world import CHANNELS

YEAR = 365  # days in which a customer's invitations are counted
_CAME = CHANNELS.index("referral")


@dataclass(frozen=True)
class Invitations:
    """Invitations: by whom, when (local second), who joined by it and when; -1 and `NEVER`: nobody."""

    inviter: Ints
    invited: Ints
    joined_who: Ints
    joined: Ints


def invitations(scene: Scene, when: Ints) -> Invitations:
    """Return the invitations of a chunk; `when` is each person's second of sign-up, `NEVER` of those who have not."""
    people, draws, c = scene.people, scene.draws, scene.world.channels
    members = np.flatnonzero((when < NEVER) & (people.kind == HUMAN))
    members = members[np.argsort(when[members], kind="stable")]
    came = members[people.channel[members] == _CAME]
    gap = _gaps(scene, came, when[came]) * DAY
    inviter = _nearest(when, members, came, when[came] - gap)
    found = inviter >= 0
    came, inviter = came[found], inviter[found]
    wait = draws.exponential("invited ahead", people.number[came]) * 3 * DAY
    invited = np.maximum(when[came] - wait.astype(np.int64), when[inviter] + 60)
    invited = np.minimum(invited, when[came])
    mean = np.full(members.size, c.in_vain)
    count = _geometric(draws.uniform("invites in vain", people.number[members]), mean)
    who = np.repeat(members, count)
    nth = np.arange(who.size) - np.repeat(np.cumsum(count) - count, count)
    u = draws.uniform("invited in vain", people.number[who], nth)
    later = gammaincinv(c.generation_shape, u) * c.generation / c.generation_shape * DAY
    at = when[who] + 60 + later.astype(np.int64)
    known = at < scene.state.span.end_second
    who, at = who[known], at[known]
    nobody = np.full(who.size, -1)
    both = Invitations(
        np.concatenate([inviter, who]), np.concatenate([invited, at]), np.concatenate([came, nobody]),
        np.concatenate([when[came], np.full(who.size, NEVER)]),
    )  # fmt: skip
    order = np.lexsort((both.joined_who, both.invited, both.inviter))
    return Invitations(*(getattr(both, f)[order] for f in Invitations.__dataclass_fields__))


def _gaps(scene: Scene, who: Ints, when: Ints) -> Floats:
    """Return the generation time of each, days: a gamma cut off at what the shop has been open."""
    c = scene.world.channels
    scale = c.generation / c.generation_shape
    open_for = np.maximum(when / DAY - scene.state.span.first, 1e-9)
    most = gammainc(c.generation_shape, open_for / scale)
    u = scene.draws.uniform("generation", scene.people.number[who])
    out: Floats = gammaincinv(c.generation_shape, u * most) * scale
    return out


def _nearest(when: Ints, members: Ints, came: Ints, aim: Floats) -> Ints:
    """Return the member whose sign-up is nearest to each aim and before that of who came by it; -1: there is none."""
    times = when[members]
    right = np.clip(np.searchsorted(times, aim), 0, max(times.size - 1, 0))
    left = np.maximum(right - 1, 0)
    nearer = np.where(np.abs(times[left] - aim) <= np.abs(times[right] - aim), left, right)
    place = np.searchsorted(times, when[came])  # all before it signed up earlier
    nearer = np.minimum(nearer, place - 1)
    return np.where(nearer >= 0, members[np.maximum(nearer, 0)], -1)


def _geometric(u: Floats, mean: Floats) -> Ints:
    """Return numbers of the geometric distribution on 0, 1, 2, … with this mean."""
    out: Ints = np.floor(np.log(u) / np.log(mean / (1 + mean))).astype(np.int64)
    return out


def table(scene: Scene, when: Ints) -> pa.Table:
    """Return the table referrals."""
    i, number = invitations(scene, when), scene.people.number
    nobody = i.joined_who < 0
    return pa.table(
        {
            "inviter_id": store.ids("c", number[i.inviter]),
            "invited_at": store.times(i.invited),
            "customer_id": store.masked(store.ids("c", number[np.maximum(i.joined_who, 0)]), nobody),
            "joined_at": store.times(np.where(nobody, 0, i.joined), nobody),
        }
    )


def sums(scene: Scene, when: Ints) -> dict[str, float]:
    """Return the sums behind the K-factor: of customers seen for a year, how many they are and whom they brought.

    ``expected`` is the number of joined whose drawn generation time leads to such a customer, and within a year: its
    expectation given when people joined, in closed form from the gamma distribution.
    """
    people, span, c = scene.people, scene.state.span, scene.world.channels
    members = np.flatnonzero((when < NEVER) & (people.kind == HUMAN))
    last = span.now - YEAR  # signed up before this day: seen for a year
    old = when[members] < last * DAY
    i = invitations(scene, when)
    joined = i.joined_who >= 0
    age = (i.joined - when[i.inviter]) / DAY
    brought = joined & (when[i.inviter] < last * DAY) & (age < YEAR)
    came = members[people.channel[members] == _CAME]
    scale, t = c.generation / c.generation_shape, when[came] / DAY

    def below(days: Floats) -> Floats:
        out: Floats = gammainc(c.generation_shape, np.maximum(days, 0) / scale)
        return out

    open_for = np.maximum(t - span.first, 1e-9)
    most = np.minimum(open_for, YEAR)
    expected = np.maximum(below(most) - below(np.minimum(t - last, most)), 0) / below(open_for)
    return {
        "referrals: customers of a year": float(old.sum()),
        "referrals: brought in a year": float(brought.sum()),
        "referrals: expected in a year": float(expected.sum()),
        "referrals: invitations": float(i.inviter.size),
        "referrals: joined": float(joined.sum()),
        "referrals: days": float(age[joined].sum()),
    }
