"""Segments that were planted, segments that are none, the classic types, and the short tool."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from growth.market import segments


def planted(seed: int, apart: float, people: int = 600) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Four even kinds, each higher by `apart` standard deviations in two of eight items; and the Bayes classifier's."""
    random = np.random.default_rng(seed)
    centres = apart * np.repeat(np.eye(4), 2, axis=1)
    kind = random.integers(0, 4, people)
    x = centres[kind] + random.standard_normal((people, 8))
    nearest = ((x[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    return x, kind, nearest


@pytest.mark.parametrize("apart", [1.5, 2.0, 3.0])
def test_planted_segments_are_found_nearly_as_well_as_by_who_knows_them(apart: float) -> None:
    got, best = [], []
    for seed in (1, 2, 3):
        x, kind, nearest = planted(seed, apart)
        found = segments.find(x, seed, pairs=2)
        assert found.structure and found.number == 4
        got.append(adjusted_rand_score(kind, found.member))
        best.append(adjusted_rand_score(kind, nearest))
    assert np.mean(got) >= 0.95 * np.mean(best)


def test_one_tied_law_is_one_segment_though_k_means_is_stable_in_it() -> None:
    random = np.random.default_rng(1)
    tied = random.normal(size=(500, 1)) + 0.5 * random.normal(size=(500, 6))
    found = segments.find(tied, 1, pairs=4)
    assert not found.structure and found.number == 1 and (found.member == 0).all()
    two = found.by_number.iloc[0]
    assert two["stability"] > 0.8 and two["null_stability"] > 0.8  # stability alone would have claimed two


def test_the_null_has_the_margins_and_correlations_of_the_answers() -> None:
    random = np.random.default_rng(2)
    root = np.array([[1, 0.8, 0, 0], [0, 0.6, 1, 0.5], [0, 0, 0.3, 0.7]])
    x = np.digitize(random.normal(size=(2000, 3)) @ root, [-1, 0, 0.3, 1]).astype(float)
    law = segments._Null(x, np.random.Generator(np.random.PCG64(1)))
    drawn = np.concatenate([law(np.random.Generator(np.random.PCG64(s))) for s in range(20)])
    assert np.corrcoef(drawn, rowvar=False) == pytest.approx(np.corrcoef(x, rowvar=False), abs=0.03)
    for j in range(4):
        shares = [np.bincount(a[:, j].astype(int), minlength=5) / len(a) for a in (drawn, x)]
        assert shares[0] == pytest.approx(shares[1], abs=0.015)


def test_the_order_of_items_and_their_units_change_nothing() -> None:
    x, _, _ = planted(4, 3.0)
    one, other = segments.find(x, 1, pairs=2), segments.find(100 * x + 7, 1, pairs=2)
    assert adjusted_rand_score(one.member, other.member) == 1
    assert (np.diff(np.bincount(one.member)) <= 0).all()  # the largest first
    assert one.centres.shape == (4, 8)


TOPICS = {f"{t}{i}": t for t in ("comfort", "look", "price", "quality") for i in (1, 2, 3)}
TURNED = [f"{t}3" for t in ("comfort", "look", "price", "quality")]


def attitudes(seed: int, people: int, lean: float) -> tuple[pd.DataFrame, np.ndarray]:
    """Answers of 1 to 5: one's own topic higher by `lean`, a yea-saying of one's own, every third item turned."""
    random = np.random.default_rng(seed)
    own = random.integers(0, 4, people)
    yes = random.normal(0, 0.5, people)[:, None]
    sign = np.array([-1 if i in TURNED else 1 for i in TOPICS])
    level = np.repeat(np.eye(4)[own], 3, axis=1) * lean * sign + yes + random.normal(size=(people, 12))
    return pd.DataFrame(np.clip(np.round(3 + level), 1, 5), columns=list(TOPICS)), own


def test_types_that_are_given_are_those_planted() -> None:
    items, own = attitudes(1, 4000, 1.6)
    found = segments.types(items, TOPICS, TURNED)
    names = np.array(["comfort", "look", "price", "quality"])[own]
    given = found.given.notna().to_numpy()
    assert (found.given[given] == names[given]).mean() >= 0.85
    assert given.mean() > 0.5 and found.reliability > 0.5


def test_nobody_is_given_a_type_where_items_have_nothing_in_common() -> None:
    none, _ = attitudes(2, 4000, 0.0)
    found = segments.types(none, TOPICS, TURNED)
    assert found.reliability < 0.05 and found.given.isna().mean() > 0.95


def test_reliability_is_the_share_of_the_scores_that_is_the_topics() -> None:
    """Topics and items are normal: of a topic's mean of three items with variance 1 about it, t / (t + 1 / 3)."""
    random = np.random.default_rng(6)
    for spread in (0.3, 1.0):
        level = np.repeat(random.normal(0, spread, (20_000, 4)), 3, axis=1)
        items = pd.DataFrame(level + random.normal(size=(20_000, 12)), columns=list(TOPICS))
        found = segments.types(items, TOPICS, [])
        assert found.reliability == pytest.approx(spread**2 / (spread**2 + 1 / 3), abs=0.02)


def test_a_turned_item_is_turned() -> None:
    items, _ = attitudes(3, 500, 1.6)
    plain = items.copy()
    plain[TURNED] = 6 - plain[TURNED]
    a, b = segments.types(items, TOPICS, TURNED), segments.types(plain, TOPICS, [])
    assert a.scores.to_numpy() == pytest.approx(b.scores.to_numpy())
    assert a.reliability > b.reliability  # turned items tell yes-saying from error


def test_the_short_tool_takes_the_items_that_tell_and_its_score_is_of_others() -> None:
    random = np.random.default_rng(5)
    member = random.integers(0, 2, 3000)
    items = pd.DataFrame(random.normal(size=(3000, 6)), columns=list("abcdef"))
    items["c"] += 2.0 * member
    items["e"] -= 2.0 * member
    tool, hits, held = segments.typing_tool(items, member, 1, most=2)
    assert set(tool) == {"c", "e"}
    assert hits / held == pytest.approx(
        0.9214, abs=0.025
    )  # of the Bayes classifier: half the distance is 1.414
    noise, hits, held = segments.typing_tool(items[["a", "b", "d"]], member, 1, most=3)
    assert len(noise) == 3 and hits / held == pytest.approx(0.5, abs=0.05)


def test_refusals() -> None:
    x, _, _ = planted(1, 2.0)
    with pytest.raises(ValueError, match="119 respondents are too few"):
        segments.find(x[:119], 1)
    with pytest.raises(ValueError, match="complete answers"):
        segments.find(np.where(np.arange(8) == 1, np.nan, x), 1)
    with pytest.raises(ValueError, match="same answer from all"):
        segments.find(np.where(np.arange(8) == 1, 3.0, x), 1)
