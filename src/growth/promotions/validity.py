"""Was the test valid? Every check before any effect, each with what follows from it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pandas as pd
from scipy.special import fdtrc

from growth.promotions.design import Cells, Design
from growth.promotions.effect import HELPS, adjust, one_look
from growth.stats.contrast import difference
from growth.stats.power import power
from growth.stats.samples import Balance, balance, sample_ratio

OK, WARN, STOP, WAIT = "ok", "warning", "no decision", "not over"
TWICE_WARN, TWICE_STOP = 0.001, 0.01  # share of units in several arms, or that saw an arm too early
BALANCE_WARN, BALANCE_STOP = 0.01, 0.001
WEEK = 7


@dataclass(frozen=True)
class Check:
    """One check: its code, what came of it, what was seen, and what follows."""

    code: str
    name: str
    verdict: str
    seen: str
    consequence: str = ""
    value: float | None = None


def validity(
    design: Design, cells: Cells, counts: pd.DataFrame, arms: pd.DataFrame, overlaps: pd.DataFrame,
    as_of: dt.date, params: Any,
) -> list[Check]:  # fmt: skip
    """Return all checks of an experiment.

    Parameters
    ----------
    design : Design
    cells : Cells
    counts, arms, overlaps : DataFrame
        Its rows of the marts ``checks``, ``arms`` and ``overlaps`` (``other, shared``).
    as_of : datetime.date
    params : growth.promotions.params.Params
    """
    found = [_arms(design, cells, counts, arms)]
    if found[0].verdict == STOP:
        return found
    found.append(_ratio(design, counts, params))
    found.append(_balance(design, cells))
    found += [
        _share(counts, "twice", "units in two arms", "They are left out of every estimate."),
        _share(
            counts, "exposed_before", "saw its arm before it was given", "Who saw first may have been chosen."
        ),
        _share(counts, "exposed_other", "saw another arm", "The effect of being assigned is diluted."),
        _late(counts),
    ]
    found += _missing(counts, cells)
    found.append(_one_at_a_time(overlaps))
    found += [*_calendar(design, as_of), _visits(design, cells, params), _planned_power(design, cells)]
    return found


def _arms(design: Design, cells: Cells, counts: pd.DataFrame, arms: pd.DataFrame) -> Check:
    unplanned = arms[~arms["planned"]]["arm"].tolist()
    have = counts.set_index("arm")["units"].to_dict()
    empty = [a.name for a in design.arms if not have.get(a.name)]
    if unplanned:
        seen = f"assignments name {', '.join(unplanned)}, which experiment_arms does not have"
        return Check("arms", "arms as planned", STOP, seen, "Rename the arm, or add it to experiment_arms.")
    if empty:
        seen = f"no unit was assigned to {', '.join(empty)}"
        return Check("arms", "arms as planned", STOP, seen, "There is nothing to compare.")
    if unknown := [a.name for a in design.arms if a.name not in cells.arms or cells.arms[a.name].n < 2]:
        seen = f"fewer than two units of {', '.join(unknown)} are in one arm alone and have every metric"
        return Check("arms", "arms as planned", STOP, seen, "There is nothing to compare.")
    return Check("arms", "arms as planned", OK, ", ".join(f"{a.name} {have[a.name]:,}" for a in design.arms))


def _ratio(design: Design, counts: pd.DataFrame, params: Any) -> Check:
    have = counts.set_index("arm")["units"].to_dict()
    test = sample_ratio([have.get(a.name, 0) for a in design.arms], [a.share for a in design.arms])
    seen = f"χ²({test.freedom}) = {test.statistic:.2f}, p = {test.p_value:.3g}"
    verdict = STOP if test.p_value < params.ratio_stop else WARN if test.p_value < params.ratio_warn else OK
    what = {
        STOP: "Units were lost or misassigned: the arms do not compare. Find the cause; decide nothing.",
        WARN: "Look for the cause before believing small effects.",
    }
    return Check("sample_ratio", "sample ratio", verdict, seen, what.get(verdict, ""), test.p_value)


def _balance(design: Design, cells: Cells) -> Check:
    varying = [c for c in cells.covariates if any(m.n > 1 and m.var(c) > 0 for m in cells.arms.values())]
    if not varying:
        return Check("balance", "balance before", OK, "nothing is known from before")
    test = balance([cells.arms[a.name] for a in design.arms], varying)
    p = _small_sample(test, [cells.arms[a.name].n for a in design.arms])
    seen = f"χ²({test.freedom}) = {test.statistic:.2f}, p = {p:.3g}, {len(varying)} covariates at once"
    if p < BALANCE_STOP:
        why = "The arms differed before the test: the assignment was not random. Decide nothing."
        return Check("balance", "balance before", STOP, seen, why, p)
    verdict = WARN if p < BALANCE_WARN else OK
    why = "Read the adjusted estimate." if verdict == WARN else ""
    return Check("balance", "balance before", verdict, seen, why, p)


def _small_sample(test: Balance, units: list[int]) -> float:
    """Return the p-value by Hotelling's F: the chi-square's of many units, and not too small with a few cities.

    Hotelling (1931), Annals of Mathematical Statistics 2:360-378: of two arms and k covariates (N - k - 1) T² / k
    (N - 2) is F(k, N - k - 1); of more arms this is an approximation.
    """
    arms = len(units)
    inside = sum(units) - arms
    below = inside - test.freedom / (arms - 1) + 1
    if below < 1:
        return 1.0  # more covariates than units: nothing is tested
    return float(fdtrc(test.freedom, below, test.statistic / test.freedom * below / inside))


def _share(counts: pd.DataFrame, column: str, name: str, consequence: str) -> Check:
    n, units = int(counts[column].sum()), int(counts["units"].sum())
    share = n / units if units else 0.0
    verdict = STOP if share > TWICE_STOP else WARN if share > TWICE_WARN else OK
    text = f"{n:,} of {units:,} units" if n else "none"
    return Check(column, name, verdict, text, consequence if verdict != OK else "", share)


def _late(counts: pd.DataFrame) -> Check:
    n = int(counts["late"].sum())
    verdict = STOP if n > TWICE_STOP * counts["units"].sum() else WARN if n else OK
    why = "Their outcome came before their assignment." if n else ""
    return Check("late", "assigned after the end", verdict, f"{n:,} units" if n else "none", why)


def _missing(counts: pd.DataFrame, cells: Cells) -> list[Check]:
    found = []
    if n := int(counts["no_unit"].sum()):
        why = "These rows are left out: the id that the experiment's unit asks for is empty."
        found.append(Check("no_unit", "assignments without a unit", WARN, f"{n:,} rows", why))
    lacking = sum(cells.incomplete.values())
    if lacking:
        shares = {a: n / (n + cells.arms[a].n) for a, n in cells.incomplete.items() if a in cells.arms}
        verdict = STOP if max(shares.values(), default=0.0) > TWICE_STOP else WARN
        seen = ", ".join(f"{a} {s:.2%}" for a, s in shares.items())
        why = "Units without a value of every metric are left out; if arms lose different units, they do not compare."
        found.append(Check("incomplete", "units without a value", verdict, seen, why))
    return found


def _one_at_a_time(overlaps: pd.DataFrame) -> Check:
    if overlaps.empty:
        return Check("one_at_a_time", "one variable at a time", OK, "no other test ran at the time")
    seen = "; ".join(
        f"{other} ({shared:,} units of both)" if shared else f"{other} (another kind of unit)"
        for other, shared in zip(overlaps["other"].astype(str), overlaps["shared"], strict=True)
    )
    why = "Arms drawn independently still compare, but the effect is that beside the other test."
    return Check("one_at_a_time", "one variable at a time", WARN, f"at the same time as {seen}", why)


def _calendar(design: Design, as_of: dt.date) -> list[Check]:
    if design.begin is None or design.end is None or design.until is None:
        return [Check("weeks", "whole weeks", OK, "the dates are not known")]
    days = (design.end - design.begin).days
    whole = days % WEEK == 0
    why = "" if whole else "Weekdays weigh unequally: the effect is of these days, not of a week."
    weeks = Check("weeks", "whole weeks", OK if whole else WARN, f"{days} days", why)
    if design.end > as_of:
        return [
            weeks,
            Check("over", "the test is over", WAIT, f"it runs until {design.end}", "Wait for its end."),
        ]
    if design.until > as_of:
        seen = f"the days after are seen until {design.until}"
        return [
            weeks,
            Check("over", "the days after are over", WAIT, seen, "The dip after is not yet known."),
        ]
    return [weeks, Check("over", "the test is over", OK, f"seen until {design.until}")]


def _visits(design: Design, cells: Cells, params: Any) -> Check:
    by_arm = {a.name: cells.arms[a.name] for a in design.arms}
    known = all("during_visits" in m.names for m in by_arm.values())
    total = {a: m.mean_of("during_visits") * m.n if known else m.n for a, m in by_arm.items()}
    if known and not any(total.values()):
        return Check("visits", "visits an arm", OK, "visits are not known")
    least = min(total, key=lambda a: total[a])
    enough = total[least] >= params.min_visits
    seen = f"least {total[least]:,.0f} ({least})" + ("" if known else ", units")
    why = "" if enough else f"Fewer than {params.min_visits:,}: run longer."
    return Check("visits", "visits an arm", OK if enough else WARN, seen, why, total[least])


def _planned_power(design: Design, cells: Cells) -> Check:
    """Judge the power of the design: its planned effect against the error at this size, never the effect seen."""
    name = "planned power"
    if design.planned_units:
        fewest = min(cells.arms[a.name].n for a in design.arms)
        enough = fewest >= design.planned_units
        why = "" if enough else "Fewer units than planned: run longer."
        seen = f"{fewest:,} units an arm of {design.planned_units:,} planned"
        return Check("power", name, OK if enough else WARN, seen, why)
    if design.planned_lift is None:
        return Check(
            "power", name, WARN, "no smallest effect was laid down", "State one before the next test."
        )
    goal = design.goal.key
    weakest = 1.0
    control = cells.arms[design.control.name]
    for arm in design.treatments:
        try:
            base = control.mean_of(goal)
            alpha = 1 - one_look(design, control.n + cells.arms[arm.name].n)
            better = None if design.goal.denominator else adjust(design, cells, arm.name, goal)
            plain = difference(control, cells.arms[arm.name], goal)
            error = better.estimate.error if better and better.reduction >= HELPS else plain.error
        except ValueError:
            return Check("power", name, WARN, "the goal does not vary", "There is nothing to find.")
        weakest = min(weakest, power(abs(design.planned_lift * base), error, alpha))
    enough = weakest >= design.power
    seen = (
        f"{weakest:.0%} to find {design.planned_lift:+.0%} of {design.goal.label}, planned {design.power:.0%}"
    )
    why = "" if enough else "Too small for the effect it was planned for: no effect seen is no proof of none."
    return Check("power", name, OK if enough else WARN, seen, why, weakest)
