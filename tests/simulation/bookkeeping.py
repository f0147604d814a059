"""What visits and orders were worth, added up with pandas from the raw tables: independent of the platform's code."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

import numpy as np
import pandas as pd

from growth.simulation.experiments import Experiment
from tests.simulation.conftest import Platform

Frames = Callable[[str], pd.DataFrame]
OFFSET = pd.Timedelta(hours=8)  # Asia/Shanghai
UNITS = {"customer": "customer_id", "visitor": "visitor_id", "session": "session_id", "region": "region"}


def fen(amounts: pd.Series) -> pd.Series:
    return (amounts.astype(float) * 100).round().astype("int64")


def person(ids: pd.Series) -> pd.Series:
    """The number of the person that an id of a customer, visitor, session or order carries."""
    return ids.str[1:8].astype(int)


def orders(frame: Frames) -> pd.DataFrame:
    """One row an order that was not cancelled: its ids, its local day, its revenue and contribution in fen."""
    o = frame("orders")
    o = o.assign(date=(o["placed_at"] + OFFSET).dt.normalize())
    lines = frame("order_lines").merge(o[["order_id", "date"]], on="order_id").sort_values("date")
    costs = frame("product_costs").assign(date=lambda c: pd.to_datetime(c["valid_from"])).sort_values("date")
    lines["date"] = lines["date"].astype("datetime64[us]")
    costs["date"] = costs["date"].astype("datetime64[us]")
    lines = pd.merge_asof(lines, costs[["product_id", "date", "unit_cost"]], on="date", by="product_id")
    lines["amount"], lines["goods"] = fen(lines["amount"]), fen(lines["unit_cost"]) * lines["quantity"]
    sums = lines.groupby("order_id")[["amount", "goods"]].sum()
    back = frame("returns")
    refund = fen(back["refund"]).groupby(back["order_id"]).sum()
    o = o.join(sums, on="order_id").assign(refund=o["order_id"].map(refund).fillna(0).astype("int64"))
    left = o["amount"] - o["goods"] - o["refund"] + fen(o["shipping_cost"]) - fen(o["fulfilment_cost"])
    left = (left - fen(o["payment_fee"])).where(o["paid_at"].notna(), 0)
    o = o.assign(revenue=o["amount"], contribution=left, person=person(o["order_id"]))
    o["session_id"] = "s" + o["order_id"].str[1:]
    return o[o["status"] != "cancelled"]


def asked(frame: Frames, lines: pd.DataFrame) -> pd.DataFrame:
    """Return lines (with their ``date``) and what the shelf asked: in the region, where a price was tried there."""
    lines = lines.assign(region=lines["order_id"].map(frame("orders").set_index("order_id")["region"]))
    prices = frame("prices").rename(columns={"promotion_id": "promotion"})
    everywhere = prices[prices["region"].isna()].drop(columns=["region", "price_list"])
    both = lines.merge(everywhere, on=["product_id", "date"], how="left")
    local = prices.dropna(subset=["region"])[["product_id", "region", "date", "price", "list_price"]]
    both = both.merge(local, on=["product_id", "region", "date"], how="left", suffixes=("", "_local"))
    for column in ("price", "list_price"):
        both[column] = both[f"{column}_local"].where(both[f"{column}_local"].notna(), both[column])
    return both


def visits(frame: Frames) -> pd.DataFrame:
    s = frame("sessions")
    return s.assign(date=(s["started_at"] + OFFSET).dt.normalize(), person=person(s["session_id"]))


def account(frame: Frames, people: Iterable[int], begin: date, end: date, until: date) -> dict[str, int]:
    """Visits, orders, revenue and contribution (fen) of some people, during and after."""
    people = set(people)
    came, bought = visits(frame), orders(frame)
    out = {}
    for window, low, high in (("during", begin, end), ("post", end, until)):
        inside = [
            f[f["person"].isin(people) & (f["date"] >= pd.Timestamp(low)) & (f["date"] < pd.Timestamp(high))]
            for f in (came, bought)
        ]
        out |= {
            f"{window} visits": len(inside[0]),
            f"{window} orders": len(inside[1]),
            f"{window} revenue": int(inside[1]["revenue"].sum()),
            f"{window} contribution": int(inside[1]["contribution"].sum()),
        }
    return out


def window(e: Experiment) -> tuple[date, date, date]:
    """First day, first day after, first day after the weeks that are watched."""
    begin = pd.Timestamp(e.start)
    end = begin + pd.Timedelta(weeks=e.weeks)
    return begin.date(), end.date(), (end + pd.Timedelta(weeks=e.post_weeks)).date()


def by_unit(platform: Platform, e: Experiment, known: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row a unit as the assignments name it: its arm, orders, and contribution less the arm's cost (CNY).

    `known`: the platform's `orders`, where they are worked out already.
    """
    unit = UNITS[e.unit]
    given = platform.frame("assignments").query("experiment_id == @e.id").drop_duplicates(unit)
    begin, _, until = window(e)
    o = orders(platform.frame) if known is None else known
    if e.unit == "customer":
        o = o.dropna(subset=["customer_id"])
    o = o[(o["date"] >= pd.Timestamp(begin)) & (o["date"] < pd.Timestamp(until))]
    sums = o.groupby(unit).agg(orders=("order_id", "size"), contribution=("contribution", "sum"))
    cost = platform.frame("experiment_arms").query("experiment_id == @e.id").set_index("arm")["unit_cost"]
    sent = platform.frame("contacts").query("campaign == @e.id")
    out = given[[unit, "arm"]].join(sums, on=unit).fillna({"orders": 0, "contribution": 0}).set_index(unit)
    spent = out["arm"].map(cost.astype(float))
    if e.unit == "customer":
        messages = sent["cost"].astype(float).groupby(sent["customer_id"]).sum()
        spent = spent + messages.reindex(out.index).fillna(0)
    return out.assign(contribution=out["contribution"] / 100 - spent)


def difference(units: pd.DataFrame, arm: str, control: str, metric: str) -> tuple[float, float]:
    """Difference in means, and its standard error."""
    one, other = (units.loc[units["arm"] == a, metric] for a in (arm, control))
    error = np.sqrt(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other))
    return float(one.mean() - other.mean()), float(error)
