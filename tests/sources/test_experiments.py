"""An experiment as a flat file: one row a unit becomes an assignment and its measurements, and a draft sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from growth.errors import UserError
from growth.sources import mapping
from growth.sources.draft import draft
from growth.sources.light import check
from tests.sources.test_files import HEAD, ingest, shop

TABLES = """tables:
  assignments:
    from: f
    columns: {experiment_id: "'test'", customer_id: user, arm: arm}
  experiments:
    from: f
    one_row_per: experiment_id
    columns: {experiment_id: "'test'", unit: "'customer'"}
  experiment_arms:
    from: f
    one_row_per: arm
    columns: {experiment_id: "'test'", arm: arm, control: "arm == 'control'"}
  experiment_metrics:
    from: f
    one_row_per: metric
    columns: {experiment_id: "'test'", metric: "'spend'", role: "'goal'"}
  measurements:
    from: f
    columns: {experiment_id: "'test'", customer_id: user}
    repeat:
      - {metric: "'spend'", value: spend}
      - {metric: "'back'", value: truth(back)}
      - {metric: "'city'", level: city, window: "'pre'"}
"""
COLUMNS = "user,arm,spend,back,city\n"
GOOD = "u1,control,1.5,True,Rome\nu2,new,0,no,Oslo\nu3,new,2.25,1,Rome\n"


def trial(folder: Path, text: str = GOOD, tables: str = TABLES, header: str = COLUMNS) -> Path:
    return shop(folder, (header + text).encode(), tables=tables)


def measured(stored: dict[str, Any], metric: str) -> list[Any]:
    return [
        r["value"] if r["level"] is None else r["level"]
        for r in stored["measurements"]
        if r["metric"] == metric
    ]


def test_a_row_becomes_an_assignment_and_a_row_for_each_entry(tmp_path: Path) -> None:
    account, stored, _ = ingest(trial(tmp_path))
    assert account["total"] == dict(rows_in=3, kept=3, flagged=0, refused=0)
    assert {name: t["rows_in"] for name, t in account["tables"].items()} == dict(
        experiments=1, experiment_arms=2, experiment_metrics=1, assignments=3, measurements=9
    )
    assert [r["arm"] for r in stored["assignments"]] == ["control", "new", "new"]
    assert {r["arm"]: r["control"] for r in stored["experiment_arms"]} == dict(control=True, new=False)
    assert measured(stored, "spend") == [1.5, 0, 2.25] and measured(stored, "back") == [1, 0, 1]
    assert measured(stored, "city") == ["Rome", "Oslo", "Rome"]
    order = [(r["record_id"], r["metric"]) for r in stored["measurements"]]
    assert order == list(enumerate(["spend", "back", "city"] * 3, 1)), "by row, then by entry"
    who = {r["customer_id"] for r in stored["measurements"]}
    assert who == {r["customer_id"] for r in stored["assignments"]} and "u1" not in who


def test_bad_rows_are_refused_where_they_are_bad(tmp_path: Path) -> None:
    bad = {
        "u4,new,NaN,1,Rome": ("measurements", "value: not a valid number"),
        "u4,new,inf,1,Rome": ("measurements", "value: not a valid number"),
        "u4,new,'1,1,Rome": ("measurements", "value: not a valid number"),
        "u4,new,1,perhaps,Rome": ("measurements", "value: back is neither true nor false"),
        "u4,,1,1,Rome": ("assignments", "arm: missing"),
        "u4, ,1,1,Rome": ("assignments", "arm: missing"),
        "1E+05,new,1,1,Rome": ("assignments", "customer_id: spoilt by a spreadsheet, like 1E+05"),
        "u4,new,1,1": ("assignments", "4 values instead of 5"),
    }
    account, stored, lost = ingest(trial(tmp_path, GOOD + "\n".join(bad) + "\n"))
    for table in ("measurements", "assignments"):
        expected = [(n, why) for n, (where, why) in enumerate(bad.values(), 4) if where == table]
        found = dict((r["source_row"], r["refused_because"]) for r in lost[table])
        assert [(n, found[n]) for n, _ in expected] == expected
    assert account["total"] == dict(rows_in=11, kept=7, flagged=0, refused=4), (
        "a bad value loses no assignment"
    )
    assert len(stored["assignments"]) == 7 and len(stored["experiment_arms"]) == 2


def test_a_value_that_is_missing_is_null_and_not_nought(tmp_path: Path) -> None:
    _, stored, lost = ingest(trial(tmp_path, GOOD + "u4,new,,,\n"))
    assert measured(stored, "spend")[3] is None and measured(stored, "back")[3] is None
    assert len(stored["measurements"]) == 12 and not lost["measurements"]


def test_a_user_twice_is_kept_twice(tmp_path: Path) -> None:
    account, stored, _ = ingest(trial(tmp_path, GOOD + "u1,control,1.5,True,Rome\nu2,control,9,no,Oslo\n"))
    assert account["total"] == dict(rows_in=5, kept=5, flagged=1, refused=0)
    assert account["flags"] == dict(exact_duplicate=1), "what is derived from a copy is no further one"
    assert [r["flags"] for r in stored["assignments"]] == ["", "", "", "exact_duplicate", ""]
    of = {r["customer_id"]: [] for r in stored["assignments"]}
    for row in stored["assignments"]:
        of[row["customer_id"]].append(row["arm"])
    assert sorted(of.values()) == [["control", "control"], ["new"], ["new", "control"]]


def test_where_holds_for_a_repeated_table_and_its_rows_are_not_counted_twice(tmp_path: Path) -> None:
    tables = TABLES.replace("    repeat:", "    where: arm == 'new'\n    repeat:")
    account, stored, _ = ingest(trial(tmp_path, tables=tables))
    assert account["total"]["kept"] == 3 and measured(stored, "spend") == [0, 2.25]


def test_a_file_without_ids_is_known_by_its_rows(tmp_path: Path) -> None:
    twice = "x,control,1,1,Rome\nx,control,1,1,Rome\n"
    account, stored, _ = ingest(
        trial(tmp_path, twice, TABLES.replace("customer_id: user", "customer_id: row()"))
    )
    assert len({r["customer_id"] for r in stored["assignments"]}) == 2
    assert account["total"]["flagged"] == 0, "two customers who are alike are no copy"
    assert {r["customer_id"] for r in stored["measurements"]} == {
        r["customer_id"] for r in stored["assignments"]
    }


def test_repeat_and_one_row_per_together_give_a_row_a_value(tmp_path: Path) -> None:
    tables = TABLES.replace(
        """    columns: {experiment_id: "'test'", metric: "'spend'", role: "'goal'"}\n""",
        """    columns: {experiment_id: "'test'"}\n    repeat:\n"""
        """      - {metric: "'spend'", role: "'goal'"}\n"""
        """      - {metric: "'back'", role: "'guardrail'", margin: 0.05}\n""",
    )
    _, stored, _ = ingest(trial(tmp_path, tables=tables))
    assert [(r["metric"], r["role"], r["margin"]) for r in stored["experiment_metrics"]] == [
        ("spend", "goal", None),
        ("back", "guardrail", 0.05),
    ]


def test_several_experiments_in_one_file(tmp_path: Path) -> None:
    tables = TABLES.replace("\"'test'\"", "test").replace(
        "one_row_per: arm", "one_row_per: [experiment_id, arm]"
    )
    text = "u1,control,1,1,Rome,a\nu2,new,1,1,Rome,a\nu1,control,1,1,Rome,b\nu2,new,1,1,Rome,b\n"
    _, stored, _ = ingest(trial(tmp_path, text, tables, header="user,arm,spend,back,city,test\n"))
    assert len(stored["experiments"]) == 2
    assert [(r["experiment_id"], r["arm"]) for r in stored["experiment_arms"]] == [
        ("a", "control"), ("a", "new"), ("b", "control"), ("b", "new"),
    ]  # fmt: skip


def test_columns_of_several_types_in_parquet(tmp_path: Path) -> None:
    folder = trial(tmp_path)
    rows = [
        dict(user=1, arm=0, spend=1.5, back=True, city="Rome"),
        dict(user=2, arm=1, spend=2.0, back=False, city=""),
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "f.parquet")
    text = (folder / "mapping.yaml").read_text().replace("f.csv", "f.parquet").replace("truth(back)", "back")
    (folder / "mapping.yaml").write_text(text.replace("arm == 'control'", "arm == 0"))
    _, stored, lost = ingest(folder)
    assert measured(stored, "spend") == [1.5, 2.0] and measured(stored, "back") == [1, 0]
    assert [r["control"] for r in stored["experiment_arms"]] == [True, False] and not lost["measurements"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("repeat:", "repeated:", "tables.measurements.repeated is not known.*Did you mean repeat?"),
        ("arm: arm}\n  experiments", "arm: armm}\n  experiments", "no column 'armm'.*Did you mean 'arm'"),
        ("value: spend", "value: spent", "measurements.value: the file has no column 'spent'.*'spend'"),
        ("value: spend", "vlaue: spend", "measurements has no column 'vlaue' in the contract. Did you mean value?"),
        ("value: spend", "customer_id: spend", "repeat: entry 1 names customer_id, which stands under columns already"),
        ("value: spend", "value: [spend]", r"measurements.repeat.0.value is \"\['spend'\]\"; allowed: a list"),
        ('{metric: "\'spend\'", value: spend}', "{}", "repeat: entry 1 is empty"),
        ('{metric: "\'spend\'", value: spend}', "spend", "tables.measurements.repeat.0 is 'spend'; allowed: a list"),
        ("one_row_per: metric", "one_row_per: denominator", "one_row_per names denominator, which is not mapped"),
        ("one_row_per: metric", "one_row_per: {a: b}", "one_row_per is .*; allowed: a column of the contract, or"),
        ("value: truth(back)", "value: truth()", "truth takes 1 value"),
        ("value: spend", "level: col('E-Mail')", "has no column 'E-Mail'"),
        ('arm: arm}\n  experiments', 'arm: arm}\n    one_row_per: arm\n  experiments',
         "every table from f has one_row_per or repeat, so its rows could not be accounted for"),
    ],
)  # fmt: skip
def test_a_wrong_mapping_is_told(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in TABLES
    with pytest.raises(UserError, match=said) as told:
        ingest(trial(tmp_path, tables=TABLES.replace(old, new, 1)))
    assert len(str(told.value).splitlines()) == 1


def test_an_empty_repeat_is_told(tmp_path: Path) -> None:
    tables = TABLES[: TABLES.index("    repeat:")] + "    repeat: []\n"
    with pytest.raises(UserError, match="repeat is '\\[\\]'; allowed: a list"):
        mapping.load(trial(tmp_path, tables=tables))


def test_a_personal_column_stops_though_a_constant_may_sound_like_one(tmp_path: Path) -> None:
    tables = TABLES.replace("arm == 'control'", "arm == 'No E-Mail'")
    header = COLUMNS.replace("city", "email")
    assert mapping.load(trial(tmp_path / "a", tables=tables))
    ingest(trial(tmp_path / "b", GOOD.replace("control", "No E-Mail"), tables))
    with pytest.raises(
        UserError, match=r"measurements.level would hold 'email', which sounds like personal data"
    ):
        ingest(
            trial(tmp_path / "c", tables=TABLES.replace("level: city", "level: strip(email)"), header=header)
        )


def written(folder: Path, text: str, name: str = "x.csv") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return draft(folder).read_text(encoding="utf-8")


def test_a_drafted_experiment_passes_its_check_as_it_is(tmp_path: Path) -> None:
    text = "user,arm,spend,visits,city\nu1,control,1.5,2,Rome\nu2,new,0,1,Oslo\nu3,new,3,,Rome\nu4,control,2,0,Oslo\n"
    found = written(tmp_path, text)
    said = "\n".join(check(tmp_path))
    assert "4 rows in the files = 4 kept + 0 refused" in said
    for line in ("experiments: 1 row, 1 kept", "experiment_arms: 2 rows, 2 kept", "experiment_metrics: 2 rows, 2 kept",
                 "assignments: 4 rows, 4 kept", "measurements: 12 rows, 12 kept"):  # fmt: skip
        assert line in said, said
    (control,) = [line for line in found.splitlines() if "control:" in line]
    assert control.endswith("""control: "arm == 'control'\"""") and "doubt" not in control
    assert """- {metric: "'spend'", role: "'goal'"}   # doubt""" in found
    assert """- {metric: "'city'", level: city, window: "'pre'"}""" in found


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("userid,test_version,sum_gamerounds,retention_1\n1,gate_30,3,False\n2,gate_40,4,True\n3,gate_40,9,False\n",
         ["arm: test_version", "control: \"test_version == 'gate_30'\"   # doubt", "value: truth(retention_1)"]),
        ("user_id,timestamp,group,landing_page,converted\n"
         "8,2017-01-21 22:11:48.55,control,old_page,0\n9,2017-01-12 08:01:45.15,treatment,new_page,1\n"
         "7,2017-01-12 08:01:45.15,treatment,new_page,1\n",
         ["# doubt: is group really", "assigned_at: timestamp", "as_of: 2017-01-22", "level: landing_page"]),
        ("用户id,分组,消费金额,城市\n1,对照组,3.5,上海\n2,实验组,4,北京\n3,实验组,4,北京\n",
         ["customer_id: 用户id", "control: \"分组 == '对照组'\"", "metric: \"'消费金额'\", value: 消费金额"]),
        ("uid;variant;pre_spend;Spend €\na;A;1,5;2,50\nb;B;2,5;3,75\n",
         ["control: \"variant == 'A'\"   # doubt", 'decimal: ","', "window: \"'pre'\"}   # doubt: known before",
          "value: 'Spend €'"]),
        ("device_id,bucket,loaded\nd,on,1\ne,off,2\n",
         ["visitor_id: device_id", "unit: \"'visitor'\"", "control: \"bucket == 'off'\"   # doubt"]),
        ("segment,recency,spend\nNo E-Mail,1,2\nMens E-Mail,3,4\n",
         ["customer_id: row()", "so each row is one", "control: \"segment == 'No E-Mail'\""]),
        ("experiment_id,user,arm,paid\nx,1,a,1\nx,2,b,0\ny,1,a,1\ny,2,b,1\n",
         ["experiment_id: experiment_id", "one_row_per: [experiment_id, arm]", "one_row_per: [experiment_id, metric]"]),
        ("user,class,arm\n1,x,it's\n2,y,b\n3,y,b\n", ["level: class", "experiment_metrics is left out"]),
        ("user,arm,email,yes no\n1,a,x@y.z,yes\n2,b,y@z.a,no\n", ["truth(col('yes no'))", "email look personal"]),
    ],
)  # fmt: skip
def test_a_draft_sees_an_experiment_and_its_check_passes(tmp_path: Path, text: str, lines: list[str]) -> None:
    found = written(tmp_path, text)
    assert all(line in found for line in lines), found
    assert " + 0 refused" in check(tmp_path)[0], "\n".join(check(tmp_path))


@pytest.mark.parametrize(
    "text",
    [
        "order_id,user,variant,qty\n1,u,a,1\n2,v,b,1\n",
        "customer_id,signup_date,segment\nc,2024-01-01,a\nd,2024-01-02,b\n",
        "sku,name,group\np,Pot,a\nq,Cup,b\n",
        "user,arm,spend\n1,all,2\n2,all,3\n",
        "user,segment,spend\n" + "".join(f"{n},s{n},1\n" for n in range(30)),
    ],
)
def test_a_shops_file_is_not_taken_for_an_experiment(tmp_path: Path, text: str) -> None:
    assert "assignments" not in written(tmp_path, text)


def test_a_file_sorted_by_arm_is_seen_to_its_end(tmp_path: Path) -> None:
    arms = ["control"] * 4000 + ["new"] * 4000
    text = "user,arm,spend\n" + "".join(f"{n},{arm},1\n" for n, arm in enumerate(arms))
    assert "control: \"arm == 'control'\"" in written(tmp_path, text)


def test_the_guide_is_true(tmp_path: Path, root: Path) -> None:
    """The mapping that docs/own-data.md shows works on the file that it shows."""
    page = (root / "docs" / "own-data.md").read_text(encoding="utf-8")
    section = page[page.index("## One experiment as a flat file") :]
    blocks = section.split("```")
    (tmp_path / "test.csv").write_text(blocks[1].strip() + "\n", encoding="utf-8")
    yaml = blocks[3].removeprefix("yaml\n")
    (tmp_path / "mapping.yaml").write_text(HEAD + yaml, encoding="utf-8")
    account, stored, _ = ingest(tmp_path)
    assert account["total"]["refused"] == 0 and len(stored["measurements"]) == 4 * len(stored["assignments"])
