"""Docker's failures as our errors: an engine that cannot be reached, and one that refuses.

Which fault gives which text or exception was measured on Docker 20.10 with SDK 7.2 and is held by
tests/integration/test_engine_*.py. What the SDK raises is turned into these by `sdk_errors.py`.
"""

from __future__ import annotations

import http.client
import re
import shutil
from collections.abc import Iterator

from jetson_deploy.catalog.symptoms import advice
from jetson_deploy.errors import JetsonDeployError, PreflightError, UnhealthyError
from jetson_deploy.runtime.docker.known import known_issue, refining
from jetson_deploy.runtime.docker.refusals import HOOK_FAILED, HOOK_HINT, REFUSALS, STATES, said_by_hook
from jetson_deploy.runtime.port import EngineAwayError

_TEXT_LIMIT = 400


def flat_text(text: str) -> str:
    """The whole of it on one line. What it means is asked of this, never of what was shortened for people."""
    return " ".join(text.split())


def one_line(text: str) -> str:
    """The text on one line, its middle left out when it is long: both ends of an OCI error matter."""
    flat = flat_text(text)
    if len(flat) <= _TEXT_LIMIT:
        return flat
    half = _TEXT_LIMIT // 2
    return f"{flat[:half]} … {flat[-half:]}"


def family(error: BaseException) -> Iterator[BaseException]:
    """The exception and every exception inside it: causes, contexts, and those passed as arguments."""
    queue, seen = [error], set[int]()
    while queue:
        one = queue.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inside = [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
        queue += [item for item in inside if isinstance(item, BaseException)]


_JOURNAL = "see `journalctl -u docker -n 50`"
_UNREACHABLE: tuple[tuple[tuple[type[BaseException], ...], str, str, str], ...] = (
    (
        (PermissionError,),
        "no permission to use the Docker socket",
        "run with sudo, or add the user to the group docker and log in again",
        "engine-permission",
    ),
    (
        (TimeoutError,),
        "the Docker Engine does not answer",
        f"{_JOURNAL}, then `sudo systemctl restart docker`",
        "engine-hung",
    ),
    (
        (ConnectionRefusedError,),
        "nothing listens on the Docker socket",
        f"sudo systemctl start docker; if it fails, {_JOURNAL}",
        "engine-refused",
    ),
    (
        (ConnectionError, http.client.HTTPException),
        "the Docker Engine went away",
        f"{_JOURNAL}, then run the same command again",
        "engine-vanished",
    ),
)
"""First match wins."""


def unreachable(error: BaseException, doing: str) -> PreflightError | None:
    """The error for an engine that cannot be talked to; None: it is something else. `doing`: the sentence's start."""
    kinds = list(family(error))
    if any(isinstance(kind, FileNotFoundError) for kind in kinds):
        return _absent(doing)
    for types, text, hint, code in _UNREACHABLE:
        if any(isinstance(kind, types) for kind in kinds):
            return PreflightError(f"{doing}: {text}", hint=hint, code=code)
    return None


def _absent(doing: str) -> PreflightError:
    installed = shutil.which("dockerd") is not None
    return PreflightError(
        f"{doing}: there is no Docker socket: the engine is not {'running' if installed else 'installed'}",
        hint="sudo systemctl start docker" if installed else "sudo apt-get install -y docker.io",
        code="engine-absent",
    )


def no_engine(text: str, doing: str) -> PreflightError:
    """Something is there, and it is not an engine that can be used."""
    return PreflightError(f"{doing}: {text}", hint=f"check DOCKER_HOST and {_JOURNAL[4:]}", code="engine-refused")


def refusal(text: str, doing: str) -> JetsonDeployError:
    """The error for an answer of the engine that says no, by its text."""
    text = flat_text(text)
    if (said := said_by_hook(text)) is not None:
        return _of_hook(said, text, doing)
    if (known := known_issue(text, REFUSALS, "engine")) is not None:
        kind, code = (known.coded.kind, known.coded.code) if known.coded else (PreflightError, known.issue.id)
        return kind(f"{doing}: {known.issue.title} ({one_line(text)})", hint=known.advice, code=code)
    for state in STATES:
        if match := re.search(state.pattern, text, re.IGNORECASE):
            return state.kind(f"{doing}: {state.text.format(one_line(match[0]))}", hint=state.hint, code=state.code)
    return UnhealthyError(f"{doing}: the Docker Engine says: {one_line(text)}", hint=_JOURNAL, code="engine-error")


def _of_hook(said: str, text: str, doing: str) -> PreflightError:
    issue = refining(HOOK_FAILED, text, "engine")
    cause = "NVIDIA's container hook failed"
    return PreflightError(
        f"{doing}: {cause}: {one_line(said)}"
        if issue is None
        else f"{doing}: {cause}: {issue.title} ({one_line(said)})",
        hint=HOOK_HINT if issue is None else advice(issue),
        code=HOOK_FAILED,
    )


def away(why: str) -> EngineAwayError:
    """For what goes on: which trouble it is, is said in its own words."""
    return EngineAwayError(
        f"the Docker Engine: {why}",
        hint="`systemctl status docker` shows its state; most often this helps: sudo systemctl restart docker",
        code="engine-away",
    )


def problem_of(error: Exception, seconds: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {seconds:g} s"
    return (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
