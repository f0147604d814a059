"""The calibration's own arithmetic, a fast subset of it, and that its stored results meet the rule."""

from __future__ import annotations

import json

import pytest
from scipy.stats import binomtest

from calibration import run


@pytest.mark.parametrize(("hits", "trials"), [(0, 10), (10, 10), (1890, 2000)])
def test_exact_interval_is_clopper_pearson(hits: int, trials: int) -> None:
    expected = binomtest(hits, trials).proportion_ci(0.99, "exact")
    assert run.exact_interval(hits, trials, 0.99) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("name", list(run.STUDIES))
def test_a_fast_subset_meets_the_rule(name: str) -> None:
    assert all(r["met"] for r in run.judge(run.STUDIES[name], 400).values())


def test_a_broken_estimator_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals of 80 % instead of 95 % must fail the rule."""
    wrong = run.model.pooled
    monkeypatch.setattr(run.model, "pooled", lambda cells: wrong(cells, 0.8))
    found = run.judge(run.STUDIES["retention intervals"], 150)
    assert not any(r["met"] for q, r in found.items() if q.startswith("pooled"))


def test_stored_results_meet_the_rule() -> None:
    stored = json.loads(run.RESULTS.read_text())
    assert set(stored) == set(run.STUDIES)
    assert all(r["met"] for s in stored.values() for r in s["found"].values())
