"""From marts to what the page of behaviour shows."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from growth.behaviour import baskets, sequences
from growth.behaviour.baskets import PAIR


@dataclass(frozen=True)
class Together:
    """Pairs of the earlier baskets, judged by the later ones.

    Parameters
    ----------
    pairs : DataFrame
        What `growth.behaviour.baskets.scored` returns, with the products' names, ``later`` (baskets of the later period
        with both) and ``later_adjusted``; the strongest first.
    held : DataFrame
        What `growth.behaviour.baskets.out_of_time` returns.
    factor : float
        The lift of two products that ignore each other, by the earlier baskets' sizes.
    baskets, too_large : int
        Baskets counted, and those left out because they hold too many products.
    """

    pairs: pd.DataFrame
    held: pd.DataFrame
    factor: float
    baskets: int
    too_large: int


def together(
    pairs: pd.DataFrame, alone: pd.DataFrame, sizes: pd.DataFrame, largest: int, not_goods: list[str], level: float,
    confidence: float,
) -> Together:  # fmt: skip
    """Judge pairs of products.

    Parameters
    ----------
    pairs, alone, sizes : DataFrame
        The marts ``pairs``, ``in_baskets`` and ``basket_sizes``.
    largest : int
        Products of a basket above which it was not counted.
    not_goods : list of str
        Products whose pairs are left out; they still count for the size of a basket.
    level : float
        Of false discoveries.
    confidence : float

    Raises
    ------
    ValueError
        If no pair is frequent, or one of the two periods has no basket.
    """
    goods = pairs[~pairs["first"].isin(not_goods) & ~pairs["second"].isin(not_goods)]
    counted = sizes[sizes["size"] <= largest]
    if goods.empty:
        raise ValueError("No two products lie together in enough baskets.")
    of, own = {}, {}
    for period, later in (("before", False), ("after", True)):
        of[period] = counted.loc[counted["later"] == later, ["size", "baskets"]]
        single = alone.set_index("product_id")[period]
        own[period] = pd.DataFrame(
            dict(first=goods["first"], second=goods["second"], together=goods[period],
                 with_first=goods["first"].map(single), with_second=goods["second"].map(single))
        ).reset_index(drop=True)  # fmt: skip
    found = baskets.scored(own["before"], of["before"], confidence)
    held = baskets.out_of_time(found, own["after"], of["after"], level, confidence)
    return Together(
        found.assign(later=own["after"]["together"]).sort_values(
            ["q_value", "adjusted", *PAIR[:2]], ascending=[True, False, True, True], ignore_index=True
        ),
        held, baskets.size_factor(of["before"]), int(counted["baskets"].sum()),
        int(sizes["baskets"].sum() - counted["baskets"].sum()),
    )  # fmt: skip


def what_follows(counts: pd.DataFrame, least: int, not_goods: list[str], confidence: float) -> pd.DataFrame:
    """Return ordered pairs of goods with the test of their order; most customers first."""
    goods = counts[~counts["one"].isin(not_goods) & ~counts["other"].isin(not_goods)]
    return sequences.directed(sequences.ordered(goods, least), confidence)


def named(table: pd.DataFrame, columns: list[str], catalogue: pd.DataFrame | None) -> pd.DataFrame:
    """Return a table with products' names instead of their ids, where they are known."""
    if catalogue is None:
        return table
    name = catalogue.set_index("product_id")["name"].dropna()
    return table.assign(**{c: table[c].map(name).fillna(table[c]) for c in columns})
