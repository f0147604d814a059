"""Numbers as words."""

from __future__ import annotations

from decimal import Decimal

import pytest

from growth import words


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("8911407.9040", "GBP 8,911,407.904"),
        ("4660938.9000", "GBP 4,660,938.90"),
        ("0", "GBP 0.00"),
        ("-1200", "GBP -1,200.00"),
    ],
)
def test_money_is_exact(amount: str, said: str) -> None:
    assert words.money(Decimal(amount), "GBP") == said


def test_the_rest() -> None:
    assert words.plural(1, "day") == "1 day" and words.plural(1234, "day") == "1,234 days"
    assert words.percent(0.1234) == "12.3 %" and words.interval(0.1, 0.2) == "10.0 to 20.0 %"
