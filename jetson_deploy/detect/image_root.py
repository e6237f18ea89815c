"""Where the engine keeps its images: below its data-root, or where the containerd that it uses keeps its own data."""

from __future__ import annotations

import re

import msgspec

from jetson_deploy.detect.host import Host
from jetson_deploy.facts import EngineFacts

CONTAINERD_CONFIG = "etc/containerd/config.toml"
CONTAINERD_ROOT = "/var/lib/containerd"
_K3S_ROOT = "/var/lib/rancher/k3s/agent/containerd"
_SOCKET = "/containerd/containerd.sock"
_RUN = ("/run", "/var/run")
_ROOT = re.compile(r"""^[ \t]*root[ \t]*=[ \t]*(?:"([^"]+)"|'([^']+)')""", re.MULTILINE)
_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)


def with_image_root(engine: EngineFacts | None, host: Host) -> EngineFacts | None:
    if engine is None or not engine.reachable:
        return engine
    root = engine.data_root if engine.containerd is None else _containerd_root(engine, engine.containerd, host)
    return msgspec.structs.replace(engine, image_root=followed(host, root) if root else None)


def followed(host: Host, path: str) -> str:
    """A data directory is often moved by a symlink in its place."""
    real = host.real(path.lstrip("/"))
    return path if real is None else "/" if real == "." else f"/{real}"


def _containerd_root(engine: EngineFacts, address: str, host: Host) -> str | None:
    """dockerd starts one of its own where the system has none: the socket then lies in dockerd's run folder."""
    run = address.removeprefix("unix://").removesuffix(_SOCKET)
    if run in _RUN:
        return configured_root(host.read_text(CONTAINERD_CONFIG) or "") or CONTAINERD_ROOT
    if "k3s" in run:
        return _K3S_ROOT
    return f"{engine.data_root}/containerd/daemon" if engine.data_root else None


def configured_root(text: str) -> str | None:
    """`root` at the top of config.toml: a key of the same name inside a table is another one's."""
    table = _TABLE.search(text)
    match = _ROOT.search(text[: table.start()] if table else text)
    return (match[1] or match[2]) if match else None
