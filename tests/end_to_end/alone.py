"""A process that has no Docker SDK and opens no socket: whatever tries ends with `Refused`.

An audit hook stays for the life of a process, so whoever wants this runs in one of its own.
"""

from __future__ import annotations

import importlib.abc
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

NO_SOCKET = "socket.gethostname"
"""Asks the kernel for this machine's name."""


refused: list[str] = []
"""Every attempt, also one whose thread ended with nobody to hear of it."""


class Refused(BaseException):
    """No Exception: no handler of errors may take it for one."""


class _NoDocker(importlib.abc.MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] == "docker":
            raise _refusal(f"import of {name}")
        return None


def refuse_docker_and_sockets() -> None:
    """To be called before anything of the product is imported."""
    if "docker" in sys.modules:
        raise Refused("docker was imported before")
    sys.meta_path.insert(0, _NoDocker())
    sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if event.startswith("socket.") and event != NO_SOCKET:
        raise _refusal(f"{event} {arguments[1:]}")


def _refusal(what: str) -> Refused:
    refused.append(what)
    return Refused(what)
