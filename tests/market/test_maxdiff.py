"""Counts by hand, and beside the logit of the same tasks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from growth.market import choices, maxdiff


def drawn(seed: int, people: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Five sets of four of six needs a respondent; the worst is chosen among what the best leaves."""
    random, worth = np.random.default_rng(seed), np.array([0.0, 0.5, 1.0, -0.5, -1.0, 1.5])
    shown = random.permuted(np.tile(np.arange(6), (people * 5, 1)), axis=1)[:, :4]
    best = (worth[shown] + random.gumbel(size=shown.shape)).argmax(axis=1)[:, None] == np.arange(4)
    left = np.where(best, -np.inf, random.gumbel(size=shown.shape) - worth[shown])
    said = best * 1 - (left.argmax(axis=1)[:, None] == np.arange(4))
    task = np.repeat(np.arange(people * 5), 4)
    names = np.char.add("n", shown.ravel().astype(str))
    return pd.DataFrame(
        dict(respondent_id=task // 5, task=task % 5, levels=names, chosen=said.ravel())
    ), worth


def test_counts_are_those_by_hand() -> None:
    said = [
        (1, 1, "abc", (1, 0, -1)),
        (1, 2, "abd", (0, 1, -1)),
        (2, 1, "abc", (1, -1, 0)),
        (2, 2, "acd", (-1, 0, 1)),
    ]
    rows = [
        (who, task, n, c) for who, task, needs, chosen in said for n, c in zip(needs, chosen, strict=True)
    ]
    tasks = pd.DataFrame(rows, columns=["respondent_id", "task", "levels", "chosen"])
    found = maxdiff.counts(tasks, np.repeat([1.0, 3.0], 6)).set_index("need")
    assert found["score"].to_dict() == pytest.approx({"a": 1 / 8, "b": -2 / 5, "c": -1 / 7, "d": 2 / 4})
    assert found.index.tolist() == ["d", "a", "c", "b"]
    assert found.loc["b", ["best", "worst", "shown"]].tolist() == [1, 1, 3]
    assert found["low"].min() >= -1 and found["high"].max() <= 1
    assert maxdiff.counts(tasks).set_index("need")["score"]["b"] == 0


def test_counts_order_needs_as_the_logit() -> None:
    tasks, worth = drawn(1, 400)
    assert maxdiff.counts(tasks)["need"].tolist() == [f"n{k}" for k in np.argsort(-worth)]
    fitted = np.concatenate([[0.0], choices.fit(*choices.needs(tasks)).worth])
    assert np.argsort(-fitted).tolist() == np.argsort(-worth).tolist()


def test_the_interval_is_the_ratios_over_respondents() -> None:
    """By hand: what each respondent's answers leave over the score, squared and added up; Student's law."""
    tasks, _ = drawn(2, 60)
    row = maxdiff.counts(tasks).set_index("need").loc["n2"]
    own = tasks[tasks["levels"] == "n2"]
    over = (own["chosen"] - row["score"]).groupby(own["respondent_id"]).sum()
    n = len(over)
    half = stats.t.ppf(0.975, n - 1) * np.sqrt(n / (n - 1) * (over**2).sum()) / len(own)
    assert (row["high"] - row["low"]) / 2 == pytest.approx(half)


def test_refusals() -> None:
    tasks, _ = drawn(1, 5)
    alike = pd.DataFrame(dict(respondent_id=[1, 1, 2, 2], task=1, levels=list("abab"), chosen=[1, -1] * 2))
    with pytest.raises(ValueError, match="does not vary"):
        maxdiff.counts(alike)
    with pytest.raises(ValueError, match="one need that is best"):
        maxdiff.counts(tasks.assign(chosen=0))
    with pytest.raises(ValueError, match="shown to one respondent"):
        maxdiff.counts(tasks[tasks["respondent_id"] == 0])
