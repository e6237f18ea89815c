"""Refusals of a llama-server as our errors. The texts are recorded from b10434 and b11434."""

from __future__ import annotations

from jetson_deploy.errors import JetsonDeployError, UnhealthyError, UsageError
from jetson_deploy.server.http_errors import LOG_HINT


def said_no(text: str) -> JetsonDeployError | None:
    """The error for a text that has a meaning of its own; None for any other."""
    if "exceeds the available context size" in text:
        hint = "ask for less, or deploy with a larger --context"
        return UsageError(f"the prompt is too long: {text}", hint=hint, code="prompt-too-long")
    if text == "Loading model":
        hint = "try again in a moment"
        return UnhealthyError("the server is loading its model", hint=hint, code="server-busy")
    return None


def broken_answer(text: str) -> UnhealthyError:
    return UnhealthyError(f"the answer broke off: {text}", hint=f"ask again; {LOG_HINT}", code="answer-broken")


def cut_answer() -> UnhealthyError:
    """A stopped server ends its streams without a word."""
    return UnhealthyError("the server stopped in the middle of the answer", hint=LOG_HINT, code="answer-cut")


def keeps_its_model() -> UnhealthyError:
    return UnhealthyError(
        "llama.cpp keeps its model in memory as long as it runs",
        hint="stop the server: its memory is free then",
        code="model-kept",
    )


def no_levels() -> UsageError:
    return UsageError(
        "the templates that llama.cpp is given know no levels of thinking",
        hint="--think on, or --think off",
        code="think-not-possible",
    )


def another_model(asked: str, served: str) -> UnhealthyError:
    return UnhealthyError(
        f"model {asked!r} is not what the server has: it serves {served!r}",
        hint="`jetson-deploy up` stages the model and checks it",
        code="model-not-found",
    )
