"""The few calls of `watch`, over plain HTTP: importing the docker SDK would double the watcher's memory.

A unix socket or plain TCP only. Every call has its own connection, raises EngineAwayError, and waits at most the
client's `timeout` longer than the engine was told to take.
"""

from __future__ import annotations

import http.client
from typing import Any
from urllib.parse import quote

import msgspec

from jetson_deploy.errors import PreflightError
from jetson_deploy.runtime.docker.answers import plain_connection, said
from jetson_deploy.runtime.docker.followed_log import FollowedLog
from jetson_deploy.runtime.docker.state import as_state, own_name
from jetson_deploy.runtime.port import ContainerState

ANSWER_SECONDS = 10.0
_MOST_BYTES = 4 << 20


class EngineAwayError(PreflightError):
    """It does not answer, or refuses."""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    labels: dict[str, str]


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a container takes, as its cgroup counts. None: not counted here."""

    cpu_seconds: float | None
    """Since it was started."""
    memory_bytes: int | None
    """Without the page cache that can be given back, as `docker stats` shows it."""


class PlainEngine:
    def __init__(self, docker_host: str | None, timeout: float = ANSWER_SECONDS) -> None:
        """Raises PreflightError `engine-not-plain` for a host over TLS or SSH."""
        self._host, self._timeout = docker_host, timeout
        if plain_connection(docker_host, timeout) is None:
            raise PreflightError(
                f"watch cannot use DOCKER_HOST={docker_host}",
                hint="run it on the board itself, where the engine's unix socket is",
                code="engine-not-plain",
            )

    def labelled(self, label: str, value: str) -> list[Listed]:
        """All containers, running or not, that carry the label with that value; not one that is being removed."""
        filters = quote(msgspec.json.encode({"label": [f"{label}={value}"]}).decode())
        found = self._json("GET", f"/containers/json?all=1&filters={filters}") or []
        listed = [Listed(id=c["Id"], name=own_name(c.get("Names")), labels=c.get("Labels") or {}) for c in found]
        return [one for one in listed if one.name]

    def inspect(self, name: str) -> ContainerState | None:
        """None when there is no such container."""
        answer = self._json("GET", f"/containers/{quote(name)}/json")
        return as_state(answer) if answer is not None else None

    def stats(self, name: str) -> Usage | None:
        """One reading, at once; None: there is no such container."""
        answer = self._json("GET", f"/containers/{quote(name)}/stats?stream=false&one-shot=true")
        return _usage(answer) if isinstance(answer, dict) else None

    def follow_log(self, name: str, since: str | None) -> FollowedLog:
        """The lines that come from now on, or those after `since` (seconds since 1970, as text) and then the new ones.

        The caller closes it.
        """
        start = "tail=0" if since is None else f"since={quote(since)}"
        path = f"/containers/{quote(name)}/logs?follow=1&stdout=1&stderr=1&timestamps=1&{start}"
        connection = plain_connection(self._host, self._timeout)
        if connection is None:
            raise _away("it is reached over TLS or SSH only")
        try:
            connection.request("GET", path, headers={"Host": "docker"})
            link = connection.sock  # http.client lets go of it where the engine says `Connection: close`
            response = connection.getresponse()
            if response.status != http.client.OK:
                raise _away(said(response.read(_MOST_BYTES)) or f"GET {path}: HTTP {response.status}")
            return FollowedLog(link, response)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise _away(_problem(error, self._timeout)) from error
        except EngineAwayError:
            connection.close()
            raise

    def restart(self, name: str, seconds: int) -> None:
        """SIGTERM, SIGKILL after `seconds`, and started again."""
        self._do(f"/containers/{quote(name)}/restart?t={seconds}", seconds)

    def stop(self, name: str, seconds: int) -> None:
        self._do(f"/containers/{quote(name)}/stop?t={seconds}", seconds)

    def start(self, name: str) -> None:
        self._do(f"/containers/{quote(name)}/start", 0)

    def unpause(self, name: str) -> None:
        self._do(f"/containers/{quote(name)}/unpause", 0)

    def log_tail(self, name: str, lines: int) -> list[str]:
        """The last lines, each with the engine's time stamp before it."""
        path = f"/containers/{quote(name)}/logs?stdout=1&stderr=1&timestamps=1&tail={lines}"
        status, body = self._ask("GET", path, self._timeout)
        if status != http.client.OK:
            return []
        return _unframed(body).decode(errors="replace").splitlines()

    def _do(self, path: str, seconds: int) -> None:
        # Starting again after a hard stop waits for the shim and the runtime: seconds on an SD card.
        status, body = self._ask("POST", path, self._timeout + seconds + 20)
        if status >= http.client.BAD_REQUEST:
            raise _away(said(body) or f"POST {path}: HTTP {status}")

    def _json(self, method: str, path: str) -> Any:
        status, body = self._ask(method, path, self._timeout)
        if status == http.client.NOT_FOUND:
            return None
        if status != http.client.OK:
            raise _away(said(body) or f"{method} {path}: HTTP {status}")
        try:
            return msgspec.json.decode(body)
        except msgspec.MsgspecError as error:
            raise _away(f"the answer is not the Docker Engine's ({error})") from error

    def _ask(self, method: str, path: str, timeout: float) -> tuple[int, bytes]:
        connection = plain_connection(self._host, timeout)
        if connection is None:
            raise _away("it is reached over TLS or SSH only")
        try:
            connection.request(method, path, headers={"Host": "docker"})
            response = connection.getresponse()
            return response.status, response.read(_MOST_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise _away(_problem(error, timeout)) from error
        finally:
            connection.close()


def _usage(answer: dict[str, Any]) -> Usage:
    cpu, used = _count(answer, "cpu_stats", "cpu_usage", "total_usage"), _count(answer, "memory_stats", "usage")
    caches = (_count(answer, "memory_stats", "stats", name) for name in ("total_inactive_file", "inactive_file"))
    cache = next((one for one in caches if one is not None), 0)  # cgroup v1, v2
    return Usage(
        cpu_seconds=cpu / 1e9 if cpu else None,
        memory_bytes=max(0, used - cache) if used else None,
    )


def _count(answer: Any, *keys: str) -> int | None:
    """None: it is not there, or no count."""
    for key in keys:
        answer = answer.get(key) if isinstance(answer, dict) else None
    return answer if isinstance(answer, int) and answer >= 0 else None


def _unframed(body: bytes) -> bytes:
    """Without the 8-byte heads of the engine's frames (a container without TTY); the last may be cut."""
    found, at = bytearray(), 0
    while at + 8 <= len(body):
        size = int.from_bytes(body[at + 4 : at + 8], "big")
        found += body[at + 8 : at + 8 + size]
        at += 8 + size
    return bytes(found)


def _problem(error: Exception, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} s"
    return (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__


def _away(why: str) -> EngineAwayError:
    return EngineAwayError(
        f"the Docker Engine: {why}",
        hint="`systemctl status docker` shows its state; most often this helps: sudo systemctl restart docker",
        code="engine-away",
    )
