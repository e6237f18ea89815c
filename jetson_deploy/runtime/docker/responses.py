"""Reaching the HTTP response behind a stream of the SDK.

The SDK hands out generators only; dropping a pull, or closing a log without leaking its socket, needs
the response itself. Requests' own response hook gives it without touching the SDK's insides.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import docker
import docker.errors
import requests
from docker.types import CancellableStream


class KeptResponse:
    """The response of one streaming request, once its headers are there."""

    def __init__(self) -> None:
        self._response: requests.Response | None = None

    def keep(self, response: requests.Response) -> None:
        self._response = response

    def drop(self) -> bool:
        """Shut the connection down: a thread that reads from it wakes up, the engine sees us gone.

        False when there is no response yet.
        """
        if self._response is not None:
            with contextlib.suppress(OSError, AttributeError, docker.errors.DockerException):
                CancellableStream(iter(()), self._response).close()
        return self._response is not None

    def close(self) -> None:
        """Give the connection back. Only from the thread that reads."""
        if self._response is not None:
            self._response.close()


@contextlib.contextmanager
def kept_response(client: docker.APIClient, path: str) -> Iterator[KeptResponse]:
    """While open, keeps the response of the request whose URL holds `path`."""
    kept = KeptResponse()

    def hook(response: requests.Response, *_: Any, **__: Any) -> None:
        if path in str(response.url):
            kept.keep(response)

    client.hooks["response"].append(hook)
    try:
        yield kept
    finally:
        client.hooks["response"].remove(hook)
