"""Bodies of answers → tokens, while they pass. Memory is bounded: of a long line only its two ends are kept.

Ollama's own paths stream one object a line, and a line is a token, thinking or not; the last one tells the exact
number and time. OpenAI's path streams events, and tells no time at all: it is measured.
"""

from __future__ import annotations

import functools
import re
from typing import Annotated, Protocol, TypeAlias

import msgspec

from jetson_deploy.errors import UsageError
from jetson_deploy.monitor.llm.ledger import Ledger
from jetson_deploy.names import parse_model_name
from jetson_deploy.units import seconds

_MOST_LINE = 4 << 10
_HEAD, _TAIL = 1 << 10, 2 << 10
_COUNTERS = 400
"""The counters are the last fields."""
_CUT = b"\0"
_NAME = re.compile(rb'"model":\s*"([^"\\]{1,200})"')
_FIELD = re.compile(
    rb'"(prompt_eval_count|prompt_eval_duration|eval_count|eval_duration|prompt_tokens|completion_tokens)":\s*(\d{1,18})'
)
_DONE = re.compile(rb'"done":\s*true')
"""Within a string the quotes would be escaped. Of repeated ones the last: arguments of a tool come before."""


class AnswerView(Protocol):
    @property
    def decoding(self) -> bool: ...

    def body(self, data: bytes, now: float) -> None: ...

    def end(self, now: float, *, whole: bool) -> bool:
        """`whole`: its HTTP ended as it should. True: the server said itself that it had answered."""
        ...


class _Lines:
    """Splits a body; the ends of a long line are joined by a zero byte."""

    def __init__(self) -> None:
        self._part = bytearray()

    def split(self, data: bytes) -> list[bytes]:
        *lines, rest = data.split(b"\n")
        if lines and self._part:
            lines[0] = bytes(self._part) + lines[0]
            self._part.clear()
        self._part += rest
        if len(self._part) > _MOST_LINE:
            self._part = bytearray(_ends(bytes(self._part)))
        return lines

    def rest(self) -> bytes:
        return bytes(self._part)


def _ends(line: bytes) -> bytes:
    return line if len(line) <= _MOST_LINE else line[:_HEAD] + _CUT + line[-_TAIL:]


_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1 << 60)]


class _Line(msgspec.Struct):
    model: str = ""
    done: bool = False
    eval_count: _Count | None = None
    eval_duration: _Count | None = None
    prompt_eval_count: _Count | None = None
    prompt_eval_duration: _Count | None = None


class OllamaAnswer:
    """/api/generate and /api/chat, streamed or whole. `began`: when the request came."""

    def __init__(self, ledger: Ledger, began: float) -> None:
        self._ledger, self._began = ledger, began
        self._lines = _Lines()
        self._tokens = 0
        self._first = 0.0
        self._over = self._said = False

    @property
    def decoding(self) -> bool:
        return self._tokens > 0 and not self._over

    def body(self, data: bytes, now: float) -> None:
        for line in self._lines.split(data):
            self._line(_ends(line), now)

    def end(self, now: float, *, whole: bool) -> bool:
        if whole:
            self._line(self._lines.rest(), now)  # a whole answer has no line end
        self._over = True
        self._ledger.drop(self)
        return self._said

    def _line(self, line: bytes, now: float) -> None:
        if not line.strip() or self._over:
            return
        seen = _read(line)
        self._said = bool(self._said or (seen and seen.done) or _DONE.search(line))
        if seen is None or not seen.model:
            return
        seen.model = full_name(seen.model)
        if seen.done:
            self._settle(seen)
            return
        self._tokens += 1
        if self._tokens == 1:
            self._first = now
            self._ledger.first_token(now - self._began)
        self._ledger.progress(self, seen.model, self._tokens, now - self._first)

    def _settle(self, seen: _Line) -> None:
        self._over = True
        if seen.prompt_eval_count:
            self._ledger.settle_prompt(seen.model, seen.prompt_eval_count, seconds(seen.prompt_eval_duration))
        if seen.eval_count:
            self._ledger.settle(self, seen.model, seen.eval_count, seconds(seen.eval_duration))
            if seen.prompt_eval_count:
                self._ledger.use_context(seen.model, seen.prompt_eval_count + seen.eval_count)


def _read(line: bytes) -> _Line | None:
    if _CUT not in line:
        try:
            return msgspec.json.decode(line, type=_Line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
    numbers = _fields(line[-_COUNTERS:])
    numbers = {name: numbers[name] for name in _Line.__struct_fields__ if name in numbers}
    return _Line(model=_model(line), done="eval_count" in numbers, **numbers)


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning: str | None = None


@functools.lru_cache(maxsize=64)
def full_name(model: str) -> str:
    """As /api/ps lists it: an answer repeats what its request said."""
    try:
        return parse_model_name(model).short
    except UsageError:
        return model


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    text: str | None = None

    @property
    def says(self) -> bool:
        return bool(self.text or (self.delta and (self.delta.content or self.delta.reasoning)))


class _Usage(msgspec.Struct):
    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None


class _Chunk(msgspec.Struct):
    model: str = ""
    choices: list[_Choice] = []
    usage: _Usage | None = None


class OpenAiAnswer:
    """/v1/chat/completions and /v1/completions. A whole answer's time holds its prompt too: its rate is unknown."""

    def __init__(self, ledger: Ledger, began: float, *, events: bool) -> None:
        self._ledger, self._began, self._events = ledger, began, events
        self._lines = _Lines()
        self._model = ""
        self._tokens = 0
        self._first = self._last = 0.0
        self._usage = _Usage()
        self._over = self._said = False

    @property
    def decoding(self) -> bool:
        return self._tokens > 0 and not self._over

    def body(self, data: bytes, now: float) -> None:
        for line in self._lines.split(data):
            self._line(_ends(line), now)

    def end(self, now: float, *, whole: bool) -> bool:
        rest = self._lines.rest()
        self._count(rest, now, whole=whole)
        return self._said or _ends_events(rest) if self._events else whole

    def _count(self, rest: bytes, now: float, *, whole: bool) -> None:
        if whole and not self._events and rest:
            self._model, numbers = _model(rest), _fields(rest)
            self._usage = _Usage(numbers.get("prompt_tokens"), numbers.get("completion_tokens"))
        self._over = True
        if not self._model:
            return
        tokens = self._usage.completion_tokens or self._tokens
        if tokens and self._tokens > 1 and self._last > self._first:
            seconds = self._last - self._first
            self._ledger.settle(self, self._model, tokens, seconds, rate=(self._tokens - 1) / seconds)
        elif tokens and not self._events:
            self._ledger.settle(self, self._model, tokens, now - self._began, exact=False)
        self._ledger.drop(self)
        if self._usage.prompt_tokens and tokens:
            if self._tokens:  # with the waiting before it, which cannot be separated
                waited = self._first - self._began
                self._ledger.settle_prompt(self._model, self._usage.prompt_tokens, waited, exact=False)
            self._ledger.use_context(self._model, self._usage.prompt_tokens + tokens)

    def _line(self, line: bytes, now: float) -> None:
        self._said = self._said or _ends_events(line)
        if not self._events or not line.startswith(b"data: {"):
            return
        try:
            chunk = msgspec.json.decode(line[6:], type=_Chunk)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return
        self._model = full_name(chunk.model) if chunk.model else self._model
        self._usage = chunk.usage or self._usage
        if not any(choice.says for choice in chunk.choices):
            return
        self._tokens += 1
        self._last = now
        if self._tokens == 1:
            self._first = now
            self._ledger.first_token(now - self._began)
        self._ledger.progress(self, self._model, self._tokens, now - self._first)


def _ends_events(line: bytes) -> bool:
    """Without it the runner died: the stream has no other sign, and its status was 200."""
    return line.strip() == b"data: [DONE]"


def _model(line: bytes) -> str:
    match = _NAME.search(line)
    return full_name(match[1].decode(errors="replace")) if match else ""


def _fields(line: bytes) -> dict[str, int]:
    return {name.decode(): int(number) for name, number in _FIELD.findall(line)}
