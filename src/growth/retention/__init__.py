"""Who stays, why they leave, what they are worth: handbook F1 to F9 and B1."""
