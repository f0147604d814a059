"""A ladder of elasticities, from naive to defensible, side by side: what each leaves out shows in the next.

Every rung has an interval by Student's t with G - 1 degrees of freedom, G the smaller number of clusters; errors are
clustered by product and week together unless told otherwise, as promotions hit many products in one week.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import sqrt

import numpy as np
import pandas as pd

from growth.errors import attempt
from growth.price import poisson as pseudo
from growth.price import scores
from growth.price.instruments import Instrumented, two_stage
from growth.price.twoway import Panel, check, coefficients, panel, polished
from growth.stats.contrast import Estimate, estimate
from growth.stats.moments import Floats

ALONE = "alone in their product or week"


@dataclass(frozen=True)
class Model:
    """What answers what.

    Parameters
    ----------
    y : str
        The response: log units; for `poisson` units.
    price : str
        Log price.
    product, week : str
        Keys of the effects.
    controls : tuple of str
    errors : Classical, Robust, Clustered or OverTime, optional
        Clustered by product and week unless told.
    """

    y: str
    price: str
    product: str
    week: str
    controls: tuple[str, ...] = ()
    errors: scores.Errors | None = None

    @property
    def kind(self) -> scores.Errors:
        """The errors asked for."""
        return self.errors or scores.Clustered((self.product, self.week))

    @property
    def x(self) -> list[str]:
        """Price and controls."""
        return [self.price, *self.controls]

    @property
    def keys(self) -> list[str]:
        """Columns that clusters or weeks are told by."""
        return scores.keys(self.kind)


@dataclass(frozen=True)
class Rung:
    """One estimate of the price elasticity.

    Parameters
    ----------
    name : str
    estimate : Estimate or None
        None where there is none. Where `refused` says why, it must not be read as the elasticity.
    n : int
        Rows used.
    dropped : mapping of str to int
        Why rows were left out, and how many.
    errors : str
        How the covariance was made.
    refused : str
        Why it must not be read, in one sentence; empty where it may.
    instrumented : Instrumented or None
        Of the rung that has instruments.
    with_own : float
        Of an answer to others' prices: correlation of its error with that of the own elasticity.
    """

    name: str
    estimate: Estimate | None
    n: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    errors: str = ""
    refused: str = ""
    instrumented: Instrumented | None = None
    with_own: float = 0.0


def pooled(frame: pd.DataFrame, model: Model, confidence: float = 0.95) -> Rung:
    """Return the naive slope over all rows: cheap products sell more, and that counts as elasticity."""
    return _least_squares("pooled", frame, model, [], confidence)


def product_effects(frame: pd.DataFrame, model: Model, confidence: float = 0.95) -> Rung:
    """Return the slope within products: what sells better and what costs more no longer counts; seasons still do."""
    return _least_squares("product effects", frame, model, [model.product], confidence)


def two_way(frame: pd.DataFrame, model: Model, confidence: float = 0.95) -> Rung:
    """Return the slope within products and weeks: what hits all products of a week no longer counts."""
    return _least_squares("product and week effects", frame, model, [model.product, model.week], confidence)


def _least_squares(
    name: str, frame: pd.DataFrame, model: Model, effects: list[str], confidence: float
) -> Rung:
    rows = panel(frame, [model.y, *model.x], model.product, model.week, model.keys, effects)
    left, raw = _left(rows, [model.y, *model.x], effects)
    beta, inverse = coefficients(left.T @ left, np.sum(raw**2, axis=0), model.x)
    beta, residual = polished(beta, inverse, left[:, 1:], left[:, 0] - left[:, 1:] @ beta)
    own = scores.covariance(
        model.kind, rows.frame, left[:, 1:], residual, inverse, effects, 0 if effects else 1
    )
    found = estimate(float(beta[0]), sqrt(own.matrix[0, 0]), own.freedom, confidence)
    refused = "" if found.value <= 0 else _rises(found.value)
    return Rung(name, found, len(left), _counted(rows), own.said, refused)


def _left(rows: Panel, columns: Sequence[str], effects: Sequence[str]) -> tuple[Floats, Floats]:
    """Return columns less their effects (their mean where there are none), and less their mean alone."""
    raw = rows.frame[list(columns)].to_numpy(float)
    raw = raw - raw.mean(axis=0)
    if len(effects) == 2:
        return rows.residuals(raw), raw
    if effects:
        means = scores.sums_by(rows.unit, raw) / np.bincount(rows.unit)[:, None]
        return raw - means[rows.unit], raw
    return raw, raw


def _counted(rows: Panel) -> dict[str, int]:
    return {ALONE: rows.singletons} if rows.singletons else {}


def _rises(value: float) -> str:
    return (
        f"Demand would rise with price ({value:+.2f}): something that moves both is left out, so this is no "
        "elasticity."
    )


def instrument(
    frame: pd.DataFrame, model: Model, instruments: Sequence[str], effects: Sequence[str] | None = None,
    confidence: float = 0.95,
) -> Rung:  # fmt: skip
    """Return the slope along price moves that the instruments cause (costs, prices of other regions).

    Parameters
    ----------
    frame : DataFrame
    model : Model
    instruments : sequence of str
    effects : sequence of str, optional
        Product and week unless told; none for one series.
    confidence : float

    Returns
    -------
    Rung
        Refused if the effective F is below 10, demand would rise with price, or the Anderson-Rubin set has no end or
        is empty.

    Raises
    ------
    ValueError
        If an instrument or control does not vary once the effects are taken out.
    """
    keys = [model.product, model.week] if effects is None else list(effects)
    columns = [model.y, model.price, *model.controls, *instruments]
    rows = panel(frame, columns, model.product, model.week, model.keys, keys)
    left, raw = _left(rows, columns, keys)
    known = 2 + len(model.controls)
    order = [1, *range(2, left.shape[1])]
    squares = np.sum(raw**2, axis=0)
    coefficients((left.T @ left)[np.ix_(order, order)], squares[order], columns[2:])
    controls = left[:, 2:known]
    for _twice in range(2 if controls.shape[1] else 0):  # the second pass takes rounding of the first
        left = left - controls @ np.linalg.lstsq(controls, left, rcond=None)[0]
    extra = len(model.controls) + (0 if keys else 1)
    found = two_stage(
        left[:, 0], left[:, 1], left[:, known:], rows.frame, model.kind, keys, extra, confidence
    )
    return Rung(
        f"instrument: {', '.join(instruments)}", found.estimate, len(left), _counted(rows), found.errors,
        found.refusal, found,
    )  # fmt: skip


def poisson(frame: pd.DataFrame, model: Model, confidence: float = 0.95) -> Rung:
    """Return the Poisson slope of units, weeks of no sale kept, with product and week effects."""
    found = pseudo.fit(frame, model.y, model.x, model.product, model.week, model.kind)
    own = estimate(float(found.coefficients[0]), sqrt(found.covariance[0, 0]), found.freedom, confidence)
    refused = "" if own.value <= 0 else _rises(own.value)
    return Rung("Poisson, zeros kept", own, found.n, found.dropped, found.errors, refused)


def ladder(
    frame: pd.DataFrame, model: Model, instruments: Sequence[str] = (), confidence: float = 0.95
) -> list[Rung]:
    """Return all rungs, the naive first; a rung that cannot be climbed says why.

    Parameters
    ----------
    frame : DataFrame
        A row a product and week, with units, weeks of no sale included.
    model : Model
        `y` is units: least squares take its logarithm, of weeks with a sale, and count the others.
    instruments : sequence of str
        None: that rung is left out.
    confidence : float
    """
    found = naive(frame, model, confidence)
    if instruments:
        logged, own = _logged(frame, model)
        found.append(
            _counting(
                tried("instrument", instrument, logged, own, instruments, None, confidence), frame, logged
            )
        )
    return [*found, tried("Poisson, zeros kept", poisson, frame, model, confidence)]


def naive(frame: pd.DataFrame, model: Model, confidence: float = 0.95) -> list[Rung]:
    """Return the rungs of least squares: pooled, product effects, product and week effects; arguments as `ladder`."""
    logged, own = _logged(frame, model)
    made = {"pooled": pooled, "product effects": product_effects, "product and week effects": two_way}
    return [_counting(tried(n, rung, logged, own, confidence), frame, logged) for n, rung in made.items()]


def _logged(frame: pd.DataFrame, model: Model) -> tuple[pd.DataFrame, Model]:
    """Return the weeks with a sale, with the logarithm of units, and the model of it."""
    check(frame, [model.y], [])
    sold = frame[frame[model.y] > 0]
    return sold.assign(_log_units=np.log(sold[model.y].astype(float))), replace(model, y="_log_units")


def _counting(rung: Rung, frame: pd.DataFrame, logged: pd.DataFrame) -> Rung:
    """Return a rung of logarithms with the weeks of no sale among what was left out."""
    zeros = len(frame) - len(logged)
    return replace(rung, dropped={"no sale, so no logarithm": zeros, **rung.dropped}) if zeros else rung


def tried(name: str, rung: Callable[..., Rung], frame: pd.DataFrame, *arguments: object) -> Rung:
    """Return a rung under a name, or why there is none."""
    found, why = attempt(rung, frame, *arguments)
    if found is None:
        return Rung(name, None, 0, {"the fit was refused": len(frame)}, refused=why)
    return replace(found, name=name)
