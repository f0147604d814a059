"""The experiments of the platform: what is tried on whom, when, and what it truly does.

Everything here is a plain number; `trials.py` lets it happen. Effects are logs of factors, amounts are CNY. A promotion
has buyers who would have bought anyway (who redeem all the same), orders that are only pulled forward (``after`` below
0), and categories that lose what a promoted one gains (``redirect``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

PLAIN = (1.0, 1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Offer:
    """What an arm takes off an order.

    Parameters
    ----------
    kind : str
        ``coupon`` (once a customer), ``threshold`` (every order), ``percent`` (every line of the category `focus`, or
        of all), ``shipping`` (no charge for it).
    minimum : float
        Order value from which on it counts, CNY.
    off : float
        Amount taken off, CNY; for ``percent`` a share of the price.
    redeemed : float
        Chance that an order that could use it does.
    """

    kind: str
    minimum: float = 0.0
    off: float = 0.0
    redeemed: float = 1.0


@dataclass(frozen=True)
class Push:
    """What an arm does to those who are in it.

    Parameters
    ----------
    errand, after : float
        Log factor on the chance of an errand on a visit: during, and in the weeks after.
    by_type, by_tier : tuple of float
        Factor on `errand` and `after` by latent type, and by member tier.
    visit, loss : float
        Log factor on visits, and on the weekly hazard of loss; during.
    load : float
        Factor on load times; during.
    more : float
        Added chance of one more need on an errand; during.
    focus : int
        A category (its number), and `redirect`, the share of other needs that go there instead; during.
    contacts : int
        Messages a week; during.
    """

    errand: float = 0.0
    after: float = 0.0
    by_type: tuple[float, ...] = PLAIN
    by_tier: tuple[float, ...] = (1.0, 1.0, 1.0)
    visit: float = 0.0
    loss: float = 0.0
    load: float = 1.0
    more: float = 0.0
    focus: int = -1
    redirect: float = 0.0
    offer: Offer | None = None
    contacts: int = 0


@dataclass(frozen=True)
class Arm:
    """An arm: its name, the share of units planned for it, what a unit costs (CNY), and what it does."""

    name: str
    share: float
    push: Push = Push()
    unit_cost: float = 0.0


@dataclass(frozen=True)
class Metric:
    """What an experiment is judged by; see the contract's table ``experiment_metrics``."""

    metric: str
    role: str
    window: str = "during"
    direction: str = "increase"
    margin: float | None = None
    denominator: str | None = None


@dataclass(frozen=True)
class Experiment:
    """A randomised experiment; the first arm is the control. `start` is a Monday, windows are whole weeks.

    Parameters
    ----------
    leak : float
        Chance that a treated unit that never came during the test is missing from the records: a broken sample ratio.
    consent : bool
        Only those who allow marketing are tried.
    new : int
        Only those who signed up within so many weeks are tried; 0: everybody who is there.
    """

    id: str
    name: str
    kind: str
    unit: str
    start: date
    weeks: int
    post_weeks: int
    arms: tuple[Arm, ...]
    metrics: tuple[Metric, ...]
    planned_lift: float
    design: str = "fixed"
    looks: int | None = None
    leak: float = 0.0
    consent: bool = False
    new: int = 0

    @property
    def offers(self) -> bool:
        """Whether it tries a promotion: something taken off an order."""
        return any(a.push.offer for a in self.arms)


def _two(name: str, push: Push, unit_cost: float = 0.0) -> tuple[Arm, ...]:
    return Arm("control", 0.5), Arm(name, 0.5, push, unit_cost)


NET = Metric("contribution", "goal", "total")
ORDERS, REVENUE = Metric("orders", "secondary"), Metric("revenue", "secondary")
VISITS = Metric("visits", "guardrail", "post", margin=0.10)
BEAUTY = 6

EXPERIMENTS: tuple[Experiment, ...] = (
    Experiment(
        "onboarding", "A guided start for newcomers", "onboarding", "customer", date(2024, 3, 4), 8, 4,
        _two("guided start", Push(errand=0.35, loss=-0.7)),
        (NET, ORDERS, REVENUE, VISITS), 0.20, new=8,
    ),
    Experiment(
        "welcome_back", "Welcome back", "coupon", "customer", date(2024, 9, 2), 2, 4,
        _two("welcome back", Push(errand=0.10, offer=Offer("coupon", minimum=59.0, off=10.0, redeemed=0.4))),
        (NET, ORDERS, VISITS), 0.20, leak=0.25,
    ),
    Experiment(
        "free_shipping", "Free shipping in some cities", "shipping", "region", date(2025, 2, 17), 3, 2,
        _two("free shipping", Push(errand=0.45, after=-0.06, offer=Offer("shipping"))),
        (Metric("contribution", "goal", "total"), ORDERS), 0.25,
    ),
    Experiment(
        "coupon", "10 off from 69 on, once", "coupon", "customer", date(2025, 3, 31), 5, 4,
        _two("coupon", Push(errand=0.50, after=-0.12, by_type=(1.4, 0.7, 0.8, 0.9),
                            offer=Offer("coupon", minimum=69.0, off=10.0, redeemed=0.85))),
        (NET, ORDERS, REVENUE, VISITS), 0.20, design="group_sequential", looks=5,
    ),
    Experiment(
        "banner", "Another banner", "banner", "customer", date(2025, 5, 5), 4, 0,
        _two("new banner", Push()), (Metric("orders", "goal"), REVENUE), 0.15, design="always_valid",
    ),
    Experiment(
        "threshold", "30 off from 90 on", "threshold", "customer", date(2025, 6, 23), 3, 4,
        _two("30 off 90", Push(errand=0.10, after=-0.10, more=0.02,
                                offer=Offer("threshold", minimum=90.0, off=30.0, redeemed=0.95))),
        (NET, ORDERS, REVENUE, VISITS), 0.20,
    ),
    Experiment(
        "members_price", "Eight per cent off for members", "members", "customer", date(2025, 7, 21), 4, 4,
        _two("members price", Push(errand=0.10, by_tier=(0.0, 4.0, 8.0), offer=Offer("percent", off=0.08))),
        (NET, ORDERS, VISITS), 0.10,
    ),
    Experiment(
        "page_speed", "Faster pages", "page_speed", "session", date(2025, 8, 4), 5, 0,
        _two("fast pages", Push(load=0.5)), (Metric("orders", "goal"), REVENUE), 0.10,
    ),
    Experiment(
        "seasonal", "A gift for the mid-autumn festival", "seasonal", "customer", date(2025, 9, 15), 4, 4,
        _two("gift", Push(errand=0.48, after=-0.05), unit_cost=0.8), (NET, ORDERS, REVENUE, VISITS), 0.20,
    ),
    Experiment(
        "flash_sale", "A week of beauty at 18 % off", "flash_sale", "customer", date(2025, 10, 13), 1, 4,
        _two("flash sale", Push(errand=0.25, after=-0.16, focus=BEAUTY, redirect=0.30,
                                offer=Offer("percent", off=0.18))),
        (NET, ORDERS, REVENUE, VISITS), 0.25,
    ),
    Experiment(
        "contact_frequency", "How many messages a week", "contact", "customer", date(2025, 10, 20), 6, 4,
        (
            Arm("none", 0.25),
            Arm("one a week", 0.25, Push(visit=0.25, contacts=1)),
            Arm("three a week", 0.25, Push(visit=0.50, loss=0.2, contacts=3)),
            Arm("seven a week", 0.25, Push(visit=0.52, loss=1.9, contacts=7)),
        ),
        (NET, Metric("visits", "secondary"), VISITS), 0.20, consent=True,
    ),
    Experiment(
        "recommendation", "Recommendations at the cart", "recommendation", "visitor", date(2025, 11, 17), 6, 0,
        _two("recommendations", Push(more=0.09)),
        (Metric("revenue", "goal"), Metric("revenue", "secondary", denominator="orders"), ORDERS), 0.10,
    ),
)  # fmt: skip
