"""What choices say: the multinomial logit of offers (conjoint) and of needs (maximum difference)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from growth.stats.contrast import Estimate, Ratio, critical, estimate, fieller
from growth.stats.moments import Floats

Ints = NDArray[np.int64]
NONE = "none of them"
_STEPS = 100


@dataclass(frozen=True, eq=False)
class Choice:
    """A fitted multinomial logit.

    Parameters
    ----------
    names : tuple of str
    worth : ndarray, shape (k,)
        Utility of a unit of each column.
    covariance : ndarray, shape (k, k)
        Robust, respondents being the units.
    classic : ndarray, shape (k, k)
        The inverse information, right where choices are independent and the model is true.
    log_likelihood, null : float
        Of the fit, and of even chances.
    choices, people : int
    """

    names: tuple[str, ...]
    worth: Floats
    covariance: Floats
    classic: Floats
    log_likelihood: float
    null: float
    choices: int
    people: int

    def part(self, name: str, confidence: float = 0.95) -> Estimate:
        """Return one part-worth."""
        j = self.names.index(name)
        error = float(np.sqrt(self.covariance[j, j]))
        return estimate(float(self.worth[j]), error, self.people - 1.0, confidence)

    def in_money(self, name: str, price: str, confidence: float = 0.95) -> Ratio:
        """Return what a unit of a column is worth in price, with Fieller's set.

        Notes
        -----
        -worth / worth of price. The delta method's interval is too narrow where price is weak; Fieller's is not
        (Hole 2007, Health Economics 16:827-840).
        """
        j, k = self.names.index(name), self.names.index(price)
        v = self.covariance
        return fieller(
            float(self.worth[j]), -float(self.worth[k]), float(v[j, j]), float(v[k, k]), -float(v[j, k]),
            self.people - 1.0, confidence,
        )  # fmt: skip

    def shares(self, offers: Floats, confidence: float = 0.95) -> pd.DataFrame:
        """Return what share would choose each of some offers: ``share, low, high`` (delta method on the log odds).

        Parameters
        ----------
        offers : ndarray, shape (offers, k)
        """
        value = offers @ self.worth
        share = np.exp(value - value.max())
        share = share / share.sum()
        slope = offers - share @ offers  # of the log share
        error = np.sqrt(np.einsum("ij,jk,ik->i", slope, self.covariance, slope)) / (1 - share)
        odds, half = np.log(share / (1 - share)), critical(self.people - 1.0, confidence) * error
        low, high = (1 / (1 + np.exp(-(odds + s * half))) for s in (-1, 1))
        return pd.DataFrame(dict(share=share, low=low, high=high))


def fit(
    columns: Floats, situation: Ints, chosen: NDArray[np.bool_], who: Ints, names: Sequence[str],
    weights: Floats | None = None,
) -> Choice:  # fmt: skip
    """Fit a multinomial logit.

    Parameters
    ----------
    columns : ndarray, shape (alternatives, k)
        What each alternative is made of; a row an alternative of a situation.
    situation : ndarray of int
        To which choice an alternative belongs.
    chosen : ndarray of bool
        One of each situation.
    who : ndarray of int
        The respondent: choices of one are not independent.
    names : sequence of str
        Of the columns.
    weights : ndarray, optional
        Of alternatives, the same within a respondent.

    Raises
    ------
    ValueError
        If a situation has not exactly one choice, columns cannot be told apart, or some alternative is never (or
        always) chosen, so that no worth is finite.

    Notes
    -----
    McFadden (1974). The log-likelihood is concave: Newton's steps, halved where they overshoot.
    """
    x = np.asarray(columns, float)
    codes, place = np.unique(situation, return_inverse=True)
    if not (np.bincount(place, chosen, len(codes)) == 1).all():
        raise ValueError("Every choice needs exactly one alternative that was chosen.")
    w = np.ones(len(x)) if weights is None else np.asarray(weights, float)
    w = w * (len(w) / w.sum())
    worth = np.zeros(x.shape[1])
    score, information, likelihood = _at(x, place, chosen, w, worth)
    null = likelihood
    if np.linalg.matrix_rank(information) < len(worth):
        raise ValueError(
            "Some attributes always come together, so their worth cannot be told apart: leave one out."
        )
    for _ in range(_STEPS):
        step = np.linalg.solve(information, score.sum(axis=0))
        size = 1.0
        while size > 1e-6 and _at(x, place, chosen, w, worth + size * step)[2] < likelihood - 1e-10 * abs(
            likelihood
        ):
            size /= 2
        worth = worth + size * step
        score, information, likelihood = _at(x, place, chosen, w, worth)
        if np.abs(step).max() < 1e-9:
            break
        if np.abs(worth).max() > 25 * max(1.0, 1 / np.abs(x).max()):
            raise ValueError(
                "An attribute decides every choice, so its worth has no bound: leave it out, or ask more."
            )
    classic = np.asarray(np.linalg.inv(information), float)
    people, own = np.unique(who, return_inverse=True)
    sums = np.stack([np.bincount(own, score[:, j]) for j in range(len(worth))], axis=1)
    spread = sums.T @ sums * len(people) / max(len(people) - 1, 1)
    return Choice(
        tuple(names),
        worth,
        np.asarray(classic @ spread @ classic),
        classic,
        likelihood,
        null,
        len(codes),
        len(people),
    )


def _at(
    x: Floats, place: Ints, chosen: NDArray[np.bool_], w: Floats, worth: Floats
) -> tuple[Floats, Floats, float]:
    """Return scores by alternative, the information, and the log-likelihood."""
    value = x @ worth
    top = np.full(int(place.max()) + 1, -np.inf)
    np.maximum.at(top, place, value)
    each = np.exp(value - top[place])
    chance = each / np.bincount(place, each)[place]
    mean = np.stack([np.bincount(place, chance * x[:, j]) for j in range(x.shape[1])], axis=1)
    apart = x - mean[place]
    information = (apart * (w * chance)[:, None]).T @ apart
    return apart * (w * chosen)[:, None], information, float((w * chosen) @ np.log(chance))


def offers(tasks: pd.DataFrame) -> tuple[Floats, Ints, NDArray[np.bool_], Ints, list[str]]:
    """Return columns, situations, choices, respondents and names of tasks of offers, with "none of them" beside them.

    Parameters
    ----------
    tasks : DataFrame
        ``respondent_id, task, levels`` (``attribute=level; …``), ``price, chosen``. The most frequent level of an
        attribute is the measure of its others.
    """
    parts = tasks["levels"].str.split(";").map(lambda ls: dict(p.strip().split("=", 1) for p in ls))
    wide = pd.DataFrame(list(parts), index=tasks.index)
    columns, names = [], []
    for attribute in wide:
        counts = wide[attribute].value_counts()
        first = sorted(counts.index[counts == counts.max()])[0]
        for level in sorted(set(wide[attribute].dropna()) - {first}):
            columns.append((wide[attribute] == level).to_numpy(float))
            names.append(f"{attribute}: {level} (over {first})")
    columns.append(tasks["price"].to_numpy(float) / 100)
    names.append("price, per 100")
    x = np.column_stack([*columns, np.zeros(len(tasks))])
    code = tasks["respondent_id"].astype("category").cat.codes.to_numpy(np.int64)
    situation = code * 1000 + tasks["task"].to_numpy(np.int64)
    unique, where = np.unique(situation, return_index=True)
    chosen = tasks["chosen"].to_numpy() == 1
    nobody = np.bincount(np.searchsorted(unique, situation), chosen) == 0
    outside = np.zeros((len(unique), x.shape[1]))
    outside[:, -1] = 1.0
    return (
        np.vstack([x, outside]), np.concatenate([situation, unique]), np.concatenate([chosen, nobody]),
        np.concatenate([code, code[where]]), [*names, NONE],
    )  # fmt: skip


def needs(tasks: pd.DataFrame) -> tuple[Floats, Ints, NDArray[np.bool_], Ints, list[str]]:
    """Return columns, situations, choices, respondents and names of tasks of needs: the best, then the worst.

    Notes
    -----
    Sequential best-worst choice (Marley and Louviere 2005, Journal of Mathematical Psychology 49:464-480): the worst is
    chosen by the same worth, its sign turned. The first need by name is the measure.
    """
    items = sorted(tasks["levels"].unique())
    dummy = (tasks["levels"].to_numpy()[:, None] == np.array(items, object)[None, 1:]).astype(float)
    code = tasks["respondent_id"].astype("category").cat.codes.to_numpy(np.int64)
    situation = (code * 1000 + tasks["task"].to_numpy(np.int64)) * 2
    said = tasks["chosen"].to_numpy()
    rest = said != 1
    return (
        np.vstack([dummy, -dummy[rest]]), np.concatenate([situation, situation[rest] + 1]),
        np.concatenate([said == 1, said[rest] == -1]), np.concatenate([code, code[rest]]), items[1:],
    )  # fmt: skip
