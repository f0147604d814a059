"""Marts of ``01_market``: surveys by codebook, choices, interviews, and what is known of the population and the market.

A survey is small, so that a row an answer is no more than a row a customer is elsewhere; waves that no codebook
describes (the loyalty index has its own) are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
from ibis import _

from growth.definitions import Tables, first_record
from growth.marts import Mart

if TYPE_CHECKING:
    from ibis.expr.types import Table as Rows

_BOOK = ("question", "item")


def _waves(tables: Tables) -> Rows:
    """Return the waves that ask what the codebook holds."""
    book = tables["questions"].select(*_BOOK).distinct()
    return tables["answers"].semi_join(book, list(_BOOK)).select("wave").distinct()


def surveyed(tables: Tables) -> Rows:
    """Return a row a person asked and wave.

    Columns: ``respondent_id, wave, asked, stratum, cluster, base_weight, answered, seconds`` (first answer to last).
    """
    r = first_record(tables["respondents"], ("respondent_id", "wave")).semi_join(_waves(tables), "wave")
    said = tables["answers"].select(who="respondent_id", then="wave").distinct()
    r = r.left_join(said, (r.respondent_id == said.who) & (r.wave == said.then))
    took = r.finished_at.epoch_seconds() - r.started_at.epoch_seconds()
    return r.select(
        "respondent_id",
        "wave",
        "stratum",
        "cluster",
        "base_weight",
        asked=r.business_date,
        answered=r.who.notnull(),
        seconds=took.cast("int64"),
    )


def said(tables: Tables) -> Rows:
    """Return the answers of these waves: ``respondent_id, wave, question, item, option, value``."""
    a = first_record(tables["answers"], ("respondent_id", "wave", *_BOOK)).semi_join(_waves(tables), "wave")
    known = tables["respondents"].select("respondent_id", "wave").distinct()
    a = a.semi_join(known, ["respondent_id", "wave"])
    return a.select("respondent_id", "wave", *_BOOK, "option", "value")


def codebook(tables: Tables) -> Rows:
    """Return the codebook, a row an item."""
    kept = ("kind", "low", "high", "levels", "missing", "reversed", "topic", "asked_if", "english", "chinese")
    return first_record(tables["questions"], _BOOK).select(*_BOOK, *kept)


def tasks(tables: Tables) -> Rows:
    """Return what was chosen from: ``respondent_id, wave, kind, task, alternative, levels, price, chosen``."""
    key = ("respondent_id", "wave", "kind", "task", "alternative")
    return first_record(tables["choice_tasks"], key).select(*key, "levels", "price", "chosen")


def notes(tables: Tables) -> Rows:
    """Return the themes that coders found: ``respondent_id, coder, theme``."""
    key = ("respondent_id", "coder", "theme")
    return first_record(tables["notes"], key).select(*key)


def population(tables: Tables) -> Rows:
    """Return how many people there are: ``variable, level, variable_2, level_2, people``."""
    key = ("variable", "level", "variable_2", "level_2")
    found = first_record(tables["population"], key)
    blank = {c: ibis.coalesce(_[c], "") for c in ("variable_2", "level_2")}
    return found.mutate(**blank).select(*key, "people")


def market_stats(tables: Tables) -> Rows:
    """Return what was published: ``name, segment, year, value, low, high, unit, source``."""
    key = ("name", "segment", "year")
    return first_record(tables["market_stats"], key).select(*key, "value", "low", "high", "unit", "source")


_SURVEY = ("respondents", "answers", "questions")
MARTS = {
    "surveyed": Mart(surveyed, ("respondent_id", "wave"), _SURVEY),
    "said": Mart(said, ("respondent_id", "wave", *_BOOK), _SURVEY),
    "codebook": Mart(codebook, _BOOK, ("questions",)),
    "tasks": Mart(tasks, ("respondent_id", "wave", "kind", "task", "alternative"), ("choice_tasks",)),
    "notes": Mart(notes, ("respondent_id", "coder", "theme"), ("notes",)),
    "population": Mart(population, ("variable", "level", "variable_2", "level_2"), ("population",)),
    "market_stats": Mart(market_stats, ("name", "segment", "year"), ("market_stats",)),
}
