"""A small random shop with experiments of every kind of unit, and what its marts must be, counted by plain loops.

Amounts are `Fraction`, so what is compared is compared exactly.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import numpy as np

Rows = list[dict[str, Any]]
COPY = "exact_duplicate"
PAID = {"paid", "shipped", "delivered"}
WINDOWS = {
    "pre": ["visits", "orders", "revenue", "contribution"],
    "during": [
        "visits",
        "orders",
        "buyers",
        "revenue",
        "contribution",
        "discount",
        "redemptions",
        "messages",
    ],
    "post": ["visits", "orders", "revenue", "contribution"],
}
COLUMNS = [f"{w}_{m}" for w, metrics in WINDOWS.items() for m in metrics]
ID = {"customer": "customer_id", "visitor": "visitor_id", "session": "session_id", "region": "region"}
DAY = dt.timedelta(days=1)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


EXPERIMENTS: Rows = [
    dict(experiment_id="by_customer", unit="customer", promotion_id="P1", post_days=14,
         starts_on=day("2024-04-01"), ends_on=day("2024-05-01")),
    dict(experiment_id="by_visitor", unit="visitor", promotion_id="P2", post_days=None,
         starts_on=day("2024-04-10"), ends_on=day("2024-05-15")),
    dict(experiment_id="by_visit", unit="session", promotion_id="P1", post_days=0,
         starts_on=day("2024-05-01"), ends_on=day("2024-05-20")),
    dict(experiment_id="by_region", unit="region", promotion_id=None, post_days=7,
         starts_on=day("2024-05-20"), ends_on=day("2024-06-10")),
    dict(experiment_id="again", unit="customer", promotion_id="P2", post_days=3,
         starts_on=day("2024-04-25"), ends_on=day("2024-05-05")),
    dict(experiment_id="undated", unit="customer", promotion_id="P1", post_days=5, starts_on=None, ends_on=None),
]  # fmt: skip


def made(seed: int = 11) -> dict[str, Rows]:
    """Draw the shop's rows."""
    random = np.random.default_rng(seed)

    def pick(of: Iterable[Any]) -> Any:
        of = list(of)
        return of[int(random.integers(len(of)))]

    def maybe(chance: float, value: Any) -> Any:
        return value if random.random() < chance else None

    def moment(first: str = "2024-02-01", days: int = 140) -> dt.datetime:
        return dt.datetime.fromisoformat(first) + dt.timedelta(minutes=int(random.integers(0, days * 1440)))

    def money(most: int) -> str:
        return f"{int(random.integers(0, most * 100)) / 100:.2f}"

    regions = ["north", "south", "west"]
    customers = [f"c{i}" for i in range(40)]
    visitors = [f"v{i}" for i in range(50)]
    t: dict[str, Rows] = defaultdict(list)
    t["regions"] = [
        dict(region=r, tier=tier) for r, tier in zip(regions, ("big", "small", None), strict=True)
    ]
    t["customers"] = [
        dict(customer_id=c, region=maybe(0.9, pick(regions)), acquisition_channel=maybe(0.8, pick("xy")))
        for c in customers[:36]  # some who buy are in no list
    ]
    t["customers"].append(dict(customer_id="c0", region="north", acquisition_channel="later"))
    for c in customers[::2]:
        since = moment("2024-01-01", 100)
        until = since + dt.timedelta(days=40)
        t["memberships"].append(
            dict(customer_id=c, program="m", tier="silver", valid_from=since, valid_to=until)
        )
        t["memberships"].append(
            dict(customer_id=c, program="m", tier="gold", valid_from=until - dt.timedelta(days=9))
        )
    for v in visitors:
        linked = maybe(0.7, pick(customers))
        t["visitors"].append(
            dict(visitor_id=v, customer_id=linked, valid_from=maybe(0.6, moment()) if linked else None)
        )
    t["visitors"].append(dict(t["visitors"][0], flags=COPY))
    t["products"] = [dict(product_id=f"p{i}", category=pick(["toys", "food"])) for i in range(3)]
    t["products"].append(dict(product_id="p3", category=None))  # p4 is not listed at all
    t["product_costs"] = [
        dict(product_id="p0", unit_cost="3.5", valid_from=day("2024-04-20")),  # unknown before
        dict(product_id="p1", unit_cost="2", valid_from=day("2024-01-01")),
        dict(product_id="p1", unit_cost="4.25", valid_from=day("2024-05-02")),
        dict(product_id="p1", unit_cost="9", valid_from=day("2024-05-02")),  # contradicts the first record
        dict(product_id="p3", unit_cost="0.3333", valid_from=day("2024-01-01")),
    ]
    for i in range(260):
        t["sessions"].append(
            dict(session_id=f"s{i}", visitor_id=pick(visitors), started_at=moment(), region=maybe(0.9, pick(regions)),
                 seconds=maybe(0.9, int(random.integers(0, 9000))), bot=pick([None, False, False, True]))
        )  # fmt: skip
    t["sessions"].append(dict(t["sessions"][3], flags=COPY))
    for i in range(320):
        visit = pick(t["sessions"])
        during = visit["started_at"] + dt.timedelta(seconds=int(random.integers(0, 3000)))
        at = during if random.random() < 0.5 else moment()
        t["orders"].append(
            dict(order_id=f"o{i}", customer_id=maybe(0.85, pick(customers)), visitor_id=maybe(0.9, visit["visitor_id"]),
                 region=maybe(0.9, pick(regions)), placed_at=at, paid_at=maybe(0.8, at + dt.timedelta(hours=20)),
                 status=pick(["placed", "paid", "shipped", "delivered", "delivered", "cancelled"]),
                 shipping_cost=maybe(0.7, money(6)), fulfilment_cost=maybe(0.9, money(4)),
                 payment_fee=maybe(0.9, money(1)))
        )  # fmt: skip
        for _ in range(int(random.integers(1, 5))):
            promotion = pick([None, "P1", "P1", "P2"])
            t["order_lines"].append(
                dict(order_id=f"o{i}", product_id=f"p{random.integers(0, 5)}", quantity=int(random.integers(1, 4)),
                     amount=maybe(0.9, money(60)) or "0", promotion_id=promotion, discount=maybe(0.8, money(9)))
            )  # fmt: skip
    t["orders"].append(dict(t["orders"][5], flags=COPY))
    t["orders"].append(dict(t["orders"][6], customer_id="c1", status="cancelled"))
    t["order_lines"].append(dict(t["order_lines"][0], flags=COPY))  # sold twice: counts
    for _ in range(60):
        t["returns"].append(
            dict(
                order_id=maybe(0.8, pick(t["orders"])["order_id"]),
                quantity=1,
                refund=money(20),
                requested_at=moment(),
            )
        )
    for _ in range(120):
        t["contacts"].append(
            dict(customer_id=maybe(0.95, pick(customers)), sent_at=moment(), cost=maybe(0.9, money(1)))
        )
    for i in range(20):
        t["coupons"].append(
            dict(coupon_id=f"k{i}", promotion_id="P1", customer_id=pick(customers), issued_at=moment())
        )
    t["experiments"] = [dict(e) for e in EXPERIMENTS]
    _assign(t, random, pick, maybe, moment)
    return dict(t)


def _assign(
    t: dict[str, Rows],
    random: Any,
    pick: Callable[..., Any],
    maybe: Callable[..., Any],
    moment: Callable[..., Any],
) -> None:
    everyone = {
        "customer": [f"c{i}" for i in range(44)],  # some were never seen
        "visitor": [f"v{i}" for i in range(50)],
        "session": [f"s{i}" for i in range(0, 260, 2)],
        "region": ["north", "south", "west"],
    }
    for e in EXPERIMENTS:
        name, column = e["experiment_id"], ID[e["unit"]]
        for unit in everyone[e["unit"]]:
            if random.random() < 0.85 or e["unit"] == "region":
                first = (e["starts_on"] or day("2024-04-01")) - 2 * DAY
                at = maybe(0.7, moment(first.isoformat(), 12)) if e["unit"] != "session" else None
                stratum = pick("ab") if e["unit"] == "region" else None
                row = {"experiment_id": name, column: unit, "arm": pick(["new", "old"]), "assigned_at": at}
                t["assignments"].append(row | {"stratum": stratum})
                if random.random() < 0.6:
                    seen = (at or moment()) + dt.timedelta(hours=int(random.integers(-3, 30)))
                    saw = pick([row["arm"]] * 6 + ["new", None])
                    t["exposures"].append(
                        {"experiment_id": name, column: unit, "arm": saw, "exposed_at": seen}
                    )
        own = [r for r in t["assignments"] if r["experiment_id"] == name]
        t["assignments"].append(dict(own[0], flags=COPY))
        t["assignments"].append({"experiment_id": name, column: None, "arm": "new"})
        if e["unit"] != "region":
            other = {"new": "old", "old": "new"}[own[1]["arm"]]
            t["assignments"].append(dict(own[1], arm=other))
            t["assignments"].append(dict(own[2], assigned_at=dt.datetime(2024, 6, 20)))  # told again, later
            t["assignments"].append({"experiment_id": name, column: "late", "arm": "old",
                                     "assigned_at": dt.datetime(2024, 6, 20)})  # fmt: skip
    t["assignments"].append(dict(experiment_id="by_customer", customer_id="stray", arm="unplanned"))
    for e in EXPERIMENTS:
        for arm, control in (("old", True), ("new", False)):
            cost = "0.5" if arm == "new" else None
            t["experiment_arms"].append(
                dict(
                    experiment_id=e["experiment_id"],
                    arm=arm,
                    control=control,
                    planned_share=0.5,
                    unit_cost=cost,
                )
            )


def first(rows: Rows, *key: str) -> Rows:
    """The first row of each key."""
    found: dict[Any, dict[str, Any]] = {}
    for r in rows:
        found.setdefault(tuple(r.get(k) for k in key), r)
    return list(found.values())


def number(value: Any) -> Fraction:
    return Fraction(str(value)) if value is not None else Fraction(0)


def owner(t: dict[str, Rows], visitor: str, at: dt.datetime) -> str | None:
    """The customer to whom a visitor was linked at a moment."""
    linked = [
        v["customer_id"] for v in t["visitors"]
        if v["visitor_id"] == visitor and v["customer_id"] and (v["valid_from"] is None or v["valid_from"] <= at)
    ]  # fmt: skip
    return min(linked, default=None)


def cost_of(t: dict[str, Rows], product: str, on: dt.date) -> Fraction:
    known = [c for c in first(t["product_costs"], "product_id", "valid_from") if c["product_id"] == product]
    held = [c for c in known if c["valid_from"] <= on]
    return number(max(held, key=lambda c: c["valid_from"])["unit_cost"]) if held else Fraction(0)


def facts(t: dict[str, Rows], orders: str = "placed", as_of: str = "2024-07-01") -> Rows:
    """Everything that happened: who, when, what."""
    found: Rows = []
    counting = {}
    for o in first(t["orders"], "order_id"):
        clock = o["placed_at"] if orders == "placed" else o["paid_at"]
        if o["status"] == "cancelled" or clock is None or (orders == "paid" and clock.date() >= day(as_of)):
            continue
        who = dict(customer=o["customer_id"], visitor=o["visitor_id"], region=o["region"])
        counting[o["order_id"]] = base = dict(
            who, at=o["placed_at"], date=clock.date(), paid=o["status"] in PAID
        )
        gain = number(o["shipping_cost"]) - number(o["fulfilment_cost"]) - number(o["payment_fee"])
        gain -= sum(
            (number(r["refund"]) for r in t["returns"] if r["order_id"] == o["order_id"]), Fraction(0)
        )
        found.append(dict(base, orders=1, contribution=gain if base["paid"] else 0))
    category = {p["product_id"]: p["category"] for p in reversed(t["products"])}
    redeemed = set()
    for line in t["order_lines"]:
        order = counting.get(line["order_id"])
        if order is None or not number(line["amount"]) > 0:
            continue
        promotion = line["promotion_id"]
        key = (line["order_id"], promotion)
        gain = number(line["amount"]) - line["quantity"] * cost_of(t, line["product_id"], order["date"])
        found.append(
            dict(order, promotion=promotion, category=category.get(line["product_id"]), revenue=number(line["amount"]),
                 contribution=gain if order["paid"] else 0, discount=number(line["discount"]) if promotion else 0,
                 redemptions=int(promotion is not None and key not in redeemed))
        )  # fmt: skip
        redeemed.add(key)
    for s in first(t["sessions"], "session_id"):
        if not s["bot"]:
            at = s["started_at"]
            who = dict(customer=owner(t, s["visitor_id"], at), visitor=s["visitor_id"], region=s["region"])
            found.append(dict(who, at=at, date=at.date(), visits=1))
    for c in t["contacts"]:
        if c["customer_id"]:
            cost, at = number(c["cost"]), c["sent_at"]
            found.append(
                dict(customer=c["customer_id"], at=at, date=at.date(), contribution=-cost, messages=cost)
            )
    return found


def assigned(t: dict[str, Rows]) -> Rows:
    """One row a unit: its first assignment, and its arms."""
    design = {e["experiment_id"]: e for e in t["experiments"]}
    rows = [
        dict(r, n=n, unit=r.get(ID[design[r["experiment_id"]]["unit"]]), design=design[r["experiment_id"]])
        for n, r in enumerate(t["assignments"], 1)
    ]
    by: dict[Any, Rows] = defaultdict(list)
    for r in rows:
        if r["unit"] is not None:
            by[r["experiment_id"], r["unit"]].append(r)
    found = []
    for own in by.values():
        chosen = min(own, key=lambda r: (r.get("assigned_at") or dt.datetime(1900, 1, 1), r["n"]))
        found.append(dict(chosen, arms=len({r["arm"] for r in own})))
    halves: dict[Any, int] = defaultdict(int)
    for unit in sorted(found, key=lambda r: r["n"]):
        key = unit["experiment_id"], unit["arm"]
        unit["fold"], halves[key] = halves[key] % 2, halves[key] + 1
    return found


def window(unit: dict[str, Any], fact: dict[str, Any]) -> str | None:
    """In which window of a unit a fact lies."""
    begin, end = unit["design"]["starts_on"], unit["design"]["ends_on"]
    if begin is None or end is None:
        return None
    at = unit.get("assigned_at")
    if begin - 56 * DAY <= fact["date"] < begin:
        return "pre"
    if begin <= fact["date"] < end:
        return "during" if at is None or at <= fact["at"] else None
    until = end + (unit["design"]["post_days"] or 0) * DAY
    return "post" if end <= fact["date"] < until else None


def belongs(visit: dict[str, Any] | None, unit: dict[str, Any], fact: dict[str, Any]) -> bool:
    """Whether a fact is a unit's own; `visit` is the session that was randomised."""
    kind = unit["design"]["unit"]
    if kind != "session":
        return fact.get(kind) == unit["unit"]
    if visit is None or fact.get("visitor") != visit["visitor_id"]:
        return False
    ends = visit["started_at"] + dt.timedelta(seconds=visit["seconds"] or 0)
    return visit["started_at"] <= fact["at"] <= ends


def moves(t: dict[str, Rows], **words: str) -> list[tuple[dict[str, Any], str, dict[str, Any]]]:
    """Every fact of every unit that is in one arm: (unit, window, fact)."""
    found, every = [], facts(t, **words)
    visits = {s["session_id"]: s for s in reversed(t["sessions"])}
    for unit in assigned(t):
        if unit["arms"] == 1:
            for fact in every:
                if belongs(visits.get(unit["unit"]), unit, fact) and (w := window(unit, fact)):
                    own = unit["design"]["promotion_id"] is not None and (
                        fact.get("promotion") == unit["design"]["promotion_id"]
                    )
                    kept = fact if own else dict(fact, discount=0, redemptions=0)
                    found.append((unit, w, kept))
    return found


def segments(t: dict[str, Rows], unit: dict[str, Any]) -> tuple[str | None, str | None, str | None]:
    """Its tier (or stratum), its city's tier, the channel that brought it."""
    if unit["design"]["unit"] != "customer":
        return unit.get("stratum"), None, None
    person = next((c for c in t["customers"] if c["customer_id"] == unit["unit"]), {})
    city = next((r["tier"] for r in t["regions"] if r["region"] == person.get("region")), None)
    begin = unit["design"]["starts_on"]
    then = unit.get("assigned_at") or (dt.datetime.combine(begin, dt.time()) if begin else None)
    held = [
        m["tier"] for m in t["memberships"]
        if m["customer_id"] == unit["unit"] and then and m["valid_from"] <= then
        and (m.get("valid_to") is None or then < m["valid_to"])
    ]  # fmt: skip
    return unit.get("stratum") or (held[0] if held else None), city, person.get("acquisition_channel")


def totals(t: dict[str, Rows], **words: str) -> Rows:
    """One row a unit in one arm with all `COLUMNS`."""
    found = {(u["experiment_id"], u["unit"]): dict(u, **dict.fromkeys(COLUMNS, Fraction(0)))
             for u in assigned(t) if u["arms"] == 1}  # fmt: skip
    for unit, w, fact in moves(t, **words):
        row = found[unit["experiment_id"], unit["unit"]]
        for m in WINDOWS[w]:
            if m != "buyers":
                row[f"{w}_{m}"] += fact.get(m, 0)
    for row in found.values():
        row["during_buyers"] = Fraction(row["during_orders"] > 0)
        row["segments"] = segments(t, row)
    return list(found.values())
