"""Effects against SciPy and statsmodels on unit-level rows, and their corrections, guardrails and designs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats
from scipy.optimize import brentq
from statsmodels.stats.multitest import multipletests

from growth.promotions import effect
from growth.promotions.design import Cells, Metric
from growth.promotions.effect import Effect, effects, views
from growth.stats.sequential import lan_demets
from tests.promotions.hand import PARAMS, cells, design, two

COLUMNS = ("pre_orders", "pre_visits", "during_orders", "during_revenue", "during_visits", "post_visits")
SPEND = Metric("revenue", "during", "goal")


def shop(
    n: int = 1_500, arms: tuple[str, ...] = ("control", "new"), seed: int = 2, strong: float = 0.8
) -> pd.DataFrame:
    """Customers whose orders before say much about those during."""
    random = np.random.default_rng(seed)
    rows = []
    for k, arm in enumerate(arms):
        busy = random.gamma(2, 0.5, n + 90 * k)
        pre = random.poisson(4 * busy)
        orders = random.poisson(0.6 * busy * strong + 0.4 * (1 - strong) + 0.12 * k)
        visits = orders + random.poisson(3 * busy)
        rows.append(
            pd.DataFrame(
                dict(arm=arm, pre_orders=pre, pre_visits=pre + random.poisson(3 * busy), during_orders=orders,
                     during_revenue=orders * random.lognormal(3, 0.5, busy.size), during_visits=visits,
                     post_visits=random.poisson(3 * busy * (1 - 0.05 * k)))
            )
        )  # fmt: skip
    return pd.concat(rows, ignore_index=True).astype(dict.fromkeys(COLUMNS, float))


def made(units: pd.DataFrame) -> Cells:
    return cells(units, *COLUMNS)


def only(units: pd.DataFrame, *metrics: Metric, **changes: Any) -> list[Effect]:
    arms = [a for a in units["arm"].unique() if a != "control"]
    found, refused = effects(design(*arms, metrics=metrics, **changes), made(units), PARAMS)
    assert not refused
    return found


def halves(units: pd.DataFrame, column: str) -> tuple[pd.Series, pd.Series]:
    return units.loc[units["arm"] == "new", column], units.loc[units["arm"] == "control", column]


# --- differences and lifts -----------------------------------


def test_plain_is_welch() -> None:
    units = shop()
    (e,) = only(units, SPEND)
    t = stats.ttest_ind(*halves(units, "during_revenue"), equal_var=False)
    low, high = t.confidence_interval()
    assert (e.plain.low, e.plain.high, e.plain.p_value) == pytest.approx((low, high, t.pvalue), rel=1e-9)
    means = [h.mean() for h in halves(units, "during_revenue")]
    assert (e.treated, e.control) == pytest.approx(means)


def test_adjusted_is_least_squares_on_what_was_before() -> None:
    """CUPED with a common slope is ordinary least squares but for where slopes come from: equal to half a per cent."""
    units = shop()
    (e,) = only(units, SPEND)
    fit = smf.ols("during_revenue ~ (arm == 'new') + pre_orders + pre_visits", units).fit(cov_type="HC2")
    assert e.adjustment == "before" and e.reduction is not None and e.reduction > 0.1
    assert e.chosen.value == pytest.approx(fit.params.iloc[1], abs=0.02 * fit.bse.iloc[1])
    assert e.chosen.error == pytest.approx(fit.bse.iloc[1], rel=0.006)


def test_what_does_not_help_is_not_used() -> None:
    units = shop()
    random = np.random.default_rng(0)
    units["pre_orders"], units["pre_visits"] = random.poisson(3, len(units)), random.poisson(5, len(units))
    (e,) = only(units.astype({"pre_orders": float, "pre_visits": float}), SPEND)
    assert (
        (e.adjustment, e.chosen) == ("", e.plain) and e.reduction is not None and e.reduction < effect.HELPS
    )


def by_profile(y: np.ndarray, x: np.ndarray, bound: float, freedom: float) -> tuple[float, float]:
    """Fieller's ends by search: lifts r at which mean(y) - (1 + r) mean(x) is `bound` errors from 0."""

    def excess(r: float) -> float:
        apart = y.mean() - (1 + r) * x.mean()
        return abs(apart) / np.sqrt(y.var(ddof=1) / y.size + (1 + r) ** 2 * x.var(ddof=1) / x.size) - bound

    middle = y.mean() / x.mean() - 1
    return brentq(excess, middle - 5, middle), brentq(excess, middle, middle + 5)


def unrelated(seed: int = 3) -> pd.DataFrame:
    units = shop(seed=seed)
    return units.assign(pre_orders=1.0, pre_visits=2.0)


@pytest.mark.parametrize(("way", "looks"), [("fixed", 1), ("group_sequential", 5), ("always_valid", 1)])
def test_the_lift_is_fiellers_as_wide_as_the_design(way: str, looks: int) -> None:
    units = unrelated()
    (e,) = only(units, SPEND, way=way, looks=looks)
    y, x = (h.to_numpy() for h in halves(units, "during_revenue"))
    bound = (e.chosen.high - e.chosen.value) / e.chosen.error
    assert e.lift is not None

    # Fieller in the difference holds Welch's freedom (or bound) fixed along the search: so does this.
    def excess(r: float) -> float:
        vy, vx = y.var(ddof=1) / y.size, x.var(ddof=1) / x.size
        apart = y.mean() - x.mean() - r * x.mean()
        return apart**2 - bound**2 * (vy + vx + r * r * vx + 2 * r * vx)

    middle = y.mean() / x.mean() - 1
    low, high = brentq(excess, middle - 3, middle), brentq(excess, middle, middle + 3)
    assert (e.lift.value, e.lift.low, e.lift.high) == pytest.approx((middle, low, high), rel=1e-6)
    assert (low, high) == pytest.approx(by_profile(y, x, bound, np.inf), rel=1e-6)
    assert (e.lift.low > 0) == (e.chosen.low > 0)


@pytest.mark.parametrize(("way", "looks"), [("fixed", 1), ("group_sequential", 5), ("always_valid", 1)])
def test_the_lift_of_an_adjusted_effect_agrees_with_it(way: str, looks: int) -> None:
    """Also where covariates take away most of the variance, more than half of it: nothing is refused for that."""
    random = np.random.default_rng(6)
    pre = random.gamma(2, 3, 4_000)
    units = pd.DataFrame(
        dict(arm=["control", "new"] * 2_000, pre_y=pre, during_y=pre + random.normal(0.1, 1, 4_000))
    )
    metric = Metric("y", "during", "goal")
    plan = design(metrics=(metric,), way=way, looks=looks)
    (e,), refused = effects(plan, cells(units, "pre_y", "during_y"), PARAMS)
    assert not refused and e.reduction is not None and e.reduction > 0.9 and e.lift is not None
    assert (e.lift.low > 0, e.lift.high < 0) == (e.chosen.low > 0, e.chosen.high < 0)
    assert e.lift.value == pytest.approx(e.chosen.value / e.control)
    # The base is known to 1 %: the lift's set is that of the difference over it, but for a per cent or two.
    assert e.lift.high - e.lift.low == pytest.approx((e.chosen.high - e.chosen.low) / e.control, rel=0.02)


def test_a_control_without_any_has_a_difference_but_no_lift() -> None:
    units = unrelated()
    units.loc[units["arm"] == "control", "during_revenue"] = 0.0
    (e,) = only(units, SPEND)
    assert e.lift is None and e.chosen.low > 0


# --- designs -----------------------------------


def test_the_last_planned_look_uses_lan_and_demets_bound_and_its_p_value_agrees() -> None:
    plan = design(way="group_sequential", looks=5)
    found = effect.honest(plan, two(2.0, 1.0), 4_000)
    bound = lan_demets(np.arange(1, 6) / 5)[-1]
    assert (found.low, found.high) == pytest.approx((2 - bound, 2 + bound)) and bound == pytest.approx(
        2.031032, abs=1e-6
    )
    assert found.low < 0 and found.p_value > 0.05 > two(2.0, 1.0).p_value
    for z in (0.1, 1.0, bound - 1e-6, bound + 1e-6, 3.0, 6.0, 9.0):
        again = effect.honest(plan, two(z, 1.0), 4_000)
        assert (again.p_value < 0.05) == (again.low > 0) and again.p_value >= two(z, 1.0).p_value * 0.999
    level = effect.honest(plan, two(2.5, 1.0), 4_000).p_value
    assert lan_demets(np.arange(1, 6) / 5, level)[-1] == pytest.approx(2.5, abs=1e-6)


def test_one_look_is_no_look_more() -> None:
    plan = design(way="group_sequential", looks=1)
    assert effect.honest(plan, two(2.0, 1.0), 4_000) == two(2.0, 1.0)


def test_always_valid_by_the_formula() -> None:
    rho2 = (-2 * np.log(0.05) + np.log(-2 * np.log(0.05) + 1)) / 5_000
    grown = 8_000 * rho2 + 1
    half = 0.5 * np.sqrt(2 * grown / (8_000 * rho2) * np.log(np.sqrt(grown) / 0.05))
    found = effect.honest(design(way="always_valid"), two(1.0, 0.5), 8_000)
    assert (found.low, found.high) == pytest.approx((1 - half, 1 + half))


# --- ratios -----------------------------------


def test_a_ratio_is_that_of_sums_with_an_error_robust_to_clusters() -> None:
    """Orders a visit: least squares on visits, clustered by customer, has the same error but for its factor."""
    units = shop(600)
    (e,) = only(units, Metric("orders", "during", "goal", denominator="visits"))
    visits = units.loc[units.index.repeat(units["during_visits"].astype(int))].assign(
        customer=lambda f: f.index
    )
    nth = visits.groupby("customer").cumcount()
    visits["ordered"] = (nth < visits["during_orders"]).astype(float)
    fit = smf.ols("ordered ~ (arm == 'new')", visits).fit(
        cov_type="cluster", cov_kwds={"groups": visits["customer"]}
    )
    assert e.plain.value == pytest.approx(fit.params.iloc[1], rel=1e-9)
    assert e.plain.error == pytest.approx(fit.bse.iloc[1], rel=0.003)


def test_a_ratio_too_has_the_interval_of_its_design() -> None:
    ratio = Metric("orders", "during", "goal", denominator="visits")
    (fixed,), (planned,) = (
        only(shop(), ratio, way=w, looks=n) for w, n in (("fixed", 1), ("group_sequential", 5))
    )
    assert planned.plain == fixed.plain == fixed.chosen
    wider = (planned.chosen.high - planned.chosen.low) / (fixed.chosen.high - fixed.chosen.low)
    assert wider == pytest.approx(2.031032 / 1.9604, rel=2e-4)
    assert fixed.lift is not None and planned.lift is not None
    assert planned.lift.low < fixed.lift.low and planned.lift.high > fixed.lift.high


# --- guardrails -----------------------------------


@pytest.mark.parametrize(("direction", "sign"), [("increase", 1), ("decrease", -1)])
def test_a_guardrail_is_a_one_sided_test_at_its_margin(direction: str, sign: int) -> None:
    units = shop()
    guard = Metric("visits", "post", "guardrail", direction, 0.10)
    _, e = only(units, SPEND, guard)
    new, control = halves(units, "post_visits")
    moved = sign * (new - 0) if sign > 0 else -new
    line = (1 - sign * 0.10) * control
    t = stats.ttest_ind(moved, sign * line, equal_var=False, alternative="greater")
    assert e.margin is not None and e.margin.p_value == pytest.approx(t.pvalue, rel=1e-9)
    assert e.correction == ""


def test_a_guardrail_of_a_ratio_is_judged_too() -> None:
    """Orders a visit may fall by a tenth; where half of them are gone it is surely broken, a hair is within it."""
    units = shop(3_000)
    guard = Metric("orders", "during", "guardrail", "increase", 0.10, "visits")
    _, e = only(units, SPEND, guard)
    assert e.margin is not None and e.margin.low > 0
    half = units["arm"] == "new"
    units.loc[half, "during_orders"] = np.floor(units.loc[half, "during_orders"] / 2)
    _, e = only(units, SPEND, guard)
    new, control = (units[units["arm"] == a] for a in ("new", "control"))
    shares = [f["during_orders"].sum() / f["during_visits"].sum() for f in (new, control)]
    assert e.margin is not None and e.margin.high < 0
    assert e.margin.value == pytest.approx(shares[0] - 0.9 * shares[1])
    draws = np.random.default_rng(0)

    def again(f: pd.DataFrame) -> np.ndarray:
        orders, visits = f["during_orders"].to_numpy(), f["during_visits"].to_numpy()
        at = draws.integers(len(f), size=(1_000, len(f)))
        return orders[at].sum(1) / visits[at].sum(1)

    assert e.margin.error == pytest.approx(np.std(again(new) - 0.9 * again(control)), rel=0.08)


def test_a_guardrail_without_a_margin_judges_nothing() -> None:
    _, e = only(shop(), SPEND, Metric("visits", "post", "guardrail"))
    assert e.margin is None


# --- many tests, and what is refused -----------------------------------


@pytest.mark.parametrize(("correction", "method"), [("holm", "holm"), ("benjamini-hochberg", "fdr_bh")])
def test_goals_by_holm_over_arms_secondaries_by_what_was_asked(correction: str, method: str) -> None:
    units = shop(arms=("control", "a", "b"))
    metrics = (SPEND, Metric("orders", "during", "secondary"), Metric("visits", "during", "secondary"))
    params = replace_params(correction)
    found, _ = effects(design("a", "b", metrics=metrics), made(units), params)
    goals = [e for e in found if e.metric is SPEND]
    rest = [e for e in found if e.metric is not SPEND]
    assert [e.p_value for e in goals] == pytest.approx(
        multipletests([e.chosen.p_value for e in goals], method="holm")[1]
    )
    assert [e.p_value for e in rest] == pytest.approx(
        multipletests([e.chosen.p_value for e in rest], method=method)[1]
    )
    assert {e.correction for e in goals} == {"holm, 2 tests"}
    assert {e.correction for e in rest} == {f"{correction}, 4 tests"}


def replace_params(correction: str) -> Any:
    from types import SimpleNamespace

    return SimpleNamespace(**(vars(PARAMS) | {"correction": correction}))


def test_what_cannot_be_estimated_is_refused_in_a_sentence() -> None:
    units = shop().assign(during_revenue=5.0)
    found, refused = effects(
        design(metrics=(SPEND, Metric("orders", "during", "secondary"))), made(units), PARAMS
    )
    assert [e.metric.metric for e in found] == ["orders"]
    assert (refused[0].arm, refused[0].metric) == ("new", SPEND) and "does not vary" in refused[0].why


# --- cities in their tiers -----------------------------------


def test_cities_are_compared_within_their_tier() -> None:
    """Tiers differ by far more than the promotion does: within them the error is that of what is left."""
    random = np.random.default_rng(7)
    tier = np.repeat(["1", "2"], 20)
    level = np.where(tier == "1", 100.0, 20.0)
    arm = np.tile(["control", "new"], 20)
    y = level + 3.0 * (arm == "new") + random.normal(0, 1, 40)
    units = pd.DataFrame(dict(arm=arm, tier=tier, during_orders=y))
    own = cells(units, "during_orders", segments=("tier",))
    (e,), _ = effects(design(unit="region", metrics=(Metric("orders", "during", "goal"),)), own, PARAMS)
    fit = smf.ols("during_orders ~ (arm == 'new') + tier", units).fit()
    assert e.adjustment == "before, within blocks" and e.reduction is not None and e.reduction > 0.99
    assert e.chosen.value == pytest.approx(fit.params.iloc[1]) and e.chosen.error == pytest.approx(
        fit.bse.iloc[1], rel=0.05
    )


# --- other views -----------------------------------


def tally(units: pd.DataFrame, metric: str, column: str) -> pd.DataFrame:
    return (
        units.groupby(["arm", column])
        .size()
        .rename("units")
        .reset_index()
        .rename(columns={column: "value"})
        .assign(metric=metric)
    )


def test_views_against_unit_level_numbers() -> None:
    units = shop()
    found = {v["view"]: v for v in views(design(), tally(units, "revenue", "during_revenue"), "new", 0.99)}
    new, control = halves(units, "during_revenue")
    cap = np.quantile(units["during_revenue"], 0.99, method="inverted_cdf")
    t = stats.ttest_ind(new.clip(upper=cap), control.clip(upper=cap), equal_var=False)
    assert found["capped at the 99% quantile"]["p_value"] == pytest.approx(t.pvalue, rel=1e-9)
    assert found["90 % quantile"]["difference"] == pytest.approx(
        np.quantile(new, 0.9, method="inverted_cdf") - np.quantile(control, 0.9, method="inverted_cdf")
    )


def test_views_of_contribution_take_off_what_the_arm_costs() -> None:
    units = shop().assign(value=lambda f: f["during_revenue"] * 0.3)
    rows = tally(units, "contribution", "value")
    name = "without the most extreme unit"
    free, dear = (
        next(v["difference"] for v in views(design(cost=c), rows, "new", 0.99) if v["view"] == name)
        for c in (0.0, 0.8)
    )
    assert free - dear == pytest.approx(0.8)
    revenue = tally(units, "revenue", "during_revenue")
    a, b = (views(design(cost=c), revenue, "new", 0.99) for c in (0.0, 0.8))
    assert a == b
    assert views(replace(design(), goods_known=False), rows, "new", 0.99) == []


def test_a_view_that_cannot_be_taken_says_why() -> None:
    units = shop().assign(value=0.0)
    units.loc[[0, 1, 1_600], "value"] = [5.0, 6.0, 7.0]
    found = {v["view"]: v for v in views(design(), tally(units, "revenue", "value"), "new", 0.99)}
    assert found["capped at the 99% quantile"]["difference"] is None
    assert "raise the share" in found["capped at the 99% quantile"]["why"]
