"""The unit of an instance, from its spec. Pure; every line that is not obvious names its reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from jetson_deploy.runtime.systemd.instance import Instance

_HEAD = "# Written by jetson-deploy: `jetson-deploy down` removes it. Settings are changed with `jetson-deploy up`.\n"
_RESTARTS = {"always": "always", "unless-stopped": "always", "on-failure": "on-failure"}


def unit_text(one: Instance, program: str, policy: str, groups: Iterable[str]) -> str:
    """`program`: path of the spec's entrypoint on this host; `groups`: of the GPU's devices, where there are such."""
    sections = (("Unit", _unit(one)), ("Service", _service(one, program, policy, groups)))
    body = "\n".join(f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in lines) for name, lines in sections)
    return f"{_HEAD}{body}\n[Install]\nWantedBy=multi-user.target\n"


def run_directory(one: Instance) -> str:
    """Below /run, in which the server sees its mounts and its home as a container does below /."""
    return f"jetson-deploy-{one.id[:12]}"


def placed(one: Instance, text: str) -> str:
    """A path of the spec, or a word that is one, as this unit's server sees it."""
    inside = (*(mount.target for mount in one.spec.mounts), *one.spec.tmpfs)
    if any(text == target or text.startswith(f"{target}/") for target in inside):
        return f"/run/{run_directory(one)}{text}"
    return text


def _unit(one: Instance) -> Iterator[tuple[str, str]]:
    # The name is left out: it changes while the unit runs.
    yield "Description", f"Model server of jetson-deploy ({one.id[:12]})"
    yield "After", "network.target"
    for mount in one.spec.mounts:
        yield "RequiresMountsFor", escaped(mount.source)
    # It is begun anew for as long as it is wanted, as a container is.
    yield "StartLimitIntervalSec", "0"


def _service(one: Instance, program: str, policy: str, groups: Iterable[str]) -> Iterator[tuple[str, str]]:
    spec, run = one.spec, run_directory(one)
    user, _, group = one.user.partition(":")
    yield "Type", "exec"
    words = (program, *spec.entrypoint[1:], *spec.command)
    yield "ExecStart", " ".join(quoted(placed(one, word).replace("$", "$$")) for word in words)
    for name, value in spec.environment.items():
        yield "Environment", quoted(f"{name}={placed(one, value)}")
    if home := spec.environment.get("HOME"):
        # /tmp is read-only for it, as all of the host.
        yield "Environment", quoted(f"TMPDIR={placed(one, home)}")
    yield "User", user
    yield "Group", group
    if names := " ".join(groups):
        yield "SupplementaryGroups", names
    yield "RuntimeDirectory", " ".join((run, *(f"{run}{PurePosixPath(target)}" for target in spec.tmpfs)))
    yield "RuntimeDirectoryMode", "0755"
    for mount in spec.mounts:
        kind = "BindReadOnlyPaths" if mount.read_only else "BindPaths"
        yield kind, f"{_colons(escaped(mount.source))}:{_colons(placed(one, mount.target))}"
    # Nothing of the host is writable for it but its home, as in a container.
    yield "ProtectSystem", "strict"
    yield "ProtectHome", "read-only"
    yield "NoNewPrivileges", "yes"
    yield "CapabilityBoundingSet", ""
    # TERM to the server alone, which ends its runner; whatever is left then, or after a kill of the server, is killed.
    yield "KillMode", "mixed"
    yield "TimeoutStopSec", str(spec.stop_seconds)
    yield "Restart", _RESTARTS.get(policy, "no")
    yield "RestartSec", "1"
    # Die before sshd does; and a runner that the kernel killed is its server's to start again.
    yield "OOMScoreAdjust", str(spec.oom_score_adj)
    yield "OOMPolicy", "continue"
    yield "TasksMax", str(spec.pids_limit)
    yield "CPUAccounting", "yes"
    yield "MemoryAccounting", "yes"
    # The proof reads the log: no line of it may be dropped.
    yield "LogRateLimitIntervalSec", "0"


def escaped(text: str) -> str:
    """`%` starts a specifier everywhere in a unit."""
    return text.replace("%", "%%")


def quoted(word: str) -> str:
    """In quotes, where it has to be."""
    text = escaped(word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))
    return f'"{text}"' if not word or set(word) & set(" \t\n\"'\\;#") else text


def _colons(path: str) -> str:
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(" ", "\\x20")
