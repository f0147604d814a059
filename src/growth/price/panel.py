"""Products and weeks made ready for estimates: prices, promotions, availability, what is left out and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

NO_CATEGORY = "without category"
HOURS = 168  # of a week
BULK = 0.05  # a median unit value so far below the median line price is a discount on quantity


@dataclass(frozen=True, eq=False)
class Panel:
    """Products and weeks made ready.

    Parameters
    ----------
    rows : DataFrame
        A row a product and whole week: the mart ``panel`` with ``price`` (offered, or the median line price),
        ``filled`` (carried forward over weeks of no sale), ``promotion`` (share of days), ``out`` (share of hours
        without stock), logs of price, cost and the competitor's price, ``category``.
    left_out : mapping of str to int
        Rows of the mart that are not in it, and why.
    bulk : DataFrame
        ``product_id, discount``: products whose revenue / units lies below the line price because many are bought
        cheaply; their unit value is not a price.
    """

    rows: pd.DataFrame
    left_out: Mapping[str, int] = field(default_factory=dict)
    bulk: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def there(self) -> pd.DataFrame:
        """Rows in which stock never ran out."""
        return self.rows[self.rows["out"] == 0]

    @property
    def sold(self) -> pd.DataFrame:
        """Of these, the weeks with a sale, with ``log_units``."""
        rows = self.there[self.there["units"] > 0]
        return rows.assign(log_units=np.log(rows["units"].astype(float)))

    @property
    def clusters(self) -> tuple[str, str]:
        """By what errors are clustered: product and week, or region and week where each region has its prices."""
        return ("region" if "region" in self.rows else "product_id"), "week"

    @property
    def costs_by(self) -> tuple[str, str]:
        """By what errors are clustered where costs are the instrument: a product's cost is one for all regions."""
        return "item", "week"

    @property
    def held(self) -> tuple[str, ...]:
        """What is held beside the price: promotions, where there were any."""
        return ("promotion",) if self.rows["promotion"].nunique() > 1 else ()


def prepare(panel: pd.DataFrame, products: pd.DataFrame | None) -> Panel:
    """Return the panel made ready.

    Parameters
    ----------
    panel : DataFrame
        The mart of that name, or ``panel_regions``: then a product in a region is one of its own, under the name
        "product @ region".
    products : DataFrame or None
        The mart of that name.

    Raises
    ------
    ValueError
        If no week is over, or none has a price.
    """
    if panel.empty:
        raise ValueError("no week is over in which a product was sold or on sale")
    rows = panel.assign(revenue=panel["revenue"].astype(float), item=panel["product_id"])
    if "region" in rows:
        rows["product_id"] = rows["item"] + " @ " + rows["region"]
    rows = rows.sort_values(["product_id", "week"])
    offered = bool(rows["days"].notna().any())
    left_out: dict[str, int] = {}
    if offered:
        usual = float(rows["days"].mode().max())  # 7, or 1 where prices are noted once a week
        rows, left_out = _kept(
            rows, rows["days"] >= usual, "on sale on fewer days of the week than usual", left_out
        )
        rows["filled"] = False
    else:
        rows = _filled(rows)
    rows, left_out = _kept(rows, rows["price"].notna() & (rows["price"] > 0), "no price", left_out)
    if rows.empty:
        raise ValueError("no product has a week with a price")
    rows["promotion"] = rows["promoted"].fillna(0).astype(float) / rows["days"].fillna(1).astype(float)
    rows["out"] = rows["hours_out"].fillna(0).astype(float) / HOURS
    for name, column in (("log_price", "price"), ("log_cost", "unit_cost"), ("log_rivals", "rivals")):
        values = rows[column].astype(float)
        rows[name] = np.log(values.where(values > 0))
    known = None if products is None else products.set_index("product_id")["category"]
    rows["category"] = NO_CATEGORY if known is None else rows["item"].map(known).fillna(NO_CATEGORY)
    return Panel(rows.reset_index(drop=True), left_out, _bulk(rows))


def _kept(
    rows: pd.DataFrame, keep: pd.Series, why: str, left_out: dict[str, int]
) -> tuple[pd.DataFrame, dict[str, int]]:
    gone = int((~keep.fillna(False)).sum())
    return rows[keep.fillna(False)].copy(), left_out | ({why: gone} if gone else {})


def _filled(rows: pd.DataFrame) -> pd.DataFrame:
    """Return weeks from each product's first sale to its last, weeks of no sale with the price carried forward."""
    week = pd.to_datetime(rows["week"])
    span = [
        pd.DataFrame(dict(product_id=p, week=pd.date_range(w.min(), w.max(), freq="7D").date))
        for p, w in week.groupby(rows["product_id"])
    ]
    whole = pd.concat(span).merge(rows.assign(week=week.dt.date), how="left", on=["product_id", "week"])
    whole["filled"] = whole["line_price"].isna()
    whole["price"] = whole.groupby("product_id")["line_price"].ffill()
    zero = dict(units=0, lines=0, revenue=0.0, aside=0)
    return whole.fillna(zero).astype(dict(units=int, lines=int))


def _bulk(rows: pd.DataFrame) -> pd.DataFrame:
    sold = rows[rows["units"] > 0]
    value = np.log(sold["revenue"] / sold["units"]) - np.log(sold["line_price"])
    found = value.groupby(sold["product_id"]).median().rename("discount")
    return found[found < -BULK].reset_index()
