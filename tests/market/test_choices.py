"""The logit against published numbers and the simulator's known worths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from growth.market import choices
from growth.simulation import market_words
from growth.simulation.clock import Span
from growth.simulation.market_survey import tables
from growth.simulation.rng import Draws


def test_yogurt_is_the_published_logit(datasets: Path) -> None:
    d = pd.read_csv(datasets / "yogurt" / "yogurt.csv")
    names = ["price", "feat", "hiland", "weight", "yoplait"]
    x = np.column_stack([d["price"], d["feat"], *(d["brand"] == b for b in names[2:])]).astype(float)
    found = choices.fit(x, d["obsID"].to_numpy(), d["choice"].to_numpy() == 1, d["id"].to_numpy(), names)
    assert found.log_likelihood == pytest.approx(-2656.8878779, abs=1e-6)
    worth = [-0.366584, 0.491433, -3.715600, -0.641184, 0.734571]
    assert found.worth == pytest.approx(worth, abs=1e-6)
    assert np.sqrt(found.classic[0, 0]) == pytest.approx(0.024366, abs=1e-6)
    assert found.in_money("yoplait", "price").value == pytest.approx(2.003825, abs=1e-6)
    assert found.in_money("feat", "price").value == pytest.approx(1.340574, abs=1e-6)
    assert found.choices == 2412 and found.null == pytest.approx(-2412 * np.log(4))


def test_worth_in_money_is_that_of_draws() -> None:
    """Krinsky and Robb (1986): ratios of drawn worths have Fieller's ends where price is well known."""
    worth, covariance = np.array([0.491433, -0.366584]), np.array([[0.0144, 2e-4], [2e-4, 0.024366**2]])
    found = choices.Choice(("feat", "price"), worth, covariance, covariance, -1.0, -2.0, 10, 100_001)
    drawn = np.random.default_rng(1).multivariate_normal(worth, covariance, 400_000)
    ends = np.quantile(-drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
    money = found.in_money("feat", "price")
    assert [money.low, money.high] == pytest.approx(ends, abs=0.01)


@pytest.fixture(scope="module")
def tasks() -> pd.DataFrame:
    return tables(Draws(7), Span.of(24, None))["choice_tasks"].to_pandas()


def test_offers_come_out_at_their_true_worth(tasks: pd.DataFrame) -> None:
    own = tasks[tasks["kind"] == "offers"]
    x, situation, chosen, who, names = choices.offers(own)
    found = choices.fit(x, situation, chosen, who, names)
    truth = {"price, per 100": market_words.PER_HUNDRED}
    for attribute, levels in market_words.ATTRIBUTES.items():
        worths = dict(levels)
        for name in names:
            if name.startswith(attribute):
                level, over = name.split(": ")[1].rstrip(")").split(" (over ")
                truth[name] = worths[level] - worths[over]
    assert len(truth) == 6
    z = [(found.part(n).value - t) / found.part(n).error for n, t in truth.items()]
    assert max(map(abs, z)) < 3 and max(found.part(n).error for n in truth) < 0.06


def test_needs_come_out_at_their_true_worth_and_shares_add_up(tasks: pd.DataFrame) -> None:
    x, situation, chosen, who, names = choices.needs(tasks[tasks["kind"] == "needs"])
    found = choices.fit(x, situation, chosen, who, names)
    worth = dict(market_words.NEEDS)
    first = sorted(worth)[0]
    z = [(found.part(n).value - (worth[n] - worth[first])) / found.part(n).error for n in names]
    assert max(map(abs, z)) < 3
    shares = found.shares(np.vstack([np.zeros(len(names)), np.eye(len(names))]))
    true = np.exp([worth[first], *(worth[n] for n in names)])
    assert shares["share"].sum() == pytest.approx(1)
    assert shares["share"].to_numpy() == pytest.approx(true / true.sum(), abs=0.02)
    assert ((shares["low"] < shares["share"]) & (shares["share"] < shares["high"])).all()


def test_shares_intervals_are_those_of_draws() -> None:
    found = choices.Choice(
        ("a", "b"),
        np.array([0.5, -0.2]),
        np.array([[0.04, 0.01], [0.01, 0.02]]),
        np.eye(2),
        -1.0,
        -2.0,
        10,
        100_001,
    )
    x = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    table = found.shares(x)
    draws = np.random.default_rng(1).multivariate_normal(found.worth, found.covariance, 200_000) @ x.T
    each = np.exp(draws) / np.exp(draws).sum(axis=1, keepdims=True)
    assert table["low"].to_numpy() == pytest.approx(np.quantile(each, 0.025, axis=0), abs=0.006)
    assert table["high"].to_numpy() == pytest.approx(np.quantile(each, 0.975, axis=0), abs=0.006)


def test_refusals() -> None:
    x = np.array([[0.0], [1.0], [0.0], [1.0]])
    situation, who = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1])
    with pytest.raises(ValueError, match="exactly one alternative"):
        choices.fit(x, situation, np.array([True, True, False, True]), who, ["a"])
    with pytest.raises(ValueError, match="no bound"):
        choices.fit(x, situation, np.array([False, True, False, True]), who, ["a"])
    with pytest.raises(ValueError, match="always come together"):
        choices.fit(np.hstack([x, x]), situation, np.array([False, True, True, False]), who, ["a", "b"])
