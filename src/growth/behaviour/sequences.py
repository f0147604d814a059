"""What comes after what: customers who bought two products at different orders, and in which order they did."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import betainc

from growth.stats.many import benjamini_hochberg
from growth.stats.proportions import wilson


def ordered(counts: pd.DataFrame, least: int) -> pd.DataFrame:
    """Return ordered pairs of products: ``first, then, customers, reverse, days``.

    Parameters
    ----------
    counts : DataFrame
        ``one, other, forward, backward, forward_days, backward_days``: customers who bought the other at a strictly
        later order, and who did the reverse; the days between, summed.
    least : int
        Customers below which an ordered pair is left out.

    Returns
    -------
    DataFrame
        Most customers first; ``days`` is the mean between the two purchases.
    """
    names = dict(forward=("one", "other", "backward"), backward=("other", "one", "forward"))
    both = [
        pd.DataFrame(
            dict(first=counts[a], then=counts[b], customers=counts[way], reverse=counts[reverse],
                 days=counts[f"{way}_days"])
        )
        for way, (a, b, reverse) in names.items()
    ]  # fmt: skip
    found = pd.concat(both)
    found = found[found["customers"] >= least]
    found = found.assign(days=found["days"] / found["customers"])
    return found.sort_values(["customers", "first", "then"], ascending=[False, True, True], ignore_index=True)


def directed(found: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Add whether the order of two products is more than chance.

    Returns
    -------
    DataFrame
        `found` with ``share`` (customers of this order, of either) from ``low`` to ``high`` (Wilson), ``p_value`` and
        ``q_value`` (Benjamini-Hochberg).

    Notes
    -----
    If neither product led to the other, each order were as likely: an exact binomial test against one half, upper
    tail. A product launched later comes second for that reason alone.
    """
    either = found["customers"] + found["reverse"]
    low, high = wilson(found["customers"], either, confidence)
    p = betainc(found["customers"].to_numpy(float), found["reverse"].to_numpy(float) + 1, 0.5)
    q = benjamini_hochberg(p) if len(found) else p
    return found.assign(
        share=found["customers"] / either, low=low, high=high, p_value=p, q_value=np.asarray(q)
    )
