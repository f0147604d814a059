"""Shops so small or so odd that models fail: the page is written all the same, and says what it cannot answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.elsewhere import Elsewhere

CASES = {
    "one customer": [(f"o{n}", "c1", f"2024-0{n}-05") for n in range(1, 7)],
    "one day": [("o1", "c1", "2024-01-05"), ("o2", "c1", "2024-01-05")],
    "nobody comes back": [(f"o{n}", f"c{n}", f"2024-0{1 + n % 6}-05") for n in range(1, 200)],
    "everybody comes at one time": [
        (f"o{n}", f"c{n % 40}", f"2024-{1 + n % 12:02d}-05") for n in range(1, 900)
    ],
    "refunds larger than sales": [
        (f"o{n}", f"c{n % 150}", f"2024-{1 + n % 11:02d}-{1 + n % 28:02d}") for n in range(1, 900)
    ],
}

RETURNS = """
tables:
  returns:
    from: file_2
    columns: {order_id: order_id, quantity: quantity, refund: refund, requested_at: requested_at}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Elsewhere:
    return Elsewhere.make(tmp_path_factory.mktemp("small"))


@pytest.mark.slow
@pytest.mark.parametrize("case", list(CASES))
def test_the_page_is_written_and_says_what_it_cannot_answer(
    project: Elsewhere, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.setenv("GROWTH_KEY", "a key for a test of small shops")
    shop: Path = project.folder / "myshop"
    shop.mkdir(exist_ok=True)
    lines = [f"{o},{c},{d} 10:00,p,1,10.5" for o, c, d in CASES[case]]
    (shop / "orders.csv").write_text(
        "order_id,customer,placed_at,product,quantity,amount\n" + "\n".join(lines) + "\n"
    )
    refunds = case == "refunds larger than sales"
    back = [f"{o},1,21,{d} 20:00" for o, _, d in CASES[case]] if refunds else []
    (shop / "returns.csv").unlink(missing_ok=True)
    if refunds:
        (shop / "returns.csv").write_text("order_id,quantity,refund,requested_at\n" + "\n".join(back) + "\n")
    project.set("definitions", revenue="net" if refunds else "gross")
    (shop / "mapping.yaml").unlink(missing_ok=True)
    project.set("data", dataset="myshop", files="myshop")
    project.run("growth", "map", "draft", "myshop")
    if refunds:
        draft = (shop / "mapping.yaml").read_text(encoding="utf-8")
        (shop / "mapping.yaml").write_text(draft.replace("\ntables:\n", RETURNS), encoding="utf-8")
    for verb in (["raw"], ["ingest"], ["marts", "06_retention"], ["run", "06_retention"]):
        project.run("growth", *verb)
    metrics = project.folder / "reports" / "myshop" / "metrics" / "06_retention.json"
    found = json.loads(metrics.read_text(encoding="utf-8"))
    assert "F2.retention" in found or any(k.startswith("F2.") for k in found)
    assert "F5.value" not in found or found["F5.value"]["method"] == "refused"
    if refunds:
        assert "refunds are as large as sales" in found["F5.value"]["sentence"] + found["F6.care"]["sentence"]
    assert not any("nan" in f["sentence"] or "inf " in f["sentence"] for f in found.values())
