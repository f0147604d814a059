"""What happens to an order after it is placed: paid, shipped, delivered, sometimes late, sometimes sent back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from growth.simulation import words
from growth.simulation.clock import DAY
from growth.simulation.people import People
from growth.simulation.policy import Policy
from growth.simulation.rng import Draws, Floats, Ints
from growth.simulation.state import State
from growth.simulation.world import World


@dataclass(frozen=True)
class Fulfilment:
    """Times of orders in local seconds; -1: never."""

    paid: Ints
    shipped: Ints
    promised: Ints
    delivered: Ints
    cancelled: NDArray[np.bool_]

    @property
    def late(self) -> NDArray[np.bool_]:
        """Whether the parcel came after the promised time."""
        return (self.delivered >= 0) & (self.delivered > self.promised)


def fulfil(
    draws: Draws, world: World, state: State, policy: Policy, policy_day: int,
    people: People, who: Ints, key: Ints, placed: Ints,
) -> Fulfilment:  # fmt: skip
    """Draw the fate of orders placed by persons `who` (rows of `people`) at local seconds `placed`."""
    t = world.trade
    number, tier, day = people.number[who], people.city_tier[who], placed // DAY
    pays = draws.uniform("pays", number, key) >= t.unpaid
    paid = placed + 15 + (draws.exponential("pay delay", number, key) * 180).astype(np.int64)
    cancelled = draws.uniform("cancelled", number, key) < t.cancelled
    # Orders of before 16:00 leave the same day, later ones the next morning.
    hour = 9 * 3600 + (draws.uniform("ship hour", number, key) * 9 * 3600).astype(np.int64)
    wait = np.where(paid % DAY < 16 * 3600, 0, 1)
    shipped = (paid // DAY + wait) * DAY + np.maximum(hour, np.where(wait == 0, paid % DAY + 1800, 0))
    slow = np.where(
        state.congested[np.minimum(day, state.span.last - 1) - state.span.first], t.event_delay, 1.0
    )
    factor = np.where(day >= policy_day, policy.delivery, 1.0) * slow
    median = np.array(t.delivery_days)[tier] * factor
    travel = median * np.exp(t.delivery_sd * draws.normal("delivery", number, key))
    delivered = shipped + np.rint(travel * DAY).astype(np.int64)
    promised = (day + np.array(t.promised_days)[tier]) * DAY + 22 * 3600
    sent = pays & ~cancelled
    return Fulfilment(
        np.where(pays, paid, -1), np.where(sent, shipped, -1), promised, np.where(sent, delivered, -1), cancelled
    )  # fmt: skip


@dataclass(frozen=True)
class Costs:
    """Money of orders, in fen."""

    shipping: Ints
    fulfilment: Ints
    fee: Ints


def costs(
    world: World, people: People, who: Ints, goods: Ints, units: Ints, paid: NDArray[np.bool_],
    free_shipping: NDArray[np.bool_],
) -> Costs:  # fmt: skip
    """Return what shipping costs the buyer, and fulfilment and payment cost the shop."""
    tier = people.city_tier[who]
    free = free_shipping | (goods >= round(100 * world.trade.free_shipping_from))
    shipping = np.where(free, 0, np.array([600, 600, 800, 1000])[tier])
    fulfilment = np.array([450, 480, 560, 680])[tier] + 90 * units
    fee = np.where(paid, np.rint((goods + shipping) * world.trade.payment_fee).astype(np.int64), 0)
    return Costs(shipping, fulfilment, fee)


@dataclass(frozen=True)
class Returns:
    """Returned lines: `line` indexes the order lines; times in local seconds."""

    line: Ints
    quantity: Ints
    requested: Ints
    picked_up: Ints
    refunded: Ints
    reason: Ints


def return_chance(world: World, people: People, who: Ints, category: Ints, late: NDArray[np.bool_]) -> Floats:
    """Return the chance that a delivered line is sent back."""
    base = np.array([c.returns for c in words.CATEGORIES])[category]
    factor = np.array(world.trade.return_factor)[people.type[who]]
    return np.minimum(base * factor * np.where(late, world.trade.late_return, 1.0), 0.9)


def send_back(
    draws: Draws, world: World, people: People, who: Ints, key: Ints, product: Ints, units: Ints,
    delivered: Ints, late: NDArray[np.bool_],
) -> Returns:  # fmt: skip
    """Draw returns of delivered lines; `key` numbers the line for its person."""
    number = people.number[who]
    chance = return_chance(world, people, who, product // 12, late)
    back = (delivered >= 0) & (draws.uniform("return", number, key) < chance)
    line = np.flatnonzero(back)
    number, key = number[line], key[line]

    def days(purpose: str, mean: float) -> Ints:
        return np.rint(draws.exponential(purpose, number, key) * mean * DAY).astype(np.int64)

    requested = delivered[line] + 3600 + days("return delay", 2.5)
    picked = requested + DAY // 4 + days("pick-up delay", 1.0)
    refunded = picked + DAY + days("refund delay", 1.5)
    part = 1 + (draws.uniform("units back", number, key) * units[line]).astype(np.int64)
    quantity = np.where(draws.uniform("return units", number, key) < 0.8, units[line], part)
    weight = np.where(
        late[line][:, None], (0.2, 0.15, 0.15, 0.1, 0.35, 0.05), (0.36, 0.24, 0.17, 0.16, 0.02, 0.05)
    )
    u = draws.uniform("return reason", number, key)
    reason = (u[:, None] >= np.cumsum(weight, axis=1)).sum(axis=1)
    return Returns(line, quantity, requested, picked, refunded, np.minimum(reason, len(words.REASONS) - 1))
