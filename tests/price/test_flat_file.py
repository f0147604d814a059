"""One flat file ``date, product, price, units`` becomes the page, by the mapping that is drafted for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.elsewhere import Elsewhere
from tests.price.test_model import TRUE, shop


@pytest.mark.slow
def test_a_flat_file_becomes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROWTH_KEY", "a key for a test of flat files")
    project = Elsewhere.make(tmp_path)
    folder = project.folder / "myshop"
    folder.mkdir()
    rows, _ = shop(1)
    flat = rows[["week", "product_id", "price", "units"]].set_axis(
        ["date", "product", "price", "units"], axis=1
    )
    flat.to_csv(folder / "sales.csv", index=False)
    project.set("data", dataset="myshop", files="myshop")
    project.run("growth", "map", "draft", "myshop")
    for verb in (["raw"], ["ingest"], ["marts", "04_price"], ["run", "04_price"]):
        project.run("growth", *verb)
    found = json.loads((project.folder / "reports/myshop/metrics/04_price.json").read_text(encoding="utf-8"))
    level = found["D1.elasticity"]
    assert level["series"]["protected"] == 0 and "not protected" in level["sentence"]
    assert level["low"] - 0.3 < TRUE < level["high"] + 0.3, "promotions cannot be seen in such a file"
    assert "D3.price_list" not in found and found["D1.identified"]["value"] == 24
    assert [k for k, f in found.items() if f.get("headline")] == ["D1.elasticity"]
