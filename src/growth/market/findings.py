"""What ``01_market`` records: sentences with their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from growth.market.interviews import Interviews
from growth.market.model import Found, Survey
from growth.market.prices import Demand, Sensitivity
from growth.market.size import Size
from growth.stats.proportions import wilson
from growth.words import count, figures, minus, percent, plural

if TYPE_CHECKING:
    from growth.report.notebook import Notebook

Row = dict[str, Any]
PERCENT = "{:.1%}"
RANGE = {c: PERCENT for c in ("share", "low", "high", "raw", "weighted", "population")}
TESTS = dict(statistic="{:.1f}", p_value="{:.2g}", q_value="{:.2g}")
POINTS = {c: "{:.1f}" for c in ("points", "low", "high")}
KANO = ["feature", "most", "most_low", "most_high", "better", "worse", "sure"]
KINDS = {c: "{:.0%}" for c in ("most_low", "most_high", "better", "worse")}
MONEY = {c: "{:.1f}" for c in ("price", "low", "high")}
REVENUE = {c: "{:,.0f}" for c in ("price", "revenue", "low", "high")} | dict(share=PERCENT, best="{:.0%}")
THEMES = {c: "{:.0%}" for c in ("share", "low", "high", "either")}
THEMES |= {c: "{:.2f}" for c in ("kappa", "kappa_low", "kappa_high")}


def rows(table: pd.DataFrame) -> list[Row]:
    """Return a table's rows, each by column."""
    return [{str(k): v for k, v in r.items()} for r in table.to_dict("records")]


def answered(nb: Notebook, s: Survey) -> None:
    """Record who answered, and what weighting costs."""
    w = s.weights
    raked = (
        f"are weighted to {plural(len(w.cells), 'margin')} of the population"
        if not s.unweighted
        else f"could not be weighted to the population ({s.unweighted}), so they speak for themselves"
    )
    nb.finding(
        "A1.respondents",
        f"Of {count(s.asked)} asked {count(s.answered)} answered ({percent(s.answered / s.asked, 0)}); "
        f"{len(s.people):,} can be used and {raked}, which makes them worth {count(w.effective)} even answers.",
        len(s.people),
        "respondents",
        n=s.asked,
        method="raking to known margins; Kish's design effect" if not s.unweighted else "no weights",
        caveats="Weights mend what the margins know; who answers for other reasons is not mended.",
        series={"design_effect": w.design_effect, "effective": w.effective},
    )


def faults(nb: Notebook, s: Survey) -> pd.DataFrame:
    """Record what the codebook found; return the counts."""
    table = s.checked.counts()
    nb.finding(
        "A1.faults",
        f"{plural(len(s.checked.faults), 'fault')} against the codebook; "
        f"{plural(len(s.checked.dropped), 'respondent')} left out.",
        len(s.checked.faults),
        "faults",
        n=s.answered,
        method="codes, routing, haste, one answer all along, copies; a census",
    )
    return table


def agrees(nb: Notebook, table: pd.DataFrame, clear: pd.DataFrame, guard: float) -> None:
    """Record the statement most agree with, where weighting matters most, and which differences are clear."""
    top = rows(table)[0]
    moved = max(rows(table), key=lambda r: abs(r["share"] - r["raw"]))
    nb.finding(
        "A1.attitudes",
        f"{percent(top['share'])} of people agree: “{top['wording']}” ({nb.level} {percent(top['low'])} to "
        f"{percent(top['high'])}). Weighting moves “{moved['wording']}” most: {percent(moved['raw'])} of respondents, "
        f"{percent(moved['share'])} of people.",
        float(top["share"]),
        "share",
        low=float(top["low"]),
        high=float(top["high"]),
        n=int(top["people"]),
        method="weighted share, linearised with strata and raking; Wilson on the effective number",
        series={str(r["item"]): float(r["share"]) for r in rows(table)},
    )
    told = clear[clear["q_value"] <= guard]
    first = (
        ""
        if told.empty
        else f", clearest of {told['answer'].iloc[0].replace('_', ' ')} by {told['group'].iloc[0]}"
    )
    nb.finding(
        "A1.differences",
        f"{len(told)} of {len(clear)} differences between groups are told from none{first}.",
        len(told),
        "differences",
        n=int(clear["people"].max()) if len(clear) else 0,
        method=f"Rao and Scott's test; false discoveries held to {percent(guard, 0)}",
    )


def who(nb: Notebook, found: Found) -> None:
    """Record whether there are segments, and how large they are."""
    c = found.clusters
    sizes = found.sizes
    if not c.structure:
        nb.finding(
            "A4.segments",
            f"There are no segments to be told: such clusters are found in answers without any (p = {c.p_value:.2f}).",
            1,
            "segments",
            n=len(c.member),
            method="k-means against a Gaussian copula with the same margins and correlations",
            headline=True,
        )
        return
    parts = ", ".join(
        f"{r['segment']} {percent(r['share'], 0)}" for r in rows(sizes.sort_values("share", ascending=False))
    )
    best = next(r for r in rows(c.by_number) if r["clusters"] == c.number)
    nb.finding(
        "A4.segments",
        f"There are {c.number} kinds of users (p = {c.p_value:.3f} against none): {parts} of people.",
        c.number,
        "segments",
        n=len(c.member),
        method="k-means against a Gaussian copula with the same margins and correlations; number by gap and stability",
        caveats="Named by the attitude that leads; whoever lies between two is put with the nearer.",
        headline=True,
        series={"stability": float(best["stability"]), "null_stability": float(best["null_stability"])}
        | {str(r["segment"]).replace("-", "_"): float(r["share"]) for r in rows(sizes)},
    )
    right = found.right / found.others
    low, high = (float(end) for end in wilson(found.right, found.others, nb.params.confidence))
    nb.finding(
        "A4.typing",
        f"{plural(len(found.tool), 'question')} ({', '.join(t.replace('_', ' ') for t in found.tool)}) put "
        f"{percent(right, 0)} of others into their segment ({nb.level} {percent(low, 0)} to {percent(high, 0)}); "
        f"{percent(float(found.types.given.isna().mean()), 0)} "
        "lead in no attitude clearly.",
        right,
        "share",
        low=low,
        high=high,
        n=found.others,
        method="linear discriminants on two thirds, judged on the third left out; Wilson",
    )


def brand(nb: Notebook, table: pd.DataFrame, points: pd.DataFrame | None, own: str) -> None:
    """Record the funnel of our brand and where it loses most against the others, and net promoters."""
    mine = {r["stage"]: r for r in rows(table[table["brand"] == own])}
    if not mine:
        named = ", ".join(sorted(table["brand"].unique()))
        raise ValueError(
            f"own_brand {own!r} is no brand of the survey, which has {named}: set it in params.yaml"
        )
    known, bought = mine["aware"], mine["bought"]
    means = table[table["brand"] != own].groupby("stage")["onward"].mean()
    others = {str(k): float(v) for k, v in means.items()}
    weakest = min(list(mine)[1:], key=lambda stage: mine[stage]["onward"] / others[stage])
    nb.finding(
        "A8.funnel",
        f"{percent(known['share'], 0)} of people know {own} and {percent(bought['share'])} have bought ({nb.level} "
        f"{percent(bought['low'])} to {percent(bought['high'])}). Against others most is lost on the way to "
        f"“{weakest}”: {percent(mine[weakest]['onward'], 0)} of those before, elsewhere "
        f"{percent(others[weakest], 0)}.",
        float(bought["share"]),
        "share",
        low=float(bought["low"]),
        high=float(bought["high"]),
        n=int(known["people"]),
        method="weighted shares of all people",
        series={stage: float(r["share"]) for stage, r in mine.items()},
    )
    for row in rows(points[points["brand"] == own]) if points is not None else []:
        nb.finding(
            "A8.promoters",
            f"Of those who bought from {own}, promoters less detractors are {minus(figures(row['points'], 3))} points "
            f"({nb.level} {minus(figures(row['low'], 3))} to {minus(figures(row['high'], 3))}).",
            float(row["points"]),
            "points",
            low=float(row["low"]),
            high=float(row["high"]),
            n=int(row["people"]),
            method="weighted, linearised",
        )


def needs(nb: Notebook, table: pd.DataFrame, people: int) -> None:
    """Record what is needed most."""
    top, last = rows(table)[0], rows(table)[-1]
    nb.finding(
        "A9.needs",
        f"“{top['need']}” would come first for {percent(top['share'], 0)} ({nb.level} {percent(top['low'], 0)} to "
        f"{percent(top['high'], 0)}), “{last['need']}” for {percent(last['share'], 0)}.",
        float(top["share"]),
        "share",
        low=float(top["low"]),
        high=float(top["high"]),
        n=people,
        method="best and worst of four, logit; respondents are the units",
        series={str(r["need"]).replace(" ", "_"): float(r["share"]) for r in rows(table)},
    )


def features(nb: Notebook, table: pd.DataFrame, people: int) -> None:
    """Record which features must be and which delight."""
    sure = table[table["sure"]]
    kinds: dict[str, list[str]] = {}
    for r in rows(sure):
        kinds.setdefault(str(r["most"]), []).append(str(r["feature"]).replace("_", " "))
    said = "; ".join(f"{k}: {', '.join(kinds[k])}" for k in sorted(kinds))
    first = min(rows(table), key=lambda r: r["worse"])
    nb.finding(
        "A9.features",
        f"Features by what they are to most people: {said}. Without {str(first['feature']).replace('_', ' ')} "
        f"{percent(-first['worse'], 0)} would be less content ({nb.level} {percent(-first['worse_high'], 0)} to "
        f"{percent(-first['worse_low'], 0)}).",
        float(-first["worse"]),
        "share",
        low=float(-first["worse_high"]),
        high=float(-first["worse_low"]),
        n=people,
        method="Kano; kinds that lead clearly",
    )


def willing(nb: Notebook, found: Sensitivity) -> None:
    """Record the range of accepted prices."""
    point = {r["point"]: r for r in rows(found.points)}
    best = point["optimal price"]
    ends = [figures(point[k]["price"], 3) for k in ("marginal cheapness", "marginal dearness")]
    nb.finding(
        "A7.prices",
        f"Prices from {nb.data.currency} {ends[0]} to {ends[1]} are accepted; as many find {figures(best['price'], 3)} "
        f"too dear as too cheap ({nb.level} {figures(best['low'], 3)} to {figures(best['high'], 3)}).",
        float(best["price"]),
        nb.data.currency,
        low=float(best["low"]),
        high=float(best["high"]),
        n=found.people,
        method="van Westendorp, exact crossings; respondents drawn again",
        caveats="Said, not paid: a price test decides.",
    )


def demand(nb: Notebook, sold: Demand, people: int) -> None:
    """Record the price of highest revenue."""
    row = next(r for r in rows(sold.table) if r["price"] == sold.price)
    nb.finding(
        "A7.demand",
        f"Of the prices asked, {nb.data.currency} {figures(sold.price, 3)} brings most revenue: "
        f"{percent(row['share'], 0)} would buy, {nb.data.currency} "
        f"{count(row['revenue'])} a hundred people ({nb.level} {count(row['low'])} to "
        f"{count(row['high'])}).",
        float(row["revenue"]),
        f"{nb.data.currency} a hundred people",
        low=float(row["low"]),
        high=float(row["high"]),
        n=people,
        method="Gabor and Granger, never rising with price",
        caveats="Revenue, not profit; said, not paid.",
        series={"best": float(row["best"])},
    )


def offers(nb: Notebook, table: pd.DataFrame, people: int) -> None:
    """Record what parts of an offer are worth."""
    parts = [
        f"{r['part']} {minus(figures(r['money'], 3))} ({minus(figures(r['low'], 3))} to {minus(figures(r['high'], 3))})"
        for r in rows(table)
    ]
    top = rows(table)[0]
    nb.finding(
        "A7.offers",
        f"Worth in {nb.data.currency} ({nb.level}): {'; '.join(parts)}.",
        float(top["money"]),
        nb.data.currency,
        low=float(top["low"]),
        high=float(top["high"]),
        n=people,
        method="conjoint, logit; Fieller's intervals, respondents are the units",
        caveats="One worth for all people.",
    )


def talked(nb: Notebook, found: Interviews) -> None:
    """Record the most frequent theme and how far coders agree."""
    top = rows(found.themes)[0]
    nb.finding(
        "A2.themes",
        f"“{top['theme']}” is in {percent(top['share'], 0)} of {found.interviews} interviews ({nb.level} "
        f"{percent(top['low'], 0)} to {percent(top['high'], 0)}); coders agree at alpha {figures(found.alpha, 2)} "
        f"({figures(found.low, 2)} to {figures(found.high, 2)}).",
        float(top["share"]),
        "share",
        low=float(top["low"]),
        high=float(top["high"]),
        n=found.interviews,
        method="both coders saw it; Krippendorff's alpha, interviews drawn again",
        caveats="Interviewed people are no sample: shares are of them.",
        series={"alpha": found.alpha},
    )


def sized(nb: Notebook, found: Size, unit: str, factors: int) -> None:
    """Record the size of the market."""
    widest = found.tornado["factor"].iloc[0]
    nb.finding(
        "A6.size",
        f"The market that our assortment serves is about {count(found.value)} {unit} ({nb.level} {count(found.low)} to "
        f"{count(found.high)}); what is least known of it is the {widest}.",
        found.value,
        unit,
        low=found.low,
        high=found.high,
        n=factors,
        method="product of published factors, each lognormal within its range (90 %)",
        caveats="As good as its sources.",
    )


def wave(nb: Notebook, plan: dict[str, float], half: float) -> None:
    """Record how many must be asked next time."""
    nb.finding(
        "A3.next_wave",
        f"For shares within {percent(half, 0)} either way {count(plan['answer'])} must answer, so "
        f"{count(plan['ask'])} be asked, "
        f"as this survey was answered and weighted (design effect {figures(plan['effect'], 3)}).",
        int(plan["ask"]),
        "people",
        n=int(plan["answer"]),
        method="design effect × z² / (4 × half width²)",
    )
