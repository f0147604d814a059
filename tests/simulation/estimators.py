"""Plain estimators, written for these tests alone: what an analyst would run, in a few lines each."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def poisson(y: Floats, x: Floats, rounds: int = 60) -> Floats:
    """Poisson regression by Newton's method; `x` with its dummies."""
    beta = np.zeros(x.shape[1])
    beta[0] = np.log(y.mean())
    for _ in range(rounds):
        mean = np.exp(np.clip(x @ beta, -30, 30))
        step = np.linalg.solve(x.T @ (mean[:, None] * x) + 1e-9 * np.eye(x.shape[1]), x.T @ (y - mean))
        beta += step
        if np.abs(step).max() < 1e-9:
            break
    return beta


def dummies(*codes: Floats) -> Floats:
    """An intercept, and dummies for each factor but its first level."""
    parts = [np.ones((codes[0].size, 1))]
    parts += [pd.get_dummies(pd.Categorical(c), drop_first=True, dtype=float).to_numpy() for c in codes]
    return np.hstack(parts)


def least_squares(y: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Coefficients and heteroscedasticity-robust standard errors."""
    inverse = np.linalg.inv(x.T @ x)
    beta = inverse @ x.T @ y
    score = x * (y - x @ beta)[:, None]
    return beta, np.sqrt(np.diag(inverse @ (score.T @ score) @ inverse))
