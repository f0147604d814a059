"""Survival from counts: telco and rossi as other tools give them, statsmodels as oracle, splits and simulation."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight, survdiff

from growth.stats.cox import Cox, _Data, _residuals, _value, concordance, cox
from growth.stats.survival import (
    Spells,
    aalen_johansen,
    kaplan_meier,
    log_rank,
    restricted_mean,
    restricted_mean_difference,
)
from tests.stats.test_published import all_printed, printed

COVARIATES = ["fin", "age", "race", "wexp", "mar", "paro", "prio"]


@pytest.fixture
def telco(datasets: Path) -> pd.DataFrame:
    rows = pd.read_csv(datasets / "telco_churn" / "Telco-Customer-Churn.csv")
    return rows.assign(event=(rows["Churn"] == "Yes").astype(int))


@pytest.fixture
def rossi(datasets: Path) -> pd.DataFrame:
    return pd.read_csv(datasets / "rossi" / "rossi.csv")


def some(seed: int, n: int = 400, codes: int = 3, last: int = 15) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    time = rng.integers(1, last, n).astype(float)
    x = rng.normal(size=n).round(1)
    late = np.where(rng.random(n) < 0.3, np.floor(time * rng.random(n)), 0)
    return pd.DataFrame(
        dict(
            time=time,
            event=rng.integers(0, codes, n),
            group=rng.integers(0, 3, n),
            x=x,
            y=x**2 + rng.random(n),
            late=late,
        )
    )


# --- Kaplan-Meier and log-rank ---


def test_kaplan_meier_of_telco(telco: pd.DataFrame) -> None:
    counts = telco.groupby(["tenure", "event"]).size().reset_index(name="n")
    found = kaplan_meier(counts["tenure"], counts["event"], counts["n"])
    assert found.at_risk[0] == 7043 and found.events.sum() == 1869
    value, low, high = found.at([12, 24, 60, 72])
    all_printed(list(value), ".843200 .788736 .664404 .592790")
    all_printed(list(low[:2]), ".834169 .778313")
    all_printed(list(high[:2]), ".851783 .798735")
    assert found.quantile(0.5) == inf and found.quantile(0.2) == found.time[found.value <= 0.8][0]


@pytest.mark.parametrize(
    ("by", "statistic"),
    [
        ("Contract", "2352.8725"),
        ("gender", ".5257"),
        ("SeniorCitizen", "109.4897"),
        ("PaymentMethod", "865.2395"),
    ],
)
def test_log_rank_of_telco(by: str, statistic: str, telco: pd.DataFrame) -> None:
    counts = telco.groupby(["tenure", "event", by]).size().reset_index(name="n")
    found = log_rank(counts["tenure"], counts["event"], counts[by], counts["n"])
    assert printed(found.statistic, statistic) and found.freedom == telco[by].nunique() - 1
    if by == "gender":
        assert printed(found.p_value, ".4684")


@pytest.mark.parametrize("seed", range(4))
def test_against_statsmodels(seed: int) -> None:
    rows = some(seed)
    event = (rows["event"] > 0).astype(int)
    ours, theirs = kaplan_meier(rows["time"], event), SurvfuncRight(rows["time"], event)
    at = np.isin(ours.time, theirs.surv_times)
    assert ours.value[at] == pytest.approx(theirs.surv_prob, abs=1e-14)
    assert ours.error[at][:-1] == pytest.approx(theirs.surv_prob_se[:-1], rel=1e-10)
    late = rows["late"].to_numpy()
    keep = SurvfuncRight(rows["time"], event, entry=late)
    found = kaplan_meier(rows["time"], event, entry=late)
    assert found.value[np.isin(found.time, keep.surv_times)] == pytest.approx(keep.surv_prob, abs=1e-14)
    chi2, p = survdiff(rows["time"], event, rows["group"])
    test = log_rank(rows["time"], event, rows["group"])
    assert (test.statistic, test.p_value) == pytest.approx((chi2, p), rel=1e-9)
    for code in (1, 2):
        cif, ref = (
            aalen_johansen(rows["time"], rows["event"], code),
            CumIncidenceRight(rows["time"], rows["event"]),
        )
        at = np.isin(cif.time, ref.times)
        assert cif.value[at] == pytest.approx(ref.cinc[code - 1], abs=1e-14)
        assert cif.error[at][:-1] == pytest.approx(ref.cinc_se[code - 1][:-1], rel=1e-6)


def test_competing_shares_and_survivors_are_everybody() -> None:
    rows = some(9)
    both = [aalen_johansen(rows["time"], rows["event"], c, entry=rows["late"]).value for c in (1, 2)]
    alive = kaplan_meier(rows["time"], rows["event"], entry=rows["late"]).value
    assert both[0] + both[1] + alive == pytest.approx(1, abs=1e-12)
    found = aalen_johansen(rows["time"], rows["event"], 1)
    inner = ~np.isnan(found.low)
    assert (found.low[inner] < found.value[inner]).all() and (found.value[inner] < found.high[inner]).all()
    alone = aalen_johansen(rows["time"], rows["event"] > 0, 1)
    survivors = kaplan_meier(rows["time"], rows["event"] > 0)
    assert alone.value == pytest.approx(1 - survivors.value)
    assert alone.error[:-1] == pytest.approx(survivors.error[:-1], rel=1e-9)


def test_counts_are_repeats() -> None:
    rows = some(3, n=60)
    n = np.random.default_rng(1).integers(1, 6, 60)
    many = rows.loc[rows.index.repeat(n)]
    for call in (
        lambda r, c: kaplan_meier(r["time"], r["event"], c).low,
        lambda r, c: aalen_johansen(r["time"], r["event"], 2, c).high,
        lambda r, c: np.array(log_rank(r["time"], r["event"], r["group"], c).statistic),
        lambda r, c: cox(r["time"], r["event"], r[["x", "y"]], ["x", "y"], c).covariance,
        lambda r, c: cox(r["time"], r["event"], r[["x", "y"]], ["x", "y"], c, robust=True).covariance,
        lambda r, c: np.array(concordance(r["time"], r["event"], r["x"], c)),
    ):
        assert call(rows, n) == pytest.approx(call(many, None), rel=1e-9, nan_ok=True)


def test_the_coverage_of_kaplan_meier() -> None:
    rng, hits = np.random.default_rng(11), 0
    for _ in range(400):
        life, end = rng.exponential(1, 150), rng.uniform(0.5, 2, 150)
        found = kaplan_meier(np.minimum(life, end), life <= end)
        _, low, high = found.at([0.45])
        hits += int(low[0] < np.exp(-0.45) < high[0])
    assert 0.925 < hits / 400 < 0.975


# --- restricted mean ---


def test_restricted_mean_is_a_mean_without_censoring() -> None:
    rng = np.random.default_rng(2)
    life = rng.exponential(3, 500)
    mean, error = restricted_mean(kaplan_meier(life, np.ones(500)), 4)
    capped = np.minimum(life, 4)
    assert mean == pytest.approx(capped.mean()) and error == pytest.approx(capped.std() / np.sqrt(500))
    treated = kaplan_meier(life * 1.5, np.ones(500))
    found = restricted_mean_difference(kaplan_meier(life, np.ones(500)), treated, 4)
    assert found.value == pytest.approx(np.minimum(life * 1.5, 4).mean() - mean) and found.low > 0


# --- Cox ---


def test_cox_of_rossi(rossi: pd.DataFrame) -> None:
    found = cox(rossi["week"], rossi["arrest"], rossi[COVARIATES], COVARIATES)
    all_printed(list(found.coefficient), "-.379422 -.057438 .313900 -.149796 -.433704 -.084871 .091497")
    all_printed(list(found.errors), ".191379 .021999 .307993 .212224 .381868 .195757 .028649")
    assert printed(found.log_likelihood, "-658.747659")
    risk = rossi[COVARIATES].to_numpy() @ found.coefficient
    assert printed(concordance(rossi["week"], rossi["arrest"], risk), ".640329")
    effect = found.effect("prio")
    assert effect.low > 0 and effect.p_value == pytest.approx(0.001406, abs=2e-6)
    # age is known not to be proportional in these data (Fox and Weisberg 2023)
    assert found.tests["age"].p_value < 0.05 < found.tests["fin"].p_value and found.tests["all"].freedom == 7


@pytest.mark.parametrize("seed", range(3))
def test_cox_against_statsmodels(seed: int) -> None:
    rows = some(seed, codes=2)
    ours = cox(rows["time"], rows["event"], rows[["x", "y"]], ["x", "y"], entry=rows["late"])
    late = rows["late"] + (rows["late"] > 0) * 1e-6  # who enters at 5 is not at risk at 5
    fit = sm.PHReg(rows["time"], rows[["x", "y"]], rows["event"], ties="efron", entry=late).fit()
    assert ours.coefficient == pytest.approx(fit.params, abs=1e-8)
    assert ours.errors == pytest.approx(fit.bse, rel=1e-7) and ours.log_likelihood == pytest.approx(fit.llf)


def test_robust_errors_are_those_of_the_jackknife_without_ties() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(250, 2))
    life = rng.exponential(np.exp(-x[:, 0] * 0.7)) ** 1.3
    time, event = np.minimum(life, 2), (life < 2).astype(int)
    names = ["a", "b"]
    found = cox(time, event, x, names, robust=True)
    lin_wei = sm.PHReg(time, x, event, ties="efron").fit(groups=np.arange(250)).bse
    assert found.errors == pytest.approx(lin_wei, rel=1e-6)
    tied = np.ceil(time * 4)
    robust = cox(tied, event, x, names, robust=True)
    keep = [np.arange(250) != i for i in range(250)]
    left = np.array([cox(tied[k], event[k], x[k], names).coefficient for k in keep])
    assert robust.errors == pytest.approx(np.sqrt(((left - left.mean(axis=0)) ** 2).sum(axis=0)), rel=0.06)


def test_score_residuals_are_the_gradient() -> None:
    rows = some(5, codes=2)
    data = _Data(Spells.of(rows["time"], rows["event"], None, rows["late"]), rows[["x", "y"]].to_numpy())
    beta, step = np.array([0.2, -0.1]), 1e-6
    for i in range(2):
        shift = np.eye(2)[i] * step
        slope = (
            _value(data.steps(beta + shift), beta + shift) - _value(data.steps(beta - shift), beta - shift)
        ) / (2 * step)
        assert _residuals(data.steps(beta)).sum(axis=0)[i] == pytest.approx(slope, rel=1e-6, abs=1e-6)


def split(rows: pd.DataFrame, scale: dict[float, float]) -> pd.DataFrame:
    """Each spell cut at all event times, with its time scale: an interaction is then a plain covariate."""
    times, parts = sorted(scale), []
    for start, end in zip([0.0, *times[:-1]], times, strict=True):
        here = rows[rows["time"] > start].copy()
        here["event"] = np.where(here["time"] <= end, here["event"], 0)
        here["time"] = np.minimum(here["time"], end)
        parts.append(here.assign(late=start, g=scale[end]))
    return pd.concat(parts)


def test_proportionality_is_the_score_test_of_an_interaction() -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(size=300)
    rows = pd.DataFrame(dict(x=x, time=np.ceil(5 * rng.exponential(np.exp(-0.5 * x))).clip(max=9), event=1))
    rows["event"] = (rows["time"] < 9).astype(int)
    found = cox(rows["time"], rows["event"], rows["x"], ["x"])
    curve = kaplan_meier(rows["time"], rows["event"])
    times = curve.time[curve.events > 0]
    scale = dict(zip(times, 1 - np.append(1, curve.value)[: len(times)], strict=True))
    cut = split(rows, scale).assign(xg=lambda r: r["x"] * r["g"])
    fit = sm.PHReg(cut["time"], cut[["x", "xg"]], cut["event"], ties="efron", entry=cut["late"] + 1e-6)
    at = np.array([found.coefficient[0], 0.0])
    score, information = fit.score(at), -fit.hessian(at)
    assert score[0] == pytest.approx(0, abs=1e-8)
    assert found.tests["x"].statistic == pytest.approx(score @ np.linalg.solve(information, score), rel=1e-6)
    wide = cox(cut["time"], cut["event"], cut[["x", "xg"]], ["x", "xg"], entry=cut["late"])
    ratio = 2 * (wide.log_likelihood - found.log_likelihood)
    assert found.tests["x"].statistic == pytest.approx(ratio, abs=0.2)


def test_proportionality_under_the_null_and_not() -> None:
    rng, small = np.random.default_rng(3), 0
    for _ in range(300):
        x = rng.integers(0, 2, 200)
        life = rng.exponential(np.exp(-0.6 * x))
        found = cox(np.minimum(life, 1.5), life < 1.5, x, ["x"])
        small += int(found.tests["x"].p_value < 0.05)
    assert 0.02 < small / 300 < 0.09
    x = rng.integers(0, 2, 2000)
    crossing = rng.weibull(np.where(x == 1, 2.0, 0.7))
    assert cox(crossing, np.ones(2000), x, ["x"]).tests["x"].p_value < 1e-6


# --- refusals ---


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: kaplan_meier([1, np.nan], [1, 0]), "missing"),
        (lambda: kaplan_meier([1, 2], [1, -1]), "censored"),
        (lambda: kaplan_meier([1, 2], [1, 0], [1, 0.5]), "count"),
        (lambda: kaplan_meier([1, 2], [1, 0], entry=[0, 2]), "after it begins"),
        (lambda: kaplan_meier([1, 5], [1, 0], entry=[0, 2]), "later origin"),
        (lambda: kaplan_meier([1, 2], [1, 0]).at(3), "known from 0 to 2"),
        (lambda: kaplan_meier([1, 2], [1, 0]).quantile(1), "between 0 and 1"),
        (lambda: kaplan_meier([1, 2, 3], [1, 0]), "one length"),
        (lambda: restricted_mean(kaplan_meier([1, 2], [1, 0]), 3), "known up to"),
        (lambda: log_rank([1, 2], [1, 0], ["a", "a"]), "two groups"),
        (lambda: log_rank([1, 2], [0, 0], ["a", "b"]), "nothing to compare"),
        (lambda: aalen_johansen([1, 2], [1, 0], 2), "code 2"),
        (lambda: cox([1, 2], [0, 0], [1, 2], ["x"]), "no event"),
        (lambda: cox([1, 2], [1, 0], [1, 1], ["x"]), "does not vary"),
        (lambda: cox([1, 2, 3, 4], [1, 1, 0, 0], [1, 1, 0, 0], ["x"]), "separates"),
        (lambda: cox([1, 2, 3], [1, 1, 1], [[1, 2], [0, 0], [3, 6]], ["x", "y"]), "repeats"),
        (lambda: cox([1, 2, 3], [1, 1, 1], [1, np.nan, 2], ["x"]), "missing"),
        (lambda: cox([1, 2, 3], [1, 1, 1], [1, 2], ["x"]), "for each row"),
        (lambda: concordance([1, 2], [0, 0], [1, 2]), "compared"),
    ],
)
def test_refusals(call: Any, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        call()


def test_an_effect_needs_its_name() -> None:
    found: Cox = cox([1, 2, 3, 4], [1, 1, 1, 0], [1, 0, 2, 1], ["x"])
    with pytest.raises(ValueError, match="no covariate"):
        found.effect("y")
