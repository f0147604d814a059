"""What is bought together: exact counts, rules, and a lift that knows how uneven baskets are.

In a large basket everything lies beside everything: where sizes differ, nearly all pairs have a lift above 1. The
adjusted lift compares with baskets of the same sizes whose products were drawn by popularity alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.special import gammaincinv, pdtrc

from growth.stats.contrast import check_confidence
from growth.stats.many import benjamini_hochberg
from growth.stats.proportions import wilson

PAIR = ["first", "second", "together", "with_first", "with_second"]


@dataclass(frozen=True, eq=False)
class Baskets:
    """Which product lies in which basket.

    Parameters
    ----------
    inside : sparse array, shape (baskets, products)
        1 where it does.
    products : Index
        Sorted.
    """

    inside: sparse.csr_array
    products: pd.Index

    @classmethod
    def of(cls, basket: ArrayLike, product: ArrayLike) -> Baskets:
        """Return baskets from lines; a product on two lines of a basket lies in it once.

        Raises
        ------
        ValueError
            If there is no line, or one without a basket or product.
        """
        lines = pd.DataFrame(dict(basket=basket, product=product))
        if lines.empty or lines.isna().to_numpy().any():
            raise ValueError("Baskets need lines, each with its basket and product: drop the others first.")
        lines = lines.drop_duplicates()
        row, _ = pd.factorize(lines["basket"])
        column, products = pd.factorize(lines["product"], sort=True)
        inside = sparse.csr_array((np.ones(len(lines), np.int64), (row, column)))
        return cls(inside, pd.Index(products))

    @property
    def sizes(self) -> pd.DataFrame:
        """How many baskets have each size: ``size, baskets``."""
        size, baskets = np.unique(self.inside.sum(axis=1), return_counts=True)
        return pd.DataFrame(dict(size=size, baskets=baskets))


def fewest(support: float, baskets: int) -> int:
    """Return the least count whose share of the baskets reaches a support, exactly (no division of floats)."""
    if not 0 < support <= 1:
        raise ValueError(f"A support must lie above 0 and at most at 1, like 0.01, not {support!r}.")
    return ceil(Fraction(str(support)) * baskets)


def pairs(baskets: Baskets, least: int) -> pd.DataFrame:
    """Count the pairs of products that lie in at least `least` baskets together: the columns of `PAIR`."""
    alone = baskets.inside.sum(axis=0)
    kept = np.flatnonzero(alone >= least)
    inside = baskets.inside[:, kept].tocsc()
    found = sparse.triu(inside.T @ inside, k=1).tocoo()
    often = found.data >= least
    a, b = kept[found.row[often]], kept[found.col[often]]
    made = pd.DataFrame(
        dict(first=baskets.products[a], second=baskets.products[b], together=found.data[often],
             with_first=alone[a], with_second=alone[b])
    )  # fmt: skip
    return made.sort_values(["first", "second"], ignore_index=True)


def size_factor(sizes: pd.DataFrame) -> float:
    r"""Return :math:`N \sum s(s-1) / (\sum s)^2` of basket sizes: the lift of two products that ignore each other.

    Parameters
    ----------
    sizes : DataFrame
        ``size, baskets``.
    """
    size, n = (sizes[c].to_numpy(float) for c in ("size", "baskets"))
    lines = float(n @ size)
    if not lines > 0:
        raise ValueError("There is no basket with a product in it: nothing can be said of pairs.")
    return float(n.sum() * (n @ (size * (size - 1))) / lines**2)


def scored(found: pd.DataFrame, sizes: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Add what a pair's count means.

    Parameters
    ----------
    found : DataFrame
        The columns of `PAIR`.
    sizes : DataFrame
        ``size, baskets``, of all baskets counted.
    confidence : float

    Returns
    -------
    DataFrame
        With ``support, confidence`` (of the second, given the first), ``lift, expected`` (together, by sizes and
        popularity alone), ``adjusted`` (together over expected) from ``low`` to ``high``, ``p_value`` (upper tail) and
        ``q_value`` (Benjamini-Hochberg over these pairs).

    Notes
    -----
    Expected: Chung and Lu (2002), PNAS 99:15879-15882, for products and baskets: a product's share of all lines times
    the basket's size. The count is taken as Poisson, cautious where a product lies in most baskets of a size; the
    interval is Garwood's (1936), Biometrika 28:437-442.
    """
    check_confidence(confidence)
    n, factor = int(sizes["baskets"].sum()), size_factor(sizes)
    together, a, b = (found[c].to_numpy(float) for c in PAIR[2:])
    expected = factor * a * b / n
    if np.any(expected <= 0):
        raise ValueError("No basket holds two products: nothing can be said of pairs.")
    p = pdtrc(together - 1, expected)
    side = (1 - confidence) / 2
    return found.assign(
        support=together / n, confidence=together / a, lift=n * together / (a * b), expected=expected,
        adjusted=together / expected, low=gammaincinv(together, side) / expected,
        high=gammaincinv(together + 1, 1 - side) / expected, p_value=p, q_value=benjamini_hochberg(p),
    )  # fmt: skip


SURE, ABOVE, BELOW = "significant", "above 1, not significant", "below 1"


def out_of_time(
    before: pd.DataFrame, after: pd.DataFrame, sizes: pd.DataFrame, level: float, confidence: float = 0.95
) -> pd.DataFrame:
    """Judge pairs of earlier baskets by later ones.

    Parameters
    ----------
    before : DataFrame
        What `scored` returns of the earlier baskets.
    after : DataFrame
        The columns of `PAIR` in the later baskets, one row for each row of `before`, zeros included.
    sizes : DataFrame
        Of the later baskets.
    level : float
        Of false discoveries.
    confidence : float

    Returns
    -------
    DataFrame
        Of each kind of pair, how many could be judged and how many kept an adjusted lift above 1: ``kind, pairs, held,
        share`` with Wilson's interval ``low, high`` (cautiously read: pairs share products).

    Notes
    -----
    Pairs of which less than one is expected in the later baskets are left out: they can hardly show anything.
    """
    same = (before[PAIR[:2]].to_numpy() == after[PAIR[:2]].to_numpy()).all()
    if not same:
        raise ValueError("The later counts must be of the same pairs in the same order.")
    n, factor = int(sizes["baskets"].sum()), size_factor(sizes)
    expected = factor * after["with_first"].to_numpy(float) * after["with_second"].to_numpy(float) / n
    sure = (before["q_value"] < level).to_numpy()
    kind = np.where(sure, SURE, np.where(before["adjusted"] > 1, ABOVE, BELOW))
    made = pd.DataFrame(dict(kind=kind, held=after["together"].to_numpy() > expected))[expected >= 1]
    table = made.groupby("kind")["held"].agg(pairs="size", held="sum").reindex([SURE, ABOVE, BELOW])
    table = table.fillna(0).astype(int).reset_index()
    low, high = wilson(table["held"], table["pairs"], confidence)
    return table.assign(share=table["held"] / table["pairs"].where(table["pairs"] > 0), low=low, high=high)


def itemsets(baskets: Baskets, least: int) -> dict[tuple[object, ...], int]:
    """Count all sets of products, of any number, that lie in at least `least` baskets together.

    Notes
    -----
    Eclat: Zaki (2000), IEEE TKDE 12:372-390, with a bit for each basket.
    """
    columns = baskets.inside.tocsc()
    bits = []
    for j in range(len(baskets.products)):
        rows = columns.indices[columns.indptr[j] : columns.indptr[j + 1]]
        bits.append(sum(1 << int(r) for r in rows))
    found: dict[tuple[object, ...], int] = {}

    def deeper(stem: tuple[object, ...], tails: list[tuple[object, int]]) -> None:
        often = [(item, own) for item, own in tails if own.bit_count() >= least]
        for i, (item, own) in enumerate(often):
            found[*stem, item] = own.bit_count()
            deeper((*stem, item), [(other, own & more) for other, more in often[i + 1 :]])

    deeper((), list(zip(baskets.products, bits, strict=True)))
    return found


def rules(counts: dict[tuple[object, ...], int], confidence: float) -> pd.DataFrame:
    """Return rules with one product on the right: ``left, right, together, with_left, confidence``.

    Parameters
    ----------
    counts : dict
        What `itemsets` returns.
    confidence : float
        The least; a rule that lies exactly on it is kept.
    """
    least = Fraction(str(confidence))
    made = []
    for items, together in counts.items():
        for k, right in enumerate(items):
            left = items[:k] + items[k + 1 :]
            if left and together >= least * counts[left]:
                made.append((left, right, together, counts[left], together / counts[left]))
    return pd.DataFrame(made, columns=["left", "right", "together", "with_left", "confidence"])
