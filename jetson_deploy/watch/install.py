"""The systemd units: `recover` once behind the engine, and `watch`, one instance of each for a deployment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from jetson_deploy.deployment.watch_options import WatchWishes
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
