"""The stage ``raw``: bring a dataset's raw files, whole or not at all."""

from __future__ import annotations

from growth import paths, sources
from growth.errors import UserError
from growth.folders import fresh, remove, replace


def run(dataset: str) -> None:
    """Fill ``data/<dataset>/raw`` with the raw files and ``dataset.json``, and ``truth`` where it is known."""
    new = {room: fresh(paths.data(dataset, f"{room}.new")) for room in ("raw", "truth")}
    try:
        sources.get(dataset).acquire(new["raw"], new["truth"]).write(new["raw"])
    except UserError:
        remove(*new.values())
        raise
    for room, folder in new.items():
        replace(folder, paths.data(dataset, room))
