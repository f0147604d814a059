"""Tests of weighted tables: Pearson's where the sample is even, and clusters for what they are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency

from growth.market import crosstabs
from growth.market.estimates import Design


def answers(n: int, seed: int) -> tuple[pd.Series, pd.Series]:
    random = np.random.default_rng(seed)
    a = random.integers(0, 3, n)
    b = (random.random(n) < 0.3 + 0.1 * a).astype(int)
    return pd.Series(a).map(dict(enumerate("xyz"))), pd.Series(b)


def test_an_even_sample_is_pearsons() -> None:
    a, b = answers(4000, 1)
    found = crosstabs.independence(a, b, Design(np.ones(4000)))
    pearson = chi2_contingency(pd.crosstab(a, b), correction=False)
    assert found.statistic * 2 == pytest.approx(pearson.statistic, rel=0.02)
    assert found.freedom == pytest.approx(2, rel=0.01) and found.design_effect == pytest.approx(1, rel=0.02)


def test_copies_of_respondents_prove_nothing_more() -> None:
    """Each respondent five times, as clusters: the statistic stays, the design effect is five."""
    a, b = answers(400, 2)
    one = crosstabs.independence(a, b, Design(np.ones(400)))
    five = [s.loc[s.index.repeat(5)].reset_index(drop=True) for s in (a, b)]
    many = crosstabs.independence(*five, Design(np.ones(2000), clusters=np.repeat(np.arange(400), 5)))
    assert many.statistic == pytest.approx(one.statistic) and many.p_value == pytest.approx(one.p_value)
    assert many.design_effect == pytest.approx(5 * one.design_effect)


def test_all_pairs_share_one_guard() -> None:
    a, b = answers(600, 3)
    coin = pd.Series(np.random.default_rng(4).integers(0, 2, 600))
    flat = pd.Series(np.ones(600))
    design = Design(np.ones(600))
    table = crosstabs.differences(
        pd.DataFrame(dict(b=b, coin=coin)), pd.DataFrame(dict(a=a, flat=flat)), design
    )
    assert table["answer"].tolist() == ["b", "coin"]  # a group of one level has no differences
    assert (table["q_value"] >= table["p_value"]).all() and table["q_value"].iloc[0] < 0.05
    with pytest.raises(ValueError, match="two levels"):
        crosstabs.independence(flat, b, design)
