"""What a price does beyond its own week: depth of promotion against the regular price, and the dip after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import pandas as pd

from growth.price import scores
from growth.price.ladder import Model
from growth.price.twoway import check, coefficients, panel, polished
from growth.stats.contrast import Estimate, Ratio, estimate, fieller
from growth.stats.moments import Floats

WINDOW = 5  # weeks on record whose highest price is the regular one


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


def with_base(
    frame: pd.DataFrame, model: Model, window: int = WINDOW, regular: pd.Series | None = None
) -> pd.DataFrame:
    """Return the frame with ``base`` (log regular price: the highest of the last weeks on record) and ``depth``.

    Parameters
    ----------
    frame : DataFrame
    model : Model
        Its product is what has prices of its own (a product in a store, say).
    window : int
        Weeks, the current one included; fewer at the start.
    regular : Series, optional
        Log regular price where it is known (a list price): then it is that.

    Notes
    -----
    In the first weeks of a product, and within a promotion longer than the window, the price paid is taken for regular;
    a regular price that falls is taken for a promotion until the window has passed, which bends the effect of depth
    towards that of the regular price.
    """
    check(frame, [model.price], [model.product, model.week])
    if window < 2:
        raise ValueError(f"A regular price needs a window of at least 2 weeks, not {window}.")
    if regular is not None:
        return frame.assign(base=regular.to_numpy(), depth=frame[model.price].to_numpy() - regular.to_numpy())
    rows = frame.sort_values([model.product, model.week], kind="stable")
    highest = rows.groupby(model.product)[model.price].rolling(window, min_periods=1).max()
    base = pd.Series(highest.to_numpy(), index=rows.index).reindex(frame.index)
    return frame.assign(base=base, depth=frame[model.price] - base)


def regular_and_promotion(
    frame: pd.DataFrame,
    model: Model,
    window: int = WINDOW,
    confidence: float = 0.95,
    regular: pd.Series | None = None,
) -> Split:
    """Return the elasticity of the regular price and of promotion depth, in one fit with two-way effects.

    Parameters
    ----------
    frame : DataFrame
    model : Model
        `y` is log units.
    window : int
    confidence : float
    regular : Series, optional
        See `with_base`.

    Raises
    ------
    ValueError
        If there was no promotion, or the regular price never moved beyond the effects.
    """
    rows = with_base(frame.reset_index(drop=True), model, window, regular)
    found = _fit(rows, model, ["base", "depth"])
    base, depth = (found.estimate(i, confidence) for i in (0, 1))
    return Split(base, depth, found.n, found.dropped, found.said)


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
