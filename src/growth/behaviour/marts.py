"""Marts of ``02_behaviour``."""

from __future__ import annotations

from growth.behaviour import basket_marts as b
from growth.marts import Mart

_SOLD = ("orders", "order_lines")
_BASKETS, _WHOLE = ("all", "customers"), ("all", "customers")

MARTS = {
    "basket_sizes": Mart(b.basket_sizes, ("later", "size"), _SOLD, _WHOLE),
    "in_baskets": Mart(b.in_baskets, ("product_id",), _SOLD, _WHOLE),
    "pairs": Mart(b.pairs, ("first", "second"), _SOLD, _WHOLE),
    "sequences": Mart(b.sequences, ("one", "other"), _SOLD, _WHOLE),
    "next_product": Mart(b.next_product, ("next_rank", "popular_rank"), _SOLD, _WHOLE),
    "catalogue": Mart(b.catalogue, ("product_id",), ("products",)),
}
