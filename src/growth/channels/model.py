"""From paths and tests to one table: what rules claim, what tests say, and what the next quarter's money should do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from growth.channels import calibrate, geo, holdout, markov, rules, sampling, shapley
from growth.channels.calibrate import Measured
from growth.channels.paths import Credit, Paths, from_table
from growth.errors import attempt
from growth.stats.contrast import Estimate, Ratio, estimate

DIRECT = "direct"
# Rules that give every order's credit to the steps of its own path: they can be counted within a test.
BY_ORDER: dict[str, Callable[[Paths], Credit]] = {
    "first": rules.first,
    "last": rules.last,
    "last non-direct": rules.last_non_direct,
    "linear": rules.linear,
    "position": rules.position,
}
MARKOV, TOTAL, RATE, DECAY = "Markov", "Shapley, orders", "Shapley, rates", "time decay"


@dataclass(frozen=True, eq=False)
class Claims:
    """What every rule gives each channel.

    Parameters
    ----------
    table : DataFrame
        ``rule, channel, share, low, high`` of orders, and ``value_share``; intervals of sampling alone.
    order : int
        Of the Markov chain, chosen on paths held out; 0 where it could not be.
    lacking : mapping of str to str
        Rules that could not be worked out, and why.
    orders : float
    warnings : tuple of str
    """

    table: pd.DataFrame
    order: int
    lacking: Mapping[str, str]
    orders: float
    warnings: tuple[str, ...] = ()

    def shares(self, rule: str) -> dict[str, float]:
        """Return a rule's shares of orders by channel."""
        own = self.table[self.table["rule"] == rule]
        return dict(zip(own["channel"], own["share"], strict=True))


def claims(paths: pd.DataFrame, timed: pd.DataFrame | None, params: Any, most: int = 4) -> Claims:
    """Return what every rule gives each channel, over all paths.

    Parameters
    ----------
    paths : DataFrame
        ``path, conversions, value, nulls`` and, where people are known, ``cluster``: the mart ``paths_by_group`` or
        ``given_paths``.
    timed : DataFrame or None
        The mart ``timed_paths``; None: no decay with time.
    params : Params
        ``half_life, replicates, seed, confidence``.
    most : int
        Highest order of a Markov chain that is tried.

    Raises
    ------
    ValueError
        If no rule could be worked out.
    """
    made = from_table(_exact(paths))
    order, why = attempt(markov.choose_order, made, params.seed, most)
    chosen = order.best if order else 1
    plans: dict[str, Callable[[Paths], Any]] = {
        "first": rules.plan_first,
        "last": rules.plan_last,
        "last non-direct": rules.plan_last_non_direct,
        "linear": rules.plan_linear,
        "position": rules.plan_position,
        MARKOV: lambda p: markov.plan(p, chosen),
        TOTAL: shapley.plan_total,
        RATE: shapley.plan_rate,
    }
    found, lacking = [], {} if order else {"order of the chain": why}
    for name, plan in plans.items():
        shares, why = attempt(_shares, made, plan, params)
        if shares is None:
            lacking[name] = why
        else:
            found.append(shares.assign(rule=name))
    if not found:
        raise ValueError("; ".join(dict.fromkeys(lacking.values())))
    if timed is not None and len(timed):
        with_time = from_table(_exact(timed.assign(conversions=1)))
        decay, why = attempt(_shares, with_time, lambda p: rules.plan_time_decay(p, params.half_life), params)
        if decay is not None:
            found.append(decay.assign(rule=DECAY))
    warnings = shapley.rates(made).warnings if RATE not in lacking else ()
    return Claims(pd.concat(found, ignore_index=True), order.best if order else 0, lacking,
                  float(made.counts.conversions.sum()), tuple(warnings))  # fmt: skip


def _shares(paths: Paths, plan: Callable[[Paths], Any], params: Any) -> pd.DataFrame:
    return sampling.intervals(paths, plan(paths), params.seed, params.replicates, params.confidence).table()


def _exact(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a mart of paths with amounts as floats and without columns that are no path's."""
    keep = [c for c in ("path", "conversions", "value", "nulls", "cluster", "hours") if c in frame]
    return frame[keep].assign(value=frame["value"].astype(float))


def credit(paths: pd.DataFrame, found: Claims) -> pd.DataFrame:
    """Return orders and value that each rule gives each channel on some orders' paths.

    Parameters
    ----------
    paths : DataFrame
        ``path, conversions, value`` of the orders.
    found : Claims
        Whose shares stand for rules that look at all paths at once (Markov, Shapley, decay with time).

    Returns
    -------
    DataFrame
        ``rule, channel, orders, value``.
    """
    made = from_table(_exact(paths).assign(nulls=0))
    rows = []
    for name, rule in BY_ORDER.items():
        own = rule(made)
        rows += [(name, c, n, v) for c, n, v in zip(own.channels, own.conversions, own.value, strict=True)]
    total = float(made.counts.conversions.sum())
    for name in dict.fromkeys(found.table["rule"]):
        if name not in BY_ORDER:
            rows += [(name, c, share * total, np.nan) for c, share in found.shares(str(name)).items()]
    return pd.DataFrame(rows, columns=["rule", "channel", "orders", "value"])


@dataclass(frozen=True)
class Tested:
    """What a test says of a channel, beside what rules claim on the same orders.

    Parameters
    ----------
    experiment, channel, source : str
        ``source``: "user test" or "geo test".
    campaign : str or None
    units : int
        Customers or regions.
    orders : Estimate
        Incremental, of all units had all been shown against none; for regions, of those shown.
    revenue : Estimate or None
    claimed : mapping of str to float
        By rule, on the same orders, of touches that the test could prevent.
    customers : Estimate or None
        Incremental new customers, where the test tells them.
    """

    experiment: str
    channel: str
    source: str
    campaign: str | None
    units: int
    orders: Estimate
    revenue: Estimate | None
    claimed: Mapping[str, float]
    customers: Estimate | None = None

    def over_claim(self, rule: str) -> Ratio | None:
        """Return orders claimed for each that the channel brought; None where it brought exactly none."""
        return calibrate.per(self.claimed[rule], self.orders) if self.orders.value else None


def measured(
    tests: pd.DataFrame, customers: pd.DataFrame | None, regions: pd.DataFrame | None, weeks: pd.DataFrame | None,
    paths: pd.DataFrame | None, found: Claims, params: Any,
) -> tuple[list[Tested], dict[str, str]]:  # fmt: skip
    """Return what every test says, and why some say nothing.

    Parameters
    ----------
    tests, customers, regions, weeks, paths : DataFrame
        The marts ``channel_tests, customers_drawn, regions_drawn, region_weeks, tested_paths``; None: not there.
    found : Claims
    params : Params
    """
    done: list[Tested] = []
    missing: dict[str, str] = {}
    by_user = tests[tests["unit"] == "customer"]
    for _days, own in by_user.groupby(["starts_on", "ends_on"], sort=True):
        results: list[_Result] | None = None
        why = "what customers bought is not known"
        if customers is not None:
            results, why = attempt(_by_user, own, customers, params)
        if results is None:
            missing |= dict.fromkeys(own["experiment_id"], why)
            continue
        done += [_beside(t, paths, found, *r) for (_, t), r in zip(own.iterrows(), results, strict=True)]
    for _, one in tests[tests["unit"] == "region"].iterrows():
        result: _Result | None = None
        why = "what regions bought is not known"
        if weeks is not None and regions is not None:
            result, why = attempt(_by_region, one, regions, weeks, params)
        if result is None:
            missing[str(one["experiment_id"])] = why
        else:
            done.append(_beside(one, paths, found, *result))
    return done, missing


_Weights = tuple[float, float]  # of what is claimed on orders of those shown, and of those held out
_Result = tuple[Estimate, Estimate | None, Estimate | None, int, _Weights]


def _by_user(own: pd.DataFrame, customers: pd.DataFrame, params: Any) -> list[_Result]:
    """Return orders and revenue by channel of tests on the same days: one test, or several lots at once."""
    names = list(own["experiment_id"])
    rows = customers[customers["experiment_id"].isin(names)]
    wide = rows.pivot(index="customer_id", columns="experiment_id", values="shown").reindex(columns=names)
    whole = wide.dropna()
    sums = rows.drop_duplicates("customer_id").set_index("customer_id").loc[whole.index]
    frame = sums[["orders", "revenue", "before", "spent_before"]].astype(float).join(whole)
    planned = own["held_share"].fillna(0.5).astype(float).to_numpy()
    out: list[list[Estimate]] = []
    for metric, before in (("orders", "before"), ("revenue", "spent_before")):
        if len(names) == 1:
            held, shown = holdout.arms(frame, names[0], [metric, before])
            lift = holdout.intention_to_treat(
                held, shown, metric, str(own["channel"].iloc[0]), [before], planned[0], params.confidence
            )
            out.append([lift.total])
        else:
            cells = holdout.cells(frame, names, [metric, before])
            labels = [str(c) for c in own["channel"]]
            lot = holdout.factorial(cells, labels, metric, [before], planned.tolist(), params.confidence)
            out.append(list(lot.total))
    part = frame[names].mean()
    weights = [(1 / float(part[n]), 1 / (1 - float(part[n]))) for n in names]
    return [(o, r, None, len(frame), w) for o, r, w in zip(*out, weights, strict=True)]


def _by_region(one: pd.Series, regions: pd.DataFrame, weeks: pd.DataFrame, params: Any) -> _Result:
    drawn = regions[regions["experiment_id"] == one["experiment_id"]]
    shown, held = (sorted(drawn.loc[drawn["shown"] == s, "region"]) for s in (1, 0))
    start, end = pd.Timestamp(one["starts_on"]), pd.Timestamp(one["ends_on"])
    made, sold = [], (1.0, 1.0)
    for metric in ("orders", "revenue", "new"):
        wide = weeks.assign(value=weeks[metric].astype(float), week=pd.to_datetime(weeks["week"]))
        wide = wide.pivot_table(index="week", columns="region", values="value", aggfunc="sum").fillna(0.0)
        wide = wide[(wide.index >= start - pd.Timedelta(weeks=params.weeks_before)) & (wide.index < end)]
        first = wide.index[wide.index >= start]
        if not len(first) or len(first) == len(wide):
            raise ValueError("no whole week lies before or within the test")
        made.append(geo.relative(wide, shown, held, first[0], None, params.confidence).incremental)
        if metric == "orders":
            before = wide[wide.index < first[0]]
            sold = (1.0, float(before[shown].to_numpy().sum() / before[held].to_numpy().sum()))
    return made[0], made[1], made[2], len(drawn), sold


def _beside(
    test: pd.Series, paths: pd.DataFrame | None, found: Claims, orders: Estimate, revenue: Estimate | None,
    customers: Estimate | None, units: int, weights: _Weights,
) -> Tested:  # fmt: skip
    """Put beside a test what rules claim on the orders of those shown, for as many as the estimate is about.

    Less what they claim on those held out, who met the channel before the test: it cannot have changed that. Rules that
    look at all paths at once are lowered by as much as the even split.
    """
    own = None if paths is None else paths[paths["experiment_id"] == test["experiment_id"]]
    claimed: dict[str, float] = {}
    if own is not None and len(own):
        claimed = _claims(own, str(test["channel"]), found, weights)
    campaign = test["campaign_id"]
    return Tested(
        str(test["experiment_id"]), str(test["channel"]), "user test" if test["unit"] == "customer" else "geo test",
        None if pd.isna(campaign) else str(campaign), units, orders, revenue, claimed, customers,
    )  # fmt: skip


def _claims(paths: pd.DataFrame, channel: str, found: Claims, weights: _Weights) -> dict[str, float]:
    whole: dict[str, float] = {}
    early: dict[str, float] = {}
    for arm, into, weight in ((1, whole, weights[0]), (0, early, weights[1])):
        own = paths[paths["shown"] == arm]
        if len(own):
            table = credit(own, found)
            mine = table[table["channel"] == channel].set_index("rule")["orders"]
            into |= {str(r): float(mine.get(r, 0.0)) * weight for r in dict.fromkeys(table["rule"])}
    even = whole.get("linear", 0.0)
    kept = max(1 - early.get("linear", 0.0) / even, 0.0) if even > 0 else 1.0
    return {r: max(v - early.get(r, 0.0), 0.0) if r in BY_ORDER else v * kept for r, v in whole.items()}


def by_channel(done: Sequence[Tested]) -> list[Tested]:
    """Return tests of one channel (several campaigns of creators) as one: sums of what they found and of claims."""
    groups: dict[str, list[Tested]] = {}
    for t in done:
        groups.setdefault(t.channel, []).append(t)
    return [own[0] if len(own) == 1 else _added(own) for own in groups.values()]


def _added(own: Sequence[Tested]) -> Tested:
    level = own[0].orders.confidence
    revenue = [t.revenue for t in own if t.revenue is not None]
    return Tested(
        "+".join(t.experiment for t in own), own[0].channel, own[0].source, None, sum(t.units for t in own),
        calibrate.together([t.orders for t in own], confidence=level),
        calibrate.together(revenue, confidence=level) if len(revenue) == len(own) else None,
        {r: sum(t.claimed.get(r, 0.0) for t in own) for r in own[0].claimed},
    )  # fmt: skip


def quarter(
    paths: pd.DataFrame, done: Sequence[Tested], known: pd.DataFrame, found: Claims, params: Any,
    creators: Estimate | None = None,
) -> calibrate.Table:  # fmt: skip
    """Return the one table of the last quarter: what each channel brought, measured or allocated.

    Parameters
    ----------
    paths : DataFrame
        The mart ``quarter_paths``.
    done : sequence of Tested
        A channel each (`by_channel`).
    known : DataFrame
        From `costs`: ``channel, paid, spend, value``.
    found : Claims
    params : Params
        ``rule, confidence``.
    creators : Estimate, optional
        Incremental orders of creators in the quarter, campaign by campaign (`growth.channels.money.of_creators`): their
        campaigns differ too much for one rate.

    Notes
    -----
    A test measures what each order credited was worth when it ran: incremental over credited. That rate, times the
    orders credited in the quarter, is what the channel brought in it; its interval is the test's. New customers are
    told by tests of regions alone: who is not yet a customer is in no test of customers.
    """
    first = ~paths["returning"].astype(bool)
    mine, fresh = (_of_rule(p, found, params.rule) for p in (paths, paths[first]))
    new = fresh["orders"]
    rows = mine.drop(index=DIRECT, errors="ignore").reset_index()
    rows = rows.rename(columns=dict(orders="credit")).merge(known, how="outer", on="channel")
    rows["credit"] = rows["credit"].fillna(0.0)
    rows["paid"] = rows["paid"].fillna(False).astype(bool)
    rows["order_value"] = rows["value_x"] / rows["credit"].where(rows["credit"] > 0)
    rows["new_share"] = rows["channel"].map(new) / rows["credit"].where(rows["credit"] > 0)
    rows = rows.rename(columns=dict(value_y="value")).assign(monthly=lambda d: d["value"] / 12)
    worth = rows.set_index("channel")["order_value"]
    scaled = []
    for t in done:
        if creators is not None and t.campaign is None and "+" in t.experiment:
            earned = _times(creators, float(worth.get(t.channel, np.nan)))
            scaled.append(Measured(t.channel, f"{t.source}s, by creator", creators, earned))
            continue
        claimed, credited = t.claimed.get(params.rule, 0.0), float(mine["orders"].get(t.channel, 0.0))
        if claimed > 0:
            times = credited / claimed
            money = None if t.revenue is None or t.source == "geo test" else _times(t.revenue, times)
            new_ones = None if t.customers is None else _times(t.customers, times)
            scaled.append(Measured(t.channel, t.source, _times(t.orders, times), money, new_ones))
    of_users = {t.channel for t in done if t.source == "user test"}
    rows.loc[rows["channel"].isin(of_users), "new_share"] = np.nan
    columns = ["channel", "paid", "credit", "spend", "order_value", "new_share", "value", "monthly"]
    return calibrate.table(rows[columns], scaled, confidence=params.confidence)


def _of_rule(paths: pd.DataFrame, found: Claims, rule: str) -> pd.DataFrame:
    if not paths["conversions"].sum():
        return pd.DataFrame(dict(orders=[], value=[]), index=pd.Index([], name="channel"))
    made = credit(paths, found)
    return made[made["rule"] == rule].set_index("channel")[["orders", "value"]]


def _times(e: Estimate, times: float) -> Estimate:
    return estimate(e.value * times, e.error * times, e.freedom, e.confidence)


def days_within(campaigns: pd.DataFrame, since: pd.Timestamp, end: pd.Timestamp) -> pd.Series:
    """Return the share of each campaign's days that lies in some weeks."""
    first, last = pd.to_datetime(campaigns["starts_on"]), pd.to_datetime(campaigns["ends_on"])
    inside = (last.where(last < end, end) - first.where(first > since, since)).dt.days.clip(lower=0)
    return inside / (last - first).dt.days


def costs(
    spend: pd.DataFrame | None, campaigns: pd.DataFrame | None, kinds: pd.DataFrame | None,
    customers: pd.DataFrame | None, as_of: Any, params: Any, days: int = 91,
) -> pd.DataFrame:  # fmt: skip
    """Return what is known of channels: ``channel, paid, spend`` (of the last `days`), ``value`` (of a new customer).

    A channel is paid if it says so, or has spend and says nothing. What a campaign costs is spread over its days. A new
    customer's value is the revenue of its first year times the margin.
    """
    since, end = pd.Timestamp(as_of) - pd.Timedelta(days=days), pd.Timestamp(as_of)
    total: dict[str, float] = {}
    if spend is not None:
        lately = spend[pd.to_datetime(spend["date"]).between(since, end, inclusive="left")]
        sums = lately.groupby("channel")["cost"].sum().astype(float)
        total |= dict(zip(sums.index.astype(str), sums, strict=True))
    if campaigns is not None and len(campaigns):
        part = campaigns["cost"] * days_within(campaigns, since, end)
        total["creator"] = total.get("creator", 0.0) + float(part.sum())
    found = pd.DataFrame(dict(channel=sorted(total), spend=[total[c] for c in sorted(total)]))
    if kinds is not None:
        found = found.merge(kinds[["channel", "paid"]], how="outer", on="channel")
    else:
        found["paid"] = True
    found["paid"] = found["paid"].astype("boolean").fillna(found["spend"].notna()).astype(bool)
    found["spend"] = found["spend"].fillna(0.0)
    if customers is None:
        return found.assign(value=np.nan)
    old = customers[customers["followed"] > 0]
    each = old["revenue"].astype(float) / old["followed"] * params.margin
    return found.assign(value=found["channel"].map(dict(zip(old["channel"], each, strict=True))))
