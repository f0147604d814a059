"""Weeks that are alike against brute force and simulations; promised service against what was met."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from growth.price import service, stock
from growth.price.stock import Demand, over

RHO = 0.6


def moods(seed: int, weeks: int, products: int, rho: float = RHO) -> np.ndarray:
    """Autoregressions of variance 1, shape (weeks, products)."""
    random = np.random.default_rng(seed)
    x = random.normal(0, 1, (weeks, products))
    for n in range(1, weeks):
        x[n] = rho * x[n - 1] + np.sqrt(1 - rho**2) * x[n]
    return x


def alike_demand(seed: int, weeks: int, products: int, rho: float = RHO, spread: float = 0.3) -> np.ndarray:
    random = np.random.default_rng(seed + 1_000_000)
    return random.poisson(60.0 * np.exp(spread * moods(seed, weeks, products, rho))).astype(float)


def test_the_variance_of_a_sum_is_that_of_its_covariances() -> None:
    rho, demand = np.array([0.26, 0.14, 0.13, 0.08]), Demand(40.0, 15.0)
    for weeks in (1, 2, 3, 5):
        full = np.array([[([1.0, *rho, 0, 0][abs(i - j)]) for i in range(weeks)] for j in range(weeks)])
        assert over(demand, weeks, 0.0, rho).deviation ** 2 == pytest.approx(15.0**2 * full.sum())
    late = over(demand, 3, 0.5, rho).deviation ** 2 - over(demand, 3, 0.0, rho).deviation ** 2
    assert late == pytest.approx((40.0 * 0.5) ** 2)
    assert over(demand, 2.5).deviation == pytest.approx(15.0 * np.sqrt(2.5)), "without it, as independent"


def test_next_stretches_what_weeks_do_and_not_what_suppliers_do() -> None:
    found = stock.Fitted(Demand(40.0, 15.0), 3.0, 26, 0)
    one, two = found.next(3, 0.5, (0.2,)).deviation ** 2, found.next(3, 0.5, (0.2,), 2.0).deviation ** 2
    late = (40.0 * 0.5) ** 2
    assert two - late == pytest.approx(4 * (one - late))
    error = (3 * 3.0) ** 2 * (1 + 2 * 25 / 26 * 0.2)  # the mean of weeks that are alike is less sure
    assert one == pytest.approx(15.0**2 * (3 + 2 * 2 * 0.2) + error + late)


def test_autocorrelation_is_found_from_short_windows_with_gaps() -> None:
    """A mean of the same 26 weeks bends a naive estimate down; a tenth of the weeks is not known."""
    x = 50 + 10 * moods(1, 104, 300)
    x[np.random.default_rng(2).random(x.shape) < 0.1] = np.nan
    found = service.autocorrelation(x, 26)
    assert found[:5] == pytest.approx(RHO ** np.arange(1, 6), abs=0.03)
    assert service.autocorrelation(50 + 10 * moods(3, 104, 300, 0.0), 26) == pytest.approx(0.0, abs=0.02)


def test_autocorrelation_of_few_weeks_is_shrunk_and_never_below_nothing() -> None:
    few = [service.autocorrelation(moods(s, 26, 1, 0.0), 26) for s in range(200)]
    assert np.min(few) == 0 and np.mean(few) < 0.12
    assert (service.autocorrelation(-(moods(1, 104, 300, -0.6)), 26)[::2] == 0).all()
    assert (service.autocorrelation(np.full((30, 2), 5.0), 26) == 0).all(), "nothing moves"
    assert (service.autocorrelation(moods(1, 7, 2), 7) == 0).all(), "nothing to judge by"


def test_promised_is_met_where_weeks_are_alike() -> None:
    """Three weeks ahead at 95 %, judged on 2,000 products' next weeks, which no origin saw."""
    units = alike_demand(5, 81, 2000)
    names = [str(k) for k in range(120)]
    known = pd.DataFrame(units[:78, :120], columns=names)
    found = service.tried(known, known < 0, {n: service.Need(0.95, 3.0) for n in names}, 26)
    came = units[78:].sum(axis=0)
    fits = [stock.fit(u) for u in units[52:78].T]
    alone = np.array([f.next(3).quantile(0.95) for f in fits])
    mended = np.array([f.next(3, 0.0, found.rho, found.stretch).quantile(0.95) for f in fits])
    assert (came <= alone).mean() < 0.92, "independent weeks promise too much"
    assert (came <= mended).mean() == pytest.approx(0.95, abs=0.015)
    assert found.met == pytest.approx(0.95, abs=0.02) and found.promised == pytest.approx(0.95, abs=0.01)
    assert found.plain < found.promised or found.stretch == 1
    paid = [np.where(came > n, 19 * (came - n), n - came).mean() for n in (alone, mended)]
    assert paid[1] < paid[0], "and it costs less"


def test_a_stretch_takes_in_what_past_weeks_had_and_the_fit_does_not_say() -> None:
    """Every thirteenth week sells four times as much: the quantile of a smooth distribution misses such sums."""
    random = np.random.default_rng(7)
    units = random.poisson(50, (104, 60)) * np.where(np.arange(104) % 13 == 5, 4, 1)[:, None]
    known = pd.DataFrame(units.astype(float), columns=[str(k) for k in range(60)])
    found = service.tried(known, known < 0, {n: service.Need(0.9, 3.0) for n in known}, 26)
    assert found.plain < 0.88 and found.stretch > 1 and found.met > found.plain
    assert set(found.products) == set(known.columns)
    steady = pd.DataFrame(random.poisson(50, (104, 60)).astype(float), columns=known.columns)
    found = service.tried(steady, steady < 0, {n: service.Need(0.9, 3.0) for n in steady}, 26)
    assert 1 <= found.stretch <= 1.1


def test_the_future_does_not_reach_into_an_origin_and_stock_outs_are_no_test() -> None:
    """By hand: of 40 weeks the origins are 39 - 4 k from the 20th on; after the last, two weeks are not over."""
    units = pd.Series(np.random.default_rng(8).poisson(20, 40).astype(float))
    out = pd.Series(np.zeros(40, bool))
    need, rho = service.Need(0.9, 2.2), np.zeros(8)
    one = service._one(units, out, need, 30, 26, rho)
    assert one is not None and one[3:] == (2, units[30:32].sum())
    changed = units.copy()
    changed[32:] = 999.0
    assert service._one(changed, out, need, 30, 26, rho) == one
    out[31] = True
    assert service._one(units, out, need, 30, 26, rho) is None
    assert service._one(units, out, need, 39, 26, rho) is None, "not over"
    frame = pd.DataFrame({"p": units})
    few = service.tried(frame, frame < 0, {"p": need}, 26)
    assert few.stretch == 1 and not few.products and np.isnan(few.met) and few.tries == few.origins == 4
