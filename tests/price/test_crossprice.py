"""Cross prices: truths that were built in, and pyfixest where nothing is shrunk."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest

from growth.price import crossprice, ladder

MODEL = ladder.Model("y", "lp", "unit", "week")

CROSS = np.array([[-3.0, 0.8, 0.0, 0.0], [0.5, -2.0, 0.0, 0.0], [0.0, 0.0, -2.5, 0.4], [0.0, 0.0, 0.3, -1.5]])


def shelf(
    seed: int, truth: np.ndarray = CROSS, noise: float = 0.3, stores: int = 12, weeks: int = 60
) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    j = len(truth)
    price = 0.2 * random.normal(size=(stores, weeks, j)) + random.normal(size=(stores, 1, j))
    y = price @ truth.T + noise * random.normal(size=price.shape) + random.normal(size=(stores, 1, j))
    store, week, item = np.meshgrid(np.arange(stores), np.arange(weeks), np.arange(j), indexing="ij")
    return pd.DataFrame(
        dict(store=store.ravel(), week=week.ravel(), item=item.ravel(), lp=price.ravel(), y=y.ravel())
    )


SHELF = ladder.Model("y", "lp", "item", "week")


def test_without_a_penalty_it_is_least_squares() -> None:
    frame = shelf(1)
    found = crossprice.cross_prices(frame, SHELF, "store", penalties=[0.0])
    wide = frame.pivot(index=["store", "week"], columns="item", values="lp").add_prefix("p").reset_index()
    for i in range(4):
        rows = frame[frame["item"] == i].merge(wide, on=["store", "week"])
        wanted: Any = pf.feols("y ~ p0 + p1 + p2 + p3 | store", rows, vcov={"CRV1": "store+week"})
        assert found.matrix[i] == pytest.approx(wanted.coef().to_numpy(), rel=1e-8)
        assert found.errors[i] == pytest.approx(wanted.se().to_numpy(), rel=1e-8)
        assert found.freedom[i] == wanted._df_t


def test_strong_cross_effects_are_kept_and_found() -> None:
    found = crossprice.cross_prices(shelf(2), SHELF, "store")
    assert found.penalty <= 0.03 and found.gain > 0.05
    assert np.abs(found.matrix - CROSS).max() < 0.3


def test_where_there_are_none_held_out_weeks_shrink_them() -> None:
    """Errors of cross effects against the truth, 0, are at most half of those of least squares."""
    alone = np.diag([-3.0, -2.0, -2.5, -1.5, -2.2, -1.8])
    shrunk, plain = [], []
    for seed in range(8):
        frame = shelf(50 + seed, alone, noise=1.0, stores=2)
        off = ~np.eye(6, dtype=bool)
        shrunk.append(np.mean(crossprice.cross_prices(frame, SHELF, "store").matrix[off] ** 2))
        plain.append(
            np.mean(crossprice.cross_prices(frame, SHELF, "store", penalties=[0.0]).matrix[off] ** 2)
        )
    assert np.sqrt(np.mean(shrunk) / np.mean(plain)) < 0.5


def test_wrong_signs_are_reported_certain_or_not() -> None:
    truth = CROSS.copy()
    truth[2, 2], truth[3, 0] = 0.9, -1.2
    found = crossprice.cross_prices(shelf(3, truth), SHELF, "store")
    certain = {(w.product, w.price_of) for w in found.wrong if w.certain}
    assert {(2, 2), (3, 0)} <= certain
    assert all((w.value >= 0) == (w.product == w.price_of) for w in found.wrong)
    assert {(w.product, w.price_of) for w in found.wrong} >= certain


def test_one_market_and_week_effects() -> None:
    one = crossprice.cross_prices(shelf(4, stores=1, weeks=150), SHELF, "store")
    assert (
        one.freedom.tolist() == [149.0] * 4
        and np.abs(np.diagonal(one.matrix) - np.diagonal(CROSS)).max() < 0.6
    )
    few = crossprice.cross_prices(shelf(9, stores=9), SHELF, "store")
    assert few.freedom.tolist() == [59.0] * 4
    both = crossprice.cross_prices(shelf(5), SHELF, "store", week_effects=True, penalties=[inf])
    assert both.penalty == inf and (both.matrix[~np.eye(4, dtype=bool)] == 0).all() and both.gain == 0


def test_rows_without_all_prices_are_counted() -> None:
    frame = shelf(6)
    gone = frame[(frame["item"] != 2) | (frame["week"] != 5)]
    found = crossprice.cross_prices(gone, SHELF, "store")
    assert found.dropped == {"a price of the category is missing in its market and week": 12 * 3}
    assert sum(found.n) + sum(found.dropped.values()) == len(gone)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="1 products and 60 weeks are too few"):
        crossprice.cross_prices(shelf(7).query("item == 0"), SHELF, "store")
    with pytest.raises(ValueError, match="price of 1 does not vary"):
        crossprice.cross_prices(
            shelf(8).assign(lp=lambda d: d["lp"].where(d["item"] != 1, d["store"])), SHELF, "store"
        )
