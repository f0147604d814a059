"""Marts of ``05_channels`` by hand, and against a walk through every person's touches."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import numpy as np
import pytest

from growth.channels import markov, rules
from growth.channels import path_marts as marts
from growth.channels.marts import MARTS
from growth.channels.path_marts import Way
from growth.channels.paths import from_table
from growth.errors import UserError
from growth.marts import _sorted
from tests.conftest import frame


def at(day: str, hour: float = 10) -> dt.datetime:
    return dt.datetime.fromisoformat(f"2024-{day}") + dt.timedelta(hours=hour)


def touch(channel: str | None, when: dt.datetime, visitor: str | None = "v", **more: Any) -> dict[str, Any]:
    return dict(visitor_id=visitor, channel=channel, at=when, kind="click") | more


def order(name: str, when: dt.datetime, **who: Any) -> dict[str, Any]:
    return dict(order_id=name, status="paid", placed_at=when) | who


def line(name: str, amount: float) -> dict[str, Any]:
    return dict(order_id=name, product_id="p", quantity=1, amount=amount)


def link(visitor: str, customer: str | None, since: dt.datetime, until: Any = None) -> dict[str, Any]:
    return dict(visitor_id=visitor, customer_id=customer, valid_from=since, valid_to=until)


@pytest.fixture
def story(shop: Any) -> Any:
    """c1 has two devices, v1 before signing up; v3 never buys, v4 buys as a guest."""
    return shop(
        visitors=[link("v1", "c1", at("06-04")), link("v2", "c1", at("06-05")), link("v3", None, at("06-01"))],
        touches=[
            touch("search", at("06-01"), "v1"),
            touch("display", at("06-05"), "v2", kind="impression"),
            touch("email", at("06-06"), "v1", kind=None),
            touch("email", at("06-07"), "v2"),
            touch("display", at("06-07", 11), "v1", kind="impression"),
            touch("social", at("06-13"), "v1"),
            touch("search", at("06-02"), "v3"),
            touch("search", at("06-02"), "v3", flags="exact_duplicate"),
            touch("video", at("06-03"), "v3", kind="impression"),
            touch("search", at("06-03"), None, flags="nobody"),
            touch("search", at("04-01"), "v4"),
            touch("a > b", at("06-20", 12), "v4"),
        ],
        orders=[
            order("o1", at("06-05", 20), customer_id="c1"),
            order("o2", at("06-10"), customer_id="c1"),
            order("o3", at("06-12"), customer_id="c1"),
            order("o4", at("06-20", 12), visitor_id="v4"),
            order("o5", at("06-20")),
            order("o6", at("06-21"), visitor_id="v3", status="cancelled"),
        ],
        order_lines=[line("o1", 10), line("o2", 5), line("o2", 2.5), line("o3", 1), line("o4", 3), line("o5", 9)],
    )  # fmt: skip


def found(rows: Any) -> dict[Any, Any]:
    return {(r.path, r.returning): (r.conversions, float(r.value), r.nulls) for r in frame(rows).itertuples()}


def test_paths_by_hand(story: Any) -> None:
    assert found(marts.paths(story)) == {
        ("search > display", False): (1, 10.0, 0),
        ("email", True): (1, 7.5, 0),
        ("direct", True): (1, 1.0, 0),
        ("social", True): (0, 0.0, 1),
        ("search > video", False): (0, 0.0, 1),
        ("a>b", False): (1, 3.0, 0),
    }


def test_every_touch_and_order_is_accounted_for(story: Any) -> None:
    rows = frame(marts.left_out(story))
    own = {(r.what, r.reason): r.rows for r in rows.itertuples() if r.rows}
    assert own == {
        ("touches", "a step of a path"): 7,
        ("touches", "of the channel of another step"): 1,
        ("touches", "shown earlier than the window of things shown"): 1,
        ("touches", "earlier than the window of clicks"): 1,
        ("touches", "the same touch again"): 1,
        ("touches", "of nobody"): 1,
        ("orders", "on a path"): 3,
        ("orders", "without a touch, so direct"): 1,
        ("orders", "of nobody"): 1,
    }
    assert rows.groupby("what")["rows"].sum().to_dict() == {"touches": 12, "orders": 5}


def test_times_and_groups_by_hand(story: Any) -> None:
    timed = frame(marts.timed_paths(story)).set_index("number")
    assert timed.loc[1, "hours"] == "106.0 10.0"
    assert timed.loc[2, "hours"] == "72.0", "touches in a row count at the time of the latest"
    assert (timed.loc[3, "path"], timed.loc[3, "hours"]) == ("direct", "0")
    assert timed.loc[4, "hours"] == "0.0"
    assert set(timed.loc[[1, 2, 3], "cluster"]) == {1} and timed.loc[4, "cluster"] == 4
    by_group = frame(marts.paths_by_group(story))
    assert by_group["conversions"].sum() == 4 and by_group["nulls"].sum() == 2


def test_marts_are_what_the_methods_read(story: Any) -> None:
    """Eight hours' half-life: 106 and 10 hours before o1 weigh 2^-12 and 1."""
    own = from_table(frame(marts.paths_by_group(story)))
    assert own.counts.conversions.sum() == 4 and own.counts.value.sum() == 21.5
    assert rules.last(own).conversions.sum() == 4 and markov.removal(own).rate == pytest.approx(4 / 6)
    timed = from_table(frame(marts.timed_paths(story)))
    credit = rules.time_decay(timed, 8)
    display = 1 / (1 + 2.0**-12)
    assert credit.conversions[credit.channels.index("display")] == pytest.approx(display, abs=1e-9)


def test_touches_outside_the_window_leave_an_order_direct(shop: Any) -> None:
    tables = shop(
        touches=[touch("x", at("04-01")), touch("y", at("06-01"), kind="impression")],
        orders=[order("o", at("06-05"), visitor_id="v")],
        order_lines=[line("o", 1)],
    )
    assert found(marts.paths(tables)) == {("direct", False): (1, 1.0, 0)}
    assert list(frame(marts.timed_paths(tables))["hours"]) == ["0"]
    left = frame(marts.left_out(tables)).set_index(["what", "reason"])["rows"]
    assert left["orders", "without a touch, so direct"] == 1


def test_every_mart_has_its_key_and_two_builds_are_equal(story: Any) -> None:
    for name in ("paths", "paths_by_group", "timed_paths", "left_out"):
        mart = MARTS[name]
        first = _sorted(mart.build(story), mart)
        story.shared.clear()
        assert first.equals(_sorted(mart.build(story), mart)), name


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        (Way(collapse="none"), "a > a > b > a"),
        (Way(), "a > b > a"),
        (Way(collapse="first of each"), "a > b"),
        (Way(steps=2), "b > a"),
        (Way(days=2), "b > a"),
        (Way(collapse="none", steps=1), "a"),
    ],
)
def test_ways(shop: Any, way: Way, expected: str) -> None:
    days = (("a", "06-01"), ("a", "06-02"), ("b", "06-03"), ("a", "06-04"))
    tables = shop(
        touches=[touch(c, at(d)) for c, d in days],
        orders=[order("o", at("06-05"), visitor_id="v")],
        order_lines=[line("o", 1)],
    )
    assert list(found(marts.paths(tables, way))) == [(expected, False)]
    left = frame(marts.left_out(tables, way))
    assert left[left.what == "touches"]["rows"].sum() == 4


def test_a_device_that_changes_hands(shop: Any) -> None:
    """c1's link ends on the 10th, c2's begins on the 20th and ends on the 25th: the gap is c2's, the rest nobody's."""
    tables = shop(
        visitors=[link("v", "c1", at("06-05"), at("06-10")), link("v", "c2", at("06-20"), at("06-25"))],
        touches=[touch(f"t{d}", at(f"06-{d:02}", 9)) for d in (1, 7, 12, 22, 26)],
        orders=[order(c, at("06-30"), customer_id=c) for c in ("c1", "c2")],
        order_lines=[line("c1", 1), line("c2", 1)],
    )
    assert found(marts.paths(tables)) == {
        ("t1 > t7", False): (1, 1.0, 0),
        ("t12 > t22", False): (1, 1.0, 0),
        ("t26", False): (0, 0.0, 1),
    }


def test_a_touch_that_names_its_customer_needs_no_device(shop: Any) -> None:
    tables = shop(
        visitors=[link("v", "c2", at("06-01"))],
        touches=[touch("x", at("06-02"), "v", customer_id="c1"), touch("y", at("06-02"), None, customer_id="c2")],
        orders=[order("o", at("06-03"), customer_id="c1")],
        order_lines=[line("o", 1)],
    )  # fmt: skip
    assert found(marts.paths(tables)) == {("x", False): (1, 1.0, 0), ("y", False): (0, 0.0, 1)}


def test_a_touch_after_the_order_never_counts_for_it(shop: Any) -> None:
    tables = shop(
        touches=[touch("x", at("06-03") + dt.timedelta(microseconds=1))],
        orders=[order("o", at("06-03"), visitor_id="v")],
        order_lines=[line("o", 1)],
    )
    assert found(marts.paths(tables)) == {("direct", False): (1, 1.0, 0), ("x", True): (0, 0.0, 1)}


def test_visits_without_a_channel_are_direct_only_if_asked_for(shop: Any) -> None:
    sessions = [
        dict(session_id="1", visitor_id="v", started_at=at("06-01", 10.1), channel=None),
        dict(session_id="2", visitor_id="v", started_at=at("06-02"), channel="direct"),
        dict(session_id="3", visitor_id="v", started_at=at("06-03"), channel="search"),
        dict(session_id="4", visitor_id="v", started_at=at("06-03", 2), bot=True),
    ]
    tables = shop(
        touches=[touch("x", at("06-01")), touch("y", at("06-04"))],
        sessions=sessions,
        orders=[order("o", at("06-05"), visitor_id="v")],
        order_lines=[line("o", 1)],
    )
    assert list(found(marts.paths(tables))) == [("x > y", False)]
    assert list(found(marts.paths(tables, Way(direct_visits=True)))) == [("x > direct > y", False)]


def test_a_label_cannot_pose_as_two_channels(shop: Any) -> None:
    label = " <script>a > b</script> > "
    tables = shop(
        touches=[touch(label, at("06-01")), touch("  ", at("06-02"))],
        orders=[order("o", at("06-05"), visitor_id="v")],
        order_lines=[line("o", 1)],
    )
    assert list(found(marts.paths(tables))) == [("<script>a>b</script>>", False)]
    left = frame(marts.left_out(tables)).set_index(["what", "reason"])["rows"]
    assert left["touches", "without a channel"] == 1


def test_more_channels_than_fit_share_a_name(shop: Any) -> None:
    start = at("06-01", 0)
    tables = shop(
        touches=[touch(f"c{k:04}", start + dt.timedelta(seconds=k)) for k in range(2100)],
        orders=[order("o", at("06-05"), visitor_id="v")],
        order_lines=[line("o", 1)],
    )
    [(path, _)] = found(marts.paths(tables, Way(steps=3000)))
    steps = path.split(" > ")
    assert steps == [f"c{k:04}" for k in range(2047)] + [marts.REST], "direct comes after them by name"


def test_a_shop_of_sums_has_its_table_of_paths(shop: Any) -> None:
    rows = [
        dict(path="a > b", conversions=1, value=0.1, nulls=2),
        dict(path=" a > b ", conversions=2, value=0.2),
        dict(path="c", conversions=0, nulls=1),
    ]
    own = frame(marts.given_paths(shop(paths=rows)))
    assert own[["path", "conversions", "value", "nulls"]].values.tolist() == [
        ["a > b", 3.0, 0.3, 2.0], ["c", 0.0, 0.0, 1.0],
    ]  # fmt: skip


def test_spend_and_outcomes(shop: Any) -> None:
    day = dt.date(2024, 6, 5)
    spend = [dict(channel="a", region=r, date=day, cost=c) for r, c in (("n", 1.5), (None, 2), ("n", 9))]
    tables = shop(spend=spend, outcomes=[dict(region=None, date=day, value=3.0)])
    own = marts.spend_by_day(tables).to_pyarrow().to_pandas()
    assert sorted(map(float, own["cost"])) == [1.5, 2.0], "the first record of a key decides"
    assert set(own["week"]) == {dt.date(2024, 6, 3)}
    assert marts.outcomes(tables).to_pyarrow().to_pylist() == [dict(region=None, date=day, value=3.0)]
    for name in ("spend_by_day", "outcomes"):
        assert len(_sorted(MARTS[name].build(tables), MARTS[name]))


@pytest.mark.parametrize(
    "wrong",
    [
        dict(collapse="all"),
        dict(days=0),
        dict(steps=0),
        dict(buckets=0),
        dict(direct=" "),
        dict(direct="a > b"),
    ],
)
def test_a_wrong_way_is_refused(wrong: Any) -> None:
    with pytest.raises(UserError):
        Way(**wrong)


def walked(touches: list[Any], orders: list[Any], links: dict[str, str], way: Way) -> Counter[Any]:
    """Paths by a plain walk: the truth that the expression is held against."""
    people: dict[str, list[Any]] = {}
    for t in touches:
        people.setdefault(links.get(t["visitor_id"], t["visitor_id"]), []).append((t["at"], 0, t))
    for o in orders:
        people.setdefault(o["customer_id"], []).append((o["placed_at"], 1, o))
    out: Counter[Any] = Counter()
    for events in people.values():
        met: list[Any] = []
        returning = False
        for when, is_order, e in sorted(events, key=lambda x: x[:2]):
            if is_order:
                out[_kept(met, when, way) or "direct", returning, True] += 1
                met, returning = [], True
            else:
                met.append(e)
        if met:
            out[_kept(met, met[-1]["at"], way), returning, False] += 1
    return out


def _kept(met: list[Any], end: dt.datetime, way: Way) -> str:
    steps: list[str] = []
    for t in met:
        hours = (end - t["at"]).total_seconds() / 3600
        if hours > way.days * 24 or (t["kind"] == "impression" and hours > way.impression_hours):
            continue
        if way.collapse == "consecutive" and steps and steps[-1] == t["channel"]:
            continue
        if way.collapse == "first of each" and t["channel"] in steps:
            continue
        steps.append(t["channel"])
    return " > ".join(steps[-way.steps :])


@pytest.mark.parametrize("collapse", marts.COLLAPSES)
def test_the_expression_is_the_walk(shop: Any, collapse: str) -> None:
    random = np.random.default_rng(5)
    moment = at("03-01") + np.arange(2000) * dt.timedelta(minutes=31)
    moment = random.permutation(moment)
    touches = [
        touch(f"c{random.integers(4)}", moment[k], f"v{random.integers(60)}",
              kind=["click", "impression"][random.integers(2)])
        for k in range(1500)
    ]  # fmt: skip
    orders = [order(f"o{k}", moment[1500 + k], customer_id=f"p{random.integers(25)}") for k in range(80)]
    links = {f"v{k}": f"p{k % 25}" for k in range(40)}
    tables = shop(
        visitors=[link(v, c, at("03-10")) for v, c in links.items()], touches=touches, orders=orders,
        order_lines=[line(o["order_id"], 1) for o in orders],
    )  # fmt: skip
    way = Way(collapse=collapse, steps=4, days=10, impression_hours=48)
    own: Counter[Any] = Counter()
    for r in frame(marts.paths(tables, way)).itertuples():
        own[r.path, r.returning, True] += r.conversions
        own[r.path, r.returning, False] += r.nulls
    assert +own == walked(touches, orders, links, way)
    left = frame(marts.left_out(tables, way))
    assert left.groupby("what")["rows"].sum().to_dict() == {"touches": 1500, "orders": 80}
