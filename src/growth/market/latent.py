"""Latent classes: kinds of people that answers of two or more categories point to (Lazarsfeld and Henry 1968)."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np
import pandas as pd
from numpy.random import PCG64, Generator
from numpy.typing import NDArray

from growth.stats.contrast import critical
from growth.stats.moments import Floats

Ints = NDArray[np.int64]
_SCREEN, _KEPT = 60, 3  # steps of every start, and how many of the best starts are then finished
_STEPS, _CLOSE = 20_000, 1e-13
_EDGE = 1e-6  # a probability nearer to 0 or 1 has no error of its own


@dataclass(frozen=True, eq=False)
class Classes:
    """Latent classes at the maximum of their likelihood, the largest first.

    Parameters
    ----------
    share : ndarray, shape (classes,)
    answers : tuple of ndarray, shape (classes, categories)
        Of every item: the chance of each category in each class.
    log_likelihood : float
    parameters : int
    bic : float
        -2 log-likelihood + parameters · log(rows): the lower the better.
    member : ndarray of float, shape (rows, classes)
        The chance that each row is of each class.
    covariance : ndarray, shape (classes - 1, classes - 1)
        Of the log odds of the classes over the largest.
    """

    share: Floats
    answers: tuple[Floats, ...]
    log_likelihood: float
    parameters: int
    bic: float
    member: Floats
    covariance: Floats

    def sizes(self, confidence: float = 0.95) -> pd.DataFrame:
        """Return each class's share with its interval, symmetric in log odds: ``share, low, high``."""
        p = self.share
        slope = (np.eye(len(p)) - p)[:, 1:]  # of the log share by the log odds over the largest
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.sqrt(np.einsum("ij,jk,ik->i", slope, self.covariance, slope)) / (1 - p)
            odds = np.log(p / (1 - p))
            half = critical(np.inf, confidence) * error
            low, high = (1 / (1 + np.exp(-(odds + s * half))) for s in (-1, 1))
        alone = len(p) == 1
        return pd.DataFrame(dict(share=p, low=1.0 if alone else low, high=1.0 if alone else high))


def fit(
    items: pd.DataFrame, classes: int, seed: int, weights: Floats | None = None, starts: int = 20
) -> Classes:
    """Fit a number of latent classes.

    Parameters
    ----------
    items : DataFrame
        A row a respondent, a column an item of any categories; complete.
    classes : int
    seed, starts : int
        Of the places where the search begins: the likelihood has several tops.
    weights : ndarray, optional
        Of respondents; scaled to sum to their number.

    Raises
    ------
    ValueError
        If an answer is missing, weights are not positive, or the classes have more parameters than there are patterns
        of answers to tell them by.

    Notes
    -----
    Expectation and maximisation (Dempster, Laird and Rubin 1977; Goodman 1974, Biometrika 61:215-231) over patterns of
    answers. Every start takes a few steps and the best are run until nothing moves: tops lie at chances of 0 and 1
    too, where Newton's steps have no place. Errors from products of scores by respondent, robust
    to weights.
    """
    patterns, place, heavy = _patterns(items, weights)
    blocks = [np.eye(int(column.max()) + 1)[column] for column in patterns.T]
    parameters = classes - 1 + classes * sum(b.shape[1] - 1 for b in blocks)
    most = int(np.prod([float(b.shape[1]) for b in blocks])) - 1
    if classes < 1 or (classes > 1 and parameters > most):
        raise ValueError(
            f"{classes} classes have {parameters} parameters and the answers only {most} patterns to tell them by: "
            "take fewer classes or more items."
        )
    random = Generator(PCG64(seed))
    begun = [random.dirichlet(np.ones(classes), len(patterns)) for _ in range(starts if classes > 1 else 1)]
    screened = sorted((_climb(blocks, heavy, each, _SCREEN) for each in begun), key=lambda f: -f[0])
    value, chance, share, answers = max(
        (_climb(blocks, heavy, each[1], _STEPS) for each in screened[:_KEPT]), key=lambda f: f[0]
    )
    order = np.argsort(-share, kind="stable")
    share, chance = share[order], chance[:, order]
    answers = [a[order] for a in answers]
    people = float(len(items))
    square = np.bincount(place, _even(items, weights) ** 2).astype(float)
    covariance = _covariance(blocks, chance, share, answers, heavy, square)
    bic = -2 * value + parameters * log(people)
    return Classes(share, tuple(answers), value, parameters, bic, chance[place], covariance)


def by_number(
    items: pd.DataFrame, most: int, seed: int, weights: Floats | None = None
) -> tuple[Classes, pd.DataFrame]:
    """Return the classes of the lowest BIC among 1 to `most`, and ``classes, log_likelihood, parameters, bic`` of all.

    Notes
    -----
    Nylund, Asparouhov and Muthén (2007), Structural Equation Modeling 14:535-569: BIC finds the number most often. One
    class is the structure-free alternative: BIC may keep it.
    """
    found = [fit(items, k, seed, weights) for k in range(1, most + 1)]
    rows = [dict(log_likelihood=f.log_likelihood, parameters=f.parameters, bic=f.bic) for f in found]
    table = pd.DataFrame(rows)
    table.insert(0, "classes", np.arange(1, most + 1))
    return found[int(table["bic"].argmin())], table


def _even(items: pd.DataFrame, weights: Floats | None) -> Floats:
    """Return weights whose mean is 1."""
    w = np.ones(len(items)) if weights is None else np.asarray(weights, float)
    return np.asarray(w * (len(w) / w.sum()))


def _patterns(items: pd.DataFrame, weights: Floats | None) -> tuple[Ints, Ints, Floats]:
    """Return different rows of categories, the place of every row among them, and how much weighs each."""
    if items.empty or items.isna().to_numpy().any():
        raise ValueError("Latent classes need complete answers: leave out rows with missing ones.")
    if weights is not None and not (np.isfinite(weights).all() and (np.asarray(weights) > 0).all()):
        raise ValueError("Weights must be numbers above 0.")
    codes = np.stack([pd.factorize(items[c], sort=True)[0] for c in items], axis=1)
    patterns, place = np.unique(codes, axis=0, return_inverse=True)
    place = np.ravel(place).astype(np.int64)
    return patterns, place, np.bincount(place, _even(items, weights)).astype(float)


def _climb(
    blocks: list[Floats], heavy: Floats, chance: Floats, steps: int
) -> tuple[float, Floats, Floats, list[Floats]]:
    """Return the log-likelihood, the chances of classes by pattern, shares and answers after some steps."""
    before = -np.inf
    for _ in range(steps):
        mass = chance * heavy[:, None]
        sums = mass.sum(axis=0)
        share, answers = sums / heavy.sum(), [(mass.T @ b) / sums[:, None] for b in blocks]
        joint = np.broadcast_to(share, chance.shape)
        for b, a in zip(blocks, answers, strict=True):
            joint = joint * (b @ a.T)
        whole = joint.sum(axis=1)
        chance, value = joint / whole[:, None], float(heavy @ np.log(whole))
        if value - before < _CLOSE * abs(value):
            break
        before = value
    return value, chance, share, answers


def _covariance(
    blocks: list[Floats], chance: Floats, share: Floats, answers: list[Floats], heavy: Floats, square: Floats
) -> Floats:
    """Return the covariance of the log odds of shares; chances at 0 or 1 are taken as known."""
    scores = [(chance - share)[:, 1:]]
    for b, a in zip(blocks, answers, strict=True):
        own = chance[:, :, None] * (b[:, None, :] - a[None])  # by the log odds of each category
        inside = (a > _EDGE) & (a < 1 - _EDGE)
        for k in range(len(share)):
            scores.append(own[:, k, np.flatnonzero(inside[k])[1:]])
    score = np.concatenate(scores, axis=1)
    bread = np.linalg.pinv((score * heavy[:, None]).T @ score)
    free = len(share) - 1
    return np.asarray((bread @ ((score * square[:, None]).T @ score) @ bread)[:free, :free])
