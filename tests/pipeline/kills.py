"""Kill the pipeline at random moments; afterwards `dvc repro` must give the bytes of an undisturbed run.

``python -m tests.pipeline.kills 20`` does so twenty times and says how each ended.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from growth.report.verify import compare
from tests.elsewhere import Elsewhere

ROOMS = ("data/simulated", "reports/simulated")


def main(times: int) -> int:
    """Kill `times` times; return the number of runs after which a byte differed."""
    chance, wrong = random.Random(20260101), 0
    with tempfile.TemporaryDirectory() as scratch:
        copy = Elsewhere.make(Path(scratch))
        start = time.monotonic()
        copy.repro()
        whole = time.monotonic() - start
        before = Path(scratch) / "before"
        before.mkdir()
        for room in ROOMS:
            subprocess.run(["cp", "-r", "--parents", room, str(before)], cwd=copy.folder, check=True)
        for n in range(times):
            moment = chance.uniform(0.5, whole)
            running = subprocess.Popen(
                ["dvc", "repro", "--force", "--no-run-cache"], cwd=copy.folder, env=copy.env,
                start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
            time.sleep(moment)
            os.killpg(running.pid, signal.SIGKILL)
            said = running.communicate()[0]
            stage = (
                said.rpartition("Running stage '")[2].partition("'")[0]
                if "Running stage" in said
                else "start"
            )
            copy.repro()
            changed = [
                o.output
                for room in ROOMS
                for o in compare(before / room, copy.folder / room, room)
                if o.verdict != "same" and ".new/" not in o.output  # left by the kill, under no result's name
            ]
            wrong += bool(changed)
            print(
                f"kill {n + 1} after {moment:5.1f} s, in {stage}: {changed or 'the same bytes'}", flush=True
            )
    return wrong


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
