"""Numbers that other tools publish for public experiments, to every digit printed there.

SciPy, statsmodels, tea-tasting, gbstats and spotify-confidence agree on them where they can give them; the
intervals of lifts are Fieller's, the bounds of looks those of ldbounds (R).
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from growth.stats.adjust import adjusted
from growth.stats.contrast import Estimate, Ratio, difference, lift, proportions, ratio_difference
from growth.stats.many import holm
from growth.stats.moments import Moments
from growth.stats.power import proportions_needed, smallest_effect, units_needed, units_needed_t
from growth.stats.samples import sample_ratio
from growth.stats.sequential import always_valid, lan_demets
from growth.stats.tails import influence, winsorised

HILLSTROM = {"none": "No E-Mail", "mens": "Mens E-Mail", "womens": "Womens E-Mail"}


def printed(value: float, text: str) -> bool:
    """Is this what the value prints as? Half a unit of the last digit, and a hair for the half itself."""
    expected = Decimal(text)
    unit = Decimal(1).scaleb(int(expected.as_tuple().exponent))
    return abs(Decimal(float(value)) - expected) <= unit * Decimal("0.5000001")


def all_printed(values: list[float], text: str) -> None:
    expected = text.split()
    assert len(values) == len(expected)
    wrong = [(v, t) for v, t in zip(values, expected, strict=True) if not printed(v, t)]
    assert not wrong


def test_printed_refuses_another_last_digit() -> None:
    assert printed(0.12345, ".1235") and printed(1.36445e-112, "1.36445e-112") and printed(-0.5, "-.5")
    assert not printed(0.12345, ".1236") and not printed(1.36446e-112, "1.36445e-112")


@pytest.fixture
def emails(datasets: Path) -> dict[str, Moments]:
    rows = pd.read_csv(datasets / "hillstrom" / "hillstrom.csv")
    metrics = ["visit", "conversion", "spend", "history"]
    return {
        arm: Moments.of({m: rows.loc[rows["segment"] == name, m] for m in metrics})
        for arm, name in HILLSTROM.items()
    }


@pytest.fixture
def games(datasets: Path) -> list[pd.DataFrame]:
    rows = pd.read_csv(datasets / "cookie_cats" / "cookie_cats.csv")
    return [rows[rows["test_version"] == v] for v in ("gate_30", "gate_40")]


CONTRASTS = [  # control, treated, difference, error, low, high, p, and the lift's low and high
    ("mens", "visit", ".106167277 .182756840 .0765895637 .00338588781 .0699531476 .0832259797 1.36445e-112 "
     ".640925 .807119"),
    ("mens", "conversion", ".00572608655 .0125310931 .00680500652 .000920872786 .00500007 .00860994 1.50182e-13 "
     ".779521 1.738793"),
    ("mens", "spend", ".652789355 1.42261651 .769827156 .14524656 .485139733 1.05451458 1.16381e-07 "
     ".643675 1.977481"),
    ("womens", "visit", ".106167277 .151400383 .0452331066 .0032344621 .0388934938 .0515727194 2.43245e-44 "
     ".356478 .499969"),
    ("womens", "conversion", ".00572608655 .00883714406 .00311105751 .000822677078 .00149859 .00472352 1.56028e-04 "
     ".234012 .952381"),
    ("womens", "spend", ".652789355 1.07720157 .424412216 .130332859 .16895679 .679867642 .0011293971 "
     ".224162 1.274965"),
]  # fmt: skip


@pytest.mark.parametrize(("arm", "metric", "text"), CONTRASTS)
def test_hillstrom(emails: dict[str, Moments], arm: str, metric: str, text: str) -> None:
    control, treated = emails["none"], emails[arm]
    e, r = difference(control, treated, metric), lift(control, treated, metric)
    means = [control.mean_of(metric), treated.mean_of(metric)]
    all_printed([*means, e.value, e.error, e.low, e.high, e.p_value, r.low, r.high], text)
    assert r.p_value == e.p_value and r.kind == "bounded"


def test_hillstrom_any_mail_is_the_merge_of_both(emails: dict[str, Moments]) -> None:
    treated = emails["mens"] + emails["womens"]
    e = difference(emails["none"], treated, "spend")
    values = [treated.mean_of("spend"), e.value, e.error, e.low, e.high, e.p_value]
    all_printed(values, "1.24958542 .596796067 .112556209 .37618527 .817406863 1.14837e-07")


@pytest.mark.parametrize(
    ("arm", "text"),
    [
        ("mens", ".297930862 .184056 .411806 2.94e-7"),
        ("womens", ".159764886 .057583 .261947 .00218139"),
    ],
)
def test_hillstrom_profit(emails: dict[str, Moments], arm: str, text: str) -> None:
    control = emails["none"].with_sum("profit", {"spend": 0.40})
    e = difference(control, emails[arm].with_sum("profit", {"spend": 0.40}, -0.01), "profit")
    all_printed([e.value, e.low, e.high, e.p_value], text)


@pytest.mark.parametrize(
    ("arm", "text"),
    [("mens", ".767438499 .145215042 .00122289652"), ("womens", ".422700923 .130308219 .00103465129")],
)
def test_hillstrom_adjusted_for_history(emails: dict[str, Moments], arm: str, text: str) -> None:
    a = adjusted(emails["none"], emails[arm], "spend", ["history"])
    all_printed([a.estimate.value, a.estimate.error, a.coefficients["history"]], text)
    assert 0 < a.reduction < 0.01  # it does not help here


@pytest.mark.parametrize(
    ("arm", "text"), [("mens", "-.475776 11.525843 .967074"), ("womens", "7.892057 12.049240 .512482")]
)
def test_hillstrom_order_value(emails: dict[str, Moments], arm: str, text: str) -> None:
    e = ratio_difference(emails["none"], emails[arm], "spend", "conversion")
    all_printed([e.value, e.error, e.p_value], text)


@pytest.mark.parametrize(
    ("arm", "text"), [("mens", ".302066 1.237589 8.08e-6"), ("womens", ".004648 .844177 .0446")]
)
def test_hillstrom_always_valid(emails: dict[str, Moments], arm: str, text: str) -> None:
    e = difference(emails["none"], emails[arm], "spend")
    found = always_valid(e.value, e.error, emails["none"].n + emails[arm].n)
    all_printed([found.low, found.high, found.p_value], text)


def test_hillstrom_both_mails_by_holm(emails: dict[str, Moments]) -> None:
    p = [difference(emails["none"], emails[arm], "spend").p_value for arm in ("mens", "womens")]
    all_printed([*holm(p)], "2.32763e-7 .00112940")


def test_hillstrom_sample_ratio(emails: dict[str, Moments]) -> None:
    found = sample_ratio([m.n for m in emails.values()], [1 / 3] * 3)
    all_printed([found.statistic, found.freedom, found.p_value], ".202531 2 .903693")


def test_hillstrom_smallest_effect(emails: dict[str, Moments]) -> None:
    """By two arms of together 21,306 units: .445, or 68 %."""
    found = smallest_effect((4 * emails["none"].var("spend") / 21306) ** 0.5)
    all_printed([found, found / emails["none"].mean_of("spend")], ".445 .68")
    units = units_needed(found, (emails["none"].var("spend"),) * 2)
    assert units == pytest.approx(21306, rel=1e-9)


def test_cookie_cats_retention(games: list[pd.DataFrame]) -> None:
    counts = [len(g) for g in games]
    found = sample_ratio(counts, [0.5, 0.5])
    all_printed([found.statistic, found.p_value], "6.902405 .00860799")

    def both(column: str) -> tuple[list[float], Estimate, Estimate, Ratio]:
        hits = [int(g[column].sum()) for g in games]
        arms = [Moments.of({column: g[column]}) for g in games]
        shares = [h / n for h, n in zip(hits, counts, strict=True)]
        pooled = proportions(hits[0], counts[0], hits[1], counts[1])
        return shares, pooled, difference(*arms, column), lift(*arms, column)

    shares, pooled, _, _ = both("retention_1")
    # The p-value .07440966 is printed cut off, as .0744096.
    all_printed([*shares, pooled.value, pooled.p_value], ".448187919 .442282750 -.00590516979 .0744097")
    assert printed(float(norm.ppf(pooled.p_value / 2)), "-1.784086")
    shares, pooled, welch, lifted = both("retention_7")
    all_printed([*shares, pooled.value, pooled.p_value], ".190201342 .182000044 -.00820129832 .00155425")
    assert printed(float(norm.ppf(pooled.p_value / 2)), "-3.164359")
    all_printed([welch.low, welch.high, welch.p_value], "-.013281677 -.0031209196 .00155653")
    all_printed([100 * lifted.value], "-4.3119")
    first = both("retention_1")[2].p_value
    all_printed([holm([first, welch.p_value])[1]], ".00311306")


def test_cookie_cats_rounds(games: list[pd.DataFrame]) -> None:
    tallies = [np.unique(g["sum_gamerounds"], return_counts=True) for g in games]
    found = influence(*tallies, "rounds")
    all_printed([found.whole.p_value, found.value, found.without.p_value], ".375924 49854 .949469")
    assert found.arm == "control"
    capped = winsorised(*tallies, 0.99)
    all_printed([capped.cap, capped.p_value], "493 .615194")


def test_udacity() -> None:
    e = proportions(17489, 145274, 17264, 145310)
    all_printed([17489 / 145274, 17264 / 145310, e.p_value], ".120386305 .118808066 .189883374")
    assert printed(float(norm.ppf(e.p_value / 2)), "-1.310924198")
    assert printed(1 - e.p_value / 2, ".905058313")  # one-sided, new greater than old


@pytest.mark.parametrize(
    ("p1", "p2", "text"),
    [(0.10, 0.11, "14744.10 14748.05 14750.79"), (0.12, 0.14, "4432.46 4434.62 4437.36")],
)
def test_units_for_shares(p1: float, p2: float, text: str) -> None:
    methods = ("arcsine", "unpooled", "pooled")
    all_printed([proportions_needed(p1, p2, method=m) for m in methods], text)


def test_units_for_a_t_test() -> None:
    all_printed([units_needed_t(0.1)], "1570.73")


@pytest.mark.parametrize(
    ("spending", "text"),
    [
        ("obrien_fleming", "4.876885 3.357012 2.680280 2.289817 2.031032"),
        ("pocock", "2.437977 2.426814 2.410194 2.396645 2.385985"),
        ("power", "3.090232 2.714112 2.472777 2.279863 2.114027"),
    ],
)
def test_bounds_of_five_looks(spending: str, text: str) -> None:
    all_printed([*lan_demets(np.arange(1, 6) / 5, 0.05, spending)], text)  # type: ignore[arg-type]
