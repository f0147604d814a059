"""Latent classes against the log-likelihoods that poLCA's manual prints, and against classes that are known.

Counts by pattern of answers: Stouffer and Toby (1951), Landis and Koch (1977) in Agresti's table, Dayton (1998),
McCutcheon (1987).
"""

from __future__ import annotations

from itertools import product
from math import log

import numpy as np
import pandas as pd
import pytest

from growth.market import latent

VALUES = [42, 23, 6, 25, 6, 24, 7, 38, 1, 4, 1, 6, 2, 9, 2, 20]
CARCINOMA = {
    "0000000": 34, "0000100": 2, "0100000": 6, "0100001": 1, "0100100": 4, "0100101": 5, "1000000": 2, "1010101": 1,
    "1100000": 2, "1100001": 1, "1100100": 2, "1100101": 7, "1100111": 1, "1101001": 1, "1101101": 2, "1101111": 3,
    "1110101": 13, "1110111": 5, "1111101": 10, "1111111": 16,
}  # fmt: skip
CHEATING = [207, 46, 7, 5, 13, 4, 1, 2, 10, 3, 1, 2, 11, 4, 1, 2]
GSS82 = [
    419, 35, 2, 71, 25, 5, 270, 25, 4, 42, 16, 5, 23, 4, 1, 6, 2, 0, 43, 9, 2, 9, 3, 2, 26, 3, 0, 1, 2, 0, 85, 23, 6,
    13, 12, 8,
]  # fmt: skip


def rows(counts: dict[str, int]) -> pd.DataFrame:
    return pd.DataFrame([list(p) for p, n in counts.items() for _ in range(n)])


def every(counts: list[int], *categories: str) -> pd.DataFrame:
    return rows(dict(zip(map("".join, product(*categories)), counts, strict=True)))


@pytest.mark.parametrize(
    ("items", "classes", "published"),
    [
        (every(VALUES, *["12"] * 4), 1, -543.6498),
        (every(VALUES, *["12"] * 4), 2, -504.4677),
        (rows(CARCINOMA), 2, -317.2568),
        (rows(CARCINOMA), 3, -293.7050),
        (rows(CARCINOMA), 4, -289.2859),
        (every(CHEATING, *["01"] * 4), 2, -440.0271),
        (every(GSS82, "123", "12", "12", "123"), 2, -2783.268),
        (every(GSS82, "123", "12", "12", "123"), 3, -2754.545),
    ],
)
def test_log_likelihoods_are_the_published_ones(items: pd.DataFrame, classes: int, published: float) -> None:
    found = latent.fit(items, classes, seed=1)
    assert found.log_likelihood >= published - 5e-4  # the maximum: not below what was printed, rounded
    assert found.log_likelihood == pytest.approx(published, abs=1e-3)


def test_bic_is_the_published_one_and_picks_three_kinds_of_slides() -> None:
    found, table = latent.by_number(rows(CARCINOMA), 4, seed=1)
    assert table["bic"].iloc[2] == pytest.approx(697.1357, abs=5e-5)
    assert len(found.share) == 3 and found.bic == table["bic"].min()


def test_one_class_is_the_shares_of_answers_in_closed_form() -> None:
    items = every(VALUES, *["12"] * 4)
    found = latent.fit(items, 1, seed=1)
    shares = [items[c].value_counts(normalize=True).sort_index().to_numpy() for c in items]
    assert [a[0] for a in found.answers] == [pytest.approx(s) for s in shares]
    closed = sum(len(items) * float(s @ np.log(s)) for s in shares)
    assert found.log_likelihood == pytest.approx(closed) and found.bic == pytest.approx(
        -2 * closed + 4 * log(216)
    )
    assert found.sizes().to_numpy().tolist() == [[1.0, 1.0, 1.0]]


def drawn(random: np.random.Generator, n: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Two classes, 60 to 40, three categories in six items."""
    kind = (random.random(n) < 0.4).astype(int)
    chance = np.array([[0.7, 0.2, 0.1], [0.15, 0.25, 0.6]]).cumsum(axis=1)
    return pd.DataFrame((random.random((n, 6, 1)) > chance[kind][:, None]).sum(axis=2)), kind


def test_classes_come_out_at_their_truth_and_intervals_hold_it() -> None:
    random = np.random.default_rng(5)
    items, kind = drawn(random, 20_000)
    found = latent.fit(items, 2, seed=1)
    assert found.share == pytest.approx([0.6, 0.4], abs=0.015)
    assert found.answers[0][0] == pytest.approx([0.7, 0.2, 0.1], abs=0.02)
    assert (found.member.argmax(axis=1) == kind).mean() > 0.93
    held = []
    for seed in range(100):
        sizes = latent.fit(drawn(np.random.default_rng(seed), 400)[0], 2, seed, starts=5).sizes()
        held.append(sizes["low"].iloc[0] <= 0.6 <= sizes["high"].iloc[0])
    assert 89 <= sum(held) <= 100  # exact 99 % of 95 in 100


def test_weights_are_copies_and_the_order_of_rows_is_nothing() -> None:
    random = np.random.default_rng(6)
    items, _ = drawn(random, 300)
    w = random.integers(1, 4, 300)
    weighted = latent.fit(items, 2, 1, w.astype(float))
    copied = latent.fit(items.loc[items.index.repeat(w)], 2, 1)
    assert weighted.share == pytest.approx(copied.share, abs=1e-6)
    turned = latent.fit(items.iloc[::-1], 2, 1)
    assert turned.share == pytest.approx(latent.fit(items, 2, 1).share, abs=1e-12)


def test_bic_keeps_one_class_where_items_have_nothing_in_common() -> None:
    kept = [
        len(latent.by_number(pd.DataFrame(np.random.default_rng(s).integers(0, 3, (300, 5))), 3, s)[0].share)
        for s in range(10)
    ]
    assert kept == [1] * 10


def test_refusals() -> None:
    items = every(VALUES, *["12"] * 4)
    with pytest.raises(ValueError, match="4 classes have 19 parameters"):
        latent.fit(items, 4, 1)
    with pytest.raises(ValueError, match="complete answers"):
        latent.fit(items.mask(items.index.to_series() == 3), 2, 1)
    with pytest.raises(ValueError, match="above 0"):
        latent.fit(items, 2, 1, np.zeros(len(items)))
