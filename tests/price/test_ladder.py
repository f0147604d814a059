"""The ladder: each rung against pyfixest, what it leaves out against the truth, refusals said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest

from growth.price import ladder, scores
from tests.price.test_poisson import sales

MODEL = ladder.Model("y", "lp", "unit", "week", ("ad",))


def logged(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["y"] > 0].assign(ly=lambda d: np.log(d["y"]))


@pytest.mark.parametrize(
    ("rung", "effects"),
    [(ladder.pooled, ""), (ladder.product_effects, "| unit"), (ladder.two_way, "| unit + week")],
)
@pytest.mark.parametrize("clusters", [("unit",), ("unit", "week")], ids="+".join)
def test_least_squares_rungs_equal_pyfixest(rung: Any, effects: str, clusters: tuple[str, ...]) -> None:
    frame = logged(sales(1, 0.0))
    model = ladder.Model("ly", "lp", "unit", "week", ("ad",), scores.Clustered(clusters))
    found = rung(frame, model)
    wanted: Any = pf.feols(
        f"ly ~ lp + ad {effects}",
        frame,
        vcov={"CRV1": "+".join(clusters)},
        demeaner=pf.MapDemeaner(fixef_tol=1e-13),
    )
    assert (found.estimate.value, found.estimate.error) == pytest.approx(
        (wanted.coef()["lp"], wanted.se()["lp"]), rel=1e-8
    )
    assert found.n == wanted._N and found.estimate.freedom == wanted._df_t
    assert (found.estimate.low, found.estimate.high) == pytest.approx(
        tuple(wanted.confint().loc["lp"]), rel=1e-7
    )


@pytest.mark.parametrize("errors", [scores.Classical(), scores.Robust()], ids=["iid", "HC1"])
def test_errors_of_independent_rows_equal_pyfixest(errors: scores.Errors) -> None:
    frame = logged(sales(2, 0.0))
    found = ladder.two_way(frame, ladder.Model("ly", "lp", "unit", "week", ("ad",), errors))
    kind: Any = "iid" if isinstance(errors, scores.Classical) else "HC1"
    wanted: Any = pf.feols(
        "ly ~ lp + ad | unit + week", frame, vcov=kind, demeaner=pf.MapDemeaner(fixef_tol=1e-13)
    )
    assert found.estimate is not None
    assert found.estimate.error == pytest.approx(wanted.se()["lp"], rel=1e-8)


def test_the_default_clusters_by_product_and_week() -> None:
    found = ladder.ladder(sales(1), MODEL)
    assert {r.errors for r in found} == {"clustered by unit and week"}
    assert {r.estimate.freedom for r in found if r.estimate} == {29.0}


def test_every_row_is_accounted_for_on_every_rung() -> None:
    frame = sales(3, -1.0)
    frame = pd.concat([frame, frame.head(1).assign(unit=999, y=3)], ignore_index=True)
    for rung in ladder.ladder(frame, MODEL):
        assert rung.n + sum(rung.dropped.values()) == len(frame), rung.name
    assert rung.dropped["alone in their product or week"] == 1


def test_the_ladder_shows_why_the_naive_number_is_wrong() -> None:
    """Truth -2. Prices are high where and when demand is; a third of the weeks have no sale."""
    frame = sales(7, 0.2, units=150, weeks=60)
    values = {r.name: r.estimate.value for r in ladder.ladder(frame, MODEL) if r.estimate}
    assert list(values) == ["pooled", "product effects", "product and week effects", "Poisson, zeros kept"]
    assert values["pooled"] > -1.0 and values["product effects"] > values["product and week effects"]
    assert values["product and week effects"] > -1.6  # zeros dropped
    assert values["Poisson, zeros kept"] == pytest.approx(-2, abs=0.08)


def test_a_rung_that_cannot_be_climbed_says_why() -> None:
    frame = sales(4).assign(lp=lambda d: np.cos(d["week"]), cost=1.0)
    found = {r.name: r for r in ladder.ladder(frame, MODEL, ["cost"])}
    why = {"product and week effects": "lp", "instrument": "cost", "Poisson, zeros kept": "lp"}
    for name, column in why.items():
        assert found[name].estimate is None and f"`{column}` does not vary" in found[name].refused
        assert found[name].n + sum(found[name].dropped.values()) == len(frame)
    assert found["pooled"].estimate is not None


def test_a_demand_that_rises_with_price_is_refused() -> None:
    frame = logged(sales(5, 1.0)).assign(ly=lambda d: d["ly"] + 4 * d["lp"])
    found = ladder.two_way(frame, ladder.Model("ly", "lp", "unit", "week"))
    assert found.estimate is not None and found.estimate.value > 1 and "rise with price" in found.refused


def test_missing_clusters_are_refused_with_their_count() -> None:
    frame = logged(sales(6, 1.0)).assign(shop=1.0)
    frame.loc[frame.index[:4], "shop"] = np.nan
    for errors in (scores.Clustered(("shop",)), scores.OverTime("shop", 2)):
        with pytest.raises(ValueError, match="`shop` is missing or infinite in 4 of"):
            ladder.two_way(frame, ladder.Model("ly", "lp", "unit", "week", (), errors))
        with pytest.raises(ValueError, match="`shop` is missing or infinite in 4 of"):
            ladder.poisson(frame, ladder.Model("y", "lp", "unit", "week", (), errors))
