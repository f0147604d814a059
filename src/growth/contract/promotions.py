"""The tables of promotions and experiments: what was offered to whom, what was tried on whom, and what came of it."""

from __future__ import annotations

from growth.contract.core import CUSTOMER, REGION
from growth.contract.spec import Column as C
from growth.contract.spec import Table

UNITS = ("customer", "visitor", "session", "region")
DESIGNS = ("fixed", "group_sequential", "always_valid")
ROLES = ("goal", "guardrail", "secondary")
WINDOWS = ("pre", "during", "post", "total")

EXPERIMENT = C(
    "experiment_id", "id", "the experiment", True, refers="experiments.experiment_id", orphan="refuse"
)
# Exactly one of these says who was randomised: the one that the experiment's `unit` names.
UNIT_COLUMNS = (
    CUSTOMER,
    C("visitor_id", "id", "the visitor", refers="visitors.visitor_id", personal=True),
    C("session_id", "id", "the visit", refers="sessions.session_id", personal=True),
    REGION,
)

PROMOTIONS = (
    Table(
        "promotions",
        "promotions",
        "A promotion: what was offered, when, and who paid for it.",
        (
            C("promotion_id", "id", "the promotion", True),
            C("name", "text", "as people call it"),
            C("type", "label", "coupon, threshold, flash_sale, members, seasonal, weekly, event, …"),
            C("starts_on", "date", "first day"),
            C("ends_on", "date", "first day after it"),
            C("funder", "label", "who bears the discount: shop, seller, brand"),
            C("cost", "money", "fixed cost of running it", low=0),
        ),
        key=("promotion_id",),
    ),
    Table(
        "coupons",
        "promotions",
        "A coupon given to a customer, and what became of it.",
        (
            C("coupon_id", "id", "the coupon", True),
            C("promotion_id", "id", "its promotion", refers="promotions.promotion_id"),
            CUSTOMER,
            C("issued_at", "time", "issued", True),
            C("expires_at", "time", "expires"),
            C("redeemed_at", "time", "used; null: not used"),
            C("order_id", "id", "the order it was used on", refers="orders.order_id", personal=True),
            C("face_value", "money", "taken off the order", low=0),
            C("minimum", "money", "order value from which on it can be used", low=0),
        ),
        key=("coupon_id",),
        clock="issued_at",
        sequence=(("issued_at", "redeemed_at"), ("issued_at", "expires_at")),
    ),
    Table(
        "contacts",
        "promotions",
        "A message sent to a customer.",
        (
            CUSTOMER,
            C("channel", "label", "push, email, sms, …"),
            C("campaign", "label", "the campaign"),
            C("sent_at", "time", "sent", True),
            C("opened_at", "time", "opened; null: not opened"),
            C("cost", "money", "cost of sending", low=0),
        ),
        clock="sent_at",
        sequence=(("sent_at", "opened_at"),),
    ),
    Table(
        "experiments",
        "promotions",
        "A randomised comparison, with what was laid down before it began.",
        (
            C("experiment_id", "id", "the experiment", True),
            C("name", "text", "as people call it"),
            C(
                "kind",
                "label",
                "coupon, threshold, flash_sale, contact, page_speed, holdout (of a channel), …",
            ),
            C("unit", "label", "what was randomised", True, allowed=UNITS),
            C("promotion_id", "id", "the promotion that it tries", refers="promotions.promotion_id"),
            C("starts_on", "date", "first day"),
            C("ends_on", "date", "first day after it"),
            C("post_days", "int", "days after it that are watched for the dip", low=0, high=365),
            C("design", "label", "when it may be looked at; null: fixed", allowed=DESIGNS),
            C("looks", "int", "looks planned, for a group-sequential design", low=1, high=100),
            C("alpha", "number", "two-sided error rate; null: that of params.yaml", low=0.0001, high=0.5),
            C("power", "number", "power planned; null: that of params.yaml", low=0.5, high=0.999),
            C(
                "planned_lift",
                "number",
                "smallest relative effect planned for, on the goal",
                low=0.0001,
                high=100,
            ),
            C("planned_units", "int", "units an arm that the plan asked for", low=1),
        ),
        key=("experiment_id",),
    ),
    Table(
        "experiment_arms",
        "promotions",
        "An arm of an experiment.",
        (
            EXPERIMENT,
            C("arm", "label", "the arm", True),
            C("planned_share", "number", "share of the units planned; null: equal shares", low=0, high=1),
            C("control", "bool", "the arm that the others are compared with", True),
            C("unit_cost", "money", "cost for each unit in the arm, beside discounts and contacts", low=0),
        ),
        key=("experiment_id", "arm"),
    ),
    Table(
        "experiment_metrics",
        "promotions",
        "What an experiment is judged by, laid down before it began.",
        (
            EXPERIMENT,
            C(
                "metric",
                "label",
                "the metric: orders, revenue, contribution, …, or one of measurements",
                True,
            ),
            C("denominator", "label", "metric to divide by; null: per unit"),
            C("role", "label", "what it is for", True, allowed=ROLES),
            C("direction", "label", "what is good; null: increase", allowed=("increase", "decrease")),
            C("margin", "number", "of a guardrail: relative loss that is still tolerable", low=0, high=1),
            C("window", "label", "over which days; null: during", allowed=WINDOWS),
        ),
        key=("experiment_id", "metric", "denominator", "window"),
    ),
    Table(
        "experiment_scope",
        "promotions",
        "What an experiment touches: products, categories, regions or a channel. Without a row it touches everything.",
        (
            EXPERIMENT,
            C("product_id", "id", "a product", refers="products.product_id"),
            C("category", "label", "a category"),
            REGION,
            C("channel", "label", "a channel that one arm is kept from"),
        ),
    ),
    Table(
        "assignments",
        "promotions",
        "A unit given to an arm; a unit in two arms has two rows, and an analysis wants to see them.",
        (
            EXPERIMENT,
            *UNIT_COLUMNS,
            C("period", "date", "first day of the period, where one unit is given anew by period"),
            C("arm", "label", "the arm", True),
            C("stratum", "label", "block within which it was drawn"),
            C("assigned_at", "time", "when; null: not known"),
        ),
        clock="assigned_at",
    ),
    Table(
        "exposures",
        "promotions",
        "A unit that saw what its arm shows, for the first time.",
        (
            EXPERIMENT,
            *UNIT_COLUMNS,
            C("arm", "label", "what it saw"),
            C("exposed_at", "time", "when", True),
        ),
        clock="exposed_at",
    ),
    Table(
        "measurements",
        "promotions",
        "A number known of a unit of an experiment where no order or visit tells it; rows of one are added up.",
        (
            EXPERIMENT,
            *UNIT_COLUMNS,
            C("metric", "label", "what was measured", True),
            C("window", "label", "pre (a covariate), during or post; null: during", allowed=WINDOWS[:3]),
            C("value", "number", "the number; null for a segment"),
            C("level", "label", "of a segment: which the unit belongs to"),
        ),
    ),
)
