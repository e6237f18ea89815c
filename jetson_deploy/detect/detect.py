"""A root directory and the engine's answers → HostFacts."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from jetson_deploy.detect.board import identify
from jetson_deploy.detect.clock import clock_facts
from jetson_deploy.detect.devicetree import Firmware, read_firmware
from jetson_deploy.detect.host import Host
from jetson_deploy.detect.image_root import with_image_root
from jetson_deploy.detect.l4t import Release, read_release
from jetson_deploy.detect.meminfo import memory_facts
from jetson_deploy.detect.mounts import disk_facts
from jetson_deploy.detect.port import port_facts
from jetson_deploy.detect.power import power_facts
from jetson_deploy.detect.recorded import recorded_uname
from jetson_deploy.detect.store import store_facts, unused_nvme
from jetson_deploy.detect.system import is_drive, system_facts
from jetson_deploy.facts import BoardFacts, EngineFacts, HostFacts

if TYPE_CHECKING:
    from jetson_deploy.catalog.catalog import Catalog

_OLLAMA = ("usr/local/bin/ollama", "usr/bin/ollama", "etc/systemd/system/ollama.service")
_LIVE = Path("/")
UNKNOWN = "the release is unknown"
"""How the hint of a kernel's name begins."""
_KERNEL = re.compile(r"([0-9]+\.[0-9]+)\..*tegra")


def detect_host(
    host: Host,
    catalog: Catalog,
    *,
    engine: EngineFacts | None,
    store: Path | None,
    port: int,
    live: bool,
    simulated: bool = False,
) -> HostFacts:
    """Read everything once. Never raises for what the host holds: unknown is None, oddities are `notes`.

    `live`: disks, port and clock are this machine's although `host` may be a captured board (a rehearsal).
    Else they come from the captured root and are None where it does not hold them.
    `simulated`: the board is rehearsed, so its architecture is this machine's and says nothing of it.
    """
    live = live or not host.captured
    here = Host(_LIVE) if live and host.captured else host
    kernel, architecture = _uname(host, live=live)
    firmware, release, memory = read_firmware(host), read_release(host, catalog, kernel), memory_facts(host)
    drive = _is_drive(firmware, release, kernel)
    board = _unlisted(firmware) if drive else identify(firmware, memory.total_bytes, catalog)
    entry = catalog.boards.get(board.id or "")
    disks = disk_facts(here, live=live)
    own_architecture = None if simulated or (live and host.captured) else architecture
    facts = HostFacts(
        root=str(host.root),
        is_jetson=not drive and _is_jetson(firmware, release, own_architecture, in_container=_in_container(host)),
        board=board,
        l4t=release.l4t,
        l4t_assumed=release.l4t_assumed,
        l4t_source=release.l4t_source,
        l4t_inferred=release.l4t_inferred,
        jetpack=release.jetpack,
        jetpack_assumed=release.jetpack_assumed,
        cuda_capability=entry.compute_capability if entry else None,
        cuda_driver=release.cuda_driver,
        memory=memory,
        power=power_facts(host),
        disks=disks,
        store=store_facts(here, disks, str(store) if store else None, live=live),
        engine=with_image_root(engine, here),
        port=port_facts(here, port),
        native_ollama=_native_ollama(host),
        clock=clock_facts(here, live=live),
        kernel=kernel,
        architecture=architecture,
        architecture_contradicts=firmware.soc is not None and own_architecture not in (None, "aarch64", "arm64"),
        system=system_facts(host, kernel, drive=drive),
    )
    return _with_notes(facts, host, here, release, catalog)


def _is_drive(firmware: Firmware, release: Release, kernel: str | None) -> bool:
    if release.damaged or (release.l4t is not None and not release.l4t_inferred):
        return False
    return is_drive(firmware.model, firmware.compatible, kernel, packages=release.drive_packages)


def _unlisted(firmware: Firmware) -> BoardFacts:
    """What was read: the nearest Jetson of the same chip would be another board."""
    return BoardFacts(model=firmware.model, soc=firmware.soc)


def _is_jetson(firmware: Firmware, release: Release, architecture: str | None, *, in_container: bool) -> bool | None:
    """dustynv images carry their build host's release file: alone it proves nothing inside a container."""
    if firmware.soc is not None:
        return True
    if release.l4t is None and not release.damaged:
        return False
    contradicted = bool(firmware.compatible) or architecture not in (None, "aarch64")
    return None if contradicted or release.l4t is None or in_container else True


def _in_container(host: Host) -> bool:
    return host.exists(".dockerenv") or host.exists("run/.containerenv")


def _uname(host: Host, *, live: bool) -> tuple[str | None, str | None]:
    if not host.captured:
        own = os.uname()
        return own.release, own.machine
    recorded = recorded_uname(host)
    kernel = recorded.release or host.read_word("proc/sys/kernel/osrelease")
    return kernel, recorded.machine or (os.uname().machine if live else None)


def _native_ollama(host: Host) -> bool | None:
    if any(host.exists(path) for path in _OLLAMA):
        return True
    return False if host.is_directory("usr") else None


def _with_notes(facts: HostFacts, host: Host, here: Host, release: Release, catalog: Catalog) -> HostFacts:
    notes = [*release.notes, *host.notes, *(here.notes if here is not host else [])]
    if _in_container(host):
        notes.append("this is the inside of a container: these facts may be the image's, not the host's")
    notes += _kernel_hint(facts, catalog) + _wrong_line(facts, catalog)
    notes += unused_nvme(here, facts.disks, facts.store)
    return msgspec.structs.replace(facts, notes=tuple(dict.fromkeys(notes)))


def _kernel_hint(facts: HostFacts, catalog: Catalog) -> list[str]:
    """Only a hint: kernels are shared by releases, and people build their own."""
    match = _KERNEL.match(facts.kernel or "")
    if facts.l4t is not None or match is None or facts.system.drive:
        return []
    lines = [f"JetPack {line.jetpack}" for line in catalog.l4t.values() if line.kernel == match[1]]
    return [f"{UNKNOWN}; kernel {facts.kernel} is one of {' or '.join(lines)}"] if lines else []


def _wrong_line(facts: HostFacts, catalog: Catalog) -> list[str]:
    if facts.l4t is None or not catalog.not_made_for(facts.l4t, facts.board.soc):
        return []
    return [f"L4T {facts.l4t} is not made for {facts.board.soc}: release file and device tree disagree"]
