"""Published prices: eleven brands of orange juice in the stores of a chain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
from ibis import _

from growth import clock
from growth.sources.base import Dataset, Published, Reading, control, numbered

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

ZONE, CURRENCY = "America/Chicago", "USD"
ORANGE_JUICE = Published(
    Dataset(
        name="orange_juice",
        title="Dominick's orange juice: eleven products in 83 stores, 121 weeks of prices and units",
        as_of="1992-10-08",
        timezone=ZONE,
        currency=CURRENCY,
        begins_mid_life=True,
        public=True,
        licence="GPL (>= 2) package; academic use",
        origin="Dominick's Finer Foods, University of Chicago Booth; dataset orangeJuice of the R package bayesm",
    ),
    {
        "orange_juice.parquet": "91c6d68563223066d4b6a5e013c7920dabf8c099077b549cb1c73df2679c45f3",
        "store_demographics.csv": "5f81380e70ef6ce85ee41e52061bb544a064e1b351ccce45f6573a76431d9b5e",
    },
)
# Name, brand, and ounces of a carton, by the number in the file.
PRODUCTS = (
    ("Tropicana Premium 64 oz", "Tropicana Premium", 64),
    ("Tropicana Premium 96 oz", "Tropicana Premium", 96),
    ("Florida's Natural 64 oz", "Florida's Natural", 64),
    ("Tropicana 64 oz", "Tropicana", 64),
    ("Minute Maid 64 oz", "Minute Maid", 64),
    ("Minute Maid 96 oz", "Minute Maid", 96),
    ("Citrus Hill 64 oz", "Citrus Hill", 64),
    ("Tree Fresh 64 oz", "Tree Fresh", 64),
    ("Florida Gold 64 oz", "Florida Gold", 64),
    ("Dominick's 64 oz", "Dominick's", 64),
    ("Dominick's 128 oz", "Dominick's", 128),
)
WEEK_ONE = ibis.date("1989-09-14")  # first day of the chain's week 1
_CASES = " ".join(f"when {n} then price{n}" for n in range(1, 12))
_CONTROL = (
    "select count(distinct store * 1000 + week) as orders, "
    "sum((asked * ounces)::decimal(18,4) * round(exp(logmove) / ounces)::bigint)::decimal(18,4) as sold, "
    "0::decimal(18,4) as refunded from (select *, case when brand in (2, 6) then 96 when brand = 11 then 128 "
    f"else 64 end as ounces, case brand {_CASES} end as asked "
    "from '{raw}/orange_juice.parquet')"
)
INCOMES = ("lower income", "middle income", "higher income")


def _read_orange_juice(con: Backend, raw: Path) -> Reading:
    """Make a store a region, its week an order, a carton a unit.

    The file has logs of ounces and prices by ounce. A price is one of a store, from the first day of its week; on
    promotion are products that were advertised at least half of the week (``feat``). The cost of a carton is the
    chain's: the price less the margin of the file, mean of the stores. Stores are told apart by the income around
    them, in thirds.
    """
    rows = _sold(numbered(con, raw / "orange_juice.parquet"))
    origin = dict(_file=_._file, _row=_._row, _copy=_._copy)
    first = dict(
        _file=_._file.min(), _row=_._row.min(), _copy=ibis.literal(0, "int64"), _derived=ibis.literal(True)
    )
    noon = rows.date.cast("timestamp") + ibis.interval(hours=12)
    at = clock.to_utc(noon, ZONE, (1988, 1994))
    orders = rows.mutate(at=at).group_by("order_id").agg(
        region=_.region.min(), status=ibis.literal("paid"), channel=ibis.literal("store"), placed_at=_.at.min(),
        paid_at=_.at.min(), currency=ibis.literal(CURRENCY), **first,
    )  # fmt: skip
    lines = rows.select(
        "order_id", "product_id", "quantity", amount=(_.price * _.quantity).cast("decimal(18, 4)"), **origin
    )
    asked = rows.select(
        "product_id", "region", "date", "price", "promotion_id", **origin, _derived=ibis.literal(True)
    )
    costs = rows.group_by("product_id", valid_from="date").agg(
        unit_cost=(rows.cost.sum() / rows.cost.count()).cast("decimal(18, 4)"), **first
    )
    stores = numbered(con, raw / "store_demographics.parquet")
    return Reading(
        {
            "orange_juice.parquet": int(rows.count().execute()),
            "store_demographics.csv": int(stores.count().execute()),
        },
        {
            "regions": _stores(stores),
            "products": _products(rows),
            "product_costs": costs,
            "prices": asked,
            "orders": orders,
            "order_lines": lines,
        },
        control(
            con,
            raw,
            _CONTROL,
        ),
    )


def _sold(rows: Any) -> Any:
    """Return a row a store, product and week: cartons, their price and cost."""
    number = rows.brand.cast("int64")
    price = ibis.cases(*[(number == n, rows[f"price{n}"]) for n in range(1, 12)])
    ounces = ibis.cases(*[(number == n, size) for n, (_name, _brand, size) in enumerate(PRODUCTS, 1)])
    week = rows.week.cast("int64")
    rows = rows.mutate(
        region=ibis.literal("store ") + rows.store.cast("int64").cast("string"),
        product_id=ibis.literal("juice ") + number.cast("string"),
        date=(WEEK_ONE + (7 * (week - 1)).as_interval("D")).cast("date"),
        quantity=(rows.logmove.exp() / ounces).round().cast("int64"),
        price=(price * ounces).cast("decimal(18, 4)"),
        cost=(price * ounces * (1 - rows.profit / 100)).cast("decimal(18, 4)"),
        promotion_id=ibis.ifelse(rows.feat >= 0.5, "advertised", None),
    )
    return rows.mutate(order_id=rows.region + " week " + week.cast("string"))


def _products(rows: Any) -> Any:
    number = rows.brand.cast("int64")
    name = ibis.cases(*[(number == n, own[0]) for n, own in enumerate(PRODUCTS, 1)])
    brand = ibis.cases(*[(number == n, own[1]) for n, own in enumerate(PRODUCTS, 1)])
    rows = rows.mutate(name=name, maker=brand)
    return rows.group_by("product_id").agg(
        name=_["name"].min(), category=ibis.literal("orange juice"), brand=_.maker.min(), _file=_._file.min(),
        _row=_._row.min(), _copy=ibis.literal(0, "int64"), _derived=ibis.literal(True),
    )  # fmt: skip


def _stores(stores: Any) -> Any:
    third = ibis.ntile(3).over(order_by=[stores.INCOME.cast("float64"), stores.STORE.cast("int64")])
    rows = stores.mutate(third=third)
    tier = ibis.cases(*[(rows.third == n, label) for n, label in enumerate(INCOMES)])
    return rows.select(
        region=ibis.literal("store ") + rows.STORE.cast("int64").cast("string"), tier=tier, _file=_._file, _row=_._row,
        _copy=_._copy,
    )  # fmt: skip


PUBLISHED = (ORANGE_JUICE,)
READERS: dict[str, Any] = {"orange_juice": _read_orange_juice}
