"""The highest clocks of the power mode, pinned by NVIDIA's jetson_clocks at once and at each boot.

They cost power and heat while nothing is asked, so they are pinned only when named.
"""

from __future__ import annotations

from jetson_deploy.prepare.changes import SwitchUnit, unit_state
from jetson_deploy.prepare.edited import own_file
from jetson_deploy.prepare.host_step import Checked, HostStep, Look, ready, to_do, unknown

UNIT = "jetson-deploy-clocks.service"
_PROGRAM = "usr/bin/jetson_clocks"
_FOLDER = "etc/systemd/system"
_BEFORE = "/run/jetson-deploy-clocks"
_TEXT = f"""\
# jetson-deploy prepare wrote this; jetson-deploy prepare --undo clocks removes it.
[Unit]
Description=The highest clocks of the power mode
# A mode sets its own clocks.
After=nvpmodel.service
[Service]
Type=oneshot
RemainAfterExit=yes
# It asks before it writes over a file.
ExecStartPre=/bin/rm -f {_BEFORE}
ExecStartPre=/{_PROGRAM} --store {_BEFORE}
ExecStart=/{_PROGRAM}
ExecStop=/{_PROGRAM} --restore {_BEFORE}
[Install]
WantedBy=multi-user.target
"""


def _clocks(look: Look) -> Checked:
    machine = look.machine
    if not machine.host.is_directory(_FOLDER):
        return unknown("what is started at boot was not captured")
    if not machine.host.exists(_PROGRAM):
        return unknown(f"/{_PROGRAM} is not here, or was not captured")
    enabled, active = unit_state(machine, UNIT)
    if enabled and active:
        return ready(f"{UNIT} pins them")
    return to_do(
        "they fall while nothing is asked",
        own_file(machine, f"{_FOLDER}/{UNIT}", _TEXT, "jetson_clocks at each boot"),
        SwitchUnit(unit=UNIT, on=True, was_enabled=enabled, was_active=active),
    )


CLOCKS_STEP = HostStep(id="clocks", title="The highest clocks", look=_clocks, asked_by_name=True)
