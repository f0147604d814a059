"""Life-cycle stages against the rule worked out customer by customer, and on the future that was not yet known."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from growth.retention import life_marts, stages
from tests.conftest import INFO, frame
from tests.retention.test_marts import rows  # noqa: F401  (a fixture)

GAP = 60


def by_rule(days: list[dt.date], at: dt.date) -> str | None:
    """The stage on a day, by the words of the rule."""
    known = sorted(d for d in set(days) if d < at)
    if not known:
        return None
    usual = ((known[-1] - known[0]).days + 2 * GAP) / (len(known) + 1)
    silence = (at - known[-1]).days
    if silence > 4 * usual:
        return "lost"
    if silence > 2 * usual:
        return "dormant"
    return {1: "introduction", 2: "growth", 3: "growth"}.get(len(known), "maturity")


def days_of(shop_rows: dict[str, Any]) -> dict[str, list[dt.date]]:
    paid = {r["order_id"] for r in shop_rows["order_lines"] if r["amount"] > 0}
    days: dict[str, list[dt.date]] = defaultdict(list)
    for o in shop_rows["orders"]:
        if o["customer_id"] and o["order_id"] in paid:
            days[o["customer_id"]].append(o["placed_at"].date())
    return days


def test_stages_equal_the_rule_customer_by_customer(shop: Any, rows: dict[str, Any]) -> None:  # noqa: F811
    found = frame(life_marts.stages(shop(**rows)))
    mine = {(r["customer_id"], r["at"]): r["state"] for r in found.to_dict("records")}
    starts = life_marts.month_starts(dt.date(2024, 7, 1))
    want = {(c, s): by_rule(d, s) for c, d in days_of(rows).items() for s in starts}
    # customers are pseudonyms after ingest, here they are still themselves
    assert mine == {k: v for k, v in want.items() if v}
    assert set(mine.values()) >= {"introduction", "growth", "maturity", "dormant"}


def test_what_comes_later_changes_no_stage(shop: Any, rows: dict[str, Any]) -> None:  # noqa: F811
    """The stages on the first days of months up to April, from all that is known in July, and from April alone."""
    cut = dt.datetime(2024, 4, 1)
    old = {
        "orders": [o for o in rows["orders"] if o["placed_at"] < cut],
        "order_lines": rows["order_lines"],
    }
    ids = {o["order_id"] for o in old["orders"]}
    old["order_lines"] = [r for r in rows["order_lines"] if r["order_id"] in ids]
    before = frame(life_marts.stages(shop(info=replace(INFO, as_of="2024-04-01"), **old)))
    after = frame(life_marts.stages(shop(**rows)))
    both = set(before["at"]) & set(after["at"])
    assert both == {dt.date(2024, m, 1) for m in (2, 3, 4)}
    pd.testing.assert_frame_equal(
        before[before["at"].isin(both)].reset_index(drop=True),
        after[after["at"].isin(both)].reset_index(drop=True),
    )


def test_moves_money_and_those_who_only_signed_up_are_counted(shop: Any, rows: dict[str, Any]) -> None:  # noqa: F811
    people = [dict(customer_id=c, signed_up_at=dt.datetime(2024, 2, 10)) for c in ("waits", "c1")]
    t = shop(customers=people, **rows)
    life = frame(life_marts.life_cycle(t))
    starts = life_marts.month_starts(dt.date(2024, 7, 1))
    days = days_of(rows)
    moves = Counter(
        (s, by_rule(d, p), by_rule(d, s))
        for d in days.values()
        for p, s in zip([dt.date(2000, 1, 1), *starts], starts, strict=False)
        if by_rule(d, s)
    )
    mine = Counter()
    for r in life.to_dict("records"):
        before = None if pd.isna(r["before"]) else r["before"]
        if r["state"] != "potential":
            mine[r["at"], None if before == "potential" else before, r["state"]] += r["customers"]
    assert mine == moves
    waiting = life[life["state"] == "potential"].groupby("at")["customers"].sum()
    assert waiting.loc[dt.date(2024, 3, 1)] >= 1 and waiting.loc[dt.date(2024, 7, 1)] == 1
    # what came in May, of everybody who was there on the first
    there = {c for c, d in days.items() if by_rule(d, dt.date(2024, 5, 1))}
    owner = {o["order_id"]: o for o in rows["orders"]}
    may = sum(
        r["amount"] for r in rows["order_lines"]
        if owner[r["order_id"]]["customer_id"] in there and owner[r["order_id"]]["placed_at"].month == 5
    )  # fmt: skip
    assert int(life.loc[life["at"] == dt.date(2024, 5, 1), "revenue"].sum()) == may


def test_shares_of_moves_and_their_errors_by_month() -> None:
    """Two of ten, then four of ten: .3, and with two months the error is sqrt(2 · 2 · 1²) / 20 = .1."""
    life = pd.DataFrame(
        [
            dict(at=dt.date(2024, m, 1), before="growth", state=s, customers=n)
            for m, parts in ((1, (9, 1)), (2, (2, 8)), (3, (4, 6)))
            for s, n in zip(("dormant", "growth"), parts, strict=True)
        ]
    )
    found = stages.transitions(life).set_index(["before", "state"]).loc[("growth", "dormant")]
    assert (found["customers"], found["of"], found["share"]) == (6, 20, pytest.approx(0.3))
    assert found["high"] == pytest.approx(min(0.3 + 12.7062047 * 0.1, 1.0))
    now = stages.composition(life)
    assert now["state"].tolist() == ["growth", "dormant"] * 3  # in the order of stages
    assert np.isclose(now.groupby("at")["share"].sum(), 1).all()


def test_what_a_stage_brings_is_over_whole_months() -> None:
    life = pd.DataFrame(
        [
            dict(at=dt.date(2024, m, 1), before="growth", state="growth", customers=n, revenue=r, discount=d,
                 messages=1)
            for m, n, r, d in ((1, 10, 100, 9), (2, 30, 600, 19), (3, 10, 9999, 0))
        ]
    )  # fmt: skip
    (found,) = stages.returns(life, dt.date(2024, 3, 1)).to_dict("records")
    assert (found["customer_months"], found["revenue"], found["spent"]) == (40, 17.5, 0.75)
    assert found["per_spent"] == pytest.approx(17.5 / 0.75)


def test_who_bought_before_signing_up_is_counted_and_never_potential(shop: Any) -> None:
    """c1 bought first, c2 signed up first, c3 never bought, c4's sign-up is not known."""
    at = {w: dt.datetime(2024, 1, d, 10) for w, d in (("c1", 20), ("c2", 3), ("c3", 5))}
    customers = [dict(customer_id=w, signed_up_at=at.get(w)) for w in ("c1", "c2", "c3", "c4")]
    orders = [
        dict(order_id=w, customer_id=w, status="paid", placed_at=dt.datetime(2024, 1, 10, 9))
        for w in ("c1", "c2", "c4")
    ]
    lines = [dict(order_id=w, product_id="p", quantity=1, amount=5) for w in ("c1", "c2", "c4")]
    tables = shop(customers=customers, orders=orders, order_lines=lines)
    found = frame(life_marts.sign_ups(tables)).set_index("before")["customers"]
    assert dict(found) == {False: 2, True: 1}
    states = frame(life_marts.stages(tables))
    assert set(states[states["state"] == "potential"]["customer_id"]) == {"c3"}
