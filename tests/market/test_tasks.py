"""Designs of choice tasks against all there are, against a known optimum, and against what respondents then say."""

from __future__ import annotations

from itertools import combinations, combinations_with_replacement

import numpy as np
import pytest

from growth.market import choices, tasks

SMALL = {"colour": ["red", "blue"], "size": ["s", "m", "l"]}


def test_d_error_of_one_pair_is_the_logits_information() -> None:
    """One attribute, one pair: information p (1 - p) of the difference."""
    p = 1 / (1 + np.exp(-0.7))
    assert tasks.d_error(np.array([[[1.0], [0.0]]]), np.array([0.7])) == pytest.approx(1 / (p * (1 - p)))
    assert tasks.d_error(np.array([[[1.0], [1.0]]]), np.array([0.7])) == np.inf


@pytest.mark.parametrize("worth", [np.zeros(3), np.array([0.8, -0.5, 1.0])])
def test_no_design_of_a_small_case_is_better(worth: np.ndarray) -> None:
    found = tasks.efficient(SMALL, 3, 2, seed=1, worth=worth)
    every = np.array([[c, s == 1, s == 2] for c in (0, 1) for s in (0, 1, 2)], float)
    pairs = list(combinations(range(6), 2))
    best = min(
        tasks.d_error(np.array([every[list(p)] for p in three]), worth)
        for three in combinations_with_replacement(pairs, 3)
    )
    assert found.error == pytest.approx(best, rel=1e-9)


def test_two_levels_in_pairs_reach_the_known_optimum() -> None:
    """Where worths are nothing, pairs that differ in all two-level attributes and are orthogonal: information n / 4."""
    found = tasks.efficient({a: ["0", "1"] for a in "abc"}, 4, 2, seed=2)
    assert found.error == pytest.approx(1.0)
    assert found.by_chance > 1.15 * found.error
    differ = found.columns.reshape(4, 2, 3)
    assert (differ[:, 0] != differ[:, 1]).all()


def test_offers_of_a_task_differ_and_the_table_is_what_the_columns_say() -> None:
    found = tasks.efficient(SMALL, 6, 3, seed=3)
    assert len(found.table) == 18 and not found.table.duplicated(["task", "colour", "size"]).any()
    assert (found.columns[:, 0] == (found.table["colour"] == "blue")).all()
    again = tasks.efficient(SMALL, 6, 3, seed=3)
    assert again.table.equals(found.table)


def test_d_error_is_that_of_the_fitted_worths() -> None:
    """1,000 respondents answer the tasks: their covariance has the design's error over 1,000."""
    worth, people = np.array([0.8, -0.5, 1.0]), 1000
    found = tasks.efficient(SMALL, 6, 3, seed=4, worth=worth)
    x = np.tile(found.columns, (people, 1))
    random = np.random.default_rng(1)
    value = (x @ worth + random.gumbel(size=len(x))).reshape(-1, 3)
    chosen = (value == value.max(axis=1, keepdims=True)).ravel()
    fitted = choices.fit(
        x, np.repeat(np.arange(6 * people), 3), chosen, np.repeat(np.arange(people), 18), "abc"
    )
    error = np.linalg.det(fitted.classic) ** (1 / 3)
    assert error * people == pytest.approx(found.error, rel=0.03)
    robust = np.linalg.det(fitted.covariance) ** (1 / 3)
    assert robust * people == pytest.approx(found.error, rel=0.1)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="cannot tell 3 worths"):
        tasks.efficient(SMALL, 2, 2, 1)
    with pytest.raises(ValueError, match="colour needs two"):
        tasks.efficient({"colour": ["red"]}, 2, 2, 1)
    with pytest.raises(ValueError, match="2 to 6 different offers, not 7"):
        tasks.efficient(SMALL, 2, 7, 1)
    with pytest.raises(ValueError, match="3 worths to guess"):
        tasks.efficient(SMALL, 3, 2, 1, np.zeros(2))
