"""Which error an engine's refusal is. What causes it is the catalog's to say; here stands what is no cause but a state.

Docker 19.03 to 29.
"""

from __future__ import annotations

import re

import msgspec

from jetson_deploy.errors import JetsonDeployError, PreflightError, UnhealthyError
from jetson_deploy.runtime.docker.known import Coded

HOOK_FAILED = "nvidia-hook-failed"
HOOK_HINT = (
    "reinstall nvidia-container-toolkit and the nvidia-l4t packages of this JetPack; "
    "`jetson-deploy detect` shows which JetPack"
)
_HOOK = r"error running (?:\w+ )?hook"
_STDERR = r".*?stderr:[ :,]*(?:exec command: \[[^\]]*\](?:\\+n(?=nvidia)|\\+)? ?)?"
_REST = r"(?P<text>.*?)[ :,]*$"


def said_by_hook(text: str) -> str | None:
    """What a hook of the container runtime wrote before it failed; None: none did."""
    match = re.search(_HOOK + _STDERR + _REST, text, re.IGNORECASE) or re.search(
        rf"{_HOOK}[ :,]*{_REST}", text, re.IGNORECASE
    )
    return match["text"] if match else None


REFUSALS = (
    Coded(
        "nvidia-runtime-missing",
        PreflightError,
        "nvidia-runtime-missing",
        r"unknown runtime specified \S|unknown or invalid runtime name: \S|could not select device driver ",
    ),
    Coded("name-conflict", PreflightError, "container-name-taken", r"container name \"[^\"]+\" is already in use"),
    Coded("wrong-arch", PreflightError, "image-wrong-architecture", r"image with reference .* was found but "),
    Coded("port-in-use", PreflightError, "port-taken", r"address already in use"),
    Coded(
        "image-without-ollama",
        UnhealthyError,
        "image-without-program",
        r"exec: \"[^\"]*\": (?:stat|executable|permission|is a)",
    ),
)


class State(msgspec.Struct, frozen=True):
    pattern: str
    kind: type[JetsonDeployError]
    text: str
    """`{0}`: all that matched."""
    hint: str
    code: str


STATES = (
    State(
        r"bind source path does not exist:? *\S*",
        PreflightError,
        "a directory of this host does not exist ({0})",
        "mount its disk, or give another --store",
        "mount-source-missing",
    ),
    State(
        r"fork/exec \S+: .*|unable to retrieve OCI runtime error.*",
        PreflightError,
        "the container runtime itself cannot be run ({0})",
        "sudo apt-get install --reinstall -y nvidia-container-toolkit",
        "nvidia-runtime-broken",
    ),
    State(
        r"no such image.*",
        PreflightError,
        "the image is not on this host ({0})",
        "run `jetson-deploy up` again: it fetches the image",
        "image-missing",
    ),
    State(
        r"no such container.*",
        PreflightError,
        "there is no such container ({0})",
        "`jetson-deploy status` shows the containers; `jetson-deploy up` creates it again",
        "container-missing",
    ),
)
"""First match wins: more telling texts come first. The catalog is asked before."""
