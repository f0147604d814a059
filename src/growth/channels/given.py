"""What a dataset gives the page: marts, and which of the page's parts they are enough for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from growth.channels import geo, model, money, response
from growth.channels.calibrate import Table
from growth.channels.model import Claims, Tested
from growth.errors import attempt

NAMES = (
    "paths_by_group", "given_paths", "timed_paths", "left_out", "quarter_paths", "channel_tests", "regions_drawn",
    "customers_drawn", "tested_paths", "region_weeks", "spend_by_day", "new_customers", "campaigns", "joined",
    "invitations", "kinds", "outcomes", "given_tests",
)  # fmt: skip
Marts = Mapping[str, pd.DataFrame | None]


def paths(has: Marts) -> pd.DataFrame | None:
    """Return the paths to give credit on: by group of people, or as given; None: there are none."""
    own = has["paths_by_group"]
    return own if own is not None else has["given_paths"]


def tested(has: Marts, found: Claims, params: Any) -> tuple[list[Tested], dict[str, str]]:
    """Return what the tests of channels say (`growth.channels.model.measured`)."""
    tests = has["channel_tests"]
    if tests is None:
        return [], {}
    return model.measured(
        tests, has["customers_drawn"], has["regions_drawn"], has["region_weeks"], has["tested_paths"], found, params
    )  # fmt: skip


def costs(has: Marts, as_of: Any, params: Any) -> pd.DataFrame:
    """Return what is known of channels (`growth.channels.model.costs`)."""
    return model.costs(
        has["spend_by_day"], has["campaigns"], has["kinds"], has["new_customers"], as_of, params
    )


def quarter(
    has: Marts, done: Sequence[Tested], known: pd.DataFrame, found: Claims, as_of: Any, params: Any
) -> Table:
    """Return the one table of the last quarter; creators campaign by campaign where some were tested."""
    recent, campaigns = has["quarter_paths"], known_campaigns(has)[0]
    assert recent is not None
    creators = None
    if campaigns is not None and any(t.campaign for t in done):
        since = pd.Timestamp(as_of) - pd.Timedelta(days=91)
        creators, _why = attempt(
            money.of_creators, campaigns, done, since, pd.Timestamp(as_of), params.confidence
        )
    return model.quarter(recent, model.by_channel(done), known, found, params, creators)


def known_campaigns(has: Marts) -> tuple[pd.DataFrame | None, int]:
    """Return the campaigns whose creators are described, and how many are not."""
    rows = has["campaigns"]
    if rows is None:
        return None, 0
    known = rows[["followers", "audience_match", "suspicious", "tone", "cost"]].notna().all(axis=1)
    return rows[known], int((~known).sum())


def names(campaigns: pd.DataFrame) -> dict[str, str]:
    """Return what creators are called."""
    return dict(zip(campaigns["creator_id"], campaigns["name"], strict=True))


def invitations(has: Marts) -> tuple[pd.DataFrame, int]:
    """Return the invitations that can be: by somebody known, after signing up, taken up later; and how many cannot."""
    rows, people = has["invitations"], has["joined"]
    assert rows is not None and people is not None
    since = rows["inviter_id"].map(people.set_index("customer_id")["joined_at"])
    sound = (rows["invited_at"] >= since) & ~(rows["joined_at"] < rows["invited_at"])
    sound &= rows["inviter_id"] != rows["customer_id"]
    return rows[sound], int((~sound).sum())


def local(has: Marts) -> bool:
    """Return whether spend and orders are known by region."""
    spend = has["spend_by_day"]
    return spend is not None and has["region_weeks"] is not None and bool(spend["region"].notna().any())


def spending(has: Marts, done: Sequence[Tested], whole: Table, params: Any) -> money.Spending:
    """Return the response to spend: of regions (`growth.channels.money.spending`), and of customers kept away."""
    weeks, spend, tests, regions, recent = (
        has[n] for n in ("region_weeks", "spend_by_day", "channel_tests", "regions_drawn", "quarter_paths")
    )
    if weeks is None or spend is None or recent is None:
        raise ValueError("orders or spend by region are not known")
    none = pd.DataFrame(columns=["experiment_id", "region", "shown"])
    found = money.spending(
        weeks, spend, done, none if tests is None else tests, none if regions is None else regions, params
    )
    return money.with_user_tests(found, whole, spend, float(recent["conversions"].sum()), params)


def order_worth(has: Marts, params: Any) -> float:
    """Return what an order of the response leaves in the last quarter: value times margin, times the shop's growth.

    The response is that of the shop's usual size over all weeks; the last quarter may be larger.
    """
    recent, weeks = has["quarter_paths"], has["region_weeks"]
    assert recent is not None and weeks is not None
    sold = float(recent["conversions"].sum())
    usual = float(weeks.groupby("region")["orders"].mean().sum()) * money.WEEKS
    return float(recent["value"].astype(float).sum()) / sold * float(params.margin) * sold / usual


def synthetic(has: Marts, params: Any) -> geo.Synthetic:
    """Return the test of a few regions, whose outcome is known in sums.

    Raises
    ------
    ValueError
        If there is no test, or none of its regions was shown.
    """
    tests, rows = has["given_tests"], has["outcomes"]
    if tests is None or rows is None or tests.empty:
        raise ValueError("no test by region and its outcomes")
    first = tests[tests["experiment_id"] == tests["experiment_id"].min()]
    wide = rows.assign(date=pd.to_datetime(rows["date"])).pivot(
        index="date", columns="region", values="value"
    )
    start = pd.Timestamp(first["starts_on"].iloc[0])
    wide = wide[wide.index < pd.Timestamp(first["ends_on"].iloc[0])]
    shown = sorted(first.loc[first["shown"] == 1, "region"])
    if not shown:
        raise ValueError("no region of the test was shown anything")
    return geo.synthetic(wide, shown, start, None, params.confidence)


def one_series(has: Marts) -> bool:
    """Return whether outcome and spend are one series each, without regions."""
    rows, spend = has["outcomes"], has["spend_by_day"]
    return (
        rows is not None
        and spend is not None
        and bool(rows["region"].isna().all() and spend["region"].isna().all())
    )


def series(has: Marts, params: Any) -> response.Response:
    """Return the response of one series of outcomes to spend, season and trend held."""
    rows, spend = has["outcomes"], has["spend_by_day"]
    assert rows is not None and spend is not None
    wide = spend.assign(date=pd.to_datetime(spend["date"]), cost=spend["cost"].astype(float))
    wide = wide.pivot(index="date", columns="channel", values="cost").sort_index()
    outcome = rows.assign(date=pd.to_datetime(rows["date"])).set_index("date")["value"].sort_index()
    both = wide.index.intersection(outcome.index)
    held = response.controls(pd.DatetimeIndex(both))
    return response.fit(
        wide.loc[both], outcome.loc[both], params.seed, held.set_index(both),
        settings=response.Settings(draws=params.replicates), confidence=params.confidence,
    )  # fmt: skip
