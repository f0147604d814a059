"""For whom: levels against unit-level rows, the shrinkage by hand, and aiming where it pays and where it must not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.stats.multitest import multipletests

from growth.promotions import segments
from growth.promotions.design import Cells
from growth.promotions.segments import SMALLEST, by_segment, same_effect, shrink, targeting
from tests.promotions.hand import cells, design

NET = "total_contribution"
TIER, CITY = ("none", "silver", "gold"), ("small", "large")


def members(effect: dict[str, float], n: int = 6_000, seed: int = 1, noise: float = 4.0) -> pd.DataFrame:
    """Members of three tiers in cities of two sizes; what the new arm brings depends on the tier."""
    random = np.random.default_rng(seed)
    rows = pd.DataFrame(
        dict(tier=random.choice(TIER, n, p=[0.5, 0.3, 0.2]), city=random.choice(CITY, n),
             arm=random.choice(["control", "new"], n), fold=random.integers(0, 2, n))
    )  # fmt: skip
    gain = rows["tier"].map(effect) * (rows["arm"] == "new")
    rows[NET] = 2.0 + gain + random.normal(0, noise, n)
    return rows


def made(rows: pd.DataFrame) -> Cells:
    return cells(rows, NET, segments=("tier", "city"))


APART = dict(none=-1.0, silver=0.0, gold=3.0)
ALIKE = dict.fromkeys(TIER, 1.0)


def test_levels_are_welch_tests_with_one_guard_over_all() -> None:
    rows = members(APART)
    found = by_segment(design(), made(rows), "new", NET)
    assert [s.name for s in found] == ["tier", "city"]
    z = stats.norm.ppf(1 - 0.05 / 5 / 2)
    for s in found:
        assert s.levels["units"].sum() == len(rows) and s.levels["share"].sum() == pytest.approx(1)
        for row in s.levels.itertuples():
            own = rows[rows[s.name] == row.level]
            a, b = (own.loc[own["arm"] == x, NET] for x in ("new", "control"))
            error = np.sqrt(a.var(ddof=1) / a.size + b.var(ddof=1) / b.size)
            assert row.value == pytest.approx(a.mean() - b.mean())
            assert (row.low, row.high) == pytest.approx((row.value - z * error, row.value + z * error))


def test_the_p_value_is_the_interactions_corrected_over_segments() -> None:
    """Wald's test of arm times segment with errors that may differ by cell (HC3 is nearly Welch's) is Cochran's Q."""
    rows = members(APART).assign(new=lambda f: (f["arm"] == "new").astype(float))
    raw = []
    for name in ("tier", "city"):
        fit = smf.ols(f"{NET} ~ new * {name}", rows.rename(columns={NET: NET})).fit(cov_type="HC3")
        terms = [t for t in fit.params.index if ":" in t]
        raw.append(float(fit.wald_test(np.eye(len(fit.params))[[list(fit.params.index).index(t) for t in terms]],
                                       use_f=False, scalar=True).pvalue))  # fmt: skip
    found = by_segment(design(), made(rows), "new", NET)
    expected = multipletests(raw, method="holm")[1]
    assert [np.log10(s.p_value) for s in found] == pytest.approx(np.log10(expected), abs=0.15)
    assert found[0].p_value < 1e-6 < 0.05 < found[1].p_value


def test_cochrans_q_by_hand() -> None:
    """Effects 1 and 4 with errors 1 and 2: the weighted mean is 1.6, Q = .36 + 5.76 / 4 = 1.8."""
    assert same_effect(np.array([1.0, 4.0]), np.array([1.0, 2.0])) == pytest.approx(stats.chi2.sf(1.8, 1))


def test_levels_that_are_too_small_are_left_out() -> None:
    rows = members(APART)
    rows.loc[rows.index[:150], "tier"] = "platinum"
    few = rows[rows["tier"] == "platinum"]["arm"].value_counts().min()
    assert few < SMALLEST
    found = by_segment(design(), made(rows), "new", NET)
    assert "platinum" not in found[0].levels["level"].tolist()
    one = rows.assign(tier="none", city="small")
    assert (
        by_segment(design(), made(one), "new", NET) == []
        and targeting(design(), made(one), "new", NET) is None
    )


# --- shrinkage ------------------------------------------------------------------------------------------------------


def test_shrinkage_by_hand() -> None:
    """Effects 0, 4, 8 with error 2: Q = 8, spread = (8 - 2) / (.75 - .25) = 12; each keeps 12 / 16 of its way."""
    assert shrink(np.array([0.0, 4.0, 8.0]), np.full(3, 2.0)) == pytest.approx([1.0, 4.0, 7.0])


def test_shrinkage_with_unequal_errors_by_hand() -> None:
    """Effects 0 and 10, errors 1 and 3: weights 1 and 1/9, pooled 1, Q = 1 + 81 / 9 = 10, scale = 10/9 - 82/90 = .2.

    Spread = (10 - 1) / .2 = 45; centre by weights 1/46 and 1/54: 4.6; kept are 45/46 and 45/54 of the way to it.
    """
    found = shrink(np.array([0.0, 10.0]), np.array([1.0, 3.0]))
    assert found == pytest.approx([4.6 - 45 / 46 * 4.6, 4.6 + 45 / 54 * 5.4])


def test_what_chance_explains_is_shrunk_to_one() -> None:
    assert shrink(np.array([0.9, 1.1]), np.array([1.0, 1.0])) == pytest.approx([1.0, 1.0])


# --- aiming ----------------------------------------------------------------------------------------------------------


def test_aiming_pays_where_one_level_gains_and_another_loses() -> None:
    found = targeting(design(), made(members(APART)), "new", NET)
    assert found is not None and found.pays and found.segment == "tier"
    assert "gold" in found.chosen and "none" not in found.chosen
    assert found.policy.low < 0.2 * 3.0 < found.policy.high, "truth: gold, a fifth, gains 3"
    assert found.everybody.low < 0.1 < found.everybody.high, "truth: .2 * 3 - .5 * 1"
    assert found.against_best.low > 0


@pytest.mark.parametrize("gain", [1.0, 0.0, -1.0])
def test_aiming_does_not_pay_where_all_are_alike(gain: float) -> None:
    for seed in range(12):
        found = targeting(design(), made(members(dict.fromkeys(TIER, gain), seed=seed)), "new", NET)
        assert found is not None and not found.pays


def test_a_rule_is_valued_on_the_half_that_did_not_make_it() -> None:
    """By hand, from rows: what each half says of the levels that the other half would treat, averaged."""
    rows = members(dict(none=-0.25, silver=0.1, gold=0.5), seed=5)
    own = made(rows)
    found = targeting(design(), own, "new", NET)
    assert found is not None
    share = {s: rows[s].value_counts(normalize=True) for s in ("tier", "city")}
    values, errors = [], []
    for learn in (0, 1):
        name, chosen = segments._learn(design(), own, "new", NET, [0, 1], learn)
        test = rows[rows["fold"] == 1 - learn]
        treated = [(share[name][c], test[test[name] == c]) for c in chosen] if name else [(1.0, test)]
        whole = rows[rows["fold"] == learn]
        if not name and difference(whole)[0] <= 0:
            treated = []
        values.append(sum(w * difference(f)[0] for w, f in treated))
        errors.append(np.sqrt(sum((w * difference(f)[1]) ** 2 for w, f in treated)))
    assert found.policy.value == pytest.approx(np.mean(values))
    together = np.sqrt(errors[0] ** 2 + errors[1] ** 2 + 2 / np.pi * errors[0] * errors[1]) / 2
    assert found.policy.error == pytest.approx(together), "the two rules' values go together"


def difference(rows: pd.DataFrame) -> tuple[float, float]:
    a, b = (rows.loc[rows["arm"] == x, NET] for x in ("new", "control"))
    return a.mean() - b.mean(), float(np.sqrt(a.var(ddof=1) / a.size + b.var(ddof=1) / b.size))


def test_against_the_better_of_all_and_none() -> None:
    good, bad = ({t: g + v for t, v in APART.items()} for g in (5.0, -5.0))
    for effect in (good, bad):
        found: Any = targeting(design(), made(members(effect)), "new", NET)
        better = max(found.everybody.value, 0.0)
        assert found.against_best.value == pytest.approx(found.policy.value - better, abs=0.02)
        assert not found.pays, "all gain or all lose: there is nothing to aim at"
