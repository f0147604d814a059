"""Do intervals of raked estimates hold the population's, at 400 respondents and a design effect of about 2?

Seeds are fixed in `STUDIES`. Truth is in closed form: cells' shares times cells' means.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.special import ndtr

from growth.market.crosstabs import independence
from growth.market.estimates import Design, mean, promoters, share
from growth.market.weights import rake

PEOPLE = 400
CELLS = np.array([[0.08, 0.07], [0.15, 0.10], [0.25, 0.35]])  # of the population, by age and gender
ANSWERS = np.array([[0.50, 0.30], [0.40, 0.22], [0.16, 0.10]])  # chance of answering
LIKING = np.array([[-0.5, -0.2], [0.0, 0.2], [0.5, 0.4]])
CUTS = np.array([-2.0, -1.6, -1.2, -0.8, -0.5, -0.2, 0.1, 0.5, 0.9, 1.5])  # between 0 and 10


def raked(seed: int) -> dict[str, bool]:
    """Answers from 0 to 10 that differ by cell; the young and the first gender answer more often."""
    random = np.random.default_rng(seed)
    chance = (CELLS * ANSWERS).ravel() / (CELLS * ANSWERS).sum()
    cell = random.choice(6, PEOPLE, p=chance)
    age, gender = cell // 2, cell % 2
    said = np.searchsorted(CUTS, LIKING[age, gender] + random.normal(size=PEOPLE)).astype(float)
    margins = {("age",): pd.Series(CELLS.sum(axis=1)), ("gender",): pd.Series(CELLS.sum(axis=0))}
    w = rake(pd.DataFrame(dict(age=age, gender=gender)), margins)
    design = Design(w.values, w.base, w.cells)
    above = ndtr(LIKING[..., None] - CUTS)  # of each number of steps, by cell
    weights = CELLS[..., None]
    true = {
        "mean": float((weights * above).sum()),
        "share": float((CELLS * above[..., 6]).sum()),
        "promoters": 100 * float((CELLS * (above[..., 8] - (1 - above[..., 6]))).sum()),
    }
    found = {
        "mean": mean(said, design),
        "share": share((said >= 7).astype(float), design),
        "promoters": promoters(said, design),
    }
    return {f"raked {k}": bool(e.low <= true[k] <= e.high) for k, e in found.items()}


def nothing_between(seed: int) -> dict[str, bool]:
    """Is a difference claimed between groups of uneven weights and clusters that answer alike?"""
    random = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(80), 5)
    taste = random.normal(size=80)[cluster]
    answer = (0.7 * taste + random.normal(size=PEOPLE) > 0.3).astype(int)
    group = np.digitize(random.normal(size=80)[cluster] * 0.7 + random.normal(size=PEOPLE), [-0.5, 0.6])
    design = Design(random.gamma(2.0, 1.0, PEOPLE), clusters=cluster)
    return {
        "a difference between groups": independence(pd.Series(group), pd.Series(answer), design).p_value
        <= 0.05
    }


SURVEYS = ("growth.market.weights", "growth.market.estimates", "growth.stats.contrast")
STUDIES: dict[str, tuple[Callable[[int], dict[str, bool]], tuple[str, ...], int, str, int]] = {
    "raked survey": (raked, SURVEYS, 166_000_000, "covered", 2000),
    "groups that answer alike": (
        nothing_between,
        ("growth.market.crosstabs", *SURVEYS),
        167_000_000,
        "false",
        2000,
    ),
}
