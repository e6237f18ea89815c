"""The registry of virtual boards: on this machine's loopback, which a guest reaches under one address of its own."""

from __future__ import annotations

import socket
from pathlib import Path

import msgspec

from jetson_deploy.deployment.plan import Plan
from jetson_deploy.events import Reporter
from jetson_deploy.rehearsal.filling import Filled, fill_for
from jetson_deploy.rehearsal.registry import Registry
from jetson_deploy.rehearsal.virtual.ollama_arm64 import arm64_ollama

_LOOPBACK = "127.0.0.1"
PORT = 5000
"""Where a board finds it: qemu hands each connection there to this machine's loopback, and to nothing else."""


class Here(msgspec.Struct, frozen=True):
    """This machine's own network."""

    def enter(self) -> list[str]:
        return []


def registry_in(directory: Path) -> Registry:
    """Not started yet; on a port that is free now."""
    with socket.create_server((_LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
    return Registry(directory=directory, namespace=Here(), address=f"{_LOOPBACK}:{port}")


def fill_for_arm64(plan: Plan, directory: Path, registry: Registry, report: Reporter) -> Filled:
    """Image and model that the plan of a virtual board asks for; the catalog's differences in `directory`/catalog."""
    return fill_for(plan, directory, registry, arm64_ollama(report), report)
