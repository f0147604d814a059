"""Published histories of customers: CDNOW's buyers and a telephone company's subscribers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from growth import clock
from growth.sources.base import Dataset, Published, Reading, control, numbered

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

CDNOW = Published(
    Dataset(
        name="cdnow",
        title="CDNOW: 2,357 buyers who began in the first quarter of 1997, all their orders to June 1998",
        as_of="1998-07-01",
        timezone="America/New_York",
        currency="USD",
        sampling="customers",
        public=True,
        licence="published with the papers of Fader and Hardie",
        origin="Fader and Hardie, notes and data of brucehardie.com (1/10 sample)",
    ),
    {"CDNOW_sample.txt": "6fae10155c0b0ba363c2c386e30f77990d22328220efd862a5edd1443420d94a"},
)
CDNOW_COLUMNS = ("master_id", "id", "date", "cds", "dollars")

TELCO = Published(
    Dataset(
        name="telco_churn",
        title="Telco customer churn: 7,043 subscribers, how long they stayed, who left; attributes as of the end",
        # The file has tenure in months and no date: everybody is looked at on 1 January 2020, a day of our choice.
        as_of="2020-01-02",
        timezone="UTC",
        currency="USD",
        sampling="customers",
        public=True,
        licence="Apache-2.0",
        origin="IBM, Telco customer churn sample data",
    ),
    {"Telco-Customer-Churn.csv": "16320c9c1ec72448db59aa0a26a0b95401046bef5d02fd3aeb906448e3055e91"},
)
TELCO_LOOKED_AT = "2020-01-01"
# Column of the file -> program: what was known of each subscriber.
TELCO_PROGRAMS = {
    "Contract": "contract",
    "PaymentMethod": "payment",
    "InternetService": "internet",
    "PaperlessBilling": "paperless billing",
    "SeniorCitizen": "senior",
    "Partner": "partner",
    "gender": "gender",
}


def _read_cdnow(con: Backend, raw: Path) -> Reading:
    """Make an order of each line; two of a customer on one day stay two."""
    import ibis
    from ibis import _

    day = _.date.cast("int64")
    rows = numbered(con, raw / "CDNOW_sample.parquet").mutate(
        noon=ibis.date(day // 10_000, day // 100 % 100, day % 100).cast("timestamp")
        + ibis.interval(hours=12),
        order_id=_._row.cast("string"),
    )
    rows = rows.mutate(at=clock.to_utc(rows.noon, "America/New_York", (1996, 1999)))
    origin = dict(_file=_._file, _row=_._row, _copy=_._copy)
    first = dict(
        _file=_._file.min(), _row=_._row.min(), _copy=ibis.literal(0, "int64"), _derived=ibis.literal(True)
    )
    sold = rows.select(
        "order_id", customer_id=_.master_id, status=ibis.literal("paid"), placed_at=_.at, paid_at=_.at,
        currency=ibis.literal("USD"), **origin,
    )  # fmt: skip
    lines = rows.select(
        "order_id", ordinal=ibis.literal(1, "int64"), product_id=ibis.literal("CD"), quantity=_.cds.cast("int64"),
        amount=_.dollars.cast("decimal(18, 4)"), **origin, _derived=ibis.literal(True),
    )  # fmt: skip
    return Reading(
        {"CDNOW_sample.txt": int(rows.count().execute())},
        {
            "customers": rows.group_by(customer_id=_.master_id).agg(**first),
            "products": rows.group_by(product_id=ibis.literal("CD")).agg(name=ibis.literal("CD"), **first),
            "orders": sold,
            "order_lines": lines,
        },
        control(
            con,
            raw,
            "select count(*) as orders, sum(dollars::decimal(18,4)) as sold, 0::decimal(18,4) as refunded "
            "from '{raw}/CDNOW_sample.parquet'",
        ),
    )


def _read_telco(con: Backend, raw: Path) -> Reading:
    """Make a program of each attribute, its value the tier, from the first month to the last or until now.

    The file has no history: an attribute is taken to have been the same from the first day.
    """
    import ibis
    from ibis import _

    rows = numbered(con, raw / "Telco-Customer-Churn.parquet")
    looked = ibis.timestamp(f"{TELCO_LOOKED_AT} 00:00:00")
    months = rows.tenure.cast("int64")
    began = 2020 * 12 - months
    since = ibis.date((began // 12).cast("int64"), (began % 12 + 1).cast("int64"), ibis.literal(1, "int64"))
    rows = rows.mutate(
        since=since.cast("timestamp"), until=ibis.ifelse(rows.Churn == "Yes", looked, None).cast("timestamp")
    )
    origin = dict(_file=_._file, _row=_._row, _copy=_._copy)
    people = rows.select(
        customer_id=_.customerID, signed_up_at=_.since, gender=_.gender.lower().substr(0, 1), **origin
    )
    stays = [
        rows.select(
            customer_id=_.customerID, program=ibis.literal(program), tier=rows[column].cast("string"),
            valid_from=_.since, valid_to=_.until, **origin, _derived=ibis.literal(True),
        )
        for column, program in TELCO_PROGRAMS.items()
    ]  # fmt: skip
    return Reading(
        {"Telco-Customer-Churn.csv": int(rows.count().execute())},
        {"customers": people, "memberships": ibis.union(*stays)},
    )


PUBLISHED = (CDNOW, TELCO)
READERS: dict[str, Any] = {"cdnow": _read_cdnow, "telco_churn": _read_telco}
