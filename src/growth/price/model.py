"""From the panel to elasticities: the ladder of estimates, the level, and each product's own elasticity.

The level comes from what is not misled by demand (a price test by lot, costs as an instrument), the differences between
products from their own weeks, pooled towards their category.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
import pandas as pd
from scipy.stats import chi2

from growth.errors import attempt
from growth.price import audit, censored, ladder, pooling
from growth.price import twoway as within
from growth.price.crossprice import CrossPrices, cross_prices
from growth.price.ladder import Model, Rung, tried
from growth.price.panel import Panel
from growth.price.profit import apart
from growth.price.promotion import Dynamics, Split, dynamics, regular_and_promotion
from growth.price.scores import Clustered
from growth.price.together import together
from growth.stats.contrast import Estimate, critical, estimate
from growth.stats.many import holm
from growth.stats.moments import Floats

LOG = Model("log_units", "log_price", "product_id", "week")
COUNT = replace(LOG, y="units")
BOTH = "costs, others' prices held"
TEST, COST, OUT = "price test, by lot", "costs as the instrument", "stock-outs taken as censored"


def identified(panel: Panel, fewest_weeks: int) -> pd.DataFrame:
    """Return what each product's prices and weeks allow (`growth.price.audit.audit`)."""
    return audit.audit(panel.rows, "price", "units", "product_id", "week", fewest_weeks)


def rungs(panel: Panel, lots: pd.DataFrame | None, confidence: float = 0.95) -> list[Rung]:
    """Return estimates of one elasticity for all products, side by side, the naive first.

    Parameters
    ----------
    panel : Panel
    lots : DataFrame or None
        The mart ``price_tests``.
    confidence : float
    """
    sold, kind = panel.sold, Clustered(panel.clusters)
    model, count = (replace(m, controls=panel.held, errors=kind) for m in (LOG, COUNT))
    found = ladder.naive(panel.there, replace(COUNT, errors=kind), confidence)
    if panel.held:
        found.append(tried("promotions held", ladder.two_way, sold, model, confidence))
    found.append(tried("Poisson, zeros kept", ladder.poisson, panel.there, count, confidence))
    if (panel.rows["out"] > 0).any():
        found.append(tried(OUT, _censored, panel.rows, count, confidence))
    known = sold.dropna(subset="log_cost")
    if len(known):
        by_cost = replace(model, errors=Clustered(panel.costs_by))
        found.append(tried(COST, ladder.instrument, known, by_cost, ["log_cost"], None, confidence))
        if known["category"].nunique() > 1:
            found.append(_by_costs(panel, confidence)[0])
    if lots is not None and len(lots):
        found.append(tried(TEST, by_lot, lots, confidence))
    return found


def _censored(rows: pd.DataFrame, model: Model, confidence: float) -> Rung:
    """Return the Poisson slope where a week without stock for some hours says only how much was sold at least."""
    stock = rows["units"].where(rows["out"] > 0).astype(float)
    kept = rows.assign(_stock=stock)[(rows["out"] < 1)]
    found = censored.fit(kept, "units", "_stock", model.x, model.product, model.week)
    own = estimate(float(found.coefficients[0]), sqrt(found.covariance[0, 0]), found.freedom, confidence)
    return Rung(OUT, own, found.n, found.dropped, found.errors)


def by_lot(lots: pd.DataFrame, confidence: float = 0.95) -> Rung:
    """Return the elasticity along prices that were drawn by lot.

    Parameters
    ----------
    lots : DataFrame
        The mart ``price_tests``: units by product, region and period, and the factor drawn for them.
    confidence : float

    Notes
    -----
    Poisson with an effect of each product and period and one of each region, within which factors were dealt; errors by
    both. Units of a region move with its price alone, so neither season nor demand is in the way.
    """
    rows = lots.assign(
        log_factor=np.log(lots["factor"].astype(float)),
        deal=lots["product_id"] + " " + lots["starts_on"].astype(str),
    )
    return ladder.poisson(rows, Model("units", "log_factor", "deal", "region"), confidence)


@dataclass(frozen=True)
class Level:
    """The elasticity that decisions start from, mean over products.

    Parameters
    ----------
    estimate : Estimate
    sources : tuple of str
        The rungs it is made of.
    protected : bool
        Whether it is free of prices that answer demand; if not it is likely too close to 0, or too far.
    """

    estimate: Estimate
    sources: tuple[str, ...]
    protected: bool


def level(found: list[Rung], confidence: float = 0.95) -> Level:
    """Return the level: test and costs together, weighted by their certainty; else the best that there is.

    Costs with the others' prices held go before costs alone; where test and costs contradict each other (5 %), the test
    stands alone, for it needs no belief.

    Raises
    ------
    ValueError
        If no rung can be read.
    """
    read = {r.name: r.estimate for r in found if r.estimate is not None and not r.refused}
    cost = BOTH if BOTH in read else COST
    sure = [n for n in (TEST, cost) if n in read]
    if len(sure) == 2 and not _agree(*(read[n] for n in sure)):
        sure = [TEST]
    if sure:
        weight = np.array([1 / read[n].error ** 2 for n in sure])
        value = float(weight @ [read[n].value for n in sure] / weight.sum())
        freedom = min(read[n].freedom for n in sure)
        own = estimate(value, float(1 / sqrt(weight.sum())), freedom, confidence)
        return Level(own, tuple(sure), True)
    names = [n for n in ("Poisson, zeros kept", "promotions held", "product and week effects") if n in read]
    if len(names) > 1 and read[names[0]].error > 3 * read[names[1]].error:
        names = names[1:]  # a few huge sales carry the whole of a Poisson fit
    if names:
        return Level(read[names[0]], (names[0],), False)
    raise ValueError("no rung of the ladder can be read: " + "; ".join(r.refused for r in found if r.refused))


def _agree(one: Estimate, two: Estimate) -> bool:
    """Return whether two estimates of one number differ by no more than chance allows, at 5 %."""
    return abs(one.value - two.value) <= critical(np.inf, 0.95) * np.hypot(one.error, two.error)


def elasticities(
    panel: Panel, allowed: pd.DataFrame, top: Level, spread: float, confidence: float = 0.95
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the elasticity that each product's price is decided with, and why others have none.

    Parameters
    ----------
    panel : Panel
    allowed : DataFrame
        From `identified`.
    top : Level
    spread : float
        Assumed: standard deviation of products' true elasticities about the level.
    confidence : float

    Returns
    -------
    (DataFrame, dict)
        ``product_id, category, slope, slope_error`` (of its own weeks, as they are), ``elasticity, low, high`` (to
        decide with), ``common`` (error that all products share, with ``freedom``), ``own`` (error of its own), the
        steepest first; and by product what is missing.

    Notes
    -----
    Where demand moves prices it bends each product's own slope differently, so that differences between products are
    mostly differences of that bias (on the simulated platform their spread is four times the true one). Where the level
    is protected, or products are too few to pool, every product therefore takes it, and `spread` stands for how
    products differ. Else own slopes are pooled towards the category, and the page says what that is worth.
    """
    reasons = {str(r.product): str(r.reason) for r in allowed.itertuples() if r.reason}
    rows = panel.sold
    rows = rows[~rows["product_id"].isin(reasons)]
    if rows.empty:
        raise ValueError(
            "no product's prices tell an elasticity: the first table says why, product by product"
        )
    net = rows.assign(log_units=rows["log_units"] - _promotion(rows, panel.held) * rows["promotion"])
    slopes = pooling.slopes(net, "log_units", "log_price", "product_id", "week")
    category = rows.groupby("product_id")["category"].first()
    found = pd.DataFrame(
        dict(product_id=slopes.product, slope=slopes.slope, slope_error=np.sqrt(slopes.variance))
    )
    found["category"] = category.reindex(found["product_id"]).to_numpy()
    e = top.estimate
    if top.protected or len(found) < pooling.FEWEST:
        found = found.assign(elasticity=e.value, common=e.error, own=spread)
    else:
        pooled = pooling.pool(slopes, category, confidence)
        error = (pooled["high"] - pooled["low"]) / 2 / critical(np.inf, confidence)
        common = np.minimum(error, e.error)
        found = found.assign(elasticity=pooled["pooled"], common=common, own=np.sqrt(error**2 - common**2))
    found["freedom"] = e.freedom
    parts = found[["common", "freedom", "own"]].to_numpy(float)
    half = [float(np.quantile(apart(c, free, own, 0), (1 + confidence) / 2)) for c, free, own in parts]
    found = found.assign(low=found["elasticity"] - half, high=found["elasticity"] + half)
    columns = ["product_id", "category", "slope", "slope_error", "elasticity", "low", "high"]
    columns += ["common", "freedom", "own"]
    missing = {str(p): str(why) for p, why in slopes.refused.items()} | reasons
    return found[columns].sort_values(["elasticity", "product_id"], ignore_index=True), missing


def _left(rows: pd.DataFrame, columns: list[str], keep: list[str]) -> tuple[pd.DataFrame, Floats]:
    """Return rows (without those alone in their product or week) and columns less product and week effects."""
    fit = within.panel(rows, columns, "product_id", "week", keep, ["product_id", "week"])
    return fit.frame, fit.residuals(fit.frame[columns].to_numpy(float))


def _promotion(rows: pd.DataFrame, held: tuple[str, ...]) -> float:
    """Return what a promotion adds to log units at the same price: 0 where there are none."""
    if not held:
        return 0.0
    _, left = _left(rows, ["log_units", "log_price", "promotion"], [])
    return float(np.linalg.lstsq(left[:, 1:], left[:, 0], rcond=None)[0][1])


def by_level(
    panel: Panel, units: pd.DataFrame, confidence: float = 0.95
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the elasticity of each segment, and why some have none.

    Parameters
    ----------
    panel : Panel
    units : DataFrame
        The mart ``by_segment``: ``kind, level, product_id, week, units``.
    confidence : float

    Returns
    -------
    (DataFrame, dict)
        ``kind, level, elasticity, low, high, rows``.

    Notes
    -----
    Poisson with product and week effects, promotions held; weeks in which the segment bought nothing are zeros.
    """
    there, frames = panel.there.drop(columns="units"), {}
    for (kind, name), own in units.groupby(["kind", "level"]):
        both = there.merge(own[["product_id", "week", "units"]], how="left", on=["product_id", "week"])
        frames[str(kind), str(name)] = both.fillna(dict(units=0))
    return _segments(frames, replace(COUNT, controls=panel.held), confidence)


def differences(table: pd.DataFrame, confidence: float = 0.95) -> dict[str, float]:
    """Return by kind the p value that its segments answer prices alike: Cochran's Q, by Holm over the kinds.

    Parameters
    ----------
    table : DataFrame
        From `by_level` or `by_place`.
    confidence : float
        Of its intervals.

    Notes
    -----
    Cochran (1954), Biometrics 10:101-129; segments are taken for independent.
    """
    z, found = critical(np.inf, confidence), {}
    for kind, own in table.groupby("kind"):
        weight = ((own["high"] - own["low"]) / 2 / z) ** -2
        mean = (weight * own["elasticity"]).sum() / weight.sum()
        q = float((weight * (own["elasticity"] - mean) ** 2).sum())
        if len(own) > 1:
            found[str(kind)] = float(chi2.sf(q, len(own) - 1))
    return dict(zip(found, holm(list(found.values())), strict=True)) if found else {}


def by_place(cells: Panel, confidence: float = 0.95) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the elasticity by tier of the region, where each region has its prices; as `by_level`."""
    there = cells.there
    frames = {("region", str(tier)): own for tier, own in there.groupby("tier")}
    model = replace(COUNT, controls=cells.held, errors=Clustered(cells.clusters))
    return _segments(frames, model, confidence)


def _segments(
    frames: dict[tuple[str, str], pd.DataFrame], model: Model, confidence: float
) -> tuple[pd.DataFrame, dict[str, str]]:
    rows, missing = [], {}
    for (kind, name), frame in frames.items():
        rung = tried(name, ladder.poisson, frame, model, confidence)
        if rung.estimate is None or rung.refused:
            missing[f"{kind}: {name}"] = rung.refused
            continue
        e = rung.estimate
        rows.append(dict(kind=kind, level=name, elasticity=e.value, low=e.low, high=e.high, rows=rung.n))
    return pd.DataFrame(rows, columns=["kind", "level", "elasticity", "low", "high", "rows"]), missing


def matrix(panel: Panel, category: str, confidence: float = 0.95) -> CrossPrices:
    """Return own and cross elasticities of a category's products (`growth.price.crossprice.cross_prices`).

    Parameters
    ----------
    panel : Panel
        By region where each region has its prices; else the shop is one market.
    category : str
    confidence : float

    Raises
    ------
    ValueError
        If fewer than two of its products have a price in most of its weeks.

    Notes
    -----
    Products with a price in fewer than 80 % of the weeks are left out: a week counts only with all prices. Seasons move
    prices and sales together and would pass for cross effects: what the other categories sell is held, and a trend.
    Prices are taken as they are.
    """
    every = panel.sold
    rows = every[every["category"] == category]
    weeks = rows.groupby("item")["week"].nunique()
    usual = weeks.index[weeks >= 0.8 * rows["week"].nunique()]
    rows = rows[rows["item"].isin(usual)]
    if "region" not in rows:
        rows = rows.assign(region="everywhere")
    rows, season = _with_season(rows, every[every["category"] != category])
    model = replace(LOG, product="item", controls=(*panel.held, *season))
    return cross_prices(rows, model, "region", confidence=confidence)


def _with_season(rows: pd.DataFrame, others: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Add what moves the whole shop: log units of the other categories, and a trend; nothing where there are none."""
    if rows.empty or not set(rows["week"]) <= set(others["week"]):
        return rows, ()
    sold = others.groupby("week")["units"].sum().reindex(rows["week"]).to_numpy(float)
    start = pd.to_datetime(rows["week"])
    years = (start - start.min()).dt.days / 365
    return rows.assign(season=np.log(sold), years=years), ("season", "years")


def dip(panel: Panel, confidence: float = 0.95) -> tuple[Split | None, Dynamics | None, dict[str, str]]:
    """Return regular price against promotion depth, what is borrowed from later weeks, and why one is missing.

    Promotions are held. The regular price is the list price where it is told from the price; else the highest of five
    weeks.
    """
    rows, model = panel.sold, replace(LOG, controls=panel.held, errors=Clustered(panel.clusters))
    listed = pd.Series(np.log(rows["list_price"].astype(float)), rows.index)
    regular = listed if (listed > rows["log_price"] + 1e-4).any() else None
    split, one = attempt(regular_and_promotion, rows, model, confidence=confidence, regular=regular)
    start = pd.to_datetime(rows["week"])
    number = rows.assign(week=((start - start.min()).dt.days // 7).astype(int))
    moves, two = attempt(dynamics, number, model, confidence=confidence)
    missing = {"Regular price and promotions": one, "What is borrowed": two}
    return split, moves, {k: why for k, why in missing.items() if why}


def _by_costs(panel: Panel, confidence: float) -> tuple[Rung, Rung]:
    """Return own elasticity and answer to the others' prices, each price by its cost; competitors held if known."""
    rows = _with_others(panel).dropna(subset=["log_cost", "others", "others_cost"])
    controls = list(panel.held)
    if rows["log_rivals"].notna().mean() > 0.9:
        controls, rows = [*controls, "log_rivals"], rows.dropna(subset="log_rivals")
    found, why = attempt(
        together, rows, "units", ["log_price", "others"], ["log_cost", "others_cost"], controls, "product_id",
        "week", confidence, Clustered(panel.costs_by),
    )  # fmt: skip
    if found is None:
        return Rung(BOTH, None, 0, refused=why), Rung(BOTH, None, 0, refused=why)
    one, two = found.estimates
    ties = float(found.covariance[0, 1] / (one.error * two.error))
    rises = "demand would rise with price" if one.value >= 0 else ""
    own = Rung(BOTH, one, found.n, errors=found.errors, refused=found.refusal or rises)
    return own, Rung(BOTH, two, found.n, errors=found.errors, refused=found.refusal, with_own=ties)


def _with_others(panel: Panel) -> pd.DataFrame:
    rows = panel.there
    return rows.assign(others=_beside(rows, "log_price"), others_cost=_beside(rows, "log_cost"))


def cross(panel: Panel, top: Level, confidence: float = 0.95) -> Rung:
    """Return what units gain when the other products of the category all cost more, own price held.

    Raises
    ------
    ValueError
        If categories are not known, or their mean price does not move beyond the weeks.

    Notes
    -----
    Units on own log price and the mean log price of the category's other products, weighted by what they sell: Poisson
    with product and week effects, errors by both. Where the level is protected both prices are instrumented by their
    costs (`growth.price.together`); else they are taken as they are, unprotected.
    """
    if panel.rows["category"].nunique() < 2 and "region" not in panel.rows:
        raise ValueError("products have no categories, so nothing says what stands beside what")
    if top.protected:
        own, found = _by_costs(panel, confidence)
        if found.estimate is not None and own.estimate is not None and not found.refused:
            # the level is own and test together: it goes with the answer to others as far as own is in it
            share = top.estimate.error / own.estimate.error if BOTH in top.sources else 0.0
            return replace(found, with_own=found.with_own * share)
    rows = _with_others(panel).dropna(subset="others")
    model = replace(COUNT, price="others", controls=("log_price", *panel.held))
    found = ladder.poisson(rows, model, confidence)
    return replace(found, name="as prices are", refused="")


def rivals(panel: Panel, confidence: float = 0.95) -> Rung:
    """Return what units gain when competitors ask more, on average, own price held.

    Raises
    ------
    ValueError
        If competitors' prices are known of less than half of the rows.
    """
    rows = panel.there
    if rows["log_rivals"].notna().mean() < 0.5:
        raise ValueError("competitors' prices are not known (table competitor_prices)")
    model = replace(COUNT, price="log_rivals", controls=("log_price", *panel.held))
    found = ladder.poisson(rows.dropna(subset="log_rivals"), model, confidence)
    return replace(found, refused="")


def _beside(rows: pd.DataFrame, column: str) -> pd.Series:
    """Return the mean over the category's other products of the week, of how far each is from its own mean.

    Weighted by their units of all weeks. Levels would move whenever a dear product comes or goes, without a price.
    """
    apart = rows[column] - rows.groupby("product_id")[column].transform("mean")
    weight = rows.groupby("product_id")["units"].transform("sum").where(rows[column].notna(), 0.0)
    keys = [rows[k] for k in ("category", "region", "week") if k in rows]
    own = weight * apart.fillna(0)
    total, weights = (v.groupby(keys).transform("sum") - v for v in (own, weight))
    return total / weights.where(weights > 0)


def one_product(panel: Panel, product: str) -> tuple[pd.DataFrame, float]:
    """Return a product's weeks with ``x, y`` (log price and log units less promotion, product and week effects), slope.

    Raises
    ------
    ValueError
        If the product has fewer than three weeks with a sale, or its price did not move.
    """
    rows, left = _left(panel.sold, ["log_price", "log_units", "promotion"], ["price", "units"])
    if panel.held:
        left = left - left[:, 2:] @ np.linalg.lstsq(left[:, 2:], left, rcond=None)[0]
    found = rows.assign(x=left[:, 0], y=left[:, 1])
    own = found[found["product_id"] == product].reset_index(drop=True)
    x, y = (own[c].to_numpy(float) - own[c].mean() for c in ("x", "y"))
    if len(own) < 3 or not x @ x > 0:
        raise ValueError("it has fewer than three weeks with a sale, or a price that did not move")
    return own, float(x @ y / (x @ x))
