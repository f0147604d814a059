"""Survey estimates against closed forms and replication."""

from __future__ import annotations

import numpy as np
import pytest

from growth.market.estimates import Design, mean, promoters, share, total
from growth.stats.proportions import wilson


def test_an_even_sample_is_the_textbooks() -> None:
    y = np.random.default_rng(2).normal(size=60)
    found = mean(y, Design(np.full(60, 7.0)))
    assert found.value == pytest.approx(y.mean()) and found.error == pytest.approx(
        y.std(ddof=1) / np.sqrt(60)
    )
    assert found.freedom == 59
    assert total(y, Design(np.full(60, 7.0))).error == pytest.approx(7 * 60 * found.error)


def test_strata_and_a_finite_population_by_hand() -> None:
    """Two strata of one population: the variance is that of the weighted strata's means."""
    random = np.random.default_rng(3)
    a, b = random.normal(0, 1, 20), random.normal(5, 2, 30)
    y, stratum = np.append(a, b), np.repeat([0, 1], [20, 30])
    w = np.where(stratum == 0, 100 / 20, 400 / 30)
    found = mean(y, Design(w, strata=stratum, fraction=0.05))
    parts = [(0.2, a), (0.8, b)]
    assert found.value == pytest.approx(sum(s * v.mean() for s, v in parts))
    variance = sum(0.95 * s**2 * v.var(ddof=1) / len(v) for s, v in parts)
    assert found.error == pytest.approx(np.sqrt(variance)) and found.freedom == 48


def test_net_promoters_are_the_published_ones() -> None:
    """250 promoters and 75 detractors of 1,000: 17.5, standard error 1.71574, 14.137 to 20.863."""
    said = np.repeat([10, 3, 8], [250, 75, 675])
    found = promoters(said, Design(np.ones(1000)))
    assert found.value == pytest.approx(17.5)
    assert found.error == pytest.approx(1.71574 * np.sqrt(1000 / 999), abs=1e-5)
    assert (found.low, found.high) == pytest.approx((14.137, 20.863), abs=0.01)


def test_an_even_share_is_wilsons() -> None:
    hits = np.repeat([1, 0], [3, 997])
    found = share(hits, Design(np.ones(1000)))
    low, high = wilson(3, 1000)
    assert (found.low, found.high) == pytest.approx((float(low), float(high)), rel=0.02)
    none = share(np.zeros(50), Design(np.ones(50)))
    assert none.value == none.low == 0 and 0.05 < none.high < 0.09


def test_some_of_them_and_missing_answers() -> None:
    y = np.array([1.0, 2, 3, np.nan, 5, 6])
    among = np.array([1, 1, 1, 1, 0, 0], bool)
    found = mean(y, Design(np.array([1.0, 1, 2, 9, 4, 4])), among)
    assert found.value == pytest.approx((1 + 2 + 6) / 4)


def test_clusters_are_the_units() -> None:
    """Each respondent five times over is no more information: the clusters' error stays."""
    y = np.random.default_rng(4).normal(size=40)
    one = mean(y, Design(np.ones(40)))
    many = mean(np.repeat(y, 5), Design(np.ones(200), clusters=np.repeat(np.arange(40), 5)))
    assert many.error == pytest.approx(one.error) and many.freedom == 39


def test_what_raking_fixes_has_no_error() -> None:
    level = np.repeat([0, 1], [30, 70])
    y = np.random.default_rng(5).normal(size=100) * 1e-3 + 10 * level
    w = np.where(level == 0, 0.5 / 30, 0.5 / 70)
    free, raked = mean(y, Design(w)), mean(y, Design(w, np.ones(100), [level]))
    assert raked.value == free.value and raked.error < free.error / 1000


def test_refusals() -> None:
    with pytest.raises(ValueError, match="Nobody answered"):
        mean([np.nan, np.nan], Design(np.ones(2)))
    with pytest.raises(ValueError, match="Nobody answered"):
        Design(np.array([]))
    with pytest.raises(ValueError, match="not all 0"):
        Design(np.zeros(3))
    with pytest.raises(ValueError, match="single cluster"):
        mean(np.arange(5.0), Design(np.ones(5), strata=np.array([0, 0, 0, 0, 1])))
    with pytest.raises(ValueError, match="not one for each"):
        mean([1.0], Design(np.ones(2)))
