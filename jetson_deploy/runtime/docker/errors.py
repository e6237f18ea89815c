"""Docker's failures as our errors: an engine that cannot be reached, and one that refuses.

Which fault gives which text or exception was measured on Docker 20.10 with SDK 7.2 and is held by
tests/integration/test_engine_*.py. What the SDK raises is turned into these by `sdk_errors.py`.
"""

from __future__ import annotations

import http.client
import re
import shutil
from collections.abc import Iterator

import msgspec

from jetson_deploy.errors import JetsonDeployError, PreflightError, UnhealthyError
from jetson_deploy.runtime.docker.known import known_issue, refined
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
    for known in _REFUSALS:
        if match := re.search(known.pattern, text, re.IGNORECASE):
            error = _of_rule(known, match, doing)
            return refined(error, text, "engine") if known.is_general else error
    if (fit := known_issue(text, "engine")) is not None:
        line = one_line(text)
        return PreflightError(f"{doing}: {fit.issue.title} ({line})", hint=fit.advice, code=fit.issue.id)
    return UnhealthyError(f"{doing}: the Docker Engine says: {one_line(text)}", hint=_JOURNAL, code="engine-error")


def _of_rule(known: Refusal, match: re.Match[str], doing: str) -> JetsonDeployError:
    groups = {name: one_line(group or "") for name, group in match.groupdict().items()}
    text = known.text.format(one_line(match.group(0)), **groups)
    return known.kind(f"{doing}: {text}", hint=known.hint.format(**groups), code=known.code)


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


class Refusal(msgspec.Struct, frozen=True):
    pattern: str
    kind: type[JetsonDeployError]
    text: str
    """`{0}`: all that matched; `{name}`: a group of the pattern."""
    hint: str
    code: str
    is_general: bool = False
    """The catalog may know it more exactly."""


_NVIDIA_MISSING = (
    PreflightError,
    "Docker has no runtime called nvidia ({0})",
    "sudo apt-get install -y nvidia-container-toolkit && sudo nvidia-ctk runtime configure "
    "--runtime=docker && sudo systemctl reload docker",
    "nvidia-runtime-missing",
)
_HOOK_FAILED = (
    PreflightError,
    "NVIDIA's container hook failed: {text}",
    "reinstall nvidia-container-toolkit and the nvidia-l4t packages of this JetPack; "
    "`jetson-deploy detect` shows which JetPack",
    "nvidia-hook-failed",
    True,
)
_WRONG_ARCHITECTURE = (
    PreflightError,
    "the image was built for another processor ({0})",
    "name another image with --image-policy REF; `jetson-deploy plan -v` lists the candidates",
    "image-wrong-architecture",
)
_REFUSALS = (
    Refusal(r"unknown runtime specified \S+|unknown or invalid runtime name: \S+", *_NVIDIA_MISSING),
    Refusal(r"could not select device driver .*", *_NVIDIA_MISSING),
    Refusal(
        r"error running (?:\w+ )?hook.*?stderr:[ :,]*(?:exec command: \[[^\]]*\](?:\\+n(?=nvidia)|\\+)? ?)?"
        r"(?P<text>.*?)[ :,]*$",
        *_HOOK_FAILED,
    ),
    Refusal(r"error running (?:\w+ )?hook[ :,]*(?P<text>.*?)[ :,]*$", *_HOOK_FAILED),
    Refusal(
        r"container name \"/?(?P<name>[^\"]+)\" is already in use",
        PreflightError,
        "the container name {name} is in use",
        "if it is not needed: docker rm {name}; or choose another --name",
        "container-name-taken",
    ),
    Refusal(
        r"bind source path does not exist:? *(?P<path>\S*)",
        PreflightError,
        "the directory {path} does not exist",
        "mount its disk, or give another --store",
        "mount-source-missing",
    ),
    Refusal(r"exec format error", *_WRONG_ARCHITECTURE),
    Refusal(r"image with reference .* was found but .*", *_WRONG_ARCHITECTURE),
    Refusal(
        r"fork/exec \S+: .*|unable to retrieve OCI runtime error.*",
        PreflightError,
        "the container runtime itself cannot be run ({0})",
        "sudo apt-get install --reinstall -y nvidia-container-toolkit",
        "nvidia-runtime-broken",
    ),
    Refusal(
        r"address already in use",
        PreflightError,
        "its port is in use ({0})",
        "stop the other program, or give another --port",
        "port-taken",
    ),
    Refusal(
        r"exec: \"[^\"]*\": (?:stat|executable|permission|is a).*",
        UnhealthyError,
        "the image does not hold the program to run ({0})",
        "this image is not an Ollama image, or not of the expected generation: choose another",
        "image-without-program",
    ),
    Refusal(
        r"no such image.*",
        PreflightError,
        "the image is not on this host ({0})",
        "run `jetson-deploy up` again: it fetches the image",
        "image-missing",
    ),
    Refusal(
        r"no such container.*",
        PreflightError,
        "there is no such container ({0})",
        "`jetson-deploy status` shows the containers; `jetson-deploy up` creates it again",
        "container-missing",
    ),
)
"""First match wins: more telling texts come first. Docker 19.03 to 29. The catalog is asked for the rest."""
