"""What customers are worth: marts against pandas, models on their own generator, care by hand."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from growth.errors import attempt
from growth.retention import worth, worth_marts
from tests.conftest import frame
from tests.retention.test_marts import rows  # noqa: F401  (a fixture)
from tests.retention.test_stages import days_of

CUTS = SimpleNamespace(rfm_days=[30, 90, 180, 365], rfm_orders=[2, 3, 5, 10], rfm_money=[10, 30, 80, 200])


def test_patterns_and_amounts_equal_brute_force(shop: Any, rows: dict[str, Any]) -> None:  # noqa: F811
    found = frame(worth_marts.worth(shop(**rows))).set_index("customer_id")
    last = dt.date(2024, 6, 30)
    owner = {o["order_id"]: o for o in rows["orders"]}
    paid = [(owner[r["order_id"]], r) for r in rows["order_lines"] if r["amount"] > 0]
    days = days_of(rows)
    assert set(found.index) == set(days)
    for who, own in days.items():
        d = sorted(set(own))
        row = found.loc[who]
        assert (row["x"], row["t_x"], row["t"]) == (len(d) - 1, (d[-1] - d[0]).days, (last - d[0]).days)
        mine = [(o, r) for o, r in paid if o["customer_id"] == who]
        assert row["orders"] == len({o["order_id"] for o, _ in mine})
        assert int(row["amount"]) == sum(r["amount"] for _, r in mine)
        assert int(row["first_amount"]) == sum(r["amount"] for o, r in mine if o["placed_at"].date() == d[0])


def test_what_is_held_out_is_the_second_half(shop: Any, rows: dict[str, Any]) -> None:  # noqa: F811
    found = frame(worth_marts.held_out(shop(**rows)))
    days = {c: sorted(set(d)) for c, d in days_of(rows).items()}
    opening, now = min(d[0] for d in days.values()), dt.date(2024, 7, 1)
    hold = (now - opening).days // 2
    split = now - dt.timedelta(days=hold)
    assert set(found["hold_out"]) == {hold}
    want = []
    for d in days.values():
        before = [x for x in d if x < split]
        if before:
            last = split - dt.timedelta(days=1)
            want.append(
                (
                    len(before) - 1,
                    (before[-1] - before[0]).days,
                    (last - before[0]).days,
                    len(d) - len(before),
                )
            )
    mine = found.loc[found.index.repeat(found["customers"]), ["x", "t_x", "t", "bought"]]
    assert sorted(map(tuple, mine.to_numpy().tolist())) == sorted(want)


def test_gap_pairs_are_everybodys_last_two(shop: Any, rows: dict[str, Any]) -> None:  # noqa: F811
    found = frame(worth_marts.gap_pairs(shop(**rows)))
    pairs = [
        ((d[-2] - d[-3]).days, (d[-1] - d[-2]).days)
        for d in (sorted(set(own)) for own in days_of(rows).values())
        if len(d) > 2
    ]
    mine = found.loc[found.index.repeat(found["customers"]), ["first", "second"]].to_numpy().tolist()
    assert sorted(map(tuple, mine)) == sorted(pairs)


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    """20,000 customers who buy and leave as BG/NBD says (r 1, alpha 8 weeks, a 1, b 3), watched for 80 weeks."""
    random = np.random.default_rng(11)
    n, weeks = 20_000, 80.0
    born = random.uniform(0, 40, n)
    rate, leave = random.gamma(1.0, 1 / 8, n), random.beta(1, 3, n)
    out = []
    for b, r, p in zip(born, rate, leave, strict=True):
        t, times = b, []
        while True:
            t += random.exponential(1 / r)
            if t >= weeks:
                break
            times.append(t)
            if random.random() < p:
                break
        out.append((b, np.array(times)))
    made = []
    for b, times in out:
        known = np.unique(np.floor((times[times < 40] - b) * 7)) + 1 if b < 40 else np.array([])
        later = times[times >= 40]
        made.append((len(known), known.max() if len(known) else 0, (40 - b) * 7 + 2, len(later)))
    table = pd.DataFrame(made, columns=["x", "t_x", "t", "bought"])
    return table.assign(hold_out=280, customers=1)


def test_a_forecast_on_held_out_time_is_unbiased_where_the_model_is_right(people: pd.DataFrame) -> None:
    found = worth.held(people)
    assert found.low < 0 < found.high and found.high - found.low < 0.1
    off = (found.groups["actual"] - found.groups["expected"]).abs()
    assert (off < (found.groups["high"] - found.groups["low"])).all()
    assert 0.3 < found.correlation < 0.9
    assert found.customers == 20_000 and found.actual == people["bought"].sum()


def test_the_bias_interval_is_the_bootstraps_with_the_model_fitted_anew(people: pd.DataFrame) -> None:
    few = people.head(2_000)
    found = worth.held(few)
    random, draws = np.random.default_rng(5), []
    for _ in range(300):
        draws.append(worth.held(few.iloc[random.integers(0, 2_000, 2_000)]).bias)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * np.std(draws), rel=0.12)


def test_care_is_worth_its_lift_less_its_cost() -> None:
    customers = pd.DataFrame(
        dict(customer_id=list("abcd"), x=[9, 3, 0, 0], t_x=[300, 200, 0, 0], t=[310, 400, 10, 500],
             orders=[12, 4, 1, 1], amount=[900, 200, 20, 9], refunded=0, first_amount=[90, 50, 20, 9])
    )  # fmt: skip
    scored = worth.segments(customers, CUTS)
    assert scored["segment"].tolist() == ["best", "at risk", "new", "asleep"]
    assert scored["money"].tolist() == [5, 5, 2, 1]
    value = SimpleNamespace(value=np.array([80.0, 20.0, 9.0, 1.0]), low=np.ones(4), high=np.full(4, 99.0))
    plan = worth.care_plan(customers, scored, value, 0.1, 2.0).set_index("segment")  # type: ignore[arg-type]
    assert plan["expected"].round(9).to_dict() == {"best": 6.0, "new": -1.1, "at risk": 0.0, "asleep": -1.9}
    assert plan.loc["best", "pays_from"] == pytest.approx(2 / 80)
    assert plan["share_of_revenue"].sum() == pytest.approx(1)
    bare = worth.care_plan(customers, scored, None, 0.1, 2.0)
    assert "value" not in bare and set(bare["segment"]) == set(plan.index)
    cells = worth.cells(customers, scored)
    assert cells["customers"].sum() == 4 and cells["revenue"].sum() == 1129


def test_what_cannot_be_fitted_is_said() -> None:
    none = pd.DataFrame(columns=["x", "t_x", "t", "bought", "hold_out", "customers"]).astype(int)
    assert attempt(worth.contest, none)[1] == "nobody bought in the part of the data that was held out"
    one = pd.DataFrame(
        dict(customer_id=["a"], x=[0], t_x=[0], t=[9], orders=[1], amount=[5], first_amount=[5])
    )
    gaps = pd.DataFrame(columns=["first", "second", "customers"]).astype(int)
    fitted, why = attempt(worth.fitted, one, gaps, "BG/NBD")
    assert fitted is None and why.startswith("nobody bought again")
    assert attempt(worth.spending, one)[0] is None


def test_tenths_hold_everybody_and_all_value() -> None:
    value = SimpleNamespace(value=np.arange(1.0, 24.0), total=276.0)
    found = worth.deciles(value)  # type: ignore[arg-type]
    assert found["customers"].sum() == 23 and found["share"].sum() == pytest.approx(1)
    assert found["value"].is_monotonic_decreasing


def test_what_is_paid_back_is_taken_off_where_revenue_is_net(shop: Any) -> None:
    """By hand: of 100 + 50 paid 30 came back; in gross words nothing is taken off."""
    at = pd.Timestamp("2024-01-05 10:00")
    orders = [
        dict(order_id=o, customer_id="c1", status="paid", placed_at=at + pd.Timedelta(days=d))
        for o, d in (("a", 0), ("b", 9))
    ]
    lines = [
        dict(order_id=o, line=1, product_id="p", quantity=1, amount=m) for o, m in (("a", 100), ("b", 50))
    ]
    returns = [dict(order_id="b", line=1, quantity=1, refund=30, requested_at=at + pd.Timedelta(days=12))]
    for word, refunded in (("net", 30), ("gross", 0)):
        tables = shop(orders=orders, order_lines=lines, returns=returns, words=dict(revenue=word))
        found = frame(worth_marts.worth(tables))
        assert (float(found["amount"].iloc[0]), float(found["refunded"].iloc[0])) == (150, refunded)
        assert worth.kept(found) == pytest.approx(1 - refunded / 150)
    with pytest.raises(ValueError, match="refunds are as large as sales"):
        worth.kept(found.assign(refunded=150))
