"""Lines of one server's log, in order → the ledger, and what runs now."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from jetson_deploy.monitor.llm.ledger import Ledger
from jetson_deploy.monitor.llm.log_lines import (
    Access,
    Header,
    Listening,
    LogEvent,
    Progress,
    Released,
    Runner,
    Slot,
    Taken,
    Timing,
    read_line,
)

_OWN = ("/api/ps", "/api/version")
"""What this monitor (and `watch`) asks all the time: not the users' requests."""
_BARE = Slot(-1, -1)
_MOST_BUSY = 256


class LogReader:
    """`model` names the model that a line is about: llama-server's lines do not."""

    def __init__(self, ledger: Ledger, model: Callable[[], str]) -> None:
        self._ledger, self._model = ledger, model
        self._header = _BARE
        self._counts = True
        self._busy: dict[Slot, None] = {}
        self.runner_port: int | None = None
        """Of the last llama-server."""
        self.tells_tokens = False
        """It has llama-server's timing."""
        self._tells_ends = False

    @property
    def tells_requests(self) -> bool:
        """`busy` is reliable: the log has no work without its begin and end lines."""
        return self._tells_ends or not self.tells_tokens

    @property
    def busy(self) -> int:
        """Requests inside llama-server."""
        return len(self._busy)

    def feed(self, line: str) -> None:
        event = read_line(line)
        if event is not None:
            self._take(event)

    def catch_up(self, lines: Iterable[str]) -> None:
        """What was written before the monitor began: which server runs and what it works on, without counting."""
        self._counts = False
        try:
            for line in lines:
                self.feed(line)
        finally:
            self._counts = True

    def reset(self) -> None:
        """The server was started anew: nothing of what it was doing goes on."""
        self._ledger.drop_all()
        self._busy.clear()
        self._header = _BARE
        self.runner_port = None

    def _take(self, event: LogEvent) -> None:
        if isinstance(event, Header):
            self._header = event.slot
        elif isinstance(event, Taken):
            self._tells_ends = True
            self._mark_busy(event.slot)
        elif isinstance(event, Runner):
            self._busy.clear()
            self.runner_port = event.port or self.runner_port
        elif isinstance(event, Listening):
            self.reset()
        elif isinstance(event, Released):
            self._released(event)
        elif isinstance(event, Timing | Progress):
            self.tells_tokens = True
            self._tokens(event)
        elif self._counts:
            self._answered(event)

    def _mark_busy(self, slot: Slot) -> None:
        if len(self._busy) < _MOST_BUSY:
            self._busy[slot] = None

    def _released(self, event: Released) -> None:
        self._tells_ends = True
        self._busy.pop(event.slot, None)
        self._ledger.drop(event.slot)
        if self._counts:
            self._ledger.use_context(self._model(), event.context_tokens)

    def _tokens(self, event: Timing | Progress) -> None:
        if not self._counts:
            return
        if isinstance(event, Progress):
            self._mark_busy(event.slot)
            if event.rate > 0:
                self._ledger.progress(event.slot, self._model(), event.tokens, event.tokens / event.rate)
        elif event.phase == "prompt":
            self._ledger.settle_prompt(self._model(), event.tokens, event.seconds)
        else:
            self._ledger.settle(event.slot or self._header, self._model(), event.tokens, event.seconds)

    def _answered(self, event: Access) -> None:
        if event.path not in _OWN:
            self._ledger.answer(event.path, event.code, event.seconds)
