"""Every JETSON_DEPLOY_* variable, with its default and meaning, in one place.

Order of precedence: flag, environment, file (`-f`), what is deployed, default. `Settings.from_environment` is
the only reader of `os.environ` for these names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from jetson_deploy.errors import UsageError

OLLAMA_PORT = 11434
"""Ollama's own default port (envconfig)."""
LOWEST_PORT = 1024
"""Ports below need a capability; the container gets none."""


STABILITY_SECONDS = 60.0
"""As greenboot: long enough for a server that crashes when it warms up."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where things are. Paths are absolute."""

    registry: str = "https://registry.ollama.ai"
    """JETSON_DEPLOY_REGISTRY: model registry (Ollama protocol), scheme://host[:port]."""
    image_registry: str | None = None
    """JETSON_DEPLOY_IMAGE_REGISTRY: mirror HOST[:PORT] that serves every image; default: each image's own."""
    docker_host: str | None = None
    """DOCKER_HOST: the engine's socket; default unix:///var/run/docker.sock."""
    state_dir: Path = Path("/var/lib/jetson-deploy")
    """JETSON_DEPLOY_STATE_DIR: state, one directory per deployment."""
    lock_dir: Path = Path("/run/lock")
    """JETSON_DEPLOY_LOCK_DIR: lock files (flock)."""
    fleet_dir: Path = Path("~/.local/state/jetson-deploy/fleet")
    """JETSON_DEPLOY_FLEET_DIR: records of rollouts, on the machine that `fleet` is typed on."""
    catalog_dirs: tuple[Path, ...] = ()
    """JETSON_DEPLOY_CATALOG: extra catalog overlays, colon-separated; the last wins."""
    stall_seconds: float = 60.0
    """JETSON_DEPLOY_STALL_SECONDS: no byte for so long ends a transfer."""
    checkpoint_mib: int = 16
    """JETSON_DEPLOY_CHECKPOINT_MIB: so much per connection may have to be fetched again after a kill."""
    limit_rate: str | None = None
    """JETSON_DEPLOY_LIMIT_RATE: cap for fetching models, bytes a second with K, M or G (500K); default none."""
    credentials: Path | None = None
    """JETSON_DEPLOY_CREDENTIALS: file with logins for model registries, in the shape of Docker's config.json."""
    mirrors: tuple[str, ...] = ()
    """JETSON_DEPLOY_MIRRORS: model registries that are asked before the registry, separated by spaces."""
    rehearsal: str | None = None
    """JETSON_DEPLOY_REHEARSAL: set by `rehearse` alone; names what is simulated. The board is then
    the one under --root, while engine, store, port and clock are this machine's. Shown by every command."""
    port: int | None = None
    """JETSON_DEPLOY_PORT: loopback port of the endpoint; default: what is deployed, else 11434."""

    stability_seconds: float = STABILITY_SECONDS
    """JETSON_DEPLOY_STABILITY_SECONDS: so long `up` observes a proven server before it stops the old one; 0: not."""
    named: dict[str, str] = {}
    """The variables that were set, with their texts: these come before a file, a default does not."""
    crash_at: str | None = None
    """JETSON_DEPLOY_CRASH_AT: for tests of this tool: kill -9 itself at a step's border, e.g. `up:7:before`."""

    @staticmethod
    def from_environment(environ: Mapping[str, str] | None = None) -> Settings:
        """Read the variables. Raises UsageError naming the variable that cannot be read."""
        env = os.environ if environ is None else environ
        base = Settings()
        return Settings(
            registry=env.get("JETSON_DEPLOY_REGISTRY", base.registry).rstrip("/"),
            image_registry=env.get("JETSON_DEPLOY_IMAGE_REGISTRY") or None,
            docker_host=_docker_host(env),
            state_dir=Path(env.get("JETSON_DEPLOY_STATE_DIR", str(base.state_dir))).absolute(),
            lock_dir=Path(env.get("JETSON_DEPLOY_LOCK_DIR", str(base.lock_dir))).absolute(),
            fleet_dir=Path(env.get("JETSON_DEPLOY_FLEET_DIR", str(base.fleet_dir))).expanduser().absolute(),
            catalog_dirs=tuple(Path(p) for p in env.get("JETSON_DEPLOY_CATALOG", "").split(":") if p),
            stall_seconds=_number(env, "JETSON_DEPLOY_STALL_SECONDS", base.stall_seconds, 1, 3600),
            checkpoint_mib=int(_number(env, "JETSON_DEPLOY_CHECKPOINT_MIB", base.checkpoint_mib, 1, 1024)),
            limit_rate=env.get("JETSON_DEPLOY_LIMIT_RATE") or None,
            credentials=Path(env["JETSON_DEPLOY_CREDENTIALS"]) if env.get("JETSON_DEPLOY_CREDENTIALS") else None,
            mirrors=tuple(env.get("JETSON_DEPLOY_MIRRORS", "").split()),
            rehearsal=env.get("JETSON_DEPLOY_REHEARSAL") or None,
            port=_port(env),
            stability_seconds=_number(env, "JETSON_DEPLOY_STABILITY_SECONDS", base.stability_seconds, 0, 3600),
            crash_at=env.get("JETSON_DEPLOY_CRASH_AT") or None,
            named={name: text for name, text in env.items() if name.startswith("JETSON_DEPLOY_") and text},
        )


LIVE_ROOT = Path("/")


def acts_here(root: Path, settings: Settings) -> bool:
    """True when engine, store, port and clock of this machine are the ones meant, and not a captured root's."""
    return root.resolve() == LIVE_ROOT or settings.rehearsal is not None


def check_acts_here(root: Path, settings: Settings, command: str) -> None:
    """Refuse to act on this machine when another one's captured root was named. Raises UsageError."""
    if not acts_here(root, settings):
        raise UsageError(
            f"{command} is for this machine, it cannot act on the captured root {root}",
            hint=f"jetson-deploy plan --root {root} shows the plan; jetson-deploy rehearse runs it on real parts",
            code="root-is-captured",
        )


def _docker_host(env: Mapping[str, str]) -> str | None:
    text = env.get("DOCKER_HOST")
    if not text:
        return None
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("unix", "tcp", "http", "https", "ssh") and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise UsageError(
            f"DOCKER_HOST={ascii(text)[:80]} is not an engine's address",
            hint="unset it (default unix:///var/run/docker.sock), or give unix:///PATH or tcp://HOST:PORT",
            code="bad-setting",
        )
    return text


def _port(env: Mapping[str, str]) -> int | None:
    if not env.get("JETSON_DEPLOY_PORT"):
        return None
    return int(_number(env, "JETSON_DEPLOY_PORT", OLLAMA_PORT, LOWEST_PORT, 65535))


def _number(env: Mapping[str, str], name: str, default: float, low: float, high: float) -> float:
    text = env.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise UsageError(
            f"{name}={text!r} is not a number from {low:g} to {high:g}",
            hint=f"unset {name} (default {default:g}) or give a number in that range",
            code="bad-setting",
        )
    return value
