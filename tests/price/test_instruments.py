"""Instruments: two-stage least squares and F against pyfixest, the Anderson-Rubin set against its own definition."""

from __future__ import annotations

from dataclasses import replace
from math import inf, sqrt
from typing import Any

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
from scipy.stats import f as f_law

from growth.price import instruments as iv
from growth.price import ladder, scores, twoway

TIGHT = pf.MapDemeaner(fixef_tol=1e-13)


def market(seed: int = 1, strength: float = 0.6, units: int = 40, weeks: int = 30) -> pd.DataFrame:
    """Prices that follow demand and two costs; elasticity -2."""
    random = np.random.default_rng(seed)
    unit, week = (a.ravel() for a in np.meshgrid(np.arange(units), np.arange(weeks), indexing="ij"))
    cost, rent = random.normal(size=(2, unit.size)) * 0.3
    ad, demand = random.normal(size=(2, unit.size)) * 0.3
    rent = rent + 0.5 * ad
    price = strength * (cost + 0.5 * rent) + 0.5 * demand + 0.2 * ad + 0.1 * random.normal(size=unit.size)
    y = 3 - 2 * price + ad + demand + 0.01 * unit + 0.1 * np.sin(week)
    frame = pd.DataFrame(dict(unit=unit, week=week, cost=cost, rent=rent, ad=ad, lp=price, y=y))
    return frame[random.random(unit.size) < 0.8].reset_index(drop=True)


def model(*clusters: str) -> ladder.Model:
    return ladder.Model("y", "lp", "unit", "week", ("ad",), scores.Clustered(clusters) if clusters else None)


@pytest.mark.parametrize("clusters", [("unit",), ("week",), ("unit", "week")], ids="+".join)
@pytest.mark.parametrize("names", [["cost"], ["cost", "rent"]], ids="+".join)
def test_two_stage_equals_pyfixest(names: list[str], clusters: tuple[str, ...]) -> None:
    frame = market()
    found = ladder.instrument(frame, model(*clusters), names)
    wanted: Any = pf.feols(
        f"y ~ ad | unit + week | lp ~ {' + '.join(names)}",
        frame,
        vcov={"CRV1": "+".join(clusters)},
        demeaner=TIGHT,
    )
    assert found.estimate is not None and found.instrumented is not None
    assert found.estimate.value == pytest.approx(wanted.coef()["lp"], rel=1e-8)
    assert found.estimate.error == pytest.approx(wanted.se()["lp"], rel=1e-8)
    assert found.n == wanted._N and found.estimate.freedom == wanted._df_t
    if len(names) == 1:  # then the effective F is the first stage's own
        first: Any = pf.feols(
            "lp ~ cost + ad | unit + week", frame, vcov={"CRV1": "+".join(clusters)}, demeaner=TIGHT
        )
        assert found.instrumented.strength == pytest.approx(float(first.tstat()["cost"]) ** 2, rel=1e-7)


def test_effective_f_takes_controls_out_of_the_instruments() -> None:
    """pyfixest weighs by instruments that still hold the controls; with none, or theirs taken out first, it agrees."""
    frame = market()
    wide = ladder.instrument(frame, model("unit"), ["cost", "rent"]).instrumented
    rows = twoway.panel(frame, ["y", "lp", "cost", "rent", "ad"], "unit", "week")
    left = rows.residuals(rows.frame[["y", "lp", "cost", "rent", "ad"]].to_numpy(float))
    out = left - left[:, 4:] @ np.linalg.lstsq(left[:, 4:], left, rcond=None)[0]
    bare = pd.DataFrame(out[:, :4], columns=["y", "lp", "cost", "rent"]).assign(unit=rows.frame["unit"])
    wanted: Any = pf.feols("y ~ 1 | lp ~ cost + rent", bare, vcov={"CRV1": "unit"})
    wanted.IV_Diag()
    n = len(rows.frame)
    scale = (n - 3) / (
        n - 3 - 30
    )  # its correction counts an intercept and two slopes, ours three slopes and weeks
    assert wide is not None and wide.strength == pytest.approx(wanted._eff_F / scale, rel=1e-6)


def statistic(frame: pd.DataFrame, names: list[str], b: float) -> float:
    """The joint Wald statistic of the instruments for y - b * price, by pyfixest: Anderson and Rubin's own words."""
    left: Any = pf.feols(
        f"left ~ {' + '.join(names)} + ad | unit + week", frame.assign(left=frame["y"] - b * frame["lp"]),
        vcov={"CRV1": "unit"}, demeaner=TIGHT,
    )  # fmt: skip
    at = [left._coefnames.index(n) for n in names]
    own = left.coef().to_numpy()[at]
    return float(own @ np.linalg.solve(left._vcov[np.ix_(at, at)], own))


@pytest.mark.parametrize("names", [["cost"], ["cost", "rent"]], ids="+".join)
@pytest.mark.parametrize("strength", [0.6, 0.03], ids=["strong", "weak"])
def test_the_set_is_what_the_test_does_not_reject(names: list[str], strength: float) -> None:
    frame = market(3, strength)
    found = ladder.instrument(frame, model("unit"), names).instrumented
    assert found is not None
    limit = len(names) * float(f_law.ppf(0.95, len(names), found.estimate.freedom))
    edges = [e for piece in found.accepted.pieces for e in piece if abs(e) < inf]
    assert edges or found.accepted.kind in ("line", "empty")
    for edge in edges:
        assert statistic(frame, names, edge) == pytest.approx(limit, rel=1e-6)
    for b in (-30.0, -4.0, -2.0, -1.0, 0.0, 30.0):
        assert found.accepted.holds(b) == (statistic(frame, names, b) <= limit)


def reduced(first: list[float], form: list[float], spread: float = 1.0) -> iv.Reduced:
    q = len(first)
    return iv.Reduced(np.array(first), np.array(form), spread * np.eye(2 * q), np.eye(q), 1e6)


def test_every_kind_of_set_exists() -> None:
    strong = iv.anderson_rubin(reduced([10.0, 10.0], [-20.0, -20.0]))
    assert strong.kind == "bounded" and strong.holds(-2) and not strong.holds(0)
    against = iv.anderson_rubin(reduced([10.0, 10.0], [-60.0, 20.0]))
    assert against.kind == "empty" and against.pieces == ()
    weak = iv.anderson_rubin(reduced([0.5, 0.5], [-0.5, -0.5]))
    assert weak.kind == "line" and weak.holds(1e9)
    sure = iv.anderson_rubin(reduced([0.5, 0.5], [-20.0, -20.0]))
    assert sure.kind == "rays" and sure.holds(-1e9) and sure.holds(1e9) and not sure.holds(0)
    one = iv.anderson_rubin(reduced([0.5], [-20.0]))
    assert one.kind == "rays" and len(one.pieces) == 2 and not one.holds(0)
    assert iv.anderson_rubin(reduced([0.5], [-0.5])).kind == "line"


def test_one_instrument_by_both_roads() -> None:
    """Fieller's closed form and the search over angles agree where both apply."""
    for first, form in ((10.0, -20.0), (1.0, -9.0), (3.0, 1.0)):
        one = reduced([first], [form])
        wanted = iv.anderson_rubin(one)
        limit = float(f_law.ppf(0.95, 1, one.freedom))
        got = iv._pieces(iv._statistic(one), limit, *iv._window(one), 0.95)
        assert got.kind == wanted.kind
        assert np.ravel(got.pieces) == pytest.approx(np.ravel(wanted.pieces), rel=1e-9)


def test_refusals_in_order() -> None:
    found = ladder.instrument(market(), model("unit"), ["cost"]).instrumented
    assert found is not None and found.refusal == ""
    assert "hardly move the price (effective F 9.9" in replace(found, strength=9.9).refusal
    upward = replace(found, estimate=replace(found.estimate, value=0.4))
    assert "would rise with price" in upward.refusal
    endless = replace(found, accepted=iv.Accepted("rays", ((-inf, -1.0),), 0.95))
    assert "has no end" in endless.refusal
    none = replace(found, accepted=iv.Accepted("empty", (), 0.95))
    assert "No elasticity agrees" in none.refusal


def test_an_instrument_that_effects_explain_is_named() -> None:
    frame = market().assign(tax=lambda d: np.cos(d["week"]))
    with pytest.raises(ValueError, match="`tax` does not vary"):
        ladder.instrument(frame, model("unit"), ["cost", "tax"])


def test_two_stage_finds_what_least_squares_misses() -> None:
    """Truth -2; prices that follow demand bend least squares by .5 var(demand) / var(price)."""
    frame = market(5, units=100)
    found = ladder.instrument(frame, model(), ["cost", "rent"])
    naive = ladder.two_way(frame, model())
    assert found.estimate is not None and naive.estimate is not None
    assert abs(found.estimate.value + 2) < 4 * found.estimate.error < 0.5
    bend = 0.5 * 0.09 / (0.36 * (1.25 * 0.09) + 0.25 * 0.09 + 0.01)  # of price, ad taken out
    assert naive.estimate.value == pytest.approx(-2 + bend, abs=0.1) and sqrt(0.1) > naive.estimate.error
