"""The runtimes of this host, opened for one deployment: whether Docker Engine is needed is what is on record of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jetson_deploy.deployment.record import port_of
from jetson_deploy.deployment.revisions import State
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.names import is_native
from jetson_deploy.runtime.opened import open_runtime
from jetson_deploy.runtime.port import Runtime
from jetson_deploy.settings import Settings
from jetson_deploy.state.directory import StateDirectory

if TYPE_CHECKING:
    from jetson_deploy.runtime.side_by_side import EngineNeed
    from jetson_deploy.runtime.systemd.archive_address import ArchiveAddress


def runtime_of(
    settings: Settings, deployment: str, *, native: bool = False, archive: Path | ArchiveAddress | None = None
) -> Runtime:
    """`native`: the native runtime is asked for; `archive`: a file, or its address, with the server for it."""
    asked = native or archive is not None
    try:
        state = StateDirectory(settings.state_dir, deployment).load()
    except JetsonDeployError:  # whoever needs it reports it; what it may name is not called nothing
        return open_runtime(settings, port_of, native=native, archive=archive)
    need = engine_need(state, asked=asked)
    return open_runtime(settings, port_of, native=native, archive=archive, need=need)


def engine_need(state: State | None, *, asked: bool) -> EngineNeed:
    """`asked`: for the native runtime."""
    revisions = [*state.revisions, *([state.intent.revision] if state.intent else [])] if state else []
    if any(not is_native(one.image) for one in revisions):
        return "needed"
    return "unneeded" if revisions or asked else "unless-absent"
