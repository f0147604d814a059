"""Visits and the way to an order: by hand, and against walks through every visit."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from growth.behaviour import funnel, visit_marts, visits
from tests.behaviour.shop import at
from tests.conftest import INFO, frame


def visit(name: str, visitor: str, when: dt.datetime, **more: Any) -> dict[str, Any]:
    return dict(session_id=name, visitor_id=visitor, started_at=when, pages=2, seconds=60) | more


def event(session: str, when: dt.datetime, kind: str, **more: Any) -> dict[str, Any]:
    return dict(session_id=session, at=when, type=kind) | more


def link(visitor: str, customer: str | None, since: dt.datetime) -> dict[str, Any]:
    return dict(visitor_id=visitor, customer_id=customer, valid_from=since)


@pytest.fixture
def story(shop: Any) -> Any:
    """v1 signs up as c1 on the third day; v2 is never known; v3 is a machine that nobody called one."""
    t = at("06-01")
    later = [t + dt.timedelta(seconds=s) for s in range(0, 600, 10)]
    return shop(
        visitors=[link("v1", "c1", at("06-03")), link("v2", None, t), link("v3", None, t)],
        sessions=[
            visit("s1", "v1", t, device="phone", channel="ads"),
            visit("s2", "v1", at("06-04"), seconds=80_000, device="desktop", channel="direct"),
            visit("s3", "v2", t, pages=None, seconds=None),
            visit("s4", "v3", t, pages=90, seconds=90),
            visit("s5", "v3", t, bot=True),
        ],
        events=[
            event("s1", later[0], "search", query="猫粮", results=0),
            event("s1", later[1], "search", query="tea", results=3),
            event("s1", later[2], "view"),
            event("s1", later[3], "cart"),
            event("s1", later[3], "cart", flags="exact_duplicate"),
            event("s2", later[0], "search", query="tea", results=3),
            event("s2", later[4], "purchase"),
            event("s4", later[5], "view"),
        ],
    )  # fmt: skip


def test_people_by_hand(story: Any) -> None:
    found = frame(visit_marts.people(story)).set_index("person")
    c1, v2 = found.loc["c1"], found.loc["v2"]
    assert set(found.index) == {"c1", "v2"}, "visits before signing up are the customer's"
    assert c1[["visits", "view", "cart", "checkout", "purchase", "left", "known"]].tolist() == [
        2,
        2,
        2,
        1,
        1,
        1,
        1,
    ]
    assert (c1["wait"], c1["channel"], c1["device"]) == (3, "ads", "phone")
    assert c1["seconds"] == 60 + visit_marts.LONGEST, "a visit that never ends counts four hours"
    assert (v2["visits"], v2["measured"], v2["paged"], v2["view"]) == (1, 0, 0, 0) and np.isnan(v2["wait"])


def test_what_looks_like_a_machine_is_counted_apart(story: Any) -> None:
    found = frame(visit_marts.machines(story)).set_index("machine")
    assert found.loc[True].tolist() == [1, 90] and found.loc[False].tolist() == [3, 4]


def test_steps_and_searches_by_hand(story: Any) -> None:
    steps = frame(visit_marts.steps(story))
    assert {(r.step, r.then): r.times for r in steps.itertuples()} == {
        ("start", "search"): 2, ("search", "search"): 1, ("search", "view"): 1, ("view", "cart"): 1,
        ("cart", "end"): 1, ("search", "purchase"): 1, ("purchase", "end"): 1,
    }  # fmt: skip
    matrix = funnel.step_matrix(steps)
    assert (
        matrix.sum(axis=1).tolist() == pytest.approx([1] * len(matrix))
        and matrix.loc["search", "view"] == 1 / 3
    )
    found = frame(visit_marts.searches(story)).set_index("query")
    assert found.loc["tea"].to_dict() == dict(searches=2, nothing=0, people=1, empty=0, looked=1, bought=1)
    assert found.loc["猫粮"].to_dict() == dict(searches=1, nothing=1, people=1, empty=1, looked=0, bought=0)


def test_presence_is_that_of_a_walk_through_days(shop: Any) -> None:
    random = np.random.default_rng(11)
    start, end = dt.date(2024, 4, 1), dt.date.fromisoformat(INFO.as_of)
    days = {
        (int(random.integers(12)), start + dt.timedelta(days=int(random.integers(70)))) for _ in range(60)
    }
    days |= {(0, start)}
    tables = shop(
        visitors=[link(f"v{i}", None, at("04-01")) for i in range(12)],
        sessions=[
            visit(f"s{k}", f"v{i}", dt.datetime(d.year, d.month, d.day, 9)) for k, (i, d) in enumerate(days)
        ],
        events=[],
    )
    found = visits.presence(frame(visit_marts.daily(tables)), end).set_index("date")
    assert list(found.index) == [start + dt.timedelta(days=i) for i in range(29, (end - start).days)]
    assert (found["day"] == 0).any(), "an empty day is a day of none, not a day left out"
    for day, row in found.iterrows():
        for width, column in ((1, "day"), (7, "week"), (30, "month")):
            assert row[column] == len({i for i, d in days if day - dt.timedelta(days=width) < d <= day})
    people = frame(visit_marts.people(tables))
    assert people["active"].sum() == found["day"].sum() and people["present"].sum() == found["month"].sum()
    whole = visits.stickiness(people)
    assert whole.value == pytest.approx(found["day"].sum() / found["month"].sum())


def test_a_month_of_presence_needs_a_month() -> None:
    days = pd.DataFrame(
        dict(date=[dt.date(2024, 6, 20)], active=[1], begin_7=[1], end_7=[0], begin_30=[1], end_30=[0])
    )
    with pytest.raises(ValueError, match="a month of presence needs 30"):
        visits.presence(days, dt.date(2024, 7, 1))


def test_quantiles_are_those_of_all_visits() -> None:
    values = np.array([5, 1, 1, 9, 3, 3, 3, 20])
    value, many = np.unique(values, return_counts=True)
    found = visits.quantiles(pd.DataFrame(dict(what="pages", value=value, visits=many)))
    shares = (0.25, 0.5, 0.75, 0.95)
    expected = np.quantile(values, shares, method="inverted_cdf")
    assert found[[f"{s:g}" for s in shares]].to_numpy()[0].tolist() == expected.tolist()


def made_of(n: int = 400) -> pd.DataFrame:
    random = np.random.default_rng(2)
    made = pd.DataFrame(dict(visits=random.integers(1, 9, n), known=random.integers(0, 2, n)))
    keen = random.random(n)
    for stage, before in zip(funnel.STAGES, ("visits", *funnel.STAGES[:-1]), strict=True):
        made[stage] = random.binomial(made[before], keen)
    return made.assign(left=made["cart"] - made["purchase"])


def test_the_funnel_knows_that_a_person_is_one_unit() -> None:
    """Against the cluster-robust error of a regression of visits on a constant."""
    import statsmodels.api as sm

    people = made_of()
    found = funnel.of_visits(people, 0.95).set_index("stage")
    each = people["visits"].to_numpy()
    who = np.repeat(np.arange(len(people)), each)
    nth = np.arange(len(who)) - np.repeat(np.cumsum(each) - each, each)
    cart = (nth < people["cart"].to_numpy()[who]).astype(float)
    fit = sm.OLS(cart, np.ones(len(who))).fit(
        cov_type="cluster", cov_kwds=dict(groups=who, use_correction=False)
    )
    own = found.loc["cart"]
    assert own["share"] == pytest.approx(fit.params[0])
    assert (own["high"] - own["low"]) / 2 == pytest.approx(1.966 * fit.bse[0], rel=2e-3)
    assert (found["visits"].diff().dropna() <= 0).all()
    assert own["of_before"] == pytest.approx(people["cart"].sum() / people["view"].sum())
    left = funnel.abandonment(people)
    assert left.value == pytest.approx(1 - people["purchase"].sum() / people["cart"].sum())
    ever = funnel.of_people(people).set_index("stage")["people"]
    assert ever["cart"] == (people["cart"] > 0).sum() and ever["sign-up"] == people["known"].sum()


def test_time_to_convert_by_hand() -> None:
    """Two come too early to be new; of four, one buys at once, one after 2 days, one is seen 4 days, one 1 day."""
    day = dt.date(2024, 6, 1)
    first = [day, day, *(day + dt.timedelta(days=d) for d in (5, 5, 5, 8))]
    people = pd.DataFrame(dict(first=first, wait=[0.0, np.nan, 0.0, 2.0, np.nan, np.nan]))
    curve = funnel.time_to_convert(people, dt.date(2024, 6, 11), 3)
    assert curve.at([0, 2, 4])[0].tolist() == pytest.approx([3 / 4, 3 / 4 / 2, 3 / 4 / 2])
    with pytest.raises(ValueError, match="Nobody came for the first time"):
        funnel.time_to_convert(people, dt.date(2024, 6, 11), 30)


def test_a_shop_where_everybody_does_the_same_has_no_interval() -> None:
    with pytest.raises(ValueError, match="there is no interval"):
        visits.frequency(pd.DataFrame(dict(visits=[2, 2, 2])))
