"""Parameters of ``00_audit``."""

from __future__ import annotations

from pydantic import Field

from growth.section import Section


class Params(Section):
    """Section ``audit`` of ``params.yaml``."""

    gap_days: int = Field(
        ge=1, le=60, description="longest run of days without a record that is no gap, 1 to 60"
    )
    reasons_shown: int = Field(ge=5, le=100, description="rows of the table of reasons, 5 to 100")
