"""A line of the server's log → what it says of requests and tokens. Pure; a line that says nothing is None.

llama-server's timing in three generations (Ollama from 0.30 on writes it into its own log): (a) a header line and
bare lines after it, until mid-2026; (b) everything on one line, live counts as `n_decoded`; (c) as b, `n_gen`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec

Phase: TypeAlias = Literal["prompt", "decode"]
_MOST = 1 << 40
"""No count of tokens, milliseconds or seconds is larger: what is, is damage."""


class Slot(msgspec.Struct, frozen=True):
    """A request inside llama-server."""

    slot: int
    task: int


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """A phase of a request is over."""

    slot: Slot | None
    """None: a bare line of generation a, which belongs to the last `Header`."""
    phase: Phase
    tokens: int
    seconds: float


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens made so far in a request that goes on."""

    slot: Slot
    tokens: int
    rate: float
    """Tokens per second since its first."""


class Header(msgspec.Struct, frozen=True):
    slot: Slot


class Taken(msgspec.Struct, frozen=True):
    """A slot began to work."""

    slot: Slot


class Released(msgspec.Struct, frozen=True, kw_only=True):
    """A slot ended its work, finished or given up."""

    slot: Slot
    context_tokens: int
    """Prompt and answer."""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Ollama answered a request."""

    path: str
    """One of a bounded number."""
    code: int
    seconds: float | None


class Listening(msgspec.Struct, frozen=True):
    """Ollama was started."""

    version: str


class Runner(msgspec.Struct, frozen=True):
    """A llama-server was started; `port` on loopback, None where the line does not say."""

    port: int | None


LogEvent: TypeAlias = Timing | Progress | Header | Taken | Released | Access | Listening | Runner

_SLOT = r"id\s+(\d{1,9})\s*\|\s*task\s+(\d{1,15})\s*\|"
_NUMBER = r"(\d{1,15}(?:\.\d{1,9})?)"
_TIMING = re.compile(rf"(?:{_SLOT}\s*)?\b(prompt eval|eval) time\s*=\s*{_NUMBER} ms\s*/\s*(\d{{1,12}}) (?:tokens|runs)")
_PROGRESS = re.compile(rf"{_SLOT}\s*n_(?:gen|decoded)\s*=\s*(\d{{1,12}}),\s*tg\s*=\s*{_NUMBER}\s*t/s")
_HEADER = re.compile(rf"print_timing:\s*{_SLOT}\s*$")
_TAKEN = re.compile(rf"{_SLOT}\s*processing task\b")
_RELEASED = re.compile(rf"{_SLOT}\s*stop processing: n_tokens\s*=\s*(\d{{1,12}})")
_ACCESS = re.compile(r'\[GIN\][^|]*\|\s*(\d{3})\s*\|\s*([^\s|]+)\s*\|[^|]*\|\s*[A-Z]+\s+"([^"\s?]*)')
_LISTENING = re.compile(r"Listening on \S+ \(version ([^)\"]{1,40})\)")
_RUNNER = re.compile(r'(?:^|msg=")starting llama-server\b')
_RUNNER_PORT = re.compile(r"--port[= ](\d{1,5})\b")
_RUNNER_LISTENS = re.compile(r"\b(?:llama_server|main|init): (?:server is )?listening on http://[^:\s]+:(\d{1,5})")
_COLOUR = re.compile(r"\x1b\[[0-9;]{0,20}m")


def read_line(line: str) -> LogEvent | None:
    for mark, read in _READERS:
        if mark in line:
            found = read(line)
            if found is not None:
                return found
    return None


def _timing(line: str) -> Timing | None:
    match = _TIMING.search(line)
    if match is None:
        return None
    slot, task, phase, milliseconds, tokens = match.groups()
    if float(milliseconds) > _MOST:
        return None
    return Timing(
        slot=Slot(int(slot), int(task)) if slot else None,
        phase="prompt" if phase == "prompt eval" else "decode",
        tokens=int(tokens),
        seconds=float(milliseconds) / 1000,
    )


def _progress(line: str) -> Progress | None:
    match = _PROGRESS.search(line)
    return match and Progress(slot=_slot(match), tokens=int(match[3]), rate=float(match[4]))


def _header(line: str) -> Header | None:
    match = _HEADER.search(line)
    return match and Header(_slot(match))


def _taken(line: str) -> Taken | None:
    match = _TAKEN.search(line)
    return match and Taken(_slot(match))


def _released(line: str) -> Released | None:
    match = _RELEASED.search(line)
    return match and Released(slot=_slot(match), context_tokens=int(match[3]))


def _access(line: str) -> Access | None:
    match = _ACCESS.search(_COLOUR.sub("", line))
    return match and Access(path=known_path(match[3]), code=int(match[1]), seconds=go_seconds(match[2]))


def _listening(line: str) -> Listening | None:
    match = _LISTENING.search(line)
    return match and Listening(match[1])


def _runner(line: str) -> Runner | None:
    if not _RUNNER.search(line):
        return None
    port = _RUNNER_PORT.search(line)
    return Runner(_port(port[1]) if port else None)


def _runner_listens(line: str) -> Runner | None:
    match = _RUNNER_LISTENS.search(line)
    return match and Runner(_port(match[1]))


def _slot(match: re.Match[str]) -> Slot:
    return Slot(int(match[1]), int(match[2]))


def _port(text: str) -> int | None:
    return int(text) if 0 < int(text) < 65536 else None


_READERS: tuple[tuple[str, Callable[[str], LogEvent | None]], ...] = (
    ("eval time", _timing),
    ("tg", _progress),
    ("[GIN]", _access),
    ("print_timing", _header),
    ("processing task", _taken),
    ("stop processing", _released),
    ("Listening on", _listening),
    ("starting llama-server", _runner),
    ("listening on http", _runner_listens),
)

_GO_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6, "μs": 1e-6, "us": 1e-6, "ns": 1e-9}
_GO_PART = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)(h|ms|m|s|µs|μs|us|ns)")


def go_seconds(text: str) -> float | None:
    """Go's text of a duration: `12.122311984s`, `1.5ms`, `117.4µs`, `1m30s`, `1h0m3.2s`, `0s`; None: it is none."""
    parts = _GO_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _GO_UNITS[unit] for number, unit in parts)


_API = ("chat", "copy", "create", "delete", "embed", "embeddings", "generate", "ps", "pull", "push")
_MORE_API = ("show", "tags", "version")
_V1 = ("chat/completions", "completions", "embeddings", "messages", "models", "responses")
_PATHS = frozenset(["/", *(f"/api/{name}" for name in (*_API, *_MORE_API)), *(f"/v1/{name}" for name in _V1)])


def known_path(path: str) -> str:
    """The path, or its group: whoever asks for nonsense must not make a series of each."""
    if path in _PATHS:
        return path
    return next((f"{group}…" for group in ("/api/blobs/", "/v1/models/") if path.startswith(group)), "other")
