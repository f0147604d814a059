"""Experiments made by hand: designs, units, and their cells, for tests that need no marts."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pandas as pd

from growth.promotions.design import Arm, Cells, Design, Metric
from growth.promotions.memo import Evidence
from growth.promotions.money import Money
from growth.promotions.segments import Targeting
from growth.promotions.validity import Check
from growth.stats.contrast import Estimate, estimate
from growth.stats.moments import Moments

BEGIN, END = dt.date(2024, 5, 6), dt.date(2024, 6, 3)
PARAMS = SimpleNamespace(
    experiment=None, confidence=0.95, power=0.8, ratio_warn=0.01, ratio_stop=0.001, min_visits=1000, margin=0.4,
    revenue_metric="spend", worthwhile=0.05, correction="benjamini-hochberg", winsor=0.99, placebos=10,
)  # fmt: skip


def design(*treatments: str, share: float | None = None, cost: float = 0.0, **changes: Any) -> Design:
    """A fixed design over four weeks of arms of equal shares; `changes` are fields of it."""
    names = treatments or ("new",)
    own = share or 1 / (len(names) + 1)
    plain = Design(
        "trial", "A trial", "coupon", "customer", Arm("control", 1 - own * len(names), 0.0),
        tuple(Arm(n, own, cost) for n in names), (Metric("contribution", "total", "goal"),),
        BEGIN, END, 28, "fixed", 1, 0.05, 0.8, None, None, True,
    )  # fmt: skip
    return replace(plain, **changes)


def cells(units: pd.DataFrame, *columns: str, segments: tuple[str, ...] = ()) -> Cells:
    """Cells of unit-level rows with ``arm``, perhaps ``fold``, and a column for each segment."""
    by = units.assign(fold=units.get("fold", 0))
    strata = {}
    for (arm, fold, *levels), own in by.groupby(["arm", "fold", *segments]):
        strata[arm, int(fold), tuple(levels)] = Moments.of({c: own[c] for c in columns})
    arms = {a: Moments.of({c: own[c] for c in columns}) for a, own in units.groupby("arm")}
    return Cells(arms, strata, segments, tuple(c for c in columns if c.startswith("pre_")), {})


def two(value: float, error: float, confidence: float = 0.95) -> Estimate:
    """An estimate with the normal's interval."""
    return estimate(value, error, float("inf"), confidence)


def money(arm: str, net: Estimate, **changes: Any) -> Money:
    """What an arm earns, of which only the net is known."""
    return replace(Money(arm, 10_000, net, None, net, 0.0, None, None, None, None, False), **changes)


def aimed(
    against_best: Estimate, policy: Estimate, segment: str = "tier", chosen: tuple[str, ...] = ("gold",)
) -> Targeting:
    return Targeting(segment, chosen, policy, policy, against_best)


def evidence(
    plan: Design,
    nets: dict[str, Estimate],
    checks: tuple[Check, ...] = (),
    effects: tuple[Any, ...] = (),
    **aims: Targeting,
) -> Evidence:
    """Evidence with money; without `nets` the effects alone decide."""
    none = Cells({}, {}, (), (), {})
    earned = {a: money(a, e) for a, e in nets.items()}
    return Evidence(plan, none, list(checks), list(effects), earned, aims, "CNY")
