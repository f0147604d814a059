"""Who comes back or leaves sooner: hazard ratios of several segments at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp

import numpy as np
import pandas as pd

from growth.retention.leaving import pooled_levels
from growth.retention.rules import BETWEEN, SEGMENTS, WITHIN
from growth.stats.cox import Cox, concordance, cox
from growth.stats.survival import ChiSquare

NONE = "none"  # of a program: not in it on the first day
KNOWN = 0.5  # a segment known of fewer customers would cost more rows than it is worth
_RATIOS = ["segment", "level", "against", "ratio", "low", "high", "p_value", "p_proportional"]


@dataclass(frozen=True, eq=False)
class Hazards:
    """A Cox regression on segments.

    Parameters
    ----------
    table : DataFrame
        ``segment, level, against, ratio, low, high, p_value, p_proportional``: each level against the largest of its
        segment; above 1 the event comes sooner. ``p_proportional`` tests that a ratio is the same at all times.
    customers, events : int
        On which it rests.
    unknown : int
        Customers left out because one of the segments is not known of them.
    left_out : dict of str to str
        Segments that are not in it, and why.
    concordance : float
        How often, of two customers, the one with the higher hazard had the event first; .5 is chance. In-sample.
    proportional : ChiSquare or None
        Test of all ratios being the same at all times, together.
    """

    table: pd.DataFrame
    customers: int
    events: int
    unknown: int
    left_out: dict[str, str]
    concordance: float
    proportional: ChiSquare | None


def unpacked(rows: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the mart ``members`` with a column a program, and the names of all segments.

    A program that a customer was not in on the first day has the level "none"; one that is called like a column has
    "(membership)" behind its name.
    """
    pairs = [
        dict(part.split(WITHIN, 1) for part in str(text).split(BETWEEN)) if pd.notna(text) else {}
        for text in rows["profile"]
    ]
    rows, names = rows.copy(), []
    for program in sorted({p for pair in pairs for p in pair}):
        name = f"{program} (membership)" if program in rows.columns else program
        rows[name] = [pair.get(program, NONE) for pair in pairs]
        names.append(name)
    return rows, (*names, *SEGMENTS)


def hazards(
    rows: pd.DataFrame,
    names: Sequence[str],
    event: str,
    smallest: int,
    confidence: float = 0.95,
    cell: int = 0,
) -> Hazards:
    """Fit hazard ratios of all segments at once, each level against the largest of its segment.

    Parameters
    ----------
    rows, names, event, smallest, confidence, cell
        As `growth.retention.leaving.segments`.

    Returns
    -------
    Hazards

    Raises
    ------
    ValueError
        If no segment has two levels; and as `growth.stats.cox.cox`: no event, a level with all or none of them.

    Notes
    -----
    Cox regression with Efron's ties; proportionality by Grambsch and Therneau (1994), Biometrika 81:515-526;
    concordance of Harrell et al. (1982). Association: who is in a segment may differ in other things.
    """
    left_out = dict(_rarely_known(rows, names))
    used = [n for n in names if n not in left_out]
    known = rows[used].notna().all(axis=1)
    unknown = int(rows.loc[~known, "customers"].sum())
    rows = rows[known]
    columns, made = _design(rows, used, smallest, cell, left_out)
    if not columns:
        raise ValueError("no segment has two levels of customers enough")
    labels = [f"{n}: {v}" for n, v, _ in made]
    x = np.column_stack(columns)
    fit = cox(rows["days"], rows[event], x, labels, rows["customers"])
    # Rounded: equal rows have one risk, whatever the order of a sum.
    risk = np.round(x @ fit.coefficient, 12)
    hit = rows[event].astype(bool)
    return Hazards(
        _table(fit, made, labels, confidence),
        int(rows["customers"].sum()),
        int(rows.loc[hit, "customers"].sum()),
        unknown,
        left_out,
        concordance(rows["days"], rows[event], risk, rows["customers"]),
        fit.tests.get("all"),
    )


def _rarely_known(rows: pd.DataFrame, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    total = rows["customers"].sum()
    for name in names:
        share = rows.loc[rows[name].notna(), "customers"].sum() / total if total else 0.0
        if share < KNOWN:
            yield name, "not known of most customers" if share else "not known"


def _design(
    rows: pd.DataFrame, names: Sequence[str], smallest: int, cell: int, left_out: dict[str, str]
) -> tuple[list[np.ndarray], list[tuple[str, str, str]]]:
    """Return an indicator of each level but the largest, and (segment, level, largest); say what is left out."""
    columns: list[np.ndarray] = []
    made: list[tuple[str, str, str]] = []
    earlier: dict[str, pd.Series] = {}
    for name in names:
        level = pooled_levels(rows[name], rows["customers"], smallest, cell)
        size = rows["customers"].groupby(level).sum().sort_values(ascending=False, kind="stable")
        same = next((e for e, other in earlier.items() if _same(level, other)), "")
        if len(size) < 2:
            left_out[name] = "all are the same"
            continue
        if same:
            left_out[name] = f"the same groups as {same}"
            continue
        earlier[name] = level
        for value in size.index[1:]:
            columns.append((level == value).to_numpy(float))
            made.append((name, str(value), str(size.index[0])))
    return columns, made


def _same(one: pd.Series, other: pd.Series) -> bool:
    """Return whether two segments divide customers alike, whatever their levels are called."""
    pairs = pd.DataFrame(dict(one=one, other=other)).drop_duplicates()
    return bool(pairs["one"].is_unique and pairs["other"].is_unique)


def _table(fit: Cox, made: list[tuple[str, str, str]], labels: list[str], confidence: float) -> pd.DataFrame:
    out = []
    for (name, value, against), label in zip(made, labels, strict=True):
        e, test = fit.effect(label, confidence), fit.tests.get(label)
        out.append(
            dict(segment=name, level=value, against=against, ratio=exp(e.value), low=exp(e.low), high=exp(e.high),
                 p_value=e.p_value, p_proportional=test.p_value if test else float("nan"))
        )  # fmt: skip
    return pd.DataFrame(out, columns=_RATIOS)
