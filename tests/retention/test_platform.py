"""On the platform whose truth is known: stages on the future that came, and what a campaign earns."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from growth.ingest.pseudonyms import PUBLIC_KEY, pseudonym
from growth.marts import Mart, _sorted
from growth.retention import life_marts, snapshots, targeting
from growth.simulation import Policy, Settings
from growth.simulation.judge import judge
from tests.platforms import platform

ROOT = Path(__file__).parents[2]
MARGIN, LIFT, COST = 0.3, 0.25, 3.0


def test_the_report_believes_of_the_levers_what_is_true() -> None:
    """The club's effect is found once the seen confounder is adjusted away; what a hidden one leaves is doubted."""
    found = json.loads((ROOT / "reports/simulated/metrics/06_retention.json").read_text(encoding="utf-8"))
    points, community = found["F8.points"], found["F8.community"]
    effect = 0.0404  # `points_club_effect` at the default size
    assert points["low"] < effect < points["high"] < points["series"]["plain"]
    assert points["low"] > 0
    assert community["low"] > 0 and "fragile" in community["sentence"]  # its true effect is 0


@pytest.mark.slow
def test_stages_are_those_that_the_same_rule_gives_on_the_uncensored_future(tmp_path: Path) -> None:
    """As of January 2026, and as of April with three months more: every stage up to January is the same."""
    settings = Settings(customers=1_500, months=12, dirt=False)
    now = life_marts.stages(platform(tmp_path / "now", settings)).to_pandas()
    later = life_marts.stages(platform(tmp_path / "later", settings, 3, "2026-04-01")).to_pandas()
    keys = ["customer_id", "at"]
    seen = later[later["at"] <= now["at"].max()]
    both = now.merge(seen, on=keys, suffixes=("", "_later"))
    known = both["at"].unique()
    assert len(known) >= 9 and len(both) > 5_000
    assert (both["state"] == both["state_later"]).all()
    assert len(both) == now["at"].isin(known).sum() == seen["at"].isin(known).sum(), (
        "nobody appears or is gone"
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", [31, 32, 33])
def test_a_campaign_by_profit_earns_more_than_by_risk_to_all_or_to_none(tmp_path: Path, seed: int) -> None:
    """Reminders raise visits by a quarter for a quarter; each costs 3. The same people with the same luck."""
    settings = Settings(customers=4_000, months=18, dirt=False, seed=seed)
    tables = platform(tmp_path, settings)
    made = _sorted(snapshots.snapshots(tables), Mart(snapshots.snapshots, ("customer_id", "at")))
    pq.write_table(made, tmp_path / "snapshots.parquet")
    plan = targeting.next_quarter(pd.read_parquet(tmp_path / "snapshots.parquet"), MARGIN, LIFT, COST)
    raw = (
        pq.read_table(tmp_path / "raw" / "customers", columns=["customer_id"])["customer_id"]
        .unique()
        .to_pylist()
    )
    name = {pseudonym(PUBLIC_KEY, "customer_id", c): c for c in raw}
    plan["raw"] = plan["customer_id"].map(name)
    plan = plan.dropna(subset="raw")
    chosen = plan.loc[plan["profit"] > 0, "raw"]
    risky = plan.sort_values("risk", ascending=False, kind="stable")["raw"].head(len(chosen))
    assert 0.1 < len(chosen) / len(plan) < 0.9
    plans = {"none": [], "all": list(plan["raw"]), "profit": list(chosen), "risk": list(risky)}
    found = judge(settings, {k: Policy(contacted=frozenset(v)) for k, v in plans.items()}, horizon=3)
    worth = {k: found[k]["contribution"] - COST * len(v) for k, v in plans.items()}
    assert worth["profit"] > max(worth["risk"], worth["all"], worth["none"]), worth
