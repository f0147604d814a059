"""The forecast against statsmodels, a simulated truth, and the eight origins of a real shop."""

from __future__ import annotations

import datetime as dt
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import lognorm
from statsmodels.tsa.holtwinters import ExponentialSmoothing, SimpleExpSmoothing

from growth.price import forecast as f

START = dt.date(2024, 1, 1)  # a Monday
WEEK = np.array([0.0, 0.1, 0.05, 0.2, 0.3, np.nan, -0.3])  # closed on Saturdays


def series(
    seed: int, days: int, alpha: float = 0.15, spread: float = 0.3, counts: bool = False
) -> pd.DataFrame:
    """A local level in logs with the days of the week; counts are negative binomial around it."""
    random, level, rows = np.random.default_rng(seed), 4.0, []
    for n in range(days):
        day = START + dt.timedelta(days=n)
        if np.isnan(week := WEEK[day.weekday()]):
            continue
        error = random.normal(0, spread)
        mean = np.exp(level - 3.2 + week)
        value = random.negative_binomial(3, 3 / (3 + mean)) if counts else np.exp(level + week + error)
        rows.append((day, float(value)))
        level += alpha * error
    frame = pd.DataFrame(rows, columns=["date", "value"])
    return f.complete(frame, START, START + dt.timedelta(days=days - 1))


@pytest.fixture
def shop(datasets: Path) -> pd.DataFrame:
    """Daily revenue of lines with a customer, a quantity and a price; the last day was not over."""
    lines = pd.read_parquet(datasets / "online_retail" / "online_retail.parquet")
    bought = ~lines["InvoiceNo"].astype(str).str.startswith("C") & lines["CustomerID"].notna()
    lines = lines[bought & (lines["Quantity"] > 0) & (lines["UnitPrice"] > 0)]
    money = (
        (lines["Quantity"] * lines["UnitPrice"]).groupby(pd.to_datetime(lines["InvoiceDate"]).dt.date).sum()
    )
    rows = money.rename_axis("date").rename("value").reset_index()
    return f.complete(rows[rows["date"] < dt.date(2011, 12, 9)], dt.date(2010, 12, 1), dt.date(2011, 12, 8))


def damped(days: pd.DataFrame, until: dt.date) -> pd.DataFrame:
    value = days["value"].fillna(0.0).to_numpy()
    ahead = (pd.Timestamp(until) - days["date"].iloc[-1]).days
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ExponentialSmoothing(
            value, trend="add", damped_trend=True, seasonal="add", seasonal_periods=7
        )
        return pd.DataFrame(dict(median=model.fit().forecast(ahead), low=np.nan, high=np.nan))


def test_the_protocol_gives_the_published_numbers(shop: pd.DataFrame) -> None:
    assert (~shop["open"]).sum() == 69 and len(shop) == 373
    assert f.backtest(shop, f.seasonal_naive, 4)["mase"].mean() == pytest.approx(1.598, abs=5e-4)
    assert f.backtest(shop, damped, 4)["mase"].mean() == pytest.approx(1.135, abs=2e-3)


def test_it_beats_the_seasonal_naive_at_every_origin(shop: pd.DataFrame) -> None:
    mine, naive = f.backtest(shop, f.level_forecast), f.backtest(shop, f.seasonal_naive)
    assert len(mine) == 8 and (mine["mase"] < naive["mase"]).all()
    assert mine["mase"].mean() < 0.75 * naive["mase"].mean()
    assert mine["mase"][:4].mean() < 1.135
    assert 0.86 <= mine["inside"].mean() <= 1.0  # nominal 90 %


def test_the_level_is_statsmodels() -> None:
    model = f.fit(series(1, 200, alpha=0.4))
    assert model.alpha > 0
    begun = int(np.ceil(1 / model.alpha))  # a mean of all days until then
    assert model.levels[begun - 2] == pytest.approx(model.cleaned[: begun - 1].mean(), rel=1e-12)
    own = SimpleExpSmoothing(
        model.cleaned[begun:], initialization_method="known", initial_level=model.levels[begun - 1]
    )
    fitted = own.fit(smoothing_level=model.alpha, optimized=False)
    assert model.level == pytest.approx(fitted.level[-1], rel=1e-12)


def test_a_level_that_stays_is_a_mean_and_one_that_wanders_is_not() -> None:
    stays = [f.fit(series(s, 200, alpha=0.0)) for s in range(300, 330)]
    assert sum(m.alpha == 0 for m in stays) >= 28
    assert stays[0].level == pytest.approx(stays[0].cleaned.mean(), rel=1e-12)
    assert sum(f.fit(series(s, 200, alpha=0.2)).alpha > 0 for s in range(300, 330)) >= 28


def test_weekdays_are_a_two_way_fit() -> None:
    import statsmodels.api as sm

    days = series(2, 140, counts=True)
    own = days[days["open"]]
    x = pd.get_dummies(
        pd.DataFrame(dict(d=own["date"].dt.day_of_week, w=own.index // 7)).astype(str), drop_first=True
    )
    found = sm.GLM(own["value"], sm.add_constant(x.astype(float)), family=sm.families.Poisson()).fit(
        tol=1e-12
    )
    effect = np.exp([0.0, *(found.params[f"d_{k}"] for k in (1, 2, 3, 4, 6))])
    model = f.fit(days)
    assert not model.logs
    assert model.week[[0, 1, 2, 3, 4, 6]] == pytest.approx(effect / effect.mean(), rel=1e-6)
    logs = f.fit(series(2, 140))
    assert logs.logs and np.nansum(logs.week) == pytest.approx(0, abs=1e-12) and np.isnan(logs.week[5])


def test_a_trend_does_not_leak_into_the_week() -> None:
    days = pd.date_range(START, periods=84)
    rows = pd.DataFrame(dict(date=days, value=np.exp(0.02 * np.arange(84))))
    steady = f.fit(f.complete(rows, START, days[-1].date())).week
    assert np.diff(steady) == pytest.approx(np.full(6, 0.02))


@pytest.mark.parametrize(("counts", "low", "high"), [(False, 0.87, 0.93), (True, 0.9, 1.0)])
def test_intervals_cover_on_simulated_series(counts: bool, low: float, high: float) -> None:
    """Counts are discrete, so that their interval holds more than 90 %."""
    inside = [
        f.backtest(series(s, 268, counts=counts), f.level_forecast, 1)["inside"][0] for s in range(100, 180)
    ]
    assert low <= np.mean(inside) <= high


def test_the_total_of_a_horizon_has_its_spread() -> None:
    alpha, spread, ahead, random = 0.3, 0.1, 12, np.random.default_rng(5)
    level = np.full(200_000, 100.0)
    sold = np.zeros(len(level))
    for _ in range(ahead):
        error = random.normal(0, spread, len(level)) * 100
        sold += level + error
        level += alpha * error
    noise = np.resize([-0.1, 0.1], 4_000)  # standard deviation 0.1, as in the simulation
    model = f.Level(
        alpha, 100.0, np.ones(7), False, np.full(4_000, 100.0), 100 * (1 + noise), pd.Timestamp(START)
    )
    mean, deviation = f.total(model, START + dt.timedelta(days=ahead))
    assert mean == pytest.approx(sold.mean(), rel=2e-3)
    assert deviation == pytest.approx(sold.std(), rel=6e-3)


@pytest.mark.parametrize("counts", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 0.15, 0.3])
def test_the_interval_of_a_total_holds_what_came_in_short_histories(counts: bool, alpha: float) -> None:
    """By one weight it held .72 to .94 of four weeks after 60 days."""
    inside, above, below, alone = [], 0, 0, []
    for s in range(150):
        days = series(7_000 + s, 88, alpha, counts=counts)
        model, came = f.fit(days.iloc[:60]), float(np.nansum(days["value"].to_numpy()[60:]))
        until = days["date"].iloc[-1].date()
        low, high = f.total_limits(*f.total_over_weights(model, until), 0.95)
        inside.append(low <= came <= high)
        above, below = above + (came > high), below + (came < low)
        mean, deviation = f.total(model, until)
        alone.append(abs(came - mean) <= 1.96 * deviation)
    assert np.mean(inside) >= 0.92  # two standard errors below 95 %
    assert above <= 3 + 3 * below, "misses lie on both sides"
    if alpha:
        assert np.mean(alone) < 0.92, "one weight alone is too sure"


def test_weights_are_likelihoods_and_the_total_is_their_mixture() -> None:
    model, until = f.fit(series(9, 90)), START + dt.timedelta(days=110)
    assert model.costs is not None and model.tried is not None
    own = []
    for j, alpha in enumerate(f.ALPHAS):
        path, n = model.tried[:, j], len(model.cleaned) - f.WARM
        errors = model.cleaned[f.WARM :] - path[f.WARM - 1 : -1]
        one = f.Level(alpha, path[-1], model.week, True, path, model.cleaned, model.last)
        own.append(((errors @ errors) ** (-n / 2), *f.total(one, until)))
    weight, mean, deviation = np.array(own).T
    weight /= weight.sum()
    found = f.total_over_weights(model, until)
    assert found[0] == pytest.approx(weight @ mean, rel=1e-5)
    second = weight @ (deviation**2 + mean**2)
    assert found[1] == pytest.approx(np.sqrt(second - (weight @ mean) ** 2), rel=1e-4)


@pytest.mark.parametrize("alpha", [0.0, 0.05, 0.3])
def test_a_level_is_as_unsure_as_simulated_ones(alpha: float) -> None:
    random, n = np.random.default_rng(6), 40
    true, seen = np.zeros(100_000), np.zeros(100_000)
    for t in range(1, n + 1):
        error = random.normal(0, 1, len(true))
        came = true + error
        seen += max(alpha, 1 / t) * (came - seen)
        true = true + alpha * error
    model = f.Level(alpha, 0.0, np.ones(7), True, np.zeros(n), np.zeros(n), pd.Timestamp(START))
    assert model.unsure() == pytest.approx(float((seen - true).var()), rel=0.03, abs=1e-5)
    if not alpha:
        assert model.unsure() == pytest.approx(1 / n)


def test_limits_of_a_total_are_those_of_a_log_normal_with_its_moments() -> None:
    low, high = f.total_limits(100.0, 40.0, 0.9)
    spread = np.sqrt(np.log(1.16))
    made = lognorm(spread, scale=100 / np.sqrt(1.16))
    assert (made.mean(), made.std()) == pytest.approx((100.0, 40.0))
    assert (low, high) == pytest.approx((made.ppf(0.05), made.ppf(0.95)))
    assert f.total_limits(0.0, 0.0, 0.9) == (0.0, 0.0)


def test_totals_are_tried_at_the_same_origins_and_know_nothing_of_what_comes() -> None:
    days = series(4, 178)
    found = f.backtest_total(days, 0.95, 2)
    assert found["origin"].tolist() == f.backtest(days, f.seasonal_naive, 2)["origin"].tolist()
    assert found["came"][0] == pytest.approx(np.nansum(days["value"].to_numpy()[-28:]))
    assert found["total_off"][0] == pytest.approx(found["total"][0] / found["came"][0] - 1)
    before = f.backtest_total(days.iloc[:150], 0.95, 1).iloc[0]
    assert found.iloc[1].equals(before)
    assert f.possible_origins(days) == 5 and f.possible_origins(days.iloc[:40]) == 1
    with pytest.raises(ValueError, match="too few"):
        f.backtest_total(days.iloc[:40], 0.95, f.possible_origins(days.iloc[:40]))


def test_a_method_tries_the_confidence_that_is_shown() -> None:
    days, until = series(4, 150), START + dt.timedelta(days=178)
    shown = f.forecast(f.fit(days), until, 0.95)
    assert f.level_forecast(days, until, 0.95).equals(shown)
    assert (f.level_forecast(days, until)["high"] < shown["high"])[shown["open"]].all(), "else 90 %"


def test_closed_days_are_left_out_and_foreseen_as_nothing() -> None:
    model = f.fit(series(3, 120))
    holiday = dt.date(2024, 5, 1)
    made = f.forecast(model, dt.date(2024, 5, 10), closed=[holiday]).set_index("date")
    saturdays = made.index.day_of_week == 5
    assert not made["open"][saturdays].any() and not made.loc[pd.Timestamp(holiday), "open"]
    assert (made.loc[~made["open"], ["median", "mean", "low", "high"]] == 0).all(axis=None)
    rest = made[made["open"]]
    assert ((rest["low"] < rest["median"]) & (rest["median"] < rest["high"])).all()
    assert (rest["mean"] > rest["median"]).all()
    assert np.diff(rest["high"] / rest["median"]).min() > 0  # wider the farther ahead


def test_a_gap_is_a_zero_only_where_the_shop_was_open() -> None:
    rows = pd.DataFrame(dict(date=[dt.date(2024, 1, 1), dt.date(2024, 1, 4)], value=[3.0, 2.0]))
    trading = [dt.date(2024, 1, d) for d in (1, 2, 4)]
    days = f.complete(rows, dt.date(2024, 1, 1), dt.date(2024, 1, 5), trading)
    assert days["filled"].tolist() == [False, True, False, False, False]
    assert days["open"].tolist() == [True, True, False, True, False]
    assert days["value"].fillna(-1).tolist() == [3, 0, -1, 2, -1]


def test_a_long_silence_leaves_numbers() -> None:
    dates = [START + dt.timedelta(days=n) for n in range(200)]
    value = np.where((np.arange(200) < 30) | (np.arange(200) > 180), 20.0, 0.0)
    days = f.complete(pd.DataFrame(dict(date=dates, value=value)), START, dates[-1])
    made = f.forecast(f.fit(days), dates[-1] + dt.timedelta(days=14))
    assert np.isfinite(made[["median", "mean", "low", "high"]].to_numpy()).all()
    assert made["high"].max() < 1e4


def test_the_future_does_not_reach_into_a_backtest() -> None:
    days = series(4, 150)
    before = f.backtest(days.iloc[:122], f.level_forecast, 1)
    after = f.backtest(days, f.level_forecast, 2)
    assert after["mase"][1] == before["mase"][0]


def one(values: list[float], **changed: Any) -> pd.DataFrame:
    dates = [START + dt.timedelta(days=n) for n in range(len(values))]
    return f.complete(
        pd.DataFrame(dict(date=dates, value=values) | changed), START, START + dt.timedelta(days=99)
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: one([1.0, -2.0]), "missing or below 0"),
        (lambda: one([1.0, np.nan]), "missing or below 0"),
        (lambda: one([1.0, 2.0], date=[START, START]), "comes twice"),
        (lambda: one([1.0, 2.0], date=[START, dt.date(2023, 1, 1)]), "outside"),
        (lambda: one([]), "no day"),
        (lambda: one([1.0, 2.0], currency=["EUR", "GBP"]), "several currencies"),
        (lambda: f.fit(series(1, 14)), "needs 28 days"),
        (lambda: f.fit(one([0.0] * 100)), "Nothing was sold"),
        (lambda: f.forecast(f.fit(series(1, 60)), START), "after the last known"),
        (lambda: f.forecast(f.fit(series(1, 60)), dt.date(2025, 1, 1)), "farther than"),
        (lambda: f.backtest(series(1, 60), f.level_forecast), "too few"),
        (lambda: f.backtest(one([5.0] * 100), f.seasonal_naive, 1), "no scale"),
        (
            lambda: f.complete(pd.DataFrame(dict(date=[START], value=[1.0])), START, START, []),
            "not among the open",
        ),
    ],
)
def test_bad_input_is_named(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
