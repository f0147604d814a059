"""Ten million panel rows with two-way effects and clustered errors beside pyfixest; a hundred thousand slopes.

``python benchmarks/price.py [rows]`` prints a table. Both read the same Parquet file: ours through DuckDB, rows stay
there; pyfixest from a DataFrame, its reading counted and shown apart. Each run is a process of its own; they take turns
and the best of three counts, the peak of memory is the worst. The peer's first fit in a process loads its code, so a
small fit goes before the clock.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "build" / "benchmark"
ROWS, RUNS, WEEKS, PRODUCTS = 10_000_000, 3, 120, 100_000


def generate(file: Path, rows: int, seed: int = 20241101) -> None:
    """Write ``unit, week, lp, ad, y``: units over 120 weeks with 8 % holes, in no order."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(seed)
    units = round(rows / (WEEKS * 0.92))
    unit = np.repeat(np.arange(units, dtype=np.int32), WEEKS)
    week = np.tile(np.arange(WEEKS, dtype=np.int32), units)
    kept = random.random(len(unit)) < 0.92
    unit, week = unit[kept], week[kept]
    season, level = random.normal(size=WEEKS), random.normal(size=units)
    lp = 0.3 * random.normal(size=len(unit)) + 0.2 * level[unit] + 0.1 * season[week]
    ad = (random.random(len(unit)) < 0.1 + 0.05 * (season[week] > 0)).astype(float)
    y = -2 * lp + 0.5 * ad + level[unit] + season[week] + random.normal(size=len(unit))
    pq.write_table(pa.table(dict(unit=unit, week=week, lp=lp, ad=ad, y=y)), file, compression="zstd")


OURS = """
import json, resource, sys, time
import ibis
import growth
from growth.price import twoway_marts
con = ibis.duckdb.connect()
con.raw_sql("set enable_progress_bar = false")
start = time.perf_counter()
found = twoway_marts.fit(con.read_parquet(sys.argv[1]), "y", ["lp", "ad"], "unit", "week", sys.argv[2].split("+"))
seconds = time.perf_counter() - start
own = found.estimate("lp")
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(dict(seconds=seconds, peak=peak, value=own.value, error=own.error, n=found.n)))
"""

THEIRS = """
import json, resource, sys, time, warnings
warnings.simplefilter("ignore")
import pandas as pd, pyfixest as pf
small = pd.DataFrame(dict(unit=[1, 1, 1, 2, 2, 2], week=[1, 2, 3, 1, 2, 3], lp=[1., 3, 2, 5, 1, 4]))
small["y"] = [1., 2, 4, 3, 1, 9]
pf.feols("y ~ lp | unit + week", small, vcov={"CRV1": "unit"})
start = time.perf_counter()
frame = pd.read_parquet(sys.argv[1])
read = time.perf_counter() - start
found = pf.feols("y ~ lp + ad | unit + week", frame, vcov={"CRV1": sys.argv[2]}, store_data=False, copy_data=False)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(dict(seconds=seconds, peak=peak, read=read, value=found.coef()["lp"], error=found.se()["lp"],
                      n=int(found._N))))
"""

SLOPES = """
import json, resource, sys, time
import ibis
import growth
import numpy as np
import pandas as pd
from growth.price import pooling, twoway_marts
con = ibis.duckdb.connect()
con.raw_sql("set enable_progress_bar = false")
start = time.perf_counter()
lists = twoway_marts.lists(con.read_parquet(sys.argv[1]), "y", "lp", "unit", "week")
scanned = time.perf_counter() - start
found = pooling.from_lists(lists)
solved = time.perf_counter() - start
table = pooling.pool(found, pd.Series(found.product % 40, index=found.product))
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(dict(seconds=seconds, peak=peak, scanned=scanned, solved=solved, products=len(found.product))))
"""


def measured(program: str, *arguments: str) -> dict[str, Any]:
    """Run a program in a process of its own; return what it says."""
    env = dict(os.environ, PYTHONPATH=str(ROOT / "src"))
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def made(name: str, rows: int) -> Path:
    """Return the file of so many rows; write it if it is not there."""
    file = WORK / f"{name}_{rows}.parquet"
    if not file.is_file():
        WORK.mkdir(parents=True, exist_ok=True)
        generate(file.with_suffix(".new"), rows)
        file.with_suffix(".new").rename(file)
    return file


def beside(file: Path, cluster: str) -> None:
    """Print ours beside pyfixest; stop if the two disagree."""
    ours, theirs = [], []
    for _ in range(RUNS):
        ours.append(measured(OURS, str(file), cluster))
        theirs.append(measured(THEIRS, str(file), cluster))
    for name in ("value", "error"):
        if abs(ours[0][name] / theirs[0][name] - 1) > 1e-6 or ours[0]["n"] != theirs[0]["n"]:
            raise SystemExit(f"The two disagree on the {name}: {ours[0]} and {theirs[0]}.")
    mine, other = (min(r["seconds"] for r in own) for own in (ours, theirs))
    memory = [max(r["peak"] for r in own) for own in (ours, theirs)]
    what = f"{ours[0]['n']:,} rows, by {cluster}: ours"
    print(f"{what:50} {mine:7.2f} s {memory[0]:7.0f} MB")
    print(f"{'  pyfixest, reading included':50} {other:7.2f} s {memory[1]:7.0f} MB")
    fit = min(r["seconds"] - r["read"] for r in theirs)
    print(f"{'  ours / theirs':50} {mine / other:7.2f}   {memory[0] / memory[1]:7.2f}     ≤ 0.5, ≤ 0.25")
    print(f"{'  ours / theirs without reading':50} {mine / fit:7.2f}")


def main(rows: int) -> None:
    """Print the table."""
    file = made("panel", rows)
    for cluster in ("unit", "unit+week"):
        beside(file, cluster)
    found = measured(SLOPES, str(made("panel", round(PRODUCTS * WEEKS * 0.92))))
    what = f"{found['products']:,} slopes: one scan"
    print(f"{what:50} {found['scanned']:7.2f} s {found['peak']:7.0f} MB")
    print(f"{'  and solved':50} {found['solved']:7.2f} s")
    print(f"{'  and pooled':50} {found['seconds']:7.2f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
