"""Sizes against the lognormal's own quantiles."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import lognorm, norm

from growth.market import size


def factors() -> pd.DataFrame:
    low, high = np.array([800.0, 0.1, 50.0]), np.array([1250.0, 0.4, 72.0])
    return pd.DataFrame(
        dict(factor=["people", "share", "price"], value=np.sqrt(low * high), low=low, high=high)
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_quantiles_are_the_lognormals_within_a_hundredth(seed: int) -> None:
    f = factors()
    spread = np.log(f["high"] / f["low"]) / (2 * norm.ppf(0.95))
    true = lognorm(np.sqrt((spread**2).sum()), scale=f["value"].prod())
    found = size.product(f, seed)
    assert found.value == pytest.approx(true.median(), rel=0.01)
    assert found.low == pytest.approx(true.ppf(0.025), rel=0.01)
    assert found.high == pytest.approx(true.ppf(0.975), rel=0.01)


def test_tornado_moves_one_factor_and_begins_with_the_widest() -> None:
    f = factors()
    table = size.product(f, 1).tornado.set_index("factor")
    assert table.index.tolist() == ["share", "people", "price"]
    middle = f["value"].prod()
    assert table.loc["share", "low"] == pytest.approx(middle * 0.1 / 0.2)
    assert table.loc["price", "high"] == pytest.approx(middle * 72 / 60)


def test_a_factor_that_is_known_widens_nothing() -> None:
    known = pd.concat(
        [factors(), pd.DataFrame(dict(factor=["twelve"], value=[12.0], low=[12.0], high=[12.0]))]
    )
    alone, more = size.product(factors(), 1, draws=400_000), size.product(known, 1, draws=400_000)
    assert more.high / more.low == pytest.approx(alone.high / alone.low, rel=0.02)
    assert more.value == pytest.approx(12 * alone.value, rel=0.01)


def test_refusals() -> None:
    for column, value in (("low", 0.0), ("value", 2000.0), ("high", 1.0)):
        with pytest.raises(ValueError, match="range of people"):
            size.product(factors().assign(**{column: lambda f, v=value, c=column: [v, *f[c][1:]]}), 1)
