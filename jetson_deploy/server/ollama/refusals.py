"""Refusals of the server as our errors.

The texts are recorded from 0.6.8, 0.9.5, 0.11.4 and 0.24.0 (tests/data/contract).
"""

from __future__ import annotations

import re

from jetson_deploy.errors import JetsonDeployError, ResourceError, UnhealthyError, UsageError
from jetson_deploy.server.http_errors import LOG_HINT


class NoThinkingError(UnhealthyError):
    """The model, or its old template, cannot separate thinking: ask again without `think`."""


def _error(code: str, message: str, hint: str) -> UnhealthyError:
    return UnhealthyError(message, hint=hint, code=code)


def said_no(text: str) -> JetsonDeployError | None:
    """The error for an `error` text that has a meaning of its own; None for any other."""
    if "does not support thinking" in text:
        return NoThinkingError(text, hint="ask without `think`", code="no-thinking")
    if "ChatRequest.think of type" in text:
        text = "this Ollama knows no levels of thinking"
        return UsageError(text, hint="--think on, or --think off", code="think-not-possible")
    if re.search(r"model ['\"].*['\"] not found", text):
        return _error("model-not-found", text, "`jetson-deploy up` stages the model and checks it")
    if re.search(r"does not support (generate|chat|completion)", text):
        # Measured: the weights are missing or cut to nothing, and the text says nothing of it.
        return blob_missing(text)
    if "requires more system memory" in text:
        hint = _CACHE_HINT if _SAME_FIGURES.search(text) else "free memory, or give a smaller --context or model"
        return ResourceError(f"the model does not fit: {text}", hint=hint, code="model-memory")
    if re.search(_LOAD_FAILED, text):
        hint = _KILLED_HINT if "signal: killed" in text else LOG_HINT
        return _error("model-load-failed", f"the model could not be loaded: {text}", hint)
    return None


_SAME_FIGURES = re.compile(r"\(([\d.]+ \w+)\) than is available \(\1\)")
_CACHE_HINT = "sync; sudo sysctl vm.drop_caches=3, then ask again: the page cache counts as taken"
_KILLED_HINT = "sudo dmesg | grep -i oom tells whether the kernel killed it for memory; if so, give a smaller model"
_LOAD_FAILED = (
    r"unable to load model|exceeds file size|invalid file magic|^(unexpected )?EOF$|error loading model"
    r"|runner process has terminated|llama-server process has terminated|timed out waiting for"
)


def blob_missing(text: str) -> UnhealthyError:
    return _error(
        "model-blob-missing",
        f"a file of the model is missing or empty in the store (the server says: {text})",
        "run `jetson-deploy up` again: it verifies and completes the store",
    )


def broken_answer(text: str) -> UnhealthyError:
    """An error line inside a stream whose status was 200: mostly the runner has died."""
    return _error("answer-broken", f"the answer broke off: {text}", f"ask again; {LOG_HINT}")


def cut_answer() -> UnhealthyError:
    """A stopped server ends its streams without a word."""
    return _error("answer-cut", "the server stopped in the middle of the answer", LOG_HINT)
