"""How long the engine may take: to look is quick, to change something on an SD card is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import docker

CHANGE_SECONDS = 120
"""Creating and starting: NVIDIA's hooks mount dozens of files."""
REMOVE_SECONDS = 600
"""Removing an image of 6 GB from eMMC or SD takes minutes, and the engine answers when it is done."""


@contextmanager
def patiently(client: docker.APIClient, seconds: int = CHANGE_SECONDS) -> Iterator[None]:
    """A call inside the block may take `seconds`. Not for a client that another thread uses."""
    usual, client.timeout = client.timeout, seconds
    try:
        yield
    finally:
        client.timeout = usual
