"""Load and check ``params.yaml``: one typed section per room, one per notebook."""

from __future__ import annotations

import datetime as dt
import difflib
import importlib
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from growth import paths
from growth.errors import UserError
from growth.section import Section


class DataParams(Section):
    """Which data, and what "now" is."""

    dataset: str = Field(
        pattern=r"^[a-z][a-z0-9_]*$",
        description="name of a dataset: lower case, digits, _ (see `growth datasets`)",
    )
    as_of: dt.date | None = Field(
        strict=False, description="'now', a day such as 2026-01-01, or null for the dataset's own"
    )
    timezone: str | None = Field(
        description="an IANA name such as Asia/Shanghai, or null for the dataset's own"
    )
    files: str = Field(
        min_length=1, description="folder of your own files with a mapping.yaml (docs/own-data.md)"
    )
    datasets_dir: str | None = Field(
        description="folder of the public datasets, or null; the variable GROWTH_DATASETS goes first"
    )


class DefinitionsParams(Section):
    """What the words mean, the same in every notebook."""

    revenue: Literal["gross", "net"] = Field(description="gross, or net of refunds (on the day requested)")
    orders: Literal["placed", "paid"] = Field(description="an order counts when it is placed, or when paid")
    active: Literal["order", "visit"] = Field(description="a customer is active by an order, or by a visit")
    week_starts: Literal["monday", "sunday"] = Field(description="monday or sunday")
    usual_gap: int = Field(
        ge=1, le=1000, description="days between orders to begin with, before a customer's own are known"
    )
    click_days: float = Field(
        gt=0, le=365, description="days before an order in which a click is on its path, above 0 to 365"
    )
    view_hours: float = Field(
        ge=0, le=8760, description="hours before an order in which something shown is on its path, 0 to 8760"
    )
    path_steps: int = Field(ge=1, le=1000, description="steps that a path keeps, the last ones, 1 to 1000")


class SimulationParams(Section):
    """The built-in platform."""

    seed: int = Field(ge=0, lt=2**63, description="a whole number from 0 on")
    customers: int = Field(
        ge=200, le=5_000_000, description="customers over the whole period, 200 to 5,000,000"
    )
    months: int = Field(ge=3, le=60, description="months of history, 3 to 60")
    dirt: bool = Field(description="true or false: plant duplicates, gaps, impossible values")


class ReportParams(Section):
    """How reports look."""

    code_folded: bool = Field(description="true or false: code cells folded in rendered pages")


_ROOMS: dict[str, type[Section]] = {
    "data": DataParams,
    "definitions": DefinitionsParams,
    "simulation": SimulationParams,
    "report": ReportParams,
}


@cache
def sections() -> dict[str, type[Section]]:
    """Return the model of every section: the rooms above, and each topic's ``params.Params``."""
    topics = {t: importlib.import_module(f"growth.{t}.params").Params for t in paths.TOPICS}
    return _ROOMS | topics


def load(file: Path | None = None) -> dict[str, Section]:
    """Read and check the whole file.

    Returns
    -------
    dict of str to Section

    Raises
    ------
    UserError
        Naming every wrong key and what is allowed there.
    """
    file = file or paths.params_file()
    try:
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError) as e:  # ValueError: a date that does not exist
        raise UserError(f"{file.name} is not valid YAML: {' '.join(str(e).split())}") from None
    if not isinstance(raw, dict):
        raise UserError(f"{file.name} must hold sections: {', '.join(sections())}.")
    return check(raw, file.name)


def check(raw: dict[str, Any], where: str = "params.yaml") -> dict[str, Section]:
    """Check sections given as plain dictionaries (see `load`)."""
    wrong = [_unknown(where, "", k, sections()) for k in raw if k not in sections()]
    wrong += [f"{where}: the section {k} is missing." for k in sections() if k not in raw]
    found: dict[str, Section] = {}
    for name, model in sections().items():
        if name in raw:
            try:
                found[name] = model.model_validate(raw[name])
            except ValidationError as e:
                wrong += [_sentence(where, name, model, d) for d in e.errors()]
    if wrong:
        raise UserError("\n".join(wrong))
    return found


def section(name: str, overrides: dict[str, Any] | None = None) -> Any:
    """Return one section of ``params.yaml``; values that are not None in `overrides` go first."""
    stored = load()[name]
    changes = {k: v for k, v in (overrides or {}).items() if v is not None}
    if not changes:
        return stored
    model = sections()[name]
    try:
        return model.model_validate(stored.model_dump() | changes)
    except ValidationError as e:
        wrong = [_sentence("override", name, model, d) for d in e.errors()]
        raise UserError("\n".join(wrong)) from None


def _sentence(where: str, name: str, model: type[Section], error: ErrorDetails) -> str:
    key = ".".join(str(p) for p in error["loc"])
    if not key:
        return f"{where}: the section {name} must hold {', '.join(model.model_fields)}."
    if error["type"] in ("extra_forbidden", "invalid_key") or error["loc"][0] not in model.model_fields:
        return _unknown(where, f"{name}.", key, model.model_fields)
    allowed = model.model_fields[str(error["loc"][0])].description
    if error["type"] == "missing":
        return f"{where}: {name}.{key} is missing; allowed: {allowed}."
    return f"{where}: {name}.{key} is {error['input']!r}; allowed: {allowed}."


def _unknown(where: str, prefix: str, key: str, known: Any) -> str:
    near = difflib.get_close_matches(key, list(known), 1)
    hint = f" Did you mean {prefix}{near[0]}?" if near else ""
    return f"{where}: {prefix}{key} is not a parameter; there are {', '.join(known)}.{hint}"
