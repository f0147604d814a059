"""On the platform whose truth is known: unmet needs, machines, and the way to an order."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from growth.behaviour import search, terms, visit_marts
from growth.behaviour.marts import MARTS
from growth.definitions import Tables
from growth.marts import _sorted
from growth.simulation import Settings, words
from tests import platforms
from tests.conftest import frame

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("platform")


@pytest.fixture(scope="module")
def platform(folder: Path) -> Tables:
    return platforms.platform(folder, Settings(customers=3_000, months=12, dirt=False))


def test_unmet_needs_are_found_and_no_other(platform: Tables) -> None:
    made = search.judged(search.demand(frame(visit_marts.searches(platform))), 30)
    found = set(made.loc[made["verdict"] == search.UNMET, "term"])
    planted = {terms.normal(q) for q in words.UNMET}
    assert len(found & planted) / len(planted) >= 0.95 and found <= planted


def test_every_mart_has_its_key_and_adds_up(platform: Tables) -> None:
    made = {name: _sorted(mart.build(platform), mart).to_pandas() for name, mart in MARTS.items()}
    people, lengths = made["people"], made["lengths"]
    kept = made["machines"].set_index("machine").loc[False, "visits"]
    assert people["visits"].sum() == kept == lengths.loc[lengths["what"] == "seconds", "visits"].sum()
    starts = made["steps"].query("step == 'start'")["times"].sum()
    assert starts == made["steps"].query("then == 'end'")["times"].sum() <= kept
    sizes = made["basket_sizes"]
    assert (sizes["size"] * sizes["baskets"]).sum() == made["in_baskets"][["before", "after"]].sum().sum()


def test_the_machines_nobody_called_so_are_found_and_no_person(folder: Path, platform: Tables) -> None:
    """A visitor's number before ingest is its person's, then its device's."""
    kind = pd.read_parquet(folder / "truth" / "people.parquet").set_index("person")["kind"]
    raw = pd.read_parquet(folder / "raw" / "sessions", columns=["visitor_id", "bot"])
    who = kind.reindex(raw["visitor_id"].str[1:].astype(int) // 10)
    hidden = ((who == "bot").to_numpy() & ~raw["bot"].to_numpy()).sum()
    found = frame(visit_marts.machines(platform)).set_index("machine")["visits"]
    assert hidden > 100 and found[True] == hidden
