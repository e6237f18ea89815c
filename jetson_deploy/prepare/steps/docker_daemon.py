"""Docker's own configuration: the runtime that passes the GPU, and logs that end."""

from __future__ import annotations

import json
import re

from jetson_deploy.errors import PreflightError
from jetson_deploy.prepare.changes import ReloadEngine
from jetson_deploy.prepare.edited import Opened, daemon_json, json_change
from jetson_deploy.prepare.host_step import Checked, HostStep, Look, ready, to_do, unknown
from jetson_deploy.prepare.json_text import meaning
from jetson_deploy.prepare.machine import UNIT_FOLDERS

RUNTIME = "nvidia"
PROGRAM = "nvidia-container-runtime"
_PLACES = ("usr/bin", "usr/local/bin", "usr/sbin", "usr/local/sbin", "bin", "sbin")
LOG_SIZE, LOG_FILES = "10m", "3"
_BOUNDED = ("json-file", "local")
"""Log drivers that keep files, and take these limits."""


def _runtime(look: Look) -> Checked:
    shown = look.facts.engine is not None and RUNTIME in look.facts.engine.runtimes
    if not look.machine.host.is_directory("usr/bin"):
        return ready(f"Docker shows a runtime {RUNTIME}") if shown else unknown("what is installed was not captured")
    check_docker(look)
    file = daemon_json(look.machine)
    path = _runtime_path(file)
    if path is not None and _there(look, path):
        if shown or look.facts.engine is None or not look.facts.engine.reachable:
            return ready(f"runtime {RUNTIME}: {path}")
        return to_do("configured, and Docker did not read it yet", ReloadEngine(runtime=RUNTIME))
    if path is None and shown and _named_elsewhere(look):
        return ready(f"Docker shows a runtime {RUNTIME}")
    if not _there(look, PROGRAM):
        raise PreflightError(
            f"{PROGRAM} is not installed",
            hint="sudo apt-get install -y nvidia-container-toolkit (from JetPack's repository); then run it again",
            code="nvidia-toolkit-missing",
        )
    check_flags(look, ("--config-file",))
    members: dict[tuple[str, ...], str] = {("runtimes", RUNTIME, "path"): json.dumps(PROGRAM)}
    if path is None:
        members = {("runtimes", RUNTIME): json.dumps({"path": PROGRAM, "runtimeArgs": []})}
    change = json_change(look.machine, file, members, f"runtime {RUNTIME}")
    now = f"Docker has no runtime {RUNTIME}"
    if path is not None:
        now = f"runtime {RUNTIME} names {path}, which is not there"
    elif shown:
        now = f"Docker shows a runtime {RUNTIME} that no configuration names: it is gone with Docker's next start"
    return to_do(now, change, ReloadEngine(runtime=RUNTIME), originals=file.originals)


def _logs(look: Look) -> Checked:
    host = look.machine.host
    if not host.is_directory("usr/bin"):
        return unknown("what is installed was not captured")
    check_docker(look)
    file = daemon_json(look.machine)
    whole = meaning(file.text)
    settings = whole if isinstance(whole, dict) else {}
    driver, options = settings.get("log-driver", "json-file"), settings.get("log-opts") or {}
    if driver not in _BOUNDED:
        return ready(f"log driver {driver}, which keeps no files of its own")
    if isinstance(options, dict) and "max-size" in options:
        return ready(f"a container's log ends at {options['max-size']}")
    check_flags(look, ("--config-file", "--log-opt", "--log-driver"))
    members: dict[tuple[str, ...], str] = {("log-opts", "max-size"): json.dumps(LOG_SIZE)}
    if not (isinstance(options, dict) and "max-file" in options):
        members["log-opts", "max-file"] = json.dumps(LOG_FILES)
    change = json_change(look.machine, file, members, f"a container's log ends at {LOG_FILES} files of {LOG_SIZE}")
    takes = "for containers that are made once Docker was restarted (with the next boot at the latest)"
    return to_do("a container's log grows without end", change, originals=file.originals, takes_effect=takes)


def _named_elsewhere(look: Look) -> bool:
    """Than in daemon.json: an engine shows one that was taken out of there until it is started again."""
    words = _command_line(look)
    return not words.strip() or re.search(r"--(add-runtime|config-file)(?=[\s=]|$)", words) is not None


def _runtime_path(file: Opened) -> str | None:
    whole = meaning(file.text)
    runtimes = whole.get("runtimes") if isinstance(whole, dict) else None
    ours = runtimes.get(RUNTIME) if isinstance(runtimes, dict) else None
    path = ours.get("path") if isinstance(ours, dict) else None
    return path if isinstance(path, str) and path else None


def _there(look: Look, program: str) -> bool:
    host = look.machine.host
    if "/" in program:
        return host.exists(program.lstrip("/"))
    return any(host.exists(f"{place}/{program}") for place in _PLACES)


def check_docker(look: Look) -> None:
    """Raises PreflightError where it is not the engine that reads /etc/docker/daemon.json."""
    engine, host = look.facts.engine, look.machine.host
    if (engine is not None and engine.snap) or (host.exists("snap/bin/docker") and not _there(look, "dockerd")):
        raise PreflightError(
            "Docker is installed as a snap, which sees neither the GPU nor /etc/docker",
            hint="sudo snap remove docker; sudo apt-get install -y docker.io",
            code="docker-snap",
        )
    if engine is not None and engine.podman:
        raise PreflightError(
            "Podman answers on Docker's socket", hint="sudo apt-get install -y docker.io", code="podman"
        )
    if not _there(look, "dockerd") and (engine is None or not engine.reachable):
        raise PreflightError(
            "Docker is not installed",
            hint="sudo apt-get install -y docker.io; then run it again",
            code="docker-missing",
        )


def check_flags(look: Look, flags: tuple[str, ...]) -> None:
    """Docker refuses to start where a flag and the file set the same. Raises PreflightError."""
    words = _command_line(look)
    for flag in flags:
        if re.search(rf"(?<![^\s\"']){flag}(?=[\s=]|$)", words):
            raise PreflightError(
                f"Docker is started with {flag}, which the file would contradict",
                hint="set it there: systemctl cat docker",
                code="docker-flags",
            )


def _command_line(look: Look) -> str:
    host = look.machine.host
    pid = host.read_word("run/docker.pid") or ""
    running = host.read_text(f"proc/{pid}/cmdline", quiet=True) if pid.isdigit() else None
    texts = [(running or "").replace("\0", " "), host.read_text("etc/default/docker", quiet=True) or ""]
    lines = "\n".join([*texts, unit_text(look, "docker.service")]).splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def unit_text(look: Look, unit: str) -> str:
    """Of the file that counts, and of its drop-ins."""
    host = look.machine.host
    files = (host.read_text(f"{folder}/{unit}", quiet=True) for folder in UNIT_FOLDERS)
    folder = f"etc/systemd/system/{unit}.d"
    drops = [host.read_text(f"{folder}/{name}", quiet=True) or "" for name in host.names(folder)]
    return "\n".join([next(filter(None, files), ""), *drops])


RUNTIME_STEP = HostStep(id="nvidia-runtime", title="Docker passes the GPU", look=_runtime)
LOGS_STEP = HostStep(id="docker-logs", title="Logs of containers end", look=_logs)
