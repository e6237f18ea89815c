"""What the log says of a prompt that was longer than the context: the answer itself says nothing of it."""

from __future__ import annotations

import re

from jetson_deploy.server.server_log import CutPrompt

_LINE = re.compile(r'"?truncating input prompt"?.* prompt=(\d+).* new=(\d+)')


def cut_prompt(log: str, read_tokens: int) -> CutPrompt | None:
    """Of the last such line that belongs to an answer which read so many tokens (one more: the begin of the text)."""
    for asked, left in reversed(_LINE.findall(log)):
        if read_tokens - int(left) in (0, 1):
            return CutPrompt(tokens=int(asked), read_tokens=read_tokens)
    return None
