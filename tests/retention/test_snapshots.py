"""Snapshots against brute force, and that nothing leaks from the future."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from growth.marts import why_not
from growth.retention import snapshots
from growth.retention.marts import MARTS
from tests.conftest import INFO, frame
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


AT = dt.date(2024, 4, 1)  # a snapshot
OUTCOME = {"again", "came", "community_soon"}


def clubs_of() -> dict[str, Any]:
    """Members of a program, of the points club and of a community, some before the snapshot, some after."""
    since = dt.datetime(2024, 1, 5)
    return dict(
        customers=[dict(customer_id=f"c{n}", acquisition_channel="ads" if n % 3 else None) for n in range(60)],
        memberships=[dict(customer_id=f"c{n}", program="club", tier="bronze", valid_from=since) for n in range(60)],
        points=[dict(customer_id=f"c{n}", at=since, delta=5) for n in range(20)],
        communities=[dict(customer_id=f"c{n}", community="runners", joined_at=since) for n in range(10)],
    )  # fmt: skip


def full(shop_rows: dict[str, Any]) -> dict[str, Any]:
    """Every table that a feature comes from."""
    lines = [r | dict(discount=1) for r in shop_rows["order_lines"]]
    return shop_rows | visits_of(shop_rows) | clubs_of() | dict(order_lines=lines)


def more_of(tables: dict[str, Any], moment: dt.datetime) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """For every kind of row: the tables with one more of it for each of sixty customers, at a moment."""
    who = [f"c{n}" for n in range(60)]
    placed = [dict(order_id=f"new {c}", customer_id=c, status="paid", placed_at=moment) for c in who]
    lines = [dict(order_id=o["order_id"], product_id="p", quantity=1, amount=999, discount=9) for o in placed]
    kinds: dict[str, dict[str, list[dict[str, Any]]]] = dict(
        orders=dict(orders=placed, order_lines=lines),
        returns=dict(returns=[dict(customer_id=c, quantity=1, refund=77, requested_at=moment) for c in who]),
        visits=dict(
            sessions=[dict(session_id=f"new {c}", visitor_id=f"v{c}", started_at=moment) for c in who]
        ),
        tier=dict(
            memberships=[dict(customer_id=c, program="another", tier="gold", valid_from=moment) for c in who]
        ),
        points=dict(points=[dict(customer_id=c, at=moment, delta=1) for c in who]),
        community=dict(communities=[dict(customer_id=c, community="readers", joined_at=moment) for c in who]),
        devices=dict(
            visitors=[dict(visitor_id=f"w{c}", customer_id=c, valid_from=moment) for c in who],
            sessions=[
                dict(session_id=f"w {c}", visitor_id=f"w{c}", started_at=moment + dt.timedelta(minutes=1))
                for c in who
            ],
        ),
    )
    return {
        kind: tables | {name: [*tables[name], *extra] for name, extra in added.items()}
        for kind, added in kinds.items()
    }


@pytest.fixture
def known(shop: Any) -> Any:
    """Return a function that makes the features of the snapshot of April, as bytes would be compared."""

    def made(tables: dict[str, Any]) -> pd.DataFrame:
        found = frame(snapshots.snapshots(shop(**tables)))
        found = found[found["at"] == AT].drop(columns=sorted(OUTCOME)).astype(object)
        return found.where(found.notna(), None).sort_values("customer_id", ignore_index=True)

    return made


def test_nothing_leaks_from_the_future(shop: Any, rows: dict[str, Any], known: Any) -> None:  # noqa: F811
    """Orders, refunds, visits, tiers, points, communities, devices from the day on change no feature of it."""
    assert AT in snapshots.snapshot_days(AS_OF)
    tables = full(rows)
    was = known(tables)
    assert len(was) > 40 and was.drop(columns=["city"]).notna().any().all(), "every feature is there"
    for moment in (dt.datetime(2024, 4, 1), dt.datetime(2024, 5, 20, 13)):
        for kind, more in more_of(tables, moment).items():
            pd.testing.assert_frame_equal(known(more), was, obj=kind)
    past = dict(orders=[o for o in tables["orders"] if o["placed_at"].date() < AT])
    ids = {o["order_id"] for o in past["orders"]}
    past["order_lines"] = [r for r in tables["order_lines"] if r["order_id"] in ids]
    past["returns"] = [r for r in rows["returns"] if r["requested_at"].date() < AT]
    past["sessions"] = [r for r in tables["sessions"] if r["started_at"].date() < AT]
    pd.testing.assert_frame_equal(known(tables | past), was, obj="what had happened alone")


def test_each_kind_of_row_before_the_day_changes_its_features(rows: dict[str, Any], known: Any) -> None:  # noqa: F811
    """The same rows a day earlier: so the test above could fail. Each changes its own features and no other."""
    tables = full(rows)
    was = known(tables).set_index("customer_id")
    bought = {"recency", "bought", "orders", "spent", "discount", "bought_91", "bought_182"}
    own = dict(
        orders=bought, returns={"refunded"}, visits={"visits_28", "visits_91"}, tier={"tier"},
        points={"points"}, community={"community"}, devices={"visits_28", "visits_91"},
    )  # fmt: skip
    for kind, more in more_of(tables, dt.datetime(2024, 3, 31)).items():
        now = known(more).set_index("customer_id").loc[was.index]
        changed = {c for c in was if not was[c].equals(now[c])}
        assert changed == own[kind], kind


def test_orders_discounts_and_refunds_by_hand(shop: Any) -> None:
    """Two orders on one day are one purchase day and two orders; a refund of a cancelled order is none."""
    days = ["2024-02-01 10:00", "2024-02-01 20:00", "2024-03-05 09:00", "2024-03-06 09:00"]
    kinds = ["paid", "paid", "paid", "cancelled"]
    placed = [
        dict(order_id=f"o{i}", customer_id="c", status=k, placed_at=d)
        for i, (d, k) in enumerate(zip(days, kinds, strict=True))
    ]
    lines = [dict(order_id=f"o{i}", product_id="p", quantity=1, amount=10, discount=2.5) for i in range(4)]
    back = [
        dict(order_id=o, ordinal=1, quantity=1, refund=4, requested_at="2024-03-20 09:00")
        for o in ("o0", "o3")
    ]
    found = frame(snapshots.snapshots(shop(orders=placed, order_lines=lines, returns=back)))
    (one,) = found[found["at"] == AT].to_dict("records")
    assert (one["bought"], one["orders"], one["bought_91"]) == (2, 3, 2)
    assert (float(one["spent"]), float(one["discount"]), float(one["refunded"])) == (30, 7.5, 4)
    none = frame(snapshots.snapshots(shop(orders=placed, order_lines=lines)))
    assert none["refunded"].isna().all(), "no table of returns: not known, not 0"


def test_a_sample_of_order_lines_has_no_snapshots(shop: Any, rows: dict[str, Any]) -> None:  # noqa: F811
    tables = shop(info=replace(INFO, sampling="order_lines"), **rows)
    assert "says nothing about whole customers" in why_not(MARTS["snapshots"], tables)
    assert why_not(MARTS["snapshots"], shop(**rows)) == ""
