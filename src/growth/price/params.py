"""Parameters of ``04_price``."""

from __future__ import annotations

from pydantic import Field

from growth.section import Section

HANDLING = 0.9  # CNY a unit on the simulated platform


class Params(Section):
    """Section ``price`` of ``params.yaml``."""

    product: str | None = Field(
        description="id of the product shown in depth; null: the one with most at stake"
    )
    confidence: float = Field(ge=0.5, le=0.999, description="confidence of every interval, 0.5 to 0.999")
    fewest_weeks: int = Field(ge=6, le=520, description="weeks with a price that a product needs, 6 to 520")
    handling: float | None = Field(
        ge=0,
        description="cost of a unit beside the goods, in the dataset's currency; null: 0.9 on the simulated platform, "
        "0 on other data",
    )
    fee: float = Field(ge=0, lt=1, description="share of the price for payment and marketplace, below 1")
    refunded: float = Field(ge=0, lt=1, description="share of the price that is paid back, below 1")
    margin_floor: float = Field(
        ge=0, lt=1, description="least profit of a unit as a share of its price, below 1"
    )
    step: float = Field(gt=0, le=1, description="largest change of a price at once, as a share, above 0 to 1")
    rival_low: float = Field(gt=0, le=10, description="least price over the lowest competitor's, above 0")
    rival_high: float = Field(gt=0, le=10, description="most price over the lowest competitor's, above 0")
    deepest: float = Field(
        gt=0, lt=1, description="largest share taken off for a week or in a clearance, below 1"
    )
    borrowed: float = Field(
        ge=0,
        lt=1,
        description="assumed where the data cannot tell it: share of a cut's lift that later weeks lack, below 1",
    )
    sure: float = Field(ge=0, le=1, description="least probability of a gain for a change, 0 to 1")
    spread: float = Field(
        ge=0,
        le=3,
        description="assumed: standard deviation of products' elasticities about the level, 0 to 3",
    )
    holding: float = Field(
        ge=0, le=2, description="cost of a year in stock as a share of the cost of goods, 0 to 2"
    )
    horizon_days: int = Field(ge=7, le=182, description="days of the forecast, 7 to 182")

    def settled(self, synthetic: bool) -> Params:
        """Return the parameters with the cost of handling as it is for these data."""
        if self.handling is not None:
            return self
        return self.model_copy(update=dict(handling=HANDLING if synthetic else 0.0))
