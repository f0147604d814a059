"""Creators: shrinkage against statsmodels and the oracle, ranking against reach and last click, and refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import null_space
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal

from growth.channels import creators, meta

SLOPES = np.array([300.0, 250.0, -200.0, 80.0, 60.0])  # constant, match, suspicious, tone, log followers
SPREAD = 120.0


def world(seed: int, n: int = 60) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Creators with what they look like, campaigns measured with noise, and the truth.

    Reach flatters those whose audience is bought; last click flatters those who speak to people who would buy anyway,
    which is what a good audience match without a warm tone is here.
    """
    random = np.random.default_rng(seed)
    z = random.normal(size=(n, 4))
    truth = np.column_stack([np.ones(n), z]) @ SLOPES + SPREAD * random.normal(size=n)
    people = pd.DataFrame(
        dict(
            creator=[f"c{i:03d}" for i in range(n)], cost=random.uniform(100, 500, n),
            audience_match=1 / (1 + np.exp(-z[:, 0])), suspicious=1 / (1 + np.exp(-z[:, 1])), tone=np.tanh(z[:, 2] / 2),
            followers=np.round(np.exp(11 + z[:, 3] + 0.8 * z[:, 1])), truth=truth,
        )
    )  # fmt: skip
    people["last_click"] = 200 + 100 * z[:, 0] - 60 * z[:, 2] + 0.2 * truth + 80 * random.normal(size=n)
    many = random.integers(0, 4, n)
    who = np.repeat(np.arange(n), many)
    error = random.uniform(150, 500, len(who))
    seen = truth[who] + error * random.normal(size=len(who))
    campaigns = pd.DataFrame(dict(creator=people["creator"].to_numpy()[who], estimate=seen, error=error))
    return people, creators.own(campaigns), campaigns


def regret(people: pd.DataFrame, by: np.ndarray, most: int = 10) -> float:
    """What the ten best by a score leave less than the ten truly best."""
    worth = (people["truth"] - people["cost"]).to_numpy()
    best = np.sort(worth)[::-1][:most].sum()
    return float(best - worth[np.argsort(-by, kind="stable")[:most]].sum())


def test_ranking_by_it_regrets_less_than_reach_last_click_or_own_estimates() -> None:
    found = []
    for seed in range(12):
        people, own, _ = world(seed)
        table = creators.score(people, own).table.set_index("creator").loc[people["creator"]]
        alone = (
            people.merge(own, on="creator", how="left")["estimate"].fillna(-1e9).to_numpy()
            - people["cost"].to_numpy()
        )
        found.append(
            [
                regret(people, -table["rank"].to_numpy()), regret(people, people["followers"].to_numpy()),
                regret(people, people["last_click"].to_numpy()), regret(people, alone),
            ]
        )  # fmt: skip
    mine, reach, click, raw = np.mean(found, axis=0)
    assert mine < 0.5 * reach and mine < 0.5 * click and mine < 0.8 * raw


def test_intervals_and_chances_hold_on_average() -> None:
    held, chance, covered = [], [], []
    for seed in range(20):
        people, own, _ = world(100 + seed)
        table = creators.score(people, own).table.merge(people[["creator", "truth"]], on="creator")
        held.append(table["truth"].between(table["low"], table["high"]).mean())
        chance.append(table["covers"].mean())
        covered.append((table["truth"] > table["cost"]).mean())
    assert np.mean(held) == pytest.approx(0.95, abs=0.02)
    assert np.mean(chance) == pytest.approx(np.mean(covered), abs=0.02)


def test_own_estimates_are_means_of_campaigns() -> None:
    _, own, campaigns = world(3)
    one = own.iloc[4]
    mine = campaigns[campaigns["creator"] == one["creator"]]
    assert one["estimate"] == pytest.approx(mine["estimate"].mean())
    assert one["error"] == pytest.approx(np.sqrt((mine["error"] ** 2).sum()) / len(mine))


def test_the_regression_is_that_of_restricted_likelihood() -> None:
    """Against the likelihood of contrasts, which do not know the coefficients, and generalised least squares."""
    random = np.random.default_rng(4)
    x = np.column_stack([np.ones(40), random.normal(size=(40, 2))])
    s = random.uniform(0.2, 0.8, 40)
    y = x @ [1.0, 0.5, -0.3] + 0.4 * random.normal(size=40) + s * random.normal(size=40)
    found = meta.fit(y, s, x)
    contrasts = null_space(x.T)

    def log(t: float) -> float:
        law = multivariate_normal(np.zeros(37), contrasts.T @ np.diag(s**2 + t**2) @ contrasts)
        return float(law.logpdf(contrasts.T @ y))

    best = minimize_scalar(lambda t: -log(t), bounds=(0.01, 2), method="bounded", options=dict(xatol=1e-9)).x
    assert found.spread == pytest.approx(best, abs=1e-5)
    wanted = np.array([np.exp(log(t) - log(best)) * t for t in found.grid])
    assert found.mass[1:-1] == pytest.approx((wanted / wanted.sum())[1:-1], rel=1e-3, abs=1e-9)
    at = int(np.argmin(np.abs(found.grid - best)))
    weight = np.diag(1 / (s**2 + found.grid[at] ** 2))
    assert found.slopes[at] == pytest.approx(np.linalg.solve(x.T @ weight @ x, x.T @ weight @ y), rel=1e-9)


def test_belief_is_the_posterior_of_draws() -> None:
    """Given the spread, truth and coefficients are jointly normal: the posterior by conditioning a big normal."""
    random = np.random.default_rng(5)
    x = np.column_stack([np.ones(8), random.normal(size=8)])
    s, tau, wide = random.uniform(0.3, 0.6, 8), 0.5, 1e4
    y = random.normal(size=8)
    found = meta.fit(y, s, x)
    at = int(np.argmin(np.abs(found.grid - tau)))
    tau = float(found.grid[at])
    new = np.vstack([x, [1.0, 2.0]])
    prior = wide**2 * new @ new.T + tau**2 * np.eye(9)
    seen = prior[:8, :8] + np.diag(s**2)
    mean = prior[:, :8] @ np.linalg.solve(seen, y)
    spread = np.sqrt(np.diagonal(prior - prior[:, :8] @ np.linalg.solve(seen, prior[:8, :])))
    belief = meta.believe(found, np.append(y, np.nan), np.append(s, np.inf), new)
    assert belief.mean[at] == pytest.approx(mean, abs=1e-4)
    assert belief.deviation[at] == pytest.approx(spread, rel=1e-3)
    assert belief.own[8] == 0
    assert belief.above(belief.quantile(0.3)) == pytest.approx(np.full(9, 0.7))


def test_nobody_is_lost_and_what_does_not_vary_is_left_out() -> None:
    people, own, _ = world(6)
    found = creators.score(people.assign(tone=0.1), own)
    assert (
        len(found.table) == len(people)
        and not found.table[["expected", "low", "high", "covers"]].isna().any().any()
    )
    assert found.left_out == ("tone",) and "tone" not in found.coefficients
    new = found.table["campaigns"] == 0
    assert new.any() and (found.table.loc[new, "own"] == 0).all()
    assert (found.table.loc[~new, "own"] > 0).all()
    assert found.table["worth"].is_monotonic_decreasing
    few = creators.score(people, own.head(4))
    assert few.left_out == creators.FEATURES[1:]


def test_refusals() -> None:
    people, own, campaigns = world(7)
    with pytest.raises(ValueError, match="is there twice"):
        creators.score(pd.concat([people, people.head(1)]), own)
    with pytest.raises(ValueError, match="1 creators have no `tone`"):
        creators.score(people.assign(tone=people["tone"].where(people.index > 0)), own)
    with pytest.raises(ValueError, match="1 measured creators are not in"):
        creators.score(people, pd.concat([own, own.head(1).assign(creator="nobody")]))
    with pytest.raises(ValueError, match="costs less than nothing"):
        creators.score(people.assign(cost=-1.0), own)
    with pytest.raises(ValueError, match="fewer than 0 followers"):
        creators.score(people.assign(followers=-5), own)
    with pytest.raises(ValueError, match="no column `cost`"):
        creators.score(people.drop(columns="cost"), own)
    with pytest.raises(ValueError, match="too few"):
        creators.score(people, own.head(2))
    with pytest.raises(ValueError, match="positive error"):
        creators.own(campaigns.assign(error=0.0))
    with pytest.raises(ValueError, match="repeats itself"):
        meta.fit([1, 2, 3, 4, 5], [1] * 5, np.ones((5, 2)))
