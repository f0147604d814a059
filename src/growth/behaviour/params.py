"""Parameters of ``02_behaviour``."""

from __future__ import annotations

from pydantic import Field

from growth.section import Section


class Params(Section):
    """Section ``behaviour`` of ``params.yaml``."""

    confidence: float = Field(ge=0.5, le=0.999, description="confidence of every interval, 0.5 to 0.999")
    false_discoveries: float = Field(
        gt=0, le=0.2, description="share of false ones allowed among pairs called significant, above 0 to 0.2"
    )
    fewest: int = Field(ge=10, le=10_000, description="people of a group or search term shown, 10 to 10,000")
    sequence_customers: int = Field(
        ge=20, le=1_000_000, description="customers of a sequence shown, 20 to 1,000,000"
    )
    list_length: int = Field(ge=1, le=10, description="products on the list of next products, 1 to 10")
    new_after_days: int = Field(
        ge=0,
        le=365,
        description="days from the first, in which a person first seen may well be old, 0 to 365",
    )
    not_goods: list[str] = Field(description="products that are no goods (postage, fees): left out of pairs")
