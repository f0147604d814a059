"""Parameters of ``05_channels``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from growth.section import Section


class Params(Section):
    """Section ``channels`` of ``params.yaml``."""

    confidence: float = Field(ge=0.5, le=0.999, description="confidence of every interval, 0.5 to 0.999")
    rule: Literal["first", "last", "last non-direct", "linear", "position"] = Field(
        description="rule whose credit is scaled by the tests: first, last, last non-direct, linear or position"
    )
    half_life: float = Field(
        gt=0, le=8760, description="hours in which a touch loses half its weight, above 0"
    )
    margin: float = Field(gt=0, le=1, description="share of revenue that is left before spend, above 0 to 1")
    weeks_before: int = Field(ge=1, le=104, description="weeks before a test by region, 1 to 104")
    horizon_days: int = Field(
        ge=7, le=1825, description="days in which an invitation counts for K, 7 to 1825"
    )
    move: float = Field(ge=0, le=2, description="share by which a channel's spend may be moved, 0 to 2")
    half: float = Field(
        gt=0,
        le=20,
        description="assumed: spend, of today's, at which a channel tested on customers brings half of its most",
    )
    replicates: int = Field(ge=20, le=5000, description="resamplings of an interval, 20 to 5000")
    seed: int = Field(description="of resampling")
