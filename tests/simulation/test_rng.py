"""The generator: known values, the distribution it claims, and no draw that moves another."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from growth.simulation.rng import Draws, pick_from, purpose_key, splitmix64


def test_splitmix64_gives_the_published_values() -> None:
    """First outputs of Vigna's splitmix64.c from the state 1234567 (as in the JDK's and NumPy's tests)."""
    golden = 0x9E3779B97F4A7C15
    states = [(1234567 + k * golden) % 2**64 for k in range(5)]
    wanted = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert splitmix64(np.array(states, dtype=np.uint64)).tolist() == wanted


def by_hand(seed: int, purpose: str, person: int, n: int) -> float:
    """The definition in whole numbers of Python, which do not wrap around by themselves."""
    word, golden = 2**64, 0x9E3779B97F4A7C15

    def mix(z: int) -> int:
        z = (z + golden) % word
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % word
        z = (z ^ z >> 27) * 0x94D049BB133111EB % word
        return z ^ z >> 31

    first = mix((int(purpose_key(seed, purpose)) + person * golden) % word)
    return (mix((first + n * golden) % word) >> 12) * 2.0**-52 + 2.0**-53


@pytest.mark.parametrize(("person", "n"), [(0, 0), (1, 0), (0, 1), (123_456, 18_300 * 2 + 1), (10**7, 2**40)])
def test_a_draw_is_its_definition(person: int, n: int) -> None:
    assert Draws(20260101).uniform("visit", person, n)[0] == by_hand(20260101, "visit", person, n)


def test_uniforms_are_uniform_in_each_direction() -> None:
    draws = Draws(1)
    for person, n in (
        (np.arange(100_000), 5),
        (5, np.arange(100_000)),
        (np.arange(100_000) % 317, np.arange(100_000)),
    ):
        counts = np.bincount((draws.uniform("hour", person, n) * 128).astype(int), minlength=128)
        assert 0.001 < stats.chisquare(counts).pvalue < 0.999


def test_purposes_persons_and_numbers_are_independent() -> None:
    draws, person = Draws(2), np.arange(200_000)
    a = draws.uniform("visit", person, 3)
    for b in (
        draws.uniform("errand", person, 3),
        draws.uniform("visit", person, 4),
        draws.uniform("visit", person + 1, 3),
        Draws(3).uniform("visit", person, 3),
    ):
        table = np.histogram2d(a, b, bins=16, range=[[0, 1], [0, 1]])[0]
        assert 0.001 < stats.chisquare(table.ravel()).pvalue < 0.999
        assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(person.size)


def test_normals_exponentials_and_gumbels_have_their_distribution() -> None:
    draws, person = Draws(4), np.arange(50_000)
    assert stats.kstest(draws.normal("x", person), "norm").pvalue > 0.001
    assert stats.kstest(draws.exponential("x", person), "expon").pvalue > 0.001
    assert stats.kstest(draws.gumbel("x", person), "gumbel_r").pvalue > 0.001


def test_a_chunk_cannot_change_a_number() -> None:
    draws = Draws(5)
    whole = draws.uniform("tier", np.arange(1_000)[:, None], np.arange(7)[None, :])
    parts = [
        draws.uniform("tier", np.arange(k, k + 250)[:, None], np.arange(7)[None, :])
        for k in range(0, 1000, 250)
    ]
    assert np.array_equal(whole, np.concatenate(parts))


def test_the_ends_are_never_reached() -> None:
    lowest, highest = 2.0**-53, (2**52 - 1) * 2.0**-52 + 2.0**-53
    assert lowest > 0 and highest < 1
    assert np.isfinite(-np.log(-np.log([lowest, highest]))).all()


def test_picking_follows_the_weights() -> None:
    u = Draws(6).uniform("pick", np.arange(60_000))
    weights = np.array([[1.0, 2.0, 0.0, 5.0], [3.0, 1.0, 1.0, 1.0]])
    for row in (0, 1):
        one = pick_from(weights, row, u)
        same = pick_from(weights, np.full(u.size, row), u)
        assert np.array_equal(one, same)
        share = weights[row] / weights[row].sum()
        counts = np.bincount(one, minlength=4)
        assert stats.chisquare(counts[share > 0], (share * u.size)[share > 0]).pvalue > 0.001
        assert (counts[share == 0] == 0).all()
