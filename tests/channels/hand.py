"""Tables of paths for tests: by hand, at random, from a chain, and the public one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from growth.channels.paths import Paths, from_table


def table(*rows: tuple[Any, ...]) -> Paths:
    """Paths of rows ``(path, conversions, value, nulls)``."""
    return from_table(pd.DataFrame(rows, columns=["path", "conversions", "value", "nulls"][: len(rows[0])]))


def tiny(seed: int, channels: int = 5, rows: int = 8, most: int = 6) -> Paths:
    """A few random paths; some never convert, some occur only as conversions."""
    random = np.random.default_rng(seed)
    k = int(random.integers(1, channels + 1))
    made = []
    for _row in range(int(random.integers(1, rows + 1))):
        steps = random.integers(k, size=int(random.integers(1, most + 1)))
        conversions = int(random.integers(0, 4))
        value = float(random.exponential()) * (conversions > 0)
        made.append((" > ".join(f"c{s}" for s in steps), conversions, value, int(random.integers(0, 4))))
    made.append(("c0", 1, 0.5, 1))
    return table(*made)


def steps(paths: Paths) -> list[list[int]]:
    """The paths as lists."""
    return [
        list(map(int, paths.codes[a:b])) for a, b in zip(paths.offsets[:-1], paths.offsets[1:], strict=True)
    ]


def public(datasets: Path) -> Paths:
    """The public table of paths."""
    file = datasets / "channel_paths" / "Data.csv"
    if not file.is_file():
        pytest.skip("the public table of paths is not here: GROWTH_DATASETS has no channel_paths/Data.csv")
    frame = pd.read_csv(file, sep=";")
    frame.columns = pd.Index(["path", "conversions", "value", "nulls"])
    return from_table(frame)


def simulated(order: int, seed: int, n: int, channels: int = 5) -> Paths:
    """Paths of a chain of known order (1 or 2): what comes next, and whether it ends, hangs on the last steps alone."""
    random = np.random.default_rng(seed)
    states = channels**order
    go = random.dirichlet(np.full(channels, 0.7), states).cumsum(axis=1)
    stop, convert = random.uniform(0.15, 0.4, states), random.uniform(0.05, 0.4, states)
    text = random.choice(channels, n, p=random.dirichlet(np.ones(channels)))
    before = text.copy()
    made = [[f"c{c}"] for c in text]
    won = np.zeros(n, int)
    live = np.arange(n)
    while len(live):
        state = text[live] if order == 1 else before[live] * channels + text[live]
        ends = random.random(len(live)) < stop[state]
        won[live[ends]] = random.random(int(ends.sum())) < convert[state[ends]]
        live, state = live[~ends], state[~ends]
        following = (random.random(len(live))[:, None] > go[state]).sum(axis=1).clip(max=channels - 1)
        before[live], text[live] = text[live], following
        for p, c in zip(live, following, strict=True):
            made[p].append(f"c{c}")
    return from_table(pd.DataFrame(dict(path=[" > ".join(m) for m in made], conversions=won, nulls=1 - won)))
