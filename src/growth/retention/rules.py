"""What the marts and the models of retention mean by the same words: lengths, stages, segments. It imports nothing."""

from __future__ import annotations

LAPSE = {"month": 6, "week": 26}  # silent for so many periods: lapsed
EXACT = {"month": 30, "week": 7}  # days of an exact age
STAGES = ("potential", "introduction", "growth", "maturity", "dormant", "lost")
DORMANT, LOST = 2, 4  # silent for more than so many usual gaps of one's own
HORIZON = 91  # days: the quarter that is foretold
SEGMENTS = ("acquisition_channel", "city_tier", "gender")
FIRST_CATEGORY = "first_category"
# In a profile, between a program and its tier, and between programs: characters that no label holds.
WITHIN, BETWEEN = "\x1f", "\x1e"
# Questions of the loyalty index, with the ends of their scales.
SCALES = {"satisfaction": (1, 5), "recommend": (0, 10)}
