"""Rules by hand, against published numbers, and what they must all keep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from growth.channels import rules
from growth.channels.paths import RefusedError, from_table
from tests.channels import reference
from tests.channels.hand import public, table, tiny

PATHS = table(
    ("a > b > a > c", 2, 10.0, 1), ("b > direct", 1, 3.0, 0), ("direct", 1, 1.0, 9), ("c", 0, 0.0, 4)
)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (rules.first, [2, 1, 0, 1]),
        (rules.last, [0, 0, 2, 2]),
        (rules.last_non_direct, [0, 1, 2, 1]),
        (rules.linear, [1, 1, 0.5, 1.5]),
        (rules.unique_linear, [2 / 3, 2 / 3 + 0.5, 2 / 3, 1.5]),
        (rules.position, [0.8 + 0.2, 0.2 + 0.5, 0.8, 0.5 + 1]),
    ],
)
def test_by_hand(rule: Any, expected: Any) -> None:
    own = rule(PATHS)
    assert own.channels == ("a", "b", "c", "direct")
    assert own.conversions == pytest.approx(expected, abs=1e-12)


def test_weights_of_position_by_hand() -> None:
    own = rules.position(table(("a > b > c > d", 1), ("a > b", 1), ("d", 1)), 0.5, 0.1)
    assert own.conversions == pytest.approx([0.5 + 5 / 6, 0.2 + 1 / 6, 0.2, 0.1 + 1], abs=1e-12)
    middle = rules.position(table(("a > b > c", 1), ("a > b", 1)), 0, 0)
    assert middle.conversions == pytest.approx([0.5, 1 + 0.5, 0], abs=1e-12)


def test_time_decay_by_hand() -> None:
    """Half in 10 hours: 20, 10 and 0 hours before weigh 1/4, 1/2, 1; a path long ago shares alike."""
    frame = pd.DataFrame(
        dict(
            path=["a > b > a", "a > b"], conversions=[1, 1], value=[7.0, 3], hours=["20 10 0", "99999 99989"]
        )
    )
    own = rules.time_decay(from_table(frame), 10)
    assert own.conversions == pytest.approx([5 / 7 + 1 / 3, 2 / 7 + 2 / 3], abs=1e-9)
    assert own.value == pytest.approx([5 + 1, 2 + 2], abs=1e-9)


def test_refusals() -> None:
    with pytest.raises(RefusedError, match="no times"):
        rules.time_decay(PATHS)
    for half in (0, -1, np.nan, np.inf):
        with pytest.raises(RefusedError, match="half-life"):
            rules.time_decay(PATHS, half)
    for pair in ((-0.1, 0.5), (0.6, 0.5), (np.nan, 0.1)):
        with pytest.raises(RefusedError, match="weights"):
            rules.position(PATHS, *pair)


@pytest.mark.parametrize("name", [n for n in rules.RULES if n != "time decay"])
def test_credit_adds_up_and_runs_are_equal(name: str) -> None:
    for seed in range(20):
        own = tiny(seed)
        credit = rules.RULES[name](own)(own.counts)
        assert credit.conversions.sum() == pytest.approx(own.counts.conversions.sum(), abs=1e-9)
        assert credit.value.sum() == pytest.approx(own.counts.value.sum(), abs=1e-9)
        again = rules.RULES[name](own)(own.counts)
        assert credit.conversions.tobytes() == again.conversions.tobytes()
        assert credit.shares.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("rule", "conversions", "value"),
    [
        (rules.first, reference.FIRST, reference.FIRST_VALUE),
        (rules.last, reference.LAST, reference.LAST_VALUE),
        (rules.linear, reference.LINEAR, reference.LINEAR_VALUE),
        (rules.position, reference.POSITION, None),
        (rules.unique_linear, reference.SHAPLEY_TOTAL, None),
    ],
)
def test_the_public_table(datasets: Path, rule: Any, conversions: Any, value: Any) -> None:
    own = public(datasets)
    credit = rule(own)
    assert own.channels == reference.CHANNELS
    np.testing.assert_allclose(credit.conversions, conversions, rtol=0, atol=1e-9)
    assert credit.conversions.sum() == pytest.approx(19785, abs=1e-9)
    if value:
        np.testing.assert_allclose(credit.value, value, rtol=0, atol=1e-9)
    assert credit.value.sum() == pytest.approx(own.counts.value.sum(), abs=1e-9)
