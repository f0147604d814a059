"""What is promised of the default size itself; the platform is made once, for this file alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from growth.simulation import Settings
from growth.simulation.experiments import EXPERIMENTS
from growth.simulation.power import FOUND, MEANT
from tests.simulation.bookkeeping import by_unit, difference, orders
from tests.simulation.conftest import Platform, make


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    return make(tmp_path_factory.mktemp("whole"), Settings(dirt=False), workers=2)


def test_sizes_are_as_promised(whole: Platform) -> None:
    n = whole.stated
    assert abs(n["count: customers"] / 60_000 - 1) < 0.05
    assert 500_000 < whole.arrow("touches").num_rows < 1_300_000
    assert n["count: sessions"] <= 2_000_000 and n["count: events"] <= 7_500_000


def test_the_power_table_keeps_its_promise(whole: Platform) -> None:
    """What is meant to be found is at least three errors large; some is honestly too small."""
    table = whole.truth("power.json")
    for row in table:
        assert set(row) == {"name", "truth", "standard_error", "ratio", "meant_to_be_found", "doc"}
        assert row["ratio"] == pytest.approx(abs(row["truth"]) / row["standard_error"], rel=1e-3)
        assert (row["ratio"] >= FOUND) == row["meant_to_be_found"], row
    assert {r["meant_to_be_found"] for r in table} == {True, False}
    names = {r["name"] for r in table}
    assert len(names) == len(table) and names >= MEANT


def test_units_that_are_missing_mislead(whole: Platform) -> None:
    """Welcome back: treated units that never came are not on record, and the difference in means is too large."""
    (e,) = (e for e in EXPERIMENTS if e.leak)
    units = by_unit(whole, e)
    estimate, error = difference(units, "welcome back", "control", "orders")
    (row,) = (r for r in whole.truth("power.json") if r["name"] == "welcome_back: welcome back: orders")
    assert estimate - row["truth"] > 2.5 * error and estimate > 2.5 * error
    assert abs(row["truth"]) < error, "where there is next to nothing"


def test_before_and_after_is_not_what_an_event_brings(whole: Platform) -> None:
    """As many days before: counting errors say that this is sharp, and yet it misses."""
    o = orders(whole.frame)

    def naive(first: str, days: int, value: str) -> tuple[float, float]:
        at, length = pd.Timestamp(first), pd.Timedelta(days=days)
        during = o.loc[(o["date"] >= at) & (o["date"] < at + length), value]
        before = o.loc[(o["date"] >= at - length) & (o["date"] < at), value]
        error = np.sqrt(sum(float((v.astype(float) ** 2).sum()) for v in (during, before)))
        return float(during.sum() - before.sum()), float(error)

    o["one"] = 1
    found, error = naive("2025-06-01", 18, "one")
    assert found - whole.stated["event 618-2025: orders during"] > 3.5 * error
    found, error = naive("2024-11-01", 11, "contribution")
    assert found / 100 - whole.stated["event 1111-2024: contribution during"] < -3 * error / 100
