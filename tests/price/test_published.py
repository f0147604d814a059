"""Numbers that trusted tools give on published data, to the digits given."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from growth.price import ladder, promotion, scores, twoway, twoway_marts
from growth.price.instruments import reduced_form

STORE = scores.Clustered(("store",))


@pytest.fixture(scope="module")
def where() -> Path:
    named = os.environ.get("GROWTH_DATASETS") or str(Path(__file__).resolve().parents[3] / "shared" / "data")
    if not (Path(named) / "orange_juice").is_dir():
        pytest.skip("the public datasets are not here: set GROWTH_DATASETS to their folder")
    return Path(named)


@pytest.fixture(scope="module")
def juice(where: Path) -> pd.DataFrame:
    """Dominick's orange juice: a row a store, brand and week."""
    raw = pd.read_parquet(where / "orange_juice" / "orange_juice.parquet").astype(
        {"store": int, "brand": int, "week": int}
    )
    prices = raw[[f"price{b}" for b in range(1, 12)]].to_numpy()
    lp = np.log(prices[np.arange(len(raw)), raw["brand"] - 1])
    made = raw.assign(
        lp=lp,
        item=raw["store"] * 100 + raw["brand"],
        brand_week=raw["brand"] * 1000 + raw["week"],
        cost=lp + np.log1p(-raw["profit"] / 100),
    )
    others = made.groupby("brand_week")["lp"]
    return made.assign(elsewhere=(others.transform("sum") - made["lp"]) / (others.transform("count") - 1))


def model(errors: scores.Errors = STORE) -> ladder.Model:
    return ladder.Model("logmove", "lp", "item", "week", ("deal", "feat"), errors)


SEVEN: list[tuple[Any, float]] = [
    (scores.Classical(), 0.013031),
    (scores.Robust(), 0.018674),
    (STORE, 0.048141),
    (scores.Clustered(("item",)), 0.039867),
    (scores.Clustered(("week",)), 0.115480),
    (scores.Clustered(("brand_week",)), 0.105006),
    (scores.Clustered(("store", "week")), 0.123263),
    (scores.OverTime("week", 4), 0.127720),
]


@pytest.mark.parametrize(("errors", "wanted"), SEVEN, ids=lambda v: str(v)[:40])
def test_orange_juice_and_all_its_errors(juice: pd.DataFrame, errors: scores.Errors, wanted: float) -> None:
    found = ladder.two_way(juice, model(errors))
    assert found.estimate is not None and found.n == 106_139
    assert found.estimate.value == pytest.approx(-3.289234, abs=6e-7)
    assert found.estimate.error == pytest.approx(wanted, abs=6e-7)


def test_orange_juice_through_ibis(juice: pd.DataFrame) -> None:
    found = twoway_marts.fit(
        ibis.memtable(juice), "logmove", ["lp", "deal", "feat"], "item", "week", ["store", "week"]
    )
    assert (found.units, found.weeks, found.n, found.clusters) == (913, 121, 106_139, (83, 121))
    assert found.coefficients == pytest.approx([-3.289234, -0.008499, 0.733473], abs=6e-7)
    assert found.estimate("lp").error == pytest.approx(0.123263, abs=6e-7)


@pytest.mark.parametrize(
    ("week", "wanted"), [(None, -2.527771), ("brand_week", -1.964570), ("store_week", -3.350771)]
)
def test_orange_juice_with_other_effects(juice: pd.DataFrame, week: str | None, wanted: float) -> None:
    frame = juice.assign(store_week=juice["store"] * 1000 + juice["week"])
    if week is None:
        found = ladder.product_effects(frame, model())
    else:
        found = ladder.two_way(frame, ladder.Model("logmove", "lp", "item", week, ("deal", "feat"), STORE))
    assert found.estimate is not None and found.estimate.value == pytest.approx(wanted, abs=6e-7)


BRANDS = [
    -2.991511, -2.239423, -3.303213, -4.029813, -3.581870, -2.963198, -3.562166, -2.510199, -3.940201, -3.299114,
    -1.930110,
]  # fmt: skip


def test_orange_juice_by_brand(juice: pd.DataFrame) -> None:
    own = {f"lp{b}": juice["lp"] * (juice["brand"] == b) for b in range(1, 12)}
    found = twoway.fit(
        juice.assign(**own), "logmove", [*own, "deal", "feat"], "item", "week", ["store", "week"]
    )
    assert found.coefficients[:11] == pytest.approx(BRANDS, abs=6e-7)


def test_orange_juice_by_income(juice: pd.DataFrame, where: Path) -> None:
    income = pd.read_csv(where / "orange_juice" / "store_demographics.csv").set_index("STORE")["INCOME"]
    z = juice["store"].map((income - income.mean()) / income.std())
    found = twoway.fit(
        juice.assign(slope=juice["lp"] * z), "logmove", ["lp", "slope", "deal", "feat"], "item", "week",
        ["store", "week"],
    ).estimate("slope")  # fmt: skip
    assert (found.value, found.error) == pytest.approx((0.138188, 0.041301), abs=6e-7)


@pytest.mark.parametrize(
    ("instruments", "value", "error"),
    [
        (["cost"], -3.314993, 0.133416),
        (["elsewhere"], -3.591643, 0.056415),
        (["cost", "elsewhere"], -3.584879, None),
    ],
    ids=["cost", "Hausman", "both"],
)
def test_orange_juice_instruments(
    juice: pd.DataFrame, instruments: list[str], value: float, error: float | None
) -> None:
    found = ladder.instrument(juice, model(), instruments)
    assert found.estimate is not None and found.instrumented is not None and not found.refused
    assert found.estimate.value == pytest.approx(value, abs=6e-7)
    if error is not None:
        assert found.estimate.error == pytest.approx(error, abs=6e-7)
    if instruments == ["cost"]:
        assert found.instrumented.strength == pytest.approx(5324, abs=0.5)
    assert found.instrumented.accepted.kind == "bounded"


def test_orange_juice_effective_f_of_both_instruments(juice: pd.DataFrame) -> None:
    """The page's 2753 weighs by instruments that still hold deal and feat; without them, as published, it is 2438."""
    names = ["logmove", "lp", "cost", "elsewhere", "deal", "feat"]
    rows = twoway.panel(juice, names, "item", "week")
    left = rows.residuals(rows.frame[names].to_numpy(float))
    out = left - left[:, 4:] @ np.linalg.lstsq(left[:, 4:], left, rcond=None)[0]
    found = reduced_form(out[:, 0], out[:, 1], out[:, 2:4], rows.frame, STORE, ["item", "week"], 2)
    with_controls = left[:, 2:4].T @ left[:, 2:4]
    top = found.first @ with_controls @ found.first
    assert top / np.trace(found.covariance[:2, :2] @ with_controls) == pytest.approx(2753, abs=0.5)
    assert found.strength == pytest.approx(2438, abs=0.5)


@pytest.fixture(scope="module")
def tuna(where: Path) -> pd.DataFrame:
    raw = pd.read_csv(where / "tuna" / "tuna.csv")
    return raw.assign(
        customers=np.log(raw["FULLCUST"]),
        chain=0,
        **{f"log{i}": np.log(raw[f"MOVE{i}"]) for i in range(1, 8)},
    )


TUNA = {
    1: (-4.336058, 0.391120),
    2: (-4.711685, 0.382281),
    3: (-4.551965, 1.134832),
    4: (-4.937288, 0.353980),
}


@pytest.mark.parametrize("i", TUNA)
def test_tuna_with_cross_prices(tuna: pd.DataFrame, i: int) -> None:
    cross = tuple(f"LPRICE{j}" for j in range(1, 8) if j != i)
    own = ladder.Model(
        f"log{i}",
        f"LPRICE{i}",
        "chain",
        "WEEK",
        (f"NSALE{i}", "customers", *cross),
        scores.OverTime("WEEK", 4),
    )
    found = ladder.pooled(tuna, own).estimate
    design = sm.add_constant(tuna[own.x])
    oracle = sm.OLS(tuna[own.y], design).fit(cov_type="HAC", cov_kwds=dict(maxlags=4, use_correction=True))
    assert found is not None
    assert found.value == pytest.approx(TUNA[i][0], abs=6e-7)
    assert found.value == pytest.approx(oracle.params[own.price], rel=1e-9)
    # statsmodels corrects by n / (n - k), here by T / (T - 1) * (n - 1) / (n - k): the same, as T is n.
    assert found.error == pytest.approx(TUNA[i][1], abs=6e-7)
    assert found.error == pytest.approx(oracle.bse[own.price], rel=1e-9)


WHOLESALE = {1: (-0.794960, 1.434666, 59), 2: (-3.925848, 0.280734, 171), 4: (-4.276568, 0.668019, 137)}


def wholesale(tuna: pd.DataFrame, i: int) -> ladder.Rung:
    own = ladder.Model(f"log{i}", f"LPRICE{i}", "chain", "WEEK", (f"NSALE{i}", "customers"), scores.Robust())
    return ladder.instrument(tuna, own, [f"LWHPRIC{i}"], [])


@pytest.mark.parametrize("i", WHOLESALE)
def test_tuna_by_wholesale_price(tuna: pd.DataFrame, i: int) -> None:
    found = wholesale(tuna, i)
    assert found.estimate is not None and found.instrumented is not None
    value, error, strength = WHOLESALE[i]
    assert (found.estimate.value, found.estimate.error) == pytest.approx((value, error), abs=6e-7)
    assert found.instrumented.strength == pytest.approx(strength, abs=0.5)


def test_tuna_three_is_refused(tuna: pd.DataFrame) -> None:
    found = wholesale(tuna, 3)
    assert found.estimate is not None and found.instrumented is not None
    assert (found.estimate.value, found.estimate.error) == pytest.approx((21.81, 13.34), abs=6e-3)
    assert found.instrumented.strength == pytest.approx(7.9, abs=0.05)
    assert found.refused.startswith("The instruments hardly move the price (effective F 7.9, below 10)")


@pytest.fixture(scope="module")
def retail(where: Path) -> pd.DataFrame:
    """Online Retail, United Kingdom: a row a product with 20 weeks or more, and ISO week in which it sold."""
    raw = pd.read_parquet(where / "online_retail" / "online_retail.parquet")
    raw = raw[(raw["Country"] == "United Kingdom") & (raw["Quantity"] > 0) & (raw["UnitPrice"] > 0)]
    raw = raw[raw["StockCode"].str.match(r"^\d{5}")]
    monday = raw["InvoiceDate"].dt.to_period("W").dt.start_time
    raw = raw.assign(week=(monday - monday.min()).dt.days // 7, revenue=raw["Quantity"] * raw["UnitPrice"])
    cells = raw.groupby(["StockCode", "week"], as_index=False).agg(
        units=("Quantity", "sum"), revenue=("revenue", "sum"), median=("UnitPrice", "median"),
    )  # fmt: skip
    keys = ["StockCode", "week"]
    lines = raw.groupby([*keys, "UnitPrice"], as_index=False).size()
    modal = lines.sort_values(
        [*keys, "size", "UnitPrice"], ascending=[True, True, False, True]
    ).drop_duplicates(keys)
    cells = cells.merge(modal.rename(columns={"UnitPrice": "modal"}).drop(columns="size"), on=keys)
    cells = cells[cells.groupby("StockCode")["week"].transform("size") >= 20]
    logs = dict(
        lq=np.log(cells["units"]), lp=np.log(cells["revenue"] / cells["units"]), modal=np.log(cells["modal"]),
        median=np.log(cells["median"]),
    )  # fmt: skip
    return cells.assign(**logs).reset_index(drop=True)


def of(price: str = "lp", y: str = "lq", *clusters: str) -> ladder.Model:
    return ladder.Model(y, price, "StockCode", "week", errors=scores.Clustered(clusters or ("StockCode",)))


def test_online_retail_ladder(retail: pd.DataFrame) -> None:
    assert (len(retail), retail["StockCode"].nunique(), retail["week"].nunique()) == (84_051, 2_206, 53)
    values = [
        rung(retail, of()).estimate.value for rung in (ladder.pooled, ladder.product_effects, ladder.two_way)
    ]
    assert values == pytest.approx([-0.612766, -1.936613, -1.988990], abs=6e-7)
    errors = [ladder.two_way(retail, m).estimate.error for m in (of(), of("lp", "lq", "StockCode", "week"))]
    assert errors == pytest.approx([0.033005, 0.043214], abs=6e-7)
    list_prices = [ladder.two_way(retail, of(p)).estimate.value for p in ("modal", "median")]
    assert list_prices == pytest.approx([-1.462312, -1.492251], abs=6e-7)


def test_online_retail_with_weeks_of_no_sale(retail: pd.DataFrame) -> None:
    spans = retail.groupby("StockCode")["week"].agg(["min", "max"])
    index = [(s, w) for s, a, b in spans.itertuples() for w in range(a, b + 1)]
    full = retail.set_index(["StockCode", "week"]).reindex(pd.MultiIndex.from_tuples(index))
    full.index.names = ["StockCode", "week"]
    full = full.assign(
        units=full["units"].fillna(0), lp=full.groupby("StockCode")["lp"].ffill()
    ).reset_index()
    full["log1p"] = np.log1p(full["units"])
    assert len(full) == 109_695 and (full["units"] == 0).mean() == pytest.approx(0.234, abs=5e-4)
    found = ladder.poisson(full, of("lp", "units"))
    assert found.estimate is not None and found.n + sum(found.dropped.values()) == 109_695
    assert (found.estimate.value, found.estimate.error) == pytest.approx((-2.619889, 0.104092), abs=1.1e-6)
    assert ladder.two_way(full, of("lp", "log1p")).estimate.value == pytest.approx(-1.483151, abs=6e-7)


BY_BOTH = ladder.Model("logmove", "lp", "item", "week", ("deal", "feat"), scores.Clustered(("store", "week")))


def test_orange_juice_dip_after_promotions(juice: pd.DataFrame) -> None:
    found = promotion.dynamics(juice, BY_BOTH, lags=4, leads=1)
    assert found.n == 90_948
    assert (found.now.value, found.now.error) == pytest.approx((-3.345273, 0.137941), abs=6e-7)
    assert (found.after[0].value, found.after[0].error) == pytest.approx((0.407981, 0.108451), abs=6e-7)
    assert found.before[0].value == pytest.approx(-0.289902, abs=6e-7)
    assert found.long_run.value == pytest.approx(-2.825571, abs=1.1e-6)
    assert found.borrowed.value == pytest.approx(0.155, abs=5e-4) and found.borrowed.low > 0


def test_orange_juice_regular_price_and_promotion(juice: pd.DataFrame) -> None:
    found = promotion.regular_and_promotion(juice, BY_BOTH)
    assert (found.regular.value, found.regular.error) == pytest.approx((-3.000722, 0.144680), abs=6e-7)
    assert (found.depth.value, found.depth.error) == pytest.approx((-3.432188, 0.144786), abs=6e-7)


def test_yogurt_conditional_logit(where: Path) -> None:
    """Price and feature, brands of their own: the reference page's numbers, and elasticities at the sample's mean."""
    from statsmodels.discrete.conditional_models import ConditionalLogit

    d = pd.read_csv(where / "yogurt" / "yogurt.csv")
    brands = sorted(set(d["brand"]) - {"yoplait"})
    x = d[["price", "feat"]].assign(**{b: (d["brand"] == b).astype(float) for b in brands})
    fit = ConditionalLogit(d["choice"], x, groups=d["obsID"]).fit(disp=0)
    assert fit.params[["price", "feat"]].to_numpy() == pytest.approx([-0.36658, 0.4915], abs=6e-5)
    assert fit.bse[["price", "feat"]].to_numpy() == pytest.approx([0.024366, 0.120063], abs=2e-6)
    assert fit.llf == pytest.approx(-2656.8879, abs=1e-3)
    worth = np.exp(x.to_numpy() @ fit.params.to_numpy())
    share = worth / d.assign(worth=worth).groupby("obsID")["worth"].transform("sum").to_numpy()
    own = fit.params["price"] * d["price"] * (1 - share)
    found = own.groupby(d["brand"]).mean()
    wanted = dict(dannon=-1.821, hiland=-1.912, weight=-2.258, yoplait=-2.684)
    assert found.to_dict() == pytest.approx(wanted, abs=6e-4)
