"""The panel made ready, the level chosen, and elasticities recovered from a shop whose truth is known."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from growth.price import model, offers
from growth.price import panel as made
from growth.price.ladder import Rung
from growth.price.recommend import Reason
from growth.stats.contrast import estimate

TRUE = -2.5
PARAMS = SimpleNamespace(handling=0.5, fee=0.01, refunded=0.04, margin_floor=0.0, step=0.5, rival_low=0.5,
                         rival_high=2.0, sure=0.8, confidence=0.95)  # fmt: skip


def shop(
    seed: int, follows: float = 0.0, products: int = 24, weeks: int = 80
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Prices move with cost, and by `follows` with demand, which nobody sees; a tenth of the weeks has a promotion."""
    random = np.random.default_rng(seed)
    shape = (products, weeks)
    cost = np.exp(np.cumsum(random.normal(0, 0.03, shape), axis=1)) * random.uniform(5, 20, products)[:, None]
    shock = random.normal(0, 0.4, shape)
    promoted = random.random(shape) < 0.1
    price = 2 * cost * np.exp(follows * shock + random.normal(0, 0.02, shape) - 0.15 * promoted)
    season = np.sin(np.arange(weeks) / 8)
    mean = np.exp(
        3.0 + season + shock + 0.3 * promoted + TRUE * (np.log(price) - np.log(price).mean(axis=1)[:, None])
    )
    units = random.poisson(mean)
    first = dt.date(2023, 1, 2)
    rows = pd.DataFrame(
        [
            dict(product_id=f"p{i:02d}", week=first + dt.timedelta(weeks=t), units=int(units[i, t]),
                 revenue=units[i, t] * price[i, t], lines=int(units[i, t]), line_price=price[i, t], days=7.0,
                 list_price=price[i, t], price=price[i, t], promoted=7.0 * promoted[i, t], unit_cost=cost[i, t],
                 rival=np.nan, rivals=np.nan, hours_out=0.0, aside=0)
            for i in range(products)
            for t in range(weeks)
        ]
    )  # fmt: skip
    known = pd.DataFrame(
        dict(product_id=sorted(rows["product_id"].unique()), name="n", brand="b", launched_on=None)
    )
    return rows, known.assign(category=[f"k{i % 4}" for i in range(products)])


def test_where_prices_follow_demand_costs_find_the_elasticity_and_least_squares_do_not() -> None:
    panel = made.prepare(*shop(1, follows=0.1))
    found = {r.name: r for r in model.rungs(panel, None)}
    naive, cost = found["promotions held"].estimate, found[model.COST].estimate
    assert naive is not None and cost is not None
    assert naive.low > TRUE, "too close to 0"
    assert cost.low < TRUE < cost.high
    top = model.level(list(found.values()))
    assert top.protected and top.sources == (model.BOTH,)


def test_lots_find_the_elasticity_whatever_demand_does() -> None:
    random = np.random.default_rng(2)
    rows = []
    for product in range(20):
        for region in range(12):
            factor = random.choice([0.9, 0.95, 1.0, 1.05, 1.1])
            mean = np.exp(2 + random.normal(0, 0.1) + 0.1 * product + 0.1 * region) * factor**TRUE
            rows.append((f"p{product}", f"r{region}", dt.date(2024, 1, 1), factor, random.poisson(mean)))
    lots = pd.DataFrame(rows, columns=["product_id", "region", "starts_on", "factor", "units"])
    found = model.by_lot(lots).estimate
    assert found is not None and found.low < TRUE < found.high


def rung(name: str, value: float, error: float, refused: str = "") -> Rung:
    return Rung(name, estimate(value, error, np.inf), 10, refused=refused)


def test_the_level_weighs_what_is_protected_and_says_when_nothing_is() -> None:
    both = [rung("pooled", -0.5, 0.1), rung(model.COST, -3.0, 0.2), rung(model.TEST, -2.4, 0.4)]
    top = model.level(both)
    assert top.estimate.value == pytest.approx((-3 * 25 - 2.4 * 6.25) / 31.25)
    assert top.estimate.error == pytest.approx(31.25**-0.5)
    apart = model.level([*both[:2], rung(model.TEST, -2.0, 0.4)])
    assert (apart.estimate.value, apart.sources) == (-2.0, (model.TEST,)), (
        "they contradict each other: the lot"
    )
    huge = [rung("Poisson, zeros kept", 0.1, 3.0), rung("promotions held", -2.2, 0.1)]
    assert model.level(huge).estimate.value == -2.2, "one huge sale carries a Poisson fit"
    weak = [rung("Poisson, zeros kept", -2.2, 0.1), rung(model.COST, -3.0, 2.0, "weak")]
    assert (model.level(weak).protected, model.level(weak).estimate.value) == (False, -2.2)
    with pytest.raises(ValueError, match="no rung of the ladder can be read: weak"):
        model.level(weak[1:])


def test_every_row_is_used_or_counted_and_gaps_are_filled_only_between_sales() -> None:
    rows, known = shop(3, products=6, weeks=30)
    rows.loc[[0, 31], "days"] = 3.0
    panel = made.prepare(rows, known)
    assert panel.left_out == {"on sale on fewer days of the week than usual": 2}
    assert len(panel.rows) + 2 == len(rows)
    sold = rows.assign(days=np.nan, price=np.nan).drop(index=[5, 6, 29])
    panel = made.prepare(sold, None)
    first = panel.rows[panel.rows["product_id"] == "p00"]
    assert list(first.index[first["filled"]]) == [5, 6] and len(first) == 29, "the last week is not made up"
    assert first["price"].iloc[6] == first["price"].iloc[4] and not first["units"].iloc[5:7].any()


def test_many_bought_cheaply_are_named() -> None:
    rows, known = shop(4, products=6, weeks=30)
    many = rows["product_id"] == "p03"
    rows.loc[many, "revenue"] *= 0.8
    assert list(made.prepare(rows, known).bulk["product_id"]) == ["p03"]


def test_the_price_list_finds_lerners_price_and_says_what_is_missing() -> None:
    rows, known = shop(5, products=24)
    rows = rows[~((rows["product_id"] == "p07") & (rows["units"] >= 0))].copy()
    flat = rows["product_id"] == "p03"
    rows.loc[flat, ["price", "list_price", "line_price"]] = 20.0
    rows.loc[rows["product_id"] == "p04", "unit_cost"] = np.nan
    panel = made.prepare(rows, known)
    allowed = model.identified(panel, 20)
    top = model.level(model.rungs(panel, None))
    found, missing = model.elasticities(panel, allowed, top, 0.0)
    products = offers.offers(panel, None, found, missing, None, PARAMS)
    table = offers.recommended(products, PARAMS).set_index("name")
    assert len(table) == 23 and "p03" in missing
    assert (
        table.loc["p03", "reason"] == Reason.NOT_IDENTIFIED
        and table.loc["p04", "reason"] == Reason.COST_UNKNOWN
    )
    mean, low, high = offers.gained(products, table.reset_index())
    changed = table[table["price"] != table["today"]]
    assert mean == pytest.approx(changed["gain"].sum()) and low < mean < high
    free = table[table["reason"].isin([Reason.RAISE, Reason.LOWER])]
    assert len(free) > 3
    e = top.estimate.value
    cost = panel.rows.groupby("product_id")["unit_cost"].last() + PARAMS.handling
    lerner = cost[free.index] / (1 - PARAMS.fee - PARAMS.refunded) * e / (1 + e)
    assert np.allclose(free["best"], lerner, rtol=0.03), (
        "draws of e: close to, not at, the price at their mean"
    )


def test_what_others_prices_do_is_found_and_wrong_for_none() -> None:
    """Units answer the category's other prices by 0.8: planted in the logs, with prices that follow nothing."""
    rows, known = shop(6, products=40, weeks=160)
    panel = made.prepare(rows, known)
    others = model._beside(panel.rows, "log_price")
    more = np.exp(0.8 * (others - others.groupby(panel.rows["product_id"]).transform("mean")))
    units = np.random.default_rng(6).poisson(panel.rows["units"] * more)
    changed = made.Panel(panel.rows.assign(units=units), panel.left_out, panel.bulk)
    top = model.level(model.rungs(changed, None))
    found = model.cross(changed, top).estimate
    assert found is not None and found.low < 0.8 < found.high and found.low > 0


def test_few_products_take_the_level_and_a_shop_without_a_week_is_refused() -> None:
    """Three products cannot be pooled: each takes the level, as wide as `spread` says."""
    rows, known = shop(7, products=3)
    panel = made.prepare(rows, known)
    top = model.level([r for r in model.rungs(panel, None) if r.name not in (model.COST, model.BOTH)])
    found, missing = model.elasticities(panel, model.identified(panel, 20), top, 0.3)
    assert not top.protected and not missing and (found["elasticity"] == top.estimate.value).all()
    assert found["common"].tolist() == [top.estimate.error] * 3 and found["own"].tolist() == [0.3] * 3
    far = np.random.default_rng(1).standard_t(top.estimate.freedom, 400_000) * top.estimate.error
    far += np.random.default_rng(2).normal(0, 0.3, 400_000)
    half = (found["high"] - found["low"]).iloc[0] / 2
    assert half == pytest.approx(np.quantile(far, 0.975), rel=0.05)
    with pytest.raises(ValueError, match="no week is over"):
        made.prepare(rows.iloc[:0], None)


def test_segments_are_told_apart_by_cochrans_q_and_holm() -> None:
    """Q by hand: (-2, -3) with errors .5 is 2.0 on one degree; three equal ones are 0; Holm doubles the smaller p."""
    z = 1.959963984540054
    rows = [
        ("a", "x", -2.0, 0.5),
        ("a", "y", -3.0, 0.5),
        *[("b", c, -2.0, 0.3) for c in "uvw"],
        ("c", "one", -1.0, 1.0),
    ]
    table = pd.DataFrame(
        [(k, n, e, e - z * s, e + z * s) for k, n, e, s in rows],
        columns=["kind", "level", "elasticity", "low", "high"],
    )
    assert model.differences(table) == {"a": pytest.approx(2 * 0.15729921), "b": pytest.approx(1.0)}


def test_a_known_list_price_is_the_regular_price() -> None:
    """Depths differ, a promotion sells by itself (.3): with the list price both elasticities are the true one."""
    rows, known = shop(8, products=24)
    deeper = np.where(rows["promoted"] > 0, np.random.default_rng(8).uniform(0.8, 1.0, len(rows)), 1.0)
    rows["list_price"] = np.where(rows["promoted"] > 0, rows["price"] / np.exp(-0.15), rows["price"])
    rows["price"] *= deeper
    rows["units"] = np.random.default_rng(9).poisson(rows["units"] * deeper**TRUE)
    split, moves, missing = model.dip(made.prepare(rows, known))
    assert split is not None and moves is not None and not missing
    assert split.regular.low < TRUE < split.regular.high
    assert split.depth.low < TRUE < split.depth.high
