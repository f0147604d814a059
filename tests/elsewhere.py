"""A copy of the project in another folder, with its own parameters, to run for real."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from growth.report.verify import _copy
from tests.conftest import ROOT

SMALL = dict(customers=900, months=8)


@dataclass
class Elsewhere:
    """A copy in `folder`; `run` runs a command there with its own code."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, **data: Any) -> Elsewhere:
        copy = cls(_copy(ROOT, folder / "project"))
        copy.set("simulation", **SMALL)
        copy.set("data", **data)
        copy.run("dvc", "config", "--local", "core.no_scm", "true")
        (copy.folder / "dvc.lock").unlink(missing_ok=True)
        return copy

    @property
    def env(self) -> dict[str, str]:
        here = dict(os.environ, PYTHONPATH=str(self.folder / "src"), GROWTH_ROOT=str(self.folder))
        here["PATH"] = str(Path(sys.executable).parent) + os.pathsep + here["PATH"]
        return here

    def run(self, *command: str, fails: bool = False) -> str:
        """Run a command; return what it printed. It must succeed, or fail if `fails`."""
        done = subprocess.run(command, cwd=self.folder, env=self.env, capture_output=True, text=True)
        said = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, said
        return said

    def repro(self, *options: str, fails: bool = False) -> list[str]:
        """Run the pipeline; return the stages that ran."""
        return re.findall(r"Running stage '([^']+)'", self.run("dvc", "repro", *options, fails=fails))

    def set(self, section: str, **values: Any) -> None:
        """Change parameters."""
        file = self.folder / "params.yaml"
        params = yaml.safe_load(file.read_text())
        params[section] |= values
        file.write_text(yaml.safe_dump(params, sort_keys=False))
