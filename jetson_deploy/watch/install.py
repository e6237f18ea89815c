"""The systemd units: `recover` once behind the engine, and `watch`, one instance of each for a deployment."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from jetson_deploy.deployment.option import Row
from jetson_deploy.deployment.watch_options import WATCH_OPTIONS, WatchWishes
from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Reporter
from jetson_deploy.settings import Settings
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.store.whole_file import replace_whole
from jetson_deploy.systemd.units import SYSTEM_UNITS, check_systemd, reload, remove_units, systemctl, unit_path
from jetson_deploy.systemd.units import write_units as write_templates

UNITS = ("jetson-deploy-recover@.service", "jetson-deploy-watch@.service")
_TEMPLATES = Path(__file__).parent / "units"
_WITHOUT = "jetson-deploy watch --units DIR writes the units; without systemd let your own init run watch"


def write_units(directory: Path, wishes: WatchWishes, settings: Mapping[str, str]) -> tuple[Path, ...]:
    """With the flags that differ from the defaults. Raises PreflightError `units-not-writable`."""
    state = str(Settings.from_environment({**os.environ, **settings}).state_dir)
    marks = {"@MOUNTS@": unit_path(state)}
    return write_templates(directory, [_TEMPLATES / name for name in UNITS], options(wishes), settings, marks)


def install(deployment: str, wishes: WatchWishes, settings: Mapping[str, str], report: Reporter) -> tuple[Path, ...]:
    """Write the units, have them start at boot, and start the watcher now. Raises PreflightError."""
    check_systemd(_WITHOUT)
    written = write_units(SYSTEM_UNITS, wishes, settings)
    _require_store(deployment, Settings.from_environment({**os.environ, **settings}).state_dir)
    reload(report)
    recover, watch = _instances(deployment)
    systemctl("enable", recover)
    systemctl("enable", watch)
    systemctl("restart", watch)
    return written


def _require_store(deployment: str, state_dir: Path) -> None:
    """Recover waits for the disk that the plan put the store on. Raises PreflightError."""
    state = StateDirectory(state_dir, deployment).load()
    current = state.revision(state.current) if state is not None else None
    if current is None or not current.store:
        return
    path = _mounts_of(deployment)
    try:
        replace_whole(path, f"[Unit]\nRequiresMountsFor={unit_path(current.store)}\n".encode())
        path.chmod(0o644)
    except OSError as error:
        raise PreflightError(
            f"cannot write {path}: {error.strerror}", hint="run with sudo", code="units-not-writable"
        ) from error


def _mounts_of(deployment: str) -> Path:
    return SYSTEM_UNITS / f"{_instances(deployment)[0]}.d" / "mounts.conf"


def uninstall(deployment: str, report: Reporter) -> None:
    """Stop and disable this deployment's; the units go with the last one. Raises PreflightError."""
    check_systemd(_WITHOUT)
    for unit in _instances(deployment):
        if (SYSTEM_UNITS / f"{unit.partition('@')[0]}@.service").exists():
            systemctl("disable", "--now", unit)
    _mounts_of(deployment).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # there is none, or another's file is in it
        _mounts_of(deployment).parent.rmdir()
    wanted = SYSTEM_UNITS / "multi-user.target.wants"
    if not any(wanted.glob("jetson-deploy-watch@*")):
        remove_units(UNITS, report)


def options(wishes: WatchWishes) -> Sequence[str]:
    """The flags of `watch` that give these wishes."""
    changed = (row for row in WATCH_OPTIONS.values() if row.option.flag and getattr(wishes, row.field) != row.default)
    return tuple(word for row in changed for word in _flag(row, getattr(wishes, row.field)))


def _flag(row: Row, value: float) -> Sequence[str]:
    if row.kind is bool:
        yes, _, no = row.option.flag.partition("/")
        return (yes if value else no,)
    return row.option.flag, f"{value:g}" if row.kind is float else str(value)


def _instances(deployment: str) -> tuple[str, str]:
    return f"jetson-deploy-recover@{deployment}.service", f"jetson-deploy-watch@{deployment}.service"
