"""For whom does it work: effects by segment under one guard, and whether aiming it earns more than all or none."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, pi, sqrt

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from growth.promotions.design import Cells, Design
from growth.stats.contrast import Estimate, difference, estimate
from growth.stats.many import bonferroni_level, holm

SMALLEST = 100  # units an arm below which a level is pooled with nobody and left out of tests
# Correlation of the values of two rules, each learnt on the half that the other is valued on: a level that by luck
# looks good in a half is both treated in the other and valued high in its own. phi(0)^2 / Phi(0): without an effect.
SHARED = 1 / pi


@dataclass(frozen=True)
class Segment:
    """How the effect of an arm differs along one segment.

    Parameters
    ----------
    name : str
    levels : DataFrame
        ``level, units, share, value, low, high``; intervals hold for all levels of all segments together (Bonferroni).
    p_value : float
        That the effect is the same at every level; corrected by Holm over the segments.
    """

    name: str
    levels: pd.DataFrame
    p_value: float


def by_segment(design: Design, cells: Cells, arm: str, key: str) -> list[Segment]:
    """Return the effect of an arm on a metric by each segment, with one family-wise guard over all of them."""
    found: list[tuple[str, pd.DataFrame, float]] = []
    raw = {s: _levels(design, cells, arm, key, s, None) for s in range(len(cells.segments))}
    raw = {s: f for s, f in raw.items() if len(f) > 1}
    count = sum(len(f) for f in raw.values())
    for s, frame in raw.items():
        level = bonferroni_level(design.confidence, count)
        ends = [estimate(v, e, inf, level) for v, e in zip(frame["value"], frame["error"], strict=True)]
        frame["low"], frame["high"] = [e.low for e in ends], [e.high for e in ends]
        found.append(
            (cells.segments[s], frame, same_effect(frame["value"].to_numpy(), frame["error"].to_numpy()))
        )
    corrected: list[float] = list(holm([p for _, _, p in found])) if found else []
    return [Segment(n, f, float(p)) for (n, f, _), p in zip(found, corrected, strict=True)]


def _levels(design: Design, cells: Cells, arm: str, key: str, segment: int, fold: int | None) -> pd.DataFrame:
    """Return ``level, units, share, value, error`` of the levels that hold enough units in both arms."""
    rows = []
    total = sum(m.n for m in cells.arms.values())
    for level in cells.levels(segment):
        control, treated = (cells.level(a, segment, level, fold) for a in (design.control.name, arm))
        if control is None or treated is None or min(control.n, treated.n) < SMALLEST:
            continue
        try:
            e = difference(control, treated, key)
        except ValueError:
            continue
        units = sum(m.n for (_, _, levels), m in cells.strata.items() if levels[segment] == level)
        rows.append(dict(level=level, units=units, share=units / total, value=e.value, error=e.error))
    return pd.DataFrame(rows, columns=["level", "units", "share", "value", "error"])


def same_effect(value: np.ndarray, error: np.ndarray) -> float:
    """Return the p-value of one effect at every level (Cochran's Q, chi-square with levels − 1)."""
    weight = 1 / error**2
    pooled = (weight * value).sum() / weight.sum()
    return float(chdtrc(len(value) - 1, float((weight * (value - pooled) ** 2).sum())))


@dataclass(frozen=True)
class Targeting:
    """What aiming an arm earns, a unit of the whole audience, learnt on one half and valued on the other, both ways.

    Parameters
    ----------
    segment : str
        Along which it was aimed; empty: aiming never looked better than all or none.
    chosen : tuple of str
        Levels that all units together say should get it.
    policy, everybody : Estimate
        Value of aiming, and of treating all, against treating nobody.
    against_best : Estimate
        Value of aiming against the better of treating all and treating nobody.
    """

    segment: str
    chosen: tuple[str, ...]
    policy: Estimate
    everybody: Estimate
    against_best: Estimate

    @property
    def pays(self) -> bool:
        """Whether aiming beats both all and none beyond chance."""
        return bool(self.segment) and self.against_best.low > 0


def targeting(design: Design, cells: Cells, arm: str, key: str) -> Targeting | None:
    """Learn whom to treat on one half of the units and value it on the other, and the other way round.

    A level is treated if its effect, shrunk towards that of all by how much levels really differ (DerSimonian and Laird
    1986), is above 0; costs are in the metric. Levels that hold too few units follow the whole. Returns None where no
    segment has two levels that are large enough.
    """
    segments = [s for s in range(len(cells.segments)) if len(_levels(design, cells, arm, key, s, 0)) > 1]
    if not segments:
        return None
    parts = [_valued(design, cells, arm, key, segments, learn) for learn in (0, 1)]
    policy = _mean([p[0] for p in parts], design.confidence, SHARED)
    everybody = _mean([p[1] for p in parts], design.confidence, 0.0)
    against_all = _mean([p[2] for p in parts], design.confidence, SHARED)
    best = against_all if everybody.value > 0 else policy
    best_segment, chosen = _learn(design, cells, arm, key, segments, None)
    return Targeting(best_segment, chosen, policy, everybody, best)


def _learn(
    design: Design, cells: Cells, arm: str, key: str, segments: list[int], fold: int | None
) -> tuple[str, tuple[str, ...]]:
    """Return the segment along which aiming looks best, and whom to treat; empty where it is all or none."""
    best, name, chosen = 0.0, "", tuple[str, ...]()
    for s in segments:
        frame = _levels(design, cells, arm, key, s, fold)
        if len(frame) < 2:
            continue
        shrunk = shrink(frame["value"].to_numpy(), frame["error"].to_numpy())
        treat = shrunk > 0
        share = frame["share"].to_numpy()
        edge = float((share * np.where(treat, shrunk, 0)).sum() - max(float((share * shrunk).sum()), 0.0))
        if edge > best and not treat.all() and treat.any():
            best, name, chosen = edge, cells.segments[s], tuple(frame["level"][treat])
    return name, chosen


def shrink(value: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Return effects shrunk towards their common mean by the share of their spread that is noise.

    DerSimonian and Laird (1986), Controlled Clinical Trials 7:177-188, eq. 7 to 9.
    """
    weight = 1 / error**2
    pooled = (weight * value).sum() / weight.sum()
    q = float((weight * (value - pooled) ** 2).sum())
    scale = weight.sum() - (weight**2).sum() / weight.sum()
    spread = max(0.0, (q - (len(value) - 1)) / scale) if scale > 0 else 0.0
    if spread == 0:
        return np.full(len(value), pooled)
    own = 1 / (error**2 + spread)
    centre = (own * value).sum() / own.sum()
    keep = spread / (spread + error**2)
    out: np.ndarray = centre + keep * (value - centre)
    return out


def _valued(
    design: Design, cells: Cells, arm: str, key: str, segments: list[int], learn: int
) -> tuple[Estimate, Estimate, Estimate]:
    """Learn on one fold; return, on the other, the value of the policy, of treating all, and their difference."""
    name, chosen = _learn(design, cells, arm, key, segments, learn)
    test = 1 - learn
    every = _fold_difference(design, cells, arm, key, test)
    if not name:
        shrunk_all = _fold_difference(design, cells, arm, key, learn).value > 0
        nothing = Estimate(0.0, 0.0, inf, 0.0, 0.0, 1.0, design.confidence)
        return (every, every, nothing) if shrunk_all else (nothing, every, _negative(every))
    frame = _levels(design, cells, arm, key, cells.segments.index(name), test)
    treated = frame["level"].isin(chosen).to_numpy()
    share, value, error = (frame[c].to_numpy(float) for c in ("share", "value", "error"))
    on = _combined(share[treated], value[treated], error[treated], design.confidence)
    off = _combined(share[~treated], value[~treated], error[~treated], design.confidence)
    return on, every, _negative(off)


def _fold_difference(design: Design, cells: Cells, arm: str, key: str, fold: int) -> Estimate:
    parts = {
        a: [m for (x, f, _), m in cells.strata.items() if x == a and f == fold]
        for a in (design.control.name, arm)
    }
    control, treated = (sum(ms[1:], ms[0]) for ms in parts.values())
    return difference(control, treated, key, design.confidence)


def _combined(share: np.ndarray, value: np.ndarray, error: np.ndarray, confidence: float) -> Estimate:
    spread = sqrt(float(((share * error) ** 2).sum()))
    if spread == 0:
        return Estimate(0.0, 0.0, inf, 0.0, 0.0, 1.0, confidence)
    return estimate(float((share * value).sum()), spread, inf, confidence)


def _negative(e: Estimate) -> Estimate:
    return Estimate(-e.value, e.error, e.freedom, -e.high, -e.low, e.p_value, e.confidence)


def _mean(parts: list[Estimate], confidence: float, shared: float) -> Estimate:
    """Average the estimates of both folds: they rest on different units, but their rules on each other's."""
    a, b = (p.error for p in parts)
    value, error = float(np.mean([p.value for p in parts])), sqrt(a**2 + b**2 + 2 * shared * a * b) / 2
    if error == 0:
        return Estimate(value, 0.0, inf, value, value, float(value == 0), confidence)
    return estimate(value, error, inf, confidence)
