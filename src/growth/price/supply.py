"""How much to order of each product, and what carries the shop: classes, stages, stock, new products."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from growth.errors import attempt
from growth.price import assortment
from growth.price import stock as shelf
from growth.price.panel import Panel
from growth.price.service import Need, Service, tried
from growth.stats.proportions import wilson

LATELY, WEEK = 26, 7  # weeks that demand is taken from; days
BETWEEN = 1.0  # weeks between orders
QUIET = 8  # without a price list, a product that sold nothing in so many weeks is taken for gone
FEW = 5  # deliveries of a product from which on their spread is its own
_ORDERS = [
    "product_id", "weekly", "lead", "at_hand", "order", "safety", "served", "was_served", "cost", "short_weeks"
]  # fmt: skip
GONE = "not on sale any more: no row in the shop's last whole week"
UNSOLD = f"not sold in the shop's last {QUIET} weeks, and without a price list nothing says that it is still on sale"
UNCOUNTED = "its stock has not been counted in the last quarter"


@dataclass(frozen=True, eq=False)
class Orders:
    """What to order.

    Parameters
    ----------
    table : DataFrame
        ``product_id, weekly`` (demand), ``lead`` (weeks), ``at_hand`` (here and coming), ``order, safety`` (units
        beyond the demand expected until the delivery after next), ``served`` (probability that demand is met),
        ``was_served`` (share of past origins in which it would have been), ``cost`` (expected, of units short and left
        over), ``short_weeks`` (of the last 26).
    missing : mapping of str to str
        Products without a proposal, and why.
    service : Service
    once : int
        Products whose time of delivery is taken for sure, for nothing was delivered twice.
    """

    table: pd.DataFrame
    missing: Mapping[str, str]
    service: Service
    once: int = 0


@dataclass(frozen=True)
class _Plan:
    costs: shelf.Costs
    lead: float  # weeks
    deviation: float
    at_hand: int

    @property
    def periods(self) -> float:
        return self.lead + BETWEEN


def orders(
    panel: Panel,
    stock: pd.DataFrame,
    deliveries: pd.DataFrame,
    params: Any,
    products: pd.DataFrame | None = None,
) -> Orders:
    """Return what to order of each product on sale, by the newsvendor's rule.

    Parameters
    ----------
    panel : Panel
    stock, deliveries : DataFrame
        The marts of these names.
    params : Params
        ``handling, fee, refunded, holding``.
    products : DataFrame, optional
        The mart of that name; of it ``asked``, the price without promotions.

    Notes
    -----
    Weeks in which stock ran out say only how much was wanted at least (`growth.price.stock.fit`). Underage is the
    margin lost; overage is a week in stock at `holding` a year, for what is left is sold later. Weeks are alike, and
    past weeks missed farther than a fit of them says: `growth.price.service`.
    """
    weeks = _weeks(panel, stock)
    lead = leads(deliveries)
    plans, missing = _plans(weeks, stock, lead, _asked(panel, products), params)
    needs = {n: Need(p.costs.ratio, p.periods) for n, p in plans.items()}
    service, rows = tried(weeks.units, weeks.out, needs, LATELY), []
    for name, plan in plans.items():
        units = weeks.units[name].to_numpy(float)[-LATELY:]
        short, there = weeks.out[name].to_numpy(bool)[-LATELY:], np.isfinite(units)
        found, why = attempt(_order, units[there], short[there], plan, service)
        if found is None:
            missing[name] = why
        else:
            rows.append(dict(product_id=name, was_served=service.products.get(name, np.nan), **found))
    once = int(lead["once"].reindex([r["product_id"] for r in rows]).sum())
    return Orders(pd.DataFrame(rows, columns=_ORDERS), missing, service, once)


def _plans(
    weeks: _Weeks, stock: pd.DataFrame, lead: pd.DataFrame, asked: dict[str, float], params: Any
) -> tuple[dict[str, _Plan], dict[str, str]]:
    """Return costs, lead time and stock of each product on sale, and why others have no order."""
    own, delivered = stock.set_index("product_id").to_dict("index"), lead.to_dict("index")
    plans: dict[str, _Plan] = {}
    missing: dict[str, str] = {}
    for name in map(str, weeks.units.columns):
        if name not in weeks.on_sale:
            missing[name] = weeks.why_not
        elif name not in own:
            missing[name] = UNCOUNTED
        else:
            plan, why = attempt(_plan, own[name], delivered.get(name), asked[name], params)
            if plan is None:
                missing[name] = why
            else:
                plans[name] = plan
    return plans, missing


@dataclass(frozen=True, eq=False)
class _Weeks:
    units: pd.DataFrame  # weeks by products; NaN: not on sale
    out: pd.DataFrame  # whether stock ran out
    on_sale: frozenset[str]  # now
    why_not: str  # of the others


def _weeks(panel: Panel, stock: pd.DataFrame) -> _Weeks:
    """Return units by week and product, whether stock ran out, and what is on sale now.

    Notes
    -----
    With a price list, on sale is what has a row in the shop's last whole week. Without one a row is a sale, so that
    weeks after a product's last sale are zeros; where nothing is in stock, they are weeks in which it ran out.
    """
    rows = panel.rows.assign(
        week=pd.to_datetime(panel.rows["week"]), product_id=panel.rows["product_id"].astype(str)
    )
    every = pd.date_range(rows["week"].min(), rows["week"].max(), freq="7D")
    units = rows.pivot(index="week", columns="product_id", values="units").reindex(every).astype(float)
    out = rows.pivot(index="week", columns="product_id", values="out").reindex(every).astype(float) > 0
    if rows["days"].notna().any():
        return _Weeks(units, out, frozenset(units.columns[units.iloc[-1].notna()]), GONE)
    after = (units.notna().cumsum() > 0) & units.isna()
    nothing = set(stock.loc[stock["closing"] <= 0, "product_id"].astype(str))
    out |= after & pd.Series(units.columns.isin(nothing), units.columns)
    recent = units.iloc[-QUIET:].fillna(0.0).sum() > 0
    return _Weeks(units.mask(after, 0.0), out, frozenset(units.columns[recent]), UNSOLD)


def leads(deliveries: pd.DataFrame) -> pd.DataFrame:
    """Return by product ``lead, deviation`` (days), ``coming`` (units), ``once`` (nothing was delivered twice).

    Notes
    -----
    Of several suppliers by how many orders each delivered: mean sum w l, variance sum w (s^2 + (l - mean)^2). Where a
    supplier delivered a product fewer than five times, s is that of all its deliveries about each product's mean, and
    that of all suppliers where it delivered nothing twice.
    """
    d = deliveries[deliveries["orders"] > 0].copy()
    d["freedom"] = (d["orders"] - 1).clip(lower=0)
    d["squares"] = d["freedom"] * d["lead_deviation"].fillna(0.0) ** 2
    pooled = d.groupby("supplier_id")[["squares", "freedom"]].transform("sum")
    everyone = d["squares"].sum() / d["freedom"].sum() if d["freedom"].sum() else 0.0
    spread = (pooled["squares"] / pooled["freedom"].where(pooled["freedom"] > 0)).fillna(everyone)
    own = d["orders"] >= FEW
    d["variance"] = spread.where(~own, d["lead_deviation"].astype(float) ** 2)
    d["weight"] = d["orders"] / d.groupby("product_id")["orders"].transform("sum")
    d["lead"] = d["lead"].astype(float)
    mean = (d["weight"] * d["lead"]).groupby(d["product_id"]).sum()
    apart = (d["lead"] - d["product_id"].map(mean)) ** 2
    variance = (d["weight"] * (d["variance"] + apart)).groupby(d["product_id"]).sum()
    found = pd.DataFrame(dict(lead=mean, deviation=np.sqrt(variance)))
    coming = deliveries.groupby("product_id")["coming"].sum()
    found = found.reindex(coming.index).assign(coming=coming)
    return found.assign(once=found["lead"].notna() & (d["freedom"].sum() == 0))


def _asked(panel: Panel, products: pd.DataFrame | None) -> dict[str, float]:
    """Return the price asked of each product: of the mart, else the list price of its last week, else its price."""
    last = panel.rows.sort_values("week", kind="stable").groupby("product_id").tail(1).set_index("product_id")
    price = last["list_price"].astype(float).fillna(last["price"].astype(float))
    if products is not None and "asked" in products:
        known = products.set_index("product_id")["asked"].astype(float).reindex(price.index)
        price = known.where(known > 0).fillna(price)
    return {str(k): float(v) for k, v in price.items()}


def _plan(own: Mapping[Any, Any], lead: Mapping[Any, Any] | None, asked: float, params: Any) -> _Plan:
    if lead is None or not np.isfinite(lead["lead"]):
        raise ValueError("nothing has been delivered, so its lead time is not known")
    if not own["unit_cost"] > 0:
        raise ValueError("its cost is not known")
    price = asked * (1 - params.fee - params.refunded) - params.handling
    costs = shelf.Costs(price, float(own["unit_cost"]), params.holding / 52)
    at_hand = int(own["closing"] + lead["coming"])
    return _Plan(costs, float(lead["lead"]) / WEEK, float(lead["deviation"]) / WEEK, at_hand)


def _order(units: Any, short: Any, plan: _Plan, service: Service) -> dict[str, float]:
    fitted = shelf.fit(units, short)
    until = fitted.next(plan.periods, plan.deviation, service.rho, service.stretch)
    found = shelf.order(until, plan.costs, plan.at_hand)
    return dict(
        weekly=fitted.demand.mean, lead=plan.lead, at_hand=plan.at_hand, order=found.units,
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
