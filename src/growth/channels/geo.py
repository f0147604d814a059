"""What a channel brings, by region: a few regions against a synthetic one, or many regions drawn by lot.

With few regions tested, a weighted mean of the others stands for what would have been, and the test's p-value shifts
its days through time. With many, the lot itself makes regions alike, and differences in differences suffice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from growth.stats.contrast import Estimate, Ratio, check_confidence, estimate, fieller, satterthwaite
from growth.stats.moments import Floats, Moments

FEWEST_BEFORE = 10  # periods before the test from which weights are learnt
_PENALTIES, _LEAST = 21, 1e-8  # of the ridge: how many are tried, and the smallest over the largest
_BEYOND = 8  # steps in a row that the test must reject before the interval is taken to end


@dataclass(frozen=True, eq=False)
class Synthetic:
    """Tested regions against a weighted mean of others.

    Parameters
    ----------
    tested : tuple of str
    weights : Series
        Of the other regions, at least 0, sum 1.
    observed, synthetic : Series
        By period: mean of the tested regions, and what it would have been.
    before, during : int
        Periods.
    att, low, high : float
        Mean effect on a tested region a period, with the interval of all effects that the test does not reject.
    lift, lift_low, lift_high : float
        Over what would have been.
    incremental, incremental_low, incremental_high : float
        Over all tested regions and periods of the test.
    imbalance : float
        Root of the sum of squared gaps before the test.
    fit : float
        The same over that of equal weights: 0 is perfect, 1 no better than a plain mean.
    p_value : float
        That nothing happened in any period: mean absolute gap, against all shifts of time. Gaps may depend on the gap
        before.
    p_any_order : float
        The same against all orders of time: more shots, but only for gaps that do not depend on each other.
    p_mean : float
        That the mean effect is 0, against all shifts; the interval agrees with it. An effect that comes late or changes
        its sign can be there and have a mean of about 0.
    ridge_att, ridge_incremental, ridge_imbalance : float
        With a ridge regression's correction of what weights leave; a check of the first, not a second answer.
    penalty : float
        Of the ridge, by cross-validation.
    confidence : float
    """

    tested: tuple[str, ...]
    weights: pd.Series
    observed: pd.Series
    synthetic: pd.Series
    before: int
    during: int
    att: float
    low: float
    high: float
    lift: float
    lift_low: float
    lift_high: float
    incremental: float
    incremental_low: float
    incremental_high: float
    imbalance: float
    fit: float
    p_value: float
    p_any_order: float
    p_mean: float
    ridge_att: float
    ridge_incremental: float
    ridge_imbalance: float
    penalty: float
    confidence: float


@dataclass(frozen=True)
class Drawn:
    """Many regions drawn by lot: those shown the channel against those held out.

    Parameters
    ----------
    shown, held : int
        Regions.
    periods : int
        Of the test.
    effect : Estimate
        A region a period, differences in differences.
    lift : Ratio
        Over what the regions shown would have had.
    incremental : Estimate
        Over the regions shown and the periods of the test.
    everywhere : Estimate
        Over all regions of the lot: had all been shown, against all held out.
    """

    shown: int
    held: int
    periods: int
    effect: Estimate
    lift: Ratio
    incremental: Estimate
    everywhere: Estimate


def simplex(x: Floats, y: Floats) -> Floats:
    """Return the weights, at least 0 and of sum 1, whose mean of rows of x is nearest to y.

    Parameters
    ----------
    x : ndarray, shape (n, t)
    y : ndarray, shape (t,)

    Notes
    -----
    The nearest point of a polytope by non-negative least squares, exactly: Lawson and Hanson (1974), Solving Least
    Squares Problems, ch. 23 (least distance), and then the equations of the weights that are not 0 are solved anew.
    """
    apart = (x - y).T
    scale = float(np.abs(apart).max())
    if scale == 0:
        return np.full(len(x), 1 / len(x))
    apart = apart / scale
    raw = nnls(np.vstack([apart, np.ones(len(x))]), np.append(np.zeros(len(y)), 1.0), maxiter=100 * len(x))[0]
    weight = np.asarray(raw / raw.sum())
    held = np.flatnonzero(weight > 1e-12)
    system = np.block(
        [[apart[:, held].T @ apart[:, held], np.ones((len(held), 1))], [np.ones(len(held)), 0.0]]
    )
    polished = np.linalg.lstsq(system, np.append(np.zeros(len(held)), 1.0), rcond=1e-13)[0][:-1]
    if (polished >= 0).all():
        weight = np.zeros(len(x))
        weight[held] = polished
    return weight


def synthetic(
    outcomes: pd.DataFrame,
    tested: Sequence[str],
    start: Any,
    end: Any = None,
    confidence: float = 0.95,
) -> Synthetic:
    """Return the effect of a test in a few regions.

    Parameters
    ----------
    outcomes : DataFrame
        A row a period, in order; a column a region; orders or revenue. Regions that the test may have touched
        without being tested must not be among them.
    tested : sequence of str
    start, end : labels of the index
        First and last period of the test; up to the last row if no end is given. Later rows are left out.
    confidence : float

    Returns
    -------
    Synthetic
        P-values and interval hold where the gap between tested and synthetic wanders without a trend or season of its
        own. The interval takes the effect as the same in every period.

    Raises
    ------
    ValueError
        If a value is missing, a region is unknown, fewer than 10 periods lie before the test or fewer than 2 other
        regions vary, or the tested regions do not vary before the test.

    Notes
    -----
    Every region is taken from its mean before the test: Ferman and Pinto (2021), Quantitative Economics 12:1197-1221.
    Weights: Abadie, Diamond and Hainmueller (2010), JASA 105:493-505. Ridge: Ben-Michael, Feller and Rothstein (2021),
    JASA 116:1789-1803, eq. 8, its penalty the largest within one standard error of the best. Test: Chernozhukov,
    Wuthrich and Zhu (2021), JASA 116:1849-1864, s. 2, moving blocks; the mean of absolute gaps is their S_1.
    """
    check_confidence(confidence)
    y, x, before, rows = _panel(outcomes, tested, start, end)
    flat_x, flat_y = _demeaned(x, before), _demeaned(y, before)
    weight = simplex(flat_x[:, :before], flat_y[:before])
    gap = flat_y - weight @ flat_x
    att = float(gap[before:].mean())
    penalty, lean = _ridge(flat_x[:, :before], flat_y[:before], weight)
    ridge_gap = flat_y - (weight + lean) @ flat_x
    low, high = _inverted(
        lambda h: p_of_shifts(null_gaps(x, y, before, h), before),
        att,
        _spread(gap, before),
        len(y),
        confidence,
    )
    null = null_gaps(x, y, before)
    would = float((y - gap)[before:].mean())
    cells = len(tested) * (len(y) - before)
    equal = float(np.linalg.norm(flat_y[:before] - flat_x[:, :before].mean(axis=0)))
    imbalance = float(np.linalg.norm(gap[:before]))
    others = [c for c in outcomes.columns if c not in set(tested)]
    ridge_att = float(ridge_gap[before:].mean())
    return Synthetic(
        tested=tuple(tested),
        weights=pd.Series(weight, index=others),
        observed=pd.Series(y, index=rows),
        synthetic=pd.Series(y - gap, index=rows),
        before=before,
        during=len(y) - before,
        att=att,
        low=low,
        high=high,
        lift=_over(att, would + att),
        lift_low=_over(low, would + att),
        lift_high=_over(high, would + att),
        incremental=att * cells,
        incremental_low=low * cells,
        incremental_high=high * cells,
        imbalance=imbalance,
        fit=imbalance / equal if equal else 0.0,
        p_value=p_of_shifts(np.abs(null), before),
        p_any_order=p_of_orders(np.abs(null), before),
        p_mean=p_of_shifts(null, before),
        ridge_att=ridge_att,
        ridge_incremental=ridge_att * cells,
        ridge_imbalance=float(np.linalg.norm(ridge_gap[:before])),
        penalty=penalty,
        confidence=confidence,
    )


def placebo(
    outcomes: pd.DataFrame, tested: Sequence[str], start: Any, periods: int, confidence: float = 0.95
) -> Synthetic:
    """Return what the method finds where there was no test: the periods just before it, as if they were one.

    Parameters
    ----------
    outcomes, tested, start, confidence
        As in `synthetic`.
    periods : int
        Length of the pretended test.
    """
    place = _place(outcomes, start)
    if not 0 < periods < place:
        raise ValueError(f"A placebo of {periods} periods does not fit into the {place} before the test.")
    return synthetic(outcomes.iloc[:place], tested, outcomes.index[place - periods], None, confidence)


def null_gaps(x: Floats, y: Floats, before: int, effect: float = 0.0) -> Floats:
    """Return gaps of all periods where the effect in every period of the test is this one.

    Parameters
    ----------
    x : ndarray, shape (n, t)
        Other regions.
    y : ndarray, shape (t,)
        The tested mean; periods from `before` on are the test's.
    before : int
    effect : float

    Returns
    -------
    ndarray, shape (t,)
        The effect is taken away and weights are learnt from **all** periods, so that under the null no period is
        special.
    """
    null = y.copy()
    null[before:] -= effect
    flat_x, flat_y = _demeaned(x, len(y)), _demeaned(null, len(y))
    return np.asarray(flat_y - simplex(flat_x, flat_y) @ flat_x)


def p_of_shifts(gaps: Floats, before: int) -> float:
    """Return the share of shifts of time, the true one among them, whose test window has a sum as far from 0.

    Parameters
    ----------
    gaps : ndarray, shape (t,)
        Their absolute values ask whether anything happened, they themselves whether their mean is 0.
    before : int
    """
    length = len(gaps) - before
    around = np.append(0.0, np.cumsum(np.concatenate([gaps, gaps])))
    sums = np.abs(around[length : length + len(gaps)] - around[: len(gaps)])
    return float(np.mean(sums >= sums[before] * (1 - 1e-12)))


def p_of_orders(sizes: Floats, before: int) -> float:
    """Return the share of all orders of time whose test window has as large a sum, counted, not drawn.

    Parameters
    ----------
    sizes : ndarray, shape (t,)
        At least 0; rounded to some hundred levels, so that the share is good to about three digits.
    before : int
    """
    length, most = len(sizes) - before, float(sizes.max())
    if most == 0:
        return 1.0
    levels = int(np.clip(sqrt(1e8 / len(sizes)) / length, 50, 1000))
    whole = np.rint(sizes / most * levels).astype(int)
    ways = np.zeros((length + 1, length * levels + 1))
    ways[0, 0] = 1.0
    for i, step in enumerate(whole):
        top = min(i + 1, length)
        ways[1 : top + 1, step:] += ways[:top, : ways.shape[1] - step].copy()
    last = ways[length]
    return float(last[whole[before:].sum() :].sum() / last.sum())


def drawn(
    outcomes: pd.DataFrame,
    shown: Sequence[str],
    held: Sequence[str],
    start: Any,
    end: Any = None,
    confidence: float = 0.95,
) -> Drawn:
    """Return the effect of a test whose regions were drawn by lot.

    Parameters
    ----------
    outcomes : DataFrame
        As in `synthetic`; regions of neither arm are left aside.
    shown, held : sequence of str
        Regions of each arm.
    start, end, confidence
        As in `synthetic`.

    Raises
    ------
    ValueError
        If an arm has fewer than 2 regions or shares one with the other, a value is missing, no period lies before the
        test, or nothing varies.

    Notes
    -----
    Region and week effects and errors clustered by region: in a complete panel with one start this is Welch's test of
    each region's mean in the test less its mean before, the cluster-robust CR2 with Satterthwaite's freedom (Bell and
    McCaffrey 2002, Survey Methodology 28:169-181). Regions of very different size: give outcomes a head.
    """
    both = [r for r in shown if r in set(held)]
    if both:
        raise ValueError(f"{both[0]} is both shown and held out: it can be in one arm only.")
    if min(len(shown), len(held)) < 2:
        raise ValueError(
            f"{len(shown)} regions shown and {len(held)} held out are too few for a test by lot, which needs 2 of "
            "each: set tested regions against a synthetic one instead."
        )
    place, rows = _window(outcomes, start, end)
    if place < 1:
        raise ValueError("No period lies before the test, so regions cannot be compared with themselves.")
    arms = [_changes(outcomes, regions, place, rows) for regions in (held, shown)]
    effect, lift = _in_differences(arms[0], arms[1], confidence)
    periods = rows - place
    return Drawn(
        len(shown), len(held), periods, effect, lift, _scaled(effect, len(shown) * periods),
        _scaled(effect, (len(shown) + len(held)) * periods),
    )  # fmt: skip


def _in_differences(held: Moments, shown: Moments, confidence: float) -> tuple[Estimate, Ratio]:
    """Return the difference of changes, and its share of what those shown would have had."""
    own, other = (arm.var("change") / arm.n for arm in (shown, held))
    variance, freedom = satterthwaite([(own, shown.n - 1), (other, held.n - 1)])
    if variance <= 0:
        raise ValueError("No region's change differs from another's, so there is nothing to test.")
    effect = estimate(
        shown.mean_of("change") - held.mean_of("change"), sqrt(variance), freedom, confidence
    )  # fmt: skip
    would = shown.mean_of("before") + held.mean_of("change")
    doubt = shown.var("before") / shown.n + other
    together = shown.cov("before", "change") / shown.n - other
    return effect, fieller(effect.value, would, variance, doubt, together, freedom, confidence)


def _changes(outcomes: pd.DataFrame, regions: Sequence[str], place: int, rows: int) -> Moments:
    values = _values(outcomes, regions)[:, :rows]
    before = values[:, :place].mean(axis=1)
    return Moments.of(dict(before=before, change=values[:, place:].mean(axis=1) - before))


def _values(outcomes: pd.DataFrame, regions: Sequence[str]) -> Floats:
    """Return the outcomes of regions, a row each; refuse what is missing."""
    unknown = [r for r in regions if r not in outcomes.columns]
    if unknown:
        raise ValueError(f"There are no outcomes of {unknown[0]}: check how the region is spelt.")
    if outcomes.columns.duplicated().any() or len(set(regions)) < len(regions):
        raise ValueError("A region comes twice: add its outcomes up first.")
    values = outcomes[list(regions)].to_numpy(float).T
    missing = ~np.isfinite(values)
    if missing.any():
        region = regions[int(np.argmax(missing.any(axis=1)))]
        raise ValueError(
            f"{int(missing.sum()):,} outcomes are missing, of {region} first: fill periods without orders with 0, and "
            "leave out regions that were not observed."
        )
    return values


def _place(outcomes: pd.DataFrame, label: Any) -> int:
    if not outcomes.index.is_monotonic_increasing or not outcomes.index.is_unique:
        raise ValueError("Outcomes need one row a period, in order of time.")
    if label not in outcomes.index:
        raise ValueError(f"{label} is not among the periods of the outcomes.")
    return int(np.flatnonzero(outcomes.index == label)[0])


def _window(outcomes: pd.DataFrame, start: Any, end: Any) -> tuple[int, int]:
    """Return the position of the test's first period and that after its last."""
    place = _place(outcomes, start)
    rows = len(outcomes) if end is None else _place(outcomes, end) + 1
    if rows <= place:
        raise ValueError(f"The test ends ({end}) before it starts ({start}).")
    return place, rows


def _panel(
    outcomes: pd.DataFrame, tested: Sequence[str], start: Any, end: Any
) -> tuple[Floats, Floats, int, pd.Index]:
    """Return the tested mean, the others, the periods before the test, and labels."""
    place, rows = _window(outcomes, start, end)
    if not len(tested):
        raise ValueError("No region is tested.")
    others = [c for c in outcomes.columns if c not in set(tested)]
    y = _values(outcomes, tested)[:, :rows].mean(axis=0)
    x = _values(outcomes, others)[:, :rows]
    if place < FEWEST_BEFORE:
        raise ValueError(
            f"{place} periods lie before the test; weights of other regions need at least {FEWEST_BEFORE}."
        )
    if int((np.ptp(x[:, :place], axis=1) > 0).sum()) < 2:
        raise ValueError("Fewer than 2 other regions vary before the test: there is nothing to compare with.")
    if np.ptp(y[:place]) == 0:
        raise ValueError("The tested regions never varied before the test, so no weights can be learnt.")
    return y, x, place, outcomes.index[:rows]


def _demeaned(values: Floats, before: int) -> Floats:
    return np.asarray(values - values[..., :before].mean(axis=-1, keepdims=True))


def _over(effect: float, observed: float) -> float:
    """Return an effect over what would have been without it; infinite where that would have been nothing."""
    would = observed - effect
    return effect / would if would > 0 else inf


def _spread(gap: Floats, before: int) -> float:
    """Return a rough error of the mean gap of the test, to step by."""
    return max(
        float(np.sqrt(np.mean(gap[:before] ** 2) / (len(gap) - before))), 1e-9 * float(np.abs(gap).max())
    )


def _ridge(x: Floats, y: Floats, weight: Floats) -> tuple[float, Floats]:
    """Return the penalty and what the ridge adds to the weights; periods are taken from the others' mean."""
    centre = x.mean(axis=0)
    x, y = x - centre, y - centre
    most = float(np.linalg.norm(x, 2)) ** 2
    penalties = most * _LEAST ** (np.arange(_PENALTIES) / (_PENALTIES - 1))
    errors = np.array([_left_out(x, y, t, penalties) for t in range(x.shape[1] - 1)])
    mean, error = errors.mean(axis=0), errors.std(axis=0, ddof=1) / sqrt(len(errors))
    best = int(np.argmin(mean))
    penalty = float(penalties[mean <= mean[best] + error[best]].max())
    return penalty, _leans(x, y - weight @ x, np.array([penalty]))[0]


def _left_out(x: Floats, y: Floats, period: int, penalties: Floats) -> Floats:
    """Return the squared error in a period that took no part in the fit, by penalty."""
    kept = np.arange(x.shape[1]) != period
    weight = simplex(x[:, kept], y[kept])
    leans = _leans(x[:, kept], y[kept] - weight @ x[:, kept], penalties)
    return np.asarray((y[period] - (weight + leans) @ x[:, period]) ** 2)


def _leans(x: Floats, left: Floats, penalties: Floats) -> Floats:
    """Return ridge regressions of what weights leave on the periods, as additions to the weights, a row a penalty."""
    u, d, v = np.linalg.svd(x, full_matrices=False)
    factors = d / (d**2 + penalties[:, None])
    return np.asarray((factors * (v @ left)) @ u.T)


def _inverted(
    p_value: Callable[[float], float], att: float, step: float, periods: int, confidence: float
) -> tuple[float, float]:
    """Return the ends of the effects that the test does not reject, walking outwards from the estimate."""
    alpha = 1 - confidence
    if 1 / periods > alpha:  # no shift can be so rare: nothing is rejected
        return -inf, inf
    return tuple(_end(p_value, att, side * step / 2, alpha) for side in (-1, 1))  # type: ignore[return-value]


def _end(p_value: Callable[[float], float], att: float, step: float, alpha: float) -> float:
    """Return where rejection begins for good: after it, several steps in a row, ever longer, are rejected."""
    inside, outside, run, at = att, att, 0, att
    for i in range(1, 2001):
        at += step * max(1.0, i / 20)
        if p_value(at) > alpha:
            inside, run = at, 0
            continue
        outside = at if run == 0 else outside
        run += 1
        if run == _BEYOND:
            break
    else:
        return inf if step > 0 else -inf
    for _ in range(30):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if p_value(middle) > alpha else (inside, middle)
    return outside


def _scaled(e: Estimate, times: float) -> Estimate:
    return Estimate(
        e.value * times, e.error * times, e.freedom, e.low * times, e.high * times, e.p_value, e.confidence
    )  # fmt: skip


def relative(
    outcomes: pd.DataFrame,
    shown: Sequence[str],
    held: Sequence[str],
    start: Any,
    end: Any = None,
    confidence: float = 0.95,
) -> Drawn:
    """Return the effect of a test whose regions were drawn by lot and differ in size: sums of arms against each other.

    Parameters
    ----------
    outcomes, shown, held, start, end, confidence
        As in `drawn`. A region counts as much as it sells.

    Raises
    ------
    ValueError
        As `drawn`; or if an arm sold nothing before.

    Notes
    -----
    Growth of an arm is a ratio of sums, test over before; the difference of the arms' growth, times what was sold
    before, is what the channel brought. Linearised by region (Cochran 1977, Sampling Techniques, eq. 6.13), errors by
    region, widened by each region's share as HC2 is by leverage (MacKinnon and White 1985), freedom by Satterthwaite
    over the number of even regions that tell as much.
    """
    drawn(outcomes, shown, held, start, end, confidence)  # the same faults, in the same words
    place, rows = _window(outcomes, start, end)
    arms = [_growth(outcomes, regions, place, rows) for regions in (held, shown)]
    (low, low_part), (high, high_part) = arms
    variance, freedom = satterthwaite([low_part, high_part])
    sold = [float(_values(outcomes, r)[:, :place].sum()) for r in (held, shown)]
    periods = rows - place
    growth = estimate(high - low, sqrt(variance), freedom, confidence)
    lift = fieller(high - low, low, variance, low_part[0], -low_part[0], freedom, confidence)
    each = _scaled(growth, sold[1] / len(shown) / periods)
    return Drawn(
        len(shown), len(held), periods, each, lift, _scaled(growth, sold[1]), _scaled(growth, sum(sold))
    )


def _growth(
    outcomes: pd.DataFrame, regions: Sequence[str], place: int, rows: int
) -> tuple[float, tuple[float, float]]:
    """Return an arm's sum in the test over that before, its variance and freedom."""
    values = _values(outcomes, regions)
    before, during = values[:, :place].sum(axis=1), values[:, place:rows].sum(axis=1)
    if not before.sum() > 0:
        raise ValueError("An arm sold nothing before the test, so its growth cannot be told.")
    ratio, share = float(during.sum() / before.sum()), before / before.sum()
    part = (during - ratio * before) / before.sum()
    even = 1 / float(share @ share)  # regions of one size that would tell as much
    return ratio, (float(part @ (part / (1 - share))), max(even - 1.0, 1.0))
