"""Reliability against published numbers, analysis of variance, statsmodels' factor analysis, and known coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import f, pearsonr
from statsmodels.multivariate.factor import Factor

from growth.stats.promoters import net_promoters
from growth.stats.proportions import wilson
from growth.stats.reliability import again, alpha, omega, without_each

# Shrout and Fleiss (1979), table 2: six targets rated by four judges; their ICC(3, 4), which is alpha, is .91.
JUDGES = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
CUTS = (-1.7, -1.0, -0.1, 1.0)


def exactly(cov: np.ndarray, n: int = 400, seed: int = 0) -> np.ndarray:
    """People whose covariance (of n) is exactly this."""
    x = np.random.default_rng(seed).standard_normal((n, len(cov)))
    x -= x.mean(axis=0)
    white = x @ np.linalg.inv(np.linalg.cholesky(x.T @ x / n)).T
    return white @ np.linalg.cholesky(cov).T


def test_alpha_is_the_published_intraclass_correlation_and_its_interval_that_of_the_f_test() -> None:
    found = alpha(JUDGES)
    assert round(found.value, 2) == 0.91 and (found.people, found.items) == (6, 4)
    x = np.array(JUDGES, float)
    rows = 4 * ((x.mean(axis=1) - x.mean()) ** 2).sum() / 5
    left = ((x - x.mean(axis=1)[:, None] - x.mean(axis=0) + x.mean()) ** 2).sum() / 15
    assert (round(rows, 2), round(left, 2)) == (11.24, 1.02), "the mean squares of their table 3"
    ratio = rows / left
    assert found.value == pytest.approx(1 - 1 / ratio, rel=1e-12)
    assert found.low == pytest.approx(1 - f.ppf(0.975, 5, 15) / ratio, rel=1e-9)
    assert found.high == pytest.approx(1 - 1 / (f.ppf(0.975, 15, 5) * ratio), rel=1e-9)


def test_alpha_of_parallel_items_is_spearman_brown() -> None:
    for k, r in ((2, 0.3), (5, 0.54), (10, 0.1)):
        cov = np.full((k, k), r) + (1 - r) * np.eye(k)
        assert alpha(exactly(cov)).value == pytest.approx(k * r / (1 + (k - 1) * r), rel=1e-9)


def test_omega_is_that_of_a_known_factor_and_more_than_alpha() -> None:
    load, noise = np.array([0.9, 0.8, 0.5, 0.3, 1.4]), np.array([0.4, 0.5, 0.8, 1.2, 0.6])
    x = exactly(np.outer(load, load) + np.diag(noise))
    found = omega(x)
    assert found.value == pytest.approx(load.sum() ** 2 / (load.sum() ** 2 + noise.sum()), rel=1e-8)
    assert alpha(x).value < found.value and found.low < found.value < found.high
    equal = exactly(0.5 + 0.5 * np.eye(4))
    assert omega(equal).value == pytest.approx(alpha(equal).value, rel=1e-8), "equal loadings: the same"


def test_omega_is_that_of_statsmodels_on_answers_on_scales() -> None:
    x = answers(np.random.default_rng(3), 600, (0.9, 0.8, 0.7, 0.6, 0.5))
    theirs = Factor(x, n_factor=1, method="ml").fit(maxiter=500)
    spread = x.std(axis=0)
    load, noise = theirs.loadings[:, 0] * spread, theirs.uniqueness * spread**2
    want = load.sum() ** 2 / (load.sum() ** 2 + noise.sum())
    assert omega(x).value == pytest.approx(want, abs=2e-5)


def answers(random: np.random.Generator, n: int, load: tuple[float, ...] = (0.8,) * 5) -> np.ndarray:
    """Answers from 0 to 4 of n people to items of these loadings."""
    a = np.array(load)
    seen = random.standard_normal((n, 1)) * a + np.sqrt(1 - a**2) * random.standard_normal((n, len(a)))
    return np.searchsorted(CUTS, seen).astype(float)


def test_intervals_hold_the_truth_as_often_as_they_say_on_scales_too() -> None:
    random = np.random.default_rng(11)
    many = answers(random, 200_000)
    again_score = np.corrcoef(many[:, :2].sum(axis=1), many[:, 2:4].sum(axis=1))[0, 1]
    truth = alpha(many).value
    # Spearman and Brown: from two halves of two items each to five items, all of one kind.
    assert truth == pytest.approx(2.5 * again_score / (1 + 1.5 * again_score), abs=0.004)
    hits = np.zeros(2)
    for _ in range(300):
        x = answers(random, 150)
        for j, found in enumerate((alpha(x), omega(x))):
            hits[j] += found.low < truth < found.high
    assert ((hits / 300 > 0.92) & (hits / 300 < 0.98)).all(), hits / 300


def test_an_item_that_does_not_belong_is_seen() -> None:
    x = answers(np.random.default_rng(5), 500)
    x[:, 4] = np.random.default_rng(6).integers(0, 5, 500)
    together, left = without_each(x)
    assert together.argmin() == 4 and left.argmax() == 4
    assert left[4] == pytest.approx(alpha(x[:, :4]).value, rel=1e-12)
    rest = x[:, 1:].sum(axis=1)
    assert together[0] == pytest.approx(pearsonr(x[:, 0], rest).statistic, rel=1e-12)


@pytest.mark.parametrize(
    ("x", "why"),
    [
        ([[1], [2], [3]], "at least 2 items"),
        ([[1, 2], [2, 1]], "at least 3 people"),
        ([[4, 4, 4]] * 50, "same score"),
        ([[1, 2], [np.nan, 1], [2, 2]], "missing"),
    ],
)
def test_what_has_no_reliability_is_refused(x: list[list[float]], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        alpha(x)


def test_what_has_no_factor_is_refused() -> None:
    x = answers(np.random.default_rng(5), 200)
    with pytest.raises(ValueError, match="at least 3 items"):
        omega(x[:, :2])
    with pytest.raises(ValueError, match="more than 10 people"):
        omega(x[:10])
    with pytest.raises(ValueError, match="same answer"):
        omega(np.column_stack([x[:, :3], np.ones(200)]))
    with pytest.raises(ValueError, match="item 5 does not go with the others"):
        omega(np.column_stack([x[:, :4], -x[:, 0]]))
    cov = np.array([[1, 0.8, 0.8], [0.8, 1, 0.5], [0.8, 0.5, 1]])  # asks for a loading of 1.13
    with pytest.raises(ValueError, match="item 1 leaves no noise"):
        omega(exactly(cov))


def test_the_same_people_again() -> None:
    random = np.random.default_rng(2)
    a = random.standard_normal(80)
    b = 0.6 * a + 0.8 * random.standard_normal(80)
    theirs = pearsonr(a, b)
    found, ends = again(a, b, 0.9), theirs.confidence_interval(0.9)
    assert (found.value, found.low, found.high) == pytest.approx((theirs.statistic, ends.low, ends.high))
    assert again([1, 2, 3, 4], [2, 4, 6, 8]).low == 1
    for x, y, why in (([1, 2], [1, 2], "at least 4"), ([1, 1, 1, 1], [1, 2, 3, 4], "same score"),
                      ([1, 2, 3, 4], [1, 2], "same people")):  # fmt: skip
        with pytest.raises(ValueError, match=why):
            again(x, y)


def test_net_promoters_published() -> None:
    found = net_promoters(250, 75, 1000)
    assert (round(found.value, 1), round(found.error, 5)) == (17.5, 1.71574)
    assert (round(found.low, 3), round(found.high, 3)) == (14.137, 20.863)
    said = np.repeat([100, -100, 0], [250, 75, 675])  # a mean of 100, -100 and 0, like any other
    assert found.error == pytest.approx(said.std() / np.sqrt(1000), rel=1e-12)


def test_net_promoters_of_one_kind_are_not_certain() -> None:
    sure = float(wilson(5, 5)[0])
    assert (net_promoters(5, 0, 5).low, net_promoters(5, 0, 5).high) == pytest.approx((200 * sure - 100, 100))
    assert (net_promoters(0, 5, 5).low, net_promoters(0, 5, 5).high) == pytest.approx(
        (-100, 100 - 200 * sure)
    )
    middle = net_promoters(0, 0, 5)
    assert (middle.low, middle.high) == pytest.approx((100 * sure - 100, 100 - 100 * sure))
    with pytest.raises(ValueError, match="Nobody"):
        net_promoters(0, 0, 0)
    with pytest.raises(ValueError, match="do not exceed"):
        net_promoters(3, 3, 5)
