"""Exceptions of the Docker SDK as our errors.

The SDK lets four families through: its own `DockerException`, `requests`, `urllib3` (a stream cut by a
dying engine is a bare `ProtocolError`) and `OSError`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import requests.exceptions
import urllib3.exceptions
from docker.errors import APIError, DockerException

from jetson_deploy.errors import JetsonDeployError, PreflightError
from jetson_deploy.runtime.docker.errors import family, flat_text, refusal, unreachable

ENGINE_TROUBLE = (
    DockerException,
    requests.exceptions.RequestException,
    urllib3.exceptions.HTTPError,
    OSError,
)
_HUNG = (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError)
_GONE = (requests.exceptions.ConnectionError, urllib3.exceptions.HTTPError)


def engine_text(error: BaseException) -> str:
    """All of the engine's own words where it answered, else the exception's, on one line."""
    if isinstance(error, APIError):
        return flat_text(str(error.explanation or error))
    return flat_text(str(error)) or type(error).__name__


def as_plain(error: BaseException, text: str = "") -> BaseException:
    """As http.client would have raised it: what is known of the cause stays inside."""
    for types, kind in ((_HUNG, TimeoutError), (_GONE, ConnectionError)):
        if any(isinstance(one, types) for one in family(error)):
            plain: OSError = kind(text)
            plain.__cause__ = error
            return plain
    return error


def transport_error(error: BaseException, doing: str) -> PreflightError | None:
    """The error for an engine that cannot be talked to; None when it did answer."""
    return None if isinstance(error, APIError) else unreachable(as_plain(error), doing)


def answer_error(error: BaseException, doing: str) -> JetsonDeployError:
    """The error for an answer of the engine that says no."""
    return refusal(engine_text(error), doing)


@contextmanager
def as_our_errors(doing: str) -> Iterator[None]:
    """Turn trouble with the engine into one of our errors; `doing` is the sentence's start."""
    try:
        yield
    except ENGINE_TROUBLE as error:
        raise transport_error(error, doing) or answer_error(error, doing) from error
