"""The systemd units: `recover` once behind the engine, and `watch`, one instance of each for a deployment."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from jetson_deploy.deploy.whole_file import replace_whole
from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Note, Reporter
from jetson_deploy.plan.watching import WatchWishes

SYSTEM_UNITS = Path("/etc/systemd/system")
UNITS = ("jetson-deploy-recover@.service", "jetson-deploy-watch@.service")
_TEMPLATES = Path(__file__).parent / "units"
_RUNNING = Path("/run/systemd/system")
"""There when systemd is the init (sd_booted(3))."""
_PASSED_ON = re.compile(r"JETSON_DEPLOY_(?!REHEARSAL|CRASH_AT)[A-Z_]+|DOCKER_HOST|PYTHONPATH")
RELOAD_COSTS = (
    "systemctl daemon-reload can take the GPU from running containers (systemd cgroup driver); watch notices it"
)


def write_units(directory: Path, wishes: WatchWishes, settings: Mapping[str, str]) -> tuple[Path, ...]:
    """With this very program, the flags that differ from the defaults, and the settings in force: those of
    the environment, and `settings` (variables) over them.

    Raises PreflightError `units-not-writable`.
    """
    values = {
        "@COMMAND@": " ".join(map(_quoted, (sys.executable, "-m", "jetson_deploy"))),
        "@OPTIONS@": "".join(f" {word}" for word in options(wishes)),
        "@ENVIRONMENT@": "\n".join(_environment({**os.environ, **settings})),
    }
    written = []
    for name in UNITS:
        text = (_TEMPLATES / name).read_text()
        for mark, value in values.items():
            text = text.replace(mark, value)
        path = directory / name
        try:
            replace_whole(path, text.encode())
            path.chmod(0o644)
        except OSError as error:
            raise PreflightError(
                f"cannot write {path}: {error.strerror}", hint="run with sudo", code="units-not-writable"
            ) from error
        written.append(path)
    return tuple(written)


def install(deployment: str, wishes: WatchWishes, settings: Mapping[str, str], report: Reporter) -> tuple[Path, ...]:
    """Write the units, have them start at boot, and start the watcher now. Raises PreflightError."""
    _check_systemd()
    written = write_units(SYSTEM_UNITS, wishes, settings)
    report(Note(level="warning", text=RELOAD_COSTS))
    _systemctl("daemon-reload")
    recover, watch = _instances(deployment)
    _systemctl("enable", recover)
    _systemctl("enable", watch)
    _systemctl("restart", watch)
    return written


def uninstall(deployment: str, report: Reporter) -> None:
    """Stop and disable this deployment's; the units go with the last one. Raises PreflightError."""
    _check_systemd()
    for unit in _instances(deployment):
        if (SYSTEM_UNITS / f"{unit.partition('@')[0]}@.service").exists():
            _systemctl("disable", "--now", unit)
    wanted = SYSTEM_UNITS / "multi-user.target.wants"
    if any(wanted.glob("jetson-deploy-watch@*")):
        return
    for name in UNITS:
        (SYSTEM_UNITS / name).unlink(missing_ok=True)
    report(Note(level="warning", text=RELOAD_COSTS))
    _systemctl("daemon-reload")


def options(wishes: WatchWishes) -> Sequence[str]:
    """The flags of `watch` that give these wishes."""
    base, found = WatchWishes(), []
    for flag, name in (
        ("--interval", "interval_seconds"),
        ("--generate-every", "generate_seconds"),
        ("--max-restarts", "max_restarts"),
        ("--window", "window_seconds"),
    ):
        if getattr(wishes, name) != getattr(base, name):
            found += [flag, f"{getattr(wishes, name):g}"]
    if wishes.memory_guard_bytes is not None:
        found += ["--memory-guard", str(wishes.memory_guard_bytes)]
    return (*found, *(() if wishes.roll_back else ("--no-roll-back",)))


def _instances(deployment: str) -> tuple[str, str]:
    return f"jetson-deploy-recover@{deployment}.service", f"jetson-deploy-watch@{deployment}.service"


def _environment(environ: Mapping[str, str]) -> list[str]:
    return [f"Environment={_quoted(f'{k}={v}')}" for k, v in sorted(environ.items()) if _PASSED_ON.fullmatch(k) and v]


def _quoted(text: str) -> str:
    """For a unit file: `%` starts a specifier and `$` a variable, also within quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if shlex.quote(escaped) != escaped else escaped


def _check_systemd() -> None:
    if not _RUNNING.is_dir():
        raise PreflightError(
            "this host is not run by systemd",
            hint="jetson-deploy watch --units DIR writes the units; without systemd let your own init run watch",
            code="no-systemd",
        )


def _systemctl(*arguments: str) -> None:
    done = subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        raise PreflightError(
            f"systemctl {' '.join(arguments)}: {said}", hint="run with sudo; journalctl -xe", code="systemctl-failed"
        )
