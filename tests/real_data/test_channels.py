"""Three published datasets of channels, from the file to the marts to the numbers that others found on them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ibis
import pandas as pd
import pytest

from growth.channels import geo, markov, response
from growth.channels.paths import from_table
from growth.definitions import Tables
from growth.errors import UserError
from growth.marts import build
from growth.sources import Dataset, names, public
from tests.conftest import WORDS
from tests.elsewhere import Elsewhere
from tests.real_data.test_experiments import brought
from tests.real_data.test_public import findings

ROWS = dict(channel_paths=10_000, geolift=4_200, mmm_example=179)


@dataclass
class Made:
    """What ingest counted, its tables, and the folder of the marts of channels."""

    account: dict[str, Any]
    tables: Path
    marts: Path
    left_out: dict[str, str]

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.tables / f"{name}.parquet")

    def mart(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.marts / f"{name}.parquet")


def make(name: str, folder: Path) -> Made:
    account, tables = brought(name, folder)
    con = ibis.duckdb.connect()
    rows = {f.stem: con.read_parquet(f, table_name=f.stem) for f in sorted(tables.glob("*.parquet"))}
    marts = folder / "marts"
    marts.mkdir()
    left_out = build("channels", Tables(rows, Dataset.read(tables), SimpleNamespace(**WORDS)), marts)
    return Made(account, tables, marts, left_out)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, where: Path) -> dict[str, Made]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GROWTH_DATASETS", str(where))
        return {name: make(name, tmp_path_factory.mktemp(name)) for name in ROWS}


@pytest.mark.parametrize(
    ("name", "kept", "marts"),
    [
        ("channel_paths", dict(paths=10_000), {"given_paths"}),
        (
            "geolift",
            dict(regions=40, outcomes=4_200, experiments=1, experiment_arms=2, assignments=40),
            {"outcomes", "given_tests"},
        ),
        ("mmm_example", dict(outcomes=179, spend=358, promotions=2), {"outcomes", "spend_by_day"}),
    ],
)
def test_every_row_is_kept(made: dict[str, Made], name: str, kept: dict[str, int], marts: set[str]) -> None:
    account = made[name].account
    equal = 522 if name == "channel_paths" else 0  # rows that are an earlier one once more: flagged, and kept
    assert account["total"] == dict(rows_in=ROWS[name], kept=ROWS[name], flagged=equal, refused=0)
    assert {t: e["kept"] for t, e in account["tables"].items()} == kept
    assert all(not e["refused"] for e in account["tables"].values())
    assert account["flags"] == ({"exact_duplicate": 522} if equal else {})
    assert {f.stem for f in made[name].marts.glob("*.parquet")} == marts
    assert not marts & made[name].left_out.keys()


def test_sums_are_those_of_the_files(made: dict[str, Made]) -> None:
    """Added up by awk, line by line."""
    paths = made["channel_paths"].table("paths")
    assert (paths["conversions"].sum(), paths["nulls"].sum()) == (19_785, 68_602)
    assert paths["value"].sum() == pytest.approx(74_802.97158721, abs=5e-9)
    cities = made["geolift"].table("outcomes")
    tested = cities[cities["region"].isin(["chicago", "portland"])]
    during = tested[tested["date"] >= dt.date(2021, 4, 1)]
    assert [f["value"].sum() for f in (cities, tested, during)] == [18_443_050, 615_723, 90_717]
    weeks = made["mmm_example"]
    assert weeks.table("outcomes")["value"].sum() == pytest.approx(946_005.6160858516, abs=1e-8)
    spent = weeks.table("spend").groupby("channel")["cost"].sum().astype(float)
    assert spent.to_dict() == dict(x1=55.3257, x2=28.9711), "each week rounded to 4 decimals"


def test_paths_give_the_reference_removal_effects(made: dict[str, Made]) -> None:
    """Rows of one path are added up: 5,408 paths, the effects of a chain of order 1."""
    mart = made["channel_paths"].mart("given_paths")
    assert len(mart) == 5_408 and (mart["conversions"].sum(), mart["nulls"].sum()) == (19_785, 68_602)
    found = markov.removal(from_table(mart))
    assert found.rate == pytest.approx(19_785 / 88_387, abs=1e-12)
    wanted = dict(
        alpha=0.5583994895077468, beta=0.2640385357412365, delta=0.000481995758038458, eta=0.349026331871146,
        iota=0.4058350044719442, mi=0.00017994581989382198, zeta=0.0398105178173834,
    )  # fmt: skip
    effect = dict(zip(found.channels, found.effect, strict=True))
    assert {c: effect[c] for c in wanted} == pytest.approx(wanted, abs=1e-9)
    value = dict(zip(found.channels, found.value_effect, strict=True))
    assert (value["alpha"], value["iota"]) == pytest.approx(
        (0.5229855895869645, 0.41669427934490977), abs=1e-9
    )


def test_the_test_of_two_cities_gives_the_published_effect(made: dict[str, Made]) -> None:
    own = made["geolift"]
    cities = own.mart("outcomes").pivot(index="date", columns="region", values="value")
    test = own.mart("given_tests")
    assert cities.shape == (105, 40) and len(test) == 40
    tested = sorted(test.loc[test["shown"] == 1, "region"])
    (starts,), (ends,) = test["starts_on"].unique(), test["ends_on"].unique()
    assert tested == ["chicago", "portland"] and cities.index.get_loc(starts) == 90
    found = geo.synthetic(cities, tested, starts, ends - dt.timedelta(days=1))
    assert (found.before, found.during) == (90, 15)
    assert found.att == pytest.approx(155.556, abs=0.001)
    assert found.incremental == pytest.approx(4_667, abs=1)
    assert found.imbalance == pytest.approx(909.489, abs=0.001)


def test_the_test_is_a_holdout_whose_control_was_shown_no_more(made: dict[str, Made]) -> None:
    own = made["geolift"]
    (test,) = own.table("experiments").to_dict("records")
    assert (test["kind"], test["unit"]) == ("holdout", "region")
    assert (test["starts_on"], test["ends_on"]) == (dt.date(2021, 4, 1), dt.date(2021, 4, 16))
    arms = own.table("experiment_arms").set_index("arm")
    assert arms["control"].to_dict() == dict(control=True, test=False)
    assert arms["planned_share"].to_dict() == dict(control=0.95, test=0.05)
    assert own.table("assignments")["arm"].value_counts().to_dict() == dict(control=38, test=2)


def weeks(own: Made) -> tuple[pd.DataFrame, pd.Series]:
    """Spend by channel, and the outcome, of every week, from the marts."""
    spend = own.mart("spend_by_day").astype(dict(cost=float))
    outcome = own.mart("outcomes")
    assert spend["region"].isna().all() and outcome["region"].isna().all()
    wide = spend.pivot(index="date", columns="channel", values="cost")
    y = outcome.set_index("date")["value"].sort_index()
    return wide.set_axis(pd.DatetimeIndex(wide.index)), y.set_axis(pd.DatetimeIndex(y.index))


def test_weeks_are_whole_and_without_a_hole(made: dict[str, Made]) -> None:
    spend, y = weeks(made["mmm_example"])
    assert spend.index.equals(y.index) and spend.shape == (179, 2)
    assert spend.index.equals(pd.date_range("2018-04-02", "2021-08-30", freq="7D"))
    assert (spend["x2"] == 0).sum() == 147 and (spend["x1"] > 0).all()
    assert dt.date.fromisoformat(Dataset.read(made["mmm_example"].tables).as_of) == dt.date(2021, 9, 6)


@pytest.mark.parametrize("events", [True, False])
def test_shares_of_channels_are_those_they_were_made_with(made: dict[str, Made], events: bool) -> None:
    """Shares .2905 and .0697 of the outcome; the two weeks of events known, or left in the noise."""
    own = made["mmm_example"]
    spend, y = weeks(own)
    other = response.controls(spend.index)
    if events:
        for event in own.table("promotions").itertuples():
            own_days = (spend.index.date >= event.starts_on) & (spend.index.date < event.ends_on)
            assert own_days.sum() == 1
            other[event.promotion_id] = own_days.astype(float)
    found = response.fit(spend, y, 1, other, settings=response.Settings(draws=2))
    assert found.shares.set_index("channel")["share"].to_dict() == pytest.approx(
        dict(x1=0.2905, x2=0.0697), abs=0.01
    )


def test_rounding_spend_to_money_leaves_its_shares(made: dict[str, Made], where: Path) -> None:
    raw = pd.read_csv(where / "mmm_example" / "mmm_example.csv")
    spend, y = weeks(made["mmm_example"])
    exact = raw[["x1", "x2"]].set_axis(spend.index)
    assert (exact - spend).abs().to_numpy().max() <= 5.0001e-5
    other, few = response.controls(spend.index), response.Settings(draws=2)
    both = [response.fit(x, y, 1, other, settings=few).shares["share"].to_numpy() for x in (exact, spend)]
    assert both[1] == pytest.approx(both[0], abs=1e-5)


def test_two_readings_give_the_same_bytes(
    made: dict[str, Made], tmp_path: Path, where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROWTH_DATASETS", str(where))
    for name, own in made.items():
        (tmp_path / name).mkdir()
        again = make(name, tmp_path / name)
        for folder, other in ((own.tables, again.tables), (own.marts, again.marts)):
            for file in sorted(folder.glob("*.parquet")):
                assert file.read_bytes() == (other / file.name).read_bytes(), file.name


def test_they_can_be_asked_for_and_other_bytes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROWTH_DATASETS", str(tmp_path))
    licences = dict(channel_paths="GPL-3.0-or-later", geolift="MIT", mmm_example="Apache-2.0")
    for name, licence in licences.items():
        assert name in names() and public.PUBLISHED[name].info.licence == licence
        (file,) = public.PUBLISHED[name].files
        with pytest.raises(UserError, match=f"{file} is missing"):
            public.SOURCES[name].acquire(tmp_path, tmp_path)
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text("path;total_conversions\na;1\n", encoding="utf-8")
        with pytest.raises(UserError, match="SHA-256"):
            public.SOURCES[name].acquire(tmp_path, tmp_path)


def test_paths_alone_are_audited(tmp_path: Path, where: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No table has a date, and none an order."""
    monkeypatch.setenv("GROWTH_DATASETS", str(where))
    copy = Elsewhere.make(tmp_path, dataset="channel_paths")
    for verb in (["raw"], ["ingest"], ["marts", "00_audit"], ["run", "00_audit"]):
        copy.run("growth", *verb)
    audit = findings(copy.folder / "reports" / "channel_paths", "00_audit")
    assert audit["H4.rows"]["value"] == 10_000 and audit["H4.exact_duplicates"]["value"] == 522
    assert not {"H4.reconciliation", "H4.returns", "H4.gaps"} & audit.keys()
