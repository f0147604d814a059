"""Generators of the studies of choices, price points and latent classes, each with its truth; seeds are in `STUDIES`.

400 respondents of uneven weight (Kish's design effect 1.4), weights having nothing to do with answers; nothing here
reads a dataset.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import combinations
from math import sqrt

import numpy as np
import pandas as pd
from scipy.special import ndtr

from growth.market import choices, latent, maxdiff, prices

PEOPLE = 400
WORTH = np.array([0.8, 0.4, -1.0])  # of two features and of a unit of price
ITEMS, SHOWN, SETS = 6, 4, 6
NEEDS = np.array([0.0, 0.4, 0.8, 1.2, -0.4, -0.8])
PRICES = (60.0, 80.0, 100.0, 120.0, 150.0)
WOULD_PAY = (4.6, 0.35)  # mean and spread of the logarithm
RATIOS = np.array([0.5, 0.8, 1.2, 1.7])  # of the four prices to one's own middle


def _weights(random: np.random.Generator) -> np.ndarray:
    return random.lognormal(0, 0.58, PEOPLE)


def _most(value: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return which is chosen of rows of values: McFadden's errors."""
    return (value + random.gumbel(size=value.shape)).argmax(axis=-1)


def offers(seed: int) -> dict[str, bool]:
    """Do intervals hold part-worths, what a feature is worth in money, and the share of an offer?

    Six tasks of three offers; three of them come again and are answered as before, so that respondents' choices hang
    together while each follows the logit.
    """
    random = np.random.default_rng(seed)
    x = np.stack(
        [random.integers(0, 2, (PEOPLE, 6, 3)), random.integers(0, 2, (PEOPLE, 6, 3)),
         random.choice([0.6, 0.9, 1.2, 1.5], (PEOPLE, 6, 3))], axis=-1
    ).astype(float)  # fmt: skip
    said = _most(x @ WORTH, random)
    x, said = np.concatenate([x, x[:, :3]], axis=1), np.concatenate([said, said[:, :3]], axis=1)
    situation = np.repeat(np.arange(PEOPLE * 9), 3)
    chosen = (said[:, :, None] == np.arange(3)).ravel()
    who = np.repeat(np.arange(PEOPLE), 27)
    names = ["first", "second", "price"]
    found = choices.fit(x.reshape(-1, 3), situation, chosen, who, names, _weights(random)[who])
    own = {n: found.part(n) for n in names}
    menu = np.array([[1.0, 0.0, 1.2], [0.0, 1.0, 0.9], [0.0, 0.0, 0.6]])
    share, true = found.shares(menu).iloc[0], np.exp(menu @ WORTH)
    hits = {
        f"part-worth, {n}": bool(e.low <= w <= e.high) for (n, e), w in zip(own.items(), WORTH, strict=True)
    }
    hits["worth in money"] = found.in_money("second", "price").holds(0.4)
    hits["share of an offer"] = bool(share["low"] <= true[0] / true.sum() <= share["high"])
    return hits


def needs(seed: int) -> dict[str, bool]:
    """Do intervals hold the worths of needs, and the share of those who put one first?

    Six sets of four of six needs, best and worst of each; the worst is chosen among the other three.
    """
    random = np.random.default_rng(seed)
    shown = random.permuted(np.tile(np.arange(ITEMS), (PEOPLE, SETS, 1)), axis=-1)[..., :SHOWN]
    value = NEEDS[shown]
    best = _most(value, random)
    left = np.where(np.arange(SHOWN) == best[..., None], -np.inf, -value)
    worst = _most(left, random)
    said = (np.arange(SHOWN) == best[..., None]) * 1 - (np.arange(SHOWN) == worst[..., None])
    who, task, _ = np.indices(shown.shape)
    tasks = pd.DataFrame(
        dict(respondent_id=who.ravel(), task=task.ravel(), levels=np.char.add("n", shown.astype(str)).ravel(),
             chosen=said.ravel())
    )  # fmt: skip
    x, situation, chosen, person, names = choices.needs(tasks)
    weights = _weights(random)
    found = choices.fit(x, situation, chosen, person, names, weights[person])
    place = seed % (ITEMS - 1)
    part = found.part(names[place])
    counted = maxdiff.counts(tasks, weights[who.ravel()]).set_index("need").loc[f"n{place}"]
    true = np.exp(NEEDS)
    table = found.shares(np.vstack([np.zeros(ITEMS - 1), np.eye(ITEMS - 1)])).iloc[3]
    return {
        "worth of a need": bool(part.low <= NEEDS[place + 1] <= part.high),
        "share of a need": bool(table["low"] <= true[3] / true.sum() <= table["high"]),
        "count of a need": bool(counted["low"] <= _score(place) <= counted["high"]),
    }


@cache
def _score(need: int) -> float:
    """Return how much oftener a need is best than worst, over all sets that show it."""
    over = []
    for shown in combinations(range(ITEMS), SHOWN):
        if need in shown:
            best = {k: np.exp(NEEDS[k]) / np.exp(NEEDS[list(shown)]).sum() for k in shown}
            worst = 0.0
            for first in set(shown) - {need}:
                left = [k for k in shown if k != first]
                worst += best[first] * np.exp(-NEEDS[need]) / np.exp(-NEEDS[left]).sum()
            over.append(best[need] - worst)
    return float(np.mean(over))


def _four(random: np.random.Generator, people: int, step: float) -> pd.DataFrame:
    """Return four prices that rise; each is a middle times its ratio, both uneven alike in logarithms."""
    middle = random.normal(*WOULD_PAY, people)[:, None]
    said = np.exp(middle + random.uniform(-0.1, 0.1, (people, 4))) * RATIOS
    return pd.DataFrame(np.round(said / step) * step if step else said, columns=list(prices.FOUR))


def points(seed: int) -> dict[str, bool]:
    """Do intervals hold the four price points, where prices are any and where they are whole fives?

    Laws of the four are one law moved in logarithms, so that each crossing is the geometric mean of two middles; that
    of whole fives is from a million respondents.
    """
    random, hits = np.random.default_rng(seed), {}
    for step, kind in ((0.0, "any price"), (5.0, "whole fives")):
        found = prices.sensitivity(_four(random, PEOPLE, step), _weights(random), seed, 200).points
        for row, true in zip(found.itertuples(), _crossings(step), strict=True):
            hits[f"{row.point}, {kind}"] = bool(row.low <= true <= row.high)
    return hits


@cache
def _crossings(step: float) -> tuple[float, ...]:
    if not step:
        middle = np.exp(WOULD_PAY[0]) * RATIOS
        pairs = (tuple(prices.FOUR.index(c) for c in pair) for pair in prices.POINTS.values())
        return tuple(sqrt(middle[a] * middle[b]) for a, b in pairs)
    many = _four(np.random.default_rng(20250601), 1_000_000, step)
    return tuple(prices.sensitivity(many, np.ones(len(many)), 1, 1).points["price"])


def demand(seed: int) -> dict[str, bool]:
    """Do intervals hold the revenue at each price asked, where people buy up to a price of their own?"""
    random = np.random.default_rng(seed)
    own = np.exp(random.normal(*WOULD_PAY, PEOPLE))
    buys = pd.DataFrame({str(p): (own >= p).astype(float) for p in PRICES})
    found = prices.demand(buys, _weights(random), seed, 200).table
    true = 100 * np.array(PRICES) * ndtr((WOULD_PAY[0] - np.log(PRICES)) / WOULD_PAY[1])
    inside = (found["low"] <= true) & (true <= found["high"])
    return {f"revenue at {p:g}": bool(i) for p, i in zip(PRICES, inside, strict=True)}


def classes(seed: int) -> dict[str, bool]:
    """Do intervals hold the shares of two latent classes, 65 to 35, by six items of three categories?"""
    random = np.random.default_rng(seed)
    kind = (random.random(PEOPLE) < 0.35).astype(int)
    chance = np.array([[0.7, 0.2, 0.1], [0.15, 0.25, 0.6]]).cumsum(axis=1)
    items = pd.DataFrame((random.random((PEOPLE, 6, 1)) > chance[kind][:, None]).sum(axis=2))
    sizes = latent.fit(items, 2, seed, _weights(random), starts=5).sizes().iloc[0]
    return {"share of a latent class": bool(sizes["low"] <= 0.65 <= sizes["high"])}


Kind = tuple[Callable[[int], dict[str, bool]], tuple[str, ...], int, int]
CHOICES = ("growth.market.choices", "growth.stats.contrast")
STUDIES: dict[str, Kind] = {
    "part-worths": (offers, CHOICES, 160_000_000, 2000),
    "worth of needs": (
        needs,
        ("growth.market.maxdiff", "growth.market.estimates", *CHOICES),
        161_000_000,
        2000,
    ),
    "price points": (points, ("growth.market.prices",), 162_000_000, 400),
    "revenue at prices": (demand, ("growth.market.prices",), 163_000_000, 400),
    "latent classes": (classes, ("growth.market.latent",), 164_000_000, 2000),
}
