"""What was measured in each experiment, in the order in which marts hold it."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

MOST_SEGMENTS = 3


@dataclass(frozen=True)
class Measured:
    """The columns of one experiment: its metrics with their scales, and its segments."""

    experiment: str
    metrics: tuple[tuple[str, str, int], ...]  # metric, window, scale
    segments: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """``<window>_<metric>`` of each metric."""
        return tuple(f"{window}_{metric}" for metric, window, _ in self.metrics)


def plan_of(names: pd.DataFrame) -> list[Measured]:
    """Return what is measured in each experiment, in the order in which marts hold it."""
    plans = []
    for experiment, group in names.sort_values(["experiment_id", "window", "metric"]).groupby(
        "experiment_id"
    ):
        numbers = group[~group["is_segment"]]
        labels = sorted(group[group["is_segment"]]["metric"])[:MOST_SEGMENTS]
        metrics = zip(numbers["metric"], numbers["window"], numbers["scale"], strict=True)
        plans.append(Measured(str(experiment), tuple((m, w, int(s)) for m, w, s in metrics), tuple(labels)))
    return plans
