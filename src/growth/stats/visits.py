"""Expected purchases of a customer who may leave at each, with a beta probability: one mean, safe everywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, hyp2f1, log_expit

from growth.stats.moments import Floats

_GAP = 2e-3  # so near to a = 1 the closed form loses its digits
_LOST = 1e-5  # what may be left of a difference before it is not trusted
_ROWS = 2_000  # integrated at once: bounds memory


def visits(shape: Floats, a: float, b: Floats, k: Floats) -> Floats:
    """Return the mean of (1 - (1 + k p)^-shape) / p over p ~ Beta(a, b), row by row.

    With a gamma rate of purchases of this shape and k = horizon over its scale it is the expected number of purchases
    of a customer who leaves with probability p after each.

    Notes
    -----
    Fader, Hardie and Lee (2005), Marketing Science 24, eq. 10, after Euler's transformation of 2F1 (Abramowitz and
    Stegun 15.3.3), which does not overflow, and split as 1/p = (1-p)/p + 1, so that the third parameter of 2F1 stays
    positive if a + b < 1. Where that loses its digits (a near 1, a short horizon, where 2F1 itself fails) the mean is
    integrated.
    """
    shape, b, k = (np.asarray(v, float) for v in np.broadcast_arrays(shape, b, k))
    value = np.full(shape.shape, np.nan)
    lost = np.ones(shape.shape, bool)
    e = a - 1
    if abs(e) >= _GAP:
        value = _closed(shape, a, b, k)
        with np.errstate(invalid="ignore"):
            lost = ~(value > _LOST * (b / abs(e) + 1))
    value = value.copy()
    for at in np.array_split(np.flatnonzero(lost), max(1, int(np.ceil(lost.sum() / _ROWS)))):
        if len(at):
            value[at] = _integrated(shape[at], a, b[at], k[at])
    return value


def _closed(shape: Floats, a: float, b: Floats, k: Floats) -> Floats:
    z, left = k / (1 + k), -np.log1p(k)
    first, third, e = a + b - shape, a + b, a - 1
    with np.errstate(all="ignore"):
        later = b / e * (1 - np.exp(e * left) * hyp2f1(first, e, third, z))
        once = 1 - np.exp(a * left) * hyp2f1(first, a, third, z)
    return np.asarray(later + once)


def _integrated(shape: Floats, a: float, b: Floats, k: Floats) -> Floats:
    """Return the same by the trapezoidal rule in the log-odds of p.

    There the integrand is analytic in a strip, so the rule converges exponentially (Trefethen and Weideman 2014, SIAM
    Review 56:385-458, thm 5.1). With a or b small much of the mass lies at p = 0 or 1: then the difference to the line
    between the values there is integrated, and the line's mean added.
    """
    at_zero = shape * k if a < 0.5 else np.zeros_like(k)
    at_one = np.where(b < 0.5, -np.expm1(-shape * np.log1p(k)), 0.0)
    low, high = _ends(a + (a < 0.5), b + (b < 0.5))
    step = np.minimum(0.2, 0.6 * np.sqrt(1 / a + 1 / b))
    w = low[:, None] + step[:, None] * np.arange(int(np.ceil(((high - low) / step).max())) + 1)
    log_p, log_rest = log_expit(w), log_expit(-w)
    weight = np.exp(a * log_p + b[:, None] * log_rest - betaln(a, b)[:, None]) * step[:, None]
    p = np.exp(log_p)
    value = -np.expm1(-shape[:, None] * np.log1p(k[:, None] * p)) / p
    value = value - at_zero[:, None] * np.exp(log_rest) - at_one[:, None] * p
    return np.asarray((at_zero * b + at_one * a) / (a + b) + np.sum(weight * value, axis=1))


def _ends(rise: float, fall: Floats) -> tuple[Floats, Floats]:
    """Return log-odds beyond which p^rise (1-p)^fall is below exp(-45) of its top."""
    top = np.log(rise / fall)
    peak = rise * log_expit(top) + fall * log_expit(-top)
    low, high = top - 50 / rise - 5, top + 5
    for _ in range(60):
        above: NDArray[np.bool_] = rise * log_expit(high) + fall * log_expit(-high) > peak - 45
        if not above.any():
            break
        high = np.where(above, top + 1.3 * (high - top), high)
    return low, high
