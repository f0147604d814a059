"""Purchase histories of the public datasets, as the published analyses make them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd


def cdnow(folder: Path) -> pd.DataFrame:
    """One row a customer and day: the raw log of the 1/10 sample."""
    rows = pd.read_csv(
        folder / "cdnow" / "CDNOW_sample.txt",
        sep=r"\s+",
        header=None,
        names=["master", "id", "day", "cds", "value"],
        dtype={"id": str, "day": str},
    )
    rows["day"] = pd.to_datetime(rows["day"], format="%Y%m%d")
    return rows.groupby(["id", "day"], as_index=False)["value"].sum()


def shop(folder: Path) -> pd.DataFrame:
    """One row a customer and day of Online Retail: sold lines of known customers."""
    rows = pd.read_parquet(folder / "online_retail" / "online_retail.parquet")
    rows = rows[(rows["Quantity"] > 0) & (rows["UnitPrice"] > 0) & rows["CustomerID"].notna()]
    days = pd.DataFrame(
        dict(
            id=rows["CustomerID"].astype("int64"),
            day=rows["InvoiceDate"].dt.normalize(),
            value=rows["Quantity"] * rows["UnitPrice"],
        )
    )
    return days.groupby(["id", "day"], as_index=False)["value"].sum()


def histories(days: pd.DataFrame, end: str) -> pd.DataFrame:
    """x, t_x, t in weeks and the mean value of repeat purchases, up to a day."""
    days = days[days["day"] <= end]
    first = days.groupby("id")["day"].min()
    again = days[days["day"] > days["id"].map(first)]
    x = again.groupby("id").size().reindex(first.index).fillna(0)
    last = days.groupby("id")["day"].max()
    mean = again.groupby("id")["value"].mean().reindex(first.index).fillna(0.0)
    t = (pd.Timestamp(end) - first).dt.days / 7
    return pd.DataFrame(dict(x=x.astype(int), t_x=(last - first).dt.days / 7, t=t, mean=mean))


def two_gaps(days: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Each customer's last two gaps, of those who have two."""
    days = days.sort_values(["id", "day"])
    gap = days.groupby("id")["day"].diff().dt.days
    pairs = pd.DataFrame(dict(id=days["id"], first=gap.groupby(days["id"]).shift(), second=gap)).dropna()
    pairs = pairs.groupby("id").tail(1)
    return pairs["first"].to_numpy(), pairs["second"].to_numpy()


def summary(folder: Path) -> pd.DataFrame:
    """The published summary, rounded to two digits."""
    rows = pd.read_csv(folder / "cdnow" / "cdnow_customers_summary.csv")
    return rows.rename(columns={"frequency": "x", "recency": "t_x", "T": "t"})
