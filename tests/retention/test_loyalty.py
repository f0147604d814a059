"""Loyalty: the marts by hand, answers whose reliability and worth are known, and shops too small or too odd."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from growth.report.notebook import Notebook
from growth.retention import loyalty, loyalty_figures, loyalty_findings, loyalty_marts, loyalty_validity
from growth.retention.rules import HORIZON
from growth.simulation import Settings
from tests.conftest import INFO, frame
from tests.platforms import platform

CUTS = (-1.7, -1.0, -0.1, 1.0)
NAMES = ["delivery", "overall", "products", "service"]


def order(n: int, who: str, day: str, status: str = "paid") -> dict[str, Any]:
    return dict(order_id=f"o{n}", customer_id=who, placed_at=f"{day}T10:00", status=status)


def sold(orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        dict(order_id=o["order_id"], ordinal=1, product_id="p", quantity=1, amount=5, discount=0)
        for o in orders
    ]


def test_the_marts_by_hand(shop: Any) -> None:
    """Asked on 1 March; answered on 4 March, in June (not over), never, without a name; a cancelled order is none."""
    days = ["2022-12-01", "2024-01-04", "2024-02-28", "2024-03-04", "2024-03-05", "2024-06-03", "2024-06-04"]
    orders = [order(n, "a", d) for n, d in enumerate(days)]
    orders += [
        order(10, "b", "2024-02-01"),
        order(11, "b", "2024-02-20", "cancelled"),
        order(12, "b", "2024-03-01"),
    ]
    asked = dict(wave="w", asked_at="2024-03-01T09:00")
    people = [
        asked
        | dict(
            respondent_id="ra", customer_id="a", started_at="2024-03-03T23:50", finished_at="2024-03-04T00:10"
        ),
        asked | dict(respondent_id="rb", customer_id="b"),
        dict(respondent_id="ra", customer_id="a", wave="x", asked_at="2024-06-10T09:00"),
        asked | dict(respondent_id="rn"),
        asked | dict(respondent_id="rb", customer_id="a"),  # a second record of one key: the first holds
    ]
    said = [
        dict(respondent_id=r, wave=w, question=q, item=i, value=v)
        for r, w, q, i, v in (
            ("ra", "w", "satisfaction", "overall", 4),
            ("ra", "w", "satisfaction", "overall", 1),
            ("ra", "w", "recommend", "shop", 11),
            ("ra", "w", "colour", "shop", 3),
            ("ra", "x", "recommend", "shop", None),
            ("rn", "w", "recommend", "shop", 9),
            ("nobody", "w", "recommend", "shop", 9),
        )
    ]
    tables = shop(orders=orders, order_lines=sold(orders), respondents=people, answers=said)
    found = frame(loyalty_marts.loyalty(tables)).set_index(["respondent_id", "wave"])
    a = found.loc[("ra", "w")]
    assert (a["asked"], a["since"]) == (dt.date(2024, 3, 1), dt.date(2024, 3, 4))
    assert a[["bought", "recency", "tenure", "bought_91", "bought_365"]].tolist() == [3, 5, 459, 2, 2]
    assert a["again"] == 2, "91 days after, and neither the day itself nor the 92nd"
    b = found.loc[("rb", "w")]
    assert (b["bought"], b["recency"], b["again"], b["answered"]) == (1, 29, 0, False)
    late = found.loc[("ra", "x")]
    assert late["answered"] and pd.isna(late["again"]) and late["bought"] == 7, "its 91 days are not over"
    nobody = found.loc[("rn", "w")]
    assert nobody["answered"] and pd.isna(nobody["bought"]) and pd.isna(nobody["again"])
    told = frame(loyalty_marts.loyalty_answers(tables))
    assert told[["respondent_id", "question", "value"]].to_numpy().tolist() == [
        ["ra", "recommend", 11.0],
        ["ra", "satisfaction", 4.0],
        ["rn", "recommend", 9.0],
    ]
    survey = loyalty.survey(found.reset_index(), told)
    assert survey.off_scale == 1 and survey.items == ["recommend: shop", "satisfaction: overall"]


def asked_people(
    n: int, seed: int, tells: float = 0.8, noise: float = 0.6, waves: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Marts of n people whose liking (by `tells`) and past purchases both tell who buys again; half answer."""
    random = np.random.default_rng(seed)
    liking = random.standard_normal(n)
    bought = 1 + random.poisson(1.5, n)
    recency = random.integers(1, 180, n)
    chance = 1 / (1 + np.exp(-(-0.8 + 0.4 * (bought - 2.5) - recency / 150 + tells * liking)))
    rows, told = [], []
    for wave in range(waves):
        at = dt.date(2024, 1, 1) + dt.timedelta(91 * wave)
        answered = random.random(n) < 1 / (1 + np.exp(-liking))
        rows.append(
            pd.DataFrame(
                dict(respondent_id=[f"r{i:05d}" for i in range(n)], wave=f"{at:%Y-%m}", customer_id="c", asked=at,
                     since=at, answered=answered, bought=bought, recency=recency, tenure=recency + 30 * bought,
                     bought_91=np.minimum(bought, 2), bought_365=bought,
                     again=(random.random(n) < chance).astype(float))
            )
        )  # fmt: skip
        who = np.flatnonzero(answered)
        for j, name in enumerate([*NAMES, "shop"]):
            seen = liking[who] + noise * random.standard_normal(who.size)
            value = np.searchsorted(CUTS, seen) + 1
            question = "satisfaction" if j < 4 else "recommend"
            told.append(
                pd.DataFrame(
                    dict(respondent_id=[f"r{i:05d}" for i in who], wave=f"{at:%Y-%m}", question=question,
                         item=name, value=value * (2 if j == 4 else 1))
                )
            )  # fmt: skip
    return pd.concat(rows, ignore_index=True), pd.concat(told, ignore_index=True)


def test_the_index_is_what_it_says() -> None:
    rows, told = asked_people(50, 1)
    found = loyalty.survey(rows, told)
    one = found.complete.iloc[0]
    mine = told[told["respondent_id"] == one["respondent_id"]]
    want = np.where(mine["question"] == "recommend", 10 * mine["value"], 25 * (mine["value"] - 1)).mean()
    assert one["attitude"] == pytest.approx(want)
    repeat = {1: 0, 2: 25, 3: 50, 4: 75}.get(one["bought_365"], 100)
    assert one["index"] == pytest.approx((2 * want + repeat) / 3)
    assert len(found.rows) == 50 and found.rows["index"].notna().sum() == rows["answered"].sum()


@pytest.mark.parametrize(("tells", "noise", "want"), [(0.8, 0.6, loyalty_validity.USABLE),
                                                       (0.0, 0.6, loyalty_validity.NOTHING_MORE),
                                                       (-0.8, 0.6, loyalty_validity.NOTHING_MORE),
                                                       (0.8, 3.0, loyalty_validity.NOT_RELIABLE)])  # fmt: skip
def test_the_verdict_follows_the_truth(tells: float, noise: float, want: str) -> None:
    found = loyalty.survey(*asked_people(3_000, 4, tells, noise))
    assert loyalty_validity.verdict(loyalty.trust(found), loyalty_validity.validity(found)) == want


def test_attitudes_that_tell_nothing_are_called_so_in_nineteen_of_twenty() -> None:
    wrong = sum(
        loyalty_validity.validity(loyalty.survey(*asked_people(700, 100 + k, tells=0.0))).p_value < 0.05
        for k in range(100)
    )
    assert wrong <= 11, "binomial, 99 % of samples at a rate of 5 %"


def test_people_count_once_and_waves_apart() -> None:
    rows, told = asked_people(800, 7, waves=2)
    found = loyalty.survey(rows, told)
    known = loyalty.trust(found)
    twice = rows[rows["answered"]].groupby("respondent_id").size()
    assert known.alpha.people == len(twice) == loyalty_validity.validity(found).people
    assert known.retest is not None and known.retest.people == (twice == 2).sum()
    # The same liking shown twice with fresh noise: the correlation is the reliability.
    assert known.retest.low < known.alpha.value < known.retest.high
    table = loyalty.waves(found)
    assert table["wave"].tolist() == ["2024-01", "2024-04"] and table["asked"].tolist() == [800, 800]
    last = told[(told["wave"] == "2024-04") & (told["question"] == "recommend")]["value"]
    assert table["promoters"].iloc[1] == pytest.approx(100 * ((last >= 9).mean() - (last <= 6).mean()))
    overall = told[(told["wave"] == "2024-04") & (told["item"] == "overall")]["value"]
    assert table["satisfied"].iloc[1] == pytest.approx((overall >= 4).mean())


def test_silence_is_compared_and_bands_rise() -> None:
    rows, told = asked_people(4_000, 9, tells=1.0)
    found = loyalty.survey(rows, told)
    quiet = loyalty_validity.silence(found).set_index("known")
    again = quiet.loc[loyalty_validity.KNOWN["bought_again"]]
    sides = rows.groupby("answered")["again"].mean()
    assert again["differ"] == pytest.approx(sides[True] - sides[False]) and again["low"] > 0
    table = loyalty_validity.bands(found)
    assert table["people"].sum() == rows["answered"].sum() and table["share"].is_monotonic_increasing
    assert list(table["band"]) == ["below 40", "40 to 60", "60 to 80", "80 and more"]
    whole = rows[rows["answered"]]["again"].sum()
    assert (table["share"] * table["people"]).sum() == pytest.approx(whole)


@pytest.mark.slow
def test_what_is_true_of_the_platform_is_found_on_it(tmp_path: Path) -> None:
    """Intervals of reliability and retest hold their truths; what the silent would have said is out of reach."""
    tables = platform(tmp_path, Settings(seed=8, customers=6_000, months=14))
    stated = json.loads((tmp_path / "truth" / "truths.json").read_text(encoding="utf-8"))
    truth = {k: v["value"] for k, v in stated.items()}
    rows = loyalty_marts.loyalty(tables).to_pandas()
    found = loyalty.survey(rows, loyalty_marts.loyalty_answers(tables).to_pandas())
    known = loyalty.trust(found)
    assert known.omega is not None and known.retest is not None and known.alpha.people > 300
    for estimate, name in (
        (known.alpha, "reliability"),
        (known.omega, "reliability"),
        (known.retest, "retest"),
    ):
        assert estimate.low < truth[f"survey_{name}"] < estimate.high, name
    said = loyalty.promoters(found.rows["recommend: shop"])
    assert said.value == pytest.approx(truth["survey_nps"] + truth["survey_nps_bias"], abs=1e-6)
    assert said.low > truth["survey_nps"], "the satisfied answer more often"
    assert len(rows) == truth["count: survey, asked"]
    assert found.rows["attitude"].notna().sum() == truth["count: survey, finished"]


# --- the page ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def nb(tmp_path: Path) -> Notebook:
    params = SimpleNamespace(confidence=0.95, min_customers=30, period="month")
    return Notebook("retention", params, None, INFO, tmp_path, {})


def written(nb: Notebook, rows: pd.DataFrame, told: pd.DataFrame) -> list[str]:
    """Walk through the section as the notebook does; return what it says does not apply."""
    rows.to_parquet(nb.folder / "loyalty.parquet")
    told.to_parquet(nb.folder / "loyalty_answers.parquet")
    shown: list[str] = []
    nb.nothing = nb.note = shown.append  # type: ignore[method-assign]
    voice = loyalty_findings.asked(nb)
    if voice is None:
        return shown
    table = loyalty_findings.says(nb, voice)
    if table["promoters"].notna().any():
        loyalty_figures.waves(table)
    loyalty_findings.silence(nb, voice)
    known, valid = loyalty_findings.trust(nb, voice), loyalty_findings.validity(nb, voice)
    if known is not None and known.items["rest"].notna().all():
        loyalty_figures.items(known.items)
    if valid is not None:
        loyalty_figures.bands(loyalty_validity.bands(voice, 0.95, nb.smallest_cell), HORIZON)
    loyalty_findings.verdict(nb, voice, known, valid)
    return shown


def test_the_page_says_all_of_it(nb: Notebook) -> None:
    assert written(nb, *asked_people(2_000, 2, waves=2)) == []
    said = {k: f["sentence"] for k, f in nb.findings.items()}
    assert set(said) == {f"F7.{k}" for k in ("recommend", "satisfied", "silence", "reliability", "retest",
                                              "validity", "beyond", "loyalty")}  # fmt: skip
    assert said["F7.loyalty"].startswith("The loyalty index: usable. Attitudes tell")
    assert "of the silent (difference" in said["F7.silence"] and "omega" in said["F7.reliability"]
    assert not any("nan" in s for s in said.values())


def test_what_is_missing_is_said_in_one_line(nb: Notebook) -> None:
    gone = replace(
        nb, left_out={"loyalty": "the dataset has no table respondents, answers", "loyalty_answers": "x"}
    )
    assert loyalty_findings.asked(gone) is None
    assert gone.findings["F7.loyalty"]["sentence"] == (
        "How loyal customers are is not answered: the dataset has no table respondents, answers."
    )
    assert "headline" not in gone.findings["F7.loyalty"]


def test_an_item_that_does_not_belong_is_named(nb: Notebook) -> None:
    rows, told = asked_people(600, 3)
    turned = told["value"].where(told["item"] != "service", 6 - told["value"])
    written(nb, rows, told.assign(value=turned))
    said = nb.findings["F7.reliability"]["sentence"]
    assert "no omega: there is no single factor: satisfaction: service does not go with the others" in said
    assert "not reliable" in nb.findings["F7.loyalty"]["sentence"]


@pytest.mark.parametrize(
    ("case", "why"),
    [
        ("one respondent", "only 1 people answered every item"),
        ("all answer alike", "everybody has the same score"),
        ("nobody bought again", ": 0 of "),
        ("one item", "at least 2 items"),
        ("everybody answered", "Everybody on record has answered"),
    ],
)
def test_odd_shops_are_refused_with_a_reason(nb: Notebook, case: str, why: str) -> None:
    rows, told = asked_people(400, 3)
    if case == "one respondent":
        rows = rows[rows["answered"]].head(1)
        told = told[told["respondent_id"] == rows["respondent_id"].iloc[0]]
    if case == "all answer alike":
        told = told.assign(value=5)
    if case == "nobody bought again":
        rows = rows.assign(again=0.0)
    if case == "one item":
        told = told[told["item"] == "shop"]
    if case == "everybody answered":
        rows = rows[rows["answered"]]
    shown = written(nb, rows, told)
    assert any(why in s for s in shown), shown
    found = nb.findings["F7.loyalty"]
    refused = case in ("one respondent", "all answer alike", "nobody bought again", "one item")
    assert (found["method"] == "refused") == refused
    assert not any("nan" in f["sentence"] for f in nb.findings.values())


def test_no_answers_at_all(nb: Notebook) -> None:
    rows, told = asked_people(40, 3)
    assert written(nb, rows.assign(answered=False), told.head(0)) == []
    assert "No answer on satisfaction" in nb.findings["F7.loyalty"]["sentence"].replace(
        "no answer", "No answer"
    )
    nb.findings.clear()
    written(nb, rows.head(0), told.head(0))
    assert "nobody has been asked" in nb.findings["F7.loyalty"]["sentence"]


def test_private_data_show_no_small_cells(nb: Notebook) -> None:
    private = replace(nb, data=replace(INFO, synthetic=False), findings={})
    rows, told = asked_people(1_200, 6)
    found = loyalty.survey(rows, told)
    whole, blank = loyalty_validity.bands(found), loyalty_validity.bands(found, cell=40)
    did = whole["share"] * whole["people"]
    rare = np.minimum(did, whole["people"] - did) < 40
    assert rare.any() and blank.loc[rare, ["people", "share"]].isna().all(axis=None)
    assert blank["share"].isna().sum() != 1, "one alone could be worked out from the total"
    one = (np.arange(len(rows)) == rows.index[~rows["answered"]][0]).astype(float)  # of the silent one bought
    quiet = loyalty_validity.silence(loyalty.survey(rows.assign(again=one), told), cell=10)
    assert len(quiet) == 3 and loyalty_validity.KNOWN["bought_again"] not in set(quiet["known"])
    few = rows["respondent_id"].isin(rows.loc[rows["answered"], "respondent_id"].head(15))
    shown = written(private, rows[few], told[told["respondent_id"].isin(rows.loc[few, "respondent_id"])])
    assert any("too few people answered" in s for s in shown)
    assert {k for k, f in private.findings.items() if f["method"] != "refused"} == set()


def test_text_from_outside_stays_text(nb: Notebook) -> None:
    rows, told = asked_people(400, 3)
    wave = "<b>$x$</b>"
    written(
        nb, rows.assign(wave=wave), told.assign(wave=wave, item=told["item"].replace("overall", "<i>all</i>"))
    )
    assert not any("<b>" in f["sentence"] or "<i>" in f["sentence"] for f in nb.findings.values())
