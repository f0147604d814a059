"""Persona cards: what a segment is like, line by line, each with its number of people, interval, index and source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd

from growth.market.estimates import share
from growth.market.model import AGREE, ATTITUDE, PROFILE, STAGES, Found, Survey

PARTS = ("basics", "consumption", "needs", "psychology")
LINES = 3  # of a part that stand out most
# What to do, by leading topic: product, marketing, service, supply.
ADVICE = {
    "price-sensitive": (
        "Keep an entry line at a fixed low price.", "Show the price first; time messages to sales.",
        "Make returns free of doubt, not fast.", "Buy ahead for sales; slow delivery is accepted.",
    ),
    "quality-seeking": (
        "Say what it is made of and how long it lasts.", "Reviews and proof before discounts.",
        "Longer guarantee, expert answers.", "Check quality at the supplier; publish the result.",
    ),
    "individuality-seeking": (
        "Small editions, often new.", "Creators and early access rather than price.",
        "Personal help with choice.", "Short runs, quick repeats of what sells.",
    ),
    "convenience-seeking": (
        "Refill plans and bundles in one order.", "Remind at the right moment; few steps.",
        "Next-day delivery, answers within minutes.", "Stock near large cities; never be out of basics.",
    ),
}  # fmt: skip
DOES = ("product", "marketing", "service", "supply")


def cards(s: Survey, found: Found, book: pd.DataFrame, fewest: int, confidence: float) -> pd.DataFrame:
    """Return the lines of every segment's card.

    Returns
    -------
    DataFrame
        ``segment, part, line, people`` (of the segment who answered), ``share, low, high, total`` (of all people),
        ``index`` (100: as in total), ``source`` (question.item, and the answer counted). Lines of fewer than `fewest`
        people are not there; of each part those that differ most from the total.
    """
    rows = []
    member = found.member.reindex(s.people.index)
    for part, line, source, hits in _lines(s, book):
        known = hits.notna().to_numpy()
        whole = share(hits, s.design, None, confidence).value
        for segment in found.sizes["segment"]:
            among = (member == segment).to_numpy() & known
            if int(among.sum()) < fewest or whole <= 0:
                continue
            own = share(hits, s.design, among, confidence)
            rows.append(
                dict(segment=segment, part=part, line=line, people=int(among.sum()), share=own.value, low=own.low,
                     high=own.high, total=whole, index=100 * own.value / whole, source=source,
                     apart=abs(own.value - whole) / max(own.error, 1e-9))
            )  # fmt: skip
    table = pd.DataFrame(rows)
    if table.empty:
        raise ValueError(f"no segment has {fewest} people who answered")
    table = table.sort_values(["segment", "part", "apart", "line"], ascending=[True, True, False, True])
    table = table.groupby(["segment", "part"], sort=False).head(LINES).drop(columns="apart")
    order = {name: i for i, name in enumerate(found.sizes["segment"])}
    places = {name: i for i, name in enumerate(PARTS)}
    key = table["segment"].map(order) * 10 + table["part"].map(places)
    return (
        table.assign(_key=key).sort_values("_key", kind="stable").drop(columns="_key").reset_index(drop=True)
    )


def _lines(s: Survey, book: pd.DataFrame) -> Iterator[tuple[str, str, str, pd.Series]]:
    """Yield (part, line, source, hits): 1, 0, or missing where not answered."""
    for item in map(str, s.people.columns.drop("stratum")):
        for level in sorted(s.people[item].dropna().unique()):
            hits = (s.people[item] == level).where(s.people[item].notna()).astype(float)
            yield "basics", f"{item}: {level}", f"{PROFILE}.{item} = {level}", hits
    for stage in STAGES:
        wide = s.wide(stage)
        for brand in wide:
            yield "consumption", f"{stage}: {brand}", f"{stage}.{brand} = 1", (wide[brand] == 1).astype(float)
    buys = s.wide("buy_at")
    for price in buys:
        yield "consumption", f"would buy at {price}", f"buy_at.{price} = 1", buys[price]
    liked = s.wide("kano_with")
    for feature in map(str, liked):
        hits = (liked[feature] == 1).where(liked[feature].notna()).astype(float)
        yield "needs", f"likes {feature.replace('_', ' ')}", f"kano_with.{feature} = 1", hits
    wording = book[book["question"] == ATTITUDE].set_index("item")["english"]
    wide = s.wide(ATTITUDE)
    for item in map(str, wide):
        hits = (wide[item] >= AGREE).where(wide[item].notna()).astype(float)
        yield "psychology", str(wording.get(item, item)).rstrip("."), f"{ATTITUDE}.{item} >= {AGREE}", hits


def advice(segment: str) -> dict[str, str]:
    """Return what to do for a segment in product, marketing, service and supply; empty where its topic has none."""
    found = ADVICE.get(segment.split(" (")[0])
    return dict(zip(DOES, found, strict=True)) if found else {}


def markdown(table: pd.DataFrame, sizes: pd.DataFrame, inert: Callable[[str], str]) -> str:
    """Return cards as Markdown, one below the other.

    Parameters
    ----------
    table : DataFrame
        From `cards`.
    sizes : DataFrame
        ``segment, share, low, high, people``.
    inert : callable
        Makes untrusted text harmless.
    """
    out: list[str] = []
    for size in sizes.to_dict("records"):
        own = table[table["segment"] == size["segment"]]
        if own.empty:
            continue
        low, high = (f"{100 * size[c]:.0f}" for c in ("low", "high"))
        name = inert(str(size["segment"]))
        out.append(
            f"### {name}: {100 * size['share']:.0f} % of people ({low} to {high} %; n = {size['people']:,})"
        )
        for part in PARTS:
            lines = own[own["part"] == part].to_dict("records")
            if lines:
                out.append(f"**{part.capitalize()}**")
                out.append("\n".join(_line(row, inert) for row in lines))
        todo = advice(str(size["segment"]))
        if todo:
            out.append("**What to do**")
            out.append("\n".join(f"- {what}: {text}" for what, text in todo.items()))
    return "\n\n".join(out)


def _line(row: Mapping[Any, Any], inert: Callable[[str], str]) -> str:
    span = f"{100 * row['low']:.0f} to {100 * row['high']:.0f} %"
    return (
        f"- {inert(str(row['line']))}: **{100 * row['share']:.0f} %** ({span}; index {row['index']:.0f}; "
        f"n = {row['people']:,}; {inert(str(row['source']))})"
    )
