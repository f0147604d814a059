"""The coded table of paths: what it takes, what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from growth.channels import markov, rules
from growth.channels.paths import RefusedError, from_table, from_touches
from growth.errors import UserError
from tests.channels.hand import public, steps, table


def test_codes_by_hand() -> None:
    own = table(("b > a", 1, 2.0, 0), ("a", 0, 0.0, 3), ("b > a", 2, 1.0, 4))
    assert own.channels == ("a", "b")
    assert steps(own) == [[1, 0], [0]], "one row a distinct path, in the order of their first rows"
    assert own.counts.conversions.tolist() == [3, 0]
    assert own.counts.value.tolist() == [3, 0]
    assert own.counts.nulls.tolist() == [4, 3]


def test_names_are_never_markup() -> None:
    names = ["<script>alert(1)</script>", "a>b", "x -> y", "émail & 微信", "=1+1", "'; drop table"]
    own = table((" > ".join(names), 1))
    assert sorted(names) == list(own.channels)
    assert [own.channels[c] for c in own.codes] == names


def test_text_in_several_pieces_is_one_column() -> None:
    one = pd.DataFrame(dict(path=["a > b", "c"], conversions=[1, 2]))
    own = from_table(pd.concat([one, one], ignore_index=True))
    assert own.channels == ("a", "b", "c") and own.counts.conversions.tolist() == [2, 4]
    with pytest.raises(RefusedError, match="must be text"):
        from_table(pd.DataFrame(dict(path=[1], conversions=[1])))


def test_spaces_around_a_name_do_not_make_another_channel() -> None:
    assert table((" a >  b ", 1), ("a > b", 1)).channels == ("a", "b")


def test_clusters_keep_one_path_apart() -> None:
    own = from_table(pd.DataFrame(dict(path=["a", "a", "a"], conversions=[1, 2, 4], cluster=[7, 3, 7])))
    assert own.counts.conversions.tolist() == [5, 2]
    assert own.cluster is not None and own.cluster.tolist() == [1, 0]


def test_hours_stay_with_their_row() -> None:
    own = from_table(pd.DataFrame(dict(path=["a > b", "a > b"], conversions=[1, 1], hours=["5 0", "9.5 1"])))
    assert own.last_hours is not None and own.last_hours.tolist() == [5, 0, 9.5, 1]


def test_a_long_table_is_the_same_as_text() -> None:
    touches = pd.DataFrame(
        dict(path_id=[9, 4, 9, 4, 4], position=[2, 1, 1, 5, 3], channel=["a", "b", "b", "c", "a"],
             hours=[0.0, 4, 1, 0, 2])
    )  # fmt: skip
    outcomes = pd.DataFrame(dict(path_id=[9, 4], conversions=[1, 0], value=[2.5, 0], nulls=[0, 2]))
    own = from_touches(touches, outcomes)
    assert [[own.channels[c] for c in s] for s in steps(own)] == [["b", "a"], ["b", "a", "c"]]
    assert own.last_hours is not None and own.last_hours.tolist() == [1, 0, 4, 2, 0]
    assert own.counts.value.tolist() == [2.5, 0]


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        ([("", 1)], "empty"),
        ([("  ", 1)], "empty"),
        ([("a >  > b", 1)], "without a name"),
        ([("a > ", 1)], "without a name"),
        ([("a > > b", 1)], "without a name"),
        ([(None, 1)], "missing"),
        ([("a", -1)], "negative"),
        ([("a", np.nan)], "missing or infinite"),
        ([("a", 1, np.inf)], "missing or infinite"),
        ([("a", 1, np.nan)], "missing or infinite"),
        ([("a", 1, -1.0)], "negative"),
        ([("a", 1, 1.0, -1)], "negative"),
        ([("a", 1, 1.0, 0), ("b", 0, 1.0, 0)], "no conversion"),
        ([("a", 0, 0.0, 5)], "nothing to give credit for"),
    ],
)
def test_what_is_refused_is_said_in_a_sentence(rows: Any, word: str) -> None:
    with pytest.raises(RefusedError, match=word) as said:
        table(*rows)
    assert isinstance(said.value, UserError) and str(said.value).count(". ") == 0


def test_tables_that_are_none() -> None:
    for frame in (pd.DataFrame(dict(path=["a"])), pd.DataFrame(dict(path=[], conversions=[]))):
        with pytest.raises(RefusedError):
            from_table(frame)
    with pytest.raises(RefusedError, match="hours"):
        from_table(pd.DataFrame(dict(path=["a > b"], conversions=[1], hours=["1"])))
    with pytest.raises(RefusedError, match="not all numbers"):
        from_table(pd.DataFrame(dict(path=["a"], conversions=[1], hours=["x"])))
    with pytest.raises(RefusedError, match="at least 0"):
        from_table(pd.DataFrame(dict(path=["a"], conversions=[1], hours=["-1"])))


def test_long_tables_that_do_not_fit_together() -> None:
    touches = pd.DataFrame(dict(path_id=[1, 1], position=[1, 1], channel=["a", "b"]))
    outcomes = pd.DataFrame(dict(path_id=[1], conversions=[1]))
    with pytest.raises(RefusedError, match="one position"):
        from_touches(touches, outcomes)
    touches["position"] = [1, 2]
    with pytest.raises(RefusedError, match="without an outcome"):
        from_touches(touches, outcomes.assign(path_id=2))
    with pytest.raises(RefusedError, match="empty"):
        from_touches(touches, pd.DataFrame(dict(path_id=[1, 2], conversions=[1, 1])))
    with pytest.raises(RefusedError, match="one path_id"):
        from_touches(touches, pd.concat([outcomes, outcomes]))
    with pytest.raises(RefusedError, match="no channel"):
        from_touches(touches.assign(channel=[None, "a"]), outcomes)


def test_a_path_of_ten_thousand_touches() -> None:
    own = table((" > ".join(["a", "b"] * 5000), 1, 3.0, 0), ("a", 1, 1.0, 1))
    assert len(own.codes) == 10_001
    assert rules.linear(own).conversions.tolist() == pytest.approx([1.5, 0.5])
    for order in (1, 2, 3):
        assert markov.removal(own, order).rate == pytest.approx(2 / 3, abs=1e-10)


def test_the_public_table_is_read_whole(datasets: Path) -> None:
    own = public(datasets)
    assert (len(own.lengths), len(own.channels)) == (5408, 12)
    totals = own.counts.conversions.sum(), own.counts.nulls.sum()
    assert totals == (19785, 68602)
    assert own.counts.value.sum() == pytest.approx(74802.97158721, abs=1e-8)
