"""Who a person is: everything about people that does not change, drawn from the person's number alone."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from growth.simulation import words
from growth.simulation.rng import Draws, Floats, Ints, pick_from
from growth.simulation.state import State
from growth.simulation.world import CHANNELS, TYPES, World

HUMAN, BOT, FAKE = range(3)
ARRIVALS_BY_TIER = (1.6, 1.25, 1.0, 0.8)  # of a head, by the tier of the city
FIRST_SMALL_CITY = next(i for i, c in enumerate(words.CITIES) if c[1] == 3)


@dataclass(frozen=True)
class People:
    """A chunk of people, as columns."""

    number: Ints
    kind: Ints  # HUMAN, BOT, FAKE
    region: Ints
    city_tier: Ints
    type: Ints
    birth_year: Ints
    gender: Ints
    occupation: Ints
    channel: Ints
    arrival: Ints  # day of the first visit
    visit_rate: Floats  # a day, in maturity
    loss_rate: Floats  # a week, in maturity before the phase's factor
    favourite: Ints  # category
    ring: Ints  # of a FAKE account
    more_needs: Floats  # chance of one more need on an errand
    guest: NDArray[np.bool_]
    desktop: NDArray[np.bool_]
    tablet: NDArray[np.bool_]
    new_phone: Ints  # day from which on a new phone is used; far in the future for most
    points: NDArray[np.bool_]  # joins the points club at sign-up

    def __len__(self) -> int:
        return int(self.number.size)

    def at(self, rows: Ints) -> People:
        """Return some of the people."""
        return People(*(getattr(self, f.name)[rows] for f in fields(self)))


def how_many(customers: int, world: World, state: State) -> tuple[int, int]:
    """Return the number of persons who come in the past, and of those who come in a forward run."""
    past = round(customers * world.people.persons_a_customer)
    days = state.span.days
    before = state.arrivals[days < state.span.now].sum()
    after = state.arrivals[days >= state.span.now].sum()
    return past, round(past * float(after / before))


def _arrival(draws: Draws, state: State, number: Ints, past: int) -> Ints:
    """Return the day of the first visit, by the weights of the days before, or for newcomers after, `now`."""
    days, u = state.span.days, draws.uniform("arrival", number)
    old = number < past
    out = np.empty(number.size, dtype=np.int64)
    for who, when in ((old, days < state.span.now), (~old, days >= state.span.now)):
        if who.any():
            out[who] = days[when][pick_from(state.arrivals[when][None, :], 0, u[who])]
    return out


def category_weights(world: World) -> Floats:
    """Return the weights of categories by type (type, category): what a need is likely to be of."""
    share = np.array([c.share for c in words.CATEGORIES])
    factor = np.array([c.by_type for c in words.CATEGORIES])
    return share[None, :] * factor.T


def _more_needs(draws: Draws, world: World, number: Ints) -> Floats:
    d = world.demand
    spread = d.needs_spread * (2 * draws.uniform("household", number) - 1)
    return np.minimum(d.more_needs * (1 + spread), 0.97)


def _points(draws: Draws, world: World, number: Ints, channel: Ints, city: Ints) -> NDArray[np.bool_]:
    """Return who joins the points club at sign-up: a matter of channel and city alone."""
    c = world.clubs
    chance = np.array(c.points_channel)[channel] * np.array(c.points_city)[city]
    return draws.uniform("points club", number) < chance


def draw_people(draws: Draws, world: World, state: State, number: Ints, past: int) -> People:
    """Draw the people of these numbers; those from `past` on come in the forward run."""
    p = world.people
    cities = np.array([c[1] for c in words.CITIES])
    weight = np.array([c[2] for c in words.CITIES]) * np.array(ARRIVALS_BY_TIER)[cities]
    region = draws.pick("region", weight, number)
    kind_u = draws.uniform("kind", number)
    fraud = world.fraud
    kind = np.where(kind_u < fraud.bots, BOT, np.where(kind_u < fraud.bots + fraud.fakes, FAKE, HUMAN))
    kind[(kind == FAKE) & (number >= past)] = HUMAN  # the rings' bursts lie in the past
    ring = (draws.uniform("ring", number) * fraud.rings).astype(np.int64)
    ring_city = FIRST_SMALL_CITY + (
        draws.uniform("ring city", ring) * (cities.size - FIRST_SMALL_CITY)
    ).astype(np.int64)
    region = np.where(kind == FAKE, ring_city, region)
    tier = cities[region]
    typ = pick_from(np.array(p.types), tier, draws.uniform("type", number))
    channel = draws.pick("channel", p.channel_share, number)
    arrival = _arrival(draws, state, number, past)
    visit = np.array(p.visit_rate)[typ] * np.array(p.channel_visit)[channel]
    visit = visit * gammaincinv(p.visit_shape, draws.uniform("visit rate", number)) / p.visit_shape
    loss = np.array(p.loss_rate)[typ] * np.array(p.channel_loss)[channel]
    loss = loss * gammaincinv(p.loss_shape, draws.uniform("loss rate", number)) / p.loss_shape
    late = arrival + (draws.uniform("new phone day", number) * 700).astype(np.int64)
    has_new = draws.uniform("new phone", number) < p.new_phone
    age_mean = np.array([33.0, 38.0, 27.0, 34.0])[typ]
    born = 2024 - np.clip(np.rint(age_mean + 8.5 * draws.normal("age", number)), 16, 78).astype(np.int64)
    return People(
        number,
        kind,
        region,
        tier,
        typ,
        born,
        pick_from(np.array([[0.56, 0.42, 0.02]] * len(TYPES)), typ, draws.uniform("gender", number)),
        draws.pick("occupation", (0.42, 0.14, 0.1, 0.06, 0.06, 0.05, 0.08, 0.06, 0.03), number),
        channel,
        arrival,
        visit,
        loss,
        pick_from(category_weights(world), typ, draws.uniform("favourite", number)),
        ring,
        _more_needs(draws, world, number),
        draws.uniform("guest", number) < p.guest,
        draws.uniform("desktop", number) < p.desktop,
        draws.uniform("tablet", number) < p.tablet,
        np.where(has_new, late, 1_000_000),
        _points(draws, world, number, channel, tier),
    )


assert len(CHANNELS) == len(World().people.channel_share)
