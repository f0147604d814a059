"""Marts of loyalty: everybody who was asked, with what was bought before and after; and the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
from ibis import _

from growth import clock
from growth.definitions import Tables, first_record
from growth.retention.rules import HORIZON, SCALES
from growth.retention.worth_marts import purchase_days

if TYPE_CHECKING:
    from ibis.expr.types import Table as Rows

RECENT = (91, 365)  # days


def loyalty(tables: Tables) -> Rows:
    """Return a row a person asked and wave: who answered, and what was bought before and after.

    Columns: ``respondent_id, wave, customer_id, asked, since`` (day of the last answer, else of the first, else of
    asking), ``answered``; of days before ``since``: ``bought`` (purchase days), ``recency, tenure`` (days since the
    last and the first; null without one), ``bought_91, bought_365``; ``again`` (purchase days in the `HORIZON` days
    after; null where these are not over, or the customer is not known, as is all that was bought then).

    Notes
    -----
    The day of the answer belongs to neither side: nobody knows what came first on it.
    """
    r = first_record(tables["respondents"], ("respondent_id", "wave"))
    r = r.semi_join(_waves(tables), "wave")
    last = ibis.coalesce(r.finished_at, r.started_at, r.asked_at)
    r = r.select(
        "respondent_id",
        "wave",
        "customer_id",
        asked=r.business_date,
        since=clock.business_date(last, tables.info.timezone, tables.years),
        begun=r.started_at.notnull() | r.finished_at.notnull(),
    )
    said = tables["answers"].select(who="respondent_id", then="wave").distinct()
    r = r.left_join(said, (r.respondent_id == said.who) & (r.wave == said.then))
    r = r.mutate(answered=r.begun | r.who.notnull()).drop("who", "then", "begun")
    return _with_purchases(tables, r)


def _waves(tables: Tables) -> Rows:
    """Return the waves that ask a question of the index: a survey of the market is none of them."""
    return tables["answers"].filter(_.question.isin(list(SCALES))).select("wave").distinct()


def _with_purchases(tables: Tables, rows: Rows) -> Rows:
    days = purchase_days(tables).select("date", buyer="customer_id")
    own = rows.select("respondent_id", "wave", "customer_id", "since")
    own = own.inner_join(days, own.customer_id == days.buyer)
    own = own.mutate(age=own.since.delta(own.date, unit="day").cast("int64"))
    before = own.age > 0
    found = own.group_by(who=_.respondent_id, then=_.wave).agg(
        bought=before.sum().cast("int64"),
        recency=own.age.min(where=before),
        tenure=own.age.max(where=before),
        **{f"bought_{d}": (before & (own.age <= d)).sum().cast("int64") for d in RECENT},
        again=((own.age < 0) & (own.age >= -HORIZON)).sum().cast("int64"),
    )
    both = rows.left_join(found, (rows.respondent_id == found.who) & (rows.wave == found.then))
    known = both.customer_id.notnull()
    over = known & ((both.since + ibis.interval(days=HORIZON)).cast("date") < ibis.date(tables.info.as_of))
    counted = {c: known for c in ("bought", *(f"bought_{d}" for d in RECENT))} | {"again": over}
    made = {c: ibis.ifelse(when, ibis.coalesce(both[c], 0), None) for c, when in counted.items()}
    return both.mutate(**made).drop("who", "then")


def loyalty_answers(tables: Tables) -> Rows:
    """Return the answers of the loyalty index: ``respondent_id, wave, question, item, value``, one row an item.

    Of the questions of `rules.SCALES`, of people whose asking is on record; a value may lie off its scale.
    """
    a = first_record(tables["answers"], ("respondent_id", "wave", "question", "item"))
    a = a.filter(_.question.isin(list(SCALES)) & _.value.notnull())
    r = tables["respondents"].select("respondent_id", "wave").distinct()
    both = a.inner_join(r, ["respondent_id", "wave"])
    return both.select("respondent_id", "wave", "question", "item", "value")
