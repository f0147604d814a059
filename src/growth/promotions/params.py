"""Parameters of ``03_promotions``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from growth.section import Section


class Params(Section):
    """Section ``promotions`` of ``params.yaml``."""

    experiment: str | None = Field(
        description="id of the experiment shown in depth, or null: the one with most at stake"
    )
    confidence: float = Field(ge=0.5, le=0.999, description="confidence of every interval, 0.5 to 0.999")
    power: float = Field(ge=0.5, le=0.999, description="power planned for, 0.5 to 0.999")
    ratio_warn: float = Field(gt=0, lt=0.5, description="sample-ratio p-value that is a warning, 0 to 0.5")
    ratio_stop: float = Field(gt=0, lt=0.5, description="sample-ratio p-value without a decision, 0 to 0.5")
    min_visits: int = Field(ge=1, le=10_000_000, description="visits an arm needs, 1 to 10,000,000")
    margin: float = Field(
        ge=0, le=1, description="share of revenue left after goods, where no cost is known, 0 to 1"
    )
    revenue_metric: str = Field(min_length=1, description="measured metric that is revenue, such as spend")
    worthwhile: float = Field(
        ge=0, description="contribution a unit below which it is not worth the trouble, at least 0"
    )
    correction: Literal["holm", "benjamini-hochberg"] = Field(
        description="guard for secondary metrics: holm or benjamini-hochberg"
    )
    winsor: float = Field(gt=0.5, le=1, description="share of units whose value is kept, 0.5 to 1")
    placebos: int = Field(ge=0, le=60, description="quiet dates on which the forecast is tried, 0 to 60")
