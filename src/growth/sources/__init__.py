"""Where data come from. Every source brings raw files and says how they become tables of the contract."""

from __future__ import annotations

import difflib

from growth.errors import UserError
from growth.sources.base import Dataset, Reading, Source


def names() -> list[str]:
    """Return the names of the datasets that can be asked for."""
    from growth.sources import public

    return ["simulated", *public.SOURCES]


def get(name: str) -> Source:
    """Return the source of a dataset.

    Raises
    ------
    UserError
        If there is none of that name.
    """
    from growth.sources import public, simulated

    known = {"simulated": simulated.SOURCE, **public.SOURCES}
    if name not in known:
        near = difflib.get_close_matches(name, list(known), 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UserError(f"data.dataset is {name!r}; there are {', '.join(known)}.{hint}")
    return known[name]


__all__ = ["Dataset", "Reading", "Source", "get", "names"]
