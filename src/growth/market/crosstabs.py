"""Does an answer differ between groups? A weighted table and its test, for all pairs with a false-discovery guard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import f as fisher

from growth.market.estimates import Design
from growth.stats.many import benjamini_hochberg
from growth.stats.moments import Floats


@dataclass(frozen=True)
class Independence:
    """Rao and Scott's test that two answers have nothing to do with each other.

    Parameters
    ----------
    statistic, freedom, below, p_value : float
        F, its two degrees of freedom, and the p-value.
    design_effect : float
        Mean of the generalised ones: how many times Pearson's statistic is too large.
    people : int
    """

    statistic: float
    freedom: float
    below: float
    p_value: float
    design_effect: float
    people: int


def independence(first: pd.Series, second: pd.Series, design: Design) -> Independence:
    """Test a weighted table of two answers; those who lack one are left out.

    Raises
    ------
    ValueError
        If an answer has fewer than two levels.

    Notes
    -----
    Pearson's statistic of weighted shares over the mean generalised design effect, with Satterthwaite's degrees of
    freedom (Rao and Scott 1984, Annals of Statistics 12:46-60; the F of Thomas and Rao 1987, as R's `svychisq`).
    """
    both = (first.notna() & second.notna()).to_numpy()
    a, rows = pd.factorize(first.where(both), sort=True)
    b, columns = pd.factorize(second.where(both), sort=True)
    r, c = len(rows), len(columns)
    if r < 2 or c < 2:
        raise ValueError("A test of two answers needs at least two levels of each.")
    w = np.where(both, design.weights, 0.0)
    cell = np.where(both, a * c + b, 0)
    p = np.bincount(cell, w, r * c) / w.sum()
    joint = p.reshape(r, c)
    expected = np.outer(joint.sum(axis=1), joint.sum(axis=0)).ravel()
    influence = ((cell[:, None] == np.arange(r * c)) - p) * (both / w.sum())[:, None]
    covariance = design.covariance(influence)
    contrast = _interactions(r, c)
    n = int(both.sum())
    # Of the log-linear model's interactions: deltas are eigenvalues of (C' D^-1 P D^-1 C / n)^-1 (C' D^-1 V D^-1 C).
    inverse = contrast / expected[:, None]
    simple = inverse.T @ ((np.diag(expected) - np.outer(expected, expected)) / n) @ inverse
    deltas = np.linalg.eigvals(np.linalg.solve(simple, inverse.T @ covariance @ inverse)).real
    pearson = n * float(((p - expected) ** 2 / expected).sum())
    freedom = float(deltas.sum() ** 2 / (deltas**2).sum())
    below = freedom * design.freedom
    statistic = pearson / float(deltas.sum())
    return Independence(
        statistic, freedom, below, float(fisher.sf(statistic, freedom, below)), float(deltas.mean()), n
    )


def _interactions(r: int, c: int) -> Floats:
    rows, columns = (np.vstack([-np.ones(k - 1), np.eye(k - 1)]) for k in (r, c))
    return np.asarray(np.kron(rows, columns))


def differences(answers: pd.DataFrame, groups: pd.DataFrame, design: Design) -> pd.DataFrame:
    """Test every answer against every grouping.

    Parameters
    ----------
    answers, groups : DataFrame
        A row a respondent, a column an answer or a grouping.
    design : Design

    Returns
    -------
    DataFrame
        ``answer, group, statistic, p_value, q_value, people``, clearest first; q of Benjamini and Hochberg.
    """
    rows = []
    for a in answers:
        for g in groups:
            try:
                found = independence(answers[a], groups[g], design)
            except ValueError:
                continue
            rows.append(
                dict(answer=a, group=g, statistic=found.statistic, p_value=found.p_value, people=found.people)
            )
    table = pd.DataFrame(rows, columns=["answer", "group", "statistic", "p_value", "people"])
    table["q_value"] = benjamini_hochberg(table["p_value"].to_numpy()) if len(table) else []
    return table.sort_values(["p_value", "answer", "group"], ignore_index=True)
