"""Generators of the studies of behaviour, each with its truth in closed form; nothing here reads a dataset."""

from __future__ import annotations

import numpy as np
import pandas as pd

from growth.behaviour import baskets, funnel, visits

PRODUCTS, BASKETS = 30, 3000
LEVEL = 0.05


def uneven_baskets(seed: int) -> dict[str, bool]:
    """Do products that ignore each other look as if they went together, where basket sizes differ?

    A basket's size is lognormal (size factor about 2), a product's popularity falls by its rank; each lies in a basket
    by chance alone, by its popularity times the basket's size, at most in 9 of 10.
    """
    random = np.random.default_rng(seed)
    popular = 1 / np.arange(4, PRODUCTS + 4)
    popular = 0.08 * popular / popular[0]
    size = np.minimum(random.lognormal(-0.35, 0.8, BASKETS), 0.9 / popular[0])
    inside = random.random((BASKETS, PRODUCTS)) < size[:, None] * popular
    row, column = np.nonzero(inside)
    own = baskets.Baskets.of(row, column)
    found = baskets.scored(baskets.pairs(own, 1), own.sizes)
    one = found[(found["first"] == 0) & (found["second"] == 1)].iloc[0]
    return {
        "one pair, uneven baskets": bool(one["p_value"] <= LEVEL),
        "any pair, after Benjamini-Hochberg": bool((found["q_value"] <= LEVEL).any()),
    }


def _visitors(seed: int, n: int = 600) -> pd.DataFrame:
    """Draw people of whom the keen come often, go further and look at more: a person's visits hang together."""
    random = np.random.default_rng(seed)
    keen = random.beta(1, 4, n)
    came = 1 + random.poisson(8 * keen)
    pages = random.negative_binomial(2 * came, 1 / (1 + 5 * keen)) + came
    view = random.binomial(came, 0.5 + 0.5 * keen)
    cart = random.binomial(view, keen)
    checkout = random.binomial(cart, 0.7)
    return pd.DataFrame(
        dict(visits=came, paged=came, pages=pages, view=view, cart=cart, checkout=checkout,
             purchase=random.binomial(checkout, 0.8))
    )  # fmt: skip


def people_as_clusters(seed: int) -> dict[str, bool]:
    """Do intervals clustered by person hold the share of visits that reach the cart, and the pages a visit?"""
    people = _visitors(seed)
    cart = funnel.of_visits(people).set_index("stage").loc["cart"]
    pages = visits.per(people, "pages", "paged")
    # Of keen ~ Beta(1, 4): moments 1/5, 1/15, 1/35; visits 1 + 8 keen.
    m1, m2, m3 = 1 / 5, 1 / 15, 1 / 35
    came = 1 + 8 * m1
    reached = 0.5 * (m1 + m2) + 4 * (m2 + m3)
    looked = came + 10 * (m1 + 8 * m2)
    return {
        "visits with a cart": bool(cart["low"] <= reached / came <= cart["high"]),
        "pages a visit": bool(pages.low <= looked / came <= pages.high),
    }
