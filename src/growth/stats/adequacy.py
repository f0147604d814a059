"""Gates of purchase models: what makes their forecasts worthless is said, not hidden in a parameter."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import ArrayLike

from growth.stats.contrast import critical
from growth.stats.purchase import PurchaseModel, nbd

_FEW = 100  # repeaters
_DROPOUT = 5.99  # twice the log-likelihood gained by dropout's two parameters: 95 % of chi-square with 2
_HUGE = 1e3  # a shape so large that customers no longer differ in it
_REGULAR, _CLUMPY = 1.25, 0.8  # Erlang shapes of gaps; 1 is a Poisson process


@dataclass(frozen=True)
class Regularity:
    """The Erlang shape of gaps between purchases: 1 is random, more is regular, less comes in clumps.

    Parameters
    ----------
    shape, low, high : float
        The shape with its interval; the ends may be infinite.
    customers : int
        Those with two gaps.
    """

    shape: float
    low: float
    high: float
    customers: int


def regularity(
    first: ArrayLike, second: ArrayLike, count: ArrayLike | None = None, confidence: float = 0.95
) -> Regularity:
    """Return how regular purchases are, from two neighbouring gaps of each customer (any two, say the last).

    Parameters
    ----------
    first, second : array-like of float
        Positive times between purchases.
    count : array-like of int, optional
        Customers with these gaps.
    confidence : float

    Raises
    ------
    ValueError
        If a gap is not positive, or fewer than 2 customers have two gaps.

    Notes
    -----
    Wheat and Morrison (1990), Marketing Science 9:180-190: first / (first + second) is Beta(k, k), whatever the
    customer's rate, with variance 1 / (8 k + 4). The variance's error is that of a mean of squares about 1/2.
    """
    a, b = np.asarray(first, float), np.asarray(second, float)
    n = np.ones(a.shape) if count is None else np.asarray(count, float)
    if a.shape != b.shape or a.shape != n.shape or not np.all((a > 0) & (b > 0) & (n > 0)):
        raise ValueError(
            "Regularity needs two positive gaps of each customer: merge purchases of the same moment."
        )
    total = float(n.sum())
    if total < 2:
        raise ValueError("Regularity needs at least 2 customers with three purchases.")
    square = (a / (a + b) - 0.5) ** 2
    variance = float(n @ square / total)
    error = float(np.sqrt(n @ (square - variance) ** 2 / (total - 1) / total))
    half = critical(inf, confidence) * error

    def shape(v: float) -> float:
        return (1 / v - 4) / 8 if v > 0 else inf

    return Regularity(shape(variance), max(shape(variance + half), 0.0), shape(variance - half), int(total))


def adequacy(model: PurchaseModel, timing: Regularity | None = None) -> list[tuple[str, str]]:
    """Return what speaks against a fitted purchase model; empty if nothing does.

    Parameters
    ----------
    model : PurchaseModel
    timing : Regularity, optional
        Of the same customers' gaps; without it the timing is not judged.

    Returns
    -------
    list of (code, sentence)
        Codes: ``few_repeaters``, ``no_dropout``, ``bound``, ``loose``, ``regular_timing``, ``clumpy_timing``. The first
        three make a forecast of who is still there meaningless.
    """
    found = [_few(model), _no_dropout(model), _bound(model), _loose(model)]
    if timing is not None:
        found.append(_timing(timing))
    return [f for f in found if f]


Gate = tuple[str, str] | None


def _few(model: PurchaseModel) -> Gate:
    n = model.patterns.repeaters
    if n >= _FEW:
        return None
    return (
        "few_repeaters",
        f"Only {n} customers bought again, fewer than {_FEW}: too few to tell a customer who left from one who waits.",
    )


def _no_dropout(model: PurchaseModel) -> Gate:
    at = model.patterns
    plain = nbd(at.x, at.t, at.count).log_likelihood
    gain = 2 * (model.fit.log_likelihood - plain)
    key = "a" if "a" in model.fit.names else "s"
    size = model.fit.parameters[key]
    if gain > _DROPOUT and size >= 0.01:
        return None
    return (
        "no_dropout",
        f"The data show no customers leaving ({key} = {size:.4f}; twice the log-likelihood gained over purchases "
        f"without dropout is {gain:.2f}): everyone counts as alive and lifetime value is overstated; observe longer.",
    )


def _bound(model: PurchaseModel) -> Gate:
    fit = model.fit
    shapes = [k for k in ("r", "a", "b", "s") if fit.parameters.get(k, 0.0) > _HUGE]
    ends = list(dict.fromkeys([*fit.bounded, *shapes]))
    if not ends:
        return None
    return (
        "bound",
        f"{' and '.join(ends)} ran to the end of the range: the data do not show the differences between customers "
        "that the model describes, and intervals are too narrow.",
    )


def _loose(model: PurchaseModel) -> Gate:
    errors = np.sqrt(np.diagonal(model.fit.covariance))
    loose = [n for n, e in zip(model.fit.names, errors, strict=True) if e > 1]
    if not loose:
        return None
    return (
        "loose",
        f"{' and '.join(loose)} could as well be half or double: do not read anything into the parameter itself.",
    )


def _timing(timing: Regularity) -> Gate:
    said = f"(Erlang shape {timing.shape:.2f}, {timing.low:.2f} to {timing.high:.2f}, where random is 1)"
    if timing.low > _REGULAR:
        return (
            "regular_timing",
            f"Purchases come regularly {said}: the model notices too late that somebody left.",
        )
    if timing.high < _CLUMPY:
        return (
            "clumpy_timing",
            f"Purchases come in clumps {said}: the model takes the time between them for leaving.",
        )
    return None
