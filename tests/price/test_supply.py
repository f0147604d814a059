"""What is ordered of what: shops of a few products whose demand, prices and deliveries are known."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from growth.price import findings, supply
from growth.price import panel as made
from growth.price.service import Service
from growth.price.stock import Costs, Demand, expected_cost, over

FIRST, WEEKS = dt.date(2023, 1, 2), 80
PARAMS: Any = SimpleNamespace(handling=0.5, fee=0.01, refunded=0.04, holding=0.25)


def weekly(
    name: str, units: Any, start: int = 0, price: float = 10.0, listed: bool = True, **more: Any
) -> pd.DataFrame:
    """One product's weeks from `start` on; without a list, weeks with a sale alone and no offered price."""
    units = np.asarray(units)
    rows = pd.DataFrame(
        dict(product_id=name, week=[FIRST + dt.timedelta(weeks=start + k) for k in range(len(units))], units=units,
             revenue=units * price, lines=units, line_price=price, days=7.0, list_price=price, price=price,
             promoted=0.0, unit_cost=4.0, rival=np.nan, rivals=np.nan, hours_out=0.0)
    ).assign(**more)  # fmt: skip
    return rows if listed else rows[rows["units"] > 0].assign(days=np.nan, list_price=np.nan, price=np.nan)


def stocked(*names: str, closing: int = 5) -> pd.DataFrame:
    return pd.DataFrame(dict(product_id=names, closing=closing, unit_cost=4.0))


def delivered(*names: str, **more: Any) -> pd.DataFrame:
    columns = dict(
        supplier_id="s", orders=30, quantity=900, lead=14.0, lead_deviation=3.0, late=0.0, coming=0
    )
    return pd.DataFrame(dict(product_id=names) | columns).assign(**more)


def ordered(*rows: pd.DataFrame, products: pd.DataFrame | None = None, closing: int = 5) -> supply.Orders:
    panel = made.prepare(pd.concat(rows), None)
    names = sorted({n for r in rows for n in r["product_id"]})
    return supply.orders(panel, stocked(*names, closing=closing), delivered(*names), PARAMS, products)


def drawn(seed: int, n: int = WEEKS) -> np.ndarray:
    return np.random.default_rng(seed).poisson(30, n)


class Page:
    """What findings are recorded in."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, Any]] = {}
        self.said: list[str] = []
        self.level, self.data = "95 % interval", SimpleNamespace(currency="EUR")
        self.params = SimpleNamespace(confidence=0.8, horizon_days=14)

    def finding(self, key: str, sentence: str, *_: Any, **more: Any) -> None:
        self.found[key] = dict(sentence=sentence) | more

    def nothing(self, why: str) -> None:
        self.said.append(why)


def test_what_left_the_shelves_is_not_ordered_and_said_in_one_line() -> None:
    """Both were counted in the last quarter, as what is sold off is; and one that came back is judged by what it sells
    since, not by its last 26 rows whenever they were."""
    back = pd.concat([weekly("back", np.full(30, 300)), weekly("back", drawn(9, 10), WEEKS - 10)])
    found = ordered(
        weekly("stays", drawn(1)),
        weekly("gone", drawn(2, WEEKS - 9)),
        weekly("just", drawn(3, WEEKS - 1)),
        back,
    )
    assert found.table["product_id"].tolist() == ["back", "stays"]
    assert found.missing == {"gone": supply.GONE, "just": supply.GONE}
    assert found.table["weekly"].iloc[0] == pytest.approx(drawn(9, 10).mean())
    page: Any = Page()
    findings.orders(page, found)
    assert page.said == [f"an order of 2 products (gone, just): {supply.GONE}"]
    assert "2 products without a proposal" in page.found["D4.orders"]["caveats"]


def test_what_was_never_counted_is_said_too() -> None:
    panel = made.prepare(pd.concat([weekly("a", drawn(1)), weekly("b", drawn(2))]), None)
    found = supply.orders(panel, stocked("a"), delivered("a", "b"), PARAMS)
    assert found.missing == {"b": supply.UNCOUNTED} and len(found.table) == 1


def test_without_a_price_list_a_quiet_week_does_not_take_a_product_off_sale() -> None:
    """It sells 3 every other week, and nothing in the last three: the mean is of all weeks until the shop's last."""
    slow = np.resize([3, 0], WEEKS)
    slow[-3:] = 0
    ended = drawn(2)
    ended[-supply.QUIET :] = 0
    rows = [weekly(n, u, listed=False) for n, u in (("often", drawn(1)), ("slow", slow), ("ended", ended))]
    found = ordered(*rows)
    assert found.missing == {"ended": supply.UNSOLD}
    table = found.table.set_index("product_id")
    assert table.loc["slow", "weekly"] == pytest.approx(slow[-26:].mean(), rel=1e-6)
    empty = ordered(*rows, closing=0).table.set_index("product_id")
    assert empty.loc["slow", "weekly"] > table.loc["slow", "weekly"], (
        "nothing could be sold, nothing is known"
    )


def test_a_promotion_of_the_last_week_does_not_lower_the_margin() -> None:
    cut = weekly("p", drawn(1), price=10.0)
    cut.loc[WEEKS - 1, ["price", "promoted"]] = [5.0, 7.0]
    asked = pd.DataFrame(dict(product_id=["p"], asked=[10.0]))
    whole, low = ordered(weekly("p", drawn(1))), ordered(cut.assign(list_price=np.nan))
    for found in (ordered(cut, products=asked), ordered(cut)):
        assert found.table["order"].tolist() == whole.table["order"].tolist()
    assert low.table["order"].iloc[0] < whole.table["order"].iloc[0], (
        "where no asked price is known, the week's"
    )


def test_lead_times_are_of_orders_and_their_spread_of_the_supplier_where_few_came() -> None:
    """p has 9 deliveries of 10 days by a and one of 30 by b; q one by a: a's spread is 2, b's is not known alone."""
    rows = pd.concat(
        [
            delivered("p", orders=9, lead=10.0, lead_deviation=2.0, coming=7),
            delivered("p", supplier_id="b", orders=1, lead=30.0, lead_deviation=np.nan),
            delivered("q", orders=1, lead=12.0, lead_deviation=np.nan),
            delivered("r", orders=0, lead=np.nan, lead_deviation=np.nan, coming=4),
        ]
    )
    found = supply.leads(rows)
    deliveries = np.array([10.0] * 9 + [30.0])
    assert found.loc["p", "lead"] == pytest.approx(deliveries.mean()) and found.loc["p", "coming"] == 7
    assert found.loc["p", "deviation"] == pytest.approx(np.sqrt(2.0**2 + deliveries.var()))
    assert found.loc["q", ["lead", "deviation"]].tolist() == [12.0, 2.0] and not found["once"].any()
    assert np.isnan(found.loc["r", "lead"]) and found.loc["r", "coming"] == 4
    once = supply.leads(rows[rows["product_id"] == "q"])
    assert once.loc["q", "deviation"] == 0 and once["once"].all()


def test_what_was_delivered_once_is_said() -> None:
    panel = made.prepare(weekly("p", drawn(1)), None)
    one = delivered("p", orders=1, lead_deviation=np.nan)
    page: Any = Page()
    findings.orders(page, supply.orders(panel, stocked("p"), one, PARAMS))
    assert "delivery time is taken for sure" in page.found["D4.orders"]["caveats"]
    assert "could not be tried: 13 past sums" in page.found["D4.orders"]["sentence"]


def test_where_weeks_are_not_alike_orders_cost_little_more_than_those_that_know_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A third of the weeks sold out; three weeks ahead at a ratio of .996. What 26 weeks do not tell costs both."""
    random, size, mean = np.random.default_rng(11), 3.0, 20.0
    rows = []
    for k in range(40):
        demand = random.negative_binomial(size, size / (size + mean), WEEKS)
        held = random.integers(10, 60, WEEKS)
        rows.append(
            weekly(f"p{k:02d}", np.minimum(demand, held), hours_out=np.where(demand >= held, 5.0, 0.0))
        )
    found = ordered(*rows, closing=0)
    out = np.mean([(r["hours_out"] > 0).mean() for r in rows])
    assert 0.2 < out < 0.5 and len(found.table) == 40 and found.service.tries > 100
    costs = Costs(10.0 * 0.95 - 0.5, 4.0, PARAMS.holding / 52)
    true = over(Demand(mean, float(np.sqrt(mean + mean**2 / size))), 3.0, 3 / 7)

    def paid(of: supply.Orders) -> float:
        return float(np.mean([expected_cost(true, costs, int(n)) for n in of.table["order"]]))

    monkeypatch.setattr(supply, "tried", lambda *_: Service(np.zeros(8)))
    assert paid(found) <= 1.05 * paid(ordered(*rows, closing=0))


def test_turns_are_said_to_be_of_the_last_quarter() -> None:
    page: Any = Page()
    stock = pd.DataFrame(dict(product_id=["p"], days=91, units=91, average=30.0, unit_cost=2.0))
    findings.tied_up(page, supply.money_tied_up(stock))
    assert "12.2 turns a year at the pace of the last quarter" in page.found["B5.stock"]["sentence"]


def test_the_interval_that_is_tried_is_the_one_that_is_shown() -> None:
    """At 80 % and for the sum of 14 days; one origin in eight missed by far moves the mean, not the median."""
    random = np.random.default_rng(3)
    dates = [FIRST + dt.timedelta(days=n) for n in range(400)]
    value = random.gamma(20, 5, 400)
    known = pd.DataFrame(dict(date=pd.to_datetime(dates), value=value, open=True, filled=False))
    page: Any = Page()
    table = findings.tried(page, known)
    narrow, page.params.confidence = table["inside"].mean(), 0.99
    wide = findings.tried(page, known)
    assert narrow == pytest.approx(0.8, abs=0.1) and wide["inside"].mean() > 0.95
    came = np.array([value[400 - 14 - 28 * n :][:14].sum() for n in range(8)])
    said = page.found["D4.forecast"]
    assert (table["total_off"].abs() < 3 * np.sqrt(1 / 20 / 14)).all()
    assert said["series"]["mase_median"] == pytest.approx(table["mase"].median())
    assert f"off by {100 * table['total_off'].abs().median():.0f} % in the median" in said["sentence"]
    assert len(came) == len(table) == 8
