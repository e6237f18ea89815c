"""The first line of a rollout: its devices in batches, and what those are asked for that take part."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from jetson_deploy.errors import UsageError
from jetson_deploy.fleet.device import Device, Inventory
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.inventory.typed import SOURCE
from jetson_deploy.fleet.rollout.amount import Amount
from jetson_deploy.fleet.rollout.batches import Canary, Match, batches
from jetson_deploy.fleet.rollout.budget import groups
from jetson_deploy.fleet.rollout.lines import Asked, Opened, Refused, kept
from jetson_deploy.fleet.rollout.sequence import Rules


def begin(
    rollout_id: str,
    devices: Sequence[Device],
    rules: Rules,
    *,
    inventory: str,
    asked: Asked,
    match: Match,
    keys: Mapping[str, str | None],
    unchanged: frozenset[str] = frozenset(),
    canaries: tuple[str, ...] = (),
    size: Amount | None = None,
    read: Sequence[DeviceResult] = (),
    rollback_all: bool = False,
) -> Opened:
    """`unchanged`: devices whose plan has nothing to do. `read`: how reading ended for those that have none.

    Raises UsageError.
    """
    held = {result.device for result in read if result.state == "refused"}
    known = {name: key for name, key in keys.items() if name not in held}
    parts = batches(
        devices, rules, match=match, canary=Canary(named=canaries, keys=known, as_wanted=unchanged), size=size
    )
    return Opened(
        id=rollout_id,
        inventory=inventory,
        asked=asked,
        batches=parts,
        budget=rules.disruption_budget,
        groups=groups(devices, rules.disruption_budget),
        window=rules.update_window,
        rollback_all=rollback_all,
        wishes={device.name: wish(rollout_id, device) for device in devices},
        refused=tuple(
            Refused(device=one.device, reason=kept(one.reason), hint=kept(one.hint), code=one.code[:100])
            for one in read
            if one.device in held
        ),
        away=tuple(result.device for result in read if result.device not in held),
    )


def wish(rollout_id: str, device: Device) -> str:
    """A digest of what the inventory asks of a device: no secret of it goes into the record."""
    asked = [rollout_id, device.address, device.user, device.port, device.settings, device.environment]
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()[:16]


def check_same(opened: Opened, devices: Mapping[str, Device]) -> None:
    """Raises UsageError: the inventory asks for something else now than when the rollout began."""
    missing = [name for name in opened.wishes if name not in devices]
    other = [n for n, digest in opened.wishes.items() if n in devices and wish(opened.id, devices[n]) != digest]
    if not missing and not other:
        return
    names = ", ".join(ascii(name)[1:-1] for name in [*missing, *other][:5])
    what = "no longer has" if missing else "asks for something else for"
    raise UsageError(
        f"the inventory {what} {len(missing) or len(other)} of the rollout's devices: {names}",
        hint="resume with the inventory that it began with, or start anew: jetson-deploy fleet up",
        code="inventory-changed",
    )


def reread(inventory: Inventory) -> str:
    """What `-i` is given to read it again: a file's whole path, or the devices as they were typed."""
    if inventory.source != SOURCE:
        return str(Path(inventory.source).absolute())
    return "".join(f"{_typed(device)}," for device in inventory.devices)


def _typed(device: Device) -> str:
    user = f"{device.user}@" if device.user else ""
    if device.port is None:
        return f"{user}{device.name}"
    host = f"[{device.address}]" if ":" in (device.address or "") else device.address
    return f"{user}{host}:{device.port}"
