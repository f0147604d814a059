"""The market state: everything that is the same for everybody, drawn before anybody comes.

Given the state, people are independent of each other. The state depends on the seed and on the calendar, never on
the number of people or on what they do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from growth.simulation import words
from growth.simulation.clock import Span, date_of, day_of
from growth.simulation.policy import Policy
from growth.simulation.price_tests import PriceTest, draw_test
from growth.simulation.rivals import Rivals, draw_rivals
from growth.simulation.rng import Draws, Floats, Ints, autoregression
from growth.simulation.stock import Stock, draw_stock
from growth.simulation.world import TYPES, Demand, Season, World

EVENTS: tuple[tuple[str, tuple[int, int], tuple[int, int], tuple[tuple[int, int], ...]], ...] = (
    ("618", (6, 1), (6, 18), ((6, 1), (6, 16), (6, 17), (6, 18))),
    ("1111", (11, 1), (11, 11), ((11, 1), (11, 10), (11, 11))),
    ("1212", (12, 10), (12, 12), ((12, 12),)),
)
SPRING_FESTIVALS = tuple(
    day_of(date(*d))
    for d in (
        (2021, 2, 12),
        (2022, 2, 1),
        (2023, 1, 22),
        (2024, 2, 10),
        (2025, 1, 29),
        (2026, 2, 17),
        (2027, 2, 6),
    )
)
PER_CATEGORY = 12


@dataclass(frozen=True)
class Products:
    """The catalogue; index order is category by category, `PER_CATEGORY` each."""

    ids: list[str]
    names: list[str]
    brands: list[str]
    sellers: list[str | None]
    category: Ints
    launch: Ints  # day
    delisted: Ints  # first day on which it is no longer sold; far away: not known
    log_base: Floats  # log of the base price
    log_reference: Floats  # log of the category's reference price
    quality: Floats
    unusual: Floats
    ageing: Floats
    base_cost: Floats


@dataclass(frozen=True)
class State:
    """All that is exogenous; the first axis of daily arrays is the day minus ``span.first``."""

    span: Span
    products: Products
    visit: Floats  # factor on visits, by day
    errand: Floats  # factor on the chance of an errand, by day
    arrivals: Floats  # weight of a day for first visits
    region_visit: Floats  # factor on visits, (week, region)
    shock: Floats  # demand shock, (week, product)
    log_cost: Floats  # deviation of the log cost, (week, product)
    cost: Ints  # unit cost in fen, (week, product)
    list_price: Ints  # fen, (day, product)
    price: Ints  # fen, (day, product)
    promotion: Ints  # index into promotions, (day, product); -1: none
    promotions: list[str]
    utility: Floats  # of buying a product, (type, day, product); -inf before its launch
    congested: NDArray[np.bool_]  # parcels take longer, by day
    popularity: Floats  # weight of a product among those looked at, (week, product); 0 before its launch
    rivals: Rivals
    test: PriceTest
    stock: Stock
    unlimited: Floats  # utility as if nothing ever ran out, (type, day, product)

    @property
    def first_week(self) -> int:
        """The week of row 0 of the weekly arrays."""
        return self.span.first // 7

    def on_shelf(self, day: Ints, product: Ints, region: Ints) -> tuple[Ints, Ints]:
        """Return price and list price, fen: those of the region while a price is tried there."""
        row, test = day - self.span.first, self.test
        price, listed = self.price[row, product], self.list_price[row, product]
        at = np.flatnonzero(test.inside(day))
        if at.size:
            place = (day[at] - test.first, region[at], product[at])
            price[at], listed[at] = test.price[place], test.list_price[place]
        return price, listed


def _products(draws: Draws, world: World) -> Products:
    demand = world.demand
    index = np.arange(len(words.CATEGORIES) * PER_CATEGORY)
    category = index // PER_CATEGORY
    of = [words.CATEGORIES[c] for c in category]
    u, style = draws.uniform("product brand", index), draws.uniform("product style", index)
    brands = [c.brands[int(x * len(c.brands))] for c, x in zip(of, u, strict=True)]
    names = [
        f"{b}{c.nouns[j % PER_CATEGORY]} {words.STYLES[int(s * len(words.STYLES))]}"
        for j, c, b, s in zip(index, of, brands, style, strict=True)
    ]
    seller = draws.uniform("product seller", index)
    sellers = [None if s < 0.35 else f"m{int((s - 0.35) / 0.65 * 18) + 1:02d}" for s in seller]
    old = draws.uniform("product old", index) < 0.72
    when = draws.uniform("product launch", index)
    launch = np.where(old, (-700 + 690 * when).astype(int), 930 + (when * 780).astype(int))
    quality = 0.7 * draws.normal("product quality", index)
    reference = np.log(np.array([c.price for c in of]))
    spread = demand.base_price_sd * draws.normal("product price", index)
    log_base = np.clip(reference + spread + demand.price_of_quality * quality, np.log(12.0), np.log(1500.0))
    margin = demand.margin + 0.06 * draws.normal("product margin", index)
    return Products(
        [f"p{j + 1:04d}" for j in index],
        names,
        brands,
        sellers,
        category,
        launch.astype(np.int64),
        _delisted(draws, world, index, launch, sellers),
        log_base,
        reference,
        quality,
        0.8 * draws.normal("product unusual", index),
        demand.ageing * draws.uniform("product ageing", index),
        np.exp(log_base) * (1 - np.clip(margin, 0.15, 0.6)),
    )


def _delisted(draws: Draws, world: World, index: Ints, launch: Ints, sellers: list[str | None]) -> Ints:
    """Return when products are taken off the shelves, on a Monday: a few old ones of the shop itself."""
    old = np.array([s is None for s in sellers]) & (launch < 0)
    old &= ~np.isin(index // PER_CATEGORY, world.shelf.spared)
    ends = old & (draws.uniform("product ends", index) < world.shelf.delisted)
    week = 192 + (draws.uniform("product end", index) * 66).astype(np.int64)
    return np.where(ends, week * 7, 1 << 30)


@dataclass(frozen=True)
class _Calendar:
    visit: Floats
    errand: Floats
    event: list[str]  # name of the event whose window the day lies in, or ""
    peak: NDArray[np.bool_]


def calendar(span: Span, season: Season, without: str = "") -> _Calendar:
    """Return the factors on visits and errands of every day, and its event."""
    visit, errand, event, peak = [], [], [], []
    for day in span.days:
        d = date_of(day)
        name, top, after = _event(d, without)
        v = season.month[d.month - 1] * season.weekday[d.weekday()]
        e = 1.0
        if name:
            v *= season.event_visit[top]
            e *= season.event_errand[top]
        if after:
            v *= season.after_visit
        if any(-1 <= day - festival < 6 for festival in SPRING_FESTIVALS):
            v *= 0.6
        visit.append(v)
        errand.append(e)
        event.append(name)
        peak.append(bool(top))
    return _Calendar(np.array(visit), np.array(errand), event, np.array(peak))


def _event(d: date, without: str = "") -> tuple[str, int, bool]:
    """Return the event of a day, whether it is a peak, and whether an event ended in the seven days before."""
    for name, begin, end, peaks in EVENTS:
        first, last = date(d.year, *begin), date(d.year, *end)
        if f"{name}-{d.year}" == without:
            continue
        if first <= d <= last:
            return f"{name}-{d.year}", int((d.month, d.day) in peaks), False
        if name != "1212" and 0 < (d - last).days <= 7:
            return "", 0, True
    return "", 0, False


def _ending(fen: Floats) -> Ints:
    """Round a price to ten fen."""
    return np.maximum(np.rint(fen / 10).astype(np.int64) * 10, 100)


def _depths(
    draws: Draws, demand: Demand, span: Span, cal: _Calendar, count: int
) -> tuple[Floats, Ints, list[str]]:
    """Return discount depth and promotion by (day, product), and the names of the promotions."""
    days, items = span.days, np.arange(count)
    week = days // 7
    low, high = demand.promo_depth
    on = draws.uniform("promotion weekly", items[None, :], week[:, None]) < demand.promo_weekly
    depth = low + (high - low) * draws.uniform("promotion depth", items[None, :], week[:, None])
    names = sorted({e for e in cal.event if e}) + [f"weekly-{w:03d}" for w in range(week[0], week[-1] + 1)]
    place = {n: k for k, n in enumerate(names)}
    which = np.where(on, np.array([place[f"weekly-{w:03d}"] for w in week])[:, None], -1)
    for name in sorted({e for e in cal.event if e}):
        rows = np.array([e == name for e in cal.event])
        code = int(name.split("-")[0]) * 100_000 + int(name.split("-")[1])
        joins = draws.uniform("promotion event", items, code) < demand.promo_event
        deep = low + (high - low) * draws.uniform("promotion event depth", items, code)
        cell = rows[:, None] & joins[None, :]
        depth = np.where(cell, deep[None, :], depth)
        which = np.where(cell, place[name], which)
        on = on | cell
    return np.where(on, depth, 0.0), which.astype(np.int64), names


def draw_state(
    draws: Draws, world: World, span: Span, policy: Policy, policy_day: int, without: str = ""
) -> State:
    """Draw the state of a span of days; `without` one of its events, for what would have happened."""
    demand, season = world.demand, world.season
    products = _products(draws, world)
    count, days = len(products.ids), span.days
    last_week = int((span.last - 1) // 7)
    weeks = np.arange(span.first // 7, last_week + 1)
    row = days // 7 - weeks[0]
    cal = calendar(span, season, without)
    market = autoregression(draws, "market shock", 1, last_week, season.market_rho, season.market_sd)[
        weeks, 0
    ]
    city = np.arange(len(words.CITIES))[None, :]
    region = season.region_sd * draws.normal("region shock", city, weeks[:, None])
    shock = autoregression(draws, "demand shock", count, last_week, demand.shock_rho, demand.shock_sd)[weeks]
    shared, log_cost = _costs(draws, demand, products, weeks)
    cost = np.rint(products.base_cost * np.exp(log_cost) * 100).astype(np.int64)
    depth, which, names = _depths(draws, demand, span, cal, count)
    log_list = products.log_base + demand.pass_through * log_cost + demand.price_answers_shock * shock
    asked = _asked(products, policy, np.exp(log_list[row]), days >= policy_day)
    list_price = _ending(100 * asked)
    price = np.where(which >= 0, _ending(100 * asked * (1 - depth)), list_price)
    competing = draw_rivals(draws, world.shelf, products, weeks, shared)
    on_sale = (products.launch <= days[:, None]) & (days[:, None] < products.delisted)
    rest = shock[row] + ageing(demand, products, days)
    rest_here = rest + world.shelf.rival_utility * competing.log_price[row]
    unlimited = _utility(demand, products, np.log(price / 100.0), which >= 0, rest_here)
    unlimited[:, ~on_sale] = -np.inf
    opening = 1 + season.launch * np.exp(-(days - span.first) / season.launch_days)
    visit = cal.visit * np.exp(market[row])
    plain = (
        log_list[row] + np.log(1 - depth) - products.log_base
    )  # whatever a policy does: stock answers none
    want = (visit * cal.errand)[:, None] * np.exp(rest) * _answer(demand, plain, which >= 0)
    shelf = draw_stock(draws, world.shelf, products, days, want, on_sale)
    return State(
        span, products, visit, cal.errand, opening * visit, np.exp(region), shock, log_cost, cost,
        list_price, price, which, names, np.where(shelf.out, -np.inf, unlimited), cal.peak,
        _popularity(demand, products, weeks), competing,
        draw_test(draws, world.shelf, products, span, price, list_price), shelf, unlimited,
    )  # fmt: skip


def _asked(products: Products, policy: Policy, usual: Floats, on: NDArray[np.bool_]) -> Floats:
    """Return list prices, CNY, (day, product): as usual, and under the policy on the days on which it is on."""
    factor = np.ones(usual.shape)
    factor[on] = policy.price_level * np.array([policy.prices.get(i, 1.0) for i in products.ids])
    asked = usual * factor
    for j, i in enumerate(products.ids):
        if i in policy.price_list:
            asked[on, j] = policy.price_list[i]
    return asked


def ageing(demand: Demand, products: Products, days: Ints) -> Floats:
    """Return what a product's age adds to its utility, (day, product)."""
    age = (days[:, None] - products.launch[None, :]) / 7.0
    out: Floats = demand.ramp * np.exp(-np.maximum(age, 0) / demand.ramp_weeks)
    return out + products.ageing * np.clip(age / 52, 0, 3)


def _utility(demand: Demand, products: Products, log_price: Floats, promoted: Any, rest: Floats) -> Floats:
    """Return utilities, (type, day, product)."""
    return np.stack(
        [type_utility(demand, products, k, log_price, promoted) + rest for k in range(len(TYPES))]
    )


def _answer(demand: Demand, log_price: Floats, promoted: NDArray[np.bool_]) -> Floats:
    """Return roughly by what factor a price off the base price, and a tag, move demand: what a planner expects."""
    out: Floats = np.exp(np.mean(demand.promotion) * promoted - np.mean(demand.alpha) * log_price)
    return out


def _popularity(demand: Demand, products: Products, weeks: Ints) -> Floats:
    """Return the weights of products among views: by what they are, not by today's price."""
    liking = np.mean(
        [np.exp(0.5 * type_utility(demand, products, k, products.log_base, 0)) for k in range(len(TYPES))],
        axis=0,
    )
    monday = weeks[:, None] * 7
    on_sale = (products.launch[None, :] <= monday) & (monday < products.delisted[None, :])
    return np.where(on_sale, liking[None, :], 0.0)


def _costs(draws: Draws, demand: Demand, products: Products, weeks: Ints) -> tuple[Floats, Floats]:
    """Return log cost deviations, (week, product): the category's part, and with the product's own.

    They change every fourth week.
    """
    count = len(products.ids)
    last = int(weeks[-1]) // 4 + 1
    common = autoregression(
        draws, "cost of category", count // PER_CATEGORY, last, demand.cost_rho, demand.cost_category_sd
    )
    own = autoregression(draws, "cost of product", count, last, demand.cost_rho, demand.cost_product_sd)
    # Products change their cost in different weeks, so that costs move within weeks, not only between them.
    step = (weeks[:, None] + np.arange(count)[None, :] % 4) // 4
    shared = common[weeks // 4][:, products.category]
    return shared, shared + own[step, np.arange(count)[None, :]]


def type_utility(demand: Demand, products: Products, kind: int, log_price: Floats, promoted: Any) -> Floats:
    """Return the utility of products for a type, scaled so that ``demand.met`` of its needs are met at base prices.

    U = c + q·quality + b·unusual + g·promoted − α·(log price − log reference); buying nothing has utility 0.
    """
    fixed = demand.quality[kind] * products.quality + demand.unusual[kind] * products.unusual
    at_base = fixed - demand.alpha[kind] * (products.log_base - products.log_reference)
    inclusive = np.log(np.add.reduceat(np.exp(at_base), np.arange(0, at_base.size, PER_CATEGORY)))
    wanted = np.log(demand.met[kind] / (1 - demand.met[kind]))
    constant = (wanted - inclusive)[products.category]
    priced = demand.alpha[kind] * (log_price - products.log_reference)
    out: Floats = constant + fixed - priced + demand.promotion[kind] * np.asarray(promoted, dtype=np.float64)
    return out
