"""The memo's rules one by one, from evidence made by hand, and the verdicts on published experiments."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from growth import marts
from growth.definitions import Tables
from growth.ingest.run import ingest
from growth.promotions import effect, memo, model, validity
from growth.promotions.design import Arm, Cells, Metric
from growth.promotions.effect import Effect
from growth.promotions.memo import END, LONGER, NONE, SEGMENT, SHIP, decide
from growth.promotions.model import Shelf, Study
from growth.promotions.validity import OK, STOP, WAIT, WARN, Check
from growth.sources import Dataset, public
from growth.stats.contrast import Estimate
from growth.stats.contrast import lift as plain_lift
from growth.stats.moments import Moments
from growth.stats.sequential import lan_demets
from tests.conftest import WORDS
from tests.promotions.hand import PARAMS, aimed, design, evidence, two

LINE = 0.05
GOAL = Metric("orders", "during", "goal")
VISITS = Metric("visits", "post", "guardrail", margin=0.1)
GOOD = {"new": two(1.0, 0.2)}


def changed(
    arm: str, metric: Metric, value: Estimate, control: float = 2.0, margin: Estimate | None = None
) -> Effect:
    """An effect of which what does not matter is left plain."""
    return Effect(
        arm, metric, control, control + value.value, value, value, None, None, "", value.p_value, "", margin
    )


def broken(arm: str) -> Effect:
    return changed(arm, VISITS, two(-0.5, 0.05), margin=two(-0.3, 0.05))


# --- the rules, in their order -----------------------------------


def test_1_a_broken_check_decides_nothing_whatever_was_earned() -> None:
    bad = Check("sample_ratio", "sample ratio", STOP, "χ²(1) = 99", "Find the cause.")
    wait, warn = Check("over", "over", WAIT, "it runs"), Check("weeks", "whole weeks", WARN, "10 days")
    found = decide(evidence(design(), GOOD, (warn, wait, bad), (broken("new"),)), LINE)
    assert (found.decision, found.arm, found.value) == (NONE, "", None)
    assert [c for c, _ in found.reasons] == ["sample_ratio", "weeks"]
    assert found.reasons[0][1] == "sample ratio: χ²(1) = 99. Find the cause."


def test_2_a_test_that_is_not_over_runs_on_even_past_a_broken_guardrail() -> None:
    wait = Check("over", "the days after are over", WAIT, "seen until June")
    found = decide(evidence(design(), GOOD, (wait,), (broken("new"),)), LINE)
    assert (found.decision, found.reasons[0][0], found.value) == (LONGER, "over", None)


def test_3_a_broken_guardrail_stops_what_would_earn() -> None:
    found = decide(evidence(design(), GOOD, (), (broken("new"),)), LINE)
    assert (found.decision, found.arm, found.reasons[0][0]) == (END, "new", "guardrail")
    assert (
        found.reasons[0][1]
        == "new moves visits, in the days after by -25.0%, surely beyond its margin of 10 %"
    )
    assert found.value == GOOD["new"]


def test_3_a_guardrail_that_is_merely_in_doubt_stops_nothing() -> None:
    doubtful = changed("new", VISITS, two(-0.5, 0.3), margin=two(-0.3, 0.2))
    assert decide(evidence(design(), GOOD, (), (doubtful,)), LINE).decision == SHIP


def test_3_the_arm_with_a_broken_guardrail_leaves_the_field_to_the_others() -> None:
    nets = {"a": two(2.0, 0.2), "b": two(1.0, 0.2)}
    found = decide(evidence(design("a", "b"), nets, (), (broken("a"),)), LINE)
    assert (found.decision, found.arm) == (SHIP, "b")
    both = decide(evidence(design("a", "b"), nets, (), (broken("a"), broken("b"))), LINE)
    assert both.decision == END
    lost = decide(evidence(design("a", "b"), nets | {"b": two(-1.0, 0.2)}, (), (broken("a"),)), LINE)
    assert (lost.decision, lost.arm, [c for c, _ in lost.reasons]) == (END, "b", ["loses", "guardrail"])


def test_3_a_guardrail_that_cannot_be_estimated_is_said_not_to_be_known() -> None:
    found = decide(evidence(design(metrics=(GOAL, VISITS)), GOOD), LINE)
    assert found.decision == SHIP and [c for c, _ in found.reasons] == ["value", "guardrail_open"]
    kept = changed("new", VISITS, two(0.5, 0.05), margin=two(0.3, 0.05))
    known = decide(evidence(design(metrics=(GOAL, VISITS)), GOOD, (), (kept,)), LINE)
    assert [c for c, _ in known.reasons] == ["value"]


@pytest.mark.parametrize(("value", "decision"), [(0.45, SHIP), (0.44, LONGER)])
def test_4_what_is_surely_above_the_line_is_shipped(value: float, decision: str) -> None:
    """With an error of .2 the interval starts at value - .392: at .058 above the line of .05, at .048 not."""
    found = decide(evidence(design(), {"new": two(value, 0.2)}), LINE)
    assert found.decision == decision and found.unit == "CNY a customer"


def test_4_of_several_the_one_that_leaves_most_and_the_line_is_corrected() -> None:
    """2.1 errors above the line are sure for one arm, not for one of two: Bonferroni asks for 2.24."""
    alone = {"a": two(LINE + 2.1, 1.0)}
    assert decide(evidence(design("a"), alone), LINE).decision == SHIP
    found = decide(evidence(design("a", "b"), alone | {"b": two(0.0, 1.0)}), LINE)
    assert found.decision == LONGER and found.value is not None
    assert found.value.confidence == pytest.approx(0.975)
    assert found.value.high - found.value.value == pytest.approx(2.2414027)
    most = decide(evidence(design("a", "b"), {"a": two(3.0, 0.3), "b": two(4.0, 0.3)}), LINE)
    assert (most.decision, most.arm, [c for c, _ in most.reasons]) == (SHIP, "b", ["value", "other"])


def test_4_a_larger_guess_that_is_not_sure_does_not_hide_one_that_is() -> None:
    found = decide(evidence(design("a", "b"), {"a": two(1.5, 1.0), "b": two(1.0, 0.1)}), LINE)
    assert (found.decision, found.arm) == (SHIP, "b")


def test_4_what_pays_for_all_is_kept_to_a_segment_where_aiming_surely_earns_more() -> None:
    aim = aimed(two(0.5, 0.1), two(1.5, 0.2))
    found = decide(evidence(design(), GOOD, new=aim), LINE)
    assert (found.decision, found.segment, found.value) == (SEGMENT, "tier gold", aim.policy)
    assert [c for c, _ in found.reasons] == ["aimed", "value"]
    unsure = aimed(two(0.1, 0.1), two(1.1, 0.2))
    assert decide(evidence(design(), GOOD, new=unsure), LINE).decision == SHIP


def test_5_what_does_not_pay_for_all_may_pay_for_some() -> None:
    nets, aim = {"new": two(-1.0, 0.2)}, aimed(two(0.5, 0.1), two(0.5, 0.1))
    found = decide(evidence(design(), nets, new=aim), LINE)
    assert (found.decision, found.segment, found.reasons[0][0]) == (SEGMENT, "tier gold", "aimed")
    little = aimed(two(0.2, 0.05), two(0.1, 0.05))
    assert decide(evidence(design(), nets, new=little), LINE).decision == END, "not worth the trouble"
    nowhere = replace(aim, segment="")
    assert decide(evidence(design(), nets, new=nowhere), LINE).decision == END


def test_6_what_is_surely_below_the_line_is_stopped() -> None:
    found = decide(evidence(design(), {"new": two(-1.0, 0.3)}), LINE)
    assert (found.decision, found.reasons[0][0]) == (END, "loses")
    one_open = {"a": two(-1.0, 0.1), "b": two(0.0, 0.5)}
    assert decide(evidence(design("a", "b"), one_open), LINE).decision == LONGER


@pytest.mark.parametrize(
    ("net", "effect", "decision"),
    [
        (two(-0.1, 0.2), two(0.0, 0.1), END),  # planned: 20 % of 2 = .4; the interval ends at .196
        (two(-0.1, 0.2), two(0.3, 0.1), LONGER),  # ends at .496: not ruled out
        (two(0.3, 0.2), two(0.0, 0.1), LONGER),  # more than one error above the line
    ],
)
def test_6_the_planned_effect_is_ruled_out(net: Estimate, effect: Estimate, decision: str) -> None:
    plan = design(metrics=(GOAL,), planned_lift=0.2)
    found = decide(evidence(plan, {"new": net}, (), (changed("new", GOAL, effect),)), LINE)
    assert found.decision == decision
    if decision == END:
        assert found.reasons[0] == (
            "no_effect",
            "an effect of the size that was planned for (+20%) is ruled out: -0.100 (-0.492 to 0.292) CNY a customer",
        )
    without = replace(plan, planned_lift=None)
    assert (
        decide(evidence(without, {"new": net}, (), (changed("new", GOAL, effect),)), LINE).decision == LONGER
    )


def test_6_it_must_be_ruled_out_for_every_arm() -> None:
    plan, nets = (
        design("a", "b", metrics=(GOAL,), planned_lift=0.2),
        {"a": two(-0.1, 0.2), "b": two(-0.1, 0.2)},
    )
    one = (changed("a", GOAL, two(0.0, 0.1)), changed("b", GOAL, two(0.3, 0.1)))
    assert decide(evidence(plan, nets, (), one), LINE).decision == LONGER
    assert decide(evidence(plan, nets, (), (one[0], replace(one[0], arm="b"))), LINE).decision == END


def test_6_where_less_is_better_the_other_end_rules_it_out() -> None:
    goal = replace(GOAL, metric="late", direction="decrease")
    plan = design(metrics=(goal,), planned_lift=0.2)
    ruled_out = changed("new", goal, two(0.0, 0.1))  # at best .196 less, and .4 were planned
    assert decide(evidence(plan, {}, (), (ruled_out,)), LINE).decision == END
    open_yet = changed("new", goal, two(-0.3, 0.2))
    assert decide(evidence(plan, {}, (), (open_yet,)), LINE).decision == LONGER


def test_7_otherwise_it_runs_on() -> None:
    found = decide(evidence(design(), {"new": two(0.1, 0.3)}), LINE)
    assert (found.decision, found.arm, found.reasons[0][0]) == (LONGER, "new", "undecided")


@pytest.mark.parametrize(("value", "meanwhile"), [(LINE + 0.01, "new"), (LINE - 0.01, "")])
def test_7_meanwhile_it_is_given_where_it_leaves_more_as_far_as_one_can_tell(
    value: float, meanwhile: str
) -> None:
    found = decide(evidence(design(), {"new": two(value, 0.3)}), LINE)
    assert (found.decision, found.meanwhile) == (LONGER, meanwhile)
    assert ("meanwhile" in dict(found.reasons)) == bool(meanwhile)


def test_7_nothing_is_given_meanwhile_whose_cost_is_not_known_or_that_breaks_a_guardrail() -> None:
    goal = replace(GOAL, direction="increase")
    undecided = changed("new", goal, two(0.1, 0.2))
    assert decide(evidence(design(metrics=(goal,)), {}, (), (undecided,)), LINE).meanwhile == ""
    nets = {"a": two(9.0, 9.0), "b": two(1.0, 9.0)}
    assert decide(evidence(design("a", "b"), nets, (), (broken("a"),)), LINE).meanwhile == "b"


@pytest.mark.parametrize(
    ("direction", "value", "decision"),
    [("increase", 1.0, SHIP), ("increase", -1.0, END), ("decrease", -1.0, SHIP), ("decrease", 1.0, END)],
)
def test_without_money_the_goal_decides_against_0(direction: str, value: float, decision: str) -> None:
    goal = replace(GOAL, direction=direction)
    found = decide(evidence(design(metrics=(goal,)), {}, (), (changed("new", goal, two(value, 0.2)),)), LINE)
    assert (found.decision, found.unit) == (decision, "orders, during")
    assert found.value is not None and found.value.value == (value if direction == "increase" else -value)


def test_without_a_goal_that_can_be_estimated_it_runs_on() -> None:
    found = decide(evidence(design(), {}), LINE)
    assert (found.decision, found.reasons) == (LONGER, (("goal", "the goal cannot be estimated"),))


def test_warnings_come_after_the_reasons_and_rows_are_plain() -> None:
    warn = Check("weeks", "whole weeks", WARN, "10 days", "Weekdays weigh unequally.")
    found = decide(evidence(design(), GOOD, (warn, Check("x", "x", OK, ""))), LINE)
    assert [c for c, _ in found.reasons] == ["value", "weeks"]
    row = memo.as_row(found)
    assert (row["decision"], row["value"], row["code"]) == (SHIP, 1.0, "value")
    assert row["low"] == pytest.approx(1 - 0.2 * 1.959963985)


# --- Udacity's new page, from its published counts -----------------------------------

COUNTS = {"control": (17_489, 145_274), "treatment": (17_264, 145_310)}


def counted(counts: dict[str, tuple[int, int]]) -> Cells:
    arms = {a: Moments.from_sums(("during_converted",), n, [k], {(0, 0): k}) for a, (k, n) in counts.items()}
    return Cells(arms, {}, (), (), {})


def judged(counts: dict[str, tuple[int, int]]) -> tuple[list[Check], list[Effect], memo.Memo]:
    """The course plans for one per cent point of the .12 that convert."""
    plan = design(
        metrics=(Metric("converted", "during", "goal"),), begin=None, end=None, post_days=0, planned_lift=0.01 / 0.12,
        control=Arm("control", 0.5, 0.0), treatments=(Arm("treatment", 0.5, 0.0),),
    )  # fmt: skip
    cells = counted(counts)
    table = pd.DataFrame({"arm": list(counts), "units": [n for _, n in counts.values()]})
    zeros = ("no_unit", "twice", "late", "exposed", "exposed_before", "exposed_other")
    table = table.assign(**dict.fromkeys(zeros, 0))
    arms = pd.DataFrame({"arm": list(counts), "planned": True})
    checks = validity.validity(
        plan, cells, table, arms, pd.DataFrame({"other": []}), dt.date(2017, 3, 1), PARAMS
    )
    found, _ = effect.effects(plan, cells, PARAMS)
    return checks, found, decide(memo.Evidence(plan, cells, checks, found, {}, {}, "USD"), LINE)


def test_udacity_no_effect_so_stop() -> None:
    checks, (e,), found = judged(COUNTS)
    assert {c.verdict for c in checks} == {OK}
    assert (e.control, e.treated) == pytest.approx((0.120386305, 0.118808066), rel=1e-8)
    assert e.plain.p_value == pytest.approx(0.189883374, rel=1e-4), (
        "Welch's; the published is the pooled z test's"
    )
    assert (found.decision, found.arm, found.reasons[0][0]) == (END, "treatment", "no_effect")
    assert found.value is not None and found.value.high < 0.01, "one per cent point is ruled out"


def test_udacity_with_a_broken_ratio_has_no_decision() -> None:
    """The 3,893 rows that the course throws away, all taken from one arm."""
    lost = COUNTS | {"treatment": (17_264 - 467, 145_310 - 3_893)}
    checks, _, found = judged(lost)
    (ratio,) = [c for c in checks if c.code == "sample_ratio"]
    assert ratio.verdict == STOP and ratio.value is not None and ratio.value < 1e-10
    assert (found.decision, found.value, found.reasons[0][0]) == (NONE, None, "sample_ratio")


# --- published data through the pipeline's own code -----------------------------------


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, where: Path) -> Callable[[str], Study]:
    """Return a function that takes a published experiment from its file to its memo."""
    done: dict[str, Study] = {}

    def through(name: str) -> Study:
        if name not in done:
            done[name] = work(name, tmp_path_factory.mktemp(name))
        return done[name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GROWTH_DATASETS", str(where))
        for name in ("hillstrom", "cookie_cats"):
            through(name)
    return through


@pytest.fixture(scope="module")
def where() -> Path:
    from tests.real_data.conftest import where as found

    return found.__wrapped__()  # type: ignore[attr-defined]


def work(name: str, folder: Path) -> Study:
    raw, tables, lost, out = (folder / room for room in ("raw", "tables", "quarantine", "marts"))
    for room in (raw, tables, lost, out):
        room.mkdir()
    public.SOURCES[name].acquire(raw, raw).write(raw)
    ingest(raw, tables, lost, SimpleNamespace(as_of=None, timezone=None))
    import ibis

    con = ibis.duckdb.connect()
    rows = {f.stem: con.read_parquet(f, table_name=f.stem) for f in sorted(tables.glob("*.parquet"))}
    left_out = marts.build("promotions", Tables(rows, Dataset.read(tables), SimpleNamespace(**WORDS)), out)
    assert json.loads((out / "marts.json").read_text())["left_out"] == left_out
    shelf = Shelf(lambda m: pd.read_parquet(out / f"{m}.parquet"), lambda m: (out / f"{m}.parquet").is_file())
    as_of = dt.date.fromisoformat(Dataset.read(tables).as_of)
    (study,), wrong = model.experiments(shelf, as_of, "USD", PARAMS)
    assert wrong == {}
    return study


def of(study: Study, arm: str, metric: str) -> Effect:
    (found,) = [e for e in study.effects if e.arm == arm and e.metric.metric == metric]
    return found


MENS, WOMENS = "Mens E-Mail", "Womens E-Mail"


@pytest.mark.parametrize(
    ("arm", "metric", "control", "treated", "value", "error", "low", "high", "p", "lift"),
    [
        (MENS, "visit", .106167277, .182756840, .0765895637, .00338588781,
         .0699531476, .0832259797, 1.36445e-112, (.640925, .807119)),
        (MENS, "conversion", .00572608655, .0125310931, .00680500652, .000920872786,
         .00500007, .00860994, 1.50182e-13, (.779521, 1.738793)),
        (MENS, "spend", .652789355, 1.42261651, .769827156, .14524656,
         .485139733, 1.05451458, 1.16381e-07, (.643675, 1.977481)),
        (WOMENS, "visit", .106167277, .151400383, .0452331066, .0032344621,
         .0388934938, .0515727194, 2.43245e-44, (.356478, .499969)),
        (WOMENS, "conversion", .00572608655, .00883714406, .00311105751, .000822677078,
         .00149859, .00472352, 1.56028e-04, (.234012, .952381)),
        (WOMENS, "spend", .652789355, 1.07720157, .424412216, .130332859,
         .16895679, .679867642, .0011293971, (.224162, 1.274965)),
    ],
)  # fmt: skip
def test_hillstrom_effects(
    published: Any, arm: str, metric: str, control: float, treated: float, value: float, error: float, low: float,
    high: float, p: float, lift: tuple[float, float],
) -> None:  # fmt: skip
    e = of(published("hillstrom"), arm, metric)
    assert (e.control, e.treated) == pytest.approx((control, treated), rel=1e-8)
    assert (e.plain.value, e.plain.error) == pytest.approx((value, error), rel=1e-8)
    assert (e.plain.low, e.plain.high) == pytest.approx((low, high), abs=5e-9)
    assert e.plain.p_value == pytest.approx(p, rel=5e-6)
    arms = published("hillstrom").cells.arms
    rise = plain_lift(arms["No E-Mail"], arms[arm], f"during_{metric}")
    assert rise.kind == "bounded" and (rise.low, rise.high) == pytest.approx(lift, abs=1e-6)
    if e.adjustment == "":
        assert e.chosen == e.plain and e.lift is not None
        assert (e.lift.low, e.lift.high) == pytest.approx((rise.low, rise.high), rel=1e-12)


def test_hillstrom_spend_gains_nothing_from_adjustment(published: Any) -> None:
    s = published("hillstrom")
    for metric in ("spend", "conversion"):
        for arm in (MENS, WOMENS):
            e = of(s, arm, metric)
            assert e.reduction is not None and 0 < e.reduction < effect.HELPS and e.adjustment == ""
    assert of(s, MENS, "visit").adjustment == "before", "of visits it takes away some per cent"


def test_hillstrom_goals_are_corrected_over_the_arms(published: Any) -> None:
    s = published("hillstrom")
    assert of(s, MENS, "spend").p_value == pytest.approx(2.32763e-7, rel=1e-5)
    assert of(s, WOMENS, "spend").p_value == pytest.approx(0.00112940, rel=1e-5)
    assert of(s, MENS, "spend").correction == "holm, 2 tests"
    assert of(s, MENS, "visit").correction == "benjamini-hochberg, 4 tests"


@pytest.mark.parametrize(
    ("arm", "value", "low", "high", "p"),
    [(MENS, 0.297930862, 0.184056, 0.411806, 2.94e-7), (WOMENS, 0.159764886, 0.057583, 0.261947, 0.00218139)],
)
def test_hillstrom_profit(published: Any, arm: str, value: float, low: float, high: float, p: float) -> None:
    m = published("hillstrom").money[arm]
    assert m.net.value == pytest.approx(value, rel=1e-8)
    assert (m.net.low, m.net.high) == pytest.approx((low, high), abs=5e-7)
    assert m.net.p_value == pytest.approx(p, rel=2e-3)
    assert (m.cost, m.post, m.units, m.adjusted) == (pytest.approx(0.01), None, 64_000, False)
    assert m.per_cost.value == pytest.approx(value / 0.01)
    assert (m.per_cost.low, m.per_cost.high) == pytest.approx((m.net.low / 0.01, m.net.high / 0.01), rel=1e-5)
    assert m.break_even == pytest.approx(value + 0.01)


def test_hillstrom_checks(published: Any) -> None:
    checks = {c.code: c for c in published("hillstrom").checks}
    assert checks["sample_ratio"].seen == "χ²(2) = 0.20, p = 0.904"
    assert checks["sample_ratio"].value == pytest.approx(0.903693, abs=5e-7)
    assert not {c.code for c in checks.values() if c.verdict in (STOP, WAIT)}


def test_hillstrom_the_verdict_is_frozen(published: Any) -> None:
    """Mens is shipped; Womens is positive, too, but leaves less; and there is nobody to aim at."""
    s = published("hillstrom")
    d = s.decision
    assert (d.decision, d.arm, d.segment, d.unit) == (SHIP, MENS, "", "USD a customer")
    assert [c for c, _ in d.reasons] == ["value", "power"]
    assert s.money[WOMENS].net.low > PARAMS.worthwhile, (
        "alone it would be shipped; of two arms .0429 is not above .05"
    )
    assert d.value is not None and d.value.low > 0.184 - 0.0171 and d.value.confidence == pytest.approx(0.975)
    for arm in (MENS, WOMENS):
        aim = s.targeting[arm]
        assert not aim.pays and aim.against_best.low <= 0
        assert all(x.p_value > 0.05 for x in s.segments[arm])
    assert s.targeting[MENS].everybody.value == pytest.approx(s.money[MENS].net.value, abs=0.005)


def test_cookie_cats_effects(published: Any) -> None:
    s = published("cookie_cats")
    one, seven, rounds = (of(s, "gate_40", m) for m in ("retention_1", "retention_7", "rounds"))
    assert (one.control, one.treated) == pytest.approx((0.448187919, 0.442282750), rel=1e-8)
    assert one.plain.value == pytest.approx(-0.00590516979, rel=1e-8)
    assert one.plain.p_value == pytest.approx(0.0744096, rel=1e-3), (
        "Welch's; the reference is the pooled z test's"
    )
    assert (seven.control, seven.treated) == pytest.approx((0.190201342, 0.182000044), rel=1e-8)
    assert seven.plain.value == pytest.approx(-0.00820129832, rel=1e-8)
    assert (seven.plain.low, seven.plain.high) == pytest.approx((-0.013281677, -0.0031209196), abs=2e-7)
    assert seven.plain.p_value == pytest.approx(0.00155653, rel=1e-5)
    assert seven.lift is not None and seven.lift.value == pytest.approx(-0.043119, abs=5e-7)
    assert rounds.plain.p_value == pytest.approx(0.375924, abs=5e-7)


def test_cookie_cats_hangs_on_one_player(published: Any) -> None:
    views = {v["view"]: v for v in published("cookie_cats").views["gate_40"] if v["metric"] == "rounds"}
    assert views["capped at the 99% quantile"]["p_value"] == pytest.approx(0.615194, abs=5e-7)
    assert views["without the most extreme unit"]["p_value"] == pytest.approx(0.949469, abs=5e-7)


def test_cookie_cats_the_verdict_is_frozen(published: Any) -> None:
    """A gate that lowers retention is not shipped, and the arms are not quite of equal size."""
    s = published("cookie_cats")
    ratio = next(c for c in s.checks if c.code == "sample_ratio")
    assert (ratio.verdict, ratio.seen) == (WARN, "χ²(1) = 6.90, p = 0.00861")
    assert ratio.value == pytest.approx(0.00860799, abs=5e-9)
    d = s.decision
    assert (d.decision, d.arm, d.reasons[0][0]) == (END, "gate_40", "loses")
    assert "sample_ratio" in [c for c, _ in d.reasons[1:]]
    assert s.money == {} and d.value is not None and d.value.high < 0


def test_a_final_look_uses_what_the_looks_before_have_left() -> None:
    """Two errors and a bit: enough for one look (1.96), too little for the last of five (2.031)."""
    plan = design(metrics=(GOAL,), way="group_sequential", looks=5)
    assert lan_demets([0.2, 0.4, 0.6, 0.8, 1.0])[-1] == pytest.approx(2.031032, abs=1e-6)
    for z, decision in ((2.0, LONGER), (2.05, SHIP)):
        e = changed("new", GOAL, effect.honest(plan, two(z, 1.0), 1_000))
        assert decide(evidence(plan, {}, (), (e,)), LINE).decision == decision
