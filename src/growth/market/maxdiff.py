"""Maximum difference by counts: how much oftener a need was called best than worst, with no model behind it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from growth.market.estimates import Design, mean
from growth.stats.moments import Floats


def counts(tasks: pd.DataFrame, weights: Floats | None = None, confidence: float = 0.95) -> pd.DataFrame:
    """Return each need's score, from -1 (worst whenever shown) to 1 (best whenever shown).

    Parameters
    ----------
    tasks : DataFrame
        ``respondent_id, task, levels`` (the need), ``chosen`` (1 best, -1 worst, 0 neither): a row a need of a task.
    weights : ndarray, optional
        Of rows, the same within a respondent.
    confidence : float

    Returns
    -------
    DataFrame
        ``need, score, low, high, best, worst`` (times, unweighted), ``shown``; the highest score first.

    Raises
    ------
    ValueError
        If a task has not one best and one worst, fewer than two respondents saw a need, or all said the
        same of it.

    Notes
    -----
    Finn and Louviere (1992), Journal of Public Policy and Marketing 11:12-25. It is a check of the logit's order; where
    needs are not shown with all others alike, scores depend on what they were shown with. Respondents are the clusters.
    """
    ends = pd.DataFrame({"best": tasks["chosen"] == 1, "worst": tasks["chosen"] == -1})
    if not (ends.groupby([tasks["respondent_id"], tasks["task"]]).sum() == 1).to_numpy().all():
        raise ValueError("Every task needs one need that is best and one that is worst.")
    who = pd.factorize(tasks["respondent_id"], sort=True)[0].astype(np.int64)
    w = np.ones(len(tasks)) if weights is None else np.asarray(weights, float)
    said = tasks["chosen"].to_numpy(float)
    rows = []
    for need in sorted(tasks["levels"].unique()):
        own = (tasks["levels"] == need).to_numpy()
        if len(np.unique(who[own])) < 2:
            raise ValueError(f"{need} was shown to one respondent: two at least are needed for an interval.")
        found = mean(said[own], Design(w[own], clusters=who[own]), None, confidence)
        low, high = max(found.low, -1.0), min(found.high, 1.0)
        best, worst = (int((said[own] == s).sum()) for s in (1, -1))
        rows.append((need, found.value, low, high, best, worst, int(own.sum())))
    table = pd.DataFrame(rows, columns=["need", "score", "low", "high", "best", "worst", "shown"])
    return table.sort_values("score", ascending=False, kind="stable", ignore_index=True)
