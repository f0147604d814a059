"""What a shop knows of its promotions and experiments: the contract's tables, from what happened."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from growth.simulation import browse, store, words
from growth.simulation.browse import Visits
from growth.simulation.clock import DAY
from growth.simulation.life import Memory, Scene
from growth.simulation.rng import Draws, Floats, Ints
from growth.simulation.state import State
from growth.simulation.trials import MESSAGE_COST, Run, arms_of, messages, region_arms
from growth.simulation.world import CITY_TIERS, World

_TWICE = (
    0.004  # share of visitors of the last experiment that got a second arm: a fault that an audit is to find
)
_HASTY = 0.01  # share of units of the leaking experiment that saw their arm before they were given it


def promotion_ids(scene: Scene, promo: Ints, slot: Ints) -> pa.Array:
    """Return the promotion behind each line: that of an experiment's offer, else that of the price."""
    names = [*scene.state.promotions, *(r.experiment.id for r in scene.runs)]
    index = np.where(slot >= 0, len(scene.state.promotions) + slot, promo)
    return store.labels(names, np.maximum(index, 0), index < 0)


def promotions(state: State, world: World, runs: tuple[Run, ...]) -> pa.Table:
    """Return the table promotions: weekly ones, events, and those that experiments try."""
    rows: list[tuple[str, str, str, int, int]] = []
    for k, name in enumerate(state.promotions):
        days = state.span.days[(state.promotion == k).any(axis=1)]
        if days.size:
            kind = "weekly" if name.startswith("weekly") else "event"
            rows.append((name, name, kind, int(days[0]), int(days[-1]) + 1))
    for run in runs:
        if run.experiment.offers:
            rows.append((run.experiment.id, run.experiment.name, run.experiment.kind, *run.days))
    ids, names, kinds, first, last = (list(c) for c in zip(*rows, strict=True))
    return pa.table(
        {
            "promotion_id": pa.array(ids),
            "name": pa.array(names),
            "type": pa.array(kinds),
            "starts_on": store.dates(np.array(first)),
            "ends_on": store.dates(np.array(last)),
            "funder": pa.array(["shop"] * len(ids)),
            "cost": store.money(np.zeros(len(ids))),
        }
    )


def experiments(runs: tuple[Run, ...]) -> dict[str, pa.Table]:
    """Return experiments, their arms, metrics and scope."""
    past = [r for r in runs if r.everybody < 0]
    made: dict[str, list[dict[str, Any]]] = {"arms": [], "metrics": [], "scope": []}
    for run in past:
        e = run.experiment
        for k, arm in enumerate(e.arms):
            cost = round(100 * arm.unit_cost)
            made["arms"].append(dict(e=e.id, arm=arm.name, share=arm.share, control=k == 0, cost=cost))
            if arm.push.focus >= 0:
                made["scope"].append(dict(e=e.id, category=words.CATEGORIES[arm.push.focus].name))
        made["metrics"] += [dict(e=e.id, **vars(m)) for m in e.metrics]
    return _experiment_tables(past, made)


def _experiment_tables(past: list[Run], made: dict[str, list[dict[str, Any]]]) -> dict[str, pa.Table]:
    def column(what: str, name: str, kind: Any = None) -> pa.Array:
        return pa.array([r[name] for r in made[what]], kind or pa.string())

    e = [r.experiment for r in past]
    started = {
        "experiment_id": pa.array([x.id for x in e], pa.string()),
        "name": pa.array([x.name for x in e], pa.string()),
        "kind": pa.array([x.kind for x in e], pa.string()),
        "unit": pa.array([x.unit for x in e], pa.string()),
        "promotion_id": pa.array([x.id if x.offers else None for x in e], pa.string()),
        "starts_on": store.dates(np.array([r.days[0] for r in past])),
        "ends_on": store.dates(np.array([r.days[1] for r in past])),
        "post_days": store.ints(np.array([7 * x.post_weeks for x in e])),
        "design": pa.array([x.design for x in e], pa.string()),
        "looks": pa.array([x.looks for x in e], pa.int64()),
        "alpha": pa.array([0.05] * len(e), pa.float64()),
        "power": pa.array([0.8] * len(e), pa.float64()),
        "planned_lift": pa.array([x.planned_lift for x in e], pa.float64()),
        "planned_units": store.nothing(len(e), pa.int64()),
    }
    return {
        "experiments": pa.table(started),
        "experiment_arms": pa.table(
            {
                "experiment_id": column("arms", "e"),
                "arm": column("arms", "arm"),
                "planned_share": column("arms", "share", pa.float64()),
                "control": column("arms", "control", pa.bool_()),
                "unit_cost": store.money(np.array([r["cost"] for r in made["arms"]])),
            }
        ),
        "experiment_metrics": pa.table(
            {
                "experiment_id": column("metrics", "e"),
                **{c: column("metrics", c) for c in ("metric", "denominator", "role", "direction")},
                "margin": column("metrics", "margin", pa.float64()),
                "window": column("metrics", "window"),
            }
        ),
        "experiment_scope": pa.table(
            {
                "experiment_id": column("scope", "e"),
                "product_id": store.nothing(len(made["scope"]), pa.string()),
                "category": column("scope", "category"),
                "region": store.nothing(len(made["scope"]), pa.string()),
            }
        ),
    }  # fmt: skip


_UNIT_COLUMNS = ("customer_id", "visitor_id", "session_id", "region")


def _assignments(experiment: pa.Array, arm: pa.Array, at: Ints, **columns: pa.Array) -> pa.Table:
    """Return rows of assignments; columns that are not given are null."""
    empty = store.nothing(len(experiment), pa.string())
    return pa.table(
        {
            "experiment_id": experiment,
            **{c: columns.get(c, empty) for c in _UNIT_COLUMNS},
            "period": store.nothing(len(experiment), pa.date32()),
            "arm": arm,
            "stratum": columns.get("stratum", empty),
            "assigned_at": store.times(at),
        }
    )


def assignments(run: Run, arm: Ints, at: Ints, **columns: pa.Array) -> pa.Table:
    """Return assignments of units to the arms of a run."""
    return _assignments(store.labels((run.experiment.id,), arm * 0), _names(run, arm), at, **columns)


def cities(draws: Draws, run: Run) -> pa.Table:
    """Return the arms of the cities in an experiment on them, as assignments."""
    arm = region_arms(draws, run)
    return _assignments(
        store.labels((run.experiment.id,), arm * 0),
        _names(run, arm),
        np.full(arm.size, run.days[0] * DAY),
        region=pa.array([c[0] for c in words.CITIES]),
        stratum=pa.array([CITY_TIERS[c[1]] for c in words.CITIES]),
    )


Pair = tuple[list[pa.Table], list[pa.Table]]


def trial_tables(
    scene: Scene, memory: Memory, v: Visits, first: bool, more: Pair = ([], [])
) -> dict[str, pa.Table]:
    """Return assignments, exposures and contacts of a chunk of people, and of cities in the first one.

    `more` are assignments and exposures of other tests, which come after these.
    """
    assigned, exposed, sent = [], [], []
    for slot, run in enumerate(scene.runs):
        if run.experiment.unit == "region":
            assigned += [cities(scene.draws, run)] if first else []
            continue
        a, e = _units(scene, memory, slot, v)
        assigned.append(a)
        exposed.append(e)
        sent.append(_contacts(scene, memory, slot))
    assigned, exposed = assigned + more[0], exposed + more[1]
    if not exposed:
        return {"assignments": pa.concat_tables(assigned)} if assigned else {}
    made = {"assignments": pa.concat_tables(assigned), "exposures": pa.concat_tables(exposed)}
    messages = [t for t in sent if t is not None]
    return made | ({"contacts": pa.concat_tables(messages)} if messages else {})


def _units(scene: Scene, memory: Memory, slot: int, v: Visits) -> tuple[pa.Table, pa.Table]:
    """Return who was given which arm and when, and who came by during the test and saw it.

    The faults of the records are those of experiments: a campaign has none.
    """
    run = scene.runs[slot]
    e, (begin, end) = run.experiment, run.days
    leak = e.leak if run.everybody < 0 else 0.0
    inside = np.flatnonzero((v.day >= begin) & (v.day < end))
    arm = arms_of(scene, memory, slot, v.who[inside], v.key[inside], v.device[inside])
    inside, arm = inside[arm >= 0], arm[arm >= 0]
    unit = {"customer": v.who, "visitor": v.who * 4 + v.device, "session": np.arange(v.who.size)}[e.unit][
        inside
    ]
    first = np.unique(unit, return_index=True)[1]  # visits are in the order of time within a person
    came, unit, arm = inside[first], unit[first], arm[first]
    if e.unit != "customer":
        ids = _ids(scene, v, came, e.unit)
        at = v.start[came]
        given = _assignments(store.labels((e.id,), arm * 0), _names(run, arm), at, **ids)
        return _with_twice(scene, run, v, came, arm, given), exposures(run, arm, at + 1, ids)
    who = np.flatnonzero(memory.arms[slot] >= 0)
    all_arms = memory.arms[slot][who]
    keep = (
        np.isin(who, unit) | (all_arms == 0) | (scene.draws.uniform("leak", scene.people.number[who]) >= leak)
    )
    who, all_arms = who[keep], all_arms[keep]
    ids = {"customer_id": store.ids("c", scene.people.number[who])}
    given = _assignments(
        store.labels((e.id,), who * 0), _names(run, all_arms), np.full(who.size, begin * DAY), **ids
    )
    hasty = (scene.draws.uniform("hasty", scene.people.number[unit]) < _HASTY) & (leak > 0)
    at = np.where(hasty, begin * DAY - 3600, v.start[came])
    return given, exposures(run, arm, at, {"customer_id": store.ids("c", scene.people.number[unit])})


def _names(run: Run, arm: Ints) -> pa.Array:
    return store.labels([a.name for a in run.experiment.arms], arm)


def _ids(scene: Scene, v: Visits, rows: Ints, unit: str) -> dict[str, pa.Array]:
    number = scene.people.number[v.who[rows]]
    if unit == "visitor":
        return {"visitor_id": browse.visitor_ids(number, v.device[rows])}
    return {"session_id": browse.session_ids(number, v.key[rows])}


def _with_twice(scene: Scene, run: Run, v: Visits, came: Ints, arm: Ints, given: pa.Table) -> pa.Table:
    """Add, to an experiment on visitors, a second arm for a few: a fault of the assignment service."""
    if run.experiment.unit != "visitor" or run.everybody >= 0:
        return given
    number = scene.people.number[v.who[came]]
    again = np.flatnonzero(scene.draws.uniform("twice", number, v.device[came]) < _TWICE)
    other = (arm[again] + 1) % len(run.experiment.arms)
    at = v.start[came[again]] + 60
    ids = _ids(scene, v, came[again], "visitor")
    more = _assignments(store.labels((run.experiment.id,), other * 0), _names(run, other), at, **ids)
    return pa.concat_tables([given, more])


def exposures(run: Run, arm: Ints, at: Ints, ids: dict[str, pa.Array]) -> pa.Table:
    """Return exposures of units to the arms of a run."""
    empty = store.nothing(arm.size, pa.string())
    return pa.table(
        {
            "experiment_id": store.labels((run.experiment.id,), arm * 0),
            **{c: ids.get(c, empty) for c in _UNIT_COLUMNS},
            "arm": _names(run, arm),
            "exposed_at": store.times(at),
        }
    )


def _contacts(scene: Scene, memory: Memory, slot: int) -> pa.Table | None:
    """Return the messages of an experiment on customers; a third is opened."""
    run = scene.runs[slot]
    if run.experiment.unit != "customer" or not any(a.push.contacts for a in run.experiment.arms):
        return None
    who, nth, sent = messages(scene, memory, slot)
    number = scene.people.number[who]
    opened = sent + 60 + (scene.draws.exponential("message opened", number, nth) * 9000).astype(np.int64)
    unread = (scene.draws.uniform("message read", number, nth) > 0.33) | (
        opened >= scene.state.span.end_second
    )
    return pa.table(
        {
            "customer_id": store.ids("c", number),
            "channel": store.labels(("app_push", "sms"), nth % 2),
            "campaign": store.labels((run.experiment.id,), who * 0),
            "sent_at": store.times(sent),
            "opened_at": store.times(opened, unread),
            "cost": store.money(np.full(who.size, round(100 * MESSAGE_COST))),
        }
    )


def coupons(scene: Scene, memory: Memory, oid: pa.Array, o: dict[str, Any]) -> dict[str, pa.Table]:
    """Return the coupons given out, and on which order each was used."""
    made = []
    place = o["who"] * (1 << 32) + o["key"]  # orders are in the order of people and visits
    for slot, run in enumerate(scene.runs):
        arms = {k: a.push.offer for k, a in enumerate(run.experiment.arms) if a.push.offer}
        offer = next((x for x in arms.values() if x.kind == "coupon"), None)
        if offer is None:
            continue
        who = np.flatnonzero(np.isin(memory.arms[slot], list(arms)))
        wanted = who * (1 << 32) + memory.used[slot][who]
        row = np.searchsorted(place, wanted)
        known = np.isin(wanted, place) & (memory.used[slot][who] >= 0)
        row = np.where(known, row, -1)
        begin, end = run.days
        made.append(_coupon_table(scene, run, who, row, oid, o, (begin, end), (offer.off, offer.minimum)))
    return {"coupons": pa.concat_tables(made)} if made else {}


def _coupon_table(
    scene: Scene, run: Run, who: Ints, row: Ints, oid: pa.Array, o: dict[str, Any], days: tuple[int, int],
    money: tuple[float, float],
) -> pa.Table:  # fmt: skip
    number = scene.people.number[who]
    name = run.experiment.id if run.everybody < 0 else f"{run.experiment.id}-campaign"
    unused = row < 0
    at: Floats = o["placed"][np.maximum(row, 0)] if o["placed"].size else np.zeros(who.size)
    order = oid.take(pa.array(np.maximum(row, 0))) if len(oid) else store.nothing(who.size, pa.string())
    return pa.table(
        {
            "coupon_id": store.ids(f"{name}-", number),
            "promotion_id": store.labels((run.experiment.id,), who * 0),
            "customer_id": store.ids("c", number),
            "issued_at": store.times(np.full(who.size, days[0] * DAY)),
            "expires_at": store.times(np.full(who.size, days[1] * DAY)),
            "redeemed_at": store.times(at, unused),
            "order_id": store.masked(order, unused),
            "face_value": store.money(np.full(who.size, round(100 * money[0]))),
            "minimum": store.money(np.full(who.size, round(100 * money[1]))),
        }
    )
