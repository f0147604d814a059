"""Numbers and names of experiments as words."""

from __future__ import annotations

import re

from growth.promotions.design import Design
from growth.promotions.model import Study
from growth.stats.contrast import Estimate, Ratio
from growth.words import figures as digits
from growth.words import minus

__all__ = ["WAYS", "amount", "begun", "digits", "of_money", "of_ratio", "question", "slug", "unit"]

QUESTION = {"contact": "C7", "page_speed": "B6", "recommendation": "B6"}
WAYS = {
    "fixed": "looked at once, at the end",
    "group_sequential": "at planned looks (Lan-DeMets, O'Brien-Fleming spending)",
    "always_valid": "always valid (asymptotic confidence sequence)",
}


def slug(*parts: str) -> str:
    """Return names as the second half of a finding's key."""
    text = "_".join(re.sub(r"[^a-z0-9]+", "_", p.lower()).strip("_") for p in parts)
    return text if text[:1].isalpha() else f"x_{text}"


def question(design: Design) -> str:
    """Return the handbook question that an experiment answers."""
    return QUESTION.get(design.kind, "C1")


def amount(value: float, currency: str) -> str:
    """1234.5 -> ``CNY 1,234``; small amounts with as many decimals as it takes to see them."""
    size = abs(value)
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return minus(f"{currency} {value:,.{decimals}f}")


def _range(low: float, high: float, currency: str) -> str:
    ends = (amount(v, currency).removeprefix(f"{currency} ") for v in (low, high))
    return " to ".join(ends)


def of_money(e: Estimate, currency: str) -> str:
    """Return an amount with its interval: ``CNY 5.06 (95 % interval 1.28 to 8.85)``."""
    return (
        f"{amount(e.value, currency)} ({100 * e.confidence:.3g} % interval {_range(e.low, e.high, currency)})"
    )


def of_ratio(r: Ratio | None, as_share: bool = True) -> str:
    """Return a ratio with its interval; an unbounded one says so."""
    if r is None:
        return "not known"

    def show(v: float) -> str:
        return f"{100 * v:+.1f} %" if as_share else f"{v:.2f}"

    if r.kind == "everything":
        return f"{show(r.value)} (interval unbounded: nothing is ruled out)"
    if r.kind == "outside":
        return f"{show(r.value)} (interval unbounded: all but {show(r.low)} to {show(r.high)})"
    return f"{show(r.value)} ({show(r.low)} to {show(r.high)})"


def unit(s: Study) -> str:
    """Return the randomised unit as a noun."""
    return {"session": "visit", "region": "region"}.get(s.design.unit, s.design.unit)


def begun(name: str) -> str:
    """Return a name at the beginning of a sentence: its first letter in capitals, the rest as it is."""
    return name[:1].upper() + name[1:]
