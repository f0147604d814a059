"""Segments: are there any, how many, who is in them; and the four classic types by their attitudes.

K-means finds clusters in anything. Whether there is structure is asked against data without it: one Gaussian with the
same correlations behind answers with the same shares. How many clusters is asked of their stability under resampling,
and what that stability is where there is no structure is shown beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.random import PCG64, Generator
from numpy.typing import NDArray
from scipy.special import ndtr
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from growth.stats.moments import Floats

Ints = NDArray[np.int64]
MOST = 6
NULLS = 39  # datasets without structure: the least p-value is 1 / 40
PAIRS = 8  # of resampled fits, whose agreement is stability
LEAST_SURE = 0.7  # probability with which a type must lead to be given


@dataclass(frozen=True, eq=False)
class Segments:
    """Clusters of respondents.

    Parameters
    ----------
    structure : bool
        Whether the data are told from data without clusters, at 5 %.
    p_value : float
    by_number : DataFrame
        ``clusters, tightness`` (log of the null's spread within over the data's: the gap), ``z`` (of the gap under the
        null), ``stability`` (mean adjusted Rand index of resampled fits), ``low, high`` (their range),
        ``null_stability`` (the same of data without structure).
    number : int
        Clusters; 1 where there is no structure.
    member : ndarray of int
        Cluster of every row, the largest first.
    centres : ndarray, shape (clusters, items)
        In standard deviations about the mean.
    """

    structure: bool
    p_value: float
    by_number: pd.DataFrame
    number: int
    member: Ints
    centres: Floats


def find(items: Floats, seed: int, most: int = MOST, nulls: int = NULLS, pairs: int = PAIRS) -> Segments:
    """Return the clusters of rows, where there are any.

    Parameters
    ----------
    items : ndarray, shape (rows, items)
        Complete answers, of any scale.
    seed : int
    most : int
        Clusters that are tried, 2 to `most`.
    nulls, pairs : int
        Datasets without structure, and pairs of resampled fits of each number.

    Raises
    ------
    ValueError
        If rows are fewer than 20 for each cluster tried, an answer is missing, or an item is the same for all.

    Notes
    -----
    The gap of Tibshirani, Walther and Hastie (2001, JRSS B 63:411-423) against the null of SigClust (Liu et al. 2008,
    JASA 103:1281-1293): a Gaussian copula with the data's own margins, its correlations raised until those of the
    answers are the data's. One p-value for all numbers of clusters: that of the largest standardised gap. The number is
    the one of the largest gap among those more stable than without structure.
    """
    x = np.asarray(items, float)
    if not np.isfinite(x).all():
        raise ValueError("Segments need complete answers: leave out rows with missing ones.")
    if len(x) < 20 * most:
        raise ValueError(
            f"{len(x)} respondents are too few to look for {most} segments: {20 * most} are needed."
        )
    if (x.std(axis=0) == 0).any():
        raise ValueError("An item has the same answer from all: leave it out.")
    random = Generator(PCG64(seed))
    numbers = np.arange(2, most + 1)
    data = _standard(x)
    spread = _spreads(data, numbers)
    law = _Null(x, random)
    flat = np.array([_spreads(_standard(law(random)), numbers) for _ in range(nulls)])
    centre, width = flat.mean(axis=0), flat.std(axis=0, ddof=1)
    z = (centre - spread) / width
    # Each null against the others: as the data are against all of them.
    alone = [(np.delete(flat, i, 0), flat[i]) for i in range(nulls)]
    top = np.array([((o.mean(axis=0) - own) / o.std(axis=0, ddof=1)).max() for o, own in alone])
    p_value = float((1 + (top >= z.max()).sum()) / (nulls + 1))
    stable = [_stability(data, int(k), random, pairs) for k in numbers]
    without = [np.mean(_stability(_standard(law(random)), int(k), random, pairs)) for k in numbers]
    table = pd.DataFrame(
        dict(clusters=numbers, tightness=centre - spread, z=z, stability=[float(np.mean(s)) for s in stable],
             low=[float(min(s)) for s in stable], high=[float(max(s)) for s in stable], null_stability=without)
    )  # fmt: skip
    structure = p_value <= 0.05
    firm = table[table["stability"] > table["null_stability"]]
    number = (
        int((firm if len(firm) else table).sort_values("z", ascending=False)["clusters"].iloc[0])
        if structure
        else 1
    )
    member, centres = _members(data, number)
    return Segments(structure, p_value, table, number, member, centres)


def _standard(x: Floats) -> Floats:
    return np.asarray((x - x.mean(axis=0)) / x.std(axis=0))


def _fitted(x: Floats, number: int, starts: int = 4) -> KMeans:
    return KMeans(number, n_init=starts, random_state=0, algorithm="lloyd", tol=1e-6).fit(x)


def _spreads(x: Floats, numbers: Ints) -> Floats:
    """Return the log of the spread within clusters, by number."""
    return np.log([_fitted(x, int(k)).inertia_ for k in numbers])


def _stability(x: Floats, number: int, random: Generator, pairs: int) -> list[float]:
    """Return how far two fits to resampled rows agree on all rows, by pair."""
    out = []
    for _ in range(pairs):
        labels = [
            _fitted(x[random.integers(len(x), size=len(x))], number).predict(x).astype(np.int64)
            for _ in range(2)
        ]
        out.append(float(adjusted_rand_score(*labels)))
    return out


def _members(x: Floats, number: int) -> tuple[Ints, Floats]:
    if number == 1:
        return np.zeros(len(x), np.int64), x.mean(axis=0, keepdims=True)
    fit = _fitted(x, number, 20)
    order = np.argsort(-np.bincount(fit.labels_, minlength=number), kind="stable")
    return np.argsort(order)[fit.labels_].astype(np.int64), np.asarray(fit.cluster_centers_[order])


class _Null:
    """A Gaussian copula with the margins of the data, and correlations that show in the answers as theirs do."""

    def __init__(self, x: Floats, random: Generator) -> None:
        self.ordered = np.sort(x, axis=0)
        self.rows = len(x)
        target = np.asarray(np.corrcoef(x, rowvar=False))
        noise = random.standard_normal((4 * max(self.rows, 2000), x.shape[1]))
        latent = target.copy()
        for _ in range(6):
            self.root = _root(latent)
            seen = np.corrcoef(self._answers(noise @ self.root.T), rowvar=False)
            latent = np.asarray(np.clip(latent + target - seen, -0.99, 0.99))
            np.fill_diagonal(latent, 1.0)
        self.root = _root(latent)

    def __call__(self, random: Generator) -> Floats:
        return self._answers(random.standard_normal((self.rows, len(self.root))) @ self.root.T)

    def _answers(self, z: Floats) -> Floats:
        place = np.minimum((ndtr(z) * self.rows).astype(np.int64), self.rows - 1)
        return np.take_along_axis(self.ordered, place, axis=0)


def _root(correlation: Floats) -> Floats:
    """Return a root of the nearest correlation matrix: negative eigenvalues are cut off."""
    value, vector = np.linalg.eigh(correlation)
    root = vector * np.sqrt(np.maximum(value, 1e-10))
    return np.asarray(root / np.sqrt((root**2).sum(axis=1, keepdims=True)))


@dataclass(frozen=True, eq=False)
class Types:
    """The classic types by attitude.

    Parameters
    ----------
    scores : DataFrame
        A column a type: its items' mean, reversed ones turned, in standard deviations.
    given : Series
        The type of each; missing where none leads with a probability of `LEAST_SURE`.
    reliability : float
        Share of the scores' variance that is not of single items.
    """

    scores: pd.DataFrame
    given: pd.Series
    reliability: float


def types(items: pd.DataFrame, topics: Mapping[str, str], turned: Sequence[str]) -> Types:
    """Return scores on each topic, and the type that leads.

    Parameters
    ----------
    items : DataFrame
        A row a respondent, a column an item.
    topics : mapping of str to str
        Item -> topic.
    turned : sequence of str
        Items of which a high answer means little of the topic.

    Notes
    -----
    Each respondent's scores are taken about their own mean first: who agrees with everything says nothing by it. Scores
    of few items err, by how far items of one topic disagree: what is left of a lead after that (Kelley's true scores,
    1947) tells how probably it is one. Where items have nothing in common, nobody is given a type.
    """
    one_way = items.copy()
    for item in turned:
        one_way[item] = -one_way[item]
    z = (one_way - one_way.mean()) / one_way.std(ddof=0)
    names = sorted(set(topics.values()))
    topic = np.array([topics[str(i)] for i in z])
    scores = pd.DataFrame({t: z.loc[:, topic == t].mean(axis=1) for t in names})
    left = z.to_numpy() - scores[topic].to_numpy()
    scores = scores.sub(scores.mean(axis=1), axis=0)
    reliability = _reliability(left, topic, np.where(z.columns.isin(turned), -1.0, 1.0), scores)
    scores = scores / scores.std(ddof=0)
    top = np.sort(scores.to_numpy(), axis=1)
    sure = ndtr((top[:, -1] - top[:, -2]) * np.sqrt(reliability / (2 * (1 - reliability))))
    given = scores.fillna(-np.inf).idxmax(axis=1).where(sure >= LEAST_SURE)
    return Types(scores, given, reliability)


def _reliability(left: Floats, topic: NDArray[np.str_], way: Floats, scores: pd.DataFrame) -> float:
    """Return the share of scores' variance that is not error of single items, 0 to 0.999.

    Parameters
    ----------
    left : ndarray, shape (rows, items)
        Answers less their topic's score.
    topic, way : ndarray, shape (items,)
        -1 for a turned item: by these a person's yes-saying, which is no error, is told.
    scores : DataFrame
        About each person's mean.
    """
    kinds, place, many = np.unique(topic, return_inverse=True, return_counts=True)
    if many.min() < 2:
        raise ValueError("A topic needs two items or more: of one nobody knows how far it errs.")
    way = way - (np.bincount(place, way) / many)[place]
    freedom = len(topic) - len(kinds) - int(way.any())
    yes = (left @ way) ** 2 / (way @ way) if way.any() else 0.0
    error = float(np.nanmean(np.nansum(left**2, axis=1) - yes)) / freedom * float((1 / many).mean())
    return float(np.clip(1 - error * (1 - 1 / len(kinds)) / float(scores.var(ddof=0).mean()), 0.0, 0.999))


def typing_tool(items: pd.DataFrame, member: Ints, seed: int, most: int = 4) -> tuple[list[str], int, int]:
    """Return the few items that tell segments best, how many others these put right, and of how many.

    Notes
    -----
    Forward choice by linear discriminants on two thirds of the rows; judged on the third left out.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    x = items.to_numpy(float)
    held = Generator(PCG64(seed)).random(len(x)) < 1 / 3

    def right(columns: list[int], rows: NDArray[np.bool_]) -> int:
        fit = LinearDiscriminantAnalysis().fit(x[~held][:, columns], member[~held])
        return int((fit.predict(x[rows][:, columns]) == member[rows]).sum())

    chosen: list[int] = []
    for _ in range(min(most, x.shape[1])):
        rest = [j for j in range(x.shape[1]) if j not in chosen]
        chosen.append(rest[int(np.argmax([right([*chosen, j], ~held) for j in rest]))])
    return [str(items.columns[j]) for j in chosen], right(chosen, held), int(held.sum())
