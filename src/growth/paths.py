"""Where everything is. Nothing else in the project knows a path."""

from __future__ import annotations

import os
from pathlib import Path

from growth.errors import UserError


def find_root() -> Path:
    """Return the project's folder: the nearest one upwards that holds ``params.yaml`` and ``dvc.yaml``.

    The search starts at ``GROWTH_ROOT`` if that is set, else at the working folder, else at this file,
    so a notebook opened from any folder and a stage run by DVC agree.
    """
    starts = [os.environ.get("GROWTH_ROOT"), str(Path.cwd()), str(Path(__file__).resolve().parent)]
    for start in filter(None, starts):
        here = Path(start).resolve()
        for folder in (here, *here.parents):
            if (folder / "params.yaml").is_file() and (folder / "dvc.yaml").is_file():
                return folder
    raise UserError(
        "No params.yaml and dvc.yaml found in this folder or above it: run from inside the project, "
        "or set GROWTH_ROOT to its folder."
    )


# One word per topic, everywhere: notebook, parameters, code, marts, findings, tests.
TOPICS = {
    "audit": "00_audit",
    "market": "01_market",
    "behaviour": "02_behaviour",
    "promotions": "03_promotions",
    "price": "04_price",
    "channels": "05_channels",
    "retention": "06_retention",
}


def slug(topic: str) -> str:
    """``retention`` -> ``06_retention``; a slug is returned as it is."""
    if topic in TOPICS.values():
        return topic
    if topic not in TOPICS:
        raise UserError(f"There is no topic {topic!r}; the topics are {', '.join(TOPICS.values())}.")
    return TOPICS[topic]


def topic_of(name: str) -> str:
    """``06_retention`` -> ``retention``; a topic is returned as it is."""
    return name if name in TOPICS else {s: t for t, s in TOPICS.items()}[slug(name)]


def params_file() -> Path:
    """Return the one file of parameters."""
    return find_root() / "params.yaml"


def data(dataset: str, room: str) -> Path:
    """Return a folder of a dataset: ``raw``, ``tables``, ``quarantine``, ``marts`` or ``truth``."""
    return find_root() / "data" / dataset / room


def marts(dataset: str, topic: str) -> Path:
    """Return the folder of one topic's marts."""
    return data(dataset, "marts") / slug(topic)


def reports(dataset: str, room: str = "") -> Path:
    """Return a folder of a dataset's reports: ``notebooks``, ``metrics``, ``tables`` or ``site``."""
    return find_root() / "reports" / dataset / room


def build(room: str) -> Path:
    """Return a folder for what is made on the way: ``sources``, ``failed``, ``run``."""
    return find_root() / "build" / room


def notebook(topic: str) -> Path:
    """Return the source notebook of a topic."""
    return find_root() / "notebooks" / f"{slug(topic)}.ipynb"


def asset(name: str) -> Path:
    """Return a file that ships with the package: a font, a style sheet, a template."""
    return Path(__file__).resolve().parent / "assets" / name
