"""Marts of what an experiment measured itself (the table ``measurements``): names, sums and products, values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis
from ibis import _

from growth.definitions import Tables
from growth.promotions import units as u
from growth.promotions.plans import MOST_SEGMENTS, Measured, plan_of
from growth.promotions.sums import sums_and_products

if TYPE_CHECKING:
    from ibis.expr.types import Table as Rows

SCALED = "decimal(18, 6)"
LEVELS = tuple(f"segment_{i + 1}" for i in range(MOST_SEGMENTS))


def measured_names(tables: Tables) -> Rows:
    """Return what was measured: ``experiment_id, metric, window, is_segment, scale``.

    ``scale``: values are added up as value · 10^scale with six decimals, exactly; what a unit can come to, its largest
    value in each of its rows, keeps 13 digits.
    """
    each = (
        _measurements(tables)
        .group_by("experiment_id", "metric", "window", "unit")
        .agg(no_number=_.value.isnull().all(), largest=_.value.abs().max(), rows=_.count())
    )
    found = each.group_by("experiment_id", "metric", "window").agg(
        is_segment=_.no_number.all(), largest=_.largest.max() * _.rows.max().cast("float64")
    )
    powers = [(found.largest < 10.0**k, 8 - k) for k in range(-6, 13)]
    return found.select(
        "experiment_id", "metric", "window", "is_segment", scale=ibis.cases(*powers, else_=-4).cast("int64")
    )


def _measurements(tables: Tables) -> Rows:
    """Return measurements with their ``unit`` and window, exact copies left out."""
    m = u.with_kind(tables, u.without_copies(tables["measurements"]))
    return m.mutate(unit=u.unit_id(m), window=ibis.coalesce(m.window, ibis.literal("during")))


def measured_units(tables: Tables, plan: Measured, width: int) -> Rows:
    """Return an experiment's units with ``v0 … v<width-1>`` (scaled; null where not measured) and its segments."""
    m = _measurements(tables).filter(_.experiment_id == plan.experiment)
    m = m.mutate(nothing=ibis.literal(0))
    made: dict[str, Any] = {f"v{i}": m.nothing.sum().cast(SCALED) for i in range(width)}
    for i, (metric, window, scale) in enumerate(plan.metrics):
        # Another metric's value may be too large for this one's scale: it must not be cast.
        own = ibis.ifelse((m.metric == metric) & (m.window == window), m.value, None)
        made[f"v{i}"] = (own * 10.0**scale).cast(SCALED).sum().cast(SCALED)
    for i in range(MOST_SEGMENTS):
        name = plan.segments[i] if i < len(plan.segments) else None
        made[f"segment_{i + 1}"] = m.level.max(where=(m.metric == name) if name else m.level.isnull())
    each = m.group_by(whose=m.unit).agg(**made)
    all_units = u.units(tables).filter((_.experiment_id == plan.experiment) & (_.arms == 1))
    return all_units.left_join(each, all_units.unit == each.whose)


def measured(tables: Tables) -> Rows:
    """Return sums and products of what was measured, by experiment, arm and segments, of units with every metric.

    Columns as of `moments`, the metrics numbered ``v0, v1, …`` in the order of `plan_of`; ``complete`` is false for
    the rows that count the units without one of them.
    """
    plans = plan_of(measured_names(tables).to_pandas()) or [Measured("", (), ())]  # which gives no rows
    width = max(1, *(len(p.metrics) for p in plans))
    columns = tuple(f"v{i}" for i in range(width))
    parts = []
    for plan in plans:
        rows = measured_units(tables, plan, width)
        known = [rows[f"v{i}"].notnull() for i in range(len(plan.metrics))]
        rows = rows.mutate(complete=ibis.and_(*known) if known else ibis.literal(True))
        rows = rows.mutate(**{c: ibis.coalesce(rows[c], ibis.literal(0).cast(SCALED)) for c in columns})
        parts.append(sums_and_products(rows, ("experiment_id", "arm", "fold", "complete", *LEVELS), columns))
    return ibis.union(*parts)


def measured_values(tables: Tables) -> Rows:
    """Return how many units have which value of what was measured during; columns as of `values`."""
    parts = []
    for plan in plan_of(measured_names(tables).to_pandas()):
        rows = measured_units(tables, plan, len(plan.metrics))
        for i, (metric, window, scale) in enumerate(plan.metrics):
            if window == "during":
                value = rows[f"v{i}"].cast("float64") / 10.0**scale
                own = rows.filter(rows[f"v{i}"].notnull())
                parts.append(
                    own.group_by("experiment_id", "arm", metric=ibis.literal(metric), value=value).agg(
                        units=_.count().cast("int64")
                    )
                )
    if not parts:
        none = u.units(tables).filter(ibis.literal(False))
        plain = dict(metric=ibis.literal(""), value=ibis.literal(0.0, "float64"))
        return none.group_by("experiment_id", "arm", **plain).agg(units=_.count().cast("int64"))
    return ibis.union(*parts)
