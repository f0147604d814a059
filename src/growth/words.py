"""Numbers as words: the same way everywhere, with their unit."""

from __future__ import annotations

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
