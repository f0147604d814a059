"""Choice among the products of a category: multinomial logit with an outside option, and its closed forms.

A need of a person of type k for category c on day t is met by the product of the greatest utility
U_j = V_kjt + ε_j, ε standard Gumbel, or by none (V = 0). Hence P(j) = exp(V_j) / (1 + Σ_i exp(V_i)) (McFadden
1974). V falls by α_k with log price, so the elasticities of one type are −α_k (1 − s_j) and α_k s_i; over types they
are averages weighted by needs and shares (Train 2009, Discrete Choice Methods with Simulation, chapter 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from growth.simulation import words
from growth.simulation.people import People, category_weights
from growth.simulation.rng import Draws, Floats, Ints, pick_from
from growth.simulation.state import PER_CATEGORY, State
from growth.simulation.world import TYPES, World

_NEEDS = 8  # numbers a visit reserves for its needs
_OPTIONS = 16  # numbers a need reserves for its options: 12 products, and buying nothing


@dataclass(frozen=True)
class Needs:
    """Needs of errands: one row a need."""

    visit: Ints  # index of the visit that has the need
    key: Ints  # number of its draws
    category: Ints


def shares(utility: Floats) -> Floats:
    """Return choice probabilities of the products in the last axis; the rest up to 1 is buying nothing."""
    top = np.maximum(utility.max(axis=-1, keepdims=True), 0.0)
    weight = np.exp(utility - top)
    out: Floats = weight / (np.exp(-top) + weight.sum(axis=-1, keepdims=True))
    return out


def elasticities(utility: Floats, alpha: Floats, weight: Floats) -> Floats:
    """Return the matrix of elasticities of expected demand in one category, over types.

    Parameters
    ----------
    utility : array (types, products)
    alpha : array (types,)
        Minus the coefficient on log price.
    weight : array (types,)
        Needs of each type.

    Returns
    -------
    array (products, products)
        Row i, column j: d log demand of i / d log price of j.
    """
    s = shares(utility)
    demand = weight @ s
    cross = np.einsum("k,k,ki,kj->ij", weight, alpha, s, s)
    own = (weight * alpha) @ s
    return (cross - np.diag(own)) / demand[:, None]


def draw_needs(
    draws: Draws, world: World, people: People, who: Ints, key: Ints, more_chance: Floats, focus: Ints,
    redirect: Floats,
) -> Needs:  # fmt: skip
    """Draw what errands look for: a geometric number of needs, each of another category.

    An experiment may add to the chance of one more need, and send a share of needs to a category (`focus`; -1: none).

    A need whose category is already on the list is dropped, whatever its price: demand stays in closed form.
    """
    d = world.demand
    table = category_weights(world)
    taken = np.zeros((who.size, table.shape[1]), dtype=bool)
    more = np.ones(who.size, dtype=bool)
    visits, keys, categories = [], [], []
    for k in range(d.most_needs):
        n = key * _NEEDS + k
        if k:
            chance = np.minimum(people.more_needs[who] + more_chance, 0.98)
            more = more & (draws.uniform("one more need", people.number[who], n) < chance)
        fits = draws.uniform("favourite need", people.number[who], n) < d.favourite
        free = pick_from(table, people.type[who], draws.uniform("category", people.number[who], n))
        category = np.where(fits, people.favourite[who], free)
        sent = (focus >= 0) & (draws.uniform("redirected need", people.number[who], n) < redirect)
        category = np.where(sent, focus, category)
        new = more & ~taken[np.arange(who.size), category]
        taken[np.flatnonzero(new), category[new]] = True
        visits.append(np.flatnonzero(new))
        keys.append(n[new])
        categories.append(category[new])
    return Needs(np.concatenate(visits), np.concatenate(keys), np.concatenate(categories))


def worth(
    world: World, state: State, people: People, who: Ints, day: Ints, ordered: Ints, needs: Needs,
    shift: Floats, unlimited: bool = False,
) -> Floats:  # fmt: skip
    """Return the utilities of the products that could meet each need, (need, PER_CATEGORY).

    Parameters
    ----------
    who, day, ordered : array
        Of each visit: the person, its day, and the day on which it would order (the next, over midnight).
    shift : array
        What an offer adds to the utility of every product, by need.
    unlimited : bool
        As if nothing ever ran out.
    """
    person, at, then = who[needs.visit], day[needs.visit], ordered[needs.visit]
    kind, row = people.type[person], at - state.span.first
    items = needs.category[:, None] * PER_CATEGORY + np.arange(PER_CATEGORY)[None, :]
    v = (state.unlimited if unlimited else state.utility)[kind[:, None], row[:, None], items]
    v += shift[:, None]
    tried = np.flatnonzero(state.test.inside(at))
    if tried.size:
        place = (at[tried] - state.test.first)[:, None], people.region[person[tried]][:, None], items[tried]
        v[tried] -= alphas(world)[kind[tried]][:, None] * state.test.log_price[place]
    if not unlimited:
        late = np.flatnonzero((then > at) & (then < state.span.last))
        gone = state.stock.out[(then[late] - state.span.first)[:, None], items[late]]
        v[late] = np.where(gone, -np.inf, v[late])
    return v


def choose(
    draws: Draws, people: People, who: Ints, needs: Needs, v: Floats
) -> tuple[Ints, NDArray[np.bool_], Floats]:
    """Choose a product for each need, or none, given utilities `v` (need, PER_CATEGORY).

    Returns
    -------
    product : array
        The chosen product; for a need that is not met, any number.
    met : array of bool
    probability : array (needs, PER_CATEGORY)
    """
    number = people.number[who[needs.visit]]
    option = np.arange(PER_CATEGORY)[None, :]
    noise = draws.gumbel("taste", number[:, None], needs.key[:, None] * _OPTIONS + option)
    nothing = draws.gumbel("taste", number, needs.key * _OPTIONS + PER_CATEGORY)
    total = v + noise
    best = total.argmax(axis=1)
    met = total[np.arange(best.size), best] > nothing
    return needs.category * PER_CATEGORY + best, met, shares(v)


def units(draws: Draws, people: People, who: Ints, needs: Needs) -> Ints:
    """Return the units that would be bought: geometric by category, at most 6, whatever the price."""
    more = np.array([c.more_units for c in words.CATEGORIES])[needs.category]
    u = draws.uniform("units", people.number[who[needs.visit]], needs.key)
    return 1 + np.minimum(np.floor(np.log(u) / np.log(more)).astype(np.int64), 5)


def mean_units() -> Floats:
    """Return the mean units of a met need, by category: 1 + E min(G, 5) with P(G >= i) = more**i."""
    more = np.array([c.more_units for c in words.CATEGORIES])
    out: Floats = (more[:, None] ** np.arange(6)[None, :]).sum(axis=1)
    return out


def alphas(world: World) -> Floats:
    """Return α by type."""
    return np.array(world.demand.alpha[: len(TYPES)])
