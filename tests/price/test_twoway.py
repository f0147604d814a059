"""Exact two-way effects, in memory and through Ibis, against pyfixest on panels that are as bad as real ones."""

from __future__ import annotations

from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyfixest as pf
import pytest

from growth.price import scores, twoway, twoway_marts

X = ["x", "z"]
WAYS: list[list[str]] = [
    [],
    ["unit"],
    ["week"],
    ["shop"],
    ["unit", "week"],
    ["shop", "week"],
    ["region", "week"],
]


def panel(seed: int = 1, units: int = 40, weeks: int = 24, kept: float = 0.7) -> pd.DataFrame:
    """Units with trends of their own, shocks of weeks and shops, holes."""
    random = np.random.default_rng(seed)
    unit, week = (a.ravel() for a in np.meshgrid(np.arange(units), np.arange(weeks), indexing="ij"))
    shock = random.normal(size=(units, 1)) + random.normal(size=(1, weeks))
    x = 0.5 * shock.ravel() + random.normal(size=unit.size)
    z = random.normal(size=unit.size) + 0.3 * x
    e = random.normal(size=unit.size) * (1 + (unit % 3)) + random.normal(size=weeks)[week] * x
    found = pd.DataFrame(
        dict(unit=unit, week=100 + 3 * week, x=x, z=z, y=5 - 2 * x + 0.4 * z + shock.ravel() + e)
    )
    found["shop"], found["region"] = found["unit"] // 4, (found["unit"] * 7 + found["week"]) % 9
    return found[random.random(len(found)) < kept].sample(frac=1, random_state=seed).reset_index(drop=True)


def unbalanced() -> pd.DataFrame:
    return panel()


def doubled() -> pd.DataFrame:
    one = panel(2)
    again = one.sample(60, random_state=3).assign(x=lambda d: d["x"] + 0.1 * d["z"], y=lambda d: d["y"] - 0.3)
    return pd.concat([one, again, again.head(9)], ignore_index=True)


def singletons() -> pd.DataFrame:
    """Units with a row, a week with a row, and a chain: a unit of two rows that loses one with its week."""
    extra = [(900, 100), (901, 103), (902, 999), (902, 106), (903, 998), (0, 997)]
    random = np.random.default_rng(4)
    more = pd.DataFrame(extra, columns=["unit", "week"]).assign(shop=77, region=3)
    return pd.concat([panel(4), more.assign(**{c: random.normal(size=6) for c in "xzy"})], ignore_index=True)


def disconnected() -> pd.DataFrame:
    return pd.concat(
        [panel(5), panel(6).assign(week=lambda d: d["week"] + 10_000, unit=lambda d: d["unit"] + 500)]
    )


def far_from_zero() -> pd.DataFrame:
    return panel(7).assign(x=lambda d: d["x"] + 1e5, y=lambda d: d["y"] + 1e6)


SHAPES = [unbalanced, doubled, singletons, disconnected, far_from_zero]


def oracle(frame: pd.DataFrame, cluster: list[str]) -> Any:
    vcov: Any = {"CRV1": "+".join(cluster)} if cluster else "iid"
    return pf.feols("y ~ x + z | unit + week", frame, vcov=vcov, demeaner=pf.MapDemeaner(fixef_tol=1e-13))


def equal(found: twoway.TwoWay, wanted: Any) -> None:
    assert found.names == tuple(wanted.coef().index)
    assert found.coefficients == pytest.approx(wanted.coef().to_numpy(), rel=1e-8)
    assert np.sqrt(np.diagonal(found.covariance)) == pytest.approx(wanted.se().to_numpy(), rel=1e-8)
    assert found.n == wanted._N and found.freedom == wanted._df_t
    low, high = wanted.confint().to_numpy()[0]
    mine = found.estimate("x")
    assert (mine.low, mine.high) == pytest.approx((low, high), rel=1e-7)


@pytest.mark.parametrize("cluster", WAYS, ids="+".join)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda f: f.__name__)
def test_both_roads_equal_pyfixest(shape: Any, cluster: list[str]) -> None:
    frame = shape()
    wanted = oracle(frame, cluster)
    equal(twoway.fit(frame, "y", X, "unit", "week", cluster), wanted)
    equal(twoway_marts.fit(ibis.memtable(frame), "y", X, "unit", "week", cluster), wanted)


def test_rows_that_are_alone_are_counted_not_lost() -> None:
    frame = singletons()
    found = twoway_marts.fit(ibis.memtable(frame), "y", X, "unit", "week")
    assert found.singletons == 7 - 1 and found.n + found.singletons == len(frame)
    assert twoway.fit(frame, "y", X, "unit", "week").singletons == found.singletons


def test_parts_of_a_disconnected_panel_are_counted() -> None:
    assert twoway.fit(disconnected(), "y", X, "unit", "week").groups == 2
    assert twoway_marts.fit(ibis.memtable(disconnected()), "y", X, "unit", "week").groups == 2


def test_keys_may_be_dates_and_text() -> None:
    frame = panel(8)
    named = frame.assign(
        unit="sku " + frame["unit"].astype(str),
        week=pd.Timestamp("2024-01-01") + pd.to_timedelta(frame["week"], "D"),
    )
    wanted = twoway.fit(frame, "y", X, "unit", "week", ["unit", "week"])
    for got in (
        twoway.fit(named, "y", X, "unit", "week", ["unit", "week"]),
        twoway_marts.fit(ibis.memtable(named), "y", X, "unit", "week", ["unit", "week"]),
    ):
        assert got.coefficients == pytest.approx(wanted.coefficients, rel=1e-10)
        assert got.covariance == pytest.approx(wanted.covariance, rel=1e-9)


def collinear(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(z=2 * frame["x"] + frame["unit"] - frame["week"])


def by_week_only(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(z=np.sin(frame["week"]))


@pytest.mark.parametrize("spoil", [collinear, by_week_only])
def test_what_the_effects_explain_is_refused_by_name(spoil: Any) -> None:
    frame = spoil(panel())
    for road in (twoway.fit, lambda d, *a: twoway_marts.fit(ibis.memtable(d), *a)):
        with pytest.raises(ValueError, match="`z` does not vary once the effects"):
            road(frame, "y", X, "unit", "week")


def test_missing_numbers_and_keys_are_refused_with_their_count() -> None:
    for column, value in (("x", np.nan), ("y", np.inf), ("shop", None)):
        frame = panel().astype({"shop": object})
        frame.loc[frame.index[:3], column] = value
        for road in (twoway.fit, lambda d, *a: twoway_marts.fit(ibis.memtable(d), *a)):
            with pytest.raises(ValueError, match=f"`{column}` is missing or infinite in 3 of"):
                road(frame, "y", X, "unit", "week", ["shop"])


def test_nothing_to_compare_is_refused() -> None:
    alone = panel().drop_duplicates("unit")
    for road in (twoway.fit, lambda d, *a: twoway_marts.fit(ibis.memtable(d), *a)):
        with pytest.raises(ValueError, match="Every row is alone|does not vary"):
            road(alone, "y", X, "unit", "week")
        with pytest.raises(ValueError, match="There are no rows"):
            road(panel().iloc[:0], "y", X, "unit", "week")
    with pytest.raises(ValueError, match="no column `price`"):
        twoway.fit(panel(), "y", ["price"], "unit", "week")
    with pytest.raises(ValueError, match="no regressor `price`, only x, z"):
        twoway.fit(panel(), "y", X, "unit", "week").estimate("price")
    with pytest.raises(ValueError, match="one cluster only"):
        twoway.fit(panel().assign(shop=1), "y", X, "unit", "week", ["shop"])


def test_small_blocks_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = twoway.fit(doubled(), "y", X, "unit", "week", ["unit", "week"])
    monkeypatch.setattr(twoway, "_CHUNK", 100)
    got = twoway.fit(doubled(), "y", X, "unit", "week", ["unit", "week"])
    assert got.covariance == pytest.approx(wanted.covariance, rel=1e-10)
    monkeypatch.setattr(twoway, "MOST_WEEKS", 10)
    with pytest.raises(ValueError, match="24 weeks are too many"):
        twoway.fit(doubled(), "y", X, "unit", "week")


@pytest.mark.parametrize("lags", [0, 3])
def test_errors_over_time_equal_driscoll_and_kraay(lags: int) -> None:
    frame = panel(9)
    rows = twoway.panel(frame, ["y", *X], "unit", "week")
    left = rows.residuals(rows.frame[["y", *X]].to_numpy(float))
    inverse = np.linalg.inv(left[:, 1:].T @ left[:, 1:])
    residual = left[:, 0] - left[:, 1:] @ inverse @ left[:, 1:].T @ left[:, 0]
    found = scores.covariance(
        scores.OverTime("week", lags), rows.frame, left[:, 1:], residual, inverse, ["unit", "week"]
    )
    wanted = pf.feols(
        "y ~ x + z | unit + week", frame, vcov="DK", vcov_kwargs=dict(time_id="week", panel_id="unit", lag=lags),
        demeaner=pf.MapDemeaner(fixef_tol=1e-13),
    )  # fmt: skip
    assert np.sqrt(np.diagonal(found.matrix)) == pytest.approx(wanted.se().to_numpy(), rel=1e-8)


def test_more_weeks_than_units_give_the_same() -> None:
    frame = doubled()
    columns = ["y", *X]
    rows = twoway.panel(frame, columns, "unit", "week")
    turned = twoway.panel(frame, columns, "week", "unit")
    weight = np.exp(0.3 * rows.frame["z"].to_numpy())
    mine = rows.residuals(rows.frame[columns].to_numpy(), weight)
    other = turned.residuals(turned.frame[columns].to_numpy(), np.exp(0.3 * turned.frame["z"].to_numpy()))
    assert rows.effects == turned.effects[::-1] and rows.effects[0] > rows.effects[1]
    keys = ["unit", "week", "x"]
    a = rows.frame[keys].assign(left=mine[:, 0]).sort_values(keys)["left"]
    b = turned.frame[keys].assign(left=other[:, 0]).sort_values(keys)["left"]
    assert a.to_numpy() == pytest.approx(b.to_numpy(), abs=1e-10)
