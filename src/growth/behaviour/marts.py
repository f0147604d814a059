"""Marts of ``02_behaviour``."""

from __future__ import annotations

from growth.behaviour import basket_marts as b
from growth.behaviour import visit_marts as v
from growth.marts import Mart

_SOLD = ("orders", "order_lines")
_SEEN = ("sessions", "visitors")
_DONE = (*_SEEN, "events")
_WHOLE = ("all", "customers")

MARTS = {
    "machines": Mart(v.machines, ("machine",), _SEEN, _WHOLE),
    "people": Mart(v.people, ("person",), _DONE, _WHOLE),
    "daily": Mart(v.daily, ("date",), _SEEN, _WHOLE),
    "lengths": Mart(v.lengths, ("what", "value"), _SEEN, _WHOLE),
    "steps": Mart(v.steps, ("step", "then"), _DONE, _WHOLE),
    "searches": Mart(v.searches, ("query",), _DONE, _WHOLE),
    "basket_sizes": Mart(b.basket_sizes, ("later", "size"), _SOLD, _WHOLE),
    "in_baskets": Mart(b.in_baskets, ("product_id",), _SOLD, _WHOLE),
    "pairs": Mart(b.pairs, ("first", "second"), _SOLD, _WHOLE),
    "sequences": Mart(b.sequences, ("one", "other"), _SOLD, _WHOLE),
    "next_product": Mart(b.next_product, ("next_rank", "popular_rank"), _SOLD, _WHOLE),
    "catalogue": Mart(b.catalogue, ("product_id",), ("products",)),
}
