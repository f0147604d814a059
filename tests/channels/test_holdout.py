"""Holdouts against regressions of every customer, a known truth, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import ttest_ind

from growth.channels import holdout


def shop(seed: int, n: int = 4000, held: float = 0.3, effect: float = 0.4) -> pd.DataFrame:
    """Customers who order more where the channel reaches them; 40 % of those shown can be reached."""
    random = np.random.default_rng(seed)
    keen = random.gamma(2, 0.5, n)
    shown = random.random(n) >= held
    reachable = random.random(n) < 0.2 + 0.2 * np.minimum(keen, 2)
    reached = reachable & shown
    return pd.DataFrame(
        dict(
            ads=shown.astype(int), reached=reached.astype(int), before=random.poisson(2 * keen),
            orders=random.poisson(keen + effect * reached), reachable=reachable,
        )
    )  # fmt: skip


def test_the_plain_effect_is_welch_and_the_total_is_for_everybody() -> None:
    frame = shop(1)
    held, shown = holdout.arms(frame, "ads", ["orders", "before"])
    found = holdout.intention_to_treat(held, shown, "orders", "ads", held_share=0.3)
    wanted = ttest_ind(frame.query("ads == 1")["orders"], frame.query("ads == 0")["orders"], equal_var=False)
    assert found.per_user.p_value == pytest.approx(wanted.pvalue, rel=1e-9)
    ci = wanted.confidence_interval()
    assert (found.per_user.low, found.per_user.high) == pytest.approx((ci.low, ci.high), rel=1e-9)
    assert found.total.value == pytest.approx(4000 * found.per_user.value)
    assert (found.total.low, found.total.high) == pytest.approx((4000 * ci.low, 4000 * ci.high))
    assert found.lift is not None and found.lift.kind == "bounded"


def test_orders_of_before_take_noise_away() -> None:
    frame = shop(2)
    held, shown = holdout.arms(frame, "ads", ["orders", "before"])
    plain = holdout.intention_to_treat(held, shown, "orders", "ads", held_share=0.3)
    found = holdout.intention_to_treat(held, shown, "orders", "ads", ["before"], held_share=0.3)
    wanted = sm.OLS(frame["orders"], sm.add_constant(frame[["ads", "before"]])).fit(cov_type="HC2")
    assert found.per_user.value == pytest.approx(wanted.params["ads"], rel=0.01)
    assert found.per_user.error == pytest.approx(wanted.bse["ads"], rel=0.01)
    assert found.reduction == pytest.approx(1 - (found.per_user.error / plain.per_user.error) ** 2)
    # squared correlation of orders (variance 1.5) and those before (4), which share the variance of taste (0.5)
    assert found.reduction == pytest.approx((2 * 0.5) ** 2 / (1.5 * 4), abs=0.04)


def test_the_effect_on_those_reached_is_walds_ratio() -> None:
    frame = shop(3)
    held, shown = holdout.arms(frame, "ads", ["orders", "reached", "before"])
    found = holdout.exposed(held, shown, "orders", "reached", "ads", held_share=0.3)
    means = frame.groupby("ads")[["orders", "reached"]].mean()
    step = means.loc[1] - means.loc[0]
    assert found.effect.value == pytest.approx(step["orders"] / step["reached"])
    assert found.share == pytest.approx(means.loc[1, "reached"]) and found.leak == 0
    assert found.share_low < found.share < found.share_high
    # two-stage least squares by hand, robust error
    z = sm.add_constant(frame["ads"]).to_numpy(float)
    x = sm.add_constant(frame["reached"]).to_numpy(float)
    y = frame["orders"].to_numpy(float)
    beta = np.linalg.solve(z.T @ x, z.T @ y)
    bread = np.linalg.inv(z.T @ x)
    error = np.sqrt((bread @ (z.T * (y - x @ beta) ** 2) @ z @ bread.T)[1, 1])
    assert found.effect.value == pytest.approx(beta[1])
    assert (found.effect.high - found.effect.low) / 3.92 == pytest.approx(error, rel=0.02)
    better = holdout.exposed(held, shown, "orders", "reached", "ads", ["before"], held_share=0.3)
    assert better.effect.high - better.effect.low < found.effect.high - found.effect.low


def test_everybody_reached_has_the_effect_on_average() -> None:
    found = []
    for seed in range(40):
        frame = shop(100 + seed)
        held, shown = holdout.arms(frame, "ads", ["orders", "reached", "before"])
        found.append(holdout.exposed(held, shown, "orders", "reached", "ads", ["before"], 0.3).effect.value)
    assert np.mean(found) == pytest.approx(0.4, abs=3 * np.std(found) / np.sqrt(40))


def test_hardly_anybody_reached_has_no_finite_interval() -> None:
    frame = shop(4).assign(reached=0)
    frame.loc[frame.query("ads == 1").index[:3], "reached"] = 1
    held, shown = holdout.arms(frame, "ads", ["orders", "reached"])
    found = holdout.exposed(held, shown, "orders", "reached", "ads", held_share=0.3)
    assert found.effect.kind != "bounded" and "no finite interval" in found.said


def many(seed: int, n: int = 6000, effects: tuple[float, ...] = (0.3, 0.0, 0.2)) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    shown = (random.random((n, 3)) >= [0.5, 0.2, 0.1]).astype(int)
    keen = random.gamma(2, 0.5, n)
    mean = keen + shown @ np.array(effects) + 0.2 * shown[:, 0] * shown[:, 2]
    frame = pd.DataFrame(shown, columns=["ads", "search", "creator"])
    return frame.assign(orders=random.poisson(mean), before=random.poisson(2 * keen))


def test_several_channels_are_one_regression_with_robust_errors() -> None:
    frame = many(5)
    names = ["ads", "search", "creator"]
    cells = holdout.cells(frame, names, ["orders", "before"])
    assert sum(c.n for c in cells.values()) == len(frame)
    found = holdout.factorial(cells, names, "orders", held_shares=[0.5, 0.2, 0.1])
    wanted = sm.OLS(frame["orders"], sm.add_constant(frame[names])).fit(cov_type="HC2")
    n = len(frame)
    for i, name in enumerate(names):
        assert found.per_user[i].value == pytest.approx(wanted.params[name], rel=1e-9)
        assert found.per_user[i].error == pytest.approx(wanted.bse[name], rel=1e-9)
        assert found.total[i].value == pytest.approx(n * wanted.params[name], rel=1e-9)
        own = ttest_ind(
            frame.loc[frame[name] == 1, "orders"], frame.loc[frame[name] == 0, "orders"], equal_var=False
        )
        assert found.marginal[i].p_value == pytest.approx(own.pvalue, rel=1e-6)
    assert found.covariance == pytest.approx(
        n**2 * wanted.cov_params().loc[names, names].to_numpy(), rel=1e-9
    )
    assert "as they ran" in found.estimand
    less = holdout.factorial(cells, names, "orders", ["before"], [0.5, 0.2, 0.1])
    both = sm.OLS(frame["orders"], sm.add_constant(frame[[*names, "before"]])).fit(cov_type="HC2")
    for i, name in enumerate(names):
        assert less.per_user[i].value == pytest.approx(both.params[name], abs=0.05 * both.bse[name])
        assert less.per_user[i].error == pytest.approx(both.bse[name], rel=0.01)


def test_one_channel_at_once_is_welch() -> None:
    frame = shop(6)
    cells = holdout.cells(frame, ["ads"], ["orders"])
    found = holdout.factorial(cells, ["ads"], "orders", held_shares=[0.3])
    wanted = ttest_ind(frame.query("ads == 1")["orders"], frame.query("ads == 0")["orders"], equal_var=False)
    assert found.per_user[0].p_value == pytest.approx(wanted.pvalue, rel=1e-9)
    assert found.per_user[0].freedom == pytest.approx(wanted.df, rel=1e-9)


def test_marginal_effects_are_those_of_others_as_they_ran() -> None:
    """Ads and creators help each other: an effect averages over the other's lot."""
    found = []
    for seed in range(30):
        cells = holdout.cells(many(300 + seed), ["ads", "search", "creator"], ["orders", "before"])
        done = holdout.factorial(cells, ["ads", "search", "creator"], "orders", ["before"], [0.5, 0.2, 0.1])
        found.append([e.value for e in done.per_user])
    error = 3 * np.std(found, axis=0) / np.sqrt(30)
    assert (np.abs(np.mean(found, axis=0) - [0.3 + 0.2 * 0.9, 0.0, 0.2 + 0.2 * 0.5]) < error).all()


def test_what_is_no_test_is_refused() -> None:
    frame = shop(7)
    held, shown = holdout.arms(frame, "ads", ["orders"])
    empty, all_shown = holdout.arms(frame.assign(ads=1), "ads", ["orders"])
    with pytest.raises(ValueError, match="nobody was held out of it, and one arm is no test"):
        holdout.intention_to_treat(empty, all_shown, "orders", "ads")
    with pytest.raises(ValueError, match="nobody was shown it"):
        holdout.intention_to_treat(all_shown, empty, "orders", "ads")
    with pytest.raises(ValueError, match="not as the lot drew them"):
        holdout.intention_to_treat(held, shown, "orders", "ads", held_share=0.5)
    with pytest.raises(ValueError, match="0 and 1, not 1.2"):
        holdout.intention_to_treat(held, shown, "orders", "ads", held_share=1.2)
    nobody = frame.assign(reached=0)
    with pytest.raises(ValueError, match="nobody whom the test exposed"):
        holdout.exposed(
            *holdout.arms(nobody, "ads", ["orders", "reached"]), "orders", "reached", "ads", held_share=0.3
        )
    with pytest.raises(ValueError, match="something else is there"):
        holdout.arms(frame.assign(ads=2), "ads", ["orders"])
    with pytest.raises(ValueError, match="no column `money`"):
        holdout.arms(frame, "ads", ["money"])
    with pytest.raises(ValueError, match="does not vary"):
        flat = holdout.arms(frame.assign(orders=1.0), "ads", ["orders"])
        holdout.intention_to_treat(*flat, "orders", "ads", held_share=0.3)


def test_lots_that_hang_together_are_refused() -> None:
    frame = many(8)
    same = frame.assign(search=frame["ads"])
    with pytest.raises(ValueError, match="ads and search were held out of the same customers"):
        holdout.factorial(holdout.cells(same, ["ads", "search"], ["orders"]), ["ads", "search"], "orders")
    random = np.random.default_rng(9)
    near = frame.assign(search=np.where(random.random(len(frame)) < 0.6, frame["ads"], 1 - frame["ads"]))
    with pytest.raises(ValueError, match="not independent of each other"):
        holdout.factorial(holdout.cells(near, ["ads", "search"], ["orders"]), ["ads", "search"], "orders")
    only = holdout.cells(frame.query("search == 1"), ["ads", "search"], ["orders"])
    with pytest.raises(ValueError, match="search: nobody was held out"):
        holdout.factorial(only, ["ads", "search"], "orders", held_shares=[0.5, 0.2])


def test_no_orders_among_those_held_out_still_has_a_difference() -> None:
    frame = shop(10, 200)
    frame.loc[frame["ads"] == 0, "orders"] = 0
    held, shown = holdout.arms(frame, "ads", ["orders", "before"])
    found = holdout.intention_to_treat(held, shown, "orders", "ads", ["before"], held_share=0.3)
    assert found.lift is None and found.per_user.value == frame.query("ads == 1")["orders"].mean()
