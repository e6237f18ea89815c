"""Brings this very version of the tool onto a machine that may have no network: wheelhouse, Python archive."""
