"""A port for a server that a test starts later, when the port that was found is long closed again."""

from __future__ import annotations

import contextlib
import random
import socket

_BELOW_CLIENTS = range(12_000, 30_000)
"""The kernel gives none of them to a client or to one who asks for any port: another test may get one of those."""


def free_port(address: str = "127.0.0.1") -> int:
    for port in random.sample(_BELOW_CLIENTS, 200):
        with contextlib.suppress(OSError), socket.create_server((address, port)):
            return port
    raise AssertionError(f"no port is free at {address}")
