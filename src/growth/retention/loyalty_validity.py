"""What the loyalty index foretells beyond past purchase, who does not answer, and whether it may be used."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf
from warnings import catch_warnings, simplefilter

import numpy as np
import pandas as pd
from scipy.special import chdtrc
from statsmodels.discrete.discrete_model import Logit, LogitResults
from statsmodels.tools.sm_exceptions import PerfectSeparationError

from growth.errors import attempt
from growth.retention.loyalty import Survey, Trust, latest
from growth.stats import scores
from growth.stats.contrast import critical, difference
from growth.stats.moments import Moments
from growth.stats.proportions import wilson

USABLE, NOTHING_MORE, NOT_RELIABLE = "usable", "attitudes add nothing to past purchase", "not reliable"
RELIABLE = (
    0.7  # the lower end of alpha's interval must reach it (Nunnally 1978: for the comparison of groups)
)
FEWEST = 50  # who bought again, and who did not, or nothing is foretold
BANDS = (0, 40, 60, 80, 100)  # of the index
KNOWN = {
    "bought_again": "bought again in the 91 days after",
    "recency": "days since the last purchase",
    "bought_91": "purchase days in the 91 days before",
    "bought": "purchase days ever before",
}


@dataclass(frozen=True, eq=False)
class Validity:
    """What the index foretells of the 91 days after.

    Parameters
    ----------
    people, left_out : int
        Whose latest complete answers are judged; who has not bought before, is not known as a customer, or whose days
        are not over.
    index, past, both : tuple of float
        Area under the ROC curve with its interval: of the index; of past purchase alone (logistic regression on
        recency, tenure, frequency and wave); and with attitudes. The last two are judged on those they were fitted to.
    odds, odds_low, odds_high : float
        Ratio of the odds of buying again, 10 points of attitude more, the past being equal.
    statistic, p_value : float
        Likelihood ratio of the two regressions, one degree of freedom.
    """

    people: int
    left_out: int
    index: tuple[float, float, float]
    past: tuple[float, float, float]
    both: tuple[float, float, float]
    odds: float
    odds_low: float
    odds_high: float
    statistic: float
    p_value: float


def judged(found: Survey) -> pd.DataFrame:
    """Return each person's latest complete answers of which it is known whether the person bought again."""
    own = found.rows[found.rows["attitude"].notna() & found.rows["bought_again"].notna()]
    return latest(own[own["recency"].notna()])


def validity(found: Survey, confidence: float = 0.95) -> Validity:
    """Judge whether the index foretells buying again, and attitudes more than past purchase does.

    Raises
    ------
    ValueError
        If fewer than `FEWEST` people bought again, or did not, or the regression has no finite answer.
    """
    own = judged(found)
    hit = own["bought_again"].to_numpy(float)
    if min(hit.sum(), len(hit) - hit.sum()) < FEWEST:
        raise ValueError(
            f"{int(hit.sum())} of {len(hit)} people who answered bought again: foretelling needs at least {FEWEST} "
            "who did and who did not."
        )
    past = _past(own)
    more = np.column_stack([past, own["attitude"].to_numpy(float) / 10])
    one, two = _logit(past, hit), _logit(more, hit)
    slope, error = float(two.params[-1]), float(two.bse[-1])
    ends = [exp(slope + s * critical(inf, confidence) * error) for s in (-1, 1)]
    statistic = max(2 * float(two.llf - one.llf), 0.0)
    index, alone, both = (
        scores.auc(s, hit, confidence) for s in (own["index"], past @ one.params, more @ two.params)
    )
    left_out = len(found.complete) - len(own)
    return Validity(
        len(own),
        left_out,
        index,
        alone,
        both,
        exp(slope),
        ends[0],
        ends[1],
        statistic,
        float(chdtrc(1, statistic)),
    )


def _past(rows: pd.DataFrame) -> np.ndarray:
    """Return what past purchase says, as columns that do not repeat each other; the first is 1."""
    numbers = rows[["recency", "tenure", "bought", "bought_91"]].astype(float)
    wave = pd.get_dummies(rows["wave"], drop_first=True).to_numpy(float)
    x = np.column_stack([np.ones(len(rows)), np.log1p(numbers), wave])
    kept = [0]
    for j in range(1, x.shape[1]):
        scaled = x[:, [*kept, j]] / np.sqrt((x[:, [*kept, j]] ** 2).mean(axis=0)).clip(1e-12)
        if np.linalg.matrix_rank(scaled, tol=1e-6 * len(x) ** 0.5) == len(kept) + 1:
            kept.append(j)
    return np.asarray(x[:, kept])


def _logit(x: np.ndarray, hit: np.ndarray) -> LogitResults:
    with catch_warnings():
        simplefilter("error")
        try:
            return Logit(hit, x).fit(method="newton", maxiter=100, tol=1e-12, disp=0)
        except (Warning, PerfectSeparationError, np.linalg.LinAlgError):
            raise ValueError(
                "The regression of buying again on what is known has no finite answer."
            ) from None


def bands(found: Survey, confidence: float = 0.95, cell: int = 0) -> pd.DataFrame:
    """Return the share that bought again by band of the index: ``band, people, share, low, high``.

    Where fewer than `cell` people in a band did or did not buy again it is blank, and so is the smallest of the others
    if one alone would be: it could be worked out from the total.
    """
    own = judged(found)
    place = np.clip(np.searchsorted(BANDS, own["index"], side="right") - 1, 0, len(BANDS) - 2)
    people = np.bincount(place, minlength=len(BANDS) - 1)
    did = np.bincount(place, weights=own["bought_again"], minlength=len(BANDS) - 1)
    low, high = wilson(did, people, confidence)
    names = [f"below {BANDS[1]}", *(f"{a} to {b}" for a, b in zip(BANDS[1:-2], BANDS[2:-1], strict=True))]
    names.append(f"{BANDS[-2]} and more")
    table = pd.DataFrame(
        dict(band=names, people=people, share=did / np.maximum(people, 1), low=low, high=high)
    )
    table = table[people > 0].reset_index(drop=True)
    rare = np.minimum(did, people - did)[people > 0] < cell
    if rare.sum() == 1 and len(table) > 1:
        rare[table["people"].where(~rare).idxmin()] = True
    return table.astype({"people": float}).mask(pd.Series(rare), axis=0).assign(band=table["band"])


def _few(did: np.ndarray, cell: int) -> bool:
    """Return whether fewer than `cell` did, or did not."""
    return bool(min(did.sum(), did.size - did.sum()) < cell)


def silence(found: Survey, confidence: float = 0.95, cell: int = 0) -> pd.DataFrame:
    """Compare those who answered with those who did not, in what is known of both: a row each of `KNOWN`.

    Columns: ``known, answered, silent`` (means), ``differ, low, high`` (answered less silent, Welch), ``n``. Each
    person counts once, with the latest wave. A row is left out where one side is smaller than 2 or `cell` people, or
    that of buying again where fewer than `cell` of a side did or did not.
    """
    rows = latest(found.rows)
    made = []
    for name, label in KNOWN.items():
        own = rows[rows[name].notna()]
        said = own["answered"].to_numpy(bool)
        value = own[name].to_numpy(float)
        if min(said.sum(), (~said).sum()) < max(cell, 2):
            continue
        if name == "bought_again" and _few(value[said], cell) | _few(value[~said], cell):
            continue
        silent, spoken = (Moments.of({name: value[side]}) for side in (~said, said))
        gap, _ = attempt(difference, silent, spoken, name, confidence)
        if gap is not None:
            made.append(
                dict(known=label, answered=value[said].mean(), silent=value[~said].mean(), differ=gap.value,
                     low=gap.low, high=gap.high, n=len(own))
            )  # fmt: skip
    return pd.DataFrame(made, columns=["known", "answered", "silent", "differ", "low", "high", "n"])


def verdict(known: Trust | None, valid: Validity | None, confidence: float = 0.95) -> str:
    """Return whether the index may be used, by rules fixed before; empty where that cannot be judged.

    `NOT_RELIABLE`: the interval of alpha reaches below `RELIABLE`. `NOTHING_MORE`: given past purchase, attitudes do
    not tell of buying again, or the wrong way round. Else `USABLE`.
    """
    if known is not None and known.alpha.low < RELIABLE:
        return NOT_RELIABLE
    if known is None or valid is None:
        return ""
    return USABLE if valid.p_value < 1 - confidence and valid.odds > 1 else NOTHING_MORE
