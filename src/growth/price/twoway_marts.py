"""Two-way effects on any SQL engine: two logical scans and group-bys; what comes back fits in memory.

Scan 1 brings each week's and each unit's sums and products, and the weeks that a unit has. Their algebra
(`twoway.sweep`) gives effects and coefficients exactly. Scan 2 joins the effects to the rows and sums the scores of
each cluster. Rows never leave the engine, but for the week of each, as a list a unit (4 bytes a row).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pyarrow as pa
from ibis import _
from numpy.typing import NDArray

from growth.price import scores
from growth.price.pooling import Lists
from growth.price.twoway import Effects, Ints, Sums, TwoWay, blocks, coefficients, lonely, sweep
from growth.stats.moments import Floats

if TYPE_CHECKING:
    from ibis.expr.types import Table as Rows


@dataclass(frozen=True, eq=False)
class Scanned:
    """What scan 1 brings.

    Parameters
    ----------
    sums : Sums
        Of y and the regressors less `centre`, without singletons.
    centre : ndarray, shape (1 + k,)
        Means, taken off so that squares keep their digits.
    units, weeks : Array
        The keys, in the order of the sums; those whose rows are all singletons are not there.
    n, singletons : int
    nested : tuple of bool
        Whether units, and weeks, lie within clusters.
    """

    sums: Sums
    centre: Floats
    units: pa.Array
    weeks: pa.Array
    n: int
    singletons: int
    nested: tuple[bool, bool]


def fit(rows: Rows, y: str, x: Sequence[str], unit: str, week: str, cluster: Sequence[str] = ()) -> TwoWay:
    """Fit y on x with unit and week effects, exactly, where the rows are.

    Parameters
    ----------
    rows : Table
        An Ibis expression; cells may be missing or doubled.
    y : str
    x : sequence of str
    unit, week : str
        Keys of the effects; `week` is the one with few values (up to a few thousand).
    cluster : sequence of str
        None: classical errors. One or two columns: clustered. ``(unit, week)`` costs the least.

    Raises
    ------
    ValueError
        As `twoway.fit`.

    Notes
    -----
    Numbers and corrections are those of `twoway.fit`. Sums of floats differ in their last bits with the number of the
    engine's threads; on one thread two runs give the same bytes.
    """
    kind = scores.Clustered(tuple(cluster)) if cluster else scores.Classical()
    rows = rows.select(**{c: rows[c].cast("float64") for c in (y, *x)}, **{
        c: rows[c] for c in dict.fromkeys([unit, week, *cluster])
    })  # fmt: skip
    found = scan(rows, [y, *x], unit, week, cluster)
    effects = sweep(found.sums)
    beta, inverse = coefficients(effects.cross, np.diagonal(found.sums.cross), x)
    left = residuals(rows, found, effects, beta, [y, *x], unit, week)
    rowwise = set(cluster) == {unit, week} and not _doubled(found.sums)
    meat, total, rss, clusters = _meat(left, len(x), cluster, rowwise)
    counts = (len(found.units), len(found.weeks))
    if isinstance(kind, scores.Clustered):
        nested = found.nested
        if found.singletons:  # which may have been what spread a unit over clusters
            nested = (_nested(left, unit, week, cluster), _nested(left, week, unit, cluster))
        free = found.n - scores.parameters(len(x), counts, nested)
        said = f"clustered by {' and '.join(cluster)}"
        own = scores.closed(inverse, meat, found.n, free, clusters, said)
    else:
        free = found.n - scores.parameters(len(x), counts, (False, False))
        own = scores.classical(inverse, rss, free)
    return TwoWay(
        tuple(x), beta + inverse @ total, own.matrix, own.said, found.n, found.singletons, *counts, effects.groups,
        own.clusters, own.freedom, rss,
    )  # fmt: skip


def scan(rows: Rows, columns: Sequence[str], unit: str, week: str, cluster: Sequence[str] = ()) -> Scanned:
    """Return the sums that two-way effects need: a group-by of weeks, and one of units.

    Raises
    ------
    ValueError
        If a key or a number is missing or infinite, or no row is left.
    """
    by_week = _weeks(rows, columns, unit, week, cluster)
    n = np.asarray(by_week["_n"], float)
    week_sums = _matrix(by_week, [f"_s{i}" for i in range(len(columns))])
    centre = week_sums.sum(axis=0) / n.sum()
    by_unit = _units(rows, columns, centre, unit, week, cluster)
    codes, lengths = _week_codes(by_unit["_weeks"], by_week[week])
    cross = np.zeros((len(columns),) * 2)
    for i, j in combinations_with_replacement(range(len(columns)), 2):
        cross[i, j] = cross[j, i] = np.sum(np.asarray(by_unit[f"_p{i}_{j}"], float))
    sums = Sums(
        _matrix(by_unit, [f"_s{i}" for i in range(len(columns))]), week_sums - n[:, None] * centre, cross, codes,
        lengths,
    )  # fmt: skip
    nested = tuple(
        k in cluster or any(_all(table[f"_in_{c}"]) for c in cluster if c not in (unit, week))
        for k, table in ((unit, by_unit), (week, by_week))
    )
    return _pruned(sums, centre, by_unit[unit], by_week[week], (nested[0], nested[1]))


def _weeks(
    rows: Rows, columns: Sequence[str], unit: str, week: str, cluster: Sequence[str]
) -> dict[str, Any]:
    """Return a row a week, in order; refuse what is missing."""
    keys = list(dict.fromkeys([unit, week, *cluster]))
    made = {f"_s{i}": rows[c].sum() for i, c in enumerate(columns)} | {"_n": rows.count()}
    made |= {f"_c{i}": rows[c].count() for i, c in enumerate([*columns, *keys])}
    made |= {f"_in_{c}": rows[c].min() == rows[c].max() for c in cluster if c not in (unit, week)}
    found = rows.group_by(week).agg(**made).order_by(week).to_pyarrow()
    if not len(found):
        raise ValueError("There are no rows to fit: check the filter before.")
    table = _columns(found)
    whole = all(np.isfinite(_filled(table[f"_s{i}"])).all() for i in range(len(columns)))
    n = np.asarray(table["_n"])
    if not whole or any((np.asarray(table[f"_c{i}"]) != n).any() for i in range(len(columns) + len(keys))):
        _refuse(rows, columns, keys)
    return table


def _filled(column: Any) -> Floats:
    """Return a column as floats; a null is no number."""
    return np.asarray(column.to_numpy(zero_copy_only=False), float)


def _refuse(rows: Rows, columns: Sequence[str], keys: Sequence[str]) -> None:
    """Say which column is missing or infinite, and how often."""
    bad = {c: (rows[c].isnull() | rows[c].isnan() | rows[c].isinf()).sum() for c in columns}
    bad |= {c: rows[c].isnull().sum() for c in keys if c not in bad}
    row = (
        rows.agg(_n=rows.count(), **{f"_b{i}": v for i, v in enumerate(bad.values())})
        .to_pyarrow()
        .to_pylist()[0]
    )
    for i, name in enumerate(bad):
        if row[f"_b{i}"]:
            raise ValueError(
                f"`{name}` is missing or infinite in {row[f'_b{i}']:,} of {row['_n']:,} rows: fill or drop them first, "
                "and say how many."
            )
    raise ValueError("A sum is too large for a number: put the columns on a smaller scale.")


def _units(
    rows: Rows, columns: Sequence[str], centre: Floats, unit: str, week: str, cluster: Sequence[str]
) -> dict[str, Any]:
    """Return a row a unit, in order, with its weeks."""
    own = [rows[c] - float(m) for c, m in zip(columns, centre, strict=True)]
    made: dict[str, Any] = {f"_s{i}": v.sum() for i, v in enumerate(own)}
    for i, j in combinations_with_replacement(range(len(columns)), 2):
        made[f"_p{i}_{j}"] = (own[i] * own[j]).sum()
    made |= {f"_in_{c}": rows[c].min() == rows[c].max() for c in cluster if c not in (unit, week)}
    return _columns(rows.group_by(unit).agg(_weeks=rows[week].collect(), **made).order_by(unit).to_pyarrow())


def _columns(table: pa.Table) -> dict[str, Any]:
    return {name: table[name].combine_chunks() for name in table.column_names}


def _matrix(table: dict[str, Any], names: Sequence[str]) -> Floats:
    return np.stack([np.asarray(table[n], float) for n in names], axis=1)


def _all(column: Any) -> bool:
    return bool(np.asarray(column).all())


def _week_codes(lists: Any, weeks: Any) -> tuple[Ints, Ints]:
    """Return the code of every row's week, unit by unit, and the rows of each unit."""
    lengths = np.diff(np.asarray(lists.offsets))
    values, keys = lists.flatten(), np.asarray(weeks)
    if pa.types.is_integer(values.type) and keys[-1] - keys[0] < 10**7:
        table = np.zeros(int(keys[-1] - keys[0]) + 1, np.int32)
        table[keys - keys[0]] = np.arange(len(keys))
        return table[np.asarray(values) - keys[0]], lengths
    coded = values.dictionary_encode()
    own = np.asarray(coded.dictionary)
    order = np.searchsorted(keys, own)
    return order.astype(np.int32)[np.asarray(coded.indices)], lengths


def _pruned(
    sums: Sums, centre: Floats, units: pa.Array, weeks: pa.Array, nested: tuple[bool, bool]
) -> Scanned:
    """Leave singletons out: what such a row holds is what its unit or week has left."""
    unit = np.repeat(np.arange(len(sums.lengths), dtype=np.int32), sums.lengths)
    alone = lonely(unit, sums.weeks)
    if alone.all():
        raise ValueError(
            "Every row is alone in its unit or week, so nothing can be compared: widen the panel."
        )
    if not alone.any():
        return Scanned(sums, centre, units, weeks, len(unit), 0, nested)
    by_unit, by_week, cross = _peeled(sums, unit, alone)
    left, mine = ~alone, sums.weeks[~alone]
    has_u = np.bincount(unit[left], minlength=len(by_unit))
    has_w = np.bincount(mine, minlength=len(by_week)) > 0
    codes = (np.cumsum(has_w) - 1)[mine].astype(np.int32)
    kept = Sums(by_unit[has_u > 0], by_week[has_w], cross, codes, has_u[has_u > 0])
    return Scanned(
        kept, centre, units.filter(pa.array(has_u > 0)), weeks.filter(pa.array(has_w)), len(codes), int(alone.sum()),
        nested,
    )  # fmt: skip


def _peeled(sums: Sums, unit: Ints, alone: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Return the sums by unit, by week and of products without singletons, taken off in turns."""
    own = [sums.unit.copy(), sums.week.copy()]
    codes, cross = [unit, sums.weeks], sums.cross.copy()
    left = np.ones(len(unit), bool)
    while (left & alone).any():
        for this, other in ((0, 1), (1, 0)):
            rows = np.bincount(codes[this][left], minlength=len(own[this]))
            gone = np.flatnonzero(left & (rows[codes[this]] == 1))
            values = own[this][codes[this][gone]]
            own[this][codes[this][gone]] = 0.0
            np.subtract.at(own[other], codes[other][gone], values)
            cross -= values.T @ values
            left[gone] = False
    return own[0], own[1], cross


def _doubled(sums: Sums) -> bool:
    """Return whether a cell has more than one row."""
    return any(bool((cells > 1).any()) for _part, cells in blocks(sums))


def _nested(rows: Rows, key: str, other: str, cluster: Sequence[str]) -> bool:
    """Return whether every value of an effect's key lies in one cluster of some way."""
    if key in cluster:
        return True
    found = [c for c in cluster if c != other]
    if not found:
        return False
    each = rows.group_by(key).agg(**{f"_in_{c}": rows[c].min() == rows[c].max() for c in found})
    row = each.agg(**{f"_in_{c}": each[f"_in_{c}"].all() for c in found}).to_pyarrow().to_pylist()[0]
    return any(row.values())


def residuals(
    rows: Rows, found: Scanned, effects: Effects, beta: Floats, columns: Sequence[str], unit: str, week: str
) -> Rows:
    """Return the rows with ``_x0, _x1, …`` (regressors less effects) and ``_e`` (residual); singletons are gone."""
    k = len(columns) - 1
    turned = np.concatenate([[1.0], -beta])
    rows = _joined(rows, unit, found.units, effects.unit, turned, "_u")
    rows = _joined(rows, week, found.weeks, effects.week, turned, "_w")
    raw = [rows[c] - float(m) for c, m in zip(columns, found.centre, strict=True)]
    made = {f"_x{i}": raw[i + 1] - rows[f"_u{i}"] - rows[f"_w{i}"] for i in range(k)}
    residual = raw[0] - rows["_ue"] - rows["_we"]
    for i in range(k):
        residual = residual - float(beta[i]) * raw[i + 1]
    return rows.mutate(**made, _e=residual)


def _joined(rows: Rows, key: str, keys: pa.Array, effects: Floats, turned: Floats, mark: str) -> Rows:
    table = {f"{mark}k": keys, f"{mark}e": effects @ turned}
    table |= {f"{mark}{i}": effects[:, i + 1] for i in range(effects.shape[1] - 1)}
    own = ibis.memtable(pa.table(table))
    return rows.inner_join(own, rows[key] == own[f"{mark}k"]).drop(f"{mark}k")


def _meat(
    left: Rows, k: int, cluster: Sequence[str], rowwise: bool
) -> tuple[Floats, Floats, float, tuple[int, ...]]:
    """Return the meat, the sum of scores, the sum of squares and the numbers of clusters: scan 2.

    `rowwise`: the intersection of both ways is the row, so it needs no group-by.
    """
    score = left.mutate(
        **{f"_s{i}": left[f"_x{i}"] * left["_e"] for i in range(k)}, _rss=left["_e"] * left["_e"]
    )
    if rowwise:
        score = score.mutate(**_pairs(score, k))
    every = ["_rss", *(f"_s{i}" for i in range(k)), *(_pairs(score, k) if rowwise else ())]
    if not cluster:
        row = score.agg(**{c: score[c].sum() for c in every}).to_pyarrow().to_pylist()[0]
        return np.zeros((k, k)), _vector(row, k), float(row["_rss"]), ()
    row, first = _products(score, k, [cluster[0]], every)
    meat, clusters = _square(first, k), [int(first["_g"])]
    if len(cluster) == 2:
        second = _products(score, k, [cluster[1]], [])[1]
        both = row if rowwise else _products(score, k, list(cluster), [])[1]
        meat = meat + _square(second, k) - _square(both, k)
        clusters.append(int(second["_g"]))
    return meat, _vector(row, k), float(row["_rss"]), tuple(clusters)


def _products(
    score: Rows, k: int, keys: list[str], totals: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return totals over rows, and products of the clusters' score sums with the number of clusters."""
    columns = dict.fromkeys([*totals, *(f"_s{i}" for i in range(k))])
    sums = score.group_by(*keys).agg(**{c: _[c].sum() for c in columns})
    made = {f"_t{c}": sums[c].sum() for c in totals}
    made |= {c: v.sum() for c, v in _pairs(sums, k).items()}
    row = sums.agg(_g=sums.count(), **made).to_pyarrow().to_pylist()[0]
    return {c: row[f"_t{c}"] for c in totals}, row


def _pairs(table: Rows, k: int) -> dict[str, Any]:
    return {
        f"_q{i}_{j}": table[f"_s{i}"] * table[f"_s{j}"] for i, j in combinations_with_replacement(range(k), 2)
    }


def _vector(row: dict[str, Any], k: int) -> Floats:
    return np.array([row[f"_s{i}"] for i in range(k)])


def _square(row: dict[str, Any], k: int) -> Floats:
    return np.array([[row[f"_q{min(i, j)}_{max(i, j)}"] for j in range(k)] for i in range(k)])


def lists(rows: Rows, y: str, x: str, unit: str, week: str) -> Lists:
    """Return the rows of every unit as lists, in one scan: for slopes of its own (`pooling.from_lists`).

    Raises
    ------
    ValueError
        If a key or a number is missing or infinite, or there are no rows.
    """
    cell = ibis.struct(dict(w=rows[week], x=rows[x].cast("float64"), y=rows[y].cast("float64")))
    found = _columns(rows.group_by(unit).agg(_rows=cell.collect()).order_by(unit).to_pyarrow())
    if not len(found[unit]):
        raise ValueError("There are no rows to fit: check the filter before.")
    cells = found["_rows"].flatten()
    weeks, own = cells.field("w"), {c: np.asarray(cells.field(k), float) for k, c in (("x", x), ("y", y))}
    bad = {c: int((~np.isfinite(v)).sum()) for c, v in own.items()}
    bad |= {week: weeks.null_count, unit: int(found[unit].null_count)}
    for name, count in bad.items():
        if count:
            raise ValueError(
                f"`{name}` is missing or infinite in {count:,} rows: fill or drop them first, and say how many."
            )
    codes = np.unique(np.asarray(weeks), return_inverse=True)[1]
    keys = found[unit].to_numpy(zero_copy_only=False)
    return Lists(keys, np.diff(np.asarray(found["_rows"].offsets)), codes, own[x], own[y])
