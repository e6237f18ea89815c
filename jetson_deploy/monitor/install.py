"""The systemd unit of recorder and exporter in one process: one for a machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from jetson_deploy.events import Reporter
from jetson_deploy.monitor.history.default import default_path
from jetson_deploy.monitor.serve.listen import DEFAULT_LISTEN
from jetson_deploy.settings import Settings
from jetson_deploy.systemd.units import SYSTEM_UNITS, check_systemd, reload, remove_units, systemctl, unit_path
from jetson_deploy.systemd.units import write_units as write_templates

UNIT = "jetson-deploy-monitor.service"
_TEMPLATE = Path(__file__).parent / "units" / UNIT
_WITHOUT = (
    "jetson-deploy monitor install --units DIR writes the unit; without systemd let your own init run "
    "jetson-deploy monitor serve --record"
)
_SHORTEST_WATCHDOG = 60.0
_LATE = 6
"""So many samples may be missing before the service is started again."""
_RECORDED_PERIOD = 5.0
"""What `serve --record` takes by itself."""


class ServiceWishes(msgspec.Struct, frozen=True, kw_only=True):
    """The flags of `monitor serve`; None and the defaults are left out."""

    name: str = "default"
    root: Path = Path("/")
    listen: str = DEFAULT_LISTEN
    period: float | None = None
    endpoint: str | None = None
    model: bool = True
    thresholds: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    tap: str | None = None


def write_units(
    directory: Path, wishes: ServiceWishes, settings: Settings, variables: Mapping[str, str]
) -> tuple[Path, ...]:
    """`variables` stand over those of the environment. Raises PreflightError `units-not-writable`."""
    state = default_path(settings).parent
    marks = {
        "@STATE@": unit_path(str(state)),
        "@WRITABLE@": unit_path(f"-{state}"),
        "@WATCHDOG@": f"{max(_SHORTEST_WATCHDOG, _LATE * (wishes.period or _RECORDED_PERIOD)):.0f}",
    }
    return write_templates(directory, [_TEMPLATE], options(wishes), variables, marks)


def install(
    wishes: ServiceWishes, settings: Settings, variables: Mapping[str, str], report: Reporter
) -> tuple[Path, ...]:
    """Write the unit, have it start at boot, and start it now, with these flags. Raises PreflightError."""
    check_systemd(_WITHOUT)
    written = write_units(SYSTEM_UNITS, wishes, settings, variables)
    reload(report)
    systemctl("enable", UNIT)
    systemctl("restart", UNIT)
    return written


def uninstall(report: Reporter) -> bool:
    """False: there was none. What was recorded stays. Raises PreflightError."""
    check_systemd("nothing was installed then: end the one that your own init runs")
    if not (SYSTEM_UNITS / UNIT).exists():
        return False
    systemctl("disable", "--now", UNIT)
    remove_units((UNIT,), report)
    return True


def options(wishes: ServiceWishes) -> tuple[str, ...]:
    """The words of `monitor serve` that give these wishes."""
    base, found = ServiceWishes(), []
    for flag, field in (
        ("--name", "name"),
        ("--root", "root"),
        ("--listen", "listen"),
        ("--endpoint", "endpoint"),
        ("--tap", "tap"),
    ):
        if (value := getattr(wishes, field)) != getattr(base, field):
            found += [flag, str(value)]
    if wishes.period is not None:
        found += ["--period", f"{wishes.period:g}"]
    for flag, values in (("--threshold", wishes.thresholds), ("--alert", wishes.alerts)):
        found += [word for value in values for word in (flag, value)]
    return (*found, *(() if wishes.model else ("--no-model",)))
