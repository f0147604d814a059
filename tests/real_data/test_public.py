"""The pipeline on datasets that nobody here made, against counts published or taken with other tools."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from growth import paths
from growth.errors import UserError
from growth.retention.model import PARTIAL
from growth.sources import public
from growth.sources.base import Dataset
from tests.elsewhere import Elsewhere

DECEMBER_2010 = [324, 286, 340, 321, 352, 321, 309, 313, 350, 331, 445]


def run(
    tmp: Path, dataset: str, datasets: Path, slugs: tuple[str, ...] = tuple(paths.TOPICS.values())
) -> Path:
    os.environ["GROWTH_DATASETS"] = str(datasets)
    copy = Elsewhere.make(tmp, dataset=dataset)
    for verb in (["raw"], ["ingest"], *(["marts", slug] for slug in slugs)):
        copy.run("growth", *verb)
    for slug in slugs:
        copy.run("growth", "run", slug)
    if len(slugs) == len(paths.TOPICS):
        copy.run("growth", "site")
    return copy.folder / "reports" / dataset


def findings(reports: Path, slug: str) -> dict[str, Any]:
    return json.loads((reports / "metrics" / f"{slug}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def retail(tmp_path_factory: pytest.TempPathFactory, where: Path) -> Path:
    return run(tmp_path_factory.mktemp("retail"), "online_retail", where)


def test_online_retail_audit(retail: Path) -> None:
    audit = findings(retail, "00_audit")
    assert audit["H4.rows"]["value"] == 541_909
    assert audit["H4.rows"]["series"]["kept"] + audit["H4.rows"]["series"]["refused"] == 541_909
    assert audit["H4.returns"]["value"] == 9_288
    assert audit["H4.without_customer"]["value"] == 135_080
    assert audit["H4.exact_duplicates"]["value"] == 5_268
    assert audit["H4.purchases"]["value"] == 8_911_407.904
    assert audit["H4.purchases"]["series"] == dict(lines=397_884, orders=18_532, customers=4_338)
    assert audit["H4.reconciliation"]["series"]["difference"] == 0


def test_online_retail_retention(retail: Path) -> None:
    first = findings(retail, "06_retention")["F2.first_cohort"]
    assert first["value"] == 885
    assert list(first["series"].values()) == DECEMBER_2010
    assert "Left-truncated" in first["caveats"]


def test_online_retail_price(retail: Path) -> None:
    """Nothing protects the level, no cost is known; on eight origins the forecast beats last week's repetition."""
    found = findings(retail, "04_price")
    level = found["D1.elasticity"]
    assert level["series"]["protected"] == 0 and -2.0 < level["low"] < level["high"] < -1.2
    assert -0.7 < found["D1.rung_pooled"]["value"] < -0.55, "the naive slope over products"
    assert "D3.price_list" not in found
    forecast = found["D4.forecast"]["series"]
    assert forecast["mase"] < 1 < forecast["naive"]


def test_online_retail_growth_accounting(retail: Path) -> None:
    """November 2011; December is not over, and the naive quick ratio (.1887) is not given."""
    book = findings(retail, "06_retention")["F1.quick_ratio_month"]
    assert "2011-11-01" in book["sentence"]
    assert book["series"] == dict(active=1664, new=323, retained=622, resurrected=719, churned=742)
    assert book["value"] == pytest.approx(1.4043, abs=5e-5)
    table = (retail / "tables" / "06_retention" / "ledger.csv").read_text(encoding="utf-8").splitlines()
    assert table[-1].startswith("2011-12-01") and table[-1].endswith(",,,,period not over")
    assert findings(retail, "06_retention")["B1.stickiness_month"]["value"] == pytest.approx(0.0479, abs=5e-5)


def test_online_retail_numbers_stand_on_the_page(retail: Path) -> None:
    audit = (retail / "site" / "00_audit.html").read_text(encoding="utf-8")
    for number in ("541,909", "9,288", "135,080", "5,268", "397,884", "18,532", "4,338", "8,911,407.904"):
        assert number in audit, number
    page = (retail / "site" / "06_retention.html").read_text(encoding="utf-8")
    assert ", ".join(str(n) for n in DECEMBER_2010) in page
    cells = pd.read_csv(retail / "tables" / "06_retention" / "triangle.csv").set_index(["cohort", "age"])
    last = cells.loc[("2010-12-01", 12)]
    assert pd.isna(last["retained"]) and last["why_empty"] == PARTIAL, (
        "December 2011 is partial: its 235 are left out"
    )


def test_a_page_has_one_headline_whatever_it_must_refuse(retail: Path) -> None:
    """Lifetime value is refused (the model does not fit), and so is loyalty: neither is the page's title."""
    found = findings(retail, "06_retention")
    assert [k for k, f in found.items() if f.get("headline")] == ["F2.month_1"]
    assert {k for k, f in found.items() if f["method"] == "refused"} == {"F5.value", "F7.loyalty"}


def test_a_sample_of_lines_is_audited_but_retention_refuses(tmp_path: Path, where: Path) -> None:
    reports = run(tmp_path, "complete_journey", where, ("00_audit", "06_retention"))
    audit = findings(reports, "00_audit")
    assert audit["H4.rows"]["value"] == 75_000 + 92_331 + 801
    assert audit["H4.reconciliation"]["series"]["difference"] == 0
    refused = findings(reports, "06_retention")
    assert list(refused) == ["F2.retention"]
    assert "a sample of order lines" in refused["F2.retention"]["sentence"]


def test_a_missing_dataset_says_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROWTH_DATASETS", str(tmp_path))
    with pytest.raises(UserError, match=r"online_retail\.parquet is missing.*doi.*CC BY 4\.0"):
        public.SOURCES["online_retail"].acquire(tmp_path, tmp_path)


def test_other_bytes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "online_retail").mkdir()
    (tmp_path / "online_retail" / "online_retail.parquet").write_bytes(b"not it")
    monkeypatch.setenv("GROWTH_DATASETS", str(tmp_path))
    with pytest.raises(UserError, match="SHA-256"):
        public.SOURCES["online_retail"].acquire(tmp_path, tmp_path)


def test_every_published_dataset_says_its_licence() -> None:
    for published in public.PUBLISHED.values():
        assert isinstance(published.info, Dataset) and published.info.licence and published.info.origin
