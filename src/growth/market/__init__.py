"""`01_market`: what the market says, who the users are, what they would pay and need."""
