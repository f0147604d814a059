"""What ``03_promotions`` shows in tables and figures, as data frames."""

from __future__ import annotations

import pandas as pd

from growth import figures as house
from growth.promotions import event, figures, looks, memo
from growth.promotions.effect import Effect
from growth.promotions.model import Study
from growth.promotions.phrases import of_ratio, question, unit
from growth.promotions.validity import OK, STOP
from growth.words import inert, percent


def checks(s: Study) -> pd.DataFrame:
    """Return the checks of an experiment as a table."""
    return pd.DataFrame(
        [
            dict(check=c.name, verdict=c.verdict, seen=c.seen, consequence=c.consequence or None)
            for c in s.checks
        ]
    )


def believed(studies: list[Study]) -> pd.DataFrame:
    """Return a table: experiments down, what gave a warning or worse across."""
    rows = []
    for s in studies:
        bad = [f"{c.name}: {c.seen}" for c in s.checks if c.verdict != OK]
        worst = STOP if s.broken else "warning" if bad else OK
        rows.append(
            dict(
                experiment=s.design.id,
                unit=unit(s),
                units=sum(m.n for m in s.cells.arms.values()),
                verdict=worst,
                because="; ".join(bad) or None,
            )
        )
    return pd.DataFrame(rows)


def effect_rows(s: Study) -> pd.DataFrame:
    """Return the lifts of an experiment for `figures.intervals`; those without a bounded interval are left out."""
    many = len(s.design.treatments) > 1
    rows = [
        dict(
            label=(f"{e.arm}: " if many else "") + e.metric.label,
            value=e.lift.value,
            low=e.lift.low,
            high=e.lift.high,
            colour=house.BLUE if e.metric.role == "goal" else house.GREY,
        )
        for e in s.effects
        if e.lift is not None and e.lift.kind == "bounded"
    ]
    return pd.DataFrame(rows, columns=["label", "value", "low", "high", "colour"])


def effect_table(s: Study) -> pd.DataFrame:
    """Return every effect of an experiment: means, difference, lift, p-value and how it was corrected."""
    rows = []
    for e in s.effects:
        row = dict(metric=e.metric.label, control=e.control, difference=e.chosen.value, low=e.chosen.low)
        row |= dict(high=e.chosen.high, lift=of_ratio(e.lift), p=e.p_value)
        row |= dict(guard=_short(e), less_variance=e.reduction)
        rows.append(({"arm": e.arm} if len(s.design.treatments) > 1 else {}) | row)
    return pd.DataFrame(rows)


def _test(s: Study, arm: str) -> str:
    """Name a test, and its arm where it has several."""
    return s.design.id if len(s.design.treatments) == 1 else f"{s.design.id}: {arm}"


def other_table(studies: list[Study], shown_id: str) -> pd.DataFrame:
    """Return the goal of the experiments that are not shown in depth, arm by arm."""
    rows = []
    for s in studies:
        for e in s.effects if s.design.id != shown_id else []:
            if e.metric is s.design.goal:
                rows.append(
                    dict(
                        answers=question(s.design), test=_test(s, e.arm), goal=e.metric.metric, control=e.control,
                        difference=e.chosen.value, low=e.chosen.low, high=e.chosen.high, p=e.p_value,
                    )
                )  # fmt: skip
    return pd.DataFrame(rows)


def _short(e: Effect) -> str:
    """Name the correction in few words: ``holm of 2``."""
    if e.correction:
        return (
            e.correction.replace("benjamini-hochberg, ", "BH of ")
            .replace("holm, ", "Holm of ")
            .removesuffix(" tests")
        )
    return guard(e).replace("its margin of ", "")


def guard(e: Effect) -> str:
    """Say how a guardrail came out."""
    if e.margin is None:
        return "not corrected"
    margin = percent(e.metric.margin or 0.0, 0)
    if e.margin.low > 0:
        return f"within its margin of {margin}"
    return f"beyond its margin of {margin}" if e.margin.high < 0 else f"not shown to be within {margin}"


def money_rows(s: Study, arm: str) -> pd.DataFrame:
    """Return the contribution during, after and in all for `figures.intervals`."""
    m = s.money[arm]
    parts = [
        ("during the test", m.during),
        (f"in the {s.design.post_days} days after", m.post),
        ("together", m.net),
    ]
    if m.post is None:
        parts = [("during the test", m.net)]
    rows = [dict(label=t, value=e.value, low=e.low, high=e.high) for t, e in parts if e is not None]
    return pd.DataFrame(rows)


def category_rows(s: Study, arm: str) -> pd.DataFrame:
    """Return the change of revenue by category for `figures.intervals`; promoted categories stand out."""
    f = s.cannibalised[arm]
    colours = [house.ORANGE if p else house.BLUE for p in f["promoted"]]
    labels = [f"{c} (promoted)" if p else c for c, p in zip(f["category"], f["promoted"], strict=True)]
    return f.assign(label=labels, colour=colours).rename(columns={"change": "value"})


def segment_rows(s: Study, arm: str) -> pd.DataFrame:
    """Return the effect by level of each segment for `figures.intervals`."""
    parts = [
        seg.levels.assign(label=[f"{seg.name.replace('_', ' ')}: {v}" for v in seg.levels["level"]])
        for seg in s.segments.get(arm, [])
    ]
    return (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame(columns=["label", "value", "low", "high"])
    )


def decision_rows(studies: list[Study]) -> pd.DataFrame:
    """Return the goal's lift of every arm of every experiment for `figures.intervals`, coloured by decision."""
    rows = []
    for s in studies:
        for e in s.effects:
            if e.metric is s.design.goal and e.lift is not None and e.lift.kind == "bounded":
                mine = s.decision.arm in ("", e.arm)
                name = _test(s, e.arm)
                colour = figures.COLOURS[s.decision.decision] if mine else house.GREY
                label = f"{name.replace('_', ' ')} ({e.metric.metric.replace('_', ' ')})"
                rows.append(
                    dict(label=label, value=e.lift.value, low=e.lift.low, high=e.lift.high, colour=colour)
                )
    return pd.DataFrame(rows, columns=["label", "value", "low", "high", "colour"])


def decision_table(studies: list[Study]) -> pd.DataFrame:
    """Return the decisions with what they rest on; why, the memos say."""
    rows = []
    for s in studies:
        row = memo.as_row(s.decision)
        units = sum(m.n for m in s.cells.arms.values())
        worth = row["value"] * units if s.money and row["value"] is not None else None
        decision = f"{row['decision']}: {row['segment']}" if row["segment"] else row["decision"]
        decision += ", meanwhile to all" if s.decision.meanwhile else ""
        rows.append(
            dict(
                experiment=s.design.id, decision=decision, arm=row["arm"] or None, value=row["value"], low=row["low"],
                high=row["high"], unit=unit(s), units=units, worth=worth,
            )
        )  # fmt: skip
    return pd.DataFrame(rows)


def memos(studies: list[Study]) -> str:
    """Return the memos as text: a paragraph an experiment."""
    parts = []
    for s in studies:
        m = s.decision
        about = f" *{inert(m.arm)}*" if m.arm else ""
        where = f", aimed at {inert(m.segment)}" if m.segment else ""
        reasons = inert("; ".join(text.rstrip(".") for _, text in m.reasons))
        parts.append(
            f"- **{s.design.name}: {m.decision}**{about}{where}. {reasons[:1].upper()}{reasons[1:]}."
        )
    return "\n".join(parts)


def event_table(found: list[event.Brought]) -> pd.DataFrame:
    """Return what every event brought on its days, and in the days after."""
    rows = []
    for b in found:
        row = dict(event=b.event.name, metric=b.metric, during=b.during[0], low=b.during[1], high=b.during[2])
        row |= dict(before_after=b.before_after, after=b.post[0], after_low=b.post[1], after_high=b.post[2])
        rows.append(row)
    return pd.DataFrame(rows)


def quiet_rows(found: list[event.Brought], quiet: list[event.Brought], metric: str) -> pd.DataFrame:
    """Return, for `figures.intervals`, relative effects of events and of quiet dates with the interval of the model."""
    rows = []
    for b in [*found, *quiet]:
        if b.metric == metric:
            at = b.days["date"] < b.event.end
            base = float(b.days.loc[at, "foreseen"].sum())
            colour = house.BLUE if b in found else house.GREY
            rows.append(
                dict(
                    label=b.event.name,
                    value=b.during[0] / base,
                    low=b.during[1] / base,
                    high=b.during[2] / base,
                    colour=colour,
                )
            )
    return pd.DataFrame(rows)


def next_table(studies: list[Study]) -> pd.DataFrame:
    """Return the smallest effects and sizes for every experiment."""
    plans = {s.design.id: s.next[s.best] for s in studies if s.best in s.next}
    return pd.DataFrame(looks.as_rows(plans))


def lengths(studies: list[Study], most: int = 5) -> dict[str, pd.DataFrame]:
    """Return curves of the smallest effect by length for the first experiments whose days are known."""
    out: dict[str, pd.DataFrame] = {}
    for s in studies:
        r = s.replays.get(s.best) if not s.broken else None
        if r is not None and len(out) < most and s.design.unit == "customer":
            out[f"{s.design.id.replace('_', ' ')} ({r.metric})"] = looks.relative_error(r)
    return out


def arm_rows(s: Study) -> pd.DataFrame:
    """Return the net contribution of every arm for `figures.intervals`, the arm of the decision in its colour."""
    rows = []
    for arm, m in s.money.items():
        colour = figures.COLOURS[s.decision.decision] if arm == s.decision.arm else house.BLUE
        rows.append(dict(label=arm, value=m.net.value, low=m.net.low, high=m.net.high, colour=colour))
    return pd.DataFrame(rows)


def views_table(s: Study) -> pd.DataFrame:
    """Return the other views of the arm of the decision; ``why`` only where one cannot be had."""
    out = pd.DataFrame(s.views[s.best]).replace({"": None})
    return out.drop(columns="why") if out["why"].isna().all() else out
