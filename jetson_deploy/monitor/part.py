"""Base class of all parts of a sample."""

from __future__ import annotations

import msgspec


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all parts of a sample: frozen, base units, None is unknown."""
