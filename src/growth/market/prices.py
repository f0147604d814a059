"""What they would pay: van Westendorp's four prices with exact crossings, and demand at prices (Gabor-Granger)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.random import PCG64, Generator
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from growth.stats.moments import Floats

Ints = NDArray[np.int64]

FOUR = ("too_cheap", "cheap", "dear", "too_dear")
# Point -> (curve that falls with price, curve that rises).
POINTS = {
    "marginal cheapness": ("too_cheap", "dear"),
    "optimal price": ("too_cheap", "too_dear"),
    "indifference price": ("cheap", "dear"),
    "marginal dearness": ("cheap", "too_dear"),
}
FEWEST = 30


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """Van Westendorp's price sensitivity meter.

    Parameters
    ----------
    points : DataFrame
        ``point, price, low, high, crossings``: the first crossing, its interval, and how many there are.
    curves : DataFrame
        ``price`` and the share of each of the four.
    people, contradict : int
        Who is in it, and who named prices that do not rise from too cheap to too dear.
    """

    points: pd.DataFrame
    curves: pd.DataFrame
    people: int
    contradict: int


def sensitivity(
    four: pd.DataFrame, weights: Floats, seed: int, replicates: int = 400, confidence: float = 0.95
) -> Sensitivity:
    """Return the four crossings.

    Parameters
    ----------
    four : DataFrame
        ``too_cheap, cheap, dear, too_dear``: a row a respondent, money.
    weights : ndarray
    seed, replicates : int
        Of the bootstrap of respondents.
    confidence : float

    Raises
    ------
    ValueError
        If fewer than 30 named prices that rise.

    Notes
    -----
    Van Westendorp (1976). Shares are exact at every price that was named and straight lines between, so that a crossing
    is exact. Percentile intervals of respondents drawn again, weights as they are.
    """
    whole = four[list(FOUR)].notna().all(axis=1)
    rows = four.loc[whole, list(FOUR)].to_numpy(float)
    rising = (np.diff(rows, axis=1) >= 0).all(axis=1)
    prices, w = rows[rising], np.asarray(weights, float)[whole.to_numpy()][rising]
    if len(prices) < FEWEST:
        raise ValueError(f"{len(prices)} named four prices that rise; at least {FEWEST} are needed.")
    grid = np.unique(prices)
    place = np.asarray(np.searchsorted(grid, prices), np.int64)
    found = {name: _crossings(grid, *_pair(place, w, grid, name)) for name in POINTS}
    random = Generator(PCG64(seed))
    drawn: dict[str, list[float]] = {name: [] for name in POINTS}
    for _ in range(replicates):
        again = np.asarray(w * np.bincount(random.integers(len(w), size=len(w)), minlength=len(w)), float)
        for name in POINTS:
            cross = _crossings(grid, *_pair(place, again, grid, name))
            drawn[name].append(cross[0] if cross else np.nan)
    side = (1 - confidence) / 2
    rows_ = []
    for name, cross in found.items():
        low, high = np.nanquantile(drawn[name], [side, 1 - side]) if cross else (np.nan, np.nan)
        rows_.append(
            dict(point=name, price=cross[0] if cross else np.nan, low=low, high=high, crossings=len(cross))
        )
    curves = pd.DataFrame(
        dict(price=grid) | {c: _curve(place[:, j], w, len(grid), j >= 2) for j, c in enumerate(FOUR)}
    )
    return Sensitivity(pd.DataFrame(rows_), curves, len(prices), int((~rising).sum()))


def _curve(place: Ints, w: Floats, many: int, rises: bool) -> Floats:
    """Return the share that names at most (rising), or at least, each price."""
    at = np.bincount(place, w, many) / w.sum()
    return np.asarray(np.cumsum(at) if rises else np.cumsum(at[::-1])[::-1])


def _pair(place: Ints, w: Floats, grid: Floats, name: str) -> tuple[Floats, Floats]:
    falls, rises = (FOUR.index(c) for c in POINTS[name])
    return _curve(place[:, falls], w, len(grid), False), _curve(place[:, rises], w, len(grid), True)


def _crossings(grid: Floats, falls: Floats, rises: Floats) -> list[float]:
    """Return where two curves of straight lines meet."""
    gap = rises - falls
    out = [float(grid[0])] if gap[0] == 0 else []
    for i in np.flatnonzero((gap[:-1] < 0) & (gap[1:] >= 0) | (gap[:-1] > 0) & (gap[1:] <= 0)):
        out.append(float(grid[i] + (grid[i + 1] - grid[i]) * gap[i] / (gap[i] - gap[i + 1])))
    return out


@dataclass(frozen=True, eq=False)
class Demand:
    """Who would buy at which price.

    Parameters
    ----------
    table : DataFrame
        ``price, share`` (never rising with price), ``revenue`` (of a hundred people), ``low, high`` (of revenue) and
        ``best`` (share of draws in which its revenue is the highest).
    price : float
        Of highest revenue.
    """

    table: pd.DataFrame
    price: float


def demand(
    buys: pd.DataFrame, weights: Floats, seed: int, replicates: int = 400, confidence: float = 0.95
) -> Demand:
    """Return demand at the prices that were asked.

    Parameters
    ----------
    buys : DataFrame
        A column a price (money), 1 where the respondent would buy at it, missing where not asked.
    weights : ndarray
    seed, replicates : int
    confidence : float

    Notes
    -----
    Gabor and Granger (1966, Economica 33:43-70); shares by weighted isotonic regression; respondents drawn again.
    """
    prices = np.array([float(c) for c in buys.columns])
    order = np.argsort(prices)
    prices, said, w = prices[order], buys.to_numpy(float)[:, order], np.asarray(weights, float)
    if len(prices) < 2 or np.isfinite(said).any(axis=1).sum() < FEWEST:
        raise ValueError(f"Demand needs two prices and at least {FEWEST} who were asked.")
    share = _falling(prices, said, w)
    random = Generator(PCG64(seed))
    many = np.array(
        [
            prices
            * _falling(prices, said, w * np.bincount(random.integers(len(w), size=len(w)), minlength=len(w)))
            for _ in range(replicates)
        ]
    )
    side = (1 - confidence) / 2
    low, high = np.quantile(many, [side, 1 - side], axis=0) * 100
    best = np.bincount(many.argmax(axis=1), minlength=len(prices)) / replicates
    table = pd.DataFrame(
        dict(price=prices, share=share, revenue=100 * prices * share, low=low, high=high, best=best)
    )
    return Demand(table, float(prices[(prices * share).argmax()]))


def _falling(prices: Floats, said: Floats, w: Floats) -> Floats:
    asked = np.isfinite(said)
    heavy = (asked * w[:, None]).sum(axis=0)
    share = (np.where(asked, said, 0.0) * w[:, None]).sum(axis=0) / heavy
    return np.asarray(IsotonicRegression(increasing=False).fit(prices, share, heavy).predict(prices))
