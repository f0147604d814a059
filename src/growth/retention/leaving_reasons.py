"""Why customers leave, as they say: stated reasons as shares, and as ends that compete with each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from growth.retention.leaving import everybody, had, pooled_levels
from growth.stats.proportions import wilson
from growth.stats.survival import Curve, aalen_johansen

NOT_STATED = "not stated"
_REASONS = ["reason", "closed", "share", "low", "high", "incidence", "incidence_low", "incidence_high"]


@dataclass(frozen=True, eq=False)
class Reasons:
    """Why accounts are closed.

    Parameters
    ----------
    table : DataFrame
        ``reason, closed, share, low, high`` (of all who closed, Wilson), ``incidence, incidence_low, incidence_high``:
        share of all customers who close for that reason within `within` days of sign-up. The most frequent first.
    curves : dict of str to Curve
        By reason: share closed for it by days since sign-up.
    everyone : Curve
        Share still there by days, whatever the reason.
    total, low, high : float
        Share that closes within `within` days for any reason, and its interval.
    within : int
    customers, closed : int
    """

    table: pd.DataFrame
    curves: dict[str, Curve]
    everyone: Curve
    total: float
    low: float
    high: float
    within: int
    customers: int
    closed: int


def reasons(
    rows: pd.DataFrame, within: int = 365, smallest: int = 1, confidence: float = 0.95, cell: int = 0
) -> Reasons | None:
    """Return why accounts were closed, as stated, and how likely each end is within some days of sign-up.

    Parameters
    ----------
    rows : DataFrame
        ``closed, reason, days, customers``: the mart ``goodbyes``, lengths known (`leaving.timed`).
    within : int
        Days; shortened to what has been seen.
    smallest, cell : int
        Reasons stated by fewer are pooled, as `leaving.pooled_levels`.
    confidence : float

    Returns
    -------
    Reasons or None
        None where nobody has closed an account.

    Notes
    -----
    Aalen and Johansen (1978): one cannot close twice, so that the reasons compete; their incidences add up to that of
    closing at all (one less Kaplan-Meier), which one curve for each reason with the others censored would not.
    """
    closed = rows["closed"].astype(bool)
    if not rows.loc[closed, "customers"].sum():
        return None
    gone = rows[closed]
    named = gone["reason"].astype(object).where(gone["reason"].notna(), NOT_STATED)
    level = pooled_levels(named, gone["customers"], smallest, cell)
    sizes = gone["customers"].groupby(level).sum().sort_values(ascending=False, kind="stable")
    codes = {str(r): k for k, r in enumerate(sizes.index, 1)}
    code = np.zeros(len(rows), np.int64)
    code[closed.to_numpy()] = level.map(codes)
    curves = {
        r: aalen_johansen(rows["days"], code, k, rows["customers"], confidence=confidence)
        for r, k in codes.items()
    }
    everyone = everybody(rows, "closed", confidence)
    within = int(min(within, everyone.time[-1]))
    total = int(sizes.sum())
    table = pd.DataFrame(
        [_row(r, int(n), total, curves[str(r)], within, confidence) for r, n in sizes.items()],
        columns=_REASONS,
    )
    return Reasons(
        table, curves, everyone, *had(everyone, within), within, int(rows["customers"].sum()), total
    )


def _row(
    reason: object, n: int, total: int, curve: Curve, within: int, confidence: float
) -> dict[str, object]:
    low, high = wilson(n, total, confidence)
    value, a, b = (float(v[0]) for v in curve.at([within]))
    return dict(
        reason=str(reason), closed=n, share=n / total, low=float(low), high=float(high), incidence=value,
        incidence_low=a, incidence_high=b,
    )  # fmt: skip
