"""The simulated platform: a market whose truth is known.

`simulate` writes raw tables and, in a place of its own, the truth. Nothing but recovery checks reads the truth.
"""

from __future__ import annotations

from growth.simulation.clock import END, START
from growth.simulation.policy import Policy
from growth.simulation.run import simulate
from growth.simulation.world import Settings, World

__all__ = ["END", "START", "Policy", "Settings", "World", "simulate"]
