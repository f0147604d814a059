"""Scores: ties, cut points and the order of rows."""

from __future__ import annotations

import numpy as np
import pytest

from growth.stats.rfm import SEGMENTS, score, segment


def test_a_value_on_a_cut_point_lies_on_its_better_side() -> None:
    cuts = [30, 90, 180, 365]
    assert score([0, 30, 31, 90, 365, 366], cuts, more_is_better=False).tolist() == [5, 5, 4, 4, 2, 1]
    assert score([1, 2, 3, 4, 10, 99], [2, 3, 5, 10]).tolist() == [1, 2, 3, 3, 5, 5]


def test_ties_score_equal_and_rows_may_be_shuffled() -> None:
    random = np.random.default_rng(3)
    values = random.integers(0, 12, 500)
    order = random.permutation(500)
    found = score(values, [2, 3, 5, 10])
    assert np.array_equal(found[order], score(values[order], [2, 3, 5, 10]))
    assert all(len(set(found[values == v])) == 1 for v in set(values))


def test_every_pair_of_scores_has_one_segment() -> None:
    r, f = (g.ravel() for g in np.meshgrid(np.arange(1, 6), np.arange(1, 6)))
    found = segment(r, f)
    assert set(found) == set(SEGMENTS)
    want = {(5, 5): "best", (4, 4): "best", (3, 5): "loyal", (5, 3): "loyal", (5, 1): "new", (3, 2): "cooling",
            (2, 3): "at risk", (1, 5): "at risk", (2, 2): "asleep"}  # fmt: skip
    assert {k: str(segment(*k)) for k in want} == want


@pytest.mark.parametrize(("values", "cuts"), [([1.0, np.nan], [1, 2]), ([1.0], [2, 2]), ([1.0], [])])
def test_what_cannot_be_scored_is_refused(values: list[float], cuts: list[float]) -> None:
    with pytest.raises(ValueError, match="Scores need|Cut points must rise"):
        score(values, cuts)
