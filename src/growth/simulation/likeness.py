"""Does the platform look like life? The shapes of a shop's trade, to lay beside those of a real one.

``python -m growth.simulation.likeness online_retail`` writes the real shop's shapes to ``assets/likeness.json``: sums
over all its customers and orders, nothing of any one of them. A test computes them again where the data are there.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
from ibis import _

from growth import clock, paths
from growth.definitions import Tables, first_record, purchases

if TYPE_CHECKING:
    from ibis.expr.types import Table as Rows

REFERENCE_FILE = "likeness.json"
MOST_LINES, MOST_DAYS = 15, 15  # the last class holds all beyond
QUANTILES = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99]
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def shapes(tables: Tables) -> dict[str, list[float]]:
    """Return the shapes of a shop's trade.

    Returns
    -------
    dict of str to list of float
        ``spend`` (a known customer's total over the median customer's, at `QUANTILES`), ``days`` (share of customers by
        days with an order, 1 to 15 and more), ``lines`` (share of orders by number of products, 1 to 15 and
        more), ``hours`` (share of orders by local hour, 0 to 23), ``weekdays`` (Monday first).
    """
    bought = purchases(tables)
    known = bought.filter(_.customer_id.notnull())
    customers = known.group_by("customer_id").agg(spend=_.amount.sum(), days=_.date.nunique())
    spend = customers.spend.to_pyarrow().to_pylist()
    total = np.sort(np.array([float(v) for v in spend]))
    orders = bought.group_by("order_id").agg(lines=_.product_id.nunique(), date=_.date.min())
    placed = first_record(tables["orders"], ("order_id",)).semi_join(orders, "order_id")
    local = clock.to_local(placed.placed_at, tables.info.timezone, tables.years)
    hours = placed.select(hour=local.hour())
    return {
        "spend": [_rounded(np.quantile(total, q) / np.median(total)) for q in QUANTILES],
        "days": _shares(customers, customers.days.clip(upper=MOST_DAYS), range(1, MOST_DAYS + 1)),
        "lines": _shares(orders, orders.lines.clip(upper=MOST_LINES), range(1, MOST_LINES + 1)),
        "hours": _shares(hours, hours.hour, range(24)),
        "weekdays": _shares(orders, orders.date.day_of_week.index(), range(7)),
    }


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _shares(rows: Rows, by: Any, classes: range) -> list[float]:
    counts = rows.group_by(k=by.cast("int64")).agg(n=_.count()).to_pyarrow().to_pylist()
    found = {r["k"]: r["n"] for r in counts}
    total = int(np.sum([found.get(k, 0) for k in classes]))
    return [_rounded(found.get(k, 0) / total) for k in classes]


def distance(name: str, one: list[float], two: list[float]) -> float:
    """Return how far two shapes lie apart.

    For shares it is the total variation distance: the share that would have to move to another class. For spend, whose
    classes have no bounds, the mean absolute difference of the logarithms of the quantiles.
    """
    a, b = np.array(one), np.array(two)
    if name == "spend":
        return float(np.mean(np.abs(np.log(a) - np.log(b))))
    return float(0.5 * np.abs(a - b).sum())


def reference() -> dict[str, list[float]]:
    """Return the stored shapes of the real shop (Online Retail, CC BY 4.0, doi 10.24432/C5BW33)."""
    found: dict[str, list[float]] = json.loads(paths.asset(REFERENCE_FILE).read_text(encoding="utf-8"))
    return found


def of_dataset(dataset: str) -> dict[str, list[float]]:
    """Return the shapes of a dataset whose tables are there."""
    from growth.marts import read_tables
    from growth.params import section

    return shapes(read_tables(dataset, section("definitions"), ibis.duckdb.connect()))


if __name__ == "__main__":
    text = json.dumps(of_dataset(sys.argv[1]), indent=1)
    paths.asset(REFERENCE_FILE).write_text(text + "\n", encoding="utf-8")
