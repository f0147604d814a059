"""Generators of the studies of click paths, each with its truth; seeds are in `run.py`.

People are of two kinds that differ in where they begin, go on and convert, and have several paths each: so paths of a
person are alike, and what is fitted to all of them is none of the two chains. Nothing here reads a dataset.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from growth.channels import markov, paths, rules, sampling

PEOPLE, GROUPS, CHANNELS, MOST = 3000, 200, 4, 40
LIKELY = np.array([0.6, 0.4])  # of the two kinds


class Kinds:
    """Two chains over 4 channels: where a path begins, where it goes, whether it ends, and in what."""

    def __init__(self) -> None:
        random = np.random.default_rng(20250507)
        self.begin = random.dirichlet(np.full(CHANNELS, 2.0), 2)
        self.go = random.dirichlet(np.full(CHANNELS, 1.0), (2, CHANNELS))
        self.stop = random.uniform(0.25, 0.5, (2, CHANNELS))
        self.convert = random.uniform(0.05, 0.5, (2, CHANNELS))

    def truth(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the shares of first touch and of removal effects in the whole population, in closed form."""
        on = self.go * (1 - self.stop)[:, :, None]
        won = self.stop * self.convert
        reach = np.array([np.linalg.solve(np.eye(CHANNELS) - on[k], won[k]) for k in (0, 1)])
        visits = np.array([np.linalg.solve(np.eye(CHANNELS) - on[k].T, self.begin[k]) for k in (0, 1)])
        first = LIKELY @ (self.begin * reach)
        seen = LIKELY @ visits  # the chain fitted to all: flows of both kinds over visits of both
        step = np.einsum("k,ki,kij->ij", LIKELY, visits, on) / seen[:, None]
        convert, begin = np.einsum("k,ki,ki->i", LIKELY, visits, won) / seen, LIKELY @ self.begin
        without = []
        for c in range(CHANNELS):
            kept = np.arange(CHANNELS) != c
            own = np.linalg.solve(np.eye(CHANNELS - 1) - step[np.ix_(kept, kept)], convert[kept])
            without.append(begin[kept] @ own)
        lost = 1 - np.array(without) / first.sum()
        return first / first.sum(), lost / lost.sum()

    def drawn(self, seed: int) -> paths.Paths:
        """Return the paths of 3,000 people, one to five each, in 200 groups."""
        random = np.random.default_rng(seed)
        kind = (random.random(PEOPLE) > LIKELY[0]).astype(int)
        person = np.repeat(np.arange(PEOPLE), random.integers(1, 6, PEOPLE))
        kind = kind[person]
        steps = np.full((len(person), MOST), -1)
        won = np.zeros(len(person), int)
        live, now = np.arange(len(person)), _chosen(self.begin.cumsum(axis=1)[kind], random)
        for i in range(MOST):
            steps[live, i] = now
            ends = (random.random(len(live)) < self.stop[kind[live], now]) | (i == MOST - 1)
            done = live[ends]
            won[done] = random.random(len(done)) < self.convert[kind[done], now[ends]]
            live, now = live[~ends], now[~ends]
            if not len(live):
                break
            now = _chosen(self.go.cumsum(axis=2)[kind[live], now], random)
        text = [" > ".join(f"c{s}" for s in row if s >= 0) for row in steps]
        frame = pd.DataFrame(dict(path=text, conversions=won, nulls=1 - won, cluster=person % GROUPS))
        return paths.from_table(frame)


def _chosen(cumulated: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return (random.random(len(cumulated))[:, None] > cumulated).sum(axis=1).clip(max=CHANNELS - 1)


def shares(seed: int) -> dict[str, bool]:
    """Do the intervals of one channel's shares, by first touch and by removal, hold those of the population?"""
    kinds = Kinds()
    first, removed = kinds.truth()
    own = kinds.drawn(seed)
    channel = seed % CHANNELS
    hits = {}
    for name, plan, truth in (
        ("share by first touch, 200 groups", rules.plan_first(own), first),
        ("share by removal, 200 groups", markov.plan(own), removed),
    ):
        found = sampling.intervals(own, plan, seed)
        hits[name] = bool(found.low[channel] <= truth[channel] <= found.high[channel])
    return hits
