"""What the simulated platform costs: time, rows, bytes and peak memory at two sizes, one and two workers.

``python benchmarks/simulation.py [customers …]`` (default 12,000 and 200,000: two minutes) prints a table. Each run is
a process of its own, so that its peak memory is its own; with two workers the peak is that of the larger worker
plus that of the parent. For comparison on one machine; no test asserts a time.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))


def run(customers: int, workers: int, pipe: object) -> None:
    """Simulate once and send what it cost."""
    from growth.simulation import Settings, simulate

    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw"
        start = time.perf_counter()
        simulate(Settings(customers=customers), raw, Path(folder) / "truth", workers=workers)
        seconds = time.perf_counter() - start
        files = sorted(raw.rglob("*.parquet"))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peak += resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        found = {
            "customers": customers,
            "workers": workers,
            "seconds": round(seconds, 1),
            "rows": sum(pq.ParquetFile(f).metadata.num_rows for f in files),
            "megabytes": round(sum(f.stat().st_size for f in files) / 1e6, 1),
            "peak MB": round(peak / 1024),
        }
    pipe.send(found)  # type: ignore[attr-defined]


def main(sizes: list[int]) -> None:
    """Print a line of JSON a run."""
    context = multiprocessing.get_context("spawn")
    for customers in sizes:
        for workers in (1, 2):
            here, there = context.Pipe()
            child = context.Process(target=run, args=(customers, workers, there))
            child.start()
            print(json.dumps(here.recv()), flush=True)
            child.join()


if __name__ == "__main__":
    main([int(a) for a in sys.argv[1:]] or [12_000, 200_000])
