"""Checks at the door: every row is kept, flagged or refused, and counted."""
