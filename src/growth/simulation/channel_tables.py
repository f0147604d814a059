"""What a shop knows of its channels: the contract's tables, from what happened."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from growth.simulation import causes, creators, media, store, trial_tables, words
from growth.simulation.clock import DAY, date_of, day_of
from growth.simulation.life import NEVER, Memory, Scene
from growth.simulation.media import Plan
from growth.simulation.people import HUMAN
from growth.simulation.rng import Ints
from growth.simulation.touches import Sums, Touches
from growth.simulation.trials import Run
from growth.simulation.world import (
    AFFILIATE,
    BRAND,
    CURVED,
    MEDIA,
    OFFLINE,
    PAID,
    PARTNER,
    RETARGETING,
    ChannelTest,
    World,
)

BY_TOUCH = (BRAND, RETARGETING, AFFILIATE)  # paid for by the touch


def static_tables(plan: Plan, world: World) -> dict[str, pa.Table]:
    """Return channels, creators and their campaigns."""
    number = np.arange(len(MEDIA))
    place = np.where(number == OFFLINE, 1, np.where(number == PARTNER, 2, 0))
    channels = pa.table(
        {
            "channel": pa.array(MEDIA),
            "place": store.labels(("online", "offline", "partner"), place),
            "paid": pa.array(np.isin(number, PAID)),
        }
    )
    return {
        "channels": channels,
        **creators.tables(media.campaign_fees(plan, world), plan.span.first, plan.span.last),
    }


def runs(plan: Plan) -> tuple[Run, ...]:
    """Return the tests of channels as runs of experiments."""
    return tuple(media.as_run(t) for t in plan.tests)


def experiments(plan: Plan, others: tuple[Run, ...]) -> dict[str, pa.Table]:
    """Return the tables of experiments, with those on channels after the others."""
    made = trial_tables.experiments((*others, *runs(plan)))
    scope = made["experiment_scope"]
    none = store.nothing(scope.num_rows, pa.string())
    mine = pa.table(
        {
            "experiment_id": pa.array([t.id for t in plan.tests], pa.string()),
            **{c: store.nothing(len(plan.tests), pa.string()) for c in ("product_id", "category", "region")},
            "channel": pa.array([MEDIA[t.channel] for t in plan.tests], pa.string()),
        }
    )
    made["experiment_scope"] = pa.concat_tables([scope.append_column("channel", none), mine])
    return made


def test_tables(
    scene: Scene, memory: Memory, when: Ints, touched: Touches, first: bool
) -> tuple[list[pa.Table], list[pa.Table]]:
    """Return assignments and exposures of the tests of channels: of a chunk's customers; of cities in the first."""
    given, seen = [], []
    for test, run in zip(scene.plan.tests, runs(scene.plan), strict=True):
        if test.unit == "region":
            given += [trial_tables.cities(scene.draws, run)] if first else []
            continue
        a, e = _customers(scene, memory, when, touched, test, run)
        given.append(a)
        seen.append(e)
    return given, seen


def enrolled(scene: Scene, memory: Memory, when: Ints, test: ChannelTest) -> Ints:
    """Return who is in a test: all customers by its end, from sign-up on; of a campaign, those on its list."""
    end = (day_of(test.start) + 7 * test.weeks) * DAY
    who = np.flatnonzero((when < min(end, scene.state.span.end_second)) & (scene.people.kind == HUMAN))
    return who[causes.listed(scene, memory.sign_up[who], test, scene.people.number[who])]


def _customers(
    scene: Scene, memory: Memory, when: Ints, touched: Touches, test: ChannelTest, run: Run
) -> tuple[pa.Table, pa.Table]:
    """Return who was given which arm and when, and who of those shown the channel had a touch of it."""
    who = enrolled(scene, memory, when, test)
    arm = causes.arm(scene.draws, test, scene.people.number[who])
    at = np.maximum(when[who], run.days[0] * DAY)
    given = trial_tables.assignments(run, arm, at, customer_id=store.ids("c", scene.people.number[who]))
    begin, end = (day * DAY for day in run.days)
    rows = (touched.channel == test.channel) & (touched.at >= begin) & (touched.at < end)
    if test.campaign >= 0:
        rows &= touched.campaign == test.campaign
    first = np.full(len(scene.people), NEVER)
    np.minimum.at(first, touched.who[rows], touched.at[rows])
    shown = who[(arm == 1) & (first[who] < NEVER)]
    moment = np.maximum(first[shown], np.maximum(when[shown], begin))
    ids = {"customer_id": store.ids("c", scene.people.number[shown])}
    return given, trial_tables.exposures(run, np.ones(shown.size, dtype=np.int64), moment, ids)


def spend(plan: Plan, world: World, found: list[Sums]) -> pa.Table:
    """Return the table spend: by channel, region and day; of the stores by month, for all regions together."""
    span = plan.span
    shape = (len(MEDIA), span.last - span.first, len(words.CITIES))
    shown, clicked, cost = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    for part in found:
        for into, number in ((shown, part.shown), (clicked, part.clicked), (cost, part.cost)):
            flat = into.reshape(-1)
            flat[part.cell] += number
    cost[:CURVED] = media.daily(plan, world)
    counted = np.zeros(shape, dtype=bool)
    counted[:CURVED] = True
    for k in BY_TOUCH:
        counted[k] = shown[k] + clicked[k] > 0
    channel, day, region = np.nonzero(counted)
    place = (channel, day, region)
    known = span.first + day >= day_of(world.channels.since)
    by_day = pa.table(
        {
            "channel": store.labels(MEDIA, channel),
            "region": store.labels([c[0] for c in words.CITIES], region),
            "date": store.dates(span.first + day),
            "cost": store.money(cost[place]),
            "impressions": store.ints(shown[place], ~known),
            "clicks": store.ints(clicked[place], ~known),
        }
    )
    return pa.concat_tables([by_day, _stores(plan, world)])


def _stores(plan: Plan, world: World) -> pa.Table:
    """Return what the stores' events cost, a row a month."""
    firsts = [int(d) for d in plan.span.days if date_of(d).day == 1]
    fen = [media.stores_a_month(plan, world, d) for d in firsts]
    none: Any = store.nothing(len(firsts), pa.int64())
    return pa.table(
        {
            "channel": pa.array([MEDIA[OFFLINE]] * len(firsts), pa.string()),
            "region": store.nothing(len(firsts), pa.string()),
            "date": store.dates(np.array(firsts, dtype=np.int64)),
            "cost": store.money(np.array(fen, dtype=np.int64)),
            "impressions": none,
            "clicks": none,
        }
    )
