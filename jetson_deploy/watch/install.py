"""The systemd units: `recover` once behind the engine, and `watch`, one instance of each for a deployment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from jetson_deploy.deployment.option import Row
from jetson_deploy.deployment.watch_options import WATCH_OPTIONS, WatchWishes
from jetson_deploy.events import Reporter
from jetson_deploy.systemd.units import SYSTEM_UNITS, check_systemd, reload, remove_units, systemctl
from jetson_deploy.systemd.units import write_units as write_templates

UNITS = ("jetson-deploy-recover@.service", "jetson-deploy-watch@.service")
_TEMPLATES = Path(__file__).parent / "units"
_WITHOUT = "jetson-deploy watch --units DIR writes the units; without systemd let your own init run watch"


def write_units(directory: Path, wishes: WatchWishes, settings: Mapping[str, str]) -> tuple[Path, ...]:
    """With the flags that differ from the defaults. Raises PreflightError `units-not-writable`."""
    return write_templates(directory, [_TEMPLATES / name for name in UNITS], options(wishes), settings)


def install(deployment: str, wishes: WatchWishes, settings: Mapping[str, str], report: Reporter) -> tuple[Path, ...]:
    """Write the units, have them start at boot, and start the watcher now. Raises PreflightError."""
    check_systemd(_WITHOUT)
    written = write_units(SYSTEM_UNITS, wishes, settings)
    reload(report)
    recover, watch = _instances(deployment)
    systemctl("enable", recover)
    systemctl("enable", watch)
    systemctl("restart", watch)
    return written


def uninstall(deployment: str, report: Reporter) -> None:
    """Stop and disable this deployment's; the units go with the last one. Raises PreflightError."""
    check_systemd(_WITHOUT)
    for unit in _instances(deployment):
        if (SYSTEM_UNITS / f"{unit.partition('@')[0]}@.service").exists():
            systemctl("disable", "--now", unit)
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
