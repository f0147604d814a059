"""What a channel brings, by lot: some customers are held out of it, the others are not.

Everything is worked out from the moments of each arm's customers, so that ten million cost what ten thousand do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import sqrt

import numpy as np
import pandas as pd

from growth.stats.adjust import adjusted
from growth.stats.contrast import (
    Estimate,
    Ratio,
    check_confidence,
    difference,
    estimate,
    ratio_of_differences,
    satterthwaite,
)
from growth.stats.moments import Floats, Moments
from growth.stats.proportions import wilson
from growth.stats.samples import SampleRatio, sample_ratio

BROKEN = 0.001  # p-value below which a sample ratio is no chance: of 1,000 sound tests one is refused
OTHERS = "all customers shown this channel against all held out of it, the other channels as they ran"
_ADJUSTED = "adjusted"


@dataclass(frozen=True)
class Lift:
    """What a channel brought to those enrolled, whether or not it reached them (intention to treat).

    Parameters
    ----------
    channel, metric : str
    shown, held : int
        Customers of each arm.
    per_user : Estimate
        Shown less held out, in the metric's units a customer; adjusted by what is known from before, if given.
    total : Estimate
        The same times all customers enrolled: had all been shown, against all held out.
    lift : Ratio or None
        Over the mean of those held out; None where that is 0.
    plain : Estimate
        A customer, not adjusted.
    reduction : float
        Share of the plain variance that adjustment takes away.
    ratio : SampleRatio
    """

    channel: str
    metric: str
    shown: int
    held: int
    per_user: Estimate
    total: Estimate
    lift: Ratio | None
    plain: Estimate
    reduction: float
    ratio: SampleRatio


@dataclass(frozen=True)
class Exposed:
    """What a channel brought to those whom it reached only because they were not held out (compliers).

    Parameters
    ----------
    channel, metric : str
    share : float
        Of the arm shown whom the channel reached, with its interval (`share_low`, `share_high`).
    leak : float
        Share of those held out whom it reached all the same.
    effect : Ratio
        In the metric's units for each customer reached; Fieller's set, which may be no interval.
    said : str
        Empty, or why there is no finite interval.
    """

    channel: str
    metric: str
    share: float
    share_low: float
    share_high: float
    leak: float
    effect: Ratio
    said: str


@dataclass(frozen=True, eq=False)
class Factorial:
    """Several channels tested at once, each by a lot of its own.

    Parameters
    ----------
    channels : tuple of str
    units : int
        Customers enrolled.
    per_user, total : tuple of Estimate
        By channel, from one regression on all channels' indicators; see `Lift`.
    covariance : ndarray, shape (k, k)
        Of the totals.
    marginal : tuple of Estimate
        Plain differences of all shown less all held out, a customer, each channel by itself.
    estimand : str
        What is estimated, in words.
    """

    channels: tuple[str, ...]
    units: int
    per_user: tuple[Estimate, ...]
    total: tuple[Estimate, ...]
    covariance: Floats
    marginal: tuple[Estimate, ...]
    estimand: str = OTHERS


def arms(frame: pd.DataFrame, channel: str, metrics: Sequence[str]) -> tuple[Moments, Moments]:
    """Return the moments of those held out and those shown.

    Parameters
    ----------
    frame : DataFrame
        A row a customer.
    channel : str
        Column of whether the customer was shown the channel (1, True) or held out of it (0, False).
    metrics : sequence of str
        Columns, from the test or before it.

    Raises
    ------
    ValueError
        If a column or value is missing, or an indicator is not 0 or 1.
    """
    found = cells(frame, [channel], metrics)
    empty = Moments.of({m: [] for m in metrics})
    return found.get((0,), empty), found.get((1,), empty)


def cells(
    frame: pd.DataFrame, channels: Sequence[str], metrics: Sequence[str]
) -> dict[tuple[int, ...], Moments]:
    """Return the moments of each combination of channels shown (1) and held out (0) that has customers.

    Parameters and errors as in `arms`.
    """
    missing = [c for c in (*channels, *metrics) if c not in frame]
    if missing:
        raise ValueError(f"The table of customers has no column `{missing[0]}`.")
    shown = frame[list(channels)].astype(float).to_numpy()
    if not np.isin(shown, (0.0, 1.0)).all():
        raise ValueError(
            "Each customer is shown a channel (1) or held out of it (0): something else is there."
        )
    found = {}
    for cell in product((0, 1), repeat=len(channels)):
        rows = frame.loc[(shown == np.array(cell)).all(axis=1)]
        if len(rows):
            found[cell] = Moments.of({m: rows[m].to_numpy() for m in metrics})
    return found


def intention_to_treat(
    held: Moments,
    shown: Moments,
    metric: str,
    channel: str,
    before: Sequence[str] = (),
    held_share: float = 0.5,
    confidence: float = 0.95,
) -> Lift:
    """Return what a channel brought, a customer and in total.

    Parameters
    ----------
    held, shown : Moments
        Of the customers of each arm.
    metric : str
        Orders or revenue of a customer during the test; 0 for those who bought nothing.
    channel : str
        For messages.
    before : sequence of str
        Metrics from before the test, which take chance differences of the arms away (CUPED).
    held_share : float
        Share of customers that the lot was to hold out.
    confidence : float

    Raises
    ------
    ValueError
        If an arm is empty or has one customer, the sample ratio is broken (p below .001), or nothing varies.

    Notes
    -----
    Welch's test of the adjusted difference; Deng, Xu, Kohavi and Walker (2013), WSDM, eq. 4 to 6. The total takes the
    customers enrolled as given and the effect as that of the population they were drawn from.
    """
    ratio = _sound(channel, held.n, shown.n, held_share)
    plain = difference(held, shown, metric, confidence)
    found, lift, reduction = plain, None, 0.0
    if held.mean_of(metric) != 0:
        result = adjusted(held, shown, metric, before, confidence)
        found, lift, reduction = result.estimate, result.lift, result.reduction
    units = held.n + shown.n
    return Lift(
        channel, metric, shown.n, held.n, found, _times(found, units), lift, plain, reduction, ratio
    )  # fmt: skip


def exposed(
    held: Moments,
    shown: Moments,
    metric: str,
    exposure: str,
    channel: str,
    before: Sequence[str] = (),
    held_share: float = 0.5,
    confidence: float = 0.95,
) -> Exposed:
    """Return the share that a channel reached and what it brought to each of them.

    Parameters
    ----------
    held, shown, metric, channel, before, held_share, confidence
        As in `intention_to_treat`.
    exposure : str
        Metric of whether the channel reached the customer: 0 or 1.

    Raises
    ------
    ValueError
        As `intention_to_treat`, or if the channel reached no larger share of those shown than of those held out.

    Notes
    -----
    Wald's ratio of two differences: Imbens and Angrist (1994), Econometrica 62:467-475, theorem 1; right if being
    shown changes orders only by reaching the customer, and nobody is reached only when held out. Fieller's set.
    """
    _sound(channel, held.n, shown.n, held_share)
    reach = [arm.mean_of(exposure) for arm in (held, shown)]
    if not reach[0] < reach[1]:
        raise ValueError(
            f"{channel} reached {reach[1]:.2%} of those shown and {reach[0]:.2%} of those held out: with no more of "
            "the former there is nobody whom the test exposed; check how exposure is recorded."
        )
    slopes = _slopes(held, shown, metric, before)
    weights = {metric: 1.0} | {name: -s for name, s in slopes.items()}
    arm_h, arm_s = (a.with_sum(_ADJUSTED, weights) for a in (held, shown))
    effect = ratio_of_differences(arm_h, arm_s, _ADJUSTED, exposure, confidence)
    said = "" if effect.kind == "bounded" else f"{channel}: too few were reached: no finite interval"
    low, high = wilson(round(reach[1] * shown.n), shown.n, confidence)
    return Exposed(
        channel, metric, reach[1], float(np.ravel(low)[0]), float(np.ravel(high)[0]), reach[0], effect, said
    )  # fmt: skip


def factorial(
    cells: Mapping[tuple[int, ...], Moments],
    channels: Sequence[str],
    metric: str,
    before: Sequence[str] = (),
    held_shares: Sequence[float] | None = None,
    confidence: float = 0.95,
) -> Factorial:
    """Return what each of several channels brought, all of them tested on the same customers.

    Parameters
    ----------
    cells : mapping of (0 or 1 for each channel) to Moments
        1 is shown, 0 held out; combinations without customers may be missing.
    channels : sequence of str
        In the order of the keys.
    metric, before, confidence
        As in `intention_to_treat`.
    held_shares : sequence of float, optional
        Planned for each channel; one half each if not given.

    Returns
    -------
    Factorial
        The effect of a channel averages over the other channels as their lots fell. The sum of all channels' effects
        is that of switching all off at once only where channels do not depend on each other.

    Raises
    ------
    ValueError
        If an arm is empty, customers did not fall into the combinations as independent lots would have them, or two
        channels were held out of the same customers.

    Notes
    -----
    Least squares on all indicators, error by HC2 (MacKinnon and White 1985), freedom by Satterthwaite over shown and
    held out: with one channel it is Welch's test. Factorial experiments: Lin (2013), Dasgupta, Pillai and Rubin (2015),
    JRSS B 77:727-753. Covariates get one coefficient from within the combinations.
    """
    check_confidence(confidence)
    keys = sorted(cells)
    _check_cells(cells, keys, channels, held_shares)
    x = np.array([(1.0, *key) for key in keys])
    n = np.array([cells[k].n for k in keys], float)
    mean, square = _within([cells[k] for k in keys], metric, before)
    inverse = np.linalg.inv((x.T * n) @ x)
    beta = inverse @ (x.T @ (n * mean))
    leverage = np.einsum("ij,jk,ik->i", x, inverse, x)
    # A unit's squared residual: about its combination's mean, and of that mean about the regression.
    meat = (square + n * (mean - x @ beta) ** 2) / (1 - leverage)
    weight = x @ inverse
    covariance = (weight.T * meat) @ weight
    units = int(n.sum())
    found = []
    for j in range(1, x.shape[1]):
        parts = [
            (float(weight[s, j] ** 2 @ meat[s]), float(n[s].sum()) - 1) for s in (x[:, j] == 0, x[:, j] == 1)
        ]
        variance, freedom = satterthwaite(parts)
        found.append(estimate(float(beta[j]), sqrt(variance), freedom, confidence))
    return Factorial(
        tuple(channels), units, tuple(found), tuple(_times(e, units) for e in found),
        covariance[1:, 1:] * units**2, tuple(_marginal(cells, j, metric, confidence) for j in range(len(channels))),
    )  # fmt: skip


def _sound(channel: str, held: int, shown: int, held_share: float) -> SampleRatio:
    """Return the sample ratio, or refuse what is no test."""
    if not 0 < held_share < 1:
        raise ValueError(f"{channel}: the share held out lies between 0 and 1, not {held_share!r}.")
    for name, n in (("held out of it", held), ("shown it", shown)):
        if n == 0:
            raise ValueError(
                f"{channel}: nobody was {name}, and one arm is no test: nothing can be compared."
            )
        if n == 1:
            raise ValueError(
                f"{channel}: one customer was {name}; a comparison needs at least 2 in each arm."
            )
    ratio = sample_ratio([held, shown], [held_share, 1 - held_share])
    if ratio.p_value < BROKEN:
        raise ValueError(
            f"{channel}: {held:,} customers were held out where {ratio.expected[0]:,.0f} were planned (p = "
            f"{ratio.p_value:.1g}), so the arms are not as the lot drew them: find who is missing before reading this."
        )
    return ratio


def _check_cells(
    cells: Mapping[tuple[int, ...], Moments],
    keys: Sequence[tuple[int, ...]],
    channels: Sequence[str],
    held_shares: Sequence[float] | None,
) -> None:
    held = [0.5] * len(channels) if held_shares is None else list(held_shares)
    if not channels or len(held) != len(channels) or any(len(k) != len(channels) for k in keys):
        raise ValueError("Each channel needs one place in every key and one planned share held out.")
    for j, channel in enumerate(channels):
        sizes = [sum(cells[k].n for k in keys if k[j] == side) for side in (0, 1)]
        _sound(channel, sizes[0], sizes[1], held[j])
    shown = np.array([k for k in keys for _ in (0,)], float)
    n = np.array([cells[k].n for k in keys], float)
    centred = shown - n @ shown / n.sum()
    cov = (centred.T * n) @ centred
    apart = cov / np.sqrt(np.outer(np.diagonal(cov), np.diagonal(cov)))
    for i, j in combinations(range(len(channels)), 2):
        if abs(apart[i, j]) > 0.99:
            raise ValueError(
                f"{channels[i]} and {channels[j]} were held out of the same customers, so their effects cannot be told "
                "apart: test them as one channel, or by lots of their own."
            )
    every = list(product((0, 1), repeat=len(channels)))
    share = [float(np.prod([h if not s else 1 - h for s, h in zip(k, held, strict=True)])) for k in every]
    ratio = sample_ratio([cells[k].n if k in cells else 0 for k in every], share)
    if ratio.p_value < BROKEN:
        raise ValueError(
            f"The channels' lots are not independent of each other (p = {ratio.p_value:.1g}): the combinations of "
            "shown and held out do not have the customers that separate lots would give them."
        )


def _within(groups: Sequence[Moments], metric: str, before: Sequence[str]) -> tuple[Floats, Floats]:
    """Return each combination's adjusted mean and sum of squares; covariates count from the mean of all."""
    names = list(dict.fromkeys(before))
    if metric in names:
        raise ValueError(f"`{metric}` cannot be its own covariate: use its value from before the test.")
    picked = [g.pick(metric, *names) for g in groups]
    cross = np.sum([g.cross for g in picked], axis=0)
    if cross[0, 0] <= 0:
        raise ValueError(f"`{metric}` does not vary within the arms, so nothing can be said about it.")
    slopes = np.linalg.pinv(cross[1:, 1:], rcond=1e-10, hermitian=True) @ cross[1:, 0]
    n = np.array([g.n for g in picked], float)
    means = np.array([g.mean for g in picked])
    centre = n @ means[:, 1:] / n.sum()
    weight = np.append(1.0, -slopes)
    square = np.array([max(float(weight @ g.cross @ weight), 0.0) for g in picked])
    return means[:, 0] - (means[:, 1:] - centre) @ slopes, square


def _slopes(held: Moments, shown: Moments, metric: str, before: Sequence[str]) -> dict[str, float]:
    if not before or held.mean_of(metric) == 0:
        return {}
    return adjusted(held, shown, metric, before).coefficients


def _marginal(cells: Mapping[tuple[int, ...], Moments], j: int, metric: str, confidence: float) -> Estimate:
    sides = []
    for side in (0, 1):
        groups = [cells[k].pick(metric) for k in sorted(cells) if k[j] == side]
        whole = groups[0]
        for g in groups[1:]:
            whole = whole + g
        sides.append(whole)
    return difference(sides[0], sides[1], metric, confidence)


def _times(e: Estimate, units: int) -> Estimate:
    """Return an estimate a customer as that of many."""
    return Estimate(
        e.value * units, e.error * units, e.freedom, e.low * units, e.high * units, e.p_value, e.confidence
    )  # fmt: skip
