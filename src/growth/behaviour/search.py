"""What people search for, and whether they find it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from growth.behaviour import terms
from growth.stats.many import bonferroni_level
from growth.stats.proportions import wilson

COUNTS = ["searches", "nothing", "people", "empty", "looked", "bought"]
UNMET, LOW_CLICK, SERVED = "finds nothing", "found, hardly looked at", "served"
MISSING, PARTLY, HIDDEN = "not in the catalogue", "something like it", "in the catalogue, not found"


def demand(searches: pd.DataFrame) -> pd.DataFrame:
    """Return searches by normal term, most people first: ``term, spellings`` and the counts.

    Parameters
    ----------
    searches : DataFrame
        ``query`` as typed, and the columns of `COUNTS`. Who used two spellings of one term counts twice.
    """
    own = searches.assign(term=searches["query"].map(terms.normal))
    own = own[own["term"] != ""]
    made = own.groupby("term").agg(spellings=("query", "nunique"), **{c: (c, "sum") for c in COUNTS})
    return made.reset_index().sort_values(["people", "term"], ascending=[False, True], ignore_index=True)


def judged(table: pd.DataFrame, fewest: int, confidence: float = 0.95) -> pd.DataFrame:
    """Say which terms are not served: more than half of their people find nothing, or hardly any look at a result.

    Parameters
    ----------
    table : DataFrame
        What `demand` returns.
    fewest : int
        People of a term that is judged.
    confidence : float
        Of each interval shown; a verdict is at Bonferroni's level over the terms.

    Returns
    -------
    DataFrame
        Of the terms judged: with ``empty_share`` from ``empty_low`` to ``empty_high``, ``look_share`` from ``look_low``
        to ``look_high``, and ``verdict``: `UNMET`, `LOW_CLICK` (less than half the share of all other terms) or
        `SERVED`.
    """
    own = table[table["people"] >= fewest].reset_index(drop=True)
    if own.empty:
        raise ValueError(f"No term was searched for by {fewest} people or more.")
    made = own.copy()
    for name, column in (("empty", "empty"), ("look", "looked")):
        made[f"{name}_share"] = own[column] / own["people"]
        made[f"{name}_low"], made[f"{name}_high"] = wilson(own[column], own["people"], confidence)
    level = bonferroni_level(confidence, len(own))
    unmet = wilson(own["empty"], own["people"], level)[0] > 0.5
    others = own["people"].sum() - own["people"]
    usual = (own["looked"].sum() - own["looked"]) / others.where(others > 0)
    low_click = wilson(own["looked"], own["people"], level)[1] < usual / 2
    return made.assign(verdict=np.select([unmet, low_click], [UNMET, LOW_CLICK], SERVED))


def unmet(made: pd.DataFrame, catalogue: pd.DataFrame) -> pd.DataFrame:
    """Return the terms that are not served, most people first, with the product nearest to each and ``kind``."""
    own = made[made["verdict"] != SERVED].reset_index(drop=True)
    found = own.join(terms.nearest(own["term"], catalogue))
    kind = np.select([found["likeness"] == 0, found["likeness"] < 1], [MISSING, PARTLY], HIDDEN)
    return found.assign(kind=kind)
