"""Weights that make respondents look like the population: raking, with trimming, and what they cost in precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from growth.stats.moments import Floats

Ints = NDArray[np.int64]
Variables = tuple[str, ...]  # one variable, or several whose joint cells are known


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights of respondents.

    Parameters
    ----------
    values : ndarray, shape (respondents,)
        How many of the population each stands for.
    base : ndarray, shape (respondents,)
        One over the chance of being asked, or ones.
    cells : tuple of ndarray of int
        Of each margin, the level of every respondent: what intervals take out (`growth.market.estimates`).
    sweeps : int
    trimmed : int
        Respondents at a bound.
    """

    values: Floats
    base: Floats
    cells: tuple[Ints, ...]
    sweeps: int
    trimmed: int

    @property
    def design_effect(self) -> float:
        """Return Kish's: how many times the variance of a mean grows by uneven weights."""
        w = self.values
        return float(len(w) * (w**2).sum() / w.sum() ** 2)

    @property
    def effective(self) -> float:
        """Return as many evenly weighted respondents as tell as much."""
        return len(self.values) / self.design_effect


def rake(
    rows: pd.DataFrame,
    margins: Mapping[Variables, pd.Series],
    base: Floats | None = None,
    most: float | None = None,
    sweeps: int = 1000,
    tolerance: float = 1e-10,
) -> Weights:
    """Return weights under which every margin is the population's.

    Parameters
    ----------
    rows : DataFrame
        A row a respondent; the variables of the margins as columns.
    margins : mapping of tuple of str to Series
        Variables -> people of each level (of each cell, by a `MultiIndex`, where there are several variables). All sum
        to the same population; where one sums to 1 they are shares and all must.
    base : ndarray, optional
        Weights before raking.
    most : float, optional
        Largest weight over the mean one; what is above is cut off, and the rest raked again. None: no bound.
    sweeps : int
    tolerance : float
        Largest relative distance of a margin's level from its total.

    Raises
    ------
    ValueError
        If a level has people and no respondent, or the other way round; if an answer is missing, a weight is not
        positive, totals disagree, or nothing fits within the sweeps.

    Notes
    -----
    Iterative proportional fitting (Deming and Stephan 1940, Annals of Mathematical Statistics 11:427-444). Trimming as
    in Potter (1990): cut, rake again, until both hold.
    """
    if not margins or rows.empty:
        raise ValueError("Raking needs at least one respondent and one margin.")
    start = np.ones(len(rows)) if base is None else np.asarray(base, float)
    if start.shape != (len(rows),) or not (np.isfinite(start) & (start > 0)).all():
        raise ValueError("Every respondent needs one base weight above 0: leave out those without a chance.")
    parts = [_levels(rows, name, totals) for name, totals in margins.items()]
    _same_population(dict(zip(margins, (t for _, t in parts), strict=True)))
    whole = float(parts[0][1].sum())
    values = start * (whole / start.sum())
    bound = np.inf if most is None else most * whole / len(rows)
    values, used = _fitted(values, parts, sweeps, tolerance, margins, bound)
    at = int((values >= bound * (1 - 1e-9)).sum()) if most is not None else 0
    return Weights(values, start, tuple(c for c, _ in parts), used, at)


def _levels(rows: pd.DataFrame, name: Variables, totals: pd.Series) -> tuple[Ints, Floats]:
    """Return each respondent's place among a margin's levels, and the levels' people."""
    said = " × ".join(name)
    lacking = [v for v in name if v not in rows]
    if lacking:
        raise ValueError(f"The margin of {said} needs `{lacking[0]}` of every respondent.")
    silent = int(rows[list(name)].isna().any(axis=1).sum())
    if silent:
        raise ValueError(f"{silent} respondents did not say {said}: leave them out, or give them a level.")
    if totals.index.duplicated().any():
        raise ValueError(f"The margin of {said} names a level twice.")
    people = totals.to_numpy(float)
    if not (np.isfinite(people) & (people >= 0)).all():
        raise ValueError(f"The margin of {said} must be numbers of at least 0.")
    own = pd.MultiIndex.from_frame(rows[list(name)]) if len(name) > 1 else pd.Index(rows[name[0]])
    place = totals.index.get_indexer(own)
    if (place < 0).any():
        raise ValueError(f"Level {own[place < 0][0]!r} of {said} is not in the population: add it, or merge.")
    answered = np.bincount(place, minlength=len(people))
    if ((people > 0) & (answered == 0)).any():
        gap = totals.index[(people > 0) & (answered == 0)][0]
        raise ValueError(
            f"Nobody answered of level {gap!r} of {said}, which has people: merge it with another."
        )
    if ((people == 0) & (answered > 0)).any():
        odd = totals.index[(people == 0) & (answered > 0)][0]
        raise ValueError(f"Level {odd!r} of {said} has respondents but no people: mend the margin.")
    return place.astype(np.int64), people


def _same_population(totals: Mapping[Variables, Floats]) -> None:
    sums = {" × ".join(k): float(v.sum()) for k, v in totals.items()}
    (first, whole), *others = sums.items()
    for name, own in others:
        if abs(own - whole) > 1e-6 * whole:
            raise ValueError(
                f"The margins disagree: {first} sums to {whole:,.10g}, {name} to {own:,.10g}; give totals "
                "of one population, or all as shares."
            )


def _fitted(
    values: Floats, parts: list[tuple[Ints, Floats]], sweeps: int, tolerance: float,
    margins: Mapping[Variables, pd.Series], bound: float,
) -> tuple[Floats, int]:  # fmt: skip
    gap, worst = np.inf, 0
    for sweep in range(1, sweeps + 1):
        for place, people in parts:
            now = np.bincount(place, values, len(people))
            values = values * np.divide(people, now, out=np.zeros_like(people), where=now > 0)[place]
        values = np.minimum(values, bound)
        gaps = []
        for place, people in parts:
            now = np.bincount(place, values, len(people))
            gaps.append(
                float(
                    np.max(np.abs(now - people) / np.maximum(people, 1e-300), where=people > 0, initial=0.0)
                )
            )
        gap, worst = max(gaps), int(np.argmax(gaps))
        if gap <= tolerance:
            return values, sweep
    name = " × ".join(list(margins)[worst])
    held = "" if np.isinf(bound) else ", or allow larger weights"
    raise ValueError(
        f"After {sweeps} sweeps a level of {name} is still {gap:.2g} off its total: merge small levels{held}."
    )
