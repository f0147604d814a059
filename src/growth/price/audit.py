"""Whether the data can tell a product's price elasticity at all: no product drops out without a reason."""

from __future__ import annotations

import numpy as np
import pandas as pd

from growth.price.twoway import check, panel

FEWEST_WEEKS = 10
JUMP = 3.0  # a price that changes by this factor from one week to the next is of another pack, or currency
LEAST_LEFT = 0.01  # share of a product's price variation that weeks must leave


def audit(
    frame: pd.DataFrame, price: str, units: str, product: str, week: str, fewest_weeks: int = FEWEST_WEEKS,
    least_left: float = LEAST_LEFT,
) -> pd.DataFrame:  # fmt: skip
    """Return what each product's prices and weeks allow.

    Parameters
    ----------
    frame : DataFrame
        A row a product and week, weeks of no sale included; cells may be missing.
    price : str
        In money; missing where there was none.
    units : str
        Sold.
    product, week : str
    fewest_weeks : int
        Weeks with a price that a product needs.
    least_left : float
        Share of its price variation that must be left after product and week effects.

    Returns
    -------
    DataFrame
        A row a product, sorted: ``product, weeks, unpriced`` (rows with and without a price), ``prices`` (different
        ones), ``spread`` (standard deviation of log price), ``left`` (share of the variation of log price that product
        and week effects leave; above 1 where the product moved against the others), ``zeros`` (share of rows without a
        sale), ``reason`` (why its elasticity is not identified; empty where it is).

    Raises
    ------
    ValueError
        If a price is not positive, units are negative or missing, or no row has a price.
    """
    check(frame, [units], [product, week])
    priced = _priced(frame, price, units)
    own = priced.groupby(product)
    found = pd.DataFrame(dict(weeks=own.size(), prices=own[price].nunique()))
    found = found.join(_variation(priced, product, week))
    ordered = priced.sort_values([product, week], kind="stable")
    found["jump"] = ordered.groupby(product)["_log_price"].agg(lambda p: p.diff().abs().max())
    every = frame.groupby(product)
    found = found.reindex(sorted(every.groups)).fillna(0.0)
    found = found.assign(
        zeros=every[units].agg(lambda q: (q == 0).mean()), unpriced=every.size() - found["weeks"]
    ).astype(dict(weeks=int, prices=int, unpriced=int))
    found["reason"] = [_reason(row, fewest_weeks, least_left) for row in found.itertuples()]
    columns = ["weeks", "unpriced", "prices", "spread", "left", "zeros", "reason"]
    return found[columns].rename_axis("product").reset_index()


def _priced(frame: pd.DataFrame, price: str, units: str) -> pd.DataFrame:
    if price not in frame:
        raise ValueError(f"There is no column `{price}`, only {', '.join(map(str, frame.columns))}.")
    money = frame[price].astype(float)
    for wrong, what in (
        ((money <= 0) | np.isinf(money), f"`{price}` is not a positive price"),
        (frame[units] < 0, f"`{units}` is negative"),
    ):
        if wrong.any():
            raise ValueError(
                f"{what} in {int(wrong.sum()):,} of {len(frame):,} rows: correct them, or leave them out and say so."
            )
    if money.isna().all():
        raise ValueError(f"No row has a price in `{price}`.")
    return frame[money.notna()].assign(_log_price=np.log(money[money.notna()]))


def _variation(priced: pd.DataFrame, product: str, week: str) -> pd.DataFrame:
    """Return, by product, the spread of log price and the share that effects leave."""
    rows = panel(priced, ["_log_price"], product, week, effects=[])
    raw = rows.frame[["_log_price"]].to_numpy(float)
    raw = raw - raw.mean()
    n = np.bincount(rows.unit)
    mean = np.bincount(rows.unit, raw[:, 0]) / n
    total = np.bincount(rows.unit, (raw[:, 0] - mean[rows.unit]) ** 2)
    left = np.bincount(rows.unit, rows.residuals(raw)[:, 0] ** 2)
    moved = total > 1e-12 * n
    share = np.divide(left, total, out=np.zeros_like(total), where=moved)
    spread = np.sqrt(np.where(moved, total, 0.0) / np.maximum(n - 1, 1))
    keys = rows.frame[product].to_numpy()[np.concatenate([[0], np.cumsum(n)[:-1]])]
    return pd.DataFrame(dict(spread=spread, left=share), index=keys)


def _reason(row: tuple, fewest_weeks: int, least_left: float) -> str:  # type: ignore[type-arg]
    weeks, prices, left, zeros = (getattr(row, c) for c in ("weeks", "prices", "left", "zeros"))
    if weeks == 0:
        return "no price on record"
    if zeros == 1:
        return "never sold"
    if weeks < fewest_weeks:
        return f"{weeks} weeks with a price, fewer than {fewest_weeks}"
    if prices == 1:
        return "one price ever"
    if row.jump > np.log(JUMP):  # type: ignore[attr-defined]
        return f"its price jumps {np.exp(row.jump):.1f}-fold within a week: another pack or currency?"  # type: ignore[attr-defined]
    if left < least_left:
        return f"its price moves with all others' alone: weeks leave {left:.1%} of its variation"
    return ""
