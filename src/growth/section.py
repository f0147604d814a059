"""The base of every section of ``params.yaml``: unknown keys, wrong types and values out of range are refused."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of ``params.yaml``; each field's description says what is allowed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
