"""Small platforms that several tests look at; each is made once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from growth.simulation import Settings, simulate

TABLES = [
    "regions",
    "customers",
    "visitors",
    "memberships",
    "consents",
    "products",
    "product_costs",
    "prices",
    "competitor_prices",
    "price_tests",
    "suppliers",
    "purchase_orders",
    "inventory",
    "sessions",
    "events",
    "orders",
    "order_lines",
    "returns",
    "points",
    "communities",
    "departures",
    "respondents",
    "answers",
    "channels",
    "creators",
    "campaigns",
    "touches",
    "spend",
    "referrals",
    "promotions",
    "coupons",
    "contacts",
    "experiments",
    "experiment_arms",
    "experiment_metrics",
    "experiment_scope",
    "assignments",
    "exposures",
]
BOOKS = ["purchase_orders", "inventory", "spend"]  # sums over everybody, of what was sold
CLUBS = ["points", "communities", "departures"]
TRIALS = TABLES[TABLES.index("promotions") :]  # what is there only because something is tried


@dataclass(frozen=True)
class Platform:
    """A platform on disk."""

    folder: Path

    def arrow(self, table: str) -> pa.Table:
        parts = sorted((self.folder / "raw" / table).glob("*.parquet"))
        return pa.concat_tables([pq.read_table(p) for p in parts])

    def frame(self, table: str) -> pd.DataFrame:
        return self.arrow(table).to_pandas()

    def bytes(self, room: str = "raw") -> dict[str, bytes]:
        root = self.folder / room
        return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}

    def truth(self, name: str) -> Any:
        file = self.folder / "truth" / name
        return json.loads(file.read_text()) if name.endswith(".json") else pq.read_table(file).to_pandas()

    @cached_property
    def stated(self) -> dict[str, float]:
        return {k: v["value"] for k, v in self.truth("truths.json").items()}


Make = Callable[..., Platform]


def make(folder: Path, settings: Settings, **options: Any) -> Platform:
    simulate(settings, folder / "raw", folder / "truth", **options)
    return Platform(folder)


@pytest.fixture(scope="session")
def default(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """The platform at a fifth of its default size, clean: large enough for the mechanisms without experiments.

    What needs the default size itself is in `test_default_size.py`.
    """
    return make(tmp_path_factory.mktemp("default"), Settings(customers=12_000, dirt=False))


@pytest.fixture(scope="session")
def small() -> Settings:
    return Settings(seed=7, customers=900, months=11, dirt=False)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory, small: Settings) -> Platform:
    """A small platform without any lever."""
    return make(tmp_path_factory.mktemp("base"), small)


@pytest.fixture(scope="session")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """Eleven months: the shortest span in which every table of an experiment is made."""
    return make(tmp_path_factory.mktemp("dirty"), Settings(seed=3, customers=4000, months=11))
