"""What rollouts of this machine measured on each device: their records hold it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from jetson_deploy.errors import JetsonDeployError, UsageError
from jetson_deploy.fleet.rollout.kept import ids
from jetson_deploy.fleet.rollout.lines import Measured
from jetson_deploy.fleet.rollout.record import read

MOST_ROLLOUTS = 50
"""Read back, newest first."""


def measured_before(fleet_dir: Path) -> dict[str, Measured]:
    """Device → the newest of each figure. A record that cannot be read tells nothing."""
    found: dict[str, Measured] = {}
    for rollout in _newest_first(fleet_dir):
        try:
            story = read(fleet_dir / rollout)
        except JetsonDeployError:
            continue
        for name, device in story.devices.items():
            found[name] = _filled(found.get(name, Measured()), device.measured)
    return found


def _newest_first(fleet_dir: Path) -> list[str]:
    try:
        return ids(fleet_dir)[: -MOST_ROLLOUTS - 1 : -1]
    except UsageError:
        return []


def _filled(newer: Measured, older: Measured) -> Measured:
    gaps = {key: getattr(older, key) for key in Measured.__struct_fields__ if getattr(newer, key) is None}
    return msgspec.structs.replace(newer, **gaps)
