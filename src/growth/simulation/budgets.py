"""What a budget leaves in the quarter after the data, in closed form: without the luck of who orders what.

The level of each channel is what it is expected to have brought in the last quarter; a change of spend moves it by its
own curve, with what earlier spend left, region by region and week by week. Orders are worth what later visits' orders
were; what follows from an order is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from growth.simulation import creators, media, words
from growth.simulation.channel_tables import BY_TOUCH
from growth.simulation.clock import date_of
from growth.simulation.media import Plan
from growth.simulation.people import ARRIVALS_BY_TIER
from growth.simulation.state import State
from growth.simulation.world import CREATOR, CURVED, MEDIA, World


@dataclass(frozen=True)
class Level:
    """What channels brought in the last quarter, and cost.

    Parameters
    ----------
    orders : mapping of str to float
        Expected orders by channel.
    worth : float
        Contribution of an order, CNY.
    spent : mapping of str to float
        Spend by channel that is paid for by the touch, CNY.
    """

    orders: Mapping[str, float]
    worth: float
    spent: Mapping[str, float]


def expected(world: World, ahead: State, plan: Plan, level: Level) -> float:
    """Return what channels bring less what they cost, CNY, in the days that lie ahead of the data.

    Parameters
    ----------
    ahead : State
        The market, of data and the quarter after them.
    plan : Plan
        Spend under a policy, over the same days.
    """
    c, total = world.channels, 0.0
    for k, name in enumerate(MEDIA):
        if k < CURVED:
            change = _curve(ahead, plan, k)
        elif k == CREATOR:
            change = _campaigns(plan) * float(media.answer(plan.scales[k : k + 1], c.half_other)[0])
        else:
            change = float(media.answer(plan.scales[k : k + 1], c.half_other)[0])
        total += level.orders.get(name, 0.0) * level.worth * change
    return total - cost(world, plan, level)


def _curve(ahead: State, plan: Plan, channel: int) -> float:
    """Return the share that a channel brings ahead, against the last quarter's, over regions and days."""
    days = ahead.span.days
    tier = np.array([c[1] for c in words.CITIES])
    people = np.array([c[2] for c in words.CITIES]) * np.array(ARRIVALS_BY_TIER)[tier]
    weight = ahead.visit[:, None] * plan.factor[days // 7] * people[None, :]
    new = days >= plan.span.now
    old = (days >= plan.span.now - int(new.sum())) & ~new
    then = (weight[old] * plan.actual[channel, days[old] // 7]).sum() / weight[old].sum()
    now = (weight[new] * plan.policy[channel, days[new] // 7]).sum() / weight[new].sum()
    return float(now / then)


def _campaigns(plan: Plan) -> float:
    """Return the worth of the campaigns ahead that a policy can change, against those of the last quarter."""
    ahead = plan.span.last - plan.span.now
    worth = creators.of_creators("follow") * creators.of_creators("share")

    def over(first: int, end: int, begun: int) -> float:
        campaign = creators.running(np.arange(first, end))
        own = campaign[creators.FIRST + creators.DAYS * campaign >= begun]
        return float(worth[own % len(creators.CREATORS)].sum())

    return over(plan.span.now, plan.span.last, plan.span.now) / over(plan.span.now - ahead, plan.span.now, 0)


def cost(world: World, plan: Plan, level: Level) -> float:
    """Return what channels cost in the days ahead, CNY: those paid by the touch as in the last quarter, scaled."""
    new = plan.span.days >= plan.span.now
    fen = float(media.daily(plan, world)[:, new].sum())
    c = creators.Campaigns.until(plan.span.last)
    fen += float(media.campaign_fees(plan, world)[c.first >= plan.span.now].sum())
    firsts = [int(d) for d in plan.span.days[new] if date_of(d).day == 1]
    fen += sum(media.stores_a_month(plan, world, d) for d in firsts)
    touched = sum(level.spent.get(MEDIA[k], 0.0) * float(plan.scales[k]) for k in BY_TOUCH)
    return fen / 100 + touched
