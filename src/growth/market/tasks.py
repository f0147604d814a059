"""Which offers to show together: tasks of a choice experiment that tell worths apart with the fewest answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.random import PCG64, Generator

from growth.stats.moments import Floats

_MOST = 2000  # offers of a full factorial that are still searched


@dataclass(frozen=True, eq=False)
class Tasks:
    """Tasks of a choice experiment.

    Parameters
    ----------
    table : DataFrame
        ``task, alternative`` (both from 1) and the level of every attribute.
    columns : ndarray, shape (tasks · alternatives, k)
        Dummies of every level over the first of its attribute.
    error : float
        D-error: det(covariance of one respondent's worths) ** (1 / k). Respondents are inversely as many.
    by_chance : float
        Median D-error of tasks drawn at random.
    """

    table: pd.DataFrame
    columns: Floats
    error: float
    by_chance: float


def efficient(
    attributes: Mapping[str, Sequence[object]],
    tasks: int,
    alternatives: int,
    seed: int,
    worth: Floats | None = None,
    starts: int = 10,
) -> Tasks:
    """Return tasks of a small D-error.

    Parameters
    ----------
    attributes : mapping of str to sequence
        Levels of each; the first is the measure of its others.
    tasks, alternatives : int
        Alternatives of a task differ from each other.
    seed, starts : int
    worth : ndarray, shape (k,), optional
        What the levels are thought to be worth; none: nothing, and every offer is as likely.

    Raises
    ------
    ValueError
        If an attribute has fewer than two levels, the offers are too many to search or too few for a task, or the
        tasks are too few to tell all worths.

    Notes
    -----
    Coordinate exchange (Meyer and Nachtsheim 1995, Technometrics 37:60-69) of the D-error of the multinomial logit
    (Huber and Zwerina 1996, Journal of Marketing Research 33:307-317): one offer at a time becomes the one that
    lowers it most, until none does.
    """
    names, offers = _offers(attributes, alternatives)
    every = _dummies(attributes, offers)
    k = every.shape[1]
    if tasks * (alternatives - 1) < k:
        raise ValueError(
            f"{tasks} tasks of {alternatives} offers cannot tell {k} worths: show more tasks or more offers."
        )
    beta = np.zeros(k) if worth is None else np.asarray(worth, float)
    if beta.shape != (k,):
        raise ValueError(f"There are {k} worths to guess, one for each level but the first, not {beta.size}.")
    random = Generator(PCG64(seed))
    begun = [
        np.stack([random.choice(len(offers), alternatives, replace=False) for _ in range(tasks)])
        for _ in range(max(starts, 20))
    ]
    chance = sorted((d_error(every[b], beta), i) for i, b in enumerate(begun))
    found = min((_exchanged(begun[i], every, beta) for _, i in chance[:starts]), key=lambda f: f[0])
    error, shown = found
    if not np.isfinite(error):
        raise ValueError("The tasks cannot tell all worths: show more tasks or more offers.")
    table = pd.DataFrame([offers[j] for j in shown.ravel()], columns=names)
    table.insert(0, "alternative", np.tile(np.arange(1, alternatives + 1), tasks))
    table.insert(0, "task", np.repeat(np.arange(1, tasks + 1), alternatives))
    return Tasks(table, every[shown.ravel()], error, float(np.median([e for e, _ in chance])))


def d_error(columns: Floats, worth: Floats) -> float:
    """Return det(information)^(-1 / k) of tasks, shape (tasks, alternatives, k); infinite where worths are not told."""
    value = columns @ worth
    each = np.exp(value - value.max(axis=1, keepdims=True))
    chance = each / each.sum(axis=1, keepdims=True)
    apart = columns - (chance[:, :, None] * columns).sum(axis=1, keepdims=True)
    information = np.einsum("ta,tai,taj->ij", chance, apart, apart)
    sign, log_det = np.linalg.slogdet(information)
    return float(np.exp(-log_det / len(worth))) if sign > 0 and log_det > -30 * len(worth) else float("inf")


def _offers(
    attributes: Mapping[str, Sequence[object]], alternatives: int
) -> tuple[list[str], list[tuple[object, ...]]]:
    for name, levels in attributes.items():
        if len(set(levels)) < 2 or len(set(levels)) < len(levels):
            raise ValueError(f"Attribute {name} needs two or more levels that differ.")
    offers = list(product(*attributes.values()))
    if not attributes or len(offers) > _MOST:
        raise ValueError(f"The attributes make {len(offers)} offers; 2 to {_MOST} can be searched.")
    if not 2 <= alternatives <= len(offers):
        raise ValueError(f"A task needs 2 to {len(offers)} different offers, not {alternatives}.")
    return list(attributes), offers


def _dummies(attributes: Mapping[str, Sequence[object]], offers: list[tuple[object, ...]]) -> Floats:
    return np.array(
        [
            [
                float(own == level)
                for own, levels in zip(o, attributes.values(), strict=True)
                for level in levels[1:]
            ]
            for o in offers
        ]
    )


def _exchanged(shown: np.ndarray, every: Floats, worth: Floats) -> tuple[float, np.ndarray]:
    """Return the D-error and the tasks after exchanges that no single one betters."""
    shown, best = shown.copy(), d_error(every[shown], worth)
    while True:
        before = best
        for place in np.ndindex(shown.shape):
            kept = shown[place]
            for other in np.setdiff1d(np.arange(len(every)), shown[place[0]]):
                shown[place] = other
                now = d_error(every[shown], worth)
                if now < best * (1 - 1e-12):
                    best, kept = now, other
            shown[place] = kept
        if best >= before * (1 - 1e-9):
            return best, shown
