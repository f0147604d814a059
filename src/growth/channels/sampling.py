"""How far shares of credit would move if other people had come: the Poisson bootstrap.

Drawing people with replacement is nearly the same as giving each a weight from a Poisson law of mean 1, which needs no
second pass and no lists of people (Chamandy, Muralidharan, Najmi and Naidu 2012, Google). Bias stays what it is: a
method that credits the wrong channel does so in every draw.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.random import PCG64, Generator

from growth.channels.paths import Counts, Floats, Paths, Plan, RefusedError
from growth.stats.contrast import check_confidence

CARRIES = "sampling only, bias not included"
FEWEST = 30  # clusters


@dataclass(frozen=True, eq=False)
class Shares:
    """Shares of credit with intervals, those of value where there is value.

    Parameters
    ----------
    method : str
    channels : tuple of str
    share, low, high : ndarray, shape (K,)
        Of conversions.
    value_share, value_low, value_high : ndarray, shape (K,)
    confidence : float
    replicates : int
    unit : str
        What was drawn.
    carries : str
        What the intervals do and do not hold.
    """

    method: str
    channels: tuple[str, ...]
    share: Floats
    low: Floats
    high: Floats
    value_share: Floats
    value_low: Floats
    value_high: Floats
    confidence: float
    replicates: int
    unit: str
    carries: str = CARRIES

    def table(self) -> pd.DataFrame:
        """Return a row a channel: ``channel, share, low, high, value_share, value_low, value_high``."""
        names = ("share", "low", "high", "value_share", "value_low", "value_high")
        return pd.DataFrame(dict(channel=list(self.channels)) | {n: getattr(self, n) for n in names})


def intervals(paths: Paths, plan: Plan, seed: int, replicates: int = 200, confidence: float = 0.95) -> Shares:
    """Return shares of credit with percentile intervals.

    Parameters
    ----------
    paths : Paths
        With clusters, a cluster's paths are drawn together. Without, every occurrence of a path is drawn by itself,
        which is too sure of itself where a person has several paths; a path's value a conversion is then kept.
    plan : Plan
        A method made ready for these paths: `rules.plan_linear`, `markov.plan`, `shapley.plan_rate`, …
    seed : int
    replicates : int
        At least 20.
    confidence : float

    Raises
    ------
    RefusedError
        If there are fewer than 20 replicates or 30 clusters, or a draw has no conversion.
    """
    check_confidence(confidence)
    if replicates < 20:
        raise RefusedError(f"{replicates} replicates are too few for an interval: take at least 20.")
    if paths.cluster is not None and int(paths.cluster.max()) + 1 < FEWEST:
        raise RefusedError(f"An interval by groups of people takes at least {FEWEST} groups.")
    random = Generator(PCG64(seed))
    drawn = [plan(_drawn(paths, random)) for _r in range(replicates)]
    if not all(d.conversions.sum() > 0 for d in drawn):
        raise RefusedError("There are so few conversions that a draw has none: no interval can be given.")
    own, tails = plan(paths.counts), [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile([d.shares for d in drawn], tails, axis=0)
    value_low, value_high = np.quantile([d.value_shares for d in drawn], tails, axis=0)
    unit = "occurrences of a path" if paths.cluster is None else "groups of people"
    return Shares(
        own.method, paths.channels, own.shares, low, high, own.value_shares, value_low, value_high, confidence,
        replicates, unit,
    )  # fmt: skip


def _drawn(paths: Paths, random: Generator) -> Counts:
    """Return the counts of one draw."""
    own = paths.counts
    if paths.cluster is not None:
        weight = random.poisson(1.0, int(paths.cluster.max()) + 1).astype(float)[paths.cluster]
        return Counts(own.conversions * weight, own.value * weight, own.nulls * weight)
    conversions = random.poisson(own.conversions).astype(float)
    each = np.divide(own.value, own.conversions, out=np.zeros_like(own.value), where=own.conversions > 0)
    return Counts(conversions, conversions * each, random.poisson(own.nulls).astype(float))
