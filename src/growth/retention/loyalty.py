"""The loyalty index: what it is made of, what each wave says, and how reliable the attitudes in it are.

Two parts attitudes, one part repeat purchase. Attitudes are the mean of all answers on satisfaction and willingness to
recommend, each put on 0 to 100; repeat purchase is 0 for one purchase day (or none) in the year before, 25 more for
each further one, 100 from five on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from growth.errors import attempt
from growth.retention.rules import SCALES
from growth.stats.promoters import DETRACTOR, PROMOTER, NetPromoters, net_promoters
from growth.stats.proportions import wilson
from growth.stats.reliability import Reliability, again, alpha, omega, without_each

SATISFIED = 4  # of 1 to 5, from this on
KEYS = ["respondent_id", "wave"]


@dataclass(frozen=True, eq=False)
class Survey:
    """What was asked and answered.

    Parameters
    ----------
    rows : DataFrame
        The mart ``loyalty`` in the order of waves, with the items as columns (0 to 100; missing: not answered),
        ``attitude``, ``repeat``, ``index`` (missing unless every item was answered; `index` also where the customer is
        not known) and ``bought_again`` (0, 1 or missing).
    items : list of str
        ``question: item``.
    off_scale : int
        Answers that lie off their scale: read as not answered.
    """

    rows: pd.DataFrame
    items: list[str]
    off_scale: int

    @property
    def complete(self) -> pd.DataFrame:
        """The latest complete answers of each person: everybody counts once."""
        return latest(self.rows[self.rows["attitude"].notna()])


def latest(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the last row of each person, of rows in the order of waves."""
    return rows.drop_duplicates("respondent_id", keep="last")


def survey(asked: pd.DataFrame, answers: pd.DataFrame) -> Survey:
    """Put answers on 0 to 100 beside what was bought.

    Parameters
    ----------
    asked, answers : DataFrame
        The marts ``loyalty`` and ``loyalty_answers``.

    Raises
    ------
    ValueError
        If nobody was asked, or no answer is on its scale.
    """
    if asked.empty:
        raise ValueError("Nobody has been asked: the table respondents is empty.")
    low, high = (answers["question"].map(lambda q, k=k: SCALES[q][k]).astype(float) for k in (0, 1))
    value = answers["value"].astype(float)
    good = (value >= low) & (value <= high)
    if not good.any():
        raise ValueError(
            "No answer on satisfaction (1 to 5) or recommend (0 to 10) is there: the table answers needs them."
        )
    names = answers["question"].astype(str) + ": " + answers["item"].astype(str)
    told = answers[KEYS].assign(name=names, value=100 * (value - low) / (high - low))[good]
    wide = told.pivot(index=KEYS, columns="name", values="value").reset_index()
    items = sorted(set(told["name"]))
    day = asked.groupby("wave")["asked"].transform("min")
    order = np.lexsort((asked["respondent_id"], asked["wave"], day))
    rows = asked.iloc[order].merge(wide, on=KEYS, how="left")
    rows["attitude"] = rows[items].mean(axis=1, skipna=False)
    rows["repeat"] = 25.0 * (rows["bought_365"].astype(float) - 1).clip(0, 4)
    rows["index"] = (2 * rows["attitude"] + rows["repeat"]) / 3
    rows["bought_again"] = (rows["again"].astype(float) > 0).astype(float).where(rows["again"].notna())
    return Survey(rows, items, int((~good).sum()))


def best(found: Survey, question: str) -> str | None:
    """Return the item of a question that is read alone: ``overall`` if asked, else the one answered most."""
    own = [i for i in found.items if i.startswith(f"{question}: ")]
    if f"{question}: overall" in own:
        return f"{question}: overall"
    return max(own, key=lambda i: (found.rows[i].notna().sum(), i)) if own else None


def promoters(values: pd.Series, confidence: float = 0.95) -> NetPromoters:
    """Return net promoters of answers to `recommend`, given on 0 to 100."""
    told = values.dropna().round(6)
    up, down = int((told >= 10 * PROMOTER).sum()), int((told <= 10 * DETRACTOR).sum())
    return net_promoters(up, down, len(told), confidence)


def waves(found: Survey, confidence: float = 0.95, cell: int = 0) -> pd.DataFrame:
    """Return what each wave says: a row a wave.

    Columns: ``wave, asked, answered, share`` (of those asked), ``promoters`` (net, points) and its interval ``low,
    high``, ``satisfied`` (share of 4 and 5 on the item that `best` names) and its interval ``least, most``. Blank where
    fewer than `cell` people are on either side.
    """
    recommend, overall = (best(found, q) for q in ("recommend", "satisfaction"))
    made = []
    for wave, rows in found.rows.groupby("wave", sort=False):
        said = int(rows["answered"].sum())
        row = dict(wave=wave, asked=len(rows), answered=said, share=said / len(rows))
        if recommend and rows[recommend].notna().any():
            n = promoters(rows[recommend], confidence)
            if min(n.promoters, n.detractors, n.people - n.promoters - n.detractors) >= cell:
                row |= dict(promoters=n.value, low=n.low, high=n.high)
        if overall and (told := rows[overall].dropna()).size:
            k = int((told >= 25 * (SATISFIED - 1)).sum())
            if min(k, told.size - k) >= cell:
                least, most = wilson(k, told.size, confidence)
                row |= dict(satisfied=k / told.size, least=float(least), most=float(most))
        made.append(row)
    names = ["promoters", "low", "high", "satisfied", "least", "most"]
    return pd.DataFrame(made).reindex(columns=["wave", "asked", "answered", "share", *names])


@dataclass(frozen=True, eq=False)
class Trust:
    """How reliable the attitudes are.

    Parameters
    ----------
    alpha : Reliability
        Of the mean of all items, of each person's latest complete answers.
    omega : Reliability or None
        None where there is no single factor; `why_no_omega` says why.
    retest : Reliability or None
        Correlation of the attitudes of those who answered the last two waves; None where too few have.
    items : DataFrame
        ``item, mean, rest`` (correlation with the others), ``without`` (alpha without it).
    """

    alpha: Reliability
    omega: Reliability | None
    why_no_omega: str
    retest: Reliability | None
    items: pd.DataFrame


def trust(found: Survey, fewest: int = 30, confidence: float = 0.95) -> Trust:
    """Judge the reliability of the attitudes.

    Raises
    ------
    ValueError
        If fewer than `fewest` people answered every item, there is one item, or everybody answers alike.
    """
    own = found.complete
    if len(own) < fewest:
        raise ValueError(f"Only {len(own)} people answered every item: reliability needs at least {fewest}.")
    x = own[found.items].to_numpy(float)
    a = alpha(x, confidence)
    o, why = attempt(omega, x, confidence)
    rest, _ = attempt(without_each, x)
    nothing = np.full(len(found.items), np.nan)
    together, left = rest if rest else (nothing, nothing)
    items = pd.DataFrame({"item": found.items, "mean": x.mean(axis=0), "rest": together, "without": left})
    return Trust(a, o, why, _retest(found, fewest, confidence), items)


def _retest(found: Survey, fewest: int, confidence: float) -> Reliability | None:
    """Correlate the attitudes of those who answered both of the last two waves."""
    last = list(dict.fromkeys(found.rows["wave"]))[-2:]
    wide = found.rows.pivot(index="respondent_id", columns="wave", values="attitude")
    both = wide[last].dropna()
    if len(last) < 2 or len(both) < fewest:
        return None
    return attempt(again, both[last[0]], both[last[1]], confidence)[0]
