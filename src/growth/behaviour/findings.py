"""The sentences of ``02_behaviour``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from growth.behaviour import funnel, next_product, search, visits
from growth.behaviour.baskets import SURE
from growth.behaviour.model import Together
from growth.stats.contrast import Estimate
from growth.stats.survival import Curve
from growth.words import count, figures, interval, minus, percent, plural

if TYPE_CHECKING:
    from growth.report.notebook import Notebook

SHARES = {c: "{:.1%}" for c in ("share", "low", "high", "of_before")}
GOES_WITH = dict(value="{:.1%}", low="{:.1%}", high="{:.1%}", people="{:,.0f}")
TERM = ["term", "people", "empty_share", "empty_low", "empty_high", "look_share", "verdict"]
TERMS = {c: "{:.1%}" for c in ("empty_share", "empty_low", "empty_high", "look_share", "bought_share")}
UNMET = ["term", "people", "empty_share", "empty_low", "empty_high", "verdict", "kind", "name"]
PAIRS = ["first", "second", "together", "lift", "adjusted", "low", "high", "q_value", "later"]
PAIR = dict(lift="{:.1f}", adjusted="{:.2f}", low="{:.2f}", high="{:.2f}", q_value="{:.1g}")
SEQUENCES = ["first", "then", "customers", "reverse", "share", "low", "high", "q_value", "days"]
SEQUENCE = dict(share="{:.1%}", low="{:.1%}", high="{:.1%}", q_value="{:.1g}", days="{:.0f}")


def _sure(e: Estimate) -> dict[str, float]:
    return dict(low=e.low, high=e.high)


def machines(nb: Notebook, rows: pd.DataFrame) -> None:
    """Say how many visits look like machines'."""
    by = rows.set_index("machine")["visits"]
    odd = int(by.get(True, 0))
    nb.finding(
        "B1.machines",
        f"{plural(odd, 'visit')} of {count(by.sum())} that nobody called a machine's look like one's, and are left "
        "out of what follows.",
        odd,
        "visits",
        n=int(by.sum()),
        method="a page within every two seconds, five pages or more, or over 300 pages; a census",
        detail=odd == 0,
    )


def frequency(nb: Notebook, people: pd.DataFrame, lengths: pd.DataFrame) -> None:
    """Record how often people come, how long they stay and how much they see."""
    c = nb.params.confidence
    often, pages = visits.frequency(people, c), visits.per(people, "pages", "paged", c)
    long = visits.per(people, "seconds", "measured", c)
    half = visits.quantiles(lengths).set_index("what")["0.5"]
    nb.finding(
        "B1.visits",
        f"A person came {figures(often.value, 3)} times ({nb.level} {figures(often.low, 3)} to "
        f"{figures(often.high, 3)}); a visit has {figures(pages.value, 3)} pages ({figures(pages.low, 3)} to "
        f"{figures(pages.high, 3)}) and lasts {figures(long.value)} seconds on average ({figures(long.low)} to "
        f"{figures(long.high)}), half of them at most {count(half['seconds'])}.",
        often.value,
        "visits a person",
        n=len(people),
        method="means over people and ratios of means, each person a cluster; quantiles are of all visits",
        series=dict(pages=pages.value, seconds=long.value, median_seconds=int(half["seconds"])),
        **_sure(often),
    )


def stickiness(nb: Notebook, table: pd.DataFrame, people: pd.DataFrame) -> None:
    """Record who is there on a day and how sticky the shop is."""
    found, last = visits.stickiness(people, nb.params.confidence), table.iloc[-1]
    nb.finding(
        "B1.stickiness",
        f"On a day {percent(found.value)} ({nb.level} {interval(found.low, found.high)}) of the people of its last "
        f"30 days are there; on the last day {count(last['day'])} of {count(last['month'])}.",
        found.value,
        "share of a month's people",
        n=len(people),
        method="person-days here over person-days within 30 days of a visit, each person a cluster",
        series={c: int(last[c]) for c in ("day", "week", "month")},
        **_sure(found),
    )


def goes_with(nb: Notebook, table: pd.DataFrame) -> None:
    """Record the widest contrast of stickiness between groups of at least two."""
    spread = table.groupby("what")["value"].agg(lambda v: v.max() - v.min())
    own = table[table["what"] == spread.idxmax()].sort_values("value")
    least, most = own.iloc[0], own.iloc[-1]
    nb.finding(
        "B1.goes_with",
        f"Stickiness differs most by {own['what'].iloc[0]}: {percent(most['value'])} of “{most['group']}” "
        f"({interval(most['low'], most['high'])}), {percent(least['value'])} of “{least['group']}” "
        f"({interval(least['low'], least['high'])}).",
        float(most["value"]),
        "share of a month's people",
        low=float(most["low"]),
        high=float(most["high"]),
        n=int(own["people"].sum()),
        method="as stickiness, by group",
        caveats="An association: people chose their groups, and nothing says that moving them would change it.",
    )


def dropping(nb: Notebook, table: pd.DataFrame) -> None:
    """Record the funnel of visits and its narrowest place; the page's headline."""
    last, place = table.iloc[-1], int(table["of_before"].argmin())
    narrow, before = table.iloc[place], table["stage"].iloc[place - 1]
    nb.finding(
        "B2.visit_to_purchase",
        f"{percent(last['share'])} of visits end in an order ({nb.level} {interval(last['low'], last['high'])}); most "
        f"are lost between {before} and {narrow['stage']}, where {percent(narrow['of_before'], 0)} go on.",
        float(last["share"]),
        "share of visits",
        low=float(last["low"]),
        high=float(last["high"]),
        n=int(table["visits"].iloc[0]),
        method="visits that reached a stage, or a later one; intervals clustered by person",
        headline=True,
        series={s: float(v) for s, v in zip(table["stage"], table["share"], strict=True)},
    )


def carts(nb: Notebook, people: pd.DataFrame) -> None:
    """Record how many carts are left."""
    found = funnel.abandonment(people, nb.params.confidence)
    nb.finding(
        "B2.cart_abandonment",
        f"{percent(found.value)} of visits with a cart end without an order ({nb.level} "
        f"{interval(found.low, found.high)}).",
        found.value,
        "share of visits with a cart",
        n=int(people["cart"].sum()),
        method="ratio of sums, clustered by person",
        caveats="A cart that is bought in a later visit counts as left.",
        **_sure(found),
    )


def waiting(nb: Notebook, curve: Curve) -> pd.DataFrame:
    """Record when new people purchase; return the curve by day, as the share that has."""
    days = np.arange(0, min(90, int(curve.time[-1])) + 1)
    value, low, high = curve.at(days)
    table = pd.DataFrame(dict(day=days, share=1 - value, low=1 - high, high=1 - low))
    day = min(30, int(days[-1]))
    row = table.iloc[day]
    nb.finding(
        "B2.time_to_convert",
        f"{percent(row['share'])} of new people have purchased within {plural(day, 'day')} of their first visit "
        f"({nb.level} {interval(row['low'], row['high'])}), {percent(table['share'].iloc[0])} on the first.",
        float(row["share"]),
        "share of new people",
        low=float(row["low"]),
        high=float(row["high"]),
        n=int(curve.at_risk[0]),
        method="Kaplan-Meier; who has not purchased yet is censored",
        caveats="A person without an account is a device: who changes it looks new.",
    )
    return table


def searched(nb: Notebook, table: pd.DataFrame) -> None:
    """Record how many searches find nothing, in people."""
    total, nothing = int(table["searches"].sum()), int(table["nothing"].sum())
    nb.finding(
        "B3.zero_results",
        f"{percent(nothing / total)} of {plural(total, 'search', 'searches')} find nothing; "
        f"{plural(len(table), 'term')} in {plural(int(table['spellings'].sum()), 'spelling')}.",
        nothing / total,
        "share of searches",
        n=total,
        method="a census of searches; spellings that differ by width, case, marks or spaces are one term",
        series=dict(terms=len(table), nothing=nothing),
    )


def unmet(nb: Notebook, made: pd.DataFrame, found: pd.DataFrame) -> None:
    """Record the needs that are searched for and not met."""
    empty = found[found["verdict"] == search.UNMET]
    top = empty.iloc[0] if len(empty) else None
    first = (
        f"; the first is “{top['term']}”, by {plural(int(top['people']), 'person', 'people')} ({top['kind']})"
        if top is not None else ""
    )  # fmt: skip
    nb.finding(
        "B3.unmet",
        f"Of {plural(len(made), 'term')} judged {len(empty)} find nothing for more than half of their people"
        f"{first}; {len(found) - len(empty)} find something that hardly anybody looks at.",
        len(empty),
        "terms",
        n=len(made),
        method="Wilson's interval over people, at Bonferroni's level over the terms, above one half",
        caveats="Interest, not sales: a search costs nothing.",
        series=dict(people=int(empty["people"].sum()), low_click=len(found) - len(empty)),
    )


def together(nb: Notebook, found: Together, headline: bool) -> None:
    """Record what lies together, and how it holds up."""
    sure = found.pairs["q_value"] < nb.params.false_discoveries
    nb.finding(
        "B4.pairs",
        f"{percent((found.pairs['lift'] > 1).mean())} of {plural(len(found.pairs), 'frequent pair')} have a lift above "
        f"1, {percent(sure.mean())} ({count(sure.sum())}) more than basket sizes and popularity explain; sizes alone "
        f"make a lift of {figures(found.factor, 3)}.",
        int(sure.sum()),
        "pairs",
        n=found.baskets,
        method="adjusted lift; Poisson test, Benjamini-Hochberg at "
        f"{percent(nb.params.false_discoveries, 0)}; a census of baskets but the last 91 days",
        caveats=f"{plural(found.too_large, 'basket')} above 2,000 products left out.",
        headline=headline,
        series=dict(frequent=len(found.pairs), factor=found.factor),
    )
    is_sure = found.held["kind"] == SURE
    own, rest = found.held[is_sure].iloc[0], found.held[~is_sure]
    if own["pairs"] and rest["pairs"].sum():
        others = float(rest["held"].sum() / rest["pairs"].sum())
        nb.finding(
            "B4.out_of_time",
            f"Of {count(own['pairs'])} significant pairs {percent(own['share'])} ({nb.level} "
            f"{interval(own['low'], own['high'])}) lie together more than by chance in the last 91 days too; of the "
            f"others {percent(others)}.",
            float(own["share"]),
            "share of pairs",
            low=float(own["low"]),
            high=float(own["high"]),
            n=int(own["pairs"]),
            method="pairs with at least one basket expected later; Wilson",
            caveats="Pairs share products: the interval is narrower than it should be.",
            series=dict(others=others),
        )


def follows(nb: Notebook, table: pd.DataFrame) -> None:
    """Record what comes after what."""
    top = table.iloc[0]
    sure = int((table["q_value"] < nb.params.false_discoveries).sum())
    nb.finding(
        "B4.sequences",
        f"{plural(len(table), 'ordered pair')} of products have {count(nb.params.sequence_customers)} customers or "
        f"more, {sure} of them in an order that is not chance; most: “{top['first']}”, then “{top['then']}” "
        f"({count(top['customers'])} customers, {percent(top['share'])} of those who bought both, "
        f"{interval(top['low'], top['high'])}).",
        float(top["share"]),
        "share of this order",
        low=float(top["low"]),
        high=float(top["high"]),
        n=int(top["customers"] + top["reverse"]),
        method="first purchases, at strictly later orders; exact binomial test, Benjamini-Hochberg",
        caveats="A product that came into the shop later comes second for that reason alone.",
        series=dict(pairs=len(table), significant=sure, customers=int(top["customers"])),
    )


def next_products(nb: Notebook, places: pd.DataFrame, rates: pd.DataFrame) -> None:
    """Record whether the list of what follows beats the most bought."""
    k = nb.params.list_length
    gap = next_product.advantage(places, k, nb.params.confidence)
    own = rates[rates["length"] == k].set_index("list")
    follow, popular = (own.loc[name] for name in next_product.LISTS.values())
    better = "beats" if gap.low > 0 else "loses to" if gap.high < 0 else "is not told apart from"
    ends = minus(f"{100 * gap.low:+.1f} to {100 * gap.high:+.1f}")
    nb.finding(
        "B4.next_product",
        f"A list of {k} by what follows the last basket {better} the most bought: it hits {percent(follow['share'])} "
        f"of customers ({interval(follow['low'], follow['high'])}), the other {percent(popular['share'])} (difference "
        f"{ends} points).",
        gap.value,
        "difference of hit rates",
        n=int(follow["customers"]),
        method="products not had before, filled with the most bought; learnt before the last 91 days, judged on them",
        caveats="A baseline to beat; whether a proposal sells takes a test.",
        **_sure(gap),
    )
