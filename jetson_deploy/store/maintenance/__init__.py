"""Maintenance of the store over the years: verify it, list it, prune it."""
