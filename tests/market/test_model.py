"""The survey beside the platform: planted faults are found, weights mend what they can, and the truth comes out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from growth.market import codebook, interviews, marts, model, personas
from growth.market.model import Survey
from growth.simulation import market_survey
from growth.simulation.clock import Span
from growth.simulation.rng import Draws
from growth.simulation.world import TYPES
from tests.conftest import frame

DRAWS = Draws(20260101)
PARAMS = SimpleNamespace(confidence=0.95, largest_weight=None, replicates=100, seed=1)
Tables = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def raw() -> Tables:
    return {k: t.to_pandas() for k, t in market_survey.tables(DRAWS, Span.of(30, None)).items()}


@pytest.fixture(scope="module")
def book(raw: Tables) -> pd.DataFrame:
    return raw["questions"]


@pytest.fixture(scope="module")
def s(raw: Tables, book: pd.DataFrame) -> Survey:
    r = raw["respondents"]
    seconds = (r["finished_at"] - r["started_at"]).dt.total_seconds()
    asked = r.assign(asked=r["asked_at"].dt.date, answered=r["started_at"].notna(), seconds=seconds)
    people = raw["population"].fillna({"variable_2": "", "level_2": ""})
    return model.survey(asked, raw["answers"], book, people, PARAMS)


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    return market_survey.truth(DRAWS)


def planted(what: str) -> set[str]:
    """Ids of the respondents that the simulation spoilt in a way."""
    f = market_survey.frame(DRAWS)
    rows = market_survey.respondents(DRAWS, f)
    chance = np.array(market_survey.ANSWERS_BY_AGE)[f.age[rows]]
    chance = chance * np.array(market_survey.ANSWERS_BY_GENDER)[f.gender[rows]]
    told = f.number[rows[DRAWS.uniform("market answers", rows) < chance]]
    hit = told[DRAWS.uniform(f"market {what}", told) < market_survey.SPOILT[what]]
    return {f"m{n:07d}" for n in hit}


def found(s: Survey, fault: str) -> set[str]:
    return set(s.checked.faults.loc[s.checked.faults["fault"] == fault, "respondent_id"])


def test_every_illegal_answer_and_copy_is_found_and_nothing_else(s: Survey) -> None:
    copies = {f"m{int(i[1:]) + market_survey.FRAME:07d}" for i in planted("copy")}
    assert found(s, codebook.COPY) == copies and len(copies) > 5
    illegal = planted("illegal")
    twins = {f"m{int(i[1:]) + market_survey.FRAME:07d}" for i in illegal & planted("copy")}
    assert found(s, codebook.ILLEGAL) == illegal | twins and len(illegal) > 5
    assert not found(s, codebook.UNKNOWN)


def test_answers_that_should_have_been_skipped_are_found(s: Survey) -> None:
    """Planted where the brand was not considered: who did consider it answered rightly."""
    routing = found(s, codebook.ROUTING)
    assert {i for i in routing if int(i[1:]) < market_survey.FRAME} <= planted("routing")
    assert len(routing) > 5


def test_haste_and_one_answer_all_along(s: Survey) -> None:
    """Haste is found whole; some who answer in earnest give one answer too, and an illegal code hides a few."""
    fast = {i for i in found(s, codebook.SPEEDER) if int(i[1:]) < market_survey.FRAME}
    assert fast == planted("speeder")
    flat = {i for i in found(s, codebook.STRAIGHT) if int(i[1:]) < market_survey.FRAME}
    hit = len(flat & planted("straight"))
    assert hit / len(planted("straight")) >= 0.95 and hit / len(flat) >= 0.95


def test_weights_bring_the_margins_and_mend_the_shares(
    s: Survey, book: pd.DataFrame, truth: dict[str, Any]
) -> None:
    assert s.unweighted == ""
    assert s.design.weights.sum() == pytest.approx(truth["people"])
    table = model.agreement(s, book, 0.95).set_index("item")
    true = pd.Series(truth["agrees"])
    error = (table["high"] - table["low"]) / 2 / 1.96
    z = (table["share"] - true) / error
    assert float((z**2).mean()) < 2.2 and z.abs().max() < 3.5
    assert (table["raw"] - true).abs().mean() > 1.5 * (table["share"] - true).abs().mean()


def test_the_funnel_and_promoters_hold_the_truth(s: Survey, truth: dict[str, Any]) -> None:
    table = model.funnel(s, 0.99)
    held = [
        r["low"] <= truth["funnel"][r["brand"]][model.STAGES.index(r["stage"])] <= r["high"]
        for r in table.to_dict("records")
    ]
    assert np.mean(held) >= 15 / 16
    points = model.recommended(s, 30, 0.99).set_index("brand")
    assert all(points.loc[b, "low"] <= v <= points.loc[b, "high"] for b, v in truth["promoters"].items())


def test_the_types_are_found(s: Survey, book: pd.DataFrame, truth: dict[str, Any]) -> None:
    kinds = model.segmented(s, book, PARAMS)
    f = market_survey.frame(DRAWS)
    own = f.type[[int(i[1:]) for i in kinds.member.index]]
    assert kinds.clusters.number == 4 and set(kinds.sizes["segment"]) == set(TYPES)
    assert adjusted_rand_score(own, kinds.member) > 0.8
    sizes = kinds.sizes.set_index("segment")["share"]
    assert [sizes[t] for t in TYPES] == pytest.approx(truth["types"], abs=0.06)
    given = kinds.types.given.dropna()
    right = np.mean([TYPES[f.type[int(i[1:])]] == t for i, t in given.items()])
    assert right > 0.9 and len(given) > 0.6 * len(kinds.member)
    cards = personas.cards(s, kinds, book, 30, 0.95)
    assert (cards["people"] >= 30).all() and set(cards["part"]) == set(personas.PARTS)
    one = cards.iloc[0]
    among = (kinds.member.reindex(s.people.index) == one["segment"]).to_numpy()
    item, level = one["line"].split(": ")
    hits = (s.people[item] == level).to_numpy(float)
    w = s.design.weights
    assert one["share"] == pytest.approx((w * hits * among).sum() / (w * among).sum())
    text = personas.markdown(cards, kinds.sizes, str)
    assert text.count("### ") == 4 and "**What to do**" in text and f"n = {one['people']:,}" in text


def test_needs_and_offers_hold_the_truth(s: Survey, raw: Tables, truth: dict[str, Any]) -> None:
    needs = model.needs(s, raw["choice_tasks"], 0.99).set_index("need")
    worth = pd.Series(truth["needs"])
    true = np.exp(worth) / np.exp(worth).sum()
    assert all(needs.loc[n, "low"] <= v <= needs.loc[n, "high"] for n, v in true.items())
    offers = model.offers(s, raw["choice_tasks"], 0.99).set_index("part")
    per = -truth["part_worths"]["per 100 CNY"] / 100
    for part, row in offers.iterrows():
        attribute, rest = str(part).split(": ")
        level, over = rest.rstrip(")").split(" (over ")
        worths = truth["part_worths"][attribute]
        assert row["low"] <= (worths[level] - worths[over]) / per <= row["high"]


def test_prices_features_and_interviews(s: Survey, raw: Tables, truth: dict[str, Any]) -> None:
    table = model.demand(s, PARAMS).table
    true = np.array([truth["buys_at"][f"{p:g}"] for p in table["price"]])
    assert table["share"].to_numpy() == pytest.approx(true, abs=0.05)
    features = model.features(s, 0.99).set_index("feature")
    for feature, shares in truth["kano"].items():
        must, one, attractive, indifferent, _ = shares
        better = (attractive + one) / (attractive + one + must + indifferent)
        assert features.loc[feature, "better_low"] <= better <= features.loc[feature, "better_high"]
    talks = interviews.read(raw["notes"], 1)
    assert talks.interviews == 40 and talks.low < talks.alpha < talks.high
    both = {t: market_survey.SEES**2 * p for t, p in truth["themes"].items()}
    shown = talks.themes.set_index("theme")
    assert all(shown.loc[t, "low"] - 0.02 <= p <= shown.loc[t, "high"] for t, p in both.items())


def test_marts_leave_out_waves_without_a_codebook(shop: Any) -> None:
    people = [
        dict(respondent_id="a", wave="market", asked_at="2024-05-01 10:00", started_at="2024-05-02 10:00",
             finished_at="2024-05-02 10:05"),
        dict(respondent_id="b", wave="market", asked_at="2024-05-01 10:00"),
        dict(respondent_id="a", wave="loyalty", asked_at="2024-03-01 10:00"),
    ]  # fmt: skip
    answers = [
        dict(respondent_id="a", wave="market", question="profile", item="age", option="18-24"),
        dict(respondent_id="a", wave="loyalty", question="recommend", item="shop", value=9.0),
        dict(respondent_id="z", wave="market", question="profile", item="age", option="18-24"),
    ]
    asked = [dict(question="profile", item="age", kind="single", levels="18-24;25-34")]
    tables = shop(respondents=people, answers=answers, questions=asked)
    rows = frame(marts.surveyed(tables))
    assert rows[["respondent_id", "answered"]].to_numpy().tolist() == [["a", True], ["b", False]]
    assert rows["seconds"].iloc[0] == 300
    assert frame(marts.said(tables))["respondent_id"].tolist() == ["a"]
    assert frame(marts.codebook(tables))["levels"].tolist() == ["18-24;25-34"]
