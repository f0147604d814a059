"""Twenty seeds of the platform at a fifth of its default size: does the page of channels find what they truly bring?

Run with ``python calibration/channels_platform.py``; stores ``calibration/channels_platform.json`` with a hash of the
code it judges. Each seed is another shop, whose tables go through ingest and marts as in the pipeline. Of each: orders
that the paid channels brought in the last quarter, as the page says and in truth; whether the interval of the channel
that brings nothing holds 0; what the recommended budget leaves against the current one, in closed form
(`growth.simulation.judge.expected_budget`); and what is lost by the choice of creators against the best choice.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from growth import marts  # noqa: E402
from growth.channels import given, model, money  # noqa: E402
from growth.channels.budget import Plan  # noqa: E402
from growth.channels.given import Marts  # noqa: E402
from growth.channels.model import Tested  # noqa: E402
from growth.params import section  # noqa: E402
from growth.report.sources import closure  # noqa: E402
from growth.simulation import Settings  # noqa: E402
from growth.simulation.judge import expected_budget  # noqa: E402
from growth.sources import simulated  # noqa: E402
from tests.platforms import platform  # noqa: E402

RESULTS = ROOT / "calibration" / "channels_platform.json"
SEEDS = tuple(range(101, 121))  # fixed before the first run
CUSTOMERS = 12_000
CHOSEN, CHOICES = 3, ("score", "reach", "last click")  # creators that a shop would go on with, and how


def built(folder: Path, settings: Settings) -> dict[str, pd.DataFrame | None]:
    """Make a platform in a folder, ``raw`` and ``truth``, and return the marts of the page."""
    out = folder / "marts"
    out.mkdir()
    marts.build("channels", platform(folder, settings), out)
    files = {name: out / f"{name}.parquet" for name in given.NAMES}
    return {name: pd.read_parquet(f) if f.is_file() else None for name, f in files.items()}


def found(folder: Path, settings: Settings, has: Marts) -> dict[str, float]:
    """Return what the page says of a platform, beside its truth."""
    stated = json.loads((folder / "truth" / "truths.json").read_text("utf-8"))
    truth = {k: float(v["value"]) for k, v in stated.items()}
    as_of, p = pd.Timestamp(simulated.INFO.as_of), section("channels")
    paths = given.paths(has)
    assert paths is not None
    claims = model.claims(paths, has["timed_paths"], p)
    done, silent = given.tested(has, claims, p)
    whole = given.quarter(has, done, given.costs(has, as_of, p), claims, as_of, p)
    assert whole.total is not None
    curves = given.spending(has, done, whole, p)
    plan = money.next_quarter(curves, given.order_worth(has, p), p.move, p.confidence)
    nothing = next(t for t in done if t.channel == "affiliate").orders
    leaves = expected_budget(
        settings, folder / "raw", folder / "truth", {"today": {}, "recommended": factors(plan)}
    )
    return {
        "silent": float(len(silent)),
        "paid": whole.total.value,
        "paid, error": whole.total.error,
        "paid, true": truth["channel all paid: orders in the last quarter"],
        "covers 0": float(nothing.low <= 0 <= nothing.high),
        "gain": leaves["recommended"] - leaves["today"],
        "gain, said": plan.gain * curves.size * money.WEEKS,
    } | creators(folder, has, done, p)


def factors(plan: Plan) -> dict[str, float]:
    """Return the recommended spend over today's, by channel."""
    rows = plan.table
    return dict(zip(rows["channel"], rows["spend"] / rows["today"], strict=True))


_LAST_CLICK = """
select campaigns.creator_id as creator, count(*) as orders from (
  select o.order_id, arg_max(t.campaign_id, t.at) as campaign_id from '{tables}/orders.parquet' o
  join '{tables}/touches.parquet' t on t.visitor_id = o.visitor_id and t.kind = 'click'
    and t.at <= o.placed_at and t.at > o.placed_at - interval 30 day
  group by o.order_id
) join '{tables}/campaigns.parquet' campaigns using (campaign_id) group by 1 order by 1
"""


def creators(folder: Path, has: Marts, done: Sequence[Tested], p: Any) -> dict[str, float]:
    """Return what the best creators leave, and those chosen by the score, by reach and by last click, a campaign."""
    campaigns, recent = given.known_campaigns(has)[0], has["quarter_paths"]
    assert campaigns is not None and recent is not None
    truth = pd.read_parquet(folder / "truth" / "campaigns.parquet")
    each = float(recent["value"].astype(float).sum() / recent["conversions"].sum()) * p.margin
    brings = (truth["orders"] + truth["orders_kept_away"]) * each - truth["cost"]
    leaves = brings.groupby(truth["creator_id"]).mean()
    score = money.scored(campaigns, done, p.margin, p.confidence).table["creator"].tolist()
    reach = campaigns.groupby("creator_id")["followers"].last().sort_values(ascending=False).index.tolist()
    clicks = duckdb.sql(_LAST_CLICK.format(tables=folder / "tables")).df().set_index("creator")["orders"]
    by_click = (
        clicks.reindex(leaves.index).fillna(0).sort_values(ascending=False, kind="stable").index.tolist()
    )
    best = leaves.sort_values(ascending=False).index.tolist()
    chosen = {"best": best, "score": score, "reach": reach, "last click": by_click}
    return {f"creators, {k}": float(leaves.reindex(v[:CHOSEN]).mean()) for k, v in chosen.items()}


def code_hash() -> str:
    """Return a hash of the code that is judged: the modules of the page and of the simulation, layout apart."""
    asked = ["growth.channels.given", "growth.channels.marts", "growth.simulation"]
    modules = {
        m: h for m, h in closure(asked).items() if m.startswith(("growth.channels", "growth.simulation"))
    }
    return sha256(json.dumps(modules, sort_keys=True).encode()).hexdigest()


def judged(rows: pd.DataFrame) -> dict[str, object]:
    """Return what the seeds say together."""
    true = float(rows["paid, true"].sum())
    lost = {k: float((rows["creators, best"] - rows[f"creators, {k}"]).mean()) for k in CHOICES}
    return {
        "paid orders found, over true": round(float(rows["paid"].sum()) / true, 4),
        "its standard error": round(float(np.sqrt((rows["paid, error"] ** 2).sum())) / true, 4),
        "z of paid orders": [
            round(float(v), 2) for v in (rows["paid"] - rows["paid, true"]) / rows["paid, error"]
        ],
        "affiliates hold 0": int(rows["covers 0"].sum()),
        "budget beats today's": int((rows["gain"] > 0).sum()),
        "budget's gain, CNY": [round(float(v)) for v in rows["gain"]],
        "its gain as said, CNY": [round(float(v)) for v in rows["gain, said"]],
        "lost by the choice of creators, CNY a campaign": {k: round(v) for k, v in lost.items()},
    }


def main() -> None:
    rows = []
    for seed in SEEDS:
        with tempfile.TemporaryDirectory(prefix="calibrate-") as name:
            settings = Settings(seed=seed, customers=CUSTOMERS, dirt=False)
            rows.append(found(Path(name), settings, built(Path(name), settings)))
            print(seed, {k: round(v) for k, v in rows[-1].items()}, flush=True)
    result = {"code": code_hash(), "seeds": len(SEEDS)} | judged(pd.DataFrame(rows))
    text = json.dumps(result, indent=1, sort_keys=True) + "\n"
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


def check() -> int:
    """Say whether the stored results judge the code that is there; return the exit code."""
    fresh = json.loads(RESULTS.read_text(encoding="utf-8"))["code"] == code_hash()
    print("the channels' calibration is " + ("up to date" if fresh else "stale, run `make calibrate`"))
    return not fresh


if __name__ == "__main__":
    sys.exit(check() if "--check" in sys.argv else main())
