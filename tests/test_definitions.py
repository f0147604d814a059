"""What counts as an order, a purchase, an active customer, revenue."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from growth import definitions
from growth.errors import UserError
from tests.conftest import day, frame

ORDERS = [
    dict(
        order_id="a", customer_id="c", status="paid", placed_at="2024-05-31 10:00", paid_at="2024-06-01 09:00"
    ),
    dict(
        order_id="b",
        customer_id="c",
        status="cancelled",
        placed_at="2024-06-02 10:00",
        paid_at="2024-06-02 10:00",
    ),
    dict(order_id="d", customer_id=None, status="placed", placed_at="2024-06-03 10:00"),
    dict(
        order_id="a", customer_id="other", status="paid", placed_at="2024-06-09 10:00", flags="key_conflict"
    ),
]
LINES = [
    dict(order_id="a", product_id="p", quantity=2, amount=10),
    dict(order_id="a", product_id="p", quantity=2, amount=10, flags="exact_duplicate"),
    dict(order_id="a", product_id="q", quantity=1, amount=0, flags="free"),
    dict(order_id="b", product_id="p", quantity=1, amount=100),
    dict(order_id="d", product_id="p", quantity=1, amount=7),
]


def test_a_repeated_order_multiplies_no_line(shop: Any) -> None:
    found = frame(definitions.purchases(shop(orders=ORDERS, order_lines=LINES)))
    assert sorted(found["amount"]) == [Decimal(7), Decimal(10), Decimal(10)]
    assert set(found.loc[found["order_id"] == "a", "customer_id"]) == {"c"}


@pytest.mark.parametrize(
    ("word", "expected"),
    [("placed", {"a": day("2024-05-31"), "d": day("2024-06-03")}), ("paid", {"a": day("2024-06-01")})],
)
def test_an_order_counts_when_placed_or_paid(shop: Any, word: str, expected: dict[str, Any]) -> None:
    found = frame(definitions.orders(shop(words=dict(orders=word), orders=ORDERS, order_lines=LINES)))
    assert dict(zip(found["order_id"], found["date"], strict=True)) == expected


def test_net_takes_refunds_off_on_the_day_requested(shop: Any) -> None:
    back = [dict(customer_id="c", quantity=1, refund=4, requested_at="2024-06-20 08:00")]
    for word, total in (("gross", 27), ("net", 23)):
        tables = shop(words=dict(revenue=word), orders=ORDERS, order_lines=LINES, returns=back)
        assert frame(definitions.revenue(tables))["amount"].sum() == total


def test_a_refund_counts_if_its_order_does_and_finds_its_customer(shop: Any) -> None:
    back = [
        dict(
            order_id="b", customer_id="c", quantity=1, refund=100, requested_at="2024-06-20 08:00"
        ),  # cancelled
        dict(order_id="a", quantity=1, refund=2, requested_at="2024-06-20 08:00"),
        dict(order_id="gone", customer_id="z", quantity=1, refund=1, requested_at="2024-06-20 08:00"),
    ]
    found = frame(definitions.refunds(shop(orders=ORDERS, order_lines=LINES, returns=back)))
    assert dict(zip(found["customer_id"], found["amount"], strict=True)) == {"c": 2, "z": 1}


def test_paid_after_as_of_is_not_known(shop: Any) -> None:
    late = dict(
        order_id="z", customer_id="c", status="paid", placed_at="2024-06-30 10:00", paid_at="2024-07-03 10:00"
    )
    found = frame(definitions.orders(shop(words=dict(orders="paid"), orders=[late], order_lines=[])))
    assert found.empty


def test_a_visit_belongs_to_whom_the_visitor_was_linked_to_then(shop: Any) -> None:
    sessions = [dict(session_id=f"s{d}", visitor_id="v", started_at=f"2024-06-0{d} 10:00") for d in (1, 3, 5)]
    visitors = [
        dict(visitor_id="v", customer_id="c", valid_from="2024-06-02 00:00", valid_to="2024-06-04 00:00"),
        dict(visitor_id="v", customer_id="d", valid_from="2024-06-04 00:00"),
    ]
    found = frame(
        definitions.activity(shop(words=dict(active="visit"), sessions=sessions, visitors=visitors))
    )
    assert list(zip(found["customer_id"], found["date"], strict=True)) == [
        ("c", day("2024-06-03")),
        ("d", day("2024-06-05")),
    ]


def test_active_by_visit_counts_known_visitors_once_and_no_bots(shop: Any) -> None:
    sessions = [
        dict(session_id=f"s{i}", visitor_id=v, started_at="2024-06-01 10:00", bot=b)
        for i, (v, b) in enumerate([("v", False), ("v", None), ("w", False), ("v2", True)])
    ]
    visitors = [
        dict(visitor_id="v", customer_id="c"),
        dict(visitor_id="w"),
        dict(visitor_id="v2", customer_id="d"),
    ]
    tables = shop(words=dict(active="visit"), sessions=sessions, visitors=visitors)
    found = frame(definitions.activity(tables))
    assert found.to_dict("records") == [dict(customer_id="c", date=day("2024-06-01"))]


def test_active_by_visit_needs_sessions(shop: Any) -> None:
    with pytest.raises(UserError, match="use 'order'"):
        definitions.activity(shop(words=dict(active="visit"), orders=ORDERS, order_lines=LINES))
