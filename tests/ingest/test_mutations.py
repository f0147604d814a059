"""A hundred mutations, seeds fixed: each ends in a full account or in one clear error (`mutator` runs any number)."""

from __future__ import annotations

import pytest

from tests.ingest.mutator import judge


@pytest.mark.parametrize("tens", range(10))
def test_mutations(tens: int) -> None:
    for seed in range(10 * tens, 10 * tens + 10):
        judge(seed)
