"""The same seed gives the same bytes; the number of workers is nothing; another seed gives other data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from growth.simulation import Settings, simulate
from growth.simulation.run import CHUNK
from tests.simulation.conftest import BOOKS, TABLES, Platform, make

TWO_CHUNKS = Settings(seed=11, customers=4_000, months=4)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    return make(tmp_path_factory.mktemp("alone"), TWO_CHUNKS)


def test_two_workers_write_the_bytes_of_one(alone: Platform, tmp_path: Path) -> None:
    both = make(tmp_path, TWO_CHUNKS, workers=2)
    assert "orders/part-0001.parquet" in alone.bytes(), "more than one chunk, or this proves nothing"
    assert alone.bytes() == both.bytes()
    assert alone.bytes("truth") == both.bytes("truth")


def test_a_second_run_writes_the_same_bytes(alone: Platform, tmp_path: Path) -> None:
    again = make(tmp_path, TWO_CHUNKS)
    assert alone.bytes() == again.bytes() and alone.bytes("truth") == again.bytes("truth")


def test_seeds_differ_in_every_drawn_table(small: Settings, base: Platform, tmp_path: Path) -> None:
    other = make(tmp_path, replace(small, seed=small.seed + 1)).bytes()
    mine = base.bytes()
    same = {name.split("/")[0] for name in mine if mine[name] == other.get(name)}
    # What is laid down, not drawn: cities, suppliers, and the experiments as planned. The calendar of promotions is
    # nearly so: some product is on a weekly promotion on almost every day.
    assert same - {"promotions"} == {
        "regions",
        "suppliers",
        "channels",
        "creators",
        "campaigns",
        "experiments",
        "experiment_arms",
        "experiment_metrics",
        "experiment_scope",
    }


def test_the_people_of_a_chunk_do_not_depend_on_how_many_follow(tmp_path: Path) -> None:
    """Their traits and their luck are theirs; only the arrivals' calendar is shared, and it is the same.

    The books of the stock and of spend are sums over everybody, and what a campaign costs follows the shop's size.
    """
    few = make(tmp_path / "few", replace(TWO_CHUNKS, customers=3_500, dirt=False)).bytes()
    many = make(tmp_path / "many", replace(TWO_CHUNKS, customers=7_000, dirt=False)).bytes()
    first = [name for name in few if name.endswith("part-0000.parquet")]
    assert round(3_500 * 2.4) > CHUNK
    assert all(few[name] == many[name] for name in first if name.split("/")[0] not in (*BOOKS, "campaigns"))
    assert {name.split("/")[0] for name in first} == set(TABLES) - {"coupons", "price_tests"}, (
        "none is given or run in these months"
    )


def test_what_is_there_is_written_over(tmp_path: Path, small: Settings) -> None:
    """A smaller run into the folder of a larger one leaves no part of the larger behind."""
    make(tmp_path, replace(TWO_CHUNKS, dirt=False))
    smaller = make(tmp_path, small)
    assert all(name.endswith("part-0000.parquet") for name in smaller.bytes())


def test_the_tables_are_those_of_the_contract(base: Platform) -> None:
    from growth.contract import TABLES as CONTRACT

    for name in TABLES:
        schema = pq.read_schema(base.folder / "raw" / name / "part-0000.parquet")
        assert schema.names == list(CONTRACT[name].names), name
        assert not schema.metadata, "no metadata that could change"
        for column in CONTRACT[name].columns:
            if column.type == "money" and column.name in schema.names:
                assert str(schema.field(column.name).type) == "decimal128(18, 4)", (name, column.name)
            if column.type == "time":
                assert str(schema.field(column.name).type) == "timestamp[us]", (name, column.name)


@pytest.mark.parametrize("months", [0, 61])
def test_months_out_of_reach_are_refused(months: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="months must be 1 to 60"):
        simulate(Settings(months=months), tmp_path / "raw", tmp_path / "truth")


def test_progress_goes_to_stderr(tmp_path: Path, small: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path, replace(small, customers=300, months=2))
    said = capsys.readouterr()
    assert said.out == "" and said.err == "simulate: chunk 1/1\n"
