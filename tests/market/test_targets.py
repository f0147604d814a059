"""Probabilities of targets against the exact law, and their score against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import brier_score_loss

from growth.market import targets


def test_a_step_ahead_is_the_prediction_of_one_more_draw() -> None:
    """The interval is the textbook's prediction interval of a normal sample."""
    step = np.array([0.02, 0.05, -0.01, 0.04, 0.03])
    levels = 100 * np.exp(np.concatenate([[0.0], step.cumsum()]))
    found = targets.chance(levels, 120.0, 1)
    half = stats.t.ppf(0.975, 4) * step.std(ddof=1) * np.sqrt(1 + 1 / 5)
    assert np.log(found.high / levels[-1]) == pytest.approx(step.mean() + half)
    assert np.log(found.low / levels[-1]) == pytest.approx(step.mean() - half)
    assert targets.chance(levels, found.high, 1).probability == pytest.approx(0.025)
    assert targets.chance(levels, found.value, 3, at_least=False).probability < 0.5
    both = [targets.chance(levels, 120.0, 2, way).probability for way in (True, False)]
    assert sum(both) == pytest.approx(1) and found.steps == 5


def test_probabilities_mean_what_they_say() -> None:
    """Of random walks of unknown growth: what had probability p is reached in p of them (its law is uniform)."""
    random = np.random.default_rng(3)
    said = []
    for _ in range(4000):
        levels = np.exp(random.normal(0.03, 0.1, 12).cumsum())
        said.append(targets.chance(levels[:8], levels[11], 4).probability)
    assert stats.kstest(said, "uniform").pvalue > 0.01


def test_replay_knows_nothing_from_afterwards() -> None:
    levels = np.exp(np.random.default_rng(4).normal(0.03, 0.1, 20).cumsum())
    goals = pd.DataFrame(
        dict(made=[6, 9], due=[10, 12], target=[levels[6] * 1.1] * 2, at_least=[True, False])
    )
    found = targets.replayed(levels, goals)
    changed = targets.replayed(np.concatenate([levels[:10], levels[10:] * 9]), goals)
    assert found["probability"].tolist() == changed["probability"].tolist()
    assert found["probability"].iloc[0] == targets.chance(levels[:7], levels[6] * 1.1, 4).probability
    assert found["reached"].tolist() == [levels[10] >= levels[6] * 1.1, levels[12] <= levels[6] * 1.1]
    assert changed["reached"].tolist() == [True, False]


def test_score_is_scikit_learns_and_spiegelhalters_by_hand() -> None:
    p, y = np.array([0.9, 0.8, 0.3, 0.6]), np.array([1, 0, 0, 1])
    found = targets.score(p, y)
    assert found.brier == pytest.approx(brier_score_loss(y, p)) and found.base == pytest.approx(0.25)
    top = 0.1 * -0.8 + -0.8 * -0.6 + -0.3 * 0.4 + 0.4 * -0.2
    bottom = np.sqrt(0.64 * 0.09 + 0.36 * 0.16 + 0.16 * 0.21 + 0.04 * 0.24)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(top / bottom)))
    assert found.low < found.brier < found.high
    sure = targets.score(np.array([1.0, 0.0]), [True, False])
    assert sure.brier == 0 and np.isnan(sure.p_value)


def test_boasts_are_found_out() -> None:
    random = np.random.default_rng(5)
    true = random.uniform(0.2, 0.8, 300)
    reached = random.random(300) < true
    assert targets.score(true, reached).p_value > 0.01
    assert targets.score(np.where(true > 0.5, 0.97, 0.03), reached).p_value < 1e-6


def test_refusals() -> None:
    with pytest.raises(ValueError, match="3 levels are too few"):
        targets.chance([1, 2, 3], 2, 1)
    with pytest.raises(ValueError, match="above 0"):
        targets.chance([1, 2, 0, 3], 2, 1)
    with pytest.raises(ValueError, match="the same share"):
        targets.chance([1, 2, 4, 8], 2, 1)
    with pytest.raises(ValueError, match="1 past targets"):
        targets.score(np.array([0.5]), [True])
    with pytest.raises(ValueError, match="between 0 and 1"):
        targets.score(np.array([0.5, 1.2]), [True, True])
    late = pd.DataFrame(dict(made=[5], due=[9], target=[2.0], at_least=[True]))
    with pytest.raises(ValueError, match="due within"):
        targets.replayed([1.0] * 6, late)
