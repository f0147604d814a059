"""The effects of an experiment: difference and lift, adjusted and plain, guarded where there are many tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import exp, inf, log
from typing import Any, Literal

import pandas as pd
from scipy.optimize import brentq

from growth.promotions.design import Cells, Design, Metric
from growth.stats.adjust import Adjusted, adjusted, blocked
from growth.stats.contrast import (
    Estimate,
    Ratio,
    difference,
    estimate,
    lift,
    not_worse,
    ratio_difference,
    ratio_lift,
    tail,
)
from growth.stats.many import benjamini_hochberg, holm
from growth.stats.moments import Moments
from growth.stats.sequential import always_valid, lan_demets, repeated_interval
from growth.stats.tails import Influence, influence, quantile_difference, winsorised

HELPS = 0.01  # share of variance from which on the adjusted estimate is read; fixed before any effect is seen


@dataclass(frozen=True)
class Effect:
    """The effect of an arm on a metric against the control.

    Parameters
    ----------
    arm : str
    metric : Metric
    control, treated : float
        Means a unit (or ratios of sums).
    plain : Estimate
        Without adjustment.
    chosen : Estimate
        The one to read: adjusted by what is known from before where that takes away at least `HELPS` of the variance.
    lift : Ratio or None
        Relative to the control, of the chosen; None where the control's mean is 0.
    reduction : float or None
        Share of variance that adjustment takes away; None where it was not tried.
    adjustment : str
        ``before`` (covariates), ``before, within blocks``, or empty.
    p_value : float
        Of the chosen, corrected; `correction` names how, and over how many.
    correction : str
    margin : Estimate or None
        Of a guardrail: how far it stays within its margin.
    """

    arm: str
    metric: Metric
    control: float
    treated: float
    plain: Estimate
    chosen: Estimate
    lift: Ratio | None
    reduction: float | None
    adjustment: str
    p_value: float
    correction: str
    margin: Estimate | None = None

    @property
    def good(self) -> float:
        """1 if more is better, -1 if less is."""
        return 1.0 if self.metric.direction == "increase" else -1.0


@dataclass(frozen=True)
class Refused:
    """A metric about which nothing can be said, and why."""

    arm: str
    metric: Metric
    why: str


def effects(design: Design, cells: Cells, params: Any) -> tuple[list[Effect], list[Refused]]:
    """Return the effects of every arm on every metric; p-values corrected over arms (goals) and over all (secondaries).

    Goals are corrected by Holm over the arms, whatever `params.correction` says: they decide. Guardrails are judged by
    their margin and are not corrected: each must hold by itself.
    """
    found: list[Effect] = []
    refused: list[Refused] = []
    for arm in design.treatments:
        for metric in design.metrics:
            try:
                found.append(_effect(design, cells, arm.name, metric))
            except ValueError as e:
                refused.append(Refused(arm.name, metric, str(e)))
    return _corrected(found, params.correction), refused


def _effect(design: Design, cells: Cells, arm: str, metric: Metric) -> Effect:
    control, treated = cells.arms[design.control.name], cells.arms[arm]
    if metric.denominator:
        return _ratio_effect(design, control, treated, arm, metric)
    plain = difference(control, treated, metric.key, design.confidence)
    better = adjust(design, cells, arm, metric.key)
    helps = better is not None and better.reduction >= HELPS
    found = better.estimate if helps and better else plain
    chosen = honest(design, found, control.n + treated.n)
    margin = _margin(control, treated, metric, metric.key, design.confidence)
    return Effect(
        arm, metric, control.mean_of(metric.key), treated.mean_of(metric.key), plain, chosen,
        _rise(design, cells, arm, metric.key, helps, _as_wide(chosen, found.freedom)),
        better.reduction if better else None, _how(cells, design) if helps else "", chosen.p_value, "", margin,
    )  # fmt: skip


def _ratio_effect(design: Design, control: Moments, treated: Moments, arm: str, metric: Metric) -> Effect:
    """Return the effect on a ratio of sums; its guardrail is that of the ratio, linearised at the unit."""
    plain = ratio_difference(control, treated, metric.key, metric.below, design.confidence)
    chosen = honest(design, plain, control.n + treated.n)
    rise = ratio_lift(control, treated, metric.key, metric.below, _as_wide(chosen, plain.freedom))
    base, own = (m.mean_of(metric.key) / m.mean_of(metric.below) for m in (control, treated))
    linear = [
        m.with_sum("ratio", {metric.key: 1 / m.mean_of(metric.below), metric.below: -r / m.mean_of(metric.below)}, r)
        for m, r in ((control, base), (treated, own))
    ]  # fmt: skip
    margin = _margin(linear[0], linear[1], metric, "ratio", design.confidence)
    return Effect(arm, metric, base, own, plain, chosen, rise, None, "", chosen.p_value, "", margin)


def _margin(
    control: Moments, treated: Moments, metric: Metric, key: str, confidence: float
) -> Estimate | None:
    if metric.role != "guardrail" or metric.margin is None:
        return None
    direction: Literal["increase", "decrease"] = "decrease" if metric.direction == "decrease" else "increase"
    return not_worse(control, treated, key, metric.margin, direction, confidence)


def _how(cells: Cells, design: Design) -> str:
    return "before, within blocks" if design.unit == "region" and len(cells.levels(0)) > 1 else "before"


def adjust(design: Design, cells: Cells, arm: str, key: str) -> Adjusted | None:
    """Return the difference adjusted by what is known from before the test; None where nothing is, or it cannot be.

    Units drawn in blocks (cities within their tier) are compared within them.
    """
    control, treated = cells.arms[design.control.name], cells.arms[arm]
    before = [c for c in cells.covariates if control.var(c) + treated.var(c) > 0]
    try:
        if _how(cells, design) == "before, within blocks":
            pairs = [
                (cells.level(design.control.name, 0, v), cells.level(arm, 0, v)) for v in cells.levels(0)
            ]
            whole = [(c, t) for c, t in pairs if c is not None and t is not None]
            best = [
                c for c in before if c.split("_", 1)[1] == key.split("_", 1)[1]
            ]  # few units, few covariates
            return blocked(whole, key, best, design.confidence)
        return adjusted(control, treated, key, before, design.confidence) if before else None
    except ValueError:
        return None


def honest(design: Design, found: Estimate, units: int) -> Estimate:
    """Return the estimate with the interval that its design allows: looked at once, at planned looks, or always."""
    if design.way == "group_sequential" and design.looks > 1:
        low, high = repeated_interval(found.value, found.error, _last_bound(design.looks, design.alpha))
        p = _repeated_p(design.looks, abs(found.value) / found.error)
        return replace(found, low=low, high=high, p_value=p)
    if design.way == "always_valid":
        return always_valid(found.value, found.error, units, design.confidence)
    return found


def _last_bound(looks: int, alpha: float) -> float:
    return float(lan_demets([(k + 1) / looks for k in range(looks)], alpha)[-1])


def _repeated_p(looks: int, z: float) -> float:
    """Return the level at which the interval of the last look touches 0."""
    least, most = 1e-12, 0.999
    if z >= _last_bound(looks, least):
        return 2 * tail(z, inf)  # so far out, earlier looks have spent nothing
    if z <= _last_bound(looks, most):
        return 1.0
    return exp(brentq(lambda a: _last_bound(looks, exp(a)) - z, log(least), log(most), xtol=1e-10))


def _as_wide(chosen: Estimate, freedom: float) -> float:
    """Return the confidence at which one look, of this freedom, has as wide an interval as the chosen estimate."""
    return min(1 - 2 * tail((chosen.high - chosen.low) / 2 / chosen.error, freedom), 1 - 1e-12)


def one_look(design: Design, units: int) -> float:
    """Return the confidence at which one look has as wide an interval as the design's last."""
    return _as_wide(honest(design, estimate(0.0, 1.0, inf, design.confidence), units), inf)


def _rise(design: Design, cells: Cells, arm: str, key: str, helps: bool, confidence: float) -> Ratio | None:
    """Return the lift that goes with the chosen estimate; None where the control has nothing to be relative to."""
    try:
        better = adjust(replace(design, alpha=1 - confidence), cells, arm, key) if helps else None
        return (
            better.lift if better else lift(cells.arms[design.control.name], cells.arms[arm], key, confidence)
        )
    except ValueError:
        return None


def _corrected(found: list[Effect], correction: str) -> list[Effect]:
    goal = [i for i, e in enumerate(found) if e.metric.role == "goal"]
    rest = [i for i, e in enumerate(found) if e.metric.role == "secondary"]
    out = list(found)
    for places, how in ((goal, "holm"), (rest, correction)):
        if not places:
            continue
        method = holm if how == "holm" else benjamini_hochberg
        for i, p in zip(places, method([found[i].chosen.p_value for i in places]), strict=True):
            label = f"{how}, {len(places)} tests" if len(places) > 1 else "one test"
            out[i] = replace(found[i], p_value=float(p), correction=label)
    return out


def views(design: Design, values: pd.DataFrame, arm: str, share: float) -> list[dict[str, Any]]:
    """Return other views of each metric of the mart ``values``: winsorised, 90 % quantile, without its largest unit.

    Each is another question than the mean's; where it cannot be answered ``why`` says so. Of contribution an arm's own
    cost is taken off every unit.
    """
    rows: list[dict[str, Any]] = []
    cost = {a.name: a.unit_cost for a in design.arms}
    if values.empty:
        return rows
    for metric, group in values.groupby("metric"):
        name = str(metric)
        if name == "contribution" and not design.goods_known:
            continue  # what a unit left is not known, only a margin of its revenue
        c, t = (
            _tally(group, a, cost[a] if name == "contribution" else 0.0) for a in (design.control.name, arm)
        )
        made: tuple[tuple[str, Callable[..., Any], tuple[Any, ...]], ...] = (
            (f"capped at the {share:.0%} quantile", winsorised, (share, design.confidence, name)),
            ("90 % quantile", quantile_difference, (0.9, design.confidence, name)),
            ("without the most extreme unit", influence, (name, design.confidence)),
        )
        rows += [_view(name, view, estimator, c, t, details) for view, estimator, details in made]
    return rows


def _tally(group: pd.DataFrame, arm: str, cost: float) -> tuple[Any, Any]:
    own = group[group["arm"] == arm]
    return own["value"].to_numpy(float) - cost, own["units"].to_numpy(float)


def _view(
    metric: str,
    view: str,
    estimator: Callable[..., Any],
    control: Any,
    treated: Any,
    details: tuple[Any, ...],
) -> dict[str, Any]:
    """Return one view as a row; an estimator that refuses says why."""
    row: dict[str, Any] = dict(
        metric=metric, view=view, difference=None, low=None, high=None, p_value=None, why=""
    )
    try:
        found = estimator(control, treated, *details)
    except ValueError as e:
        return row | dict(why=str(e))
    one = found.without if isinstance(found, Influence) else found
    return row | dict(difference=one.value, low=one.low, high=one.high, p_value=one.p_value)
