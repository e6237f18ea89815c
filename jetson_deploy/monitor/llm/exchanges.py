"""Requests and answers of one connection, seen by the tap: which answer belongs to which request, and what it tells."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from jetson_deploy.monitor.llm.answer_views import AnswerView, OllamaAnswer, OpenAiAnswer
from jetson_deploy.monitor.llm.event_end import EventEnd
from jetson_deploy.monitor.llm.http_view import Head, HttpView
from jetson_deploy.monitor.llm.ledger import Ledger
from jetson_deploy.monitor.llm.log_lines import known_path

_OLLAMA = ("/api/generate", "/api/chat")
_OPENAI = ("/v1/chat/completions", "/v1/completions")
_NAMED_EVENTS = ("/v1/messages", "/v1/responses")
_WORK = (*_OLLAMA, *_OPENAI, "/api/embed", "/api/embeddings", "/v1/embeddings", *_NAMED_EVENTS)
"""What the model works for."""
_MOST_WAITING = 64
_NO_CONTENT = (204, 304)


class Exchange:
    """A request that was not answered to the end yet."""

    def __init__(self, method: str, path: str, began: float) -> None:
        self.method, self.path, self.began = method, path, began
        self.works = method == "POST" and path in _WORK
        self.code: int | None = None
        """None: no answer has begun."""
        self.view: AnswerView | None = None


class Exchanges:
    """`requests` and `answers` are to be fed with what passed. Used by the tap's thread alone."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger, self._clock = ledger, clock
        self._open: deque[Exchange] = deque()
        self.client_left = False
        """It hung up first: what does not end then is not broken."""
        self.requests = HttpView(_Requests(self), bare_body=False)
        self.answers = HttpView(_Answers(self), bare_body=True)

    @property
    def open(self) -> tuple[Exchange, ...]:
        return tuple(self._open)

    def finish(self, *, server_left: bool) -> None:
        """The connection is over: what was not answered never will be. `server_left`: the server ended it."""
        self.client_left = self.client_left or not server_left or self.answers.blind
        self.answers.finish()
        while self._open:
            self._ended(self._open.popleft(), whole=False)

    def asked(self, head: Head) -> bool:
        words = head.words
        if len(words) < 3 or "upgrade" in head.headers or len(self._open) >= _MOST_WAITING:
            self.requests.blind = self.answers.blind = True
            return True
        self._open.append(Exchange(words[0], words[1].partition("?")[0], self._clock()))
        return False

    def answered(self, head: Head) -> bool:
        code = int(head.words[1]) if len(head.words) > 1 and head.words[1].isdigit() else 0
        if 100 <= code < 200:
            self.answers.blind = code == 101
            return True
        if not self._open or not code:
            self.answers.blind = True
            return True
        exchange = self._open[0]
        exchange.code = code
        exchange.view = self._view(exchange, head)
        return exchange.method == "HEAD" or code in _NO_CONTENT

    def body(self, data: bytes) -> None:
        if self._open and (view := self._open[0].view) is not None:
            view.body(data, self._clock())

    def answer_ends(self) -> None:
        if self._open and self._open[0].code is not None:  # not so after a 100 Continue
            self._ended(self._open.popleft(), whole=True)

    def _view(self, exchange: Exchange, head: Head) -> AnswerView | None:
        if exchange.code != 200 or not exchange.works or head.headers.get("content-encoding", "identity") != "identity":
            return None
        if exchange.path in _OLLAMA:
            return OllamaAnswer(self._ledger, exchange.began)
        events = head.headers.get("content-type", "").startswith("text/event-stream")
        if exchange.path in _OPENAI:
            return OpenAiAnswer(self._ledger, exchange.began, events=events)
        if exchange.path in _NAMED_EVENTS:
            return EventEnd(events=events)
        return None

    def _ended(self, exchange: Exchange, *, whole: bool) -> None:
        now = self._clock()
        said = exchange.view.end(now, whole=whole) if exchange.view is not None else whole
        if exchange.works and not said and not self.client_left:
            self._ledger.broken()
        if exchange.code is not None:
            self._ledger.answer(known_path(exchange.path), exchange.code, now - exchange.began)


class _Requests:
    def __init__(self, exchanges: Exchanges) -> None:
        self._exchanges = exchanges

    def head(self, head: Head) -> bool:
        return self._exchanges.asked(head)

    def body(self, data: bytes) -> None:
        pass

    def end(self) -> None:
        pass


class _Answers:
    def __init__(self, exchanges: Exchanges) -> None:
        self._exchanges = exchanges

    def head(self, head: Head) -> bool:
        return self._exchanges.answered(head)

    def body(self, data: bytes) -> None:
        self._exchanges.body(data)

    def end(self) -> None:
        self._exchanges.answer_ends()
