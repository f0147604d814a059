"""Did it make money: contribution during and after, its cost, who would have bought anyway, what it took from where."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
import pandas as pd

from growth.promotions.design import Cells, Design
from growth.promotions.effect import HELPS, adjust, honest, one_look
from growth.stats.adjust import Adjusted
from growth.stats.contrast import Estimate, Ratio, difference, estimate, fieller, ratio_of_differences
from growth.stats.many import holm
from growth.stats.moments import Moments


@dataclass(frozen=True)
class Money:
    """What an arm earns against the control, a unit, in the dataset's currency.

    Parameters
    ----------
    arm : str
    units : int
        Of all arms: the audience that a decision is about.
    during, post, net : Estimate
        Contribution during, in the days after, and both together; `post` None where no days after are watched.
    cost : float
        Promotion cost a unit: discounts redeemed, messages, the arm's own.
    per_cost : Ratio or None
        Net contribution for each unit of money spent on it (its cost already taken off).
    break_even : float or None
        Cost a unit at which the net contribution would be 0: net contribution plus cost.
    anyway : Ratio or None
        Share of redemptions that would have been orders without it: 1 − Δorders / redemptions.
    pulled : Ratio or None
        Orders lost after for each order won during: −Δ after / Δ during.
    adjusted : bool
        Whether the net, and what is earned for each unit of cost, use what is known from before.
    """

    arm: str
    units: int
    during: Estimate
    post: Estimate | None
    net: Estimate
    cost: float
    per_cost: Ratio | None
    break_even: float | None
    anyway: Ratio | None
    pulled: Ratio | None
    adjusted: bool


def money(design: Design, cells: Cells, arm: str) -> Money | None:
    """Return the money of an arm; None where contribution is not known.

    The interval of the net is joint: it is that of the sum of both windows for each unit, covariance and all.
    """
    control, treated = cells.arms[design.control.name], cells.arms[arm]
    if "during_contribution" not in control.names:
        return None
    watched = "total_contribution" in control.names and design.post_days > 0
    key = "total_contribution" if watched else "during_contribution"
    net, better = _estimate(design, cells, arm, key)
    during, _ = _estimate(design, cells, arm, "during_contribution")
    post = _estimate(design, cells, arm, "post_contribution")[0] if watched else None
    cost = _gain(control, treated, "during_cost") if "during_cost" in control.names else 0.0
    level = one_look(design, control.n + treated.n)
    return Money(
        arm,
        sum(m.n for m in cells.arms.values()),
        during,
        post,
        net,
        cost,
        _per_cost(control, treated, key, cost, better, level),
        net.value + cost if cost > 0 else None,
        anyway(control, treated, level),
        _pulled(control, treated, level) if watched else None,
        better is not None,
    )


def _gain(control: Moments, treated: Moments, key: str) -> float:
    return treated.mean_of(key) - control.mean_of(key)


def _estimate(design: Design, cells: Cells, arm: str, key: str) -> tuple[Estimate, Adjusted | None]:
    """Return the difference with the interval of the design, adjusted where something from before helps; and how.

    A metric that nobody has differs by exactly 0.
    """
    control, treated = cells.arms[design.control.name], cells.arms[arm]
    if control.var(key) + treated.var(key) == 0:
        gain = _gain(control, treated, key)
        return Estimate(gain, 0.0, inf, gain, gain, float(gain == 0), design.confidence), None
    better = adjust(design, cells, arm, key)
    if better is not None and better.reduction < HELPS:
        better = None
    found = better.estimate if better else difference(control, treated, key, design.confidence)
    return honest(design, found, control.n + treated.n), better


def _per_cost(
    control: Moments, treated: Moments, key: str, cost: float, better: Adjusted | None, confidence: float
) -> Ratio | None:
    """Return incremental profit per unit of promotion cost (Fieller, covariance within the arms).

    Its top is the net as it is reported: less what covariates say, where they helped. Units compared within blocks
    are too few for that; theirs is plain.
    """
    if cost <= 0:
        return None
    if better is not None and _is_residual(control, treated, key, better):
        weights = {key: 1.0} | {c: -s for c, s in better.coefficients.items()}
        control, treated = (m.with_sum("net", weights) for m in (control, treated))
        key = "net"
    return ratio_of_differences(control, treated, key, "during_cost", confidence)


def _is_residual(control: Moments, treated: Moments, key: str, better: Adjusted) -> bool:
    """Return whether the estimate is the difference of residuals: not so where it was averaged over blocks."""
    moved = sum(s * _gain(control, treated, c) for c, s in better.coefficients.items())
    return abs(_gain(control, treated, key) - moved - better.estimate.value) <= 1e-9 * max(
        1.0, better.estimate.error
    )


def anyway(control: Moments, treated: Moments, confidence: float) -> Ratio | None:
    """Return the share of redemptions that would have been orders without the promotion, by Fieller's interval.

    1 − Δorders / Δredemptions is (Δredemptions − Δorders) / Δredemptions. Who redeems is not who was moved: an
    order won by the promotion without redeeming counts as won, so the share may be negative.
    """
    if "during_redemptions" not in control.names or _gain(control, treated, "during_redemptions") <= 0:
        return None
    both = [
        m.pick("during_orders", "during_redemptions").with_sum(
            "would_have", {"during_redemptions": 1.0, "during_orders": -1.0}
        )
        for m in (control, treated)
    ]
    return ratio_of_differences(both[0], both[1], "would_have", "during_redemptions", confidence)


def _pulled(control: Moments, treated: Moments, confidence: float) -> Ratio | None:
    """Return orders lost after for each order won during; None where nothing was won."""
    if _gain(control, treated, "during_orders") <= 0:
        return None
    c, t = (
        m.pick("during_orders", "post_orders").with_sum("lost", {"post_orders": -1.0})
        for m in (control, treated)
    )
    var = [
        a.cov(x, y) / a.n
        for a in (c, t)
        for x, y in (("lost", "lost"), ("during_orders", "during_orders"), ("lost", "during_orders"))
    ]
    top, bottom, both = (var[i] + var[i + 3] for i in range(3))
    return fieller(_gain(c, t, "lost"), _gain(c, t, "during_orders"), top, bottom, both, inf, confidence)


def cannibalised(
    design: Design,
    cells: Cells,
    categories: pd.DataFrame,
    arm: str,
    promoted: set[str],
    window: str = "during",
) -> pd.DataFrame:
    """Return the revenue a unit that each category won or lost, which add up exactly to that of all together.

    Parameters
    ----------
    design, cells : Design, Cells
    categories : DataFrame
        The experiment's rows of the mart ``categories``: ``arm, window, category, total, squares``.
    arm : str
    promoted : set of str
        Categories that the promotion is about.
    window : str
        ``during`` or ``post``.

    Returns
    -------
    DataFrame
        ``category, promoted, control, change, low, high, p_value`` (Holm over categories), the largest change first.
    """
    own = categories[categories["window"] == window]
    n = {a: cells.arms[a].n for a in (design.control.name, arm)}
    rows = []
    for category in sorted(own["category"].unique()):
        at = own[own["category"] == category].set_index("arm")
        mean, variance = {}, {}
        for a in n:
            total, squares = (float(at[c].get(a, 0)) for c in ("total", "squares"))
            mean[a] = total / n[a]
            variance[a] = max(squares - n[a] * mean[a] ** 2, 0.0) / (n[a] - 1) / n[a]
        c, t = design.control.name, arm
        error = sqrt(variance[c] + variance[t])
        e = estimate(mean[t] - mean[c], error, min(n.values()) - 1, design.confidence) if error > 0 else None
        rows.append(
            dict(
                category=category, promoted=category in promoted, control=mean[c], change=mean[t] - mean[c],
                low=e.low if e else np.nan, high=e.high if e else np.nan, p_value=e.p_value if e else 1.0,
            )
        )  # fmt: skip
    out = pd.DataFrame(rows)
    if len(out):
        out["p_value"] = holm(out["p_value"])
        out = out.sort_values("change", key=lambda s: -s.abs(), ignore_index=True)
    return out


def grid(
    control: Moments, treated: Moments, revenue: str, unit_cost: float, margins: tuple[float, ...]
) -> pd.DataFrame:
    """Return the net contribution a unit if the margin were another: ``margin, value, low, high``.

    For measured data, whose margin is an assumption: where the interval stops excluding 0 is what the decision
    rests on.
    """
    gain = _gain(control, treated, revenue)
    error = sqrt(control.var(revenue) / control.n + treated.var(revenue) / treated.n)
    rows = []
    for m in margins:
        if m > 0:
            e = estimate(m * gain - unit_cost, m * error, inf)
            rows.append(dict(margin=m, value=e.value, low=e.low, high=e.high))
    return pd.DataFrame(rows)
