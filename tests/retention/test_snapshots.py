"""Snapshots against brute force, and that nothing leaks from the future."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd

from growth.retention import snapshots
from tests.conftest import frame
from tests.retention.test_marts import rows  # noqa: F401  (a fixture)

AS_OF = dt.date(2024, 7, 1)
KNOWN = ["customer_id", "at", "recency", "tenure", "bought", "spent", "bought_91", "bought_182"]


def visits_of(shop_rows: dict[str, Any]) -> dict[str, Any]:
    """A visit of every customer on the day after each order, on a device of its own."""
    orders = [o for o in shop_rows["orders"] if o["customer_id"]]
    return dict(
        sessions=[
            dict(session_id=f"s{n}", visitor_id=f"v{o['customer_id']}", started_at=o["placed_at"] + dt.timedelta(1))
            for n, o in enumerate(orders)
        ],
        visitors=[
            dict(visitor_id=f"v{c}", customer_id=c, valid_from=dt.datetime(2023, 1, 1))
            for c in sorted({o["customer_id"] for o in orders})
        ],
    )  # fmt: skip


def test_features_and_outcomes_equal_brute_force(shop: Any, rows: dict[str, Any]) -> None:  # noqa: F811
    found = frame(snapshots.snapshots(shop(**rows, **visits_of(rows))))
    owner = {o["order_id"]: o for o in rows["orders"]}
    paid = [(owner[r["order_id"]], r["amount"]) for r in rows["order_lines"] if r["amount"] > 0]
    money = pd.DataFrame(
        [
            dict(who=o["customer_id"], date=o["placed_at"].date(), amount=a)
            for o, a in paid
            if o["customer_id"]
        ]
    )
    days = money.groupby(["who", "date"], as_index=False)["amount"].sum()
    seen = pd.DataFrame(
        [
            dict(who=o["customer_id"], date=(o["placed_at"] + dt.timedelta(1)).date())
            for o in rows["orders"]
            if o["customer_id"]
        ]
    )  # fmt: skip
    want = []
    for at in snapshots.snapshot_days(AS_OF):
        for who, own in days.groupby("who"):
            past = own[own["date"] < at]
            if past.empty:
                continue
            ages = [(at - d).days for d in past["date"]]
            later = own[(own["date"] >= at) & (own["date"] < at + dt.timedelta(91))]
            came = [(at - d).days for d in seen.loc[seen["who"] == who, "date"] if (at - d).days > 0]
            over = at < AS_OF
            want.append(
                (who, at, min(ages), max(ages), len(ages), int(past["amount"].sum()), sum(a <= 91 for a in ages),
                 sum(a <= 182 for a in ages), len(later) if over else None,
                 int(later["amount"].sum()) if over else None,
                 sum(a <= 28 for a in came), sum(a <= 91 for a in came))
            )  # fmt: skip
    names = [*KNOWN, "again", "came", "visits_28", "visits_91"]
    mine = found.sort_values(["at", "customer_id"])[names].astype(object)
    for c in ("spent", "came"):
        mine[c] = [None if pd.isna(v) else int(v) for v in mine[c]]
    mine = [tuple(None if pd.isna(v) else v for v in r) for r in mine.to_numpy()]
    assert mine == sorted(want, key=lambda r: (r[1], r[0]))


def test_nothing_leaks_from_the_future(shop: Any, rows: dict[str, Any]) -> None:  # noqa: F811
    """Orders, visits and refunds from a snapshot on change none of its features; one before it does."""
    at = dt.date(2024, 4, 1)
    assert at in snapshots.snapshot_days(AS_OF)
    tables = rows | visits_of(rows)
    moment = dt.datetime(2024, 4, 1)
    more = dict(tables)
    late = [
        dict(order_id=f"late{n}", customer_id=f"c{n}", status="paid", placed_at=moment) for n in range(60)
    ]
    more["orders"] = [*tables["orders"], *late]
    more["order_lines"] = [
        *tables["order_lines"], *(dict(order_id=o["order_id"], product_id="p", quantity=1, amount=999) for o in late)
    ]  # fmt: skip
    more["sessions"] = [
        *tables["sessions"], *(dict(session_id=f"x{n}", visitor_id=f"vc{n}", started_at=moment) for n in range(60))
    ]  # fmt: skip

    def known(t: dict[str, Any]) -> pd.DataFrame:
        found = frame(snapshots.snapshots(shop(**t)))
        return found.loc[found["at"] == at, [*KNOWN, "visits_28", "visits_91", "channel"]].reset_index(
            drop=True
        )

    pd.testing.assert_frame_equal(known(tables), known(more))
    early = dict(order_id="early", customer_id="c0", status="paid", placed_at=dt.datetime(2024, 3, 31))
    line = dict(order_id="early", product_id="p", quantity=1, amount=999)
    before = tables | dict(orders=[*tables["orders"], early], order_lines=[*tables["order_lines"], line])
    assert not known(before).equals(known(tables))
