"""What orders are worth: amounts, costs and refunds, line by line and order by order, in fen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from growth.simulation.clock import DAY
from growth.simulation.life import Scene
from growth.simulation.rng import Ints
from growth.simulation.trade import Costs, Returns, costs, send_back


@dataclass(frozen=True)
class Baskets:
    """Orders and their lines; amounts in fen."""

    order: Ints  # of each line: the row of its order
    price: Ints  # on the shelf, a unit
    listed: Ints
    amount: Ints  # paid for the line, after everything that was taken off
    goods_cost: Ints  # of the line
    costs: Costs  # of the orders
    back: Returns
    refund: Ints  # of each return

    def contribution(self, paid: NDArray[np.bool_]) -> Ints:
        """Return what each order leaves: amounts less goods, refunds, fulfilment and fees, plus shipping.

        An order that was not paid leaves nothing. Goods that come back are written off.
        """
        count = self.costs.fee.size
        gain = np.zeros(count, dtype=np.int64)
        np.add.at(gain, self.order, self.amount - self.goods_cost)
        np.subtract.at(gain, self.order[self.back.line], self.refund)
        gain += self.costs.shipping - self.costs.fulfilment - self.costs.fee
        return np.where(paid, gain, 0)


def baskets(scene: Scene, o: dict[str, Any], line: dict[str, Any]) -> Baskets:
    """Work out the money of orders.

    Parameters
    ----------
    o : dict of arrays
        Orders: ``who, key, placed, paid, delivered, late, free``.
    line : dict of arrays
        Lines: ``order`` (row of the order), ``day`` (of the visit), ``need, product, units, off``.
    """
    state = scene.state
    product, units, order = line["product"], line["units"], line["order"]
    price, listed = state.on_shelf(line["day"], product, scene.people.region[o["who"][order]])
    amount = price * units - line["off"]
    goods, pieces = (np.zeros(o["who"].size, dtype=np.int64) for _ in range(2))
    np.add.at(goods, order, amount)
    np.add.at(pieces, order, units)
    back = send_back(
        scene.draws, scene.world, scene.people, o["who"][order], line["need"], product, units,
        o["delivered"][order], o["late"][order],
    )  # fmt: skip
    whole = units[back.line]
    week = np.minimum(o["placed"] // DAY, state.span.last - 1) // 7 - state.first_week
    return Baskets(
        order,
        price,
        listed,
        amount,
        state.cost[week[order], product] * units,
        costs(scene.world, scene.people, o["who"], goods, pieces, o["paid"] >= 0, o["free"]),
        back,
        # The parts of a line that come back one by one must not add up to more than was paid: rounded down.
        amount[back.line] * back.quantity // whole,
    )
