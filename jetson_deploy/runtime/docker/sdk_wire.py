"""The same questions for a host over TLS or SSH: the docker SDK makes the connection."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import docker
import requests

from jetson_deploy.runtime.docker.errors import one_line
from jetson_deploy.runtime.docker.sdk_errors import ENGINE_TROUBLE, as_plain, engine_text


class SdkWire:
    def __init__(self, client: Callable[[], docker.APIClient]) -> None:
        """`client`: connects at the first call, and raises PreflightError where that fails."""
        self._client = client

    def ask(self, method: str, path: str, body: bytes | None, seconds: float) -> tuple[int, bytes]:
        response = self._request(method, path, body, (seconds, seconds))
        with _as_plain(), contextlib.closing(response):
            return response.status_code, response.content

    def stream(self, path: str, seconds: float, *, ends: bool = False) -> SdkStream:
        return SdkStream(self._request("GET", path, None, (seconds, seconds if ends else None)))

    def _request(
        self, method: str, path: str, body: bytes | None, seconds: tuple[float, float | None]
    ) -> requests.Response:
        client = self._client()
        kind = {"Content-Type": "application/json"} if body is not None else {}
        with _as_plain():
            url = f"{client.base_url}/v{client.api_version}{path}"
            return client.request(method, url, data=body, headers=kind, stream=True, timeout=seconds)


class SdkStream:
    def __init__(self, response: requests.Response) -> None:
        self._response = response
        self.status = response.status_code

    def read1(self, most: int) -> bytes:
        with _as_plain():
            return bytes(self._response.raw.read1(most))

    def rest(self) -> bytes:
        with _as_plain():
            return self._response.content

    def close(self) -> None:
        self._response.close()


@contextlib.contextmanager
def _as_plain() -> Iterator[None]:
    try:
        yield
    except ENGINE_TROUBLE as error:
        raise as_plain(error, one_line(engine_text(error))) from error
