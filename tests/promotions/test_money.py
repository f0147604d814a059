"""Money against unit-level rows: the joint interval is a t-test of each unit's sum; ratios by search over a grid."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from growth.promotions.design import Cells, Metric, with_money
from growth.promotions.money import Money, anyway, cannibalised, grid, money
from growth.stats.contrast import Ratio
from growth.stats.sequential import lan_demets
from tests.promotions.hand import PARAMS, cells, design

COLUMNS = (
    "pre_orders", "during_visits", "during_orders", "during_revenue", "during_contribution", "during_discount",
    "during_redemptions", "during_messages", "post_visits", "post_orders", "post_revenue", "post_contribution",
)  # fmt: skip
COST = 0.2


def units(n: int = 1_200, seed: int = 3, win: float = 0.3) -> pd.DataFrame:
    """Customers whose orders, redemptions, discounts, messages and orders after are all random, and go together."""
    random = np.random.default_rng(seed)
    parts = []
    for arm, on in (("control", 0), ("new", 1)):
        busy = random.gamma(2, 0.5, n + 70 * on)
        orders = random.poisson((0.5 + win * on) * busy)
        redeemed = random.binomial(orders, 0.6 * on)
        discount = redeemed * random.uniform(2, 6, busy.size)
        revenue = orders * random.lognormal(3, 0.6, busy.size) - discount
        messages = 0.05 * random.poisson(2 * on, busy.size)
        after = random.poisson((0.5 - 0.1 * on) * busy)
        after_revenue = after * random.lognormal(3, 0.6, busy.size)
        columns = (
            random.poisson(4 * busy), orders, orders, revenue, 0.5 * revenue - messages, discount, redeemed, messages,
            after, after, after_revenue, 0.5 * after_revenue,
        )  # fmt: skip
        parts.append(pd.DataFrame(dict(zip(COLUMNS, columns, strict=True))).assign(arm=arm))
    return pd.concat(parts, ignore_index=True).astype(dict.fromkeys(COLUMNS, float))


UNITS = units()


def made(rows: pd.DataFrame, adjusted: bool = True, **changes: Any) -> tuple[Any, Cells]:
    plan = design(cost=COST, **changes)
    own = cells(rows, *COLUMNS)
    return plan, with_money(own if adjusted else replace(own, covariates=()), plan, PARAMS)


def worked(rows: pd.DataFrame = UNITS, adjusted: bool = False, **changes: Any) -> Money:
    found = money(*made(rows, adjusted, **changes), "new")
    assert found is not None
    return found


def sides(values: pd.Series, rows: pd.DataFrame = UNITS) -> tuple[pd.Series, pd.Series]:
    return values[rows["arm"] == "new"], values[rows["arm"] == "control"]


def own_cost(rows: pd.DataFrame = UNITS) -> pd.Series:
    return COST * (rows["arm"] == "new")


def test_the_joint_interval_is_the_t_test_of_each_units_sum() -> None:
    found = worked()
    both = UNITS["during_contribution"] + UNITS["post_contribution"] - own_cost()
    parts = {
        "net": both,
        "during": UNITS["during_contribution"] - own_cost(),
        "post": UNITS["post_contribution"],
    }
    for name, values in parts.items():
        t = stats.ttest_ind(*sides(values), equal_var=False)
        low, high = t.confidence_interval()
        e = getattr(found, name)
        assert (e.low, e.high, e.p_value) == pytest.approx((low, high, t.pvalue), rel=1e-8)
    assert found.post is not None
    assert found.net.value == pytest.approx(found.during.value + found.post.value, rel=1e-12)
    alone = np.hypot(found.during.error, found.post.error)
    assert abs(found.net.error / alone - 1) > 0.01, "windows go together: their errors do not just add up"


def test_what_is_known_before_narrows_it_and_the_ratio_with_it() -> None:
    plain, better = worked(), worked(adjusted=True)
    assert better.adjusted and not plain.adjusted and better.net.error < 0.97 * plain.net.error
    assert better.per_cost is not None and better.per_cost.value == pytest.approx(
        better.net.value / better.cost
    )
    assert (better.per_cost.low > 0) == (better.net.low > 0)
    assert better.break_even == pytest.approx(better.net.value + better.cost)


def residuals(rows: pd.DataFrame) -> pd.Series:
    """Net contribution less what a pooled line on orders before says, with the line's own slope."""
    net = rows["during_contribution"] + rows["post_contribution"] - own_cost(rows)
    slope = np.cov(net, rows["pre_orders"])[0, 1] / rows["pre_orders"].var(ddof=1)
    return net - slope * rows["pre_orders"]


def by_grid(
    top: pd.Series, bottom: pd.Series, rows: pd.DataFrame, points: np.ndarray, bound: float
) -> np.ndarray:
    """Fieller by brute force: the ratios r for which each unit's top - r bottom does not differ between the arms."""
    kept = []
    for r in points:
        a, b = sides(top - r * bottom, rows)
        if abs(a.mean() - b.mean()) <= bound * np.sqrt(a.var(ddof=1) / a.size + b.var(ddof=1) / b.size):
            kept.append(r)
    return np.array(kept)


def ends_agree(
    found: Ratio | None, top: pd.Series, bottom: pd.Series, bound: float, rows: pd.DataFrame = UNITS
) -> None:
    assert found is not None and found.kind == "bounded"
    width = found.high - found.low
    points = np.linspace(found.low - width, found.high + width, 3_001)
    kept = by_grid(top, bottom, rows, points, bound)
    step = points[1] - points[0]
    assert (kept.min(), kept.max()) == pytest.approx((found.low, found.high), abs=1.01 * step)
    assert len(kept) == pytest.approx(width / step, abs=2), "one piece, without holes"


def bound_of(values: pd.Series) -> float:
    t = stats.ttest_ind(*sides(values), equal_var=False)
    return float(stats.t.ppf(0.975, t.df))


@pytest.mark.parametrize("adjusted", [False, True])
def test_profit_for_each_unit_of_cost_is_fiellers_by_search(adjusted: bool) -> None:
    top = (
        residuals(UNITS)
        if adjusted
        else UNITS["during_contribution"] + UNITS["post_contribution"] - own_cost()
    )
    bottom = UNITS["during_discount"] + UNITS["during_messages"] + own_cost()
    found = worked(adjusted=adjusted)
    assert found.cost == pytest.approx(bottom[UNITS["arm"] == "new"].mean())
    ends_agree(found.per_cost, top, bottom, bound_of(top))


def test_anyway_buyers_and_what_was_pulled_forward_by_search() -> None:
    rows = units(4_000, win=0.45)
    found = worked(rows)
    who = rows["during_redemptions"] - rows["during_orders"]
    a, b = sides(rows["during_orders"], rows)
    share = 1 - (a.mean() - b.mean()) / rows.loc[rows["arm"] == "new", "during_redemptions"].mean()
    assert found.anyway is not None and found.anyway.value == pytest.approx(share)
    ends_agree(found.anyway, who, rows["during_redemptions"], 1.9604, rows)
    assert found.pulled is not None
    c, d = sides(rows["post_orders"], rows)
    assert found.pulled.value == pytest.approx((d.mean() - c.mean()) / (a.mean() - b.mean()))
    ends_agree(found.pulled, -rows["post_orders"], rows["during_orders"], 1.959964, rows)


def test_a_cost_that_is_the_same_for_all_divides_the_interval() -> None:
    rows = UNITS.assign(during_discount=0.0, during_messages=0.0)
    found = worked(rows)
    assert found.per_cost is not None and found.cost == pytest.approx(COST)
    ends = (found.per_cost.low, found.per_cost.high)
    assert ends == pytest.approx((found.net.low / COST, found.net.high / COST), rel=1e-9)


def test_a_planned_design_widens_every_part_of_it() -> None:
    fixed, planned = worked(), worked(way="group_sequential", looks=5)
    bound = lan_demets(np.arange(1, 6) / 5)[-1]
    for name in ("during", "post", "net"):
        a, b = getattr(fixed, name), getattr(planned, name)
        assert (b.value, b.high - b.value) == pytest.approx((a.value, bound * a.error))
    for name in ("per_cost", "anyway"):
        a, b = getattr(fixed, name), getattr(planned, name)
        assert b.value == a.value and b.low < a.low and b.high > a.high


def test_what_is_not_there_is_not_made_up() -> None:
    assert money(design(), cells(UNITS, "during_orders"), "new") is None, "no contribution"
    nothing_after = worked(post_days=0)
    assert nothing_after.post is None and nothing_after.pulled is None
    assert nothing_after.net.value == nothing_after.during.value
    free = money(design(), cells(UNITS, "during_contribution"), "new")
    assert free is not None and (free.cost, free.per_cost, free.break_even, free.anyway) == (
        0.0,
        None,
        None,
        None,
    )
    lost = UNITS.assign(during_orders=UNITS["during_orders"] * (UNITS["arm"] == "control"))
    assert worked(lost).pulled is None, "nothing was won that could be missing later"
    flat = money(design(), cells(UNITS.assign(during_contribution=1.0), "during_contribution"), "new")
    assert flat is not None and (flat.net.value, flat.net.error, flat.net.p_value) == (0.0, 0.0, 1.0)


def test_anyway_share_is_none_where_nobody_redeemed() -> None:
    own = cells(UNITS.assign(during_redemptions=0.0), *COLUMNS)
    assert anyway(own.arms["control"], own.arms["new"], 0.95) is None


# --- categories ------------------------------------------------------------------------------------


def sold(rows: pd.DataFrame, seed: int = 4) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Each unit's revenue split over three categories; and the mart ``categories`` of it."""
    random = np.random.default_rng(seed)
    split = random.dirichlet([1, 2, 3], len(rows)) * rows["during_revenue"].to_numpy()[:, None]
    own = pd.DataFrame(split, columns=["beauty", "books", "toys"]).assign(arm=rows["arm"])
    mart = [
        dict(arm=a, window="during", category=c, total=f[c].sum(), squares=(f[c] ** 2).sum())
        for a, f in own.groupby("arm") for c in ("beauty", "books", "toys")
    ]  # fmt: skip
    return own, pd.DataFrame(
        [*mart, dict(arm="new", window="post", category="toys", total=99.0, squares=99.0)]
    )


def test_categories_add_up_and_each_is_a_t_test() -> None:
    own, mart = sold(UNITS)
    plan, all_cells = made(UNITS)
    found = cannibalised(plan, all_cells, mart, "new", {"beauty"})
    a, b = sides(UNITS["during_revenue"])
    assert found["change"].sum() == pytest.approx(a.mean() - b.mean(), rel=1e-9)
    assert found["control"].sum() == pytest.approx(b.mean(), rel=1e-9)
    assert list(found["change"].abs()) == sorted(found["change"].abs(), reverse=True)
    p = {}
    for row in found.itertuples():
        x, y = sides(own[row.category])
        t = stats.ttest_ind(x, y, equal_var=False)
        low, high = t.confidence_interval()
        p[row.category] = t.pvalue
        assert (row.low, row.high) == pytest.approx((low, high), rel=1e-3), (
            "freedom: the smaller arm's, a little less"
        )
        assert row.promoted == (row.category == "beauty")
    expected = dict(zip(p, multipletests(list(p.values()), method="holm")[1], strict=True))
    assert dict(zip(found["category"], found["p_value"], strict=True)) == pytest.approx(expected, abs=1e-5)


def test_categories_that_one_arm_alone_bought_count_as_0_in_the_other() -> None:
    _, mart = sold(UNITS)
    plan, all_cells = made(UNITS)
    mart = mart[~((mart["category"] == "books") & (mart["arm"] == "control"))]
    found = cannibalised(plan, all_cells, mart, "new", set()).set_index("category")
    assert found.loc["books", "control"] == 0 and found.loc["books", "change"] > 0
    assert cannibalised(plan, all_cells, mart, "new", set(), "post")["change"].tolist() == pytest.approx(
        [99.0 / all_cells.arms["new"].n]
    )


# --- measured data, whose margin is assumed ----------------------------------------------------------


def test_measured_money_is_margin_of_revenue_less_the_arms_cost() -> None:
    rows = UNITS.rename(columns={"during_revenue": "during_spend"})
    plan = design(cost=0.01, metrics=(Metric("spend", "during", "goal"),), post_days=0)
    own = with_money(cells(rows, "during_spend"), plan, PARAMS)
    found = money(plan, own, "new")
    profit = 0.4 * rows["during_spend"] - 0.01 * (rows["arm"] == "new")
    t = stats.ttest_ind(*sides(profit, rows), equal_var=False)
    low, high = t.confidence_interval()
    assert found is not None and (found.net.low, found.net.high) == pytest.approx((low, high), rel=1e-8)
    table = grid(own.arms["control"], own.arms["new"], "during_spend", 0.01, (0.0, 0.2, 0.4))
    assert list(table["margin"]) == [0.2, 0.4], "a margin of 0 has no interval"
    last = table.iloc[-1]
    assert (last["value"], last["low"]) == pytest.approx((found.net.value, found.net.low), rel=1e-3)


def test_measured_contribution_is_taken_as_it_is() -> None:
    rows = UNITS.assign(during_spend=UNITS["during_revenue"])
    plan = design(cost=0.01, metrics=(Metric("contribution", "during", "goal"),), post_days=0)
    own = with_money(cells(rows, "during_spend", "during_contribution"), plan, PARAMS)
    assert own.names == ("during_spend", "during_contribution")


def test_where_goods_are_not_known_a_margin_of_revenue_takes_their_place() -> None:
    plan = design(cost=COST, goods_known=False)
    own = with_money(cells(UNITS, *COLUMNS), plan, PARAMS)
    for window in ("during", "post"):
        value = UNITS[f"{window}_contribution"] + (PARAMS.margin - 1) * UNITS[f"{window}_revenue"]
        new = value[UNITS["arm"] == "new"]
        less = COST if window == "during" else 0.0
        assert own.arms["new"].mean_of(f"{window}_contribution") == pytest.approx(new.mean() - less)
        assert own.arms["new"].var(f"{window}_contribution") == pytest.approx(new.var(ddof=1))
