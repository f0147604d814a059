"""Adjusted effects: recovered where the confounder is seen, and undone where the published case says so."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
import statsmodels.api as sm

from growth.stats.adjusted import _as_strong, _times, _under, adjusted, evalue, robustness, sensitivity
from growth.stats.contrast import critical


def world(
    seed: int, n: int, hidden: float, effect: float
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Treatment and outcome both follow what is seen (three channels), and, by `hidden`, what is not."""
    random = np.random.default_rng(seed)
    channel = random.integers(0, 3, n)
    liking = random.normal(0, 1, n)
    p = 1 / (1 + np.exp(-(-0.5 + 0.8 * (channel == 2) - 0.8 * (channel == 0) + hidden * liking)))
    d = random.random(n) < p
    y = random.random(n) < np.clip(0.25 + 0.1 * (channel == 2) + 0.08 * hidden * liking + effect * d, 0, 1)
    seen = {
        "channel": np.column_stack([channel == 1, channel == 2]).astype(float),
        "noise": random.normal(0, 1, n),
    }
    return d, y.astype(float), seen


def test_the_published_case() -> None:
    """Darfur, Cinelli and Hazlett 2020, table 1: t 4.18, 783 degrees, RV 13.9 %, at 95 % 7.6 %; female 12 % and 1 %."""
    assert robustness(4.18445, 783) == pytest.approx(0.13878, abs=5e-6)
    assert robustness(4.18445, 783, 0.95) == pytest.approx(0.07626, abs=5e-6)
    assert _as_strong(0.00908, 0.10903) == pytest.approx((0.00916, 0.12464), abs=5e-5)
    assert robustness(1.0, 783, 0.95) == 0


def test_the_published_bounds() -> None:
    """As strong as female once, twice, three times (the same table): .0752, .0529, .0304 are left."""
    value, error = 0.09731566, 0.02325654
    seen = 0.00908, 0.10903
    left = [_under(value, error, 783, _as_strong(*seen, k))[0] for k in (1, 2, 3)]
    assert left == pytest.approx([0.07522, 0.05293, 0.03040], abs=2e-5)
    times = _times(value, error, 783, seen, 0.95)
    under, wider = _under(value, error, 783, _as_strong(*seen, times))
    assert under == pytest.approx(critical(783, 0.95) * wider, rel=1e-6), "there the interval ends at 0"
    assert 2 < times < 3 and _times(-value, error, 783, seen, 0.95) == pytest.approx(times)
    assert _times(value, value, 783, seen, 0.95) == 0 and _times(value, error, 783, (0, 0), 0.95) == inf


def test_the_published_e_value() -> None:
    """VanderWeele and Ding 2017: 3.9 (1.8 to 8.7) takes 7.26, and 3.0 for the end of the interval; below 1 mirrored."""
    assert evalue(3.9) == pytest.approx(7.26, abs=0.005) and evalue(1.8) == pytest.approx(3.0)
    assert evalue(1 / 3.9) == pytest.approx(evalue(3.9)) and evalue(1) == 1
    with pytest.raises(ValueError, match="positive ratio"):
        evalue(0.0)


def test_the_ratio_is_that_of_the_adjusted_means_and_covers() -> None:
    """Shares .25 + .1 of a third, plus .1: the ratio of the means of all is (.2833 + .1) / .2833."""
    truth, hits = (0.25 + 0.1 / 3 + 0.1) / (0.25 + 0.1 / 3), 0
    for seed in range(700, 900):
        found = adjusted(*world(seed, 1_000, 0.0, 0.1))
        hits += found.ratio_low <= truth <= found.ratio_high
        nearer = found.ratio_low if found.ratio_low > 1 else 1.0
        assert found.evalue_sure == pytest.approx(evalue(nearer)) and found.evalue >= found.evalue_sure
    assert 178 <= hits <= 199  # the exact 99 % interval of the count


def test_what_is_seen_is_adjusted_away() -> None:
    d, y, seen = world(1, 20_000, hidden=0.0, effect=0.0)
    found = adjusted(d, y, seen)
    assert found.naive.low > 0.01, "the naive difference is wrong"
    assert found.value.low < 0 < found.value.high
    assert found.balance.before > 0.3 and found.balance.after < 0.01 and found.balance.extreme == 0
    assert 0.5 < found.balance.effective < 1


def test_intervals_cover_the_effect() -> None:
    """200 worlds: 95 % is met within what 200 can tell (exact 99 % interval of the count: 178 to 199)."""
    hits = 0
    for seed in range(500, 700):
        value = adjusted(*world(seed, 1_000, 0.0, 0.1)).value
        hits += value.low <= 0.1 <= value.high
    assert 178 <= hits <= 199


def test_what_is_hidden_is_not_and_is_easily_undone() -> None:
    d, y, seen = world(2, 20_000, hidden=0.6, effect=0.0)
    found = adjusted(d, y, seen)
    assert found.value.low > 0, "adjustment cannot know"
    s = found.sensitivity
    assert 0 < s.robustness_sure < s.robustness < 0.1
    assert s.strongest == "channel" and abs(s.under_strongest) < found.value.value


def test_the_regression_behind_it_is_ordinary_least_squares() -> None:
    d, y, seen = world(3, 2_000, 0.5, 0.05)
    fit = sm.OLS(y, np.column_stack([d.astype(float), np.ones(2_000), seen["channel"], seen["noise"]])).fit()
    found = sensitivity(d, y, {"channel": seen["channel"], "noise": seen["noise"][:, None]})
    assert found.robustness == pytest.approx(robustness(fit.tvalues[0], fit.df_resid), rel=1e-9)
    assert found.robustness_sure == pytest.approx(robustness(fit.tvalues[0], fit.df_resid, 0.95), rel=1e-9)


def test_what_cannot_be_adjusted_is_refused() -> None:
    d, y, seen = world(4, 300, 0.0, 0.0)
    with pytest.raises(ValueError, match="too few to adjust"):
        adjusted(np.arange(300) < 10, y, seen)
    with pytest.raises(ValueError, match="without gaps"):
        adjusted(d, np.where(np.arange(300) == 3, np.nan, y), seen)
    with pytest.raises(ValueError, match="exactly who is treated"):
        adjusted(d, y, {"same": d.astype(float)})
    alone = adjusted(d, y, {})
    assert alone.value.value == pytest.approx(alone.naive.value, rel=1e-9)
