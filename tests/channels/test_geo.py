"""Geo tests: published numbers, weights against another solver, p-values against every shift and order."""

from __future__ import annotations

import os
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy.optimize import minimize

from growth.channels import geo

TESTED = ["chicago", "portland"]


@pytest.fixture(scope="module")
def cities() -> pd.DataFrame:
    named = os.environ.get("GROWTH_DATASETS") or str(Path(__file__).resolve().parents[3] / "shared" / "data")
    file = Path(named) / "geolift" / "geolift_test.csv"
    if not file.is_file():
        pytest.skip("the public datasets are not here: set GROWTH_DATASETS to their folder")
    return pd.read_csv(file).pivot(index="date", columns="location", values="Y")


def test_published_numbers(cities: pd.DataFrame) -> None:
    """GeoLift's walkthrough: chicago and portland, days 91 to 105; the same p-value range by all orders of time."""
    found = geo.synthetic(cities, TESTED, cities.index[90])
    assert found.att == pytest.approx(155.556, abs=0.001)
    assert found.lift == pytest.approx(0.054, abs=0.0005)
    assert found.incremental == pytest.approx(4667, abs=1)
    assert found.imbalance == pytest.approx(909.489, abs=0.001)
    assert found.ridge_att == pytest.approx(156.805, abs=0.01)
    assert found.ridge_incremental == pytest.approx(4704, abs=1)
    assert 0.01 <= found.p_any_order <= 0.015
    assert found.weights.sum() == pytest.approx(1, abs=1e-12) and (found.weights >= 0).all()
    assert (found.weights > 1e-9).sum() == 13
    assert found.low < found.att < found.high


def test_the_walkthroughs_days_come_one_by_one_to_five_in_a_hundred(cities: pd.DataFrame) -> None:
    """Shifts of time leave gaps that hang together: less sure than all orders, and the mean less sure still.

    The effect comes only after six days, so that no effect that is the same on every day fits it well.
    """
    found = geo.synthetic(cities, TESTED, cities.index[90])
    gap = (found.observed - found.synthetic).to_numpy()
    assert gap[90:96].mean() < 0 < gap[96:].mean()
    assert found.p_value == pytest.approx(5 / 105)
    assert found.p_mean == pytest.approx(12 / 105)
    assert (found.low <= 0 <= found.high) == (found.p_mean > 0.05)


def test_a_pretended_test_finds_nothing(cities: pd.DataFrame) -> None:
    """The 15 days before the test of the same cities."""
    found = geo.placebo(cities, TESTED, cities.index[90], 15)
    assert found.p_value > 0.5 and found.p_any_order > 0.5 and found.p_mean > 0.5
    assert found.low < 0 < found.high and abs(found.lift) < 0.005


def test_weights_are_those_of_another_solver() -> None:
    random = np.random.default_rng(1)
    for shape in ((6, 40), (12, 8), (3, 30)):
        x, y = random.normal(size=shape), random.normal(size=shape[1])
        own = geo.simplex(x, y)
        rival = minimize(
            lambda w, x=x, y=y: float(((y - w @ x) ** 2).sum()), np.full(len(x), 1 / len(x)), method="SLSQP",
            bounds=[(0, 1)] * len(x), constraints=[dict(type="eq", fun=lambda w: w.sum() - 1)],
            options=dict(ftol=1e-15, maxiter=1000),
        )  # fmt: skip
        assert own.sum() == pytest.approx(1, abs=1e-12) and (own >= 0).all()
        assert ((y - own @ x) ** 2).sum() <= rival.fun + 1e-10
        slope = x @ (own @ x - y)  # optimal: the gradient is least where there is weight
        assert slope[own > 0] == pytest.approx(slope.min(), abs=1e-10)


def test_p_values_are_those_of_every_shift_and_order() -> None:
    random = np.random.default_rng(2)
    gaps = random.normal(size=9)
    shifts = [abs(sum(gaps[(k + i) % 9] for i in range(3))) for k in range(9)]
    assert geo.p_of_shifts(gaps, 6) == np.mean([s >= shifts[6] - 1e-12 for s in shifts])
    sizes = random.integers(0, 50, 9) / 49
    sizes[0] = 1.0
    sums = [sizes[list(c)].sum() for c in combinations(range(9), 3)]
    wanted = np.mean([s >= sizes[6:].sum() - 1e-9 for s in sums])
    assert geo.p_of_orders(sizes, 6) == pytest.approx(wanted, abs=0.02)
    long = np.abs(random.normal(size=90))
    drawn = [random.permutation(long)[:12].sum() >= long[78:].sum() for _ in range(20_000)]
    assert geo.p_of_orders(long, 78) == pytest.approx(np.mean(drawn), abs=0.012)


def regions(seed: int, n: int = 20, t: int = 60) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    base = 100 + 20 * random.normal(size=n)
    week = np.cumsum(random.normal(size=t))
    noise = np.zeros((t, n))
    for i in range(1, t):
        noise[i] = 0.5 * noise[i - 1] + 2 * random.normal(size=n)
    return pd.DataFrame(base + week[:, None] + noise, columns=[f"r{i}" for i in range(n)])


def test_the_synthetic_region_finds_a_planted_effect() -> None:
    panel = regions(3)
    panel.loc[50:, ["r0", "r1"]] += 8.0
    found = geo.synthetic(panel, ["r0", "r1"], 50)
    assert found.low < 8 < found.high and found.low > 0
    assert found.p_value < 0.05 and found.p_mean < 0.05
    cut = geo.synthetic(pd.concat([panel, panel.tail(5).set_axis(range(60, 65))]), ["r0", "r1"], 50, 59)
    assert cut.att == found.att and cut.during == 10


def test_many_regions_are_a_regression_with_effects_and_clusters() -> None:
    panel = regions(4, 12, 8)
    shown, held = [f"r{i}" for i in range(6)], [f"r{i}" for i in range(6, 12)]
    panel.loc[5:, shown] += 4.0
    found = geo.drawn(panel, shown, held, 5)
    long = panel.reset_index(names="week").melt("week", var_name="region", value_name="y")
    long["on"] = (long["region"].isin(shown) & (long["week"] >= 5)).astype(int)
    wanted = smf.ols("y ~ C(region) + C(week) + on", long).fit()
    assert found.effect.value == pytest.approx(wanted.params["on"], rel=1e-9)
    robust = wanted.get_robustcov_results(
        "cluster", groups=long["region"].astype("category").cat.codes, use_correction=False
    )
    place = list(wanted.params.index).index("on")
    # unbiased for equal arms of 6: the plain cluster formula times 6 / 5
    assert found.effect.error == pytest.approx(robust.bse[place] * np.sqrt(6 / 5), rel=1e-6)
    assert found.effect.freedom <= 10
    assert found.incremental.value == pytest.approx(found.effect.value * 6 * 3)
    assert found.everywhere.value == pytest.approx(found.effect.value * 12 * 3)
    would = panel.loc[5:, shown].to_numpy().mean() - found.effect.value
    assert found.lift.value == pytest.approx(found.effect.value / would)


def test_refusals() -> None:
    panel = regions(5)
    with pytest.raises(ValueError, match="no outcomes of atlantis"):
        geo.synthetic(panel, ["atlantis"], 50)
    holes = panel.copy()
    holes.loc[6:7, "r3"] = np.nan
    with pytest.raises(ValueError, match="2 outcomes are missing, of r3 first"):
        geo.synthetic(holes, ["r0"], 50)
    with pytest.raises(ValueError, match="4 periods lie before"):
        geo.synthetic(panel, ["r0"], 4)
    with pytest.raises(ValueError, match="No region is tested"):
        geo.synthetic(panel, [], 50)
    with pytest.raises(ValueError, match="not among the periods"):
        geo.synthetic(panel, ["r0"], 500)
    with pytest.raises(ValueError, match="ends .* before it starts"):
        geo.synthetic(panel, ["r0"], 50, 40)
    with pytest.raises(ValueError, match="Fewer than 2 other regions"):
        geo.synthetic(panel[["r0", "r1"]], ["r0"], 50)
    with pytest.raises(ValueError, match="never varied before"):
        geo.synthetic(panel.assign(r0=1.0), ["r0"], 50)
    with pytest.raises(ValueError, match="in order of time"):
        geo.synthetic(panel[::-1], ["r0"], 50)
    with pytest.raises(ValueError, match="does not fit into"):
        geo.placebo(panel, ["r0"], 50, 50)
    with pytest.raises(ValueError, match="r1 is both"):
        geo.drawn(panel, ["r0", "r1"], ["r1", "r2"], 50)
    with pytest.raises(ValueError, match="too few for a test by lot"):
        geo.drawn(panel, ["r0"], ["r1", "r2"], 50)
    with pytest.raises(ValueError, match="No period lies before"):
        geo.drawn(panel, ["r0", "r3"], ["r1", "r2"], 0)
    with pytest.raises(ValueError, match="nothing to test"):
        geo.drawn(panel * 0 + 3, ["r0", "r3"], ["r1", "r2"], 50)


def test_too_few_periods_reject_nothing() -> None:
    found = geo.synthetic(regions(6, 20, 15), ["r0"], 12)
    assert found.low == -np.inf and found.high == np.inf
