"""How large a market is, when every factor of it is a range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.random import PCG64, Generator
from scipy.special import ndtri

RANGE = 0.9  # of a factor's law, between what a source calls least and most


@dataclass(frozen=True, eq=False)
class Size:
    """A product of factors.

    Parameters
    ----------
    value, low, high : float
        Median and interval.
    tornado : DataFrame
        ``factor, low, high``: the product with this factor at the ends of its range, the others at their middle;
        the widest first.
    """

    value: float
    low: float
    high: float
    tornado: pd.DataFrame


def product(
    factors: pd.DataFrame,
    seed: int,
    confidence: float = 0.95,
    draws: int = 100_000,
) -> Size:
    """Return a product of uncertain factors.

    Parameters
    ----------
    factors : DataFrame
        ``factor, value, low, high``: positive; each is lognormal, with 90 % of its law in the range.
    seed : int
    confidence : float
    draws : int

    Raises
    ------
    ValueError
        If a factor is not positive or its range does not hold it.
    """
    f = factors.astype({c: float for c in ("value", "low", "high")})
    bad = f[~((f["low"] > 0) & (f["low"] <= f["value"]) & (f["value"] <= f["high"]))]  # what is missing, too
    if len(bad):
        raise ValueError(f"The range of {bad['factor'].iloc[0]} must be above 0 and hold its value.")
    bottom, top = (np.log(f[c].to_numpy(float)) for c in ("low", "high"))
    spread, middle = (top - bottom) / (2 * ndtri(0.5 + RANGE / 2)), (top + bottom) / 2
    noise = Generator(PCG64(seed)).standard_normal((draws, len(f)))
    total = np.exp((middle + spread * noise).sum(axis=1))
    side = (1 - confidence) / 2
    low, value, high = np.quantile(total, [side, 0.5, 1 - side])
    whole = float(np.exp(middle.sum()))
    ends = {e: whole * (f[e].to_numpy() / np.exp(middle)) for e in ("low", "high")}
    tornado = pd.DataFrame(dict(factor=f["factor"].to_numpy()) | ends)
    order = np.lexsort((tornado["factor"], bottom - top))
    return Size(float(value), float(low), float(high), tornado.iloc[order].reset_index(drop=True))
