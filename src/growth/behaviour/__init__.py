"""The topic `behaviour`: visits, the way to an order, searches, what is bought together and next."""
