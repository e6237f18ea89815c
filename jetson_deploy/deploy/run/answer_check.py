"""What a server answered: read, and beside it a question whose answer is known, shown and not judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.names import shown
from jetson_deploy.server.answer_sense import rubbish

if TYPE_CHECKING:
    from jetson_deploy.server.exchange import Generation
    from jetson_deploy.server.port import ServerClient

RUBBISH_HINT = "the image does not fit the host's driver: name another one (--image-policy REF)"
KNOWN_QUESTION = "The capital of France is"
KNOWN_TOKENS = 4
KNOWN_SECONDS = 60.0
KNOWING_BYTES = 700_000_000
"""A model in a smaller file need not know it. DeepSeek-R1's smallest takes 1.1 GB."""
_SHOWN = 24


def why_rubbish(answer: Generation) -> str | None:
    """None: a working model may have given it, or it is too short to tell."""
    wrong = rubbish(answer.thinking, answer.text, answer.tokens)
    said = shown((answer.thinking + answer.text)[:_SHOWN])
    return None if wrong is None else f"but no working model answers so ({wrong}): {said}"


def known_answer(client: ServerClient, model: str, model_bytes: int) -> str:
    """`; "The capital of France is" goes on " Paris."`; empty: too small to be asked."""
    if model_bytes < KNOWING_BYTES:
        return ""
    question = shown(KNOWN_QUESTION)
    try:
        found = client.generate(model, KNOWN_QUESTION, max_tokens=KNOWN_TOKENS, raw=True, timeout=KNOWN_SECONDS)
    except JetsonDeployError as error:
        return f"; {question} was not answered: {error.message}"
    return f"; {question} goes on {shown(found.text)} (not judged)"
