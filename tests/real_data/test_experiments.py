"""Two published experiments, read whole: every row of the file is an assignment, and what was measured adds up."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from growth.errors import UserError
from growth.ingest.run import ingest
from growth.sources import Dataset, names, public
from growth.sources.draft import draft
from tests.elsewhere import Elsewhere


def brought(name: str, folder: Path) -> tuple[dict[str, Any], Path]:
    """Return the account and the folder of the tables of a published experiment."""
    raw, tables, lost = (folder / room for room in ("raw", "tables", "quarantine"))
    for room in (raw, tables, lost):
        room.mkdir()
    public.SOURCES[name].acquire(raw, raw).write(raw)
    return ingest(raw, tables, lost, SimpleNamespace(as_of=None, timezone=None)), tables


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory, where: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GROWTH_DATASETS", str(where))
        return {n: brought(n, tmp_path_factory.mktemp(n)) for n in ("hillstrom", "cookie_cats")}


def rows(tables: Path, query: str) -> list[tuple[Any, ...]]:
    return duckdb.sql(
        query.format(*(f"'{tables / t}.parquet'" for t in ("assignments", "measurements")))
    ).fetchall()


ARMS = "select arm, count(*), count(distinct customer_id) from {0} group by arm order by arm"
SUMS = (
    "select a.arm, m.metric, sum(m.value) from {1} m join {0} a using (experiment_id, customer_id) "
    "where m.\"window\" = 'during' group by all order by all"
)


@pytest.mark.parametrize(
    ("name", "file", "n", "arms", "measures"),
    [
        ("hillstrom", "hillstrom.csv", 64_000,
         [("Mens E-Mail", 21_307), ("No E-Mail", 21_306), ("Womens E-Mail", 21_387)], 11),
        ("cookie_cats", "cookie_cats.csv", 90_189, [("gate_30", 44_700), ("gate_40", 45_489)], 3),
    ],
)  # fmt: skip
def test_every_row_is_an_assignment(
    experiment: Any, name: str, file: str, n: int, arms: list[tuple[str, int]], measures: int
) -> None:
    account, tables = experiment[name]
    assert account["files"] == {file: n}
    assert account["total"] == dict(rows_in=n, kept=n, flagged=0, refused=0)
    assert account["tables"]["assignments"]["kept"] == n
    assert account["tables"]["measurements"]["kept"] == n * measures
    assert rows(tables, ARMS) == [(arm, count, count) for arm, count in arms]
    assert account["tables"]["experiment_arms"]["kept"] == len(arms)


def test_hillstroms_sums_are_those_of_the_file(experiment: Any, where: Path) -> None:
    _, tables = experiment["hillstrom"]
    found = {(arm, metric): total for arm, metric, total in rows(tables, SUMS)}
    assert [found[a, "conversion"] for a in ("Mens E-Mail", "No E-Mail", "Womens E-Mail")] == [267, 122, 189]
    assert [found[a, "visit"] for a in ("Mens E-Mail", "No E-Mail", "Womens E-Mail")] == [3_894, 2_262, 3_238]
    assert found["No E-Mail", "spend"] / 21_306 == pytest.approx(0.652789355, rel=1e-8)
    assert found["Mens E-Mail", "spend"] / 21_307 == pytest.approx(1.42261651, rel=1e-8)
    assert found["Womens E-Mail", "spend"] / 21_387 == pytest.approx(1.07720157, rel=1e-8)
    file = where / "hillstrom" / "hillstrom.csv"
    own = duckdb.sql(
        f"select sum(recency), sum(history), sum(mens), sum(womens), sum(newbie) from '{file}'"
    ).fetchone()
    before = rows(
        tables, "select metric, sum(value) from {1} where \"window\" = 'pre' and level is null group by 1"
    )
    assert own and dict(before) == pytest.approx(
        dict(zip(("recency", "history", "mens", "womens", "newbie"), own, strict=True))
    )
    levels = rows(
        tables, "select metric, count(distinct level) from {1} where level is not null group by 1 order by 1"
    )
    assert levels == [("channel", 3), ("history_segment", 7), ("zip_code", 3)]


def test_cookie_cats_sums_are_those_of_the_file(experiment: Any) -> None:
    _, tables = experiment["cookie_cats"]
    found = {(arm, metric): total for arm, metric, total in rows(tables, SUMS)}
    assert found["gate_30", "retention_1"] / 44_700 == pytest.approx(0.448187919, rel=1e-8)
    assert found["gate_40", "retention_1"] / 45_489 == pytest.approx(0.442282750, rel=1e-8)
    assert found["gate_30", "retention_7"] / 44_700 == pytest.approx(0.190201342, rel=1e-8)
    assert found["gate_40", "retention_7"] / 45_489 == pytest.approx(0.182000044, rel=1e-8)
    most = rows(tables, "select max(value) from {1} where metric = 'rounds'")
    assert most == [(49_854,)] and found["gate_30", "rounds"] + found["gate_40", "rounds"] == 4_678_325


def test_what_was_laid_down_before(experiment: Any) -> None:
    _, tables = experiment["hillstrom"]
    arms = f"from '{tables / 'experiment_arms.parquet'}'"
    assert duckdb.sql(f"select sum(planned_share), sum(unit_cost)::double {arms}").fetchall() == [(1, 0.02)]
    assert duckdb.sql(f"select arm {arms} where control").fetchall() == [("No E-Mail",)]
    judged = (
        f"select metric, role, direction from '{tables / 'experiment_metrics.parquet'}' order by record_id"
    )
    assert duckdb.sql(judged).fetchall() == [
        ("spend", "goal", "increase"),
        ("visit", "secondary", "increase"),
        ("conversion", "secondary", "increase"),
    ]


def test_two_readings_give_the_same_bytes(
    experiment: Any, tmp_path: Path, where: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("GROWTH_DATASETS", str(where))
    _, again = brought("hillstrom", tmp_path)
    _, tables = experiment["hillstrom"]
    for file in sorted(tables.glob("*.parquet")):
        assert file.read_bytes() == (again / file.name).read_bytes(), file.name


@pytest.mark.parametrize("name", ["hillstrom", "cookie_cats"])
def test_a_draft_of_the_file_finds_the_arms(name: str, tmp_path: Path, where: Path) -> None:
    (tmp_path / "x.csv").symlink_to(where / name / f"{name}.csv")
    found = draft(tmp_path).read_text(encoding="utf-8")
    control = {"hillstrom": "segment == 'No E-Mail'", "cookie_cats": "test_version == 'gate_30'"}[name]
    assert f'control: "{control}"' in found


def test_they_can_be_asked_for_and_say_what_they_are() -> None:
    for name in ("hillstrom", "cookie_cats"):
        info = public.PUBLISHED[name].info
        assert name in names() and isinstance(info, Dataset) and info.public
        assert info.licence.startswith("none stated")


def test_other_bytes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hillstrom").mkdir()
    (tmp_path / "hillstrom" / "hillstrom.csv").write_text("segment,spend\na,1\n")
    monkeypatch.setenv("GROWTH_DATASETS", str(tmp_path))
    with pytest.raises(UserError, match="SHA-256.*MineThatData"):
        public.SOURCES["hillstrom"].acquire(tmp_path, tmp_path)


def test_an_experiment_alone_is_audited_and_retention_says_why_not(
    tmp_path: Path, where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROWTH_DATASETS", str(where))
    copy = Elsewhere.make(tmp_path, dataset="hillstrom")
    for verb in (["raw"], ["ingest"], ["marts", "00_audit"], ["marts", "06_retention"]):
        copy.run("growth", *verb)
    for slug in ("00_audit", "06_retention"):
        copy.run("growth", "run", slug)
    metrics = copy.folder / "reports" / "hillstrom" / "metrics"
    audit = json.loads((metrics / "00_audit.json").read_text(encoding="utf-8"))
    assert audit["H4.rows"]["value"] == 64_000 and audit["H4.exact_duplicates"]["value"] == 0
    assert not {"H4.reconciliation", "H4.returns", "H4.gaps"} & audit.keys()
    retention = json.loads((metrics / "06_retention.json").read_text(encoding="utf-8"))
    assert list(retention) == ["F2.retention"] and "no table orders" in retention["F2.retention"]["sentence"]
