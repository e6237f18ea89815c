"""The steps, in the order in which they are done: what may reboot the board comes late, and sets the clocks anew."""

from __future__ import annotations

from jetson_deploy.prepare.host_step import HostStep
from jetson_deploy.prepare.steps.accounts import GROUP_STEP, NAME_STEP
from jetson_deploy.prepare.steps.clocks import CLOCKS_STEP
from jetson_deploy.prepare.steps.containerd_root import CONTAINERD_STEP
from jetson_deploy.prepare.steps.docker_daemon import LOGS_STEP, RUNTIME_STEP
from jetson_deploy.prepare.steps.engine_data import DATA_STEP
from jetson_deploy.prepare.steps.model_store import STORE_STEP
from jetson_deploy.prepare.steps.native_server import NATIVE_STEP
from jetson_deploy.prepare.steps.power import POWER_STEP
from jetson_deploy.prepare.steps.swap_file import SWAP_STEP
from jetson_deploy.prepare.steps.system import CLOCK_STEP, DESKTOP_STEP, JOURNAL_STEP

STEPS: dict[str, HostStep] = {
    step.id: step
    for step in (
        RUNTIME_STEP,
        LOGS_STEP,
        DATA_STEP,
        CONTAINERD_STEP,
        STORE_STEP,
        JOURNAL_STEP,
        GROUP_STEP,
        NAME_STEP,
        DESKTOP_STEP,
        SWAP_STEP,
        CLOCK_STEP,
        NATIVE_STEP,
        POWER_STEP,
        CLOCKS_STEP,
    )
}
