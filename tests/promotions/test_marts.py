"""Marts of promotions against plain loops on a small random shop, digit for digit; measurements against fractions."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from decimal import Decimal
from fractions import Fraction
from itertools import combinations_with_replacement
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from growth.promotions import marts, measured_marts, sums
from growth.promotions.design import measured_cells, trade_cells
from growth.promotions.plans import plan_of
from tests.conftest import frame
from tests.promotions import shop as loops
from tests.promotions.shop import COLUMNS, COPY, DAY, ID, Rows, day

KEY = ["experiment_id", "arm", "fold", "tier", "city_tier", "channel"]


@pytest.fixture(scope="module")
def rows() -> dict[str, Rows]:
    return loops.made()


@pytest.fixture(scope="module")
def totals(rows: dict[str, Rows]) -> Rows:
    return loops.totals(rows)


@pytest.fixture(scope="module")
def moves(rows: dict[str, Rows]) -> list[tuple[dict[str, Any], str, dict[str, Any]]]:
    return loops.moves(rows)


def plain(found: pd.DataFrame) -> Rows:
    """Rows with None for what is missing, and numbers as they are."""
    return found.astype(object).where(found.notna(), None).to_dict("records")


def by(found: pd.DataFrame, *key: str) -> dict[Any, dict[str, Any]]:
    """Rows by key, which no two share."""
    records = {tuple(r[k] for k in key): r for r in plain(found)}
    assert len(records) == len(found)
    return records


def test_the_shop_has_what_it_should(rows: dict[str, Rows], totals: Rows, moves: Any) -> None:
    """Every kind of unit has facts in every window that it can have; and some units have none."""
    seen = Counter((u["design"]["unit"], u["experiment_id"], w) for u, w, _ in moves)
    assert {k[1:] for k in seen} >= {
        ("by_customer", "pre"), ("by_customer", "during"), ("by_customer", "post"), ("by_visitor", "during"),
        ("by_visit", "during"), ("by_region", "post"), ("again", "post"),
    }  # fmt: skip
    assert not any(k[1] == "undated" for k in seen) and ("visitor", "by_visitor", "post") not in seen
    assert any(not any(u[c] for c in COLUMNS) for u in totals if u["experiment_id"] == "by_customer")
    assert any(u["during_contribution"] < 0 for u in totals)
    assert any(u["during_redemptions"] > 0 for u in totals if u["experiment_id"] == "by_visit")
    on_one_order = defaultdict(set)
    for line in rows["order_lines"]:
        on_one_order[line["order_id"]].add(line["promotion_id"])
    assert {"P1", "P2"} in on_one_order.values()


@pytest.mark.parametrize("words", ["placed", "paid"])
def test_every_unit_has_what_it_did(shop: Any, rows: dict[str, Rows], words: str) -> None:
    found = by(frame(marts.unit_totals(shop(words=dict(orders=words), **rows))), "experiment_id", "unit")
    expected = {(u["experiment_id"], u["unit"]): u for u in loops.totals(rows, orders=words)}
    assert found.keys() == expected.keys()
    for key, unit in expected.items():
        own = found[key]
        assert (own["arm"], own["fold"]) == (unit["arm"], unit["fold"])
        assert (own["tier"], own["city_tier"], own["channel"]) == unit["segments"], key
        for c in COLUMNS:
            assert Fraction(own[c]) == unit[c], (key, c)


def test_moments_are_sums_and_products_over_units(shop: Any, rows: dict[str, Rows], totals: Rows) -> None:
    found = by(frame(marts.moments(shop(**rows))), *KEY)
    cells = defaultdict(list)
    for u in totals:
        cells[(u["experiment_id"], u["arm"], u["fold"], *u["segments"])].append(u)
    assert found.keys() == cells.keys()
    for key, units in cells.items():
        own = found[key]
        assert own["units"] == len(units)
        for c in COLUMNS:
            assert Fraction(own[f"s_{c}"]) == sum(u[c] for u in units)
        for a, b in combinations_with_replacement(COLUMNS, 2):
            assert Fraction(own[f"p_{a}__{b}"]) == sum(u[a] * u[b] for u in units), (key, a, b)


def test_categories_add_up_exactly_to_revenue(shop: Any, rows: dict[str, Rows], moves: Any) -> None:
    tables = shop(**rows)
    found = frame(marts.categories(tables))
    expected: Any = defaultdict(lambda: defaultdict(Fraction))
    for unit, window, fact in moves:
        if window != "pre":
            group = (unit["experiment_id"], unit["arm"], window, fact.get("category") or "(none)")
            expected[group][unit["unit"]] += fact.get("revenue", 0)
    sums = {k: (sum(v.values()), sum(x * x for x in v.values())) for k, v in expected.items()}
    got = by(found, "experiment_id", "arm", "window", "category")
    assert {k: (Fraction(r["total"]), Fraction(r["squares"])) for k, r in got.items()} == {
        k: v for k, v in sums.items() if v[0]
    }
    moments = frame(marts.moments(tables))
    for window in ("during", "post"):
        whole = moments.groupby(["experiment_id", "arm"])[f"s_{window}_revenue"].sum()
        parts = found[found["window"] == window].groupby(["experiment_id", "arm"])["total"].sum()
        assert (whole.sub(parts.reindex(whole.index, fill_value=Decimal(0))) == 0).all()


def test_days_cumulate_to_the_moments(shop: Any, rows: dict[str, Rows], totals: Rows, moves: Any) -> None:
    tables = shop(**rows)
    found = frame(marts.days(tables))
    # Every day's mean and variance: what units have had up to its end.
    daily: Any = defaultdict(lambda: [Fraction(0)] * 3)
    for unit, window, fact in moves:
        if window != "pre":
            key = (unit["experiment_id"], unit["arm"], unit["unit"], fact["date"])
            daily[key] = [x + fact.get(m, 0) for x, m in zip(daily[key], marts.DAILY, strict=True)]
    dated = found[found["experiment_id"] != "undated"].sort_values("day")
    for (experiment, arm), own in dated.groupby(["experiment_id", "arm"]):
        sums = {m: Fraction(0) for m in marts.DAILY}
        squares = dict(sums)
        for r in own.to_dict("records"):
            units: Any = defaultdict(lambda: [Fraction(0)] * 3)
            for (e, a, unit, when), values in daily.items():
                if (e, a) == (experiment, arm) and when <= r["day"]:
                    units[unit] = [x + y for x, y in zip(units[unit], values, strict=True)]
            for i, m in enumerate(marts.DAILY):
                sums[m] += Fraction(r[m])
                squares[m] += Fraction(r[f"{m}_squares"])
                assert sums[m] == sum(v[i] for v in units.values()), (experiment, arm, r["day"], m)
                assert squares[m] == sum(v[i] ** 2 for v in units.values()), (experiment, arm, r["day"], m)
    # At the end: the totals of `moments`.
    moments = frame(marts.moments(tables)).groupby(["experiment_id", "arm"])
    summed = found.groupby(["experiment_id", "arm"])
    for m in marts.DAILY:
        a, b = f"during_{m}", f"post_{m}"
        whole = moments[f"s_{a}"].sum() + moments[f"s_{b}"].sum()
        square = moments[f"p_{a}__{a}"].sum() + moments[f"p_{b}__{b}"].sum()
        cross = moments[f"p_{a}__{b}"] if f"p_{a}__{b}" in moments.obj else moments[f"p_{b}__{a}"]
        assert (summed[m].sum() == whole).all()
        assert (summed[f"{m}_squares"].sum() == square + 2 * cross.sum()).all()
    entered = summed["entered"].sum()
    assert entered.to_dict() == Counter((u["experiment_id"], u["arm"]) for u in totals)
    for r in found[found["entered"] > 0].to_dict("records"):
        here = [u for u in totals if (u["experiment_id"], u["arm"]) == (r["experiment_id"], r["arm"])]
        assert r["entered"] == sum(_entered(u) == _none(r["day"]) for u in here)


def _none(value: Any) -> Any:
    return None if pd.isna(value) else value


def _entered(unit: dict[str, Any]) -> dt.date | None:
    begin, at = unit["design"]["starts_on"], unit.get("assigned_at")
    return max((d for d in (begin, at.date() if at else None) if d), default=None)


def test_values_count_units(shop: Any, rows: dict[str, Rows], totals: Rows) -> None:
    found = by(frame(marts.values(shop(**rows))), "experiment_id", "arm", "metric", "value")
    expected: Counter[Any] = Counter()
    for u in totals:
        for metric, value in (
            ("revenue", u["during_revenue"]),
            ("contribution", u["during_contribution"] + u["post_contribution"]),
        ):
            expected[u["experiment_id"], u["arm"], metric, float(value)] += 1
    assert {k: r["units"] for k, r in found.items()} == expected


def test_checks(shop: Any, rows: dict[str, Rows]) -> None:
    found = by(frame(marts.checks(shop(**rows))), "experiment_id", "arm")
    design = {e["experiment_id"]: e for e in rows["experiments"]}
    column = {name: ID[e["unit"]] for name, e in design.items()}
    records = Counter((r["experiment_id"], r["arm"]) for r in rows["assignments"])
    empty = Counter(
        (r["experiment_id"], r["arm"])
        for r in rows["assignments"]
        if r.get(column[r["experiment_id"]]) is None
    )
    expected = {k: Counter(rows=n, no_unit=empty[k]) for k, n in records.items()}
    for u in loops.assigned(rows):
        own, e, at = expected[u["experiment_id"], u["arm"]], u["design"], u.get("assigned_at")
        seen = [x for x in rows["exposures"] if (x["experiment_id"], x.get(column[u["experiment_id"]])) == (
            u["experiment_id"], u["unit"])]  # fmt: skip
        saw = min((x["arm"] for x in seen if x["arm"]), default=None)
        own += Counter(
            units=1, twice=u["arms"] > 1, exposed=bool(seen),
            late=bool(at and e["ends_on"] and at.date() >= e["ends_on"]),
            exposed_before=bool(at and seen and min(x["exposed_at"] for x in seen) < at),
            exposed_other=bool(saw and saw != u["arm"]),
        )  # fmt: skip
        expected[u["experiment_id"], u["arm"]] = own
    counted = ("rows", "no_unit", "units", "twice", "late", "exposed", "exposed_before", "exposed_other")
    assert {k: tuple(r[c] for c in counted) for k, r in found.items()} == {
        k: tuple(int(c[name]) for name in counted) for k, c in expected.items()
    }
    assert all(sum(r[c] for r in found.values()) for c in counted)  # each case is there
    plain_rows = {k: v for k, v in rows.items() if k != "exposures"}
    assert (frame(marts.checks(shop(**plain_rows)))["exposed"] == 0).all()


def test_arms_planned_and_not(shop: Any, rows: dict[str, Rows]) -> None:
    found = by(frame(marts.arms(shop(**rows))), "experiment_id", "arm")
    stray = found.pop(("by_customer", "unplanned"))
    assert stray["planned"] is False and stray["control"] is None and stray["unit_cost"] is None
    assert found.keys() == {(a["experiment_id"], a["arm"]) for a in rows["experiment_arms"]}
    assert all(r["planned"] for r in found.values())
    new = found["by_visit", "new"]
    assert (new["unit_cost"], new["control"], new["planned_share"]) == (Decimal("0.5"), False, 0.5)
    without = {k: v for k, v in rows.items() if k != "experiment_arms"}
    bare = frame(marts.arms(shop(**without)))
    assert not bare["planned"].any() and len(bare) == len(found) + 1


def test_overlaps(shop: Any, rows: dict[str, Rows]) -> None:
    """Pairs whose days meet, with the units of both where they are of one kind; one without dates meets none."""
    found = by(frame(marts.overlaps(shop(**rows))), "experiment_id", "other")
    units = defaultdict(set)
    for u in loops.assigned(rows):
        units[u["experiment_id"]].add((u["design"]["unit"], u["unit"]))
    names = sorted(e["experiment_id"] for e in rows["experiments"] if e["starts_on"])
    dates = {e["experiment_id"]: (e["starts_on"], e["ends_on"]) for e in rows["experiments"]}
    expected = {
        (a, b): len(units[a] & units[b])
        for a in names for b in names
        if a < b and dates[a][0] < dates[b][1] and dates[b][0] < dates[a][1]
    }  # fmt: skip
    assert {k: r["shared"] for k, r in found.items()} == expected
    assert expected["again", "by_customer"] > 0 and expected["again", "by_visitor"] == 0
    assert ("by_customer", "by_region") not in expected


def test_trade_is_the_shops_days(shop: Any, rows: dict[str, Rows]) -> None:
    expected: Any = defaultdict(lambda: [Fraction(0)] * 3)
    for fact in loops.facts(rows):
        own = expected[fact["date"]]
        expected[fact["date"]] = [
            x + fact.get(m, 0) for x, m in zip(own, ("orders", "revenue", "contribution"), strict=True)
        ]
    found = frame(marts.trade(shop(**rows)))
    assert {
        r["date"]: [Fraction(int(r["orders"])), Fraction(r["revenue"]), Fraction(r["contribution"])]
        for r in found.to_dict("records")
    } == expected
    prices = [
        dict(product_id=p, price_list=kind, date=d, list_price=x, price=x)
        for p, kind, d, x in (
            ("a", "all", day("2024-03-01"), "10"), ("a", "members", day("2024-03-01"), "8"),
            ("a", "all", day("2024-04-01"), "12"), ("b", "all", day("2024-04-01"), "3"),
            ("b", "all", day("2024-05-01"), "6"), ("b", "all", day("2024-05-01"), "9"),
        )
    ]  # fmt: skip
    level = frame(marts.trade(shop(prices=prices, **rows))).set_index("date")["list_level"]
    assert level[day("2024-04-01")] == pytest.approx(np.log(1.2) / 2, abs=1e-6)
    assert level.get(day("2024-05-01"), np.log(2)) == pytest.approx(np.log(2), abs=1e-6)
    # What is tried in one region is not what the shop asks.
    tried = dict(prices[2], region="north", list_price="20", price="20")
    local = frame(marts.trade(shop(prices=[*prices, tried], **rows))).set_index("date")["list_level"]
    assert local[day("2024-04-01")] == pytest.approx(np.log(1.2) / 2, abs=1e-6)


def test_events_are_those_not_randomised(shop: Any, rows: dict[str, Rows]) -> None:
    promotions = [
        dict(
            promotion_id=p, type=kind, name=p.lower(), starts_on=day("2024-05-01"), ends_on=day("2024-05-03")
        )
        for p, kind in (("P1", "event"), ("P3", "event"), ("P4", "coupon"), ("P3", "event"))
    ]
    found = frame(marts.events(shop(promotions=promotions, **rows)))
    assert found["promotion_id"].tolist() == ["P3"]
    sold = {k: rows[k] for k in ("orders", "order_lines")}
    assert frame(marts.events(shop(promotions=promotions, **sold)))["promotion_id"].tolist() == ["P1", "P3"]


def test_what_was_laid_down_is_told_once(shop: Any, rows: dict[str, Rows]) -> None:
    """Of two records of one experiment the first holds, in the marts and for its units."""
    twice = rows | {"experiments": [*rows["experiments"], dict(rows["experiments"][0], post_days=90)]}
    asked = [dict(experiment_id="again", metric=m, role="goal") for m in ("orders", "revenue", "orders")]
    scope = [dict(experiment_id="again", category="toys")] * 2
    tables = shop(experiment_metrics=asked, experiment_scope=scope, **twice)
    designs = by(frame(marts.designs(tables)), "experiment_id")
    assert designs["by_customer",]["post_days"] == 14 and designs["by_customer",]["goods_known"]
    assert frame(marts.metrics(tables))["metric"].tolist() == ["orders", "revenue"]
    assert len(frame(marts.scope(tables))) == 1
    pd.testing.assert_frame_equal(frame(marts.moments(tables)), frame(marts.moments(shop(**rows))))
    pd.testing.assert_frame_equal(frame(marts.checks(tables)), frame(marts.checks(shop(**rows))))


def test_holdouts_of_channels_are_judged_elsewhere(shop: Any, rows: dict[str, Rows]) -> None:
    """An experiment of kind holdout leaves no trace in any mart, whatever is known of it."""
    customers = [r["customer_id"] for r in rows["assignments"] if r.get("customer_id")][:6]
    own = dict(experiment_id="held", kind="holdout", unit="customer", promotion_id=None, post_days=0,
               starts_on=dt.date(2024, 4, 1), ends_on=dt.date(2024, 6, 1))  # fmt: skip
    arms = [dict(experiment_id="held", arm=a, control=a == "out", planned_share=0.5) for a in ("out", "in")]
    given = [dict(experiment_id="held", customer_id=c, arm="in") for c in customers]
    seen = [dict(experiment_id="held", customer_id=c, exposed_at="2024-04-05 10:00") for c in customers]
    metric = dict(experiment_id="held", metric="orders", role="goal")
    more = rows | {
        "experiments": [*rows["experiments"], own],
        "experiment_arms": [*rows["experiment_arms"], *arms],
        "assignments": [*rows["assignments"], *given],
        "exposures": [*rows["exposures"], *seen],
    }
    known = dict(experiment_metrics=[dict(metric, experiment_id="again")], experiment_scope=[
        dict(experiment_id="again", category="toys")])  # fmt: skip
    told = dict(experiment_metrics=[*known["experiment_metrics"], metric], experiment_scope=[
        *known["experiment_scope"], dict(experiment_id="held", channel="display")])  # fmt: skip
    plain, tried = shop(**known, **rows), shop(**told, **more)
    for name in ("designs", "arms", "metrics", "scope", "checks", "overlaps", "moments", "days", "values"):
        a, b = (frame(marts.MARTS[name].build(tables)) for tables in (plain, tried))
        drop = [c for c in ("place",) if c in a]  # the number of a record, which others move
        pd.testing.assert_frame_equal(a.drop(columns=drop), b.drop(columns=drop))


def test_every_mart_has_one_row_a_key(shop: Any, rows: dict[str, Rows]) -> None:
    from growth.marts import _sorted, why_not

    tables = shop(**rows)
    built = [name for name, mart in marts.MARTS.items() if not why_not(mart, tables)]
    assert len(built) >= 9
    for name in built:
        _sorted(marts.MARTS[name].build(tables), marts.MARTS[name])


def test_cells_of_the_mart_have_the_units_variance(shop: Any, rows: dict[str, Rows], totals: Rows) -> None:
    moments = frame(marts.moments(shop(**rows)))
    cells = trade_cells(moments[moments["experiment_id"] == "by_customer"])
    for arm, m in cells.arms.items():
        own = [u for u in totals if (u["experiment_id"], u["arm"]) == ("by_customer", arm)]
        for c in COLUMNS:
            if len(own) > 1:
                assert m.var(c) == pytest.approx(variance([u[c] for u in own]), rel=1e-12)
    assert cells.covariates == tuple(c for c in COLUMNS if c.startswith("pre_"))


def variance(values: list[Fraction]) -> float:
    mean = sum(values, Fraction(0)) / len(values)
    return float(sum((v - mean) ** 2 for v in values) / (len(values) - 1))


@pytest.mark.parametrize("most", [10**2, 10**5, 3 * 10**5, 10**9, 9 * 10**13])
def test_sums_and_products_are_exact_at_any_size(most: int) -> None:
    """Small rows are multiplied as whole numbers, great ones as decimals; some of each, negative ones and nulls."""
    random = np.random.default_rng(most % 1000 + 3)
    units = [
        [Decimal(int(x)).scaleb(-4) for x in random.integers(-most * 10**4, most * 10**4, 3)]
        for _ in range(60)
    ]
    units += [[Decimal(s * b) for b in (300_000, 1, 299_999)] for s in (1, -1)]
    units += [[Decimal("299999.9999")] * 3, [Decimal("-299999.9999"), Decimal("0.0001"), Decimal(0)]]
    columns: Any = {c: pa.array([u[i] for u in units], pa.decimal128(18, 4)) for i, c in enumerate("abc")}
    columns["g"] = pa.array([i % 3 for i in range(len(units))], pa.int64())
    found = by(frame(sums.sums_and_products(ibis.memtable(pa.table(columns)), ("g",), ("a", "b", "c"))), "g")
    for g in range(3):
        own = [u for i, u in enumerate(units) if i % 3 == g]
        assert found[g,]["units"] == len(own)
        for i, a in enumerate("abc"):
            assert Fraction(found[g,][f"s_{a}"]) == sum(Fraction(u[i]) for u in own)
            for j, b in list(enumerate("abc"))[i:]:
                assert Fraction(found[g,][f"p_{a}__{b}"]) == sum(Fraction(u[i]) * Fraction(u[j]) for u in own)


# What was measured


def measurements(seed: int = 3) -> dict[str, Rows]:
    """Two experiments of other metrics: revenue of mean 1e8 and sd 1 in parts, a covariate, segments; and a rate."""
    random = np.random.default_rng(seed)
    experiments = [
        dict(experiment_id="great", unit="customer"),
        dict(experiment_id="small", unit="region"),
    ]
    given, measured = [], []
    for i in range(400):
        who = {"experiment_id": "great", "customer_id": f"c{i}"}
        given.append(who | {"arm": "ab"[int(random.integers(2))]})
        if i % 5 == 0:
            given.append(dict(given[-1]))  # a row a session: still one unit
        spend = round(1e8 + random.normal(), 4)
        parts = [spend] if i % 3 else [round(spend / 2, 1), round(spend - round(spend / 2, 1), 4)]
        rows = [who | dict(metric="spend", value=p) for p in parts]
        rows.append(who | dict(metric="spend", window="pre", value=round(float(random.normal(5, 2)), 3)))
        rows.append(who | dict(metric="gone", value=float(random.integers(0, 3))) if i % 40 else {})
        rows.append(who | dict(metric="colour", value=None, level=["red", "blue"][i % 2]))
        rows.append(who | dict(metric="age", value=None, level="young") if i % 4 else {})
        measured += [r for r in rows if r]
        if i % 7 == 0:
            measured.append(dict(rows[0], flags=COPY))
    for i in range(60):
        who = {"experiment_id": "small", "region": f"r{i}"}
        given.append(who | {"arm": "ab"[i % 2]})
        measured += [
            who | dict(metric="rate", window="during", value=round(float(x), 9))
            for x in random.random(3) / 1e3
        ]
        measured.append(who | dict(metric="rate", window="post", value=-round(float(random.random()), 6)))
    measured.append(dict(experiment_id="small", region="never assigned", metric="rate", value=0.5))
    measured.append(dict(experiment_id="small", region=None, metric="rate", value=0.5))
    return dict(experiments=experiments, assignments=given, measurements=measured)


def added_up(rows: dict[str, Rows], experiment: str, column: str) -> dict[str, dict[str, Fraction]]:
    """Each unit's measurements, exact copies left out, the others added up."""
    found: Any = defaultdict(lambda: defaultdict(Fraction))
    for r in rows["measurements"]:
        if r["experiment_id"] == experiment and r["value"] is not None and not r.get("flags"):
            found[r[column]][f"{r.get('window') or 'during'}_{r['metric']}"] += Fraction(str(r["value"]))
    return found


GROUPS = [("great", "customer_id"), ("small", "region")]


@pytest.mark.parametrize(("experiment", "column"), GROUPS)
def test_measured_sums_are_fractions(shop: Any, experiment: str, column: str) -> None:
    """Means and variances from the mart's own sums, added up as fractions, are those of the units: to the digit."""
    rows = measurements()
    tables = shop(**rows)
    plan = {p.experiment: p for p in plan_of(frame(measured_marts.measured_names(tables)))}[experiment]
    found = frame(measured_marts.measured(tables))
    found = found[(found["experiment_id"] == experiment) & found["complete"]]
    own, arm = added_up(rows, experiment, column), arms_of(rows, experiment, column)
    whole = {u: m for u, m in own.items() if u in arm and len(m) == len(plan.columns)}
    assert set(plan.columns) == {c for m in own.values() for c in m}
    for a, part in found.groupby("arm"):
        units = [v for u, v in whole.items() if arm[u] == a]
        assert part["units"].sum() == len(units)
        factor = [Fraction(10) ** s for _, _, s in plan.metrics]
        for i, x in enumerate(plan.columns):
            assert sum(map(Fraction, part[f"s_v{i}"])) == sum(u[x] for u in units) * factor[i]
            for j, y in list(enumerate(plan.columns))[i:]:
                products = sum(map(Fraction, part[f"p_v{i}__v{j}"]))
                assert products == sum(u[x] * u[y] for u in units) * factor[i] * factor[j]


@pytest.mark.parametrize(
    ("experiment", "column", "within"), [("great", "customer_id", 1e-12), ("small", "region", 1e-12)]
)
def test_measured_equals_fractions(shop: Any, experiment: str, column: str, within: float) -> None:
    rows = measurements()
    tables = shop(**rows)
    plan = {p.experiment: p for p in plan_of(frame(measured_marts.measured_names(tables)))}[experiment]
    found = frame(measured_marts.measured(tables))
    cells = measured_cells(found[found["experiment_id"] == experiment], plan)
    own, arm = added_up(rows, experiment, column), arms_of(rows, experiment, column)
    whole = {u: m for u, m in own.items() if u in arm and len(m) == len(plan.columns)}
    for a, m in cells.arms.items():
        units = [v for u, v in whole.items() if arm[u] == a]
        assert m.n == len(units)
        assert cells.incomplete.get(a, 0) == sum(x == a for u, x in arm.items() if u not in whole)
        for c in plan.columns:
            values = [u[c] for u in units]
            assert m.mean_of(c) == pytest.approx(float(sum(values) / len(values)), rel=1e-13)
            assert m.var(c) == pytest.approx(variance(values), rel=within), c
    assert sum(cells.incomplete.values()) == (10 if experiment == "great" else 0)


def arms_of(rows: dict[str, Rows], experiment: str, column: str) -> dict[str, str]:
    return {r[column]: r["arm"] for r in rows["assignments"] if r["experiment_id"] == experiment}


def test_nothing_was_measured(shop: Any) -> None:
    """No measurement of any experiment, or none during: marts without rows, not an error."""
    plain = measurements()
    for kept in ([], [m for m in plain["measurements"] if m.get("window") == "pre"]):
        tables = shop(**plain | dict(measurements=kept))
        assert len(frame(measured_marts.measured_values(tables))) == 0
        assert {c for c in frame(measured_marts.measured(tables)).columns} >= {
            "experiment_id",
            "s_v0",
            "complete",
            "units",
        }


def test_measured_segments(shop: Any) -> None:
    rows = measurements()
    tables = shop(**rows)
    plan = plan_of(frame(measured_marts.measured_names(tables)))[0]
    assert plan.segments == ("age", "colour")
    found = frame(measured_marts.measured(tables))
    cells = measured_cells(found[found["experiment_id"] == "great"], plan)
    assert cells.segments == plan.segments and cells.levels(0) == ["young"]
    assert cells.levels(1) == ["blue", "red"]
    red = sum(m.n for a in cells.arms for m in [cells.level(a, 1, "red")] if m)
    assert red == sum(i % 2 == 0 and i % 40 != 0 for i in range(400))
    unknown = sum(m.n for (_, _, levels), m in cells.strata.items() if levels[0] == "")
    assert unknown == sum(i % 4 == 0 and i % 40 != 0 for i in range(400))


def test_measured_values_count_units(shop: Any) -> None:
    rows = measurements()
    found = frame(measured_marts.measured_values(shop(**rows)))
    arm = {
        (r["experiment_id"], r.get("customer_id") or r.get("region")): r["arm"] for r in rows["assignments"]
    }
    for experiment, column in (("great", "customer_id"), ("small", "region")):
        own = found[found["experiment_id"] == experiment]
        expected: Counter[Any] = Counter()
        for unit, values in added_up(rows, experiment, column).items():
            for c, value in values.items():
                if c.startswith("during_") and (experiment, unit) in arm:
                    expected[arm[experiment, unit], c.removeprefix("during_"), f"{float(value):.13g}"] += 1
        assert {
            (r["arm"], r["metric"], f"{r['value']:.13g}"): r["units"] for r in own.to_dict("records")
        } == expected


def test_rows_of_users_by_sessions_are_analysed_by_user(shop: Any) -> None:
    """Fifty sessions of ten users: ten units, whose error is that of ten."""
    given = [
        dict(experiment_id="e", customer_id=f"c{i % 10}", arm="ab"[i % 2], period=None) for i in range(50)
    ]
    told = [
        dict(experiment_id="e", customer_id=f"c{i % 10}", metric="spend", value=float(i % 10))
        for i in range(50)
    ]
    tables = shop(
        experiments=[dict(experiment_id="e", unit="customer")], assignments=given, measurements=told
    )
    plan = plan_of(frame(measured_marts.measured_names(tables)))[0]
    cells = measured_cells(frame(measured_marts.measured(tables)), plan)
    assert {a: m.n for a, m in cells.arms.items()} == {"a": 5, "b": 5}
    assert cells.arms["a"].mean_of("during_spend") == pytest.approx(20.0)
    checks = frame(marts.checks(tables))
    assert checks["rows"].tolist() == [25, 25] and checks["units"].tolist() == [5, 5]


def test_stores_by_week_in_one_arm_are_one_unit(shop: Any) -> None:
    """A store that keeps its arm has one row a week of what it sold; its weeks are added up."""
    given = [dict(experiment_id="e", region=f"r{i}", arm="ab"[i % 2]) for i in range(8) for _ in range(4)]
    told = [
        dict(experiment_id="e", region=f"r{i}", metric="sold", value=100.0 * i + week)
        for i in range(8) for week in range(4)
    ]  # fmt: skip
    tables = shop(experiments=[dict(experiment_id="e", unit="region")], assignments=given, measurements=told)
    plan = plan_of(frame(measured_marts.measured_names(tables)))[0]
    cells = measured_cells(frame(measured_marts.measured(tables)), plan)
    weekly = {a: [Fraction(400 * i + 6) for i in range(8) if "ab"[i % 2] == a] for a in "ab"}
    for a, m in cells.arms.items():
        assert m.n == 4 and m.var("during_sold") == pytest.approx(variance(weekly[a]), rel=1e-12)


def test_many_rows_of_a_unit_fit(shop: Any) -> None:
    """A region that is told receipt by receipt adds up to far more than its largest receipt."""
    given = [dict(experiment_id="e", region=f"r{i}", arm="ab"[i % 2]) for i in range(4)]
    told = [
        dict(experiment_id="e", region=f"r{i}", metric="sold", value=99.0 + i / 4)
        for i in range(4)
        for _ in range(12_000)
    ]
    tables = shop(experiments=[dict(experiment_id="e", unit="region")], assignments=given, measurements=told)
    plan = plan_of(frame(measured_marts.measured_names(tables)))[0]
    cells = measured_cells(frame(measured_marts.measured(tables)), plan)
    assert cells.arms["a"].mean_of("during_sold") == pytest.approx(12_000 * 99.25, rel=1e-13)
    assert cells.arms["b"].var("during_sold") == pytest.approx(6_000.0**2 / 2, rel=1e-12)


def test_windows_meet_at_their_days(shop: Any) -> None:
    """Days run from `starts_on` to before `ends_on`, those after to before `post_days` more, 56 days before."""
    e = dict(
        experiment_id="e",
        unit="customer",
        starts_on=day("2024-04-01"),
        ends_on=day("2024-04-08"),
        post_days=3,
    )
    dates = [e["starts_on"] + n * DAY for n in (-57, -56, -1, 0, 6, 7, 9, 10)]
    orders = [
        dict(order_id=f"o{i}", customer_id="c", status="paid", placed_at=f"{d} 12:00")
        for i, d in enumerate(dates)
    ]
    lines = [dict(order_id=f"o{i}", product_id="p", quantity=1, amount=10**i) for i in range(len(dates))]
    given = [dict(experiment_id="e", customer_id="c", arm="a")]
    r = frame(
        marts.unit_totals(shop(experiments=[e], assignments=given, orders=orders, order_lines=lines))
    ).iloc[0]
    seen = [int(r[f"{w}_revenue"]) for w in ("pre", "during", "post")]
    assert seen == [110, 11000, 1100000]
