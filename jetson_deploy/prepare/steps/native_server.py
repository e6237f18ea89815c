"""An `ollama.service` of the host's own: it may be another person's server, so it is stopped only when named."""

from __future__ import annotations

from jetson_deploy.prepare.changes import SwitchUnit, unit_state
from jetson_deploy.prepare.host_step import Checked, HostStep, Look, ready, to_do, unknown
from jetson_deploy.prepare.machine import UNIT_FOLDERS

UNIT = "ollama.service"


def _native(look: Look) -> Checked:
    host = look.machine.host
    if not host.is_directory("etc/systemd/system"):
        return unknown("what is started at boot was not captured")
    if not any(host.exists(f"{folder}/{UNIT}") for folder in UNIT_FOLDERS):
        return ready(f"there is no {UNIT}")
    enabled, active = unit_state(look.machine, UNIT)
    if not (enabled or active):
        return ready(f"{UNIT} is stopped, and not started at boot")
    change = SwitchUnit(unit=UNIT, on=False, was_enabled=enabled, was_active=active)
    return to_do(f"{UNIT} holds memory and the usual port", change)


NATIVE_STEP = HostStep(id="ollama-service", title="No second Ollama", look=_native, asked_by_name=True)
