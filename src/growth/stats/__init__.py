"""Estimators that several topics share. Nothing here knows a topic, a table or a path."""
