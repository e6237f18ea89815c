"""What the docker SDK raises, told as our errors.

The SDK lets four families through: its own `DockerException`, `requests`, `urllib3` (a stream cut by a
dying engine is a bare `ProtocolError`) and `OSError`. Which fault raises which was measured on
Docker 20.10 with SDK 7.2 and is held by tests/integration/test_engine_*.py.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import requests.exceptions
import urllib3.exceptions
from docker.errors import APIError, DockerException

from jetson_deploy.errors import JetsonDeployError, PreflightError, UnhealthyError

ENGINE_TROUBLE = (
    DockerException,
    requests.exceptions.RequestException,
    urllib3.exceptions.HTTPError,
    OSError,
)

_TEXT_LIMIT = 400


def one_line(text: str) -> str:
    """The text on one line, its middle left out when it is long: both ends of an OCI error matter."""
    flat = " ".join(text.split())
    if len(flat) <= _TEXT_LIMIT:
        return flat
    half = _TEXT_LIMIT // 2
    return f"{flat[:half]} … {flat[-half:]}"


def engine_text(error: BaseException) -> str:
    """The engine's own words where it answered, else the exception's."""
    if isinstance(error, APIError):
        return one_line(str(error.explanation or error))
    return one_line(str(error)) or type(error).__name__


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


@contextmanager
def told_as_ours(doing: str) -> Iterator[None]:
    """Turn trouble with the engine into one of our errors; `doing` is the sentence's start."""
    try:
        yield
    except ENGINE_TROUBLE as error:
        raise transport_error(error, doing) or answer_error(error, doing) from error


def transport_error(error: BaseException, doing: str) -> PreflightError | None:
    """The error for an engine that cannot be talked to; None when it did answer."""
    if isinstance(error, APIError):
        return None
    kinds = list(family(error))
    if _has(kinds, FileNotFoundError):
        return _absent(doing)
    if _has(kinds, PermissionError):
        return PreflightError(
            f"{doing}: no permission to use the Docker socket",
            hint="run with sudo, or add the user to the group docker and log in again",
            code="engine-permission",
        )
    if _has(kinds, requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError):
        return PreflightError(
            f"{doing}: the Docker Engine does not answer",
            hint="see `journalctl -u docker -n 50`, then `sudo systemctl restart docker`",
            code="engine-hung",
        )
    if _has(kinds, ConnectionRefusedError):
        return PreflightError(
            f"{doing}: nothing listens on the Docker socket",
            hint="sudo systemctl start docker; if it fails, see `journalctl -u docker -n 50`",
            code="engine-refused",
        )
    gone = (requests.exceptions.ConnectionError, urllib3.exceptions.HTTPError, ConnectionError)
    return _vanished(doing) if _has(kinds, *gone) else None


def answer_error(error: BaseException, doing: str) -> JetsonDeployError:
    """The error for an answer of the engine that says no, by its text."""
    text = engine_text(error)
    for pattern, make in _ANSWERS:
        if match := re.search(pattern, text, re.IGNORECASE):
            return make(doing, match)
    return UnhealthyError(
        f"{doing}: the Docker Engine says: {text}",
        hint="see `journalctl -u docker -n 50`",
        code="engine-error",
    )


def _has(kinds: list[BaseException], *types: type[BaseException]) -> bool:
    return any(isinstance(kind, types) for kind in kinds)


def _absent(doing: str) -> PreflightError:
    installed = shutil.which("dockerd") is not None
    return PreflightError(
        f"{doing}: there is no Docker socket: the engine is not {'running' if installed else 'installed'}",
        hint="sudo systemctl start docker" if installed else "sudo apt-get install -y docker.io",
        code="engine-absent",
    )


def _vanished(doing: str) -> PreflightError:
    return PreflightError(
        f"{doing}: the Docker Engine went away",
        hint="see `journalctl -u docker -n 50`, then run the same command again",
        code="engine-vanished",
    )


def _runtime_missing(doing: str, match: re.Match[str]) -> JetsonDeployError:
    return PreflightError(
        f"{doing}: Docker has no runtime called nvidia ({match.group(0)})",
        hint="sudo apt-get install -y nvidia-container-toolkit && sudo nvidia-ctk runtime configure "
        "--runtime=docker && sudo systemctl reload docker",
        code="nvidia-runtime-missing",
    )


def _runtime_broken(doing: str, match: re.Match[str]) -> JetsonDeployError:
    return PreflightError(
        f"{doing}: the container runtime itself cannot be run ({match.group(0)})",
        hint="sudo apt-get install --reinstall -y nvidia-container-toolkit",
        code="nvidia-runtime-broken",
    )


def _hook_failed(doing: str, match: re.Match[str]) -> JetsonDeployError:
    return PreflightError(
        f"{doing}: NVIDIA's container hook failed: {match.group('text').strip(' :,')}",
        hint="reinstall nvidia-container-toolkit and the nvidia-l4t packages of this JetPack; "
        "`jetson-deploy detect` shows which JetPack",
        code="nvidia-hook-failed",
    )


def _name_taken(doing: str, match: re.Match[str]) -> JetsonDeployError:
    return PreflightError(
        f"{doing}: the container name {match.group('name')} is in use",
        hint=f"if it is not needed: docker rm {match.group('name')}; or choose another --name",
        code="container-name-taken",
    )


def _source_missing(doing: str, match: re.Match[str]) -> JetsonDeployError:
    return PreflightError(
        f"{doing}: the directory {match.group('path')} does not exist",
        hint="mount its disk, or give another --store",
        code="mount-source-missing",
    )


def _image_missing(doing: str, match: re.Match[str]) -> JetsonDeployError:
    return PreflightError(
        f"{doing}: the image is not on this host ({match.group(0)})",
        hint="run `jetson-deploy up` again: it fetches the image",
        code="image-missing",
    )


def _container_missing(doing: str, match: re.Match[str]) -> JetsonDeployError:
    return PreflightError(
        f"{doing}: there is no such container ({match.group(0)})",
        hint="`jetson-deploy status` shows what is there; `jetson-deploy up` makes it again",
        code="container-missing",
    )


def _wrong_architecture(doing: str, match: re.Match[str]) -> JetsonDeployError:
    return PreflightError(
        f"{doing}: the image was built for another processor ({match.group(0)})",
        hint="name another image with --image-policy REF; `jetson-deploy plan -v` lists the candidates",
        code="image-wrong-architecture",
    )


def _port_taken(doing: str, match: re.Match[str]) -> JetsonDeployError:
    return PreflightError(
        f"{doing}: its port is in use ({match.group(0)})",
        hint="stop the other program, or give another --port",
        code="port-taken",
    )


def _bad_command(doing: str, match: re.Match[str]) -> JetsonDeployError:
    return UnhealthyError(
        f"{doing}: the image does not hold the program to run ({match.group(0)})",
        hint="this image is not an Ollama image, or not of the expected generation: choose another",
        code="image-without-program",
    )


_ANSWERS = (
    (r"unknown runtime specified \S+|unknown or invalid runtime name: \S+", _runtime_missing),
    (r"could not select device driver .*", _runtime_missing),
    (r"error running (?:\w+ )?hook.*?stderr:(?P<text>.*)", _hook_failed),
    (r"error running (?:\w+ )?hook(?P<text>.*)", _hook_failed),
    (r"container name \"/?(?P<name>[^\"]+)\" is already in use", _name_taken),
    (r"bind source path does not exist:? *(?P<path>\S*)", _source_missing),
    (r"exec format error", _wrong_architecture),
    (r"image with reference .* was found but .*", _wrong_architecture),
    (r"fork/exec \S+: .*|unable to retrieve OCI runtime error.*", _runtime_broken),
    (r"address already in use", _port_taken),
    (r"exec: \"[^\"]*\": (?:stat|executable|permission|is a).*", _bad_command),
    (r"no such image.*", _image_missing),
    (r"no such container.*", _container_missing),
)
"""First match wins: more telling texts come first. Texts of Docker 20.10 to 28."""
