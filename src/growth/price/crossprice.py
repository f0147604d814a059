"""What a price does beyond its own week and product: depth against level, the dip after, neighbours on the shelf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
import pandas as pd

from growth.price import scores
from growth.price.ladder import Model
from growth.price.twoway import Ints, check, coefficients, panel, polished
from growth.stats.contrast import Estimate, Ratio, estimate, fieller
from growth.stats.moments import Floats

WINDOW = 5  # weeks on record whose highest price is the regular one
PENALTIES = (
    0.0,
    0.001,
    0.003,
    0.01,
    0.03,
    0.1,
    0.3,
    1.0,
    3.0,
    inf,
)  # of cross prices, in shares of their variance
BLOCKS = 5  # of weeks, each held out once
FEWEST_WEEKS = 20
FEWEST_MARKETS = 10  # from which on errors are clustered by market too: fewer cannot tell how markets differ


@dataclass(frozen=True)
class Split:
    """Elasticity of the regular price, and of the depth of promotion below it.

    Parameters
    ----------
    regular, depth : Estimate
        Of log regular price, and of log price paid less log regular price: both are negative in a sane market.
    n : int
    dropped : mapping of str to int
    errors : str
    """

    regular: Estimate
    depth: Estimate
    n: int
    dropped: Mapping[str, int]
    errors: str


@dataclass(frozen=True)
class Dynamics:
    """A price cut's week, the weeks after, and the week before.

    Parameters
    ----------
    now : Estimate
        Elasticity in the week itself.
    after : tuple of Estimate
        Of the price one week ago, two weeks ago, …: positive where a cut then costs sales now.
    before : tuple of Estimate
        Of the price next week, …: what customers wait for, or a sign that price follows demand.
    long_run : Estimate
        Now and after together: the elasticity of a price that stays.
    borrowed : Ratio
        Share of the week's lift that the weeks after give back, with Fieller's set.
    n : int
    dropped : mapping of str to int
    errors : str
    """

    now: Estimate
    after: tuple[Estimate, ...]
    before: tuple[Estimate, ...]
    long_run: Estimate
    borrowed: Ratio
    n: int
    dropped: Mapping[str, int]
    errors: str


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


def with_base(frame: pd.DataFrame, model: Model, window: int = WINDOW) -> pd.DataFrame:
    """Return the frame with ``base`` (log regular price: the highest of the last weeks on record) and ``depth``.

    Parameters
    ----------
    frame : DataFrame
    model : Model
        Its product is what has prices of its own (a product in a store, say).
    window : int
        Weeks, the current one included; fewer at the start.

    Notes
    -----
    In the first weeks of a product, and within a promotion longer than the window, the price paid is taken for regular;
    a regular price that falls is taken for a promotion until the window has passed, which bends the effect of depth
    towards that of the regular price.
    """
    check(frame, [model.price], [model.product, model.week])
    if window < 2:
        raise ValueError(f"A regular price needs a window of at least 2 weeks, not {window}.")
    rows = frame.sort_values([model.product, model.week], kind="stable")
    highest = rows.groupby(model.product)[model.price].rolling(window, min_periods=1).max()
    base = pd.Series(highest.to_numpy(), index=rows.index).reindex(frame.index)
    return frame.assign(base=base, depth=frame[model.price] - base)


def regular_and_promotion(
    frame: pd.DataFrame, model: Model, window: int = WINDOW, confidence: float = 0.95
) -> Split:
    """Return the elasticity of the regular price and of promotion depth, in one fit with two-way effects.

    Parameters
    ----------
    frame : DataFrame
    model : Model
        `y` is log units.
    window : int
    confidence : float

    Raises
    ------
    ValueError
        If there was no promotion, or the regular price never moved beyond the effects.
    """
    rows = with_base(frame.reset_index(drop=True), model, window)
    found = _fit(rows, model, ["base", "depth"])
    regular, depth = (found.estimate(i, confidence) for i in (0, 1))
    return Split(regular, depth, found.n, found.dropped, found.said)


def dynamics(
    frame: pd.DataFrame, model: Model, lags: int = 4, leads: int = 1, confidence: float = 0.95
) -> Dynamics:
    """Return what a price does in its week, after it and before it, with two-way effects.

    Parameters
    ----------
    frame : DataFrame
        At most a row a product and week; weeks are whole numbers, one apart.
    model : Model
        `y` is log units.
    lags, leads : int
        Weeks after and before; a row without a price in one of them is left out and counted.
    confidence : float

    Raises
    ------
    ValueError
        If weeks are not whole numbers, a cell is doubled, or no row has all neighbours.
    """
    if lags < 1 or leads < 0:
        raise ValueError(f"At least 1 lag and no negative leads, not {lags!r} and {leads!r}.")
    shifted = _neighbours(frame, model, [*range(1, lags + 1), *range(-1, -leads - 1, -1)])
    names = [str(c) for c in shifted if str(c).startswith("_price_")]
    whole = shifted[names].notna().all(axis=1)
    if not whole.any():
        raise ValueError(
            f"No row has prices in the {lags} weeks before and {leads} after it: fill gaps, or take fewer."
        )
    found = _fit(shifted[whole], model, [model.price, *names])
    k = 1 + lags
    total, value = float(found.covariance[:k, :k].sum()), float(found.beta[:k].sum())
    v = found.covariance
    borrowed = fieller(
        -float(found.beta[1:k].sum()), float(found.beta[0]), float(v[1:k, 1:k].sum()), float(v[0, 0]),
        -float(v[0, 1:k].sum()), found.freedom, confidence,
    )  # fmt: skip
    each = [found.estimate(i, confidence) for i in range(1 + lags + leads)]
    dropped = {"no price in a week before or after": int((~whole).sum()), **found.dropped}
    return Dynamics(
        each[0], tuple(each[1:k]), tuple(each[k:]), estimate(value, sqrt(total), found.freedom, confidence), borrowed,
        found.n, {r: n for r, n in dropped.items() if n}, found.said,
    )  # fmt: skip


def _neighbours(frame: pd.DataFrame, model: Model, steps: Sequence[int]) -> pd.DataFrame:
    """Return the frame with the product's price so many weeks ago (negative: ahead); missing where there is none."""
    check(frame, [model.price], [model.product, model.week])
    if not pd.api.types.is_integer_dtype(frame[model.week]):
        raise ValueError(
            f"`{model.week}` must be whole numbers, one apart, to tell the week before: count weeks."
        )
    keys = pd.MultiIndex.from_frame(frame[[model.product, model.week]])
    if keys.has_duplicates:
        raise ValueError(
            f"{int(keys.duplicated().sum()):,} rows repeat a product and week: add them up before looking at lags."
        )
    price = pd.Series(frame[model.price].to_numpy(float), index=keys)
    made = {}
    for step in steps:
        there = pd.MultiIndex.from_arrays([frame[model.product], frame[model.week] - step])
        made[f"_price_{step}"] = price.reindex(there).to_numpy()
    return frame.assign(**made)


@dataclass(frozen=True, eq=False)
class _Fit:
    beta: Floats
    covariance: Floats
    freedom: float
    n: int
    dropped: dict[str, int]
    said: str

    def estimate(self, at: int, confidence: float) -> Estimate:
        error = sqrt(self.covariance[at, at])
        return estimate(float(self.beta[at]), error, self.freedom, confidence)


def _fit(frame: pd.DataFrame, model: Model, x: Sequence[str]) -> _Fit:
    """Fit y on x and the controls with two-way effects."""
    names = [*x, *model.controls]
    rows = panel(frame, [model.y, *names], model.product, model.week, model.keys)
    raw = rows.frame[[model.y, *names]].to_numpy(float)
    raw = raw - raw.mean(axis=0)
    left = rows.residuals(raw)
    beta, inverse = coefficients(left.T @ left, np.sum(raw**2, axis=0), names)
    beta, residual = polished(beta, inverse, left[:, 1:], left[:, 0] - left[:, 1:] @ beta)
    keys = [model.product, model.week]
    own = scores.covariance(model.kind, rows.frame, left[:, 1:], residual, inverse, keys)
    dropped = {"alone in their product or week": rows.singletons} if rows.singletons else {}
    return _Fit(beta, own.matrix, own.freedom, len(left), dropped, own.said)


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
        `y` is log units. Errors cluster by week, and by market too from 10 markets on; its `errors` are not used.
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
        ways = (market, model.week) if own[market].nunique() >= FEWEST_MARKETS else (model.week,)
        extra = controls.shape[1] + (0 if effects else 1)
        blocks = codes * BLOCKS // (int(codes.max()) + 1)
        errors = scores.Clustered(ways)
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
