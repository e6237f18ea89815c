"""The power mode: the highest that the board's own nvpmodel.conf offers."""

from __future__ import annotations

from jetson_deploy.detect.power import power_modes
from jetson_deploy.prepare.host_step import Checked, HostStep, Look, ready, to_do, unknown
from jetson_deploy.prepare.swap_and_power import SetPowerMode


def _mode(look: Look) -> Checked:
    power = look.facts.power
    if power.mode is None or power.mode_id is None or power.ceiling is None:
        return unknown("the power mode, or the modes of this board, cannot be read")
    if power.at_ceiling:
        return ready(f"{power.mode}, the highest here")
    wanted = next(number for number, name in power_modes(look.machine.host).items() if name == power.ceiling)
    change = SetPowerMode(before=power.mode_id, after=wanted, name=power.ceiling, reboot=look.reboot)
    takes = "at once, or the board is rebooted for it" if look.reboot else ""
    return to_do(f"{power.mode}; the board has {power.ceiling}", change, takes_effect=takes)


POWER_STEP = HostStep(id="power-mode", title="The highest power mode", look=_mode)
