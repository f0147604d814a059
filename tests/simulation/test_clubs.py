"""Points, communities and goodbyes: rows that hang together, and lives that they leave alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from growth.simulation import Settings, simulate
from growth.simulation.clubs import BATCH, COMMUNITIES, REASONS
from growth.simulation.world import Clubs, World

SETTINGS = Settings(customers=2_000, months=14, dirt=False)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clubs")
    simulate(SETTINGS, folder / "raw", folder / "truth")
    return folder


def one(shop: Path, query: str) -> list[tuple]:
    names = (
        "points",
        "communities",
        "departures",
        "customers",
        "orders",
        "order_lines",
        "sessions",
        "visitors",
    )
    con = duckdb.connect()
    for name in names:
        con.execute(f"create view {name} as select * from '{shop}/raw/{name}/*.parquet'")
    return con.execute(query).fetchall()


def test_points_are_what_was_paid_and_a_balance_is_never_negative(shop: Path) -> None:
    least = one(
        shop,
        """select min(b), max(b) from (select sum(delta) over
        (partition by customer_id order by "at", delta desc rows unbounded preceding) as b from points)""",
    )
    assert least[0][0] >= 0
    earned = one(
        shop,
        """with paid as (select customer_id, paid_at, floor(sum(amount))::int as whole
            from orders join order_lines using (order_id) where paid_at is not null and status <> 'cancelled'
            group by order_id, customer_id, paid_at)
        select count(*), sum((p.delta = paid.whole)::int) from points p
        join paid on paid.customer_id = p.customer_id and paid.paid_at = p."at" where p.reason = 'order'""",
    )
    assert earned[0][0] > 300 and earned[0][0] == earned[0][1]
    assert one(shop, f"select count(*) from points where reason = 'redeemed' and delta % {BATCH} <> 0") == [
        (0,)
    ]
    members = one(shop, "select count(*), count(distinct customer_id) from points where reason = 'joined'")
    assert members[0][0] == members[0][1]
    assert one(shop, "select count(*) from points anti join customers using (customer_id)") == [(0,)]


def test_one_joins_a_community_on_a_visit_after_signing_up(shop: Path) -> None:
    found = one(
        shop,
        """select count(*), sum((joined_at > signed_up_at)::int),
        sum((left_at is null or left_at > joined_at)::int) from communities join customers using (customer_id)""",
    )
    assert found[0][0] > 50 and len(set(found[0])) == 1
    visits = one(
        shop,
        """select count(*) from communities c where exists (select 1 from sessions s
        join visitors v using (visitor_id) where v.customer_id = c.customer_id
        and s.started_at between c.joined_at - interval 2 minute and c.joined_at)""",
    )
    assert visits[0][0] >= 0.9 * found[0][0]  # some visits are on a device that is never linked
    assert {c for (c,) in one(shop, "select distinct community from communities")} == set(COMMUNITIES)


def test_who_closes_the_account_never_comes_again(shop: Path) -> None:
    found = one(shop, """select count(*), count(distinct customer_id) from departures""")
    assert found[0][0] == found[0][1] > 50
    later = one(
        shop,
        """select count(*) from departures d join orders o using (customer_id) where o.placed_at > d."at" """,
    )
    assert later == [(0,)]
    assert {r for (r,) in one(shop, "select distinct reason from departures")} == set(REASONS)


def test_none_of_it_changes_what_people_do(shop: Path, tmp_path: Path) -> None:
    """Another world in which all join and all say goodbye: every other table keeps its bytes."""
    clubs = Clubs(points_channel=(1.0,) * 7, points_city=(1.0,) * 4, community=9.0, goodbye=1.0)
    simulate(SETTINGS, tmp_path / "raw", tmp_path / "truth", world=replace(World(), clubs=clubs))
    own = {"points", "communities", "departures"}
    tables = sorted(p.name for p in (shop / "raw").iterdir() if p.is_dir() and p.name not in own)
    assert len(tables) > 15
    for table in tables:
        for part in sorted((shop / "raw" / table).glob("*.parquet")):
            assert part.read_bytes() == (tmp_path / "raw" / table / part.name).read_bytes(), table
    more = [
        duckdb.sql(f"select count(*) from '{f}/raw/communities/*.parquet'").fetchone()
        for f in (shop, tmp_path)
    ]
    assert more[1][0] > 2 * more[0][0]
