"""The price list: what is known of each product today, and what its price should be within the guards."""

from __future__ import annotations

from math import inf, sqrt
from typing import Any

import numpy as np
import pandas as pd

from growth.price.ladder import Rung
from growth.price.panel import Panel
from growth.price.profit import DRAWS, apart, normal_draws, scrambled, summary
from growth.price.recommend import Guards, Other, Product, Reason, price_list
from growth.stats.moments import Floats

LATELY, SEEN = 13, 52  # weeks: units and promotions of today; prices that were seen
OTHERS = 0  # number of the draws of what the others' prices do; products have those after it


def offers(
    panel: Panel, products: pd.DataFrame | None, elasticity: pd.DataFrame, missing: dict[str, str],
    beside: Rung | None, params: Any,
) -> list[Product]:  # fmt: skip
    """Return every product that is on sale now, with what is known of it.

    Parameters
    ----------
    panel : Panel
    products : DataFrame or None
        The mart of that name: prices, costs and competitors of the last day.
    elasticity : DataFrame
        From `growth.price.model.elasticities`.
    missing : dict of str to str
        Products without one, and why.
    beside : Rung or None
        What units gain when all others of the category cost more (`growth.price.model.cross`); None: not known.
    params : Params
        ``handling, fee, refunded``.
    """
    now = _today(panel.rows, products, elasticity)
    draws = {
        str(r.product_id): _draws(r, number) for number, r in enumerate(elasticity.itertuples(), OTHERS + 1)
    }
    profit = (now["price"] * (1 - params.fee - params.refunded) - now["unit_cost"] - params.handling) * now[
        "units"
    ]
    made = []
    for name, row in now.iterrows():
        cost = float(row["unit_cost"]) + params.handling if row["unit_cost"] > 0 else None
        rival = float(row["rival"]) if row["rival"] > 0 else None
        seen = float(row["lowest"]), float(row["highest"])
        made.append(
            Product(
                str(name), float(row["price"]), float(row["units"]), cost, draws.get(str(name)), seen,
                params.fee + params.refunded, rival, inf, _others(now, profit, str(name), beside),
                missing.get(str(name), ""),
            )
        )  # fmt: skip
    return made


def _draws(row: Any, number: int) -> Floats:
    return float(row.elasticity) + apart(float(row.common), float(row.freedom), float(row.own), number)


def _today(rows: pd.DataFrame, products: pd.DataFrame | None, elasticity: pd.DataFrame) -> pd.DataFrame:
    """Return what is on sale in the last whole week: list price, cost, competitor, units a week, prices seen.

    Units are those of the last plain weeks, each brought to today's price by the product's elasticity.
    """
    last = rows["week"].max()
    week = pd.to_datetime(rows["week"])
    back = (pd.Timestamp(last) - week).dt.days // 7
    own = rows.assign(back=back)
    there = own[own["back"] == 0]["product_id"]
    own = own[own["product_id"].isin(there)].sort_values(["product_id", "week"])
    plain = own[(own["back"] < LATELY) & (own["promotion"] == 0) & (own["out"] == 0)]
    seen = own[own["back"] < SEEN].groupby("product_id")["price"].agg(["min", "max"])
    newest = own.groupby("product_id").last()
    now = dict(asked=newest["price"], cost=newest["unit_cost"], rival=newest["rival"])
    if products is not None:
        known = products.set_index("product_id").reindex(newest.index)
        now = {c: known[c].astype(float).fillna(v.astype(float)) for c, v in now.items()}
    answer = elasticity.set_index("product_id")["elasticity"].reindex(newest.index).fillna(0.0)
    ratio = plain["product_id"].map(now["asked"]).astype(float) / plain["price"].astype(float)
    brought = plain["units"] * ratio ** plain["product_id"].map(answer)
    units = brought.groupby(plain["product_id"]).mean()
    return pd.DataFrame(
        dict(price=now["asked"], unit_cost=now["cost"].astype(float), rival=now["rival"].astype(float),
             category=newest["category"], units=units.reindex(newest.index).fillna(0.0),
             lowest=np.minimum(seen["min"], now["asked"]), highest=np.maximum(seen["max"], now["asked"]))
    )  # fmt: skip


def _others(now: pd.DataFrame, profit: pd.Series, name: str, beside: Rung | None) -> list[Other]:
    """Return the rest of the category as one: what all of it leaves a week, and how that answers this price.

    A product answers the mean price of the others weighted by what they sell, so this price by its share of them.
    """
    if beside is None or beside.estimate is None:
        return []
    e = beside.estimate
    category = now[now["category"] == now.loc[name, "category"]]
    rest, sold = category.index[category.index != name], category["units"]
    left = profit[rest].fillna(0)
    if not len(rest) or not left.sum() > 0 or not sold.sum() > sold[rest].max():
        return []
    share = sold[name] / (sold.sum() - sold[rest])
    scale = float((left * share).sum() / left.sum())
    tie = beside.with_own
    error = tie * normal_draws(0.0, 1.0, DRAWS) + sqrt(1 - tie**2) * scrambled(0.0, 1.0, OTHERS)
    answer = scale * (e.value + e.error * error)
    return [Other(float(left.sum()), answer)]


def guards(params: Any) -> Guards:
    """Return the guards of the parameters."""
    return Guards(
        margin=params.margin_floor, step=params.step, index=(params.rival_low, params.rival_high), sure=params.sure,
        confidence=params.confidence,
    )  # fmt: skip


def recommended(products: list[Product], params: Any, alone: bool = False) -> pd.DataFrame:
    """Return the price list (`growth.price.recommend.price_list`) under the guards of the parameters.

    Parameters
    ----------
    products : list of Product
    params : Params
    alone : bool
        What products take from each other is not known. A cut then looks better than it is, so none is made.
    """
    table = price_list(products, guards(params))
    if alone and len(products) > 1:
        cut = table["price"] < table["today"]
        sentence = f"{Reason.OTHERS}: a lower price would take from the others, and how much is not known."
        table.loc[cut, ["price", "reason", "sentence"]] = table.loc[cut, ["today"]].assign(
            reason=str(Reason.OTHERS), sentence=sentence[:1].upper() + sentence[1:]
        ).to_numpy()  # fmt: skip
    return table


def gained(
    products: list[Product], table: pd.DataFrame, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Return what the changes of a price list leave a week more than today's prices: mean and interval over draws.

    Parameters
    ----------
    products : list of Product
    table : DataFrame
        From `recommended`.
    confidence : float

    Notes
    -----
    The level of the elasticities and the answer to the others' prices err together in all products, each product's
    distance from the level on its own: draw by draw as `growth.price.profit.apart` has them.
    """
    price = table.set_index("name")["price"]
    total = np.zeros(DRAWS)
    for one in products:
        if price[one.name] != one.price:
            profit = one.profit()
            total = total + profit.value(float(price[one.name])) - profit.value(one.price)
    return summary(total, confidence)


def curve(product: Product, confidence: float = 0.95, points: int = 80) -> pd.DataFrame:
    """Return ``price, gain, low, high``: profit a week less that of today's price, mean and interval over draws.

    Raises
    ------
    ValueError
        If its profit cannot be said (`growth.price.recommend.Product.profit`).
    """
    profit = product.profit()
    low, high = 0.85 * min(product.price, product.observed[0]), 1.15 * max(product.price, product.observed[1])
    price = np.linspace(low, high, points)
    gain = profit.value(price[:, None]) - profit.value(product.price)
    ends = np.quantile(gain, [(1 - confidence) / 2, (1 + confidence) / 2], axis=1)
    return pd.DataFrame(dict(price=price, gain=gain.mean(axis=1), low=ends[0], high=ends[1]))
