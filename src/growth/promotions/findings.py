"""The sentences that ``03_promotions`` records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from growth.promotions import event, looks, memo, model
from growth.promotions.design import Metric
from growth.promotions.effect import Effect
from growth.promotions.model import Study
from growth.promotions.money import Money
from growth.promotions.phrases import WAYS, amount, begun, of_money, of_ratio, question, slug, unit
from growth.promotions.tables import guard
from growth.promotions.validity import OK, STOP
from growth.stats.contrast import Ratio
from growth.words import count, percent, plural
from growth.words import figures as digits

if TYPE_CHECKING:
    from growth.report.notebook import Notebook


def shelf(nb: Notebook) -> model.Shelf:
    """Return the notebook's marts as the model reads them."""
    return model.Shelf(nb.mart, lambda name: nb.has(name))


def read(nb: Notebook) -> list[Study]:
    """Work through all experiments; refuse what cannot be read, each in its sentence."""
    found, wrong = model.experiments(shelf(nb), nb.as_of, nb.data.currency, nb.params)
    for why in wrong.values():
        nb.note(why)
    if not found:
        why = "; ".join(wrong.values()) or "the table experiments is empty"
        nb.refuse("C1.decisions", "Whether promotions worked", why.rstrip("."))
    return found


def shown(nb: Notebook, studies: list[Study]) -> Study | None:
    """Return the experiment to show in depth: the one that the parameters name, else the one with most at stake."""
    if not nb.params.experiment:
        return model.most_at_stake(studies)
    named = [s for s in studies if s.design.id == nb.params.experiment]
    if not named:
        known = ", ".join(s.design.id for s in studies)
        nb.note(
            f"promotions.experiment is {nb.params.experiment}, which is not among {known}: another is shown."
        )
        return model.most_at_stake(studies)
    return named[0]


def valid(nb: Notebook, studies: list[Study]) -> None:
    """Record how many tests are sound."""
    broken = [s for s in studies if s.broken]
    why = "; ".join(
        f"{s.design.id} ({', '.join(c.name for c in s.checks if c.verdict == STOP)})" for s in broken
    )
    nb.finding(
        "C2.valid",
        f"{len(studies) - len(broken)} of {plural(len(studies), 'test')} can be believed"
        + (f"; no decision rests on {why}." if broken else "."),
        len(studies) - len(broken),
        "tests",
        n=len(studies),
        method="a census of the checks; each is listed with its consequence",
        caveats="A check finds what it looks for: a fault that leaves shares and histories alone is not seen.",
        series={f"{s.design.id}_warnings": sum(c.verdict != OK for c in s.checks) for s in studies},
    )


def effects(nb: Notebook, s: Study) -> None:
    """Record the effects of the experiment shown in depth; the goal's sentence first."""
    for e in s.effects:
        name = (
            e.metric.metric
            if e.metric.window in ("during", "total")
            else f"{e.metric.metric}_{e.metric.window}"
        )
        if e.metric.denominator:
            name += f"_per_{e.metric.denominator}"
        series = dict(
            control=e.control, treated=e.treated, error=e.plain.error, p_value=e.p_value, plain=e.plain.value,
            plain_low=e.plain.low, plain_high=e.plain.high, plain_p=e.plain.p_value,
        )  # fmt: skip
        if e.lift is not None and e.lift.kind == "bounded":
            series |= dict(lift=e.lift.value, lift_low=e.lift.low, lift_high=e.lift.high)
        if e.reduction is not None:
            series["variance_removed"] = e.reduction
        nb.finding(
            f"{question(s.design)}.{slug(s.design.id, e.arm, name)}",
            _effect_sentence(nb, s, e),
            **_estimated(s, e),
            caveats=_gain_note(e),
            detail=e.metric.role != "goal",
            series=series,
        )


def _effect_sentence(nb: Notebook, s: Study, e: Effect) -> str:
    money = e.metric.metric in ("contribution", "revenue", nb.params.revenue_metric)

    def show(v: float) -> str:
        return amount(v, nb.data.currency) if money else digits(v)

    sure = "" if e.p_value < s.design.alpha else " (no more than chance may give)"
    if e.metric.role == "guardrail":
        sure = f": {guard(e)}"
    return (
        f"{begun(e.arm)} moves {e.metric.label}, from {show(e.control)} to "
        f"{show(e.control + e.chosen.value)} a {unit(s)}: {of_ratio(e.lift)}{sure}."
    )


def _estimated(s: Study, e: Effect) -> dict[str, Any]:
    """Return what every finding of an effect holds: the estimate, its unit and interval, and how it was made."""
    return dict(
        value=e.chosen.value,
        unit=f"{e.metric.label} a {unit(s)}",
        low=e.chosen.low,
        high=e.chosen.high,
        n=s.cells.arms[s.design.control.name].n + s.cells.arms[e.arm].n,
        method=_method(s, e),
    )


def _method(s: Study, e: Effect) -> str:
    way = f"adjusted by what was known {e.adjustment}" if e.adjustment else "difference of means"
    if e.metric.denominator:
        way = "ratio of sums, delta method"
    interval = f"{100 * s.design.confidence:g} % interval {WAYS[s.design.way]}"
    corrected = f"; p-value: {e.correction}" if e.correction else ""
    return f"{way}, Welch; lift by Fieller; {interval}{corrected}"


def _gain_note(e: Effect) -> str:
    if e.reduction is None:
        return ""
    if e.adjustment:
        return f"Adjustment takes away {percent(e.reduction)} of the variance."
    return f"Adjustment would take away {percent(max(e.reduction, 0.0))} of the variance: no gain, so it is not used."


def money(nb: Notebook, s: Study) -> None:
    """Record what the arm shown in depth earns, who would have bought anyway, and what was pulled forward."""
    m, who = s.money[s.best], unit(s)
    currency = nb.data.currency
    audience = m.net.value * m.units
    nb.finding(
        f"C3.{slug(s.design.id)}_net",
        f"{begun(s.best)} leaves {of_money(m.net, currency)} more a {who} than without it, everything counted"
        + (", the days after too" if m.post is not None else "")
        + f": for the {count(m.units)} {who}s of the test {amount(audience, currency)}.",
        m.net.value,
        f"{currency} a {who}",
        low=m.net.low,
        high=m.net.high,
        n=m.units,
        method="contribution of both arms compared"
        + (", adjusted by what was known before" if m.adjusted else "")
        + ("; the interval of during and after is joint" if m.post is not None else ""),
        caveats=_contribution_note(s),
        series=_money_series(m),
    )
    if m.per_cost is not None:
        nb.finding(
            f"C3.{slug(s.design.id)}_per_cost",
            f"Each {currency} spent on it ({amount(m.cost, currency)} a {who}) brings "
            f"{of_ratio(m.per_cost, False)} on top of itself; "
            f"it could have cost {amount(m.break_even or 0.0, currency)} a {who} before it lost money.",
            m.per_cost.value,
            f"{currency} a {currency}",
            n=m.units,
            method="ratio of the differences of contribution and of cost, Fieller, covariance within the arms",
            **_ends(m.per_cost),
        )
    if m.anyway is not None:
        nb.finding(
            f"C3.{slug(s.design.id)}_anyway",
            f"{of_ratio(m.anyway).replace('+', '')} of redemptions went to orders that would have come anyway.",
            m.anyway.value,
            "share",
            n=m.units,
            method="1 − additional orders / redemptions, Fieller",
            **_ends(
                m.anyway,
                "Orders brought without being redeemed count as additional: the share can be below 0.",
            ),
        )
    if m.pulled is not None and m.post is not None:
        nb.finding(
            f"C3.{slug(s.design.id)}_pulled",
            f"Of the orders won during the test {of_ratio(m.pulled).replace('+', '')} are missing in the "
            f"{s.design.post_days} days after.",
            m.pulled.value,
            "share",
            n=m.units,
            method="− change after / change during, Fieller",
            **_ends(m.pulled),
        )


def _ends(r: Ratio, note: str = "") -> dict[str, Any]:
    """Return the ends of a bounded interval; of another, a caveat instead."""
    if r.kind == "bounded":
        return dict(low=r.low, high=r.high, caveats=note)
    return dict(
        caveats=f"{note} The interval is unbounded: the ratio's bottom is not surely different from 0.".strip()
    )


def _money_series(m: Money) -> dict[str, float]:
    out = dict(during=m.during.value, during_low=m.during.low, during_high=m.during.high, cost=m.cost)
    if m.post is not None:
        out |= dict(post=m.post.value, post_low=m.post.low, post_high=m.post.high)
    return out | ({"break_even_cost": m.break_even} if m.break_even is not None else {})


def _contribution_note(s: Study) -> str:
    if "during_orders" not in s.cells.names:
        return (
            "Contribution is the margin in the parameters, an assumption, times revenue, less the arm's cost."
        )
    if not s.design.goods_known:
        return "What goods cost is not known: the margin in the parameters takes its place."
    return (
        "Amounts less goods, discounts, refunds, fulfilment, fees and messages, of paid orders; goods that come back "
        "are written off."
    )


def cannibalised(nb: Notebook, s: Study) -> None:
    """Record how much of what promoted categories won was lost by others."""
    f = s.cannibalised[s.best]
    total = float(f["change"].sum())
    promoted = float(f.loc[f["promoted"], "change"].sum())
    if not f["promoted"].any():
        return
    rest = total - promoted
    nb.finding(
        f"C3.{slug(s.design.id)}_categories",
        f"Promoted categories changed by {amount(promoted, nb.data.currency)} of revenue a {unit(s)}, all others by "
        f"{amount(rest, nb.data.currency)}: together {amount(total, nb.data.currency)}.",
        promoted,
        f"{nb.data.currency} a {unit(s)}",
        n=sum(m.n for m in s.cells.arms.values()),
        method="differences by category, which add up exactly; intervals in the table",
        series={
            slug(str(c)) if str(c).isascii() else f"category_{i}": float(v)
            for i, (c, v) in enumerate(zip(f["category"], f["change"], strict=True))
        },
    )


def for_whom(nb: Notebook, s: Study) -> None:
    """Record whether the effect differs by segment, and whether aiming pays."""
    segs, aim = s.segments.get(s.best, []), s.targeting.get(s.best)
    if segs:
        least = min(segs, key=lambda x: x.p_value)
        differs = least.p_value < s.design.alpha
        nb.finding(
            f"C4.{slug(s.design.id)}_differs",
            f"The effect {'differs' if differs else 'is not seen to differ'} by "
            f"{', '.join(x.name.replace('_', ' ') for x in segs)}: the least p-value is {least.p_value:.2g} "
            f"({least.name.replace('_', ' ')}), corrected for looking at {len(segs)}.",
            least.p_value,
            "p-value",
            n=sum(m.n for m in s.cells.arms.values()),
            method="Cochran's Q by segment, Holm over segments; levels as of the assignment",
        )
    if aim is None:
        return
    currency, who = nb.data.currency, unit(s)
    learnt = f"learnt on one half of the {who}s and valued on the other"
    if aim.against_best.error == 0:
        text = f"No targeting: {learnt}, leaving anybody out never looked better than giving it to all or to none."
    else:
        start = "Targeting pays" if aim.pays else "No targeting"
        text = f"{start}: {learnt}, aiming earns {of_money(aim.against_best, currency)} a {who} against the better of "
        text += "all and none."
    if aim.segment:
        text += f" All data together would aim at {aim.segment.replace('_', ' ')} {', '.join(aim.chosen)}."
    nb.finding(
        f"C4.{slug(s.design.id)}_targeting",
        text,
        aim.against_best.value,
        f"{currency} a {who}",
        low=aim.against_best.low,
        high=aim.against_best.high,
        n=sum(m.n for m in s.cells.arms.values()),
        method="rule learnt on a half, valued on the other, both ways",
        series=dict(policy=aim.policy.value, everybody=aim.everybody.value),
    )


def decisions(nb: Notebook, studies: list[Study]) -> None:
    """Record what to do with every experiment: the headline."""
    shipped = [s for s in studies if s.decision.decision in (memo.SHIP, memo.SEGMENT)]
    sentence = _one_decision(nb, studies[0]) if len(studies) == 1 else _many_decisions(nb, studies, shipped)
    nb.finding(
        "C1.decisions",
        sentence,
        len(shipped),
        "tests to ship",
        n=len(studies),
        method="rules of the decision memo (docs/methods.md); each rests on an interval in its table",
        headline=True,
        series={s.design.id: 1 if s in shipped else 0 for s in studies},
    )


def _one_decision(nb: Notebook, s: Study) -> str:
    m = s.decision
    if m.value is None:
        return f"{s.design.name}: {m.decision}, because of {m.reasons[0][1].rstrip('.')}."
    money = bool(s.money)
    said = (
        of_money(m.value, nb.data.currency)
        if money
        else f"{m.value.value:+.4f} ({m.value.low:+.4f} to {m.value.high:+.4f})"
    )
    what = f"more a {unit(s)}" if money else m.unit
    verb = {
        memo.SHIP: "Ship",
        memo.SEGMENT: "Ship to a segment:",
        memo.END: "Stop",
        memo.LONGER: "Run longer:",
    }[m.decision]
    return f"{verb} {m.arm}: it leaves {said} {what}." if money else f"{verb} {m.arm}: {said} {what}."


def _many_decisions(nb: Notebook, studies: list[Study], shipped: list[Study]) -> str:
    parts = [f"{len(shipped)} of {len(studies)} tests can be shipped"]
    names = ((memo.END, "to stop"), (memo.LONGER, "to run longer"), (memo.NONE, "without a decision"))
    for decision, text in names:
        some = sum(s.decision.decision == decision for s in studies)
        parts += [f"{some} {text}"] if some else []
    priced = [s for s in shipped if s.money and s.decision.value]
    if not priced:
        return f"{', '.join(parts)}."
    best = max(priced, key=lambda s: (any(m.anyway is not None for m in s.money.values()), _worth(s)))
    value = best.decision.value
    assert value is not None
    said = f"{best.decision.arm} leaves {of_money(value, nb.data.currency)} more a {unit(best)}"
    return f"{', '.join(parts)}: {said}."


def _worth(s: Study) -> float:
    return s.decision.value.value * sum(m.n for m in s.cells.arms.values()) if s.decision.value else 0.0


def of_kind(nb: Notebook, studies: list[Study], shown_id: str) -> None:
    """Record the goal's effect, arm by arm, of the experiments that are not shown in depth."""
    for s in studies:
        if s.design.id == shown_id or s.broken:
            continue
        for e in s.effects:
            if e.metric is not s.design.goal:
                continue
            nb.finding(
                f"{question(s.design)}.{slug(s.design.id, e.arm)}",
                f"{s.design.name}: {_effect_sentence(nb, s, e)}",
                **_estimated(s, e),
                caveats="; ".join(c.name for c in s.checks if c.verdict != OK),
                detail=True,
                series=dict(plain=e.plain.value, plain_error=e.plain.error, p_value=e.p_value),
            )


def events(nb: Notebook) -> tuple[list[event.Brought], list[event.Brought], dict[str, str]]:
    """Return what events brought of orders, revenue and contribution, and what was found at quiet dates."""
    trade = event.complete(nb.mart("trade"))
    found: list[event.Brought] = []
    quiet: list[event.Brought] = []
    refused: dict[str, str] = {}
    for metric in event.METRICS:
        some, calm, why = event.all_events(
            trade, event.spans(nb.mart("events")), nb.as_of, metric, nb.params.placebos, nb.params.confidence
        )
        found, quiet, refused = [*found, *some], [*quiet, *calm], refused | why
    return found, quiet, refused


def event_findings(nb: Notebook, found: list[event.Brought], quiet: list[event.Brought]) -> None:
    """Record the latest two events and how wrong the forecast is at quiet dates."""
    currency = nb.data.currency
    latest = sorted({b.event.begin for b in found})[-2:]
    for b in found:
        if b.event.begin not in latest or b.metric == "revenue":
            continue
        what = "orders" if b.metric == "orders" else "contribution"
        said = [count(v) if what == "orders" else amount(v, currency) for v in (*b.during, b.before_after)]
        nb.finding(
            f"C5.{slug('event', b.event.name, b.metric)}",
            f"{b.event.name}: {said[0]} more {what} on its days than foreseen without it ({nb.level} {said[1]} to "
            f"{said[2]}); comparing with the days before would say {said[3]}.",
            b.during[0],
            "orders" if b.metric == "orders" else currency,
            low=b.during[1],
            high=b.during[2],
            n=len(b.days),
            method="structural time series of the days before, widened by what is found at quiet dates",
            caveats="Not randomised: whatever else happened on these days counts as the event.",
            series=dict(post=b.post[0], post_low=b.post[1], post_high=b.post[2], before_after=b.before_after),
        )
    calm = [q for q in quiet if q.metric == "contribution"]
    if calm:
        out = event.outside(calm, nb.params.confidence)
        nb.finding(
            "C5.quiet_dates",
            f"At {len(calm)} quiet dates, where nothing happened, the forecast of contribution finds an effect "
            f"{plural(out, 'time')}; intervals are widened by {event.placebo_factor(calm):.2f} for it.",
            event.placebo_factor(calm),
            "factor",
            n=len(calm),
            method="root mean square of error over stated error at quiet dates, at least 1",
        )


def next_tests(nb: Notebook, studies: list[Study], s: Study) -> None:
    """Record what the next test of this kind can find."""
    plan = s.next.get(s.best)
    if plan is None:
        return
    metric: Metric = s.design.goal
    nb.finding(
        f"C6.{slug(s.design.id)}",
        f"A test like {s.design.id} finds a change of {metric.label} of {percent(plan.smallest)} or more with "
        f"{percent(s.design.power, 0)} power; to find 10 % it needs {count(plan.units_for[0.10])} {unit(s)}s.",
        plan.smallest,
        "share",
        n=s.cells.arms[s.design.control.name].n + s.cells.arms[s.best].n,
        method="from the standard error that the analysis itself uses; no interval: a plan, not an estimate",
        series={f"units_for_{round(100 * w)}_percent": n for w, n in plan.units_for.items()},
    )


def replayed(s: Study) -> str:
    """Say when each way of looking would have stopped the test."""
    r = s.replays[s.best]
    naive = f"have called it on {r.first_naive}" if r.first_naive else "never have called it"
    own = f"allows to stop on {r.first_crossed}" if r.first_crossed else "never allows to stop early"
    wrong = percent(looks.expected_looks_wrong(min(len(r.days), 60)), 0)
    return (
        f"Looking every day at 95 % would {naive}; the design {own}. Who looks every day at 95 % finds, in {wrong} of "
        "tests of nothing, an effect that is not there. Plain differences, not adjusted."
    )
