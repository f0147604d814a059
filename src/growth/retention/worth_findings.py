"""The sentences of ``06_retention`` on purchase models, lifetime value and care."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from growth.errors import attempt
from growth.retention import worth
from growth.retention.worth import Fitted, Held
from growth.words import count, figures, percent, plural

if TYPE_CHECKING:
    from growth.report.notebook import Notebook
    from growth.stats.spend import LifetimeValue, SpendModel


def held(nb: Notebook, found: dict[str, Held]) -> str:
    """Record how the models forecast what was held out; return the one that fitted the time before best."""
    best = max(found, key=lambda k: found[k].model.fit.log_likelihood)
    for kind, h in found.items():
        nb.finding(
            "F5.held_out" if kind == best else f"F5.held_out_{kind.split('/')[0].lower()}",
            f"Of {count(h.actual)} purchase days in the last {plural(h.days, 'day')} the model fitted to the time "
            f"before ({kind}) foresaw {count(h.expected)}: {100 * h.bias:+.1f} % ({nb.level} {100 * h.low:+.1f} to "
            f"{100 * h.high:+.1f} %). Customer by customer the two correlate with {h.correlation:.2f}.",
            h.bias,
            "share of what came",
            low=h.low,
            high=h.high,
            n=h.customers,
            method=f"{kind} by maximum likelihood on the first part; error over customers and of the parameters",
            caveats="The model knows no season and no growth: this bias belongs to every forecast below.",
            detail=kind != best,
            series=dict(
                log_likelihood=h.model.fit.log_likelihood, expected=h.expected, actual=h.actual,
                correlation=h.correlation, **h.model.fit.parameters,
            ),
        )  # fmt: skip
    return best


def gates(nb: Notebook, fitted: Fitted, spend: SpendModel | None) -> list[str]:
    """Say everything that speaks against the models; return the codes."""
    found = [*fitted.gates, *(spend.adequacy() if spend else [])]
    nb.finding(
        "F5.adequacy",
        "Nothing speaks against the purchase model." if not found else " ".join(text for _, text in found),
        len(found),
        "gates that fired",
        n=fitted.model.patterns.customers,
        method="few repeaters, no dropout, parameters at the end of the range, loose ones, timing, spend and frequency",
        series=dict(
            **{code: 1 for code, _ in found},
            log_likelihood=fitted.model.fit.log_likelihood,
            **fitted.model.fit.parameters,
        ),
    )
    return [code for code, _ in found]


def spend(nb: Notebook, model: SpendModel) -> None:
    """Record what a repeat purchase is worth."""
    currency = nb.data.currency
    value = float(model.expected([0], [0.0])[0])
    low, high = (float(v[0]) for v in model.expected_interval([0], [0.0], nb.params.confidence))
    nb.finding(
        "F5.spend",
        f"A repeat purchase of a customer of whom nothing is known yet is worth {currency} {figures(value, 4)} "
        f"({nb.level} {figures(low, 4)} to {figures(high, 4)}).",
        value,
        currency,
        low=low,
        high=high,
        n=model.customers,
        method="gamma-gamma on the mean repeat purchase of each customer",
        series=dict(
            correlation=model.correlation.value,
            log_likelihood=model.fit.log_likelihood,
            **model.fit.parameters,
        ),
    )


def value(nb: Notebook, found: LifetimeValue, tenths: pd.DataFrame, fitted: Fitted, judged: Held) -> None:
    """Record what all customers will leave in a year, and how much of it the best tenth."""
    currency, n = nb.data.currency, len(found.value)
    top = tenths.iloc[0]
    nb.finding(
        "F5.value",
        f"The {count(n)} customers will leave {currency} {count(found.total)} in the next year ({nb.level} "
        f"{count(found.total_low)} to {count(found.total_high)}), {currency} {figures(found.total / n, 3)} each; the "
        f"best tenth leaves {percent(top['share'], 0)} of it. On time held out such a forecast was off by "
        f"{100 * judged.bias:+.1f} %.",
        found.total,
        currency,
        low=found.total_low,
        high=found.total_high,
        n=n,
        method=f"{fitted.kind} and gamma-gamma, {percent(nb.params.margin, 0)} margin, discounted by the month; "
        "delta method",
        caveats="The interval holds the parameters alone; the bias on held-out time is beside it, not in it. What a "
        "single customer does varies far more.",
        series={f"tenth_{k}": v for k, v in zip(tenths["tenth"], tenths["value"], strict=True)},
    )


def next_purchase(nb: Notebook, fitted: Fitted) -> None:
    """Record when a customer who has just bought for the first time comes back."""
    model = fitted.model
    half = float(model.next_purchase(0.25, [0], [0.0], [1.0 / 7])[0]) * 7
    again = float(model.p_any(365.25 / 7, [0], [0.0], [1.0 / 7])[0])
    when = f"a quarter of them within {half:.0f} days" if half < 10_000 else "not a quarter of them ever"
    nb.finding(
        "F5.next_purchase",
        f"Of customers who bought for the first time yesterday {percent(again, 0)} buy again within a year, {when}.",
        again,
        "share",
        n=model.patterns.customers,
        method=f"{fitted.kind}, probability of any purchase",
        caveats="No interval: a reading of the fitted model, whose bias stands above.",
    )


def care(nb: Notebook, plan: pd.DataFrame) -> None:
    """Record the segments and the care that is expected to pay."""
    best = plan.iloc[0]
    currency, p = nb.data.currency, nb.params
    share, some = best["share_of_revenue"], bool(plan["share_of_revenue"].notna().all())
    lift = percent(p.care_lift, 0)
    text = f"{count(best['customers'])} customers are '{best['segment']}' and "
    text += f"brought {percent(share)} of all revenue" if some else "refunds are as large as sales or larger"
    if "expected" in plan:
        pays = plan[plan["expected"] > 0]["segment"]
        names = ", ".join(pays) if len(pays) else "no segment"
        text += (
            f". If care at {currency} {p.care_cost:g} a customer raises what they leave by {lift}, it "
            f"pays for: {names}"
        )
    nb.finding(
        "F6.care",
        f"{text}.",
        float(share) if some else float(best["customers"]),
        "share of revenue" if some else "customers",
        n=int(plan["customers"].sum()),
        method="recency, frequency, money with the cut points of params.yaml; a census",
        caveats="The lift is an assumption of params.yaml, not a finding: test it before spending (03_promotions).",
        series={
            f"customers_{s.replace(' ', '_')}": int(n)
            for s, n in zip(plan["segment"], plan["customers"], strict=True)
        },
    )


def shown_cells(nb: Notebook, cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of the scores; of private data without those of few people."""
    return cells[cells["customers"] >= max(nb.smallest_cell, 1)].reset_index(drop=True)


def models(nb: Notebook, kind: str) -> tuple[Fitted, SpendModel] | None:
    """Fit the models to all the data and record what speaks against them; None, and a refusal, if they mean nothing."""
    customers = nb.mart("worth")
    fitted, why = attempt(worth.fitted, customers, nb.mart("gap_pairs"), kind)
    if fitted is None:
        nb.refuse("F5.value", "What customers are worth", why, headline=False)
        return None
    left, why = attempt(worth.kept, customers)
    if left is None:
        nb.refuse("F5.value", "What customers are worth", why, headline=False)
        return None
    spending, why = attempt(worth.spending, customers)
    gates(nb, fitted, spending)
    if spending is not None and not fitted.broken:
        spend(nb, spending)
        return fitted, spending
    nb.refuse("F5.value", "What customers are worth", why or UNFIT, headline=False)
    return None


def advice(plan: pd.DataFrame) -> str:
    """Return the care of each segment as a list."""
    return "\n".join(f"- **{s}**: {c}." for s, c in zip(plan["segment"], plan["care"], strict=True))


UNFIT = "the gates above say that the model does not fit"
CENTS = {c: "{:,.2f}" for c in ("value", "low", "high", "expected")}
DAYS = {c: "{:.3f}" for c in ("expected", "actual", "low", "high")}
"""How tables of money a customer and of purchase days are written."""
