"""Rows of a tiny shop."""

from __future__ import annotations

import datetime as dt
from typing import Any


def at(day: str, hour: float = 10) -> dt.datetime:
    return dt.datetime.fromisoformat(f"2024-{day}") + dt.timedelta(hours=hour)


def order(name: str, when: dt.datetime, customer: str | None = None, **more: Any) -> dict[str, Any]:
    return dict(order_id=name, status="paid", placed_at=when, customer_id=customer) | more


def line(name: str, product: str | None, amount: float = 1) -> dict[str, Any]:
    return dict(order_id=name, product_id=product, quantity=1, amount=amount)


def sold(*orders: tuple[str, dt.datetime, str | None, str]) -> dict[str, list[dict[str, Any]]]:
    """Orders as (id, time, customer, products), a letter a product."""
    return dict(
        orders=[order(name, when, who) for name, when, who, _ in orders],
        order_lines=[line(name, product) for name, _, _, products in orders for product in products],
    )
