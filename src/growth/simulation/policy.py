"""What a decision changes: the levers of the platform, from a day on. Everything else stays as drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from growth.simulation.clock import Span, day_of


@dataclass(frozen=True)
class Policy:
    """Another policy for the platform.

    Parameters
    ----------
    price_level : float
        Factor on every price.
    prices : mapping of str to float
        Factor on the price of a product, by product id; a product that is not named keeps its price.
    price_list : mapping of str to float
        List price of a product, CNY, by product id: it holds from the first day of the policy on, whatever costs do;
        promotions are taken off it, and no other factor is put on it.
    load_time : float
        Factor on the load time of every page.
    visit_rate : float
        Factor on everybody's visit rate.
    contacted : frozenset of str
        Customers who are reminded to come by: their visit rate rises by ``World.life.contact_visit``.
    delivery : float
        Factor on the time that a parcel travels.
    campaigns : mapping of str to (str, tuple of int)
        Experiment's id -> arm that everybody in its audience gets, for as many weeks as the experiment ran, from the
        policy's first whole week on; and the member tiers (0, 1, 2) it is kept to, none for all.
    channel_spend : mapping of str to float
        Factor on what is spent on a channel, by its name among those paid for; what earlier spend left is carried over.
    start : date or None
        First day of the policy. None: as_of in a forward run (``horizon``), else the first day of the data.
    """

    price_level: float = 1.0
    prices: Mapping[str, float] = field(default_factory=dict)
    price_list: Mapping[str, float] = field(default_factory=dict)
    load_time: float = 1.0
    visit_rate: float = 1.0
    contacted: frozenset[str] = frozenset()
    delivery: float = 1.0
    campaigns: Mapping[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    channel_spend: Mapping[str, float] = field(default_factory=dict)
    start: date | None = None

    def __post_init__(self) -> None:
        factors = {
            "price_level": self.price_level,
            "load_time": self.load_time,
            "visit_rate": self.visit_rate,
            "delivery": self.delivery,
            **{f"prices[{k!r}]": v for k, v in self.prices.items()},
            **{f"price_list[{k!r}]": v for k, v in self.price_list.items()},
        }
        for name, value in factors.items():
            if not 0 < value < float("inf"):
                raise ValueError(f"Policy.{name} must be a positive factor, not {value}")
        for name, value in self.channel_spend.items():
            if not 0 <= value < float("inf"):
                raise ValueError(f"Policy.channel_spend[{name!r}] must be a factor of 0 or more, not {value}")

    def first_day(self, span: Span, horizon: int | None) -> int:
        """Return the number of the first day on which the policy holds."""
        if self.start is not None:
            return day_of(self.start)
        return span.now if horizon else span.first
