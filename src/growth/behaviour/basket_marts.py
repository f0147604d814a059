"""Marts of baskets, sequences and the next product: pairs are counted by the engine, and leave it only if frequent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
from ibis import _

from growth.definitions import Tables, first_record, purchases

if TYPE_CHECKING:
    from ibis.expr.types import Table as Rows

LATER_DAYS = 91  # the last days of the data, on which what was found before is judged
FEWEST = 20  # baskets, or customers, of a pair that leaves the engine
LARGEST = 2_000  # different products; a larger basket is a reseller's list or a fault, and costs its square
LONGEST_DAYS = 730  # between two purchases of a sequence
LISTED = 10  # products proposed to a customer
_POPULAR = 300  # products of which the popular ones not had yet are chosen
_FIRST = 1_000_000  # what follows comes before what is bought most


def _whole(condition: ibis.Value) -> ibis.Value:
    """Count rows for which something holds, as int64."""
    return condition.cast("int64").sum().fill_null(0).cast("int64")


def _lines(tables: Tables) -> Rows:
    """Return ``order_id, customer_id, product_id, at, date, later``: a product of an order once."""
    placed = first_record(tables["orders"], ("order_id",)).select(own=_.order_id, at=_.placed_at)
    sold = purchases(tables).filter(_.product_id.notnull())
    found = sold.inner_join(placed, sold.order_id == placed.own)
    later = _.date >= (ibis.date(tables.info.as_of) - ibis.interval(days=LATER_DAYS)).cast("date")
    return found.select("order_id", "customer_id", "product_id", "at", "date", later=later).distinct()


def lines(tables: Tables) -> Rows:
    """Return the products of every order, once computed."""
    return tables.once("behaviour_lines", _lines)


def _sized(tables: Tables) -> Rows:
    return lines(tables).group_by("order_id", "later").agg(size=_.count().cast("int64"))


def basket_sizes(tables: Tables) -> Rows:
    """``later, size, baskets``: baskets by how many products they hold, those above `LARGEST` included."""
    return _sized(tables).group_by("later", "size").agg(baskets=_.count().cast("int64"))


def _counted(tables: Tables) -> Rows:
    """Return lines of the baskets that are not too large."""
    kept = _sized(tables).filter(_["size"] <= LARGEST).select("order_id")
    return lines(tables).semi_join(kept, "order_id")


def in_baskets(tables: Tables) -> Rows:
    """``product_id, before, after``: baskets that hold a product."""
    return _counted(tables).group_by("product_id").agg(before=_whole(~_.later), after=_whole(_.later))


def pairs(tables: Tables) -> Rows:
    """``first, second, before, after``: baskets that hold both, where at least `FEWEST` did before."""
    often = in_baskets(tables).filter(_.before >= FEWEST).select("product_id")
    own = _counted(tables).semi_join(often, "product_id").select("order_id", "product_id", "later")
    other = own.select(basket=_.order_id, second=_.product_id)
    both = own.inner_join(other, (own.order_id == other.basket) & (own.product_id < other.second))
    found = both.group_by(first="product_id", second="second").agg(
        before=_whole(~_.later), after=_whole(_.later)
    )
    return found.filter(_.before >= FEWEST)


def _firsts(tables: Tables) -> Rows:
    """Return ``customer_id, product_id, at, date, later``: when a known customer first bought a product."""
    known = lines(tables).filter(_.customer_id.notnull())
    return known.group_by("customer_id", "product_id").agg(
        at=_["at"].min(), date=_.date.min(), later=_.later.cast("int64").min() == 1
    )


def sequences(tables: Tables, least: int = FEWEST, shortest: int = 0, longest: int = LONGEST_DAYS) -> Rows:
    """Count customers who first bought one product and, at a strictly later order, another for the first time.

    Parameters
    ----------
    tables : Tables
    least : int
        Customers in one of the two orders, below which a pair is left out.
    shortest, longest : int
        Days between the two purchases.

    Returns
    -------
    Table
        ``one, other`` (sorted), ``forward, backward`` (customers in either order), and of both ``_before`` (the second
        purchase before the later period) and ``_days`` (between the two, summed).
    """
    own = tables.once("behaviour_firsts", _firsts)
    then = own.select(who=_.customer_id, other=_.product_id, then=_["at"], then_date=_.date, late=_.later)
    both = own.inner_join(then, (own.customer_id == then.who) & (own["at"] < then.then))
    both = both.mutate(days=both.then_date.delta(both.date, unit="day").cast("int64"))
    both = both.filter(_.days.between(shortest, longest))
    ahead = both.product_id < both.other
    both = both.mutate(
        one=ibis.least(_.product_id, _.other), two=ibis.greatest(_.product_id, _.other), ahead=ahead
    )
    found = both.group_by("one", other="two").agg(
        forward=_whole(_.ahead), backward=_whole(~_.ahead),
        forward_before=_whole(_.ahead & ~_.late), backward_before=_whole(~_.ahead & ~_.late),
        forward_days=_whole(ibis.ifelse(_.ahead, _.days, 0)),
        backward_days=_whole(ibis.ifelse(_.ahead, 0, _.days)),
    )  # fmt: skip
    return found.filter(ibis.greatest(_.forward, _.backward) >= least)


def _followers(tables: Tables) -> Rows:
    """Return ``had, product_id, score``: of a million who had the one, how many bought the other next."""
    found = tables.once("behaviour_sequences", sequences)
    columns = dict(forward_before=("one", "other"), backward_before=("other", "one"))
    ways = [
        found.select(had=found[a], product_id=found[b], customers=found[c]) for c, (a, b) in columns.items()
    ]
    every = ibis.union(*ways).filter(_.customers >= FEWEST)
    had = _had(tables).group_by(owned="product_id").agg(buyers=_.count().cast("int64"))
    both = every.inner_join(had, every.had == had.owned)
    return both.select("had", "product_id", score=(_.customers * 1_000_000 // _.buyers).cast("int64"))


def _had(tables: Tables) -> Rows:
    """Return ``customer_id, product_id``: had before the later period."""
    firsts = tables.once("behaviour_firsts", _firsts)
    return firsts.filter(~_.later).select("customer_id", "product_id")


def _last_basket(tables: Tables) -> Rows:
    """Return ``customer_id, had``: the products bought at the last moment before the later period."""
    own = lines(tables).filter(_.customer_id.notnull() & ~_.later)
    place = ibis.dense_rank().over(group_by="customer_id", order_by=own["at"].desc())
    return own.mutate(place=place).filter(_.place == 0).select("customer_id", had="product_id")


def _hits(tables: Tables, proposed: Rows) -> Rows:
    """Return ``customer_id, rank``: the place, from 1, of the first proposal that was bought later.

    `proposed` has ``customer_id, product_id, score``; what the customer has had is not proposed.
    """
    new = proposed.anti_join(_had(tables), ["customer_id", "product_id"])
    order = [new.score.desc(), new.product_id]
    new = new.mutate(rank=ibis.row_number().over(group_by="customer_id", order_by=order).cast("int64") + 1)
    later = tables.once("behaviour_firsts", _firsts).filter(_.later).select("customer_id", "product_id")
    hit = new.filter(_["rank"] <= LISTED).semi_join(later, ["customer_id", "product_id"])
    return hit.group_by(hitter="customer_id").agg(place=_["rank"].min())


def next_product(tables: Tables) -> Rows:
    """``next_rank, popular_rank, customers``: places at which two lists hit what customers newly bought later.

    Of customers who bought before the later period, and in it something for the first time. One list follows from the
    products of the last basket before, by sequences seen before, and is filled up with the most bought; the other is
    of the most bought alone. 0: none of the first `LISTED`.
    """
    old = _last_basket(tables)
    new = tables.once("behaviour_firsts", _firsts).filter(_.later).select("customer_id").distinct()
    old = old.semi_join(new, "customer_id")
    follow = _followers(tables)
    proposed = old.inner_join(follow, old.had == follow.had)
    proposed = proposed.select("customer_id", "product_id", score=_.score * _FIRST)
    popular = _had(tables).group_by("product_id").agg(score=_.count().cast("int64"))
    popular = popular.order_by([ibis.desc("score"), "product_id"]).limit(_POPULAR)
    who = old.select("customer_id").distinct()
    most = who.cross_join(popular).select("customer_id", "product_id", "score")
    filled = ibis.union(proposed, most).group_by("customer_id", "product_id")
    by_next = _hits(tables, filled.agg(score=_.score.sum().cast("int64")))
    by_popular = _hits(tables, most)
    found = who.left_join(by_next, who.customer_id == by_next.hitter).select("customer_id", next_rank="place")
    found = found.left_join(by_popular, found.customer_id == by_popular.hitter)
    found = found.select(next_rank=_.next_rank.fill_null(0), popular_rank=_.place.fill_null(0))
    return found.group_by("next_rank", "popular_rank").agg(customers=_.count().cast("int64"))


def catalogue(tables: Tables) -> Rows:
    """``product_id, name, category``: what a product is called."""
    own = first_record(tables["products"], ("product_id",)).filter(_.product_id.notnull())
    return own.select("product_id", "name", "category")
