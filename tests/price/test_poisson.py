"""Poisson fits against pyfixest and statsmodels: zeros kept, separated rows left out and counted."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
import statsmodels.api as sm

from growth.price import poisson, scores

TIGHT = pf.MapDemeaner(fixef_tol=1e-12)
UNIT = scores.Clustered(("unit",))


def sales(seed: int = 1, level: float = 0.0, units: int = 40, weeks: int = 30) -> pd.DataFrame:
    """Overdispersed sales of elasticity -2, with holes; `level` is the mean of log expected sales."""
    random = np.random.default_rng(seed)
    unit, week = (a.ravel() for a in np.meshgrid(np.arange(units), np.arange(weeks), indexing="ij"))
    base = random.normal(size=units)[unit] * 0.5 + random.normal(size=weeks)[week] * 0.3
    lp = 0.3 * random.normal(size=unit.size) + 0.3 * base
    mean = np.exp(level - 2 * lp + base)
    frame = pd.DataFrame(
        dict(
            unit=unit,
            week=week,
            lp=lp,
            ad=random.normal(size=unit.size),
            y=random.poisson(mean * random.gamma(2, 0.5, unit.size)),
        )
    )
    return frame[random.random(unit.size) < 0.85].reset_index(drop=True)


def oracle(frame: pd.DataFrame, vcov: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pf.fepois("y ~ lp + ad | unit + week", frame, vcov=vcov, iwls_tol=1e-13, demeaner=TIGHT)


def equal(found: poisson.Pseudo, wanted: Any) -> None:
    assert found.n == wanted._N
    assert found.coefficients == pytest.approx(wanted.coef().to_numpy(), rel=1e-7)
    assert np.sqrt(np.diagonal(found.covariance)) == pytest.approx(wanted.se().to_numpy(), rel=1e-7)


@pytest.mark.parametrize("clusters", [("unit",), ("week",), ("unit", "week")], ids="+".join)
@pytest.mark.parametrize("level", [1.0, -1.5])
def test_equals_pyfixest(level: float, clusters: tuple[str, ...]) -> None:
    frame = sales(2, level)
    found = poisson.fit(frame, "y", ["lp", "ad"], "unit", "week", scores.Clustered(clusters))
    equal(found, oracle(frame, {"CRV1": "+".join(clusters)}))
    assert found.n + sum(found.dropped.values()) == len(frame)


def test_equals_a_regression_on_dummies() -> None:
    frame = sales(3, 0.5, units=8, weeks=10)
    found = poisson.fit(frame, "y", ["lp"], "unit", "week", scores.Robust())
    design = pd.get_dummies(found.rows.frame[["unit", "week"]].astype(str), drop_first=True, dtype=float)
    design = sm.add_constant(design.assign(lp=found.rows.frame["lp"]))
    wanted = sm.GLM(found.rows.frame["y"], design, family=sm.families.Poisson()).fit(
        tol=1e-13, cov_type="HC0"
    )
    assert found.coefficients[0] == pytest.approx(wanted.params["lp"], rel=1e-9)
    n = len(design)
    assert found.covariance[0, 0] == pytest.approx(
        wanted.bse["lp"] ** 2 * n / (n - design.shape[1]), rel=1e-7
    )
    assert found.mean == pytest.approx(wanted.fittedvalues.to_numpy(), rel=1e-7)


def test_products_and_weeks_without_a_sale_are_counted() -> None:
    frame = sales(4, 1.0)
    frame.loc[frame["unit"].isin([3, 4]) | frame["week"].eq(7), "y"] = 0
    found = poisson.fit(frame, "y", ["lp", "ad"], "unit", "week", UNIT)
    gone = int((frame["unit"].isin([3, 4]) | frame["week"].eq(7)).sum())
    assert found.dropped == {"products or weeks without a sale": gone}
    equal(found, oracle(frame, {"CRV1": "unit"}))


def test_rows_that_a_control_tells_apart_are_found_as_by_pyfixest() -> None:
    """A recall: wherever the flag is up nothing was sold, so its slope would run off to minus infinity."""
    frame = sales(5, 1.0).assign(ad=0.0)
    frame.loc[frame.index % 17 == 0, "ad"] = 1.0
    frame.loc[(frame["ad"] == 1) & (frame["lp"] > 0), ["y"]] = 0
    frame.loc[(frame["ad"] == 1) & (frame["lp"] <= 0), "ad"] = 0.0
    rows, dropped = poisson.informative(
        poisson.panel(frame, ["y", "lp", "ad"], "unit", "week"), "y", ["lp", "ad"]
    )
    assert dropped == {"no sale, told apart by price or controls": int((frame["ad"] == 1).sum())}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted: Any = pf.fepois("y ~ lp + ad | unit + week", frame, separation_check=["fe", "ir"])
    assert len(rows.frame) == wanted._N
    with pytest.raises(ValueError, match="`ad` does not vary"):
        poisson.fit(frame, "y", ["lp", "ad"], "unit", "week", UNIT)


def test_little_bias_at_seventy_percent_zeros() -> None:
    """Truth -2; dropping zeros or adding one halves it (reference page, s. 4)."""
    found, zeros = [], []
    for seed in range(20):
        frame = sales(100 + seed, -1.25, units=80, weeks=50)
        zeros.append((frame["y"] == 0).mean())
        found.append(poisson.fit(frame, "y", ["lp"], "unit", "week", UNIT).coefficients[0])
    assert 0.65 < np.mean(zeros) < 0.75
    assert abs(np.mean(found) + 2) <= 0.03


def test_refusals() -> None:
    frame = sales(6)
    with pytest.raises(ValueError, match="negative in 1 rows"):
        poisson.fit(frame.assign(y=frame["y"].where(frame.index != 5, -1)), "y", ["lp"], "unit", "week", UNIT)
    with pytest.raises(ValueError, match="0 in every row"):
        poisson.fit(frame.assign(y=0), "y", ["lp"], "unit", "week", UNIT)
    with pytest.raises(ValueError, match="Robust or Clustered"):
        poisson.fit(frame, "y", ["lp"], "unit", "week", scores.Classical())
