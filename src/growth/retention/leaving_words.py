"""What the marts and the model of coming back and leaving call the same."""

from __future__ import annotations

SEGMENTS = ("acquisition_channel", "city_tier", "gender")
FIRST_CATEGORY = "first_category"
# In a profile, between a program and its tier, and between programs: characters that no label holds.
WITHIN, BETWEEN = "\x1f", "\x1e"
