"""The sentences of ``04_price`` on cross prices, members' prices, cuts of a week, clearances and tests to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from growth.price.crossprice import CrossPrices
from growth.price.findings import TWO, signed, span
from growth.price.ladder import Rung
from growth.price.levers import KEPT, WEEKS, Sides
from growth.stats.contrast import critical
from growth.words import count, minus, percent, plural

if TYPE_CHECKING:
    from growth.report.notebook import Notebook

MONEY, SHARE = "{:,.2f}", "{:.0%}"
TESTS = dict(
    today=MONEY, new=MONEY, breakeven=TWO, gains=SHARE, worth="{:,.0f}", customers="{:,.0f}", share="{:.1f}"
)
TESTS |= dict(assurance=SHARE)
PAIRS = {c: MONEY for c in ("public", "members", "single", "gain", "low", "high")} | dict(probability=SHARE)
DEPTHS = {c: "{:.1%}" for c in ("depth", "best", "low", "high")} | dict(probability=SHARE)
DEPTHS |= {c: MONEY for c in ("gain", "gain_low", "gain_high")}
CLEARED = {c: MONEY for c in ("today", "first", "expected", "fixed", "kept")}


def rivals(nb: Notebook, found: Rung) -> None:
    """Record how demand answers competitors' prices."""
    e = found.estimate
    assert e is not None
    nb.finding(
        "D2.competitor",
        f"If competitors ask one per cent more, a product sells {signed(e.value)} % more ({nb.level} "
        f"{span(e)}).",
        e.value,
        "elasticity",
        low=e.low,
        high=e.high,
        n=found.n,
        method=f"{found.name} with own price held, product and week effects; errors {found.errors}",
        caveats="As competitors' prices are: not protected if they answer the same demand.",
    )


def matrix(nb: Notebook, found: CrossPrices, category: str, names: dict[str, str]) -> pd.DataFrame:
    """Record whose price is felt most in a category; return the matrix as a table with names."""
    labels = [names.get(str(p), str(p)) for p in found.products]
    pairs = [
        (float(found.matrix[i, j]), float(found.errors[i, j]), labels[i], labels[j])
        for i in range(len(labels))
        for j in range(len(labels))
        if i != j
    ]
    certain = sum(w.certain for w in found.wrong)
    sure = [
        (v, who, whose)
        for v, error, who, whose in pairs
        if v > critical(float("inf"), 1 - 0.05 / len(pairs)) * error > 0
    ]
    value, who, whose = max(sure, default=(0.0, "", ""))
    felt = (
        f"{who} gains most when {whose} costs more ({signed(value)} % a per cent)"
        if sure
        else "no single pair is certain among so many"
    )
    nb.finding(
        "D2.matrix",
        f"Within {category}, held-out weeks are foretold {percent(found.gain)} better with the neighbours' prices; "
        f"{felt}."
        if found.gain > 0
        else f"Within {category}, the neighbours' prices do not help to foretell held-out weeks: no pair is shown.",
        found.gain,
        "share of held-out squared error",
        n=sum(found.n),
        method="log units on all prices of the category, cross effects shrunk as five held-out blocks of weeks ask",
        caveats=f"Prices as they are; {plural(certain, 'pair')} surely of the wrong sign."
        if certain
        else "Prices as they are.",
    )
    return pd.DataFrame(found.matrix, index=labels, columns=labels)


def tests(nb: Notebook, table: pd.DataFrame) -> None:
    """Record what tests would settle the open cases."""
    able = int((table["share"] <= 1).sum())
    nb.finding(
        "D3.tests",
        f"Of {plural(len(table), 'open case')} {able or 'none'} could be settled in 91 days with the shop's own "
        f"customers{'' if able else ' (too few buy any one product: draw the prices of many together)'}; knowing is "
        f"worth at most {nb.data.currency} {count(table['worth'].max())} a week for a single product and "
        f"{count(table['worth'].sum())} for all.",
        float(table["worth"].sum()),
        f"{nb.data.currency} a week",
        n=len(table),
        method="customers drawn into two prices, one-sided test at 5 % with power 80 % if the truth is as expected",
        caveats="An upper bound: no test is worth more than certainty.",
    )


def pairs(nb: Notebook, table: pd.DataFrame, found: Sides, sure: float) -> None:
    """Record whether members should pay less."""
    worth = table[(table["probability"] >= sure) & (table["gain"] > 0)]
    lower = table[table["members"] < table["public"]]
    worthy = (
        f"{count(len(worth))} of {plural(len(table), 'product')} would surely earn more with a lower price for "
        f"members, {nb.data.currency} {count(lower['gain'].sum())} a week over the {count(len(lower))} where they "
        f"would pay less ({signed_count(lower['low'].sum())} to {signed_count(lower['high'].sum())})."
        if len(lower)
        else "A lower price for members would earn less than one price for all, on every product."
    )
    half = critical(float("inf"), nb.params.confidence) * found.error
    nb.finding(
        "D3.members",
        f"Members above {found.public} ({percent(found.share, 0)} of units) answer prices "
        f"{'more' if found.difference < 0 else 'less'} than those of {found.public} (difference "
        f"{signed(found.difference)}, {nb.level} {signed(found.difference - half)} to {signed(found.difference + half)}"
        f"). {worthy}",
        float(lower["gain"].sum()),
        f"{nb.data.currency} a week",
        low=float(lower["low"].sum()),
        high=float(lower["high"].sum()),
        n=len(table),
        method="best two prices against the best single one, each within the guards; the interval adds up the "
        "products' ends, the widest that it can be",
        caveats="Slopes by tier are not protected from prices that follow demand. The public is taken not to buy "
        "through members, and nobody joins for the price.",
    )


def signed_count(value: float) -> str:
    """-1234.5 -> ``−1,234``."""
    return minus(count(value))


def depths(nb: Notebook, table: pd.DataFrame, borrowed: float, told: bool) -> None:
    """Record how deep a cut of a week should be."""
    pays = table[table["depth"] > 0]
    sentence = f"A cut of one week pays for {count(len(pays))} of {plural(len(table), 'product')}"
    sentence += f", {percent(pays['depth'].median(), 0)} off in the median" if len(pays) else ""
    nb.finding(
        "D3.depth",
        f"{sentence}; {percent(borrowed, 0)} of the lift is {'found' if told else 'assumed'} to be borrowed from later "
        "weeks.",
        len(pays),
        "products",
        n=len(table),
        method="Lerner's price at cost plus what later weeks lose, over draws of the answer to depth and of the share "
        "borrowed; each product's interval is in the table",
        caveats="The answer to depth is not protected: promotions fall on weeks of high demand. What is stolen from "
        "the category's others is in it as far as it is known.",
    )


def cleared(nb: Notebook, table: pd.DataFrame) -> None:
    """Record what a clearance would bring."""
    more = float((table["expected"] - table["kept"]).sum())
    first = table.iloc[0]
    nb.finding(
        "D3.clearance",
        f"{plural(len(table), 'product')} {'has' if len(table) == 1 else 'have'} more stock than {KEPT} weeks will "
        f"sell. Were the excess to be gone in {WEEKS} weeks, falling prices would bring {nb.data.currency} "
        f"{count(more)} more than today's; the largest begins at {first['first']:,.2f} instead of "
        f"{first['today']:,.2f}.",
        more,
        nb.data.currency,
        n=len(table),
        method="Poisson demand, constant elasticity, prices that only fall, worked out backwards; an expectation",
        caveats="The mean elasticity is taken for known; nobody waits for the next cut.",
    )
