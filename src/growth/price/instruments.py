"""One price, one or several instruments: two-stage least squares, and sets that hold when instruments are weak."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, pi, sqrt, tan
from typing import Literal

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import f as f_law

from growth.price import scores
from growth.stats.contrast import Estimate, check_confidence, estimate, fieller
from growth.stats.moments import Floats

WEAK = 10.0  # effective F below which the instruments are refused (Stock and Yogo's rule of thumb)
_GRID = 4001  # angles at which the set's edges are looked for

Kind = Literal["empty", "bounded", "rays", "line"]


@dataclass(frozen=True)
class Accepted:
    """The coefficients that the data do not contradict, whatever the instruments' strength.

    Parameters
    ----------
    kind : str
        "empty" (the instruments contradict one another), "bounded", "rays" (it reaches infinity, but not everywhere),
        "line" (nothing is excluded).
    pieces : tuple of (float, float)
        Intervals whose union it is, in order.
    confidence : float
    """

    kind: Kind
    pieces: tuple[tuple[float, float], ...]
    confidence: float

    def holds(self, value: float) -> bool:
        """Return whether a coefficient is in the set."""
        return any(low <= value <= high for low, high in self.pieces)


@dataclass(frozen=True, eq=False)
class Reduced:
    """Price and response on the instruments, side by side.

    Parameters
    ----------
    first, form : ndarray, shape (q,)
        Coefficients of the price (first stage), and of the response (reduced form).
    covariance : ndarray, shape (2q, 2q)
        Of both together, the first stage first.
    products : ndarray, shape (q, q)
        Z'Z, effects and controls taken out.
    freedom : float
        Of Student's t.
    """

    first: Floats
    form: Floats
    covariance: Floats
    products: Floats
    freedom: float

    @property
    def strength(self) -> float:
        """The effective F.

        Montiel Olea and Pflueger (2013), JBES 31:358-369: p'Sp / tr(VS), p the first stage, V its covariance, S
        the products of the instruments, controls taken out. Of one instrument it is the robust F.
        """
        q = len(self.first)
        top = self.first @ self.products @ self.first
        return float(top / np.trace(self.covariance[:q, :q] @ self.products))


@dataclass(frozen=True, eq=False)
class Instrumented:
    """A price coefficient by two-stage least squares.

    Parameters
    ----------
    estimate : Estimate
        With the ordinary t interval, which does not hold if instruments are weak.
    strength : float
        Effective F.
    accepted : Accepted
        Anderson and Rubin's set, which does.
    errors : str
        How the covariance was made.
    """

    estimate: Estimate
    strength: float
    accepted: Accepted
    errors: str

    @property
    def refusal(self) -> str:
        """Why the estimate must not be read, in one sentence; empty where it may."""
        if self.strength < WEAK:
            return (
                f"The instruments hardly move the price (effective F {self.strength:.1f}, below {WEAK:.0f}): find one "
                "that does, or test prices."
            )
        if self.estimate.value > 0:
            return (
                f"Demand would rise with price ({self.estimate.value:+.2f}): the instrument moves demand by another "
                "way than price, so it cannot be used."
            )
        if self.accepted.kind in ("rays", "line"):
            return "The Anderson-Rubin set has no end: the data cannot bound the elasticity; test prices."
        if self.accepted.kind == "empty":
            return "No elasticity agrees with all instruments (empty Anderson-Rubin set): at least one is invalid."
        return ""


def two_stage(
    y: Floats, price: Floats, instruments: Floats, frame: pd.DataFrame, errors: scores.Errors,
    effects: Sequence[str], extra: int, confidence: float = 0.95,
) -> Instrumented:  # fmt: skip
    """Fit y on one price by its instruments, effects and controls taken out of all of them.

    Parameters
    ----------
    y, price : ndarray, shape (N,)
    instruments : ndarray, shape (N, q)
    frame : DataFrame
        The rows, with the columns of clusters and effects.
    errors : Classical, Robust, Clustered or OverTime
        The set and the F take Robust for Classical.
    effects : sequence of str
        Keys of effects taken out.
    extra : int
        Controls taken out (an intercept counts): parameters besides the price.
    confidence : float

    Raises
    ------
    ValueError
        If the instruments leave the price as it is, or errors cannot be told.
    """
    reduced = reduced_form(y, price, instruments, frame, errors, effects, extra)
    fitted = instruments @ reduced.first
    size = float(fitted @ fitted)
    if not size > 1e-12 * float(price @ price):
        raise ValueError("The instruments do not move the price at all: choose others.")
    beta = float(fitted @ y) / float(fitted @ price)
    own = scores.covariance(
        errors, frame, fitted[:, None], y - price * beta, np.array([[1 / size]]), effects, extra
    )
    found = estimate(beta, float(own.matrix[0, 0]) ** 0.5, own.freedom, confidence)
    return Instrumented(found, reduced.strength, anderson_rubin(reduced, confidence), own.said)


def reduced_form(
    y: Floats, price: Floats, instruments: Floats, frame: pd.DataFrame, errors: scores.Errors,
    effects: Sequence[str], extra: int,
) -> Reduced:  # fmt: skip
    """Return price and response on the instruments with the covariance of both; arguments as of `two_stage`."""
    q = instruments.shape[1]
    products = instruments.T @ instruments
    inverse = np.linalg.inv(products)
    both = inverse @ instruments.T @ np.stack([price, y], axis=1)
    left = np.stack([price, y], axis=1) - instruments @ both
    score = np.hstack([instruments * left[:, :1], instruments * left[:, 1:]])
    kind = scores.Robust() if isinstance(errors, scores.Classical) else errors
    own = scores.covariance(
        kind, frame, score, np.ones(len(y)), np.kron(np.eye(2), inverse), effects, extra - q
    )
    return Reduced(both[:, 0], both[:, 1], own.matrix, products, own.freedom)


def anderson_rubin(reduced: Reduced, confidence: float = 0.95) -> Accepted:
    """Return the set of coefficients b for which the instruments do not explain y - b * price.

    Parameters
    ----------
    reduced : Reduced
    confidence : float

    Notes
    -----
    Anderson and Rubin (1949), Annals of Mathematical Statistics 20:46-63, robust as in Chernozhukov and Hansen (2008),
    Economics Letters 100:68-71. With one instrument it is Fieller's set of reduced form over first stage, by t; with q
    the statistic over q is held against F(q, freedom), and edges are looked for at 4,001 angles of (1, b).
    """
    check_confidence(confidence)
    q = len(reduced.first)
    if q == 1:
        v = reduced.covariance
        ratio = fieller(
            float(reduced.form[0]),
            float(reduced.first[0]),
            v[1, 1],
            v[0, 0],
            v[0, 1],
            reduced.freedom,
            confidence,
        )
        if ratio.kind == "everything":
            return Accepted("line", ((-inf, inf),), confidence)
        if ratio.kind == "bounded":
            return Accepted("bounded", ((float(ratio.low), float(ratio.high)),), confidence)
        rays = ((-inf, float(ratio.low)), (float(ratio.high), inf))
        return Accepted("rays", tuple(r for r in rays if r[0] != inf and r[1] != -inf), confidence)
    limit = q * float(f_law.ppf(confidence, q, reduced.freedom))
    return _pieces(_statistic(reduced), limit, *_window(reduced), confidence)


def _statistic(reduced: Reduced) -> Callable[[Floats, Floats], Floats]:
    """Return Anderson and Rubin's statistic as a function of a, b in a y - b price (only b / a counts)."""
    q = len(reduced.first)
    v = reduced.covariance
    dd, dy, yy = v[:q, :q], v[:q, q:], v[q:, q:]

    def statistic(a: Floats, b: Floats) -> Floats:
        moment = np.multiply.outer(a, reduced.form) - np.multiply.outer(b, reduced.first)
        parts = ((a * a, yy), (-a * b, dy + dy.T), (b * b, dd))
        spread = sum((np.multiply.outer(w, m) for w, m in parts), np.zeros((len(a), q, q)))
        if not (np.linalg.eigvalsh(spread)[:, 0] > 0).all():
            raise ValueError(
                "The instruments' covariance is not positive: too few clusters for two ways; cluster by one."
            )
        solved = np.linalg.solve(spread, moment[:, :, None])[:, :, 0]
        return np.asarray(np.sum(moment * solved, axis=1), float)

    return statistic


def _window(reduced: Reduced) -> tuple[float, float]:
    """Return a centre and a scale for coefficients: where the angles are dense."""
    weight = reduced.products
    size = reduced.first @ weight @ reduced.first
    centre = float(reduced.first @ weight @ reduced.form / size)
    q = len(reduced.first)
    v = reduced.covariance
    spread = v[q:, q:] - centre * (v[:q, q:] + v[q:, :q]) + centre**2 * v[:q, :q]
    ray = weight @ reduced.first / size
    return centre, 3 * sqrt(max(float(ray @ spread @ ray), 1e-300))


def _pieces(
    statistic: Callable[[Floats, Floats], Floats],
    limit: float,
    centre: float,
    scale: float,
    confidence: float,
) -> Accepted:
    """Return where the statistic stays below its limit, on the whole line: b = centre + scale * tan(angle)."""

    def excess(angle: Floats) -> Floats:
        a = np.cos(angle)
        return statistic(a, centre * a + scale * np.sin(angle)) - limit

    angles = np.linspace(-pi / 2, pi / 2, _GRID)
    inside = excess(angles) <= 0
    if inside.all():
        return Accepted("line", ((-inf, inf),), confidence)
    if not inside.any():
        return Accepted("empty", (), confidence)
    edges = [
        centre
        + scale * tan(brentq(lambda t: float(excess(np.array([t]))[0]), angles[i], angles[i + 1], xtol=1e-14))
        for i in np.flatnonzero(inside[1:] != inside[:-1])
    ]
    ends = ([-inf] if inside[0] else []) + edges + ([inf] if inside[-1] else [])
    pieces = tuple(zip(ends[::2], ends[1::2], strict=True))
    return Accepted("rays" if inside[0] else "bounded", pieces, confidence)
