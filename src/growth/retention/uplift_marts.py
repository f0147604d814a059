"""The mart of randomised actions: who was drawn into which arm, what was known then, and what came."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
from ibis import _

from growth.definitions import Tables, first_record
from growth.retention.worth_marts import purchase_days

if TYPE_CHECKING:
    from ibis.expr.types import Table as Rows

CENTS = "decimal(18, 4)"


def tried(tables: Tables) -> Rows:
    """Return a row a customer and experiment, of experiments that drew customers who had bought before.

    Columns: ``experiment_id, name, arm, control, planned`` (share of the arm; null: equal), ``customer_id``; from
    before the first day ``x, t_x, t`` (purchase days after the first, from the first to the last, from the first to
    that day); from it to the end of what is watched ``days`` (how many), ``bought, came`` (purchase days, money).
    Experiments that are not over are left out, those that keep customers from a channel (they are judged where
    channels are), and customers in two arms, about whom nothing can be said.
    """
    e = first_record(tables["experiments"], ("experiment_id",)).filter(_.unit == "customer")
    e = e.filter(ibis.coalesce(_.kind, ibis.literal("")) != "holdout")
    watched = (_.ends_on + ibis.coalesce(_.post_days, 0).as_interval("D")).cast("date")
    e = e.select("experiment_id", name=ibis.coalesce(_.name, _.experiment_id), at=_.starts_on, until=watched)
    e = e.filter(_.until <= ibis.date(tables.info.as_of))
    arms = first_record(tables["experiment_arms"], ("experiment_id", "arm"))
    a = tables["assignments"].filter(_.customer_id.notnull() & _.period.isnull())
    each = a.group_by("experiment_id", "customer_id").agg(arm=_.arm.min(), last=_.arm.max())
    each = each.filter(_.arm == _["last"]).inner_join(e, "experiment_id").drop("last")
    each = each.inner_join(
        arms.select("experiment_id", "arm", "control", planned="planned_share"), ["experiment_id", "arm"]
    )
    known = each.inner_join(purchase_days(tables), "customer_id")
    old, new = known.date < known["at"], (known.date >= known["at"]) & (known.date < known.until)
    keys = ["experiment_id", "name", "arm", "control", "planned", "customer_id", "at", "until"]
    found = known.group_by(keys).agg(
        first=known.date.min(where=old),
        last=known.date.max(where=old),
        before=old.cast("int64").sum().cast("int64"),
        bought=new.cast("int64").sum().cast("int64"),
        came=ibis.ifelse(new, known.amount, 0).sum().cast(CENTS),
    )
    found = found.filter(_.before > 0)
    return found.select(
        *keys[:-2],
        x=(_.before - 1).cast("int64"),
        t_x=found["last"].delta(found["first"], unit="day").cast("int64"),
        t=found["at"].delta(found["first"], unit="day").cast("int64"),
        days=found.until.delta(found["at"], unit="day").cast("int64"),
        bought=_.bought,
        came=_.came,
    )
