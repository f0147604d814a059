"""Purchase models: published tables, brute-force integrals, simulation, stress."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import beta as beta_law
from scipy.stats import gamma as gamma_law

from growth.stats.adequacy import Regularity, adequacy, regularity
from growth.stats.likelihood import Fit, jacobian
from growth.stats.pareto import ParetoNbd, pareto_nbd, pareto_score, power_integral
from growth.stats.purchase import BgNbd, MbgNbd, Patterns, PurchaseModel, bg_nbd, bg_score, mbg_nbd, nbd
from growth.stats.visits import _integrated, visits
from tests.stats.btyd import cdnow, histories, shop, summary, two_gaps
from tests.stats.test_published import all_printed, printed

LIKE_CDNOW = dict(r=0.2426, alpha=4.4135, a=0.7929, b=2.4258)


def model(kind: Any, *parameters: float) -> PurchaseModel:
    """A model with known parameters and no uncertainty."""
    names = ("r", "alpha", "s", "beta") if kind is ParetoNbd else ("r", "alpha", "a", "b")
    return kind(Fit(names, np.log(parameters), np.zeros((4, 4)), 0.0), Patterns.of([1], [1], [2]))


@cache
def published(folder: Path, fit: Any) -> Any:
    rows = summary(folder)
    return fit(rows["x"], rows["t_x"], rows["t"])


def said(found: PurchaseModel | Fit, parameters: str, errors: str, value: str) -> None:
    fit = found if isinstance(found, Fit) else found.fit
    all_printed(list(fit.parameters.values()), parameters)
    if errors:
        all_printed(list(fit.errors.values()), errors)
    assert printed(fit.log_likelihood, value)


# --- published ---


def test_bg_nbd_of_the_published_table(datasets: Path) -> None:
    found = published(datasets, bg_nbd)
    said(found, ".24259 4.41353 .79289 2.42575", ".0126 .3782 .1857 .7053", "-9582.4256")
    at = ([2], [30.43], [38.86])
    assert printed(found.expected(39, *at)[0], "1.22591") and printed(found.p_alive(*at)[0], ".72661")
    assert adequacy(found) == []


def test_bg_nbd_from_the_raw_log(datasets: Path) -> None:
    days = cdnow(datasets)
    rows = histories(days, "1997-09-30")
    assert (len(rows), rows["x"].sum(), (rows["x"] == 0).sum()) == (2357, 2457, 1411)
    counted = rows.groupby(["x", "t_x", "t"]).size().reset_index(name="n")
    found = bg_nbd(counted["x"], counted["t_x"], counted["t"], counted["n"])
    # CLVTools prints .2425945 4.4136019 .7929199 2.4258881: its search stops earlier, in the sixth digit
    said(found, ".242595 4.4136 .79292 2.42591", "", "-9582.429")
    ahead = found.expected(39, rows["x"], rows["t_x"], rows["t"])
    actual = days[days["day"] > "1997-09-30"].groupby("id").size().reindex(rows.index).fillna(0)
    assert printed(ahead.sum(), "1653.4") and actual.sum() == 1882
    assert printed(np.corrcoef(ahead, actual)[0, 1], ".6256")
    timing = regularity(*two_gaps(days[days["day"] <= "1997-09-30"]))
    assert timing.low < 1 < timing.high and adequacy(found, timing) == []


def test_the_other_models_of_the_published_table(datasets: Path) -> None:
    found = published(datasets, pareto_nbd)
    # CLVTools' errors: .0476264 .8427222 .1872594 6.2105448, from a numeric Hessian
    said(found, ".55328 10.57761 .60621 11.6679", ".04763 .84272 .18728 6.21", "-9594.9739")
    assert printed(found.p_alive([26], [30.86], [31])[0], ".99792")
    assert printed(found.expected(39, [2], [30.43], [38.86])[0], "1.4551") and adequacy(found) == []
    said(published(datasets, mbg_nbd), ".52484 6.18299 .89136 1.61400", "", "-9582.1327")
    rows = summary(datasets)
    said(nbd(rows["x"], rows["t"]), ".38477 12.07208", "", "-9763.660")


def test_a_shop_whose_customers_are_not_seen_to_leave(datasets: Path) -> None:
    days = shop(datasets)
    rows = histories(days, "2011-12-09")
    found = bg_nbd(rows["x"], rows["t_x"], rows["t"])
    assert len(rows) == 4338 and printed(found.fit.parameters["a"], ".0034")
    all_printed([found.fit.parameters[k] for k in ("r", "alpha")], ".8265 9.8436")
    assert printed(found.fit.log_likelihood, "-37645.54")
    gates = dict(adequacy(found, regularity(*two_gaps(days))))
    assert set(gates) == {"no_dropout", "loose", "regular_timing"}
    assert "a = 0.0034" in gates["no_dropout"] and "overstated" in gates["no_dropout"]
    assert "no_dropout" in dict(adequacy(mbg_nbd(rows["x"], rows["t_x"], rows["t"])))
    pareto = pareto_nbd(rows["x"], rows["t_x"], rows["t"])
    assert {"no_dropout", "bound"} <= set(dict(adequacy(pareto))) and pareto.fit.bounded == ("s", "beta")


# --- the same not computed the same way ---


def some_patterns() -> Patterns:
    rng = np.random.default_rng(3)
    x = np.append(rng.integers(0, 9, 30), [40, 0])
    t = rng.uniform(2, 60, 32)
    return Patterns.of(x, np.where(x > 0, t * rng.uniform(0.01, 1, 32), 0), t, rng.integers(1, 9, 32))


@pytest.mark.parametrize("score", [bg_score, lambda p: bg_score(p, 1), pareto_score])
@pytest.mark.parametrize("theta", [[-1, 1, 0.1, 0.7], [1, 3, -2, -1], [0.2, 2, 1.5, 2.0], [0, 5, 0, -3]])
def test_gradients(score: Any, theta: list[float]) -> None:
    found = score(some_patterns())
    at = np.array(theta, float)
    assert found(at)[1] == pytest.approx(jacobian(lambda v: np.array(found(v)[0]), at), rel=2e-6, abs=1e-4)


@pytest.mark.parametrize("fit", [bg_nbd, mbg_nbd, pareto_nbd])
def test_the_end_is_the_root_and_counts_are_repeats(fit: Any, datasets: Path) -> None:
    rows = histories(cdnow(datasets), "1997-09-30").sample(frac=1, random_state=1)
    counted = rows.groupby(["x", "t_x", "t"]).size().reset_index(name="n")
    one = fit(counted["x"], counted["t_x"], counted["t"], counted["n"])
    many = fit(rows["x"], rows["t_x"], rows["t"])
    assert np.abs(one.fit.theta - many.fit.theta).max() < 1e-10
    assert one.fit.covariance == pytest.approx(many.fit.covariance, rel=1e-7)
    assert np.array_equal(one.fit.covariance, one.fit.covariance.T)
    days = fit(counted["x"], counted["t_x"] * 7, counted["t"] * 7, counted["n"])
    assert days.fit.theta[0] == pytest.approx(one.fit.theta[0], abs=1e-10)
    assert days.expected(273, [2], [210], [270]) == pytest.approx(one.expected(39, [2], [30], [270 / 7]))


def mean_over(f: Any, rate: Any, other: Any, share: bool) -> float:
    """The mean over two independent laws, by trapezoids in the logarithm and the log-odds."""
    u, w = np.meshgrid(
        np.linspace(-30, 4.5, 1200), np.linspace(-30, 30 if share else 4.5, 1200), indexing="ij"
    )
    m, p = np.exp(u), expit(w) if share else np.exp(w)
    jacobian = m * (p * expit(-w) if share else p)
    step = (u[1, 0] - u[0, 0]) * (w[0, 1] - w[0, 0])
    return float(np.sum(f(m, p) * rate.pdf(m) * other.pdf(p) * jacobian) * step)


def gamma_beta(f: Any, r: float, alpha: float, a: float, b: float) -> float:
    return mean_over(f, gamma_law(r, scale=1 / alpha), beta_law(a, b), True)


@pytest.mark.parametrize(("x", "t_x", "t"), [(0, 0.0, 3.0), (2, 1.5, 3.0)])
@pytest.mark.parametrize("kind", [BgNbd, MbgNbd])
def test_bg_by_integrals_over_rate_and_dropout(kind: Any, x: int, t_x: float, t: float) -> None:
    parameters, ahead = (1.5, 2.0, 1.6, 2.2), 4.0
    zero = kind._at_zero

    def here(m: Any, p: Any) -> Any:
        return (1 - p) ** (x + zero) * m**x * np.exp(-m * t)

    def gone(m: Any, p: Any) -> Any:
        if x + zero == 0:
            return 0 * m
        return p * (1 - p) ** (x + zero - 1) * m**x * np.exp(-m * t_x)

    alive = gamma_beta(here, *parameters)
    whole = alive + gamma_beta(gone, *parameters)
    bought = gamma_beta(lambda m, p: here(m, p) * -np.expm1(-m * p * ahead) / p, *parameters)
    some = gamma_beta(lambda m, p: here(m, p) * -np.expm1(-m * ahead), *parameters)
    found, at = model(kind, *parameters), ([x], [t_x], [t])
    assert bg_score(Patterns.of(*at), zero)(np.log(parameters))[0] == pytest.approx(np.log(whole), rel=1e-7)
    assert found.p_alive(*at)[0] == pytest.approx(alive / whole, rel=1e-6)
    assert found.expected(ahead, *at)[0] == pytest.approx(bought / whole, rel=1e-6)
    assert found.p_any(ahead, *at)[0] == pytest.approx(some / whole, rel=1e-6)


def test_pareto_by_integrals_over_both_rates() -> None:
    (r, alpha, s, beta), ahead = (1.5, 2.0, 1.7, 3.0), 4.0
    x, t_x, t = 2, 1.5, 3.0
    buy, leave = gamma_law(r, scale=1 / alpha), gamma_law(s, scale=1 / beta)

    def mean(f: Any) -> float:
        return mean_over(f, buy, leave, False)

    alive = mean(lambda m, u: m**x * np.exp(-(m + u) * t))
    gone = mean(lambda m, u: m**x * u / (m + u) * (np.exp(-(m + u) * t_x) - np.exp(-(m + u) * t)))
    bought = mean(lambda m, u: m**x * np.exp(-(m + u) * t) * m / u * -np.expm1(-u * ahead))
    some = mean(lambda m, u: m**x * np.exp(-(m + u) * t) * m / (m + u) * -np.expm1(-(m + u) * ahead))
    found, at = model(ParetoNbd, r, alpha, s, beta), ([x], [t_x], [t])
    value = pareto_score(Patterns.of(*at))(found.fit.theta)[0]
    assert value == pytest.approx(np.log(alive + gone), rel=1e-7)
    assert found.p_alive(*at)[0] == pytest.approx(alive / (alive + gone), rel=1e-6)
    assert found.expected(ahead, *at)[0] == pytest.approx(bought / (alive + gone), rel=1e-6)
    assert found.p_any(ahead, *at)[0] == pytest.approx(some / (alive + gone), rel=1e-6)


# --- numbers that overflow elsewhere ---

# mpmath with 40 digits: x, r, a, b, t, horizon, alpha, expected purchases of a customer who is there
MPMATH = [
    (0, 3.0, 3.0, 300.0, 1.0, 39.0, 0.5, 52.0436445),
    (5000, 200.0, 3.0, 2.4, 500.0, 5000.0, 4.4, 2482.60521),
    (10, 3.0, 1.0, 300.0, 1.0, 5000.0, 60.0, 455.133232),
    (0, 0.05, 1.001, 300.0, 5000.0, 1.0, 4.4, 9.99120425e-06),
    (2, 200.0, 1.0000001, 0.05, 5000.0, 1.0, 4.4, 4.00978503e-02),
    (1, 200.0, 30.0, 2.4, 39.0, 5000.0, 4.4, 1.11724138),
]


@pytest.mark.parametrize("row", MPMATH)
def test_expected_purchases_to_all_digits_of_mpmath(row: tuple[float, ...]) -> None:
    x, r, a, b, t, horizon, alpha, value = row
    found = visits(np.array([r + x]), a, np.array([b + x]), np.array([horizon / (alpha + t)]))
    assert found[0] == pytest.approx(value, rel=2e-9)


def test_closed_form_and_integral_agree_wherever_customers_are() -> None:
    rng = np.random.default_rng(2)
    for _ in range(60):
        x, a = rng.integers(0, 5000, 5), float(np.exp(rng.uniform(-5, 3)))
        r, b = np.exp(rng.uniform(-3, 3, 2))
        k = np.exp(rng.uniform(-6, 7, 5))
        both = visits(r + x, a, b + x, k), _integrated(r + x, a, b + x, k)
        assert both[0] == pytest.approx(both[1], rel=1e-9)


@pytest.mark.parametrize("kind", [BgNbd, MbgNbd, ParetoNbd])
def test_extreme_histories_are_finite(kind: Any) -> None:
    found = model(kind, 0.2426, 4.4135, 0.7929, 2.4258)
    x, t, ahead = (v.ravel() for v in np.meshgrid([0, 1, 300, 5000], [1.0, 39, 5000], [1.0, 520, 5000]))
    for share in (0.01, 0.9, 1.0):
        at = (x, np.where(x > 0, share * t, 0), t)
        for value in (found.expected(ahead, *at), found.p_alive(*at), found.p_any(ahead, *at)):
            assert np.isfinite(value).all() and (value >= 0).all()
        assert (found.p_any(ahead, *at) <= found.p_alive(*at) + 1e-12).all()
    assert found.expected(520, [300], [38], [39])[0] > 100


@pytest.mark.parametrize(("alpha", "beta"), [(2.0, 5.0), (5.0, 2.0), (3.0, 3.0), (0.01, 50.0)])
@pytest.mark.parametrize(("p", "q"), [(0.3, 1.2), (12.0, 2.0), (300.0, 1.5)])
def test_the_integral_of_two_powers(p: float, q: float, alpha: float, beta: float) -> None:
    low, high = 1.0, 30.0

    def relative(v: float) -> float:
        y = np.exp(v) - alpha
        return np.exp(v) * ((alpha + y) / (alpha + low)) ** -p * ((beta + y) / (beta + low)) ** -q

    ends = np.log(alpha + low), np.log(alpha + high)
    value = quad(relative, ends[0], min(ends[1], ends[0] + 60 / p), epsrel=1e-12, epsabs=0, limit=200)[0]
    found = power_integral(p, alpha, q, beta, np.array([low]), np.array([high])).log_value[0]
    assert found + p * np.log(alpha + low) + q * np.log(beta + low) == pytest.approx(np.log(value), abs=1e-9)


# --- simulation ---


def simulate(
    n: int, seed: int, r: float, alpha: float, a: float, b: float
) -> tuple[pd.DataFrame, np.ndarray]:
    """BG/NBD customers over 26 to 52 weeks, and their purchases in the 20 weeks after."""
    rng = np.random.default_rng(seed)
    rate, leave = rng.gamma(r, 1 / alpha, n), rng.beta(a, b, n)
    t = rng.integers(26, 53, n).astype(float)
    x, t_x, after, now = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    active = np.ones(n, bool)
    while active.any():
        now[active] += rng.exponential(1, active.sum()) / np.maximum(rate[active], 1e-300)
        active &= now < t + 20
        seen = active & (now < t)
        x[seen] += 1
        t_x[seen] = now[seen]
        after[active & ~seen] += 1
        active &= rng.random(n) >= leave
    return pd.DataFrame(dict(x=x, t_x=t_x, t=t)), after


def test_simulated_customers() -> None:
    rows, after = simulate(20_000, 5, 0.8, 6.0, 0.9, 2.5)
    found = bg_nbd(rows["x"], rows["t_x"], rows["t"])
    errors = np.sqrt(np.diagonal(found.fit.covariance))
    assert (np.abs(found.fit.theta - np.log([0.8, 6.0, 0.9, 2.5])) < 3 * errors).all()
    ahead = found.expected(20, rows["x"], rows["t_x"], rows["t"])
    assert ahead.sum() == pytest.approx(after.sum(), rel=0.03)
    some = found.p_any(20, rows["x"], rows["t_x"], rows["t"])
    assert some.mean() == pytest.approx((after > 0).mean(), rel=0.03)
    low, high = found.expected_interval(20, rows["x"], rows["t_x"], rows["t"], 0.999)
    true = model(BgNbd, 0.8, 6.0, 0.9, 2.5).expected(20, rows["x"], rows["t_x"], rows["t"])
    assert ((low < ahead) & (ahead < high)).all() and ((low < true) & (true < high)).mean() > 0.9


def test_the_delta_interval_is_that_of_draws(datasets: Path) -> None:
    found = published(datasets, bg_nbd)
    at = ([0, 2, 10], [0, 30.43, 20], [38.86, 38.86, 39])
    rng = np.random.default_rng(1)
    draws = rng.multivariate_normal(found.fit.theta, found.fit.covariance, 2000)
    values = [model(BgNbd, *np.exp(d)).expected(39, *at) for d in draws]
    spread = np.log(values).std(axis=0)
    low, high = found.expected_interval(39, *at)
    assert np.log(high / low) / 2 / 1.959964 == pytest.approx(spread, rel=0.06)
    low, high = found.p_alive_interval(*at)
    assert low[0] == high[0] == 1 and (low[1:] < found.p_alive(*at)[1:]).all() and (high[1:] < 1).all()


@pytest.mark.parametrize("kind", [BgNbd, MbgNbd, ParetoNbd])
def test_next_purchase_undoes_p_any(kind: Any) -> None:
    found, at = model(kind, *LIKE_CDNOW.values()), ([0, 3, 9], [0, 30.0, 5.0], [39.0, 39.0, 39.0])
    when = found.next_purchase(0.3, *at)
    likely = found.p_alive(*at) > 0.35
    assert np.isinf(when[2]) and likely[1]
    reached = np.isfinite(when)
    again = found.p_any(np.where(reached, when, 1.0), *at)
    assert again[reached] == pytest.approx(0.3, rel=1e-9)


def test_a_new_customer_is_one_without_history() -> None:
    for kind in (BgNbd, MbgNbd, ParetoNbd):
        found = model(kind, *LIKE_CDNOW.values())
        assert found.expected_new(1e-6)[0] == pytest.approx(
            found.p_alive([0], [0], [0])[0] * 1e-6 * 0.2426 / 4.4135
        )
    low, high = found.expected_new_interval(10)
    assert low == high == found.expected_new(10)


# --- gates and refusals ---


def test_gates() -> None:
    few = bg_nbd([0, 1, 2, 5, 3], [0, 3, 9, 20, 4], [30, 30, 31, 32, 33], [60, 20, 10, 5, 5])
    assert "few_repeaters" in dict(adequacy(few))
    clumps, regular = Regularity(0.5, 0.4, 0.6, 900), Regularity(2.0, 1.8, 2.2, 900)
    assert "clumpy_timing" in dict(adequacy(few, clumps))
    assert "regular_timing" in dict(adequacy(few, regular))


@pytest.mark.parametrize("shape", [0.6, 1.0, 3.0])
def test_regularity_of_erlang_gaps(shape: float) -> None:
    rng = np.random.default_rng(8)
    rate = rng.gamma(0.5, 1, 20_000) + 1e-9
    gaps = rng.gamma(shape, 1, (2, 20_000)) / rate
    found = regularity(*np.maximum(gaps, 1e-300), confidence=0.999)
    assert found.low < shape < found.high and found.high / found.low < 1.2


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (([0, 0], [0, 0], [3, 4]), "Nobody bought again"),
        (([1], [5], [3]), "between 0 and t"),
        (([1], [0], [3]), "t_x is 0 exactly"),
        (([0], [2], [3]), "t_x is 0 exactly"),
        (([1.5], [2], [3]), "whole numbers"),
        (([np.nan], [2], [3]), "missing"),
        (([1], [2], [3], [0]), "count"),
        (([1, 2], [2], [3, 4, 5]), "one length"),
        (([], [], []), "at least one customer"),
    ],
)
def test_refusals(arguments: Any, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        bg_nbd(*arguments)


def test_more_refusals() -> None:
    found = model(BgNbd, 1, 1, 1, 1)
    with pytest.raises(ValueError, match="horizon"):
        found.expected(0, [1], [1], [2])
    with pytest.raises(ValueError, match="quantile"):
        found.next_purchase(1, [1], [1], [2])
    with pytest.raises(ValueError, match="two positive gaps"):
        regularity([1, 0], [1, 1])
