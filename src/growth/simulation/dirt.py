"""Dirt in known numbers: what ingest is to find, planted by rule, counted as planted.

A rule either **adds** a damaged copy of a row, which ingest refuses (or keeps with a flag, if it is a duplicate or a
conflict), or **sets** a value in a row that ingest keeps with a flag. No row takes part in two rules, so every count
is exact; and since refused rows are always added ones, what is left after ingest is what was simulated. Names of
rules are those of ingest: ``<column>: <rule>`` for refusals, the flag's name for flags.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from growth.simulation import store
from growth.simulation.rng import Draws, Ints

Change = Callable[[pa.Table], Any]
NULL = None
_DAY = pa.scalar(86_400_000_000, pa.duration("us"))
_FAR = pa.scalar(86_400_000_000 * 3_700, pa.duration("us"))  # ten years
# What a reference that leads nowhere is: another word, or the id with a mark in it, so that no two rows become equal.
LOST = {"region": "火星", "experiment_id": "e?", "promotion_id": "promo?"}


@dataclass(frozen=True)
class Rule:
    """One kind of dirt.

    Parameters
    ----------
    name : str
        As ingest names it.
    share : float
        Rows for each clean row of the part (at least one row).
    change : dict of str to value or function
        New values of columns; a function gets the chosen rows.
    add : bool
        Whether damaged copies are added, or the rows themselves changed.
    needs : tuple of str
        Columns that must have a value in the rows chosen.
    """

    name: str
    share: float
    change: dict[str, Any] = field(default_factory=dict)
    add: bool = True
    needs: tuple[str, ...] = ()


def _missing(column: str, share: float) -> Rule:
    return Rule(f"{column}: missing", share, {column: NULL})


def _value(column: str, rule: str, value: Any, share: float) -> Rule:
    return Rule(f"{column}: {rule}", share, {column: value}, needs=(column,))


def _lost(column: str, share: float) -> Rule:
    return Rule(f"{column}: unknown", share, {column: _nowhere(column)}, needs=(column,))


def _nowhere(column: str) -> Any:
    """Return what makes a reference lead nowhere."""
    if column in LOST:
        return LOST[column]
    return lambda rows: pc.utf8_replace_slice(rows[column], 1, 1, "?")


def _unknown(column: str, share: float, add: bool = False) -> Rule:
    return Rule(f"unknown_{column}", share, {column: _nowhere(column)}, add, needs=(column,))


def _backwards(later: str, earlier: str, share: float) -> Rule:
    def before(rows: pa.Table) -> Any:
        return pc.subtract(rows[earlier], _DAY)

    return Rule(f"{later} before {earlier}", share, {later: before}, add=False, needs=(later, earlier))


def _after(clock: str, share: float) -> Rule:
    return Rule(
        f"{clock}: after as_of", share, {clock: lambda rows: pc.add(rows[clock], _FAR)}, needs=(clock,)
    )


def _copy(share: float) -> Rule:
    return Rule("exact_duplicate", share)


def _conflict(column: str, value: Any, share: float) -> Rule:
    return Rule("key_conflict", share, {column: value}, needs=(column,))


def _plus(column: str, by: Any) -> Change:
    return lambda rows: pc.add(rows[column], by)


MINUS_ONE = Decimal("-1.0000")
RULES: dict[str, tuple[Rule, ...]] = {
    "regions": (_missing("region", 0.02), _value("population", "below 0", -1, 0.02)),
    "customers": (
        _missing("customer_id", 0.001),
        _value("birth_year", "below 1900", 1800, 0.002),
        _value("birth_year", "above 2025", 2099, 0.001),
        _value("gender", "not allowed", "?", 0.001),
        _after("signed_up_at", 0.001),
        _copy(0.004),
        _conflict("occupation", "其他", 0.002),
        _unknown("region", 0.002),
    ),
    "visitors": (
        _missing("visitor_id", 0.0005),
        _after("valid_from", 0.0005),
        _copy(0.001),
        _conflict("device", "tv", 0.0005),
        _unknown("customer_id", 0.0005),
        _backwards("valid_to", "valid_from", 0.0005),
    ),
    "memberships": (
        _missing("customer_id", 0.0005),
        _missing("tier", 0.0005),
        _missing("valid_from", 0.0005),
        _copy(0.001),
        _conflict("tier", "trial", 0.0005),
        _backwards("valid_to", "valid_from", 0.0005),
        _unknown("customer_id", 0.0005, add=True),
    ),
    "consents": (
        _missing("purpose", 0.0005),
        _missing("given_at", 0.0005),
        _copy(0.001),
        _unknown("customer_id", 0.0005, add=True),
        _backwards("withdrawn_at", "given_at", 0.0005),
    ),
    "products": (_missing("product_id", 0.01), _copy(0.01), _conflict("brand", "?", 0.01)),
    "product_costs": (
        _missing("unit_cost", 0.001),
        _missing("valid_from", 0.0005),
        _value("unit_cost", "below 0", MINUS_ONE, 0.001),
        _copy(0.001),
        _conflict("unit_cost", _plus("unit_cost", Decimal("0.1000")), 0.0005),
        _unknown("product_id", 0.0005, add=True),
    ),
    "prices": (
        _missing("price", 0.0002),
        _missing("date", 0.0001),
        _value("price", "below 0", MINUS_ONE, 0.0002),
        _value("list_price", "below 0", MINUS_ONE, 0.0001),
        _copy(0.0005),
        _unknown("product_id", 0.0001, add=True),
    ),
    "sessions": (
        _missing("session_id", 0.0001),
        _missing("visitor_id", 0.0001),
        _missing("started_at", 0.0001),
        _after("started_at", 0.0001),
        _value("pages", "below 0", -1, 0.0001),
        _value("pages", "above 10000", 99_999, 0.00005),
        _value("seconds", "below 0", -5, 0.0002),
        _value("seconds", "above 86400", 8_640_000, 0.0001),
        _value("load_ms", "above 600000", 9_999_999, 0.0001),
        _copy(0.0008),
        _conflict("landing", "other", 0.0002),
        _unknown("visitor_id", 0.0003),
        _unknown("region", 0.0002),
    ),
    "events": (
        _missing("session_id", 0.00005),
        Rule("session_id: unknown", 0.0002, {"session_id": _nowhere("session_id")}),
        _missing("at", 0.00005),
        _missing("type", 0.00005),
        _value("type", "not allowed", "hover", 0.0001),
        _value("results", "below 0", -1, 0.00005),
        _after("at", 0.00005),
        _copy(0.001),
        _unknown("product_id", 0.0002),
    ),
    "orders": (
        _missing("order_id", 0.0005),
        _value("status", "not allowed", "lost", 0.0005),
        _missing("placed_at", 0.0005),
        _after("placed_at", 0.0005),
        _value("shipping_cost", "below 0", MINUS_ONE, 0.0005),
        _value("fulfilment_cost", "below 0", MINUS_ONE, 0.0005),
        _copy(0.003),
        _conflict("channel", "phone", 0.001),
        _unknown("customer_id", 0.001),
        _unknown("visitor_id", 0.001),
        _unknown("region", 0.0005),
        _backwards("paid_at", "placed_at", 0.0005),
        _backwards("shipped_at", "placed_at", 0.0005),
        _backwards("delivered_at", "shipped_at", 0.001),
    ),
    "order_lines": (
        _missing("order_id", 0.0003),
        Rule("order_id: unknown", 0.0010, {"order_id": _nowhere("order_id")}),
        _value("ordinal", "below 1", 0, 0.0003),
        _missing("product_id", 0.0003),
        _missing("quantity", 0.0003),
        _value("quantity", "below 1", -1, 0.0015),
        _value("amount", "below 0", MINUS_ONE, 0.0008),
        _value("discount", "below 0", MINUS_ONE, 0.0003),
        _copy(0.002),
        _conflict("quantity", _plus("quantity", 1), 0.0005),
        _unknown("product_id", 0.0005),
    ),
    "returns": (
        _value("quantity", "below 1", 0, 0.002),
        _value("refund", "below 0", MINUS_ONE, 0.002),
        _missing("requested_at", 0.001),
        _after("requested_at", 0.001),
        _copy(0.003),
        _unknown("order_id", 0.002),
        _unknown("customer_id", 0.002),
        _backwards("picked_up_at", "requested_at", 0.001),
        _backwards("refunded_at", "requested_at", 0.002),
    ),
    "promotions": (
        _missing("promotion_id", 0.005),
        _value("cost", "below 0", MINUS_ONE, 0.005),
        _copy(0.005),
        _conflict("name", "?", 0.005),
    ),
    "coupons": (
        _missing("coupon_id", 0.001),
        _missing("issued_at", 0.001),
        _after("issued_at", 0.001),
        _value("face_value", "below 0", MINUS_ONE, 0.001),
        _value("minimum", "below 0", MINUS_ONE, 0.001),
        _copy(0.002),
        _conflict("face_value", _plus("face_value", Decimal("5.0000")), 0.001),
        _unknown("promotion_id", 0.0005),
        _unknown("customer_id", 0.001),
        _unknown("order_id", 0.001),
        _backwards("redeemed_at", "issued_at", 0.001),
        _backwards("expires_at", "issued_at", 0.0005),
    ),
    "contacts": (
        _missing("sent_at", 0.0005),
        _after("sent_at", 0.0005),
        _value("cost", "below 0", MINUS_ONE, 0.0005),
        _copy(0.001),
        _unknown("customer_id", 0.0005),
        _backwards("opened_at", "sent_at", 0.001),
    ),
    # What was laid down before a test is short: one row of each kind, all refused or copies.
    "experiments": (
        _missing("experiment_id", 0.01),
        _value("unit", "not allowed", "household", 0.01),
        _value("planned_lift", "below 0.0001", 0.0, 0.01),
    ),
    "experiment_arms": (
        _value("planned_share", "above 1", 50.0, 0.01),
        _missing("arm", 0.01),
        _lost("experiment_id", 0.01),
    ),
    "experiment_metrics": (_missing("metric", 0.01), _value("role", "not allowed", "north star", 0.01)),
    "experiment_scope": (_lost("experiment_id", 0.01),),
    "assignments": (
        _missing("experiment_id", 0.0002),
        _lost("experiment_id", 0.0002),
        _missing("arm", 0.0002),
        _after("assigned_at", 0.0002),
        _copy(0.001),
        _unknown("customer_id", 0.0002),
        _unknown("visitor_id", 0.0002),
        _unknown("session_id", 0.0002),
    ),
    "exposures": (
        _lost("experiment_id", 0.0002),
        _missing("exposed_at", 0.0002),
        _after("exposed_at", 0.0002),
        _copy(0.001),
        _unknown("customer_id", 0.0002),
    ),
}
RULES |= {
    "channels": (_missing("channel", 0.01), _value("place", "not allowed", "moon", 0.01)),
    "creators": (_missing("creator_id", 0.01), _value("suspicious", "above 1", 40.0, 0.01), _copy(0.01)),
    "campaigns": (
        _missing("campaign_id", 0.01),
        _value("cost", "below 0", MINUS_ONE, 0.01),
        _copy(0.01),
        _unknown("creator_id", 0.01),
        _backwards("ends_on", "starts_on", 0.01),
    ),
    "touches": (
        _missing("at", 0.0002),
        _missing("channel", 0.0002),
        _value("kind", "not allowed", "hover", 0.0002),
        _value("cost", "below 0", MINUS_ONE, 0.0002),
        _after("at", 0.0002),
        _copy(0.002),
        _unknown("visitor_id", 0.001),
        _unknown("customer_id", 0.0005),
        _unknown("campaign_id", 0.0002),
        Rule("nobody", 0.0005, {"visitor_id": NULL, "customer_id": NULL}, add=False),
    ),
    "spend": (
        _missing("cost", 0.0005),
        _missing("date", 0.0002),
        _value("cost", "below 0", MINUS_ONE, 0.0005),
        _value("clicks", "below 0", -1, 0.0002),
        _copy(0.001),
        _conflict("cost", _plus("cost", Decimal("1.0000")), 0.0002),
        _unknown("region", 0.0002, add=True),
    ),
    "referrals": (
        _missing("inviter_id", 0.001),
        _missing("invited_at", 0.001),
        _after("invited_at", 0.001),
        _copy(0.002),
        _unknown("inviter_id", 0.001),
        _unknown("customer_id", 0.001),
        _backwards("joined_at", "invited_at", 0.001),
    ),
}
LATE = {"sessions": 0.002, "events": 0.002, "orders": 0.004}  # share of rows that come after all others


def soil(draws: Draws, name: str, clean: pa.Table, part: int) -> tuple[pa.Table, dict[str, int]]:
    """Plant a table's dirt in one part.

    Returns
    -------
    pyarrow.Table
    dict of str to int
        Rows planted, by rule.
    """
    rules = RULES.get(name, ())
    count = clean.num_rows
    turn = np.argsort(draws.bits(f"dirt {name}", part, np.arange(count)), kind="stable")
    free = np.ones(count, dtype=bool)
    extra: list[pa.Table] = []
    planted: dict[str, int] = {}
    table = clean
    for rule in rules:
        rows = _pick(clean, rule, turn, free)
        if not rows.size:
            continue
        free[rows] = False
        planted[rule.name] = int(rows.size)
        changed = _changed(store.take(clean, rows), rule)
        if rule.add:
            extra.append(changed)
        else:
            table = _replaced(table, rows, changed, rule)
    late = turn[free[turn]][: round(LATE.get(name, 0.0) * count)]
    order = np.concatenate([np.delete(np.arange(count), late), late])
    return pa.concat_tables([store.take(table, order), *extra]), planted


def _pick(clean: pa.Table, rule: Rule, turn: Ints, free: Any) -> Ints:
    """Return the rows that a rule damages: the next in turn that are free and have the values needed."""
    good = free.copy()
    for column in rule.needs:
        good &= clean[column].is_valid().to_numpy()
    wanted = max(1, round(rule.share * clean.num_rows))
    out: Ints = turn[good[turn]][:wanted]
    return out


def _changed(rows: pa.Table, rule: Rule) -> pa.Table:
    for column, value in rule.change.items():
        place = rows.schema.get_field_index(column)
        kind = rows.schema.field(column).type
        new = value(rows) if callable(value) else pa.array([value] * rows.num_rows, type=kind)
        rows = rows.set_column(place, column, new.cast(kind))
    return rows


def _replaced(table: pa.Table, rows: Ints, changed: pa.Table, rule: Rule) -> pa.Table:
    """Put changed values into the rows of a table."""
    source = np.arange(table.num_rows)
    source[rows] = table.num_rows + np.arange(rows.size)
    for column in rule.change:
        both = pa.concat_arrays([table[column].combine_chunks(), changed[column].combine_chunks()])
        table = table.set_column(table.schema.get_field_index(column), column, both.take(pa.array(source)))
    return table
