"""How demand answers price: what the data can tell of it, and estimates that say when they cannot."""
