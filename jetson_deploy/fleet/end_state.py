"""How one device ended: exactly one state for each device of a run."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import msgspec

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.failure import NOT_REACHED, ConnectionLostError

EndState: TypeAlias = Literal[
    "proven",  # changed, and proven with real tokens
    "unchanged",  # was as wanted already, and answered
    "refused",  # not ready (exit 2, 3, 6): nothing was touched
    "failed",  # exit 1, 4, 5, 70; nothing serves, or the reason says what does
    "rolled-back",  # the new one failed, the old one serves: exit 7, or failed before it was stopped
    "needs-attention",  # exit 8
    "locked",  # another run works there (exit 75)
    "unreachable",  # never reached
    "unknown",  # contact was lost while it worked, and it could not be asked since
    "deferred",  # in use, or outside its window
    "not-started",  # the rollout stopped before it
    "done",  # of verbs that deploy nothing: the answer is there
]

AS_WANTED: frozenset[EndState] = frozenset({"proven", "unchanged", "done"})
"""Of `fleet up`; what else ends with exit code 9."""
TOUCHED: frozenset[EndState] = frozenset({"proven", "rolled-back", "failed", "needs-attention", "unknown"})
"""May have been changed."""


class DeviceResult(msgspec.Struct, frozen=True, kw_only=True):
    device: str
    state: EndState
    reason: str = ""
    """One line of cause; empty where it is as wanted."""
    hint: str = ""
    code: str = ""
    """The error's code."""
    seconds: float | None = None
    document: dict[str, object] | None = None
    """What the device's own command answered with --json."""
    fetched_bytes_per_second: float | None = None
    """Over the network, as the device saw it. None: nothing was fetched, or too little to tell."""
    downtime_seconds: float | None = None
    """From the stop of the old server to the new one's first answer. None: none was stopped, or not measured."""


IN_USE = "in-use"
"""The code of `up --when-idle` where the server was used of late."""
_BY_EXIT_CODE: dict[int, EndState] = {
    0: "proven",
    2: "refused",
    3: "refused",
    6: "refused",
    7: "rolled-back",
    8: "needs-attention",
    75: "locked",
}


def state_of(exit_code: int, result: str) -> EndState:
    """Of the tool's own `finished` event on the device."""
    if exit_code == 0 and result == "no-changes":
        return "unchanged"
    if exit_code == 75 and result == IN_USE:
        return "deferred"
    return _BY_EXIT_CODE.get(exit_code, "failed")


def measure(value: object) -> float | None:
    """None: nothing that was measured. A device may say any number; one that is not finite could not be read again."""
    try:
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else -1.0
    except OverflowError:
        return None
    return number if 0 <= number < math.inf else None


def result_of(device: Device, error: JetsonDeployError) -> DeviceResult:
    """For `each`: how a device ended that raised `error`."""
    state: EndState = "failed"
    if isinstance(error, ConnectionLostError):
        state = "unknown"
    elif error.code in NOT_REACHED:
        state = "unreachable"
    return DeviceResult(device=device.name, state=state, reason=error.message, hint=error.hint, code=error.code)
