"""Designs and cells: what money adds to them, and bad input that ends in one clear sentence each."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from growth import sources
from growth.errors import UserError
from growth.ingest import run as ingest_run
from growth.promotions import effect, marts, validity
from growth.promotions.design import Cells, Metric, _exact_sum, plan, trade_cells, with_money
from growth.promotions.model import Shelf, experiments
from growth.sources import Source
from growth.stats.moments import Moments
from tests.conftest import frame
from tests.ingest.test_run import AUTO, INFO, read_all, write
from tests.promotions.hand import PARAMS
from tests.promotions.hand import design as by_hand
from tests.promotions.shop import Rows, day

AS_OF = dt.date(2024, 7, 1)
TEST = dict(experiment_id="e", unit="customer", starts_on=day("2024-05-06"), ends_on=day("2024-06-03"))
ARMS = [
    dict(experiment_id="e", arm="old", control=True, planned_share=0.5),
    dict(experiment_id="e", arm="new", control=False, planned_share=0.5, unit_cost="0.25"),
]


def tables_of(**changes: Rows) -> dict[str, Rows]:
    """An experiment of forty customers with spend; `changes` take the place of tables."""
    random = np.random.default_rng(2)
    who = [dict(experiment_id="e", customer_id=f"c{i}") for i in range(40)]
    given = [w | dict(arm=["old", "new"][i % 2]) for i, w in enumerate(who)]
    told = [w | dict(metric="spend", value=round(float(random.gamma(2, 5)), 2)) for w in who]
    asked = [dict(experiment_id="e", metric="spend", role="goal")]
    plain = dict(
        experiments=[TEST],
        experiment_arms=ARMS,
        experiment_metrics=asked,
        assignments=given,
        measurements=told,
    )
    return plain | changes


def worked(shop: Any, **changes: Rows) -> tuple[list[Any], dict[str, str]]:
    """What the notebook makes of the tables: studies, and the experiments that cannot be read, with why."""
    tables = shop(**tables_of(**changes))
    names = [n for n, m in marts.MARTS.items() if all(t in tables for t in m.needs)]
    built = {n: frame(marts.MARTS[n].build(tables)) for n in names}
    return experiments(Shelf(built.__getitem__, built.__contains__), AS_OF, "EUR", PARAMS)


def the_check(shop: Any, code: str, **changes: Rows) -> validity.Check:
    found, wrong = worked(shop, **changes)
    assert not wrong
    return next(c for c in found[0].checks if c.code == code)


def sentence(text: str, *words: str) -> None:
    """One sentence or two for a person: names what is meant, ends in a full stop, is no stack of internals."""
    assert all(w in text for w in words), text
    assert text.endswith(".") and "\n" not in text and "Traceback" not in text and len(text) < 400, text


def test_a_sound_experiment_is_worked_through(shop: Any) -> None:
    found, wrong = worked(shop)
    assert not wrong and not found[0].broken and found[0].design.control.name == "old"
    assert found[0].design.treatments[0].unit_cost == 0.25


def test_no_table_of_metrics(shop: Any) -> None:
    """Nothing was laid down: the likely metric is the goal."""
    plain = tables_of()
    del plain["experiment_metrics"]
    tables = shop(**plain)
    built = {n: frame(m.build(tables)) for n, m in marts.MARTS.items() if all(t in tables for t in m.needs)}
    found, wrong = experiments(Shelf(built.__getitem__, built.__contains__), AS_OF, "EUR", PARAMS)
    assert not wrong and found[0].design.goal == Metric("spend", "during", "goal")


# What ends in a sentence


BAD = {
    "no control": (dict(experiment_arms=[a | dict(control=False) for a in ARMS]), ["exactly one arm", "none"]),
    "two controls": (dict(experiment_arms=[a | dict(control=True) for a in ARMS]), ["exactly one arm", "old, new"]),
    "shares": (dict(experiment_arms=[a | dict(planned_share=0.6) for a in ARMS]), ["planned_share", "1.2", "not 1"]),
    "backwards": (dict(experiments=[TEST | dict(ends_on=day("2024-05-01"))]), ["ends_on", "after starts_on"]),
    "no days": (dict(experiments=[TEST | dict(ends_on=TEST["starts_on"])]), ["ends_on", "after starts_on"]),
    "unknown metric": (
        dict(experiment_metrics=[dict(experiment_id="e", metric="clicks", role="goal")]),
        ["experiment_metrics", "during_clicks", "during_spend"],
    ),
    "unknown denominator": (
        dict(experiment_metrics=[dict(experiment_id="e", metric="spend", denominator="tries", role="goal")]),
        ["experiment_metrics", "during_tries"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_designs_are_named_and_the_others_go_on(shop: Any, case: str) -> None:
    changes, words = BAD[case]
    sound = tables_of()
    second = {
        name: [r | dict(experiment_id="sound") for r in rows] for name, rows in sound.items()
    }  # a sound experiment beside it is worked through all the same
    both = {n: [*(changes.get(n) or sound.get(n, [])), *second.get(n, [])] for n in {*sound, *changes}}
    found, wrong = worked(shop, **both)
    assert list(wrong) == ["e"] and [s.design.id for s in found] == ["sound"]
    sentence(wrong["e"], "e:", *words)


def test_an_experiment_of_which_nothing_is_known(shop: Any) -> None:
    other = [dict(experiment_id="else", customer_id="c1", metric="spend", value=1.0)]
    _, wrong = worked(shop, measurements=other)
    sentence(wrong["e"], "nothing is known")


def test_arms_renamed(shop: Any) -> None:
    given = [r | dict(arm="NEW" if r["arm"] == "new" else "old") for r in tables_of()["assignments"]]
    check = the_check(shop, "arms", assignments=given)
    assert check.verdict == validity.STOP
    sentence(f"{check.seen}. {check.consequence}", "NEW", "experiment_arms")


def test_an_arm_without_units(shop: Any) -> None:
    given = [r | dict(arm="old") for r in tables_of()["assignments"]]
    check = the_check(shop, "arms", assignments=given)
    assert check.verdict == validity.STOP
    sentence(f"{check.seen}. {check.consequence}", "no unit", "new")


def test_an_arm_whose_units_lack_the_metric(shop: Any) -> None:
    """Units there are, values none: no decision, and no stack trace."""
    plain = tables_of()
    new = {r["customer_id"] for r in plain["assignments"] if r["arm"] == "new"}
    found, wrong = worked(
        shop, measurements=[m for m in plain["measurements"] if m["customer_id"] not in new]
    )
    if wrong:
        sentence(wrong["e"], "new")
    else:
        assert found[0].broken


def test_a_constant_metric(shop: Any) -> None:
    told = [m | dict(value=5.0) for m in tables_of()["measurements"]]
    found, wrong = worked(shop, measurements=told)
    assert not wrong and not found[0].effects
    assert [type(r) for r in found[0].refused] == [effect.Refused]
    assert "vary" in str(found[0].refused[0])


def test_assigned_after_the_end(shop: Any) -> None:
    given = [dict(r) for r in tables_of()["assignments"]]
    given[0]["assigned_at"] = "2024-06-20 10:00"
    check = the_check(shop, "late", assignments=given)
    assert check.verdict == validity.STOP and check.seen == "1 units"
    sentence(check.consequence, "before their assignment")


def test_a_unit_in_two_arms(shop: Any) -> None:
    given = tables_of()["assignments"]
    check = the_check(shop, "twice", assignments=[*given, given[0] | dict(arm="new")])
    assert check.verdict == validity.STOP and check.seen.startswith("1 of 40")
    sentence(check.consequence, "left out")


def test_assignments_without_a_unit(shop: Any) -> None:
    given = [*tables_of()["assignments"], dict(experiment_id="e", arm="new", visitor_id="v1")]
    check = the_check(shop, "no_unit", assignments=given)
    assert check.verdict == validity.WARN and check.seen == "1 rows"


def test_overlapping_experiments(shop: Any) -> None:
    plain = tables_of()
    other = {
        n: [r | dict(experiment_id="f") for r in rows[: 15 if n == "assignments" else None]]
        for n, rows in plain.items()
    }
    check = the_check(shop, "one_at_a_time", **{n: [*plain[n], *other[n]] for n in plain})
    assert check.verdict == validity.WARN and check.seen == "at the same time as f (15 units of both)"


@pytest.fixture
def ingested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function: raw rows by table -> why rows were refused, by table."""

    def go(**tables: Rows) -> dict[str, Any]:
        raw, kept, lost = (tmp_path / r for r in ("raw", "tables", "quarantine"))
        write(raw, **tables)
        INFO.write(raw)
        kept.mkdir()
        lost.mkdir()
        monkeypatch.setattr(sources, "get", lambda name: Source(lambda r, t: INFO, read_all))
        account = ingest_run.ingest(raw, kept, lost, AUTO)
        return {n: account["tables"][n]["reasons"] for n in tables} | {
            "kept": {n: pq.read_table(kept / f"{n}.parquet").num_rows for n in tables}
        }

    return go


def test_ingest_refuses_negative_costs(ingested: Any) -> None:
    """So none reaches a mart; the account says why."""
    arms = [
        dict(experiment_id="e", arm=a, control=a == "old", unit_cost=c)
        for a, c in (("old", 0.0), ("new", -0.25))
    ]
    found = ingested(experiments=[dict(experiment_id="e", unit="customer")], experiment_arms=arms)
    assert found["experiment_arms"] == {"unit_cost: below 0": 1} and found["kept"]["experiment_arms"] == 1


@pytest.mark.parametrize("kind", [str, float])
def test_ingest_refuses_measurements_that_are_no_numbers(ingested: Any, kind: type) -> None:
    told = [
        dict(experiment_id="e", customer_id="c", metric="spend", value=kind(v))
        for v in (1.5, np.nan, np.inf, 2.0)
    ]
    found = ingested(experiments=[dict(experiment_id="e", unit="customer")], measurements=told)
    assert found["measurements"] == {"value: not a valid number": 2} and found["kept"]["measurements"] == 2


def test_a_negative_cost_that_got_through_is_refused() -> None:
    arms = pd.DataFrame(ARMS).assign(planned=True, place=[1, 2], unit_cost=[0, -0.25])
    row = pd.Series(
        dict(TEST, name=None, kind=None, post_days=0, design=None, looks=None, alpha=None, power=None,
             planned_lift=None, planned_units=None, goods_known=True)
    )  # fmt: skip
    none = pd.DataFrame(columns=["place"])
    with pytest.raises(UserError) as e:
        plan(row, arms, none, ["during_spend"], PARAMS)
    sentence(str(e.value), "unit_cost", "new", "negative")


def test_shares_not_given_are_equal() -> None:
    arms = pd.DataFrame(ARMS).assign(planned=True, place=[1, 2], unit_cost=None, planned_share=None)
    row = pd.Series(
        dict(TEST, name=None, kind=None, post_days=None, design=None, looks=None, alpha=None, power=None,
             planned_lift=None, planned_units=None, goods_known=False)
    )  # fmt: skip
    found = plan(row, arms, pd.DataFrame(columns=["place"]), ["during_spend"], PARAMS)
    assert [a.share for a in found.arms] == [0.5, 0.5] and found.goal == Metric("spend", "during", "goal")
    assert found.until == day("2024-06-03") and (found.way, found.looks, found.alpha) == (
        "fixed",
        1,
        pytest.approx(0.05),
    )


# Cells with money


def trade_units(n: int = 200) -> dict[str, np.ndarray]:
    random = np.random.default_rng(8)
    units = {}
    for window in ("during", "post"):
        orders = random.poisson(1.2, n).astype(float)
        revenue = np.round(orders * random.gamma(2, 15, n), 2)
        units |= {
            f"{window}_visits": orders + random.poisson(2, n),
            f"{window}_orders": orders,
            f"{window}_revenue": revenue,
            f"{window}_contribution": np.round(revenue - orders * 1.5, 2),
        }
    units["during_discount"] = np.round(units["during_revenue"] * random.random(n) / 5, 2)
    units["during_messages"] = np.round(random.random(n) / 10, 2)
    return units


def cells_of(units: dict[str, np.ndarray]) -> Cells:
    m = Moments.of(units)
    return Cells(
        {"control": m, "new": m}, {("control", 0, ("",)): m, ("new", 0, ("",)): m}, ("tier",), (), {}
    )


@pytest.mark.parametrize("known", [True, False])
def test_money_of_moments_is_that_of_units(known: bool) -> None:
    """Margin of revenue where goods are unknown, unit cost taken off, totals: as if worked out unit by unit."""
    units = trade_units()
    design = by_hand("new", cost=0.35, goods_known=known)
    found = with_money(cells_of(units), design, PARAMS)
    for arm, cost in (("control", 0.0), ("new", 0.35)):
        own = dict(units)
        for window in () if known else ("during", "post"):
            own[f"{window}_contribution"] = (
                own[f"{window}_contribution"] - (1 - PARAMS.margin) * own[f"{window}_revenue"]
            )
        own["during_cost"] = own["during_discount"] + own["during_messages"] + cost
        own["during_contribution"] = own["during_contribution"] - cost
        for metric in ("visits", "orders", "revenue", "contribution"):
            own[f"total_{metric}"] = own[f"during_{metric}"] + own[f"post_{metric}"]
        expected = Moments.of(own)
        for m in (found.arms[arm], found.strata[arm, 0, ("",)]):
            assert set(m.names) == set(own)
            same = m.pick(*expected.names)
            assert same.mean == pytest.approx(expected.mean, rel=1e-10)
            assert same.cross == pytest.approx(expected.cross, rel=1e-8, abs=1e-6)


def test_money_of_what_was_measured() -> None:
    """Revenue alone is known: contribution is the margin of it, less what the arm costs."""
    spend = np.random.default_rng(4).gamma(1, 10, 300)
    found = with_money(cells_of({"during_spend": spend}), by_hand("new", cost=0.2), PARAMS)
    for arm, cost in (("control", 0.0), ("new", 0.2)):
        m = found.arms[arm]
        expected = Moments.of({"c": PARAMS.margin * spend - cost})
        assert m.mean_of("during_contribution") == pytest.approx(expected.mean_of("c"), rel=1e-12)
        assert m.var("during_contribution") == pytest.approx(expected.var("c"), rel=1e-12)
        assert m.mean_of("during_cost") == cost and m.var("during_cost") == 0
    other = with_money(cells_of({"during_visits": spend}), by_hand("new"), PARAMS)
    assert other.names == ("during_visits",)
    told = {"during_spend": spend, "during_contribution": spend / 3}
    assert with_money(cells_of(told), by_hand("new", cost=0.2), PARAMS).arms["new"].mean_of(
        "during_contribution"
    ) in (pytest.approx(spend.mean() / 3), pytest.approx(spend.mean() / 3 - 0.2))


def test_levels_and_folds_of_cells() -> None:
    parts = {f: Moments.of({"x": np.arange(5.0) + 10 * f}) for f in (0, 1)}
    strata = {("a", f, (level,)): parts[f] for f in (0, 1) for level in ("gold", "")}
    cells = Cells({"a": parts[0]}, strata, ("tier",), (), {})
    assert cells.levels(0) == ["gold"] and cells.level("a", 0, "silver") is None
    assert cells.level("a", 0, "gold").n == 10 and cells.level("a", 0, "gold", 1).mean_of("x") == 12  # type: ignore[union-attr]
    assert replace(cells, arms={}).names == ()


def test_cells_of_an_arm_are_those_of_its_strata(shop: Any) -> None:
    orders = [
        dict(order_id=f"o{i}", customer_id=f"c{i % 40}", status="paid", placed_at="2024-05-10 10:00")
        for i in range(90)
    ]
    lines = [dict(order_id=f"o{i}", product_id="p", quantity=1, amount=i) for i in range(90)]
    plain = {k: v for k, v in tables_of().items() if k != "measurements"}
    rows = frame(marts.moments(shop(orders=orders, order_lines=lines, **plain)))
    cells = trade_cells(rows)
    for arm, m in cells.arms.items():
        parts = [s for (a, _, _), s in cells.strata.items() if a == arm]
        merged = parts[0]
        for p in parts[1:]:
            merged = merged + p
        assert merged.n == m.n and merged.cross == pytest.approx(m.cross, rel=1e-9, abs=1e-9)


def test_sums_keep_all_their_38_digits() -> None:
    many = pd.Series(
        [Decimal("123456789012345678901234567890.12345678"), Decimal("0.00000001")], dtype=object
    )
    assert str(_exact_sum(many)) == "123456789012345678901234567890.12345679"
