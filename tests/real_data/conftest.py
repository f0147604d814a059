"""The place of the public datasets, for tests that run the pipeline on them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def where() -> Path:
    named = os.environ.get("GROWTH_DATASETS") or str(Path(__file__).resolve().parents[3] / "shared" / "data")
    if not (Path(named) / "online_retail").is_dir():
        pytest.skip("the public datasets are not here: set GROWTH_DATASETS to their folder")
    return Path(named).resolve()
