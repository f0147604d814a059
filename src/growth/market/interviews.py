"""Interviews coded by two readers: how often a theme is, how far readers agree, and whether more talks bring more."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np
import pandas as pd
from numpy.random import PCG64, Generator
from numpy.typing import NDArray

from growth.stats.moments import Floats
from growth.stats.proportions import wilson

Marks = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Interviews:
    """What coders found.

    Parameters
    ----------
    themes : DataFrame
        ``theme, interviews, share, low, high`` (both coders saw it, of all interviews; Wilson), ``either`` (at least
        one did), ``kappa, kappa_low, kappa_high`` (of the first two coders).
    alpha, low, high : float
        Krippendorff's alpha over all themes and coders.
    saturation : DataFrame
        ``interviews, themes``: themes known after so many, on average over orders.
    interviews : int
    """

    themes: pd.DataFrame
    alpha: float
    low: float
    high: float
    saturation: pd.DataFrame
    interviews: int


def kappa(first: Marks, second: Marks) -> float:
    """Return Cohen's kappa (1960) of two readers' marks; missing where chance alone would agree always."""
    seen = (first == second).mean()
    levels = np.unique(np.concatenate([first, second]))
    chance = sum((first == v).mean() * (second == v).mean() for v in levels)
    return float((seen - chance) / (1 - chance)) if chance < 1 else nan


def alpha(marks: Marks) -> float:
    """Return Krippendorff's alpha for nominal marks.

    Parameters
    ----------
    marks : ndarray, shape (coders, units)
        Missing where a coder did not read the unit.

    Notes
    -----
    Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability": 1 less observed over expected disagreement, by
    coincidences; units that one coder read do not count.
    """
    known = np.isfinite(marks)
    readers = known.sum(axis=0)
    paired = readers >= 2
    values = np.unique(marks[known])
    counts = np.stack([((marks == v) & known).sum(axis=0) for v in values], axis=1)[paired].astype(float)
    if not len(counts):
        return nan
    m = readers[paired].astype(float)
    agree = ((counts * (counts - 1)).sum(axis=1) / (m - 1)).sum()
    n, by = m.sum(), counts.sum(axis=0)
    expected = (by * (by - 1)).sum() / (n - 1)
    return float(1 - (n - agree) / (n - expected)) if n > expected else nan


def read(notes: pd.DataFrame, seed: int, replicates: int = 400, confidence: float = 0.95) -> Interviews:
    """Return themes, agreement and saturation.

    Parameters
    ----------
    notes : DataFrame
        ``respondent_id, coder, theme``: a row where a coder saw a theme. Every coder read every interview.
    seed, replicates : int
        Of the bootstrap of interviews, and of the orders of the saturation curve.
    confidence : float

    Raises
    ------
    ValueError
        If there are fewer than two coders or ten interviews.
    """
    coders, people = sorted(notes["coder"].unique()), sorted(notes["respondent_id"].unique())
    themes = sorted(notes["theme"].unique())
    if len(coders) < 2 or len(people) < 10:
        raise ValueError(f"{len(people)} interviews by {len(coders)} coders: agreement needs ten by two.")
    cube = np.zeros((len(coders), len(people), len(themes)))
    at = [
        pd.Index(k).get_indexer(notes[c])
        for k, c in ((coders, "coder"), (people, "respondent_id"), (themes, "theme"))
    ]
    cube[tuple(at)] = 1
    random = Generator(PCG64(seed))
    drawn = random.integers(len(people), size=(replicates, len(people)))
    side = (1 - confidence) / 2
    both, either = cube.min(axis=0), cube.max(axis=0)
    low, high = wilson(both.sum(axis=0), np.full(len(themes), len(people)), confidence)
    rows = []
    for j, theme in enumerate(themes):
        own = [kappa(cube[0, d, j], cube[1, d, j]) for d in drawn]
        ends = np.nanquantile(own, [side, 1 - side])
        rows.append(
            dict(theme=theme, interviews=int(both[:, j].sum()), share=both[:, j].mean(), low=low[j], high=high[j],
                 either=either[:, j].mean(), kappa=kappa(cube[0, :, j], cube[1, :, j]), kappa_low=ends[0],
                 kappa_high=ends[1])
        )  # fmt: skip
    many = [alpha(cube[:, d].reshape(len(coders), -1)) for d in drawn]
    bottom, top = np.nanquantile(many, [side, 1 - side])
    table = pd.DataFrame(rows).sort_values(["share", "theme"], ascending=[False, True], ignore_index=True)
    return Interviews(
        table,
        alpha(cube.reshape(len(coders), -1)),
        float(bottom),
        float(top),
        _saturation(either, random),
        len(people),
    )


def _saturation(seen: Floats, random: Generator, orders: int = 200) -> pd.DataFrame:
    known = np.zeros(len(seen))
    for _ in range(orders):
        known += np.maximum.accumulate(seen[random.permutation(len(seen))], axis=0).sum(axis=1)
    return pd.DataFrame(dict(interviews=np.arange(1, len(seen) + 1), themes=known / orders))
