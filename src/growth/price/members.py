"""Should members pay less: two prices for two groups that answer differently, against one for both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from growth.price.profit import Profit, peaks, summary
from growth.price.recommend import TOUCH, Guards, Product, bounds


@dataclass(frozen=True)
class MembersPrice:
    """The best pair of prices and the best single one.

    Parameters
    ----------
    public, members, single : float
        Prices of the highest expected profit; members never pay more than the public.
    gain : tuple of float
        Profit a week of two prices less one: (mean, low, high).
    probability : float
        That two prices earn more than one.
    sentence : str
    """

    public: float
    members: float
    single: float
    gain: tuple[float, float, float]
    probability: float
    sentence: str


def members_price(public: Product, members: Product, guards: Guards | None = None) -> MembersPrice:
    """Return the best prices of two groups that buy the same product.

    Parameters
    ----------
    public, members : Product
        The same product with each group's units, price and elasticity, draws paired; same cost and fee.
    guards : Guards, optional
        Each group's prices keep to its own.

    Raises
    ------
    ValueError
        If a group's elasticity or cost is unknown, costs differ, draws are not paired, or no price meets all guards.

    Notes
    -----
    Third-degree price discrimination (Robinson 1933): each group has its own Lerner price. It supposes that the public
    does not buy through members. Stock and effects on other products are not in it.
    """
    guards = guards or Guards()
    low, high = _range(public, members, guards)
    one, two = public.profit(), members.profit()
    if one.elasticity.shape != two.elasticity.shape:
        raise ValueError(f"{public.name}: both groups need the same draws, paired.")
    both = Profit(
        np.concatenate([one.units, two.units]), np.concatenate([one.base, two.base]),
        np.concatenate([one.elasticity, two.elasticity]), one.cost, public.fee,
    )  # fmt: skip
    single = peaks(both, low, high)[0]
    ends = [bounds(p, guards) for p in (public, members)]
    pair = [peaks(p, e.low, e.high)[0] for p, e in zip((one, two), ends, strict=True)]
    if pair[1] > pair[0] * (1 - TOUCH):  # members would pay as much or more, and nobody joins for that
        pair = [single, single]
    gains = one.value(pair[0]) + two.value(pair[1]) - both.value(single)
    gain = summary(gains, guards.confidence)
    probability = float((gains > 0).mean())
    text = (
        f"Members at {pair[1]:.2f} and the public at {pair[0]:.2f} earn more than {single:.2f} for all with "
        f"probability {probability:.2f}."
        if pair[0] != pair[1]
        else f"Members would not pay less within the guards: one price for all, {single:.2f}."
    )
    return MembersPrice(pair[0], pair[1], single, gain, probability, text)


def _range(public: Product, members: Product, guards: Guards) -> tuple[float, float]:
    """Return the prices that the guards allow for both groups."""
    if public.cost is None or public.cost != members.cost or public.fee != members.fee:
        raise ValueError(f"{public.name}: both groups need one known cost and one fee.")
    ends = [bounds(p, guards) for p in (public, members)]
    low, high = max(e.low for e in ends), min(e.high for e in ends)
    if low > high:
        raise ValueError(f"{public.name}: no single price meets the guards of both groups; widen the step.")
    return low, high
