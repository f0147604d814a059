"""A million customers: orders to purchase model to intervals beside lifetimes, and the triangle beside a plain scan.

``python benchmarks/retention.py [customers]`` (about two minutes) prints a table. Ours: 2.2 million orders in Parquet
to patterns, BG/NBD, standard errors, and everybody's expected purchases of a year with intervals. Peer: lifetimes
0.11.3 (archived) on the same patterns of single customers: fit and expected purchases, no intervals, which it cannot
give; its summary of orders is timed too. Each run is a process of its own; they take turns and the best of three
counts. lifetimes gets an environment of its own in ``build/benchmark/``; it is no part of requirements.lock.
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
CUSTOMERS, RUNS = 1_000_000, 3
PEER = ["lifetimes==0.11.3", "numpy<2.3", "pandas<3", "scipy<1.15", "pyarrow"]


def generate(file: Path, customers: int, seed: int = 20240801) -> None:
    """Write ``customer_id, date``: BG/NBD histories of a year, daily dates, about 2.2 orders a customer."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(seed)
    born = random.integers(0, 366, customers)
    rate, leave = random.gamma(0.5, 1 / 40, customers), random.beta(0.8, 2.5, customers)
    now, who, day = born.astype(float), [np.arange(customers)], [born]
    there = np.ones(customers, bool)
    while there.any():
        now = now + np.where(there, random.exponential(1 / np.maximum(rate, 1e-9)), np.inf)
        there &= now < 366
        who.append(np.flatnonzero(there))
        day.append(now[there].astype(np.int64))
        there &= random.random(customers) >= leave
        now = np.where(there, now, np.inf)
    dates = (np.datetime64("2024-01-01") + np.concatenate(day)).astype("datetime64[D]")
    table = pa.table({"customer_id": np.concatenate(who), "date": pa.array(dates)})
    pq.write_table(table.take(random.permutation(len(table))), file)


OURS = """
import json, resource, sys, time
import ibis, numpy as np
from growth.stats.purchase import bg_nbd
con = ibis.duckdb.connect()
con.raw_sql("set enable_progress_bar = false")
start = time.perf_counter()
rows = con.raw_sql(f'''
    with d as (select distinct customer_id, date from '{sys.argv[1]}'),
    c as (select count(*) - 1 as x, max(date) - min(date) as t_x, date '2024-12-31' - min(date) as t
          from d group by customer_id)
    select x, t_x, t, count(*) as n from c group by all order by all''').fetchnumpy()
x, t_x, t, n = (np.asarray(rows[k], float) for k in ("x", "t_x", "t", "n"))
model = bg_nbd(x, t_x / 7, t / 7, n)
expected = model.expected(52.18, x, t_x / 7, t / 7)
low, high = model.expected_interval(52.18, x, t_x / 7, t / 7)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(dict(seconds=seconds, peak=peak, fit=model.fit.parameters, total=float(n @ expected))))
"""

THEIRS = """
import json, resource, sys, time, warnings
warnings.simplefilter("ignore")
import pandas as pd
from lifetimes import BetaGeoFitter
from lifetimes.utils import summary_data_from_transaction_data
start = time.perf_counter()
orders = pd.read_parquet(sys.argv[1])
orders["date"] = pd.to_datetime(orders["date"])
s = summary_data_from_transaction_data(orders, "customer_id", "date", observation_period_end="2024-12-31")
made = time.perf_counter()
model = BetaGeoFitter().fit(s["frequency"], s["recency"] / 7, s["T"] / 7)
expected = model.conditional_expected_number_of_purchases_up_to_time(
    52.18, s["frequency"], s["recency"] / 7, s["T"] / 7)
end = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(dict(seconds=end - start, model=end - made, peak=peak, fit=dict(model.params_),
                      total=float(expected.sum()))))
"""

TRIANGLE = """
import json, resource, sys, time
import ibis
from types import SimpleNamespace
from growth.retention import marts
con = ibis.duckdb.connect()
con.raw_sql("set enable_progress_bar = false")
days = con.read_parquet(sys.argv[1], table_name="days")
marts.activity = lambda tables: days
words = SimpleNamespace(week_starts="monday", active="order")
scan = "select customer_id, min(date) as a, max(date) as b, count(*) as n from days group by 1"
best = [9e9, 9e9]
for _ in range(5):
    start = time.perf_counter()
    con.raw_sql(f"select min(a), max(b), sum(n) from ({scan})").fetchall()
    best[0] = min(best[0], time.perf_counter() - start)
    start = time.perf_counter()
    found = marts._gaps(SimpleNamespace(words=words), "month").to_pyarrow()
    best[1] = min(best[1], time.perf_counter() - start)
print(json.dumps(dict(scan=best[0], triangle=best[1], rows=len(found))))
"""


def peer() -> Path:
    """Return the Python that has lifetimes; make its environment if it is not there."""
    home = WORK / "lifetimes"
    python = home / "bin" / "python"
    if not (home / "ready").is_file():
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PEER], check=True
        )
        (home / "ready").touch()
    return python


def measured(python: Path | str, program: str, file: Path) -> dict[str, Any]:
    """Run a program in a process of its own; return what it says."""
    env = dict(os.environ, PYTHONPATH=str(ROOT / "src"))
    done = subprocess.run(
        [python, "-c", program, str(file)], env=env, check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout)


def main(customers: int) -> None:
    """Print the table."""
    WORK.mkdir(parents=True, exist_ok=True)
    file = WORK / f"orders_{customers}.parquet"
    if not file.is_file():
        generate(file.with_suffix(".new"), customers)
        file.with_suffix(".new").rename(file)
    python = peer()
    ours, theirs = [], []
    for _ in range(RUNS):
        ours.append(measured(sys.executable, OURS, file))
        theirs.append(measured(python, THEIRS, file))
    for name in ("r", "alpha", "a", "b"):
        if abs(ours[0]["fit"][name] / theirs[0]["fit"][name] - 1) > 1e-2:
            raise SystemExit(f"The two disagree on {name}: {ours[0]['fit']} and {theirs[0]['fit']}.")
    mine, other = (min(r["seconds"] for r in own) for own in (ours, theirs))
    print(
        f"{'orders to BG/NBD, errors, expected, intervals':50} {mine:6.2f} s {max(r['peak'] for r in ours):6.0f} MB"
    )
    print(
        f"{'lifetimes: orders to BG/NBD, expected':50} {other:6.2f} s {max(r['peak'] for r in theirs):6.0f} MB"
    )
    print(f"{'  ours / theirs':50} {mine / other:6.2f}     ≤ 0.3")
    fit = min(r["model"] for r in theirs)
    print(f"{'  ours, from orders / theirs, from its summary':50} {mine / fit:6.2f}")
    found = measured(sys.executable, TRIANGLE, file)
    print(f"{'retention triangle':50} {found['triangle']:6.2f} s")
    print(f"{'one group-by of the same days':50} {found['scan']:6.2f} s")
    print(f"{'  triangle / scan':50} {found['triangle'] / found['scan']:6.2f}     ≤ 2")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else CUSTOMERS)
