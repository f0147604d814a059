"""Run notebooks, record what they find, render pages. Nothing here knows a topic."""
