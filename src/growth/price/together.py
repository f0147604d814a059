"""Own price and the others' prices at once, each with its cost as the instrument, weeks of no sale kept.

What moves a category's costs moves all its prices: an own elasticity that leaves the others' prices out takes part of
what they do for its own. And a logarithm would leave out the weeks of no sale, which are those of high prices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from growth.price import poisson, scores
from growth.price.twoway import panel
from growth.stats.contrast import Estimate, estimate
from growth.stats.moments import Floats

WEAKEST = 100.0  # the first stage is taken as known, so it must be far from weak


@dataclass(frozen=True)
class Together:
    """Several prices, as many instruments.

    Parameters
    ----------
    estimates : tuple of Estimate
        A price each.
    strengths : tuple of float
        Conditional first-stage F of each: below `WEAKEST` nothing may be read.
    n : int
    errors : str
    """

    estimates: tuple[Estimate, ...]
    strengths: tuple[float, ...]
    n: int
    errors: str

    @property
    def refusal(self) -> str:
        """Why nothing may be read; empty where it may."""
        weak = min(self.strengths)
        return (
            f"the instruments hardly tell the prices apart (conditional F {weak:.1f})"
            if weak < WEAKEST
            else ""
        )


def together(
    frame: pd.DataFrame, units: str, prices: Sequence[str], instruments: Sequence[str], controls: Sequence[str],
    product: str, week: str, confidence: float = 0.95,
) -> Together:  # fmt: skip
    """Fit units on several log prices, product and week effects, by Poisson with a control function.

    Parameters
    ----------
    frame : DataFrame
        A row a product and week, weeks of no sale included.
    units : str
    prices, instruments : sequence of str
        As many of one as of the other; in logs.
    controls : sequence of str
    product, week : str
        Keys of the effects and of the clusters.
    confidence : float

    Raises
    ------
    ValueError
        If the numbers differ, or instruments do not move the prices beyond the effects.

    Notes
    -----
    What the instruments do not explain of each price stands beside it as a control (Lin and Wooldridge 2019, in Panel
    Data Econometrics, ch. 2): the price's own coefficient is then free of what made the price follow demand. Errors by
    product and week take the first stage as known. Conditional F of a price: that of its part which the other prices,
    by their instruments, do not explain (Sanderson and Windmeijer 2016, Journal of Econometrics 190:212-221).
    """
    if len(prices) != len(instruments):
        raise ValueError(f"{len(prices)} prices need as many instruments, not {len(instruments)}.")
    k = len(prices)
    columns = [*prices, *instruments, *controls]
    rows = panel(frame, columns, product, week, [units], [product, week])
    left = rows.residuals(rows.frame[columns].to_numpy(float))
    x, z = left[:, :k], left[:, k:]
    if np.linalg.matrix_rank(z) < z.shape[1]:
        raise ValueError("The instruments do not move beyond product and week effects and the controls.")
    rest = x - z @ np.linalg.lstsq(z, x, rcond=None)[0]
    names = [f"_rest_{i}" for i in range(k)]
    known = rows.frame.assign(**dict(zip(names, rest.T, strict=True)))
    kind = scores.Clustered((product, week))
    found = poisson.fit(known, units, [*prices, *controls, *names], product, week, kind)
    own = tuple(
        estimate(
            float(found.coefficients[i]), float(found.covariance[i, i]) ** 0.5, found.freedom, confidence
        )
        for i in range(k)
    )
    held = left[:, 2 * k :]
    if held.shape[1]:
        left = left - held @ np.linalg.lstsq(held, left, rcond=None)[0]
    free = len(left) - sum(rows.effects) - len(controls) - k
    strengths = tuple(_conditional(left[:, :k], left[:, k : 2 * k], i, free) for i in range(k))
    return Together(own, strengths, found.n, found.errors)


def _conditional(x: Floats, z: Floats, i: int, free: int) -> float:
    others = [j for j in range(x.shape[1]) if j != i]
    own = x[:, i]
    if others:
        fitted = z @ np.linalg.lstsq(z, x[:, others], rcond=None)[0]
        own = own - x[:, others] @ np.linalg.lstsq(fitted, own, rcond=None)[0]
    explained = z @ np.linalg.lstsq(z, own, rcond=None)[0]
    left = own - explained
    return float(explained @ explained / (z.shape[1] - len(others)) / (left @ left / free))
