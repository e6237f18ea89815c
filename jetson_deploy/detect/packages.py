"""Versions of the installed nvidia-l4t-* and nv-driveos-* packages, from dpkg's own file."""

from __future__ import annotations

import re

from jetson_deploy.detect.host import Host

CORE = "nvidia-l4t-core"
L4T = "nvidia-l4t-"
_STATUS_LIMIT = 32 * 1024 * 1024
"""JetPack's /var/lib/dpkg/status has 3 to 6 MiB; no capture or board needs more than this."""
_PARAGRAPH = re.compile(rb"^Package: ((?:nvidia-l4t|nv-driveos)-[a-z0-9.+-]+)\n((?:.+\n?)*)", re.MULTILINE)
_FIELD = re.compile(rb"^(Status|Version): (.+)$", re.MULTILINE)


def tegra_packages(host: Host) -> dict[str, str]:
    """Name → version of L4T's and DRIVE OS's that are installed (not merely known, not removed)."""
    data = host.read_bytes("var/lib/dpkg/status", limit=_STATUS_LIMIT) or b""
    if b"Package: nvidia-l4t-" not in data and b"Package: nv-driveos-" not in data:
        return {}
    found = {}
    for name, rest in _PARAGRAPH.findall(data):
        fields = dict(_FIELD.findall(rest))
        if fields.get(b"Status", b"").endswith(b" installed") and b"Version" in fields:
            found[name.decode()] = fields[b"Version"].decode("utf-8", errors="replace")
    return found
