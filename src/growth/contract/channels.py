"""Tables of channels: what was shown and clicked, what it cost, who spread the word, and the same in sums."""

from __future__ import annotations

from growth.contract.core import CUSTOMER, REGION, VISITOR
from growth.contract.spec import Column as C
from growth.contract.spec import Table

PLACES = ("online", "offline", "partner")
TOUCHES = ("impression", "click")
CHANNEL = C("channel", "label", "the channel", True)

CHANNELS = (
    Table(
        "channels",
        "channels",
        "A channel, and what kind of channel it is. Without a row, a channel with spend counts as paid and online.",
        (
            CHANNEL,
            C("place", "label", "where it is", allowed=PLACES),
            C("paid", "bool", "whether the shop pays for it"),
        ),
        key=("channel",),
    ),
    Table(
        "creators",
        "channels",
        "Somebody who shows products to an audience of their own.",
        (
            C("creator_id", "id", "the creator", True),
            C("name", "text", "as known to the audience"),
            C("platform", "label", "where the audience is"),
            C("format", "label", "what they do: live, video, post, …"),
            C("followers", "int", "size of the audience", low=0),
            C("audience_match", "number", "share of the audience like the shop's customers", low=0, high=1),
            C("suspicious", "number", "share of the audience that looks bought", low=0, high=1),
            C("tone", "number", "mean tone of comments, -1 (hostile) to 1 (warm)", low=-1, high=1),
        ),
        key=("creator_id",),
    ),
    Table(
        "campaigns",
        "channels",
        "A campaign of a channel: a creator's post or livestream, a burst of ads.",
        (
            C("campaign_id", "id", "the campaign", True),
            CHANNEL,
            C("creator_id", "id", "the creator", refers="creators.creator_id"),
            C("name", "text", "as people call it"),
            C("starts_on", "date", "first day"),
            C("ends_on", "date", "first day after it"),
            C("cost", "money", "what it cost beside the spend by day", low=0),
        ),
        key=("campaign_id",),
        sequence=(("starts_on", "ends_on"),),
    ),
    Table(
        "touches",
        "channels",
        "A contact of a visitor with a channel: something shown, or clicked; a scanned code counts as a click.",
        (
            VISITOR,
            CUSTOMER,
            C("at", "time", "when", True),
            CHANNEL,
            C("kind", "label", "shown or clicked; null: clicked", allowed=TOUCHES),
            C("campaign_id", "id", "the campaign", refers="campaigns.campaign_id"),
            C("cost", "money", "what this touch cost, where that is known", low=0),
        ),
        clock="at",
        doubtful={"nobody": "neither visitor nor customer"},
    ),
    Table(
        "spend",
        "channels",
        "What a channel cost on a day. A row without a region is for all regions together.",
        (
            CHANNEL,
            REGION,
            C("date", "date", "the day, or the first day of the period", True),
            C("cost", "money", "spent", True, low=0),
            C("impressions", "int", "times shown", low=0),
            C("clicks", "int", "times clicked", low=0),
        ),
        key=("channel", "region", "date"),
    ),
    Table(
        "referrals",
        "channels",
        "An invitation by a customer, and who came of it.",
        (
            C("inviter_id", "id", "the customer who invited", True, refers="customers.customer_id", personal=True),
            C("invited_at", "time", "invited", True),
            C("customer_id", "id", "who joined by it; null: nobody (yet)", refers="customers.customer_id",
              personal=True),
            C("joined_at", "time", "joined; null: not (yet)"),
        ),
        clock="invited_at",
        sequence=(("invited_at", "joined_at"),),
    ),
    Table(
        "paths",
        "channels",
        "Where single touches are not at hand: a path of channels, and how often it ended in what.",
        (
            C("path", "text", "the channels, first to last, separated by ' > '", True),
            C("conversions", "number", "times it ended in a conversion", True, low=0),
            C("value", "number", "value of these conversions", low=0),
            C("nulls", "number", "times it ended without one", low=0),
        ),
    ),
    Table(
        "outcomes",
        "channels",
        "Where single orders are not at hand: what came of a day, or of the period that begins on it, in a region.",
        (
            REGION,
            C("date", "date", "the day, or the first day of the period", True),
            C("value", "number", "the outcome: orders, revenue, …", True),
        ),
        key=("region", "date"),
    ),
)  # fmt: skip
