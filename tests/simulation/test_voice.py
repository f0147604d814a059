"""The survey: who is asked, who answers, what would have been answered; and lives that it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from growth.simulation import Settings, voice, voice_truth
from growth.simulation.life import live
from growth.simulation.run import Job
from growth.simulation.tables import gather_visits
from growth.simulation.world import Voice, World
from tests.simulation.bookkeeping import OFFSET, person
from tests.simulation.conftest import Platform, make

SETTINGS = Settings(seed=5, customers=5_000, months=12, dirt=False)
SCALES = {"satisfaction": (1, 5), "recommend": (0, 10)}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    return make(tmp_path_factory.mktemp("voice"), SETTINGS)


def own_orders(shop: Platform) -> pd.DataFrame:
    o = shop.frame("orders").query("status != 'cancelled'").dropna(subset=["customer_id"])
    return o.assign(day=(o["placed_at"] + OFFSET).dt.normalize(), person=person(o["customer_id"]))


def test_who_is_asked_has_bought_lately_and_half_of_these_are(shop: Platform) -> None:
    r, o = shop.frame("respondents"), own_orders(shop)
    fakes = set(shop.truth("people.parquet").query("kind != 'human'")["person"])
    gone = (
        shop.frame("departures").assign(person=lambda d: person(d["customer_id"])).set_index("person")["at"]
    )
    for _, wave in r.groupby("wave"):
        day = (wave["asked_at"] + OFFSET).dt.normalize().iloc[0]
        bought = set(o.loc[(o["day"] < day) & (o["day"] >= day - pd.Timedelta(days=182)), "person"]) - fakes
        able = bought - set(gone.index[gone + OFFSET < day])
        who = set(person(wave["respondent_id"]))
        assert who <= able and len(who) == len(wave) > 300
        assert abs(len(who) / len(able) - 0.5) < 3 * (0.25 / len(able)) ** 0.5
    assert (person(r["respondent_id"]) == person(r["customer_id"])).all()
    assert r["base_weight"].eq(2).all() and r["wave"].nunique() == 2
    assert (r["respondent_id"].value_counts() == 2).sum() > 200, "whoever still buys is asked again"


def test_answers_are_those_of_respondents_on_their_scales(shop: Platform) -> None:
    r, a = shop.frame("respondents"), shop.frame("answers")
    keys = ["respondent_id", "wave"]
    assert not a.duplicated([*keys, "question", "item"]).any() and not r.duplicated(keys).any()
    for question, (low, high) in SCALES.items():
        own = a.loc[a["question"] == question, "value"]
        assert set(own) == set(range(low, high + 1)) or (question, set(own)) == (
            "recommend",
            set(range(1, 11)),
        )
    given = a.groupby(keys).size().rename("given").reset_index()
    both = r.merge(given, on=keys, how="outer", indicator=True)
    assert (both["_merge"] != "right_only").all()
    assert both.loc[both["started_at"].isna(), "given"].isna().all()
    assert (both.loc[both["finished_at"].notna(), "given"] == len(voice.ITEMS)).all()
    broke = both[both["started_at"].notna() & both["finished_at"].isna()]
    assert (broke["given"] == voice.BEGUN).all() and 5 < len(broke) < 0.1 * len(both)
    assert (r["finished_at"] - r["asked_at"]).max() < pd.Timedelta(days=7)


def test_the_survey_changes_nothing_that_people_do(shop: Platform, tmp_path: Path) -> None:
    """Another world in which everybody is asked and all else of the survey differs: other tables keep their bytes."""
    other = Voice(asked=1.0, patience=0.1, late=3.0, answers=2.0, days_before=(150, 100))
    other_shop = make(tmp_path, SETTINGS, world=replace(World(), voice=other))
    mine, theirs = shop.bytes(), other_shop.bytes()
    own = {"respondents", "answers"}
    kept = {k: v for k, v in mine.items() if k.split("/")[0] not in own}
    assert len(kept) > 20 and all(theirs[k] == v for k, v in kept.items())
    assert len(other_shop.frame("respondents")) > 1.8 * len(shop.frame("respondents"))


def test_counts_are_those_of_the_tables(shop: Platform) -> None:
    said, r, a = shop.stated, shop.frame("respondents"), shop.frame("answers")
    assert said["count: survey, asked"] == len(r)
    assert said["count: survey, finished"] == r["finished_at"].notna().sum()
    told = a[a["question"] == "recommend"]["value"]
    assert said["count: survey, finished: promoters"] == (told >= 9).sum()
    assert said["count: survey, finished: detractors"] == (told <= 6).sum()
    plain = 100 * ((told >= 9).mean() - (told <= 6).mean())
    assert said["survey_nps"] + said["survey_nps_bias"] == pytest.approx(plain, rel=1e-6)
    assert said["survey_nps_bias"] > 8, "the satisfied answer more often"


def test_when_everybody_answers_the_tables_hold_the_truth(shop: Platform, tmp_path: Path) -> None:
    everybody = make(
        tmp_path, SETTINGS, world=replace(World(), voice=Voice(answers=50.0, breaks_off=0.0))
    )  # the same people would say the same
    told = everybody.frame("answers").query("question == 'recommend'")["value"]
    truth = 100 * ((told >= 9).mean() - (told <= 6).mean())
    assert shop.stated["survey_nps"] == pytest.approx(truth, rel=1e-6) == everybody.stated["survey_nps"]
    assert everybody.stated["survey_nps_bias"] == 0
    asked = everybody.stated["survey_reliability"]
    assert shop.stated["survey_reliability_asked"] == pytest.approx(asked, rel=1e-6)


def test_the_true_reliability_is_the_correlation_of_two_askings_in_one_mood() -> None:
    """Closed form against brute force: the same people with the same mood, their items' noise drawn 200 times."""
    job = Job.of(SETTINGS, None, None, None)
    scene = job.scene(job.state(), np.arange(3_000), 3_000)
    lives, memory, _, _ = live(scene)
    v, _ = gather_visits(lives, memory)
    wave = voice.waves(scene, lives, memory, v)[1]
    random = np.random.default_rng(1)
    spread = np.sqrt(1 - scene.world.voice.loading**2)
    scores = []
    for _ in range(200):
        seen = wave.mean + spread * random.standard_normal(wave.mean.shape)
        said = [np.searchsorted(cut, seen[:, j]) / cut.size for j, cut in enumerate(voice.cuts(scene))]
        scores.append(100 * np.mean(said, axis=0))
    drawn = np.array(scores)
    true, noise = voice_truth.score(scene, wave.mean)
    assert wave.who.size > 100
    assert np.abs(drawn.mean(axis=0) - true).max() < 5 * np.sqrt(noise.max() / 200)
    assert drawn.var(axis=0, ddof=1).mean() == pytest.approx(noise.mean(), rel=0.02)
    between = np.corrcoef(drawn)[np.triu_indices(200, 1)].mean()
    assert between == pytest.approx(true.var() / (true.var() + noise.mean()), abs=0.005)


def test_patience_and_late_parcels_are_in_the_answers(shop: Platform) -> None:
    r, a = shop.frame("respondents"), shop.frame("answers")
    wide = a.pivot_table(index=["respondent_id", "wave"], columns="item", values="value").reset_index()
    loss = shop.truth("people.parquet").set_index("person")
    wide["loss"] = person(wide["respondent_id"]).map(loss["loss_rate"])
    o = shop.frame("orders").dropna(subset=["delivered_at", "customer_id"])
    late = o[o["delivered_at"] > o["promised_at"]]
    asked = r.groupby("wave")["asked_at"].first()
    hit = set()
    for wave, when in asked.items():
        own = late[(late["delivered_at"] < when) & (late["delivered_at"] > when - pd.Timedelta(days=90))]
        hit |= {(w, wave) for w in own["customer_id"].str.replace("c", "r")}
    waited = pd.Series([k in hit for k in zip(wide["respondent_id"], wide["wave"], strict=True)])
    assert waited.sum() > 20
    drop = wide.groupby(waited)[["delivery", "products"]].mean().diff().iloc[-1]
    assert drop["delivery"] < drop["products"] - 0.1 < 0
    assert wide["overall"].corr(-np.log(wide["loss"]), method="spearman") > 0.2


def test_no_wave_in_a_span_too_short_for_one(tmp_path: Path) -> None:
    world = replace(World(), voice=Voice(days_before=(196, 150)))
    short = make(tmp_path, replace(SETTINGS, customers=900, months=4), world=world)
    assert len(short.frame("respondents")) == len(short.frame("answers")) == 0
    assert not any(k.startswith("survey_") for k in short.stated)
