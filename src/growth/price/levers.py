"""What else a price can do: a test that settles an open case, a members' price, a week's cut, a clearance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from growth.errors import attempt
from growth.price.discount import discount
from growth.price.markdown import Path, clearance
from growth.price.members import members_price
from growth.price.profit import DRAWS, normal_draws, scrambled
from growth.price.promotion import Split
from growth.price.recommend import Guards, Product, Reason
from growth.price.trial import Noise, plan
from growth.stats.contrast import Ratio, critical

KEPT, WEEKS = 26, 13  # weeks of demand that stock may last; weeks of a clearance
STEPS = 13  # prices that a clearance may charge
APART = 1_000_000_007  # number of the draws that go with no other: no product has it
MANY = 40  # products that are looked at, the largest revenue first: the rest is small change


def tests_needed(products: list[Product], table: pd.DataFrame, buyers: pd.DataFrame) -> pd.DataFrame:
    """Return what a test by customer must be where a change of price is expected to gain but not sure.

    Parameters
    ----------
    products : list of Product
    table : DataFrame
        The price list (`growth.price.offers.recommended`).
    buyers : DataFrame
        The mart of that name.

    Returns
    -------
    DataFrame
        ``product, today, new, breakeven`` (elasticity at which the new price earns what today's does), ``gains``
        (probability, as known today), ``worth`` (profit a week of knowing, today's price being kept until then),
        ``customers`` (of both arms, a test of 91 days), ``share`` (of today's customers), ``assurance`` (probability
        that it settles the case); the most worth first.
    """
    open_ = table[table["reason"] == str(Reason.UNCERTAIN)].set_index("name")
    units = buyers.set_index("product_id")
    rows = []
    for one in products:
        if one.name not in open_.index or one.name not in units.index:
            continue
        n, total, squares = units.loc[one.name, ["customers", "units", "squares"]].to_numpy(float)
        noise = Noise(variation=float(np.sqrt(n * squares / total**2 - 1)))
        found, _ = attempt(plan, one, float(open_["best"][one.name]), noise)
        if found is not None:
            profit = one.profit()
            gain = profit.value(found.new) - profit.value(one.price)
            worth = float(np.maximum(gain, 0.0).mean())  # today's price is kept until it is known
            rows.append(
                (one.name, one.price, found.new, found.breakeven, found.gains, worth, found.customers,
                 found.customers / n, found.assurance)
            )  # fmt: skip
    names = ["product", "today", "new", "breakeven", "gains", "worth", "customers", "share", "assurance"]
    return pd.DataFrame(rows, columns=names).sort_values("worth", ascending=False, ignore_index=True)


@dataclass(frozen=True)
class Sides:
    """How members and the public answer prices.

    Parameters
    ----------
    public : str
        The tier with most units; members are all others.
    difference, error : float
        Members' elasticity less the public's, and its standard error.
    share : float
        Of units, members'.
    """

    public: str
    difference: float
    error: float
    share: float


def sides(segments: pd.DataFrame, units: pd.DataFrame, confidence: float = 0.95) -> Sides:
    """Return how members answer prices against the tier that buys most (where most have none: those without one).

    Parameters
    ----------
    segments : DataFrame
        From `growth.price.model.by_level`: ``kind, level, elasticity, low, high``.
    units : DataFrame
        The mart ``by_segment``.
    confidence : float
        Of the segments' intervals.

    Raises
    ------
    ValueError
        If fewer than two tiers have an elasticity.

    Notes
    -----
    Tiers are weighted by their certainty. Both slopes are unprotected from prices that follow demand; their difference
    is less bent than either.
    """
    own = segments[segments["kind"] == "member"].set_index("level")
    if len(own) < 2:
        raise ValueError("fewer than two tiers of members have an elasticity")
    sold = units[units["kind"] == "member"].groupby("level")["units"].sum().reindex(own.index)
    public = str(sold.sort_values(kind="stable").index[-1])
    inside = own.index[own.index != public]
    error = (own["high"] - own["low"]) / 2 / critical(np.inf, confidence)
    weight = 1 / error[inside] ** 2
    members = float((weight * own["elasticity"][inside]).sum() / weight.sum())
    spread = float(np.hypot(1 / np.sqrt(weight.sum()), error[public]))
    difference = members - float(own["elasticity"][public])
    return Sides(public, difference, spread, float(sold[inside].sum() / sold.sum()))


def two_prices(products: list[Product], found: Sides, guards: Guards) -> pd.DataFrame:
    """Return for each product the best pair of prices, members' and the public's, against one for all.

    Returns
    -------
    DataFrame
        ``product, public, members, single`` (prices), ``gain, low, high`` (profit a week of two prices less one),
        ``probability``; the largest gain first.

    Notes
    -----
    The mean of both groups' elasticities is the product's; members' share of units is the same for all products.
    """
    apart = scrambled(found.difference, found.error, APART)
    rows = []
    for one in _largest(products):
        assert one.elasticity is not None
        own = one.elasticity
        public = replace(
            one, units=one.units * (1 - found.share), elasticity=own - found.share * apart, others=()
        )
        inside = replace(
            one, units=one.units * found.share, elasticity=own + (1 - found.share) * apart, others=()
        )
        pair, _ = attempt(members_price, public, inside, guards)
        if pair is not None:
            rows.append((one.name, pair.public, pair.members, pair.single, *pair.gain, pair.probability))
    names = ["product", "public", "members", "single", "gain", "low", "high", "probability"]
    return pd.DataFrame(rows, columns=names).sort_values("gain", ascending=False, ignore_index=True)


def depths(
    products: list[Product], split: Split, moves: Ratio | None, guards: Guards, deepest: float, assumed: float
) -> pd.DataFrame:
    """Return how deep a cut of one week should be, product by product.

    Parameters
    ----------
    products : list of Product
    split : Split
        The answer to the depth of promotions.
    moves : Ratio or None
        The share of their lift that later weeks lack; None where it cannot be told.
    guards : Guards
    deepest : float
        The largest share that may be taken off.
    assumed : float
        The share that later weeks lack, where it cannot be told.

    Returns
    -------
    DataFrame
        ``product, depth`` (0: none), ``best, low, high`` (depth of the highest expected profit, interval), ``gain,
        gain_low, gain_high`` (profit of the week, the dip after counted), ``probability``; the largest gain first.
    """
    answer = normal_draws(split.depth.value, split.depth.error, DRAWS, split.depth.freedom)
    z = critical(np.inf, moves.confidence) if moves else 1.0
    error = (moves.high - moves.low) / 2 / z if moves else 0.0
    lost = np.clip(scrambled(moves.value if moves else assumed, error, APART), 0.0, 0.95)
    rows = []
    for one in _largest(products):
        found, _ = attempt(discount, replace(one, elasticity=answer), lost, deepest, 0.0, guards)
        if found is not None:
            ends = (found.best, found.low, found.high)
            rows.append((one.name, found.depth, *ends, *found.gain, found.probability))
    names = ["product", "depth", "best", "low", "high", "gain", "gain_low", "gain_high", "probability"]
    return pd.DataFrame(rows, columns=names).sort_values("gain", ascending=False, ignore_index=True)


def cleared(
    products: list[Product], stock: pd.DataFrame, params: Any
) -> tuple[pd.DataFrame, dict[str, Path]]:
    """Return how to sell in 13 weeks what would last longer than 26: the first price, and what that is worth.

    Parameters
    ----------
    products : list of Product
    stock : DataFrame
        The mart of that name.
    params : Params
        ``handling, fee, refunded, deepest``.

    Returns
    -------
    (DataFrame, dict)
        ``product, excess`` (units beyond 26 weeks), ``today, first`` (price now), ``expected`` (money from the excess
        with falling prices), ``fixed`` (with the best single price), ``kept`` (at today's price); and the paths.

    Notes
    -----
    The excess meets the demand of 13 weeks, of which the other stock takes none: goods that are to be gone. The mean
    elasticity; the cost of the stock is sunk; a unit left brings nothing.
    """
    at_hand = stock.set_index("product_id")["closing"]
    rows, paths = [], {}
    for one in products:
        if one.elasticity is None or one.name not in at_hand.index or not one.units > 0:
            continue
        excess = int(at_hand[one.name] - KEPT * one.units)
        if excess < 1 or not np.mean(one.elasticity) < 0:
            continue
        path, kept = _paths(one, excess, params)
        net, later = 1 - one.fee, params.handling * excess
        money = [v * net - later for v in (path.expected, path.fixed[1], kept)]
        rows.append((one.name, excess, one.price, float(path.price[0, excess]), *money))
        paths[one.name] = path
    names = ["product", "excess", "today", "first", "expected", "fixed", "kept"]
    return pd.DataFrame(rows, columns=names).sort_values(
        "expected", ascending=False, ignore_index=True
    ), paths


def _paths(one: Product, excess: int, params: Any) -> tuple[Path, float]:
    """Return the best path for an excess, and what today's price brings for it, before fees.

    A unit not sold saves its handling: the same as a salvage value, and as little again off every unit.
    """
    allowed = np.linspace(1 - params.deepest, 1.0, STEPS) * one.price
    weeks, e = np.full(WEEKS, one.units), float(np.mean(one.elasticity))  # type: ignore[arg-type]
    saved = params.handling / (1 - one.fee)
    path = clearance(excess, weeks, e, allowed, one.price, saved)
    return path, clearance(excess, weeks, e, [one.price], one.price, saved).expected


def _largest(products: list[Product]) -> list[Product]:
    """Return the products whose profit can be said, the largest revenue first, at most `MANY`."""
    known = [p for p in products if p.elasticity is not None and p.cost is not None and p.units > 0]
    return sorted(known, key=lambda p: (-p.units * p.price, p.name))[:MANY]
