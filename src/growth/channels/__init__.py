"""Channels: what each claims, what each truly brings, and where the next yuan goes."""
