"""The stand-in for NVIDIA's image of llama.cpp: the real llama-server of the tests, and bash for its health check."""

from __future__ import annotations

import shutil
from pathlib import Path

from servers.programs import LLAMA_SERVER, program

from jetson_deploy.rehearsal.image import MANIFEST_TYPE, linked_with, pack_image
from jetson_deploy.rehearsal.push import Label
from jetson_deploy.rehearsal.session import Session

REPOSITORY, TAG = "nvidia-ai-iot/llama_cpp", "latest-jetson-orin"
_PLACE = "/opt/llama"
# With more threads than it gets cores, each waits for the slowest.
_STARTER = f'#!/bin/bash\nexec {_PLACE}/llama-server "$@" --threads 1 --threads-batch 1\n'


def push_llama_image(session: Session) -> None:
    """Under the name that the catalog has for Orin."""
    bundle = session.directory / "llama-image"
    pack_image(bundle, _programs(), Label(repository=REPOSITORY, tag=TAG, media_type=MANIFEST_TYPE))
    session.registry.push(bundle)
    shutil.rmtree(bundle)


def _programs() -> dict[str, bytes]:
    server, bash = program(LLAMA_SERVER), Path("/bin/bash")
    own = {path.name: path for path in linked_with(server) if path.parent == server.parent}
    others = {str(path): path for path in (*linked_with(server), *linked_with(bash)) if path.name not in own}
    files = {f"{_PLACE}/{path.name}": path for path in (server, *own.values())} | others | {"/bin/bash": bash}
    return {inside: path.read_bytes() for inside, path in files.items()} | {
        "/usr/local/bin/llama-server": _STARTER.encode()
    }
