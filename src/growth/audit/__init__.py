"""Is the data fit to use: handbook H3 and H4."""
