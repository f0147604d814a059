"""The truths of experiments and events, from the sums of what would have happened (`potential.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from growth.simulation import words
from growth.simulation.experiments import Arm, Experiment
from growth.simulation.trials import MESSAGE_COST
from growth.simulation.world import TIERS, World

Sums = dict[str, float]
Row = tuple[str, float, str, str]  # name, value, unit, doc


def sums_of(tried: Sums, name: str, arm: str) -> Sums:
    """Return the sums of one arm, or of an event ``held`` or ``not held``, by name; empty if it was not run."""
    head = f"{name} | {arm} | "
    return {k.removeprefix(head): v for k, v in tried.items() if k.startswith(head)}


def compared(world: World, tried: Sums) -> Iterator[tuple[Experiment, Arm, Sums, Sums]]:
    """Yield each experiment that was run with each of its arms, what it brings, and what the control brings."""
    for e in world.experiments:
        without = sums_of(tried, e.id, e.arms[0].name)
        for arm in e.arms[1:] if without else ():
            yield e, arm, sums_of(tried, e.id, arm.name), without


def units_of(e: Experiment, sums: Sums) -> float:
    """Return the number of units: of cities, those there are."""
    return float(len(words.CITIES)) if e.unit == "region" else max(sums["units"], 1.0)


def cost_of(arm: Arm, sums: Sums, units: float) -> float:
    """Return what a unit of an arm costs over the run, CNY: its own cost and its messages."""
    return arm.unit_cost + sums["messages"] * MESSAGE_COST / units


def rows(world: World, tried: Sums) -> Iterator[Row]:
    """Yield the truths of experiments: effects a unit, if all units were in the arm against all in the control."""
    for e, arm, on, off in compared(world, tried):
        n = units_of(e, off)
        cost = cost_of(arm, on, n) - cost_of(e.arms[0], off, n)
        gain = {k: (on[k] - off[k]) / n for k in off}
        head = f"{e.id}: {arm.name}"
        money = f"CNY a {e.unit}"
        yield f"{head}: orders", gain["during orders"], f"orders a {e.unit}", "orders during the test"
        yield f"{head}: revenue", gain["during revenue"], money, "revenue during the test"
        during = gain["during contribution"] - cost
        yield (
            f"{head}: contribution during",
            during,
            money,
            "contribution during the test, the arm's cost taken off",
        )
        if e.post_weeks:
            yield (
                f"{head}: contribution after",
                gain["post contribution"],
                money,
                "contribution in the weeks after",
            )
        yield (
            f"{head}: net contribution",
            during + gain["post contribution"],
            money,
            "during and after together",
        )
        if on["redemptions"]:
            anyway = 1 - (on["during orders"] - off["during orders"]) / on["redemptions"]
            yield (
                f"{head}: anyway share",
                anyway,
                "share",
                "redemptions that would have been orders without the offer",
            )
        for name in TIERS if e.kind == "members" else ():
            own = (on[f"contribution: {name}"] - off[f"contribution: {name}"]) / max(off[f"units: {name}"], 1)
            yield (
                f"{head}: net contribution, {name}",
                own,
                money,
                "of the customers of this tier when it began",
            )


def event_rows(tried: Sums) -> Iterator[Row]:
    """Yield the truths of events: what they brought in all, on their days and in the four weeks after."""
    for name in sorted({k.split(" | ")[0] for k in tried if " | not held | " in k}):
        on, off = sums_of(tried, name, "held"), sums_of(tried, name, "not held")
        for what, unit in (("orders", "orders"), ("revenue", "CNY"), ("contribution", "CNY")):
            for window, doc in (("during", "on its days"), ("post", "in the four weeks after")):
                gain = on[f"{window} {what}"] - off[f"{window} {what}"]
                yield f"event {name}: {what} {window}", gain, unit, f"what the event brought {doc}"


def power_rows(world: World, tried: Sums) -> Iterator[tuple[str, float, float]]:
    """Yield (name, truth, standard error) of orders and net contribution a unit, where units are many."""
    for e, arm, on, off in compared(world, tried):
        if e.unit == "region" or not min(arm.share, e.arms[0].share):
            continue
        n = units_of(e, off)
        spent = cost_of(arm, on, n) - cost_of(e.arms[0], off, n)
        for what, cost in (("orders", 0.0), ("contribution", spent)):
            variance = 0.0
            for sums, share in ((on, arm.share), (off, e.arms[0].share)):
                mean = (sums[f"during {what}"] + sums[f"post {what}"]) / n
                variance += (sums[f"{what} squared"] / n - mean**2) / (n * share)
            gain = sum_of(on, what) - sum_of(off, what)
            yield f"{e.id}: {arm.name}: {what}", gain / n - cost, float(np.sqrt(variance))


def sum_of(sums: Sums, what: str) -> float:
    """Return a sum over the weeks of the test and those after."""
    return sums[f"during {what}"] + sums[f"post {what}"]


def entry(value: float, unit: str, doc: str, lever: str, horizon: str, kind: str) -> dict[str, Any]:
    """Return a truth as `truths.json` holds it."""
    return {
        "value": float(f"{float(value):.8g}"), "unit": unit, "kind": kind, "lever": lever, "horizon": horizon,
        "at_price": "prices that held", "doc": doc,
    }  # fmt: skip
