"""The truth of a run: what recovery checks read, and nothing else does.

Each truth says what it is (a population effect, the effect on these people, a parameter, a count), which lever it
belongs to, over which horizon, and at which prices. The forward judge of a recommendation is not here but in
`growth.simulation.judge`: another run with the same draws.
"""

from __future__ import annotations

import copy
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from growth.simulation import (
    channel_truth,
    market,
    pricing,
    shelf_truth,
    stock,
    store,
    trial_truth,
    voice_truth,
)
from growth.simulation.clubs import QUARTER
from growth.simulation.facts import AGAIN_DAYS, Chunk
from growth.simulation.life import Tally
from growth.simulation.media import Plan
from growth.simulation.power import power_table
from growth.simulation.rng import Ints
from growth.simulation.state import State
from growth.simulation.world import CHANNELS, TYPES, World

POPULATION, THESE = "population effect", "effect on these people"
PARAMETER, COUNT = "parameter", "count"
PLAIN = "plain difference"  # what a comparison finds that adjusts for nothing: no effect of anything
Truths = dict[str, dict[str, Any]]


def add_up(parts: list[dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    """Add counts by table and rule."""
    total: dict[str, dict[str, int]] = {}
    for part in parts:
        for table, rules in part.items():
            entry = total.setdefault(table, {})
            for rule, n in rules.items():
                entry[rule] = entry.get(rule, 0) + n
    return total


def add_counts(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Add numbers by name, in the order of the parts."""
    total: dict[str, Any] = {}
    for part in parts:
        for name, n in part.items():
            total[name] = total.get(name, 0) + n
    return total


def merged(tallies: list[Tally]) -> Tally:
    """Add the tallies of the chunks, in their order."""
    out: Any = copy.deepcopy(tallies[0])
    for tally in tallies[1:]:
        for f in fields(Tally):
            setattr(out, f.name, getattr(out, f.name) + getattr(tally, f.name))
    return out


def _entry(value: float, unit: str, kind: str, doc: str, **asked: str) -> dict[str, Any]:
    """Return a truth; `asked` names the lever, the horizon and the prices it holds for."""
    number = int(value) if kind == COUNT else float(f"{float(value):.8g}")
    return {
        "value": number,
        "unit": unit,
        "kind": kind,
        "lever": asked.get("lever", "none"),
        "horizon": asked.get("horizon", "none"),
        "at_price": asked.get("at_price", "any"),
        "doc": doc,
    }


def _price_truths(world: World, state: State, tally: Tally) -> Truths:
    d = world.demand
    base = market.base_elasticities(world, state, tally.needs)
    slopes = market.price_slopes(world, state, tally.needs)
    at_base = {"horizon": "short run", "at_price": "base prices"}
    return {
        "own_price_elasticity": _entry(
            base.own,
            "log units a log price",
            POPULATION,
            "mean over products, weighted by expected units, when one product's price moves alone",
            lever="price of one product",
            **at_base,
        ),
        "own_price_elasticity_held": _entry(
            float(tally.slope.sum() / tally.expected.sum()),
            "log units a log price",
            THESE,
            "the same for the needs that arose, at the prices that held then",
            lever="price of one product",
            horizon="short run",
            at_price="prices that held",
        ),
        "cross_price_elasticity": _entry(
            base.cross,
            "log units a log price",
            POPULATION,
            "mean over pairs of products of one category, weighted by expected units",
            lever="price of one rival in the category",
            **at_base,
        ),
        "price_level_elasticity": _entry(
            base.level,
            "log units a log price",
            POPULATION,
            "units, when all prices of the shop move together",
            lever="all prices",
            **at_base,
        ),
        "naive_price_slope": _entry(
            slopes.naive,
            "log units a log price",
            PARAMETER,
            "expected units on price with product and week effects and a promotion dummy, given the shocks drawn "
            "(no counting noise): too close to 0, because the shop raises prices when demand is high",
        ),
        "cost_instrument_price_slope": _entry(
            slopes.instrumented,
            "log units a log price",
            PARAMETER,
            "the same with cost as the instrument for price",
        ),
        "promotion_tag_effect": _entry(
            slopes.tag,
            "log units",
            PARAMETER,
            "a product tagged as on promotion against not, at the same price",
            lever="promotion tag",
            horizon="short run",
        ),
        "price_answers_shock": _entry(
            d.price_answers_shock, "log price a log demand shock", PARAMETER, "how prices answer demand"
        ),
        "cost_pass_through": _entry(
            d.pass_through, "log price a log cost", PARAMETER, "how prices answer cost"
        ),
    } | {
        f"alpha_{name}": _entry(
            d.alpha[k], "utility a log price", PARAMETER, "minus the price coefficient of the type"
        )
        for k, name in enumerate(TYPES)
    }


def came_back(expected: dict[str, float], counts: dict[str, int]) -> float:
    """Return what a late parcel changes in the chance of another order within `AGAIN_DAYS` of its delivery.

    The plain model of a person (`facts.expected_return`) gives the ratio of chances with and without the
    delay, for the people whose parcels were late; their chance without it is what on-time orders showed,
    moved by the model's ratio of the two groups. Good to about a quarter of itself (tested against paired
    runs), which is enough for a power table.
    """
    on_time = counts["orders on time, came back"] / max(counts["orders on time"], 1)
    per_late = expected["plain, late"] / max(counts["orders late"], 1)
    per_time = expected["plain, on time"] / max(counts["orders on time"], 1)
    without = on_time * per_late / per_time if per_time else 0.0
    ratio = expected["delayed, late"] / expected["plain, late"] if expected["plain, late"] else 1.0
    return without * (ratio - 1)


def _shelf_truths(
    world: World, state: State, tally: Tally, lists: pricing.Lists | None, sold: Ints
) -> Truths:
    """Return the truths of competitors, stock, the price test and price lists."""
    rows = shelf_truth.rows(world, state, tally, lists, sold)
    kinds = {"p": POPULATION, "t": THESE, "m": PARAMETER}
    return {
        name: _entry(value, unit, kinds[kind], doc, **asked) for name, value, unit, kind, doc, asked in rows
    }


def _service_truths(world: World, tally: Tally, counts: dict[str, int], expected: dict[str, float]) -> Truths:
    life = world.life
    return {
        "load_time_effect_on_orders": _entry(
            tally.load_slope / tally.finish,
            "log orders a log load time",
            THESE,
            "all pages load slower by the same share",
            lever="load time",
            horizon="same visit",
        ),
        "late_parcel_log_hazard": _entry(
            life.late_log_hazard,
            "log hazard of loss",
            PARAMETER,
            f"from the week after a late parcel on, for {life.late_weeks} weeks",
            lever="delivery",
            horizon=f"{life.late_weeks} weeks",
        ),
        "late_parcel_share_caused": _entry(
            -np.expm1(-life.late_log_hazard),
            "share of losses",
            PARAMETER,
            f"of those lost within {life.late_weeks} weeks after a late parcel, whom it drove away (1 - 1 / hazard "
            "ratio); the others would have been lost in that week anyway",
            lever="delivery",
            horizon=f"{life.late_weeks} weeks",
        ),
        "late_parcel_coming_back": _entry(
            came_back(expected, counts),
            "chance",
            THESE,
            f"a late parcel's effect on another order within {AGAIN_DAYS} days of delivery; approximate",
            lever="delivery",
            horizon=f"{AGAIN_DAYS} days",
        ),
    }


def _people_truths(world: World) -> Truths:
    life, season = world.life, world.season
    out = {
        f"tier_visits_{name}": _entry(
            np.log(life.tier_visit[k]),
            "log visits",
            PARAMETER,
            f"being {name} against bronze; members differ by much more, because tiers follow spend",
            lever="tier",
            horizon="while it lasts",
        )
        for k, name in ((1, "silver"), (2, "gold"))
    }
    for k, name in enumerate(("window", "peak")):
        out[f"event_visits_{name}"] = _entry(
            np.log(season.event_visit[k]),
            "log visits",
            PARAMETER,
            f"a {name} day of 618, 1111 or 1212",
            lever="event",
            horizon="same day",
        )
        out[f"event_errands_{name}"] = _entry(
            np.log(season.event_errand[k]),
            "log share of visits with intent",
            PARAMETER,
            f"a {name} day of 618, 1111 or 1212",
            lever="event",
            horizon="same day",
        )
    for k, channel in enumerate(CHANNELS):
        out[f"channel_loss_{channel}"] = _entry(
            np.log(world.people.channel_loss[k]),
            "log hazard of loss",
            PARAMETER,
            "people who came by this channel against search, of the same type",
        )
    out["first_order_on_promotion"] = _entry(
        0.0,
        "chance of coming back",
        PARAMETER,
        "a null: buying first on promotion changes nothing later (but for tiers, which count what was paid)",
        lever="promotion at the first order",
    )
    return out


def _club_truths(world: World, counts: dict[str, int]) -> Truths:
    """Return what the clubs do, and what a plain comparison would say; none in a forward run, which is not watched."""
    out = {
        "points_club_log_hazard": _entry(
            world.clubs.points_log_hazard,
            "log hazard of loss",
            PARAMETER,
            "being in the points club, from the week after joining on; who joins follows channel and city",
            lever="points club",
            horizon="while it lasts",
        ),
        "community_effect": _entry(
            0.0,
            "share who buy in a later quarter",
            PARAMETER,
            "a null: being in a community changes nothing; who joins follows a hidden liking",
            lever="community",
            horizon="any",
        ),
    }
    if "points club: members" not in counts:
        return out
    last = f"the last {QUARTER} days"
    members = max(counts["points club: members"], 1)
    for name, did, would in (
        ("effect", "bought", "would have bought"),
        ("visits_effect", "came", "would have come"),
    ):
        gain = counts[f"points club: members who {did}"] - counts[f"points club: members who {would}"]
        out[f"points_club_{name}"] = _entry(
            gain / members,
            f"share who {did} in a quarter",
            THESE,
            f"members who had bought before {last}, against the same people with the same draws and no club",
            lever="points club",
            horizon=f"{last}, in it since sign-up",
        )
    for club in ("points club", "community"):
        share = [
            counts[f"{club}: {g} who bought"] / max(counts[f"{club}: {g}"], 1) for g in ("members", "others")
        ]
        out[f"{club.replace(' ', '_')}_naive"] = _entry(
            share[0] - share[1],
            "share who bought in a quarter",
            PLAIN,
            f"members less others in {last}, of those who had bought before them: effect and bias together",
            lever=club,
            horizon=last,
        )
    return out


def _voice_truths(counts: dict[str, int], sums: dict[str, float]) -> Truths:
    kinds = {"parameter": PARAMETER, "these people": THESE, "plain": PLAIN}
    asked = {"lever": "everybody answers", "horizon": "at the wave"}
    return {
        name: _entry(value, unit, kinds[kind], doc, **(asked if kind == "these people" else {}))
        for name, value, unit, doc, kind in voice_truth.rows(counts, sums)
    }


def _trial_truths(world: World, tried: dict[str, float]) -> Truths:
    made = {
        name: trial_truth.entry(
            value, unit, doc, "the arm, against the control", "test and weeks after", THESE
        )
        for name, value, unit, doc in trial_truth.rows(world, tried)
    }
    return made | {
        name: trial_truth.entry(value, unit, doc, "the event", "event and four weeks after", THESE)
        for name, value, unit, doc in trial_truth.event_rows(tried)
    }


def _channel_truths(world: World, plan: Plan, tried: dict[str, float], expected: dict[str, float]) -> Truths:
    kinds = {"parameter": PARAMETER, "these people": THESE}
    return {
        name: _entry(value, unit, kinds[kind], doc, **asked)
        for name, value, unit, kind, doc, asked in channel_truth.rows(plan, world, tried, expected)
    }


def truths(
    world: World, state: State, plan: Plan, tally: Tally, counts: dict[str, int], expected: dict[str, float],
    tried: dict[str, float], lists: pricing.Lists | None, sold: Ints,
) -> Truths:  # fmt: skip
    """Return every truth by name; see `docs/simulation.md`."""
    stated = _price_truths(world, state, tally)
    stated |= _shelf_truths(world, state, tally, lists, sold)
    stated |= _service_truths(world, tally, counts, expected)
    stated |= _people_truths(world)
    stated |= _club_truths(world, counts)
    stated |= _voice_truths(counts, expected)
    stated |= _trial_truths(world, tried)
    stated |= _channel_truths(world, plan, tried, expected)
    for name, n in counts.items():
        stated[f"count: {name}"] = _entry(n, "rows", COUNT, "in the data made, before dirt")
    return stated


def write_truth(
    folder: Path, world: World, state: State, plan: Plan, ahead: State | None, chunks: list[Chunk],
    dirt: dict[str, dict[str, int]],
) -> None:  # fmt: skip
    """Write the truth of a run; `ahead` is the market of the quarter after it, none after a forward run."""
    tally = merged([c.tally for c in chunks])
    counts = add_counts([c.counts for c in chunks])
    expected = add_counts([c.expected for c in chunks])
    tried = add_counts([c.tried for c in chunks])
    sold = np.sum([c.sold for c in chunks], axis=0)
    lists = shelf_truth.lists(world, state, ahead, tally, counts)
    stated = truths(world, state, plan, tally, counts, expected, tried, lists, sold)
    _json(folder / "truths.json", stated)
    _json(folder / "dirt.json", dirt)
    channels = list(channel_truth.power_rows(plan, world, tried, expected))
    _json(folder / "power.json", power_table(world, state, tally, counts, stated, tried, channels))
    for name, tables in (
        ("people", [c.people for c in chunks]),
        ("phases", [c.phases for c in chunks]),
        ("fake_orders", [c.fakes for c in chunks]),
        ("elasticities", [market.elasticity_table(world, state, tally.needs)]),
        ("needs", [shelf_truth.needs_table(tally, counts)]),
        ("channels", [channel_truth.table(plan, world, tried, expected)]),
        ("campaigns", [channel_truth.campaign_table(plan, world, expected)]),
        ("stock", [stock.truth_table(state, sold, tally.lost_units)]),
    ):
        store.write_file(pa.concat_tables(tables), folder / f"{name}.parquet")
    if lists:
        prices = lists.table(state, shelf_truth.own_by_product(world, state, tally))
        store.write_file(prices, folder / "optimal_prices.parquet")


def _json(file: Path, content: Any) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True)
    file.write_text(text + "\n", encoding="utf-8")
