"""Who will buy again in the next quarter: models trained on the past, tested on the future, calibrated, explained."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
import pandas as pd
from numpy.random import PCG64, Generator
from numpy.typing import ArrayLike
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from growth.retention.snapshots import HORIZON
from growth.stats.contrast import critical
from growth.stats.moments import Floats
from growth.stats.purchase import mbg_nbd

LOGISTIC, BOOSTING, PURCHASES = "logistic", "boosting", "purchase model"
SEED = 20_240_901
FEWEST = 50  # customers who bought again, and who did not: less is no fold


def design(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the features of snapshots, every one known before the day: logs of counts, days and money.

    Parameters
    ----------
    rows : DataFrame
        The mart ``snapshots``, of one day or several. Visits are left out where the data have none.
    """
    out = pd.DataFrame(index=rows.index)
    for name in ("recency", "tenure", "bought", "spent", "bought_91", "bought_182", "visits_28", "visits_91"):
        values = rows[name].astype(float)
        if values.notna().any():
            what, _, recent = name.partition("_")
            out[f"log {what} in {recent} days" if recent else f"log {what}"] = np.log1p(
                np.maximum(values.fillna(0), 0)
            )
    usual = rows["tenure"].astype(float) / rows["bought"].astype(float)
    out["log silence over own gap"] = np.log1p(rows["recency"].astype(float)) - np.log1p(usual)
    return out


@dataclass(frozen=True)
class Fold:
    """One model on one fold.

    Parameters
    ----------
    model : str
    trained, tested : datetime.date
        Days of the two snapshots; what is predicted is the quarter after the second.
    customers, buyers : int
    auc, low, high : float
        Area under the ROC curve with DeLong's interval.
    brier, ece : float
        Mean squared error; expected calibration error over ten groups of equal size.
    predicted, actual : float
        Mean chance of buying, foreseen and seen.
    """

    model: str
    trained: dt.date
    tested: dt.date
    customers: int
    buyers: int
    auc: float
    low: float
    high: float
    brier: float
    ece: float
    predicted: float
    actual: float


def auc(score: ArrayLike, hit: ArrayLike, confidence: float = 0.95) -> tuple[float, float, float]:
    """Return the area under the ROC curve and DeLong's interval (logit scale).

    Notes
    -----
    DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44:837-845, by midranks as Sun and Xu (2014).
    """
    s, y = np.asarray(score, float), np.asarray(hit, bool)
    a, b = s[y], s[~y]
    m, n = len(a), len(b)
    if not m or not n:
        raise ValueError("An area under the curve needs some who did and some who did not.")
    both = rankdata(np.concatenate([a, b]))
    above = (both[:m] - rankdata(a)) / n
    below = 1 - (both[m:] - rankdata(b)) / m
    area = float(above.mean())
    variance = float(above.var(ddof=1) / m + below.var(ddof=1) / n) if min(m, n) > 1 else 0.0
    if not 0 < area < 1 or variance == 0:
        return area, area, area
    half = critical(inf, confidence) * sqrt(variance) / (area * (1 - area))
    centre = np.log(area / (1 - area))
    low, high = (1 / (1 + np.exp(-(centre + k * half))) for k in (-1, 1))
    return area, float(low), float(high)


def groups(chance: ArrayLike, hit: ArrayLike, many: int = 10) -> pd.DataFrame:
    """Return ``group, customers, predicted, actual``: customers in groups of equal size by predicted chance."""
    p, y = np.asarray(chance, float), np.asarray(hit, float)
    order = np.argsort(p, kind="stable")
    rows = [
        dict(group=k, customers=len(part), predicted=float(p[part].mean()), actual=float(y[part].mean()))
        for k, part in enumerate(np.array_split(order, many), 1)
        if len(part)
    ]
    return pd.DataFrame(rows)


def calibration_error(chance: ArrayLike, hit: ArrayLike, many: int = 10) -> float:
    """Return the expected calibration error: mean |predicted - actual| over groups of equal size."""
    g = groups(chance, hit, many)
    return float((g["customers"] * (g["predicted"] - g["actual"]).abs()).sum() / g["customers"].sum())


def predict(name: str, train: pd.DataFrame, test: pd.DataFrame) -> Floats:
    """Return the chance that each customer of `test` buys in the quarter after it.

    Parameters
    ----------
    name : str
        ``logistic``, ``boosting`` (both trained on `train` and its outcome) or ``purchase model`` (MBG/NBD on the
        histories of `test` itself, which needs no outcome).
    train, test : DataFrame
        Rows of the mart ``snapshots`` of two days.

    Raises
    ------
    ValueError
        If a model cannot be fitted.
    """
    if name == PURCHASES:
        x = test["bought"].to_numpy(float) - 1
        t = (test["tenure"].to_numpy(float) - 1) / 7  # to the last known day
        t_x = (test["tenure"] - test["recency"]).to_numpy(float) / 7
        seen = (
            pd.DataFrame(dict(x=x, t_x=t_x, t=t)).value_counts(sort=False).sort_index().reset_index(name="n")
        )
        model = mbg_nbd(seen["x"], seen["t_x"], seen["t"], seen["n"])
        return model.p_any(HORIZON / 7, x, t_x, t)
    known, new = design(train), design(test)
    centre, spread = known.mean(), known.std().replace(0, 1.0)
    hit = (train["again"].astype(float) > 0).to_numpy()
    model = (
        LogisticRegression(C=10.0, max_iter=1000)
        if name == LOGISTIC
        else HistGradientBoostingClassifier(
            max_iter=80, learning_rate=0.06, max_leaf_nodes=15, min_samples_leaf=40, random_state=SEED
        )
    )
    model.fit(((known - centre) / spread).to_numpy(), hit)
    return np.asarray(model.predict_proba(((new - centre) / spread).to_numpy())[:, 1])


def pairs(rows: pd.DataFrame) -> list[tuple[dt.date, dt.date]]:
    """Return the days of training and test snapshots, oldest first: what the first learns ends as the second begins."""
    over = rows[rows["again"].notna()]
    good = []
    for at in sorted(over["at"].unique()):
        own = over[over["at"] == at]
        hits = int((own["again"].astype(float) > 0).sum())
        if min(hits, len(own) - hits) >= FEWEST:
            good.append(at)
    return [(a, b) for a, b in zip(good, good[1:], strict=False) if (b - a).days == HORIZON]


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
    importance : DataFrame
        ``feature, loss, low, high``: AUC lost on the last fold when a feature is shuffled (best of the trained models).
    drift : float
        Population stability index of the best model's score, last fold against the one before (or its training day).
    """

    folds: list[Fold]
    best: str
    chance: Floats
    hit: Floats
    importance: pd.DataFrame
    drift: float


def contest(rows: pd.DataFrame, confidence: float = 0.95) -> Contest:
    """Train on each quarter and test on the next, and choose.

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
    days = pairs(rows)
    if not days:
        raise ValueError(
            f"it takes two quarters in a row in which at least {FEWEST} customers bought again and {FEWEST} did not"
        )
    folds, last = [], {}
    for a, b in days:
        train, test = rows[rows["at"] == a], rows[rows["at"] == b]
        hit = (test["again"].astype(float) > 0).to_numpy()
        for name in (LOGISTIC, BOOSTING, PURCHASES):
            try:
                chance = predict(name, train, test)
            except ValueError:
                continue  # a purchase model may have no top; the others judge alone
            folds.append(_fold(name, a, b, chance, hit, confidence))
            last[name] = chance
    judged = [f for f in folds if f.tested != days[-1][1]] or folds
    score = {f.model: [g.brier for g in judged if g.model == f.model] for f in judged if f.model in last}
    best = min(score, key=lambda k: float(np.mean(score[k])))
    a, b = days[-1]
    train, test = rows[rows["at"] == a], rows[rows["at"] == b]
    hit = (test["again"].astype(float) > 0).to_numpy()
    return Contest(
        folds, best, last[best], hit.astype(float), importance(train, test, hit, confidence),
        stability(predict(LOGISTIC, train, train), predict(LOGISTIC, train, test)),
    )  # fmt: skip


def _fold(name: str, a: dt.date, b: dt.date, chance: Floats, hit: np.ndarray, confidence: float) -> Fold:
    area, low, high = auc(chance, hit, confidence)
    return Fold(
        name, a, b, len(hit), int(hit.sum()), area, low, high, float(((chance - hit) ** 2).mean()),
        calibration_error(chance, hit), float(chance.mean()), float(hit.mean()),
    )  # fmt: skip


def stability(old: ArrayLike, new: ArrayLike, many: int = 10) -> float:
    """Return the population stability index of a score: Σ (b - a) log(b / a) over the old score's tenths.

    Below 0.1 is read as stable, above 0.25 as another population (Siddiqi 2006, Credit Risk Scorecards).
    """
    edges = np.unique(np.quantile(np.asarray(old, float), np.linspace(0, 1, many + 1)[1:-1]))
    counts = [
        np.bincount(np.searchsorted(edges, np.asarray(s, float)), minlength=len(edges) + 1)
        for s in (old, new)
    ]
    a, b = ((c + 0.5) / (c.sum() + 0.5 * len(c)) for c in counts)
    return float(((b - a) * np.log(b / a)).sum())


def importance(
    train: pd.DataFrame, test: pd.DataFrame, hit: np.ndarray, confidence: float, repeats: int = 10
) -> pd.DataFrame:
    """Return ``feature, loss, low, high``: AUC that the logistic model loses when a feature of the test is shuffled."""
    known, new = design(train), design(test)
    centre, spread = known.mean(), known.std().replace(0, 1.0)
    model = LogisticRegression(C=10.0, max_iter=1000)
    model.fit(((known - centre) / spread).to_numpy(), (train["again"].astype(float) > 0).to_numpy())
    x = ((new - centre) / spread).to_numpy()
    base = auc(model.decision_function(x), hit)[0]
    random = Generator(PCG64(SEED))
    rows = []
    for k, name in enumerate(known.columns):
        lost = []
        for _ in range(repeats):
            moved = x.copy()
            moved[:, k] = random.permutation(moved[:, k])
            lost.append(base - auc(model.decision_function(moved), hit)[0])
        half = critical(repeats - 1, confidence) * float(np.std(lost, ddof=1)) / sqrt(repeats)
        mean = float(np.mean(lost))
        rows.append(dict(feature=name, loss=mean, low=mean - half, high=mean + half))
    return pd.DataFrame(rows).sort_values("loss", ascending=False, ignore_index=True, kind="stable")


def try_contest(rows: pd.DataFrame, confidence: float = 0.95) -> tuple[Contest | None, str]:
    """Return `contest`, or None and why not."""
    try:
        return contest(rows, confidence), ""
    except ValueError as error:
        return None, str(error).rstrip(".")
