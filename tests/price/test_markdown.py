"""Clearance prices against published numbers, the differential equation, and every path tried by hand."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.stats import poisson

from growth.price.markdown import clearance, exponential


@pytest.mark.parametrize(
    ("case", "value", "price"),
    [
        ((5, 1.0, 20.0), 6.0004001286, 1.5891485181),
        ((10, 1.0, 20.0), 7.2231066378, 1.0981227289),
        ((1, 1.0, 1.0), 0.3132616875, 1.3132616875),
    ],
)
def test_the_published_numbers(case: tuple[int, float, float], value: float, price: float) -> None:
    assert exponential(*case) == pytest.approx((value, price), abs=1e-9)


def test_the_value_solves_its_equation_and_large_stocks_do_not_overflow() -> None:
    """dJ/dt = max over p of a exp(-p) (p - J(n) + J(n - 1)) = a exp(-p*)."""
    step = 1e-5
    slope = (exponential(5, 1 + step, 20)[0] - exponential(5, 1 - step, 20)[0]) / (2 * step)
    assert slope == pytest.approx(20 * np.exp(-exponential(5, 1, 20)[1]), rel=1e-8)
    value, price = exponential(5000, 1, 20)
    assert (value, price) == pytest.approx((20 / np.e, 1.0), rel=1e-12)  # stock never binds


def enumerated(stock: int, rates: np.ndarray, prices: np.ndarray, salvage: float, falling: bool) -> float:
    """The best policy of two weeks by trying every pair (first price, second price of each stock left)."""
    demand = np.arange(80)

    def second(left: int, k: int) -> float:
        sold = np.minimum(demand, left)
        return float(poisson.pmf(demand, rates[1, k]) @ (prices[k] * sold + salvage * (left - sold)))

    totals = []
    for first in range(len(prices)):
        later = [
            max(second(left, k) for k in range(len(prices)) if not falling or k <= first)
            for left in range(stock + 1)
        ]
        sold = np.minimum(demand, stock)
        money = prices[first] * sold + np.array(later)[stock - sold]
        totals.append(float(poisson.pmf(demand, rates[0, first]) @ money))
    return max(totals)


@pytest.mark.parametrize(("falling", "salvage"), list(product([True, False], [0.0, 2.0, -1.0])))
def test_two_weeks_by_enumeration(falling: bool, salvage: float) -> None:
    prices, base = np.array([4.0, 6.0, 9.0]), np.array([1.5, 3.0])
    found = clearance(4, base, -1.8, prices, 6.0, salvage, falling)
    rates = base[:, None] * (prices / 6.0) ** -1.8
    assert found.expected == pytest.approx(enumerated(4, rates, prices, salvage, falling), rel=1e-9)


def test_a_path_beats_one_price_and_free_prices_beat_falling_ones() -> None:
    prices = np.linspace(3, 12, 19)
    falling = clearance(25, [5.0] * 6, -1.6, prices, 8.0)
    free = clearance(25, [5.0] * 6, -1.6, prices, 8.0, falling=False)
    assert falling.fixed[1] < falling.expected <= free.expected
    assert np.isnan(free.price[:, 0]).all() and np.isfinite(free.price[:, 1:]).all()
    assert (np.diff(free.price[:, 1:], axis=1) <= 0).all()  # more stock, lower price
    assert (np.diff(free.price[:, 10]) <= 0).all()  # less time, lower price


def test_the_path_earns_what_it_says() -> None:
    prices, random = np.linspace(3, 12, 10), np.random.default_rng(9)
    path = clearance(20, [4.0] * 5, -2.0, prices, 8.0, salvage=1.0, falling=False)
    money, left = np.zeros(40_000), np.full(40_000, 20)
    for week in range(5):
        price = np.nan_to_num(path.price[week][left], nan=1.0)
        sold = np.minimum(random.poisson(4.0 * (price / 8.0) ** -2.0), left)
        money, left = money + price * sold, left - sold
    money += left
    assert money.mean() == pytest.approx(path.expected, abs=4 * money.std() / 200)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: exponential(0, 1, 1), "must be positive"),
        (lambda: exponential(3, 0, 1), "must be positive"),
        (lambda: clearance(0, [1.0], -2, [3.0], 3), "whole units"),
        (lambda: clearance(3, [], -2, [3.0], 3), "whole units"),
        (lambda: clearance(3, [-1.0], -2, [3.0], 3), "at least 0"),
        (lambda: clearance(3, [1.0], 0.0, [3.0], 3), "below 0"),
        (lambda: clearance(3, [1.0], -2, [0.0, 3.0], 3), "positive"),
        (lambda: clearance(3, [1.0], -2, [3.0], 0.0), "positive"),
        (lambda: clearance(3, [1.0], -2, [3.0], 3, np.nan), "must be a number"),
    ],
)
def test_bad_input_is_named(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
