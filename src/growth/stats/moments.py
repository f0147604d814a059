"""What is left of a group's units once they are summed: counts, means and centred cross-products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# A float sum of squares that leaves less than this share after centring cannot be told from a constant's.
_LOST = 1e-13
_NAMES = "Moments need at least one metric, each named once."


@dataclass(frozen=True, eq=False)
class Moments:
    """Sufficient statistics of the units of one group, for everything linear.

    Parameters
    ----------
    names : tuple of str
        The k metrics.
    n : int
        Units. A group without units is the neutral element of ``+``; its mean and variance are refused.
    mean : ndarray, shape (k,)
        In the metrics' own units; zeros where there are no units.
    cross : ndarray, shape (k, k)
        Centred sums of squares and cross-products: variance times n - 1.

    Raises
    ------
    ValueError
        If shapes disagree, a name comes twice, a number is missing, or a sum of squares is negative.

    Notes
    -----
    Centred, not raw, sums: with a mean of 1e8 and a spread of 1 raw float squares have no digit left for the variance.
    """

    names: tuple[str, ...]
    n: int
    mean: Floats
    cross: Floats

    def __post_init__(self) -> None:
        names, n = tuple(self.names), self.n
        if not names or len(set(names)) < len(names):
            raise ValueError(_NAMES)
        if not isinstance(n, Integral) or n < 0:
            raise ValueError(f"The number of units must be a whole number of at least 0, not {n!r}.")
        mean, cross = np.array(self.mean, float), np.array(self.cross, float)
        if mean.shape != (len(names),) or cross.shape != (len(names),) * 2:
            raise ValueError(f"{len(names)} metrics need as many means and a square of cross-products.")
        if not (np.isfinite(mean).all() and np.isfinite(cross).all()):
            raise ValueError(
                "A mean or cross-product is not a finite number: fill or drop missing values first."
            )
        if np.any(np.diagonal(cross) < 0):
            raise ValueError("A sum of squares is negative: no data have such a variance; check the sums.")
        mean.setflags(write=False)
        cross.setflags(write=False)
        for key, value in dict(names=names, n=int(n), mean=mean, cross=cross).items():
            object.__setattr__(self, key, value)

    @classmethod
    def of(cls, values: Mapping[str, ArrayLike]) -> Moments:
        """Return the moments of unit-level arrays, in two passes.

        Parameters
        ----------
        values : mapping of str to array-like, shape (n,)
            One array a metric, one number a unit.

        Raises
        ------
        ValueError
            If lengths differ or a value is missing or infinite.

        Notes
        -----
        Corrected two-pass algorithm: Chan, Golub and LeVeque (1983), The American Statistician 37:242-247, eq. 1.7.
        """
        columns = {name: _floats(name, v) for name, v in values.items()}
        if not columns:
            raise ValueError(_NAMES)
        if len({c.shape for c in columns.values()}) > 1 or any(c.ndim != 1 for c in columns.values()):
            raise ValueError(
                "Every metric needs one number for each unit: arrays of one dimension and one length."
            )
        rows = np.array(list(columns.values()))
        k, n = rows.shape
        if n == 0:
            return cls(tuple(columns), 0, np.zeros(k), np.zeros((k, k)))
        mean = rows.mean(axis=1)
        rows = rows - mean[:, None]
        rest = rows.mean(axis=1)
        mean, rows = mean + rest, rows - rest[:, None]
        for i, column in enumerate(columns.values()):
            if column.min() == column.max():  # exactly: rounding of the mean must not look like a variance
                mean[i], rows[i] = column[0], 0.0
        return cls(tuple(columns), n, mean, rows @ rows.T)

    @classmethod
    def from_sums(cls, names: Sequence[str], n: int, sums: Sequence[Any], products: Any) -> Moments:
        """Return moments from what a database sums up.

        Parameters
        ----------
        names : sequence of str
        n : int
            Units; if 0, the sums (null in SQL) are not looked at.
        sums : sequence of numbers, length k
        products : mapping of (i, j) or (name, name) to number, or k rows of k numbers
            Sums of products of two metrics; either order of a pair will do.

        Returns
        -------
        Moments
            Whole numbers and decimals are centred exactly, as fractions, and only then become floats.
            Floats are centred in float arithmetic: where that leaves nothing but rounding the
            variance is 0, so that estimators refuse the metric instead of inventing a spread.

        Raises
        ------
        ValueError
            If a sum is missing or not a number, or sums of squares are less than their sums allow.
        """
        names = tuple(names)
        if n == 0:
            return cls(names, 0, np.zeros(len(names)), np.zeros((len(names), len(names))))
        if len(sums) != len(names):
            raise ValueError(f"There are {len(names)} metrics but {len(sums)} sums.")
        totals = [_number(s, f"The sum of `{name}`") for name, s in zip(names, sums, strict=True)]
        cross = np.zeros((len(names), len(names)))
        for i in range(len(names)):
            for j in range(i + 1):
                product = _number(
                    _product(products, names, i, j), f"The product of `{names[i]}`, `{names[j]}`"
                )
                cross[i, j] = cross[j, i] = _centred(product, totals[i], totals[j], int(n), i == j)
        _check_pairs(names, cross)
        return cls(names, n, np.array([_mean(t, int(n)) for t in totals]), cross)

    def __add__(self, other: Moments) -> Moments:
        """Return the moments of both groups together: Chan, Golub and LeVeque (1979), eq. 2.1."""
        if self.names != other.names:
            raise ValueError(f"Only groups of the same metrics add up, not {self.names} and {other.names}.")
        n = self.n + other.n
        if not self.n or not other.n:
            return self if self.n else other
        step = other.mean - self.mean
        mean = self.mean + step * (other.n / n)
        cross = self.cross + other.cross + np.outer(step, step) * (self.n * other.n / n)
        return Moments(self.names, n, mean, cross)

    def pick(self, *names: str) -> Moments:
        """Return the moments of these metrics only, in this order."""
        at = [self._at(name) for name in names]
        return Moments(names, self.n, self.mean[at], self.cross[np.ix_(at, at)])

    def with_sum(self, name: str, weights: Mapping[str, float], constant: float = 0.0) -> Moments:
        """Return these moments with a metric appended: a weighted sum of others, plus a constant for each unit.

        Raises
        ------
        ValueError
            If the name is taken or a weight is of an unknown metric.
        """
        weight = np.zeros(len(self.names))
        for metric, w in weights.items():
            weight[self._at(metric)] = w
        column = self.cross @ weight
        square = max(float(weight @ column), 0.0)
        scale = float(np.sum(weight**2 * np.diagonal(self.cross)))
        if square <= _LOST * scale:  # terms that cancel leave only rounding
            square, column = 0.0, np.zeros_like(column)
        cross = np.block([[self.cross, column[:, None]], [column[None, :], np.array([[square]])]])
        total = float(weight @ self.mean) + constant if self.n else 0.0
        return Moments((*self.names, name), self.n, np.append(self.mean, total), cross)

    def mean_of(self, name: str) -> float:
        """Return a metric's mean a unit."""
        at = self._at(name)
        if self.n < 1:
            raise ValueError(f"`{name}` has no mean: the group has no units.")
        return float(self.mean[at])

    def var(self, name: str) -> float:
        """Return a metric's variance (divisor n - 1)."""
        return self.cov(name, name)

    def cov(self, a: str, b: str) -> float:
        """Return the covariance of two metrics (divisor n - 1)."""
        i, j = self._at(a), self._at(b)
        if self.n < 2:
            raise ValueError(
                f"A variance needs at least 2 units; `{a}` has {self.n}: widen or merge the group."
            )
        return float(self.cross[i, j]) / (self.n - 1)

    def _at(self, name: str) -> int:
        if name not in self.names:
            raise ValueError(f"There is no metric `{name}` here, only {', '.join(self.names)}.")
        return self.names.index(name)


def _floats(name: str, values: ArrayLike) -> Floats:
    """Return a metric's units as floats; refuse what is missing or no number."""
    try:
        column = np.asarray(values, float)
    except (TypeError, ValueError):
        raise ValueError(
            f"`{name}` has values that are missing or no numbers: fill or drop these units first."
        ) from None
    if not np.isfinite(column).all():
        raise ValueError(f"`{name}` has missing or infinite values: fill or drop these units first.")
    return column


Exact = tuple[
    int, int
]  # numerator and denominator: one division at the end is much faster than fractions all the way


def _number(value: Any, what: str) -> Exact | float:
    """Return whole numbers, decimals and fractions as exact ratios, floats as they are; refuse everything else."""
    if isinstance(value, Decimal) and value.is_finite():
        return value.as_integer_ratio()
    if isinstance(value, Fraction):
        return value.numerator, value.denominator
    if isinstance(value, Integral):
        return int(value), 1
    if isinstance(value, float | np.floating) and np.isfinite(value):
        return float(value)
    raise ValueError(f"{what} is {value!r}, not a finite number: fill missing values before summing.")


def _mean(total: Exact | float, n: int) -> float:
    return total[0] / (total[1] * n) if isinstance(total, tuple) else total / n


def _product(products: Any, names: tuple[str, ...], i: int, j: int) -> Any:
    if not isinstance(products, Mapping):
        return products[i][j]
    for key in ((i, j), (j, i), (names[i], names[j]), (names[j], names[i])):
        if key in products:
            return products[key]
    raise ValueError(f"The sum of `{names[i]}` times `{names[j]}` is missing.")


def _centred(product: Exact | float, a: Exact | float, b: Exact | float, n: int, square: bool) -> float:
    """Return the sum of products about the means; the variance's version refuses what no data can give."""
    if isinstance(product, tuple) and isinstance(a, tuple) and isinstance(b, tuple):
        below = a[1] * b[1] * n
        found, lost = (product[0] * below - a[0] * b[0] * product[1]) / (product[1] * below), 0.0
    else:
        total = _mean(product, 1)
        found, lost = total - _mean(a, 1) * _mean(b, 1) / n, _LOST * abs(total)
    if not square:
        return found
    if found < -lost:
        raise ValueError(
            "A sum of squares is less than the sums allow, a negative variance: check that both cover the same "
            "units, and sum money as decimals, not floats."
        )
    return found if found > lost else 0.0


def _check_pairs(names: tuple[str, ...], cross: Floats) -> None:
    """Refuse products that no data can give (Cauchy and Schwarz); what does not vary has none, but for rounding."""
    spread = np.sqrt(np.diagonal(cross))
    limit = np.outer(spread, spread)
    cross[limit == 0] = 0.0
    wrong = np.argwhere(np.abs(cross) > limit * (1 + 1e-6))
    if len(wrong):
        i, j = wrong[0]
        raise ValueError(
            f"The products of `{names[i]}` and `{names[j]}` exceed what their squares allow: check the sums."
        )
