"""Did the promotion work, did it pay, for whom: handbook C1 to C7 and B6."""
