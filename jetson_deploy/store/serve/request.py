"""The head of a request (RFC 9112), read strictly: what is ambiguous is refused."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes, urlsplit

import msgspec

HEAD_BYTES = 16 << 10
"""Request line and headers; clients of registries need under 1 kB."""
_END = re.compile(rb"\r?\n\r?\n")
_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP/([0-9])\.([0-9])")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*")
_HOST = re.compile(r"[A-Za-z0-9._~%:\[\]-]{0,255}")


class BadRequest(Exception):  # noqa: N818 - the client's error, not ours
    """What is wrong with a request; the connection ends after the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Request(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    target: str
    """As sent, printable ASCII."""
    segments: tuple[str, ...]
    """The path between its slashes, each decoded once."""
    headers: dict[str, str]
    """By lower-case name; those of a repeated one joined by commas."""
    version: tuple[int, int]
    """(1, 0), or (1, 1) for that and later ones."""
    keep_alive: bool


def end_of_head(received: bytes | bytearray) -> int | None:
    """Where the first request's head ends; None: more has to come. Raises BadRequest when it is too long."""
    found = _END.search(received)
    if (found.end() if found else len(received)) > HEAD_BYTES:
        raise BadRequest(431, f"the request's head has more than {HEAD_BYTES >> 10} KiB")
    return found.end() if found else None


def parse_head(head: bytes) -> Request:
    """Read a head with its blank line. Raises BadRequest."""
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\n")
    method, target, version = _request_line(first.removesuffix("\r"))
    headers = _headers(lines)
    if version == (1, 1) and _HOST.fullmatch(headers.get("host", "/")) is None:
        raise BadRequest(400, "one Host header is needed")
    return Request(
        method=method,
        target=target,
        segments=_segments(target),
        headers=headers,
        version=version,
        keep_alive=version == (1, 1) and _ends_there(headers),
    )


def _request_line(line: str) -> tuple[str, str, tuple[int, int]]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise BadRequest(400, "this is no request line of HTTP/1.1")
    version = (int(match[3]), int(match[4]))
    if version[0] != 1:
        raise BadRequest(505, "HTTP/1.1 is spoken here")
    return match[1], match[2], min(version, (1, 1))


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        match = _HEADER.fullmatch(line.removesuffix("\r"))
        if match is None:
            raise BadRequest(400, "a header line cannot be read")
        name = match[1].lower()
        headers[name] = f"{headers[name]}, {match[2]}" if name in headers else match[2]
    return headers


def _ends_there(headers: dict[str, str]) -> bool:
    """The next request begins right after this head, and the client wants to make one.

    A body is not read: where it ends would have to be guessed.
    """
    options = {option.strip().lower() for option in headers.get("connection", "").split(",")}
    has_body = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
    return "close" not in options and not has_body


def _segments(target: str) -> tuple[str, ...]:
    """Also of the absolute form that proxies send; the query is of no meaning here."""
    try:
        path = target.partition("?")[0] if target.startswith("/") else urlsplit(target).path
        return tuple(unquote_to_bytes(part).decode() for part in path.split("/")[1:])
    except ValueError:
        raise BadRequest(400, "the path cannot be read") from None
