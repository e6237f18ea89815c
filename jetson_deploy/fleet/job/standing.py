"""A device whose plan has nothing to do: one question there, instead of a unit whose `up` would change nothing.

Any answer but a plain yes is none: the device is then asked for by its own `up`, which mends what it finds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import msgspec

from jetson_deploy.fleet.connection import Connection
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.job.link import Act
from jetson_deploy.fleet.job.record import SECONDS
from jetson_deploy.fleet.tool import ToolAnswer, document_or_refusal
from jetson_deploy.install import source
from jetson_deploy.install.machine import LINK, PREFIX

FRESH_SECONDS = 600.0
"""A rollout may wait for its window, or be paused: what was read so long ago is no plan any more."""
_THIS_VERSION = '[ "$(readlink "$1")" = "$0" ] && [ -f "${0%/bin/*}/.installed" ] && shift && exec "$0" "$@"'


class Standing:
    """Of one rollout: what its plan found serving, by device, as wanted."""

    def __init__(
        self,
        serving: Mapping[str, str],
        *,
        prefix: str = PREFIX,
        link: str = LINK,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`serving`: as `Ground.deployed` of a plan says it."""
        self._serving, self._clock = dict(serving), clock
        self._link, self._tool = link, f"{prefix}/{source.install_name()}/bin/jetson-deploy"
        self._until = clock() + FRESH_SECONDS

    def question(self, device: Device, name: str) -> Act[DeviceResult | None] | None:
        """None: this device is not one of them. `name`: of the deployment."""
        wanted = self._serving.get(device.name)
        if wanted is None or self._clock() > self._until:
            return None
        words = ("-c", _THIS_VERSION, self._tool, self._link, "status", "--drift", "--name", name)

        async def ask(connection: Connection) -> DeviceResult | None:
            begun = self._clock()
            answered = await document_or_refusal(connection, *words, seconds=SECONDS, tool="sh")
            if not _stands(answered, wanted):
                return None
            seconds = round(self._clock() - begun, 3)
            return DeviceResult(device=device.name, state="unchanged", seconds=seconds, document=answered.document)

        return ask


class _Said(msgspec.Struct, kw_only=True):
    """Of `status --drift`: it serves, is what was deployed, and nothing is left to be done."""

    healthy: bool
    container: str
    attention: None = None
    unfinished: None = None
    notes: tuple[()] = ()
    drift: tuple[object, ...]
    not_compared: tuple[()] = ()


def _stands(answered: ToolAnswer, wanted: str) -> bool:
    try:
        said = msgspec.convert(answered.document, _Said)
    except (msgspec.ValidationError, RecursionError):
        return False
    return answered.exit_status == 0 and said.healthy and wanted == f"{said.container} (running)"
