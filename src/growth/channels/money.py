"""From tests and spend to decisions: creators in one score, the response to spend, the budget of the next quarter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import PCG64, Generator

from growth.channels import budget, creators, model, response
from growth.channels.calibrate import Table
from growth.channels.model import Tested
from growth.channels.response import Curve, LiftTest, Mean, Response
from growth.stats.contrast import Estimate, critical, estimate
from growth.stats.moments import Floats

WEEKS = 13  # of a quarter
ENOUGH = 12  # tested creators from which on all features may be leant on; fewer bear one


def scored(
    campaigns: pd.DataFrame, done: Sequence[Tested], margin: float, confidence: float
) -> creators.Scores:
    """Return creators in one score: incremental money of the next campaign, few tests drawn towards likeness.

    Parameters
    ----------
    campaigns : DataFrame
        The mart of that name.
    done : sequence of Tested
        Those of single campaigns count.
    margin : float
        Share of revenue that is left.
    confidence : float

    Raises
    ------
    ValueError
        If too few campaigns were tested.
    """
    found = _of_campaigns(
        campaigns, {t.campaign: t.revenue for t in done if t.campaign and t.revenue is not None}
    )
    found[["estimate", "error"]] *= margin
    last = campaigns.sort_values("starts_on").groupby("creator_id").last().reset_index()
    people = last.rename(columns=dict(creator_id="creator"))
    return _score(people, found, confidence)


def _score(people: pd.DataFrame, found: pd.DataFrame, confidence: float) -> creators.Scores:
    own = creators.own(found)
    features = creators.FEATURES if len(own) >= ENOUGH else creators.FEATURES[:1]
    return creators.score(people, own, features, confidence)


def _of_campaigns(campaigns: pd.DataFrame, results: Mapping[str, Estimate]) -> pd.DataFrame:
    """Return ``creator, estimate, error`` of the campaigns that were tested."""
    own = campaigns[campaigns["campaign_id"].isin(results)]
    if own.empty:
        raise ValueError("no campaign of a creator was tested")
    rows = [
        (c, results[k].value, results[k].error)
        for k, c in zip(own["campaign_id"], own["creator_id"], strict=True)
    ]
    return pd.DataFrame(rows, columns=["creator", "estimate", "error"])


def of_creators(
    campaigns: pd.DataFrame,
    done: Sequence[Tested],
    since: pd.Timestamp,
    until: pd.Timestamp,
    confidence: float,
) -> Estimate:
    """Return incremental orders of the campaigns of some weeks, each creator's as tests and likeness say.

    A campaign counts as its creator's expected one, by the share of its days that lie in these weeks, as its cost does;
    errors of creators are taken for independent.
    """
    found = _of_campaigns(campaigns, {t.campaign: t.orders for t in done if t.campaign})
    people = campaigns.sort_values("starts_on").groupby("creator_id").last().reset_index()
    table = _score(people.rename(columns=dict(creator_id="creator")), found, confidence).table.set_index(
        "creator"
    )
    times = model.days_within(campaigns, since, until).groupby(campaigns["creator_id"]).sum()
    z = critical(np.inf, confidence)
    error = (table["high"] - table["low"]) / 2 / z
    value = float((table["expected"].reindex(times.index) * times).sum())
    return estimate(
        value, float(np.sqrt(((error.reindex(times.index) * times) ** 2).sum())), np.inf, confidence
    )


@dataclass(frozen=True, eq=False)
class Spending:
    """The response to spend, and what it is measured in.

    Parameters
    ----------
    response : Response
        Orders of a region and week over the region's usual ones, on spend over the same.
    size : float
        Usual orders a week of all regions: what a unit stands for.
    today : dict of str to float
        Spend a week for each usual order, of the last quarter, by channel.
    draws : tuple of tuple of Curve
        What the curves of these channels might be.
    seen : DataFrame
        ``channel, low, high``: spend a week for each usual order that was observed.
    """

    response: Response
    size: float
    today: dict[str, float]
    draws: tuple[tuple[Curve, ...], ...]
    seen: pd.DataFrame


def spending(
    weeks: pd.DataFrame, spend: pd.DataFrame, done: Sequence[Tested], tests: pd.DataFrame, regions: pd.DataFrame,
    params: Any,
) -> Spending:  # fmt: skip
    """Fit orders by region and week to spend, calibrated to the tests by region.

    Parameters
    ----------
    weeks, spend, tests, regions : DataFrame
        The marts ``region_weeks, spend_by_day, channel_tests, regions_drawn``.
    done : sequence of Tested
    params : Params

    Raises
    ------
    ValueError
        If no channel's spend is known by region, or it does not move.
    """
    frame, channels, usual = _panel(weeks, spend)
    lifts = [t for t in done if t.source == "geo test" and t.channel in channels]
    facts = [_lift(t, frame, tests, regions, usual) for t in lifts]
    setting = response.Settings(lags=4, draws=params.replicates)
    fit = response.fit_panel(
        frame, channels, "orders", "region", "week", params.seed, tests=facts, settings=setting,
        confidence=params.confidence,
    )  # fmt: skip
    last = frame[frame["week"] > frame["week"].max() - pd.Timedelta(weeks=WEEKS)]
    heads = usual.reindex(last["region"]).to_numpy()
    today = {c: float((last[c] * heads).sum() / heads.sum()) for c in channels}
    return Spending(fit, float(usual.sum()), today, fit.draws, fit.seen)


def with_user_tests(found: Spending, whole: Table, spend: pd.DataFrame, sold: float, params: Any) -> Spending:
    """Return the response with channels that customers were kept from, whose spend by region shows nothing.

    Parameters
    ----------
    found : Spending
    whole : Table
        What every channel brought in the last quarter; those measured on customers, and paid for, are taken.
    spend : DataFrame
        The mart ``spend_by_day``.
    sold : float
        Orders of the last quarter.
    params : Params
        ``half`` (assumed: spend, of today's, at which such a channel brings half of its most), ``seed, confidence``.

    Notes
    -----
    A test on customers tells what today's spend brings, not what more or less would. The curve goes through the test's
    result at today's spend and saturates as assumed, y = b s / (s + half); the height b is drawn from the test's error,
    cut off at 0.
    """
    rows = whole.rows[(whole.rows["source"] == "user test") & (whole.rows["spend"] > 0)]
    rows = rows[~rows["channel"].isin(list(found.today))].reset_index(drop=True)
    mean = rows["orders"].to_numpy(float)
    error = (
        (rows["orders_high"] - rows["orders_low"]).to_numpy(float) / 2 / critical(np.inf, params.confidence)
    )
    noise = Generator(PCG64(params.seed)).standard_normal((len(found.draws), len(rows)))
    height = np.maximum(mean + error * noise, 0.0) / sold * (1 + params.half)
    today = rows["spend"].to_numpy(float) / (found.size * WEEKS)

    def curves(own: Floats) -> tuple[Curve, ...]:
        parts = zip(rows["channel"], own, today, strict=True)
        return tuple(Curve(str(c), "hill", float(b), params.half, float(s)) for c, b, s in parts)

    weekly = (
        spend.assign(cost=spend["cost"].astype(float)).groupby(["channel", "week"])["cost"].sum() / found.size
    )
    ends = weekly.groupby("channel").agg(["min", "max"]).reindex(rows["channel"])
    seen = pd.DataFrame(
        dict(channel=rows["channel"], low=ends["min"].to_numpy(), high=ends["max"].to_numpy())
    )
    return replace(
        found, today=found.today | dict(zip(rows["channel"], today.tolist(), strict=True)),
        draws=tuple(d + curves(own) for d, own in zip(found.draws, height, strict=True)),
        seen=pd.concat([found.seen, seen], ignore_index=True),
    )  # fmt: skip


def _panel(weeks: pd.DataFrame, spend: pd.DataFrame) -> tuple[pd.DataFrame, list[str], pd.Series]:
    local = spend[spend["region"].notna()]
    wide = local.assign(cost=local["cost"].astype(float)).pivot_table(
        index=["region", "week"], columns="channel", values="cost", aggfunc="sum"
    )
    usual = weeks.groupby("region")["orders"].mean()
    frame = weeks.set_index(["region", "week"])[["orders"]]
    both = wide.join(frame, how="outer")
    spans = wide.notna().groupby("week").any()
    channels = [str(c) for c in wide.columns if bool(spans[c].mean() > 0.9)]
    if not channels:
        raise ValueError("no channel's spend is known by region for most weeks")
    whole = spans[channels].all(axis=1)
    kept = both[
        both.index.get_level_values("week").isin(whole.index[whole])
        & both.index.get_level_values("region").isin(usual.index)
    ]
    sold = set(weeks["week"])
    kept = kept[[w in sold for w in kept.index.get_level_values("week")]]
    grid = pd.MultiIndex.from_product(
        [sorted(usual.index), sorted(set(kept.index.get_level_values("week")))], names=["region", "week"]
    )
    full = kept.reindex(grid).fillna(0.0).reset_index()
    heads = usual.reindex(full["region"]).to_numpy()
    for column in ("orders", *channels):
        full[column] = full[column].astype(float) / heads
    return (
        full[["region", "week", "orders", *channels]].assign(week=pd.to_datetime(full["week"])),
        channels,
        usual,
    )


def _lift(
    t: Tested, frame: pd.DataFrame, tests: pd.DataFrame, regions: pd.DataFrame, usual: pd.Series
) -> LiftTest:
    """Return a test by region in the panel's units: what taking a channel's spend away changes, a region and week."""
    row = tests.set_index("experiment_id").loc[t.experiment]
    shown = regions[(regions["experiment_id"] == t.experiment) & (regions["shown"] == 1)]["region"]
    start, end = (pd.Timestamp(str(row[c])) for c in ("starts_on", "ends_on"))
    own = frame[(frame["week"] >= start) & (frame["week"] < end) & frame["region"].isin(shown)]
    heads = usual.reindex(own["region"]).to_numpy()
    spent = float((own[t.channel] * heads).sum() / heads.sum())
    return LiftTest(t.channel, spent, -spent, -t.orders.value / heads.sum(), t.orders.error / heads.sum())


def next_quarter(found: Spending, order_worth: float, move: float, confidence: float) -> budget.Plan:
    """Return the split of today's total that is expected to leave most, over channels whose response is known.

    Parameters
    ----------
    found : Spending
    order_worth : float
        Money that an order leaves before spend.
    move : float
        Share by which a channel's spend may be moved.
    confidence : float
    """
    curves = [Mean(parts) for parts in zip(*found.draws, strict=True)]
    today = [found.today[c.channel] for c in curves]
    low, high = ([t * (1 + side * move) for t in today] for side in (-1, 1))
    return budget.plan(
        curves, today, order_worth, found.draws, found.seen, low=[max(v, 0.0) for v in low], high=high,
        confidence=confidence,
    )  # fmt: skip
