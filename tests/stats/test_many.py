"""Adjusted p-values by their definitions, in the order given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from growth.stats.many import benjamini_hochberg, bonferroni_level, holm

P = [0.03, 0.001, 0.5, 0.011]


def test_holm_by_hand() -> None:
    assert holm(P) == pytest.approx([0.06, 0.004, 0.5, 0.033])
    assert holm([0.2]) == pytest.approx([0.2]) and (holm([0.9, 0.8]) <= 1).all()


def test_benjamini_hochberg_by_hand() -> None:
    assert benjamini_hochberg(P) == pytest.approx([0.04, 0.004, 0.5, 0.022])


def test_bonferroni() -> None:
    assert bonferroni_level(0.95, 5) == pytest.approx(0.99) and bonferroni_level(0.95, 1) == pytest.approx(
        0.95
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: holm([0.1, np.nan]), "between 0 and 1"),
        (lambda: holm([]), "at least one"),
        (lambda: benjamini_hochberg([1.1]), "between 0 and 1"),
        (lambda: bonferroni_level(0.95, 0), "whole number"),
        (lambda: bonferroni_level(95, 2), "Confidence"),
    ],
)
def test_what_is_no_family_is_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
