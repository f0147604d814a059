"""Marts of ``00_audit``: what came in, what became of it, and where every cent went."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import ibis
import pandas as pd
from ibis import _

from growth.contract import TABLES
from growth.definitions import Tables, first_record, orders, purchases, refunds
from growth.marts import Mart

if TYPE_CHECKING:
    from ibis.expr.types import Table as Rows

MONEY = "decimal(38, 4)"
_Total = tuple[int, int | None, int, Decimal]


def accounts(tables: Tables) -> pd.DataFrame:
    """Return how many rows met which fate: ``table, fate, reason, rows``."""
    rows: list[dict[str, Any]] = []
    for name, entry in tables.account["tables"].items():
        rows += [dict(table=name, fate=f, reason="", rows=entry[f]) for f in ("rows_in", "kept", "flagged")]
        rows += [dict(table=name, fate="refused", reason=r, rows=n) for r, n in entry["reasons"].items()]
        rows += [dict(table=name, fate="flag", reason=f, rows=n) for f, n in entry["flags"].items()]
    total = tables.account["total"]
    rows += [dict(table="(raw files)", fate=f, reason="", rows=n) for f, n in total.items()]
    flags = tables.account["flags"]
    rows += [dict(table="(raw files)", fate="flag", reason=f, rows=n) for f, n in flags.items()]
    return pd.DataFrame(rows).astype({"rows": "int64"})


def columns(tables: Tables) -> Rows:
    """Return how complete each column is: ``table, position, column, rows, empty``."""
    parts = []
    for name, rows in tables.rows.items():
        for position, column in enumerate(TABLES[name].names):
            counted = rows.agg(rows=_.count(), empty=rows[column].isnull().cast("int64").sum().fill_null(0))
            parts.append(
                counted.select(
                    table=ibis.literal(name),
                    position=ibis.literal(position).cast("int64"),
                    column=ibis.literal(column),
                    rows=_.rows.cast("int64"),
                    empty=_.empty.cast("int64"),
                )
            )
    return ibis.union(*parts) if len(parts) > 1 else parts[0]


def rows_by_day(tables: Tables) -> Rows:
    """Return the rows of each dated table by business date: ``table, date, rows``; none where no table is dated."""
    parts = [
        rows.group_by(table=ibis.literal(name), date=rows.business_date).agg(rows=_.count().cast("int64"))
        for name, rows in tables.rows.items()
        if "business_date" in rows.columns
    ]
    if not parts:
        return ibis.memtable([], schema=dict(table="string", date="date", rows="int64"))
    return (ibis.union(*parts) if len(parts) > 1 else parts[0]).filter(_.date.notnull())


def kpi_day(tables: Tables) -> Rows:
    """Return the day's figures: ``date, orders, buyers, lines, units, gross, refunds``.

    ``orders`` counts orders with a line that was paid for; ``buyers`` known customers.
    """
    sold = purchases(tables)
    by_day = sold.group_by("date").agg(
        orders=_.order_id.nunique().cast("int64"),
        buyers=_.customer_id.nunique().cast("int64"),
        lines=_.count().cast("int64"),
        units=_.quantity.sum().cast("int64"),
        gross=_.amount.sum().cast(MONEY),
    )
    if "returns" not in tables:
        return by_day.mutate(refunds=ibis.literal(0).cast(MONEY))
    back = refunds(tables).group_by(back_date=_.date).agg(refunds=_.amount.sum().cast(MONEY))
    joined = by_day.outer_join(back, by_day.date == back.back_date)
    zero = {c: joined[c].fill_null(0) for c in ("orders", "buyers", "lines", "units")}
    money = {c: joined[c].fill_null(ibis.literal(0).cast(MONEY)) for c in ("gross", "refunds")}
    return joined.select(date=ibis.coalesce(joined.date, joined.back_date), **zero, **money)


def extremes(tables: Tables) -> Rows:
    """Return the spread of quantities and amounts, and how many lie far out.

    Columns: ``table, column, rows, low, q25, median, q75, high, fence, far_out, far_amount, amount``. Far out is
    above Tukey's outer fence on the logarithm: ``q75 * (q75 / q25) ** 3`` (Tukey 1977, section 2D); where the
    quartiles are equal there is no such fence, and it is null.
    """
    lines = purchases(tables)
    parts = []
    for column in ("quantity", "amount"):
        value = lines[column].cast("float64")
        q = lines.agg(
            n=_.count(),
            low=value.min(),
            q25=value.quantile(0.25),
            median=value.median(),
            q75=value.quantile(0.75),
            high=value.max(),
            total=_.amount.sum(),
        )
        fence = q.q75 * (q.q75 / q.q25) * (q.q75 / q.q25) * (q.q75 / q.q25)
        q = q.mutate(fence=ibis.ifelse(q.q75 > q.q25, fence, ibis.null("float64")))
        beyond = lines.cross_join(q.select("fence")).filter(_[column].cast("float64") > _.fence)
        far = beyond.agg(far_out=_.count(), far_amount=_.amount.sum())
        both = q.cross_join(far)
        parts.append(
            both.select(
                table=ibis.literal("order_lines"),
                column=ibis.literal(column),
                rows=_.n.cast("int64"),
                low=_.low,
                q25=_.q25,
                median=_.median,
                q75=_.q75,
                high=_.high,
                fence=_.fence,
                far_out=_.far_out.cast("int64"),
                far_amount=_.far_amount.cast(MONEY).fill_null(ibis.literal(0).cast(MONEY)),
                amount=_.total.cast(MONEY).fill_null(ibis.literal(0).cast(MONEY)),
            )
        )
    return ibis.union(*parts)


def bridge(tables: Tables) -> pd.DataFrame:
    """Follow orders, lines and money from the raw files to the figures, to the last cent.

    Columns: ``step`` (order), ``what``, ``orders``, ``customers``, ``lines``, ``amount``, ``kind`` (``level`` for a
    balance, ``change`` for what lies between two balances). Each level is computed on its own, not from the one before.
    """
    control = tables.account["control"]
    all_orders = orders(tables)
    owner = first_record(tables["orders"], ("order_id",)).select("order_id", "customer_id")
    kept, refused = tables["order_lines"], tables.refused["order_lines"]
    counting = kept.semi_join(all_orders, "order_id")
    known = purchases(tables).filter(_.customer_id.notnull())
    raw_lines = tables.account["tables"]["order_lines"]["rows_in"]
    first = "in the raw files" if control.get("independent", True) else "as the mapping reads the files"
    levels = [
        (first, (int(control["orders"]), None, raw_lines, Decimal(control["sold"]))),
        ("kept", _totals(kept, owner)),
        ("of orders that count", _totals(counting, owner)),
        ("paid for", _totals(purchases(tables), owner)),
        ("by known customers", _totals(known, owner)),
    ]
    changes = [
        ("refused", _totals(refused, owner)),
        ("of cancelled or unpaid orders", _totals(kept.anti_join(all_orders, "order_id"), owner)),
        ("free of charge", _totals(counting.filter(_.amount == 0), owner)),
        ("by guests", _totals(purchases(tables).filter(_.customer_id.isnull()), owner)),
    ]
    steps: list[tuple[str, str, _Total]] = [("level", *levels[0])]
    for change, level in zip(changes, levels[1:], strict=True):
        steps += [("change", *change), ("level", *level)]
    made = [
        dict(step=i, kind=k, what=w, orders=o, customers=c, lines=n, amount=a)
        for i, (k, w, (o, c, n, a)) in enumerate(steps)
    ]
    return pd.DataFrame(made).astype({"customers": "Int64"})


def _totals(rows: Rows, owner: Rows) -> _Total:
    """Return (distinct orders, distinct known customers, lines, amount)."""
    lines = rows.select("order_id", "amount").left_join(owner, "order_id")
    found = lines.agg(
        orders=_.order_id.nunique(),
        customers=_.customer_id.nunique(),
        lines=_.count(),
        amount=_.amount.sum().cast(MONEY),
    )
    row = found.to_pyarrow().to_pylist()[0]
    return int(row["orders"]), int(row["customers"]), int(row["lines"]), row["amount"] or Decimal(0)


def people(tables: Tables) -> pd.DataFrame:
    """Count lines with and without a customer, by fate: ``what, known, rows``."""
    found = []
    owner = first_record(tables["orders"], ("order_id",)).select("order_id", "customer_id")
    for what, rows in (
        ("order lines kept", tables["order_lines"]),
        ("order lines refused", tables.refused["order_lines"]),
    ):
        joined = rows.left_join(owner, "order_id")
        found += _known(what, joined.customer_id.notnull(), joined)
    if "returns" in tables:
        found += _known("returns kept", tables["returns"].customer_id.notnull(), tables["returns"])
        lost = tables.refused["returns"]
        found += _known("returns refused", lost.customer_id.notnull(), lost)
    return pd.DataFrame(found).astype({"rows": "int64"})


def _known(what: str, known: Any, rows: Rows) -> list[dict[str, Any]]:
    counts = rows.group_by(known=known).agg(rows=_.count()).to_pyarrow().to_pylist()
    by = {r["known"]: r["rows"] for r in counts}
    return [dict(what=what, known=k, rows=by.get(k, 0)) for k in (True, False)]


def unreadable(tables: Tables) -> Rows:
    """Return the number of order lines whose amount could not be read: they are refused, and no sum holds them."""
    lost = tables.refused["order_lines"]
    return lost.filter(lost.amount.isnull()).agg(lines=_.count().cast("int64"))


def duplicates(tables: Tables) -> Rows:
    """Return what the exact duplicates among the lines that were paid for are worth: ``lines, amount``."""
    copies = tables["order_lines"].filter(_.flags.contains("exact_duplicate") & (_.amount > 0))
    counting = copies.semi_join(orders(tables), "order_id")
    return counting.agg(lines=_.count().cast("int64"), amount=_.amount.sum().cast(MONEY)).mutate(
        amount=_.amount.fill_null(ibis.literal(0).cast(MONEY))
    )


_TRADE = ("orders", "order_lines")

MARTS = {
    "accounts": Mart(accounts, ("table", "fate", "reason")),
    "columns": Mart(columns, ("table", "position")),
    "rows_by_day": Mart(rows_by_day, ("table", "date")),
    "kpi_day": Mart(kpi_day, ("date",), _TRADE),
    "extremes": Mart(extremes, ("table", "column"), _TRADE),
    "bridge": Mart(bridge, ("step",), _TRADE),
    "duplicates": Mart(duplicates, ("lines",), _TRADE),
    "unreadable": Mart(unreadable, ("lines",), _TRADE),
    "people": Mart(people, ("what", "known"), _TRADE),
}
