"""The contract: the tables, columns, types and rules that every dataset is checked against."""

from __future__ import annotations

from growth.contract.channels import CHANNELS
from growth.contract.core import CATALOGUE, PEOPLE, TRADE
from growth.contract.promotions import PROMOTIONS
from growth.contract.retention import RETENTION
from growth.contract.spec import TYPE_MEANING, TYPES, Column, Table
from growth.contract.stock import STOCK
from growth.contract.voice import VOICE

# In an order in which every table comes after the tables it refers to.
_ORDER = (
    ["regions", "customers", "visitors", "memberships", "consents"]
    + ["products", "product_costs", "prices"]
    + ["competitor_prices", "price_tests", "suppliers", "purchase_orders", "inventory"]
    + ["sessions", "events", "orders", "order_lines", "returns", "fx"]
    + ["promotions", "coupons", "contacts", "experiments", "experiment_arms", "experiment_metrics"]
    + ["experiment_scope", "assignments", "exposures", "measurements"]
    + ["channels", "creators", "campaigns", "touches", "spend", "referrals", "paths", "outcomes"]
    + ["points", "communities", "departures"]
    + ["respondents", "answers", "questions", "choice_tasks", "notes", "population", "market_stats"]
)
_ALL = {t.name: t for t in (*PEOPLE, *CATALOGUE, *TRADE, *STOCK, *PROMOTIONS, *CHANNELS, *RETENTION, *VOICE)}
TABLES: dict[str, Table] = {name: _ALL[name] for name in _ORDER}


def table(name: str) -> Table:
    """Return a table of the contract.

    Raises
    ------
    KeyError
        If there is no such table; the message lists those there are.
    """
    if name not in TABLES:
        raise KeyError(f"The contract has no table {name!r}; it has {', '.join(TABLES)}.")
    return TABLES[name]


__all__ = ["TABLES", "TYPES", "TYPE_MEANING", "Column", "Table", "table"]
