"""How much to order of each product, and what carries the shop: classes, stages, stock, new products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from growth.errors import attempt
from growth.price import assortment
from growth.price import stock as shelf
from growth.price.panel import Panel
from growth.stats.proportions import wilson

LATELY, WEEK = 26, 7  # weeks that demand is taken from; days
BETWEEN = 1.0  # weeks between orders
_ORDERS = ["product_id", "weekly", "lead", "at_hand", "order", "safety", "served", "cost", "short_weeks"]


def orders(
    panel: Panel, stock: pd.DataFrame, deliveries: pd.DataFrame, params: Any
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return what to order of each product in stock, by the newsvendor's rule.

    Parameters
    ----------
    panel : Panel
    stock, deliveries : DataFrame
        The marts of these names.
    params : Params
        ``handling, fee, refunded, holding``.

    Returns
    -------
    (DataFrame, dict)
        ``product_id, weekly`` (demand), ``lead`` (weeks), ``at_hand`` (here and coming), ``order, safety`` (units
        beyond the demand expected until the delivery after next), ``served`` (probability that demand is met),
        ``cost`` (expected, of units short and left over), ``short_weeks`` (of the last 26); and why others have none.

    Notes
    -----
    Weeks in which stock ran out say only how much was wanted at least (`growth.price.stock.fit`). Underage is the
    margin lost; overage is a week in stock at `holding` a year, for what is left is sold later.
    """
    own = stock.set_index("product_id")
    lead = deliveries.groupby("product_id").agg(
        lead=("lead", "mean"), deviation=("lead_deviation", "max"), coming=("coming", "sum")
    )
    rows, missing = [], {}
    lately = panel.rows.groupby("product_id").tail(LATELY)
    for name, weeks in lately.groupby("product_id"):
        if name not in own.index:
            continue
        found, why = attempt(
            _order, weeks, own.loc[name], lead.loc[name] if name in lead.index else None, params
        )
        if found is None:
            missing[str(name)] = why
        else:
            rows.append(dict(product_id=str(name), **found))
    return pd.DataFrame(rows, columns=_ORDERS), missing


def _order(weeks: pd.DataFrame, own: Any, lead: Any, params: Any) -> dict[str, float]:
    if lead is None or not np.isfinite(lead["lead"]):
        raise ValueError("nothing has been delivered, so its lead time is not known")
    price = float(weeks["price"].iloc[-1]) * (1 - params.fee - params.refunded) - params.handling
    if not own["unit_cost"] > 0:
        raise ValueError("its cost is not known")
    costs = shelf.Costs(price, float(own["unit_cost"]), params.holding / 52)
    fitted = shelf.fit(weeks["units"].to_numpy(), (weeks["out"] > 0).to_numpy())
    periods, deviation = lead["lead"] / WEEK + BETWEEN, float(np.nan_to_num(lead["deviation"])) / WEEK
    until = fitted.next(periods, deviation)
    at_hand = int(own["closing"] + lead["coming"])
    found = shelf.order(until, costs, at_hand)
    return dict(
        weekly=fitted.demand.mean, lead=lead["lead"] / WEEK, at_hand=at_hand, order=found.units,
        safety=found.level - until.mean, served=found.served, cost=found.cost, short_weeks=fitted.short,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Range:
    """What carries the shop.

    Parameters
    ----------
    table : DataFrame
        A row a product: ``product_id, category, revenue, share, abc, variation, xyz, stage``.
    classes : DataFrame
        ``abc``, and the number of products and share of revenue by ``xyz``.
    """

    table: pd.DataFrame
    classes: pd.DataFrame


def carries(panel: Panel) -> Range:
    """Return the class of each product by revenue (ABC) and by steadiness (XYZ), and its stage of life."""
    rows = panel.rows
    revenue = rows.groupby("product_id")["revenue"].sum()
    weekly = _whole(rows).rename(columns={"product_id": "product"})
    steady = assortment.xyz(weekly)
    stage, _ = attempt(assortment.stages, weekly)
    table = assortment.abc(revenue).rename(columns={"value": "revenue"})
    table = table.join(steady[["variation", "xyz"]])
    table["stage"] = stage["stage"] if stage is not None else "not known"
    table["category"] = rows.groupby("product_id")["category"].first()
    table = (
        table.rename_axis("product_id")
        .reset_index()
        .sort_values("revenue", ascending=False, ignore_index=True)
    )
    classes = (
        table.groupby(["abc", "xyz"])
        .agg(products=("product_id", "size"), share=("share", "sum"))
        .reset_index()
    )
    columns = ["product_id", "category", "revenue", "share", "abc", "variation", "xyz", "stage"]
    return Range(table[columns], classes)


def _whole(rows: pd.DataFrame) -> pd.DataFrame:
    """Return every week of each product from its first to the shop's last, zeros where there was none."""
    last = pd.Timestamp(rows["week"].max())
    week = pd.to_datetime(rows["week"])
    grid = [
        pd.DataFrame(dict(product_id=p, week=pd.date_range(w.min(), last, freq="7D")))
        for p, w in week.groupby(rows["product_id"])
    ]
    known = rows.assign(week=week)[["product_id", "week", "units"]]
    whole = pd.concat(grid).merge(known, how="left", on=["product_id", "week"])
    return whole.fillna(dict(units=0)).astype(dict(units=int))


def money_tied_up(stock: pd.DataFrame) -> pd.DataFrame:
    """Return stock turnover by product (`growth.price.assortment.turnover`), the most money first.

    Products of unknown cost are left out.
    """
    known = stock[stock["unit_cost"] > 0].rename(columns=dict(product_id="product", unit_cost="cost"))
    found = assortment.turnover(known[["product", "days", "units", "cost", "average"]])
    found = found.reset_index().rename(
        columns={"product": "product_id", found.index.name or "index": "product_id"}
    )
    return found.sort_values("tied_up", ascending=False, ignore_index=True)


def new_products(trials: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Return ``product_id, launched_on, had_chance, tried, trial, trial_low, trial_high, could_repeat, repeat, …``.

    Wilson intervals; `repeat` is empty where nobody's days of repeat are over.
    """
    rows = trials[trials["had_chance"] > 0].copy()
    rows["trial"] = rows["tried"] / rows["had_chance"]
    rows["trial_low"], rows["trial_high"] = wilson(rows["tried"], rows["had_chance"], confidence)
    some = rows["could_repeat"] > 0
    rows["repeat"] = rows["repeated"] / rows["could_repeat"].where(some)
    low, high = wilson(rows.loc[some, "repeated"], rows.loc[some, "could_repeat"], confidence)
    rows.loc[some, "repeat_low"], rows.loc[some, "repeat_high"] = low, high
    return rows.sort_values("launched_on", ascending=False, ignore_index=True)
