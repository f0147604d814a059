"""Scores against scikit-learn and by hand, models on the past only, and targeting that ranks by profit."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from growth.errors import attempt
from growth.retention import churn, targeting
from growth.retention.rules import HORIZON
from growth.retention.snapshots import snapshot_days
from growth.stats import scores

RANDOM = np.random.default_rng(23)
DAYS = snapshot_days(dt.date(2025, 1, 1))


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Customers who live 0 to 3 years and buy at gamma rates, seen on the days of snapshots: who is gone stays gone."""
    random = np.random.default_rng(29)
    made = []
    for n in range(2500):
        born = int(random.integers(-900, -60))
        rate, gone = random.gamma(0.8, 1 / 50), born + random.exponential(500)
        gaps = np.ceil(random.exponential(1 / rate, 60)).cumsum()
        times = np.unique(np.concatenate([[born], born + gaps[born + gaps < min(gone, 0)]]).astype(int))
        basket = random.lognormal(3, 0.5)
        for k, at in enumerate(DAYS):
            now = -HORIZON * k
            past, later = times[times < now], times[(times >= now) & (times < now + HORIZON)]
            if past.size:
                ages = now - past
                made.append(
                    dict(customer_id=f"c{n}", at=at, recency=ages.min(), tenure=ages.max(), bought=past.size,
                         spent=Decimal(f"{basket * past.size:.2f}"), bought_91=(ages <= 91).sum(),
                         bought_182=(ages <= 182).sum(), again=len(later) if k else None,
                         came=Decimal(f"{basket * len(later):.2f}") if k else None, visits_28=None, visits_91=None)
                )  # fmt: skip
    return pd.DataFrame(made)


def test_the_area_is_scikit_learns_and_delongs_interval_is_the_bootstraps() -> None:
    hit = RANDOM.random(600) < 0.3
    score = np.round(RANDOM.normal(hit, 1.3), 1)  # with ties
    area, low, high = scores.auc(score, hit)
    assert area == pytest.approx(roc_auc_score(hit, score), abs=1e-12)
    draws = []
    for _ in range(1500):
        k = RANDOM.integers(0, 600, 600)
        draws.append(roc_auc_score(hit[k], score[k]))
    assert high - low == pytest.approx(2 * 1.96 * np.std(draws), rel=0.08) and low < area < high


def test_an_area_needs_both_kinds() -> None:
    with pytest.raises(ValueError, match="some who did and some who did not"):
        scores.auc([0.1, 0.2], [True, True])
    assert scores.auc([0.1, 0.9], [False, True]) == (1.0, 1.0, 1.0)


def test_calibration_error_by_hand() -> None:
    chance, hit = [0.1, 0.2, 0.7, 0.8], [0, 1, 1, 1]
    assert scores.calibration_error(chance, hit, 2) == pytest.approx((0.35 + 0.25) / 2)
    assert scores.calibration_error(hit, hit, 2) == 0
    assert scores.groups(chance, hit, 2)["customers"].tolist() == [2, 2]


def test_stability_is_zero_for_the_same_and_by_hand_for_two_groups() -> None:
    old = np.arange(1000.0)
    assert scores.stability(old, old) == pytest.approx(0, abs=1e-12)
    new = np.concatenate([np.full(250, 1.0), np.full(750, 999.0)])
    a, b = 0.5, np.array([250.5, 750.5]) / 1001
    assert scores.stability(old, new, 2) == pytest.approx(((b - a) * np.log(b / a)).sum(), rel=1e-6)


def test_a_perfect_model_is_off_by_chance_alone() -> None:
    """Against simulation, unequal groups too; certainty is never off."""
    chance = RANDOM.beta(1, 4, 1_003)
    shown = [scores.calibration_error(chance, RANDOM.random(1_003) < chance) for _ in range(3_000)]
    mean, most = scores.calibration_by_chance(chance)
    assert mean == pytest.approx(np.mean(shown), rel=0.02)
    assert most == pytest.approx(np.quantile(shown, 0.95), rel=0.03)
    assert scores.calibration_by_chance([0.0, 1.0, 1.0]) == (0, 0)


def test_labels_are_features_that_the_training_days_know() -> None:
    """A value of few customers, one that is new, and one that nobody has any more; standardised on the past alone."""
    plain = dict(recency=5, tenure=40, bought=2, spent=9, bought_91=1, bought_182=2)
    old = pd.DataFrame(
        [plain | dict(channel=c) for c, n in (("ads", 60), (None, 70), ("rare", 3)) for _ in range(n)]
    )
    new = pd.DataFrame([plain | dict(channel=c, recency=r) for c, r in (("ads", 5), ("fresh", 90))])
    known, then = churn.designs(old, new)
    assert list(known) == ["channel: ads", "channel: unknown"], "what does not vary is no feature"
    assert np.allclose(known.mean(), 0) and np.allclose(known.std(), 1)
    assert then["channel: ads"].tolist() == [known["channel: ads"].max(), known["channel: ads"].min()]
    assert (then["channel: unknown"] == known["channel: unknown"].min()).all()


def test_a_label_that_most_have_is_compared_value_by_value() -> None:
    """From 95 % to 80 %: (.8 - .95) log(.8 / .95) + (.2 - .05) log(.2 / .05), half a customer added to each cell."""
    old, new = np.repeat([1.0, 0.0], [950, 50]), np.repeat([1.0, 0.0], [800, 200])
    a, b = np.array([950.5, 50.5]) / 1001, np.array([800.5, 200.5]) / 1001
    assert scores.stability(old, new) == pytest.approx(float(((b - a) * np.log(b / a)).sum()))


def test_every_feature_has_words(rows: pd.DataFrame) -> None:
    some = rows.head(60).assign(
        orders=1, refunded=2.0, discount=1.0, visits_28=1, visits_91=2, channel="ads", city="x", tier="y"
    )
    named = set(churn.design(some))
    assert named == set(churn.SAID) | {"discount share", "channel: ads", "city: x", "tier: y"}


def test_models_are_trained_on_quarters_that_are_over_and_tested_on_the_next(rows: pd.DataFrame) -> None:
    found = churn.contest(rows)
    assert {f.model for f in found.folds} == {churn.LOGISTIC, churn.BOOSTING, churn.PURCHASES}
    assert all((f.tested - f.trained).days == HORIZON for f in found.folds)
    assert max(f.tested for f in found.folds) == DAYS[1], "the quarter after the data is not over"
    assert [f.quarters for f in found.folds if f.model == churn.LOGISTIC] == [1, 2, 3, 4, 5]
    assert all(churn.past(rows, f.tested)["at"].max() == f.trained for f in found.folds)
    last = [f for f in found.folds if f.tested == DAYS[1]]
    assert all(f.low < f.auc < f.high and f.auc > 0.75 for f in last)
    earlier = {
        m: np.mean([f.brier for f in found.folds if f.model == m and f.tested != DAYS[1]])
        for m in {f.model for f in last}
    }
    assert found.best == min(earlier, key=lambda m: earlier[m])
    again = churn.contest(rows.sample(frac=1, random_state=4).sort_values(["at", "customer_id"]))
    assert [f.auc for f in again.folds] == [
        f.auc for f in churn.contest(rows.sort_values(["at", "customer_id"])).folds
    ]


def test_the_outcome_of_the_test_quarter_is_never_looked_at(rows: pd.DataFrame) -> None:
    """Turn what came after the tested day upside down: every prediction stays."""
    a, b = churn.pairs(rows)[-1]
    train, test = rows[rows["at"] == a], rows[rows["at"] == b]
    other = test.assign(again=(test["again"].astype(float) == 0).astype(float), came=Decimal(1))
    for name in (churn.LOGISTIC, churn.BOOSTING, churn.PURCHASES):
        assert np.array_equal(churn.predict(name, train, test), churn.predict(name, train, other))
    assert np.array_equal(targeting.expected_money(train, test), targeting.expected_money(train, other))


def test_what_matters_is_found(rows: pd.DataFrame) -> None:
    found = churn.contest(rows).importance
    assert set(found["feature"].head(3)) & {
        "log recency",
        "log silence over own gap",
        "log bought in 91 days",
    }
    assert found["loss"].iloc[0] > 0.02 and found["low"].iloc[0] > 0


@pytest.mark.parametrize("name", [churn.LOGISTIC, churn.BOOSTING])
def test_what_says_nothing_loses_nothing(rows: pd.DataFrame, name: str) -> None:
    """A label drawn by lot: shuffled, the AUC stays; and the interval is as wide as a bootstrap over customers says."""
    drawn = rows.assign(channel=np.random.default_rng(3).choice(["a", "b", "c"], len(rows)))
    train, test = churn.past(drawn, DAYS[1]), drawn[drawn["at"] == DAYS[1]]
    found = churn.importance(name, train, test).set_index("feature")
    lot = found.loc["channel"]
    assert lot["low"] <= 0 <= lot["high"] and "channel: a" not in found.index
    top = found.index[0]
    known, new = churn.designs(train, test)
    hit, model = churn.bought_again(test), churn._fitted(name, known, churn.bought_again(train))
    random, x, k = np.random.default_rng(5), new.to_numpy(), list(new).index(top)
    base = model.predict_proba(x)[:, 1]
    moved = [x.copy() for _ in range(5)]
    for m in moved:
        m[:, k] = random.permutation(m[:, k])
    scores = [model.predict_proba(m)[:, 1] for m in moved]
    draws = []
    for _ in range(400):
        i = random.integers(0, len(hit), len(hit))
        draws.append(np.mean([roc_auc_score(hit[i], base[i]) - roc_auc_score(hit[i], s[i]) for s in scores]))
    width = found.loc[top, "high"] - found.loc[top, "low"]
    assert width == pytest.approx(2 * 1.96 * np.std(draws), rel=0.2)


def test_drift_is_found_in_the_feature_that_moved(rows: pd.DataFrame) -> None:
    train, test = churn.past(rows, DAYS[1]), rows[rows["at"] == DAYS[1]]
    moved = test.assign(spent=[v * 5 for v in test["spent"]])
    found = churn.drifts(train, moved)
    assert found["feature"].iloc[0] == "log spent" and found["index"].iloc[0] > 0.25
    assert churn.drifts(train, test).set_index("feature").loc["log spent", "index"] < 0.1


@pytest.mark.parametrize("how", ["all bought", "none bought", "one day", "one customer"])
def test_what_cannot_be_learnt_is_said(rows: pd.DataFrame, how: str) -> None:
    few = {
        "all bought": rows.assign(again=1.0),
        "none bought": rows.assign(again=0.0),
        "one day": rows[rows["at"] == DAYS[1]],
        "one customer": rows[rows["customer_id"] == "c1"],
    }[how]
    found, why = attempt(churn.contest, few)
    assert found is None and "two quarters in a row" in why


# --- whom it pays to contact ---------------------------------------------------------------------------------------


def test_profit_is_margin_times_lift_times_money_less_cost(rows: pd.DataFrame) -> None:
    found = targeting.campaign(rows, churn.contest(rows), 0.3, 0.2, 1.0)
    test = rows[rows["at"] == DAYS[1]]
    gained = 0.06 * test["came"].astype(float) - 1.0
    assert found.everybody == pytest.approx(gained.sum()) and found.curve["realised"].iloc[
        -1
    ] == pytest.approx(gained.sum())
    assert found.curve["by_risk"].iloc[-1] == pytest.approx(gained.sum())
    assert found.curve.iloc[0][["expected", "realised", "by_risk"]].tolist() == [0, 0, 0]
    best = found.curve["expected"].idxmax()
    assert abs(found.curve["depth"][best] - found.chosen / found.customers) <= 0.05
    assert found.low < found.realised < found.high


def test_the_lift_from_which_on_a_contact_pays(rows: pd.DataFrame) -> None:
    """At that lift the very same contacts leave nothing, whatever lift was assumed; the interval by the bootstrap."""
    one, margin, cost = churn.contest(rows), 0.3, 1.0
    found = targeting.campaign(rows, one, margin, 0.2, cost)
    test = rows[rows["at"] == DAYS[1]].reset_index(drop=True)
    expected = targeting.expected_money(churn.past(rows, DAYS[1]), test)
    chosen = test[margin * 0.2 * expected > cost]["came"].astype(float).to_numpy()
    assert len(chosen) == found.chosen
    assert (margin * found.pays_from * chosen - cost).sum() == pytest.approx(0, abs=1e-6)
    assert found.foreseen == pytest.approx((margin * 0.2 * expected - cost).clip(0).sum())
    draws = [cost / (margin * RANDOM.choice(chosen, len(chosen)).mean()) for _ in range(2_000)]
    assert (found.pays_from_low, found.pays_from_high) == pytest.approx(
        tuple(np.quantile(draws, [0.025, 0.975])), rel=0.03
    )
    assert found.pays_from_low < found.pays_from < found.pays_from_high


def test_targeting_by_profit_leaves_more_than_by_risk_all_or_none(rows: pd.DataFrame) -> None:
    found = targeting.campaign(rows, churn.contest(rows), 0.3, 0.2, 1.0)
    assert found.realised > max(found.by_risk, found.everybody, 0)
    assert found.against_low > 0
    assert found.realised - found.by_risk == pytest.approx(found.against_risk)


def test_where_a_contact_costs_more_than_it_brings_nobody_is_chosen(rows: pd.DataFrame) -> None:
    found = targeting.campaign(rows, churn.contest(rows), 0.3, 0.01, 50.0)
    assert (found.chosen, found.realised, found.next_chosen, found.next_expected) == (0, 0, 0, 0)
    assert np.isnan(found.pays_from) and np.isnan(found.pays_from_high)
