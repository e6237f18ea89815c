"""The unit of systemd that HAProxy runs as: one template, an instance for each deployment."""

from __future__ import annotations

import contextlib
import subprocess
import time
from pathlib import Path

from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Reporter
from jetson_deploy.expose.admin_socket import worker_pid
from jetson_deploy.expose.door import DoorFiles, unit_of
from jetson_deploy.systemd.units import SYSTEM_UNITS, reload, remove_units, systemctl, write_units

TEMPLATE = "jetson-deploy-expose@.service"
_SOURCE = Path(__file__).parent / "units" / TEMPLATE
_WANTS = SYSTEM_UNITS / "multi-user.target.wants"
_RELOAD_SECONDS = 30.0
WITHOUT = "an endpoint on the network is a unit of systemd; elsewhere an SSH tunnel reaches it (jetson-deploy connect)"


def write(program: str, files: DoorFiles, report: Reporter) -> None:
    """Raises PreflightError: `doors-of-another-directory`, `units-not-writable`, `systemctl-failed`."""
    path = SYSTEM_UNITS / TEMPLATE
    before = _content(path)
    if before is not None and not _leads_to(before, files):
        raise PreflightError(
            f"{path} is for the doors of another state directory",
            hint="unset JETSON_DEPLOY_STATE_DIR, or close those first: jetson-deploy unexpose with that directory",
            code="doors-of-another-directory",
        )
    write_units(SYSTEM_UNITS, [_SOURCE], (), {}, {"@HAPROXY@": program, "@STATE@": str(files.state_dir)})
    if _content(path) != before:
        reload(report)


def is_active(files: DoorFiles) -> bool:
    """Also where no systemd can be asked: nothing runs under it then."""
    return _state(files) in ("active", "reloading")


def may_run(files: DoorFiles) -> bool:
    """Also one that is about to."""
    return _state(files) in ("active", "reloading", "activating")


def _state(files: DoorFiles) -> str:
    if not _is_ours(files):
        return "inactive"
    asked = ["systemctl", "show", "--value", "--property=ActiveState", unit_of(files.deployment)]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return "inactive"


def is_enabled(files: DoorFiles) -> bool:
    return _is_ours(files) and (_WANTS / unit_of(files.deployment)).is_symlink()


def start(deployment: str) -> None:
    """Returns when it listens. Raises PreflightError `systemctl-failed`."""
    systemctl("start", unit_of(deployment))


def take_over(files: DoorFiles) -> None:
    """A new worker reads the configuration and takes new connections; streams that run go on in the old one.

    Raises PreflightError `systemctl-failed`, `door-not-reloaded`.
    """
    before = worker_pid(files.socket)
    systemctl("reload", unit_of(files.deployment))
    deadline = time.monotonic() + _RELOAD_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(PreflightError):  # between two workers
            if worker_pid(files.socket) not in (before, None):
                return
        time.sleep(0.1)
    hint = f"journalctl -u {unit_of(files.deployment)}"
    raise PreflightError("HAProxy did not take the new configuration", hint=hint, code="door-not-reloaded")


def enable(deployment: str) -> None:
    """For the next boot. Raises PreflightError."""
    systemctl("enable", "--no-reload", unit_of(deployment))  # what a reload may cost: `RELOAD_COSTS`


def remove(files: DoorFiles, report: Reporter) -> None:
    """Stopped, not started again at boot; the template goes with the last one. Raises PreflightError."""
    if _is_ours(files):
        systemctl("disable", "--no-reload", unit_of(files.deployment))
        systemctl("stop", unit_of(files.deployment))
        if not any(_WANTS.glob("jetson-deploy-expose@*")):
            remove_units((TEMPLATE,), report)


def _is_ours(files: DoorFiles) -> bool:
    """Deployments of the same name may lie in another state directory, as a rehearsal's do: the unit is not theirs."""
    content = _content(SYSTEM_UNITS / TEMPLATE)
    return content is not None and _leads_to(content, files)


def _leads_to(content: str, files: DoorFiles) -> bool:
    return f" {files.state_dir}/%i/door/current " in content


def _content(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None
