"""Who will buy again in the next quarter: models trained on the past, tested on the future, calibrated, explained."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from math import inf, sqrt
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import PCG64, Generator
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from growth.retention.rules import HORIZON
from growth.retention.worth import grouped
from growth.stats import scores
from growth.stats.contrast import critical
from growth.stats.moments import Floats
from growth.stats.purchase import mbg_nbd

LOGISTIC, BOOSTING, PURCHASES = "logistic", "boosting", "purchase model"
SEED = 20_240_901
FEWEST = 50  # customers who bought again, and who did not: less is no fold


LOGS = (
    "recency", "tenure", "bought", "orders", "spent", "refunded", "bought_91", "bought_182", "visits_28", "visits_91",
)  # fmt: skip
LABELS = ("channel", "city", "tier")


# How a feature is called in a sentence.
SAID = {
    "log recency": "days since the last purchase",
    "log tenure": "days since the first purchase",
    "log bought": "number of purchase days",
    "log bought in 91 days": "purchase days in the last 91 days",
    "log bought in 182 days": "purchase days in the last 182 days",
    "log orders": "number of orders",
    "log spent": "money spent",
    "log refunded": "money refunded",
    "log visits in 28 days": "visits in the last 28 days",
    "log visits in 91 days": "visits in the last 91 days",
    "log silence over own gap": "silence against the customer's own usual gap",
}


def bought_again(rows: pd.DataFrame) -> np.ndarray:
    """Return who bought in the quarter after the snapshot, shape (n,) of bool."""
    return (rows["again"].astype(float) > 0).to_numpy(bool)


def design(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the features of snapshots, every one known before the day: logs of counts, days and money, labels.

    Parameters
    ----------
    rows : DataFrame
        The mart ``snapshots``, of one day or several. What no table of the data knows is left out.

    Returns
    -------
    DataFrame
        A column a feature; one of a label is called ``label: value`` and is 1 or 0, no label being a value too.
    """
    out = pd.DataFrame(index=rows.index)
    for name in LOGS:
        values = rows[name].astype(float) if name in rows else pd.Series(np.nan, index=rows.index)
        if values.notna().any():
            what, _, recent = name.partition("_")
            out[f"log {what} in {recent} days" if recent else f"log {what}"] = np.log1p(
                np.maximum(values.fillna(0), 0)
            )
    usual = rows["tenure"].astype(float) / rows["bought"].astype(float)
    out["log silence over own gap"] = np.log1p(rows["recency"].astype(float)) - np.log1p(usual)
    if "discount" in rows and rows["discount"].notna().any():
        paid, off = rows["spent"].astype(float), np.maximum(rows["discount"].astype(float).fillna(0), 0)
        out["discount share"] = off / np.maximum(paid + off, 0.01)
    for name in LABELS:
        if name in rows and rows[name].notna().any():
            own = rows[name].astype(object).where(rows[name].notna(), "unknown")
            for value in sorted(own.unique()):
                out[f"{name}: {value}"] = (own == value).astype(float)
    return out


def designs(train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the features of both, standardised by the mean and spread of `train`, in the same columns.

    A label's value of fewer than `FEWEST` rows of `train`, or that it does not know, is no feature; nor is what does
    not vary there. Columns that only `train` has are 0 before standardising: nobody of `test` has that value.
    """
    known = design(train)
    few = [c for c in known.columns if ": " in str(c) and known[c].sum() < FEWEST]
    known = known.drop(columns=few + [c for c in known if known[c].nunique() < 2])
    new = design(test).reindex(columns=known.columns, fill_value=0.0)
    centre, spread = known.mean(), known.std()
    return (known - centre) / spread, (new - centre) / spread


@dataclass(frozen=True)
class Fold:
    """One model on one fold.

    Parameters
    ----------
    model : str
    trained, tested : datetime.date
        Days of the newest snapshot learnt from and of the one foretold; what is predicted is the quarter after that.
    quarters : int
        Past quarters that the model learnt from; 0: none, it needs no outcome.
    customers, buyers : int
    auc, low, high : float
        Area under the ROC curve with DeLong's interval.
    brier, ece, ece_by_chance : float
        Mean squared error; expected calibration error over ten groups of equal size, and what it stays below in most
        samples if every chance is right (`scores.calibration_by_chance`).
    predicted, actual : float
        Mean chance of buying, foreseen and seen.
    """

    model: str
    trained: dt.date
    tested: dt.date
    quarters: int
    customers: int
    buyers: int
    auc: float
    low: float
    high: float
    brier: float
    ece: float
    ece_by_chance: float
    predicted: float
    actual: float


def predict(name: str, train: pd.DataFrame, test: pd.DataFrame) -> Floats:
    """Return the chance that each customer of `test` buys in the quarter after it.

    Parameters
    ----------
    name : str
        ``logistic``, ``boosting`` (both trained on `train` and its outcome) or ``purchase model`` (MBG/NBD on the
        histories of `test` itself, which needs no outcome).
    train, test : DataFrame
        Rows of the mart ``snapshots``: of past days (one or several), and of the day to foretell.

    Raises
    ------
    ValueError
        If a model cannot be fitted.
    """
    if name == PURCHASES:
        x = test["bought"].to_numpy(float) - 1
        t = (test["tenure"].to_numpy(float) - 1) / 7  # to the last known day
        t_x = (test["tenure"] - test["recency"]).to_numpy(float) / 7
        model = mbg_nbd(*grouped(x, t_x, t, np.ones(len(x))))
        return model.p_any(HORIZON / 7, x, t_x, t)
    known, new = designs(train, test)
    return _chance(_fitted(name, known, bought_again(train)), new)


def _fitted(name: str, known: pd.DataFrame, hit: np.ndarray) -> Any:
    model = (
        LogisticRegression(C=10.0, max_iter=1000)
        if name == LOGISTIC
        else HistGradientBoostingClassifier(
            max_iter=80, learning_rate=0.06, max_leaf_nodes=15, min_samples_leaf=40, random_state=SEED
        )
    )
    return model.fit(known.to_numpy(), hit)


def _chance(model: Any, new: pd.DataFrame) -> Floats:
    return np.asarray(model.predict_proba(new.to_numpy())[:, 1])


def pairs(rows: pd.DataFrame) -> list[tuple[dt.date, dt.date]]:
    """Return the days of training and test snapshots, oldest first: what the first learns ends as the second begins."""
    over = rows[rows["again"].notna()]
    good = []
    for at in sorted(over["at"].unique()):
        own = bought_again(over[over["at"] == at])
        if min(own.sum(), (~own).sum()) >= FEWEST:
            good.append(at)
    return [(a, b) for a, b in zip(good, good[1:], strict=False) if (b - a).days == HORIZON]


def past(rows: pd.DataFrame, day: dt.date) -> pd.DataFrame:
    """Return what a model may learn from to foretell the quarter after `day`: every snapshot whose quarter was over.

    All of them, not the newest alone: the quarter before is another season, and the mean of several is a better guess
    of the level.
    """
    return rows[(rows["at"] < day) & rows["again"].notna()]


@dataclass(frozen=True)
class Contest:
    """All models on all folds.

    Parameters
    ----------
    folds : list of Fold
        Oldest first.
    best : str
        The model of least mean Brier score on all folds but the last; with one fold alone on that.
    chance, hit : ndarray
        Of the best model on the last fold.
    trained : str
        The best of the models that are trained.
    importance : DataFrame
        See `importance`: of that one, on the last fold.
    drift : float
        Population stability index of the best model's score: customers of the last fold against those learnt from.
    drifts : DataFrame
        ``feature, index``: of each feature, the largest first.
    """

    folds: list[Fold]
    best: str
    chance: Floats
    hit: Floats
    trained: str
    importance: pd.DataFrame
    drift: float
    drifts: pd.DataFrame


def contest(rows: pd.DataFrame, confidence: float = 0.95) -> Contest:
    """Train on the quarters that are over, test on the next, and choose.

    Parameters
    ----------
    rows : DataFrame
        The mart ``snapshots``.
    confidence : float

    Raises
    ------
    ValueError
        If there are no two snapshots in a row with enough customers who bought again and who did not.
    """
    days = [b for _, b in pairs(rows)]
    if not days:
        raise ValueError(
            f"it takes two quarters in a row in which at least {FEWEST} customers bought again and {FEWEST} did not"
        )
    folds, last = [], {}
    for day in days:
        for name in (LOGISTIC, BOOSTING, PURCHASES):
            try:
                chance = predict(name, past(rows, day), rows[rows["at"] == day])
            except ValueError:
                continue  # a purchase model may have no top; the others judge alone
            folds.append(_fold(name, rows, day, chance, confidence))
            if day == days[-1]:
                last[name] = chance
    best = _best(folds, days[-1], set(last))
    train, test = past(rows, days[-1]), rows[rows["at"] == days[-1]]
    trained = best if best != PURCHASES else _best(folds, days[-1], set(last) - {PURCHASES})
    return Contest(
        folds, best, last[best], bought_again(test).astype(float), trained,
        importance(trained, train, test, confidence),
        scores.stability(predict(best, train, train), last[best]), drifts(train, test),
    )  # fmt: skip


def _best(folds: list[Fold], newest: dt.date, among: set[str]) -> str:
    """Return the model of least mean Brier score before the newest fold, of those that could be fitted everywhere."""
    judged = [f for f in folds if f.tested != newest] or folds
    judged = [f for f in judged if f.model in among]
    most = max(sum(f.model == name for f in judged) for name in among)
    whole = [n for n in (LOGISTIC, BOOSTING, PURCHASES) if sum(f.model == n for f in judged) == most]
    return min(whole, key=lambda n: float(np.mean([f.brier for f in judged if f.model == n])))


def _fold(name: str, rows: pd.DataFrame, day: dt.date, chance: Floats, confidence: float) -> Fold:
    hit = bought_again(rows[rows["at"] == day])
    learnt = past(rows, day)["at"]
    area, low, high = scores.auc(chance, hit, confidence)
    return Fold(
        name, learnt.max(), day, 0 if name == PURCHASES else learnt.nunique(), len(hit), int(hit.sum()), area, low,
        high, float(((chance - hit) ** 2).mean()), scores.calibration_error(chance, hit),
        scores.calibration_by_chance(chance, confidence=confidence)[1], float(chance.mean()), float(hit.mean()),
    )  # fmt: skip


def drifts(train: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """Return ``feature, index``: the stability index of every feature, the largest first."""
    known, new = designs(train, test)
    found = pd.DataFrame(
        dict(feature=known.columns, index=[scores.stability(known[c], new[c]) for c in known])
    )
    return found.sort_values(["index", "feature"], ascending=[False, True], ignore_index=True)


def importance(
    name: str, train: pd.DataFrame, test: pd.DataFrame, confidence: float = 0.95, repeats: int = 5
) -> pd.DataFrame:
    """Return the AUC that a trained model loses when a feature of the test is shuffled among its customers.

    Parameters
    ----------
    name : str
        ``logistic`` or ``boosting``.
    train, test : DataFrame
        As `predict`.
    confidence : float
    repeats : int
        Shuffles a feature, at least 2; the values of a label are shuffled together.

    Returns
    -------
    DataFrame
        ``feature, loss, low, high``, the largest loss first. The interval is that of a difference of two areas on the
        same customers (DeLong, DeLong and Clarke-Pearson 1988), widened by what differs from shuffle to shuffle.

    Notes
    -----
    Breiman (2001), Machine Learning 45:5-32, section 10, on data that the model has not seen.
    """
    known, new = designs(train, test)
    hit = bought_again(test)
    model = _fitted(name, known, bought_again(train))
    base = scores.placements(_chance(model, new), hit)
    random = Generator(PCG64(SEED))
    rows = []
    source = [str(c).split(": ")[0] for c in known.columns]
    for feature in dict.fromkeys(source):
        columns = [k for k, name_of in enumerate(source) if name_of == feature]
        lost = []
        for _ in range(repeats):
            moved = new.to_numpy(copy=True)
            moved[:, columns] = moved[random.permutation(len(moved))][:, columns]
            parts = scores.placements(np.asarray(model.predict_proba(moved)[:, 1]), hit)
            lost.append([a - b for a, b in zip(base, parts, strict=True)])
        each = [float(x[0].mean()) for x in lost]
        mean = [np.mean([x[side] for x in lost], axis=0) for side in (0, 1)]
        error = sqrt(scores.placement_variance(*mean) + float(np.var(each, ddof=1)) / repeats)
        loss, half = float(np.mean(each)), critical(inf, confidence) * error
        rows.append(dict(feature=feature, loss=loss, low=loss - half, high=loss + half))
    return pd.DataFrame(rows).sort_values("loss", ascending=False, ignore_index=True, kind="stable")
