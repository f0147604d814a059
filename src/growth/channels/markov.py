"""Removal effects of a Markov chain of any order, exact, and the order that held-out paths ask for.

A chain of order k has as states the sliding k-grams of a path (the whole path if it is shorter), equal states in a row
taken as one. A transition weighs as often as its paths occurred. Removing a channel sends every state that holds it to
"no conversion"; the conversions then lost are its removal effect (Anderl, Becker, von Wangenheim and Schumann 2016,
International Journal of Research in Marketing 33:457-474). It says what the chain would lose, not what the shop would:
who is shown an ad and who buys may have causes in common.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.random import PCG64, Generator
from scipy import sparse
from scipy.sparse.linalg import splu

from growth.channels.paths import Counts, Credit, Floats, Ints, Paths, Plan, RefusedError, added

_LEFT = 1e-15  # probability of still being under way at which the sum over steps is complete
_STEPS = 3_000
_DENSE = 64  # states up to which systems are solved directly
_CELLS = 1 << 22  # codes up to which a table of all beats sorting


@dataclass(frozen=True, eq=False)
class Chain:
    """The states and transitions of paths, without their weights.

    Parameters
    ----------
    order : int
    holds : ndarray of bool, shape (S, K)
        Whether a state holds a channel.
    first, last : ndarray of int, shape (P,)
        The states in which each path begins and ends.
    edge : ndarray of int, shape (M,)
        The kind of each transition, as a place in `source` and `target`.
    edge_path : ndarray of int, shape (M,)
        Its path.
    source, target : ndarray of int, shape (E,)
        The states of each kind of transition, sorted.
    """

    order: int
    holds: np.ndarray
    first: Ints
    last: Ints
    edge: Ints
    edge_path: Ints
    source: Ints
    target: Ints


@dataclass(frozen=True, eq=False)
class Removal:
    """What removing each channel does to a chain.

    Parameters
    ----------
    channels : tuple of str
    order, states, transitions : int
        Transitions count the kinds that occur, from the start and into both ends not counted.
    rate : float
        Probability of a conversion; that of the paths, as it must be.
    effect, value_effect : ndarray, shape (K,)
        Share of conversions, and of value, lost without the channel.
    """

    channels: tuple[str, ...]
    order: int
    states: int
    transitions: int
    rate: float
    effect: Floats
    value_effect: Floats


@dataclass(frozen=True)
class Order:
    """The order that predicts held-out paths best.

    Parameters
    ----------
    best : int
    likelihood : tuple of float
        Held-out log-likelihood a step (the end counts as one), of orders 1, 2, …
    folds : int
    """

    best: int
    likelihood: tuple[float, ...]
    folds: int


def markov(paths: Paths, order: int = 1) -> Credit:
    """Give credit in proportion to removal effects.

    Parameters
    ----------
    paths : Paths
    order : int

    Raises
    ------
    RefusedError
        If the order is below 1, or so high that states cannot be numbered.
    """
    return plan(paths, order)(paths.counts)


def removal(paths: Paths, order: int = 1) -> Removal:
    """Return the removal effects themselves; parameters and errors as `markov`."""
    found = chain(paths, order)
    return effects(found, paths.channels, paths.counts)


def plan(paths: Paths, order: int = 1) -> Plan:
    """Make `markov` ready; see `growth.channels.paths.Plan`."""
    found = chain(paths, order)

    def credit(counts: Counts) -> Credit:
        own = effects(found, paths.channels, counts)
        parts = (
            _in_proportion(own.effect, counts.conversions.sum()),
            _in_proportion(own.value_effect, counts.value.sum()),
        )
        return Credit(f"Markov, order {order}", paths.channels, *parts)

    return credit


def _in_proportion(effect: Floats, total: float) -> Floats:
    whole = effect.sum()
    return effect * (total / whole) if whole > 0 else np.zeros_like(effect)


def chain(paths: Paths, order: int) -> Chain:
    """Return the states of paths and the transitions between them."""
    k = len(paths.channels)
    _check_order(order, k)
    gram, path = _grams(paths, order)
    fresh = np.ones(len(gram), bool)
    fresh[1:] = (gram[1:] != gram[:-1]) | (path[1:] != path[:-1])
    gram, path = gram[fresh], path[fresh]
    state, codes = _numbered(gram, (k + 1) ** order)
    stays = path[1:] == path[:-1]
    pair = state[:-1][stays] * len(codes) + state[1:][stays]
    edge, pairs = _numbered(pair, len(codes) ** 2)
    bounds = np.concatenate([[True], ~stays])
    return Chain(
        order, _holds(codes, k, order), state[bounds], state[np.concatenate([~stays, [True]])], edge,
        path[1:][stays], pairs // len(codes), pairs % len(codes),
    )  # fmt: skip


def _check_order(order: int, channels: int) -> None:
    if order < 1:
        raise RefusedError(f"The order of a chain is a whole number from 1, not {order}.")
    if (channels + 1) ** order >= 2**62:
        raise RefusedError(f"Order {order} has too many states with {channels} channels: take a lower one.")


def _grams(paths: Paths, order: int) -> tuple[Ints, Ints]:
    """Return the k-grams of all paths as numbers to the base K + 1, channels from 1, and each one's path."""
    base, lengths = len(paths.channels) + 1, paths.lengths
    one = paths.codes.astype(np.int64) + 1
    if order == 1:
        return one, paths.path_of
    place = np.arange(len(one)) - np.repeat(paths.offsets[:-1], lengths)
    gram = one.copy()
    for lag in range(1, order):
        gram[lag:] += np.where(place[lag:] >= lag, one[:-lag] * base**lag, 0)
    kept = place >= order - 1
    kept[paths.offsets[1:] - 1] = True  # the whole of a path that is shorter
    return gram[kept], np.repeat(np.arange(len(lengths)), np.maximum(lengths - order + 1, 1))


def _numbered(codes: Ints, most: int) -> tuple[Ints, Ints]:
    """Return each code's place among the sorted codes that occur, and these."""
    if most <= _CELLS:
        there = np.flatnonzero(np.bincount(codes, minlength=most))
        place = np.zeros(most, np.int64)
        place[there] = np.arange(len(there))
        return place[codes], there
    place, found = pd.factorize(codes, sort=True)
    return place, found


def _holds(codes: Ints, channels: int, order: int) -> np.ndarray:
    holds = np.zeros((len(codes), channels + 1), bool)
    for lag in range(order):
        holds[np.arange(len(codes)), codes // (channels + 1) ** lag % (channels + 1)] = True
    return holds[:, 1:]


def effects(own: Chain, channels: tuple[str, ...], counts: Counts) -> Removal:
    """Return removal effects of a chain whose paths have these counts.

    Notes
    -----
    With Q_r the transitions among the states left and s the starts, expected visits without channel r are
    n_r = s (I - Q_r)^-1, the sum over steps of s Q_r^m; conversions are n_r c, with c the probability of converting
    next, value n_r v. All channels are removed at once, as columns. The sum ends once a path is still under way with
    probability 1e-15, which bounds what is left out; where that takes long, or with few states, systems are solved.
    """
    n = len(own.holds)
    weight = counts.conversions + counts.nulls
    begins = added(own.first, weight, n)
    flow = added(own.edge, weight[own.edge_path], len(own.source))
    won, earned = (added(own.last, w, n) for w in (counts.conversions, counts.value))
    leaving = added(own.last, weight, n) + added(own.source, flow, n)
    scale = np.divide(1.0, leaving, out=np.zeros(n), where=leaving > 0)
    stays = np.concatenate([np.ones((n, 1), bool), ~own.holds], axis=1)
    step = sparse.csr_array((flow * scale[own.source], (own.target, own.source)), shape=(n, n))
    visits = _visits(step, begins / weight.sum(), stays)
    rates = np.array([won * scale, earned * scale]) @ visits
    lost = 1 - np.divide(rates[:, 1:], rates[:, :1], out=np.ones_like(rates[:, 1:]), where=rates[:, :1] > 0)
    lost = np.clip(lost, 0, 1)
    return Removal(
        channels,
        own.order,
        int((leaving > 0).sum()),
        int((flow > 0).sum()),
        float(rates[0, 0]),
        lost[0],
        lost[1],
    )


def _visits(step: sparse.csr_array, start: Floats, stays: np.ndarray) -> Floats:
    """Return expected visits of each state, a column for the whole chain and for each removal, shape (S, 1 + K)."""
    if len(start) <= _DENSE:
        full = step.toarray()[None] * stays.T[:, :, None]
        system = np.eye(len(start)) - full
        return np.linalg.solve(system, (stays * start[:, None]).T[:, :, None])[:, :, 0].T
    now = stays * start[:, None]
    found = now.copy()
    for _step in range(_STEPS):
        now = (step @ now) * stays
        found += now
        if now[:, 0].sum() < _LEFT:
            return found
    return _solved(step, start, stays)


def _solved(step: sparse.csr_array, start: Floats, stays: np.ndarray) -> Floats:
    """Solve each removal's system: for chains that paths leave so late that summing steps takes too long."""
    found = np.zeros(stays.shape)
    for column, kept in enumerate(stays.T):
        at = np.flatnonzero(kept)
        if len(at):
            own = sparse.eye_array(len(at), format="csc") - step[at][:, at].tocsc()
            found[at, column] = splu(own).solve(start[at])
    return found


def choose_order(paths: Paths, seed: int, most: int = 4, folds: int = 10) -> Order:
    """Return the order with the highest held-out log-likelihood.

    Parameters
    ----------
    paths : Paths
        Folds are of distinct paths, or of clusters where there are some: the same path, or the same people, are never
        on both sides.
    seed : int
        Of the folds.
    most, folds : int
        The highest order tried; at least 2 folds.

    Raises
    ------
    RefusedError
        If the highest order is below 1, or there are not two paths or clusters for two folds.

    Notes
    -----
    The next step (a channel, a conversion or none) hangs on the last k steps; counts have half a step added to each.
    A step with fewer than k before it is predicted from those it has, as seen anywhere in paths: so all orders are
    judged on the same steps. If the beginning of a path were a context of its own, a short path held out would take
    with it all that its end is known by, and order 1 would win whatever the truth.
    """
    _check_order(most, len(paths.channels) + 1)
    fold = _folds(paths, seed, folds)
    outcomes = len(paths.channels) + 2
    step, place, path, weight = _steps(paths)
    settled, found = 0.0, []
    for order in range(most + 1):
        context = _contexts(step, place, order, outcomes)
        there = place == 0 if order == 0 else place >= order
        enough, exact = _scores(context, step, weight, fold[path], there, there & (place == order), outcomes)
        if order:
            found.append((settled + enough) / weight.sum())
        settled += exact
    return Order(int(np.argmax(found)) + 1, tuple(float(f) for f in found), int(fold.max()) + 1)


def _folds(paths: Paths, seed: int, folds: int) -> Ints:
    unit = np.arange(len(paths.lengths)) if paths.cluster is None else paths.cluster
    units = int(unit.max()) + 1
    if min(units, folds) < 2:
        raise RefusedError(
            "An order is chosen on held-out paths: that takes at least two paths and two folds."
        )
    return (Generator(PCG64(seed)).permutation(units) % min(folds, units))[unit]


def _steps(paths: Paths) -> tuple[Ints, Ints, Ints, Floats]:
    """Return all steps, both ends of a path last: what (K: conversion, K + 1: none), place, path, and weight."""
    lengths, channels = paths.lengths, len(paths.channels)
    many = lengths + 2
    path = np.repeat(np.arange(len(lengths)), many)
    starts = np.cumsum(many) - many
    place = np.arange(len(path)) - starts[path]
    ended = place >= lengths[path]
    step = np.empty(len(path), np.int64)
    step[~ended] = paths.codes
    step[ended] = channels + np.tile([0, 1], len(lengths))
    counts = paths.counts
    weight = (counts.conversions + counts.nulls)[path]
    weight[ended] = np.column_stack([counts.conversions, counts.nulls]).ravel()
    return step, np.minimum(place, lengths[path]), path, weight


def _contexts(step: Ints, place: Ints, order: int, base: int) -> Ints:
    """Return the last `order` steps before each as a number; the second end of a path looks back past the first."""
    skipped = (step == base - 1).astype(np.int64)
    code = np.zeros(len(step), np.int64)
    at = np.arange(len(step)) - skipped
    for lag in range(1, order + 1):
        code = code * base + np.where(place >= lag, step[np.maximum(at - lag, 0)] + 1, 0)
    return code


def _scores(
    context: Ints, step: Ints, weight: Floats, fold: Ints, there: np.ndarray, exact: np.ndarray, outcomes: int
) -> tuple[float, float]:
    """Return the held-out log-likelihood of the steps that are `there`, and of those that are `exact` among them."""
    if not there.any():
        return 0.0, 0.0
    place, names = pd.factorize(context[there])
    cell = place * outcomes + step[there]
    cells, folds = len(names) * outcomes, int(fold.max()) + 1
    total = np.bincount(cell, weight[there], minlength=cells).reshape(-1, outcomes)
    only = exact[there]
    sums = np.zeros(2)
    for f in range(folds):
        own = fold[there] == f
        held = np.bincount(cell[own], weight[there][own], minlength=cells).reshape(-1, outcomes)
        known = np.maximum(total - held, 0) + 0.5
        log = np.log(known / known.sum(axis=1, keepdims=True))
        part = own & only
        few = np.bincount(cell[part], weight[there][part], minlength=cells).reshape(-1, outcomes)
        sums += [float((held * log).sum()), float((few * log).sum())]
    return float(sums[0]), float(sums[1])
