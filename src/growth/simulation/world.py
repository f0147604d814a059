"""The parameters of the platform: change one here, and data, truths and notebooks follow.

Every number is explained where it stands; `docs/simulation.md` says which mechanism uses it and which truth it
moves. Rates are a day or a week, money is CNY, elasticities and utilities are in natural logarithms.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

from growth.simulation.creators import CREATORS
from growth.simulation.experiments import EXPERIMENTS, Experiment

TYPES = ("price-sensitive", "quality-seeking", "individuality-seeking", "convenience-seeking")
CITY_TIERS = ("tier 1", "new tier 1", "tier 2", "tier 3")
CHANNELS = ("search", "ads", "social", "creator", "referral", "offline", "direct")
# Channels of touches and spend. The first three answer what is spent on them, region by region and week by week.
MEDIA = ("search_ads", "display", "social", "seo", "offline", "partner", "brand_search", "retargeting", "creator",
         "affiliate", "referral")  # fmt: skip
SEARCH_ADS, DISPLAY, SOCIAL, SEO, OFFLINE, PARTNER, BRAND, RETARGETING, CREATOR, AFFILIATE, REFERRAL = range(
    11
)
CURVED = 3
PAID = (SEARCH_ADS, DISPLAY, SOCIAL, OFFLINE, BRAND, RETARGETING, CREATOR, AFFILIATE)
DEVICES = ("phone", "desktop", "tablet")
TIERS = ("bronze", "silver", "gold")
PHASES = ("potential", "introduction", "growth", "maturity", "dormancy", "loss")
POTENTIAL, INTRODUCTION, GROWTH, MATURITY, DORMANCY, LOSS = range(6)


@dataclass(frozen=True)
class Settings:
    """What a run of the platform is asked for (the section ``simulation:`` has the same shape)."""

    seed: int = 20260101
    customers: int = 60_000
    months: int = 30
    dirt: bool = True


@dataclass(frozen=True)
class People:
    """Who comes, and how often."""

    # Persons for each expected customer: most visitors never sign up (measured, see tests/simulation).
    persons_a_customer: float = 2.44
    # Share of each type by city tier: composition differs by region, which biases naive comparisons.
    types: tuple[tuple[float, ...], ...] = (
        (0.24, 0.32, 0.22, 0.22),
        (0.32, 0.26, 0.21, 0.21),
        (0.39, 0.22, 0.19, 0.20),
        (0.48, 0.17, 0.16, 0.19),
    )
    # Visits a day of a person in the phase "maturity", mean by type; gamma spread over persons of this shape.
    visit_rate: tuple[float, ...] = (0.076, 0.062, 0.070, 0.055)
    visit_shape: float = 0.72
    second_visit: float = 0.15  # chance of a second visit on a day with one
    # Loss a week, mean by type; gamma spread (the dropout heterogeneity behind a retention curve that flattens).
    loss_rate: tuple[float, ...] = (0.034, 0.020, 0.026, 0.022)
    loss_shape: float = 0.8
    # How channels differ: share of arrivals, factor on the visit rate, on loss, and on the chance of sign-up.
    channel_share: tuple[float, ...] = (0.22, 0.24, 0.16, 0.10, 0.10, 0.06, 0.12)
    channel_visit: tuple[float, ...] = (1.00, 0.80, 0.95, 0.90, 1.20, 0.90, 1.10)
    channel_loss: tuple[float, ...] = (1.00, 1.45, 1.20, 1.30, 0.75, 0.90, 0.80)
    channel_sign_up: tuple[float, ...] = (1.00, 0.75, 0.90, 1.00, 1.40, 1.30, 1.20)
    sign_up_a_visit: float = 0.14
    guest: float = 0.30  # share of persons who check out as guests until they sign up …
    guest_sign_up: float = 0.25  # … and whose chance to sign up on a visit is lower by this factor
    # Devices: chance of owning each besides the phone, of using it on a visit, and of a new phone within the period
    desktop: float = 0.38
    tablet: float = 0.12
    new_phone: float = 0.15
    # Consent to marketing and to analytics: given at the sign-up with this chance, withdrawn after so many days (mean).
    consent: tuple[float, float] = (0.68, 0.90)
    withdrawal: tuple[float, float] = (1600.0, 6000.0)


@dataclass(frozen=True)
class Life:
    """Phases of a customer: factors on visits and on loss, and the hazards between phases (a week)."""

    visit: tuple[float, ...] = (0.55, 0.80, 1.25, 1.00, 0.06, 0.0)  # by phase, see PHASES
    loss: tuple[float, ...] = (3.0, 1.6, 1.0, 0.65, 1.0, 0.0)
    maturity_orders: int = 4  # from this many orders on, growth becomes maturity
    sleep: float = 0.020  # hazard a week of falling dormant (growth and maturity)
    wake: float = 0.055  # hazard a week of waking from dormancy
    # A late parcel multiplies the hazard of loss for some weeks after it: the truth behind "does waiting matter".
    late_log_hazard: float = 1.2
    late_weeks: int = 10
    # Being of a tier makes a customer come more often, by this factor: much less than the naive comparison says.
    tier_visit: tuple[float, ...] = (1.0, 1.05, 1.12)
    tier_spend: tuple[float, ...] = (800.0, 2_000.0)  # spend of 52 weeks that gives silver, gold
    contact_visit: float = 1.25  # factor on visits of those whom Policy.contacted names


@dataclass(frozen=True)
class Clubs:
    """The points club, communities and goodbyes; see clubs.py. Only the points club changes what people do."""

    # Chance of joining the points club at sign-up: by channel, times by city tier. Known to the shop, all of it.
    points_channel: tuple[float, ...] = (0.50, 0.15, 0.40, 0.20, 0.70, 0.55, 0.70)
    points_city: tuple[float, ...] = (1.2, 1.0, 0.8, 0.5)
    points_gift: int = 100
    # What being in it does to the weekly hazard of loss, from the week after joining on (log).
    points_log_hazard: float = -0.30
    # Chance of joining a community: times what a hidden liking (patience and eagerness, each 0 to 1) makes of it.
    community: float = 1.0
    liking: float = 0.2
    community_wait: float = 150.0  # days after sign-up, mean
    community_stay: float = 700.0  # days in it, mean
    # Of those lost, the share that closes the account, and blames a late parcel if there was one lately.
    goodbye: float = 0.30
    blames: float = 0.75
    # Stated reasons by type: too expensive, quality, found elsewhere, no need; the rest: too many messages.
    reasons: tuple[tuple[float, ...], ...] = (
        (0.55, 0.05, 0.20, 0.12),
        (0.12, 0.40, 0.25, 0.15),
        (0.15, 0.15, 0.45, 0.17),
        (0.15, 0.12, 0.20, 0.30),
    )


@dataclass(frozen=True)
class Voice:
    """The survey of customers; see voice.py. It changes nothing that people do."""

    days_before: tuple[int, int] = (
        196,
        105,
    )  # waves, days before the end: 91 days after the last answer are seen
    bought_within: int = 182  # days before the wave in which who is asked has bought
    asked: float = 0.5  # share of these who are drawn, the same people in every wave
    # Satisfaction, of variance 1: how far the patience behind the loss rate is in it, and the mood of the wave.
    patience: float = 0.85
    mood: float = 0.4
    late: float = 0.6  # what a late parcel of the last `grudge` days takes off it …
    late_delivery: float = 0.5  # … and off the item on delivery besides
    grudge: int = 91
    loading: float = 0.80  # of every item on satisfaction; the rest is noise
    # Thresholds between the answers 1 to 5, and 0 to 10.
    satisfied: tuple[float, ...] = (-1.7, -1.0, -0.1, 1.0)
    recommends: tuple[float, ...] = (-2.3, -2.0, -1.75, -1.5, -1.25, -0.9, -0.5, 0.0, 0.6, 1.2)
    # Log odds of answering: of somebody of middling satisfaction, and what a unit of satisfaction adds.
    answers: float = -0.6
    answers_liking: float = 0.6
    breaks_off: float = 0.04  # share of these who stop after two items
    answer_days: float = 1.5  # days until the answer, mean; at most a week


@dataclass(frozen=True)
class Demand:
    """Choice among the products of a category, and what sets prices; see demand.py."""

    # By type: minus the price coefficient on log price, taste for quality, for the unusual, for a promotion tag.
    alpha: tuple[float, ...] = (5.0, 2.6, 3.0, 3.4)
    quality: tuple[float, ...] = (0.30, 1.20, 0.50, 0.60)
    unusual: tuple[float, ...] = (0.0, 0.2, 1.1, 0.0)
    promotion: tuple[float, ...] = (0.60, 0.10, 0.12, 0.25)
    # Share of a type's needs that is met at base prices: sets the utility of buying against not buying.
    met: tuple[float, ...] = (0.38, 0.40, 0.38, 0.44)
    base_price_sd: float = 0.32  # spread of log base prices in a category …
    price_of_quality: float = 0.24  # … and what a unit of quality adds to it
    ramp: float = -1.2  # utility of a new product at its launch, decaying over ramp_weeks
    ramp_weeks: float = 8.0
    ageing: float = -0.25  # utility lost a year by the fastest ageing product
    # A visit is an errand (serious intent) with this chance by type; the rest of the visits browse.
    errand: tuple[float, ...] = (0.120, 0.147, 0.133, 0.172)
    # … times this by city tier: small cities buy less and load slowly, which biases naive load-time comparisons.
    errand_city: tuple[float, ...] = (1.30, 1.10, 0.95, 0.72)
    errand_first: float = 0.56  # factor before the first order
    sated: float = 0.40  # an order lowers the chance of the next errand by this share …
    sated_weeks: float = 1.5  # … decaying with this time constant
    more_needs: float = 0.90  # chance of one more need on the same errand (geometric, at most `most_needs`)
    most_needs: int = 8
    needs_spread: float = 0.25  # … a person's own chance lies this share around it
    favourite: float = 0.40  # chance that a need is of the person's favourite category
    # Finishing the checkout: logit at a load time of 1,500 ms, and slope on log(load / 1,500 ms) by type.
    finish: float = 0.75
    load_slope: tuple[float, ...] = (0.35, 0.45, 0.45, 0.75)
    # Demand shocks by product and week (log utility): persistence, spread, and how far prices answer them.
    shock_rho: float = 0.5
    shock_sd: float = 0.30
    price_answers_shock: float = 0.05
    # Costs: category and product parts, changed every fourth week; share passed on to the price.
    cost_rho: float = 0.85
    cost_category_sd: float = 0.03
    cost_product_sd: float = 0.095
    pass_through: float = 0.80
    margin: float = 0.45  # of the base price; spread over products
    # Promotions: chance of a product's random promotion in a week, and in an event; depth.
    promo_weekly: float = 0.07
    promo_event: float = 0.60
    promo_depth: tuple[float, float] = (0.06, 0.28)


@dataclass(frozen=True)
class Pages:
    """How fast pages load: log-normal around a median by device and city tier."""

    load_ms: float = 1350.0
    device: tuple[float, ...] = (1.0, 0.8, 1.1, 0.9)  # phone, desktop, tablet, a new phone
    city: tuple[float, ...] = (
        0.80,
        0.92,
        1.10,
        1.45,
    )  # small cities load slowly, and buy less for other reasons
    spread: float = 0.45  # of log load time


@dataclass(frozen=True)
class Season:
    """How visits and intent move with the calendar."""

    month: tuple[float, ...] = (1.0, 0.90, 0.98, 0.97, 1.0, 1.02, 0.97, 0.96, 1.0, 1.02, 1.05, 1.06)
    weekday: tuple[float, ...] = (0.98, 0.96, 0.96, 0.97, 1.0, 1.07, 1.06)
    market_rho: float = 0.6
    market_sd: float = 0.05
    region_sd: float = 0.05
    # Factors on visits and on the chance of an errand: in an event's window, and at its peak.
    event_visit: tuple[float, float] = (1.20, 1.80)
    event_errand: tuple[float, float] = (1.12, 1.45)
    after_visit: float = 0.90  # the week after an event
    launch: float = 1.6  # arrivals are higher by this share when the shop opens …
    launch_days: float = 75.0  # … fading with this time constant


@dataclass(frozen=True)
class Trade:
    """Paying, shipping, delivering, returning."""

    unpaid: float = 0.025
    cancelled: float = 0.02
    delivery_days: tuple[float, ...] = (1.5, 1.8, 2.3, 3.1)  # median by city tier
    delivery_sd: float = 0.38
    event_delay: float = 1.25
    promised_days: tuple[int, ...] = (3, 3, 4, 5)
    free_shipping_from: float = 99.0
    payment_fee: float = 0.006
    return_factor: tuple[float, ...] = (1.1, 0.8, 1.2, 1.0)  # by type
    late_return: float = 1.5  # factor on returns of a late parcel


@dataclass(frozen=True)
class Fraud:
    """Machines and made-up orders, in known numbers."""

    bots: float = 0.004  # share of persons
    bot_visits: float = 0.45  # chance of a visit in each half of a day, for one to nine months
    bot_labelled: float = 0.6
    fakes: float = 0.004  # share of persons who are accounts of a ring
    rings: int = 12
    fake_orders: float = 4.0  # mean number of orders of a fake account


@dataclass(frozen=True)
class Shelf:
    """Competitors, stock, the price test in regions, the end of products, and the guards of a price list."""

    # Competitors' log prices: a constant gap, this share of the category's cost, and a walk of their own (by week).
    rival_carries: tuple[float, ...] = (1.0, 0.6)  # share of the products that each competitor sells
    rival_gap: float = 0.06
    rival_cost: float = 0.6
    rival_rho: float = 0.9
    rival_sd: float = 0.08
    # Utility of a product when competitors ask a log unit more for it than they usually do.
    rival_utility: float = 0.6
    # Stock: share of the shop's own products that are kept short, and categories in which none is: beauty, where the
    # flash sale is.
    short: float = 0.45
    spared: tuple[int, ...] = (6,)
    review: int = 14  # days between two looks at the stock of a product
    safety: tuple[float, float] = (2.0, 24.0)  # days of usual demand kept in hand: short products, others
    # By supplier: promised days, chance of a delay, its mean in days.
    promised: tuple[int, ...] = (6, 8, 10, 12, 14)
    delayed: tuple[float, ...] = (0.10, 0.25, 0.15, 0.35, 0.20)
    delay: tuple[float, ...] = (4.0, 7.0, 6.0, 9.0, 12.0)
    # The price test: its Monday, how often lots are drawn and for how many weeks, products a category, factors.
    test_start: date = date(2025, 3, 24)
    test_periods: int = 3
    test_weeks: int = 3
    test_products: int = 3
    test_factors: tuple[float, ...] = (0.90, 0.95, 1.0, 1.05, 1.10)
    # Share of the shop's own older products that are taken off the shelves, in the last sixteen months.
    delisted: float = 0.16
    # Guards of a recommended price: most it may move from today's list price, least margin on the price, and the
    # weeks whose prices count as seen.
    step: float = 0.10
    margin_floor: float = 0.10
    seen_weeks: int = 52


@dataclass(frozen=True)
class ChannelTest:
    """A test that keeps half of the units from a channel: customers, or cities drawn within their tier.

    `campaign` is the number of a creator's campaign, whose signed-up followers are drawn from; -1: all customers are.
    """

    channel: int
    unit: str
    start: date
    weeks: int
    campaign: int = -1

    @property
    def id(self) -> str:
        """Its name in the tables."""
        kind = "holdout" if self.unit == "customer" else "geo"
        return f"{kind}-{MEDIA[self.channel]}" + (f"-{self.campaign:02d}" if self.campaign >= 0 else "")


def _channel_tests() -> tuple[ChannelTest, ...]:
    autumn = date(2024, 10, 14)
    creators = [date(2024, 7, 8) + timedelta(days=14 * k) for k in range(4, 12)]
    return (
        *(ChannelTest(c, "customer", autumn, 13) for c in (BRAND, AFFILIATE, RETARGETING)),
        ChannelTest(SEARCH_ADS, "region", date(2024, 7, 8), 8),
        ChannelTest(SOCIAL, "region", date(2024, 9, 9), 8),
        ChannelTest(DISPLAY, "region", date(2024, 11, 18), 8),
        *(ChannelTest(CREATOR, "customer", day, 2, k + 4) for k, day in enumerate(creators)),
    )


@dataclass(frozen=True)
class Channels:
    """What brings people back to the shop, and what it costs; see media.py, causes.py and touches.py.

    Tuples are by channel, in the order of `MEDIA`; where only three are given, they are of the first three.
    """

    # Share of the visits after the first that a channel brings: of all people; offline by city tier below; of brand
    # search and retargeting, of those they reach; a creator's is in creators.py. Affiliates bring nobody.
    share: tuple[float, ...] = (0.06, 0.08, 0.07, 0.05, 0.0, 0.02, 0.02, 0.12, 0.0, 0.0, 0.0)
    offline: tuple[float, ...] = (0.05, 0.03, 0.0, 0.0)
    # Room for each share in the unit interval: a share never grows beyond it.
    room: tuple[float, ...] = (0.11, 0.22, 0.18, 0.05, 0.05, 0.02, 0.02, 0.12, 0.23, 0.0, 0.0)
    # Of the first three: what is left of the pressure after a week; the pressure, in units of the usual one, at which
    # half of the greatest response is reached; and the spread that random pulses give the visits of a city and week.
    carry: tuple[float, ...] = (0.10, 0.40, 0.30)
    half: tuple[float, ...] = (1.0, 2.0, 1.5)
    swing: tuple[float, ...] = (0.010, 0.018, 0.015)
    level: float = 0.25  # spread of the log of spend a head between cities
    follows: float = (
        0.7  # how far spend follows season, events and market: log spend a log of their factor on visits
    )
    usual: tuple[float, ...] = (2_700.0, 5_800.0, 1_900.0)  # usual spend a week, CNY, at the default size
    # How the others would answer a change of spend (as `half`).
    half_other: float = 1.0
    within: int = 2  # weeks after a visit without an order in which retargeting follows a customer
    fee: float = 4_000.0  # of a campaign of a creator with a million followers, CNY, at the default size
    stores: float = 2_500.0  # of the stores' events a month, CNY, at the default size
    since: date = date(2024, 7, 1)  # first day from which on touches are recorded
    # Costs of a touch, CNY: a click on brand search; an impression and a click of retargeting; a share of the order.
    click_brand: float = 0.9
    shown_retargeting: float = 0.05
    click_retargeting: float = 0.8
    commission: float = 0.08
    coupon_site: float = 0.15  # share of the orders of customers that pass an affiliate's site on the way
    # Visits that would have come anyway: share whose way in is recorded.
    recorded: float = 0.55
    # Of the visits that a channel brings: share by its own click, and by a search for the shop; the others otherwise.
    own_click: tuple[float, ...] = (0.75, 0.10, 0.30, 0.90, 0.70, 0.85, 0.95, 0.35, 0.35, 0.0, 0.0)
    by_search: tuple[float, ...] = (0.05, 0.45, 0.25, 0.0, 0.0, 0.0, 0.0, 0.10, 0.25, 0.0, 0.0)
    seen_before: float = (
        0.9  # share of those brought by display, social, retargeting, creators that were shown it
    )
    # Shown to those who come anyway, and to those who do not: a person and week at usual spend; a visit without an
    # order (retargeting); a follower of the best known creator and campaign.
    shown: tuple[float, ...] = (0.0, 0.012, 0.008)
    shown_after: float = 0.10
    shown_follower: float = 0.30
    # Invitations: days from a customer's arrival to that of whom it invites (gamma, mean and shape), and how many
    # invitations a customer sends in vain.
    generation: float = 75.0
    generation_shape: float = 1.5
    in_vain: float = 0.35
    tests: tuple[ChannelTest, ...] = field(default_factory=_channel_tests)


@dataclass(frozen=True)
class World:
    """All parameters."""

    people: People = field(default_factory=People)
    life: Life = field(default_factory=Life)
    demand: Demand = field(default_factory=Demand)
    pages: Pages = field(default_factory=Pages)
    season: Season = field(default_factory=Season)
    trade: Trade = field(default_factory=Trade)
    fraud: Fraud = field(default_factory=Fraud)
    clubs: Clubs = field(default_factory=Clubs)
    shelf: Shelf = field(default_factory=Shelf)
    voice: Voice = field(default_factory=Voice)
    channels: Channels = field(default_factory=Channels)
    experiments: tuple[Experiment, ...] = EXPERIMENTS


assert max(c.share for c in CREATORS) <= Channels().room[CREATOR] and sum(Channels().room) <= 1 + 1e-12
