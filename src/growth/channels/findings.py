"""The sentences of ``05_channels``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from growth.channels import calibrate
from growth.channels.budget import Plan
from growth.channels.calibrate import Table
from growth.channels.creators import Scores
from growth.channels.geo import Synthetic
from growth.channels.model import BY_ORDER, DIRECT, MARKOV, TOTAL, Claims, Tested
from growth.channels.referral import Rate, Referral
from growth.channels.response import Response
from growth.stats.contrast import Estimate
from growth.words import count, figures, minus, percent, plural

if TYPE_CHECKING:
    from growth.report.notebook import Notebook

SHOWN = ["first", "last", "linear", MARKOV, TOTAL]
CLAIMED = ["channel", "source", "orders", "low", "high", *SHOWN]
CREATOR = ["name", "campaigns", "estimate", "error", "expected", "low", "high", "cost", "covers"]
SHARES = {c: "{:.1%}" for c in ("share", "low", "high", "value_share", "value_low", "value_high")}
CLAIMS = {
    c: "{:,.0f}" for c in ("orders", "low", "high", *BY_ORDER, MARKOV, TOTAL, "Shapley, rates", "time decay")
}
ONE = {
    c: "{:,.0f}"
    for c in (
        "credit",
        "orders",
        "orders_low",
        "orders_high",
        "revenue",
        "spend",
        "customers",
        "cac",
        "value",
    )
}
ONE |= {c: "{:.1f}" for c in ("over_claim", "roas", "payback")}
ONE_COLUMNS = [
    "channel",
    "source",
    "credit",
    "orders",
    "orders_low",
    "orders_high",
    "spend",
    "roas",
    "cac",
    "value",
]
CREATORS = {c: "{:,.0f}" for c in ("estimate", "error", "expected", "low", "high", "cost", "worth")}
CREATORS |= dict(covers="{:.0%}")
BUDGETED = ["channel", "today", "spend", "change", "earns", "leaves_observed"]
BUDGET = {c: "{:,.0f}" for c in ("today", "spend", "change")} | dict(earns="{:+.2f}")


def span(e: Estimate | Rate) -> str:
    """Return an interval of counts as words."""
    return minus(f"{count(e.low)} to {count(e.high)}")


def left_out(nb: Notebook, rows: pd.DataFrame) -> None:
    """Record what became of every touch and order."""
    by = rows.set_index(["what", "reason"])["rows"]
    touches, orders = (int(by[w].sum()) for w in ("touches", "orders"))
    steps, on_path = int(by["touches", "a step of a path"]), int(by["orders", "on a path"])
    nb.finding(
        "E6.paths",
        f"Of {count(touches)} touches {count(steps)} are steps of a path, and {count(on_path)} of "
        f"{count(orders)} orders "
        f"({percent(on_path / orders, 0)}) have a path; the others are direct.",
        on_path,
        "orders",
        n=touches,
        method=f"{nb.words.click_days:g} days of clicks and {nb.words.view_hours:g} hours of things shown before "
        "an order, one person across devices; a census",
        series={"touches": touches, "orders": orders},
    )


def claimed(nb: Notebook, found: Claims, headline: bool) -> None:
    """Record what the rules give."""
    last, linear = found.shares("last"), found.shares("linear")
    names = [c for c in linear if c != DIRECT]
    top = max(names, key=lambda c: last.get(c, 0.0))
    own = found.table[(found.table["rule"] == "last") & (found.table["channel"] == top)].iloc[0]
    apart = max(abs(last.get(c, 0.0) - linear[c]) for c in names)
    nb.finding(
        "E1.rules",
        f"By last click {top} brings most orders ({percent(own['share'])}, {nb.level} {percent(own['low'])} to "
        f"{percent(own['high'])}); between last click and an even split a channel's share differs by up to "
        f"{minus(f'{100 * apart:.1f}')} points.",
        float(own["share"]),
        "share of orders",
        low=float(own["low"]),
        high=float(own["high"]),
        n=int(found.orders),
        method="paths of orders; people resampled in groups",
        caveats="Sampling only: whether a channel caused anything is not in it. No rule knows.",
        headline=headline,
        series={"chain_order": found.order},
    )


def tests_table(done: Sequence[Tested]) -> pd.DataFrame:
    """Return tests beside claims: ``channel, source, orders, low, high`` and a column a rule."""
    rows = [
        dict(channel=t.channel, source=t.source, orders=t.orders.value, low=t.orders.low, high=t.orders.high)
        | dict(t.claimed)
        for t in done
    ]
    return pd.DataFrame(rows)


def over_claimed(nb: Notebook, done: Sequence[Tested], rule: str) -> None:
    """Record how far rules over-claim, all tested channels together, and each test."""
    own = [t for t in done if t.claimed]
    whole = calibrate.together([t.orders for t in own], confidence=nb.params.confidence)
    sums = {r: sum(t.claimed.get(r, 0.0) for t in own) for r in own[0].claimed}
    ratio = calibrate.per(sums[rule], whole)
    ends = (
        f"{figures(ratio.low, 2)} to {figures(ratio.high, 2)}" if ratio.kind == "bounded"
        else f"at least {figures(ratio.high, 2)}"
    )  # fmt: skip
    nb.finding(
        "E2.over_claim",
        f"For {plural(len(own), 'tested channel')} {rule} claims {count(sums[rule])} orders where the tests find "
        f"{minus(count(whole.value))} ({nb.level} {span(whole)}): it over-claims "
        f"{minus(figures(ratio.value, 2))} times "
        f"({ends}).",
        whole.value,
        "orders",
        low=whole.low,
        high=whole.high,
        n=len(own),
        method="randomised tests: customers or regions held out; claims on the same orders; tests' errors independent",
        caveats="Each channel off alone, the others as they ran.",
        headline=True,
        series={f"claims_{''.join(c if c.isalnum() else '_' for c in r)}": v for r, v in sums.items()},
    )
    for t in own:
        nb.finding(
            f"E2.test_{t.channel}",
            f"{t.channel} ({t.source}): {minus(count(t.orders.value))} orders ({nb.level} {span(t.orders)}); "
            f"{rule} claims "
            f"{count(t.claimed.get(rule, 0.0))}.",
            t.orders.value,
            "orders",
            low=t.orders.low,
            high=t.orders.high,
            n=t.units,
            method="intention to treat, adjusted by the time before" if t.source == "user test"
            else "growth of regions shown against regions held out",
            detail=True,
        )  # fmt: skip


def quarter(nb: Notebook, found: Table) -> None:
    """Record what all paid channels brought in the last quarter."""
    if found.total is None:
        nb.nothing(f"All paid channels together: {found.said}")
        return
    spend = float(found.rows["spend"].sum())
    nb.finding(
        "E7.paid",
        f"In the last quarter all paid channels together brought {minus(count(found.total.value))} orders ({nb.level} "
        f"{span(found.total)}) for {nb.data.currency} {count(spend)}; each order credited to a paid channel was worth "
        f"{figures(found.per_credit, 2)} that would not have come.",
        found.total.value,
        "orders",
        low=found.total.low,
        high=found.total.high,
        n=len(found.rows),
        method="what each test found for an order credited, times orders credited in the quarter; the rest allocated",
        caveats="Rates of the tests are taken to hold a year later. " + found.said,
        series={"spend": spend},
    )
    sure = found.rows[found.rows["roas_low"] * nb.params.margin > 1]
    nothing = found.rows[(found.rows["orders_low"] < 0) & (found.rows["orders_high"] > 0)]
    nb.finding(
        "E7.channels",
        f"Surely earning their money back: {', '.join(sure['channel']) or 'none'}; not told from nothing: "
        f"{', '.join(nothing['channel']) or 'none'}.",
        len(sure),
        "channels",
        n=len(found.rows),
        method="margin of incremental revenue over spend, its interval above 1",
    )


def scored(nb: Notebook, found: Scores, names: dict[str, str]) -> pd.DataFrame:
    """Record which creators are worth their cost; return the table with names."""
    table = found.table.assign(name=[names.get(c, c) for c in found.table["creator"]])
    sure = table[table["covers"] >= 0.8]
    best = table.iloc[0]
    nb.finding(
        "E4.creators",
        f"{plural(len(sure), 'creator')} of {len(table)} {'covers' if len(sure) == 1 else 'cover'} the cost "
        f"with at least "
        f"80 % probability; {best['name']} comes first: {nb.data.currency} {minus(count(best['expected']))} a campaign "
        f"({nb.level} {minus(count(best['low']))} to {minus(count(best['high']))}) for {count(best['cost'])}.",
        float(best["expected"]),
        nb.data.currency,
        low=float(best["low"]),
        high=float(best["high"]),
        n=int((table["campaigns"] > 0).sum()),
        method="tests by campaign, drawn towards what audiences are like (meta-regression)",
        caveats="As large as when they were tested; creators without a test are judged by likeness alone, and widely.",
        series={"sure": len(sure)},
    )
    return table


def invited(nb: Notebook, found: Referral, share: Rate) -> None:
    """Record the K-factor."""
    nb.finding(
        "E5.k_factor",
        f"A customer brings {figures(found.k.value, 3)} others within {found.horizon:.0f} days ({nb.level} "
        f"{figures(found.k.low, 3)} to {figures(found.k.high, 3)}): {figures(found.invites.value, 3)} "
        f"invitations, of which "
        f"{percent(found.share.value)} are taken up; half of those who come have come after "
        f"{count(found.generation.value)} days.",
        found.k.value,
        "customers a customer",
        low=found.k.low,
        high=found.k.high,
        n=found.customers,
        method="mean cumulative function, customers watched for less count as long as they were; errors by month",
        caveats="Who was invited may have come anyway: this is who came by invitation, not because of it. Where a "
        "shop's first customers bring more than later ones, K of those to come is lower than this mean.",
        series={
            "generation": found.generation.value,
            "share_joined": found.share.value,
        },
    )
    nb.finding(
        "E5.share",
        f"{percent(share.value)} of customers joined by invitation ({nb.level} {percent(share.low)} to "
        f"{percent(share.high)}).",
        share.value,
        "share",
        low=share.low,
        high=share.high,
        n=found.customers,
        method="Wilson interval",
    )


def budgeted(nb: Notebook, plan: Plan, scale: float) -> pd.DataFrame:
    """Record the budget; return its table in money a quarter."""
    table = plan.table.assign(**{c: plan.table[c] * scale for c in ("today", "spend", "change")})
    moved = table[table["change"].abs() > 0.01 * table["today"].abs()]
    gain, low, high = (v * scale for v in (plan.gain, plan.gain_low, plan.gain_high))
    words = (
        "; ".join(f"{r.channel} {minus(f'{r.change:+,.0f}')}" for r in moved.itertuples())
        or "no channel moves"
    )
    outside = list(table.loc[table["leaves_observed"], "channel"])
    total = table["change"].sum()
    in_all = f"{minus(f'{total:+,.0f}')} in all" if abs(total) >= 1 else "the total stays"
    nb.finding(
        "E3.budget",
        f"The next quarter {'should' if low > 0 else 'might'} move {nb.data.currency}: {words}; {in_all}. "
        f"That is expected to leave {minus(count(gain))} more ({nb.level} {minus(count(low))} to {minus(count(high))}; "
        f"gains with probability {plan.chance:.2f}{'' if low > 0 else ': not told from nothing'})"
        + (f"; {', '.join(outside)} would leave what was ever spent." if outside else "."),
        gain,
        f"{nb.data.currency} a quarter",
        low=low,
        high=high,
        n=len(table),
        method="highest expected profit within bounds and today's total, over draws of curves calibrated to tests",
        caveats="Steady spend; a region answers to its own spend alone. How a channel tested on customers saturates is "
        "assumed, and creators are left to their own table.",
        series={"chance": plan.chance},
    )
    return table


def responded(nb: Notebook, found: Response, headline: bool) -> None:
    """Record what channels with known spend brought over all periods."""
    rows = found.shares
    parts = zip(rows["channel"], *(rows[c].astype(float) for c in ("share", "low", "high")), strict=True)
    each = "; ".join(
        f"{name} {percent(share)} ({percent(low)} to {percent(high)})" for name, share, low, high in parts
    )
    best = rows.sort_values("share").iloc[-1]
    nb.finding(
        "E3.response",
        f"Share of the outcome that spend brought: {each} ({nb.level}).",
        float(best["share"]),
        "share",
        low=float(best["low"]),
        high=float(best["high"]),
        n=len(found.contributions),
        method="carry-over and logistic saturation by variable projection",
        caveats=found.said[:1].upper() + found.said[1:] + ".",
        headline=headline,
    )


def given_geo(nb: Notebook, found: Synthetic, headline: bool) -> None:
    """Record a test of a few regions against a synthetic one."""
    nb.finding(
        "E2.geo",
        f"{' and '.join(found.tested)} gained {minus(f'{found.att:,.1f}')} a day and region ({nb.level} "
        f"{minus(f'{found.low:,.1f}')} to {minus(f'{found.high:,.1f}')}), {percent(found.lift)} more than the "
        f"synthetic "
        f"region, {minus(count(found.incremental))} in all; p = {found.p_any_order:.3f} against all orders of time, "
        f"{found.p_value:.3f} against shifts.",
        found.att,
        "outcome a region and day",
        low=found.low,
        high=found.high,
        n=found.before + found.during,
        method="demeaned simplex synthetic control; conformal p; interval by inverting the test of the mean",
        caveats="The p values ask whether anything happened, the interval how much on average: they need not agree.",
        headline=headline,
        series={"l2": found.imbalance, "incremental": found.incremental, "ridge": found.ridge_att},
    )


def finite(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with infinite ends as missing, for showing."""
    return table.replace([np.inf, -np.inf], np.nan)
