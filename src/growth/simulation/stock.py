"""Stock: when products run out is drawn with the market, what was on the shelf is written down afterwards.

The shop looks at a product's stock every other week and orders up to what it usually sells until the next delivery.
Demand as it is expected of the state (season, events, promotions, shocks) wears the stock down, and a supplier may be
late: so a product that is kept short runs out after high demand and before a late delivery, not at random. People
change nothing of it. The books are made to fit what was sold, to the unit: what a delivery brought is what was sold
until the next one and what was left then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from growth.simulation import store, words
from growth.simulation.clock import DAY
from growth.simulation.rng import Draws, Floats, Ints
from growth.simulation.world import Shelf

if TYPE_CHECKING:
    from growth.simulation.life import Lives
    from growth.simulation.state import Products, State

SUPPLIERS = ("华东集散", "岭南制造", "北方贸易", "川渝供应链", "远洋进口")
_USUAL = 28  # days over which the shop smooths what it sells
_NONE = 1 << 30  # no delivery is due


@dataclass(frozen=True)
class Stock:
    """Which products are out on which days, and the orders behind it (one entry an order, in the order of days)."""

    out: NDArray[np.bool_]  # (day, product)
    left: Floats  # days of usual demand left in the evening, (day, product)
    supplier: Ints  # of each product
    product: Ints
    ordered: Ints  # day
    promised: Ints
    received: Ints


def draw_stock(
    draws: Draws, shelf: Shelf, products: Products, days: Ints, want: Floats, on_sale: NDArray[np.bool_]
) -> Stock:
    """Let expected demand wear the stock down, day by day; at most one order of a product is under way.

    Parameters
    ----------
    want : array (day, product)
        Expected demand, up to a constant a product: of the state, whatever a policy does to prices.
    on_sale : array of bool (day, product)
    """
    count = len(products.ids)
    item = np.arange(count)
    own = np.array([s is None for s in products.sellers]) & ~np.isin(products.category, shelf.spared)
    short = own & (products.launch < days[0]) & (draws.uniform("kept short", item) < shelf.short)
    supplier = (draws.uniform("supplier", item) * len(SUPPLIERS)).astype(np.int64)
    lead = np.array(shelf.promised)[supplier]
    aim = lead + shelf.review + np.where(short, *shelf.safety)  # days of usual demand
    usual, level = want[:_USUAL].mean(axis=0), np.zeros(count)
    due, size = np.full(count, _NONE), np.zeros(count)
    out, left = np.zeros(want.shape, dtype=bool), np.zeros(want.shape)
    orders: list[tuple[Ints, Ints, Ints]] = []
    for row, day in enumerate(days):
        here, new = on_sale[row], on_sale[row] & ~on_sale[row - 1] if row else on_sale[0]
        usual = np.where(new & (row > 0), want[row], usual)
        level = np.where(new, usual * aim, level) + np.where(due == day, size, 0.0)
        due = np.where(due == day, _NONE, due)
        out[row] = short & here & (level <= 0)
        level = np.maximum(level - np.where(here, want[row], 0.0), 0.0)
        usual = np.where(here, usual + (want[row] - usual) / _USUAL, usual)
        left[row] = level / usual
        looks = here & ((day + item) % shelf.review == 0) & (due == _NONE) & (level < usual * aim)
        looks &= day + aim < products.delisted
        due = np.where(looks, day + lead + _delay(draws, shelf, supplier, item, day), due)
        size = np.where(looks, usual * aim - level, size)
        orders.append((item[looks], np.full(int(looks.sum()), day), due[looks]))
    product, ordered, received = (np.concatenate(c) for c in zip(*orders, strict=True))
    return Stock(out, left, supplier, product, ordered, ordered + lead[product], received)


def _delay(draws: Draws, shelf: Shelf, supplier: Ints, item: Ints, day: int) -> Ints:
    """Return by how many days an order of a day comes late."""
    late = draws.uniform("supplier late", item, day) < np.array(shelf.delayed)[supplier]
    lasts = draws.exponential("supplier delay", item, day) * np.array(shelf.delay)[supplier]
    return np.where(late, 1 + np.floor(lasts), 0).astype(np.int64)


def sold(state: State, lives: Lives) -> Ints:
    """Return the units ordered by (day of the order, product), whatever became of the order."""
    o: dict[str, Any] = lives.joined("orders")
    line: dict[str, Any] = lives.joined("lines")
    keep = np.isin(line["visit"], o["visit"])
    day = o["placed"][np.searchsorted(o["visit"], line["visit"][keep])] // DAY - state.span.first
    known = day < state.span.days.size
    out = np.zeros(state.stock.out.shape, dtype=np.int64)
    np.add.at(out, (day[known], line["product"][keep][known]), line["units"][keep][known])
    return out


@dataclass(frozen=True)
class _Books:
    """A product's books: units by day on sale, and what each order brought (of one to come: what is expected)."""

    received: Ints
    written_off: Ints
    closing: Ints
    quantity: Ints


def _keep_books(sales: Ints, out: NDArray[np.bool_], left: Floats, arrivals: Ints) -> _Books:
    """Make a product's books, from its first day on sale on.

    Parameters
    ----------
    sales, out, left : array (day,)
    arrivals : array
        Rows of `sales` on which deliveries come, ascending; those at or after the last day are still to come.

    Notes
    -----
    From the last delivery back: a delivery must last for what is sold until the next one and leave something, or, if
    the product runs out before, one piece on show that nobody buys and that is written off the evening before.
    """
    days = sales.size
    begins = np.concatenate([[0], arrivals[arrivals < days]])
    ends = np.concatenate([begins[1:], [days]])
    runs_out = out[ends - 1]
    units = np.add.reduceat(sales, begins)
    pace = units / np.maximum(ends - begins, 1)
    rest = np.maximum(np.rint(left[ends - 1] * pace), 1).astype(np.int64)
    for k in range(begins.size - 1, -1, -1):
        if k + 1 < begins.size:
            rest[k] = min(rest[k], units[k + 1] + rest[k + 1])
        rest[k] = 1 if runs_out[k] else rest[k]  # the piece on show
    before = np.where(runs_out, 0, rest)
    brought = units + rest - np.concatenate([[0], before[:-1]])
    received, off = np.zeros(days, dtype=np.int64), np.zeros(days, dtype=np.int64)
    received[begins] = brought
    last = [
        b + int(np.flatnonzero(out[b:e])[0]) - 1
        for b, e in zip(begins[runs_out], ends[runs_out], strict=True)
    ]
    off[last] = 1
    coming = np.full(arrivals.size - begins.size + 1, max(round(float(pace.mean() * 30)), 1))
    return _Books(received, off, np.cumsum(received - sales - off), np.concatenate([brought[1:], coming]))


def tables(state: State, sales: Ints) -> dict[str, pa.Table]:
    """Return ``suppliers``, ``purchase_orders`` and ``inventory``, given the units ordered by day and product."""
    span, p, stock = state.span, state.products, state.stock
    first = np.maximum(p.launch - span.first, 0)
    end = np.minimum(p.delisted, span.last) - span.first
    rows, bought = [], []
    for j in np.flatnonzero(first < end):
        # What would have come only after the product's end was called off.
        its = np.flatnonzero((stock.product == j) & (stock.received < p.delisted[j]))
        days = slice(int(first[j]), int(end[j]))
        arrivals = stock.received[its] - span.first - first[j]
        b = _keep_books(sales[days, j], stock.out[days, j], stock.left[days, j], arrivals)
        opening = np.concatenate([b.received[:1], b.closing[:-1]])
        received = np.concatenate([[0], b.received[1:]])
        out = stock.out[days, j]
        rows.append((np.full(out.size, j), np.arange(days.start, days.stop), opening, received, b, 24 * out))
        real = b.quantity > 0
        bought.append((its[real], b.quantity[real]))
    columns = [np.concatenate([r[k] for r in rows]) for k in (0, 1, 2, 3, 5)]
    books = [np.concatenate([getattr(r[4], n) for r in rows]) for n in ("written_off", "closing")]
    return {
        "suppliers": _suppliers(),
        "purchase_orders": _orders(state, *(np.concatenate(c) for c in zip(*bought, strict=True))),
        "inventory": pa.table(
            {
                "product_id": store.labels(p.ids, columns[0]),
                "date": store.dates(columns[1] + span.first),
                "opening": store.ints(columns[2]),
                "received": store.ints(columns[3]),
                "written_off": store.ints(books[0]),
                "closing": store.ints(books[1]),
                "hours_out": store.ints(columns[4]),
            }
        ),
    }


def _suppliers() -> pa.Table:
    number = np.arange(len(SUPPLIERS)) + 1
    return pa.table({"supplier_id": store.ids("v", number, 2), "name": pa.array(SUPPLIERS)})


def _orders(state: State, index: Ints, quantity: Ints) -> pa.Table:
    """Return the orders of the shop, in the order of days and products; what has not come yet has no day."""
    stock, span = state.stock, state.span
    by = np.lexsort((stock.product[index], stock.ordered[index]))
    index, quantity = index[by], quantity[by]
    product = stock.product[index]
    return pa.table(
        {
            "purchase_order_id": store.ids("b", stock.ordered[index] * 1000 + product, 8),
            "product_id": store.labels(state.products.ids, product),
            "supplier_id": store.ids("v", stock.supplier[product] + 1, 2),
            "ordered_on": store.dates(stock.ordered[index]),
            "promised_on": store.dates(stock.promised[index]),
            "received_on": store.dates(stock.received[index], stock.received[index] >= span.last),
            "quantity": store.ints(quantity),
        }
    )


def truth_table(state: State, sales: Ints, wanted: Floats) -> pa.Table:
    """Return, by product: days on sale, days out, units ordered, and the units that stock-outs cost (expected)."""
    stock, p, span = state.stock, state.products, state.span
    on = (p.launch[None, :] <= span.days[:, None]) & (span.days[:, None] < p.delisted[None, :])
    return pa.table(
        {
            "product_id": pa.array(p.ids),
            "category": store.labels([c.name for c in words.CATEGORIES], p.category),
            "days": store.ints(on.sum(axis=0)),
            "days_out": store.ints(stock.out.sum(axis=0)),
            "units": store.ints(sales.sum(axis=0)),
            "units_lost": pa.array(
                np.round(wanted, 4)
            ),  # sums of floats: their last bits are the processor's
        }
    )
