"""The truths of the shelf: competitors, stock-outs, the price test, and what price lists would earn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from growth.simulation import market, pricing, store, words
from growth.simulation.life import Tally
from growth.simulation.rng import Floats, Ints
from growth.simulation.state import PER_CATEGORY, State
from growth.simulation.world import TYPES, World

# name, value, unit, kind (p: population effect, t: effect on these people, m: parameter), doc, what it holds for
Row = tuple[str, float, str, str, str, dict[str, str]]
_SLOPE = "log units a log price"


def lists(
    world: World, state: State, ahead: State | None, tally: Tally, counts: dict[str, int]
) -> pricing.Lists | None:
    """Return the best price lists of the quarter ahead, for the needs of the run; none after a forward run."""
    if ahead is None:
        return None
    return pricing.price_lists(world, state, ahead, tally.needs, *_finished(tally, counts))


def _finished(tally: Tally, counts: dict[str, int]) -> tuple[Floats, float]:
    """Return the share of carts that became orders, by type, and the share of parcels that came late."""
    late = counts["orders late"] / max(counts["orders late"] + counts["orders on time"], 1)
    return tally.finished / np.maximum(tally.carts, 1), late


def needs_table(tally: Tally, counts: dict[str, int]) -> pa.Table:
    """Return the needs that arose, by type and category, and what became of carts and parcels."""
    kind, category = (x.ravel() for x in np.indices(tally.needs.shape))
    finished, late = _finished(tally, counts)
    return pa.table(
        {
            "type": store.labels(TYPES, kind),
            "category": store.labels([c.name for c in words.CATEGORIES], category),
            "needs": pa.array(tally.needs.ravel()),
            "finished": pa.array(finished[kind]),
            "late": pa.array(np.full(kind.size, late)),
        }
    )


def own_by_product(world: World, state: State, tally: Tally) -> Floats:
    """Return own elasticities at base prices."""
    return np.concatenate([np.diag(m) for m in market.base_elasticities(world, state, tally.needs).matrices])


def rows(world: World, state: State, tally: Tally, best: pricing.Lists | None, sold: Ints) -> list[Row]:
    """Return the truths of the shelf."""
    return [
        *_elasticities(world, state, tally),
        *_stock(state, tally, sold),
        *(_lists(world, best) if best else []),
    ]


def _elasticities(world: World, state: State, tally: Tally) -> list[Row]:
    base = market.base_elasticities(world, state, tally.needs)
    at_base = {"lever": "price of one product", "horizon": "short run", "at_price": "base prices"}
    found: list[Row] = [
        (
            "own_price_elasticity_long_run", base.own, _SLOPE, "p",
            "the same as in the short run: nobody stocks up, waits or learns; what fewer orders do to phases and tiers "
            "is below what can be seen of one product's price",
            at_base | {"horizon": "long run"},
        ),
        (
            "competitor_price_elasticity", base.rival, "log units a log competitors' price", "p",
            "mean over products, weighted by expected units; the mean log price of the competitors that sell the "
            "product, ours held",
            at_base | {"lever": "competitors' price of one product"},
        ),
    ]  # fmt: skip
    own = own_by_product(world, state, tally)
    for c, category in enumerate(words.CATEGORIES):
        part = slice(c * PER_CATEGORY, (c + 1) * PER_CATEGORY)
        mean = float(own[part] @ base.demand[part] / base.demand[part].sum())
        doc = "mean over the products of a category, weighted by expected units"
        found.append((f"own_price_elasticity: {category.name}", mean, _SLOPE, "p", doc, at_base))
    if state.test.products.size:
        found.append(
            (
                "price_test_elasticity", market.tested_elasticity(world, state, tally.needs), _SLOPE, "p",
                "mean own elasticity of the products of the price test on its days, weighted by expected units",
                at_base | {"at_price": "prices that held"},
            )
        )  # fmt: skip
    return found


def _stock(state: State, tally: Tally, sold: Ints) -> list[Row]:
    out = state.stock.out
    short = out.any(axis=0)
    share = out[:, short].mean() if short.any() else 0.0
    lost = float(tally.lost_units.sum())
    shock = state.shock[state.span.days // 7 - state.first_week]
    more = shock[out].mean() - shock[:, short][~out[:, short]].mean() if short.any() else 0.0
    holds = {"lever": "stock", "horizon": "same visit", "at_price": "prices that held"}
    return [
        ("stock_out_products", float(short.mean()), "share of products", "m", "that are ever out of stock", {}),
        ("stock_out_days", float(share), "share of days", "m", "on which these products are out of stock", {}),
        (
            "stock_out_shock", float(more), "log utility", "m",
            "demand shock of these products when out less when not: they run out after high demand, not at random",
            {},
        ),
        (
            "units_lost_to_stock_outs", lost, "units", "t",
            "expected orders of products on the days on which they were out, had all been there; what rivals in the "
            "shop gained is not taken off",
            holds,
        ),
        (
            "units_lost_share", lost / max(lost + float(sold[:, short].sum()), 1.0), "share of units", "t",
            "of what the products that run out would have sold", holds,
        ),
    ]  # fmt: skip


_LISTS = {
    "alone": "each product the price that is best for it alone, the others at today's prices",
    "given": "each product the price that is best for its category, the others at today's prices",
    "joint": "the prices that are best for the shop together",
}


def _lists(world: World, best: pricing.Lists) -> list[Row]:
    g = world.shelf
    guard = f"at most {g.step:.0%} from today, prices seen in {g.seen_weeks} weeks, margin of {g.margin_floor:.0%}"
    asked: dict[str, Any] = {
        "lever": "price list",
        "horizon": "short run",
        "at_price": "list prices at the end",
    }
    unit, kind = "share of contribution", "p"
    found: list[Row] = [
        (f"price_list_gain_{name}", best.gain(name), unit, kind, f"{doc}; within guards: {guard}", asked)
        for name, doc in _LISTS.items()
    ]
    for name in ("alone", "joint"):
        doc = f"{_LISTS[name]}; without guards"
        found.append((f"price_list_gain_{name}_free", best.gain(f"{name}_free"), unit, kind, doc, asked))
    return found
