"""Twenty seeds of the platform at a fifth of its default size: do its truths, its power table and its ranges hold?

Run with ``python calibration/simulation.py`` (about four minutes); stores ``calibration/simulation.json`` with a
hash of the code it judges. Each seed is another shop: other products, prices, shocks and people. Of each estimate
(tests/simulation holds the estimators) the error is divided by the standard error that the power table states; over
seeds these z have mean 0 and spread 1 if truth and power table are right.
"""

from __future__ import annotations

import json
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from growth.report.sources import closure  # noqa: E402
from growth.simulation import Settings  # noqa: E402
from growth.simulation.experiments import EXPERIMENTS  # noqa: E402
from tests.simulation.bookkeeping import by_unit, difference, orders  # noqa: E402
from tests.simulation.conftest import Platform, make  # noqa: E402
from tests.simulation.estimators import dummies, least_squares  # noqa: E402
from tests.simulation.test_market import panel_of, price_slopes  # noqa: E402
from tests.simulation.test_people import came_back, visits  # noqa: E402

RESULTS = ROOT / "calibration" / "simulation.json"
SEEDS = tuple(range(101, 121))  # fixed before the first run
CUSTOMERS = 12_000
ERRORS = {"cost_instrument_price_slope": "own_price_elasticity", "naive_price_slope": "naive_price_bias"}


def estimates(platform: Platform) -> dict[str, tuple[float, float]]:
    """Return name -> (estimate, truth)."""
    naive, instrumented = price_slopes(panel_of(platform))
    back = came_back(platform)
    fixed = dummies(back["region"].to_numpy(), back["delivered_at"].dt.strftime("%Y-%m").to_numpy())
    late = least_squares(back["back"].to_numpy(), np.column_stack([back["late"], fixed]))[0][0]
    s = visits(platform)
    load, y = np.log(s["load_ms"].to_numpy() / 1500.0), s["ordered"].to_numpy() / s["ordered"].mean()
    code = pd.Categorical(s["region"]).codes
    y, load = (v - (np.bincount(code, v) / np.bincount(code))[code] for v in (y, load))
    slope = least_squares(y, load[:, None])[0][0]
    t = platform.stated
    return {
        "own_price_elasticity": (instrumented, t["own_price_elasticity"]),
        "cost_instrument_price_slope": (instrumented, t["cost_instrument_price_slope"]),
        "naive_price_slope": (naive, t["naive_price_slope"]),
        "load_time_effect_on_orders": (slope, t["load_time_effect_on_orders"]),
        "late_parcel_coming_back": (late, t["late_parcel_coming_back"]),
    }


def effects(platform: Platform) -> dict[str, tuple[float, float]]:
    """Return name -> (difference in means, truth) of the experiments whose records are sound and units many."""
    power = {r["name"]: r["truth"] for r in platform.truth("power.json")}
    known, found = orders(platform.frame), {}
    for e in EXPERIMENTS:
        if e.leak or e.unit == "region":
            continue
        units = by_unit(platform, e, known)
        for arm in e.arms[1:]:
            for metric in ("orders", "contribution"):
                name = f"{e.id}: {arm.name}: {metric}"
                found[name] = (difference(units, arm.name, e.arms[0].name, metric)[0], power[name])
    return found


def ranges(platform: Platform) -> dict[str, float]:
    """Return what the realism targets are about."""
    orders = platform.frame("orders").dropna(subset=["customer_id"])
    counts = orders.groupby("customer_id").size()
    price = platform.frame("prices")["price"].astype(float)
    n = platform.stated
    return {
        "customers": n["count: customers"],
        "sessions": n["count: sessions"],
        "bought again": float((counts > 1).mean()),
        "lines an order": n["count: order_lines"] / n["count: orders"],
        "orders a visit": n["count: orders"] / n["count: sessions"],
        "lowest price": float(price.min()),
        "highest price": float(price.max()),
        "own_price_elasticity": n["own_price_elasticity"],
        "price_level_elasticity": n["price_level_elasticity"],
        "naive_price_slope": n["naive_price_slope"],
    }


def code_hash() -> str:
    """Return a hash of the code that is judged: the modules that a simulation needs, comments and layout apart."""
    modules = {m: h for m, h in closure(["growth.simulation"]).items() if m.startswith("growth.simulation")}
    return sha256(json.dumps(modules, sort_keys=True).encode()).hexdigest()


def main() -> None:
    z: dict[str, list[float]] = {}
    seen: dict[str, list[float]] = {}
    ratios: dict[str, list[float]] = {}
    for seed in SEEDS:
        with tempfile.TemporaryDirectory(prefix="calibrate-") as folder:
            platform = make(Path(folder), Settings(seed=seed, customers=CUSTOMERS, dirt=False))
            power = {r["name"]: r for r in platform.truth("power.json")}
            for name, (estimate, truth) in (estimates(platform) | effects(platform)).items():
                error = power[ERRORS.get(name, name)]["standard_error"]
                z.setdefault(name, []).append((estimate - truth) / error)
            for name, value in ranges(platform).items():
                seen.setdefault(name, []).append(value)
            for name, row in power.items():
                ratios.setdefault(name, []).append(row["ratio"])
    result = {
        "code": code_hash(),
        "seeds": len(SEEDS),
        "z": {
            k: {"mean": round(float(np.mean(v)), 3), "sd": round(float(np.std(v, ddof=1)), 3)}
            for k, v in z.items()
        },
        "ranges": {k: [round(float(min(v)), 4), round(float(max(v)), 4)] for k, v in seen.items()},
        "power": {k: [min(v), max(v)] for k, v in ratios.items()},
    }
    text = json.dumps(result, indent=1, sort_keys=True) + "\n"
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


def check() -> int:
    """Say whether the stored results judge the code that is there; return the exit code."""
    fresh = json.loads(RESULTS.read_text(encoding="utf-8"))["code"] == code_hash()
    print(
        "the platform's calibration is up to date"
        if fresh
        else "the platform's is stale, run `make calibrate`"
    )
    return not fresh


if __name__ == "__main__":
    sys.exit(check() if "--check" in sys.argv else main())
