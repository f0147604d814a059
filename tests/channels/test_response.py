"""Responses to spend: a published example with a known truth, other solvers, tests that anchor, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.signal import lfilter

from growth.channels import response
from growth.channels.response import Curve, LiftTest, Settings

FEW = Settings(draws=20)


@pytest.fixture(scope="module")
def example() -> tuple[pd.DataFrame, pd.Series, pd.DataFrame]:
    named = os.environ.get("GROWTH_DATASETS") or str(Path(__file__).resolve().parents[3] / "shared" / "data")
    file = Path(named) / "mmm_example" / "mmm_example.csv"
    if not file.is_file():
        pytest.skip("the public datasets are not here: set GROWTH_DATASETS to their folder")
    raw = pd.read_csv(file, parse_dates=["date_week"], index_col="date_week")
    other = response.controls(pd.DatetimeIndex(raw.index))
    return raw[["x1", "x2"]], raw["y"], other.join(raw[["event_1", "event_2"]])


def test_the_published_example(example: tuple[pd.DataFrame, pd.Series, pd.DataFrame]) -> None:
    """Truth: carry-over .4 and .2, rates 4 and 3, shares .290536 and .069668."""
    found = response.fit(example[0], example[1], 1, example[2], settings=Settings(draws=100))
    table = found.shares.set_index("channel")
    assert table["share"].tolist() == pytest.approx([0.290536, 0.069668], abs=0.01)
    assert table["carried"].tolist() == pytest.approx([0.4, 0.2], abs=0.05)
    assert ((table["low"] < [0.290536, 0.069668]) & (table["high"] > [0.290536, 0.069668])).all()
    assert ((table["rate_low"] < [4, 3]) & (table["rate_high"] > [4, 3])).all()
    assert not table["bounded"].any()
    again = response.fit(example[0], example[1], 1, example[2], settings=Settings(draws=100))
    assert again.shares.equals(found.shares)


def test_carry_over_is_the_filter_and_keeps_a_steady_spend() -> None:
    x = np.random.default_rng(1).gamma(1, 1, 50)
    assert response.adstock(x, 0.5, 60) == pytest.approx(0.5 * lfilter([1.0], [1.0, -0.5], x), abs=1e-9)
    assert response.adstock(np.ones(30), 0.7, 5)[4:] == pytest.approx(np.ones(26))
    assert response.adstock(x, 0.0, 8) == pytest.approx(x)


def test_saturation_is_that_of_the_example() -> None:
    z = np.linspace(0, 2, 9)
    assert response.saturation("logistic", z, 3.0) == pytest.approx(
        (1 - np.exp(-3 * z)) / (1 + np.exp(-3 * z))
    )
    assert response.saturation("hill", np.array([0.5]), 0.5, 2.0)[0] == pytest.approx(0.5)


def series(seed: int, n: int = 150, noise: float = 3.0) -> tuple[pd.DataFrame, pd.Series, dict[str, float]]:
    random = np.random.default_rng(seed)
    spend = pd.DataFrame(dict(tv=random.gamma(1, 50, n), web=random.gamma(2, 20, n)))
    tv = 40 * np.tanh(1.5 * response.adstock(spend["tv"].to_numpy(), 0.5, 8) / 200)
    web = 25 * np.tanh(1.0 * response.adstock(spend["web"].to_numpy(), 0.1, 8) / 60)
    y = 100 + tv + web + noise * random.normal(size=n)
    return spend, pd.Series(y), dict(tv=float(tv.sum() / y.sum()), web=float(web.sum() / y.sum()))


def test_the_fit_is_the_least_squares_of_another_solver() -> None:
    spend, y, _ = series(2)
    found = response.fit(spend, y, 1, settings=FEW)
    scale = spend.max().to_numpy()

    def loss(p: np.ndarray) -> float:
        columns = [np.tanh(p[2 * i + 1] * response.adstock(spend.iloc[:, i].to_numpy() / scale[i], p[2 * i], 8) / 2) for i in (0, 1)]  # noqa: E501  # fmt: skip
        return float(np.linalg.lstsq(np.column_stack([np.ones(len(y)), *columns]), y, rcond=None)[1][0])

    rival = min(
        (minimize(loss, s, method="Nelder-Mead", options=dict(xatol=1e-8, fatol=1e-10, maxiter=4000))
         for s in ([0.4, 3, 0.2, 3], [0.2, 1, 0.2, 1])), key=lambda r: r.fun,
    )  # fmt: skip
    own = [v for c in found.curves for v in (c.carried, c.rate)]
    assert loss(np.array(own)) <= rival.fun * (1 + 1e-7)
    assert found.noise == pytest.approx(np.sqrt(loss(np.array(own)) / (150 - 7)))


def test_without_noise_the_truth_comes_back() -> None:
    spend, y, truth = series(3, noise=1e-6)
    found = response.fit(spend, y, 1, settings=FEW)
    assert found.shares["share"].tolist() == pytest.approx(list(truth.values()), rel=1e-4)
    assert [c.carried for c in found.curves] == pytest.approx([0.5, 0.1], abs=1e-4)
    assert float(found.curves[0].value(200.0)) == pytest.approx(40 * np.tanh(1.5), rel=1e-3)
    assert found.explained == pytest.approx(1)


def test_a_hill_curve_comes_back() -> None:
    random = np.random.default_rng(4)
    x = random.gamma(1, 50, 200)
    z = response.adstock(x, 0.3, 8) / x.max()
    y = 10 + 5 * z**2 / (z**2 + 0.2**2)
    found = response.fit(pd.DataFrame(dict(tv=x)), pd.Series(y), 1, settings=Settings("hill", draws=2))
    own = found.curves[0]
    assert (own.beta, own.rate, own.steep, own.carried) == pytest.approx((5, 0.2, 2, 0.3), rel=1e-3)


def test_a_test_pulls_a_confounded_curve_to_the_truth() -> None:
    """Spend follows demand, so that the past flatters it; a test with a small error says what it truly brings."""
    random = np.random.default_rng(5)
    demand = random.normal(size=150)
    spend = np.maximum(60 + 20 * demand + 10 * random.normal(size=150), 0)
    brought = Curve("ads", "logistic", 20.0, 2.0, float(spend.max()))
    y = pd.Series(100 + 12 * demand + brought.value(spend) + random.normal(size=150))
    frame = pd.DataFrame(dict(ads=spend))
    truth = float(brought.value(60.0))
    naive = response.fit(frame, y, 1, settings=FEW)
    tests = [LiftTest("ads", 60.0, -60.0, -truth, 0.3), LiftTest("ads", 60.0, 30.0, float(brought.value(90.0)) - truth, 0.3)]  # noqa: E501  # fmt: skip
    held = response.fit(frame, y, 1, tests=tests, settings=FEW)
    assert float(naive.curves[0].value(60.0)) > 1.5 * truth
    assert float(held.curves[0].value(60.0)) == pytest.approx(truth, rel=0.1)
    doubt = response.fit(frame, y, 1, tests=[LiftTest("ads", 60.0, -60.0, -truth, 1e6)], settings=FEW)
    assert float(doubt.curves[0].value(60.0)) == pytest.approx(float(naive.curves[0].value(60.0)), rel=1e-4)


def panel(seed: int, r: int = 20, t: int = 40, noise: float = 1.0) -> tuple[pd.DataFrame, list[float]]:
    """Regions with levels and weeks with shocks that move spend and outcome alike."""
    random = np.random.default_rng(seed)
    week, level = random.normal(size=t), random.normal(size=r)
    ads = np.exp(0.5 * week[:, None] + 0.3 * level + random.normal(size=(t, r)))
    live = random.gamma(1, 1, (t, r)) * (random.random((t, r)) < 0.5)
    a = 6 * np.tanh(8 * response.adstock(ads, 0.3, 8) / ads.max() / 2)
    b = 4 * np.tanh(3 * response.adstock(live, 0.0, 8) / live.max() / 2)
    y = 20 + 3 * week[:, None] + 2 * level + a + b + noise * random.normal(size=(t, r))
    grid = pd.MultiIndex.from_product([range(t), range(r)], names=["week", "region"])
    frame = pd.DataFrame(
        dict(ads=ads.ravel(), live=live.ravel(), y=y.ravel(), promo=random.random(t * r)), index=grid
    )
    return frame.reset_index(), [float(a.sum() / y.sum()), float(b.sum() / y.sum())]


def test_regions_identify_what_weeks_would_confound() -> None:
    frame, truth = panel(6)
    found = response.fit_panel(frame.sample(frac=1, random_state=1), ["ads", "live"], "y", "region", "week", 1, ["promo"], settings=Settings(draws=60))  # noqa: E501  # fmt: skip
    table = found.shares
    assert table["share"].tolist() == pytest.approx(truth, abs=0.02)
    assert (table["low"] < table["share"]).all() and (table["share"] < table["high"]).all()
    assert found.contributions.shape == (40, 2)
    assert found.contributions.sum() / frame["y"].sum() == pytest.approx(table["share"].sum())
    exact, truth = panel(7, noise=1e-7)
    clean = response.fit_panel(exact, ["ads", "live"], "y", "region", "week", 1, settings=Settings(draws=2))
    assert clean.shares["share"].tolist() == pytest.approx(truth, rel=1e-4)


def test_refusals() -> None:
    spend, y, _ = series(8)
    with pytest.raises(ValueError, match="tv: spend is negative in 1"):
        response.fit(spend.assign(tv=spend["tv"].where(spend.index > 0, -1.0)), y, 1, settings=FEW)
    with pytest.raises(ValueError, match="web: this channel's spend never moved"):
        response.fit(spend.assign(web=5.0), y, 1, settings=FEW)
    with pytest.raises(ValueError, match="7 observations cannot tell 7 parameters"):
        response.fit(spend.head(7), y.head(7), 1, settings=FEW)
    with pytest.raises(ValueError, match="spend of tv is missing in 1"):
        response.fit(spend.assign(tv=spend["tv"].where(spend.index > 0)), y, 1, settings=FEW)
    with pytest.raises(ValueError, match="outcome is missing"):
        response.fit(spend, y.where(y.index > 2), 1, settings=FEW)
    with pytest.raises(ValueError, match="same periods"):
        response.fit(spend, y.head(9), 1, settings=FEW)
    with pytest.raises(ValueError, match="no channel"):
        response.fit(spend[[]], y, 1, settings=FEW)
    with pytest.raises(ValueError, match="test is of radio"):
        response.fit(spend, y, 1, tests=[LiftTest("radio", 1.0, 1.0, 1.0, 1.0)], settings=FEW)
    with pytest.raises(ValueError, match="leaves it at 0 or more"):
        response.fit(spend, y, 1, tests=[LiftTest("tv", 1.0, -2.0, 1.0, 1.0)], settings=FEW)
    frame, _ = panel(9, 6, 12)
    alike = frame.assign(ads=frame["week"] + 1.0)
    with pytest.raises(ValueError, match="ads: its spend moves in all regions alike"):
        response.fit_panel(alike, ["ads"], "y", "region", "week", 1, settings=FEW)
    with pytest.raises(ValueError, match="is missing in 1 of 72"):
        response.fit_panel(frame.drop(index=3), ["ads"], "y", "region", "week", 1, settings=FEW)
    with pytest.raises(ValueError, match="4 regions are too few"):
        response.fit_panel(frame.query("region < 4"), ["ads"], "y", "region", "week", 1, settings=FEW)
    with pytest.raises(ValueError, match="two rows of one period"):
        response.fit_panel(pd.concat([frame, frame.head(1)]), ["ads"], "y", "region", "week", 1, settings=FEW)
