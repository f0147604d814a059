"""Experiments on five million visits: our sums and products beside tea-tasting, on the same file and engine.

``python benchmarks/experiments.py [visits]`` (about two minutes) prints a table. Ours: rolled up to 2.5 million
users, 10 metrics with their whole covariance (55 products), exact decimals, one scan. tea-tasting, twice: 5 metrics
(mean, ratio, CUPED, CUPED of a ratio, sample ratio), and the same 10 metrics with their whole covariance; floats. Ten
columns cannot be added up in the time of five, as the engine's own ten float sums without any product show: so the
target is against the same ten metrics, and 1.2 is what exact sums may cost. Each run is a process of its own, so that
its peak memory is its own; they take turns and the best of three counts. DuckDB uses the threads it finds and, for
all alike, at most `MEMORY` for its tables; the last line is ours without that limit.

tea-tasting 2.0.0 needs Python 3.12 or newer: the benchmark looks for one and makes an environment of its own in
``build/benchmark/``; it is no part of requirements.lock. Without such a Python it takes 1.14.0, and says so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "build" / "benchmark"
VISITS = 5_000_000
ENGINE = ["ibis-framework[duckdb]==12.0.0", "duckdb==1.5.6", "sqlglot==30.17.0"]  # as in requirements.lock
COUNTS = ("pages", "carts", "orders", "items", "coupons", "old_orders")
MONEY = ("revenue", "discount", "contribution", "old_revenue")
METRICS = (*COUNTS, *MONEY)
RUNS = 3
MEMORY = "700MB"  # given to DuckDB for its tables; the interpreter and the libraries come on top


def generate(file: Path, visits: int, seed: int = 20240701) -> None:
    """Write visits of half as many users, in two arms: counts as whole numbers, money as DECIMAL(18,4)."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(seed)
    schema = pa.schema(
        [("user_id", pa.int64()), ("variant", pa.int64())]
        + [(c, pa.int64()) for c in COUNTS]
        + [(m, pa.decimal128(18, 4)) for m in MONEY]
    )
    with pq.ParquetWriter(file, schema) as out:
        for start in range(0, visits, 100_000):
            n = min(100_000, visits - start)
            user = random.integers(0, visits // 2, n)
            arm = user * 2_654_435_761 % 2**32 // 2**31
            orders = random.poisson(0.2 + 0.01 * arm, n)
            items = orders + random.poisson(0.8 * orders)
            cents = np.round(random.lognormal(3.5, 1, n) * 100).astype(np.int64) * items
            discount = cents * random.integers(0, 20, n) // 100
            old = random.poisson(0.2, n)
            columns = [user, arm, 1 + random.poisson(4, n), orders + random.poisson(0.3, n), orders, items]
            columns += [random.binomial(orders, 0.3), old]
            money = [cents, discount, cents * 4 // 10 - discount]
            money.append(np.round(random.lognormal(3.5, 1, n) * 100).astype(np.int64) * old)
            arrays = [pa.array(c, pa.int64()) for c in columns] + [_money(m) for m in money]
            out.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _money(cents: object) -> object:
    """Return cents as DECIMAL(18,4): 128 bits whose lower half is the number and whose upper half its sign."""
    import numpy as np
    import pyarrow as pa

    wide = np.empty((len(cents), 2), np.int64)  # type: ignore[arg-type]
    wide[:, 0] = cents * 100  # type: ignore[operator]
    wide[:, 1] = wide[:, 0] >> 63
    return pa.Array.from_buffers(pa.decimal128(18, 4), len(wide), [None, pa.py_buffer(wide.tobytes())])


# Programs of their own: what they measure is from the opened file to the result at home.
OURS = """
import json, resource, sys, time
import ibis
from growth.promotions.sums import MONEY, sums_and_products
metrics = sys.argv[3].split(",")
con = ibis.duckdb.connect()
con.raw_sql("set enable_progress_bar = false")
con.raw_sql(f"set memory_limit = '{sys.argv[2]}'")
start = time.perf_counter()
visits = con.read_parquet(sys.argv[1])
users = visits.group_by("variant", "user_id").agg(**{m: visits[m].sum().cast(MONEY) for m in metrics})
found = sums_and_products(users, ("variant",), tuple(metrics)).to_pyarrow().to_pylist()
seconds = time.perf_counter() - start
found = {f"{r['variant']} {k}": str(v) for r in found for k, v in r.items()}
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(dict(seconds=seconds, peak=peak, found=found)))
"""

THEIRS = """
import json, resource, sys, time
import ibis
import tea_tasting as tt
con = ibis.duckdb.connect()
con.raw_sql("set enable_progress_bar = false")
con.raw_sql(f"set memory_limit = '{sys.argv[2]}'")
start = time.perf_counter()
visits = con.read_parquet(sys.argv[1])
columns = ("orders", "items", "old_orders", "revenue", "old_revenue")
users = visits.group_by("variant", "user_id").agg(**{m: visits[m].sum().cast("float64") for m in columns})
test = tt.Experiment(
    orders=tt.Mean("orders"),
    revenue_an_order=tt.RatioOfMeans("revenue", "orders"),
    revenue=tt.Mean("revenue", "old_revenue"),
    revenue_an_order_cuped=tt.RatioOfMeans("revenue", "orders", "old_revenue", "old_orders"),
    ratio=tt.SampleRatio(),
)
result = test.analyze(users)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
found = dict(control=result["orders"].control, treatment=result["orders"].treatment)
print(json.dumps(dict(seconds=seconds, peak=peak, found=found)))
"""

THEIRS_WHOLE = """
import json, resource, sys, time
from itertools import combinations
import ibis
import tea_tasting.aggr
metrics = sys.argv[3].split(",")
con = ibis.duckdb.connect()
con.raw_sql("set enable_progress_bar = false")
con.raw_sql(f"set memory_limit = '{sys.argv[2]}'")
start = time.perf_counter()
visits = con.read_parquet(sys.argv[1])
users = visits.group_by("variant", "user_id").agg(**{m: visits[m].sum().cast("float64") for m in metrics})
pairs = list(combinations(metrics, 2))
found = tea_tasting.aggr.read_aggregates(
    users, "variant", has_count=True, mean_cols=metrics, var_cols=metrics, cov_cols=pairs
)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
found = dict(control=found[0].mean("orders"), treatment=found[1].mean("orders"))
print(json.dumps(dict(seconds=seconds, peak=peak, found=found)))
"""


FLOOR = """
import json, resource, sys, time
import duckdb
metrics = sys.argv[3].split(",")
con = duckdb.connect(config={"memory_limit": sys.argv[2]})
con.sql("set enable_progress_bar = false")
start = time.perf_counter()
sums = ", ".join(f"sum({m}::double) as {m}" for m in metrics)
users = f"select variant, user_id, {sums} from '{sys.argv[1]}' group by all"
found = con.sql(f"select variant, {', '.join(f'sum({m})' for m in metrics)} from ({users}) group by 1").fetchall()
seconds = time.perf_counter() - start
print(json.dumps(dict(seconds=seconds, peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, found=[])))
"""


def peer() -> tuple[Path, str]:
    """Return the Python that has tea-tasting, and its version; make its environment if it is not there."""
    home = WORK / "venv"
    python = home / "bin" / "python"
    if not (home / "ready").is_file():
        base = newer_python()
        version = "2.0.0" if base else "1.14.0"
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([base or sys.executable, "-m", "venv", home], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, f"tea-tasting=={version}", *ENGINE], check=True)
        (home / "ready").write_text(version)
    return python, (home / "ready").read_text()


def newer_python() -> str | None:
    """Return a Python of 3.12 or newer that can make environments, if the machine has one."""
    versions = [f"python3.{minor}" for minor in (14, 13, 12)]
    pyenv = Path.home() / ".pyenv" / "versions"
    here = [str(p) for v in versions for p in sorted(pyenv.glob(f"*/bin/{v}"))]
    probe = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))"
    for python in (sys.executable, *versions, *here):
        if shutil.which(python) and not subprocess.run([python, "-c", probe], capture_output=True).returncode:
            return python
    return None


def measured(python: Path | str, program: str, *arguments: str) -> dict[str, Any]:
    """Run a program in a process of its own; return what it says."""
    env = dict(os.environ, PYTHONPATH=str(ROOT / "src"))
    done = subprocess.run(
        [python, "-c", program, *arguments], env=env, check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout)


def main(visits: int) -> None:
    """Print the table."""
    WORK.mkdir(parents=True, exist_ok=True)
    file = WORK / f"visits_{visits}.parquet"
    if not file.is_file():
        generate(file.with_suffix(".new"), visits)
        file.with_suffix(".new").rename(file)
    python, version = peer()
    programs = {
        f"10 metrics, 55 products, exact, {visits:,} visits": (sys.executable, OURS),
        f"5 metrics with tea-tasting {version}": (python, THEIRS),
        f"10 metrics, 55 products with tea-tasting {version}": (python, THEIRS_WHOLE),
        "10 float sums a user and no product, DuckDB alone": (sys.executable, FLOOR),
    }
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in programs}
    for _ in range(RUNS):
        for name, (interpreter, program) in programs.items():
            runs[name].append(measured(interpreter, program, str(file), MEMORY, ",".join(METRICS)))
    ours, five, whole, _ = runs.values()
    if any(run["found"] != ours[0]["found"] for run in ours):
        raise SystemExit("Two runs gave other sums.")
    for theirs in (five, whole):
        _same(ours[0]["found"], theirs[0]["found"])
    best = [min(r["seconds"] for r in own) for own in runs.values()]
    for (name, own), seconds, target in zip(
        runs.items(), best, ("≤ 3 on two cores", "", "", ""), strict=True
    ):
        peak = max(r["peak"] for r in own)
        print(f"{name:55} {seconds:6.2f} s {peak:6.0f} MB   {target}")
    free = measured(sys.executable, OURS, str(file), "1TB", ",".join(METRICS))
    print(f"{'  ours / theirs, of 5 metrics':55} {best[0] / best[1]:6.2f}")
    print(f"{'  that engine alone / theirs, of 5 metrics':55} {best[3] / best[1]:6.2f}")
    print(f"{'  ours / theirs, of the same 10 metrics':55} {best[0] / best[2]:6.2f}             ≤ 1.2")
    limits = ((MEMORY, max(r["peak"] for r in ours)), ("no limit of its own", free["peak"]))
    for limit, peak in limits:
        target = "   ≤ 1000" if limit == MEMORY else ""
        print(f"{f'peak memory of ours, DuckDB with {limit}':55} {'':8} {peak:6.0f} MB{target}")


def _same(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Stop if the two do not see the same mean of orders in an arm."""
    for arm, name in ((0, "control"), (1, "treatment")):
        mean = float(ours[f"{arm} s_orders"]) / int(ours[f"{arm} units"])
        if abs(mean / theirs[name] - 1) > 1e-9:
            raise SystemExit(f"The two disagree on the orders of arm {arm}: {mean} and {theirs[name]}.")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else VISITS)
