"""Points, communities, goodbyes: rows that hang together, what the club does, lives that the rest leaves alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from growth.simulation import Settings, life, simulate
from growth.simulation.clubs import BATCH, COMMUNITIES, QUARTER, REASONS
from growth.simulation.run import Job
from growth.simulation.world import Clubs, World
from tests.simulation.bookkeeping import OFFSET, person
from tests.simulation.conftest import Platform, make
from tests.simulation.test_levers import PERSONAL, rows_of, touched

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


def test_communities_and_goodbyes_change_nothing_that_people_do(shop: Path, tmp_path: Path) -> None:
    """Another world in which more join a community and all say goodbye: every other table keeps its bytes."""
    clubs = Clubs(community=9.0, goodbye=1.0)
    simulate(SETTINGS, tmp_path / "raw", tmp_path / "truth", world=replace(World(), clubs=clubs))
    own = {"communities", "departures", "respondents", "answers"}  # who has closed the account is not asked
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


def test_the_stated_causes_of_goodbyes_are_those_of_hazards(shop: Path) -> None:
    """Counted from the tables: a parcel late by its promise, delivered in the weeks before the loss."""
    club = Platform(shop)
    said, d = club.stated, club.frame("departures")
    assert said["count: departures"] == len(d)
    assert said["count: departures that blame a late parcel"] == (d["reason"] == "late delivery").sum() > 10
    phases = club.truth("phases.parquet").query("phase == 'loss'")
    lost = pd.to_datetime(phases.set_index("person")["since"])
    o = club.frame("orders").dropna(subset=["delivered_at"])
    day = (o["delivered_at"] + OFFSET).dt.normalize()
    o = o.assign(person=person(o["order_id"]), monday=day - pd.to_timedelta(day.dt.day_of_week, unit="D"))
    o = o[o["delivered_at"] > o["promised_at"]]
    since = o["monday"] + pd.Timedelta(weeks=1)  # the hazard is raised from the week after
    latest = since.groupby(o["person"]).max()
    who = person(d["customer_id"])
    weeks = (who.map(lost) - who.map(latest)).dt.days / 7
    raised = (weeks >= 0) & (weeks < World().life.late_weeks)
    assert said["count: departures after a late parcel"] == raised.sum() > 15
    blame = (raised & (d["reason"] == "late delivery")).sum()
    assert said["count: departures after a late parcel that blame it"] == blame
    assert abs(blame / raised.sum() - 0.75) < 3 * (0.75 * 0.25 / raised.sum()) ** 0.5
    assert said["late_parcel_share_caused"] == pytest.approx(1 - np.exp(-1.2), rel=1e-6)


# --- what the points club does --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """The same people with the same luck, and a club that does nothing."""
    clubs = Clubs(points_log_hazard=0.0)
    return make(tmp_path_factory.mktemp("without"), SETTINGS, world=replace(World(), clubs=clubs))


def members_of(platform: Platform) -> set[int]:
    points = platform.frame("points")
    return set(points.loc[points["reason"] == "joined", "customer_id"].str[1:].astype(int))


def test_the_club_lowers_the_hazard_of_its_members_from_the_week_after_joining_on() -> None:
    job = Job.of(SETTINGS, None, None, None)
    state = job.state()
    scene = job.scene(state, np.arange(500), 500)
    off = replace(scene, world=replace(World(), clubs=Clubs(points_log_hazard=0.0)))
    memory = life.Memory.of(500, len(scene.runs))
    week = state.first_week + 20
    memory.sign_up[:400] = week * 14 - 1
    memory.sign_up[200:400] = week * 14  # in this very week
    ratio = life.loss_hazard(scene, memory, week)[0] / life.loss_hazard(off, memory, week)[0]
    wanted = np.where(scene.people.points & (np.arange(500) < 200), np.exp(Clubs().points_log_hazard), 1.0)
    assert ratio == pytest.approx(wanted, rel=1e-12)
    assert 20 < (wanted < 1).sum() < 180


def test_whom_the_club_does_not_touch_keeps_every_row(shop: Path, without: Platform) -> None:
    """Nobody joins or signs up otherwise; those who are not in it keep every row of every table."""
    club = Platform(shop)
    members = members_of(club)
    assert members == members_of(without) and len(members) > 200
    assert touched(without, club) and touched(without, club) <= members
    for table in PERSONAL:
        a, b = (rows_of(p, table) for p in (without, club))
        a, b = (f[~f["person"].isin(members)].reset_index(drop=True) for f in (a, b))
        assert len(a) > 20 or table == "points", table  # only members have points
        pd.testing.assert_frame_equal(a, b)
    for table in ("regions", "products", "product_costs", "prices", "experiments"):
        assert club.frame(table).equals(without.frame(table))
    lost = [set(p.truth("people.parquet").query("phase == 'loss'")["person"]) for p in (club, without)]
    assert len(lost[0] & members) < 0.95 * len(lost[1] & members)


def _quarter(platform: Platform, first: str) -> tuple[set[int], set[int], set[int]]:
    """Who had bought under an account before a local day, and who bought, and came, from then on: from the tables."""
    o = platform.frame("orders").query("status != 'cancelled'").dropna(subset=["customer_id"])
    placed, who = o["placed_at"] + OFFSET, person(o["customer_id"])
    s = platform.frame("sessions")
    came = person(s.loc[s["started_at"] + OFFSET >= first, "session_id"])
    fakes = platform.truth("people.parquet").query("kind != 'human'")["person"]
    return set(who[placed < first]) - set(fakes), set(who[placed >= first]), set(came)


def test_the_stated_effect_is_that_of_two_whole_runs(shop: Path, without: Platform) -> None:
    """The truth lives the members once more; here everybody lives twice, and the tables are counted."""
    club = Platform(shop)
    first = str((pd.Timestamp("2026-01-01") - pd.Timedelta(days=QUARTER)).date())
    own, bought, came = _quarter(club, first)
    _, would_buy, would_come = _quarter(without, first)
    members = own & members_of(club)
    said = club.stated
    assert said["count: points club: members"] == len(members) > 100
    assert said["count: points club: members who bought"] == len(members & bought)
    assert said["count: points club: members who came"] == len(members & came)
    assert said["count: points club: members who would have bought"] == len(members & would_buy)
    assert said["count: points club: members who would have come"] == len(members & would_come)
    gain = (len(members & bought) - len(members & would_buy)) / len(members)
    assert said["points_club_effect"] == pytest.approx(gain, rel=1e-6) and gain > 0
    others = own - members
    plain = len(members & bought) / len(members) - len(others & bought) / len(others)
    assert said["points_club_naive"] == pytest.approx(plain, rel=1e-6)
    assert without.stated["points_club_effect"] == 0 == without.stated["points_club_log_hazard"]


def test_the_stated_difference_of_a_community_is_that_of_the_tables(shop: Path) -> None:
    club = Platform(shop)
    first = str((pd.Timestamp("2026-01-01") - pd.Timedelta(days=QUARTER)).date())
    own, bought, _ = _quarter(club, first)
    c = club.frame("communities")
    inside = set(person(c.loc[c["joined_at"] + OFFSET < first, "customer_id"])) & own
    others = own - inside
    plain = len(inside & bought) / len(inside) - len(others & bought) / len(others)
    assert club.stated["community_naive"] == pytest.approx(plain, rel=1e-6)
    assert club.stated["community_effect"] == 0


def test_a_forward_run_states_no_effect_of_the_past(tmp_path: Path) -> None:
    said = make(tmp_path, replace(SETTINGS, customers=300, months=6), horizon=1).stated
    assert said["points_club_log_hazard"] == -0.30
    assert not {"points_club_effect", "points_club_naive", "community_naive"} & set(said)
