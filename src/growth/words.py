"""Numbers as words: the same way everywhere, with their unit."""

from __future__ import annotations

import html
from decimal import Decimal


def count(n: float) -> str:
    """1234567 -> ``1,234,567``."""
    return f"{n:,.0f}"


def percent(share: float, decimals: int = 1) -> str:
    """0.1234 -> ``12.3 %``."""
    return f"{100 * share:.{decimals}f} %"


def interval(low: float, high: float, decimals: int = 1) -> str:
    """0.1, 0.2 -> ``10.0 to 20.0 %``."""
    return f"{100 * low:.{decimals}f} to {100 * high:.{decimals}f} %"


def money(amount: Decimal, currency: str) -> str:
    """Decimal("1234.5000"), "GBP" -> ``GBP 1,234.50``: exact, with two decimals or as many as it takes."""
    decimals = max(2, -int(amount.normalize().as_tuple().exponent))
    return f"{currency} {amount:,.{decimals}f}"


def plural(n: int, one: str, many: str = "") -> str:
    """1, "day" -> ``1 day``; 2, "day" -> ``2 days``."""
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


_MARKS = str.maketrans({"[": "&#91;", "]": "&#93;", "`": "&#96;", "*": "&#42;", "$": "&#36;", "|": "&#124;"})


def inert(text: str) -> str:
    """Return text from outside so that neither HTML nor Markdown nor mathematics in it comes alive."""
    return html.escape(text, quote=False).translate(_MARKS)


def minus(number: str) -> str:
    """-1 -> −1: a number as text with the sign that is as wide as a plus."""
    return number.replace("-", "\N{MINUS SIGN}")


def figures(value: float, digits: int = 4) -> str:
    """1098.4 -> ``1,098``, 0.062951 -> ``0.06295``: so many digits, never an exponent."""
    if value == 0 or value != value:
        return "0" if value == 0 else "–"
    size = abs(value)
    places = max(digits - 1 - (len(f"{size:.0f}") - 1 if size >= 1 else _leading(size)), 0)
    return f"{value:,.{places}f}"


def _leading(size: float) -> int:
    """Return minus the number of zeros before the first digit of a number below 1."""
    return int(f"{size:e}".split("e")[1])
