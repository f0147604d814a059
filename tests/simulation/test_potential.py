"""What would have happened, against what does happen when it is done: whole runs, added up with pandas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from growth.simulation import Settings, World, browse, life, tables, trial_truth
from growth.simulation.clock import day_of
from growth.simulation.experiments import EXPERIMENTS, Arm, Experiment
from growth.simulation.people import HUMAN
from growth.simulation.run import Job
from tests.simulation.bookkeeping import account, orders, person, window
from tests.simulation.conftest import Platform, make

BY_ID = {e.id: e for e in EXPERIMENTS}
SETTINGS = Settings(seed=21, customers=3_000, months=10, dirt=False)
# Early enough that every return is known at as_of, late enough for tiers and habits; no event in these weeks.
START = date(2025, 7, 28)
TRIED = ("coupon", "threshold", "members_price", "flash_sale", "contact_frequency", "seasonal")
TRIED += ("recommendation", "page_speed", "free_shipping", "onboarding")


def moved(name: str) -> Experiment:
    return replace(BY_ID[name], start=START, post_weeks=4)


def sums(world: World, settings: Settings = SETTINGS) -> dict[str, float]:
    """All sums of what would have happened, by "experiment | arm | what"."""
    job = Job.of(settings, None, None, world)
    state = job.state()
    past = round(settings.customers * world.people.persons_a_customer)
    scene = job.scene(state, np.arange(past), past, job.ghosts(state))
    seen = life.live(scene, look=True)[3]
    return {f"{e} | {arm} | {what}": n for e, arm, found in seen for what, n in found.items()}


def everybody(e: Experiment, arm: Arm) -> World:
    """A world in which every arm does what this one does."""
    return World(experiments=(replace(e, arms=tuple(replace(a, push=arm.push) for a in e.arms)),))


def tried_on(platform: Platform, e: Experiment) -> set[int]:
    people = platform.truth("people.parquet")
    if e.unit != "customer":
        return set(people.loc[people["kind"] == "human", "person"])
    return set(person(platform.frame("assignments")["customer_id"].dropna()))


def same(stated: dict[str, float], counted: dict[str, int]) -> None:
    """Counts are equal, and so is every fen."""
    for what, n in counted.items():
        factor = 100 if what.split()[1] in ("revenue", "contribution") else 1
        assert round(stated[what] * factor, 3) == n, what


@pytest.mark.parametrize("name", TRIED)
def test_what_would_have_happened_is_what_happens(name: str, tmp_path: Path) -> None:
    e = moved(name)
    tried = sums(World(experiments=(e,)))
    found = []
    for arm in e.arms:
        platform = make(tmp_path / arm.name, SETTINGS, world=everybody(e, arm))
        stated = trial_truth.sums_of(tried, e.id, arm.name)
        counted = account(platform.frame, tried_on(platform, e), *window(e))
        assert min(counted["during orders"], counted["post orders"]) > 20
        same(stated, counted)
        found.append(counted)
        lines = platform.frame("order_lines").query("promotion_id == @e.id")
        if not lines.empty:
            lines = lines[lines["order_id"].isin(set(orders(platform.frame)["order_id"]))]  # not cancelled
            assert stated["redemptions"] == lines["order_id"].nunique()
        contacts = platform.frame("contacts") if (platform.folder / "raw" / "contacts").exists() else []
        assert stated["messages"] == len(contacts)
        for category, revenue in _by_category(platform, tried_on(platform, e), e).items():
            assert round(100 * stated[f"during revenue: {category}"]) == revenue
    assert found[0] != found[1], "or this proves nothing"


def _by_category(platform: Platform, people: set[int], e: Experiment) -> dict[str, int]:
    begin, end, _ = window(e)
    o = platform.frame("orders").query("status != 'cancelled'")
    local = o["placed_at"] + pd.Timedelta(hours=8)
    o = o[(local >= str(begin)) & (local < str(end)) & person(o["order_id"]).isin(people)]
    lines = platform.frame("order_lines").merge(o[["order_id"]], on="order_id")
    category = lines["product_id"].map(platform.frame("products").set_index("product_id")["category"])
    return {c: int(100 * a) for c, a in lines["amount"].groupby(category).sum().items()}


def test_shares_of_one_and_nothing_force_an_arm_too(tmp_path: Path) -> None:
    """The same by the planned shares alone: all units are drawn into one arm."""
    e = moved("coupon")
    tried = sums(World(experiments=(e,)))
    for k, arm in enumerate(e.arms):
        arms = tuple(replace(a, share=float(j == k)) for j, a in enumerate(e.arms))
        platform = make(tmp_path / arm.name, SETTINGS, world=World(experiments=(replace(e, arms=arms),)))
        assert set(platform.frame("assignments")["arm"]) == {arm.name}
        counted = account(platform.frame, tried_on(platform, e), *window(e))
        same(trial_truth.sums_of(tried, e.id, arm.name), counted)


def test_the_stated_effects_follow_from_the_sums(tmp_path: Path) -> None:
    """Effects a unit from the two forced runs, against `truths.json` and `power.json` of the randomised one."""
    e = moved("seasonal")
    control, gift = e.arms
    runs = [make(tmp_path / a.name, SETTINGS, world=everybody(e, a)) for a in e.arms]
    units = len(tried_on(runs[0], e))
    off, on = (account(p.frame, tried_on(p, e), *window(e)) for p in runs)
    stated = make(tmp_path / "randomised", SETTINGS, world=World(experiments=(e,)))
    head = f"seasonal: {gift.name}"
    during, after = (
        (on[f"{w} contribution"] - off[f"{w} contribution"]) / units / 100 for w in ("during", "post")
    )
    wanted = {
        "orders": (on["during orders"] - off["during orders"]) / units,
        "revenue": (on["during revenue"] - off["during revenue"]) / units / 100,
        "contribution during": during - gift.unit_cost,
        "contribution after": after,
        "net contribution": during + after - gift.unit_cost,
    }
    for what, value in wanted.items():
        assert stated.stated[f"{head}: {what}"] == pytest.approx(value, rel=1e-6), what
    power = {r["name"]: r for r in stated.truth("power.json")}
    assert power[f"{head}: contribution"]["truth"] == pytest.approx(wanted["net contribution"], rel=1e-4)


def _frames(scene: life.Scene, lives: life.Lives, memory: life.Memory) -> Callable[[str], pd.DataFrame]:
    v, place = tables.gather_visits(lives, memory)
    made = tables.trade_tables(scene, lives, memory, v, place)
    seen = browse.view_counts(scene, v), browse.searches(scene, v)
    made["sessions"] = browse.session_table(scene, v, *seen)
    made |= tables.static_tables(scene.state, scene.world, scene.runs, scene.plan)
    return lambda name: made[name].to_pandas()


def test_an_event_brings_what_is_missing_without_it() -> None:
    """618 of 2025: two whole lives of the same people, one in a market without it (and without whom it brought)."""
    settings, world = Settings(seed=22, customers=1_500, months=12, dirt=False), World(experiments=())
    begin, end = date(2025, 6, 1), date(2025, 6, 19)
    until = (pd.Timestamp(end) + pd.Timedelta(days=28)).date()
    tried = sums(world, settings)
    job = Job.of(settings, None, None, world)
    state = job.state()
    past = round(settings.customers * world.people.persons_a_customer)
    scene = job.scene(state, np.arange(past), past)
    (without,) = (g.state for g in job.ghosts(state) if g.name == "618-2025")
    p = scene.people
    local = pd.Timestamp("2020-12-28") + pd.to_timedelta(p.arrival, unit="D")
    factor = np.where(
        np.isin(local.day, (1, 16, 17, 18)), world.season.event_visit[1], world.season.event_visit[0]
    )
    luck = scene.draws.uniform("brought by an event", p.number)
    inside = (p.arrival >= day_of(begin)) & (p.arrival < day_of(end))
    brought = inside & (luck < 1 - 1 / factor)
    assert 20 < brought.sum() < 0.6 * inside.sum()
    rows = np.flatnonzero(~brought)
    lonely = replace(scene, people=p.at(rows), contacted=scene.contacted[rows], state=without)
    accounts = {}
    for name, s in (("held", scene), ("not held", lonely)):
        lives, memory, _, _ = life.live(s)
        humans = set(s.people.number[s.people.kind == HUMAN])
        frame = _frames(s, lives, memory)
        accounts[name] = account(frame, humans, begin, end, until)
        same(trial_truth.sums_of(tried, "618-2025", name), accounts[name])
        early = account(frame, humans, date(2025, 2, 1), begin, begin)
        accounts[f"{name}, before"] = early
    assert accounts["held, before"] == accounts["not held, before"], "nothing before it differs"
    assert accounts["held"]["during orders"] > 1.3 * accounts["not held"]["during orders"]


def test_all_else_but_the_event_is_the_same_market() -> None:
    """Without 618, prices and seasons differ on its days alone, and visits in the week after."""
    job = Job.of(Settings(), None, None, None)
    state = job.state()
    (ghost,) = (g for g in job.ghosts(state) if g.name == "618-2025")
    day = state.span.days
    own = (day >= ghost.first) & (day < ghost.end)
    after = (day >= ghost.end) & (day < ghost.end + 7)
    assert (ghost.state.price[~own] == state.price[~own]).all()
    plain = own[:, None] & (ghost.state.promotion < 0)  # a weekly promotion may be deeper than the event's
    assert (ghost.state.price[plain] >= state.price[plain]).all() and plain[own].mean() > 0.8
    assert (ghost.state.list_price == state.list_price).all()
    assert (ghost.state.visit[~own & ~after] == state.visit[~own & ~after]).all()
    assert (ghost.state.visit[own] < state.visit[own]).all()
    assert (ghost.state.visit[after] > state.visit[after]).all()
    assert not ghost.state.congested[own].any() and state.congested[own].any()


def test_lines_that_come_back_in_parts_cost_no_more_than_was_paid() -> None:
    """The refund of a part is rounded down, whatever the amount: no line gives back more than it took."""
    e = replace(moved("threshold"), arms=(Arm("all", 1.0, BY_ID["threshold"].arms[1].push),))
    job = Job.of(SETTINGS, None, None, World(experiments=(e,)))
    state = job.state()
    scene = job.scene(state, np.arange(5_000), 5_000)
    lives, memory, _, _ = life.live(scene)
    frame = _frames(scene, lives, memory)
    back = frame("returns").groupby(["order_id", "ordinal"])[["refund", "quantity"]].sum()
    lines = frame("order_lines").set_index(["order_id", "ordinal"]).loc[back.index]
    assert (back["refund"] <= lines["amount"]).all() and (back["quantity"] <= lines["quantity"]).all()
    whole = back["quantity"] == lines["quantity"]
    assert (back["refund"] == lines["amount"])[whole].all() and (~whole).sum() > 0
    assert (lines["promotion_id"] == "threshold").sum() > 3
