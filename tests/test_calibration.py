"""The calibration's own arithmetic, a fast subset of it, and that its stored results meet the rule."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from scipy.stats import binomtest

from calibration import run
from growth.stats.contrast import Estimate, proportions
from growth.stats.moments import Moments


@pytest.mark.parametrize(("hits", "trials"), [(0, 10), (10, 10), (1890, 2000)])
def test_exact_interval_is_clopper_pearson(hits: int, trials: int) -> None:
    expected = binomtest(hits, trials).proportion_ci(0.99, "exact")
    assert run.exact_interval(hits, trials, 0.99) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("name", list(run.STUDIES))
def test_a_fast_subset_meets_the_rule(name: str) -> None:
    study = run.STUDIES[name]
    if not study.ready():
        pytest.skip("the public datasets are not here: set GROWTH_DATASETS to their folder")
    assert all(r["met"] for r in run.judge(study, max(40, min(400, study.replicates // 20))).values())


def test_a_broken_estimator_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals of 80 % instead of 95 % must fail the rule."""
    wrong = run.cohorts.model.pooled
    monkeypatch.setattr(run.cohorts.model, "pooled", lambda cells: wrong(cells, 0.8))
    found = run.judge(run.STUDIES["retention intervals"], 150)
    assert not any(r["met"] for q, r in found.items() if q.startswith("pooled"))


def test_sessions_taken_for_units_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's sessions are alike: a test that takes each for a unit must fail the rule."""

    def naive(a: Moments, b: Moments, top: str, bottom: str) -> Estimate:
        shares = [int(g.n * g.mean_of(m) + 0.5) for g in (a, b) for m in (top, bottom)]
        return proportions(*shares)

    monkeypatch.setattr(run.experiments, "ratio_difference", naive)
    found = run.judge(run.STUDIES["users with sessions"], 400)
    assert not any(r["met"] for r in found.values())


def test_intervals_of_money_that_are_too_narrow_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Money's intervals of 80 % must fail the rule, each of them: the arm's alpha reaches all."""
    wrong = replace(run.promotions._design(run.promotions.TREATED, run.promotions.OWN), alpha=0.2)
    monkeypatch.setattr(run.promotions, "_design", lambda *_: wrong)
    found = run.judge(run.STUDIES["what a coupon earns"], 250)
    assert not any(r["met"] for r in found.values())


def test_data_that_are_not_here_leave_the_stored_result(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = replace(run.STUDIES["planned looks"], ready=lambda: False)
    stored = {"planned looks": {"found": {"old": {"met": True}}}}
    (tmp_path / "results.json").write_text(json.dumps(stored))
    monkeypatch.setattr(run, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(run, "STUDIES", {"planned looks": study})
    assert run.main([]) == 0 and "skipped" in capsys.readouterr().out
    assert json.loads(run.RESULTS.read_text()) == stored


def test_stored_results_meet_the_rule() -> None:
    stored = json.loads(run.RESULTS.read_text())
    assert set(stored) == set(run.STUDIES)
    assert all(r["met"] for s in stored.values() for r in s["found"].values())


def test_channels_on_twenty_seeds_of_the_platform() -> None:
    """Paid orders within a tenth of the truth, the budget better than today's in 18 of 20, creators chosen best."""
    found = json.loads((run.RESULTS.parent / "channels_platform.json").read_text())
    assert found["seeds"] == 20 and 0.9 <= found["paid orders found, over true"] <= 1.1
    assert found["budget beats today's"] >= 18
    lost = found["lost by the choice of creators, CNY a campaign"]
    assert lost["score"] < lost["last click"] and lost["score"] < lost["reach"]
