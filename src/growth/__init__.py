"""Growth notebooks: tables in from anywhere, checked once, reduced to marts, answered in notebooks.

In a notebook or at a prompt::

    import growth
    growth.load("orders")              # a table of the dataset in params.yaml, as a DataFrame
    growth.mart("retention_counts")    # a mart
    growth.describe("orders")          # what the contract says of a table
    nb = growth.open("retention")      # parameters, marts, and a place for findings
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from growth import pins

pins.apply()

from growth.errors import UserError  # noqa: E402  (the pins must come first)

if TYPE_CHECKING:
    import pandas as pd

    from growth.report.notebook import Notebook

__all__ = ["UserError", "describe", "load", "mart", "open"]


def open(topic: str, dataset: str | None = None, **overrides: Any) -> Notebook:
    """Open a topic in a notebook: its parameters, its marts, and a place for its findings.

    Parameters
    ----------
    topic : str
        ``audit``, ``retention``, …
    dataset : str, optional
        Another dataset than ``data.dataset`` of ``params.yaml``.
    **overrides
        Parameters of the topic; None takes the value of ``params.yaml``.
    """
    from growth.report.notebook import Notebook

    return Notebook.open(topic, dataset, overrides)


def load(table: str, dataset: str | None = None) -> pd.DataFrame:
    """Return a checked table as a DataFrame (money as exact decimals); see `describe` for its columns."""
    from growth import explore

    return explore.load(table, dataset)


def mart(name: str, dataset: str | None = None) -> pd.DataFrame:
    """Return a mart as a DataFrame, whichever topic it belongs to."""
    from growth import explore

    return explore.mart(name, dataset)


def describe(table: str) -> pd.DataFrame:
    """Return what the contract says of a table: a row a column, with type, meaning and rules."""
    from growth import explore

    return explore.describe(table)
