"""What the assortment is made of: which products carry it, which sell steadily, how old they are, what they tie up.

Every class is a rule that can be read off the numbers, with its cut points as arguments; no product is left out, and
what is too young or too empty to be classed says so.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from growth.stats.proportions import wilson

UNCLASSED = "too few weeks"


def abc(value: pd.Series, cuts: tuple[float, float] = (0.8, 0.95)) -> pd.DataFrame:
    """Return the class of each product by its share of a sum.

    Parameters
    ----------
    value : Series
        Revenue or contribution, indexed by product; below 0 where a product lost money.
    cuts : tuple of float
        Where A ends and B ends, as cumulated shares of the sum of what is above 0.

    Returns
    -------
    DataFrame
        In the order of `value`: ``value, share, cumulated, abc``. A product is A while those before it have less than
        the first cut together, so that A reaches it; B likewise; the rest, and what brought nothing, C. Equal values
        have the same class, whatever their order: the better one.

    Raises
    ------
    ValueError
        If a product comes twice, a value is missing, nothing is above 0, or cuts are not shares in order.
    """
    if not 0 < cuts[0] <= cuts[1] <= 1:
        raise ValueError(f"ABC needs two shares in order, like 0.8 and 0.95, not {cuts!r}.")
    _check(value, "ABC")
    own = value.astype(float)
    gained = own.clip(lower=0)
    if not gained.sum() > 0:
        raise ValueError("ABC: no product brought more than 0.")
    # what larger values have together is the same for equal ones, in whatever order they stand
    by_value = gained.groupby(gained).sum().sort_index(ascending=False)
    upto = by_value.cumsum() / gained.sum()
    cumulated = gained.map(upto)
    before = gained.map(upto - by_value / gained.sum())
    # a sum of shares is a hair off: 0.8 reached is 0.8
    label = np.select([before < cuts[0] - 1e-12, before < cuts[1] - 1e-12], ["A", "B"], "C")
    label = np.where(gained > 0, label, "C")
    return pd.DataFrame(
        dict(value=own, share=gained / gained.sum(), cumulated=cumulated, abc=label), index=value.index
    )


def _check(value: pd.Series, what: str) -> None:
    if not value.index.is_unique:
        twice = value.index[value.index.duplicated()][0]
        raise ValueError(f"{what}: {twice!r} comes twice; sum to one row a product first.")
    bad = value.index[~np.isfinite(value.astype(float))]
    if len(bad):
        raise ValueError(f"{what}: the value of {bad[0]!r} is missing.")


def xyz(weekly: pd.DataFrame, cuts: tuple[float, float] = (0.5, 1.0), least: int = 12) -> pd.DataFrame:
    """Return the class of each product by how steadily it sells.

    Parameters
    ----------
    weekly : DataFrame
        ``product, week, units``: one row a product and week from its launch on, zeros included; units at least 0.
    cuts : tuple of float
        Coefficients of variation up to which a product is X, and Y.
    least : int
        Weeks that a class needs.

    Returns
    -------
    DataFrame
        Indexed by product: ``weeks, zero_weeks, mean, variation, xyz``. The variation (standard deviation over mean) is
        missing where nothing was sold, or in one week: such a product is Z, one with too few weeks is so called.

    Raises
    ------
    ValueError
        If a product has a week twice or leaves one out, units are missing or below 0, or cuts are not in order.

    Notes
    -----
    Zero weeks are demand: leaving them out makes the most erratic products look steady.
    """
    if not 0 < cuts[0] <= cuts[1]:
        raise ValueError(f"XYZ needs two coefficients of variation in order, like 0.5 and 1, not {cuts!r}.")
    _check_weeks(weekly)
    by = weekly.groupby("product")["units"]
    zero = (weekly["units"] == 0).groupby(weekly["product"]).sum()
    out = pd.DataFrame(dict(weeks=by.size(), zero_weeks=zero, mean=by.mean().astype(float)))
    out["variation"] = (by.std(ddof=1) / out["mean"]).where(out["mean"] > 0)
    few = out["weeks"] < least
    steady = [few, out["variation"] <= cuts[0], out["variation"] <= cuts[1]]
    out["xyz"] = np.select(steady, [UNCLASSED, "X", "Y"], "Z")
    return out


def _check_weeks(weekly: pd.DataFrame) -> None:
    twice = weekly.duplicated(["product", "week"])
    if twice.any():
        row = weekly[twice].iloc[0]
        raise ValueError(f"{row['product']!r} has the week {row['week']} twice: sum to one row first.")
    units = weekly["units"].astype(float)
    bad = weekly[~(np.isfinite(units) & (units >= 0))]
    if len(bad):
        row = bad.iloc[0]
        raise ValueError(
            f"{row['product']!r} in the week {row['week']}: units are missing or below 0; take returns out."
        )
    week = pd.to_datetime(weekly["week"])
    span = week.groupby(weekly["product"]).agg(["min", "max", "size"])
    gap = span.index[(span["max"] - span["min"]).dt.days // 7 + 1 != span["size"]]
    if len(gap):
        raise ValueError(
            f"{gap[0]!r} leaves weeks out: fill them with zeros, from its launch to the last week."
        )


STAGES = ("launch", "growth", "maturity", "decline", "end")


def stages(
    weekly: pd.DataFrame, launch: int = 8, window: int = 13, trend: float = 0.25, silent: int = 8
) -> pd.DataFrame:
    """Return the stage of life of each product by its age and by its last quarter against the one before.

    Parameters
    ----------
    weekly : DataFrame
        As for `xyz`; all products until the same last week.
    launch : int
        Weeks for which a product is new, whatever it sells: of weeks since its launch, so that rows must begin there,
        not with the data.
    window : int
        Weeks of each of the two spans that are compared.
    trend : float
        Growth is more than (1 + trend) times the change of the others, decline less than 1 / (1 + trend) times it.
    silent : int
        Weeks without a sale after which a product has ended.

    Returns
    -------
    DataFrame
        Indexed by product: ``weeks, silent, ratio, stage``. `ratio` is units of the last span over those of the span
        before, over the median of that of all others alive in both, so that a season moves nobody; missing where
        nothing was compared. A product younger than both spans compares the halves of its life.

    Raises
    ------
    ValueError
        As `xyz`; if a product ends before the last week, or spans are not positive.
    """
    if min(launch, window, silent) < 1 or not trend > 0:
        raise ValueError("Stages need at least one week of launch, window and silence, and a trend above 0.")
    _check_weeks(weekly)
    week = pd.to_datetime(weekly["week"])
    ends = week.groupby(weekly["product"]).max()
    early = ends.index[ends < week.max()]
    if len(early):
        raise ValueError(
            f"{early[0]!r} has no row for the last week: fill with zeros until {week.max():%Y-%m-%d}."
        )
    own = weekly.assign(back=(week.max() - week).dt.days // 7, units=weekly["units"].astype(float))
    by = own.groupby("product")
    sold = own[own["units"] > 0].groupby("product")["back"].min()
    life = pd.DataFrame(dict(weeks=by.size()))
    life["silent"] = sold.reindex(life.index).fillna(life["weeks"]).astype(int)
    life["width"] = np.minimum(window, np.maximum(life["weeks"] // 2, 1))
    found = {
        int(w): _changes(own, life[(life["weeks"] >= 2 * w) & (life["silent"] < silent)].index, int(w))
        for w in life["width"].unique()
    }
    rows = []
    known = {w: np.sort(r[np.isfinite(r) & (r > 0)].to_numpy()) for w, r in found.items()}
    for name, weeks, quiet, width in life.itertuples():
        own_ratio = float(found[width].get(name, np.nan))
        ratio = own_ratio / _season(known[width], own_ratio)
        stage = _stage(weeks <= launch, quiet >= silent, ratio, trend)
        rows.append((name, weeks, quiet, ratio if stage not in ("launch", "end") else np.nan, stage))
    return pd.DataFrame(rows, columns=["product", "weeks", "silent", "ratio", "stage"]).set_index("product")


def _changes(own: pd.DataFrame, names: pd.Index, width: int) -> pd.Series:
    """Return each product's units of the last `width` weeks over those of as many before; infinite from nothing."""
    there = own[own["product"].isin(names) & (own["back"] < 2 * width)]
    spans = there.groupby(["product", there["back"] < width])["units"].sum().unstack()
    spans = spans.reindex(columns=[True, False]).fillna(0.0)
    last, before = spans[True].to_numpy(), spans[False].to_numpy()
    ratio = np.divide(last, before, out=np.where(last > 0, np.inf, 0.0), where=before > 0)
    return pd.Series(ratio, spans.index)


def _season(ratios: np.ndarray, own: float) -> float:
    """Return the median of sorted ratios without one of them; 1 where there are no others."""
    at = int(np.searchsorted(ratios, own))
    there = at < len(ratios) and ratios[at] == own
    others = np.delete(ratios, at) if there else ratios
    return float(others[(len(others) - 1) // 2] + others[len(others) // 2]) / 2 if len(others) else 1.0


def _stage(is_new: bool, is_silent: bool, ratio: float, trend: float) -> str:
    if is_silent:
        return "end"
    if is_new:
        return "launch"
    return "growth" if ratio > 1 + trend else "decline" if ratio < 1 / (1 + trend) else "maturity"


def slow_movers(stock: pd.DataFrame, most: float = 180.0) -> pd.DataFrame:
    """Return the products whose stock lasts longer than it should, the most money first.

    Parameters
    ----------
    stock : DataFrame
        From `turnover`.
    most : float
        Days that stock may last.

    Returns
    -------
    DataFrame
        ``product, days, tied_up, excess``: of `tied_up`, the money in stock beyond what sells in `most` days.
    """
    slow = stock[(stock["days"] > most) & (stock["tied_up"] > 0)]
    needed = (most / slow["days"]).fillna(0.0)
    out = slow[["days", "tied_up"]].assign(excess=slow["tied_up"] * (1 - needed))
    return out.sort_values(["excess", "tied_up"], ascending=False, kind="stable").reset_index()


def turnover(stock: pd.DataFrame) -> pd.DataFrame:
    """Return how often stock turns over, and the money tied up in it.

    Parameters
    ----------
    stock : DataFrame
        ``product, days, units, cost, opening, closing``: units sold in so many days, cost of a unit, units in stock at
        the start and the end; or ``average`` in place of the two, where stock is known day by day. With ``currency``,
        there must be one.

    Returns
    -------
    DataFrame
        Indexed by product, in the order given: ``average`` (units), ``tied_up`` (at cost), ``turns`` (a year, cost of
        what was sold over tied_up; missing where there is no stock), ``days`` that stock lasts at this pace (infinite
        where nothing sells).

    Raises
    ------
    ValueError
        If a product comes twice, or a number is missing or below 0 (days, cost: not positive).
    """
    _check_stock(stock)
    own = stock.set_index("product")
    average = own["average"] if "average" in own else (own["opening"] + own["closing"]) / 2
    average, units, days = average.astype(float), own["units"].astype(float), own["days"].astype(float)
    pace = units / days
    lasts = (average / pace.where(pace > 0)).where(pace > 0, np.inf).where(average > 0, 0.0)
    turns = 365 * pace / average.where(average > 0)
    tied_up = average * own["cost"].astype(float)
    return pd.DataFrame(dict(average=average, tied_up=tied_up, turns=turns, days=lasts), index=own.index)


def _check_stock(stock: pd.DataFrame) -> None:
    twice = stock["product"][stock["product"].duplicated()]
    if len(twice):
        raise ValueError(f"{twice.iloc[0]!r} comes twice in the stock: sum to one row a product.")
    if "currency" in stock and stock["currency"].nunique(dropna=False) > 1:
        raise ValueError("Costs are in several currencies: convert them to one before stock is summed.")
    levels = ["average"] if "average" in stock else ["opening", "closing"]
    for column in ["units", "days", "cost", *levels]:
        value = stock[column].astype(float)
        least = value > 0 if column in ("days", "cost") else value >= 0
        bad = stock["product"][~(np.isfinite(value) & least)]
        if len(bad):
            raise ValueError(
                f"{bad.iloc[0]!r}: its {column} is missing or too small in the stock; correct or leave it out."
            )


@dataclass(frozen=True)
class Trial:
    """How a new product was taken up.

    Parameters
    ----------
    customers, triers, watched, repeaters : int
        Who bought anything in the days of trial; of these, who bought the product; of these, those whose days of repeat
        are over; of these, who bought it again.
    trial, repeat : tuple of float
        (share, low, high); NaN where nobody could.
    """

    customers: int
    triers: int
    watched: int
    repeaters: int
    trial: tuple[float, float, float]
    repeat: tuple[float, float, float]


def trial_and_repeat(
    lines: pd.DataFrame,
    product: str,
    launched: dt.date,
    as_of: dt.date,
    days: int = 56,
    again: int = 56,
    confidence: float = 0.95,
) -> Trial:
    """Return how many customers try a new product within so many days, and how many of them buy it again.

    Parameters
    ----------
    lines : DataFrame
        ``customer, product, date``: purchases, one row a customer, product and day (more are counted once); lines of a
        guest, whose customer is missing, cannot be followed and do not count.
    product : str
    launched, as_of : date
        First day on sale, and the first day that is not known.
    days : int
        From the launch, in which a customer may try: those who bought anything in them had the chance.
    again : int
        From the day of the trial, in which a second purchase on a later day counts.
    confidence : float

    Raises
    ------
    ValueError
        If the days of trial are not over, lengths are below 1, or the product was sold before its launch.

    Notes
    -----
    A customer whose days of repeat are not over is no failure: they count among the triers alone (Parfitt and Collins
    1968, Journal of Marketing Research 5:131-145). Wilson intervals.
    """
    until = launched + dt.timedelta(days=days)
    if min(days, again) < 1 or until > as_of:
        raise ValueError(
            f"{product}: {days} days from {launched} are not over on {as_of}; shorten the trial or wait."
        )
    known = lines.dropna(subset=["customer"]).assign(date=pd.to_datetime(lines["date"]))
    known = known[known["date"] < pd.Timestamp(as_of)]
    own = known[known["product"] == product].drop_duplicates(["customer", "date"])
    if (own["date"] < pd.Timestamp(launched)).any():
        raise ValueError(
            f"{product} was sold on {own['date'].min():%Y-%m-%d}, before its launch on {launched}."
        )
    there = known[(known["date"] >= pd.Timestamp(launched)) & (known["date"] < pd.Timestamp(until))]
    first = own.groupby("customer")["date"].min()
    first = first[first < pd.Timestamp(until)]
    over = first[first + pd.Timedelta(days=again) < pd.Timestamp(as_of)]
    later = own.merge(over.rename("first"), left_on="customer", right_index=True)
    gap = (later["date"] - later["first"]).dt.days
    repeaters = int(later["customer"][(gap > 0) & (gap <= again)].nunique())
    customers = int(there["customer"].nunique())
    return Trial(
        customers, len(first), len(over), repeaters, _share(len(first), customers, confidence),
        _share(repeaters, len(over), confidence),
    )  # fmt: skip


def _share(k: int, n: int, confidence: float) -> tuple[float, float, float]:
    low, high = wilson(k, n, confidence)
    return (k / n if n else float("nan")), float(low), float(high)
