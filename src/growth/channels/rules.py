"""Rules that give a conversion to the steps before it by their place: first, last, shared, by position, by time.

None of them asks what would have happened without a channel; they say who was there, not what each brought.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from growth.channels.paths import Counts, Credit, Floats, Ints, Paths, Plan, RefusedError, added

DIRECT = "direct"


def first(paths: Paths) -> Credit:
    """Give all to the first step."""
    return plan_first(paths)(paths.counts)


def last(paths: Paths) -> Credit:
    """Give all to the last step."""
    return plan_last(paths)(paths.counts)


def last_non_direct(paths: Paths, direct: str = DIRECT) -> Credit:
    """Give all to the last step of another channel than `direct`; to `direct` where a path has no other."""
    return plan_last_non_direct(paths, direct)(paths.counts)


def linear(paths: Paths) -> Credit:
    """Give each step the same: a channel that comes twice gets two parts."""
    return plan_linear(paths)(paths.counts)


def unique_linear(paths: Paths) -> Credit:
    """Give each channel of a path the same, however often it comes."""
    return plan_unique_linear(paths)(paths.counts)


def position(paths: Paths, first: float = 0.4, last: float = 0.4) -> Credit:
    """Give the first and the last step their weights, and the rest to the steps between, in equal parts.

    Parameters
    ----------
    paths : Paths
    first, last : float
        At least 0, together at most 1. A single step gets all; two steps share in the proportion ``first : last``
        (equally if both are 0).

    Raises
    ------
    RefusedError
        If a weight is negative or both are above 1.
    """
    return plan_position(paths, first, last)(paths.counts)


def time_decay(paths: Paths, half_life: float = 168.0) -> Credit:
    """Give a step half as much as one that came `half_life` hours later, the end of the path being the clock.

    Raises
    ------
    RefusedError
        If the half-life is not positive or the paths have no times.
    """
    return plan_time_decay(paths, half_life)(paths.counts)


def plan_first(paths: Paths) -> Plan:
    """Make `first` ready; see `growth.channels.paths.Plan`."""
    return _whole(paths, "first", paths.offsets[:-1])


def plan_last(paths: Paths) -> Plan:
    """Make `last` ready."""
    return _whole(paths, "last", paths.offsets[1:] - 1)


def plan_last_non_direct(paths: Paths, direct: str = DIRECT) -> Plan:
    """Make `last_non_direct` ready."""
    ends = paths.offsets[1:] - 1
    if direct not in paths.channels:
        return _whole(paths, "last non-direct", ends)
    other = paths.codes != paths.channels.index(direct)
    at = np.where(other, np.arange(len(paths.codes)), -1)
    latest = np.maximum.reduceat(at, paths.offsets[:-1])
    return _whole(paths, "last non-direct", np.where(latest >= 0, latest, ends))


def plan_linear(paths: Paths) -> Plan:
    """Make `linear` ready."""
    return by_step(paths, "linear", np.repeat(1 / paths.lengths, paths.lengths))


def plan_unique_linear(paths: Paths) -> Plan:
    """Make `unique_linear` ready."""
    return by_step(paths, "unique linear", unique_weights(paths))


def unique_weights(paths: Paths) -> Floats:
    """Return what each step gets of its path if each channel of the path gets the same, shape (T,)."""
    k = len(paths.channels)
    pair = paths.path_of * k + paths.codes
    at = np.arange(len(pair))
    seen = np.full(len(paths.lengths) * k, -1, dtype=np.int64) if len(paths.lengths) * k <= 1 << 27 else None
    if seen is not None:
        seen[pair[::-1]] = at[::-1]  # the first step of each pair is written last
        leading = seen[pair] == at
    else:
        leading = np.zeros(len(pair), bool)
        leading[np.unique(pair, return_index=True)[1]] = True
    many = np.add.reduceat(leading.astype(np.int64), paths.offsets[:-1])
    return np.where(leading, np.repeat(1 / many, paths.lengths), 0.0)


def plan_position(paths: Paths, first: float = 0.4, last: float = 0.4) -> Plan:
    """Make `position` ready."""
    if not (first >= 0 and last >= 0 and first + last <= 1):
        raise RefusedError(
            f"The weights of the first and last step must be at least 0 and together at most 1, "
            f"not {first:g} and {last:g}."
        )
    n = paths.lengths
    both = first + last
    starts, ends = (first / both, last / both) if both else (0.5, 0.5)
    share = np.repeat((1 - both) / np.maximum(n - 2, 1), n)
    share[paths.offsets[:-1]] = np.where(n > 2, first, starts)
    share[paths.offsets[1:] - 1] = np.where(n > 2, last, np.where(n == 2, ends, 1.0))
    return by_step(paths, f"position {first:g}, {last:g}", share)


def plan_time_decay(paths: Paths, half_life: float = 168.0) -> Plan:
    """Make `time_decay` ready."""
    if not 0 < half_life < np.inf:
        raise RefusedError(f"A half-life must be a positive number of hours, not {half_life:g}.")
    if paths.last_hours is None:
        raise RefusedError("These paths have no times, so credit cannot fade with time: use another rule.")
    starts = paths.offsets[:-1]
    nearest = np.repeat(np.minimum.reduceat(paths.last_hours, starts), paths.lengths)
    weight = np.exp2((nearest - paths.last_hours) / half_life)  # the latest step weighs 1: no path fades to 0
    share = weight / np.repeat(np.add.reduceat(weight, starts), paths.lengths)
    return by_step(paths, f"time decay, half in {half_life:g} h", share)


def _whole(paths: Paths, method: str, step: Ints) -> Plan:
    codes, k = paths.codes[step], len(paths.channels)

    def credit(counts: Counts) -> Credit:
        return Credit(
            method, paths.channels, added(codes, counts.conversions, k), added(codes, counts.value, k)
        )

    return credit


def by_step(paths: Paths, method: str, share: Floats) -> Plan:
    """Return the plan of a method that gives each step a fixed share of its path, shape (T,)."""
    codes, lengths, k = paths.codes, paths.lengths, len(paths.channels)

    def credit(counts: Counts) -> Credit:
        won = added(codes, np.repeat(counts.conversions, lengths) * share, k)
        return Credit(method, paths.channels, won, added(codes, np.repeat(counts.value, lengths) * share, k))

    return credit


RULES: dict[str, Callable[[Paths], Plan]] = {
    "first": plan_first,
    "last": plan_last,
    "last non-direct": plan_last_non_direct,
    "linear": plan_linear,
    "unique linear": plan_unique_linear,
    "position": plan_position,
    "time decay": plan_time_decay,
}
