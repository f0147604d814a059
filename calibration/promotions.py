"""What the studies of promotions draw: customers of a coupon, cities, and members for whom it works or does not.

Every truth is in closed form. A customer's busyness is gamma, orders are Poisson given it, baskets lognormal (a few
make up most of the revenue). The coupon brings orders, moves some of the weeks after forward, draws others' orders into
the category that it is about, and is redeemed at random by those who would have bought anyway, too.
"""

from __future__ import annotations

import datetime as dt
import gc
from dataclasses import replace
from functools import reduce
from math import exp
from operator import add
from types import SimpleNamespace

import numpy as np
import pandas as pd

from growth.promotions import segments, validity
from growth.promotions.design import Arm, Cells, Design, Metric, with_money
from growth.promotions.money import cannibalised, money
from growth.stats.contrast import Estimate, Ratio
from growth.stats.moments import Floats, Moments

gc.freeze()  # statsmodels collects garbage in every correction for many tests: forty times what the rest of it takes

NET = "total_contribution"
PARAMS = SimpleNamespace(margin=0.4, revenue_metric="spend", ratio_warn=0.01, ratio_stop=0.001)


def _design(treated: float = 0.5, cost: float = 0.0) -> Design:
    day = dt.date(2024, 5, 6)
    arms = Arm("control", 1 - treated, 0.0), Arm("coupon", treated, cost)
    return Design(
        "coupon", "A coupon", "coupon", "customer", arms[0], arms[1:], (Metric("contribution", "total", "goal"),),
        day, day + dt.timedelta(28), 28, "fixed", 1, 0.05, 0.8, None, None, True,
    )  # fmt: skip


# --- money ----------------------------------------------------------------------------------------------------

CUSTOMERS, TREATED = 5_000, 0.4
BEFORE, ANYWAY, NEW, AFTER = 0.8, 0.4, 0.28, 0.5  # orders a customer: 8 weeks before; during; brought; after
FORWARD = 0.24  # share of the orders after that the coupon moves forward
REDEEMS, OFF = 0.6, (3.0, 9.0)  # chance that an order redeems; what is taken off then, evenly between
SENT, MESSAGE, OWN = 2.0, 0.05, 0.2  # messages a treated customer, what one costs, and the arm's own cost
BASKET = (3.4, 0.9)  # of the log
MARGIN, HANDLING = 0.35, 2.0
CATEGORIES = {"promoted": 0.30, "a": 0.35, "b": 0.35}  # of orders without the coupon
DRAWN = 0.2  # share of others' orders that the coupon draws into the promoted category
CONTROL_COLUMNS = ("visits", "orders", "revenue", "contribution")
COLUMNS = (
    *(f"pre_{m}" for m in CONTROL_COLUMNS), *(f"during_{m}" for m in CONTROL_COLUMNS),
    *(f"during_{m}" for m in ("discount", "redemptions", "messages")), *(f"post_{m}" for m in CONTROL_COLUMNS),
)  # fmt: skip


def truths() -> dict[str, float]:
    """Return what the coupon does to the mean customer."""
    basket = exp(BASKET[0] + BASKET[1] ** 2 / 2)
    left, off = MARGIN * basket - HANDLING, REDEEMS * sum(OFF) / 2
    pulled = FORWARD * AFTER
    won = NEW + pulled
    cost = (ANYWAY + won) * off + SENT * MESSAGE + OWN
    during, post = won * left - cost, -pulled * left
    drawn = DRAWN * (1 - CATEGORIES["promoted"]) * ANYWAY
    found = {
        "during": during,
        "post": post,
        "net": during + post,
        "per cost": (during + post) / cost,
        "anyway share": 1 - won / (REDEEMS * (ANYWAY + won)),
        "pulled forward": pulled / won,
    }
    for name, share in CATEGORIES.items():
        more = won + drawn if name == "promoted" else -drawn / 2
        found[f"revenue of {name}"] = more * basket - (share * ANYWAY + more) * off
    return found


def _orders(random: np.random.Generator, counts: Floats) -> tuple[np.ndarray, Floats]:
    """Return of each order its customer and its basket."""
    who = np.repeat(np.arange(counts.size), counts.astype(int))
    return who, random.lognormal(*BASKET, who.size)


def _left(random: np.random.Generator, counts: Floats) -> tuple[Floats, Floats]:
    """Return revenue and contribution of customers' orders."""
    who, basket = _orders(random, counts)
    revenue = np.bincount(who, basket, minlength=counts.size)
    return revenue, MARGIN * revenue - HANDLING * counts


def _customers(random: np.random.Generator, n: int, coupon: bool) -> tuple[dict[str, Floats], Floats]:
    """Return the columns of one arm's customers, and their revenue by category, shape (categories, customers)."""
    busy = random.gamma(2, 0.5, n)
    before, anyway, after = (random.poisson(rate * busy).astype(float) for rate in (BEFORE, ANYWAY, AFTER))
    pulled = random.binomial(after.astype(int), FORWARD * coupon).astype(float)
    won = random.poisson(NEW * busy * coupon) + pulled
    after -= pulled
    out = dict(zip(COLUMNS[1:4], (before, *_left(random, before)), strict=True))
    visits = {f"{w}_visits": o + random.poisson(2 * busy) for w, o in (("pre", before), ("post", after))}
    orders = anyway + won
    who, basket = _orders(random, orders)
    category = random.choice(3, who.size, p=list(CATEGORIES.values()))
    # A customer's first orders are those that come anyway; what is won is of the promoted category.
    first = np.concatenate([[0.0], np.cumsum(orders)[:-1]])
    is_won = np.arange(who.size) - first[who] >= anyway[who]
    category[is_won | (random.random(who.size) < DRAWN * coupon)] = 0
    redeemed = random.random(who.size) < REDEEMS * coupon
    off = redeemed * random.uniform(*OFF, who.size)

    def each(of_orders: Floats) -> Floats:
        return np.bincount(who, of_orders, minlength=n)

    messages = MESSAGE * random.poisson(SENT * coupon, n)
    out |= dict(
        during_visits=orders + random.poisson(2 * busy), during_orders=orders, during_revenue=each(basket - off),
        during_contribution=each(MARGIN * basket - HANDLING - off) - messages, during_discount=each(off),
        during_redemptions=each(redeemed.astype(float)), during_messages=messages, post_orders=after,
    )  # fmt: skip
    out["post_revenue"], out["post_contribution"] = _left(random, after)
    out |= visits
    by_category = np.array([each((basket - off) * (category == c)) for c in range(3)])
    return {c: out[c] for c in COLUMNS}, by_category


def _tried(random: np.random.Generator, n: int, plan: Design) -> tuple[Cells, pd.DataFrame]:
    """Return the cells of a test of the coupon, and its rows of the mart ``categories``."""
    count = round(n * plan.treatments[0].share)
    arms, rows = {}, []
    for arm, size in zip(plan.arms, (n - count, count), strict=True):
        columns, sold = _customers(random, size, arm is not plan.control)
        arms[arm.name] = Moments.of(columns)
        rows += [
            dict(arm=arm.name, window="during", category=c, total=s.sum(), squares=(s**2).sum())
            for c, s in zip(CATEGORIES, sold, strict=True)
        ]
    cells = Cells(arms, {}, (), tuple(c for c in COLUMNS if c.startswith("pre_")), {})
    return with_money(cells, plan, PARAMS), pd.DataFrame(rows)


def _holds(found: Estimate | Ratio | None, truth: float) -> bool:
    if isinstance(found, Ratio):
        return found.holds(truth)
    return found is not None and found.low <= truth <= found.high


def what_a_coupon_earns(seed: int) -> dict[str, bool]:
    """Do the intervals of what a coupon earns, costs and moves hold the truth, plain and adjusted?"""
    plan, truth = _design(TREATED, OWN), truths()
    cells, categories = _tried(np.random.default_rng(seed), CUSTOMERS, plan)
    hits = {}
    for way, known in (("plain", replace(cells, covariates=())), ("adjusted", cells)):
        m = money(plan, known, "coupon")
        assert m is not None and m.adjusted == (way == "adjusted")
        found = {"during": m.during, "post": m.post, "net": m.net, "per cost": m.per_cost}
        hits |= {f"{name}, {way}": _holds(e, truth[name]) for name, e in found.items()}
    hits["anyway share"] = _holds(m.anyway, truth["anyway share"])
    hits["pulled forward"] = _holds(m.pulled, truth["pulled forward"])
    for row in cannibalised(plan, cells, categories, "coupon", {"promoted"}).itertuples():
        hits[f"revenue of {row.category}"] = row.low <= truth[f"revenue of {row.category}"] <= row.high
    return hits


# --- checks before any effect -----------------------------------------------------------------------------------

PLANS = {"half and half": (0.5, 0.5), "60 : 20 : 20": (0.6, 0.2, 0.2)}


def _checked(check: validity.Check, least: str) -> bool:
    return check.verdict == validity.STOP or check.verdict == least


def _planned(shares: tuple[float, ...]) -> Design:
    names = ("control", "b", "c")
    arms = tuple(Arm(n, s, 0.0) for n, s in zip(names, shares, strict=False))
    return replace(_design(), control=arms[0], treatments=arms[1:])


def _ratio(seed: int, least: str) -> dict[str, bool]:
    random, found = np.random.default_rng(seed), {}
    for name, shares in PLANS.items():
        plan, units = _planned(shares), random.multinomial(2_000, shares)
        counts = pd.DataFrame({"arm": [a.name for a in plan.arms], "units": units})
        found[name] = _checked(validity._ratio(plan, counts, PARAMS), least)
    return found


def ratio_warns(seed: int) -> dict[str, bool]:
    """Does a sample ratio as planned give a warning (or worse)?"""
    return _ratio(seed, validity.WARN)


def ratio_stops(seed: int) -> dict[str, bool]:
    """Does a sample ratio as planned forbid a decision?"""
    return _ratio(seed, validity.STOP)


def _before(random: np.random.Generator, n: int, noise: float) -> Moments:
    """Return what units did before: four covariates that go together."""
    busy = random.gamma(2, 0.5, n)
    orders = random.poisson(3 * busy).astype(float)
    revenue = orders * random.lognormal(3, noise, n)
    visits = orders + random.poisson(4 * busy)
    return Moments.of(
        dict(pre_visits=visits, pre_orders=orders, pre_revenue=revenue, pre_contribution=0.3 * revenue - orders
             + random.normal(0, 3, n))
    )  # fmt: skip


ALIKE = {"2 arms of 1,500 customers": (1_500, 2, 0.6), "3 arms of 1,500 customers": (1_500, 3, 0.6),
         "2 arms of 20 cities": (20, 2, 0.1)}  # fmt: skip


def _balance(seed: int, least: str) -> dict[str, bool]:
    random, found = np.random.default_rng(seed), {}
    for name, (n, count, noise) in ALIKE.items():
        plan = _planned((1 / count,) * count)
        arms = {a.name: _before(random, n, noise) for a in plan.arms}
        cells = Cells(arms, {}, (), tuple(arms["control"].names), {})
        found[name] = _checked(validity._balance(plan, cells), least)
    return found


def balance_warns(seed: int) -> dict[str, bool]:
    """Do arms drawn from one population give a warning (or worse)?"""
    return _balance(seed, validity.WARN)


def balance_stops(seed: int) -> dict[str, bool]:
    """Do arms drawn from one population forbid a decision?"""
    return _balance(seed, validity.STOP)


# --- for whom ---------------------------------------------------------------------------------------------------

MEMBERS = 6_000
LEVELS = {"tier": (0.4, 0.3, 0.3), "city_tier": (0.5, 0.5), "channel": (0.4, 0.6)}
WORLDS = {
    "no effect": (0.0, 0.0, 0.0),
    "all gain alike": (1.5, 1.5, 1.5),
    "all lose alike": (-1.5, -1.5, -1.5),
}
APART = {"one gains, one loses": (2.0, 0.0, -2.0), "one gains, two lose": (3.0, -1.5, -3.0)}


def _members(
    random: np.random.Generator,
    effect: tuple[float, ...],
    names: tuple[str, ...],
    heavy: bool,
    folds: int = 1,
) -> Cells:
    """Return members whose gain depends on their first segment; other segments are drawn independently of it."""
    n = MEMBERS
    places = [random.choice(len(LEVELS[s]), n, p=LEVELS[s]) for s in names]
    arm, fold = random.integers(0, 2, n), random.integers(0, folds, n)
    y = (
        np.where(random.random(n) < 0.15, random.lognormal(3, 0.9, n), 0.0)
        if heavy
        else random.normal(0, 20, n)
    )
    y = y + arm * np.array(effect)[places[0]]
    sizes = (2, 2, *(len(LEVELS[s]) for s in names))
    code = np.ravel_multi_index((arm, fold, *places), sizes)
    whole = int(np.prod(sizes))
    count, total, squares = (np.bincount(code, w, minlength=whole) for w in (None, y, y * y))
    strata = {}
    for i in np.flatnonzero(count):
        a, f, *levels = np.unravel_index(i, sizes)
        mean = total[i] / count[i]
        cross = max(squares[i] - count[i] * mean**2, 0.0)
        key = (
            ("control", "coupon")[a],
            int(f),
            tuple(f"{s} {k}" for s, k in zip(names, levels, strict=True)),
        )
        strata[key] = Moments((NET,), int(count[i]), np.array([mean]), np.array([[cross]]))
    arms = {a: reduce(add, [m for (x, _, _), m in strata.items() if x == a]) for a in ("control", "coupon")}
    return Cells(arms, strata, names, (), {})


def same_for_all(seed: int) -> dict[str, bool]:
    """Is any segment said to differ where the effect is the same for all?

    Segments are drawn independently, so that Holm's family-wise error is 1 - (1 - .05 / 3)^3 = .0492, not merely at
    most .05.
    """
    random, found = np.random.default_rng(seed), {}
    for heavy in (False, True):
        cells = _members(random, (1.0, 1.0, 1.0), tuple(LEVELS), heavy)
        parts = segments.by_segment(_design(), cells, "coupon", NET)
        found["any of three segments" + (", few big spenders" if heavy else "")] = any(
            s.p_value < 0.05 for s in parts
        )
    return found


def all_levels(seed: int) -> dict[str, bool]:
    """Do the intervals of all levels of all segments hold their truths together?"""
    effect = APART["one gains, one loses"]
    mean = float(np.dot(effect, LEVELS["tier"]))
    random, found = np.random.default_rng(seed), {}
    for heavy in (False, True):
        cells = _members(random, effect, tuple(LEVELS), heavy)
        hits = [
            row.low <= (effect[i] if s.name == "tier" else mean) <= row.high
            for s in segments.by_segment(_design(), cells, "coupon", NET)
            for i, row in enumerate(s.levels.itertuples())
        ]
        found["seven levels" + (", few big spenders" if heavy else "")] = len(hits) == 7 and all(hits)
    return found


def nothing_to_aim_at(seed: int) -> dict[str, bool]:
    """Is aiming said to pay where every level has the same effect?"""
    random, found = np.random.default_rng(seed), {}
    for name, effect in WORLDS.items():
        t = segments.targeting(_design(), _members(random, effect, ("tier",), True, 2), "coupon", NET)
        found[name] = t is not None and t.pays
    return found


def aimed(seed: int) -> dict[str, bool]:
    """Does the interval of the value of the rules that were learnt hold their true value?"""
    random, found = np.random.default_rng(seed), {}
    plan, share = _design(), LEVELS["tier"]
    for name, effect in (APART | {"no effect": WORLDS["no effect"]}).items():
        cells = _members(random, effect, ("tier",), False, 2)
        t = segments.targeting(plan, cells, "coupon", NET)
        assert t is not None
        worth = []
        for half in (0, 1):
            segment, chosen = segments._learn(plan, cells, "coupon", NET, [0], half)
            whole = segments._fold_difference(plan, cells, "coupon", NET, half).value > 0
            treated = [int(c[-1]) for c in chosen] if segment else range(3) if whole else []
            worth.append(sum(share[k] * effect[k] for k in treated))
        found[name] = t.policy.low <= float(np.mean(worth)) <= t.policy.high
    return found
