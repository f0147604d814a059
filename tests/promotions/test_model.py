"""From marts to decisions: what can be read is worked through, what cannot says why; cells against unit-level rows."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from growth.promotions import memo, model
from growth.promotions.design import TRADE_SEGMENTS
from growth.promotions.marts import COLUMNS
from growth.promotions.model import Shelf, Study, decisive, experiments, most_at_stake
from growth.promotions.validity import STOP
from tests.promotions.hand import BEGIN, END, PARAMS

AS_OF = dt.date(2024, 12, 1)


def shop(name: str, n: int = 3_000, win: float = 0.4, seed: int = 1, lost: float = 0.0) -> pd.DataFrame:
    """The units of an experiment with every column of the mart ``moments``; `lost` of the new arm are missing."""
    random = np.random.default_rng(seed)
    arm = np.where(random.random(n) < 0.5, "control", "new")
    on = (arm == "new").astype(float)
    rows = pd.DataFrame({c: 0.0 for c in COLUMNS}, index=range(n)).assign(experiment_id=name, arm=arm)
    for window in ("pre", "during", "post"):
        rows[f"{window}_visits"] = 1.0 + random.poisson(2, n)
        orders = random.poisson(0.6 + win * on * (window == "during"))
        rows[f"{window}_orders"], rows[f"{window}_revenue"] = (
            orders,
            np.round(orders * random.gamma(4, 10, n), 2),
        )
        rows[f"{window}_contribution"] = np.round(0.4 * rows[f"{window}_revenue"], 2)
    rows["during_buyers"] = (rows["during_orders"] > 0).astype(float)
    rows["fold"] = random.integers(0, 2, n)
    rows = rows.assign(
        tier=random.choice(["a", "b"], n), city_tier=random.choice(["x", "y", None], n), channel="web"
    )
    return rows[(rows["arm"] == "control") | (random.random(n) >= lost)]


def moments(units: pd.DataFrame) -> pd.DataFrame:
    """The mart, by a loop over cells."""
    rows = []
    for key, own in units.groupby(["experiment_id", "arm", "fold", *TRADE_SEGMENTS], dropna=False):
        row = dict(zip(("experiment_id", "arm", "fold", *TRADE_SEGMENTS), key, strict=True), units=len(own))
        row |= {f"s_{c}": own[c].sum() for c in COLUMNS}
        row |= {f"p_{a}__{b}": (own[a] * own[b]).sum() for i, a in enumerate(COLUMNS) for b in COLUMNS[i:]}
        rows.append(row)
    return pd.DataFrame(rows)


def designs(*names: str, **changes: Any) -> pd.DataFrame:
    plain = dict(
        name=None, kind="coupon", unit="customer", starts_on=BEGIN, ends_on=END, post_days=14, design="fixed",
        looks=None,        alpha=None, power=None, planned_lift=0.2, planned_units=None, goods_known=True,
    )  # fmt: skip
    return pd.DataFrame([dict(experiment_id=n) | plain | changes for n in names])


def shelf(units: pd.DataFrame, plans: pd.DataFrame, **marts: pd.DataFrame) -> Shelf:
    """Marts of experiments with two arms and one goal, each of which `marts` may replace."""
    names = plans["experiment_id"].tolist()
    by_arm = units.groupby(["experiment_id", "arm"]).size().rename("units").reset_index()
    zeros = ("no_unit", "twice", "late", "exposed", "exposed_before", "exposed_other")
    arms = [
        dict(experiment_id=n, arm=a, planned_share=0.5, control=a == "control", unit_cost=c, planned=True, place=k)
        for n in names for k, (a, c) in enumerate((("control", None), ("new", 0.5)))
    ]  # fmt: skip
    goal = dict(
        metric="contribution",
        denominator=None,
        role="goal",
        direction=None,
        margin=None,
        window="total",
        place=1,
    )
    made = dict(
        designs=plans, arms=pd.DataFrame(arms), metrics=pd.DataFrame([dict(experiment_id=n) | goal for n in names]),
        checks=by_arm.assign(**dict.fromkeys(zeros, 0)), moments=moments(units),
        overlaps=pd.DataFrame(columns=["experiment_id", "other", "shared"]),
    ) | marts  # fmt: skip
    return Shelf(made.__getitem__, made.__contains__)


def worked(
    units: pd.DataFrame, plans: pd.DataFrame, **marts: pd.DataFrame
) -> tuple[list[Study], dict[str, str]]:
    return experiments(shelf(units, plans, **marts), AS_OF, "CNY", PARAMS)


def test_an_experiment_is_worked_through_to_its_memo() -> None:
    units = shop("trial")
    (s,), wrong = worked(units, designs("trial"))
    assert wrong == {} and not s.broken and s.refused == []
    net = units["during_contribution"] + units["post_contribution"] - 0.5 * (units["arm"] == "new")
    t = stats.ttest_ind(net[units["arm"] == "new"], net[units["arm"] == "control"], equal_var=False)
    low, high = t.confidence_interval()
    assert (s.money["new"].net.low, s.money["new"].net.high) == pytest.approx((low, high), rel=1e-8)
    assert (s.decision.decision, s.decision.arm, s.best) == (memo.SHIP, "new", "new")
    assert s.decision.unit == "CNY a customer" and s.decision.value == s.money["new"].net
    assert {x.name for x in s.segments["new"]} == {"tier", "city_tier"}, (
        "a channel of one level cannot differ"
    )
    assert "new" in s.targeting and s.next["new"].error == s.effects[0].chosen.error


def test_cells_are_those_of_the_units() -> None:
    units = shop("trial")
    cells = model.read_cells(shelf(units, designs("trial")), "trial")
    for (arm, tier), own in units.groupby(["arm", "tier"]):
        m = cells.level(arm, 0, tier)
        assert m is not None and m.n == len(own)
        expected = np.cov(own["during_revenue"], own["pre_orders"])
        assert m.cov("during_revenue", "pre_orders") == pytest.approx(expected[0, 1])
        assert m.var("during_revenue") == pytest.approx(expected[0, 0])
        half = cells.level(arm, 0, tier, 1)
        assert half is not None and half.n == (own["fold"] == 1).sum()
    assert cells.levels(1) == ["x", "y"], "customers of unknown cities are in no level"
    assert sum(m.n for m in cells.arms.values()) == len(units)


def test_what_cannot_be_read_says_why_and_the_rest_goes_on() -> None:
    names = ("late", "early", "nobody", "two_controls", "odd_metric", "backwards")
    units = pd.concat([shop(n, 600) for n in names if n != "nobody"])
    plans = designs(*names)
    plans.loc[1, ["starts_on", "ends_on"]] = [BEGIN - dt.timedelta(30), BEGIN]
    plans.loc[5, "ends_on"] = BEGIN - dt.timedelta(1)
    whole = shelf(units, plans)
    arms, metrics = whole.get("arms"), whole.get("metrics")
    arms.loc[arms["experiment_id"] == "two_controls", "control"] = True
    metrics.loc[metrics["experiment_id"] == "odd_metric", "metric"] = "love"
    found, wrong = worked(units, plans, arms=arms, metrics=metrics)
    assert [s.design.id for s in found] == ["early", "late"], "in the order of their start"
    assert set(wrong) == {"nobody", "two_controls", "odd_metric", "backwards"}
    assert wrong["nobody"].startswith("nobody: nothing is known of its units: map measurements, or orders")
    assert "exactly one arm as the control (found: control, new" in wrong["two_controls"]
    assert "asks for total_love" in wrong["odd_metric"]
    assert "must lie after starts_on" in wrong["backwards"]
    for why in wrong.values():
        assert why.endswith(".") and "\n" not in why


def test_a_broken_test_is_not_estimated() -> None:
    units = shop("trial", lost=0.3)
    (s,), _ = worked(units, designs("trial"))
    assert s.broken and [c.code for c in s.checks if c.verdict == STOP] == ["sample_ratio"]
    assert (s.decision.decision, s.effects, s.money, s.segments, s.replays) == (memo.NONE, [], {}, {}, {})
    assert s.best == "new"


def test_an_arm_whose_units_are_all_in_two_arms_is_no_crash() -> None:
    units = shop("trial")
    lost = units[units["arm"] == "control"]
    checks = shelf(units, designs("trial")).get("checks")
    (s,), wrong = worked(lost, designs("trial"), checks=checks)
    assert wrong == {} and s.broken and s.decision.decision == memo.NONE
    assert s.checks[0].code == "arms" and s.checks[0].verdict == STOP


def test_overlaps_are_read_from_either_side() -> None:
    units = pd.concat([shop("a", 600), shop("b", 600)])
    both = pd.DataFrame([dict(experiment_id="a", other="b", shared=7)])
    found, _ = worked(units, designs("a", "b"), overlaps=both)
    for s, other in zip(found, ("b", "a"), strict=True):
        (check,) = [c for c in s.checks if c.code == "one_at_a_time"]
        assert check.seen == f"at the same time as {other} (7 units of both)"


def test_what_decides() -> None:
    units = shop("trial", 600)
    (with_days_after,), _ = worked(units, designs("trial"))
    assert decisive(with_days_after.design, with_days_after.cells) == "total_contribution"
    (without,), _ = worked(units, designs("trial", post_days=0))
    assert decisive(without.design, without.cells) == "during_contribution"


def test_most_at_stake_is_worth_times_units_of_sound_tests_with_an_offer_first() -> None:
    small, large = shop("small", 800, 1.0), shop("large", 6_000, 0.6, seed=2)
    broken = shop("broken", 9_000, 3.0, seed=3, lost=0.4)
    found, _ = worked(pd.concat([small, large, broken]), designs("small", "large", "broken"))
    chosen = most_at_stake(found)
    assert chosen is not None and chosen.design.id == "large"
    offer = small.assign(during_redemptions=small["during_orders"] * (small["arm"] == "new"))
    found, _ = worked(pd.concat([offer, large, broken]), designs("small", "large", "broken"))
    chosen = most_at_stake(found)
    assert chosen is not None and chosen.design.id == "small", (
        "a test of an offer is what the notebook is about"
    )
    assert most_at_stake([]) is None
    only, _ = worked(broken, designs("broken"))
    assert most_at_stake(only) is only[0]


# --- measured data ------------------------------------------------------------------------------------


def measured(
    columns: dict[str, np.ndarray], arm: np.ndarray, scales: dict[str, int]
) -> dict[str, pd.DataFrame]:
    """The marts ``measured`` and ``measured_names`` of one experiment, values scaled as they are stored."""
    names = sorted(columns)
    values = pd.DataFrame({f"v{i}": columns[c] * 10.0 ** scales[c] for i, c in enumerate(names)}).assign(
        arm=arm
    )
    rows = []
    for a, own in values.groupby("arm"):
        stored = [c for c in own if c != "arm"]
        row: dict[str, Any] = dict(experiment_id="trial", arm=a, fold=0, complete=True, units=len(own))
        row |= dict.fromkeys(("segment_1", "segment_2", "segment_3"))
        row |= {f"s_{c}": own[c].sum() for c in stored}
        row |= {f"p_{c}__{d}": (own[c] * own[d]).sum() for i, c in enumerate(stored) for d in stored[i:]}
        rows.append(row)
    meta = [
        dict(experiment_id="trial", metric=c, window="during", is_segment=False, scale=scales[c])
        for c in names
    ]
    return dict(measured=pd.DataFrame(rows), measured_names=pd.DataFrame(meta))


@pytest.mark.parametrize("revenue", ["spend", "revenue_of_ours"])
def test_measured_revenue_becomes_money_and_another_name_does_not(revenue: str) -> None:
    random = np.random.default_rng(3)
    arm = np.where(random.random(4_000) < 0.5, "control", "new")
    value = random.gamma(1, 10, 4_000) + 2 * (arm == "new")
    marts = measured({revenue: value, "visit": (value > 5).astype(float)}, arm, {revenue: 3, "visit": 7})
    units = pd.DataFrame({"experiment_id": "trial", "arm": arm})
    goal = pd.DataFrame([dict(experiment_id="trial", metric=revenue, denominator=None, role="goal", direction=None,
                              margin=None, window=None, place=1)])  # fmt: skip
    whole = shelf(shop("trial", 50), designs("trial", post_days=0))
    checks = whole.get("checks").assign(units=units.groupby("arm").size().to_numpy())
    (s,), wrong = worked(
        shop("other", 50), designs("trial", post_days=0), metrics=goal, checks=checks, **marts
    )
    assert wrong == {} and s.effects[0].control == pytest.approx(value[arm == "control"].mean())
    known = revenue == "spend"
    assert bool(s.money) == known and decisive(s.design, s.cells) == (
        "during_contribution" if known else s.design.goal.key
    )
    assert s.decision.unit == ("CNY a customer" if known else f"{revenue.replace('_', ' ')}, during")
    if known:
        profit = PARAMS.margin * value - 0.5 * (arm == "new")
        assert s.money["new"].net.value == pytest.approx(
            profit[arm == "new"].mean() - profit[arm == "control"].mean()
        )


def test_contribution_cannot_be_the_goal_of_measurements_without_revenue() -> None:
    """It is refused in a sentence that names what is known, and does not end the others."""
    arm = np.array(["control", "new"] * 50)
    marts = measured({"visit": np.arange(100.0)}, arm, {"visit": 3})
    _, wrong = worked(shop("other", 50), designs("trial"), **marts)
    assert "total_contribution" in wrong["trial"] and wrong["trial"].endswith("Known: during_visit.")


def test_a_mart_that_was_left_out_is_empty() -> None:
    own = Shelf({}.__getitem__, lambda _: False)
    assert own.of("days", "trial").empty and own.of("days", "trial").columns.tolist() == ["experiment_id"]
