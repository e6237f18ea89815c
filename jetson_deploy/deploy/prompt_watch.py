"""Whether the server read all of what was sent: it says nothing when the context cuts a prompt.

Its log may name the numbers. Else they are compared: in a conversation a prompt never gets shorter, and a token holds
few bytes, so that one which was read as too few tokens was cut (docs/ollama-behaviour.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.server.exchange import Message, Stats
from jetson_deploy.server.server_log import CutPrompt

_BYTES = 4
"""Of a token, about, in English and in Chinese."""
_MOST_BYTES = 8
"""No text has more in the mean, where nothing is repeated."""
_REPEATED = re.compile(r"(.{1,8}?)\1+", re.DOTALL)
_SLACK = 16
"""Tokens that the template adds after the last message, and not when another one follows."""
LOG_LINES = 200


class PromptWatch:
    """Of one conversation. `logged`: what the server's log says of an answer that read so many tokens."""

    def __init__(self, context_tokens: int, logged: Callable[[int], CutPrompt | None]) -> None:
        self._context, self._logged = context_tokens, logged
        self._before = self._known = 0
        """Tokens that the last prompt was read as, and how many messages it had."""

    def judge(self, sent: Sequence[Message], stats: Stats) -> str:
        """What was cut, with its numbers; empty: nothing, as far as can be told."""
        read = stats.prompt_tokens
        new = [one.content for one in sent[self._known :]]
        least = self._before + sum(map(_least, new))
        most = self._before + sum(len(one.encode(errors="replace")) for one in new)
        about = max(self._before + sum(map(_about, new)), least)
        if read is None:
            return self._unknown(about)
        self._before, self._known = max(read, least), len(sent)
        cut = self._cut(read)
        if cut is not None:
            return self._said(f"of {cut.tokens} tokens", cut.read_tokens)
        if read < least - _SLACK and most > self._context:
            return self._said(f"of about {about} tokens (estimated)", read)
        if read >= self._context:
            return f"the prompt fills the context of {self._context} tokens: what did not fit was cut off before it"
        if read + stats.tokens >= self._context:
            return (
                f"prompt ({read} tokens) and answer ({stats.tokens}) filled the context of {self._context} tokens: "
                "the answer ended there, or the oldest part was dropped while it came"
            )
        return ""

    def _cut(self, read: int) -> CutPrompt | None:
        try:
            return self._logged(read)
        except JetsonDeployError:  # a log that cannot be read says nothing
            return None

    def _said(self, what: str, read: int) -> str:
        return (
            f"the prompt {what} was cut: the server read {read} of it, its context has {self._context} tokens; "
            "jetson-deploy up --context N gives it more"
        )

    def _unknown(self, about: int) -> str:
        if about < self._context:
            return ""
        return (
            f"about {about} tokens were sent (estimated), the context has {self._context}; "
            "the server does not say how many it read"
        )


def _about(text: str) -> int:
    return len(text.encode(errors="replace")) // _BYTES


def _least(text: str) -> int:
    """What is repeated may be few tokens."""
    return len(_REPEATED.sub(r"\1", text).encode(errors="replace")) // _MOST_BYTES
