"""Words that name this machine, its users and its networks: replaced wherever a report would hold them."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from jetson_deploy.detect.host import Host
from jetson_deploy.settings import Settings

Kind = Literal["secret", "prompt", "serial number", "host name", "user name", "MAC address", "IP address", "identifier"]
GENERIC = frozenset(
    (
        *("localhost", "root", "nvidia", "jetson", "tegra", "orin", "nano", "xavier", "thor", "ubuntu", "debian"),
        *(
            "docker",
            "ollama",
            "user",
            "users",
            "server",
            "home",
            "media",
            "dev",
            "var",
            "lib",
            "none",
            "default string",
        ),
        *("redacted", "local", "internal", "lan", "example", "com", "net", "org", "localdomain", "broadcasthost"),
        *("registry", "mirror", "cache", "proxy", "gateway", "router", "controller", "board", "device", "host"),
        *("jetson-deploy", "deepseek-r1", "true", "false", "null", "yes", "no", "default"),
    )
)
"""Words that identify no one, and that paths, labels and logs are made of."""
_PUBLIC = re.compile(
    r"(?:^|\.)(?:docker\.(?:io|com)|nvcr\.io|ghcr\.io|quay\.io|ollama\.(?:ai|com)|huggingface\.co|hf\.co|nvidia\.com"
    r"|github\.com|githubusercontent\.com|debian\.org|ubuntu\.com|python\.org|pypi\.org|jetson-ai-lab\.(?:com|io|dev))$"
    r"|^localhost$|^host$|^127\.|^0\.0\.0\.0$|^\[?::1?\]?$",
    re.IGNORECASE,
)
_SERIALS = (
    *(
        f"{base}/{name}"
        for base in ("sys/firmware/devicetree/base", "proc/device-tree")
        for name in ("serial-number", "chosen/ecid", "chosen/board-id")
    ),
    *(f"sys/class/dmi/id/{name}" for name in ("product_serial", "board_serial", "chassis_serial", "board_asset_tag")),
)
_EACH = {
    "sys/class/nvme": ("serial",),
    "sys/block": ("device/serial", "device/cid", "device/wwid", "wwid", "serial"),
    "sys/bus/usb/devices": ("serial",),
    "sys/bus/mmc/devices": ("serial", "cid"),
    "sys/class/power_supply": ("serial_number",),
}
"""Directory → files below each of its entries."""
_SERVER = re.compile(r"^(?://|\\\\)?([\w.-]+)(?::|/)", re.ASCII)
_CMDLINE_SERIAL = re.compile(r"serial(?:no|number)?=([\w-]{4,})", re.IGNORECASE)
_ADDRESS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}", re.ASCII)
_LEAST = 3


class Word(msgspec.Struct, frozen=True):
    kind: Kind
    text: str


def identity(root: Path, settings: Settings, environ: Mapping[str, str] | None = None) -> frozenset[Word]:
    """Of the host below `root`, and of this machine: a log of it may stand beside a board that was captured."""
    env = os.environ if environ is None else environ
    hosts = [Host(root)] + ([Host(Path("/"))] if Host(root).captured else [])
    found = [*_of_environment(env), *_of_settings(settings, env), Word("host name", socket.gethostname())]
    for host in hosts:
        found += [*_serials(host), *_host_names(host), *_users(host), *_networks(host), *_identifiers(host)]
    return frozenset(one for word in found for one in _usable(word))


def is_public(host: str) -> bool:
    return _PUBLIC.search(host) is not None


def _usable(word: Word) -> Iterator[Word]:
    text = word.text.strip("\0 \t\r\n")
    if len(text) < _LEAST or text.lower() in GENERIC or re.fullmatch(r"[0:. x-]*", text):
        return
    yield Word(word.kind, text)


def _serials(host: Host) -> Iterator[Word]:
    paths = [
        *_SERIALS,
        *(f"{base}/{entry}/{leaf}" for base, leaves in _EACH.items() for entry in host.names(base) for leaf in leaves),
    ]
    for path in paths:
        text = host.read_word(path)
        if text and len(text) >= 5:
            yield Word("serial number", text)
    for match in _CMDLINE_SERIAL.finditer(host.read_text("proc/cmdline", quiet=True) or ""):
        yield Word("serial number", match[1])


def _host_names(host: Host) -> Iterator[Word]:
    for own in (host.read_word("etc/hostname"), host.read_word("proc/sys/kernel/hostname")):
        yield from _named(own or "")
        yield from _named((own or "").partition(".")[0])
    for line in (host.read_text("etc/hosts", quiet=True) or "").splitlines():
        for name in line.partition("#")[0].split()[1:]:
            if not name.startswith("ip6-"):
                yield from _named(name)
    for line in (host.read_text("etc/resolv.conf", quiet=True) or "").splitlines():
        fields = line.split()
        if fields[:1] in (["search"], ["domain"]):
            yield from (one for name in fields[1:] for one in _named(name))
    for line in (host.read_text("proc/mounts", limit=1 << 20, quiet=True) or "").splitlines():
        fields = line.split()
        if len(fields) > 2 and (fields[2].startswith(("nfs", "cifs", "smb", "ceph", "fuse.sshfs", "gluster", "9p"))):
            server = _SERVER.match(fields[0].rpartition("@")[2] if "@" in fields[0] else fields[0])
            yield from _named(server[1]) if server else ()


def _named(name: str) -> Iterator[Word]:
    if not is_public(name):
        yield Word("IP address" if _ADDRESS.fullmatch(name) else "host name", name)


def _users(host: Host) -> Iterator[Word]:
    for line in (host.read_text("etc/passwd", limit=1 << 18, quiet=True) or "").splitlines():
        fields = line.split(":")
        if len(fields) > 5 and fields[2].isdigit() and 1000 <= int(fields[2]) < 65000:
            yield Word("user name", fields[0])
            yield Word("user name", fields[4].partition(",")[0])
            yield Word("user name", fields[5].rpartition("/")[2])
    yield from (Word("user name", name) for name in host.names("home"))


def _networks(host: Host) -> Iterator[Word]:
    for name in host.names("sys/class/net"):
        yield Word("MAC address", host.read_word(f"sys/class/net/{name}/address") or "")
    for line in (host.read_text("proc/net/fib_trie", limit=1 << 20, quiet=True) or "").splitlines():
        address = line.strip().removeprefix("|-- ")
        if address != line.strip() and not address.startswith(("127.", "0.", "255.", "224.", "169.254.")):
            yield Word("IP address", address)


def _identifiers(host: Host) -> Iterator[Word]:
    for path in ("etc/machine-id", "var/lib/dbus/machine-id", "sys/class/dmi/id/product_uuid"):
        yield Word("identifier", host.read_word(path) or "")


def _of_environment(env: Mapping[str, str]) -> Iterator[Word]:
    for name in ("USER", "LOGNAME", "SUDO_USER"):
        yield Word("user name", env.get(name, ""))
    for name in ("SSH_CONNECTION", "SSH_CLIENT"):
        for part in env.get(name, "").split():
            if "." in part and not part.startswith("127."):
                yield Word("IP address", part)


def _of_settings(settings: Settings, env: Mapping[str, str]) -> Iterator[Word]:
    """Servers that this site has for itself."""
    proxies = (
        env.get(name, "") for proxy in ("http_proxy", "https_proxy", "all_proxy") for name in (proxy, proxy.upper())
    )
    for url in (
        settings.registry,
        settings.image_registry or "",
        *settings.mirrors,
        env.get("DOCKER_HOST", ""),
        *proxies,
    ):
        yield from _named(host_of(url))


def host_of(url: str) -> str:
    try:
        return urlsplit(url if "://" in url else f"//{url}").hostname or ""
    except ValueError:
        return ""


def board_words(texts: Iterable[str]) -> frozenset[str]:
    """Words that the board's own names are made of: a host that is called as its board keeps its name."""
    return frozenset(word.lower() for text in texts for word in (text, *re.split(r"[\s,\0]+", text)) if word)
