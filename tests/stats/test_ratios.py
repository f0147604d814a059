"""A ratio of means against the regression through the origin."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from growth.stats.moments import Moments
from growth.stats.ratios import ratio


def test_a_ratio_of_one_group_is_the_regression_through_its_origin() -> None:
    """Its error is that of the mean residual over the mean of the denominator (Cochran 1977, eq. 2.39)."""
    random = np.random.default_rng(8)
    visits = random.poisson(3, 200) + 1
    pages = random.poisson(2 * visits)
    found = ratio(Moments.of(dict(pages=pages, visits=visits)), "pages", "visits")
    rest = pages - pages.sum() / visits.sum() * visits
    assert found.value == pytest.approx(pages.sum() / visits.sum())
    assert found.error == pytest.approx(np.sqrt((rest**2).sum() / 199 / 200) / visits.mean())
    assert found.high - found.value == pytest.approx(student.ppf(0.975, 199) * found.error)
    with pytest.raises(ValueError, match="there is no interval"):
        ratio(Moments.of(dict(pages=2 * visits, visits=visits)), "pages", "visits")
