"""A million paths of channels beside ChannelAttribution, and six million touches to paths beside reading them once.

``python benchmarks/channels.py [paths]`` prints a table. Both start from the same text, one path a row, in a DataFrame;
reading the file is not counted. Each run is a process of its own; they take turns and the best of three counts, the
peak of memory is the worst. The peer is no dependency of the project: it is timed where the interpreter named by
``PEER_PYTHON`` (this one, if it names none) has it, with ``matplotlib`` and ``pyarrow``. Its chains are simulated, in
ten folds of the paths, so its credit differs from the exact one by some per cent.
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
PATHS, RUNS, CHANNELS, PEOPLE_A_PATH = 1_000_000, 3, 12, 0.8
PEER = os.environ.get("PEER_PYTHON", sys.executable)


def generate_paths(file: Path, paths: int, seed: int = 20250505) -> None:
    """Write ``path, conversions, value, nulls``: a chain of 12 channels, six steps a path on average."""
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(seed)
    lengths = random.geometric(1 / 6, paths)
    go = random.dirichlet(np.full(CHANNELS, 0.7), CHANNELS).cumsum(axis=1)
    names = [f"channel {i}" for i in range(CHANNELS)]
    steps = np.zeros((paths, min(lengths.max(), 60)), np.int8)
    steps[:, 0] = random.integers(CHANNELS, size=paths)
    for i in range(1, steps.shape[1]):
        steps[:, i] = (random.random(paths)[:, None] > go[steps[:, i - 1]]).sum(axis=1).clip(max=CHANNELS - 1)
    text = [" > ".join(names[c] for c in row[:n]) for row, n in zip(steps, lengths, strict=True)]
    won = random.poisson(0.05 + 0.02 * steps[:, 0])
    frame = pd.DataFrame(
        dict(
            path=text,
            conversions=won,
            value=won * random.exponential(40, paths),
            nulls=1 + random.poisson(0.5, paths),
        )
    )
    frame.to_parquet(file, index=False)


def generate_touches(folder: Path, paths: int, seed: int = 20250506) -> None:
    """Write the tables of a shop: six touches a path, a third of the devices of customers, an order in four paths."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(seed)
    touches, devices, customers, orders = (int(paths * f) for f in (6, PEOPLE_A_PATH, 0.3, 0.25))
    start, day = np.datetime64("2024-01-01", "us").astype(np.int64), 86_400_000_000

    def ids(n: int) -> pa.Array:
        return pa.array([f"{x:016x}" for x in random.integers(0, 2**63, n)])

    def moments(home: np.ndarray) -> np.ndarray:
        return start + home * day + (random.random(len(home)) * 30 * day).astype(np.int64)

    def stored(name: str, n: int, **columns: Any) -> None:
        first = dict(record_id=np.arange(1, n + 1), flags=columns.pop("flags", pa.array([""] * n)))
        pq.write_table(pa.table(first | columns), folder / f"{name}.parquet", compression="zstd")

    def times(of: np.ndarray) -> pa.Array:
        return pa.array(of.astype("datetime64[us]"))

    def money(n: int) -> pa.Array:
        cents = pa.array(random.integers(1, 50_000, n)).cast(pa.decimal128(19, 0))
        return pa.compute.multiply(cents, pa.scalar("0.01").cast(pa.decimal128(3, 2))).cast(
            pa.decimal128(18, 4)
        )

    home = random.integers(0, 150, devices)
    who = (devices * random.random(touches) ** 1.3).astype(np.int64)
    when = moments(home[who])
    order = np.argsort(when)
    who, when = who[order], when[order]
    device, customer = ids(devices), ids(customers)
    labels = pa.array([f"channel {i}" for i in range(CHANNELS)])
    stored(
        "touches", touches,
        flags=pa.array(np.where(random.random(touches) < 0.002, "exact_duplicate", "")),
        business_date=times(when).cast(pa.date32()), visitor_id=device.take(pa.array(who)),
        customer_id=pa.nulls(touches, pa.string()), at=times(when),
        channel=labels.take(pa.array((CHANNELS * random.random(touches) ** 1.5).astype(np.int64))),
        kind=pa.array(np.where(random.random(touches) < 0.5, "click", "impression")),
        campaign_id=pa.array([f"campaign {i}" for i in range(300)]).take(pa.array(random.integers(0, 300, touches))),
        cost=money(touches),
    )  # fmt: skip
    stored(
        "visitors", customers, visitor_id=device[:customers], customer_id=customer,
        valid_from=times(start + home[:customers] * day), valid_to=pa.nulls(customers, pa.timestamp("us")),
    )  # fmt: skip
    buyer = random.integers(0, customers, orders)
    placed = moments(home[buyer])
    names = pa.array([f"order {i:09d}" for i in range(orders)])
    stored(
        "orders", orders, business_date=times(placed).cast(pa.date32()), order_id=names,
        customer_id=customer.take(pa.array(buyer)), visitor_id=pa.nulls(orders, pa.string()),
        status=pa.array(["paid"] * orders), placed_at=times(placed), paid_at=times(placed),
    )  # fmt: skip
    stored(
        "order_lines", orders, order_id=names, product_id=pa.array(["p"] * orders),
        quantity=np.ones(orders, np.int64), amount=money(orders),
    )  # fmt: skip


OURS = """
import json, resource, sys, time
import growth
import pandas as pd
from growth.channels import markov, paths, rules
frame = pd.read_parquet(sys.argv[1])
start = time.perf_counter()
own = paths.from_table(frame)
read = time.perf_counter() - start
if sys.argv[2] == "rules":
    found = [rule(own) for rule in (rules.first, rules.last, rules.linear)]
else:
    found = [markov.markov(own, int(sys.argv[2]))]
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
shares = {c: [float(v) for f in found for v in (f.shares[i], f.value_shares[i])] for i, c in enumerate(own.channels)}
print(json.dumps(dict(seconds=seconds, peak=peak, read=read, shares=shares)))
"""

THEIRS = """
import json, resource, sys, time, warnings
warnings.simplefilter("ignore")
import pandas as pd
import ChannelAttribution as peer
frame = pd.read_parquet(sys.argv[1])
start = time.perf_counter()
if sys.argv[2] == "rules":
    found = peer.heuristic_models(frame, "path", "conversions", var_value="value", sep=">")
else:
    found = peer.markov_model(frame, "path", "conversions", var_value="value", var_null="nulls", sep=">",
                              order=int(sys.argv[2]), ncore=1, verbose=False)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
values = found.set_index(found.columns[0]).astype(float)
values = values / values.sum()
print(json.dumps(dict(seconds=seconds, peak=peak, shares={str(c).strip(): list(r) for c, r in values.T.items()})))
"""

MARTS = """
import json, resource, sys, time
from pathlib import Path
from growth.params import section
import ibis
import growth
from growth.channels import path_marts as marts
from growth.definitions import Tables
from growth.sources import Dataset
con = ibis.duckdb.connect()
con.raw_sql("set enable_progress_bar = false")
rows = {f.stem: con.read_parquet(f, table_name=f.stem) for f in sorted(Path(sys.argv[1]).glob("*.parquet"))}
words = section("definitions")
tables = Tables(rows, Dataset("bench", "", "2024-08-01", "UTC", "EUR", synthetic=True), words)
scan = []
for _ in range(3):
    start = time.perf_counter()
    con.raw_sql("select bit_xor(hash(t)) from touches t").fetchall()
    scan.append(time.perf_counter() - start)
start = time.perf_counter()
found = marts.paths(tables).to_pyarrow()
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(dict(seconds=seconds, peak=peak, scan=min(scan), paths=len(found))))
"""


def measured(program: str, *arguments: str, python: str = sys.executable) -> dict[str, Any]:
    """Run a program in a process of its own; return what its last line says."""
    env = dict(os.environ, PYTHONPATH=str(ROOT / "src") if python == sys.executable else "")
    done = subprocess.run(
        [python, "-c", program, *arguments], env=env, check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


def has_peer() -> bool:
    """Return whether the peer's interpreter has it."""
    return not subprocess.run(
        [PEER, "-c", "import ChannelAttribution, pyarrow"], capture_output=True
    ).returncode


def beside(file: Path, what: str, bar: float) -> None:
    """Print ours, and the peer's where it is; stop if credit differs by more than its simulation may."""
    ours, theirs, peer = [], [], has_peer()
    for _ in range(RUNS):
        ours.append(measured(OURS, str(file), what))
        if peer:
            theirs.append(measured(THEIRS, str(file), what, python=PEER))
    best, memory = min(r["seconds"] for r in ours), max(r["peak"] for r in ours)
    name = "first, last, linear" if what == "rules" else f"Markov, order {what}"
    print(f"{f'{name}: ours, from text':50} {best:7.2f} s {memory:7.0f} MB")
    print(f"{'  of it text to codes':50} {min(r['read'] for r in ours):7.2f} s")
    if not peer:
        print("  ChannelAttribution is not installed here (PEER_PYTHON names its interpreter): no ratio")
        return
    other, much = min(r["seconds"] for r in theirs), max(r["peak"] for r in theirs)
    apart = max(
        sum(abs(ours[0]["shares"][c][i] - v[i]) for c, v in theirs[0]["shares"].items())
        for i in range(len(next(iter(theirs[0]["shares"].values()))))
    )
    if apart > (1e-6 if what == "rules" else 0.1):
        raise SystemExit(f"The two disagree on {name}: shares differ by {apart:.4f} in all.")
    print(f"{'  ChannelAttribution, one core':50} {other:7.2f} s {much:7.0f} MB")
    print(f"{'  ours / theirs':50} {best / other:7.2f}   {memory / much:7.2f}     ≤ {bar}")
    print(f"{'  shares apart, in all':50} {apart:7.4f}")


def main(paths: int) -> None:
    """Print the table."""
    WORK.mkdir(parents=True, exist_ok=True)
    file, folder = WORK / f"paths_{paths}.parquet", WORK / f"touches_{paths}"
    if not file.is_file():
        generate_paths(file.with_suffix(".new"), paths)
        file.with_suffix(".new").rename(file)
    for what, bar in (("rules", 0.5), ("1", 0.5), ("3", 0.3)):
        beside(file, what, bar)
    if not folder.is_dir():
        new = folder.with_suffix(".new")
        new.mkdir(exist_ok=True)
        generate_touches(new, paths)
        new.rename(folder)
    runs = [measured(MARTS, str(folder)) for _ in range(RUNS)]
    best = min(runs, key=lambda r: r["seconds"])
    print(f"{f'{6 * paths:,} touches to paths in DuckDB':50} {best['seconds']:7.2f} s {best['peak']:7.0f} MB")
    print(f"{'  one full decode of the touches':50} {min(r['scan'] for r in runs):7.2f} s")
    print(f"{'  paths / decode':50} {best['seconds'] / min(r['scan'] for r in runs):7.1f}     ≤ 10")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PATHS)
