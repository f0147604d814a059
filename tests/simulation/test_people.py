"""People and their lives: the stated parameters hold in the data made, and naive comparisons miss them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from growth.simulation import Settings, World, life, words
from growth.simulation.clock import DAY
from growth.simulation.people import HUMAN, People, draw_people
from growth.simulation.rng import Draws
from growth.simulation.run import Job
from growth.simulation.state import State
from growth.simulation.world import CHANNELS, LOSS, TYPES, Life
from tests.simulation.conftest import Platform
from tests.simulation.estimators import dummies, least_squares

MANY = 120_000


@pytest.fixture(scope="module")
def state() -> State:
    return Job.of(Settings(), None, None, None).state()


@pytest.fixture(scope="module")
def crowd(state: State) -> People:
    return draw_people(Draws(9), World(), state, np.arange(MANY), MANY)


def test_types_follow_the_city_tier(crowd: People) -> None:
    for tier, weights in enumerate(World().people.types):
        who = (crowd.city_tier == tier) & (crowd.kind == HUMAN)
        counts = np.bincount(crowd.type[who], minlength=4)
        assert stats.chisquare(counts, np.array(weights) / np.sum(weights) * counts.sum()).pvalue > 0.001


def test_visit_and_loss_rates_have_their_means(crowd: People) -> None:
    p = World().people
    for rate, mean, factor, shape in (
        (crowd.visit_rate, p.visit_rate, p.channel_visit, p.visit_shape),
        (crowd.loss_rate, p.loss_rate, p.channel_loss, p.loss_shape),
    ):
        scaled = rate / (np.array(mean)[crowd.type] * np.array(factor)[crowd.channel])
        assert stats.kstest(scaled, stats.gamma(shape, scale=1 / shape).cdf).pvalue > 0.001


def test_arrivals_follow_their_calendar(crowd: People, state: State) -> None:
    month = (state.span.days - state.span.first) // 31
    expected = np.bincount(month, state.arrivals)
    counts = np.bincount((crowd.arrival - state.span.first) // 31, minlength=expected.size)
    assert stats.chisquare(counts, expected / expected.sum() * counts.sum()).pvalue > 0.001
    assert crowd.arrival.min() >= state.span.first and crowd.arrival.max() < state.span.last


def test_channels_bring_people_who_stay_differently(crowd: People) -> None:
    """The stated log hazards, from the hazards drawn; a share of 1 would be no difference."""
    for k, channel in enumerate(CHANNELS):
        ratio = crowd.loss_rate[crowd.channel == k].mean() / crowd.loss_rate[crowd.channel == 0].mean()
        assert abs(np.log(ratio) - np.log(World().people.channel_loss[k])) < 0.06, channel


def lived(world: World, seed: int = 4) -> tuple[life.Scene, life.Memory, life.Tally]:
    job = Job.of(Settings(seed=seed, months=18), None, None, world)
    scene = job.scene(job.state(), np.arange(10_000), 10_000)
    _, memory, tally, _ = life.live(scene)
    return scene, memory, tally


def test_people_are_lost_with_the_stated_chances() -> None:
    _, _, tally = lived(World())
    for k in (0, 1):  # without and with a late parcel lately
        spread = np.sqrt(tally.likely_lost[k])
        assert tally.exposed[k] > 1_000 and abs(tally.lost[k] - tally.likely_lost[k]) < 3.5 * spread


def test_a_late_parcel_multiplies_the_hazard_of_loss() -> None:
    scene, memory, _ = lived(World())
    week = scene.state.span.weeks[-1]
    hazard, lately = life.loss_hazard(scene, memory, week)
    quiet = replace(memory, late=np.full_like(memory.late, -1_000))
    ratio = hazard / np.where(quiet_hazard := life.loss_hazard(scene, quiet, week)[0], quiet_hazard, 1.0)
    living = memory.phase != LOSS
    assert lately.sum() > 20
    np.testing.assert_allclose(ratio[living & lately], np.exp(1.2))
    np.testing.assert_allclose(ratio[living & ~lately], 1.0)


def test_without_the_mechanism_late_parcels_cost_nobody() -> None:
    """The same draws, the effect off: fewer are lost among those with a late parcel, nobody else differs first."""
    with_it, without = (
        lived(replace(World(), life=replace(Life(), late_log_hazard=h)))[2] for h in (1.2, 0.0)
    )
    rate = [t.lost[1] / t.exposed[1] for t in (with_it, without)]
    error = np.sqrt(
        np.sum([r * (1 - r) / t.exposed[1] for r, t in zip(rate, (with_it, without), strict=True)])
    )
    assert rate[0] - rate[1] > 3 * error


def came_back(platform: Platform) -> pd.DataFrame:
    """Delivered human orders that can be watched for 91 days: city, lateness, another order in these days."""
    orders = platform.frame("orders")
    orders = orders[~orders["order_id"].isin(platform.truth("fake_orders.parquet")["order_id"])]
    orders["person"] = orders["order_id"].str[1:8].astype(int)
    orders = orders.sort_values(["person", "placed_at"]).reset_index(drop=True)
    follow = pd.merge_asof(
        orders.dropna(subset=["delivered_at"]).sort_values("delivered_at"),
        orders[["person", "placed_at"]].rename(columns={"placed_at": "next_at"}).sort_values("next_at"),
        left_on="delivered_at", right_on="next_at", by="person", direction="forward", allow_exact_matches=False,
    )  # fmt: skip
    window = pd.Timedelta(days=91)
    follow = follow[follow["delivered_at"] + window < pd.Timestamp("2025-12-31 16:00")]
    return follow.assign(
        back=(follow["next_at"] <= follow["delivered_at"] + window).astype(float),
        late=(follow["delivered_at"] > follow["promised_at"]).astype(float),
    )


def test_a_late_parcel_keeps_people_from_coming_back(default: Platform) -> None:
    f = came_back(default)
    naive, naive_error = least_squares(f["back"].to_numpy(), np.column_stack([f["late"], np.ones(len(f))]))
    fixed = dummies(f["region"].to_numpy(), f["delivered_at"].dt.strftime("%Y-%m").to_numpy())
    within, error = least_squares(f["back"].to_numpy(), np.column_stack([f["late"], fixed]))
    truth = default.stated["late_parcel_coming_back"]
    assert abs(within[0] - truth) < 3 * error[0]
    assert within[0] < -3 * error[0], "large enough to be found"
    assert naive[0] < within[0], "cities differ in both"


def test_a_first_order_on_promotion_changes_nothing_later(default: Platform) -> None:
    """The planted null: coming back within 180 days, by whether the first order had a promoted line."""
    orders = default.frame("orders").dropna(subset=["customer_id"]).sort_values("placed_at")
    orders["next_at"] = orders.groupby("customer_id")["placed_at"].shift(-1)
    first = orders.drop_duplicates("customer_id").query("placed_at < '2025-06-15'")
    first = first[~first["order_id"].isin(default.truth("fake_orders.parquet")["order_id"])]
    lines = default.frame("order_lines")
    promoted = set(lines.loc[lines["promotion_id"].notna(), "order_id"])
    x = first["order_id"].isin(promoted).to_numpy(dtype=float)
    y = (first["next_at"] <= first["placed_at"] + pd.Timedelta(days=180)).to_numpy(dtype=float)
    people = default.truth("people.parquet").dropna(subset=["customer_id"]).set_index("customer_id")
    kind = first["customer_id"].map(people["type"])
    effect, error = least_squares(y, np.column_stack([x, dummies(kind.to_numpy())]))
    assert error[0] < 0.03 and abs(effect[0]) < 3 * error[0]


def visits(platform: Platform) -> pd.DataFrame:
    people = platform.truth("people.parquet").query("kind == 'human'")
    s = platform.frame("sessions")
    s["person"] = s["session_id"].str[1:8].astype(int)
    s = s[s["person"].isin(people["person"])]
    ordered = platform.frame("orders")["order_id"].str[1:]
    return s.assign(ordered=s["session_id"].str[1:].isin(set(ordered)).astype(float))


def test_load_time_costs_orders_and_the_naive_slope_overstates_it(default: Platform) -> None:
    """Small cities load slowly and buy less: within cities the stated effect, across them too much."""
    s = visits(default)
    load, y = np.log(s["load_ms"].to_numpy() / 1500.0), s["ordered"].to_numpy() / s["ordered"].mean()
    naive, naive_error = least_squares(y, np.column_stack([load, np.ones(load.size)]))
    code = pd.Categorical(s["region"]).codes
    middle = lambda v: v - (np.bincount(code, v) / np.bincount(code))[code]  # noqa: E731
    within, error = least_squares(middle(y), middle(load)[:, None])
    truth = default.stated["load_time_effect_on_orders"]
    assert abs(within[0] - truth) < 3 * error[0]
    assert naive[0] - truth < -5 * naive_error[0]


def test_tiers_matter_much_less_than_members_differ(default: Platform) -> None:
    """Visits of the days before and after as_of's tier: members of silver come far more often than 5 % more."""
    people = default.truth("people.parquet").query("kind == 'human' and phase in ('growth', 'maturity')")
    tiers = default.frame("memberships").query("valid_to.isnull()").set_index("customer_id")["tier"]
    recent = visits(default).query("started_at >= '2025-11-15'").groupby("person").size()
    people = people.assign(
        tier=people["customer_id"].map(tiers), visits=people["person"].map(recent).fillna(0)
    )
    mean, size = people.groupby("tier")["visits"].mean(), people.groupby("tier").size()
    assert size["silver"] > 100
    assert np.log(mean["silver"] / mean["bronze"]) > 5 * default.stated["tier_visits_silver"]


def test_tiers_come_from_the_spend_of_the_52_weeks_before(default: Platform) -> None:
    """Rebuild every customer's tier at one evaluation from orders alone."""
    paid = default.frame("orders").query("status != 'cancelled'").dropna(subset=["paid_at", "customer_id"])
    orders = paid.merge(default.frame("order_lines"), on="order_id")
    local = orders["placed_at"] + pd.Timedelta(hours=8)
    week = (local - pd.Timestamp("2020-12-28")).dt.days // 7
    at = 260 // 4 * 4  # the last evaluation
    inside = orders[(week < at) & (week >= at - 52)]
    spend = inside["amount"].astype(float).groupby(inside["customer_id"]).sum()
    fake = default.truth("people.parquet").query("kind == 'fake'")["customer_id"]
    moment = pd.Timestamp("2020-12-28") + pd.Timedelta(weeks=at) - pd.Timedelta(hours=8)
    m = default.frame("memberships")
    m = m[(m["valid_from"] < moment + pd.Timedelta(seconds=1)) & ~(m["valid_to"] <= moment)]
    m = m[~m["customer_id"].isin(fake)]
    spent = m["customer_id"].map(spend).fillna(0).round(2)
    silver, gold = World().life.tier_spend
    wanted = np.select([spent >= gold, spent >= silver], ["gold", "silver"], "bronze")
    assert (m["tier"].to_numpy() == wanted).all() and (wanted != "bronze").sum() > 100


def test_events_bring_the_stated_visits(default: Platform) -> None:
    """Singles' Day: peak days against the other days of its window, weekday factors taken out."""
    s = visits(default)
    local = (s["started_at"] + pd.Timedelta(hours=8)).dt.normalize()
    season, ratios = World().season, []
    for year in (2024, 2025):
        daily = local[(local >= f"{year}-11-08") & (local <= f"{year}-11-11")].value_counts().sort_index()
        flat = daily / np.array(season.weekday)[daily.index.day_of_week]
        ratios.append(np.log(flat.iloc[2:].mean() / flat.iloc[:2].mean()))
    wanted = default.stated["event_visits_peak"] - default.stated["event_visits_window"]
    # Counts of about 800 a day (error .03 a year), and two weeks' market shocks (.05 each, not in one week alone).
    assert abs(np.mean(ratios) - wanted) < 3 * np.sqrt(2 * 0.05**2 / 2 + 0.03**2)


def test_delivery_and_promise_follow_the_city(default: Platform) -> None:
    o = default.frame("orders").dropna(subset=["delivered_at"])
    tier = o["region"].map({c[0]: c[1] for c in words.CITIES}).to_numpy()
    local = (o["placed_at"] + pd.Timedelta(hours=8)).dt.normalize()
    quiet = ~local.dt.month.isin([6, 11, 12]).to_numpy()
    days = (o["delivered_at"] - o["shipped_at"]).dt.total_seconds().to_numpy() / DAY
    for k, median in enumerate(World().trade.delivery_days):
        mine = np.log(days[(tier == k) & quiet])
        assert abs(np.median(mine) - np.log(median)) < 4 * 1.2533 * World().trade.delivery_sd / np.sqrt(
            mine.size
        )
    promise = (o["promised_at"] + pd.Timedelta(hours=8) - local).dt.days.to_numpy()
    assert (promise == np.array(World().trade.promised_days)[tier]).all()


def test_returns_have_their_chances(default: Platform) -> None:
    lines = default.frame("order_lines").merge(default.frame("orders"), on="order_id")
    lines = lines[lines["delivered_at"] < "2025-11-15"]
    people = default.truth("people.parquet").set_index("person")
    kind = lines["order_id"].str[1:8].astype(int).map(people["type"]).map({t: k for k, t in enumerate(TYPES)})
    category = (lines["product_id"].str[1:].astype(int).to_numpy() - 1) // 12
    chance = np.array([c.returns for c in words.CATEGORIES])[category]
    chance = chance * np.array(World().trade.return_factor)[kind]
    chance = chance * np.where(lines["delivered_at"] > lines["promised_at"], World().trade.late_return, 1.0)
    back = default.frame("returns")
    key = set(zip(back["order_id"], back["ordinal"], strict=True))
    returned = np.array([k in key for k in zip(lines["order_id"], lines["ordinal"], strict=True)])
    late = (lines["delivered_at"] > lines["promised_at"]).to_numpy()
    groups = {c.name: category == k for k, c in enumerate(words.CATEGORIES)}
    groups |= {"late": late, "on time": ~late} | {t: (kind == k).to_numpy() for k, t in enumerate(TYPES)}
    for name, mine in groups.items():
        expected = chance[mine].sum()
        assert expected > 10 and abs(returned[mine].sum() - expected) < 3.5 * np.sqrt(expected), name


def test_phases_tell_one_story(default: Platform) -> None:
    """Spells follow each other as phases may; the last is the phase of people.parquet; loss is for ever."""
    spells = default.truth("phases.parquet").sort_values(["person", "since"], kind="stable")
    after = spells.groupby("person")["phase"].shift(-1)
    steps = set(zip(spells["phase"], after, strict=True))
    allowed = {
        "introduction": {"growth", "maturity", "loss"},
        "growth": {"maturity", "dormancy", "loss"},
        "maturity": {"dormancy", "loss"},
        "dormancy": {"growth", "maturity", "loss"},
        "loss": set(),
    }
    assert {(a, b) for a, b in steps if isinstance(b, str)} <= {(a, b) for a in allowed for b in allowed[a]}
    last = spells.groupby("person")["phase"].last()
    people = default.truth("people.parquet").query("kind == 'human'").set_index("person")["phase"]
    assert (people.loc[last.index] == last).all()
    assert set(people[~people.index.isin(last.index)]) == {"potential"}
    lost = spells[spells["phase"] == "loss"].set_index("person")["since"]
    seen = visits(default).groupby("person")["started_at"].max() + pd.Timedelta(hours=8)
    assert (seen.loc[lost.index] < pd.to_datetime(lost)).all()


def test_nobody_is_a_customer_before_signing_up(default: Platform) -> None:
    customers = default.frame("customers").set_index("customer_id")["signed_up_at"]
    orders = default.frame("orders")
    known = orders.dropna(subset=["customer_id"])
    assert (known["customer_id"].map(customers) < known["placed_at"]).all()
    guests = orders[orders["customer_id"].isna()]
    later = ("c" + guests["order_id"].str[1:8]).map(customers)
    assert (later.isna() | (later > guests["placed_at"])).all() and 0.05 < len(guests) / len(orders) < 0.2
    linked = default.frame("visitors").dropna(subset=["customer_id"])
    assert (linked["customer_id"].map(customers) <= linked["valid_from"]).all()
    first = default.frame("sessions").groupby("visitor_id")["started_at"].min()
    anonymous = (
        default.frame("visitors")
        .sort_values("valid_from")
        .drop_duplicates("visitor_id")
        .set_index("visitor_id")
    )
    assert (anonymous["valid_from"] == first.loc[anonymous.index]).all()
