"""Price and demand: notebook ``04_price``."""
