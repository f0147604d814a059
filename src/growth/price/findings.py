"""The sentences of ``04_price``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from growth.errors import UserError
from growth.price.forecast import (
    backtest,
    backtest_total,
    complete,
    fit,
    forecast,
    level_forecast,
    possible_origins,
    seasonal_naive,
    total_limits,
    total_over_weights,
)
from growth.price.ladder import Rung
from growth.price.model import BOTH, TEST, Level
from growth.price.panel import Panel
from growth.price.promotion import Dynamics, Split
from growth.price.recommend import Reason
from growth.price.service import Service
from growth.price.supply import Orders, Range
from growth.stats.contrast import Estimate
from growth.words import count, figures, minus, percent, plural

if TYPE_CHECKING:
    from growth.report.notebook import Notebook

TWO = "{:.2f}"
RUNGS = {c: TWO for c in ("elasticity", "low", "high")}
AUDIT = {"spread": "{:.3f}", "left": "{:.0%}", "zeros": "{:.0%}"}
ELASTICITY = ["product_id", "category", "slope", "slope_error", "elasticity", "low", "high"]
OWN = dict.fromkeys(ELASTICITY[2:], TWO)
LIST = {c: "{:,.2f}" for c in ("today", "price", "best", "low", "high", "gain", "gain_low", "gain_high")}
LIST |= {"probability": "{:.0%}"}
ORDERS = {"weekly": "{:,.1f}", "lead": "{:.1f}", "safety": "{:,.0f}", "served": "{:.1%}", "cost": "{:,.2f}"}
ORDERS |= {"was_served": "{:.0%}"}
STOCK = {"average": "{:,.0f}", "days": "{:,.0f}", "tied_up": "{:,.0f}", "turns": "{:.1f}"}
TRIALS = {c: "{:.1%}" for c in ("trial", "trial_low", "trial_high", "repeat", "repeat_low", "repeat_high")}
RANGE = {"revenue": "{:,.0f}", "share": "{:.1%}", "variation": TWO}
TESTED = {"mase": TWO, "mae": "{:,.0f}", "bias": "{:+,.0f}", "inside": "{:.0%}"}
TESTED |= {"total_off": "{:+.0%}"}


def signed(value: float) -> str:
    """-2.345 -> ``−2.35``."""
    return minus(f"{value:.2f}")


def span(e: Estimate) -> str:
    """Return an interval as words: ``−3.1 to −2.8``."""
    return f"{signed(e.low)} to {signed(e.high)}"


def left_out(nb: Notebook, panel: Panel) -> None:
    """Say which rows are not in the panel, and whose unit value is no price."""
    for why, n in panel.left_out.items():
        nb.note(f"{plural(n, 'product-week')} left out: {why}; {count(len(panel.rows))} are used.")
    if (aside := int(panel.rows["aside"].sum())) > 0:
        nb.note(
            f"{plural(aside, 'unit')} in {plural(int((panel.rows['aside'] > 0).sum()), 'product-week')} are set aside: "
            "bursts of orders of one product from one region, far beyond its share. Made-up orders or a reseller, they "
            "tell nothing of how demand answers the price."
        )
    if len(panel.bulk):
        nb.note(
            f"Of {plural(len(panel.bulk), 'product')} revenue / units lies more than 5 % below the price of the usual "
            "line: many are bought cheaply. Prices here are those of the line; with revenue / units elasticities would "
            "be too large."
        )


def names(products: pd.DataFrame | None, panel: Panel) -> dict[str, str]:
    """Return what products are called; their id where they have no name."""
    ids = panel.rows["product_id"].unique()
    known = {} if products is None else products.set_index("product_id")["name"].dropna().to_dict()
    return {str(i): str(known.get(i, i)) for i in ids}


def named(table: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    """Return a table with products called by their names."""
    return table.assign(product=[names.get(str(i), str(i)) for i in table["product"]])


def cells(nb: Notebook, panel: Panel, own: Panel) -> None:
    """Say that estimates are by product and region, where each region has its prices."""
    if own is not panel:
        nb.note(
            f"Every price is one of a region: estimates are made of {plural(own.rows['region'].nunique(), 'region')} "
            f"and {count(len(own.rows))} rows, a product in a region being one of its own, errors by region and week. "
            "The price list is one for all, from the mean price over regions."
        )


def largest_category(panel: Panel, product: str | None) -> str:
    """Return the category of the product asked for, else the one that sells most units: it tells most."""
    rows = panel.rows
    own = rows[rows["product_id"] == product]
    if len(own):
        return str(own["category"].iloc[0])
    return str(rows.groupby("category")["units"].sum().sort_values(kind="stable").index[-1])


def audit(nb: Notebook, found: pd.DataFrame) -> None:
    """Record how many products can be identified at all."""
    missing = found[found["reason"] != ""]
    nb.finding(
        "D1.identified",
        f"The prices of {count(len(found) - len(missing))} of {plural(len(found), 'product')} have moved enough to "
        f"tell an elasticity; in the median {percent(found['left'].clip(upper=1).median(), 0)} of a price's variation "
        "is its own, not the product's level or the week's.",
        len(found) - len(missing),
        "products",
        n=len(found),
        method="weeks with a price, different prices, share of variation left after product and week effects; a census",
        series={"missing": len(missing)},
    )


def rungs(nb: Notebook, found: list[Rung], top: Level, headline: bool) -> pd.DataFrame:
    """Record every rung and the level (the page's `headline` where no price list follows); return the table."""
    for r in found:
        if r.estimate is None or r.refused:
            nb.nothing(f"{r.name}: {r.refused}")
            continue
        nb.finding(
            "D1.rung_" + "".join(c if c.isalnum() else "_" for c in r.name.lower()),
            f"{r.name}: elasticity {signed(r.estimate.value)} ({nb.level} {span(r.estimate)}).",
            r.estimate.value,
            "elasticity",
            low=r.estimate.low,
            high=r.estimate.high,
            n=r.n,
            method=f"{r.name}; errors {r.errors}",
            detail=True,
        )
    level(nb, top, headline, sum(r.n for r in found if r.name in top.sources))
    return pd.DataFrame([_row(r) for r in found])


def _row(r: Rung) -> dict[str, object]:
    e = None if r.refused else r.estimate
    return dict(
        rung=r.name, elasticity=e and e.value, low=e and e.low, high=e and e.high, rows=r.n, refused=r.refused
    )


def level(nb: Notebook, top: Level, headline: bool, n: int) -> None:
    """Record the elasticity that prices are decided with."""
    e = top.estimate
    why = (
        "free of prices that follow demand"
        if top.protected
        else "not protected from prices that follow demand: likely too close to 0"
    )
    nb.finding(
        "D1.elasticity",
        f"One per cent more price sells {signed(-e.value)} % less ({nb.level} {signed(-e.high)} to "
        f"{signed(-e.low)} %): {' and '.join(top.sources)}, {why}.",
        e.value,
        "elasticity",
        low=e.low,
        high=e.high,
        n=n,
        method=" and ".join(top.sources) + "; inverse-variance weights, clustered errors",
        caveats="Costs are an instrument if they move sales through the price alone; prices by lot need no such belief."
        if top.protected and top.sources != (TEST,)
        else "",
        headline=headline,
        series={"protected": int(top.protected), "by_lot": int(TEST in top.sources)},
    )


def split(nb: Notebook, found: Split | None, dip: Dynamics | None) -> None:
    """Record regular price against promotion depth, and what of a promotion is borrowed from later weeks."""
    if found is not None:
        _split(nb, found)
    if dip is not None:
        _borrowed(nb, dip)


def _split(nb: Notebook, found: Split) -> None:
    nb.finding(
        "D1.regular_and_promotion",
        f"Moves of the regular price are answered by {signed(found.regular.value)} ({nb.level} "
        f"{span(found.regular)}), the depth of promotions by {signed(found.depth.value)} ({span(found.depth)}).",
        found.regular.value,
        "elasticity",
        low=found.regular.low,
        high=found.regular.high,
        n=found.n,
        method="one fit with product and week effects, promotions held; regular price: the list price, where it is "
        "told from the price, else the highest of five weeks",
        caveats="Not protected from prices that follow demand; a promotion is also seen, which price alone is not.",
        series={"depth": found.depth.value},
    )


def _borrowed(nb: Notebook, dip: Dynamics) -> None:
    b, lead = dip.borrowed, dip.before[0]
    ends = minus(f"{100 * b.low:.0f} to {100 * b.high:.0f} %") if b.kind == "bounded" else "without bounds"
    share = minus(f"{100 * b.value:.0f} %")
    placebo = (
        f"the price of the week after already goes with today's sales ({signed(lead.value)}, {span(lead)})"
    )
    if told(dip):
        sentence = f"Of what a cheap week sells more, {share} is missing in the four weeks after ({nb.level} {ends})."
    elif lead.p_value < 0.05:
        sentence = (
            f"What is borrowed from later weeks cannot be told: {placebo}, as a dip has no business to."
        )
    else:
        sentence = f"No dip after a cheap week can be told: {share} ({nb.level} {ends})."
    nb.finding(
        "C3.borrowed",
        sentence,
        b.value,
        "share",
        n=dip.n,
        method="four lags and a lead of log price, promotions held, product and week effects; Fieller's interval",
        caveats="Not protected from prices that follow demand: the lead is its placebo.",
        series={"lead": lead.value, "told": int(told(dip))},
    )


def told(dip: Dynamics) -> bool:
    """Return whether what is borrowed is told: its interval is above 0, and its placebo, the lead, is not told."""
    return dip.borrowed.kind == "bounded" and dip.borrowed.low > 0 and dip.before[0].p_value >= 0.05


def cross(nb: Notebook, found: Rung) -> Rung:
    """Record what is stolen within a category; return it."""
    e = found.estimate
    assert e is not None  # `model.cross` returns a rung that can be read
    protected = found.name == BOTH
    nb.finding(
        "D2.cross",
        f"If all other products of the category cost one per cent more, a product sells {signed(e.value)} % more "
        f"({nb.level} {span(e)}).",
        e.value,
        "elasticity",
        low=e.low,
        high=e.high,
        n=found.n,
        method=f"mean log price of the category's other products; {found.name}; errors {found.errors}",
        caveats="Costs are an instrument if they move sales through prices alone."
        if protected
        else "Not protected from prices that follow demand.",
    )
    return found


def segments(nb: Notebook, table: pd.DataFrame, alike: dict[str, float]) -> None:
    """Record who is most and least sensitive, where that can be told (`model.differences`)."""
    for kind, own in table.groupby("kind"):
        if len(own) < 2:
            continue
        ordered = own.sort_values("elasticity")
        steep, flat = ordered.iloc[0], ordered.iloc[-1]
        p = alike[str(kind)]
        ends = (
            f"{steep['level']} answers prices most ({signed(steep['elasticity'])}, {nb.level} {signed(steep['low'])} "
            f"to {signed(steep['high'])}), {flat['level']} least ({signed(flat['elasticity'])}, {signed(flat['low'])} "
            f"to {signed(flat['high'])})"
        )
        found = (
            f"{ends}; p = {p:.2g} that all answer alike"
            if p < 1 - nb.params.confidence
            else (f"no difference in how prices are answered can be told (p = {p:.2g} that all answer alike)")
        )
        nb.finding(
            f"D2.{kind}",
            f"By {kind}, {found}.",
            steep["elasticity"],
            "elasticity",
            low=steep["low"],
            high=steep["high"],
            n=int(own["rows"].sum()),
            method="Poisson with product and week effects in each segment, errors by both; Cochran's Q, by Holm over "
            "the kinds; value: the steepest segment's",
            caveats="Not protected from prices that follow demand; differences are less bent by them than levels.",
            series={"p_alike": p},
        )


def prices(nb: Notebook, table: pd.DataFrame, gained: tuple[float, float, float], alone: bool) -> None:
    """Record the price list, and what its changes leave (`offers.gained`).

    `alone`: what products take from each other is not known.
    """
    gain, low, high = gained
    changed = table[(table["price"] - table["today"]).abs() > 1e-9]
    up = int((changed["price"] > changed["today"]).sum())
    unsure = int(table["reason"].isin([str(Reason.UNCERTAIN), str(Reason.OTHERS)]).sum())
    silent = table[table["best"].isna()]
    nb.finding(
        "D3.price_list",
        f"Of {plural(len(table), 'product')} {count(len(changed))} should change price ({up} up, {len(changed) - up} "
        f"down), which is expected to leave {nb.data.currency} {count(gain)} more a week ({nb.level} "
        f"{minus(count(low))} to {minus(count(high))}); {unsure} stay because a gain is not sure, and of "
        f"{len(silent)} nothing can be said.",
        gain,
        f"{nb.data.currency} a week",
        low=low,
        high=high,
        n=len(table),
        method="price of the highest expected profit over draws of the elasticity, within the guards of params.yaml",
        caveats="What products take from each other is not known and not in it, so no price is lowered."
        if alone
        else "Each product beside the others at today's prices; units of today are taken for known.",
        headline=True,
        series={str(k).replace(" ", "_"): int(v) for k, v in table["reason"].value_counts().items()},
    )


def demand(nb: Notebook, known: pd.DataFrame, mine: pd.DataFrame, naive: pd.DataFrame) -> None:
    """Record the forecast of the days to come, all together, and how it did before."""
    p = nb.params
    mean, deviation = total_over_weights(fit(known), _until(known, p))
    low, high = total_limits(mean, deviation, p.confidence)
    better = int((mine["mase"].to_numpy() < naive["mase"].to_numpy()).sum())
    held = int(mine["total_inside"].sum())
    nb.finding(
        "D4.forecast",
        f"The next {plural(p.horizon_days, 'day')} bring {nb.data.currency} {count(mean)} ({nb.level} {count(low)} to "
        f"{count(high)}). On {plural(len(mine), 'past origin')} such a sum was off by "
        f"{percent(mine['total_off'].abs().median(), 0)} in the median, and within its interval on {held}. A day was "
        f"off by {_both(mine['mase'])} times an ordinary week's change (MASE), with last week's repetition by "
        f"{_both(naive['mase'])}; the forecast was better on {better}.",
        mean,
        nb.data.currency,
        low=low,
        high=high,
        n=len(mine),
        method="level and days of the week (exponential smoothing); rolling origins; log-normal interval of the sum, "
        "in which a day's error moves the level of all later ones, weights of the level by how probable they are",
        caveats="It knows no season of the year and no event: a big sale ahead is not in it.",
        series={
            "mase": float(mine["mase"].mean()), "mase_median": float(mine["mase"].median()),
            "naive": float(naive["mase"].mean()), "naive_median": float(naive["mase"].median()),
            "total_off": float(mine["total_off"].abs().median()), "total_inside": held,
        },
    )  # fmt: skip


def _both(errors: pd.Series) -> str:
    """Return median and mean, for one origin with an event makes a mean of few."""
    return f"{figures(float(errors.median()), 3)} (median; mean {figures(float(errors.mean()), 3)})"


def orders(nb: Notebook, found: Orders) -> None:
    """Record what to order, and how often such orders would have met demand."""
    table, missing = found.table, found.missing
    now = table[table["order"] > 0]
    nb.finding(
        "D4.orders",
        f"{plural(len(now), 'product')} of {len(table)} should be ordered now, {count(now['order'].sum())} units; "
        f"{plural(int((table['short_weeks'] > 0).sum()), 'product')} ran out of stock in the last half year, and their "
        f"demand is taken for what it would have been. {_service(found.service)}",
        float(now["order"].sum()),
        "units",
        n=len(table),
        method="newsvendor: the quantile of demand until the delivery after next at margin / (margin + holding); weeks "
        "alike, autocorrelation of all products together; deviation stretched by how far past sums missed",
        caveats=_order_caveats(found),
        series={
            "promised": found.service.promised, "met_without_stretch": found.service.plain,
            "met": found.service.met, "stretch": found.service.stretch,
        }
        if found.service.tries and found.service.products
        else {},
    )  # fmt: skip
    for why, names in _by_reason(missing).items():
        some = ", ".join(names[:5]) + (" and others" if len(names) > 5 else "")
        nb.nothing(f"an order of {plural(len(names), 'product')} ({some}): {why}")


def _service(s: Service) -> str:
    """Say how often past orders would have met demand, beside what they promise."""
    if not s.products:
        return f"How often such orders meet demand could not be tried: {plural(s.tries, 'past sum')} of weeks, too few."
    return (
        f"Ordered so on {plural(s.origins, 'past origin')}, demand would have been met in {percent(s.met)} of "
        f"{count(s.tries)} cases, where {percent(s.promised)} were promised; without stretching the deviation "
        f"{figures(s.stretch, 3)} times, in {percent(s.plain)}."
    )


def _order_caveats(found: Orders) -> str:
    """Say what an order does not know."""
    said = ["Events and growth are in it only as far as past origins had them."]
    if found.service.products:
        said.append(
            "Past weeks in which stock ran out are no test: the share met is somewhat too high for that."
        )
    if found.once:
        said.append(
            f"Of {plural(found.once, 'product')} the delivery time is taken for sure: nothing was delivered twice."
        )
    if found.missing:
        said.append(f"{plural(len(found.missing), 'product')} without a proposal.")
    return " ".join(said)


def _by_reason(missing: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, why in missing.items():
        found.setdefault(why, []).append(name)
    return found


def carries(nb: Notebook, found: Range) -> None:
    """Record which products carry the shop."""
    top = found.table[found.table["abc"] == "A"]
    share = float(top["share"].sum())
    falling = top[top["stage"] == "decline"]
    nb.finding(
        "B5.abc",
        f"{plural(len(top), 'product')} of {count(len(found.table))} {'brings' if len(top) == 1 else 'bring'} "
        f"{percent(share, 0)} of revenue (class A); "
        f"{plural(len(falling), 'of them is', 'of them are')} in decline.",
        len(top),
        "products",
        n=len(found.table),
        method="ABC at 80 and 95 % of revenue, XYZ by variation, stage against the quarter before; a census",
        series={f"stage_{s}": int(n) for s, n in found.table["stage"].value_counts().items()},
    )


def tied_up(nb: Notebook, table: pd.DataFrame) -> None:
    """Record the money in stock."""
    money = float(table["tied_up"].sum())
    turns = float((table["turns"] * table["tied_up"]).sum() / money)
    slow = table[table["days"] > 180]
    nb.finding(
        "B5.stock",
        f"{nb.data.currency} {count(money)} are tied up in stock, {figures(turns, 3)} turns a year at the pace of "
        f"the last quarter, at which {plural(len(slow), 'product')} would last longer than 180 days.",
        money,
        nb.data.currency,
        n=len(table),
        method="average stock of the last 91 days at cost; a census",
        caveats="A quarter with a season or a big sale in it turns faster than the year.",
    )


def trial(nb: Notebook, table: pd.DataFrame) -> None:
    """Record how new products were received."""
    last = table.iloc[0]
    nb.finding(
        "B5.trial",
        f"Of {plural(len(table), 'product')} launched in these data the median was tried by "
        f"{percent(table['trial'].median())} of those who bought in its first 56 days; the newest by "
        f"{percent(last['trial'])} ({nb.level} "
        f"{percent(last['trial_low'])} to {percent(last['trial_high'])}).",
        last["trial"],
        "share",
        low=last["trial_low"],
        high=last["trial_high"],
        n=int(last["had_chance"]),
        method="share of customers who bought in the first 56 days; Wilson interval",
    )


def road(nb: Notebook, row: pd.Series, name: str) -> None:
    """Record the recommendation of the product shown in depth."""
    known = not pd.isna(row["low"])
    nb.finding(
        "D3.product",
        f"{name}: {row['sentence']}",
        float(row["price"]),
        nb.data.currency,
        low=row["low"] if known else None,
        high=row["high"] if known else None,
        n=1,
        method="interval: of the best price within the guards, over draws of the elasticity",
    )


def shown(table: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    """Return the price list as shown: names in front, changes with the largest gain first."""
    found = table.assign(product=[names.get(n, n) for n in table["name"]])
    found["moves"] = (found["price"] - found["today"]).abs() > 1e-9
    found = found.sort_values(["moves", "gain"], ascending=False, kind="stable", ignore_index=True)
    return found[["product", "today", "price", "reason", "low", "high", "gain", "probability", "name"]]


def chosen(table: pd.DataFrame, product: str | None) -> str:
    """Return the product shown in depth: the one asked for, else that of the largest expected gain.

    Raises
    ------
    UserError
        If the one asked for is not on sale.
    """
    if product is None:
        return str(table.sort_values("gain", ascending=False, na_position="last")["name"].iloc[0])
    if product not in set(table["name"]):
        raise UserError(
            f"price.product is {product!r}, which is not on sale now; the table of prices has those that are."
        )
    return product


def days(rows: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
    """Return complete days of revenue until the day before `as_of`."""
    daily = rows.assign(value=rows["revenue"].astype(float))[["date", "value"]]
    return complete(daily, daily["date"].min(), as_of - dt.timedelta(days=1))


def ahead(known: pd.DataFrame, params: Any) -> pd.DataFrame:
    """Return the forecast of the days to come."""
    return forecast(fit(known), _until(known, params), params.confidence)


def _until(known: pd.DataFrame, params: Any) -> dt.date:
    last: dt.date = known["date"].iloc[-1].date()
    return last + dt.timedelta(days=params.horizon_days)


def tried(nb: Notebook, known: pd.DataFrame) -> pd.DataFrame:
    """Try the forecast and last week's repetition from past days, record both; return how the forecast did.

    The intervals tried are those shown: of `params.confidence`, and of sums of `params.horizon_days`.
    """
    confidence, horizon = nb.params.confidence, nb.params.horizon_days
    origins = possible_origins(known, horizon=horizon)
    mine = backtest(known, partial(level_forecast, confidence=confidence), origins, horizon)
    naive = backtest(known, seasonal_naive, origins, horizon)
    sums = backtest_total(known, confidence, origins, horizon)
    mine = mine.join(sums[["total_off", "total_inside"]])
    demand(nb, known, mine, naive)
    return mine.assign(origin=mine["origin"].dt.date)
