"""Parameters of ``06_retention``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from growth.section import Section


class Params(Section):
    """Section ``retention`` of ``params.yaml``."""

    period: Literal["month", "week"] = Field(description="length of a cohort and of an age: month or week")
    confidence: float = Field(ge=0.5, le=0.999, description="confidence of every interval, 0.5 to 0.999")
    min_customers: int = Field(
        ge=10, le=10_000, description="cohorts smaller than this are not shown, 10 to 10,000"
    )
    washout_days: int = Field(
        ge=0,
        le=730,
        description="where data begin in mid-life: days in which first-seen may be old, 0 to 730",
    )
    ages_shown: int = Field(ge=3, le=60, description="number of ages in figures and tables, 3 to 60")
