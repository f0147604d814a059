"""Generator of the study of segments that are none: whether structure is claimed; its seed is in `STUDIES`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from growth.market import segments

PEOPLE, ITEMS = 400, 8


def nothing_there(seed: int) -> dict[str, bool]:
    """Is structure claimed where answers have one law: Gaussian and tied, five-point and tied, or five-point alone?

    Kinds take turns. Tied by two factors; five-point answers are cut unevenly, so that they are skewed.
    """
    random = np.random.default_rng(seed)
    ties = random.normal(size=(2, ITEMS)) * (0.0 if seed % 3 == 2 else 0.8)
    x = random.normal(size=(PEOPLE, 2)) @ ties + random.normal(size=(PEOPLE, ITEMS))
    if seed % 3:
        x = np.digitize(x / x.std(axis=0), [-1.5, -0.5, 0.2, 0.9]).astype(float)
    return {"structure claimed": segments.find(x, seed, pairs=1).structure}


STUDIES: dict[str, tuple[Callable[[int], dict[str, bool]], tuple[str, ...], int, int]] = {
    "segments that are none": (nothing_there, ("growth.market.segments",), 165_000_000, 200),
}
