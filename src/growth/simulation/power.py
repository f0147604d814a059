"""The power table: how large each truth is against the standard error at this size.

A page can only find what the data can show. A standard error here is that of a sensible estimator, from its design
formula and the counts of the run, not from a fit; mechanisms that are too small to find are kept, and said to be.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from growth.simulation import market
from growth.simulation.life import Tally
from growth.simulation.market import Panel
from growth.simulation.rng import Floats
from growth.simulation.state import PER_CATEGORY, State
from growth.simulation.trial_truth import power_rows
from growth.simulation.world import CHANNELS, World

# Experiments that are large enough to be seen; the others are honestly too small, or nothing at all.
MEANT = {
    "onboarding: guided start: orders",
    "coupon: coupon: orders",
    "coupon: coupon: contribution",
    "seasonal: gift: orders",
    "seasonal: gift: contribution",
    "members_price: members price: orders",
    "page_speed: fast pages: orders",
    "contact_frequency: three a week: orders",
    "holdout-retargeting: orders",
}
FOUND = 3.0  # truth / standard error from which on a mechanism counts as one that can be found


def power_table(
    world: World, state: State, tally: Tally, counts: dict[str, int], truths: dict[str, dict[str, Any]],
    tried: dict[str, float], channels: list[tuple[str, float, float]],
) -> list[dict[str, Any]]:  # fmt: skip
    """Return one row a mechanism: truth, standard error, their ratio, and whether it is meant to be found."""

    def truth(name: str) -> float:
        return float(truths[name]["value"])

    panel = market.panel(world, state, tally.needs)
    price = _PriceErrors(world, panel, counts["units"])
    bias = truth("naive_price_slope") - truth("cost_instrument_price_slope")
    rivals = truth("cross_price_elasticity") * (PER_CATEGORY - 1)
    members = np.maximum([counts["silver members"], counts["gold members"]], 1)
    lost = {c: max(counts[f"lost customers: {c}"], 1) for c in ("ads", "search")}
    spread = 1 / world.people.visit_shape
    return [
        _row("own_price_elasticity", truth("own_price_elasticity"), price.own(), True, _PRICE),
        _row("naive_price_bias", bias, price.naive(), True, "least squares against the instrument"),
        _row("promotion_tag_effect", truth("promotion_tag_effect"), price.tag(), True, "given the price"),
        _row("rivals_price_elasticity", rivals, price.rivals(), True, "all rivals of the category at once"),
        _row("one_product_elasticity", truth("own_price_elasticity"), price.one(), False,
             "the median product on its own, with the shop's week effects known"),
        _row("competitor_price_elasticity", truth("competitor_price_elasticity"), price.competitors(), True,
             "competitors' prices, product and week effects; demand shocks and counts"),
        *_tested(world, state, counts["order_lines"] * market.tested_share(state, panel), truths),
        _row("load_time_effect_on_orders", truth("load_time_effect_on_orders"),
             1 / (np.sqrt(counts["orders"]) * world.pages.spread), True,
             "orders a visit on log load time, within city"),
        _row("late_parcel_coming_back", truth("late_parcel_coming_back"), _late_error(counts), True,
             "share of orders followed by another, within city"),
        _row("event_visits_peak", truth("event_visits_peak"), world.season.market_sd / np.sqrt(_peaks(state)),
             True, "visits of peak days against their weeks; market shocks by week"),
        _row("channel_loss_ads", truth("channel_loss_ads"), np.sqrt(1 / lost["ads"] + 1 / lost["search"]), True,
             "if losses were seen; purchases alone show them later and less sharply"),
        _row("tier_visits_silver", truth("tier_visits_silver"), np.sqrt(spread / members[0]), False,
             "visits of silver members against their like; people differ much more than tiers do"),
        _row("tier_visits_gold", truth("tier_visits_gold"), np.sqrt(spread / members[1]), True, "as for silver"),
        *(
            _row(name, value, error, name in MEANT, "difference of means a unit, during and after together")
            for name, value, error in power_rows(world, tried)
        ),
        *(
            _row(name, value, error, name in MEANT, "difference of means a customer, as the test ran")
            for name, value, error in channels
        ),
    ]  # fmt: skip


def _tested(
    world: World, state: State, lines: float, truths: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the row of the price test, where there was one: lots have no shock in common, lines are counts."""
    if not state.test.products.size:
        return []
    error = 1 / np.sqrt(max(lines, 1e-9) * np.log(world.shelf.test_factors).var())
    name, doc = (
        "price_test_elasticity",
        "order lines by product, period and region on the log of the drawn factor",
    )
    return [_row(name, float(truths[name]["value"]), error, True, doc)]


_PRICE = "cost as instrument, product and week effects; demand shocks and counts, clustered by product"


def _row(name: str, truth: float, error: float, meant: bool, doc: str) -> dict[str, Any]:
    return {
        "name": name,
        "truth": float(f"{truth:.6g}"),
        "standard_error": float(f"{float(error):.6g}"),
        "ratio": float(f"{abs(truth) / max(float(error), 1e-300):.4g}") if np.isfinite(error) else 0.0,
        "meant_to_be_found": meant,
        "doc": doc,
    }


class _PriceErrors:
    """Standard errors of slopes in the panel of products and weeks.

    The score of a cell is z · units · (demand shock + counting noise): shocks are autocorrelated within a
    product, counts are Poisson.
    """

    def __init__(self, world: World, panel: Panel, units: int) -> None:
        self.world, self.panel = world, panel
        self.mean = panel.share * units
        self.cost, self.price, self.promoted = (
            market.within(v, panel.product, panel.week, panel.share)
            for v in (panel.log_cost, panel.log_price, panel.tag)
        )

    def own(self) -> float:
        return self._error(self.cost, self.price)

    def competitors(self) -> float:
        p = self.panel
        theirs = market.within(p.log_rival, p.product, p.week, p.share)
        return self._error(theirs, theirs)

    def naive(self) -> float:
        return self._error(self.price, self.price)

    def tag(self) -> float:
        slope = float((self.mean * self.price) @ self.promoted / ((self.mean * self.price) @ self.price))
        rest = self.promoted - slope * self.price
        return self._error(rest, rest)

    def rivals(self) -> float:
        cost, price = (self._rivals_mean(v) for v in (self.panel.log_cost, self.panel.log_price))
        return self._error(cost, price)

    def one(self) -> float:
        product = self.panel.product.astype(np.int64)
        errors = [self._error(self.cost, self.price, product == j) for j in np.unique(product)]
        return float(np.median(errors))

    def _rivals_mean(self, value: Floats) -> Floats:
        p = self.panel
        cell = (p.product // PER_CATEGORY * 10_000 + p.week).astype(np.int64)
        total, count = np.bincount(cell, value), np.bincount(cell)
        others = (total[cell] - value) / np.maximum(count[cell] - 1, 1)
        return market.within(others, p.product, p.week, p.share)

    def _error(self, z: Floats, x: Floats, rows: Any = slice(None)) -> float:
        d, p = self.world.demand, self.panel
        z, x, mean, product, week = z[rows], x[rows], self.mean[rows], p.product[rows], p.week[rows]
        meat = float((z * z * mean).sum())
        for j in np.unique(product):
            own = product == j
            score = z[own] * mean[own]
            lag = np.abs(week[own][:, None] - week[own][None, :])
            meat += d.shock_sd**2 * float(score @ (d.shock_rho**lag) @ score)
        return float(np.sqrt(meat) / abs(float((z * mean) @ x)))


def _late_error(counts: dict[str, int]) -> float:
    variance = 0.0
    for group in ("orders on time", "orders late"):
        n = max(counts[group], 1)
        share = counts[f"{group}, came back"] / n
        variance += share * (1 - share) / n
    return float(np.sqrt(variance))


def _peaks(state: State) -> int:
    """Return the number of weeks with a peak day."""
    return max(int(np.unique(state.span.days[state.congested] // 7).size), 1)


assert {"ads", "search"} <= set(CHANNELS)
