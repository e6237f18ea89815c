"""May one more device be taken away? What is not available counts in its group, whatever the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import EndState
from jetson_deploy.fleet.rollout.fields import check_path, value_of
from jetson_deploy.fleet.rollout.sequence import Budget

UNAVAILABLE: frozenset[EndState] = frozenset({"unknown", "unreachable", "failed", "needs-attention", "locked"})
"""Ends after which a device may not serve. `rolled-back` and `refused`: what served before serves."""


def groups(devices: Sequence[Device], budget: Budget) -> dict[str, str]:
    """Device → its group; those without the field are one group. Raises UsageError."""
    if budget.group_by is None:
        return {device.name: "all" for device in devices}
    check_path(budget.group_by, "rollout.disruption_budget.group_by")
    return {device.name: _name(value_of(device, budget.group_by)) for device in devices}


def _name(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "-" if value is None else str(value)


def held_back(device: str, budget: Budget, group_of: Mapping[str, str], unavailable: Set[str]) -> str | None:
    """Why the device must not be started now; None: it may. `unavailable`: devices that are away or at work."""
    group = group_of[device]
    members = {name for name, other in group_of.items() if other == group}
    away = len(members & unavailable - {device})
    where = "" if budget.group_by is None else f" of {budget.group_by} {group}"
    if budget.max_unavailable is not None and away + 1 > max(1, budget.max_unavailable.of(len(members))):
        return f"{away} of {len(members)} devices{where} are unavailable: no more at once (max_unavailable)"
    if budget.min_available is not None and len(members) - away - 1 < budget.min_available.of(len(members)):
        wanted = budget.min_available.of(len(members))
        return f"{wanted} of {len(members)} devices{where} must stay available, {away} are not (min_available)"
    return None
