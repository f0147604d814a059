"""Paths of channels as one array of codes: what every click-path method reads, and the credit that it returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from growth.errors import UserError

SEPARATOR = " > "
Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.float64]


class RefusedError(UserError, ValueError):
    """What a method refuses: a sentence for the user, which a page may say and go on."""


@dataclass(frozen=True, eq=False)
class Counts:
    """What came of each path.

    Parameters
    ----------
    conversions, value, nulls : ndarray, shape (P,)
        Times a path ended in a conversion, the value of these conversions, times it ended without one.
    """

    conversions: Floats
    value: Floats
    nulls: Floats


@dataclass(frozen=True, eq=False)
class Paths:
    """Distinct paths and how often each ended in what.

    Parameters
    ----------
    codes : ndarray of int, shape (T,)
        The channels of all steps, path after path, as places in `channels`.
    offsets : ndarray of int, shape (P + 1,)
        Path p has the steps ``codes[offsets[p]:offsets[p + 1]]``, at least one.
    channels : tuple of str
        Names, sorted.
    counts : Counts
    last_hours : ndarray, shape (T,), optional
        Hours from a step to the end of its path.
    cluster : ndarray of int, shape (P,), optional
        The group of people that a row is of, from 0; rows of one group are drawn together.
    """

    codes: Ints
    offsets: Ints
    channels: tuple[str, ...]
    counts: Counts
    last_hours: Floats | None = None
    cluster: Ints | None = None

    @property
    def lengths(self) -> Ints:
        """Steps of each path, shape (P,)."""
        return np.diff(self.offsets)

    @property
    def path_of(self) -> Ints:
        """The path of each step, shape (T,)."""
        return np.repeat(np.arange(len(self.offsets) - 1), self.lengths)

    def with_counts(self, counts: Counts) -> Paths:
        """Return the same paths with other counts."""
        return replace(self, counts=counts)


@dataclass(frozen=True, eq=False)
class Credit:
    """What a method gives each channel.

    Parameters
    ----------
    method : str
    channels : tuple of str
    conversions, value : ndarray, shape (K,)
        They add up to all conversions and all value.
    warnings : tuple of str
        What to know before reading them.
    """

    method: str
    channels: tuple[str, ...]
    conversions: Floats
    value: Floats
    warnings: tuple[str, ...] = ()

    @property
    def shares(self) -> Floats:
        """Shares of conversions, shape (K,)."""
        return self.conversions / self.conversions.sum()

    @property
    def value_shares(self) -> Floats:
        """Shares of value, shape (K,); zeros where there is no value."""
        total = self.value.sum()
        return self.value / total if total else np.zeros_like(self.value)


Plan = Callable[[Counts], Credit]
"""A method made ready for some paths: what hangs on the paths alone is done, counts may change."""


def from_table(frame: pd.DataFrame) -> Paths:
    """Return the paths of a table with a row a path.

    Parameters
    ----------
    frame : DataFrame
        ``path`` (channels, first to last, separated by ' > '; a name may hold '>' without spaces around), and
        ``conversions``; optional ``value`` and ``nulls`` (0 if not there), ``cluster`` (whole number; rows of one
        cluster are of the same people), ``hours`` (from each step to the end, as many numbers as steps, separated by
        spaces). Rows of one path (and cluster) are added up, unless there are hours.

    Raises
    ------
    RefusedError
        If a path or the name of a channel is empty, a number is missing, infinite or negative, a value comes without a
        conversion, or there is no conversion at all.
    """
    _need(frame, ("path", "conversions"))
    counts = _counts(frame)
    text = _text(frame["path"])
    if text.null_count or len(pc.unique(text)) == 0:
        raise RefusedError("A path is missing: give every row of the path table its channels.")
    hours, cluster = frame.get("hours"), _cluster(frame)
    if hours is None:
        text, counts, cluster = _merged(text, counts, cluster)
    split = pc.split_pattern(text, SEPARATOR)
    codes, names = _coded(split.values.dictionary_encode())
    offsets = split.offsets.to_numpy()
    since = None if hours is None else _hours(hours, np.diff(offsets))
    return checked(Paths(codes, offsets.astype(np.int64), names, counts, since, cluster))


def from_touches(touches: pd.DataFrame, outcomes: pd.DataFrame) -> Paths:
    """Return the paths of a table with a row a touch.

    Parameters
    ----------
    touches : DataFrame
        ``path_id, position`` (of a touch in its path, any rising numbers), ``channel``; optional ``hours`` (before the
        end of the path).
    outcomes : DataFrame
        ``path_id`` (once each), ``conversions``; optional ``value, nulls, cluster``.

    Raises
    ------
    RefusedError
        As `from_table`; or if a path has no touch, a touch no outcome, or two touches of a path one position.
    """
    _need(touches, ("path_id", "position", "channel"))
    _need(outcomes, ("path_id", "conversions"))
    ids = pd.Index(outcomes["path_id"])
    if ids.has_duplicates:
        raise RefusedError("Two outcomes have one path_id: add them up first.")
    path = ids.get_indexer(touches["path_id"])
    if (path < 0).any():
        raise RefusedError(f"{int((path < 0).sum())} touches are of a path without an outcome: add its row.")
    order = np.lexsort((touches["position"].to_numpy(), path))
    path, position = path[order], touches["position"].to_numpy()[order]
    if ((path[1:] == path[:-1]) & (position[1:] == position[:-1])).any():
        raise RefusedError("Two touches of a path have one position: number them in the order of time.")
    named = _text(touches["channel"].iloc[order])
    if named.null_count:
        raise RefusedError("A touch has no channel: name it, or leave the touch out.")
    codes, names = _coded(named.dictionary_encode())
    offsets = np.concatenate([[0], np.cumsum(np.bincount(path, minlength=len(ids)))])
    hours = touches["hours"].to_numpy(float)[order] if "hours" in touches else None
    return checked(Paths(codes, offsets, names, _counts(outcomes), hours, _cluster(outcomes)))


def checked(paths: Paths) -> Paths:
    """Return the paths if they are what `Paths` says, else refuse them with a sentence."""
    empty = [n for n in paths.channels if not n or n.startswith("> ") or n.endswith(" >")]
    if empty or not len(paths.codes) or (paths.lengths < 1).any():
        raise RefusedError(
            "A path is empty or has a step without a name: channels are separated by ' > ', each has a name."
        )
    if paths.last_hours is not None and not (
        np.isfinite(paths.last_hours).all() and (paths.last_hours >= 0).all()
    ):
        raise RefusedError("Hours before the end of a path must be numbers of at least 0.")
    if not paths.counts.conversions.any():
        raise RefusedError("No path ended in a conversion, so there is nothing to give credit for.")
    return paths


def added(group: Ints, weight: Floats, groups: int) -> Floats:
    """Return the sum of weights of each group, shape (groups,), in the order of rows."""
    return np.asarray(np.bincount(group, weight, minlength=groups), float)


def _need(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    missing = [c for c in columns if c not in frame]
    if missing:
        raise RefusedError(f"The table of paths has no column {', '.join(missing)}.")
    if not len(frame):
        raise RefusedError("The table of paths has no row.")


def _counts(frame: pd.DataFrame) -> Counts:
    found = {}
    for name in ("conversions", "value", "nulls"):
        own = frame[name].to_numpy(float) if name in frame else np.zeros(len(frame))
        if not np.isfinite(own).all():
            raise RefusedError(f"The column {name} of the path table has a missing or infinite number.")
        if (own < 0).any():
            raise RefusedError(f"The column {name} of the path table has a negative number.")
        found[name] = own
    if (found["value"][found["conversions"] == 0] > 0).any():
        raise RefusedError("A path has a value and no conversion: a value is that of conversions.")
    return Counts(**found)


def _text(column: pd.Series) -> pa.Array:
    """Return a column as one array of text."""
    try:
        made = pa.array(column, pa.large_string())
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        raise RefusedError(f"The column {column.name} of the path table must be text.") from None
    return made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made


def _cluster(frame: pd.DataFrame) -> Ints | None:
    if "cluster" not in frame:
        return None
    if frame["cluster"].isna().any():
        raise RefusedError("A path has no cluster: number the groups of people.")
    return np.asarray(pd.factorize(frame["cluster"], sort=True)[0])


def _merged(text: pa.Array, counts: Counts, cluster: Ints | None) -> tuple[pa.Array, Counts, Ints | None]:
    """Add up rows of one text (and cluster); the first of them keeps its place."""
    coded = text.dictionary_encode()
    if len(coded.dictionary) == len(text):
        return text, counts, cluster
    key = coded.indices.to_numpy().astype(np.int64)
    if cluster is not None:
        key = key * (int(cluster.max()) + 1) + cluster
    group, keys = pd.factorize(key)
    own = (added(group, w, len(keys)) for w in (counts.conversions, counts.value, counts.nulls))
    together = Counts(*own)
    if cluster is not None:
        cluster = keys % (int(cluster.max()) + 1)
        keys = keys // (int(cluster.max()) + 1)
    return coded.dictionary.take(pa.array(keys)), together, cluster


def _coded(steps: pa.DictionaryArray) -> tuple[Ints, tuple[str, ...]]:
    """Return each step's place among the sorted names, spaces around a name taken off."""
    names, place = np.unique([n.strip() for n in steps.dictionary.to_pylist()], return_inverse=True)
    kind = np.min_scalar_type(len(names))
    return place.astype(kind)[steps.indices.to_numpy()], tuple(str(n) for n in names)


def _hours(text: pd.Series, lengths: Ints) -> Floats:
    split = pc.split_pattern(_text(text), " ")
    if split.null_count or (np.diff(split.offsets.to_numpy()) != lengths).any():
        raise RefusedError("A path has not as many hours as steps: one number a step, separated by spaces.")
    try:
        return np.asarray(split.values.cast("float64").to_numpy(), float)
    except pa.ArrowInvalid:
        raise RefusedError("The hours of a path are not all numbers.") from None
