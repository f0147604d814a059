"""What a product's price does to its neighbours on the shelf: own and cross elasticities of a category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
import pandas as pd

from growth.price import scores
from growth.price.ladder import Model
from growth.price.twoway import Ints, check, panel
from growth.stats.contrast import estimate
from growth.stats.moments import Floats

# Of cross prices, in shares of their variance; infinite: none at all.
PENALTIES = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, inf)
BLOCKS = 5  # of weeks, each held out once
FEWEST_WEEKS = 20
FEWEST_MARKETS = (
    10  # from which on errors are clustered by market and week: fewer cannot tell how markets differ
)
LAGS = 4  # weeks over which errors of fewer markets depend on one another


@dataclass(frozen=True)
class Wrong:
    """A sign that substitutes cannot have.

    Parameters
    ----------
    product, price_of : object
    value : float
    certain : bool
        Whether its interval excludes 0: a complement, or something left out; otherwise it may be chance.
    """

    product: object
    price_of: object
    value: float
    certain: bool


@dataclass(frozen=True, eq=False)
class CrossPrices:
    """Elasticities of every product of a category by every price of it.

    Parameters
    ----------
    products : tuple
    matrix : ndarray, shape (J, J)
        Row i: log units of product i by log price of product j.
    errors : ndarray, shape (J, J)
        Standard errors, clustered; of shrunken cross effects they carry sampling error alone, not the shrinkage.
    freedom : ndarray, shape (J,)
        Of Student's t, by row.
    penalty : float
        What weeks held out chose; infinite: no cross effects at all.
    gain : float
        Share of held-out squared error that cross prices take away; 0 where none do.
    n : tuple of int
        Rows used, by product.
    dropped : mapping of str to int
    wrong : tuple of Wrong
    """

    products: tuple[object, ...]
    matrix: Floats
    errors: Floats
    freedom: Floats
    penalty: float
    gain: float
    n: tuple[int, ...]
    dropped: Mapping[str, int]
    wrong: tuple[Wrong, ...]


def cross_prices(
    frame: pd.DataFrame, model: Model, market: str, week_effects: bool = False, confidence: float = 0.95,
    penalties: Sequence[float] = PENALTIES,
) -> CrossPrices:  # fmt: skip
    """Return the matrix of own and cross elasticities of a category, cross effects shrunk as held-out weeks ask.

    Parameters
    ----------
    frame : DataFrame
        A row a product, market and week.
    model : Model
        `y` is log units. Errors cluster by market and week from 10 markets on, and are else those over time (Newey and
        West's of one market, 4 lags); its `errors` are not used.
    market : str
        Store or region; each has an effect of its own on every product.
    week_effects : bool
        Take week effects out too: what moves all markets at once then tells nothing.
    confidence : float
        Of the intervals that tell whether a wrong sign is certain.
    penalties : sequence of float
        Tried, in shares of a price's own variation; infinite leaves cross effects out. One for the whole category.

    Raises
    ------
    ValueError
        If there are fewer than 2 products or 20 weeks, a cell is doubled, or an own price does not vary.

    Notes
    -----
    Ridge regression (Hoerl and Kennard 1970, Technometrics 12:55-67) with the own price free: (X'X + p D) b = X'y, D
    the squares of the cross prices. The penalty is that of least squared error over five blocks of consecutive weeks,
    each held out once.
    """
    wide, dropped = _wide(frame, model, market)
    parts = [_Equation.of(wide, i, model, market, week_effects) for i in range(len(wide.products))]
    errors = np.array([sum(e.held_out(p) for e in parts) for p in penalties])
    best = int(np.argmin(errors))
    without = errors[list(penalties).index(inf)] if inf in penalties else sum(e.held_out(inf) for e in parts)
    fits = [e.fit(penalties[best]) for e in parts]
    matrix, spread = np.stack([f[0] for f in fits]), np.stack([f[1] for f in fits])
    freedom = np.array([f[2] for f in fits])
    return CrossPrices(
        wide.products, matrix, spread, freedom, float(penalties[best]), max(0.0, 1 - float(errors[best] / without)),
        tuple(len(e.y) for e in parts), dropped, _wrong(wide.products, matrix, spread, freedom, confidence),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Wide:
    """Rows of one market and week, with every product's price."""

    products: tuple[object, ...]
    rows: pd.DataFrame  # a row a product with all prices of its market and week, as `_p0, _p1, …`


def _wide(frame: pd.DataFrame, model: Model, market: str) -> tuple[_Wide, dict[str, int]]:
    check(frame, [model.y, *model.x], [model.product, market, model.week])
    keys = [market, model.week]
    if frame.duplicated([*keys, model.product]).any():
        raise ValueError("Some rows repeat a product, market and week: add them up first.")
    products = tuple(sorted(frame[model.product].unique()))
    weeks = frame[model.week].nunique()
    if len(products) < 2 or weeks < FEWEST_WEEKS:
        raise ValueError(
            f"{len(products)} products and {weeks} weeks are too few for cross prices: at least 2 and {FEWEST_WEEKS} "
            "are needed."
        )
    prices = frame.pivot(index=keys, columns=model.product, values=model.price)[list(products)]
    prices.columns = pd.Index([f"_p{j}" for j in range(len(products))])
    rows = frame.merge(prices.dropna().reset_index(), on=keys)
    dropped = {"a price of the category is missing in its market and week": len(frame) - len(rows)}
    if rows.empty:
        raise ValueError("No market and week has all prices of the category: leave rare products out.")
    return _Wide(products, rows), {k: v for k, v in dropped.items() if v}


@dataclass(frozen=True, eq=False)
class _Equation:
    """One product's demand by all prices, effects and controls taken out."""

    at: int
    y: Floats
    x: Floats
    blocks: Ints
    frame: pd.DataFrame
    errors: scores.Errors
    effects: tuple[str, ...]
    extra: int

    @classmethod
    def of(cls, wide: _Wide, at: int, model: Model, market: str, week_effects: bool) -> _Equation:
        own = wide.rows[wide.rows[model.product] == wide.products[at]]
        names = [f"_p{j}" for j in range(len(wide.products))]
        many = own[market].nunique() > 1
        effects = ([market] if many else []) + ([model.week] if week_effects else [])
        rows = panel(own, [model.y, *names, *model.controls], market, model.week, effects=effects)
        raw = rows.frame[[model.y, *names, *model.controls]].to_numpy(float)
        raw = raw - raw.mean(axis=0)
        left = rows.residuals(raw) if len(effects) == 2 else _demeaned(raw, rows.frame, effects)
        controls = left[:, 1 + len(names) :]
        if controls.shape[1]:
            left = left - controls @ np.linalg.lstsq(controls, left, rcond=None)[0]
        square = np.sum(raw**2, axis=0)[1 + at]
        if not np.sum(left[:, 1 + at] ** 2) > 1e-9 * square:
            raise ValueError(
                f"The price of {wide.products[at]} does not vary once effects and controls are taken out: leave it out."
            )
        codes = pd.factorize(rows.frame[model.week], sort=True)[0]
        extra = controls.shape[1] + (0 if effects else 1)
        blocks = codes * BLOCKS // (int(codes.max()) + 1)
        many = own[market].nunique() >= FEWEST_MARKETS
        errors = scores.Clustered((market, model.week)) if many else scores.OverTime(model.week, LAGS)
        return cls(
            at, left[:, 0], left[:, 1 : 1 + len(names)], blocks, rows.frame, errors, tuple(effects), extra
        )

    def solve(self, xx: Floats, xy: Floats, penalty: float) -> tuple[Floats, Floats]:
        """Return coefficients and the inverse that made them; what is left out has zeros."""
        j = len(xy)
        free = np.arange(j) if penalty < inf else np.array([self.at])
        ridge = np.zeros(j) if penalty == inf else penalty * np.diagonal(xx).copy()
        ridge[self.at] = 0.0
        inverse = np.zeros((j, j))
        inverse[np.ix_(free, free)] = np.linalg.pinv(
            (xx + np.diag(ridge))[np.ix_(free, free)], hermitian=True
        )
        return inverse @ xy, inverse

    def held_out(self, penalty: float) -> float:
        """Return the squared error over blocks of weeks held out, as a share of the total."""
        error = 0.0
        for block in range(BLOCKS):
            out = self.blocks == block
            x, y = self.x[~out], self.y[~out]
            beta, _inverse = self.solve(x.T @ x, x.T @ y, penalty)
            error += float(np.sum((self.y[out] - self.x[out] @ beta) ** 2))
        return error / float(self.y @ self.y)

    def fit(self, penalty: float) -> tuple[Floats, Floats, float]:
        """Return coefficients, standard errors and freedom on all weeks."""
        beta, inverse = self.solve(self.x.T @ self.x, self.x.T @ self.y, penalty)
        kept = np.diagonal(inverse) > 0
        own = scores.covariance(
            self.errors, self.frame, self.x[:, kept], self.y - self.x @ beta, inverse[np.ix_(kept, kept)], self.effects,
            self.extra,
        )  # fmt: skip
        errors = np.zeros(len(beta))
        errors[kept] = np.sqrt(np.diagonal(own.matrix))
        return beta, errors, own.freedom


def _demeaned(raw: Floats, frame: pd.DataFrame, effects: Sequence[str]) -> Floats:
    if not effects:
        return raw
    codes = pd.factorize(frame[effects[0]])[0]
    return raw - (scores.sums_by(codes, raw) / np.bincount(codes)[:, None])[codes]


def _wrong(
    products: tuple[object, ...], matrix: Floats, errors: Floats, freedom: Floats, confidence: float
) -> tuple[Wrong, ...]:
    """Return own effects that are not negative and cross effects that are."""
    found = []
    for i, product in enumerate(products):
        for j, other in enumerate(products):
            value = float(matrix[i, j])
            if (value >= 0 if i == j else value < 0) and errors[i, j] > 0:
                own = estimate(value, float(errors[i, j]), float(freedom[i]), confidence)
                found.append(Wrong(product, other, value, not own.low <= 0 <= own.high))
    return tuple(found)
