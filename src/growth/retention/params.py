"""Parameters of ``06_retention``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from growth.section import Section


def _rising(values: list[float]) -> list[float]:
    if len(values) != 4 or any(b <= a for a, b in zip(values, values[1:], strict=False)):
        raise ValueError("four numbers that rise, like [30, 90, 180, 365]")
    return values


Cuts = Annotated[list[float], AfterValidator(_rising)]


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
    margin: float = Field(gt=0, le=1, description="share of revenue left after goods and handling, 0 to 1")
    yearly_discount: float = Field(ge=0, le=1, description="discount of next year's money, a year, 0 to 1")
    rfm_days: Cuts = Field(description="cut points of recency: four numbers of days that rise")
    rfm_orders: Cuts = Field(description="cut points of frequency: four numbers of orders that rise")
    rfm_money: Cuts = Field(description="cut points of money: four amounts that rise")
    care_lift: float = Field(
        ge=0, le=1, description="assumed: share by which care raises what a customer leaves in a year, 0 to 1"
    )
    care_cost: float = Field(
        ge=0, description="assumed: what care costs a customer, in the dataset's currency"
    )
    contact_lift: float = Field(
        ge=0,
        le=1,
        description="assumed: share by which a contact raises what a customer leaves in a quarter, 0 to 1",
    )
    contact_cost: float = Field(ge=0, description="what a contact costs, in the dataset's currency")
