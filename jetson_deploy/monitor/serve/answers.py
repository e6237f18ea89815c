"""From a path to its answer. No path changes anything."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec

from jetson_deploy.monitor.monitor import Monitor
from jetson_deploy.monitor.serve.age import age_of
from jetson_deploy.monitor.serve.documents import recent_document, sample_document
from jetson_deploy.monitor.serve.exposition import CONTENT_TYPE, Exposition

_PAGE = Path(__file__).parent / "page"
_JSON, _TEXT, _SCRIPT = "application/json", "text/plain; charset=utf-8", "text/javascript; charset=utf-8"
_STYLE, _HTML, _IMAGE = "text/css; charset=utf-8", "text/html; charset=utf-8", "image/svg+xml"
FILES = {
    "/": ("index.html", _HTML),
    "/page.css": ("page.css", _STYLE),
    "/page.js": ("page.js", _SCRIPT),
    "/charts.js": ("charts.js", _SCRIPT),
    "/parts.js": ("parts.js", _SCRIPT),
    "/words.js": ("words.js", _SCRIPT),
    "/icon.svg": ("icon.svg", _IMAGE),
    "/uplot.js": ("uplot.js", _SCRIPT),
    "/uplot.css": ("uplot.css", _STYLE),
    "/LICENSE-uPlot": ("LICENSE-uPlot", _TEXT),
}
"""Path → file of the page and its type: nothing else of the disk can be asked for."""


class Answer(msgspec.Struct, frozen=True):
    status: int
    content_type: str
    body: bytes


class Answers:
    """`clock`: time.monotonic, by which samples carry their age."""

    def __init__(self, monitor: Monitor, clock: Callable[[], float]) -> None:
        self._monitor, self._clock = monitor, clock
        self._exposition = Exposition(monitor, clock)
        self._paths: dict[str, Callable[[str], Answer]] = {
            "/metrics": lambda _query: Answer(200, CONTENT_TYPE, self._exposition.text()),
            "/healthz": lambda _query: self._health(),
            "/api/sample": lambda _query: Answer(200, _JSON, sample_document(monitor, clock())),
            "/api/recent": self._recent,
        }

    def to(self, target: str) -> Answer | None:
        """To a request's target; None: there is no such path."""
        try:
            parts = urlsplit(target)
        except ValueError:
            return None
        if parts.path in FILES:
            name, content_type = FILES[parts.path]
            return Answer(200, content_type, (_PAGE / name).read_bytes())
        found = self._paths.get(parts.path)
        return found(parts.query) if found else None

    def _health(self) -> Answer:
        age = age_of(self._monitor, self._clock())
        return plain(503 if age.stale else 200, age.text)

    def _recent(self, query: str) -> Answer:
        try:
            since = float(parse_qs(query, max_num_fields=4).get("since", ["-inf"])[-1])
        except ValueError:
            since = math.nan
        if math.isnan(since):
            return plain(400, "since is a time in seconds since 1970, as the field `time` has them")
        return Answer(200, _JSON, recent_document(self._monitor, since))


def plain(status: int, text: str) -> Answer:
    return Answer(status, _TEXT, (text + "\n").encode("utf-8", "replace"))
