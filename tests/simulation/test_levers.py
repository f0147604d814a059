"""A lever moves what it should, and not one draw besides: table by table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from growth.simulation import Policy, Settings, World, life
from growth.simulation.clock import END
from growth.simulation.run import Job
from tests.simulation.conftest import BOOKS, TABLES, Platform, make

STATIC = (
    "regions",
    "products",
    "product_costs",
    "competitor_prices",
    "price_tests",
    "suppliers",
    "channels",
    "creators",
    "campaigns",
    "promotions",
    "experiments",
    "experiment_arms",
    "experiment_metrics",
    "experiment_scope",
)
PERSONAL = {  # the column that leads to a person, in the tables that have one
    "customers": "customer_id",
    "visitors": "visitor_id",
    "memberships": "customer_id",
    "consents": "customer_id",
    "sessions": "session_id",
    "events": "session_id",
    "orders": "order_id",
    "order_lines": "order_id",
    "returns": "order_id",
    "coupons": "customer_id",
    "contacts": "customer_id",
    "assignments": "unit",
    "exposures": "unit",
    "points": "customer_id",
    "communities": "customer_id",
    "departures": "customer_id",
    "respondents": "respondent_id",
    "answers": "respondent_id",
    "touches": "visitor_id",
}
UNITS = ["customer_id", "visitor_id", "session_id"]
LEVERS = {
    "price_level": Policy(price_level=1.1),
    "load_time": Policy(load_time=0.7),
    "visit_rate": Policy(visit_rate=1.2),
    "delivery": Policy(delivery=1.4),
}


def rows_of(platform: Platform, table: str) -> pd.DataFrame:
    """Return a table with the number of the person each row is about, which ids carry."""
    frame = platform.frame(table)
    if PERSONAL[table] == "unit":  # a city is nobody
        frame = frame.assign(unit=frame[UNITS].bfill(axis=1).iloc[:, 0]).dropna(subset=["unit"])
        frame["unit"] = frame["unit"].astype(str) + " " + frame["experiment_id"]
    return frame.assign(person=frame[PERSONAL[table]].str[1:8].astype(int))


def touched(base: Platform, other: Platform) -> set[int]:
    """Return the persons whose carts or orders differ: from these on, a lever acts through what they did."""
    found: set[int] = set()
    for table in ("events", "orders", "order_lines", "returns"):
        rows = [rows_of(p, table) for p in (base, other)]
        if table == "events":
            rows = [f[f["type"].isin(["cart", "checkout"])] for f in rows]
        both = pd.concat(rows).drop_duplicates(keep=False)
        found |= set(both["person"])
    return found


@pytest.fixture(scope="module")
def moved(small: Settings, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Platform]:
    made: dict[str, Platform] = {}

    def run(lever: str) -> Platform:
        if lever not in made:
            made[lever] = make(tmp_path_factory.mktemp(lever), small, policy=LEVERS[lever])
        return made[lever]

    return run


def test_a_policy_that_changes_nothing_changes_no_byte(
    base: Platform, small: Settings, tmp_path: Path
) -> None:
    same = make(tmp_path, small, policy=Policy(prices={"p0001": 1.0}, contacted=frozenset({"c9999999"})))
    assert same.bytes() == base.bytes() and same.bytes("truth") == base.bytes("truth")


@pytest.mark.parametrize("lever", LEVERS)
def test_a_lever_changes_the_data(base: Platform, moved: Callable[[str], Platform], lever: str) -> None:
    assert touched(base, moved(lever)), "or the tests below prove nothing"


@pytest.mark.parametrize("lever", LEVERS)
@pytest.mark.parametrize("table", TABLES)
def test_whoever_a_lever_does_not_touch_has_the_same_rows(
    base: Platform, moved: Callable[[str], Platform], lever: str, table: str
) -> None:
    other = moved(lever)
    if table in STATIC or (table == "prices" and lever != "price_level"):
        assert {k: v for k, v in base.bytes().items() if k.startswith(f"{table}/")} == {
            k: v for k, v in other.bytes().items() if k.startswith(f"{table}/")
        }
        return
    if table == "prices":
        a, b = base.frame(table), other.frame(table)
        pd.testing.assert_frame_equal(
            a.drop(columns=["price", "list_price"]), b.drop(columns=["price", "list_price"])
        )
        ratio = b["price"].astype(float) / a["price"].astype(float)
        assert ratio.between(1.085, 1.115).all(), "up to rounding to ten fen"
        return
    if table in BOOKS:  # what was sold moves them; when products run out and are delivered is drawn ahead
        a, b = base.frame(table), other.frame(table)
        if table == "spend":
            a, b = (f[f["channel"].isin(["display", "social", "search_ads", "offline"])] for f in (a, b))
            pd.testing.assert_frame_equal(
                *(f[["channel", "region", "date", "cost"]].reset_index(drop=True) for f in (a, b))
            )
            return
        if table == "inventory":
            pd.testing.assert_frame_equal(*(f[["product_id", "date", "hours_out"]] for f in (a, b)))
        both = a.merge(b, on="purchase_order_id") if table == "purchase_orders" else a.iloc[:0]
        assert table == "inventory" or len(both) > 0.8 * len(
            a
        )  # a delivery that need not come is not ordered
        for column in ("supplier_id", "ordered_on", "promised_on", "received_on") if len(both) else ():
            pd.testing.assert_series_equal(both[f"{column}_x"], both[f"{column}_y"], check_names=False)
        return
    if (
        table == "referrals"
    ):  # who invited whom is read off at the end; who joins, and when, is nobody's doing
        same_joins(base, other)
        return
    a, b = rows_of(base, table), rows_of(other, table)
    gone = touched(base, other)
    if lever == "visit_rate" and table == "touches":  # they follow visits: of those without any other visit
        both = pd.concat([rows_of(p, "sessions")[["session_id", "person"]] for p in (base, other)])
        gone |= set(both.drop_duplicates(keep=False)["person"])
    if lever == "visit_rate":  # more visits are the lever itself: no common visit may change
        common = set(a[PERSONAL[table]]) & set(b[PERSONAL[table]])
        a, b = (f[f[PERSONAL[table]].isin(common)] for f in (a, b))
        gone |= signed_up_elsewhere(base, other)
    drop = ["load_ms"] if lever == "load_time" and table == "sessions" else []
    a, b = (f[~f["person"].isin(gone)].drop(columns=drop).reset_index(drop=True) for f in (a, b))
    assert len(a) > 0.2 * len(rows_of(base, table)) or table in (
        "orders",
        "order_lines",
        "returns",
        "memberships",
        "contacts",
        "respondents",
        "answers",
    )
    if lever == "visit_rate" and table in ("assignments", "exposures"):  # an earlier visit sees it first
        a, b = (f.drop(columns=["assigned_at", "exposed_at"], errors="ignore") for f in (a, b))
    if (
        lever == "visit_rate" and table == "communities"
    ):  # one joins on a visit: an earlier one may come first
        assert (b["joined_at"] <= a["joined_at"]).all()
        a, b = (f.drop(columns=["joined_at", "left_at"]) for f in (a, b))
    if lever == "visit_rate" and table == "visitors":
        a, b = (f.drop(columns=["valid_from", "valid_to", "customer_id"]).drop_duplicates() for f in (a, b))
        a, b = (f.reset_index(drop=True) for f in (a, b))
    pd.testing.assert_frame_equal(a, b)


def same_joins(base: Platform, other: Platform) -> None:
    """Whoever is not touched joins at the same moment by invitation, if by invitation."""
    gone = touched(base, other) | signed_up_elsewhere(base, other)
    a, b = (p.frame("referrals").dropna(subset=["customer_id"]) for p in (base, other))
    a, b = (f[~f["customer_id"].str[1:8].astype(int).isin(gone)] for f in (a, b))
    a, b = (f.set_index("customer_id")["joined_at"].sort_index() for f in (a, b))
    assert len(a) > 20
    pd.testing.assert_series_equal(a, b)


def signed_up_elsewhere(base: Platform, other: Platform) -> set[int]:
    """Return the persons who sign up at another visit: one that the lever brought may come first."""
    both = pd.concat([rows_of(base, "customers"), rows_of(other, "customers")]).drop_duplicates(keep=False)
    return set(both["person"])


@pytest.mark.parametrize("lever", LEVERS)
def test_a_visit_in_both_worlds_is_the_same_visit(
    base: Platform, moved: Callable[[str], Platform], lever: str
) -> None:
    """Whatever a person did before: when, from where, on what, by which channel is drawn for the visit."""
    a, b = base.frame("sessions"), moved(lever).frame("sessions")
    both = a.merge(b, on="session_id", suffixes=("", "_b"))
    assert len(both) > 0.8 * len(a)
    for column in ("visitor_id", "started_at", "region", "device", "landing", "channel", "campaign"):
        pd.testing.assert_series_equal(both[column], both[f"{column}_b"], check_names=False)


@pytest.mark.parametrize("lever", LEVERS)
def test_an_order_in_both_worlds_has_the_same_fate(
    base: Platform, moved: Callable[[str], Platform], lever: str
) -> None:
    """Payment, shipping, promise and travel are drawn for the order; only the lever on delivery moves them."""
    both = base.frame("orders").merge(moved(lever).frame("orders"), on="order_id", suffixes=("", "_b"))
    assert len(both) > 0.5 * len(base.frame("orders"))
    columns = ["visitor_id", "region", "channel", "placed_at", "paid_at", "shipped_at", "promised_at"]
    for column in columns + ["delivered_at", "status"] * (lever != "delivery"):
        pd.testing.assert_series_equal(both[column], both[f"{column}_b"], check_names=False)


def test_parcels_travel_longer_by_the_factor(base: Platform, moved: Callable[[str], Platform]) -> None:
    both = base.frame("orders").merge(moved("delivery").frame("orders"), on="order_id", suffixes=("", "_b"))
    ratio = (both["delivered_at_b"] - both["shipped_at"]) / (both["delivered_at"] - both["shipped_at"])
    assert ratio.dropna().between(1.3999, 1.4001).all() and ratio.notna().sum() > 500


def test_more_visits_add_visits_to_those_that_were(small: Settings, tmp_path: Path) -> None:
    """Without experiments: who signs up sooner may be written to so often that they leave, and visits are gone."""
    plain = World(experiments=())
    base = make(tmp_path / "base", small, world=plain)
    more_visits = make(tmp_path / "more", small, world=plain, policy=LEVERS["visit_rate"])
    quiet = set(base.truth("people.parquet").query("orders == 0")["person"])
    quiet &= set(more_visits.truth("people.parquet").query("orders == 0")["person"])
    a, b = (rows_of(p, "sessions") for p in (base, more_visits))
    mine, more = (set(f.loc[f["person"].isin(quiet), "session_id"]) for f in (a, b))
    assert mine < more


def test_pages_load_slower_by_the_factor(base: Platform, moved: Callable[[str], Platform]) -> None:
    both = base.frame("sessions").merge(moved("load_time").frame("sessions"), on="session_id")
    people = base.truth("people.parquet").set_index("person")["kind"]
    human = both["session_id"].str[1:8].astype(int).map(people) == "human"
    ratio = both.loc[human, "load_ms_y"] / both.loc[human, "load_ms_x"]
    assert ratio.between(0.69, 0.71).mean() > 0.999


def test_contacts_touch_the_contacted_alone(base: Platform, small: Settings, tmp_path: Path) -> None:
    ids = base.frame("customers")["customer_id"].sort_values()
    contacted = frozenset(ids.iloc[::5])
    other = make(tmp_path, small, policy=Policy(contacted=contacted))
    numbers = {int(c[1:]) for c in contacted}
    for table in PERSONAL:
        a, b = rows_of(base, table), rows_of(other, table)
        kept = [f[~f["person"].isin(numbers)].reset_index(drop=True) for f in (a, b)]
        pd.testing.assert_frame_equal(*kept)
    a, b = (rows_of(p, "sessions")["person"].isin(numbers).sum() for p in (base, other))
    assert b > 1.1 * a


def test_nothing_changes_before_the_policy_starts(base: Platform, small: Settings, tmp_path: Path) -> None:
    start = date(2025, 10, 1)
    midnight = pd.Timestamp(start) - pd.Timedelta(hours=8)
    policy = Policy(price_level=1.2, load_time=2.0, visit_rate=1.5, delivery=2.0, start=start)
    other = make(tmp_path, small, policy=policy)
    for table, clock in (
        ("sessions", "started_at"),
        ("events", "at"),
        ("orders", "placed_at"),
        ("customers", "signed_up_at"),
    ):
        a, b = (p.frame(table) for p in (base, other))
        early = [f[f[clock] < midnight - pd.Timedelta(minutes=20)].reset_index(drop=True) for f in (a, b)]
        if (
            table == "orders"
        ):  # a parcel under way at the start is not slowed, but what is known of it may differ
            early = [f[f["placed_at"] < midnight - pd.Timedelta(days=30)] for f in early]
        assert len(early[0]) > 100
        pd.testing.assert_frame_equal(*early)
    prices = [f[f["date"] < start] for f in (p.frame("prices") for p in (base, other))]
    pd.testing.assert_frame_equal(*prices)
    assert (other.frame("prices").query("date >= @start")["price"].astype(float).sum()) > 1.15 * (
        base.frame("prices").query("date >= @start")["price"].astype(float).sum()
    )


def test_a_price_moves_choices_to_and_from_that_product_alone(base: Platform, small: Settings) -> None:
    """Gumbel shocks belong to person, need and product: A dearer never turns a B into a C."""
    popular = base.truth("elasticities.parquet").sort_values("units_share")["product_id"].iloc[-1]
    lines = {}
    for name, policy in (("base", Policy()), ("dear", Policy(prices={popular: 1.3}))):
        job = Job.of(small, policy, None, None)
        lives = life.live(job.scene(job.state(), np.arange(6_000), 10_000))[0]
        v, chosen = lives.joined("visits"), lives.joined("lines")
        lines[name] = dict(
            zip(zip(v["who"][chosen["visit"]], chosen["need"], strict=True), chosen["product"], strict=True)
        )
    common = lines["base"].keys() & lines["dear"].keys()
    changed = {(lines["base"][k], lines["dear"][k]) for k in common if lines["base"][k] != lines["dear"][k]}
    assert changed and all(before == int(popular[1:]) - 1 for before, _ in changed)


def test_a_forward_run_continues_the_same_history(base: Platform, small: Settings, tmp_path: Path) -> None:
    """History is what it was; only what as_of did not know yet (a delivery, a return) is now known."""
    ahead = make(tmp_path, small, horizon=2, policy=Policy(price_level=1.1))
    now = pd.Timestamp(END) - pd.Timedelta(hours=8)
    for table, clock in (
        ("sessions", "started_at"),
        ("orders", "placed_at"),
        ("customers", "signed_up_at"),
        ("events", "at"),
    ):
        mine, past = base.frame(table), ahead.frame(table)
        later = [c for c in mine.columns if c.endswith("_at") and c != clock] + ["status"]
        keep = [c for c in mine.columns if c not in later]
        # A visit over the last midnight goes on in the forward run.
        known = [
            f[f[clock] < now - pd.Timedelta(minutes=30)].reset_index(drop=True)[keep] for f in (mine, past)
        ]
        assert len(known[0]) > 200
        pd.testing.assert_frame_equal(*known)
    future = ahead.frame("sessions")["started_at"]
    assert (future >= now).sum() > 0.1 * len(future) and future.max() < pd.Timestamp(
        "2026-03-01"
    ) - pd.Timedelta(hours=8)


@pytest.mark.parametrize(
    "wrong", [dict(price_level=0.0), dict(load_time=-1.0), dict(prices={"p0001": float("nan")})]
)
def test_a_factor_must_be_positive(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be a positive factor"):
        Policy(**wrong)  # type: ignore[arg-type]
