"""Removal effects against a dense inverse written plainly, published numbers, and known orders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from growth.channels import markov
from growth.channels.paths import Paths, RefusedError, from_table
from tests.channels import reference
from tests.channels.hand import public, simulated, steps, table, tiny


def dense(paths: Paths, order: int) -> tuple[float, np.ndarray, np.ndarray]:
    """Return P(conversion) and both removal effects by the definition, states in a dictionary, one inverse each."""
    counts = paths.counts
    edges: dict[tuple[object, object], float] = {}
    value: dict[object, float] = {}
    for p, s in enumerate(steps(paths)):
        grams = [tuple(s[i : i + order]) for i in range(max(len(s) - order + 1, 1))]
        grams = [g for i, g in enumerate(grams) if not i or g != grams[i - 1]]
        weight = counts.conversions[p] + counts.nulls[p]
        chain: list[object] = ["start", *grams]
        for pair in zip(chain[:-1], chain[1:], strict=True):
            edges[pair] = edges.get(pair, 0) + weight
        for end, n in (("won", counts.conversions[p]), ("lost", counts.nulls[p])):
            edges[grams[-1], end] = edges.get((grams[-1], end), 0) + n
        value[grams[-1]] = value.get(grams[-1], 0) + counts.value[p]
    states = sorted({a for pair in edges for a in pair if a not in ("start", "won", "lost")}, key=str)
    out = {a: sum(n for (s, _t), n in edges.items() if s == a) for a in ["start", *states]}

    def reached(without: int | None) -> tuple[float, float]:
        kept = ["start", *(s for s in states if without is None or without not in s)]  # type: ignore[operator]
        q = np.array(
            [[edges.get((a, b), 0) / out[a] if out[a] else 0.0 for b in kept] for a in kept], dtype=float
        )
        visits = np.linalg.inv(np.eye(len(kept)) - q)[0]
        won = [edges.get((a, "won"), 0) / out[a] if out[a] else 0.0 for a in kept]
        earned = [value.get(a, 0) / out[a] if out[a] else 0.0 for a in kept]
        return float(visits @ won), float(visits @ earned)

    whole = reached(None)
    lost = np.array([reached(c) for c in range(len(paths.channels))])
    effects = 1 - lost / np.where(np.array(whole) > 0, whole, 1)
    return whole[0], effects[:, 0], effects[:, 1]


@pytest.mark.parametrize("method", ["as it is", "steps summed", "sparse"])
def test_two_hundred_tiny_tables(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if method != "as it is":
        monkeypatch.setattr(markov, "_DENSE", 0)
    if method == "sparse":
        monkeypatch.setattr(markov, "_STEPS", 1)
    worst = 0.0
    for seed in range(200):
        own, order = tiny(seed), seed % 3 + 1
        rate, effect, value = dense(own, order)
        found = markov.removal(own, order)
        value = value if own.counts.value.any() else found.value_effect
        worst = max(
            worst, abs(found.rate - rate), *abs(found.effect - effect), *abs(found.value_effect - value)
        )
    assert worst <= 1e-10


def test_by_hand() -> None:
    """a > b converts once in two, a once in two: of the start all go to a, half on to b."""
    own = markov.removal(table(("a > b", 1, 1.0, 1), ("a", 1, 3.0, 1)))
    assert own.rate == pytest.approx(0.5)
    assert own.effect == pytest.approx([1, 0.5])
    assert own.value_effect == pytest.approx([1, 0.25])


def test_repeats_change_nothing_at_order_one() -> None:
    once = table(("a > b", 1, 2.0, 1), ("b > a > b", 2, 3.0, 5))
    again = table(("a > a > a > b > b", 1, 2.0, 1), ("b > a > a > b", 2, 3.0, 5))
    assert markov.markov(once).conversions == pytest.approx(markov.markov(again).conversions, abs=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_the_public_table(datasets: Path, order: int) -> None:
    own = public(datasets)
    found, credit = markov.removal(own, order), markov.markov(own, order)
    states, transitions, effect, conversions, value_effect, value = reference.MARKOV[order]
    assert (found.states, found.transitions) == (states, transitions)
    assert found.rate == pytest.approx(19785 / 88387, abs=1e-12)
    np.testing.assert_allclose(found.effect, effect, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.value_effect, value_effect, rtol=0, atol=1e-9)
    np.testing.assert_allclose(credit.conversions, conversions, rtol=0, atol=1e-9)
    np.testing.assert_allclose(credit.value, value, rtol=0, atol=1e-9)
    assert credit.conversions.sum() == pytest.approx(19785, abs=1e-9)
    assert markov.markov(own, order).value.tobytes() == credit.value.tobytes()


def test_refusals() -> None:
    with pytest.raises(RefusedError, match="from 1"):
        markov.removal(table(("a", 1)), 0)
    wide = table(*((f"c{i}", 1) for i in range(1000)))
    with pytest.raises(RefusedError, match="too many states"):
        markov.markov(wide, 7)
    with pytest.raises(RefusedError, match="two paths"):
        markov.choose_order(table(("a", 1)), seed=1)


def test_paths_that_never_occurred_change_nothing() -> None:
    own = table(("a > b", 1, 1.0, 1), ("a", 1, 3.0, 1), ("c > a", 0, 0.0, 0))
    found = markov.removal(own)
    assert found.effect == pytest.approx([1, 0.5, 0])
    assert (found.states, found.transitions) == (2, 1)


@pytest.mark.parametrize("order", [1, 2])
def test_the_order_of_a_simulated_chain_is_found(order: int) -> None:
    chosen = [markov.choose_order(simulated(order, seed, 10_000), seed=1).best for seed in range(10)]
    assert chosen == [order] * 10


def test_the_likelihood_is_that_of_a_plain_walk() -> None:
    """Two folds, every held-out step's probability counted by hand from the other fold's steps."""
    own = simulated(2, 3, 60, channels=3)
    fold = markov._folds(own, 7, 2)
    found = markov.choose_order(own, seed=7, most=3, folds=2)
    k, counts = len(own.channels), own.counts
    events = []
    for p, s in enumerate(steps(own)):
        for i, c in enumerate(s):
            events.append((p, s[:i], c, counts.conversions[p] + counts.nulls[p]))
        events += [(p, s, k, counts.conversions[p]), (p, s, k + 1, counts.nulls[p])]
    for order in (1, 2, 3):
        total = 0.0
        for p, before, step, weight in events:
            h = min(order, len(before))
            context = before[len(before) - h :]
            same = [
                (c, w)
                for q, b, c, w in events
                if fold[q] != fold[p] and (len(b) >= h if h else not b) and b[len(b) - h :] == context
            ]
            hit = sum(w for c, w in same if c == step) + 0.5
            total += weight * np.log(hit / (sum(w for _c, w in same) + 0.5 * (k + 2)))
        assert found.likelihood[order - 1] == pytest.approx(total / sum(e[3] for e in events), abs=1e-12)


def test_the_public_table_asks_for_order_two(datasets: Path) -> None:
    """Not for order 1, as contexts that begin with the path say: those lose all that a short path's end is known by."""
    chosen = [markov.choose_order(public(datasets), seed) for seed in range(3)]
    assert [c.best for c in chosen] == [2, 2, 2]
    assert all(c.likelihood[1] - c.likelihood[0] > 0.04 for c in chosen)


def test_people_on_one_side_only() -> None:
    frame = pd.DataFrame(
        dict(path=["a", "a > b", "a", "b"] * 3, conversions=1, nulls=1, cluster=[0] * 6 + [1] * 6)
    )
    own = from_table(frame)
    assert own.cluster is not None
    fold = markov._folds(own, 1, 10)
    assert len(set(fold[own.cluster == 0])) == 1 and len(set(fold)) == 2
