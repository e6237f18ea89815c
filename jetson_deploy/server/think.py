"""Raw `<think>…</think>` taken apart, in whatever pieces it comes.

Servers up to 0.11 leave the tags in the text unless asked. The rules are the server's own (0.9.5 with
`think: true`): only a block that opens the answer counts; blank space before it, after the opening tag
and after the closing tag is dropped.
"""

from __future__ import annotations

from typing import Literal

from jetson_deploy.server.exchange import Answer, Text, Thinking

_OPEN, _CLOSE = "<think>", "</think>"


class ThinkSplitter:
    """Feed it text, take pieces; the pieces' joined texts do not depend on how the text was cut."""

    def __init__(self) -> None:
        self._state: Literal["before", "opened", "inside", "closed", "answer"] = "before"
        self._held = ""

    def feed(self, text: str) -> list[Text]:
        """The text that is certain now; the rest is held until it is clear."""
        self._held += text
        pieces: list[Text] = []
        while self._step(pieces):
            pass
        return pieces

    def end(self) -> list[Text]:
        """What was held at the end of the stream: an unfinished tag is text."""
        held, self._held = self._held, ""
        if not held or self._state in ("opened", "closed"):
            return []
        return [Thinking(held)] if self._state == "inside" else [Answer(held)]

    def _step(self, pieces: list[Text]) -> bool:
        """One move of the state machine; False when more text is needed."""
        if self._state == "before":
            return self._before()
        if self._state in ("opened", "closed"):
            return self._skip_blank()
        if self._state == "inside":
            return self._inside(pieces)
        return self._pass_on(pieces)

    def _before(self) -> bool:
        start = self._held.lstrip()
        if start.startswith(_OPEN):
            self._held, self._state = start[len(_OPEN) :], "opened"
            return True
        if _OPEN.startswith(start):
            return False
        self._state = "answer"
        return True

    def _skip_blank(self) -> bool:
        self._held = self._held.lstrip()
        if not self._held:
            return False
        self._state = "inside" if self._state == "opened" else "answer"
        return True

    def _inside(self, pieces: list[Text]) -> bool:
        text, tag, rest = self._held.partition(_CLOSE)
        if tag:
            self._held, self._state = rest, "closed"
        else:
            kept = _overlap(text, _CLOSE)
            text, self._held = text[: len(text) - kept], text[len(text) - kept :]
        if text:
            pieces.append(Thinking(text))
        return bool(tag)

    def _pass_on(self, pieces: list[Text]) -> bool:
        if self._held:
            pieces.append(Answer(self._held))
        self._held = ""
        return False


def _overlap(text: str, tag: str) -> int:
    """Length of the longest start of `tag` that ends `text`."""
    return next(n for n in range(min(len(text), len(tag) - 1), -1, -1) if text.endswith(tag[:n]))
