"""The decision on an experiment, by rules that are written here and nowhere else; each reason has a code.

In this order, the first that holds:

1. The test is broken (a check says so): **no decision**. 2. It is not over, or the days after it are not: **run
longer**. 3. A guardrail is broken beyond chance: **stop**. 4. An arm's contribution is surely above what is
worthwhile (of several, the one that leaves most): **ship** it; if aiming it
   earns surely more than giving it to all: **ship to segment**.
5. Aiming it earns surely more than nothing and than all: **ship to segment**.
6. Every arm is surely below what is worthwhile; or the effect that was planned for is ruled out for every arm, and none
   is even one standard error above the line: **stop**.
7. Otherwise: **run longer**; and meanwhile give the arm to all but its control group if, as far as one can tell, it
   leaves more than what is worthwhile: what can be taken back is decided by its mean, not by its significance
   (Claxton 1999); the control group keeps measuring it.

"Surely" means: the interval of the design, corrected for several arms, does not hold the line. Without money the
goal itself decides against 0, in the direction that was laid down.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from growth.promotions.design import Cells, Design
from growth.promotions.effect import Effect
from growth.promotions.money import Money
from growth.promotions.segments import Targeting
from growth.promotions.validity import STOP, WAIT, WARN, Check
from growth.stats.contrast import Estimate, critical
from growth.stats.many import bonferroni_level
from growth.words import figures, percent

SHIP, SEGMENT, END, LONGER, NONE = "ship", "ship to segment", "stop", "run longer", "no decision"


@dataclass(frozen=True)
class Memo:
    """What to do about an experiment.

    Parameters
    ----------
    experiment : str
    decision : str
        ``ship``, ``ship to segment``, ``stop``, ``run longer`` or ``no decision``.
    arm : str
        Which arm it is about; empty where it is about none.
    segment : str
        Along which it is aimed, and at which levels; empty otherwise.
    value : Estimate or None
        What the decision rests on, a unit: contribution, or the goal.
    unit : str
        Of the value.
    reasons : tuple of (str, str)
        Code and sentence, the decisive one first, warnings after.
    meanwhile : str
        While it runs longer: the arm to give to all but the control group; empty where nothing should change.
    """

    experiment: str
    decision: str
    arm: str
    segment: str
    value: Estimate | None
    unit: str
    reasons: tuple[tuple[str, str], ...]
    meanwhile: str = ""


@dataclass(frozen=True)
class Evidence:
    """All that a memo is written from; `money` and `targeting` by arm, where they are known."""

    design: Design
    cells: Cells
    checks: list[Check]
    effects: list[Effect]
    money: dict[str, Money]
    targeting: dict[str, Targeting]
    currency: str


def decide(e: Evidence, worthwhile: float) -> Memo:
    """Write the memo; see the module for the rules.

    Parameters
    ----------
    e : Evidence
    worthwhile : float
        Contribution a unit below which it is not worth the trouble.
    """
    warnings = tuple((c.code, f"{c.name}: {c.seen}. {c.consequence}") for c in e.checks if c.verdict == WARN)
    for verdict, decision in ((STOP, NONE), (WAIT, LONGER)):
        broken = [c for c in e.checks if c.verdict == verdict]
        if broken:
            reasons = tuple((c.code, f"{c.name}: {c.seen}. {c.consequence}") for c in broken)
            return Memo(e.design.id, decision, "", "", None, "", reasons + warnings)
    found = _judged(e, worthwhile)
    return replace(found, reasons=found.reasons + warnings + _unknown_guardrails(e))


def _judged(e: Evidence, worthwhile: float) -> Memo:
    broken = _broken_guardrails(e)
    arms = [a.name for a in e.design.treatments]
    sure = {a: _value(e, a) for a in arms}
    line = worthwhile if _has_money(e) else 0.0
    unit = f"{e.currency} a {e.design.unit}" if _has_money(e) else e.design.goal.label
    whole = {a: v for a, v in sure.items() if v is not None and a not in broken}
    if not whole and broken:
        arm, reason = next(iter(broken.items()))
        return Memo(e.design.id, END, arm, "", sure.get(arm), unit, (("guardrail", reason),))
    if not whole:
        return Memo(e.design.id, LONGER, "", "", None, unit, (("goal", "the goal cannot be estimated"),))
    # Of those that are surely above the line the one that leaves most; only where none is, the largest guess.
    above = [a for a in whole if whole[a].low > line]
    best = max(above or whole, key=lambda a: whole[a].value)
    value, aim = whole[best], e.targeting.get(best) if _has_money(e) else None
    if value.low > line:
        return _ship(e, best, value, aim, unit, line, whole)
    if aim is not None and aim.pays and aim.policy.low > line:
        where = f"{aim.segment.replace('_', ' ')} {', '.join(aim.chosen)}"
        text = f"for all it is not sure to pay, but aimed at {where} it earns more than for all and than for none"
        return Memo(e.design.id, SEGMENT, best, where, aim.policy, unit, (("aimed", text),))
    return _not_shipped(e, best, value, whole, unit, line, broken)


def _ship(
    e: Evidence,
    arm: str,
    value: Estimate,
    aim: Targeting | None,
    unit: str,
    line: float,
    whole: dict[str, Estimate],
) -> Memo:
    others = [a for a in whole if a != arm and whole[a].low > line]
    reasons = [("value", f"{arm} leaves {_said(value)} {unit}, surely above {line:g}")]
    reasons += [("other", f"{a} is positive too ({_said(whole[a])}), but leaves less") for a in others]
    if aim is not None and aim.pays:
        where = f"{aim.segment.replace('_', ' ')} {', '.join(aim.chosen)}"
        text = f"aimed at {where} it earns {_said(aim.against_best)} more a unit than given to all"
        return Memo(e.design.id, SEGMENT, arm, where, aim.policy, unit, (("aimed", text), *reasons))
    return Memo(e.design.id, SHIP, arm, "", value, unit, tuple(reasons))


def _not_shipped(
    e: Evidence,
    best: str,
    value: Estimate,
    whole: dict[str, Estimate],
    unit: str,
    line: float,
    broken: dict[str, str],
) -> Memo:
    also = tuple(("guardrail", text) for text in broken.values())
    if all(v.high < line for v in whole.values()):
        text = f"{best} leaves {_said(value)} {unit}, surely below {line:g}"
        return Memo(e.design.id, END, best, "", value, unit, (("loses", text), *also))
    if _ruled_out(e) and all(v.value < line + v.error for v in whole.values()):
        text = f"an effect of the size that was planned for ({e.design.planned_lift:+.0%}) is ruled out: "
        text += f"{_said(value)} {unit}"
        return Memo(e.design.id, END, best, "", value, unit, (("no_effect", text), *also))
    text = f"{best} leaves {_said(value)} {unit}: it may pay and it may not"
    reasons = (("undecided", text), *also)
    if not (_has_money(e) and value.value > line):
        return Memo(e.design.id, LONGER, best, "", value, unit, reasons)
    more = "more likely than not it pays, and it can be taken back: meanwhile give it to all but the control group"
    return Memo(e.design.id, LONGER, best, "", value, unit, (*reasons, ("meanwhile", more)), meanwhile=best)


def _said(v: Estimate) -> str:
    return f"{figures(v.value, 3)} ({figures(v.low, 3)} to {figures(v.high, 3)})"


def _has_money(e: Evidence) -> bool:
    return bool(e.money)


def _value(e: Evidence, arm: str) -> Estimate | None:
    """Return what decides on an arm, good when positive, with the interval of the design, corrected over the arms."""
    count = len(e.design.treatments)
    if _has_money(e):
        found = e.money[arm].net if arm in e.money else None
    else:
        goal = next((x for x in e.effects if x.arm == arm and x.metric is e.design.goal), None)
        found = goal.chosen if goal and goal.good > 0 else _flipped(goal.chosen) if goal else None
    return found if found is None or count == 1 else _wider(found, bonferroni_level(found.confidence, count))


def _flipped(v: Estimate) -> Estimate:
    return Estimate(-v.value, v.error, v.freedom, -v.high, -v.low, v.p_value, v.confidence)


def _wider(v: Estimate, confidence: float) -> Estimate:
    """Return the estimate with the interval of another confidence, in the ratio of the two critical values."""
    factor = critical(v.freedom, confidence) / critical(v.freedom, v.confidence)
    low, high = v.value - factor * (v.value - v.low), v.value + factor * (v.high - v.value)
    return Estimate(v.value, v.error, v.freedom, low, high, v.p_value, confidence)


def _ruled_out(e: Evidence) -> bool:
    """Return whether no interval of the goal holds the effect that was planned for, in the direction laid down."""
    goals = [x for x in e.effects if x.metric is e.design.goal]
    if e.design.planned_lift is None or not goals:
        return False
    planned = e.design.planned_lift * abs(goals[0].control)
    return all((x.chosen.high if x.good > 0 else -x.chosen.low) < planned for x in goals)


def _broken_guardrails(e: Evidence) -> dict[str, str]:
    """Return arm -> reason where a guardrail is surely beyond its margin."""
    found = {}
    for x in e.effects:
        if x.margin is not None and x.margin.high < 0 and x.metric.margin is not None:
            loss = x.treated / x.control - 1
            margin = percent(x.metric.margin, 0)
            found[x.arm] = (
                f"{x.arm} moves {x.metric.label} by {loss:+.1%}, surely beyond its margin of {margin}"
            )
    return found


def _unknown_guardrails(e: Evidence) -> tuple[tuple[str, str], ...]:
    """Return a reason for each guardrail that could not be estimated: it is not known to hold."""
    known = {x.metric for x in e.effects if x.margin is not None}
    open_yet = [
        m for m in e.design.metrics if m.role == "guardrail" and m.margin is not None and m not in known
    ]
    return tuple(
        ("guardrail_open", f"whether {m.label} stays within its margin is not known") for m in open_yet
    )


def as_row(memo: Memo) -> dict[str, Any]:
    """Return a memo as a row of a table."""
    v = memo.value
    return dict(
        experiment=memo.experiment, decision=memo.decision, arm=memo.arm, segment=memo.segment,
        value=v.value if v else None, low=v.low if v else None, high=v.high if v else None, unit=memo.unit,
        reason=memo.reasons[0][1] if memo.reasons else "", code=memo.reasons[0][0] if memo.reasons else "",
    )  # fmt: skip
