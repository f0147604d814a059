"""Audit marts on a tiny shop, against sums by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from growth.audit import marts
from growth.marts import _sorted
from tests.conftest import day, frame

ORDERS = [
    dict(order_id="a", customer_id="c", status="paid", placed_at="2024-06-01 10:00"),
    dict(order_id="b", customer_id=None, status="paid", placed_at="2024-06-01 11:00"),
    dict(order_id="x", customer_id="d", status="cancelled", placed_at="2024-06-02 10:00"),
]
LINES = [
    dict(order_id="a", product_id="p", quantity=2, amount=10),
    dict(order_id="a", product_id="q", quantity=1, amount=0),
    dict(order_id="b", product_id="p", quantity=1, amount="0.1"),
    dict(order_id="b", product_id="p", quantity=1, amount="0.2"),
    dict(order_id="x", product_id="p", quantity=1, amount=99),
]
RETURNS = [dict(customer_id="c", product_id="p", quantity=1, refund=5, requested_at="2024-06-09 10:00")]


@pytest.fixture
def tables(shop: Any) -> Any:
    made = shop(orders=ORDERS, order_lines=LINES, returns=RETURNS)
    made.account.update(
        control=dict(orders=3, sold="109.3000", refunded="5"), tables=dict(order_lines=dict(rows_in=5))
    )
    return made


def test_kpi_day(tables: Any) -> None:
    found = frame(marts.kpi_day(tables)).to_dict("records")
    assert found[0] == dict(
        date=day("2024-06-01"),
        orders=2,
        buyers=1,
        lines=3,
        units=4,
        gross=Decimal("10.3"),
        refunds=Decimal(0),
    )
    assert found[1]["date"] == day("2024-06-09") and found[1]["refunds"] == 5 and found[1]["orders"] == 0


def test_the_bridge_explains_every_cent(tables: Any) -> None:
    found = marts.bridge(tables).set_index("what")
    assert found.loc["in the raw files", "amount"] == Decimal("109.3")
    assert found.loc["of cancelled or unpaid orders", "amount"] == 99
    assert found.loc["paid for", "amount"] == Decimal("10.3") and found.loc["by guests", "amount"] == Decimal(
        "0.3"
    )
    assert tuple(found.loc["by known customers", ["orders", "customers", "lines", "amount"]]) == (1, 1, 1, 10)


def test_people_counts_lines_without_a_customer(tables: Any) -> None:
    found = marts.people(tables)
    assert found.groupby("known")["rows"].sum().to_dict() == {False: 2, True: 4}


def test_no_fence_where_the_quartiles_are_equal_and_no_line_no_fault(shop: Any) -> None:
    lines = [dict(order_id="a", product_id="p", quantity=q, amount=1) for q in (1, 1, 1, 1, 9)]
    found = frame(marts.extremes(shop(orders=ORDERS, order_lines=lines))).set_index("column")
    assert found.loc["quantity", "far_out"] == 0 and found["fence"].isna().all()
    none = frame(marts.extremes(shop(orders=ORDERS, order_lines=[]))).set_index("column")
    assert none.loc["amount", "rows"] == 0 and none.loc["amount", "amount"] == 0


def test_what_duplicates_are_worth(shop: Any) -> None:
    copies = [LINES[0], LINES[0] | dict(flags="exact_duplicate"), LINES[4] | dict(flags="exact_duplicate")]
    found = frame(marts.duplicates(shop(orders=ORDERS, order_lines=copies)))
    assert found.to_dict("records") == [dict(lines=1, amount=10)]  # the other is of a cancelled order


def test_extremes_fence_by_hand(shop: Any) -> None:
    """Quartiles 2 and 4 of 1, 2, 3, 4, 5: the fence is 4·2³ = 32."""
    amounts = [1, 2, 3, 4, 5]
    lines = [dict(order_id="a", product_id="p", quantity=1, amount=a) for a in amounts]
    found = frame(marts.extremes(shop(orders=ORDERS, order_lines=lines))).set_index("column")
    assert found.loc["amount", "fence"] == 32 and found.loc["amount", "far_out"] == 0
    found = frame(marts.extremes(shop(orders=ORDERS, order_lines=[*lines, lines[0] | dict(amount=1000)])))
    assert found.set_index("column").loc["amount", ["far_out", "far_amount"]].to_list() == [1, 1000]


def test_a_shop_of_sums_has_no_dated_rows(shop: Any) -> None:
    """A table of paths alone has no business date: no row, and no error."""
    tables = shop(paths=[dict(path="a > b", conversions=1, value=2, nulls=3)])
    assert list(frame(marts.rows_by_day(tables)).columns) == ["table", "date", "rows"]
    assert not len(_sorted(marts.rows_by_day(tables), marts.MARTS["rows_by_day"]))
