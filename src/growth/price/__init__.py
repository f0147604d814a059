"""Price: how demand answers it, what it should be, and what to have in stock."""
