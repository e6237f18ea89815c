"""The process that listens on a TCP port that our loopback endpoint would need."""

from __future__ import annotations

import re

from jetson_deploy.detect.host import Host
from jetson_deploy.facts import PortFacts

_LISTEN = "0A"
_ENTRY = re.compile(
    r"^\s*[0-9]+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) \S+ ([0-9A-F]{2})"
    r" (?:\S+\s+){3}([0-9]+)\s+\S+\s+([0-9]+)",
    re.MULTILINE,
)
_TABLES = ("proc/net/tcp", "proc/net/tcp6")
_TABLE_LIMIT = 4 * 1024 * 1024
"""150 bytes a connection: a busy gateway's table."""
_CONTAINER = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_UNIT = re.compile(r"/system\.slice/([A-Za-z0-9:_.@\\-]+\.service)(?:/|$)", re.MULTILINE)
_UIDS = re.compile(r"^Uid:\s+\d+\s+(\d+)", re.MULTILINE)
_MAPPED = "0000000000000000FFFF0000"
_IPV6_LOOPBACK = "00000000000000000000000001000000"


def port_facts(host: Host, port: int) -> PortFacts:
    """`listening` is about loopback and wildcard addresses; None: no table of sockets can be read.

    Process and container are None where reading other users' processes is not allowed.
    """
    tables = [t for path in _TABLES if (t := host.read_text(path, limit=_TABLE_LIMIT)) is not None]
    if not tables:
        return PortFacts(port=port)
    found = [entry for table in tables for entry in _listeners(table, port)]
    if not found:
        return PortFacts(port=port, listening=False)
    address, uid, inode = found[0]
    pid = _owner(host, inode)
    return PortFacts(
        port=port,
        listening=True,
        address=address,
        process=host.read_word(f"proc/{pid}/comm") if pid else None,
        pid=pid,
        container_id=_container_of(host, pid) if pid else None,
        uid=int(uid),
        unit=_unit_of(host, pid) if pid else None,
    )


def user_of(host: Host, pid: int) -> int | None:
    """The user that a process acts as; None: it is gone, or hidden."""
    found = _UIDS.search(host.read_text(f"proc/{pid}/status", quiet=True) or "")
    return int(found[1]) if found else None


def _listeners(table: str, port: int) -> list[tuple[str, str, str]]:
    """(address, uid, inode). A listener on one outside address leaves the loopback port free."""
    found = []
    for address, number, state, uid, inode in _ENTRY.findall(table):
        if state == _LISTEN and int(number, 16) == port and (text := _local_address(address)):
            found.append((text, uid, inode))
    return found


def _local_address(raw: str) -> str | None:
    """Kernel notation: 32-bit words, each in the host's byte order (little-endian on arm64 and x86)."""
    if raw == _IPV6_LOOPBACK:
        return "::1"
    if len(raw) == 32 and not raw.startswith(_MAPPED):
        return "::" if set(raw) == {"0"} else None
    octets = bytes.fromhex(raw[-8:])[::-1]
    if octets[0] not in (0, 127):
        return None
    return ".".join(str(octet) for octet in octets)


def _owner(host: Host, inode: str) -> int | None:
    wanted = f"socket:[{inode}]"
    for name in host.names("proc"):
        if name.isascii() and name.isdigit() and _holds(host, name, wanted):
            return int(name)
    return None


def _holds(host: Host, pid: str, wanted: str) -> bool:
    return any(host.link(f"proc/{pid}/fd/{fd}") == wanted for fd in host.names(f"proc/{pid}/fd"))


def _container_of(host: Host, pid: int) -> str | None:
    """Docker names a container's cgroup after its id, on cgroup v1 (`/docker/<id>`) and v2 (`docker-<id>.scope`)."""
    match = _CONTAINER.search(host.read_text(f"proc/{pid}/cgroup", quiet=True) or "")
    return match[0] if match else None


def _unit_of(host: Host, pid: int) -> str | None:
    """A service of the system is a cgroup directly below `system.slice`, on v1 and v2."""
    match = _UNIT.search(host.read_text(f"proc/{pid}/cgroup", quiet=True) or "")
    return match[1] if match else None
