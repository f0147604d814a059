"""The judge of recommendations: the same people with the same luck, under another policy.

Two forward runs share every draw; what differs is what the policy changed. The difference is the effect on these
people over the horizon, free of sampling noise between the two.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq

from growth.simulation import budgets as budgets_
from growth.simulation import pricing
from growth.simulation.channel_worlds import LAST
from growth.simulation.clock import DAY, END, date_of, day_of, utc_micros
from growth.simulation.policy import Policy
from growth.simulation.run import Job, simulate
from growth.simulation.world import TYPES, World

_SQL = """
with o as (
    select * from '{raw}/orders/*.parquet'
    where placed_at >= make_timestamp({start}) and paid_at is not null and status <> 'cancelled'
), h as (
    select count(*) as orders, coalesce(sum(shipping_cost - fulfilment_cost - payment_fee), 0) as handling from o
), l as (
    select coalesce(sum(quantity), 0) as units, coalesce(sum(amount), 0) as sales,
        coalesce(sum(quantity * unit_cost), 0) as goods
    from (select l.*, o.placed_at from '{raw}/order_lines/*.parquet' l join o using (order_id)) l
    asof join '{raw}/product_costs/*.parquet' c
      on l.product_id = c.product_id and (l.placed_at + interval 8 hour)::date >= c.valid_from
), r as (
    select coalesce(sum(refund), 0) as refunds from '{raw}/returns/*.parquet' join o using (order_id)
), s as (
    select count(*) as sessions from '{raw}/sessions/*.parquet' where started_at >= make_timestamp({start})
)
select sessions, orders, units, sales, refunds, sales - goods - refunds + handling as contribution
from h, l, r, s
"""


# What a campaign reached, from as_of on, and what its messages cost; tables that are there only with experiments.
_REACHED = {
    "reached": ("assignments", "select count(*) from {table} where assigned_at >= make_timestamp({start})"),
    "messages": (
        "contacts",
        "select coalesce(sum(cost), 0) from {table} where sent_at >= make_timestamp({start})",
    ),
    "spend": (
        "spend",
        "select coalesce(sum(cost), 0) from {table} where date + interval 0 hour >= make_timestamp({start})",
    ),
    "campaigns": (
        "campaigns",
        "select coalesce(sum(cost), 0) from {table} where starts_on + interval 0 hour >= make_timestamp({start})",
    ),
}


def outcome(raw: Path) -> dict[str, float]:
    """Return what came in from as_of on: sessions, orders, units, sales, refunds, contribution (CNY).

    Orders that were paid and not cancelled; contribution is sales less goods, refunds, fulfilment and fees,
    plus what buyers paid for shipping. ``reached`` counts the units that campaigns were given to, ``messages`` is
    what was spent on messages, ``spend`` what was spent on channels and ``campaigns`` on those of creators that began;
    nothing of these is taken off the contribution.
    """
    start = int(utc_micros(day_of(END) * DAY))
    quoted = str(raw).replace("'", "''")
    con = duckdb.connect()
    found = con.execute(_SQL.format(raw=quoted, start=start))
    names = [d[0] for d in found.description]
    row = found.fetchone()
    came = {name: float(value) for name, value in zip(names, row, strict=True)} if row else {}
    for name, (table, query) in _REACHED.items():
        there = any((raw / table).glob("*.parquet"))
        sql = query.format(table=f"'{quoted}/{table}/*.parquet'", start=start)
        came[name] = float(con.execute(sql).fetchone()[0]) if there else 0.0
    return came


def judge(
    settings: Any, policies: dict[str, Policy], horizon: int = 3, world: World | None = None
) -> dict[str, dict[str, float]]:
    """Run the next months under several policies, with the same draws.

    Parameters
    ----------
    settings : object
        As for `simulate`.
    policies : dict of str to Policy
        Name `Policy()` to have today's policy among them.
    horizon : int
        Months.

    Returns
    -------
    dict
        Policy name -> what came in, see `outcome`.
    """
    results = {}
    for name, policy in policies.items():
        with tempfile.TemporaryDirectory(prefix="judge-") as folder:
            raw = Path(folder) / "raw"
            simulate(settings, raw, Path(folder) / "truth", policy=policy, horizon=horizon, world=world)
            results[name] = outcome(raw)
    return results


def profit(
    settings: Any,
    price_lists: Mapping[str, Mapping[str, float]],
    horizon: int = 3,
    world: World | None = None,
) -> dict[str, float]:
    """Return what the shop keeps in the next months under price lists, CNY: its contribution.

    Parameters
    ----------
    settings : object
        As for `simulate`.
    price_lists : mapping of str to mapping of str to float
        Name -> product id -> list price, CNY, from as_of on; a product that is not named is priced as ever. An empty
        list is today's policy, which passes costs on and answers demand.
    horizon : int
        Months.
    """
    policies = {name: Policy(price_list=prices) for name, prices in price_lists.items()}
    found = judge(settings, policies, horizon, world)
    return {name: came["contribution"] for name, came in found.items()}


def budget(
    settings: Any, budgets: Mapping[str, Mapping[str, float]], horizon: int = 3, world: World | None = None
) -> dict[str, float]:
    """Return what the shop keeps in the next months under budgets, CNY: its contribution less what channels cost.

    Parameters
    ----------
    settings : object
        As for `simulate`.
    budgets : mapping of str to mapping of str to float
        Name -> channel -> factor on its spend, from as_of on; a channel that is not named keeps its own. What earlier
        spend left goes on.
    horizon : int
        Months.
    """
    policies = {name: Policy(channel_spend=factors) for name, factors in budgets.items()}
    found = judge(settings, policies, horizon, world)
    return {name: came["contribution"] - came["spend"] - came["campaigns"] for name, came in found.items()}


def expected_budget(
    settings: Any,
    raw: Path,
    truth: Path,
    budgets: Mapping[str, Mapping[str, float]],
    world: World | None = None,
) -> dict[str, float]:
    """Return what channels leave in the next quarter under budgets in closed form, CNY, for as many visits as last.

    Without the luck that moves `budget`, and without what follows from an order; see `growth.simulation.budgets`.
    In proportion to each other it is what budgets are to be judged by.

    Parameters
    ----------
    settings : object
        As for `simulate`.
    raw, truth : Path
        The tables and the truth that the run wrote.
    budgets : mapping of str to mapping of str to float
        As for `budget`.
    """
    job = Job.of(settings, None, pricing.AHEAD, world)
    ahead, level, found = job.state(), _level(raw, truth), {}
    for name, factors in budgets.items():
        plan = replace(job, policy=Policy(channel_spend=factors)).plan(ahead)
        found[name] = budgets_.expected(job.world, ahead, plan, level)
    return found


def _level(raw: Path, truth: Path) -> budgets_.Level:
    """Return what channels brought in the last quarter, and cost."""
    stated = {k: v["value"] for k, v in json.loads((truth / "truths.json").read_text("utf-8")).items()}
    head, tail = "channel ", ": expected orders in the last quarter"
    orders = {k[len(head) : -len(tail)]: float(n) for k, n in stated.items() if k.endswith(tail)}
    quoted = str(raw).replace("'", "''")
    spent = duckdb.sql(
        f"select channel, sum(cost) from '{quoted}/spend/*.parquet' where channel is not null "
        f"and date >= date '{date_of(day_of(END) - LAST)}' and date < date '{END}' and cost >= 0 group by channel"
    ).fetchall()
    worth = stated["later contribution in the last quarter"] / max(
        stated["later orders in the last quarter"], 1
    )
    return budgets_.Level(orders, worth, {channel: float(cost) for channel, cost in spent})


def expected_profit(
    settings: Any, truth: Path, price_lists: Mapping[str, Mapping[str, float]], world: World | None = None
) -> dict[str, float]:
    """Return what price lists leave in the next quarter in closed form, CNY, for as many needs as arose in the data.

    Without the luck of who chooses what, which moves `profit` by some per cent even between runs with the same draws;
    and without what an order costs whatever is on it. In proportion to each other it is what lists are to be judged by.

    Parameters
    ----------
    settings : object
        As for `simulate`.
    truth : Path
        The truth that the run wrote.
    price_lists : mapping of str to mapping of str to float
        As for `profit`; a product that is not named keeps its last list price.
    """
    job = Job.of(settings, None, None, world)
    state, rows = job.state(), pq.read_table(truth / "needs.parquet").to_pydict()
    needs = np.array(rows["needs"]).reshape(len(TYPES), -1)
    finished = np.array(rows["finished"]).reshape(needs.shape)[:, 0]
    ahead = replace(job, horizon=pricing.AHEAD).state()
    shelf = pricing.offer(job.world, state, ahead, needs, finished, float(rows["late"][0]))
    found = {}
    for name, prices in price_lists.items():
        asked = [prices.get(i, p) for i, p in zip(state.products.ids, shelf.price.ravel(), strict=True)]
        found[name] = pricing.total(shelf, np.reshape(asked, shelf.price.shape))
    return found
