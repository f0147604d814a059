"""Depth against level and the dip after: truths that were built in, and pyfixest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest

from growth.price import ladder, promotion

MODEL = ladder.Model("y", "lp", "unit", "week")


def promotions(seed: int = 1, units: int = 80, weeks: int = 70) -> pd.DataFrame:
    """Regular prices that step up (elasticity -1.5), cuts of a week (-3); a quarter of the lift is borrowed."""
    random = np.random.default_rng(seed)
    steps = np.cumsum(0.1 * random.random((units, weeks)) * (random.random((units, weeks)) < 0.08), axis=1)
    cut = -0.3 * random.random((units, weeks)) * (random.random((units, weeks)) < 0.15)
    ago = np.hstack([np.zeros((units, 1)), cut[:, :-1]])
    y = (
        -1.5 * steps
        - 3 * cut
        + 0.75 * ago
        + random.normal(size=(1, weeks))
        + 0.3 * random.normal(size=(units, weeks))
    )
    unit, week = np.meshgrid(np.arange(units), np.arange(weeks), indexing="ij")
    flat = dict(unit=unit, week=week, lp=steps + cut, y=y + 0.1 * unit, cut=cut, ago=ago, steps=steps)
    return pd.DataFrame({k: v.ravel() for k, v in flat.items()})


def test_base_and_depth_by_hand() -> None:
    frame = pd.DataFrame(dict(unit=1, week=[3, 1, 2, 4, 5, 6], lp=[2.0, 1.0, 3.0, 1.5, 1.0, 0.5], y=0.0))
    found = promotion.with_base(frame, MODEL, 3).sort_values("week")
    assert found["base"].tolist() == [1.0, 3.0, 3.0, 3.0, 2.0, 1.5]
    assert (found["base"] + found["depth"]).tolist() == found["lp"].tolist()


def test_regular_price_and_depth_have_their_own_elasticities() -> None:
    found = promotion.regular_and_promotion(promotions(), ladder.Model("y", "lp", "unit", "week", ("ago",)))
    assert abs(found.depth.value + 3) < 3 * found.depth.error < 0.3
    assert found.regular.value == pytest.approx(-1.5, abs=0.15)
    pooled = ladder.two_way(promotions(), MODEL).estimate
    assert pooled is not None and -2.8 < pooled.value < -1.7  # a mix of both that is neither


def test_the_dip_after_is_what_was_borrowed() -> None:
    frame = promotions(2).assign(y=lambda d: d["y"] + 1.5 * d["steps"], lp=lambda d: d["cut"])
    found = promotion.dynamics(frame, MODEL, lags=2, leads=1)
    for got, truth in ((found.now, -3), (found.after[0], 0.75), (found.after[1], 0), (found.before[0], 0)):
        assert abs(got.value - truth) < 3 * got.error < 0.3
    assert found.long_run.value == pytest.approx(found.now.value + sum(a.value for a in found.after))
    assert found.borrowed.value == pytest.approx(1 - found.long_run.value / found.now.value)
    assert found.borrowed.holds(0.25) and found.borrowed.low > 0.1
    assert found.dropped == {"no price in a week before or after": 80 * 3}
    assert found.n + sum(found.dropped.values()) == len(frame)


def test_lags_equal_pyfixest() -> None:
    frame = promotions(3)
    frame = frame[np.random.default_rng(4).random(len(frame)) < 0.95]
    found = promotion.dynamics(frame, MODEL, lags=1, leads=0)
    before = frame[["unit", "week", "lp"]].assign(week=lambda d: d["week"] + 1).rename(columns={"lp": "lag"})
    wanted: Any = pf.feols(
        "y ~ lp + lag | unit + week", frame.merge(before, on=["unit", "week"]), vcov={"CRV1": "unit+week"}
    )
    assert (found.now.value, found.after[0].value) == pytest.approx(tuple(wanted.coef()), rel=1e-6)
    assert (found.now.error, found.after[0].error) == pytest.approx(tuple(wanted.se()), rel=1e-6)
    total = np.ones(2) @ wanted._vcov @ np.ones(2)
    assert found.long_run.error == pytest.approx(np.sqrt(total), rel=1e-6)


def test_refusals() -> None:
    frame = promotions(5, 10, 20)
    with pytest.raises(ValueError, match="must be whole numbers"):
        promotion.dynamics(frame.assign(week=frame["week"] * 1.0), MODEL)
    with pytest.raises(ValueError, match="1 rows repeat"):
        promotion.dynamics(pd.concat([frame, frame.head(1)]), MODEL)
    with pytest.raises(ValueError, match="No row has prices"):
        promotion.dynamics(frame, MODEL, lags=30)
    with pytest.raises(ValueError, match="`depth` does not vary"):
        promotion.regular_and_promotion(
            frame.assign(lp=frame["unit"] + 0.01 * frame["week"] * frame["unit"]), MODEL
        )
    with pytest.raises(ValueError, match="at least 2 weeks"):
        promotion.with_base(frame, MODEL, 1)
