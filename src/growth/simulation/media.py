"""What is spent on channels, region by region, and what share of the visits it brings: drawn ahead of everything.

Pressure is what is left of past spend: a_t = c a_(t-1) + (1 - c) x_t, by week, with x in units of the usual spend a
head and c the carry-over. The share of the visits of a region and week that a channel brings is M q(a) / f, with

    q(a) = a (1 + k) / (a + k),

1 at the usual pressure and saturating (k: the pressure at half of the greatest response), M the channel's usual share
and f the region's factor on visits in that week. f itself is an old draw of the platform (`State.region_visit`): part
of its luck *is* the pulses of spend. Its normal score z is split into independent normal scores, one a channel and a
rest, by projection: n = e + w (z - w·e) with e standard normal and w the unit vector of the channels' spreads. The
scores are independent, w·n = z, and M (q(a) - q(a without pulse)) = swing · n says what was spent. So visits move with
spend, the rest of f has nothing to do with it, and nobody's history had to change.

Besides pulses, spend has a level by region and follows season, events and market, which move visits by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from growth.simulation import creators, words
from growth.simulation.clock import Span, day_of
from growth.simulation.experiments import Arm, Experiment, Metric
from growth.simulation.policy import Policy
from growth.simulation.rng import Draws, Floats, Ints, autoregression
from growth.simulation.state import calendar
from growth.simulation.trials import Run, region_arms
from growth.simulation.world import CREATOR, CURVED, MEDIA, OFFLINE, PAID, Channels, ChannelTest, World

CUSTOMERS = 60_000  # of the default size, which costs are stated at
_LOWEST, _HIGHEST = 0.08, 0.92  # of the greatest response: pulses are cut off there
_WEEKDAYS = np.array([0.13, 0.13, 0.13, 0.14, 0.15, 0.17, 0.15])


@dataclass(frozen=True)
class Plan:
    """Spend and shares; weekly arrays begin with week 0 of the calendar, whatever the span.

    Parameters
    ----------
    span : Span
    scale : float
        Size of the shop against the default one, in which costs are stated.
    planned, ran, spent : ndarray, shape (CURVED, week, region)
        Spend in units of the usual spend a head: as planned; as it was in the tests; and as the policy has it.
    factor : ndarray, shape (week, region)
        The region's factor on visits.
    share, actual : ndarray, shape (CURVED, week, region)
        Share of the visits, as planned; as it was in the tests.
    tests : tuple of ChannelTest
        Those that lie within the span's past.
    policy_day : int
    policy : ndarray, shape (CURVED, week, region)
        Share from the policy's first day on, where the policy changes spend.
    scales : ndarray, shape (len(MEDIA),)
        What the policy makes of each channel's spend.
    """

    span: Span
    scale: float
    planned: Floats
    ran: Floats
    spent: Floats
    factor: Floats
    share: Floats
    actual: Floats
    tests: tuple[ChannelTest, ...]
    policy_day: int
    policy: Floats
    scales: Floats

    @property
    def changes(self) -> bool:
        """Whether a policy changes anything."""
        return bool((self.scales != 1.0).any())

    @property
    def grows(self) -> bool:
        """Whether it spends more on some channel."""
        return bool((self.scales > 1.0).any())


def response(pressure: Floats, half: Floats) -> Floats:
    """Return q(a) = a (1 + k) / (a + k)."""
    return pressure * (1 + half) / (pressure + half)


def pressure_for(wanted: Floats, half: Floats) -> Floats:
    """Return the pressure at which the response is `wanted`: the inverse of `response`."""
    return wanted * half / (1 + half - wanted)


def pressure(spend: Floats, carry: Floats) -> Floats:
    """Return what is left of spend, (channel, week, region), from a first week on in which spend had been as ever."""
    out = spend.copy()
    for week in range(1, spend.shape[1]):
        out[:, week] = carry[:, None] * out[:, week - 1] + (1 - carry[:, None]) * spend[:, week]
    return out


def draw_plan(
    draws: Draws, world: World, span: Span, customers: int, policy: Policy, policy_day: int
) -> Plan:
    """Draw the spend of a span and work out what it brings."""
    c = world.channels
    weeks = (span.last - 1) // 7 + 1
    z = draws.normal("region shock", np.arange(len(words.CITIES))[None, :], np.arange(weeks)[:, None])
    planned = _planned(draws, world, z)
    factor = np.exp(world.season.region_sd * z)
    tests = tuple(t for t in c.tests if span.first <= day_of(t.start) < span.now)
    ran = planned.copy()
    for test in tests:
        if test.unit == "region":
            first = day_of(test.start) // 7
            ran[test.channel, first : first + test.weeks, held_regions(draws, test)] = 0.0
    scales = _scales(policy)
    spent = ran.copy()
    spent[:, policy_day // 7 :] *= scales[:CURVED, None, None]
    share, actual, changed = (
        shares(c, pressure(x, np.array(c.carry)), factor) for x in (planned, ran, spent)
    )
    return Plan(
        span, customers / CUSTOMERS, planned, ran, spent, factor, share, actual, tests, policy_day, changed,
        scales,
    )  # fmt: skip


def shares(c: Channels, pressed: Floats, factor: Floats) -> Floats:
    """Return the shares of visits that pressures bring, (CURVED, week, region)."""
    half, usual, room = (np.array(v[:CURVED])[:, None, None] for v in (c.half, c.share, c.room))
    return np.minimum(usual * response(pressed, half) / factor, room)


def without(plan: Plan, c: Channels, channel: int, day: int) -> Floats:
    """Return the share of a channel, (week, region), if nothing more is spent on it from a day on.

    From that day on what is left of the pressure runs out; the spend of its week counts as not spent.
    """
    spend = plan.planned.copy()
    spend[channel, day // 7 :] = 0.0
    return shares(c, pressure(spend, np.array(c.carry)), plan.factor)[channel]


def _planned(draws: Draws, world: World, z: Floats) -> Floats:
    """Return planned spend: a level by region, the market's season, and pulses."""
    c = world.channels
    half, usual, carry = (np.array(v[:CURVED])[:, None] for v in (c.half, c.share, c.carry))
    score = _scores(draws, world, z)
    level = np.exp(c.level * draws.normal("spend level", np.arange(CURVED)[:, None], np.arange(z.shape[1])))
    season = _season(draws, world, z.shape[0]) ** c.follows
    wanted = response(level[:, None, :] * season[None, :, None], half[:, None])
    wanted = wanted + (np.array(c.swing)[:, None, None] / usual[:, None]) * score
    most = 1 + half[:, None]
    aim = pressure_for(np.clip(wanted, _LOWEST * most, _HIGHEST * most), half[:, None])
    spend, pressed = aim.copy(), aim.copy()
    for week in range(1, z.shape[0]):
        spend[:, week] = np.maximum(aim[:, week] - carry * pressed[:, week - 1], 0) / (1 - carry)
        pressed[:, week] = carry * pressed[:, week - 1] + (1 - carry) * spend[:, week]
    return spend


def _scores(draws: Draws, world: World, z: Floats) -> Floats:
    """Return independent normal scores of the channels' pulses, given the score of the region's week."""
    swing, sd = np.array(world.channels.swing), world.season.region_sd
    if (swing**2).sum() > sd**2:
        raise ValueError(
            f"Channels.swing {tuple(world.channels.swing)} is more than all the luck of a region's week, "
            f"Season.region_sd = {sd}: the root of the sum of squares must not be greater"
        )
    if sd == 0:
        return np.zeros((CURVED, *z.shape))
    weight = np.append(swing, np.sqrt(sd**2 - (swing**2).sum())) / sd
    part = np.arange(weight.size)[:, None, None]
    region, week = np.arange(z.shape[1])[None, None, :], np.arange(z.shape[0])[None, :, None]
    e = draws.normal("spend pulse", part * 64 + region, week)
    out: Floats = e + weight[:, None, None] * (z - np.tensordot(weight, e, axes=1))[None]
    return out[:CURVED]


def _season(draws: Draws, world: World, weeks: int) -> Floats:
    """Return the mean factor on visits of every whole week: month, weekday, events and the market's luck."""
    season = world.season
    visit = calendar(Span(0, weeks * 7, weeks * 7), season).visit.reshape(weeks, 7).mean(axis=1)
    shock = autoregression(draws, "market shock", 1, weeks - 1, season.market_rho, season.market_sd)[:, 0]
    return visit * np.exp(shock)


def _scales(policy: Policy) -> Floats:
    """Return the factor on the spend of each channel."""
    out = np.ones(len(MEDIA))
    for name, factor in policy.channel_spend.items():
        paid = [MEDIA[c] for c in PAID]
        if name not in paid:
            raise ValueError(
                f"Policy.channel_spend[{name!r}]: nothing is spent on that; channels are {', '.join(paid)}"
            )
        out[MEDIA.index(name)] = factor
    return out


def as_run(test: ChannelTest) -> Run:
    """Return a test of a channel as the run of an experiment: the arm kept from it is the control."""
    e = Experiment(
        test.id, f"{MEDIA[test.channel]} held out", "holdout", test.unit, test.start, test.weeks, 0,
        (Arm("held out", 0.5), Arm("shown", 0.5)),
        (Metric("orders", "goal"), Metric("revenue", "secondary")), 0.05,
    )  # fmt: skip
    week = day_of(test.start) // 7
    return Run(e, week, week + test.weeks, week + test.weeks)


def held_regions(draws: Draws, test: ChannelTest) -> np.ndarray:
    """Return which regions a test keeps from its channel."""
    return region_arms(draws, as_run(test)) == 0


def daily(plan: Plan, world: World) -> Ints:
    """Return spend in fen, (CURVED, day of the span, region): a week's over its days, exact in the sum.

    From the policy's first day on spend is the policy's.
    """
    days = plan.span.days
    people = np.array([c[2] for c in words.CITIES], dtype=np.float64)
    usual = 100 * np.array(world.channels.usual)[:, None, None] * plan.scale * people / people.sum()
    until = np.cumsum(_WEEKDAYS) / _WEEKDAYS.sum()
    out = []
    for spent in (plan.ran, plan.spent):
        so_far = np.rint(np.rint(usual * spent)[:, :, None, :] * until[None, None, :, None])
        each = np.diff(so_far, axis=2, prepend=0.0).astype(np.int64)
        out.append(each.reshape(CURVED, -1, people.size)[:, days])
    return np.where(days[None, :, None] >= plan.policy_day, out[1], out[0])


def campaign_fees(plan: Plan, world: World) -> Ints:
    """Return what each campaign of a creator costs, in fen, by number; from the policy's first day on, its way."""
    c = creators.Campaigns.until(plan.span.last)
    plain = creators.fees(world.channels.fee, plan.scale)[c.numbers % len(creators.CREATORS)]
    factor = np.where(c.first >= plan.policy_day, plan.scales[CREATOR], 1.0)
    return np.rint(plain * factor).astype(np.int64)


def stores_a_month(plan: Plan, world: World, day: int) -> int:
    """Return what the stores' events of a month cost, in fen."""
    factor = plan.scales[OFFLINE] if day >= plan.policy_day else 1.0
    return round(100 * world.channels.stores * plan.scale * float(factor))


def answer(scale: Floats, half: float) -> Floats:
    """Return by what factor a channel without a curve of its own brings more when its spend is scaled."""
    return response(scale, np.full(1, half))
