"""Where data come from. Every source brings raw files and says how they become tables of the contract."""

from __future__ import annotations

from growth.sources.base import Dataset, Reading, Source


def names() -> list[str]:
    """Return the names of the datasets that can be asked for."""
    from growth.sources import public

    return ["simulated", *public.SOURCES]


def get(name: str) -> Source:
    """Return the source of a dataset: a built-in one, else the shop's own files in ``data.files``."""
    from growth.sources import files, public, simulated

    known = {"simulated": simulated.SOURCE, **public.SOURCES}
    return known.get(name) or files.source(name)


__all__ = ["Dataset", "Reading", "Source", "get", "names"]
