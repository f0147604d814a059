"""Tables of retention: points, communities, and those who close their account."""

from __future__ import annotations

from growth.contract.spec import Column as C
from growth.contract.spec import Table

MEMBER = C("customer_id", "id", "the customer", True, refers="customers.customer_id", personal=True)

RETENTION = (
    Table(
        "points",
        "retention",
        "Points that a member of the points club got or gave.",
        (
            MEMBER,
            C("at", "time", "when", True),
            C("delta", "int", "points added; negative: redeemed or expired", True),
            C("reason", "label", "joined, order, redeemed, expired, …"),
        ),
        clock="at",
    ),
    Table(
        "communities",
        "retention",
        "A customer in a community, from-to. Nobody is drawn into one by lot: who joins is another kind of customer.",
        (
            MEMBER,
            C("community", "label", "the community", True),
            C("joined_at", "time", "joined", True),
            C("left_at", "time", "left; null: still in it"),
        ),
        key=("customer_id", "community", "joined_at"),
        clock="joined_at",
        sequence=(("joined_at", "left_at"),),
    ),
    Table(
        "departures",
        "retention",
        "A customer who closed the account, and why, as stated.",
        (
            MEMBER,
            C("at", "time", "closed", True),
            C("reason", "label", "as stated; null: none given"),
        ),
        key=("customer_id",),
        clock="at",
    ),
)
