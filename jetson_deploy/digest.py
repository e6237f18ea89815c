"""SHA-256 for what is hashed at every start, without the 6 ms and 3 MiB that OpenSSL takes to load.

The standard library's own module without it is imported in the way of its `random`, for the same reason. Models and
downloads are hashed with hashlib, which is faster at them.
"""

from __future__ import annotations

import contextlib
import importlib

_IN_THIS_ORDER = ("_sha2", "_sha256", "hashlib")
"""Python 3.12 and newer; 3.10 and 3.11; a Python built without its own."""


def sha256_hex(content: bytes) -> str:
    for name in _IN_THIS_ORDER:
        with contextlib.suppress(ImportError):
            return str(importlib.import_module(name).sha256(content).hexdigest())
    raise ImportError("this Python has no SHA-256")
