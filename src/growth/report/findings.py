"""A finding: one answer to one question of the handbook, with its number and how sure we are of it."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from growth.words import inert

RUN_FOLDER = "GROWTH_RUN_FOLDER"  # set by the runner: where a notebook leaves its findings and tables
DIGITS = 8  # of an estimate; exact quantities (int, Decimal) are kept whole


@dataclass(frozen=True)
class Finding:
    """An answer.

    Parameters
    ----------
    key : str
        Handbook id and a name: ``F2.month_1``.
    sentence : str
        The answer in plain words, with its numbers.
    value : float, int or Decimal
    unit : str
        What the value counts: ``share``, ``rows``, ``GBP``, …
    low, high : float or None
        The interval; None for a census total, and then `caveats` or `method` says so.
    n : int
        How many units it rests on.
    method : str
        How it was computed, in a line.
    caveats : str
        What it does not say.
    headline : bool
        The finding that the page is titled with; one a notebook.
    detail : bool
        It stands in a table, and is neither shown as a sentence nor listed at the top.
    series : dict
        More numbers of the same kind, by name.
    """

    key: str
    sentence: str
    value: float | int | Decimal
    unit: str
    n: int
    method: str
    low: float | None = None
    high: float | None = None
    caveats: str = ""
    headline: bool = False
    detail: bool = False
    series: dict[str, float | int | Decimal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-I]\d{1,2}\.[a-z][a-z0-9_]*", self.key):
            raise ValueError(f"A finding's key is like F2.month_1, not {self.key!r}.")
        for name in ("value", "low", "high"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                raise ValueError(f"{self.key}: {name} is {number}; say that it is not identified instead.")
        if (self.low is None) != (self.high is None):
            raise ValueError(f"{self.key}: an interval has two ends.")

    def record(self) -> dict[str, Any]:
        """Return it as plain JSON values, estimates rounded to `DIGITS` significant digits."""
        made = asdict(self)
        made.pop("key")
        made |= {k: exact(made[k]) for k in ("value", "low", "high", "n")}
        made["series"] = {k: exact(v) for k, v in self.series.items()}
        return {k: v for k, v in made.items() if not (v is None or v is False or v == "" or v == {})}


def numbers(records: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the findings' numbers alone, for ``dvc metrics``: value, interval and series by key."""
    kept = ("value", "low", "high", "series")
    return {key: {k: f[k] for k in kept if k in f} for key, f in records.items() if "value" in f}


def exact(number: Any) -> Any:
    """Return an int or Decimal whole, a float rounded to `DIGITS` significant digits."""
    if number is None or isinstance(number, bool | int):
        return number
    if isinstance(number, Decimal):
        whole = number == number.to_integral_value()
        return int(number) if whole else float(number)
    return float(f"{float(number):.{DIGITS}g}")


def as_markdown(records: dict[str, dict[str, Any]]) -> str:
    """Return the findings as a list for the top of a page, the headline left out: it is the title."""
    lines = ["**What we found**", ""]
    for key, f in records.items():
        if f.get("detail"):
            continue
        code = key.split(".")[0]
        small = f"{f['method']}; n = {f['n']:,}" + (f". {f['caveats']}" if f.get("caveats") else "")
        lines.append(f"- **{code}** {inert(f['sentence'])} <small>{inert(small)}</small>")
    return "\n".join(lines)
