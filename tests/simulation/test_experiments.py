"""Experiments as they are recorded: who is in which arm, what is taken off, and what an analysis makes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from growth.simulation import Policy, Settings, World, words
from growth.simulation.experiments import BEAUTY, EXPERIMENTS, Experiment
from growth.simulation.judge import judge
from growth.simulation.trials import MESSAGE_COST
from tests.simulation.bookkeeping import OFFSET, asked, by_unit, difference, fen, person, window
from tests.simulation.conftest import CLUBS, TABLES, TRIALS, Platform, make
from tests.simulation.test_levers import PERSONAL, rows_of, touched

BY_ID = {e.id: e for e in EXPERIMENTS}
START = date(2025, 8, 4)
OWN = ("assignments", "exposures", "experiments", "experiment_arms", "experiment_metrics", "experiment_scope")


def only(name: str, **changes: object) -> World:
    return World(experiments=(replace(BY_ID[name], start=START, **changes),))  # type: ignore[arg-type]


def differing(one: Platform, other: Platform, room: str = "raw") -> set[str]:
    a, b = one.bytes(room), other.bytes(room)
    return {n.split("/")[0] for n in a.keys() | b.keys() if a.get(n) != b.get(n)}


def local(times: pd.Series) -> pd.Series:
    return times + OFFSET


def of_test(platform: Platform, e: Experiment) -> pd.DataFrame:
    return platform.frame("assignments").query("experiment_id == @e.id")


# --- without them, and what they leave alone -------------------------------------------------------------------


def test_without_experiments_the_shop_is_as_it_was(small: Settings, tmp_path: Path) -> None:
    """Shelf prices are paid to the fen, the only promotions are those of the price list, nobody is tried or told."""
    plain = make(tmp_path, small, world=World(experiments=()))
    there = {p.name for p in (plain.folder / "raw").iterdir()}
    assert there.isdisjoint({"assignments", "exposures", "contacts", "coupons"})
    assert all(plain.arrow(t).num_rows == 0 for t in OWN if t in there)
    assert set(plain.frame("promotions")["type"]) == {"weekly", "event"}
    began = plain.frame("sessions").set_index("session_id")["started_at"]
    lines = plain.frame("order_lines")
    lines = lines.assign(date=local(("s" + lines["order_id"].str[1:]).map(began)).dt.date)
    both = asked(plain.frame, lines)
    assert len(both) == len(lines) and (both["amount"] == both["price"] * both["quantity"]).all()
    assert both["promotion_id"].fillna("").equals(both["promotion"].fillna(""))
    o = plain.frame("orders")
    goods = o["order_id"].map(lines["amount"].groupby(lines["order_id"]).sum())
    assert ((o["shipping_cost"] == 0) == (goods >= 99)).all()
    assert {r["name"].split(":")[0] for r in plain.truth("power.json")}.isdisjoint(BY_ID)
    assert not [t for t in plain.stated if t.split(":")[0] in BY_ID]
    assert [t for t in plain.stated if t.startswith("event 618-2025")], "events do not need experiments"


def test_without_experiments_nothing_before_the_first_of_them_differs(
    base: Platform, small: Settings, tmp_path: Path
) -> None:
    """And before any experiment begins, all rows are those of the shop that has them."""
    plain = make(tmp_path, small, world=World(experiments=()))
    first = pd.Timestamp(min(e.start for e in EXPERIMENTS if str(e.start) >= "2025-02")) - OFFSET
    for table, clock in (("sessions", "started_at"), ("events", "at"), ("customers", "signed_up_at")):
        a, b = (p.frame(table) for p in (base, plain))
        a, b = (f[f[clock] < first].reset_index(drop=True) for f in (a, b))
        assert len(a) > 20
        pd.testing.assert_frame_equal(a, b)


@pytest.mark.parametrize("name", ["coupon", "recommendation", "page_speed", "free_shipping", "flash_sale"])
def test_an_experiment_moves_nobody_outside_its_audience(name: str, small: Settings, tmp_path: Path) -> None:
    """Whoever is in the control or not in it at all keeps every row, table by table."""
    e = BY_ID[name]
    plain = make(tmp_path / "without", small, world=World(experiments=()))
    tried = make(tmp_path / "with", small, world=only(name))
    given = of_test(tried, e)
    treated = given[given["arm"] != e.arms[0].name]
    if e.unit == "region":
        humans = tried.truth("people.parquet").query("kind == 'human'")
        reached = set(humans.loc[humans["region"].isin(set(treated["region"])), "person"])
    else:
        reached = set(person(treated[f"{e.unit}_id"]))
    changed = touched(plain, tried)
    assert changed and changed <= reached
    for table in set(PERSONAL) - set(TRIALS):
        a, b = (rows_of(p, table) for p in (plain, tried))
        a, b = (f[~f["person"].isin(reached)].reset_index(drop=True) for f in (a, b))
        assert len(a) >= 10, f"{table}: too few rows to say anything"
        pd.testing.assert_frame_equal(a, b)
    for table in ("regions", "products", "product_costs", "prices"):
        assert plain.frame(table).equals(tried.frame(table))


def test_the_null_changes_not_one_byte_of_trade(small: Settings, tmp_path: Path) -> None:
    """With and without the banner: only the tables that say who was in which arm differ, and no other truth."""
    rest = tuple(e for e in EXPERIMENTS if e.id != "banner")
    with_it = make(tmp_path / "with", small)
    without = make(tmp_path / "without", small, world=World(experiments=rest))
    assert differing(with_it, without) == set(OWN) - {"experiment_scope"}
    a, b = with_it.truth("truths.json"), without.truth("truths.json")
    assert {k for k in a if a.get(k) != b.get(k)} == {k for k in a if k.startswith("banner: ")}
    assert {a[k]["value"] for k in a if k.startswith("banner: ")} == {0.0}
    assert differing(with_it, without, "truth") == {"truths.json", "power.json"}


def test_a_leak_breaks_the_sample_ratio_and_nothing_else(small: Settings, tmp_path: Path) -> None:
    settings = replace(small, customers=2_500)
    sound = make(tmp_path / "sound", settings, world=only("welcome_back", leak=0.0))
    leaks = make(tmp_path / "leaks", settings, world=only("welcome_back", leak=0.5))
    assert differing(sound, leaks) == {"assignments", "exposures"}
    assert differing(sound, leaks, "truth") == set()
    e = BY_ID["welcome_back"]
    all_units, left = (of_test(p, e).set_index("customer_id")["arm"] for p in (sound, leaks))
    gone = all_units[~all_units.index.isin(left.index)]
    assert left.equals(all_units.drop(gone.index)) and set(gone) == {"welcome back"}
    came = set(leaks.frame("exposures")["customer_id"])
    assert came.isdisjoint(gone.index), "only those who never came are missing"
    silent = set(all_units[all_units == "welcome back"].index) - came
    assert stats.binomtest(len(gone), len(silent), 0.5).pvalue > 0.001


# --- who is in which arm ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("e", [e for e in EXPERIMENTS if e.unit != "region"], ids=lambda e: e.id)
def test_arms_are_drawn_with_the_planned_shares(default: Platform, e: Experiment) -> None:
    column = f"{e.unit}_id"
    given = of_test(default, e).drop_duplicates(column)
    counts = given["arm"].value_counts().reindex([a.name for a in e.arms]).to_numpy()
    planned = np.array([a.share for a in e.arms])
    p = stats.chisquare(counts, planned * counts.sum()).pvalue
    assert counts.sum() > 500 and (p < 0.001 if e.leak else p > 0.001)
    others = [c for c in ("customer_id", "visitor_id", "session_id", "region") if c != column]
    assert given[others].isna().all(axis=None) and given[column].notna().all()
    people = default.truth("people.parquet").set_index("person")["kind"]
    assert set(person(given[column]).map(people)) == {"human"}


def test_cities_are_balanced_within_their_tier(default: Platform) -> None:
    every = default.frame("assignments").dropna(subset=["region"])
    holdouts = {"geo-display", "geo-social", "geo-search_ads"}
    assert set(every["experiment_id"]) == {"free_shipping", *holdouts}
    for name in sorted(holdouts):
        own = every[every["experiment_id"] == name]
        assert own["region"].is_unique and (own["arm"] == "held out").sum() == 20 == len(own) / 2
    given = every[every["experiment_id"] == "free_shipping"]
    assert given["region"].is_unique
    assert set(given["region"]) == {c[0] for c in words.CITIES}
    table = pd.crosstab(given["stratum"], given["arm"])
    assert ((table["control"] - table["free shipping"]).abs() <= 1).all() and len(table) == 4
    assert table["control"].sum() == table["free shipping"].sum() == 20


def test_who_is_tried_is_what_a_shop_can_see(default: Platform) -> None:
    """Customers of the test: signed up before it, and bought within half a year or new."""
    e = BY_ID["coupon"]
    begin = pd.Timestamp(e.start) - OFFSET
    customers = default.frame("customers").set_index("customer_id")["signed_up_at"]
    fake = set(default.truth("people.parquet").query("kind == 'fake'")["customer_id"].dropna())
    o = default.frame("orders")
    o = o[o["placed_at"] < begin - pd.Timedelta(hours=1)]
    bought = o.groupby("c" + o["order_id"].str[1:8])["placed_at"].max().reindex(customers.index)
    sure = (bought > begin - pd.Timedelta(weeks=26)) | (customers > begin - pd.Timedelta(weeks=8))
    wanted = set(customers.index[sure & (customers < begin - pd.Timedelta(hours=1))]) - fake
    given = set(of_test(default, e)["customer_id"])
    assert wanted <= given, "and the week before by whole weeks"
    assert len(given - wanted) < 0.06 * len(given)


def test_planned_faults_are_there(default: Platform) -> None:
    """A few visitors in two arms, and, where units leak, a few who saw their arm before they were given it."""
    given = default.frame("assignments")
    unit = (
        given["customer_id"].fillna(given["visitor_id"]).fillna(given["session_id"]).fillna(given["region"])
    )
    given = given.assign(unit=unit)
    twice = given[given.duplicated(["experiment_id", "unit"], keep=False)]
    assert set(twice["experiment_id"]) == {"recommendation"}
    assert (twice.groupby("unit")["arm"].agg(["size", "nunique"]) == 2).all(axis=None)
    visitors = given.loc[given["experiment_id"] == "recommendation", "unit"].nunique()
    assert 0.002 < twice["unit"].nunique() / visitors < 0.007
    seen = default.frame("exposures")
    keys = ["experiment_id", "customer_id", "visitor_id", "session_id"]
    first = given.sort_values("assigned_at").drop_duplicates(keys)
    both = seen.merge(first, on=keys, suffixes=("", "_given"), how="left")
    hasty = both[both["exposed_at"] < both["assigned_at"]]
    assert set(hasty["experiment_id"]) == {"welcome_back"}
    assert 0.002 < len(hasty) / (seen["experiment_id"] == "welcome_back").sum() < 0.03
    known = both.dropna(subset=["arm_given"])
    assert (known["arm"] == known["arm_given"]).all()
    assert not both["arm_given"].isna()[both["experiment_id"] != "welcome_back"].any()


# --- what is taken off -----------------------------------------------------------------------------------------


def discounted(platform: Platform, e: Experiment) -> pd.DataFrame:
    """Orders with a line of this promotion: what their lines cost on the shelf, and what was taken off (fen)."""
    began = platform.frame("sessions").set_index("session_id")["started_at"]
    lines = platform.frame("order_lines")
    lines = lines[lines["order_id"].isin(set(lines.loc[lines["promotion_id"] == e.id, "order_id"]))]
    lines = lines.assign(date=local(("s" + lines["order_id"].str[1:]).map(began)).dt.date)
    lines = asked(platform.frame, lines)
    lines["shelf"] = fen(lines["price"]) * lines["quantity"]
    lines["off"] = lines["shelf"] - fen(lines["amount"])
    return lines


def arm_of(platform: Platform, e: Experiment, ids: pd.Series) -> pd.Series:
    return ids.map(of_test(platform, e).drop_duplicates("customer_id").set_index("customer_id")["arm"])


def inside(platform: Platform, e: Experiment, order_ids: pd.Series) -> pd.Series:
    """Whether the visits on which orders were placed began during the test."""
    began = platform.frame("sessions").set_index("session_id")["started_at"]
    begin, end, _ = window(e)
    day = local(("s" + order_ids.str[1:]).map(began))
    return (day >= str(begin)) & (day < str(end))


@pytest.mark.parametrize("name", ["coupon", "threshold"])
def test_an_amount_is_taken_off_exactly(default: Platform, name: str) -> None:
    e = BY_ID[name]
    offer = e.arms[1].push.offer
    assert offer is not None
    lines = discounted(default, e)
    assert (lines["promotion_id"] == name).all() and (lines["off"] >= 0).all()
    by_order = lines.groupby("order_id")[["shelf", "off"]].sum()
    assert len(by_order) > 20 and (by_order["off"] == round(100 * offer.off)).all()
    assert (by_order["shelf"] >= round(100 * offer.minimum)).all()
    # Spread by value: no line is more than a few fen from its part.
    part = lines["order_id"].map(by_order["off"]) * lines["shelf"] / lines["order_id"].map(by_order["shelf"])
    assert (lines["off"] - part).abs().max() < 8
    ids = pd.Series(by_order.index)
    assert inside(default, e, ids).all()
    assert set(arm_of(default, e, "c" + ids.str[1:8])) == {e.arms[1].name}


def test_those_who_may_use_a_threshold_mostly_do(default: Platform) -> None:
    e = BY_ID["threshold"]
    o = default.frame("orders").dropna(subset=["customer_id"])
    o = o[inside(default, e, o["order_id"]) & (arm_of(default, e, o["customer_id"]) == e.arms[1].name)]
    used = set(discounted(default, e)["order_id"])
    goods = default.frame("order_lines").groupby("order_id")["amount"].sum().astype(float)
    may = o["order_id"].isin(used) | (o["order_id"].map(goods) >= 90)
    assert stats.binomtest(len(used), int(may.sum()), 0.95).pvalue > 0.001


def test_a_coupon_is_used_once_within_its_window(default: Platform) -> None:
    for name in ("coupon", "welcome_back"):
        e = BY_ID[name]
        offer = e.arms[1].push.offer
        assert offer is not None
        c = default.frame("coupons").query("promotion_id == @name")
        assert c["coupon_id"].is_unique and c["customer_id"].is_unique
        begin, end, _ = window(e)
        assert set(local(c["issued_at"])) == {pd.Timestamp(begin)}
        assert set(local(c["expires_at"])) == {pd.Timestamp(end)}
        assert set(fen(c["face_value"])) == {round(100 * offer.off)}
        assert set(fen(c["minimum"])) == {round(100 * offer.minimum)}
        used = c.dropna(subset=["redeemed_at"])
        assert used["order_id"].is_unique and (c["redeemed_at"].isna() == c["order_id"].isna()).all()
        assert set(used["order_id"]) == set(discounted(default, e)["order_id"])
        o = default.frame("orders").set_index("order_id").loc[used["order_id"]]
        assert (o["placed_at"].to_numpy() == used["redeemed_at"].to_numpy()).all()
        assert (o["customer_id"].to_numpy() == used["customer_id"].to_numpy()).all()
        assert inside(default, e, used["order_id"]).all() and len(used) > 20
        arms = arm_of(default, e, c["customer_id"]).dropna()  # of a leak, some units are missing
        assert set(arms) == {e.arms[1].name} and len(arms) >= 0.7 * len(c)
        if not e.leak:
            assert len(arms) == len(c) == (of_test(default, e)["arm"] == e.arms[1].name).sum()


@pytest.mark.parametrize("name", ["members_price", "flash_sale"])
def test_a_percentage_is_taken_off_every_line_it_is_for(default: Platform, name: str) -> None:
    e = BY_ID[name]
    push = e.arms[1].push
    assert push.offer is not None
    lines = discounted(default, e)
    cut = lines["promotion_id"] == name
    assert (lines.loc[cut, "off"] == np.rint(lines.loc[cut, "shelf"] * push.offer.off)).all()
    assert (lines.loc[~cut, "off"] == 0).all()
    if name == "flash_sale":
        category = lines["product_id"].map(default.frame("products").set_index("product_id")["category"])
        assert ((category == words.CATEGORIES[BEAUTY].name) == cut).all() and (~cut).any()
        scope = default.frame("experiment_scope")
        assert scope["category"].dropna().tolist() == [words.CATEGORIES[BEAUTY].name]
        assert (scope["category"].isna() == scope["channel"].notna()).all(), "or a channel that is held out"
    else:
        assert cut.all(), "everything costs less"
    customers = "c" + lines["order_id"].str[1:8]
    assert set(arm_of(default, e, customers)) == {e.arms[1].name} and cut.sum() > 30
    # All orders of the arm in these weeks have it.
    o = default.frame("orders").dropna(subset=["customer_id"])
    mine = o[inside(default, e, o["order_id"]) & (arm_of(default, e, o["customer_id"]) == e.arms[1].name)]
    if name == "members_price":
        assert set(mine["order_id"]) == set(lines["order_id"])


def test_shipping_is_free_in_the_cities_of_the_arm(default: Platform) -> None:
    e = BY_ID["free_shipping"]
    arm = of_test(default, e).set_index("region")["arm"]
    o = default.frame("orders")
    fake = default.truth("fake_orders.parquet")["order_id"]
    o = o[inside(default, e, o["order_id"]) & ~o["order_id"].isin(fake)]
    goods = o["order_id"].map(default.frame("order_lines").groupby("order_id")["amount"].sum().astype(float))
    free, small_order = o["region"].map(arm) == "free shipping", goods < 99
    assert (o.loc[free, "shipping_cost"] == 0).all() and (free & small_order).sum() > 20
    assert (o.loc[~free & small_order, "shipping_cost"] > 0).all() and (~free & small_order).sum() > 20


def test_nothing_more_is_refunded_than_was_paid(default: Platform) -> None:
    back = default.frame("returns")
    refund = fen(back["refund"]).groupby([back["order_id"], back["ordinal"]]).sum()
    lines = default.frame("order_lines").set_index(["order_id", "ordinal"])
    assert (refund <= fen(lines.loc[refund.index, "amount"])).all()
    tried = lines.loc[refund.index, "promotion_id"].isin([e.id for e in EXPERIMENTS])
    assert tried.sum() > 20, "among them lines that something was taken off"


def test_pages_load_faster_and_baskets_grow(default: Platform) -> None:
    """The manipulations themselves: load times of the fast arm, lines an order of the recommending one."""
    e = BY_ID["page_speed"]
    s = default.frame("sessions").merge(of_test(default, e), on="session_id")
    mean = np.log(s["load_ms"]).groupby(s["arm"]).agg(["mean", "std", "size"])
    error = np.sqrt((mean["std"] ** 2 / mean["size"]).sum())
    change = mean.loc["fast pages", "mean"] - mean.loc["control", "mean"]
    assert abs(change - np.log(0.5)) < 4 * error


def test_messages_go_to_those_who_allow_them(default: Platform) -> None:
    e = BY_ID["contact_frequency"]
    sent = default.frame("contacts")
    assert set(sent["campaign"]) == {e.id} and (sent["cost"].astype(float) == MESSAGE_COST).all()
    allowed = default.frame("consents").query("purpose == 'marketing'").set_index("customer_id")
    allowed = allowed.loc[sent["customer_id"]]
    assert (allowed["given_at"].to_numpy() < sent["sent_at"].to_numpy()).all()
    ends = allowed["withdrawn_at"].fillna(pd.Timestamp.max.floor("s")).to_numpy()
    assert (ends > sent["sent_at"].to_numpy()).all()
    begin, end, _ = window(e)
    assert local(sent["sent_at"]).min() >= pd.Timestamp(begin)
    assert local(sent["sent_at"]).max() < pd.Timestamp(end)
    opened = sent.dropna(subset=["opened_at"])
    assert (opened["opened_at"] > opened["sent_at"]).all()
    assert stats.binomtest(len(opened), len(sent), 0.33).pvalue > 0.001
    # Arm × weeks each, but for those who withdraw on the way.
    given = of_test(default, e)
    consents = default.frame("consents").query("purpose == 'marketing'").set_index("customer_id")
    over = consents["withdrawn_at"].reindex(given["customer_id"]).to_numpy() < np.datetime64(
        pd.Timestamp(end) - OFFSET
    )
    count = given["customer_id"].map(sent.groupby("customer_id").size()).fillna(0).to_numpy()
    each = {a.name: a.push.contacts * e.weeks for a in e.arms}
    wanted = given["arm"].map(each).to_numpy()
    assert (count[~over] == wanted[~over]).all() and (count[over] <= wanted[over]).all()
    assert 0 < over.sum() < 0.06 * len(given) and (count[over] < wanted[over]).any()


# --- truths, and what an analyst finds -------------------------------------------------------------------------


def test_every_experiment_states_its_truths(default: Platform) -> None:
    stated = default.truth("truths.json")
    for e in EXPERIMENTS:
        for arm in e.arms[1:]:
            names = ["orders", "revenue", "contribution during", "net contribution"]
            names += ["contribution after"] * bool(e.post_weeks)
            names += ["anyway share"] * bool(arm.push.offer and arm.push.offer.kind != "shipping")
            names += [f"net contribution, {t}" for t in ("bronze", "silver", "gold")] * (e.kind == "members")
            head = f"{e.id}: {arm.name}: "
            assert {k.removeprefix(head) for k in stated if k.startswith(head)} == set(names)
            for name in names:
                entry = stated[head + name]
                assert entry["kind"] == "effect on these people" and entry["lever"] != "none"
                assert entry["unit"].endswith((f"a {e.unit}", "share"))
            if e.post_weeks:
                parts = stated[head + "contribution during"], stated[head + "contribution after"]
                total = sum(p["value"] for p in parts)
                assert stated[head + "net contribution"]["value"] == pytest.approx(total, abs=1e-5)
    events = {k.removeprefix("event ").split(": ")[0] for k in stated if k.startswith("event ")}
    assert events == {"618-2024", "618-2025", "1111-2023", "1111-2024", "1111-2025"}


def test_the_power_table_has_the_stated_effects(default: Platform) -> None:
    power = {r["name"]: r for r in default.truth("power.json")}
    for e in EXPERIMENTS:
        for arm in e.arms[1:]:
            head = f"{e.id}: {arm.name}"
            if e.unit == "region":
                assert f"{head}: orders" not in power, "forty cities: no formula for so few"
                continue
            net = power[f"{head}: contribution"]
            assert net["truth"] == pytest.approx(default.stated[f"{head}: net contribution"], rel=1e-4)
            if not e.post_weeks:
                assert power[f"{head}: orders"]["truth"] == pytest.approx(
                    default.stated[f"{head}: orders"], rel=1e-4
                )


def test_effects_have_the_stated_signs(default: Platform) -> None:
    """What the experiments are there to show; sums without sampling noise."""
    t = default.stated
    assert t["coupon: coupon: net contribution"] > 0 > t["threshold: 30 off 90: net contribution"]
    assert t["flash_sale: flash sale: contribution during"] > t["flash_sale: flash sale: net contribution"]
    for pulled in ("coupon: coupon", "threshold: 30 off 90", "seasonal: gift", "flash_sale: flash sale"):
        assert t[f"{pulled}: contribution after"] < 0, "orders pulled forward are missing afterwards"
    tiers = [t[f"members_price: members price: net contribution, {x}"] for x in ("bronze", "silver", "gold")]
    assert tiers[0] < 0 < tiers[1] < tiers[2]
    contacts = [t[f"contact_frequency: {a} a week: net contribution"] for a in ("one", "three", "seven")]
    assert contacts[1] > contacts[0] > 0 and contacts[2] < contacts[1]
    anyway = [t[f"{x}: anyway share"] for x in ("coupon: coupon", "threshold: 30 off 90")]
    assert 0 < anyway[0] < anyway[1] < 1
    assert {v for k, v in t.items() if k.startswith("banner")} == {0.0}


def test_onboarding_is_for_newcomers_and_keeps_them(tmp_path: Path, small: Settings) -> None:
    """Those who signed up within eight weeks and nobody else; a guided start loses fewer of the same people.

    The push on errands is left out: what is bought may come late, which drives away again.
    """
    e = replace(BY_ID["onboarding"], start=START)
    lost, signed = {}, set()
    for arm in e.arms:
        push = replace(arm.push, errand=0.0)
        forced = replace(e, arms=tuple(replace(a, push=push) for a in e.arms))
        p = make(tmp_path / arm.name, replace(small, customers=3_000), world=World(experiments=(forced,)))
        customers, people = p.frame("customers"), p.truth("people.parquet")
        since = local(customers["signed_up_at"])
        new = (since >= str(START - pd.Timedelta(weeks=e.new))) & (since < str(START))
        humans = set(people.loc[people["kind"] == "human", "person"])
        newcomers = set(person(customers.loc[new, "customer_id"])) & humans
        tried = set(person(of_test(p, e)["customer_id"]))
        # A visit just before midnight may sign up just after it.
        assert len(tried) > 200 and len(tried ^ newcomers) <= 2
        phases = p.truth("phases.parquet")
        first, until = pd.Timestamp(START), pd.Timestamp(START) + pd.Timedelta(weeks=e.weeks)
        since = pd.to_datetime(phases["since"])
        gone = phases[(phases["phase"] == "loss") & (since >= first) & (since < until)]
        lost[arm.name] = set(gone["person"]) & tried
        signed.add(frozenset(tried))
    assert len(signed) == 1, "the same people in both"
    control, guided = lost["control"], lost["guided start"]
    assert guided - control == set(), "a lower hazard with the same draws keeps people, and loses nobody"
    ratio = np.log(len(guided) / len(control))
    assert -0.9 < ratio < -0.4, "near the log hazard of -0.7: a little less, for those kept are still at risk"


def test_a_flash_sale_takes_from_the_other_categories(tmp_path: Path, small: Settings) -> None:
    """Two runs, everybody in one arm each: beauty gains, the rest of the shop loses."""
    revenue = {}
    e = replace(BY_ID["flash_sale"], start=START, weeks=4)
    for arm in e.arms:
        forced = replace(e, arms=tuple(replace(a, push=arm.push) for a in e.arms))
        p = make(tmp_path / arm.name, replace(small, customers=3_000), world=World(experiments=(forced,)))
        begin, end, _ = window(e)
        o = p.frame("orders")
        o = o[(local(o["placed_at"]) >= str(begin)) & (local(o["placed_at"]) < str(end))]
        lines = p.frame("order_lines").merge(o[["order_id", "customer_id"]].dropna(), on="order_id")
        lines = lines[lines["customer_id"].isin(set(of_test(p, e)["customer_id"]))]
        category = lines["product_id"].map(p.frame("products").set_index("product_id")["category"])
        revenue[arm.name] = lines["amount"].astype(float).groupby(category).sum()
    change = revenue["flash sale"] / revenue["control"]
    beauty = words.CATEGORIES[BEAUTY].name
    assert change[beauty] > 1.5
    rest = [r.drop(beauty).sum() for r in revenue.values()]
    # The push alone (errand 0.25) would bring 28 % more; 30 % of the needs went elsewhere.
    assert rest[1] < 1.05 * rest[0]


CUSTOMER_TESTS = [e for e in EXPERIMENTS if e.unit == "customer" and not e.leak]


@pytest.mark.parametrize("e", CUSTOMER_TESTS, ids=lambda e: e.id)
def test_a_difference_in_means_finds_the_truth(default: Platform, e: Experiment) -> None:
    units = by_unit(default, e)
    power = {r["name"]: r for r in default.truth("power.json")}
    for arm in e.arms[1:]:
        for metric in ("orders", "contribution"):
            row = power[f"{e.id}: {arm.name}: {metric}"]
            estimate, error = difference(units, arm.name, e.arms[0].name, metric)
            assert abs(estimate - row["truth"]) < 4 * error
            assert 0.8 < error / row["standard_error"] < 1.25, "the stated error is that of this estimate"


@pytest.mark.parametrize("e", [BY_ID["recommendation"], BY_ID["page_speed"]], ids=lambda e: e.id)
def test_so_it_does_by_visitor_and_by_session(default: Platform, e: Experiment) -> None:
    test_a_difference_in_means_finds_the_truth(default, e)


def test_those_who_redeem_are_not_like_those_who_do_not(default: Platform) -> None:
    """Redeemers against the rest of the arm: many times the truth, because buyers redeem."""
    e = BY_ID["coupon"]
    units = by_unit(default, e)
    units = units[units["arm"] == "coupon"]
    used = set(
        default.frame("coupons").dropna(subset=["order_id"]).query("promotion_id == 'coupon'")["customer_id"]
    )
    units = units.assign(arm=np.where(units.index.isin(used), "redeemed", "not"))
    for metric, truth in (("orders", "orders"), ("contribution", "net contribution")):
        naive, error = difference(units, "redeemed", "not", metric)
        assert naive - default.stated[f"coupon: coupon: {truth}"] > 5 * error


# --- campaigns -------------------------------------------------------------------------------------------------


def test_a_campaign_is_shipped_to_the_tiers_named_only(small: Settings, tmp_path: Path) -> None:
    settings = replace(small, customers=2_500)
    policy = Policy(campaigns={"members_price": ("members price", (1, 2))})
    ahead = make(tmp_path, settings, horizon=2, policy=policy)
    now = pd.Timestamp("2026-01-05") - OFFSET  # the first whole week
    given = of_test(ahead, BY_ID["members_price"]).query("assigned_at >= @now")
    assert set(given["arm"]) == {"members price"} and given["customer_id"].is_unique
    assert set(given["assigned_at"]) == {now}
    tier = ahead.frame("memberships")
    tier = tier[(tier["valid_from"] < now) & ~(tier["valid_to"] <= now)].set_index("customer_id")["tier"]
    assert set(given["customer_id"].map(tier)) == {"silver", "gold"}
    lines = ahead.frame("order_lines").query("promotion_id == 'members_price'")
    placed = lines["order_id"].map(ahead.frame("orders").set_index("order_id")["placed_at"])
    late = placed >= now
    assert late.sum() > 5 and set("c" + lines["order_id"][late].str[1:8]) <= set(given["customer_id"])
    assert not [t for t in ahead.stated if t.split(":")[0] in BY_ID or t.startswith("event ")]
    assert {r["name"].split(":")[0] for r in ahead.truth("power.json")}.isdisjoint(BY_ID)


def test_a_campaign_touches_nobody_else(small: Settings, tmp_path: Path) -> None:
    coupon = Policy(campaigns={"coupon": ("coupon", (0,))})
    today = make(tmp_path / "today", small, horizon=2)
    shipped = make(tmp_path / "shipped", small, horizon=2, policy=coupon)
    now = pd.Timestamp("2026-01-01") - OFFSET
    given = of_test(shipped, BY_ID["coupon"]).query("assigned_at >= @now")
    reached = set(person(given["customer_id"]))
    assert touched(today, shipped) and touched(today, shipped) <= reached
    coupons = shipped.frame("coupons")
    assert coupons["coupon_id"].is_unique
    assert (coupons["issued_at"] >= now).sum() == len(given)


def test_the_judge_sees_the_coupon_beat_the_threshold(small: Settings) -> None:
    """The next three months under each, and under neither; the order of the experiments' truths."""
    found = judge(
        replace(small, customers=6_000),
        {
            "today": Policy(),
            "coupon": Policy(campaigns={"coupon": ("coupon", ())}),
            "threshold": Policy(campaigns={"threshold": ("30 off 90", ())}),
            "letters": Policy(campaigns={"contact_frequency": ("one a week", ())}),
        },
    )
    worth = {k: v["contribution"] for k, v in found.items()}
    assert worth["coupon"] > worth["today"] > worth["threshold"]
    assert found["today"]["reached"] == found["today"]["messages"] == 0.0
    assert found["coupon"]["reached"] > found["letters"]["reached"] > 100
    most = found["letters"]["reached"] * 6 * MESSAGE_COST
    assert 0.95 * most < found["letters"]["messages"] <= most


@pytest.mark.parametrize(
    ("campaigns", "said"),
    [
        ({"cupon": ("coupon", ())}, "no experiment 'cupon'"),
        ({"coupon": ("gift", ())}, "has no arm 'gift'; it has control, coupon"),
        ({"page_speed": ("fast pages", (1,))}, "cannot be kept to member tiers"),
    ],
)
def test_a_campaign_that_is_none_is_refused(
    small: Settings, tmp_path: Path, campaigns: dict[str, tuple[str, tuple[int, ...]]], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        make(tmp_path, small, horizon=1, policy=Policy(campaigns=campaigns))


def test_two_workers_and_another_seed(tmp_path: Path) -> None:
    """A span with a coupon and a test in cities, in two chunks: workers are nothing, the seed is all."""
    settings = Settings(seed=12, customers=4_000, months=11, dirt=False)
    one, two = (make(tmp_path / str(w), settings, workers=w) for w in (1, 2))
    assert one.bytes() == two.bytes() and one.bytes("truth") == two.bytes("truth")
    assert {n.split("/")[0] for n in one.bytes()} == set(TABLES) | set(CLUBS)
    assert "assignments/part-0001.parquet" in one.bytes()
    assert one.frame("assignments")["region"].notna().sum() == len(words.CITIES), "cities once, not by chunk"
    other = make(tmp_path / "other", replace(settings, seed=13))
    laid_down = {"regions", "suppliers", "promotions", "channels", "creators", "campaigns"} | {
        t for t in TRIALS if t.startswith("experiment")
    }
    assert differing(one, other) - {"promotions"} == (set(TABLES) | set(CLUBS)) - laid_down
