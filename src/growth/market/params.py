"""Parameters of ``01_market``."""

from __future__ import annotations

from pydantic import Field

from growth.section import Section


class Params(Section):
    """Section ``market`` of ``params.yaml``."""

    confidence: float = Field(ge=0.5, le=0.999, description="confidence of every interval, 0.5 to 0.999")
    largest_weight: float | None = Field(
        gt=1, description="largest weight of a respondent over the mean one, above 1; null: no bound"
    )
    fewest: int = Field(ge=10, le=1000, description="respondents below which nothing is printed, 10 to 1000")
    false_discoveries: float = Field(
        gt=0, le=0.5, description="share of differences called clear that may be none, above 0 to 0.5"
    )
    own_brand: str = Field(description="what the survey calls the shop itself")
    margin: float = Field(gt=0, lt=0.5, description="half width that the next wave's shares are to have")
    replicates: int = Field(ge=50, le=5000, description="resamplings of an interval, 50 to 5000")
    seed: int = Field(description="of resampling")
