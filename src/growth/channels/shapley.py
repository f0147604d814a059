"""Shapley values of two games among channels, and what each of them means.

A game gives every set S of channels a value; a channel's Shapley value is what it adds to the channels before it, over
all orders in which they may come (Shapley 1953, Contributions to the Theory of Games 2:307-317). The orders are a
device of the game: neither value says what a channel causes.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial

import numpy as np

from growth.channels.paths import Counts, Credit, Floats, Ints, Paths, Plan, RefusedError, added
from growth.channels.rules import by_step, unique_weights

MOST = 22  # channels up to which all sets are counted


@dataclass(frozen=True, eq=False)
class Rates:
    """Shapley values of the game of rates.

    Parameters
    ----------
    channels : tuple of str
    conversions, value : ndarray, shape (K,)
        What a channel adds to the conversion rate, and to the value a path; they add up to those of all paths.
    sets : int
        Sets of channels, the empty one not counted.
    seen : int
        Sets that are exactly those of a path.
    empty : int
        Sets within which no path lies: their value is not known and taken as 0.
    """

    channels: tuple[str, ...]
    conversions: Floats
    value: Floats
    sets: int
    seen: int
    empty: int

    @property
    def negative(self) -> tuple[str, ...]:
        """Channels that lower the rate of conversion."""
        return tuple(c for c, own in zip(self.channels, self.conversions, strict=True) if own < 0)

    @property
    def negative_value(self) -> tuple[str, ...]:
        """Channels that lower the value a path."""
        return tuple(c for c, own in zip(self.channels, self.value, strict=True) if own < 0)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before reading the values, a sentence each."""
        found = []
        if self.seen < self.sets:
            found.append(f"{self.sets - self.seen:,} of {self.sets:,} sets of channels are those of no path")
        if self.empty:
            found.append(f"{self.empty:,} sets have no path within them, and count as converting nobody")
        if self.negative:
            found.append(f"fewer conversions than none for {', '.join(self.negative)}")
        if self.negative_value:
            found.append(f"less value than none for {', '.join(self.negative_value)}")
        return tuple(found)


def total(paths: Paths) -> Credit:
    """Return Shapley values of the game of totals: v(S) is the conversions of paths with no channel outside S.

    A path then gives the same to each of its channels, whatever other paths did: this is `rules.unique_linear`, in
    closed form (Zhao, Mahboobi and Bagheri 2018, arXiv:1804.05327, theorem 1). Paths without conversion do not
    matter, so it counts presence and measures no success.
    """
    return plan_total(paths)(paths.counts)


def rate(paths: Paths) -> Credit:
    """Return credit by Shapley values of the game of rates; see `rates`. Credit may be below 0, and then says so.

    Parameters
    ----------
    paths : Paths

    Raises
    ------
    RefusedError
        If there are more than 22 channels.
    """
    return plan_rate(paths)(paths.counts)


def plan_total(paths: Paths) -> Plan:
    """Make `total` ready; see `growth.channels.paths.Plan`."""
    return by_step(paths, "Shapley, total", unique_weights(paths))


def plan_rate(paths: Paths) -> Plan:
    """Make `rate` ready."""
    sets = _sets(paths)

    def credit(counts: Counts) -> Credit:
        own = _rates(paths.channels, sets, counts)
        many = float((counts.conversions + counts.nulls).sum())
        return Credit("Shapley, rate", paths.channels, own.conversions * many, own.value * many, own.warnings)

    return credit


def rates(paths: Paths) -> Rates:
    """Return Shapley values of the game of rates: v(S) is the share of paths with no channel outside S that converts.

    It compares those who met different sets of channels. Who meets what is not by lot, so a channel shown to people
    about to buy looks good, one shown to everyone may come out below 0. Sets without a path count as 0, which favours
    whoever joins them; `Rates.warnings` says how many there are.

    Parameters
    ----------
    paths : Paths

    Raises
    ------
    RefusedError
        If there are more than 22 channels.

    Notes
    -----
    Sums over subsets by the zeta transform, K 2^K additions (Yates 1937).
    """
    return _rates(paths.channels, _sets(paths), paths.counts)


def _sets(paths: Paths) -> Ints:
    """Return each path's set of channels as the bits of a number."""
    if len(paths.channels) > MOST:
        raise RefusedError(
            f"With {len(paths.channels)} channels there are too many sets to count, at most {MOST} will do: put rare "
            "channels together, or use the game of totals."
        )
    bit = np.left_shift(1, np.arange(len(paths.channels)))
    return np.asarray(np.bitwise_or.reduceat(bit[paths.codes], paths.offsets[:-1]))


def _rates(channels: tuple[str, ...], sets: Ints, counts: Counts) -> Rates:
    size = 1 << len(channels)
    every = counts.conversions + counts.nulls
    exact = added(sets, every, size)
    within = _zeta(exact)
    found = []
    for outcome in (counts.conversions, counts.value):
        own = _zeta(added(sets, outcome, size))
        found.append(_values(np.divide(own, within, out=np.zeros(size), where=within > 0)))
    # The empty set is counted by neither.
    seen, empty = int((exact > 0).sum()), int((within <= 0).sum()) - 1
    return Rates(channels, found[0], found[1], size - 1, seen, empty)


def _zeta(exact: Floats) -> Floats:
    """Return the sum over the subsets of each set."""
    found = np.array(exact, float)
    for i in range(len(found).bit_length() - 1):
        pairs = found.reshape(-1, 2, 1 << i)
        pairs[:, 1] += pairs[:, 0]
    return found


def _values(game: Floats) -> Floats:
    """Return the Shapley values of a game on all sets."""
    k = len(game).bit_length() - 1
    weights = np.array([factorial(s) * factorial(k - s - 1) / factorial(k) for s in range(k)] + [0.0])
    weight = weights[np.bitwise_count(np.arange(len(game), dtype=np.uint32))]
    found = np.empty(k)
    for i in range(k):
        worth, common = game.reshape(-1, 2, 1 << i), weight.reshape(-1, 2, 1 << i)
        found[i] = float(((worth[:, 1] - worth[:, 0]) * common[:, 0]).sum())
    return found
