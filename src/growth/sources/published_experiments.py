"""Published experiments, each one flat file: a mapping says which of its columns are what, as in a shop's own.

A row of the file is a unit given to an arm; everything else is derived from it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from growth.sources import files
from growth.sources.base import Dataset, Published, Reading
from growth.sources.mapping import Mapping

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

HILLSTROM = Published(
    Dataset(
        name="hillstrom",
        title="Hillstrom's e-mail test: 64,000 customers, two mailings and none, two weeks of spending",
        as_of="2008-04-01",
        timezone="America/New_York",
        currency="USD",
        sampling="customers",
        begins_mid_life=True,
        public=True,
        licence="none stated; a public challenge",
        origin="MineThatData E-Mail Analytics and Data Mining Challenge (Kevin Hillstrom, 2008)",
    ),
    {"hillstrom.csv": "ff9e59285e9dc3f5fa3e0975419e6631ea5bdccd65d818991473d2367e02979c"},
)
COOKIE_CATS = Published(
    Dataset(
        name="cookie_cats",
        title="Cookie Cats: 90,189 players who met a gate at level 30 or at level 40",
        as_of="2017-07-01",
        timezone="UTC",
        currency="USD",
        sampling="customers",
        public=True,
        licence="none stated; widely published",
        origin="Tactile Entertainment, Cookie Cats A/B test of mobile games",
    ),
    {"cookie_cats.csv": "4f0084894259b7a70dd0f8f4e69acb5a12a6090d53a806bc36b0f28bacd2d957"},
)


def hillstrom() -> dict[str, Any]:
    """Return the tables of the Hillstrom test.

    The file names no customer, so the number of the row does. It has no date: ``as_of`` is merely a day of 2008,
    the year of the test and of its publication, and nothing has a time. What a mail cost it does not say: 0.01 for
    each customer of the two mailed arms is an assumption. The arms were meant to be of equal size. ``visit``,
    ``conversion`` and ``spend`` are of the two weeks after the mails; the rest was known before. ``zip_code`` is a
    kind of area.
    """
    before, segments = (
        ("recency", "history", "mens", "womens", "newbie"),
        ("zip_code", "channel", "history_segment"),
    )
    return _tables(
        "hillstrom",
        dict(name="'Hillstrom e-mail test'", kind="'contact'"),
        customer="row()",
        arm="segment",
        control="No E-Mail",
        arms=dict(planned_share="1 / 3", unit_cost="when(segment == 'No E-Mail', '0', '0.01')"),
        goal="spend",
        secondary=("visit", "conversion"),
        measured=[
            *(_measure(c) for c in ("visit", "conversion", "spend")),
            *(_measure(c, window="'pre'") for c in before),
            *(dict(metric=repr(c), level=c, window="'pre'") for c in segments),
        ],
    )


def cookie_cats() -> dict[str, Any]:
    """Return the tables of the Cookie Cats test.

    Equal shares were planned. The file has no date: ``as_of`` is merely after the test.
    """
    return _tables(
        "gate",
        dict(name="'Cookie Cats gate'", kind="'difficulty'"),
        customer="userid",
        arm="test_version",
        control="gate_30",
        arms=dict(planned_share="1 / 2"),
        goal="retention_7",
        secondary=("retention_1", "rounds"),
        measured=[
            _measure("retention_1", "truth(retention_1)"),
            _measure("retention_7", "truth(retention_7)"),
            _measure("rounds", "sum_gamerounds"),
        ],
    )


def _measure(metric: str, value: str = "", window: str = "'during'") -> dict[str, str]:
    return dict(metric=repr(metric), value=value or metric, window=window)


def _tables(
    name: str,
    about: dict[str, str],
    *,
    customer: str,
    arm: str,
    control: str,
    arms: dict[str, str],
    goal: str,
    secondary: tuple[str, ...],
    measured: list[dict[str, str]],
) -> dict[str, Any]:
    """Return a mapping's tables for one experiment in one file."""
    own = dict(experiment_id=repr(name))
    unit = own | dict(customer_id=customer)
    judged = [
        dict(metric=repr(goal), role="'goal'"),
        *(dict(metric=repr(m), role="'secondary'") for m in secondary),
    ]
    return {
        "experiments": dict(one_row_per="experiment_id", columns=own | about | dict(unit="'customer'")),
        "experiment_arms": dict(
            one_row_per="arm", columns=own | arms | dict(arm=arm, control=f"{arm} == {control!r}")
        ),
        "experiment_metrics": dict(
            one_row_per="metric", columns=own | dict(direction="'increase'", window="'during'"), repeat=judged
        ),
        "assignments": dict(columns=unit | dict(arm=arm)),
        "measurements": dict(columns=unit, repeat=measured),
    }


def mapping(published: Published, tables: dict[str, Any]) -> Mapping:
    """Return the mapping of a published file."""
    info, (file,) = published.info, published.files
    stem = Path(file).stem
    return Mapping.model_validate(
        dict(
            name=info.name,
            title=info.title,
            as_of=info.as_of,
            timezone=info.timezone,
            currency=info.currency,
            files={stem: dict(file=file)},
            tables={name: table | {"from": stem} for name, table in tables.items()},
        )
    )


def _reader(published: Published, tables: dict[str, Any]) -> Callable[[Backend, Path], Reading]:
    found = mapping(published, tables)
    return lambda con, raw: files.read(con, raw, found)


PUBLISHED = (HILLSTROM, COOKIE_CATS)
READERS = {"hillstrom": _reader(HILLSTROM, hillstrom()), "cookie_cats": _reader(COOKIE_CATS, cookie_cats())}
