"""Named public datasets: where their files are, which bytes they must have, how they become tables."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from growth import clock, paths
from growth.errors import UserError
from growth.sources import published_channels as channels
from growth.sources import published_customers as customers
from growth.sources import published_experiments as experiments
from growth.sources import published_prices as prices
from growth.sources.base import Dataset, Published, Reading, Source, control, numbered
from growth.sources.textfile import Format, columns_to_parquet, to_parquet

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend


ONLINE_RETAIL = Published(
    Dataset(
        name="online_retail",
        title="Online Retail: every invoice line of a UK gift shop, December 2010 to December 2011",
        as_of="2011-12-10",
        timezone="Europe/London",
        currency="GBP",
        begins_mid_life=True,
        public=True,
        licence="CC BY 4.0",
        origin="UCI Machine Learning Repository, dataset 352, doi 10.24432/C5BW33 (Chen 2015)",
    ),
    {"online_retail.parquet": "b0381d1ec7421b429a6c88bb2f8d415b267021a4ba0c7e7122861cd319ccf61c"},
)

COMPLETE_JOURNEY = Published(
    Dataset(
        name="complete_journey",
        title="The Complete Journey: a sample of a grocery loyalty panel's lines, 2017",
        as_of="2018-01-01",
        timezone="America/New_York",
        currency="USD",
        sampling="order_lines",
        begins_mid_life=True,
        public=True,
        licence="CC0",
        origin="84.51° Complete Journey, sample in the R package completejourney",
    ),
    {
        "transactions_sample.parquet": "22ad76d8dfe37eff6c3c771a981298a28f0f77c6b7cf4fa2be040a3974dbf44f",
        "products.parquet": "150c68db776a07ad6626fe0d170fd5fda7da8f3d254491dffc2b6cb4c4dbc638",
        "demographics.parquet": "d82c613702cdccf8ac6c375d918d843ea3941be27d8141ea4cda696606172402",
    },
)


# Files of columns parted by blanks, without a header -> the names of the columns.
HEADERS = {"CDNOW_sample.txt": customers.CDNOW_COLUMNS}
# Dataset whose CSV files are written otherwise than with commas -> how.
FORMATS = {"channel_paths": Format(delimiter=";")}


def folder(dataset: str, data_params: Any) -> Path:
    """Return the folder of a public dataset's files: ``$GROWTH_DATASETS/<name>``, else ``data.datasets_dir``."""
    base = os.environ.get("GROWTH_DATASETS") or data_params.datasets_dir
    if not base:
        raise UserError(
            f"The dataset {dataset} is not part of the project: set GROWTH_DATASETS (or data.datasets_dir in "
            f"params.yaml) to a folder that holds {dataset}/. {_where_to_get(dataset)}"
        )
    path = Path(base).expanduser()
    return (path if path.is_absolute() else paths.find_root() / path) / dataset


def _where_to_get(dataset: str) -> str:
    info = PUBLISHED[dataset].info
    return f"Its source: {info.origin}; licence: {info.licence}. Nothing is downloaded by itself."


def _acquirer(published: Published) -> Any:
    def acquire(raw: Path, truth: Path) -> Dataset:
        from growth.params import load

        source = folder(published.info.name, load()["data"])
        for name, expected in published.files.items():
            _bring_checked(source / name, raw, expected, published.info.name)
        return published.info

    return acquire


def _bring_checked(file: Path, raw: Path, expected: str, dataset: str) -> None:
    """Copy a Parquet file, bring a CSV file to Parquet as text; either must be, byte for byte, the one expected."""
    if not file.is_file():
        raise UserError(f"{file.name} is missing in {file.parent}. {_where_to_get(dataset)}")
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != expected:
        raise UserError(
            f"{file} is not the file that {dataset} is defined on (SHA-256 {found[:12]}…, expected "
            f"{expected[:12]}…). {_where_to_get(dataset)}"
        )
    if file.name in HEADERS:
        columns_to_parquet(file, raw / f"{file.stem}.parquet", HEADERS[file.name])
    elif file.suffix == ".csv":
        to_parquet(file, raw / f"{file.stem}.parquet", FORMATS.get(dataset, Format()))
    else:
        shutil.copyfile(file, raw / file.name)


def _read_online_retail(con: Backend, raw: Path) -> Reading:
    """Invoices starting with C are returns, every other line is an order line; the rest is derived.

    ``Quantity`` and ``UnitPrice`` of a cancellation are turned into a positive quantity and refund.
    """
    import ibis
    from ibis import _

    lines = numbered(con, raw / "online_retail.parquet").mutate(
        at=clock.to_utc(_.InvoiceDate, "Europe/London", (2010, 2012)),
        amount=_.Quantity * _.UnitPrice.cast("decimal(18, 4)"),
        cancelled=_.InvoiceNo.startswith("C"),
    )
    sold, back = lines.filter(~_.cancelled), lines.filter(_.cancelled)
    origin = dict(_file=_._file, _row=_._row, _copy=_._copy)
    first = dict(
        _file=_._file.min(), _row=_._row.min(), _copy=ibis.literal(0, "int64"), _derived=ibis.literal(True)
    )
    orders = sold.group_by(order_id=_.InvoiceNo).agg(
        customer_id=_.CustomerID.min(),
        region=_.Country.min(),
        status=ibis.literal("paid"),
        placed_at=_.at.min(),
        paid_at=_.at.min(),
        currency=ibis.literal("GBP"),
        **first,
    )
    order_lines = sold.select(
        order_id=_.InvoiceNo,
        product_id=_.StockCode,
        quantity=_.Quantity,
        amount=_.amount,
        description=_.Description,
        **origin,
    )
    returns = back.select(
        customer_id=_.CustomerID,
        product_id=_.StockCode,
        quantity=-_.Quantity,
        refund=-_.amount,
        requested_at=_.at,
        refunded_at=_.at,
        currency=ibis.literal("GBP"),
        **origin,
    )
    customers = (
        lines.filter(_.CustomerID.notnull())
        .order_by(_._row)
        .group_by(customer_id=_.CustomerID)
        .agg(region=_.Country.argmin(_._row), **first)
    )
    products = lines.group_by(product_id=_.StockCode).agg(name=_.Description.argmin(_._row), **first)
    regions = lines.group_by(region=_.Country).agg(**first)
    return Reading(
        {"online_retail.parquet": int(lines.count().execute())},
        {
            "regions": regions,
            "customers": customers,
            "products": products,
            "orders": orders,
            "order_lines": order_lines,
            "returns": returns,
        },
        control(
            con,
            raw,
            "select count(distinct case when InvoiceNo not like 'C%' then InvoiceNo end) as orders, "
            "sum(case when InvoiceNo not like 'C%' then Quantity * UnitPrice::decimal(18,4) end) as sold, "
            "sum(case when InvoiceNo like 'C%' then -Quantity * UnitPrice::decimal(18,4) end) as refunded "
            "from '{raw}/online_retail.parquet'",
        ),
    )


def _read_complete_journey(con: Backend, raw: Path) -> Reading:
    """Baskets become orders; a household's demographics are known for a third of the panel."""
    import ibis
    from ibis import _

    lines = numbered(con, raw / "transactions_sample.parquet").mutate(
        at=_.transaction_timestamp.cast("timestamp(6)"),
        amount=_.sales_value.cast("decimal(18, 4)"),
    )
    products = numbered(con, raw / "products.parquet")
    people = numbered(con, raw / "demographics.parquet")
    origin = dict(_file=_._file, _row=_._row, _copy=_._copy)
    first = dict(
        _file=_._file.min(), _row=_._row.min(), _copy=ibis.literal(0, "int64"), _derived=ibis.literal(True)
    )
    orders = lines.group_by(order_id=_.basket_id).agg(
        customer_id=_.household_id.min(),
        status=ibis.literal("delivered"),
        channel=ibis.literal("store"),
        placed_at=_.at.min(),
        paid_at=_.at.min(),
        currency=ibis.literal("USD"),
        **first,
    )
    off = (_.retail_disc + _.coupon_disc + _.coupon_match_disc).cast("decimal(18, 4)")
    order_lines = lines.select(
        order_id=_.basket_id,
        product_id=_.product_id,
        quantity=_.quantity,
        amount=_.amount,
        discount=off,
        **origin,
    )
    everyone = lines.group_by(customer_id=_.household_id).agg(**first)
    known = people.select(customer_id=_.household_id, **origin, _derived=ibis.literal(False))
    others = everyone.anti_join(known, "customer_id")
    return Reading(
        {
            "transactions_sample.parquet": int(lines.count().execute()),
            "products.parquet": int(products.count().execute()),
            "demographics.parquet": int(people.count().execute()),
        },
        {
            "customers": ibis.union(known, others),
            "products": products.select(
                product_id=_.product_id,
                name=_.product_type,
                category=_.product_category,
                brand=_.brand,
                **origin,
            ),
            "orders": orders,
            "order_lines": order_lines,
        },
        control(
            con,
            raw,
            "select count(distinct basket_id) as orders, sum(sales_value::decimal(18,4)) as sold, "
            "0::decimal(18,4) as refunded from '{raw}/transactions_sample.parquet'",
        ),
    )


PUBLISHED = {
    p.info.name: p
    for p in (
        ONLINE_RETAIL,
        COMPLETE_JOURNEY,
        *experiments.PUBLISHED,
        *customers.PUBLISHED,
        *prices.PUBLISHED,
        *channels.PUBLISHED,
    )
}
_READERS = {
    "online_retail": _read_online_retail,
    "complete_journey": _read_complete_journey,
    **experiments.READERS,
    **customers.READERS,
    **prices.READERS,
    **channels.READERS,
}
SOURCES = {name: Source(_acquirer(published), _READERS[name]) for name, published in PUBLISHED.items()}
