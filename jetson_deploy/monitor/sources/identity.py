"""Board, release and kernel: read once, at the monitor's start."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from jetson_deploy.detect.board import identify
from jetson_deploy.detect.devicetree import read_firmware
from jetson_deploy.detect.host import Host
from jetson_deploy.detect.l4t import read_release
from jetson_deploy.detect.meminfo import read_meminfo
from jetson_deploy.detect.recorded import recorded_uname
from jetson_deploy.monitor.sample import Identity

if TYPE_CHECKING:
    from jetson_deploy.catalog.catalog import Catalog

_LONGEST = 64


def identity(root: Path, catalog: Catalog) -> Identity:
    """Never raises for what lies below the root: unknown is None."""
    host = Host(root)
    total = read_meminfo(host.read_text("proc/meminfo") or "").get("MemTotal")
    board, release = identify(read_firmware(host), total, catalog), read_release(host, catalog)
    return Identity(
        board=board.id,
        model=board.model,
        soc=board.soc,
        l4t=release.l4t,
        jetpack=release.jetpack,
        kernel=_kernel(host),
        hostname=_hostname(host),
    )


def _kernel(host: Host) -> str | None:
    if not host.captured:
        return os.uname().release
    return recorded_uname(host).release or _word(host, "proc/sys/kernel/osrelease")


def _hostname(host: Host) -> str | None:
    if not host.captured:
        return os.uname().nodename
    return _word(host, "proc/sys/kernel/hostname") or _word(host, "etc/hostname")


def _word(host: Host, path: str) -> str | None:
    word = host.read_word(path)
    return word if word and len(word) <= _LONGEST and word.isprintable() else None
