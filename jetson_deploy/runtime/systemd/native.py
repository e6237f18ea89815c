"""What can run on this host without a container: a given file's Ollama, the installed one, those that are kept."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import msgspec

from jetson_deploy.facts import NativeFacts, NativeServer
from jetson_deploy.runtime.systemd.archive import about_archive
from jetson_deploy.runtime.systemd.archive_address import ArchiveAddress
from jetson_deploy.runtime.systemd.foreign import Foreign, look
from jetson_deploy.runtime.systemd.installed import about_installed, find_installed
from jetson_deploy.runtime.systemd.kept import Kept, as_server, reference
from jetson_deploy.runtime.systemd.wire import Systemctl

_BOOTED = Path("/run/systemd/system")
"""There when systemd is the init (sd_booted(3))."""


def native_facts(
    systemctl: Systemctl, kept: Kept, archive: Path | ArchiveAddress | None, *, asked: bool
) -> tuple[NativeFacts, str]:
    """With the digest of the archive. Raises PreflightError for one that is unusable."""
    here = {one.digest: as_server(one, kept=True) for one in kept.all()}
    servers: list[NativeServer] = []
    offered = ""
    if isinstance(archive, ArchiveAddress):
        servers.append(here.pop(archive.digest, _not_fetched(archive)))
        offered = archive.digest
    elif archive is not None:
        found = about_archive(archive)
        servers.append(here.pop(found.digest, as_server(found, kept=False)))
        offered = found.digest
    if (program := find_installed()) is not None:
        found = about_installed(program)
        server = here.pop(found.digest, as_server(found, kept=False))
        servers.append(msgspec.structs.replace(server, adopts=True))
    service = look(systemctl) if _BOOTED.is_dir() else None
    return NativeFacts(
        servers=(*servers, *here.values()),
        asked=asked,
        place=str(kept.directory),
        problem="" if _BOOTED.is_dir() else "this host is not run by systemd",
        unprivileged=os.geteuid() != 0,
        service_port=service.port if service else None,
        service_store=_store_of(service) if service else None,
    ), offered


def _not_fetched(archive: ArchiveAddress) -> NativeServer:
    return NativeServer(
        reference=reference(archive.version, archive.digest),
        digest=archive.digest,
        version=archive.version,
        source=archive.url,
        size_bytes=None,
        kept=False,
    )


def _store_of(service: Foreign) -> str | None:
    """Where it keeps its models: what it is set to, else below its user's home."""
    if given := service.environment.get("OLLAMA_MODELS"):
        return given
    if home := service.environment.get("HOME"):
        return f"{home}/.ollama/models"
    try:
        return f"{pwd.getpwnam(service.user or 'root').pw_dir}/.ollama/models"
    except KeyError:
        return None
